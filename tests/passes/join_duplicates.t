# SPDX-License-Identifier: Apache-2.0

# a whole chain that is there twice is computed once
run join-duplicates
g (float[1,2,4,4] x) => (float y) <float[3,2,1,1] w = random(1), float[3,2,1,1] v = random(1)>
{
    a = Relu(x)
    b = Conv <strides = [2,2]> (a, w)
    c = Relu(x)
    d = Conv <strides = [2,2]> (c, v)
    y = Add(b, d)
}
expect same-result
expect { a = Relu(x)  b = Conv <strides = [2,2]> (a, w)  y = Add(b, b) }

# also where its results are outputs
run join-duplicates
g (float[2] x) => (float y, float z) { y = Relu(x)  z = Relu(x) }
expect same-result
expect g (float[2] x) => (float y, float z = y) { y = Relu(x) }

# operands that may be exchanged count as the same in any order
run join-duplicates
g (float[2] x, float[2] t) => (float y, float z)
{
    a = Add(x, t)
    b = Add(t, x)
    y = Mul(a, b)
    c = Sub(x, t)
    d = Sub(t, x)
    z = Mul(c, d)
}
expect same-result
expect { a = Add(x, t)  y = Mul(a, a)  c = Sub(x, t)  d = Sub(t, x)  z = Mul(c, d) }

# attributes have to be the same, in any order
run join-duplicates
g (float[1,2,4,4] x) => (float y, float z, float t)
{
    a = MaxPool <kernel_shape = [2,2], strides = [2,2]> (x)
    b = MaxPool <strides = [2,2], kernel_shape = [2,2]> (x)
    y = Add(a, b)
    z = MaxPool <strides = [2,1], kernel_shape = [2,2]> (x)
    t = MaxPool <strides = [2,2], kernel_shape = [2,2], ceil_mode = 1> (x)
}
expect same-result
expect
{
    a = MaxPool <kernel_shape = [2,2], strides = [2,2]> (x)
    y = Add(a, a)
    z = MaxPool <strides = [2,1], kernel_shape = [2,2]> (x)
    t = MaxPool <strides = [2,2], kernel_shape = [2,2], ceil_mode = 1> (x)
}

# constants that differ in one number, or in their type, are others
run join-duplicates
g (float[2,3] x) => (float y, float z)
<float[3] a = {1, 2, 3}, float[3] b = {1, 4, 3}, float[1,3] c = {1, 2, 3}, float[3] d = {1, 2, 3}>
{
    e = Mul(a, x)
    f = Mul(b, x)
    y = Add(e, f)
    g = Mul(c, x)
    h = Mul(d, x)
    z = Add(g, h)
}
expect same-result
expect { e = Mul(a, x)  f = Mul(b, x)  y = Add(e, f)  g = Mul(c, x)  z = Add(g, e) }

# random numbers, and what somebody quantized, stay
run join-duplicates
g (float[2] x) => (float y, float z) <float s = 0.5, uint8 o = 3>
{
    a = RandomNormalLike(x)
    b = RandomNormalLike(x)
    y = Sub(a, b)
    c = QuantizeLinear(x, s, o)
    d = DequantizeLinear(c, s, o)
    e = DequantizeLinear(c, s, o)
    z = Add(d, e)
}
expect unchanged

# a second result that the first node does not have
run join-duplicates
g (float[1,1,4,4] x) => (float y, int64 z)
{
    a = MaxPool <kernel_shape = [2,2]> (x)
    y = Relu(a)
    b, z = MaxPool <kernel_shape = [2,2]> (x)
}
expect unchanged

# nodes of a body are compared with each other only
run join-duplicates
g (bool p, float[2] x) => (float y, float z)
{
    z = Relu(x)
    y = If(p) <then_branch = t () => (float o) { a = Relu(x)  b = Relu(x)  o = Mul(a, b) },
               else_branch = e () => (float o) { o = Relu(x) }>
}
expect
{
    z = Relu(x)
    y = If(p) <then_branch = t () => (float o) { a = Relu(x)  o = Mul(a, a) },
               else_branch = e () => (float o) { o = Relu(x) }>
}
