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

# tensorrt: both sides of a product of activations, and of a product with a weight the input; the
# scaling and the Softmax between them stay float, no output is quantized
run place calibrate solve lower-qdq
target tensorrt data 4
g (float[2,4] x) => (float y)
<float[4,4] q = {1,0,0,0.5, 0,1,0,0, 0,0,1,0, 0,0,0,1}, float[4,4] k = {1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0.25,0,1}, float scale = 0.5>
{ a = MatMul(x, q) b = MatMul(x, k) t = Transpose(b) <perm = [1,0]> p = MatMul(a, t)
  s = Mul(p, scale) w = Softmax(s) o = MatMul(w, b) y = Relu(o) }
expect <float x_scale,
        int8 x_zero_point = {0},
        int8[4,4] q_quantized,
        float[4] q_scale = {0.007874016,0.007874016,0.007874016,0.007874016},
        int8[4] q_zero_point = {0,0,0,0},
        int8[4,4] k_quantized,
        float[4] k_scale = {0.007874016,0.007874016,0.007874016,0.007874016},
        int8[4] k_zero_point = {0,0,0,0},
        float a_scale,
        int8 a_zero_point = {0},
        float b_scale,
        int8 b_zero_point = {0},
        float t_scale,
        int8 t_zero_point = {0},
        float w_scale,
        int8 w_zero_point = {0}>
{
  float[4,4]  k_DequantizeLinear_out = DequantizeLinear(k_quantized, k_scale, k_zero_point)
                  <axis = 1>
  float[4,4]  q_DequantizeLinear_out = DequantizeLinear(q_quantized, q_scale, q_zero_point)
                  <axis = 1>
  int8[2,4]   x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[2,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale, x_zero_point)
  float[2,4]  a = MatMul(x_DequantizeLinear_out, q_DequantizeLinear_out)
  int8[2,4]   a_QuantizeLinear_out = QuantizeLinear(a, a_scale, a_zero_point)
  float[2,4]  a_DequantizeLinear_out = DequantizeLinear(a_QuantizeLinear_out, a_scale, a_zero_point)
  float[2,4]  b = MatMul(x_DequantizeLinear_out, k_DequantizeLinear_out)
  int8[2,4]   b_QuantizeLinear_out = QuantizeLinear(b, b_scale, b_zero_point)
  float[2,4]  b_DequantizeLinear_out = DequantizeLinear(b_QuantizeLinear_out, b_scale, b_zero_point)
  float[4,2]  t = Transpose(b) <perm = [1,0]>
  int8[4,2]   t_QuantizeLinear_out = QuantizeLinear(t, t_scale, t_zero_point)
  float[4,2]  t_DequantizeLinear_out = DequantizeLinear(t_QuantizeLinear_out, t_scale, t_zero_point)
  float[2,2]  p = MatMul(a_DequantizeLinear_out, t_DequantizeLinear_out)
  float[2,2]  s = Mul(p, scale)
  float[2,2]  w = Softmax(s)
  int8[2,2]   w_QuantizeLinear_out = QuantizeLinear(w, w_scale, w_zero_point)
  float[2,2]  w_DequantizeLinear_out = DequantizeLinear(w_QuantizeLinear_out, w_scale, w_zero_point)
  float[2,4]  o = MatMul(w_DequantizeLinear_out, b_DequantizeLinear_out)
  float[2,4]  y = Relu(o)
}

# tensorrt: a sum of branches that are no layers is float, on both sides
run place calibrate solve lower-qdq
target tensorrt data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}>
{ c = Conv(x, w) r = Relu(c) s = Sigmoid(c) a = Add(r, s) d = Conv(a, w) y = Relu(d) }
expect <float[2] c_bias = {0,0},
        float[2] d_bias = {0,0},
        float x_scale,
        int8 x_zero_point = {0},
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float[2] w_scale = {0.007874016,0.007874016},
        int8[2] w_zero_point = {0,0},
        float a_scale,
        int8 a_zero_point = {0}>
{
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  int8[1,2,4,4]   x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out, c_bias)
  float[1,2,4,4]  r = Relu(c)
  float[1,2,4,4]  s = Sigmoid(c)
  float[1,2,4,4]  a = Add(r, s)
  int8[1,2,4,4]   a_QuantizeLinear_out = QuantizeLinear(a, a_scale, a_zero_point)
  float[1,2,4,4]  a_DequantizeLinear_out = DequantizeLinear(a_QuantizeLinear_out, a_scale,
                      a_zero_point)
  float[1,2,4,4]  d = Conv(a_DequantizeLinear_out, w_DequantizeLinear_out, d_bias)
  float[1,2,4,4]  y = Relu(d)
}

# tensorrt: what is joined and read by a layer has one scale; a part that only the Concat reads needs
# no quantizer of its own
run place calibrate solve lower-qdq
target tensorrt data 4
g (float[1,2,4,4] x) => (float y, float z)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2,4,1,1] v = {1, 0.5, -1, 0.25, 0.5, 0.5, 0.5, 0.5}>
{ c = Conv(x, w) r = Relu(c) d = Conv(r, w) j = Concat(r, d) <axis = 1> y = Conv(j, v)
  k = Concat(c, d) <axis = 1> z = Relu(k) }
