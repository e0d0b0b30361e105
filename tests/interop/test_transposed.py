# SPDX-License-Identifier: Apache-2.0
"""ConvTranspose: OpenVINO runs it in integers behind what is never negative; elsewhere, and for
ONNX Runtime, it becomes a Conv. Both compute what quern simulates."""
import pathlib
import tempfile
import unittest

import numpy as np
import quern
from quern import Net

FORMATS = ["qdq", "fakequantize"]


def decoder(net, channels, rank=2, kernel=2, stride=2, bias=True, activation="Relu",
            **attributes):
    """Two transposed convolutions behind an activation."""
    x = net.node(activation, net.input(1, channels[0], *[6] * rank))
    for before, behind in zip(channels, channels[1:]):
        inputs = [x, net.weight(before, behind, *[kernel] * rank, scale=0.2)]
        x = net.node("ConvTranspose", *inputs, *([net.bias(behind)] if bias else []),
                     strides=[stride] * rank, **attributes)
        x = net.node(activation, x)
    net.output(net.node("Conv", x, net.weight(4, channels[-1], *[1] * rank), net.bias(4)))


SPLIT = {
    "plain": {},
    "stride_1": {"kernel": 3, "stride": 1, "dilations": [1, 2], "pads": [1, 0, 1, 2]},
    "touching": {"kernel": 4, "pads": [1, 1, 1, 1]},
    "padded": {"kernel": 3, "bias": False, "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
    "sound": {"rank": 1, "kernel": 16, "stride": 8, "pads": [4, 4]},
}
CASES = {
    "plain": {},
    "no_bias": {"bias": False},
    "padded": {"kernel": 3, "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
    "dilated": {"kernel": 3, "dilations": [2, 2]},
    "sound": {"rank": 1, "kernel": 4},
}


class Transposed(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def check(self, case, format):
        net = Net(3)
        decoder(net, (8, 6, 6), **CASES[case])
        made = quern.Quantized(net, self.directory, "--target", "openvino", "--format", format)
        self.assertTrue(all(layer["runs"] == "integer" for layer in made.layers), made.layers)
        model = quern.OpenVino(made.int8)
        self.assertEqual(model.layers(), {("Deconvolution", "integer"): 2,
                                          ("Convolution", "integer"): 1})
        outputs, exact = model(made.samples), quern.ort_run(made.float, made.samples)
        self.assertLess(made.apart(outputs), 0.02)
        for theirs, real in zip(outputs, exact, strict=True):
            for key in real:
                self.assertLess(quern.relative_difference(theirs[key], real[key]), 0.06)

    def check_split(self, case):
        """No ConvTranspose is left, and nothing between the layers is in float."""
        net = Net(3)
        decoder(net, (64, 64, 16), **SPLIT[case])
        made = quern.Quantized(net, self.directory)
        self.assertEqual([layer["runs"] for layer in made.layers], ["integer"] * 3)
        found = quern.ort_operators(made.int8)
        self.assertEqual((found["QLinearConv"], found["ConvTranspose"]), (3, 0))
        self.assertEqual((found["QuantizeLinear"], found["DequantizeLinear"]), (1, 1))
        outputs, exact = quern.ort_run(made.int8, made.samples), quern.ort_run(made.float,
                                                                               made.samples)
        self.assertLess(made.apart(outputs), 1e-6)
        for theirs, real in zip(outputs, exact, strict=True):
            for key in real:
                self.assertLess(quern.relative_difference(theirs[key], real[key]), 0.06)

    def check_split_openvino(self, case, format):
        """What may be negative has a zero point, with which a Conv runs in integers."""
        net = Net(3)
        decoder(net, (64, 64, 16), activation="LeakyRelu", **SPLIT[case])
        made = quern.Quantized(net, self.directory, "--target", "openvino", "--format", format)
        self.assertEqual([layer["runs"] for layer in made.layers], ["integer"] * 3)
        model = quern.OpenVino(made.int8)
        self.assertEqual(model.layers(), {("Convolution", "integer"): 3})
        outputs, exact = model(made.samples), quern.ort_run(made.float, made.samples)
        self.assertLess(made.apart(outputs), 0.02)
        for theirs, real in zip(outputs, exact, strict=True):
            for key in real:
                self.assertLess(quern.relative_difference(theirs[key], real[key]), 0.06)

    def test_small(self):
        """Where there is little to multiply it stays what it is, and float."""
        net = Net(3)
        decoder(net, (16, 16, 16))
        made = quern.Quantized(net, self.directory)
        self.assertEqual(quern.ort_operators(made.int8)["ConvTranspose"], 2)
        self.assertEqual([layer["quantized"] for layer in made.layers], [False, False, True])

    def test_skipped(self):
        """One that the user wants in float stays what it is."""
        net = Net(3)
        decoder(net, (64, 64, 16))
        made = quern.Quantized(net, self.directory, "--skip-node", "ConvTranspose_3")
        found = quern.ort_operators(made.int8)
        self.assertEqual((found["QLinearConv"], found["ConvTranspose"]), (2, 1))

    def test_negative_input(self):
        """With a zero point at its input the kernel would be a float one."""
        net = Net(4)
        x = net.node("Relu", net.node("Conv", net.input(1, 8, 6, 6), net.weight(8, 8, 1, 1)))
        x = net.node("Sub", x, net.constant(1, np.float32))
        net.output(net.node("ConvTranspose", x, net.weight(8, 6, 2, 2), net.bias(6)))
        made = quern.Quantized(net, self.directory, "--target", "openvino")
        self.assertEqual([layer.get("reason") for layer in made.layers],
                         [None, "its input may be negative, and then has a zero point"])
        self.assertEqual(quern.OpenVino(made.int8).layers()["Deconvolution", "float"], 1)


for case in SPLIT:
    setattr(Transposed, f"test_{case}_split", lambda self, case=case: self.check_split(case))
    for format in FORMATS:
        setattr(Transposed, f"test_{case}_split_openvino_{format}",
                lambda self, case=case, format=format: self.check_split_openvino(case, format))
for case in CASES:
    for format in FORMATS:
        setattr(Transposed, f"test_{case}_{format}",
                lambda self, case=case, format=format: self.check(case, format))

if __name__ == "__main__":
    unittest.main()
