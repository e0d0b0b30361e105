# SPDX-License-Identifier: Apache-2.0
"""Real recurrent and audio models, where they lie beside the checkout: quern's executor computes
what ONNX Runtime computes and what their stored references say, over whole sequences: a streaming
model's states are those that quern computed for the frame before.
"""
import pathlib
import tempfile
import unittest

import quern
from quern import np

SAME = 1e-4       # relative error against ONNX Runtime
AS_STORED = 1e-3  # and against references: long recurrences, logarithms, arrays kept as float16


def io(name, file):
    return np.load(quern.MATERIAL / name / "io" / file)


@unittest.skipUnless(quern.MATERIAL.is_dir(), f"there are no models at {quern.MATERIAL}")
class Sequences(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.count = 0

    def simulate(self, name, samples):
        self.count += 1
        data = quern.write_samples(self.directory / f"data{self.count}", samples)
        return quern.simulate(quern.MATERIAL / name / "model.onnx", data)

    def same(self, got, want, limit):
        got, want = np.squeeze(got), np.squeeze(want).astype(np.float64)
        self.assertEqual(got.shape, want.shape)
        self.assertLess(quern.relative_difference(got, want), limit)

    def check(self, name, samples, references=()):
        """references: pairs of an output's number and the array of all samples together."""
        ours = self.simulate(name, samples)
        theirs = quern.ort_run(quern.MATERIAL / name / "model.onnx", samples)
        for got, want in zip(ours, theirs):
            for output in want:
                self.same(got[output], want[output], SAME)
        names = list(theirs[0])
        for number, array in references:
            self.same(np.concatenate([sample[names[number]] for sample in ours]), array, AS_STORED)

    def stream(self, name, frames, start, follow):
        """Output 0 for each frame; follow: the input that each further output becomes."""
        state = {key: np.zeros(shape, np.float32) for key, shape in start.items()}
        names = [o.name for o in quern.ort_session(quern.MATERIAL / name
                                                   / "model.onnx").get_outputs()]
        results = []
        for frame in frames:
            out = self.simulate(name, [{**frame, **state}])[0]
            results.append(out[names[0]])
            state = {key: out[output] for key, output in zip(follow, names[1:])}
        return np.stack(results)

    def test_ppocr_rec_en_number_v2(self):
        name = "ppocr_rec_en_number_v2"
        self.check(name, [{"x": x[None]} for x in io(name, "x.npy")], [(0, io(name, "y.npy"))])

    def test_point_history_lstm(self):
        path = quern.MATERIAL.parent / "data/gesture/point_history.csv"
        rows = np.loadtxt(path, np.float32, delimiter=",")[:200]
        sample = {"input": rows[:, 1:], "score_threshold": np.array(0.5, np.float32)}
        self.check("point_history_lstm", [sample], [(0, rows[:, 0])])

    def test_dtln_1(self):
        frames = [{"input_2": f[None, None]} for f in io("dtln_1", "frames.npy")]
        mask = self.stream("dtln_1", frames, {"input_3": (1, 2, 128, 2)}, ["input_3"])
        self.same(mask, io("dtln_1", "mask.npy"), AS_STORED)
        state = np.random.RandomState(0).normal(0, 0.5, (1, 2, 128, 2)).astype(np.float32)
        self.check("dtln_1", [{**f, "input_3": state} for f in frames])

    def test_gtcrn_simple(self):
        frames = [{"mix": f[None, :, None]} for f in io("gtcrn_simple", "frames.npy")]
        start = {"conv_cache": (2, 1, 16, 16, 33), "tra_cache": (2, 3, 1, 1, 16),
                 "inter_cache": (2, 1, 33, 16)}
        enhanced = self.stream("gtcrn_simple", frames, start, list(start))
        self.same(enhanced, io("gtcrn_simple", "enh.npy"), AS_STORED)
        random = np.random.RandomState(1)
        self.check("gtcrn_simple", [{**f, **{key: random.normal(0, 0.5, shape).astype(np.float32)
                                             for key, shape in start.items()}} for f in frames])

    def test_basic_pitch(self):
        self.check("basic_pitch", [{"serving_default_input_2:0": x[None]}
                                   for x in io("basic_pitch", "x.npy")],
                   [(i, io("basic_pitch", f"y{i}.npy")) for i in range(3)])

    def test_dnsmos_p808(self):
        self.check("dnsmos_p808", [{"input_1": x[None]} for x in io("dnsmos_p808", "x.npy")],
                   [(0, io("dnsmos_p808", "y.npy"))])

    def test_dnsmos_sig_bak_ovr(self):
        name = "dnsmos_sig_bak_ovr"
        self.check(name, [{"input_1": np.float32(x[None]) / 32768} for x in io(name, "x_i16.npy")],
                   [(0, io(name, "y.npy"))])

    def test_oww_melspec(self):
        self.check("oww_melspec", [{"input": np.float32(io("oww_melspec", "x.npy"))}],
                   [(0, io("oww_melspec", "y.npy"))])
