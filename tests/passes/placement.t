# SPDX-License-Identifier: Apache-2.0

# tensorrt: inputs of layers, and of a residual sum the branch beside the layer; Conv, Add and Relu
# stay together, the bias is float
run place calibrate solve lower-qdq
target tensorrt data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}, float[2,2,1,1] v = {1, 0.25, 0, 1}>
{ r = Relu(x) c = Conv(r, w, b) s = Add(c, r) t = Relu(s) y = Conv(t, v) }
expect <float[2] y_bias = {0,0},
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float[2] w_scale = {0.007874016,0.007874016},
        int8[2] w_zero_point = {0,0},
        int8[2,2,1,1] v_quantized = {127,32,0,127},
        float[2] v_scale = {0.007874016,0.007874016},
        int8[2] v_zero_point = {0,0},
        float r_scale,
        int8 r_zero_point = {0},
        float t_scale,
        int8 t_zero_point = {0}>
{
  float[2,2,1,1]  v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                      <axis = 0>
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  float[1,2,4,4]  r = Relu(x)
  int8[1,2,4,4]   r_QuantizeLinear_out = QuantizeLinear(r, r_scale, r_zero_point)
  float[1,2,4,4]  r_DequantizeLinear_out = DequantizeLinear(r_QuantizeLinear_out, r_scale,
                      r_zero_point)
  float[1,2,4,4]  c = Conv(r_DequantizeLinear_out, w_DequantizeLinear_out, b)
  float[1,2,4,4]  s = Add(c, r_DequantizeLinear_out)
  float[1,2,4,4]  t = Relu(s)
  int8[1,2,4,4]   t_QuantizeLinear_out = QuantizeLinear(t, t_scale, t_zero_point)
  float[1,2,4,4]  t_DequantizeLinear_out = DequantizeLinear(t_QuantizeLinear_out, t_scale,
                      t_zero_point)
  float[1,2,4,4]  y = Conv(t_DequantizeLinear_out, v_DequantizeLinear_out, y_bias)
}

# tensorrt: a branch with a convolution in it is the skip branch of one with two
run place calibrate solve lower-qdq
target tensorrt data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2,2,1,1] v = {1, 0.25, 0, 1},
 float[2,2,1,1] u = {1, 0.75, 0, 1}>
{ d = Conv(x, u) c = Conv(x, w) r = Relu(c) e = Conv(r, v) s = Add(d, e) y = Relu(s) }
expect <float[2] d_bias = {0,0},
        float[2] c_bias = {0,0},
        float[2] e_bias = {0,0},
        float x_scale,
        int8 x_zero_point = {0},
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float[2] w_scale = {0.007874016,0.007874016},
        int8[2] w_zero_point = {0,0},
        int8[2,2,1,1] v_quantized = {127,32,0,127},
        float[2] v_scale = {0.007874016,0.007874016},
        int8[2] v_zero_point = {0,0},
        int8[2,2,1,1] u_quantized = {127,95,0,127},
        float[2] u_scale = {0.007874016,0.007874016},
        int8[2] u_zero_point = {0,0},
        float d_scale,
        int8 d_zero_point = {0},
        float r_scale,
        int8 r_zero_point = {0}>
{
  float[2,2,1,1]  u_DequantizeLinear_out = DequantizeLinear(u_quantized, u_scale, u_zero_point)
                      <axis = 0>
  float[2,2,1,1]  v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                      <axis = 0>
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  int8[1,2,4,4]   x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  d = Conv(x_DequantizeLinear_out, u_DequantizeLinear_out, d_bias)
  int8[1,2,4,4]   d_QuantizeLinear_out = QuantizeLinear(d, d_scale, d_zero_point)
  float[1,2,4,4]  d_DequantizeLinear_out = DequantizeLinear(d_QuantizeLinear_out, d_scale,
                      d_zero_point)
  float[1,2,4,4]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out, c_bias)
  float[1,2,4,4]  r = Relu(c)
  int8[1,2,4,4]   r_QuantizeLinear_out = QuantizeLinear(r, r_scale, r_zero_point)
  float[1,2,4,4]  r_DequantizeLinear_out = DequantizeLinear(r_QuantizeLinear_out, r_scale,
                      r_zero_point)
  float[1,2,4,4]  e = Conv(r_DequantizeLinear_out, v_DequantizeLinear_out, e_bias)
  float[1,2,4,4]  s = Add(d_DequantizeLinear_out, e)
  float[1,2,4,4]  y = Relu(s)
}

