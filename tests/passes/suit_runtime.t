# SPDX-License-Identifier: Apache-2.0

# a float layer between quantized ones reads its input across a Clip that changes nothing
run suit-runtime
target onnxruntime
g (uint8[1,2,4,4] x) => (uint8[1,2,4,4] y)
<float s = {0.5}, uint8 z = {10}, float[2,2,1,1] w = {1, 0.5, -1, 0.25}>
{ d = DequantizeLinear(x, s, z) c = Conv(d, w) y = QuantizeLinear(c, s, z) }
expect <float c_least = {-5.5},
        float c_most = {123}>
{
  float[1,2,4,4]  d = DequantizeLinear(x, s, z)
  ?               c_Clip_out = Clip(d, c_least, c_most)
  float[1,2,4,4]  c = Conv(c_Clip_out, w)
  uint8[1,2,4,4]  y = QuantizeLinear(c, s, z)
}

# x * Sigmoid(x) is one operator, whichever side comes first; a Sigmoid whose x is read elsewhere is
# none
run suit-runtime
target onnxruntime
g (uint8[1,2] x, uint8[1,2] u) => (float[1,2] y, float[1,2] r, float[1,2] v, float[1,2] w)
<float s = {0.5}, uint8 z = {10}>
{ d = DequantizeLinear(x, s, z) a = Sigmoid(d) y = Mul(d, a)
  f = DequantizeLinear(u, s, z) c = Sigmoid(f) r = Mul(c, f)
  e = DequantizeLinear(u, s, z) b = Sigmoid(e) v = Mul(e, b) w = Neg(e) }
expect {
  float[1,2]  d = DequantizeLinear(x, s, z)
  float[1,2]  y = com.microsoft.QuickGelu <alpha = 1.0> (d)
  float[1,2]  f = DequantizeLinear(u, s, z)
  float[1,2]  r = com.microsoft.QuickGelu <alpha = 1.0> (f)
  float[1,2]  e = DequantizeLinear(u, s, z)
  float[1,2]  b = Sigmoid(e)
  float[1,2]  v = Mul(e, b)
  float[1,2]  w = Neg(e)
}

# one whose Sigmoid has another reader, or another factor, is none either
run suit-runtime
target onnxruntime
g (uint8[1,2] x, float[1,2] u) => (float[1,2] y, float[1,2] a, float[1,2] v)
<float s = {0.5}, uint8 z = {10}>
{ d = DequantizeLinear(x, s, z) a = Sigmoid(d) y = Mul(d, a)
  e = DequantizeLinear(x, s, z) b = Sigmoid(e) v = Mul(u, b) }
expect {
  d = DequantizeLinear(x, s, z)
  a = Sigmoid(d)
  y = Mul(d, a)
  e = DequantizeLinear(x, s, z)
  b = Sigmoid(e)
  v = Mul(u, b)
}

# other targets take the nodes as they are
run suit-runtime
target openvino
g (uint8[1,2,4,4] x) => (uint8[1,2,4,4] y)
<float s = {0.5}, uint8 z = {10}, float[2,2,1,1] w = {1, 0.5, -1, 0.25}>
{ d = DequantizeLinear(x, s, z) c = Conv(d, w) y = QuantizeLinear(c, s, z) }
expect { d = DequantizeLinear(x, s, z) c = Conv(d, w) y = QuantizeLinear(c, s, z) }

# OpenVINO would take channels for what a Concat joins, and its quantizer does not come to it
run suit-runtime
target openvino
g (float[2,3,4] x, float[2,3,4] u) => (float[2,6,2] y, float[2,3,2] z)
<float s = {0.5}, uint8 zero = {10}, float[4,2] w = random(1), float[8,2] v = random(2)>
{ a = Concat <axis = 1> (x, u) r = Relu(a) q = QuantizeLinear(r, s, zero)
  d = DequantizeLinear(q, s, zero) y = MatMul(d, w)
  b = Concat <axis = -1> (x, u) p = QuantizeLinear(b, s, zero)
  e = DequantizeLinear(p, s, zero) z = MatMul(e, v) }
