# SPDX-License-Identifier: Apache-2.0
"""raise-opset, operator by operator: a small model of each operator that changed since opset 7, in
each of its old versions, computes in ONNX Runtime what it did before it was raised to 13, 18, 21.
"""
import pathlib
import tempfile
import unittest
import warnings

import quern
from quern import helper, np, numpy_helper, onnx

FIRST, TO = 7, (13, 18, 21)
F = np.float32
X, X4 = (2, 3, 4), (1, 4, 6, 6)

# Operators whose versions differ in nothing but types, or attributes whose default is the old
# meaning: name -> (attributes, inputs: shapes of fed floats, or constants).
SAME = {
    "Abs": ({}, [X]), "Add": ({}, [X, (3, 1)]), "Sub": ({}, [X, (4,)]), "Mul": ({}, [X, X]),
    "Div": ({}, [X, X]), "And": ({}, [np.bool_([1, 0]), np.bool_([1, 1])]),
    "ArgMax": ({"axis": 1}, [X]), "ArgMin": ({"axis": 1, "keepdims": 0}, [X]),
    "AveragePool": ({"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 0, 1]}, [X4]),
    "Cast": ({"to": 7}, [X]), "Ceil": ({}, [X]), "Compress": ({"axis": 1},
                                                              [X, np.bool_([1, 0, 1])]),
    "Concat": ({"axis": 2}, [X, X]), "ConstantOfShape": ({}, [np.int64([2, 3])]),
    "Conv": ({"pads": [1, 1, 1, 1]}, [X4, F(np.ones((2, 4, 3, 3)))]),
    "ConvTranspose": ({"strides": [2, 2], "output_padding": [1, 0]},
                      [X4, F(np.arange(72).reshape(4, 2, 3, 3))]),
    "CumSum": ({}, [X, np.int64(1)]), "DepthToSpace": ({"blocksize": 2}, [X4]),
    "Equal": ({}, [np.int64([1, 2]), np.int64([1, 3])]), "Erf": ({}, [X]), "Exp": ({}, [X]),
    "Elu": ({"alpha": 0.5}, [X]), "Expand": ({}, [(3, 1), np.int64([2, 1, 4])]),
    "EyeLike": ({"k": 1}, [(3, 4)]), "Flatten": ({"axis": 2}, [X]), "Floor": ({}, [X]),
    "Gather": ({"axis": 1}, [X, np.int64([[0, 2], [1, 1]])]),
    "GatherElements": ({"axis": 1}, [X, np.int64([[[0, 2, 1, 0]]] * 2)]),
    "GatherND": ({}, [X, np.int64([[0, 2], [1, 1]])]),
    "Gemm": ({"alpha": 0.5, "transB": 1}, [(2, 4), F(np.ones((3, 4))), F([1, 2, 3])]),
    "GRU": ({"hidden_size": 3}, [(5, 1, 4), F(np.ones((1, 9, 4))), F(np.ones((1, 9, 3)))]),
    "LSTM": ({"hidden_size": 2}, [(5, 1, 4), F(np.ones((1, 8, 4))), F(np.ones((1, 8, 2)))]),
    "RNN": ({"hidden_size": 3}, [(5, 1, 4), F(np.ones((1, 3, 4))), F(np.ones((1, 3, 3)))]),
    "Greater": ({}, [X, X]), "Less": ({}, [X, X]), "GreaterOrEqual": ({}, [X, X]),
    "LessOrEqual": ({}, [X, X]), "HardSigmoid": ({}, [X]), "Identity": ({}, [X]),
    "IsInf": ({}, [X]), "IsNaN": ({}, [X]), "InstanceNormalization": ({}, [X4, F(np.ones(4)),
                                                                          F(np.zeros(4))]),
    "LRN": ({"size": 3}, [X4]), "LeakyRelu": ({"alpha": 0.2}, [X]), "Log": ({}, [X]),
    "LpNormalization": ({"axis": 1}, [X]), "LpPool": ({"kernel_shape": [2, 2]}, [X4]),
    "MatMul": ({}, [X, (4, 2)]), "Max": ({}, [X, X, X]), "Min": ({}, [X, X]), "Mean": ({}, [X, X]),
    "Sum": ({}, [X, X, X]), "MaxPool": ({"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, [X4]),
    "MeanVarianceNormalization": ({}, [X4]), "Mod": ({"fmod": 1}, [X, X]), "Neg": ({}, [X]),
    "NonZero": ({}, [X]), "OneHot": ({"axis": 0}, [np.int64([0, 2, 1]), np.int64(3), F([-1, 5])]),
    "PRelu": ({}, [X, F([0.1, 0.2, 0.3, 0.4])]), "Pow": ({}, [X, F(2)]), "Reciprocal": ({}, [X]),
    "Relu": ({}, [X]), "Reshape": ({}, [X, np.int64([0, -1])]),
    "ReverseSequence": ({"batch_axis": 1, "time_axis": 0}, [(4, 2, 3), np.int64([3, 2])]),
    "Round": ({}, [X]), "Selu": ({}, [X]), "Shape": ({}, [X]), "Sigmoid": ({}, [X]),
    "Sign": ({}, [X]), "Size": ({}, [X]), "Softplus": ({}, [X]), "Softsign": ({}, [X]),
    "SpaceToDepth": ({"blocksize": 2}, [X4]), "Sqrt": ({}, [X]), "Tanh": ({}, [X]),
    "ThresholdedRelu": ({"alpha": 0.3}, [X]), "Tile": ({}, [X, np.int64([1, 2, 1])]),
    "Transpose": ({"perm": [2, 0, 1]}, [X]), "Where": ({}, [np.bool_([1, 0, 1, 0]), X, X]),
    "ScatterND": ({}, [(4,), np.int64([[1], [3]]), (2,)]),
    "Unique": ({}, [(6,)]), "Det": ({}, [(3, 3)]), "Celu": ({}, [X]), "HardSwish": ({}, [X]),
    "Einsum": ({"equation": "bij,bj->bi"}, [X, (2, 4)]),
    "NonMaxSuppression": ({}, [(1, 6, 4), (1, 2, 6), np.int64(3), F(0.5), F(0)]),
    "GlobalAveragePool": ({}, [X4]), "GlobalMaxPool": ({}, [X4]), "Range": ({}, [F(0), F(5), F(2)]),
    "Sinh": ({}, [X]), "Cosh": ({}, [X]), "Asinh": ({}, [X]), "Atanh": ({}, [X]),
    "Acosh": ({}, [X]), "Not": ({}, [np.bool_([1, 0])]), "Trilu": ({}, [(3, 3)]),
    "LayerNormalization": ({}, [X, F(np.ones(4))]), "CastLike": ({}, [X, np.int64(0)]),
}

# Operators that changed: name -> list of (from, up to, attributes, inputs).
CHANGED = {
    "BatchNormalization": [
        (7, 20, {"epsilon": 1e-3}, [X4, F(np.ones(4)), F(np.arange(4)), F(np.ones(4)),
                                    F(np.arange(1, 5))]),
        (7, 8, {"spatial": 1}, [X4] + [F(np.ones(4))] * 4),
        (7, 8, {"spatial": 0}, [(3, 2, 2)] + [F(np.arange(1, 5).reshape(2, 2))] * 4)],
    "Clip": [(7, 10, {"min": -0.5, "max": 0.5}, [X]), (7, 10, {"max": 0.5}, [X]),
             (7, 10, {}, [X]), (11, 20, {}, [X, F(-0.5), F(0.5)]), (11, 20, {}, [X, None, F(1)])],
    "Dropout": [(7, 11, {"ratio": 0.3}, [X]), (7, 11, {}, [X]), (12, 20, {}, [X, F(0.3)])],
    "Hardmax": [(7, 12, {}, [X]), (7, 12, {"axis": 2}, [X]), (11, 12, {"axis": -2}, [X]),
                (7, 12, {"axis": 0}, [X]), (7, 12, {"axis": 1}, [(3, 4, 1)])],
    "LogSoftmax": [(7, 12, {}, [X]), (7, 12, {"axis": 2}, [X]), (11, 12, {"axis": -1}, [X])],
    "Softmax": [(7, 12, {}, [X]), (7, 12, {"axis": 2}, [X]), (11, 12, {"axis": -3}, [X])],
    "Pad": [(7, 10, {"pads": [0, 1, 2, 0, 0, 1]}, [X]),
            (7, 10, {"pads": [0, 1, 2, 0, 0, 1], "value": 1.5}, [X]),
            (7, 10, {"pads": [0, 1, 1, 0, 1, 1], "mode": "reflect"}, [X]),
            (7, 10, {"pads": [0, 1, 1, 0, 1, 1], "mode": "edge"}, [X]),
            (7, 10, {"pads": [0, -1, 2, 0, 0, -1]}, [X]),
            (11, 20, {}, [X, np.int64([0, 1, 2, 0, 0, 1]), F(2)])],
    "ReduceSum": [(7, 12, {"axes": [0, 2]}, [X]), (7, 12, {}, [X]),
                  (7, 12, {"axes": [1], "keepdims": 0}, [X]), (11, 12, {"axes": [-1]}, [X])],
    "Resize": [(10, 10, {"mode": "nearest"}, [X4, F([1, 1, 2, 2])]),
               (10, 10, {"mode": "nearest"}, [X4, F([1, 1, 0.5, 0.5])]),
               (10, 10, {"mode": "linear"}, [X4, F([1, 1, 1.5, 2.5])]),
               (11, 20, {"mode": "linear"}, [X4, F([]), F([1, 1, 1.5, 2.5])]),
               (11, 20, {"mode": "nearest"}, [X4, F([]), F([]), np.int64([1, 4, 9, 12])]),
               (11, 20, {"mode": "cubic"}, [X4, F([]), F([1, 1, 2, 2])]),
               (11, 20, {"mode": "nearest", "nearest_mode": "floor",
                         "coordinate_transformation_mode": "asymmetric"},
                [X4, F([]), F([1, 1, 2, 2])]),
               (11, 20, {"mode": "linear",
                         "coordinate_transformation_mode": "tf_crop_and_resize"},
                [X4, F([0, 0, 0.1, 0.2, 1, 1, 0.9, 0.8]), F([]), np.int64([1, 4, 5, 5])])],
    "RoiAlign": [(10, 20, {"output_height": 2, "output_width": 2},
                  [X4, F([[0, 0, 3, 3]]), np.int64([0])])],
    "Scatter": [(9, 10, {"axis": 1}, [X, np.int64([[[0, 2, 1, 0]]] * 2), (2, 1, 4)])],
    "ScatterElements": [(11, 20, {"axis": 1}, [X, np.int64([[[0, 2, 1, 0]]] * 2), (2, 1, 4)])],
    "Slice": [(7, 9, {"starts": [0, 1], "ends": [2, 9], "axes": [0, 2]}, [X]),
              (7, 9, {"starts": [0, -2], "ends": [1, -1]}, [X]),
              (10, 20, {}, [X, np.int64([1]), np.int64([-1]), np.int64([2])])],
    "Split": [(7, 12, {"axis": 2, "split": [1, 3]}, [X]), (7, 17, {"axis": 2}, [X])],
    "Squeeze": [(7, 12, {"axes": [0, 2]}, [(1, 3, 1)]), (7, 12, {}, [(1, 3, 1)]),
                (11, 12, {"axes": [-1]}, [(1, 3, 1)])],
    "Unsqueeze": [(7, 12, {"axes": [0, 3]}, [X]), (11, 12, {"axes": [-1]}, [X])],
    "TopK": [(7, 9, {"k": 2, "axis": 1}, [X]), (10, 20, {"axis": 1}, [X, np.int64([2])])],
    "Upsample": [(7, 8, {"mode": "nearest", "scales": [1.0, 1.0, 2.0, 3.0]}, [X4]),
                 (7, 8, {"mode": "linear", "scales": [1.0, 1.0, 2.0, 2.0]}, [X4]),
                 (9, 9, {"mode": "nearest"}, [X4, F([1, 1, 2, 2])]),
                 (9, 9, {"mode": "linear"}, [X4, F([1, 1, 2, 3])])],
    "QuantizeLinear": [(10, 12, {}, [X, F(0.1), np.uint8(3)]), (10, 12, {}, [X, F(0.1)]),
                       (10, 12, {}, [X, F([0.1]), np.int8([3])]),
                       (13, 20, {"axis": 2}, [X, F([0.1, 0.2, 0.3, 0.4]), np.int8([0, 1, 2, 3])])],
    "DequantizeLinear": [(10, 12, {}, [np.uint8([1, 200]), F(0.1), np.uint8(3)])],
    "GridSample": [(16, 19, {"mode": m}, [X4, (1, 3, 3, 2)]) for m in ("bilinear", "nearest",
                                                                      "bicubic")],
    "DFT": [(17, 19, {"axis": 1}, [(1, 8, 1)]), (17, 19, {"axis": 2, "onesided": 1},
                                                 [(1, 3, 8, 1)])],
    "GroupNormalization": [(18, 20, {"num_groups": 2}, [X4, F([1, 2]), F([3, 4])])],
}
for reduction in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare"):
    CHANGED["Reduce" + reduction] = [
        (7, 17, {"axes": [0, 2], "keepdims": 0}, [X]), (7, 17, {}, [X]),
        (11, 17, {"axes": [-1]}, [X])]

# What has no newer form: (operator, opset, attributes, inputs, what is said)
REFUSED = [
    ("BatchNormalization", 8, {"spatial": 0}, [(1, 2, 2), (2, 2)] + [F(np.ones((2, 2)))] * 3,
     "spatial"),
    ("Resize", 10, {"mode": "nearest"}, [X4, F([1, 1, 2, 0.5])], "enlarges one axis"),
    ("Resize", 11, {"mode": "nearest", "coordinate_transformation_mode": "tf_half_pixel_for_nn"},
     [X4, F([]), F([1, 1, 2, 2])], "coordinate_transformation_mode"),
]


def versions(kind):
    """Since when each version of an operator counts."""
    return sorted({s.since_version for s in onnx.defs.get_all_schemas_with_history()
                   if s.name == kind and not s.domain})


def build(kind, opset, attributes, inputs):
    """A model of one node, and a sample for it; None: opset does not have that operator."""
    try:
        schema = onnx.defs.get_schema(kind, opset)
    except onnx.defs.SchemaError:
        return None
    if schema.deprecated and kind in ("Scatter", "Upsample"):   # others have a newer version
        return None
    random = np.random.RandomState(opset)
    names, fed, constants, sample = [], [], [], {}
    for i, value in enumerate(inputs):
        name = f"x{i}"
        if isinstance(value, tuple):
            sample[name] = random.uniform(-1, 1, value).astype(np.float32)
            if kind in ("Log", "Sqrt", "ReduceLogSum"):
                sample[name] = np.abs(sample[name]) + 0.1
            fed.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, value))
        elif value is not None:
            constants.append(numpy_helper.from_array(np.asarray(value), name))
        names.append("" if value is None else name)
    count = {"Split": 2, "TopK": 2, "LSTM": 3, "GRU": 2, "RNN": 2}.get(kind, 1)
    outputs = [f"y{i}" for i in range(count)]
    node = helper.make_node(kind, names, outputs, "node", **attributes)
    graph = helper.make_graph([node], "g", fed,
                              [onnx.ValueInfoProto(name=name) for name in outputs], constants)
    model = helper.make_model(graph, ir_version=8 if opset < 19 else 10,
                              opset_imports=[helper.make_opsetid("", opset)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = onnx.shape_inference.infer_shapes(model)
    for output in model.graph.output:
        if not output.HasField("type"):
            output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return model, sample


class RaiseOpset(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_before(self, path, sample):
        """None: ONNX Runtime has no kernel for it, or not for this version; quern may have."""
        try:
            return quern.ort_run(path, [sample], optimize=False)[0]
        except Exception as error:   # of its own types, one for each status
            if "NOT_IMPLEMENTED" in str(error) or "Fail" in type(error).__name__ \
                    or "InvalidGraph" in type(error).__name__:
                return None
            raise

    def compare(self, kind, opset, attributes, inputs):
        """How often the model was raised and compared."""
        built = build(kind, opset, attributes, inputs)
        if not built:
            return 0
        model, sample = built
        before = self.directory / "before.onnx"
        onnx.save(model, before)
        want = self.run_before(before, sample)
        if want is None:
            data = quern.write_samples(self.directory / f"data{kind}{opset}", [sample])
            want = quern.simulate(before, data)[0]
        try:   # a few operators' shapes cannot be inferred
            onnx.checker.check_model(model, full_check=True)
            is_valid = kind != "MeanVarianceNormalization"   # a function that the checker refuses
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
            is_valid = False
        done = 0
        for to in TO:
            after = self.directory / "after.onnx"
            if to <= opset:
                continue
            about = f"{kind} from {opset} to {to}: {attributes}"
            quern.run("convert", before, "-o", after, "--pass", "raise-opset", "--opset", to)
            raised = onnx.load(after)
            self.assertEqual(raised.opset_import[0].version, to, about)
            if is_valid:
                onnx.checker.check_model(raised, full_check=True)
            got = quern.ort_run(after, [sample], optimize=False)[0]
            for name in want:
                self.assertEqual(got[name].dtype, want[name].dtype, about)
                np.testing.assert_allclose(got[name], want[name], 1e-5, 1e-6, err_msg=about)
            done += 1
        return done

    def test_table_is_complete(self):
        """Every operator with more than one version since opset 7 is in a table."""
        skipped = {   # no float tensors, bodies (test_control.py), training, randomness
            "Bernoulli", "BitShift", "Constant", "DeformConv", "If", "Loop", "MaxUnpool", "Mish",
            "NegativeLogLikelihoodLoss", "Optional", "OptionalGetElement", "OptionalHasElement",
            "QLinearMatMul", "Scan", "SoftmaxCrossEntropyLoss", "SplitToSequence"}
        changed = {s.name for s in onnx.defs.get_all_schemas_with_history()
                   if not s.domain and any(FIRST < v <= max(TO) for v in versions(s.name)[1:])}
        self.assertEqual(changed - set(SAME) - set(CHANGED) - skipped, set())

    def test_refused(self):
        for kind, opset, attributes, inputs, what in REFUSED:
            model, _ = build(kind, opset, attributes, inputs)
            onnx.save(model, self.directory / "before.onnx")
            done = quern.start("convert", self.directory / "before.onnx", "-o",
                               self.directory / "after.onnx", "--pass", "raise-opset")
            self.assertEqual(done.returncode, 1)
            self.assertIn(what, done.stderr)

    def test_too_new(self):
        onnx.save(build("Relu", 13, {}, [X])[0], self.directory / "before.onnx")
        done = quern.start("convert", self.directory / "before.onnx", "-o",
                           self.directory / "after.onnx", "--pass", "raise-opset", "--opset", 22)
        self.assertEqual(done.returncode, 2)
        self.assertIn("opset 22 is asked for", done.stderr)


def add_test(kind, forms):
    def test(self):
        done = 0
        for first, last, attributes, inputs in forms:
            since = [v for v in versions(kind) if first <= v <= last] or [first]
            for opset in sorted({first, *since}):
                with self.subTest(kind=kind, opset=opset):
                    done += self.compare(kind, opset, attributes, inputs)
        self.assertGreater(done, 0)
    setattr(RaiseOpset, f"test_{kind.lower()}", test)


for name, (node_attributes, node_inputs) in SAME.items():
    add_test(name, [(max(FIRST, versions(name)[0]), 20, node_attributes, node_inputs)])
for name, all_forms in CHANGED.items():
    add_test(name, all_forms)


if __name__ == "__main__":
    unittest.main()
