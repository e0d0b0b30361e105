# SPDX-License-Identifier: Apache-2.0
"""Models in the runtimes that users have: what they compute, and which of their layers run in
integers. A model is called with a feed and returns its outputs in the order of the graph."""
import collections
import pathlib
import tempfile

import onnx
import onnxruntime
import openvino

import kernels

THREADS = 2


def kinds(graph):
    """How often each operator occurs, subgraphs included."""
    return collections.Counter(node.op_type for body in kernels.bodies(graph)
                               for node in body.node)


class Ort:
    """A model in ONNX Runtime."""

    def __init__(self, path, threads=THREADS, renamed=()):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        with tempfile.TemporaryDirectory() as directory:
            dump = pathlib.Path(directory) / "optimized.onnx"
            options.optimized_model_filepath = str(dump)
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"])
            found = kinds(onnx.load(dump, load_external_data=False).graph)
            self.layers = kernels.in_ort(dump, renamed)
        self.nodes = {"integer": sum(found[kind] for kind in kernels.ORT_INTEGER),
                      "float": sum(found[kind] for kind in kernels.ORT_FLOAT)}
        shape = self.session.get_inputs()[0].shape
        self.output = self.session.get_outputs()[0].name
        self.fixed_batch = bool(shape) and isinstance(shape[0], int)

    def __call__(self, feed):
        return self.session.run(None, feed)


class OpenVino:
    """A model in OpenVINO's CPU plugin, without bfloat16."""

    def __init__(self, path, threads=THREADS, renamed=()):
        core = openvino.Core()
        self.model = core.compile_model(core.read_model(path), "CPU", {
            "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"})
        verdicts = [verdict for _, verdict, _ in kernels.openvino_kernels(self.model)]
        integer = verdicts.count("integer")
        self.nodes = {"integer": integer, "float": len(verdicts) - integer}
        self.layers = kernels.in_openvino(self.model, renamed)
        self.fixed_batch = self.model.input(0).partial_shape[0].is_static

    def __call__(self, feed):
        results = self.model(feed)
        return [results[i] for i in range(len(self.model.outputs))]


def multiply_adds(path, feed):
    """What each renamed layer of a model multiplies in a run, as kernels.multiply_adds() says."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_profiling = True
    # The profile leaves out the shapes of weights that are packed.
    options.add_session_config_entry("session.disable_prepacking", "1")
    with tempfile.TemporaryDirectory() as directory:
        options.profile_file_prefix = str(pathlib.Path(directory) / "run")
        session = onnxruntime.InferenceSession(str(path), options,
                                               providers=["CPUExecutionProvider"])
        session.run(None, feed)
        return kernels.multiply_adds(session.end_profiling())
