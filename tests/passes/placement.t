# SPDX-License-Identifier: Apache-2.0

# generic: inputs and outputs of layers
run place calibrate solve lower-qdq
target generic data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}, float[32,2] v = random(1)>
{ c = Conv(x, w, b) r = Relu(c) s = Add(r, x) f = Flatten(s) o = MatMul(f, v) y = Ceil(o) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float[2] w_scale = {0.007874016,0.007874016},
        int8[2] w_zero_point = {0,0},
        int32[2] b_quantized,
        float[2] b_scale,
        int8[32,2] v_quantized,
        float[2] v_scale = {0.007796909,0.007459632},
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
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float[2] w_scale = {0.007874016,0.007874016},
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
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float[2] w_scale = {0.007874016,0.007874016},
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
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float[2] w_scale = {0.007874016,0.007874016},
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
