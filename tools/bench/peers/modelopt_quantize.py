# SPDX-License-Identifier: Apache-2.0
"""ModelOpt: int8 with its default calibration, entropy; float32 around it, calibrated on the CPU.

    python tools/bench/peers/modelopt_quantize.py MODEL DIRECTORY OUT   DIRECTORY holds .npz samples
"""
import pathlib
import shutil
import tempfile

from modelopt.onnx.quantization import quantize as modelopt_quantize
from onnxruntime.quantization.calibrate import CalibrationDataReader

import common


class Reader(common.Reader, CalibrationDataReader):
    """Checked for its class."""


def quantize(path, samples, out):
    with tempfile.TemporaryDirectory() as scratch:     # it writes beside the model
        source = pathlib.Path(scratch) / "model.onnx"
        shutil.copy(path, source)
        modelopt_quantize(str(source), quantize_mode="int8", calibration_eps=["cpu"],
                          calibration_data_reader=Reader(samples), high_precision_dtype="fp32",
                          output_path=out, log_level="WARNING")


if __name__ == "__main__":
    common.main(quantize, "nvidia-modelopt")
