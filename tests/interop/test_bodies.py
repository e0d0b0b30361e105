# SPDX-License-Identifier: Apache-2.0
"""Layers in the bodies of If, Loop and Scan are quantized: ONNX Runtime loads the file, runs the
layers in integers, and computes what quern's executor computes; the error that quern reports from
its simulation is the error of the file."""
import collections
import json
import pathlib
import tempfile
import unittest

import quern
from quern import np, numpy_helper, onnx

INTEGER = {"QLinearConv", "MatMulIntegerToFloat", "QGemm", "QLinearMatMul"}
RECURRENT = """
    <ir_version: 8, opset_import: ["" : 16]>
    g (float[1,1,8,12] x, float[1,6] h0) => (float[1,6] y, float[K,1,6] all)
    {
        c = Conv<pads = [1,1,1,1]>(x, w0, b0)
        r = Relu(c)
        p = MaxPool<kernel_shape = [2,1], strides = [2,1]>(r)
        t = Transpose<perm = [3,0,1,2]>(p)
        s = Reshape(t, shape)
        n = Constant<value = int64 {12}>()
        y, all = Loop (n, , h0) <
            body = b (int64 i, bool c0, float[1,6] h) => (bool c1, float[1,6] next, float[1,6] o) {
                c1 = Identity(c0)
                e = Gather<axis = 0>(s, i)
                a = MatMul(e, wx)
                ab = Add(a, bx)
                g1 = MatMul(h, wh)
                gb = Add(g1, bh)
                u = Add(ab, gb)
                next = Tanh(u)
                o = Identity(next)
            }>
    }"""

FORMATS = ["--elementwise", "--format qoperator", "--format qoperator --elementwise",
           "--format qoperator --target generic", "--format dynamic", "--format dq",
           "--target generic", "--target qnn", "--target tensorrt",
           "--target generic --activations uint16"]

