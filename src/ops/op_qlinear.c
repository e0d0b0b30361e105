/* SPDX-License-Identifier: Apache-2.0
 *
 * op_qlinear: com.microsoft's QLinearAdd and QLinearMul, which broadcast.
 *
 * ONNX Runtime multiplies and adds in float without leaving the codes' own zero points (k_qlinear),
 * and adds the operand first that it holds still: then a sum near a tie depends on which one that
 * is. These are its results on processors with AVX2 and FMA; on others it may be a step off.
 */
#include "ops.h"

#include "k_loop.h"
#include "k_qlinear.h"
#include "qparam.h"

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };

int infer_qlinear_binary(struct call *c, struct err *err)
{
    struct shape s = call_in(c, A)->shape;
    TRY(inputs_need(c, 1u << A | 1u << A_SCALE | 1u << B | 1u << B_SCALE | 1u << Y_SCALE, err));
    TRY(code_check(c, A, err));
    TRY(call_same_dtype(c, A, B, err));
    TRY(call_same_dtype(c, A, Y_ZERO, err));
    TRY(shape_broadcast(&s, &call_in(c, B)->shape, err));
    call_set(c, 0, call_in(c, A)->dtype, &s);
    return 0;
}

/* Does input a stand still along the innermost axis that is not 1, or the outermost that both have
 * where all are? */
static bool is_still(const struct shape *a, const struct shape *b)
{
    int common = a->rank < b->rank ? a->rank : b->rank;
    if (a->rank == 0)
        return true;
    for (int i = 1; i < common; i++) {
        int64_t x = a->dim[a->rank - i], y = b->dim[b->rank - i];
        if (x != 1 || y != 1)
            return x == 1;
    }
    return a->dim[a->rank - (common ? common : 1)] == 1;
}

struct params {
    float a_scale, b_scale, y_scale;
    int32_t a_zero, b_zero, y_zero;
};

static int params_read(const struct call *c, struct params *p, struct err *err)
{
    enum dtype t = call_in(c, A)->dtype;
    TRY(scale_read(c, A_SCALE, &p->a_scale, err));
    TRY(scale_read(c, B_SCALE, &p->b_scale, err));
    TRY(scale_read(c, Y_SCALE, &p->y_scale, err));
    TRY(zero_read(c, A_ZERO, t, &p->a_zero, err));
    TRY(zero_read(c, B_ZERO, t, &p->b_zero, err));
    return zero_read(c, Y_ZERO, t, &p->y_zero, err);
}

/* Rows of the result with both operands. */
struct rows {
    struct k_loop loop;
    struct k_codes a, b;
    int64_t n;
};

static bool rows_open(const struct call *c, struct rows *r)
{
    const struct tensor *y = call_out(c, 0);
    int64_t stride[3][MAX_RANK];
    const int64_t *strides[3] = {stride[0], stride[1], stride[2]};
    tensor_strides(y, stride[0]);
    tensor_strides_in(call_in(c, A), &y->shape, stride[1]);
    tensor_strides_in(call_in(c, B), &y->shape, stride[2]);
    k_loop_init(&r->loop, y->shape.rank, y->shape.dim, 3, strides);
    int last = r->loop.rank - 1;
    r->n = r->loop.dim[last];
    r->a = (struct k_codes){call_in(c, A)->data, 0, r->loop.stride[1][last]};
    r->b = (struct k_codes){call_in(c, B)->data, 0, r->loop.stride[2][last]};
    return k_loop_first(&r->loop);
}

int eval_qlinear_add(struct call *c, struct err *err)
{
    struct tensor *y = call_out(c, 0);
    struct params p;
    struct rows r;
    TRY(params_read(c, &p, err));
    struct qadd q = k_qadd_init(p.a_scale, p.a_zero, p.b_scale, p.b_zero, p.y_scale, p.y_zero,
                                is_still(&call_in(c, A)->shape, &call_in(c, B)->shape));
    if (!rows_open(c, &r))
        return 0;
    do {
        r.a.at = r.loop.at[1];
        r.b.at = r.loop.at[2];
        k_qadd(&q, y->dtype, r.a, r.b, y->data, r.loop.at[0], r.n);
    } while (k_loop_next(&r.loop));
    return 0;
}

int eval_qlinear_mul(struct call *c, struct err *err)
{
    struct tensor *y = call_out(c, 0);
    struct params p;
    struct rows r;
    TRY(params_read(c, &p, err));
    struct qmul q = {.scale = p.a_scale * p.b_scale / p.y_scale, .a_zero = p.a_zero,
                     .b_zero = p.b_zero, .y_zero = p.y_zero};
    if (!rows_open(c, &r))
        return 0;
    do {
        r.a.at = r.loop.at[1];
        r.b.at = r.loop.at[2];
        k_qmul(&q, y->dtype, r.a, r.b, y->data, r.loop.at[0], r.n);
    } while (k_loop_next(&r.loop));
    return 0;
}
