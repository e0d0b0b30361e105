# SPDX-License-Identifier: Apache-2.0
"""AIMET: BatchNormalization folded, a simulation with int8 weights per channel and int8
activations by its tf_enhanced scheme, exported in QDQ form. Without its cross-layer equalization,
which replaces ReLU6 and so changes the float model.

    python tools/bench/peers/aimet_quantize.py MODEL DIRECTORY OUT    DIRECTORY holds .npz samples
"""
import pathlib

import aimet_onnx
import onnx
from aimet_onnx import utils
from aimet_onnx.batch_norm_fold import fold_all_batch_norms_to_weight
from aimet_onnx.common import quantsim_config
from aimet_onnx.quantsim import QuantizationSimModel

import common

CONFIG = pathlib.Path(quantsim_config.__file__).parent / "default_config_per_channel.json"


def quantize(path, samples, out):
    model = common.without_weight_inputs(common.lifted(path))
    utils.duplicate_shared_initializers(model.graph)
    fold_all_batch_norms_to_weight(model)
    simulation = QuantizationSimModel(
        model, param_type=aimet_onnx.int8, activation_type=aimet_onnx.int8,
        quant_scheme="tf_enhanced", config_file=str(CONFIG), providers=["CPUExecutionProvider"])
    simulation.compute_encodings(samples)
    onnx.save(simulation.to_onnx_qdq(prequantize_constants=True), out)


if __name__ == "__main__":
    common.main(quantize, "aimet-onnx")
