/* SPDX-License-Identifier: Apache-2.0
 *
 * op_sequence: types of sequences, and whether an optional value is there. A sequence that is made
 * here has a dtype and nothing else: its elements may have any shapes. The executor handles
 * sequences itself.
 */
#include "ops.h"

static int set_sequence(struct call *c, enum dtype element)
{
    struct shape none = shape_unknown();
    call_set(c, 0, dtype_sequence(element), &none);
    return 0;
}

/* What input 0, which must be a sequence, holds. */
static int element_of(const struct call *c, enum dtype *element, struct err *err)
{
    enum dtype t = c->in[0]->dtype;
    *element = dtype_is_sequence(t) ? dtype_element(t) : DTYPE_NONE;
    if (t && !dtype_is_sequence(t))
        return err_set(err, ERR_INPUT, "input 0 must be a sequence, not %s", dtype_info(t)->name);
    return 0;
}

int infer_sequence(struct call *c, struct err *err)
{
    if (c->node->op == OP_SequenceConstruct)
        for (int i = 1; i < c->n_in; i++)
            TRY(call_same_dtype(c, 0, i, err));
    return set_sequence(c, c->in[0]->dtype);
}

int infer_sequence_empty(struct call *c, struct err *err)
{
    int64_t t = node_int(c->node, "dtype", DTYPE_F32);
    if (t <= DTYPE_NONE || t >= N_DTYPES)
        return err_set(err, ERR_INPUT, "dtype %lld is not known", (long long)t);
    return set_sequence(c, (enum dtype)t);
}

int infer_sequence_at(struct call *c, struct err *err)
{
    enum dtype element;
    struct shape none = shape_unknown();
    TRY(element_of(c, &element, err));
    call_set(c, 0, element, &none);
    return 0;
}

/* As many axes as the elements have, or one more: neither is known. */
int infer_concat_from_sequence(struct call *c, struct err *err)
{
    if (!node_attr(c->node, "axis"))
        return err_set(err, ERR_INPUT, "attribute axis is missing");
    return infer_sequence_at(c, err);
}

int infer_sequence_length(struct call *c, struct err *err)
{
    enum dtype element;
    struct shape scalar = {.rank = 0};
    TRY(element_of(c, &element, err));
    call_set(c, 0, DTYPE_I64, &scalar);
    return 0;
}

int infer_has_element(struct call *c, struct err *err)
{
    struct shape scalar = {.rank = 0};
    (void)err;
    call_set(c, 0, DTYPE_BOOL, &scalar);
    return 0;
}

int eval_has_element(struct call *c, struct err *err)
{
    (void)err;
    dtype_store_int(DTYPE_BOOL, c->out[0]->data, 0, call_in(c, 0) != NULL);
    return 0;
}
