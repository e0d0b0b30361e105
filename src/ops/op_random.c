/* SPDX-License-Identifier: Apache-2.0
 *
 * op_random: RandomNormal, RandomUniform, the two with the shape of an input, Bernoulli and
 * Multinomial.
 *
 * The numbers are the same in every run, on every machine, and for every sample: they depend on the
 * name of the node's first output, on attribute seed where there is one, and on nothing else. They
 * are not those of another program; ONNX does not ask for that.
 */
#include "ops.h"

#include "k_random.h"
#include "real.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static uint64_t seed_of(const struct node *n)
{
    float seed = node_float(n, "seed", 0);
    const char *name = n->n_out && n->out[0] ? n->out[0]->name : "";
    uint64_t hash = k_random_seed(0, name, strlen(name));
    return node_attr(n, "seed") ? k_random_seed(hash, &seed, sizeof seed) : hash;
}

/* Attribute dtype; otherwise where it is left out. */
static int output_type(const struct call *c, enum dtype otherwise, enum dtype *t, struct err *err)
{
    int64_t v = node_int(c->node, "dtype", otherwise);
    if (v < 0 || v >= N_DTYPES)
        return err_set(err, ERR_INPUT, "attribute dtype is no type");
    *t = (enum dtype)v;
    return 0;
}

static int check_real(enum dtype t, struct err *err)
{
    return !t || dtype_info(t)->is_float ? 0 : call_refuse_dtype(t, err);
}

int infer_random(struct call *c, struct err *err)
{
    struct shape s = {0};
    struct ints shape;
    enum dtype t = DTYPE_NONE;
    TRY(output_type(c, DTYPE_F32, &t, err));
    TRY(check_real(t, err));
    TRY(call_ints(c, -1, "shape", &shape, err));
    if (!shape.given || shape.n > MAX_RANK)
        return err_set(err, ERR_INPUT, "attribute shape is missing or too long");
    s.rank = shape.n;
    for (int i = 0; i < s.rank; i++) {
        s.dim[i] = shape.at[i];
        if (s.dim[i] < 0)
            return err_set(err, ERR_INPUT, "attribute shape has a negative element");
    }
    call_set(c, 0, t, &s);
    return 0;
}

int infer_random_like(struct call *c, struct err *err)
{
    enum dtype t = DTYPE_NONE;
    TRY(output_type(c, c->in[0]->dtype, &t, err));
    TRY(check_real(t, err));
    call_set(c, 0, t, &c->in[0]->shape);
    return 0;
}

int eval_random_normal(struct call *c, struct err *err)
{
    const struct tensor *y = c->out[0];
    uint64_t seed = seed_of(c->node);
    double mean = (double)node_float(c->node, "mean", 0);
    double scale = (double)node_float(c->node, "scale", 1);
    (void)err;
    for (int64_t i = 0, n = tensor_count(y); i < n; i++)
        dtype_store(y->dtype, y->data, i, mean + scale * k_random_normal(seed, i));
    return 0;
}

int eval_random_uniform(struct call *c, struct err *err)
{
    const struct tensor *y = c->out[0];
    uint64_t seed = seed_of(c->node);
    double low = (double)node_float(c->node, "low", 0);
    double high = (double)node_float(c->node, "high", 1);
    (void)err;
    for (int64_t i = 0, n = tensor_count(y); i < n; i++)
        dtype_store(y->dtype, y->data, i, low + (high - low) * k_random_uniform(seed, i));
    return 0;
}

int infer_bernoulli(struct call *c, struct err *err)
{
    enum dtype t = DTYPE_NONE;
    TRY(output_type(c, c->in[0]->dtype, &t, err));
    TRY(real_check(c, 0, err));
    call_set(c, 0, t, &c->in[0]->shape);
    return 0;
}

int eval_bernoulli(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *y = c->out[0];
    const struct dtype_info *info = dtype_info(y->dtype);
    uint64_t seed = seed_of(c->node);
    if (!info->is_float && !info->is_integer && y->dtype != DTYPE_BOOL)
        return call_refuse_dtype(y->dtype, err);
    for (int64_t i = 0, n = tensor_count(x); i < n; i++) {
        int one = k_random_uniform(seed, i) < tensor_get(x, i);
        if (info->is_float)
            dtype_store(y->dtype, y->data, i, one);
        else
            dtype_store_int(y->dtype, y->data, i, one);
    }
    return 0;
}

int infer_multinomial(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t n = node_int(c->node, "sample_size", 1);
    enum dtype t = DTYPE_NONE;
    TRY(output_type(c, DTYPE_I32, &t, err));
    TRY(real_check(c, 0, err));
    if (t != DTYPE_I32 && t != DTYPE_I64)
        return call_refuse_dtype(t, err);
    if (n < 0 || n > INT32_MAX)
        return err_set(err, ERR_INPUT, "attribute sample_size is %" PRId64, n);
    if (x->rank >= 0 && x->rank != 2)
        return err_set(err, ERR_INPUT, "the input must have rank 2, not %d", x->rank);
    call_set(c, 0, t, &(struct shape){2, {x->rank == 2 ? x->dim[0] : -1, n}});
    return 0;
}

/* The inputs are logarithms of what the probabilities are proportional to. */
int eval_multinomial(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *y = c->out[0];
    int64_t classes = x->shape.dim[1], n = y->shape.dim[1];
    uint64_t seed = seed_of(c->node);
    double *sum = NEW_ARRAY(c->scratch, classes + 1, double);
    if (classes == 0 && tensor_count(y))
        return err_set(err, ERR_INPUT, "there are no classes to choose from");
    for (int64_t b = 0; b < y->shape.dim[0]; b++) {
        double largest = -INFINITY, all = 0;
        for (int64_t i = 0; i < classes; i++)
            largest = fmax(largest, tensor_get(x, b * classes + i));
        for (int64_t i = 0; i < classes; i++)
            sum[i] = all += exp(tensor_get(x, b * classes + i) - largest);
        for (int64_t k = 0; k < n; k++) {
            double at = k_random_uniform(seed, b * n + k) * all;
            int64_t i = 0, end = classes - 1;
            while (i < end) { /* the first class whose sum is above */
                int64_t middle = (i + end) / 2;
                if (sum[middle] > at)
                    end = middle;
                else
                    i = middle + 1;
            }
            dtype_store_int(y->dtype, y->data, b * n + k, i);
        }
    }
    return 0;
}
