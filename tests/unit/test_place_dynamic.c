/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers switched between calibrated inputs and inputs quantized at run time.
 */
#include "place_dynamic.h"
#include "text.h"
#include "unit.h"

#include <string.h>

/* The first two read the same float; the third what a pool moves of the second one's codes. */
static const char network[] = "opset 13\n"
    "g (float[1,2,8] x) => (float y, float z)\n"
    "<float[2,2,1] u = random(1), float[2,2,1] w = random(2), float[2,2,1] v = random(3)>\n"
    "{ e = Exp(x) a = Conv(e, u) b = Conv(e, w) m = MaxPool(b) <kernel_shape = [1]>\n"
    "  c = Conv(m, v) y = Abs(c) z = Abs(a) }";
enum { FIRST, SECOND, THIRD, N_LAYERS };

struct net {
    struct arena arena;
    struct model *m;
    struct placement p;
    struct dynamics *d;
    struct value *source[N_LAYERS]; /* inputs as they were */
};

static int setup(void **state)
{
    struct net *n = mem_alloc(sizeof *n);
    struct err err = {0};
    *n = (struct net){.m = text_model(network)};
    int r = place_model(n->m, target_find("onnxruntime"), NULL, &n->arena, &n->p, &err);
    assert_int_equal(r, 0);
    assert_int_equal(n->p.n_layer, N_LAYERS);
    for (int i = 0; i < N_LAYERS; i++)
        n->source[i] = n->p.layer[i].input;
    n->d = dynamics_open(n->m, &n->p, target_find("onnxruntime"), &n->arena);
    *state = n;
    return 0;
}

static int teardown(void **state)
{
    struct net *n = *state;
    model_close(n->m);
    arena_release(&n->arena);
    mem_free(n);
    return 0;
}

static void set(struct net *n, bool first, bool second, bool third)
{
    dynamics_set(n->d, (enum dynamic[]){first ? DYNAMIC_WHOLE : DYNAMIC_NOT,
                                        second ? DYNAMIC_WHOLE : DYNAMIC_NOT,
                                        third ? DYNAMIC_WHOLE : DYNAMIC_NOT});
}

static struct node *layer(const struct net *n, int i)
{
    return n->p.layer[i].node;
}

static bool is_calibrated(const struct net *n, int i)
{
    const struct node *node = layer(n, i);
    return node_input(node, 0) == n->source[i] && !node->in[0].plain && !node->in[1].plain
        && !node->in[2].plain;
}

/* The weight is rounded, the bias is not, and the input is another. */
static bool is_dynamic(const struct net *n, int i)
{
    const struct node *node = layer(n, i);
    const struct value *x = node_input(node, 0);
    return x != n->source[i] && node_input(x->def, 0) == n->source[i] && x->quant->type.dynamic
        && !node->in[0].plain && !node->in[1].plain && node->in[2].plain;
}

static bool reads_float(const struct net *n, int i)
{
    return node_input(layer(n, i), 0)->def->in[0].plain;
}

static bool is_rounded(const struct value *v)
{
    value_each_use(v, u)
        if (!u->plain)
            return v->quant;
    return false;
}

static void test_one(void **state)
{
    struct net *n = *state;
    set(n, true, false, false);
    assert_true(is_dynamic(n, FIRST) && reads_float(n, FIRST));
    assert_false(is_rounded(layer(n, FIRST)->out[0]));
    assert_true(is_calibrated(n, SECOND) && is_calibrated(n, THIRD));
    assert_true(is_rounded(n->source[SECOND]));
}

static void test_two_share_the_codes(void **state)
{
    struct net *n = *state;
    set(n, true, true, false);
    assert_true(is_dynamic(n, FIRST) && is_dynamic(n, SECOND));
    assert_ptr_equal(node_input(layer(n, FIRST), 0), node_input(layer(n, SECOND), 0));
    assert_false(is_rounded(n->source[FIRST]));
    assert_true(is_calibrated(n, THIRD));
}

/* The runtime computes codes in front of it: it reads what they stand for. */
static void test_behind_a_layer(void **state)
{
    struct net *n = *state;
    set(n, false, false, true);
    assert_true(is_dynamic(n, THIRD) && !reads_float(n, THIRD));
    set(n, false, true, true);
    assert_true(is_dynamic(n, THIRD) && reads_float(n, THIRD));
    assert_false(is_rounded(layer(n, SECOND)->out[0]));
}

static void test_back(void **state)
{
    struct net *n = *state;
    set(n, true, true, true);
    set(n, false, false, false);
    for (int i = 0; i < N_LAYERS; i++) {
        assert_true(is_calibrated(n, i));
        assert_true(is_rounded(layer(n, i)->out[0]));
    }
}

static void test_keep(void **state)
{
    struct net *n = *state;
    set(n, false, true, false);
    dynamics_keep(n->d, &n->p);
    assert_int_equal(n->p.n_layer, N_LAYERS);
    assert_true(is_dynamic(n, SECOND));
    assert_null(qlayer_bias(&n->p.layer[SECOND])->quant);
    assert_non_null(qlayer_bias(&n->p.layer[FIRST])->quant);
    assert_true(n->p.layer[SECOND].input->quant->type.dynamic);
    assert_ptr_equal(qlayer_source(&n->p.layer[SECOND]), n->source[SECOND]);
    assert_ptr_equal(qlayer_source(&n->p.layer[FIRST]), n->source[FIRST]);
}

static void test_reasons(void **state)
{
    struct net *n = *state;
    const struct target *ort = target_find("onnxruntime");
    struct qlayer *l = &n->p.layer[FIRST];
    struct qtype *w = &qlayer_weight(l)->quant->type;
    assert_null(dynamics_reason_against(ort, l, DYNAMIC_WHOLE));
    assert_non_null(dynamics_reason_against(target_find("openvino"), l, DYNAMIC_WHOLE));
    assert_non_null(dynamics_reason_against(ort, l, DYNAMIC_ROWS)); /* a convolution */
    w->dtype = DTYPE_U8;
    assert_non_null(dynamics_reason_against(ort, l, DYNAMIC_WHOLE));
    w->grain = GRAIN_TENSOR;
    assert_null(dynamics_reason_against(ort, l, DYNAMIC_WHOLE));
    w->dtype = DTYPE_I4;
    assert_non_null(dynamics_reason_against(ort, l, DYNAMIC_WHOLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_share_the_codes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_behind_a_layer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reasons, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
