/* SPDX-License-Identifier: Apache-2.0
 *
 * op_reduce: folding axes into one number. The kernels fold the middle of three axes; where the
 * folded axes are not neighbours in memory, or the result is stored in another order, the data is
 * brought into order first.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_move.h"
#include "k_reduce.h"

#include <math.h>

/* Axes are an attribute before opset 18 (ReduceSum: 13) and an input since. */
static int reduce_axes(const struct call *c, int rank, bool *known, unsigned *mask,
                       struct err *err)
{
    bool input = c->opset >= (c->node->op == OP_ReduceSum ? 13 : 18);
    struct ints v;
    TRY(call_ints(c, input ? 1 : -1, "axes", &v, err));
    *known = !v.given || v.known;
    *mask = 0;
    if (v.given && v.known && v.n > 0)
        return axes_mask(&v, rank, mask, err);
    if (*known && !(input && node_int(c->node, "noop_with_empty_axes", 0)))
        *mask = (1u << rank) - 1;
    return 0;
}

int infer_reduce(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    bool keep = node_int(c->node, "keepdims", 1), known;
    struct shape s = shape_unknown();
    unsigned mask;
    if (x->rank >= 0) {
        TRY(reduce_axes(c, x->rank, &known, &mask, err));
        s = keep ? shape_of_rank(x->rank) : shape_unknown();
        if (known) {
            s.rank = 0;
            for (int i = 0; i < x->rank; i++) {
                if (!(mask >> i & 1))
                    s.dim[s.rank++] = x->dim[i];
                else if (keep)
                    s.dim[s.rank++] = 1;
            }
        }
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

/* The three axes of the kernels, and the data in that order. */
struct fold {
    int64_t outer, n, inner;
    const void *data;
};

struct axis { /* of the input; to: stride in the output, 0 where it is folded */
    int64_t dim, from, to;
    bool folded;
};

/* Sorts by stride: in the input, or in the output with the folded axes last. */
static void axes_sort(struct axis *a, int n, bool by_output)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0; j--) {
            bool before = a[j].from > a[j - 1].from;
            if (by_output)
                before = a[j].folded == a[j - 1].folded ? a[j].to > a[j - 1].to : a[j - 1].folded;
            if (!before)
                break;
            struct axis t = a[j];
            a[j] = a[j - 1];
            a[j - 1] = t;
        }
}

/* Kept axes, folded axes, kept axes, and the kept ones in the order of the output? */
static bool axes_in_order(const struct axis *a, int n)
{
    int changes = 0;
    int64_t to = INT64_MAX;
    for (int i = 0; i < n; i++) {
        if (i && a[i].folded != a[i - 1].folded)
            changes++;
        if (a[i].folded)
            continue;
        if (a[i].to > to)
            return false;
        to = a[i].to;
    }
    return changes <= 1 || (changes == 2 && !a[0].folded);
}

static void fold_open(struct call *c, unsigned mask, const struct tensor *x, size_t item,
                      struct fold *f)
{
    const struct tensor *y = c->out[0];
    bool keep = y->shape.rank == x->shape.rank;
    int64_t from[MAX_RANK], to[MAX_RANK], dim[MAX_RANK], source[MAX_RANK], target[MAX_RANK];
    struct axis a[MAX_RANK];
    int n = 0;
    tensor_strides(x, from);
    tensor_strides(y, to);
    for (int i = 0, k = 0; i < x->shape.rank; i++) {
        bool folded = mask >> i & 1;
        if (x->shape.dim[i] != 1)
            a[n++] = (struct axis){x->shape.dim[i], from[i], folded ? 0 : to[keep ? i : k], folded};
        k += !folded;
    }
    *f = (struct fold){1, 1, 1, x->data};
    axes_sort(a, n, false);
    bool ordered = axes_in_order(a, n), seen = false;
    if (!ordered)
        axes_sort(a, n, true);
    for (int i = 0; i < n; i++) {
        seen |= a[i].folded;
        *(a[i].folded ? &f->n : seen ? &f->inner : &f->outer) *= a[i].dim;
    }
    if (ordered)
        return;
    int64_t stride = 1;
    for (int i = n - 1; i >= 0; i--) {
        dim[i] = a[i].dim;
        source[i] = a[i].from;
        target[i] = stride;
        stride *= a[i].dim;
    }
    void *copy = arena_alloc(c->scratch, (size_t)stride * item + 1);
    k_move(copy, x->data, item, n, dim, target, source);
    f->data = copy;
}

/* A copy in another type and the same layout. */
static struct tensor *converted(struct arena *a, const struct tensor *x, enum dtype t)
{
    struct tensor *y = tensor_new(a, t, &x->shape);
    int64_t n = tensor_count(x);
    y->layout = x->layout;
    if (t == DTYPE_F32)
        k_load_f32(x->dtype, x->data, 0, 1, n, y->data);
    else if (t == DTYPE_F64)
        k_load_f64(x->dtype, x->data, 0, 1, n, y->data);
    else
        k_load_i64(x->dtype, x->data, 0, 1, n, y->data);
    return y;
}

