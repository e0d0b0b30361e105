# SPDX-License-Identifier: Apache-2.0
"""What the programs for the peers share: arguments, samples, preparation of the model, and the
facts that they leave beside their output: what imports cost, and what was done on the way.

A program imports all that its peer needs at the top, and calls main() with a function of the path
of the model, the samples and the path of the output.
"""
import importlib.metadata
import json
import os
import pathlib
import sys
import time

import numpy as np
import onnx

PER_CHANNEL_OPSET = 13     # QuantizeLinear has no axis before
FLOOR_IR = 7

notes = []


class Samples:
    """The .npz files of a directory, a sample each, read when they are asked for."""

    def __init__(self, directory):
        self.files = sorted(pathlib.Path(directory).glob("*.npz"))

    def __len__(self):
        return len(self.files)

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index):
        with np.load(self.files[index]) as sample:
            return dict(sample)


class Reader:
    """The same in the form in which ONNX Runtime and its likes take them."""

    def __init__(self, samples):
        self.samples = samples
        self.rewind()

    def get_next(self):
        return next(self.left, None)

    def get_first(self):
        return self.samples[0]

    def rewind(self):
        self.left = iter(self.samples)

    def __len__(self):
        return len(self.samples)

    def set_range(self, start_index, end_index):
        self.left = (self.samples[i] for i in range(start_index, end_index))


def brief(failure):
    return f"{type(failure).__name__}: {' '.join(str(failure).split())}"


def lifted(path):
    """The model, converted to an opset with per-channel QuantizeLinear if it is older. Where the
    converter fails, the model as it is."""
    model = onnx.load(path)
    opset = max((entry.version for entry in model.opset_import
                 if entry.domain in ("", "ai.onnx")), default=PER_CHANNEL_OPSET)
    if opset >= PER_CHANNEL_OPSET:
        return model
    try:
        newer = onnx.version_converter.convert_version(model, PER_CHANNEL_OPSET)
        newer.ir_version = max(newer.ir_version, FLOOR_IR)
        onnx.checker.check_model(newer)
        return newer
    except Exception as failure:     # of the converter; the peer may do without
        notes.append(f"opset {opset} stays: {brief(failure)}")
        return model


def preprocessed(model, directory):
    """The path of the model after ONNX Runtime's quant_pre_process, which folds
    BatchNormalization; with less inference of shapes where all of it fails."""
    from onnxruntime.quantization.shape_inference import quant_pre_process
    before, after = (pathlib.Path(directory) / name for name in ("before.onnx", "after.onnx"))
    onnx.save(model, before)
    for options in ({}, {"skip_symbolic_shape": True},
                    {"skip_symbolic_shape": True, "skip_onnx_shape": True}):
        try:
            quant_pre_process(before, after, **options)
            return after
        except Exception as failure:     # of the pre-processing; the next try asks for less
            notes.append(f"quant_pre_process: {brief(failure)}")
    return before


def without_weight_inputs(model):
    """Initializers of old files are inputs as well, which some peers do not expect."""
    weights = {tensor.name for tensor in model.graph.initializer}
    kept = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return model


def main(quantize, package):
    path, directory, out = sys.argv[1:]
    facts = {"import_s": time.monotonic() - float(os.environ["BENCH_STARTED"]),
             "import_cpu_s": time.process_time(),
             "version": importlib.metadata.version(package)}
    try:
        quantize(path, Samples(directory), out)
    except Exception as failure:
        sys.exit(brief(failure))
    finally:
        facts["notes"] = notes
        pathlib.Path(out).with_suffix(".facts").write_text(json.dumps(facts) + "\n")
    if not os.path.exists(out):
        sys.exit("no model was written")
