/* SPDX-License-Identifier: Apache-2.0
 *
 * call: a node without a graph around it.
 */
#include "call.h"

#include "k_move.h"
#include "ops/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

struct node *call_node(const char *domain, const char *type, int n_in, int n_out, int64_t opset)
{
    struct model *m = model_new("test");
    model_set_opset(m, domain, opset);
    return node_new(m->graph, domain, type, n_in, n_out);
}

void call_node_close(struct node *n)
{
    model_close(n->graph->model);
}

static struct call call_of(struct arena *a, struct node *n, const struct tensor *const *in,
                           struct tensor **out)
{
    return (struct call){.node = n, .opset = model_opset(n->graph->model, n->domain),
                         .n_in = n->n_in, .n_out = n->n_out, .in = in, .out = out, .scratch = a};
}

static void outputs_init(struct arena *a, struct node *n, struct tensor **out)
{
    for (int i = 0; i < n->n_out; i++) {
        out[i] = NEW(a, struct tensor);
        out[i]->shape.rank = -1;
    }
}

static void outputs_allocate(struct arena *a, struct node *n, const struct tensor *const *in,
                             struct tensor **out)
{
    const struct tensor *most = NULL;
    for (int i = 0; i < n->n_in; i++)
        if (in[i] && (!most || in[i]->shape.rank > most->shape.rank))
            most = in[i];
    for (int i = 0; i < n->n_out; i++) {
        struct tensor *t = tensor_new(a, out[i]->dtype, &out[i]->shape);
        t->layout = most && t->shape.rank == most->shape.rank ? most->layout : LAYOUT_PLAIN;
        memset(t->data, 0xa5, t->size);
        out[i] = t;
    }
}

/* What is inferred without data must not differ where it is known. */
static void check_static(struct arena *a, struct node *n, const struct tensor *const *in,
                         struct tensor *const *out)
{
    const struct tensor **types = NEW_ARRAY(a, n->n_in + 1, const struct tensor *);
    struct tensor **found = NEW_ARRAY(a, n->n_out + 1, struct tensor *);
    struct err err = {0};
    for (int hidden = 0; hidden < 3; hidden++) {
        for (int i = 0; i < n->n_in; i++) {
            struct tensor *t = in[i] ? arena_copy(a, in[i], sizeof *t) : NULL;
            types[i] = t;
            if (!t)
                continue;
            t->data = NULL;
            for (int k = 0; hidden == 1 && k < t->shape.rank; k++)
                t->shape.dim[k] = -1;
            if (hidden == 2)
                t->shape.rank = -1;
        }
        outputs_init(a, n, found);
        struct call c = call_of(a, n, types, found);
        if (op_infer(&c, &err) < 0)
            fail_msg("%s: %s", n->type, err.text);
        for (int i = 0; i < n->n_out; i++) {
            const struct shape *s = &found[i]->shape;
            assert_true(!found[i]->dtype || found[i]->dtype == out[i]->dtype);
            assert_true(s->rank < 0 || s->rank == out[i]->shape.rank);
            for (int k = 0; k < s->rank; k++)
                assert_true(s->dim[k] < 0 || s->dim[k] == out[i]->shape.dim[k]);
        }
    }
}

void call_run(struct arena *a, struct node *n, const struct tensor *const *in, struct tensor **out)
{
    struct err err = {0};
    outputs_init(a, n, out);
    struct call c = call_of(a, n, in, out);
    if (op_infer(&c, &err) < 0)
        fail_msg("%s: %s", n->type, err.text);
    for (int i = 0; i < n->n_out; i++)
        assert_true(out[i]->dtype && shape_known(&out[i]->shape));
    outputs_allocate(a, n, in, out);
    if (op_table[n->op].eval(&c, &err) < 0)
        fail_msg("%s: %s", n->type, err.text);
    check_static(a, n, in, out);
}

const char *call_fail(struct arena *a, struct node *n, const struct tensor *const *in)
{
    struct err *err = NEW(a, struct err);
    struct tensor **out = NEW_ARRAY(a, n->n_out + 1, struct tensor *);
    outputs_init(a, n, out);
    struct call c = call_of(a, n, in, out);
    if (op_infer(&c, err) == 0) {
        outputs_allocate(a, n, in, out);
        assert_int_equal(op_table[n->op].eval(&c, err), -1);
    }
    return err->text;
}

struct tensor *random_tensor(struct arena *a, struct random *r, enum dtype t, const struct shape *s)
{
    struct tensor *x = tensor_new(a, t, s);
    const struct dtype_info *info = dtype_info(t);
    for (int64_t i = 0, n = tensor_count(x); i < n; i++) {
        if (info->is_float)
            dtype_store(t, x->data, i, (double)random_float(r));
        else
            dtype_store_int(t, x->data, i, random_int(r, info->min < -9 ? -9 : info->min,
                                                      info->max > 9 ? 9 : info->max));
    }
    return x;
}

struct shape random_shape(struct random *r, int rank, int64_t most)
{
    struct shape s = {.rank = rank};
    for (int i = 0; i < rank; i++)
        s.dim[i] = random_int(r, 1, most);
    return s;
}

struct tensor *other_layout(struct arena *a, const struct tensor *t)
{
    struct tensor *o = tensor_new(a, t->dtype, &t->shape);
    int64_t to[MAX_RANK], from[MAX_RANK];
    o->layout = t->layout == LAYOUT_PLAIN ? LAYOUT_CHANNELS_LAST : LAYOUT_PLAIN;
    tensor_strides(o, to);
    tensor_strides(t, from);
    k_move(o->data, t->data, dtype_size(t->dtype, 1), t->shape.rank, t->shape.dim, to, from);
    return o;
}
