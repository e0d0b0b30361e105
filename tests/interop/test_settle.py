# SPDX-License-Identifier: Apache-2.0
"""Layers that the outputs do not bear in integers stay float: found by `settle`, run by the two
runtimes on samples that were not calibrated with. Networks made so that it is known who is at
fault, and real ones where they lie beside the checkout.
"""
import json
import pathlib
import tempfile
import unittest

import numpy as np
import quern

ENOUGH = 20     # dB
RATE, STEP, FRAME = 16000, 160, 320


def sqnr(want, got):
    """Of the worst output, in dB, over all samples."""
    worst = 100
    for name in want[0]:
        x, y = (np.concatenate([np.asarray(s[name], float).ravel() for s in a])
                for a in (want, got))
        noise = max(np.square(x - y).sum(), 1e-10 * np.square(x).sum(), 1e-40)
        worst = min(worst, 10 * np.log10(np.square(x).sum() / noise))
    return worst


def listener(path, logarithm=False):
    """Sound => spectrum by two convolutions => Asinh of its power, or the logarithm, which is the
    same for large numbers, but known for what it does => three layers."""
    net = quern.Net(3)
    x = net.input(1, 1, 4800)
    k, n = np.arange(33)[:, None], np.arange(FRAME)
    window = np.hanning(FRAME)
    parts = [net.constant((window * f(2 * np.pi * k * n / FRAME))[:, None], np.float32)
             for f in (np.cos, np.sin)]
    real, imaginary = (net.node("Conv", x, w, strides=[STEP]) for w in parts)
    power = net.node("Add", net.node("Mul", real, real), net.node("Mul", imaginary, imaginary))
    if logarithm:
        y = net.node("Log", net.node("Add", power, net.constant(1e-7, np.float32)))
    else:
        y = net.node("Asinh", net.node("Mul", power, net.constant(1e7, np.float32)))
    y = net.node("Relu", net.node("Conv", y, net.weight(48, 33, 3), net.bias(48)))
    y = net.node("Relu", net.node("Conv", y, net.weight(48, 48, 3), net.bias(48)))
    net.output(net.node("Conv", y, net.weight(4, 48, 3), net.bias(4)))
    return net.save(path)


def sounds(seed, count):
    """Tones over faint noise, some loud, some quiet."""
    random = np.random.RandomState(seed)
    t = np.arange(4800) / RATE
    for _ in range(count):
        x = 1e-4 * random.normal(size=t.size)
        for _ in range(3):
            x += random.uniform(0, 0.3) * np.sin(2 * np.pi * random.uniform(80, 1500) * t)
        yield {"x0": x.astype(np.float32)[None, None]}


class Made(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.directory.name)
        cls.model = listener(cls.path / "model.onnx")
        cls.data = quern.write_samples(cls.path / "data", sounds(1, 24))
        cls.other = list(sounds(2, 8))

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def quantize(self, *options):
        out, report = self.path / "int8.onnx", self.path / "report.json"
        quern.run("quantize", self.model, "--data", self.data, "-o", out, "-r", report, *options)
        got = sqnr(quern.ort_run(self.model, self.other), quern.ort_run(out, self.other))
        return got, json.loads(report.read_text())

    def floats(self, report):
        return {layer["node"]: layer["reason"] for layer in report["layers"]
                if not layer["quantized"]}

    def test_the_spectrum_stays_float(self):
        got, report = self.quantize()
        self.assertGreater(got, ENOUGH)
        left = self.floats(report)
        self.assertEqual(sorted(left), ["Conv_0", "Conv_1"])
        for reason in left.values():
            self.assertRegex(reason, "brings the outputs down to .* dB")

    def test_in_front_of_a_logarithm_without_measurement(self):
        self.model = listener(self.path / "logarithm.onnx", logarithm=True)
        got, report = self.quantize("--skip", "settle")
        self.assertGreater(got, ENOUGH)
        left = self.floats(report)
        self.assertEqual(sorted(left), ["Conv_0", "Conv_1"])
        for reason in left.values():
            self.assertRegex(reason, "a logarithm reads its output")

    def test_without_it(self):
        for options in (["--min-sqnr", "0"], ["--skip", "settle"]):
            got, report = self.quantize(*options)
            self.assertLess(got, ENOUGH - 5)
            self.assertEqual(self.floats(report), {})

    def test_openvino(self):
        out = self.path / "ov.onnx"
        want = quern.ort_run(self.model, self.other)
        name, = want[0]
        asked = ["--min-sqnr", "30"]
        for options, enough in (asked, True), (asked + ["--skip", "settle"], False):
            quern.run("quantize", self.model, "--data", self.data, "-o", out, "--target",
                      "openvino", *options)
            got = [{name: next(iter(s.values()))} for s in quern.OpenVino(out)(self.other)]
            self.assertEqual(sqnr(want, got) > 30, enough)

    def test_the_same_with_any_number_of_threads(self):
        files = []
        for jobs in "1", "2":
            out = self.path / f"j{jobs}.onnx"
            quern.run("quantize", self.model, "--data", self.data, "-o", out, "-j", jobs)
            files.append(out.read_bytes())
        self.assertTrue(files[0] == files[1])


