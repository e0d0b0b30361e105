# SPDX-License-Identifier: Apache-2.0
"""What the programs that run ONNX's own tests share: one unittest a case, run by `quern run` and
compared with the outputs and the tolerances that come with it.

A case that quern refuses with exit status 1 and a message is a skip; a wrong answer, another exit
status or no message is a failure. print_outcomes() writes a table of both per operator. Optional
values that are absent have no form that quern reads; those cases are skipped too. Random numbers
are not those of the expected outputs, but they have their type, their shape and their range.
"""
import collections
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

try:
    import numpy as np
    import onnx
    from onnx import numpy_helper
except ImportError as missing:
    raise unittest.SkipTest(f"{missing} (tools/requirements-test.txt)")

ROOT = pathlib.Path(os.environ.get("QUERN_ROOT", pathlib.Path(__file__).resolve().parents[2]))
PROGRAM = pathlib.Path(os.environ.get("QUERN", ROOT / "build/quern")).resolve()
if not PROGRAM.is_file():
    raise unittest.SkipTest(f"there is no quern program at {PROGRAM}")

RANDOM = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
          "RandomUniformLike")
outcomes = collections.defaultdict(collections.Counter)   # by operator: passed, refused, wrong


class Unsupported(Exception):
    """The case has a value that no file of samples can hold, or quern refuses it."""


class Case:
    """Subclasses have an operator, tolerances, and write()."""
    operator, rtol, atol = "", 1e-3, 1e-7

    def write(self, directory):
        """Writes model.onnx and test_data_set_0; returns the expected arrays by output name."""
        raise NotImplementedError


def as_tensor(value, name):
    if isinstance(value, onnx.TensorProto):
        tensor = onnx.TensorProto()
        tensor.CopyFrom(value)
        tensor.name = name
        return tensor
    if isinstance(value, np.ndarray) or np.isscalar(value):
        return numpy_helper.from_array(np.asarray(value), name)
    raise Unsupported("optional values are not supported")


def is_plain(dtype):
    """A type that numpy has itself."""
    return dtype.isbuiltin == 1 or dtype.kind in "SUO"


def difference(got, want, case):
    """What is wrong with an output; None where nothing is."""
    name = want.dtype.name
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    if is_plain(want.dtype) and got.dtype != want.dtype:
        return f"type {got.dtype}, expected {want.dtype}"
    if want.dtype.kind in "SUO":
        return None if np.array_equal(got.astype(str), want.astype(str)) else "strings differ"
    if want.dtype.kind == "c":
        got, want = got.astype(complex), want.astype(complex)
    else:
        got, want = got.astype(np.float64), want.astype(np.float64)
    if case.operator in RANDOM:
        inside = np.all((got >= want.min()) & (got <= want.max()))
        return None if inside else "out of the range of the expected numbers"
    # steps of a function body in bfloat16 lose a bit or two of eight
    rtol = max(case.rtol, 2 ** -6) if name == "bfloat16" else case.rtol
    # transforms were computed in float, so what should be 0 is as large as the others' rounding
    transform = case.operator in ("DFT", "STFT")
    atol = max(case.atol, 2 ** -24 * np.abs(want).max(initial=0) if transform else 0)
    if np.allclose(got, want, rtol=rtol, atol=atol, equal_nan=True):
        return None
    with np.errstate(all="ignore"):
        return f"largest difference {np.nanmax(np.abs(got - want))}"


def run_case(test, case, directory):
    want = case.write(directory)
    out = directory / "out"
    done = subprocess.run([PROGRAM, "run", directory / "model.onnx", "--data",
                           directory / "test_data_set_0", "-o", out],
                          capture_output=True, text=True, errors="replace", timeout=120)
    message = done.stderr.strip()
    if done.returncode == 1 and message:
        raise Unsupported(re.sub(r"\S*test_data_set_0/?", "", message.splitlines()[-1]))
    test.assertEqual(done.returncode, 0, f"exit status {done.returncode}: {message}")
    with np.load(sorted(out.glob("*.npz"))[0]) as got:
        test.assertEqual(len(got.files), len(want))
        for name, array in want.items():
            test.assertIn(name, got.files)
            test.assertIsNone(difference(got[name], array, case), name)


def make_test(case):
    def test(self):
        count = outcomes[case.operator]
        with tempfile.TemporaryDirectory() as directory:
            try:
                run_case(self, case, pathlib.Path(directory))
            except Unsupported as reason:
                count["refused"] += 1
                self.skipTest(str(reason))
            except BaseException:
                count["wrong"] += 1
                raise
        count["passed"] += 1
    return test


def print_outcomes():
    total = collections.Counter()
    print(f"{'operator':<32}{'passed':>8}{'refused':>8}{'wrong':>8}")
    for name, count in sorted(outcomes.items()):
        print(f"{name:<32}{count['passed']:>8}{count['refused']:>8}{count['wrong']:>8}")
        total += count
    print(f"{'all':<32}{total['passed']:>8}{total['refused']:>8}{total['wrong']:>8}")
