/* SPDX-License-Identifier: Apache-2.0
 *
 * test_move: copies between strided arrays, reductions, softmax and interpolation on random shapes,
 * against loops over every index.
 */
#include "arena.h"
#include "k_move.h"
#include "k_reduce.h"
#include "k_resize.h"
#include "k_softmax.h"
#include "ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { RANK = 5, ROOM = 4096 };

/* Dims, dense strides of a destination with its axes in random order, and strides of a source. */
struct shape_pair {
    int rank;
    int64_t dim[RANK], to[RANK], from[RANK], count, lowest;
};

static void random_pair(struct random *r, struct shape_pair *p)
{
    int order[RANK];
    p->rank = (int)random_int(r, 0, RANK);
    p->count = 1;
    p->lowest = 0;
    for (int i = 0; i < p->rank; i++) {
        p->dim[i] = random_int(r, i == 3 ? 0 : 1, 5);
        order[i] = i;
    }
    for (int i = p->rank - 1; i > 0; i--) {
        int j = (int)random_int(r, 0, i), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (int i = p->rank - 1; i >= 0; i--) {
        p->to[order[i]] = p->count;
        p->count *= p->dim[order[i]];
    }
    int64_t stride = 1;
    for (int i = p->rank - 1; i >= 0; i--) {
        int64_t kind = random_int(r, 0, 5);
        p->from[i] = kind == 0 ? 0 : kind == 1 ? -stride : stride;
        p->lowest += kind == 1 && p->dim[i] ? -stride * (p->dim[i] - 1) : 0;
        stride *= p->dim[i] ? p->dim[i] : 1;
    }
}

static void next_index(const struct shape_pair *p, int64_t index[RANK])
{
    for (int i = p->rank - 1; i >= 0 && ++index[i] == p->dim[i]; i--)
        index[i] = 0;
}

static void test_strides(void **state)
{
    (void)state;
    struct random r = {7};
    static unsigned char from[ROOM * 16], to[ROOM * 16];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (unsigned char)random_bits(&r);
    for (int k = 0; k < 2000; k++) {
        struct shape_pair p;
        size_t item = (size_t)1 << k % 5;
        random_pair(&r, &p);
        const unsigned char *start = from - p.lowest * (int64_t)item;
        k_move(to, start, item, p.rank, p.dim, p.to, p.from);
        int64_t index[RANK] = {0};
        for (int64_t i = 0; i < p.count; i++, next_index(&p, index)) {
            int64_t a = 0, b = 0;
            for (int j = 0; j < p.rank; j++) {
                a += index[j] * p.to[j];
                b += index[j] * p.from[j];
            }
            assert_memory_equal(to + a * (int64_t)item, start + b * (int64_t)item, item);
        }
    }
}

/* Two axes that change places, large enough for tiles. */
static void test_planes(void **state)
{
    (void)state;
    static uint32_t from[70 * 90], to[70 * 90];
    for (uint32_t i = 0; i < 70 * 90; i++)
        from[i] = i;
    const int64_t dim[] = {90, 70}, ds[] = {70, 1}, ss[] = {1, 90};
    k_move(to, from, 4, 2, dim, ds, ss);
    for (int i = 0; i < 90; i++)
        for (int j = 0; j < 70; j++)
            assert_int_equal(to[i * 70 + j], from[j * 90 + i]);
}

static void test_pick(void **state)
{
    (void)state;
    struct random r = {8};
    static uint16_t from[ROOM], to[ROOM];
    int64_t list[RANK][8];
    const int64_t *offset[RANK];
    for (int i = 0; i < ROOM; i++)
        from[i] = (uint16_t)random_bits(&r);
    for (int k = 0; k < 500; k++) {
        struct shape_pair p;
        random_pair(&r, &p);
        for (int i = 0; i < p.rank; i++) {
            for (int j = 0; j < 8; j++)
                list[i][j] = k % 3 ? random_int(&r, 0, 700) : j;
            offset[i] = list[i];
        }
        k_pick(to, from, 2, p.rank, p.dim, p.to, offset);
        int64_t index[RANK] = {0};
        for (int64_t i = 0; i < p.count; i++, next_index(&p, index)) {
            int64_t a = 0, b = 0;
            for (int j = 0; j < p.rank; j++) {
                a += index[j] * p.to[j];
                b += list[j][index[j]];
            }
            assert_int_equal(to[a], from[b]);
        }
    }
}

static double plain_reduce(enum k_reduce op, const float *x, int64_t n, int64_t step)
{
    double sum = 0, square = 0, largest = -INFINITY, product = 1, l1 = 0, e = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = (double)x[i * step];
        sum += v;
        square += v * v;
        largest = v > largest ? v : largest;
        product *= v;
        l1 += fabs(v);
        e += exp(v);
    }
    switch (op) {
    case K_REDUCE_SUM: return sum;
    case K_REDUCE_MEAN: return sum / (double)n;
    case K_REDUCE_MAX: return largest;
    case K_REDUCE_PROD: return product;
    case K_REDUCE_L1: return l1;
    case K_REDUCE_L2: return sqrt(square);
    case K_REDUCE_LOG_SUM_EXP: return log(e);
    default: return square;
    }
}

