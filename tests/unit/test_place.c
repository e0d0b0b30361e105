/* SPDX-License-Identifier: Apache-2.0
 *
 * Placement, solving and lowering on small graphs.
 */
#include "infer.h"
#include "lower.h"
#include "place.h"
#include "place_exact.h"
#include "place_slow.h"
#include "solve.h"
#include "str.h"
#include "text.h"
#include "unit.h"

#include <math.h>

struct net {
    struct model *m;
    struct arena a;
    struct placement p;
};

static struct value *constant(struct model *m, const char *name, int rank, const int64_t *dim,
                              float scale)
{
    struct shape s = shape_of(rank, dim);
    struct tensor *t = tensor_new(m->arena, DTYPE_F32, &s);
    for (int64_t i = 0, n = tensor_count(t); i < n; i++)
        tensor_f32(t)[i] = scale * sinf((float)(i + 1));
    return graph_add_constant(m->graph, name, t);
}

static struct value *input(struct model *m, const char *name, int rank, const int64_t *dim)
{
    struct value *v = graph_add_input(m->graph, name);
    v->type.dtype = DTYPE_F32;
    v->type.shape = shape_of(rank, dim);
    return v;
}

static struct value *apply(struct model *m, const char *type, const char *out, struct value *a,
                           struct value *b, struct value *c)
{
    struct node *n = node_new(m->graph, "", type, c ? 3 : b ? 2 : 1, 1);
    struct value *const in[] = {a, b, c};
    for (int i = 0; i < n->n_in; i++)
        node_set_input(n, i, in[i]);
    n->name = out;
    node_set_output(n, 0, value_new(m->graph, out));
    node_append(n);
    return n->out[0];
}

static struct net net_new(void)
{
    struct net n = {.m = model_new("net.onnx")};
    model_set_opset(n.m, "", 13);
    return n;
}

static void net_close(struct net *n)
{
    model_close(n->m);
    arena_release(&n->a);
}

static int place(struct net *n, const char *target, const char *skip)
{
    struct err err = {0};
    return place_model(n->m, target_find(target), skip, &n->a, &n->p, &err);
}

/* conv1 -> Relu -> r; r + x -> sum; sum -> conv2 -> y */
static struct value *residual(struct net *n)
{
    struct model *m = n->m;
    struct value *x = input(m, "x", 4, (const int64_t[]){1, 4, 6, 6});
    struct value *w1 = constant(m, "w1", 4, (const int64_t[]){4, 4, 1, 1}, 1);
    struct value *w2 = constant(m, "w2", 4, (const int64_t[]){4, 4, 1, 1}, 1);
    struct value *r = apply(m, "Relu", "r", apply(m, "Conv", "c1", x, w1, NULL), NULL, NULL);
    struct value *sum = apply(m, "Add", "sum", r, x, NULL);
    graph_add_output(m->graph, apply(m, "Conv", "c2", sum, w2, NULL), "y");
    return sum;
}

static struct value *value_named(struct net *n, const char *name)
{
    graph_each(n->m->graph, k)
        for (int i = 0; i < k->n_out; i++)
            if (str_glob(name, k->out[i]->name))
                return k->out[i];
    fail_msg("there is no value %s", name);
    return NULL;
}

static void onnxruntime_rounds_behind_the_folded_relu(void **state)
{
    (void)state;
    struct net n = net_new();
    struct value *sum = residual(&n);
    assert_int_equal(place(&n, "onnxruntime", NULL), 0);
    assert_int_equal(n.p.n_layer, 2);
    assert_null(value_named(&n, "c1")->quant);
    assert_non_null(value_named(&n, "r")->quant);
    assert_non_null(value_named(&n, "c2")->quant);
    assert_non_null(sum->quant);
    const struct node *add = sum->def;
    assert_false(add->in[0].plain); /* a convolution's output goes to its quantizer only */
    assert_true(add->in[1].plain);  /* the skip branch stays float */
    net_close(&n);
}

