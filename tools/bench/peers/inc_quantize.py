# SPDX-License-Identifier: Apache-2.0
"""Neural Compressor 2.6, the last one that reads ONNX: static quantization with its defaults.

    python tools/bench/peers/inc_quantize.py MODEL DIRECTORY OUT    DIRECTORY holds .npz samples
"""
import pathlib
import tempfile

import onnx
from neural_compressor import PostTrainingQuantConfig, quantization

import common

NEWEST_IR = 10     # of the ONNX Runtime that it works with


class Loader:
    batch_size = 1

    def __init__(self, samples):
        self.samples = samples

    def __iter__(self):
        for sample in self.samples:
            values = list(sample.values())
            yield values if len(values) > 1 else values[0], 0


def quantize(path, samples, out):
    model = common.lifted(path)
    model.ir_version = min(model.ir_version, NEWEST_IR)
    config = PostTrainingQuantConfig(approach="static", device="cpu",
                                     calibration_sampling_size=len(samples))
    with tempfile.TemporaryDirectory() as scratch:
        source = pathlib.Path(scratch) / "model.onnx"
        onnx.save(model, source)
        done = quantization.fit(model=str(source), conf=config, calib_dataloader=Loader(samples))
        if done is None:
            raise RuntimeError("quantization.fit returned None")
        done.save(out)


if __name__ == "__main__":
    common.main(quantize, "neural-compressor")
