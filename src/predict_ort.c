/* SPDX-License-Identifier: Apache-2.0
 *
 * predict_ort: ONNX Runtime on CPUs, as measured on 1.31 with its default options.
 *
 * Its optimizer replaces DequantizeLinear - operator - QuantizeLinear by one integer kernel. Before
 * that it gives each reader of a DequantizeLinear one of its own, moves both kinds of nodes across
 * operators that only move data, and turns int8 activations into uint8 wherever a QuantizeLinear
 * has a single reader. So signed codes are a matter of readers.
 */
#include "predict_layer.h"

#include "op.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define BIAS_IGNORED                                                                               \
    "the bias's own scale is not looked at, and it is not input scale * weight scale"

enum end_kind {
    END_FLOAT,   /* no QuantizeLinear reads the output */
    END_CODES,   /* one QuantizeLinear does, and nothing else */
    END_MIXED,   /* others read it as well */
    END_BLOCKED, /* a Relu or Clip stands there, read once, and no QuantizeLinear contains it */
};
struct end {
    enum end_kind kind;
    const struct node *quantize; /* of END_CODES */
};

struct layer {
    const struct node *node;
    struct codes_of x, w, b;
    const struct value *bias; /* input 2, or what is added behind a MatMul; NULL: none */
    struct end end;
    bool fused; /* a MatMul and its Add become a Gemm */
    float alpha, beta;
};

static bool moves_data(const struct node *n)
{
    if (!n->n_out || !n->out[0])
        return false;
    switch (n->op) {
    case OP_MaxPool: return n->n_out < 2 || !n->out[1] || !n->out[1]->uses;
    case OP_Reshape: case OP_Transpose: case OP_Squeeze: case OP_Unsqueeze: case OP_Slice:
        return true;
    default: return false;
    }
}

/* A constant Pad of zeros goes into the Conv behind it. */
static bool is_pad_of_conv(const struct node *n, const struct node *layer)
{
    const struct tensor *fill = operand_tensor(n, 2);
    return n->op == OP_Pad && layer->op == OP_Conv && value_used_once(n->out[0])
           && node_string_is(n, "mode", "constant", "constant")
           && (!node_input(n, 2) || (fill && tensor_is_all(fill, 0)))
           && node_string_is(layer, "auto_pad", "NOTSET", "NOTSET");
}

static struct codes_of find_codes(const struct node *layer, const struct value *v)
{
    v = value_before_copies(v);
    if (v && v->def && is_pad_of_conv(v->def, layer))
        v = value_before_copies(v->def->in[0].value);
    for (; v && v->def; v = value_before_copies(v->def->in[0].value)) {
        if (node_is_dequantize(v->def) && v->def->graph == layer->graph)
            return codes_read(v->def);
        if (!moves_data(v->def))
            break;
    }
    return (struct codes_of){0};
}

static bool is_same_quantize(const struct node *a, const struct node *b)
{
    return node_is_quantize(a) && node_is_quantize(b) && node_input(a, 0) == node_input(b, 0)
           && node_input(a, 1) == node_input(b, 1) && node_input(a, 2) == node_input(b, 2);
}

/* Readers of what a QuantizeLinear makes, each DequantizeLinear counted as often as it is read;
 * others than those count twice. QuantizeLinear nodes with the same inputs become one. */
static int count_readers(const struct node *quantize)
{
    int count = 0;
    value_each_use(node_input(quantize, 0), same) {
        if (!is_same_quantize(same->user, quantize))
            continue;
        value_each_use(same->user->out[0], u) {
            bool real = node_is_dequantize(u->user);
            count += real ? 0 : 2;
            for (const struct use *k = real ? u->user->out[0]->uses : NULL; k; k = k->next)
                count++;
        }
    }
    return count;
}

/* The type that the codes have once int8 was turned into uint8 where it can be. */
static enum dtype type_in_session(enum dtype dtype, const struct node *quantize)
{
    return dtype == DTYPE_I8 && quantize && count_readers(quantize) == 1 ? DTYPE_U8 : dtype;
}

/* What moves data right in front of the layer: the runtime puts a QuantizeLinear and a
 * DequantizeLinear behind it. NULL: nothing does. */
