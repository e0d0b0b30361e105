/* SPDX-License-Identifier: Apache-2.0
 *
 * test_attention: attention with every mask, bias and stage of scores, sizes from 0 up and more
 * than a block; rotation, the recurrence of linear attention, causal convolution and small codes.
 */
#include "k_attention.h"
#include "k_causal_conv.h"
#include "k_linear_attention.h"
#include "k_nbits.h"
#include "k_rotary.h"
#include "k_startup.h"
#include "ref.h"
#include "ref_attention.h"

#include "arena.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static float *random_floats(struct arena *a, struct random *r, int64_t n)
{
    float *x = NEW_ARRAY(a, n + 1, float);
    random_fill(r, x, n);
    return x;
}

static void set_window(struct k_attention *a, struct random *r)
{
    a->from = random_int(r, 0, 1) ? -K_FAR : random_int(r, -a->rows - 2, a->keys + 1);
    a->to = random_int(r, 0, 1) ? K_FAR : random_int(r, -a->rows - 2, a->keys + 1);
    a->seen = random_int(r, 0, 2) ? a->keys : random_int(r, 0, a->keys);
}

/* Dense, or repeated along one axis or both; some of the numbers hide a key. */
static void set_bias(struct k_attention *a, struct random *r, struct arena *arena)
{
    if (random_int(r, 0, 1))
        return;
    a->bias_key = random_int(r, 0, 2) != 0;
    a->bias_row = random_int(r, 0, 1) ? a->bias_key * a->keys + !a->bias_key : 0;
    int64_t n = a->rows * (a->keys + 1);
    float *bias = random_floats(arena, r, n);
    for (int64_t i = 0; i < n; i++)
        if (random_int(r, 0, 4) == 0)
            bias[i] = -INFINITY;
    a->bias = bias;
}

static bool agree(const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!(a[i] == b[i] || fabsf(a[i] - b[i]) < 1e-5f))
            return false;
    return true;
}

static void try_attention(struct random *r, struct arena *arena, int64_t rows, int64_t keys)
{
    static const float sink = 0.5f;
    struct k_attention a = {.rows = rows, .keys = keys, .d = random_int(r, 0, 9),
                            .dv = random_int(r, 1, 9), .scale = 0.7f,
                            .softcap = random_int(r, 0, 1) ? 0.9f : 0,
                            .sink = random_int(r, 0, 2) ? NULL : &sink,
                            .stage = (enum k_scores)random_int(r, 0, 3)};
    a.q_step = a.d + random_int(r, 0, 3);
    a.k_step = a.d + random_int(r, 0, 3);
    a.v_step = a.dv + random_int(r, 0, 3);
    a.y_step = a.dv + random_int(r, 0, 3);
    set_window(&a, r);
    set_bias(&a, r, arena);
    float *q = random_floats(arena, r, rows * a.q_step);
    float *k = random_floats(arena, r, keys * a.k_step);
    float *v = random_floats(arena, r, keys * a.v_step);
    float *y = random_floats(arena, r, rows * a.y_step);
    float *want = NEW_ARRAY(arena, rows * a.y_step + 1, float);
    float *scores = NEW_ARRAY(arena, rows * keys + 1, float);
    float *got = NEW_ARRAY(arena, rows * keys + 1, float);
    float *scratch = NEW_ARRAY(arena, k_attention_scratch(&a) + 1, float);
    memcpy(want, y, sizeof *y * (size_t)(rows * a.y_step));
    ref_attention(&a, q, k, v, want, scores);
    k_attention(&a, q, k, v, y, scratch);
    assert_true(agree(y, want, rows * a.y_step));
    a.scores = got;
    k_attention(&a, q, k, v, y, scratch);
    assert_true(agree(y, want, rows * a.y_step));
    assert_true(agree(got, scores, rows * keys));
}

static void test_attention(void **state)
{
    (void)state;
    struct random r = {1};
    struct arena arena = {0};
    for (int i = 0; i < 400; i++) {
        try_attention(&r, &arena, random_int(&r, 0, 12), random_int(&r, 0, 12));
        arena_reset(&arena);
    }
    for (int i = 0; i < 10; i++) {
        try_attention(&r, &arena, random_int(&r, 250, 300), 5);
        try_attention(&r, &arena, 1, 600);
        arena_reset(&arena);
    }
    arena_release(&arena);
}

