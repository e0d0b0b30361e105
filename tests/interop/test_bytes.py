# SPDX-License-Identifier: Apache-2.0
"""Pictures of bytes that the model itself normalizes: OpenVINO would round what is subtracted."""
import pathlib
import tempfile
import unittest

import quern
from quern import Net, np, onnx

SHAPE = 1, 16, 16, 3
NEAR = 0.01    # of the simulation


class Pictures(Net):
    """A net of bytes, channels last, as TensorFlow has them."""

    def samples(self, count):
        return [{"x0": self.random.randint(0, 256, SHAPE).astype(np.uint8)} for _ in range(count)]


def normalized(factor, subtracted):
    net = Pictures(7)
    x = net.node("Cast", net.input(*SHAPE, type=onnx.TensorProto.UINT8),
                 to=onnx.TensorProto.FLOAT)
    x = net.node("Sub", net.node("Mul", x, net.constant(factor, np.float32)),
                 net.constant(subtracted, np.float32))
    x = net.node("Transpose", x, perm=[0, 3, 1, 2])
    # all of one sign, so that what is lost of each adds up
    x = net.node("Relu", net.node("Conv", x, net.constant(
        np.abs(net.random.normal(0, 0.2, (16, 3, 3, 3))), np.float32), net.bias(16)))
    net.output(net.node("Conv", x, net.weight(8, 16, 1, 1), net.bias(8)))
    return net


class Bytes(unittest.TestCase):
    def test_normalized(self):
        for factor, subtracted in (1 / 127.5, 1), (1 / 255, 0.485), (0.02, 2.1):
            for model in "qdq", "fakequantize":
                with self.subTest(f"{factor}, {subtracted}, {model}"), \
                        tempfile.TemporaryDirectory() as directory:
                    made = quern.Quantized(normalized(factor, subtracted),
                                           pathlib.Path(directory), "--target", "openvino",
                                           "--format", model)
                    openvino = quern.OpenVino(made.int8)
                    self.assertLess(made.apart(openvino(made.samples)), NEAR)
                    self.assertEqual({verdict for kind, verdict in openvino.layers()
                                      if "Conv" in kind}, {"integer"})


if __name__ == "__main__":
    unittest.main()
