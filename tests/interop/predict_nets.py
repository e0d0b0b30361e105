# SPDX-License-Identifier: Apache-2.0
"""Small quantized networks, one for each rule of `quern check` and for its opposite.

`NETS` maps a name to a function that makes the network. Each has one to four layers between
QuantizeLinear and DequantizeLinear nodes that are right, but for what the name says.
"""
import quern
from quern import helper, np, numpy_helper, onnx

U8, S8, U16 = np.uint8, np.int8, np.uint16
STEP = 0.05   # scale of activations
NETS = {}


class Net:
    def __init__(self, *shape, opset=13, prefix=""):
        self.prefix = prefix    # of all names but the input's
        self.random = np.random.default_rng(7)
        self.nodes, self.initializers, self.outputs, self.opset = [], [], [], opset
        self.input = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)

    def const(self, array, dtype=None):
        name = f"{self.prefix}c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [f"{self.prefix}v{len(self.nodes)}_{i}" for i in range(outputs)]
        inputs = [name or "" for name in inputs]
        self.nodes.append(helper.make_node(
            kind, inputs, names, f"{self.prefix}n{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def codes(self, x, scale=STEP, zero=100, dtype=U8, **attributes):
        return self.op("QuantizeLinear", x, self.const(scale, np.float32),
                       self.const(zero, dtype), **attributes)

    def real(self, x, scale=STEP, zero=100, dtype=U8, **attributes):
        return self.op("DequantizeLinear", x, self.const(scale, np.float32),
                       self.const(zero, dtype), **attributes)

    def pair(self, x="x", scale=STEP, zero=100, dtype=U8, **attributes):
        scale, zero = self.const(scale, np.float32), self.const(zero, dtype)
        y = self.op("QuantizeLinear", x, scale, zero, **attributes)
        return self.op("DequantizeLinear", y, scale, zero, **attributes)

    def signed(self, x="x", zero=-5, **more):
        return self.pair(x, zero=zero, dtype=S8, **more)

    def floats(self, *shape):
        return self.const(self.random.normal(size=shape) * 0.1, np.float32)

    def weight(self, *shape, axis=0, dtype=S8, zero=None, tensor=False):
        """Dequantized, and its scales."""
        channels = () if tensor else shape[axis]
        low = np.iinfo(dtype).min + (dtype == S8)
        codes = self.random.integers(low, np.iinfo(dtype).max + 1, shape).astype(dtype)
        scales = self.random.uniform(0.002, 0.004, channels).astype(np.float32)
        if quern.fitting(codes) is not codes:
            codes, scales = quern.fitting(codes), 2 * scales
        zero = (0 if dtype == S8 else 128) if zero is None else zero
        more = {} if tensor else {"axis": axis}
        return self.real(self.const(codes), scales, np.full(channels, zero), dtype,
                         **more), scales

    def bias(self, scales, size=None, factor=1):
        """int32 codes for an input with scale STEP."""
        size = size or scales.size
        codes = self.const(self.random.integers(-900, 900, size).astype(np.int32))
        scale = self.const((np.float32(STEP) * scales * np.float32(factor)).astype(np.float32))
        more = {"axis": 0} if np.ndim(scales) else {}
        return self.op("DequantizeLinear", codes, scale, **more)

    def conv(self, x, n_out=4, n_in=8, size=3, bias="int", group=1, rank=2, factor=1, **more):
        attributes = {"group": group} if group > 1 else {}
        if "strides" in more:
            attributes["strides"] = more.pop("strides")
        if "pads" in more:
            attributes["pads"] = [more.pop("pads")] * 2 * rank
        w, scales = self.weight(n_out, n_in // group, *[size] * rank, **more)
        rest = {"int": lambda: [self.bias(scales, n_out, factor)], None: lambda: [],
                "float": lambda: [self.floats(n_out)]}[bias]()
        return self.op("Conv", x, w, *rest, **attributes)

    def gemm(self, x, bias="int", n_in=16, n_out=12, factor=1, axis=None, attributes=(), **more):
        attributes = dict(attributes)
        transposed = attributes.get("transB", 0)
        shape = (n_out, n_in) if transposed else (n_in, n_out)
        w, scales = self.weight(*shape, axis=1 - transposed if axis is None else axis, **more)
        rest = {"int": lambda: [self.bias(scales, n_out, factor)], None: lambda: [],
                "float": lambda: [self.floats(n_out)]}[bias]()
        return self.op("Gemm", x, w, *rest, **attributes)

    def matmul(self, x, *shape, axis=None, add=None, factor=1, **more):
        shape = shape or (16, 12)
        w, scales = self.weight(*shape, axis=len(shape) - 1 if axis is None else axis, **more)
        y = self.op("MatMul", x, w)
        if not add:
            return y
        return self.op("Add", y, self.bias(scales, shape[-1], factor) if add == "int"
                       else self.floats(shape[-1]))

    def end(self, *values):
        """Values that are read in float."""
        self.outputs += [self.op("Tanh", value) for value in values]
        return self

    def ints(self, *values):
        return self.const(values, np.int64)

    def save(self, path):
        graph = helper.make_graph(
            self.nodes, "net", [self.input],
            [helper.make_empty_tensor_value_info(name) for name in self.outputs],
            self.initializers)
        domains = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(graph, opset_imports=domains,
                                    ir_version=10 if self.opset > 20 else 8), path)
        return path

    def sample(self):
        shape = [dim.dim_value or 36 for dim in self.input.type.tensor_type.shape.dim]
        return {"x": self.random.normal(size=shape).astype(np.float32)}


def net(name, *shape, opset=13):
    def keep(make):
        def build():
            n = Net(*shape, opset=opset)
            make(n)
            return n
        NETS[name] = build
    return keep


def image(name, make, opset=13):
    """A net whose input is a picture; `make` returns what is quantized at the end."""
    net(name, 1, 8, 10, 10, opset=opset)(lambda n: n.end(n.pair(make(n))))


def image_float(name, make, shape=(1, 8, 10, 10)):
    """The same, read in float at the end."""
    net(name, *shape)(lambda n: n.end(make(n)))


def rows(name, make, shape=(3, 16), quantized=False, opset=13):
    net(name, *shape, opset=opset)(
        lambda n: n.end(n.pair(make(n)) if quantized else make(n)))


# Convolutions: operands
image("conv", lambda n: n.conv(n.pair()))
image("conv, no bias", lambda n: n.conv(n.pair(), bias=None))
image("conv, float bias", lambda n: n.conv(n.pair(), bias="float"))
image("conv, one scale", lambda n: n.conv(n.pair(), tensor=True))
image("conv, unsigned weight", lambda n: n.conv(n.pair(), dtype=U8))
image("conv, weight with a zero point", lambda n: n.conv(n.pair(), zero=3))
image("conv, float weight", lambda n: n.op("Conv", n.pair(), n.floats(4, 8, 3, 3)))
image("conv, float input", lambda n: n.conv(n.op("Sin", "x")))
image("conv, scales of the input channels", lambda n: n.op(
    "Conv", n.pair(), n.weight(8, 8, 3, 3, axis=1)[0]))
image("conv, scales of fewer input channels", lambda n: n.op(
    "Conv", n.pair(), n.weight(4, 8, 3, 3, axis=1)[0]))
image("conv, bias scale off by 1/2 %", lambda n: n.conv(n.pair(), factor=1.005))
image("conv, bias scale off by 2", lambda n: n.conv(n.pair(), factor=2))
image("conv, tiny scales, bias scale off by 2", lambda n: n.op(
    "Conv", n.pair(), n.real(n.const(n.random.integers(-127, 128, (4, 8, 3, 3)), S8), 1e-7, 0, S8),
    n.op("DequantizeLinear", n.const([10**8, 10**7, 0, 1], np.int32),
         n.const(STEP * 2e-7, np.float32))))
image("conv, tiny scales, tiny bias off by 2", lambda n: n.op(
    "Conv", n.pair(), n.real(n.const(n.random.integers(-127, 128, (4, 8, 3, 3)), S8), 1e-7, 0, S8),
    n.op("DequantizeLinear", n.const([1, 2, 3, 4], np.int32), n.const(STEP * 2e-7, np.float32))))
image("depthwise conv", lambda n: n.conv(n.pair(), 8, group=8))
image("depthwise conv, input per channel", lambda n: n.conv(
    n.pair("x", np.linspace(0.04, 0.06, 8), np.full(8, 100), axis=1), 8, group=8))
image("depthwise conv, input per channel, no bias", lambda n: n.conv(
    n.pair("x", np.linspace(0.04, 0.06, 8), np.full(8, 100), axis=1), 8, group=8, bias=None))
image("conv, input per channel", lambda n: n.conv(
    n.pair("x", np.linspace(0.04, 0.06, 8), np.zeros(8), axis=1)))
net("conv, 1-D", 1, 8, 20)(lambda n: n.end(n.pair(n.conv(n.pair(), rank=1))))
net("conv, 3-D", 1, 8, 6, 6, 6)(lambda n: n.end(n.pair(n.conv(n.pair(), rank=3))))
image("conv, 16 bits", lambda n: n.pair(
    n.conv(n.pair("x", 0.001, 300, U16)), 0.001, 300, U16), opset=21)

# Convolutions: what is behind
image_float("conv, float output", lambda n: n.conv(n.pair()))
image("conv, Relu", lambda n: n.op("Relu", n.conv(n.pair())))
net("conv, Relu, zero point 0", 1, 8, 10, 10)(
    lambda n: n.end(n.pair(n.op("Relu", n.conv(n.pair())), zero=0)))
for bound in (5, 7):
    net(f"conv, Clip to 6, codes to {bound}", 1, 8, 10, 10)(lambda n, bound=bound: n.end(n.pair(
        n.op("Clip", n.conv(n.pair()), n.const(0, np.float32), n.const(6, np.float32)),
        bound / 255, 0)))
for kind in ("LeakyRelu", "Sigmoid", "Identity", "GlobalAveragePool"):
    image(f"conv, {kind}", lambda n, kind=kind: n.op(kind, n.conv(n.pair())))
image("conv, MaxPool", lambda n: n.op("MaxPool", n.conv(n.pair()), kernel_shape=[2, 2]))
image("conv, Flatten", lambda n: n.op("Flatten", n.conv(n.pair())))
image("conv, Slice", lambda n: n.op("Slice", n.conv(n.pair()), n.ints(0), n.ints(2), n.ints(1)))
net("conv, MaxPool, Relu", 1, 8, 10, 10)(lambda n: n.end(n.pair(n.op("Relu", n.op(
    "MaxPool", n.conv(n.pair()), kernel_shape=[2, 2])), zero=0)))
net("conv, Relu, MaxPool", 1, 8, 10, 10)(lambda n: n.end(n.pair(n.op("MaxPool", n.op(
    "Relu", n.conv(n.pair())), kernel_shape=[2, 2]), zero=0)))


@net("conv, read in float as well", 1, 8, 10, 10)
def _(n):
    y = n.conv(n.pair(), 8)
    n.end(n.pair(n.conv(n.pair(y))), y)


@net("conv, two quantizations", 1, 8, 10, 10)
def _(n):
    y = n.conv(n.pair(), 8)
    n.end(n.pair(n.conv(n.pair(y))), n.pair(n.conv(n.pair(y))))


@net("residual sum", 1, 8, 10, 10)
def _(n):
    x = n.pair()
    y = n.op("Add", x, n.pair(n.conv(x, 8, pads=1)))
    n.end(n.pair(n.conv(n.pair(y))))


@net("residual sum, unquantized branch", 1, 8, 10, 10)
def _(n):
    x = n.pair()
    y = n.op("Add", x, n.conv(x, 8, pads=1))
    n.end(n.pair(n.conv(n.pair(y))))


# Signed activations
@net("signed chain", 1, 8, 10, 10)
def _(n):
    x = n.signed()
    for _ in range(3):
        x = n.signed(n.conv(x, 8, pads=1))
    n.end(x)


@net("signed residual", 1, 8, 10, 10)
def _(n):
    x = n.signed()
    for _ in range(2):
        x = n.signed(n.conv(x, 8, pads=1))
    y = n.signed(n.op("Add", x, n.signed(n.conv(x, 8, pads=1), 3)), 7)
    n.end(n.signed(n.conv(y), 2))


@net("signed, two readers", 1, 8, 10, 10)
def _(n):
    x = n.signed()
    n.end(n.signed(n.conv(x)), n.signed(n.conv(x)))


# Strides of filters of one place
def skip(n, x, stride=2, **more):
    return n.pair(n.conv(x, 8, size=1, strides=[stride] * 2, **more))


def conv_of(n, x="x"):
    return n.pair(n.conv(n.pair(x), 8, pads=1))


image("skipping places of an input", lambda n: skip(n, n.pair()))
image("skipping places of a conv", lambda n: skip(n, conv_of(n)))
image("skipping places behind a Relu", lambda n: skip(n, n.op(
    "Relu", n.pair(n.op("Sin", "x"), zero=0))))
image("skipping places behind a pool", lambda n: skip(n, n.op(
    "MaxPool", n.pair(), kernel_shape=[2, 2])))
image("skipping places of a Concat", lambda n: skip(n, n.op(
    "Concat", n.pair(), n.pair(n.op("Sin", "x")), axis=1), n_in=16))
image("skipping places of each channel", lambda n: skip(n, conv_of(n), group=8))


@net("skipping places twice", 1, 8, 10, 10)
def _(n):
    x = conv_of(n)
    n.end(skip(n, x), skip(n, skip(n, x)))


@net("skipping other places", 1, 8, 10, 10)
def _(n):
    x = conv_of(n)
    n.end(skip(n, x), skip(n, x, 3))


@net("skipping places that others read", 1, 8, 10, 10)
def _(n):
    x = conv_of(n)
    n.end(skip(n, x), n.pair(n.conv(x)))


# Products without a bias in front of a Reshape
for form, shape in (("", (-1, 4, 12)), (" longer", (-1, 12, 12)), (" to a matrix", (-1, 36))):
    net("bare product behind a Reshape" + form, "rows", 16)(lambda n, shape=shape: n.end(
        n.op("Reshape", n.matmul(n.pair()), n.ints(*shape))))
net("sum behind a Reshape", "rows", 16)(lambda n: n.end(
    n.op("Reshape", n.matmul(n.pair(), add="float"), n.ints(-1, 12, 12))))


@net("a weight that two convs read", 1, 8, 10, 10)
def _(n):
    w, _ = n.weight(4, 8, 3, 3)
    x = n.pair()
    n.end(n.pair(n.op("Conv", x, w)), n.pair(n.op("Conv", n.pair(n.op("Tanh", "x")), w)))


@net("a weight of one channel each that two convs read", 1, 1, 10, 10)
def _(n):
    w, _ = n.weight(1, 1, 3, 3, tensor=True)
    x = n.pair()
    n.end(n.pair(n.op("Conv", x, w)), n.pair(n.op("Conv", n.pair(n.op("Tanh", "x")), w)))


@net("one channel", 1, 1, 10, 10)
def _(n):
    w, _ = n.weight(1, 1, 3, 3, tensor=True)
    n.end(n.pair(n.op("Conv", n.pair(), w)))


for name, zero in (("", 100), (", zero point 0", 0)):
    net("depthwise conv of volumes" + name, 1, 8, 6, 6, 6)(lambda n, zero=zero: n.end(n.conv(
        n.pair(zero=zero), 8, group=8, rank=3)))


@net("conv of one row behind a reshape", 1, 44, 1)
def _(n):
    w, _ = n.weight(1, 1, 1, 5, tensor=True)
    n.end(n.pair(n.op("Conv", n.op("Reshape", n.pair(), n.ints(-1, 1, 1, 44)), w)))


@net("signed, two readers, one behind a pool", 1, 8, 10, 10)
def _(n):
    x = n.signed()
    pool = n.op("MaxPool", x, kernel_shape=[2, 2])
    n.end(n.signed(n.conv(pool)), n.signed(n.conv(x)))


@net("signed, two readers behind a pool", 1, 8, 10, 10)
def _(n):
    pool = n.op("MaxPool", n.signed(), kernel_shape=[2, 2])
    n.end(n.signed(n.conv(pool)), n.signed(n.conv(pool)))


@net("signed, two readers behind pools of their own", 1, 8, 10, 10)
def _(n):
    x = n.signed()
    n.end(*(n.signed(n.conv(n.op("MaxPool", x, kernel_shape=[size] * 2))) for size in (2, 3)))


@net("signed, one of two readers behind a pool and two transposes", 1, 8, 10, 10)
def _(n):
    x = n.signed()
    y = n.op("MaxPool", x, kernel_shape=[2, 2])
    for _ in range(2):
        y = n.op("Transpose", y, perm=[0, 1, 3, 2])
    n.end(n.signed(n.conv(y)), n.op("Sin", x))


@net("signed, two readers behind a pool, one behind another", 1, 8, 10, 10)
def _(n):
    pool = n.op("MaxPool", n.signed(), kernel_shape=[2, 2])
    n.end(n.signed(n.conv(n.op("MaxPool", pool, kernel_shape=[2, 2]))), n.signed(n.conv(pool)))


@net("signed codes as the output", 1, 8, 10, 10)
def _(n):
    n.outputs.append(n.codes(n.conv(n.signed()), zero=3, dtype=S8))


image("signed in, unsigned out", lambda n: n.conv(n.signed()))
net("signed Concat", 1, 8, 10, 10)(lambda n: n.end(n.conv(
    n.op("Concat", n.signed(), n.signed(n.op("Sin", "x")), axis=1), n_in=16)))
net("signed Concat, quantized", 1, 8, 10, 10)(lambda n: n.end(n.conv(
    n.signed(n.op("Concat", n.signed(), n.signed(n.op("Sin", "x")), axis=1)), n_in=16)))
net("signed Concat, groups", 1, 8, 10, 10)(lambda n: n.end(n.conv(
    n.op("Concat", n.signed(), n.signed(n.op("Sin", "x")), axis=1), n_in=16, group=2)))
net("signed Concat in front of a gemm", 3, 8)(lambda n: n.end(n.gemm(
    n.op("Concat", n.signed(), n.signed(n.op("Sin", "x")), axis=1))))
net("Concat of floats, signed behind", 1, 8, 10, 10)(lambda n: n.end(n.conv(
    n.signed(n.op("Concat", n.conv(n.pair(), 8), n.conv(n.pair(), 8), axis=1)), n_in=16)))
net("unsigned Concat", 1, 8, 10, 10)(lambda n: n.end(n.conv(
    n.op("Concat", n.pair(), n.pair(n.op("Sin", "x")), axis=1), n_in=16)))
net("unsigned Concat of two scales", 1, 8, 10, 10)(lambda n: n.end(n.conv(
    n.op("Concat", n.pair(), n.pair(n.op("Sin", "x"), 0.03), axis=1), n_in=16)))

for axis in (0, 2, 3):
    net(f"Concat of axis {axis}, quantized", 1, 8, 10, 10)(lambda n, axis=axis: n.end(n.conv(
        n.pair(n.op("Concat", "x", n.op("Sin", "x"), axis=axis)))))
    net(f"quantized Concat of axis {axis}", 1, 8, 10, 10)(lambda n, axis=axis: n.end(n.conv(
        n.op("Concat", n.pair(), n.pair(n.op("Sin", "x")), axis=axis))))
for axis in (0, 1, 2):
    rows(f"Concat of axis {axis} of rows, quantized", lambda n, axis=axis: n.op(
        "MatMul", n.pair(n.op("Concat", "x", n.op("Sin", "x"), axis=axis)),
        n.weight(32 if axis == 2 else 16, 12, axis=1)[0]), shape=(2, 3, 16))
rows("Concat of rows, quantized", lambda n: n.op(
    "Gemm", n.pair(n.op("Concat", "x", n.op("Sin", "x"), axis=0)), n.weight(16, 12, axis=1)[0]))

# What stands between the quantization and a convolution
BETWEEN = {
    "MaxPool": lambda n, x: n.op("MaxPool", x, kernel_shape=[2, 2]),
    "AveragePool": lambda n, x: n.op("AveragePool", x, kernel_shape=[2, 2]),
    "GlobalMaxPool": lambda n, x: n.op("GlobalMaxPool", x),
    "GlobalAveragePool": lambda n, x: n.op("GlobalAveragePool", x),
    "ReduceMax": lambda n, x: n.op("ReduceMax", x, axes=[2, 3]),
    "ReduceMin": lambda n, x: n.op("ReduceMin", x, axes=[2, 3]),
    "Relu": lambda n, x: n.op("Relu", x),
    "Sigmoid": lambda n, x: n.op("Sigmoid", x),
    "Transpose": lambda n, x: n.op("Transpose", x, perm=[0, 1, 3, 2]),
    "Pad": lambda n, x: n.op("Pad", x, n.ints(0, 0, 1, 1, 0, 0, 1, 1)),
    "reflect Pad": lambda n, x: n.op("Pad", x, n.ints(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect"),
    "nearest Resize": lambda n, x: n.op(
        "Resize", x, None, n.const([1, 1, 2, 2], np.float32), mode="nearest"),
    "linear Resize": lambda n, x: n.op(
        "Resize", x, None, n.const([1, 1, 2, 2], np.float32), mode="linear"),
    "Mul by a number": lambda n, x: n.op("Mul", x, n.const(0.3, np.float32)),
    "Add of a number": lambda n, x: n.op("Add", x, n.const(0.3, np.float32)),
    "Tile": lambda n, x: n.op("Tile", x, n.ints(1, 1, 1, 2)),
}
for title, make in BETWEEN.items():
    for zero in (0, 100):
        image(f"{title} before a conv, zero point {zero}",
              lambda n, make=make, zero=zero: n.conv(make(n, n.pair(zero=zero)), size=1))
# What the quantization rounds: numbers below 0.5, which as whole ones are 0
ROUNDED = {
    "GlobalMaxPool": BETWEEN["GlobalMaxPool"],
    "ReduceMax": BETWEEN["ReduceMax"],
    "ReduceMin": BETWEEN["ReduceMin"],
    "GlobalAveragePool": BETWEEN["GlobalAveragePool"],
    "ReduceMax and Relu": lambda n, x: n.op("Relu", BETWEEN["ReduceMax"](n, x)),
    "ReduceMax, expanded": lambda n, x: n.op("Unsqueeze", n.op(
        "ReduceMax", x, axes=[2, 3], keepdims=0), n.ints(2, 3)),
    "flat GlobalMaxPool": lambda n, x: n.op("Flatten", BETWEEN["GlobalMaxPool"](n, x)),
    "flat ReduceMin": lambda n, x: n.op("ReduceMin", x, axes=[2, 3], keepdims=0),
}
for title, make in ROUNDED.items():
    def layer(n, make=make, flat=title.startswith("flat")):
        x = n.pair(make(n, n.op("Mul", "x", n.const(0.15, np.float32))), STEP / 10)
        return n.op("Gemm", x, n.weight(8, 12, axis=1)[0]) if flat else \
            n.op("Conv", x, n.weight(8, 8, 1, 1)[0])
    image(f"quantized {title} before a layer", layer)
image("channel shuffle before a conv", lambda n: n.conv(n.op("Reshape", n.op(
    "Transpose", n.op("Reshape", n.pair(), n.ints(1, 2, 4, 10, 10)), perm=[0, 2, 1, 3, 4]),
    n.ints(1, 8, 10, 10))))

# Transposed convolutions
for zero in (0, 100):
    image_float(f"ConvTranspose, zero point {zero}", lambda n, zero=zero: n.op(
        "ConvTranspose", n.pair(zero=zero), n.weight(8, 4, 3, 3, axis=1)[0]))
image_float("ConvTranspose, unsigned weight", lambda n: n.op(
    "ConvTranspose", n.pair(zero=0), n.weight(8, 4, 3, 3, axis=1, dtype=U8)[0]))

# Matrix products
for quantized in (False, True):
    end = ", quantized output" if quantized else ""

    def product(name, make, shape=(3, 16), quantized=quantized, end=end):
        rows(name + end, make, shape, quantized)

    product("matmul", lambda n: n.matmul(n.pair()))
    product("matmul of rank 3", lambda n: n.matmul(n.pair()), (2, 3, 16))
    product("matmul, unsigned weight", lambda n: n.matmul(n.pair(), dtype=U8))
    product("matmul, signed input", lambda n: n.matmul(n.signed()))
    product("matmul, float weight", lambda n: n.op("MatMul", n.pair(), n.floats(16, 12)))
    product("matmul, weight first", lambda n: n.op(
        "MatMul", n.weight(12, 3)[0], n.pair()))
    product("matmul, scales along K", lambda n: n.matmul(n.pair(), 16, 16, axis=0))
    product("matmul, scales along a longer K", lambda n: n.matmul(n.pair(), axis=0))
    product("matmul, weight of rank 3", lambda n: n.matmul(n.pair(), 2, 16, 12), (2, 3, 16))
    product("matmul, weight alone", lambda n: n.matmul(n.op("Sin", "x")))
    product("matmul, int bias", lambda n: n.matmul(n.pair(), add="int"))
    product("matmul, float bias", lambda n: n.matmul(n.pair(), add="float"))
    product("matmul of rank 3, float bias", lambda n: n.matmul(n.pair(), add="float"), (2, 3, 16))
    product("matmul, bias scale off by 4", lambda n: n.matmul(n.pair(), add="int", factor=4))
    product("gemm", lambda n: n.gemm(n.pair()))
    product("gemm, no bias", lambda n: n.gemm(n.pair(), None))
    product("gemm, float bias", lambda n: n.gemm(n.pair(), "float"))
    product("gemm, bias scale off by 4", lambda n: n.gemm(n.pair(), factor=4))
    product("gemm, transposed weight", lambda n: n.gemm(n.pair(), attributes={"transB": 1}))
    product("gemm, transposed weight with scales along K", lambda n: n.gemm(
        n.pair(), None, n_out=16, axis=1, attributes={"transB": 1}))
    product("gemm, beta", lambda n: n.gemm(n.pair(), attributes={"beta": 0.5}))
    product("gemm, alpha", lambda n: n.gemm(n.pair(), attributes={"alpha": 0.5}))
    product("gemm, alpha and no bias", lambda n: n.gemm(n.pair(), None, attributes={"alpha": 0.5}))
    product("gemm, weight alone", lambda n: n.gemm(n.op("Sin", "x"), "float"))
    product("gemm, transposed weight alone", lambda n: n.gemm(
        n.op("Sin", "x"), "float", attributes={"transB": 1}))
    product("matmul, Relu", lambda n: n.op("Relu", n.matmul(n.pair())))
    product("gemm, Relu", lambda n: n.op("Relu", n.gemm(n.pair())))
    product("gemm, LeakyRelu", lambda n: n.op("LeakyRelu", n.gemm(n.pair())))
    product("matmul behind Reshape", lambda n: n.matmul(
        n.op("Reshape", n.pair(), n.ints(-1, 16))), (2, 3, 16))
    product("gemm behind Flatten", lambda n: n.gemm(n.op("Flatten", n.pair())), (3, 4, 4))
    for zero, dtype in ((0, S8), (0, U8), (100, U8)):
        product(f"matmul of two activations, {np.dtype(dtype)}, zero point {zero}",
                lambda n, zero=zero, dtype=dtype: n.op("MatMul", n.pair(zero=zero), n.pair(
                    n.op("Transpose", n.op("Sin", "x"), perm=[1, 0]), zero=zero, dtype=dtype)))
rows("gemm, float weight and quantized output", lambda n: n.op(
    "Gemm", n.pair(), n.floats(16, 12), n.floats(12)), quantized=True)
rows("matmul, Relu, zero point 0", lambda n: n.pair(
    n.op("Relu", n.matmul(n.pair(), add="int")), zero=0))
rows("matmul of any batch, float bias", lambda n: n.matmul(n.pair(), add="float"), ("N", 16))
rows("matmul of rank 3, any batch, float bias", lambda n: n.matmul(n.pair(), add="float"),
     ("N", 3, 16))
rows("matmul, weight by blocks", lambda n: n.op("MatMul", n.op("Sin", "x"), n.real(
    n.const(n.random.integers(-127, 128, (64, 12)), S8), n.random.uniform(0.01, 0.02, (2, 12)),
    np.zeros((2, 12)), S8, axis=0, block_size=32)), (3, 64), opset=21)
rows("matmul, weight by small blocks", lambda n: n.op("MatMul", n.op("Sin", "x"), n.real(
    n.const(n.random.integers(-127, 128, (64, 12)), S8), n.random.uniform(0.01, 0.02, (8, 12)),
    np.zeros((8, 12)), S8, axis=0, block_size=8)), (3, 64), opset=21)


@net("gemm, Relu with two readers", 3, 16)
def _(n):
    y = n.op("Relu", n.gemm(n.pair()))
    n.end(y, n.op("Sin", y))


@net("signed, two gemms", 3, 16)
def _(n):
    x = n.signed()
    n.end(n.gemm(x), n.gemm(x))


@net("signed, two gemms behind a reshape each", 3, 16)
def _(n):
    x = n.signed()
    n.end(*(n.signed(n.gemm(n.op("Reshape", x, n.ints(3, 16)))) for _ in range(2)))


@net("signed, two matmuls", 3, 16)
def _(n):
    x = n.signed()
    n.end(n.matmul(x), n.matmul(x))


# Operators that are integer by themselves
def operator_codes(n, shape, channels, tensor):
    return (n.const(n.random.integers(-127, 128, shape), S8),
            n.const(0.003 if tensor else np.linspace(0.001, 0.005, channels), np.float32),
            n.const(0 if tensor else np.zeros(channels), S8))


for tensor in (True, False):
    @net("QLinearConv" + ("" if tensor else " per channel"), 1, 8, 10, 10)
    def _(n, tensor=tensor):
        s, z = n.const(STEP, np.float32), n.const(100, U8)
        w = operator_codes(n, (8, 8, 3, 3), 8, tensor)
        y = n.op("QLinearConv", n.op("QuantizeLinear", "x", s, z), s, z, *w, s, z)
        n.end(n.op("DequantizeLinear", y, s, z))


@net("QLinearMatMul", 3, 16)
def _(n):
    s, z = n.const(STEP, np.float32), n.const(100, U8)
    w = operator_codes(n, (16, 12), 12, True)
    y = n.op("QLinearMatMul", n.op("QuantizeLinear", "x", s, z), s, z, *w, s, z)
    n.end(n.op("DequantizeLinear", y, s, z))


for kind, shape, weight in (("MatMulInteger", (3, 16), (16, 12)),
                            ("ConvInteger", (1, 8, 10, 10), (4, 8, 3, 3))):
    @net(f"dynamic {kind}", *shape)
    def _(n, kind=kind, weight=weight):
        x, scale, zero = n.op("DynamicQuantizeLinear", "x", outputs=3)
        w, s, z = operator_codes(n, weight, 1, True)
        y = n.op("Cast", n.op(kind, x, w, zero, z), to=1)
        n.end(n.op("Mul", y, n.op("Mul", scale, s)))


def between_operators(n, kind, *more, **attributes):
    """An operator of com.microsoft on codes that fill the uint8, and a layer."""
    s, z = n.const(STEP, np.float32), n.const(100, U8)
    x = n.op("QuantizeLinear", n.op("Mul", "x", n.const(4, np.float32)), s, z)
    y = n.op(kind, *[x if each == "x" else each for each in more] or [x, s, z, s, z],
             domain="com.microsoft", **attributes)
    n.end(n.pair(n.conv(n.op("DequantizeLinear", y, s, z))))


net("QLinearLeakyRelu", 1, 8, 10, 10)(lambda n: between_operators(
    n, "QLinearLeakyRelu", alpha=0.1))
net("QLinearAveragePool", 1, 8, 10, 10)(lambda n: between_operators(
    n, "QLinearAveragePool", kernel_shape=[2, 2]))
for kind in ("QLinearAdd", "QLinearMul"):
    @net(kind, 1, 8, 10, 10)
    def _(n, kind=kind):
        s, z = n.const(STEP, np.float32), n.const(100, U8)
        between_operators(n, kind, "x", s, z, "x", s, z, s, z)


# Recurrent layers
@net("DynamicQuantizeLSTM", 5, 1, 8)
def _(n):
    codes = [n.const(n.random.integers(-60, 60, (1, 8, 32)).astype(S8)) for _ in range(2)]
    s, z = n.const([0.003], np.float32), n.const([0], S8)
    n.end(n.op("DynamicQuantizeLSTM", "x", *codes, "", "", "", "", "", s, z, s, z, outputs=2,
               hidden_size=8, domain="com.microsoft")[0])


def recurrent(n, x):
    w, r = (n.weight(1, 32, 8, tensor=True)[0] for _ in range(2))
    n.end(n.op("LSTM", x, w, r, outputs=2, hidden_size=8)[0])


net("LSTM, weights alone", 5, 1, 8)(lambda n: recurrent(n, "x"))
net("LSTM, zero point 0", 5, 1, 8)(lambda n: recurrent(n, n.pair(zero=0)))
net("LSTM, zero point 100", 5, 1, 8)(lambda n: recurrent(n, n.pair()))
