# SPDX-License-Identifier: Apache-2.0
"""LSTM, GRU, RNN and DynamicQuantizeLSTM with random attributes: quern's executor computes what
ONNX Runtime computes.

ONNX Runtime has float and layout 0 only; double, the half types and layout 1 are compared with
quern's own float in layout 0.
"""
import pathlib
import tempfile
import unittest

import quern
from quern import np, onnx, helper, numpy_helper

TYPES = {"float": onnx.TensorProto.FLOAT, "double": onnx.TensorProto.DOUBLE,
         "float16": onnx.TensorProto.FLOAT16, "bfloat16": onnx.TensorProto.BFLOAT16}
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FUNCTIONS = {"LSTM": 3, "GRU": 2, "RNN": 1}
# name -> (takes alpha, takes beta); True: must be given
PARAMETERS = {"Relu": (None, None), "Tanh": (None, None), "Sigmoid": (None, None),
              "Affine": (True, True), "LeakyRelu": (False, None), "ThresholdedRelu": (True, None),
              "ScaledTanh": (True, True), "HardSigmoid": (False, False), "Elu": (False, None),
              "Softsign": (None, None), "Softplus": (None, None)}
INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
OUTPUTS = ("Y", "Y_h", "Y_c")
BATCH_FIRST = {"X": (1, 0, 2), "initial_h": (1, 0, 2), "initial_c": (1, 0, 2),
               "Y": (2, 0, 1, 3), "Y_h": (1, 0, 2), "Y_c": (1, 0, 2)}


class Layer:
    """A random layer: attributes, arrays by input name, and which outputs it has."""

    def __init__(self, seed, kind):
        self.random = np.random.RandomState(seed)
        self.kind = kind
        self.opset = int(self.random.choice([7, 14, 22]))
        chance = self.random.random_sample
        steps, batch, size, hidden = self.random.randint(1, [9, 5, 12, 20])
        direction = self.random.choice(["forward", "reverse", "bidirectional"])
        dirs = 2 if direction == "bidirectional" else 1
        self.attributes = {"hidden_size": int(hidden), "direction": str(direction)}
        self.arrays = {"X": self.normal(1, steps, batch, size),
                       "W": self.normal(.5, dirs, GATES[kind] * hidden, size),
                       "R": self.normal(.3, dirs, GATES[kind] * hidden, hidden)}
        optional = {"B": self.normal(.5, dirs, 2 * GATES[kind] * hidden),
                    "sequence_lens": self.random.randint(0, steps + 1, batch).astype(np.int32),
                    "initial_h": self.normal(1, dirs, batch, hidden)}
        if kind == "LSTM":
            optional["initial_c"] = self.normal(1, dirs, batch, hidden)
            optional["P"] = self.normal(.5, dirs, 3 * hidden)
        self.arrays.update({name: v for name, v in optional.items() if chance() < .5})
        if chance() < .3:
            self.attributes["clip"] = .5
        if kind == "GRU":
            self.attributes["linear_before_reset"] = int(chance() < .5)
        if kind == "LSTM" and chance() < .2:
            self.attributes["input_forget"] = 1
        if chance() < .6:
            self.add_functions(dirs)
        count = 3 if kind == "LSTM" else 2
        kept = [name if chance() < .7 else "" for name in OUTPUTS[:count]]
        self.outputs = kept if any(kept) else list(OUTPUTS[:count])
        while not self.outputs[-1]:
            self.outputs.pop()

    def normal(self, scale, *shape):
        return self.random.normal(0, scale, shape).astype(np.float32)

    def add_functions(self, dirs):
        names = [str(self.random.choice(list(PARAMETERS)))
                 for _ in range(dirs * FUNCTIONS[self.kind])]
        defaults = self.random.random_sample() < .3
        self.attributes["activations"] = names
        for which, attribute in enumerate(("activation_alpha", "activation_beta")):
            takes = [PARAMETERS[name][which] for name in names]
            if any(takes) or not defaults and False in takes:
                self.attributes[attribute] = [float(self.random.uniform(.1, .6))
                                              for t in takes if t is not None]

    def model(self, type="float", layout=0, fed=("X",)):
        """The model and a sample; what is not fed is an initializer."""
        arrays = dict(self.arrays)
        outer = [n for n in INPUTS if n in arrays]
        if layout:
            arrays.update({n: arrays[n].transpose(BATCH_FIRST[n]) for n in outer
                           if n in BATCH_FIRST})
        tensors = {n: numpy_helper.from_array(np.ascontiguousarray(arrays[n]), n) for n in outer}
        data_type = {n: TYPES[type] if t.data_type == onnx.TensorProto.FLOAT else t.data_type
                     for n, t in tensors.items()}
        node_inputs = [n if n in arrays else "" for n in INPUTS]
        while not node_inputs[-1]:
            node_inputs.pop()
        nodes, weights = [], [tensors[n] for n in outer if n not in fed]
        for name in outer:   # other types are cast in the model: .npz files have no bfloat16
            if data_type[name] != tensors[name].data_type:
                nodes.append(helper.make_node("Cast", [name], [name + "_cast"],
                                              to=data_type[name]))
                node_inputs[INPUTS.index(name)] = name + "_cast"
        attributes = dict(self.attributes, **({"layout": 1} if layout else {}))
        results = [n and n + "_raw" for n in self.outputs]
        nodes.append(helper.make_node(self.kind, node_inputs, results, "layer", **attributes))
        wide = type if type == "double" else "float"
        nodes += [helper.make_node("Cast", [n + "_raw"], [n], to=TYPES[wide])
                  for n in self.outputs if n]
        graph = helper.make_graph(
            nodes, "test",
            [helper.make_tensor_value_info(n, tensors[n].data_type, arrays[n].shape)
             for n in outer if n in fed],
            [helper.make_tensor_value_info(n, TYPES[wide], None) for n in self.outputs if n],
            weights)
        opset = max(self.opset, 22 if type == "bfloat16" else 14 if layout else 7)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                  ir_version=8)
        return model, {n: np.ascontiguousarray(arrays[n]) for n in outer if n in fed}


