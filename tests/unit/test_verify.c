/* SPDX-License-Identifier: Apache-2.0
 *
 * test_verify: each rule of graph.h is broken once, and the verifier names it.
 */
#include "unit.h"

#include "pass.h"
#include "quant.h"
#include "text.h"
#include "verify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Two branches that join, a constant, and a body that uses an outer value. */
static const char source[] =
    "g (float[1,2] x, bool p) => (float[1,2] y, float[1,2] z)"
    "<float[1,2] w = {1, 2}>"
    "{"
    "    [first] float[1,2] a = Add(x, w)"
    "    [second] float[1,2] b = Mul(a, w)"
    "    [third] float[1,2] y = If(p) <then_branch = t () => (float c) { c = Relu(a) },"
    "                                  else_branch = e () => (float d) { d = Add(b, w) }>"
    "    [fourth] float[1,2] z = Relu(b)"
    "}";

static struct model *model;

static int setup(void **state)
{
    (void)state;
    model = text_model(source);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    model_close(model);
    return 0;
}

static struct node *node(const char *name)
{
    for (struct node *n = model->graph->first; n; n = n->next)
        if (!strcmp(n->name, name))
            return n;
    fail_msg("no node %s", name);
    return NULL;
}

/* The model breaks this rule, and the complaint names this. */
static void assert_breaks(int rule, const char *who)
{
    struct str text = {0};
    char wanted[16];
    snprintf(wanted, sizeof wanted, "rule %d: ", rule);
    assert_int_not_equal(model_verify(model, &text), 0);
    const char *line = strstr(text.text, wanted);
    if (!line || !strstr(line, who))
        fail_msg("'%s' about '%s' expected, but there is\n%s", wanted, who, text.text);
    str_release(&text);
}

static void sound_model_passes(void **state)
{
    (void)state;
    struct str text = {0};
    int n = model_verify(model, &text);
    if (n)
        fail_msg("%s", text.text);
    model->facts = FACT_TYPES;
    model->graph->first->in[0].value->type.dtype = DTYPE_NONE; /* an input may be of any type */
    node("first")->out[0]->type.dtype = DTYPE_NONE;
    node("second")->out[0]->type.dtype = DTYPE_NONE;
    node("fourth")->out[0]->type.dtype = DTYPE_NONE;
    assert_int_equal(model_verify(model, &text), 0);
}

static void rule_1_node_listed_twice(void **state)
{
    (void)state;
    node("fourth")->next = node("first");
    assert_breaks(1, "first");
}

static void rule_1_node_of_another_graph(void **state)
{
    (void)state;
    node("second")->graph = node("third")->attr[0].g;
    assert_breaks(1, "second");
}

static void rule_1_list_with_another_end(void **state)
{
    (void)state;
    model->graph->last = node("first");
    assert_breaks(1, "another end");
}

static void rule_2_use_before_definition(void **state)
{
    (void)state;
    struct node *n = node("first");
    model->graph->first = n->next;
    n->next->prev = NULL;
    node_insert(n, node("third"));
    assert_breaks(2, "'a'");
}

static void rule_3_value_defined_twice(void **state)
{
    (void)state;
    node("second")->out[0] = node("first")->out[0];
    assert_breaks(3, "'a'");
}

static void rule_3_constant_without_data(void **state)
{
    (void)state;
    model->graph->constant[0]->constant = NULL;
    assert_breaks(3, "'w'");
}

static void rule_4_use_missing_from_list(void **state)
{
    (void)state;
    struct value *a = node("first")->out[0];
    a->uses = a->uses->next;
    a->uses->link = &a->uses;
    assert_breaks(4, "'a'");
}

static void rule_4_list_with_foreign_use(void **state)
{
    (void)state;
    struct value *a = node("first")->out[0];
    struct use stray = {.value = a, .user = node("fourth"), .link = &a->uses, .next = a->uses};
    a->uses->link = &stray.next;
    a->uses = &stray;
    assert_breaks(4, "'a'");
    a->uses = NULL;
}

static void rule_5_use_of_an_inner_value(void **state)
{
    (void)state;
    node_set_input(node("fourth"), 0, node("third")->attr[0].g->first->out[0]);
    assert_breaks(5, "'c'");
}

static void rule_6_name_used_twice(void **state)
{
    (void)state;
    node("third")->attr[1].g->first->out[0]->name = "a";
    assert_breaks(6, "'a'");
}

