# SPDX-License-Identifier: Apache-2.0

# rows {4, 1} and columns {1, 4}: s = {2, 1/2}
run equalize
g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {-4, 1}, float[2] b = {2, 3}, float[1,2,1,1] v = {1, -4}>
{ c = Conv(x, w, b) d = Relu(c) y = Conv(d, v) }
expect same-result
expect g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {-2, 2}, float[2] b = {1, 6}, float[1,2,1,1] v = {2, -2}>
{ c = Conv(x, w, b) d = Relu(c) y = Conv(d, v) }

# a limit becomes one for each channel
run equalize
g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {-4, 1}, float[2] b = {2, 3}, float[1,2,1,1] v = {1, -4}, float zero = 0,
 float six = 6>
{ c = Conv(x, w, b) d = Clip(c, zero, six) y = Conv(d, v) }
expect same-result
expect g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {-2, 2}, float[2] b = {1, 6}, float[1,2,1,1] v = {2, -2},
 float zero = 0, float largest = 12, float[2,1,1] limit = {3, 12}>
{ c = Conv(x, w, b) d = Clip(c, zero, largest) e = Min(d, limit) y = Conv(e, v) }

# the attributes of an older Clip; before opset 8 a Min does not broadcast
run equalize
opset 10
g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {-4, 1}, float[1,2,1,1] v = {1, -4}>
{ c = Conv(x, w) d = Clip <min = 0.0, max = 6.0> (c) y = Conv(d, v) }
expect same-result
expect { c = Conv(x, w1) d = Clip <min = 0.0, max = 12.0> (c) e = Min(d, limit) y = Conv(e, v1) }

# a Clip that does not start at zero is not scaled
run equalize
g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {-4, 1}, float[1,2,1,1] v = {1, -4}, float lo = -1, float six = 6>
{ c = Conv(x, w) d = Clip(c, lo, six) y = Conv(d, v) }
expect unchanged

# what the caller reads is not scaled
run equalize
g (float[1,1,2,2] x) => (float y, float d)
<float[2,1,1,1] w = {-4, 1}, float[1,2,1,1] v = {1, -4}>
{ c = Conv(x, w) d = Relu(c) y = Conv(d, v) }
expect unchanged

# a channel without weights keeps its scale
run equalize
g (float[1,1,2,2] x) => (float y)
<float[3,1,1,1] w = {4, 1, 0}, float[3] b = {2, 3, 5}, float[1,3,1,1] v = {1, 4, 1}>
{ c = Conv(x, w, b) d = Relu(c) y = Conv(d, v) }
expect same-result
expect g (float[1,1,2,2] x) => (float y)
<float[3,1,1,1] w = {2, 2, 0}, float[3] b = {1, 6, 5}, float[1,3,1,1] v = {2, 2, 1}>
{ c = Conv(x, w, b) d = Relu(c) y = Conv(d, v) }

# a depthwise Conv is scaled on both sides
run equalize
g (float[1,2,5,5] x) => (float y)
<float[4,2,1,1] w = random(1), float[4] b = random(2), float[4,1,3,3] k = random(3), float[4] kb = random(4),
 float[3,4,1,1] v = random(5)>
{ c = Conv(x, w, b) d = Relu(c) e = Conv <group = 4, pads = [1,1,1,1]> (d, k, kb) f = LeakyRelu(e)
  y = Conv(f, v) }
expect same-result
expect { c = Conv(x, w1, b1) d = Relu(c) e = Conv <group = 4, pads = [1,1,1,1]> (d, k1, kb1)
         f = LeakyRelu(e) y = Conv(f, v1) }

# groups of several channels, a ConvTranspose and a PRelu
run equalize
g (float[1,2,5,5] x) => (float y)
<float[4,2,1,1] w = random(1), float[6,2,3,3] k = random(3), float[6] kb = random(4),
 float[6,2,2,2] v = random(5), float[4,1,1] slope = random(6, 0, 1), float[2,4,1,1] u = random(7)>
{ c = Conv(x, w) d = Relu(c) e = Conv <group = 2> (d, k, kb) f = Relu(e)
  h = ConvTranspose <group = 2> (f, v) i = PRelu(h, slope) y = Conv(i, u) }
expect same-result
expect { c = Conv(x, w1) d = Relu(c) e = Conv <group = 2> (d, k1, kb1) f = Relu(e)
         h = ConvTranspose <group = 2> (f, v1) i = PRelu(h, slope) y = Conv(i, u1) }

