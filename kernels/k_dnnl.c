/* SPDX-License-Identifier: Apache-2.0
 *
 * k_dnnl: oneDNN 2.x. Weights are offered in "any" order, so the library chooses a blocked one;
 * activations are channels-last, for which its newest and fastest code is written.
 */
#include "k_dnnl.h"

#include "arena.h"
#include "k_code_cache.h"
#include "k_gemm.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <dlfcn.h>
#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static dnnl_engine_t engine;
static void (*omp_threads)(int);
static pthread_once_t once = PTHREAD_ONCE_INIT;

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

static void library_open(void)
{
    splits_wide = is_zen4();
    /* With its cache the library's iterator gives what is cached, in the place of other code;
     * k_code_cache does the same for us. */
    dnnl_set_primitive_cache_capacity(0);
    if (dnnl_engine_create(&engine, dnnl_cpu, 0))
        engine = NULL;
    /* The OpenMP runtime that oneDNN was linked with, if any; POSIX makes this conversion legal. */
    void *symbol = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    memcpy(&omp_threads, &symbol, sizeof symbol);
}

void k_dnnl_single_thread(void)
{
    pthread_once(&once, library_open);
    if (omp_threads)
        omp_threads(1);
}

/* Element types of a convolution: all float, or codes and their sums. */
struct types {
    dnnl_data_type_t x, w, y;
    int winograd; /* on blocks of channels; no bool, which would leave a gap in keys */
};
static const struct types float_types = {dnnl_f32, dnnl_f32, dnnl_f32, 0};
static const struct types winograd_types = {dnnl_f32, dnnl_f32, dnnl_f32, 1};

static struct types code_types(enum dtype x)
{
    return (struct types){x == DTYPE_I8 ? dnnl_s8 : dnnl_u8, dnnl_s8, dnnl_s32, 0};
}

/* A channels-last or blocked tensor: batch, channels and the axes in use. */
static bool data_desc(dnnl_memory_desc_t *md, const struct conv_dims *d, int64_t channels,
                      const int64_t *span, dnnl_data_type_t type, bool blocked)
{
    static const dnnl_format_tag_t tag[] = {dnnl_nwc, dnnl_nhwc, dnnl_ndhwc};
    dnnl_dims_t dim = {d->batch, channels};
    for (int i = 0; i < d->axes; i++)
        dim[2 + i] = span[CONV_AXES - d->axes + i];
    return !dnnl_memory_desc_init_by_tag(md, 2 + d->axes, dim, type,
                                         blocked ? dnnl_nChw16c : tag[d->axes - 1]);
}

/* The weight as oneDNN counts its dims: groups (where more than 1), m, c, axes. `plain` says that
 * it is stored as ONNX stores it, otherwise the library chooses. */
static bool weight_desc(dnnl_memory_desc_t *md, const struct conv_dims *d, bool plain,
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

/* The library's code for these is slower than a walk of ours over the result. */
static bool is_apart(enum tail_kind kind)
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

/* The larger tiles need a quarter of the multiplications instead of a half, but four times the
 * weight instead of twice. */
static const char *best_winograd(const struct conv_dims *d)
{
    enum { LARGE = 36, MOST = 4 << 20 };
    bool fits = d->c * d->m * LARGE * (int64_t)sizeof(float) <= MOST;
    return fits ? "jit_wino_4x3:avx512_core" : "jit_fp32_wino_2x3:avx512_core";
}

static const char *code_of(const_dnnl_primitive_desc_t desc)
{
    const char *name = NULL;
    dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name);
    return name;
}

/* Generated code, not the library's loops for the rest, which are slower than k_conv. Its code for
 * SSE 4.1 (2.6.3, jit_dw) reads past odd numbers of channels. Integers are summed without
 * saturation by the code for VNNI and newer only. */
static bool is_fit(const_dnnl_primitive_desc_t desc, bool codes)
{
    const char *name = code_of(desc);
    if (!name || strstr(name, "ref") || strstr(name, "gemm:") || strstr(name, "sse41"))
        return false;
    return !codes || strstr(name, "vnni") || strstr(name, "amx");
}

static bool is_named(const_dnnl_primitive_desc_t desc, const char *wanted)
{
    const char *name = code_of(desc);
    return name && !strcmp(name, wanted);
}

/* The library's first choice, or the code that is wanted (NULL: none) where it has that. */
static dnnl_primitive_desc_t choose(const_dnnl_op_desc_t op, dnnl_primitive_attr_t attr,
                                    const char *wanted)
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

