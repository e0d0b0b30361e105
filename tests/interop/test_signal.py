# SPDX-License-Identifier: Apache-2.0
"""DFT, STFT, Col2Im, windows and mel filters with random shapes and attributes: quern's executor
computes what ONNX Runtime computes, or numpy where ONNX Runtime has a fault of its own.
"""
import pathlib
import tempfile
import unittest

import quern
from quern import np, onnx, helper, numpy_helper

LENGTHS = (1, 2, 5, 8, 12, 16, 30, 53, 64, 97, 100, 106, 128)


def save(path, kind, arrays, opset, fed, **attributes):
    """A model of one node; the first `fed` arrays are inputs, the others initializers."""
    constant = kind.endswith("Window") or kind == "MelWeightMatrix"
    out = attributes.get("output_datatype", onnx.TensorProto.FLOAT if constant else None)
    names = [f"x{i}" if a is not None else "" for i, a in enumerate(arrays)]
    tensors = [numpy_helper.from_array(a, n) for a, n in zip(arrays, names) if n]
    given = {n for n in names[:fed] if n}
    graph = helper.make_graph(
        [helper.make_node(kind, names, ["y"], "node", **attributes)], "test",
        [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors
         if t.name in given],
        [helper.make_tensor_value_info("y", out or tensors[0].data_type, None)],
        [t for t in tensors if t.name not in given])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                ir_version=9), path)
    return {n: a for n, a in zip(names, arrays) if n in given}


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name) / "model.onnx"
        self.count = 0

    def run_quern(self, sample):
        self.count += 1
        data = quern.write_samples(self.path.parent / f"data{self.count}", [sample])
        return quern.simulate(self.path, data)[0]["y"]

    def check(self, kind, arrays, opset, fed, tolerance=1e-4, want=None, **attributes):
        sample = save(self.path, kind, arrays, opset, fed, **attributes)
        got = self.run_quern(sample)
        if want is None:
            want = quern.ort_run(self.path, [sample])[0]["y"]
        self.assertEqual((got.dtype, got.shape), (want.dtype, want.shape))
        self.assertLessEqual(quern.relative_difference(got.astype(float), want.astype(float)),
                             tolerance, f"{kind} {[getattr(a, 'shape', a) for a in arrays]} "
                                        f"{attributes}")

    def refuse(self, text, kind, arrays, opset, **attributes):
        sample = save(self.path, kind, arrays, opset, 1, **attributes)
        self.count += 1
        data = quern.write_samples(self.path.parent / f"data{self.count}", [sample])
        done = quern.start("run", self.path, "--data", data, "-o", self.path.parent / "out")
        self.assertEqual(done.returncode, 1)
        self.assertIn(text, done.stderr)


def scalar(value, dtype=np.int64):
    return np.array(value, dtype)


class Transform(Case):
    def signal(self, random):
        rank, dtype = random.randint(2, 5), random.choice([np.float32, np.float64])
        shape = [int(random.choice(LENGTHS[:6])) for _ in range(rank - 1)]
        axis = random.randint(0, rank - 1)
        shape[axis] = int(random.choice(LENGTHS))
        return axis, random.normal(0, 1, (*shape, random.randint(1, 3))).astype(dtype)

    def test_dft(self):
        random = np.random.RandomState(0)
        for i in range(40):
            axis, x = self.signal(random)
            length = scalar(random.choice(LENGTHS)) if random.randint(2) else None
            attributes = {"inverse": int(random.randint(2)), "onesided": 0}
            if not attributes["inverse"] and x.shape[-1] == 1:
                attributes["onesided"] = int(random.randint(2))
            if i % 2:
                arrays, opset = [x, length, scalar(axis - x.ndim)], 20
            else:
                arrays, opset = [x, length], int(random.choice([17, 19]))
                attributes["axis"] = axis
            self.check("DFT", arrays, opset, int(random.randint(1, 4)), **attributes)

    def test_dft_default_axis(self):
        x = np.random.RandomState(1).normal(0, 1, (3, 4, 6, 1)).astype(np.float32)
        for opset in (17, 19, 20):
            self.check("DFT", [x, scalar(5)], opset, 1)

    def test_dft_half_spectrum(self):
        """ONNX Runtime is right only for even lengths of the spectrum that is there."""
        random = np.random.RandomState(2)
        for bins, length in ((4, None), (2, None), (9, 16), (9, 17), (5, 6), (5, 20), (5, 1)):
            x = random.normal(0, 1, (2, bins, 3, 2)).astype(np.float32)
            want = np.fft.irfft(x[..., 0] + 1j * x[..., 1], length, 1)[..., None]
            length = None if length is None else scalar(length)
            self.check("DFT", [x, length], 17, 1, want=want.astype(np.float32), inverse=1,
                       onesided=1)

    def test_dft_half_types(self):
        x = np.random.RandomState(3).normal(0, 1, (2, 10, 1)).astype(np.float16)
        want = np.fft.fft(x[..., 0].astype(float), axis=1)
        want = np.stack([want.real, want.imag], -1).astype(np.float16)
        self.check("DFT", [x], 17, 1, want=want, tolerance=1e-3)

    def test_dft_refused(self):
        x = np.ones((2, 4, 1), np.float32)
        self.refuse("axis", "DFT", [x], 17, axis=2)
        self.refuse("length 0", "DFT", [x, scalar(0)], 20)
        self.refuse("complex input", "DFT", [x], 20, inverse=1, onesided=1)
        self.refuse("last axis", "DFT", [np.ones((2, 4, 3), np.float32)], 20)

    def test_stft(self):
        random = np.random.RandomState(4)
        for _ in range(30):
            dtype, size = random.choice([np.float32, np.float64]), int(random.choice(LENGTHS))
            x = random.normal(0, 1, (random.randint(1, 4), size + random.randint(0, 300),
                                     random.randint(1, 3))).astype(dtype)
            window = random.normal(0, 1, size).astype(dtype) if random.randint(2) else None
            length = scalar(size) if window is None or random.randint(2) else None
            self.check("STFT", [x, scalar(random.randint(1, size + 2)), window, length], 17,
                       int(random.randint(1, 5)), onesided=int(random.randint(2)))

    def test_stft_whole_signal(self):
        x = np.random.RandomState(5).normal(0, 1, (2, 24, 1)).astype(np.float32)
        want = np.fft.fft(x[..., 0], axis=1)[:, None]
        want = np.stack([want.real, want.imag], -1).astype(np.float32)
        self.check("STFT", [x, scalar(4)], 17, 1, want=want, onesided=0)

    def test_stft_refused(self):
        x, window = np.ones((1, 32, 1), np.float32), np.ones(8, np.float32)
        self.refuse("window of 8", "STFT", [x, scalar(4), window, scalar(10)], 17)
        self.refuse("frames of 40", "STFT", [x, scalar(4), None, scalar(40)], 17)
        self.refuse("frame_step", "STFT", [x, scalar(0), window], 17)


