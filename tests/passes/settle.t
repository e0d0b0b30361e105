# SPDX-License-Identifier: Apache-2.0

# what a compressing function reads is computed in float; the layer behind it is not
run place calibrate solve settle lower-qdq
target onnxruntime data 8 keeps 20
g (float[1,2,16] x) => (float y)
<float[2,2,1] w = {100, 50, 0.01, -0.02}, float[2,2,1] v = {1, 0.5, -1, 0.25},
 float most = 1000000000>
{ c = Conv(x, w) q = Mul(c, c) p = Mul(q, most) l = Asinh(p) d = Conv(l, v) y = Abs(d) }
expect note "node 'c' (Conv) stays float"
expect note "1 layers float"
expect <float[2] c_bias = {0,0},
        int8[2,2,1] v_quantized,
        float[2] v_scale,
        int8[2] v_zero_point,
        int32[2] d_bias_quantized,
        float[2] d_bias_scale,
        float l_scale,
        uint8 l_zero_point,
        float d_scale,
        uint8 d_zero_point>
{
  float[2]       d_bias_DequantizeLinear_out = DequantizeLinear(d_bias_quantized, d_bias_scale)
                     <axis = 0>
  float[2,2,1]   v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                     <axis = 0>
  float[1,2,16]  c = Conv(x, w, c_bias)
  float[1,2,16]  q = Mul(c, c)
  float[1,2,16]  p = Mul(q, most)
  float[1,2,16]  l = Asinh(p)
  uint8[1,2,16]  l_QuantizeLinear_out = QuantizeLinear(l, l_scale, l_zero_point)
  float[1,2,16]  l_DequantizeLinear_out = DequantizeLinear(l_QuantizeLinear_out, l_scale,
                     l_zero_point)
  float[1,2,16]  d = Conv(l_DequantizeLinear_out, v_DequantizeLinear_out,
                     d_bias_DequantizeLinear_out)
  uint8[1,2,16]  d_QuantizeLinear_out = QuantizeLinear(d, d_scale, d_zero_point)
  float[1,2,16]  d_DequantizeLinear_out = DequantizeLinear(d_QuantizeLinear_out, d_scale,
                     d_zero_point)
  float[1,2,16]  y = Abs(d_DequantizeLinear_out)
}

# at fault, but the least that is asked for is 0: nobody looks
run place calibrate solve settle lower-qdq
target onnxruntime data 8
g (float[1,2,16] x) => (float y)
<float[2,2,1] w = {100, 50, 0.01, -0.02}, float[2,2,1] v = {1, 0.5, -1, 0.25},
 float most = 1000000000>
{ c = Conv(x, w) q = Mul(c, c) p = Mul(q, most) l = Asinh(p) d = Conv(l, v) y = Abs(d) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[2,2,1] w_quantized,
        float[2] w_scale,
        int8[2] w_zero_point,
        int8[2,2,1] v_quantized,
        float[2] v_scale,
        int8[2] v_zero_point,
        int32[2] c_bias_quantized,
        float[2] c_bias_scale,
        int32[2] d_bias_quantized,
        float[2] d_bias_scale,
        float c_scale,
        uint8 c_zero_point,
        float l_scale,
        uint8 l_zero_point,
        float d_scale,
        uint8 d_zero_point>
{
  float[2]       d_bias_DequantizeLinear_out = DequantizeLinear(d_bias_quantized, d_bias_scale)
                     <axis = 0>
  float[2]       c_bias_DequantizeLinear_out = DequantizeLinear(c_bias_quantized, c_bias_scale)
                     <axis = 0>
  float[2,2,1]   v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                     <axis = 0>
  float[2,2,1]   w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                     <axis = 0>
  uint8[1,2,16]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,16]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                     x_zero_point)
  float[1,2,16]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out,
                     c_bias_DequantizeLinear_out)
  uint8[1,2,16]  c_QuantizeLinear_out = QuantizeLinear(c, c_scale, c_zero_point)
  float[1,2,16]  c_DequantizeLinear_out = DequantizeLinear(c_QuantizeLinear_out, c_scale,
                     c_zero_point)
  float[1,2,16]  q = Mul(c_DequantizeLinear_out, c_DequantizeLinear_out)
  float[1,2,16]  p = Mul(q, most)
  float[1,2,16]  l = Asinh(p)
  uint8[1,2,16]  l_QuantizeLinear_out = QuantizeLinear(l, l_scale, l_zero_point)
  float[1,2,16]  l_DequantizeLinear_out = DequantizeLinear(l_QuantizeLinear_out, l_scale,
                     l_zero_point)
  float[1,2,16]  d = Conv(l_DequantizeLinear_out, v_DequantizeLinear_out,
                     d_bias_DequantizeLinear_out)
  uint8[1,2,16]  d_QuantizeLinear_out = QuantizeLinear(d, d_scale, d_zero_point)
  float[1,2,16]  d_DequantizeLinear_out = DequantizeLinear(d_QuantizeLinear_out, d_scale,
                     d_zero_point)
  float[1,2,16]  y = Abs(d_DequantizeLinear_out)
}

