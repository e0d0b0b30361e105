# SPDX-License-Identifier: Apache-2.0
"""The passes that prepare a model simplify it, and ONNX Runtime computes what it did before."""
import pathlib
import tempfile
import unittest
import zlib

import quern
from quern import Net, np, onnx

TOLERANCE = 1e-5   # of the largest output
FOLD = "fold-constants,clean-up,fold-bn,clean-up"


class Prepare(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.net = Net(zlib.crc32(self.id().encode()))

    def convert(self, passes, opset=17):
        """Converts self.net, checks that its results are kept, and returns the new model."""
        before = self.net.save(self.directory / "before.onnx", opset)
        after = self.directory / "after.onnx"
        quern.run("convert", before, "-o", after, "--pass", passes)
        model = onnx.load(after)
        onnx.checker.check_model(model, full_check=True)
        samples = self.net.samples(3)
        for a, b in zip(quern.ort_run(after, samples), quern.ort_run(before, samples)):
            self.assertEqual(a.keys(), b.keys())
            for name in b:
                self.assertEqual((a[name].shape, a[name].dtype), (b[name].shape, b[name].dtype))
                self.assertLess(quern.relative_difference(a[name], b[name]), TOLERANCE, name)
        return model

    def check_folded(self, count=0, passes=FOLD):
        """As convert, and `count` BatchNormalization nodes are left."""
        model = self.convert(passes)
        self.assertEqual(quern.operators(model)["BatchNormalization"], count)
        return model


class FoldBatchNorm(Prepare):
    def image(self, channels=6):
        return self.net.input("batch", channels, 9, 9)

    def test_conv(self):
        net = self.net
        x = net.node("Conv", self.image(), net.weight(8, 6, 3, 3), pads=[1, 1, 1, 1])
        net.output(net.batch_norm(x, 8, epsilon=1e-3))
        self.assertEqual(quern.operators(self.check_folded()), {"Conv": 1})

    def test_conv_bias_groups(self):
        net = self.net
        x = net.node("Conv", self.image(), net.weight(8, 3, 3, 3), net.bias(8), group=2)
        net.output(net.batch_norm(x, 8))
        self.check_folded()

    def test_conv_depthwise(self):
        net = self.net
        x = net.node("Conv", self.image(), net.weight(12, 1, 3, 3), group=6, strides=[2, 2])
        net.output(net.node("Relu", net.batch_norm(x, 12)))
        self.check_folded()

    def test_conv_1d_and_3d(self):
        net = self.net
        x = net.node("Conv", net.input("batch", 4, 20), net.weight(6, 4, 5))
        y = net.node("Conv", net.input("batch", 2, 5, 6, 7), net.weight(3, 2, 3, 3, 3))
        net.output(net.batch_norm(x, 6), net.batch_norm(y, 3))
        self.check_folded()

    def test_weight_behind_identity(self):
        net = self.net
        weight = net.node("Identity", net.weight(8, 6, 3, 3))
        net.output(net.batch_norm(net.node("Conv", self.image(), weight), 8))
        self.check_folded()

    def test_shared_weight(self):
        """Each of the two Convs gets its own weight; one has no normalization."""
        net = self.net
        x, weight, bias = self.image(), net.weight(8, 6, 3, 3), net.bias(8)
        net.output(net.batch_norm(net.node("Conv", x, weight, bias), 8),
                   net.batch_norm(net.node("Conv", x, weight, bias), 8),
                   net.node("Conv", x, weight, bias))
        self.check_folded()

    def test_conv_with_a_second_reader(self):
        """The Conv's own result is wanted too, so its weights stay."""
        net = self.net
        x = net.node("Conv", self.image(), net.weight(8, 6, 3, 3))
        net.output(net.batch_norm(x, 8), net.node("Relu", x))
        self.convert(FOLD)

    def test_conv_that_is_an_output(self):
        net = self.net
        x = net.node("Conv", self.image(), net.weight(8, 6, 3, 3))
        net.output(x, net.batch_norm(x, 8))
        self.convert(FOLD)

    def test_two_norms(self):
        net = self.net
        x = net.node("Conv", self.image(), net.weight(8, 6, 3, 3))
        net.output(net.batch_norm(net.batch_norm(x, 8), 8))
        self.check_folded()

    def test_before_conv(self):
        net = self.net
        x = net.batch_norm(self.image(), 6)
        net.output(net.node("Conv", x, net.weight(8, 6, 3, 3), net.bias(8)))
        self.check_folded()

    def test_before_grouped_conv(self):
        net = self.net
        x = net.batch_norm(self.image(), 6)
        net.output(net.node("Conv", x, net.weight(8, 3, 3, 3), group=2))
        self.check_folded()

    def test_before_padded_conv(self):
        """A padded zero is not a normalized zero: whatever becomes of it, the border is right."""
        net = self.net
        x = net.batch_norm(self.image(), 6)
        net.output(net.node("Conv", x, net.weight(8, 6, 3, 3), pads=[1, 1, 1, 1]))
        self.convert(FOLD)

    def test_before_relu_and_conv(self):
        net = self.net
        x = net.node("Relu", net.batch_norm(self.image(), 6))
        net.output(net.node("Conv", x, net.weight(8, 6, 3, 3)))
        self.convert(FOLD)

    def test_conv_transpose(self):
        net = self.net
        x = net.node("ConvTranspose", self.image(), net.weight(6, 8, 3, 3), strides=[2, 2])
        net.output(net.batch_norm(x, 8))
        self.check_folded()

    def test_conv_transpose_groups(self):
        net = self.net
        x = net.node("ConvTranspose", self.image(), net.weight(6, 4, 3, 3), net.bias(8), group=2)
        net.output(net.batch_norm(x, 8))
        self.check_folded()

    def test_gemm(self):
        net = self.net
        x = net.node("Gemm", net.input("batch", 10), net.weight(10, 8), net.bias(8))
        net.output(net.batch_norm(x, 8))
        self.check_folded()

    def test_gemm_with_everything(self):
        net = self.net
        x = net.node("Gemm", net.input("batch", 10), net.weight(8, 10), net.bias(8), transB=1,
                     alpha=0.5, beta=2.0)
        net.output(net.batch_norm(x, 8))
        self.check_folded()

    def test_matmul_add(self):
        net = self.net
        x = net.node("MatMul", net.input("batch", 10), net.weight(10, 8))
        net.output(net.batch_norm(net.node("Add", x, net.bias(8)), 8))
        self.check_folded()

    def test_matmul(self):
        net = self.net
        x = net.node("MatMul", net.input("batch", 10), net.weight(10, 8))
        net.output(net.batch_norm(x, 8))
        self.convert(FOLD)

    def test_alone(self):
        """Nothing to fold it into."""
        net = self.net
        net.output(net.node("Relu", net.batch_norm(net.node("Relu", self.image()), 6)))
        self.convert(FOLD)

    def test_running_variance_of_zero(self):
        net = self.net
        x = net.node("Conv", self.image(), net.weight(8, 6, 3, 3))
        net.output(net.node("BatchNormalization", x, net.positive(8), net.bias(8), net.bias(8),
                            net.constant(np.zeros(8), np.float32)))
        self.check_folded()


class CleanUp(Prepare):
    def test_identity_and_dropout(self):
        net = self.net
        x = net.node("Identity", net.input("batch", 6, 9, 9))
        x = net.node("Dropout", net.node("Conv", x, net.weight(8, 6, 3, 3)))
        net.output(net.node("Identity", net.node("Relu", net.node("Identity", x))))
        self.assertEqual(quern.operators(self.convert("clean-up")), {"Conv": 1, "Relu": 1})

    def test_input_to_output(self):
        """Between an input and an output something has to stand."""
        net = self.net
        net.output(net.node("Identity", net.node("Identity", net.input("batch", 6))))
        self.assertEqual(quern.operators(self.convert("clean-up")), {"Identity": 1})

    def test_one_value_two_outputs(self):
        net = self.net
        x = net.node("Relu", net.input("batch", 6))
        net.output(x, net.node("Identity", x))
        self.convert("clean-up")

    def test_unused_nodes(self):
        net = self.net
        x = net.input("batch", 6)
        net.node("Exp", net.node("Abs", x))
        net.node("Add", net.weight(6, 6), net.weight(6, 6))
        net.output(net.node("Relu", x))
        model = self.convert("clean-up")
        self.assertEqual(quern.operators(model), {"Relu": 1})
        self.assertEqual(len(model.graph.initializer), 0)

    def test_nothing_operators(self):
        """A Cast to the same type, a Transpose that keeps the order."""
        net = self.net
        x = net.node("Cast", net.input("batch", 6, 4), to=onnx.TensorProto.FLOAT)
        net.output(net.node("Relu", net.node("Transpose", x, perm=[0, 1, 2])))
        self.convert("clean-up")


class FoldConstants(Prepare):
    def test_all_constant(self):
        net = self.net
        weight = net.node("Transpose", net.node("Mul", net.weight(8, 10), net.constant(
            2, np.float32)), perm=[1, 0])
        net.output(net.node("MatMul", net.input("batch", 10), weight))
        self.assertEqual(quern.operators(self.convert("fold-constants,clean-up")), {"MatMul": 1})

    def test_constant_nodes(self):
        net = self.net
        low, high = (net.node("Constant", value_float=v) for v in (0.0, 6.0))
        net.output(net.node("Clip", net.input("batch", 10), low, high))
        self.assertEqual(quern.operators(self.convert("fold-constants,clean-up")), {"Clip": 1})

    def test_shape_arithmetic(self):
        """What PyTorch writes for x.reshape(x.shape[0], x.shape[1] * x.shape[2])."""
        net = self.net
        x = net.input("batch", 4, 5)
        def dimension(i):
            at = net.node("Gather", net.node("Shape", x), net.constant(i, np.int64), axis=0)
            return net.node("Unsqueeze", at, net.constant([0], np.int64))
        rest = net.node("Mul", dimension(1), dimension(2))
        shape = net.node("Concat", dimension(0), rest, axis=0)
        net.output(net.node("Relu", net.node("Reshape", x, shape)))
        self.convert("fold-constants,clean-up")

    def test_shape_of_known_size(self):
        net = self.net
        x = net.input(1, 4, 5)
        shape = net.node("Slice", net.node("Shape", x), net.constant([0], np.int64),
                         net.constant([1], np.int64))
        shape = net.node("Concat", shape, net.constant([-1], np.int64), axis=0)
        net.output(net.node("Relu", net.node("Reshape", x, shape)))
        self.assertEqual(quern.operators(self.convert("fold-constants,clean-up")),
                         {"Reshape": 1, "Relu": 1})

    def test_pads_from_constant_of_shape(self):
        net = self.net
        zeros = net.node("ConstantOfShape", net.constant([4], np.int64),
                         value=onnx.helper.make_tensor("v", onnx.TensorProto.INT64, [1], [0]))
        pads = net.node("Cast", net.node("Concat", net.constant([0, 1, 0, 2], np.int64), zeros,
                                         axis=0), to=onnx.TensorProto.INT64)
        net.output(net.node("Pad", net.input("batch", 2, 5, 5), pads))
        self.assertEqual(quern.operators(self.convert("fold-constants,clean-up")), {"Pad": 1})

    def test_random_numbers_stay(self):
        """A node with no inputs that gives another result every time is no constant."""
        net = self.net
        noise = net.node("RandomNormal", shape=[1, 6])
        zero = net.constant(0, np.float32)
        net.output(net.node("Add", net.input("batch", 6), net.node("Mul", noise, zero)))
        self.assertEqual(quern.operators(self.convert("fold-constants,clean-up"))["RandomNormal"],
                         1)


class RaiseOpset(Prepare):
    """Each operator that changed between the opsets 7 and 13, in its old form."""

    def check(self, opset):
        model = self.convert("raise-opset", opset)
        self.assertGreaterEqual(model.opset_import[0].version, 13)

    def each(self, opsets, kind, shape, inputs=1, outputs=1, **attributes):
        """A node with only attributes, at several opsets."""
        for opset in opsets:
            with self.subTest(opset=opset):
                self.net = net = Net(opset)
                result = net.node(kind, *(net.input(*shape) for _ in range(inputs)),
                                  outputs=outputs, **attributes)
                net.output(*([result] if outputs == 1 else result))
                self.check(opset)

    def test_convolution(self):
        for opset in range(7, 13):
            with self.subTest(opset=opset):
                self.net = net = Net(opset)
                x = net.node("Conv", net.input(1, 3, 8, 8), net.weight(4, 3, 3, 3), net.bias(4))
                x = net.node("Relu", net.batch_norm(x, 4))
                x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
                x = net.node("Flatten", net.node("Add", x, net.bias(3)))
                net.output(net.node("Gemm", x, net.weight(36, 5), net.bias(5)))
                self.check(opset)

    def test_softmax(self):
        """Until 12, everything behind the axis is one row."""
        for kind in "Softmax", "LogSoftmax", "Hardmax":
            for axis in 1, 2, 3:
                self.each((7, 11, 12), kind, (1, 3, 4, 5), axis=axis)

    def test_softmax_without_axis(self):
        self.each((7, 12), "Softmax", (1, 3, 4, 5))

    def test_clip(self):
        self.each((7, 10), "Clip", (1, 8), min=-0.25, max=0.5)

    def test_clip_one_side(self):
        self.each((7, 10), "Clip", (1, 8), max=0.5)

    def test_dropout(self):
        self.each((7, 10), "Dropout", (1, 8), ratio=0.3)

    def test_pad(self):
        for mode in "constant", "reflect", "edge":
            self.each((7, 10), "Pad", (1, 2, 5, 6), mode=mode, pads=[0, 0, 1, 2, 0, 0, 3, 1])

    def test_pad_value(self):
        self.each((7, 10), "Pad", (1, 5), pads=[0, 1, 0, 2], value=1.5)

    def test_slice(self):
        self.each((7, 9), "Slice", (1, 5, 6), starts=[1, 0], ends=[9, -1], axes=[1, 2])

    def test_slice_without_axes(self):
        self.each((7, 9), "Slice", (1, 5, 6), starts=[0, 1], ends=[1, 4])

    def test_squeeze(self):
        self.each((7, 11, 12), "Squeeze", (1, 4, 1, 3), axes=[0, 2])

    def test_squeeze_all(self):
        self.each((7, 12), "Squeeze", (1, 4, 1, 3))

    def test_unsqueeze(self):
        self.each((7, 11, 12), "Unsqueeze", (1, 4), axes=[0, 3])

    def test_split(self):
        self.each((7, 11, 12), "Split", (1, 6, 4), outputs=2, axis=1, split=[2, 4])

    def test_split_evenly(self):
        self.each((7, 12), "Split", (1, 6, 4), outputs=3, axis=1)

    def test_reduce(self):
        for kind in "ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2":
            self.each((7, 11, 12), kind, (1, 3, 4, 5), axes=[1, 3], keepdims=0)

    def test_top_k(self):
        for opset in 7, 9:
            with self.subTest(opset=opset):
                self.net = net = Net(opset)
                values, at = net.node("TopK", net.input(1, 12), outputs=2, k=3)
                net.output(values)
                net.output(at, type=onnx.TensorProto.INT64)
                self.check(opset)

    def test_upsample_attribute(self):
        for mode in "nearest", "linear":
            self.each((7, 8), "Upsample", (1, 2, 4, 5), mode=mode, scales=[1.0, 1.0, 2.0, 3.0])

    def upsample(self, kind, opset, mode, scales):
        self.net = net = Net(opset)
        net.output(net.node(kind, net.input(1, 2, 4, 5), net.constant(scales, np.float32),
                            mode=mode))
        self.check(opset)

    def test_upsample_input(self):
        for mode in "nearest", "linear":
            with self.subTest(mode=mode):
                self.upsample("Upsample", 9, mode, [1, 1, 2, 3])

    def test_resize_10(self):
        for mode in "nearest", "linear":
            for scales in [1, 1, 2, 3], [1, 1, 1.5, 2.5], [1, 1, 0.5, 0.6]:
                with self.subTest(mode=mode, scales=scales):
                    self.upsample("Resize", 10, mode, scales)

    def test_max_and_sum(self):
        for kind in "Max", "Min", "Sum", "Mean":
            self.each((7, 8, 12), kind, (1, 6), inputs=3)

    def test_elementwise(self):
        for kind in "Add", "Sub", "Mul", "Div":
            self.each((7, 12), kind, (1, 6), inputs=2)

    def test_pools(self):
        self.each((7, 10, 12), "AveragePool", (1, 2, 7, 7), kernel_shape=[3, 3], strides=[2, 2],
                  pads=[1, 1, 1, 1])
        self.each((7, 10, 12), "MaxPool", (1, 2, 7, 7), kernel_shape=[3, 3], strides=[2, 2])

    def test_recurrent(self):
        for opset in 7, 12:
            with self.subTest(opset=opset):
                self.net = net = Net(opset)
                _, h, _ = net.node("LSTM", net.input(5, 1, 6), net.weight(1, 16, 6),
                                   net.weight(1, 16, 4), outputs=3, hidden_size=4)
                net.output(h)
                self.check(opset)

    def test_newer(self):
        for opset in 13, 17, 21:
            with self.subTest(opset=opset):
                self.net = net = Net(opset)
                net.output(net.node("Softmax", net.input(1, 3, 4)))
                model = self.convert("raise-opset", opset)
                self.assertGreaterEqual(model.opset_import[0].version, opset)


if __name__ == "__main__":
    unittest.main()
