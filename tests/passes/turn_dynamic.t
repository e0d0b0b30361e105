# SPDX-License-Identifier: Apache-2.0

# samples a thousand times louder than others: one range does not serve the product, which is
# divided by the loudness again; it serves the convolution in front
run place calibrate solve turn-dynamic lower-qdq
target onnxruntime data 16 keeps 10
g (float[1,4,8] x) => (float y)
<float[4,4,1] u = random(1), float[8,8] w = random(2), float loud = 40>
{ c = Conv(x, u) m = ReduceMean(c) <axes = [1,2]> k = Mul(m, loud) e = Exp(k) s = Mul(c, e)
  p = MatMul(s, w) y = Div(p, e) }
expect note "1 layer has its input quantized at run time: "
expect <int8[8,8] p_quantized,
        int8[8] p_zero_point = {0,0,0,0,0,0,0,0},
        float[8] p_scale = {0.0136726,0.007383403,0.006894224,0.01238276,0.007784739,0.01206756,0.01011761,0.009007212},
        float x_scale = {0.02237363},
        uint8 x_zero_point = {129},
        int8[4,4,1] u_quantized,
        float[4] u_scale = {0.004008841,0.00737583,0.00732094,0.01447204},
        int8[4] u_zero_point = {0,0,0,0},
        int32[4] c_bias_quantized = {0,0,0,0},
        float[4] c_bias_scale = {8.969234e-05,0.0001650241,0.000163796,0.0003237921},
        float c_scale = {0.03611733},
        uint8 c_zero_point = {128}>
{
  float[4]      c_bias_DequantizeLinear_out = DequantizeLinear(c_bias_quantized, c_bias_scale)
                    <axis = 0>
  float[4,4,1]  u_DequantizeLinear_out = DequantizeLinear(u_quantized, u_scale, u_zero_point)
                    <axis = 0>
  uint8[1,4,8]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,4,8]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                    x_zero_point)
  float[1,4,8]  c = Conv(x_DequantizeLinear_out, u_DequantizeLinear_out,
                    c_bias_DequantizeLinear_out)
  uint8[1,4,8]  c_QuantizeLinear_out = QuantizeLinear(c, c_scale, c_zero_point)
  float[1,4,8]  c_DequantizeLinear_out = DequantizeLinear(c_QuantizeLinear_out, c_scale,
                    c_zero_point)
  float[1,1,1]  m = ReduceMean(c_DequantizeLinear_out) <axes = [1,2]>
  float[1,1,1]  k = Mul(m, loud)
  float[1,1,1]  e = Exp(k)
  float[1,4,8]  s = Mul(c_DequantizeLinear_out, e)
  uint8[1,4,8]  s_DynamicQuantizeLinear_out, s_DynamicQuantizeLinear_out_1,
                    s_DynamicQuantizeLinear_out_2 = DynamicQuantizeLinear(s)
  ?             p_MatMulInteger_out = MatMulInteger(s_DynamicQuantizeLinear_out, p_quantized,
                    s_DynamicQuantizeLinear_out_2, p_zero_point)
  ?             p_Cast_out = Cast(p_MatMulInteger_out) <to = 1>
  ?             p_Mul_out = Mul(s_DynamicQuantizeLinear_out_1, p_scale)
  float[1,4,8]  [p_Mul_1] p = Mul(p_Cast_out, p_Mul_out)
  float[1,4,8]  y = Div(p, e)
}

# where one range serves nothing is turned
run place calibrate solve turn-dynamic lower-qdq
target onnxruntime data 16 keeps 10
g (float[1,8] x) => (float y)
<float[8,8] w = random(2), float one = 1>
{ p = MatMul(x, w) y = Div(p, one) }
expect <float x_scale = {0.0312693},
        uint8 x_zero_point = {130},
        int8[8,8] w_quantized,
        float[8] w_scale = {0.01108043,0.006922593,0.006894224,0.00997416,0.007784739,0.009959595,0.009195566,0.007661795},
        int8[8] w_zero_point = {0,0,0,0,0,0,0,0}>
{
  float[8,8]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                  <axis = 1>
  uint8[1,8]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,8]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale, x_zero_point)
  float[1,8]  p = MatMul(x_DequantizeLinear_out, w_DequantizeLinear_out)
  float[1,8]  y = Div(p, one)
}
