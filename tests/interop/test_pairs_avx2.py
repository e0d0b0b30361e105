# SPDX-License-Identifier: Apache-2.0
"""Sums of two products in 16 bits, on any x86 processor: told to use AVX2 only, OpenVINO computes
as on processors without VNNI. What quern makes for all processors is exact there; what it makes for
those with VNNI is not."""
import os
import platform
import unittest

os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"     # read when OpenVINO is loaded

import quern
import test_pairs
from test_pairs import LAYERS, NEAR


@unittest.skipUnless(platform.machine() == "x86_64", "these are instructions of x86")
class Avx2(unittest.TestCase):
    made = test_pairs.Pairs.made
    check_openvino = test_pairs.Pairs.check_openvino

    def test_any_processor(self):
        for name, make in LAYERS.items():
            with self.subTest(name):
                self.check_openvino(make)

    def test_further(self):
        self.check_openvino(test_pairs.transposed)
        self.check_openvino(LAYERS["conv"], "--format", "fakequantize")
        self.check_openvino(LAYERS["picture"], "--format", "fakequantize")
        self.check_openvino(LAYERS["picture"], "--skip", "pad-channels")

    def test_what_happens_else(self):
        for name in ("conv", "conv_of_odd_channels", "picture", "pointwise", "grouped", "matmul"):
            with self.subTest(name):
                q = self.made(LAYERS[name], "--target", "openvino", "--cpu", "vnni")
                apart = q.apart(quern.OpenVino(q.int8)(q.samples))
                self.assertGreater(apart, 5 * NEAR)


if __name__ == "__main__":
    unittest.main()
