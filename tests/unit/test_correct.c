/* SPDX-License-Identifier: Apache-2.0
 *
 * correct: with the biases that it proposes layers have, behind their activations, the means that
 * they have in float.
 */
#include "correct.h"

#include "activation.h"
#include "exec.h"
#include "samples.h"
#include "watched.h"

#include <math.h>

enum { SAMPLES = 4, N_LAYERS = 3, CHANNELS = 8 };

/* The sums of the first layer are too large to be kept for all samples. Channels of the last one
 * are the last axis, and its bias is added by another node. */
static const char network[] =
    "opset 13 g (float[1,1,512,512] x) => (float[1,3] y)"
    "<float[8,1,3,3] w1 = random(1), float[8] b1 = random(2), float[2,8,1,1] w2 = random(3),"
    " float[2] b2 = {1, 1}, float[2,3] w3 = random(4), float[3] b3 = random(5)>"
    "{ a = Conv(x, w1, b1) r = Relu(a) c = Conv(r, w2, b2) <strides = [4,4]> p = Relu(c)"
    "  q = GlobalAveragePool(p) f = Flatten(q) m = MatMul(f, w3) s = Add(m, b3) y = Abs(s) }";

struct corrected {
    struct watched w; /* first: more() gets its address */
    struct targets *targets;
};

static int more(struct watched *w, struct tap *tap)
{
    ((struct corrected *)w)->targets = targets_watch(w->m, &w->p, 0, &w->a, &tap[0]);
    return 1;
}

struct table { /* means over all samples, by layer and channel */
    const struct placement *p;
    double mean[N_LAYERS][CHANNELS];
};

static void add_means(void *data, int worker, int i, const struct value *v, const struct tensor *t)
{
    struct table *to = data;
    (void)worker, (void)i;
    for (int l = 0; l < N_LAYERS; l++) {
        const struct qlayer *q = &to->p->layer[l];
        int64_t channels = qlayer_channels(q), n = tensor_count(t), inner = 1;
        if (activation_behind(q->sum).out != v)
            continue;
        if (t->shape.rank == 4 && t->layout == LAYOUT_PLAIN)
            inner = t->shape.dim[2] * t->shape.dim[3];
        for (int64_t e = 0; e < n; e++)
            to->mean[l][e / inner % channels] +=
                (double)tensor_f32(t)[e] * (double)channels / (double)n / SAMPLES;
    }
}

static struct table find_means(struct watched *w, enum exec_mode mode)
{
    struct table to = {.p = &w->p};
    struct err err = {0};
    struct exec_options o = {.mode = mode, .want = exec_want_all(&w->a, w->m)};
    struct samples_hooks hooks = {.watch = add_means};
    int *index;
    samples_spread(&w->a, SAMPLES, SAMPLES, &index);
    struct exec *x = exec_open(w->m->graph, &o, &err);
    assert_non_null(x);
    assert_int_equal(samples_run(x, w->data, index, SAMPLES, 1, &hooks, &to, &err), 0);
    exec_close(x);
    return to;
}

static double difference(const struct table *a, const struct table *b, int layer)
{
    double most = 0;
    for (int c = 0; c < CHANNELS; c++)
        most = fmax(most, fabs(a->mean[layer][c] - b->mean[layer][c]));
    return most;
}

static void check_means(int jobs)
{
    struct corrected k = {.targets = NULL};
    struct watched *w = &k.w;
    struct err err = {0};
    watched_open(w, network, SAMPLES, more);
    assert_int_equal(w->p.n_layer, N_LAYERS);
    calibration_read(w->c, observer_find("min-max"));
    solve_model(w->m, &w->p, 1);
    for (int l = 0; l < N_LAYERS; l++) { /* so few bits that rounding moves the means */
        const struct quant *q = qlayer_weight(&w->p.layer[l])->quant;
        for (int64_t i = 0; i < q->n; i++)
            q->scale[i] *= 24;
    }
    const struct tensor **bias = NEW_ARRAY(&w->a, N_LAYERS, const struct tensor *);
    struct table real = find_means(w, EXEC_FLOAT), before = find_means(w, EXEC_SIMULATE);
    assert_int_equal(correct_biases(w->m, &w->p, k.targets, w->data, jobs, &w->a, bias, &err), 0);
    for (int l = 0; l < N_LAYERS; l++) {
        assert_non_null(bias[l]);
        constant_replace(qlayer_bias(&w->p.layer[l]), bias[l]);
    }
    struct table after = find_means(w, EXEC_SIMULATE);
    for (int l = 0; l < N_LAYERS; l++)
        assert_true(difference(&after, &real, l) < difference(&before, &real, l) / 10);
    watched_close(w);
}

static void means_are_those_in_float(void **state)
{
    (void)state;
    check_means(1);
}

static void means_are_those_in_float_with_threads(void **state)
{
    (void)state;
    check_means(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_are_those_in_float),
        cmocka_unit_test(means_are_those_in_float_with_threads),
    };
    return cmocka_run_group_tests_name("correct", tests, NULL, NULL);
}
