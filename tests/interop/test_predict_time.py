# SPDX-License-Identifier: Apache-2.0
"""The time that `quern check` predicts for a quantized model, divided by the float model's: what
each term of the formulas is for, on nets that differ in that alone."""
import json
import pathlib
import tempfile
import unittest

import quern
from predict_nets import STEP, Net
from quern import helper, np, onnx

FLOAT, BOOL, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.BOOL, onnx.TensorProto.INT64


def value(name, type, *shape):
    return helper.make_tensor_value_info(name, type, shape)


def gaining():
    """A picture through a convolution that is faster in integers."""
    n = Net(1, 64, 40, 40)
    n.end(n.pair(n.conv(n.pair(), 64, 64, pads=1)))
    return n


def losing(n, x, times=1):
    """Rows of 16 elements through small products."""
    for _ in range(times):
        x = n.matmul(n.op("Tanh", n.pair(x)), 16, 16)
    return x


def loop(count, rows=None):
    """`losing` in a Loop of so many iterations, None: as many as it finds; or for each of `rows`,
    which the body gathers."""
    n, body = gaining(), Net(1, 16, prefix="b")
    x = "x"
    if rows:
        n.op("Identity", n.floats(rows, 1, 16))
        n.nodes[-1].output[0] = "rows"
        x = body.op("Add", "x", body.op("Gather", "rows", "i"))
    y, again = losing(body, x), body.op("Identity", "go")
    graph = helper.make_graph(
        body.nodes, "body", [value("i", INT64), value("go", BOOL), value("x", FLOAT, 1, 16)],
        [value(again, BOOL), value(y, FLOAT, 1, 16)], body.initializers)
    graph.input[2].name = "state"
    for node in graph.node:
        node.input[:] = ["state" if name == "x" else name for name in node.input]
    n.outputs.append(n.op("Loop", n.const(count, np.int64) if count else None,
                          None if count else n.const(True), n.floats(1, 16), body=graph))
    return n


def scan(rows):
    n, body = gaining(), Net(1, 16, prefix="b")
    y = losing(body, "row")
    graph = helper.make_graph(body.nodes, "body", [value("row", FLOAT, 1, 16)],
                              [value(y, FLOAT, 1, 16)], body.initializers)
    n.outputs.append(n.op("Scan", n.floats(rows, 1, 16), body=graph, num_scan_inputs=1))
    return n


def branches(inline):
    """`losing` in both branches of an If, of which one runs; or without an If."""
    n = gaining()
    if inline:
        n.outputs.append(losing(n, n.floats(1, 16), 40))
        return n
    graphs = []
    for prefix in ("then", "else"):
        body = Net(1, 16, prefix=prefix)
        y = losing(body, body.floats(1, 16), 40)
        graphs.append(helper.make_graph(body.nodes, prefix, [], [value(y, FLOAT, 1, 16)],
                                        body.initializers))
    go = n.op("Less", n.op("ReduceMean", "x", keepdims=0), n.const(0, np.float32))
    n.outputs.append(n.op("If", go, then_branch=graphs[0], else_branch=graphs[1]))
    return n


