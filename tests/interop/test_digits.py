# SPDX-License-Identifier: Apache-2.0
"""The network of tests/data/digits, from both exporters: float and quantized, in quern, in ONNX
Runtime and in OpenVINO."""
import json
import pathlib
import tempfile
import unittest

import quern
from quern import np, onnx

try:
    from PIL import Image
except ImportError as missing:
    raise unittest.SkipTest(str(missing))

DIGITS = quern.ROOT / "tests/data/digits"
IMAGE = "resize=32 layout=nchw gray scale=1/255 mean=.5 std=.5"
LAYERS = 7           # six Convs and a Gemm
ALLOWED_LOSS = 0.5   # percentage points
FLOAT_LAYERS = {"Conv", "FusedConv", "NhwcFusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"}


def evaluation():
    """The held-out pictures, prepared as quern does, and their labels."""
    directory = DIGITS / "evaluation"
    rows = [line.split("\t") for line in (directory / "labels.tsv").read_text().splitlines()]
    pixels = [np.asarray(Image.open(directory / name), np.float32) for name, _ in rows]
    samples = [{"image": ((p / 255 - 0.5) / 0.5)[None, None].astype(np.float32)} for p in pixels]
    return samples, np.array([int(label) for _, label in rows])


SAMPLES, LABELS = evaluation()


def accuracy(outputs):
    """In percent."""
    return 100 * np.mean([y["scores"].argmax() for y in outputs] == LABELS)


def quern_run(model):
    return quern.simulate(model, DIGITS / "evaluation", "--image", IMAGE)


def quantize(model, out, *options):
    quern.run("quantize", model, "--data", DIGITS / "calibration", "--image", IMAGE, "-o", out,
              *options)
    return out


