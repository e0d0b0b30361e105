# SPDX-License-Identifier: Apache-2.0

# what is computed is added behind a product with a weight
run part-sums
opset 11
g (float[2,3] x, float[4] c, float[2,4] d) => (float y, float z)
<float[3,4] w = random(1), float[4,3] v = random(2)>
{ y = Gemm(x, w, c) z = Gemm <transB = 1, alpha = 0.5> (x, v, d) }
expect same-result
expect
{
    a = Gemm(x, w) y = Add(a, c)
    b = Gemm <transB = 1, alpha = 0.5> (x, v) z = Add(b, d)
}

# so is a constant of several rows
run part-sums
opset 11
g (float[2,3] x) => (float y) <float[3,4] w = random(1), float[2,4] c = random(2)>
{ y = Gemm(x, w, c) }
expect same-result
expect { a = Gemm(x, w) y = Add(a, c) }

# not biases, nor where the factor of the sum is another, or both are computed
run part-sums
opset 11
g (float[2,3] x, float[3,4] u, float[4] c) => (float y, float z, float s, float t)
<float[3,4] w = random(1), float[4] b = random(2), float[1,4] r = random(3)>
{ y = Gemm(x, w, b) z = Gemm(x, w, r) s = Gemm <beta = 0.5> (x, w, c) t = Gemm(x, u, c) }
expect unchanged

run part-sums
opset 9
g (float[2,3] x, float[4] c) => (float y) <float[3,4] w = random(1)>
{ y = Gemm(x, w, c) }
expect unchanged

# in a body as outside
run part-sums
opset 13
g (bool p, float[2,3] x, float[4] c) => (float y) <float[3,4] w = random(1)>
{ y = If(p) <then_branch = t () => (float o) { o = Gemm(x, w, c) },
             else_branch = e () => (float q) { q = Gemm(x, w) }> }
expect same-result
expect
{ y = If(p) <then_branch = t () => (float o) { a = Gemm(x, w) o = Add(a, c) },
             else_branch = e () => (float q) { q = Gemm(x, w) }> }
