# SPDX-License-Identifier: Apache-2.0

# a value that two layers read is quantized once; MatMul takes one scale a column, its bias is an
# Add as before; Gemm's weight is turned, its bias added
run place calibrate solve lower-dynamic
target onnxruntime as dynamic
g (float[1,2] x) => (float y)
<float[2,2] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}>
{ m = MatMul(x, w) a = Add(m, b) k = Gemm(x, w, b) <transB = 1> y = Mul(a, k) }
expect <float[2] a_bias = {1,2},
        int8[2,2] m_quantized = {127,85,-127,42},
        int8[2] m_zero_point = {0,0},
        float[2] m_scale = {0.007874016,0.005882443},
        int8[2,2] k_quantized = {85,-127,42,32},
        int8[2] k_zero_point = {0,0},
        float[2] k_scale = {0.01176489,0.007874016}>
{
  uint8[1,2]  x_DynamicQuantizeLinear_out, x_DynamicQuantizeLinear_out_1,
                  x_DynamicQuantizeLinear_out_2 = DynamicQuantizeLinear(x)
  ?           m_MatMulInteger_out = MatMulInteger(x_DynamicQuantizeLinear_out, m_quantized,
                  x_DynamicQuantizeLinear_out_2, m_zero_point)
  ?           m_Cast_out = Cast(m_MatMulInteger_out) <to = 1>
  ?           m_Mul_out = Mul(x_DynamicQuantizeLinear_out_1, m_scale)
  float[1,2]  [m_Mul_1] m = Mul(m_Cast_out, m_Mul_out)
  float[1,2]  a = Add(m, a_bias)
  ?           k_MatMulInteger_out = MatMulInteger(x_DynamicQuantizeLinear_out, k_quantized,
                  x_DynamicQuantizeLinear_out_2, k_zero_point)
  ?           k_Cast_out = Cast(k_MatMulInteger_out) <to = 1>
  ?           k_Mul_out = Mul(x_DynamicQuantizeLinear_out_1, k_scale)
  ?           k_Mul_1_out = Mul(k_Cast_out, k_Mul_out)
  float[1,2]  [k_Add] k = Add(k_Mul_1_out, b)
  float[1,2]  y = Mul(a, k)
}

# scales and bias of a convolution lie along axis 1
run place calibrate solve lower-dynamic
target onnxruntime as dynamic
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}>
{ c = Conv(x, w, b) <strides = [2,2]> y = Relu(c) }
expect <int8[2,2,1,1] c_quantized = {127,64,-127,32},
        float[2,1,1] c_scale_1 = {0.007874016,0.007874016},
        float[2,1,1] c_bias = {1,2}>
{
  uint8[1,2,4,4]  x_DynamicQuantizeLinear_out, x_DynamicQuantizeLinear_out_1,
                      x_DynamicQuantizeLinear_out_2 = DynamicQuantizeLinear(x)
  ?               c_ConvInteger_out = ConvInteger(x_DynamicQuantizeLinear_out, c_quantized,
                      x_DynamicQuantizeLinear_out_2) <strides = [2,2]>
  ?               c_Cast_out = Cast(c_ConvInteger_out) <to = 1>
  ?               c_Mul_out = Mul(x_DynamicQuantizeLinear_out_1, c_scale_1)
  ?               c_Mul_1_out = Mul(c_Cast_out, c_Mul_out)
  float[1,2,2,2]  [c_Add] c = Add(c_Mul_1_out, c_bias)
  float[1,2,2,2]  y = Relu(c)
}

# weights only: blocks along the inner axis, the last one shorter; 4 bits are for matrices, a
# convolution gets 8
run place calibrate solve lower-qdq
target onnxruntime block 2 as dq
g (float[1,2,1,1] x) => (float y)
<float[3,2,1,1] v = {2, 0.5, -1, 0.25, 0, 4}, float[3,2] w = {1, 0.5, -7, 0.25, 14, 0}>
{ c = Conv(x, v) f = Flatten(c) y = MatMul(f, w) }
expect <float[3] c_bias = {0,0,0},
        int8[3,2,1,1] v_quantized = {127,32,-127,32,0,127},
        float[3] v_scale = {0.01574803,0.007874016,0.03149606},
        int8[3] v_zero_point = {0,0,0},
        int4[3,2] w_quantized = {1,7,-8,3,7,0},
        float[2,2] w_scale = {0.875,0.07142857,2,1}>
{
  float[3,2]      w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale) <axis = 0,
                      block_size = 2>
  float[3,2,1,1]  v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                      <axis = 0>
  float[1,3,1,1]  c = Conv(x, v_DequantizeLinear_out, c_bias)
  float[1,3]      f = Flatten(c)
  float[1,2]      y = MatMul(f, w_DequantizeLinear_out)
}

