# SPDX-License-Identifier: Apache-2.0
"""The attention operators of ONNX Runtime, on random shapes and attributes, and its kernels for
those of ONNX: quern computes what ONNX Runtime does.
"""
import pathlib
import tempfile
import unittest

import numpy as np
import onnx
import quern
from contrib import MICROSOFT, Case, check

TRIALS = 24
HALF = 3e-3   # tolerance where results are rounded to float16


class ContribAttention(unittest.TestCase):
    def setUp(self):
        self.random = np.random.RandomState(2)

    def normal(self, *shape, dtype=np.float32):
        return self.random.normal(0, 1, shape).astype(dtype)

    def ints(self, low, high, *shape, dtype=np.int32):
        return self.random.randint(low, high, shape).astype(dtype)

    def size(self, low=1, high=5):
        return int(self.random.randint(low, high))

    def chance(self, odds=0.5):
        return bool(self.random.rand() < odds)

    def choice(self, *of):
        return of[self.random.randint(len(of))]

    def mask(self, batch, rows, keys):
        """In one of the forms, or None. Every sample keeps a key."""
        def lengths():
            return self.ints(1, keys + 1, batch)
        raw = self.ints(0, 2, batch, rows, keys)
        raw[:, :, 0] = 1
        return self.choice(None, lengths(), raw[:, 0], raw,
                           np.concatenate([lengths(), self.ints(0, 3, 2 * batch + 2)]))

    def scores_bias(self, batch, heads, rows, keys):
        return self.normal(self.choice(1, batch), self.choice(1, heads), rows, keys)

    def test_attention(self):
        for _ in range(2 * TRIALS):
            batch, rows, heads, d, width = (self.size() for _ in range(5))
            dv, past = (d, self.size(1, 4)) if self.chance(.4) else (self.size(), 0)
            keys, hidden = past + rows, heads * (2 * d + dv)
            mask = self.mask(batch, rows, keys)
            inputs = [self.normal(batch, rows, width), self.normal(width, hidden),
                      self.normal(hidden), mask,
                      self.normal(2, batch, heads, past, d) if past else None,
                      self.scores_bias(batch, heads, rows, keys)
                      if not past and self.chance() else None]
            attributes = {"num_heads": heads, "unidirectional": self.choice(0, 1)}
            if not past:
                attributes["qkv_hidden_sizes"] = [heads * d, heads * d, heads * dv]
            if self.chance():
                attributes["scale"] = .3
            if self.chance():
                attributes["mask_filter_value"] = -3e38
            check(self, Case("Attention", inputs, (True, past > 0 or (d == dv and self.chance())),
                             fixed=[1, 2], **attributes))
        x = self.normal(2, 3, 4)
        two = np.array([3, 2, 0, 1], np.int32)   # ends and starts of what is not padding
        check(self, Case("Attention", [x, self.normal(4, 12), self.normal(12), two], num_heads=2))

    def codes(self, dtype, *shape):
        info = np.iinfo(dtype)
        return quern.fitting(np.array(self.random.randint(info.min, info.max + 1, shape), dtype))

    def quantized_case(self):
        batch, rows, heads, d, width = (self.size() for _ in range(5))
        past, hidden = self.choice(0, self.size(1, 4)), 3 * heads * d
        x_type, w_type = np.uint8, self.choice(np.uint8, np.int8)
        columns = self.choice((), (hidden,))
        inputs = [self.codes(x_type, batch, rows, width), self.codes(w_type, width, hidden),
                  self.normal(hidden), np.array(self.random.uniform(.005, .02), np.float32),
                  np.array(self.random.uniform(.005, .02, columns), np.float32),
                  self.mask(batch, rows, past + rows), self.choice(None, self.codes(x_type)),
                  self.choice(None, self.codes(w_type, *columns)),
                  self.normal(2, batch, heads, past, d) if past else None]
        attributes = {"num_heads": heads, "unidirectional": self.choice(0, 1)}
        if self.chance():
            attributes["scale"] = .3
        if self.chance():
            attributes["mask_filter_value"] = -3e38
        return Case("QAttention", inputs, (True, past > 0 or self.chance()),
                    fixed=self.choice([1, 2, 4, 7], [2, 4, 7], [1, 2, 3, 4, 6, 7]),
                    types={0: np.float32, 1: np.float32}, **attributes)

    def test_quantized(self):
        for _ in range(3 * TRIALS):
            check(self, self.quantized_case())

    def test_quantized_signed(self):
        """ONNX Runtime's CPU kernel takes no signed input, but what it means is clear."""
        x, w, bias, scale = self.codes(np.uint8, 2, 3, 4), self.codes(np.int8, 4, 12), \
            self.normal(12), np.array(.01, np.float32)
        case = [x, w, bias, scale, scale, None, np.array(90, np.uint8)]
        signed = [(x ^ 128).view(np.int8), *case[1:6], np.array(90 - 128, np.int8)]
        types = {0: np.float32}
        ours = Case("QAttention", signed, types=types, num_heads=2)
        _, want = Case("QAttention", case, types=types, num_heads=2).run()
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            onnx.save(ours.model, directory / "model.onnx")
            data = quern.write_samples(directory / "data", [ours.inputs])
            got, = quern.simulate(directory / "model.onnx", data)
        np.testing.assert_allclose(got["y0"], want["y0"], rtol=1e-5, atol=1e-5)

    def test_quantized_refused(self):
        case = self.quantized_case()
        for name in "do_rotary", "past_present_share_buffer":
            case.model.graph.node[0].attribute.add(name=name, type=2, i=1)
            self.assertIn(f"{name} is not supported", case.refusal())
            del case.model.graph.node[0].attribute[-1]

    def test_multi_head(self):
        for _ in range(2 * TRIALS):
            batch, rows, heads, d, added = (self.size() for _ in range(5))
            past, cached = self.choice((0, False), (0, False), (0, True), (self.size(), False))
            late = self.choice(0, 1)
            added = rows if late else added
            dv = d if past or cached else self.size()
            keys = past + added
            if cached:
                kv = [self.normal(batch, heads, added, d) for _ in "kv"]
            else:
                kv = [self.normal(batch, added, heads * d), self.normal(batch, added, heads * dv)]
            inputs = [self.normal(batch, rows, heads * d), *kv,
                      self.normal(heads * (2 * d + dv)) if self.chance() else None,
                      self.mask(batch, rows, keys),
                      self.scores_bias(batch, heads, rows, keys) if self.chance() else None,
                      *([self.normal(batch, heads, past, d) for _ in "kv"] if past else [])]
            check(self, Case("MultiHeadAttention", inputs,
                             (True, past > 0, past > 0, not late and self.chance(.3)),
                             num_heads=heads, unidirectional=late,
                             scale=self.choice(0., .3)))

    def angles(self, rows, half, dtype):
        x = self.random.uniform(0, 6, (rows, half))
        return np.cos(x).astype(dtype), np.sin(x).astype(dtype)

    def group_query_case(self, dtype):
        kv_heads, d = self.size(1, 3), 16
        heads = kv_heads * self.size(1, 4)
        prompt = self.chance()
        batch = self.size(1, 4)
        rows = self.size(1, 6) if prompt else 1
        room = 0 if prompt else self.size(2, 8)   # rows of the cache that comes in
        if prompt:
            seen = np.full(batch, rows, np.int32)
        else:
            seen = self.ints(1, room + 2, batch)
        total = int(seen.max())
        packed, rotary = self.chance(), self.chance()

        def given(n, width):
            return self.normal(batch, n, width, dtype=dtype)
        if packed:
            inputs = [given(rows, (heads + 2 * kv_heads) * d), None, None]
        else:
            inputs = [given(rows, heads * d), *(given(rows, kv_heads * d) for _ in "kv")]
        cache = [self.normal(batch, kv_heads, room, d, dtype=dtype) for _ in "kv"] if room \
            else [None, None]
        angles = self.angles(total + 2, self.choice(8, 8), dtype) if rotary else (None, None)
        inputs += [*cache, seen - 1, np.array(total, np.int32), *angles]
        positions = None
        if rotary and self.chance(.3):
            positions = self.ints(0, 2, batch, rows, dtype=np.int64)
        bias = None
        if self.chance(.3):
            bias = self.normal(self.choice(1, batch), self.choice(1, heads), rows, total,
                               dtype=dtype)
        sink = self.normal(heads, dtype=dtype) if self.chance(.3) else None
        attributes = {"num_heads": heads, "kv_num_heads": kv_heads, "do_rotary": int(rotary),
                      "rotary_interleaved": self.choice(0, 1), "softcap": self.choice(0., 0., 2.),
                      "local_window_size": self.choice(-1, -1, 1, 3),
                      "scale": self.choice(0., .2)}
        if sink is None:
            attributes["smooth_softmax"] = self.choice(0, 1)
        return Case("GroupQueryAttention", [*inputs, positions, bias, sink], (True, True, True),
                    **attributes)

    def test_group_query(self):
        for _ in range(3 * TRIALS):
            check(self, self.group_query_case(np.float32))
        for _ in range(TRIALS):
            check(self, self.group_query_case(np.float16), HALF)

    def test_group_query_continued(self):
        """Several new rows behind an old prompt; one sample only."""
        for total, room in ((7, 4), (5, 9)):
            kv = [self.normal(1, 3, 16) for _ in "kv"]
            cache = [self.normal(1, 1, room, 16) for _ in "kv"]
            angles = self.angles(12, 8, np.float32)
            check(self, Case("GroupQueryAttention", [
                self.normal(1, 3, 32), *kv, *cache, np.array([total - 1], np.int32),
                np.array(total, np.int32), *angles], (True, True, True), num_heads=2,
                kv_num_heads=1, do_rotary=1, local_window_size=self.choice(-1, 2)))

    def test_group_query_both_ways(self):
        check(self, Case("GroupQueryAttention", [
            self.normal(2, 4, 32), self.normal(2, 4, 16), self.normal(2, 4, 16), None, None,
            np.array([3, 3], np.int32), np.array(4, np.int32)], (True, True, True), num_heads=2,
            kv_num_heads=1, causal=0))

    def test_linear(self):
        for _ in range(TRIALS):
            batch, rows, kv_heads, d, dv = (self.size() for _ in range(5))
            heads = kv_heads * self.size(1, 3)
            rule = self.choice("linear", "gated", "delta", "gated_delta")
            decay = beta = None
            if rule.startswith("gated"):
                decay = -np.abs(self.normal(batch, rows, kv_heads * self.choice(1, d)))
            if rule.endswith("delta"):
                beta = self.random.uniform(
                    0, 1, (batch, rows, self.choice(1, kv_heads))).astype(np.float32)
            state = self.normal(batch, kv_heads, d, dv) if self.chance() else None
            check(self, Case("LinearAttention", [
                self.normal(batch, rows, heads * d), .3 * self.normal(batch, rows, kv_heads * d),
                self.normal(batch, rows, kv_heads * dv), state, decay, beta], (True, True),
                q_num_heads=heads, kv_num_heads=kv_heads, update_rule=rule,
                scale=self.choice(0., .5)))

    def test_causal_conv(self):
        for _ in range(TRIALS):
            batch, channels, rows, taps = (self.size() for _ in range(4))
            state = self.normal(batch, channels, taps - 1) if self.chance() and taps > 1 else None
            check(self, Case("CausalConvWithState", [
                self.normal(batch, channels, rows), self.normal(channels, 1, taps),
                self.normal(channels) if self.chance() else None, state], (True, True),
                activation=self.choice("none", "silu", "swish")))

    def test_rotary(self):
        for _ in range(TRIALS):
            batch, rows, heads, half = (self.size() for _ in range(4))
            dtype, part = self.choice(np.float32, np.float16), self.chance(.4)
            d = 2 * half + (2 * self.size() if part else 0)
            flat = self.chance()
            x = self.normal(*((batch, rows, heads * d) if flat else (batch, heads, rows, d)),
                            dtype=dtype)
            cos, sin = self.angles(rows + 4, half, dtype)
            ids = self.choice(np.array([self.size(0, 4)], np.int64),
                              self.ints(0, rows + 4, batch, rows, dtype=np.int64))
            attributes = {"interleaved": self.choice(0, 1)}
            if part:
                attributes["rotary_embedding_dim"] = 2 * half
            if part or self.chance():
                attributes["num_heads"] = heads
            if self.chance(.3):
                attributes["scale"] = 1.
            check(self, Case("RotaryEmbedding", [x, ids, cos, sin], domain=MICROSOFT,
                             **attributes), HALF if dtype == np.float16 else 2e-5)

    def test_rotary_of_onnx(self):
        for _ in range(TRIALS):
            batch, rows, heads, half = (self.size() for _ in range(4))
            d, flat, picked = 2 * half + 2 * self.size(0, 3), self.chance(), self.chance()
            x = self.normal(*((batch, rows, heads * d) if flat else (batch, heads, rows, d)))
            cos, sin = self.angles(rows + 2 if picked else batch * rows, half, np.float32)
            if not picked:
                cos, sin = (a.reshape(batch, rows, half) for a in (cos, sin))
            ids = self.ints(0, rows + 2, batch, rows, dtype=np.int64) if picked else None
            check(self, Case("RotaryEmbedding", [x, cos, sin, ids], domain="", opset=23,
                             num_heads=heads, interleaved=self.choice(0, 1),
                             rotary_embedding_dim=2 * half))

    def test_attention_of_onnx(self):
        """Of what ONNX 1.23 changed since this ONNX Runtime was built, nothing is tried here:
        neither a whole row that is hidden nor a causal mask over an external cache."""
        for _ in range(3 * TRIALS):
            batch, rows, kv_heads, d, dv, added = (self.size() for _ in range(6))
            heads, flat = kv_heads * self.size(1, 4), self.chance()
            dtype = self.choice(np.float32, np.float32, np.float16)
            past = self.size() if self.chance(.4) else 0
            causal = int(self.chance())
            added = rows if causal and past else added
            keys = past + added

            def data(n, length, size):
                shape = (batch, length, n * size) if flat else (batch, n, length, size)
                return self.normal(*shape, dtype=dtype)
            mask = self.normal(*self.choice((rows, keys), (batch, 1, rows, keys),
                                            (batch, heads, rows, keys)), dtype=dtype)
            if self.chance():
                mask = self.ints(0, 2, *mask.shape).astype(bool)
                mask[..., 0] = True
            inputs = [data(heads, rows, d), data(kv_heads, added, d), data(kv_heads, added, dv),
                      mask if self.chance() else None]
            if past:
                inputs += [self.normal(batch, kv_heads, past, n, dtype=dtype) for n in (d, dv)]
            attributes = {"is_causal": causal, "softcap": self.choice(0., 0., 1.5)}
            if flat:
                attributes.update(q_num_heads=heads, kv_num_heads=kv_heads)
            if self.chance(.3):
                attributes["scale"] = .4
            scores = self.chance(.4)
            if scores:
                attributes["qk_matmul_output_mode"] = self.choice(0, 3)
            check(self, Case("Attention", inputs, (True, past > 0, past > 0, scores), domain="",
                             opset=self.choice(23, 24), **attributes),
                  HALF if dtype == np.float16 else 2e-5)


if __name__ == "__main__":
    unittest.main()