class Picked(unittest.TestCase):
    """A detector that ends in what picks boxes by their scores: noise exchanges neighbours in rank,
    which is no reason to keep a layer in float."""

    def quantize(self, pick):
        net = quern.Net(5)
        y = net.input(1, 3, 32, 32)
        for width in 3, 16, 16:
            y = net.node("Relu", net.node("Conv", y, net.weight(16, width, 3, 3), net.bias(16),
                                          pads=[1, 1, 1, 1]))
        parts = [net.node("Reshape",
                          net.node("Conv", y, net.weight(n, 16, 1, 1), net.bias(n)),
                          net.constant([1, n, -1], np.int64)) for n in (1, 4)]
        boxes = net.node("Transpose", parts[1], perm=[0, 2, 1])
        net.output(*pick(net, net.node("Sigmoid", parts[0]), boxes))
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            model, report = net.save(directory / "model.onnx"), directory / "report.json"
            data = quern.write_samples(directory / "data", net.samples(8))
            text = quern.run("quantize", model, "--data", data, "-o", directory / "int8.onnx",
                             "-r", report)
            quern.ort_run(directory / "int8.onnx", net.samples(1))
            return text, json.loads(report.read_text())

    def check(self, pick):
        text, report = self.quantize(pick)
        self.assertEqual([layer["node"] for layer in report["layers"] if not layer["quantized"]],
                         [])
        self.assertLess(min(row["sqnr_db"] for row in report["outputs"]), ENOUGH)
        self.assertGreater(report["picked_from_db"], ENOUGH)
        self.assertIn("before elements are picked", text)

    def test_the_largest(self):
        def pick(net, scores, boxes):
            top, index = net.node("TopK", scores, net.constant([50], np.int64), outputs=2, axis=2)
            one = net.node("Reshape", index, net.constant([-1], np.int64))
            return top, net.node("Gather", boxes, one, axis=1)
        self.check(pick)

    def test_those_that_overlap_least(self):
        def pick(net, scores, boxes):
            kept = net.node("NonMaxSuppression", boxes, scores, net.constant([40], np.int64),
                            net.constant([0.7], np.float32), net.constant([0.3], np.float32))
            index = net.node("Gather", kept, net.constant(2, np.int64), axis=1)
            return (net.node("Gather", boxes, index, axis=1),)
        self.check(pick)

    def test_what_is_not_picked(self):
        text, report = self.quantize(lambda net, scores, boxes: (scores, boxes))
        self.assertIsNone(report["picked_from_db"])
        self.assertNotIn("picked", text)


@unittest.skipUnless(quern.MATERIAL.is_dir(), f"there are no models at {quern.MATERIAL}")
class Material(unittest.TestCase):
    def test_speech(self):
        """A state that is carried, and bodies: in one a convolution is in front of a logarithm, and
        without it nothing is at fault."""
        folder = quern.MATERIAL / "silero_vad_v4"
        frames = np.load(folder / "io/frames.npy").astype(np.float32)
        samples = [{"input": x.reshape(1, -1)[:, -512:], "sr": np.array(RATE)} for x in frames]
        half = len(samples) // 2
        carry = ["--carry", "hn=h", "--carry", "cn=c"]
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            data = quern.write_samples(directory / "data", samples[:half])
            other = quern.write_samples(directory / "other", samples[half:])
            found = []
            recipe = directory / "all.yaml"
            recipe.write_text("rules: [{operators: Conv, quantize: all}]")
            for options in [], ["--min-sqnr", "0"], ["--min-sqnr", "0", "--recipe", recipe]:
                out = directory / "int8.onnx"
                quern.run("quantize", folder / "model.onnx", "--data", data, "-o", out, *carry,
                          *options)
                found.append(sqnr(quern.simulate(folder / "model.onnx", other, *carry),
                                  quern.simulate(out, other, *carry)))
        for db in found[:2]:
            self.assertGreater(db, found[2] + 10)
            self.assertGreater(db, ENOUGH - 5)


if __name__ == "__main__":
    unittest.main()
