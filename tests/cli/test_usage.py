# SPDX-License-Identifier: Apache-2.0
"""Help, version, and everything that can be wrong with a command line: exit code 2."""
import re
import unittest

import cli

COMMANDS = ["quantize", "run", "compare", "convert", "show", "check", "list"]

OVERVIEW = """\
quern quantizes trained networks: it reads an ONNX model, runs your data through it, and
writes an ONNX model that runtimes execute in integer arithmetic.

usage: quern COMMAND ... [options]

  quantize   quantize a model with calibration data
  run        run a model on samples: outputs, or accuracy
  compare    two models on the same samples: error of each output and layer
  convert    read a model, apply single passes, write it
  show       print a model's graph as text
  check      say everything that stands in the way of quantizing a model
  list       list what is built in: operators, passes, targets, observers

Examples
  quern quantize model.onnx --data samples/ -o model.int8.onnx
  quern run model.int8.onnx --data images/ --labels labels.tsv
  quern compare model.onnx model.int8.onnx --data samples/

Next: 'quern check MODEL' says whether a model can be quantized, and 'quern COMMAND --help'
explains a command and its options.
"""

SHOW_HELP = """\
usage: quern show MODEL [options]

Prints a model's graph as text, a line a node: names, types, attributes, and how values
are quantized.

With --target or --recipe the graph is what `quern quantize` would make of it, prepared
and placed, before any data are seen: what is decided by measuring is not in it, but in
the report of `quern quantize --report`.

  MODEL                   an ONNX model

Options
      --node PATTERN      only nodes whose name, operator or an output matches (* any
                          text, ? any letter), and their constants
  -t, --target NAME       place the quantization for this runtime, and say of each node
                          why it is quantized or not; of a quantized model, how the
                          runtime executes it
      --recipe FILE       the same as `quern quantize --recipe FILE` would do it: its
                          target, rules and options
      --summary           counts instead of the graph
      --no-constants      leave the list of constants out
      --types             a line a value instead of the graph: where (nothing, or a
                          body), name and type, parted by tabs

Options of every command
  -j, --jobs N            threads; the result does not depend on it (default: all
                          processors)
  -v, --verbose           say more
  -q, --quiet             print results and errors only
  -h, --help              print this help

Examples
  quern show model.onnx | less
  quern show model.onnx --summary
  quern show model.onnx --node '*conv1*'
  quern show model.onnx --node Gemm
  quern show model.onnx --target openvino --no-constants
  quern show model.onnx --recipe board.yaml
  quern show model.int8.onnx --target openvino --node Conv
"""


class Help(cli.Case):
    def test_no_arguments(self):
        self.quern(code=2, err=OVERVIEW)

    def test_help(self):
        for arguments in ["--help"], ["-h"], ["help"]:
            self.quern(*arguments, out=OVERVIEW)

    def test_version(self):
        out, _ = self.quern("--version", out=None)
        self.assertRegex(out, r"^quern \d+\.\d+\.\d+\n$")

    def test_help_of_a_command(self):
        for arguments in ["show", "--help"], ["show", "-h"], ["-q", "show", "--help"]:
            self.quern(*arguments, out=SHOW_HELP)

    def test_every_command_has_help(self):
        for command in COMMANDS:
            out, _ = self.quern(command, "--help", out=None)
            self.assertTrue(out.startswith(f"usage: quern {command} "), out)
            self.assertRegex(out, rf"\nExamples\n  quern {command} ")
            options = out.split("\nExamples\n")[0]
            self.assertLessEqual(max(map(len, options.splitlines())), 90, command)
            self.assertFalse(re.search(r" \n", out), "a line ends with a blank")


class Commands(cli.Case):
    def test_unknown_command(self):
        self.quern("frobnicate", code=2, err="quern: unknown command 'frobnicate'\n"
                                             "Try 'quern --help'.\n")

    def test_mistyped_command(self):
        for typed, meant in {"quantise": "quantize", "rnu": "run", "comp": "compare"}.items():
            self.quern(typed, code=2,
                       err=f"quern: unknown command '{typed}'; did you mean '{meant}'?\n"
                           "Try 'quern --help'.\n")


