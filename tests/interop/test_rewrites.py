# SPDX-License-Identifier: Apache-2.0
"""Passes that put other operators in the place of some: ONNX Runtime computes what it did before.
"""
import pathlib
import tempfile
import unittest
import zlib

import quern
from quern import Net, helper, np, onnx

TOLERANCE = 1e-5   # of the largest output
PREPARE = ("unfuse,fold-constants,clean-up,join-duplicates,raise-opset,merge-pad,fold-bn,"
           "fuse-activations,fuse-norms")
TRIALS = 8


class Rewrites(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.random = np.random.RandomState(zlib.crc32(self.id().encode()))
        self.net = Net(self.random.randint(1 << 30))

    def check(self, passes, opset, *options):
        """Converts self.net and returns how often each operator is left. A new net is begun."""
        net, self.net = self.net, Net(self.random.randint(1 << 30))
        graph = helper.make_graph(net.nodes, "test", net.inputs, net.outputs, net.initializers)
        model = helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)])
        before, after = self.directory / "before.onnx", self.directory / "after.onnx"
        onnx.save(model, before)
        quern.run("convert", before, "-o", after, "--pass", passes, "--verify", *options)
        samples = net.samples(2)
        for a, b in zip(*(quern.ort_run(model, samples, False) for model in (after, before))):
            for name in b:
                self.assertEqual((a[name].shape, a[name].dtype), (b[name].shape, b[name].dtype))
                self.assertLess(quern.relative_difference(a[name], b[name]), TOLERANCE, name)
        model = onnx.load(after)
        self.assertFalse([node.op_type for node in model.graph.node if node.domain])
        return quern.operators(model)

    def numbers(self, **values):
        return {name: self.net.constant(v, np.float32) for name, v in values.items()}


