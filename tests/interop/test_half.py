# SPDX-License-Identifier: Apache-2.0
"""Whole models in float16, bfloat16 and double: quern computes what the float model does, as far as
the type carries, and what ONNX Runtime does where it runs the type. Quantized from float16, a model
keeps its types and runs in ONNX Runtime.
"""
import functools
import pathlib
import tempfile
import unittest
import warnings

import quern
from quern import Net, helper, np, numpy_helper, onnx

try:
    from onnxruntime.transformers.float16 import convert_float_to_float16
except ImportError as missing:
    raise unittest.SkipTest(str(missing))

FLOAT, HALF, BRAIN, DOUBLE = (getattr(onnx.TensorProto, name)
                              for name in ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE"))
# Of the largest output: what a model of some dozen layers may lose, rounding each.
ENOUGH = {HALF: 2 ** -7, BRAIN: 2 ** -4, DOUBLE: 1e-5}
QUANTIZED = 0.1
FORMATS = ["qdq", "qoperator", "dynamic", "dq", "fakequantize"]
MODELS = ["mnist_cntk", "resnet20_dynamo", "jax_mlp_op23", "pfld_bn"]
# Inputs that are float whatever the type of the model.
ALWAYS_FLOAT = {("Resize", 1), ("Resize", 2), ("Upsample", 1)}


def change_tensor(tensor, to):
    if tensor.data_type == FLOAT:
        array = numpy_helper.to_array(tensor).astype(helper.tensor_dtype_to_np_dtype(to))
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def change_graph(graph, to):
    """All floats of the graph and of its bodies."""
    kept = {node.input[i] for node in graph.node for kind, i in ALWAYS_FLOAT
            if node.op_type == kind and i < len(node.input)}
    for tensor in graph.initializer:
        if tensor.name not in kept:
            change_tensor(tensor, to)
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == FLOAT:
            value.type.tensor_type.elem_type = to
    del graph.value_info[:]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t") and not kept & set(node.output):
                change_tensor(attribute.t, to)
            if attribute.HasField("g"):
                change_graph(attribute.g, to)
            if attribute.name in ("to", "dtype") and attribute.i == FLOAT:
                attribute.i = to


def converted(path, to, keep_io=False):
    model = onnx.load(path)
    if to == HALF:
        with warnings.catch_warnings():   # of numbers that are too small for the type
            warnings.simplefilter("ignore")
            return convert_float_to_float16(model, keep_io_types=keep_io)
    change_graph(model.graph, to)
    return model


def conv_net(net):
    def conv(x, n_out, n_in, **more):
        return net.node("Conv", x, net.weight(n_out, n_in, 3, 3), pads=[1] * 4, **more)
    x = net.node("Relu", net.batch_norm(conv(net.input(1, 3, 20, 20), 16, 3, strides=[2, 2]), 16))
    y = net.node("HardSwish", conv(x, 16, 1, group=16))
    y = net.node("Conv", y, net.weight(16, 16, 1, 1), net.bias(16))
    x = net.node("Add", x, y)
    pooled = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    up = net.node("Resize", pooled, "", net.constant([1, 1, 2, 2], np.float32), mode="linear")
    x = net.node("Concat", x, up, axis=1)
    x = net.node("Sigmoid", net.node("Conv", x, net.weight(8, 32, 3, 3), net.bias(8)))
    x = net.node("Flatten", net.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]))
    net.output(net.node("Gemm", x, net.weight(10, 128), net.bias(10), transB=1))


