# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: quant_pre_process, then quantize_static in QDQ form, with uint8 activations, int8
weights per channel and min-max ranges.

    python tools/bench/peers/ort_quantize.py MODEL DIRECTORY OUT    DIRECTORY holds .npz samples
"""
import tempfile

from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

import common


def quantize(path, samples, out):
    with tempfile.TemporaryDirectory() as scratch:
        model = common.preprocessed(common.lifted(path), scratch)
        quantize_static(model, out, common.Reader(samples), quant_format=QuantFormat.QDQ,
                        per_channel=True, activation_type=QuantType.QUInt8,
                        weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax)


if __name__ == "__main__":
    common.main(quantize, "onnxruntime")
