# SPDX-License-Identifier: Apache-2.0

# codes from one operator to the next; a Relu vanishes, a MaxPool moves codes, the sum stays float
run place calibrate solve lower-qoperator
target onnxruntime data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}>
{ c = Conv(x, w, b) r = Relu(c) p = MaxPool(r) <kernel_shape = [2,2]> d = Conv(p, w, b)
  s = Add(d, d) y = Ceil(s) }
expect <int32[2] c_bias_quantized,
        float x_scale,
        uint8 x_zero_point,
        float[2] w_scale = {0.01176489,0.007874016},
        int8[2] w_zero_point = {0,0},
        int8[2,2,1,1] w_quantized = {85,42,-127,32},
        float r_scale,
        uint8 r_zero_point,
        int32[2] b_quantized,
        float d_scale,
        uint8 d_zero_point>
{
  uint8[1,2,4,4]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  uint8[1,2,4,4]  c_QLinearConv_out = QLinearConv(x_QuantizeLinear_out, x_scale, x_zero_point,
                      w_quantized, w_scale, w_zero_point, r_scale, r_zero_point, c_bias_quantized)
  uint8[1,2,3,3]  p_MaxPool_out = MaxPool(c_QLinearConv_out) <kernel_shape = [2,2]>
  uint8[1,2,3,3]  d_QLinearConv_out = QLinearConv(p_MaxPool_out, r_scale, r_zero_point, w_quantized,
                      w_scale, w_zero_point, d_scale, d_zero_point, b_quantized)
  float[1,2,3,3]  d_DequantizeLinear_out = DequantizeLinear(d_QLinearConv_out, d_scale,
                      d_zero_point)
  float[1,2,3,3]  s = Add(d_DequantizeLinear_out, d_DequantizeLinear_out)
  float[1,2,3,3]  y = Ceil(s)
}

# a Clip that is not from 0 stays, between codes
run place calibrate solve lower-qoperator
target generic data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float low = -0.5, float high = 0.5>
{ c = Conv(x, w) r = Clip(c, low, high) z = Conv(r, w) y = Ceil(z) }
expect <int32[2] c_bias_quantized,
        float x_scale,
        uint8 x_zero_point,
        float[2] w_scale = {0.01176489,0.007874016},
        int8[2] w_zero_point = {0,0},
        int8[2,2,1,1] w_quantized = {85,42,-127,32},
        float c_scale,
        uint8 c_zero_point,
        int32[2] z_bias_quantized,
        float r_scale,
        uint8 r_zero_point,
        float z_scale,
        uint8 z_zero_point>
{
  uint8[1,2,4,4]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  uint8[1,2,4,4]  c_QLinearConv_out = QLinearConv(x_QuantizeLinear_out, x_scale, x_zero_point,
                      w_quantized, w_scale, w_zero_point, c_scale, c_zero_point, c_bias_quantized)
  float[1,2,4,4]  c_DequantizeLinear_out = DequantizeLinear(c_QLinearConv_out, c_scale,
                      c_zero_point)
  float[1,2,4,4]  r = Clip(c_DequantizeLinear_out, low, high)
  uint8[1,2,4,4]  r_QuantizeLinear_out = QuantizeLinear(r, r_scale, r_zero_point)
  uint8[1,2,4,4]  z_QLinearConv_out = QLinearConv(r_QuantizeLinear_out, r_scale, r_zero_point,
                      w_quantized, w_scale, w_zero_point, z_scale, z_zero_point, z_bias_quantized)
  float[1,2,4,4]  z_DequantizeLinear_out = DequantizeLinear(z_QLinearConv_out, z_scale,
                      z_zero_point)
  float[1,2,4,4]  y = Ceil(z_DequantizeLinear_out)
}