# the layer at fault reads what the one before it computes on codes, which stays a layer
run place calibrate solve settle lower-qdq
target onnxruntime data 8 keeps 20
g (float[1,2,16] x) => (float y)
<float[2,2,1] u = {1, 0.5, -0.5, 1}, float[2,2,1] w = {100, 50, 0.01, -0.02},
 float[2,2,1] v = {1, 0.5, -1, 0.25}, float most = 1000000000>
{ a = Conv(x, u) r = Relu(a) m = MaxPool(r) <kernel_shape = [2]> c = Conv(m, w) q = Mul(c, c)
  p = Mul(q, most) l = Asinh(p) d = Conv(l, v) y = Abs(d) }
expect note "node 'c' (Conv) stays float"
expect note "1 layers float"
expect <float[2] c_bias = {0,0},
        float x_scale,
        uint8 x_zero_point,
        int8[2,2,1] u_quantized,
        float[2] u_scale,
        int8[2] u_zero_point,
        int8[2,2,1] v_quantized,
        float[2] v_scale,
        int8[2] v_zero_point,
        int32[2] a_bias_quantized,
        float[2] a_bias_scale,
        int32[2] d_bias_quantized,
        float[2] d_bias_scale,
        float r_scale,
        uint8 r_zero_point,
        float l_scale,
        uint8 l_zero_point,
        float d_scale,
        uint8 d_zero_point>
{
  float[2]       d_bias_DequantizeLinear_out = DequantizeLinear(d_bias_quantized, d_bias_scale)
                     <axis = 0>
  float[2]       a_bias_DequantizeLinear_out = DequantizeLinear(a_bias_quantized, a_bias_scale)
                     <axis = 0>
  float[2,2,1]   v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                     <axis = 0>
  float[2,2,1]   u_DequantizeLinear_out = DequantizeLinear(u_quantized, u_scale, u_zero_point)
                     <axis = 0>
  uint8[1,2,16]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,16]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                     x_zero_point)
  float[1,2,16]  a = Conv(x_DequantizeLinear_out, u_DequantizeLinear_out,
                     a_bias_DequantizeLinear_out)
  float[1,2,16]  r = Relu(a)
  uint8[1,2,16]  r_QuantizeLinear_out = QuantizeLinear(r, r_scale, r_zero_point)
  float[1,2,16]  r_DequantizeLinear_out = DequantizeLinear(r_QuantizeLinear_out, r_scale,
                     r_zero_point)
  float[1,2,15]  m = MaxPool(r_DequantizeLinear_out) <kernel_shape = [2]>
  uint8[1,2,15]  m_QuantizeLinear_out = QuantizeLinear(m, r_scale, r_zero_point)
  float[1,2,15]  m_DequantizeLinear_out = DequantizeLinear(m_QuantizeLinear_out, r_scale,
                     r_zero_point)
  float[1,2,15]  c = Conv(m_DequantizeLinear_out, w, c_bias)
  float[1,2,15]  q = Mul(c, c)
  float[1,2,15]  p = Mul(q, most)
  float[1,2,15]  l = Asinh(p)
  uint8[1,2,15]  l_QuantizeLinear_out = QuantizeLinear(l, l_scale, l_zero_point)
  float[1,2,15]  l_DequantizeLinear_out = DequantizeLinear(l_QuantizeLinear_out, l_scale,
                     l_zero_point)
  float[1,2,15]  d = Conv(l_DequantizeLinear_out, v_DequantizeLinear_out,
                     d_bias_DequantizeLinear_out)
  uint8[1,2,15]  d_QuantizeLinear_out = QuantizeLinear(d, d_scale, d_zero_point)
  float[1,2,15]  d_DequantizeLinear_out = DequantizeLinear(d_QuantizeLinear_out, d_scale,
                     d_zero_point)
  float[1,2,15]  y = Abs(d_DequantizeLinear_out)
}

