/* SPDX-License-Identifier: Apache-2.0
 *
 * op_loss: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss, which differ in one LogSoftmax
 * along the axis of classes. A target equal to ignore_index has loss 0 and weight 0; the mean is
 * over the weights.
 */
#include "ops.h"

#include "k_softmax.h"
#include "real.h"

#include <inttypes.h>

enum { X, TARGET, WEIGHT };
enum reduction { MEAN, SUM, NONE };

static int reduction_read(const struct call *c, enum reduction *r, struct err *err)
{
    static const char *const names[] = {"mean", "sum", "none"};
    for (int i = 0; i < 3; i++) {
        if (node_string_is(c->node, "reduction", "mean", names[i])) {
            *r = (enum reduction)i;
            return 0;
        }
    }
    return err_set(err, ERR_INPUT, "attribute reduction is none of mean, sum, none");
}

int infer_loss(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[X]->shape, *target = &c->in[TARGET]->shape;
    const struct tensor *weight = call_in(c, WEIGHT);
    int64_t n = weight ? shape_count(&weight->shape) : -1;
    enum reduction r = MEAN;
    TRY(reduction_read(c, &r, err));
    TRY(real_check(c, X, err));
    TRY(call_same_dtype(c, X, WEIGHT, err));
    if (c->in[TARGET]->dtype && c->in[TARGET]->dtype != DTYPE_I64
        && c->in[TARGET]->dtype != DTYPE_I32)
        return err_set(err, ERR_INPUT, "the targets must be int64 or int32");
    if (x->rank >= 0 && x->rank < 2)
        return err_set(err, ERR_INPUT, "the input must have rank 2 at least");
    if (x->rank >= 0 && target->rank >= 0) {
        bool fits = target->rank == x->rank - 1;
        for (int i = 0; fits && i < target->rank; i++) {
            int64_t a = x->dim[i ? i + 1 : 0], b = target->dim[i];
            fits = a < 0 || b < 0 || a == b;
        }
        if (!fits)
            return err_set(err, ERR_INPUT, "the targets do not fit the input");
    }
    if (n >= 0 && x->rank >= 2 && x->dim[1] >= 0 && n != x->dim[1])
        return err_set(err, ERR_INPUT, "%" PRId64 " weights for %" PRId64 " classes", n,
                       x->dim[1]);
    call_set(c, 0, c->in[X]->dtype, r == NONE ? target : &(struct shape){0});
    call_set(c, 1, c->in[X]->dtype, x);
    return 0;
}

/* log_prob: [batch][classes][span] */
static int loss(struct call *c, const float *log_prob, struct err *err)
{
    const struct tensor *target = c->in[TARGET];
    const struct shape *s = &c->in[X]->shape;
    int64_t classes = s->dim[1], span = shape_span(s, 2, s->rank), n = tensor_count(target);
    int64_t ignored = node_int(c->node, "ignore_index", 0);
    bool ignores = node_attr(c->node, "ignore_index") != NULL;
    const float *weight = real_in(c, WEIGHT);
    float *y = real_out(c, 0);
    double sum = 0, weights = 0;
    enum reduction r = MEAN;
    TRY(reduction_read(c, &r, err));
    for (int64_t i = 0; i < n; i++) {
        int64_t at = tensor_get_int(target, i);
        double w = 0, v = 0;
        if (!ignores || at != ignored) {
            if (at < 0 || at >= classes)
                return err_set(err, ERR_INPUT, "target %" PRId64 " is none of %" PRId64
                               " classes", at, classes);
            w = weight ? (double)weight[at] : 1;
            v = -w * (double)log_prob[(i / span * classes + at) * span + i % span];
        }
        sum += v;
        weights += w;
        if (r == NONE && y)
            y[i] = (float)v;
    }
    if (r != NONE && y)
        *y = (float)(r == MEAN ? sum / weights : sum);
    real_store(c, 0, y);
    return 0;
}

int eval_nll_loss(struct call *c, struct err *err)
{
    return loss(c, real_in(c, X), err);
}

int eval_cross_entropy_loss(struct call *c, struct err *err)
{
    const struct shape *s = &c->in[X]->shape;
    float *log_prob = call_out(c, 1) ? real_out(c, 1)
                                     : NEW_ARRAY(c->scratch, tensor_count(c->in[X]) + 1, float);
    k_softmax_f32(real_in(c, X), log_prob, s->dim[0], s->dim[1], shape_span(s, 2, s->rank), true);
    TRY(loss(c, log_prob, err));
    real_store(c, 1, log_prob);
    return 0;
}
