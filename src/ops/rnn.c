/* SPDX-License-Identifier: Apache-2.0
 *
 * rnn: reading of attributes and shapes.
 *
 * Values of activation_alpha and activation_beta go, in order, to those functions that have such a
 * parameter, as in ONNX Runtime. Where they have run out, the functions of which ONNX gives no
 * default, or runtimes another one, are refused.
 */
#include "rnn.h"

#include "ops.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

/* The last two columns: the parameter's default; NAN: the function has it, but no agreed default;
 * INFINITY: it has none. */
static const struct function {
    const char *name;
    enum k_unary op;
    bool scaled;
    double alpha, beta;
} function_table[] = {
    {"Affine", K_SCALE, false, NAN, NAN},
    {"Elu", K_ELU, false, 1, INFINITY},
    {"HardSigmoid", K_HARD_SIGMOID, false, 0.2f, 0.5},
    {"LeakyRelu", K_LEAKY_RELU, false, 0.01f, INFINITY},
    {"Relu", K_RELU, false, INFINITY, INFINITY},
    {"ScaledTanh", K_TANH, true, NAN, NAN},
    {"Sigmoid", K_SIGMOID, false, INFINITY, INFINITY},
    {"Softplus", K_SOFTPLUS, false, INFINITY, INFINITY},
    {"Softsign", K_SOFTSIGN, false, INFINITY, INFINITY},
    {"Tanh", K_TANH, false, INFINITY, INFINITY},
    {"ThresholdedRelu", K_THRESHOLDED_RELU, false, NAN, INFINITY},
};
enum { N_FUNCTIONS = sizeof function_table / sizeof *function_table };

static const struct function *function_find(struct bytes name)
{
    for (int i = 0; i < N_FUNCTIONS; i++)
        if (strlen(function_table[i].name) == name.n
            && !strncasecmp(function_table[i].name, name.data, name.n))
            return &function_table[i];
    return NULL;
}

/* Values of activation_alpha or activation_beta that are not yet used. */
struct supply {
    const char *name;
    const float *at;
    size_t left;
};

static int supply_take(struct supply *s, const struct function *f, double otherwise, double *v,
                       struct err *err)
{
    *v = 0;
    if (isinf(otherwise))
        return 0;
    if (s->left == 0 && isnan(otherwise))
        return err_set(err, ERR_INPUT, "attribute %s has no value for %s", s->name, f->name);
    *v = otherwise;
    if (s->left) {
        *v = (double)*s->at++;
        s->left--;
    }
    return 0;
}

static int act_read(struct bytes name, struct supply *alpha, struct supply *beta,
                    struct k_rnn_act *act, struct err *err)
{
    const struct function *f = function_find(name);
    if (!f)
        return err_set(err, ERR_INPUT, "attribute activations: %.*s is not supported", (int)name.n,
                       name.data);
    act->op = f->op;
    act->scaled = f->scaled;
    TRY(supply_take(alpha, f, f->alpha, &act->a, err));
    return supply_take(beta, f, f->beta, &act->b, err);
}

static int acts_read(const struct call *c, struct rnn *r, struct err *err)
{
    static const char *const names[3][3] = {
        [K_RNN] = {"Tanh"}, [K_GRU] = {"Sigmoid", "Tanh"}, [K_LSTM] = {"Sigmoid", "Tanh", "Tanh"},
    };
    struct supply alpha = {.name = "activation_alpha"}, beta = {.name = "activation_beta"};
    const struct attr *given = node_attr(c->node, "activations");
    int n = r->kind == K_LSTM ? 3 : r->kind == K_GRU ? 2 : 1, all = n * r->dirs;
    alpha.at = node_floats(c->node, alpha.name, &alpha.left);
    beta.at = node_floats(c->node, beta.name, &beta.left);
    /* RNN's own default is two names for any direction */
    if (given && (given->kind != ATTR_STRINGS || given->n < (size_t)all
                  || (given->n > (size_t)all && r->kind != K_RNN)))
        return err_set(err, ERR_INPUT, "attribute activations must have %d names", all);
    for (int i = 0; i < all; i++) {
        const char *name = names[r->kind][i % n];
        TRY(act_read(given ? given->strings[i] : (struct bytes){name, strlen(name)}, &alpha, &beta,
                     &r->act[i / n][i % n], err));
    }
    return 0;
}

static int direction_read(const struct call *c, struct rnn *r, struct err *err)
{
    r->dirs = 1;
    if (node_string_is(c->node, "direction", "forward", "reverse"))
        r->backward = true;
    else if (node_string_is(c->node, "direction", "forward", "bidirectional"))
        r->dirs = 2;
    else if (!node_string_is(c->node, "direction", "forward", "forward"))
        return err_set(err, ERR_INPUT,
                       "attribute direction must be forward, reverse or bidirectional");
    return 0;
}

