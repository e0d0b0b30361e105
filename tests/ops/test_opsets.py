# SPDX-License-Identifier: Apache-2.0
"""Operators whose meaning, attributes or inputs changed from one opset to another, in each version
since opset 7: the same generator writes the node as that version wants it.
"""
import collections
import re
import unittest

from single import TensorProto, judge, np, number_of, one_node, onnx, run_ort, run_reference

NEWEST = 28

# What is not compared, and why.
EXCEPTIONS = {
    r"^Dropout 7 ": "without ratio nothing is dropped; what the mask then says is left open",
}

Case = collections.namedtuple("Case", "inputs attrs outputs types", defaults=({}, 1, None))


def real(rng, *shape, dtype=np.float32, low=-3, high=3):
    return np.asarray(rng.uniform(low, high, shape)).astype(dtype)


def i64(*numbers):
    return np.array(numbers, np.int64)


def moved(version, since, name, value, inputs, attrs):
    """An attribute that became an input in opset `since`."""
    if version >= since:
        inputs.append(value)
    else:
        attrs[name] = value.tolist()


# Generators: called with (rng, version), they yield cases.

def squeeze(rng, v):
    for axes in (i64(0), i64(0, 2)) + ((i64(-1),) if v >= 11 else ()):
        inputs, attrs = [real(rng, 1, 3, 1)], {}
        moved(v, 13, "axes", axes, inputs, attrs)
        yield Case(inputs, attrs)
    yield Case([real(rng, 1, 3, 1)])


def unsqueeze(rng, v):
    for axes in (i64(0), i64(3, 0)) + ((i64(-1, 1),) if v >= 11 else ()):
        inputs, attrs = [real(rng, 2, 3)], {}
        moved(v, 13, "axes", axes, inputs, attrs)
        yield Case(inputs, attrs)


def slice_(rng, v):
    for start, end, axes, step in [((1,), (3,), (0,), (1,)), ((0, -3), (99, -1), (0, 1), (1, 1)),
                                   ((-1,), (-99,), (1,), (-2,)), ((1, 1), (3, 5), None, None)]:
        if v < 10 and step and step != (1,) * len(step):
            continue
        inputs, attrs = [real(rng, 4, 5)], {}
        moved(v, 10, "starts", i64(*start), inputs, attrs)
        moved(v, 10, "ends", i64(*end), inputs, attrs)
        if axes:
            moved(v, 10, "axes", i64(*axes), inputs, attrs)
        if step and v >= 10:
            inputs.append(i64(*step))
        yield Case(inputs, attrs)


def clip(rng, v):
    x = real(rng, 3, 4)
    if v < 11:
        yield Case([x], {"min": -1.0, "max": 1.5})
        yield Case([x], {"max": 0.5})
        yield Case([x])
        return
    yield Case([x, np.float32(-1).reshape(()), np.float32(1.5).reshape(())])
    yield Case([x, None, np.array(0.5, np.float32)])
    if v >= 12:
        yield Case([np.array([-5, 0, 7], np.int64), np.array(-1, np.int64), np.array(3, np.int64)])


def resize(rng, v):
    x, scales = real(rng, 1, 2, 4, 5), np.array([1, 1, 1.5, 2], np.float32)
    for mode in ("nearest", "linear") + (("cubic",) if v >= 11 else ()):
        if v < 11:
            yield Case([x, scales], {"mode": mode})
            yield Case([x, np.array([1, 1, 0.5, 0.6], np.float32)], {"mode": mode})
            continue
        roi = np.zeros(0, np.float32)
        for way in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                    "half_pixel_symmetric", "tf_half_pixel_for_nn"):
            if (way == "half_pixel_symmetric" and v < 19) \
                    or (way == "tf_half_pixel_for_nn" and (v >= 13 or mode != "nearest")):
                continue
            attrs = {"mode": mode, "coordinate_transformation_mode": way}
            yield Case([x, roi, scales], attrs)
            size = [x, roi, np.zeros(0, np.float32) if v < 13 else None, i64(1, 2, 3, 7)]
            yield Case(size, attrs)
        if mode == "nearest":
            for nearest in ("floor", "ceil", "round_prefer_ceil"):
                yield Case([x, roi, scales], {"nearest_mode": nearest})
        if v >= 18 and mode != "nearest":
            yield Case([x, None, np.array([1, 1, 0.5, 0.6], np.float32)],
                       {"mode": mode, "antialias": 1})
        if v >= 18:
            yield Case([x, None, np.array([1.5, 2], np.float32)], {"mode": mode, "axes": [2, 3]})
            for policy in ("not_larger", "not_smaller"):
                yield Case([x, None, None, i64(7, 7)], {"mode": mode, "axes": [3, 2],
                                                        "keep_aspect_ratio_policy": policy})
        crop = np.array([0, 0, 0.2, 0.1, 1, 1, 0.9, 1.2], np.float32)
        yield Case([x, crop, np.array([1, 1, 1, 1.2], np.float32)],
                   {"mode": mode, "coordinate_transformation_mode": "tf_crop_and_resize",
                    "extrapolation_value": 7.0})
        if mode == "cubic":
            yield Case([x, roi, scales], {"mode": mode, "cubic_coeff_a": -0.5,
                                          "exclude_outside": 1})


