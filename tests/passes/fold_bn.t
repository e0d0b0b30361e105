# SPDX-License-Identifier: Apache-2.0

# a Conv takes the BatchNormalization behind it: k = {2, -0.5}, t = {3, 4}
run fold-bn
g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {1, 3}, float[2] s = {4, -1}, float[2] b = {1, 3}, float[2] m = {-1, 2},
 float[2] v = {3, 3}>
{ c = Conv(x, w) y = BatchNormalization(c, s, b, m, v) <epsilon = 1.0> }
expect same-result
expect g (float[1,1,2,2] x) => (float y) <float[2,1,1,1] w = {2, -1.5}, float[2] b = {3, 4}>
{ y = Conv(x, w, b) }

# with statistics for each element it stays
run fold-bn
opset 8
g (float[1,1,1,2] x) => (float y)
<float[1,1,1,1] w = {1}, float[1,1,2] s = {4, -1}, float[1,1,2] v = {3, 3}>
{ c = Conv(x, w) y = BatchNormalization(c, s, s, s, v) <spatial = 0> }
expect { c = Conv(x, w) y = BatchNormalization(c, s, s, s, v) <spatial = 0> }

# an old bias is scaled
run fold-bn
g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {1, 3}, float[2] a = {10, 20}, float[2] s = {4, -1}, float[2] b = {1, 3},
 float[2] m = {-1, 2}, float[2] v = {3, 3}>
{ c = Conv(x, w, a) y = BatchNormalization(c, s, b, m, v) <epsilon = 1.0> }
expect same-result
expect g (float[1,1,2,2] x) => (float y) <float[2,1,1,1] w = {2, -1.5}, float[2] b = {23, -6}>
{ y = Conv(x, w, b) }

# of a weight and a bias with two users the other one keeps its own
run fold-bn
g (float[1,2,4,4] x) => (float y, float z)
<float[2,2,3,3] w = random(1), float[2] a = random(2), float[2] s = random(3), float[2] b = random(4),
 float[2] m = random(5), float[2] v = random(6, 0.1, 2)>
{ c = Conv(x, w, a) y = BatchNormalization(c, s, b, m, v) z = Conv(x, w, a) }
expect same-result
expect { y = Conv(x, w1, a1) z = Conv(x, w, a) }

# a depthwise Conv
run fold-bn
g (float[1,4,5,5] x) => (float y)
<float[4,1,3,3] w = random(1), float[4] s = random(3), float[4] b = random(4), float[4] m = random(5),
 float[4] v = random(6, 0.1, 2)>
{ c = Conv <group = 4, pads = [1,1,1,1]> (x, w) y = BatchNormalization(c, s, b, m, v) }
expect same-result
expect { y = Conv <group = 4, pads = [1,1,1,1]> (x, w1, b1) }

# a ConvTranspose with groups has its output channels in two axes of the weight
run fold-bn
g (float[1,4,3,3] x) => (float y)
<float[4,3,2,2] w = random(1), float[6] s = random(3), float[6] b = random(4), float[6] m = random(5),
 float[6] v = random(6, 0.1, 2)>
{ c = ConvTranspose <group = 2, strides = [2,2]> (x, w) y = BatchNormalization(c, s, b, m, v) }
expect same-result
expect { y = ConvTranspose <group = 2, strides = [2,2]> (x, w1, b1) }

# a Gemm with factors: beta goes into the bias
run fold-bn
g (float[2,3] x) => (float y)
<float[4,3] w = random(1), float[4] a = random(2), float[4] s = random(3), float[4] b = random(4),
 float[4] m = random(5), float[4] v = random(6, 0.1, 2)>
{ c = Gemm <transB = 1, alpha = 0.5, beta = 2.0> (x, w, a) y = BatchNormalization(c, s, b, m, v) }
expect same-result
expect { y = Gemm <transB = 1, alpha = 0.5, beta = 1.0> (x, w1, b1) }