static const struct node *mover_before(const struct node *layer)
{
    const struct value *v = value_before_copies(node_input(layer, 0));
    if (v && v->def && is_pad_of_conv(v->def, layer))
        v = value_before_copies(node_input(v->def, 0));
    return v && v->def && moves_data(v->def) ? v->def : NULL;
}

static enum dtype input_type(const struct layer *l)
{
    const struct node *mover = mover_before(l->node);
    if (mover && l->x.dtype == DTYPE_I8)
        return value_used_once(mover->out[0]) ? DTYPE_U8 : DTYPE_I8;
    const struct value *codes = value_before_copies(node_input(l->x.node, 0));
    const struct node *q = codes && node_is_quantize(codes->def) ? codes->def : NULL;
    return type_in_session(l->x.dtype, q);
}

static enum dtype quantize_type(const struct node *q)
{
    return q->out[0]->type.dtype ? q->out[0]->type.dtype
         : node_input(q, 2)      ? node_input(q, 2)->type.dtype
                                 : DTYPE_U8;
}

static enum dtype output_type(const struct layer *l)
{
    return type_in_session(quantize_type(l->end.quantize), l->end.quantize);
}

bool quantize_contains(const struct node *q, const struct node *bounds)
{
    const struct tensor *scale = operand_tensor(q, 1), *zero = operand_tensor(q, 2);
    enum dtype dtype = quantize_type(q);
    if (!scale || tensor_count(scale) != 1 || (dtype != DTYPE_U8 && dtype != DTYPE_I8))
        return false;
    double z = zero ? tensor_get(zero, 0) : 0, least = dtype == DTYPE_U8 ? 0 : -128;
    if (bounds->op == OP_Relu)
        return z == least;
    const struct tensor *lo = operand_tensor(bounds, 1), *hi = operand_tensor(bounds, 2);
    double s = tensor_get(scale, 0), low = -FLT_MAX, high = FLT_MAX;
    if ((node_input(bounds, 1) && !lo) || (node_input(bounds, 2) && !hi))
        return false;
    low = lo ? tensor_get(lo, 0) : node_float(bounds, "min", -FLT_MAX);
    high = hi ? tensor_get(hi, 0) : node_float(bounds, "max", FLT_MAX);
    return (float)((least - z) * s) >= (float)low && (float)((least + 255 - z) * s) <= (float)high;
}

/* All readers are the same QuantizeLinear. */
static const struct node *common_quantize(const struct value *v)
{
    const struct node *first = v->uses ? v->uses->user : NULL;
    value_each_use(v, u)
        if (!is_same_quantize(u->user, first) || u->value != u->user->in[0].value)
            return NULL;
    return first;
}

static bool has_quantize(const struct value *v)
{
    value_each_use(v, u)
        if (node_is_quantize(u->user))
            return true;
    return false;
}

/* Behind Relu and Clip: whoever reads them must be alone, or they are operators like others. */
static bool bounds_layer(const struct node *n)
{
    if ((n->op != OP_Relu && n->op != OP_Clip) || !n->n_out || !n->out[0])
        return false;
    const struct node *user = value_only_user(n->out[0]);
    return (user && !node_is_result(user)) || common_quantize(n->out[0]);
}

/* moved: something that moves data stands behind the layer already. */
static struct end find_end(const struct value *v, bool moved)
{
    const struct node *bounds = NULL;
    for (;;) {
        const struct node *q = common_quantize(v), *user = value_only_user(v);
        if (q && (!bounds || quantize_contains(q, bounds)))
            return (struct end){END_CODES, q};
        if (q)
            return (struct end){END_BLOCKED, NULL};
        bool moves = user && moves_data(user) && user->in[0].value == v;
        if (user && !moved && !bounds && bounds_layer(user))
            bounds = user;
        else if (moves)
            moved = true;
        else if (!user || !node_is_copy(user))
            break;
        v = user->out[0];
    }
    enum end_kind kind = bounds ? END_BLOCKED : has_quantize(v) ? END_MIXED : END_FLOAT;
    return (struct end){kind, NULL};
}

