/* SPDX-License-Identifier: Apache-2.0
 *
 * k_dnnl_code: oneDNN 2.x offers several codes for a convolution, and its first choice is not
 * always the fastest. Weights are offered in "any" order, so the library chooses a blocked one;
 * activations are channels-last, for which its newest and fastest code is written.
 */
#include "k_dnnl_code.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <math.h>
#include <string.h>

static bool splits_wide; /* the processor executes an operation on 512 bits as two */

/* Zen 3 and 4, of which Zen 4 has AVX-512. */
static bool is_zen4(void)
{
#ifdef __x86_64__
    unsigned a, b, c, d;
    enum { FAMILY = 0xf, ZEN4 = 0x19 };
    return __get_cpuid(0, &a, &b, &c, &d) && c == signature_AMD_ecx
        && __get_cpuid(1, &a, &b, &c, &d) && (a >> 8 & FAMILY) + (a >> 20 & 0xff) == ZEN4;
#else
    return false;
#endif
}

void k_dnnl_code_open(void)
{
    splits_wide = is_zen4();
}

/* A channels-last tensor: batch, channels and the axes in use. */
static bool data_desc(dnnl_memory_desc_t *md, const struct conv_dims *d, int64_t channels,
                      const int64_t *span, dnnl_data_type_t type)
{
    static const dnnl_format_tag_t tag[] = {dnnl_nwc, dnnl_nhwc, dnnl_ndhwc};
    dnnl_dims_t dim = {d->batch, channels};
    for (int i = 0; i < d->axes; i++)
        dim[2 + i] = span[CONV_AXES - d->axes + i];
    return !dnnl_memory_desc_init_by_tag(md, 2 + d->axes, dim, type, tag[d->axes - 1]);
}

bool k_dnnl_weight_desc(dnnl_memory_desc_t *md, const struct conv_dims *d, bool plain,
                        dnnl_data_type_t type)
{
    dnnl_dims_t dim, stride;
    int n = 0, first = d->groups > 1;
    int64_t m = d->m / d->groups, c = d->c / d->groups, taps = conv_taps(d);
    dim[n++] = d->groups;
    dim[n++] = m;
    dim[n++] = c;
    stride[0] = m * c * taps;
    stride[1] = d->transposed ? taps : c * taps;
    stride[2] = d->transposed ? m * taps : taps;
    for (int i = 0; i < d->axes; i++) {
        dim[n] = d->kernel[CONV_AXES - d->axes + i];
        taps /= dim[n];
        stride[n++] = taps;
    }
    if (!first) {
        memmove(dim, dim + 1, sizeof *dim * (size_t)(n - 1));
        memmove(stride, stride + 1, sizeof *stride * (size_t)(n - 1));
        n--;
    }
    if (plain)
        return !dnnl_memory_desc_init_by_strides(md, n, dim, type, stride);
    return !dnnl_memory_desc_init_by_tag(md, n, dim, type, dnnl_format_tag_any);
}

bool k_dnnl_is_apart(enum tail_kind kind)
{
    return kind == TAIL_SWISH || kind == TAIL_GELU;
}

static int append_activation(dnnl_post_ops_t ops, const struct tail *t)
{
    switch (t->kind) {
    case TAIL_NONE: return 0;
    case TAIL_CLIP:
        if (t->lo == 0 && isinf(t->hi))
            return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0);
        return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_clip, t->lo, t->hi);
    case TAIL_LEAKY: return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, t->lo, 0);
    case TAIL_HARD_SWISH:
        return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_hardswish, 0, 0);
    case TAIL_SWISH:
    case TAIL_GELU: return 0;
    }
    return -1;
}

static dnnl_primitive_attr_t tail_attr(const struct tail *t)
{
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    if (dnnl_primitive_attr_create(&attr))
        return NULL;
    if (dnnl_post_ops_create(&ops)) {
        dnnl_primitive_attr_destroy(attr);
        return NULL;
    }
    int bad = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (t->add)
        bad |= dnnl_post_ops_append_sum(ops, 1);
    bad |= append_activation(ops, t);
    bad |= dnnl_primitive_attr_set_post_ops(attr, ops);
    dnnl_post_ops_destroy(ops);
    if (!bad)
        return attr;
    dnnl_primitive_attr_destroy(attr);
    return NULL;
}

