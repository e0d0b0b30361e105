# SPDX-License-Identifier: Apache-2.0
"""Layers whose integer kernels are slower than float ones: what stays float stays so in ONNX
Runtime, and the user is told of the rest."""
import json
import pathlib
import tempfile
import unittest

import numpy as np
import predict_nets
import quern
from quern import Net, onnx


class SlowLayers(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def quantize(self, net, *options):
        path, samples = net.save(self.directory / "float.onnx"), net.samples(8)
        data = self.directory / "data"
        if not data.exists():
            quern.write_samples(data, samples)
        out, report = self.directory / "int8.onnx", self.directory / "report.json"
        self.said = quern.run("quantize", path, "--data", data, "-o", out, "--report", report,
                              *options)
        self.report = json.loads(report.read_text())
        return out, data

    def check(self, out, data, config=None, **kinds):
        """Kernels of ONNX Runtime, which computes what quern simulates."""
        found = quern.ort_operators(out)
        self.assertEqual({kind: found[kind] for kind in kinds}, kinds)
        samples = [dict(np.load(file)) for file in sorted(data.glob("*.npz"))]
        for ours, theirs in zip(quern.simulate(out, data),
                                quern.ort_run(out, samples, config=config), strict=True):
            for key in theirs:
                self.assertLess(quern.relative_difference(ours[key], theirs[key]), 1e-3)

    def chain(self, activation=None, pool=False):
        """Three convolutions; the one in the middle is called Conv_..., as all nodes are."""
        net = Net(5)
        x = net.input(1, 8, 12, 12)
        for _ in range(3):
            x = net.node("Conv", x, net.weight(8, 8, 3, 3), net.bias(8), pads=[1] * 4)
            if activation:
                x = net.node(activation, x)
            if pool and len(net.nodes) < 4:
                x = net.node("MaxPool", x, kernel_shape=[2, 2])
        net.output(x)
        return net, [node.name for node in net.nodes if node.op_type == "Conv"][1]

    def test_float_between_quantized(self):
        for options in {}, {"activation": "Relu"}, {"activation": "Relu", "pool": True}:
            with self.subTest(options):
                net, middle = self.chain(**options)
                out, data = self.quantize(net, "--skip-node", middle)
                self.check(out, data, QLinearConv=2, Clip=1)
                weights = [w.shape for w in quern.initializers(onnx.load(out)).values()
                           if w.dtype == np.float32 and w.ndim == 4]
                self.assertEqual(weights, [(8, 8, 3, 3)])
                found = quern.ort_operators(out)
                self.assertEqual(found["Conv"] + found["FusedConv"], 1)

    def test_gate(self):
        """x * Sigmoid(x) between layers is one kernel."""
        net = Net(8)
        x = net.node("Conv", net.input(1, 8, 12, 12), net.weight(16, 8, 3, 3), net.bias(16))
        x = net.node("Mul", x, net.node("Sigmoid", x))
        net.output(net.node("Conv", x, net.weight(8, 16, 1, 1), net.bias(8)))
        out, data = self.quantize(net)
        self.check(out, data, QLinearConv=2, QuickGelu=1)

    def test_small_groups(self):
        """Many groups with a few outputs each stay float; depthwise ones do not."""
        net = Net(6)
        x = net.node("Relu", net.node("Conv", net.input(1, 8, 28, 28), net.weight(64, 8, 1, 1),
                                      net.bias(64)))
        x = net.node("Relu", net.node("Conv", x, net.weight(64, 1, 3, 3), net.bias(64), group=64))
        x = net.node("Relu", net.node("Conv", x, net.weight(256, 1, 3, 3), net.bias(256),
                                      group=64))
        net.output(net.node("Conv", x, net.weight(8, 256, 1, 1), net.bias(8)))
        out, data = self.quantize(net)
        self.assertEqual([layer.get("reason") for layer in self.report["layers"]],
                         [None, None, "the target's float kernel is much faster for so small "
                                      "groups", None])
        self.check(out, data, QLinearConv=3)
        self.quantize(net, "--target", "openvino")
        self.assertTrue(all(layer["quantized"] for layer in self.report["layers"]))

    def reasons(self, net, *options):
        """Why each layer stays float; None: it does not."""
        with tempfile.TemporaryDirectory() as directory:
            self.directory = pathlib.Path(directory)
            self.quantize(net, *options)
        return [layer.get("reason") for layer in self.report["layers"]]

    def test_small_products(self):
        """Products of at most 16 channels over 256 rows and more stay float, if not all would."""
        reason = "the target's float kernel is faster for so few channels"
        for rows, c, m, why in ((256, 16, 16, reason), (255, 16, 16, None), (256, 17, 16, None),
                                (256, 16, 17, None)):
            net = Net(7)
            x = net.node("Elu", net.node("MatMul", net.input(1, rows, 32), net.weight(32, c)))
            x = net.node("Elu", net.node("MatMul", x, net.weight(c, m)))
            net.output(net.node("MatMul", x, net.weight(m, 32)))
            for target in "onnxruntime", "openvino":
                with self.subTest((rows, c, m, target)):
                    self.assertEqual(self.reasons(net, "--target", target), [None, why, None])

    def test_small_products_alone(self):
        net = Net(7)
        x = net.node("Elu", net.node("MatMul", net.input(1, 300, 16), net.weight(16, 16)))
        net.output(net.node("MatMul", x, net.weight(16, 16)))
        self.assertEqual(self.reasons(net), [None, None])

    def test_many_rows_of_weight(self):
        """Few are rounded where the weight comes first."""
        net = Net(7)
        x = net.node("Elu", net.node("MatMul", net.weight(300, 16), net.input(16, 16)))
        net.output(net.node("MatMul", x, net.weight(16, 32)))
        self.assertEqual(self.reasons(net), [None, None])

    def test_depthwise(self):
        """They stay in integers, also where a float kernel alone would be faster."""
        net = Net(6)
        x = net.node("Relu", net.node("Conv", net.input(1, 8, 2, 96), net.weight(88, 8, 1, 1),
                                      net.bias(88)))
        x = net.node("Relu", net.node("Conv", x, net.weight(88, 1, 5, 5), net.bias(88), group=88,
                                      pads=[2] * 4))
        net.output(net.node("Conv", x, net.weight(8, 88, 1, 1), net.bias(8)))
        out, data = self.quantize(net)
        self.check(out, data, QLinearConv=3)

    def test_pictures(self):
        """Three channels become four where that pays, or eight where sums are short; no bit of the
        outputs changes."""
        for inputs, outputs, step, padded, apart in [(3, 16, 2, 1, 1), (1, 20, 1, 1, 0),
                                                     (3, 12, 2, 0, 1), (3, 16, 4, 0, 1),
                                                     (4, 16, 1, 0, 1), (5, 12, 1, 0, 0)]:
            with self.subTest((inputs, outputs)), tempfile.TemporaryDirectory() as directory:
                self.directory, net = pathlib.Path(directory), Net(9)
                x = net.input("batch", inputs, "height", "width")
                x = net.node("Relu", net.node("Conv", x, net.weight(outputs, inputs, 3, 3),
                                              net.bias(outputs), strides=[step] * 2))
                net.output(net.node("Conv", x, net.weight(8, outputs, 1, 1), net.bias(8)))
                path = net.save(self.directory / "float.onnx")
                samples = [{"x0": net.random.normal(0, 1, (1, inputs, 64, 64)).astype(np.float32)}
                           for _ in range(4)]
                data = quern.write_samples(self.directory / "data", samples)
                outs = []
                out = self.directory / "any.onnx"
                quern.run("quantize", path, "--data", data, "-o", out)
                self.check(out, data, QLinearConv=2, Pad=padded or apart, Gather=apart)
                for i, options in enumerate([(), ("--skip", "pad-channels")]):
                    out = self.directory / f"{i}.onnx"
                    quern.run("quantize", path, "--data", data, "-o", out, "--cpu", "vnni",
                              *options)
                    self.check(out, data, quern.EXACT_SUMS, QLinearConv=2, Pad=padded * (1 - i))
                    outs.append(quern.ort_run(out, samples, config=quern.EXACT_SUMS))
                for ours, theirs in zip(*outs):
                    for key in ours:
                        np.testing.assert_array_equal(ours[key], theirs[key])

    def net(self, channels, size):
        """Two convolutions over size."""
        net = Net(7)
        x = net.input(1, channels, *size)
        for _ in range(2):
            w = net.weight(channels, channels, *[3] * len(size))
            x = net.node("Relu", net.node("Conv", x, w, net.bias(channels)))
        net.output(x)
        return net

    def test_volumes(self):
        """Of volumes with few channels the weight alone is rounded, unless a recipe asks."""
        why = "the target's float kernel is faster for volumes of so few channels"
        for channels, integer, text in [
                (5, 0, None), (16, 2, None),
                (5, 2, "rules: [{operators: Conv, quantize: all}]"),
                (5, 2, "target: t\ntargets: {t: {base: onnxruntime, slow-volumes: false}}")]:
            with self.subTest((channels, text)), tempfile.TemporaryDirectory() as directory:
                self.directory = pathlib.Path(directory)
                recipe = self.directory / "recipe.yaml"
                recipe.write_text(text or "{}")
                net = self.net(channels, (12, 12, 12))
                out, data = self.quantize(net, "--recipe", recipe)
                self.check(out, data, QLinearConv=integer, FusedConv=2 - integer)
                self.assertEqual([layer["quantized"] for layer in self.report["layers"]],
                                 [True, True])
                weights = [w.dtype for w in quern.initializers(onnx.load(out)).values()
                           if w.ndim == 5]
                self.assertEqual(weights, [np.dtype(np.int8)] * 2)
                told = sum(why in row["why"] for row in self.report["nodes"])
                self.assertEqual(told, 2 - integer)
                notes = [p["notes"] for p in self.report["passes"] if p["name"] == "place"][0]
                self.assertEqual(any(why in note for note in notes), integer == 0)
                shown = quern.run("show", self.directory / "float.onnx", "--recipe", recipe)
                self.assertEqual(shown.count(why), 2 - integer)

    def test_advice(self):
        """Volumes with three channels are slow in integers, pictures with 64 are not."""
        recipe = "rules: [{operators: Conv, quantize: all}]"
        for channels, size, slow in (3, (16, 16, 16), True), (64, (28, 28), False):
            with self.subTest(channels), tempfile.TemporaryDirectory() as directory:
                self.directory = pathlib.Path(directory)
                (self.directory / "recipe.yaml").write_text(recipe)
                out, _ = self.quantize(self.net(channels, size), "--recipe",
                                       self.directory / "recipe.yaml")
                advice = self.report["advice"]
                self.assertEqual(len(advice), 2 * slow, advice)
                self.assertEqual("  note      it may take" in self.said, slow)
                self.assertEqual("  note        it may take" in quern.run("check", out),
                                 slow)

    def test_constants_that_can_be_fed(self):
        """ONNX Runtime optimizes little of a model that lists its constants as inputs: how long it
        takes is not known then."""
        for listed in False, True:
            with self.subTest(listed), tempfile.TemporaryDirectory() as directory:
                self.directory = pathlib.Path(directory)
                net = self.net(3, (16, 16))
                data = quern.write_samples(self.directory / "data", net.samples(4))
                if listed:
                    net.inputs += [onnx.helper.make_tensor_value_info(w.name, w.data_type, w.dims)
                                   for w in net.initializers]
                report = self.directory / "report.json"
                quern.run("quantize", net.save(self.directory / "float.onnx"), "--data", data,
                          "-o", self.directory / "int8.onnx", "--report", report)
                said = json.loads(report.read_text())
                self.assertEqual(said["predicted_time"] is None, listed)
                self.assertEqual(any("may take" in line for line in said["advice"]), not listed)

    def coded_gates(self, factor, channels=16):
        """What `check` says of layers with x * Sigmoid(factor * x) between them, in float."""
        net = predict_nets.Net(1, channels, 56, 56)
        x = net.conv(net.pair(), channels, channels, 1)
        for _ in range(4):
            x = net.pair(x)
            scaled = x if factor is None else net.op("Mul", x, net.const(factor, np.float32))
            x = net.pair(net.op("Mul", x, net.op("Sigmoid", scaled)))
            x = net.conv(x, channels, channels, 1)
        net.end(net.pair(x))
        return quern.run("check", net.save(self.directory / "gate.onnx"))

    def test_advice_of_gates(self):
        """A gate is one kernel in float, and three with a factor for each channel."""
        factors = np.linspace(.5, 2, 16).reshape(1, 16, 1, 1)
        why = "gates with factors: --skip equalize leaves them whole"
        self.assertIn(why, self.coded_gates(factors))
        for factor in None, 1.5:
            self.assertNotIn(why, self.coded_gates(factor))


if __name__ == "__main__":
    unittest.main()
