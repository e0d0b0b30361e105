/* SPDX-License-Identifier: Apache-2.0
 *
 * op_qgemm: com.microsoft's QGemm: sums of codes plus an int32 bias that broadcasts, as codes, or
 * as float where the node has no y_scale. The factor is alpha * a_scale * b_scale / y_scale, from
 * left to right in float, as in ONNX Runtime; B's parameters may be one for each column.
 */
#include "ops.h"

#include "k_igemm.h"
#include "packed.h"
#include "qparam.h"

#include <inttypes.h>

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, BIAS, Y_SCALE, Y_ZERO };

struct sizes {
    int64_t m, n, k;
    bool ta, tb;
};

static int sizes_read(const struct call *c, struct sizes *s, struct err *err)
{
    const struct shape *a = &call_in(c, A)->shape, *b = &call_in(c, B)->shape;
    *s = (struct sizes){.m = -1, .n = -1, .k = -1};
    s->ta = node_int(c->node, "transA", 0) != 0;
    s->tb = node_int(c->node, "transB", 0) != 0;
    if ((a->rank >= 0 && a->rank != 2) || (b->rank >= 0 && b->rank != 2))
        return err_set(err, ERR_INPUT, "inputs A and B must be matrices");
    if (a->rank == 2) {
        s->m = a->dim[s->ta];
        s->k = a->dim[!s->ta];
    }
    if (b->rank == 2) {
        int64_t k = b->dim[s->tb];
        s->n = b->dim[!s->tb];
        if (s->k >= 0 && k >= 0 && s->k != k)
            return err_set(err, ERR_INPUT, "the inner sizes differ: %" PRId64 " and %" PRId64,
                           s->k, k);
    }
    return 0;
}

int infer_qgemm(struct call *c, struct err *err)
{
    struct sizes s;
    enum dtype t;
    TRY(code_check(c, A, err));
    TRY(code_check(c, B, err));
    TRY(sizes_read(c, &s, err));
    TRY(code_dtype(c, Y_ZERO, DTYPE_F32, &t, err));
    if (!call_in(c, Y_SCALE) != !call_in(c, Y_ZERO))
        return err_set(err, ERR_INPUT, "y_scale and y_zero_point come together");
    struct shape y = {.rank = 2, .dim = {s.m, s.n}};
    call_set(c, 0, t, &y);
    return 0;
}

/* A as rows of k, B as columns. */
static int operand(const struct call *c, int slot, const struct sizes *s, int64_t lines,
                   bool k_inner, int64_t *row, const int16_t **packed, struct err *err)
{
    const struct tensor *t = call_in(c, slot);
    unsigned inputs = packed_inputs(c, slot, slot == A ? A_ZERO : B_ZERO);
    struct zeros zero;
    *row = k_igemm_row(s->k);
    TRY(zeros_read(c, slot == A ? A_ZERO : B_ZERO, t->dtype, slot == A ? 1 : lines, &zero, err));
    *packed = slot == B ? packed_find(c, inputs) : NULL;
    if (*packed)
        return 0;
    struct k_igemm_lines l = {
        .dtype = t->dtype, .data = t->data, .n = lines, .outer = k_inner ? s->k : 1, .k = s->k,
        .inner = k_inner ? 1 : lines, .zero = zero.at, .zero_step = zero.step,
    };
    if (slot == A) {
        int16_t *to = NEW_BUFFER(c->scratch, lines * *row, int16_t);
        k_igemm_pack_rows(&l, to);
        *packed = to;
        return 0;
    }
    int16_t *to = packed_room(c, inputs, sizeof *to * (size_t)k_igemm_panels(lines, *row));
    k_igemm_pack_panels(&l, to);
    *packed = packed_keep(c, inputs, to);
    return 0;
}

static int add_bias(const struct call *c, const struct sizes *s, int32_t *sum, struct err *err)
{
    const struct tensor *t = call_in(c, BIAS);
    struct shape y = {.rank = 2, .dim = {s->m, s->n}}, both = y;
    int64_t stride[MAX_RANK];
    if (!t)
        return 0;
    TRY(shape_broadcast(&both, &t->shape, err));
    if (t->dtype != DTYPE_I32 || !shape_equal(&both, &y))
        return err_set(err, ERR_INPUT, "input C must be int32 and broadcast to the product");
    const int32_t *bias = t->data;
    tensor_strides_in(t, &y, stride);
    for (int64_t i = 0; i < s->m; i++)
        for (int64_t j = 0; j < s->n; j++)
            sum[i * s->n + j] = (int32_t)((uint32_t)sum[i * s->n + j]
                                          + (uint32_t)bias[i * stride[0] + j * stride[1]]);
    return 0;
}

static int factors(const struct call *c, const struct sizes *s, float *f, struct err *err)
{
    struct scales b;
    float a, y = 1, alpha = node_float(c->node, "alpha", 1);
    TRY(scale_read(c, A_SCALE, &a, err));
    TRY(scales_read(c, B_SCALE, s->n, &b, err));
    if (call_in(c, Y_SCALE))
        TRY(scale_read(c, Y_SCALE, &y, err));
    for (int64_t j = 0; j < s->n; j++)
        f[j] = alpha * a * b.at[j * b.step] / y;
    return 0;
}

int eval_qgemm(struct call *c, struct err *err)
{
    struct tensor *y = call_out(c, 0);
    const int16_t *a, *b;
    struct sizes s;
    int64_t row;
    TRY(sizes_read(c, &s, err));
    if (!tensor_count(y))
        return 0;
    float *f = NEW_ARRAY(c->scratch, s.n, float);
    int32_t *sum = NEW_ARRAY(c->scratch, s.m * s.n, int32_t);
    struct sums sums = {.sum = sum, .rows = s.m, .channels = s.n, .factor = f};
    int32_t zero;
    TRY(factors(c, &s, f, err));
    TRY(operand(c, A, &s, s.m, !s.ta, &row, &a, err));
    TRY(operand(c, B, &s, s.n, s.tb, &row, &b, err));
    k_igemm(s.m, s.n, row, a, b, sum, s.n);
    TRY(add_bias(c, &s, sum, err));
    if (y->dtype == DTYPE_F32) {
        k_sums_f32(&sums, tensor_f32(y));
        return 0;
    }
    TRY(zero_read(c, Y_ZERO, y->dtype, &zero, err));
    codes_of_sums(&sums, zero, y->dtype, y->data);
    return 0;
}
