/* SPDX-License-Identifier: Apache-2.0
 *
 * pairs: with the scales and codes that it gives no sum of two neighbouring products leaves 16
 * bits, and scales are no higher than that takes.
 */
#include "pairs.h"

#include "infer.h"
#include "quant.h"
#include "solve.h"
#include "text.h"
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A layer y of x, and how the elements of one of its rows are counted. */
struct shape_of_layer {
    const char *text;
    int64_t batch, channels, kernel;
};

static const struct shape_of_layer layers[] = {
    {"(float[1,4,6,6] x) => (float y) <float[6,4,3,3] w = random(1)> { y = Conv(x, w) }", 1, 4, 9},
    {"(float[1,5,6,6] x) => (float y) <float[6,5,3,2] w = random(2)> { y = Conv(x, w) }", 1, 5, 6},
    {"(float[1,1,6,6] x) => (float y) <float[4,1,3,3] w = random(3)> { y = Conv(x, w) }", 1, 1, 9},
    {"(float[1,7,6,6] x) => (float y) <float[4,7,1,1] w = random(4)> { y = Conv(x, w) }", 1, 7, 1},
    {"(float[1,6,6,6] x) => (float y) <float[4,3,3,3] w = random(5)>"
     "{ y = Conv <group = 2> (x, w) }", 1, 3, 9},
    {"(float[1,2,6,6] x) => (float y) <float[6,1,3,3] w = random(6)>"
     "{ y = Conv <group = 2> (x, w) }", 1, 1, 9},
    {"(float[3,8] x) => (float y) <float[8,5] w = random(7)> { y = MatMul(x, w) }", 1, 8, 1},
    {"(float[2,3,7] x) => (float y) <float[2,7,5] w = random(8)> { y = MatMul(x, w) }", 2, 7, 1},
    {"(float[3,9] x) => (float y) <float[5,9] w = random(9)> { y = Gemm <transB = 1> (x, w) }", 1,
     9, 1},
    {"(float[3,521] x) => (float y) <float[521,18] w = random(10)> { y = MatMul(x, w) }", 1, 521,
     1},
    {"(float[3,521] x) => (float y) <float[18,521] w = random(11)>"
     "{ y = Gemm <transB = 1> (x, w) }", 1, 521, 1},
};
enum { N_LAYERS = sizeof layers / sizeof *layers, MOST_ROWS = 18 };

struct setting {
    struct model *m;
    struct arena a;
    struct placement p;
    const struct qlayer *l;
    struct value *weight;
    int64_t rows, n_seen;
};

static struct setting setting_of(const char *text, const char *target)
{
    char source[512];
    struct err err = {0};
    snprintf(source, sizeof source, "opset 13 g %s", text);
    struct setting s = {.m = text_model(source)};
    assert_int_equal(graph_infer(s.m->graph, &err), 0);
    assert_int_equal(place_model(s.m, target_find(target), NULL, &s.a, &s.p, &err), 0);
    assert_int_equal(s.p.n_layer, 1);
    s.l = s.p.layer;
    s.weight = qlayer_weight(s.l);
    s.rows = qlayer_channels(s.l);
    s.n_seen = pairs_channels(s.l).n;
    struct range *range = NEW_ARRAY(s.m->arena, 1, struct range);
    *range = (struct range){-3, 9.75f};
    struct quant *x = s.l->input->quant;
    x->range = range;
    x->scale = NEW_ARRAY(s.m->arena, 1, float);
    x->zero = NEW_ARRAY(s.m->arena, 1, int32_t);
    x->scale[0] = 0.05f;
    x->zero[0] = 60;
    if (s.l->output->quant)
        s.l->output->quant->range = range;
    return s;
}

static void setting_close(struct setting *s)
{
    model_close(s->m);
    arena_release(&s->a);
}

/* Channel c reaches from code 60 - 9c down to 70 + 40c up, or as far as codes go; with the next one
 * to 200 + 30c, if sums are known. */
static void see(struct setting *s, bool sums)
{
    struct seen_channel *seen = NEW_ARRAY(s->m->arena, s->n_seen, struct seen_channel);
    for (int64_t c = 0; c < s->n_seen; c++) {
        float f = (float)c;
        seen[c].range = (struct range){-0.45f * f, 0.5f + 2 * f};
        seen[c].sum = sums ? (200 + 30 * f - 120 - 1) * 0.05f : INFINITY;
    }
    s->weight->quant->seen = seen;
}

static void codes_of(const struct setting *s, int64_t c, double code[2])
{
    bool known = s->weight->quant->seen;
    code[0] = known ? fmax(60 - 9 * (double)c, 0) : 0;
    code[1] = known ? fmin(70 + 40 * (double)c, 255) : 255;
}

