/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rnn: recurrent layers against the formulas of ONNX, one sequence, step and unit at a time.
 */
#include "k_rnn.h"
#include "k_startup.h"
#include "ref.h"

#include "arena.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct trial {
    struct k_rnn k;
    bool peepholes;
    int64_t rows, width, y_count;
    double *x, *w, *r, *b, *p, *h, *c, *y; /* b NULL: none */
};

static double function_of(const struct k_rnn_act *f, double x)
{
    switch (f->op) {
    case K_SIGMOID: return 1 / (1 + exp(-x));
    case K_TANH: return f->scaled ? f->a * tanh(f->b * x) : tanh(x);
    case K_RELU: return x > 0 ? x : 0;
    case K_SCALE: return f->a * x + f->b;
    case K_LEAKY_RELU: return x < 0 ? f->a * x : x;
    case K_THRESHOLDED_RELU: return x > f->a ? x : 0;
    case K_HARD_SIGMOID: return fmin(1, fmax(0, f->a * x + f->b));
    case K_ELU: return x < 0 ? f->a * (exp(x) - 1) : x;
    case K_SOFTSIGN: return x / (1 + fabs(x));
    default: return fmax(x, 0) + log(1 + exp(-fabs(x))); /* softplus */
    }
}

static double gate(const struct k_rnn *k, int f, double x)
{
    return function_of(&k->act[f], fmax(-k->clip, fmin(k->clip, x)));
}

/* What gate g of unit j gets from the input, and from a state, each with its bias. */
static double from_input(const struct trial *t, const double *x, int64_t g, int64_t j)
{
    int64_t row = g * t->k.hidden + j;
    double sum = t->b ? t->b[row] : 0;
    for (int64_t i = 0; i < t->k.in; i++)
        sum += x[i] * t->w[row * t->k.in + i];
    return sum;
}
static double from_state(const struct trial *t, const double *h, int64_t g, int64_t j)
{
    int64_t row = g * t->k.hidden + j;
    double sum = t->b ? t->b[t->width + row] : 0;
    for (int64_t i = 0; i < t->k.hidden; i++)
        sum += h[i] * t->r[row * t->k.hidden + i];
    return sum;
}
static double both(const struct trial *t, const double *x, const double *h, int64_t g, int64_t j)
{
    return from_input(t, x, g, j) + from_state(t, h, g, j);
}

static void gru_step(const struct trial *t, const double *x, double *h)
{
    int64_t n = t->k.hidden;
    double z[64], r[64], reset[64], next[64];
    for (int64_t j = 0; j < n; j++) {
        z[j] = gate(&t->k, 0, both(t, x, h, 0, j));
        r[j] = gate(&t->k, 0, both(t, x, h, 1, j));
        reset[j] = r[j] * h[j];
    }
    for (int64_t j = 0; j < n; j++) {
        double inner = t->k.linear_before_reset ? r[j] * from_state(t, h, 2, j)
                                                : from_state(t, reset, 2, j);
        next[j] = (1 - z[j]) * gate(&t->k, 1, from_input(t, x, 2, j) + inner) + z[j] * h[j];
    }
    memcpy(h, next, (size_t)n * sizeof *h);
}

static void lstm_step(const struct trial *t, const double *x, double *h, double *c)
{
    int64_t n = t->k.hidden;
    double next[64];
    for (int64_t j = 0; j < n; j++) {
        const double *p = t->peepholes ? t->p + j : NULL;
        double i = gate(&t->k, 0, both(t, x, h, 0, j) + (p ? p[0] * c[j] : 0));
        double f = gate(&t->k, 0, both(t, x, h, 2, j) + (p ? p[2 * n] * c[j] : 0));
        if (t->k.input_forget)
            f = 1 - i;
        c[j] = f * c[j] + i * gate(&t->k, 1, both(t, x, h, 3, j));
        double o = gate(&t->k, 0, both(t, x, h, 1, j) + (p ? p[n] * c[j] : 0));
        next[j] = o * function_of(&t->k.act[2], c[j]);
    }
    memcpy(h, next, (size_t)n * sizeof *h);
}