# of two layers that read a value one is at fault
run place calibrate solve settle lower-qdq
target onnxruntime data 8 keeps 20
g (float[1,2,16] x) => (float y, float z)
<float[2,2,1] w = {100, 50, 0.01, -0.02}, float[2,2,1] v = {1, 0.5, -1, 0.25},
 float most = 1000000000>
{ c = Conv(x, w) q = Mul(c, c) p = Mul(q, most) y = Asinh(p) d = Conv(x, v) z = Abs(d) }
expect note "node 'c' (Conv) stays float"
expect note "1 layers float"
expect <float[2] c_bias = {0,0},
        float x_scale,
        uint8 x_zero_point,
        int8[2,2,1] v_quantized,
        float[2] v_scale,
        int8[2] v_zero_point,
        int32[2] d_bias_quantized,
        float[2] d_bias_scale,
        float d_scale,
        uint8 d_zero_point>
{
  float[2]       d_bias_DequantizeLinear_out = DequantizeLinear(d_bias_quantized, d_bias_scale)
                     <axis = 0>
  float[2,2,1]   v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                     <axis = 0>
  uint8[1,2,16]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,16]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                     x_zero_point)
  float[1,2,16]  c = Conv(x, w, c_bias)
  float[1,2,16]  q = Mul(c, c)
  float[1,2,16]  p = Mul(q, most)
  float[1,2,16]  y = Asinh(p)
  float[1,2,16]  d = Conv(x_DequantizeLinear_out, v_DequantizeLinear_out,
                     d_bias_DequantizeLinear_out)
  uint8[1,2,16]  d_QuantizeLinear_out = QuantizeLinear(d, d_scale, d_zero_point)
  float[1,2,16]  d_DequantizeLinear_out = DequantizeLinear(d_QuantizeLinear_out, d_scale,
                     d_zero_point)
  float[1,2,16]  z = Abs(d_DequantizeLinear_out)
}

# in a branch
run place calibrate solve settle lower-qdq
target onnxruntime data 8 keeps 20
g (bool p, float[1,2,16] x) => (float y)
<float[2,2,1] w = {100, 50, 0.01, -0.02}, float[2,2,1] v = {1, 0.5, -1, 0.25},
 float most = 1000000000>
{ l = If(p) <then_branch = t () => (float t1) { t1 = Abs(x) },
             else_branch = e () => (float e4) { e1 = Conv(x, w) e2 = Mul(e1, e1) e3 = Mul(e2, most)
                                                e4 = Asinh(e3) }>
  d = Conv(l, v) y = Abs(d) }
