# SPDX-License-Identifier: Apache-2.0

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

# qnn: where types meet a DequantizeLinear and a QuantizeLinear follow each other, once for all readers;
# what only moves codes keeps their type
run place calibrate solve lower-qdq
target qnn wide "s,q" data 4
g (float[2,4] x) => (float y)
<float[4,4] u = {1,0,0,0.5, 0,1,0,0, 0,0,1,0, 0,0,0,1}>
{ p = MatMul(x, u) t = Transpose(p) <perm = [1,0]> s = Softmax(t) q = Sigmoid(t)
  r = Transpose(s) <perm = [1,0]> o = MatMul(r, q) y = Ceil(o) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[4,4] u_quantized,
        float u_scale,
        int8 u_zero_point = {0},
        float p_scale,
        uint8 p_zero_point,
        float t_Identity_out_scale,
        uint16 t_Identity_out_zero_point,
        float s_scale,
        uint16 s_zero_point = {0},
        float q_scale = {1.525879e-05},
        uint16 q_zero_point = {0},
        float q_Identity_out_scale,
        uint8 q_Identity_out_zero_point = {0},
        float r_Identity_out_scale,
        uint8 r_Identity_out_zero_point = {0},
        float o_scale,
        uint8 o_zero_point = {0}>
{
  float[4,4]   u_DequantizeLinear_out = DequantizeLinear(u_quantized, u_scale, u_zero_point)
  uint8[2,4]   x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[2,4]   x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                   x_zero_point)
  float[2,4]   p = MatMul(x_DequantizeLinear_out, u_DequantizeLinear_out)
  uint8[2,4]   p_QuantizeLinear_out = QuantizeLinear(p, p_scale, p_zero_point)
  float[2,4]   p_DequantizeLinear_out = DequantizeLinear(p_QuantizeLinear_out, p_scale,
                   p_zero_point)
  float[4,2]   t = Transpose(p_DequantizeLinear_out) <perm = [1,0]>
  uint8[4,2]   t_QuantizeLinear_out = QuantizeLinear(t, p_scale, p_zero_point)
  float[4,2]   t_DequantizeLinear_out = DequantizeLinear(t_QuantizeLinear_out, p_scale,
                   p_zero_point)
  uint16[4,2]  t_Identity_out_QuantizeLinear_out =
                   com.microsoft.QuantizeLinear(t_DequantizeLinear_out, t_Identity_out_scale,
                   t_Identity_out_zero_point)
  float[4,2]   t_Identity_out_DequantizeLinear_out =
                   com.microsoft.DequantizeLinear(t_Identity_out_QuantizeLinear_out,
                   t_Identity_out_scale, t_Identity_out_zero_point)
  float[4,2]   s = Softmax(t_Identity_out_DequantizeLinear_out)
  uint16[4,2]  s_QuantizeLinear_out = com.microsoft.QuantizeLinear(s, s_scale, s_zero_point)
  float[4,2]   s_DequantizeLinear_out = com.microsoft.DequantizeLinear(s_QuantizeLinear_out,
                   s_scale, s_zero_point)
  float[4,2]   q = Sigmoid(t_Identity_out_DequantizeLinear_out)
  uint16[4,2]  q_QuantizeLinear_out = com.microsoft.QuantizeLinear(q, q_scale, q_zero_point)
  float[4,2]   q_DequantizeLinear_out = com.microsoft.DequantizeLinear(q_QuantizeLinear_out,
                   q_scale, q_zero_point)
  uint8[4,2]   q_Identity_out_QuantizeLinear_out = QuantizeLinear(q_DequantizeLinear_out,
                   q_Identity_out_scale, q_Identity_out_zero_point)
  float[4,2]   q_Identity_out_DequantizeLinear_out =
                   DequantizeLinear(q_Identity_out_QuantizeLinear_out, q_Identity_out_scale,
                   q_Identity_out_zero_point)
  float[2,4]   r = Transpose(s_DequantizeLinear_out) <perm = [1,0]>
  uint16[2,4]  r_QuantizeLinear_out = com.microsoft.QuantizeLinear(r, s_scale, s_zero_point)
  float[2,4]   r_DequantizeLinear_out = com.microsoft.DequantizeLinear(r_QuantizeLinear_out,
                   s_scale, s_zero_point)
  uint8[2,4]   r_Identity_out_QuantizeLinear_out = QuantizeLinear(r_DequantizeLinear_out,
                   r_Identity_out_scale, r_Identity_out_zero_point)
  float[2,4]   r_Identity_out_DequantizeLinear_out =
                   DequantizeLinear(r_Identity_out_QuantizeLinear_out, r_Identity_out_scale,
                   r_Identity_out_zero_point)
  float[2,2]   o = MatMul(r_Identity_out_DequantizeLinear_out, q_Identity_out_DequantizeLinear_out)
  uint8[2,2]   o_QuantizeLinear_out = QuantizeLinear(o, o_scale, o_zero_point)
  float[2,2]   o_DequantizeLinear_out = DequantizeLinear(o_QuantizeLinear_out, o_scale,
                   o_zero_point)
  float[2,2]   y = Ceil(o_DequantizeLinear_out)
}