static void rnn_step(const struct trial *t, const double *x, double *h)
{
    double next[64];
    for (int64_t j = 0; j < t->k.hidden; j++)
        next[j] = gate(&t->k, 0, both(t, x, h, 0, j));
    memcpy(h, next, (size_t)t->k.hidden * sizeof *h);
}

static void reference(const struct trial *t)
{
    const struct k_rnn *k = &t->k;
    int64_t n = k->hidden;
    for (int64_t s = 0; s < k->batch; s++) {
        double *h = t->h + s * n, *c = t->c + s * n;
        int64_t length = k->lens ? k->lens[s] : k->steps;
        for (int64_t j = 0; j < n && length == 0; j++)
            h[j] = c[j] = 0;
        for (int64_t i = 0; i < k->steps; i++) {
            int64_t at = i < length && k->reverse ? length - 1 - i : i;
            const double *x = t->x + (at * k->x_step + s * k->x_row) * k->in;
            if (i < length && k->kind == K_LSTM)
                lstm_step(t, x, h, c);
            else if (i < length && k->kind == K_GRU)
                gru_step(t, x, h);
            else if (i < length)
                rnn_step(t, x, h);
            for (int64_t j = 0; j < n; j++)
                t->y[at * k->y_step + s * k->y_row + j] = i < length ? h[j] : 0;
        }
    }
}

static struct k_rnn_act random_act(struct random *r)
{
    static const enum k_unary ops[] = {K_SIGMOID, K_TANH, K_RELU, K_SCALE, K_LEAKY_RELU,
                                       K_THRESHOLDED_RELU, K_HARD_SIGMOID, K_ELU, K_SOFTSIGN,
                                       K_SOFTPLUS, K_TANH};
    int i = (int)random_int(r, 0, 10);
    return (struct k_rnn_act){ops[i], (double)random_float(r), (double)random_float(r), i == 10};
}

static double *random_doubles(struct arena *a, struct random *r, int64_t n)
{
    double *x = NEW_ARRAY(a, n + 1, double);
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)random_float(r);
    return x;
}

static struct trial trial_new(struct arena *a, struct random *r)
{
    static const enum k_rnn_kind kinds[] = {K_RNN, K_GRU, K_LSTM};
    struct trial t = {.peepholes = random_int(r, 0, 1)};
    struct k_rnn *k = &t.k;
    k->kind = kinds[random_int(r, 0, 2)];
    k->reverse = random_int(r, 0, 1);
    k->linear_before_reset = random_int(r, 0, 1);
    k->input_forget = random_int(r, 0, 1);
    k->clip = random_int(r, 0, 1) ? INFINITY : 0.4;
    for (int i = 0; i < 3; i++)
        k->act[i] = random_act(r);
    k->steps = random_int(r, 0, 6);
    k->batch = random_int(r, 0, 4);
    k->in = random_int(r, 0, 9);
    k->hidden = random_int(r, 0, 20);
    if (random_int(r, 0, 1)) {
        int64_t *lens = NEW_ARRAY(a, k->batch + 1, int64_t);
        for (int64_t i = 0; i < k->batch; i++)
            lens[i] = random_int(r, 0, k->steps);
        k->lens = lens;
    }
    bool batch_first = random_int(r, 0, 1);
    int64_t dirs = random_int(r, 1, 2);
    k->x_step = batch_first ? 1 : k->batch;
    k->x_row = batch_first ? k->steps : 1;
    k->y_step = dirs * k->hidden * (batch_first ? 1 : k->batch);
    k->y_row = k->hidden * (batch_first ? dirs * k->steps : 1);
    t.rows = k->steps * k->batch;
    t.width = k_rnn_gates(k->kind) * k->hidden;
    t.y_count = dirs * t.rows * k->hidden;
    t.x = random_doubles(a, r, t.rows * k->in);
    t.w = random_doubles(a, r, t.width * k->in);
    t.r = random_doubles(a, r, t.width * k->hidden);
    for (int64_t i = 0; i < t.width * k->hidden; i++)
        t.r[i] *= 0.3; /* functions without a bound must not run away */
    t.b = random_int(r, 0, 1) ? random_doubles(a, r, 2 * t.width) : NULL;
    t.p = random_doubles(a, r, 3 * k->hidden);
    t.h = random_doubles(a, r, k->batch * k->hidden);
    t.c = random_doubles(a, r, k->batch * k->hidden);
    t.y = NEW_ARRAY(a, t.y_count + 1, double);
    return t;
}

