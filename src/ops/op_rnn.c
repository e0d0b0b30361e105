/* SPDX-License-Identifier: Apache-2.0
 *
 * op_rnn: RNN, GRU and LSTM, and LSTM with integer weights (ONNX Runtime's DynamicQuantizeLSTM).
 * Weights that are the same in every call are repacked once.
 *
 * Numbers are computed in double where the inputs are double and in float otherwise; below, void
 * pointers are to one or the other.
 */
#include "ops.h"

#include "k_convert.h"
#include "real.h"
#include "rnn.h"

#include <string.h>

enum { X, W, R, B, LENS, H, C, P, W_SCALE, W_ZERO, R_SCALE, R_ZERO, N_SLOTS };

/* The weights of one direction, in one piece of memory that begins with `packed`. */
struct pack {
    void *packed;
    struct k_rnn_dynamic dynamic; /* where is_dynamic() */
};
struct packs {
    struct op_state state;
    struct pack dir[2];
};

static bool is_dynamic(const struct call *c)
{
    return c->node->op == OP_DynamicQuantizeLSTM;
}

static enum k_rnn_kind kind_of(const struct call *c)
{
    return c->node->op == OP_GRU ? K_GRU : c->node->op == OP_RNN ? K_RNN : K_LSTM;
}

/* Integer weights are stored transposed, with one scale for all or one a column. */
static int check_dynamic(const struct call *c, const struct rnn *r, int64_t width, struct err *err)
{
    static const char *const names[] = {"W_scale", "W_zero_point", "R_scale", "R_zero_point"};
    TRY(rnn_check_shape(c, W, "W", 3, (int64_t[]){r->dirs, r->in, width}, err));
    TRY(rnn_check_shape(c, R, "R", 3, (int64_t[]){r->dirs, r->hidden, width}, err));
    for (int i = W_SCALE; i < N_SLOTS; i++) {
        const struct tensor *t = call_in(c, i);
        bool zero = i == W_ZERO || i == R_ZERO;
        if (!t)
            return err_set(err, ERR_INPUT, "input %d (%s) is left out", i, names[i - W_SCALE]);
        if (!zero && t->dtype && t->dtype != DTYPE_F32)
            return call_refuse_dtype(t->dtype, err);
        if (zero)
            TRY(call_same_dtype(c, i == W_ZERO ? W : R, i, err));
        TRY(rnn_check_shape(c, i, names[i - W_SCALE], t->shape.rank == 1 ? 1 : 2,
                            (int64_t[]){r->dirs, width}, err));
    }
    return 0;
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
    int64_t hidden = recurrent->rank == 3 ? recurrent->dim[is_dynamic(c) ? 1 : 2] : -1;
    TRY(rnn_read(c, kind, hidden, r, err));
    int64_t width = r->hidden < 0 ? -1 : k_rnn_gates(kind) * r->hidden;
    if (is_dynamic(c)) {
        TRY(check_dynamic(c, r, width, err));
    } else {
        TRY(rnn_check_shape(c, W, "W", 3, (int64_t[]){r->dirs, width, r->in}, err));
        TRY(rnn_check_shape(c, R, "R", 3, (int64_t[]){r->dirs, width, r->hidden}, err));
    }
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

int infer_dynamic_lstm(struct call *c, struct err *err)
{
    struct rnn r;
    enum dtype x = call_in(c, X)->dtype;
    if (x && x != DTYPE_F32)
        return call_refuse_dtype(x, err);
    for (int i = W; i <= R; i++) {
        enum dtype t = call_in(c, i)->dtype;
        if (t && t != DTYPE_I8 && t != DTYPE_U8)
            return call_refuse_dtype(t, err);
    }
    for (int i = B; i <= P; i++)
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
        if (p->dir[i].packed)
            mem_free(p->dir[i].packed);
    mem_free(p);
}

static struct k_rnn view(const struct rnn *r, int dir, const int64_t *lens, const struct pack *p)
{
    struct k_rnn k = rnn_direction(r, dir, lens);
    k.dynamic = p->dynamic.w ? &p->dynamic : NULL;
    return k;
}

static void pack_floats(const struct call *c, const struct rnn *r, int dir, struct pack *p)
{
    struct k_rnn k = view(r, dir, NULL, p);
    int64_t width = k_rnn_gates(r->kind) * r->hidden;
    const void *b = at(c, data_in(c, B), dir * width * 2), *w = NULL, *re = NULL;
    if (!is_dynamic(c)) {
        w = at(c, data_in(c, W), dir * width * r->in);
        re = at(c, data_in(c, R), dir * width * r->hidden);
    }
    if (is_double(c))
        k_rnn_pack_f64(&k, w, re, b, p->packed);
    else
        k_rnn_pack_f32(&k, w, re, b, p->packed);
}

/* Integer weights of one slot, [depth][width], less their zero points, and their scales. */
static void pack_codes(const struct call *c, int slot, int dir, int64_t depth, int64_t width,
                       double *codes, float *scales)
{
    const struct tensor *w = call_in(c, slot);
    const struct tensor *scale = call_in(c, slot == W ? W_SCALE : R_SCALE);
    const struct tensor *zero = call_in(c, slot == W ? W_ZERO : R_ZERO);
    for (int64_t i = 0; i < width; i++)
        scales[i] = tensor_f32(scale)[scale->shape.rank == 1 ? dir : dir * width + i];
    k_load_f64(w->dtype, w->data, dir * depth * width, 1, depth * width, codes);
    for (int64_t i = 0; i < depth * width; i++)
        codes[i] -= tensor_get(zero, zero->shape.rank == 1 ? dir : dir * width + i % width);
}

/* Bytes of a pack: floats, scales, codes. */
struct pack_size {
    size_t packed, scales, codes;
};
static struct pack_size pack_size(const struct call *c, const struct rnn *r)
{
    struct k_rnn_dynamic any = {0};
    struct k_rnn k = rnn_direction(r, 0, NULL);
    k.dynamic = is_dynamic(c) ? &any : NULL;
    size_t width = (size_t)(k_rnn_gates(r->kind) * r->hidden), depth = (size_t)(r->in + r->hidden);
    struct pack_size s = {.packed = k_rnn_packed(&k) * item(c)};
    if (is_dynamic(c)) {
        s.packed = (s.packed + 63) / 64 * 64;
        s.scales = (2 * width * sizeof(float) + 63) / 64 * 64;
        s.codes = width * depth * sizeof(double);
    }
    return s;
}

static void pack(const struct call *c, const struct rnn *r, int dir, void *memory, struct pack *p)
{
    struct pack_size size = pack_size(c, r);
    int64_t width = k_rnn_gates(r->kind) * r->hidden;
    p->packed = memory;
    if (is_dynamic(c)) {
        void *scales_at = (char *)memory + size.packed, *codes_at = (char *)scales_at + size.scales;
        float *scales = scales_at;
        double *codes = codes_at;
        pack_codes(c, W, dir, r->in, width, codes, scales);
        pack_codes(c, R, dir, r->hidden, width, codes + r->in * width, scales + width);
        p->dynamic = (struct k_rnn_dynamic){codes, codes + r->in * width, scales, scales + width};
    }
    pack_floats(c, r, dir, p);
}

/* Whether all that is repacked is the same in every call. */
static bool is_fixed(const struct call *c)
{
    for (int i = W; i < c->n_in; i++)
        if ((i <= B || i >= W_SCALE) && call_in(c, i) && !(c->constant & 1u << i))
            return false;
    return true;
}

/* Repacked weights of each direction. */
static void packs_find(const struct call *c, const struct rnn *r, struct pack dir[2])
{
    struct pack_size s = pack_size(c, r);
    size_t size = s.packed + s.scales + s.codes;
    bool keep = c->state && is_fixed(c);
    struct op_state *known = keep ? __atomic_load_n(c->state, __ATOMIC_ACQUIRE) : NULL;
    struct packs *p = (struct packs *)known;
    if (!p && keep) {
        p = mem_alloc(sizeof *p);
        *p = (struct packs){.state = {packs_release}};
        for (int i = 0; i < r->dirs; i++)
            pack(c, r, i, mem_alloc(size), &p->dir[i]);
        if (!__atomic_compare_exchange_n(c->state, &known, &p->state, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE)) {
            packs_release(&p->state); /* another thread was faster */
            p = (struct packs *)known;
        }
    }
    for (int i = 0; i < r->dirs; i++) {
        if (p)
            dir[i] = p->dir[i];
        else
            pack(c, r, i, arena_alloc(c->scratch, size), &dir[i]);
    }
}

/* The first state of a direction, [batch][hidden]; zeros where it is left out. */
static void *state_begin(const struct call *c, const struct rnn *r, int dir, int slot)
{
    size_t row = (size_t)r->hidden * item(c);
    char *state = arena_array(c->scratch, (size_t)r->batch, row);
    const void *from = at(c, data_in(c, slot), rnn_offset(r, dir));
    for (int64_t i = 0; i < r->batch && from; i++)
        memcpy(state + (size_t)i * row, at(c, from, i * rnn_state_stride(r)), row);
    return state;
}

static void state_end(const struct call *c, const struct rnn *r, int dir, const char *state,
                      void *out)
{
    size_t row = (size_t)r->hidden * item(c);
    void *to = at_out(c, out, rnn_offset(r, dir));
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
    struct pack packs[2] = {0};
    TRY(read(c, &r, err));
    TRY(rnn_lengths(c, LENS, &r, &lens, err));
    bool lstm = r.kind == K_LSTM;
    const void *p = lstm ? data_in(c, P) : NULL;
    void *y = data_out(c, 0), *last_h = data_out(c, 1), *last_c = data_out(c, 2);
    packs_find(c, &r, packs);
    for (int i = 0; i < r.dirs; i++) {
        struct k_rnn k = view(&r, i, lens, &packs[i]);
        void *h = state_begin(c, &r, i, H), *cell = lstm ? state_begin(c, &r, i, C) : NULL;
        run(c, &k, packs[i].packed, at(c, p, i * 3 * r.hidden), h, cell,
            at_out(c, y, rnn_offset(&r, i)));
        state_end(c, &r, i, h, last_h);
        state_end(c, &r, i, cell, last_c);
    }
    store(c, 0, y);
    store(c, 1, last_h);
    store(c, 2, last_c);
    return 0;
}