/* The zero point of the input is told at each run. */
static dnnl_primitive_attr_t codes_attr(void)
{
    dnnl_primitive_attr_t attr;
    int32_t zero = DNNL_RUNTIME_S32_VAL;
    if (dnnl_primitive_attr_create(&attr))
        return NULL;
    if (!dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user)
        && !dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_SRC, 1, 0, &zero))
        return attr;
    dnnl_primitive_attr_destroy(attr);
    return NULL;
}

/* The code that is fastest for a float convolution, where it is known not to be the library's first
 * choice: measured with oneDNN 2.6.3 on Zen 4, whose 512 bits are no faster than 256 but leave more
 * of a block of channels empty. NULL: the first choice. */
static const char *best_code(const struct conv_dims *d)
{
    int64_t rest = d->m % 16;
    bool narrow = rest >= 1 && rest <= 8;
    if (!splits_wide || d->transposed || d->axes != 2)
        return NULL;
    if (d->groups == d->c && d->groups == d->m)
        return d->m == 8 ? "jit_dw:avx2" : "jit_dw:avx512_core";
    if (d->groups > 1 || (!narrow && (d->m != 16 || conv_taps(d) > 1)))
        return NULL;
    if (conv_taps(d) == 1)
        return "jit_1x1:avx2";
    return d->m > 16 && d->m <= 32 && d->c <= 64 ? "jit:avx2" : "jit:avx512_core";
}

/* The same for codes: on Zen 4 older code is up to a quarter faster where channels are few, and as
 * fast elsewhere. */
static const char *best_for_codes(const struct conv_dims *d)
{
    bool plain = d->axes == 2 && d->groups == 1 && conv_taps(d) == 1;
    return splits_wide && plain ? "jit_int8_1x1:avx512_core_vnni" : NULL;
}

static const char *code_of(const_dnnl_primitive_desc_t desc)
{
    const char *name = NULL;
    dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name);
    return name;
}

/* Generated code, not the library's loops for the rest, which are slower than k_conv. Its code for
 * SSE 4.1 (2.6.3, jit_dw) reads past odd numbers of channels. Integers are summed without
 * saturation by the code for VNNI only. */
static bool is_fit(const_dnnl_primitive_desc_t desc, bool codes)
{
    const char *name = code_of(desc);
    if (!name || strstr(name, "ref") || strstr(name, "gemm:") || strstr(name, "sse41"))
        return false;
    return !codes || strstr(name, "vnni");
}

static bool is_named(const_dnnl_primitive_desc_t desc, const char *wanted)
{
    const char *name = code_of(desc);
    return name && !strcmp(name, wanted);
}

/* The library's first choice, or the code that is wanted (NULL: none) where it has that. */
static dnnl_primitive_desc_t choose(dnnl_engine_t engine, const_dnnl_op_desc_t op,
                                    dnnl_primitive_attr_t attr, const char *wanted)
{
    dnnl_primitive_desc_iterator_t i;
    if (dnnl_primitive_desc_iterator_create(&i, op, attr, engine, NULL))
        return NULL;
    dnnl_primitive_desc_t chosen = dnnl_primitive_desc_iterator_fetch(i);
    bool found = !wanted || !chosen || is_named(chosen, wanted);
    while (!found && !dnnl_primitive_desc_iterator_next(i)) {
        dnnl_primitive_desc_t other = dnnl_primitive_desc_iterator_fetch(i);
        found = other && is_named(other, wanted);
        dnnl_primitive_desc_destroy(found ? chosen : other);
        chosen = found ? other : chosen;
    }
    dnnl_primitive_desc_iterator_destroy(i);
    return chosen;
}