expect <float q_least = {-5.5}>
{
  float[2,6,4]  a = Concat(x, u) <axis = 1>
  float[2,6,4]  r = Relu(a)
  float[2,6,4]  q_Max_out = Max(r, q_least)
  uint8[2,6,4]  q = QuantizeLinear(q_Max_out, s, zero)
  float[2,6,4]  d = DequantizeLinear(q, s, zero)
  float[2,6,2]  y = MatMul(d, w)
  float[2,3,8]  b = Concat(x, u) <axis = -1>
  uint8[2,3,8]  p = QuantizeLinear(b, s, zero)
  float[2,3,8]  e = DequantizeLinear(p, s, zero)
  float[2,3,2]  z = MatMul(e, v)
}

# tokens are rounded before they become a picture for a convolution, behind an integer layer ...
run suit-runtime
target openvino
g (uint8[1,16,3] x) => (float[1,3,4,4] y, float[1,3,4,4] r)
<float s = {0.5}, uint8 z = {10}, int8[3,3] c = random(1), float[3] t = {1, 2, 3}, int8[3] o = {0, 0, 0},
 float[3] b = {1, 2, 3}, int64[4] shape = {1, 3, 4, 4}, float[3,3,1,1] k = random(2)>
{
    v = DequantizeLinear <axis = 1> (c, t, o)
    d = DequantizeLinear(x, s, z)
    m = MatMul(d, v) a = Add(b, m)
    u = Transpose <perm = [0, 2, 1]> (a) i = Reshape(u, shape)
    q = QuantizeLinear(i, s, z) e = DequantizeLinear(q, s, z)
    y = Conv(e, k) r = Conv(e, k)
}
expect {
    v = DequantizeLinear <axis = 1> (c, t, o)
    d = DequantizeLinear(x, s, z)
    m = MatMul(d, v) a = Add(b, m)
    q = QuantizeLinear(a, s, z) e = DequantizeLinear(q, s, z)
    u = Transpose <perm = [0, 2, 1]> (e) i = Reshape(u, shape)
    y = Conv(i, k) r = Conv(i, k)
}

# ... or a normalization, and with FakeQuantize as well
run suit-runtime
target openvino
g (float[1,4,4,3] x) => (float[1,3,4,4] y)
<float[3] b = {1, 2, 3}, float[3,3,1,1] k = random(2), float lo = {-1}, float hi = {2}>
{
    n = LayerNormalization(x, b, b)
    u = Transpose <perm = [0, 3, 1, 2]> (n)
    f = org.openvinotoolkit.FakeQuantize <levels = 256> (u, lo, hi, lo, hi)
    y = Conv(f, k)
}
expect {
    n = LayerNormalization(x, b, b)
    f = org.openvinotoolkit.FakeQuantize <levels = 256> (n, lo, hi, lo, hi)
    u = Transpose <perm = [0, 3, 1, 2]> (f)
    y = Conv(u, k)
}

# not behind a float product, nor what is not turned, or read in between, or by something else
run suit-runtime
target openvino
g (float[1,16,3] x, float[3,3] w) => (float y, float z, float r, float t, float p)
<float s = {0.5}, uint8 zero = {10}, float[3] b = {1, 2, 3}, int64[4] shape = {1, 3, 4, 4},
 int64[3] short = {1, 3, 16}, float[3,3,1,1] k = random(2), float[3,3,1] l = random(3), float[16,2] o = random(4)>
{
    m1 = MatMul(x, w) u1 = Transpose <perm = [0, 2, 1]> (m1)
    q1 = QuantizeLinear(u1, s, zero) d1 = DequantizeLinear(q1, s, zero) y = Conv(d1, l)
    n2 = LayerNormalization(x, b, b) i2 = Reshape(n2, shape)
    q2 = QuantizeLinear(i2, s, zero) d2 = DequantizeLinear(q2, s, zero) z = Conv(d2, k)
    n3 = LayerNormalization(x, b, b) u3 = Transpose <perm = [0, 2, 1]> (n3) i3 = Reshape(u3, short) r = Relu(u3)
    q3 = QuantizeLinear(i3, s, zero) d3 = DequantizeLinear(q3, s, zero) t = Conv(d3, l)
    n4 = LayerNormalization(x, b, b) u4 = Transpose <perm = [0, 2, 1]> (n4)
    q4 = QuantizeLinear(u4, s, zero) d4 = DequantizeLinear(q4, s, zero) p = MatMul(d4, o)
}
expect unchanged

