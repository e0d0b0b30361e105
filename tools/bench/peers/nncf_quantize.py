# SPDX-License-Identifier: Apache-2.0
"""NNCF: nncf.quantize with the mixed preset and fast bias correction, on the model after ONNX
Runtime's pre-processing, because otherwise BatchNormalization stays unfolded.

    python tools/bench/peers/nncf_quantize.py MODEL DIRECTORY OUT    DIRECTORY holds .npz samples
"""
import tempfile

import nncf
import onnx

import common


def quantize(path, samples, out):
    with tempfile.TemporaryDirectory() as scratch:
        model = onnx.load(common.preprocessed(common.lifted(path), scratch))
    onnx.save(nncf.quantize(model, nncf.Dataset(samples), subset_size=len(samples),
                            preset=nncf.QuantizationPreset.MIXED), out)


if __name__ == "__main__":
    common.main(quantize, "nncf")
