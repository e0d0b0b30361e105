/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that edit a graph, and clones.
 */
#include "graph.h"
#include "quant.h"
#include "sweep.h"
#include "unit.h"

#include <string.h>

/* x -> a -> v -> b -> w, with w as the output "y" and a constant c read by both. */
struct small {
    struct model *m;
    struct value *x, *c, *v, *w;
    struct node *a, *b;
};

static struct node *append(struct graph *g, const char *type, struct value *in, struct value *c,
                           struct value *out)
{
    struct node *n = node_new(g, "", type, 2, 1);
    node_set_input(n, 0, in);
    node_set_input(n, 1, c);
    node_set_output(n, 0, out);
    node_append(n);
    return n;
}

static struct small small_new(void)
{
    struct small s = {.m = model_new("small.onnx")};
    struct graph *g = s.m->graph;
    s.x = graph_add_input(g, "x");
    s.c = graph_add_constant(g, "c", tensor_scalar(s.m->arena, DTYPE_F32, 2));
    s.v = value_new(g, "v");
    s.w = value_new(g, "w");
    s.a = append(g, "Add", s.x, s.c, s.v);
    s.b = append(g, "Mul", s.v, s.c, s.w);
    graph_add_output(g, s.w, "y");
    return s;
}

static int count_uses(const struct value *v)
{
    int n = 0;
    value_each_use(v, u) {
        assert_ptr_equal(u->value, v);
        assert_ptr_equal(*u->link, u);
        n++;
    }
    return n;
}

static void uses_follow_every_edit(void **state)
{
    (void)state;
    struct small s = small_new();
    assert_int_equal(count_uses(s.c), 2);
    assert_true(value_is_output(s.w));
    value_replace(s.v, s.x);
    assert_int_equal(count_uses(s.v), 0);
    assert_int_equal(count_uses(s.x), 2);
    assert_int_equal(graph_sweep(s.m->graph), 1);
    assert_ptr_equal(s.m->graph->first, s.b);
    assert_int_equal(count_uses(s.c), 1);
    model_close(s.m);
}

static void inputs_grow_with_their_uses(void **state)
{
    (void)state;
    struct small s = small_new();
    for (int i = 2; i < 20; i++)
        node_set_input(s.b, i, s.x);
    assert_int_equal(count_uses(s.x), 19);
    assert_int_equal(count_uses(s.v), 1);
    assert_ptr_equal(node_input(s.b, 0), s.v);
    node_set_input(s.b, 7, NULL);
    assert_int_equal(count_uses(s.x), 18);
    assert_null(node_input(s.b, 7));
    model_close(s.m);
}

static void outputs_are_ordinary_uses(void **state)
{
    (void)state;
    struct small s = small_new();
    value_replace(s.w, s.v);
    assert_true(value_is_output(s.v));
    assert_int_equal(graph_sweep(s.m->graph), 1);
    assert_ptr_equal(s.m->graph->last, s.a);
    assert_string_equal(s.m->graph->output_name[0], "y");
    model_close(s.m);
}

static void unused_constants_are_swept(void **state)
{
    (void)state;
    struct small s = small_new();
    graph_add_constant(s.m->graph, "unused", tensor_scalar(s.m->arena, DTYPE_F32, 1));
    assert_int_equal(graph_sweep(s.m->graph), 1);
    assert_int_equal(s.m->graph->n_constant, 1);
    model_close(s.m);
}

static void fresh_names_are_new(void **state)
{
    (void)state;
    struct small s = small_new();
    assert_string_equal(name_fresh(s.m, "z"), "z");
    assert_string_not_equal(name_fresh(s.m, "z"), "z");
    const char *a = name_fresh(s.m, "y"), *b = name_fresh(s.m, "y");
    assert_string_not_equal(a, "y");
    assert_string_not_equal(a, b);
    model_close(s.m);
}

static void attributes_are_replaced(void **state)
{
    (void)state;
    struct small s = small_new();
    size_t n;
    assert_int_equal(node_int(s.a, "axis", 7), 7);
    node_set_int(s.a, "axis", 1);
    node_set_ints(s.a, "pads", (const int64_t[]){1, 2}, 2);
    node_set_int(s.a, "axis", 2);
    node_set_string(s.a, "mode", "linear");
    assert_int_equal(s.a->n_attr, 3);
    assert_int_equal(node_int(s.a, "axis", 7), 2);
    assert_int_equal(node_ints(s.a, "pads", &n)[1], 2);
    assert_true(node_string_is(s.a, "mode", "nearest", "linear"));
    assert_true(node_string_is(s.b, "mode", "nearest", "nearest"));
    node_drop_attr(s.a, "axis");
    assert_int_equal(node_int(s.a, "axis", 7), 7);
    model_close(s.m);
}

