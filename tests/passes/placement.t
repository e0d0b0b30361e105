# SPDX-License-Identifier: Apache-2.0

# generic: inputs and outputs of layers
run place calibrate solve lower-qdq
target generic data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}, float[32,2] v = random(1)>
{ c = Conv(x, w, b) r = Relu(c) s = Add(r, x) f = Flatten(s) o = MatMul(f, v) y = Ceil(o) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[2,2,1,1] w_quantized = {89,44,-127,32},
        float[2] w_scale = {0.01129831,0.007874016},
        int8[2] w_zero_point = {0,0},
        int32[2] b_quantized,
        float[2] b_scale,
        int8[32,2] v_quantized,
        float[2] v_scale = {0.01020374,0.007459632},
        int8[2] v_zero_point = {0,0},
        float r_scale,
        uint8 r_zero_point,
        float f_scale,
        uint8 f_zero_point,
        float o_scale,
        uint8 o_zero_point>
{
  float[32,2]     v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                      <axis = 1>
  float[2]        b_DequantizeLinear_out = DequantizeLinear(b_quantized, b_scale) <axis = 0>
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  uint8[1,2,4,4]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out, b_DequantizeLinear_out)
  float[1,2,4,4]  r = Relu(c)
  uint8[1,2,4,4]  r_QuantizeLinear_out = QuantizeLinear(r, r_scale, r_zero_point)
  float[1,2,4,4]  r_DequantizeLinear_out = DequantizeLinear(r_QuantizeLinear_out, r_scale,
                      r_zero_point)
  float[1,2,4,4]  s = Add(r_DequantizeLinear_out, x)
  float[1,32]     f = Flatten(s)
  uint8[1,32]     f_QuantizeLinear_out = QuantizeLinear(f, f_scale, f_zero_point)
  float[1,32]     f_DequantizeLinear_out = DequantizeLinear(f_QuantizeLinear_out, f_scale,
                      f_zero_point)
  float[1,2]      o = MatMul(f_DequantizeLinear_out, v_DequantizeLinear_out)
  uint8[1,2]      o_QuantizeLinear_out = QuantizeLinear(o, o_scale, o_zero_point)
  float[1,2]      o_DequantizeLinear_out = DequantizeLinear(o_QuantizeLinear_out, o_scale,
                      o_zero_point)
  float[1,2]      y = Ceil(o_DequantizeLinear_out)
}

# onnxruntime: sums stay float ...
run place calibrate solve lower-qdq
target onnxruntime data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}>
{ c = Conv(x, w, b) s = Add(c, x) r = Relu(s) p = GlobalAveragePool(r) y = Elu(p) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[2,2,1,1] w_quantized = {89,44,-127,32},
        float[2] w_scale = {0.01129831,0.007874016},
        int8[2] w_zero_point = {0,0},
        int32[2] b_quantized,
        float[2] b_scale,
        float c_scale,
        uint8 c_zero_point>
{
  float[2]        b_DequantizeLinear_out = DequantizeLinear(b_quantized, b_scale) <axis = 0>
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  uint8[1,2,4,4]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out, b_DequantizeLinear_out)
  uint8[1,2,4,4]  c_QuantizeLinear_out = QuantizeLinear(c, c_scale, c_zero_point)
  float[1,2,4,4]  c_DequantizeLinear_out = DequantizeLinear(c_QuantizeLinear_out, c_scale,
                      c_zero_point)
  float[1,2,4,4]  s = Add(c_DequantizeLinear_out, x)
  float[1,2,4,4]  r = Relu(s)
  float[1,2,1,1]  p = GlobalAveragePool(r)
  float[1,2,1,1]  y = Elu(p)
}

