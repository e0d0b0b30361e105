# SPDX-License-Identifier: Apache-2.0
"""Every target, format, type and granularity that the tables allow, on a model of three parts: a
residual convolutional net, a transformer block, a recurrent net. What is written is sound, is near
the float model in the target's runtime (ONNX Runtime, where that is not at hand), and quern
computes the same from the file. What is refused says why.
"""
import json
import pathlib
import re
import tempfile
import unittest

import quern
from quern import np, onnx

TARGETS = "onnxruntime openvino tensorrt qnn generic".split()
CALIBRATED = {"qdq", "fakequantize", "qoperator"}
SAMPLES = 6
# dB against the float model, by the coarsest type
LEAST = {"int4": 7, "uint4": 7, "float8e5m2": 10, "float8e4m3fn": 15}
ORDINARY = 20
SAME = 34       # dB between quern and the runtime on the same file
REASONS = re.compile("float8 is for weights and activations together"
                     "|format (dynamic|qoperator) takes no .*: its operators compute on 8-bit"
                     "|format qoperator takes no uint8 weights with int8 activations")


def conv_part(net, x):
    def conv(x, inputs, outputs, group=1, **attributes):
        w = net.weight(outputs, inputs // group, 3, 3)
        return net.node("Conv", x, w, net.bias(outputs), pads=[1] * 4, group=group, **attributes)
    a = net.node("Relu", conv(x, 3, 8))
    b = net.node("Relu", conv(a, 8, 8))
    c = net.node("Relu", net.node("Add", conv(b, 8, 8), a))
    d = net.node("Relu", conv(c, 8, 8, group=8, strides=[2, 2]))
    e = net.node("Concat", d, net.node("MaxPool", c, kernel_shape=[2, 2], strides=[2, 2]), axis=1)
    f = net.node("ConvTranspose", e, net.weight(16, 4, 2, 2, scale=0.2), strides=[2, 2])
    g = net.node("Flatten", net.node("GlobalAveragePool", conv(f, 4, 16)))
    return net.node("Gemm", g, net.weight(10, 16), net.bias(10), transB=1)


def block_part(net, x):
    """One head of attention and a hidden layer, 8 rows of 32 numbers."""
    def dense(x, inputs, outputs):
        w = net.constant(net.random.normal(0, inputs ** -0.5, (inputs, outputs)), np.float32)
        return net.node("Add", net.node("MatMul", x, w), net.bias(outputs))

    def norm(x):
        return net.node("LayerNormalization", x, net.positive(32), net.bias(32), axis=-1)
    a = norm(x)
    q, k, v = (dense(a, 32, 32) for _ in range(3))
    scores = net.node("MatMul", q, net.node("Transpose", k, perm=[0, 2, 1]))
    scores = net.node("Softmax", net.node("Mul", scores, net.constant(32 ** -0.5, np.float32)))
    b = net.node("Add", x, dense(net.node("MatMul", scores, v), 32, 32))
    h = dense(norm(b), 32, 64)
    h = net.node("Mul", h, net.node("Sigmoid", h))
    return net.node("Add", b, dense(h, 64, 32))


def recurrent_part(net, x):
    """[steps, batch, 16]; a hidden size that ONNX Runtime's integer kernel is for."""
    hidden = 32
    w, r = net.weight(1, 4 * hidden, 16), net.weight(1, 4 * hidden, hidden)
    b = net.constant(net.random.normal(0, 0.1, (1, 8 * hidden)), np.float32)
    y, _, _ = net.node("LSTM", x, w, r, b, outputs=3, hidden_size=hidden)
    y = net.node("Squeeze", y, net.constant([1], np.int64))
    return net.node("MatMul", y, net.weight(hidden, 8))


def build(path):
    net = quern.Net(3)
    image, rows, steps = net.input(1, 3, 12, 12), net.input(1, 8, 32), net.input(5, 1, 16)
    net.output(conv_part(net, image), block_part(net, rows), recurrent_part(net, steps))
    net.save(path)
    return net.samples(SAMPLES)


def rules(target):
    """What a target allows, as a recipe of its own prints it."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(f"target: t\ntargets: {{t: {{base: {target}}}}}\n")
        file.flush()
        text = quern.run("quantize", "none.onnx", "--recipe", file.name, "--print-recipe")
    return {key: words.split(", ") for key, words in
            re.findall(r"^    ([a-z-]+): \[(.*)\]$", text, re.M)}


def combinations(target):
    """Options, one list a combination."""
    rule = rules(target)
    for form in rule["formats"]:
        only = form == "dq"
        weights = rule["weight-only-types" if only else "weight-types"]
        activations = rule["activation-types"] if form in CALIBRATED else [None]
        if form == "dynamic":
            activations = [None, "uint8,token"]
        for a in activations:
            for w in weights:
                grains = ["tensor", "channel"] + ["block=16"] * (only and "float" not in w)
                for grain in grains:
                    yield ["--target", target, "--format", form, "--weights", f"{w},{grain}",
                           *(["--activations", a] if a else [])]


def sqnr(outputs, exact):
    """In dB, the worst of the three parts."""
    worst = 200
    for name in exact[0]:
        a, b = (np.stack([y[name] for y in side]).astype(float) for side in (outputs, exact))
        worst = min(worst, 10 * np.log10(np.square(b).sum() / max(np.square(a - b).sum(), 1e-20)))
    return worst


def least(options):
    text = " ".join(map(str, options))
    return min([LEAST[kind] for kind in LEAST if kind in text] or [ORDINARY])


def is_refused_by_ort(options):
    """A MatMul of three axes and its bias, int8 activations, opset 21: docs/targets.md."""
    text = " ".join(map(str, options))
    return "generic --format qdq" in text and "int4" in text and "--activations int8" in text


def run_ort(path, samples, options):
    """ONNX Runtime's optimizer fails on matrix products of float8."""
    return quern.ort_run(path, samples, optimize=not any("float8" in str(o) for o in options)
                         and quern.sums_fit(options))


class Matrix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.float = cls.directory / "float.onnx"
        cls.samples = build(cls.float)
        cls.data = quern.write_samples(cls.directory / "data", cls.samples)
        cls.exact = quern.ort_run(cls.float, cls.samples)

    def check(self, options):
        out = self.directory / "out.onnx"
        done = quern.start("quantize", self.float, "-o", out, "--data", self.data, "--observer",
                           "min-max", "-q", *options)
        if done.returncode:
            self.assertRegex(done.stderr, REASONS)
            return False
        onnx.checker.check_model(onnx.load(out), full_check="fakequantize" not in options)
        ours = quern.simulate(out, self.data)
        self.assertGreater(sqnr(ours, self.exact), least(options))
        if "openvino" in options:
            theirs = quern.OpenVino(out)(self.samples)
            self.assertGreater(sqnr(theirs, self.exact), least(options))
        if "fakequantize" not in options and not is_refused_by_ort(options):
            theirs = run_ort(out, self.samples, options)
            self.assertGreater(sqnr(theirs, ours), SAME)
        return True

    def check_target(self, target):
        written = 0
        for options in combinations(target):
            with self.subTest(" ".join(options)):
                written += self.check(options)
        self.assertGreater(written, 3)

    def test_onnxruntime(self):
        self.check_target("onnxruntime")

    def test_openvino(self):
        self.check_target("openvino")

    def test_tensorrt(self):
        self.check_target("tensorrt")

    def test_qnn(self):
        self.check_target("qnn")

    def test_generic(self):
        self.check_target("generic")

    def test_scale_a_token(self):
        """Products run in integers in both runtimes, and the error that is reported is that of the
        file: the simulation rounds as the nodes do."""
        out, report = self.directory / "out.onnx", self.directory / "report.json"
        for target in "onnxruntime", "openvino":
            quern.run("quantize", self.float, "-o", out, "--data", self.data, "--target", target,
                      "--format", "dynamic", "--activations", "uint8,token", "--report", report)
            ours = quern.simulate(out, self.data)
            each = [sqnr([{name: y[name]} for y in ours], [{name: y[name]} for y in self.exact])
                    for name in self.exact[0]]
            told = json.loads(report.read_text())["outputs"][0]["sqnr_db"]
            self.assertAlmostEqual(told, sum(each) / len(each), delta=0.2)
            if target == "onnxruntime":
                kinds = quern.ort_operators(out)
                self.assertEqual((kinds["MatMulIntegerToFloat"], kinds["Gemm"]), (8, 0))
            else:
                layers = quern.OpenVino(out).layers()
                self.assertEqual(layers["FullyConnected", "integer"], 8)

    def test_rules(self):
        """Rules of a recipe in every format: weights only, other types, two of activations."""
        recipe = self.directory / "recipe.yaml"
        only = "rules: [{operators: [Conv, Gemm], quantize: weights}]"
        mixed = "rules: [{operators: [Conv, MatMul], weights: 'uint8,tensor'}]"
        wide = "rules: [{operators: [Softmax, LayerNormalization, Add, Conv], activations: uint16}]"
        narrow = "rules: [{operators: [MatMul, Concat], activations: uint8}]"
        for rule, options in [
                (only, "--target onnxruntime --format qdq"),
                (only, "--target onnxruntime --format qoperator"),
                (only, "--target onnxruntime --format dynamic"),
                (only, "--target openvino --format qdq"),
                (only, "--target openvino --format fakequantize"),
                (only, "--target tensorrt"), (only, "--target generic --activations uint16"),
                (mixed, "--target onnxruntime"), (mixed, "--target onnxruntime --format dynamic"),
                (mixed, "--target onnxruntime --format dq"), (mixed, "--target qnn"),
                (wide, "--target qnn"), (wide, "--target generic"),
                (narrow, "--target qnn --activations uint16"),
                (narrow, "--target generic --activations uint16 --elementwise")]:
            with self.subTest(f"{options}, {rule}"):
                recipe.write_text(rule + "\n")
                self.assertTrue(self.check([*options.split(), "--recipe", recipe]))


if __name__ == "__main__":
    unittest.main()
