/* SPDX-License-Identifier: Apache-2.0
 *
 * test_vision: sampling, regions, deformed columns, boxes, sorting and determinants, against what
 * their definitions say, in double and without care for time.
 */
#include "arena.h"
#include "k_boxes.h"
#include "k_deform.h"
#include "k_det.h"
#include "k_random.h"
#include "k_roi.h"
#include "k_sort.h"
#include "ref.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* x[0..n-1] mirrored or continued; 0 outside where padding is zeros. */
static double ref_pixel(const float *x, const struct sampler *s, const int64_t *at)
{
    int64_t index = 0;
    for (int a = 0; a < s->axes; a++) {
        int64_t n = s->dim[a], i = at[a];
        if (s->padding == SAMPLE_ZEROS && (i < 0 || i >= n))
            return 0;
        while (s->padding == SAMPLE_REFLECTION && n > 1 && (i < 0 || i >= n))
            i = i < 0 ? -i - !s->align_corners : 2 * n - 1 - i - s->align_corners;
        i = i < 0 ? 0 : i >= n ? n - 1 : i;
        index = index * n + i;
    }
    return (double)x[index];
}

static double ref_weight(enum sample_mode mode, double d)
{
    const double a = -0.75;
    d = fabs(d);
    if (mode == SAMPLE_LINEAR)
        return d < 1 ? 1 - d : 0;
    if (d <= 1)
        return (a + 2) * d * d * d - (a + 3) * d * d + 1;
    return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

/* The sum over all pixels that have a weight, axis after axis. */
static double ref_sample(const float *x, const struct sampler *s, const float *at, int axis,
                         int64_t *pixel)
{
    if (axis == s->axes)
        return ref_pixel(x, s, pixel);
    if (s->mode == SAMPLE_NEAREST) {
        pixel[axis] = (int64_t)nearbyint((double)at[axis]);
        return ref_sample(x, s, at, axis + 1, pixel);
    }
    double sum = 0;
    for (int64_t i = (int64_t)floor((double)at[axis]) - 2; (double)i < (double)at[axis] + 3; i++) {
        double w = ref_weight(s->mode, (double)i - (double)at[axis]);
        pixel[axis] = i;
        if (w != 0)
            sum += w * ref_sample(x, s, at, axis + 1, pixel);
    }
    return sum;
}

static struct sampler random_sampler(struct random *r)
{
    struct sampler s = {.axes = (int)random_int(r, 1, 3), .align_corners = random_int(r, 0, 1)};
    s.mode = (enum sample_mode)random_int(r, 0, 2);
    s.padding = (enum sample_padding)random_int(r, 0, 2);
    for (int a = 0; a < s.axes; a++)
        s.dim[a] = random_int(r, 2, 5);
    return s;
}

static void test_sample(void **state)
{
    (void)state;
    struct random r = {21};
    float x[125], y, weight[SAMPLE_TAPS], at[SAMPLE_AXES];
    int64_t index[SAMPLE_TAPS], pixel[SAMPLE_AXES];
    for (int k = 0; k < 5000; k++) {
        struct sampler s = random_sampler(&r);
        struct k_image image = {x, 1, 1, 1};
        random_fill(&r, x, 125);
        for (int a = 0; a < s.axes; a++)
            at[a] = random_float(&r) * 9;
        int n = k_sample_taps(&s, at, index, weight);
        k_sample_sum(&image, index, weight, n, &y, 1);
        assert_true(fabs((double)y - ref_sample(x, &s, at, 0, pixel)) < 1e-4);
    }
}

/* Positions that no image has. */
static void test_sample_far(void **state)
{
    (void)state;
    const float places[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 3e9f};
    int64_t index[SAMPLE_TAPS];
    float weight[SAMPLE_TAPS];
    for (int k = 0; k < 6 * 9 * 2; k++) {
        struct sampler s = {1, {1 + k % 2}, (enum sample_mode)(k / 2 % 3),
                            (enum sample_padding)(k / 6 % 3), k & 1};
        int n = k_sample_taps(&s, &places[k / 18], index, weight);
        assert_in_range(n, 0, 4);
        for (int i = 0; i < n; i++)
            assert_in_range(index[i], 0, s.dim[0] - 1);
    }
}

static void test_channels(void **state)
{
    (void)state;
    struct random r = {22};
    enum { CHANNELS = 37, PIXELS = 6 };
    float plain[CHANNELS * PIXELS], last[CHANNELS * PIXELS], weight[8];
    float a[CHANNELS], b[CHANNELS];
    int64_t index[8];
    for (int k = 0; k < 100; k++) {
        random_fill(&r, plain, CHANNELS * PIXELS);
        ref_transpose(plain, 1, CHANNELS, PIXELS, last);
        random_fill(&r, weight, 8);
        for (int i = 0; i < 8; i++)
            index[i] = random_int(&r, 0, PIXELS - 1);
        struct k_image p = {plain, CHANNELS, PIXELS, 1}, q = {last, CHANNELS, 1, CHANNELS};
        k_sample_sum(&p, index, weight, k % 9, a, 1);
        k_sample_sum(&q, index, weight, k % 9, b, 1);
        assert_memory_equal(a, b, sizeof a);
        k_sample_max(&p, index, weight, k % 9, a, 1);
        k_sample_max(&q, index, weight, k % 9, b, 1);
        assert_memory_equal(a, b, sizeof a);
        float most = k % 9 ? -INFINITY : 0;
        for (int i = 0; i < k % 9; i++)
            most = fmaxf(most, weight[i] * plain[3 * PIXELS + index[i]]);
        assert_true(a[3] == most);
    }
}

/* Where no point is outside, taps are those of linear sampling with border. */
static void test_roi(void **state)
{
    (void)state;
    struct random r = {23};
    float x[30], weight[4 * 9], y;
    int64_t index[4 * 9], pixel[SAMPLE_AXES];
    struct sampler s = {2, {6, 5}, SAMPLE_LINEAR, SAMPLE_BORDER, true};
    for (int k = 0; k < 500; k++) {
        struct k_bin b = {random_float(&r), random_float(&r), 2 + random_float(&r),
                          2 + random_float(&r), random_int(&r, 1, 3), random_int(&r, 1, 3)};
        struct k_image image = {x, 1, 1, 1};
        double want = 0;
        random_fill(&r, x, 30);
        for (int64_t i = 0; i < b.rows * b.columns; i++) {
            float at[2] = {
                b.top + ((float)(i / b.columns) + 0.5f) * b.height / (float)b.rows,
                b.left + ((float)(i % b.columns) + 0.5f) * b.width / (float)b.columns};
            want += ref_sample(x, &s, at, 0, pixel);
        }
        int64_t n = k_roi_taps(&b, 6, 5, index, weight);
        assert_int_equal(n, 4 * b.rows * b.columns);
        k_sample_sum(&image, index, weight, n, &y, 1);
        assert_true(fabs((double)y - want) < 1e-5);
    }
}

/* Without offsets and mask, the columns times the weight are a convolution. */
static void test_deform(void **state)
{
    (void)state;
    struct random r = {24};
    struct arena a = {0};
    for (int k = 0; k < 60; k++) {
        struct conv_dims d = {.axes = 2, .batch = 1, .groups = 1, .c = 4, .m = 1};
        for (int i = 0; i < CONV_AXES; i++) {
            bool used = i > 0;
            d.in[i] = used ? random_int(&r, 4, 7) : 1;
            d.kernel[i] = used ? random_int(&r, 1, 3) : 1;
            d.stride[i] = used ? random_int(&r, 1, 2) : 1;
            d.dilation[i] = 1;
            d.pad[i] = used ? random_int(&r, 0, 2) : 0;
            d.out[i] = (d.in[i] + d.pad[i] - d.kernel[i]) / d.stride[i] + 1;
        }
        int64_t taps = conv_taps(&d), n = conv_out_span(&d), rows = d.c * taps;
        int64_t groups = random_int(&r, 1, 2), first = random_int(&r, 0, n - 1);
        float *x = NEW_ARRAY(&a, d.c * conv_in_span(&d), float), *w = NEW_ARRAY(&a, rows, float);
        float *offset = NEW_ARRAY(&a, groups * taps * 2 * n, float);
        float *want = NEW_ARRAY(&a, n, float);
        float *columns = NEW_ARRAY(&a, rows * n, float);
        struct tail none = {0};
        random_fill(&r, x, d.c * conv_in_span(&d));
        random_fill(&r, w, rows);
        memset(offset, 0, sizeof(float) * (size_t)(groups * taps * 2 * n));
        ref_conv(&d, x, w, &none, want);
        k_deform_columns(&d, groups, x, offset, NULL, first, n - first, columns);
        for (int64_t i = first; i < n; i++) {
            double sum = 0;
            for (int64_t j = 0; j < rows; j++)
                sum += (double)w[j] * (double)columns[j * (n - first) + i - first];
            assert_true(fabs(sum - (double)want[i]) < 1e-4);
        }
        arena_reset(&a);
    }
    arena_release(&a);
}

static bool is_after(const void *data, int64_t a, int64_t b)
{
    const float *x = data;
    return x[a] > x[b];
}

static void test_sort(void **state)
{
    (void)state;
    struct random r = {25};
    float x[100] = {0};
    int64_t index[100], spare[100];
    for (int64_t n = 0; n <= 100; n++) {
        for (int64_t i = 0; i < n; i++) {
            x[i] = (float)random_int(&r, 0, 20);
            index[i] = i;
        }
        k_sort(index, spare, n, is_after, x);
        for (int64_t i = 1; i < n; i++) {
            float p = x[index[i - 1]], q = x[index[i]];
            assert_true(p < q || (p == q && index[i - 1] < index[i]));
        }
    }
}

static float overlap(const float *p, const float *q)
{
    float both = 1, p_area = 1, q_area = 1;
    for (int a = 0; a < 2; a++) {
        float low = fmaxf(fminf(p[a], p[2 + a]), fminf(q[a], q[2 + a]));
        float high = fminf(fmaxf(p[a], p[2 + a]), fmaxf(q[a], q[2 + a]));
        both *= fmaxf(high - low, 0);
        p_area *= fabsf(p[2 + a] - p[a]);
        q_area *= fabsf(q[2 + a] - q[a]);
    }
    return both / (p_area + q_area - both);
}

/* The chosen ones are apart, in order of their scores, and no other could have been chosen. */
static void test_boxes(void **state)
{
    (void)state;
    struct random r = {26};
    float box[80], corner[80], score[20];
    int64_t order[20], spare[20], chosen[20];
    for (int k = 0; k < 300; k++) {
        int64_t n = random_int(&r, 0, 20);
        random_fill(&r, box, 4 * n);
        random_fill(&r, score, n);
        k_boxes_corners(box, n, false, corner);
        struct k_boxes b = {n, corner, 20, 0.3f, true, -0.5f};
        int64_t count = k_boxes_choose(&b, score, order, spare, chosen);
        for (int64_t i = 0; i < n; i++) {
            bool better = false, is_chosen = false;
            for (int64_t j = 0; j < count; j++) {
                is_chosen |= chosen[j] == i;
                better |= chosen[j] != i && score[chosen[j]] > score[i]
                          && overlap(box + 4 * i, box + 4 * chosen[j]) > 0.3f;
            }
            assert_true(is_chosen == (score[i] > -0.5f && !better));
        }
        for (int64_t j = 1; j < count; j++)
            assert_true(score[chosen[j - 1]] > score[chosen[j]]);
        b.most = 2;
        assert_int_equal(k_boxes_choose(&b, score, order, spare, chosen), count < 2 ? count : 2);
    }
}

static double ref_det(const double *a, int64_t n)
{
    double rest[25], sum = 0;
    for (int64_t k = 0; k < n; k++) {
        for (int64_t i = 1; i < n; i++)
            for (int64_t j = 0, to = 0; j < n; j++)
                if (j != k)
                    rest[(i - 1) * (n - 1) + to++] = a[i * n + j];
        sum += (k % 2 ? -1 : 1) * a[k] * ref_det(rest, n - 1);
    }
    return n ? sum : 1;
}

static void test_det(void **state)
{
    (void)state;
    struct random r = {27};
    double a[25];
    for (int k = 0; k < 300; k++) {
        int64_t n = random_int(&r, 0, 5);
        for (int64_t i = 0; i < n * n; i++)
            a[i] = random_int(&r, 0, 2) ? (double)random_float(&r) : 0;
        double want = ref_det(a, n);
        assert_true(fabs(k_det(a, n) - want) < 1e-9);
    }
}

/* The first numbers of splitmix64 with seed 1234567 are published with it. */
static void test_random(void **state)
{
    (void)state;
    assert_true(k_random_uniform(1234567, 0) == (double)(6457827717110365317u >> 11) * 0x1p-53);
    assert_true(k_random_uniform(1234567, 1) == (double)(3203168211198807973u >> 11) * 0x1p-53);
    double sum = 0, square = 0;
    for (int64_t i = 0; i < 10000; i++) {
        double v = k_random_normal(9, i);
        sum += v;
        square += v * v;
    }
    assert_true(fabs(sum / 10000) < 0.05 && fabs(square / 10000 - 1) < 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample), cmocka_unit_test(test_sample_far),
        cmocka_unit_test(test_channels), cmocka_unit_test(test_roi),
        cmocka_unit_test(test_deform), cmocka_unit_test(test_sort),
        cmocka_unit_test(test_boxes), cmocka_unit_test(test_det),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("vision", tests, NULL, NULL);
}