class Recurrent(unittest.TestCase):
    maxDiff = None

    def save(self, model):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = pathlib.Path(directory.name) / "model.onnx"
        onnx.save(model, path)
        return path

    def simulate(self, path, *samples):
        return quern.simulate(path, quern.write_samples(path.parent / "data", samples))

    def check(self, layer, got, want, tolerance):
        self.assertEqual(set(got), set(want))
        for name, expected in want.items():
            self.assertEqual(got[name].shape, expected.shape)
            difference = np.abs(got[name].astype(np.float64) - expected).max(initial=0)
            self.assertLessEqual(difference, tolerance * max(1, np.abs(expected).max(initial=0)),
                                 f"{name} of {layer.kind} {layer.attributes}")


def make_ort_test(kind, seed):
    def test(self):
        layer = Layer(seed, kind)
        fed = [("X",), ("X", "initial_h", "sequence_lens"), INPUTS][seed % 3]
        model, sample = layer.model(fed=fed)
        other = {n: v if v.dtype == np.int32 else v[..., ::-1].copy() for n, v in sample.items()}
        path = self.save(model)
        for got, want in zip(self.simulate(path, sample, other),
                             quern.ort_run(path, [sample, other])):
            self.check(layer, got, want, 2e-5)
    return test


def make_form_test(kind, seed):
    def test(self):
        layer = Layer(1000 + seed, kind)
        want = self.simulate(self.save(layer.model()[0]), layer.model()[1])[0]
        for type, layout, tolerance in (("float", 1, 1e-6), ("double", 0, 2e-5),
                                        ("double", 1, 2e-5), ("float16", 0, 2e-2),
                                        ("bfloat16", 1, 1e-1)):
            model, sample = layer.model(type, layout)
            got = self.simulate(self.save(model), sample)[0]
            expected = {n: v.transpose(BATCH_FIRST[n]) if layout else v for n, v in want.items()}
            self.check(layer, got, expected, tolerance)
    return test


for one in GATES:
    for number in range(16):
        setattr(Recurrent, f"test_{one.lower()}_{number:02d}", make_ort_test(one, number))
    for number in range(2):
        setattr(Recurrent, f"test_{one.lower()}_forms_{number}", make_form_test(one, number))


