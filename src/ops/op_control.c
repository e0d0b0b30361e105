/* SPDX-License-Identifier: Apache-2.0
 *
 * op_control: the operators with bodies. What they give out follows from what their bodies give
 * out, so bodies are inferred first. They have no eval: the executor runs bodies.
 */
#include "ops.h"

#include "control.h"

#include <string.h>

static int take_body(const struct node *n, const char *name, struct control *k, struct err *err)
{
    const struct attr *a = node_attr(n, name);
    if (!a || a->kind != ATTR_GRAPH)
        return err_set(err, ERR_INPUT, "attribute %s is missing", name);
    struct graph *g = a->g;
    for (int i = 0; i < g->n_input; i++)
        if (g->input[i]->constant)
            return err_set(err, ERR_INPUT, "%s: input '%s' has an initializer; that is not "
                                           "supported", name, g->input[i]->name);
    k->body[k->n_bodies++] = g;
    return 0;
}

static int check_counts(const struct node *n, const struct control *k, struct err *err)
{
    for (int b = 0; b < k->n_bodies; b++) {
        const struct graph *g = k->body[b];
        int in = k->lead_in + k->n_state + k->n_scan_in;
        int out = k->lead_out + k->n_state + (n->op == OP_If ? n->n_out : 0);
        if (g->n_input != in)
            return err_set(err, ERR_INPUT, "the body '%s' has %d inputs, not %d", g->name,
                           g->n_input, in);
        if (g->result->n_in < out)
            return err_set(err, ERR_INPUT, "the body '%s' has %d outputs and needs %d", g->name,
                           g->result->n_in, out);
        for (int i = 0; i < g->result->n_in; i++)
            if (!node_input(g->result, i))
                return err_set(err, ERR_INPUT, "the body '%s' has no output %d", g->name, i);
    }
    if (n->op != OP_If && n->n_out > k->n_state + k->n_scan_out)
        return err_set(err, ERR_INPUT, "it has %d outputs, its body gives %d", n->n_out,
                       k->n_state + k->n_scan_out);
    for (int i = k->first; i < n->n_in; i++)
        if (!n->in[i].value)
            return err_set(err, ERR_INPUT, "input %d is left out", i);
    return 0;
}

static int parse_scan(const struct node *n, struct control *k, struct err *err)
{
    int64_t scanned = node_int(n, "num_scan_inputs", 0);
    k->batched = node_opset(n) < 9;
    k->first = k->batched;
    if (scanned < 1 || scanned > n->n_in - k->first)
        return err_set(err, ERR_INPUT, "num_scan_inputs is %lld of %d inputs", (long long)scanned,
                       n->n_in - k->first);
    k->n_scan_in = (int)scanned;
    k->n_state = n->n_in - k->first - k->n_scan_in;
    return take_body(n, "body", k, err);
}

int control_parse(const struct node *n, struct control *k, struct err *err)
{
    *k = (struct control){.n_bodies = 0};
    switch (n->op) {
    case OP_If:
        TRY(take_body(n, "then_branch", k, err));
        TRY(take_body(n, "else_branch", k, err));
        break;
    case OP_Loop:
        k->first = k->lead_in = 2;
        k->lead_out = 1;
        k->n_state = n->n_in > 2 ? n->n_in - 2 : 0;
        TRY(take_body(n, "body", k, err));
        break;
    case OP_Scan:
        TRY(parse_scan(n, k, err));
        break;
    default: /* SequenceMap */
        k->n_scan_in = n->n_in;
        TRY(take_body(n, "body", k, err));
    }
    if (n->op != OP_If)
        k->n_scan_out = k->body[0]->result->n_in - k->lead_out - k->n_state;
    return check_counts(n, k, err);
}

int control_scan_axis(const struct node *n, bool output, int i, struct scan_axis *a,
                      struct err *err)
{
    bool old = node_opset(n) < 9;
    const char *directions = old      ? "directions"
                             : output ? "scan_output_directions"
                                      : "scan_input_directions";
    const char *axes = output ? "scan_output_axes" : "scan_input_axes";
    size_t n_axis = 0, n_direction = 0;
    const int64_t *axis = old ? NULL : node_ints(n, axes, &n_axis);
    const int64_t *direction = old && output ? NULL : node_ints(n, directions, &n_direction);
    *a = (struct scan_axis){0, false};
    if ((axis && n_axis <= (size_t)i) || (direction && n_direction <= (size_t)i))
        return err_set(err, ERR_INPUT, "%s has too few elements", axis && n_axis <= (size_t)i
                                                                      ? axes : directions);
    if (direction && direction[i] != 0 && direction[i] != 1)
        return err_set(err, ERR_INPUT, "%s has %lld; 0 and 1 are directions", directions,
                       (long long)direction[i]);
    if (axis)
        a->axis = axis[i];
    a->reverse = direction && direction[i];
    return 0;
}

/* The type of a slice: without the axis, and without the batch in front of it. */
static struct tensor slice_type(const struct node *n, const struct control *k, int i,
                                const struct tensor *t)
{
    struct tensor slice = {.dtype = t->dtype, .shape = shape_unknown()};
    struct scan_axis a;
    struct err ignored;
    if (n->op == OP_SequenceMap) {
        slice.dtype = dtype_is_sequence(t->dtype) ? dtype_element(t->dtype) : t->dtype;
        return slice;
    }
    int skip = k->batched, rank = t->shape.rank - skip, to = 0;
    if (rank < 1 || control_scan_axis(n, false, i, &a, &ignored) < 0 || a.axis < -rank
        || a.axis >= rank)
        return slice;
    int axis = (int)(a.axis < 0 ? a.axis + rank : a.axis);
    slice.shape.rank = rank - 1;
    for (int d = 0; d < rank; d++)
        if (d != axis)
            slice.shape.dim[to++] = t->shape.dim[d + skip];
    return slice;
}