/* The Add that is merged with a MatMul of rank 2 weights; *slot is its other input. */
static const struct node *merged_add(const struct node *n, int *slot)
{
    const struct node *add = value_only_user(n->out[0]);
    const struct value *a = node_input(n, 0), *b = node_input(n, 1);
    if (!add || add->op != OP_Add || !add->n_out || !add->out[0])
        return NULL;
    if (!a || !b || b->type.shape.rank != 2 || a->type.shape.rank < 2)
        return NULL;
    *slot = add->in[0].value == n->out[0] ? 1 : 0;
    const struct value *other = add->in[*slot].value;
    const struct shape *s = other ? &other->type.shape : NULL;
    int64_t channels = b->type.shape.dim[1];
    if (!s || s->rank < 1 || channels < 0 || !other->type.dtype)
        return NULL;
    if (s->rank == 1)
        return s->dim[0] == channels && (a->type.shape.rank == 2 || shape_known(&a->type.shape))
               ? add : NULL;
    bool fits = a->type.shape.rank == 2 && s->rank == 2
                && (s->dim[0] == 1 || (s->dim[0] > 0 && s->dim[0] == a->type.shape.dim[0]))
                && (s->dim[1] == 1 || s->dim[1] == channels);
    return fits ? add : NULL;
}

static struct layer layer_read(const struct node *n)
{
    struct layer l = {.node = n, .alpha = 1, .beta = 1, .bias = node_input(n, 2)};
    l.x = find_codes(n, node_input(n, 0));
    l.w = find_codes(n, node_input(n, 1));
    const struct value *out = n->out[0];
    int slot;
    const struct node *add = n->op == OP_MatMul ? merged_add(n, &slot) : NULL;
    if (add) {
        l.fused = true;
        l.bias = add->in[slot].value;
        out = add->out[0];
    }
    if (n->op == OP_Gemm) {
        l.alpha = node_float(n, "alpha", 1);
        l.beta = node_float(n, "beta", 1);
    }
    if (l.bias)
        l.b = find_codes(n, l.bias);
    const struct value *x = node_input(n, 0);
    l.end = find_end(out, l.fused && x->type.shape.rank > 2);
    return l;
}

static bool is_narrow_or_wide(const struct codes_of *c)
{
    return c->node && c->dtype != DTYPE_NONE && !codes_are_8bit(c);
}

/* In float; where the weight is codes, they are dequantized at each run. */
static struct judgement in_float(const struct layer *l, const char *why)
{
    bool codes = (l->w.node && l->w.constant) || (l->x.node && l->x.constant);
    return (struct judgement){codes ? VERDICT_DEQUANTIZES : VERDICT_FLOAT, why};
}

/* The scales of a weight that will be read in integers. */
static struct judgement judge_weight_scales(const struct layer *l)
{
    const struct node *n = l->node;
    const struct value *w = node_input(n, 1);
    if (l->w.n_scales <= 1)
        return JUDGE(INTEGER, "");
    if (n->op == OP_MatMul && w->type.shape.rank > 2)
        return JUDGE(FAILS, "a scale per channel of a weight that has more than two axes");
    if (w->def != l->w.node || l->w.axis == weight_axis(n))
        return JUDGE(INTEGER, "");
    return l->w.n_scales == weight_channels(n)
               ? JUDGE(WRONG, "the weight's scales are on the wrong axis, and are taken for those "
                              "of output channels")
               : JUDGE(FAILS, "the weight's scales are not on the axis of output channels");
}

static const char *reason_of_types(const struct layer *l)
{
    if (is_narrow_or_wide(&l->x) || is_narrow_or_wide(&l->w))
        return "codes of other than 8 bits";
    if (l->x.real != DTYPE_F32 || (l->w.node && l->w.real != DTYPE_F32))
        return "scales that are not float32";
    return NULL;
}

static const char *reason_of_end(const struct layer *l)
{
    switch (l->end.kind) {
    case END_FLOAT: return "its output is not quantized";
    case END_MIXED: return "its output is also read unquantized, or by several QuantizeLinear";
    case END_BLOCKED: return "its Relu or Clip is not contained in a quantization behind it";
    default: break;
    }
    const struct tensor *scale = operand_tensor(l->end.quantize, 1);
    if (scale && tensor_count(scale) > 1)
        return "its output has a scale per channel";
    if (input_type(l) == DTYPE_I8)
        return "signed codes that have several readers go in";
    if (output_type(l) != input_type(l))
        return "signed codes that have several readers come out";
    return NULL;
}

