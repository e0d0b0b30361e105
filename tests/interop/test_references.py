# SPDX-License-Identifier: Apache-2.0
"""Every real model beside the checkout that quern can run, against the output that is stored with
it (from an independent interpreter), or against ONNX Runtime where none is stored.

How inputs and outputs lie in a model's io/ is told by their names: u8.npy with pre.json and
out<i>_<j>.npy are pictures; x.npy and y.npy are stacked on axis 0; x<i>.npy and y<i>.npy are pairs;
frames.npy is a sequence whose states begin at zero. A model that quern refuses is a skip, with its
reason.
"""
import json
import pathlib
import tempfile
import unittest

import numpy as np
import onnx

import quern

SAME = 1e-4     # largest difference, of the reference's largest magnitude
LOOSE = 1e-3    # likewise where the reference is float16, and for the models below
# logarithms of powers near zero; sums over many steps
DELICATE = {"basic_pitch", "dnsmos_sig_bak_ovr", "dnsmos_p808", "oww_melspec", "cw_crnn_loop",
            "dtln_1", "gtcrn_simple", "ppocr_rec_en_number_v2", "silero_vad_16k_op15",
            "silero_vad_v4", "silero_vad_v6"}
# With AVX2 alone sums have another order, and the last layer's exponentials make 2e-4 of it.
DELICATE |= {"yolox_nano"} if quern.adds_in_16_bits() else set()
# What is quantized already equals ONNX Runtime to the bit. The activations of zq_mbv2_qdq_uint8 are
# int8 in spite of its name; by default the runtime leaves layers in float then whose sums are near
# ties (and so is a code off here and there), but for this option.
EXACT = {"zq_mbv2_qdq_uint8", "zq_mobilenetv2_12_int8"}
SIGNED_CODES = {"session.qdqisint8allowed": "1"}
SAME_INPUTS = {"zq_mbv2_qdq_uint8": "mobilenetv2_12_dequant",
               "zq_mobilenetv2_12_int8": "mobilenetv2_12_dequant"}
BY_ROW = {"bvae_decoder", "sayit_kws", "proto_transformer"}     # whatever they declare
STREAMS = {     # name: output, states, constant inputs
    "dtln_1": ("mask.npy", ["tf_op_layer_stack_2=input_3"], {}),
    "gtcrn_simple": ("enh.npy", ["conv_cache_out=conv_cache", "tra_cache_out=tra_cache",
                                 "inter_cache_out=inter_cache"], {}),
    "silero_vad_16k_op15": ("prob.npy", ["stateN=state"], {"sr": np.array(16000)}),
    "silero_vad_v6": ("prob.npy", ["stateN=state"], {"sr": np.array(16000)}),
    "silero_vad_v4": ("prob.npy", ["hn=h", "cn=c"], {"sr": np.array(16000)}),
}
SCALE = {"x_i16": 1 / 32768, "x_f16": 1, "x_u8": 1}     # what the short forms of x stand for


class Stored:
    """The samples of a model: inputs by name, and for each a list of arrays, by output, or None."""

    def __init__(self, name):
        self.name, self.options = name, []
        self.path = quern.MATERIAL / name / "model.onnx"
        self.io = quern.MATERIAL / SAME_INPUTS.get(name, name) / "io"
        graph = onnx.load(self.path, load_external_data=False).graph
        constant = {tensor.name for tensor in graph.initializer}
        self.inputs = [info for info in graph.input if info.name not in constant]
        self.outputs = [info.name for info in graph.output]
        self.samples, self.want = [], []
        self.read()
        if name in SAME_INPUTS:
            self.want = [None] * len(self.want)

    def add(self, x, want=None):
        self.samples.append({self.inputs[0].name: np.ascontiguousarray(x)})
        self.want.append(want)

    def load(self, name):
        return np.load(self.io / name)

    def outputs_of(self, i):
        files = [self.io / f"out{i}_{j}.npy" for j in range(len(self.outputs))]
        return [np.load(file) for file in files] if files[0].exists() else None

    def read(self):
        if self.name in STREAMS:
            self.read_stream()
        elif (self.io / "pre.json").exists():
            self.read_pictures(json.loads((self.io / "pre.json").read_text()))
        elif (self.io / "x0.npy").exists():
            for x in sorted(self.io.glob("x[0-9].npy")):
                self.add(np.load(x), [np.load(x.with_name(x.name.replace("x", "y")))])
        elif (self.io / "x.npy").exists():
            several = sorted(self.io.glob("y[0-9].npy"))
            want = [np.load(y) for y in several] if several else [self.load("y.npy")]
            self.read_stack(self.load("x.npy"), want)
        elif list(self.io.glob("x_*.npy")):
            x, = self.io.glob("x_*.npy")
            y, = self.io.glob("y*.npy")
            self.read_stack(np.load(x).astype(np.float32) * np.float32(SCALE[x.stem]),
                            [np.load(y)])
        else:
            self.invent()

    def read_stream(self):
        file, carry, constants = STREAMS[self.name]
        shape = [dim.dim_value or 1 for dim in self.inputs[0].type.tensor_type.shape.dim]
        want = self.load(file)
        for i, frame in enumerate(self.load("frames.npy")):
            self.add(frame.reshape([*shape[:-1], -1] if len(shape) < 4 else shape), [want[i]])
            self.samples[-1].update(constants)
        self.options = [word for text in carry for word in ("--carry", text)]

    def read_pictures(self, pre):
        if self.name == "niivue_meshnet":   # fully convolutional: any size will do
            self.add(self.load("x_u8.npy") / np.float32(255),
                     [lambda y: (y[..., ::2, ::2, ::2], self.load("y_f16.npy")),
                      lambda y: (y.argmax(1), self.load("argmax.npy"))])
            return
        pictures = list(self.load("u8.npy")) if (self.io / "u8.npy").exists() else \
            [np.load(file)[0] for file in sorted(self.io.glob("u8_*.npy"))]
        for i, picture in enumerate(pictures):
            if pre["order"].startswith("BGR"):
                picture = picture[..., ::-1]
            if self.name == "mlsd_tiny_320":
                ones = np.ones((*picture.shape[:2], 1), np.float32)
                self.add(np.concatenate([picture, ones], 2)[None], self.outputs_of(i))
                continue
            x = (picture.astype(np.float32) - np.float32(pre["mean"])) * np.float32(pre["scale"])
            x = x if len(self.inputs[0].type.tensor_type.shape.dim) == 4 and \
                pre["layout"] == "NHWC" else x.transpose(2, 0, 1)
            self.add(x[None], self.outputs_of(i))

    def read_stack(self, x, want):
        first = self.inputs[0].type.tensor_type.shape.dim[0].dim_value
        if first == 1 or self.name in BY_ROW:
            for i in range(len(x)):
                self.add(x[i:i + 1], [y[i:i + 1] for y in want])
        else:
            self.add(x, want)

    def invent(self):
        """Nothing is stored: noise in the shape of the inputs, for ONNX Runtime to compute."""
        random = np.random.RandomState(1)
        for _ in range(4):
            self.samples.append({})
            self.want.append(None)
            for info in self.inputs:
                shape = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
                kind = onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
                self.samples[-1][info.name] = random.uniform(0, 1, shape).astype(kind)

    def model(self, directory):
        """The model's path; one whose input is fed in another size is written anew."""
        if self.name != "niivue_meshnet":
            return self.path
        model = onnx.load(self.path)
        for info in [*model.graph.input, *model.graph.output]:
            for dim in info.type.tensor_type.shape.dim[2:]:
                dim.Clear()
        onnx.save(model, directory / "model.onnx")
        return directory / "model.onnx"


