/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_sequence: the operators on sequences. A sequence that nobody else reads any more is changed
 * where it is, so that a loop that adds an element in each iteration does not copy them all.
 */
#include "exec_run.h"

#include "exec_list.h"

#include <inttypes.h>

static const struct tensor *input(struct run *r, const struct step *s, int i)
{
    bool there = i < s->n_in && s->in[i].value >= 0;
    return there ? &run_form_in(r, s->in[i], LAYOUT_PLAIN)->t : NULL;
}

static struct cell **output(struct run *r, const struct step *s)
{
    return &r->forms[s->out[0]];
}

static const struct cell *input_list(struct run *r, const struct step *s, struct err *err)
{
    const struct cell *c = run_form(r, s->in[0], LAYOUT_PLAIN);
    if (dtype_is_sequence(c->t.dtype))
        return c;
    err_set(err, ERR_INPUT, "input 0 must be a sequence");
    return NULL;
}

/* Sequence number 0 for changing it: the input's own list, or a copy. */
static struct cell *take_list(struct run *r, const struct step *s, struct err *err)
{
    if (!input_list(r, s, err))
        return NULL;
    struct cell **forms = &r->forms[s->in[0].value];
    if (!run_is_spent(r, s, s->in[0], *forms))
        return list_copy(r->pool, output(r, s), *forms);
    *output(r, s) = *forms;
    *forms = NULL;
    return *output(r, s);
}

/* The place that input `slot` gives, within 0 .. n; `otherwise` where it is left out. */
static int place_of(struct run *r, const struct step *s, int slot, int64_t n, int64_t otherwise,
                    int64_t *at, struct err *err)
{
    const struct tensor *t = input(r, s, slot);
    *at = otherwise;
    if (t && ((t->dtype != DTYPE_I64 && t->dtype != DTYPE_I32) || tensor_count(t) != 1))
        return err_set(err, ERR_INPUT, "input %d must be one integer", slot);
    if (t)
        *at = tensor_get_int(t, 0);
    int64_t given = *at, length = s->node->op == OP_SequenceInsert ? n - 1 : n;
    if (given < 0)
        *at += length;
    if (*at < 0 || *at >= n)
        return err_set(err, ERR_INPUT, "position %" PRId64 " is outside of %" PRId64 " elements",
                       given, length);
    return 0;
}

static int add_element(struct run *r, struct cell *list, struct operand o, int64_t at,
                       struct err *err)
{
    struct cell *element = NULL;
    const struct tensor *t = &run_form_in(r, o, LAYOUT_PLAIN)->t;
    if (dtype_element(list->t.dtype) != t->dtype)
        return err_set(err, ERR_INPUT, "a sequence of %s cannot hold a tensor of %s",
                       dtype_info(dtype_element(list->t.dtype))->name, dtype_info(t->dtype)->name);
    run_hand_on(r, o, &element);
    list_insert(r->pool, list, at, &element->t, element->buffer);
    cells_free(r->pool, &element);
    return 0;
}

static int make_empty(struct run *r, const struct step *s, struct err *err)
{
    int64_t t = node_int(s->node, "dtype", DTYPE_F32);
    if (t <= DTYPE_NONE || t >= N_DTYPES)
        return err_set(err, ERR_INPUT, "dtype %" PRId64 " is not known", t);
    list_new(r->pool, output(r, s), (enum dtype)t);
    return 0;
}

static int construct(struct run *r, const struct step *s, struct err *err)
{
    for (int i = 0; i < s->n_in; i++)
        if (s->in[i].value < 0)
            return err_set(err, ERR_INPUT, "input %d is left out", i);
    struct cell *list = list_new(r->pool, output(r, s), input(r, s, 0)->dtype);
    for (int i = 0; i < s->n_in; i++)
        TRY(add_element(r, list, s->in[i], i, err));
    return 0;
}

static int insert(struct run *r, const struct step *s, struct err *err)
{
    int64_t at;
    struct cell *list = take_list(r, s, err);
    if (!list)
        return -1;
    int64_t n = list_count(list);
    TRY(place_of(r, s, 2, n + 1, n, &at, err));
    return add_element(r, list, s->in[1], at, err);
}

static int erase(struct run *r, const struct step *s, struct err *err)
{
    int64_t at;
    struct cell *list = take_list(r, s, err);
    if (!list)
        return -1;
    TRY(place_of(r, s, 1, list_count(list), -1, &at, err));
    list_remove(r->pool, list, at);
    return 0;
}

static int pick(struct run *r, const struct step *s, struct err *err)
{
    int64_t at;
    const struct cell *list = input_list(r, s, err);
    if (!list)
        return -1;
    TRY(place_of(r, s, 1, list_count(list), 0, &at, err));
    list_share(r->pool, output(r, s), list, at);
    return 0;
}

static int measure(struct run *r, const struct step *s, struct err *err)
{
    const struct cell *list = input_list(r, s, err);
    struct tensor t = {.dtype = DTYPE_I64};
    if (!list)
        return -1;
    *(int64_t *)cell_new(r->pool, output(r, s), FACE_COMPUTED, &t)->t.data = list_count(list);
    return 0;
}

