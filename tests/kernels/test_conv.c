/* SPDX-License-Identifier: Apache-2.0
 *
 * test_conv: convolution and its transposition, by oneDNN and by k_conv, on random geometries.
 */
#include "arena.h"
#include "k_dnnl.h"
#include "k_transposed.h"
#include "k_winograd.h"
#include "k_layout.h"
#include "k_startup.h"
#include "ref.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* One convolution with its data in both layouts, and the expected result. */
struct trial {
    struct conv_dims d;
    struct tail tail, last_tail; /* `add` is plain, and channels-last */
    float *x, *w, *x_last, *want, *want_last, *got;
    int64_t n_out;
};

static int64_t out_size(const struct conv_dims *d, int a)
{
    int64_t reach = (d->kernel[a] - 1) * d->dilation[a] + 1;
    if (d->transposed)
        return (d->in[a] - 1) * d->stride[a] + reach - d->pad[a] - d->pad_end[a];
    int64_t room = d->in[a] + d->pad[a] + d->pad_end[a] - reach;
    return room < 0 ? 0 : room / d->stride[a] + 1;
}

/* A geometry that fits; groups: 0 none, 1 several, 2 one channel each. */
static struct conv_dims random_dims(struct random *r, bool transposed, int axes, int groups)
{
    struct conv_dims d;
    for (;;) {
        memset(&d, 0, sizeof d);
        d.transposed = transposed;
        d.axes = axes;
        d.batch = random_int(r, 1, 2);
        d.groups = groups == 0 ? 1 : groups == 1 ? random_int(r, 2, 3) : random_int(r, 1, 33);
        d.c = groups == 2 ? d.groups : d.groups * random_int(r, 1, 19);
        d.m = groups == 2 ? d.groups : d.groups * random_int(r, 1, 19);
        bool fits = true;
        for (int a = 0; a < CONV_AXES; a++) {
            bool used = a >= CONV_AXES - axes;
            d.in[a] = used ? random_int(r, 1, axes == 3 ? 5 : 9) : 1;
            d.kernel[a] = used ? random_int(r, 1, 4) : 1;
            d.stride[a] = used ? random_int(r, 1, 3) : 1;
            d.dilation[a] = used ? random_int(r, 1, 2) : 1;
            d.pad[a] = used ? random_int(r, 0, d.kernel[a] - 1) : 0;
            d.pad_end[a] = used ? random_int(r, 0, d.kernel[a] - 1) : 0;
            d.out[a] = out_size(&d, a);
            fits = fits && d.out[a] > 0;
        }
        if (fits)
            return d;
    }
}

static struct tail random_tail(struct random *r, struct arena *a, const struct conv_dims *d)
{
    struct tail t = {.kind = (enum tail_kind)random_int(r, 0, TAIL_GELU), .lo = 0.1f};
    if (t.kind == TAIL_CLIP) {
        t.lo = random_int(r, 0, 1) ? 0 : -0.5f;
        t.hi = random_int(r, 0, 1) ? INFINITY : 0.75f;
    }
    if (t.kind == TAIL_SWISH && random_int(r, 0, 1)) {
        float *alpha = NEW_ARRAY(a, d->m, float);
        random_fill(r, alpha, d->m);
        t.alpha = alpha;
    }
    if (random_int(r, 0, 1)) {
        float *bias = NEW_ARRAY(a, d->m, float);
        random_fill(r, bias, d->m);
        t.bias = bias;
    }
    if (random_int(r, 0, 1)) {
        int64_t n = d->batch * d->m * conv_out_span(d);
        float *add = NEW_ARRAY(a, n, float);
        random_fill(r, add, n);
        t.add = add;
    }
    return t;
}