static void openvino_rounds_inputs_of_layers_only(void **state)
{
    (void)state;
    struct net n = net_new();
    struct value *sum = residual(&n);
    assert_int_equal(place(&n, "openvino", NULL), 0);
    assert_null(value_named(&n, "r")->quant);
    assert_null(value_named(&n, "c2")->quant);
    assert_non_null(sum->quant);
    assert_null(qlayer_bias(&n.p.layer[0])->quant);
    net_close(&n);
}

static void missing_biases_are_added(void **state)
{
    (void)state;
    struct net n = net_new();
    residual(&n);
    place(&n, "onnxruntime", NULL);
    const struct value *b = qlayer_bias(&n.p.layer[0]);
    assert_int_equal(tensor_count(b->constant), 4);
    assert_ptr_equal(b->quant->product[0], n.p.layer[0].input->quant);
    assert_ptr_equal(b->quant->product[1], qlayer_weight(&n.p.layer[0])->quant);
    net_close(&n);
}

static void skipped_nodes_stay_float_with_a_reason(void **state)
{
    (void)state;
    struct net n = net_new();
    residual(&n);
    assert_int_equal(place(&n, "onnxruntime", "none,c?1,c1"), 0);
    assert_int_equal(n.p.n_layer, 1);
    assert_int_equal(n.p.n_left, 1);
    assert_string_equal(n.p.left[0].reason, "excluded by --skip-node");
    net_close(&n);
}

static void codes_share_one_quant_through_maxpool(void **state)
{
    (void)state;
    struct net n = net_new();
    struct model *m = n.m;
    struct value *x = input(m, "x", 4, (const int64_t[]){1, 4, 6, 6});
    struct value *w = constant(m, "w", 4, (const int64_t[]){4, 4, 1, 1}, 1);
    struct value *c = apply(m, "Conv", "c", x, w, NULL);
    struct value *pool = apply(m, "MaxPool", "pool", c, NULL, NULL);
    node_set_ints(pool->def, "kernel_shape", (const int64_t[]){2, 2}, 2);
    graph_add_output(m->graph, apply(m, "Conv", "d", pool, w, NULL), "y");
    assert_int_equal(place(&n, "onnxruntime", NULL), 0);
    assert_non_null(c->quant);
    assert_ptr_equal(c->quant, pool->quant);
    assert_false(pool->def->in[0].plain);
    const struct value *bias = qlayer_bias(&n.p.layer[1]);
    assert_ptr_equal(bias->quant->product[0], c->quant);
    net_close(&n);
}

static void shared_biases_are_copied_and_shared_weights_are_not(void **state)
{
    (void)state;
    struct net n = net_new();
    struct model *m = n.m;
    struct value *x = input(m, "x", 2, (const int64_t[]){1, 8});
    struct value *w = constant(m, "w", 2, (const int64_t[]){8, 8}, 1);
    struct value *b = constant(m, "b", 1, (const int64_t[]){8}, 1);
    struct value *y = apply(m, "Gemm", "g1", x, w, b);
    graph_add_output(m->graph, apply(m, "Gemm", "g2", y, w, b), "y");
    assert_int_equal(place(&n, "onnxruntime", NULL), 0);
    assert_ptr_equal(qlayer_weight(&n.p.layer[0]), qlayer_weight(&n.p.layer[1]));
    assert_ptr_not_equal(qlayer_bias(&n.p.layer[0]), qlayer_bias(&n.p.layer[1]));
    net_close(&n);
}

static void gemm_factors_go_into_the_constants(void **state)
{
    (void)state;
    struct net n = net_new();
    struct model *m = n.m;
    struct value *x = input(m, "x", 2, (const int64_t[]){1, 8});
    struct value *w = constant(m, "w", 2, (const int64_t[]){8, 3}, 1);
    struct value *b = constant(m, "b", 1, (const int64_t[]){3}, 1);
    struct value *y = apply(m, "Gemm", "g", x, w, b);
    node_set_float(y->def, "alpha", 2);
    node_set_float(y->def, "beta", -3);
    graph_add_output(m->graph, y, "y");
    assert_int_equal(place(&n, "onnxruntime", NULL), 0);
    assert_null(node_attr(y->def, "alpha"));
    assert_float_equal(tensor_f32(qlayer_weight(&n.p.layer[0])->constant)[0], 2 * sinf(1), 1e-6f);
    assert_float_equal(tensor_f32(qlayer_bias(&n.p.layer[0])->constant)[0], -3 * sinf(1), 1e-6f);
    net_close(&n);
}

