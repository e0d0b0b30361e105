# SPDX-License-Identifier: Apache-2.0

# the one tap lies on the one in the middle, and biases add up
run merge-branches
g (float[1,1,5] x) => (float y)
<float[2,1,3] w = {1, 2, 3, 4, 5, 6}, float[2,1,1] v = {10, 20}, float[2] b = {1, 2},
 float[2] a = {0.5, 0.25}>
{ p = Conv(x, v, a) q = Conv <pads = [1, 1]> (x, w, b) y = Add(p, q) }
expect same-result
expect <float[2,1,3] u = {1, 12, 3, 4, 25, 6}, float[2] c = {1.5, 2.25}>
{ y = Conv <pads = [1, 1]> (x, u, c) }

# a difference; without biases there is none
run merge-branches
g (float[1,1,5] x) => (float y, float z)
<float[1,1,3] w = {1, 2, 3}, float[1,1,1] v = {10}>
{
    p = Conv(x, v) q = Conv <pads = [1, 1]> (x, w) y = Sub(p, q)
    r = Conv(x, v) s = Conv <pads = [1, 1]> (x, w) z = Sub(s, r)
}
expect same-result
expect <float[1,1,3] u = {-1, 8, -3}, float[1,1,3] t = {1, -8, 3}>
{ y = Conv <pads = [1, 1]> (x, u) z = Conv <pads = [1, 1]> (x, t) }

# the input itself, and a number for each channel of it: on the tap over the place, of its own channel
run merge-branches
g (float[1,4,2,3] x) => (float y, float z)
<float[4,2,1,3] w = fill(0), float[1,4,1,1] k = {1, 2, 3, 4}, float[4,1,1] t = {5, 6, 7, 8}>
{
    c = Conv <group = 2, pads = [0, 1, 0, 1]> (x, w) y = Add(c, x)
    d = Conv <group = 2, pads = [0, 0, 0, 2]> (x, w) m = Mul(x, k) s = Add(m, t) z = Sub(s, d)
}
expect same-result
expect <float[4,2,1,3] u = {0, 1, 0, 0, 0, 0,  0, 0, 0, 0, 1, 0,  0, 1, 0, 0, 0, 0,  0, 0, 0, 0, 1, 0},
        float[4,2,1,3] v = {1, 0, 0, 0, 0, 0,  0, 0, 0, 2, 0, 0,  3, 0, 0, 0, 0, 0,  0, 0, 0, 4, 0, 0},
        float[4] b = {5, 6, 7, 8}>
{
    y = Conv <group = 2, pads = [0, 1, 0, 1]> (x, u)
    z = Conv <group = 2, pads = [0, 0, 0, 2]> (x, v, b)
}

# as RepVGG is trained; what BatchNormalization leaves of a branch alone is a number for each channel
run fold-bn merge-branches
g (float[1,4,6,6] x) => (float[1,4,6,6] y)
<float[4,4,3,3] w = random(1), float[4,4,1,1] v = random(2), float[4] s = random(3), float[4] b = random(4),
 float[4] m = random(5), float[4] d = random(6, 0.1, 2)>
{
    c = Conv <pads = [1, 1, 1, 1]> (x, w) e = BatchNormalization(c, s, b, m, d)
    f = Conv(x, v) g = BatchNormalization(f, b, s, m, d)
    h = BatchNormalization(x, m, s, b, d)
    i = Add(e, g) j = Add(i, h) y = Relu(j)
}
expect same-result
expect { j = Conv <pads = [1, 1, 1, 1]> (x, u, a) y = Relu(j) }

# as FastViT is: the difference takes the scale behind it, and then the input
run fold-bn merge-branches
g (float[1,4,6,6] x) => (float[1,4,6,6] y)
<float[4,1,3,3] w = random(1), float[4,1,1,1] v = random(2), float[4] s = random(3), float[4] b = random(4),
 float[4] m = random(5), float[4] d = random(6, 0.1, 2), float[4,1,1] k = random(7)>
{
    c = Conv <group = 4, pads = [1, 1, 1, 1]> (x, w, b) f = Conv <group = 4> (x, v)
    h = BatchNormalization(x, m, s, b, d)
    i = Add(c, f) j = Sub(i, h) l = Mul(j, k) y = Add(x, l)
}
expect same-result
expect { y = Conv <group = 4, pads = [1, 1, 1, 1]> (x, u, a) }
expect note "3 branches of the same input in the layer beside it"