class Dynamic(unittest.TestCase):
    """LSTM with integer weights. Where ONNX Runtime's state differs in its last bit, the codes that
    are made of it may differ by one: then results differ by a step's worth, not more. Without Y,
    it counts the states of sequences that have ended in another way."""

    def model(self, seed, path, **replaced):
        layer, random = Layer(2000 + seed, "LSTM"), np.random.RandomState(seed)
        layer.outputs = list(OUTPUTS)
        dtype = random.choice([np.int8, np.uint8])
        channels = random.randint(2)
        arrays = dict(layer.arrays)
        for name in "WR":
            dirs, width, depth = arrays[name].shape
            info = np.iinfo(dtype)
            shape = (dirs, width) if channels else (dirs,)
            arrays[name] = quern.fitting(random.randint(info.min, info.max + 1,
                                                        (dirs, depth, width)).astype(dtype))
            zero = 128 if dtype == np.uint8 else 0
            # ONNX Runtime has one for all channels, and with many scales of int8 only 0
            spread = 0 if channels and dtype == np.int8 else 9
            arrays[name + "_scale"] = random.uniform(.002, .004, shape).astype(np.float32)
            arrays[name + "_zero_point"] = np.full(shape, zero + random.randint(-spread,
                                                                                spread + 1), dtype)
        arrays.update(replaced)
        names = [*INPUTS, "W_scale", "W_zero_point", "R_scale", "R_zero_point"]
        node = helper.make_node("DynamicQuantizeLSTM",
                                [n if arrays.get(n) is not None else "" for n in names],
                                layer.outputs, domain="com.microsoft", **layer.attributes)
        fed = [n for n in ("X", "initial_h", "B")
               if arrays.get(n) is not None][:1 + seed % 3]
        tensors = {n: numpy_helper.from_array(a, n) for n, a in arrays.items() if a is not None}
        graph = helper.make_graph(
            [node], "test",
            [helper.make_tensor_value_info(n, tensors[n].data_type, tensors[n].dims) for n in fed],
            [helper.make_tensor_value_info(n, TYPES["float"], None) for n in layer.outputs if n],
            [t for n, t in tensors.items() if n not in fed])
        onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid("", 14), helper.make_opsetid("com.microsoft", 1)]), path)
        return {n: arrays[n] for n in fed}

    def test_random(self):
        exact = 0
        for seed in range(20):
            with tempfile.TemporaryDirectory() as directory:
                path = pathlib.Path(directory) / "model.onnx"
                sample = self.model(seed, path)
                got = quern.simulate(path, quern.write_samples(path.parent / "data", [sample]))[0]
                want = quern.ort_run(path, [sample])[0]
            self.assertEqual(set(got), set(want))
            worst = max(np.abs(got[n] - want[n]).max() / max(1, np.abs(want[n]).max())
                        for n in want)
            self.assertLess(worst, 1e-2, f"seed {seed}")
            exact += worst < 5e-6
        self.assertGreaterEqual(exact, 18)

    def test_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "model.onnx"
            data = quern.write_samples(path.parent / "data", [self.model(0, path, R_scale=None)])
            done = quern.start("run", path, "--data", data, "-o", path.parent / "out")
            self.assertEqual(done.returncode, 1)
            self.assertIn("R_scale", done.stderr)


class Refused(unittest.TestCase):
    """What has no agreed meaning gets a message."""

    def refuse(self, text, kind="RNN", **attributes):
        layer = Layer(1, kind)
        layer.attributes = {"hidden_size": layer.attributes["hidden_size"],
                            "direction": layer.attributes["direction"], **attributes}
        model, sample = layer.model()
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "model.onnx"
            onnx.save(model, path)
            data = quern.write_samples(path.parent / "data", [sample])
            done = quern.start("run", path, "--data", data, "-o", path.parent / "out")
        self.assertEqual(done.returncode, 1)
        self.assertIn(text, done.stderr)

    def test_function(self):
        self.refuse("activations: Cosine", activations=["Cosine"] * 2)

    def test_too_few_functions(self):
        self.refuse("activations must have", "LSTM", activations=["Tanh"])

    def test_no_agreed_default(self):
        self.refuse("activation_alpha has no value for Affine", activations=["Affine"] * 2)

    def test_direction(self):
        self.refuse("direction", direction="backward")

    def test_clip(self):
        self.refuse("clip", clip=0.)

    def test_layout(self):
        self.refuse("layout", layout=2)

    def test_hidden_size(self):
        self.refuse("hidden_size", hidden_size=99)