# qnn: an input has the widest type that is wanted, and is rounded from the float for others
run place calibrate solve lower-qdq
target qnn wide "a" data 4
g (float[2,4] x) => (float y, float z)
<float k = 0.5, float[4,2] u = {1,0, 0,1, 0.5,0, 0,0.25}>
{ a = Mul(x, k) b = MatMul(x, u) y = Ceil(a) z = Ceil(b) }
expect <float x_scale,
        uint16 x_zero_point,
        uint16 k_quantized = {65535},
        float k_scale,
        uint16 k_zero_point = {0},
        int8[4,2] u_quantized = {127,0,0,127,64,0,0,32},
        float u_scale,
        int8 u_zero_point = {0},
        float x_Identity_out_scale,
        uint8 x_Identity_out_zero_point,
        float a_scale,
        uint16 a_zero_point,
        float b_scale,
        uint8 b_zero_point>
{
  float[4,2]   u_DequantizeLinear_out = DequantizeLinear(u_quantized, u_scale, u_zero_point)
  float        k_DequantizeLinear_out = com.microsoft.DequantizeLinear(k_quantized, k_scale,
                   k_zero_point)
  uint16[2,4]  x_QuantizeLinear_out = com.microsoft.QuantizeLinear(x, x_scale, x_zero_point)
  float[2,4]   x_DequantizeLinear_out = com.microsoft.DequantizeLinear(x_QuantizeLinear_out,
                   x_scale, x_zero_point)
  uint8[2,4]   x_Identity_out_QuantizeLinear_out = QuantizeLinear(x, x_Identity_out_scale,
                   x_Identity_out_zero_point)
  float[2,4]   x_Identity_out_DequantizeLinear_out =
                   DequantizeLinear(x_Identity_out_QuantizeLinear_out, x_Identity_out_scale,
                   x_Identity_out_zero_point)
  float[2,4]   a = Mul(x_DequantizeLinear_out, k_DequantizeLinear_out)
  uint16[2,4]  a_QuantizeLinear_out = com.microsoft.QuantizeLinear(a, a_scale, a_zero_point)
  float[2,4]   a_DequantizeLinear_out = com.microsoft.DequantizeLinear(a_QuantizeLinear_out,
                   a_scale, a_zero_point)
  float[2,2]   b = MatMul(x_Identity_out_DequantizeLinear_out, u_DequantizeLinear_out)
  uint8[2,2]   b_QuantizeLinear_out = QuantizeLinear(b, b_scale, b_zero_point)
  float[2,2]   b_DequantizeLinear_out = DequantizeLinear(b_QuantizeLinear_out, b_scale,
                   b_zero_point)
  float[2,4]   y = Ceil(a_DequantizeLinear_out)
  float[2,2]   z = Ceil(b_DequantizeLinear_out)
}

