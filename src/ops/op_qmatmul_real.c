/* SPDX-License-Identifier: Apache-2.0
 *
 * op_qmatmul_real: QLinearMatMul where A, B or the result are 8-bit floats, as opset 21 allows. The
 * codes' values are multiplied in double, where nothing is rounded that matters, and the result is
 * rounded once, to the nearest value of its type; what is beyond its limits becomes its limit.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_gemm.h"
#include "qmatmul.h"
#include "stacks.h"

#include <inttypes.h>
#include <math.h>

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };

/* Scales or zero points of the lines of a stack of matrices: at[matrix * matrix_step + line * step]
 */
struct numbers {
    const double *at;
    int64_t step, matrix_step;
};

/* Of `count` matrices of n lines, which are along all axes but `axis` from the end. */
static int numbers_read(const struct call *c, int slot, int64_t n, int64_t count, int axis,
                        struct numbers *v, struct err *err)
{
    const struct tensor *t = call_in(c, slot);
    int64_t have = tensor_count(t);
    bool each = have == n * count && count > 1;
    if (have != 1 && have != n && !each)
        return err_set(err, ERR_INPUT, "input %d has %" PRId64 " elements for %" PRId64 " %ss",
                       slot, have, n, axis == 1 ? "row" : "column");
    if (axis && t->shape.rank > 1 && t->shape.dim[t->shape.rank - axis] != 1)
        return err_set(err, ERR_INPUT, "input %d must be per %s", slot,
                       axis == 1 ? "row" : "column");
    double *at = NEW_ARRAY(c->scratch, have, double);
    k_load_f64(t->dtype, t->data, 0, 1, have, at);
    *v = (struct numbers){at, have > 1, each ? n : 0};
    return 0;
}

static int check_zero(const struct call *c, int slot, enum dtype codes, struct err *err)
{
    const struct tensor *t = call_in(c, slot);
    if (t->dtype != codes)
        return err_set(err, ERR_INPUT, "input %d, a zero point, is %s for codes of %s", slot,
                       dtype_info(t->dtype)->name, dtype_info(codes)->name);
    return 0;
}

/* The operand in `slot` less its zero points; a line is a row (axis 1) or a column (axis 2). */
static int operand_read(const struct call *c, int slot, const struct shape *stack, int axis,
                        double **operand, struct numbers *scale, struct err *err)
{
    const struct tensor *t = call_in(c, slot);
    int64_t rows = stack->dim[stack->rank - 2], columns = stack->dim[stack->rank - 1];
    int64_t count = shape_span(stack, 0, stack->rank - 2), n = axis == 1 ? rows : columns;
    struct numbers zero;
    TRY(check_zero(c, slot + 2, t->dtype, err));
    TRY(numbers_read(c, slot + 1, n, count, axis, scale, err));
    TRY(numbers_read(c, slot + 2, n, count, axis, &zero, err));
    double *at = NEW_ARRAY(c->scratch, tensor_count(t), double);
    k_load_f64(t->dtype, t->data, 0, 1, tensor_count(t), at);
    *operand = at;
    for (int64_t m = 0; m < count; m++)
        for (int64_t i = 0; i < rows; i++, at += columns)
            for (int64_t j = 0; j < columns; j++)
                at[j] -= zero.at[m * zero.matrix_step + (axis == 1 ? i : j) * zero.step];
    return 0;
}

static void store(struct tensor *y, int64_t i, double v)
{
    const struct dtype_info *info = dtype_info(y->dtype);
    if (info->is_float)
        store_small(y->dtype, y->data, i, v, true);
    else
        dtype_store_int(y->dtype, y->data, i, (int64_t)fmax(info->min, fmin(info->max, rint(v))));
}

bool qmatmul_is_real(const struct call *c)
{
    return dtype_info(call_in(c, A)->dtype)->is_float || dtype_info(call_in(c, B)->dtype)->is_float
        || dtype_info(call_in(c, Y_ZERO)->dtype)->is_float;
}

int qmatmul_real(const struct call *c, struct err *err)
{
    struct tensor *y = call_out(c, 0);
    struct stacks s;
    struct numbers a_scale, b_scale, y_scale, y_zero;
    double *a, *b;
    TRY(stacks_read(&call_in(c, A)->shape, &call_in(c, B)->shape, &s, err));
    int64_t m = s.a.dim[s.a.rank - 2], k = s.a.dim[s.a.rank - 1], n = s.b.dim[s.b.rank - 1];
    TRY(operand_read(c, A, &s.a, 1, &a, &a_scale, err));
    TRY(operand_read(c, B, &s.b, 2, &b, &b_scale, err));
    TRY(numbers_read(c, Y_SCALE, 1, 1, 0, &y_scale, err));
    TRY(numbers_read(c, Y_ZERO, 1, 1, 0, &y_zero, err));
    struct gemm g = gemm_dense(m, n, k);
    double *sum = NEW_ARRAY(c->scratch, m * n, double);
    for (int64_t i = 0; i < shape_span(&s.y, 0, s.y.rank - 2); i++) {
        int64_t at_a = stacks_matrix(&s.a, &s.y, i), at_b = stacks_matrix(&s.b, &s.y, i);
        const double *row = a_scale.at + at_a * a_scale.matrix_step;
        const double *column = b_scale.at + at_b * b_scale.matrix_step;
        k_gemm_f64(&g, a + at_a * m * k, b + at_b * k * n, sum);
        for (int64_t j = 0; j < m * n; j++) {
            double scale = row[j / n * a_scale.step] * column[j % n * b_scale.step];
            store(y, i * m * n + j, sum[j] * (scale / *y_scale.at) + *y_zero.at);
        }
    }
    return 0;
}
