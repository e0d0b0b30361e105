/* SPDX-License-Identifier: Apache-2.0
 *
 * test_walks: what visits elements: strided arrays walked together, windows cut to the input,
 * regions of an image, and the choice between two arrays; each against loops over every index.
 */
#include "k_binary.h"
#include "k_loop.h"
#include "k_roi.h"
#include "k_window.h"
#include "ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RANK = 6, OPERANDS = 3, ROOM = 4096 };

struct visit { /* where each operand is read together */
    int64_t at[OPERANDS];
};

static int compare_visits(const void *a, const void *b)
{
    const struct visit *x = a, *y = b;
    for (int k = 0; k < OPERANDS; k++)
        if (x->at[k] != y->at[k])
            return x->at[k] < y->at[k] ? -1 : 1;
    return 0;
}

static int visit_all(int rank, const int64_t *dim, int64_t stride[OPERANDS][RANK],
                     struct visit *visits)
{
    int n = 0;
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= dim[i];
    for (int64_t flat = 0; flat < count; flat++) {
        struct visit v = {{0}};
        int64_t rest = flat;
        for (int i = rank - 1; i >= 0; rest /= dim[i], i--)
            for (int k = 0; k < OPERANDS; k++)
                v.at[k] += rest % dim[i] * stride[k][i];
        visits[n++] = v;
    }
    return n;
}

static int visit_rows(struct k_loop *l, struct visit *visits)
{
    int n = 0, last = l->rank - 1;
    for (bool more = k_loop_first(l); more; more = k_loop_next(l))
        for (int64_t i = 0; i < l->dim[last]; i++, n++)
            for (int k = 0; k < OPERANDS; k++)
                visits[n].at[k] = l->at[k] + i * l->stride[k][last];
    return n;
}

/* Axes of length 0 and 1, strides of 0, negative ones, in any order. */
static void test_loop(void **state)
{
    (void)state;
    struct random r = {41};
    static struct visit want[ROOM], got[ROOM];
    for (int round = 0; round < 3000; round++) {
        int rank = (int)random_int(&r, 0, RANK);
        int64_t dim[RANK], stride[OPERANDS][RANK];
        const int64_t *strides[] = {stride[0], stride[1], stride[2]};
        for (int i = 0; i < rank; i++) {
            dim[i] = random_int(&r, random_int(&r, 0, 9) ? 1 : 0, 4);
            for (int k = 0; k < OPERANDS; k++)
                stride[k][i] = random_int(&r, -3, 12);
        }
        struct k_loop l;
        k_loop_init(&l, rank, dim, OPERANDS, strides);
        int n = visit_all(rank, dim, stride, want);
        assert_int_equal(visit_rows(&l, got), n);
        qsort(want, (size_t)n, sizeof *want, compare_visits);
        qsort(got, (size_t)n, sizeof *got, compare_visits);
        for (int i = 0; i < n; i++)
            assert_int_equal(compare_visits(&want[i], &got[i]), 0);
    }
}

/* Arrays that lie alike are one row, whatever the order of their axes, read upwards. */
static void test_loop_of_dense_arrays(void **state)
{
    (void)state;
    struct random r = {42};
    for (int round = 0; round < 200; round++) {
        int64_t dim[RANK], stride[RANK], count = 1;
        for (int left = RANK, used = 0; left > 0; left--) {
            int axis = (int)random_int(&r, 0, RANK - 1);
            while (used >> axis & 1)
                axis = (axis + 1) % RANK;
            used |= 1 << axis;
            dim[axis] = random_int(&r, 1, 3);
            stride[axis] = count;
            count *= dim[axis];
        }
        struct k_loop l;
        k_loop_init(&l, RANK, dim, 2, (const int64_t *[]){stride, stride});
        assert_true(k_loop_first(&l));
        assert_int_equal(l.rank, 1);
        assert_int_equal(l.dim[0], count);
        assert_int_equal(l.stride[0][0], 1);
        assert_false(k_loop_next(&l));
    }
}

static void test_where(void **state)
{
    (void)state;
    struct random r = {43};
    static const size_t items[] = {1, 2, 4, 8, 16};
    uint8_t c[256], a[256 * 16], b[256 * 16], y[128 * 16], want[128 * 16];
    for (int round = 0; round < 2000; round++) {
        size_t item = items[round % 5];
        int64_t n = random_int(&r, 0, 100);
        int64_t sc = random_int(&r, 0, 2), sa = random_int(&r, 0, 2), sb = random_int(&r, 0, 2);
        for (size_t i = 0; i < sizeof a; i++) {
            a[i] = (uint8_t)random_bits(&r);
            b[i] = (uint8_t)random_bits(&r);
        }
        for (size_t i = 0; i < sizeof c; i++) /* true is any number but 0 */
            c[i] = (uint8_t)(random_int(&r, 0, 1) * random_int(&r, 1, 255));
        memset(y, 0xa5, sizeof y);
        memset(want, 0xa5, sizeof want);
        for (int64_t i = 0; i < n; i++)
            memcpy(want + (size_t)i * item,
                   c[i * sc] ? a + (size_t)(i * sa) * item : b + (size_t)(i * sb) * item, item);
        k_where(c, sc, a, sa, b, sb, y, item, n);
        assert_memory_equal(y, want, sizeof y);
    }
}

