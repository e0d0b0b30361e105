/* SPDX-License-Identifier: Apache-2.0
 *
 * unfuse: operators that ONNX Runtime's optimizer left in a file become ONNX's own.
 *
 *     FusedConv(x, w, b, z)       =>  f(Conv(x, w, b) + z)           f by the attribute activation
 *     FusedGemm(a, b, c)          =>  f(Gemm(a, b, c))
 *     FusedMatMul(a, b), TransposeMatMul
 *                                 =>  alpha * MatMul(Transpose(a), Transpose(b))
 *     QuickGelu(x)                =>  x * Sigmoid(alpha * x)
 *     BiasGelu(x, b)              =>  Gelu(x + b), and FastGelu likewise
 *
 * Other runtimes do not have them, and here only the plain layers are quantized, equalized and
 * folded into. HardSwish is written as x * HardSigmoid(x), which every opset has.
 */
#include "match.h"
#include "pass.h"

#include <stdio.h>

enum { PARAMS = 2 };

/* Activations: of FusedConv the parameters are a list, of FusedGemm activation_alpha and so on. */
static const struct activation_row {
    const char *name;
    enum op op;
    const char *param[PARAMS];
} activations[] = {
    {"Clip", OP_Clip, {"min", "max"}},
    {"Elu", OP_Elu, {"alpha"}},
    {"HardSigmoid", OP_HardSigmoid, {"alpha", "beta"}},
    {"HardSwish", OP_HardSwish, {NULL}},
    {"LeakyRelu", OP_LeakyRelu, {"alpha"}},
    {"Relu", OP_Relu, {NULL}},
    {"Selu", OP_Selu, {"alpha", "gamma"}},
    {"Sigmoid", OP_Sigmoid, {NULL}},
    {"Softplus", OP_Softplus, {NULL}},
    {"Softsign", OP_Softsign, {NULL}},
    {"Tanh", OP_Tanh, {NULL}},
    {"ThresholdedRelu", OP_ThresholdedRelu, {"alpha"}},
};
enum { N_ACTIVATIONS = sizeof activations / sizeof activations[0] };

static struct value *build_one(struct build *at, enum op op, struct value *x)
{
    return build_node(at, op, 1, &x, 1)->out[0];
}

static struct value *build_two(struct build *at, enum op op, struct value *a, struct value *b)
{
    return build_node(at, op, 2, (struct value *[]){a, b}, 1)->out[0];
}

static struct value *build_number(struct build *at, const char *suffix, enum dtype dtype, double v)
{
    struct arena *a = at->graph->model->arena;
    return build_constant(at, suffix, tensor_scalar(a, dtype ? dtype : DTYPE_F32, v));
}

/* False: a parameter is missing. */
static bool read_params(const struct node *n, const struct activation_row *row, float *v)
{
    size_t count;
    const float *list = node_floats(n, "activation_params", &count);
    for (size_t i = 0; i < PARAMS && row->param[i]; i++) {
        char name[32];
        snprintf(name, sizeof name, "activation_%s", row->param[i]);
        const struct attr *a = node_attr(n, name);
        if (list ? i >= count : !a || a->kind != ATTR_FLOAT)
            return false;
        v[i] = list ? list[i] : a->f;
    }
    return true;
}

/* Bounds are inputs of Clip since opset 11. */
static struct value *build_clip(struct build *at, struct value *x, enum dtype dtype,
                                const float *bound)
{
    struct node *clip;
    if (model_opset(at->graph->model, "") < 11) {
        clip = build_node(at, OP_Clip, 1, &x, 1);
        node_set_float(clip, "min", bound[0]);
        node_set_float(clip, "max", bound[1]);
        return clip->out[0];
    }
    struct value *in[] = {x, build_number(at, "min", dtype, (double)bound[0]),
                          build_number(at, "max", dtype, (double)bound[1])};
    return build_node(at, OP_Clip, 3, in, 1)->out[0];
}

static struct value *build_activation(struct build *at, struct value *x, enum dtype dtype,
                                      const struct activation_row *row, const float *param)
{
    if (row->op == OP_Clip)
        return build_clip(at, x, dtype, param);
    if (row->op == OP_HardSwish) {
        struct value *gate = build_one(at, OP_HardSigmoid, x);
        node_set_float(gate->def, "alpha", 1.0f / 6);
        node_set_float(gate->def, "beta", 0.5f);
        return build_two(at, OP_Mul, x, gate);
    }
    struct value *y = build_one(at, row->op, x);
    for (int i = 0; i < PARAMS && row->param[i]; i++)
        node_set_float(y->def, row->param[i], param[i]);
    return y;
}

