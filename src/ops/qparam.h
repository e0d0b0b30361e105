/* SPDX-License-Identifier: Apache-2.0
 *
 * qparam: how operators on codes read their scales and zero points. Errors name the input.
 */
#ifndef QPARAM_H
#define QPARAM_H

#include "k_sums.h"
#include "op.h"

/* One for each of n channels, or one for all. */
struct scales {
    const float *at;
    int64_t step; /* from channel to channel: 1 or 0 */
};
struct zeros {
    const int32_t *at;
    int64_t step;
};

/* In infer: 0 where input `slot` is uint8 or int8, or not known. */
int code_check(const struct call *c, int slot, struct err *err);
/* In infer: 0 where the inputs of these bits are there; for those behind optional ones, which the
 * row in ops.def cannot ask for. */
int inputs_need(const struct call *c, unsigned inputs, struct err *err);
/* In infer: the type of the codes that the zero point in `slot` announces; `otherwise` where it is
 * left out. */
int code_dtype(const struct call *c, int slot, enum dtype otherwise, enum dtype *t,
               struct err *err);

/* In eval: a scale of one element, of any floating type. */
int scale_read(const struct call *c, int slot, float *v, struct err *err);
/* A zero point of one element that has the type of the codes it belongs to; left out: 0. */
int zero_read(const struct call *c, int slot, enum dtype codes, int32_t *v, struct err *err);
/* One or n elements; the arrays are in the call's scratch. */
int scales_read(const struct call *c, int slot, int64_t n, struct scales *s, struct err *err);
int zeros_read(const struct call *c, int slot, enum dtype codes, int64_t n, struct zeros *z,
               struct err *err);

/* DynamicQuantizeLinear's scale and zero point for uint8: the range of x, widened to include 0. */
void dynamic_range(const float *x, int64_t n, float *scale, int32_t *zero);

/* Sums become codes of a type, clipped at its limits. */
void codes_of_sums(const struct sums *s, int32_t zero, enum dtype t, void *codes);
/* clip(rint(v / scale) + zero), as QuantizeLinear has it. */
int32_t code_of(float v, float scale, int32_t zero, enum dtype t);

#endif