# qnn: normalization, Gelu and Softmax of 16 bits between products of 8; their factors are of 8 bits,
# their shift has the scale of the 16-bit input
run place calibrate solve lower-qdq
target qnn wide "n,h,w" data 4
opset 20
g (float[2,4] x) => (float y)
<float[4,4] u = {1,0,0,0.5, 0,1,0,0, 0,0,1,0, 0,0,0,1}, float[4] k = {1,2,1,2}, float[4] c = {1,2,3,4}>
{ p = MatMul(x, u) n = LayerNormalization(p, k, c) q = MatMul(n, u) h = Gelu(q) w = Softmax(h)
  o = MatMul(w, u) y = Ceil(o) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[4,4] u_quantized,
        float u_scale,
        int8 u_zero_point = {0},
        int8[4] k_quantized = {64,127,64,127},
        float k_scale,
        int8 k_zero_point = {0},
        int32[4] c_quantized,
        float c_scale,
        float p_scale,
        uint8 p_zero_point,
        float p_Identity_out_scale,
        uint16 p_Identity_out_zero_point,
        float n_scale,
        uint16 n_zero_point,
        float n_Identity_out_scale,
        uint8 n_Identity_out_zero_point,
        float q_scale,
        uint8 q_zero_point,
        float q_Identity_out_scale,
        uint16 q_Identity_out_zero_point,
        float h_scale,
        uint16 h_zero_point,
        float w_scale,
        uint16 w_zero_point = {0},
        float w_Identity_out_scale,
        uint8 w_Identity_out_zero_point = {0},
        float o_scale,
        uint8 o_zero_point = {0}>
{
  float[4]     c_DequantizeLinear_out = DequantizeLinear(c_quantized, c_scale)
  float[4]     k_DequantizeLinear_out = DequantizeLinear(k_quantized, k_scale, k_zero_point)
  float[4,4]   u_DequantizeLinear_out = DequantizeLinear(u_quantized, u_scale, u_zero_point)
  uint8[2,4]   x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[2,4]   x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                   x_zero_point)
  float[2,4]   p = MatMul(x_DequantizeLinear_out, u_DequantizeLinear_out)
  uint8[2,4]   p_QuantizeLinear_out = QuantizeLinear(p, p_scale, p_zero_point)
  float[2,4]   p_DequantizeLinear_out = DequantizeLinear(p_QuantizeLinear_out, p_scale,
                   p_zero_point)
  uint16[2,4]  p_Identity_out_QuantizeLinear_out =
                   com.microsoft.QuantizeLinear(p_DequantizeLinear_out, p_Identity_out_scale,
                   p_Identity_out_zero_point)
  float[2,4]   p_Identity_out_DequantizeLinear_out =
                   com.microsoft.DequantizeLinear(p_Identity_out_QuantizeLinear_out,
                   p_Identity_out_scale, p_Identity_out_zero_point)
  float[2,4]   n = LayerNormalization(p_Identity_out_DequantizeLinear_out, k_DequantizeLinear_out,
                   c_DequantizeLinear_out)
  uint16[2,4]  n_QuantizeLinear_out = com.microsoft.QuantizeLinear(n, n_scale, n_zero_point)
  float[2,4]   n_DequantizeLinear_out = com.microsoft.DequantizeLinear(n_QuantizeLinear_out,
                   n_scale, n_zero_point)
  uint8[2,4]   n_Identity_out_QuantizeLinear_out = QuantizeLinear(n_DequantizeLinear_out,
                   n_Identity_out_scale, n_Identity_out_zero_point)
  float[2,4]   n_Identity_out_DequantizeLinear_out =
                   DequantizeLinear(n_Identity_out_QuantizeLinear_out, n_Identity_out_scale,
                   n_Identity_out_zero_point)
  float[2,4]   q = MatMul(n_Identity_out_DequantizeLinear_out, u_DequantizeLinear_out)
  uint8[2,4]   q_QuantizeLinear_out = QuantizeLinear(q, q_scale, q_zero_point)
  float[2,4]   q_DequantizeLinear_out = DequantizeLinear(q_QuantizeLinear_out, q_scale,
                   q_zero_point)
  uint16[2,4]  q_Identity_out_QuantizeLinear_out =
                   com.microsoft.QuantizeLinear(q_DequantizeLinear_out, q_Identity_out_scale,
                   q_Identity_out_zero_point)
  float[2,4]   q_Identity_out_DequantizeLinear_out =
                   com.microsoft.DequantizeLinear(q_Identity_out_QuantizeLinear_out,
                   q_Identity_out_scale, q_Identity_out_zero_point)
  float[2,4]   h = Gelu(q_Identity_out_DequantizeLinear_out)
  uint16[2,4]  h_QuantizeLinear_out = com.microsoft.QuantizeLinear(h, h_scale, h_zero_point)
  float[2,4]   h_DequantizeLinear_out = com.microsoft.DequantizeLinear(h_QuantizeLinear_out,
                   h_scale, h_zero_point)
  float[2,4]   w = Softmax(h_DequantizeLinear_out)
  uint16[2,4]  w_QuantizeLinear_out = com.microsoft.QuantizeLinear(w, w_scale, w_zero_point)
  float[2,4]   w_DequantizeLinear_out = com.microsoft.DequantizeLinear(w_QuantizeLinear_out,
                   w_scale, w_zero_point)
  uint8[2,4]   w_Identity_out_QuantizeLinear_out = QuantizeLinear(w_DequantizeLinear_out,
                   w_Identity_out_scale, w_Identity_out_zero_point)
  float[2,4]   w_Identity_out_DequantizeLinear_out =
                   DequantizeLinear(w_Identity_out_QuantizeLinear_out, w_Identity_out_scale,
                   w_Identity_out_zero_point)
  float[2,4]   o = MatMul(w_Identity_out_DequantizeLinear_out, u_DequantizeLinear_out)
  uint8[2,4]   o_QuantizeLinear_out = QuantizeLinear(o, o_scale, o_zero_point)
  float[2,4]   o_DequantizeLinear_out = DequantizeLinear(o_QuantizeLinear_out, o_scale,
                   o_zero_point)
  float[2,4]   y = Ceil(o_DequantizeLinear_out)
}

