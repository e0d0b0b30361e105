# SPDX-License-Identifier: Apache-2.0

# one channel becomes four; the codes that are added are those of 0
run pad-channels
target onnxruntime
g (float[1,1,64,64] x) => (float[1,16,64,64] c)
<float s = {0.5}, uint8 z = {10}, float sw = {0.25}, int8 zw = {0},
 int8[16,1,1,1] w = {1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7, -7, 8, -8}>
{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, sw, zw)
  c = Conv(d, v) }
expect <int64[8] q_pads = {0, 0, 0, 0, 0, 3, 0, 0},
        int8[16,4,1,1] w_padded = {1, 0, 0, 0, -1, 0, 0, 0, 2, 0, 0, 0, -2, 0, 0, 0,
                                   3, 0, 0, 0, -3, 0, 0, 0, 4, 0, 0, 0, -4, 0, 0, 0,
                                   5, 0, 0, 0, -5, 0, 0, 0, 6, 0, 0, 0, -6, 0, 0, 0,
                                   7, 0, 0, 0, -7, 0, 0, 0, 8, 0, 0, 0, -8, 0, 0, 0}>
{
  float[1,4,64,64]  q_Pad_out = Pad(x, q_pads)
  uint8[1,4,64,64]  q = QuantizeLinear(q_Pad_out, s, z)
  float[1,4,64,64]  d = DequantizeLinear(q, s, z)
  float[16,4,1,1]   v = DequantizeLinear(w_padded, sw, zw)
  float[1,16,64,64] c = Conv(d, v)
}

# not where four channels are there, or codes are read elsewhere, or few outputs come out
run pad-channels
target onnxruntime
g (float[1,4,64,64] x, float[1,1,64,64] y) => (float[1,16,64,64] c, float[1,16,64,64] e,
                                               uint8[1,1,64,64] r, float[1,8,64,64] f)
<float s = {0.5}, uint8 z = {10}, float sw = {0.25}, int8 zw = {0},
 int8[16,4,1,1] w = {1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0,
                     3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0,
                     5, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 6, 0, 0, 0,
                     7, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0},
 int8[16,1,1,1] u = {1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7, -7, 8, -8},
 int8[8,1,1,1] t = {1, -1, 2, -2, 3, -3, 4, -4}>
{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, sw, zw)
  c = Conv(d, v)
  r = QuantizeLinear(y, s, z) a = DequantizeLinear(r, s, z) b = DequantizeLinear(u, sw, zw)
  e = Conv(a, b)
  h = QuantizeLinear(y, s, z) i = DequantizeLinear(h, s, z) j = DequantizeLinear(t, sw, zw)
  f = Conv(i, j) }
expect {
  q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, sw, zw)
  c = Conv(d, v)
  r = QuantizeLinear(y, s, z) a = DequantizeLinear(r, s, z) b = DequantizeLinear(u, sw, zw)
  e = Conv(a, b)
  h = QuantizeLinear(y, s, z) i = DequantizeLinear(h, s, z) j = DequantizeLinear(t, sw, zw)
  f = Conv(i, j)
}

# other targets read three channels as well as four
run pad-channels
target openvino
g (float[1,1,64,64] x) => (float[1,16,64,64] c)
<float s = {0.5}, uint8 z = {10}, float sw = {0.25}, int8 zw = {0},
 int8[16,1,1,1] w = {1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7, -7, 8, -8}>
{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, sw, zw)
  c = Conv(d, v) }
expect
{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, sw, zw)
  c = Conv(d, v) }
