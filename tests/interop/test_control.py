# SPDX-License-Identifier: Apache-2.0
"""Control flow, sequences and model-local functions: `quern run` and ONNX Runtime agree on small
models with random inputs of several sizes."""
import pathlib
import tempfile
import unittest

import quern
from quern import np, onnx, onnxruntime

MODELS = {
    "if_captures": """
        <ir_version: 8, opset_import: ["" : 16]>
        g (bool p, bool q, float[N,M] x) => (float[A,B] y)
        <float k = {2.0}>
        {
            a = Mul(x, k)
            y = If (p) <
                then_branch = t () => (float[A,B] u) {
                    c = Exp(a)
                    u = If (q) <then_branch = tt () => (float[A,B] v) { v = Add(c, a) },
                                else_branch = te () => (float[A,B] w) { w = Transpose(c) }>
                },
                else_branch = e () => (float[A,B] z) { z = Concat<axis = 0>(a, x) }>
        }""",
    "loop_states_and_scans": """
        <ir_version: 8, opset_import: ["" : 16]>
        g (int64 n, float[N,M] x) => (float[N,M] y, float[K,N,M] all, int64[K] numbers)
        {
            y, all, numbers = Loop (n, , x) <
                body = b (int64 i, bool c, float[N,M] s)
                       => (bool d, float[N,M] t, float[N,M] e, int64 j) {
                    f = CastLike(i, x)
                    t = Add(s, f)
                    m = ReduceMax<keepdims = 0>(t)
                    lim = Constant<value = float {4.0}>()
                    d = Less(m, lim)
                    e = Mul(t, x)
                    j = Add(i, i)
                }>
        }""",
    "loop_11": """
        <ir_version: 6, opset_import: ["" : 11]>
        g (int64 n, float[N] x) => (float[P] y)
        {
            t = Constant<value = bool {1}>()
            y = Loop (n, t, x) <
                body = b (int64 i, bool c, float[P] s) => (bool d, float[Q] u) {
                    d = Identity(c)
                    u = Concat<axis = 0>(s, x)
                }>
        }""",
    "loop_in_loop": """
        <ir_version: 8, opset_import: ["" : 15]>
        g (int64 n, float[N] x) => (float[N] y)
        {
            y = Loop (n, , x) <
                body = b (int64 i, bool c, float[N] s) => (bool c1, float[N] t) {
                    c1 = Identity(c)
                    t = Loop (i, , s) <
                        body = bb (int64 j, bool cc, float[N] ss) => (bool c2, float[N] tt) {
                            c2 = Identity(cc)
                            f = CastLike(j, x)
                            g = Mul(f, x)
                            tt = Add(ss, g)
                        }>
                }>
        }""",
    "scan_axes": """
        <ir_version: 8, opset_import: ["" : 16]>
        g (float[N] h, float[N,M] x, float[M] w) => (float[N] last, float[N,M] all, float[M] sums)
        {
            last, all, sums = Scan (h, x, w) <
                num_scan_inputs = 2, scan_input_axes = [1, 0], scan_input_directions = [1, 1],
                scan_output_axes = [1, 0], scan_output_directions = [0, 1],
                body = b (float[N] s, float[N] e, float v)
                       => (float[N] t, float[N] o, float r) {
                    k = Mul(e, v)
                    t = Add(s, k)
                    o = Neg(t)
                    r = ReduceSum<keepdims = 0>(t)
                }>
        }""",
    "scan_8": """
        <ir_version: 3, opset_import: ["" : 8]>
        g (int64[B] len, float[B,N] h, float[B,M,N] x) => (float[B,N] last, float[B,M,N] all)
        {
            last, all = Scan (len, h, x) <
                num_scan_inputs = 1,
                body = b (float[N] s, float[N] e) => (float[N] t, float[N] o) {
                    t = Add(s, e)
                    o = Identity(t)
                }>
        }""",
    "sequences": """
        <ir_version: 8, opset_import: ["" : 17]>
        g (int64 n, float[N,M] x) => (float[P,M] y, float[Q,N,M] z, int64 k, seq(float[N,M]) s)
        {
            zero = Constant<value = int64 {0}>()
            one = Constant<value = int64 {1}>()
            back = Constant<value = int64 {-1}>()
            e = SequenceEmpty()
            s = Loop (n, , e) <
                body = b (int64 i, bool c, seq(float[N,M]) s1) => (bool c1, seq(float[N,M]) s2) {
                    c1 = Identity(c)
                    f = CastLike(i, x)
                    u = Add(f, x)
                    s2 = SequenceInsert(s1, u)
                }>
            t = SequenceInsert(s, x, zero)
            v = SequenceErase(t, back)
            w = SequenceConstruct(x, x)
            k = SequenceLength(v)
            y = ConcatFromSequence<axis = 0>(t)
            z = ConcatFromSequence<axis = 0, new_axis = 1>(w)
        }""",
    "split": """
        <ir_version: 8, opset_import: ["" : 17]>
        g (float[N,M] x) => (float[M] a, float[P,M] b, seq(float[N,R]) s)
        {
            zero = Constant<value = int64 {0}>()
            two = Constant<value = int64 {2}>()
            one = SplitToSequence<axis = 0, keepdims = 0>(x)
            a = SequenceAt(one, zero)
            pairs = SplitToSequence<axis = 0>(x, two)
            b = SequenceAt(pairs, zero)
            s = SplitToSequence<axis = 1>(x, two)
        }""",
    "functions": """
        <ir_version: 9, opset_import: ["" : 17, "local" : 1]>
        g (bool p, float[N,M] x) => (float[N,M] y, float[N,M] z)
        {
            a = local.outer<slope = 0.5>(x, x)
            y = local.scale(a)
            z = If (p) <then_branch = t () => (float[N,M] u) { u = local.scale<by = 3.0>(y) },
                        else_branch = e () => (float[N,M] v) { v = local.inner<slope = 2.0>(a) }>
        }
        <domain: "local", opset_import: ["" : 17]>
        scale <by: float = 10.0> (x) => (y) { k = Constant<value_float: float = @by>()
                                              y = Mul(x, k) }
        <domain: "local", opset_import: ["" : 17]>
        inner <slope> (x) => (y) { y = Elu<alpha: float = @slope>(x) }
        <domain: "local", opset_import: ["" : 17, "local" : 1]>
        outer <slope> (x, w) => (y) { t = local.inner<slope: float = @slope>(x)
                                      y = Mul(t, w) }
        """,
    "function_attributes": """
        <ir_version: 9, opset_import: ["" : 17, "local" : 1]>
        g (float[N,M] x) => (float[A,N,B] y, float[N,C,D] z, float[E,F,G] r, float[H,I,J] s)
        {
            y = local.kinds(x)
            z = local.kinds<axis = 0, slope = 0.5, perm = [1, 0, 2], row = [4.0],
                            one = float[1,1] {5.0}>(x)
            r = local.strings(x)
            s = local.strings<direction = "reverse", names = ["Relu"]>(x)
        }
        <domain: "local", opset_import: ["" : 17]>
        kinds <axis: int = 1, slope: float = 2.0, perm: ints = [2, 1, 0],
               row: floats = [1.5], one: tensor = float[1,1] {9.0}> (x) => (y)
        {
            a = Elu<alpha: float = @slope>(x)
            b = Constant<value_floats: floats = @row>()
            c = Constant<value: tensor = @one>()
            d = Mul(a, b)
            h = Softmax<axis: int = @axis>(d)
            e = Add(h, c)
            zero = Constant<value: tensor = int64[1] {0}>()
            f = Unsqueeze(e, zero)
            y = Transpose<perm: ints = @perm>(f)
        }
        <domain: "local", opset_import: ["" : 17]>
        strings <direction: string = "forward", names: strings = ["Tanh"]> (x) => (y)
        {
            one = Constant<value = int64[1] {1}>()
            w = Constant<value = float[1,2,1] {0.5, -0.6}>()
            r = Constant<value = float[1,2,2] {0.1, -0.2, 0.3, 0.4}>()
            m = ReduceMean<axes = [1]>(x)
            u = Unsqueeze(m, one)
            v, y = RNN<hidden_size = 2, direction: string = @direction,
                       activations: strings = @names>(u, w, r)
        }
        """,
    "function_graphs": """
        <ir_version: 9, opset_import: ["" : 17, "local" : 1]>
        g (bool p, float[N,M] x) => (float[N,M] y, float[N,M] z)
        {
            k = Exp(x)
            y = local.pick <yes: graph = t () => (float[N,M] u) { v = Mul(k, x)  u = Sin(v) },
                            no: graph = e () => (float[N,M] u) { u = Neg(k) }>(p, x)
            z = local.pick <yes: graph = t () => (float[N,M] v) { v = Sqrt(k) },
                            no: graph = e () => (float[N,M] u) { u = Add(k, y) }>(p, y)
        }
        <domain: "local", opset_import: ["" : 17, "local" : 1]>
        pick <yes, no> (q, k) => (y)
        {
            a = If (q) <then_branch: graph = @yes, else_branch: graph = @no>
            n = Not(q)
            b = local.both<body: graph = @yes>(n)
            v = Sub(a, b)
            y = Mul(v, k)
        }
        <domain: "local", opset_import: ["" : 17]>
        both <body> (q) => (y)
        {
            y = If (q) <then_branch: graph = @body, else_branch: graph = @body>
        }
        """,
    "function_of_another_opset": """
        <ir_version: 8, opset_import: ["" : 13, "local" : 1]>
        g (float[N,M] x) => (float[M] y, float[K,N,M] z)
        {
            axes = Constant<value = int64[1] {0}>()
            y = local.top(x, axes)
            z = Unsqueeze(x, axes)
        }
        <domain: "local", opset_import: ["" : 18]>
        top (x, axes) => (y) { y = ReduceMax<keepdims = 0>(x, axes) }
        """,
}
# The functions that are given graphs, written out: ONNX Runtime takes no such attributes
WRITTEN_OUT = """
    <ir_version: 9, opset_import: ["" : 17]>
    g (bool p, float[N,M] x) => (float[N,M] y, float[N,M] z)
    {
        k = Exp(x)
        a = If (p) <then_branch = t () => (float[N,M] u) { v = Mul(k, x)  u = Sin(v) },
                    else_branch = e () => (float[N,M] w) { w = Neg(k) }>
        b = Mul(k, x)
        c = Sin(b)
        d = Sub(a, c)
        y = Mul(d, x)
        e = If (p) <then_branch = t2 () => (float[N,M] u2) { u2 = Sqrt(k) },
                    else_branch = e2 () => (float[N,M] w2) { w2 = Add(k, y) }>
        f = Sqrt(k)
        h = Sub(e, f)
        z = Mul(h, y)
    }"""
