# SPDX-License-Identifier: Apache-2.0
"""Operators on codes give ONNX Runtime's results, to the bit, on random shapes, types, attributes.

One model holds many nodes of an operator; `quern run` and ONNX Runtime each run it once.
"""
import pathlib
import tempfile
import unittest

import quern
from nodes import MICROSOFT, Cases
from quern import np

CASES = 40
U8, I8 = np.uint8, np.int8


class Quantized(unittest.TestCase):
    def check(self, cases, opset=17, optimize=False, apart=0):
        """All outputs are the same, or `apart` steps away."""
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "model.onnx"
            cases.save(path, opset)
            data = quern.write_samples(pathlib.Path(directory) / "data", [cases.sample])
            ours = quern.simulate(path, data)[0]
            theirs = quern.ort_run(path, [cases.sample], optimize)[0]
        for name, about in cases.about.items():
            self.assertEqual(ours[name].dtype, theirs[name].dtype, about)
            self.assertEqual(ours[name].shape, theirs[name].shape, about)
            if ours[name].dtype.kind == "f" or not apart:
                np.testing.assert_array_equal(ours[name], theirs[name], about)
            else:
                away = np.abs(ours[name].astype(int) - theirs[name].astype(int))
                self.assertLessEqual(away.max(initial=0), apart, about)

    def test_conv(self):
        for domain in "", MICROSOFT:
            cases = Cases(1)
            for _ in range(CASES):
                add_conv(cases, "QLinearConv", domain)
            self.check(cases)

    def test_conv_optimized(self):
        cases = Cases(2)
        for _ in range(CASES):
            add_conv(cases, "QLinearConv", "")
        self.check(cases, optimize=True)

    def test_conv_integer(self):
        cases = Cases(3)
        for _ in range(CASES):
            add_conv(cases, "ConvInteger", "")
        self.check(cases)

    def test_conv_wraps(self):
        """The bias takes the sum beyond 32 bits."""
        cases = Cases(4)
        for sign in 1, -1:
            x = cases.codes(U8, (1, 3, 5, 5))
            w = cases.codes(I8, (4, 3, 3, 3))
            bias = np.full(4, sign * (2**31 - 1), np.int32)
            cases.add("QLinearConv", x, np.float32(.1), U8(7), w, np.float32(1e-8), I8(0),
                      np.float32(.1), U8(128), bias)
        self.check(cases)

    def test_qlinear_matmul(self):
        cases = Cases(5)
        for _ in range(CASES):
            ta, tb = cases.type(), cases.type()
            tb = tb if ta == U8 else I8
            a, b = matrices(cases, ta, tb)
            n = (b.shape[-1],) if cases.chance() and b.ndim == 2 else ()
            ty = ta
            cases.add("QLinearMatMul", a, cases.scale(), cases.zero(ta), b, cases.scale(n),
                      cases.zero(tb, n), cases.scale(low=.5, high=2), cases.zero(ty))
        self.check(cases)

    def test_rows(self):
        """Parameters of each row of A and column of B, of each matrix: numpy, since ONNX Runtime
        has none by row."""
        cases, want = Cases(21), []
        for _ in range(CASES):
            ta, tb = cases.type(), cases.type()
            stack = cases.shape(cases.int(0, 2), 3)
            m, n, k = cases.shape(3, 9)
            a, b = cases.codes(ta, (*stack, m, k)), cases.codes(tb, (*stack, k, n))
            rows = (*stack, m, 1) if cases.chance() else (m, 1)
            columns = (*stack, 1, n) if cases.chance() else (1, n)
            za, zb = cases.zero(ta, rows), cases.zero(tb, columns)
            sa, sb, sy, zy = cases.scale(rows), cases.scale(columns), cases.scale(), cases.zero(U8)
            product = (a.astype(int) - za) @ (b.astype(int) - zb)
            codes = np.rint(product.astype(np.float32) * (sa * sb / sy)) + zy
            if cases.chance() and rows == (m, 1):
                sa, za = sa.reshape(m), za.reshape(m)
            cases.add("QLinearMatMul", a, sa, za, b, sb, zb, sy, zy)
            cases.add("MatMulInteger", a, b, za, zb)
            want += [np.clip(codes, 0, 255).astype(U8), product.astype(np.int32)]
        for ours, theirs, about in zip(simulate(cases), want, cases.about.values(), strict=True):
            np.testing.assert_array_equal(ours, theirs, about)

    def test_refusals(self):
        scale, x, w = np.float32(.1), np.zeros((1, 2, 4, 4), U8), np.zeros((3, 2, 1, 1), I8)
        conv = [x, scale, U8(0), w, scale, I8(0), scale, U8(0)]
        for slot, value, message in [
                (2, I8(0), "input 2, a zero point, is int8 for codes of uint8"),
                (4, np.ones(2, np.float32), "input 4, a scale, has 2 elements for 3 channels"),
                (0, x.astype(np.int32), "input 0 must be uint8 or int8, not int32"),
                (6, np.ones(3, np.float32), "input 6, a scale, has 3 elements for 1 channels")]:
            cases = Cases(22)
            cases.add("QLinearConv", *conv[:slot], value, *conv[slot + 1:], constant=True)
            with tempfile.TemporaryDirectory() as directory:
                path = pathlib.Path(directory) / "model.onnx"
                cases.save(path, 17)
                data = quern.write_samples(f"{directory}/data", [cases.sample])
                done = quern.start("run", path, "--data", data, "-o", f"{directory}/out")
            self.assertEqual(done.returncode, 1)
            self.assertIn(message, done.stderr)

    def test_matmul_integer(self):
        cases = Cases(6)
        for _ in range(CASES):
            ta, tb = cases.type(), cases.type()
            tb = tb if ta == U8 else I8
            a, b = matrices(cases, ta, tb)
            za = cases.zero(ta) if cases.chance() else None
            zb = cases.zero(tb, (b.shape[-1],) if cases.chance() and b.ndim == 2 else ())
            cases.add("MatMulInteger", a, b, za, zb if cases.chance() else None)
        self.check(cases)

    def test_matmul_integer_to_float(self):
        cases = Cases(7)
        for _ in range(CASES):
            ta = cases.type()
            tb = cases.type() if ta == U8 else I8
            a, b = matrices(cases, ta, tb, vectors=False)
            n = (b.shape[-1],) if cases.chance() and b.ndim == 2 else ()
            bias = cases.random.normal(size=b.shape[-1]).astype(np.float32)
            cases.add("MatMulIntegerToFloat", a, b, cases.scale(), cases.scale(n),
                      cases.zero(ta), cases.zero(tb, n), bias if cases.chance() else None,
                      domain=MICROSOFT)
        self.check(cases)

    def test_dynamic_quantize_matmul(self):
        cases = Cases(8)
        for _ in range(CASES):
            tb = cases.type()
            a, b = matrices(cases, U8, tb, vectors=False)
            a = cases.random.normal(cases.int(-1, 1), 1, a.shape).astype(np.float32)
            n = (b.shape[-1],) if cases.chance() and b.ndim == 2 else ()
            bias = cases.random.normal(size=b.shape[-1]).astype(np.float32)
            cases.add("DynamicQuantizeMatMul", a, b, cases.scale(n), cases.zero(tb, n),
                      bias if cases.chance() else None, domain=MICROSOFT)
        self.check(cases)

    def test_qgemm(self):
        cases = Cases(9)
        for _ in range(CASES):
            ta = cases.type()
            tb = cases.type() if ta == U8 else I8
            m, n, k = cases.shape(3, 40)
            flip_a, flip_b = cases.int(0, 1), cases.int(0, 1)
            a, b = cases.codes(ta, (k, m) if flip_a else (m, k)), \
                cases.codes(tb, (n, k) if flip_b else (k, n))
            each = (n,) if cases.chance() else ()
            shapes = [None, (), (n,), (1, n), (m, 1), (m, n)]
            shape = shapes[cases.int(0, 5)]
            bias = None if shape is None else \
                cases.random.integers(-20000, 20000, shape).astype(np.int32)
            result = (cases.scale(low=.5, high=2), cases.zero(ta)) if cases.int(0, 3) else ()
            cases.add("QGemm", a, cases.scale(), cases.zero(ta), b, cases.scale(each),
                      cases.zero(tb, each), bias, *result, domain=MICROSOFT,
                      alpha=[1.0, 0.5, 1.3][cases.int(0, 2)], transA=flip_a, transB=flip_b)
        self.check(cases)

    def test_binary(self):
        for kind in "QLinearAdd", "QLinearMul":
            cases = Cases(10)
            for _ in range(3 * CASES):
                t = cases.type()
                shape = list(cases.shape(cases.int(0, 4)))
                shapes = [shape[:], shape[:]]
                for side in shapes:
                    for axis in range(len(side)):
                        if cases.int(0, 3) == 0:
                            side[axis] = 1
                if cases.chance():
                    del shapes[cases.int(0, 1)][:cases.int(0, 2)]
                inputs = [part for s in shapes
                          for part in (cases.codes(t, s), cases.scale(), cases.zero(t))]
                cases.add(kind, *inputs, cases.scale(low=.1, high=1), cases.zero(t),
                          domain=MICROSOFT)
            self.check(cases)

    def test_ties_of_sums(self):
        """Long rows, on scales that make ties common."""
        cases = Cases(11)
        for _ in range(CASES):
            t = cases.type()
            shapes = [[(1000,), (1000,)], [(1000,), (1,)], [(1,), (1000,)], [(3, 1), (1, 500)],
                      [(7, 100), (7, 1)], [(1, 1, 5), (4, 1, 1)]][cases.int(0, 5)]
            scales = [np.float32(.05 * cases.int(1, 19)) for _ in range(2)]
            cases.add("QLinearAdd", cases.codes(t, shapes[0]), scales[0], cases.zero(t),
                      cases.codes(t, shapes[1]), scales[1], cases.zero(t), np.float32(1),
                      cases.zero(t), domain=MICROSOFT)
        self.check(cases)

    def test_tables(self):
        for kind, apart in ("QLinearSigmoid", 1), ("QLinearLeakyRelu", 0):
            cases = Cases(12)
            for _ in range(CASES):
                t = cases.type()
                x = np.arange(np.iinfo(t).min, np.iinfo(t).max + 1).astype(t)
                alpha = {"alpha": float(cases.random.uniform(-.5, .9))}
                cases.add(kind, x, cases.scale(), cases.zero(t), cases.scale(low=.003),
                          cases.zero(t), domain=MICROSOFT,
                          **(alpha if kind == "QLinearLeakyRelu" and cases.chance() else {}))
            self.check(cases, apart=apart)

    def test_optional_zero_points(self):
        cases = Cases(20)
        for kind, more in ("QLinearSigmoid", {}), ("QLinearLeakyRelu", {}), \
                ("QLinearSoftmax", {"opset": 13}):
            x = cases.codes(U8, (4, 30))
            cases.add(kind, x, cases.scale(), None, cases.scale(), U8(9), domain=MICROSOFT, **more)
        self.check(cases, apart=1)

    def test_concat(self):
        cases = Cases(13)
        for _ in range(CASES):
            t = cases.type()
            shape = list(cases.shape(cases.int(1, 4)))
            axis = cases.int(0, len(shape) - 1)
            scale, zero = cases.scale(), cases.zero(t)
            inputs = [scale, zero]
            for _ in range(cases.int(1, 4)):
                shape[axis] = cases.int(1, 5)
                same = cases.chance()
                inputs += [cases.codes(t, shape), scale if same else cases.scale(),
                           zero if same else cases.zero(t)]
            cases.add("QLinearConcat", *inputs, domain=MICROSOFT, constant=False,
                      axis=axis - len(shape) if cases.chance() else axis)
        self.check(cases)

    def test_where(self):
        cases = Cases(14)
        for _ in range(CASES):
            t = cases.type()
            shape = cases.shape(cases.int(1, 3))
            sides = [[1 if cases.int(0, 2) == 0 else n for n in shape] for _ in range(3)]
            cases.add("QLinearWhere", cases.random.integers(0, 2, sides[0]).astype(bool),
                      cases.codes(t, sides[1]), cases.scale(), cases.zero(t),
                      cases.codes(t, sides[2]), cases.scale(), cases.zero(t), cases.scale(),
                      cases.zero(t), domain=MICROSOFT)
        self.check(cases)

    def test_average_pool(self):
        cases = Cases(15)
        for _ in range(2 * CASES):
            t, axes, last = cases.type(), cases.int(1, 3), cases.int(0, 1)
            space = [cases.int(3, 8) for _ in range(axes)]
            kernel = [cases.int(1, 3) for _ in range(axes)]
            shape = [cases.int(1, 2), *space, cases.int(1, 9)] if last else \
                [cases.int(1, 2), cases.int(1, 9), *space]
            pads = [cases.int(0, k - 1) for k in kernel] + [cases.int(0, k - 1) for k in kernel]
            where = {"pads": pads} if cases.int(0, 3) else \
                {"auto_pad": ["SAME_UPPER", "SAME_LOWER", "VALID"][cases.int(0, 2)]}
            cases.add("QLinearAveragePool", cases.codes(t, shape), cases.scale(), cases.zero(t),
                      cases.scale(), cases.zero(t), domain=MICROSOFT, kernel_shape=kernel,
                      strides=[cases.int(1, 2) for _ in range(axes)], channels_last=last,
                      count_include_pad=cases.int(0, 1), ceil_mode=cases.int(0, 1), **where)
        self.check(cases)

    def test_global_average_pool(self):
        cases = Cases(16)
        for _ in range(CASES):
            t = cases.type()
            cases.add("QLinearGlobalAveragePool", cases.codes(t, cases.shape(cases.int(3, 5))),
                      cases.scale(), cases.zero(t), cases.scale(), cases.zero(t),
                      domain=MICROSOFT, channels_last=cases.int(0, 1))
        self.check(cases)

    def test_softmax(self):
        cases = Cases(17)
        for _ in range(CASES):
            t = cases.type()
            shape = [n + 3 for n in cases.shape(cases.int(2, 4), 8)]
            axis = {"axis": cases.int(-1, len(shape) - 1)} if cases.chance() else {}
            cases.add("QLinearSoftmax", cases.codes(t, shape), cases.scale(high=.5),
                      cases.zero(t), np.float32(1 / 256) if cases.chance() else
                      np.float32(cases.random.uniform(.004, .02)), cases.zero(t),
                      domain=MICROSOFT, opset=[11, 13][cases.int(0, 1)], **axis)
        self.check(cases)

    def test_max_pool(self):
        cases = Cases(18)
        for _ in range(CASES):
            kernel = [cases.int(1, 3) for _ in range(2)]
            cases.add("NhwcMaxPool", cases.codes(cases.type(), [2, *cases.shape(2, 5), 7]),
                      domain=MICROSOFT, kernel_shape=kernel,
                      strides=[cases.int(1, 2) for _ in range(2)],
                      pads=[k - 1 for k in kernel] * 2)
        self.check(cases)

    def test_reduce_mean(self):
        """ONNX Runtime has no kernel for it: over the spatial axes it is the global average."""
        cases = Cases(19)
        t = U8
        x, scales = cases.codes(t, (2, 5, 4, 3)), (cases.scale(), cases.scale())
        inputs = (x, scales[0], cases.zero(t), scales[1], cases.zero(t))
        cases.add("QLinearGlobalAveragePool", *inputs, domain=MICROSOFT)
        cases.add("QLinearReduceMean", *inputs, domain=MICROSOFT, axes=[2, -1], keepdims=1)
        cases.add("QLinearReduceMean", *inputs, domain=MICROSOFT, axes=[2, 3], keepdims=0)
        y = simulate(cases)
        np.testing.assert_array_equal(y[0], y[1])
        np.testing.assert_array_equal(y[0].reshape(2, 5), y[2])


