/* SPDX-License-Identifier: Apache-2.0
 *
 * infer: a walk over the nodes in order. Beside each value's type stands, where it is small, its
 * data: fully known, or, of int32 and int64, as a vector of int64 of which some elements are
 * DIM_UNKNOWN. The latter goes only through operators that move data, through integer arithmetic,
 * and into operators that read it as a shape.
 */
#include "infer.h"

#include "log.h"
#include "op.h"
#include "ops/control.h"
#include "ops/ops.h"

#include <limits.h>
#include <string.h>

enum { SMALL = 1024 }; /* elements of a value that is worth computing here */

struct known {
    const struct tensor *whole; /* NULL: not fully known */
    const struct tensor *part;  /* int64, some elements are DIM_UNKNOWN; NULL: nothing known */
};

struct inference {
    struct arena keep, scratch;
    struct known *known; /* by value id; NULL: one node alone, no data is followed */
};

/* Operators that only move elements. */
static bool is_mover(enum op op)
{
    switch (op) {
    case OP_Concat: case OP_Gather: case OP_Identity: case OP_Reshape: case OP_Slice:
    case OP_Squeeze: case OP_Unsqueeze: return true;
    default: return false;
    }
}

/* May input i of this operator have elements that are not known? */
static bool takes_part(enum op op, int i)
{
    switch (op) {
    case OP_ConstantOfShape: return i == 0;
    case OP_Expand: case OP_Reshape: case OP_Tile: return i == 1;
    case OP_Slice: return i == 1 || i == 2;
    default: return false;
    }
}

static const struct tensor *value_whole(const struct inference *f, const struct value *v)
{
    return v->constant ? v->constant : f->known ? f->known[v->id].whole : NULL;
}

static bool is_index(enum dtype t)
{
    return t == DTYPE_I64 || t == DTYPE_I32;
}

/* A small integer vector or scalar of which something, or nothing, is known. */
static const struct tensor *value_part(struct inference *f, const struct value *v)
{
    const struct tensor *t = value_whole(f, v);
    if (t || !f->known)
        return t;
    if (f->known[v->id].part)
        return f->known[v->id].part;
    if (!is_index(v->type.dtype) || !shape_known(&v->type.shape) || v->type.shape.rank > 1
        || shape_count(&v->type.shape) > MAX_RANK)
        return NULL;
    struct tensor *none = tensor_new(&f->scratch, DTYPE_I64, &v->type.shape);
    for (int64_t i = 0, n = tensor_count(none); i < n; i++)
        ((int64_t *)none->data)[i] = DIM_UNKNOWN;
    return none;
}

/* What stands for value v as input i: data where there is some. */
static const struct tensor *input_tensor(struct inference *f, const struct node *n, int i)
{
    const struct value *v = n->in[i].value;
    const struct tensor *t = NULL;
    if (!v)
        return NULL;
    t = takes_part(n->op, i) ? value_part(f, v) : value_whole(f, v);
    if (t)
        return t;
    struct tensor *type = NEW(&f->scratch, struct tensor);
    type->dtype = v->type.dtype;
    type->shape = v->type.shape;
    return type;
}

static void call_open(struct inference *f, struct node *n, struct call *c)
{
    const struct tensor **in = NEW_ARRAY(&f->scratch, n->n_in + 1, const struct tensor *);
    struct tensor **out = NEW_ARRAY(&f->scratch, n->n_out + 1, struct tensor *);
    for (int i = 0; i < n->n_in; i++)
        in[i] = input_tensor(f, n, i);
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i])
            continue;
        out[i] = NEW(&f->scratch, struct tensor);
        out[i]->shape.rank = -1;
    }
    *c = (struct call){
        .node = n,
        .opset = node_opset(n),
        .n_in = n->n_in,
        .n_out = n->n_out,
        .in = in,
        .out = out,
        .scratch = &f->scratch,
    };
}

static void type_merge(struct tensor *type, const struct tensor *found)
{
    struct shape s = found->shape;
    type->dtype = found->dtype ? found->dtype : type->dtype;
    if (s.rank < 0)
        return;
    for (int i = 0; i < s.rank; i++)
        if (s.dim[i] < 0 && type->shape.rank == s.rank)
            s.dim[i] = type->shape.dim[i];
    type->shape = s;
}

/* Runs eval on outputs that were inferred completely and are small. */
static bool outputs_compute(struct arena *keep, struct call *c, const struct op_info *info)
{
    struct err ignored = {0}; /* whoever runs the model will hear of it */
    for (int i = 0; i < c->n_out; i++) {
        struct tensor *t = c->out[i];
        int64_t n = t && t->dtype ? shape_count(&t->shape) : -1;
        if (!t)
            continue;
        if (n < 0 || n > SMALL || !dtype_info(t->dtype)->bits)
            return false;
        t->size = dtype_size(t->dtype, n);
        t->data = arena_alloc(keep, t->size ? t->size : 1);
    }
    return info->eval(c, &ignored) == 0;
}