static struct judgement judge_conv(const struct node *n)
{
    struct layer l = layer_read(n);
    const char *why;
    if (!l.x.node)
        return in_float(&l, "its input is not quantized");
    if ((why = reason_of_types(&l)) || (why = reason_of_end(&l)))
        return in_float(&l, why);
    if (!l.w.node && !operand_tensor(n, 1))
        return in_float(&l, "its weight is neither quantized nor constant");
    const struct tensor *bias = value_tensor(l.bias);
    if (l.bias && l.b.node && l.b.dtype != DTYPE_I32)
        return in_float(&l, "its bias is not quantized to int32");
    if (l.bias && !l.b.node && !(bias && bias->dtype == DTYPE_F32))
        return in_float(&l, "its bias is neither quantized nor constant");
    bool per_channel = l.x.n_scales > 1;
    struct bias_fit fit = {0};
    if (l.b.node)
        fit = bias_scale_fit(&l.x, &l.w, &l.b);
    if (fit.refused && !per_channel)
        return in_float(&l, "the scale of its bias is not input scale * weight scale");
    if (per_channel)
        return l.bias ? in_float(&l, "its input has a scale per channel")
                      : JUDGE(FAILS, "its input has a scale per channel");
    if (!l.w.node)
        return JUDGE(INTEGER, "the runtime quantizes its weight, with one scale");
    const struct tensor *step = operand_tensor(l.end.quantize, 1);
    if (step && fit.error > tensor_get(step, 0) / 2)
        return JUDGE(WRONG, BIAS_IGNORED);
    return judge_weight_scales(&l);
}

/* A weight alone in codes: MatMulNBits with activations rounded by block. */
static struct judgement judge_weight_only(const struct layer *l)
{
    const struct node *n = l->node;
    const struct value *w = value_before_copies(node_input(n, 1));
    if (!l->w.node || !l->w.constant || l->x.node)
        return in_float(l, "its input is not quantized");
    bool plain = (l->alpha == 1) && (l->beta == 1) && !node_int(n, "transA", 0)
                 && !node_int(n, "transB", 0);
    bool block = !l->w.block || (l->w.block >= 16 && l->w.block <= 256
                                 && !(l->w.block & (l->w.block - 1)) && l->w.axis == 0);
    bool axis = l->w.block || l->w.n_scales == 1 || w->def != l->w.node
                || l->w.axis == weight_axis(n);
    bool once = value_used_once(l->w.node->out[0]);
    if (!plain || !block || !axis || !once || w->type.shape.rank != 2 || l->w.real != DTYPE_F32)
        return in_float(l, "its input is not quantized, and its weight not in a form that "
                           "becomes MatMulNBits");
    if (l->end.kind != END_FLOAT)
        return in_float(l, "its input is not quantized, but its output is");
    return JUDGE(INTEGER, "as MatMulNBits, which rounds its input to int8 by block");
}

/* Gemm kernels do not look at the bias's scale at all. Errors are forgiven below half a step of the
 * output's codes; without such codes, none are. */
static bool bias_error_matters(const struct layer *l)
{
    struct bias_fit fit = bias_scale_fit(&l->x, &l->w, &l->b);
    const struct tensor *step =
        l->end.kind == END_CODES ? operand_tensor(l->end.quantize, 1) : NULL;
    return fit.error > (step ? tensor_get(step, 0) / 2 : 1e-30);
}

static struct judgement judge_bias_of_product(const struct layer *l)
{
    const struct tensor *bias = value_tensor(l->bias);
    if (l->beta != 1)
        return in_float(l, "beta is not 1");
    if (l->alpha != 1)
        return in_float(l, "alpha is not 1, and there is a bias");
    if (l->b.node && l->b.dtype != DTYPE_I32)
        return in_float(l, "its bias is not quantized to int32");
    if (l->b.node)
        return bias_error_matters(l) ? JUDGE(WRONG, BIAS_IGNORED) : JUDGE(INTEGER, "");
    if (!bias || bias->shape.rank != 1)
        return in_float(l, "its bias is not a constant vector");
    if (l->end.kind != END_CODES)
        return in_float(l, "its bias is float, and its output not quantized");
    return JUDGE(INTEGER, "");
}

