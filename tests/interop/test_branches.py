# SPDX-License-Identifier: Apache-2.0
"""Branches that networks are trained with are one layer in the integer model, and their sum is
rounded once."""
import pathlib
import tempfile
import unittest

import quern
from quern import Net


def repvgg(net, x, c):
    """A 3x3 and a 1x1 convolution and the input, normalized."""
    large = net.node("Conv", x, net.weight(c, c, 3, 3, scale=0.2), pads=[1] * 4)
    small = net.node("Conv", x, net.weight(c, c, 1, 1, scale=0.4))
    both = net.node("Add", net.batch_norm(large, c), net.batch_norm(small, c))
    return net.node("Relu", both)


def mobileone(net, x, c):
    """Several depthwise convolutions of both sizes, and the input."""
    total = net.batch_norm(x, c)
    for kernel in 1, 3, 3:
        branch = net.node("Conv", x, net.weight(c, 1, kernel, kernel, scale=0.4), group=c,
                          pads=[kernel // 2] * 4)
        total = net.node("Add", total, net.batch_norm(branch, c))
    return net.node("Relu", total)


def fastvit(net, x, c):
    """The input and, scaled, what a depthwise convolution makes of it beyond itself."""
    mixed = net.node("Conv", x, net.weight(c, 1, 3, 3, scale=0.4), net.bias(c), group=c,
                     pads=[1] * 4)
    change = net.node("Sub", mixed, net.batch_norm(x, c))
    return net.node("Add", x, net.node("Mul", change, net.weight(c, 1, 1)))


def acnet(net, x, c):
    """A square and two flat windows."""
    flat = net.node("Add",
                    net.node("Conv", x, net.weight(c, c, 1, 3, scale=0.2), pads=[0, 1, 0, 1]),
                    net.node("Conv", x, net.weight(c, c, 3, 1, scale=0.2), pads=[1, 0, 1, 0]))
    square = net.node("Conv", x, net.weight(c, c, 3, 3, scale=0.2), pads=[1] * 4)
    return net.node("Relu", net.node("Add", square, flat))


class Branches(unittest.TestCase):
    def check(self, block):
        net, c = Net(4), 16
        x = net.node("Conv", net.input(1, 3, 12, 12), net.weight(c, 3, 3, 3), net.bias(c))
        x = block(net, block(net, net.node("Relu", x), c), c)
        net.output(net.node("Conv", x, net.weight(4, c, 1, 1), net.bias(4)))
        made = quern.Quantized(net, self.directory)
        found = quern.ort_operators(made.int8)
        self.assertEqual(found["QLinearConv"], 4)
        self.assertFalse({"Conv", "Add", "QLinearAdd", "Mul"} & set(found), found)
        theirs = quern.ort_run(made.int8, made.samples)
        self.assertLess(made.apart(theirs), 1e-6)
        for mine, real in zip(theirs, quern.ort_run(made.float, made.samples), strict=True):
            for key in real:
                self.assertLess(quern.relative_difference(mine[key], real[key]), 0.05)
        openvino = quern.OpenVino(made.int8)
        self.assertEqual(openvino.layers(), {("Convolution", "integer"): 4})

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_repvgg(self):
        self.check(repvgg)

    def test_mobileone(self):
        self.check(mobileone)

    def test_fastvit(self):
        self.check(fastvit)

    def test_acnet(self):
        self.check(acnet)


if __name__ == "__main__":
    unittest.main()