@unittest.skipUnless(quern.MATERIAL.is_dir(), "../shared/material/models is not there")
class RealModels(unittest.TestCase):
    def outputs(self, name, optimize):
        path = quern.MATERIAL / name / "model.onnx"
        random = np.random.default_rng(0)
        smooth = random.normal(0, 1, (3, 1, 3, 8, 8)).repeat(28, 3).repeat(28, 4)
        samples = [{"input": x.astype(np.float32)} for x in smooth]
        with tempfile.TemporaryDirectory() as directory:
            ours = quern.simulate(path, quern.write_samples(f"{directory}/data", samples))
        theirs = quern.ort_run(path, samples, optimize)
        return (np.stack([sample["output"] for sample in side]) for side in (ours, theirs))

    @unittest.skipIf(quern.adds_in_16_bits(), "its sums do not fit the 16 bits of this processor")
    def test_qlinear(self):
        for optimize in False, True:
            ours, theirs = self.outputs("zq_mobilenetv2_12_int8", optimize)
            np.testing.assert_array_equal(ours, theirs)

    def test_qdq(self):
        """Float convolutions between rounded values: sums near a tie go either way, and 50 layers
        make the most of it. ONNX Runtime's own two ways are no nearer to each other."""
        ours, theirs = self.outputs("zq_mbv2_qdq_uint8", False)
        noise = np.square(ours - theirs).mean() / np.square(theirs).mean()
        self.assertGreater(-10 * np.log10(noise + 1e-30), 12)


