/* SPDX-License-Identifier: Apache-2.0
 *
 * predict_layer: reading the quantization around a layer.
 */
#include "predict_layer.h"

#include "op.h"

#include <math.h>
#include <string.h>

/* Relative, and absolute, differences of a bias's scale that ONNX Runtime does not mind. */
static const double bias_allowed = 0.01, bias_ignored = 1e-6;

const struct tensor *value_tensor(const struct value *v)
{
    const struct node *n = value_def(v, OP_Constant);
    const struct attr *a = n ? node_attr(n, "value") : NULL;
    const struct tensor *t = v ? v->constant : NULL;
    if (a && a->kind == ATTR_TENSOR)
        t = a->t;
    return t && t->data && t->dtype != DTYPE_STRING && tensor_count(t) > 0 ? t : NULL;
}

const struct tensor *operand_tensor(const struct node *n, int i)
{
    return value_tensor(node_input(n, i));
}

bool tensor_is_all(const struct tensor *t, double x)
{
    for (int64_t i = 0, n = tensor_count(t); i < n; i++)
        if (tensor_get(t, i) != x)
            return false;
    return true;
}

static bool has_result(const struct node *n)
{
    return n->n_out && n->out[0];
}

bool node_is_quantize(const struct node *n)
{
    return n && (n->op == OP_QuantizeLinear || n->op == OP_MsQuantizeLinear) && has_result(n);
}

bool node_is_dequantize(const struct node *n)
{
    return n && (n->op == OP_DequantizeLinear || n->op == OP_MsDequantizeLinear)
           && has_result(n);
}

static const struct node *node_before(const struct node *n)
{
    return n->n_in && n->in[0].value ? n->in[0].value->def : NULL;
}

/* The Pad of codes along the second axis. */
static bool pads_codes(const struct node *n)
{
    const struct node *before = n->op == OP_Pad ? node_before(n) : NULL;
    const struct tensor *pads = before ? operand_tensor(n, 1) : NULL;
    return pads && node_is_quantize(before) && tensor_count(pads) == 8 && tensor_get(pads, 5) > 0;
}

static bool spreads_codes(const struct node *n)
{
    const struct node *before = n->op == OP_Gather ? node_before(n) : NULL;
    return before && pads_codes(before) && node_int(n, "axis", 0) == 1 && operand_tensor(n, 1);
}

bool node_pads_channels(const struct node *n)
{
    return pads_codes(n) || spreads_codes(n);
}

int64_t channels_padded(const struct node *conv)
{
    const struct node *n = node_before(conv);
    n = n && node_is_dequantize(n) ? node_before(n) : NULL;
    if (!n || !node_pads_channels(n))
        return 0;
    const struct node *pad = pads_codes(n) ? n : node_before(n);
    const struct shape *padded = &pad->out[0]->type.shape;
    int64_t added = (int64_t)tensor_get(operand_tensor(pad, 1), 5);
    if (pad == n)
        return added;
    bool known = padded->rank > 1 && padded->dim[1] > added;
    return known ? tensor_count(operand_tensor(n, 1)) - (padded->dim[1] - added) : 0;
}

bool node_is_copy(const struct node *n)
{
    const struct value *x = n->n_in ? n->in[0].value : NULL;
    if (!has_result(n))
        return false;
    return n->op == OP_Identity || n->op == OP_Dropout
           || (n->op == OP_Cast && x && x->type.dtype != DTYPE_NONE
               && x->type.dtype == (enum dtype)node_int(n, "to", 0));
}

const struct value *value_before_copies(const struct value *v)
{
    while (v && v->def && node_is_copy(v->def))
        v = v->def->in[0].value;
    return v;
}

/* A FakeQuantize as the codes it stands for: unsigned where its range begins at 0 or has a zero
 * point, signed where it is symmetric. */
static struct codes_of read_fake_quantize(const struct node *n)
{
    const struct tensor *lo = operand_tensor(n, 1), *hi = operand_tensor(n, 2);
    struct codes_of c = {.node = n, .real = DTYPE_F32, .scale = hi, .zero = lo, .axis = 1};
    if (!lo || !hi)
        return c;
    int64_t levels = node_int(n, "levels", 256);
    c.n_scales = tensor_count(hi);
    c.constant = operand_tensor(n, 0);
    bool symmetric = true;
    for (int64_t i = 0; i < c.n_scales && tensor_count(lo) == c.n_scales; i++) {
        double l = tensor_get(lo, i), h = tensor_get(hi, i);
        symmetric = symmetric && fabs(l + h) <= 1.01 * (h - l) / (double)(levels - 1);
    }
    c.dtype = levels != 255 && levels != 256 ? DTYPE_NONE : symmetric ? DTYPE_I8 : DTYPE_U8;
    for (int i = 0; i < hi->shape.rank && c.n_scales > 1; i++)
        c.axis = hi->shape.dim[i] > 1 ? i : c.axis;
    return c;
}

