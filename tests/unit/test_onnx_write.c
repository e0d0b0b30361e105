/* SPDX-License-Identifier: Apache-2.0
 *
 * test_onnx_write: what a changed model looks like when it is written: names of outputs,
 * value_info, new nodes and constants, versions. The written bytes are read again and looked at as
 * a graph.
 */
#include "onnx.h"
#include "unit.h"
#include "wire.h"

#include <stdio.h>

static struct model *read_wire(struct wire w)
{
    struct err err = {0};
    struct model *m = onnx_read_bytes(w.at, w.n, "m.onnx", &err);
    if (!m)
        fail_msg("%s", err.text);
    return m;
}

/* Writes, closes, and reads again. */
static struct model *again(struct model *m, const struct onnx_write_options *o)
{
    struct err err = {0};
    struct str out = {0};
    if (onnx_write_bytes(m, o, &out, &err) < 0)
        fail_msg("%s", err.text);
    model_close(m);
    m = onnx_read_bytes(out.text, out.n, "again.onnx", &err);
    if (!m)
        fail_msg("%s", err.text);
    str_release(&out);
    return m;
}

/* "Type(in,in)=out,out; ..." of the main graph, then its outputs. */
static void looks(const struct model *m, const char *want)
{
    char text[1000] = "", *at = text;
    graph_each (m->graph, n) {
        at += sprintf(at, "%s(", n->type);
        for (int i = 0; i < n->n_in; i++)
            at += sprintf(at, "%s%s", i ? "," : "", n->in[i].value ? n->in[i].value->name : "");
        at += sprintf(at, ")=");
        for (int i = 0; i < n->n_out; i++)
            at += sprintf(at, "%s%s", i ? "," : "", n->out[i] ? n->out[i]->name : "");
        at += sprintf(at, "; ");
    }
    for (int i = 0; i < m->graph->result->n_in; i++)
        at += sprintf(at, "%s ", m->graph->output_name[i]);
    assert_string_equal(text, want);
}

static struct wire chain(const char *outputs) /* x -> A -> a -> B -> b, with value_info for a */
{
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("A", "", "x", "a"));
    g = wire_add(g, GRAPH_NODE, wire_node("B", "", "a", "b"));
    g = wire_ends(g, "x", outputs);
    return wire_model(8, 13, wire_values(g, GRAPH_VALUE_INFO, "a"));
}

static struct node *insert(struct graph *g, const char *type, struct value *in, const char *out)
{
    struct node *n = node_new(g, "", type, 1, 1);
    node_set_input(n, 0, in);
    node_set_output(n, 0, value_new(g, out));
    return n;
}

static void test_output_renames_its_value(void **state)
{
    (void)state;
    struct model *m = read_wire(chain("b"));
    struct node *a = m->graph->first, *b = m->graph->last;
    value_replace(b->out[0], a->out[0]); /* a becomes the output */
    node_remove(b);
    m = again(m, NULL);
    looks(m, "A(x)=b; b ");
    assert_int_equal(m->graph->first->out[0]->type.dtype, DTYPE_F32);
    model_close(m);
}

static void test_old_name_makes_way(void **state)
{
    (void)state;
    struct model *m = read_wire(chain("b"));
    struct value *b = m->graph->last->out[0];
    struct node *q = insert(m->graph, "Q", NULL, "q_out");
    value_replace(b, q->out[0]);
    node_set_input(q, 0, b);
    node_append(q);
    m = again(m, NULL);
    looks(m, "A(x)=a; B(a)=b_1; Q(b_1)=b; b ");
    model_close(m);
}

static void test_outputs_change_places(void **state)
{
    (void)state;
    struct model *m = read_wire(chain("a,b"));
    struct value *a = m->graph->first->out[0], *b = m->graph->last->out[0];
    node_set_input(m->graph->result, 0, b);
    node_set_input(m->graph->result, 1, a);
    m = again(m, NULL);
    looks(m, "A(x)=b; B(b)=a; a b ");
    model_close(m);
}

static void test_identities(void **state)
{
    (void)state;
    struct model *m = read_wire(chain("a,b"));
    struct node *a = m->graph->first, *b = m->graph->last;
    value_replace(b->out[0], a->out[0]); /* one value, two outputs */
    node_remove(b);
    m = again(m, NULL);
    looks(m, "A(x)=a; Identity(a)=b; a b ");
    a = m->graph->first;
    value_replace(a->out[0], m->graph->input[0]); /* an input as an output */
    node_remove(a);
    m = again(m, NULL);
    looks(m, "Identity(x)=b; Identity(x)=a; a b ");
    float one = 1;
    struct value *c =
        graph_add_constant(m->graph, "c", tensor_from_f32(m->arena, &one, 1));
    value_replace(m->graph->last->out[0], c); /* a constant as an output */
    node_remove(m->graph->last);
    m = again(m, NULL);
    looks(m, "Identity(x)=b; Identity(c)=a; a b ");
    model_close(m);
}

