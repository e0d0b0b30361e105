/* SPDX-License-Identifier: Apache-2.0
 *
 * op_rnn: RNN, GRU and LSTM. Weights that are the same in every call are repacked once.
 *
 * Numbers are computed in double where the inputs are double and in float otherwise; below, void
 * pointers are to one or the other.
 */
#include "ops.h"

#include "real.h"
#include "rnn.h"

#include <string.h>

enum { X, W, R, B, LENS, H, C, P };

struct packs {
    struct op_state state;
    void *dir[2];
};

static enum k_rnn_kind kind_of(const struct call *c)
{
    return c->node->op == OP_LSTM ? K_LSTM : c->node->op == OP_GRU ? K_GRU : K_RNN;
}

static int read(const struct call *c, struct rnn *r, struct err *err)
{
    static const struct rnn_slots slots[] = {
        [K_RNN] = {B, LENS, H, -1, -1},
        [K_GRU] = {B, LENS, H, -1, -1},
        [K_LSTM] = {B, LENS, H, C, P},
    };
    const struct shape *recurrent = &call_in(c, R)->shape;
    enum k_rnn_kind kind = kind_of(c);
    TRY(rnn_read(c, kind, recurrent->rank == 3 ? recurrent->dim[2] : -1, r, err));
    int64_t width = r->hidden < 0 ? -1 : k_rnn_gates(kind) * r->hidden;
    TRY(rnn_check_shape(c, W, "W", 3, (int64_t[]){r->dirs, width, r->in}, err));
    TRY(rnn_check_shape(c, R, "R", 3, (int64_t[]){r->dirs, width, r->hidden}, err));
    return rnn_check_inputs(c, r, &slots[kind], err);
}

int infer_rnn(struct call *c, struct err *err)
{
    struct rnn r;
    TRY(real_check(c, X, err));
    for (int i = W; i < c->n_in; i++)
        if (i != LENS)
            TRY(call_same_dtype(c, X, i, err));
    TRY(read(c, &r, err));
    rnn_set_outputs(c, &r);
    return 0;
}

static bool is_double(const struct call *c)
{
    return call_in(c, X)->dtype == DTYPE_F64;
}

static size_t item(const struct call *c)
{
    return is_double(c) ? sizeof(double) : sizeof(float);
}

static const void *data_in(const struct call *c, int slot)
{
    const struct tensor *t = call_in(c, slot);
    return !t || !is_double(c) ? real_in(c, slot) : t->data;
}

/* An output while it is computed; NULL: left out. */
static void *data_out(const struct call *c, int slot)
{
    const struct tensor *t = call_out(c, slot);
    return !t || !is_double(c) ? real_out(c, slot) : t->data;
}

static void store(const struct call *c, int slot, const void *data)
{
    if (!is_double(c))
        real_store(c, slot, data);
}

/* So many elements further. NULL stays NULL. */
static const void *at(const struct call *c, const void *data, int64_t n)
{
    return data ? (const char *)data + n * (int64_t)item(c) : NULL;
}
static void *at_out(const struct call *c, void *data, int64_t n)
{
    return data ? (char *)data + n * (int64_t)item(c) : NULL;
}

static void packs_release(struct op_state *s)
{
    struct packs *p = (struct packs *)s;
    for (int i = 0; i < 2; i++)
        if (p->dir[i])
            mem_free(p->dir[i]);
    mem_free(p);
}

static void pack(const struct call *c, const struct rnn *r, int dir, void *packed)
{
    struct k_rnn k = rnn_direction(r, dir, NULL);
    int64_t width = k_rnn_gates(r->kind) * r->hidden;
    const void *w = at(c, data_in(c, W), dir * width * r->in);
    const void *re = at(c, data_in(c, R), dir * width * r->hidden);
    const void *b = at(c, data_in(c, B), dir * width * 2);
    if (is_double(c))
        k_rnn_pack_f64(&k, w, re, b, packed);
    else
        k_rnn_pack_f32(&k, w, re, b, packed);
}