static void random_windows(struct random *r, struct conv_dims *d)
{
    *d = (struct conv_dims){.axes = CONV_AXES};
    for (int a = 0; a < CONV_AXES; a++) {
        d->in[a] = random_int(r, 1, 7);
        d->out[a] = random_int(r, 1, 5);
        d->kernel[a] = random_int(r, 1, 4);
        d->stride[a] = random_int(r, 1, 3);
        d->dilation[a] = random_int(r, 1, 3);
        d->pad[a] = random_int(r, 0, 9);
    }
}

/* Flat positions of the taps of window o that lie inside, in their order; returns their number. */
static int taps_inside(const struct conv_dims *d, int64_t o, int64_t *place)
{
    int n = 0;
    int64_t at[CONV_AXES];
    for (int a = CONV_AXES - 1; a >= 0; a--) {
        at[a] = o % d->out[a] * d->stride[a] - d->pad[a];
        o /= d->out[a];
    }
    for (int64_t t = 0; t < d->kernel[0] * d->kernel[1] * d->kernel[2]; t++) {
        int64_t z = at[0] + t / d->kernel[2] / d->kernel[1] * d->dilation[0];
        int64_t y = at[1] + t / d->kernel[2] % d->kernel[1] * d->dilation[1];
        int64_t x = at[2] + t % d->kernel[2] * d->dilation[2];
        if (z >= 0 && z < d->in[0] && y >= 0 && y < d->in[1] && x >= 0 && x < d->in[2])
            place[n++] = (z * d->in[1] + y) * d->in[2] + x;
    }
    return n;
}

/* Also windows that lie wholly outside. */
static void test_window(void **state)
{
    (void)state;
    struct random r = {44};
    int64_t want[64];
    for (int round = 0; round < 500; round++) {
        struct conv_dims d;
        random_windows(&r, &d);
        for (int64_t o = 0; o < d.out[0] * d.out[1] * d.out[2]; o++) {
            struct box b = window_at(&d, o);
            int n = taps_inside(&d, o, want), i = 0;
            EACH_TAP(&d, b, place) {
                assert_true(i < n);
                assert_int_equal(place, want[i++]);
            }
            assert_int_equal(i, n);
        }
    }
}

static void test_window_taps(void **state)
{
    (void)state;
    struct random r = {45};
    for (int round = 0; round < 5000; round++) {
        struct conv_dims d;
        random_windows(&r, &d);
        int64_t origin = random_int(&r, -20, 20), low = random_int(&r, -5, 5), first, last;
        int64_t high = low + random_int(&r, 0, 9), inside = 0;
        window_taps(&d, 1, origin, low, high, &first, &last);
        assert_true(first <= last && last <= d.kernel[1]);
        for (int64_t t = 0; t < d.kernel[1]; t++) {
            int64_t at = origin + t * d.dilation[1];
            bool in = at >= low && at < high;
            inside += in;
            assert_int_equal(t >= first && t < last, in);
        }
        assert_int_equal(last - first, inside);
    }
}

/* Channels beside each other and apart; regions without pixels. */
static void test_roi_max(void **state)
{
    (void)state;
    struct random r = {46};
    float x[6 * 7 * 5], y[10];
    for (int round = 0; round < 500; round++) {
        int64_t height = random_int(&r, 1, 6), width = random_int(&r, 1, 7);
        int64_t channels = random_int(&r, 0, 5), step = random_int(&r, 1, 2);
        int64_t pixels = height * width;
        bool last = round % 2;
        struct k_image im = {x, channels, last ? 1 : pixels, last ? channels : 1};
        int64_t top = random_int(&r, 0, height), bottom = random_int(&r, 0, height);
        int64_t left = random_int(&r, 0, width), right = random_int(&r, 0, width);
        random_fill(&r, x, pixels * channels);
        k_roi_max(&im, width, top, bottom, left, right, y, step);
        for (int64_t c = 0; c < channels; c++) {
            float want = top < bottom && left < right ? -2 : 0;
            for (int64_t i = top; i < bottom; i++)
                for (int64_t k = left; k < right; k++)
                    want = fmaxf(want, last ? x[(i * width + k) * channels + c]
                                            : x[(c * height + i) * width + k]);
            assert_true(y[c * step] == want);
        }
    }
}

/* -1 and 1 are the outer edges of the outer pixels, or their middles; the last axis comes first. */
static void test_sample_locate(void **state)
{
    (void)state;
    struct random r = {47};
    for (int round = 0; round < 500; round++) {
        struct sampler s = {.axes = 1 + round % 3, .align_corners = round % 2};
        float grid[SAMPLE_AXES], at[SAMPLE_AXES];
        for (int i = 0; i < s.axes; i++) {
            s.dim[i] = random_int(&r, 1, 9);
            grid[i] = random_int(&r, 0, 4) ? 2 * random_float(&r) : (float)random_int(&r, -1, 1);
        }
        k_sample_locate(&s, grid, at);
        for (int i = 0; i < s.axes; i++) {
            double g = (double)grid[s.axes - 1 - i], n = (double)s.dim[i];
            double lo = s.align_corners ? 0 : -0.5, hi = s.align_corners ? n - 1 : n - 0.5;
            assert_true(fabs((double)at[i] - (lo + (g + 1) / 2 * (hi - lo))) <= 1e-5 * n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop),     cmocka_unit_test(test_loop_of_dense_arrays),
        cmocka_unit_test(test_where),    cmocka_unit_test(test_window),
        cmocka_unit_test(test_window_taps), cmocka_unit_test(test_roi_max),
        cmocka_unit_test(test_sample_locate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
