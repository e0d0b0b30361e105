/* SPDX-License-Identifier: Apache-2.0
 *
 * op_batchnorm: BatchNormalization as inference means it, y = a[c] * x + b[c] with
 * a = scale / sqrt(var + epsilon) and b = bias - mean * a.
 */
#include "ops.h"

#include "k_affine.h"
#include "real.h"

#include <math.h>

enum { X, SCALE, BIAS, MEAN, VAR };

static int check_mode(const struct call *c, struct err *err)
{
    bool training = c->opset >= 14  ? node_int(c->node, "training_mode", 0) != 0
                    : c->opset >= 7 ? c->n_out > 1 && c->out[1]
                                    : node_int(c->node, "is_test", 0) == 0;
    if (training)
        return err_set(err, ERR_INPUT, "training mode is not supported");
    if (c->opset < 9 && node_int(c->node, "spatial", 1) == 0)
        return err_set(err, ERR_INPUT, "attribute spatial = 0 is not supported");
    return 0;
}

/* Channels; -1: not known. */
static int64_t channels(const struct shape *s)
{
    return s->rank < 0 ? -1 : s->rank < 2 ? 1 : s->dim[1];
}

int infer_batchnorm(struct call *c, struct err *err)
{
    const struct tensor *x = call_in(c, X);
    int64_t n = channels(&x->shape);
    TRY(real_check(c, X, err));
    TRY(check_mode(c, err));
    for (int i = SCALE; i <= VAR; i++) {
        const struct tensor *t = call_in(c, i);
        int64_t have = t ? shape_count(&t->shape) : -1;
        if (!t)
            return err_set(err, ERR_INPUT, "input %d is missing", i);
        if (n >= 0 && have >= 0 && n != have)
            return err_set(err, ERR_INPUT, "input %d has %d elements for %d channels", i,
                           (int)have, (int)n);
    }
    call_set(c, 0, x->dtype, &x->shape);
    return 0;
}

int eval_batchnorm(struct call *c, struct err *err)
{
    const struct tensor *t = call_in(c, X);
    int64_t n = channels(&t->shape), count = tensor_count(t);
    float *a = NEW_ARRAY(c->scratch, n, float), *b = NEW_ARRAY(c->scratch, n, float);
    const float *scale = real_in(c, SCALE), *bias = real_in(c, BIAS), *mean = real_in(c, MEAN);
    const float *var = real_in(c, VAR), *x = real_in(c, X);
    float epsilon = node_float(c->node, "epsilon", 1e-5f), *y = real_out(c, 0);
    (void)err;
    if (count == 0)
        return 0;
    for (int64_t i = 0; i < n; i++) {
        a[i] = scale[i] / sqrtf(var[i] + epsilon);
        b[i] = bias[i] - mean[i] * a[i];
    }
    int64_t span = t->shape.rank < 2 ? count : shape_span(&t->shape, 2, t->shape.rank);
    if (t->layout == LAYOUT_CHANNELS_LAST || span == 1)
        k_affine_last(a, b, n, x, y, count / n);
    else
        k_affine_plain(a, b, n, x, y, count / n / span, span);
    real_store(c, 0, y);
    return 0;
}
