/* SPDX-License-Identifier: Apache-2.0
 *
 * op_binary: operators on two or more tensors that broadcast as numpy's do. Operands of full rank
 * are stored as the output is; those of lower rank are plain (a bias of shape [C,1,1]).
 *
 * Arithmetic is done in float, double, int64 or uint64; other types are converted a piece at a
 * time, which wraps integers and rounds half types after each operation, as numpy does.
 */
#include "ops.h"

#include "k_binary.h"
#include "k_convert.h"
#include "k_loop.h"

#include <math.h>
#include <string.h>

static const enum k_binary binary_table[N_OPS] = {
    [OP_Add] = K_ADD,           [OP_Sub] = K_SUB,         [OP_Mul] = K_MUL,
    [OP_Div] = K_DIV,           [OP_Max] = K_MAX,         [OP_Min] = K_MIN,
    [OP_Sum] = K_ADD,           [OP_Mean] = K_ADD,        [OP_Pow] = K_POW,
    [OP_BitwiseAnd] = K_BIT_AND, [OP_BitwiseOr] = K_BIT_OR, [OP_BitwiseXor] = K_BIT_XOR,
};
static const enum k_compare compare_table[N_OPS] = {
    [OP_Equal] = K_EQUAL,
    [OP_Greater] = K_GREATER,
    [OP_GreaterOrEqual] = K_GREATER_OR_EQUAL,
    [OP_Less] = K_LESS,
    [OP_LessOrEqual] = K_LESS_OR_EQUAL,
};

enum { CHUNK = 256 }; /* elements that are converted at a time */

struct pair { /* one application: y = op(a, b), with all strides in the loop */
    struct k_loop loop;
    const struct tensor *a, *b;
    struct tensor *y;
    bool truncate; /* a result in double goes to an integer type as C converts it */
};

static void pair_init(struct pair *p, const struct tensor *a, const struct tensor *b,
                      struct tensor *y)
{
    int64_t stride[3][MAX_RANK];
    const int64_t *strides[] = {stride[0], stride[1], stride[2]};
    tensor_strides(y, stride[0]);
    tensor_strides_in(a, &y->shape, stride[1]);
    tensor_strides_in(b, &y->shape, stride[2]);
    k_loop_init(&p->loop, y->shape.rank, y->shape.dim, 3, strides);
    p->a = a;
    p->b = b;
    p->y = y;
    p->truncate = dtype_info(y->dtype)->is_integer;
}

/* Rows in compute type `type`; FINISH may change r[0..m-1] before it is stored. */
#define ROWS(name, type, native, load, store, op_enum, kernel, result, FINISH)                     \
    static void name(struct pair *p, op_enum op)                                                   \
    {                                                                                              \
        struct k_loop *l = &p->loop;                                                               \
        int last = l->rank - 1;                                                                    \
        int64_t n = l->dim[last], sa = l->stride[1][last], sb = l->stride[2][last];                \
        bool direct = p->a->dtype == (native) && p->b->dtype == (native)                           \
                   && sizeof(result) == dtype_size(p->y->dtype, 1)                                 \
                   && (sizeof(result) == 1 || p->y->dtype == (native));                            \
        type a[CHUNK], b[CHUNK];                                                                   \
        result r[CHUNK];                                                                           \
        if (!k_loop_first(l))                                                                      \
            return;                                                                                \
        do {                                                                                       \
            const int64_t *at = l->at;                                                             \
            if (direct) {                                                                          \
                kernel(op, (const type *)p->a->data + at[1], sa,                                   \
                       (const type *)p->b->data + at[2], sb, (result *)p->y->data + at[0], n);     \
                continue;                                                                          \
            }                                                                                      \
            for (int64_t i = 0; i < n; i += CHUNK) {                                               \
                int64_t m = n - i < CHUNK ? n - i : CHUNK;                                         \
                load(p->a->dtype, p->a->data, at[1] + i * sa, sa, sa ? m : 1, (void *)a);          \
                load(p->b->dtype, p->b->data, at[2] + i * sb, sb, sb ? m : 1, (void *)b);          \
                kernel(op, a, sa != 0, b, sb != 0, r, m);                                          \
                FINISH;                                                                            \
                store(p->y->dtype, p->y->data, at[0] + i, m, (void *)r);                           \
            }                                                                                      \
        } while (k_loop_next(l));                                                                  \
    }

#define TRUNCATE                                                                                   \
    for (int64_t k = 0; p->truncate && k < m; k++)                                                 \
    r[k] = trunc(r[k])
#define NOTHING (void)0

static void store_bool(enum dtype t, void *y, int64_t at, int64_t n, const uint8_t *x)
{
    (void)t;
    memcpy((uint8_t *)y + at, x, (size_t)n);
}

ROWS(rows_f32, float, DTYPE_F32, k_load_f32, k_store_f32, enum k_binary, k_binary_f32, float,
     NOTHING)
ROWS(rows_f64, double, DTYPE_F64, k_load_f64, k_store_f64, enum k_binary, k_binary_f64, double,
     TRUNCATE)