def upsample(rng, v):
    for mode in ("nearest", "linear"):
        inputs, attrs = [real(rng, 1, 2, 3, 4)], {"mode": mode}
        moved(v, 9, "scales", np.array([1, 1, 2, 3], np.float32), inputs, attrs)
        yield Case(inputs, attrs)


def softmax(rng, v):
    for axis in (None, 0, 1, 2) + ((-1,) if v >= 11 else ()):
        yield Case([real(rng, 2, 3, 4)], {} if axis is None else {"axis": axis})


def pad(rng, v):
    for mode in ("constant", "reflect", "edge") + (("wrap",) if v >= 19 else ()):
        inputs, attrs = [real(rng, 3, 4)], {"mode": mode}
        moved(v, 11, "pads", i64(1, 0, 2, 2), inputs, attrs)
        if mode == "constant":
            if v < 11:
                attrs["value"] = 1.5
            else:
                inputs.append(np.array(1.5, np.float32))
        yield Case(inputs, attrs)
    if v >= 18:
        yield Case([real(rng, 3, 4), i64(1, 2), None, i64(-1)])


def reduce(since):
    def make(rng, v):
        for axes in (i64(1), i64(0, 2), None) + ((i64(-1),) if v >= 11 else ()):
            for keep in (0, 1):
                inputs, attrs = [real(rng, 2, 3, 4, low=0.2)], {"keepdims": keep}
                if axes is not None:
                    moved(v, since, "axes", axes, inputs, attrs)
                yield Case(inputs, attrs)
        if v >= since:
            yield Case([real(rng, 2, 3)], {"noop_with_empty_axes": 1})
            yield Case([real(rng, 2, 3, low=0.2), np.zeros(0, np.int64)])
    return make


def batch_norm(rng, v):
    params = [real(rng, 3) for _ in range(3)] + [real(rng, 3, low=0.5)]
    for shape in [(2, 3, 4), (2, 3, 2, 2)]:
        yield Case([real(rng, *shape), *params], {"epsilon": 1e-3})
    for shape in [(4, 3), (2, 3, 4), (2, 3, 4, 5)] if 7 <= v < 9 else ():
        each = [real(rng, *shape[1:]) for _ in range(3)] + [real(rng, *shape[1:], low=0.5)]
        yield Case([real(rng, *shape), *each], {"spatial": 0})
    if v >= 14:
        yield Case([real(rng, 2, 3, 4), *params], {"training_mode": 1, "momentum": 0.7}, 3)


def dropout(rng, v):
    x = real(rng, 3, 4)
    kinds = [TensorProto.FLOAT, TensorProto.BOOL if v >= 10 else TensorProto.FLOAT]
    yield Case([x], {} if v >= 12 else {"ratio": 0.3})
    yield Case([x], {}, 2, kinds)
    if v >= 12:
        yield Case([x, np.array(0.3, np.float32)], {}, 2, kinds)
        yield Case([x, np.array(0.3, np.float32), np.array(False)])


def top_k(rng, v):
    for axis in (-1, 0) if v >= 11 else (1, 0):
        x = rng.permutation(20).reshape(4, 5).astype(np.float32)
        attrs, inputs = {"axis": axis}, [x]
        if v >= 10:
            inputs.append(i64(3))
        else:
            attrs["k"] = 3
        kinds = [TensorProto.FLOAT, TensorProto.INT64]
        yield Case(inputs, attrs, 2, kinds)
        if v >= 11:
            yield Case(inputs, {**attrs, "largest": 0}, 2, kinds)
            yield Case([x * 0, i64(2)], {**attrs}, 2, kinds)   # of equals the first


