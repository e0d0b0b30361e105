/* SPDX-License-Identifier: Apache-2.0
 *
 * k_dnnl_none: in the place of k_dnnl.c where quern is built without oneDNN. Nothing is served, so
 * that OpenBLAS and plain C do everything, and what works on a primitive is never called.
 */
#include "k_dnnl.h"

#include <stdlib.h>

void k_dnnl_single_thread(void)
{
}

bool k_dnnl_conv_init(struct k_dnnl_conv *p, const struct conv_dims *d, const struct tail *t)
{
    (void)d, (void)t;
    *p = (struct k_dnnl_conv){0};
    return false;
}

bool k_dnnl_conv_init_codes(struct k_dnnl_conv *p, const struct conv_dims *d, enum dtype x)
{
    (void)d, (void)x;
    *p = (struct k_dnnl_conv){0};
    return false;
}

void k_dnnl_conv_release(struct k_dnnl_conv *p)
{
    (void)p;
}

bool k_dnnl_conv_packs_alike(const struct k_dnnl_conv *p, const struct k_dnnl_conv *q)
{
    (void)p, (void)q;
    abort();
}

void k_dnnl_conv_pack(const struct k_dnnl_conv *p, const struct conv_dims *d, const void *w,
                      void *packed)
{
    (void)p, (void)d, (void)w, (void)packed;
    abort();
}

void k_dnnl_conv_run(const struct k_dnnl_conv *p, const float *x, const void *packed,
                     const struct tail *t, float *y, void *scratch)
{
    (void)p, (void)x, (void)packed, (void)t, (void)y, (void)scratch;
    abort();
}

void k_dnnl_conv_run_codes(const struct k_dnnl_conv *p, const void *x, const void *packed,
                           int32_t zero, int32_t *sum, void *scratch)
{
    (void)p, (void)x, (void)packed, (void)zero, (void)sum, (void)scratch;
    abort();
}

bool k_dnnl_gemm(const struct gemm *g, const float *a, const float *b, float *c)
{
    (void)g, (void)a, (void)b, (void)c;
    return false;
}