static void rule_6_empty_name(void **state)
{
    (void)state;
    node("first")->out[0]->name = "";
    assert_breaks(6, "no name");
}

static void rule_7_constant_of_wrong_size(void **state)
{
    (void)state;
    struct value *w = model->graph->constant[0];
    struct tensor *t = arena_copy(model->arena, w->constant, sizeof *t);
    t->size--;
    w->constant = t;
    assert_breaks(7, "'w'");
}

static void rule_8_op_of_another_type(void **state)
{
    (void)state;
    node("first")->op = OP_Mul;
    assert_breaks(8, "first");
}

static void rule_8_too_many_inputs(void **state)
{
    (void)state;
    node_set_input(node("fourth"), 1, node("first")->out[0]);
    assert_breaks(8, "fourth");
}

static void rule_9_attribute_given_twice(void **state)
{
    (void)state;
    node_set_int(node("first"), "axis", 1);
    node_set_int(node("first"), "other", 1);
    node("first")->attr[1].name = "axis";
    assert_breaks(9, "axis");
}

static void rule_10_output_without_value(void **state)
{
    (void)state;
    node_set_input(model->graph->result, 1, NULL);
    assert_breaks(10, "output 1");
}

static void rule_11_removed_node_in_use(void **state)
{
    (void)state;
    struct node *n = node("first");
    model->graph->first = n->next;
    n->next->prev = NULL;
    assert_breaks(11, "first");
}

static struct quant *quantize(struct value *v)
{
    struct quant *q = NEW(model->arena, struct quant);
    q->type.dtype = DTYPE_U8;
    q->n = 1;
    q->scale = NEW_ARRAY(model->arena, 1, float);
    q->zero = NEW_ARRAY(model->arena, 1, int32_t);
    q->scale[0] = 0.5f;
    v->quant = q;
    return q;
}

static void rule_12_quant_of_bad_numbers(void **state)
{
    (void)state;
    struct quant *q = quantize(node("first")->out[0]);
    struct str text = {0};
    assert_int_equal(model_verify(model, &text), 0);
    q->zero[0] = 256;
    assert_breaks(12, "zero point 0 is 256");
    q->zero[0] = 0;
    q->type.symmetric = true;
    assert_breaks(12, "'a'");
    q->zero[0] = 128;
    q->scale[0] = INFINITY;
    assert_breaks(12, "scale 0");
    q->scale[0] = 1;
    q->n = 2;
    assert_breaks(12, "2 scales");
    q->n = 1;
    q->type.grain = GRAIN_CHANNEL;
    q->type.axis = 2;
    assert_breaks(12, "no axis 2");
}

static void rule_13_quant_after_lowering(void **state)
{
    (void)state;
    quantize(node("first")->out[0]);
    model->facts = FACT_LOWERED;
    assert_breaks(13, "'a'");
}

static void rule_14_value_without_dtype(void **state)
{
    (void)state;
    node("first")->out[0]->type.dtype = DTYPE_NONE;
    model->facts = FACT_TYPES;
    assert_breaks(14, "'a'");
}

static void rule_14_constant_of_another_type(void **state)
{
    (void)state;
    model->graph->constant[0]->type.shape.dim[1] = 3;
    model->facts = FACT_TYPES;
    assert_breaks(14, "'w'");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sound_model_passes),
        TEST(rule_1_node_listed_twice),
        TEST(rule_1_node_of_another_graph),
        TEST(rule_1_list_with_another_end),
        TEST(rule_2_use_before_definition),
        TEST(rule_3_value_defined_twice),
        TEST(rule_3_constant_without_data),
        TEST(rule_4_use_missing_from_list),
        TEST(rule_4_list_with_foreign_use),
        TEST(rule_5_use_of_an_inner_value),
        TEST(rule_6_name_used_twice),
        TEST(rule_6_empty_name),
        TEST(rule_7_constant_of_wrong_size),
        TEST(rule_8_op_of_another_type),
        TEST(rule_8_too_many_inputs),
        TEST(rule_9_attribute_given_twice),
        TEST(rule_10_output_without_value),
        TEST(rule_11_removed_node_in_use),
        TEST(rule_12_quant_of_bad_numbers),
        TEST(rule_13_quant_after_lowering),
        TEST(rule_14_value_without_dtype),
        TEST(rule_14_constant_of_another_type),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