static void clones_share_constants_and_nothing_else(void **state)
{
    (void)state;
    struct small s = small_new();
    struct quant *q = NEW(s.m->arena, struct quant);
    q->n = 1;
    q->range = NEW(s.m->arena, struct range);
    s.v->quant = s.w->quant = q;
    s.b->in[0].plain = true;
    struct model *copy = model_clone(s.m);
    struct node *b = copy->graph->last;
    assert_ptr_equal(node_constant(b, 1), s.c->constant);
    assert_ptr_not_equal(node_input(b, 0), s.v);
    assert_int_equal(node_input(b, 0)->id, s.v->id);
    assert_true(b->in[0].plain);
    assert_ptr_not_equal(b->out[0]->quant, q);
    assert_ptr_equal(b->out[0]->quant, node_input(b, 0)->quant);
    value_replace(node_input(b, 0), copy->graph->input[0]);
    graph_sweep(copy->graph);
    assert_int_equal(count_uses(s.v), 1);
    assert_ptr_equal(s.m->graph->first, s.a);
    model_close(copy);
    model_close(s.m);
}

static void restoring_takes_edits_back(void **state)
{
    (void)state;
    struct small s = small_new();
    struct model *before = model_clone(s.m);
    value_replace(s.w, s.x);
    graph_sweep(s.m->graph);
    assert_null(s.m->graph->first);
    model_restore(s.m, before);
    assert_string_equal(s.m->graph->first->type, "Add");
    assert_ptr_equal(s.m->graph->first->graph->model, s.m);
    struct build at = build_after(s.m->graph->last);
    struct value *c = build_constant(&at, "more", tensor_scalar(s.m->arena, DTYPE_F32, 1));
    assert_true(c->id < s.m->n_values);
    model_close(s.m);
}

static struct tensor *large_tensor(struct model *m)
{
    return tensor_new(m->arena, DTYPE_F32, &(struct shape){1, {64 << 10}});
}

/* What is replaced goes, what a view of it shares stays, and what a restored clone has made is the
 * model's. */
static void replaced_weights_go(void **state)
{
    (void)state;
    struct small s = small_new();
    struct graph *g = s.m->graph;
    struct tensor *first = large_tensor(s.m), *shared = large_tensor(s.m);
    struct tensor view = *shared;
    view.data = (char *)view.data + 256;
    view.size -= 256;
    struct value *a = graph_add_constant(g, "a", first), *b = graph_add_constant(g, "b", shared);
    node_set_input(s.a, 1, a);
    node_set_input(s.b, 1, b);
    struct arena scratch = {0};
    struct sweep before = sweep_note(s.m, &scratch);
    assert_int_equal(before.n, 2);
    struct model *clone = model_clone(s.m);
    struct node *n = clone->graph->first;
    struct tensor *second = large_tensor(clone);
    node_set_input(n, 1, graph_add_constant(clone->graph, "second", second));
    node_set_input(n->next, 1, graph_add_constant(clone->graph, "view", &view));
    model_restore(s.m, clone);
    sweep_up(s.m, &before);
    assert_int_equal(arena_piece(s.m->arena, first->data), 0);
    assert_true(arena_piece(s.m->arena, shared->data) >= shared->size);
    assert_true(arena_piece(s.m->arena, second->data) >= second->size);
    assert_int_equal(s.m->graph->n_constant, 2);
    arena_release(&scratch);
    model_close(s.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_follow_every_edit),
        cmocka_unit_test(inputs_grow_with_their_uses),
        cmocka_unit_test(outputs_are_ordinary_uses),
        cmocka_unit_test(unused_constants_are_swept),
        cmocka_unit_test(fresh_names_are_new),
        cmocka_unit_test(attributes_are_replaced),
        cmocka_unit_test(clones_share_constants_and_nothing_else),
        cmocka_unit_test(replaced_weights_go),
        cmocka_unit_test(restoring_takes_edits_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
