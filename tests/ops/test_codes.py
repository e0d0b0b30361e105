# SPDX-License-Identifier: Apache-2.0
"""QLinearMatMul of 8-bit floats, which nobody else computes, against ONNX's formula in exact sums:
random types, shapes, scales and zero points, for a tensor, a row, a column or a matrix."""
import unittest

from single import Refused, helper, np, number_of, numpy_type, one_node, onnx, run_quern

FLOATS = ["float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"]
LIMIT = {"float8e4m3fn": 448, "float8e4m3fnuz": 240, "float8e5m2": 57344, "float8e5m2fnuz": 57344}


def values(rng, kind, shape, big):
    if kind in LIMIT:
        return (rng.standard_normal(shape) * big).astype(np.float32).astype(numpy_type(kind))
    info = np.iinfo(kind)
    return rng.integers(info.min, info.max + 1, shape).astype(kind)


def zeros(rng, kind, shape):
    if kind in LIMIT:
        return rng.choice([0, 0, 0.5], shape).astype(np.float32).astype(numpy_type(kind))
    return values(rng, kind, shape, 1)


def make(rng):
    """The inputs of one node, and the codes that it should give."""
    a_kind, b_kind, y_kind = rng.choice([*FLOATS, "int8", "uint8"], 3)
    if not {a_kind, b_kind, y_kind} & set(FLOATS):
        a_kind = FLOATS[0]
    m, k, n = rng.integers(1, 6, 3)
    stack = [(), (), (2,), (2, 3)][rng.integers(4)]
    a, b = values(rng, a_kind, (*stack, m, k), 3), values(rng, b_kind, (*stack, k, n), 3)
    per = rng.integers(3)
    rows, columns = [((), ()), ((*stack, m, 1), (*stack, 1, n)),
                     ((m,) if not stack else (), (n,) if not stack else ())][per]
    a_scale = rng.uniform(0.01, 0.2, rows).astype(np.float32)
    b_scale = rng.uniform(0.01, 0.2, columns).astype(np.float32)
    a_zero, b_zero = zeros(rng, a_kind, rows), zeros(rng, b_kind, columns)
    y_scale = np.array(rng.choice([0.002, 0.05, 0.5]), np.float32)
    y_zero = zeros(rng, y_kind, ())
    inputs = [a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero]
    wide = [x.astype(np.float64) for x in inputs]
    if per == 2 and not stack:
        wide[1], wide[2] = wide[1][:, None], wide[2][:, None]
    sums = (wide[0] - wide[2]) @ (wide[3] - wide[5])
    y = sums * (wide[1] * wide[4] / wide[6]) + wide[7]
    if y_kind in LIMIT:
        return inputs, np.clip(y, -LIMIT[y_kind], LIMIT[y_kind]).astype(numpy_type(y_kind))
    info = np.iinfo(y_kind)
    return inputs, np.clip(np.rint(y), info.min, info.max).astype(y_kind)


class Codes(unittest.TestCase):
    def run_node(self, inputs, opset=21):
        model, feeds = one_node("QLinearMatMul", inputs, opset=opset,
                                types_out=[helper.np_dtype_to_tensor_dtype(inputs[7].dtype)])
        model.graph.node.add(op_type="Cast", input=[model.graph.output[0].name], output=["wide"]
                             ).attribute.add(name="to", type=onnx.AttributeProto.INT,
                                             i=number_of("float"))
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info("wide", number_of("float"), None))
        return run_quern(model, feeds)["wide"]

    def test_random(self):
        rng = np.random.default_rng(1)
        for _ in range(60):
            inputs, want = make(rng)
            np.testing.assert_array_equal(self.run_node(inputs), want.astype(np.float32),
                                          str([x.dtype for x in inputs]))

    def test_there_were_none_before_opset_21(self):
        rng = np.random.default_rng(2)
        inputs, _ = make(rng)
        with self.assertRaisesRegex(Refused, "must be uint8 or int8"):
            self.run_node(inputs, 20)

    def test_zero_points_are_of_the_type_of_their_codes(self):
        rng = np.random.default_rng(3)
        inputs, _ = make(rng)
        inputs[2] = np.array(0, np.float32).astype(
            numpy_type("float8e5m2" if inputs[0].dtype != numpy_type("float8e5m2")
                       else "float8e4m3fn"))
        with self.assertRaisesRegex(Refused, "input 2, a zero point, is"):
            self.run_node(inputs)


if __name__ == "__main__":
    unittest.main()
