# SPDX-License-Identifier: Apache-2.0
"""Operators of detection, sampling and losses, with random shapes and attributes, against ONNX
Runtime and ONNX's reference evaluator.
"""
import unittest

from single import (TensorProto, judge, np, one_node, run_ort, run_quern, run_reference)


def real(rng, *shape, low=-3, high=3):
    return np.asarray(rng.uniform(low, high, shape)).astype(np.float32)


def i64(*numbers):
    return np.array(numbers, np.int64)


def pick(rng, *choices):
    return choices[rng.integers(len(choices))]


# Each makes one random case: inputs, attributes, outputs, types of outputs.

def grid_sample(rng):
    axes = pick(rng, 1, 2, 2, 3)
    x = real(rng, 2, rng.integers(1, 20), *rng.integers(1, 6, axes))
    grid = real(rng, 2, *rng.integers(1, 5, axes), axes, low=-2, high=2)
    mode, padding = pick(rng, "linear", "nearest", "cubic"), pick(rng, "zeros", "border",
                                                                  "reflection")
    if mode == "cubic" and axes != 2 and padding == "border":
        padding = "zeros"   # only the reference has it, and that disagrees with ONNX Runtime's 2-D
    return [x, grid], {"mode": mode, "padding_mode": padding,
                       "align_corners": pick(rng, 0, 1) if min(x.shape[2:]) > 1 else 0}


def affine_grid(rng):
    axes = pick(rng, 2, 3)
    return [real(rng, 2, axes, axes + 1), i64(2, 3, *rng.integers(2, 6, axes))], \
        {"align_corners": pick(rng, 0, 1)}


def roi_align(rng):
    n = rng.integers(0, 4)
    start = real(rng, n, 2, low=-2, high=6)
    rois = np.concatenate([start, start + real(rng, n, 2, low=0.1, high=9)], 1)
    return [real(rng, 2, rng.integers(1, 6), 7, 6), rois, rng.integers(0, 2, n)], {
        "output_height": rng.integers(1, 4), "output_width": rng.integers(1, 4),
        "sampling_ratio": pick(rng, 0, 1, 3), "spatial_scale": pick(rng, 1.0, 0.6),
        "mode": pick(rng, "avg", "max"),
        "coordinate_transformation_mode": pick(rng, "half_pixel", "output_half_pixel")}


def max_roi_pool(rng):
    n = rng.integers(1, 4)
    start = rng.integers(-2, 6, (n, 2))
    end = start + rng.integers(0, 9, (n, 2))
    rois = np.concatenate([rng.integers(0, 2, (n, 1)), start, end], 1)
    return [real(rng, 2, 3, 7, 6), rois.astype(np.float32)], {
        "pooled_shape": rng.integers(1, 4, 2).tolist(), "spatial_scale": pick(rng, 1.0, 0.5)}


