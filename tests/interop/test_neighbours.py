# SPDX-License-Identifier: Apache-2.0
"""Each operator between two convolutions: what a runtime computes of the quantized model is what
quern simulates. Runtimes join quantizers with many operators, not always rightly."""
import tempfile
import unittest

import numpy as np
import quern
from quern import Net

NEAR = 0.02     # of the largest output; kernels sum in other orders, and a code may go either way
CHANNELS, HEIGHT, WIDTH = 12, 9, 7


def ints(net, *values):
    return net.constant(list(values), np.int64)


def number(net, value):
    return net.constant(value, np.float32)


def normal(net, *shape):
    return net.constant(np.random.RandomState(0).normal(0, 1, shape), np.float32)


def above_one(net, x):
    return net.node("Add", net.node("Abs", x), number(net, 1))


def one(kind, **attributes):
    """An operator with one input."""
    return lambda net, x: net.node(kind, x, **attributes)


def with_number(kind, value):
    return lambda net, x: net.node(kind, x, number(net, value))


def with_itself(kind, other):
    return lambda net, x: net.node(kind, x, net.node(other, x))


def resized(mode, *scales, **attributes):
    return lambda net, x: net.node("Resize", x, "", net.constant(scales, np.float32), mode=mode,
                                   **attributes)


def padded(mode, *value):
    return lambda net, x: net.node("Pad", x, ints(net, 0, 0, 1, 1, 0, 0, 1, 1),
                                   *(number(net, v) for v in value), mode=mode)


def joined(net, *parts, axis=1, first=0):
    """As many channels of a Concat as there were."""
    x = net.node("Concat", *parts, axis=axis)
    return net.node("Slice", x, ints(net, first), ints(net, first + CHANNELS), ints(net, 1))


def gate(pool):
    def make(net, x):
        conv = net.node("Conv", net.node(pool, x), net.weight(CHANNELS, CHANNELS, 1, 1),
                        net.bias(CHANNELS))
        return net.node("Mul", x, net.node("Sigmoid", conv))
    return make


def gate_of_places(net, x):
    means = net.node("ReduceMean", x, axes=[1])
    maxima = net.node("ReduceMax", x, axes=[1])
    conv = net.node("Conv", net.node("Concat", means, maxima, axis=1), net.weight(1, 2, 3, 3),
                    net.bias(1), pads=[1, 1, 1, 1])
    return net.node("Mul", x, net.node("Sigmoid", conv))


def shuffled(net, x):
    parted = net.node("Reshape", x, ints(net, 1, 3, 4, HEIGHT, WIDTH))
    return net.node("Reshape", net.node("Transpose", parted, perm=[0, 2, 1, 3, 4]),
                    ints(net, 1, CHANNELS, HEIGHT, WIDTH))


