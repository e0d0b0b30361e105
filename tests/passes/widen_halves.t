# SPDX-License-Identifier: Apache-2.0

# inputs and outputs keep their types, weights and all between become float
run widen-halves clean-up
target onnxruntime
g (float16[1,2,4,4] x, float[1,2,4,4] r) => (float16[1,3,4,4] y, float[1,2,4,4] t)
<float16[3,2,1,1] w = fill(0.5), float[4] sizes = {1, 1, 1, 1}>
{
    a = Relu(x)
    f = Cast <to = 1> (a)
    t = Add(f, r)
    h = Cast <to = 10> (t)
    y = Conv(h, w)
}
expect g (float16[1,2,4,4] x, float[1,2,4,4] r) => (float16[1,3,4,4] y, float[1,2,4,4] t)
<float[3,2,1,1] w_float = fill(0.5)>
{
    x_1 = Cast <to = 1> (x)
    a = Relu(x_1)
    t = Add(a, r)
    y_wide = Conv(t, w_float)
    y = Cast <to = 10> (y_wide)
}

# bfloat16; tensors and types in attributes; what is cast to an integer; an input that is given out
run widen-halves
target openvino
g (bfloat16[2] x) => (bfloat16[2] y, int64[2] i, bfloat16[2] z)
<float[2,2] m = fill(1)>
{
    c = Constant <value = bfloat16[1] {2}> ()
    e = EyeLike <dtype = 16> (m)
    k = ReduceSum(e)
    p = Mul(x, c)
    y = Add(p, k)
    z = Identity(x)
    i = Cast <to = 7> (y)
}
expect note "float16 and bfloat16 become float"
expect g (bfloat16[2] x) => (bfloat16[2] y, int64[2] i, bfloat16[2] z)
<float[2,2] m = fill(1)>
{
    x_1 = Cast <to = 1> (x)
    c = Constant <value = float[1] {2}> ()
    e = EyeLike <dtype = 1> (m)
    k = ReduceSum(e)
    p = Mul(x_1, c)
    s = Add(p, k)
    r = Identity(x_1)
    i = Cast <to = 7> (s)
    y = Cast <to = 16> (s)
    z = Cast <to = 16> (r)
}

# a weight that is listed among the inputs
run widen-halves
target onnxruntime
ir 3 opset 8
g (float16[1,2] x, float16[2,2] w) => (float16[1,2] y)
<float16[2,2] w = fill(0.5)>
{ y = MatMul(x, w) }
expect note "float16 and bfloat16 become float"

# in a body, with what it captures
run widen-halves
target onnxruntime
g (float16[2] x, bool b) => (float16[2] y)
<float16[2] w = fill(3)>
{
    y = If (b) <
        then_branch = t () => (float16[2] p) { p = Add(x, w) },
        else_branch = f () => (float16[2] q) { q = Identity(w) }
    >
}
expect g (float16[2] x, bool b) => (float16[2] y)
<float[2] w = fill(3)>
{
    x_1 = Cast <to = 1> (x)
    r = If (b) <
        then_branch = t () => (float[2] p) { p = Add(x_1, w) },
        else_branch = f () => (float[2] q) { q = Identity(w) }
    >
    y = Cast <to = 10> (r)
}

# a target that has kernels for it
run widen-halves
target tensorrt
g (float16[1,2] x) => (float16[1,2] y) <float16[2,2] w = fill(0.5)> { y = MatMul(x, w) }
expect unchanged

# weights alone
run widen-halves
target onnxruntime as dq
g (float16[1,2] x) => (float16[1,2] y) <float16[2,2] w = fill(0.5)> { y = MatMul(x, w) }
expect unchanged

# inputs that are rounded at run time
run widen-halves
target onnxruntime as dynamic
g (float16[1,2] x) => (float16[1,2] y) <float16[2,2] w = fill(0.5)> { y = MatMul(x, w) }
expect unchanged

# an operator that nobody knows may want its type
run widen-halves
target onnxruntime
g (float16[1,2] x) => (float16[1,2] y) { y = org.example.Twist(x) }
expect unchanged
