# SPDX-License-Identifier: Apache-2.0
"""Models and data that are at fault: exit code 1, and one line that says what and where."""
import io
import unittest
import zipfile

import cli
from cli import helper, np, value



ACCEPTED = ("accepted are a directory of .npz files, a .npz or .npy file, a directory of .npy "
            "files named after the inputs, test_data_set_* directories, or a directory of images")


class Models(cli.Case):
    def show_fails(self, message, name):
        self.fails(1, message, "show", name)

    def test_missing(self):
        self.show_fails(
            "nowhere.onnx: cannot open: No such file or directory",
            "nowhere.onnx")

    def test_directory(self):
        (self.directory / "models").mkdir()
        self.show_fails("models: not a regular file", "models")

    def test_empty(self):
        self.show_fails(
            "empty.onnx: not a valid ONNX file: it is empty",
            self.write("empty.onnx", ""))

    def test_text(self):
        self.show_fails(
            "notes.txt: not a valid ONNX file: a field of a kind that ONNX does not have at byte "
            "0, in a ModelProto",
            self.write("notes.txt", "This is no model at all.\n" * 9))

    def test_truncated(self):
        whole = cli.make_model().SerializeToString()
        self.show_fails(
            "cut.onnx: not a valid ONNX file: a field longer than the rest of the message at byte "
            "3, in a ModelProto",
            self.write("cut.onnx", whole[:-20]))

    def test_cycle(self):
        nodes = [helper.make_node("Add", ["x", "b"], ["a"], "first"),
                 helper.make_node("Relu", ["a"], ["b"], "second"),
                 helper.make_node("Relu", ["b"], ["y"], "third")]
        self.show_fails(
            "cycle.onnx: node 'second' (Relu) needs its own output: the graph has a cycle",
            self.model("cycle.onnx", nodes=nodes))

    def test_undefined_value(self):
        nodes = [helper.make_node("Relu", ["z"], ["y"], "first")]
        self.show_fails(
            "hole.onnx: node 'first' (Relu): input 0 'z' is not defined",
            self.model("hole.onnx", nodes=nodes))

    def test_value_defined_twice(self):
        nodes = [helper.make_node("Relu", ["x"], ["y"], "first"),
                 helper.make_node("Relu", ["x"], ["y"], "second")]
        self.show_fails(
            "twice.onnx: node 'second' (Relu): output 0: 'y' is defined twice",
            self.model("twice.onnx", nodes=nodes))

    def test_external_data_missing(self):
        model = cli.make_model()
        cli.onnx.save(model, self.directory / "outside.onnx", save_as_external_data=True,
                      location="weights.bin", size_threshold=0)
        (self.directory / "weights.bin").unlink()
        self.show_fails(
            "outside.onnx: initializer 'w': its data is in the file './weights.bin', which is not "
            "there",
            "outside.onnx")

    def test_unknown_operator(self):
        nodes = [helper.make_node("Frob", ["x"], ["h"], "one", domain="my.ops"),
                 helper.make_node("Frob", ["h"], ["y"], "two", domain="my.ops")]
        self.model(nodes=nodes, domains=["my.ops"])
        self.fails(1, "model.onnx: operators that cannot be executed: node 'one' (my.ops.Frob), "
                      "node 'two' (my.ops.Frob)", "run", "model.onnx", "--data", "random")