# matrix products: floats behind the bias, codes where the output is quantized
run place calibrate solve lower-qoperator
target generic data 4
g (float[1,2] x) => (float y)
<float[2,2] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}>
{ m = MatMul(x, w) a = Add(m, b) n = MatMul(a, w) k = Gemm(n, w, b) <transB = 1> y = Ceil(k) }
expect <float[2] a_bias_rounded,
        float x_scale,
        uint8 x_zero_point,
        float[2] m_weight_scale = {0.007874016,0.004833195},
        int8[2] m_weight_zero_point = {0,0},
        int8[2,2] m_weight_quantized = {127,103,-127,52},
        float a_scale,
        uint8 a_zero_point,
        float[2] n_weight_scale = {0.007874016,0.005619532},
        int8[2] n_weight_zero_point = {0,0},
        int8[2,2] n_weight_quantized = {127,89,-127,44},
        float n_scale,
        uint8 n_zero_point,
        int32[2] b_quantized,
        float[2] w_scale = {0.007874016,0.007874016},
        int8[2] w_zero_point = {0,0},
        int8[2,2] w_quantized = {127,64,-127,32},
        float k_scale,
        uint8 k_zero_point>
{
  uint8[1,2]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2]  [a_MatMulIntegerToFloat] a = com.microsoft.MatMulIntegerToFloat(x_QuantizeLinear_out,
                  m_weight_quantized, x_scale, m_weight_scale, x_zero_point, m_weight_zero_point,
                  a_bias_rounded)
  uint8[1,2]  a_QuantizeLinear_out = QuantizeLinear(a, a_scale, a_zero_point)
  uint8[1,2]  n_QLinearMatMul_out = QLinearMatMul(a_QuantizeLinear_out, a_scale, a_zero_point,
                  n_weight_quantized, n_weight_scale, n_weight_zero_point, n_scale, n_zero_point)
  uint8[1,2]  k_QGemm_out = com.microsoft.QGemm(n_QLinearMatMul_out, n_scale, n_zero_point,
                  w_quantized, w_scale, w_zero_point, b_quantized, k_scale, k_zero_point)
                  <transB = 1>
  float[1,2]  k_DequantizeLinear_out = DequantizeLinear(k_QGemm_out, k_scale, k_zero_point)
  float[1,2]  y = Ceil(k_DequantizeLinear_out)
}

# with elementwise operators all of it is codes
run place calibrate solve lower-qoperator
target onnxruntime elementwise data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}>
{ c = Conv(x, w, b) s = Add(c, x) r = Relu(s) t = Concat(r, x) <axis = 1>
  p = GlobalAveragePool(t) f = Flatten(p) q = Softmax(f) y = Ceil(q) }
expect <int32[2] b_quantized,
        float x_scale,
        uint8 x_zero_point,
        float[2] w_scale = {0.01129831,0.007874016},
        int8[2] w_zero_point = {0,0},
        int8[2,2,1,1] w_quantized = {89,44,-127,32},
        float c_scale,
        uint8 c_zero_point,
        float r_scale,
        uint8 r_zero_point,
        float t_scale,
        uint8 t_zero_point,
        float p_scale,
        uint8 p_zero_point,
        float q_scale,
        uint8 q_zero_point>
{
  uint8[1,2,4,4]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  uint8[1,2,4,4]  c_QLinearConv_out = QLinearConv(x_QuantizeLinear_out, x_scale, x_zero_point,
                      w_quantized, w_scale, w_zero_point, c_scale, c_zero_point, b_quantized)
  uint8[1,2,4,4]  s_QLinearAdd_out = com.microsoft.QLinearAdd(c_QLinearConv_out, c_scale,
                      c_zero_point, x_QuantizeLinear_out, x_scale, x_zero_point, r_scale,
                      r_zero_point)
  uint8[1,4,4,4]  t_QLinearConcat_out = com.microsoft.QLinearConcat(t_scale, t_zero_point,
                      s_QLinearAdd_out, r_scale, r_zero_point, x_QuantizeLinear_out, x_scale,
                      x_zero_point) <axis = 1>
  uint8[1,4,1,1]  p_QLinearGlobalAveragePool_out =
                      com.microsoft.QLinearGlobalAveragePool(t_QLinearConcat_out, t_scale,
                      t_zero_point, p_scale, p_zero_point) <channels_last = 0>
  uint8[1,4]      f_Flatten_out = Flatten(p_QLinearGlobalAveragePool_out)
  uint8[1,4]      q_QLinearSoftmax_out = com.microsoft.QLinearSoftmax(f_Flatten_out, p_scale,
                      p_zero_point, q_scale, q_zero_point) <opset = 13>
  float[1,4]      q_DequantizeLinear_out = DequantizeLinear(q_QLinearSoftmax_out, q_scale,
                      q_zero_point)
  float[1,4]      y = Ceil(q_DequantizeLinear_out)
}