# name: (model, shapes of its initializers, layers that ONNX Runtime runs in integers)
MODELS = {
    "loop": (RECURRENT, dict(w0=(4, 1, 3, 3), b0=(4,), wx=(16, 6), bx=(6,), wh=(6, 6), bh=(6,)), 3),
    "loop_states": ("""
    <ir_version: 8, opset_import: ["" : 13]>
    g (float[5,8] x, float[1,6] h0) => (float[1,6] y)
    {
        n = Constant<value = int64 {5}>()
        y, wx1, wh1 = Loop (n, , h0, wx, wh) <
            body = b (int64 i, bool c0, float[1,6] h, float[8,6] v, float[6,6] w)
                   => (bool c1, float[1,6] next, float[8,6] v, float[6,6] w) {
                c1 = Identity(c0)
                e = Gather<axis = 0>(x, i)
                zero = Constant<value = int64[1] {0}>()
                f = Unsqueeze(e, zero)
                a = MatMul(f, v)
                ab = Add(a, bx)
                g1 = MatMul(h, w)
                gb = Add(g1, bh)
                u = Add(ab, gb)
                next = Tanh(u)
            }>
    }""", dict(wx=(8, 6), bx=(6,), wh=(6, 6), bh=(6,)), 2),
    "scan": ("""
    <ir_version: 8, opset_import: ["" : 16]>
    g (float[7,1,3,9] x, float[1,4,9] h0) => (float[1,4,9] y, float[7,1,4,9] all)
    {
        y, all = Scan (h0, x) <
            num_scan_inputs = 1,
            body = b (float[1,4,9] h, float[1,3,9] e) => (float[1,4,9] next, float[1,4,9] o) {
                a = Conv<pads = [1,1]>(e, wx, bx)
                r = Conv<pads = [1,1]>(h, wh, bh)
                s = Add(a, r)
                next = Tanh(s)
                o = Identity(next)
            }>
    }""", dict(wx=(4, 3, 3), bx=(4,), wh=(4, 4, 3), bh=(4,)), 2),
    "if_both": ("""
    <ir_version: 8, opset_import: ["" : 16]>
    g (float[1,3,10] x, float[1] k) => (float[1,A] y)
    {
        c = Conv(x, w0, b0)
        r = Relu(c)
        m = ReduceSum(k)
        zero = Constant<value = float {0}>()
        p = Less(m, zero)
        y = If (p) <
            then_branch = t () => (float[1,8] u) {
                d = Conv(r, w1, b1)
                f = Flatten(d)
                u = Gemm(f, w2, b2)
            },
            else_branch = e () => (float[1,8] v) {
                q = MaxPool<kernel_shape = [2], strides = [2]>(r)
                h = Flatten(q)
                v = Gemm<transB = 1>(h, w3, b3)
            }>
    }""", dict(w0=(4, 3, 3), b0=(4,), w1=(5, 4, 3), b1=(5,), w2=(30, 8), b2=(8,), w3=(8, 16),
               b3=(8,)), 4),
    # one weight in both branches and in the main graph
    "shared": ("""
    <ir_version: 8, opset_import: ["" : 16]>
    g (float[3,6] x, float[1] k) => (float[A,6] y, float[3,6] z)
    {
        z = MatMul(x, w)
        m = ReduceSum(k)
        zero = Constant<value = float {0}>()
        p = Less(m, zero)
        y = If (p) <
            then_branch = t () => (float[3,6] u) {
                n = Neg(x)
                u = MatMul(n, w)
            },
            else_branch = e () => (float[3,6] v) {
                h = Relu(x)
                i = MatMul(h, w)
                v = Add(i, b3)
            }>
    }""", dict(w=(6, 6), b3=(6,)), 3),
    "nested": ("""
    <ir_version: 8, opset_import: ["" : 16]>
    g (float[1,6] x) => (float[1,6] y)
    {
        n = Constant<value = int64 {4}>()
        y = Loop (n, , x) <
            body = b (int64 i, bool c0, float[1,6] h) => (bool c1, float[1,6] next) {
                c1 = Identity(c0)
                two = Constant<value = int64 {2}>()
                p = Less(i, two)
                next = If (p) <
                    then_branch = t () => (float[1,6] u) {
                        a = MatMul(h, w1)
                        u = Tanh(a)
                    },
                    else_branch = e () => (float[1,6] v) {
                        d = MatMul(h, w2)
                        f = Add(d, b2)
                        v = Sigmoid(f)
                    }>
            }>
    }""", dict(w1=(6, 6), w2=(6, 6), b2=(6,)), 2),
}
UNTAKEN = """
    <ir_version: 8, opset_import: ["" : 16]>
    g (float[2,6] x, float[1] k) => (float[2,6] y)
    {
        one = Constant<value = float[1] {100}>()
        p0 = Less(k, one)
        p = Squeeze(p0)
        y = If (p) <
            then_branch = t () => (float[2,6] u) { u = MatMul(x, w1) },
            else_branch = e () => (float[2,6] v) {
                a = MatMul(x, w2)
                v = Tanh(a)
            }>
    }"""


def nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from nodes(attribute.g)


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.random = np.random.RandomState(5)