/* The plain layer under the name of the fused one, with its attributes but for the activation's. */
static struct value *build_layer(struct build *at, const struct node *fused, enum op op)
{
    struct value *in[3];
    int n_in = fused->n_in < 3 ? fused->n_in : 3;
    for (int i = 0; i < n_in; i++)
        in[i] = fused->in[i].value;
    while (n_in && !in[n_in - 1])
        n_in--;
    struct node *n = build_node(at, op, n_in, in, 1);
    n->name = fused->name;
    n->attr = arena_copy(at->graph->model->arena, fused->attr,
                         (size_t)fused->n_attr * sizeof *fused->attr);
    n->n_attr = fused->n_attr;
    static const char *const extra[] = {"activation", "activation_params", "activation_alpha",
                                        "activation_beta", "activation_gamma"};
    for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++)
        node_drop_attr(n, extra[i]);
    return n->out[0];
}

static int unfuse_layer(struct node *n, enum op op)
{
    const struct activation_row *row = NULL;
    enum dtype dtype = n->out[0]->type.dtype;
    float param[PARAMS];
    bool plain = node_string_is(n, "activation", "", "");
    for (int i = 0; i < N_ACTIVATIONS && !plain; i++)
        if (node_string_is(n, "activation", "", activations[i].name))
            row = &activations[i];
    if (!plain && (!row || !read_params(n, row, param)))
        return 0;
    struct build at = build_before(n);
    struct value *y = build_layer(&at, n, op);
    if (node_input(n, 3))
        y = build_two(&at, OP_Add, y, node_input(n, 3));
    match_put(n, row ? build_activation(&at, y, dtype, row, param) : y);
    return 1;
}

/* The input of a MatMul that FusedMatMul makes of one of its own; NULL: its rank is not known. */
static struct value *build_side(struct build *at, const struct node *n, int slot)
{
    static const char *const turn[] = {"transA", "transB"}, *const far[] = {"transBatchA",
                                                                            "transBatchB"};
    struct value *x = n->in[slot].value;
    int rank = x->type.shape.rank;
    bool turned = node_int(n, turn[slot], 0) != 0, first = node_int(n, far[slot], 0) != 0;
    int64_t perm[MAX_RANK];
    if (rank == 1 || (!turned && !first))
        return x;
    if (rank < 2)
        return NULL;
    for (int i = 0; i < rank; i++)
        perm[i] = first && i < rank - 1 ? (i + 1) % (rank - 1) : i;
    if (turned) {
        int64_t last = perm[rank - 1];
        perm[rank - 1] = perm[rank - 2];
        perm[rank - 2] = last;
    }
    struct value *y = build_one(at, OP_Transpose, x);
    node_set_ints(y->def, "perm", perm, (size_t)rank);
    return y;
}

static int unfuse_matmul(struct node *n, struct str *notes)
{
    struct build at = build_before(n);
    struct value *a = build_side(&at, n, 0), *b = build_side(&at, n, 1);
    if (!a || !b) {
        str_printf(notes, "%s: left as it is: the rank of an input is not known\n", node_title(n));
        return 0;
    }
    double alpha = (double)node_float(n, "alpha", 1);
    enum dtype dtype = n->out[0]->type.dtype;
    struct value *y = build_two(&at, OP_MatMul, a, b);
    y->def->name = n->name;
    if (alpha != 1)
        y = build_two(&at, OP_Mul, y, build_number(&at, "alpha", dtype, alpha));
    match_put(n, y);
    return 1;
}

static int unfuse_quick_gelu(struct node *n)
{
    struct build at = build_before(n);
    struct value *x = node_input(n, 0), *inner = x;
    double alpha = (double)node_float(n, "alpha", 1.702f);
    if (alpha != 1)
        inner = build_two(&at, OP_Mul, x, build_number(&at, "alpha", x->type.dtype, alpha));
    match_put(n, build_two(&at, OP_Mul, x, build_one(&at, OP_Sigmoid, inner)));
    return 1;
}

static int unfuse_bias_gelu(struct node *n)
{
    if (!node_input(n, 1))
        return 0;
    struct build at = build_before(n);
    struct value *sum = build_two(&at, OP_Add, node_input(n, 0), node_input(n, 1));
    match_put(n, build_one(&at, n->op == OP_BiasGelu ? OP_MsGelu : OP_FastGelu, sum));
    return 1;
}

static int unfuse_node(struct node *n, void *notes)
{
    if (!n->n_out || !n->out[0])
        return 0;
    switch (n->op) {
    case OP_FusedConv: return unfuse_layer(n, OP_Conv);
    case OP_FusedGemm: return unfuse_layer(n, OP_Gemm);
    case OP_FusedMatMul: case OP_TransposeMatMul: return unfuse_matmul(n, notes);
    case OP_QuickGelu: return unfuse_quick_gelu(n);
    case OP_BiasGelu: case OP_FastGelu: return unfuse_bias_gelu(n);
    default: return 0;
    }
}

static int run(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    if (model_opset(m, "") < 7)
        return 0;
    int changes = match_each(m->graph, unfuse_node, &ctx->notes);
    graph_sweep(m->graph);
    return changes;
}

const struct pass pass_unfuse = {
    .name = "unfuse",
    .summary = "write fused operators of ONNX Runtime as ONNX's own",
    .needs = FACT_TYPES,
    .breaks = FACT_TYPES,
    .flags = PASS_SAME_RESULT,
    .run = run,
};