class Network:
    """The tests of one file; the classes below name the files."""
    name = None

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.float = DIGITS / f"digits_{cls.name}.onnx"
        cls.int8 = quantize(cls.float, cls.directory / "int8.onnx")
        cls.float_accuracy = accuracy(quern.ort_run(cls.float, SAMPLES))

    def check_accuracy(self, outputs):
        self.assertEqual(len(outputs), len(LABELS))
        self.assertGreaterEqual(accuracy(outputs), self.float_accuracy - ALLOWED_LOSS)

    def check_openvino_layers(self, path):
        layers = quern.OpenVino(path).layers()
        self.assertEqual(sum(layers.values()), LAYERS, layers)
        self.assertEqual({verdict for _, verdict in layers}, {"integer"}, layers)

    def test_float_outputs(self):
        ours, theirs = quern_run(self.float), quern.ort_run(self.float, SAMPLES)
        self.assertEqual(len(ours), len(theirs))
        for a, b in zip(ours, theirs):
            self.assertLess(quern.relative_difference(a["scores"], b["scores"]), 1e-4)

    def test_float_accuracy(self):
        self.assertGreaterEqual(self.float_accuracy, 97)
        self.assertEqual(accuracy(quern_run(self.float)), self.float_accuracy)
        self.assertEqual(accuracy(quern.OpenVino(self.float)(SAMPLES)), self.float_accuracy)

    def test_labels_option(self):
        printed = quern.run("run", self.float, "--data", DIGITS / "evaluation", "--image", IMAGE,
                            "--labels", DIGITS / "evaluation/labels.tsv")
        right = round(self.float_accuracy * len(LABELS) / 100)
        self.assertIn(f"accuracy: {self.float_accuracy:.2f} % ({right} of {len(LABELS)})", printed)

    def test_int8_in_quern(self):
        self.check_accuracy(quern_run(self.int8))

    def test_int8_in_onnxruntime(self):
        self.check_accuracy(quern.ort_run(self.int8, SAMPLES))

    def test_int8_in_openvino(self):
        self.check_accuracy(quern.OpenVino(self.int8)(SAMPLES))

    def test_onnxruntime_computes_in_integers(self):
        operators = quern.ort_operators(self.int8)
        self.assertEqual(FLOAT_LAYERS & operators.keys(), set())
        self.assertEqual(operators["QLinearConv"], 6)
        self.assertEqual(operators["QGemm"], 1)
        self.assertEqual(operators["QLinearAdd"], 1)

    def test_openvino_computes_in_integers(self):
        self.check_openvino_layers(self.int8)

    def test_fakequantize(self):
        out = quantize(self.float, self.directory / "fakequantize.onnx",
                       "--target", "openvino", "--format", "fakequantize")
        operators = quern.operators(onnx.load(out))
        self.assertGreater(operators["FakeQuantize"], 0)
        self.assertEqual(operators["QuantizeLinear"], 0)   # weights are codes: DequantizeLinear
        self.check_accuracy(quern.OpenVino(out)(SAMPLES))
        self.check_openvino_layers(out)

    def test_same_bytes_every_time(self):
        first = self.int8.read_bytes()
        for options in [], ["-j", "1"], ["-j", "2"]:
            again = quantize(self.float, self.directory / "again.onnx", *options)
            self.assertTrue(again.read_bytes() == first, f"other bytes with options {options}")

    def test_enough(self):
        """What is near enough to float is not made better, and what is not, is."""
        error, tried = [], []
        for db in "0", "10":
            out = quantize(self.float, self.directory / "enough.onnx", "--enough-sqnr", db,
                           "--report", self.directory / "report.json")
            report = json.loads((self.directory / "report.json").read_text())
            changes = {row["name"]: row["changes"] for row in report["passes"]}
            tried.append(changes["round-weights"] > 0)
            error.append(report["outputs"][0]["sqnr_db"])
            self.check_accuracy(quern.ort_run(out, SAMPLES))
        self.assertEqual(tried, [True, False])
        self.assertGreater(error[0], error[1])

    def test_one_picture(self):
        """Ranges of one picture reach as far as those of many would."""
        for reach, near in ("0", False), ("12", True):
            out = quantize(self.float, self.directory / "one.onnx", "--samples", "1",
                           "--reach", reach)
            got, want = (np.stack([y["scores"] for y in quern.ort_run(model, SAMPLES)])
                         for model in (out, self.float))
            error = np.square(got - want).sum() / np.square(want).sum()
            self.assertEqual(error < 10 ** -2.5, near)   # 25 dB

    def test_valid(self):
        onnx.checker.check_model(onnx.load(self.int8), full_check=True)

    def test_scales(self):
        """Activation scales have rank 0; a bias has the product of the other two scales."""
        model = onnx.load(self.int8)
        constants = quern.initializers(model)
        dequantized = {node.output[0]: node for node in model.graph.node
                       if node.op_type == "DequantizeLinear"}

        def codes(value):
            return constants[dequantized[value].input[0]]

        def scale(value):
            return constants[dequantized[value].input[1]]

        for node in model.graph.node:
            if node.op_type == "QuantizeLinear" or \
                    node.op_type == "DequantizeLinear" and node.input[0] not in constants:
                self.assertEqual(constants[node.input[1]].shape, (), node.name)
        layers = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
        self.assertEqual(len(layers), LAYERS)
        for node in layers:
            data, weight, bias = node.input
            self.assertEqual(codes(weight).dtype, np.int8)
            self.assertEqual(codes(bias).dtype, np.int32)
            self.assertEqual(scale(weight).ndim, 1, "weights are quantized by channel")
            np.testing.assert_array_equal(scale(bias), scale(data) * scale(weight))


class TorchScript(Network, unittest.TestCase):
    name = "torchscript"

    def peak(self, samples):
        """Bytes that quantizing takes."""
        directory = self.directory / f"{samples}"
        pictures = sorted((DIGITS / "calibration").glob("*.png"))
        directory.mkdir()
        for i in range(samples):
            (directory / f"{i:05}.png").symlink_to(pictures[i % len(pictures)])
        report = self.directory / "report.json"
        quern.run("quantize", self.float, "--data", directory, "--image", IMAGE, "-n", samples,
                  "-j1", "-o", self.directory / "o.onnx", "--report", report)
        return json.loads(report.read_text())["cost"]["peak_bytes"]

    def test_memory_does_not_grow_with_the_samples(self):
        """From 32 on, which correct-bias advances at once."""
        self.assertLess(self.peak(2048), 1.05 * self.peak(32))


class Dynamo(Network, unittest.TestCase):
    name = "dynamo"


if __name__ == "__main__":
    unittest.main()