# qnn: ranges are at least 1e-4 wide, of activations and of weights
run place calibrate solve lower-qdq
target qnn data 4
g (float[2,2] x) => (float y)
<float[2,2] u = {1e-6, 0, 0, -1e-6}, float zero = 0>
{ n = Mul(x, zero) p = MatMul(n, u) y = Ceil(p) }
expect <float x_scale = {0.0192954},
        uint8 x_zero_point = {107},
        int8[2,2] u_quantized = {1,0,0,-1},
        float u_scale = {7.795275e-07},
        int8 u_zero_point = {0},
        uint8 zero_quantized = {0},
        float zero_scale = {3.921569e-07},
        uint8 zero_zero_point = {0},
        float n_scale = {3.921569e-07},
        uint8 n_zero_point = {0},
        float p_scale = {3.921569e-07},
        uint8 p_zero_point = {0}>
{
  float       zero_DequantizeLinear_out = DequantizeLinear(zero_quantized, zero_scale,
                  zero_zero_point)
  float[2,2]  u_DequantizeLinear_out = DequantizeLinear(u_quantized, u_scale, u_zero_point)
  uint8[2,2]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[2,2]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale, x_zero_point)
  float[2,2]  n = Mul(x_DequantizeLinear_out, zero_DequantizeLinear_out)
  uint8[2,2]  n_QuantizeLinear_out = QuantizeLinear(n, n_scale, n_zero_point)
  float[2,2]  n_DequantizeLinear_out = DequantizeLinear(n_QuantizeLinear_out, n_scale, n_zero_point)
  float[2,2]  p = MatMul(n_DequantizeLinear_out, u_DequantizeLinear_out)
  uint8[2,2]  p_QuantizeLinear_out = QuantizeLinear(p, p_scale, p_zero_point)
  float[2,2]  p_DequantizeLinear_out = DequantizeLinear(p_QuantizeLinear_out, p_scale, p_zero_point)
  float[2,2]  y = Ceil(p_DequantizeLinear_out)
}

# qnn: a scale a channel for Conv only; ConvTranspose is between quantizers like others, its bias has
# the scale of input and weight
run place calibrate solve lower-qdq
target qnn data 4
g (float[1,2,4,4] x) => (float y)
<float[2,2,1,1] w = {1, 0.5, -1, 0.25}, float[2] b = {1, 2}, float[32,2] v = random(1)>
{ c = Conv(x, w, b) t = ConvTranspose(c, w, b) r = Relu(t) f = Flatten(r) g = Gemm(f, v, b)
  y = Ceil(g) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[2,2,1,1] w_quantized = {127,64,-127,32},
        float w_scale,
        int8 w_zero_point = {0},
        int32[2] b_quantized,
        float b_scale,
        int8[32,2] v_quantized,
        float v_scale,
        int8 v_zero_point = {0},
        int8[2,2,1,1] c_weight_quantized = {127,64,-127,32},
        float[2] c_weight_scale,
        int8[2] c_weight_zero_point = {0,0},
        int32[2] c_bias_quantized,
        float[2] c_bias_scale,
        int32[2] g_bias_quantized,
        float g_bias_scale,
        float c_scale,
        uint8 c_zero_point,
        float r_scale,
        uint8 r_zero_point = {0},
        float g_scale,
        uint8 g_zero_point = {0}>
{
  float[2]        g_bias_DequantizeLinear_out = DequantizeLinear(g_bias_quantized, g_bias_scale)
  float[2]        c_bias_DequantizeLinear_out = DequantizeLinear(c_bias_quantized, c_bias_scale)
                      <axis = 0>
  float[2,2,1,1]  c_weight_DequantizeLinear_out = DequantizeLinear(c_weight_quantized,
                      c_weight_scale, c_weight_zero_point) <axis = 0>
  float[32,2]     v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
  float[2]        b_DequantizeLinear_out = DequantizeLinear(b_quantized, b_scale)
  float[2,2,1,1]  w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
  uint8[1,2,4,4]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,4,4]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                      x_zero_point)
  float[1,2,4,4]  c = Conv(x_DequantizeLinear_out, c_weight_DequantizeLinear_out,
                      c_bias_DequantizeLinear_out)
  uint8[1,2,4,4]  c_QuantizeLinear_out = QuantizeLinear(c, c_scale, c_zero_point)
  float[1,2,4,4]  c_DequantizeLinear_out = DequantizeLinear(c_QuantizeLinear_out, c_scale,
                      c_zero_point)
  float[1,2,4,4]  t = ConvTranspose(c_DequantizeLinear_out, w_DequantizeLinear_out,
                      b_DequantizeLinear_out)
  float[1,2,4,4]  r = Relu(t)
  uint8[1,2,4,4]  r_QuantizeLinear_out = QuantizeLinear(r, r_scale, r_zero_point)
  float[1,2,4,4]  r_DequantizeLinear_out = DequantizeLinear(r_QuantizeLinear_out, r_scale,
                      r_zero_point)
  float[1,32]     f = Flatten(r_DequantizeLinear_out)
  uint8[1,32]     f_QuantizeLinear_out = QuantizeLinear(f, r_scale, r_zero_point)
  float[1,32]     f_DequantizeLinear_out = DequantizeLinear(f_QuantizeLinear_out, r_scale,
                      r_zero_point)
  float[1,2]      g = Gemm(f_DequantizeLinear_out, v_DequantizeLinear_out,
                      g_bias_DequantizeLinear_out)
  uint8[1,2]      g_QuantizeLinear_out = QuantizeLinear(g, g_scale, g_zero_point)
  float[1,2]      g_DequantizeLinear_out = DequantizeLinear(g_QuantizeLinear_out, g_scale,
                      g_zero_point)
  float[1,2]      y = Ceil(g_DequantizeLinear_out)
}

