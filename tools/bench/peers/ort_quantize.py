# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: quant_pre_process, then quantize_static in QDQ form, with uint8 activations, int8
weights per channel and ranges by min-max, or another of its methods: percentile, entropy,
distribution; or "reduced": by min-max, with 7 bits of each weight in use (reduce_range).

    python tools/bench/peers/ort_quantize.py MODEL DIRECTORY OUT [METHOD|reduced]

DIRECTORY holds .npz samples.
"""
import functools
import sys
import tempfile

from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

import common


def quantize(word, path, samples, out):
    reduced = word == "reduced"
    method = CalibrationMethod[word.capitalize()] if word and not reduced else \
        CalibrationMethod.MinMax
    with tempfile.TemporaryDirectory() as scratch:
        model = common.preprocessed(common.lifted(path), scratch)
        quantize_static(model, out, common.Reader(samples), quant_format=QuantFormat.QDQ,
                        per_channel=True, activation_type=QuantType.QUInt8,
                        weight_type=QuantType.QInt8, calibrate_method=method,
                        reduce_range=reduced)


if __name__ == "__main__":
    word = sys.argv.pop() if len(sys.argv) > 4 else None
    common.main(functools.partial(quantize, word), "onnxruntime")
