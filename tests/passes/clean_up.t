# SPDX-License-Identifier: Apache-2.0

# Identity, Dropout and operators of one input go, in front of an output as well
run clean-up
g (float[2,3] x) => (float[2,3] y)
{
    a = Identity(x)
    b = Relu(a)
    c = Dropout(b)
    d = Concat <axis = 0> (c)
    e = Sum(d)
    y = Identity(e)
}
expect g (float[2,3] x) => (float[2,3] y = b) { b = Relu(x) }
expect same-result

# A Dropout in training or with a mask in use stays
run clean-up
g (float[2,3] x) => (float[2,3] y, bool[2,3] m)
{
    y, m = Dropout(x)
}
expect unchanged

# An Identity between an input and an output goes as well; the writer puts one there
run clean-up
g (float[2] x) => (float[2] y) { y = Identity(x) }
expect g (float[2] x) => (float[2] y = x) { }

# Cast to the same type
run clean-up
g (float[2] x) => (float[2] y, double[2] z)
{
    a = Cast <to = 1> (x)
    y = Relu(a)
    z = Cast <to = 11> (x)
}
expect { y = Relu(x)  z = Cast <to = 11> (x) }
expect same-result

# Clip without bounds, Pad by nothing, Slice of the whole, Expand and Tile by one
run clean-up
g (float[2,3,4,4] x) => (float y)
<int64[8] zeros = fill(0), int64[2] from = {0, 0}, int64[2] to = {3, 9223372036854775807},
 int64[2] axes = {1, -1}, int64[4] shape = {2, 1, 4, 4}, int64[4] ones = fill(1)>
{
    a = Relu(x)
    b = Clip(a)
    c = Pad(b, zeros)
    d = Slice(c, from, to, axes)
    e = Expand(d, shape)
    f = Tile(e, ones)
    y = Sigmoid(f)
}
expect { a = Relu(x)  y = Sigmoid(a) }
expect same-result

# A Slice that turns an axis around stays, and so does one that cuts
run clean-up
g (float[4] x) => (float y, float z)
<int64[1] last = {-1}, int64[1] first = {-9223372036854775807}, int64[1] axis = {0},
 int64[1] back = {-1}, int64[1] one = {1}, int64[1] far = {4}>
{
    y = Slice(x, last, first, axis, back)
    z = Slice(x, one, far, axis)
}
expect unchanged

# A Slice to the end of a dim that is not known
run clean-up
g (float[N,2] x) => (float y, float z)
<int64[1] from = {0}, int64[1] to = {9223372036854775807}, int64[1] axis = {0}, int64[1] cut = {5}>
{
    a = Slice(x, from, to, axis)
    y = Relu(a)
    z = Slice(x, from, cut, axis)
}
expect { y = Relu(x)  z = Slice(x, from, cut, axis) }

# Adding 0 and multiplying by 1 go where the shape stays
run clean-up
g (float[2,3] x) => (float y, float[1,2,3] z, float w)
<float zero = 0, float[3] ones = fill(1), float[1,1,1] high = fill(1),
 float[2,3] some = {0,0,0,0,0,1}>
{
    a = Add(x, zero)
    b = Mul(ones, a)
    c = Sub(b, zero)
    d = Div(c, ones)
    e = Pow(d, ones)
    y = Relu(e)
    z = Mul(x, high)
    w = Add(x, some)
}
expect { y = Relu(x)  z = Mul(x, high)  w = Add(x, some) }
expect same-result

# 0 - x and 1 / x are no idle nodes
run clean-up
g (float[2,3] x) => (float y, float z) <float zero = 0, float one = 1>
{ y = Sub(zero, x)  z = Div(one, x) }
expect unchanged

# Reshape to the shape that is there, a dim of it not known
run clean-up
g (float[N,6] x) => (float y, float z)
<int64[2] same = {-1, 6}, int64[2] other = {6, -1}>
{
    a = Reshape(x, same)
    y = Relu(a)
    z = Reshape(x, other)
}
expect { y = Relu(x)  z = Reshape(x, other) }
expect same-result