def transformer(net, width=32, heads=4, length=6):
    def dense(x, n_in, n_out):
        return net.node("Add", net.node("MatMul", x, net.weight(n_in, n_out, scale=n_in ** -0.5)),
                        net.bias(n_out))

    def heads_first(x, axes):
        shape = net.constant([1, length, heads, width // heads], np.int64)
        return net.node("Transpose", net.node("Reshape", x, shape), perm=axes)

    def norm(x):
        return net.node("LayerNormalization", x, net.positive(width), net.bias(width))
    x = net.input(1, length, width)
    for _ in range(2):
        n = norm(x)
        q, k, v = (heads_first(dense(n, width, width), axes)
                   for axes in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
        scores = net.node("Mul", net.node("MatMul", q, k),
                          net.constant((width // heads) ** -0.5, np.float32))
        y = net.node("MatMul", net.node("Softmax", scores, axis=-1), v)
        y = net.node("Reshape", net.node("Transpose", y, perm=[0, 2, 1, 3]),
                     net.constant([1, length, width], np.int64))
        x = net.node("Add", x, dense(y, width, width))
        h = dense(norm(x), width, 2 * width)
        half = net.node("Mul", h, net.constant(0.5, np.float32))
        erf = net.node("Erf", net.node("Div", h, net.constant(2 ** 0.5, np.float32)))
        gelu = net.node("Mul", half, net.node("Add", erf, net.constant(1, np.float32)))
        x = net.node("Add", x, dense(gelu, 2 * width, width))
    net.output(norm(x))


NETS = {"conv_net": conv_net, "transformer": transformer}


def real(outputs):
    """Without whole numbers, which the type of the model does not change."""
    return {name: np.asarray(value, np.float64) for name, value in outputs.items()
            if value.dtype.kind not in "iub"}


class Half(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = pathlib.Path(holder.name)

    def float_model(self, name):
        """Path, samples and outputs."""
        if name in NETS:
            net = Net(1)
            NETS[name](net)
            path, samples = net.save(self.directory / "float.onnx"), net.samples(8)
        else:
            path = quern.MATERIAL / name / "model.onnx"
            random = np.random.default_rng(2)
            samples = [{i.name: random.normal(0.3, 1, [d if isinstance(d, int) else 1
                                                      for d in i.shape]).astype(np.float32)
                        for i in quern.ort_session(path).get_inputs()} for _ in range(4)]
        return path, samples, [real(y) for y in quern.ort_run(path, samples)]

    def assert_close(self, got, want, tolerance):
        """In units of an output's largest element in all samples: a single one may be near 0."""
        for name in want[0]:
            one, other = (np.stack([sample[name] for sample in outputs]) for outputs in (got, want))
            self.assertLess(quern.relative_difference(one, other), tolerance, name)

    def check(self, name, to, keep_io):
        path, samples, want = self.float_model(name)
        model = self.directory / "model.onnx"
        onnx.save(converted(path, to, keep_io), model)
        if not keep_io and to != BRAIN:   # which numpy does not have: files hold it as float
            kind = helper.tensor_dtype_to_np_dtype(to)
            samples = [{k: v.astype(kind) for k, v in s.items()} for s in samples]
        data = quern.write_samples(self.directory / "data", samples)
        got = [real(y) for y in quern.simulate(model, data)]
        self.assert_close(got, want, ENOUGH[to])
        if to == HALF:
            self.assert_close(got, [real(y) for y in quern.ort_run(model, samples)], ENOUGH[to])
        for form in FORMATS if name in NETS else ["qdq"] if to == HALF else []:
            with self.subTest(form):
                self.check_quantized(model, data, samples, want, form, to)

    def check_quantized(self, model, data, samples, want, form, to):
        """The runtime and quern agree about the int8 model, and it is near the float one. Inputs
        and outputs have the types they had."""
        out = self.directory / "int8.onnx"
        target = "openvino" if form == "fakequantize" else "onnxruntime"
        quern.run("quantize", model, "--data", data, "-o", out, "--format", form,
                  "--target", target)
        ours = [real(y) for y in quern.simulate(out, data)]
        self.assert_close(ours, want, QUANTIZED)
        self.check_graph(onnx.load(model).graph, onnx.load(out).graph, form)
        if to == HALF:
            run = quern.OpenVino(out) if target == "openvino" else \
                functools.partial(quern.ort_run, out)
            # OpenVINO names an output after any of the casts that it takes away
            theirs = [dict(zip(want[0], real(y).values())) for y in run(samples)]
            self.assert_close(theirs, want, QUANTIZED)
            self.assert_close(ours, theirs, QUANTIZED / 2)

    def check_graph(self, before, after, form):
        def types(graph):   # old models list constants among the inputs
            constants = {t.name for t in graph.initializer}
            return {v.name: v.type.tensor_type.elem_type
                    for v in (*graph.input, *graph.output) if v.name not in constants}
        self.assertEqual(types(before), types(after))
        fakes = sum(n.op_type == "FakeQuantize" for n in after.node)
        layers = sum(n.op_type in ("Conv", "Gemm") for n in before.node)
        codes = sum(t.data_type == onnx.TensorProto.INT8 for t in after.initializer)
        self.assertGreaterEqual(fakes if form == "fakequantize" else codes, layers)


FORMS = {"float16": (HALF, False), "float16_inside": (HALF, True), "bfloat16": (BRAIN, False),
         "double": (DOUBLE, False)}
for model in [*NETS, *(MODELS if quern.MATERIAL.is_dir() else ())]:
    for form, arguments in FORMS.items():
        setattr(Half, f"test_{model}_{form}",
                lambda self, name=model, more=arguments: self.check(name, *more))

if __name__ == "__main__":
    unittest.main()