ROWS(rows_i64, int64_t, DTYPE_I64, k_load_i64, k_store_i64, enum k_binary, k_binary_i64, int64_t,
     NOTHING)
ROWS(rows_u64, uint64_t, DTYPE_U64, k_load_i64, k_store_i64, enum k_binary, k_binary_u64, uint64_t,
     NOTHING)
ROWS(compare_f32, float, DTYPE_F32, k_load_f32, store_bool, enum k_compare, k_compare_f32, uint8_t,
     NOTHING)
ROWS(compare_f64, double, DTYPE_F64, k_load_f64, store_bool, enum k_compare, k_compare_f64, uint8_t,
     NOTHING)
ROWS(compare_i64, int64_t, DTYPE_I64, k_load_i64, store_bool, enum k_compare, k_compare_i64,
     uint8_t, NOTHING)
ROWS(compare_u64, uint64_t, DTYPE_U64, k_load_i64, store_bool, enum k_compare, k_compare_u64,
     uint8_t, NOTHING)

/* The type to compute in: one of F32, F64, I64, U64; NONE: no arithmetic. */
static enum dtype compute_type(enum dtype t)
{
    switch (t) {
    case DTYPE_F32: case DTYPE_F16: case DTYPE_BF16: return DTYPE_F32;
    case DTYPE_F64: return DTYPE_F64;
    case DTYPE_U64: return DTYPE_U64;
    case DTYPE_BOOL: return DTYPE_I64;
    default: return dtype_info(t)->is_integer ? DTYPE_I64 : DTYPE_NONE;
    }
}

static int binary_run(enum k_binary op, const struct tensor *a, const struct tensor *b,
                      struct tensor *y, struct err *err)
{
    enum dtype ta = compute_type(a->dtype), tb = compute_type(b->dtype), t = ta;
    if (ta != tb) /* only Pow: an integer in a power that is not one, or the reverse */
        t = ta == DTYPE_F32 && tb != DTYPE_F64 ? DTYPE_F32
          : ta == DTYPE_U64 && tb == DTYPE_I64 ? DTYPE_I64
          : ta == DTYPE_I64 && tb == DTYPE_U64 ? DTYPE_I64 : DTYPE_F64;
    if (!ta || !tb || a->dtype == DTYPE_BOOL)
        return call_refuse_dtype(ta ? b->dtype : a->dtype, err);
    struct pair p;
    pair_init(&p, a, b, y);
    switch (t) {
    case DTYPE_F32: rows_f32(&p, op); break;
    case DTYPE_F64: rows_f64(&p, op); break;
    case DTYPE_U64: rows_u64(&p, op); break;
    default: rows_i64(&p, op); break;
    }
    return 0;
}

/* Before opset 7 attribute axis said which axis of input 0 the first of input 1 is. */
static int check_old_axis(const struct call *c, struct err *err)
{
    if (c->opset >= 7 || c->n_in != 2 || !node_attr(c->node, "axis"))
        return 0;
    const struct shape *a = &c->in[0]->shape, *b = &c->in[1]->shape;
    if (a->rank < 0 || b->rank < 0 || shape_count(b) == 1)
        return 0;
    int axis = axis_check(node_int(c->node, "axis", 0), a->rank, err);
    if (axis < 0)
        return -1;
    if (axis + b->rank != a->rank && b->rank != a->rank)
        return err_set(err, ERR_INPUT, "attribute axis = %d of opset %d is not supported", axis,
                       (int)c->opset);
    return 0;
}

static int infer_result(struct call *c, enum dtype dtype, int first, struct err *err)
{
    struct shape s = c->in[first]->shape;
    TRY(check_old_axis(c, err));
    for (int i = first + 1; i < c->n_in; i++)
        if (c->in[i])
            TRY(shape_broadcast(&s, &c->in[i]->shape, err));
    call_set(c, 0, dtype, &s);
    return 0;
}

/* All inputs have the type of the first, and so has the output. */
int infer_broadcast(struct call *c, struct err *err)
{
    for (int i = 1; i < c->n_in; i++)
        TRY(call_same_dtype(c, 0, i, err));
    return infer_result(c, c->in[0]->dtype, 0, err);
}

int infer_pow(struct call *c, struct err *err)
{
    return infer_result(c, c->in[0]->dtype, 0, err);
}

/* Before opset 7 a vector of slopes has one a channel. */
static struct tensor prelu_slope(const struct call *c)
{
    struct tensor t = *c->in[1];
    if (c->opset < 7 && t.shape.rank == 1 && t.shape.dim[0] != 1)
        for (; t.shape.rank < c->in[0]->shape.rank - 1; t.shape.rank++)
            t.shape.dim[t.shape.rank] = 1;
    return t;
}

/* The slope adapts to the input, never the reverse. */
int infer_prelu(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    struct tensor slope = prelu_slope(c);
    TRY(call_same_dtype(c, 0, 1, err));
    TRY(shape_broadcast(&s, &slope.shape, err));
    if (shape_known(&s) && shape_known(&c->in[0]->shape) && !shape_equal(&s, &c->in[0]->shape))
        return err_set(err, ERR_INPUT, "the slope has more elements than the input");
    call_set(c, 0, c->in[0]->dtype, &c->in[0]->shape);
    return 0;
}

