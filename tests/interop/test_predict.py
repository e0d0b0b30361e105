# SPDX-License-Identifier: Apache-2.0
"""`quern check` of quantized models against what ONNX Runtime and OpenVINO make of them.

Nodes are matched by name, see verdicts.py; what has no kernel of its name is left out. "wrong" and
"fails" are checked by running: the model must then be refused, or differ from the float arithmetic
of its Q and DQ nodes; where neither is predicted it must not. QUERN_ALL_MODELS=1 takes all real
models, not only the fast ones, and prints where prediction and truth differ.
"""
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import quern
import verdicts
from predict_nets import NETS, Net
from quern import helper, np, onnx

FAST = ["ad_autoencoder_gemm_bn", "bvae_decoder", "bvae_encoder", "fsanet_var", "keypoint_mlp",
        "mbv1_025_imagenet_bn", "mnist_cntk", "mobilenetv2_cifar_ts_bn", "pfld_bn",
        "point_history_lstm", "resnet20_cifar10_bn", "super_resolution", "yunet_n_320"]
VARIANTS = {
    "onnxruntime": ("--target", "onnxruntime"),
    "openvino": ("--target", "openvino"),
    "openvino, fakequantize": ("--target", "openvino", "--format", "fakequantize"),
}
ALL = "QUERN_ALL_MODELS" in os.environ
AGREE = 0.98
# Foreseen is what processors without AMX do; with it OpenVINO has no integer kernel for int8
# activations. Its oneDNN reads this when the first model is compiled.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI")
DIFFERS = 0.1   # of the largest element: more is another result, less is rounding


def predict(model, target):
    """The rows of `quern check --json` by node, and the whole."""
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "layers.json"
        done = quern.start("check", model, "--target", target, "--json", out)
        if not out.exists():
            raise AssertionError(f"exit status {done.returncode}\n{done.stdout}{done.stderr}")
        report = json.loads(out.read_text())
    rows = {row["node"]: row for row in report["nodes"]}
    bad = any(row["runs"] in ("wrong", "fails") for row in rows.values())
    assert done.returncode == bad, (done.returncode, done.stderr)
    return rows, report


RUNTIMES = {
    "onnxruntime": (verdicts.in_ort, quern.ort_run),
    "openvino": (verdicts.in_openvino, lambda path, samples: quern.OpenVino(path)(samples)),
}


class Rules(unittest.TestCase):
    """One test for each runtime; each net is a subtest."""

    def runs(self, path, target, sample):
        """None: it does not run; else how far the outputs are from those of float arithmetic."""
        want = list(quern.ort_run(path, [sample], optimize=False)[0].values())
        try:
            got = list(RUNTIMES[target][1](path, [sample])[0].values())
        except Exception:   # each runtime has its own
            return None
        return max(quern.relative_difference(np.asarray(a, float), np.asarray(b, float))
                   for a, b in zip(got, want))

    def check(self, name, target, directory):
        net = NETS[name]()
        path = directory / "net.onnx"
        kinds = verdicts.rename(net.save(path), path)
        rows, _ = predict(path, target)
        self.assertEqual(rows.keys(), kinds.keys())
        told = {row["runs"] for row in rows.values()}
        difference = self.runs(path, target, net.sample())
        if "fails" in told:
            self.assertIsNone(difference)
            return
        self.assertIsNotNone(difference)
        self.assertEqual(difference > DIFFERS, "wrong" in told, difference)
        truth = RUNTIMES[target][0](path, kinds)
        for node, row in rows.items():
            if row["runs"] != "wrong":
                self.assertEqual(row["runs"], truth[node], row)

    def check_all(self, target):
        with tempfile.TemporaryDirectory() as directory:
            for name in NETS:
                with self.subTest(name):
                    self.check(name, target, pathlib.Path(directory))

    def test_onnxruntime(self):
        self.check_all("onnxruntime")

    def test_openvino(self):
        self.check_all("openvino")


