/* SPDX-License-Identifier: Apache-2.0
 *
 * k_rnn: sizes, and the template for float and double.
 */
#include "k_rnn.h"

#include "k_gemm.h"
#include "k_simd.h"

#include <math.h>
#include <string.h>

int64_t k_rnn_gates(enum k_rnn_kind kind)
{
    return kind == K_LSTM ? 4 : kind == K_GRU ? 3 : 1;
}

/* Elements of a row with all gates. */
static int64_t row_width(const struct k_rnn *k)
{
    return k_rnn_gates(k->kind) * k->hidden;
}

/* The bias of all gates, the bias that a GRU may have to keep apart, and both weights transposed:
 * products with few rows are faster so. */
size_t k_rnn_packed(const struct k_rnn *k)
{
    return (size_t)(row_width(k) * (1 + k->in + k->hidden) + k->hidden);
}

/* The projected input, one step of all gates, and a GRU's state after the reset gate. */
size_t k_rnn_scratch(const struct k_rnn *k)
{
    return (size_t)(k->batch * ((k->steps + 1) * row_width(k) + k->hidden));
}

static int64_t length_of(const struct k_rnn *k, int64_t row)
{
    return k->lens ? k->lens[row] : k->steps;
}

#define T float
#define NAME(fn) fn##_f32
#define DATA struct k_rnn_f32
#include "k_rnn_tmpl.h"
#undef T
#undef NAME
#undef DATA

#define T double
#define NAME(fn) fn##_f64
#define DATA struct k_rnn_f64
#include "k_rnn_tmpl.h"