static bool inputs_small(const struct call *c, unsigned flags)
{
    for (int i = 0; i < c->n_in; i++) {
        const struct tensor *t = c->in[i];
        if (i == 0 && flags & OP_SHAPE_ONLY) {
            if (t && !shape_known(&t->shape))
                return false;
        } else if (t && (!t->data || !dtype_info(t->dtype)->bits || tensor_count(t) > SMALL)) {
            return false;
        }
    }
    return true;
}

/* The shape of a tensor that is known in part, as a vector. */
static const struct tensor *shape_part(struct inference *f, struct call *c)
{
    if (c->in[0]->shape.rank < 0 || !outputs_compute(&f->keep, c, &op_table[OP_Shape]))
        return NULL;
    int64_t *dim = c->out[0]->data;
    for (int64_t i = 0, n = tensor_count(c->out[0]); i < n; i++)
        if (dim[i] < 0)
            dim[i] = DIM_UNKNOWN;
    return arena_copy(&f->keep, c->out[0], sizeof(struct tensor));
}

/* What is known of an input, as int64; NULL: nothing. */
static const struct tensor *input_part(struct inference *f, const struct value *v)
{
    const struct tensor *t = v ? value_part(f, v) : NULL;
    if (!t || t->dtype == DTYPE_I64)
        return t;
    if (t->dtype != DTYPE_I32 || tensor_count(t) > SMALL)
        return NULL;
    struct tensor *wide = tensor_new(&f->scratch, DTYPE_I64, &t->shape);
    for (int64_t i = 0, n = tensor_count(t); i < n; i++)
        ((int64_t *)wide->data)[i] = tensor_get_int(t, i);
    return wide;
}

/* Moves what is known in part. */
static const struct tensor *moved_part(struct inference *f, struct call *c)
{
    const struct tensor **in = NEW_ARRAY(&f->scratch, c->n_in, const struct tensor *);
    const struct op_info *info = &op_table[c->node->op];
    struct tensor *out = arena_copy(&f->keep, c->out[0], sizeof *out);
    struct call moved = *c;
    bool all = c->node->op == OP_Concat;
    moved.in = in;
    moved.out = &out;
    moved.n_out = 1;
    out->dtype = DTYPE_I64;
    for (int i = 0; i < c->n_in; i++) {
        const struct value *v = c->node->in[i].value;
        in[i] = !v ? NULL : all || i == 0 ? input_part(f, v) : value_whole(f, v);
        if (v && !in[i])
            return NULL;
    }
    return in[0] && inputs_small(&moved, 0) && outputs_compute(&f->keep, &moved, info) ? out : NULL;
}

static int64_t part_calculate(enum op op, int64_t a, int64_t b)
{
    int64_t r;
    bool overflows = false;
    switch (op) {
    case OP_Add: overflows = __builtin_add_overflow(a, b, &r); break;
    case OP_Sub: overflows = __builtin_sub_overflow(a, b, &r); break;
    case OP_Mul: overflows = __builtin_mul_overflow(a, b, &r); break;
    default:
        if (b == 0 || (a == INT64_MIN && b == -1))
            return DIM_UNKNOWN;
        r = a / b;
    }
    return overflows ? DIM_UNKNOWN : r;
}

/* Calculates with what is known in part. */
static const struct tensor *calculated_part(struct inference *f, const struct call *c)
{
    const struct tensor *a = input_part(f, c->node->in[0].value);
    const struct tensor *b = input_part(f, c->node->in[1].value);
    const struct shape *s = &c->out[0]->shape;
    int64_t n = shape_count(s);
    if (!a || !b || n < 0 || n > SMALL || s->rank > 1)
        return NULL;
    struct tensor *t = tensor_new(&f->keep, DTYPE_I64, s);
    for (int64_t i = 0; i < n; i++) {
        int64_t x = ((int64_t *)a->data)[tensor_count(a) == 1 ? 0 : i];
        int64_t y = ((int64_t *)b->data)[tensor_count(b) == 1 ? 0 : i];
        bool known = x != DIM_UNKNOWN && y != DIM_UNKNOWN;
        ((int64_t *)t->data)[i] = known ? part_calculate(c->node->op, x, y) : DIM_UNKNOWN;
    }
    return t;
}

/* The first output's data, in part; NULL: nothing known. */
static const struct tensor *output_part(struct inference *f, struct call *c)
{
    switch (c->node->op) {
    case OP_Shape: return shape_part(f, c);
    case OP_Cast: {
        const struct tensor *t =
            is_index(c->out[0]->dtype) ? input_part(f, c->node->in[0].value) : NULL;
        struct tensor *kept = t ? arena_copy(&f->keep, t, sizeof *t) : NULL;
        if (kept)
            kept->data = arena_copy(&f->keep, t->data, t->size);
        return kept;
    }
    case OP_Add: case OP_Sub: case OP_Mul: case OP_Div:
        return is_index(c->out[0]->dtype) ? calculated_part(f, c) : NULL;
    default: return is_mover(c->node->op) ? moved_part(f, c) : NULL;
    }
}

