# SPDX-License-Identifier: Apache-2.0

# b + 6 sum|w| <= 0 in channel 1 only: its row, its bias and the column that reads it become zero
run clear-dead-channels
g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {1, 1}, float zero = 0, float six = 6, float[2,2,1,1] w2 = {1, 0.5, -1, 0.25},
 float[2] b2 = {-3, -3.5}, float[1,2,1,1] w3 = {2, 70}>
{ c = Conv(x, w) d = Clip(c, zero, six) e = Conv(d, w2, b2) f = Relu(e) y = Conv(f, w3) }
expect same-result
expect g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {1, 1}, float zero = 0, float six = 6, float[2,2,1,1] w2 = {1, 0.5, 0, 0},
 float[2] b2 = {-3, 0}, float[1,2,1,1] w3 = {2, 0}>
{ c = Conv(x, w) d = Clip(c, zero, six) e = Conv(d, w2, b2) f = Relu(e) y = Conv(f, w3) }

# behind a plain Relu there is no bound above, unless all weights are negative
run clear-dead-channels
g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {1, 1}, float[2,2,1,1] w2 = {1e-9, -1, -1, -0.25}, float[2] b2 = {-9, -3},
 float[1,2,1,1] w3 = {2, 70}>
{ c = Conv(x, w) d = Relu(c) e = Conv(d, w2, b2) f = Relu(e) y = Conv(f, w3) }
expect same-result
expect g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {1, 1}, float[2,2,1,1] w2 = {1e-9, -1, 0, 0}, float[2] b2 = {-9, 0},
 float[1,2,1,1] w3 = {2, 0}>
{ c = Conv(x, w) d = Relu(c) e = Conv(d, w2, b2) f = Relu(e) y = Conv(f, w3) }

# nothing is known of what is fed, but that it does not reach 2^40
run clear-dead-channels
g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {1e-12, 1e-18}, float[2] b = {-1, -2}>
{ c = Conv(x, w, b) y = Relu(c) }
expect same-result
expect note "1 channels are zero"
expect g (float[1,1,2,2] x) => (float y) <float[2,1,1,1] w = {1e-12, 0}, float[2] b = {-1, 0}>
{ c = Conv(x, w, b) y = Relu(c) }

# a Conv with no weight in a channel is its bias there, padding or not
run clear-dead-channels
g (float[1,1,2,2] x) => (float y)
<float[2,1,3,3] w = {0,0,0,0,0,0,0,0,0, 1,1,1,1,1,1,1,1,1}, float[2] b = {-1, -2},
 float[1,2,1,1] w2 = {5, 6}>
{ c = Conv <pads = [1,1,1,1]> (x, w, b) d = Relu(c) y = Conv(d, w2) }
expect same-result
expect g (float[1,1,2,2] x) => (float y)
<float[2,1,3,3] w = {0,0,0,0,0,0,0,0,0, 1,1,1,1,1,1,1,1,1}, float[2] b = {0, -2},
 float[1,2,1,1] w2 = {0, 6}>
{ c = Conv <pads = [1,1,1,1]> (x, w, b) d = Relu(c) y = Conv(d, w2) }

# a layer that someone else reads before the Relu keeps its rows, the column behind the Relu goes
run clear-dead-channels
g (float[1,1,2,2] x) => (float y, float z)
<float[2,1,1,1] w = {0, 1}, float[2] b = {-1, -2}, float[1,2,1,1] w2 = {5, 6}>
{ z = Conv(x, w, b) d = Relu(z) y = Conv(d, w2) }
expect same-result
expect g (float[1,1,2,2] x) => (float y, float z)
<float[2,1,1,1] w = {0, 1}, float[2] b = {-1, -2}, float[1,2,1,1] w2 = {0, 6}>
{ z = Conv(x, w, b) d = Relu(z) y = Conv(d, w2) }

# through a pool and a depthwise Conv: channel 0 dies there as well, channel 1 becomes a constant
run clear-dead-channels
g (float[1,1,4,4] x) => (float y)
<float[3,1,1,1] w = {0, 0, 1}, float[3] b = {-1, -2, 0}, float[3,1,2,2] w2 = fill(3),
 float[3] b2 = {-1, 1, 1}, float[1,3,1,1] w3 = {5, 6, 7}>
{ c = Conv(x, w, b) d = Relu(c) p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (d)
  e = Conv <group = 3, pads = [1,1,1,1]> (p, w2, b2) f = Relu(e) y = Conv(f, w3) }
