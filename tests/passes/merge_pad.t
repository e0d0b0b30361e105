# SPDX-License-Identifier: Apache-2.0

# a Conv takes the padding
run merge-pad
g (float[1,2,5,6] x) => (float y)
<float[3,2,3,3] w = random(1), int64[8] p = {0, 0, 1, 2, 0, 0, 3, 0}, float zero = 0>
{ a = Pad(x, p, zero)  y = Conv(a, w) }
expect same-result
expect { y = Conv <pads = [1,2,3,0]> (x, w) }

# and adds it to its own
run merge-pad
g (float[1,2,5] x) => (float y) <float[3,2,3] w = random(1), int64[6] p = {0, 0, 1, 0, 0, 2}>
{ a = Pad(x, p)  y = Conv <pads = [1,0], strides = [2]> (a, w) }
expect same-result
expect { y = Conv <pads = [2,2], strides = [2]> (x, w) }

# before opset 11 the amounts are attributes; auto_pad VALID is no padding
run merge-pad
opset 10
g (float[1,2,5,5] x) => (float y) <float[3,2,3,3] w = random(1)>
{ a = Pad <pads = [0,0,1,1,0,0,1,1]> (x)  y = Conv <auto_pad = "VALID"> (a, w) }
expect same-result
expect { y = Conv <pads = [1,1,1,1]> (x, w) }

# since opset 18 axes may be named
run merge-pad
opset 18
g (float[1,2,5,5] x) => (float y)
<float[3,2,3,3] w = random(1), int64[4] p = {1, 0, 2, 1}, int64[2] axes = {-1, 2}>
{ a = Pad(x, p, , axes)  y = Conv(a, w) }
expect same-result
expect { y = Conv <pads = [0,1,1,2]> (x, w) }

# other values, other axes, negative amounts and other modes stay
run merge-pad
g (float[1,2,5,5] x) => (float y, float z, float s, float t)
<float[3,2,3,3] w = random(1), float[3,3,3,3] v = random(1), float one = 1,
 int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}, int64[8] c = {0, 1, 1, 1, 0, 0, 1, 1},
 int64[8] m = {0, 0, -1, 1, 0, 0, 1, 1}>
{
    a = Pad(x, p, one)
    y = Conv(a, w)
    b = Pad(x, c)
    z = Conv(b, v)
    d = Pad(x, m)
    s = Conv(d, w)
    e = Pad <mode = "reflect"> (x, p)
    t = Conv(e, w)
}
expect unchanged

# padding that depends on the size, amounts that are computed, and a second reader
run merge-pad
g (float[1,2,5,5] x, int64[8] q) => (float y, float z, float s, float t)
<float[3,2,3,3] w = random(1), int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}>
{
    a = Pad(x, p)
    y = Conv <auto_pad = "SAME_UPPER"> (a, w)
    b = Pad(x, q)
    z = Conv(b, w)
    d = Pad(x, p)
    s = Conv(d, w)
    t = Relu(d)
}
expect unchanged

# the weight of a Conv is no image
run merge-pad
g (float[3,2,1,1] x) => (float y)
<float[1,2,5,5] w = random(1), int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}>
{ a = Pad(x, p)  y = Conv(w, a) }
expect unchanged

# an AveragePool then counts the padding
run merge-pad
g (float[1,2,5,5] x) => (float y, float z)
<int64[8] p = {0, 0, 1, 1, 0, 0, 1, 0}, int64[8] q = {0, 0, 1, 0, 0, 0, 0, 1}>
{
    a = Pad(x, p)
    y = AveragePool <kernel_shape = [3,3]> (a)
    b = Pad(x, q)
    z = AveragePool <kernel_shape = [3,3], pads = [1,1,1,1], count_include_pad = 1> (b)
}
expect same-result
expect
{
    y = AveragePool <kernel_shape = [3,3], pads = [1,1,1,0], count_include_pad = 1> (x)
    z = AveragePool <kernel_shape = [3,3], pads = [2,1,1,2], count_include_pad = 1> (x)
}

# it stays where the pool has padding that it does not count, or windows of padding only
run merge-pad
g (float[1,2,5,5] x) => (float y, float z)
<int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}, int64[8] q = {0, 0, 2, 2, 0, 0, 2, 2}>
{
    a = Pad(x, p)
    y = AveragePool <kernel_shape = [3,3], pads = [1,1,1,1]> (a)
    b = Pad(x, q)
    z = AveragePool <kernel_shape = [2,2]> (b)
}
expect unchanged

# a MaxPool takes padding that cannot win
run merge-pad
g (float[1,2,5,5] x) => (float y, float z, float t)
<int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}, float low = -3.4028235e38>
{
    a = Pad(x, p, low)
    y = MaxPool <kernel_shape = [3,3], strides = [2,2]> (a)
    b = Relu(x)
    c = Pad(b, p)
    z = MaxPool <kernel_shape = [3,3], strides = [2,2]> (c)
    d = Pad(x, p)
    t = MaxPool <kernel_shape = [3,3], strides = [2,2]> (d)
}
expect same-result
expect
{
    y = MaxPool <kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]> (x)
    b = Relu(x)
    z = MaxPool <kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]> (b)
    d = Pad(x, p)
    t = MaxPool <kernel_shape = [3,3], strides = [2,2]> (d)
}

# but not where its indices are read, or a window may reach past the end
run merge-pad
g (float[1,2,5,5] x) => (float y, int64 i, float z)
<int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}>
{
    a = Relu(x)
    b = Pad(a, p)
    y, i = MaxPool <kernel_shape = [3,3]> (b)
    c = Pad(a, p)
    z = MaxPool <kernel_shape = [3,3], strides = [2,2], ceil_mode = 1> (c)
}
expect unchanged
