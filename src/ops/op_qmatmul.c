/* SPDX-License-Identifier: Apache-2.0
 *
 * op_qmatmul: matrix products of codes: MatMulInteger, QLinearMatMul, and com.microsoft's
 * MatMulIntegerToFloat and DynamicQuantizeMatMul.
 *
 * Zero points and scales are per tensor, per row of A or per column of B; in stacks of matrices
 * also for each matrix. Sums are exact in 32 bits and wrap around. They become codes by one
 * multiplication in float with (a_scale * b_scale) / y_scale, or float by one with a_scale *
 * b_scale and an addition of the bias, each rounded; ONNX Runtime does the same, to the bit.
 */
#include "ops.h"

#include "k_igemm.h"
#include "k_round.h"
#include "k_tail.h"
#include "packed.h"
#include "qmatmul.h"
#include "qparam.h"
#include "stacks.h"

/* Where the inputs are; -1: there is none. */
struct slots {
    int a, b, a_scale, a_zero, b_scale, b_zero, y_scale, y_zero, bias;
};
static const struct slots integer = {0, 1, -1, 2, -1, 3, -1, -1, -1};
static const struct slots qlinear = {0, 3, 1, 2, 4, 5, 6, 7, -1};
static const struct slots to_float = {0, 1, 2, 4, 3, 5, -1, -1, 6};
static const struct slots dynamic = {0, 1, -1, -1, 2, 3, -1, -1, 4};

/* The left operand: codes, or what DynamicQuantizeMatMul made of floats. */
struct left {
    enum dtype dtype;
    const void *data;
    int32_t zero;  /* where the node has no input for it */
    float scale;
};

/* Parameters of the rows of A or the columns of B: element matrix * `matrix` + line * step. */
struct lines {
    struct zeros zero;
    struct scales scale;
    int64_t zero_matrix, scale_matrix;
};

struct product {
    struct stacks s;
    int64_t m, n, k, row; /* row: of packed operands */
    int64_t count_a, count_b, count;
    const int16_t *a, *b;
    struct lines rows, columns;
};

static int infer(struct call *c, const struct slots *at, enum dtype result, struct err *err)
{
    struct stacks s;
    if (at != &dynamic)
        TRY(code_check(c, at->a, err));
    TRY(code_check(c, at->b, err));
    TRY(stacks_read(&call_in(c, at->a)->shape, &call_in(c, at->b)->shape, &s, err));
    struct shape y = stacks_result(&s);
    call_set(c, 0, result, &y);
    return 0;
}

int infer_matmul_integer(struct call *c, struct err *err)
{
    return infer(c, &integer, DTYPE_I32, err);
}

static bool is_small_float(enum dtype t)
{
    return t == DTYPE_F8E4M3FN || t == DTYPE_F8E4M3FNUZ || t == DTYPE_F8E5M2
        || t == DTYPE_F8E5M2FNUZ;
}

int infer_qlinear_matmul(struct call *c, struct err *err)
{
    static const int codes[] = {0, 3, 7}; /* A, B, and the zero point of the result */
    struct stacks s;
    for (int i = 0; i < 3; i++)
        if (c->opset < 21 || !is_small_float(call_in(c, codes[i])->dtype))
            TRY(code_check(c, codes[i], err));
    TRY(stacks_read(&call_in(c, qlinear.a)->shape, &call_in(c, qlinear.b)->shape, &s, err));
    struct shape y = stacks_result(&s);
    call_set(c, 0, call_in(c, qlinear.y_zero)->dtype, &y);
    return 0;
}

int infer_matmul_integer_to_float(struct call *c, struct err *err)
{
    return infer(c, &to_float, DTYPE_F32, err);
}

int infer_dynamic_quantize_matmul(struct call *c, struct err *err)
{
    const struct tensor *a = call_in(c, dynamic.a);
    if (a->dtype && a->dtype != DTYPE_F32)
        return call_refuse_dtype(a->dtype, err);
    return infer(c, &dynamic, DTYPE_F32, err);
}

/* How many numbers an input has for `count` matrices of n lines: 1, n, or count * n. `axis`: the
 * axis from the end along which all lines are one. */
static int count_lines(const struct call *c, int slot, int64_t n, int64_t count, int axis,
                       int64_t *expected, int64_t *matrix, struct err *err)
{
    const struct tensor *t = slot < 0 ? NULL : call_in(c, slot);
    bool each = t && count > 1 && tensor_count(t) == n * count && n * count > 1;
    *expected = each ? n * count : n;
    *matrix = each ? n : 0;
    if (t && t->shape.rank > 1 && t->shape.dim[t->shape.rank - axis] != 1)
        return err_set(err, ERR_INPUT, "input %d must be per %s", slot,
                       axis == 1 ? "row" : "column");
    return 0;
}

