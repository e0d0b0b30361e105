/* SPDX-License-Identifier: Apache-2.0
 *
 * op_recurrence: operators since opset 27 that carry a state from call to call: LinearAttention and
 * CausalConvWithState. Without a state they begin with zeros. ONNX Runtime's operators of the same
 * names can do more; what is the same is served.
 */
#include "ops.h"

#include "attention.h"
#include "k_causal_conv.h"
#include "k_linear_attention.h"
#include "k_unary.h"
#include "real.h"

#include <math.h>
#include <string.h>

enum { Q, K, V, STATE, DECAY, BETA };

struct linear { /* -1: not known */
    int64_t heads, kv_heads, batch, rows, d, dv;
    bool decays, corrects; /* what the update rule wants */
};

/* Attributes that ONNX Runtime's operators have and ONNX's do not, at other than these values. */
static int refuse_extras(const struct call *c, struct err *err)
{
    static const struct {
        const char *name;
        int64_t otherwise;
    } extra[] = {{"state_window", 0}, {"channels_last", 0}, {"dilation", 1}, {"ndim", 1}};
    for (int i = 0; i < 4; i++)
        if (node_int(c->node, extra[i].name, extra[i].otherwise) != extra[i].otherwise)
            return err_set(err, ERR_INPUT, "attribute %s is not supported", extra[i].name);
    return 0;
}

static int read_rule(const struct call *c, struct linear *l, struct err *err)
{
    static const struct {
        const char *name;
        bool decays, corrects;
    } rules[] = {{"linear", false, false}, {"gated", true, false}, {"delta", false, true},
                 {"gated_delta", true, true}};
    size_t i = 0;
    while (i < 4 && !node_string_is(c->node, "update_rule", "gated_delta", rules[i].name))
        i++;
    if (i == 4)
        return err_set(err, ERR_INPUT, "attribute update_rule has a value that is not supported");
    l->decays = rules[i].decays;
    l->corrects = rules[i].corrects;
    if (l->decays != (call_in(c, DECAY) != NULL))
        return err_set(err, ERR_INPUT, "update_rule %s %s input decay", rules[i].name,
                       l->decays ? "needs" : "forbids");
    if (l->corrects != (call_in(c, BETA) != NULL))
        return err_set(err, ERR_INPUT, "update_rule %s %s input beta", rules[i].name,
                       l->corrects ? "needs" : "forbids");
    return 0;
}

static int read_linear(const struct call *c, struct linear *l, struct err *err)
{
    int64_t d = -1;
    *l = (struct linear){.heads = node_int(c->node, "q_num_heads", 0),
                         .kv_heads = node_int(c->node, "kv_num_heads", 0),
                         .batch = -1, .rows = -1, .d = -1, .dv = -1};
    if (l->heads < 1 || l->kv_heads < 1 || l->heads % l->kv_heads)
        return err_set(err, ERR_INPUT, "q_num_heads must be a multiple of kv_num_heads");
    TRY(read_rule(c, l, err));
    for (int i = 0; i < c->n_in; i++) {
        const struct shape *s = c->in[i] ? &c->in[i]->shape : NULL;
        if (!s || s->rank < 0 || i == STATE)
            continue;
        if (s->rank != 3)
            return err_set(err, ERR_INPUT, "input %d must be of rank 3", i);
        TRY(dim_agree(&l->batch, s->dim[0], i, "the batch", err));
        TRY(dim_agree(&l->rows, s->dim[1], i, "the length", err));
        if (i == Q)
            TRY(dim_share(s->dim[2], l->heads, i, &l->d, err));
        if (i == K)
            TRY(dim_share(s->dim[2], l->kv_heads, i, &d, err));
        if (i == V)
            TRY(dim_share(s->dim[2], l->kv_heads, i, &l->dv, err));
    }
    return dim_agree(&l->d, d, K, "the size of a head", err);
}

int infer_linear_attention(struct call *c, struct err *err)
{
    struct linear l;
    const struct tensor *state = call_in(c, STATE);
    for (int i = 0; i < c->n_in; i++)
        TRY(real_check(c, i, err));
    TRY(refuse_extras(c, err));
    TRY(read_linear(c, &l, err));
    struct shape y = {3, {l.batch, l.rows, l.dv < 0 ? -1 : l.dv * l.heads}};
    struct shape s = {4, {l.batch, l.kv_heads, l.d, l.dv}};
    for (int i = 0; state && state->shape.rank >= 0 && i < 4; i++) {
        if (state->shape.rank != 4)
            return err_set(err, ERR_INPUT, "past_state must be of rank 4");
        TRY(dim_agree(&s.dim[i], state->shape.dim[i], STATE, "a size of the state", err));
    }
    call_set(c, 0, c->in[Q]->dtype, &y);
    call_set(c, 1, state ? state->dtype : c->in[Q]->dtype, &s);
    return 0;
}

/* Rows of inputs decay and beta: one number a head, or more or fewer. */
static int read_gates(const struct call *c, const struct linear *l, struct k_linear *k,
                      int64_t *beta_heads, struct err *err)
{
    *beta_heads = 0;
    k->decay_step = 0;
    if (l->decays) {
        int64_t n = c->in[DECAY]->shape.dim[2];
        k->decay_step = n == l->kv_heads * l->d && l->d != 1;
        if (n != l->kv_heads && !k->decay_step)
            return err_set(err, ERR_INPUT, "input decay does not fit the heads");
    }
    if (l->corrects) {
        *beta_heads = c->in[BETA]->shape.dim[2];
        if (*beta_heads != 1 && *beta_heads != l->kv_heads)
            return err_set(err, ERR_INPUT, "input beta does not fit the heads");
    }
    return 0;
}

