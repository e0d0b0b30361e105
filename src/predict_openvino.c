/* SPDX-License-Identifier: Apache-2.0
 *
 * predict_openvino: the CPU plugin, as measured on 2026.4 in its f32 mode.
 *
 * Its low-precision passes move dequantization forward, across operators that commute with it, to
 * the layer: so what matters is whether a layer's input is dequantized codes then, and with which
 * parameters. What happens behind the layer does not matter.
 */
#include "predict_layer.h"

#include "extreme.h"
#include "op.h"
#include "picks.h"

#include <string.h>

struct arrival { /* what comes to a layer */
    struct codes_of codes; /* node NULL: floats */
    bool per_channel;      /* the dequantization differs from channel to channel */
    bool signed_join;      /* int8 codes went through a Concat */
    bool wide;             /* 16-bit codes: the plugin leaves such pairs out */
    bool extreme;          /* maxima or minima were quantized */
    bool across;           /* a Concat of something else than the layer's channels was */
};

/* What a search may look at: joins of joins double the paths, and nobody quantizes far away. */
enum { SEARCH_BUDGET = 2000 };
struct search {
    const struct node *layer;
    int budget;
};

static struct arrival find_arrival(struct search *s, const struct value *v);

static bool same_constants(const struct tensor *a, const struct tensor *b)
{
    return a && b && tensor_count(a) == 1 && tensor_count(b) == 1
           && tensor_get(a, 0) == tensor_get(b, 0);
}

/* Does it join something else than the layer's channels? A FakeQuantize does not mind. */
static bool joins_across(const struct search *s, const struct node *concat,
                         const struct codes_of *codes)
{
    int rank = concat->out[0]->type.shape.rank;
    int64_t axis = node_int(concat, "axis", 0);
    bool conv = s->layer->op == OP_Conv || s->layer->op == OP_ConvTranspose;
    return rank >= 0 && (axis < 0 ? axis + rank : axis) != (conv ? 1 : rank - 1)
        && codes->node->op != OP_FakeQuantize;
}

/* FakeQuantize has no codes before the plugin gives it some. */
static bool has_signed_codes(const struct codes_of *c)
{
    return c->dtype == DTYPE_I8 && c->node->op != OP_FakeQuantize;
}

/* Codes stay codes in a Concat; with other scales they are dequantized channel by channel. */
static struct arrival join(struct search *s, const struct node *concat)
{
    struct arrival all = {0};
    for (int i = 0; i < concat->n_in; i++) {
        struct arrival a = find_arrival(s, concat->in[i].value);
        if (!a.codes.node)
            return a;
        a.per_channel = a.per_channel
                        || (i && !same_constants(a.codes.scale, all.codes.scale));
        a.per_channel = a.per_channel || all.per_channel;
        a.across = a.across || all.across || joins_across(s, concat, &a.codes);
        a.signed_join = a.signed_join || all.signed_join || has_signed_codes(&a.codes);
        all = a;
    }
    return all;
}

/* A Pad of zeros goes into a Conv right behind it; others keep codes where 0 is a code. */
static bool pad_keeps(const struct node *n, const struct node *layer, const struct codes_of *c)
{
    const struct tensor *fill = operand_tensor(n, 2);
    if (!node_string_is(n, "mode", "constant", "constant"))
        return true;
    bool zeros = !node_input(n, 2) || (fill && tensor_is_all(fill, 0));
    bool joins = layer->op == OP_Conv && value_before_copies(node_input(layer, 0)) == n->out[0];
    return zeros && (joins || codes_zero_is(c, 0));
}

static bool scalar_factor(const struct node *n, const struct value **rest, bool *differs)
{
    for (int i = 0; i < 2; i++) {
        const struct tensor *t = operand_tensor(n, i);
        if (!t || tensor_count(t) == 0)
            continue;
        *rest = node_input(n, 1 - i);
        *differs = !tensor_is_all(t, tensor_get(t, 0));
        return true;
    }
    return false;
}