static int lines_read(const struct call *c, int zero, int scale, enum dtype codes, int64_t n,
                      int64_t count, int axis, struct lines *l, struct err *err)
{
    int64_t expected;
    TRY(count_lines(c, zero, n, count, axis, &expected, &l->zero_matrix, err));
    TRY(zeros_read(c, zero, codes, expected, &l->zero, err));
    if (scale < 0)
        return 0;
    TRY(count_lines(c, scale, n, count, axis, &expected, &l->scale_matrix, err));
    return scales_read(c, scale, expected, &l->scale, err);
}

static const int16_t *pack_left(const struct call *c, const struct product *p,
                                const struct left *left)
{
    int16_t *to = NEW_ARRAY(c->scratch, p->count_a * p->m * p->row, int16_t);
    for (int64_t i = 0; i < p->count_a; i++)
        k_igemm_pack_rows(&(struct k_igemm_lines){
            .dtype = left->dtype, .data = left->data, .at = i * p->m * p->k, .n = p->m,
            .outer = p->k, .k = p->k, .inner = 1,
            .zero = p->rows.zero.at + i * p->rows.zero_matrix, .zero_step = p->rows.zero.step,
        }, to + i * p->m * p->row);
    return to;
}

static const int16_t *pack_right(const struct call *c, const struct product *p,
                                 const struct slots *at)
{
    const struct tensor *b = call_in(c, at->b);
    unsigned inputs = packed_inputs(c, at->b, at->b_zero);
    int16_t *to = packed_find(c, inputs);
    if (to)
        return to;
    int64_t size = k_igemm_panels(p->n, p->row);
    to = packed_room(c, inputs, sizeof *to * (size_t)(p->count_b * size));
    for (int64_t i = 0; i < p->count_b; i++)
        k_igemm_pack_panels(&(struct k_igemm_lines){
            .dtype = b->dtype, .data = b->data, .at = i * p->k * p->n, .n = p->n, .outer = 1,
            .k = p->k, .inner = p->n,
            .zero = p->columns.zero.at + i * p->columns.zero_matrix,
            .zero_step = p->columns.zero.step,
        }, to + i * size);
    return packed_keep(c, inputs, to);
}

static int product_open(const struct call *c, const struct slots *at, const struct left *left,
                        struct product *p, struct err *err)
{
    const struct tensor *a = call_in(c, at->a), *b = call_in(c, at->b);
    *p = (struct product){0};
    TRY(stacks_read(&a->shape, &b->shape, &p->s, err));
    p->m = p->s.a.dim[p->s.a.rank - 2];
    p->k = p->s.a.dim[p->s.a.rank - 1];
    p->n = p->s.b.dim[p->s.b.rank - 1];
    p->row = k_igemm_row(p->k);
    p->count_a = shape_span(&p->s.a, 0, p->s.a.rank - 2);
    p->count_b = shape_span(&p->s.b, 0, p->s.b.rank - 2);
    p->count = shape_span(&p->s.y, 0, p->s.y.rank - 2);
    TRY(lines_read(c, at->a_zero, at->a_scale, left->dtype, p->m, p->count_a, 1, &p->rows, err));
    TRY(lines_read(c, at->b_zero, at->b_scale, b->dtype, p->n, p->count_b, 2, &p->columns, err));
    if (at->a_zero < 0)
        p->rows.zero = (struct zeros){&left->zero, 0};
    if (at->a_scale < 0)
        p->rows.scale = (struct scales){&left->scale, 0};
    p->a = pack_left(c, p, left);
    p->b = pack_right(c, p, at);
    return 0;
}

/* The sums of matrix i of the result. */
static void multiply(const struct product *p, int64_t i, int32_t *sum)
{
    k_igemm(p->m, p->n, p->row, p->a + stacks_matrix(&p->s.a, &p->s.y, i) * p->m * p->row,
            p->b + stacks_matrix(&p->s.b, &p->s.y, i) * k_igemm_panels(p->n, p->row), sum, p->n);
}

