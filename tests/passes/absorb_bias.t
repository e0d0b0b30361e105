# SPDX-License-Identifier: Apache-2.0

# inputs from 0 to 1 make 5 .. 7 and -2 .. 1: the first channel loses 5
run absorb-bias
data 8
g (float[1,1,4,4] x) => (float y)
<float zero = 0, float one = 1, float[2,1,1,1] w = {2, 3}, float[2] b = {5, -2},
 float[1,2,1,1] v = {3, 10}, float[1] vb = {1}>
{ x1 = Clip(x, zero, one) h = Conv(x1, w, b) d = Relu(h) y = Conv(d, v, vb) }
expect same-result
expect g (float[1,1,4,4] x) => (float y)
<float zero = 0, float one = 1, float[2,1,1,1] w = {2, 3}, float[2] b = {0, -2},
 float[1,2,1,1] v = {3, 10}, float[1] vb = {16}>
{ x1 = Clip(x, zero, one) h = Conv(x1, w, b) d = Relu(h) y = Conv(d, v, vb) }

# every reader gets its share, also one without a bias
run absorb-bias
data 8
g (float[1,1,4,4] x) => (float y, float z)
<float zero = 0, float one = 1, float[2,1,1,1] w = {2, 3}, float[2] b = {5, 4},
 float[1,2,1,1] v = {3, 10}, float[2,1,1,1] u = {2, 4}>
{ x1 = Clip(x, zero, one) h = Conv(x1, w, b) d = LeakyRelu(h) y = Conv(d, v)
  z = Conv <group = 2> (d, u) }
expect same-result
expect g (float[1,1,4,4] x) => (float y, float z)
<float zero = 0, float one = 1, float[2,1,1,1] w = {2, 3}, float[2] b = {0, 0},
 float[1,2,1,1] v = {3, 10}, float[1] vb = {55}, float[2,1,1,1] u = {2, 4}, float[2] ub = {10, 16}>
{ x1 = Clip(x, zero, one) h = Conv(x1, w, b) d = LeakyRelu(h) y = Conv(d, v, vb)
  z = Conv <group = 2> (d, u, ub) }

# with nothing in between the range is centred
run absorb-bias
data 8
g (float[2,3] x) => (float y)
<float zero = 0, float one = 1, float[3,1] w = {1, 2, 3}, float[1] b = {10}, float[1,2] v = {1, 2},
 float[2] vb = {0, 5}>
{ x1 = Clip(x, zero, one) h = Gemm(x1, w, b) y = Gemm(h, v, vb) }
expect same-result

# what reaches the limit of a Clip is cut there, so it stays; below it, it moves
run absorb-bias
data 8
g (float[1,1,4,4] x) => (float y)
<float zero = 0, float one = 1, float six = 6, float[2,1,1,1] w = {2, 2}, float[2] b = {5, 2},
 float[1,2,1,1] v = {3, 10}, float[1] vb = {1}>
{ x1 = Clip(x, zero, one) h = Conv(x1, w, b) d = Clip(h, zero, six) y = Conv(d, v, vb) }
expect same-result
expect g (float[1,1,4,4] x) => (float y)
<float zero = 0, float one = 1, float six = 6, float[2,1,1,1] w = {2, 2}, float[2] b = {5, 0},
 float[1,2,1,1] v = {3, 10}, float[1] vb = {21}>
{ x1 = Clip(x, zero, one) h = Conv(x1, w, b) d = Clip(h, zero, six) y = Conv(d, v, vb) }

# padding is zero whatever the bias is
run absorb-bias
data 8
g (float[1,1,4,4] x) => (float y)
<float zero = 0, float one = 1, float[1,1,1,1] w = {2}, float[1] b = {5}, float[1,1,3,3] v = fill(1)>
{ x1 = Clip(x, zero, one) h = Conv(x1, w, b) d = Relu(h) y = Conv <pads = [1,1,1,1]> (d, v) }
expect unchanged

# somebody else reads the value
run absorb-bias
data 8
g (float[1,1,4,4] x) => (float y, float d)
<float zero = 0, float one = 1, float[1,1,1,1] w = {2}, float[1] b = {5}, float[1,1,1,1] v = fill(1)>
{ x1 = Clip(x, zero, one) h = Conv(x1, w, b) d = Relu(h) y = Conv(d, v) }
expect unchanged

# where it is measured, it stays only if it helps: here one channel decides the range
run absorb-bias
target onnxruntime tensor
data 8
g (float[1,1,8,8] x) => (float y)
<float zero = 0, float one = 1, float[2,1,1,1] w = {1, 3}, float[2] b = {40, 0},
 float[1,2,1,1] v = {1, 1}, float[1] vb = {1}>
{ x1 = Clip(x, zero, one) h = Conv(x1, w, b) d = Relu(h) y = Conv(d, v, vb) }
expect note "1 channels, kept"

# a scale for each channel: weights are not equalized
run absorb-bias
target onnxruntime
data 8
g (float[1,1,8,8] x) => (float y)
<float zero = 0, float one = 1, float[2,1,1,1] w = {1, 3}, float[2] b = {40, 0},
 float[1,2,1,1] v = {1, 1}, float[1] vb = {1}>
{ x1 = Clip(x, zero, one) h = Conv(x1, w, b) d = Relu(h) y = Conv(d, v, vb) }
expect unchanged

# without data nothing is known
run absorb-bias
g (float[1,1,4,4] x) => (float y) <float[1,1,1,1] w = {2}>
{ y = Conv(x, w) }
expect unchanged
expect note "without data"