# Views that end where they began
run clean-up
g (float[2,3,1] x) => (float y, float z)
<int64[1] axis = {2}, int64[2] flat = {2, 3}>
{
    a = Squeeze(x, axis)
    b = Unsqueeze(a, axis)
    y = Relu(b)
    c = Flatten(x)
    d = Reshape(c, flat)
    z = Relu(d)
}
expect { y = Relu(x)  c = Flatten(x)  z = Relu(c) }
expect same-result

# A Reshape skips the view in front of it; a dim that it copies is written out
run clean-up
g (float[2,3,4] x) => (float y, float z)
<int64[1] all = {-1}, int64[2] copy = {0, 3}, int64[3] c = {4, 2, 3}>
{
    a = Flatten <axis = 2> (x)
    y = Reshape(a, all)
    b = Reshape(x, c)
    d = Flatten <axis = 2> (b)
    e = Reshape(d, copy)
    z = Relu(e)
}
expect { y = Reshape(x, all)  d = Reshape(x, s)  z = Relu(d) }
expect same-result

# Views in a row become a Reshape where one of them is, but not Squeezes, and not with two dims unknown
run clean-up
g (float[N,2,3,4] x, float[N,M,6] z) => (float y, float t, float u, float v)
<int64[2] copy = {0, 24}, int64[1] last = {2}, int64[1] first = {0}, int64[3] split = {0, 6, 4},
 int64[1] two = {1}, int64[4] part = {0, 0, 2, 3}>
{
    a = Reshape(x, split)
    y = Reshape(a, copy)
    b = Flatten <axis = 2> (x)
    t = Unsqueeze(b, last)
    c = Unsqueeze(x, first)
    u = Unsqueeze(c, two)
    d = Reshape(z, part)
    v = Unsqueeze(d, last)
}
expect same-result
expect
{
    y = Reshape(x, s1)
    t = Reshape(x, s2)
    c = Unsqueeze(x, first)
    u = Unsqueeze(c, two)
    d = Reshape(z, part)
    v = Unsqueeze(d, last)
}

# A Cast skips another that loses nothing
run clean-up
g (float16[2] x, float[2] z, uint8[2] c) => (float y, float16 t, float u, int32 v, int64 w)
{
    a = Cast <to = 1> (x)
    y = Cast <to = 11> (a)
    b = Cast <to = 1> (x)
    t = Cast <to = 10> (b)
    d = Cast <to = 10> (z)
    u = Cast <to = 1> (d)
    e = Cast <to = 3> (c)
    v = Cast <to = 6> (e)
    f = Cast <to = 6> (c)
    w = Cast <to = 7> (f)
}
expect g (float16[2] x, float[2] z, uint8[2] c)
    => (float y, float16 t = x, float u, int32 v, int64 w)
{
    y = Cast <to = 11> (x)
    d = Cast <to = 10> (z)
    u = Cast <to = 1> (d)
    e = Cast <to = 3> (c)
    v = Cast <to = 6> (e)
    w = Cast <to = 7> (c)
}

# Transposes in a row become one, and none where they cancel
run clean-up
g (float[2,3,4] x) => (float y, float z, float w)
{
    a = Transpose <perm = [1,2,0]> (x)
    y = Transpose <perm = [0,2,1]> (a)
    b = Transpose <perm = [2,0,1]> (a)
    z = Relu(b)
    c = Transpose(x)
    d = Transpose(c)
    w = Transpose <perm = [0,1,2]> (d)
}
expect g (float[2,3,4] x) => (float y, float z, float w = x)
{ y = Transpose <perm = [1,0,2]> (x)  z = Relu(x) }
expect same-result

# Nodes that nobody uses go, and what only they used
run clean-up
g (float[2] x) => (float y) <float[2] w = {1, 2}>
{ a = Mul(x, w)  b = Exp(a)  y = Relu(x) }
expect { y = Relu(x) }
expect same-result

# Bodies are cleaned as well
run clean-up
g (bool p, float[2] x) => (float y)
{
    y = If(p) <then_branch = t () => (float a) { i = Identity(x)  a = Relu(i) },
               else_branch = e () => (float b) { b = Exp(x) }>
}
expect
{
    y = If(p) <then_branch = t () => (float a) { a = Relu(x) },
               else_branch = e () => (float b) { b = Exp(x) }>
}
