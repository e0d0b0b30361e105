/* SPDX-License-Identifier: Apache-2.0
 *
 * test_integer: integer products and convolutions are exact, also where sums wrap around.
 */
#include "k_iconv.h"
#include "k_startup.h"
#include "ref.h"

#include "arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void fill(struct random *r, uint8_t *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (uint8_t)(random_int(r, 0, 3) ? random_bits(r) : random_int(r, 0, 1) ? 255 : 128);
}

static enum dtype random_type(struct random *r)
{
    return random_int(r, 0, 1) ? DTYPE_U8 : DTYPE_I8;
}

static int32_t random_zero(struct random *r, enum dtype t)
{
    return (int32_t)random_int(r, dtype_info(t)->min, dtype_info(t)->max);
}

/* a is m x k, b is k x n; zero points of b by column. */
static void check_gemm(struct random *r, struct arena *arena, int64_t m, int64_t n, int64_t k)
{
    enum dtype ta = random_type(r), tb = random_type(r);
    int64_t row = k_igemm_row(k), ldc = n + random_int(r, 0, 3);
    uint8_t *a = NEW_ARRAY(arena, m * k, uint8_t), *b = NEW_ARRAY(arena, k * n, uint8_t);
    int16_t *pa = NEW_ARRAY(arena, m * row, int16_t);
    int16_t *pb = NEW_ARRAY(arena, k_igemm_panels(n, row), int16_t);
    int32_t *c = NEW_ARRAY(arena, m * ldc, int32_t), *zero = NEW_ARRAY(arena, n, int32_t);
    int32_t za = random_zero(r, ta);
    fill(r, a, m * k);
    fill(r, b, k * n);
    for (int64_t j = 0; j < n; j++)
        zero[j] = random_zero(r, tb);
    k_igemm_pack_rows(&(struct k_igemm_lines){ta, a, 0, m, k, k, 1, &za, 0}, pa);
    k_igemm_pack_panels(&(struct k_igemm_lines){tb, b, 0, n, 1, k, n, zero, 1}, pb);
    for (int plain = 0; plain < 2; plain++) {
        memset(c, 0x55, sizeof *c * (size_t)(m * ldc));
        (plain ? k_igemm_plain : k_igemm)(m, n, row, pa, pb, c, ldc);
        for (int64_t i = 0; i < m; i++) {
            for (int64_t j = 0; j < ldc; j++) {
                int64_t sum = 0;
                for (int64_t l = 0; j < n && l < k; l++)
                    sum += (dtype_load_int(ta, a, i * k + l) - za)
                           * (dtype_load_int(tb, b, l * n + j) - zero[j]);
                uint32_t want = j < n ? (uint32_t)sum : 0x55555555;
                assert_int_equal((uint32_t)c[i * ldc + j], want);
            }
        }
    }
    arena_reset(arena);
}

static void test_gemm(void **state)
{
    (void)state;
    struct random r = {1};
    struct arena arena = {0};
    for (int i = 0; i < 300; i++)
        check_gemm(&r, &arena, random_int(&r, 0, 15), random_int(&r, 0, 40), random_int(&r, 0, 70));
    check_gemm(&r, &arena, 3, 5, 16383);
    check_gemm(&r, &arena, 2, 4, 16385);
    arena_release(&arena);
}

