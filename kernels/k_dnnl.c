/* SPDX-License-Identifier: Apache-2.0
 *
 * k_dnnl: oneDNN 2.x: its code is kept, and so are the objects that it is called with.
 */
#include "k_dnnl.h"

#include "arena.h"
#include "k_code_cache.h"
#include "k_dnnl_code.h"
#include "k_gemm.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static dnnl_engine_t engine;
static void (*omp_threads)(int);
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* 2.6.3's code for AMX writes past an output whose channels do not fill its blocks. A limit of the
 * user's own stands. */
static void leave_amx_out(void)
{
    if (!getenv("ONEDNN_MAX_CPU_ISA") && !getenv("DNNL_MAX_CPU_ISA"))
        dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core_bf16);
}

static void library_open(void)
{
    leave_amx_out();
    k_dnnl_code_open();
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

static const struct k_dnnl_types float_types = {dnnl_f32, dnnl_f32, dnnl_f32};

static struct k_dnnl_types code_types(enum dtype x)
{
    return (struct k_dnnl_types){x == DTYPE_I8 ? dnnl_s8 : dnnl_u8, dnnl_s8, dnnl_s32};
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
    if (c->packer)
        dnnl_primitive_destroy(c->packer);
}

/* All that code depends on, and nothing else: it is compared as bytes. */
struct key {
    struct conv_dims d;
    struct k_dnnl_types type;
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
static bool conv_create(struct k_dnnl_conv *p, const struct conv_dims *d,
                        struct k_dnnl_types type, const struct tail *t)
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
        code.primitive = k_dnnl_code_make(engine, d, type, t);
        if (!code.primitive)
            return false;
        code.packer = k_dnnl_packer_make(engine, d, type, code.primitive);
        if (!code.packer) {
            destroy(&code);
            return false;
        }
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
    p->packer = code.packer;
    p->packed = dnnl_memory_desc_get_size(desc_of(p, dnnl_query_weights_md));
    p->scratch = dnnl_memory_desc_get_size(desc_of(p, dnnl_query_scratchpad_md));
    return true;
}

bool k_dnnl_conv_init(struct k_dnnl_conv *p, const struct conv_dims *d, const struct tail *t)
{
    *p = (struct k_dnnl_conv){.has_bias = t->bias, .has_add = t->add,
                              .apart = k_dnnl_is_apart(t->kind)};
    if (!is_served(d) || k_conv_is_apart(d))
        return false;
    if (conv_create(p, d, float_types, t))
        return true;
    if (!t->add && t->kind == TAIL_NONE)
        return false;
    *p = (struct k_dnnl_conv){.has_bias = t->bias, .adds = t->add, .apart = true};
    return conv_create(p, d, float_types, &(struct tail){.bias = t->bias});
}

bool k_dnnl_conv_init_codes(struct k_dnnl_conv *p, const struct conv_dims *d, enum dtype x)
{
    *p = (struct k_dnnl_conv){.codes = true};
    return is_served(d) && !d->transposed
        && conv_create(p, d, code_types(x), NULL);
}

void k_dnnl_conv_release(struct k_dnnl_conv *p)
{
    struct k_code code = {p->primitive, p->packer};
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
    dnnl_memory_desc_t from;
    const_dnnl_primitive_desc_t desc;
    if (!k_dnnl_weight_desc(&from, d, true, p->codes ? dnnl_s8 : dnnl_f32)
        || dnnl_primitive_get_primitive_desc(p->packer, &desc))
        abort();
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    void *space = mem_alloc(dnnl_memory_desc_get_size(scratch));
    struct args *a = args_new();
    argument(a, DNNL_ARG_FROM, &from, w);
    argument(a, DNNL_ARG_TO, desc_of(p, dnnl_query_weights_md), packed);
    argument(a, DNNL_ARG_SCRATCHPAD, scratch, space);
    execute(p->packer, a);
    args_free(a);
    mem_free(space);
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

static bool multiply(const struct gemm *g, const float *a, const float *b, float *c)
{
    return dnnl_sgemm(g->ta ? 'T' : 'N', g->tb ? 'T' : 'N', g->m, g->n, g->k, g->alpha, a, g->lda,
                      b, g->ldb, g->beta, c, g->ldc)
           == dnnl_success;
}

/* Its code for AVX2 does; that for AVX-512 copies b. */
static bool reads_in_place(void)
{
#ifdef __x86_64__
    return !__builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}

/* Rows of b that are a multiple of 1 or even 2 KB apart share few sets of the first-level cache:
 * half as fast (measured on Zen 3: m 256, n 3072, k 768 with 44 GFLOP/s for 90). Bringing parts of
 * b together pays where many rows of a meet them. */
static bool rows_collide(const struct gemm *g)
{
    enum { KB = 256 }; /* floats */
    int64_t enough = g->ldb % (2 * KB) == 0 ? 24 : 128;
    return !g->tb && g->ldb % KB == 0 && g->m >= enough && reads_in_place();
}

static bool multiply_by_panels(const struct gemm *g, const float *a, const float *b, float *c)
{
    enum { WIDTH = 192, DEPTH = 384, LD = WIDTH + 16 };
    static _Thread_local _Alignas(64) float panel[DEPTH * LD];
    for (int64_t j = 0; j < g->n; j += WIDTH)
        for (int64_t k = 0; k < g->k; k += DEPTH) {
            struct gemm part = *g;
            part.n = g->n - j < WIDTH ? g->n - j : WIDTH;
            part.k = g->k - k < DEPTH ? g->k - k : DEPTH;
            part.ldb = LD;
            part.beta = k ? 1 : g->beta;
            for (int64_t i = 0; i < part.k; i++)
                memcpy(panel + i * LD, b + (k + i) * g->ldb + j, sizeof *b * (size_t)part.n);
            if (!multiply(&part, a + k * (g->ta ? g->lda : 1), panel, c + j))
                return false;
        }
    return true;
}

bool k_dnnl_gemm(const struct gemm *g, const float *a, const float *b, float *c)
{
    return rows_collide(g) ? multiply_by_panels(g, a, b, c) : multiply(g, a, b, c);
}