int rnn_read(const struct call *c, enum k_rnn_kind kind, int64_t hidden, struct rnn *r,
             struct err *err)
{
    const struct shape *x = &call_in(c, 0)->shape;
    const struct node *n = c->node;
    int64_t layout = node_int(n, "layout", 0), given = node_int(n, "hidden_size", -1);
    *r = (struct rnn){.kind = kind, .steps = -1, .batch = -1, .in = -1, .hidden = hidden};
    r->batch_first = layout == 1;
    r->linear_before_reset = node_int(n, "linear_before_reset", 0) != 0;
    r->input_forget = node_int(n, "input_forget", 0) != 0;
    r->clip = node_attr(n, "clip") ? (double)node_float(n, "clip", 0) : INFINITY;
    if (layout != 0 && layout != 1)
        return err_set(err, ERR_INPUT, "attribute layout must be 0 or 1");
    if (!(r->clip > 0))
        return err_set(err, ERR_INPUT, "attribute clip must be greater than 0");
    if (given >= 0 && hidden >= 0 && given != hidden)
        return err_set(err, ERR_INPUT, "attribute hidden_size is %" PRId64 ", R has %" PRId64,
                       given, hidden);
    if (hidden < 0)
        r->hidden = given;
    TRY(direction_read(c, r, err));
    TRY(acts_read(c, r, err));
    if (x->rank < 0)
        return 0;
    if (x->rank != 3)
        return err_set(err, ERR_INPUT, "X must have rank 3, not %d", x->rank);
    r->steps = x->dim[r->batch_first];
    r->batch = x->dim[!r->batch_first];
    r->in = x->dim[2];
    return 0;
}

int rnn_check_shape(const struct call *c, int slot, const char *name, int rank, const int64_t *dim,
                    struct err *err)
{
    const struct tensor *t = slot < 0 ? NULL : call_in(c, slot);
    if (!t || t->shape.rank < 0)
        return 0;
    bool fits = t->shape.rank == rank;
    for (int i = 0; i < rank && fits; i++)
        fits = dim[i] < 0 || t->shape.dim[i] < 0 || t->shape.dim[i] == dim[i];
    if (fits)
        return 0;
    struct shape want = shape_of(rank, dim);
    char got_text[SHAPE_TEXT], want_text[SHAPE_TEXT];
    return err_set(err, ERR_INPUT, "input %d (%s) has shape %s, not %s", slot, name,
                   shape_text(&t->shape, got_text), shape_text(&want, want_text));
}

/* n * size where that is known */
static int64_t times(int64_t n, int64_t size)
{
    return size < 0 ? -1 : n * size;
}

int rnn_check_inputs(const struct call *c, const struct rnn *r, const struct rnn_slots *s,
                     struct err *err)
{
    int64_t bias[] = {r->dirs, times(2 * k_rnn_gates(r->kind), r->hidden)};
    int64_t peephole[] = {r->dirs, times(3, r->hidden)};
    int64_t state[] = {r->batch_first ? r->batch : r->dirs, r->batch_first ? r->dirs : r->batch,
                       r->hidden};
    const struct tensor *lens = s->lens < 0 ? NULL : call_in(c, s->lens);
    if (lens && lens->dtype && lens->dtype != DTYPE_I32)
        return err_set(err, ERR_INPUT, "sequence_lens must be int32, not %s",
                       dtype_info(lens->dtype)->name);
    TRY(rnn_check_shape(c, s->b, "B", 2, bias, err));
    TRY(rnn_check_shape(c, s->lens, "sequence_lens", 1, &r->batch, err));
    TRY(rnn_check_shape(c, s->h, "initial_h", 3, state, err));
    TRY(rnn_check_shape(c, s->c, "initial_c", 3, state, err));
    return rnn_check_shape(c, s->p, "P", 2, peephole, err);
}

void rnn_set_outputs(const struct call *c, const struct rnn *r)
{
    struct shape y = {4, {r->steps, r->dirs, r->batch, r->hidden}};
    struct shape state = {3, {r->dirs, r->batch, r->hidden}};
    if (r->batch_first) {
        y = (struct shape){4, {r->batch, r->steps, r->dirs, r->hidden}};
        state = (struct shape){3, {r->batch, r->dirs, r->hidden}};
    }
    call_set(c, 0, call_in(c, 0)->dtype, &y);
    call_set(c, 1, call_in(c, 0)->dtype, &state);
    call_set(c, 2, call_in(c, 0)->dtype, &state);
}

int rnn_lengths(const struct call *c, int slot, const struct rnn *r, const int64_t **lens,
                struct err *err)
{
    *lens = NULL;
    if (!call_in(c, slot))
        return 0;
    int64_t *at = NEW_ARRAY(c->scratch, r->batch + 1, int64_t);
    for (int64_t i = 0; i < r->batch; i++) {
        at[i] = tensor_get_int(call_in(c, slot), i);
        if (at[i] < 0 || at[i] > r->steps)
            return err_set(err, ERR_INPUT, "a sequence of %" PRId64 " steps in %" PRId64, at[i],
                           r->steps);
    }
    *lens = at;
    return 0;
}

struct k_rnn rnn_direction(const struct rnn *r, int dir, const int64_t *lens)
{
    struct k_rnn k = {
        .kind = r->kind, .reverse = r->backward || dir == 1,
        .linear_before_reset = r->linear_before_reset, .input_forget = r->input_forget,
        .clip = r->clip, .steps = r->steps, .batch = r->batch, .in = r->in, .hidden = r->hidden,
        .lens = lens, .x_step = r->batch, .x_row = 1, .y_step = r->dirs * r->batch * r->hidden,
        .y_row = r->hidden,
    };
    if (r->batch_first) {
        k.x_step = 1;
        k.x_row = r->steps;
        k.y_step = r->dirs * r->hidden;
        k.y_row = r->steps * k.y_step;
    }
    memcpy(k.act, r->act[dir], sizeof k.act);
    return k;
}

int64_t rnn_offset(const struct rnn *r, int dir)
{
    return dir * r->hidden * (r->batch_first ? 1 : r->batch);
}

int64_t rnn_state_stride(const struct rnn *r)
{
    return r->hidden * (r->batch_first ? r->dirs : 1);
}
