/* SPDX-License-Identifier: Apache-2.0
 *
 * k_softmax: the template for float and double.
 */
#include "k_softmax.h"

#include "k_math.h"
#include "k_simd.h"

#include <math.h>

#define T float
#define NAME(fn) fn##_f32
#define EXP(x) k_exp_fall(x)
#define LOG(x) logf(x)
#include "k_softmax_tmpl.h"

K_CLONES float k_softmax_terms_f32(const float *x, float *y, int64_t n)
{
    return 1 / terms_f32(x, y, n, largest_f32(x, n));
}
#undef T
#undef NAME
#undef EXP
#undef LOG

#define T double
#define NAME(fn) fn##_f64
#define EXP(x) exp(x)
#define LOG(x) log(x)
#include "k_softmax_tmpl.h"
