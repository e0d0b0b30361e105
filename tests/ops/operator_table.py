# SPDX-License-Identifier: Apache-2.0
"""The table of operators says what is so: its versions are ONNX's, its types are those that quern
runs, and docs/operators.md is the table.

A type is tried by giving it to one of ONNX's node tests of the operator: is it run, or refused?
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import onnx_cases
from onnx_cases import np, numpy_helper, onnx

from onnx import TensorProto, defs, helper
from onnx.backend.test.case import node as cases

FLOATS = ["float16", "bfloat16", "float", "double"]
INTEGERS = [f"{sign}int{bits}" for bits in (8, 16, 32, 64) for sign in ("", "u")]
GROUPS = {"floats": FLOATS, "integers": INTEGERS, "numbers": FLOATS + INTEGERS}
TYPES = [*FLOATS, *INTEGERS, "bool", "string"]
TEXTS = ["floats", "integers", "bool", "string", "numbers", "numbers bool", "numbers bool string"]


def members(text):
    return {t for word in text.split() for t in GROUPS.get(word, [word])}


def describe(run, allowed):
    """The types that run, of those that ONNX allows, in the words of the table."""
    texts = [*TEXTS, *(f"{group} {' '.join(more)}" for group in GROUPS for more in
                       [sorted(run - members(group), key=TYPES.index)] if more),
             " ".join(sorted(run, key=TYPES.index))]
    return next((text for text in texts if members(text) & allowed == run), "")


class Row:
    """A row of `quern list ops --markdown`."""

    def __init__(self, line):
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        self.name, domain, self.opsets = cells[:3]
        self.domain = "" if domain == "ai.onnx" else domain
        self.types = "" if cells[5] == "-" else cells[5]


def rows():
    out = subprocess.run([onnx_cases.PROGRAM, "list", "ops", "--markdown"], check=True, text=True,
                         capture_output=True).stdout
    return [Row(line) for line in out.splitlines()[2:]]


def history(domain, name):
    """The versions in which ONNX changed an operator."""
    return sorted(schema.since_version for schema in defs.get_all_schemas_with_history()
                  if (schema.domain, schema.name) == (domain, name))


def usable_cases():
    """By domain and name: node tests of one node, with tensors for inputs."""
    found = {}
    for case in cases.collect_testcases(None):
        graph = case.model.graph
        if len(graph.node) != 1 or graph.initializer or not case.data_sets:
            continue
        inputs = case.data_sets[0][0]
        if inputs and all(isinstance(x, (np.ndarray, TensorProto)) or np.isscalar(x)
                          for x in inputs):
            node = graph.node[0]
            found.setdefault((node.domain, node.op_type), []).append(case)
    return found


def is_run(model, inputs):
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        onnx.save(model, directory / "model.onnx")
        data = directory / "test_data_set_0"
        data.mkdir()
        for i, tensor in enumerate(inputs):
            (data / f"input_{i}.pb").write_bytes(tensor.SerializeToString())
        done = subprocess.run([onnx_cases.PROGRAM, "run", directory / "model.onnx", "--data", data,
                               "-q"], capture_output=True, timeout=60)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 0


def type_of(parameters, i):
    return parameters[min(i, len(parameters) - 1)].type_str


def as_type(tensor, kind):
    """The same numbers, as far as the type has them."""
    array = numpy_helper.to_array(tensor)
    if kind == "string":
        return numpy_helper.from_array(array.astype(str).astype(object), tensor.name)
    if array.dtype.kind in "OSU":
        array = np.arange(array.size).reshape(array.shape)
    if kind.startswith("u"):
        array = np.abs(array.astype(np.float64))
    dtype = helper.tensor_dtype_to_np_dtype(getattr(TensorProto, kind.upper()))
    return numpy_helper.from_array(array.astype(dtype), tensor.name)


def retyped(case, schema, variable, kind):
    """The case with `kind` wherever the schema has this type variable."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    node, tensors = model.graph.node[0], []
    for value, info in zip(case.data_sets[0][0], model.graph.input):
        tensor = onnx_cases.as_tensor(value, info.name)
        if type_of(schema.inputs, list(node.input).index(info.name)) == variable:
            tensor = as_type(tensor, kind)
            info.type.tensor_type.elem_type = tensor.data_type
        tensors.append(tensor)
    for info in model.graph.output:
        if type_of(schema.outputs, list(node.output).index(info.name)) == variable:
            info.type.tensor_type.elem_type = getattr(TensorProto, kind.upper())
    return model, tensors


def types_that_run(found):
    """In the table's words, from the first case that quern runs; None where it runs none."""
    for case in found:
        tensors = [onnx_cases.as_tensor(value, info.name)
                   for value, info in zip(case.data_sets[0][0], case.model.graph.input)]
        if is_run(case.model, tensors):
            break
    else:
        return None
    node = case.model.graph.node[0]
    version = next(o.version for o in case.model.opset_import if o.domain == node.domain)
    schema = defs.get_schema(node.op_type, version, node.domain)
    variable = type_of(schema.inputs, 0)
    if schema.outputs[0].type_str in [parameter.type_str for parameter in schema.inputs]:
        variable = schema.outputs[0].type_str
    allowed = {text for constraint in schema.type_constraints
               if constraint.type_param_str == variable
               for text in constraint.allowed_type_strs} or {variable}
    allowed = {t for t in TYPES if f"tensor({t})" in allowed}
    return describe({t for t in allowed if is_run(*retyped(case, schema, variable, t))}, allowed)


class Table(unittest.TestCase):
    def test_document(self):
        done = subprocess.run([sys.executable, onnx_cases.ROOT / "tools/gen-operators", "--check"],
                              env={**os.environ, "QUERN": str(onnx_cases.PROGRAM)},
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_versions(self):
        for row in rows():
            with self.subTest(row.name):
                first, last = (row.opsets.split("-") * 2)[:2]
                versions = history(row.domain, row.name)
                if versions:
                    self.assertIn(int(first), range(versions[0], versions[-1] + 1))
                    self.assertEqual(int(last), versions[-1], "ONNX has a newer version: is it "
                                                              "understood?")

    def test_types(self):
        found = usable_cases()
        for row in rows():
            with self.subTest(row.name):
                self.assertNotEqual(row.types, "")
                run = types_that_run(found.get((row.domain, row.name), []))
                if run is not None:
                    self.assertEqual(row.types, run)


if __name__ == "__main__":
    unittest.main()
