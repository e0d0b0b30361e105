# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: quant_pre_process, then quantize_static in QDQ form, with uint8 activations, int8
weights per channel and ranges by min-max, or another of its methods: percentile, entropy,
distribution.

    python tools/bench/peers/ort_quantize.py MODEL DIRECTORY OUT [METHOD]

DIRECTORY holds .npz samples.
"""
import functools
import sys
import tempfile

from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

import common


def quantize(method, path, samples, out):
    with tempfile.TemporaryDirectory() as scratch:
        model = common.preprocessed(common.lifted(path), scratch)
        quantize_static(model, out, common.Reader(samples), quant_format=QuantFormat.QDQ,
                        per_channel=True, activation_type=QuantType.QUInt8,
                        weight_type=QuantType.QInt8, calibrate_method=method)


if __name__ == "__main__":
    method = CalibrationMethod[sys.argv.pop().capitalize()] if len(sys.argv) > 4 else \
        CalibrationMethod.MinMax
    common.main(functools.partial(quantize, method), "onnxruntime")
