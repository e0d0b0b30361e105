# SPDX-License-Identifier: Apache-2.0
"""Recipes: what they say is done, what is given on the command line wins, what is printed of them
says the same, and what is wrong in them is named with its line."""
import json
import re
import unittest

import cli
from cli import helper, np, onnx, value

FULL = """\
target: board
format: qdq
samples: 2
observer: min-max
skip: [equalize, correct-bias]
passes:
  quantize-recurrent: {near: 40, cost: 0.5}
skip-node: ['/tail/*']
targets:
  board:
    base: onnxruntime
    summary: 'ONNX Runtime: a small board'
    weights: int8,tensor
    layers: [-Gemm]
    written: []
rules:
  - nodes: [first, 'nowhere*']
    quantize: none
  - operators: MatMul
    from: first
    weights: uint8,asymmetric
"""


def three_layers():
    """first, second and third: MatMul, MatMul, Gemm."""
    random = np.random.RandomState(1)
    nodes = [onnx.helper.make_node("MatMul", ["x", "u"], ["a"], "first"),
             onnx.helper.make_node("MatMul", ["a", "v"], ["b"], "second"),
             onnx.helper.make_node("Gemm", ["b", "w"], ["y"], "third")]
    constants = {name: random.normal(0, 1, (4, 4)).astype(np.float32) for name in "uvw"}
    return {"nodes": nodes, "constants": constants, "inputs": [cli.value("x", [2, 4])],
            "outputs": [cli.value("y", [2, 4])]}


