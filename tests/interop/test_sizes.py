# SPDX-License-Identifier: Apache-2.0
"""Networks with a batch that is not known, whose size something needs at run time: OpenVINO looks
for it in the result of a convolution, and would drop the bias that comes behind."""
import pathlib
import tempfile
import unittest

import quern
from quern import Net, np

CHANNELS, HEIGHT, WIDTH, HIDDEN = 3, 8, 24, 12


def pictures():
    """The net, and what two convolutions with large biases make of its pictures."""
    net = Net(6)
    x = net.input("batch", CHANNELS, HEIGHT, WIDTH)
    for inputs, outputs in ((CHANNELS, 16), (16, 16)):
        x = net.node("Relu", net.node("Conv", x, net.weight(outputs, inputs, 3, 3),
                                      net.positive(outputs), pads=[1, 1, 1, 1], strides=[2, 1]))
    return net, x


def recurrent(kind, gates):
    """Columns of pictures as steps, as networks read text."""
    net, x = pictures()
    x = net.node("MaxPool", x, kernel_shape=[HEIGHT // 4, 1])
    x = net.node("Transpose", net.node("Squeeze", x, net.constant([2])), perm=[2, 0, 1])
    w = net.weight(1, gates * HIDDEN, 16)
    r = net.weight(1, gates * HIDDEN, HIDDEN)
    net.output(net.node(kind, x, w, r, hidden_size=HIDDEN, outputs=2)[0])
    return net


def expanded():
    """Zeros for each picture."""
    net, x = pictures()
    batch = net.node("Slice", net.node("Shape", x), net.constant([0]), net.constant([1]))
    shape = net.node("Concat", net.constant([1]), batch, net.constant([4]), axis=0)
    net.output(x, net.node("Expand", net.constant(np.zeros((1, 1, 1), np.float32)), shape))
    return net


class Sizes(unittest.TestCase):
    def check(self, net):
        for model in "qdq", "fakequantize":
            with self.subTest(model), tempfile.TemporaryDirectory() as directory:
                made = quern.Quantized(net, pathlib.Path(directory), "--target", "openvino",
                                       "--format", model)
                openvino = quern.OpenVino(made.int8)
                outputs, exact = openvino(made.samples), quern.ort_run(made.float, made.samples)
                convolutions = {verdict for kind, verdict in openvino.layers() if "Conv" in kind}
                self.assertEqual(convolutions, {"integer"})
                for theirs, real in zip(outputs, exact, strict=True):
                    for y, z in zip(theirs.values(), real.values(), strict=True):
                        self.assertLess(quern.relative_difference(y, z), 0.1)

    def test_recurrent(self):
        for kind, gates in (("LSTM", 4), ("GRU", 3)):
            with self.subTest(kind):
                self.check(recurrent(kind, gates))

    def test_expanded(self):
        self.check(expanded())


if __name__ == "__main__":
    unittest.main()