static void matmul_takes_the_add_behind_it_as_bias(void **state)
{
    (void)state;
    struct net n = net_new();
    struct model *m = n.m;
    struct value *x = input(m, "x", 2, (const int64_t[]){1, 8});
    struct value *w = constant(m, "w", 2, (const int64_t[]){8, 3}, 1);
    struct value *b = constant(m, "b", 1, (const int64_t[]){3}, 1);
    struct value *y = apply(m, "Add", "sum", apply(m, "MatMul", "mm", x, w, NULL), b, NULL);
    graph_add_output(m->graph, y, "y");
    assert_int_equal(place(&n, "onnxruntime", NULL), 0);
    assert_ptr_equal(n.p.layer[0].sum, y);
    assert_int_equal(qlayer_bias(&n.p.layer[0])->quant->type.dtype, DTYPE_I32);
    assert_null(y->quant); /* matrix products need no quantized output */
    net_close(&n);
}

static void products_of_activations_stay_float(void **state)
{
    (void)state;
    struct net n = net_new();
    struct model *m = n.m;
    struct value *x = input(m, "x", 2, (const int64_t[]){8, 8});
    graph_add_output(m->graph, apply(m, "MatMul", "mm", x, x, NULL), "y");
    assert_int_equal(place(&n, "onnxruntime", NULL), -1);
    assert_string_equal(n.p.left[0].reason, "both inputs are activations");
    net_close(&n);
}

/* The samples are filtered, and the magnitudes of their transform filtered again. */
#define SPECTRUM                                                                                   \
    "opset 13\n"                                                                                   \
    "g (float[1,8,6] x) => (float[...] y)\n"                                                       \
    "<float[8,8,1] low = random(1), float[4,8,1] re = random(2), float[4,8,1] im = random(3),\n"   \
    " float[3,4,1] mel = random(4), float[2,3,1] w = random(5), float least = 1e-9>\n"             \
    "{ f = Conv(x, low) r = Conv(f, re) i = Conv(f, im)\n"                                         \
    "  rr = Mul(r, r) ii = Mul(i, i) p = Add(rr, ii)\n"                                            \
    "  m = Conv(p, mel) c = Max(m, least) l = Log(c)\n"