class Crash(unittest.TestCase):
    """Codes in the body of an If: ONNX Runtime ends the process, so it gets one of its own."""

    def check(self, *between, quantized=False):
        """`between` the codes and the If that captures; `quantized`: it is again outside."""
        net = Net(1, 8, 10, 10)
        x = y = net.pair()
        for kind in between:
            y = net.op(kind, y, **({"kernel_shape": [2, 2]} if kind == "MaxPool" else {}))
        bodies = [helper.make_graph([helper.make_node(kind, [y], [kind])], kind, [],
                                    [helper.make_empty_tensor_value_info(kind)])
                  for kind in ("Sin", "Cos")]
        condition = net.op("Greater", net.op("ReduceMax", "x", keepdims=0),
                           net.const(0, np.float32))
        net.end(net.op("If", condition, then_branch=bodies[0], else_branch=bodies[1]),
                net.pair(net.conv(x)), *([net.pair(y)] if quantized else []))
        with tempfile.TemporaryDirectory() as directory:
            path = net.save(pathlib.Path(directory) / "net.onnx")
            rows, _ = predict(path, "onnxruntime")
            load = "import sys, onnxruntime as o; o.InferenceSession(sys.argv[1])"
            done = subprocess.run([sys.executable, "-c", load, path], capture_output=True)
        fails = {row["runs"] for row in rows.values()} == {"fails"}
        self.assertEqual(done.returncode != 0, fails, done.stderr)
        self.assertEqual(fails, bool(between) and between[-1] != "Tanh" and not quantized)

    def test_capture(self):
        self.check()
        self.check("Tanh")
        self.check("MaxPool")
        self.check("MaxPool", "Transpose")
        self.check("MaxPool", "Tanh")
        self.check("MaxPool", quantized=True)
        self.check("MaxPool", "Transpose", quantized=True)


class Agreement(unittest.TestCase):
    """Whole models: the nodes that are predicted as they are."""

    def count(self, path, target, name=None):
        """(right, all) of the nodes that the runtime has a kernel for."""
        renamed = path.with_suffix(".renamed.onnx")
        kinds = verdicts.rename(path, renamed)
        rows, _ = predict(renamed, target)
        if any("crash" in (row["reason"] or "") for row in rows.values()):
            return 0, 0   # it would end this process; see Crash
        try:
            truth = RUNTIMES[target][0](renamed, kinds)
        except Exception:   # each runtime has its own; then every node fails
            truth = dict.fromkeys(kinds, "fails")
        told = {node: row["runs"] for node, row in rows.items() if node in truth}
        wrong = {node: (row, truth[node]) for node, row in rows.items()
                 if node in truth and row["runs"] not in (truth[node], "wrong")}
        if ALL and wrong:
            print(f"# {name}, {target}: {len(wrong)} of {len(told)}, as", *wrong.popitem())
        return len(told) - len(wrong), len(told)

    def check_count(self, counts):
        right, total = (sum(column) for column in zip(*counts))
        if ALL:
            print(f"# {right} of {total} nodes")
        self.assertGreater(total, 0)
        self.assertGreaterEqual(right, AGREE * total)


def loads(model, target):
    try:
        quern.ort_session(model) if target == "onnxruntime" else quern.OpenVino(model)
        return True
    except Exception:   # each runtime has its own
        return False


def noise(model, directory):
    """Samples for a model with unknown dimensions, which are 64 then, and 1 for the batch."""
    graph = onnx.load(model, load_external_data=False).graph
    constants, sample = {tensor.name for tensor in graph.initializer}, {}
    for info in graph.input:
        tensor = info.type.tensor_type
        if info.name not in constants:
            shape = [dim.dim_value or (64 if i else 1) for i, dim in enumerate(tensor.shape.dim)]
            dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
            sample[info.name] = np.random.default_rng(1).normal(size=shape).astype(dtype)
    return quern.write_samples(directory / f"noise-{model.parent.name}", [sample] * 2)


class Material(Agreement):
    """Real models, quantized by quern."""

    def quantize(self, model, out, options):
        """Whether that could be done."""
        common = ["-o", out, "--observer", "min-max", *options]
        done = quern.start("quantize", model, "--data", "random", "--samples", 4, *common)
        if ALL and done.returncode and "random data" in done.stderr:
            with tempfile.TemporaryDirectory() as directory:
                data = noise(model, pathlib.Path(directory))
                done = quern.start("quantize", model, "--data", data, *common)
        if ALL and done.returncode:
            print(f"# {model.parent.name}: {done.stderr.strip()}")
        else:
            self.assertEqual(done.returncode, 0, (model, done.stderr))
        return done.returncode == 0

    def check_variant(self, variant):
        options = VARIANTS[variant]
        if not quern.MATERIAL.is_dir():
            self.skipTest(f"there is no {quern.MATERIAL}")
        names = sorted(p.name for p in quern.MATERIAL.iterdir()) if ALL else FAST
        counts = []
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory) / "int8.onnx"
            for name in names:
                model = next((quern.MATERIAL / name).glob("*.onnx"))
                if loads(model, options[1]) and self.quantize(model, out, options):
                    counts.append(self.count(out, options[1], name))
        self.check_count(counts)

    def test_onnxruntime(self):
        self.check_variant("onnxruntime")

    def test_openvino(self):
        self.check_variant("openvino")

    def test_fakequantize(self):
        self.check_variant("openvino, fakequantize")

    def test_quantized_by_others(self):
        found = sorted(quern.MATERIAL.glob("zq_*/*.onnx")) if quern.MATERIAL.is_dir() else []
        if not found:
            self.skipTest(f"there are no quantized models in {quern.MATERIAL}")
        with tempfile.TemporaryDirectory() as directory:
            for target in RUNTIMES:
                counts = []
                for source in found:
                    path = pathlib.Path(directory) / f"{source.parent.name}.onnx"
                    path.write_bytes(source.read_bytes())
                    counts.append(self.count(path, target))
                self.check_count(counts)


