# SPDX-License-Identifier: Apache-2.0
"""What the tests of single operators of ONNX Runtime share: a case is a node and its inputs, run by
both programs.
"""
import pathlib
import tempfile

import numpy as np
import onnx
from onnx import helper

import quern

MICROSOFT = "com.microsoft"


class Case:
    """Inputs are arrays, or None where they are left out; those in `fixed` become initializers.
    Outputs are True where they are wanted. `types` gives numpy types of outputs, where they are not
    that of input 0."""

    def __init__(self, kind, inputs, outputs=(True,), domain=MICROSOFT, opset=17, fixed=(),
                 types=None, **attributes):
        self.inputs = {f"x{i}": x for i, x in enumerate(inputs) if x is not None}
        names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
        self.outputs = [f"y{i}" if wanted else "" for i, wanted in enumerate(outputs)]
        self.fixed = {f"x{i}" for i in fixed} & self.inputs.keys()
        types = types or {}
        self.note = f"{kind} {[getattr(x, 'shape', None) for x in inputs]} {attributes}"
        infos = [self.info(name, x.dtype, x.shape) for name, x in self.inputs.items()
                 if name not in self.fixed]
        results = [self.info(name, types.get(i, inputs[0].dtype), None)
                   for i, name in enumerate(self.outputs) if name]
        node = helper.make_node(kind, names, self.outputs, domain=domain, **attributes)
        weights = [onnx.numpy_helper.from_array(self.inputs[name], name)
                   for name in sorted(self.fixed)]
        graph = helper.make_graph([node], "case", infos, results, weights)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
        self.model = helper.make_model(graph, opset_imports=opsets, ir_version=10)

    @staticmethod
    def info(name, dtype, shape):
        return helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)

    def run(self):
        """The outputs of quern and of ONNX Runtime."""
        sample = {name: x for name, x in self.inputs.items() if name not in self.fixed}
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "model.onnx"
            onnx.save(self.model, path)
            theirs = quern.ort_run(path, [sample], optimize=False)[0]
            data = quern.write_samples(pathlib.Path(directory) / "data", [sample])
            return quern.simulate(path, data)[0], theirs


    def refusal(self):
        """What quern says when it will not run the case; None where it does."""
        sample = {name: x for name, x in self.inputs.items() if name not in self.fixed}
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "model.onnx"
            onnx.save(self.model, path)
            data = quern.write_samples(pathlib.Path(directory) / "data", [sample])
            done = quern.start("run", path, "--data", data, "-o", f"{directory}/out")
            return done.stderr if done.returncode == 1 else None


def check(test, case, tolerance=2e-5, ignore=()):
    """Both agree, relative to the largest number; outputs in `ignore` only in shape and type."""
    ours, theirs = case.run()
    for i, name in enumerate(case.outputs):
        if not name:
            continue
        a, b = ours[name], theirs[name]
        test.assertEqual((a.shape, a.dtype), (b.shape, b.dtype), f"{case.note} {name}")
        if i in ignore:
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        most = max(1, np.abs(b).max(initial=0))
        np.testing.assert_allclose(a, b, atol=most * tolerance, rtol=tolerance, equal_nan=True,
                                   err_msg=f"{case.note} {name}")
