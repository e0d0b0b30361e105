/* SPDX-License-Identifier: Apache-2.0
 *
 * test_onnx: reading. What is accepted and how it looks as a graph; what is refused and with which
 * words; which files are known not to come back the same.
 */
#include "onnx.h"
#include "unit.h"
#include "wire.h"

static struct model *read_wire(struct wire w)
{
    struct err err = {0};
    struct model *m = onnx_read_bytes(w.at, w.n, "m.onnx", &err);
    if (!m)
        fail_msg("%s", err.text);
    return m;
}

static void refuses(struct wire w, const char *text)
{
    struct err err = {0};
    assert_null(onnx_read_bytes(w.at, w.n, "m.onnx", &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_memory_equal(err.text, "m.onnx: ", 8);
    assert_string_equal(err.text + 8, text);
}

/* The bytes come back where `differs` is NULL; else the model says why they may not. */
static void comes_back(struct wire w, const char *differs)
{
    struct err err = {0};
    struct model *m = read_wire(w);
    struct str out = {0};
    assert_int_equal(onnx_write_bytes(m, NULL, &out, &err), 0);
    if (differs) {
        assert_non_null(onnx_fidelity(m));
        assert_string_equal(onnx_fidelity(m), differs);
    } else {
        assert_null(onnx_fidelity(m));
        assert_int_equal(out.n, w.n);
        assert_memory_equal(out.text, w.at, w.n);
    }
    str_release(&out);
    model_close(m);
}

static struct wire model_of(struct wire graph)
{
    return wire_model(8, 13, graph);
}

static struct wire relu_graph(void)
{
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("Relu", "r", "x", "y"));
    return wire_ends(wire_text(g, GRAPH_NAME, "g"), "x", "y");
}

static struct wire with_constant(struct wire tensor) /* a graph that uses constant "c" */
{
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("Add", "", "x,c", "y"));
    return model_of(wire_ends(wire_add(g, GRAPH_INITIALIZER, tensor), "x", "y"));
}

static void test_graph(void **state)
{
    (void)state;
    struct model *m = read_wire(model_of(relu_graph()));
    struct graph *g = m->graph;
    assert_int_equal(m->ir_version, 8);
    assert_int_equal(model_opset(m, ""), 13);
    assert_string_equal(m->dir, ".");
    assert_string_equal(g->name, "g");
    assert_int_equal(g->n_input, 1);
    assert_string_equal(g->input[0]->name, "x");
    assert_true(g->input[0]->is_input);
    assert_int_equal(g->input[0]->type.dtype, DTYPE_F32);
    assert_int_equal(g->input[0]->type.shape.rank, 2);
    assert_int_equal(g->input[0]->type.shape.dim[1], 4);
    struct node *n = g->first;
    assert_ptr_equal(n, g->last);
    assert_string_equal(n->type, "Relu");
    assert_ptr_equal(node_input(n, 0), g->input[0]);
    assert_int_equal(g->result->n_in, 1);
    assert_ptr_equal(node_input(g->result, 0), n->out[0]);
    assert_int_equal(n->out[0]->type.shape.rank, 2);
    assert_string_equal(g->output_name[0], "y");
    model_close(m);
    comes_back(model_of(relu_graph()), NULL);
}

static void test_optional_ends(void **state)
{
    (void)state;
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("Op", "", "x,,x", ",y"));
    struct wire w = model_of(wire_ends(g, "x", "y"));
    struct model *m = read_wire(w);
    assert_int_equal(m->graph->first->n_in, 3);
    assert_null(node_input(m->graph->first, 1));
    assert_null(m->graph->first->out[0]);
    assert_string_equal(m->graph->first->out[1]->name, "y");
    model_close(m);
    comes_back(w, NULL);
}

static void test_order(void **state)
{
    (void)state;
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("A", "", "b,x", "y"));
    g = wire_add(g, GRAPH_NODE, wire_node("B", "", "x", "b"));
    g = wire_add(g, GRAPH_NODE, wire_node("C", "", "x", "z"));
    struct wire w = model_of(wire_ends(g, "x", "y,z"));
    struct model *m = read_wire(w);
    assert_string_equal(m->graph->first->type, "B");
    assert_string_equal(m->graph->first->next->type, "A");
    assert_string_equal(m->graph->last->type, "C");
    model_close(m);
    comes_back(w, "the nodes are not in an order of execution and get sorted");

    g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("C", "", "a", "c"));
    g = wire_add(g, GRAPH_NODE, wire_node("A", "", "b,x", "a"));
    g = wire_add(g, GRAPH_NODE, wire_node("B", "", "a", "b"));
    refuses(model_of(wire_ends(g, "x", "c")),
            "node 'a' (A) needs its own output: the graph has a cycle");
    g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("A", "self", "a", "a"));
    refuses(model_of(wire_ends(g, "x", "a")),
            "node 'self' (A) needs its own output: the graph has a cycle");
}

