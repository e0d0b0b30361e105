/* SPDX-License-Identifier: Apache-2.0
 *
 * op_norm_window: normalizations without weights: LRN over neighbouring channels, LpNormalization
 * along an axis, MeanVarianceNormalization over any axes.
 */
#include "ops.h"

#include "k_move.h"
#include "k_norm.h"
#include "real.h"

#include <math.h>

int infer_real(struct call *c, struct err *err)
{
    TRY(real_check(c, 0, err));
    call_set(c, 0, c->in[0]->dtype, &c->in[0]->shape);
    return 0;
}

/* y = x / (bias + alpha / size * sum of squares of `size` neighbouring channels) ^ beta */
int eval_lrn(struct call *c, struct err *err)
{
    const struct shape *s = &c->in[0]->shape;
    int64_t size = node_int(c->node, "size", 0);
    double alpha = (double)node_float(c->node, "alpha", 1e-4f), beta;
    double bias = (double)node_float(c->node, "bias", 1);
    const float *x = real_in(c, 0);
    float *y = real_out(c, 0);
    beta = (double)node_float(c->node, "beta", 0.75f);
    if (s->rank < 2 || size < 1)
        return err_set(err, ERR_INPUT, "the input has no channels, or attribute size is not > 0");
    int64_t channels = s->dim[1], inner = shape_span(s, 2, s->rank);
    for (int64_t o = 0, n = s->dim[0] * channels; o < n; o++) {
        int64_t at = o % channels, from = at - (size - 1) / 2, to = at + size / 2 + 1;
        from = from < 0 ? 0 : from;
        to = to > channels ? channels : to;
        for (int64_t i = 0; i < inner; i++) {
            double sum = 0;
            for (int64_t k = from; k < to; k++) {
                double v = (double)x[(o - at + k) * inner + i];
                sum += v * v;
            }
            y[o * inner + i] = (float)((double)x[o * inner + i]
                                       / pow(bias + alpha / (double)size * sum, beta));
        }
    }
    real_store(c, 0, y);
    return 0;
}

/* A vector of norm 0 stays as it is. */
int eval_lp_norm(struct call *c, struct err *err)
{
    const struct shape *s = &c->in[0]->shape;
    int axis = axis_check(node_int(c->node, "axis", -1), s->rank, err);
    int64_t p = node_int(c->node, "p", 2);
    if (axis < 0)
        return -1;
    if (p != 1 && p != 2)
        return err_set(err, ERR_INPUT, "attribute p must be 1 or 2");
    int64_t n = s->dim[axis], inner = shape_span(s, axis + 1, s->rank);
    int64_t lines = shape_span(s, 0, axis) * inner;
    const float *x = real_in(c, 0);
    float *y = real_out(c, 0);
    for (int64_t l = 0; l < lines; l++) {
        int64_t at = l / inner * n * inner + l % inner;
        double sum = 0;
        for (int64_t i = 0; i < n; i++) {
            double v = (double)x[at + i * inner];
            sum += p == 1 ? fabs(v) : v * v;
        }
        double norm = p == 1 ? sum : sqrt(sum);
        for (int64_t i = 0; i < n; i++)
            y[at + i * inner] = norm > 0 ? (float)((double)x[at + i * inner] / norm)
                                         : x[at + i * inner];
    }
    real_store(c, 0, y);
    return 0;
}

/* The normalized axes are moved behind the others, and back. */
int eval_mean_variance(struct call *c, struct err *err)
{
    const struct shape *s = &c->in[0]->shape;
    static const int64_t usual[] = {0, 2, 3};
    struct ints axes;
    unsigned mask;
    int64_t own[MAX_RANK], dim[MAX_RANK], from[MAX_RANK], to[MAX_RANK], n = 1, count = 1;
    int k = 0;
    TRY(call_ints(c, -1, "axes", &axes, err));
    if (!axes.given)
        axes = (struct ints){true, true, 3, usual};
    TRY(axes_mask(&axes, s->rank, &mask, err));
    tensor_strides(c->in[0], own);
    for (unsigned folded = 0; folded < 2; folded++)
        for (int i = 0; i < s->rank; i++)
            if ((mask >> i & 1) == folded) {
                dim[k] = s->dim[i];
                from[k++] = own[i];
                n *= folded ? s->dim[i] : 1;
            }
    for (int i = s->rank - 1; i >= 0; i--) {
        to[i] = count;
        count *= dim[i];
    }
    float *buf = NEW_ARRAY(c->scratch, count + 1, float), *y = real_out(c, 0), one = 1;
    k_move(buf, real_in(c, 0), sizeof *buf, s->rank, dim, to, from);
    for (int64_t i = 0; n && i < count; i += n) {
        double mean, variance;
        k_moments_f32(buf + i, n, &mean, &variance);
        k_normalize_f32(buf + i, buf + i, n, (float)mean, (float)(1 / (sqrt(variance) + 1e-9)),
                        &one, 0, NULL, 0);
    }
    k_move(y, buf, sizeof *buf, s->rank, dim, from, to);
    real_store(c, 0, y);
    return 0;
}
