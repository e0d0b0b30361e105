# SPDX-License-Identifier: Apache-2.0
"""Linear Resize of planes equals ONNX Runtime's to the bit: pixels lie on a grid, and what comes
half-way between codes would round differently by the last bit."""
import unittest

from single import np, one_node, onnxruntime, run_quern

MODES = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")


class Resize(unittest.TestCase):
    def check(self, mode, seed):
        rng = np.random.default_rng(seed)
        channels, *sizes = (int(v) for v in rng.integers(1, 30, 5))
        rows, columns, to_rows, to_columns = sizes
        x = rng.standard_normal((int(rng.integers(1, 3)), channels, rows, columns))
        wanted = [None, None, np.array([*x.shape[:2], to_rows, to_columns])] if seed % 2 else \
            [None, np.array([1, 1, to_rows / rows, to_columns / columns], np.float32)]
        model, feeds = one_node(
            "Resize", [x.astype(np.float32), *wanted],
            {"mode": "linear", "coordinate_transformation_mode": mode}, opset=13)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        for name, theirs in zip((o.name for o in session.get_outputs()), session.run(None, feeds)):
            np.testing.assert_array_equal(run_quern(model, feeds)[name], theirs)


for mode in MODES:
    def test(self, mode=mode):
        for seed in range(12):
            with self.subTest(seed=seed):
                self.check(mode, seed)
    setattr(Resize, f"test_{mode}", test)