/* The factors of row `line` of matrix i of the result, one for each column. */
static void factors(const struct product *p, int64_t i, int64_t line, float y_scale, float *f)
{
    const struct lines *r = &p->rows, *q = &p->columns;
    const float *row = r->scale.at + stacks_matrix(&p->s.a, &p->s.y, i) * r->scale_matrix;
    const float *column = q->scale.at + stacks_matrix(&p->s.b, &p->s.y, i) * q->scale_matrix;
    for (int64_t j = 0; j < p->n; j++)
        f[j] = row[line * r->scale.step] * column[j * q->scale.step] / y_scale;
}

static struct left codes_left(const struct call *c, int slot)
{
    const struct tensor *a = call_in(c, slot);
    return (struct left){.dtype = a->dtype, .data = a->data, .scale = 1};
}

int eval_matmul_integer(struct call *c, struct err *err)
{
    struct left left = codes_left(c, integer.a);
    struct product p;
    if (!tensor_count(call_out(c, 0)))
        return 0;
    TRY(product_open(c, &integer, &left, &p, err));
    for (int64_t i = 0; i < p.count; i++)
        multiply(&p, i, (int32_t *)call_out(c, 0)->data + i * p.m * p.n);
    return 0;
}

/* As many rows of matrix i at a time as share their factors: `store` finds them in s, and their
 * place in the result in `at`. */
#define EACH_ROWS(p, i, y_scale, f, sum, store)                                                    \
    for (int64_t line = 0, step = (p).rows.scale.step ? 1 : (p).m; line < (p).m; line += step) {   \
        struct sums s = {.sum = (sum) + line * (p).n, .rows = step, .channels = (p).n,             \
                         .factor = (f)};                                                           \
        int64_t at = ((i) * (p).m + line) * (p).n;                                                 \
        factors(&(p), i, line, y_scale, f);                                                        \
        store;                                                                                     \
    }

int eval_qlinear_matmul(struct call *c, struct err *err)
{
    struct tensor *y = call_out(c, 0);
    struct left left = codes_left(c, qlinear.a);
    struct product p;
    float y_scale;
    int32_t zero;
    if (!tensor_count(y))
        return 0;
    if (qmatmul_is_real(c))
        return qmatmul_real(c, err);
    TRY(scale_read(c, qlinear.y_scale, &y_scale, err));
    TRY(zero_read(c, qlinear.y_zero, y->dtype, &zero, err));
    TRY(product_open(c, &qlinear, &left, &p, err));
    int32_t *sum = NEW_ARRAY(c->scratch, p.m * p.n, int32_t);
    float *f = NEW_ARRAY(c->scratch, p.n, float);
    for (int64_t i = 0; i < p.count; i++) {
        multiply(&p, i, sum);
        EACH_ROWS(p, i, y_scale, f, sum, codes_of_sums(&s, zero, y->dtype, (char *)y->data + at))
    }
    return 0;
}

static int eval_float(struct call *c, const struct slots *at_slots, const struct left *left,
                      struct err *err)
{
    float *y = tensor_f32(call_out(c, 0));
    const struct tensor *bias = call_in(c, at_slots->bias);
    struct product p;
    if (!tensor_count(call_out(c, 0)))
        return 0;
    TRY(product_open(c, at_slots, left, &p, err));
    if (bias && (bias->dtype != DTYPE_F32 || tensor_count(bias) != p.n))
        return err_set(err, ERR_INPUT, "input %d must be %d float numbers", at_slots->bias,
                       (int)p.n);
    struct tail tail = {.bias = bias ? tensor_f32(bias) : NULL};
    int32_t *sum = NEW_ARRAY(c->scratch, p.m * p.n, int32_t);
    float *f = NEW_ARRAY(c->scratch, p.n, float);
    for (int64_t i = 0; i < p.count; i++) {
        multiply(&p, i, sum);
        EACH_ROWS(p, i, 1, f, sum, k_sums_f32(&s, y + at))
    }
    k_tail(&tail, y, p.count * p.m, p.n);
    return 0;
}

int eval_matmul_integer_to_float(struct call *c, struct err *err)
{
    struct left left = codes_left(c, to_float.a);
    return eval_float(c, &to_float, &left, err);
}

int eval_dynamic_quantize_matmul(struct call *c, struct err *err)
{
    const struct tensor *a = call_in(c, dynamic.a);
    int64_t n = tensor_count(a);
    uint8_t *codes = NEW_ARRAY(c->scratch, n, uint8_t);
    struct left left = {.dtype = DTYPE_U8, .data = codes};
    dynamic_range(tensor_f32(a), n, &left.scale, &left.zero);
    k_quantize_f32(tensor_f32(a), DTYPE_U8, codes, n, left.scale, left.zero, 0, UINT8_MAX);
    return eval_float(c, &dynamic, &left, err);
}
