# SPDX-License-Identifier: Apache-2.0
"""ConvTranspose for OpenVINO: in integers behind what is never negative, as quern simulates it."""
import pathlib
import tempfile
import unittest

import numpy as np
import quern
from quern import Net

FORMATS = ["qdq", "fakequantize"]


def decoder(net, rank=2, kernel=2, bias=True, **attributes):
    """Two transposed convolutions behind Relu."""
    x = net.node("Relu", net.input(1, 8, *[6] * rank))
    for channels in 8, 6:
        inputs = [x, net.weight(channels, 6, *[kernel] * rank, scale=0.2)]
        x = net.node("Relu", net.node("ConvTranspose", *inputs, *([net.bias(6)] if bias else []),
                                      strides=[2] * rank, **attributes))
    net.output(net.node("Conv", x, net.weight(4, 6, *[1] * rank), net.bias(4)))


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
        decoder(net, **CASES[case])
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


for case in CASES:
    for format in FORMATS:
        setattr(Transposed, f"test_{case}_{format}",
                lambda self, case=case, format=format: self.check(case, format))

if __name__ == "__main__":
    unittest.main()
