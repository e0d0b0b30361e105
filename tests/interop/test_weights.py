# SPDX-License-Identifier: Apache-2.0
"""Wherever a weight is and whatever stands between it and its layer, the layer is quantized, or the
report says why not. Quantized ones run in integers in ONNX Runtime, which computes what quern's
executor does; the error that quern reports from its simulation is the error of the file."""
import collections
import json
import pathlib
import tempfile
import unittest
import zlib

import quern
from quern import Net, helper, np, onnx

FLOAT16, BFLOAT16 = onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16
FLOAT, DOUBLE = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
INTEGER = {"QLinearConv", "MatMulIntegerToFloat", "QGemm", "QLinearMatMul"}
CASES = {}      # name -> (function(net) that adds the nodes and names the outputs, what is said)


def case(integer=1, reason=None, opset=17):
    """integer: how many layers are quantized; reason: what is said of a layer that is not."""
    def add(function):
        CASES[function.__name__] = (function, integer, reason, opset)
        return function
    return add


def rows(net, size=32):
    return net.input("batch", size)


def image(net, channels=8, *size):
    return net.input("batch", channels, *(size or (10, 10)))


def dense(net, x, weight):
    net.output(net.node("MatMul", x, weight))


# Where it is


@case()
def constant_node(net):
    value = net.random.normal(0, 0.2, (32, 16)).astype(np.float32)
    dense(net, rows(net), net.node("Constant", value=quern.numpy_helper.from_array(value)))


@case()
def behind_identity(net):
    dense(net, rows(net), net.node("Identity", net.weight(32, 16)))


@case()
def behind_transpose(net):
    dense(net, rows(net), net.node("Transpose", net.weight(16, 32), perm=[1, 0]))


@case()
def behind_reshape(net):
    w = net.node("Reshape", net.weight(32, 4, 4), net.constant([32, -1], np.int64))
    dense(net, rows(net), w)


@case()
def behind_squeeze(net):
    w = net.node("Squeeze", net.weight(1, 32, 16), net.constant([0], np.int64))
    dense(net, rows(net), w)


@case()
def behind_unsqueeze(net):
    w = net.node("Unsqueeze", net.weight(12, 8), net.constant([2, 3], np.int64))
    net.output(net.node("Conv", image(net), w))


@case()
def behind_cast_from_float16(net):
    w = net.constant(net.random.normal(0, 0.2, (32, 16)), np.float16)
    dense(net, rows(net), net.node("Cast", w, to=FLOAT))


@case()
def behind_cast_from_double(net):
    w = net.constant(net.random.normal(0, 0.2, (32, 16)), np.float64)
    dense(net, rows(net), net.node("Cast", w, to=FLOAT))


@case()
def behind_all_of_them(net):
    w = net.constant(net.random.normal(0, 0.2, (1, 16, 4, 8)), np.float16)
    w = net.node("Identity", net.node("Squeeze", w, net.constant([0], np.int64)))
    w = net.node("Reshape", net.node("Cast", w, to=FLOAT), net.constant([16, 32], np.int64))
    dense(net, rows(net), net.node("Transpose", w, perm=[1, 0]))


@case(integer=3)
def shared(net):
    x, w = rows(net), net.weight(32, 32)
    y = net.node("Relu", net.node("MatMul", x, w))
    y = net.node("Relu", net.node("MatMul", y, w))
    net.output(net.node("Gemm", y, w, net.bias(32), transB=1))


@case()
def shared_with_an_add(net):
    w = net.weight(32, 32)
    y = net.node("Relu", net.node("MatMul", net.input(32, 32), w))
    net.output(net.node("Mul", y, w))


@case(integer=2)
def shared_convolutions(net):
    w, b = net.weight(8, 8, 3, 3), net.bias(8)
    y = net.node("Relu", net.node("Conv", image(net), w, b, pads=[1] * 4))
    net.output(net.node("Conv", y, w, b, dilations=[2, 2]))


@case(integer=0, reason="both inputs are activations")
def not_constant(net):
    dense(net, rows(net), net.node("Mul", net.input(32, 16), net.weight(32, 16)))


# Of which type


