/* SPDX-License-Identifier: Apache-2.0
 *
 * k_rnn_tmpl: recurrent layers, written once for float and double. Before including it: T the type,
 * NAME(f) function names of this type, DATA the struct of what a run reads and writes.
 */

#define EACH(i, n) K_NO_CARRY for (int64_t i = 0; i < (n); i++)

static void NAME(transpose)(const T *x, int64_t rows, int64_t columns, T *y)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            y[j * rows + i] = x[i * columns + j];
}

void NAME(k_rnn_pack)(const struct k_rnn *k, const T *w, const T *r, const T *b, T *packed)
{
    int64_t n = row_width(k), apart = k->kind == K_GRU && k->linear_before_reset ? k->hidden : 0;
    T *last = packed + n; /* bias of the last gate inside the reset */
    for (int64_t i = 0; i < n; i++)
        packed[i] = b ? i < n - apart ? b[i] + b[n + i] : b[i] : 0;
    for (int64_t i = 0; i < k->hidden; i++)
        last[i] = b && apart ? b[2 * n - apart + i] : 0;
    if (k->dynamic)
        return;
    NAME(transpose)(w, n, k->in, last + k->hidden);
    NAME(transpose)(r, n, k->hidden, last + k->hidden + n * k->in);
}

static void NAME(activate)(const struct k_rnn_act *act, const T *x, T *y, int64_t n)
{
    T a = (T)act->a, b = (T)act->b;
    if (act->scaled) {
        NAME(k_unary)(K_SCALE, x, y, n, b, 0);
        NAME(k_unary)(act->op, y, y, n, 0, 0);
        NAME(k_unary)(K_SCALE, y, y, n, a, 0);
    } else {
        NAME(k_unary)(act->op, x, y, n, a, b);
    }
}

static void NAME(gate)(const struct k_rnn *k, int act, T *x, int64_t n)
{
    if (k->clip < INFINITY)
        NAME(k_unary)(K_CLIP, x, x, n, -(T)k->clip, (T)k->clip);
    NAME(activate)(&k->act[act], x, x, n);
}

K_CLONES static void NAME(add)(T *x, const T *y, int64_t n)
{
    EACH(i, n)
        x[i] += y[i];
}

K_CLONES static void NAME(add_product)(T *x, const T *y, const T *z, int64_t n)
{
    EACH(i, n)
        x[i] += y[i] * z[i];
}

K_CLONES static void NAME(multiply)(T *x, const T *y, const T *z, int64_t n)
{
    EACH(i, n)
        x[i] = y[i] * z[i];
}

/* c = f * c + i * g */
K_CLONES static void NAME(renew_cell)(T *c, const T *f, const T *i, const T *g, int64_t n)
{
    EACH(j, n)
        c[j] = f[j] * c[j] + i[j] * g[j];
}

/* h = (1 - z) * g + z * h */
K_CLONES static void NAME(mix)(T *h, const T *z, const T *g, int64_t n)
{
    EACH(i, n)
        h[i] = (1 - z[i]) * g[i] + z[i] * h[i];
}

/* y = x + r * (y + b) */
K_CLONES static void NAME(reset_sum)(T *y, const T *b, const T *r, const T *x, int64_t n)
{
    EACH(i, n)
        y[i] = x[i] + r[i] * (y[i] + b[i]);
}

/* g: sums of the gates of one sequence, used up. */
static void NAME(lstm_row)(const struct k_rnn *k, const T *peephole, T *g, T *h, T *c)
{
    int64_t n = k->hidden;
    T *i = g, *o = g + n, *f = g + 2 * n, *cell = g + 3 * n;
    if (peephole)
        NAME(add_product)(i, peephole, c, n);
    NAME(gate)(k, 0, i, n);
    if (k->input_forget) {
        NAME(k_unary)(K_SCALE, i, f, n, -1, 1);
    } else {
        if (peephole)
            NAME(add_product)(f, peephole + 2 * n, c, n);
        NAME(gate)(k, 0, f, n);
    }
    NAME(gate)(k, 1, cell, n);
    NAME(renew_cell)(c, f, i, cell, n);
    if (peephole)
        NAME(add_product)(o, peephole + n, c, n);
    NAME(gate)(k, 0, o, n);
    NAME(activate)(&k->act[2], c, cell, n);
    NAME(multiply)(h, o, cell, n);
}

/* sum[batch][first..first + n] = h times these columns of the recurrence weight */
static void NAME(recur)(const struct k_rnn *k, const DATA *d, const T *h, int64_t first, int64_t n,
                        T *sum)
{
    struct product p = {.state = true, .rows = k->batch, .first = first, .n = n};
    NAME(product)(k, &p, d->packed, h, d->scratch, sum + first);
}

/* The step of a sequence that is computed as its `turn`th; -1: it has ended. */
static int64_t NAME(step_of)(const struct k_rnn *k, int64_t row, int64_t turn)
{
    int64_t length = length_of(k, row);
    return turn >= length ? -1 : k->reverse ? length - 1 - turn : turn;
}