def one_hot(rng, v):
    values = np.array([0.5, 2], np.float32)
    for axis in (-1, 0, 1):
        index = i64(0, 3, 1) if v < 11 else i64(0, -1, 3, 9)
        yield Case([index.reshape(-1, 1), np.array(4, np.int64), values], {"axis": axis}, 1,
                   [TensorProto.FLOAT])


def split(rng, v):
    x = real(rng, 6, 4)
    for axis in (0, 1) + ((-1,) if v >= 11 else ()):
        yield Case([x], {"axis": axis, **({"num_outputs": 2} if v >= 18 else {})}, 2)
    inputs, attrs = [x], {"axis": 0}
    moved(v, 13, "split", i64(1, 5), inputs, attrs)
    yield Case(inputs, attrs, 2)
    if v >= 18:
        yield Case([x], {"axis": 1, "num_outputs": 3}, 3)


def pool(op):
    def make(rng, v):
        x = real(rng, 1, 2, 7, 6)
        base = {"kernel_shape": [3, 2], "strides": [2, 2]}
        if op == "LpPool":
            base["p"] = 3
        yield Case([x], base)
        yield Case([x], {**base, "pads": [1, 0, 1, 1]})
        for how in ("SAME_UPPER", "SAME_LOWER", "VALID"):
            yield Case([x], {**base, "auto_pad": how})
        if op == "AveragePool":
            yield Case([x], {**base, "pads": [1, 0, 1, 1], "count_include_pad": 1})
        new = {"AveragePool": 10, "MaxPool": 10, "LpPool": 18}[op]
        if v >= new:
            yield Case([x], {**base, "ceil_mode": 1, "pads": [1, 1, 0, 0]})
        if v >= {"AveragePool": 19, "MaxPool": 10, "LpPool": 18}[op]:
            yield Case([x], {**base, "dilations": [2, 1]})
            yield Case([x], {**base, "dilations": [2, 2], "ceil_mode": 1, "pads": [1, 0, 1, 1]})
        if op == "AveragePool" and v >= 10:
            yield Case([x], {**base, "ceil_mode": 1, "pads": [1, 1, 1, 1],
                             "count_include_pad": 1})
        if op == "MaxPool" and v >= 8:
            kinds = [TensorProto.FLOAT, TensorProto.INT64]
            yield Case([x], base, 2, kinds)
            yield Case([x], {**base, "storage_order": 1}, 2, kinds)
    return make


def cast(rng, v):
    x = np.array([-2.7, 0, 1.5, 300], np.float32)
    for to in ("int32", "double", "bool", "float16") + (("bfloat16",) if v >= 13 else ()):
        yield Case([x], {"to": number_of(to)}, 1, [number_of(to)])
    if v >= 19:
        for saturate in (0, 1):
            for to in ("float8e4m3fn", "float8e5m2"):
                yield Case([x * 1000], {"to": number_of(to), "saturate": saturate}, 1,
                           [number_of(to)])


def compare(rng, v):
    for kind in (np.int32,) + ((np.float32,) if v >= 11 else ()):
        a = rng.integers(0, 3, (2, 3)).astype(kind)
        yield Case([a, rng.integers(0, 3, (3,)).astype(kind)], {}, 1, [TensorProto.BOOL])


def group_norm(rng, v):
    n = 4 if v >= 21 else 2
    yield Case([real(rng, 2, 4, 3), real(rng, n), real(rng, n)],
               {"num_groups": 2, "epsilon": 1e-3})


def reshape(rng, v):
    yield Case([real(rng, 2, 3, 4), i64(0, -1)])
    yield Case([real(rng, 2, 3, 4), i64(4, 3, 2)])
    yield Case([real(rng, 0, 3, 4), i64(0, 12)])
    if v >= 14:
        yield Case([real(rng, 0, 3, 4), i64(3, 4, 0)], {"allowzero": 1})


def flatten(rng, v):
    for axis in (0, 1, 3) + ((-1,) if v >= 11 else ()):
        yield Case([real(rng, 2, 3, 4)], {"axis": axis})


