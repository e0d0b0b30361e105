# SPDX-License-Identifier: Apache-2.0
"""`quern convert IN -o OUT`, with no pass between, gives back the bytes that it read."""
import concurrent.futures
import pathlib
import tempfile
import unittest
import warnings

import quern
from quern import MATERIAL, numpy_helper, onnx


def problem(path, out):
    """What is wrong with the conversion of one file, or None."""
    done = quern.start("convert", path, "-o", out)
    if done.returncode != 0:
        return f"exit status {done.returncode}: {done.stderr.strip()}"
    if path.read_bytes() != out.read_bytes():
        return "the bytes differ"
    return None


def external(tensor):
    return tensor.data_location == onnx.TensorProto.EXTERNAL


class Identity(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def check(self, files):
        outs = [self.directory / f"{i}.out" for i in range(len(files))]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            problems = list(pool.map(problem, files, outs))
        self.assertEqual([f"{file.parent.name}/{file.name}: {p}"
                          for file, p in zip(files, problems) if p], [])

    def test_models_in_the_onnx_package(self):
        files = sorted(pathlib.Path(onnx.__file__).parent.rglob("*.onnx"))
        self.assertGreater(len(files), 100)
        self.check(files)

    def test_node_tests(self):
        from onnx.backend.test.case.node import collect_testcases
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cases = collect_testcases(None)
        self.assertGreater(len(cases), 1800)
        files = [self.directory / f"{case.name}.onnx" for case in cases]
        for file, case in zip(files, cases):
            file.write_bytes(case.model.SerializeToString())
        self.check(files)


@unittest.skipUnless(MATERIAL.is_dir(), "../shared/material/models is not there")
class RealModels(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.out = self.directory / "out.onnx"

    def test_bytes(self):
        for path in sorted(MATERIAL.glob("*/*.onnx")):
            model = onnx.load(path, load_external_data=False)
            if not any(external(tensor) for tensor in model.graph.initializer):
                with self.subTest(path.parent.name):
                    self.assertIsNone(problem(path, self.out))

    def test_external_data(self):
        """The file moves to another directory, so what is asked for is the same tensors."""
        for path in sorted(MATERIAL.glob("*/*.onnx")):
            bare = onnx.load(path, load_external_data=False)
            files = {entry.value for tensor in bare.graph.initializer if external(tensor)
                     for entry in tensor.external_data if entry.key == "location"}
            if files and all((path.parent / file).is_file() for file in files):
                with self.subTest(path.parent.name):
                    quern.run("convert", path, "-o", self.out)
                    before, after = onnx.load(path), onnx.load(self.out)
                    self.assertTrue(before.graph.node == after.graph.node)
                    for a, b in zip(before.graph.initializer, after.graph.initializer,
                                    strict=True):
                        self.assertEqual(a.name, b.name)
                        self.assertEqual(numpy_helper.to_array(a).tobytes(),
                                         numpy_helper.to_array(b).tobytes())

    def test_missing_external_data(self):
        """Fails with a message, or works on the graph alone; it neither dies nor says nothing."""
        path = MATERIAL / "zx_llama_dynamo_noweights/model.onnx"
        if not path.is_file():
            self.skipTest(f"{path.parent.name} is not there")
        done = quern.start("convert", path, "-o", self.out, "--pass", "fold-constants")
        if done.returncode != 0:
            self.assertGreater(done.returncode, 0, "ended by a signal")
            self.assertRegex(done.stderr, r"(?m)^quern: .")
            self.assertFalse(self.out.exists())
        else:
            onnx.load(self.out, load_external_data=False)


if __name__ == "__main__":
    unittest.main()
