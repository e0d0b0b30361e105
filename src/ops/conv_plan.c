/* SPDX-License-Identifier: Apache-2.0
 *
 * conv_plan: a list of plans, one for each geometry that was met. A plan never changes once it is
 * in the list; plans that want the weight in the same order share it.
 *
 * Where the library has no exact integer code, on processors without VNNI, codes become words of 16
 * bits where rows are long, and float elsewhere: products and sums of whole numbers below 2^24 are
 * exact in it, in any order.
 */
#include "conv_plan.h"

#include "k_convert.h"
#include "k_iconv.h"
#include "k_round.h"

#include <string.h>

enum { MAX_PLANS = 8 }; /* of one node, some 20 kB each; further shapes are prepared at each call */

static bool plan_serves(const struct conv_plan *p, const struct conv_dims *d, enum dtype x,
                        const struct tail *t)
{
    return p->x == x && !memcmp(&p->dims, d, sizeof *d) && p->tail.kind == t->kind
        && p->tail.lo == t->lo && p->tail.hi == t->hi && !p->tail.bias == !t->bias
        && !p->tail.add == !t->add;
}

static bool by_integers(const struct conv_plan *p)
{
    return p->by_dnnl && p->dnnl.codes;
}

/* NULL: there is none, k_conv() does it. */
static const struct k_dnnl_conv *code_of(const struct conv_plan *p)
{
    return p->by_winograd ? &p->winograd.code : p->by_dnnl ? &p->dnnl : NULL;
}

/* Products of words are faster than float ones where many are summed, and gathering their factors
 * is little beside that: measured on Zen 3. */
static bool words_pay(const struct conv_dims *d)
{
    enum { LONG = 64, MANY = 32 };
    return !d->transposed && d->c / d->groups * conv_taps(d) >= LONG && d->m / d->groups >= MANY;
}

static bool packs_alike(const struct conv_plan *p, const struct conv_plan *q)
{
    const struct k_dnnl_conv *a = code_of(p), *b = code_of(q);
    if (!a != !b || p->by_words != q->by_words || p->by_winograd != q->by_winograd
        || p->by_plain != q->by_plain || by_integers(p) != by_integers(q))
        return false;
    return !a || k_dnnl_conv_packs_alike(a, b);
}

static size_t packed_size(const struct conv_plan *p)
{
    const struct k_dnnl_conv *code = code_of(p);
    if (p->by_words)
        return k_iconv_packed(&p->dims) * sizeof(int16_t);
    return code ? code->packed : k_conv_packed(&p->dims) * sizeof(float);
}

static int64_t weight_count(const struct conv_dims *d)
{
    return d->m * (d->c / d->groups) * conv_taps(d);
}

/* A matrix [c][m] as [m][c]. */
static void *turned(const struct conv_plan *p, const void *w)
{
    int64_t m = p->dims.m, c = p->dims.c;
    size_t item = p->x == DTYPE_F32 ? sizeof(float) : 1;
    char *to = mem_alloc((size_t)(m * c) * item);
    for (int64_t i = 0; i < m; i++)
        for (int64_t k = 0; k < c; k++)
            memcpy(to + (size_t)(i * c + k) * item, (const char *)w + (size_t)(k * m + i) * item,
                   item);
    return to;
}

/* The weight on its grid, or its codes. */
static void *rounded(const struct conv_plan *p, const struct conv_weight *w)
{
    struct tensor t = *w->tensor;
    if (p->x != DTYPE_F32)
        t.dtype = w->grid->type.dtype;
    t.data = mem_alloc((size_t)tensor_count(&t) * (p->x == DTYPE_F32 ? sizeof(float) : 1));
    quant_round_tensor(w->grid, w->tensor, &t);
    return t.data;
}

static void pack_plain(const struct conv_plan *p, const void *w, void *packed)
{
    const struct conv_dims *d = &p->plain.conv;
    float *split = mem_alloc((size_t)weight_count(d) * sizeof *split);
    k_transposed_split(&p->plain, &p->dims, K_FILTER_FIRST, sizeof *split, w, split);
    k_dnnl_conv_pack(&p->dnnl, d, split, packed);
    mem_free(split);
}

static void pack(const struct conv_plan *p, const struct conv_weight *w, void *packed)
{
    const void *data = w->data;
    void *by_output = NULL, *on_grid = NULL;
    float *whole = NULL; /* int8 as float */
    const int32_t zero = 0;
    if (w->grid)
        data = on_grid = rounded(p, w);
    if (w->by_input)
        data = by_output = turned(p, data);
    if (p->x != DTYPE_F32 && !by_integers(p) && !p->by_words) {
        int64_t n = weight_count(&p->dims);
        whole = mem_alloc((size_t)n * sizeof *whole);
        k_load_f32(DTYPE_I8, data, 0, 1, n, whole);
        data = whole;
    }
    if (p->by_words)
        k_iconv_pack(&p->dims, DTYPE_I8, data, &zero, 0, packed);
    else if (p->by_winograd)
        k_winograd_pack(&p->winograd, &p->dims, data, packed);
    else if (p->by_plain)
        pack_plain(p, data, packed);
    else if (p->by_dnnl)
        k_dnnl_conv_pack(&p->dnnl, &p->dims, data, packed);
    else
        k_conv_pack(&p->dims, data, packed);
    mem_free(on_grid);
    mem_free(by_output);
    mem_free(whole);
}

