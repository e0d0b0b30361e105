# SPDX-License-Identifier: Apache-2.0

# stride 1: a Conv whose taps are turned around, and what was cut off is not padded
run split-transposed
target onnxruntime
g (float[1,16,4,4] x, float[16] b) => (float[1,16,4,5] y)
<float[16,16,3,2] w = fill(0.5)>
{ y = ConvTranspose <pads = [1, 0, 1, 0]> (x, w, b) }
expect same-result
expect <float[16,16,3,2] y_split = fill(0.5)>
{ y = Conv <group = 1, pads = [1, 1, 1, 1], dilations = [1, 1]> (x, y_split, b) }

# with dilation, three axes, one axis, padding that differs
run split-transposed
target onnxruntime
g (float[2,16,5,5] x, float[1,8,3,3,3] v, float[1,32,N] u, float[16] c)
  => (float[2,16,8,10] y, float[1,16,4,4,4] z, float[1,16,M] t)
<float[16,16,2,4] w = random(1), float[8,16,2,2,2] k = random(2), float[32,16,3] q = random(3)>
{
    y = ConvTranspose <dilations = [3, 2], pads = [0, 1, 0, 0]> (x, w)
    z = ConvTranspose(v, k)
    t = ConvTranspose <pads = [1, 2]> (u, q, c)
}
expect same-result
expect note "3 ConvTranspose as Conv"

# nobody knows what is cut off, or more is cut off than there are taps, or the weight is no constant
run split-transposed
target onnxruntime
g (float[1,64,N] x, float[64,16,2] v) => (float[1,16,M] y, float[1,16,K] z, float[1,16,3] t)
<float[64,16,2] w = random(1), float[1,64,5] u = random(2)>
{
    y = ConvTranspose <auto_pad = "SAME_UPPER"> (x, w)
    z = ConvTranspose(x, v)
    t = ConvTranspose <pads = [2, 1]> (u, w)
}
expect unchanged

# stride 2, no window touches another: four filters for each channel, and what is behind comes first
run split-transposed
target onnxruntime
g (float[1,64,2,2] x) => (float[1,4,4,4] y)
<float[64,4,2,2] w = fill(0.5), float[4] b = {1, 2, 3, 4}>
{
    c = ConvTranspose <strides = [2, 2]> (x, w, b)
    r = Relu(c)
    y = Sigmoid(r)
}
expect same-result
expect note "1 ConvTranspose as Conv, for which the target has an integer kernel"
expect <float[16,64,1,1] c_split = fill(0.5),
        float[16] c_bias = {1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4}>
{
    float[1,16,2,2] c = Conv <group = 1, pads = [0, 0, 0, 0], dilations = [1, 1]> (x, c_split, c_bias)
    float[1,16,2,2] r = Relu(c)
    float[1,16,2,2] s = Sigmoid(r)
    y = DepthToSpace <blocksize = 2, mode = "CRD"> (s)
}

# windows that touch, of one axis: two taps each, and the ends are cut off
run split-transposed
target onnxruntime
g (float[1,32,N] x) => (float[1,8,M] y)
<float[32,8,4] w = fill(0.25)>
{
    c = ConvTranspose <strides = [2], pads = [1, 1]> (x, w)
    y = Relu(c)
}
expect same-result
expect <float[16,32,2] c_split = fill(0.25), int64[4] apart = {0, 8, 2, -1}, int64[3] joined = {0, 8, -1},
        int64[1] starts = {1}, int64[1] ends = {-1}, int64[1] axes = {2}>
{
    c = Conv <group = 1, pads = [1, 1], dilations = [1]> (x, c_split)
    r = Relu(c)
    a = Reshape(r, apart)
    t = Transpose <perm = [0, 1, 3, 2]> (a)
    j = Reshape(t, joined)
    y = Slice(j, starts, ends, axes)
}

# kernels that the stride does not divide, padding, output_padding, extents that are not known
run split-transposed
target onnxruntime
g (float[1,32,3,4] x, float[1,64,K] v)
  => (float[1,4,5,7] y, float[1,4,8,10] z, float[1,4,6,8] t, float[1,2,12,16] u, float[1,16,L] s)
