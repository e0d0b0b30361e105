# SPDX-License-Identifier: Apache-2.0
"""Static inference: whatever onnx.shape_inference finds out about the types and shapes of a model
without running it, quern finds as well, and never something else.

What the file itself says of inner values and of the shapes of outputs is taken away first. Values
behind operators that quern does not have are left out and counted.
"""
import pathlib
import re
import shutil
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import quern

MODELS = [quern.ROOT / "tests/data/digits/digits_torchscript.onnx",
          quern.ROOT / "tests/data/digits/digits_dynamo.onnx",
          *sorted(quern.MATERIAL.glob("*/model.onnx"))]
NAMES = {TensorProto.FLOAT: "float", TensorProto.FLOAT16: "float16", TensorProto.DOUBLE: "double"}


def bodies(node):
    for attribute in node.attribute:
        if attribute.type in (attribute.GRAPH, attribute.GRAPHS):
            for graph in [attribute.g] if attribute.type == attribute.GRAPH else attribute.graphs:
                yield attribute.name, graph


def inner(place, node, attribute):
    """What `quern show --types` calls the place of a body."""
    return f"{place}{'/' if place else ''}{node.output[0] or node.name}:{attribute}"


def strip(graph):
    del graph.value_info[:]
    for info in graph.output:
        info.type.tensor_type.ClearField("shape")
    for info in graph.input:    # -1 is what some exporters write for "unknown"
        for dim in info.type.tensor_type.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value < 0:
                dim.Clear()
    for node in graph.node:
        for _, body in bodies(node):
            strip(body)


def onnx_types(graph, place=""):
    """By place and name: the tensor type that ONNX found."""
    for info in [*graph.value_info, *graph.output]:
        if info.type.WhichOneof("value") == "tensor_type":
            yield (place, info.name), info.type.tensor_type
    for node in graph.node:
        for attribute, body in bodies(node):
            yield from onnx_types(body, inner(place, node, attribute))


def known_operators():
    """As (domain, name)."""
    rows = [row.split() for row in quern.run("list", "ops").splitlines()[1:]]
    return {("" if row[1] == "ai.onnx" else row[1], row[0]) for row in rows if row}


def behind_unknown(graph, known, outer=frozenset(), place=""):
    """Values that depend on an operator that is not known."""
    mine = set(outer)
    for node in graph.node:
        domain = "" if node.domain == "ai.onnx" else node.domain
        lost = (domain, node.op_type) not in known or bool(mine & set(node.input))
        for attribute, body in bodies(node):
            inputs = {info.name for info in body.input} if lost else set()
            found = set(behind_unknown(body, known, mine | inputs, inner(place, node, attribute)))
            lost = lost or any((inner(place, node, attribute), out.name) in found
                               for out in body.output)
            yield from found
        if lost:
            mine |= set(node.output)
            yield from ((place, name) for name in node.output)


def quern_types(path):
    found = {}
    for line in quern.run("show", "--types", path).splitlines():
        place, name, text = line.split("\t")
        dtype, shape = re.fullmatch(r"([^\[]*)(?:\[(.*)\])?", text).groups()
        unknown = shape == "..." or text == "?"
        dims = None if unknown else [d for d in (shape or "").split(",") if d]
        found[place, name] = dtype, dims
    return found


def disagreement(got, want):
    """What quern does not know or sees otherwise; None where all is well."""
    dtype, dims = got
    name = NAMES.get(want.elem_type, TensorProto.DataType.Name(want.elem_type).lower())
    if want.elem_type and dtype != name:
        return f"type {dtype}, expected {name}"
    if not want.HasField("shape"):
        return None
    expected = [d.dim_value if d.HasField("dim_value") else None for d in want.shape.dim]
    same = dims is not None and len(dims) == len(expected) and all(
        e is None or d == str(e) for d, e in zip(dims, expected))
    return None if same else f"shape {dims}, expected {expected}"