# as ACNet is: the two that do not lie within each other lie within the third
run merge-branches
g (float[2,3,7,8] x) => (float y)
<float[4,3,3,3] w = random(1), float[4,3,1,3] v = random(2), float[4,3,3,1] u = random(3), float[4] b = random(4)>
{
    c = Conv <pads = [0, 1, 0, 1], strides = [2, 1]> (x, v) d = Conv <pads = [1, 0, 1, 0], strides = [2, 1]> (x, u, b)
    e = Conv <pads = [1, 1, 1, 1], strides = [2, 1]> (x, w) f = Add(c, d) y = Add(e, f)
}
expect same-result
expect { y = Conv <pads = [1, 1, 1, 1], strides = [2, 1]> (x, t, a) }

# another term stands between
run merge-branches
g (float[1,3,7] x, float[1,4,7] o) => (float y)
<float[4,3,3] w = random(1), float[4,3,1] v = random(2)>
{
    c = Conv <pads = [1, 1]> (x, w) d = Conv(x, v) e = Add(c, o) y = Add(e, d)
}
expect same-result
expect { c = Conv <pads = [1, 1]> (x, u) y = Add(o, c) }

# dilations that go into each other; a window in a corner of the other; three axes
run merge-branches
g (float[1,2,20] x, float[1,2,5,5,5] v) => (float y, float z, float t, float s)
<float[3,2,3] o = random(5), float[3,2,1] l = random(6), float[3,2,5] w = random(1), float[3,2,2] k = random(2), float[2,2,3,3,3] q = random(3),
 float[2,2,1,3,1] p = random(4)>
{
    a = Conv <pads = [4, 4], dilations = [2]> (x, w) b = Conv <pads = [0, 4], dilations = [4]> (x, k) y = Add(b, a)
    c = Conv <pads = [3, 5], dilations = [2]> (x, w) d = Conv <pads = [1, 1], dilations = [2]> (x, k) z = Add(c, d)
    e = Conv <pads = [1, 1, 1, 1, 1, 1]> (v, q) f = Conv <pads = [0, 1, 0, 0, 1, 0]> (v, p) t = Add(e, f)
    g = Conv <pads = [2, 2], dilations = [2]> (x, o) h = Conv(x, l) s = Sub(g, h)
}
expect same-result
expect note "4 branches"

# SAME is pads where the extent is known
run merge-branches
g (float[1,2,6,6] x) => (float y)
<float[3,2,3,3] w = random(1), float[3,2,1,1] v = random(2)>
{ c = Conv <auto_pad = "SAME_UPPER"> (x, w) d = Conv <auto_pad = "SAME_LOWER"> (x, v) y = Add(c, d) }
expect same-result
expect { y = Conv <auto_pad = "SAME_UPPER"> (x, u) }

# in a body, of what it reads from outside
run merge-branches
g (bool p, float[1,2,5] x) => (float y)
<float[2,2,3] w = random(1), float[2,2,1] v = random(2), float[2,1] k = {3, 4}>
{
    m = Mul(x, k)
    y = If(p) <then_branch = t () => (float a) {
                 c = Conv <pads = [1, 1]> (x, w) d = Conv(x, v) s = Add(c, d) a = Add(s, m) },
               else_branch = e () => (float f) { f = Exp(x) }>
}
expect same-result
expect { y = If(p) <then_branch = t () => (float a) { a = Conv <pads = [1, 1]> (x, u) },
                    else_branch = e () => (float f) { f = Exp(x) }> }

# half precision stays that
run merge-branches
g (float16[1,1,5] x) => (float16 y) <float16[1,1,3] w = {1, 2, 3}, float16[1,1,1] v = {10}>
{ c = Conv <pads = [1, 1]> (x, w) d = Conv(x, v) y = Add(c, d) }
expect <float16[1,1,3] u = {1, 12, 3}> { y = Conv <pads = [1, 1]> (x, u) }

# ... and what does not fit it is left alone
run merge-branches
g (float16[1,1,5] x) => (float16 y) <float16[1,1,3] w = {1, 60000, 3}, float16[1,1,1] v = {60000}>
{ c = Conv <pads = [1, 1]> (x, w) d = Conv(x, v) y = Add(c, d) }
expect unchanged

# another input, another reader, a product, another stride, another extent, half a tap aside
run merge-branches
g (float[1,2,9] x, float[1,2,9] o)
  => (float a, float b, float c, float d, float e, float f, float g, float r)
