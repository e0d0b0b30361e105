/* SPDX-License-Identifier: Apache-2.0
 *
 * shift_biases: a bias takes up the mean of what rounding does, the same for any number of threads.
 */
#include "shift.h"

#include "quant.h"
#include "solve.h"
#include "text.h"
#include "unit.h"

#include <math.h>

enum { SAMPLES = 6, CHANNELS = 4, PLACES = 25, ROWS = 4 };

/* A grouped convolution of what is fed, and a product behind it. */
static const char source[] =
    "ir 8 opset 13 g (float[1,4,5,5] x) => (float[1,3] y)"
    "<float[4,2,3,3] w = random(1), float[4] b = random(2), float[4,3] v = random(3),"
    " float[3] vb = random(4)>"
    "{ c = Conv <group = 2, pads = [1,1,1,1]> (x, w, b) p = GlobalAveragePool(c)"
    "  f = Flatten(p) d = MatMul(f, v) y = Add(d, vb) }";

struct setting {
    struct model *m;
    struct arena a;
    struct placement p;
    struct dataset *data;
};

static struct setting setting_of(const char *text, const char *target, int layers)
{
    struct setting s = {.m = text_model(text)};
    struct err err = {0};
    struct dataset_options o = {.path = "random", .samples = SAMPLES};
    s.data = dataset_open(s.m->graph, &o, &err);
    assert_non_null(s.data);
    assert_int_equal(place_model(s.m, target_find(target), NULL, &s.a, &s.p, &err), 0);
    assert_int_equal(s.p.n_layer, layers);
    for (int i = 0; i < s.p.n_layer; i++) {
        struct quant *q = qlayer_weight(&s.p.layer[i])->quant;
        q->n = qlayer_channels(&s.p.layer[i]);
        q->scale = NEW_ARRAY(s.m->arena, q->n, float);
        q->zero = NEW_ARRAY(s.m->arena, q->n, int32_t);
        for (int64_t k = 0; k < q->n; k++)
            q->scale[k] = 0.3f; /* coarse, so that there is much to shift */
    }
    return s;
}

static struct setting setting_new(void)
{
    return setting_of(source, "onnxruntime", 2);
}

static void setting_close(struct setting *s)
{
    dataset_close(s->data);
    model_close(s->m);
    arena_release(&s->a);
}

static void shift(struct setting *s, int jobs)
{
    struct tap tap;
    struct err err = {0};
    struct means *means = means_watch(s->m, &s->p, SAMPLES, jobs, &s->a, &tap);
    assert_int_equal(taps_run(s->m, &tap, 1, s->data, jobs, NULL, &err), 0);
    shift_biases(s->m, &s->p, means);
}

static struct tensor *rounded(struct setting *s, const struct value *w)
{
    struct tensor *t = tensor_new(&s->a, DTYPE_F32, &w->constant->shape);
    quant_round_tensor(w->quant, w->constant, t);
    return t;
}

/* The mean of each channel of x over the data. */
static void means(struct setting *s, double mean[CHANNELS])
{
    struct err err = {0};
    const struct tensor *x;
    for (int i = 0; i < dataset_count(s->data); i++) {
        assert_int_equal(dataset_read(s->data, i, s->m->graph, &s->a, &x, &err), 0);
        for (int64_t k = 0; k < tensor_count(x); k++)
            mean[k / PLACES] += tensor_get(x, k) / (PLACES * dataset_count(s->data));
    }
}

static void test_mean(void **state)
{
    (void)state;
    struct setting s = setting_new();
    const struct qlayer *l = &s.p.layer[0];
    const struct tensor *w = qlayer_weight(l)->constant, *q = rounded(&s, qlayer_weight(l));
    const struct tensor *old = qlayer_bias(l)->constant;
    const struct tensor *other = qlayer_bias(&s.p.layer[1])->constant;
    double mean[CHANNELS] = {0};
    means(&s, mean);
    shift(&s, 1);
    for (int64_t o = 0; o < ROWS; o++) {
        double expected = tensor_get(old, o);
        for (int64_t i = 0; i < 18; i++)
            expected += (tensor_get(w, o * 18 + i) - tensor_get(q, o * 18 + i))
                      * mean[o / 2 * 2 + i / 9];
        assert_true(fabs(tensor_get(qlayer_bias(l)->constant, o) - expected) < 1e-6);
    }
    assert_true(qlayer_bias(&s.p.layer[1])->constant != other);
    setting_close(&s);
}

/* An output sees a quarter of the weight: the sum of all says nothing. */
static void test_transposed(void **state)
{
    (void)state;
    struct setting s = setting_of("ir 8 opset 13 g (float[1,4,5,5] x) => (float[1,3,10,10] y)"
                                  "<float[4,3,2,2] w = random(1), float[3] b = random(2)>"
                                  "{ r = Relu(x) y = ConvTranspose <strides = [2,2]> (r, w, b) }",
                                  "openvino", 1);
    const struct tensor *old = qlayer_bias(&s.p.layer[0])->constant;
    shift(&s, 1);
    assert_ptr_equal(qlayer_bias(&s.p.layer[0])->constant, old);
    setting_close(&s);
}

/* A layer that is to compute in float. */
static void test_switched_off(void **state)
{
    (void)state;
    struct setting s = setting_new();
    const struct qlayer *l = s.p.layer;
    const struct tensor *old = qlayer_bias(&l[0])->constant, *on = qlayer_bias(&l[1])->constant;
    l[0].node->in[l[0].weight_slot].plain = true;
    shift(&s, 1);
    assert_ptr_equal(qlayer_bias(&l[0])->constant, old);
    assert_ptr_not_equal(qlayer_bias(&l[1])->constant, on);
    setting_close(&s);
}

static void test_threads(void **state)
{
    (void)state;
    struct setting one = setting_new(), three = setting_new();
    shift(&one, 1);
    shift(&three, 3);
    for (int i = 0; i < one.p.n_layer; i++) {
        const struct tensor *x = qlayer_bias(&one.p.layer[i])->constant;
        const struct tensor *y = qlayer_bias(&three.p.layer[i])->constant;
        assert_memory_equal(x->data, y->data, x->size);
    }
    setting_close(&one);
    setting_close(&three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mean),
                                       cmocka_unit_test(test_transposed),
                                       cmocka_unit_test(test_switched_off),
                                       cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests_name("shift", tests, NULL, NULL);
}