# ... unless elementwise operators are asked for: from quantized inputs on
run place calibrate solve lower-qdq
target onnxruntime elementwise data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}>
{ c = Conv(x, w, b) s = Add(c, x) r = Relu(s) p = GlobalAveragePool(r) y = Elu(p) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[2,2,1,1] w_quantized = {89,44,-127,32},
        float[2] w_scale = {0.01129831,0.007874016},
        int8[2] w_zero_point = {0,0},
        int32[2] b_quantized,
        float[2] b_scale,
        float c_scale,
        uint8 c_zero_point,
        float r_scale,
        uint8 r_zero_point,
        float p_scale,
        uint8 p_zero_point>
{
  float[2]        b_DequantizeLinear_out = DequantizeLinear(b_quantized, b_scale) <axis = 0>
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  uint8[1,2,4,4]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out, b_DequantizeLinear_out)
  uint8[1,2,4,4]  c_QuantizeLinear_out = QuantizeLinear(c, c_scale, c_zero_point)
  float[1,2,4,4]  c_DequantizeLinear_out = DequantizeLinear(c_QuantizeLinear_out, c_scale,
                      c_zero_point)
  float[1,2,4,4]  s = Add(c_DequantizeLinear_out, x_DequantizeLinear_out)
  float[1,2,4,4]  r = Relu(s)
  uint8[1,2,4,4]  r_QuantizeLinear_out = QuantizeLinear(r, r_scale, r_zero_point)
  float[1,2,4,4]  r_DequantizeLinear_out = DequantizeLinear(r_QuantizeLinear_out, r_scale,
                      r_zero_point)
  float[1,2,1,1]  p = GlobalAveragePool(r_DequantizeLinear_out)
  uint8[1,2,1,1]  p_QuantizeLinear_out = QuantizeLinear(p, p_scale, p_zero_point)
  float[1,2,1,1]  p_DequantizeLinear_out = DequantizeLinear(p_QuantizeLinear_out, p_scale,
                      p_zero_point)
  float[1,2,1,1]  y = Elu(p_DequantizeLinear_out)
}

# onnxruntime: of one layer the weight alone is rounded: its input and its bias are float, also where
# another layer reads that input rounded
run place calibrate solve lower-qdq
target onnxruntime weights "a" data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}>
{ a = Conv(x, w, b) c = Conv(x, w, b) y = Add(a, c) }
expect <float[2] a_bias = {1,2},
        float x_scale,
        uint8 x_zero_point,
        int8[2,2,1,1] w_quantized = {89,44,-127,32},
        float[2] w_scale = {0.01129831,0.007874016},
        int8[2] w_zero_point = {0,0},
        int32[2] b_quantized,
        float[2] b_scale,
        int8[2,2,1,1] a_weight_quantized = {127,64,-127,32},
        float[2] a_weight_scale = {0.007874016,0.007874016},
        int8[2] a_weight_zero_point = {0,0},
        float c_scale,
        uint8 c_zero_point>
{
  float[2,2,1,1]  a_weight_DequantizeLinear_out = DequantizeLinear(a_weight_quantized,
                      a_weight_scale, a_weight_zero_point) <axis = 0>
  float[2]        b_DequantizeLinear_out = DequantizeLinear(b_quantized, b_scale) <axis = 0>
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  uint8[1,2,4,4]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  a = Conv(x, a_weight_DequantizeLinear_out, a_bias)
  float[1,2,4,4]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out, b_DequantizeLinear_out)
  uint8[1,2,4,4]  c_QuantizeLinear_out = QuantizeLinear(c, c_scale, c_zero_point)
  float[1,2,4,4]  c_DequantizeLinear_out = DequantizeLinear(c_QuantizeLinear_out, c_scale,
                      c_zero_point)
  float[1,2,4,4]  y = Add(a, c_DequantizeLinear_out)
}

# onnxruntime: of two layers that read a value one quantizes it at run time; its bias is float
run place calibrate solve lower-qdq
target onnxruntime dynamic "a" data 4
g (float[1,2] x) => (float y)
<float[2,2] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}>
{ a = Gemm(x, w, b) <transB = 1> c = Gemm(x, w, b) <transB = 1> y = Add(a, c) }
expect <float[2] a_bias = {1,2},
        int8[2,2] a_quantized = {85,-127,42,32},
        int8[2] a_zero_point = {0,0},
        float[2] a_scale = {0.01176489,0.007874016},
        float x_scale = {0.02335546},
        uint8 x_zero_point = {99},
        int8[2,2] w_quantized = {85,42,-127,32},
        float[2] w_scale = {0.01176489,0.007874016},
        int8[2] w_zero_point = {0,0},
        int32[2] b_quantized = {3639,10875},
        float[2] b_scale = {0.0002747744,0.0001839013}>
{
  float[2]    b_DequantizeLinear_out = DequantizeLinear(b_quantized, b_scale) <axis = 0>
  float[2,2]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                  <axis = 0>
  uint8[1,2]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale, x_zero_point)
  uint8[1,2]  x_DynamicQuantizeLinear_out, x_DynamicQuantizeLinear_out_1,
                  x_DynamicQuantizeLinear_out_2 = DynamicQuantizeLinear(x)
  ?           a_MatMulInteger_out = MatMulInteger(x_DynamicQuantizeLinear_out, a_quantized,
                  x_DynamicQuantizeLinear_out_2, a_zero_point)
  ?           a_Cast_out = Cast(a_MatMulInteger_out) <to = 1>
  ?           a_Mul_out = Mul(x_DynamicQuantizeLinear_out_1, a_scale)
  ?           a_Mul_1_out = Mul(a_Cast_out, a_Mul_out)
  float[1,2]  [a_Add] a = Add(a_Mul_1_out, a_bias)
  float[1,2]  c = Gemm(x_DequantizeLinear_out, w_DequantizeLinear_out, b_DequantizeLinear_out)
                  <transB = 1>
  float[1,2]  y = Add(a, c)
}

