# SPDX-License-Identifier: Apache-2.0

# a FusedConv becomes a Conv and its activation, in opset 11 and later with bounds as inputs
run unfuse
opset 13 domain com.microsoft 1
g (float[1,2,5,5] x) => (float y, float z)
<float[3,2,3,3] w = random(1), float[3] b = random(2)>
{
    y = com.microsoft.FusedConv <pads = [1,1,1,1], strides = [2,2], activation = "Relu"> (x, w, b)
    z = com.microsoft.FusedConv <activation = "Clip", activation_params = [-0.5, 0.75]> (x, w)
}
expect same-result
expect
{
    c = Conv <pads = [1,1,1,1], strides = [2,2]> (x, w, b)
    y = Relu(c)
    d = Conv(x, w)
    z = Clip(d, lo, hi)
}

# and before opset 11 with bounds as attributes
run unfuse
opset 9 domain com.microsoft 1
g (float[1,2,5,5] x) => (float y) <float[3,2,3,3] w = random(1)>
{ y = com.microsoft.FusedConv <activation = "Clip", activation_params = [-0.5, 0.75]> (x, w) }
expect same-result
expect { c = Conv(x, w)  y = Clip <min = -0.5, max = 0.75> (c) }

# the sum stands between the layer and the activation
run unfuse
opset 13 domain com.microsoft 1
g (float[1,2,5,5] x, float[1,3,3,3] s) => (float y, float z)
<float[3,2,3,3] w = random(1), float[3] b = random(2)>
{
    y = com.microsoft.FusedConv <activation = "LeakyRelu", activation_params = [0.125]>
            (x, w, b, s)
    z = com.microsoft.FusedConv (x, w, , s)
}
expect same-result
expect
{
    c = Conv(x, w, b)
    a = Add(c, s)
    y = LeakyRelu <alpha = 0.125> (a)
    d = Conv(x, w)
    z = Add(d, s)
}

# HardSwish is spelled out, HardSigmoid and the others keep their parameters
run unfuse
opset 13 domain com.microsoft 1
g (float[1,2,5,5] x) => (float y, float z, float t) <float[3,2,3,3] w = random(1)>
{
    y = com.microsoft.FusedConv <activation = "HardSwish"> (x, w)
    z = com.microsoft.FusedConv <activation = "HardSigmoid", activation_params = [0.25, 0.5]> (x, w)
    t = com.microsoft.FusedConv <activation = "Tanh"> (x, w)
}
expect same-result
expect
{
    c = Conv(x, w)
    g = HardSigmoid <alpha = 0.16666667, beta = 0.5> (c)
    y = Mul(c, g)
    d = Conv(x, w)
    z = HardSigmoid <alpha = 0.25, beta = 0.5> (d)
    e = Conv(x, w)
    t = Tanh(e)
}

# a FusedGemm has its parameters as attributes
run unfuse
opset 13 domain com.microsoft 1
g (float[2,3] x) => (float y, float z) <float[4,3] w = random(1), float[4] b = random(2)>
{
    y = com.microsoft.FusedGemm <transB = 1, alpha = 0.5, activation = "Elu",
                                 activation_alpha = 0.75> (x, w, b)
    z = com.microsoft.FusedGemm <transB = 1, activation = "Sigmoid"> (x, w)
}
expect same-result
expect
{
    c = Gemm <transB = 1, alpha = 0.5> (x, w, b)
    y = Elu <alpha = 0.75> (c)
    d = Gemm <transB = 1> (x, w)
    z = Sigmoid(d)
}

# a FusedMatMul exchanges the last axes
run unfuse
opset 13 domain com.microsoft 1
g (float[2,4,3] x, float[2,5,4] t) => (float y, float z, float u) <float[3,5] w = random(1)>
{
    y = com.microsoft.FusedMatMul <transA = 1, transB = 1> (x, t)
    z = com.microsoft.FusedMatMul <alpha = 0.25> (x, w)
    u = com.microsoft.TransposeMatMul(x, w)
}
expect same-result
expect
{
    a = Transpose <perm = [0,2,1]> (x)
    b = Transpose <perm = [0,2,1]> (t)
    y = MatMul(a, b)
    c = MatMul(x, w)
    z = Mul(c, alpha)
    u = MatMul(x, w)
}

# and its first axis may stand where the rows should
run unfuse
opset 13 domain com.microsoft 1
g (float[4,2,6,3] x, float[3,2,6,5] t) => (float y)
{ y = com.microsoft.FusedMatMul <transBatchA = 1, transBatchB = 1> (x, t) }
expect same-result
expect
{
    a = Transpose <perm = [1,2,0,3]> (x)
    b = Transpose <perm = [1,2,0,3]> (t)
    y = MatMul(a, b)
}

# both at once
run unfuse
opset 13 domain com.microsoft 1
g (float[4,2,6,3] x, float[5,2,6,4] t) => (float y)
{ y = com.microsoft.FusedMatMul <transA = 1, transBatchA = 1, transB = 1, transBatchB = 1> (x, t) }
expect same-result
expect
{
    a = Transpose <perm = [1,2,3,0]> (x)
    b = Transpose <perm = [1,2,3,0]> (t)
    y = MatMul(a, b)
}

# an input without a known rank stays
run unfuse
opset 13 domain com.microsoft 1
g (float[3,4] x, int64[N] s) => (float y)
{ t = Reshape(x, s)  y = com.microsoft.FusedMatMul <transB = 1> (x, t) }
expect unchanged
expect note "the rank of an input is not known"

# QuickGelu, and the sums of BiasGelu and FastGelu
run unfuse
opset 13 domain com.microsoft 1
g (float[2,3] x) => (float y, float z, float s, float t, float u) <float[3] b = random(1)>
{
    y = com.microsoft.QuickGelu(x)
    z = com.microsoft.QuickGelu <alpha = 1.0> (x)
    s = com.microsoft.BiasGelu(x, b)
    t = com.microsoft.FastGelu(x, b)
    u = com.microsoft.FastGelu(x)
}
expect same-result
expect
{
    k = Mul(x, alpha)
    g = Sigmoid(k)
    y = Mul(x, g)
    h = Sigmoid(x)
    z = Mul(x, h)
    a = Add(x, b)
    s = com.microsoft.Gelu(a)
    c = Add(x, b)
    t = com.microsoft.FastGelu(c)
    u = com.microsoft.FastGelu(x)
}

# in the body of an If
run unfuse
opset 13 domain com.microsoft 1
g (bool p, float[1,2,4,4] x) => (float y) <float[2,2,1,1] w = random(1)>
{ y = If(p) <then_branch = t () => (float o) {
                 o = com.microsoft.FusedConv <activation = "Relu"> (x, w) },
             else_branch = e () => (float o) { o = Conv(x, w) }> }
expect { y = If(p) <then_branch = t () => (float o) { c = Conv(x, w)  o = Relu(c) },
                    else_branch = e () => (float o) { o = Conv(x, w) }> }