# nor across the edge of a body, where what codes stand for is not known outside
run suit-runtime
target openvino
g (bool p, float[1,16,3] x) => (float y)
<float[3] b = {1, 2, 3}, float[3,3,1] l = random(3)>
{
    n = LayerNormalization(x, b, b) u = Transpose <perm = [0, 2, 1]> (n)
    y = If(p) <then_branch = t () => (float c) <float s = {0.5}, uint8 z = {10}>
               { q = QuantizeLinear(u, s, z) d = DequantizeLinear(q, s, z) c = Conv(d, l) },
               else_branch = e () => (float f) { f = Exp(x) }>
}
expect unchanged

# nor where the target takes it as it is
run suit-runtime
target onnxruntime
g (float[1,16,3] x) => (float y)
<float s = {0.5}, uint8 z = {10}, float[3] b = {1, 2, 3}, float[3,3,1] k = random(2)>
{
    n = LayerNormalization(x, b, b) u = Transpose <perm = [0, 2, 1]> (n)
    q = QuantizeLinear(u, s, z) d = DequantizeLinear(q, s, z) y = Conv(d, k)
}
expect unchanged

# OpenVINO: a sum in front of a Reshape whose second axis it would take for columns, as long or longer
run suit-runtime
target openvino
g (float[N,3] x) => (float y, float z, float t, float u)
<int8[3,4] w = random(1), float s = {0.5}, int8 o = {0}, float[4] none = {0, 0, 0, 0},
 int64[3] rows = {-1, 4, 4}, int64[4] split = {-1, 8, 2, 2}, int64[3] wide = {1, -1, 4}>
{
    d1 = DequantizeLinear(w, s, o) y1 = MatMul(x, d1) y = Reshape(y1, rows)
    d2 = DequantizeLinear(w, s, o) z1 = Gemm(x, d2) z = Reshape(z1, split)
    d3 = DequantizeLinear(w, s, o) t1 = MatMul(x, d3) t2 = Add(t1, none) t = Reshape(t2, wide)
    d4 = DequantizeLinear(w, s, o) u1 = Gemm(x, d4, none) u = Reshape(u1, rows)
}
expect
<float a = {1e-37}, float b = {1e-37}, float c = {1e-37}, float e = {1e-37}>
{
    d1 = DequantizeLinear(w, s, o) y1 = MatMul(x, d1) y2 = Add(y1, a) y = Reshape(y2, rows)
    d2 = DequantizeLinear(w, s, o) z1 = Gemm(x, d2) z2 = Add(z1, b) z = Reshape(z2, split)
    d3 = DequantizeLinear(w, s, o) t1 = MatMul(x, d3) t2 = Add(t1, none)
    t3 = Add(t2, c) t = Reshape(t3, wide)
    d4 = DequantizeLinear(w, s, o) u1 = Gemm(x, d4, none) u2 = Add(u1, e) u = Reshape(u2, rows)
}

# ... in front of the Cast to another type
run suit-runtime
target openvino
g (float[N,3] x) => (float16[a,4,4] y)
<int8[3,4] w = random(1), float s = {0.5}, int8 o = {0}, int64[3] rows = {-1, 4, 4}>
{ d = DequantizeLinear(w, s, o) p = MatMul(x, d) h = Cast <to = 10> (p) y = Reshape(h, rows) }
expect
<float a = {1e-37}>
{
    d = DequantizeLinear(w, s, o) p = MatMul(x, d) t = Add(p, a)
    h = Cast <to = 10> (t) y = Reshape(h, rows)
}

# not where that is shorter, or the matrix becomes one again, or there is a bias, or a float weight
run suit-runtime
target openvino
g (float[N,3] x) => (float y, float z, float t, float u)
<int8[3,4] w = random(1), float s = {0.5}, int8 o = {0}, float[4] b = {0, 1, 0, 0},
 float[3,4] f = random(2), int64[3] rows = {-1, 3, 4}, int64[2] flat = {-1, 8},
 int64[3] more = {-1, 8, 4}>
{
    d1 = DequantizeLinear(w, s, o) y1 = MatMul(x, d1) y = Reshape(y1, rows)
    d2 = DequantizeLinear(w, s, o) z1 = MatMul(x, d2) z = Reshape(z1, flat)
    d3 = DequantizeLinear(w, s, o) t1 = MatMul(x, d3) t2 = Add(t1, b) t = Reshape(t2, more)
    u1 = MatMul(x, f) u = Reshape(u1, more)
}
expect unchanged

