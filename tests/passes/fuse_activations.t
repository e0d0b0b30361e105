# SPDX-License-Identifier: Apache-2.0

# a hard sigmoid in its spellings
run fuse-activations
opset 13
g (float[2,3] x) => (float a, float b, float c, float d)
<float zero = 0, float one = 1, float three = 3, float six = 6, float sixth = 0.16666667,
 float half = 0.5>
{
    a1 = Add(x, three)
    a2 = Clip(a1, zero, six)
    a = Div(a2, six)
    b1 = Mul(x, sixth)
    b2 = Add(half, b1)
    b = Clip(b2, zero, one)
    c1 = Add(three, x)
    c2 = Relu(c1)
    c3 = Min(c2, six)
    c = Mul(sixth, c3)
    d1 = Div(x, six)
    d2 = Sub(d1, half)
    d3 = Min(d2, one)
    d = Max(d3, zero)
}
expect same-result
expect
{
    a = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x)
    b = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x)
    c = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x)
    d = HardSigmoid <alpha = 0.16666667, beta = -0.5> (x)
}

# other limits, a Clip without a shift, a second reader
run fuse-activations
opset 13
g (float[2,3] x) => (float a, float b, float c, float d)
<float zero = 0, float one = 1, float three = 3, float six = 6, float five = 5>
{
    a1 = Add(x, three)
    a2 = Clip(a1, zero, six)
    a = Div(a2, five)
    b1 = Clip(x, zero, six)
    b = Div(b1, six)
    c1 = Add(x, three)
    c2 = Clip(c1, zero, six)
    c = Div(c2, six)
    d = Neg(c2)
}
expect unchanged

# before opset 14 HardSwish keeps its product
run fuse-activations
opset 11
g (float[2,3] x) => (float a, float b, float c)
<float three = 3, float zero = 0, float six = 6, float sixth = 0.16666667>
{
    a1 = Add(x, three)
    a2 = Clip(a1, zero, six)
    a3 = Mul(x, a2)
    a = Div(a3, six)
    b1 = Add(x, three)
    b2 = Clip(b1, zero, six)
    b3 = Div(b2, six)
    b = Mul(b3, x)
    c1 = Add(x, three)
    c2 = Clip(c1, zero, six)
    c3 = Mul(x, sixth)
    c = Mul(c2, c3)
}
expect same-result
expect
{
    a1 = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x)
    a = Mul(x, a1)
    b1 = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x)
    b = Mul(b1, x)
    c1 = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x)
    c = Mul(x, c1)
}

# and is one operator since
run fuse-activations
opset 14
g (float[2,3] x) => (float a, float b, float c)
<float three = 3, float zero = 0, float six = 6>
{
    a1 = Add(x, three)
    a2 = Clip(a1, zero, six)
    a3 = Mul(x, a2)
    a = Div(a3, six)
    b1 = Add(x, three)
    b2 = Clip(b1, zero, six)
    b3 = Div(b2, six)
    b = Mul(b3, x)
    c1 = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x)
    c = Mul(c1, x)
}
expect same-result
expect { a = HardSwish(x)  b = HardSwish(x)  c = HardSwish(x) }

# the same with another slope, or of another value
run fuse-activations
opset 14
g (float[2,3] x, float[2,1] z) => (float a, float b)
<float three = 3, float zero = 0, float six = 6>
{
    a1 = HardSigmoid(x)
    a = Mul(a1, x)
    b1 = Add(z, three)
    b2 = Clip(b1, zero, six)
    b3 = Mul(x, b2)
    b = Div(b3, six)
}
expect same-result
expect
{
    a1 = HardSigmoid(x)
    a = Mul(a1, x)
    b1 = HardSigmoid <alpha = 0.16666667, beta = 0.5> (z)
    b = Mul(x, b1)
}

# numbers that make the result another shape stay
run fuse-activations
opset 14
g (float[2,3] x) => (float a) <float[1,1,1] three = fill(3), float zero = 0, float six = 6>
{ a1 = Add(x, three)  a2 = Clip(a1, zero, six)  a3 = Div(a2, six)  a = Mul(a3, x) }
expect unchanged

# OpenVINO fuses a HardSwish that is spelled out, but not a HardSigmoid
run fuse-activations
target openvino
opset 13
g (float[2,3] x) => (float a) <float three = 3, float zero = 0, float six = 6>
{ a1 = Add(x, three)  a2 = Clip(a1, zero, six)  a3 = Mul(a2, x)  a = Div(a3, six) }
expect unchanged

# where there is HardSwish it gets that
run fuse-activations
target openvino
opset 14
g (float[2,3] x) => (float a) <float three = 3, float zero = 0, float six = 6>
{ a1 = Add(x, three)  a2 = Clip(a1, zero, six)  a3 = Mul(a2, x)  a = Div(a3, six) }
expect { a = HardSwish(x) }

