# SPDX-License-Identifier: Apache-2.0
"""What the commands do when all is well: exact output on small models."""
import json
import re
import unittest

import cli
from cli import TensorProto, helper, np, value

X = [np.array([[1, 2, 3]]), np.array([[4, 0, -1]]), np.array([[0, 5, 6]])]
Y = [np.array([[1, 5.5]]), np.array([[4, -0.5]]), np.array([[0, 11.5]])]   # of the standard model


class Run(cli.Case):
    def setUp(self):
        super().setUp()
        self.model()
        self.samples(x=X)

    def run_model(self, *arguments, out, **options):
        self.quern("run", "model.onnx", "--data", "data", "-q", *arguments, out=out, **options)

    def test_summary(self):
        self.run_model(out="output  type         min   max     mean\n"
                           "y       float[1,2]  -0.5  11.5  3.58333\n")

    def test_time_goes_to_standard_error(self):
        _, err = self.quern("run", "model.onnx", "--data", "data", out=None, err=None)
        self.assertRegex(err, r"^3 samples in \d+\.\d\d s, \d+\.\d\d ms each\n$")

    def test_outputs(self):
        for jobs in 1, 2:
            self.run_model("-o", "out", "-j", jobs, out="wrote 3 samples to out\n")
            self.assertEqual(self.files()[-3:], ["out/00000.npz", "out/00001.npz", "out/00002.npz"])
            for i in range(3):
                outputs = np.load(self.directory / f"out/0000{i}.npz")
                self.assertEqual(list(outputs), ["y"])
                np.testing.assert_array_equal(outputs["y"], Y[i])

    def test_some_samples(self):
        self.run_model("-o", "out", "--samples", 1, out="wrote 1 sample to out\n")

    def test_labels(self):
        for labels in "2.npz\t1\n0.npz\t0\n1.npz\t0\n", "# class\n0\n0\n\n1\n", "0\r\n0\r\n1":
            self.write("labels.tsv", labels)
            self.run_model("--labels", "labels.tsv", out="accuracy: 66.67 % (2 of 3)\n")

    def test_labels_of_some_samples(self):
        self.write("labels.tsv", "2.npz\t1\n0.npz\t1\n1.npz\t0\n")
        self.run_model("--labels", "labels.tsv", "-n2", out="accuracy: 100.00 % (2 of 2)\n")

    def test_output_that_is_the_class(self):
        self.model(nodes=[helper.make_node("ArgMax", ["x"], ["y"], axis=1, keepdims=0)],
                   outputs=[value("y", [1], TensorProto.INT64)])
        self.write("labels.tsv", "2\n0\n2\n")
        self.run_model("--labels", "labels.tsv", out="accuracy: 100.00 % (3 of 3)\n")

    def test_labels_want_single_samples(self):
        self.model(inputs=[value("x", ["n", 3])], outputs=[value("y", ["n", 2])])
        self.samples(x=[np.concatenate(X)] * 3)
        self.write("labels.tsv", "0\n0\n0\n")
        self.run_model("--labels", "labels.tsv", code=1, out="",
                       err="quern: --labels wants one sample in a file, but output 'y' has shape "
                           "[3,2]\n")

    def test_random_data_by_name(self):
        self.quern("run", "model.onnx", "--data", "random", "-q", "-n", 5, "-o", "out",
                   out="wrote 5 samples to out\n")

    def test_global_options_before_the_command(self):
        self.quern("-q", "-j2", "run", "model.onnx", "--data", "data", "-o", "out",
                   out="wrote 3 samples to out\n")

    def test_as_written(self):
        """A normalization and attention run as fewer nodes unless told otherwise, a gate always."""
        random = np.random.RandomState(1)
        node, c = helper.make_node, np.abs(random.rand(4, 4)).astype(np.float32)
        nodes = [node("Conv", ["x", "w"], ["c"], "conv"),
                 node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"], "norm"),
                 node("Sigmoid", ["n"], ["g"], "gate"), node("Mul", ["n", "g"], ["a"], "product"),
                 node("Transpose", ["a"], ["k"], perm=[0, 1, 3, 2]),
                 node("MatMul", ["a", "k"], ["q"]), node("Mul", ["q", "half"], ["h"]),
                 node("Softmax", ["h"], ["p"]), node("MatMul", ["p", "a"], ["y"], "attention")]
        self.model(nodes=nodes, inputs=[value("x", [1, 3, 20, 5])],
                   outputs=[value("y", [1, 4, 20, 5])],
                   constants={"w": random.randn(4, 3, 1, 1).astype(np.float32),
                              "half": np.float32(0.5), **dict(zip("sbmv", c))})
        self.samples(x=random.randn(3, 1, 3, 20, 5))
        outputs = []
        for options, rows in (["--as-written"], 8), ([], 2):
            self.run_model("-o", "out", "--profile-report", "p.json", *options,
                           out="wrote 3 samples to out\n")
            outputs.append(np.load(self.directory / "out/00000.npz")["y"])
            report = json.loads((self.directory / "p.json").read_text())
            self.assertEqual(len(report["nodes"]), rows)
        np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-5)
        self.assertTrue(outputs[0].any())

    def test_digits(self):
        out, _ = self.quern("run", cli.DIGITS / "digits_torchscript.onnx", "-q", "--data",
                            cli.DIGITS / "evaluation", "--image", cli.IMAGE, "--labels",
                            cli.DIGITS / "evaluation/labels.tsv", out=None)
        right = int(re.fullmatch(r"accuracy: \d\d\.\d\d % \((\d+) of 300\)\n", out)[1])
        self.assertGreater(right, 290)


