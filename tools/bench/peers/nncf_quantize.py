# SPDX-License-Identifier: Apache-2.0
"""NNCF: nncf.quantize with the mixed preset and fast bias correction, on the model after ONNX
Runtime's pre-processing, because otherwise BatchNormalization stays unfolded; or "reduced": with 7
bits of each weight in use (overflow_fix), not of the first layer's alone.

    python tools/bench/peers/nncf_quantize.py MODEL DIRECTORY OUT [reduced]

DIRECTORY holds .npz samples.
"""
import functools
import sys
import tempfile

import nncf
import onnx

import common


def quantize(more, path, samples, out):
    with tempfile.TemporaryDirectory() as scratch:
        model = onnx.load(common.preprocessed(common.lifted(path), scratch))
    onnx.save(nncf.quantize(model, nncf.Dataset(samples), subset_size=len(samples),
                            preset=nncf.QuantizationPreset.MIXED, **more), out)


if __name__ == "__main__":
    reduced = len(sys.argv) > 4 and sys.argv.pop() == "reduced"
    fix = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)
    more = {"advanced_parameters": fix} if reduced else {}
    common.main(functools.partial(quantize, more), "nncf")