@unittest.skipUnless(quern.MATERIAL.is_dir(), f"there are no models at {quern.MATERIAL}")
class References(unittest.TestCase):
    def same(self, got, want, limit, where):
        if want.dtype.kind in "iub":
            self.assertTrue(np.array_equal(got.ravel(), want.ravel()), f"{where}: other integers")
            return
        limit = max(limit, LOOSE) if want.dtype == np.float16 else limit
        error = quern.relative_difference(got.astype(np.float64).ravel(),
                                          want.astype(np.float64).ravel())
        self.assertLess(error, limit, where)

    def test_picture_before_rounding(self):
        """The picture of bvae_decoder is cut off to uint8: a code may be the one below where the
        number is a whole one, to 1e-4 of the range, and nowhere else. Some stored ones are."""
        stored = Stored("bvae_decoder")
        real = onnx.load(stored.path)
        cast = next(node for node in real.graph.node if node.op_type == "Cast")
        cast.attribute[0].i = onnx.TensorProto.FLOAT
        pad = next(node for node in real.graph.node if node.op_type == "Pad")
        fill = next(node for node in real.graph.node if node.output[0] == pad.input[2])
        fill.attribute[0].t.CopyFrom(onnx.numpy_helper.from_array(
            onnx.numpy_helper.to_array(fill.attribute[0].t).astype(np.float32)))
        real.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            onnx.save(real, directory / "real.onnx")
            data = quern.write_samples(directory / "data", stored.samples)
            name = stored.outputs[0]
            number = [y[name] for y in quern.ort_run(directory / "real.onnx", stored.samples)]
            ours = [y[name] for y in quern.simulate(stored.path, data)]
        for y, got, want in zip(number, ours, stored.want, strict=True):
            low, high = np.floor(y - 255 * SAME), np.floor(y + 255 * SAME)
            for codes in got.astype(float), want[0].astype(float):
                self.assertTrue(np.all((codes == low) | (codes == high)))
        self.assertEqual(got.dtype, np.uint8)

    def check(self, name):
        stored = Stored(name)
        limit = LOOSE if name in DELICATE else SAME
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            model, out = stored.model(directory), directory / "out"
            data = quern.write_samples(directory / "data", stored.samples)
            done = quern.start("run", model, "--data", data, "-o", out, *stored.options)
            if done.returncode == 1:
                self.skipTest(done.stderr.strip().splitlines()[-1])
            self.assertEqual(done.returncode, 0, done.stderr)
            ours = [dict(np.load(file)) for file in sorted(out.glob("*.npz"))]
        if None in stored.want:
            if name == "zq_mobilenetv2_12_int8" and quern.adds_in_16_bits():
                self.skipTest("its sums do not fit 16 bits, in which this processor adds")
            config = SIGNED_CODES if name in EXACT else {}
            theirs = quern.ort_run(model, stored.samples, config=config)
            stored.want = [[y[output] for output in stored.outputs] for y in theirs]
        for i, (got, want) in enumerate(zip(ours, stored.want, strict=True)):
            for j, y in enumerate(want):
                if callable(y):
                    self.same(*y(got[stored.outputs[0]]), limit, f"sample {i}")
                else:
                    where = f"sample {i}, '{stored.outputs[j]}'"
                    if name in EXACT:
                        np.testing.assert_array_equal(got[stored.outputs[j]], y, where)
                    else:
                        self.same(got[stored.outputs[j]], y, limit, where)


def add_test(name):
    setattr(References, f"test_{name}", lambda self: self.check(name))


for file in sorted(quern.MATERIAL.glob("*/model.onnx")):
    if file.parent.name != "bvae_decoder":  # it has a test of its own
        add_test(file.parent.name)

if __name__ == "__main__":
    unittest.main()