static void seed(struct value *v, const struct tensor *t)
{
    if (!v->type.dtype)
        v->type.dtype = t->dtype;
    if (v->type.shape.rank < 0)
        v->type.shape = t->shape;
}

/* A Loop's state may change its shape from one iteration to the next; a Scan's keeps it. */
void control_seed(const struct node *n)
{
    struct control k;
    struct err ignored;
    if (!(op_table[n->op].flags & OP_CONTROL) || !node_body(n, 0)
        || control_parse(n, &k, &ignored) < 0 || n->op == OP_If)
        return;
    struct graph *g = k.body[0];
    for (int i = k.first; i < n->n_in; i++) {
        const struct tensor *t = &n->in[i].value->type;
        struct value *to = g->input[k.lead_in + i - k.first];
        struct tensor type = {.dtype = t->dtype, .shape = shape_unknown()};
        if (i - k.first >= k.n_state)
            type = slice_type(n, &k, i - k.first - k.n_state, t);
        else if (n->op == OP_Scan && !k.batched)
            type.shape = t->shape;
        seed(to, &type);
    }
}

static const struct tensor *result_type(const struct graph *g, int i)
{
    return &node_input(g->result, i)->type;
}

/* What is the same in both. */
static struct tensor type_common(const struct tensor *a, const struct tensor *b)
{
    struct tensor t = *a;
    if (a->dtype != b->dtype)
        t.dtype = DTYPE_NONE;
    if (a->shape.rank != b->shape.rank)
        t.shape.rank = -1;
    for (int d = 0; d < t.shape.rank; d++)
        if (t.shape.dim[d] != b->shape.dim[d])
            t.shape.dim[d] = -1;
    return t;
}

int infer_if(struct call *c, struct err *err)
{
    struct control k;
    TRY(control_parse(c->node, &k, err));
    for (int i = 0; i < c->n_out; i++) {
        struct tensor t = type_common(result_type(k.body[0], i), result_type(k.body[1], i));
        call_set(c, i, t.dtype, &t.shape);
    }
    return 0;
}

/* A state comes out as the body gives it, or as it went in where there is no iteration. */
static void infer_states(struct call *c, const struct control *k)
{
    for (int i = 0; i < k->n_state; i++) {
        const struct tensor *t = result_type(k->body[0], k->lead_out + i);
        struct tensor common = type_common(t, c->in[k->first + i]);
        if (k->batched)
            common.shape = shape_unknown();
        call_set(c, i, t->dtype, &common.shape);
    }
}

static struct shape with_axis(const struct shape *s, int64_t axis, int64_t dim)
{
    struct shape t = shape_unknown();
    int rank = s->rank + 1;
    if (s->rank < 0 || rank > MAX_RANK || axis < -rank || axis >= rank)
        return t;
    int at = (int)(axis < 0 ? axis + rank : axis);
    t.rank = rank;
    for (int d = 0; d < rank; d++)
        t.dim[d] = d == at ? dim : s->dim[d - (d > at)];
    return t;
}

int infer_loop(struct call *c, struct err *err)
{
    struct control k;
    TRY(control_parse(c->node, &k, err));
    infer_states(c, &k);
    for (int i = 0; i < k.n_scan_out; i++) {
        const struct tensor *t = result_type(k.body[0], k.lead_out + k.n_state + i);
        struct shape s = with_axis(&t->shape, 0, -1);
        call_set(c, k.n_state + i, t->dtype, &s);
    }
    return 0;
}

/* How many elements the scanned inputs have; -1: not known. */
static int64_t scan_length(const struct call *c, const struct control *k)
{
    struct scan_axis a;
    struct err ignored;
    const struct shape *s = &c->in[k->first + k->n_state]->shape;
    if (k->batched || control_scan_axis(c->node, false, 0, &a, &ignored) < 0)
        return -1;
    int axis = shape_axis(s, a.axis);
    return s->rank < 0 || axis < 0 ? -1 : s->dim[axis];
}

int infer_scan_op(struct call *c, struct err *err)
{
    struct control k;
    TRY(control_parse(c->node, &k, err));
    infer_states(c, &k);
    for (int i = 0; i < k.n_scan_out; i++) {
        const struct tensor *t = result_type(k.body[0], k.n_state + i);
        struct scan_axis a;
        TRY(control_scan_axis(c->node, true, i, &a, err));
        struct shape s = with_axis(&t->shape, a.axis, scan_length(c, &k));
        if (k.batched)
            s = shape_unknown();
        call_set(c, k.n_state + i, t->dtype, &s);
    }
    return 0;
}

int infer_sequence_map(struct call *c, struct err *err)
{
    struct control k;
    struct shape none = shape_unknown();
    TRY(control_parse(c->node, &k, err));
    for (int i = 0; i < k.n_scan_out; i++)
        call_set(c, i, dtype_sequence(result_type(k.body[0], i)->dtype), &none);
    return 0;
}