class PredictTime(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def ratio(self, net):
        path, out = net.save(self.directory / "net.onnx"), self.directory / "check.json"
        quern.run("check", path, "--json", out)
        quern.ort_session(path)
        return json.loads(out.read_text())["predicted_time"]

    def conv(self, n_in, n_out, *size, group=1, kernel=(3, 3), zero=100):
        """A convolution between codes."""
        n = Net(1, n_in, *size)
        w, scales = n.weight(n_out, n_in // group, *kernel)
        y = n.op("Conv", n.pair(), w, n.bias(scales), group=group,
                 pads=[k // 2 for k in kernel] * 2)
        return n.end(n.pair(y, zero=zero))

    def test_pointers(self):
        """Codes are read in place by a pointer for each element of the filter, whatever the
        channels; the output may have any multiple of 4 of at least 16."""
        self.assertGreater(self.ratio(self.conv(4, 16, 160, 160)), 1.1)
        self.assertLess(self.ratio(self.conv(64, 64, 40, 40)), 0.8)
        self.assertLess(1.2 * self.ratio(self.conv(64, 20, 40, 40)),
                        self.ratio(self.conv(64, 18, 40, 40)))

    def test_one_channel(self):
        """From one channel to one is depthwise in integers, and slow, though there is one group."""
        self.assertGreater(self.ratio(self.conv(1, 1, 1, 8000, kernel=(1, 255))), 1.5)
        self.assertLess(self.ratio(self.conv(1, 16, 1, 8000, kernel=(1, 255))), 1)

    def test_rows_outside(self):
        """A float kernel leaves out the rows of the filter that lie outside of the picture."""
        low, high = (self.ratio(self.conv(96, 96, rows, 4800 // rows, group=96, kernel=(5, 5)))
                     for rows in (2, 60))
        self.assertGreater(low, 1.3 * high)

    def test_grouped_rows(self):
        """Convolutions of rows make a product for each group, in float."""
        def rows(group):
            n = Net(1, 256, 8)
            w, scales = n.weight(256, 256 // group, 1)
            return n.end(n.op("Conv", n.pair(n.op("Sin", "x")), w, n.bias(scales), group=group))
        self.assertLess(self.ratio(rows(256)), self.ratio(rows(1)))

    def test_padded_channels(self):
        """Channels of zeros in front of a convolution are not in the float model."""
        def padded(channels, kept=4, order=()):
            n = Net(1, channels, 160, 160)
            scale, zero = n.const(STEP, np.float32), n.const(100, np.uint8)
            x = n.op("QuantizeLinear", "x", scale, zero)
            if channels < kept:
                x = n.op("Pad", x, n.ints(*[0] * 5, kept - channels, 0, 0), zero)
            if order:
                x = n.op("Gather", x, n.ints(*order), axis=1)
            x = n.op("DequantizeLinear", x, scale, zero)
            return n.end(n.pair(n.conv(x, 16, len(order) or kept, 5, pads=2)))
        self.assertGreater(self.ratio(padded(1)), 1.2 * self.ratio(padded(4)))
        spread = 0, 3, 1, 3, 2, 3, 3, 3
        self.assertGreater(self.ratio(padded(3, 4, spread)), 1.5 * self.ratio(padded(8, 8)))

    def test_readers(self):
        """Each reader of a DequantizeLinear gets one of its own."""
        one, two = Net(1, 64, 80, 80), Net(1, 64, 80, 80)
        for n, readers in ((one, 1), (two, 2)):
            x = n.pair(n.conv(n.pair(), 64, 64, pads=1))
            y = n.op("Tanh", x)
            n.outputs += [y, n.op("Exp", x if readers == 2 else y)]
        self.assertGreater(self.ratio(two), self.ratio(one) + 0.02)

    def test_relu(self):
        """A Relu goes into the QuantizeLinear behind it, if that begins at 0."""
        def summed(zero):
            n = Net(1, 32, 40, 40)
            x = n.pair()
            y = n.op("Relu", n.op("Add", n.conv(x, 32, 32, pads=1), n.op("Sin", x)))
            return n.end(n.pair(n.conv(n.pair(y, zero=zero), 32, 32, pads=1)))
        self.assertLess(self.ratio(summed(0)), self.ratio(summed(100)))

    def test_weights(self):
        """A weight that becomes float at each run keeps a convolution from float's own layout, and
        costs more where the scales go along the last axis."""
        n = Net(1, 64, 28, 28)
        n.end(n.op("Conv", n.op("Sin", "x"), n.weight(64, 64, 3, 3)[0], pads=[1] * 4))
        self.assertGreater(self.ratio(n), 1.3)

        def product(tensor):
            n = Net(16, 256)
            return n.end(n.gemm(n.op("Sin", "x"), None, 256, 256, attributes={"alpha": 0.5},
                                tensor=tensor))
        self.assertGreater(self.ratio(product(False)), 1.5 * self.ratio(product(True)))

    def test_loops(self):
        """A body counts as often as it runs."""
        for many, few in [(loop(2000), loop(2)), (loop(None, 2000), loop(None, 2)),
                          (scan(2000), scan(2))]:
            self.assertLess(self.ratio(few), 0.9)
            self.assertGreater(self.ratio(many), 1)

    def test_branches(self):
        self.assertAlmostEqual(self.ratio(branches(False)), self.ratio(branches(True)), delta=0.03)

    def test_small_nets(self):
        """What a run costs by itself is in both: no net of one small layer is twice as slow."""
        n = Net(1, 16)
        self.assertLess(self.ratio(n.end(n.gemm(n.pair()))), 1.5)


if __name__ == "__main__":
    unittest.main()
