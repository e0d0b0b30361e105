# SPDX-License-Identifier: Apache-2.0
"""Single layers, quantized with quern: its own executor and ONNX Runtime compute the same from the
quantized file, but for one step of the output's quantization here and there; and convolutions,
which both compute on codes, give the same bits.

ONNX Runtime runs each file twice: in its integer kernels, which round once where a float run of
the same graph rounds in two places, and with its optimizer off, in float.
"""
import pathlib
import tempfile
import unittest
import zlib

import quern
from quern import Net, np, onnx

SAMPLES = 8
FLOAT_STEP = 0.01   # of the largest output: the step where the output itself is not quantized
SQNR = 20       # dB that the quantized layer keeps of the float one, at least

LAYERS = {}     # name -> function(net) that adds the layer's nodes and names the outputs


def layer(function):
    LAYERS[function.__name__] = function
    return function


def conv(net, x, cin, cout, kernel=(3, 3), bias=True, group=1, **attributes):
    weight = net.weight(cout, cin // group, *kernel)
    return net.node("Conv", x, weight, *([net.bias(cout)] if bias else []), group=group,
                    kernel_shape=kernel, **attributes)


def image(net, channels=8, size=12):
    return net.input("batch", channels, size, size)


def after_conv(kind, *constants, **attributes):
    """A layer function: a convolution with an operator behind it."""
    def build(net):
        x = conv(net, image(net), 8, 16, pads=[1, 1, 1, 1])
        net.output(net.node(kind, x, *(net.constant(*c) if c else "" for c in constants),
                            **attributes))
    return build


# Conv


@layer
def conv_padded(net):
    net.output(conv(net, image(net), 8, 16, pads=[1, 1, 1, 1]))


@layer
def conv_no_bias(net):
    net.output(conv(net, image(net), 8, 16, bias=False))


@layer
def conv_pointwise(net):
    net.output(conv(net, image(net), 8, 24, (1, 1)))


@layer
def conv_strides(net):
    net.output(conv(net, image(net), 8, 16, strides=[2, 3], pads=[1, 1, 1, 1]))


@layer
def conv_uneven_pads(net):
    net.output(conv(net, image(net), 8, 16, pads=[0, 2, 1, 1]))


@layer
def conv_auto_pad(net):
    net.output(conv(net, image(net), 8, 16, strides=[2, 2], auto_pad="SAME_UPPER"))


@layer
def conv_dilations(net):
    net.output(conv(net, image(net), 8, 16, dilations=[2, 3]))


@layer
def conv_groups(net):
    net.output(conv(net, image(net), 8, 16, group=2, pads=[1, 1, 1, 1]))


@layer
def conv_depthwise(net):
    net.output(conv(net, image(net), 8, 8, group=8, pads=[1, 1, 1, 1]))


@layer
def conv_depthwise_multiplier(net):
    net.output(conv(net, image(net), 8, 16, group=8))


@layer
def conv_depthwise_multipliers(net):
    x = net.node("Relu", conv(net, image(net), 8, 24, group=8, strides=[2, 2], pads=[1, 1, 1, 1]))
    for outputs in 96, 72:
        net.output(conv(net, x, 24, outputs, group=24, dilations=[2, 2], pads=[2, 1, 1, 2]))


@layer
def conv_1d(net):
    net.output(conv(net, net.input("batch", 6, 40), 6, 12, (5,), pads=[2, 2]))


@layer
def conv_3d(net):
    net.output(conv(net, net.input("batch", 16, 6, 7, 8), 16, 16, (3, 3, 3), pads=[1] * 6))


@layer
def conv_large_kernel(net):
    net.output(conv(net, image(net, 3, 20), 3, 16, (7, 5)))


@layer
def conv_many_channels(net):
    net.output(conv(net, image(net, 128, 6), 128, 64))


@layer
def conv_dead_channels(net):
    """A filter of zeros still gives its bias, and a filter next to nothing does no harm."""
    weight = net.random.normal(0, 0.1, (8, 8, 3, 3)).astype(np.float32)
    weight[2] = 0
    weight[5] *= 1e-12
    net.output(net.node("Conv", image(net), net.constant(weight), net.bias(8)))


@layer
def conv_unlike_channels(net):
    weight = net.random.normal(0, 0.1, (8, 8, 3, 3)) * 4.0 ** np.arange(-4, 4)[:, None, None, None]
    net.output(net.node("Conv", image(net), net.constant(weight, np.float32), net.bias(8)))


@layer
def conv_large_bias(net):
    net.output(net.node("Conv", image(net), net.weight(8, 8, 3, 3),
                        net.constant(np.linspace(-300, 300, 8), np.float32)))


@layer
def conv_batch_norm(net):
    net.output(net.batch_norm(conv(net, image(net), 8, 16, bias=False), 16))


# Conv and what follows it


LAYERS["conv_relu"] = after_conv("Relu")
LAYERS["conv_relu6"] = after_conv("Clip", (0, np.float32), (6, np.float32))
LAYERS["conv_clip_two_sides"] = after_conv("Clip", (-0.5, np.float32), (0.75, np.float32))
LAYERS["conv_leaky_relu"] = after_conv("LeakyRelu", alpha=0.1)
LAYERS["conv_prelu"] = after_conv("PRelu", (np.full((16, 1, 1), 0.2), np.float32))
LAYERS["conv_elu"] = after_conv("Elu")
LAYERS["conv_sigmoid"] = after_conv("Sigmoid")
LAYERS["conv_tanh"] = after_conv("Tanh")
LAYERS["conv_hard_sigmoid"] = after_conv("HardSigmoid")
LAYERS["conv_hard_swish"] = after_conv("HardSwish")
LAYERS["conv_softmax"] = after_conv("Softmax", axis=1)
LAYERS["conv_max_pool"] = after_conv("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
LAYERS["conv_average_pool"] = after_conv("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
LAYERS["conv_global_average_pool"] = after_conv("GlobalAveragePool")
LAYERS["conv_reduce_mean"] = after_conv("ReduceMean", axes=[2, 3])
LAYERS["conv_reshape"] = after_conv("Reshape", ([0, 4, -1], np.int64))
LAYERS["conv_flatten"] = after_conv("Flatten")
LAYERS["conv_transpose_axes"] = after_conv("Transpose", perm=[0, 2, 3, 1])
LAYERS["conv_resize_nearest"] = after_conv(
    "Resize", None, ([1, 1, 2, 2], np.float32), mode="nearest",
    coordinate_transformation_mode="asymmetric", nearest_mode="floor")
LAYERS["conv_resize_linear"] = after_conv("Resize", None, ([1, 1, 2, 2], np.float32),
                                          mode="linear")
LAYERS["conv_pad"] = after_conv("Pad", ([0, 0, 1, 2, 0, 0, 3, 1], np.int64))
LAYERS["conv_slice"] = after_conv("Slice", ([2], np.int64), ([9], np.int64), ([1], np.int64))
LAYERS["conv_depth_to_space"] = after_conv("DepthToSpace", blocksize=2)
LAYERS["conv_add_constant"] = after_conv("Add", (0.7, np.float32))
LAYERS["conv_mul_channels"] = after_conv("Mul", (np.linspace(0.5, 1.5, 16).reshape(16, 1, 1),
                                                 np.float32))


@layer
def conv_silu(net):
    x = conv(net, image(net), 8, 16)
    net.output(net.node("Mul", x, net.node("Sigmoid", x)))


@layer
def conv_two_readers(net):
    x = conv(net, image(net), 8, 16)
    net.output(net.node("Relu", x), net.node("GlobalAveragePool", x))


@layer
def conv_split(net):
    x = conv(net, image(net), 8, 16)
    net.output(*net.node("Split", x, net.constant([4, 12], np.int64), outputs=2, axis=1))


@layer
def concat(net):
    x = image(net)
    branches = [net.node("Relu", conv(net, x, 8, 8)), conv(net, x, 8, 4)]
    net.output(net.node("Concat", *branches, axis=1))


@layer
def residual_add(net):
    x = image(net)
    net.output(net.node("Relu", net.node("Add", x, conv(net, x, 8, 8, pads=[1, 1, 1, 1]))))


@layer
def mul_branches(net):
    x = image(net)
    scale = net.node("Sigmoid", conv(net, net.node("GlobalAveragePool", x), 8, 8, (1, 1)))
    net.output(net.node("Mul", x, scale))


# ConvTranspose


@layer
def conv_transpose(net):
    net.output(net.node("ConvTranspose", image(net, size=6), net.weight(8, 6, 3, 3, scale=0.1),
                        net.bias(6), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]))


@layer
def conv_transpose_groups(net):
    net.output(net.node("ConvTranspose", image(net, size=6), net.weight(8, 3, 4, 4, scale=0.1),
                        net.bias(6), group=2, strides=[2, 2]))


@layer
def conv_transpose_depthwise(net):
    net.output(net.node("ConvTranspose", image(net, size=6), net.weight(8, 1, 2, 2), group=8,
                        strides=[2, 2]))


# Gemm and MatMul


@layer
def gemm(net):
    net.output(net.node("Gemm", net.input("batch", 32), net.weight(32, 20), net.bias(20)))


@layer
def gemm_no_bias(net):
    net.output(net.node("Gemm", net.input("batch", 32), net.weight(32, 20)))


@layer
def gemm_trans_b(net):
    net.output(net.node("Gemm", net.input("batch", 32), net.weight(20, 32), net.bias(20),
                        transB=1))


@layer
def gemm_trans_a(net):
    x = net.node("Transpose", net.input("batch", 32), perm=[1, 0])
    net.output(net.node("Gemm", x, net.weight(32, 20), net.bias(20), transA=1))


@layer
def gemm_alpha_beta(net):
    net.output(net.node("Gemm", net.input("batch", 32), net.weight(20, 32), net.bias(20),
                        transB=1, alpha=0.75, beta=1.5))


@layer
def gemm_alpha_no_bias(net):
    net.output(net.node("Gemm", net.input("batch", 32), net.weight(32, 20), alpha=1.25))


@layer
def gemm_scalar_bias(net):
    net.output(net.node("Gemm", net.input("batch", 32), net.weight(32, 20),
                        net.constant(0.3, np.float32)))


@layer
def gemm_relu_gemm(net):
    x = net.node("Gemm", net.input("batch", 32), net.weight(32, 32), net.bias(32))
    net.output(net.node("Gemm", net.node("Relu", x), net.weight(32, 10), net.bias(10)))


@layer
def matmul(net):
    net.output(net.node("MatMul", net.input("batch", 48), net.weight(48, 24)))


@layer
def matmul_square(net):
    net.output(net.node("MatMul", net.input("batch", 32), net.weight(32, 32)))


@layer
def matmul_rank_3(net):
    net.output(net.node("MatMul", net.input("batch", 7, 48), net.weight(48, 24)))


@layer
def matmul_constant_rank_3(net):
    net.output(net.node("MatMul", net.input("batch", 7, 24), net.weight(1, 24, 16)))


@layer
def matmul_add(net):
    x = net.node("MatMul", net.input("batch", 7, 48), net.weight(48, 24))
    net.output(net.node("Add", x, net.bias(24)))


@layer
def matmul_add_relu(net):
    x = net.node("MatMul", net.input("batch", 48), net.weight(48, 24))
    net.output(net.node("Relu", net.node("Add", net.bias(24), x)))


@layer
def matmul_weight_first(net):
    net.output(net.node("MatMul", net.weight(24, 48), net.input("batch", 48, 7)))


@layer
def matmul_two_activations(net):
    net.output(net.node("MatMul", net.input("batch", 4, 16), net.input("batch", 16, 9)))


@layer
def attention(net):
    x = net.input("batch", 10, 16)
    q, k, v = (net.node("MatMul", x, net.weight(16, 16)) for _ in range(3))
    scores = net.node("MatMul", q, net.node("Transpose", k, perm=[0, 2, 1]))
    weights = net.node("Softmax", net.node("Mul", scores, net.constant(0.25, np.float32)))
    net.output(net.node("MatMul", weights, v))


EXACT = ["conv_padded", "conv_no_bias", "conv_pointwise", "conv_strides", "conv_uneven_pads",
         "conv_auto_pad", "conv_dilations", "conv_groups", "conv_depthwise",
         "conv_depthwise_multiplier", "conv_1d", "conv_3d", "conv_large_kernel",
         "conv_many_channels", "conv_dead_channels", "conv_unlike_channels", "conv_large_bias",
         "conv_relu", "conv_relu6", "gemm", "gemm_no_bias", "gemm_trans_b", "gemm_alpha_beta",
         "matmul", "matmul_square", "matmul_rank_3", "matmul_add"]
STEPS, SHARE = 1, 0.01   # how far two outputs may be apart, and how many may be apart at all
TOLERANCE = {            # where it is more, as name: (steps, share)
    "conv_average_pool": (1, 0.1),   # the mean of a few codes often lies half-way between two
    "conv_softmax": (1, 0.1),        # ONNX Runtime's integer kernel works from a table
    "attention": (2, 0.05),          # five layers in a row
}
QUANTIZED = {"DequantizeLinear", "QGemm", "MatMulIntegerToFloat", "ConvInteger", "MatMulInteger"}
STAY_FLOAT = {   # refused, since nothing of the model runs in integers: as name: the reason given
    "conv_transpose": "no integer kernel",
    "conv_transpose_groups": "no integer kernel",
    "conv_transpose_depthwise": "no integer kernel",
    "matmul_two_activations": "both inputs are activations"}


def step_sizes(model):
    """The step of each output that comes out of a DequantizeLinear."""
    constants = quern.initializers(model)
    producers = {name: node for node in model.graph.node for name in node.output}
    sizes = {}
    for output in model.graph.output:
        node = producers[output.name]
        if node.op_type == "DequantizeLinear":
            sizes[output.name] = float(constants[node.input[1]])
    return sizes


class Layers(unittest.TestCase):
    def check(self, name, *options, opset=17):
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            net = Net(zlib.crc32(name.encode()))
            LAYERS[name](net)
            path = net.save(directory / "float.onnx", opset)
            samples = net.samples(SAMPLES)
            data = quern.write_samples(directory / "data", samples)
            out = directory / "int8.onnx"
            if name in STAY_FLOAT:
                refused = quern.start("quantize", path, "--data", data, "-o", out, *options)
                self.assertEqual(refused.returncode, 1)
                self.assertIn(STAY_FLOAT[name], refused.stderr)
                self.assertFalse(out.exists())
                return
            quern.run("quantize", path, "--data", data, "-o", out, *options)
            model = onnx.load(out)
            onnx.checker.check_model(model, full_check=True)
            self.assertTrue(QUANTIZED & quern.operators(model).keys())

            ours = quern.simulate(out, data)
            self.assertEqual(len(ours), SAMPLES)
            for optimize in True, False:
                self.check_equal(ours, quern.ort_run(out, samples, optimize), step_sizes(model),
                                 *TOLERANCE.get(name, (STEPS, SHARE)), f"optimize={optimize}")
            if name in EXACT and not options:
                self.check_equal(ours, quern.ort_run(out, samples, True), step_sizes(model), 0, 0,
                                 "integer kernels")
            self.check_near(ours, quern.ort_run(path, samples))

    def check_equal(self, ours, theirs, sizes, steps, share, runtime):
        """Almost all outputs are the same, and none is more than `steps` away."""
        for key in theirs[0]:
            a, b = (np.stack([sample[key] for sample in side]) for side in (ours, theirs))
            self.assertEqual(a.shape, b.shape)
            away = np.abs(a - b) / sizes.get(key, FLOAT_STEP * np.abs(b).max())
            self.assertLess(away.max(), steps + 0.01, f"{runtime}: steps between '{key}'")
            self.assertLessEqual(np.mean(away > 0.001), share,
                                 f"{runtime}: share of '{key}' that differs")

    def check_near(self, ours, exact):
        """The quantized outputs are near the float ones."""
        for key in exact[0]:
            a, b = (np.stack([sample[key] for sample in side]) for side in (ours, exact))
            noise = np.square(a - b).mean() / np.square(b).mean()
            self.assertGreater(-10 * np.log10(noise + 1e-30), SQNR, f"SQNR of '{key}'")

    def test_weights_by_tensor(self):
        for name in "conv_padded", "conv_depthwise", "gemm", "matmul_add":
            with self.subTest(name):
                self.check(name, "--weights", "int8,tensor")

    def test_unsigned_weights(self):
        for name in "conv_padded", "gemm", "matmul":
            with self.subTest(name):
                self.check(name, "--weights", "uint8,tensor,asymmetric")

    def test_signed_activations(self):
        for name in "conv_padded", "conv_relu", "gemm", "residual_add":
            with self.subTest(name):
                self.check(name, "--activations", "int8")

    def test_symmetric_activations(self):
        for name in "conv_padded", "conv_relu", "gemm":
            with self.subTest(name):
                self.check(name, "--activations", "int8,symmetric")

    def test_elementwise(self):
        for name in "residual_add", "mul_branches", "concat", "conv_global_average_pool", \
                "conv_average_pool", "conv_sigmoid", "conv_softmax", "conv_leaky_relu", "conv_silu":
            with self.subTest(name):
                self.check(name, "--elementwise")
                self.check(name, "--elementwise", "--format", "qoperator")

    def test_qoperator(self):
        for name in "conv_groups", "conv_3d", "conv_relu6", "conv_max_pool", "gemm_trans_b", \
                "gemm_alpha_beta", "matmul", "matmul_add":
            with self.subTest(name):
                self.check(name, "--format", "qoperator")
                self.check(name, "--format", "qoperator", "--target", "generic")

    def test_dynamic(self):
        for name in "conv_groups", "conv_1d", "conv_3d", "conv_depthwise", "gemm_trans_b", \
                "gemm_alpha_beta", "matmul", "matmul_add":
            with self.subTest(name):
                self.check(name, "--format", "dynamic")

    def test_opset_13(self):
        for name in "conv_relu6", "gemm_trans_b", "matmul_add", "concat":
            with self.subTest(name):
                self.check(name, opset=13)

    def test_opset_21(self):
        for name in "conv_relu6", "gemm_trans_b", "matmul_add", "concat":
            with self.subTest(name):
                self.check(name, opset=21)


for layer_name in LAYERS:
    setattr(Layers, f"test_{layer_name}", lambda self, name=layer_name: self.check(name))


if __name__ == "__main__":
    unittest.main()