# nor where it is known how many rows there are
run suit-runtime
target openvino
g (float[8,3] x) => (float y)
<int8[3,4] w = random(1), float s = {0.5}, int8 o = {0}, int64[3] rows = {-1, 4, 4}>
{ d = DequantizeLinear(w, s, o) y1 = MatMul(x, d) y = Reshape(y1, rows) }
expect unchanged

# OpenVINO: what it would take for a shuffle of channels in groups that it cannot count gets more axes
run suit-runtime
target openvino
g (float[N,3,4,5] x) => (float y, float z)
<int64[4] part = {2, -1, 3, 20}, int64[5] more = {2, -1, 3, 4, 5}, int64[3] back = {-1, 6, 20}>
{
    a = Reshape(x, part) b = Transpose(a) <perm = [1,2,0,3]> y = Reshape(b, back)
    c = Reshape(x, more) d = Transpose(c) z = Reshape(d, back)
}
expect
<int64[6] e = {2, -1, 3, 20, 1, 1}, int64[6] f = {2, -1, 3, 4, 5, 1}>
{
    a = Reshape(x, e) b = Transpose(a) <perm = [1,2,0,3,4,5]> y = Reshape(b, back)
    c = Reshape(x, f) d = Transpose(c) <perm = [4,3,2,1,0,5]> z = Reshape(d, back)
}

# a shuffle stays one, as does what is read in between, or has other sizes that are not known, or
# five axes at first
run suit-runtime
target openvino
g (float[N,4,3,5] x, float[N,4,H,5] u, float[N,4,3,5,1] v) => (float y, float z, float t, float s)
<int64[4] group = {-1, 2, 2, 15}, int64[4] part = {2, -1, 4, 15}, int64[4] back = {-1, 4, 3, 5}>
{
    y1 = Reshape(x, group) y2 = Transpose(y1) <perm = [0,2,1,3]> y = Reshape(y2, back)
    z1 = Reshape(x, part) z2 = Transpose(z1) <perm = [1,2,0,3]> z3 = Reshape(z1, back)
    z4 = Reshape(z2, back) z = Concat(z3, z4) <axis = 0>
    t1 = Reshape(u, part) t2 = Transpose(t1) <perm = [1,2,0,3]> t = Reshape(t2, back)
    s1 = Reshape(v, part) s2 = Transpose(s1) <perm = [1,2,0,3]> s = Reshape(s2, back)
}
expect unchanged

# ONNX Runtime: means of whole channels that come out of codes have an operator of their own
run suit-runtime
target onnxruntime
opset 18
g (uint8[1,2,4,4] x) => (float y, float z, float t, float u)
<float s = {0.5}, uint8 o = {0}, int64[2] picture = {2, 3}, int64[2] last = {-1, -2},
 int64[2] other = {1, 3}>
{
    d = DequantizeLinear(x, s, o)
    y = ReduceMean(d, picture)
    a = Neg(d) z = ReduceMean(a, last)
    t = ReduceMean(d, other) u = ReduceMean <keepdims = 0> (d, picture)
}
expect
{
    d = DequantizeLinear(x, s, o)
    y = GlobalAveragePool(d)
    a = Neg(d) z = GlobalAveragePool(a)
    t = ReduceMean(d, other) u = ReduceMean <keepdims = 0> (d, picture)
}