class Constants(Case):
    def test_windows(self):
        for kind in ("HannWindow", "HammingWindow", "BlackmanWindow"):
            for size in (0, 3, 8, 401):
                for periodic in (0, 1):
                    self.check(kind, [scalar(size)], 17, 1, periodic=periodic)
            for dtype in (onnx.TensorProto.DOUBLE, onnx.TensorProto.INT64):
                self.check(kind, [scalar(7, np.int32)], 17, 1, output_datatype=dtype)

    def test_mel(self):
        random = np.random.RandomState(6)
        for _ in range(20):
            rate = int(random.choice([8000, 16000, 22050, 44100]))
            arrays = [scalar(random.randint(1, 100)), scalar(random.choice([16, 256, 400, 1024])),
                      scalar(rate), scalar(random.uniform(0, 500), np.float32),
                      scalar(random.uniform(.3, .5) * rate, np.float32)]
            self.check("MelWeightMatrix", arrays, 17, int(random.randint(1, 6)))

    def test_mel_refused(self):
        arrays = [scalar(4), scalar(16), scalar(8000)]
        for low, high in ((0, 6000), (-10, 4000), (300, 200)):
            self.refuse("edge_hertz", "MelWeightMatrix",
                        [*arrays, scalar(low, np.float32), scalar(high, np.float32)], 17)


class Fold(Case):
    def test_col2im(self):
        random = np.random.RandomState(7)
        for _ in range(25):
            axes = 2   # ONNX Runtime errs with more
            block, stride, dilation = random.randint(1, 4, (3, axes))
            pads = random.randint(0, 3, 2 * axes)
            image = dilation * (block - 1) + 1 + random.randint(0, 7, axes)
            blocks = (image + pads[:axes] + pads[axes:] - dilation * (block - 1) - 1) // stride + 1
            x = random.normal(0, 1, (random.randint(1, 3), random.randint(1, 4) * block.prod(),
                                     blocks.prod())).astype(np.float32)
            self.check("Col2Im", [x, image.astype(np.int64), block.astype(np.int64)], 18,
                       int(random.randint(1, 4)), strides=stride.tolist(), pads=pads.tolist(),
                       dilations=dilation.tolist())

    def test_col2im_integers(self):
        x = np.arange(48, dtype=np.int32).reshape(1, 4, 12) * 2 ** 27   # sums wrap around
        sums = np.zeros((1, 1, 4, 5), np.int32)
        for tap in range(4):
            sums[0, 0, tap // 2:tap // 2 + 3, tap % 2:tap % 2 + 4] += x[0, tap].reshape(3, 4)
        self.check("Col2Im", [x, np.array([4, 5]), np.array([2, 2])], 18, 1, want=sums)

    def test_col2im_refused(self):
        x = np.ones((1, 5, 12), np.float32)
        self.refuse("blocks of 4", "Col2Im", [x, np.array([4, 5]), np.array([2, 2])], 18)
        self.refuse("has 6 blocks", "Col2Im", [x[:, :4], np.array([3, 4]), np.array([2, 2])], 18)
        self.refuse("pads must have 4", "Col2Im", [x[:, :4], np.array([4, 5]), np.array([2, 2])],
                    18, pads=[1, 1])