int eval_binary(struct call *c, struct err *err)
{
    return binary_run(binary_table[c->node->op], c->in[0], c->in[1], c->out[0], err);
}

int eval_prelu(struct call *c, struct err *err)
{
    struct tensor slope = prelu_slope(c);
    return binary_run(K_PRELU, c->in[0], &slope, c->out[0], err);
}

int eval_bitwise(struct call *c, struct err *err)
{
    if (!dtype_info(c->in[0]->dtype)->is_integer)
        return call_refuse_dtype(c->in[0]->dtype, err);
    return eval_binary(c, err);
}

int eval_bit_shift(struct call *c, struct err *err)
{
    bool left = node_string_is(c->node, "direction", "", "LEFT");
    if (!left && !node_string_is(c->node, "direction", "", "RIGHT"))
        return err_set(err, ERR_INPUT, "attribute direction must be LEFT or RIGHT");
    if (!dtype_info(c->in[0]->dtype)->is_integer)
        return call_refuse_dtype(c->in[0]->dtype, err);
    return binary_run(left ? K_SHIFT_LEFT : K_SHIFT_RIGHT, c->in[0], c->in[1], c->out[0], err);
}

int eval_mod(struct call *c, struct err *err)
{
    bool as_c = node_int(c->node, "fmod", 0);
    return binary_run(as_c ? K_FMOD : K_MOD, c->in[0], c->in[1], c->out[0], err);
}

/* Sum, Mean, Max, Min of any number of inputs: the output is the running result. */
int eval_variadic(struct call *c, struct err *err)
{
    struct tensor *y = c->out[0];
    if (c->n_in == 1)
        memcpy(y->data, c->in[0]->data, dtype_size(y->dtype, tensor_count(y)));
    for (int i = 1; i < c->n_in; i++)
        TRY(binary_run(binary_table[c->node->op], i == 1 ? c->in[0] : y, c->in[i], y, err));
    if (c->node->op != OP_Mean || c->n_in == 1)
        return 0;
    return binary_run(K_DIV, y, tensor_scalar(c->scratch, y->dtype, c->n_in), y, err);
}

int infer_compare(struct call *c, struct err *err)
{
    TRY(call_same_dtype(c, 0, 1, err));
    return infer_result(c, DTYPE_BOOL, 0, err);
}

int eval_compare(struct call *c, struct err *err)
{
    struct pair p;
    enum k_compare op = compare_table[c->node->op];
    pair_init(&p, c->in[0], c->in[1], c->out[0]);
    switch (compute_type(c->in[0]->dtype)) {
    case DTYPE_F32: compare_f32(&p, op); return 0;
    case DTYPE_F64: compare_f64(&p, op); return 0;
    case DTYPE_U64: compare_u64(&p, op); return 0;
    case DTYPE_I64: compare_i64(&p, op); return 0;
    default: return call_refuse_dtype(c->in[0]->dtype, err);
    }
}

int eval_logic(struct call *c, struct err *err)
{
    struct pair p;
    if (c->in[0]->dtype != DTYPE_BOOL || c->in[1]->dtype != DTYPE_BOOL)
        return call_refuse_dtype(c->in[0]->dtype, err);
    pair_init(&p, c->in[0], c->in[1], c->out[0]);
    rows_i64(&p, c->node->op == OP_And ? K_BIT_AND : c->node->op == OP_Or ? K_BIT_OR : K_BIT_XOR);
    return 0;
}

int infer_where(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    TRY(call_same_dtype(c, 1, 2, err));
    TRY(shape_broadcast(&s, &c->in[1]->shape, err));
    TRY(shape_broadcast(&s, &c->in[2]->shape, err));
    call_set(c, 0, c->in[1]->dtype ? c->in[1]->dtype : c->in[2]->dtype, &s);
    return 0;
}

int eval_where(struct call *c, struct err *err)
{
    struct k_loop l;
    struct tensor *y = c->out[0];
    int64_t stride[4][MAX_RANK];
    const int64_t *strides[] = {stride[0], stride[1], stride[2], stride[3]};
    int64_t item = (int64_t)tensor_item(y);
    if (c->in[0]->dtype != DTYPE_BOOL || !item)
        return call_refuse_dtype(item ? c->in[0]->dtype : y->dtype, err);
    tensor_strides(y, stride[0]);
    for (int i = 0; i < 3; i++)
        tensor_strides_in(c->in[i], &y->shape, stride[i + 1]);
    k_loop_init(&l, y->shape.rank, y->shape.dim, 4, strides);
    int last = l.rank - 1;
    if (!k_loop_first(&l))
        return 0;
    do {
        k_where((const uint8_t *)c->in[0]->data + l.at[1], l.stride[1][last],
                (const char *)c->in[1]->data + l.at[2] * item, l.stride[2][last],
                (const char *)c->in[2]->data + l.at[3] * item, l.stride[3][last],
                (char *)y->data + l.at[0] * item, (size_t)item, l.dim[last]);
    } while (k_loop_next(&l));
    return 0;
}
