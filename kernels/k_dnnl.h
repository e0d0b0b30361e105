/* SPDX-License-Identifier: Apache-2.0
 *
 * k_dnnl: with k_dnnl_code the one place that meets oneDNN's API (2.x). Data is channels-last as in
 * k_conv.h.
 *
 * A k_dnnl_conv is generated code for one geometry and one tail. Once made it never changes:
 * threads may run it at the same time, each with scratch of its own.
 */
#ifndef K_DNNL_H
#define K_DNNL_H

#include "dtype.h"
#include "k_conv.h"

struct k_dnnl_conv {
    void *primitive;        /* dnnl_primitive_t */
    void *packer;           /* the same for the weight's order */
    const void *desc;       /* its const_dnnl_primitive_desc_t, which lives as long */
    size_t packed;          /* bytes of the weight in the order that the code wants */
    size_t scratch;         /* bytes of scratch, aligned to 64 */
    bool has_bias, has_add;
    bool apart, adds;       /* the activation, and the sum, are done after the generated code */
    bool codes;             /* sums of products of integers, see k_dnnl_conv_init_codes() */
    void **spare;           /* the library's objects of an earlier run, for the next one */
};

/* False: oneDNN is absent, or has only slow reference code for this. Of the tail, what matters is
 * kind, limits, and whether there is a bias and a sum. */
bool k_dnnl_conv_init(struct k_dnnl_conv *p, const struct conv_dims *d, const struct tail *t);
/* The same for codes of 8 bits (x: DTYPE_U8 or DTYPE_I8) times int8 weights, without a tail: sums
 * in int32, exact while they are below 2^24. False also where the processor has no instruction
 * for it: the older ones saturate on the way. */
bool k_dnnl_conv_init_codes(struct k_dnnl_conv *p, const struct conv_dims *d, enum dtype x);
void k_dnnl_conv_release(struct k_dnnl_conv *p);
/* Do both want the weight in the same order? */
bool k_dnnl_conv_packs_alike(const struct k_dnnl_conv *p, const struct k_dnnl_conv *q);
/* w: float, or int8 for codes, in ONNX's order; see k_conv_pack(). */
void k_dnnl_conv_pack(const struct k_dnnl_conv *p, const struct conv_dims *d, const void *w,
                      void *packed);
void k_dnnl_conv_run(const struct k_dnnl_conv *p, const float *x, const void *packed,
                     const struct tail *t, float *y, void *scratch);
/* zero is taken from each code, and stands where padding is. */
void k_dnnl_conv_run_codes(const struct k_dnnl_conv *p, const void *x, const void *packed,
                           int32_t zero, int32_t *sum, void *scratch);

/* c = alpha * a * b + beta * c as in k_gemm.h; false: oneDNN is absent. */
struct gemm;
bool k_dnnl_gemm(const struct gemm *g, const float *a, const float *b, float *c);
/* From now on oneDNN uses one thread when called from the calling thread. */
void k_dnnl_single_thread(void);

#endif
