/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate: of vectors of which the data have few the ranges reach beyond what was seen; observers
 * race with the biases that later passes would give.
 */
#include "calibrate.h"

#include "infer.h"
#include "solve.h"
#include "str.h"
#include "text.h"
#include "unit.h"

#include <math.h>

static const char network[] =
    "opset 13 g (float[N,4,8,8] x) => (float[N,3,1,1] y)"
    "<float[6,4,3,3] w1 = random(1), float[3,6,1,1] w2 = random(2)>"
    "{ a = Conv(x, w1) b = Relu(a) p = GlobalAveragePool(b) y = Conv(p, w2) }";

/* Ranges of the picture and of the vector that the two layers read. */
struct inputs {
    struct range picture, vector;
};

static struct inputs ranges_of(const char *text, const char *observer, int of, int seen)
{
    struct model *m = text_model(text);
    struct arena a = {0};
    struct err err = {0};
    struct placement p;
    struct ranges ranges;
    struct tap tap;
    struct dataset_options o = {.path = "random", .samples = of};
    struct dataset *d = dataset_open(m->graph, &o, &err);
    assert_non_null(d);
    assert_int_equal(graph_infer(m->graph, &err), 0);
    assert_int_equal(place_model(m, target_find("onnxruntime"), NULL, &a, &p, &err), 0);
    assert_int_equal(p.n_layer, 2);
    struct calibration *c = calibration_watch(m, &p, d, seen, 1, &tap);
    assert_int_equal(taps_run(m, &tap, 1, d, 1, NULL, &err), 0);
    assert_int_equal(calibration_settle(c, observer, NULL, 0, &ranges, &err), 0);
    struct inputs r = {*p.layer[0].input->quant->range, *p.layer[1].input->quant->range};
    calibration_close(c);
    dataset_close(d);
    model_close(m);
    arena_release(&a);
    return r;
}

static struct inputs ranges_by(const char *observer, int of, int seen)
{
    return ranges_of(network, observer, of, seen);
}

/* Whatever the observer, but only where the values are vectors. */
static void test_few_vectors(void **state)
{
    (void)state;
    struct inputs all = ranges_by("min-max", 20, 0), half = ranges_by("percentile=50", 20, 0);
    assert_true(half.picture.hi < all.picture.hi);
    assert_true(half.vector.lo == all.vector.lo && half.vector.hi == all.vector.hi);
}

/* Where there are many the observer reads the range, also of a part of them. */
static void test_many_vectors(void **state)
{
    (void)state;
    struct inputs all = ranges_by("min-max", 200, 0), half = ranges_by("percentile=50", 200, 0);
    assert_true(half.vector.hi < all.vector.hi);
    assert_true(ranges_by("min-max", 200, 20).vector.hi <= all.vector.hi);
    assert_true(ranges_by("min-max", 20, 0).vector.hi > all.vector.hi);
}

/* A gate's vectors stay within 0..1, and those behind a Clip within its bounds. */
static void test_bounded_vectors(void **state)
{
    (void)state;
    static const char *const operator[] = {"Sigmoid(p)", "Clip(p, zero, most)"};
    for (int i = 0; i < 2; i++) {
        struct str text = {0};
        str_printf(&text, "opset 13 g (float[N,4,8,8] x) => (float[N,3,1,1] y)"
                   "<float[6,4,3,3] w1 = random(1), float[3,6,1,1] w2 = random(2),"
                   " float zero = 0, float most = 0.5>"
                   "{ a = Conv(x, w1) p = GlobalMaxPool(a) s = %s y = Conv(s, w2) }", operator[i]);
        struct inputs r = ranges_of(text.text, "min-max", 5, 0);
        assert_true(r.vector.lo >= 0 && r.vector.hi <= (i ? 0.5f : 1.0f));
        str_release(&text);
    }
}

/* A layer of which all weights but one are rounded to nothing. With the mean of what they read that
 * is most of the error, and cutting off what the one reads makes up for some of it. */
static void lopsided_network(struct str *text)
{
    enum { CHANNELS = 64 };
    str_printf(text, "opset 13 g (float[1,%d,8,8] x) => (float[1,1,8,8] y)"
               "<float[1,%d,1,1] w = {-12.7", CHANNELS, CHANNELS);
    for (int i = 1; i < CHANNELS; i++)
        str_add(text, ", 0.04");
    str_add(text, "}, float[1] b = {0}> { a = Exp(x) y = Conv(a, w, b) }");
}

struct raced {
    struct model *m;
    struct arena a;
    struct placement p;
    struct means *means;
    struct calibration *c;
    struct measure *measure;
    struct dataset *data;
};

static void raced_open(struct raced *r, const char *text)
{
    enum { SAMPLES = 16 };
    struct err err = {0};
    struct tap tap[3];
    struct dataset_options o = {.path = "random", .samples = SAMPLES};
    *r = (struct raced){.m = text_model(text)};
    r->data = dataset_open(r->m->graph, &o, &err);
    assert_int_equal(graph_infer(r->m->graph, &err), 0);
    assert_int_equal(place_model(r->m, target_find("onnxruntime"), NULL, &r->a, &r->p, &err), 0);
    r->c = calibration_watch(r->m, &r->p, r->data, 0, 1, &tap[0]);
    r->means = means_watch(r->m, &r->p, SAMPLES, 1, &r->a, &tap[1]);
    r->measure = measure_watch(r->m, r->data, SAMPLES, &r->a, &tap[2]);
    assert_int_equal(taps_run(r->m, tap, 3, r->data, 1, NULL, &err), 0);
}

static void raced_close(struct raced *r)
{
    calibration_close(r->c);
    dataset_close(r->data);
    model_close(r->m);
    arena_release(&r->a);
}

/* Which observer wins, and what its ranges come to once biases are shifted. */
static const char *winner(const char *text, bool with_means, double *shifted)
{
    struct raced r;
    struct err err = {0};
    struct ranges ranges;
    double plain;
    raced_open(&r, text);
    const struct tensor *bias = qlayer_bias(&r.p.layer[0])->constant;
    if (with_means)
        calibration_use_means(r.c, r.means);
    assert_int_equal(calibration_settle(r.c, "auto", r.measure, INFINITY, &ranges, &err), 0);
    assert_ptr_equal(qlayer_bias(&r.p.layer[0])->constant, bias);
    solve_model(r.m, &r.p);
    assert_int_equal(measure_sqnr(r.measure, r.m, 1, &plain, &err), 0);
    assert_true(fabs(plain - ranges.figures.sqnr) < 1e-9);
    shift_biases(r.m, &r.p, r.means);
    assert_int_equal(measure_sqnr(r.measure, r.m, 1, shifted, &err), 0);
    assert_true(*shifted > plain + 1);
    raced_close(&r);
    return ranges.observer;
}

static void test_race_with_means(void **state)
{
    (void)state;
    struct str text = {0};
    double plain, shifted;
    lopsided_network(&text);
    const char *without = winner(text.text, false, &plain);
    const char *with = winner(text.text, true, &shifted);
    assert_string_not_equal(with, without);
    assert_true(shifted > plain);
    str_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_vectors),
        cmocka_unit_test(test_many_vectors),
        cmocka_unit_test(test_bounded_vectors),
        cmocka_unit_test(test_race_with_means),
    };
    return cmocka_run_group_tests_name("calibrate", tests, NULL, NULL);
}
