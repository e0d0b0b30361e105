/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate: of vectors of which the data have few the ranges reach beyond what was seen, and of
 * everything where that is asked for.
 */
#include "calibrate.h"

#include "infer.h"
#include "str.h"
#include "tap.h"
#include "text.h"
#include "unit.h"

#include <float.h>
#include <math.h>

enum { SAMPLES = 6 };

static const char network[] =
    "opset 13 g (float[N,4,8,8] x) => (float[N,3,1,1] y)"
    "<float[6,4,3,3] w1 = random(1), float[3,6,1,1] w2 = random(2)>"
    "{ a = Conv(x, w1) b = Relu(a) p = GlobalAveragePool(b) y = Conv(p, w2) }";

/* Ranges of the picture and of the vector that the two layers read. */
struct inputs {
    struct range picture, vector;
};

struct way { /* of gathering */
    int jobs;
    bool only_extremes;
};

static struct inputs ranges_found(const char *text, const char *observer, int of, int seen,
                                  int reach, struct way way)
{
    struct model *m = text_model(text);
    struct arena a = {0};
    struct err err = {0};
    struct placement p;
    struct observer known;
    struct tap tap;
    struct dataset_options o = {.path = "random", .samples = of};
    struct dataset *d = dataset_open(m->graph, &o, &err);
    assert_non_null(d);
    assert_int_equal(graph_infer(m->graph, &err), 0);
    assert_int_equal(place_model(m, target_find("onnxruntime"), NULL, &a, &p, &err), 0);
    assert_int_equal(p.n_layer, 2);
    struct calibration *c = calibration_watch(m, &p, d, seen, way.jobs, &tap);
    calibration_reach(c, reach);
    if (way.only_extremes)
        calibration_only_extremes(c);
    assert_int_equal(taps_run(m, &tap, 1, d, way.jobs, NULL, &err), 0);
    assert_true(observer_read(observer, &known));
    assert_true(calibration_read(c, &known) >= 2);
    struct inputs r = {*p.layer[0].input->quant->range, *p.layer[1].input->quant->range};
    calibration_close(c);
    dataset_close(d);
    model_close(m);
    arena_release(&a);
    return r;
}

static struct inputs ranges_of(const char *text, const char *observer, int of, int seen, int reach)
{
    return ranges_found(text, observer, of, seen, reach, (struct way){1, false});
}

static struct inputs ranges_by(const char *observer, int of, int seen)
{
    return ranges_of(network, observer, of, seen, 0);
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
        struct inputs r = ranges_of(text.text, "min-max", 5, 0, i ? 0 : 100);
        assert_true(r.vector.lo >= 0 && r.vector.hi <= (i ? 0.5f : 1.0f));
        str_release(&text);
    }
}

/* By what the data lack: the ranges of an observer, whichever it is. */
static void test_reach(void **state)
{
    (void)state;
    static const char *const observer[] = {"min-max", "percentile=95"};
    for (int i = 0; i < 2; i++) {
        struct inputs seen = ranges_of(network, observer[i], 5, 0, 0);
        struct inputs none = ranges_of(network, observer[i], 5, 0, 5);
        struct inputs some = ranges_of(network, observer[i], 5, 0, 10);
        struct inputs more = ranges_of(network, observer[i], 5, 0, 100);
        assert_true(none.picture.hi == seen.picture.hi && none.picture.lo == seen.picture.lo);
        assert_true(some.picture.hi > seen.picture.hi && some.picture.lo < seen.picture.lo);
        assert_true(more.picture.hi > some.picture.hi && more.picture.lo < some.picture.lo);
        assert_true(more.vector.hi > seen.vector.hi);
    }
}

/* Twice what was seen may be more than a float holds. */
static void test_reach_of_huge_values(void **state)
{
    (void)state;
    static const char huge[] =
        "opset 13 g (float[N,4,8,8] x) => (float[N,1,1,1] y)"
        "<float much = 3.6e37, float[8,4,1,1] w1 = random(1), float[1,8,1,1] w2 ="
        " {1e-30, 2e-30, 1e-30, 3e-30, 1e-30, 2e-30, 1e-30, 2e-30}>"
        "{ a = Conv(x, w1) p = GlobalMaxPool(a) h = Mul(p, much) y = Conv(h, w2) }";
    struct inputs seen = ranges_of(huge, "min-max", 4, 0, 0);
    struct inputs far = ranges_of(huge, "min-max", 4, 0, 1000000);
    assert_true(seen.vector.hi > FLT_MAX / 2 && seen.vector.hi < FLT_MAX);
    assert_true(far.vector.hi == FLT_MAX);
}

/* Who reads extremes gets the same from them alone. */
static void test_only_extremes(void **state)
{
    (void)state;
    static const char *const observer[] = {"min-max", "mean-min-max"};
    for (int i = 0; i < 2; i++) {
        struct inputs all = ranges_of(network, observer[i], 40, 0, 0);
        for (int jobs = 1; jobs <= 3; jobs++) {
            struct inputs few = ranges_found(network, observer[i], 40, 0, 0,
                                             (struct way){jobs, true});
            assert_memory_equal(&few, &all, sizeof all);
        }
    }
}

/* What the layer that is the `layer`th of n reads, channel by channel, as it is kept for its
 * weight. */