# onnxruntime: behind a convolution, whose output stays rounded, and in front of one, for which the
# own output is rounded
run place calibrate solve lower-qdq
target onnxruntime dynamic "b" data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] u = random(1), float[2,2,1,1] v = random(2), float[2,2,1,1] w = random(3)>
{ a = Conv(x, u) p = MaxPool(a) <kernel_shape = [2,2]> b = Conv(p, v) r = Relu(b) c = Conv(r, w)
  y = Abs(c) }
expect <int8[2,2,1,1] b_quantized = {127,94,-98,-127},
        float[2,1,1] b_scale_1 = {0.005689569,0.006211059},
        float x_scale = {0.01792273},
        uint8 x_zero_point = {123},
        int8[2,2,1,1] u_quantized = {69,67,-41,127},
        float[2] u_scale = {0.004144322,0.003846151},
        int8[2] u_zero_point = {0,0},
        int8[2,2,1,1] w_quantized = {-127,120,127,-9},
        float[2] w_scale = {0.006609024,0.007362708},
        int8[2] w_zero_point = {0,0},
        int32[2] a_bias_quantized = {0,0},
        float[2] a_bias_scale = {7.427758e-05,6.893354e-05},
        int32[2] c_bias_quantized = {0,0},
        float[2] c_bias_scale = {2.62498e-05,2.924329e-05},
        float a_scale = {0.007898299},
        uint8 a_zero_point = {140},
        float r_scale = {0.003971812},
        uint8 r_zero_point = {0},
        float c_scale = {0.007047623},
        uint8 c_zero_point = {121}>
{
  float[2]        c_bias_DequantizeLinear_out = DequantizeLinear(c_bias_quantized, c_bias_scale)
                      <axis = 0>
  float[2]        a_bias_DequantizeLinear_out = DequantizeLinear(a_bias_quantized, a_bias_scale)
                      <axis = 0>
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  float[2,2,1,1]  u_DequantizeLinear_out = DequantizeLinear(u_quantized, u_scale, u_zero_point)
                      <axis = 0>
  uint8[1,2,4,4]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  a = Conv(x_DequantizeLinear_out, u_DequantizeLinear_out,
                      a_bias_DequantizeLinear_out)
  uint8[1,2,4,4]  a_QuantizeLinear_out = QuantizeLinear(a, a_scale, a_zero_point)
  float[1,2,4,4]  a_DequantizeLinear_out = DequantizeLinear(a_QuantizeLinear_out, a_scale,
                      a_zero_point)
  float[1,2,3,3]  p = MaxPool(a_DequantizeLinear_out) <kernel_shape = [2,2]>
  uint8[1,2,3,3]  p_QuantizeLinear_out = QuantizeLinear(p, a_scale, a_zero_point)
  float[1,2,3,3]  p_DequantizeLinear_out = DequantizeLinear(p_QuantizeLinear_out, a_scale,
                      a_zero_point)
  uint8[1,2,3,3]  p_DynamicQuantizeLinear_out, p_DynamicQuantizeLinear_out_1,
                      p_DynamicQuantizeLinear_out_2 = DynamicQuantizeLinear(p_DequantizeLinear_out)
  ?               b_ConvInteger_out = ConvInteger(p_DynamicQuantizeLinear_out, b_quantized,
                      p_DynamicQuantizeLinear_out_2)
  ?               b_Cast_out = Cast(b_ConvInteger_out) <to = 1>
  ?               b_Mul_out = Mul(p_DynamicQuantizeLinear_out_1, b_scale_1)
  float[1,2,3,3]  [b_Mul_1] b = Mul(b_Cast_out, b_Mul_out)
  float[1,2,3,3]  r = Relu(b)
  uint8[1,2,3,3]  r_QuantizeLinear_out = QuantizeLinear(r, r_scale, r_zero_point)
  float[1,2,3,3]  r_DequantizeLinear_out = DequantizeLinear(r_QuantizeLinear_out, r_scale,
                      r_zero_point)
  float[1,2,3,3]  c = Conv(r_DequantizeLinear_out, w_DequantizeLinear_out,
                      c_bias_DequantizeLinear_out)
  uint8[1,2,3,3]  c_QuantizeLinear_out = QuantizeLinear(c, c_scale, c_zero_point)
  float[1,2,3,3]  c_DequantizeLinear_out = DequantizeLinear(c_QuantizeLinear_out, c_scale,
                      c_zero_point)
  float[1,2,3,3]  y = Abs(c_DequantizeLinear_out)
}