static struct wire with_body(struct wire node, struct wire body)
{
    struct wire a = wire_text((struct wire){0}, ATTRIBUTE_NAME, "body");
    a = wire_int(wire_add(a, ATTRIBUTE_G, body), ATTRIBUTE_TYPE, 5);
    return wire_add(node, NODE_ATTRIBUTE, a);
}

static void test_bodies(void **state)
{
    (void)state;
    /* the body captures b, which is defined behind the node that holds it */
    struct wire body = wire_add((struct wire){0}, GRAPH_NODE, wire_node("N", "", "b", "out"));
    body = wire_values(body, GRAPH_OUTPUT, "out");
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE,
                             with_body(wire_node("If", "", "x", "y"), body));
    g = wire_add(g, GRAPH_NODE, wire_node("B", "", "x", "b"));
    struct model *m = read_wire(model_of(wire_ends(g, "x", "y")));
    assert_string_equal(m->graph->first->type, "B");
    const struct attr *a = node_attr(m->graph->last, "body");
    assert_int_equal(a->kind, ATTR_GRAPH);
    assert_ptr_equal(a->g->outer, m->graph);
    assert_ptr_equal(node_input(a->g->first, 0), m->graph->first->out[0]);
    model_close(m);

    g = wire_add((struct wire){0}, GRAPH_NODE,
                 with_body(wire_node("If", "", "x", "b"), body));
    refuses(model_of(wire_ends(g, "x", "b")),
            "node 'b' (If) needs its own output: the graph has a cycle");
    g = wire_add((struct wire){0}, GRAPH_NODE,
                 with_body(wire_node("If", "", "x", "y"), body));
    refuses(model_of(wire_ends(g, "x", "y")), "node 'y' (If): attribute 'body': node 'out' (N): "
                                              "input 0 'b' is not defined");
}

static void test_hidden_name(void **state)
{
    (void)state;
    struct wire body = wire_add((struct wire){0}, GRAPH_NODE, wire_node("N", "", "x", "x1"));
    body = wire_add(body, GRAPH_NODE, wire_node("N", "", "x1", "y"));
    body = wire_values(body, GRAPH_OUTPUT, "y");
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE,
                             with_body(wire_node("If", "", "x", "y"), body));
    struct wire w = model_of(wire_ends(g, "x", "y"));
    struct model *m = read_wire(w);
    const struct graph *inner = node_attr(m->graph->first, "body")->g;
    assert_string_equal(inner->last->out[0]->name, "y_1");
    assert_string_equal(inner->output_name[0], "y_1");
    model_close(m);
    comes_back(w, "'y' in a body hides an outer value and is renamed");
}

static void test_bad_graphs(void **state)
{
    (void)state;
    struct wire none = {0}, g;
    g = wire_add(none, GRAPH_NODE, wire_node("Add", "sum", "x,z", "y"));
    refuses(model_of(wire_ends(g, "x", "y")), "node 'sum' (Add): input 1 'z' is not defined");
    g = wire_add(none, GRAPH_NODE, wire_node("Add", "", "x,x", "x"));
    refuses(model_of(wire_ends(g, "x", "x")), "node '' (Add): output 0: 'x' is defined twice");
    refuses(model_of(wire_ends(none, "x,x", "x")), "graph input 1: 'x' is defined twice");
    refuses(model_of(wire_ends(none, "x", "y")), "graph output 0 'y' is not defined");
    g = wire_add(none, GRAPH_NODE, wire_node("", "", "x", "y"));
    refuses(model_of(wire_ends(g, "x", "y")), "node 0 has no operator type");
    g = wire_add(wire_add(none, GRAPH_INITIALIZER, wire_floats("c", 1)), GRAPH_INITIALIZER,
                 wire_floats("c", 1));
    refuses(model_of(g), "initializer 'c': it is defined twice");
    struct wire a = wire_int(wire_text(none, ATTRIBUTE_NAME, "i"), ATTRIBUTE_TYPE, 2);
    struct wire n = wire_add(wire_node("A", "n", "x", "y"), NODE_ATTRIBUTE, a);
    g = wire_add(none, GRAPH_NODE, wire_add(n, NODE_ATTRIBUTE, a));
    refuses(model_of(wire_ends(g, "x", "y")), "node 'n' (A): attribute 'i' is given twice");
    a = wire_int(wire_text(none, ATTRIBUTE_NAME, "v"), ATTRIBUTE_TYPE, 4);
    g = wire_add(none, GRAPH_NODE, wire_add(wire_node("A", "n", "x", "y"), NODE_ATTRIBUTE, a));
    refuses(model_of(wire_ends(g, "x", "y")), "node 'n' (A): attribute 'v': it has no tensor");
}