# tensorrt: a sum without a layer in front of it stays float
run place calibrate solve lower-qdq
target tensorrt data 4
g (float[1,2,4,4] x) => (float y, float z)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}>
{ c = Conv(x, w) r = Sigmoid(c) y = Add(r, x) p = MaxPool(r) <kernel_shape = [2,2]> z = Conv(p, w) }
expect <float[2] c_bias = {0,0},
        float[2] z_bias = {0,0},
        float x_scale,
        int8 x_zero_point = {0},
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float[2] w_scale = {0.007874016,0.007874016},
        int8[2] w_zero_point = {0,0},
        float p_scale,
        int8 p_zero_point = {0}>
{
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  int8[1,2,4,4]   x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out, c_bias)
  float[1,2,4,4]  r = Sigmoid(c)
  float[1,2,4,4]  y = Add(r, x)
  float[1,2,3,3]  p = MaxPool(r) <kernel_shape = [2,2]>
  int8[1,2,3,3]   p_QuantizeLinear_out = QuantizeLinear(p, p_scale, p_zero_point)
  float[1,2,3,3]  p_DequantizeLinear_out = DequantizeLinear(p_QuantizeLinear_out, p_scale,
                      p_zero_point)
  float[1,2,3,3]  z = Conv(p_DequantizeLinear_out, w_DequantizeLinear_out, z_bias)
}

# qnn: every operator has quantizers on all sides; a Relu behind a Conv vanishes; one scale for what
# moves codes; constants are rounded like activations
run place calibrate solve lower-qdq
target qnn data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}, float[2,1,1] k = {0.5, 2}>
{ c = Conv(x, w, b) r = Relu(c) m = Mul(r, k) p = MaxPool(m) <kernel_shape = [2,2]>
  f = Flatten(p) o = Sigmoid(f) y = Ceil(o) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float[2] w_scale = {0.007874016,0.007874016},
        int8[2] w_zero_point = {0,0},
        int32[2] b_quantized,
        float[2] b_scale,
        uint8[2,1,1] k_quantized = {64,255},
        float k_scale,
        uint8 k_zero_point,
        float r_scale,
        uint8 r_zero_point,
        float m_scale,
        uint8 m_zero_point,
        float o_scale,
        uint8 o_zero_point>
{
  float[2,1,1]    k_DequantizeLinear_out = DequantizeLinear(k_quantized, k_scale, k_zero_point)
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
  float[1,2,4,4]  m = Mul(r_DequantizeLinear_out, k_DequantizeLinear_out)
  uint8[1,2,4,4]  m_QuantizeLinear_out = QuantizeLinear(m, m_scale, m_zero_point)
  float[1,2,4,4]  m_DequantizeLinear_out = DequantizeLinear(m_QuantizeLinear_out, m_scale,
                      m_zero_point)
  float[1,2,3,3]  p = MaxPool(m_DequantizeLinear_out) <kernel_shape = [2,2]>
  uint8[1,2,3,3]  p_QuantizeLinear_out = QuantizeLinear(p, m_scale, m_zero_point)
  float[1,2,3,3]  p_DequantizeLinear_out = DequantizeLinear(p_QuantizeLinear_out, m_scale,
                      m_zero_point)
  float[1,18]     f = Flatten(p_DequantizeLinear_out)
  uint8[1,18]     f_QuantizeLinear_out = QuantizeLinear(f, m_scale, m_zero_point)
  float[1,18]     f_DequantizeLinear_out = DequantizeLinear(f_QuantizeLinear_out, m_scale,
                      m_zero_point)
  float[1,18]     o = Sigmoid(f_DequantizeLinear_out)
  uint8[1,18]     o_QuantizeLinear_out = QuantizeLinear(o, o_scale, o_zero_point)
  float[1,18]     o_DequantizeLinear_out = DequantizeLinear(o_QuantizeLinear_out, o_scale,
                      o_zero_point)
  float[1,18]     y = Ceil(o_DequantizeLinear_out)
}

# qnn: one scale for the weight of a matrix product, its sum is an operator of its own; products of
# activations are quantized as well
run place calibrate solve lower-qdq
target qnn data 4
opset 17
g (float[2,2] x) => (float y)
<float[2,3] w = {1, 0.5, -1, 0.25, 2, 1}, float[3] b = {1, 2, 3}, float[3] k = {1, 1, 2}>
{ p = MatMul(x, w) a = Add(p, b) n = LayerNormalization(a, k, b) t = Transpose(n) <perm = [1,0]>
  o = MatMul(n, t) y = Ceil(o) }
expect <float[3] n_bias = {1,2,3},
        float x_scale,
        uint8 x_zero_point,
        int8[2,3] w_quantized = {64,32,-64,16,127,64},
        float w_scale,
        int8 w_zero_point = {0},
        uint8[3] b_quantized = {85,170,255},
        float b_scale,
        uint8 b_zero_point,
        int8[3] k_quantized = {64,64,127},
        float k_scale,
        int8 k_zero_point = {0},
        float p_scale,
        uint8 p_zero_point,
        float a_scale,
        uint8 a_zero_point,
        float n_scale,
        uint8 n_zero_point,
        float o_scale,
        uint8 o_zero_point>
{
  float[3]    k_DequantizeLinear_out = DequantizeLinear(k_quantized, k_scale, k_zero_point)
  float[3]    b_DequantizeLinear_out = DequantizeLinear(b_quantized, b_scale, b_zero_point)
  float[2,3]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
  uint8[2,2]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[2,2]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale, x_zero_point)
  float[2,3]  p = MatMul(x_DequantizeLinear_out, w_DequantizeLinear_out)
  uint8[2,3]  p_QuantizeLinear_out = QuantizeLinear(p, p_scale, p_zero_point)
  float[2,3]  p_DequantizeLinear_out = DequantizeLinear(p_QuantizeLinear_out, p_scale, p_zero_point)
  float[2,3]  a = Add(p_DequantizeLinear_out, b_DequantizeLinear_out)
  uint8[2,3]  a_QuantizeLinear_out = QuantizeLinear(a, a_scale, a_zero_point)
  float[2,3]  a_DequantizeLinear_out = DequantizeLinear(a_QuantizeLinear_out, a_scale, a_zero_point)
  float[2,3]  n = LayerNormalization(a_DequantizeLinear_out, k_DequantizeLinear_out, n_bias)
  uint8[2,3]  n_QuantizeLinear_out = QuantizeLinear(n, n_scale, n_zero_point)
  float[2,3]  n_DequantizeLinear_out = DequantizeLinear(n_QuantizeLinear_out, n_scale, n_zero_point)
  float[3,2]  t = Transpose(n_DequantizeLinear_out) <perm = [1,0]>
  uint8[3,2]  t_QuantizeLinear_out = QuantizeLinear(t, n_scale, n_zero_point)
  float[3,2]  t_DequantizeLinear_out = DequantizeLinear(t_QuantizeLinear_out, n_scale, n_zero_point)
  float[2,2]  o = MatMul(n_DequantizeLinear_out, t_DequantizeLinear_out)
  uint8[2,2]  o_QuantizeLinear_out = QuantizeLinear(o, o_scale, o_zero_point)
  float[2,2]  o_DequantizeLinear_out = DequantizeLinear(o_QuantizeLinear_out, o_scale, o_zero_point)
  float[2,2]  y = Ceil(o_DequantizeLinear_out)
}