/* At the corners of what two codes may be. */
static double largest_of(double a, double b, const double x[2], const double y[2], double sum)
{
    double largest = 0;
    for (int j = 0; j < 4; j++) {
        double p = x[j % 2], q = y[j / 2];
        double over = fmax(p + q - sum, 0); /* of one of the two */
        largest = fmax(largest, fmax(fabs(a * (p - over) + b * q), fabs(a * p + b * (q - over))));
    }
    return largest;
}

static double weight_at(const struct setting *s, int64_t o, int64_t k)
{
    return tensor_get(s->weight->constant, qlayer_weight_at(s->l, o, k));
}

/* The largest magnitude of a sum of two products in row o, where weights are whole numbers of
 * `scale`, rounded or not: of channels next to each other, and of elements next to each other with
 * channels last where there is an odd number of them. */
static double largest_sum(const struct setting *s, const struct shape_of_layer *f, int64_t o,
                          double scale, bool round)
{
    int64_t all = f->channels * f->kernel, group = o / (s->rows / qlayer_groups(s->l));
    double largest = 0;
    for (int64_t i = 0; i < f->batch * all; i++)
        for (int64_t k = 0; k < f->batch * all; k++) {
            int64_t ci = i / f->kernel, ck = k / f->kernel, batch = ci / f->channels;
            ci %= f->channels;
            if (ck / f->channels != batch)
                continue;
            ck %= f->channels;
            bool channels = i % f->kernel == k % f->kernel && ci % 2 == 0 && ck == ci + 1;
            int64_t at = i % f->kernel * f->channels + ci;
            bool elements = f->channels % 2 && at % 2 == 0
                         && k % f->kernel * f->channels + ck == at + 1;
            if (!channels && !elements)
                continue;
            double w[2] = {weight_at(s, o, i) / scale, weight_at(s, o, k) / scale}, x[2][2];
            codes_of(s, group * f->channels + ci, x[0]);
            codes_of(s, group * f->channels + ck, x[1]);
            const struct seen_channel *seen = s->weight->quant->seen;
            bool sums = seen && isfinite(seen[0].sum) && i % f->kernel == k % f->kernel;
            double sum = sums ? 200 + 30 * (double)(group * f->channels + ci) : 2 * 255;
            largest = fmax(largest, largest_of(round ? rint(w[0]) : w[0],
                                               round ? rint(w[1]) : w[1], x[0], x[1], sum));
        }
    return largest;
}

static double scale_of_row(const struct setting *s, int64_t o)
{
    const struct quant *q = s->weight->quant;
    return (double)q->scale[q->n == 1 ? 0 : o];
}

enum known { NOTHING, RANGES, SUMS };

static void check_scales(const struct shape_of_layer *f, enum known known, int *raised)
{
    struct setting s = setting_of(f->text, "generic");
    float low[MOST_ROWS];
    assert_int_equal(s.n_seen, f->channels * qlayer_groups(s.l));
    if (known)
        see(&s, known == SUMS);
    assert_true(pairs_lowest_scales(s.l, low));
    struct raised r = solve_model(s.m, &s.p, 2);
    double most = 0;
    for (int64_t o = 0; o < s.rows; o++) {
        assert_true(largest_sum(&s, f, o, scale_of_row(&s, o), true) <= INT16_MAX);
        /* at the lowest scale the bound is reached, but for what rounding may add */
        double sum = largest_sum(&s, f, o, (double)low[o], false);
        assert_true(sum <= INT16_MAX && sum >= INT16_MAX - 256);
        most = fmax(most, (double)low[o]);
        if (s.weight->quant->n > 1)
            assert_true(scale_of_row(&s, o) >= (double)low[o]);
    }
    if (s.weight->quant->n == 1)
        assert_true(scale_of_row(&s, 0) >= most);
    assert_int_equal(r.of, s.rows);
    raised[known] += (int)r.rows;
    setting_close(&s);
}

static void test_scales(void **state)
{
    (void)state;
    int raised[3] = {0};
    for (int i = 0; i < N_LAYERS; i++)
        for (enum known k = NOTHING; k <= SUMS; k++)
            check_scales(&layers[i], k, raised);
    assert_true(raised[NOTHING] > 30); /* most rows have two large neighbours of one sign ... */
    assert_true(raised[RANGES] < raised[NOTHING]); /* ... fewer where channels are small ... */
    assert_true(raised[SUMS] < raised[RANGES] && raised[SUMS] > 0); /* ... or not large at once */
}

