# SPDX-License-Identifier: Apache-2.0
"""Operators between quantizers: `quern run` and ONNX Runtime, which makes one operator on codes of
each, agree to the bit, on random shapes, grids and signs; also where the runtime does not do it."""
import pathlib
import tempfile
import unittest

import quern
from quern import np

OPERATORS = {   # by test: ONNX's operator, its attributes, that of the runtime
    "add": ("Add", {}, "QLinearAdd"),
    "mul": ("Mul", {}, "QLinearMul"),
    "sub": ("Sub", {}, None),
    "sigmoid": ("Sigmoid", {}, "QLinearSigmoid"),
    "tanh": ("Tanh", {}, None),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.1}, "QLinearLeakyRelu"),
    "global_average_pool": ("GlobalAveragePool", {}, "QLinearGlobalAveragePool"),
    "average_pool": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]},
                     "QLinearAveragePool"),
    "average_pool_padding": ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2],
                                             "pads": [0, 0, 1, 1], "count_include_pad": 1},
                             "QLinearAveragePool"),
    "softmax": ("Softmax", {"axis": -1}, "QLinearSoftmax"),
    "softmax_of_channels": ("Softmax", {"axis": 1}, "QLinearSoftmax"),
    "concat": ("Concat", {"axis": 1}, "QLinearConcat"),
}
TWO = ("Add", "Mul", "Sub", "Concat")


class Between(unittest.TestCase):
    def quantized(self, net, x, dtype, scale, zero):
        """DequantizeLinear(QuantizeLinear(x))"""
        grid = net.constant(scale, np.float32), net.constant(zero, dtype)
        return net.node("DequantizeLinear", net.node("QuantizeLinear", x, *grid), *grid)

    def build(self, random, kind, dtype, behind=(), second=None, constant=False, zero=None,
              **attributes):
        net = quern.Net(int(random.integers(1000)))
        info = np.iinfo(dtype)
        shape = [int(d) for d in (random.integers(1, 3), *random.integers(2, 20, 3))]
        if second is not None:
            other = second(shape)
        inputs = []
        for i in range(2 if kind in TWO else 1):
            size = shape if i == 0 or second is None else other
            grid = random.uniform(0.01, 0.06), random.integers(info.min, info.max + 1)
            if i == 1 and constant:
                codes = random.integers(info.min, info.max + 1, size)
                inputs.append(net.node("DequantizeLinear", net.constant(codes, dtype),
                                       net.constant(grid[0], np.float32),
                                       net.constant(grid[1], dtype)))
            else:
                inputs.append(self.quantized(net, net.input(*size), dtype, *grid))
        y = net.node(kind, *inputs, **attributes)
        for one in behind:
            y = one(net, y)
        scale = 1 / 256 if kind in ("Sigmoid", "Softmax") else random.uniform(0.01, 0.06)
        if zero is None:
            zero = random.integers(info.min, info.max + 1)
        net.output(self.quantized(net, y, dtype, scale, zero))
        return net

    def compare(self, net, operator, opset=17):
        """operator: what the runtime has made of the model; None: nothing."""
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            model = net.save(directory / "model.onnx", opset)
            samples = [{name: 3 * x for name, x in sample.items()} for sample in net.samples(2)]
            fused = [kind for kind in quern.ort_operators(model) if kind.startswith("QLinear")]
            self.assertEqual(fused, [operator] if operator else [])
            data = quern.write_samples(directory / "data", samples)
            for got, want in zip(quern.simulate(model, data), quern.ort_run(model, samples),
                                 strict=True):
                for name in want:
                    np.testing.assert_array_equal(got[name], want[name])

    def check(self, kind, operator, **options):
        for seed, dtype in enumerate([np.uint8, np.int8] * 3):
            random = np.random.default_rng([seed, *map(ord, kind)])
            with self.subTest(f"{dtype.__name__} {seed}"):
                self.compare(self.build(random, kind, dtype, **options), operator)

    def test_operands_that_repeat(self):
        for second in (lambda s: [1], lambda s: [s[1], 1, 1], lambda s: s[1:],
                       lambda s: [1, *s[1:]], lambda s: [s[0], s[1], 1, 1], lambda s: [s[3]]):
            self.check("Add", "QLinearAdd", second=second)
            self.check("Mul", "QLinearMul", second=second)

    def test_a_constant_operand(self):
        """An int8 constant stays int8 while the others become uint8: then all is float."""
        for seed in range(4):
            random = np.random.default_rng(seed)
            self.compare(self.build(random, "Add", np.uint8, constant=True), "QLinearAdd")
            self.compare(self.build(random, "Add", np.int8, constant=True), None)

    def test_limits(self):
        """A Relu or Clip goes where the codes behind it have the same limits."""
        def relu(net, y):
            return net.node("Relu", y)

        def clip(lo, hi):
            return lambda net, y: net.node("Clip", y, net.constant(lo, np.float32),
                                           net.constant(hi, np.float32))

        for seed in range(4):
            random = np.random.default_rng(seed)
            for dtype, low in (np.uint8, 0), (np.int8, -128):
                self.compare(self.build(random, "Add", dtype, behind=[relu], zero=low),
                             "QLinearAdd")
                self.compare(self.build(random, "Add", dtype, behind=[relu], zero=low + 9), None)
                self.compare(self.build(random, "Mul", dtype, behind=[clip(0, 90)], zero=low),
                             "QLinearMul")
                self.compare(self.build(random, "Mul", dtype, behind=[clip(0, 1)], zero=low), None)

    def test_who_else_reads_the_sum(self):
        random = np.random.default_rng(1)
        net = self.build(random, "Add", np.uint8)
        total = next(node.output[0] for node in net.nodes if node.op_type == "Add")
        net.output(net.node("Neg", total))
        self.compare(net, None)

    def test_softmax_of_opset_12(self):
        random = np.random.default_rng(1)
        self.compare(self.build(random, "Softmax", np.uint8, axis=1), "QLinearSoftmax", opset=12)


def add_test(name):
    kind, attributes, operator = OPERATORS[name]
    setattr(Between, f"test_{name}", lambda self: self.check(kind, operator, **attributes))


for one in OPERATORS:
    add_test(one)

if __name__ == "__main__":
    unittest.main()