class Recipes(cli.Case):
    def setUp(self):
        super().setUp()
        self.model(**three_layers())
        self.samples(x=np.random.RandomState(2).normal(0, 1, (4, 2, 4)))

    def quantize(self, *options, out="o.onnx"):
        self.quern("quantize", "model.onnx", "--data", "data", "-o", out, "--report", "r.json",
                   *options, out=None, err=None)
        report = json.loads((self.directory / "r.json").read_text())
        layers = {layer["node"]: layer.get("weight", layer.get("reason"))
                  for layer in report["layers"]}
        return report, layers, (self.directory / out).read_bytes()

    def recipe(self, text, name="recipe.yaml"):
        return "--recipe", self.write(name, text)

    def test_everything(self):
        report, layers, _ = self.quantize(*self.recipe(FULL))
        self.assertEqual(layers, {
            "first": "excluded by recipe.yaml:17", "second": "uint8",
            "third": "the target has no integer kernel for this operator"})
        self.assertEqual((report["target"], report["data"]["samples"]), ("board", 2))
        passes = [p["name"] for p in report["passes"]]
        self.assertNotIn("equalize", passes)
        self.assertIn("round-weights", passes)

    def test_command_line_wins(self):
        recipe = self.recipe(FULL)
        report, layers, _ = self.quantize(*recipe, "--target", "generic", "--samples", "3",
                                          "--weights", "int8,channel", "--skip", "correct-bias",
                                          "--skip-node", "second")
        self.assertEqual(layers["second"], "excluded by --skip-node")
        self.assertEqual(layers["third"], "int8 per channel (axis 1) symmetric")
        self.assertEqual((report["target"], report["data"]["samples"]), ("generic", 3))
        self.assertIn("equalize", [p["name"] for p in report["passes"]])

    def check_round_trip(self, *options):
        report, _, model = self.quantize(*options)
        text, _ = self.quern("quantize", "model.onnx", *options, "--print-recipe", out=None,
                             err=None)
        self.assertEqual(report["recipe"], text)
        again, _ = self.quern("quantize", "model.onnx", *self.recipe(text, "again.yaml"),
                              "--print-recipe", out=None, err=None)
        self.assertEqual(again, text)
        _, _, same = self.quantize("--recipe", "again.yaml", out="again.onnx")
        self.assertEqual(model, same)

    def test_round_trip(self):
        for options in [self.recipe(FULL), (), ("--target", "openvino"),
                        ("--target", "tensorrt", "--skip-node", "second"),
                        ("--target", "qnn", "--activations", "uint16", "--observer",
                         "percentile=99"),
                        ("--format", "dq", "--weights", "int4,block=2"),
                        ("--format", "dynamic", "--weights", "uint8,asymmetric,tensor"),
                        ("--target", "generic", "--activations", "float8e4m3fn"),
                        ("--effort", "0", "--skip", "correct-bias"), ("--effort", "1"),
                        ("--elementwise", "--format", "qoperator", "--external-data")]:
            with self.subTest(" ".join(options)):
                self.check_round_trip(*options)

    def test_regions(self):
        for rule, float_ones in [("nodes: '*'", "first second third"),
                                 ("from: second", "second third"), ("to: second", "first second"),
                                 ("{from: second, to: second}", "second"),
                                 ("{from: first, operators: Gemm}", "third"),
                                 ("nodes: [first, third]", "first third"),
                                 ("{from: third, to: first}", "")]:
            with self.subTest(rule):
                rule = rule.strip("{}")
                text = f"rules: [{{{rule}, quantize: none}}]\n"
                if float_ones == "first second third":
                    text += "recurrent: float\n"
                    self.fails(1, "model.onnx: no layer can be quantized for target onnxruntime: "
                               "node 'first' (MatMul): excluded by recipe.yaml:1; 'quern check' "
                               "tells of the others", "quantize", "model.onnx", "--data", "data",
                               "-o", "o.onnx", *self.recipe(text))
                    continue
                _, layers, _ = self.quantize(*self.recipe(text))
                self.assertEqual(" ".join(n for n, w in layers.items() if "excluded" in w),
                                 float_ones)

    def test_last_rule_wins(self):
        _, layers, _ = self.quantize(*self.recipe(
            "rules:\n- {nodes: '*', quantize: none}\n- {nodes: s*, quantize: all}\n"))
        self.assertEqual([n for n, w in layers.items() if "excluded" in w], ["first", "third"])

    def test_weights_only(self):
        """The input of that layer is no longer quantized; what others read still is."""
        self.quantize(*self.recipe("reach: 0\nrules: [{nodes: second, quantize: weights}]"))
        nodes = {n.name: n for n in onnx.load(self.directory / "o.onnx").graph.node}
        made = {name: n.op_type for n in nodes.values() for name in n.output}
        inputs = {name: [made.get(i) for i in nodes[name].input[:2]]
                  for name in ("first", "second", "third")}
        self.assertEqual(inputs, {"first": ["DequantizeLinear"] * 2,
                                  "second": ["MatMul", "DequantizeLinear"],
                                  "third": ["DequantizeLinear"] * 2})

    def test_options_of_passes(self):
        """What is to gain 100 dB is not kept."""
        notes = {}
        for gain in 0, 100:
            recipe = self.recipe(f"weights: int8,tensor\nsamples: 20\nobserver: min-max\n"
                                 f"passes: {{equalize: {{gain: {gain}}}}}\n")
            self.quern("quantize", cli.DIGITS / "digits_torchscript.onnx", "--data",
                       cli.DIGITS / "calibration", "--image", cli.IMAGE, "-o", "o.onnx",
                       "--report", "r.json", *recipe, out=None, err=None)
            report = json.loads((self.directory / "r.json").read_text())
            notes[gain] = [p["notes"] for p in report["passes"] if p["name"] == "equalize"][0]
            self.assertIn(f"passes:\n  equalize:\n    gain: {gain}\n", report["recipe"])
        self.assertEqual(notes[0][:-1], notes[100])
        self.assertIn("kept for", notes[0][-1])

    def test_unset(self):
        """Flags, lists and passes to skip that the recipe sets."""
        flags = "elementwise", "external-data", "requantize-rest"
        recipe = self.recipe("".join(f"{flag}: true\n" for flag in flags)
                             + "skip: equalize\nskip-node: [first, second]\n")
        options = [f"--no-{flag}" for flag in flags] + ["--skip", "", "--no-skip-node"]
        unset, _ = self.quern("quantize", "model.onnx", *recipe, *options, "--print-recipe",
                              out=None)
        never, _ = self.quern("quantize", "model.onnx", "--print-recipe", out=None)
        self.assertEqual(unset.removesuffix("skip:\n"), never)
        _, layers, _ = self.quantize(*recipe, *options, "--skip-node", "third")
        self.assertEqual([n for n, w in layers.items() if "excluded" in w], ["third"])

    def check_effort(self, effort, observer, reach, left_out, other):
        """An effort is what can be said at length."""
        spelled = ("--observer", observer, "--reach", reach, "--min-sqnr", "0",
                   "--skip", ",".join(left_out))
        report, _, model = self.quantize("--effort", effort)
        _, _, same = self.quantize(*spelled)
        self.assertEqual(model, same)
        ran = {row["name"] for row in report["passes"]}
        self.assertTrue({"calibrate", "settle", *other} <= ran)
        self.assertFalse({*left_out} & ran)

    def test_low_effort(self):
        refining = "round-weights", "correct-bias"
        searches = "equalize", "turn-dynamic"
        self.check_effort("0", "min-max", "0", (*searches, *refining), ())
        self.check_effort("1", "mse", "12", searches, refining)

    def test_effort_beside_options(self):
        text, _ = self.quern("quantize", "model.onnx", "--effort", "0",
                             "--observer", "percentile=99", "--min-sqnr", "30",
                             "--skip", "settle,equalize", "--print-recipe", out=None)
        self.assertLessEqual({"effort: 0", "observer: percentile=99", "reach: 0", "min-sqnr: 30",
                              "skip: settle,equalize,turn-dynamic,round-weights,correct-bias"},
                             set(text.splitlines()))
        self.quern("quantize", "model.onnx", "--effort", "3", "--print-recipe", code=2, out="",
                   err="quern: quantize: --effort: 3 is not between 0 and 2\n"
                       "Try 'quern quantize --help'.\n")

    def test_reach(self):
        """It is for ranges that quern chooses, unless somebody asks for it."""
        for options, reach in [((), 12), (("--effort", "1"), 12), (("--effort", "0"), 0),
                               (("--observer", "mse"), 0), (("--reach", "0"), 0),
                               (("--observer", "mse", "--reach", "5"), 5),
                               (("--effort", "0", "--reach", "5"), 5)]:
            with self.subTest(options):
                text, _ = self.quern("quantize", "model.onnx", *options, "--print-recipe", out=None)
                self.assertIn(f"\nreach: {reach}\n", text)

    def test_low_effort_and_far(self):
        """The summary says what to do, and only where that may help."""
        many = self.samples("many", x=np.random.RandomState(2).normal(0, 1, (64, 2, 4)))
        note = re.compile("  note      the outputs are only 1?[0-9][.][0-9] dB from float: "
                          "with --effort 2 they come nearer\n")
        for options, expected in [(("--effort", "0", "--observer", "percentile=60"), 1),
                                  (("--observer", "percentile=60", "--min-sqnr", "0"), 0),
                                  (("--effort", "0"), 0)]:
            with self.subTest(options):
                text, _ = self.quern("quantize", "model.onnx", "--data", many, "-o", "o.onnx",
                                     *options, out=None, err=None)
                self.assertEqual(len(note.findall(text)), expected, text)

    def test_outputs_of_another_shape(self):
        """How many elements there are depends on what they hold."""
        weight = np.random.RandomState(3).normal(0, 1, (8, 8)).astype(np.float32)
        self.model(inputs=[value("x", ["n", 8])], outputs=[value("y", ["m"])],
                   constants={"w": weight, "zero": np.float32(0)},
                   nodes=[helper.make_node("MatMul", ["x", "w"], ["p"]),
                          helper.make_node("Greater", ["p", "zero"], ["above"]),
                          helper.make_node("Compress", ["p", "above"], ["y"])])
        many = self.samples("many", x=np.random.RandomState(2).normal(0, 1, (64, 50, 8)))
        text, _ = self.quern("quantize", "model.onnx", "--data", many, "-o", "o.onnx", "--effort",
                             "0", out=None, err=None)
        self.assertIn("  note      outputs of some samples have another shape than float's, or no "
                      "numbers: compare them by a measure of your own\n", text)

    def test_check(self):
        text = """\
model.onnx: IR version 8, opset 17, 3 nodes
  input     x: float[2,4]
  output    y: float[2,4]
  layers    1 of 3 can be quantized for board
  float     1: excluded by recipe.yaml:17: node 'first' (MatMul)
  float     1: the target has no integer kernel for this operator: node 'third' (Gemm)
It can be quantized: quern quantize model.onnx --data PATH -o OUT --recipe recipe.yaml
"""
        recipe = self.recipe(FULL)
        self.quern("check", "model.onnx", *recipe, out=text)
        out, _ = self.quern("check", "model.onnx", *recipe, "--target", "generic", out=None)
        self.assertIn("2 of 3 can be quantized for generic\n", out)
        self.fails(2, "unknown target 'bord'; see 'quern list targets'", "check", "model.onnx",
                   *recipe, "--target", "bord")
        self.fails(1, "recipe.yaml:1: unknown key 'tagret'; did you mean 'target'?", "check",
                   "model.onnx", *self.recipe("tagret: qnn"))

    def test_check_quantized(self):
        """How it runs is said of the runtime that the target is made from."""
        self.quantize(*self.recipe(FULL))
        out, _ = self.quern("check", "o.onnx", "--recipe", "recipe.yaml", out=None)
        self.assertIn("of the multiply-adds run in integers in onnxruntime\n", out)
        out, _ = self.quern("show", "o.onnx", "--recipe", "recipe.yaml", out=None)
        self.assertIn("# integer\n", out)

    def test_show(self):
        recipe = self.recipe(FULL)
        out, _ = self.quern("show", "model.onnx", *recipe, out=None)
        for line in ["excluded by recipe.yaml:17", "layer: weight uint8, input uint8",
                     "float: the target has no integer kernel for this operator"]:
            self.assertIn(f"# {line}" if "excluded" not in line else f"# float: {line}", out)
        out, _ = self.quern("show", "model.onnx", *recipe, "--target", "onnxruntime", out=None)
        self.assertEqual(out.count("# layer: weight"), 2)

    def convert(self, *options):
        """The layers between DequantizeLinear nodes after the passes that quantize."""
        self.quern("convert", "model.onnx", "-o", "c.onnx", "--data", "data", "--pass",
                   "place,calibrate,solve,lower-qdq", *options, out=None, err=None)
        nodes = onnx.load(self.directory / "c.onnx").graph.node
        made = {name: n.op_type for n in nodes for name in n.output}
        return [n.name for n in nodes if n.name in ("first", "second", "third")
                and made.get(n.input[1]) == "DequantizeLinear"]

    def test_convert(self):
        """Single passes obey the recipe."""
        self.assertEqual(self.convert(*self.recipe(FULL)), ["second"])
        recipe = self.recipe("skip-node: second\nsamples: 2\n")
        self.assertEqual(self.convert(*recipe), ["first", "third"])

    def test_rule_for_nothing(self):
        _, err = self.quern("quantize", "model.onnx", "--data", "data", "-o", "o.onnx",
                            *self.recipe("rules:\n- {nodes: x, quantize: none}\n"), out=None,
                            err=None)
        self.assertIn("note: recipe.yaml:2: this rule fits no node\n", err)

    def test_errors(self):
        for text, line, message in [
                ("observr: mse", 1, "unknown key 'observr'; did you mean 'observer'?"),
                ("output: o.onnx", 1, "unknown key 'output'"),
                ("samples: 0", 1, "samples: 0 is not between 1 and 1e+09"),
                ("\nsamples: [1, 2]", 2, "samples: '1,2' is not a whole number"),
                ("elementwise: yes", 1, "elementwise: 'yes' is neither true nor false"),
                ("target: qnn\ntarget: qnn", 2, "'target' is given twice"),
                ("targets: {m: {base: onx}}", 1,
                 "base: unknown target 'onx'; see 'quern list targets'"),
                ("targets: {qnn: {base: qnn}}", 1, "there is a target 'qnn' already"),
                ("targets:\n  m:\n    layers: []", 3,
                 "target 'm' needs a base: base: onnxruntime"),
                ("targets: {m: {base: qnn, layrs: []}}", 1,
                 "unknown key 'layrs'; did you mean 'layers'?"),
                ("targets:\n  m:\n    base: qnn\n    layers:\n    - Conv\n    - Gem", 6,
                 "layers: unknown operator 'Gem'; did you mean 'Gemm'?"),
                ("targets: {m: {base: qnn, weight-types: int9}}", 1,
                 "weight-types: unknown type 'int9'"),
                ("targets: {m: {base: qnn, on-codes-when: no}}", 1,
                 "on-codes-when: 'no' is none of: never, follow, always"),
                ("rules:\n- {node: x, quantize: none}", 2,
                 "unknown key 'node'; did you mean 'nodes'?"),
                ("rules:\n- {operators: MatMl, quantize: none}", 2,
                 "operators: unknown operator 'MatMl'; did you mean 'MatMul'?"),
                ("rules:\n- {quantize: none}", 2, "a rule needs nodes, operators, from or to"),
                ("rules:\n- {nodes: x}", 2, "a rule needs quantize, weights or activations"),
                ("rules:\n- {nodes: x, quantize: some}", 2,
                 "quantize: 'some' is none of: all, weights, dynamic, none"),
                ("rules:\n- {nodes: x, activations: uint16}", 2,
                 "target onnxruntime takes no uint16 activations: its integer kernels are for 8 "
                 "bits; anything else runs in float (it takes uint8,int8)"),
                ("target: qnn\nrules:\n- {nodes: x, quantize: weights}", 3,
                 "target qnn runs no layer whose input is float"),
                ("target: qnn\nrules:\n- {nodes: x, quantize: dynamic}", 3,
                 "quantize: dynamic: target qnn has no layers in format qdq whose input is "
                 "quantized at run time"),
                ("rules:\n- {nodes: x, quantize: dynamic, activations: int8}", 2,
                 "quantize: dynamic: activations are uint8 or uint8,token"),
                ("rules:\n- {nodes: x, activations: 'uint8,token'}", 2,
                 "a scale a token is made at run time: quantize: dynamic"),
                ("format: dynamic\nrules:\n- {nodes: x, activations: int8}", 3,
                 "format dynamic has no calibrated activations"),
                ("passes: {equalise: {gain: 1}}", 1,
                 "passes: unknown pass 'equalise'; did you mean 'equalize'?"),
                ("passes: {equalize: {gian: 1}}", 1,
                 "pass equalize: unknown option 'gian'; did you mean 'gain'?"),
                ("passes:\n  equalize:\n    gain: x", 3,
                 "pass equalize: gain: 'x' is not a number"),
                ("passes: {equalize: {gain: 101}}", 1,
                 "pass equalize: gain: 101 is not between 0 and 100"),
                ("passes: {solve: {gain: 1}}", 1, "pass solve: unknown option 'gain'"),
                ("passes: {solve: 1}", 1, "'solve' is a text; a mapping is expected"),
                ("a: *b", 1, "aliases are not understood"),
                ("a: &b c", 1, "anchors and tags are not understood"),
                ("a: [\n", 2, "did not find expected node content"),
                ("- a", 1, "this is a list; a mapping is expected"),
                ("[" * 100, 1, "nested too deeply"),
                ("a: b\n---\na: b", 2, "more than one document")]:
            with self.subTest(text):
                self.fails(1, f"recipe.yaml:{line}: {message}", "quantize", "model.onnx",
                           *self.recipe(text), "--print-recipe")
        for text, message in [
                ("target: moon", "unknown target 'moon'; see 'quern list targets'"),
                ("observer: best", "unknown observer 'best'; see 'quern list observers'"),
                ("recurrent: often",
                 "--recurrent: unknown word 'often'; known are auto, weights, float")]:
            for command in ("quantize", "model.onnx", "--print-recipe"), ("check", "model.onnx"):
                with self.subTest((text, command)):
                    self.fails(1, f"recipe.yaml: {message}", *command, *self.recipe(text))
        self.fails(1, "recipe.yaml: larger than 256 KiB", "quantize", "model.onnx",
                   *self.recipe("#" * 300000), "--print-recipe")

    def test_no_file(self):
        self.fails(1, "none.yaml: cannot open: No such file or directory", "quantize", "model.onnx",
                   "--recipe", "none.yaml", "--print-recipe")


if __name__ == "__main__":
    unittest.main()