expect same-result
expect g (float[1,1,4,4] x) => (float y)
<float[3,1,1,1] w = {0, 0, 1}, float[3] b = {0, 0, 0},
 float[3,1,2,2] w2 = {0,0,0,0,0,0,0,0,3,3,3,3}, float[3] b2 = {0, 1, 1},
 float[1,3,1,1] w3 = {0, 6, 7}>
{ c = Conv(x, w, b) d = Relu(c) p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (d)
  e = Conv <group = 3, pads = [1,1,1,1]> (p, w2, b2) f = Relu(e) y = Conv(f, w3) }

# through Concat, Pad and Flatten to the columns of a Gemm
run clear-dead-channels
g (float[1,1,1,1] x) => (float y)
<float[2,1,1,1] w = {0, 1}, float[2] b = {-1, 0}, int64[8] pads = {0,0,0,0,0,0,0,1},
 float[6,1] v = fill(1)>
{ c = Conv(x, w, b) d = Relu(c) j = Concat <axis = 1> (x, d) p = Pad(j, pads) f = Flatten(p)
  y = Gemm(f, v) }
expect same-result
expect g (float[1,1,1,1] x) => (float y)
<float[2,1,1,1] w = {0, 1}, float[2] b = {0, 0}, int64[8] pads = {0,0,0,0,0,0,0,1},
 float[6,1] v = {1, 1, 0, 0, 1, 1}>
{ c = Conv(x, w, b) d = Relu(c) j = Concat <axis = 1> (x, d) p = Pad(j, pads) f = Flatten(p)
  y = Gemm(f, v) }

# padding with another number than zero revives a channel
run clear-dead-channels
g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {0, 1}, float[2] b = {0, 0}, int64[8] pads = {0,0,0,0,0,0,0,1}, float one = 1,
 float[1,2,1,1] v = fill(1)>
{ c = Conv(x, w, b) d = Relu(c) p = Pad(d, pads, one) y = Conv(p, v) }
expect unchanged

# the gate of a Sigmoid bounds the next layer; an Add of two bounded values too
run clear-dead-channels
g (float[1,2,2,2] x, float[1,2,2,2] z) => (float y)
<float[2,2,1,1] w = {0.5, 0.5, 1, 1}, float[2] b = {-2, -2.5}>
{ s = Sigmoid(x) t = Sigmoid(z) a = Add(s, t) c = Conv(a, w, b) y = Relu(c) }
expect same-result
expect g (float[1,2,2,2] x, float[1,2,2,2] z) => (float y)
<float[2,2,1,1] w = {0, 0, 1, 1}, float[2] b = {0, -2.5}>
{ s = Sigmoid(x) t = Sigmoid(z) a = Add(s, t) c = Conv(a, w, b) y = Relu(c) }

# a MatMul and its Add, on the last axis
run clear-dead-channels
g (float[2,3,2] x) => (float y)
<float[2,2] w = {0.5, 1, 0.5, 1}, float[2] b = {-1, -1.5}, float[2,2] v = {9, 8, 7, 6}>
{ s = Sigmoid(x) c = MatMul(s, w) d = Add(c, b) r = Relu(d) y = MatMul(r, v) }
expect same-result
expect g (float[2,3,2] x) => (float y)
<float[2,2] w = {0, 1, 0, 1}, float[2] b = {0, -1.5}, float[2,2] v = {0, 0, 7, 6}>
{ s = Sigmoid(x) c = MatMul(s, w) d = Add(c, b) r = Relu(d) y = MatMul(r, v) }

# LeakyRelu kills nothing
run clear-dead-channels
g (float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {0, 1}, float[2] b = {-1, -2}, float[1,2,1,1] v = fill(1)>
{ c = Conv(x, w, b) d = LeakyRelu(c) y = Conv(d, v) }
expect unchanged

# in a branch
run clear-dead-channels
g (bool p, float[1,1,2,2] x) => (float y)
<float[2,1,1,1] w = {1e-12, 1e-18}, float[2] b = {-1, -2}>
{ y = If(p) <then_branch = t () => (float t1) { t1 = Abs(x) },
             else_branch = e () => (float e2) { e1 = Conv(x, w, b) e2 = Relu(e1) }> }
expect same-result
expect note "1 channels are zero"
