# SPDX-License-Identifier: Apache-2.0
"""Every operator with every element type that ONNX allows for its first input, on small random
tensors of several shapes: scalars and tensors without elements are among them.
"""
import collections
import re
import sys
import unittest

from single import FLOATS, judge, np, number_of, numpy_type, one_node, onnx, run_quern

OPSETS = {"BitCast": 26, "CumProd": 26, "Swish": 24, "SwiGLU": 28, "Col2Im": 18}
SHAPES = [(2, 3, 4), (), (5,), (0,), (2, 0, 3), (1, 2, 1, 2, 1, 2, 1, 2)]

# What is not compared, and why.
EXCEPTIONS = {
    r"^LRN double": "the reference takes the batches for the channels",
    r"^MaxPool bfloat16 \['bfloat16\[2": "the reference counts indices from the start of an image",
    r"^Resize complex": "the reference drops the imaginary part",
    r"^Unique complex": "complex numbers have no order in quern, which says so",
    r"^ReduceLogSumExp u?int": "ONNX Runtime rounds in another step",
}


def values(rng, name, shape, low=-3, high=3):
    """Numbers that every type tells apart, whole ones for integers."""
    dtype = numpy_type(name)
    if name == "bool":
        return rng.integers(0, 2, shape).astype(dtype)
    if name in FLOATS or name.startswith("float"):
        return np.asarray(rng.uniform(low, high, shape)).astype(np.float32).astype(dtype)
    if name.startswith("complex"):
        return np.asarray(rng.uniform(low, high, shape) + 1j * rng.uniform(low, high, shape)
                          ).astype(dtype)
    low = max(low, 0) if name.startswith("u") else low
    return np.asarray(rng.integers(int(np.ceil(low)), int(high) + 1, shape)).astype(dtype)


def i64(*numbers):
    return np.array(numbers, np.int64)


Case = collections.namedtuple("Case", "inputs attrs outputs types", defaults=({}, 1, None))


# Generators: called with (rng, type name), they yield cases.

def unary(low=-3, high=3, out=None, **attrs):
    def make(rng, t):
        for shape in SHAPES:
            yield Case([values(rng, t, shape, low, high)], attrs, 1, out and [number_of(out)])
    return make