class Shapes(unittest.TestCase):
    maxDiff = None

    def compare(self, model, beside=()):
        """Checks a model; returns how many values were compared and how many left out."""
        strip(model.graph)
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "model.onnx"
            for file in beside:
                shutil.copy(file, path.parent)
            onnx.save(model, path)
            got = quern_types(path)
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
        left_out = set(behind_unknown(model.graph, known_operators()))
        count, wrong = 0, []
        for key, want in onnx_types(inferred.graph):
            if key in left_out:
                continue
            count += 1
            problem = disagreement(got.get(key, ("nothing", None)), want)
            if problem:
                wrong.append(f"{'/'.join(key)}: {problem}")
        self.assertEqual(wrong, [])
        return count, len(left_out)

    def compare_file(self, path):
        beside = [p for p in path.parent.iterdir() if p.is_file() and p.suffix == ".data"]
        started = quern.start("show", "--summary", path)
        if started.returncode == 1:
            self.skipTest(started.stderr.strip().splitlines()[-1])
        count, left_out = self.compare(onnx.load(path, load_external_data=False), beside)
        if left_out:
            print(f"{path.parent.name}: {count} values compared, {left_out} left out behind "
                  "operators that quern does not have")


def add_test(path):
    name = path.parent.name if path.name == "model.onnx" else path.stem
    setattr(Shapes, f"test_{name}", lambda self: self.compare_file(path))


for model_path in MODELS:
    add_test(model_path)


class Chains(Shapes):
    """Arithmetic on shapes as exporters write it, put together at random."""

    def setUp(self):
        self.net = quern.Net(1)
        self.random = self.net.random

    def constant(self, *values):
        return self.net.constant(np.array(values, self.dtype))

    def dim(self, shape):
        """One dim of a shape as a vector, by one of the usual ways, and calculated with."""
        net, at = self.net, int(self.random.randint(4))
        way = self.random.randint(3)
        if way == 0:
            scalar = net.node("Gather", shape, net.constant(at, np.int64), axis=0)
            one = net.node("Unsqueeze", scalar, net.constant([0], np.int64))
        elif way == 1:
            one = net.node("Slice", shape, net.constant([at], np.int64),
                           net.constant([at + 1], np.int64), net.constant([0], np.int64))
        else:
            one = net.node("Split", shape, net.constant([1, 1, 1, 1], np.int64), outputs=4,
                           axis=0)[at]
        kind = self.random.choice(["Add", "Sub", "Mul", "Div", "", ""])
        return net.node(kind, one, self.constant(self.random.randint(1, 4))) if kind else one

    def vector(self, x):
        """Two or three lengths: of the input, calculated, or constant; unknown ones among them."""
        net = self.net
        shape = net.node("Shape", x)
        if self.dtype == np.int32:
            shape = net.node("Cast", shape, to=TensorProto.INT32)
        parts = [self.dim(shape) if self.random.rand() < 0.7 else
                 self.constant(self.random.randint(1, 9)) for _ in range(self.random.randint(2, 4))]
        joined = net.node("Concat", *parts, axis=0)
        return net.node("Cast", joined, to=TensorProto.INT64) if self.dtype == np.int32 else joined

    def use(self, flat, lengths):
        net, way = self.net, self.random.randint(3)
        if way == 0:
            return net.node("ConstantOfShape", lengths)
        if way == 1:
            return net.node("Expand", net.constant(1, np.float32), lengths)
        minus = net.node("Concat", lengths, net.constant([-1], np.int64), axis=0)
        return net.node("Reshape", flat, minus)

    def test_random(self):
        for seed in range(40):
            self.net = quern.Net(seed)
            self.random = self.net.random
            self.dtype = np.int64 if seed % 2 else np.int32
            dims = [f"d{i}" if self.random.rand() < 0.4 else int(self.random.randint(4, 12))
                    for i in range(4)]
            x, flat = self.net.input(*dims), self.net.input("n")
            outputs = [self.use(flat, self.vector(x)) for _ in range(6)]
            graph = helper.make_graph(
                self.net.nodes, "test", self.net.inputs,
                [helper.make_tensor_value_info(y, TensorProto.FLOAT, None) for y in outputs],
                self.net.initializers)
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                      ir_version=8)
            with self.subTest(seed=seed):
                count, left_out = self.compare(model)
                self.assertGreater(count, 20)
                self.assertEqual(left_out, 0)


for test in [name for name in dir(Chains) if name.startswith("test_") and name != "test_random"]:
    setattr(Chains, test, None)     # those of the files are in the class they were made for

if __name__ == "__main__":
    unittest.main()