# qnn: a mover whose output a layer has claimed gives that its own scale, and a normalization behind
# it has a shift of the same
run place calibrate solve lower-qdq
target qnn data 4
opset 17
g (float[4,2] x) => (float y, float z)
<float[4,4] u = {1,0,0,0.5, 0,1,0,0, 0,0,1,0, 0,0,0,1}, float[4] k = {1,2,1,2}, float[4] c = {1,2,3,4}>
{ s = Sigmoid(x) t = Transpose(s) <perm = [1,0]> p = MatMul(t, u) n = LayerNormalization(t, k, c)
  y = Ceil(p) z = Ceil(n) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[4,4] u_quantized,
        float u_scale,
        int8 u_zero_point = {0},
        int8[4] k_quantized = {64,127,64,127},
        float k_scale,
        int8 k_zero_point = {0},
        int32[4] c_quantized,
        float c_scale,
        float s_scale,
        uint8 s_zero_point = {0},
        float p_scale,
        uint8 p_zero_point = {0},
        float n_scale,
        uint8 n_zero_point>
{
  float[4]    c_DequantizeLinear_out = DequantizeLinear(c_quantized, c_scale)
  float[4]    k_DequantizeLinear_out = DequantizeLinear(k_quantized, k_scale, k_zero_point)
  float[4,4]  u_DequantizeLinear_out = DequantizeLinear(u_quantized, u_scale, u_zero_point)
  uint8[4,2]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[4,2]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale, x_zero_point)
  float[4,2]  s = Sigmoid(x_DequantizeLinear_out)
  uint8[4,2]  s_QuantizeLinear_out = QuantizeLinear(s, s_scale, s_zero_point)
  float[4,2]  s_DequantizeLinear_out = DequantizeLinear(s_QuantizeLinear_out, s_scale, s_zero_point)
  float[2,4]  t = Transpose(s_DequantizeLinear_out) <perm = [1,0]>
  uint8[2,4]  t_QuantizeLinear_out = QuantizeLinear(t, s_scale, s_zero_point)
  float[2,4]  t_DequantizeLinear_out = DequantizeLinear(t_QuantizeLinear_out, s_scale, s_zero_point)
  float[2,4]  p = MatMul(t_DequantizeLinear_out, u_DequantizeLinear_out)
  uint8[2,4]  p_QuantizeLinear_out = QuantizeLinear(p, p_scale, p_zero_point)
  float[2,4]  p_DequantizeLinear_out = DequantizeLinear(p_QuantizeLinear_out, p_scale, p_zero_point)
  float[2,4]  n = LayerNormalization(t_DequantizeLinear_out, k_DequantizeLinear_out,
                  c_DequantizeLinear_out)
  uint8[2,4]  n_QuantizeLinear_out = QuantizeLinear(n, n_scale, n_zero_point)
  float[2,4]  n_DequantizeLinear_out = DequantizeLinear(n_QuantizeLinear_out, n_scale, n_zero_point)
  float[2,4]  y = Ceil(p_DequantizeLinear_out)
  float[2,4]  z = Ceil(n_DequantizeLinear_out)
}