# a residual Add ties both branches
run equalize
g (float[1,2,5,5] x) => (float y)
<float[4,2,1,1] w = random(1), float[4,4,1,1] k = random(3), float[4] kb = random(4),
 float[3,4,1,1] v = random(5)>
{ c = Conv(x, w) d = Relu(c) e = Conv(d, k, kb) f = Add(c, e) h = Relu(f) y = Conv(h, v) }
expect same-result
expect { c = Conv(x, w1) d = Relu(c) e = Conv(d, k1, kb1) f = Add(c, e) h = Relu(f) y = Conv(h, v1) }

# Concat and Split hand on each part by itself; the part that is an output stays
run equalize
g (float[1,2,5,5] x) => (float y, float p)
<float[4,2,1,1] w = random(1), float[3,2,1,1] k = random(3), float[4,7,1,1] v = random(5)>
{ c = Conv(x, w) a = Relu(c) d = Conv(x, k) b = Relu(d) p = Identity(b) j = Concat <axis = 1> (a, b)
  y = Conv(j, v) }
expect same-result
expect { c = Conv(x, w1) a = Relu(c) d = Conv(x, k) b = Relu(d) p = Identity(b)
         j = Concat <axis = 1> (a, b) y = Conv(j, v1) }

# halves of a Split go to different layers
run equalize
g (float[1,2,5,5] x) => (float y, float z)
<float[4,2,1,1] w = random(1), int64[2] sizes = {1, 3}, float[2,1,1,1] v = random(5),
 float[2,3,1,1] u = random(6)>
{ c = Conv(x, w) a, b = Split <axis = 1> (c, sizes) y = Conv(a, v) z = Conv(b, u) }
expect same-result
expect { c = Conv(x, w1) a, b = Split <axis = 1> (c, sizes) y = Conv(a, v1) z = Conv(b, u1) }

# pools, Pad, ReduceMean and Flatten down to a Gemm
run equalize
g (float[1,2,6,6] x) => (float y, float z)
<float[4,2,1,1] w = random(1), int64[8] pads = {0,0,1,1,0,0,1,1}, float[5,16] v = random(5),
 float[5] vb = random(6), float[4,3] u = random(7)>
{ c = Conv(x, w) r = Relu(c) a = MaxPool <kernel_shape = [2,2], strides = [2,2]> (r) p = Pad(a, pads)
  q = AveragePool <kernel_shape = [2,2], strides = [3,3]> (p) f = Flatten(q) y = Gemm <transB = 1> (f, v, vb)
  m = ReduceMean <axes = [2,3], keepdims = 0> (r) z = MatMul(m, u) }
expect same-result
expect { c = Conv(x, w1) r = Relu(c) a = MaxPool <kernel_shape = [2,2], strides = [2,2]> (r)
         p = Pad(a, pads) q = AveragePool <kernel_shape = [2,2], strides = [3,3]> (p) f = Flatten(q)
         y = Gemm <transB = 1> (f, v1, vb)
         m = ReduceMean <axes = [2,3], keepdims = 0> (r) z = MatMul(m, u1) }

# the gate of squeeze and excitation keeps its scale, what it multiplies does not
run equalize
g (float[1,2,6,6] x) => (float y)
<float[4,2,1,1] w = random(1), float[2,4,1,1] k = random(2), float[4,2,1,1] n = random(3),
 float[3,4,1,1] v = random(5)>
{ c = Conv(x, w) r = Relu(c) m = GlobalAveragePool(r) a = Conv(m, k) b = Relu(a) d = Conv(b, n)
  s = Sigmoid(d) e = Mul(r, s) y = Conv(e, v) }
expect same-result
expect { c = Conv(x, w1) r = Relu(c) m = GlobalAveragePool(r) a = Conv(m, k1) b = Relu(a) d = Conv(b, n1)
         s = Sigmoid(d) e = Mul(r, s) y = Conv(e, v1) }

# SiLU is not scaled
run equalize
g (float[1,2,6,6] x) => (float y)
<float[4,2,1,1] w = random(1), float[3,4,1,1] v = random(5)>
{ c = Conv(x, w) s = Sigmoid(c) e = Mul(c, s) y = Conv(e, v) }
expect unchanged

# constants by channel are divided, or stay where they multiply
run equalize
g (float[1,2,6,6] x) => (float y)
<float[4,2,1,1] w = random(1), float half = 0.5, float[4,1,1] k = random(2), float[3,4,1,1] v = random(5)>
{ c = Conv(x, w) d = Max(c, half) e = Mul(d, k) f = Sub(half, e) y = Conv(f, v) }
expect same-result
expect { c = Conv(x, w1) d = Max(c, half1) e = Mul(d, k) f = Sub(half2, e) y = Conv(f, v1) }

# MatMul and Add on the last axis of three
run equalize
g (float[2,3,2] x) => (float y)
<float[2,8] w = random(1), float[8] b = random(2), float[8,2] v = random(3), float[2] vb = random(4)>
{ c = MatMul(x, w) d = Add(c, b) e = Relu(d) f = MatMul(e, v) y = Add(f, vb) }
expect same-result
expect { c = MatMul(x, w1) d = Add(c, b1) e = Relu(d) f = MatMul(e, v1) y = Add(f, vb) }

