/* SPDX-License-Identifier: Apache-2.0
 *
 * gram: long columns come in parts, whose moments are those of the elements that they hold.
 */
#include "gram.h"

#include "infer.h"
#include "k_gram.h"
#include "text.h"
#include "unit.h"

#include <math.h>
#include <string.h>

enum { SAMPLES = 2, MOST_COLUMNS = 16 };

struct setting {
    struct model *m;
    struct arena a;
    struct placement p;
    struct dataset *data;
    struct grams *grams;
};

static struct setting setting_of(const char *text)
{
    struct setting s = {.m = text_model(text)};
    struct err err = {0};
    struct tap tap;
    struct dataset_options o = {.path = "random", .samples = SAMPLES};
    s.data = dataset_open(s.m->graph, &o, &err);
    assert_int_equal(graph_infer(s.m->graph, &err), 0);
    assert_int_equal(place_model(s.m, target_find("onnxruntime"), NULL, &s.a, &s.p, &err), 0);
    assert_int_equal(s.p.n_layer, 1);
    const struct qlayer *layer = &s.p.layer[0];
    s.grams = grams_watch(s.m, &layer, 1, SAMPLES, 1, &tap);
    assert_int_equal(taps_run(s.m, &tap, 1, s.data, 1, NULL, &err), 0);
    return s;
}

static void setting_close(struct setting *s)
{
    grams_close(s->grams);
    dataset_close(s->data);
    model_close(s->m);
    arena_release(&s->a);
}

static const float *sample(struct setting *s, int i)
{
    struct err err = {0};
    const struct tensor *x;
    assert_int_equal(dataset_read(s->data, i, s->m->graph, &s->a, &x, &err), 0);
    return tensor_f32(x);
}

/* Sums and products of column[n][k * parts] as the Gram has them. */
static void check_gram(struct setting *s, const float *column, int64_t n, int64_t parts, int64_t k)
{
    const struct gram *g = grams_find(s->grams, s->p.layer[0].node);
    assert_int_equal(g->parts, parts);
    assert_int_equal(g->k, k);
    assert_int_equal(g->columns, n);
    assert_int_equal(gram_bytes(&s->p.layer[0]), parts * k_gram_size(k) * (int64_t)sizeof(float));
    for (int64_t at = 0; at < parts; at++)
        for (int64_t i = 0; i < k; i += 37)
            for (int64_t j = 0; j <= i; j += 29) {
                double sum = 0, product = 0;
                for (int64_t c = 0; c < n; c++) {
                    const float *x = column + (c * parts + at) * k;
                    sum += (double)x[i];
                    product += (double)x[i] * (double)x[j];
                }
                assert_true(fabs(g->x[at * k + i] - sum) < 1e-4);
                float found = g->xx[at * k_gram_size(k) + k_gram_at(k, i, j)];
                assert_true(fabs((double)found - product) < 1e-3);
            }
}

static void test_matrix(void **state)
{
    (void)state;
    enum { ROWS = 3, K = 3200 };
    struct setting s = setting_of("ir 8 opset 13 g (float[3,3200] x) => (float[3,2] y)"
                                  "<float[3200,2] w = random(1)> { y = MatMul(x, w) }");
    float *column = NEW_ARRAY(&s.a, SAMPLES * ROWS * K, float);
    for (int i = 0; i < SAMPLES; i++)
        memcpy(column + i * ROWS * K, sample(&s, i), ROWS * K * sizeof *column);
    check_gram(&s, column, SAMPLES * ROWS, 5, K / 5);
    setting_close(&s);
}

static void test_convolution(void **state)
{
    (void)state;
    enum { CHANNELS = 320, SIZE = 2, TAPS = 9, PLACES = SIZE * SIZE };
    struct setting s = setting_of("ir 8 opset 13 g (float[1,320,2,2] x) => (float[1,2,2,2] y)"
                                  "<float[2,320,3,3] w = random(1)>"
                                  "{ y = Conv <pads = [1,1,1,1]> (x, w) }");
    float *column = NEW_ARRAY(&s.a, SAMPLES * PLACES * CHANNELS * TAPS, float), *to = column;
    for (int i = 0; i < SAMPLES; i++) {
        const float *x = sample(&s, i);
        for (int p = 0; p < PLACES; p++)
            for (int c = 0; c < CHANNELS; c++)
                for (int t = 0; t < TAPS; t++) {
                    int row = p / SIZE + t / 3 - 1, at = p % SIZE + t % 3 - 1;
                    bool inside = row >= 0 && row < SIZE && at >= 0 && at < SIZE;
                    *to++ = inside ? x[c * PLACES + row * SIZE + at] : 0;
                }
    }
    check_gram(&s, column, SAMPLES * PLACES, 4, CHANNELS * TAPS / 4);
    setting_close(&s);
}

/* A length that has no good divisor is not cut. */
static void test_prime(void **state)
{
    (void)state;
    struct setting s = setting_of("ir 8 opset 13 g (float[1,1543] x) => (float[1,2] y)"
                                  "<float[1543,2] w = random(1)> { y = MatMul(x, w) }");
    assert_int_equal(gram_length(&s.p.layer[0]), 1543);
    setting_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_matrix),
                                       cmocka_unit_test(test_convolution),
                                       cmocka_unit_test(test_prime)};
    return cmocka_run_group_tests_name("gram", tests, NULL, NULL);
}
