/* SPDX-License-Identifier: Apache-2.0
 *
 * ops: what the operator families share: the prototypes of every infer and eval that ops.def
 * names, and the reading of inputs, attributes and axes.
 */
#ifndef OPS_H
#define OPS_H

#include "op.h"

#define OP(name, min_in, max_in, max_out, infer, eval, ...) op_fn infer, eval;
#define OP_IN(domain, id, name, min_in, max_in, max_out, infer, eval, ...) op_fn infer, eval;
#include "ops.def"

static inline const struct tensor *call_in(const struct call *c, int i)
{
    return i < c->n_in ? c->in[i] : NULL;
}
static inline struct tensor *call_out(const struct call *c, int i)
{
    return i < c->n_out ? c->out[i] : NULL;
}

/* The dtype and shape of output i, where there is one. */
void call_set(const struct call *c, int i, enum dtype dtype, const struct shape *shape);
/* -1 with a text where inputs i and j have known and different dtypes. */
int call_same_dtype(const struct call *c, int i, int j, struct err *err);
/* "type string is not supported" */
int call_refuse_dtype(enum dtype dtype, struct err *err);

/* Marks an element of a shape vector that static inference does not know, where it knows others: a
 * number that no model has (Slice has the lowest one, for "from the start"). */
#define DIM_UNKNOWN (INT64_MIN + 0x6b6e6f776e)

/* Integers that older opsets give as an attribute and newer ones as an input. */
struct ints {
    bool given;        /* the attribute or the input is there */
    bool known;        /* and its elements are at hand */
    int n;             /* elements; -1: not known */
    const int64_t *at; /* in the call's scratch or in the attribute */
};
/* From input `slot` where it is there (slot < 0: no such input), else from attribute `attr` (NULL:
 * no such attribute). */
int call_ints(const struct call *c, int slot, const char *attr, struct ints *v, struct err *err);
/* The same for one integer; *known is false where an input is there without its data. */
int call_int(const struct call *c, int slot, const char *attr, int64_t otherwise, int64_t *v,
             bool *known, struct err *err);
/* The axes of a shape as a set of bits; each is checked, and may be given once. */
int axes_mask(const struct ints *axes, int rank, unsigned *mask, struct err *err);
/* One axis, negative from the end; -1 with a text where it is out of range. */
int axis_check(int64_t axis, int rank, struct err *err);

/* The shape of a broadcast result so far, one operand more. */
int shape_broadcast(struct shape *into, const struct shape *s, struct err *err);
static inline struct shape shape_unknown(void)
{
    return (struct shape){.rank = -1};
}
/* Rank known, all dims not. */
struct shape shape_of_rank(int rank);

/* infer of a concatenation along the attribute axis of inputs first, first + step, ... */
int infer_join(struct call *c, int first, int step, struct err *err);

/* The axes in the order of storage. */
void tensor_order(const struct tensor *t, int order[MAX_RANK]);
/* Elements between neighbours along each logical axis, by the tensor's layout. */
void tensor_strides(const struct tensor *t, int64_t stride[MAX_RANK]);
/* The same seen from a broadcast result of this shape: 0 along axes that are repeated. */
void tensor_strides_in(const struct tensor *t, const struct shape *result,
                       int64_t stride[MAX_RANK]);
/* As dtype_store(); but where not `saturate`, what is too large for an 8-bit float becomes
 * infinity, or NaN in types without one. NaN is -0 in floats below 8 bits. */
void store_small(enum dtype t, void *data, int64_t i, double v, bool saturate);
/* Bytes of an element; 0 for types below 8 bits and strings. */
static inline size_t tensor_item(const struct tensor *t)
{
    return dtype_size(t->dtype, 1) * (dtype_info(t->dtype)->bits % 8 == 0);
}

#endif