def mod(rng, v):
    for a, b in ((7, 3), (-7, 3), (7, -3)):
        yield Case([np.array([a, a + 1], np.int64), np.array([b], np.int64)])
        yield Case([np.array([a, a + 1], np.int32), np.array([b], np.int32)], {"fmod": 1})
        yield Case([np.array([a, 0.5], np.float32), np.array([b], np.float32)], {"fmod": 1})


def arg(rng, v):
    x = rng.integers(0, 3, (3, 4)).astype(np.float32)
    for axis in (0, 1) + ((-1,) if v >= 11 else ()):
        for keep in (0, 1):
            yield Case([x], {"axis": axis, "keepdims": keep}, 1, [TensorProto.INT64])
        if v >= 12:
            yield Case([x], {"axis": axis, "select_last_index": 1}, 1, [TensorProto.INT64])


def cum_sum(rng, v):
    for exclusive in (0, 1):
        for reverse in (0, 1):
            yield Case([real(rng, 3, 4), np.array(1, np.int64)],
                       {"exclusive": exclusive, "reverse": reverse})


def einsum(rng, v):
    yield Case([real(rng, 2, 3), real(rng, 3, 4)], {"equation": "ij,jk"})
    yield Case([real(rng, 2, 3, 4)], {"equation": "...j->..."})
    yield Case([real(rng, 2, 3), real(rng, 2, 3)], {"equation": " ij , ij -> "})


def is_inf(rng, v):
    x = np.array([np.inf, -np.inf, np.nan, 1], np.float32)
    for detect in ({}, {"detect_negative": 0}, {"detect_positive": 0}):
        yield Case([x], detect, 1, [TensorProto.BOOL])


def pow_(rng, v):
    x = real(rng, 2, 3, low=0.1)
    yield Case([x, real(rng, 3)])
    if v >= 12:
        yield Case([x, np.array([2, 3, 0], np.int64)])
        yield Case([np.array([2, 3], np.int32), np.array([2, 0.5], np.float32)])


def scatter(rng, v):
    index = np.array([[0, 2], [1, 0]], np.int64)
    x, update = real(rng, 3, 2), real(rng, 2, 2)
    hows = ["none"] * (v < 16) + ["add", "mul"] * (v >= 16) + ["max", "min"] * (v >= 18)
    for how in hows:
        yield Case([x, index, update], {"axis": 0, **({"reduction": how} if v >= 16 else {})})
    yield Case([x, np.array([[0, 1], [1, 0]], np.int64), update], {"axis": 1 if v < 11 else -1})


def scatter_nd(rng, v):
    x, update = real(rng, 4, 3), real(rng, 2, 3)
    for how in ["none"] + ["add", "mul"] * (v >= 16) + ["max", "min"] * (v >= 18):
        yield Case([x, np.array([[3], [0]], np.int64), update],
                   {"reduction": how} if v >= 16 else {})


def gather(rng, v):
    yield Case([real(rng, 3, 4), i64(0, 2)], {"axis": 1})
    if v >= 11:
        yield Case([real(rng, 3, 4), i64(-1, -3)], {"axis": -2})


def gather_nd(rng, v):
    yield Case([real(rng, 2, 3, 2), np.array([[0, 1], [1, 2]], np.int64)])
    if v >= 12:
        yield Case([real(rng, 2, 3, 2), np.array([[0], [1]], np.int64)], {"batch_dims": 1})


def depth_to_space(rng, v):
    x = real(rng, 1, 8, 2, 3)
    yield Case([x], {"blocksize": 2})
    if v >= 11:
        yield Case([x], {"blocksize": 2, "mode": "CRD"})


def arithmetic(rng, v):
    yield Case([real(rng, 2, 3, 4), real(rng, 3, 1)])
    yield Case([np.array([1, 7], np.int32), np.array([3], np.int32)])
    if v >= 14:
        yield Case([np.array([1, 7], np.int8), np.array([3], np.int8)])


def extremes(rng, v):
    yield Case([real(rng, 2, 3), real(rng, 2, 3)])
    if v >= 8:
        yield Case([real(rng, 2, 3), real(rng, 3), real(rng, 1)])
    if v >= 12:
        yield Case([np.array([1, 7], np.int64), np.array([3], np.int64)])


def gemm(rng, v):
    a, b = real(rng, 3, 2), real(rng, 4, 3)
    yield Case([a, b, real(rng, 4)], {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0})
    if v >= 11:
        yield Case([a.T.copy(), b.T.copy()])