/* Gemm and MatMul. */
static struct judgement judge_product(const struct node *n)
{
    struct layer l = layer_read(n);
    bool gemm = n->op == OP_Gemm || l.fused;
    const char *why;
    if (!l.x.node)
        return judge_weight_only(&l);
    if (l.w.node && l.w.block && codes_are_8bit(&l.w))
        return JUDGE(FAILS, "a blocked weight whose input is quantized too");
    if ((why = reason_of_types(&l)))
        return in_float(&l, why);
    if (!l.w.node && !(n->op == OP_Gemm && operand_tensor(n, 1) && l.end.kind == END_CODES))
        return in_float(&l, "its weight is not quantized");
    if (l.end.kind != END_FLOAT && (why = reason_of_end(&l)))
        return in_float(&l, why);
    if (l.end.kind == END_FLOAT && input_type(&l) == DTYPE_I8 && !gemm)
        return in_float(&l, "signed codes that have several readers, or are constant, go in");
    struct judgement bias = l.bias ? judge_bias_of_product(&l) : JUDGE(INTEGER, "");
    if (bias.verdict != VERDICT_INTEGER && bias.verdict != VERDICT_WRONG)
        return bias;
    if (l.x.n_scales > 1)
        return gemm ? in_float(&l, "its input has a scale per channel")
                    : JUDGE(FAILS, "its input has a scale per channel");
    if (!l.w.node)
        return JUDGE(INTEGER, "the runtime quantizes its weight, with one scale");
    struct judgement scales = judge_weight_scales(&l);
    return scales.verdict != VERDICT_INTEGER ? scales : bias;
}

static bool is_captured(const struct value *v)
{
    value_each_use(v, u)
        if (u->user->graph != v->graph)
            return true;
    return false;
}

/* The runtime moves a DequantizeLinear forward across these, to every reader, unless one quantizes
 * again; at one that is a body of If, Loop or Scan it ends the process by a failed assertion. */
struct judgement ort_objects(const struct node *n)
{
    if (n->op == OP_FakeQuantize)
        return JUDGE(FAILS, "the runtime does not know FakeQuantize");
    if (moves_data(n) && is_captured(n->out[0]) && !has_quantize(n->out[0])
        && find_codes(n, n->in[0].value).node)
        return JUDGE(FAILS, "the runtime crashes where codes go through MaxPool, Reshape, "
                            "Transpose, Squeeze, Unsqueeze or Slice, and a body of If, Loop or "
                            "Scan reads them");
    return JUDGE(INTEGER, "");
}

struct judgement predict_ort(const struct node *n)
{
    struct layer l = {.node = n};
    switch (n->op) {
    case OP_Conv: return judge_conv(n);
    case OP_Gemm: case OP_MatMul: return judge_product(n);
    case OP_QLinearConv: case OP_MsQLinearConv: case OP_QLinearMatMul: case OP_ConvInteger:
    case OP_MatMulInteger: case OP_MatMulIntegerToFloat: case OP_QGemm:
    case OP_DynamicQuantizeMatMul: case OP_DynamicQuantizeLSTM: case OP_QAttention:
        return JUDGE(INTEGER, "");
    case OP_MatMulNBits:
        return node_int(n, "accuracy_level", 0) == 4
                   ? JUDGE(INTEGER, "rounds its input to int8 by block")
                   : JUDGE(DEQUANTIZES, "accuracy_level is not 4");
    default:
        l.x = find_codes(n, node_input(n, 0));
        l.w = find_codes(n, node_input(n, 1));
        return in_float(&l, "there is no integer kernel for this operator");
    }
}

bool predict_ort_rounds_weight(const struct node *n)
{
    bool layer = n->op == OP_Conv || n->op == OP_Gemm;
    return layer && operand_tensor(n, 1) && predict_ort(n).verdict == VERDICT_INTEGER;
}
