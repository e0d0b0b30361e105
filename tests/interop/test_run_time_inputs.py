# SPDX-License-Identifier: Apache-2.0
"""Layers whose inputs are quantized at run time, between calibrated ones, in ONNX Runtime: by a
rule, by measurement, and where there are few data."""
import json
import pathlib
import tempfile
import unittest

import quern
import verdicts
from quern import Net, np

FEW = 12   # fewer samples than that are few
GATES = 4


def noise(want, got):
    return sum(np.square(got[key] - want[key]).mean() / np.square(want[key]).mean() for key in want)


class RunTimeInputs(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.net = Net(9)

    def quantize(self, samples, *options):
        """Operators of ONNX Runtime's optimized graph, and the notes of turn-dynamic."""
        self.model = self.net.save(self.directory / "float.onnx")
        data = self.directory / f"data{len(samples)}"
        if not data.exists():
            quern.write_samples(data, samples)
        self.out, report = self.directory / "int8.onnx", self.directory / "report.json"
        quern.run("quantize", self.model, "--data", data, "-o", self.out, "--report", report,
                  *options)
        self.report = json.loads(report.read_text())
        return quern.ort_operators(self.out)

    def notes(self):
        """What turn-dynamic told; None: it did not run."""
        notes = [p["notes"] for p in self.report["passes"] if p["name"] == "turn-dynamic"]
        return notes[0] if notes else None

    def recipe(self, *nodes, token=False):
        path = self.directory / "recipe.yaml"
        more = ", activations: 'uint8,token'" if token else ""
        path.write_text(f"rules: [{{nodes: [{', '.join(nodes)}], quantize: dynamic{more}}}]\n")
        return "--recipe", path

    def check(self, samples):
        """What quern simulates, and foresees of the nodes, is what the runtime does."""
        exact = quern.ort_run(self.model, samples)
        ours = quern.simulate(self.out, quern.write_samples(self.directory / "check", samples))
        theirs = quern.ort_run(self.out, samples)
        for want, a, b in zip(exact, ours, theirs, strict=True):
            for key in want:
                self.assertLess(quern.relative_difference(a[key], b[key]), 0.02)
            self.assertLess(noise(want, b), 0.01)
        kinds = verdicts.rename(self.out, self.out)
        rows = self.directory / "rows.json"
        quern.run("check", self.out, "--json", rows)
        told = {row["node"]: row["runs"] for row in json.loads(rows.read_text())["nodes"]}
        self.assertEqual(told.keys(), kinds.keys())
        self.assertEqual(told, verdicts.in_ort(self.out))
        self.assertEqual(set(told.values()), {"integer"})

    def conv(self, x, channels=8, size=3):
        net = self.net
        y = net.node("Conv", x, net.weight(channels, 8, size, size), net.bias(channels),
                     pads=[size // 2] * 4)
        return y, net.nodes[-1].name

    def test_convolutions(self):
        """In front of a calibrated one, behind one with a pool between, and at the end."""
        net = self.net
        x, first = self.conv(net.input(1, 8, 12, 12))
        x, _ = self.conv(net.node("Relu", x))
        x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        x, third = self.conv(x, size=1)
        x, _ = self.conv(net.node("Sigmoid", x))
        x, last = self.conv(net.node("Relu", x))
        net.output(x)
        found = self.quantize(net.samples(16), *self.recipe(first, third, last))
        self.assertEqual((found["QLinearConv"], found["ConvInteger"], found["Conv"]), (2, 3, 0))
        self.check(net.samples(3))

    def test_products(self):
        """Two layers read a value, each in its own way; MatMul with its bias, Gemm turned."""
        net = self.net
        x = net.node("Sigmoid", net.input(4, 16))
        a = net.node("Add", net.node("MatMul", x, net.weight(16, 24)), net.bias(24))
        product = net.nodes[-2].name
        b = net.node("Gemm", x, net.weight(24, 16), net.bias(24), transB=1)
        s = net.node("Tanh", net.node("Add", a, b))
        y = net.node("Gemm", s, net.weight(8, 24), net.bias(8), transB=1)
        turned = net.nodes[-1].name
        net.output(y)
        found = self.quantize(net.samples(16), *self.recipe(product, turned))
        self.assertEqual(found["DynamicQuantizeMatMul"], 2)
        self.assertEqual(found["QGemm"] + found["MatMulIntegerToFloat"], 1)
        self.check(net.samples(3))

    def test_rows(self):
        """A scale for each row: a Gemm behind a calibrated one, and a MatMul of three axes."""
        net = self.net
        x = net.node("Gemm", net.input(6, 16), net.weight(24, 16), net.bias(24), transB=1)
        x = net.node("Gemm", net.node("Tanh", x), net.weight(24, 24), net.bias(24), transB=1)
        gemm = net.nodes[-1].name
        x = net.node("Reshape", x, net.constant([2, 3, 24], np.int64))
        x = net.node("MatMul", net.node("Sigmoid", x), net.weight(24, 8))
        net.output(net.node("Add", x, net.bias(8)))
        product = net.nodes[-2].name
        found = self.quantize(net.samples(16), *self.recipe(gemm, product, token=True))
        self.assertEqual(found["MatMulIntegerToFloat"] + found["QGemm"], 3)
        self.assertEqual(found["ReduceMax"], 2)
        self.check(net.samples(3))

    def foreseen(self, *options):
        """The time that `quern check` predicts, float's being 1."""
        self.quantize(self.net.samples(16), *options)
        return self.report["predicted_time"]

    def test_time_of_products(self):
        """They are hardly slower so."""
        net = self.net
        x = net.input(128, 256)
        for _ in range(3):
            x = net.node("Tanh", net.node("MatMul", x, net.weight(256, 256)))
        net.output(x)
        calibrated, at_run_time = self.foreseen(), self.foreseen(*self.recipe("MatMul*"))
        self.assertLess(calibrated, 0.9)
        self.assertLess(abs(at_run_time / calibrated - 1), 0.1)

    def test_time_of_convolutions(self):
        """They lose what integers win, and more."""
        net = self.net
        x = net.input(1, 8, 40, 40)
        for _ in range(3):
            x = net.node("Relu", net.node("Conv", x, net.weight(64, 8, 3, 3), net.bias(64)))
            x = net.node("Relu", net.node("Conv", x, net.weight(8, 64, 1, 1), net.bias(8)))
        net.output(x)
        calibrated, at_run_time = self.foreseen(), self.foreseen(*self.recipe("Conv*"))
        self.assertLess(calibrated, 1)
        self.assertGreater(at_run_time, 3)

    def loud_and_quiet(self):
        """A product of what is a thousand times louder in some samples, over the loudness."""
        net = self.net
        x = net.input(6, 16)
        loudness = net.node("Exp", net.node("Mul", net.node("ReduceMean", x, axes=[0, 1]),
                                            net.constant(30, np.float32)))
        loud = net.node("Mul", net.node("Tanh", x), loudness)
        y = net.node("MatMul", loud, net.weight(16, 16))
        net.output(net.node("Div", y, loudness))

    def test_measured(self):
        self.loud_and_quiet()
        samples, others = self.net.samples(24), self.net.samples(8)
        exact, noises = None, []
        for options in (), ("--skip", "turn-dynamic"):
            found = self.quantize(samples, *options)
            self.assertEqual(found["DynamicQuantizeMatMul"], not options)
            exact = exact or quern.ort_run(self.model, others)
            noises.append(np.mean([noise(a, b) for a, b in
                                   zip(exact, quern.ort_run(self.out, others), strict=True)]))
        self.assertLess(noises[0] * 10, noises[1])
        self.assertIsNone(self.notes())
        self.quantize(samples)
        self.assertRegex(self.notes()[0], "^1 layer has its input quantized at run time: [-0-9.]+")
        self.check(others)

    def test_measured_rows(self):
        """Some rows are a thousand times louder: one range for all of a sample does not serve."""
        net = self.net
        x = net.input(128, 256)
        loudness = net.node("Exp", net.node("Mul", net.node("ReduceMean", x, axes=[1]),
                                            net.constant(100, np.float32)))
        loud = net.node("Mul", net.node("Tanh", x), loudness)
        y = net.node("MatMul", loud, net.weight(256, 1024))
        net.output(net.node("Div", y, loudness))
        found = self.quantize(net.samples(16))
        self.assertEqual((found["MatMulIntegerToFloat"], found["ReduceMax"]), (1, 1))
        self.assertRegex(self.notes()[0], "^1 layer has its input quantized at run time: [-0-9.]+")
        self.check(net.samples(2))

    def test_rule_wins(self):
        """What a rule wants as the target has it is not turned."""
        self.loud_and_quiet()
        path = self.directory / "recipe.yaml"
        path.write_text("rules: [{operators: MatMul, quantize: all}]\n")
        found = self.quantize(self.net.samples(24), "--recipe", path, "--min-sqnr", "0")
        self.assertEqual((found["DynamicQuantizeMatMul"], found["MatMulIntegerToFloat"]), (0, 1))

    def test_few_data_and_convolutions(self):
        """Those of a gate's vectors cost little so, and some are turned; no more than a small part
        of the time is spent, and none on those of pictures."""
        net = self.net
        x = net.input(1, 8, 40, 40)
        for _ in range(3):
            x = net.node("Relu", net.node("Conv", x, net.weight(64, 8, 3, 3), net.bias(64)))
            x = net.node("Relu", net.node("Conv", x, net.weight(8, 64, 1, 1), net.bias(8)))
        gate = net.node("GlobalAveragePool", net.node("Tanh", x))
        for _ in range(GATES):
            gate = net.node("Conv", net.node("Sigmoid", gate), net.weight(8, 8, 1, 1), net.bias(8))
        net.output(net.node("Mul", x, net.node("Sigmoid", gate)))
        for count, turned in (2, range(1, GATES)), (FEW, [0]):
            with self.subTest(count):
                found = self.quantize(net.samples(count))
                self.assertIn(found["ConvInteger"], turned)
                self.assertEqual(found["ConvInteger"] + found["QLinearConv"], 6 + GATES)

    def test_few_data(self):
        """Unseen, where ranges would reach beyond the data."""
        net = self.net
        x = net.node("Tanh", net.node("MatMul", net.input(8, 16), net.weight(16, 64)))
        net.output(net.node("MatMul", x, net.weight(64, 16)))
        samples = net.samples(FEW)
        for count, options, turned in ((2, (), 2), (FEW, (), 0), (2, ("--reach", "0"), 0),
                                       (2, ("--observer", "min-max"), 0),
                                       (2, ("--target", "onnxruntime", "--effort", "1"), 0)):
            with self.subTest(count=count, options=options):
                found = self.quantize(samples[:count], *options)
                self.assertEqual(found["DynamicQuantizeMatMul"], turned)
                self.assertEqual(found["MatMulIntegerToFloat"], 2 - turned)
                self.assertEqual("since there are few samples" in str(self.notes()), turned > 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
