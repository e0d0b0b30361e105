/* SPDX-License-Identifier: Apache-2.0
 *
 * fork: each layer alone, measured from where it begins, is what a whole simulated run measures.
 */
#include "fork.h"

#include "calibrate.h"
#include "infer.h"
#include "mask.h"
#include "solve.h"
#include "text.h"
#include "unit.h"

#include <math.h>

enum { SAMPLES = 5, N_LAYERS = 5, LANES = 2 };

/* A residual sum, a pool that moves codes, shape arithmetic, a body that captures, and what numbers
 * pick: what a point needs of the part before it comes from far and near. */
static const char network[] =
    "opset 13 g (float[1,4,8,8] x, bool c) => (float[1,3] y, float[1,6,4,4] q)"
    "<float[6,4,3,3] w1 = random(1), float[6] b1 = random(2), float[6,6,3,3] w2 = random(3),"
    " float[6] b2 = random(4), float[6,6,1,1] w3 = random(5), float[96,5] w4 = random(6),"
    " float[5,3] w5 = random(7), float[5] b5 = random(8), int64[1] all = {96},"
    " float[96] b6 = random(9), int64[1] from = {45}, int64[1] to = {50}, int64[1] axis = {1}>"
    "{ a = Conv(x, w1, b1) <pads = [1,1,1,1]> r = Relu(a)"
    "  p = MaxPool(r) <kernel_shape = [2,2], strides = [2,2]>"
    "  d = Conv(p, w2, b2) <pads = [1,1,1,1]> s = Add(d, p) e = Conv(s, w3) q = Relu(e)"
    "  f = Flatten(q) h = MatMul(f, w4) z = If(c) <then_branch = t () => (float[1,5] u)"
    "  { n = Neg(h) u = Add(n, b5) }, else_branch = o () => (float[1,5] v) { v = Abs(h) }>"
    "  j = Flatten(e) v, i = TopK(j, all) o = Slice(i, from, to, axis) g = Gather(b6, o)"
    "  t = Add(z, g) k = MatMul(t, w5) y = Neg(k) }";

struct net {
    struct model *m;
    struct dataset *data;
    struct arena a;
    struct placement p;
    struct measure *measure;
};

static struct net net_new(void)
{
    struct net n = {.m = text_model(network)};
    struct err err = {0};
    struct tap tap[2];
    n.data = dataset_open(n.m->graph,
                          &(struct dataset_options){.path = "random", .samples = SAMPLES}, &err);
    assert_non_null(n.data);
    assert_int_equal(graph_infer(n.m->graph, &err), 0);
    assert_int_equal(place_model(n.m, target_find("onnxruntime"), NULL, &n.a, &n.p, &err), 0);
    assert_int_equal(n.p.n_layer, N_LAYERS);
    struct calibration *c = calibration_watch(n.m, &n.p, n.data, 0, 1, &tap[0]);
    n.measure = measure_watch(n.m, n.data, SAMPLES, &n.a, &tap[1]);
    assert_int_equal(taps_run(n.m, tap, 2, n.data, 1, NULL, &err), 0);
    calibration_read(c, observer_find("min-max"));
    calibration_close(c);
    solve_model(n.m, &n.p, 1);
    return n;
}

static void net_close(struct net *n)
{
    dataset_close(n->data);
    model_close(n->m);
    arena_release(&n->a);
}

/* A lane's clone, and the marks of its layers. */
struct half {
    struct model *clone;
    struct placement p;
    struct mask *mask;
};

static void half_open(struct half *h, struct net *n)
{
    h->clone = model_clone(n->m);
    place_find_layers(h->clone, &n->a, &h->p);
    h->mask = mask_open(h->clone, &h->p, target_find("onnxruntime"), &n->a);
}

static void look_at_each_layer(int jobs)
{
    struct net n = net_new();
    struct err err = {0};
    struct half half[LANES];
    for (int i = 0; i < LANES; i++)
        half_open(&half[i], &n);
    struct fork_point point[N_LAYERS];
    bool off[N_LAYERS][N_LAYERS];
    for (int i = 0; i < N_LAYERS; i++) {
        for (int k = 0; k < N_LAYERS; k++)
            off[i][k] = i != k;
        mask_set(half[0].mask, off[i]);
        point[i] = fork_point(half[0].clone->graph);
        assert_true(i == 0 || point[i].position > point[i - 1].position);
    }
    struct fork *f = fork_open(n.m, n.data, n.measure, point, N_LAYERS, LANES, jobs, &err);
    assert_non_null(f);
    for (int i = 0; i < N_LAYERS; i++) {
        struct figures part, whole;
        struct half *h = &half[i % LANES];
        mask_set(h->mask, off[i]);
        struct fork_point begin = fork_point(h->clone->graph);
        assert_int_equal(begin.position, point[i].position);
        assert_int_equal(fork_figures(f, i % LANES, h->clone, begin, &part, &err), 0);
        assert_int_equal(measure_figures(n.measure, h->clone, jobs, &whole, &err), 0);
        assert_true(whole.noise > 1e-7);
        assert_float_equal(part.sqnr, whole.sqnr, 0.01);
        assert_float_equal(part.noise / whole.noise, 1, 0.01);
    }
    fork_close(f);
    for (int i = 0; i < LANES; i++)
        model_close(half[i].clone);
    net_close(&n);
}

static void test_alone(void **state)
{
    (void)state;
    look_at_each_layer(1);
}

static void test_with_threads(void **state)
{
    (void)state;
    look_at_each_layer(3);
}

/* Nothing is rounded: there is no point. */
static void test_no_point(void **state)
{
    (void)state;
    struct model *m = text_model(network);
    assert_null(fork_point(m->graph).node);
    model_close(m);
}

/* Half of the samples, with the same float outputs. */
static void test_part(void **state)
{
    (void)state;
    struct net n = net_new();
    struct err err = {0};
    struct figures few, same;
    struct measure *part = measure_part(n.measure, 2, &n.a);
    assert_int_equal(measure_samples(part), 2);
    int index[] = {measure_index(part, 0), measure_index(part, 1)};
    struct measure *own = measure_open_at(n.m, n.data, index, 2, 1, &n.a, &err);
    assert_non_null(own);
    assert_int_equal(measure_figures(part, n.m, 1, &few, &err), 0);
    assert_int_equal(measure_figures(own, n.m, 1, &same, &err), 0);
    assert_float_equal(few.sqnr, same.sqnr, 1e-3);
    net_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_with_threads),
        cmocka_unit_test(test_no_point),
        cmocka_unit_test(test_part),
    };
    return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