static void test_bad_models(void **state)
{
    (void)state;
    struct wire none = {0}, g = relu_graph();
    refuses(none, "not a valid ONNX file: it is empty");
    refuses(wire_int(none, MODEL_IR, 8), "not a valid ONNX file: it has no graph");
    refuses(wire_model(0, 13, g), "not a valid ONNX file: IR version 0");
    refuses(wire_add(none, MODEL_GRAPH, g), "not a valid ONNX file: IR version 0");
    refuses(wire_add(wire_int(none, MODEL_IR, 8), MODEL_GRAPH, g),
            "the model imports no operator set");
    refuses(wire_model(8, 0, g), "operator set '' is imported with version 0");
    struct wire w = wire_add(wire_int(none, MODEL_IR, 8), MODEL_GRAPH, g);
    w = wire_add(w, MODEL_OPSET, wire_int(wire_text(none, 1, "other"), 2, 1));
    refuses(w, "node 'r' (Relu): the model imports no operator set of ONNX's domain");
    /* IR version 2 implies operator set 1 */
    comes_back(wire_add(wire_int(none, MODEL_IR, 2), MODEL_GRAPH, g), NULL);
}

static void test_function(void **state)
{
    (void)state;
    struct wire f = wire_text((struct wire){0}, 1, "Relu");
    struct wire w = wire_add(model_of(relu_graph()), MODEL_FUNCTION, f);
    struct model *m = read_wire(w);
    assert_int_equal(m->graph->first->op, OP_OTHER);
    model_close(m);
    comes_back(w, NULL);
}

static void test_bad_tensors(void **state)
{
    (void)state;
    int64_t four = 4, minus = -2, huge[2] = {INT64_C(1) << 40, INT64_C(1) << 40}, many[9] = {0};
    refuses(with_constant(wire_text(wire_tensor(77, 1, &four), TENSOR_NAME, "c")),
            "initializer 'c': data type 77 is not known");
    refuses(with_constant(wire_text(wire_tensor(1, 1, &minus), TENSOR_NAME, "c")),
            "initializer 'c': dimension 0 is -2");
    refuses(with_constant(wire_text(wire_tensor(1, 2, huge), TENSOR_NAME, "c")),
            "initializer 'c': its shape overflows");
    refuses(with_constant(wire_text(wire_tensor(1, 9, many), TENSOR_NAME, "c")),
            "initializer 'c': 9 dimensions; at most 8 are supported");
    struct wire t = wire_text(wire_tensor(1, 1, &four), TENSOR_NAME, "c");
    refuses(with_constant(t), "initializer 'c': 0 entries in float_data where its type and shape "
                              "ask for 4");
    refuses(with_constant(wire_bytes(t, TENSOR_RAW, "12345678", 8)),
            "initializer 'c': 8 bytes of data where its type and shape ask for 16");
    refuses(with_constant(wire_tensor(1, 0, NULL)), "initializer 0 has no name");
}

static const struct tensor *only_constant(struct model *m)
{
    assert_int_equal(m->graph->n_constant, 1);
    return m->graph->constant[0]->constant;
}

/* Reads constant "c" of this type and shape, its data in a packed field, and compares its bytes. */
static void constant_is(int type, int64_t dim, unsigned field, const char *data, size_t n_data,
                        const char *want, size_t n_want)
{
    struct wire t = wire_tensor(type, 1, &dim), named;
    if (field < TENSOR_NAME)
        t = wire_bytes(t, field, data, n_data);
    named = wire_text(t, TENSOR_NAME, "c");
    if (field > TENSOR_NAME)
        named = wire_bytes(named, field, data, n_data);
    struct model *m = read_wire(with_constant(named));
    const struct tensor *c = only_constant(m);
    assert_int_equal(c->dtype, type);
    assert_int_equal(c->size, n_want);
    assert_memory_equal(c->data, want, n_want);
    model_close(m);
    comes_back(with_constant(named), NULL);
}