expect note "node 'e1' (Conv) stays float"
expect note "1 layers float"
expect <int8[2,2,1] v_quantized,
        float[2] v_scale,
        int8[2] v_zero_point,
        int32[2] d_bias_quantized,
        float[2] d_bias_scale,
        float l_scale,
        uint8 l_zero_point,
        float d_scale,
        uint8 d_zero_point>
{
  float[2]       d_bias_DequantizeLinear_out = DequantizeLinear(d_bias_quantized, d_bias_scale)
                     <axis = 0>
  float[2,2,1]   v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                     <axis = 0>
  float[1,2,16]  l = If(p) <
    then_branch = t () => (float[1,2,16] t1)
    {
      float[1,2,16]  t1 = Abs(x)
    },
    else_branch = e () => (float[1,2,16] e4)
    <
      float[2]  e1_bias = {0,0}
    >
    {
      float[1,2,16]  e1 = Conv(x, w, e1_bias)
      float[1,2,16]  e2 = Mul(e1, e1)
      float[1,2,16]  e3 = Mul(e2, most)
      float[1,2,16]  e4 = Asinh(e3)
    }>
  uint8[1,2,16]  l_QuantizeLinear_out = QuantizeLinear(l, l_scale, l_zero_point)
  float[1,2,16]  l_DequantizeLinear_out = DequantizeLinear(l_QuantizeLinear_out, l_scale,
                     l_zero_point)
  float[1,2,16]  d = Conv(l_DequantizeLinear_out, v_DequantizeLinear_out,
                     d_bias_DequantizeLinear_out)
  uint8[1,2,16]  d_QuantizeLinear_out = QuantizeLinear(d, d_scale, d_zero_point)
  float[1,2,16]  d_DequantizeLinear_out = DequantizeLinear(d_QuantizeLinear_out, d_scale,
                     d_zero_point)
  float[1,2,16]  y = Abs(d_DequantizeLinear_out)
}

# nothing is at fault
run place calibrate solve settle lower-qdq
target onnxruntime data 8 keeps 20
g (float[1,2,16] x) => (float y)
<float[2,2,1] w = {1, 0.5, -1, 0.25}, float[2,2,1] v = {1, 0.5, -1, 0.25}>
{ c = Conv(x, w) r = Abs(c) d = Conv(r, v) y = Abs(d) }
expect <float x_scale,
        uint8 x_zero_point,
        int8[2,2,1] w_quantized,
        float[2] w_scale,
        int8[2] w_zero_point,
        int8[2,2,1] v_quantized,
        float[2] v_scale,
        int8[2] v_zero_point,
        int32[2] c_bias_quantized,
        float[2] c_bias_scale,
        int32[2] d_bias_quantized,
        float[2] d_bias_scale,
        float c_scale,
        uint8 c_zero_point,
        float r_scale,
        uint8 r_zero_point,
        float d_scale,
        uint8 d_zero_point>
{
  float[2]       d_bias_DequantizeLinear_out = DequantizeLinear(d_bias_quantized, d_bias_scale)
                     <axis = 0>
  float[2]       c_bias_DequantizeLinear_out = DequantizeLinear(c_bias_quantized, c_bias_scale)
                     <axis = 0>
  float[2,2,1]   v_DequantizeLinear_out = DequantizeLinear(v_quantized, v_scale, v_zero_point)
                     <axis = 0>
  float[2,2,1]   w_DequantizeLinear_out = DequantizeLinear(w_quantized, w_scale, w_zero_point)
                     <axis = 0>
  uint8[1,2,16]  x_QuantizeLinear_out = QuantizeLinear(x, x_scale, x_zero_point)
  float[1,2,16]  x_DequantizeLinear_out = DequantizeLinear(x_QuantizeLinear_out, x_scale,
                     x_zero_point)
  float[1,2,16]  c = Conv(x_DequantizeLinear_out, w_DequantizeLinear_out,
                     c_bias_DequantizeLinear_out)
  uint8[1,2,16]  c_QuantizeLinear_out = QuantizeLinear(c, c_scale, c_zero_point)
  float[1,2,16]  c_DequantizeLinear_out = DequantizeLinear(c_QuantizeLinear_out, c_scale,
                     c_zero_point)
  float[1,2,16]  r = Abs(c_DequantizeLinear_out)
  uint8[1,2,16]  r_QuantizeLinear_out = QuantizeLinear(r, r_scale, r_zero_point)
  float[1,2,16]  r_DequantizeLinear_out = DequantizeLinear(r_QuantizeLinear_out, r_scale,
                     r_zero_point)
  float[1,2,16]  d = Conv(r_DequantizeLinear_out, v_DequantizeLinear_out,
                     d_bias_DequantizeLinear_out)
  uint8[1,2,16]  d_QuantizeLinear_out = QuantizeLinear(d, d_scale, d_zero_point)
  float[1,2,16]  d_DequantizeLinear_out = DequantizeLinear(d_QuantizeLinear_out, d_scale,
                     d_zero_point)
  float[1,2,16]  y = Abs(d_DequantizeLinear_out)
}