POOL = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
OPERATORS = {
    **{kind: one(kind) for kind in (
        "Abs", "Asinh", "Atan", "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp", "Floor",
        "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "HardSigmoid", "HardSwish",
        "Identity", "LeakyRelu", "Neg", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Sinh",
        "Softplus", "Softsign", "Tanh", "ThresholdedRelu", "Trilu")},
    **{kind: lambda net, x, kind=kind: net.node(kind, above_one(net, x))
       for kind in ("Log", "Reciprocal", "Sqrt")},
    **{f"{kind} of {axes}": one(kind, axes=axes)
       for kind in ("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSumSquare")
       for axes in ([2], [2, 3])},
    "ReduceSum": lambda net, x: net.node("ReduceSum", x, ints(net, 3)),
    "ReduceProd": lambda net, x: net.node("ReduceProd", net.node("Sigmoid", x), axes=[3]),
    "MaxPool": one("MaxPool", **POOL),
    "AveragePool": one("AveragePool", **POOL),
    "AveragePool with pads": one("AveragePool", count_include_pad=1, **POOL),
    "LpPool": one("LpPool", kernel_shape=[2, 2]),
    "LRN": one("LRN", size=3),
    "LpNormalization": one("LpNormalization", axis=1),
    "MeanVarianceNormalization": one("MeanVarianceNormalization", axes=[2, 3]),
    "InstanceNormalization": lambda net, x: net.node(
        "InstanceNormalization", x, net.positive(CHANNELS), net.bias(CHANNELS)),
    "LayerNormalization": lambda net, x: net.node(
        "LayerNormalization", x, net.positive(WIDTH), net.bias(WIDTH)),
    "BatchNormalization": lambda net, x: net.batch_norm(net.node("Relu", x), CHANNELS),
    "Softmax": one("Softmax", axis=1),
    "LogSoftmax": one("LogSoftmax", axis=1),
    "Hardmax": one("Hardmax", axis=1),
    "Shrink": one("Shrink", lambd=0.3, bias=0.1),
    "PRelu": lambda net, x: net.node("PRelu", x, normal(net, CHANNELS, 1, 1)),
    "Clip": lambda net, x: net.node("Clip", x, number(net, -0.5), number(net, 0.7)),
    "Transpose": one("Transpose", perm=[0, 1, 3, 2]),
    "Einsum": one("Einsum", equation="bchw->bcwh"),
    "nearest Resize": resized("nearest", 1, 1, 2, 2),
    "linear Resize": resized("linear", 1, 1, 2, 2),
    "cubic Resize": resized("cubic", 1, 1, 2, 2),
    "Pad": padded("constant", 0.5),
    "reflect Pad": padded("reflect"),
    "edge Pad": padded("edge"),
    "Tile": lambda net, x: net.node("Tile", x, ints(net, 1, 1, 1, 2)),
    "Expand": lambda net, x: net.node("Expand", net.node("ReduceMean", x, axes=[2]),
                                      ints(net, 1, CHANNELS, 5, WIDTH)),
    "Gather of channels": lambda net, x: net.node(
        "Gather", x, ints(net, *reversed(range(CHANNELS))), axis=1),
    "Gather of columns": lambda net, x: net.node("Gather", x, ints(net, 0, 2, 4), axis=3),
    "Slice": lambda net, x: net.node("Slice", x, ints(net, 1), ints(net, 8), ints(net, 2),
                                     ints(net, 2)),
    "Slice backwards": lambda net, x: net.node("Slice", x, ints(net, -1), ints(net, -100),
                                               ints(net, 2), ints(net, -1)),
    "Split": lambda net, x: net.node(
        "Concat", *reversed(net.node("Split", x, outputs=2, axis=1)), axis=1),
    "DepthToSpace": lambda net, x: net.node(
        "Concat", *[net.node("DepthToSpace", x, blocksize=2)] * 4, axis=1),
    "shuffle": shuffled,
    "TopK": lambda net, x: net.node("TopK", x, ints(net, 4), axis=2, outputs=2)[0],
    "CumSum": lambda net, x: net.node("CumSum", x, net.constant(3, np.int64)),
    "Where": lambda net, x: net.node("Where", net.node("Greater", x, number(net, 0)), x,
                                     number(net, -0.3)),
    **{f"{kind} {value}": with_number(kind, value) for kind, value in (
        ("Add", 1.5), ("Sub", 0.3), ("Mul", -1.7), ("Div", 3), ("Pow", 2), ("Max", 0.2),
        ("Min", 0.2))},
    "Add to each channel": lambda net, x: net.node("Add", x, normal(net, CHANNELS, 1, 1)),
    "Mul of each channel": lambda net, x: net.node("Mul", x, normal(net, CHANNELS, 1, 1)),
    "Sub from a number": lambda net, x: net.node("Sub", number(net, 1.5), x),
    "Div of a number": lambda net, x: net.node("Div", number(net, 1), above_one(net, x)),
    **{f"{kind} and {other}": with_itself(kind, other) for kind, other in (
        ("Add", "Sigmoid"), ("Mul", "Tanh"), ("Max", "Neg"), ("Sub", "Relu"),
        ("Add", "GlobalAveragePool"), ("Add", "GlobalMaxPool"))},
    "square": lambda net, x: net.node("Mul", x, x),
    "Concat": lambda net, x: joined(net, x, net.node("Mul", x, number(net, 5)), first=4),
    "Concat of rows": lambda net, x: net.node("Concat", x, net.node("Sigmoid", x), axis=2),
    "Concat of columns": lambda net, x: net.node("Concat", x, net.node("Relu", x), axis=3),
    "Concat of maxima": lambda net, x: net.node("Concat", *(
        net.node(kind, part, axes=[2, 3]) for kind, part in zip(
            ("ReduceMax", "ReduceMean"), net.node("Split", x, outputs=2, axis=1))), axis=1),
    "gate": gate("GlobalAveragePool"),
    "gate of maxima": gate("GlobalMaxPool"),
    "gate of places": gate_of_places,
    "ConvTranspose": lambda net, x: net.node(
        "ConvTranspose", net.node("Relu", x), net.weight(CHANNELS, CHANNELS, 2, 2),
        net.bias(CHANNELS), strides=[2, 2]),
}
RUNTIMES = {"openvino": ("qdq", "fakequantize"), "onnxruntime": ("qdq", "qoperator")}


def network(between):
    net = Net(5)
    x = net.node("Conv", net.input(1, 8, HEIGHT, WIDTH), net.weight(CHANNELS, 8, 3, 3),
                 net.bias(CHANNELS), pads=[1, 1, 1, 1])
    x = OPERATORS[between](net, x)
    net.output(net.node("Conv", x, net.weight(10, CHANNELS, 3, 3), net.bias(10),
                        pads=[1, 1, 1, 1], strides=[2, 2]))
    return net


class Neighbours(unittest.TestCase):
    def check(self, between, target, format):
        with tempfile.TemporaryDirectory() as directory:
            made = quern.Quantized(network(between), directory, "--target", target, "--format",
                                   format, "--min-sqnr", "0", count=4)
            outputs = quern.OpenVino(made.int8)(made.samples) if target == "openvino" else \
                quern.ort_run(made.int8, made.samples)
            self.assertLess(made.apart(outputs), NEAR)

    def check_all(self, target, format):
        for between in OPERATORS:
            with self.subTest(between):
                self.check(between, target, format)


for target, formats in RUNTIMES.items():
    for format in formats:
        setattr(Neighbours, f"test_{target}_{format}",
                lambda self, target=target, format=format: self.check_all(target, format))

if __name__ == "__main__":
    unittest.main()