static struct trial trial_new(struct random *r, struct arena *a, struct conv_dims d)
{
    struct trial t = {.d = d, .tail = random_tail(r, a, &d)};
    int64_t n_in = d.batch * d.c * conv_in_span(&d), n_w = d.c * d.m / d.groups * conv_taps(&d);
    t.n_out = d.batch * d.m * conv_out_span(&d);
    t.x = NEW_ARRAY(a, n_in, float);
    t.x_last = NEW_ARRAY(a, n_in, float);
    t.w = NEW_ARRAY(a, n_w, float);
    t.want = NEW_ARRAY(a, t.n_out, float);
    t.want_last = NEW_ARRAY(a, t.n_out, float);
    t.got = NEW_ARRAY(a, t.n_out, float);
    random_fill(r, t.x, n_in);
    random_fill(r, t.w, n_w);
    ref_conv(&d, t.x, t.w, &t.tail, t.want);
    ref_transpose(t.x, d.batch, d.c, conv_in_span(&d), t.x_last);
    ref_transpose(t.want, d.batch, d.m, conv_out_span(&d), t.want_last);
    t.last_tail = t.tail;
    if (t.tail.add) {
        float *add = NEW_ARRAY(a, t.n_out, float);
        ref_transpose(t.tail.add, d.batch, d.m, conv_out_span(&d), add);
        t.last_tail.add = add;
    }
    memset(t.got, 0x7f, sizeof *t.got * (size_t)t.n_out); /* large numbers: nothing may stay */
    return t;
}

static void check_within(const struct trial *t, const char *way, double most)
{
    double e = ref_error(t->got, t->want_last, t->n_out);
    const struct conv_dims *d = &t->d;
    if (!(e < most))
        fail_msg("%s: error %g; groups %d, %d -> %d, in %dx%dx%d, kernel %dx%dx%d, tail %d", way, e,
                 (int)d->groups, (int)d->c, (int)d->m, (int)d->in[0], (int)d->in[1],
                 (int)d->in[2], (int)d->kernel[0], (int)d->kernel[1], (int)d->kernel[2],
                 (int)t->tail.kind);
}

static void check(const struct trial *t, const char *way)
{
    check_within(t, way, 1e-5);
}

/* The tail; where asked, with what is to be added in the place of the result. */
static struct tail tail_in_place(struct trial *t, bool in_place)
{
    struct tail tail = t->last_tail;
    if (in_place && tail.add) {
        memcpy(t->got, tail.add, sizeof *t->got * (size_t)t->n_out);
        tail.add = t->got;
    }
    return tail;
}

static void run_own(struct arena *a, struct trial *t, bool in_place)
{
    struct tail tail = tail_in_place(t, in_place);
    float *packed = NEW_ARRAY(a, k_conv_packed(&t->d), float);
    float *scratch = NEW_ARRAY(a, k_conv_scratch(&t->d), float);
    k_conv_pack(&t->d, t->w, packed);
    k_conv(&t->d, t->x_last, packed, &tail, t->got, scratch);
    check(t, in_place ? "own in place" : "own");
}

/* False: oneDNN has nothing for this. */
static bool run_dnnl(struct arena *a, struct trial *t, bool in_place)
{
    struct k_dnnl_conv p;
    if (!k_dnnl_conv_init(&p, &t->d, &t->last_tail))
        return false;
    void *packed = arena_alloc(a, p.packed), *scratch = arena_alloc(a, p.scratch);
    struct tail tail = tail_in_place(t, in_place);
    k_dnnl_conv_pack(&p, &t->d, t->w, packed);
    k_dnnl_conv_run(&p, t->x_last, packed, &tail, t->got, scratch);
    k_dnnl_conv_release(&p);
    check(t, in_place ? "oneDNN in place" : "oneDNN");
    return true;
}

/* Every combination of direction, axes and groups, each a number of times. */
static void each_trial(int times, void (*fn)(struct arena *a, struct trial *t, void *data),
                       void *data)
{
    struct random r = {42};
    struct arena a = {0};
    for (int k = 0; k < times * 18; k++) {
        struct conv_dims d = random_dims(&r, k % 2, 1 + k / 2 % 3, k / 6 % 3);
        struct trial t = trial_new(&r, &a, d);
        fn(&a, &t, data);
        arena_reset(&a);
    }
    arena_release(&a);
}

