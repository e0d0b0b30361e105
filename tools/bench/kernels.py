# SPDX-License-Identifier: Apache-2.0
"""Which kernel a runtime has for each layer of a model, and what the layer multiplies.

The layers of a copy of the model, and their results, are renamed to `layer<number>_`. Both runtimes
keep names: ONNX Runtime gives a fused node the name of the operator it stands for, or of its
result, with something before or behind, OpenVINO lists the names of all operators in a kernel. So a
layer's kernel is found by its name. A layer that has no kernel of that name (it was folded, or
joined into one that took another's name) is not in the answers.
"""
import collections
import json
import math
import pathlib
import re

import onnx

COMPUTE = {"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "QLinearConv",
           "ConvInteger", "QLinearMatMul", "MatMulInteger", "QGemm", "MatMulIntegerToFloat",
           "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "MatMulNBits", "FusedConv", "FusedGemm",
           "FusedMatMul"}
ORT_INTEGER = {"QLinearConv", "QLinearConvTranspose", "ConvInteger", "QLinearMatMul", "QGemm",
               "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
               "DynamicQuantizeLSTM", "MatMulNBits", "QAttention"}
ORT_FLOAT = {"Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul",
             "FusedMatMul", "LSTM", "GRU", "RNN", "QuickGemm", "TransposeMatMul", "Attention",
             "DynamicQuantizeConv"}
OV_COMPUTE = {"Convolution", "Deconvolution", "FullyConnected", "MatMul", "RNNSeq", "RNNCell"}
RECURRENT = {"LSTM", "GRU", "RNN", "DynamicQuantizeLSTM"}
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
    """The model with `layer<number>_` as the names of its layers; returns their types."""
    model = onnx.load(source)
    kinds = {}
    for graph in bodies(model.graph):
        for node in graph.node:
            if node.op_type in COMPUTE:
                node.name = f"layer{len(kinds)}_"
                kinds[node.name] = node.op_type
    for graph in bodies(model.graph):
        for node in graph.node:
            if node.name in kinds:
                rename_value(model.graph, node.output[0], node.name)
    onnx.save(model, target)
    return kinds


def in_ort(dump, kinds=()):
    """Of the graph that ONNX Runtime saved after its optimization: layers to "integer", "float" or
    "dequantizes" (its weight, at each run).

    Where layers of `kinds` and kernels are left over, as many and all alike, they belong together,
    as they do where more are left that all are float: the runtime makes such of other operators.
    """
    optimized = onnx.load(dump, load_external_data=False)
    found, left = {}, []
    constants = {tensor.name for g in bodies(optimized.graph) for tensor in g.initializer}
    for graph in bodies(optimized.graph):
        codes = {node.output[0] for node in graph.node
                 if node.op_type == "DequantizeLinear" and node.input[0] in constants}
        for node in graph.node:
            if node.op_type not in ORT_INTEGER | ORT_FLOAT:
                continue
            weight = node.input[1] in codes or node.input[0] in codes
            verdict = "integer" if node.op_type in ORT_INTEGER else \
                "dequantizes" if weight else "float"
            names = NAME.findall(node.name)
            found.update(dict.fromkeys(names, verdict))
            left += [] if names else [verdict]
    return with_left(found, left, kinds)


def with_left(found, left, kinds):
    """`found`, and the layers of `kinds` that belong to the kernels without a name."""
    nameless = [name for name in kinds if name not in found]
    fit = len(nameless) == len(left) or len(nameless) < len(left) and left[0] == "float"
    if fit and len(set(left)) == 1:
        found.update((name, left[0]) for name in nameless)
    return found


def openvino_kernels(compiled):
    """(layerType, verdict, names of its operators) of the kernels that are layers. Weights that are
    packed as int8 say i8 in a float kernel as well; only the kernel's own type tells."""
    for node in compiled.get_runtime_model().get_ordered_ops():
        info = node.get_rt_info()
        kind, precision, kernel, names = (info[key].astype(str) if key in info else "" for key in (
            "layerType", "runtimePrecision", "primitiveType", "originalLayersNames"))
        if kind in OV_COMPUTE:
            packed = precision.lower() in ("i8", "u8")
            yield kind, "integer" if kernel.lower().endswith("_i8") else \
                "dequantizes" if packed else "float", names


def in_openvino(compiled, kinds=()):
    """The same of a compiled model; "dequantizes" is a packed weight in a float kernel."""
    found, left = {}, []
    for _, verdict, names in openvino_kernels(compiled):
        names = NAME.findall(names)
        if names:
            found[names[0]] = verdict
        else:
            left.append(verdict)
    return with_left(found, left, kinds)


def multiply_adds(profile):
    """What each layer multiplied in the runs of a session that was not optimized, from the file
    that ONNX Runtime's profiling wrote."""
    total = collections.Counter()
    for event in json.loads(pathlib.Path(profile).read_text()):
        arguments = event.get("args", {})
        name = NAME.match(event.get("name", ""))
        if name and "output_type_shape" in arguments:
            shapes = [[next(iter(tensor.values())) for tensor in arguments[key]]
                      for key in ("input_type_shape", "output_type_shape")]
            total[name[0]] += layer_multiplies(arguments["op_name"], *shapes)
    return total


def layer_multiplies(kind, inputs, outputs):
    """inputs, outputs: shapes; operators on codes have the weight at another place."""
    if kind in RECURRENT:
        return math.prod(inputs[0][:2]) * (math.prod(inputs[1]) + math.prod(inputs[2]))
    if kind == "ConvTranspose":
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    if "Conv" in kind:
        weight = inputs[3 if kind == "QLinearConv" else 1]
        return math.prod(outputs[0]) * math.prod(weight[1:])
    if "Gemm" in kind:
        return math.prod(inputs[0]) * outputs[0][-1]
    return math.prod(outputs[0]) * inputs[0][-1]