static void test_typed_data(void **state)
{
    (void)state;
    constant_is(DTYPE_F32, 1, TENSOR_FLOATS, "\0\0\200?", 4, "\0\0\200?", 4);
    constant_is(DTYPE_F32, 1, TENSOR_RAW, "\0\0\200?", 4, "\0\0\200?", 4);
    constant_is(DTYPE_C64, 1, TENSOR_FLOATS, "\0\0\200?\0\0\200?", 8, "\0\0\200?\0\0\200?", 8);
    constant_is(DTYPE_U8, 3, TENSOR_INT32S, "\1\2\377\1", 4, "\1\2\377", 3);
    constant_is(DTYPE_I8, 2, TENSOR_INT32S, "\1\376\377\377\377\377\377\377\377\377\1", 11,
                "\1\376", 2);
    constant_is(DTYPE_F16, 2, TENSOR_INT32S, "\200x\1", 3, "\0\74\1\0", 4);
    constant_is(DTYPE_BOOL, 2, TENSOR_INT32S, "\0\1", 2, "\0\1", 2);
    constant_is(DTYPE_I64, 2, TENSOR_INT64S, "\5\6", 2, "\5\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0", 16);
    constant_is(DTYPE_U32, 2, 11, "\5\6", 2, "\5\0\0\0\6\0\0\0", 8);
    constant_is(DTYPE_I4, 3, TENSOR_INT32S, "\41\3", 2, "\41\3", 2);
    constant_is(DTYPE_U2, 5, TENSOR_INT32S, "\33\1", 2, "\33\1", 2);
    constant_is(DTYPE_F6E2M3, 4, TENSOR_INT32S, "\1\2\3\4", 4, "\201\60\20", 3);
    constant_is(DTYPE_F32, 0, TENSOR_RAW, "", 0, "", 0);
}

static void test_strings(void **state)
{
    (void)state;
    struct wire t = wire_tensor(DTYPE_STRING, 1, (int64_t[]){2});
    t = wire_text(wire_text(t, TENSOR_STRINGS, "ab"), TENSOR_STRINGS, "");
    struct wire w = with_constant(wire_text(t, TENSOR_NAME, "c"));
    struct model *m = read_wire(w);
    const struct bytes *s = only_constant(m)->data;
    assert_int_equal(s[0].n, 2);
    assert_memory_equal(s[0].data, "ab", 2);
    assert_int_equal(s[1].n, 0);
    model_close(m);
    comes_back(w, NULL);
}

static struct wire sparse(int64_t last) /* [3,2] with 1 at 0 and 2 at `last` */
{
    int64_t n = 2, at[2] = {0, last};
    struct wire index = wire_tensor(DTYPE_I64, 1, &n);
    index = wire_bytes(index, TENSOR_RAW, at, sizeof at);
    struct wire s = wire_add(wire_add((struct wire){0}, 1, wire_floats("c", 2)), 2, index);
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("Add", "", "x,c", "y"));
    g = wire_ends(g, "x", "y");
    return model_of(wire_add(g, GRAPH_SPARSE, wire_int(wire_int(s, 3, 3), 3, 2)));
}

static void test_sparse(void **state)
{
    (void)state;
    struct model *m = read_wire(sparse(3));
    const struct tensor *t = only_constant(m);
    static const float want[6] = {1, 0, 0, 2, 0, 0};
    assert_int_equal(t->shape.rank, 2);
    assert_memory_equal(t->data, want, sizeof want);
    model_close(m);
    comes_back(sparse(3), NULL);
    refuses(sparse(6), "initializer 'c': index 1 of a sparse tensor is outside");
}

static void test_input_with_constant(void **state)
{
    (void)state;
    struct wire g = wire_add((struct wire){0}, GRAPH_NODE, wire_node("Add", "", "x,c", "y"));
    g = wire_ends(wire_add(g, GRAPH_INITIALIZER, wire_floats("c", 4)), "x,c", "y");
    struct model *m = read_wire(wire_model(3, 8, g));
    assert_int_equal(m->graph->n_input, 2);
    assert_ptr_equal(m->graph->input[1], m->graph->constant[0]);
    assert_int_equal(m->graph->input[1]->type.shape.rank, 1); /* the data is right */
    assert_false(value_is_fed(m->graph->input[1]));
    model_close(m);
    comes_back(wire_model(3, 8, g), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph),           cmocka_unit_test(test_optional_ends),
        cmocka_unit_test(test_order),           cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_hidden_name),     cmocka_unit_test(test_bad_graphs),
        cmocka_unit_test(test_bad_models),      cmocka_unit_test(test_function),
        cmocka_unit_test(test_bad_tensors),     cmocka_unit_test(test_typed_data),
        cmocka_unit_test(test_strings),         cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_input_with_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