/* The kernel for it is OpenVINO's. */
static void test_transposed(void **state)
{
    (void)state;
    const struct shape_of_layer f = {
        "(float[1,4,5,5] x) => (float y) <float[4,3,2,2] w = random(1)>"
        "{ r = Relu(x) y = ConvTranspose <strides = [2,2]> (r, w) }", 1, 4, 4};
    struct setting s = setting_of(f.text, "openvino");
    assert_true(solve_model(s.m, &s.p, 1).rows > 0);
    for (int64_t o = 0; o < s.rows; o++)
        assert_true(largest_sum(&s, &f, o, scale_of_row(&s, o), true) <= INT16_MAX);
    setting_close(&s);
}

/* int8 inputs are codes from 0 up as well. */
static void test_signed_inputs(void **state)
{
    (void)state;
    struct setting s = setting_of(layers[6].text, "generic");
    struct setting u = setting_of(layers[6].text, "generic");
    float of_signed[MOST_ROWS], of_unsigned[MOST_ROWS];
    struct quant *x = s.l->input->quant;
    x->type.dtype = DTYPE_I8;
    x->zero[0] = 60 - 128;
    see(&s, true);
    see(&u, true);
    assert_true(pairs_lowest_scales(s.l, of_signed) && pairs_lowest_scales(u.l, of_unsigned));
    assert_memory_equal(of_signed, of_unsigned, (size_t)s.rows * sizeof *of_signed);
    setting_close(&s);
    setting_close(&u);
}

/* Codes from elsewhere: they come nearer to 0 where they must, and stay where they fit. */
static void test_mend(void **state)
{
    (void)state;
    int changed = 0, kept = 0;
    for (int i = 0; i < N_LAYERS; i++) {
        struct setting s = setting_of(layers[i].text, "generic");
        see(&s, i % 2);
        solve_model(s.m, &s.p, 1);
        int64_t n = tensor_count(s.weight->constant);
        float *w = tensor_f32(s.weight->constant), *was = NEW_ARRAY(&s.a, n, float);
        for (int64_t o = 0; o < s.rows; o++)
            for (int64_t k = 0; k < qlayer_row_length(s.l); k++) {
                int64_t at = qlayer_weight_at(s.l, o, k);
                double code = rint((double)w[at] / scale_of_row(&s, o) * (o % 2 ? 1.7 : 0.6));
                w[at] = (float)(fmin(fmax(code, -127), 127) * scale_of_row(&s, o));
            }
        memcpy(was, w, (size_t)n * sizeof *w);
        pairs_mend(s.l, w);
        for (int64_t o = 0; o < s.rows; o++) {
            assert_true(largest_sum(&s, &layers[i], o, scale_of_row(&s, o), true) <= INT16_MAX);
            for (int64_t k = 0; k < qlayer_row_length(s.l); k++) {
                float now = w[qlayer_weight_at(s.l, o, k)], old = was[qlayer_weight_at(s.l, o, k)];
                assert_true(fabsf(now) <= fabsf(old) && now * old >= 0);
                assert_true(o % 2 || now == old);
                changed += now != old;
                kept += now == old;
            }
        }
        setting_close(&s);
    }
    assert_true(changed > 20 && kept > changed);
}

/* Of two weights that do not fit the one that adds more is made smaller. */
static void test_mend_larger(void **state)
{
    (void)state;
    for (int64_t large = 0; large < 2; large++) {
        struct setting s = setting_of(layers[6].text, "generic");
        solve_model(s.m, &s.p, 1);
        float *w = tensor_f32(s.weight->constant);
        int64_t a = qlayer_weight_at(s.l, 0, large), b = qlayer_weight_at(s.l, 0, 1 - large);
        float scale = s.weight->quant->scale[0];
        w[a] = -127 * scale;
        w[b] = -20 * scale;
        pairs_mend(s.l, w);
        assert_true(w[b] == -20 * scale);
        assert_true(rintf(w[a] / scale) < -100 && rintf(w[a] / scale) > -127);
        setting_close(&s);
    }
}

static void no_pairs(const char *text, const char *target, void (*change)(struct setting *s))
{
    struct setting s = setting_of(text, target);
    float low[MOST_ROWS];
    if (change)
        change(&s);
    assert_int_equal(pairs_channels(s.l).n, 0);
    assert_false(pairs_lowest_scales(s.l, low));
    setting_close(&s);
}

static void with_codes_of_16_bits(struct setting *s)
{
    s->l->input->quant->type.dtype = DTYPE_U16;
}

static void at_run_time(struct setting *s)
{
    s->l->input->quant->type.dynamic = true;
}

static void with_float_inputs(struct setting *s)
{
    s->l->node->in[0].plain = true;
    s->l->input->quant = NULL;
}