<float[2,2,3] w = random(1), float[2,2,1] v = random(2), float[2,2,2] u = random(3),
 float[2,2,9] l = random(4)>
{
    p1 = Conv <pads = [1, 1]> (x, w) q1 = Conv(o, v) a = Add(p1, q1)
    p2 = Conv <pads = [1, 1]> (x, w) q2 = Conv(x, v) b = Add(p2, q2) r = Relu(q2)
    p3 = Conv <pads = [1, 1]> (x, w) q3 = Conv(x, v) c = Mul(p3, q3)
    p4 = Conv <pads = [1, 1], strides = [9]> (x, w) q4 = Conv <strides = [10]> (x, v) d = Add(p4, q4)
    p5 = Conv <pads = [1, 0]> (x, w) q5 = Conv <strides = [8]> (x, u) e = Add(p5, q5)
    p6 = Conv <pads = [2, 2], dilations = [2]> (x, w) q6 = Conv <pads = [1, 1], dilations = [2]> (x, u) f = Sub(p6, q6)
    p7 = Conv(x, l) q7 = Conv(x, v) g = Add(p7, q7)
}
expect unchanged

# other groups, more outputs than inputs, a stride over the input itself, a bias or weight from outside
run merge-branches
g (float[1,2,1] x, float[1,1,4] n, float[2] b, float[2,2,3] g)
  => (float y, float z, float t, float u, float s)
<float[2,2,3] w = random(1), float[2,1,1] v = random(2), float[2,2,1] k = random(3),
 float[4,1,3] m = random(4)>
{
    a = Conv <pads = [1, 1]> (x, w) c = Conv <group = 2> (x, v) y = Add(a, c)
    d = Conv <pads = [1, 1]> (n, m) z = Add(d, n)
    f = Conv <pads = [1, 1], strides = [2]> (x, w) t = Add(x, f)
    h = Conv <pads = [1, 1]> (x, w, b) i = Conv(x, k) u = Add(h, i)
    j = Conv <pads = [1, 1]> (x, g) l = Conv(x, k) s = Add(j, l)
}
expect unchanged

# a long sum of small numbers would be rounded as one large number is ...
run merge-branches
target onnxruntime
g (float[1,64,5,5] x) => (float y) <float[64,64,3,3] w = random(1, -0.05, 0.05)>
{ c = Conv <pads = [1, 1, 1, 1]> (x, w) y = Add(c, x) }
expect unchanged

# ... a short one is not
run merge-branches
target onnxruntime
g (float[1,64,5,5] o) => (float y)
<float[64,1,3,3] w = random(1, -0.5, 0.5), float[64,1,1] k = random(2, 0.5, 1)>
{ r = Relu(o) x = MaxPool <kernel_shape = [2, 2]> (r)
  c = Conv <group = 64, pads = [1, 1, 1, 1]> (x, w) m = Mul(x, k) y = Add(c, m) }
expect same-result
expect { r = Relu(o) x = MaxPool <kernel_shape = [2, 2]> (r)
  y = Conv <group = 64, pads = [1, 1, 1, 1]> (x, u) }

# ... but a sum of residuals is read as it is: it would be rounded as well
run merge-branches
target onnxruntime
g (float[1,64,5,5] o) => (float y, float z)
<float[64,1,3,3] w = random(1, -0.4, 0.4)>
{ x = Add(o, o) c = Conv <group = 64, pads = [1, 1, 1, 1]> (x, w) y = Add(c, x)
  d = Conv <group = 64, pads = [1, 1, 1, 1]> (o, w) z = Add(d, o) }
expect unchanged

# the same behind an activation
run merge-branches
target onnxruntime
g (float[1,64,5,5] o) => (float y)
<float[64,1,3,3] w = random(1, -0.4, 0.4)>
{ x = Relu(o) c = Conv <group = 64, pads = [1, 1, 1, 1]> (x, w) y = Add(c, x) }
expect { x = Relu(o) y = Conv <group = 64, pads = [1, 1, 1, 1]> (x, u) }

# where nothing else is rounded there is less to win
run merge-branches
target onnxruntime as dq
g (float[1,64,5,5] x) => (float y)
<float[64,1,3,3] w = random(1, -0.5, 0.5), float[64,1,1] k = random(2, 0.5, 1)>
{ c = Conv <group = 64, pads = [1, 1, 1, 1]> (x, w) m = Mul(x, k) y = Add(c, m) }
expect unchanged

# nor do layers merge of which the user wants something
run merge-branches
target onnxruntime weights "p"
g (float[1,1,5] x) => (float y) <float[1,1,3] w = {1, 2, 3}, float[1,1,1] v = {10}>
{ p = Conv(x, v) q = Conv <pads = [1, 1]> (x, w) y = Add(p, q) }
expect unchanged
