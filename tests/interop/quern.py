# SPDX-License-Identifier: Apache-2.0
"""What the tests in this directory share: paths, the quern program, the two runtimes, small models.

$QUERN names the program and $QUERN_ROOT the checkout; without them, the nearest build is taken.
Importing this skips the whole test file where a Python package or the program is missing.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper
except ImportError as missing:
    raise unittest.SkipTest(f"{missing} (tools/requirements-test.txt)")

ROOT = pathlib.Path(os.environ.get("QUERN_ROOT", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(ROOT / "tools/bench"))
import kernels      # it is found there

MATERIAL = ROOT.parent / "shared/material/models"   # real models; a checkout may have none


def find_program():
    names = [os.environ["QUERN"]] if "QUERN" in os.environ else \
        [ROOT / build / "quern" for build in ("build-test", "build")]
    for name in names:
        if pathlib.Path(name).is_file():
            return pathlib.Path(name).resolve()
    raise unittest.SkipTest(f"there is no quern program at {' or '.join(map(str, names))}")


PROGRAM = find_program()


# The program


def start(*arguments):
    """Runs quern to its end, whatever that is."""
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                          errors="replace", timeout=600)


def run(*arguments):
    """Runs quern, which has to succeed, and returns what it printed."""
    done = start(*arguments)
    if done.returncode != 0:
        raise AssertionError(f"quern {' '.join(map(str, arguments))}\n"
                             f"exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def write_samples(directory, samples):
    """A data directory of quern's: one .npz file a sample, the keys are input names."""
    directory = pathlib.Path(directory)
    directory.mkdir()
    for i, sample in enumerate(samples):
        np.savez(directory / f"{i:05d}.npz", **sample)
    return directory


def simulate(model, data, *options):
    """The outputs that quern's own executor computes: one dictionary a sample."""
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "out"
        run("run", model, "--data", data, "-o", out, *options)
        return [dict(np.load(file)) for file in sorted(out.glob("*.npz"))]


# The runtimes


def ort_session(model, optimize=True, dump=None, config=None):
    """config: entries of the session's configuration, by key."""
    options = onnxruntime.SessionOptions()
    for key, value in (config or {}).items():
        options.add_session_config_entry(key, value)
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if dump:
        options.optimized_model_filepath = str(dump)
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def ort_run(model, samples, optimize=True, config=None):
    """The outputs in ONNX Runtime: one dictionary a sample."""
    session = ort_session(model, optimize, config=config)
    names = [output.name for output in session.get_outputs()]
    return [dict(zip(names, session.run(names, sample))) for sample in samples]


def ort_operators(model):
    """How often each operator stands in the graph that ONNX Runtime makes of the model."""
    with tempfile.TemporaryDirectory() as directory:
        dump = pathlib.Path(directory) / "optimized.onnx"
        ort_session(model, dump=dump)
        return collections.Counter(node.op_type for node in onnx.load(dump).graph.node)


class OpenVino:
    """A model in OpenVINO's CPU plugin, at one thread and without bfloat16."""

    def __init__(self, model):
        try:
            import openvino
        except ImportError as missing:
            raise unittest.SkipTest(str(missing))
        core = openvino.Core()
        self.model = core.compile_model(core.read_model(str(model)), "CPU", {
            "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"})

    def __call__(self, samples):
        names = [output.get_any_name() for output in self.model.outputs]
        return [dict(zip(names, (np.array(y) for y in self.model(sample).values())))
                for sample in samples]

    def layers(self):
        """How often each kind of layer has an "integer" kernel, a "float" one, or one that
        "dequantizes" its weight."""
        return collections.Counter((kind, verdict) for kind, verdict, _ in
                                   kernels.openvino_kernels(self.model))


# Processors without VNNI (docs/targets.md, "Sums of two products")


def adds_in_16_bits():
    """Do the runtimes add two products of codes in 16 bits here?"""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return "avx2" in flags and not {"avx512_vnni", "avx_vnni"} & set(flags)