static void plan_free(struct conv_plan *p)
{
    if (p->by_winograd)
        k_winograd_release(&p->winograd);
    if (p->by_dnnl)
        k_dnnl_conv_release(&p->dnnl);
    if (p->owns_weight)
        mem_free(p->weight);
    mem_free(p);
}

static void plans_release(struct op_state *s)
{
    for (struct conv_plan *p = (struct conv_plan *)s, *next; p; p = next) {
        next = p->next;
        plan_free(p);
    }
}

/* How often channels are repeated, and the dims of what is computed then. (One channel alone is no
 * depthwise convolution, and many outputs of few are better off as products.) */
static int64_t repeat(const struct conv_dims *d, struct conv_dims *to)
{
    enum { MOST = 8 };
    memcpy(to, d, sizeof *to); /* with its padding: plan_serves() compares bytes */
    if (d->transposed || d->groups != d->c || d->c == 1 || d->m == d->c || d->m > MOST * d->c)
        return 1;
    to->c = to->groups = d->m;
    return d->m / d->c;
}

/* Where windows touch oneDNN's code for it reaches a third of the speed of that for plain ones. But
 * packing the weight takes as long as some runs over few places. */
static bool find_plain(struct conv_plan *p, const struct conv_dims *d)
{
    enum { FEW = 64 };
    return d->transposed && !k_conv_is_apart(d) && k_transposed_init(&p->plain, d)
        && conv_out_span(&p->plain.conv) >= FEW
        && k_dnnl_conv_init(&p->dnnl, &p->plain.conv, &(struct tail){0});
}

static struct conv_plan *plan_new(const struct conv_dims *d, int64_t times, enum dtype x,
                                  const struct tail *t, const struct conv_weight *w,
                                  const struct conv_plan *list)
{
    struct conv_plan *p = mem_alloc(sizeof *p);
    memset(p, 0, sizeof *p);
    p->state.release = plans_release;
    memcpy(&p->dims, d, sizeof *d);
    p->times = times;
    p->x = x;
    p->tail = *t;
    p->by_winograd = x == DTYPE_F32 && w->fixed && k_winograd_init(&p->winograd, d);
    p->by_dnnl = x != DTYPE_F32 && k_dnnl_conv_init_codes(&p->dnnl, d, x);
    p->by_words = x != DTYPE_F32 && !p->by_dnnl && words_pay(d);
    p->by_plain = x == DTYPE_F32 && find_plain(p, d);
    p->by_dnnl = p->by_dnnl || p->by_plain;
    if (!p->by_winograd && !p->by_dnnl && !p->by_words)
        p->by_dnnl = k_dnnl_conv_init(&p->dnnl, d, t);
    if (!w->fixed)
        return p;
    for (; list; list = list->next) {
        if (list->weight && packs_alike(p, list)) {
            p->weight = list->weight;
            return p;
        }
    }
    p->weight = mem_alloc(packed_size(p));
    p->owns_weight = true;
    pack(p, w, p->weight);
    return p;
}

struct conv_plan *conv_plan_find(const struct call *c, const struct conv_dims *d, enum dtype x,
                                 const struct tail *t, const struct conv_weight *w)
{
    struct conv_plan *mine = NULL, *p;
    struct conv_dims computed;
    int64_t times = repeat(d, &computed);
    struct op_state *list = c->state ? __atomic_load_n(c->state, __ATOMIC_ACQUIRE) : NULL;
    for (;;) {
        int n = 0;
        for (p = (struct conv_plan *)list; p && !plan_serves(p, &computed, x, t); p = p->next)
            n++;
        if (p) {
            if (mine)
                plan_free(mine); /* another thread was faster */
            return p;
        }
        if (!mine)
            mine = plan_new(&computed, times, x, t, w, (struct conv_plan *)list);
        if (!c->state || n >= MAX_PLANS)
            return mine;
        mine->next = (struct conv_plan *)list;
        if (__atomic_compare_exchange_n(c->state, &list, &mine->state, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return mine;
        mine->next = NULL;
    }
}

void conv_plan_leave(const struct call *c, struct conv_plan *p)
{
    struct op_state *list = c->state ? __atomic_load_n(c->state, __ATOMIC_ACQUIRE) : NULL;
    for (struct conv_plan *q = (struct conv_plan *)list; q; q = q->next)
        if (q == p)
            return;
    plan_free(p);
}

static const void *packed_weight(const struct conv_plan *p, const struct conv_weight *w,
                                 struct arena *scratch)
{
    if (p->weight)
        return p->weight;
    void *packed = arena_buffer(scratch, 1, packed_size(p));
    pack(p, w, packed);
    return packed;
}

static inline void repeat_each(const float *x, int64_t n, int64_t times, float *to)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < times; k++)
            to[i * times + k] = x[i];
}

