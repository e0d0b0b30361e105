# SPDX-License-Identifier: Apache-2.0
"""How the two runtimes execute the compute nodes of a model: the truth for `quern check`.

The nodes of a copy of the model are renamed to `layer<number>_`. Both runtimes keep names: ONNX
Runtime gives a fused node the name of the operator it stands for, with something before or behind,
OpenVINO lists the names of all operators in a kernel. So a node's kernel is found by its name. A
node that has no kernel of that name (it was folded, or joined into one that took another's name)
has no verdict here and is left out of comparisons.
"""
import os
import pathlib
import re
import tempfile

import quern
from quern import onnx

COMPUTE = {"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "QLinearConv",
           "ConvInteger", "QLinearMatMul", "MatMulInteger", "QGemm", "MatMulIntegerToFloat",
           "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "MatMulNBits", "FusedConv", "FusedGemm",
           "FusedMatMul"}
ORT_INTEGER = {"QLinearConv", "QLinearConvTranspose", "ConvInteger", "QLinearMatMul", "QGemm",
               "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
               "DynamicQuantizeLSTM", "MatMulNBits"}
ORT_FLOAT = {"Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul",
             "FusedMatMul", "LSTM", "GRU", "RNN", "QuickGemm", "TransposeMatMul",
             "DynamicQuantizeConv"}
OV_COMPUTE = {"Convolution", "Deconvolution", "FullyConnected", "MatMul", "RNNSeq", "RNNCell"}
NAME = re.compile(r"layer\d+_")


def bodies(graph):
    """The graph and those in its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for body in [attribute.g] * attribute.HasField("g") + list(attribute.graphs):
                yield from bodies(body)


def rename_value(graph, old, new):
    for body in bodies(graph):
        for node in body.node:
            for names in (node.input, node.output):
                names[:] = [new if name == old else name for name in names]
        for info in [*body.output, *body.value_info]:
            info.name = new if info.name == old else info.name


def rename(source, target):
    """The model with `layer<number>_` as the names of its compute nodes; returns their types."""
    model = onnx.load(source)
    kinds = {}
    for graph in bodies(model.graph):
        for node in graph.node:
            if node.op_type in COMPUTE:
                node.name = f"layer{len(kinds)}_"
                kinds[node.name] = node.op_type
    results = {node.output[0]: node.name for node in model.graph.node if node.name in kinds}
    for output in model.graph.output:   # OpenVINO calls their nodes like the outputs
        if output.name in results:
            rename_value(model.graph, output.name, results[output.name])
    onnx.save(model, target)
    return kinds


def in_ort(path, _=()):
    """Names of nodes to "integer", "float" or "dequantizes" (its weight, at each run)."""
    with tempfile.TemporaryDirectory() as directory:
        dump = pathlib.Path(directory) / "optimized.onnx"
        quern.ort_session(path, dump=dump)
        optimized = onnx.load(dump)
    found = {}
    for graph in bodies(optimized.graph):
        constants = {tensor.name for g in bodies(optimized.graph) for tensor in g.initializer}
        codes = {node.output[0] for node in graph.node
                 if node.op_type == "DequantizeLinear" and node.input[0] in constants}
        for node in graph.node:
            for name in NAME.findall(node.name):
                if node.op_type in ORT_INTEGER:
                    found[name] = "integer"
                elif node.op_type in ORT_FLOAT:
                    weight = node.input[1] in codes or node.input[0] in codes
                    found[name] = "dequantizes" if weight else "float"
    return found


def in_openvino(path, kinds=()):
    """Names of nodes to "integer", "float" or "dequantizes" (a packed weight, in a float kernel).

    Where one node of `kinds` and one kernel are left over, they belong together.
    """
    found, left = {}, []
    for node in quern.OpenVino(path).model.get_runtime_model().get_ordered_ops():
        info = node.get_rt_info()
        kind, precision, kernel, names = (info[key].astype(str) if key in info else "" for key in (
            "layerType", "runtimePrecision", "primitiveType", "originalLayersNames"))
        if kind not in OV_COMPUTE:
            continue
        packed = precision.lower() in ("i8", "u8")
        verdict = "float" if not packed else \
            "integer" if kernel.lower().endswith("_i8") else "dequantizes"
        names = NAME.findall(names)
        if names:
            found[names[0]] = verdict
        else:
            left.append(verdict)
    nameless = [name for name in kinds if name not in found]
    if len(nameless) == len(left) and len(set(left)) == 1:
        found.update((name, left[0]) for name in nameless)
    return found
