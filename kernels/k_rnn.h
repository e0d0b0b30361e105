/* SPDX-License-Identifier: Apache-2.0
 *
 * k_rnn: one direction of a recurrent layer. Gates are in ONNX's order: z, r, h for a GRU and
 * i, o, f, c for an LSTM; the formulas are those of ONNX's operators.
 *
 * As in ONNX Runtime, `clip` bounds what goes into f and g, but not the cell state on its way into
 * h; and a sequence of no steps ends in a state of zeros.
 */
#ifndef K_RNN_H
#define K_RNN_H

#include "k_unary.h"

#include <stddef.h>

enum k_rnn_kind { K_RNN, K_GRU, K_LSTM };

struct k_rnn_act {
    enum k_unary op;
    double a, b;
    bool scaled; /* a * op(b * x) */
};

/* Integer weights. Input and state are quantized to uint8 before each product, with the range of
 * all their rows, as DynamicQuantizeLinear does. */
struct k_rnn_dynamic {
    /* Codes less their zero points: [in][gates * hidden] and [hidden][gates * hidden]. */
    const double *w, *r;
    const float *w_scale, *r_scale; /* [gates * hidden] */
};

struct k_rnn {
    enum k_rnn_kind kind;
    bool reverse;
    bool linear_before_reset, input_forget;
    double clip;             /* infinity: none */
    struct k_rnn_act act[3]; /* f, g and h, as far as the kind has them */
    int64_t steps, batch, in, hidden;
    const int64_t *lens;     /* steps of each sequence, at most `steps`; NULL: all */
    int64_t x_step, x_row;   /* rows of x from step to step, and from sequence to sequence */
    int64_t y_step, y_row;   /* the same in elements of y */
    const struct k_rnn_dynamic *dynamic; /* of float layers that are no GRU; NULL: none */
};

/* 1, 3 or 4. */
int64_t k_rnn_gates(enum k_rnn_kind kind);

/* Elements of repacked weights, and the repacking. w: [gates * hidden][in], r: [gates * hidden]
 * [hidden], b: [2 * gates * hidden] or NULL. With integer weights, only the bias: w and r are not
 * read. */
size_t k_rnn_packed(const struct k_rnn *k);
void k_rnn_pack_f32(const struct k_rnn *k, const float *w, const float *r, const float *b,
                    float *packed);
void k_rnn_pack_f64(const struct k_rnn *k, const double *w, const double *r, const double *b,
                    double *packed);

/* What one run reads and writes. */
struct k_rnn_f32 {
    const float *x, *packed, *peephole; /* peephole: [3 * hidden], or NULL */
    float *h, *c;                       /* [batch][hidden]: first and then last state; c of LSTM */
    float *y;                           /* every h, and 0 beyond a sequence's end; NULL: unwanted */
    float *scratch;
};
struct k_rnn_f64 {
    const double *x, *packed, *peephole;
    double *h, *c, *y, *scratch;
};
size_t k_rnn_scratch(const struct k_rnn *k); /* elements */
void k_rnn_f32(const struct k_rnn *k, const struct k_rnn_f32 *d);
void k_rnn_f64(const struct k_rnn *k, const struct k_rnn_f64 *d);

#endif
