/* SPDX-License-Identifier: Apache-2.0
 *
 * op_view: operators whose output is the bytes of input 0 with another shape. All of them take
 * plain layout, except those that leave the shape alone.
 */
#include "ops.h"

#include <inttypes.h>
#include <string.h>

int eval_view(struct call *c, struct err *err)
{
    (void)err;
    size_t n = dtype_size(c->in[0]->dtype, tensor_count(c->in[0]));
    if (dtype_info(c->in[0]->dtype)->bits == 0)
        return call_refuse_dtype(c->in[0]->dtype, err);
    if (n && c->out[0]->data != c->in[0]->data)
        memcpy(c->out[0]->data, c->in[0]->data, n);
    return 0;
}

/* At inference Dropout does nothing; the mask keeps all. */
int infer_dropout(struct call *c, struct err *err)
{
    if (c->opset < 7 && node_int(c->node, "is_test", 0) == 0)
        return err_set(err, ERR_INPUT, "attribute is_test is 0: training is not supported; export "
                                       "the model for inference");
    call_set(c, 0, c->in[0]->dtype, &c->in[0]->shape);
    call_set(c, 1, c->opset < 10 ? c->in[0]->dtype : DTYPE_BOOL, &c->in[0]->shape);
    return 0;
}

int eval_dropout(struct call *c, struct err *err)
{
    struct tensor *mask = call_out(c, 1);
    const struct tensor *ratio = call_in(c, 1), *training = call_in(c, 2);
    bool drops = !ratio || tensor_count(ratio) != 1 || tensor_get(ratio, 0) != 0;
    if (drops && training && tensor_count(training) > 0 && tensor_get_int(training, 0))
        return err_set(err, ERR_INPUT, "input 2 (training_mode) is true: training is not "
                                       "supported; export the model for inference");
    if (mask)
        for (int64_t i = 0, n = tensor_count(mask); i < n; i++)
            dtype_store_int(mask->dtype, mask->data, i, 1);
    return c->out[0] ? eval_view(c, err) : 0;
}

/* Writes the one dim that is given as -1, where everything else is known. */
static int fill_dim(const struct shape *from, struct shape *to, int hole, struct err *err)
{
    int64_t n = shape_count(from), rest = 1;
    if (n < 0)
        return 0;
    for (int i = 0; i < to->rank; i++) {
        if (i != hole && to->dim[i] < 0)
            return 0;
        if (i != hole && __builtin_mul_overflow(rest, to->dim[i], &rest))
            return err_set(err, ERR_INPUT, "the new shape has too many elements");
    }
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (hole < 0 ? rest != n : rest == 0 ? n != 0 : n % rest != 0)
        return err_set(err, ERR_INPUT, "shape %s does not fit into %s", shape_text(from, one),
                       shape_text(to, two));
    if (hole >= 0)
        to->dim[hole] = rest ? n / rest : 0;
    return 0;
}

/* What -1 stands for where dims that are not known are only copied, by 0: the others decide. -1: it
 * cannot be told. */
static int64_t hole_beside_copies(const struct shape *x, const struct ints *v, int hole)
{
    int64_t from = 1, to = 1;
    for (int i = 0; i < x->rank || i < v->n; i++) {
        bool copied = i < x->rank && i < v->n && v->at[i] == 0;
        if (copied)
            continue;
        if ((i < x->rank && x->dim[i] < 0) || (i < v->n && i != hole && v->at[i] <= 0))
            return -1;
        if (i < x->rank && __builtin_mul_overflow(from, x->dim[i], &from))
            return -1;
        if (i < v->n && i != hole && __builtin_mul_overflow(to, v->at[i], &to))
            return -1;
    }
    return x->rank >= 0 && to > 0 && from % to == 0 ? from / to : -1;
}