static void test_body_gives_out_an_outer_value(void **state)
{
    (void)state;
    struct wire body = wire_values((struct wire){0}, GRAPH_OUTPUT, "a");
    struct wire attr = wire_text((struct wire){0}, ATTRIBUTE_NAME, "body");
    attr = wire_int(wire_add(attr, ATTRIBUTE_G, body), ATTRIBUTE_TYPE, 5);
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("A", "", "x", "a"));
    g = wire_add(g, GRAPH_NODE, wire_add(wire_node("If", "", "x", "b"), NODE_ATTRIBUTE, attr));
    g = wire_add(g, GRAPH_NODE, wire_node("C", "", "b", "c"));
    struct model *m = read_wire(wire_model(8, 13, wire_ends(g, "x", "b,c")));
    value_replace(m->graph->last->out[0], m->graph->first->out[0]); /* a is written as c */
    node_remove(m->graph->last);
    m = again(m, NULL);
    looks(m, "A(x)=c; If(x)=b; b c ");
    const struct graph *inner = node_attr(m->graph->last, "body")->g;
    assert_string_equal(inner->first->type, "Identity");
    assert_ptr_equal(node_input(inner->first, 0), m->graph->first->out[0]);
    model_close(m);
}

static void test_output_that_is_an_input(void **state)
{
    (void)state;
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("A", "", "x", "a"));
    struct model *m = read_wire(wire_model(8, 13, wire_ends(g, "x", "x,a")));
    struct node *q = insert(m->graph, "Q", m->graph->input[0], "q");
    node_insert(q, m->graph->first);
    node_set_input(m->graph->result, 0, q->out[0]);
    m = again(m, NULL);
    looks(m, "Q(x)=q; A(x)=a; x a ");
    assert_ptr_equal(node_input(m->graph->result, 0), m->graph->input[0]);
    model_close(m);
}

static int listed(const struct model *m, const char *name) /* in value_info */
{
    graph_each (m->graph, n)
        for (int i = 0; i < n->n_out; i++)
            if (!strcmp(n->out[i]->name, name))
                return n->out[i]->origin != NULL;
    return -1;
}

static void test_value_info(void **state)
{
    (void)state;
    struct model *m = read_wire(chain("b"));
    assert_int_equal(listed(m, "a"), 1);
    m->graph->first->out[0]->type.dtype = DTYPE_I8;
    m->graph->first->out[0]->type.shape = shape_of(2, (int64_t[]){1, 9});
    struct node *q = insert(m->graph, "Q", m->graph->first->out[0], "q");
    q->out[0]->type.dtype = DTYPE_F32;
    node_insert(q, m->graph->last);
    node_set_input(m->graph->last, 0, q->out[0]);
    m = again(m, NULL);
    looks(m, "A(x)=a; Q(a)=q; B(q)=b; b ");
    assert_int_equal(listed(m, "q"), 0);
    assert_int_equal(m->graph->first->out[0]->type.dtype, DTYPE_I8);
    assert_int_equal(m->graph->first->out[0]->type.shape.dim[1], 9);
    m->graph->first->next->out[0]->type.dtype = DTYPE_F32;
    m = again(m, &(struct onnx_write_options){.types = true});
    assert_int_equal(listed(m, "q"), 1);
    model_close(m);
}

static void test_attributes(void **state)
{
    (void)state;
    struct model *m = read_wire(chain("b"));
    struct node *a = m->graph->first;
    node_set_int(a, "i", -3);
    node_set_float(a, "f", 0.5f);
    node_set_ints(a, "is", (int64_t[]){1, -1}, 2);
    node_set_string(a, "s", "text");
    node_set_tensor(a, "t", tensor_from_i64(m->arena, (int64_t[]){7, 8, 9}, 3));
    m = again(m, NULL);
    a = m->graph->first;
    size_t n;
    assert_int_equal(a->n_attr, 5);
    assert_int_equal(node_int(a, "i", 0), -3);
    assert_true(node_float(a, "f", 0) == 0.5f);
    assert_int_equal(node_ints(a, "is", &n)[1], -1);
    assert_true(node_string_is(a, "s", "", "text"));
    assert_int_equal(node_attr(a, "t")->t->shape.dim[0], 3);
    assert_int_equal(tensor_get_int(node_attr(a, "t")->t, 2), 9);
    node_drop_attr(a, "f");
    m = again(m, NULL);
    assert_null(node_attr(m->graph->first, "f"));
    assert_int_equal(m->graph->first->n_attr, 4);
    model_close(m);
}

static void test_domains(void **state)
{
    (void)state;
    struct model *m = read_wire(chain("b"));
    node_append(node_new(m->graph, "org.openvinotoolkit", "FakeQuantize", 0, 0));
    node_append(node_new(m->graph, "com.microsoft", "MatMulNBits", 0, 0));
    m = again(m, NULL);
    assert_int_equal(m->n_opset, 3);
    assert_int_equal(model_opset(m, ""), 13);
    assert_int_equal(model_opset(m, "com.microsoft"), 1);
    assert_string_equal(m->opset[2].domain, "org.openvinotoolkit");
    model_close(m);
}

