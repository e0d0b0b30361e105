# SPDX-License-Identifier: Apache-2.0
"""A Concat of something else than channels in front of a layer, for OpenVINO: it loads and runs in
integers, as quern simulates it."""
import itertools
import pathlib
import tempfile
import unittest

import numpy as np
import quern
from quern import Net

BETWEEN = {
    "nothing": lambda net, x: x,
    "relu": lambda net, x: net.node("Relu", x),
    "turn": lambda net, x: net.node("Transpose", net.node("Transpose", x, perm=[1, 0, 2]),
                                    perm=[1, 0, 2]),
    "slice": lambda net, x: net.node("Slice", x, net.constant([1], np.int64),
                                     net.constant([9], np.int64), net.constant([1], np.int64)),
}


def products(axis, between):
    net = Net(5)
    x, y = net.input(2, 6, 16), net.input(2, 6, 16)
    x = BETWEEN[between](net, net.node("Concat", x, net.node("Sigmoid", y), axis=axis))
    net.output(net.node("Add", net.node("MatMul", x, net.weight(32 if axis % 3 == 2 else 16, 10)),
                        net.bias(10)))
    return net


def convolutions(axis):
    net = Net(5)
    x = net.node("Conv", net.input(1, 8, 9, 7), net.weight(12, 8, 3, 3), pads=[1, 1, 1, 1])
    x = net.node("Concat", x, net.node("Sigmoid", x), axis=axis)
    net.output(net.node("Conv", x, net.weight(10, 24 if axis == 1 else 12, 3, 3), net.bias(10)))
    return net


class Balanced(Net):
    """Its data reach as far below 0 as above, so that a range has its zero in the middle."""

    def samples(self, count):
        return [{info.name: np.float32(np.clip(self.random.normal(0, 1, (1, 8, 9, 7)), -1, 1))
                 for info in self.inputs} for _ in range(count)]


def balanced(axis):
    net = Balanced(5)
    x, y = net.input(1, 8, 9, 7), net.input(1, 8, 9, 7)
    x = net.node("Concat", x, y, axis=axis)
    net.output(net.node("Conv", x, net.weight(10, 16 if axis == 1 else 8, 3, 3), net.bias(10)))
    return net


class ConcatAxes(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def quantize(self, net, *options):
        """What is made of it, and OpenVINO's model of that."""
        made = quern.Quantized(net, self.directory, *options, count=4)
        return made, quern.OpenVino(made.int8)

    def check(self, net, kind, count, format):
        made, model = self.quantize(net, "--target", "openvino", "--format", format)
        self.assertEqual(model.layers(), {(kind, "integer"): count})
        self.assertEqual([layer["runs"] for layer in made.layers], ["integer"] * count)
        self.assertLess(made.apart(model(made.samples)), 0.02)

    def test_balanced(self):
        """OpenVINO gives FakeQuantize the codes that it can compute with; where signed ones are
        written it is wrong."""
        for axis, format in itertools.product((0, 1), ("qdq", "fakequantize")):
            with self.subTest(f"{axis}, {format}"):
                self.check(balanced(axis), "Convolution", 1, format)

    def test_the_rule_is_needed(self):
        """Without it OpenVINO does not load a product, and a convolution is float. (Where this
        fails they are not.)"""
        recipe = self.directory / "recipe.yaml"
        recipe.write_text("target: trusting\ntargets:\n  trusting:\n    base: openvino\n"
                          "    moves-quantizers: false\n")
        _, model = self.quantize(convolutions(2), "--recipe", recipe)
        self.assertEqual(model.layers()["Convolution", "float"], 1)
        with self.assertRaises(RuntimeError):
            self.quantize(products(1, "nothing"), "--recipe", recipe)


for axis, between, format in itertools.product((0, 1, 2, -1), BETWEEN, ("qdq", "fakequantize")):
    setattr(ConcatAxes, f"test_product_{axis}_{between}_{format}".replace("-", "minus"),
            lambda self, axis=axis, between=between, format=format:
            self.check(products(axis, between), "FullyConnected", 1, format))
for axis, format in itertools.product((1, 2, 3), ("qdq", "fakequantize")):
    setattr(ConcatAxes, f"test_convolution_{axis}_{format}",
            lambda self, axis=axis, format=format:
            self.check(convolutions(axis), "Convolution", 2, format))

if __name__ == "__main__":
    unittest.main()