static void try_own(struct arena *a, struct trial *t, void *data)
{
    (void)data;
    run_own(a, t, false);
    run_own(a, t, true);
}

static void test_own(void **state)
{
    (void)state;
    each_trial(20, try_own, NULL);
}

/* More places than are computed at a time, in lines that end anywhere. */
static void test_blocks(void **state)
{
    (void)state;
    struct random r = {6};
    struct arena a = {0};
    for (int k = 0; k < 60; k++) {
        struct conv_dims d = random_dims(&r, false, 1 + k % 3, k / 3 % 2);
        d.in[CONV_AXES - 1] += d.axes > 1 ? 60 : 700;
        if (d.axes > 1)
            d.in[CONV_AXES - 2] += 10;
        for (int i = 0; i < CONV_AXES; i++)
            d.out[i] = out_size(&d, i);
        struct trial t = trial_new(&r, &a, d);
        run_own(&a, &t, false);
        run_own(&a, &t, true);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* Transposed, in windows that do not touch, up to more places than are computed at a time. */
static void test_apart(void **state)
{
    (void)state;
    struct random r = {5};
    struct arena a = {0};
    for (int k = 0; k < 90; k++) {
        struct conv_dims d = random_dims(&r, true, 1 + k % 3, k / 3 % 3);
        for (int i = 0; i < CONV_AXES; i++) {
            d.stride[i] = d.kernel[i];
            d.dilation[i] = 1;
            d.pad[i] = d.pad_end[i] = 0;
            d.in[i] *= i == CONV_AXES - 1 && k % 9 == 0 ? 70 : 1;
            d.out[i] = d.in[i] * d.kernel[i];
        }
        assert_true(k_conv_is_apart(&d));
        struct trial t = trial_new(&r, &a, d);
        run_own(&a, &t, false);
        run_own(&a, &t, true);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* As a plain one, which k_conv() computes. */
static bool run_plain(struct arena *a, struct trial *t, bool in_place)
{
    struct k_transposed p;
    if (!k_transposed_init(&p, &t->d))
        return false;
    struct tail tail = tail_in_place(t, in_place);
    const struct conv_dims *d = &p.conv;
    float *w = NEW_ARRAY(a, d->m * d->c / d->groups * conv_taps(d), float);
    float *packed = NEW_ARRAY(a, k_conv_packed(d), float);
    float *scratch = NEW_ARRAY(a, k_conv_scratch(d), float);
    float *places = NEW_ARRAY(a, d->batch * conv_out_span(d) * d->m, float);
    float *room = NEW_ARRAY(a, t->d.out[CONV_AXES - 1] * t->d.m, float);
    k_transposed_split(&p, &t->d, K_FILTER_FIRST, sizeof *w, t->w, w);
    k_conv_pack(d, w, packed);
    k_conv(d, t->x_last, packed, &(struct tail){0}, places, scratch);
    k_transposed_join(&p, &t->d, places, &tail, t->got, room);
    check(t, in_place ? "as a plain one in place" : "as a plain one");
    return true;
}

/* Other pads than these leave taps out. */
static bool has_plain_form(const struct conv_dims *d)
{
    bool has = d->transposed;
    for (int a = 0; a < CONV_AXES; a++)
        has = has && (d->stride[a] == 1 || d->dilation[a] == 1) && d->stride[a] <= d->kernel[a]
           && d->pad[a] <= (d->kernel[a] - 1) / d->stride[a] * d->stride[a]
           && d->pad_end[a] <= d->kernel[a] - 1;
    return has;
}

static void try_plain(struct arena *a, struct trial *t, void *served)
{
    bool runs = run_plain(a, t, false) && run_plain(a, t, true);
    assert_true(runs || !has_plain_form(&t->d));
    *(int *)served += runs;
}

static void test_plain(void **state)
{
    (void)state;
    int served = 0;
    each_trial(20, try_plain, &served);
    assert_true(served > 30);
}

/* The order that DepthToSpace wants, of items of any size. */
static void test_orders(void **state)
{
    (void)state;
    struct conv_dims d = {.transposed = true, .axes = 1, .batch = 1, .groups = 2, .c = 4, .m = 4,
                          .in = {1, 1, 3}, .out = {1, 1, 7}, .kernel = {1, 1, 3},
                          .stride = {1, 1, 2}, .dilation = {1, 1, 1}};
    int16_t w[24], channel[32], filter[32];
    struct k_transposed p;
    for (int i = 0; i < 24; i++)
        w[i] = (int16_t)(i + 1);
    assert_true(k_transposed_init(&p, &d));
    assert_int_equal(p.conv.m, 8);
    k_transposed_split(&p, &d, K_CHANNEL_FIRST, sizeof *w, w, channel);
    k_transposed_split(&p, &d, K_FILTER_FIRST, sizeof *w, w, filter);
    static const int16_t rows[8][4] = {{3, 1, 9, 7},     {0, 2, 0, 8},
                                       {6, 4, 12, 10},   {0, 5, 0, 11},
                                       {15, 13, 21, 19}, {0, 14, 0, 20},
                                       {18, 16, 24, 22}, {0, 17, 0, 23}};
    for (int o = 0; o < 8; o++) {
        int of_filter = o / 4 * 4 + o % 2 * 2 + o / 2 % 2;
        assert_memory_equal(channel + o * 4, rows[o], sizeof rows[o]);
        assert_memory_equal(filter + of_filter * 4, rows[o], sizeof rows[o]);
    }
}

/* A build without oneDNN, or a processor without the instructions, has nothing to compare. (meson
 * takes what cmocka writes of a skipped test for a failure.) */
static void report_unserved(int served, const char *what)
{
    if (!served)
        printf("# no %s here\n", what);
}

static void try_dnnl(struct arena *a, struct trial *t, void *served)
{
    if (run_dnnl(a, t, false) && run_dnnl(a, t, true))
        ++*(int *)served;
}

static void test_dnnl(void **state)
{
    (void)state;
    int served = 0;
    each_trial(10, try_dnnl, &served);
    report_unserved(served, "generated code");
}

/* 3x3 taps, on maps large enough to be served; wide ones go in several bands of rows. */
static struct conv_dims winograd_dims(struct random *r, bool wide)
{
    struct conv_dims d;
    memset(&d, 0, sizeof d);
    d.axes = 2;
    d.groups = 1;
    d.batch = wide ? 1 : random_int(r, 1, 2);
    d.c = wide ? 47 : random_int(r, 34, 50);
    d.m = wide ? 25 : random_int(r, 34, 50);
    for (int a = 0; a < CONV_AXES; a++)
        d.in[a] = d.out[a] = d.kernel[a] = d.stride[a] = d.dilation[a] = 1;
    for (int a = 1; a < CONV_AXES; a++) {
        d.kernel[a] = 3;
        d.in[a] = wide ? (a == 1 ? 69 : 402) : random_int(r, 30, 36);
        d.pad[a] = random_int(r, 0, a == 1 ? 2 : 1);
        d.pad_end[a] = random_int(r, a == 1 ? -1 : 0, 1);
        d.out[a] = out_size(&d, a);
    }
    return d;
}

static bool run_winograd(struct arena *a, struct trial *t, bool in_place)
{
    struct k_winograd p;
    if (!k_winograd_init(&p, &t->d))
        return false;
    void *packed = arena_alloc(a, p.code.packed), *scratch = arena_alloc(a, p.scratch);
    struct tail tail = tail_in_place(t, in_place);
    k_winograd_pack(&p, &t->d, t->w, packed);
    k_winograd_run(&p, &t->d, t->x_last, packed, &tail, t->got, scratch);
    k_winograd_release(&p);
    /* the sums are up to 20, whatever a tail leaves of them */
    check_within(t, in_place ? "Winograd in place" : "Winograd", 5e-5);
    return true;
}

static void test_winograd(void **state)
{
    (void)state;
    struct random r = {8};
    struct arena a = {0};
    int served = 0;
    for (int k = 0; k < 12; k++) {
        struct trial t = trial_new(&r, &a, winograd_dims(&r, k < 2));
        served += run_winograd(&a, &t, false) && run_winograd(&a, &t, true);
        arena_reset(&a);
    }
    assert_true(served == 0 || served == 12);
    report_unserved(served, "code for Winograd's products");
    arena_release(&a);
}

/* A trial whose data are whole numbers: x holds codes less zero, w int8. */
static void make_whole(struct random *r, struct trial *t, int lo, int hi, int zero)
{
    const struct conv_dims *d = &t->d;
    int64_t n_in = d->batch * d->c * conv_in_span(d);
    for (int64_t i = 0; i < n_in; i++)
        t->x[i] = (float)(random_int(r, lo, hi) - zero);
    for (int64_t i = 0; i < d->c * d->m / d->groups * conv_taps(d); i++)
        t->w[i] = (float)random_int(r, -128, 127);
    ref_conv(d, t->x, t->w, &(struct tail){0}, t->want);
    ref_transpose(t->x, d->batch, d->c, conv_in_span(d), t->x_last);
    ref_transpose(t->want, d->batch, d->m, conv_out_span(d), t->want_last);
}

/* n bytes, behind which others stand that must stay. */
enum { GUARD = 256, UNTOUCHED = 0xa5 };
static void *guarded(struct arena *a, size_t n)
{
    char *p = arena_alloc(a, n + GUARD);
    memset(p + n, UNTOUCHED, GUARD);
    return p;
}

static void check_guard(const void *p, size_t n)
{
    for (size_t i = 0; i < GUARD; i++)
        assert_int_equal(((const uint8_t *)p)[n + i], UNTOUCHED);
}

/* Sums of codes are exact. */
static void try_codes(struct arena *a, struct trial *t, void *served)
{
    struct random r = {(uint64_t)(t->n_out + 1)};
    bool is_signed = random_int(&r, 0, 1);
    int lo = is_signed ? -128 : 0, hi = lo + 255, zero = (int)random_int(&r, lo, hi);
    int64_t n_in = t->d.batch * t->d.c * conv_in_span(&t->d);
    int64_t n_w = t->d.c * t->d.m / t->d.groups * conv_taps(&t->d);
    struct k_dnnl_conv p;
    if (!k_dnnl_conv_init_codes(&p, &t->d, is_signed ? DTYPE_I8 : DTYPE_U8))
        return;
    make_whole(&r, t, lo, hi, zero);
    uint8_t *x = arena_alloc(a, (size_t)n_in);
    int8_t *w = arena_alloc(a, (size_t)n_w);
    for (int64_t i = 0; i < n_in; i++)
        x[i] = (uint8_t)((int)t->x_last[i] + zero);
    for (int64_t i = 0; i < n_w; i++)
        w[i] = (int8_t)t->w[i];
    size_t n_sum = (size_t)t->n_out * sizeof(int32_t);
    void *packed = guarded(a, p.packed), *scratch = guarded(a, p.scratch);
    int32_t *sum = guarded(a, n_sum);
    k_dnnl_conv_pack(&p, &t->d, w, packed);
    k_dnnl_conv_run_codes(&p, x, packed, zero, sum, scratch);
    for (int64_t i = 0; i < t->n_out; i++)
        assert_int_equal(sum[i], (int32_t)t->want_last[i]);
    check_guard(packed, p.packed);
    check_guard(scratch, p.scratch);
    check_guard(sum, n_sum);
    k_dnnl_conv_release(&p);
    ++*(int *)served;
}

static void test_codes(void **state)
{
    (void)state;
    int served = 0;
    each_trial(10, try_codes, &served);
    report_unserved(served, "exact sums of codes");
}

/* What networks are made of: one tap, channels for several blocks of a kernel, small maps. */
static void test_codes_of_many_channels(void **state)
{
    (void)state;
    struct random r = {11};
    struct arena a = {0};
    int served = 0;
    for (int k = 0; k < 40; k++) {
        struct conv_dims d = random_dims(&r, false, 2, 0);
        d.c = 8 * random_int(&r, 1, 24);
        d.m = 8 * random_int(&r, 1, 24);
        for (int i = 0; i < CONV_AXES; i++) {
            d.kernel[i] = d.stride[i] = d.dilation[i] = 1;
            d.pad[i] = d.pad_end[i] = 0;
            d.in[i] = d.out[i] = i < 1 ? 1 : random_int(&r, 3, 14);
        }
        struct trial t = trial_new(&r, &a, d);
        try_codes(&a, &t, &served);
        arena_reset(&a);
    }
    report_unserved(served, "exact sums of codes");
    arena_release(&a);
}

enum { THREADS = 3, REPEATED = 3000 };
struct packing { /* what each thread does */
    const struct conv_dims *d;
    const int8_t *w;
    const void *want;
    int wrong;
};

static void *pack_often(void *data)
{
    struct packing *s = data;
    for (int i = 0; i < REPEATED; i++) {
        struct k_dnnl_conv p;
        kernels_enter();
        if (!k_dnnl_conv_init_codes(&p, s->d, DTYPE_U8))
            abort();
        void *packed = mem_alloc(p.packed);
        memset(packed, 0, p.packed); /* there may be gaps */
        k_dnnl_conv_pack(&p, s->d, s->w, packed);
        s->wrong += memcmp(packed, s->want, p.packed) != 0;
        mem_free(packed);
        k_dnnl_conv_release(&p);
    }
    return NULL;
}

/* Threads that pack weights for the same code, which is there once. */
static void test_threads_pack_alike(void **state)
{
    (void)state;
    struct random r = {17};
    struct arena a = {0};
    struct conv_dims d = random_dims(&r, false, 2, 0);
    d.c = 61;
    d.m = 47;
    int64_t n = d.c * d.m * conv_taps(&d);
    int8_t *w = arena_alloc(&a, (size_t)n);
    for (int64_t i = 0; i < n; i++)
        w[i] = (int8_t)random_int(&r, -128, 127);
    struct k_dnnl_conv p;
    bool served = k_dnnl_conv_init_codes(&p, &d, DTYPE_U8);
    report_unserved(served, "exact sums of codes");
    if (served) {
        void *want = arena_alloc(&a, p.packed);
        k_dnnl_conv_pack(&p, &d, w, want);
        struct packing s[THREADS];
        pthread_t thread[THREADS];
        for (int i = 0; i < THREADS; i++) {
            s[i] = (struct packing){&d, w, want, 0};
            assert_int_equal(pthread_create(&thread[i], NULL, pack_often, &s[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(thread[i], NULL);
            assert_int_equal(s[i].wrong, 0);
        }
        k_dnnl_conv_release(&p);
    }
    arena_release(&a);
}

static void test_packs_alike(void **state)
{
    (void)state;
    struct random r = {7};
    struct k_dnnl_conv p, q;
    struct conv_dims d = random_dims(&r, false, 2, 0);
    struct tail none = {0};
    if (!k_dnnl_conv_init(&p, &d, &none))
        return;
    assert_true(k_dnnl_conv_init(&q, &d, &none));
    assert_true(k_dnnl_conv_packs_alike(&p, &q));
    k_dnnl_conv_release(&q);
    d.m += 16;
    assert_true(k_dnnl_conv_init(&q, &d, &none));
    assert_false(k_dnnl_conv_packs_alike(&p, &q));
    k_dnnl_conv_release(&q);
    k_dnnl_conv_release(&p);
}

int main(void)
{
    kernels_enter();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_dnnl),
        cmocka_unit_test(test_winograd),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_codes_of_many_channels),
        cmocka_unit_test(test_threads_pack_alike),
        cmocka_unit_test(test_packs_alike),
    };
    return cmocka_run_group_tests_name("conv", tests, NULL, NULL);
}
