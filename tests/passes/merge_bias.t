# SPDX-License-Identifier: Apache-2.0

# the sum or difference of a product and a constant for each column
run merge-bias
g (float[N,3] x) => (float y, float z, float t)
<float[3,4] w = random(1), float[4] b = random(2), float[1,4] c = {1, 2, 3, 4}, float half = 0.5>
{
    y1 = MatMul(x, w)
    y = Add(b, y1)
    z1 = MatMul(x, w)
    z = Sub(z1, c)
    t1 = MatMul(x, w)
    t = Add(t1, half)
}
expect same-result
expect
<float[4] minus = {-1, -2, -3, -4}, float[4] halves = fill(0.5)>
{ y = Gemm(x, w, b1)  z = Gemm(x, w, minus)  t = Gemm(x, w, halves) }

# other ranks, a number for each row, a constant minus the product, a second reader
run merge-bias
g (float[2,3] x, float[2,2,3] q) => (float y, float z, float t, float u, float v)
<float[3,4] w = random(1), float[4] b = random(2), float[2,1] c = {1, 2}>
{
    y1 = MatMul(q, w)
    y = Add(y1, b)
    z1 = MatMul(x, w)
    z = Add(z1, c)
    t1 = MatMul(x, w)
    t = Sub(b, t1)
    u1 = MatMul(x, w)
    u = Add(u1, b)
    v = Relu(u1)
}
expect unchanged

# a target that has another layer for it
run merge-bias
target onnxruntime
g (float[2,3] x) => (float y) <float[3,4] w = random(1), float[4] b = random(2)>
{ y1 = MatMul(x, w)  y = Add(y1, b) }
expect unchanged

# behind the other layers fold-bn takes it
run fold-bn
g (float[1,2,3,3] x) => (float y, float z)
<float[2,3,2,2] w = random(1), float[3,1,1] b = random(2), float[3,2,1,1] v = random(3)>
{
    y1 = ConvTranspose(x, w)
    y = Add(y1, b)
    z1 = Conv(x, v)
    z = Sub(z1, b)
}
expect same-result
expect { y = ConvTranspose(x, w, b1)  z = Conv(x, v, b2) }

# a Reshape between the product and the bias keeps columns last, with a batch that is not known
run merge-bias
target onnxruntime
g (float[N,3] x) => (float y, float z)
<float[3,4] w = random(1), float[4] b = random(2), float[1,1,4] c = {1, 2, 3, 4},
 int64[3] rows = {-1, 2, 4}>
{
    y1 = MatMul(x, w)
    y2 = Reshape(y1, rows)
    y = Add(b, y2)
    z1 = MatMul(x, w)
    z2 = Reshape(z1, rows)
    z = Sub(z2, c)
}
expect
<float[4] minus = {-1, -2, -3, -4}>
{
    y1 = MatMul(x, w)
    y2 = Add(y1, b1)
    y = Reshape(y2, rows)
    z1 = MatMul(x, w)
    z2 = Add(z1, minus)
    z = Reshape(z2, rows)
}

# it does not, or the bias is not one for each column, or something else reads what is between
run merge-bias
target onnxruntime
g (float[4,3] x) => (float y, float z, float t, float u, float v, float r)
<float[3,4] w = random(1), float[4] b = random(2), float[2,1] c = {1, 2}, float[2,2] d = random(3),
 int64[3] rows = {2, 2, 4}, int64[3] parts = {4, 2, 2}, int64[2] flat = {2, 8},
 float[8] e = random(4)>
{
    y1 = MatMul(x, w)
    y2 = Reshape(y1, parts)
    y = Add(y2, d)
    z1 = MatMul(x, w)
    z2 = Reshape(z1, rows)
    z = Add(z2, c)
    t1 = MatMul(x, w)
    t2 = Reshape(t1, flat)
    t = Add(t2, e)
    u1 = MatMul(x, w)
    u2 = Reshape(u1, rows)
    u = Add(u2, b)
    v = Relu(u2)
    r1 = MatMul(x, w)
    r2 = Reshape(r1, rows)
    r = Sub(b, r2)
}
expect unchanged