def residual_net(path):
    """Two residual blocks, a depthwise Conv, SiLU, Concat, pools and a Gemm, in float."""
    net = quern.Net()

    def conv(x, n_out, n_in, size=3, group=1):
        return net.node("Conv", x, net.weight(n_out, n_in // group, size, size), net.bias(n_out),
                        pads=[size // 2] * 4, group=group)

    y = net.node("Relu", conv(net.input(1, 8, 16, 16), 16, 8))
    for _ in range(2):
        branch = conv(net.node("Relu", conv(y, 16, 16)), 16, 16)
        y = net.node("Relu", net.node("Add", branch, y))
    y = net.node("Relu", conv(y, 16, 16, group=16))
    y = net.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = conv(y, 16, 16, 1)
    y = net.node("Mul", y, net.node("Sigmoid", y))
    y = net.node("Concat", y, conv(y, 16, 16, 1), axis=1)
    y = net.node("Flatten", net.node("GlobalAveragePool", y))
    net.output(net.node("Gemm", y, net.weight(32, 10), net.bias(10)))
    net.save(path, opset=13)
    return net.samples(4)


class OrtTool(Agreement):
    """The residual net from ONNX Runtime's own quantizer, whose defaults leave Convs in float."""

    def check_tool(self, least_float=0, **options):
        try:
            from onnxruntime import quantization as tool
        except ImportError as missing:
            self.skipTest(str(missing))

        class Reader(tool.CalibrationDataReader):
            def __init__(self, samples):
                self.samples = iter(samples)

            def get_next(self):
                return next(self.samples, None)

        options = {key: getattr(tool.QuantType, value) if key.endswith("_type") else value
                   for key, value in options.items()}
        with tempfile.TemporaryDirectory() as directory:
            path, out = pathlib.Path(directory) / "f.onnx", pathlib.Path(directory) / "q.onnx"
            samples = residual_net(path)
            logging.disable(logging.WARNING)   # it recommends its own preparation
            tool.quantize_static(path, out, Reader(samples), **options)
            for target in RUNTIMES:
                right, total = self.count(out, target)
                self.assertEqual(right, total, target)
            rows, report = predict(out, "onnxruntime")
        in_float = [row for row in rows.values() if row["runs"] == "dequantizes"]
        self.assertEqual(bool(in_float), bool(least_float), in_float)
        self.assertGreaterEqual(len(in_float), least_float)
        share = sum(row["multiply_adds"] for row in rows.values() if row["runs"] == "integer")
        self.assertAlmostEqual(report["integer_percent"], 100 * share / report["multiply_adds"])

    def test_signed(self):
        self.check_tool(3)

    def test_signed_per_channel(self):
        self.check_tool(3, per_channel=True)

    def test_symmetric(self):
        self.check_tool(1, extra_options={"ActivationSymmetric": True})

    def test_unsigned_per_channel(self):
        self.check_tool(0, activation_type="QUInt8", per_channel=True)

    def test_unsigned_weights(self):
        self.check_tool(0, activation_type="QUInt8", weight_type="QUInt8")


class Report(unittest.TestCase):
    def test_same_as_check(self):
        with tempfile.TemporaryDirectory() as name:
            path, out, report = (pathlib.Path(name) / n for n in ("f.onnx", "q.onnx", "r.json"))
            residual_net(path)
            for target in RUNTIMES:
                quern.run("quantize", path, "--data", "random", "--samples", 12, "-o", out, "-r",
                          report, "--target", target)
                told = json.loads(report.read_text())
                rows, checked = predict(out, target)
                self.assertEqual(told["integer_percent"], checked["integer_percent"])
                for layer in told["layers"]:
                    row = rows[layer["node"]]
                    self.assertEqual(layer["runs"], row["runs"])
                    self.assertEqual(layer["runs_why"], row["reason"])
                    self.assertEqual(layer["multiply_adds"], row["multiply_adds"])

    def test_macs(self):
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / "q.onnx"
            NETS["conv"]().save(path)
            rows, _ = predict(path, "onnxruntime")
            self.assertEqual([row["multiply_adds"] for row in rows.values()],
                             [4 * 8 * 8 * 8 * 3 * 3])
            NETS["LSTM, weights alone"]().save(path)
            rows, _ = predict(path, "onnxruntime")
            self.assertEqual([row["multiply_adds"] for row in rows.values()],
                             [5 * 2 * 32 * 8])


if __name__ == "__main__":
    unittest.main()
