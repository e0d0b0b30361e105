# SPDX-License-Identifier: Apache-2.0
"""ONNX's own tests of small models, most of them written by old exporters (opset 6 and 9); how they
count is said in onnx_cases.py. An operator's row here is that of the first node.

    tests/tap.py tests/ops/model_tests.py [PATTERN...]

The networks among them ("light") come without inputs; theirs are made here, as ONNX makes them.
"""
import math
import pathlib
import shutil
import tempfile
import unittest

import onnx_cases
from onnx import TensorProto, helper
from onnx_cases import np, numpy_helper, onnx

DATA = pathlib.Path(onnx.__file__).parent / "backend/test/data"
KINDS = ["simple", "pytorch-operator", "pytorch-converted"]


def read_value(path):
    """A tensor; what holds something else is refused."""
    tensor = onnx.TensorProto()
    try:
        tensor.ParseFromString(path.read_bytes())
        return numpy_helper.to_array(tensor)
    except Exception:
        raise onnx_cases.Unsupported("sequences and optionals are not supported")


class StoredCase(onnx_cases.Case):
    """A directory with a model, inputs and outputs."""

    def __init__(self, path):
        self.path = path
        graph = onnx.load(path / "model.onnx").graph
        self.operator = graph.node[0].op_type if graph.node else "(none)"
        self.output = [info.name for info in graph.output]

    def write(self, directory):
        shutil.copytree(self.path, directory, dirs_exist_ok=True)
        data = directory / "test_data_set_0"
        return {name: read_value(data / f"output_{i}.pb") for i, name in enumerate(self.output)}


class LightCase(onnx_cases.Case):
    """A network of layers whose constants are made by ConstantOfShape."""
    operator = "(network)"

    def __init__(self, path):
        self.path = path
        self.rtol = 2e-3 if "densenet" in path.name else 1e-3

    def write(self, directory):
        model = onnx.load(self.path)
        onnx.save(model, directory / "model.onnx")
        constants = {tensor.name for tensor in model.graph.initializer}
        data = directory / "test_data_set_0"
        data.mkdir()
        fed = [info for info in model.graph.input if info.name not in constants]
        for i, info in enumerate(fed):
            shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
            count = math.prod(shape)
            value = (np.arange(count).reshape(shape) / count).astype(np.float32)
            tensor = numpy_helper.from_array(value, info.name)
            (data / f"input_{i}.pb").write_bytes(tensor.SerializeToString())
        stored = self.path.with_name(self.path.stem + "_output_0.pb")
        return {model.graph.output[0].name: read_value(stored)}


class Model(unittest.TestCase):
    """One test a case."""


class MadeCase(onnx_cases.Case):
    """One node of an old opset, with the output it has to have."""
    rtol = 1e-6

    def __init__(self, opset, kind, inputs, want, **attributes):
        names = [f"x{i}" for i in range(len(inputs))]
        graph = helper.make_graph(
            [helper.make_node(kind, names, ["y"], **attributes)], "old",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape)
             for name, value in zip(names, inputs)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
        self.model = helper.make_model(graph, ir_version=3,
                                       opset_imports=[helper.make_opsetid("", opset)])
        self.inputs, self.want = zip(names, inputs), want

    def write(self, directory):
        onnx.save(self.model, directory / "model.onnx")
        data = directory / "test_data_set_0"
        data.mkdir()
        for i, (name, value) in enumerate(self.inputs):
            tensor = numpy_helper.from_array(value, name)
            (data / f"input_{i}.pb").write_bytes(tensor.SerializeToString())
        return {"y": self.want}


class OldOpsets(unittest.TestCase):
    """What meant something else before opset 7, and is in none of ONNX's models: right or refused,
    never wrong.
    """
    x = np.arange(-30, 30, dtype=np.float32).reshape(3, 4, 5) / 7
    row = np.float32([2, -1, 3, 0.5, 7])
    column = np.float32([2, -1, 3])

    def run_made(self, *case, **attributes):
        with tempfile.TemporaryDirectory() as directory:
            onnx_cases.run_case(self, MadeCase(*case, **attributes), pathlib.Path(directory))

    def refuses(self, text, *case, **attributes):
        with self.assertRaisesRegex(onnx_cases.Unsupported, text):
            self.run_made(*case, None, **attributes)

    def test_broadcast(self):
        x, square = self.x, self.x[:, :3, :3].copy()
        self.run_made(6, "Mul", [x, self.row], x * self.row, broadcast=1)
        self.run_made(6, "Mul", [x, self.row], x * self.row, broadcast=1, axis=2)
        self.run_made(6, "Sub", [x, self.row[:1]], x - 2, broadcast=1, axis=0)
        # the shapes would broadcast by numpy's rule too, to something else
        self.refuses("axis = 0 of opset 6", 6, "Add", [square, self.column], broadcast=1, axis=0)
        self.refuses("axis = 1 of opset 1", 1, "Pow", [square, self.column], broadcast=1, axis=1)

    def test_prelu(self):
        for opset, slope in (6, self.column[:, None]), (7, self.column):
            x = self.x[:, :3, :3].copy()
            self.run_made(opset, "PRelu", [x, self.column], np.where(x < 0, x * slope, x))

    def test_training(self):
        ones = np.ones(4, np.float32)
        affine = [self.x, ones, ones, ones, ones]
        self.refuses("training", 6, "BatchNormalization", affine)
        self.run_made(6, "BatchNormalization", affine, self.x, is_test=1, epsilon=0.0)
        self.run_made(7, "BatchNormalization", affine, self.x, epsilon=0.0)
        self.refuses("training", 6, "Dropout", [self.x])
        self.run_made(6, "Dropout", [self.x], self.x, is_test=1)
        self.run_made(7, "Dropout", [self.x], self.x)

    def test_selu(self):
        for opset, alpha, gamma in (5, 1.6732, 1.0507), (6, 1.6732632, 1.0507010):
            want = gamma * np.where(self.x > 0, self.x, alpha * np.expm1(self.x))
            self.run_made(opset, "Selu", [self.x], want.astype(np.float32))

    def test_shapes(self):
        self.run_made(1, "Reshape", [self.x], self.x.reshape(4, 15), shape=[4, 15])
        self.run_made(1, "Concat", [self.x, self.x], np.concatenate([self.x] * 2, 1))
        self.run_made(1, "Pad", [self.x], np.pad(self.x, [(0, 0), (1, 0), (0, 2)]),
                      paddings=[0, 1, 0, 0, 0, 2])
        self.refuses("opset 1", 1, "Tile", [self.x, self.row[:1], self.row[:1]])
        self.refuses("p of opset 1", 1, "GlobalLpPool", [self.x], p=3.0)
        self.refuses("attribute to", 1, "Cast", [self.x], to="INT32")


tearDownModule = onnx_cases.print_outcomes

for kind in KINDS:
    for folder in sorted((DATA / kind).glob("*/model.onnx")):
        name = f"{folder.parent.name}_{kind}".replace("-", "_")
        setattr(Model, name, onnx_cases.make_test(StoredCase(folder.parent)))
for file in sorted((DATA / "light").glob("*.onnx")):
    setattr(Model, f"test_{file.stem}", onnx_cases.make_test(LightCase(file)))