INPUTS = {    # by name; the rest is random floats
    "p": lambda random: np.array(random.integers(2), bool),
    "q": lambda random: np.array(random.integers(2), bool),
    "n": lambda random: np.array(random.integers(6), np.int64),
}
# ONNX Runtime inlines with the model's version, so the function's own is what it should be there
OTHER_OPSET = "function_of_another_opset"


def make_sample(model, seed):
    random = np.random.default_rng(seed)
    size = {}
    sample = {}
    for value in model.graph.input:
        dims = [d.dim_param for d in value.type.tensor_type.shape.dim]
        shape = [size.setdefault(d, int(random.integers(1, 5))) for d in dims]
        if value.name in INPUTS:
            sample[value.name] = INPUTS[value.name](random)
        elif value.name == "len":
            sample[value.name] = random.integers(1, 5, shape)
        else:
            sample[value.name] = random.standard_normal(shape).astype(np.float32)
    if "len" in sample:
        sample["len"] = np.minimum(sample["len"], size["M"])
    return sample


def expect(session, names, sample):
    """ONNX Runtime's outputs under the names that quern gives arrays of sequences."""
    want = {}
    for name, value in zip(names, session.run(names, sample)):
        if isinstance(value, list):
            want.update({f"{name}[{i}]": one for i, one in enumerate(value)})
        else:
            want[name] = value
    return want


