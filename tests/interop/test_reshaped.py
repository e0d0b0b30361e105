# SPDX-License-Identifier: Apache-2.0
"""What a Reshape with a batch that is not known does to OpenVINO. Of matrix products whose rows
become another tensor's it would lose the scales of columns; and a convolution of every second
column, as TensorFlow writes it by a batch of two parts, it would not load.
"""
import itertools
import pathlib
import tempfile
import unittest

import onnx

import quern
from quern import Net, np

WIDTH, COLUMNS = 16, 8
FORMS = "bare", "Gemm", "zeros", "half", "bias behind"
SHAPES = {"shorter": [-1, 4, COLUMNS], "as long": [-1, COLUMNS, COLUMNS],
          "twice as long": [-1, 16, COLUMNS], "no multiple": [-1, 12, COLUMNS],
          "parts": [-1, 16, 2, 4], "a matrix": [-1, 4 * COLUMNS]}
ROWS = 96        # a multiple of all of them


class Anything(Net):
    """A net with any number of rows, or of pictures."""
    shape = ROWS, WIDTH

    def samples(self, count):
        return [{"x0": np.float32(self.random.normal(0, 1, self.shape))} for _ in range(count)]


def dense(shape, form):
    net = Anything(3)
    net.input("rows", WIDTH)
    y = net.node("MatMul", "x0", net.weight(WIDTH, COLUMNS)) if form != "Gemm" \
        else net.node("Gemm", "x0", net.weight(WIDTH, COLUMNS))
    if form == "zeros":
        y = net.node("Add", y, net.constant(np.zeros(COLUMNS, np.float32)))
    if form == "half":
        y = net.node("Cast", y, to=onnx.TensorProto.FLOAT16)
    y = net.node("Reshape", y, net.constant(shape))
    if form == "half":
        y = net.node("Cast", y, to=onnx.TensorProto.FLOAT)
    if form == "bias behind":
        y = net.node("Add", y, net.bias(shape[-1]))
    net.output(net.node("Sin", y))
    return net


def dilated():
    """Columns 0, 2, ... and 1, 3, ... are two pictures while the convolution is done."""
    net = Anything(4)
    net.shape = 3, COLUMNS, 1, WIDTH
    net.input("batch", COLUMNS, 1, WIDTH)
    parts = net.node("Reshape", "x0", net.constant([-1, COLUMNS, WIDTH // 2, 2]))
    parts = net.node("Transpose", parts, perm=[3, 0, 1, 2])
    parts = net.node("Reshape", parts, net.constant([-1, COLUMNS, 1, WIDTH // 2]))
    y = net.node("Conv", parts, net.weight(COLUMNS, COLUMNS, 1, 3), pads=[0, 1, 0, 1])
    y = net.node("Reshape", y, net.constant([2, -1, COLUMNS, WIDTH // 2]))
    y = net.node("Transpose", y, perm=[1, 2, 3, 0])
    net.output(net.node("Sin", net.node("Reshape", y, net.constant([-1, COLUMNS, WIDTH]))))
    return net


class Reshaped(unittest.TestCase):
    def check(self, net, *options):
        with tempfile.TemporaryDirectory() as directory:
            made = quern.Quantized(net, pathlib.Path(directory), "--target", "openvino", *options)
            openvino = quern.OpenVino(made.int8)
            outputs, exact = openvino(made.samples), quern.ort_run(made.float, made.samples)
        self.assertEqual([layer["runs"] for layer in made.layers], ["integer"])
        self.assertEqual([verdict for _, verdict in openvino.layers()], ["integer"])
        for theirs, real in zip(outputs, exact, strict=True):
            (y,), (z,) = theirs.values(), real.values()
            self.assertLess(quern.relative_difference(y, z), 0.1)

    def test_dense(self):
        for (name, shape), form, model in itertools.product(SHAPES.items(), FORMS,
                                                            ("qdq", "fakequantize")):
            with self.subTest(f"{name}, {form}, {model}"):
                self.check(dense(shape, form), "--format", model)

    def test_dilated(self):
        for model in "qdq", "fakequantize":
            with self.subTest(model):
                self.check(dilated(), "--format", model)


if __name__ == "__main__":
    unittest.main()