/* Operators that dequantization is moved across. */
static struct arrival cross(struct search *s, const struct node *n)
{
    struct arrival none = {0}, a;
    const struct value *rest = NULL;
    bool differs = false;
    switch (n->op) {
    case OP_MaxPool: case OP_AveragePool: case OP_GlobalMaxPool: case OP_ReduceMax:
    case OP_ReduceMin: case OP_Reshape: case OP_Flatten:
    case OP_Transpose: case OP_Squeeze: case OP_Unsqueeze: case OP_Slice: case OP_Split:
    case OP_Gather: case OP_DepthToSpace: case OP_Expand:
        return find_arrival(s, n->in[0].value);
    case OP_Resize:
        return node_string_is(n, "mode", "nearest", "nearest") ? find_arrival(s, n->in[0].value)
                                                              : none;
    case OP_Pad:
        a = find_arrival(s, n->in[0].value);
        return a.codes.node && pad_keeps(n, s->layer, &a.codes) ? a : none;
    case OP_Relu:
        a = find_arrival(s, n->in[0].value);
        return a.codes.node && codes_zero_is(&a.codes, 0) && a.codes.dtype == DTYPE_U8 ? a : none;
    case OP_Concat:
        return join(s, n);
    case OP_Mul:
        if (!scalar_factor(n, &rest, &differs))
            return none;
        a = find_arrival(s, rest);
        a.per_channel = a.per_channel || differs;
        return a;
    default:
        return none;
    }
}

/* What this node, or the one before it, quantizes. */
static const struct value *quantized_by(const struct node *dequantize)
{
    const struct value *x = value_before_copies(node_input(dequantize, 0));
    return x && node_is_quantize(x->def) ? value_before_copies(node_input(x->def, 0)) : x;
}

static struct arrival find_arrival(struct search *s, const struct value *v)
{
    struct arrival a = {0};
    v = value_before_copies(v);
    if (s->budget-- <= 0 || !v || !v->def || v->def->graph != s->layer->graph)
        return a;
    a.codes = codes_read(v->def);
    if (!a.codes.node)
        return cross(s, v->def);
    a.per_channel = a.codes.n_scales > 1 && !codes_are_uniform(&a.codes);
    const struct value *from = quantized_by(v->def);
    const struct node *concat = value_def(from, OP_Concat);
    a.signed_join = concat && (has_signed_codes(&a.codes) || join(s, concat).signed_join);
    a.across = concat && joins_across(s, concat, &a.codes);
    a.extreme = from && !from->constant && value_is_extreme(from, false);
    a.wide = a.codes.dtype == DTYPE_U16 || a.codes.dtype == DTYPE_I16;
    if (!codes_are_8bit(&a.codes))
        a.codes.node = NULL;
    return a;
}

static struct arrival arrival_at(const struct node *n, int slot)
{
    struct search s = {n, SEARCH_BUDGET};
    return find_arrival(&s, node_input(n, slot));
}

/* What is wrong with an input, whatever the layer; the verdict is INTEGER where nothing is. */
static struct judgement judge_input(const struct arrival *x)
{
    if (x->wide)
        return JUDGE(WRONG, "16-bit codes come in: the plugin neither rounds nor clips to them");
    if (x->extreme)
        return JUDGE(WRONG, "a quantized ReduceMax, ReduceMin or GlobalMaxPool comes in");
    return JUDGE(INTEGER, "");
}

/* A weight, constant codes behind operators that can be computed beforehand. */
static struct codes_of find_weight(const struct node *n, int slot)
{
    for (const struct value *v = node_input(n, slot); v; ) {
        v = value_before_copies(v);
        struct codes_of c = codes_read(v->def);
        if (c.node)
            return c.constant ? c : (struct codes_of){0};
        if (!v->def || (v->def->op != OP_Transpose && v->def->op != OP_Reshape))
            break;
        v = v->def->in[0].value;
    }
    return (struct codes_of){0};
}

static const char *reason_of_weight(const struct codes_of *w)
{
    if (!w->node)
        return "its weight is not quantized";
    if (!codes_are_8bit(w))
        return "its weight has codes of other than 8 bits";
    if (w->dtype == DTYPE_U8)
        return "its weight is unsigned";
    return codes_zero_is(w, 0) ? NULL : "its weight has a zero point";
}

