# SPDX-License-Identifier: Apache-2.0
"""The network of tests/data/digits in every format and type: it loads in ONNX Runtime, and in
OpenVINO where that reads it, is as accurate as the float model, runs in the kernels that the format
is for, and quern computes the same from the file."""
import json
import pathlib
import tempfile
import unittest

import test_digits as digits
import quern
from quern import np, onnx

LOSS = 1        # percentage points of accuracy
SAME = 30       # dB between quern and ONNX Runtime, each running the same file
FLOAT_LAYERS = digits.FLOAT_LAYERS


def sqnr(outputs, exact):
    """In dB, over all samples."""
    a, b = (np.stack([y["scores"] for y in side]) for side in (outputs, exact))
    return float(10 * np.log10(np.square(b).sum() / max(np.square(a - b).sum(), 1e-20)))


class Formats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.float = digits.DIGITS / "digits_torchscript.onnx"
        cls.exact = quern.ort_run(cls.float, digits.SAMPLES)

    def quantize(self, *options, data=True):
        out = self.directory / f"{self.id().split('.')[-1]}.onnx"
        if data:
            return digits.quantize(self.float, out, *options)
        quern.run("quantize", self.float, "-o", out, *options)
        return out

    def check_outputs(self, path, loss=LOSS, optimize=True, least=None, same=SAME):
        """Accuracy, or SQNR where `least` says how many dB; and quern's outputs."""
        theirs = quern.ort_run(path, digits.SAMPLES, optimize)
        self.assertGreaterEqual(digits.accuracy(theirs), digits.accuracy(self.exact) - loss)
        self.assertGreater(sqnr(theirs, self.exact), least or 10)
        self.assertGreater(sqnr(digits.quern_run(path), theirs), same)
        onnx.checker.check_model(onnx.load(path))
        return theirs

    def check_openvino(self, path, **how):
        outputs = quern.OpenVino(path)(digits.SAMPLES)
        self.assertGreaterEqual(digits.accuracy(outputs), digits.accuracy(self.exact) - LOSS)

    def test_qoperator(self):
        path = self.quantize("--format", "qoperator")
        self.check_outputs(path)
        kinds = quern.operators(onnx.load(path))
        self.assertEqual(kinds["QLinearConv"], 6)
        self.assertEqual(kinds["QGemm"], 1)
        self.assertEqual(FLOAT_LAYERS & kinds.keys(), set())
        self.assertEqual(FLOAT_LAYERS & quern.ort_operators(path).keys(), set())

    def test_qoperator_elementwise(self):
        path = self.quantize("--format", "qoperator", "--elementwise")
        self.check_outputs(path)
        kinds = quern.operators(onnx.load(path))
        self.assertEqual(kinds["QLinearConv"], 6)
        self.assertEqual(kinds["QLinearAdd"], 1)
        self.assertEqual(kinds["QLinearGlobalAveragePool"], 1)
        self.assertEqual(kinds["QuantizeLinear"], 1)
        self.assertEqual(kinds["Relu"] + kinds["Clip"], 0)

    def test_qdq_elementwise(self):
        path = self.quantize("--elementwise")
        self.check_outputs(path)
        kinds = quern.ort_operators(path)
        self.assertEqual(kinds["QLinearAdd"], 1)
        self.assertEqual(kinds["QLinearGlobalAveragePool"], 1)
        self.check_openvino(path)

    def test_dynamic(self):
        path = self.quantize("--format", "dynamic", data=False)
        self.check_outputs(path)
        self.check_openvino(path)
        kinds = quern.operators(onnx.load(path))
        self.assertEqual(kinds["ConvInteger"], 6)
        self.assertEqual(kinds["MatMulInteger"], 1)
        self.assertEqual(kinds["QuantizeLinear"], 0)
        self.assertEqual(FLOAT_LAYERS & kinds.keys(), set())
        self.assertEqual(quern.ort_operators(path)["DynamicQuantizeMatMul"], 1)

    def test_dynamic_unsigned(self):
        for grain in "channel", "tensor":
            with self.subTest(grain):
                path = self.quantize("--format", "dynamic", "--weights",
                                     f"uint8,asymmetric,{grain}", data=False)
                self.check_outputs(path)

    def test_dynamic_with_data(self):
        """The error that is reported is that of the file."""
        report = self.directory / "report.json"
        path = self.quantize("--format", "dynamic", "--report", report)
        self.check_outputs(path)
        told = json.loads(report.read_text())["outputs"][0]["sqnr_db"]
        self.assertGreater(told, 20)
        self.assertLess(told, 60)

    def test_weights_only(self):
        for weights, least in {"int8": 32, "int8,tensor": 30, "uint8,asymmetric": 32,
                               "int8,block=32": 32, "int4,block=16": 20, "uint4,block=32": 20,
                               "int4,channel": 20}.items():
            with self.subTest(weights):
                path = self.quantize("--format", "dq", "--weights", weights, data=False)
                self.check_outputs(path, least=least)
                kinds = quern.operators(onnx.load(path))
                self.assertEqual(kinds["DequantizeLinear"], 7)
                self.assertEqual(kinds["QuantizeLinear"], 0)
                path = self.quantize("--format", "dq", "--weights", weights, "--target",
                                     "openvino", data=False)
                self.check_openvino(path)

    def test_weights_only_is_fused(self):
        path = self.quantize("--format", "dq", "--weights", "int4,block=16", data=False)
        self.assertEqual(quern.ort_operators(path)["MatMulNBits"], 1)
        model = onnx.load(path)
        self.assertEqual([o.version for o in model.opset_import if not o.domain], [21])
        self.assertIn(onnx.TensorProto.INT4, [t.data_type for t in model.graph.initializer])

    def test_16_bits(self):
        """ONNX Runtime computes with these in float; weights keep 8 bits."""
        for target, activations in ("qnn", "uint16"), ("generic", "uint16"), ("generic", "int16"):
            with self.subTest(target + " " + activations):
                path = self.quantize("--target", target, "--activations", activations)
                self.check_outputs(path, least=30)
                model = onnx.load(path)
                self.assertEqual([o.version for o in model.opset_import if not o.domain], [21])
                types = [t.data_type for t in model.graph.initializer]
                self.assertIn(getattr(onnx.TensorProto, activations.upper()), types)

    def test_16_bits_below_opset_21(self):
        path = self.quantize("--target", "generic", "--activations", "uint16",
                             "--skip", "raise-opset")
        self.check_outputs(path, least=30)
        domains = {n.domain for n in onnx.load(path).graph.node if n.op_type == "QuantizeLinear"}
        self.assertEqual(domains, {"com.microsoft"})

    def test_float8(self):
        """ONNX Runtime's optimizer takes matrix products of float8 for integers and fails."""
        for kind, least in ("float8e4m3fn", 20), ("float8e5m2", 12):
            with self.subTest(kind):
                path = self.quantize("--target", "generic", "--activations", kind)
                self.check_outputs(path, least=least, optimize=False)
                model = onnx.load(path)
                self.assertEqual([o.version for o in model.opset_import if not o.domain], [19])
                types = [t.data_type for t in model.graph.initializer]
                self.assertIn(getattr(onnx.TensorProto, kind.upper()), types)
                self.assertNotIn(onnx.TensorProto.INT32, types)

    def test_float8_weights_only(self):
        for kind, least in ("float8e4m3fn", 20), ("float8e5m2", 18):
            with self.subTest(kind):
                path = self.quantize("--format", "dq", "--weights", f"{kind},channel", data=False)
                self.check_outputs(path, least=least)

    def test_targets(self):
        for target in "generic", "qnn", "tensorrt":
            with self.subTest(target):
                path = self.quantize("--target", target)
                self.check_outputs(path, optimize=quern.sums_fit([target]))
                self.check_openvino(path)


if __name__ == "__main__":
    unittest.main()