/* What has the numbers of its input in another form. */
static bool keeps_numbers(const struct node *n)
{
    return n && (n->op == OP_Reshape || n->op == OP_Transpose || n->op == OP_Squeeze
                 || n->op == OP_Unsqueeze || n->op == OP_Flatten);
}

/* The constant codes, or a QuantizeLinear of a constant in whatever form, which runtimes compute
 * beforehand. */
static bool codes_are_constant(const struct value *v)
{
    v = value_before_copies(v);
    if (v && node_is_quantize(v->def))
        v = value_before_copies(node_input(v->def, 0));
    while (v && keeps_numbers(v->def))
        v = value_before_copies(node_input(v->def, 0));
    return value_tensor(v);
}

struct codes_of codes_read(const struct node *n)
{
    struct codes_of c = {0};
    if (n && n->op == OP_FakeQuantize)
        return read_fake_quantize(n);
    if (!node_is_dequantize(n))
        return c;
    const struct value *x = node_input(n, 0), *scale = node_input(n, 1);
    const struct value *zero = node_input(n, 2);
    if (!x || !scale)
        return c;
    c.node = n;
    c.dtype = x->type.dtype;
    if (c.dtype == DTYPE_NONE && zero)
        c.dtype = zero->type.dtype;
    if (c.dtype == DTYPE_NONE && node_is_quantize(x->def) && !zero)
        c.dtype = DTYPE_U8;
    c.real = (enum dtype)node_int(n, "output_dtype", scale->type.dtype);
    c.constant = codes_are_constant(x);
    c.scale = value_tensor(scale);
    c.zero = value_tensor(zero);
    c.n_scales = c.scale ? tensor_count(c.scale) : 1;
    c.block = node_int(n, "block_size", 0);
    c.axis = (int)node_int(n, "axis", 1);
    if (c.axis < 0)
        c.axis += x->type.shape.rank;
    return c;
}

bool codes_are_8bit(const struct codes_of *c)
{
    return c->node && (c->dtype == DTYPE_U8 || c->dtype == DTYPE_I8);
}

bool codes_zero_is(const struct codes_of *c, int64_t zero)
{
    if (c->node && c->node->op == OP_FakeQuantize)
        return zero == 0 && (c->dtype == DTYPE_I8 || (c->zero && tensor_is_all(c->zero, 0)));
    if (!node_input(c->node, 2))
        return zero == 0;
    return c->zero && tensor_is_all(c->zero, (double)zero);
}

bool codes_are_uniform(const struct codes_of *c)
{
    return c->scale && tensor_is_all(c->scale, tensor_get(c->scale, 0))
           && (!c->zero || tensor_is_all(c->zero, tensor_get(c->zero, 0)));
}

int weight_axis(const struct node *n)
{
    const struct value *w = node_input(n, 1);
    switch (n->op) {
    case OP_Conv: return 0;
    case OP_ConvTranspose: return 1;
    case OP_Gemm: return node_int(n, "transB", 0) ? 0 : 1;
    default: return w ? w->type.shape.rank - 1 : -1;
    }
}

int64_t weight_channels(const struct node *n)
{
    const struct value *w = node_input(n, 1);
    int axis = weight_axis(n);
    return w && axis >= 0 && axis < w->type.shape.rank ? w->type.shape.dim[axis] : -1;
}

struct bias_fit bias_scale_fit(const struct codes_of *x, const struct codes_of *w,
                               const struct codes_of *b)
{
    const struct bias_fit none = {.error = INFINITY, .refused = true};
    struct bias_fit fit = {0};
    if (!x->scale || !w->scale || !b->scale || x->n_scales != 1)
        return none;
    int64_t n = b->n_scales > w->n_scales ? b->n_scales : w->n_scales;
    if ((b->n_scales != 1 && b->n_scales != n) || (w->n_scales != 1 && w->n_scales != n))
        return none;
    double in = tensor_get(x->scale, 0);
    const struct tensor *codes = operand_tensor(b->node, 0);
    int64_t n_codes = codes ? tensor_count(codes) : 0;
    for (int64_t i = 0; i < n || i < n_codes; i++) {
        double want = in * tensor_get(w->scale, w->n_scales == 1 || i >= n ? 0 : i);
        double is = tensor_get(b->scale, b->n_scales == 1 || i >= n ? 0 : i);
        double off = fabs(is - want);
        if (off > bias_allowed * fabs(want))
            fit.error = fmax(fit.error, i < n_codes ? off * fabs(tensor_get(codes, i)) : INFINITY);
        fit.refused = fit.refused || !(off <= fmax(bias_allowed * fabs(want), bias_ignored));
    }
    return fit;
}