# onnxruntime: where the weight alone is rounded there are no codes to make at run time
run place
target onnxruntime dynamic "b" data 4
g (float[1,1,8,8,8] x) => (float y)
<float[1,1,3,3,3] w = random(1)>
{ b = Conv(x, w) y = Abs(b) }
expect note "the input of node 'b' (Conv) stays calibrated: only its weight is rounded"

# onnxruntime: pairs also between two that move codes, but not in front of what reads floats
run place calibrate solve lower-qdq
target onnxruntime
data 4
g (float[1,2,2,2] x) => (float[1,2,8] y, float[1,4,2] z)
<float[2,2,1,1] w = {1, 2, 3, 4}, float[2,2,1] v = {1, 2, 3, 4}, int64[3] s = {1, 2, 4},
 int64[3] t = {1, 4, 2}>
{
    c = Conv(x, w)
    a = Reshape(c, s)
    b = Transpose <perm = [0, 1, 2]> (a)
    k = Conv <pads = [2, 2]> (b, v)
    y = Abs(k)
    d = Reshape(c, t)
    e = Transpose <perm = [0, 1, 2]> (d)
    z = Abs(e)
}
expect <float x_scale,
        uint8 x_zero_point,
        int8[2,2,1,1] w_quantized = {47,95,60,80},
        float[2] w_scale,
        int8[2] w_zero_point = {0,0},
        int8[2,2,1] v_quantized = {49,99,67,89},
        float[2] v_scale,
        int8[2] v_zero_point = {0,0},
        int32[2] c_bias_quantized,
        float[2] c_bias_scale,
        int32[2] k_bias_quantized,
        float[2] k_bias_scale,
        float c_scale,
        uint8 c_zero_point,
        float k_scale,
        uint8 k_zero_point>
{
  float[2]        k_bias_DequantizeLinear_out = DequantizeLinear(k_bias_quantized, k_bias_scale)
                      <axis = 0>
  float[2]        c_bias_DequantizeLinear_out = DequantizeLinear(c_bias_quantized, c_bias_scale)
                      <axis = 0>
  float[2,2,1]    v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                      <axis = 0>
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  uint8[1,2,2,2]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,2,2]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,2,2]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out,
                      c_bias_DequantizeLinear_out)
  uint8[1,2,2,2]  c_QuantizeLinear_out = QuantizeLinear(c, c_scale, c_zero_point)
  float[1,2,2,2]  c_DequantizeLinear_out = DequantizeLinear(c_QuantizeLinear_out, c_scale,
                      c_zero_point)
  float[1,2,4]    a = Reshape(c_DequantizeLinear_out, s)
  uint8[1,2,4]    a_QuantizeLinear_out = QuantizeLinear(a, c_scale, c_zero_point)
  float[1,2,4]    a_DequantizeLinear_out = DequantizeLinear(a_QuantizeLinear_out, c_scale,
                      c_zero_point)
  float[1,2,4]    b = Transpose(a_DequantizeLinear_out) <perm = [0,1,2]>
  uint8[1,2,4]    b_QuantizeLinear_out = QuantizeLinear(b, c_scale, c_zero_point)
  float[1,2,4]    b_DequantizeLinear_out = DequantizeLinear(b_QuantizeLinear_out, c_scale,
                      c_zero_point)
  float[1,2,8]    k = Conv(b_DequantizeLinear_out, v_DequantizeLinear_out,
                      k_bias_DequantizeLinear_out) <pads = [2,2]>
  uint8[1,2,8]    k_QuantizeLinear_out = QuantizeLinear(k, k_scale, k_zero_point)
  float[1,2,8]    k_DequantizeLinear_out = DequantizeLinear(k_QuantizeLinear_out, k_scale,
                      k_zero_point)
  float[1,2,8]    y = Abs(k_DequantizeLinear_out)
  float[1,4,2]    d = Reshape(c_DequantizeLinear_out, t)
  float[1,4,2]    e = Transpose(d) <perm = [0,1,2]>
  float[1,4,2]    z = Abs(e)
}
