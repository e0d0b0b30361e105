# SPDX-License-Identifier: Apache-2.0
"""Models in the runtimes that users have: what they compute, and which of their layers run in
integers. A model is called with a feed and returns its outputs in the order of the graph."""
import collections
import pathlib
import tempfile

import onnx
import onnxruntime
import openvino

THREADS = 2

# What ONNX Runtime calls its kernels for convolutions, matrix products and recurrent layers.
ORT_INTEGER = {"QLinearConv", "QLinearConvTranspose", "ConvInteger", "QLinearMatMul", "QGemm",
               "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
               "DynamicQuantizeLSTM", "QAttention"}
ORT_FLOAT = {"Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul",
             "FusedMatMul", "LSTM", "GRU", "RNN", "Attention"}
OV_COMPUTE = {"Convolution", "Deconvolution", "FullyConnected", "MatMul"}


def kinds(graph):
    """How often each operator occurs, subgraphs included."""
    found = collections.Counter()
    for node in graph.node:
        found[node.op_type] += 1
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                found += kinds(inner)
    return found


class Ort:
    """A model in ONNX Runtime."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.log_severity_level = 4
        with tempfile.TemporaryDirectory() as directory:
            dump = pathlib.Path(directory) / "optimized.onnx"
            options.optimized_model_filepath = str(dump)
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"])
            found = kinds(onnx.load(dump, load_external_data=False).graph)
        self.nodes = {"integer": sum(found[kind] for kind in ORT_INTEGER),
                      "float": sum(found[kind] for kind in ORT_FLOAT)}
        shape = self.session.get_inputs()[0].shape
        self.output = self.session.get_outputs()[0].name
        self.fixed_batch = bool(shape) and isinstance(shape[0], int)

    def __call__(self, feed):
        return self.session.run(None, feed)


class OpenVino:
    """A model in OpenVINO's CPU plugin, without bfloat16."""

    def __init__(self, path):
        core = openvino.Core()
        self.model = core.compile_model(core.read_model(path), "CPU", {
            "INFERENCE_NUM_THREADS": THREADS, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"})
        self.nodes = collections.Counter({"integer": 0, "float": 0})
        for node in self.model.get_runtime_model().get_ordered_ops():
            info = node.get_rt_info()
            if "layerType" in info and info["layerType"].astype(str) in OV_COMPUTE:
                precision = info["runtimePrecision"].astype(str).lower()
                self.nodes["integer" if precision in ("i8", "u8") else "float"] += 1
        self.fixed_batch = self.model.input(0).partial_shape[0].is_static

    def __call__(self, feed):
        results = self.model(feed)
        return [results[i] for i in range(len(self.model.outputs))]
