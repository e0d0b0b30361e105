/* SPDX-License-Identifier: Apache-2.0
 *
 * conv_plan: what is prepared for a convolution and kept for later calls: generated code for one
 * geometry, one element type of the input and one tail, and the weight in the order that it wants.
 *
 * The input is float, or codes of 8 bits whose weight is int8. Codes are multiplied and summed as
 * integers; the sums are exact while they are below 2^24.
 *
 * Where each channel of the input has several outputs of its own, it is repeated for each: that is
 * a depthwise convolution, for which there is fast code. So is there for plain convolutions, which
 * transposed ones become where their windows touch.
 */
#ifndef CONV_PLAN_H
#define CONV_PLAN_H

#include "k_dnnl.h"
#include "k_transposed.h"
#include "k_winograd.h"
#include "op.h"

struct conv_plan {
    struct op_state state; /* *call.state is the newest plan's */
    struct conv_plan *next;
    struct conv_dims dims;   /* of what is computed */
    int64_t times;           /* each channel of the input comes so many times in it: below */
    enum dtype x;            /* DTYPE_F32, DTYPE_U8 or DTYPE_I8 */
    struct tail tail;        /* pointers mean only "there is one"; none for codes */
    bool by_winograd, by_dnnl, by_words; /* words: codes by k_iconv(); none: k_conv() */
    bool by_plain;           /* a transposed one as a plain one, for which `dnnl` is then */
    struct k_winograd winograd; /* where by_winograd */
    struct k_transposed plain;  /* where by_plain */
    struct k_dnnl_conv dnnl;    /* where by_dnnl */
    void *weight;            /* repacked; NULL: the weight is not the same in every call */
    bool owns_weight;
};

struct conv_weight {
    const void *data; /* float, or int8 for codes */
    bool fixed;       /* the same in every call */
    bool by_input;    /* a matrix [c][m]; ONNX's order for a convolution otherwise */
    const struct quant *grid; /* data is float, and rounded to this while it is packed; or NULL */
    const struct tensor *tensor; /* where there is a grid: what the data are of */
};
/* The plan for this call, from the call's state or new. conv_plan_leave() gives it back. */
struct conv_plan *conv_plan_find(const struct call *c, const struct conv_dims *d, enum dtype x,
                                 const struct tail *t, const struct conv_weight *w);
void conv_plan_leave(const struct call *c, struct conv_plan *p);

/* x, y channels-last as in k_conv.h; the tail's pointers are the call's. */
void conv_plan_run(const struct conv_plan *p, const float *x, const struct conv_weight *w,
                   const struct tail *t, float *y, struct arena *scratch);
/* sum = the convolution of x - zero with w; zero stands for what padding adds, too. */
void conv_plan_run_codes(const struct conv_plan *p, const void *x, int32_t zero,
                         const struct conv_weight *w, int32_t *sum, struct arena *scratch);

#endif
