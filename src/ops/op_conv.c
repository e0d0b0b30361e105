/* SPDX-License-Identifier: Apache-2.0
 *
 * op_conv: Conv and ConvTranspose.
 *
 * What is prepared for a node is a list of plans, one for each input shape that was met: generated
 * code and the weight in the order that it wants. A plan never changes once it is in the list.
 */
#include "ops.h"

#include "k_conv.h"
#include "k_dnnl.h"
#include "real.h"
#include "window.h"

#include <string.h>

enum { MAX_PLANS = 32 }; /* of one node; further shapes are prepared at each call */

struct plan {
    struct op_state state; /* *call.state is the newest plan's */
    struct plan *next;
    struct conv_dims dims;
    struct tail tail;        /* pointers mean only "there is one" */
    bool by_dnnl;
    struct k_dnnl_conv dnnl; /* where by_dnnl */
    void *weight;            /* repacked; NULL: the weight is not the same in every call */
    bool owns_weight;
};

int infer_conv(struct call *c, struct err *err)
{
    const struct tensor *x = call_in(c, 0), *w = call_in(c, 1);
    struct conv_dims d;
    TRY(real_check(c, 0, err));
    TRY(call_same_dtype(c, 0, 1, err));
    TRY(call_same_dtype(c, 0, 2, err));
    TRY(conv_geometry(c->node, &x->shape, &w->shape, &d, err));
    const struct tensor *bias = call_in(c, 2);
    int64_t n = bias ? shape_count(&bias->shape) : -1;
    if (n >= 0 && d.m >= 0 && n != d.m)
        return err_set(err, ERR_INPUT, "the bias has %d elements for %d channels", (int)n,
                       (int)d.m);
    struct shape s = window_out_shape(&d);
    call_set(c, 0, x->dtype, &s);
    return 0;
}

static bool plan_serves(const struct plan *p, const struct conv_dims *d, const struct tail *t)
{
    return !memcmp(&p->dims, d, sizeof *d) && p->tail.kind == t->kind && p->tail.lo == t->lo
           && p->tail.hi == t->hi && !p->tail.bias == !t->bias && !p->tail.add == !t->add;
}

static bool packs_alike(const struct plan *p, const struct plan *q)
{
    if (p->by_dnnl != q->by_dnnl)
        return false;
    return !p->by_dnnl || k_dnnl_conv_packs_alike(&p->dnnl, &q->dnnl);
}

static size_t packed_size(const struct plan *p)
{
    return p->by_dnnl ? p->dnnl.packed : k_conv_packed(&p->dims) * sizeof(float);
}

static void pack(const struct plan *p, const float *w, void *packed)
{
    if (p->by_dnnl)
        k_dnnl_conv_pack(&p->dnnl, &p->dims, w, packed);
    else
        k_conv_pack(&p->dims, w, packed);
}

static void plan_free(struct plan *p)
{
    if (p->by_dnnl)
        k_dnnl_conv_release(&p->dnnl);
    if (p->owns_weight)
        mem_free(p->weight);
    mem_free(p);
}

static void plans_release(struct op_state *s)
{
    for (struct plan *p = (struct plan *)s, *next; p; p = next) {
        next = p->next;
        plan_free(p);
    }
}

/* w: the weight where it is the same in every call, else NULL. Plans of the list that want it in
 * the same order share it. */
static struct plan *plan_new(const struct conv_dims *d, const struct tail *t, const float *w,
                             const struct plan *list)
{
    struct plan *p = mem_alloc(sizeof *p);
    memset(p, 0, sizeof *p);
    p->state.release = plans_release;
    memcpy(&p->dims, d, sizeof *d); /* with its padding: plan_serves() compares bytes */
    p->tail = *t;
    p->by_dnnl = k_dnnl_conv_init(&p->dnnl, d, t);
    if (!w)
        return p;
    for (; list; list = list->next) {
        if (list->weight && packs_alike(p, list)) {
            p->weight = list->weight;
            return p;
        }
    }
    p->weight = mem_alloc(packed_size(p));
    p->owns_weight = true;
    pack(p, w, p->weight);
    return p;
}

/* The plan for this call; where *temporary, the caller frees it. */
static struct plan *plan_find(const struct call *c, const struct conv_dims *d,
                              const struct tail *t, const float *w, bool *temporary)
{
    struct plan *mine = NULL, *p;
    struct op_state *list = c->state ? __atomic_load_n(c->state, __ATOMIC_ACQUIRE) : NULL;
    for (;;) {
        int n = 0;
        for (p = (struct plan *)list; p && !plan_serves(p, d, t); p = p->next)
            n++;
        *temporary = !c->state || n >= MAX_PLANS;
        if (p) {
            *temporary = false;
            if (mine)
                plan_free(mine); /* another thread was faster */
            return p;
        }
        if (!mine)
            mine = plan_new(d, t, w, (struct plan *)list);
        mine->next = (struct plan *)list;
        if (*temporary
            || __atomic_compare_exchange_n(c->state, &list, &mine->state, false, __ATOMIC_ACQ_REL,
                                           __ATOMIC_ACQUIRE))
            return mine;
    }
}

static void run(const struct call *c, const struct plan *p, const struct tail *t, const float *w)
{
    void *weight = p->weight;
    if (!weight) {
        weight = arena_alloc(c->scratch, packed_size(p));
        pack(p, w, weight);
    }
    const float *x = real_in(c, 0);
    float *y = real_out(c, 0);
    if (p->by_dnnl)
        k_dnnl_conv_run(&p->dnnl, x, weight, t, y, arena_alloc(c->scratch, p->dnnl.scratch));
    else
        k_conv(&p->dims, x, weight, t, y,
               NEW_ARRAY(c->scratch, k_conv_scratch(&p->dims), float));
    real_store(c, 0, y);
}

int eval_conv(struct call *c, struct err *err)
{
    struct conv_dims d;
    struct tail tail = c->tail ? *c->tail : (struct tail){0};
    TRY(conv_geometry(c->node, &call_in(c, 0)->shape, &call_in(c, 1)->shape, &d, err));
    if (tensor_count(call_out(c, 0)) == 0)
        return 0;
    const float *w = real_in(c, 1);
    if (call_in(c, 2))
        tail.bias = real_in(c, 2);
    bool temporary, constant = c->constant & 1u << 1;
    struct plan *p = plan_find(c, &d, &tail, constant ? w : NULL, &temporary);
    run(c, p, &tail, w);
    if (temporary)
        plan_free(p);
    return 0;
}
