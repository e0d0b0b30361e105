# SPDX-License-Identifier: Apache-2.0
"""LSTM, GRU and RNN with integer weights: what quern makes of them loads in ONNX Runtime, computes
what quern's executor computes, stays near the float model, and the report tells of each."""
import json
import pathlib
import tempfile
import unittest

import quern
from quern import Net, np, onnx

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STEPS, WIDTH = 12, 40


def recurrent(net, x, kind, hidden, width=WIDTH, directions=1, peepholes=False, **attributes):
    def weight(*shape):
        return net.constant(net.random.normal(0, 0.12, shape), np.float32)
    rows = GATES[kind] * hidden
    inputs = [x, weight(directions, rows, width), weight(directions, rows, hidden),
              weight(directions, 2 * rows)]
    if peepholes:
        inputs += ["", "", "", weight(directions, 3 * hidden)]
    return net.node(kind, *inputs, hidden_size=hidden,
                    direction="forward" if directions == 1 else "bidirectional", **attributes)


class QuantizeRecurrent(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.net = Net(3)

    def add(self, kind, hidden, x=None, **more):
        net = self.net
        x = x or net.input(STEPS, 1, WIDTH)
        y = recurrent(net, x, kind, hidden, **more)
        net.output(y)
        return y

    def quantize(self, *options, opset=17, calibrate=True):
        path = self.net.save(self.directory / "float.onnx", opset)
        samples = self.net.samples(12)
        data = quern.write_samples(self.directory / "data", samples)
        out, report = self.directory / "int8.onnx", self.directory / "report.json"
        given = ["--data", data] if calibrate else []
        quern.run("quantize", path, *given, "-o", out, "--report", report, *options)
        exact, ours = quern.ort_run(path, samples), quern.simulate(out, data)
        theirs = quern.ort_run(out, samples)
        for want, a, b in zip(exact, ours, theirs, strict=True):
            for key in want:
                self.assertLess(quern.relative_difference(a[key], b[key]), 0.03)
                noise = np.square(a[key] - want[key]).mean() / np.square(want[key]).mean()
                self.assertGreater(-10 * np.log10(noise + 1e-30), 20)
        layers = {layer["node"]: layer for layer in json.loads(report.read_text())["layers"]}
        return onnx.load(out), layers, path.stat().st_size / out.stat().st_size

    def test_lstm(self):
        self.add("LSTM", 64)
        model, layers, smaller = self.quantize()
        self.assertEqual([n.op_type for n in model.graph.node], ["DynamicQuantizeLSTM"])
        self.assertIn("int8", layers["LSTM_0"]["weight"])
        self.assertEqual(layers["LSTM_0"]["scales"], 256)
        self.assertGreater(smaller, 3)

    def test_two_directions(self):
        self.add("LSTM", 48, directions=2)
        model, layers, _ = self.quantize()
        self.assertEqual([n.op_type for n in model.graph.node], ["DynamicQuantizeLSTM"])
        self.assertEqual(layers["LSTM_0"]["scales"], 2 * 4 * 48)

    def test_peepholes(self):
        self.add("LSTM", 32, peepholes=True)
        self.assertEqual([n.op_type for n in self.quantize()[0].graph.node],
                         ["DynamicQuantizeLSTM"])

    def test_between_layers(self):
        net = self.net
        x = net.node("MatMul", net.input(STEPS, 1, 24), net.weight(24, WIDTH))
        y = net.node("Squeeze", recurrent(net, x, "LSTM", 32), net.constant([1], np.int64))
        net.output(net.node("MatMul", y, net.weight(32, 16)))
        model, layers, _ = self.quantize()
        self.assertEqual(quern.operators(model)["DynamicQuantizeLSTM"], 1)
        self.assertTrue(all(layer["quantized"] for layer in layers.values()))
        self.assertEqual(len(layers), 3)

    def dense_beside(self):
        x = self.net.input(5, 24)
        self.net.output(self.net.node("MatMul", x, self.net.weight(24, 8)))

    def test_stays_float(self):
        """One of each kind that does, with its reason."""
        net = self.net
        x = net.input(STEPS, 1, WIDTH)
        self.add("GRU", 32, x)
        self.add("RNN", 32, x)
        self.add("LSTM", 16, x)
        w = net.node("Mul", net.constant(np.ones((1, 128, WIDTH)), np.float32), net.input(1))
        net.output(net.node("LSTM", x, w, net.weight(1, 128, 32), hidden_size=32))
        self.dense_beside()
        model, layers, _ = self.quantize()
        self.assertNotIn("DynamicQuantizeLSTM", quern.operators(model))
        for node, reason in {"GRU_0": "no integer kernel", "RNN_1": "no integer kernel",
                             "LSTM_2": "so small",
                             "LSTM_4": "not constant"}.items():
            self.assertFalse(layers[node]["quantized"])
            self.assertIn(reason, layers[node]["reason"])

    def test_weights_only(self):
        x = self.net.input(STEPS, 1, WIDTH)
        for kind in GATES:
            self.add(kind, 48, x)
        self.add("GRU", 48, x, directions=2)
        self.dense_beside()
        model, layers, smaller = self.quantize("--recurrent", "weights")
        count = quern.operators(model)
        self.assertEqual([count[kind] for kind in GATES], [1, 2, 1])
        self.assertEqual(count["DequantizeLinear"], 8 + 2)
        self.assertTrue(all(layer["quantized"] for layer in layers.values()))
        self.assertGreater(smaller, 3)

    def test_formats(self):
        for i, (words, calibrate, lstm, dequantize) in enumerate((
                ("--format qoperator", True, 0, 0),
                ("--format qoperator --recurrent weights", True, 1, 4),
                ("--format dynamic", True, 0, 0), ("--format dynamic", False, 0, 0),
                ("--format dynamic --recurrent weights", False, 1, 4),
                ("--format dq", False, 1, 1), ("--format dq", True, 1, 1),
                ("--format dq --recurrent weights", False, 1, 5))):
            with self.subTest(f"{words} {calibrate}"), tempfile.TemporaryDirectory() as directory:
                self.directory = pathlib.Path(directory)
                self.net = Net(3)
                x = self.net.input(STEPS, 1, WIDTH)
                self.add("LSTM", 48, x)
                self.add("GRU", 48, x)
                self.dense_beside()
                model, layers, _ = self.quantize(*words.split(), calibrate=calibrate)
                count = quern.operators(model)
                self.assertEqual((count["LSTM"], count["DequantizeLinear"]), (lstm, dequantize))
                self.assertEqual(layers["LSTM_0"]["quantized"], not lstm or "weights" in words)

    def test_only_lstm_without_data(self):
        self.add("LSTM", 64)
        model, _, smaller = self.quantize("--format", "dynamic", calibrate=False)
        self.assertEqual([n.op_type for n in model.graph.node], ["DynamicQuantizeLSTM"])
        self.assertGreater(smaller, 3)

    def test_only_lstm_dq(self):
        self.add("LSTM", 64)
        path = self.net.save(self.directory / "float.onnx", 17)
        done = quern.start("quantize", path, "--format", "dq", "-o", self.directory / "out.onnx")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no layer", done.stderr)

    def test_weights_only_openvino(self):
        self.add("GRU", 48)
        self.dense_beside()
        model, layers, _ = self.quantize("--recurrent", "weights", "--target", "openvino")
        self.assertIn("does not load", layers["GRU_0"]["reason"])
        quern.OpenVino(self.directory / "int8.onnx")

    def test_float(self):
        self.add("LSTM", 48)
        self.dense_beside()
        model, layers, _ = self.quantize("--recurrent", "float")
        self.assertEqual(quern.operators(model)["LSTM"], 1)
        self.assertIn("--recurrent float", layers["LSTM_0"]["reason"])

    def test_skip_node(self):
        self.add("LSTM", 48)
        self.dense_beside()
        _, layers, _ = self.quantize("--skip-node", "LSTM*")
        self.assertIn("--skip-node", layers["LSTM_0"]["reason"])

    def test_unknown_word(self):
        done = quern.start("quantize", "x.onnx", "--data", "x", "-o", "y.onnx", "--recurrent", "on")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--recurrent: unknown word 'on'", done.stderr)


if __name__ == "__main__":
    unittest.main()