expect <float[2] c_bias = {0,0},
        float[2] d_bias = {0,0},
        float[2] y_bias = {0,0},
        float x_scale,
        int8 x_zero_point = {0},
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float[2] w_scale = {0.007874016,0.007874016},
        int8[2] w_zero_point = {0,0},
        int8[2,4,1,1] v_quantized = {127,64,-127,32,127,127,127,127},
        float[2] v_scale = {0.007874016,0.003937008},
        int8[2] v_zero_point = {0,0},
        float r_scale,
        int8 r_zero_point = {0}>
{
  float[2,4,1,1]  v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                      <axis = 0>
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  int8[1,2,4,4]   x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out, c_bias)
  float[1,2,4,4]  r = Relu(c)
  int8[1,2,4,4]   r_QuantizeLinear_out = QuantizeLinear(r, r_scale, r_zero_point)
  float[1,2,4,4]  r_DequantizeLinear_out = DequantizeLinear(r_QuantizeLinear_out, r_scale,
                      r_zero_point)
  float[1,2,4,4]  d = Conv(r_DequantizeLinear_out, w_DequantizeLinear_out, d_bias)
  float[1,4,4,4]  j = Concat(r_DequantizeLinear_out, d) <axis = 1>
  int8[1,4,4,4]   j_QuantizeLinear_out = QuantizeLinear(j, r_scale, r_zero_point)
  float[1,4,4,4]  j_DequantizeLinear_out = DequantizeLinear(j_QuantizeLinear_out, r_scale,
                      r_zero_point)
  float[1,2,4,4]  y = Conv(j_DequantizeLinear_out, v_DequantizeLinear_out, y_bias)
  float[1,4,4,4]  k = Concat(c, d) <axis = 1>
  float[1,4,4,4]  z = Relu(k)
}

# tensorrt: the input of ConvTranspose, its weight with a scale an output channel, and a float bias;
# in groups it stays float
run place calibrate solve lower-qdq
target tensorrt data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2,1,1,1] v = {1, 0.5}, float[2] b = {1, 2}>
{ d = Conv(x, w, b) c = ConvTranspose(d, w, b) r = Relu(c) y = ConvTranspose(r, v, b) <group = 2> }
expect <float[2] d_bias = {1,2},
        float[2] c_bias = {1,2},
        float x_scale,
        int8 x_zero_point = {0},
        int8[2,2,1,1] w_quantized = {127,127,-127,64},
        float[2] w_scale = {0.007874016,0.003937008},
        int8[2] w_zero_point = {0,0},
        int8[2,2,1,1] d_weight_quantized = {127,64,-127,32},
        float[2] d_weight_scale = {0.007874016,0.007874016},
        int8[2] d_weight_zero_point = {0,0},
        float d_scale,
        int8 d_zero_point = {0}>
{
  float[2,2,1,1]  d_weight_DequantizeLinear_out = DequantizeLinear(d_weight_quantized,
                      d_weight_scale, d_weight_zero_point) <axis = 0>
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 1>
  int8[1,2,4,4]   x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  d = Conv(x_DequantizeLinear_out, d_weight_DequantizeLinear_out, d_bias)
  int8[1,2,4,4]   d_QuantizeLinear_out = QuantizeLinear(d, d_scale, d_zero_point)
  float[1,2,4,4]  d_DequantizeLinear_out = DequantizeLinear(d_QuantizeLinear_out, d_scale,
                      d_zero_point)
  float[1,2,4,4]  c = ConvTranspose(d_DequantizeLinear_out, w_DequantizeLinear_out, c_bias)
  float[1,2,4,4]  r = Relu(c)
  float[1,2,4,4]  y = ConvTranspose(r, v, b) <group = 2>
}

# tensorrt: pools that compute read codes, pools that choose need none
run place calibrate solve lower-qdq
target tensorrt data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}>
{ c = Conv(x, w) m = MaxPool(c) <kernel_shape = [2,2]> a = AveragePool(m) <kernel_shape = [2,2]>
  y = GlobalAveragePool(a) }
expect <float[2] c_bias = {0,0},
        float x_scale,
        int8 x_zero_point = {0},
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float[2] w_scale = {0.007874016,0.007874016},
        int8[2] w_zero_point = {0,0},
        float m_scale,
        int8 m_zero_point = {0},
        float a_scale,
        int8 a_zero_point = {0}>
{
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                      <axis = 0>
  int8[1,2,4,4]   x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out, c_bias)
  float[1,2,3,3]  m = MaxPool(c) <kernel_shape = [2,2]>
  int8[1,2,3,3]   m_QuantizeLinear_out = QuantizeLinear(m, m_scale, m_zero_point)
  float[1,2,3,3]  m_DequantizeLinear_out = DequantizeLinear(m_QuantizeLinear_out, m_scale,
                      m_zero_point)
  float[1,2,2,2]  a = AveragePool(m_DequantizeLinear_out) <kernel_shape = [2,2]>
  int8[1,2,2,2]   a_QuantizeLinear_out = QuantizeLinear(a, a_scale, a_zero_point)
  float[1,2,2,2]  a_DequantizeLinear_out = DequantizeLinear(a_QuantizeLinear_out, a_scale,
                      a_zero_point)
  float[1,2,1,1]  y = GlobalAveragePool(a_DequantizeLinear_out)
}
