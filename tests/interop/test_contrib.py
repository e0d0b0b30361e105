# SPDX-License-Identifier: Apache-2.0
"""Operators that ONNX Runtime's optimizer leaves in files, on random shapes and attributes: quern
computes what ONNX Runtime does.
"""
import json
import tempfile
import unittest

import numpy as np
import quern
from contrib import Case, check

TRIALS = 12
HALF = 3e-3   # tolerance where results are rounded to float16


class Contrib(unittest.TestCase):
    def setUp(self):
        self.random = np.random.RandomState(1)

    def normal(self, *shape, dtype=np.float32):
        return self.random.normal(0, 1, shape).astype(dtype)

    def size(self, low=1, high=7):
        return int(self.random.randint(low, high))

    def chance(self, odds=0.5):
        return bool(self.random.rand() < odds)

    def choice(self, *of):
        return of[self.random.randint(len(of))]

    def test_fused_conv(self):
        activations = [None, ("Relu",), ("Sigmoid",), ("Tanh",), ("HardSwish",),
                       ("LeakyRelu", .1), ("Clip", -.5, .75), ("HardSigmoid", .3, .4)]
        for trial in range(4 * len(activations)):
            axes, group = self.choice(1, 2, 2), self.choice(1, 1, 2)
            c, m = group * self.size(1, 5), group * self.size(1, 5)
            x = self.normal(self.size(1, 3), c, *(self.size(5, 9) for _ in range(axes)))
            w = self.normal(m, c // group, *(self.size(1, 4) for _ in range(axes)))
            attributes = {"group": group, "strides": [self.choice(1, 2)] * axes,
                          "pads": [int(p) for p in self.random.randint(0, 2, 2 * axes)]}
            activation = activations[trial % len(activations)]
            if activation:
                attributes["activation"] = activation[0]
            if activation and len(activation) > 1:
                attributes["activation_params"] = list(map(float, activation[1:]))
            inputs = [x, w, self.normal(m) if self.chance() else None]
            if self.chance():
                shape = Case("FusedConv", inputs, **attributes).run()[1]["y0"].shape
                inputs.append(self.normal(*shape))
            check(self, Case("FusedConv", inputs, fixed=[1, 2], **attributes))

    def test_fused_gemm(self):
        activations = [("Relu",), ("Sigmoid",), ("Tanh",), ("Softplus",), ("Softsign",),
                       ("Elu", "alpha"), ("HardSigmoid", "alpha", "beta"), ("LeakyRelu", "alpha"),
                       ("ThresholdedRelu", "alpha"), ("Selu", "alpha", "gamma")]
        for name, *parameters in activations * 2:
            m, n, k = self.size(), self.size(), self.size()
            ta, tb = self.choice(0, 1), self.choice(0, 1)
            attributes = {f"activation_{p}": float(self.random.uniform(.1, 1))
                          for p in parameters}
            check(self, Case("FusedGemm", [
                self.normal(*((k, m) if ta else (m, k))),
                self.normal(*((n, k) if tb else (k, n))),
                self.normal(*self.choice((n,), (m, n), (m, 1), (1,)))], activation=name,
                transA=ta, transB=tb, alpha=self.choice(1., .5), beta=self.choice(1., 2.),
                **attributes))

    def test_fused_matmul(self):
        for trial in range(3 * TRIALS):
            batch = [self.size(1, 4) for _ in range(self.size(0, 3))]
            m, n, k = self.size(), self.size(), self.size()
            ta, tb = self.choice(0, 1), self.choice(0, 1)
            far = [int(len(batch) > 0 and self.chance(.3)) for _ in "ab"]
            alike = any(far) or self.chance()   # ONNX Runtime wants that where a batch is far
            sides = []
            for turned, first, rows, columns in ((ta, far[0], m, k), (tb, far[1], k, n)):
                matrix = [columns, rows] if turned else [rows, columns]
                own = batch if alike else batch[trial % 2:]
                sides.append([matrix[0], *own, matrix[1]] if first else [*own, *matrix])
            dtype = self.choice(np.float32, np.float64)
            check(self, Case("FusedMatMul", [self.normal(*s, dtype=dtype) for s in sides],
                             transA=ta, transB=tb, transBatchA=far[0], transBatchB=far[1],
                             alpha=self.choice(1., .25)))
        check(self, Case("FusedMatMul", [self.normal(4), self.normal(3, 4, 5)], transA=1))
        check(self, Case("FusedMatMul", [self.normal(2, 3, 4), self.normal(4)]))
        check(self, Case("TransposeMatMul", [self.normal(2, 3, 4), self.normal(2, 5, 4)],
                         transB=1))

    def test_gelu(self):
        for _ in range(3):
            shape = [self.size() for _ in range(self.size(1, 4))]
            x, bias = 2 * self.normal(*shape), self.normal(shape[-1])
            check(self, Case("Gelu", [x]))
            check(self, Case("QuickGelu", [x]))
            check(self, Case("QuickGelu", [x], alpha=.5))
            check(self, Case("FastGelu", [x]))
            check(self, Case("FastGelu", [x, bias]))
            check(self, Case("BiasGelu", [x, bias]))

    def test_layer_norm(self):
        """Before opset 17 these are ONNX Runtime's own, in the domain of ONNX."""
        for _ in range(TRIALS):
            dtype, kind = self.choice(np.float32, np.float16), self.choice("Layer", "Simplified")
            shape = [self.size() for _ in range(self.size(1, 5))]
            axis = self.size(0, len(shape))
            attributes = {"axis": self.choice(axis, axis - len(shape)), "epsilon": 1e-3}
            x, row = self.normal(*shape, dtype=dtype), shape[axis:]
            inputs = [x, self.normal(*row, dtype=dtype)]
            f32 = dict.fromkeys((1, 2), np.float32)
            if kind == "Layer":
                inputs.append(self.normal(*row, dtype=dtype) if self.chance() else None)
            check(self, Case(f"{'Simplified' * (kind != 'Layer')}LayerNormalization", inputs,
                             [True] * (3 if kind == "Layer" else 2), domain="",
                             opset=self.choice(9, 13, 17), types=f32, **attributes),
                  HALF if dtype == np.float16 else 2e-5)

    def test_layer_norm_repeats(self):
        x = self.normal(2, 3, 4, 5)
        for shape in ((1,), (5,), (4, 5), (3, 1, 5), (2, 1, 1, 5), (2, 3, 4, 5)):
            check(self, Case("LayerNormalization", [x, self.normal(*shape), self.normal(*shape)],
                             domain="", axis=-1))

    def test_skip_norm(self):
        for _ in range(2 * TRIALS):
            dtype, simplified = self.choice(np.float32, np.float16), self.chance()
            batch, length, n = self.size(), self.size(), self.size(2, 20)
            x = self.normal(batch, length, n, dtype=dtype)
            skip = self.normal(*self.choice((batch, length, n), (1, length, n), (length, n)),
                               dtype=dtype)
            vectors = [self.normal(n, dtype=dtype) if self.chance(.7) else None
                       for _ in range(1 if simplified else 2)]
            name = f"Skip{'Simplified' * simplified}LayerNormalization"
            check(self, Case(name, [x, skip, self.normal(n, dtype=dtype), *vectors],
                             (True, False, False, self.chance()), epsilon=1e-3),
                  HALF if dtype == np.float16 else 2e-5)

    def test_embed_norm(self):
        for trial in range(TRIALS):
            batch, length, n = self.size(1, 4), self.size(1, 6), self.size(2, 9)
            ids = [self.random.randint(0, 5, (batch, length)).astype(np.int32) for _ in "ab"]
            segments, mask, places = self.chance(), self.chance(), self.chance()
            inputs = [ids[0], ids[1] if segments else None, self.normal(5, n),
                      self.normal(length + 2, n), self.normal(5, n) if segments else None,
                      self.normal(n), self.normal(n),
                      self.random.randint(0, 2, (batch, length)).astype(np.int32) if mask else None]
            if places:
                rows = self.choice(1, batch)
                inputs.append(self.random.randint(0, length, (rows, length)).astype(np.int32))
            check(self, Case("EmbedLayerNormalization", inputs, (True, True, self.chance()),
                             types={0: np.float32, 1: np.int32, 2: np.float32},
                             mask_index_type=1, epsilon=1e-6))

    def nbits_case(self, bits, dtype, k, n, block, zeros, groups):
        blocks = -(-k // block)
        codes = self.random.randint(0, 256, (n, blocks, block * bits // 8)).astype(np.uint8)
        scales = self.random.uniform(.01, .1, (n, blocks)).astype(dtype)
        points = {None: None,
                  "packed": self.random.randint(0, 256, (n, -(-blocks * bits // 8))
                                                ).astype(np.uint8),
                  "float": self.random.uniform(0, 2 ** bits, (n, blocks)).astype(dtype)}[zeros]
        order = self.random.permutation(np.arange(k) // block).astype(np.int32)
        bias = self.normal(n, dtype=dtype) if self.chance() else None
        a = self.normal(*self.choice((3, k), (2, 3, k), (1, k)), dtype=dtype)
        return Case("MatMulNBits", [a, codes, scales, points, order if groups else None, bias],
                    fixed=range(1, 6), K=k, N=n, bits=bits, block_size=block)

    def test_matmul_nbits(self):
        for bits in (2, 4, 8):
            for zeros in (None, "packed", "float"):
                for _ in range(3 * (bits < 8 or zeros != "float")):
                    # its CPU kernel for 8 bits is for float32 and packed zero points alone
                    dtype = self.choice(np.float32, np.float16) if bits < 8 else np.float32
                    case = self.nbits_case(bits, dtype, self.size(1, 100), self.size(1, 140),
                                           self.choice(16, 32, 64), zeros, False)
                    check(self, case, HALF if dtype == np.float16 else 5e-5)
        for zeros in (None, "float"):
            check(self, self.nbits_case(4, np.float32, 64, 8, 16, zeros, True), 5e-5)

    def test_gather_blocks(self):
        import ml_dtypes
        for _ in range(2 * TRIALS):
            kind = self.choice("int4", "uint4", 2, 4, 8)
            rows, n, block = self.size(2, 9), 16 * self.size(1, 5), self.choice(16, 32)
            bits = kind if isinstance(kind, int) else 4
            axis = 1 if isinstance(kind, int) else self.choice(0, 1)
            blocks = [rows, -(-n // block)] if axis else [-(-rows // block), n]
            gather = 0 if isinstance(kind, int) else self.choice(0, 1)

            def codes(*shape):
                if isinstance(kind, int):
                    return self.random.randint(0, 256, (shape[0], -(-shape[1] * bits // 8))
                                               ).astype(np.uint8)
                return self.random.randint(0, 8, shape).astype(getattr(ml_dtypes, kind))
            limit = (rows, n)[gather]
            index = self.random.randint(-limit, limit, self.choice((3,), (2, 2), ()))
            scales = self.random.uniform(.1, 1, blocks).astype(
                self.choice(np.float32, np.float16))
            inputs = [codes(rows, n), np.asarray(index, self.choice(np.int32, np.int64)), scales,
                      codes(*blocks) if self.chance() else None]
            check(self, Case("GatherBlockQuantized", inputs, fixed=[0, 2, 3],
                             types={0: scales.dtype}, bits=bits, block_size=block,
                             quantize_axis=axis, gather_axis=gather))

    def test_refusals(self):
        x, w, ids = self.normal(1, 2, 5, 5), self.normal(2, 2, 3, 3), np.zeros((1, 2), np.int32)
        rows, narrow = self.normal(1, 4, 8), self.normal(1, 4, 6)
        cases = {
            "attribute activation has a value": Case("FusedConv", [x, w], activation="Elu"),
            "activation_params is too short": Case("FusedConv", [x, w], activation="LeakyRelu"),
            "differ in shape": Case("FusedConv", [x, w, None, x], activation="Relu"),
            "needs attribute activation_alpha": Case("FusedGemm", [w[0, 0], w[0, 1]],
                                                     activation="Elu"),
            "input g_idx is supported": self.nbits_case(4, np.float32, 32, 4, 16, "packed", True),
            "attribute bits is 3": Case("MatMulNBits", [rows, np.zeros((4, 1, 6), np.uint8),
                                                        self.normal(4, 1)],
                                        K=8, N=4, bits=3, block_size=16),
            "skip does not repeat": Case("SkipLayerNormalization",
                                         [rows, self.normal(2, 4, 8), self.normal(8)]),
            "input 2 is left out": Case("EmbedLayerNormalization", [ids, None, None, rows[0]],
                                        types={0: np.float32}),
            "packed inputs are not supported": Case("MultiHeadAttention", [
                self.normal(1, 4, 2, 3, 8)], num_heads=2),
            "as many keys as queries": Case("MultiHeadAttention", [rows[:, :2], rows, rows],
                                            num_heads=2, unidirectional=1),
            "the size of a head is 3": Case("MultiHeadAttention", [rows, narrow, narrow],
                                            num_heads=2),
            "do not share": Case("Attention", [rows[..., :4], rows, rows], domain="", opset=23,
                                 q_num_heads=2, kv_num_heads=4),
            "does not fit scores": Case("Attention", [rows, rows, rows, self.normal(3, 4)],
                                        domain="", opset=23, q_num_heads=2, kv_num_heads=2),
        }
        for text, case in cases.items():
            with self.subTest(text):
                self.assertIn(text, case.refusal() or "it runs")

    def test_material(self):
        """Files of other people that ONNX Runtime's optimizer wrote."""
        for name in ("osf_mnv3_detection", "osf_retinaface_640"):
            folder = quern.MATERIAL / name
            if not folder.is_dir():
                self.skipTest(f"there are no models at {quern.MATERIAL}")
            pre = json.loads((folder / "io/pre.json").read_text())
            x = np.load(folder / "io/u8.npy")[:1, ..., ::-1 if pre["order"] == "BGR" else 1]
            x = (x - np.float32(pre["mean"])) * np.float32(pre["scale"])
            path = folder / "model.onnx"
            key = quern.ort_session(path).get_inputs()[0].name
            sample = {key: np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)}
            theirs = quern.ort_run(path, [sample])[0]
            with tempfile.TemporaryDirectory() as directory:
                data = quern.write_samples(directory + "/data", [sample])
                ours = quern.simulate(path, data)[0]
            for output, want in theirs.items():
                np.testing.assert_allclose(ours[output], want, rtol=1e-4,
                                           atol=1e-4 * np.abs(want).max(), err_msg=output)


if __name__ == "__main__":
    unittest.main()