# openvino takes whole blocks only
run place calibrate solve lower-qdq
target openvino block 2 as dq
g (float[1,3] x) => (float y)
<float[3,2] w = {1, 0.5, -7, 0.25, 14, 0}>
{ y = MatMul(x, w) }
expect <int8[3,2] w_quantized = {9,127,-64,64,127,0},
        float[2] w_scale = {0.1102362,0.003937008},
        int8[2] w_zero_point = {0,0}>
{
  float[3,2]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                  <axis = 1>
  float[1,2]  y = MatMul(x, w_DequantizeLinear_out)
}

# a scale for each row: rows are divided by it, so that one grid is good for all, and products are
# multiplied by it; a Gemm becomes a MatMul and its bias comes last
run place calibrate solve lower-dynamic
target onnxruntime token as dynamic
g (float[2,3] x) => (float y, float z)
<float[3,2] w = {1, 0.5, -1, 0.25, 0, 2}, float[2,3] v = {1, 0.5, -1, 0.25, 0, 2}, float[2] b = {1, 2}>
{ y = MatMul(x, w) z = Gemm(x, v, b) <transB = 1> }
expect <float x_unit = {0.007874016},
        float x_least = {1e-12},
        float x_one = {1},
        uint8 x_zero_point = {128},
        int8[3,2] w_quantized = {127,32,-127,16,0,127},
        float[2] w_scale = {0.007874016,0.01574803},
        int8[2] w_zero_point = {0,0},
        int8[3,2] z_weight_quantized = {85,16,42,0,-85,127},
        float[2] z_weight_scale = {0.01176489,0.01574803},
        int8[2] z_weight_zero_point = {0,0}>
{
  float[3,2]  z_weight_DequantizeLinear_out = DequantizeLinear(z_weight_quantized, z_weight_scale,
                  z_weight_zero_point) <axis = 1>
  float[3,2]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                  <axis = 1>
  ?           x_Abs_out = Abs(x)
  ?           x_ReduceMax_out = ReduceMax(x_Abs_out) <axes = [-1]>
  ?           x_Mul_out = Mul(x_ReduceMax_out, x_unit)
  ?           x_Max_out = Max(x_Mul_out, x_least)
  ?           x_Div_out = Div(x, x_Max_out)
  ?           x_QuantizeLinear_out = QuantizeLinear(x_Div_out, x_one, x_zero_point)
  ?           x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_one, x_zero_point)
  ?           y_MatMul_out = MatMul(x_DequantizeLinear_out, w_DequantizeLinear_out)
  float[2,2]  [y_Mul] y = Mul(y_MatMul_out, x_Max_out)
  ?           z_MatMul_out = MatMul(x_DequantizeLinear_out, z_weight_DequantizeLinear_out)
  ?           z_Mul_out = Mul(z_MatMul_out, x_Max_out)
  float[2,2]  [z_Add] z = Add(z_Mul_out, b)
}