static struct seen_channel seen_found(const char *text, int layer, int reach, int jobs,
                                      int64_t channel)
{
    struct model *m = text_model(text);
    struct arena a = {0};
    struct err err = {0};
    struct placement p;
    struct tap tap;
    struct dataset_options o = {.path = "random", .samples = SAMPLES};
    struct dataset *d = dataset_open(m->graph, &o, &err);
    assert_non_null(d);
    assert_int_equal(graph_infer(m->graph, &err), 0);
    assert_int_equal(place_model(m, target_find("generic"), NULL, &a, &p, &err), 0);
    struct calibration *c = calibration_watch(m, &p, d, 0, jobs, &tap);
    calibration_reach(c, reach);
    assert_int_equal(taps_run(m, &tap, 1, d, jobs, NULL, &err), 0);
    calibration_close(c);
    struct seen_channel none = {{0, 0}, 0};
    const struct seen_channel *seen = qlayer_weight(&p.layer[layer])->quant->seen;
    none = seen ? seen[channel] : none;
    dataset_close(d);
    model_close(m);
    arena_release(&a);
    return none;
}

/* The same of x[samples][places][channels], or [samples][channels][places]. */
static struct seen_channel seen_of(const char *text, int64_t places, bool last, int64_t channels,
                                   int64_t channel)
{
    struct model *m = text_model(text);
    struct arena a = {0};
    struct err err = {0};
    struct dataset_options o = {.path = "random", .samples = SAMPLES};
    struct dataset *d = dataset_open(m->graph, &o, &err);
    const struct tensor *x;
    struct seen_channel seen = {{0, 0}, -FLT_MAX};
    for (int i = 0; i < SAMPLES; i++) {
        assert_int_equal(dataset_read(d, i, m->graph, &a, &x, &err), 0);
        for (int64_t k = 0; k < places; k++) {
            int64_t place = last ? k * channels + channel : channel * places + k;
            const float *at = tensor_f32(x) + place;
            seen.range = (struct range){fminf(seen.range.lo, *at), fmaxf(seen.range.hi, *at)};
            if (last && channel + 1 < channels)
                seen.sum = fmaxf(seen.sum, at[0] + at[1]);
        }
    }
    seen.sum = last ? fmaxf(seen.sum, 0) : INFINITY; /* a place is far from the next channel's */
    dataset_close(d);
    model_close(m);
    arena_release(&a);
    return seen;
}

/* A depthwise layer, whose products have no neighbours, reads the same. */
static const char pictures[] =
    "opset 13 g (float[N,3,4,4] x) => (float[N,2,2,2] y)"
    "<float[3,1,1,1] d = random(3), float[4,3,3,3] w = random(1), float[2,4,1,1] v = random(2)>"
    "{ e = Conv <group = 3> (x, d) b = Conv(x, w) z = Relu(b) g = Conv(z, v) y = Abs(g)"
    "  q = Abs(e) }";
static const char rows[] = "opset 13 g (float[N,5,3] x) => (float[N,5,2] y)"
                           "<float[3,2] w = random(1)> { y = MatMul(x, w) }";

static void check_seen(const struct seen_channel *got, const struct seen_channel *expected,
                       bool last)
{
    assert_true(got->range.lo == expected->range.lo && got->range.hi == expected->range.hi);
    assert_true(last || got->sum == expected->sum); /* behind the last channel is no other */
}

static void test_seen(void **state)
{
    (void)state;
    for (int64_t channel = 0; channel < 3; channel++)
        for (int jobs = 1; jobs <= 2; jobs++) {
            struct seen_channel got = seen_found(pictures, 1, 0, jobs, channel);
            struct seen_channel expected = seen_of(pictures, 16, false, 3, channel);
            check_seen(&got, &expected, channel == 2);
            got = seen_found(rows, 0, 0, jobs, channel);
            expected = seen_of(rows, 5, true, 3, channel);
            check_seen(&got, &expected, channel == 2);
        }
    struct seen_channel depthwise = seen_found(pictures, 0, 0, 1, 0);
    assert_true(depthwise.range.hi == 0); /* nothing is kept */
}

/* A weight that two layers share is for the inputs of both. */
static void test_seen_shared(void **state)
{
    (void)state;
    static const char shared[] =
        "opset 13 g (float[N,5,3] x) => (float[N,5,2] y) <float[3,2] w = random(1), float f = -2>"
        "{ s = Mul(x, f) a = MatMul(s, w) b = MatMul(x, w) y = Add(a, b) }";
    for (int64_t channel = 0; channel < 3; channel++) {
        struct seen_channel x = seen_of(rows, 5, true, 3, channel);
        float lo = fminf(x.range.lo, -2 * x.range.hi), hi = fmaxf(x.range.hi, -2 * x.range.lo);
        for (int layer = 0; layer < 2; layer++) {
            struct seen_channel got = seen_found(shared, layer, 0, 1, channel);
            assert_true(got.range.lo == lo && got.range.hi == hi);
            assert_true(channel == 2 || got.sum > x.sum);
        }
    }
}

/* Where ranges reach further it does so, too. */
static void test_seen_reach(void **state)
{
    (void)state;
    for (int64_t channel = 0; channel < 2; channel++) {
        struct seen_channel seen = seen_found(rows, 0, 0, 1, channel);
        struct seen_channel further = seen_found(rows, 0, 100, 1, channel);
        assert_true(further.range.lo < seen.range.lo && further.range.hi > seen.range.hi);
        assert_true(further.sum > seen.sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_vectors),
        cmocka_unit_test(test_many_vectors),
        cmocka_unit_test(test_bounded_vectors),
        cmocka_unit_test(test_reach),
        cmocka_unit_test(test_reach_of_huge_values),
        cmocka_unit_test(test_only_extremes),
        cmocka_unit_test(test_seen),
        cmocka_unit_test(test_seen_shared),
        cmocka_unit_test(test_seen_reach),
    };
    return cmocka_run_group_tests_name("calibrate", tests, NULL, NULL);
}