static bool scales_on_axis(const struct node *n, const struct codes_of *w)
{
    const struct value *v = value_before_copies(node_input(n, 1));
    return w->n_scales <= 1 || w->block || v->def != w->node || w->axis == weight_axis(n);
}

/* Each output channel reads an input channel of its own. */
static bool is_depthwise(const struct node *n)
{
    const struct value *w = node_input(n, 1);
    return w && w->type.shape.rank > 1 && w->type.shape.dim[1] == 1 && node_int(n, "group", 1) > 1;
}

/* Where all readers take places of a quantized value by strides, the plugin moves these in front of
 * the quantizer, also across a Relu, and does not see it any more. */
static bool loses_quantizer(const struct node *n)
{
    struct picks picks;
    const struct value *v = value_before_copies(node_input(n, 0));
    if (!v || node_int(n, "group", 1) > 1 || !picks_all(v, &picks))
        return false;
    const struct value *before = value_def(v, OP_Relu)
                               ? value_before_copies(node_input(v->def, 0)) : v;
    return before && codes_read(before->def).node && (before == v || value_used_once(before));
}

/* The same of one without groups: those with groups, and matrix products, are right. */
static struct judgement judge_plain_input(const struct arrival *x)
{
    return x->signed_join ? JUDGE(WRONG, "signed codes that went through a Concat come in")
                          : judge_input(x);
}

static struct judgement judge_conv(const struct node *n)
{
    struct arrival x = arrival_at(n, 0);
    struct codes_of w = find_weight(n, 1);
    const char *why = reason_of_weight(&w);
    struct judgement input = node_int(n, "group", 1) > 1 ? judge_input(&x)
                                                         : judge_plain_input(&x);
    if (input.verdict != VERDICT_INTEGER)
        return input;
    if (!x.codes.node)
        return JUDGE(FLOAT, "its input is not quantized");
    if (why)
        return JUDGE(FLOAT, why);
    if (!scales_on_axis(n, &w))
        return JUDGE(FLOAT, "the weight's scales are not on the axis of output channels");
    if (x.across)
        return JUDGE(FLOAT, "a Concat of something else than channels comes in");
    if (x.per_channel && !is_depthwise(n))
        return JUDGE(FLOAT, "its input has a scale per channel");
    if (is_depthwise(n) && node_input(n, 1)->type.shape.rank > 4 && !codes_zero_is(&x.codes, 0))
        return JUDGE(DEQUANTIZES, "it is depthwise, of volumes, and its input has a zero point");
    return loses_quantizer(n)
               ? JUDGE(FLOAT, "its strides are moved in front of the quantization of its input")
               : JUDGE(INTEGER, "");
}

static struct judgement judge_transposed(const struct node *n)
{
    struct arrival x = arrival_at(n, 0);
    struct codes_of w = find_weight(n, 1);
    const char *why = reason_of_weight(&w);
    struct judgement input = judge_plain_input(&x);
    if (input.verdict != VERDICT_INTEGER)
        return input;
    if (!x.codes.node)
        return JUDGE(FLOAT, "its input is not quantized");
    if (!codes_zero_is(&x.codes, 0))
        return JUDGE(FLOAT, "its input has a zero point");
    if (w.node && w.dtype == DTYPE_U8)
        return JUDGE(WRONG, "a ConvTranspose whose weight is unsigned");
    if (why)
        return JUDGE(FLOAT, why);
    if (!scales_on_axis(n, &w))
        return JUDGE(FLOAT, "the weight's scales are not on the axis of output channels");
    if (x.per_channel)
        return JUDGE(FLOAT, "its input has a scale per channel");
    return JUDGE(INTEGER, "");
}

/* The weight stays packed and becomes float in the kernel. */
static struct judgement weight_alone(const struct codes_of *w, const char *why)
{
    return (struct judgement){w->node && (codes_are_8bit(w) || w->block) ? VERDICT_DEQUANTIZES
                                                                         : VERDICT_FLOAT, why};
}

