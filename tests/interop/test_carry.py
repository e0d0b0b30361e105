# SPDX-License-Identifier: Apache-2.0
"""Models with state: --carry does what a loop around ONNX Runtime does, in float and in int8, and
calibration sees the states that the model reaches.
"""
import pathlib
import tempfile
import unittest

import numpy as np
import onnx
from onnx import helper

import quern

STEPS, SIZE = 40, 16


class Leaky(quern.Net):
    """h' = 0.95 h + tanh(W x) + 0.05 tanh(U h), y = V relu(h'): h grows from zero for long."""

    def __init__(self, seed=0):
        super().__init__(seed)
        x, h = self.input("n", 8), self.input("n", SIZE)
        wx = self.node("Gemm", x, self.weight(SIZE, 8), self.bias(SIZE), transB=1)
        a = self.node("Tanh", wx)
        b = self.node("Tanh", self.node("Gemm", h, self.weight(SIZE, SIZE), transB=1))
        kept = self.node("Mul", h, self.constant(0.95, np.float32))
        fed = self.node("Add", a, self.node("Mul", b, self.constant(0.05, np.float32)))
        self.state = self.node("Add", kept, fed)
        r = self.node("Relu", self.state)
        self.y = self.node("Gemm", r, self.weight(4, SIZE), self.bias(4), transB=1)
        self.output(self.y, self.state)

    def steps(self, seed):
        random = np.random.RandomState(seed)
        return [{"x0": random.normal(0.5, 1, (1, 8)).astype(np.float32)} for _ in range(STEPS)]


def ort_steps(model, steps, output, start):
    """The loop that --carry replaces."""
    session = quern.ort_session(model)
    names = [out.name for out in session.get_outputs()]
    state, results = start, []
    for step in steps:
        results.append(dict(zip(names, session.run(names, {"x1": state, **step}))))
        state = results[-1][output]
    return results


def sqnr(got, want, output):
    signal = sum((b[output].astype(np.float64) ** 2).sum() for b in want)
    noise = sum(((a[output].astype(np.float64) - b[output]) ** 2).sum() for a, b in zip(got, want))
    return 10 * np.log10(signal / noise)


class Carry(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.net = Leaky()
        self.model = self.net.save(self.directory / "model.onnx")
        self.carry = "--carry", f"{self.net.state}=x1"
        self.zero = np.zeros((1, SIZE), np.float32)
        self.steps = self.net.steps(1)

    def data(self, name, steps):
        return quern.write_samples(self.directory / name, steps)

    def same(self, ours, theirs, limit):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            for name in b:
                self.assertLess(quern.relative_difference(a[name], b[name]), limit, f"{i}, {name}")

    def test_float(self):
        data = self.data("data", self.steps)
        want = ort_steps(self.model, self.steps, self.net.state, self.zero)
        for jobs in "1", "3":
            self.same(quern.simulate(self.model, data, *self.carry, "-j", jobs), want, 1e-5)

    def test_state_of_the_first_file(self):
        start = np.random.RandomState(5).normal(0, 1, (1, SIZE)).astype(np.float32)
        data = self.data("data", [{**self.steps[0], "x1": start}, *self.steps[1:]])
        want = ort_steps(self.model, self.steps, self.net.state, start)
        self.same(quern.simulate(self.model, data, *self.carry), want, 1e-5)

    def test_a_batch_of_streams(self):
        steps = [{"x0": np.concatenate([a["x0"], b["x0"]])}
                 for a, b in zip(self.steps, self.net.steps(7))]
        start = np.zeros((2, SIZE), np.float32)
        data = self.data("data", [{**steps[0], "x1": start}, *steps[1:]])
        want = ort_steps(self.model, steps, self.net.state, start)
        self.same(quern.simulate(self.model, data, *self.carry), want, 1e-5)

    def test_int8(self):
        """Calibrated with states, int8 follows float over all steps; with none it does not."""
        data, out = self.data("data", self.net.steps(2)), self.directory / "int8.onnx"
        quern.run("quantize", self.model, "--data", data, "-o", out, *self.carry, "-j", "1")
        first = out.read_bytes()
        quern.run("quantize", self.model, "--data", data, "-o", out, *self.carry, "-j", "4")
        self.assertEqual(first, out.read_bytes())
        want = ort_steps(self.model, self.steps, self.net.state, self.zero)
        got = ort_steps(out, self.steps, self.net.state, self.zero)
        self.assertGreater(sqnr(got, want, self.net.y), 25)
        ours = quern.simulate(out, self.data("evaluation", self.steps), *self.carry)
        self.assertGreater(sqnr(ours, got, self.net.y), 30)

        zeros = self.data("zeros", [{**step, "x1": self.zero} for step in self.net.steps(2)])
        quern.run("quantize", self.model, "--data", zeros, "-o", out)
        blind = ort_steps(out, self.steps, self.net.state, self.zero)
        self.assertLess(sqnr(blind, want, self.net.y), 15)

    def test_compare_carries_both(self):
        """Model b adds 1 to the state at each step: its error grows, as it does in a loop."""
        model = onnx.load(self.model)
        last = next(n for n in model.graph.node if self.net.state in n.output)
        last.output[0] = "before"
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(1), "one"))
        at = list(model.graph.node).index(last)
        model.graph.node.insert(at + 1, helper.make_node("Add", ["before", "one"],
                                                         [self.net.state], "more"))
        onnx.save(model, self.directory / "b.onnx")
        text = quern.run("compare", self.model, self.directory / "b.onnx", "--data",
                         self.data("data", self.steps), *self.carry)
        a = ort_steps(self.model, self.steps, self.net.state, self.zero)
        b = ort_steps(self.directory / "b.onnx", self.steps, self.net.state, self.zero)
        largest = max(np.abs(p[self.net.state] - q[self.net.state]).max() for p, q in zip(a, b))
        row = next(line for line in text.splitlines() if line.startswith(self.net.state + " "))
        self.assertAlmostEqual(float(row.split()[-1]), largest, delta=1e-3 * largest)


if __name__ == "__main__":
    unittest.main()
