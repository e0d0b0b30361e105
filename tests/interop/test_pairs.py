# SPDX-License-Identifier: Apache-2.0
"""Sums of two products in 16 bits: what runtimes compute on processors without VNNI is what quern
simulates, for weights whose neighbours are large and of one sign, inputs that reach the highest
code, and every kind of layer that has integer kernels. Where the processor has VNNI all of it
holds anyway, but for what the codes themselves show."""
import tempfile
import unittest

import numpy as np
import onnx
import quern

NEAR = 0.01     # of the largest output: a code of one either way


class Positive(quern.Net):
    """All weights and inputs are positive, and many of them near the largest."""

    def weight(self, *shape, scale=None):
        return self.constant(self.random.uniform(0.2, 1, shape) / np.prod(shape[1:]), np.float32)

    def samples(self, count=1):
        return [{name: np.sqrt(np.abs(np.tanh(x))) for name, x in sample.items()}
                for sample in super().samples(count)]


def conv(channels, *kernel, group=1, outputs=8):
    def make(net):
        x = net.input(1, channels, *(kernel[-1] + 5 for _ in kernel))
        y = net.node("Conv", x, net.weight(outputs, channels // group, *kernel), group=group)
        return net.node("Relu", y)
    return make


def matmul(rows, depth):
    return lambda net: net.node("MatMul", net.input(rows, depth), net.weight(depth, 8))


def gemm(net):
    return net.node("Gemm", net.input(3, 24), net.weight(8, 24), net.bias(8), transB=1)


def picture(net):
    x = net.node("Conv", net.input(1, 3, 64, 64), net.weight(16, 3, 3, 3), net.bias(16))
    return net.node("Relu", x)


def transposed(net):
    x = net.node("Relu", net.input(1, 8, 6, 6))
    return net.node("ConvTranspose", x, net.weight(8, 6, 2, 2), strides=[2, 2])


def lstm(net):
    hidden = 32
    w, r = (net.constant(net.random.uniform(0.1, 1, (1, 4 * hidden, k)) / k, np.float32)
            for k in (hidden, hidden))
    y, _, _ = net.node("LSTM", net.input(6, 1, hidden), w, r, outputs=3, hidden_size=hidden)
    return y


LAYERS = {
    "conv": conv(8, 3, 3), "conv_of_odd_channels": conv(5, 3, 3), "conv_of_pictures": conv(3, 3, 3),
    "picture": picture, "conv_of_four_channels": conv(4, 3, 3),
    "conv_of_one_channel": conv(1, 3, 3), "pointwise": conv(16, 1, 1), "conv_1d": conv(6, 5),
    "grouped": conv(12, 3, 3, group=2, outputs=36), "depthwise": conv(8, 3, 3, group=8),
    "matmul": matmul(9, 24), "row": matmul(1, 24), "odd_row": matmul(1, 23), "gemm": gemm,
}


class Pairs(unittest.TestCase):
    def made(self, make, *options):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        net = Positive(3)
        net.output(make(net))
        return quern.Quantized(net, directory.name, "--min-sqnr", 0, *options)

    def check_ort(self, make, *options, integer=True):
        q = self.made(make, *options)
        if integer:
            self.assertTrue(any(kind.startswith(("QLinear", "QGemm", "MatMulInteger", "Dynamic"))
                                for kind in quern.ort_operators(q.int8)))
        self.assertLess(q.apart(quern.ort_run(q.int8, q.samples)), NEAR)

    def check_openvino(self, make, *options):
        q = self.made(make, "--target", "openvino", *options)
        runtime = quern.OpenVino(q.int8)
        self.assertIn("integer", {verdict for _, verdict in runtime.layers()})
        self.assertLess(q.apart(runtime(q.samples)), NEAR)

    def test_qoperator(self):
        self.check_ort(LAYERS["conv_of_odd_channels"], "--format", "qoperator")

    def test_dynamic(self):
        self.check_ort(LAYERS["matmul"], "--format", "dynamic")

    def test_asymmetric_weights(self):
        self.check_ort(LAYERS["conv"], "--weights", "int8,asymmetric")

    def test_one_scale(self):
        self.check_ort(LAYERS["conv"], "--weights", "int8,tensor")

    def test_signed_inputs(self):
        self.check_ort(LAYERS["matmul"], "--activations", "int8")

    def test_fakequantize(self):
        self.check_openvino(LAYERS["conv"], "--format", "fakequantize")

    def test_transposed(self):
        self.check_openvino(transposed)

    def test_lstm(self):
        q = self.made(lstm)
        self.assertIn("DynamicQuantizeLSTM", quern.ort_operators(q.int8))
        self.assertLess(q.apart(quern.ort_run(q.int8, q.samples)), NEAR)

    def matrix(self, make, *options):
        """The model, its constants, and the name of the matrix of codes that alone is there."""
        q = self.made(make, *options)
        model = onnx.load(q.int8)
        constants = quern.initializers(model)
        return q, model, constants, next(name for name, w in constants.items()
                                         if w.dtype == np.int8 and w.ndim == 2)

    def largest_sum(self, *options):
        """Of the codes of two neighbours."""
        _, _, constants, name = self.matrix(matmul(4, 16), *options)
        return (constants[name][0::2].astype(int) + constants[name][1::2]).max()

    def product(self, *options):
        """Codes and scales of a product's weight, and the largest sum on the data."""
        def make(net):
            x = net.input(60, 32)
            return net.node("Gemm", x, net.weight(256, 32), net.bias(256), transB=1)
        options = "--effort", 1, "--enough-sqnr", 0, "--observer", "min-max", *options
        q, model, constants, name = self.matrix(make, *options)
        inputs = {node.op_type: [constants.get(value) for value in node.input]
                  for node in model.graph.node if node.input[0] in ("x0", name)}
        _, scale, zero = inputs["QuantizeLinear"]
        codes, scales, _ = inputs["DequantizeLinear"]
        x = np.concatenate([sample["x0"] for sample in q.samples])
        x = np.clip(np.rint(x / scale) + zero, 0, 255).astype(int)[:, :, None]
        w = codes.T.astype(int) if codes.shape[0] == 256 else codes.astype(int)
        return codes, scales, np.abs(x[:, 0::2] * w[0::2] + x[:, 1::2] * w[1::2]).max()

    def test_rounding(self):
        """Codes that second moments choose fit as well, and stay where biases are corrected."""
        nearest, _, _ = self.product("--skip", "round-weights,correct-bias")
        chosen, scales, largest = self.product("--skip", "correct-bias")
        self.assertGreater((chosen != nearest).mean(), 0.05)
        self.assertLessEqual(largest, 32767)
        corrected, corrected_scales, _ = self.product()
        np.testing.assert_array_equal(corrected, chosen)
        np.testing.assert_allclose(corrected_scales, scales, rtol=1e-6)

    def test_processors(self):
        """Only for processors with VNNI all codes are used."""
        self.assertLessEqual(self.largest_sum(), 129)
        self.assertGreater(self.largest_sum("--cpu", "vnni"), 200)

    @unittest.skipUnless(quern.adds_in_16_bits(), "this processor adds products in 32 bits")
    def test_what_happens_else(self):
        q = self.made(LAYERS["conv"], "--cpu", "vnni")
        self.assertGreater(q.apart(quern.ort_run(q.int8, q.samples)), 10 * NEAR)


def check_in(runtime, make):
    return lambda self: getattr(self, f"check_{runtime}")(make)


for name, make in LAYERS.items():
    for runtime in ("ort", "openvino"):
        setattr(Pairs, f"test_{name}_in_{runtime}", check_in(runtime, make))

if __name__ == "__main__":
    unittest.main()