# a Gemm without a bias, weight not transposed
run fold-bn
g (float[2,3] x) => (float y)
<float[3,4] w = random(1), float[4] s = random(3), float[4] b = random(4), float[4] m = random(5),
 float[4] v = random(6, 0.1, 2)>
{ c = Gemm(x, w) y = BatchNormalization(c, s, b, m, v) }
expect same-result
expect { y = Gemm(x, w1, b1) }

# a Gemm whose bias is a matrix is no layer with a number per channel
run fold-bn
g (float[2,3] x) => (float y)
<float[3,4] w = random(1), float[2,4] a = random(2), float[4] s = random(3), float[4] b = random(4),
 float[4] m = random(5), float[4] v = random(6, 0.1, 2)>
{ c = Gemm(x, w, a) y = BatchNormalization(c, s, b, m, v) }
expect same-result
expect { c = Gemm(x, w, a) d = Mul(c, k) y = Add(d, t) }

# a MatMul gets an Add
run fold-bn
g (float[2,3] x) => (float y)
<float[3,4] w = random(1), float[4] s = random(3), float[4] b = random(4), float[4] m = random(5),
 float[4] v = random(6, 0.1, 2)>
{ c = MatMul(x, w) y = BatchNormalization(c, s, b, m, v) }
expect same-result
expect { c = MatMul(x, w1) y = Add(c, b1) }

# a MatMul and its Add are a layer
run fold-bn
g (float[2,3] x) => (float y)
<float[3,4] w = random(1), float[4] a = random(2), float[4] s = random(3), float[4] b = random(4),
 float[4] m = random(5), float[4] v = random(6, 0.1, 2)>
{ c = MatMul(x, w) d = Add(a, c) y = BatchNormalization(d, s, b, m, v) }
expect same-result
expect { c = MatMul(x, w1) y = Add(b1, c) }

# the channels of a BatchNormalization are not those of a MatMul with three axes
run fold-bn
g (float[2,4,3] x) => (float y)
<float[3,4] w = random(1), float[4] s = random(3), float[4] b = random(4), float[4] m = random(5),
 float[4] v = random(6, 0.1, 2)>
{ c = MatMul(x, w) y = BatchNormalization(c, s, b, m, v) }
expect same-result
expect { c = MatMul(x, w) d = Mul(c, k) y = Add(d, t) }

# a Conv without padding takes the BatchNormalization in front of it
run fold-bn
g (float[1,2,4,4] x) => (float y)
<float[3,2,2,2] w = random(1), float[2] s = random(3), float[2] b = random(4), float[2] m = random(5),
 float[2] v = random(6, 0.1, 2)>
{ n = BatchNormalization(x, s, b, m, v) y = Conv(n, w) }
expect same-result
expect { y = Conv(x, w1, b1) }

# the same with groups
run fold-bn
g (float[1,4,4,4] x) => (float y)
<float[6,2,2,2] w = random(1), float[6] a = random(2), float[4] s = random(3), float[4] b = random(4),
 float[4] m = random(5), float[4] v = random(6, 0.1, 2)>
{ n = BatchNormalization(x, s, b, m, v) y = Conv <group = 2> (n, w, a) }
expect same-result
expect { y = Conv <group = 2> (x, w1, b1) }

# padding is not normalized: a Mul and an Add stay
run fold-bn
g (float[1,2,4,4] x) => (float y)
<float[3,2,3,3] w = random(1), float[2] s = random(3), float[2] b = random(4), float[2] m = random(5),
 float[2] v = random(6, 0.1, 2)>
{ n = BatchNormalization(x, s, b, m, v) y = Conv <pads = [1,1,1,1]> (n, w) }
expect same-result
expect { k = Mul(x, scale) t = Add(k, shift) y = Conv <pads = [1,1,1,1]> (t, w) }