# Mish
run fuse-activations
opset 18
g (float[2,3] x, float[2,3] z) => (float a, float b)
{ a1 = Softplus(x)  a2 = Tanh(a1)  a = Mul(x, a2)  b1 = Softplus(x)  b2 = Tanh(b1)  b = Mul(z, b2) }
expect same-result
expect { a = Mish(x)  b1 = Softplus(x)  b2 = Tanh(b1)  b = Mul(z, b2) }

# GELU by Erf, the factors in any order
run fuse-activations
opset 20
g (float[2,3] x) => (float a, float b, float c)
<float root = 1.4142135, float one = 1, float half = 0.5, float inverse = 0.70710677>
{
    a1 = Div(x, root)
    a2 = Erf(a1)
    a3 = Add(a2, one)
    a4 = Mul(x, a3)
    a = Mul(a4, half)
    b1 = Mul(inverse, x)
    b2 = Erf(b1)
    b3 = Add(one, b2)
    b4 = Mul(half, x)
    b = Mul(b3, b4)
    c1 = Mul(x, inverse)
    c2 = Erf(c1)
    c3 = Mul(c2, half)
    c4 = Add(c3, half)
    c = Mul(c4, x)
}
expect same-result
expect { a = Gelu(x)  b = Gelu(x)  c = Gelu(x) }

# GELU by Tanh, the cube as Pow or as a product
run fuse-activations
opset 20
g (float[2,3] x) => (float a, float b, float c)
<float three = 3, float two = 2, float cube = 0.044715, float root = 0.7978846, float one = 1,
 float half = 0.5>
{
    a1 = Pow(x, three)
    a2 = Mul(a1, cube)
    a3 = Add(x, a2)
    a4 = Mul(a3, root)
    a5 = Tanh(a4)
    a6 = Add(a5, one)
    a7 = Mul(x, half)
    a = Mul(a7, a6)
    b1 = Mul(x, x)
    b2 = Mul(b1, x)
    b3 = Mul(cube, b2)
    b4 = Add(b3, x)
    b5 = Mul(b4, root)
    b6 = Tanh(b5)
    b7 = Add(b6, one)
    b8 = Mul(x, b7)
    b = Mul(b8, half)
    c1 = Pow(x, two)
    c2 = Mul(c1, cube)
    c3 = Add(c2, one)
    c4 = Mul(root, x)
    c5 = Mul(c4, c3)
    c6 = Tanh(c5)
    c7 = Add(c6, one)
    c8 = Mul(x, c7)
    c = Mul(c8, half)
}
expect same-result
expect
{
    a = Gelu <approximate = "tanh"> (x)
    b = Gelu <approximate = "tanh"> (x)
    c = Gelu <approximate = "tanh"> (x)
}

# other numbers, and opsets that have no Gelu
run fuse-activations
opset 20
g (float[2,3] x) => (float a, float b)
<float root = 1.4142135, float one = 1, float half = 0.5, float two = 2>
{
    a1 = Div(x, root)
    a2 = Erf(a1)
    a3 = Add(a2, two)
    a4 = Mul(x, a3)
    a = Mul(a4, half)
    b1 = Mul(x, root)
    b2 = Erf(b1)
    b3 = Add(b2, one)
    b4 = Mul(x, b3)
    b = Mul(b4, half)
}
expect unchanged

# GELU before opset 20
run fuse-activations
opset 19
g (float[2,3] x) => (float a) <float root = 1.4142135, float one = 1, float half = 0.5>
{ a1 = Div(x, root)  a2 = Erf(a1)  a3 = Add(a2, one)  a4 = Mul(x, a3)  a = Mul(a4, half) }
expect unchanged

# Swish, where no target is chosen
run fuse-activations
opset 24
g (float[2,3] x) => (float a, float b, float c) <float k = 1.702, float one = 1>
{
    a1 = Sigmoid(x)
    a = Mul(a1, x)
    b1 = Mul(x, k)
    b2 = Sigmoid(b1)
    b = Mul(x, b2)
    c1 = Add(x, one)
    c2 = Sigmoid(c1)
    c = Mul(x, c2)
}
expect same-result
expect
{
    a = Swish <alpha = 1.0> (x)
    b = Swish <alpha = 1.702> (x)
    c1 = Add(x, one)
    c2 = Sigmoid(c1)
    c = Mul(x, c2)
}

# ONNX Runtime has a kernel for x * Sigmoid(x) and none for Swish
run fuse-activations
target onnxruntime
opset 24
g (float[2,3] x) => (float a)
{ a1 = Sigmoid(x)  a = Mul(a1, x) }
expect unchanged