# OpenVINO: a product of few rows without a bias, or with one of zeros, that another one reads
run suit-runtime
target openvino
g (float[4,3] x) => (float y, float z)
<int8[3,2] w = random(1), int8[2,3] v = random(2), float s = {0.5}, int8 o = {0}, uint8 u = {0},
 float[2] none = {0, 0}>
{
    d1 = DequantizeLinear(w, s, o) d2 = DequantizeLinear(v, s, o)
    a = MatMul(x, d1) b = Relu(a) q = QuantizeLinear(b, s, u) c = DequantizeLinear(q, s, u)
    y = MatMul(c, d2)
    d3 = DequantizeLinear(w, s, o) d4 = DequantizeLinear(v, s, o)
    e = MatMul(x, d3) f = Add(e, none) z = MatMul(f, d4)
}
expect
<float[2] t1 = {1e-37, 2e-37}, float[2] t2 = {1e-37, 2e-37}>
{
    d1 = DequantizeLinear(w, s, o) d2 = DequantizeLinear(v, s, o)
    a = MatMul(x, d1) a1 = Add(a, t1)
    b = Relu(a1) q = QuantizeLinear(b, s, u) c = DequantizeLinear(q, s, u)
    y = MatMul(c, d2)
    d3 = DequantizeLinear(w, s, o) d4 = DequantizeLinear(v, s, o)
    e = MatMul(x, d3) e1 = Add(e, t2) f = Add(e1, none) z = MatMul(f, d4)
}

# not of many rows, or of an unknown number, or with a bias, or where nothing reads it so
run suit-runtime
target openvino
g (float[12,3] x, float[N,3] u, float[4,3] t) => (float y, float z, float r, float s)
<int8[3,2] w = random(1), int8[2,3] v = random(2), float h = {0.5}, int8 o = {0},
 float[2] bias = {0, 1}>
{
    d1 = DequantizeLinear(w, h, o) d2 = DequantizeLinear(v, h, o)
    a = MatMul(x, d1) y = MatMul(a, d2)
    b = MatMul(u, d1) z = MatMul(b, d2)
    c = MatMul(t, d1) c1 = Add(c, bias) r = MatMul(c1, d2)
    e = MatMul(t, d1) e1 = Tanh(e) s = MatMul(e1, d2)
}
expect unchanged

# OpenVINO: the bias of a convolution is a sum where the size of an unknown batch is asked for
run suit-runtime
target openvino
g (float[N,2,4,4] x) => (float y, int64[1] z)
<float[2,2,1,1] w = random(1), float[2] b = {1, 2}, int64[1] from = {0}, int64[1] to = {1}>
{ c = Conv(x, w, b) y = Relu(c) s = Shape(y) z = Slice(s, from, to) }
expect
<float[2,1,1] k = {1, 2}>
{ d = Conv(x, w, ) c = Add(d, k) y = Relu(c) s = Shape(y) z = Slice(s, from, to) }

# not where it is known, or nobody asks
run suit-runtime
target openvino
g (float[1,2,4,4] x) => (float y, int64[1] z)
<float[2,2,1,1] w = random(1), float[2] b = {1, 2}, int64[1] from = {0}, int64[1] to = {1}>
{ c = Conv(x, w, b) y = Relu(c) s = Shape(y) z = Slice(s, from, to) }
expect unchanged

run suit-runtime
target openvino
g (float[N,2,4,4] x) => (float y)
<float[2,2,1,1] w = random(1), float[2] b = {1, 2}>
{ c = Conv(x, w, b) y = Relu(c) }
expect unchanged

# OpenVINO: what bytes become by a factor and a sum is rounded behind a Max, across what moves it
run suit-runtime
target openvino
g (uint8[1,4,4,2] x) => (uint8 y)
<float f = 0.01, float a = -1, float s = {0.5}, uint8 o = {3}>
{
    c = Cast <to = 1> (x) m = Mul(c, f) t = Transpose <perm = [0,3,1,2]> (m) p = Add(t, a)
    y = QuantizeLinear(p, s, o)
}
expect
<float lo = {-2}>
{
    c = Cast <to = 1> (x) m = Mul(c, f) t = Transpose <perm = [0,3,1,2]> (m) p = Add(t, a)
    q = Max(p, lo) y = QuantizeLinear(q, s, o)
}

# not without a sum, or of other numbers, or what is no constant
run suit-runtime
target openvino
g (uint8[1,4] x, int32[1,4] u, float[1,4] v) => (uint8 y, uint8 z, uint8 t)
<float f = 0.01, float a = -1, float s = {0.5}, uint8 o = {3}>
{
    c = Cast <to = 1> (x) m = Mul(c, f) y = QuantizeLinear(m, s, o)
    d = Cast <to = 1> (u) e = Add(d, a) z = QuantizeLinear(e, s, o)
    h = Add(c, v) t = QuantizeLinear(h, s, o)
}
expect unchanged