/* The new shape is an attribute before opset 5. 0 copies a dim, -1 stands for what remains. */
int infer_reshape(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    bool zero = node_int(c->node, "allowzero", 0);
    struct ints v;
    TRY(call_ints(c, 1, "shape", &v, err));
    if (!v.given)
        return err_set(err, ERR_INPUT, "there is no new shape");
    if (v.n > MAX_RANK)
        return err_set(err, ERR_INPUT, "rank %d is not supported", v.n);
    struct shape s = v.n < 0 ? shape_unknown() : shape_of_rank(v.n);
    int hole = -1;
    for (int i = 0; v.known && i < v.n; i++) {
        int64_t d = v.at[i];
        if (d == -1 && hole >= 0)
            return err_set(err, ERR_INPUT, "the new shape has more than one -1");
        if (d < -1 && d != DIM_UNKNOWN)
            return err_set(err, ERR_INPUT, "the new shape has dim %" PRId64, d);
        if (d == 0 && !zero && x->rank >= 0 && i >= x->rank)
            return err_set(err, ERR_INPUT, "dim %d of the new shape copies what is not there", i);
        if (d == -1)
            hole = i;
        else
            s.dim[i] = d == DIM_UNKNOWN ? -1 : d || zero ? d : x->rank < 0 ? -1 : x->dim[i];
    }
    if (v.known)
        TRY(fill_dim(x, &s, hole, err));
    if (hole >= 0 && s.dim[hole] < 0 && !zero)
        s.dim[hole] = hole_beside_copies(x, &v, hole);
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int infer_flatten(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t axis = node_int(c->node, "axis", 1);
    struct shape s = shape_of_rank(2);
    if (x->rank >= 0) {
        if (axis < -x->rank || axis > x->rank)
            return err_set(err, ERR_INPUT, "axis %" PRId64 " is out of range for rank %d", axis,
                           x->rank);
        int at = (int)(axis < 0 ? axis + x->rank : axis);
        struct shape a = shape_of(at, x->dim), b = shape_of(x->rank - at, x->dim + at);
        s.dim[0] = shape_count(&a);
        s.dim[1] = shape_count(&b);
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

/* Axes are an attribute before opset 13; without axes every dim of 1 goes. */
int infer_squeeze(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    struct shape s = {.rank = 0};
    struct ints v;
    unsigned mask = 0;
    TRY(call_ints(c, 1, "axes", &v, err));
    bool vague = v.given ? !v.known : !shape_known(x);
    if (x->rank < 0 || vague) {
        s = x->rank >= 0 && v.given && v.n >= 0 && v.n <= x->rank ? shape_of_rank(x->rank - v.n)
                                                                  : shape_unknown();
        call_set(c, 0, c->in[0]->dtype, &s);
        return 0;
    }
    TRY(axes_mask(&v, x->rank, &mask, err));
    for (int i = 0; i < x->rank; i++) {
        bool drop = v.given ? mask >> i & 1 : x->dim[i] == 1;
        if (drop && x->dim[i] != 1 && x->dim[i] >= 0)
            return err_set(err, ERR_INPUT, "axis %d has %" PRId64 " elements, not 1", i, x->dim[i]);
        if (!drop)
            s.dim[s.rank++] = x->dim[i];
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int infer_unsqueeze(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    struct ints v;
    unsigned mask = 0;
    TRY(call_ints(c, 1, "axes", &v, err));
    if (!v.given)
        return err_set(err, ERR_INPUT, "there are no axes");
    struct shape s = shape_unknown();
    if (x->rank >= 0 && v.n >= 0) {
        if (x->rank + v.n > MAX_RANK)
            return err_set(err, ERR_INPUT, "rank %d is not supported", x->rank + v.n);
        s = shape_of_rank(x->rank + v.n);
        if (v.known) {
            TRY(axes_mask(&v, s.rank, &mask, err));
            for (int i = 0, k = 0; i < s.rank; i++)
                s.dim[i] = mask >> i & 1 ? 1 : x->dim[k++];
        }
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}