/* `from` is the projected input, in the order of x's rows; `sum` has room for one step. */
static void NAME(turn_gru)(const struct k_rnn *k, const DATA *d, const T *from, T *sum,
                           int64_t turn)
{
    int64_t n = k->hidden, width = 3 * n, t;
    T *reset = sum + k->batch * width; /* the state after the reset gate */
    const T *bias = d->packed + width;
    bool linear = k->linear_before_reset;
    NAME(recur)(k, d, d->h, 0, linear ? width : 2 * n, sum);
    for (int64_t row = 0; row < k->batch; row++) {
        T *g = sum + row * width, *h = d->h + row * n;
        if ((t = NAME(step_of)(k, row, turn)) < 0) {
            memset(reset + row * n, 0, (size_t)n * sizeof *reset);
            continue;
        }
        NAME(add)(g, from + (t * k->x_step + row * k->x_row) * width, 2 * n);
        NAME(gate)(k, 0, g, 2 * n);
        NAME(multiply)(reset + row * n, g + n, h, n);
    }
    if (!linear)
        NAME(recur)(k, d, reset, 2 * n, n, sum);
    for (int64_t row = 0; row < k->batch; row++) {
        T *g = sum + row * width, *r = g + n, *last = g + 2 * n;
        if ((t = NAME(step_of)(k, row, turn)) < 0)
            continue;
        const T *x = from + (t * k->x_step + row * k->x_row) * width + 2 * n;
        if (linear)
            NAME(reset_sum)(last, bias, r, x, n);
        else
            NAME(add)(last, x, n);
        NAME(gate)(k, 1, last, n);
        NAME(mix)(d->h + row * n, g, last, n);
    }
}

/* The states, as they enter the range that is quantized: as in ONNX Runtime, the last state of a
 * sequence does so once more after its end, and from then on it counts as 0. */
static const T *NAME(live)(const struct k_rnn *k, const DATA *d, int64_t turn, T *to)
{
    size_t size = (size_t)k->hidden * sizeof *to;
    if (!k->lens || !k->dynamic)
        return d->h;
    for (int64_t row = 0; row < k->batch; row++) {
        if (turn > length_of(k, row))
            memset(to + row * k->hidden, 0, size);
        else
            memcpy(to + row * k->hidden, d->h + row * k->hidden, size);
    }
    return to;
}

static void NAME(turn_others)(const struct k_rnn *k, const DATA *d, const T *from, T *sum,
                              int64_t turn)
{
    int64_t n = k->hidden, width = row_width(k), t;
    NAME(recur)(k, d, NAME(live)(k, d, turn, sum + k->batch * width), 0, width, sum);
    for (int64_t row = 0; row < k->batch; row++) {
        T *g = sum + row * width, *h = d->h + row * n;
        if ((t = NAME(step_of)(k, row, turn)) < 0)
            continue;
        NAME(add)(g, from + (t * k->x_step + row * k->x_row) * width, width);
        if (k->kind == K_LSTM) {
            NAME(lstm_row)(k, d->peephole, g, h, d->c + row * n);
        } else {
            NAME(gate)(k, 0, g, n);
            memcpy(h, g, (size_t)n * sizeof *h);
        }
    }
}

/* Rows beyond the longest sequence are left out where they come last. */
static void NAME(project)(const struct k_rnn *k, const DATA *d, int64_t longest, T *to)
{
    int64_t width = row_width(k), steps = k->x_row == 1 ? longest : k->steps;
    struct product p = {.add = true, .rows = steps * k->batch, .n = width};
    for (int64_t i = 0; i < p.rows; i++)
        memcpy(to + i * width, d->packed, (size_t)width * sizeof *to);
    NAME(product)(k, &p, d->packed, d->x, d->scratch, to);
}

/* Writes the states of this turn, and zeros where a sequence has ended. */
static void NAME(emit)(const struct k_rnn *k, const DATA *d, int64_t turn)
{
    size_t size = (size_t)k->hidden * sizeof *d->y;
    for (int64_t row = 0; row < k->batch; row++) {
        int64_t t = NAME(step_of)(k, row, turn);
        T *y = d->y + (t < 0 ? turn : t) * k->y_step + row * k->y_row;
        if (t < 0)
            memset(y, 0, size);
        else
            memcpy(y, d->h + row * k->hidden, size);
    }
}

void NAME(k_rnn)(const struct k_rnn *k, const DATA *d)
{
    T *from = d->scratch, *sum = from + k->steps * k->batch * row_width(k);
    size_t size = (size_t)k->hidden * sizeof *d->h;
    int64_t longest = 0;
    if (k->hidden == 0)
        return;
    for (int64_t row = 0; row < k->batch; row++)
        longest = length_of(k, row) > longest ? length_of(k, row) : longest;
    NAME(project)(k, d, longest, from);
    for (int64_t turn = 0; turn < k->steps; turn++) {
        if (turn < longest && k->kind == K_GRU)
            NAME(turn_gru)(k, d, from, sum, turn);
        else if (turn < longest)
            NAME(turn_others)(k, d, from, sum, turn);
        if (d->y)
            NAME(emit)(k, d, turn);
    }
    for (int64_t row = 0; row < k->batch; row++) {
        if (length_of(k, row) > 0)
            continue;
        memset(d->h + row * k->hidden, 0, size);
        if (k->kind == K_LSTM)
            memset(d->c + row * k->hidden, 0, size);
    }
}

#undef EACH
