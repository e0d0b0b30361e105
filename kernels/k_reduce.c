/* SPDX-License-Identifier: Apache-2.0
 *
 * k_reduce: the template for each type.
 */
#include "k_reduce.h"

#include "k_simd.h"

#include <math.h>
#include <stdbool.h>

#define K_REDUCE_REAL
#define ACC double
#define U double
#define LOWEST (-INFINITY)
#define HIGHEST INFINITY
#define IS_NAN(v) isnan(v)

#define T float
#define NAME(fn) fn##_f32
#include "k_reduce_tmpl.h"
#undef T
#undef NAME

#define T double
#define NAME(fn) fn##_f64
#include "k_reduce_tmpl.h"
#undef T
#undef NAME

#undef K_REDUCE_REAL
#undef ACC
#undef U
#undef LOWEST
#undef HIGHEST
#undef IS_NAN
#define ACC int64_t
#define U uint64_t
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#define IS_NAN(v) false

#define T int64_t
#define NAME(fn) fn##_i64
#include "k_reduce_tmpl.h"
