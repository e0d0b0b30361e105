# SPDX-License-Identifier: Apache-2.0
"""Chains of matrix products of few rows, which OpenVINO makes one kernel of. It is wrong where a
product but the last has no bias: what it adds is memory that nobody wrote, and may be zeros."""
import itertools
import pathlib
import tempfile
import unittest

import quern
from quern import Net, np, numpy_helper, onnx

WIDTHS = 64, 32, 64, 16
BIASES = "no bias", "zeros", "bias"


def chain(rows, biases):
    net = Net(5)
    y = net.input(rows, WIDTHS[0])
    for i, bias in enumerate(biases):
        y = net.node("MatMul", y, net.weight(WIDTHS[i], WIDTHS[i + 1]))
        if bias == "zeros":
            y = net.node("Add", y, net.constant(np.zeros(WIDTHS[i + 1], np.float32)))
        elif bias == "bias":
            y = net.node("Add", y, net.bias(WIDTHS[i + 1]))
        if i < len(biases) - 1:
            y = net.node("Relu", y)
    net.output(y)
    return net


def without_least_sums(path):
    """The model as other tools write it."""
    model = onnx.load(path)
    least = {tensor.name for tensor in model.graph.initializer
             if 0 < np.abs(numpy_helper.to_array(tensor)).max() < 1e-36}
    for node in [node for node in model.graph.node if least & set(node.input)]:
        for other in model.graph.node:
            other.input[:] = [node.input[0] if name == node.output[0] else name
                              for name in other.input]
        model.graph.node.remove(node)
    onnx.save(model, path)
    return len(least)


class Chains(unittest.TestCase):
    def check(self, net, model):
        with tempfile.TemporaryDirectory() as directory:
            made = quern.Quantized(net, pathlib.Path(directory), "--target", "openvino",
                                   "--format", model)
            outputs = quern.OpenVino(made.int8)(made.samples)
            exact = quern.ort_run(made.float, made.samples)
        for theirs, real in zip(outputs, exact, strict=True):
            (y,), (z,) = theirs.values(), real.values()
            self.assertLess(quern.relative_difference(y, z), 0.1)

    def test_chains(self):
        for rows, model in itertools.product((1, 4, 8, 16), ("qdq", "fakequantize")):
            for biases in (*itertools.product(BIASES, repeat=2), ("bias", "no bias", "no bias")):
                with self.subTest(f"{rows} rows, {', '.join(biases)}, {model}"):
                    self.check(chain(rows, biases), model)

    def test_check_tells(self):
        for rows, biases, wrong in ((1, ("no bias", "bias"), 1), (8, ("zeros", "no bias"), 1),
                                    (4, ("bias", "no bias"), 0), (16, ("no bias", "bias"), 0)):
            with self.subTest(f"{rows} rows, {', '.join(biases)}"), \
                    tempfile.TemporaryDirectory() as directory:
                made = quern.Quantized(chain(rows, biases), pathlib.Path(directory),
                                       "--target", "openvino")
                self.assertEqual(quern.start("check", made.int8, "-t", "openvino").returncode, 0)
                self.assertEqual(without_least_sums(made.int8), wrong)
                done = quern.start("check", made.int8, "-t", "openvino")
                self.assertEqual(done.returncode, wrong)
                self.assertEqual("the next product" in done.stdout, bool(wrong), done.stdout)


if __name__ == "__main__":
    unittest.main()
