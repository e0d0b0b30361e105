/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers switched between codes and float, on a network with a residual sum and a pool.
 */
#include "mask.h"
#include "text.h"
#include "unit.h"

#include <string.h>

static const char network[] = "opset 13\n"
    "g (float[1,2,8] x) => (float y)\n"
    "<float[2,2,1] u = random(1), float[2,2,1] w = random(2), float[2,2,1] v = random(3)>\n"
    "{ a = Conv(x, u) r = Relu(a) m = MaxPool(r) <kernel_shape = [1]> c = Conv(m, w)\n"
    "  s = Add(c, r) d = Conv(s, v) y = Abs(d) }";
enum { FIRST, SECOND, THIRD, N_LAYERS };

struct net {
    struct arena arena;
    struct model *m;
    struct placement p;
    struct mask *mask;
    bool off[N_LAYERS];
};

static void net_open(struct net *n, const char *text, const char *target)
{
    struct err err = {0};
    *n = (struct net){.m = text_model(text)};
    assert_int_equal(place_model(n->m, target_find(target), NULL, &n->arena, &n->p, &err), 0);
    n->mask = mask_open(n->m, &n->p, target_find(target), &n->arena);
}

static void net_close(struct net *n)
{
    model_close(n->m);
    arena_release(&n->arena);
}

static int setup(void **state)
{
    struct net *n = mem_alloc(sizeof *n);
    net_open(n, network, "onnxruntime");
    assert_int_equal(n->p.n_layer, N_LAYERS);
    *state = n;
    return 0;
}

static int teardown(void **state)
{
    struct net *n = *state;
    net_close(n);
    mem_free(n);
    return 0;
}

static void set(struct net *n, bool first, bool second, bool third)
{
    memcpy(n->off, (bool[]){first, second, third}, sizeof n->off);
    mask_set(n->mask, n->off);
}

static struct node *find(struct net *n, enum op op)
{
    for (struct node *node = n->m->graph->first; node; node = node->next)
        if (node->op == op)
            return node;
    return NULL;
}

static bool reads_codes(const struct net *n, int layer)
{
    return !n->p.layer[layer].node->in[0].plain;
}

static bool has_codes(const struct net *n, int layer)
{
    const struct qlayer *l = &n->p.layer[layer];
    return !l->node->in[l->weight_slot].plain && !l->bias_node->in[l->bias_slot].plain;
}

static void test_all_on(void **state)
{
    struct net *n = *state;
    set(n, true, true, true);
    set(n, false, false, false);
    for (int i = 0; i < N_LAYERS; i++)
        assert_true(reads_codes(n, i) && has_codes(n, i));
    assert_false(find(n, OP_MaxPool)->in[0].plain);
    assert_false(find(n, OP_Add)->in[0].plain);
    assert_false(find(n, OP_Add)->in[1].plain);
    assert_false(find(n, OP_Abs)->in[0].plain);
}

/* It reads what the pool moves of the first one's codes; nobody needs its output rounded. */
static void test_off_behind_a_layer(void **state)
{
    struct net *n = *state;
    set(n, false, true, false);
    assert_true(reads_codes(n, SECOND));
    assert_false(has_codes(n, SECOND));
    assert_false(find(n, OP_MaxPool)->in[0].plain);
    assert_true(find(n, OP_Add)->in[0].plain);
    assert_false(find(n, OP_Add)->in[1].plain);
    assert_true(reads_codes(n, THIRD) && has_codes(n, THIRD));
}

/* Its output is rounded for the layer behind the pool, and not for the sum. */
static void test_off_before_a_layer(void **state)
{
    struct net *n = *state;
    set(n, true, false, false);
    assert_false(reads_codes(n, FIRST) || has_codes(n, FIRST));
    assert_true(reads_codes(n, SECOND) && has_codes(n, SECOND));
    assert_true(find(n, OP_Add)->in[1].plain);
    assert_false(find(n, OP_Add)->in[0].plain);
}

/* Nobody reads the pool's codes. */
static void test_both_off(void **state)
{
    struct net *n = *state;
    set(n, true, true, false);
    assert_false(reads_codes(n, FIRST) || reads_codes(n, SECOND));
    assert_true(find(n, OP_MaxPool)->in[0].plain);
    assert_true(find(n, OP_Add)->in[0].plain && find(n, OP_Add)->in[1].plain);
    assert_true(reads_codes(n, THIRD));
}

/* A sum that only a layer that is off reads rounded is not rounded. */
static void test_last_off(void **state)
{
    struct net *n = *state;
    set(n, false, false, true);
    assert_false(reads_codes(n, THIRD) || has_codes(n, THIRD));
    assert_true(find(n, OP_Abs)->in[0].plain);
}

/* Nor what beside it a layer reads that was never on, here for the sake of a logarithm. */
static void test_beside_a_float_layer(void **state)
{
    (void)state;
    struct net n;
    net_open(&n, "opset 13\n"
             "g (float[1,2,8] x) => (float y, float z)\n"
             "<float[2,2,1] u = random(1), float[2,2,1] w = random(2), float[2,2,1] v = random(3)>"
             "{ a = Conv(x, u) r = Relu(a) c = Conv(r, w) y = Neg(c)"
             "  f = Conv(r, v) q = Abs(f) z = Log(q) }", "onnxruntime");
    const struct value *r = find(&n, OP_Relu)->out[0];
    assert_int_equal(n.p.n_layer, 2);
    set(&n, true, false, false);
    value_each_use(r, u)
        assert_true(u->plain == (u->user != n.p.layer[SECOND].node));
    set(&n, true, true, false);
    value_each_use(r, u)
        assert_true(u->plain);
    net_close(&n);
}

/* Nobody reads the codes of a layer that is on: only some runtimes want them then. */
static void test_off_behind_a_layer_that_may_give_floats(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct net n;
        net_open(&n, "opset 13\n"
                 "g (float[1,2,8] x) => (float y)\n"
                 "<float[2,2,1] u = random(1), float[2,2,1] w = random(2)>"
                 "{ a = Conv(x, u) r = Relu(a) c = Conv(r, w) y = Abs(c) }",
                 i ? "openvino" : "onnxruntime");
        set(&n, false, true, false);
        assert_true(reads_codes(&n, FIRST));
        assert_true(reads_codes(&n, SECOND) == !i);
        net_close(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_off_behind_a_layer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_off_before_a_layer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_both_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_off, setup, teardown),
        cmocka_unit_test(test_beside_a_float_layer),
        cmocka_unit_test(test_off_behind_a_layer_that_may_give_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
