# SPDX-License-Identifier: Apache-2.0

# the end of a stage: a sum of a convolution and what others read too, and two readers with strides
run move-strides
g (float[1,4,7,8] x) => (float y, float z)
<float[4,4,3,3] k = random(1), float[4] b = random(2), float[2,4,1,1] v = random(3),
 float[3,4,1,1] w = random(4)>
{
    s = Relu(x)
    c = Conv <pads = [1, 1, 1, 1]> (s, k, b)
    a = Add(c, s)
    r = Relu(a)
    y = Conv <strides = [2, 2]> (r, v)
    z = Conv <strides = [2, 2], auto_pad = "SAME_UPPER"> (r, w)
}
expect same-result
expect
{
    s = Relu(x)
    c = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (s, k, b)
    p = MaxPool <kernel_shape = [1, 1], strides = [2, 2]> (s)
    a = Add(c, p)
    r = Relu(a)
    y = Conv <strides = [1, 1]> (r, v)
    z = Conv <strides = [1, 1], auto_pad = "SAME_UPPER"> (r, w)
}

# one after another, strides that differ by axis, a gate, a batch that is not known
run move-strides
g (float[N,2,9,9] x, float[N,4,1,1] gate) => (float y)
<float[4,2,3,3] k = random(1), float[2,4,1,1] v = random(3), float[4,1,1] by = random(2)>
{
    c = Conv <strides = [2, 1]> (x, k)
    h = HardSwish(c)
    m = Mul(h, gate)
    n = Sub(m, by)
    y = Conv <strides = [1, 2]> (n, v)
}
expect
{
    c = Conv <strides = [2, 2]> (x, k)
    h = HardSwish(c)
    m = Mul(h, gate)
    n = Sub(m, by)
    y = Conv <strides = [1, 1]> (n, v)
}

# sound, and two convolutions that are added up
run move-strides
g (float[1,2,16] x) => (float y)
<float[4,2,3] k = random(1), float[4,2,3] l = random(2), float[2,4,1] v = random(3)>
{
    c = Conv(x, k)
    d = Conv(x, l)
    a = Add(c, d)
    y = Conv <strides = [3]> (a, v)
}
expect same-result
expect
{
    c = Conv <strides = [3]> (x, k)
    d = Conv <strides = [3]> (x, l)
    a = Add(c, d)
    y = Conv <strides = [1]> (a, v)
}

# and on, to the first convolution that reads more than one place
run move-strides
g (float[1,2,9,9] x) => (float y)
<float[4,2,3,3] k = random(1), float[4,4,1,1] l = random(2), float[2,4,1,1] v = random(3)>
{
    c = Conv(x, k)
    r = Relu(c)
    d = Conv <strides = [2, 1]> (r, l)
    y = Conv <strides = [2, 2]> (d, v)
}
expect same-result
expect
{
    c = Conv <strides = [4, 2]> (x, k)
    r = Relu(c)
    d = Conv <strides = [1, 1]> (r, l)
    y = Conv <strides = [1, 1]> (d, v)
}

# not to strides that nobody has
run move-strides
g (float[1,1,5,5] x) => (float y)
<float[1,1,1,1] k = random(1)>
{
    c = Conv <strides = [64, 1]> (x, k)
    y = Conv <strides = [64, 1]> (c, k)
}
expect unchanged

# OpenVINO would move strides across the quantizer that is to come: they stand in front of it
run move-strides
target openvino
g (float[1,2,8,8] x) => (float y, float z)
<float[2,2,1,1] v = random(2)>
{
    r = AveragePool <kernel_shape = [2, 2]> (x)
    y = Conv <strides = [2, 2]> (r, v)
    z = Conv <strides = [2, 2]> (r, v)
}
expect same-result
expect
{
    r = AveragePool <kernel_shape = [2, 2]> (x)
    p = MaxPool <kernel_shape = [1, 1], strides = [2, 2]> (r)
    y = Conv <strides = [1, 1]> (p, v)
    z = Conv <strides = [1, 1]> (p, v)
}

# another reader, other strides, a larger filter, padding, an output of the graph
run move-strides
g (float[1,2,8,8] x) => (float y, float z, float t, float u, float p, float q, float o)
<float[2,2,3,3] k = random(1), float[2,2,1,1] v = random(2)>
{
    c1 = Conv(x, k)
    y = Conv <strides = [2, 2]> (c1, v)
    z = Relu(c1)
    c2 = Conv(x, k)
    t = Conv <strides = [2, 2]> (c2, v)
    u = Conv <strides = [2, 1]> (c2, v)
    c3 = Conv(x, k)
    p = Conv <strides = [2, 2]> (c3, k)
    c4 = Conv(x, k)
    q = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (c4, v)
    o = Conv(x, k)
    o1 = Conv <strides = [2, 2]> (o, v)
}
expect unchanged

# no convolution computes less, padding hangs on strides, extents are not known or spread
run move-strides
g (float[1,2,8,8] x, float[1,2,H,W] s) => (float y, float z, float t, float u)
<float[2,2,3,3] k = random(1), float[2,2,1,1] v = random(2), float[8,1] column = random(3)>
{
    r = Relu(x)
    y = Conv <strides = [2, 2]> (r, v)
    c = Conv <auto_pad = "SAME_LOWER"> (x, k)
    z = Conv <strides = [2, 2]> (c, v)
    d = Conv <pads = [1, 1, 1, 1]> (x, k)
    a = Add(d, s)
    t = Conv <strides = [2, 2]> (a, v)
    e = Conv <pads = [1, 1, 1, 1]> (x, k)
    b = Mul(e, column)
    u = Conv <strides = [2, 2]> (b, v)
}
expect unchanged

# OpenVINO: a reader by strides takes its places itself where nobody else reads codes
run move-strides
target openvino
g (float[1,2,8,8] x, float[1,2,8,8] b) => (float y, float z)
<float[2,2,1,1] w = random(1), float[2,2,1,1] v = random(2)>
{
    a = Add(x, b) y = Conv <strides = [2, 2]> (a, v) r = Relu(a) z = Conv(r, w)
}
expect same-result
expect
{
    a = Add(x, b) p = MaxPool <kernel_shape = [1, 1], strides = [2, 2]> (a)
    y = Conv <strides = [1, 1]> (p, v) r = Relu(a) z = Conv(r, w)
}

# not beside a layer, or what moves codes
run move-strides
target openvino
g (float[1,2,8,8] x, float[1,2,8,8] b) => (float y, float z, float s, float t)
<float[2,2,1,1] w = random(1), float[2,2,1,1] v = random(2)>
{
    a = Add(x, b) y = Conv <strides = [2, 2]> (a, v) z = Conv(a, w)
    c = Sub(x, b) s = Conv <strides = [2, 2]> (c, v) t = MaxPool <kernel_shape = [2, 2]> (c)
}
expect unchanged