class Data(cli.Case):
    def setUp(self):
        super().setUp()
        self.model()

    def run_fails(self, message, *arguments):
        self.fails(1, message, "run", "model.onnx", *arguments)

    def test_missing(self):
        self.run_fails("nowhere: no such file or directory", "--data", "nowhere")

    def test_empty_directory(self):
        (self.directory / "data").mkdir()
        self.run_fails(f"data: the directory is empty; {ACCEPTED}", "--data", "data")

    def test_no_data_in_directory(self):
        self.write("data/readme.txt", "nothing")
        self.run_fails(f"data: no data found among 1 files ('readme.txt'); {ACCEPTED}",
                       "--data", "data")

    def test_wrong_shape(self):
        self.samples(x=[np.zeros((1, 4))])
        self.run_fails("data/0.npz: input 'x': expected float[1,3], got float[1,4]",
                       "--data", "data")

    def test_wrong_name(self):
        self.samples(z=[np.zeros((1, 3))])
        self.run_fails("data/0.npz: array 'z' is not an input of the model; the model's input is "
                       "'x'", "--data", "data")

    def test_images_without_preprocessing(self):
        self.model(nodes=[helper.make_node("Relu", ["x"], ["y"])],
                   inputs=[value("x", [1, 1, 32, 32])], outputs=[value("y", [1, 1, 32, 32])])
        images = cli.DIGITS / "evaluation"
        self.fails(2, f"{images}: images need --image with a line that says how the model was "
                      "trained to see them; for float[1,1,32,32] this may be \"resize=32x32 "
                      "layout=nchw gray scale=1/255\"",
                   "run", "model.onnx", "--data", images)

    def test_not_an_array(self):
        self.write("x.npy", "no array")
        self.run_fails("x.npy: not a .npy file", "--data", "x.npy")

    def archive(self, change, method=zipfile.ZIP_STORED):
        """x.npz with one array, as `change` makes it of the bytes of a good one."""
        array, path = io.BytesIO(), self.directory / "x.npz"
        np.save(array, np.zeros((1, 3), np.float32))
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("x.npy", array.getvalue())
        path.write_bytes(change(path.read_bytes()))

    def archive_fails(self, message, change, method=zipfile.ZIP_STORED):
        self.archive(change, method)
        self.run_fails("x.npz: " + message, "--data", "x.npz")

    def test_no_archive(self):
        message = "cannot open as .npz: it is no ZIP archive, or is damaged"
        self.archive_fails(message, lambda good: b"no archive")
        self.archive_fails(message, lambda good: b"")
        self.archive_fails(message, lambda good: good[:-40])

    def test_damaged_array(self):
        data = bytes(12)
        self.archive_fails("array 'x': CRC error", lambda good: good.replace(data, b"1" + data[1:]))
        self.archive_fails("array 'x': its compressed data are damaged",
                           lambda good: good[:35] + b"\xff" * 20 + good[55:], zipfile.ZIP_DEFLATED)
        self.archive_fails("array 'x': its compression is neither none nor deflate",
                           lambda good: good, zipfile.ZIP_BZIP2)

    def test_good_archives(self):
        for method in zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED:
            self.archive(lambda good: good, method)
            self.quern("run", "model.onnx", "--data", "x.npz", out=None, err=None)

    def test_nan(self):
        self.samples(x=[np.array([[1, 2, 0]]), np.array([[1, np.nan, 0]])])
        self.fails(1, "data/1.npz: input 'x': there are NaN or infinite elements",
                   "compare", "model.onnx", "model.onnx", "--data", "data")
        self.quern("run", "model.onnx", "--data", "data", "-o", "out", out=None, err=None)


class Labels(cli.Case):
    def setUp(self):
        super().setUp()
        self.model()
        self.samples(x=[np.eye(3, dtype=np.float32)[i:i + 1] for i in range(2)])

    def run_fails(self, message, labels):
        self.write("labels.tsv", labels)
        self.fails(1, message, "run", "model.onnx", "--data", "data", "--labels", "labels.tsv")

    def test_missing(self):
        self.fails(1, "labels.tsv: cannot open: No such file or directory",
                   "run", "model.onnx", "--data", "data", "--labels", "labels.tsv")

    def test_no_number(self):
        self.run_fails("labels.tsv:2: 'cat' is not a class; lines are NAME<TAB>CLASS or CLASS, "
                       "where a class is a whole number", "0.npz\t1\n1.npz\tcat\n")

    def test_wrong_count(self):
        self.run_fails("labels.tsv has 1 labels for 2 samples; where not all samples are used each "
                       "line needs the name of its sample", "1\n")

    def test_sample_without_label(self):
        self.run_fails("labels.tsv has no label for sample '1.npz'", "0.npz\t1\n")

    def test_two_labels(self):
        self.run_fails("labels.tsv:2: a second label for '0.npz'", "0.npz\t1\n0.npz\t1\n")

    def test_mixed(self):
        self.run_fails("labels.tsv:2: some lines have a name and some have none", "0.npz\t1\n1\n")


class Compare(cli.Case):
    def test_other_outputs(self):
        self.model("a.onnx")
        self.model("b.onnx", nodes=[helper.make_node("Relu", ["x"], ["h"]),
                                    helper.make_node("Relu", ["h"], ["z"])],
                   outputs=[value("h", [1, 3]), value("z", [1, 3])])
        self.fails(1, "b.onnx has no output 'y', which a.onnx has",
                   "compare", "a.onnx", "b.onnx", "--data", "random")


class Quantized(cli.Case):
    def test_recognized(self):
        self.model()
        self.quern("quantize", "model.onnx", "--data", "random", "-o", "int8.onnx", out=None)
        out, _ = self.quern("check", "int8.onnx", out=None)
        self.assertRegex(out, r"quantized \d nodes, first node '\S+' \((Q|Deq)uantizeLinear\)\n")
        self.assertRegex(out, r"  share       \d+\.\d\d % of the multiply-adds run in integers in "
                              r"onnxruntime\n(  note        .*\n)*$")
        self.fails(2, "check: --json is for quantized models",
                   "check", "model.onnx", "--json", "layers.json", out=None)
        _, err = self.quern("quantize", "int8.onnx", "--data", "random", "-o", "again.onnx",
                            code=1, err=None)
        self.assertRegex(err, r"^quern: int8.onnx: already quantized: it has node '\S+' "
                              r"\((Q|Deq)uantizeLinear\); give the float model, or "
                              r"--requantize-rest to quantize only what is left\n$")
        self.assertEqual(self.files(), ["int8.onnx", "model.onnx"])


if __name__ == "__main__":
    unittest.main()