/* Neither operand is a constant on the right: two activations, or the weight first. */
static struct judgement judge_two_activations(const struct node *n)
{
    struct arrival a = arrival_at(n, 0), b = arrival_at(n, 1);
    struct judgement left = judge_input(&a), right = judge_input(&b);
    if (left.verdict != VERDICT_INTEGER || right.verdict != VERDICT_INTEGER)
        return left.verdict != VERDICT_INTEGER ? left : right;
    if (!a.codes.node || !b.codes.node)
        return JUDGE(FLOAT, "one of its inputs is not quantized");
    if (a.per_channel || b.per_channel)
        return JUDGE(FLOAT, "one of its inputs has a scale per channel");
    if (!codes_zero_is(&a.codes, 0) || !codes_zero_is(&b.codes, 0))
        return JUDGE(FLOAT, "one of its two activations has a zero point");
    if (b.codes.dtype != DTYPE_I8)
        return JUDGE(FLOAT, "its second operand is unsigned");
    return JUDGE(INTEGER, "");
}

bool openvino_mistakes_columns(const struct value *matrix, const struct value *reshaped)
{
    const struct shape *s = &matrix->type.shape, *out = &reshaped->type.shape;
    if (s->rank != 2 || s->dim[0] >= 0)
        return false;
    return out->rank < 0 || (out->rank > 2 && (out->dim[1] < 0 || out->dim[1] >= s->dim[1]));
}

/* Nothing is added to the product in front of a Reshape that its scales do not get across. */
static bool loses_scales(const struct node *n)
{
    const struct tensor *bias = operand_tensor(n, 2);
    if (n->op == OP_Gemm && node_input(n, 2) && !(bias && tensor_is_all(bias, 0)))
        return false;
    const struct node *user = value_only_user(n->out[0]);
    for (int i = 0; user && user->op == OP_Add && i < 2; i++)
        if (operand_tensor(user, i) && tensor_is_all(operand_tensor(user, i), 0))
            user = value_only_user(user->out[0]);
    if (user && user->op == OP_Cast)
        user = value_only_user(user->out[0]);
    return user && user->op == OP_Reshape && openvino_mistakes_columns(n->out[0], user->out[0]);
}

/* Nothing is added to the product of few rows that is made one kernel with the product behind. */
static bool reads_no_bias(const struct node *n)
{
    enum { FEW = 8 };
    const struct shape *s = &n->out[0]->type.shape;
    if (n->op != OP_MatMul || s->rank != 2 || s->dim[0] < 0 || s->dim[0] > FEW || s->dim[1] < 0)
        return false;
    const struct node *user = value_only_user(n->out[0]);
    for (int i = 0; user && user->op == OP_Add && i < 2; i++)
        if (operand_tensor(user, i) && tensor_is_all(operand_tensor(user, i), 0))
            user = value_only_user(user->out[0]);
    while (user && (user->op == OP_Relu || user->op == OP_QuantizeLinear
                    || user->op == OP_DequantizeLinear || user->op == OP_FakeQuantize))
        user = value_only_user(user->out[0]);
    return user && user->op == OP_MatMul && find_weight(user, 1).node;
}

static struct judgement judge_product(const struct node *n)
{
    struct codes_of w = find_weight(n, 1);
    if (!w.node && !operand_tensor(n, 1))
        return judge_two_activations(n);
    struct arrival x = arrival_at(n, 0);
    const char *why = reason_of_weight(&w);
    if (!w.node)
        return JUDGE(FLOAT, why);
    if (!scales_on_axis(n, &w))
        return JUDGE(WRONG, "the weight's scales are along the axis that is summed over");
    struct judgement input = judge_input(&x);
    if (input.verdict != VERDICT_INTEGER)
        return input;
    if (!x.codes.node) {
        if (n->op == OP_Gemm && node_float(n, "alpha", 1) != 1)
            return JUDGE(FLOAT, "its input is not quantized, and alpha is not 1");
        return weight_alone(&w, "its input is not quantized");
    }
    if (x.codes.n_scales > 1 && !x.per_channel)
        return JUDGE(FAILS, "its input has a vector of equal scales");
    if (x.across)
        return JUDGE(FAILS, "a Concat of something else than channels comes in");
    if (why)
        return weight_alone(&w, why);
    if (w.block)
        return weight_alone(&w, "its weight is quantized by block");
    if (x.per_channel)
        return weight_alone(&w, "its input has a scale per channel");
    if (w.n_scales > 1 && reads_no_bias(n))
        return JUDGE(WRONG, "nothing is added between it and the next product, with which it "
                            "becomes one kernel of few rows; an Add of 1e-37 and 2e-37 in turn "
                            "would help");
    return w.n_scales > 1 && loses_scales(n)
               ? JUDGE(WRONG, "nothing is added between it and a Reshape that its scales do not "
                              "get across; an Add of 1e-37 would hold them")
               : JUDGE(INTEGER, "");
}

