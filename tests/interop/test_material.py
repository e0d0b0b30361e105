# SPDX-License-Identifier: Apache-2.0
"""Real models of other people, where they lie beside the checkout: quern's executor computes what
their stored references and ONNX Runtime say, and the quantized model what ONNX Runtime makes of it.
"""
import json
import pathlib
import tempfile
import unittest

import numpy as np
import quern

MODELS = ["mnist_cntk", "resnet20_cifar10_bn", "mbv1_025_imagenet_bn", "mbv2_035_bn_cifar10probe",
          "mobilenetv2_12_dequant", "shufflenetv2_12_dequant", "super_resolution", "keypoint_mlp",
          "ad_autoencoder_gemm_bn"]
SAME = 1e-4             # relative error against ONNX Runtime
AS_STORED = 1e-3        # and against references, some of which are stored as float16
SAMPLES = 16


def stored(name):
    """Inputs, and reference outputs where they are stored: lists of arrays."""
    folder = quern.MATERIAL / name / "io"
    if (folder / "pre.json").exists():
        pre = json.loads((folder / "pre.json").read_text())
        x = ((np.load(folder / "u8.npy") - np.float32(pre["mean"])) * np.float32(pre["scale"]))
        x = x.astype(np.float32).transpose(0, 3, 1, 2)
        want = [np.load(folder / f"out{i}_0.npy") for i in range(len(x))
                if (folder / f"out{i}_0.npy").exists()]
        return [x[i:i + 1] for i in range(len(x))], want
    if (folder / "x0.npy").exists():
        names = sorted(folder.glob("x[0-9].npy"))
        return [np.load(file) for file in names], \
               [np.load(file.with_name(file.name.replace("x", "y"))) for file in names]
    if (folder / "x.npy").exists():
        return [np.load(folder / "x.npy").astype(np.float32)], [np.load(folder / "y.npy")]
    return [np.random.RandomState(i).uniform(-1, 1, (1, 42)).astype(np.float32)
            for i in range(SAMPLES)], []


def error(got, want):
    got, want = (np.asarray(a, np.float64).ravel() for a in (got, want))
    return np.abs(got - want).max() / max(np.abs(want).max(), 1e-30)


@unittest.skipUnless(quern.MATERIAL.is_dir(), f"there are no models at {quern.MATERIAL}")
class Material(unittest.TestCase):
    def check(self, name):
        path = quern.MATERIAL / name / "model.onnx"
        inputs, want = stored(name)
        key = quern.ort_session(path).get_inputs()[0].name
        samples = [{key: np.ascontiguousarray(x)} for x in inputs]
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            data = quern.write_samples(directory / "data", samples)
            ours, theirs = quern.simulate(path, data), quern.ort_run(path, samples)
            for i, (a, b) in enumerate(zip(ours, theirs)):
                for output in b:
                    self.assertLess(error(a[output], b[output]), SAME, f"sample {i}, '{output}'")
            for i, reference in enumerate(want):
                self.assertLess(error(next(iter(ours[i].values())), reference), AS_STORED)

            out = directory / "int8.onnx"
            options = ["--data", data, "-o", out, "--min-sqnr", 0]   # so few samples tell nothing
            quern.run("quantize", path, *options)
            self.assertFalse({"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul"}
                             & quern.ort_operators(out).keys())
            first = out.read_bytes()
            quern.run("quantize", path, *options, "-j", "1")
            self.assertTrue(out.read_bytes() == first, "other bytes with -j 1")


for model in MODELS:
    setattr(Material, f"test_{model}", lambda self, name=model: self.check(name))

if __name__ == "__main__":
    unittest.main()