/* Repacked weights of each direction. */
static void packs_find(const struct call *c, const struct rnn *r, const void *dir[2])
{
    unsigned weights = 1u << W | 1u << R | (call_in(c, B) ? 1u << B : 0);
    bool keep = c->state && (c->constant & weights) == weights;
    struct k_rnn k = rnn_direction(r, 0, NULL);
    size_t size = k_rnn_packed(&k) * item(c);
    struct op_state *known = keep ? __atomic_load_n(c->state, __ATOMIC_ACQUIRE) : NULL;
    struct packs *p = (struct packs *)known;
    if (!p && keep) {
        p = mem_alloc(sizeof *p);
        *p = (struct packs){.state = {packs_release}};
        for (int i = 0; i < r->dirs; i++) {
            p->dir[i] = mem_alloc(size);
            pack(c, r, i, p->dir[i]);
        }
        if (!__atomic_compare_exchange_n(c->state, &known, &p->state, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE)) {
            packs_release(&p->state); /* another thread was faster */
            p = (struct packs *)known;
        }
    }
    for (int i = 0; i < r->dirs; i++) {
        void *mine = p ? NULL : arena_alloc(c->scratch, size);
        if (mine)
            pack(c, r, i, mine);
        dir[i] = p ? p->dir[i] : mine;
    }
}

/* The first state of a direction, [batch][hidden]; zeros where it is left out. */
static void *state_begin(const struct call *c, const struct rnn *r, int dir, int slot)
{
    size_t row = (size_t)r->hidden * item(c);
    char *state = arena_array(c->scratch, (size_t)r->batch, row);
    const void *from = at(c, data_in(c, slot), rnn_state_offset(r, dir));
    for (int64_t i = 0; i < r->batch && from; i++)
        memcpy(state + (size_t)i * row, at(c, from, i * rnn_state_stride(r)), row);
    return state;
}

static void state_end(const struct call *c, const struct rnn *r, int dir, const char *state,
                      void *out)
{
    size_t row = (size_t)r->hidden * item(c);
    void *to = at_out(c, out, rnn_state_offset(r, dir));
    for (int64_t i = 0; i < r->batch && to; i++)
        memcpy(at_out(c, to, i * rnn_state_stride(r)), state + (size_t)i * row, row);
}

static void run(const struct call *c, const struct k_rnn *k, const void *packed, const void *p,
                void *h, void *cell, void *y)
{
    void *scratch = arena_array(c->scratch, k_rnn_scratch(k), item(c));
    const void *x = data_in(c, X);
    if (is_double(c))
        k_rnn_f64(k, &(struct k_rnn_f64){x, packed, p, h, cell, y, scratch});
    else
        k_rnn_f32(k, &(struct k_rnn_f32){x, packed, p, h, cell, y, scratch});
}

int eval_rnn(struct call *c, struct err *err)
{
    struct rnn r;
    const int64_t *lens;
    const void *packed[2];
    TRY(read(c, &r, err));
    TRY(rnn_lengths(c, LENS, &r, &lens, err));
    bool lstm = r.kind == K_LSTM;
    const void *p = lstm ? data_in(c, P) : NULL;
    void *y = data_out(c, 0), *last_h = data_out(c, 1), *last_c = data_out(c, 2);
    packs_find(c, &r, packed);
    for (int i = 0; i < r.dirs; i++) {
        struct k_rnn k = rnn_direction(&r, i, lens);
        void *h = state_begin(c, &r, i, H), *cell = lstm ? state_begin(c, &r, i, C) : NULL;
        run(c, &k, packed[i], at(c, p, i * 3 * r.hidden), h, cell,
            at_out(c, y, rnn_output_offset(&r, i)));
        state_end(c, &r, i, h, last_h);
        state_end(c, &r, i, cell, last_c);
    }
    store(c, 0, y);
    store(c, 1, last_h);
    store(c, 2, last_c);
    return 0;
}
