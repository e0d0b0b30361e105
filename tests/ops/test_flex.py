# SPDX-License-Identifier: Apache-2.0
"""FlexAttention with graphs amid its scores, which capture values around it: random sizes, known or
not, against the formula that ONNX gives, in numpy."""
import unittest

from single import difference, np, onnx, run_quern

SCORE = {   # the body's node, and the same in numpy
    "none": (None, lambda x, bias: x),
    "bias": ("t = Add(s, b)", lambda x, bias: x + bias),
    "cap": ("c = Mul(s, b)  t = Tanh(c)", lambda x, bias: np.tanh(x * bias)),
    "constant": ("z = Sub(s, s)  t = Add(b, z)", lambda x, bias: x - x + bias),
    "input": ("t = Identity(s)", lambda x, bias: x),
}
PROB = {
    "none": (None, lambda x, bias: x),
    "halved": ("f = Constant<value = float {0.5}>()  h = CastLike(f, s)  t = Mul(s, h)",
               lambda x, bias: x * 0.5),
    "biased": ("t = Mul(s, b)", lambda x, bias: x * bias),
}
NUMPY = {"float": np.float32, "double": np.float64, "float16": np.float16}


def attribute(name, body, dtype):
    if body is None:
        return ""
    return f"{name} = {name} ({dtype}[A,B,C,D] s) => ({dtype}[A,B,C,D] t) {{ {body} }}"


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class Case:
    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        kv, group, self.batch = rng.integers(1, 4), rng.choice([1, 1, 2, 3]), rng.integers(1, 3)
        rows, keys, d, dv = rng.integers(1, 7, 4)
        self.dtype = rng.choice(["float", "float", "double", "float16"])
        self.scores = "float" if self.dtype == "float16" and rng.integers(2) else self.dtype
        self.score, self.prob = rng.choice(list(SCORE)), rng.choice(list(PROB))
        self.scale = rng.choice([None, 0.3])
        shapes = {"q": (self.batch, kv * group, rows, d), "k": (self.batch, kv, keys, d),
                  "v": (self.batch, kv, keys, dv)}
        self.feeds = {n: rng.standard_normal(s).astype(NUMPY[self.dtype])
                      for n, s in shapes.items()}
        self.feeds["bias"] = rng.standard_normal((rows, keys)).astype(NUMPY[self.scores])
        self.known = rng.integers(2)

    def model(self):
        attributes = [attribute("score_mod", SCORE[self.score][0], self.scores),
                      attribute("prob_mod", PROB[self.prob][0], self.scores)]
        if self.scale:
            attributes.append(f"scale = {self.scale}")
        if self.dtype == "float16":
            number = {"float": 1, "float16": 10}[self.scores]
            attributes.append(f"softmax_precision = {number}")
        attributes = ", ".join(a for a in attributes if a)
        inputs = ", ".join(
            f"{self.scores if n == 'bias' else self.dtype}"
            f"[{','.join(map(str, x.shape)) if self.known else ','.join('NHLE'[:x.ndim])}] {n}"
            for n, x in self.feeds.items())
        if not self.known:
            for n in "kv":
                inputs = inputs.replace(f"[N,H,L,E] {n}", f"[N,H_{n},L_{n},E_{n}] {n}")
        return onnx.parser.parse_model(f"""
            <ir_version: 13, opset_import: ["" : 26, "ai.onnx.preview" : 1]>
            g ({inputs}) => ({self.dtype}[a,b,c,d] y)
            {{
                b = Neg(bias)
                y = ai.onnx.preview.FlexAttention<{attributes}>(q, k, v)
            }}""".replace("<>", ""))

    def want(self):
        q, k, v, bias = self.feeds.values()
        group = q.shape[1] // k.shape[1]
        scale = self.scale or 1 / np.sqrt(q.shape[3])
        root = np.array(np.sqrt(np.float32(scale)), q.dtype)
        k, v = k.repeat(group, 1), v.repeat(group, 1)
        scores = ((q * root) @ (k * root).swapaxes(2, 3)).astype(bias.dtype)
        scores = SCORE[self.score][1](scores, -bias)
        probs = PROB[self.prob][1](softmax(scores), -bias)
        return (probs @ v.astype(bias.dtype)).astype(q.dtype)


class Flex(unittest.TestCase):
    pass


def add_test(seed):
    def check(self):
        case = Case(seed)
        got = run_quern(case.model(), case.feeds)["y"]
        problem = difference(got, case.want(), 1e-5)
        self.assertIsNone(problem, f"{case.score}, {case.prob}, {case.dtype}: {problem}")
    setattr(Flex, f"test_{seed}", check)


for one in range(40):
    add_test(one)

if __name__ == "__main__":
    unittest.main()