# auto_pad is padding
run fold-bn
g (float[1,2,4,4] x) => (float y)
<float[3,2,3,3] w = random(1), float[2] s = random(3), float[2] b = random(4), float[2] m = random(5),
 float[2] v = random(6, 0.1, 2)>
{ n = BatchNormalization(x, s, b, m, v) y = Conv <auto_pad = "SAME_UPPER"> (n, w) }
expect same-result
expect { k = Mul(x, scale) t = Add(k, shift) y = Conv <auto_pad = "SAME_UPPER"> (t, w) }

# a Gemm takes it through a Flatten
run fold-bn
g (float[2,3,2,2] x) => (float y)
<float[5,12] w = random(1), float[5] a = random(2), float[3] s = random(3), float[3] b = random(4),
 float[3] m = random(5), float[3] v = random(6, 0.1, 2)>
{ n = BatchNormalization(x, s, b, m, v) f = Flatten(n) y = Gemm <transB = 1> (f, w, a) }
expect same-result
expect { f = Flatten(x) y = Gemm <transB = 1> (f, w1, b1) }

# a MatMul takes it
run fold-bn
g (float[2,3] x) => (float y)
<float[3,5] w = random(1), float[3] s = random(3), float[3] b = random(4), float[3] m = random(5),
 float[3] v = random(6, 0.1, 2)>
{ n = BatchNormalization(x, s, b, m, v) y = MatMul(n, w) }
expect same-result
expect { c = MatMul(x, w1) y = Add(c, b1) }

# a Conv with two readers keeps its weights
run fold-bn
g (float[1,2,4,4] x) => (float y, float z)
<float[2,2,1,1] w = random(1), float[2] s = random(3), float[2] b = random(4), float[2] m = random(5),
 float[2] v = random(6, 0.1, 2)>
{ c = Conv(x, w) y = BatchNormalization(c, s, b, m, v) z = Relu(c) }
expect same-result
expect { c = Conv(x, w) k = Mul(c, scale) y = Add(k, shift) z = Relu(c) }

# two on end become one Mul and one Add
run fold-bn
g (float[1,2,4,4] x) => (float y)
<float[2] s = random(3), float[2] b = random(4), float[2] m = random(5), float[2] v = random(6, 0.1, 2),
 float[2] s2 = random(7), float[2] b2 = random(8), float[2] m2 = random(9),
 float[2] v2 = random(10, 0.1, 2)>
{ n = BatchNormalization(x, s, b, m, v) y = BatchNormalization(n, s2, b2, m2, v2) }
expect same-result
expect { k = Mul(x, scale) y = Add(k, shift) }

# Mul and Add with a number for each channel fold as well
run fold-bn
g (float[1,2,4,4] x) => (float y)
<float[3,2,1,1] w = random(1), float[3,1,1] k = random(2), float[1,3,1,1] t = random(3)>
{ c = Conv(x, w) d = Mul(k, c) y = Add(d, t) }
expect same-result
expect { y = Conv(x, w1, b1) }

# Sub and Div with one number
run fold-bn
g (float[1,2,4,4] x) => (float y)
<float[3,2,1,1] w = random(1), float k = 3, float[1] t = {0.5}>
{ c = Conv(x, w) d = Sub(t, c) e = Div(d, k) y = Sub(e, t) }
expect same-result
expect { y = Conv(x, w1, b1) }

# a number divided by the Conv is something else
run fold-bn
g (float[1,2,4,4] x) => (float y)
<float[3,2,1,1] w = random(1), float k = 3>
{ c = Conv(x, w) y = Div(k, c) }
expect unchanged

# a MatMul with three axes takes factors on its last axis, and keeps its Add
run fold-bn
g (float[2,4,3] x) => (float y, float z)
<float[3,5] w = random(1), float[5] k = random(2), float[5] t = random(3)>
{ c = MatMul(x, w) d = Mul(c, k) y = Add(d, t) e = MatMul(x, w) z = Div(e, k) }
expect same-result
expect { c = MatMul(x, w1) y = Add(c, t) z = MatMul(x, w2) }