<float[32,4,3,3] k3 = random(1), float[32,2,8,7] k8 = random(2), float[64,16,3] k1 = random(3),
 float[32,4,5,5] k5 = random(4), float[4] b = {1, -2, 3, -4}, float[32,4,4,4] k4 = random(5)>
{
    y = ConvTranspose <strides = [2, 2], pads = [1, 1, 1, 1]> (x, k3, b)
    z = ConvTranspose <strides = [2, 2], pads = [1, 2, 0, 0], output_padding = [0, 1]> (x, k5, b)
    t = ConvTranspose <strides = [2, 2], auto_pad = "SAME_LOWER"> (x, k4)
    u = ConvTranspose <strides = [4, 4], pads = [2, 2, 2, 1], output_padding = [0, 0],
                       output_shape = [12, 16]> (x, k8)
    s = ConvTranspose <strides = [2], pads = [3, 1], output_padding = [1]> (v, k1)
}
expect same-result
expect note "5 ConvTranspose as Conv"

# padding that makes the output larger
run split-transposed
target onnxruntime
g (float[1,64,3] x) => (float[1,16,M] y)
<float[64,16,4] w = random(1)>
{ y = ConvTranspose <strides = [2], pads = [-1, -2]> (x, w) }
expect same-result
expect note "1 ConvTranspose as Conv"

# too little to multiply, too few filters, too many zeros, groups, strides that differ, three axes
run split-transposed
target onnxruntime
g (float[1,15,3,4] x, float[1,64,2,2] v, float[1,64,1,1,2] u)
  => (float y, float z, float t, float s, float r, float q)
<float[15,16,4,4] w = random(1), float[64,16,1,1] k = random(2), float[64,16,2,2] g = random(3),
 float[64,16,2,2,2] d = random(4), float[64,2,2,2] f = random(5)>
{
    y = ConvTranspose <strides = [2, 2]> (x, w)
    q = ConvTranspose <strides = [2, 2]> (v, f)
    z = ConvTranspose <strides = [2, 2]> (v, k)
    t = ConvTranspose <strides = [2, 2], group = 2> (v, g)
    s = ConvTranspose <strides = [2, 1]> (v, g)
    r = ConvTranspose <strides = [2, 2, 2]> (u, d)
}
expect unchanged

# dilation beside a stride, a bias that is no constant, more is cut off than there is, far more added
run split-transposed
target onnxruntime
g (float[1,64,5] x, float[16] b) => (float y, float z, float t, float u)
<float[64,16,2] w = random(1)>
{
    y = ConvTranspose <strides = [2], dilations = [2]> (x, w)
    z = ConvTranspose <strides = [2]> (x, w, b)
    t = ConvTranspose <strides = [2], pads = [0, 3]> (x, w)
    u = ConvTranspose <pads = [-1000000, 0]> (x, w)
}
expect unchanged

# not for a target that has a kernel for it ...
run split-transposed
target openvino
g (float[1,64,2,2] x) => (float y) <float[64,64,2,2] w = random(1), float[64,8,2,2] v = random(2)>
{
    a = Relu(x)
    b = ConvTranspose <strides = [2, 2]> (a, w)
    c = Relu(b)
    y = ConvTranspose <strides = [2, 2]> (c, v)
}
expect unchanged

# ... unless it would have a zero point
run split-transposed
target openvino
g (float[1,64,2,2] x) => (float y) <float[64,64,2,2] w = random(1), float[64,8,2,2] v = random(2)>
{
    b = ConvTranspose <strides = [2, 2]> (x, w)
    c = LeakyRelu(b)
    y = ConvTranspose <strides = [2, 2]> (c, v)
}
expect same-result
expect note "2 ConvTranspose as Conv"

# nor where weights alone are rounded
run split-transposed
target onnxruntime as dq
g (float[1,64,2,2] x) => (float y) <float[64,8,2,2] w = random(1)>
{ y = ConvTranspose <strides = [2, 2]> (x, w) }
expect unchanged
