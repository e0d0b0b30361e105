# SPDX-License-Identifier: Apache-2.0

# A call becomes the function's nodes; attributes come from the call, or are the default, or absent
run inline-functions
opset 14
function local.F <a = 0.5> (x, w) => (y) {
    t = Elu(x) <alpha = @a>
    u = Celu(t) <alpha = @b>
    y = Mul(u, w)
}
g (float[2] x) => (float y, float z) <float[2] w = {1, 2}>
{
    y = local.F(x, w)
    z = local.F <a = 2.0, b = 3.0> (x, y)
}
expect
{
    t = Elu(x) <alpha = 0.5>
    u = Celu(t)
    y = Mul(u, w)
    t2 = Elu(x) <alpha = 2.0>
    u2 = Celu(t2) <alpha = 3.0>
    z = Mul(u2, y)
}

# An input that is left out is left out inside
run inline-functions
opset 14
function local.F (x, lo, hi) => (y) { y = Clip(x, lo, hi) }
g (float[2] x) => (float y, float z) <float lo = 0, float hi = 1>
{
    y = local.F(x, , hi)
    z = local.F(x, lo)
}
expect { y = Clip(x, , hi)  z = Clip(x, lo) }

# Functions in functions, and a name that ONNX has too
run inline-functions
opset 14
function Relu (x) => (y) { y = LeakyRelu(x) }
function local.G <s = 2.0> (x) => (y, z) { y = Relu(x)  z = Elu(y) <alpha = @s> }
function local.F (x) => (a, b) { a, t = local.G(x) <s = @k>  b = Neg(t) }
g (float[2] x) => (float y, float b)
{
    c, b = local.F <k = 4.0> (x)
    y = Relu(c)
}
expect { c = LeakyRelu(x)  t = Elu(c) <alpha = 4.0>  b = Neg(t)  y = LeakyRelu(c) }

# Bodies inside of functions, calls inside of bodies
run inline-functions
opset 14
function local.G (x) => (y) { y = Neg(x) }
function local.F (p, x) => (y) {
    t = Exp(x)
    y = If(p) <then_branch = a () => (float u) { u = local.G(t) },
               else_branch = b () => (float v) <float k = 2> { v = Mul(x, k) }>
}
g (bool p, float[2] x) => (float y)
{
    y = If(p) <then_branch = c () => (float s) { s = local.F(p, x) },
               else_branch = d () => (float r) { r = Abs(x) }>
}
expect
{
    y = If(p) <then_branch = c () => (float s) {
                   t = Exp(x)
                   s = If(p) <then_branch = a () => (float u_1) { u_1 = Neg(t) },
                              else_branch = b () => (float v_1) <float k = 2>
                                  { v_1 = Mul(x, k) }> },
               else_branch = d () => (float r) { r = Abs(x) }>
}

# An output that is an input, and one that is given twice
run inline-functions
opset 14
function local.H (x) => (a = x, b = t, c = t) { t = Neg(x) }
g (float[2] x) => (float y, float z)
{
    a, b, c = local.H(x)
    y = Add(a, b)
    z = Sub(b, c)
}
expect { b = Neg(x)  y = Add(x, b)  z = Sub(b, b) }

# A function that calls itself
run inline-functions
opset 14
function local.F (x) => (y) { t = Neg(x)  [again] y = local.F(t) }
g (float[2] x) => (float y) { [call] y = local.F(x) }
expect error "node 'call' (local.F): node 'again' (local.F): the function 'F' calls itself"

# More inputs than the function has
run inline-functions
opset 14
function local.F (x) => (y) { y = Neg(x) }
g (float[2] x) => (float y) { [call] y = local.F(x, x) }
expect error "node 'call' (local.F): it has 2 inputs, the function 1"

# A function of an older operator set is raised to the model's
run inline-functions raise-opset
opset 13
function local.F opset 11 (x) => (y) { y = Unsqueeze(x) <axes = [0]> }
g (float[2,2] x) => (float y) <int64[1] first = {0}>
{
    t = local.F(x)
    y = Squeeze(t, first)
}
expect <int64[1] zero = {0}> { t = Unsqueeze(x, zero)  y = Squeeze(t, first) }
expect opset 13

# And the model to that of a newer one
run inline-functions raise-opset
opset 12
function local.F opset 18 (x, axes) => (y) { y = ReduceMax(x, axes) }
g (float[2,2] x) => (float y) <int64[1] one = {1}>
{
    t = Unsqueeze(x) <axes = [0]>
    y = local.F(t, one)
}
expect <int64[1] zero = {0}> { t = Unsqueeze(x, zero)  y = ReduceMax(t, one) }
expect opset 18

# A graph that the call gives: a copy for each reference, and what it captures is the caller's
run inline-functions
opset 14
function local.G (p) => (y) { y = If(p) <then_branch = @yes, else_branch = @no> }
function local.F (q, k) => (y) {
    n = Not(q)
    a = local.G(n) <yes = @body, no = alt () => (float w) { w = Neg(k) }>
    b = If(q) <then_branch = @body, else_branch = @body>
    y = Mul(a, b)
}
g (bool p, float[2] x) => (float y)
{
    k = Exp(x)
    y = local.F(p, x) <body = b () => (float u) <float c = 2> { t = Mul(k, c)  u = Sin(t) }>
}
expect
{
    k = Exp(x)
    n = Not(p)
    a = If(n) <then_branch = b () => (float u_1_1) <float c_1_1 = 2>
                   { t_1_1 = Mul(k, c_1_1)  u_1_1 = Sin(t_1_1) },
               else_branch = alt () => (float w_1_1) { w_1_1 = Neg(x) }>
    b = If(p) <then_branch = b () => (float u_2) <float c_2 = 2>
                   { t_2 = Mul(k, c_2)  u_2 = Sin(t_2) },
               else_branch = b () => (float u_3) <float c_3 = 2>
                   { t_3 = Mul(k, c_3)  u_3 = Sin(t_3) }>
    y = Mul(a, b)
}

# A call in a graph that a call gives, of a function of another operator set
run inline-functions raise-opset
opset 13
function local.H opset 11 (x) => (y) { y = Unsqueeze(x) <axes = [0]> }
function local.F (q) => (y) { y = If(q) <then_branch = @body, else_branch = @body> }
g (bool p, float[2] x) => (float y)
{
    y = local.F(p) <body = b () => (float u) { u = local.H(x) }>
}
expect
{
    y = If(p) <then_branch = b () => (float u_1) <int64[1] zero_1 = {0}> { u_1 = Unsqueeze(x, zero_1) },
               else_branch = b () => (float u_2) <int64[1] zero_2 = {0}> { u_2 = Unsqueeze(x, zero_2) }>
}