/* The sizes of the parts along an axis of n elements: each 1 where the input is left out, all of
 * the one size that it gives, or as it says. */
static int part_size(const struct tensor *split, int64_t n, int64_t i, int64_t from, int64_t *size,
                     struct err *err)
{
    *size = 1;
    if (split && split->shape.rank == 0)
        *size = tensor_get_int(split, 0);
    else if (split)
        *size = i < tensor_count(split) ? tensor_get_int(split, i) : -1;
    bool equal = !split || split->shape.rank == 0;
    if (*size < 0 || (equal && *size == 0) || (!equal && *size > n - from))
        return err_set(err, ERR_INPUT, "input 1 does not split %" PRId64 " elements", n);
    if (*size > n - from)
        *size = n - from;
    return 0;
}

static int split(struct run *r, const struct step *s, struct err *err)
{
    const struct tensor *x = input(r, s, 0), *sizes = input(r, s, 1);
    int axis = shape_axis(&x->shape, node_int(s->node, "axis", 0));
    bool drop = !sizes && !node_int(s->node, "keepdims", 1), vector = sizes && sizes->shape.rank;
    if (axis < 0)
        return err_set(err, ERR_INPUT, "axis is out of range for rank %d", x->shape.rank);
    if (sizes && sizes->dtype != DTYPE_I64 && sizes->dtype != DTYPE_I32)
        return err_set(err, ERR_INPUT, "input 1 must be int64");
    struct cell *list = list_new(r->pool, output(r, s), x->dtype);
    int64_t n = x->shape.dim[axis], parts = vector ? tensor_count(sizes) : INT64_MAX, at = 0;
    for (int64_t i = 0, size; vector ? i < parts : at < n; i++, at += size) {
        struct tensor t = {.dtype = x->dtype, .shape = x->shape};
        struct cell *part = NULL;
        TRY(part_size(sizes, n, i, at, &size, err));
        t.shape.dim[axis] = size;
        cell_new(r->pool, &part, FACE_COMPUTED, &t);
        int done = slice_copy(x, axis, at, size, part->t.data, err);
        for (int d = axis; drop && d + 1 < x->shape.rank; d++)
            part->t.shape.dim[d] = x->shape.dim[d + 1];
        part->t.shape.rank -= drop;
        list_insert(r->pool, list, i, &part->t, part->buffer);
        cells_free(r->pool, &part);
        TRY(done);
    }
    return at == n ? 0 : err_set(err, ERR_INPUT, "input 1 splits %" PRId64 " elements of %" PRId64,
                                 at, n);
}

/* As Concat, which has the same attribute. */
static int join(struct run *r, const struct step *s, const struct cell *list, struct err *err)
{
    struct arena a = {0};
    struct tensor t = {.shape.rank = -1}, *out = &t;
    int n = (int)list_count(list);
    const struct tensor **in = NEW_ARRAY(&a, n, const struct tensor *);
    for (int i = 0; i < n; i++)
        in[i] = list_at(list, i);
    struct call c = {.node = s->node, .opset = s->opset, .n_in = n, .n_out = 1, .in = in,
                     .out = &out, .scratch = &a};
    int done = op_table[OP_Concat].infer(&c, err);
    if (done == 0 && !dtype_info(t.dtype)->bits)
        done = err_set(err, ERR_INPUT, "type %s is not supported", dtype_info(t.dtype)->name);
    if (done == 0) {
        out = &cell_new(r->pool, output(r, s), FACE_COMPUTED, &t)->t;
        done = op_table[OP_Concat].eval(&c, err);
    }
    arena_release(&a);
    return done;
}

static int concat(struct run *r, const struct step *s, struct err *err)
{
    const struct cell *list = input_list(r, s, err);
    if (!list)
        return -1;
    if (!list_count(list) || list_count(list) > INT32_MAX)
        return err_set(err, ERR_INPUT, "a sequence of %" PRId64 " elements cannot be joined",
                       list_count(list));
    if (!node_attr(s->node, "axis"))
        return err_set(err, ERR_INPUT, "attribute axis is missing");
    if (!node_int(s->node, "new_axis", 0))
        return join(r, s, list, err);
    return list_stack(r->pool, list, node_int(s->node, "axis", 0), false, output(r, s), err);
}

int run_sequence(struct run *r, struct step *s, struct err *err)
{
    int done;
    if (s->n_out < 1 || s->out[0] < 0)
        return 0;
    switch (s->node->op) {
    case OP_ConcatFromSequence: done = concat(r, s, err); break;
    case OP_SequenceAt: done = pick(r, s, err); break;
    case OP_SequenceConstruct: done = construct(r, s, err); break;
    case OP_SequenceEmpty: done = make_empty(r, s, err); break;
    case OP_SequenceErase: done = erase(r, s, err); break;
    case OP_SequenceInsert: done = insert(r, s, err); break;
    case OP_SequenceLength: done = measure(r, s, err); break;
    default: done = split(r, s, err); /* SplitToSequence */
    }
    return done < 0 ? -1 : run_settle(r, s->out[0], err);
}
