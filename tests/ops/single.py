# SPDX-License-Identifier: Apache-2.0
"""What the generated tests of single operators share: a model of one node, what quern makes of it,
and what it should be.

ONNX's reference evaluator and ONNX Runtime are asked in turn; quern agrees with one of them, or is
wrong. Where neither can run the model, quern only has to end as it should.
"""
import pathlib
import subprocess
import tempfile
import unittest
import warnings

from onnx_cases import PROGRAM

try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError as missing:
    raise unittest.SkipTest(f"{missing} (tools/requirements-test.txt)")

FLOATS = ("float", "double", "float16", "bfloat16")
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMBERS = FLOATS + INTS
# Steps of the type, for a value of about 1; results of a few operations are off by a few of them.
STEP = {"float16": 2 ** -10, "bfloat16": 2 ** -7}


class Refused(Exception):
    """quern said why it does not run a model."""


def number_of(name):
    return TensorProto.DataType.Value(name.upper())


def numpy_type(name):
    return helper.tensor_dtype_to_np_dtype(number_of(name))


def one_node(op, inputs, attrs=None, outputs=1, opset=23, types_out=None, domain="", name="x"):
    """A model of one node, and what to feed it; inputs are arrays, None for those left out. Outputs
    get no shape, and the type of the first input unless types_out says another."""
    names = [f"{name}{i}" if x is not None else "" for i, x in enumerate(inputs)]
    while names and not names[-1]:
        names.pop()
    results = [f"{name}_out{i}" for i in range(outputs)]
    node = helper.make_node(op, names, results, f"{name}_node", domain=domain, **(attrs or {}))
    feeds = {f"{name}{i}": x for i, x in enumerate(inputs) if x is not None}
    made = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for n, x in feeds.items()]
    kinds = types_out or [made[0].type.tensor_type.elem_type] * outputs
    out = [helper.make_tensor_value_info(n, t, None) for n, t in zip(results, kinds)]
    graph = helper.make_graph([node], "graph", made, out)
    imports = [helper.make_opsetid("", opset)]
    if domain:
        imports.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=imports, ir_version=10), feeds


def joined(models):
    """One model that does what all of them do; their names differ."""
    graph = helper.make_graph(
        [n for m in models for n in m.graph.node], "graph",
        [v for m in models for v in m.graph.input], [v for m in models for v in m.graph.output])
    return helper.make_model(graph, opset_imports=models[0].opset_import, ir_version=10)


def run_quern(model, feeds):
    """The outputs by name. Refused: with the message."""
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        data, out = directory / "test_data_set_0", directory / "out"
        data.mkdir()
        onnx.save(model, directory / "model.onnx")
        for i, (name, value) in enumerate(feeds.items()):
            (data / f"input_{i}.pb").write_bytes(
                numpy_helper.from_array(value, name).SerializeToString())
        done = subprocess.run([PROGRAM, "run", directory / "model.onnx", "--data", data, "-o", out],
                              capture_output=True, text=True, errors="replace", timeout=120)
        message = done.stderr.strip()
        if done.returncode == 1 and message:
            raise Refused(message.splitlines()[-1].replace(str(directory) + "/", ""))
        if done.returncode != 0:
            raise AssertionError(f"exit status {done.returncode}: {message}")
        with np.load(next(out.glob("*.npz"))) as file:
            return {name: file[name] for name in file.files}


def run_reference(model, feeds):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return ReferenceEvaluator(model).run(None, feeds)


def run_ort(model, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def difference(got, want, rtol):
    """What is wrong with an output; None where nothing is."""
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    if want.dtype.isbuiltin == 1 and got.dtype != want.dtype:
        return f"type {got.dtype}, expected {want.dtype}"
    step = STEP.get(want.dtype.name, 2 ** -20)
    kind = complex if want.dtype.kind == "c" else np.float64
    got, want = got.astype(kind), want.astype(kind)
    with np.errstate(all="ignore"):
        if np.allclose(got, want, rtol=max(8 * step, rtol), atol=max(4 * step, rtol),
                       equal_nan=True):
            return None
        return f"largest difference {np.nanmax(np.abs(got - want))}"


def compare(got, model, feeds, rtol, runners):
    """None: one of the runners says the same; "unknown": none of them says anything."""
    found = []
    for runner in runners:
        try:
            want = [np.asarray(x) for x in runner(model, feeds)]
        except Exception:   # any of the many ways not to support a model
            continue
        outputs = list(zip(model.graph.output, want))
        if any(v.type.tensor_type.elem_type != helper.np_dtype_to_tensor_dtype(x.dtype)
               for v, x in outputs):
            continue   # the reference forgets the type of some results
        problems = [difference(got[v.name], x, rtol) for v, x in outputs]
        problems = [p for p in problems if p]
        if not problems:
            return None
        found.append(f"{runner.__name__[4:]}: {problems[0]}")
    return "; ".join(found) if found else "unknown"


def judge(cases, rtol=0, runners=(run_reference, run_ort)):
    """What is wrong with each case, a model and its feeds: None where nothing is, "unknown" where
    nobody else can run it, "refused: ..." where quern does not. All run as one model where quern
    refuses none."""
    feeds = {name: x for _, one in cases for name, x in one.items()}
    try:
        together = run_quern(joined([model for model, _ in cases]), feeds)
    except Refused:
        together = None
    result = []
    for model, one in cases:
        try:
            got = together or run_quern(model, one)
            result.append(compare(got, model, one, rtol, runners))
        except Refused as reason:
            result.append(f"refused: {reason}")
    return result