def roi_align(rng, v):
    rois = np.array([[1, 1, 5, 6], [0, 2, 3, 3]], np.float32)
    for how in [None] + ["half_pixel", "output_half_pixel"] * (v >= 16):
        for mode in ("avg", "max"):
            yield Case([real(rng, 2, 2, 8, 8), rois, i64(1, 0)],
                       {"output_height": 2, "output_width": 3, "spatial_scale": 0.7, "mode": mode,
                        **({"coordinate_transformation_mode": how} if how else {})})


def grid_sample(rng, v):
    grid = real(rng, 1, 3, 4, 2, low=-1.4, high=1.4)
    names = ("linear", "cubic", "nearest") if v >= 20 else ("bilinear", "bicubic", "nearest")
    for mode in names:
        for padding in ("zeros", "border", "reflection"):
            yield Case([real(rng, 1, 2, 5, 4), grid], {"mode": mode, "padding_mode": padding})
    yield Case([real(rng, 1, 2, 5, 4), grid])


def unpool(rng, v):
    yield Case([real(rng, 1, 1, 2, 2), np.array([[[[5, 7], [13, 15]]]], np.int64)],
               {"kernel_shape": [2, 2], "strides": [2, 2]})


def non_max(rng, v):
    boxes = real(rng, 1, 6, 4, low=0, high=1)
    yield Case([boxes, real(rng, 1, 2, 6, low=0, high=1), i64(3),
                np.array([0.2], np.float32), np.array([0.3], np.float32)], {}, 1,
               [TensorProto.INT64])


def unary(rng, v):
    yield Case([real(rng, 2, 3, low=0.1, high=0.9)])


def elu(rng, v):
    yield Case([real(rng, 2, 3)], {"alpha": 0.7})


def prelu(rng, v):
    yield Case([real(rng, 2, 3, 4), real(rng, 3, 1)])


def where(rng, v):
    yield Case([np.array([[True], [False]]), real(rng, 3), real(rng, 2, 3)], {}, 1,
               [TensorProto.FLOAT])


def one_of(*shape, **attrs):
    def make(rng, v):
        yield Case([real(rng, *shape)], attrs)
    return make


def shape_(rng, v):
    yield Case([real(rng, 2, 3, 4)], {}, 1, [TensorProto.INT64])
    if v >= 15:
        yield Case([real(rng, 2, 3, 4)], {"start": 1, "end": -1}, 1, [TensorProto.INT64])


def conv(rng, v):
    yield Case([real(rng, 1, 2, 5, 5), real(rng, 3, 2, 3, 3), real(rng, 3)],
               {"auto_pad": "SAME_LOWER", "strides": [2, 2]})


def conv_transpose(rng, v):
    yield Case([real(rng, 1, 2, 3, 3), real(rng, 2, 3, 3, 3)],
               {"strides": [2, 2], "output_padding": [1, 1], "pads": [1, 1, 1, 1]})
    yield Case([real(rng, 1, 2, 3, 3), real(rng, 2, 3, 3, 3)],
               {"strides": [2, 2], "output_shape": [6, 6]})
    yield Case([real(rng, 1, 2, 3, 3), real(rng, 2, 3, 3, 3)],
               {"strides": [2, 2], "auto_pad": "SAME_UPPER"})


def instance_norm(rng, v):
    yield Case([real(rng, 2, 3, 4), real(rng, 3), real(rng, 3)], {"epsilon": 1e-3})


def trilu(rng, v):
    yield Case([real(rng, 3, 4), np.array(1, np.int64)], {"upper": 0})


def range_(rng, v):
    yield Case([np.array(x, np.float32) for x in (1, 8, 2.5)])


def expand(rng, v):
    yield Case([real(rng, 3, 1), i64(2, 1, 4)])


def tile(rng, v):
    yield Case([real(rng, 2, 3), i64(2, 1)])


def concat(rng, v):
    for axis in (1,) + ((-1,) if v >= 11 else ()):
        yield Case([real(rng, 2, 3), real(rng, 2, 1)], {"axis": axis})


def layer_norm(rng, v):
    yield Case([real(rng, 2, 3, 4), real(rng, 4), real(rng, 4)], {"axis": -1})


def loss(rng, v):
    for ignore in ({}, {"ignore_index": 1}):
        for how in ("mean", "sum", "none"):
            yield Case([real(rng, 4, 3), i64(0, 2, 1, 1), real(rng, 3, low=0.1)],
                       {"reduction": how, **ignore})