/* To compute in: F32, F64 or I64; NONE: not a number. */
static enum dtype compute_type(enum dtype t, enum k_reduce op)
{
    switch (t) {
    case DTYPE_F32: case DTYPE_F16: case DTYPE_BF16: return DTYPE_F32;
    case DTYPE_F64: return DTYPE_F64;
    default:
        if (!dtype_info(t)->is_integer && t != DTYPE_BOOL)
            return DTYPE_NONE;
        return op >= K_REDUCE_L2 ? DTYPE_F64 : DTYPE_I64;
    }
}

static void store(struct tensor *y, enum dtype t, void *from, int64_t n)
{
    double *real = from;
    if (t == DTYPE_F32)
        k_store_f32(y->dtype, y->data, 0, n, from);
    else if (t == DTYPE_I64)
        k_store_i64(y->dtype, y->data, 0, n, from);
    else {
        for (int64_t i = 0; dtype_info(y->dtype)->is_integer && i < n; i++)
            real[i] = trunc(real[i]);
        k_store_f64(y->dtype, y->data, 0, n, real);
    }
}

/* The largest of nothing is the lowest number of the type. */
static void store_empty(struct tensor *y, enum k_reduce op)
{
    const struct dtype_info *info = dtype_info(y->dtype);
    for (int64_t i = 0, n = tensor_count(y); i < n; i++)
        dtype_store_int(y->dtype, y->data, i, op == K_REDUCE_MAX ? info->min : info->max);
}

int eval_reduce(struct call *c, struct err *err)
{
    static const enum k_reduce kernel[N_OPS] = {
        [OP_ReduceSum] = K_REDUCE_SUM,       [OP_ReduceMean] = K_REDUCE_MEAN,
        [OP_ReduceMax] = K_REDUCE_MAX,       [OP_ReduceMin] = K_REDUCE_MIN,
        [OP_ReduceProd] = K_REDUCE_PROD,     [OP_ReduceL1] = K_REDUCE_L1,
        [OP_ReduceL2] = K_REDUCE_L2,         [OP_ReduceSumSquare] = K_REDUCE_SUM_SQUARE,
        [OP_ReduceLogSum] = K_REDUCE_LOG_SUM, [OP_ReduceLogSumExp] = K_REDUCE_LOG_SUM_EXP,
    };
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    enum k_reduce op = kernel[c->node->op];
    enum dtype t = compute_type(x->dtype, op);
    int64_t n = tensor_count(y);
    struct fold f;
    unsigned mask;
    bool known;
    TRY(reduce_axes(c, x->shape.rank, &known, &mask, err));
    if (!t)
        return call_refuse_dtype(x->dtype, err);
    if (x->dtype != t)
        x = converted(c->scratch, x, t);
    fold_open(c, mask, x, dtype_size(t, 1), &f);
    if (f.n == 0 && t == DTYPE_I64 && (op == K_REDUCE_MAX || op == K_REDUCE_MIN)) {
        store_empty(y, op);
        return 0;
    }
    void *to = y->dtype == t ? y->data : arena_alloc(c->scratch, dtype_size(t, n) + 1);
    if (t == DTYPE_F32)
        k_reduce_f32(op, f.data, to, f.outer, f.n, f.inner);
    else if (t == DTYPE_F64)
        k_reduce_f64(op, f.data, to, f.outer, f.n, f.inner);
    else
        k_reduce_i64(op, f.data, to, f.outer, f.n, f.inner);
    if (to != y->data)
        store(y, t, to, n);
    return 0;
}

int infer_arg(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    if (s.rank >= 0) {
        int axis = axis_check(node_int(c->node, "axis", 0), s.rank, err);
        if (axis < 0)
            return -1;
        if (s.dim[axis] == 0)
            return err_set(err, ERR_INPUT, "axis %d has no elements", axis);
        s.dim[axis] = 1;
        if (!node_int(c->node, "keepdims", 1)) {
            for (int i = axis; i + 1 < s.rank; i++)
                s.dim[i] = s.dim[i + 1];
            s.rank--;
        }
    }
    call_set(c, 0, DTYPE_I64, &s);
    return 0;
}

int eval_arg(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    int axis = axis_check(node_int(c->node, "axis", 0), x->shape.rank, err);
    int smallest = c->node->op == OP_ArgMin, last = node_int(c->node, "select_last_index", 0) != 0;
    int64_t outer = shape_span(&x->shape, 0, axis), n = x->shape.dim[axis];
    int64_t inner = shape_span(&x->shape, axis + 1, x->shape.rank);
    enum dtype t = compute_type(x->dtype, K_REDUCE_MAX);
    if (!t)
        return call_refuse_dtype(x->dtype, err);
    const void *data = x->dtype == t ? x->data : converted(c->scratch, x, t)->data;
    if (t == DTYPE_F32)
        k_arg_f32(data, c->out[0]->data, outer, n, inner, smallest, last);
    else if (t == DTYPE_F64)
        k_arg_f64(data, c->out[0]->data, outer, n, inner, smallest, last);
    else
        k_arg_i64(data, c->out[0]->data, outer, n, inner, smallest, last);
    return 0;
}
