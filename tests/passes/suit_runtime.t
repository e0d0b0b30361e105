# SPDX-License-Identifier: Apache-2.0

# a float layer between quantized ones reads its input across a Clip that changes nothing
run suit-runtime
target onnxruntime
g (uint8[1,2,4,4] x) => (uint8[1,2,4,4] y)
<float s = {0.5}, uint8 z = {10}, float[2,2,1,1] w = {1, 0.5, -1, 0.25}>
{ d = DequantizeLinear(x, s, z) c = Conv(d, w) y = QuantizeLinear(c, s, z) }
expect <float c_least = {-5.5},
        float c_most = {123}>
{
  float[1,2,4,4]  d = DequantizeLinear(x, s, z)
  ?               c_Clip_out = Clip(d, c_least, c_most)
  float[1,2,4,4]  c = Conv(c_Clip_out, w)
  uint8[1,2,4,4]  y = QuantizeLinear(c, s, z)
}

# x * Sigmoid(x) is one operator, whichever side comes first; a Sigmoid whose x is read elsewhere is
# none
run suit-runtime
target onnxruntime
g (uint8[1,2] x, uint8[1,2] u) => (float[1,2] y, float[1,2] r, float[1,2] v, float[1,2] w)
<float s = {0.5}, uint8 z = {10}>
{ d = DequantizeLinear(x, s, z) a = Sigmoid(d) y = Mul(d, a)
  f = DequantizeLinear(u, s, z) c = Sigmoid(f) r = Mul(c, f)
  e = DequantizeLinear(u, s, z) b = Sigmoid(e) v = Mul(e, b) w = Neg(e) }
expect {
  float[1,2]  d = DequantizeLinear(x, s, z)
  float[1,2]  y = com.microsoft.QuickGelu <alpha = 1.0> (d)
  float[1,2]  f = DequantizeLinear(u, s, z)
  float[1,2]  r = com.microsoft.QuickGelu <alpha = 1.0> (f)
  float[1,2]  e = DequantizeLinear(u, s, z)
  float[1,2]  b = Sigmoid(e)
  float[1,2]  v = Mul(e, b)
  float[1,2]  w = Neg(e)
}

# one whose Sigmoid has another reader, or another factor, is none either
run suit-runtime
target onnxruntime
g (uint8[1,2] x, float[1,2] u) => (float[1,2] y, float[1,2] a, float[1,2] v)
<float s = {0.5}, uint8 z = {10}>
{ d = DequantizeLinear(x, s, z) a = Sigmoid(d) y = Mul(d, a)
  e = DequantizeLinear(x, s, z) b = Sigmoid(e) v = Mul(u, b) }
expect {
  d = DequantizeLinear(x, s, z)
  a = Sigmoid(d)
  y = Mul(d, a)
  e = DequantizeLinear(x, s, z)
  b = Sigmoid(e)
  v = Mul(u, b)
}

# other targets take the nodes as they are
run suit-runtime
target openvino
g (uint8[1,2,4,4] x) => (uint8[1,2,4,4] y)
<float s = {0.5}, uint8 z = {10}, float[2,2,1,1] w = {1, 0.5, -1, 0.25}>
{ d = DequantizeLinear(x, s, z) c = Conv(d, w) y = QuantizeLinear(c, s, z) }
expect { d = DequantizeLinear(x, s, z) c = Conv(d, w) y = QuantizeLinear(c, s, z) }