REDUCTIONS = "Mean Max Min Prod L1 L2 LogSum LogSumExp SumSquare".split()
MAKERS = {
    "Squeeze": squeeze, "Unsqueeze": unsqueeze, "Slice": slice_, "Clip": clip, "Resize": resize,
    "Upsample": upsample, "Softmax": softmax, "LogSoftmax": softmax, "Hardmax": softmax,
    "Pad": pad, **{f"Reduce{name}": reduce(18) for name in REDUCTIONS}, "ReduceSum": reduce(13),
    "BatchNormalization": batch_norm, "Dropout": dropout, "TopK": top_k, "OneHot": one_hot,
    "Split": split, **{op: pool(op) for op in ("AveragePool", "MaxPool", "LpPool")},
    "Cast": cast, "Equal": compare, "GroupNormalization": group_norm, "Reshape": reshape,
    "Flatten": flatten, "Mod": mod, "ArgMax": arg, "ArgMin": arg, "CumSum": cum_sum,
    "InstanceNormalization": instance_norm, "Einsum": einsum, "IsInf": is_inf, "Pow": pow_,
    "Scatter": scatter, "ScatterElements": scatter, "ScatterND": scatter_nd, "Gather": gather,
    "GatherND": gather_nd, "DepthToSpace": depth_to_space, "Max": extremes, "Min": extremes,
    **{op: arithmetic for op in ("Add", "Sub", "Mul", "Div")}, "Gemm": gemm,
    "RoiAlign": roi_align, "GridSample": grid_sample, "MaxUnpool": unpool,
    "NonMaxSuppression": non_max, "PRelu": prelu, "Where": where, "Shape": shape_,
    **{op: unary for op in
       "Abs Neg Exp Log Sqrt Sigmoid Tanh Relu Floor Ceil Round Erf Sin Acos Atanh Sign "
       "HardSigmoid HardSwish LeakyRelu Selu Celu Mish Softplus Softsign ThresholdedRelu "
       "Reciprocal Gelu "
       "Identity".split()},
    "Elu": elu, "Conv": conv, "ConvTranspose": conv_transpose, "Trilu": trilu, "Range": range_,
    "Expand": expand, "Tile": tile, "Concat": concat, "LayerNormalization": layer_norm,
    "NegativeLogLikelihoodLoss": loss, "SoftmaxCrossEntropyLoss": loss,
    "Transpose": one_of(2, 3, 4, perm=[2, 0, 1]), "SpaceToDepth": one_of(1, 2, 4, 6, blocksize=2),
    "GlobalAveragePool": one_of(1, 2, 3, 4), "GlobalMaxPool": one_of(1, 2, 3, 4),
    "LRN": one_of(1, 5, 3, 3, size=3, alpha=0.01), "Det": one_of(2, 3, 3),
    "LpNormalization": one_of(2, 3, axis=1, p=1),
    "MeanVarianceNormalization": one_of(2, 3, 4, 2),
}


def versions(op):
    """Those in force at 7 and introduced later; deprecated ones left out."""
    since = sorted(s.since_version for s in onnx.defs.get_all_schemas_with_history()
                   if s.name == op and s.domain == "" and not s.deprecated)
    old = [v for v in since if v <= 7]
    return ([7] if old else []) + [v for v in since if 7 < v <= NEWEST]


def make_test(op, version):
    def test(self):
        rng = np.random.default_rng([version] + [ord(c) for c in op])
        made = list(MAKERS[op](rng, version))
        cases = [one_node(op, case.inputs, case.attrs, case.outputs, version, case.types,
                          name=f"x{i}_") for i, case in enumerate(made)]
        agreed = 0
        for case, problem in zip(made, judge(cases, runners=(run_ort, run_reference))):
            shapes = [None if x is None else f"{x.dtype}{list(x.shape)}" for x in case.inputs]
            title = f"{op} {version} {shapes} {case.attrs}"
            if problem and any(re.search(pattern, title) for pattern in EXCEPTIONS):
                continue
            agreed += problem is None
            with self.subTest(title):
                self.assertIn(problem, (None, "unknown"))
        if not agreed:
            self.skipTest("nobody else runs it")
    return test


class Opsets(unittest.TestCase):
    """One test an operator and a version of it."""


for one in MAKERS:
    for number in versions(one):
        setattr(Opsets, f"test_{one}_{number}", make_test(one, number))