static void test_ir_version(void **state)
{
    (void)state;
    struct model *m = read_wire(chain("b"));
    model_set_opset(m, "", 17);
    m = again(m, NULL);
    assert_int_equal(m->ir_version, 8);
    assert_int_equal(model_opset(m, ""), 17);
    model_set_opset(m, "", 23);
    m = again(m, NULL);
    assert_int_equal(m->ir_version, 11);
    graph_add_constant(m->graph, "w", tensor_new(m->arena, DTYPE_F6E2M3,
                                                 &(struct shape){1, {3}}));
    m = again(m, NULL);
    assert_int_equal(m->ir_version, 14);
    model_close(m);

    /* in IR 3 constants are listed as inputs, in IR 4 that makes them variables */
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("Add", "", "x,c", "y"));
    g = wire_ends(wire_add(g, GRAPH_INITIALIZER, wire_floats("c", 4)), "x,c", "y");
    m = read_wire(wire_model(3, 8, g));
    graph_add_constant(m->graph, "w", tensor_scalar(m->arena, DTYPE_I8, 1));
    m = again(m, NULL);
    assert_int_equal(m->ir_version, 4);
    assert_int_equal(m->graph->n_input, 1);
    assert_int_equal(m->graph->n_constant, 2);
    model_close(m);
}

static void test_new_constants(void **state)
{
    (void)state;
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("Add", "", "x,c", "y"));
    g = wire_ends(wire_add(g, GRAPH_INITIALIZER, wire_floats("c", 4)), "x", "y");
    struct model *m = read_wire(wire_model(8, 13, g));
    struct value *c = m->graph->constant[0];
    struct tensor *bytes = tensor_new(m->arena, DTYPE_I8, &(struct shape){2, {2, 2}});
    memcpy(bytes->data, "\1\2\3\4", 4);
    struct value *d = graph_add_constant(m->graph, "d", bytes);
    struct value *same = graph_add_constant(m->graph, "e", c->constant); /* under another name */
    value_replace(c, d);
    node_set_input(m->graph->first, 2, same);
    assert_int_equal(graph_sweep(m->graph), 1);
    m = again(m, NULL);
    looks(m, "Add(x,d,e)=y; y ");
    assert_int_equal(m->graph->n_constant, 2);
    const struct tensor *t = m->graph->constant[0]->constant;
    assert_int_equal(t->dtype, DTYPE_I8);
    assert_int_equal(t->shape.rank, 2);
    assert_memory_equal(t->data, "\1\2\3\4", 4);
    assert_true(tensor_get(m->graph->constant[1]->constant, 3) == 4);
    model_close(m);
}

static void test_made_from_nothing(void **state)
{
    (void)state;
    struct model *m = model_new("new.onnx");
    model_set_opset(m, "", 13);
    struct value *x = graph_add_input(m->graph, "x");
    x->type.dtype = DTYPE_F32;
    x->type.shape = shape_of(2, (int64_t[]){-1, 4});
    struct node *n = insert(m->graph, "Relu", x, "r");
    n->out[0]->type.dtype = DTYPE_F32;
    node_append(n);
    graph_add_output(m->graph, n->out[0], "y");
    m = again(m, &(struct onnx_write_options){.stamp = true});
    looks(m, "Relu(x)=y; y ");
    assert_int_equal(m->ir_version, 7);
    assert_int_equal(m->graph->input[0]->type.shape.dim[0], -1);
    assert_int_equal(m->graph->input[0]->type.shape.dim[1], 4);
    assert_int_equal(m->graph->first->out[0]->type.dtype, DTYPE_F32);
    model_close(m);
}

static void test_stamp(void **state)
{
    (void)state;
    struct model *m = read_wire(chain("b"));
    struct str plain = {0}, stamped = {0};
    struct err err = {0};
    struct onnx_write_options o = {.stamp = true};
    assert_int_equal(onnx_write_bytes(m, NULL, &plain, &err), 0);
    assert_int_equal(onnx_write_bytes(m, &o, &stamped, &err), 0);
    assert_int_equal(stamped.n, plain.n + 2 + 5 + 2 + strlen(QUERN_VERSION));
    assert_memory_equal(stamped.text + 4, "quern", 5);
    str_release(&plain);
    str_release(&stamped);
    model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_renames_its_value),
        cmocka_unit_test(test_old_name_makes_way),
        cmocka_unit_test(test_outputs_change_places),
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_body_gives_out_an_outer_value),
        cmocka_unit_test(test_output_that_is_an_input),
        cmocka_unit_test(test_value_info),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_ir_version),
        cmocka_unit_test(test_new_constants),
        cmocka_unit_test(test_made_from_nothing),
        cmocka_unit_test(test_stamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