int eval_linear_attention(struct call *c, struct err *err)
{
    struct linear l;
    int64_t beta_heads;
    TRY(read_linear(c, &l, err));
    struct k_linear k = {.d = l.d, .dv = l.dv};
    TRY(read_gates(c, &l, &k, &beta_heads, err));
    const float *past = real_in(c, STATE), *decay = real_in(c, DECAY), *beta = real_in(c, BETA);
    int64_t cells = l.d * l.dv, group = l.heads / l.kv_heads;
    int64_t n_states = l.batch * l.kv_heads * cells, decays = k.decay_step ? l.d : 1;
    float *y = real_out(c, 0), *state = real_out(c, 1), given = node_float(c->node, "scale", 0);
    float scale = given != 0 ? given : (float)(1 / sqrt((double)l.d));
    float *space = NEW_ARRAY(c->scratch, l.dv + 1, float);
    if (!y)
        y = NEW_ARRAY(c->scratch, l.batch * l.heads * l.rows * l.dv, float);
    if (!state)
        state = NEW_ARRAY(c->scratch, n_states, float);
    for (int64_t i = 0; i < n_states; i++)
        state[i] = past ? past[i] : 0;
    struct heads q = heads_inside(real_in(c, Q), l.rows, l.heads, l.d);
    struct heads key = heads_inside(real_in(c, K), l.rows, l.kv_heads, l.d);
    struct heads v = heads_inside(real_in(c, V), l.rows, l.kv_heads, l.dv);
    struct heads out = heads_inside(y, l.rows, l.heads, l.dv);
    for (int64_t b = 0; b < l.batch; b++)
        for (int64_t h = 0; h < l.kv_heads; h++)
            for (int64_t i = 0; i < l.rows; i++) {
                float *s = state + (b * l.kv_heads + h) * cells;
                int64_t at = b * l.rows + i;
                k.decay = decay ? decay + (at * l.kv_heads + h) * decays : NULL;
                k.beta = beta ? beta + at * beta_heads + (beta_heads == 1 ? 0 : h) : NULL;
                k_linear_write(&k, heads_row(&key, b, h, i), heads_row(&v, b, h, i), s, space);
                for (int64_t g = h * group; g < (h + 1) * group; g++)
                    k_linear_read(&k, heads_row(&q, b, g, i), s, scale,
                                  heads_row(&out, b, g, i));
            }
    real_store(c, 0, y);
    real_store(c, 1, state);
    return 0;
}

enum { X, WEIGHT, BIAS, PAST };

int infer_causal_conv(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[X]->shape, *w = &c->in[WEIGHT]->shape;
    const struct tensor *bias = call_in(c, BIAS), *past = call_in(c, PAST);
    TRY(refuse_extras(c, err));
    for (int i = 0; i < c->n_in; i++) {
        TRY(real_check(c, i, err));
        TRY(call_same_dtype(c, X, i, err));
    }
    if ((x->rank >= 0 && x->rank != 3) || (w->rank >= 0 && w->rank != 3))
        return err_set(err, ERR_INPUT, "the input and the weight must be of rank 3");
    struct shape s = shape_of_rank(3);
    if (x->rank == 3)
        s = (struct shape){3, {x->dim[0], x->dim[1], -1}};
    if (w->rank == 3) {
        TRY(dim_agree(&s.dim[1], w->dim[0], WEIGHT, "the number of channels", err));
        if (w->dim[1] > 1 || w->dim[2] == 0)
            return err_set(err, ERR_INPUT, "the weight must be [channels][1][taps]");
        s.dim[2] = w->dim[2] < 0 ? -1 : w->dim[2] - 1;
    }
    if (bias)
        TRY(dim_agree(&s.dim[1], shape_count(&bias->shape), BIAS, "the number of channels", err));
    for (int i = 0; past && past->shape.rank >= 0 && i < 3; i++) {
        if (past->shape.rank != 3)
            return err_set(err, ERR_INPUT, "past_state must be of rank 3");
        TRY(dim_agree(&s.dim[i], past->shape.dim[i], PAST, "a size of the state", err));
    }
    call_set(c, 0, c->in[X]->dtype, x);
    call_set(c, 1, c->in[X]->dtype, &s);
    return 0;
}

int eval_causal_conv(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[X]->shape;
    int64_t rows = x->dim[0] * x->dim[1], n = x->dim[2], taps = c->in[WEIGHT]->shape.dim[2];
    bool silu = node_string_is(c->node, "activation", "none", "silu")
             || node_string_is(c->node, "activation", "none", "swish");
    if (!silu && !node_string_is(c->node, "activation", "none", "none"))
        return err_set(err, ERR_INPUT, "attribute activation has a value that is not supported");
    const float *from = real_in(c, X), *w = real_in(c, WEIGHT), *bias = real_in(c, BIAS);
    const float *past = real_in(c, PAST);
    float *y = real_out(c, 0), *state = real_out(c, 1);
    float *row = NEW_ARRAY(c->scratch, n + taps, float);
    for (int64_t r = 0; r < rows; r++) {
        int64_t channel = r % x->dim[1];
        if (past)
            memcpy(row, past + r * (taps - 1), (size_t)(taps - 1) * sizeof *row);
        memcpy(row + taps - 1, from + r * n, (size_t)n * sizeof *row);
        if (y)
            k_causal_conv_f32(row, w + channel * taps, taps, bias ? bias[channel] : 0, y + r * n,
                              n);
        if (state)
            memcpy(state + r * (taps - 1), row + n, (size_t)(taps - 1) * sizeof *row);
    }
    if (y && silu)
        k_unary_f32(K_SWISH, y, y, rows * n, 1, 0);
    real_store(c, 0, y);
    real_store(c, 1, state);
    return 0;
}