static float *narrow(struct arena *a, const double *x, int64_t n)
{
    float *y = NEW_ARRAY(a, n + 1, float);
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)x[i];
    return y;
}

static void compare(struct arena *a, const float *got, const double *want, int64_t n)
{
    assert_true(ref_error(got, narrow(a, want, n), n) < 2e-5);
}

static void *garbage(struct arena *a, size_t n, size_t size)
{
    return memset(arena_array(a, n, size), 0x7f, n * size); /* NaN or a huge number */
}

static void run_f32(struct arena *a, const struct trial *t)
{
    const struct k_rnn *k = &t->k;
    int64_t states = k->batch * k->hidden;
    float *packed = garbage(a, k_rnn_packed(k), sizeof *packed);
    struct k_rnn_f32 d = {
        narrow(a, t->x, t->rows * k->in), packed,
        t->peepholes ? narrow(a, t->p, 3 * k->hidden) : NULL, narrow(a, t->h, states),
        narrow(a, t->c, states), NEW_ARRAY(a, t->y_count + 1, float),
        garbage(a, k_rnn_scratch(k), sizeof(float)),
    };
    float *h = narrow(a, t->h, states), *c = narrow(a, t->c, states);
    k_rnn_pack_f32(k, narrow(a, t->w, t->width * k->in), narrow(a, t->r, t->width * k->hidden),
                   t->b ? narrow(a, t->b, 2 * t->width) : NULL, packed);
    k_rnn_f32(k, &d);
    reference(t);
    compare(a, d.y, t->y, t->y_count);
    compare(a, d.h, t->h, states);
    if (k->kind == K_LSTM)
        compare(a, d.c, t->c, states);
    float *last = d.h;
    d.y = NULL; /* the same without it */
    d.h = h;
    d.c = c;
    k_rnn_f32(k, &d);
    assert_memory_equal(h, last, (size_t)states * sizeof *h);
}

static void run_f64(struct arena *a, const struct trial *t)
{
    const struct k_rnn *k = &t->k;
    size_t states = (size_t)(k->batch * k->hidden);
    double *packed = garbage(a, k_rnn_packed(k), sizeof *packed);
    struct k_rnn_f64 d = {
        t->x, packed, t->peepholes ? t->p : NULL, arena_copy(a, t->h, (states + 1) * sizeof *t->h),
        arena_copy(a, t->c, (states + 1) * sizeof *t->c), NEW_ARRAY(a, t->y_count + 1, double),
        garbage(a, k_rnn_scratch(k), sizeof(double)),
    };
    k_rnn_pack_f64(k, t->w, t->r, t->b, packed);
    k_rnn_f64(k, &d);
    reference(t);
    for (int64_t i = 0; i < t->y_count; i++)
        assert_true(fabs(d.y[i] - t->y[i]) < 1e-11 * (1 + fabs(t->y[i])));
    for (size_t i = 0; i < states; i++)
        assert_true(fabs(d.h[i] - t->h[i]) < 1e-11 * (1 + fabs(t->h[i])));
}

static void test_random(void **state)
{
    bool wide = *state;
    struct random r = {wide ? 2 : 1};
    struct arena arena = {0};
    for (int i = 0; i < 600; i++) {
        struct trial t = trial_new(&arena, &r);
        if (wide)
            run_f64(&arena, &t);
        else
            run_f32(&arena, &t);
        arena_reset(&arena);
    }
    arena_release(&arena);
}

int main(void)
{
    static bool wide = true;
    kernels_enter();
    const struct CMUnitTest tests[] = {
        {"f32", test_random, NULL, NULL, NULL},
        {"f64", test_random, NULL, NULL, &wide},
    };
    return cmocka_run_group_tests_name("rnn", tests, NULL, NULL);
}
