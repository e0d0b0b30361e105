# SPDX-License-Identifier: Apache-2.0

# A model of opset 13 stays as it is
run raise-opset
ir 7 opset 13
g (float[2,3] x) => (float y) { y = Softmax <axis = 0> (x) }
expect unchanged
expect opset 13
expect ir 7

# What a target needs beyond 13, and the IR version that goes with it
run raise-opset
wants 21
ir 8 opset 12
g (float[2,3] x) => (float y) { y = Relu(x) }
expect unchanged
expect opset 21
expect ir 10

# Initializers are no longer listed as inputs
run raise-opset
ir 3 opset 7
g (float[2] x, float[2] w) => (float y) <float[2] w = {1, 2}> { y = Mul(x, w) }
expect g (float[2] x) => (float y) <float[2] w = {1, 2}> { y = Mul(x, w) }
expect opset 13
expect ir 8
expect same-result

# Older than 7 is refused
run raise-opset
opset 6
g (float[2] x) => (float y) { y = Relu(x) }
expect error "the model has opset 6; the oldest that can be raised is 7"

# 9: BatchNormalization loses spatial, and cannot without it
run raise-opset
opset 8
g (float[1,2,2] x) => (float y) <float[2] s = {1, 2}, float[2] v = {1, 4}>
{ [bn] y = BatchNormalization <spatial = 1, epsilon = 0.5> (x, s, s, s, v) }
expect { y = BatchNormalization <epsilon = 0.5> (x, s, s, s, v) }
expect same-result

# 9: BatchNormalization of each element is a multiplication and an addition
run raise-opset
opset 8
g (float[3,2,2] x) => (float y)
<float[2,2] s = {1, 2, 3, 4}, float[2,2] b = {0, 1, 2, 3}, float[2,2] m = {1, 1, 1, 2},
 float[2,2] v = {0, 3, 15, 63}>
{ [bn] y = BatchNormalization <spatial = 0, epsilon = 1.0> (x, s, b, m, v) }
expect g (float[3,2,2] x) => (float y)
<float[2,2] k = {1, 1, 0.75, 0.5}, float[2,2] t = {-1, 0, 1.25, 2}>
{ p = Mul(x, k) y = Add(p, t) }
expect same-result

# 9: and has no newer form where a parameter is computed
run raise-opset
opset 8
g (float[1,2,2] x, float[2,2] s) => (float y) <float[2,2] v = {1, 4, 1, 1}>
{ [bn] y = BatchNormalization <spatial = 0> (x, s, v, v, v) }
expect error "node 'bn' (BatchNormalization) cannot be raised to opset 9"

# 9: nor where a parameter has another shape
run raise-opset
opset 8
g (float[1,2,2] x) => (float y) <float[2] s = {1, 2}, float[2] v = {1, 4}>
{ [bn] y = BatchNormalization <spatial = 0> (x, s, s, s, v) }
expect error "node 'bn' (BatchNormalization): input 1 is [2], not [2,2]"

# 9: Scan with a batch axis has no newer form
run raise-opset
opset 8
g (float[1,2,2] x) => (float y)
{ [loop] y = Scan(, x) <body = b (float[2] i) => (float o) { o = Relu(i) }, num_scan_inputs = 1> }
expect error "node 'loop' (Scan) cannot be raised to opset 9"

# 10, 11: Upsample becomes Resize, with the coordinates it had
run raise-opset
opset 7
g (float[1,1,2,2] x) => (float y, float z)
{
    y = Upsample <mode = "nearest", scales = [1.0, 1.0, 2.0, 2.0]> (x)
    z = Upsample <mode = "linear", scales = [1.0, 1.0, 2.0, 2.0]> (x)
}
expect <float[4] ys = {1, 1, 2, 2}, float[4] zs = {1, 1, 2, 2}>
{
    y = Resize <mode = "nearest", nearest_mode = "floor",
                coordinate_transformation_mode = "asymmetric"> (x, , ys)
    z = Resize <mode = "linear", coordinate_transformation_mode = "asymmetric"> (x, , zs)
}
expect same-result

# 10: Slice and TopK take as inputs what were attributes
run raise-opset
opset 9
g (float[2,4] x) => (float y, float v, int64 i)
{
    y = Slice <axes = [1], starts = [1], ends = [3]> (x)
    v, i = TopK <k = 2, axis = 1> (x)
}
expect <int64[1] s = {1}, int64[1] e = {3}, int64[1] a = {1}, int64[1] k = {2}>
{ y = Slice(x, s, e, a)  v, i = TopK <axis = 1> (x, k) }

