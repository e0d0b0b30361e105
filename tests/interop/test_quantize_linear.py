# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear and DequantizeLinear of every type, granularity and opset, against ONNX's
reference evaluator, and against ONNX Runtime where that has the types.
"""
import pathlib
import tempfile
import unittest

import quern
from nodes import MICROSOFT, Cases
from quern import np, onnx
from onnx import TensorProto
from onnx.helper import tensor_dtype_to_np_dtype
from onnx.reference import ReferenceEvaluator

CASES = 25
INTEGERS = ("UINT8", "INT8", "UINT16", "INT16", "UINT4", "INT4", "UINT2", "INT2")
FLOATS = ("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "FLOAT4E2M1",
          "FLOAT6E2M3", "FLOAT6E3M2")
SINCE = {"UINT16": 21, "INT16": 21, "UINT4": 21, "INT4": 21, "FLOAT4E2M1": 23, "UINT2": 25,
         "INT2": 25, "FLOAT6E2M3": 28, "FLOAT6E3M2": 28,
         **{name: 19 for name in FLOATS[:4]}}
HALVES = {"FLOAT16": 19, "BFLOAT16": 19}


def dtype(name):
    return tensor_dtype_to_np_dtype(getattr(TensorProto, name))


class Grid:
    """A shape, and scales of a random granularity for it."""

    def __init__(self, cases, opset):
        self.attributes, self.scales = {}, ()
        kind = cases.int(0, 2 if opset >= 21 else 1)
        # ONNX Runtime has no block that is the whole tensor
        self.shape = cases.shape(cases.int(1, 4), 7) if kind < 2 else \
            (cases.int(2, 4), *cases.shape(cases.int(1, 3), 7), cases.int(2, 9))
        axis = cases.int(0, len(self.shape) - 1)
        if kind:
            self.attributes["axis"] = axis - len(self.shape) if cases.chance() else axis
            self.scales = (self.shape[axis],)
        if kind == 2:
            size = cases.int(1, 4)
            self.attributes["block_size"] = size
            self.scales = tuple(-(-n // size) if i == axis else n
                                for i, n in enumerate(self.shape))


class QuantizeLinear(unittest.TestCase):
    def run_both(self, cases, opset, reference):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "model.onnx"
            cases.save(path, opset)
            data = quern.write_samples(pathlib.Path(directory) / "data", [cases.sample])
            ours = quern.simulate(path, data)[0]
            if reference:
                model = onnx.load(path)
                names = [info.name for info in model.graph.output]
                theirs = dict(zip(names, ReferenceEvaluator(model).run(None, cases.sample)))
            else:
                theirs = quern.ort_run(path, [cases.sample], False)[0]
        for name, about in cases.about.items():
            self.assertEqual(ours[name].shape, theirs[name].shape, about)
            np.testing.assert_array_equal(ours[name].astype(np.float64),
                                          theirs[name].astype(np.float64), about)

    def quantize(self, opset, names, domain="", reference=True, scale_types=("FLOAT",), **more):
        """The codes are cast to float: no file of samples can hold the small types."""
        cases = Cases(opset)
        for name in names:
            if opset < SINCE.get(name, 0):
                continue
            for _ in range(CASES):
                grid = Grid(cases, 13 if domain else opset)
                real = scale_types[cases.int(0, len(scale_types) - 1)]
                values = cases.random.normal(0, 3, grid.shape).astype(np.float32)
                x = values.astype(dtype(real)).astype(np.float32)
                scale = cases.scale(grid.scales, .05, .5).astype(dtype(real))
                zero = cases.random.integers(0, 4, grid.scales) if name in INTEGERS else \
                    np.zeros(grid.scales)
                zero = zero.astype(dtype(name))
                flags = dict(grid.attributes, **more)
                if name in FLOATS and cases.chance():
                    flags["saturate"] = 0
                if opset >= 23 and not domain and cases.chance():
                    flags["output_dtype"] = getattr(TensorProto, name)
                    zero = zero if cases.chance() else None
                elif name == "UINT8" and cases.chance():
                    zero = None
                cases.chain("QuantizeLinear", x, real, scale, zero, domain=domain, **flags)
        self.run_both(cases, opset, reference)

    def dequantize(self, opset, names, domain="", reference=True, scale_types=("FLOAT",)):
        cases = Cases(opset + 100)
        for name in names:
            if opset < SINCE.get(name, 0):
                continue
            for _ in range(CASES):
                grid = Grid(cases, 13 if domain else opset)
                real = scale_types[cases.int(0, len(scale_types) - 1)]
                if name in INTEGERS:
                    info = onnx.numpy_helper.ml_dtypes.iinfo(dtype(name))
                    x = cases.random.integers(int(info.min), int(info.max) + 1, grid.shape)
                else:
                    x = cases.random.normal(0, 2, grid.shape)
                zero = (cases.random.integers(0, 2, grid.scales) if name in INTEGERS else
                        np.zeros(grid.scales)).astype(dtype(name))
                flags = dict(grid.attributes)
                if real == "FLOAT8E8M0":
                    flags["output_dtype"] = TensorProto.FLOAT
                elif opset >= 23 and not domain and cases.chance():
                    flags["output_dtype"] = getattr(TensorProto, real)
                cases.codes_in("DequantizeLinear", np.asarray(x).astype(dtype(name)),
                               cases.scale(grid.scales).astype(dtype(real)),
                               zero if cases.chance() else None, domain=domain, **flags)
        self.run_both(cases, opset, reference)

    def test_quantize(self):
        for opset in 13, 19, 21, 23, 24, 25, 28:
            with self.subTest(opset=opset):
                self.quantize(opset, INTEGERS + FLOATS)

    def test_dequantize(self):
        for opset in 19, 21, 23, 24, 25, 28:
            with self.subTest(opset=opset):
                self.dequantize(opset, INTEGERS + FLOATS)

    def test_halves(self):
        """Since opset 23 the quotient is rounded to the scale's type."""
        for opset in 23, 25:
            with self.subTest(opset=opset):
                self.quantize(opset, INTEGERS[:4], scale_types=("FLOAT16",))
                self.dequantize(opset, INTEGERS[:2], scale_types=("FLOAT16",))

    def test_power_scales(self):
        self.dequantize(24, INTEGERS[:4] + FLOATS[:5], scale_types=("FLOAT8E8M0",))

    def test_precision(self):
        for precision in "FLOAT16", "BFLOAT16", "DOUBLE", "FLOAT":
            with self.subTest(precision=precision):
                self.quantize(25, INTEGERS[:4], precision=getattr(TensorProto, precision))

    def test_onnxruntime(self):
        for opset in 13, 19, 21, 25:
            with self.subTest(opset=opset):
                names = [n for n in INTEGERS[:6] if opset >= SINCE.get(n, 0)]
                self.quantize(opset, names, reference=False)
                self.dequantize(opset, names, reference=False)

    def test_onnxruntime_halves(self):
        for opset in 19, 21:
            with self.subTest(opset=opset):
                self.quantize(opset, INTEGERS[:2], reference=False, scale_types=("FLOAT16",))
                self.dequantize(opset, INTEGERS[:2], reference=False, scale_types=("FLOAT16",))

    def test_microsoft(self):
        """16-bit and 4-bit types that come before opset 21."""
        names = INTEGERS[:6]
        self.quantize(21, names, domain=MICROSOFT, reference=False)
        self.dequantize(21, names, domain=MICROSOFT, reference=False)

    def test_dynamic(self):
        cases = Cases(7)
        for _ in range(CASES):
            x = cases.random.normal(cases.int(-2, 2), 1, cases.shape(cases.int(0, 3)))
            cases.add("DynamicQuantizeLinear", x.astype(np.float32), outputs=3)
        cases.add("DynamicQuantizeLinear", np.zeros(3, np.float32), outputs=3)
        self.run_both(cases, 17, False)


if __name__ == "__main__":
    unittest.main()