def simulate(cases):
    """The outputs of quern alone."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "model.onnx"
        cases.save(path, 17)
        sample = quern.simulate(path, quern.write_samples(f"{directory}/data", [cases.sample]))[0]
    return [sample[name] for name in cases.about]


def matrices(cases, ta, tb, vectors=True):
    """Two operands of a matrix product."""
    m, n = cases.shape(2, 20)
    k = cases.int(1, 70)
    kind = cases.int(0 if vectors else 2, 6)
    if kind == 0:
        return cases.codes(ta, (k,)), cases.codes(tb, (k, n))
    if kind == 1:
        return cases.codes(ta, (m, k)), cases.codes(tb, (k,))
    stack = cases.shape(2, 3)
    left = [(), (), stack, stack[1:], (stack[0], 1)][kind - 2]
    right = [(), (), stack, stack, (1, stack[1])][kind - 2]
    return cases.codes(ta, (*left, m, k)), cases.codes(tb, (*right, k, n))


def add_conv(cases, kind, domain):
    tx = cases.type()
    tw = cases.type() if tx == U8 else I8
    if kind == "ConvInteger":
        tx = tw = U8   # all that ONNX Runtime has
    axes = cases.int(1, 3)
    group = [1, 1, cases.int(2, 3), cases.int(4, 20)][cases.int(0, 3)]
    c = group * (1 if group > 3 else cases.int(1, 9))
    m = group * (cases.int(1, 2) if group > 3 else cases.int(1, 9))
    space = [cases.int(5, 9 if axes < 3 else 6) for _ in range(axes)]
    kernel = [cases.int(1, 3) for _ in range(axes)]
    last = cases.int(0, 1) if domain else 0
    shape = [cases.int(1, 2), *space, c] if last else [cases.int(1, 2), c, *space]
    attributes = {"group": group, "strides": [cases.int(1, 2) for _ in range(axes)],
                  "dilations": [cases.int(1, 2) for _ in range(axes)]}
    if cases.int(0, 3):
        attributes["pads"] = [cases.int(0, 2) for _ in range(2 * axes)]
    else:
        attributes["auto_pad"] = ["SAME_UPPER", "SAME_LOWER", "VALID"][cases.int(0, 2)]
        attributes["dilations"] = [1] * axes   # ONNX Runtime has no others here
    if last:
        attributes["channels_last"] = 1
    x, w = cases.codes(tx, shape), cases.codes(tw, [m, c // group, *kernel])
    if kind == "ConvInteger":
        cases.add(kind, x, w, cases.zero(tx), cases.zero(tw) if cases.chance() else None,
                  **attributes)
        return
    each = (m,) if cases.chance() else ()
    zero = np.full(each, cases.zero(tw), tw)   # ONNX Runtime wants one for all channels
    bias = cases.random.integers(-9999, 9999, m).astype(np.int32)
    cases.add(kind, x, cases.scale(), cases.zero(tx), w, cases.scale(each), zero,
              cases.scale(low=.3, high=2), cases.zero(tx), bias if cases.chance() else None,
              domain=domain, **attributes)


if __name__ == "__main__":
    unittest.main()