/* W and R of an LSTM, GRU or RNN must be constant for the plugin. */
static struct judgement judge_recurrent(const struct node *n)
{
    struct arrival x = arrival_at(n, 0);
    struct codes_of w = find_weight(n, 1);
    if (!x.codes.node || !w.node)
        return JUDGE(FLOAT, x.codes.node ? "its weight is not quantized"
                                         : "its input is not quantized");
    if (!codes_zero_is(&x.codes, 0))
        return JUDGE(FAILS, "a recurrent layer with quantized weights, and an input with a zero "
                            "point");
    if (x.codes.dtype == DTYPE_U8)
        return JUDGE(WRONG, "a recurrent layer with quantized weights and an unsigned input");
    return JUDGE(INTEGER, "");
}

static struct judgement judge_qlinear(const struct node *n)
{
    const struct tensor *scale = operand_tensor(n, 4), *zero = operand_tensor(n, 5);
    bool conv = n->op != OP_QLinearMatMul;
    if (scale && tensor_count(scale) > 1 && conv) {
        const struct value *w = node_input(n, 3);
        bool square = w->type.shape.rank > 1 && w->type.shape.dim[0] == w->type.shape.dim[1];
        return square ? JUDGE(WRONG, "QLinearConv with a scale per channel")
                      : JUDGE(FAILS, "QLinearConv with a scale per channel");
    }
    if (!zero || zero->dtype != DTYPE_I8 || !tensor_is_all(zero, 0))
        return JUDGE(FLOAT, "its weight is unsigned, or has a zero point");
    return JUDGE(INTEGER, "");
}

/* What the importer makes of the wrong ones takes zero points off in uint8, or does not clip. */
struct judgement openvino_objects(const struct node *n)
{
    switch (n->op) {
    case OP_QLinearGlobalAveragePool:
        return JUDGE(FAILS, "the importer does not know QLinearGlobalAveragePool");
    case OP_QAttention: return JUDGE(FAILS, "the importer does not know QAttention");
    case OP_QGemm: return JUDGE(FAILS, "the importer does not know QGemm");
    case OP_MsQLinearConv:
        return JUDGE(FAILS, "the importer does not know QLinearConv of com.microsoft");
    case OP_QLinearAdd: return JUDGE(WRONG, "QLinearAdd wraps around where it should clip");
    case OP_QLinearMul: return JUDGE(WRONG, "QLinearMul wraps around where it should clip");
    case OP_QLinearAveragePool: return JUDGE(WRONG, "QLinearAveragePool is computed wrongly");
    case OP_QLinearLeakyRelu: return JUDGE(WRONG, "QLinearLeakyRelu is computed wrongly");
    case OP_QLinearWhere: return JUDGE(WRONG, "QLinearWhere is computed wrongly");
    default: return JUDGE(INTEGER, "");
    }
}

struct judgement predict_openvino(const struct node *n)
{
    switch (n->op) {
    case OP_Conv: return judge_conv(n);
    case OP_ConvTranspose: return judge_transposed(n);
    case OP_Gemm: case OP_MatMul: return judge_product(n);
    case OP_LSTM: case OP_GRU: case OP_RNN: return judge_recurrent(n);
    case OP_QLinearConv: case OP_QLinearMatMul: return judge_qlinear(n);
    case OP_ConvInteger: case OP_MatMulInteger: case OP_MatMulIntegerToFloat:
    case OP_DynamicQuantizeMatMul: case OP_DynamicQuantizeLSTM:
        return JUDGE(FLOAT, "the plugin computes this operator in float");
    case OP_MatMulNBits: return JUDGE(DEQUANTIZES, "only its weight is quantized");
    default: return JUDGE(FLOAT, "the plugin computes this operator in float");
    }
}