# in a body as outside
run equalize
g (bool p, float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {-4, 1}, float[2] b = {2, 3}, float[1,2,1,1] v = {1, -4},
 float[2,1,1] k = {4, 5}>
{ y = If(p) <then_branch = t () => (float t1) { t1 = Abs(x) },
             else_branch = e () => (float e1)
                 { c = Conv(x, w, b) a = Add(c, k) d = Relu(a) e1 = Conv(d, v) }> }
expect same-result
expect g (bool p, float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {-2, 2}, float[2] b = {1, 6}, float[1,2,1,1] v = {2, -2},
 float[2,1,1] k = {2, 10}>
{ y = If(p) <then_branch = t () => (float t1) { t1 = Abs(x) },
             else_branch = e () => (float e1)
                 { c = Conv(x, w, b) a = Add(c, k) d = Relu(a) e1 = Conv(d, v) }> }

# what a body reads from outside, or gives, stays as it is
run equalize
g (bool p, float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {-4, 1}, float[1,2,1,1] v = {1, -4}>
{ c = Conv(x, w)
  y = If(p) <then_branch = t () => (float t1) { t1 = Conv(c, v) },
             else_branch = e () => (float e1) { e1 = Conv(x, w) }> }
expect unchanged

# by what the data show of all iterations
run equalize
target onnxruntime data 8
g (float[1,2,6,6] x, int64 n, bool go) => (float y)
<float[4,2,1,1] w = {20, 20, 15, -10, 0.3, 0.2, 0.1, -0.3},
 float[2,4,1,1] v = {0.01, 0.02, 3, 2, -0.01, 0.01, 1, -3}, int64 two = 2, bool yes = 1>
{ y = Loop(two, yes, x) <body = b (int64 i, bool g0, float[1,2,6,6] s) => (bool g1, float s1)
      { g1 = Identity(g0) c = Conv(s, w) d = Relu(c) s1 = Conv(d, v) }> }
expect note "kept for activations"
expect same-result

# a gate comes apart for channels that hide behind a large one, which is worth more than 3 dB
run equalize
target onnxruntime data 8
g (float[1,2,6,6] x) => (float y)
<float[4,2,1,1] w = {20, 20, 15, -10, 0.3, 0.2, 0.1, -0.3},
 float[3,4,1,1] v = {0.01, 0.02, 3, 2, -0.01, 0.01, 1, -3, 0.02, 0.01, 2, 1}>
{ c = Conv(x, w) s = Sigmoid(c) e = Mul(c, s) y = Conv(e, v) }
expect note "kept for activations, gates apart"
expect { c = Conv(x, w1) m = Mul(c, k) s = Sigmoid(m) e = Mul(c, s) y = Conv(e, v1) }

# and not for less
run equalize
target onnxruntime data 8
g (float[1,2,6,6] x) => (float y)
<float[4,2,1,1] w = {20, 20, 15, -10, 8, 5, 4, -8},
 float[3,4,1,1] v = {0.3, -0.1, 1, 2, -1, 0.3, 1, -1, 0.2, 0.5, 2, 1}>
{ c = Conv(x, w) s = Sigmoid(c) e = Mul(c, s) y = Conv(e, v) }
expect note "gates apart: 2 layers"
expect unchanged

# nor where the outputs are near enough as they are: parts of a gate take their time
run equalize
target onnxruntime data 8
g (float[1,2,6,6] x) => (float y)
<float[4,2,1,1] w = {20, 20, 15, -10, 8, 5, 4, -8},
 float[3,4,1,1] v = {0.5, 0.6, 3, 2, -0.4, 0.3, 1, -3, 0.7, 0.4, 2, 1}>
{ c = Conv(x, w) s = Sigmoid(c) e = Mul(c, s) y = Conv(e, v) }
expect unchanged

# a sum that has an axis from the constant alone keeps it
run equalize
g (float[1,2] x) => (float[1,1,2] y)
<float[2,2] w = {4, 1, 2, 1}, float[1,1,2] b = {2, 3}, float[2,2] v = {1, 1, 4, 2}>
{ c = MatMul(x, w) d = Relu(c) e = Add(d, b) f = Relu(e) y = MatMul(f, v) }
expect same-result
expect g (float[1,2] x) => (float[1,1,2] y)
<float[2,2] w = {2, 2, 1, 2}, float[1,1,2] b = {1, 6}, float[2,2] v = {2, 2, 2, 1}>
{ c = MatMul(x, w) d = Relu(c) e = Add(d, b) f = Relu(e) y = MatMul(f, v) }
