# SPDX-License-Identifier: Apache-2.0

# as exporters write it: k turned by the Transpose that splits the heads
run fuse-attention
opset 23
g (float[1,5,2,4] a, float[1,7,2,4] b, float[1,2,7,3] v) => (float y) <float root = 2>
{
    q = Transpose <perm = [0, 2, 1, 3]> (a)
    k = Transpose <perm = [0, 2, 3, 1]> (b)
    s = MatMul(q, k)
    d = Div(s, root)
    p = Softmax <axis = -1> (d)
    y = MatMul(p, v)
}
expect same-result
expect
{
    q = Transpose <perm = [0, 2, 1, 3]> (a)
    k = Transpose <perm = [0, 2, 1, 3]> (b)
    y = Attention <scale = 0.5> (q, k, v)
}

# a Transpose of the last two axes goes; any other k' is turned; no number
run fuse-attention
opset 23
g (float[2,3,5,4] q, float[2,3,7,4] b, float[2,3,7,3] v, float[2,3,4,7] t)
    => (float y, float z)
{
    k = Transpose <perm = [0, 1, 3, 2]> (b)
    s = MatMul(q, k)
    p = Softmax <axis = 3> (s)
    y = MatMul(p, v)
    s2 = MatMul(q, t)
    p2 = Softmax(s2)
    z = MatMul(p2, v)
}
expect same-result
expect
{
    y = Attention <scale = 1.0> (q, b, v)
    u = Transpose <perm = [0, 1, 3, 2]> (t)
    z = Attention <scale = 1.0> (q, u, v)
}

# not before opset 23; not along another axis, with a mask, with heads that repeat, or where the
# weights are read
run fuse-attention
opset 17
g (float[2,3,5,4] q, float[2,3,4,7] t, float[2,3,7,3] v) => (float y)
{ s = MatMul(q, t)  p = Softmax(s)  y = MatMul(p, v) }
expect unchanged

run fuse-attention
opset 23
g (float[2,3,5,4] q, float[2,3,4,5] t, float[2,3,5,3] v, float[1,3,4,5] once, float[5] mask)
    => (float a, float b, float c, float d, float p4)
{
    s1 = MatMul(q, t)
    p1 = Softmax <axis = 2> (s1)
    a = MatMul(p1, v)
    s2 = MatMul(q, t)
    m2 = Add(s2, mask)
    p2 = Softmax(m2)
    b = MatMul(p2, v)
    s3 = MatMul(q, once)
    p3 = Softmax(s3)
    c = MatMul(p3, v)
    s4 = MatMul(q, t)
    p4 = Softmax(s4)
    d = MatMul(p4, v)
}
expect unchanged