def binary(low=-3, high=3, second=None, out=None, both=True, **attrs):
    """both: either input may be the one that is repeated."""
    def make(rng, t):
        for a, b in [((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (3, 1)), ((), ()), ((4,), ()),
                     ((0,), (1,)), ((2, 0, 3), (3,)), ((2, 1, 4), (2, 3, 1))]:
            if not both and a != b and a == (2, 1, 4):
                continue
            yield Case([values(rng, t, a, low, high),
                        values(rng, t, b, *(second or (low, high)))], attrs, 1,
                       out and [number_of(out)])
    return make


def variadic(rng, t):
    for n in (1, 2, 3):
        yield Case([values(rng, t, (2, 3)) for _ in range(n)])
    yield Case([values(rng, t, (2, 3)), values(rng, t, (3,)), values(rng, t, ())])
    yield Case([values(rng, t, (0, 3)), values(rng, t, (3,))])


def reduce(low=-3, high=3):
    def make(rng, t):
        for shape, axes in [((2, 3, 4), (1,)), ((2, 3, 4), (0, -1)), ((2, 3, 4), ()), ((), ()),
                            ((2, 0, 3), (0,)), ((2, 3), (1,)), ((1, 2, 1, 2, 1, 2, 1, 2), (1, -1))]:
            for keep in (0, 1):
                given = [i64(*axes)] if axes else []
                yield Case([values(rng, t, shape, low, high), *given], {"keepdims": keep})
    return make


def reduce_empty(rng, t):
    yield from reduce()(rng, t)
    yield Case([values(rng, t, (2, 0, 3)), i64(1)], {"keepdims": 0})


def arg(rng, t):
    for shape, axis in [((2, 3, 4), 1), ((5,), -1), ((2, 0, 3), 2), ((3, 2), 0)]:
        for last in (0, 1):
            yield Case([values(rng, t, shape)], {"axis": axis, "select_last_index": last}, 1,
                       [number_of("int64")])


def axis_op(*shapes, **attrs):
    def make(rng, t):
        for shape in shapes or [(2, 3, 4), (5,), (2, 0, 3), (3, 2)]:
            for axis in {0, -1, len(shape) // 2}:
                yield Case([values(rng, t, shape)], {"axis": axis, **attrs})
    return make


def single(shape, *others, outputs=1, types=None, low=-3, high=3, **attrs):
    def make(rng, t):
        yield Case([values(rng, t, shape, low, high), *others], attrs, outputs,
                   types and [number_of(x) for x in types])
    return make


def several(*makers):
    def make(rng, t):
        for maker in makers:
            yield from maker(rng, t)
    return make


def same(*shapes, **attrs):
    """All inputs of the type under test."""
    def make(rng, t):
        yield Case([values(rng, t, shape) for shape in shapes], attrs)
    return make


def cast(rng, t):
    for to in FLOATS + ("bool", "int8", "int32", "int64", "uint8", "uint64", "int4", "uint4",
                        "float8e4m3fn", "float8e5m2"):
        for shape in [(3, 4), (), (0, 2)]:
            # a negative number as an unsigned one is nothing that ONNX defines
            low = 0 if to.startswith("u") else -3
            yield Case([values(rng, t, shape, low, 3)], {"to": number_of(to)}, 1, [number_of(to)])


def where(rng, t):
    for a, b, c in [((2, 3), (2, 3), (2, 3)), ((3,), (2, 1), ()), ((), (), ()), ((0,), (1,), (0,)),
                    ((2, 1, 1), (3, 1), (2,))]:
        x, y = values(rng, t, b), values(rng, t, c)
        yield Case([values(rng, "bool", a), x, y], {}, 1, [number_of(t)])


def clip(rng, t):
    for shape in SHAPES:
        yield Case([values(rng, t, shape), values(rng, t, (), 0, 1), values(rng, t, (), 2, 2)])
    yield Case([values(rng, t, (3, 4)), None, values(rng, t, (), 1, 1)])
    yield Case([values(rng, t, (3, 4)), values(rng, t, (), 1, 1)])


def pow_(rng, t):
    for other in ("float", "int32", "double", t):
        yield Case([values(rng, t, (2, 3), 0, 3), values(rng, other, (3,), 0, 3)])
    yield Case([values(rng, t, (), 1, 3), values(rng, t, (), 0, 2)])


def gather(rng, t):
    for shape, axis, index in [((4, 3), 0, [[0, -1], [3, 1]]), ((4, 3), 1, 2),
                               ((5,), 0, [1, 1, -5]),
                               ((2, 3, 2), -2, [0]), ((4, 0), 0, [1]), ((3, 2), 0, [])]:
        for kind in (np.int64, np.int32):
            yield Case([values(rng, t, shape), np.array(index, kind)], {"axis": axis})


def gather_elements(rng, t):
    yield Case([values(rng, t, (3, 4)), np.array([[0, -1], [2, 1]], np.int64)], {"axis": 1})
    yield Case([values(rng, t, (3,)), np.array([0, -3, 2, 1], np.int32)], {"axis": 0})
    yield Case([values(rng, t, (3, 4)), np.zeros((0, 4), np.int64)], {"axis": 0})


def gather_nd(rng, t):
    yield Case([values(rng, t, (2, 3, 2)), np.array([[0, -1], [1, 2]], np.int64)])
    yield Case([values(rng, t, (2, 3, 2)), np.array([[0], [1]], np.int64)], {"batch_dims": 1})
    yield Case([values(rng, t, (2, 3)), np.zeros((0, 2), np.int64)])


def scatter_elements(rng, t):
    for how in ("none", "add", "mul", "max", "min"):
        if how != "none" and (t == "bool" or t.startswith("complex")):
            continue
        index = np.array([[0, 2], [1, -1]], np.int64)
        yield Case([values(rng, t, (3, 2)), index, values(rng, t, (2, 2))],
                   {"axis": 0, "reduction": how})
    yield Case([values(rng, t, (3, 2)), np.zeros((0, 2), np.int64), values(rng, t, (0, 2))])


def scatter_nd(rng, t):
    for how in ("none", "add", "mul", "max", "min"):
        if how != "none" and (t == "bool" or t.startswith("complex")):
            continue
        index = np.array([[2], [0]], np.int64)
        yield Case([values(rng, t, (3, 2)), index, values(rng, t, (2, 2))], {"reduction": how})
    yield Case([values(rng, t, (3, 2)), np.zeros((0, 1), np.int64), values(rng, t, (0, 2))])


def slice_(rng, t):
    x = values(rng, t, (4, 5))
    yield Case([x, i64(1), i64(4), i64(-1), i64(2)])
    yield Case([x, i64(-1, 4), i64(-5, 0), i64(0, 1), i64(-1, -2)])
    yield Case([x, i64(9), i64(12), i64(0)])
    yield Case([x, i64(0, 1), i64(2, 1000)])
    yield Case([values(rng, t, (0, 3)), i64(0), i64(2), i64(1)])


def pad(rng, t):
    for mode in ("constant", "edge", "reflect", "wrap"):
        yield Case([values(rng, t, (3, 4)), i64(1, 0, 2, 1)], {"mode": mode})
    yield Case([values(rng, t, (3, 4)), i64(1, -1, 0, 1), values(rng, t, (), 1, 1)])
    yield Case([values(rng, t, (3, 4)), i64(1, 2), values(rng, t, (), 1, 1), i64(-1)])
    yield Case([values(rng, t, (0, 2)), i64(1, 1, 1, 0)])
    yield Case([values(rng, t, ()), np.zeros(0, np.int64)])


def top_k(rng, t):
    for shape, axis, k in [((3, 5), -1, 2), ((3, 5), 0, 3), ((4,), 0, 0), ((0, 3), 1, 2)]:
        for largest in (0, 1):
            # all different: which of equals is meant differs
            x = np.stack([rng.permutation(max(int(np.prod(shape)), 1))[:int(np.prod(shape))]])
            yield Case([x.reshape(shape).astype(numpy_type(t)), i64(k)],
                       {"axis": axis, "largest": largest}, 2, [number_of(t), number_of("int64")])


def cum(rng, t):
    for shape, axis in [((2, 3), 0), ((2, 3), -1), ((4,), 0), ((2, 0), 1)]:
        for exclusive, reverse in [(0, 0), (1, 0), (0, 1), (1, 1)]:
            yield Case([values(rng, t, shape), np.array(axis, np.int64)],
                       {"exclusive": exclusive, "reverse": reverse})


def resize(rng, t):
    x = values(rng, t, (1, 2, 3, 4))
    scales = np.array([1, 1, 2, 1.5], np.float32)
    if t not in FLOATS:   # results that are not half-way between two whole numbers
        scales = np.array([1, 1, 1.83, 1.37], np.float32)
    for mode in ("nearest", "linear", "cubic"):
        if mode != "nearest" and t not in FLOATS and t not in ("uint8", "int8"):
            continue
        for way in ("asymmetric", "half_pixel", "align_corners"):
            yield Case([x, None, scales], {"mode": mode, "coordinate_transformation_mode": way})


def split(rng, t):
    x = values(rng, t, (4, 3))
    yield Case([x, i64(1, 3)], {"axis": 0}, 2)
    yield Case([x], {"axis": 1, "num_outputs": 2}, 2)
    yield Case([x, i64(0, 4)], {"axis": 0}, 2)


def concat(rng, t):
    for axis in (0, -1):
        yield Case([values(rng, t, (2, 3)) for _ in range(3)], {"axis": axis})
    yield Case([values(rng, t, (0, 3)), values(rng, t, (2, 3))], {"axis": 0})
    yield Case([values(rng, t, (2,))], {"axis": 0})


def matmul(rng, t):
    for a, b in [((2, 3), (3, 4)), ((3,), (3,)), ((2, 2, 3), (3, 2)), ((3,), (2, 3, 2)),
                 ((2, 1, 2, 3), (3, 3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 3))]:
        yield Case([values(rng, t, a), values(rng, t, b)])


def gemm(rng, t):
    yield Case([values(rng, t, (2, 3)), values(rng, t, (3, 4)), values(rng, t, (4,))])
    yield Case([values(rng, t, (3, 2)), values(rng, t, (4, 3))], {"transA": 1, "transB": 1})
    whole = t not in FLOATS   # with a fraction, products of integers are nobody's agreement
    yield Case([values(rng, t, (2, 3)), values(rng, t, (3, 4)), values(rng, t, (2, 1))],
               {"alpha": 2.0 if whole else 0.5, "beta": 3.0})
    yield Case([values(rng, t, (0, 3)), values(rng, t, (3, 4)), values(rng, t, ())])


def conv(rng, t):
    yield Case([values(rng, t, (1, 2, 5, 4)), values(rng, t, (3, 2, 3, 2)), values(rng, t, (3,))],
               {"pads": [1, 0, 1, 1], "strides": [2, 1]})
    yield Case([values(rng, t, (2, 2, 6)), values(rng, t, (2, 1, 3))],
               {"group": 2, "dilations": [2]})
    yield Case([values(rng, t, (1, 1, 3, 3, 3)), values(rng, t, (2, 1, 2, 2, 2))])
    yield Case([values(rng, t, (0, 2, 4)), values(rng, t, (3, 2, 3))])


def conv_transpose(rng, t):
    yield Case([values(rng, t, (1, 2, 3, 3)), values(rng, t, (2, 3, 3, 2)), values(rng, t, (3,))],
               {"pads": [1, 0, 1, 1], "strides": [2, 1]})
    yield Case([values(rng, t, (1, 2, 4)), values(rng, t, (2, 1, 3))], {"group": 2})


def pool(**attrs):
    def make(rng, t):
        yield Case([values(rng, t, (1, 2, 5, 4))], {"kernel_shape": [2, 3], "strides": [2, 1],
                                                    "pads": [1, 0, 0, 1], **attrs})
        yield Case([values(rng, t, (2, 1, 6))], {"kernel_shape": [3], **attrs})
        yield Case([values(rng, t, (0, 1, 6))], {"kernel_shape": [3], **attrs})
    return make


def max_pool(rng, t):
    for case in pool()(rng, t):
        yield case
        yield case._replace(outputs=2, types=[number_of(t), number_of("int64")])


def batch_norm(rng, t):
    for shape in [(2, 3, 4), (2, 3), (0, 3, 2)]:
        yield Case([values(rng, t, shape), *[values(rng, t, (3,)) for _ in range(3)],
                    values(rng, t, (3,), 0.5, 2)])


def layer_norm(rng, t):
    for shape, axis in [((2, 3, 4), -1), ((2, 3, 4), 1), ((2, 3), 0)]:
        scale = values(rng, t, shape[axis:])
        yield Case([values(rng, t, shape), scale], {"axis": axis})


def one_hot(rng, t):
    for shape in [(2, 3), (), (0,)]:
        index = rng.integers(0, 5, shape).astype(numpy_type(t))
        yield Case([index, np.array(4, np.int64),
                    np.array([0.5, 2], np.float32)], {"axis": -1}, 1, [number_of("float")])


def range_(rng, t):
    kind = numpy_type(t)
    yield Case([np.array(1, kind), np.array(7, kind), np.array(2, kind)])
    if not t.startswith("u"):
        yield Case([np.array(5, kind), np.array(-3, kind), np.array(-3, kind)])
    yield Case([np.array(3, kind), np.array(3, kind), np.array(1, kind)])


def compress(rng, t):
    yield Case([values(rng, t, (3, 2)), np.array([True, False, True])], {"axis": 0})
    yield Case([values(rng, t, (3, 2)), np.array([False, True, True])])
    yield Case([values(rng, t, (3, 2)), np.array([False, False])], {"axis": 1})


def tile(rng, t):
    yield Case([values(rng, t, (2, 3)), i64(2, 1)])
    yield Case([values(rng, t, (2, 3)), i64(0, 1)])
    yield Case([values(rng, t, ()), np.zeros(0, np.int64)])


def expand(rng, t):
    yield Case([values(rng, t, (3, 1)), i64(2, 1, 4)])
    yield Case([values(rng, t, ()), i64(2, 2)])
    yield Case([values(rng, t, ()), np.zeros(0, np.int64)])
    yield Case([values(rng, t, (1, 3)), i64(0, 3)])


def eye_like(rng, t):
    yield Case([values(rng, t, (3, 4))], {"k": 1})
    yield Case([values(rng, t, (0, 4))])


def trilu(rng, t):
    for k in (-1, 0, 2):
        yield Case([values(rng, t, (2, 3, 4)), np.array(k, np.int64)], {"upper": k % 2})
    yield Case([values(rng, t, (0, 4))])


def unique(rng, t):
    kinds = [number_of(t)] + 3 * [number_of("int64")]
    yield Case([values(rng, t, (7,), 0, 3)], {}, 4, kinds)
    yield Case([values(rng, t, (2, 4), 0, 1)], {"axis": 1}, 4, kinds)
    yield Case([np.array([], numpy_type(t))], {}, 4, kinds)


def grid_sample(rng, t):
    # grids between pixels: at the middle of two, rounding decides
    grid = rng.uniform(-1.2, 1.2, (1, 2, 3, 2)).astype(np.float32)
    for mode in ("nearest", "linear", "cubic"):
        if mode == "nearest" or t in FLOATS:
            yield Case([values(rng, t, (1, 2, 4, 3)), grid], {"mode": mode})


def einsum(rng, t):
    yield Case([values(rng, t, (2, 3)), values(rng, t, (3, 4))], {"equation": "ij,jk->ik"})
    yield Case([values(rng, t, (2, 3))], {"equation": "ij->ji"})
    yield Case([values(rng, t, (3, 3))], {"equation": "ii"})


def dropout(rng, t):
    for shape in SHAPES:
        yield Case([values(rng, t, shape)], {}, 2, [number_of(t), number_of("bool")])


def loss(rng, t):
    target = rng.integers(0, 3, (2, 4))
    for how in ("none", "sum", "mean"):
        yield Case([values(rng, t, (2, 3, 4)), target, values(rng, t, (3,), 0.5, 2)],
                   {"reduction": how})


def shift(rng, t):
    for way in ("LEFT", "RIGHT"):
        yield Case([values(rng, t, (2, 3), 0, 3), values(rng, t, (3,), 0, 3)], {"direction": way})


def mod(rng, t):
    fmod = 1 if t in FLOATS else 0
    for use in {fmod, 1}:
        yield Case([values(rng, t, (2, 3)), values(rng, t, (3,), 1, 3)], {"fmod": use})
    if not t.startswith("u") and t not in FLOATS:
        yield Case([values(rng, t, (2, 3)), values(rng, t, (3,), -3, -1)], {"fmod": 0})


MAKERS = {
    **{op: unary() for op in (
        "Abs Neg Sign Relu Ceil Floor Round Exp Sigmoid Tanh Sin Cos Tan Atan Sinh Cosh Asinh Erf "
        "Softplus Softsign Elu Selu Celu LeakyRelu HardSigmoid HardSwish Mish Gelu Swish "
        "ThresholdedRelu Shrink Identity BitwiseNot Not").split()},
    **{op: unary(0.1, 3) for op in ("Log", "Sqrt", "Reciprocal")},
    **{op: unary(-1, 1) for op in ("Asin", "Acos")},
    "Atanh": unary(-0.9, 0.9), "Acosh": unary(1, 3),
    "IsNaN": unary(out="bool"), "IsInf": unary(out="bool"),
    "Shape": unary(out="int64"), "Size": unary(out="int64"),
    **{op: binary() for op in "Add Sub Mul BitwiseAnd BitwiseOr BitwiseXor".split()},
    "PRelu": binary(both=False),
    "Div": binary(second=(1, 3)), "Pow": pow_, "Mod": mod, "BitShift": shift,
    **{op: binary(out="bool") for op in
       "Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor".split()},
    **{op: variadic for op in "Sum Mean Max Min".split()},
    **{op: reduce() for op in
       "ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare "
       "ReduceLogSumExp".split()},
    "ReduceSum": reduce_empty, "ReduceLogSum": reduce(0.5, 2),
    "ArgMax": arg, "ArgMin": arg, "Cast": cast, "Where": where, "Clip": clip,
    "CastLike": several(single((2, 3), np.zeros(1, np.float32), types=["float"]),
                        single((), np.zeros(1, np.int32), types=["int32"])),
    "Gather": gather, "GatherElements": gather_elements, "GatherND": gather_nd,
    "ScatterElements": scatter_elements, "ScatterND": scatter_nd, "Slice": slice_, "Pad": pad,
    "TopK": top_k, "CumSum": cum, "CumProd": cum, "Resize": resize, "Split": split,
    "Concat": concat, "MatMul": matmul, "Gemm": gemm, "Conv": conv,
    "ConvTranspose": conv_transpose, "MaxPool": max_pool, "AveragePool": pool(),
    "LpPool": pool(p=2), "GlobalAveragePool": same((2, 3, 4, 5)),
    "GlobalMaxPool": same((2, 3, 4, 5)), "GlobalLpPool": same((2, 3, 4)),
    "BatchNormalization": batch_norm, "LayerNormalization": layer_norm,
    "RMSNormalization": layer_norm,
    "InstanceNormalization": same((2, 3, 4), (3,), (3,)),
    "GroupNormalization": same((2, 4, 3), (4,), (4,), num_groups=2),
    "LRN": single((1, 4, 2, 2), size=3), "LpNormalization": axis_op(),
    "MeanVarianceNormalization": same((2, 3, 2, 2)),
    "Softmax": axis_op(), "LogSoftmax": axis_op(), "Hardmax": axis_op((2, 3, 4), (5,), (3, 2)),
    "Flatten": axis_op((2, 3, 4), (5,), (2, 0, 3)), "Transpose": unary(),
    "Reshape": several(single((2, 3, 4), i64(4, -1)), single((), i64(1, 1)),
                       single((1,), np.zeros(0, np.int64)), single((0, 3), i64(0, 3)),
                       single((2, 0, 3), i64(3, 0, 4), allowzero=1)),
    "Squeeze": several(single((1, 3, 1), i64(0, -1)), single((1, 3, 1)), single((1, 0), i64(0))),
    "Unsqueeze": several(single((3,), i64(0, -1)), single((), i64(0)), single((0, 2), i64(1))),
    "DepthToSpace": several(single((1, 8, 2, 3), blocksize=2),
                            single((1, 8, 2, 3), blocksize=2, mode="CRD")),
    "SpaceToDepth": single((1, 2, 4, 6), blocksize=2),
    "OneHot": one_hot, "Range": range_, "NonZero": unary(0, 1, out="int64"), "Compress": compress,
    "ReverseSequence": single((3, 2, 2), i64(3, 1)), "Tile": tile, "Expand": expand,
    "EyeLike": eye_like, "Trilu": trilu, "Einsum": einsum, "Dropout": dropout,
    "Unique": unique, "GridSample": grid_sample, "Det": single((2, 3, 3)),
    "CenterCropPad": several(single((4, 3), i64(2, 5)), single((4, 3), i64(7), axes=[-1])),
    "NegativeLogLikelihoodLoss": loss, "SoftmaxCrossEntropyLoss": loss,
    "MaxRoiPool": lambda rng, t: [Case([
        values(rng, t, (1, 2, 6, 6)), np.array([[0, 1, 1, 4, 5]]).astype(numpy_type(t))],
        {"pooled_shape": [2, 2]})],
    "RoiAlign": lambda rng, t: [Case([
        values(rng, t, (1, 2, 6, 6)), np.array([[1, 1, 4, 5]]).astype(numpy_type(t)), i64(0)],
        {"output_height": 2, "output_width": 2, "sampling_ratio": 2})],
    "DeformConv": same((1, 2, 4, 4), (2, 2, 2, 2), (1, 8, 3, 3)),
    "SwiGLU": several(same((2, 3), (2, 3)), same((), ()), same((0, 2), (0, 2))),
}
LOOSE = {"bfloat16": 2 ** -4, "float16": 2 ** -7}   # sums of products of a few numbers


def allowed(op, opset):
    """The types of the first input, by name; strings and what is packed oddly left out."""
    schema = onnx.defs.get_schema(op, opset, "")
    kind = schema.inputs[1 if op == "Where" else 0].type_str
    types = next((c.allowed_type_strs for c in schema.type_constraints
                  if c.type_param_str == kind), [kind])
    names = [re.fullmatch(r"tensor\((\w+)\)", t) for t in types]
    left_out = ("string", "float4e2m1", "float8e8m0", "int2", "uint2", "float6e2m3", "float6e3m2")
    return [n.group(1) for n in names if n and n.group(1) not in left_out]


unknown = collections.Counter()


def make_test(op, name):
    def test(self):
        rng = np.random.default_rng([ord(c) for c in op + name])
        made = list(MAKERS[op](rng, name))
        cases = [one_node(op, case.inputs, case.attrs, case.outputs, OPSETS.get(op, 23), case.types,
                          name=f"x{i}_") for i, case in enumerate(made)]
        for case, problem in zip(made, judge(cases, LOOSE.get(name, 0))):
            shapes = [None if x is None else f"{x.dtype}{list(x.shape)}" for x in case.inputs]
            if problem == "unknown":
                unknown[op] += 1
                continue
            title = f"{op} {name} {shapes} {case.attrs}"
            if problem and any(re.search(pattern, title) for pattern in EXCEPTIONS):
                continue   # also where quern refuses: the table says why
            with self.subTest(title):
                self.assertIsNone(problem)
    return test


class Types(unittest.TestCase):
    """One test an operator and a type."""

    def test_a_scalar_that_is_not_zero_has_no_indices(self):
        """As ONNX says; ONNX Runtime gives one row."""
        for value, columns in (0, 0), (2, 1):
            model, feeds = one_node("NonZero", [np.array(value, np.float32)],
                                    types_out=[number_of("int64")])
            self.assertEqual(run_quern(model, feeds)["x_out0"].shape, (0, columns))


def tearDownModule():
    print("run by nobody else:", dict(unknown), file=sys.stderr)


for one in MAKERS:
    for kind in allowed(one, OPSETS.get(one, 23)):
        setattr(Types, f"test_{one}_{kind}", make_test(one, kind))
