# SPDX-License-Identifier: Apache-2.0

# one channel becomes four; the codes that are added are those of 0
run pad-channels
target onnxruntime
g (float[1,1,64,64] x) => (float[1,16,64,64] c)
<float s = {0.5}, uint8 z = {10}, float sw = {0.25}, int8 zw = {0},
 int8[16,1,1,1] w = {1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7, -7, 8, -8}>
{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, sw, zw)
  c = Conv(d, v) }
expect <int64[8] d_pads = {0, 0, 0, 0, 0, 3, 0, 0},
        int8[16,4,1,1] w_padded = {1, 0, 0, 0, -1, 0, 0, 0, 2, 0, 0, 0, -2, 0, 0, 0,
                                   3, 0, 0, 0, -3, 0, 0, 0, 4, 0, 0, 0, -4, 0, 0, 0,
                                   5, 0, 0, 0, -5, 0, 0, 0, 6, 0, 0, 0, -6, 0, 0, 0,
                                   7, 0, 0, 0, -7, 0, 0, 0, 8, 0, 0, 0, -8, 0, 0, 0}>
{
  uint8[1,1,64,64]  q = QuantizeLinear(x, s, z)
  uint8[1,4,64,64]  d_Pad_out = Pad(q, d_pads, z)
  float[1,4,64,64]  d = DequantizeLinear(d_Pad_out, s, z)
  float[16,4,1,1]   v = DequantizeLinear(w_padded, sw, zw)
  float[1,16,64,64] c = Conv(d, v)
}

# between three there are zeros where sums are short, whatever the number of outputs
run pad-channels
target openvino
g (float[1,3,4,4] x) => (float[1,2,3,4] c)
<float s = {0.5}, uint8 z = {10}, float sw = {0.25}, int8[2] zw = {0, 7},
 int8[2,3,2,1] w = {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60}>
{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z)
  v = DequantizeLinear<axis = 0>(w, sw, zw) c = Conv(d, v) }
expect <int64[8] d_pads = {0, 0, 0, 0, 0, 1, 0, 0}, int64[8] d_channels = {0, 3, 1, 3, 2, 3, 3, 3},
        int8[2,8,2,1] w_padded = {1, 2, 0, 0, 3, 4, 0, 0, 5, 6, 0, 0, 0, 0, 0, 0,
                                  10, 20, 7, 7, 30, 40, 7, 7, 50, 60, 7, 7, 7, 7, 7, 7}>
{
  uint8[1,3,4,4] q = QuantizeLinear(x, s, z)
  uint8[1,4,4,4] d_Pad_out = Pad(q, d_pads, z)
  uint8[1,8,4,4] d_Gather_out = Gather <axis = 1> (d_Pad_out, d_channels)
  float[1,8,4,4] d = DequantizeLinear(d_Gather_out, s, z)
  float[2,8,2,1] v = DequantizeLinear <axis = 0> (w_padded, sw, zw)
  float[1,2,3,4] c = Conv(d, v)
}

# two become four, without a zero point to pad with
run pad-channels
target openvino
g (float[1,2,4,4] x) => (float[1,1,4,4] c)
<float s = {0.5}, float sw = {0.25}, int8 zw = {0}, int8[1,2,1,1] w = {1, 2}>
{ q = QuantizeLinear(x, s) d = DequantizeLinear(q, s) v = DequantizeLinear(w, sw, zw)
  c = Conv(d, v) }
expect <int64[8] d_pads = {0, 0, 0, 0, 0, 1, 0, 0}, int64[4] d_channels = {0, 2, 1, 2},
        int8[1,4,1,1] w_padded = {1, 0, 2, 0}>
{
  uint8[1,2,4,4] q = QuantizeLinear(x, s)
  uint8[1,3,4,4] d_Pad_out = Pad(q, d_pads)
  uint8[1,4,4,4] d_Gather_out = Gather <axis = 1> (d_Pad_out, d_channels)
  float[1,4,4,4] d = DequantizeLinear(d_Gather_out, s)
  float[1,4,1,1] v = DequantizeLinear(w_padded, sw, zw)
  float[1,1,4,4] c = Conv(d, v)
}

# not where there are four for weights of uint8, or codes are read elsewhere, or few outputs come out
run pad-channels
target onnxruntime
g (float[1,4,64,64] x, float[1,1,64,64] y) => (float[1,16,64,64] c, float[1,16,64,64] e,
                                               uint8[1,1,64,64] r, float[1,8,64,64] f)
