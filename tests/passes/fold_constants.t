# SPDX-License-Identifier: Apache-2.0

# Constant nodes become initializers
run fold-constants
g (float[2] x) => (float y)
{
    a = Constant <value = float[2] {1, 2}> ()
    b = Constant <value_float = 3.0> ()
    c = Constant <value_ints = [2, 1]> ()
    d = Mul(x, a)
    e = Add(d, b)
    y = Reshape(e, c)
}
expect <float[2] a = {1, 2}, float b = 3, int64[2] c = {2, 1}>
{ d = Mul(x, a)  e = Add(d, b)  y = Reshape(e, c) }

# A node of constants is computed, and what follows from it
run fold-constants
g (float[2,2] x) => (float y) <float[2,2] w = {1, 2, 3, 4}, float[2] s = {10, 100}>
{
    t = Transpose(w)
    i = Identity(t)
    u = Mul(i, s)
    y = MatMul(x, u)
}
expect <float[2,2] u = {10, 300, 20, 400}> { y = MatMul(x, u) }
expect same-result

# The Shape and the Size of what is known
run fold-constants
g (float[2,3] x) => (int64 s, int64 n, float y)
{
    s = Shape(x)
    n = Size(x)
    y = Relu(x)
}
expect <int64[2] s = {2, 3}, int64 n = 6> { y = Relu(x) }

# A known dim of a shape that is known in part
run fold-constants
g (float[N,3,4] x) => (float y)
<int64 one = 1, int64[1] zero = {0}, int64[1] minus = {-1}, int64[1] two = {2}, int64[1] far = {9}>
{
    s = Shape(x)
    c = Gather(s, one)
    u = Unsqueeze(c, zero)
    v = Slice(s, two, far)
    n = Gather(s, zero)
    to = Concat <axis = 0> (n, u, v)
    y = Reshape(x, to)
}
expect <int64[1] u = {3}, int64[1] v = {4}>
{
    s = Shape(x)
    n = Gather(s, zero)
    to = Concat <axis = 0> (n, u, v)
    y = Reshape(x, to)
}
expect same-result

# Random operators, the weights of a quantized model, and nodes with bodies stay
run fold-constants
g (float[2,2] x, bool p) => (float y, float r)
<int8[2,2] q = {1, 2, 3, 4}, float s = 0.5>
{
    r = RandomNormal <shape = [2,2]> ()
    w = DequantizeLinear(q, s)
    a = MatMul(x, w)
    y = If(p) <then_branch = t () => (float b) { b = Relu(a) },
               else_branch = e () => (float c) { c = Exp(a) }>
}
expect unchanged

# The bodies themselves are folded
run fold-constants
g (bool p, float[2] x) => (float y)
{
    k = Constant <value_float = 3.0> ()
    y = If(p) <then_branch = t () => (float a) { h = Exp(k)  a = Mul(x, h) },
               else_branch = e () => (float b)
               { o = Constant <value_float = 1.0> ()  b = Add(x, o) }>
}
expect
{
    y = If(p) <then_branch = t () => (float a) { a = Mul(x, h) },
               else_branch = e () => (float b) { b = Add(x, o) }>
}

# What would blow the file up is left alone, and said
run fold-constants
g (float[1] x) => (float y) <int64[1] many = {5000000}>
{ z = ConstantOfShape(many)  y = Add(x, z) }
expect unchanged
expect note "not folded, its result would take 20 MB"

# Quantized weights of a fake-quantized model are computed, their DequantizeLinear stays
run fold-constants
g (float[1,2] x) => (float y) <float[2,2] w = {1, -1, 0.5, 0}, float s = 0.5, int8 z = 0>
{
    q = QuantizeLinear(w, s, z)
    d = DequantizeLinear(q, s, z)
    y = MatMul(x, d)
}
expect <int8[2,2] q = {2, -2, 1, 0}> { d = DequantizeLinear(q, s, z)  y = MatMul(x, d) }
expect same-result

# Slices of weights of rank 4
run fold-constants
g (float[1,2,3,3] x) => (float y)
<float[2,2,2,2] w = random(1), int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}>
{
    s = Slice(w, zero, one, one)
    t = Slice(w, one, two, one)
    u = Concat <axis = 1> (t, s)
    y = Conv(x, u)
}
expect { y = Conv(x, u) }
expect same-result

# The norm of weights, of an operator that works channels-last
run fold-constants
g (float[1,2,3,3] x) => (float y) <float[3,2,2,2] w = random(1)>
{
    n = ReduceL2 <axes = [1,2,3]> (w)
    v = Div(w, n)
    y = Conv(x, v)
}
expect { y = Conv(x, v) }
expect same-result

# An If whose condition is known becomes the branch that it takes, in a body as well
run fold-constants
g (bool q, float[N,4] x) => (float y, float z)
<int64 one = 1, int64 four = 4>
{
    s = Shape(x)
    c = Gather(s, one)
    p = Equal(c, four)
    h = If(p) <then_branch = t () => (float a) <float k = 2> { a = Mul(x, k) },
               else_branch = e () => (float b) { b = Exp(x) }>
    u = Shape(h)
    d = Gather(u, one)
    n = Cast <to = 1> (d)
    y = Add(h, n)
    z = If(q) <then_branch = t2 () => (float f) { f = If(p) <
                   then_branch = t3 () => (float a) { a = Relu(x) },
                   else_branch = e3 () => (float b) { b = Exp(x) }> },
               else_branch = e2 () => (float r) { a = Sin(x)  r = Cos(a) }>
}
expect <float k = 2, float n = 4>
{
    h = Mul(x, k)
    y = Add(h, n)
    z = If(q) <then_branch = t2 () => (float f = a) { a = Relu(x) },
               else_branch = e2 () => (float r) { a = Sin(x)  r = Cos(a) }>
}

# A branch that only hands on, and one that is the output
run fold-constants
g (float[2] x) => (float y, float z) <bool[1] yes = {1}>
{
    y = If(yes) <then_branch = t () => (float w = x) { },
                 else_branch = e () => (float b) { b = Exp(x) }>
    z = If(yes) <then_branch = t2 () => (float c) { c = Relu(x) },
                 else_branch = e2 () => (float d = x) { }>
}
expect g (float[2] x) => (float y = x, float z = c) { c = Relu(x) }

# A state that the body of a Loop hands on as it is becomes captured, and what follows from it
run fold-constants
g (int64 n, float[2] x) => (float y, float z) <float[2] w = {1, 2}, bool yes = 1>
{
    y, u = Loop(n, yes, x, w) <body = b (int64 i, bool c, float[2] s, float[2] v)
        => (bool d, float t, float[2] v) { d = Identity(c)  k = Neg(v)  t = Mul(s, k) }>
    z = Exp(u)
}
expect <float[2] z = {2.7182817, 7.3890562}>
{
    y = Loop(n, yes, x) <body = b (int64 i, bool c, float[2] s)
        => (bool d, float t) <float[2] k = {-1, -2}> { d = Identity(c)  t = Mul(s, k) }>
}

# A state that changes stays, and the last output of a Loop
run fold-constants
g (int64 n, float[2] x) => (float y, float z, float w) <bool yes = 1>
{
    y, z = Loop(n, yes, x, x) <body = b (int64 i, bool c, float[2] s, float[2] v)
        => (bool d, float v, float s) { d = Identity(c) }>
    w = Loop(n, yes, x) <body = b2 (int64 i2, bool c2, float[2] s2)
        => (bool d2, float s2) { d2 = Identity(c2) }>
}
expect unchanged