# 10: the mask of Dropout becomes bool
run raise-opset
opset 9
g (float[2,4] x) => (float y, float m) { float[2,4] y, float[2,4] m = Dropout(x) }
expect g (float[2,4] x) => (float y, float m = n) { y, b = Dropout(x)  n = Cast <to = 1> (b) }

# 11: Resize of opset 10 scales without half pixels, and rounds up when it shrinks
run raise-opset
opset 10
g (float[1,1,4,4] x) => (float y, float z)
<float[4] up = {1, 1, 2, 2}, float[4] down = {1, 1, 0.5, 0.5}>
{ y = Resize(x, up)  z = Resize <mode = "nearest"> (x, down) }
expect
{
    y = Resize <nearest_mode = "floor", coordinate_transformation_mode = "asymmetric"> (x, , up)
    z = Resize <mode = "nearest", nearest_mode = "ceil",
                coordinate_transformation_mode = "asymmetric"> (x, , down)
}

# 11: Clip and Pad take as inputs what were attributes
run raise-opset
opset 10
g (float[2,2] x) => (float a, float b, float c, float d, float e)
{
    a = Clip <min = 0.0, max = 6.0> (x)
    b = Clip <max = 6.0> (x)
    c = Clip(x)
    d = Pad <pads = [0,1,0,1]> (x)
    e = Pad <pads = [0,1,0,1], mode = "constant", value = 2.5> (x)
}
expect <float zero = 0, float six = 6, float six1 = 6, int64[4] p = {0,1,0,1},
        int64[4] q = {0,1,0,1}, float v = 2.5>
{
    a = Clip(x, zero, six)
    b = Clip(x, , six1)
    c = Clip(x)
    d = Pad(x, p)
    e = Pad <mode = "constant"> (x, q, v)
}
expect same-result

# 11: Scatter has a new name
run raise-opset
opset 10
g (float[2,2] x, int64[1,2] i, float[1,2] u) => (float y) { y = Scatter <axis = 0> (x, i, u) }
expect { y = ScatterElements <axis = 0> (x, i, u) }

# 12: the ratio of Dropout becomes an input
run raise-opset
opset 11
g (float[2,2] x) => (float y) { y = Dropout <ratio = 0.25> (x) }
expect <float r = 0.25> { y = Dropout(x, r) }
expect same-result

# 13: Softmax of the last axis, and of one with nothing behind it
run raise-opset
opset 12
g (float[2,3] x, float[2,3,1,1] p) => (float a, float b, float c)
{ a = Softmax(x)  b = LogSoftmax <axis = -1> (x)  c = Softmax <axis = 1> (p) }
expect
{ a = Softmax <axis = -1> (x)  b = LogSoftmax <axis = -1> (x)  c = Softmax <axis = 1> (p) }
expect same-result

# 13: Softmax over several axes goes through a matrix
run raise-opset
opset 12
g (float[2,3,4] x) => (float y, float z) { y = Softmax <axis = 1> (x)  z = Relu(y) }
expect g (float[2,3,4] x) => (float y = r, float z) <int64[3] s = {2, 3, 4}>
{ f = Flatten <axis = 1> (x)  y = Softmax <axis = -1> (f)  r = Reshape(y, s)  z = Relu(r) }
expect same-result

# 13: Softmax over several axes of a shape that is not known
run raise-opset
opset 12
g (float[N,3,4] x) => (float y) { y = Softmax <axis = 1> (x) }
expect g (float[N,3,4] x) => (float y = r)
{ f = Flatten <axis = 1> (x)  s = Shape(x)  y = Softmax <axis = -1> (f)  r = Reshape(y, s) }
expect same-result

# 13: axes and parts become inputs
run raise-opset
opset 12
g (float[2,1,4] x) => (float a, float b, float c, float d, float e)
{
    a = Squeeze <axes = [1]> (x)
    b = Unsqueeze <axes = [0]> (x)
    c = ReduceSum <axes = [2], keepdims = 0> (x)
    d, e = Split <axis = 2, split = [1,3]> (x)
}
expect <int64[1] one = {1}, int64[1] zero = {0}, int64[1] two = {2}, int64[2] parts = {1, 3}>
{
    a = Squeeze(x, one)
    b = Unsqueeze(x, zero)
    c = ReduceSum <keepdims = 0> (x, two)
    d, e = Split <axis = 2> (x, parts)
}
expect same-result

