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

# Attention with graphs amid its scores, whose heads are known not to share
run inline-functions
opset 26 domain ai.onnx.preview 1
g (float[1,2,3,4] q, float[1,2,5,4] k, float[1,2,5,6] v, float[3,5] bias) => (float[...] y)
{
    b = Exp(bias)
    y = ai.onnx.preview.FlexAttention(q, k, v) <scale = 4.0,
        score_mod = s (float[...] t) => (float[...] u) { u = Add(t, b) },
        prob_mod = p (float[...] t) => (float[...] u) <float c = 0.5> { u = Mul(t, c) }>
}
expect <float c_1 = 0.5, float y_scale = 2>
{
    b = Exp(bias)
    qs = Mul(q, y_scale)
    ks = Mul(k, y_scale)
    kt = Transpose(ks) <perm = [0, 1, 3, 2]>
    scores = MatMul(qs, kt)
    u = Add(scores, b)
    probs = Softmax(u) <axis = -1>
    w = Mul(probs, c_1)
    y = MatMul(w, v)
}

# Which may share
run inline-functions
opset 26 domain ai.onnx.preview 1
g (float16[b,4,3,2] q, float16[b,2,5,2] k, float16[b,2,5,6] v) => (float16[...] y)
{
    y = ai.onnx.preview.FlexAttention(q, k, v) <scale = 1.0, softmax_precision = 10,
        prob_mod = p (float16[...] t) => (float16[...] u) { u = Neg(t) }>
}
expect <float y_scale = 1, int64[1] y_axis = {2}, int64[1] y_axis_1 = {2}>
{
    root = Cast(y_scale) <to = 10>
    qs = Mul(q, root)
    ks = Mul(k, root)
    batch = Shape(qs) <start = 0, end = 1>
    kv = Shape(k) <start = 1, end = 2>
    n = Shape(q) <start = 1, end = 2>
    group = Div(n, kv)
    rest = Shape(qs) <start = 2, end = 4>
    split = Concat(batch, kv, group, rest) <axis = 0>
    q5 = Reshape(qs, split)
    k5 = Unsqueeze(ks, y_axis)
    kt = Transpose(k5) <perm = [0, 1, 2, 4, 3]>
    s5 = MatMul(q5, kt)
    heads = Shape(q) <start = 0, end = 2>
    tail = Shape(s5) <start = 3, end = 5>
    whole = Concat(heads, tail) <axis = 0>
    scores = Reshape(s5, whole)
    probs = Softmax(scores) <axis = -1>
    u = Neg(probs)
    batch2 = Shape(u) <start = 0, end = 1>
    kv2 = Shape(k) <start = 1, end = 2>
    n2 = Shape(q) <start = 1, end = 2>
    group2 = Div(n2, kv2)
    rest2 = Shape(u) <start = 2, end = 4>
    split2 = Concat(batch2, kv2, group2, rest2) <axis = 0>
    p5 = Reshape(u, split2)
    v5 = Unsqueeze(v, y_axis_1)
    y5 = MatMul(p5, v5)
    heads2 = Shape(q) <start = 0, end = 2>
    tail2 = Shape(y5) <start = 3, end = 5>
    whole2 = Concat(heads2, tail2) <axis = 0>
    y = Reshape(y5, whole2)
}

# A graph that does not fit
run inline-functions
opset 26 domain ai.onnx.preview 1
g (float[1,2,3,4] q, float[1,2,5,4] k, float[1,2,5,6] v) => (float[...] y)
{
    [a] y = ai.onnx.preview.FlexAttention(q, k, v) <
        score_mod = s (float[...] t, float[...] w) => (float[...] u) { u = Add(t, w) }>
}
expect error "node 'a' (ai.onnx.preview.FlexAttention): attribute score_mod must be a graph of one input"