class Bodies(Case):
    def build(self, text, shapes):
        model = onnx.parser.parse_model(text)
        for name, shape in shapes.items():
            value = self.random.normal(0, 0.4, shape).astype(np.float32)
            model.graph.initializer.append(numpy_helper.from_array(value, name))
        if "shape" in text:
            model.graph.initializer.append(numpy_helper.from_array(np.int64([12, 1, 16]), "shape"))
        path = self.directory / "float.onnx"
        onnx.save(model, path)
        samples = [{i.name: self.random.normal(0, 1, [d.dim_value for d in
                                                      i.type.tensor_type.shape.dim])
                    .astype(np.float32) for i in model.graph.input} for _ in range(12)]
        return path, samples

    def quantize(self, path, samples, *options):
        data = quern.write_samples(self.directory / "data", samples)
        out, report = self.directory / "int8.onnx", self.directory / "report.json"
        quern.run("quantize", path, "--data", data, "-o", out, "--report", report, *options)
        onnx.checker.check_model(onnx.load(out), full_check=True)
        return out, data, json.loads(report.read_text())

    def integer_layers(self, path):
        dump = self.directory / "optimized.onnx"
        quern.ort_session(path, dump=dump)
        count = collections.Counter(n.op_type for n in nodes(onnx.load(dump).graph))
        return sum(count[kind] for kind in INTEGER)

    def check_format(self, name, *options):
        """quern computes for the file what ONNX Runtime computes, with the error reported."""
        text, shapes, _ = MODELS[name]
        path, samples = self.build(text, shapes)
        out, data, report = self.quantize(path, samples, *options)
        exact, ours = quern.ort_run(path, samples), quern.simulate(out, data)
        # Optimized, ONNX Runtime rounds the inputs of dq's products, and the biases of tensorrt.
        fused = 0.1 if "tensorrt" in options or "dq" in options else 1e-2
        for how, limit in (False, 1e-2), (True, fused):
            theirs = quern.ort_run(out, samples, how and quern.sums_fit(options))
            for a, b in zip(ours, theirs, strict=True):
                for key in b:
                    np.testing.assert_allclose(a[key], b[key], rtol=0, atol=limit)
        figures = []
        for key in exact[0]:
            noise = sum(np.square(a[key] - b[key].astype(float)).sum()
                        for a, b in zip(ours, exact))
            signal = sum(np.square(b[key].astype(float)).sum() for b in exact)
            figures.append(10 * np.log10(signal / noise))
        self.assertGreater(min(figures), 12)
        self.assertLess(abs(np.mean(figures) - report["outputs"][0]["sqnr_db"]), 0.1)
        return onnx.load(out)

    def test_qoperator(self):
        """Layers in bodies become operators on codes."""
        model = self.check_format("if_both", "--format", "qoperator")
        branches = next(n for n in model.graph.node if n.op_type == "If").attribute
        self.assertEqual([{n.op_type for n in a.g.node} & INTEGER for a in branches],
                         [{"QLinearConv", "QGemm"}, {"QGemm"}])

    def check(self, name):
        text, shapes, integer = MODELS[name]
        path, samples = self.build(text, shapes)
        out, data, report = self.quantize(path, samples)
        self.assertEqual([layer["node"] for layer in report["layers"]
                          if not layer["quantized"]], [])
        self.assertEqual(len(report["layers"]), integer)
        self.assertEqual(self.integer_layers(out), integer)
        exact, ours = quern.ort_run(path, samples), quern.simulate(out, data)
        for theirs in quern.ort_run(out, samples), quern.ort_run(out, samples, False):
            for a, b in zip(ours, theirs, strict=True):
                for key in b:
                    np.testing.assert_allclose(a[key], b[key], rtol=0, atol=1e-2)
        figures = []
        for key in exact[0]:
            noise = sum(np.square(a[key] - b[key].astype(float)).sum()
                        for a, b in zip(ours, exact))
            signal = sum(np.square(b[key].astype(float)).sum() for b in exact)
            figures.append(10 * np.log10(signal / noise))
        self.assertGreater(min(figures), 15)
        self.assertAlmostEqual(np.mean(figures), report["outputs"][0]["sqnr_db"], 2)

    def test_untaken_branch(self):
        """A branch that no sample takes has no ranges: it stays as it was."""
        path, samples = self.build(UNTAKEN, dict(w1=(6, 6), w2=(6, 6)))
        out, _, report = self.quantize(path, samples)
        reasons = [layer.get("reason") for layer in report["layers"]]
        self.assertEqual(reasons, [None, "no sample of the data runs the body that it is in"])
        for sample in samples:
            sample["k"] = np.float32([200])
        for a, b in zip(quern.ort_run(out, samples), quern.ort_run(path, samples)):
            np.testing.assert_array_equal(a["y"], b["y"])

    def test_untaken_branch_that_moves_codes(self):
        """What passes the values of a layer on has their scale, and loses it with them."""
        text = UNTAKEN.replace("v = Tanh(a)", """b = Relu(a)
                order = Constant<value = int64[2] {1, 0}>()
                c = Gather<axis = 0>(b, order)
                v = MatMul(c, w3)""")
        path, samples = self.build(text, dict(w1=(6, 6), w2=(6, 6), w3=(6, 6)))
        out, _, report = self.quantize(path, samples)
        self.assertEqual([layer["quantized"] for layer in report["layers"]], [True, False, False])
        for sample in samples:
            sample["k"] = np.float32([200])
        for a, b in zip(quern.ort_run(out, samples), quern.ort_run(path, samples)):
            np.testing.assert_array_equal(a["y"], b["y"])

    def test_untaken_branch_of_units(self):
        """What computes on codes beside layers has no ranges there either."""
        text = UNTAKEN.replace("a = MatMul(x, w2)", "a = Mul(x, w2)")
        for model, target in ("layer", "qnn"), ("no layer", "qnn"), ("layer", "generic"):
            with self.subTest(f"{model} {target}"), tempfile.TemporaryDirectory() as directory:
                self.directory = pathlib.Path(directory)
                path, samples = self.build(UNTAKEN if model == "layer" else text,
                                           dict(w1=(6, 6), w2=(6, 6) if model == "layer" else (6,)))
                out, _, _ = self.quantize(path, samples, "--target", target, "--elementwise")
                for sample in samples:
                    sample["k"] = np.float32([200])
                for a, b in zip(quern.ort_run(out, samples), quern.ort_run(path, samples)):
                    np.testing.assert_allclose(a["y"], b["y"], rtol=0, atol=5e-2)

    def test_no_layer_is_run(self):
        path, samples = self.build(UNTAKEN.replace("u = MatMul(x, w1)", "u = Neg(x)"),
                                   dict(w2=(6, 6)))
        data = quern.write_samples(self.directory / "data", samples)
        done = quern.start("quantize", path, "--data", data, "-o", self.directory / "out.onnx")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no sample of the data runs the body that", done.stderr)


