# SPDX-License-Identifier: Apache-2.0
"""Blocks that make pictures of tokens and tokens of pictures: OpenVINO gets the tokens rounded,
and moves nothing then."""
import pathlib
import tempfile
import unittest

import quern
from quern import Net, np

SIZE = 8


def block(net, x, c):
    """Tokens through a wide layer, a depthwise convolution over their places, and back."""
    one = net.constant(np.ones(c), np.float32)
    normal = net.node("LayerNormalization", x, one, net.bias(c))
    wide = net.node("Add", net.node("MatMul", normal, net.weight(c, 2 * c)), net.bias(2 * c))
    y = net.node("Transpose", wide, perm=[0, 2, 1])
    y = net.node("Reshape", y, net.constant([1, 2 * c, SIZE, SIZE]))
    y = net.node("Conv", y, net.weight(2 * c, 1, 3, 3), net.bias(2 * c), group=2 * c, pads=[1] * 4)
    y = net.node("Reshape", y, net.constant([1, 2 * c, SIZE * SIZE]))
    y = net.node("Relu", net.node("Transpose", y, perm=[0, 2, 1]))
    return net.node("Add", x, net.node("MatMul", y, net.weight(2 * c, c)))


class Tokens(unittest.TestCase):
    def check(self, *options):
        net, c = Net(5), 16
        x = block(net, net.input(1, SIZE * SIZE, c), c)
        net.output(block(net, x, c))
        with tempfile.TemporaryDirectory() as directory:
            made = quern.Quantized(net, pathlib.Path(directory), "--target", "openvino", *options)
            openvino = quern.OpenVino(made.int8)
            outputs, exact = openvino(made.samples), quern.ort_run(made.float, made.samples)
            self.assertLess(made.apart(outputs), 0.02)
        self.assertEqual({layer["runs"] for layer in made.layers}, {"integer"})
        self.assertEqual({verdict for _, verdict in openvino.layers()}, {"integer"})
        copies = [step for step in openvino.model.get_runtime_model().get_ordered_ops()
                  if step.get_rt_info()["layerType"].astype(str) == "Transpose"
                  and tuple(step.get_output_partial_shape(0)) == (1, 2 * c, SIZE * SIZE)]
        self.assertEqual(copies, [])
        for theirs, real in zip(outputs, exact, strict=True):
            for key in real:
                self.assertLess(quern.relative_difference(theirs[key], real[key]), 0.05)

    def test_qdq(self):
        self.check()

    def test_fakequantize(self):
        self.check("--format", "fakequantize")


if __name__ == "__main__":
    unittest.main()
