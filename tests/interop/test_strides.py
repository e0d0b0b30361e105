# SPDX-License-Identifier: Apache-2.0
"""Stages of a ResNet whose strides stand in its convolutions of 1x1, as Caffe's and Keras' are:
OpenVINO would move the strides across quantizers, and run those convolutions in float."""
import pathlib
import tempfile
import unittest

import quern
from quern import Net


def block(net, x, c, strides):
    """Three convolutions and the shortcut; the first ones of a stage have its strides."""
    y = net.node("Conv", x, net.weight(c, 4 * c, 1, 1), net.bias(c), strides=[strides] * 2)
    y = net.node("Relu", y)
    y = net.node("Relu", net.node("Conv", y, net.weight(c, c, 3, 3), net.bias(c), pads=[1] * 4))
    y = net.node("Conv", y, net.weight(4 * c, c, 1, 1), net.bias(4 * c))
    if strides > 1:
        x = net.node("Conv", x, net.weight(4 * c, 4 * c, 1, 1), net.bias(4 * c),
                     strides=[strides] * 2)
    return net.node("Relu", net.node("Add", y, x))


class Strides(unittest.TestCase):
    def check(self, runtime, target, *options):
        net, c = Net(4), 8
        x = net.input("N", 3, 24, 24)
        x = net.node("Relu", net.node("Conv", x, net.weight(4 * c, 3, 3, 3), net.bias(4 * c)))
        for strides in 1, 2, 1, 2, 1:
            x = block(net, x, c, strides)
        net.output(net.node("GlobalAveragePool", x))
        self.compare(net, runtime, target, *options)

    def compare(self, net, runtime, target, *options):
        with tempfile.TemporaryDirectory() as directory:
            made = quern.Quantized(net, pathlib.Path(directory), "--target", target, *options)
            model = runtime(made.int8)
            outputs, exact = model(made.samples), quern.ort_run(made.float, made.samples)
        self.assertEqual({layer["runs"] for layer in made.layers}, {"integer"})
        self.assertEqual({verdict for _, verdict in model.layers()}, {"integer"})
        for theirs, real in zip(outputs, exact, strict=True):
            (y,), (z,) = theirs.values(), real.values()
            self.assertLess(quern.relative_difference(y, z), 0.1)

    def test_openvino(self):
        self.check(quern.OpenVino, "openvino")

    def test_no_convolution_before(self):
        """Nothing to move the strides to: they are taken in front of the quantizer."""
        for name, kind, more in (("joined", "Concat", {"axis": 1}), ("pooled", "MaxPool", {}),
                                 ("means", "AveragePool", {})):
            with self.subTest(name):
                net = Net(5)
                x = net.input("N", 8, 16, 16)
                inputs = (x, net.node("Sigmoid", x)) if kind == "Concat" else (x,)
                window = {} if kind == "Concat" else {"kernel_shape": [2, 2]}
                y = net.node(kind, *inputs, **more, **window)
                y = net.node("Conv", y, net.weight(8, 8 * len(inputs), 1, 1), net.bias(8),
                             strides=[2, 2])
                y = net.node("Conv", net.node("Relu", y), net.weight(8, 8, 3, 3), net.bias(8))
                net.output(y)
                self.compare(net, quern.OpenVino, "openvino")

    def test_fakequantize(self):
        self.check(quern.OpenVino, "openvino", "--format", "fakequantize")


if __name__ == "__main__":
    unittest.main()
