/* SPDX-License-Identifier: Apache-2.0
 *
 * op_fused: FusedConv and FusedGemm, which ONNX Runtime's optimizer leaves in the files that it
 * writes: Conv and Gemm with an activation, FusedConv also with a sum before it. They go through
 * eval of the plain operator, with a tail of their own; what no tail can do is done afterwards.
 */
#include "ops.h"

#include "k_tail.h"
#include "k_unary.h"

#include <math.h>
#include <string.h>

enum { FUSED_PARAMS = 2 };

struct activation {
    const char *name;
    enum tail_kind tail; /* TAIL_NONE: the kernel, afterwards */
    enum k_unary kernel;
    const char *param[FUSED_PARAMS]; /* attributes of FusedGemm; FusedConv has a list of floats */
    bool in_conv, in_gemm;
};
static const struct activation activations[] = {
    {"Clip", TAIL_CLIP, K_CLIP, {"min", "max"}, true, false},
    {"Elu", TAIL_NONE, K_ELU, {"activation_alpha"}, false, true},
    {"HardSigmoid", TAIL_NONE, K_HARD_SIGMOID, {"activation_alpha", "activation_beta"}, true, true},
    {"HardSwish", TAIL_NONE, K_HARD_SWISH, {NULL}, true, false},
    {"LeakyRelu", TAIL_LEAKY, K_LEAKY_RELU, {"activation_alpha"}, true, true},
    {"Relu", TAIL_CLIP, K_RELU, {NULL}, true, true},
    {"Selu", TAIL_NONE, K_SELU, {"activation_alpha", "activation_gamma"}, false, true},
    {"Sigmoid", TAIL_NONE, K_SIGMOID, {NULL}, true, true},
    {"Softplus", TAIL_NONE, K_SOFTPLUS, {NULL}, false, true},
    {"Softsign", TAIL_NONE, K_SOFTSIGN, {NULL}, false, true},
    {"Tanh", TAIL_NONE, K_TANH, {NULL}, true, true},
    {"ThresholdedRelu", TAIL_NONE, K_THRESHOLDED_RELU, {"activation_alpha"}, false, true},
};
enum { N_ACTIVATIONS = sizeof activations / sizeof *activations };

struct fused {
    const struct activation *activation; /* NULL: none */
    float param[FUSED_PARAMS];
};

static int read_params(const struct node *n, struct fused *f, struct err *err)
{
    size_t count = 0;
    const float *list = node_floats(n, "activation_params", &count);
    for (size_t i = 0; i < FUSED_PARAMS && f->activation->param[i]; i++) {
        const char *name = f->activation->param[i];
        if (n->op == OP_FusedConv && i >= count)
            return err_set(err, ERR_INPUT, "attribute activation_params is too short for %s",
                           f->activation->name);
        if (n->op == OP_FusedGemm && !node_attr(n, name))
            return err_set(err, ERR_INPUT, "activation %s needs attribute %s",
                           f->activation->name, name);
        f->param[i] = n->op == OP_FusedConv ? list[i] : node_float(n, name, 0);
    }
    return 0;
}

static int read_fused(const struct node *n, struct fused *f, struct err *err)
{
    *f = (struct fused){0};
    bool conv = n->op == OP_FusedConv;
    if (!node_attr(n, "activation") || node_string_is(n, "activation", "", ""))
        return 0;
    for (int i = 0; i < N_ACTIVATIONS; i++) {
        const struct activation *a = &activations[i];
        if ((conv ? a->in_conv : a->in_gemm) && node_string_is(n, "activation", "", a->name)) {
            f->activation = a;
            return read_params(n, f, err);
        }
    }
    return err_set(err, ERR_INPUT, "attribute activation has a value that is not supported");
}

static void set_tail(const struct fused *f, struct tail *t)
{
    if (!f->activation)
        return;
    t->kind = f->activation->tail;
    t->lo = f->param[0];
    t->hi = f->activation->kernel == K_CLIP ? f->param[1] : INFINITY;
}

/* Only float: the tail is for nothing else. */
static int check_float(const struct call *c, struct err *err)
{
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i] && c->in[i]->dtype && c->in[i]->dtype != DTYPE_F32)
            return call_refuse_dtype(c->in[i]->dtype, err);
    return 0;
}

int infer_fused_conv(struct call *c, struct err *err)
{
    struct fused f;
    struct tensor y = {.shape.rank = -1};
    struct tensor *out[] = {&y};
    struct call plain = *c;
    const struct tensor *sum = call_in(c, 3);
    TRY(check_float(c, err));
    TRY(read_fused(c->node, &f, err));
    plain.out = out;
    plain.n_out = 1;
    TRY(infer_conv(&plain, err));
    if (sum && shape_known(&sum->shape) && shape_known(&y.shape)
        && !shape_equal(&sum->shape, &y.shape))
        return err_set(err, ERR_INPUT, "input 3 and the output differ in shape");
    call_set(c, 0, y.dtype, &y.shape);
    return 0;
}

int infer_fused_gemm(struct call *c, struct err *err)
{
    struct fused f;
    TRY(check_float(c, err));
    TRY(read_fused(c->node, &f, err));
    return infer_gemm(c, err);
}

/* sum: what is added, stored as the output is; NULL: nothing. */
static int eval_fused(struct call *c, op_fn *eval, const float *sum, struct err *err)
{
    struct fused f;
    struct tail tail = {.add = sum};
    struct call plain = *c;
    TRY(read_fused(c->node, &f, err));
    set_tail(&f, &tail);
    plain.tail = &tail;
    plain.n_in = c->n_in < 3 ? c->n_in : 3;
    TRY(eval(&plain, err));
    struct tensor *y = c->out[0];
    if (f.activation && f.activation->tail == TAIL_NONE)
        k_unary_f32(f.activation->kernel, tensor_f32(y), tensor_f32(y), tensor_count(y),
                    f.param[0], f.param[1]);
    return 0;
}

int eval_fused_conv(struct call *c, struct err *err)
{
    const struct tensor *sum = call_in(c, 3);
    return eval_fused(c, eval_conv, sum ? tensor_f32(sum) : NULL, err);
}

int eval_fused_gemm(struct call *c, struct err *err)
{
    return eval_fused(c, eval_gemm, NULL, err);
}