def cast_layer(kind, net, dtype, constants, x, **attributes):
    """A layer in another float type, in a model whose inputs and outputs are float32."""
    constants = [net.node("Cast", c, to=dtype) for c in constants]
    y = net.node(kind, net.node("Cast", x, to=dtype), *constants, **attributes)
    net.output(net.node("Cast", y, to=FLOAT))


@case()
def float16_matmul(net):
    cast_layer("MatMul", net, FLOAT16, [net.weight(32, 16)], rows(net))


@case()
def float16_conv(net):
    cast_layer("Conv", net, FLOAT16, [net.weight(12, 8, 3, 3), net.bias(12)], image(net))


@case()
def double_gemm(net):
    cast_layer("Gemm", net, DOUBLE, [net.weight(32, 16), net.bias(16)], rows(net))


@case()
def double_matmul(net):
    cast_layer("MatMul", net, DOUBLE, [net.weight(32, 16)], rows(net))


# Gemm and MatMul


@case(integer=4)
def gemm_transpositions(net):
    x = net.input(24, 32)
    for a, b, n in (0, 1, 20), (1, 0, 16), (1, 1, 28), (0, 0, 8):
        k = 24 if a else 32
        w = net.weight(n, k) if b else net.weight(k, n)
        net.output(net.node("Gemm", x, w, net.bias(n), transA=a, transB=b))


@case()
def gemm_all(net):
    net.output(net.node("Gemm", net.input(32, "batch"), net.weight(16, 32), net.bias(16), transA=1,
                        transB=1, alpha=0.5, beta=2.0))


@case(integer=2)
def residual(net):
    """ONNX Runtime would make a float Gemm of MatMul and Add."""
    x = net.input(4, 32)
    y = net.node("Add", net.node("MatMul", x, net.weight(32, 32)), x)
    net.output(net.node("Add", net.node("MatMul", y, net.weight(32, 16)), net.weight(4, 16)))


@case(integer=4)
def relu_read_in_float(net):
    """ONNX Runtime would run a matrix product in float whose Relu a float operator reads."""
    x = net.input(4, 32)
    a = net.node("Relu", net.node("MatMul", x, net.weight(32, 16)))
    b = net.node("Clip", net.node("Gemm", x, net.weight(32, 16), net.bias(16)),
                 net.constant(0, np.float32), net.constant(6, np.float32))
    y = net.node("Mul", a, net.node("Neg", b))
    c = net.node("Relu", net.node("Add", net.node("MatMul", y, net.weight(16, 16)), net.bias(16)))
    d = net.node("MatMul", c, net.weight(16, 8))
    net.output(net.node("Neg", c), d)


@case()
def gemm_bias_matrix(net):
    net.output(net.node("Gemm", net.input(4, 32), net.weight(32, 16), net.weight(4, 16)))


@case()
def gemm_bias_fed(net):
    net.output(net.node("Gemm", rows(net), net.weight(32, 16), net.input(16)))


@case()
def weight_first(net):
    net.output(net.node("MatMul", net.weight(24, 32), net.input(32, 7)))


@case()
def weight_first_rank_4(net):
    net.output(net.node("MatMul", net.weight(24, 32), net.input("batch", 3, 32, 7)))


@case(integer=0, reason="its weight is the first operand, and no matrix")
def weight_first_batch(net):
    net.output(net.node("MatMul", net.weight(3, 24, 32), net.input(3, 32, 7)))


@case(integer=2)
def weight_first_and_second(net):
    w = net.weight(16, 16)
    net.output(net.node("Relu", net.node("MatMul", w, net.node("MatMul", net.input(16, 16), w))))


@case()
def batch_of_matrices(net):
    dense(net, net.input(3, 7, 32), net.weight(3, 32, 16))


@case()
def batch_of_matrices_rank_4(net):
    dense(net, net.input("batch", 3, 7, 32), net.weight(1, 3, 32, 16))


@case(integer=0, reason="its weight is a vector")
def vector(net):
    net.output(net.node("MatMul", rows(net), net.weight(32)))


# Conv


@case()
def conv_1d(net):
    net.output(net.node("Conv", image(net, 8, 20), net.weight(12, 8, 5), net.bias(12)))


@case()
def conv_3d(net):
    net.output(net.node("Conv", image(net, 16, 6, 6, 6), net.weight(16, 16, 3, 3, 3)))