static void what_a_logarithm_reads_stays_float(void **state)
{
    (void)state;
    struct net n = {.m = text_model(SPECTRUM "  y = Conv(l, w) }")};
    assert_int_equal(place(&n, "openvino", NULL), 0);
    assert_int_equal(n.p.n_layer, 1);
    assert_string_equal(n.p.layer[0].node->out[0]->name, "y");
    assert_int_equal(n.p.n_left, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(n.p.left[i].reason, EXACT_LOGARITHM);
    net_close(&n);
}

/* The search ends at a Softmax; and a model that is nothing but a spectrum is quantized. */
static void not_everything_in_front_of_a_logarithm_does(void **state)
{
    (void)state;
    struct net scores = {
        .m = text_model(SPECTRUM "  k = Conv(l, w) q = Softmax(k) y = Log(q) }")};
    assert_int_equal(place(&scores, "openvino", NULL), 0);
    assert_int_equal(scores.p.n_layer, 1);
    assert_string_equal(scores.p.layer[0].node->out[0]->name, "k");
    net_close(&scores);
    struct net only = {.m = text_model(SPECTRUM "  y = Neg(l) }")};
    assert_int_equal(place(&only, "openvino", NULL), 0);
    assert_int_equal(only.p.n_layer, 4);
    net_close(&only);
}

/* How many of two layers are quantized; the first is read by a logarithm, which `rest` reads. */
static int layers_in_front_of(const char *rest)
{
    struct str text = {0};
    str_printf(&text, "opset 13 g (float[1,8,6] x) => (float[...] y, float[...] z)"
               "<float[8,8,1] u = random(1), float[4,8,1] w = random(2), float two = 2>"
               "{ f = Conv(x, u) y = Conv(f, w) a = Abs(f) s = Sqrt(a) l = Log(s) %s }", rest);
    struct net n = {.m = text_model(text.text)};
    assert_int_equal(graph_infer(n.m->graph, &(struct err){0}), 0);
    assert_int_equal(place(&n, "openvino", NULL), 0);
    int layers = n.p.n_layer;
    net_close(&n);
    str_release(&text);
    return layers;
}

/* Such as the number of the level that a box is looked for in. */
static void whole_numbers_need_no_exact_logarithm(void **state)
{
    (void)state;
    assert_int_equal(layers_in_front_of("z = Neg(l)"), 1);
    assert_int_equal(layers_in_front_of("d = Div(l, two) e = Add(two, d) z = Floor(e)"), 2);
    assert_int_equal(layers_in_front_of("i = Cast(l) <to = 7> z = Cast(i) <to = 1>"), 2);
    assert_int_equal(layers_in_front_of("h = Cast(l) <to = 10> z = Cast(h) <to = 1>"), 1);
    assert_int_equal(layers_in_front_of("d = Floor(l) z = Sub(l, d)"), 1);
}

/* How many layers OpenVINO gets of a depthwise convolution and a product. */
static int layers_with(const char *depthwise, const char *weight, const char *shape)
{
    struct str text = {0};
    str_printf(&text, "opset 13 g (float%s x) => (float[...] y, float[...] z)"
               "<float%s w = random(1), float[4,4] v = random(2)> { z = MatMul(x, v) %s }",
               shape, weight, depthwise);
    struct net n = {.m = text_model(text.text)};
    assert_int_equal(place(&n, "openvino", NULL), 0);
    int layers = n.p.n_layer;
    for (int i = 0; i < n.p.n_left; i++)
        assert_string_equal(n.p.left[i].reason, SLOW_DEPTHWISE);
    net_close(&n);
    str_release(&text);
    return layers;
}

/* Where OpenVINO's kernel for integers is slow, or does not take a zero point. */
static void slow_depthwise_layers_stay_float(void **state)
{
    (void)state;
    const char *picture = "[1,4,4,4]", *volume = "[1,4,4,4,4]";
    assert_int_equal(layers_with("y = Conv(x, w) <group = 4>", "[4,1,3,3]", picture), 2);
    assert_int_equal(layers_with("y = Conv(x, w) <group = 4>", "[8,1,3,3]", picture), 1);
    assert_int_equal(layers_with("y = Conv(x, w) <group = 4>", "[16,1,3,3]", picture), 2);
    assert_int_equal(layers_with("y = Conv(x, w) <group = 4, pads = [1,1,1,1]>", "[8,1,5,5]",
                                 picture), 2);
    assert_int_equal(layers_with("y = Conv(x, w) <group = 2>", "[8,2,3,3]", picture), 2);
    assert_int_equal(layers_with("y = Conv(x, w) <group = 4>", "[4,1,3,3,3]", volume), 1);
    assert_int_equal(layers_with("r = Relu(x) y = Conv(r, w) <group = 4>", "[4,1,3,3,3]", volume),
                     2);
    assert_int_equal(layers_with("y = Conv(x, w)", "[4,4,3,3,3]", volume), 2);
}

static void set_ranges(struct net *n, float lo, float hi)
{
    for (int i = 0; i < n->p.n_layer; i++)
        for (int k = 0; k < 2; k++) {
            struct quant *q = (k ? n->p.layer[i].output : n->p.layer[i].input)->quant;
            if (!q)
                continue;
            q->range = NEW(n->m->arena, struct range);
            *q->range = (struct range){lo, hi};
        }
}

static void a_clip_is_never_exceeded(void **state)
{
    (void)state;
    struct net n = net_new();
    struct model *m = n.m;
    struct value *x = input(m, "x", 4, (const int64_t[]){1, 4, 6, 6});
    struct value *w = constant(m, "w", 4, (const int64_t[]){4, 4, 1, 1}, 1);
    struct value *lo = graph_add_constant(m->graph, "lo", tensor_scalar(m->arena, DTYPE_F32, 0));
    struct value *hi = graph_add_constant(m->graph, "hi", tensor_scalar(m->arena, DTYPE_F32, 6));
    struct value *c = apply(m, "Clip", "clip", apply(m, "Conv", "c", x, w, NULL), lo, hi);
    graph_add_output(m->graph, c, "y");
    assert_int_equal(place(&n, "onnxruntime", NULL), 0);
    assert_non_null(c->quant);
    set_ranges(&n, 0, 6);
    solve_model(m, &n.p, 1);
    assert_true(255 * c->quant->scale[0] <= 6);
    assert_true(255 * c->quant->scale[0] > 5.9999f);
    net_close(&n);
}

static void biases_fit_int32(void **state)
{
    (void)state;
    struct net n = net_new();
    struct model *m = n.m;
    struct value *x = input(m, "x", 2, (const int64_t[]){1, 8});
    struct value *w = constant(m, "w", 2, (const int64_t[]){8, 3}, 1e-6f);
    for (int i = 0; i < 8; i++)
        tensor_f32(w->constant)[i * 3 + 2] = 0; /* no weight, only a bias */
    struct value *b = constant(m, "b", 1, (const int64_t[]){3}, 100);
    graph_add_output(m->graph, apply(m, "Gemm", "g", x, w, b), "y");
    assert_int_equal(place(&n, "onnxruntime", NULL), 0);
    set_ranges(&n, 0, 0.001f);
    solve_model(m, &n.p, 1);
    const struct quant *q = qlayer_bias(&n.p.layer[0])->quant;
    const float *bias = tensor_f32(qlayer_bias(&n.p.layer[0])->constant);
    for (int i = 0; i < 3; i++) {
        double code = (double)bias[i] / (double)q->scale[i];
        assert_true(fabs(code) < 2147483647.0);
        assert_true(fabs(nearbyint(code) * (double)q->scale[i] - (double)bias[i]) < 1e-3);
    }
    net_close(&n);
}

static void layers_are_found_again_in_a_clone(void **state)
{
    (void)state;
    struct net n = net_new();
    residual(&n);
    place(&n, "onnxruntime", NULL);
    struct model *copy = model_clone(n.m);
    struct placement p;
    place_find_layers(copy, &n.a, &p);
    assert_int_equal(p.n_layer, n.p.n_layer);
    for (int i = 0; i < p.n_layer; i++) {
        assert_int_equal(p.layer[i].node->id, n.p.layer[i].node->id);
        assert_int_equal(p.layer[i].output->id, n.p.layer[i].output->id);
        assert_ptr_not_equal(p.layer[i].node, n.p.layer[i].node);
    }
    model_close(copy);
    net_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(onnxruntime_rounds_behind_the_folded_relu),
        cmocka_unit_test(openvino_rounds_inputs_of_layers_only),
        cmocka_unit_test(missing_biases_are_added),
        cmocka_unit_test(skipped_nodes_stay_float_with_a_reason),
        cmocka_unit_test(codes_share_one_quant_through_maxpool),
        cmocka_unit_test(shared_biases_are_copied_and_shared_weights_are_not),
        cmocka_unit_test(gemm_factors_go_into_the_constants),
        cmocka_unit_test(matmul_takes_the_add_behind_it_as_bias),
        cmocka_unit_test(products_of_activations_stay_float),
        cmocka_unit_test(what_a_logarithm_reads_stays_float),
        cmocka_unit_test(not_everything_in_front_of_a_logarithm_does),
        cmocka_unit_test(whole_numbers_need_no_exact_logarithm),
        cmocka_unit_test(slow_depthwise_layers_stay_float),
        cmocka_unit_test(a_clip_is_never_exceeded),
        cmocka_unit_test(biases_fit_int32),
        cmocka_unit_test(layers_are_found_again_in_a_clone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