/* Remembers the data of the outputs, where it can be told. */
static void data_follow(struct inference *f, struct node *n, struct call *c)
{
    const struct op_info *info = &op_table[n->op];
    if (!f->known || !info->eval || info->flags & OP_RANDOM || !n->n_out)
        return;
    struct known *first = n->out[0] ? &f->known[n->out[0]->id] : NULL;
    if (inputs_small(c, info->flags)) {
        /* parts that were passed as data must not be taken for the whole */
        for (int i = 0; i < n->n_in; i++)
            if (n->in[i].value && !(i == 0 && info->flags & OP_SHAPE_ONLY)
                && !value_whole(f, n->in[i].value))
                return;
        if (outputs_compute(&f->keep, c, info))
            for (int i = 0; i < n->n_out; i++)
                if (n->out[i]) {
                    struct tensor *t = NEW(&f->keep, struct tensor);
                    *t = *c->out[i];
                    f->known[n->out[i]->id].whole = t;
                }
    } else if (first) {
        first->part = output_part(f, c);
    }
}

static int inputs_check(const struct call *c, const struct op_info *info, struct err *err)
{
    bool all = info->max_in == INT_MAX && !(info->flags & OP_CONTROL); /* a Loop checks its own */
    int needed = all ? c->n_in : info->min_in;
    if (c->n_in < info->min_in)
        return err_set(err, ERR_INPUT, "it has %d inputs and needs %d", c->n_in, info->min_in);
    if (c->n_in > info->max_in)
        return err_set(err, ERR_INPUT, "it has %d inputs, at most %d can be", c->n_in,
                       info->max_in);
    for (int i = 0; i < needed; i++)
        if (!c->in[i])
            return err_set(err, ERR_INPUT, "input %d is left out", i);
    return 0;
}

int op_infer(struct call *c, struct err *err)
{
    const struct op_info *info = &op_table[c->node->op];
    TRY(inputs_check(c, info, err));
    return info->infer(c, err);
}

static int node_infer(struct inference *f, struct node *n, struct err *err)
{
    const struct op_info *info = &op_table[n->op];
    struct call c;
    int result = 0;
    if (info->infer) {
        call_open(f, n, &c);
        result = op_infer(&c, err);
        for (int i = 0; result == 0 && i < n->n_out; i++)
            if (n->out[i])
                type_merge(&n->out[i]->type, c.out[i]);
        if (result == 0)
            data_follow(f, n, &c);
        else
            err_at(err, "%s", node_title(n));
    }
    arena_reset(&f->scratch);
    return result;
}

int op_infer_node(struct node *n, struct err *err)
{
    struct inference f = {0};
    int result = node_infer(&f, n, err);
    arena_release(&f.scratch);
    return result;
}

static int body_infer(struct inference *f, struct graph *g, struct err *err)
{
    graph_each(g, n) {
        struct graph *body;
        control_seed(n);
        for (int k = 0; (body = node_body(n, k)); k++)
            TRY(body_infer(f, body, err));
        TRY(node_infer(f, n, err));
    }
    return 0;
}

/* Exchanges the shapes of what nodes compute with those in `shape`, by value id. */
static void exchange_shapes(struct graph *g, struct shape *shape)
{
    graph_each(g, n) {
        struct graph *body;
        for (int k = 0; (body = node_body(n, k)); k++)
            exchange_shapes(body, shape);
        for (int i = 0; i < n->n_out; i++) {
            if (!n->out[i])
                continue;
            struct shape *told = &n->out[i]->type.shape, other = shape[n->out[i]->id];
            shape[n->out[i]->id] = *told;
            *told = other;
        }
    }
}

/* Without the shapes that came with what nodes compute, which contradict each other as *err says;
 * they stay where it is not they that do. */
static int infer_anew(struct inference *f, struct graph *g, const struct err *err)
{
    struct err ignored;
    int n = g->model->n_values;
    struct shape *shape = NEW_ARRAY(&f->keep, n, struct shape);
    for (int i = 0; i < n; i++)
        shape[i].rank = -1;
    memset(f->known, 0, (size_t)n * sizeof *f->known);
    exchange_shapes(g, shape);
    if (body_infer(f, g, &ignored) == 0) {
        log_info("note: shapes that the file gives contradict what it computes, and are left aside "
                 "(%s)", err->text);
        return 0;
    }
    exchange_shapes(g, shape);
    return -1;
}

int graph_infer(struct graph *g, struct err *err)
{
    struct inference f = {0};
    f.known = NEW_ARRAY(&f.keep, g->model->n_values + 1, struct known);
    int result = body_infer(&f, g, err);
    if (result)
        result = infer_anew(&f, g, err);
    arena_release(&f.keep);
    arena_release(&f.scratch);
    return result;
}