@case(integer=2)
def conv_groups(net):
    y = net.node("Conv", image(net), net.weight(16, 4, 3, 3), net.bias(16), group=2)
    y = net.node("Conv", y, net.weight(16, 1, 3, 3), net.bias(16), group=16)
    net.output(net.node("Relu", y))


@case(integer=0, reason="no integer kernel")
def conv_transpose(net):
    net.output(net.node("ConvTranspose", image(net), net.weight(8, 6, 3, 3), net.bias(6)))


@case(integer=0, reason="its bias is not a constant")
def conv_bias_fed(net):
    net.output(net.node("Conv", image(net), net.weight(12, 8, 3, 3), net.input(12)))


@case(integer=0, reason="its weight is not a constant")
def conv_weight_fed(net):
    net.output(net.node("Conv", image(net), net.input(12, 8, 3, 3)))


class Weights(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def save(self, name):
        function, integer, reason, opset = CASES[name]
        net = Net(zlib.crc32(name.encode()))
        function(net)
        return net.save(self.directory / "float.onnx", opset), net.samples(12), integer, reason

    def check(self, name):
        path, samples, integer, reason = self.save(name)
        self.check_file(path, samples, integer, reason)

    def check_file(self, path, samples, integer, reason=None):
        data = quern.write_samples(self.directory / "data", samples)
        out, report = self.directory / "int8.onnx", self.directory / "report.json"
        done = quern.start("quantize", path, "--data", data, "-o", out, "--report", report)
        if not integer:
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(reason, done.stderr)
            return None
        self.assertEqual(done.returncode, 0, done.stderr)
        onnx.checker.check_model(onnx.load(out), full_check=True)
        report = json.loads(report.read_text())
        self.assertEqual(sum(layer["quantized"] for layer in report["layers"]), integer)
        count = quern.ort_operators(out)
        self.assertEqual(sum(count[kind] for kind in INTEGER), integer, count)
        self.compare(path, out, data, samples, report["outputs"][0]["sqnr_db"])
        return out

    def compare(self, path, out, data, samples, reported):
        exact, ours = quern.ort_run(path, samples), quern.simulate(out, data)
        for theirs in quern.ort_run(out, samples), quern.ort_run(out, samples, False):
            for a, b in zip(ours, theirs, strict=True):
                for key in b:
                    self.assertLess(quern.relative_difference(a[key], b[key]), 0.01, key)
        figures = []
        for key in exact[0]:
            noise = sum(np.square(a[key] - b[key].astype(float)).sum()
                        for a, b in zip(ours, exact))
            signal = sum(np.square(b[key].astype(float)).sum() for b in exact)
            figures.append(10 * np.log10(signal / noise))
        self.assertGreater(min(figures), 20)
        ends = {name for node in onnx.load(out).graph.node for name in node.output
                if node.op_type in ("DequantizeLinear", "Cast")}
        if not ends & set(exact[0]):   # the figure is that of outputs before they are rounded
            self.assertAlmostEqual(np.mean(figures), reported, delta=0.2)

    def test_formats(self):
        """Optimized, ONNX Runtime rounds the inputs of dq's products."""
        for name in CASES:
            path, samples, integer, _ = self.save(name)
            if not integer:
                continue
            with tempfile.TemporaryDirectory() as directory:
                data = quern.write_samples(pathlib.Path(directory) / "data", samples)
                for words in "--format qoperator", "--format dynamic", "--format dq", \
                        "--samples 2", "--target qnn", "--target generic --activations uint16":
                    with self.subTest(f"{name} {words}"):
                        self.check_format(path, data, samples, words.split())

    def check_format(self, path, data, samples, options):
        out = self.directory / "int8.onnx"
        quern.run("quantize", path, "--data", data, "-o", out, *options)
        onnx.checker.check_model(onnx.load(out), full_check=True)
        ours = quern.simulate(out, data)
        for optimize, limit in (False, 0.01), (True, 0.05 if "dq" in options else 0.01):
            theirs = quern.ort_run(out, samples, optimize and quern.sums_fit(options))
            for a, b in zip(ours, theirs, strict=True):
                for key in b:
                    self.assertLess(quern.relative_difference(a[key], b[key]), limit, key)

    def test_external_data(self):
        path, samples, integer, _ = self.save("shared")
        model = onnx.load(path)
        onnx.save(model, path, save_as_external_data=True, location="weights.bin",
                  size_threshold=0)
        self.check_file(path, samples, integer)

    def test_listed_as_input(self):
        """Initializers that are graph inputs too, as files of IR version 3 have them."""
        path, samples, integer, _ = self.save("conv_groups")
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type,
                                                                   tensor.dims))
        model.ir_version = 3
        onnx.save(model, path)
        out = self.check_file(path, samples, integer)
        self.assertEqual(len(onnx.load(out).graph.input), 1)

    def embedding(self, add, *options):
        """A table and what `add`(net, table, rows) puts behind: types of the tables left, notes."""
        net = Net(5)
        table = net.weight(300, 24, scale=0.5)
        index = net.input("batch", 7, type=onnx.TensorProto.INT64)
        rows = net.node("Gather", table, index)
        net.output(*add(net, table, rows))
        path = net.save(self.directory / "float.onnx", 17)
        samples = [{index: net.random.randint(0, 300, (2, 7))} for _ in range(8)]
        data = quern.write_samples(self.directory / "data", samples)
        out, report = self.directory / "int8.onnx", self.directory / "report.json"
        quern.run("quantize", path, "--data", data, "-o", out, "--report", report, *options)
        exact, ours = quern.ort_run(path, samples), quern.simulate(out, data)
        for theirs in quern.ort_run(out, samples), quern.ort_run(out, samples, False):
            for a, b in zip(ours, theirs, strict=True):
                for key in b:
                    self.assertLess(quern.relative_difference(a[key], b[key]), 0.01, key)
        for a, b in zip(ours, exact):
            for key in b:
                self.assertLess(quern.relative_difference(a[key], b[key]), 0.03)
        types = [t.data_type for t in onnx.load(out).graph.initializer if list(t.dims) == [300, 24]]
        notes = {p["name"]: p["notes"] for p in json.loads(report.read_text())["passes"]}
        return types, notes["quantize-embeddings"]

    def test_embedding(self):
        types, notes = self.embedding(lambda net, table, rows: [
            net.node("MatMul", rows, net.weight(24, 16)), net.node("Neg", rows)])
        self.assertEqual(types, [onnx.TensorProto.INT8])
        self.assertIn("1 Gathers of int8 rows: kept", notes[0])

    def test_embedding_that_is_a_weight_too(self):
        types, _ = self.embedding(lambda net, table, rows: [
            net.node("MatMul", net.node("Tanh", rows), net.node("Transpose", table, perm=[1, 0]))])
        self.assertEqual(types, [onnx.TensorProto.INT8])

    def test_embedding_read_in_float(self):
        types, notes = self.embedding(lambda net, table, rows: [
            net.node("MatMul", rows, net.weight(24, 16)),
            net.node("Add", table, net.node("ReduceMean", rows, axes=[0, 1], keepdims=0))])
        self.assertEqual((types, notes), ([FLOAT], []))

    def test_openvino(self):
        """The same layers in OpenVINO."""
        for name in ("weight_first", "weight_first_rank_4", "gemm_all", "float16_matmul",
                     "float16_conv", "shared"):
            with self.subTest(name), tempfile.TemporaryDirectory() as directory:
                self.directory = pathlib.Path(directory)
                path, samples, integer, _ = self.save(name)
                data = quern.write_samples(self.directory / "data", samples)
                out = self.directory / "int8.onnx"
                quern.run("quantize", path, "--data", data, "-o", out, "--target", "openvino")
                model = quern.OpenVino(out)
                self.assertEqual(sum(n for (_, t), n in model.layers().items()
                                     if t == "integer"), integer, model.layers())
                for a, b in zip(quern.simulate(out, data), model(samples), strict=True):
                    for left, right in zip(a.values(), b.values(), strict=True):
                        self.assertLess(quern.relative_difference(left, right), 0.02)


for case_name in CASES:
    setattr(Weights, f"test_{case_name}", lambda self, name=case_name: self.check(name))


if __name__ == "__main__":
    unittest.main()
