# SPDX-License-Identifier: Apache-2.0
"""Maxima, minima, sums for OpenVINO: what reads them stays float where it rounds them wrongly."""
import pathlib
import tempfile
import unittest

import numpy as np
import quern
from quern import Net

WRONG = "the runtime would compute the maxima, minima or sums that it reads wrongly"
AXES = [2, 3]
# What stands between a convolution and the layer of 12 channels behind it; does that stay float?
CASES = {
    "max": (lambda net, x: net.node("ReduceMax", x, axes=AXES, keepdims=0), True),
    "min": (lambda net, x: net.node("ReduceMin", x, axes=AXES, keepdims=0), True),
    "max_kept": (lambda net, x: net.node("ReduceMax", x, axes=AXES), True),
    "pool": (lambda net, x: net.node("GlobalMaxPool", x), True),
    "scaled": (lambda net, x: net.node("Sigmoid", net.node(
        "Mul", net.node("GlobalMaxPool", x), net.constant(0.7, np.float32))), True),
    "turned": (lambda net, x: net.node("ReduceMax", net.node("Transpose", x, perm=[0, 2, 3, 1]),
                                       axes=[1, 2], keepdims=0), True),
    "joined": (lambda net, x: net.node(
        "Concat", *(net.node(kind, net.node("Split", x, outputs=2, axis=1)[i], axes=AXES)
                    for i, kind in enumerate(("ReduceMean", "ReduceMax"))), axis=1), True),
    "flat": (lambda net, x: net.node("Flatten", net.node("GlobalMaxPool", x)), False),
    "sum": (lambda net, x: net.node("ReduceSum", x, net.constant([3], np.int64)), True),
    "product": (lambda net, x: net.node("ReduceProd", net.node("Sigmoid", x), axes=[3]), True),
    "mean": (lambda net, x: net.node("ReduceMean", x, axes=AXES, keepdims=0), False),
    "two": (lambda net, x: net.node("Add", net.node("GlobalMaxPool", x),
                                    net.node("GlobalAveragePool", x)), False),
}


def network(between):
    net = Net(5)
    x = net.node("Conv", net.input(1, 8, 9, 7), net.weight(12, 8, 3, 3), net.bias(12),
                 pads=[1, 1, 1, 1])
    x = between(net, x)
    flat = any(node.op_type == "Flatten" or any(a.name == "keepdims" for a in node.attribute)
               for node in net.nodes)
    net.output(net.node("MatMul", x, net.weight(12, 10, scale=0.3)) if flat else
               net.node("Conv", x, net.weight(10, 12, 3, 3), net.bias(10), pads=[1, 1, 1, 1],
                        strides=[2, 2]))
    return net


class Extremes(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def quantize(self, case, *options):
        """How far OpenVINO is from the simulation, and what the report says of the layers."""
        made = quern.Quantized(network(CASES[case][0]), self.directory, *options)
        return made.apart(quern.OpenVino(made.int8)(made.samples)), made.layers

    def check(self, case, format):
        apart, layers = self.quantize(case, "--target", "openvino", "--format", format)
        self.assertLess(apart, 0.02)
        self.assertEqual([layer.get("reason") for layer in layers],
                         [None, WRONG if CASES[case][1] else None])

    def test_the_rule_is_needed(self):
        """Without it OpenVINO computes something else. (Where this fails it no longer does.) Of
        sums and products it does so in the orders of memory that it takes for AMX."""
        with_amx = "amx_int8" in pathlib.Path("/proc/cpuinfo").read_text()
        recipe = self.directory / "recipe.yaml"
        recipe.write_text("target: trusting\ntargets:\n  trusting:\n    base: openvino\n"
                          "    wrong-extremes: false\n")
        for case in "max", "min", "max_kept", "pool", "turned", "joined", "sum", "product":
            with self.subTest(case):
                if case in ("sum", "product") and not with_amx:
                    self.skipTest("this processor has no AMX")
                apart, layers = self.quantize(case, "--recipe", recipe)
                self.assertEqual([layer.get("reason") for layer in layers], [None, None])
                self.assertGreater(apart, 0.04)

    def test_weights_only(self):
        """No quantizer, nothing wrong."""
        apart, layers = self.quantize("max", "--target", "openvino", "--format", "dq")
        self.assertEqual([layer.get("reason") for layer in layers], [None, None])
        self.assertLess(apart, 0.001)


for case in CASES:
    for format in "qdq", "fakequantize":
        setattr(Extremes, f"test_{case}_{format}",
                lambda self, case=case, format=format: self.check(case, format))

if __name__ == "__main__":
    unittest.main()