class Profile(cli.Case):
    """run --profile: what depends on the machine is written as #."""
    NUMBERS = r"\d+\.\d{3} +\d+\.\d +- +- +\d+\.\d\d"   # of an operator without operations

    def profile(self, *arguments):
        out, _ = self.quern("run", "model.onnx", "--data", "random", "-n4", "-q", *arguments,
                            "-o", "out", out=None)
        return out

    def test_tables(self):
        w = np.zeros((64, 64), np.float32)
        nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], "first"),
                 helper.make_node("Relu", ["h"], ["r"], "its follower"),
                 helper.make_node("Softmax", ["r"], ["s"]),
                 helper.make_node("MatMul", ["s", "w"], ["y"], "second")]
        self.model(nodes=nodes, inputs=[value("x", [64, 64])], outputs=[value("y", [64, 64])],
                   constants={"w": w})
        out = re.sub(r"\d+\.\d+", "#", self.profile("--profile", "-j2"))
        lines = [re.sub(" +", " ", line) for line in out.split("\n")]
        self.assertEqual(lines[:2], ["wrote 4 samples to out", ""])
        self.assertEqual(lines[2], "a sample takes # ms of a thread, # ms of it in nodes; "
                                   "peak of a thread: # GFLOP/s")
        head = "ms % GFLOP/s % of peak MB"
        self.assertEqual([*lines[3:5], *sorted(lines[5:8]), *lines[8:11]], [
            "", f"operator nodes {head}",
            "MatMul + Relu 1 # # # # #", "MatMul 1 # # # # #", "Softmax 1 # # - - #",
            "total 3 # # # # #", "", f"node operator {head}"])
        self.assertEqual(sorted(lines[11:14]), [
            "first MatMul + Relu # # # # #", "s Softmax # # - - #", "second MatMul # # # # #"])
        self.assertEqual(lines[14:], [""])

    def test_long_model(self):
        n, long = 30, "a/name/of/many/words/" * 5
        nodes = [helper.make_node("Neg", [f"v{i}"], [f"v{i + 1}"], f"{long}{i}") for i in range(n)]
        self.model(nodes=nodes, inputs=[value("v0", [1, 3])], outputs=[value(f"v{n}", [1, 3])])
        lines = self.profile("--profile").split("\n")
        self.assertLessEqual(max(map(len, lines)), 100)
        start = next(i for i, line in enumerate(lines) if line.startswith("node "))
        rows = [re.fullmatch(rf"a/name/.*\.\.\..*\d +Neg +{self.NUMBERS}", line)
                for line in lines[start + 1:start + 25]]
        self.assertTrue(all(rows), lines)
        times = [float(row[0].split()[2]) for row in rows]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertRegex(lines[start + 25], r"^and 6 more nodes with \d+\.\d % of the time$")

    def test_report(self):
        self.model()
        for jobs in 1, 3:
            self.assertEqual(self.profile("--profile-report", "p.json", "-j", jobs),
                             "wrote 4 samples to out\n")
            report = json.loads((self.directory / "p.json").read_text())
            self.assertEqual(list(report), ["quern", "samples", "threads",
                                            "peak_operations_per_second", "thread_seconds", "total",
                                            "operators", "nodes"])
            self.assertEqual((report["samples"], report["threads"]), (4, jobs))
            self.assertGreater(report["peak_operations_per_second"], 1e8)
            node, = report["nodes"]
            self.assertGreater(node.pop("seconds"), 0)
            self.assertEqual(node, {"name": "dense", "op": "Gemm", "calls": 4, "bytes": 4 * 52,
                                    "nodes": [{"name": "dense", "op": "Gemm"}],
                                    "operations": 4 * 2 * 2 * 3})
            self.assertEqual([o["op"] for o in report["operators"]], ["Gemm"])