static void test_no_pairs(void **state)
{
    (void)state;
    no_pairs("(float[1,4,6,6] x) => (float y) <float[4,1,3,3] w = random(1)>"
             "{ y = Conv <group = 4> (x, w) }", "generic", NULL);
    no_pairs("(float[1,1,6,6] x) => (float y) <float[4,1,1,1] w = random(1)> { y = Conv(x, w) }",
             "generic", NULL);
    no_pairs(layers[0].text, "tensorrt", NULL);
    no_pairs(layers[0].text, "generic", with_codes_of_16_bits);
    no_pairs(layers[0].text, "generic", with_float_inputs);
    no_pairs(layers[0].text, "generic", at_run_time); /* ConvInteger */
}

/* Channels of a picture get zeros between them, where nothing else reads it. */
static void test_pictures(void **state)
{
    (void)state;
    const char *of_three = "(float[1,3,6,6] x) => (float y) <float[4,3,3,3] w = random(1)>"
                           "{ y = Conv(x, w) }";
    no_pairs(of_three, "openvino", NULL);
    no_pairs("(float[1,6,6,4] x) => (float y) <float[4,4,3,3] w = random(1)>"
             "{ t = Transpose <perm = [0,3,1,2]> (x) y = Conv(t, w) }", "openvino", NULL);
    static const char *const others[][2] = {
        {"(float[1,3,6,6] x) => (float y) <float[4,3,3,3] w = random(1)> { y = Conv(x, w) }",
         "generic"},
        {"(float[1,5,6,6] x) => (float y) <float[4,5,3,3] w = random(1)> { y = Conv(x, w) }",
         "openvino"},
        {"(float[1,3,6,6] x) => (float y, float z) <float[4,3,3,3] w = random(1)>"
         "{ y = Conv(x, w) z = Sin(x) }", "openvino"},
        {"(float[1,3,6,6] x) => (float y) <float[4,3,3,3] w = random(1)>"
         "{ r = Relu(x) y = Conv(r, w) }", "openvino"},
        {"(float[1,3,6,6] x, bool p, float[1,4,4,4] k) => (float y)"
         "<float[4,3,3,3] w = random(1)>"
         "{ y = If(p) <then_branch = t () => (float u) { u = Conv(x, w) },"
         "             else_branch = e () => (float v) { v = Identity(k) }> }", "openvino"},
    };
    for (int i = 0; i < 5; i++) {
        struct setting s = setting_of(others[i][0], others[i][1]);
        assert_true(s.n_seen > 0);
        setting_close(&s);
    }
}

/* Without knowing what comes. */
static void test_row(void **state)
{
    (void)state;
    const float x[] = {1, 9, 0.5f, 9, 2, 9, -3, 9, -0.25f};
    const double room = 32767 - 255;
    assert_true(fabs((double)pairs_lowest_of_row(x, 5, 2) - 255 * 3 / room) < 1e-6);
    assert_true(fabs((double)pairs_lowest_of_row(x, 3, 2) - 255 * 1.5 / room) < 1e-6);
    assert_true(pairs_lowest_of_row(x, 1, 2) == 0);
}

/* Of 64 codes to each side of 0 any two fit. */
static void test_asymmetric(void **state)
{
    (void)state;
    struct setting s = setting_of(layers[0].text, "generic");
    struct qtype *t = &s.weight->quant->type;
    t->symmetric = false;
    assert_int_equal(quant_min(t), -64);
    assert_int_equal(quant_max(t), 63);
    assert_int_equal(pairs_channels(s.l).n, 0);
    setting_close(&s);
}

/* A grid that weights were rounded to is found again, though their range is smaller. */
static void test_keep_grid(void **state)
{
    (void)state;
    struct setting s = setting_of(layers[0].text, "generic");
    struct quant *q = s.weight->quant;
    float scale[16];
    assert_true(solve_model(s.m, &s.p, 1).rows > 0);
    memcpy(scale, q->scale, (size_t)s.rows * sizeof *scale);
    for (int64_t i = 0, n = tensor_count(s.weight->constant); i < n; i++)
        tensor_f32(s.weight->constant)[i] *= 0.5f;
    solve_keep_grid(&s.p);
    solve_model(s.m, &s.p, 1);
    for (int64_t o = 0; o < s.rows; o++)
        assert_true(fabsf(q->scale[o] / scale[o] - 1) < 1e-6f);
    setting_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_transposed),
        cmocka_unit_test(test_signed_inputs),
        cmocka_unit_test(test_mend),
        cmocka_unit_test(test_mend_larger),
        cmocka_unit_test(test_no_pairs),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_row),
        cmocka_unit_test(test_asymmetric),
        cmocka_unit_test(test_keep_grid),
    };
    return cmocka_run_group_tests_name("pairs", tests, NULL, NULL);
}