def deform_conv(rng):
    group, offset_group = pick(rng, 1, 2), pick(rng, 1, 2)
    kernel, stride, dilation = rng.integers(1, 4, 2), rng.integers(1, 3, 2), rng.integers(1, 3, 2)
    pads = rng.integers(0, 2, 4)
    size = (kernel - 1) * dilation + rng.integers(2, 5, 2)
    out = (size + pads[:2] + pads[2:] - (kernel - 1) * dilation - 1) // stride + 1
    taps = int(np.prod(kernel)) * offset_group
    inputs = [real(rng, 2, 4, *size), real(rng, 6, 4 // group, *kernel),
              real(rng, 2, 2 * taps, *out, low=-2, high=2)]
    inputs.append(pick(rng, None, real(rng, 6)))
    inputs.append(pick(rng, None, real(rng, 2, taps, *out, low=0, high=1)))
    return inputs, {"group": group, "offset_group": offset_group, "strides": stride.tolist(),
                    "dilations": dilation.tolist(), "pads": pads.tolist()}


def non_max_suppression(rng):
    n = rng.integers(1, 30)
    middle = pick(rng, 0, 1)
    boxes = real(rng, 2, n, 4, low=0, high=1)
    inputs = [boxes, real(rng, 2, 3, n, low=0, high=1).round(1), i64(rng.integers(0, 6)),
              np.array([rng.uniform(0, 0.7)], np.float32)]
    inputs.append(pick(rng, None, np.array([0.4], np.float32)))
    return inputs, {"center_point_box": middle}, 1, [TensorProto.INT64]


def max_unpool(rng):
    x = real(rng, 2, 3, 5, 4)
    index = np.stack([rng.permutation(10 * 8)[:20] + 80 * i for i in range(6)])
    return [x, index.reshape(x.shape)], {"kernel_shape": [2, 2], "strides": [2, 2]}


def center_crop_pad(rng):
    x = real(rng, *rng.integers(1, 7, 3))
    axes = rng.permutation(3)[:rng.integers(1, 4)]
    return [x, rng.integers(1, 9, len(axes))], {"axes": (axes - pick(rng, 0, 3)).tolist()}


def unique(rng):
    x = rng.integers(0, 3, rng.integers(0, 5, 3)).astype(pick(rng, np.float32, np.int64, np.int8))
    kinds = [TensorProto.FLOAT if x.dtype == np.float32 else
             TensorProto.INT64 if x.dtype == np.int64 else TensorProto.INT8] + 3 * [7]
    attrs = {"sorted": pick(rng, 0, 1)}
    if x.size and pick(rng, False, True):
        attrs["axis"] = int(rng.integers(-3, 3))
    return [x], attrs, 4, kinds


def det(rng):
    n = rng.integers(1, 7)
    return [real(rng, *rng.integers(1, 3, rng.integers(0, 3)), n, n, low=-1, high=1)], {}


def batch_norm(rng):
    c = rng.integers(1, 20)
    shape = [rng.integers(1, 4), c, *rng.integers(1, 5, rng.integers(0, 4))]
    shape[0] += 1   # a single number has no variance
    return [real(rng, *shape), real(rng, c), real(rng, c), real(rng, c), real(rng, c, low=0.5)], \
        {"training_mode": 1, "momentum": 0.8}, 3


def loss(rng):
    c, rest = rng.integers(1, 5), rng.integers(1, 4, rng.integers(0, 3))
    x, target = real(rng, 3, c, *rest), rng.integers(0, c, (3, *rest))
    attrs = {"reduction": pick(rng, "mean", "sum", "none")}
    if pick(rng, False, True):
        attrs["ignore_index"] = 7
        target = np.where(rng.uniform(size=target.shape) < 0.2, 7, target)
        target.flat[0] = 0   # the mean of nothing is nobody's agreement
    return [x, target, pick(rng, None, real(rng, c, low=0.2))], attrs


OPERATORS = {
    "GridSample": grid_sample, "AffineGrid": affine_grid, "RoiAlign": roi_align,
    "MaxRoiPool": max_roi_pool, "DeformConv": deform_conv,
    "NonMaxSuppression": non_max_suppression, "MaxUnpool": max_unpool,
    "CenterCropPad": center_crop_pad, "Unique": unique, "Det": det,
    "BatchNormalization": batch_norm, "NegativeLogLikelihoodLoss": loss,
    "SoftmaxCrossEntropyLoss": loss,
}
CASES = 40   # of each operator; a first run of the reference takes seconds for some


def make_test(op, maker):
    def test(self):
        rng = np.random.default_rng([ord(c) for c in op])
        opset = {"SoftmaxCrossEntropyLoss": 13, "MaxRoiPool": 21}.get(op, 22)
        cases, agreed = [], 0
        for i in range(CASES):
            inputs, attrs, *rest = maker(rng)
            outputs, kinds = (*rest, None, None)[:2]
            cases.append(one_node(op, inputs, attrs, outputs or 1, opset, kinds, name=f"x{i}_"))
        for (model, _), problem in zip(cases, judge(cases, 1e-5, (run_ort, run_reference))):
            agreed += problem is None
            with self.subTest(str(model.graph.node[0])):
                self.assertIn(problem, (None, "unknown"))
        self.assertGreater(agreed, CASES // 4)
    return test


class Vision(unittest.TestCase):
    """One test an operator."""


for name, one in OPERATORS.items():
    setattr(Vision, f"test_{name}", make_test(name, one))


class Random(unittest.TestCase):
    """Random numbers have their distribution, are the same in every run, and differ by seed."""

    def numbers(self, op, attrs, inputs=(), kind=None):
        keep = np.zeros(1, np.float32)
        model, feeds = one_node(op, list(inputs) or [keep], attrs, 1, 22, kind and [kind])
        if not inputs:   # a node without inputs; the model still needs one that is fed
            del model.graph.node[0].input[:]
            extra = model.graph.node.add(op_type="Identity", input=["x0"], output=["kept"])
            extra.name = "keep"
            model.graph.output.add(name="kept").type.CopyFrom(model.graph.input[0].type)
        return run_quern(model, feeds)["x_out0"]

    def test_normal(self):
        x = self.numbers("RandomNormal", {"shape": [20000], "mean": 3.0, "scale": 2.0})
        self.assertAlmostEqual(float(x.mean()), 3, delta=0.1)
        self.assertAlmostEqual(float(x.std()), 2, delta=0.1)
        self.assertLess(abs(float(np.corrcoef(x[:-1], x[1:])[0, 1])), 0.03)

    def test_uniform(self):
        x = self.numbers("RandomUniform", {"shape": [20000], "low": -1.0, "high": 3.0})
        self.assertTrue(np.all((x >= -1) & (x < 3)))
        counts, _ = np.histogram(x, 8, (-1, 3))
        self.assertTrue(np.all(abs(counts - 2500) < 250), counts)

    def test_like(self):
        given = [np.zeros((30, 40), np.float16)]
        x = self.numbers("RandomUniformLike", {}, given, TensorProto.FLOAT16)
        self.assertEqual((x.shape, x.dtype), ((30, 40), np.float16))
        y = self.numbers("RandomNormalLike", {"dtype": TensorProto.DOUBLE}, given,
                         TensorProto.DOUBLE)
        self.assertEqual((y.shape, y.dtype), ((30, 40), np.float64))

    def test_bernoulli(self):
        p = np.repeat(np.array([0, 0.25, 1], np.float32), 10000).reshape(3, -1)
        x = self.numbers("Bernoulli", {"dtype": TensorProto.INT8}, [p], TensorProto.INT8)
        self.assertEqual(x.dtype, np.int8)
        self.assertEqual((x[0].sum(), x[2].sum()), (0, 10000))
        self.assertAlmostEqual(float(x[1].mean()), 0.25, delta=0.02)

    def test_multinomial(self):
        p = np.array([[0.1, 0.6, 0.3], [0, 1, 0]])
        with np.errstate(divide="ignore"):
            x = self.numbers("Multinomial", {"sample_size": 10000, "dtype": TensorProto.INT64},
                             [np.log(p).astype(np.float32)], TensorProto.INT64)
        counts = np.bincount(x[0], minlength=3) / 10000
        self.assertTrue(np.allclose(counts, p[0], atol=0.02), counts)
        self.assertTrue(np.all(x[1] == 1))

    def test_seed(self):
        one, two = ({"shape": [50], "seed": seed} for seed in (1.0, 2.0))
        first = self.numbers("RandomNormal", one)
        self.assertTrue(np.array_equal(first, self.numbers("RandomNormal", one)))
        self.assertFalse(np.array_equal(first, self.numbers("RandomNormal", two)))