static void test_reduce(void **state)
{
    (void)state;
    static const enum k_reduce ops[] = {K_REDUCE_SUM, K_REDUCE_MEAN, K_REDUCE_MAX, K_REDUCE_PROD,
                                        K_REDUCE_L1, K_REDUCE_L2, K_REDUCE_LOG_SUM_EXP,
                                        K_REDUCE_SUM_SQUARE};
    struct random r = {9};
    static float x[ROOM * 8], y[ROOM];
    int64_t at[ROOM];
    random_fill(&r, x, ROOM * 8);
    for (int k = 0; k < 400; k++) {
        enum k_reduce op = ops[k % 8];
        int64_t outer = random_int(&r, 0, 3), n = random_int(&r, 1, 40);
        int64_t inner = k % 3 ? random_int(&r, 1, 200) : 1;
        k_reduce_f32(op, x, y, outer, n, inner);
        k_arg_f32(x, at, outer, n, inner, 0, 0);
        for (int64_t i = 0; i < outer * inner; i++) {
            const float *line = x + i / inner * n * inner + i % inner;
            double want = plain_reduce(op, line, n, inner);
            assert_true(fabs((double)y[i] - want) <= 1e-6 * fabs(want) + 1e-7);
            assert_true(line[at[i] * inner] == (float)plain_reduce(K_REDUCE_MAX, line, n, inner));
        }
    }
}

static void test_softmax(void **state)
{
    (void)state;
    struct random r = {10};
    static float x[ROOM * 4], y[ROOM * 4], z[ROOM * 4];
    random_fill(&r, x, ROOM * 4);
    for (int k = 0; k < 200; k++) {
        int64_t outer = random_int(&r, 1, 3), n = random_int(&r, 1, 50);
        int64_t inner = k % 2 ? random_int(&r, 1, 90) : 1;
        k_softmax_f32(x, y, outer, n, inner, false);
        k_softmax_f32(x, z, outer, n, inner, true);
        for (int64_t i = 0; i < outer * n * inner; i++) {
            int64_t line = i / (n * inner) * n * inner + i % inner;
            double all = plain_reduce(K_REDUCE_LOG_SUM_EXP, x + line, n, inner);
            double want = (double)x[i] - all;
            assert_true(fabs((double)z[i] - want) < 1e-5);
            assert_true(fabs((double)y[i] - exp(want)) < 1e-6);
        }
    }
}

static void test_resize(void **state)
{
    (void)state;
    struct random r = {11};
    static float x[ROOM], y[ROOM], weight[ROOM];
    static int64_t index[ROOM];
    random_fill(&r, x, ROOM);
    for (int k = 0; k < 200; k++) {
        int64_t outer = random_int(&r, 1, 3), from = random_int(&r, 1, 9);
        int64_t to = random_int(&r, 1, 9), inner = random_int(&r, 1, 40);
        struct k_taps t = {.n = random_int(&r, 1, 4), .index = index, .weight = weight};
        for (int64_t i = 0; i < to * t.n; i++) {
            index[i] = random_int(&r, 0, from - 1);
            weight[i] = random_float(&r);
        }
        k_resize_axis_f32(x, y, outer, from, to, inner, &t);
        for (int64_t i = 0; i < outer * to * inner; i++) {
            int64_t o = i / inner / to, at = i / inner % to;
            double want = 0;
            for (int64_t j = 0; j < t.n; j++)
                want += (double)weight[at * t.n + j]
                      * (double)x[(o * from + index[at * t.n + j]) * inner + i % inner];
            assert_true(fabs((double)y[i] - want) < 1e-6);
        }
    }
}

static void random_pairs(struct random *r, struct k_pair *pair, int64_t n, int64_t from)
{
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < 2; k++) {
            pair[i].index[k] = random_int(r, 0, from - 1);
            pair[i].weight[k] = random_float(r);
        }
}

static void test_bilinear(void **state)
{
    (void)state;
    struct random r = {12};
    static float x[ROOM], y[ROOM];
    struct k_pair row[6], column[6];
    random_fill(&r, x, ROOM);
    for (int n = 0; n < 200; n++) {
        int64_t outer = random_int(&r, 1, 3), rows = random_int(&r, 1, 6);
        int64_t columns = random_int(&r, 1, 6), inner = random_int(&r, 1, 9);
        int64_t to_rows = random_int(&r, 0, 6), to_columns = random_int(&r, 0, 6);
        random_pairs(&r, row, to_rows, rows);
        random_pairs(&r, column, to_columns, columns);
        k_resize_bilinear_f32(x, y, outer, rows, columns, inner, row, to_rows, column, to_columns);
        for (int64_t i = 0; i < outer * to_rows * to_columns * inner; i++) {
            const struct k_pair *b = &column[i / inner % to_columns];
            const struct k_pair *a = &row[i / inner / to_columns % to_rows];
            int64_t o = i / inner / to_columns / to_rows;
            double want = 0;
            for (int k = 0; k < 4; k++)
                want += (double)a->weight[k / 2] * (double)b->weight[k % 2]
                      * (double)x[((o * rows + a->index[k / 2]) * columns + b->index[k % 2])
                                  * inner + i % inner];
            assert_true(fabs((double)y[i] - want) < 1e-6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strides), cmocka_unit_test(test_planes),
        cmocka_unit_test(test_pick),    cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_softmax), cmocka_unit_test(test_resize),
        cmocka_unit_test(test_bilinear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