# 13: a scale in a vector of one element is for the whole tensor
run raise-opset
opset 12
g (float[2,2] x) => (float y) <float[1] s = {0.5}, uint8[1] z = {3}>
{ q = QuantizeLinear(x, s, z)  y = DequantizeLinear(q, s, z) }
expect <float s0 = 0.5, uint8 z0 = 3, float s1 = 0.5, uint8 z1 = 3>
{ q = QuantizeLinear(x, s0, z0)  y = DequantizeLinear(q, s1, z1) }

# 16: RoiAlign says where its corners are
run raise-opset
wants 16
opset 15
g (float[1,1,4,4] x, float[1,4] r, int64[1] i) => (float y, float z)
{
    y = RoiAlign(x, r, i)
    z = RoiAlign <coordinate_transformation_mode = "half_pixel"> (x, r, i)
}
expect
{
    y = RoiAlign <coordinate_transformation_mode = "output_half_pixel"> (x, r, i)
    z = RoiAlign <coordinate_transformation_mode = "half_pixel"> (x, r, i)
}

# 18: axes of the other reductions; Split counts its parts
run raise-opset
wants 18
opset 17
g (float[2,4] x) => (float a, float b, float c, float d, float e, float h)
{
    a = ReduceMean <axes = [1]> (x)
    b = ReduceMax <axes = [0], keepdims = 0> (x)
    c = ReduceL2(x)
    d, e = Split <axis = 1> (x)
    h = ReduceLogSumExp <axes = [-1]> (x)
}
expect <int64[1] one = {1}, int64[1] zero = {0}, int64[1] last = {-1}>
{
    a = ReduceMean(x, one)
    b = ReduceMax <keepdims = 0> (x, zero)
    c = ReduceL2(x)
    d, e = Split <axis = 1, num_outputs = 2> (x)
    h = ReduceLogSumExp(x, last)
}
expect same-result

# 20: DFT has its axis as an input, GridSample calls its modes otherwise
run raise-opset
wants 20
opset 17
g (float[1,1,4,4] x, float[1,2,2,2] g, float[1,8,1] s) => (float a, float b, float c, float d)
{
    a = GridSample(x, g)
    b = GridSample <mode = "bicubic"> (x, g)
    c = GridSample <mode = "nearest"> (x, g)
    d = DFT <axis = 1, inverse = 0> (s)
}
expect <int64 one = 1>
{
    a = GridSample <mode = "linear"> (x, g)
    b = GridSample <mode = "cubic"> (x, g)
    c = GridSample <mode = "nearest"> (x, g)
    d = DFT <inverse = 0> (s, , one)
}

# 21: GroupNormalization scales each channel
run raise-opset
wants 21
opset 18
g (float[1,4,2] x) => (float y) <float[2] s = {1, 2}, float[2] b = {3, 4}>
{ y = GroupNormalization <num_groups = 2> (x, s, b) }
expect <float[4] s4 = {1, 1, 2, 2}, float[4] b4 = {3, 3, 4, 4}>
{ y = GroupNormalization <num_groups = 2> (x, s4, b4) }
expect same-result

# 21: GroupNormalization whose scale is computed has no newer form
run raise-opset
wants 21
opset 18
g (float[1,4,2] x, float[2] s) => (float y) <float[2] b = {3, 4}>
{ [gn] y = GroupNormalization <num_groups = 2> (x, s, b) }
expect error "node 'gn' (GroupNormalization) cannot be raised to opset 21: input 1 is"

# Bodies are raised as well
run raise-opset
opset 10
g (bool p, float[2] x) => (float y)
{
    y = If(p) <then_branch = t () => (float a) { a = Clip <min = 0.0> (x) },
               else_branch = e () => (float b) { b = Exp(x) }>
}
expect
{
    y = If(p) <then_branch = t () => (float a) { a = Clip(x, zero) },
               else_branch = e () => (float b) { b = Exp(x) }>
}

# Operators of other domains and unknown ones are left alone
run raise-opset
opset 12 domain com.microsoft 1
g (float[2,3] x) => (float y, float z)
{ y = com.microsoft.Softmax <axis = 1> (x)  z = Unheard <axes = [1]> (x) }
expect unchanged
expect opset 13
