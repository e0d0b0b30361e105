# SPDX-License-Identifier: Apache-2.0
"""What the tests in this directory share: the program, and files to give to it.

$QUERN names the program; without it, the nearest build is taken. A test says exactly what it
expects on standard output and standard error; only what a machine decides (seconds) is not looked
at.
"""
import os
import pathlib
import subprocess
import tempfile
import unittest

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as missing:
    raise unittest.SkipTest(f"{missing} (tools/requirements-test.txt)")

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIGITS = ROOT / "tests/data/digits"
IMAGE = "resize=32 layout=nchw gray scale=1/255 mean=.5 std=.5"
NOBODY = 65534


def find_program():
    names = [os.environ["QUERN"]] if "QUERN" in os.environ else \
        [ROOT / build / "quern" for build in ("build-test", "build")]
    for name in names:
        if pathlib.Path(name).is_file():
            return pathlib.Path(name).resolve()
    raise unittest.SkipTest(f"there is no quern program at {' or '.join(map(str, names))}")


PROGRAM = find_program()


class Case(unittest.TestCase):
    """Every test runs in an empty directory of its own, so that messages hold short paths."""
    maxDiff = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def start(self, *arguments, **options):
        options = {"stdout": subprocess.PIPE, **options}
        return subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.directory, text=True,
                                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **options)

    def quern(self, *arguments, code=0, out="", err="", **options):
        """Runs the program. out and err are the exact texts; None: not looked at. Returns both."""
        process = self.start(*arguments, **options)
        stdout, stderr = process.communicate(timeout=300)
        said = f"quern {' '.join(map(str, arguments))}\n{stdout or ''}{stderr}"
        self.assertEqual(process.returncode, code, said)
        if out is not None:
            self.assertEqual(stdout or "", out, said)
        if err is not None:
            self.assertEqual(stderr, err, said)
        return stdout, stderr

    def fails(self, code, message, *arguments, **options):
        """The one line that the program prints; wrong usage also names the help."""
        command = arguments[0] if arguments and not str(arguments[0]).startswith("-") else ""
        hint = f"Try 'quern {command + ' ' if command else ''}--help'.\n" if code == 2 else ""
        options = {"out": "", **options}
        return self.quern(*arguments, code=code, err=f"quern: {message}\n{hint}", **options)

    def files(self):
        """What lies in the test's directory, and below."""
        return sorted(str(p.relative_to(self.directory)) for p in self.directory.rglob("*"))

    # Files

    def write(self, name, content):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    def model(self, name="model.onnx", **parts):
        return self.write(name, make_model(**parts).SerializeToString())

    def samples(self, directory="data", **values):
        """One .npz file for each element of the lists."""
        (self.directory / directory).mkdir(exist_ok=True)
        count = max(map(len, values.values()))
        for i in range(count):
            sample = {key: np.asarray(value[i], np.float32) for key, value in values.items()}
            np.savez(self.directory / directory / f"{i}.npz", **sample)
        return directory


def value(name, shape, type=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, type, shape)


def make_model(nodes=None, inputs=None, outputs=None, constants=None, opset=17, domains=()):
    """Without arguments: y = Gemm(x, w, b), from 3 numbers to 2."""
    if nodes is None:
        nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], "dense", transB=1)]
        constants = {"w": np.array([[1, 0, 0], [0, 1, 1]], np.float32),
                     "b": np.array([0, 0.5], np.float32)}
    graph = helper.make_graph(
        nodes, "test", inputs or [value("x", [1, 3])], outputs or [value("y", [1, 2])],
        [numpy_helper.from_array(v, k) for k, v in (constants or {}).items()])
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)