static dnnl_primitive_desc_t conv_desc(dnnl_engine_t engine, const struct conv_dims *d,
                                       struct k_dnnl_types type, bool bias,
                                       dnnl_primitive_attr_t attr)
{
    dnnl_memory_desc_t x, w, b, y;
    dnnl_dims_t bias_dim = {d->m}, stride, dilation, pad, pad_end;
    for (int i = 0; i < d->axes; i++) {
        int a = CONV_AXES - d->axes + i;
        stride[i] = d->stride[a];
        dilation[i] = d->dilation[a] - 1;
        pad[i] = d->pad[a];
        pad_end[i] = d->pad_end[a];
    }
    if (!data_desc(&x, d, d->c, d->in, type.x)
        || !data_desc(&y, d, d->m, d->out, type.y)
        || !k_dnnl_weight_desc(&w, d, false, type.w)
        || dnnl_memory_desc_init_by_tag(&b, 1, bias_dim, dnnl_f32, dnnl_x))
        return NULL;
    if (d->transposed) {
        dnnl_primitive_desc_t desc = NULL;
        dnnl_deconvolution_desc_t op;
        if (dnnl_dilated_deconvolution_forward_desc_init(
                &op, dnnl_forward_inference, dnnl_deconvolution_direct, &x, &w, bias ? &b : NULL,
                &y, stride, dilation, pad, pad_end)
            || dnnl_primitive_desc_create(&desc, &op, attr, engine, NULL))
            return NULL;
        return desc;
    }
    dnnl_convolution_desc_t op;
    if (dnnl_dilated_convolution_forward_desc_init(
            &op, dnnl_forward_inference, dnnl_convolution_direct, &x, &w, bias ? &b : NULL, &y,
            stride, dilation, pad, pad_end))
        return NULL;
    return choose(engine, &op, attr,
                  type.x == dnnl_f32 ? best_code(d) : best_for_codes(d));
}

/* The description goes at once: the primitive has a copy, and each takes more than the code. */
dnnl_primitive_t k_dnnl_code_make(dnnl_engine_t engine, const struct conv_dims *d,
                                  struct k_dnnl_types type, const struct tail *t)
{
    dnnl_primitive_attr_t attr = t ? tail_attr(t) : codes_attr();
    if (!attr)
        return NULL;
    dnnl_primitive_desc_t desc = conv_desc(engine, d, type, t && t->bias, attr);
    dnnl_primitive_attr_destroy(attr);
    dnnl_primitive_t primitive = NULL;
    if (!desc)
        return NULL;
    if (is_fit(desc, !t) && dnnl_primitive_create(&primitive, desc))
        primitive = NULL;
    dnnl_primitive_desc_destroy(desc);
    return primitive;
}

/* Threads may run it at the same time, so it has no scratch of its own. */
static dnnl_primitive_attr_t packer_attr(void)
{
    dnnl_primitive_attr_t attr;
    if (dnnl_primitive_attr_create(&attr))
        return NULL;
    if (!dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user))
        return attr;
    dnnl_primitive_attr_destroy(attr);
    return NULL;
}

dnnl_primitive_t k_dnnl_packer_make(dnnl_engine_t engine, const struct conv_dims *d,
                                    struct k_dnnl_types type, const_dnnl_primitive_t code)
{
    dnnl_memory_desc_t from;
    const_dnnl_primitive_desc_t made;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t packer = NULL;
    dnnl_primitive_attr_t attr = packer_attr();
    if (!attr)
        return NULL;
    bool bad = !k_dnnl_weight_desc(&from, d, true, type.w)
            || dnnl_primitive_get_primitive_desc(code, &made)
            || dnnl_reorder_primitive_desc_create(
                   &desc, &from, engine,
                   dnnl_primitive_desc_query_md(made, dnnl_query_weights_md, 0), engine, attr);
    dnnl_primitive_attr_destroy(attr);
    if (bad)
        return NULL;
    if (dnnl_primitive_create(&packer, desc))
        packer = NULL;
    dnnl_primitive_desc_destroy(desc);
    return packer;
}