# a number for each position does not fold
run fold-bn
g (float[1,2,4,4] x) => (float y)
<float[3,2,1,1] w = random(1), float[4] k = random(2)>
{ c = Conv(x, w) y = Mul(c, k) }
expect unchanged

# one channel multiplied into three does not fold
run fold-bn
g (float[1,2,4,4] x) => (float y)
<float[1,2,1,1] w = random(1), float[3,1,1] k = random(2)>
{ c = Conv(x, w) y = Mul(c, k) }
expect unchanged

# double precision stays
run fold-bn
g (double[1,2,4,4] x) => (double y)
<double[3,2,1,1] w = random(1), double[3] s = random(3), double[3] b = random(4),
 double[3] m = random(5), double[3] v = random(6, 0.1, 2)>
{ c = Conv(x, w) y = BatchNormalization(c, s, b, m, v) }
expect same-result
expect g (double[1,2,4,4] x) => (double y) <double[3,2,1,1] w1, double[3] b1> { y = Conv(x, w1, b1) }

# half precision stays
run fold-bn
g (float16[1,2,4,4] h) => (float16 z)
<float16[3,2,1,1] w = fill(0.5), float16[3] s = fill(2), float16[3] b = fill(0.25),
 float16[3] m = fill(0), float16[3] v = fill(3)>
{ d = Conv(h, w) z = BatchNormalization(d, s, b, m, v) <epsilon = 1.0> }
expect g (float16[1,2,4,4] h) => (float16 z)
<float16[3,2,1,1] w1 = fill(0.5), float16[3] b1 = fill(0.25)> { z = Conv(h, w1, b1) }

# what half precision cannot hold is left to a Mul, and what that cannot hold is left alone
run fold-bn
g (float16[1,1,2,2] h) => (float16 z)
<float16[1,1,1,1] w = fill(1000), float16[1] s = fill(1000), float16[1] b = fill(0.25),
 float16[1] m = fill(0), float16[1] v = fill(1)>
{ d = Conv(h, w) z = BatchNormalization(d, s, b, m, v) <epsilon = 0.0> }
expect { d = Conv(h, w) k = Mul(d, scale) z = Add(k, shift) }

# parameters that are computed are left alone
run fold-bn
g (float[1,2,4,4] x, float[2] s) => (float y)
<float[2,2,1,1] w = random(1), float[2] b = random(4), float[2] m = random(5), float[2] v = fill(1)>
{ c = Conv(x, w) y = BatchNormalization(c, s, b, m, v) }
expect unchanged
expect note "its parameters are not constant"

# a variance of zero gives no finite number
run fold-bn
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = random(1), float[2] s = fill(1), float[2] b = fill(0), float[2] m = fill(0),
 float[2] v = fill(0)>
{ c = Conv(x, w) y = BatchNormalization(c, s, b, m, v) <epsilon = 0.0> }
expect unchanged
expect note "no finite numbers"

# a Conv with a computed weight is no layer
run fold-bn
g (float[1,2,4,4] x, float[2,2,1,1] w) => (float y)
<float[2] s = random(3), float[2] b = random(4), float[2] m = random(5), float[2] v = random(6, 0.1, 2)>
{ c = Conv(x, w) y = BatchNormalization(c, s, b, m, v) }
expect same-result
expect { c = Conv(x, w) k = Mul(c, scale) y = Add(k, shift) }

# in the body of an If
run fold-bn
g (bool p, float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = random(1), float[2] s = random(3), float[2] b = random(4), float[2] m = random(5),
 float[2] v = random(6, 0.1, 2)>
{ y = If(p) <then_branch = t () => (float o) { c = Conv(x, w) o = BatchNormalization(c, s, b, m, v) },
             else_branch = e () => (float o) { o = Conv(x, w) }> }
expect { y = If(p) <then_branch = t () => (float o) { o = Conv(x, w1, b1) },
                    else_branch = e () => (float o) { o = Conv(x, w) }> }