# For ort_run(): then ONNX Runtime sums codes in 32 bits there as well.
EXACT_SUMS = {"session.x64quantprecision": "1"} if adds_in_16_bits() else None


def fitting(codes):
    """Codes of weights with which runtimes compute what ONNX says, whatever the processor."""
    return codes // 2 if codes.dtype == np.int8 and adds_in_16_bits() else codes


def sums_fit(options):
    """Is a model that is quantized with these options computed exactly here, optimized? Those for
    runtimes that are none of x86 processors may not be."""
    words = " ".join(map(str, options)).split()
    return not adds_in_16_bits() or not {"qnn", "tensorrt"} & set(words)


# Small models


class Net:
    """Builds a model node by node; constants become initializers."""

    def __init__(self, seed=0):
        self.random = np.random.RandomState(seed)
        self.nodes, self.inputs, self.outputs, self.initializers = [], [], [], []

    def input(self, *shape, type=onnx.TensorProto.FLOAT):
        name = f"x{len(self.inputs)}"
        self.inputs.append(helper.make_tensor_value_info(name, type, shape))
        return name

    def constant(self, value, dtype=None):
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weight(self, *shape, scale=None):
        """Normal weights, of a size that keeps the outputs near 1."""
        scale = scale or 1 / np.sqrt(max(1, np.prod(shape[1:])))
        return self.constant(self.random.normal(0, scale, shape), np.float32)

    def bias(self, size):
        return self.constant(self.random.normal(0, 0.5, size), np.float32)

    def positive(self, size):
        return self.constant(self.random.uniform(0.5, 2, size), np.float32)

    def batch_norm(self, x, channels, **attributes):
        return self.node("BatchNormalization", x, self.positive(channels), self.bias(channels),
                         self.bias(channels), self.positive(channels), **attributes)

    def node(self, kind, *inputs, outputs=1, **attributes):
        number = len(self.nodes)
        names = [f"v{number}" if i == 0 else f"v{number}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, f"{kind}_{number}", **attributes))
        return names[0] if outputs == 1 else names

    def output(self, *names, type=onnx.TensorProto.FLOAT):
        for name in names:
            self.outputs.append(helper.make_tensor_value_info(name, type, None))

    def save(self, path, opset=17):
        graph = helper.make_graph(self.nodes, "test", self.inputs, self.outputs, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                  ir_version=8)
        model = onnx.shape_inference.infer_shapes(model)
        del model.graph.value_info[:]   # the outputs have their shapes now; the rest is for quern
        onnx.checker.check_model(model)
        onnx.save(model, path)
        return path

    def samples(self, count=1):
        """Normal data for the inputs, off centre, the unknown dimensions 1."""
        def value(info):
            tensor = info.type.tensor_type
            shape = [dim.dim_value or 1 for dim in tensor.shape.dim]
            return self.random.normal(0.3, 1, shape).astype(np.float32)
        return [{info.name: value(info) for info in self.inputs} for _ in range(count)]


def initializers(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def operators(model):
    return collections.Counter(node.op_type for node in model.graph.node)


class Quantized:
    """A net and its quantized model, in files below `directory`; `layers` as the report has them.
    The data are `count` samples of the net's own."""

    def __init__(self, net, directory, *options, count=8):
        directory = pathlib.Path(tempfile.mkdtemp(dir=directory))
        self.float, self.samples = net.save(directory / "float.onnx"), net.samples(count)
        self.data = write_samples(directory / "data", self.samples)
        self.int8, report = directory / "int8.onnx", directory / "report.json"
        run("quantize", self.float, "--data", self.data, "-o", self.int8, "--report", report,
            *options)
        self.layers = json.loads(report.read_text())["layers"]

    def apart(self, theirs):
        """How far the outputs of a runtime are from the simulation's, at most."""
        return max(relative_difference(ours[key], other[key]) for ours, other in
                   zip(simulate(self.int8, self.data), theirs, strict=True) for key in ours)


def relative_difference(a, b):
    """The largest difference of two arrays, in units of the second's largest magnitude."""
    return float(np.abs(a - b).max(initial=0) / max(np.abs(b).max(initial=0), 1e-30))
