# SPDX-License-Identifier: Apache-2.0
"""Faults of the machine: exit code 3; and runs that are ended from outside: no half files."""
import os
import pathlib
import signal
import subprocess
import time
import unittest

import cli
from cli import np


class Output(cli.Case):
    def setUp(self):
        super().setUp()
        self.model()
        self.samples(x=[np.zeros((1, 3))])

    def test_directory_missing(self):
        self.fails(3, "nowhere/o.onnx: cannot write: No such file or directory",
                   "convert", "model.onnx", "-o", "nowhere/o.onnx")
        self.fails(3, "nowhere/out: cannot make the directory: No such file or directory",
                   "run", "model.onnx", "--data", "data", "-o", "nowhere/out")

    def test_output_is_a_directory(self):
        self.fails(2, "data: is a directory", "convert", "model.onnx", "-o", "data")

    def test_output_is_no_regular_file(self):
        os.mkfifo(self.directory / "pipe")
        self.fails(2, "pipe: is not a regular file", "convert", "model.onnx", "-o", "pipe")
        self.assertTrue((self.directory / "pipe").is_fifo())

    def test_standard_output_is_full(self):
        with open("/dev/full", "w") as full:
            for command in ["show", "model.onnx"], ["list", "ops"], ["--help"], \
                    ["run", "model.onnx", "--data", "data", "-q"]:
                self.quern(*command, code=3, stdout=full,
                           err="quern: standard output: cannot write: No space left on device\n")

    def test_reader_went_away(self):
        read, write = os.pipe()
        os.close(read)
        self.quern("list", "ops", code=3, stdout=write)
        os.close(write)

    def test_no_permission(self):
        if not os.access(cli.PROGRAM, os.X_OK) or not reachable_by_nobody(cli.PROGRAM):
            self.skipTest("the program is out of reach for another user")
        os.chmod(self.directory, 0o755)
        options = {"user": cli.NOBODY} if os.getuid() == 0 else {}
        if not options:
            os.chmod(self.directory, 0o555)
        self.fails(3, "o.onnx: cannot write: Permission denied",
                   "convert", "model.onnx", "-o", "o.onnx", **options)
        os.chmod(self.directory, 0o755)
        self.assertEqual(self.files(), ["data", "data/0.npz", "model.onnx"])

    def test_file_too_large(self):
        """The nearest thing to a full disk: the new part is gone, the old file is not."""
        self.write("o.onnx", "old")
        command = f"ulimit -f 0; trap '' XFSZ; exec '{cli.PROGRAM}' convert model.onnx -o o.onnx"
        done = subprocess.run(["bash", "-c", command], cwd=self.directory, capture_output=True,
                              text=True)
        self.assertEqual((done.returncode, done.stderr),
                         (3, "quern: o.onnx: cannot write: File too large\n"))
        self.assertEqual((self.directory / "o.onnx").read_text(), "old")
        self.assertEqual(self.files(), ["data", "data/0.npz", "model.onnx", "o.onnx"])


def reachable_by_nobody(path):
    return all(parent.stat().st_mode & 0o001 for parent in pathlib.Path(path).parents)


class Interrupted(cli.Case):
    def interrupt(self, *arguments, when):
        """Starts the program, waits until `when` says so, presses Ctrl-C."""
        process = self.start(*arguments)
        end = time.monotonic() + 60
        while not when() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGINT, out + err)
        self.assertEqual(out, "")
        return err

    def test_quantize(self):
        err = self.interrupt("quantize", cli.DIGITS / "digits_torchscript.onnx", "--data", "random",
                             "--samples", 1000000, "-o", "int8.onnx",
                             when=lambda start=time.monotonic(): time.monotonic() > start + 0.5)
        self.assertTrue(err.endswith("quern: interrupted; no unfinished file is left\n"), err)
        self.assertEqual(self.files(), [])

    def test_run_leaves_whole_files_only(self):
        out = self.directory / "out"
        self.interrupt("run", cli.DIGITS / "digits_torchscript.onnx", "--data", "random",
                       "--samples", 1000000, "-o", "out",
                       when=lambda: out.exists() and len(list(out.iterdir())) > 20)
        names = [p.name for p in out.iterdir()]
        self.assertGreater(len(names), 10)
        for name in names:
            self.assertRegex(name, r"^\d{5,}\.npz$")
            self.assertEqual(list(np.load(out / name)), ["scores"])


if __name__ == "__main__":
    unittest.main()