<float s = {0.5}, uint8 z = {10}, float sw = {0.25}, int8 zw = {0},
 uint8 zu = {0},
 uint8[16,4,1,1] w = {1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0,
                      3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0,
                      5, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 6, 0, 0, 0,
                      7, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0},
 int8[16,1,1,1] u = {1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7, -7, 8, -8},
 int8[8,1,1,1] t = {1, -1, 2, -2, 3, -3, 4, -4}>
{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, sw, zu)
  c = Conv(d, v)
  r = QuantizeLinear(y, s, z) a = DequantizeLinear(r, s, z) b = DequantizeLinear(u, sw, zw)
  e = Conv(a, b)
  h = QuantizeLinear(y, s, z) i = DequantizeLinear(h, s, z) j = DequantizeLinear(t, sw, zw)
  f = Conv(i, j) }
expect {
  q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, sw, zu)
  c = Conv(d, v)
  r = QuantizeLinear(y, s, z) a = DequantizeLinear(r, s, z) b = DequantizeLinear(u, sw, zw)
  e = Conv(a, b)
  h = QuantizeLinear(y, s, z) i = DequantizeLinear(h, s, z) j = DequantizeLinear(t, sw, zw)
  f = Conv(i, j)
}

# what comes through a Transpose comes from outside
run pad-channels
target openvino
g (float[1,4,4,4] x) => (float[1,1,4,4] c)
<float s = {0.5}, uint8 z = {10}, float sw = {0.25}, int8 zw = {0},
 int8[1,4,1,1] w = {1, 2, 3, 4}>
{ i = QuantizeLinear(x, s, z) j = DequantizeLinear(i, s, z) t = Transpose<perm = [0, 3, 1, 2]>(j)
  q = QuantizeLinear(t, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, sw, zw)
  c = Conv(d, v) }
expect <int64[8] d_pads = {0, 0, 0, 0, 0, 1, 0, 0}, int64[8] d_channels = {0, 4, 1, 4, 2, 4, 3, 4},
        int8[1,8,1,1] w_padded = {1, 0, 2, 0, 3, 0, 4, 0}>
{
  i = QuantizeLinear(x, s, z) j = DequantizeLinear(i, s, z)
  float[1,4,4,4] t = Transpose <perm = [0,3,1,2]> (j)
  q = QuantizeLinear(t, s, z)
  uint8[1,5,4,4] d_Pad_out = Pad(q, d_pads, z)
  uint8[1,8,4,4] d_Gather_out = Gather <axis = 1> (d_Pad_out, d_channels)
  float[1,8,4,4] d = DequantizeLinear(d_Gather_out, s, z)
  float[1,8,1,1] v = DequantizeLinear(w_padded, sw, zw)
  float[1,1,4,4] c = Conv(d, v)
}

# but not what a layer computes
run pad-channels
target openvino
g (float[1,5,4,4] x) => (float[1,1,4,4] c)
<float s = {0.5}, uint8 z = {10}, float sw = {0.25}, int8 zw = {0},
 int8[3,5,1,1] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6}, int8[1,3,1,1] e = {1, 2, 3}>
{ i = QuantizeLinear(x, s, z) j = DequantizeLinear(i, s, z) u = DequantizeLinear(w, sw, zw)
  k = Conv(j, u) l = QuantizeLinear(k, s, z) m = DequantizeLinear(l, s, z)
  t = Transpose<perm = [0, 1, 3, 2]>(m)
  q = QuantizeLinear(t, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(e, sw, zw)
  c = Conv(d, v) }
expect
{ i = QuantizeLinear(x, s, z) j = DequantizeLinear(i, s, z) u = DequantizeLinear(w, sw, zw)
  k = Conv(j, u) l = QuantizeLinear(k, s, z) m = DequantizeLinear(l, s, z)
  t = Transpose<perm = [0, 1, 3, 2]>(m)
  q = QuantizeLinear(t, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(e, sw, zw)
  c = Conv(d, v) }

# other targets read one channel as well as four, and uint8 weights are multiplied exactly
run pad-channels
target openvino
g (float[1,1,64,64] x, float[1,3,8,8] y) => (float[1,16,64,64] c, float[1,1,8,8] e)
<float s = {0.5}, uint8 z = {10}, float sw = {0.25}, int8 zw = {0},
 int8[16,1,1,1] w = {1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7, -7, 8, -8},
 uint8[1,3,1,1] u = {1, 2, 3}>
{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, sw, zw)
  c = Conv(d, v)
  r = QuantizeLinear(y, s, z) a = DequantizeLinear(r, s, z) b = DequantizeLinear(u, sw)
  e = Conv(a, b) }
expect
{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, sw, zw)
  c = Conv(d, v)
  r = QuantizeLinear(y, s, z) a = DequantizeLinear(r, s, z) b = DequantizeLinear(u, sw)
  e = Conv(a, b) }
