/* SPDX-License-Identifier: Apache-2.0
 *
 * region: layers are judged with the codes that they will have.
 */
#include "region.h"

#include "correct.h"
#include "str.h"
#include "watched.h"

enum { COPIES = 24, SAMPLES = 8 };

/* A layer that reads the same value many times, with weights a quarter of the step of their scale:
 * to nearest, and with a bit more, all but the first are 0; what is lost is a fifteenth of the
 * result. Codes by second moments lose nothing: some are 1. */
static void copies_network(struct str *text)
{
    str_printf(text, "opset 13 g (float[1,1,8,8] x) => (float y) <float[1,%d,1,1] w = {12.7",
               COPIES);
    for (int i = 1; i < COPIES; i++)
        str_add(text, ", 0.024");
    str_add(text, "}, float[1] b = {0}> { a = Concat(x");
    for (int i = 1; i < COPIES; i++)
        str_add(text, ", x");
    str_add(text, ") <axis = 1> c = Conv(a, w, b) y = Abs(c) }");
}

struct looked {
    struct watched w; /* first: more() gets its address */
    struct pass_ctx ctx;
    struct targets *targets;
    struct calibration *others; /* for other ranges; NULL: none */
    struct ranged *ranged;      /* of the last count_off() */
    int n_ranged;
};

static int more(struct watched *w, struct tap *tap)
{
    struct looked *l = (struct looked *)w;
    l->ctx = (struct pass_ctx){.jobs = 1, .data = w->data, .placement = &w->p, .scratch = &w->a};
    l->targets = targets_watch(w->m, &w->p, 0, &w->a, &tap[0]);
    return 1 + rounding_watch(w->m, &l->ctx, &tap[1]);
}

/* Three threads find the same regions, to the bit. */
static void compare_with_threads(struct region_look look, const struct region_goal *goal,
                                 struct arena *a, const struct regions *one)
{
    struct err err = {0};
    struct regions found = {0};
    look.jobs = 3;
    assert_int_equal(regions_settle(&look, goal, a, &found, &err), 0);
    assert_int_equal(found.n, one->n);
    assert_int_equal(found.n_ranged, one->n_ranged);
    for (int i = 0; i < found.n; i++) {
        assert_memory_equal(&found.region[i].noise, &one->region[i].noise, sizeof(double));
        assert_true(found.region[i].off == one->region[i].off);
    }
}

/* How many regions must be float for so many dB. */
static int count_off(struct looked *l, double db, const struct rounding *rounding,
                     const struct targets *targets, double noise)
{
    struct err err = {0};
    struct regions found = {0};
    struct region_goal goal = {db, 0};
    struct watched *w = &l->w;
    struct region_look look = {w->m, target_find("onnxruntime"), w->data, w->measure, w->means,
                               rounding, targets, l->others, noise, {0, NULL}, 1};
    int off = 0;
    assert_int_equal(effort_measure(w->m, w->data, &w->a, &look.effort, &err), 0);
    assert_int_equal(regions_settle(&look, &goal, &w->a, &found, &err), 0);
    for (int i = 0; i < found.n; i++)
        off += found.region[i].off;
    compare_with_threads(look, &goal, &w->a, &found);
    l->n_ranged = found.n_ranged;
    l->ranged = found.ranged;
    return off;
}

static void looked_open(struct looked *l, const char *text)
{
    struct err err = {0};
    *l = (struct looked){0};
    watched_open(&l->w, text, SAMPLES, more);
    calibration_read(l->w.c, observer_find("min-max"));
    solve_model(l->w.m, &l->w.p, 1);
    assert_int_equal(rounding_find(l->w.m, &l->ctx, &err), 0);
}

static void looked_close(struct looked *l)
{
    rounding_close(l->ctx.rounding);
    watched_close(&l->w);
}

static void test_known_codes_are_judged(void **state)
{
    (void)state;
    struct looked l;
    struct str text = {0};
    copies_network(&text);
    looked_open(&l, text.text);
    const struct tensor *weight = qlayer_weight(&l.w.p.layer[0])->constant;
    const struct rounding *codes = l.ctx.rounding;
    assert_int_equal(count_off(&l, 33, NULL, NULL, 1), 1);
    assert_int_equal(count_off(&l, 33, codes, NULL, 1), 0);
    assert_int_equal(count_off(&l, 33, codes, NULL, 0), 1); /* worse than to nearest: not taken */
    assert_ptr_equal(qlayer_weight(&l.w.p.layer[0])->constant, weight);
    looked_close(&l);
    str_release(&text);
}

/* What a channel of small numbers loses beside one of large ones is the same everywhere: a bias
 * makes up for it. */
static void test_corrected_biases_are_judged(void **state)
{
    (void)state;
    struct looked l;
    looked_open(&l, "opset 13 g (float[1,1,8,8] x) => (float y) <float[2,1,1,1] w = {50, 0},"
                "float[2] b = {0, 1.5}, float[1,2,1,1] v = {0.002, 10}, float[1] c = {0}>"
                "{ a = Conv(x, w, b) r = Relu(a) d = Conv(r, v, c) y = Abs(d) }");
    assert_true(count_off(&l, 25, NULL, NULL, 1) > 0);
    assert_int_equal(count_off(&l, 25, NULL, l.targets, 1), 0);
    assert_true(count_off(&l, 60, NULL, l.targets, 1) > 0);
    looked_close(&l);
}

/* A range that cuts off most of what a layer reads is exchanged before the layer becomes float, and
 * only that. */
static void test_a_range_at_fault_is_another(void **state)
{
    (void)state;
    struct looked l;
    looked_open(&l, "opset 13 g (float[1,2,8,8] x) => (float y) <float[2,2,1,1] w = {1, .5, -1, 2},"
                "float[2] b = {1, 2}, float[2,2,1,1] v = {.75, 1, 2, -.5}, float[2] c = {0, 1}>"
                "{ a = Conv(x, w, b) r = Relu(a) d = Conv(r, v, c) y = Abs(d) }");
    int slot = calibration_slot(l.w.c, l.w.p.layer[1].input);
    struct range right = calibration_ranges(l.w.c, observer_find("min-max"))[slot];
    assert_int_equal(count_off(&l, 25, NULL, NULL, 1), 0);
    calibration_set(l.w.c, slot, (struct range){0, right.hi / 8});
    solve_model(l.w.m, &l.w.p, 1);
    assert_true(count_off(&l, 25, NULL, NULL, 1) > 0);
    assert_int_equal(l.n_ranged, 0);
    l.others = l.w.c;
    assert_int_equal(count_off(&l, 25, NULL, NULL, 1), 0);
    assert_true(l.n_ranged >= 1);
    bool found = false;
    for (int i = 0; i < l.n_ranged; i++)
        found |= l.ranged[i].slot == slot && l.ranged[i].range.hi > right.hi / 2;
    assert_true(found);
    calibration_set(l.w.c, slot, (struct range){0, right.hi * 1.3f}); /* not worth 3 dB */
    solve_model(l.w.m, &l.w.p, 1);
    assert_true(count_off(&l, 60, NULL, NULL, 1) > 0);
    assert_int_equal(l.n_ranged, 0);
    looked_close(&l);
}

static void test_half_a_decibel_is_chance(void **state)
{
    (void)state;
    assert_true(rounding_serves(20, 25) && rounding_serves(20, 19.6));
    assert_false(rounding_serves(20, 19.4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_codes_are_judged),
        cmocka_unit_test(test_corrected_biases_are_judged),
        cmocka_unit_test(test_a_range_at_fault_is_another),
        cmocka_unit_test(test_half_a_decibel_is_chance),
    };
    return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