class Options(cli.Case):
    def test_unknown_option(self):
        self.fails(2, "run: unknown option '--frobnicate'", "run", "m.onnx", "--frobnicate")

    def test_unknown_option_before_the_command(self):
        self.quern("--versoin", code=2,
                   err="quern: unknown option '--versoin'; did you mean '--version'?\n"
                       "Try 'quern --help'.\n")

    def test_mistyped_option(self):
        self.fails(2, "run: unknown option '--dta'; did you mean '--data'?",
                   "run", "m.onnx", "--dta", "x")
        self.fails(2, "run: unknown option '--sample'; did you mean '--samples'?",
                   "run", "m.onnx", "--sample=3")
        self.fails(2, "run: unknown option '-samples'; did you mean '--samples'?",
                   "run", "m.onnx", "-samples")

    def test_missing_argument(self):
        self.fails(2, "run: MODEL is missing", "run", "--data", "random")
        self.fails(2, "compare: B is missing", "compare", "a.onnx")

    def test_argument_too_many(self):
        self.fails(2, "show: 'b.onnx' is one argument too many", "show", "a.onnx", "b.onnx")

    def test_missing_value(self):
        self.fails(2, "run: --data needs a value: --data PATH", "run", "m.onnx", "--data")
        self.fails(2, "run: --data needs a value: --data PATH",
                   "run", "m.onnx", "--data", "--samples", "3")
        self.fails(2, "convert: --output needs a value: --output FILE", "convert", "m.onnx", "-o")

    def test_value_where_there_is_none(self):
        self.fails(2, "show: --summary takes no value", "show", "m.onnx", "--summary=yes")

    def test_numbers(self):
        self.fails(2, "run: --samples: 'many' is not a whole number",
                   "run", "m.onnx", "--samples", "many")
        self.fails(2, "run: --samples: '1.5' is not a whole number",
                   "run", "m.onnx", "--samples=1.5")
        self.fails(2, "run: --jobs: 0 is not between 1 and 256", "run", "m.onnx", "-j0")

    def test_data_is_asked_for(self):
        for command, *models in ["run", "m.onnx"], ["compare", "a.onnx", "b.onnx"], \
                ["quantize", "m.onnx", "-o", "int8.onnx"]:
            self.fails(2, f"{command}: no data: name the samples with --data PATH (.npz or .npy "
                          "files, test_data_set_* directories, or images with --image), or ask "
                          "for noise with --data random", command, *models)

    def test_output_is_asked_for(self):
        self.fails(2, "convert: no output: name the model to write with -o FILE",
                   "convert", "m.onnx")
        self.fails(2, "where to? name the quantized model: -o FILE",
                   "quantize", "m.onnx", "--data", "random")

    def test_unknown_pass(self):
        self.fails(2, "convert: unknown pass 'fold-nb'; did you mean 'fold-bn'?",
                   "convert", "m.onnx", "-o", "o.onnx", "--pass", "fold-nb")
        self.fails(2, "convert: unknown pass 'x'; see 'quern list passes'",
                   "convert", "m.onnx", "-o", "o.onnx", "--skip", "x")
        for command in "convert", "quantize":
            self.fails(2, f"{command}: unknown pass 'solv'; did you mean 'solve'?",
                       command, "m.onnx", "-o", "o.onnx", "--print-after", "solv")
        self.fails(2, "quantize: unknown pass 'equalise'; did you mean 'equalize'?",
                   "quantize", "m.onnx", "-o", "o.onnx", "--data", "d", "--skip", "equalise")

    def test_passes_that_others_build_on(self):
        for name in "place", "calibrate", "solve", "lower-qdq", "lower-fakequantize":
            self.fails(2, f"quantize: pass '{name}' cannot be left out",
                       "quantize", "m.onnx", "-o", "o.onnx", "--data", "d", "--skip", name)

    def test_passes_out_of_order(self):
        self.fails(2, "convert: pass 'solve' works on what 'calibrate' gives; name that one before "
                      "it", "convert", "m.onnx", "-o", "o.onnx", "--pass", "place,solve")

    def test_unknown_target(self):
        self.fails(2, "unknown target 'toaster'; see 'quern list targets'",
                   "check", "m.onnx", "--target", "toaster")

    def test_unknown_list(self):
        self.fails(2, "list: 'operators' is none of: ops, passes, targets, formats, rewrites, "
                      "observers",
                   "list", "operators")
        self.fails(2, "list: KIND is missing", "list")


class Quantize(cli.Case):
    def test_settings(self):
        self.model()
        for message, *options in [
                ("unknown target 'toaster'; see 'quern list targets'", "--target", "toaster"),
                ("target onnxruntime has no format 'fakequantize'; it has: "
                 "qdq,qoperator,dynamic,dq", "--format", "fakequantize"),
                ("target onnxruntime takes no uint16 activations: its integer kernels are for 8 "
                 "bits; anything else runs in float (it takes uint8,int8)",
                 "--activations", "uint16"),
                ("target onnxruntime takes no int4 weights: its integer kernels are for 8 bits; "
                 "anything else runs in float (it takes int8,uint8; --format dq: "
                 "int8,uint8,int4,uint4,float8e4m3fn,float8e5m2)", "--weights", "int4"),
                ("format qoperator takes no uint16 activations: its operators compute on 8-bit "
                 "integers", "--target", "generic", "--format", "qoperator", "--activations",
                 "uint16"),
                ("float8 is for weights and activations together",
                 "--target", "generic", "--weights", "float8e5m2"),
                ("target tensorrt takes symmetric activations only",
                 "--target", "tensorrt", "--activations", "int8,asymmetric"),
                ("unknown observer 'oracle'; see 'quern list observers'", "--observer", "oracle"),
                ("unknown observer 'mse=1'; see 'quern list observers'", "--observer", "mse=1"),
                ("unknown observer 'percentile=101'; see 'quern list observers'", "--observer",
                 "percentile=101"),
                ("--weights: unknown word 'int9'; known are int8, uint8, int4, uint4, "
                 "float8e4m3fn, float8e5m2, tensor, channel, block=N, symmetric, asymmetric",
                 "--weights", "int9"),
                ("a scale a token is made at run time: --format dynamic", "--activations",
                 "uint8,token"),
                ("--activations: unknown word 'tensor'; known are uint8, int8, uint16, int16, "
                 "float8e4m3fn, float8e5m2, token, symmetric, asymmetric",
                 "--activations", "int8,tensor")]:
            self.fails(2, message, "quantize", "model.onnx", "--data", "random", "-o", "o.onnx",
                       *options)
        self.assertEqual(self.files(), ["model.onnx"])


if __name__ == "__main__":
    unittest.main()
