# SPDX-License-Identifier: Apache-2.0

# LayerNormalization as PyTorch spells it
run fuse-norms
opset 17
g (float[2,3,4] x) => (float y)
<float two = 2, float e = 0.00001, float[4] s = random(1), float[4] b = random(2)>
{
    m = ReduceMean <axes = [-1]> (x)
    d = Sub(x, m)
    p = Pow(d, two)
    v = ReduceMean <axes = [-1]> (p)
    a = Add(v, e)
    r = Sqrt(a)
    n = Div(d, r)
    k = Mul(n, s)
    y = Add(k, b)
}
expect same-result
expect { y = LayerNormalization <axis = -1, epsilon = 0.00001> (x, s, b) }

# not before opset 17
run fuse-norms
opset 16
g (float[2,3,4] x) => (float y) <float two = 2, float e = 0.00001, float[4] s = random(1)>
{
    m = ReduceMean <axes = [-1]> (x)
    d = Sub(x, m)
    p = Pow(d, two)
    v = ReduceMean <axes = [-1]> (p)
    a = Add(v, e)
    r = Sqrt(a)
    n = Div(d, r)
    y = Mul(n, s)
}
expect unchanged

# over several axes, which are an input since opset 18, and with other spellings of square and root
run fuse-norms
opset 18
g (float[2,3,4] x) => (float y)
<float one = 1, float e = 0.125, float[3,4] s = random(1), float[3,4] b = random(2),
 int64[2] axes = {2, -2}>
{
    m = ReduceMean(x, axes)
    d = Sub(x, m)
    p = Mul(d, d)
    v = ReduceMean(p, axes)
    a = Add(e, v)
    q = Sqrt(a)
    r = Div(one, q)
    n = Mul(r, d)
    k = Mul(s, n)
    y = Add(b, k)
}
expect same-result
expect { y = LayerNormalization <axis = -2, epsilon = 0.125> (x, s, b) }

# without scale; with a bias only
run fuse-norms
opset 17
g (float[2,3,4] x) => (float y, float z)
<float half = -0.5, float two = 2, float e = 0.125, float[4] b = random(2)>
{
    m = ReduceMean <axes = [2]> (x)
    d = Sub(x, m)
    p = Pow(d, two)
    v = ReduceMean <axes = [2]> (p)
    a = Add(v, e)
    r = Pow(a, half)
    y = Mul(d, r)
    m2 = ReduceMean <axes = [2]> (y)
    d2 = Sub(y, m2)
    p2 = Pow(d2, two)
    v2 = ReduceMean <axes = [2]> (p2)
    a2 = Add(v2, e)
    q2 = Sqrt(a2)
    r2 = Reciprocal(q2)
    k2 = Mul(d2, r2)
    z = Add(k2, b)
}
expect same-result
expect
<float[4] ones = fill(1)>
{
    y = LayerNormalization <axis = -1, epsilon = 0.125> (x, ones)
    z = LayerNormalization <axis = -1, epsilon = 0.125> (y, ones1, b)
}

# a scale for other places stays outside, and so does the bias behind it
run fuse-norms
opset 17
g (float[2,4,4] x) => (float y)
<float two = 2, float e = 0.125, float[4,1] s = random(1), float[4] b = random(2)>
{
    m = ReduceMean <axes = [-1]> (x)
    d = Sub(x, m)
    p = Pow(d, two)
    v = ReduceMean <axes = [-1]> (p)
    a = Add(v, e)
    r = Sqrt(a)
    n = Div(d, r)
    k = Mul(n, s)
    y = Add(k, b)
}
expect same-result
expect
{
    n = LayerNormalization <axis = -1, epsilon = 0.125> (x, ones)
    k = Mul(n, s)
    y = Add(k, b)
}

# other axes, another power, a variance that others read
run fuse-norms
opset 17
g (float[2,3,4] x) => (float y, float z, float t, float u)
<float two = 2, float three = 3, float e = 0.125>
{
    m = ReduceMean <axes = [1]> (x)
    d = Sub(x, m)
    p = Pow(d, two)
    v = ReduceMean <axes = [1]> (p)
    a = Add(v, e)
    r = Sqrt(a)
    y = Div(d, r)
    m2 = ReduceMean <axes = [2]> (x)
    d2 = Sub(x, m2)
    p2 = Pow(d2, three)
    v2 = ReduceMean <axes = [2]> (p2)
    a2 = Add(v2, e)
    r2 = Sqrt(a2)
    z = Div(d2, r2)
    p3 = Pow(d2, two)
    v3 = ReduceMean <axes = [2]> (p3)
    a3 = Add(v3, e)
    r3 = Sqrt(a3)
    t = Div(d2, r3)
    u = Neg(v3)
}
expect unchanged

# RMSNormalization; the difference to another mean is no centre
run fuse-norms
opset 23
g (float[2,3,4] x) => (float y, float z)
<float one = 1, float two = 2, float e = 0.125, float[4] s = random(1), int64[1] last = {-1},
 int64[1] first = {0}>
{
    p = Pow(x, two)
    v = ReduceMean(p, last)
    a = Add(v, e)
    q = Sqrt(a)
    r = Div(one, q)
    n = Mul(x, r)
    y = Mul(s, n)
    m2 = ReduceMean(x, first)
    d2 = Sub(x, m2)
    p2 = Pow(d2, two)
    v2 = ReduceMean(p2, last)
    a2 = Add(v2, e)
    q2 = Sqrt(a2)
    n2 = Div(d2, q2)
    z = Mul(n2, s)
}
expect same-result
expect
{
    y = RMSNormalization <axis = -1, epsilon = 0.125> (x, s)
    m2 = ReduceMean(x, first)
    d2 = Sub(x, m2)
    z = RMSNormalization <axis = -1, epsilon = 0.125> (d2, s)
}

# not before opset 23
run fuse-norms
opset 22
g (float[2,3,4] x) => (float y)
<float two = 2, float e = 0.125, float[4] s = random(1), int64[1] last = {-1}>
{
    p = Pow(x, two)
    v = ReduceMean(p, last)
    a = Add(v, e)
    q = Sqrt(a)
    n = Div(x, q)
    y = Mul(n, s)
}
expect unchanged

# in a body
run fuse-norms
opset 17
g (bool c, float[2,4] x) => (float y) <float two = 2, float e = 0.125, float[4] s = random(1)>
{
    y = If(c) <then_branch = t () => (float o) {
        m = ReduceMean <axes = [-1]> (x)
        d = Sub(x, m)
        p = Pow(d, two)
        v = ReduceMean <axes = [-1]> (p)
        a = Add(v, e)
        r = Sqrt(a)
        n = Div(d, r)
        o = Mul(n, s) },
    else_branch = f () => (float o) { o = Relu(x) }>
}
expect
{
    y = If(c) <then_branch = t () => (float o) {
        o = LayerNormalization <axis = -1, epsilon = 0.125> (x, s) },
    else_branch = f () => (float o) { o = Relu(x) }>
}