class Unfuse(Rewrites):
    def test_conv(self):
        kinds = {"Clip": [-.25, .5], "HardSigmoid": [.2, .5], "LeakyRelu": [.125], "Relu": [],
                 "Sigmoid": [], "Tanh": [], "HardSwish": []}
        for opset in (9, 11, 13):
            for kind, parameters in kinds.items():
                net = self.net
                group = int(self.random.choice([1, 2]))
                inputs = [net.input(1, 4, 7, 7), net.weight(6, 4 // group, 3, 3)]
                if self.random.rand() < .6:
                    inputs.append(net.bias(6))
                attributes = {"activation_params": parameters} if parameters else {}
                net.output(net.node("FusedConv", *inputs, domain="com.microsoft", group=group,
                                    pads=[1, 1, 1, 1], activation=kind, **attributes))
                self.assertEqual(self.check("unfuse", opset)["Conv"], 1)

    def test_conv_sum(self):
        net = self.net
        x, w, b, z = (net.input(1, 3, 6, 6), net.weight(4, 3, 3, 3), net.bias(4),
                      net.input(1, 4, 4, 4))
        net.output(net.node("FusedConv", x, w, b, z, domain="com.microsoft", activation="Relu"))
        self.assertEqual(self.check("unfuse", 13), {"Conv": 1, "Add": 1, "Relu": 1})

    def test_gemm(self):
        for kind, parameters in {"Elu": "alpha", "HardSigmoid": "alpha beta", "LeakyRelu": "alpha",
                                 "Relu": "", "Selu": "alpha gamma", "Softplus": "", "Tanh": "",
                                 "Sigmoid": "", "Softsign": "", "ThresholdedRelu": "alpha"}.items():
            net = self.net
            values = {f"activation_{p}": float(self.random.uniform(.1, 1))
                      for p in parameters.split()}
            net.output(net.node("FusedGemm", net.input(3, 5), net.weight(4, 5), net.bias(4),
                                domain="com.microsoft", transB=1, alpha=.5, activation=kind,
                                **values))
            self.assertEqual(self.check("unfuse", 13), {"Gemm": 1, kind: 1})

    def test_matmul(self):
        for _ in range(TRIALS):
            net = self.net
            ta, tb, fa, fb = (int(v) for v in self.random.randint(0, 2, 4))
            batch, (m, n, k) = [2, 3], (int(v) for v in self.random.randint(1, 6, 3))
            sides = []
            for turned, far, rows, columns in ((ta, fa, m, k), (tb, fb, k, n)):
                matrix = [columns, rows] if turned else [rows, columns]
                sides.append(net.input(*([matrix[0], *batch, matrix[1]] if far
                                         else [*batch, *matrix])))
            net.output(net.node("FusedMatMul", *sides, domain="com.microsoft", transA=ta,
                                transB=tb, transBatchA=fa, transBatchB=fb, alpha=.25))
            self.assertEqual(self.check("unfuse", 13)["MatMul"], 1)

    def test_quick_gelu(self):
        net = self.net
        net.output(net.node("QuickGelu", net.input(2, 5), domain="com.microsoft"))
        self.assertEqual(self.check("unfuse", 13), {"Mul": 2, "Sigmoid": 1})


class Fuse(Rewrites):
    def hard_swish(self, order):
        net, c = self.net, self.numbers(zero=0, three=3, six=6)
        x = net.node("Neg", net.input(2, 3, 5, 5))
        gate = net.node("Clip", net.node("Add", x, c["three"]), c["zero"], c["six"])
        if order:
            net.output(net.node("Mul", net.node("Div", gate, c["six"]), x))
        else:
            net.output(net.node("Div", net.node("Mul", x, gate), c["six"]))

    def test_hard_swish(self):
        for order in (0, 1):
            self.hard_swish(order)
            self.assertEqual(self.check("fuse-activations", 13),
                             {"Neg": 1, "HardSigmoid": 1, "Mul": 1})
            self.hard_swish(order)
            self.assertEqual(self.check("fuse-activations", 14), {"Neg": 1, "HardSwish": 1})
            self.hard_swish(order)
            self.assertEqual(self.check("fuse-activations", 13, "--target", "openvino")["Clip"], 1)

    def test_gelu(self):
        for tanh in (0, 1):
            net, c = self.net, self.numbers(root=2 ** .5, one=1, half=.5, three=3, k=.044715,
                                            s=(2 / np.pi) ** .5)
            x = net.node("Neg", net.input(2, 3, 5))
            if tanh:
                cube = net.node("Mul", net.node("Pow", x, c["three"]), c["k"])
                inner = net.node("Tanh", net.node("Mul", net.node("Add", x, cube), c["s"]))
            else:
                inner = net.node("Erf", net.node("Div", x, c["root"]))
            y = net.node("Mul", x, net.node("Add", inner, c["one"]))
            net.output(net.node("Mul", y, c["half"]))
            self.assertEqual(self.check("fuse-activations", 20), {"Neg": 1, "Gelu": 1})

    def test_mish(self):
        net = self.net
        x = net.node("Neg", net.input(2, 3, 5))
        net.output(net.node("Mul", x, net.node("Tanh", net.node("Softplus", x))))
        self.assertEqual(self.check("fuse-activations", 18), {"Neg": 1, "Mish": 1})

    def test_layer_norm(self):
        net, c = self.net, self.numbers(two=2, e=1e-3)
        x = net.node("Neg", net.input(2, 3, 8))
        d = net.node("Sub", x, net.node("ReduceMean", x, axes=[-1]))
        v = net.node("ReduceMean", net.node("Pow", d, c["two"]), axes=[-1])
        y = net.node("Div", d, net.node("Sqrt", net.node("Add", v, c["e"])))
        net.output(net.node("Add", net.node("Mul", y, net.positive(8)), net.bias(8)))
        self.assertEqual(self.check("fuse-norms", 17), {"Neg": 1, "LayerNormalization": 1})

    def test_rms_norm(self):
        net, c = self.net, self.numbers(two=2, e=1e-3, one=1)
        x, axes = net.node("Neg", net.input(2, 3, 8)), net.constant([-1], np.int64)
        v = net.node("ReduceMean", net.node("Pow", x, c["two"]), axes)
        root = net.node("Div", c["one"], net.node("Sqrt", net.node("Add", v, c["e"])))
        net.output(net.node("Mul", net.positive(8), net.node("Mul", x, root)))
        self.assertEqual(self.check("fuse-norms", 23), {"Neg": 1, "RMSNormalization": 1})


class MergePad(Rewrites):
    def pad(self, x, amounts, *value):
        pads = [0, 0, *amounts[:2], 0, 0, *amounts[2:]]
        return self.net.node("Pad", x, self.net.constant(pads, np.int64), *value)

    def test_conv(self):
        for _ in range(TRIALS):
            net = self.net
            x = self.pad(net.input(1, 2, 7, 7), [int(v) for v in self.random.randint(0, 3, 4)])
            own = [int(v) for v in self.random.randint(0, 2, 4)]
            net.output(net.node("Conv", x, net.weight(3, 2, 3, 3), pads=own, strides=[2, 1]))
            self.assertEqual(self.check("merge-pad", 13), {"Conv": 1})

    def test_pools(self):
        net = self.net
        x = net.node("Relu", net.input(1, 2, 7, 7))
        net.output(net.node("AveragePool", self.pad(x, [1, 0, 2, 1]), kernel_shape=[3, 3]))
        net.output(net.node("MaxPool", self.pad(x, [1, 0, 2, 1]), kernel_shape=[3, 3]))
        low = net.constant(-np.inf, np.float32)
        net.output(net.node("MaxPool", self.pad(net.inputs[0].name, [1, 1, 1, 1], low),
                            kernel_shape=[3, 3], strides=[2, 2]))
        self.assertEqual(self.check("merge-pad", 13), {"Relu": 1, "AveragePool": 1, "MaxPool": 2})


@unittest.skipUnless(quern.MATERIAL.is_dir(), f"there are no models at {quern.MATERIAL}")
class Material(unittest.TestCase):
    """Real models, and what should be left of them."""

    def check(self, name, shape, *absent):
        path = quern.MATERIAL / name / "model.onnx"
        x = np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)
        sample = [{quern.ort_session(path).get_inputs()[0].name: x}]
        with tempfile.TemporaryDirectory() as directory:
            after = pathlib.Path(directory) / "after.onnx"
            quern.run("convert", path, "-o", after, "--pass", PREPARE, "--verify")
            for a, b in zip(quern.ort_run(after, sample), quern.ort_run(path, sample)):
                for output in b:
                    self.assertLess(np.abs(a[output] - b[output]).max(),
                                    1e-4 * max(1, np.abs(b[output]).max()), output)
            left = quern.operators(onnx.load(after))
        for operator in absent:
            self.assertEqual(left[operator], 0, operator)

    def test_osf_mnv3_detection(self):
        self.check("osf_mnv3_detection", (1, 3, 224, 224), "FusedConv")

    def test_osf_retinaface_640(self):
        self.check("osf_retinaface_640", (1, 3, 640, 640), "FusedConv", "Upsample")

    def test_ppocr_cls_v2_p2o(self):
        self.check("ppocr_cls_v2_p2o", (2, 3, 48, 192), "Clip", "Div")

    def test_mbv2_035_bn_cifar10probe(self):
        self.check("mbv2_035_bn_cifar10probe", (1, 3, 32, 32), "Pad", "BatchNormalization")

    def test_all_layers_are_quantized(self):
        for name in ("osf_mnv3_detection", "osf_retinaface_640"):
            with tempfile.TemporaryDirectory() as directory:
                done = quern.start("quantize", quern.MATERIAL / name / "model.onnx", "-o",
                                   pathlib.Path(directory) / "q.onnx", "--data", "random", "-n", 1,
                                   "--target", "openvino", "--min-sqnr", 0)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stdout + done.stderr, r"layers +(\d+) of \1 quantized")


if __name__ == "__main__":
    unittest.main()