class Control(unittest.TestCase):
    def compare(self, path, reference, samples):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(reference.SerializeToString(), options,
                                               providers=["CPUExecutionProvider"])
        names = [o.name for o in reference.graph.output]
        data = quern.write_samples(path.parent / f"data-{path.stem}", samples)
        for sample, got in zip(samples, quern.simulate(path, data), strict=True):
            want = expect(session, names, sample)
            self.assertEqual(sorted(got), sorted(want))
            for name, array in want.items():
                self.assertEqual(got[name].shape, np.shape(array), name)
                np.testing.assert_allclose(got[name], array, rtol=1e-5, atol=1e-5, err_msg=name)

    def check(self, name):
        model = onnx.parser.parse_model(MODELS[name])
        reference = model
        if name == OTHER_OPSET:
            reference = onnx.parser.parse_model(MODELS[name].replace('"" : 13', '"" : 18'))
        if name == "function_graphs":
            reference = onnx.parser.parse_model(WRITTEN_OUT)
        samples = [make_sample(model, seed) for seed in range(12)]
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "model.onnx"
            onnx.save(model, path)
            self.compare(path, reference, samples)
            same = path.with_name("same.onnx")
            quern.run("convert", path, "-o", same)
            self.assertEqual(same.read_bytes(), path.read_bytes())
            passes = "inline-functions,fold-constants,clean-up"
            if name == OTHER_OPSET:
                done = quern.start("convert", path, "-o", same, "--pass", passes)
                self.assertEqual(done.returncode, 1)
                self.assertIn("run pass raise-opset", done.stderr)
            other = path.with_name("other.onnx")
            if model.opset_import[0].version > 8:   # there is no newer form of Scan 8
                passes += ",raise-opset"
            quern.run("convert", path, "-o", other, "--verify", "--pass", passes)
            changed = onnx.load(other)
            self.assertEqual(len(changed.functions), 0)
            onnx.checker.check_model(changed, full_check=True)
            self.compare(other, changed, samples)


    def test_a_graph_as_default(self):
        model = onnx.parser.parse_model(MODELS["function_graphs"])
        pick = next(f for f in model.functions if f.name == "pick")
        pick.attribute.remove("no")
        pick.attribute_proto.append(model.graph.node[1].attribute[1])
        default = pick.attribute_proto[0].g     # captures nothing
        default.node[0].CopyFrom(onnx.helper.make_node("Identity", ["c"], ["u"]))
        default.initializer.append(onnx.numpy_helper.from_array(np.array([[3.0]], np.float32), "c"))
        for node in model.graph.node[1:]:
            del node.attribute[1]
        reference = onnx.parser.parse_model(
            WRITTEN_OUT.replace("w = Neg(k)", "w = Constant<value = float[1,1] {3.0}>()")
            .replace("w2 = Add(k, y)", "w2 = Constant<value = float[1,1] {3.0}>()"))
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "model.onnx"
            onnx.save(model, path)
            self.compare(path, reference, [make_sample(model, seed) for seed in range(4)])

    def test_a_broken_function_matters_where_it_is_called(self):
        model = onnx.parser.parse_model(MODELS["functions"])
        model.functions[1].node[0].input[0] = "nowhere"
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "model.onnx"
            onnx.save(model, path)
            data = quern.write_samples(path.with_name("data"), [make_sample(model, 0)])
            same = path.with_name("same.onnx")
            quern.run("convert", path, "-o", same)
            self.assertEqual(same.read_bytes(), path.read_bytes())
            done = quern.start("run", path, "--data", data)
            self.assertEqual(done.returncode, 1)
            self.assertIn("function 'inner': node 'y' (Elu): input 0 'nowhere' is not defined",
                          done.stderr)


for one in MODELS:
    setattr(Control, f"test_{one}", lambda self, name=one: self.check(name))