static dnnl_primitive_desc_t conv_desc(const struct conv_dims *d, struct types type, bool bias,
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
    if (!data_desc(&x, d, d->c, d->in, type.x, type.winograd)
        || !data_desc(&y, d, d->m, d->out, type.y, type.winograd)
        || !weight_desc(&w, d, false, type.w)
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
    dnnl_alg_kind_t way = type.winograd ? dnnl_convolution_winograd : dnnl_convolution_direct;
    if (dnnl_dilated_convolution_forward_desc_init(&op, dnnl_forward_inference, way, &x, &w,
                                                   bias ? &b : NULL, &y, stride, dilation, pad,
                                                   pad_end))
        return NULL;
    if (type.winograd)
        return choose(&op, attr, best_winograd(d));
    return choose(&op, attr, type.x == dnnl_f32 ? best_code(d) : best_for_codes(d));
}

static const dnnl_memory_desc_t *desc_of(const struct k_dnnl_conv *p, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(p->desc, what, 0);
}

/* The library does nothing at all where the input is empty. */
static bool is_served(const struct conv_dims *d)
{
    pthread_once(&once, library_open);
    return engine && d->batch * d->c * conv_in_span(d) > 0;
}

static void destroy(const struct k_code *c)
{
    if (c->primitive)
        dnnl_primitive_destroy(c->primitive);
}

/* The description goes at once: the primitive has a copy, and each takes more than the code. */
static bool make_code(const struct conv_dims *d, struct types type, const struct tail *t,
                      struct k_code *code)
{
    dnnl_primitive_attr_t attr = t ? tail_attr(t) : codes_attr();
    if (!attr)
        return false;
    dnnl_primitive_desc_t desc = conv_desc(d, type, t && t->bias, attr);
    dnnl_primitive_attr_destroy(attr);
    dnnl_primitive_t primitive = NULL;
    if (!desc)
        return false;
    if (is_fit(desc, !t) && dnnl_primitive_create(&primitive, desc))
        primitive = NULL;
    dnnl_primitive_desc_destroy(desc);
    *code = (struct k_code){primitive};
    return primitive;
}

/* All that code depends on, and nothing else: it is compared as bytes. */
struct key {
    struct conv_dims d;
    struct types type;
    bool has_tail, bias, add;
    enum tail_kind kind;
    float lo, hi;
};

/* What the code is called with: one run's at a time. */
struct args {
    dnnl_exec_arg_t arg[5];
    int n, made;
};

static void args_free(struct args *a)
{
    for (int i = 0; a && i < a->made; i++)
        dnnl_memory_destroy(a->arg[i].memory);
    mem_free(a);
}

static struct args *args_new(void)
{
    struct args *a = mem_alloc(sizeof *a);
    a->n = a->made = 0;
    return a;
}

static struct args *args_take(const struct k_dnnl_conv *p)
{
    struct args *a = __atomic_exchange_n(p->spare, NULL, __ATOMIC_ACQ_REL);
    if (!a)
        return args_new();
    a->n = 0;
    return a;
}

static void args_leave(const struct k_dnnl_conv *p, struct args *a)
{
    args_free(__atomic_exchange_n(p->spare, a, __ATOMIC_ACQ_REL));
}

/* Takes or makes the code; t NULL: for codes. */
static bool conv_create(struct k_dnnl_conv *p, const struct conv_dims *d, struct types type,
                        const struct tail *t)
{
    _Static_assert(sizeof(struct key) <= K_CODE_KEY, "a key fits");
    struct key key;
    struct k_code code;
    memset(&key, 0, sizeof key);
    memcpy(&key.d, d, sizeof *d);
    key.type = type;
    if (t) {
        key.has_tail = true;
        key.bias = t->bias != NULL;
        key.add = t->add != NULL;
        key.kind = t->kind;
        key.lo = t->lo;
        key.hi = t->hi;
    }
    if (!k_code_take(&key, sizeof key, &code)) {
        if (!make_code(d, type, t, &code))
            return false;
        struct k_code gone = k_code_keep(&key, sizeof key, &code);
        destroy(&gone);
    }
    const_dnnl_primitive_desc_t desc;
    if (dnnl_primitive_get_primitive_desc(code.primitive, &desc))
        abort();
    p->spare = mem_alloc(sizeof *p->spare);
    *p->spare = NULL;
    p->desc = desc;
    p->primitive = code.primitive;
    p->packed = dnnl_memory_desc_get_size(desc_of(p, dnnl_query_weights_md));
    p->scratch = dnnl_memory_desc_get_size(desc_of(p, dnnl_query_scratchpad_md));
    return true;
}

bool k_dnnl_conv_init(struct k_dnnl_conv *p, const struct conv_dims *d, const struct tail *t)
{
    *p = (struct k_dnnl_conv){.has_bias = t->bias, .has_add = t->add, .apart = is_apart(t->kind)};
    if (!is_served(d) || k_conv_is_apart(d))
        return false;
    if (conv_create(p, d, float_types, t))
        return true;
    if (!t->add && t->kind == TAIL_NONE)
        return false;
    *p = (struct k_dnnl_conv){.has_bias = t->bias, .adds = t->add, .apart = true};
    return conv_create(p, d, float_types, &(struct tail){.bias = t->bias});
}

bool k_dnnl_winograd_init(struct k_dnnl_conv *p, const struct conv_dims *d, const struct tail *t)
{
    *p = (struct k_dnnl_conv){.has_bias = t->bias};
    return is_served(d) && conv_create(p, d, winograd_types, t);
}

bool k_dnnl_conv_init_codes(struct k_dnnl_conv *p, const struct conv_dims *d, enum dtype x)
{
    *p = (struct k_dnnl_conv){.codes = true};
    return is_served(d) && !d->transposed
        && conv_create(p, d, code_types(x), NULL);
}

void k_dnnl_conv_release(struct k_dnnl_conv *p)
{
    struct k_code code = {p->primitive};
    if (p->spare)
        args_free(*p->spare);
    mem_free(p->spare);
    if (code.primitive && k_code_leave(&code))
        destroy(&code);
    memset(p, 0, sizeof *p);
}

bool k_dnnl_conv_packs_alike(const struct k_dnnl_conv *p, const struct k_dnnl_conv *q)
{
    return dnnl_memory_desc_equal(desc_of(p, dnnl_query_weights_md),
                                  desc_of(q, dnnl_query_weights_md));
}

/* The next argument, the same kind in every run. Failures here are faults of ours. */
static void argument(struct args *a, int what, const dnnl_memory_desc_t *md, const void *data)
{
    dnnl_exec_arg_t *arg = &a->arg[a->n++];
    union {
        const void *in;
        void *out;
    } pointer = {.in = data}; /* the library does not know about const */
    if (a->n <= a->made) {
        if (dnnl_memory_set_data_handle(arg->memory, pointer.out))
            abort();
        return;
    }
    if (dnnl_memory_create(&arg->memory, md, engine, pointer.out))
        abort();
    arg->arg = what;
    a->made++;
}

static void execute(const_dnnl_primitive_t primitive, const struct args *a)
{
    dnnl_stream_t stream;
    if (dnnl_stream_create(&stream, engine, dnnl_stream_default_flags)
        || dnnl_primitive_execute(primitive, stream, a->n, a->arg) || dnnl_stream_wait(stream))
        abort();
    dnnl_stream_destroy(stream);
}

void k_dnnl_conv_pack(const struct k_dnnl_conv *p, const struct conv_dims *d, const void *w,
                      void *packed)
{
    const dnnl_memory_desc_t *to = desc_of(p, dnnl_query_weights_md);
    dnnl_memory_desc_t from;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t reorder;
    if (!weight_desc(&from, d, true, p->codes ? dnnl_s8 : dnnl_f32)
        || dnnl_reorder_primitive_desc_create(&desc, &from, engine, to, engine, NULL)
        || dnnl_primitive_create(&reorder, desc))
        abort();
    struct args *a = args_new();
    argument(a, DNNL_ARG_FROM, &from, w);
    argument(a, DNNL_ARG_TO, to, packed);
    execute(reorder, a);
    args_free(a);
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(desc);
}

void k_dnnl_conv_run(const struct k_dnnl_conv *p, const float *x, const void *packed,
                     const struct tail *t, float *y, void *scratch)
{
    const dnnl_memory_desc_t *out = desc_of(p, dnnl_query_dst_md);
    struct args *a = args_take(p);
    if (p->has_add && t->add != y)
        memcpy(y, t->add, dnnl_memory_desc_get_size(out));
    argument(a, DNNL_ARG_SRC, desc_of(p, dnnl_query_src_md), x);
    argument(a, DNNL_ARG_WEIGHTS, desc_of(p, dnnl_query_weights_md), packed);
    argument(a, DNNL_ARG_DST, out, y);
    argument(a, DNNL_ARG_SCRATCHPAD, desc_of(p, dnnl_query_scratchpad_md), scratch);
    if (p->has_bias)
        argument(a, DNNL_ARG_BIAS,
                 dnnl_primitive_desc_query_md(p->desc, dnnl_query_weights_md, 1), t->bias);
    execute(p->primitive, a);
    args_leave(p, a);
    if (p->apart) {
        struct tail rest = *t;
        rest.bias = NULL;
        rest.add = p->adds ? t->add : NULL;
        k_tail(&rest, y, (int64_t)(dnnl_memory_desc_get_size(out) / sizeof *y) / out->dims[1],
               out->dims[1]);
    }
}

void k_dnnl_conv_run_codes(const struct k_dnnl_conv *p, const void *x, const void *packed,
                           int32_t zero, int32_t *sum, void *scratch)
{
    struct args *a = args_take(p);
    dnnl_memory_desc_t one;
    if (dnnl_memory_desc_init_by_tag(&one, 1, (dnnl_dims_t){1}, dnnl_s32, dnnl_x))
        abort();
    argument(a, DNNL_ARG_SRC, desc_of(p, dnnl_query_src_md), x);
    argument(a, DNNL_ARG_WEIGHTS, desc_of(p, dnnl_query_weights_md), packed);
    argument(a, DNNL_ARG_DST, desc_of(p, dnnl_query_dst_md), sum);
    argument(a, DNNL_ARG_SCRATCHPAD, desc_of(p, dnnl_query_scratchpad_md), scratch);
    argument(a, DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, &one, &zero);
    execute(p->primitive, a);
    args_leave(p, a);
}

bool k_dnnl_gemm(const struct gemm *g, const float *a, const float *b, float *c)
{
    return dnnl_sgemm(g->ta ? 'T' : 'N', g->tb ? 'T' : 'N', g->m, g->n, g->k, g->alpha, a, g->lda,
                      b, g->ldb, g->beta, c, g->ldc)
           == dnnl_success;
}
