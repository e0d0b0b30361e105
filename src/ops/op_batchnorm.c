/* SPDX-License-Identifier: Apache-2.0
 *
 * op_batchnorm: BatchNormalization, y = a[c] * x + b[c] with a = scale / sqrt(var + epsilon) and
 * b = bias - mean * a. In training mode mean and variance are those of the input itself, and the
 * running ones, momentum * old + (1 - momentum) * new, are outputs. Before opset 14 what makes it
 * training mode is that there are such outputs; saved ones then follow them.
 *
 * With spatial = 0, which opsets 7 and 8 have, c counts all elements behind the batch axis: the
 * parameters have the shape of the input without that axis.
 */
#include "ops.h"

#include "k_affine.h"
#include "real.h"

#include <math.h>

enum { X, SCALE, BIAS, MEAN, VAR };

static bool is_training(const struct call *c)
{
    if (c->opset >= 14)
        return node_int(c->node, "training_mode", 0) != 0;
    for (int i = 1; i < c->n_out; i++)
        if (c->node->out[i])
            return true;
    return false;
}

static bool by_element(const struct call *c)
{
    return c->opset < 9 && node_int(c->node, "spatial", 1) == 0;
}

static int check_mode(const struct call *c, struct err *err)
{
    if (c->opset < 7 && node_int(c->node, "is_test", 0) == 0)
        return err_set(err, ERR_INPUT, "attribute is_test is 0: training is not supported; export "
                                       "the model for inference");
    if (by_element(c) && (c->opset < 7 || is_training(c)))
        return err_set(err, ERR_INPUT, "attribute spatial = 0 is not supported %s",
                       c->opset < 7 ? "below opset 7" : "in training mode");
    return 0;
}

/* Numbers in each parameter; -1: not known. */
static int64_t channels(const struct call *c)
{
    const struct shape *s = &call_in(c, X)->shape;
    if (s->rank < 2)
        return s->rank < 0 ? -1 : 1;
    if (!by_element(c))
        return s->dim[1];
    struct shape one = shape_of(s->rank - 1, s->dim + 1);
    return shape_count(&one);
}

/* With spatial = 0, the shape of a parameter is that of the input without its batch axis. */
static int check_element_shape(const struct call *c, int i, struct err *err)
{
    const struct shape *x = &call_in(c, X)->shape, *have = &call_in(c, i)->shape;
    struct shape want = shape_of(x->rank - 1, x->dim + 1);
    if (shape_known(&want) && shape_known(have) && !shape_equal(have, &want))
        return err_set(err, ERR_INPUT, "input %d is %s, not %s", i,
                       shape_text(have, (char[SHAPE_TEXT]){0}),
                       shape_text(&want, (char[SHAPE_TEXT]){0}));
    return 0;
}

int infer_batchnorm(struct call *c, struct err *err)
{
    const struct tensor *x = call_in(c, X);
    int64_t n = channels(c);
    TRY(real_check(c, X, err));
    TRY(check_mode(c, err));
    for (int i = SCALE; i <= VAR; i++) {
        const struct tensor *t = call_in(c, i);
        int64_t have = t ? shape_count(&t->shape) : -1;
        if (!t)
            return err_set(err, ERR_INPUT, "input %d is missing", i);
        if (by_element(c) && x->shape.rank >= 2)
            TRY(check_element_shape(c, i, err));
        else if (n >= 0 && have >= 0 && n != have)
            return err_set(err, ERR_INPUT, "input %d has %d elements for %d channels", i,
                           (int)have, (int)n);
    }
    call_set(c, 0, x->dtype, &x->shape);
    for (int i = 1; i < c->n_out; i++)
        call_set(c, i, call_in(c, MEAN)->dtype, &call_in(c, MEAN)->shape);
    return 0;
}

/* Mean and variance of each channel of x[batch][n][span], or x[batch * span][n] where `last`. */
static void moments(const float *x, int64_t n, int64_t batch, int64_t span, bool last, float *mean,
                    float *var)
{
    double count = (double)(batch * span);
    for (int64_t k = 0; k < n; k++) {
        double sum = 0, square = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t b = 0; b < batch; b++)
                for (int64_t i = 0; i < span; i++) {
                    double v = (double)x[last ? (b * span + i) * n + k : (b * n + k) * span + i];
                    if (pass == 0)
                        sum += v;
                    else
                        square += (v - sum / count) * (v - sum / count);
                }
        mean[k] = (float)(sum / count);
        var[k] = (float)(square / count);
    }
}

/* Running mean and variance; those of the input where opsets below 14 have them too. */
static void store_moments(const struct call *c, int64_t n, const float *mean, const float *var)
{
    float momentum = node_float(c->node, "momentum", 0.9f);
    for (int i = 1; i < c->n_out; i++) {
        const float *now = i % 2 ? mean : var, *old = real_in(c, i % 2 ? MEAN : VAR);
        float *y = real_out(c, i);
        for (int64_t k = 0; y && k < n; k++)
            y[k] = i > 2 ? now[k] : old[k] * momentum + now[k] * (1 - momentum);
        real_store(c, i, y);
    }
}

/* A number for each element in the order in which the input is stored. */
static float *in_storage_order(const struct call *c, const float *v, int64_t n)
{
    const struct tensor *x = call_in(c, X);
    int64_t channels = x->shape.dim[1], span = n / channels;
    float *r = NEW_BUFFER(c->scratch, n, float);
    for (int64_t k = 0; k < channels; k++)
        for (int64_t i = 0; i < span; i++)
            r[i * channels + k] = v[k * span + i];
    return r;
}

int eval_batchnorm(struct call *c, struct err *err)
{
    const struct tensor *t = call_in(c, X);
    int64_t n = channels(c), count = tensor_count(t);
    float *a = NEW_ARRAY(c->scratch, n, float), *b = NEW_ARRAY(c->scratch, n, float);
    const float *scale = real_in(c, SCALE), *bias = real_in(c, BIAS), *mean = real_in(c, MEAN);
    const float *var = real_in(c, VAR), *x = real_in(c, X);
    float epsilon = node_float(c->node, "epsilon", 1e-5f), *y = real_out(c, 0);
    if (count == 0)
        return is_training(c) ? err_set(err, ERR_INPUT, "nothing has no mean") : 0;
    int64_t span = t->shape.rank < 2 ? count : by_element(c) ? 1
                 : shape_span(&t->shape, 2, t->shape.rank);
    bool last = t->layout == LAYOUT_CHANNELS_LAST || span == 1;
    if (is_training(c)) {
        float *new_mean = NEW_ARRAY(c->scratch, n, float);
        float *new_var = NEW_ARRAY(c->scratch, n, float);
        moments(x, n, count / n / span, span, last, new_mean, new_var);
        store_moments(c, n, new_mean, new_var);
        mean = new_mean;
        var = new_var;
    }
    for (int64_t i = 0; i < n; i++) {
        a[i] = scale[i] / sqrtf(var[i] + epsilon);
        b[i] = bias[i] - mean[i] * a[i];
    }
    if (by_element(c) && t->layout == LAYOUT_CHANNELS_LAST) {
        a = in_storage_order(c, a, n);
        b = in_storage_order(c, b, n);
    }
    if (last)
        k_affine_last(a, b, n, x, y, count / n);
    else
        k_affine_plain(a, b, n, x, y, count / n / span, span);
    real_store(c, 0, y);
    return 0;
}