static void test_rotary(void **state)
{
    (void)state;
    struct random r = {2};
    float x[40], y[40], want[40], cosines[20], sines[20];
    for (int i = 0; i < 200; i++) {
        int64_t half = random_int(&r, 0, 16), n = 2 * half + random_int(&r, 0, 8);
        bool interleaved = random_int(&r, 0, 1);
        random_fill(&r, x, n);
        random_fill(&r, cosines, half);
        random_fill(&r, sines, half);
        ref_rotary(x, want, n, half, cosines, sines, interleaved);
        k_rotary_f32(x, y, n, half, cosines, sines, interleaved);
        assert_true(agree(y, want, n));
        k_rotary_f32(x, x, n, half, cosines, sines, interleaved);
        assert_true(agree(x, want, n));
    }
}

static void test_linear(void **state)
{
    (void)state;
    struct random r = {3};
    struct arena arena = {0};
    for (int i = 0; i < 200; i++) {
        struct k_linear l = {.d = random_int(&r, 0, 9), .dv = random_int(&r, 0, 20),
                             .decay_step = random_int(&r, 0, 1)};
        float *k = random_floats(&arena, &r, l.d), *v = random_floats(&arena, &r, l.dv);
        float *got = random_floats(&arena, &r, l.d * l.dv);
        float *want = NEW_ARRAY(&arena, l.d * l.dv + 1, float);
        float *y = NEW_ARRAY(&arena, l.dv + 1, float), *z = NEW_ARRAY(&arena, l.dv + 1, float);
        memcpy(want, got, sizeof *got * (size_t)(l.d * l.dv));
        l.decay = random_int(&r, 0, 1) ? random_floats(&arena, &r, l.d) : NULL;
        l.beta = random_int(&r, 0, 1) ? random_floats(&arena, &r, 1) : NULL;
        k_linear_write(&l, k, v, got, y);
        ref_linear_write(&l, k, v, want);
        assert_true(agree(got, want, l.d * l.dv));
        k_linear_read(&l, k, got, 0.5f, y);
        ref_linear_read(&l, k, want, 0.5f, z);
        assert_true(agree(y, z, l.dv));
        arena_reset(&arena);
    }
    arena_release(&arena);
}

static void test_causal_conv(void **state)
{
    (void)state;
    struct random r = {4};
    float x[64], w[8], y[64], want[64];
    for (int i = 0; i < 200; i++) {
        int64_t n = random_int(&r, 0, 50), taps = random_int(&r, 1, 8);
        random_fill(&r, x, n + taps - 1);
        random_fill(&r, w, taps);
        ref_causal_conv(x, w, taps, 0.25f, want, n);
        k_causal_conv_f32(x, w, taps, 0.25f, y, n);
        assert_true(agree(y, want, n));
    }
}

/* Codes that are counted up, so that each place of a byte is told from the others. */
static void test_nbits(void **state)
{
    (void)state;
    uint8_t codes[64] = {0};
    float y[64];
    for (int bits = 2; bits <= 8; bits *= 2) {
        int limit = 1 << bits;
        memset(codes, 0, sizeof codes);
        for (int i = 0; i < 60; i++)
            codes[i * bits / 8] |= (uint8_t)(i * 7 % limit << i * bits % 8);
        for (int64_t n = 0; n <= 60; n++) {
            y[n] = -99;
            k_nbits_f32(codes, bits, n, 0.5f, 3, y);
            for (int64_t i = 0; i < n; i++)
                assert_true(y[i] == ((float)(i * 7 % limit) - 3) * 0.5f);
            assert_true(y[n] == -99);
        }
    }
}

int main(void)
{
    kernels_enter();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention), cmocka_unit_test(test_rotary),
        cmocka_unit_test(test_linear),    cmocka_unit_test(test_causal_conv),
        cmocka_unit_test(test_nbits),
    };
    return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