# qnn: what a mask is added to stays float as far as the Softmax
run place calibrate solve lower-qdq
target qnn data 4
g (float[2,2] x, bool[2,2] b) => (float y)
<float zero = 0, float low = -3e38, float[2,2] w = {1, 0, 0, 1}>
{ m = Where(b, zero, low) p = MatMul(x, w) s = Add(p, m) q = Softmax(s) o = MatMul(q, x)
  y = Ceil(o) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[2,2] w_quantized = {127,0,0,127},
        float w_scale,
        int8 w_zero_point = {0},
        float p_scale,
        uint8 p_zero_point,
        float q_scale,
        uint8 q_zero_point,
        float o_scale,
        uint8 o_zero_point>
{
  float[2,2]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
  uint8[2,2]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[2,2]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale, x_zero_point)
  float[2,2]  m = Where(b, zero, low)
  float[2,2]  p = MatMul(x_DequantizeLinear_out, w_DequantizeLinear_out)
  uint8[2,2]  p_QuantizeLinear_out = QuantizeLinear(p, p_scale, p_zero_point)
  float[2,2]  p_DequantizeLinear_out = DequantizeLinear(p_QuantizeLinear_out, p_scale, p_zero_point)
  float[2,2]  s = Add(p_DequantizeLinear_out, m)
  float[2,2]  q = Softmax(s)
  uint8[2,2]  q_QuantizeLinear_out = QuantizeLinear(q, q_scale, q_zero_point)
  float[2,2]  q_DequantizeLinear_out = DequantizeLinear(q_QuantizeLinear_out, q_scale, q_zero_point)
  float[2,2]  o = MatMul(q_DequantizeLinear_out, x_DequantizeLinear_out)
  uint8[2,2]  o_QuantizeLinear_out = QuantizeLinear(o, o_scale, o_zero_point)
  float[2,2]  o_DequantizeLinear_out = DequantizeLinear(o_QuantizeLinear_out, o_scale, o_zero_point)
  float[2,2]  y = Ceil(o_DequantizeLinear_out)
}

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