/* The input with its channels as they are computed with. */
static const void *repeated(const struct conv_plan *p, const void *x, struct arena *scratch)
{
    if (p->times == 1)
        return x;
    int64_t n = p->dims.batch * p->dims.c / p->times * conv_in_span(&p->dims);
    if (p->x == DTYPE_F32) {
        float *to = NEW_BUFFER(scratch, n * p->times, float);
        if (p->times == 2)
            repeat_each(x, n, 2, to);
        else if (p->times == 4)
            repeat_each(x, n, 4, to);
        else
            repeat_each(x, n, p->times, to);
        return to;
    }
    char *to = NEW_BUFFER(scratch, n * p->times, char);
    for (int64_t i = 0; i < n; i++)
        memset(to + i * p->times, ((const char *)x)[i], (size_t)p->times);
    return to;
}

static void run_plain(const struct conv_plan *p, const float *x, const void *packed,
                      const struct tail *t, float *y, struct arena *scratch)
{
    const struct conv_dims *d = &p->plain.conv;
    float *places = NEW_BUFFER(scratch, d->batch * conv_out_span(d) * d->m, float);
    k_dnnl_conv_run(&p->dnnl, x, packed, &(struct tail){0}, places,
                    arena_buffer(scratch, 1, p->dnnl.scratch));
    k_transposed_join(&p->plain, &p->dims, places, t, y,
                      NEW_BUFFER(scratch, p->dims.out[CONV_AXES - 1] * p->dims.m, float));
}

static void run(const struct conv_plan *p, const float *x, const void *packed,
                const struct tail *t, float *y, struct arena *scratch)
{
    if (p->by_winograd)
        k_winograd_run(&p->winograd, &p->dims, x, packed, t, y,
                       arena_buffer(scratch, 1, p->winograd.scratch));
    else if (p->by_plain)
        run_plain(p, x, packed, t, y, scratch);
    else if (p->by_dnnl)
        k_dnnl_conv_run(&p->dnnl, x, packed, t, y, arena_buffer(scratch, 1, p->dnnl.scratch));
    else
        k_conv(&p->dims, x, packed, t, y, NEW_BUFFER(scratch, k_conv_scratch(&p->dims), float));
}

void conv_plan_run(const struct conv_plan *p, const float *x, const struct conv_weight *w,
                   const struct tail *t, float *y, struct arena *scratch)
{
    run(p, repeated(p, x, scratch), packed_weight(p, w, scratch), t, y, scratch);
}

static void run_words(const struct conv_plan *p, const void *x, int32_t zero, const void *packed,
                      int32_t *sum, struct arena *scratch)
{
    const struct conv_dims *d = &p->dims;
    int64_t n_in = d->c * conv_in_span(d), n_out = conv_out_span(d);
    int16_t *rows = NEW_BUFFER(scratch, k_iconv_scratch(d), int16_t);
    for (int64_t i = 0; i < d->batch; i++) {
        struct k_iconv_input in = {p->x, x, i * n_in, zero};
        for (int64_t at = 0, n; at < n_out; at += n) {
            n = n_out - at < K_ICONV_BLOCK ? n_out - at : K_ICONV_BLOCK;
            k_iconv(d, &in, packed, at, n, sum + (i * n_out + at) * d->m, rows);
        }
    }
}

void conv_plan_run_codes(const struct conv_plan *p, const void *x, int32_t zero,
                         const struct conv_weight *w, int32_t *sum, struct arena *scratch)
{
    const void *packed = packed_weight(p, w, scratch);
    x = repeated(p, x, scratch);
    if (by_integers(p)) {
        k_dnnl_conv_run_codes(&p->dnnl, x, packed, zero, sum,
                              arena_buffer(scratch, 1, p->dnnl.scratch));
        return;
    }
    if (p->by_words) {
        run_words(p, x, zero, packed, sum, scratch);
        return;
    }
    int64_t n_in = p->dims.batch * p->dims.c * conv_in_span(&p->dims);
    int64_t n_out = p->dims.batch * p->dims.m * conv_out_span(&p->dims);
    float *from = NEW_BUFFER(scratch, n_in, float), *to = NEW_BUFFER(scratch, n_out, float);
    k_dequantize_f32(p->x, x, 0, from, n_in, 1, zero);
    run(p, from, packed, &(struct tail){0}, to, scratch);
    for (int64_t i = 0; i < n_out; i++)
        sum[i] = (int32_t)to[i];
}