class Convert(cli.Case):
    def test_same_bytes(self):
        self.model()
        self.quern("convert", "model.onnx", "-o", "copy.onnx")
        self.assertEqual((self.directory / "copy.onnx").read_bytes(),
                         (self.directory / "model.onnx").read_bytes())

    def test_onto_itself(self):
        self.model()
        before = (self.directory / "model.onnx").read_bytes()
        self.quern("convert", "model.onnx", "-o", "model.onnx")
        self.assertEqual((self.directory / "model.onnx").read_bytes(), before)

    def test_other_bytes_are_explained(self):
        """The opset stands before the graph; protobuf orders fields by their numbers."""
        model = cli.make_model()
        opset = cli.onnx.ModelProto(opset_import=model.opset_import).SerializeToString()
        model.ClearField("opset_import")
        self.write("model.onnx", opset + model.SerializeToString())
        self.quern("convert", "model.onnx", "-o", "copy.onnx")
        _, err = self.quern("convert", "model.onnx", "-o", "copy.onnx", "-v", err=None)
        self.assertRegex(err, r"^model.onnx: the bytes will not be the same: .+\n$")

    def test_passes(self):
        self.digits = cli.DIGITS / "digits_torchscript.onnx"
        self.quern("convert", self.digits, "-o", "o.onnx", "--pass", "fold-constants,fold-bn",
                   "--verify", "--check-result")
        kinds = [n.op_type for n in cli.onnx.load(self.directory / "o.onnx").graph.node]
        self.assertNotIn("BatchNormalization", kinds)
        self.assertNotIn("Cast", kinds)

    def test_skip_and_print_after(self):
        nodes = [helper.make_node("Identity", ["x"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
        self.model(nodes=nodes, outputs=[value("y", [1, 3])])
        self.quern("convert", "model.onnx", "-o", "o.onnx", "--pass", "clean-up",
                   "--print-after", "clean-up",
                   out="# model.onnx: IR version 8, opset 17\n"
                       "test (float[1,3] x) => (float[1,3] y)\n{\n  float[1,3]  y = Relu(x)\n}\n")
        self.quern("convert", "model.onnx", "-o", "o.onnx", "--pass", "clean-up",
                   "--print-after", "all", "--skip", "clean-up")

    def test_external_data(self):
        self.model()
        self.quern("convert", "model.onnx", "-o", "o.onnx", "--external-data")
        self.assertEqual(self.files(), ["model.onnx", "o.onnx"], "the weights are small")

    def test_size_with_external_data(self):
        """What the report says of sizes is that of all files of a model."""
        self.quern("convert", cli.DIGITS / "digits_torchscript.onnx", "-o", "float.onnx",
                   "--external-data")
        self.quern("quantize", "float.onnx", "-o", "int8.onnx", "--format", "dq",
                   "--external-data", "-q", "--report", "r.json")
        report = json.loads((self.directory / "r.json").read_text())
        for part, name in ("input", "float.onnx"), ("output", "int8.onnx"):
            files = [self.directory / name, self.directory / f"{name}.data"]
            self.assertEqual(report[part]["bytes"], sum(f.stat().st_size for f in files))


class Show(cli.Case):
    def setUp(self):
        super().setUp()
        self.model()

    def test_types(self):
        """Of the graph, and of bodies at their places."""
        inner = helper.make_graph([helper.make_node("Relu", ["x"], ["r"])], "inner", [],
                                  [value("r", None)])
        outer = helper.make_graph([helper.make_node("Neg", ["x"], ["m"])], "outer", [],
                                  [value("m", None)])
        self.model(nodes=[helper.make_node("If", ["p"], ["y"], then_branch=inner,
                                           else_branch=outer)],
                   inputs=[value("x", ["n", 3]), value("p", [], TensorProto.BOOL)],
                   outputs=[value("y", None)])
        self.quern("show", "model.onnx", "--types",
                   out="\tx\tfloat[?,3]\n\tp\tbool\n\ty\tfloat[?,3]\n"
                       "y:else_branch\tm\tfloat[?,3]\ny:then_branch\tr\tfloat[?,3]\n")

    def test_zeros_for_unknown_dims(self):
        """So some tools describe what nodes compute; a Conv would have no place to stand on."""
        model = cli.make_model(
            nodes=[helper.make_node("Relu", ["x"], ["h"]),
                   helper.make_node("Conv", ["h", "w"], ["y"])],
            constants={"w": np.ones((2, 3, 1, 1), np.float32)},
            inputs=[value("x", ["n", 3, "h", "w"])], outputs=[value("y", None)])
        model.graph.value_info.append(value("h", ["n", 3, 0, 0]))
        self.write("model.onnx", model.SerializeToString())
        self.quern("show", "model.onnx", "--types", out="\tx\tfloat[?,3,?,?]\n"
                   "\tw\tfloat[2,3,1,1]\n\th\tfloat[?,3,?,?]\n\ty\tfloat[?,2,?,?]\n")

    def test_graph(self):
        self.quern("show", "model.onnx", out="""\
# model.onnx: IR version 8, opset 17
test (float[1,3] x) => (float[1,2] y)
<
  float[2,3]  w = {1,0,0,0,1,1}
  float[2]    b = {0,0.5}
>
{
  float[1,2]  [dense] y = Gemm(x, w, b) <transB = 1>
}
""")

    def test_node(self):
        nodes = [helper.make_node("Relu", ["x"], ["h"], "first"),
                 helper.make_node("Relu", ["h"], ["y"], "second")]
        self.model(nodes=nodes, outputs=[value("y", [1, 3])])
        for pattern in "first", "f?rs*", "h":
            self.quern("show", "model.onnx", "--node", pattern, out="""\
# model.onnx: IR version 8, opset 17
test (float[1,3] x) => (float[1,3] y)
{
  float[1,3]  [first] h = Relu(x)
}
""")

    def test_target(self):
        """Why each node is quantized or not."""
        nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["g"], "dense", transB=1),
                 helper.make_node("Relu", ["g"], ["r"], "relu"),
                 helper.make_node("Exp", ["r"], ["e"], "exp"),
                 helper.make_node("ArgMax", ["e"], ["y"], "most")]
        self.model(nodes=nodes, outputs=[value("y", [1, 2], TensorProto.INT64)],
                   constants={"w": np.eye(2, 3, dtype=np.float32), "b": np.ones(2, np.float32)})
        self.quern("show", "model.onnx", "--target", "onnxruntime", "--no-constants", out="""\
# model.onnx: IR version 8, opset 17
test (float[1,3] x) => (int64[1,2] y)
{
  # x: uint8
  float[1,2]  [dense] g = Gemm(x, w, b) <transB = 1>
              # layer: weight int8 per channel (axis 0) symmetric, input uint8, output uint8, \
bias int32
  float[1,2]  [relu] r = Relu(g)
              # folded: vanishes in the quantization behind it
              # r: uint8
  float[1,2]  [exp] e = Exp(r)
              # float: onnxruntime has no integer rule for Exp
  int64[1,2]  [most] y = ArgMax(e)
}
""")
        self.fails(2, "unknown target 'moon'; see 'quern list targets'", "show",
                   "model.onnx", "--target", "moon")

    def test_target_of_a_quantized_model(self):
        self.samples(x=X)
        self.quern("quantize", "model.onnx", "--data", "data", "-o", "q.onnx", "--reach", "0",
                   out=None, err=None)
        out, _ = self.quern("show", "q.onnx", "--target", "onnxruntime", "--node", "Gemm",
                            out=None)
        self.assertIn("# integer\n", out)

    def test_summary(self):
        out, _ = self.quern("show", "model.onnx", "--summary", out=None)
        self.assertRegex(out, r"\nnodes +1\n +1  Gemm\n")

    def test_types_that_contradict(self):
        nodes = [helper.make_node("Gemm", ["x", "x"], ["y"], "dense")]
        self.model(nodes=nodes)
        _, err = self.quern("show", "model.onnx", out=None, err=None)
        self.assertRegex(err, r"^model.onnx: types are incomplete: node 'dense' \(Gemm\): .+\n$")


class Check(cli.Case):
    def test_good(self):
        self.model()
        self.quern("check", "model.onnx", out="""\
model.onnx: IR version 8, opset 17, 1 node
  input     x: float[1,3]
  output    y: float[1,2]
  layers    1 of 1 can be quantized for onnxruntime
It can be quantized: quern quantize model.onnx --data PATH -o OUT
""")

    def test_unknown_operators(self):
        nodes = [helper.make_node("Frob", ["x"], ["h"], "one", domain="my.ops"),
                 helper.make_node("Gemm", ["h", "w"], ["g"], "dense"),
                 helper.make_node("Frob", ["g"], ["k"], domain="my.ops"),
                 helper.make_node("Grab", ["k"], ["y"], "three", domain="my.ops")]
        self.model(nodes=nodes, domains=["my.ops"], constants={"w": np.eye(3, dtype=np.float32)})
        self.fails(1, "model.onnx: no layer can be quantized for target onnxruntime: node 'dense' "
                      "(Gemm): it depends on an operator that quern cannot execute",
                   "check", "model.onnx", out="""\
model.onnx: IR version 8, opset 17, 4 nodes
  input     x: float[1,3]
  output    y: float[1,2]
  unknown   my.ops.Frob: 2 of 4 nodes, first node 'one' (my.ops.Frob)
  unknown   my.ops.Grab: 1 of 4 nodes, first node 'three' (my.ops.Grab)
""")

    def test_around_unknown_operators(self):
        nodes = [helper.make_node("Gemm", ["x", "w"], ["g"], "front"),
                 helper.make_node("Frob", ["g"], ["h"], "one", domain="my.ops"),
                 helper.make_node("Gemm", ["h", "w"], ["y"], "behind")]
        self.model(nodes=nodes, domains=["my.ops"], constants={"w": np.eye(3, dtype=np.float32)})
        self.quern("check", "model.onnx", out="""\
model.onnx: IR version 8, opset 17, 3 nodes
  input     x: float[1,3]
  output    y: float[1,2]
  unknown   my.ops.Frob: 1 of 3 nodes, first node 'one' (my.ops.Frob)
  layers    1 of 2 can be quantized for onnxruntime
  float     1: it depends on an operator that quern cannot execute: node 'behind' (Gemm)
It can be quantized: quern quantize model.onnx --data PATH -o OUT
""")
        self.samples(x=[np.eye(3, dtype=np.float32)[i:i + 1] for i in range(3)])
        said, _ = self.quern("quantize", "model.onnx", "--data", "data", "-o", "out.onnx",
                             "--reach", "0", out=None, err=None)
        self.assertIn("1 of 2 quantized", said)
        kinds = [node.op_type for node in cli.onnx.load(self.directory / "out.onnx").graph.node]
        self.assertEqual((kinds.count("Frob"), kinds.count("Gemm")), (1, 2))

    def test_nothing_to_quantize(self):
        self.model(nodes=[helper.make_node("Relu", ["x"], ["y"])], outputs=[value("y", [1, 3])])
        self.fails(1, "model.onnx: the model has no layer that target onnxruntime runs in integers",
                   "check", "model.onnx", out="""\
model.onnx: IR version 8, opset 17, 1 node
  input     x: float[1,3]
  output    y: float[1,3]
""")


class Sequence(cli.Case):
    """t = x + s is carried into s; y = 10 t."""
    def setUp(self):
        super().setUp()
        nodes = [helper.make_node("Add", ["x", "s"], ["t"], "sum"),
                 helper.make_node("Mul", ["t", "ten"], ["y"], "last")]
        self.parts = dict(nodes=nodes, inputs=[value("x", [1, 3]), value("s", ["n", 3])],
                          outputs=[value("y", [1, 3]), value("t", ["n", 3])])
        self.model("a.onnx", constants={"ten": np.float32(10)}, **self.parts)
        self.model("b.onnx", constants={"ten": np.float32(11)}, **self.parts)
        self.samples(x=X)

    def test_run(self):
        for jobs in 1, 3:
            self.quern("run", "a.onnx", "--data", "data", "-q", "-o", "out", "-j", jobs,
                       "--carry", "t=s", out="wrote 3 samples to out\n")
            for i in range(3):
                outputs = np.load(self.directory / f"out/0000{i}.npz")
                np.testing.assert_array_equal(outputs["t"], sum(X[:i + 1]))
                np.testing.assert_array_equal(outputs["y"], 10 * outputs["t"])

    def test_stacked_rows(self):
        np.save(self.directory / "x.npy", np.concatenate(X).astype(np.float32))
        self.quern("run", "a.onnx", "--data", "x.npy", "-q", "-o", "out", "--carry=t=s",
                   "-n", 2, out="wrote 2 samples to out\n")
        np.testing.assert_array_equal(np.load(self.directory / "out/00001.npz")["t"], X[0] + X[1])

    def test_compare(self):
        """y is 10 times (1,2,3), (5,2,2), (5,7,8), and the error a tenth of it."""
        self.quern("compare", "a.onnx", "b.onnx", "--data", "data", "--carry", "t=s", out="""\
3 samples

output  operator  SQNR dB  error %  max error
y       Mul         20.00       10          8
t       Add         equal        0          0

layer  operator  SQNR dB  error %  max error
last   Mul         20.00       10          8
sum    Add         equal        0          0
""")

    def test_errors(self):
        self.fails(2, "--carry: 't' is not OUTPUT=INPUT", "run", "a.onnx", "--data", "data",
                   "--carry", "t")
        self.fails(1, "data/0.npz: no array 's'; the model's inputs are 'x' and 's'", "run",
                   "a.onnx", "--data", "data")
        self.fails(2, "--carry y=s: input 's' is carried already", "run", "a.onnx", "--data",
                   "data", "--carry", "t=s", "--carry", "y=s")


class Compare(cli.Case):
    def setUp(self):
        super().setUp()
        self.model("a.onnx")
        self.samples(x=X)

    def test_same(self):
        self.quern("compare", "a.onnx", "a.onnx", "--data", "data", out="""\
3 samples

output  operator  SQNR dB  error %  max error
y       Gemm        equal        0          0

layer  operator  SQNR dB  error %  max error
dense  Gemm        equal        0          0
""")

    def two_layers(self, name, offset):
        """y = relu(x + offset) + 1, with inner names that agree."""
        nodes = [helper.make_node("Add", ["x", "c"], ["s"], "shift"),
                 helper.make_node("Relu", ["s"], ["r"], "relu"),
                 helper.make_node("Add", ["r", "one"], ["y"], "last")]
        self.model(name, nodes=nodes, outputs=[value("y", [1, 3])],
                   constants={"c": np.float32(offset), "one": np.float32(1)})

    def test_errors(self):
        """By hand: the sums of squares are 92, 91 and 142, those of the errors 9, 8 and 8."""
        self.two_layers("a.onnx", 0)
        self.two_layers("b.onnx", 1)
        self.quern("compare", "a.onnx", "b.onnx", "--data", "data", "-j2", out="""\
3 samples

output  operator  SQNR dB  error %  max error
y       Add         12.49     23.7          1

layer  operator  SQNR dB  error %  max error
shift  Add         10.10     31.3          1
relu   Relu        10.56     29.6          1
last   Add         12.49     23.7          1
""")

    def test_long_list(self):
        inner = [f"a_rather_long_name_of_a_value_in_a_larger_model_{i}" for i in range(29)]
        names = ["x", *inner, "y"]
        nodes = [helper.make_node("Relu", [a], [b]) for a, b in zip(names, names[1:])]
        self.model(nodes=nodes, outputs=[value("y", [1, 3])])
        models = "compare", "model.onnx", "model.onnx", "--data", "data"
        out, _ = self.quern(*models, out=None)
        self.assertEqual(len(out.splitlines()), 27)
        self.assertTrue(out.endswith("\nThe 20 worst of 30 layers; --all prints all.\n"), out)
        self.assertIn("\na_rather_long..._a_value_in_a_larger_model_0 ", out)
        out, _ = self.quern(*models, "--all", out=None)
        self.assertEqual(len(out.splitlines()), 36)

    def test_other_names(self):
        self.model("b.onnx", nodes=[helper.make_node("Gemm", ["x", "w"], ["z"])],
                   constants={"w": np.eye(3, 2, dtype=np.float32)}, outputs=[value("z", [1, 2])])
        out, _ = self.quern("compare", "a.onnx", "b.onnx", "--data", "data", out=None)
        self.assertTrue(out.endswith("\nNo node's output has the same name in both models.\n"), out)

    def test_other_shape(self):
        self.model("b.onnx", nodes=[helper.make_node("Relu", ["x"], ["y"], "dense")],
                   outputs=[value("y", [1, 3])])
        out, _ = self.quern("compare", "a.onnx", "b.onnx", "--data", "data", out=None)
        self.assertRegex(out, r"\ny +Gemm +other shape +- +-\n")

    def test_digits(self):
        model = cli.DIGITS / "digits_torchscript.onnx"
        data = "--data", cli.DIGITS / "evaluation", "--image", cli.IMAGE, "--samples", 20
        self.quern("quantize", model, "--data", cli.DIGITS / "calibration", "--image", cli.IMAGE,
                   "-o", "int8.onnx", out=None)
        one, _ = self.quern("compare", model, "int8.onnx", *data, "-j1", out=None)
        two, _ = self.quern("compare", model, "int8.onnx", *data, "-j2", out=None)
        self.assertEqual(one, two)
        sqnr = float(re.search(r"^scores +Gemm +([\d.]+)", one, re.M)[1])
        self.assertGreater(sqnr, 25)


class List(cli.Case):
    def test_ops(self):
        out, _ = self.quern("list", "ops", out=None)
        self.assertRegex(out, r"^operator +domain +opsets +engine +role +types\n")
        self.assertRegex(out, r"\nConv +ai.onnx +1-22 +oneDNN +weighted +floats\n")
        self.assertLessEqual(max(map(len, out.splitlines())), 110)

    def test_markdown(self):
        out, _ = self.quern("list", "ops", "--markdown", out=None)
        self.assertTrue(out.startswith(
            "| operator | domain | opsets | engine | role | types | note |\n"
            "|---|---|---|---|---|---|---|\n"), out[:200])

    def test_others(self):
        for kind, word in ("passes", "fold-bn"), ("targets", "onnxruntime"), ("formats", "qdq"), \
                ("rewrites", "HardSigmoid"), ("observers", "min-max"):
            out, _ = self.quern("list", kind, out=None)
            self.assertRegex(out, rf"\n{word} ")
            self.assertLessEqual(max(map(len, out.splitlines())), 110, out)


class Quantize(cli.Case):
    def test_report(self):
        self.model()
        out, _ = self.quern("quantize", "model.onnx", "--data", "random", "-o", "int8.onnx",
                            "--report", "r.json", out=None)
        self.assertIn("  layers    1 of 1 quantized\n", out)
        self.assertIn("RANDOM NOISE", out)
        self.assertTrue(out.endswith(
            "Next: quern compare model.onnx int8.onnx --data random\n"), out)
        report = json.loads((self.directory / "r.json").read_text())
        self.assertTrue(report["data"]["random"])
        self.assertEqual([row["node"] for row in report["layers"]], ["dense"])

    def test_few_samples(self):
        self.model()
        for count, few in (2, True), (20, False):
            self.samples(x=[X[i % len(X)] for i in range(count)])
            out, _ = self.quern("quantize", "model.onnx", "--data", "data", "-o", "q.onnx",
                                out=None, err=None)
            self.assertIn(f"  data      {count} .npz files", out)
            self.assertEqual("few to judge by" in out, few, out)

    def test_without_data(self):
        self.model()
        for options in ["dynamic"], ["dq", "--weights", "int4,block=16"]:
            out, _ = self.quern("quantize", "model.onnx", "-o", "out.onnx", "--format", *options,
                                out=None)
            self.assertIn("  layers    1 of 1 quantized\n", out)
            self.assertNotIn("error", out)
            self.assertTrue(out.endswith(
                "Next: quern compare model.onnx out.onnx --data PATH\n"), out)

    def test_report_is_the_same_every_time(self):
        self.model()
        reports = []
        for jobs in 1, 2:
            self.quern("quantize", "model.onnx", "--data", "random", "-o", "int8.onnx",
                       "--report", "r.json", "-q", "-j", jobs)
            report = json.loads((self.directory / "r.json").read_text())
            del report["cost"]
            reports.append(report)
        self.assertEqual(*reports)


if __name__ == "__main__":
    unittest.main()