/* The largest products there are, so many that the sum leaves 32 bits. */
static void test_wrap(void **state)
{
    (void)state;
    struct arena arena = {0};
    int64_t k = 40000, row = k_igemm_row(k);
    int16_t *a = NEW_ARRAY(&arena, row, int16_t);
    int16_t *b = NEW_ARRAY(&arena, k_igemm_panels(1, row), int16_t);
    int32_t c[2];
    for (int64_t i = 0; i < k; i++)
        a[i] = 255;
    k_igemm_put(0, 0, k, row, a, b);
    k_igemm(1, 1, row, a, b, &c[0], 1);
    k_igemm_plain(1, 1, row, a, b, &c[1], 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal((uint32_t)c[i], (uint32_t)(k * 255 * 255));
    arena_release(&arena);
}

static struct conv_dims random_dims(struct random *r)
{
    struct conv_dims d;
    for (;;) {
        memset(&d, 0, sizeof d);
        d.axes = (int)random_int(r, 1, 3);
        d.batch = 1;
        d.groups = random_int(r, 0, 1) ? 1 : random_int(r, 1, 20);
        d.c = d.groups * (random_int(r, 0, 1) ? 1 : random_int(r, 1, 33));
        d.m = d.groups * (random_int(r, 0, 1) ? 1 : random_int(r, 1, 40));
        bool fits = true, small = random_int(r, 0, 3) == 0;
        for (int a = 0; a < CONV_AXES; a++) {
            bool used = a >= CONV_AXES - d.axes;
            d.in[a] = used ? random_int(r, 1, d.axes == 3 ? 5 : 12) : 1;
            d.kernel[a] = used && !small ? random_int(r, 1, 4) : 1;
            d.stride[a] = used && !small ? random_int(r, 1, 3) : 1;
            d.dilation[a] = used ? random_int(r, 1, 2) : 1;
            d.pad[a] = used && !small ? random_int(r, 0, 2) : 0;
            d.pad_end[a] = used && !small ? random_int(r, 0, 2) : 0;
            int64_t room = d.in[a] + d.pad[a] + d.pad_end[a]
                         - ((d.kernel[a] - 1) * d.dilation[a] + 1);
            d.out[a] = room < 0 ? 0 : room / d.stride[a] + 1;
            fits = fits && d.out[a] > 0;
        }
        if (fits)
            return d;
    }
}

static void test_conv(void **state)
{
    (void)state;
    struct random r = {2};
    struct arena arena = {0};
    for (int i = 0; i < 400; i++) {
        struct conv_dims d = random_dims(&r);
        enum dtype tx = random_type(&r), tw = random_type(&r);
        int64_t n_in = conv_in_span(&d), n_out = conv_out_span(&d);
        int64_t n_w = d.m * (d.c / d.groups) * conv_taps(&d);
        uint8_t *x = NEW_ARRAY(&arena, n_in * d.c, uint8_t), *w = NEW_ARRAY(&arena, n_w, uint8_t);
        uint8_t *last = NEW_ARRAY(&arena, n_in * d.c + 3, uint8_t);
        int16_t *packed = arena_array(&arena, k_iconv_packed(&d), sizeof *packed);
        int16_t *scratch = arena_array(&arena, k_iconv_scratch(&d), sizeof *scratch);
        int32_t *y = NEW_ARRAY(&arena, n_out * d.m, int32_t);
        int32_t *want = NEW_ARRAY(&arena, n_out * d.m, int32_t);
        int32_t *zero = NEW_ARRAY(&arena, d.m, int32_t), zx = random_zero(&r, tx);
        int64_t step = random_int(&r, 0, 1);
        fill(&r, x, n_in * d.c);
        fill(&r, w, n_w);
        for (int64_t m = 0; m < d.m; m++)
            zero[m] = random_zero(&r, tw);
        for (int64_t p = 0; p < n_in; p++) /* plain to channels-last */
            for (int64_t c = 0; c < d.c; c++)
                last[3 + p * d.c + c] = x[c * n_in + p];
        k_iconv_pack(&d, tw, w, zero, step, packed);
        memset(y, 0x55, sizeof *y * (size_t)(n_out * d.m));
        const struct k_iconv_input in = {tx, last, 3, zx};
        for (int64_t first = 0, n; first < n_out; first += n) {
            n = random_int(&r, 1, n_out - first < K_ICONV_BLOCK ? n_out - first : K_ICONV_BLOCK);
            k_iconv(&d, &in, packed, first, n, y + first * d.m, scratch);
        }
        ref_iconv(&d, tx, x, zx, tw, w, zero, step, want);
        for (int64_t m = 0; m < d.m; m++)
            for (int64_t o = 0; o < n_out; o++)
                assert_int_equal(y[o * d.m + m], want[m * n_out + o]);
        arena_reset(&arena);
    }
    arena_release(&arena);
}

int main(void)
{
    kernels_enter();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_conv),
    };
    return cmocka_run_group_tests_name("integer", tests, NULL, NULL);
}
