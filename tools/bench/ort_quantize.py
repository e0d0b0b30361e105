# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime's static quantization, for cost.py to measure: QDQ, uint8 activations and int8
weights per channel, min-max ranges.

    python tools/bench/ort_quantize.py MODEL DIRECTORY OUT    DIRECTORY holds .npz samples
"""
import pathlib
import sys

import numpy as np
import onnx
from onnxruntime.quantization import (CalibrationDataReader, CalibrationMethod, QuantFormat,
                                      QuantType, quantize_static)

PER_CHANNEL_OPSET = 13     # QuantizeLinear has no axis before


class Samples(CalibrationDataReader):
    def __init__(self, directory):
        self.files = iter(sorted(pathlib.Path(directory).glob("*.npz")))

    def get_next(self):
        file = next(self.files, None)
        return file and dict(np.load(file))


def main():
    path, directory, out = sys.argv[1:]
    model = onnx.load(path)
    if model.opset_import[0].version < PER_CHANNEL_OPSET:
        model = onnx.version_converter.convert_version(model, PER_CHANNEL_OPSET)
    quantize_static(model, out, Samples(directory), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                    calibrate_method=CalibrationMethod.MinMax)


if __name__ == "__main__":
    main()