def frames(name, **state):
    return [{"input": frame.reshape(1, -1).astype(np.float32), "sr": np.array(16000), **state}
            for frame in np.load(quern.MATERIAL / name / "io/frames.npy")[::12]]


@unittest.skipUnless(quern.MATERIAL.is_dir(), f"there are no models at {quern.MATERIAL}")
class Material(Case):
    """Real models whose layers are in bodies, some of them all."""

    def check_real(self, name, samples, quantized, least, *options):
        """quantized: layers that are, of those in the report; least: dB in ONNX Runtime."""
        path = quern.MATERIAL / name / "model.onnx"
        data = quern.write_samples(self.directory / "data", samples)
        out, report = self.directory / "int8.onnx", self.directory / "report.json"
        quern.run("quantize", path, "--data", data, "-o", out, "--report", report, "--min-sqnr", 0,
                  *options)
        layers = json.loads(report.read_text())["layers"]
        self.assertEqual((sum(layer["quantized"] for layer in layers), len(layers)), quantized)
        exact, theirs = quern.ort_run(path, samples), quern.ort_run(out, samples)
        first = next(iter(exact[0]))
        noise = sum(np.square(a[first] - b[first].astype(float)).sum()
                    for a, b in zip(theirs, exact, strict=True))
        signal = sum(np.square(b[first].astype(float)).sum() for b in exact)
        self.assertGreater(10 * np.log10(signal / noise), least)

    def test_silero_vad_v6(self):
        state = np.zeros((2, 1, 128), np.float32)
        # on the samples that are looked at mse serves as well, but on the others it does not
        self.check_real("silero_vad_v6", frames("silero_vad_v6", state=state), (8, 14), 15,
                        "--observer", "min-max")

    def test_silero_vad_16k_op15(self):
        state = np.zeros((2, 1, 128), np.float32)
        self.check_real("silero_vad_16k_op15", frames("silero_vad_16k_op15", state=state), (7, 7),
                        15)

    def test_silero_vad_v4(self):
        state = np.zeros((2, 1, 64), np.float32)
        self.check_real("silero_vad_v4", frames("silero_vad_v4", h=state, c=state), (21, 40), 5)

    def test_oww_hey_jarvis(self):
        x = np.load(quern.MATERIAL / "oww_hey_jarvis/io/x.npy").astype(np.float32)
        self.check_real("oww_hey_jarvis", [{"x.1": v.reshape(1, 16, 96)} for v in x], (3, 6), 15)

    def test_cw_crnn_loop(self):
        path = quern.MATERIAL / "cw_crnn_loop"
        key = quern.ort_session(path / "model.onnx").get_inputs()[0].name
        x = np.load(path / "io/x_f16.npy").astype(np.float32)[:2, :200]
        self.check_real("cw_crnn_loop", [{key: v[None]} for v in x], (12, 12), 30)


for model_name in MODELS:
    setattr(Bodies, f"test_{model_name}", lambda self, name=model_name: self.check(name))
    for words in FORMATS:
        setattr(Bodies, f"test_{model_name} {words}", lambda self, name=model_name, given=words:
                self.check_format(name, *given.split()))


if __name__ == "__main__":
    unittest.main()
