# SPDX-License-Identifier: Apache-2.0
"""The short form of tools/bench/coverage.py: a few models, quantized for each target, in their
runtimes. Those of other people only where they lie beside the checkout."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import quern

COVERAGE = quern.ROOT / "tools/bench/coverage.py"
SAMPLES = 40
# What is asked of the outputs of each, in decibels.
MODELS = {
    "digits_dynamo": 25,
    "bvae_decoder": 15,           # ConvTranspose, Resize, a picture of whole numbers
    "mobilenetv2_cifar_dynamo": 25,
    "oww_hey_mycroft": 15,        # LayerNormalization spelled out
    "osf_mnv3_detection": 20,     # hard-swish, FusedConv, groups that stay float
    "pfld_bn": 30,
    "sayit_kws": 20,              # external data
}
TARGETS = {"ort", "ov", "ov-fq"}
# ONNX Runtime has no kernel for ConvTranspose, and a slow one for many small groups.
IN_FLOAT = {"bvae_decoder, ort", "osf_mnv3_detection, ort"}
# Without AVX-512 (which the processors at hand have if they have VNNI) OpenVINO wants to know the
# shapes of a ConvTranspose.
UNKNOWN = {"bvae_decoder, ov", "bvae_decoder, ov-fq"} if quern.adds_in_16_bits() else set()


class Coverage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory) / "coverage.json"
            only = [word for name in MODELS for word in ("--only", name)]
            done = subprocess.run(
                [sys.executable, COVERAGE, *only, "--samples", str(SAMPLES), "--seconds", "0",
                 "--json", out], capture_output=True, text=True,
                env={**os.environ, "QUERN": str(quern.PROGRAM)})
            if "No module named" in done.stderr:
                raise unittest.SkipTest(done.stderr.strip().split("\n")[-1])
            cls.said = done.stdout + done.stderr
            cls.results = json.loads(out.read_text()) if out.exists() else {}

    def rows(self):
        for name, targets in self.results.items():
            for target, row in targets.items():
                yield f"{name}, {target}", row

    def test_models(self):
        self.assertIn("digits_dynamo", self.results, self.said)
        for name, targets in self.results.items():
            self.assertEqual(targets.keys(), TARGETS, name)

    def test_runs(self):
        for name, row in self.rows():
            self.assertEqual(row["state"], "runs", (name, row))
            self.assertNotIn("reason", row, name)

    def test_integer(self):
        for name, row in self.rows():
            if row["convolutional"] and name not in IN_FLOAT | UNKNOWN:
                self.assertGreaterEqual(row["integer_percent"], 95, name)

    def test_foreseen(self):
        """`quern check` says of each layer what the runtime does."""
        for name, row in self.rows():
            if name in UNKNOWN:
                continue
            self.assertGreater(row["foreseen_of"], 0, name)
            self.assertEqual(row["foreseen"], row["foreseen_of"], (name, row["unforeseen"]))

    def test_near(self):
        for name, row in self.rows():
            db = row["int8"] if row["unit"] == "SQNR dB" else row["db"]
            self.assertGreaterEqual(db, MODELS[name.split(",")[0]], name)


if __name__ == "__main__":
    unittest.main()