# from opset 18 on the axes of ReduceMax are an input
run place calibrate solve lower-dynamic
target onnxruntime token as dynamic
opset 18
g (float[2,3] x) => (float y)
<float[3,2] w = {1, 0.5, -1, 0.25, 0, 2}>
{ y = MatMul(x, w) }
expect <int64[1] x_axes = {-1},
        float x_unit = {0.007874016},
        float x_least = {1e-12},
        float x_one = {1},
        uint8 x_zero_point = {128},
        int8[3,2] w_quantized = {127,32,-127,16,0,127},
        float[2] w_scale = {0.007874016,0.01574803},
        int8[2] w_zero_point = {0,0}>
{
  float[3,2]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                  <axis = 1>
  ?           x_Abs_out = Abs(x)
  ?           x_ReduceMax_out = ReduceMax(x_Abs_out, x_axes)
  ?           x_Mul_out = Mul(x_ReduceMax_out, x_unit)
  ?           x_Max_out = Max(x_Mul_out, x_least)
  ?           x_Div_out = Div(x, x_Max_out)
  ?           x_QuantizeLinear_out = QuantizeLinear(x_Div_out, x_one, x_zero_point)
  ?           x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_one, x_zero_point)
  ?           y_MatMul_out = MatMul(x_DequantizeLinear_out, w_DequantizeLinear_out)
  float[2,2]  [y_Mul] y = Mul(y_MatMul_out, x_Max_out)
}

# what a convolution reads as well has one scale; openvino's convolutions stay float
run place calibrate solve lower-dynamic
target onnxruntime token as dynamic
g (float[1,2,3,2] x) => (float y, float z)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2,2] v = {1, 0.5, -1, 0.25}>
{ y = Conv(x, w) z = MatMul(x, v) }
expect <int8[2,2,1,1] y_quantized = {127,64,-127,32},
        float[2,1,1] y_scale_1 = {0.007874016,0.007874016},
        int8[2,2] z_quantized = {127,85,-127,42},
        int8[2] z_zero_point = {0,0},
        float[2] z_scale = {0.007874016,0.005882443}>
{
  uint8[1,2,3,2]  x_DynamicQuantizeLinear_out, x_DynamicQuantizeLinear_out_1,
                      x_DynamicQuantizeLinear_out_2 = DynamicQuantizeLinear(x)
  ?               y_ConvInteger_out = ConvInteger(x_DynamicQuantizeLinear_out, y_quantized,
                      x_DynamicQuantizeLinear_out_2)
  ?               y_Cast_out = Cast(y_ConvInteger_out) <to = 1>
  ?               y_Mul_out = Mul(x_DynamicQuantizeLinear_out_1, y_scale_1)
  float[1,2,3,2]  [y_Mul_1] y = Mul(y_Cast_out, y_Mul_out)
  ?               z_MatMulInteger_out = MatMulInteger(x_DynamicQuantizeLinear_out, z_quantized,
                      x_DynamicQuantizeLinear_out_2, z_zero_point)
  ?               z_Cast_out = Cast(z_MatMulInteger_out) <to = 1>
  ?               z_Mul_out = Mul(x_DynamicQuantizeLinear_out_1, z_scale)
  float[1,2,3,2]  [z_Mul_1] z = Mul(z_Cast_out, z_Mul_out)
}

# openvino runs in integers only what has a scale for each row
run place calibrate solve lower-dynamic
target openvino as dynamic
g (float[1,2,3,2] x) => (float y, float z)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2,2] v = {1, 0.5, -1, 0.25}>
{ y = Conv(x, w) z = MatMul(x, v) }
expect <float x_unit = {0.007874016},
        float x_least = {1e-12},
        float x_one = {1},
        uint8 x_zero_point = {128},
        int8[2,2] v_quantized = {127,85,-127,42},
        float[2] v_scale = {0.007874016,0.005882443},
        int8[2] v_zero_point = {0,0}>
{
  float[2,2]      v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                      <axis = 1>
  ?               x_Abs_out = Abs(x)
  ?               x_ReduceMax_out = ReduceMax(x_Abs_out) <axes = [-1]>
  ?               x_Mul_out = Mul(x_ReduceMax_out, x_unit)
  ?               x_Max_out = Max(x_Mul_out, x_least)
  ?               x_Div_out = Div(x, x_Max_out)
  ?               x_QuantizeLinear_out = QuantizeLinear(x_Div_out, x_one, x_zero_point)
  ?               x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_one,
                      x_zero_point)
  float[1,2,3,2]  y = Conv(x, w)
  ?               z_MatMul_out = MatMul(x_DequantizeLinear_out, v_DequantizeLinear_out)
  float[1,2,3,2]  [z_Mul] z = Mul(z_MatMul_out, x_Max_out)
}
