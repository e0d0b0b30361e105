# SPDX-License-Identifier: Apache-2.0
"""Networks of well-known shapes with random weights, for what is measured in time alone."""
import numpy as np
import onnx
from onnx import helper, numpy_helper


class Graph:
    """Nodes and weights as they are added; `add` returns the name of the first output."""

    def __init__(self):
        self.nodes, self.weights = [], []
        self.random = np.random.default_rng(1)

    def add(self, kind, *inputs, **attributes):
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], output, **attributes))
        return output

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *shape, fan):
        return self.constant((self.random.standard_normal(shape) / fan ** 0.5).astype(np.float32))

    def conv(self, x, c, m, kernel, stride=1):
        """A convolution that keeps the size, but for the stride."""
        fan = c * kernel * kernel
        return self.add("Conv", x, self.weight(m, c, kernel, kernel, fan=fan),
                        self.weight(m, fan=m), strides=[stride] * 2, pads=[kernel // 2] * 4,
                        kernel_shape=[kernel] * 2)

    def double(self, x, c, m, kernel):
        """A transposed convolution of stride 2."""
        fan = c * kernel * kernel / 4
        return self.add("ConvTranspose", x, self.weight(c, m, kernel, kernel, fan=fan),
                        self.weight(m, fan=m), strides=[2, 2], pads=[kernel // 2 - 1] * 4,
                        kernel_shape=[kernel] * 2)

    def model(self, shape, output, opset):
        value = helper.make_tensor_value_info
        graph = helper.make_graph(self.nodes, "g", [value("x", onnx.TensorProto.FLOAT, shape)],
                                  [value(output, onnx.TensorProto.FLOAT, None)], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                 ir_version=8)


def resnet50():
    """Bottlenecks of 3, 4, 6 and 3; normalizations are folded already."""
    g = Graph()
    conv = g.conv

    def bottleneck(x, c, width, stride):
        y = g.add("Relu", conv(x, c, width, 1))
        y = g.add("Relu", conv(y, width, width, 3, stride))
        y = conv(y, width, 4 * width, 1)
        if c != 4 * width:
            x = conv(x, c, 4 * width, 1, stride)
        return g.add("Relu", g.add("Add", y, x))
    x = g.add("Relu", conv("x", 3, 64, 7, 2))
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    c = 64
    for width, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for i in range(count):
            x = bottleneck(x, c, width, 2 if i == 0 and width > 64 else 1)
            c = 4 * width
    x = g.add("Flatten", g.add("GlobalAveragePool", x))
    return g.model([1, 3, 224, 224],
                   g.add("Gemm", x, g.weight(1000, c, fan=c), g.weight(1000, fan=c), transB=1), 17)


def vit_small():
    """Twelve blocks of width 384 with six heads on 196 patches and a class token, as exporters
    write them: attention and Gelu in single operators."""
    g, width, heads, tokens = Graph(), 384, 6, 197

    def linear(x, n, m):
        return g.add("Add", g.add("MatMul", x, g.weight(n, m, fan=n)), g.weight(m, fan=m))

    def norm(x):
        return g.add("LayerNormalization", x, g.constant(np.ones(width, np.float32)),
                     g.constant(np.zeros(width, np.float32)))

    def split(x, order):
        shape = g.constant(np.array([1, tokens, heads, width // heads]))
        return g.add("Transpose", g.add("Reshape", x, shape), perm=order)

    def number(v):
        return g.constant(np.float32(v))

    def attention(x):
        q, k, v = (split(linear(x, width, width), order)
                   for order in ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3)))
        scores = g.add("Div", g.add("MatMul", q, k), number((width // heads) ** 0.5))
        mixed = g.add("MatMul", g.add("Softmax", scores, axis=-1), v)
        joined = g.add("Reshape", g.add("Transpose", mixed, perm=[0, 2, 1, 3]),
                       g.constant(np.array([1, tokens, width])))
        return linear(joined, width, width)

    def gelu(x):
        half = g.add("Add", g.add("Erf", g.add("Div", x, number(2 ** 0.5))), number(1))
        return g.add("Mul", g.add("Mul", x, half), number(0.5))
    x = g.add("Conv", "x", g.weight(width, 3, 16, 16, fan=768), g.weight(width, fan=width),
              strides=[16, 16], kernel_shape=[16, 16])
    x = g.add("Reshape", x, g.constant(np.array([1, width, tokens - 1])))
    x = g.add("Concat", g.weight(1, 1, width, fan=width), g.add("Transpose", x, perm=[0, 2, 1]),
              axis=1)
    x = g.add("Add", x, g.weight(1, tokens, width, fan=width))
    for _ in range(12):
        x = g.add("Add", x, attention(norm(x)))
        x = g.add("Add", x, linear(gelu(linear(norm(x), width, 4 * width)), 4 * width, width))
    first = g.add("Gather", norm(x), g.constant(np.array(0)), axis=1)
    return g.model([1, 3, 224, 224], g.add("Gemm", first, g.weight(width, 1000, fan=width)), 17)


def unet():
    """Three levels of 32, 64 and 128 channels, as in biomedical segmentation: what transposed
    convolutions of 2x2 have doubled is joined with what was on the way down."""
    g, width = Graph(), 32

    def two(x, c, m):
        return g.add("Relu", g.conv(g.add("Relu", g.conv(x, c, m, 3)), m, m, 3))
    x, c, passed = "x", 3, []
    for m in (width, 2 * width, 4 * width):
        passed.append(two(x, c, m))
        x, c = g.add("MaxPool", passed[-1], kernel_shape=[2, 2], strides=[2, 2]), m
    x, c = two(x, c, 2 * c), 2 * c
    while passed:
        x, c = g.add("Concat", g.double(x, c, c // 2, 2), passed.pop(), axis=1), c // 2
        x = two(x, 2 * c, c)
    return g.model([1, 3, 224, 224], g.conv(x, c, 2, 1), 17)


def pose():
    """A trunk of few layers, and behind it a head that draws 17 maps of joints: three transposed
    convolutions of 4x4 with 256 channels."""
    g, x, c = Graph(), "x", 3
    for m, kernel, stride in ((64, 7, 4), (128, 3, 2), (256, 3, 2), (512, 3, 2)):
        x, c = g.add("Relu", g.conv(x, c, m, kernel, stride)), m
    for _ in range(3):
        x, c = g.add("Relu", g.double(x, c, 256, 4)), 256
    return g.model([1, 3, 224, 224], g.conv(x, c, 17, 1), 17)


NETWORKS = {"resnet50": resnet50, "vit_small": vit_small, "unet": unet, "pose": pose}
