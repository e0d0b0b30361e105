/* SPDX-License-Identifier: Apache-2.0
 *
 * op_audio: constants of signal processing: the windows of Hann, Hamming and Blackman, and the
 * triangular filters of the mel scale. Integer types get the numbers cut off at the point.
 */
#include "ops.h"

#include <inttypes.h>
#include <math.h>

static int output_dtype(const struct call *c, enum dtype *t, struct err *err)
{
    int64_t given = node_int(c->node, "output_datatype", DTYPE_F32);
    *t = given > 0 && given < N_DTYPES ? (enum dtype)given : DTYPE_BOOL;
    if (!dtype_info(*t)->is_float && !dtype_info(*t)->is_integer)
        return err_set(err, ERR_INPUT, "attribute output_datatype is %" PRId64, given);
    return 0;
}

static void put(const struct tensor *y, int64_t i, double v)
{
    dtype_store(y->dtype, y->data, i, dtype_info(y->dtype)->is_integer ? trunc(v) : v);
}

int infer_taper(struct call *c, struct err *err)
{
    enum dtype t;
    int64_t n;
    bool known;
    TRY(output_dtype(c, &t, err));
    TRY(call_int(c, 0, NULL, -1, &n, &known, err));
    if (known && n < 0)
        return err_set(err, ERR_INPUT, "a window of %" PRId64, n);
    call_set(c, 0, t, &(struct shape){1, {known ? n : -1}});
    return 0;
}

/* a - b cos(2 pi i / n) + d cos(4 pi i / n), where n is one less for a symmetric window */
int eval_taper(struct call *c, struct err *err)
{
    const double pi = 3.14159265358979323846;
    struct tensor *y = call_out(c, 0);
    int64_t size = tensor_count(y);
    double n = (double)(node_int(c->node, "periodic", 1) ? size : size - 1);
    double a = 0.5, b = 0.5, d = 0;
    (void)err;
    if (c->node->op == OP_HammingWindow) {
        a = 25. / 46;
        b = 21. / 46;
    } else if (c->node->op == OP_BlackmanWindow) {
        a = 0.42;
        d = 0.08;
    }
    for (int64_t i = 0; i < size; i++)
        put(y, i, a - b * cos(2 * pi * (double)i / n) + d * cos(4 * pi * (double)i / n));
    return 0;
}

struct mel {
    int64_t filters, length, rate; /* -1: not known */
};

static int mel_read(const struct call *c, struct mel *m, struct err *err)
{
    static const char *const names[] = {"num_mel_bins", "dft_length", "sample_rate"};
    int64_t *to[] = {&m->filters, &m->length, &m->rate};
    for (int i = 0; i < 3; i++) {
        bool known;
        TRY(call_int(c, i, NULL, -1, to[i], &known, err));
        if (known && *to[i] < (i == 0 ? 0 : 1))
            return err_set(err, ERR_INPUT, "%s is %" PRId64, names[i], *to[i]);
        if (!known)
            *to[i] = -1;
    }
    for (int i = 3; i < 5; i++) {
        const struct tensor *t = call_in(c, i);
        int64_t n = shape_count(&t->shape);
        if (t->dtype && !dtype_info(t->dtype)->is_float)
            return call_refuse_dtype(t->dtype, err);
        if (n >= 0 && n != 1)
            return err_set(err, ERR_INPUT, "input %d must have one element", i);
    }
    return 0;
}

int infer_mel(struct call *c, struct err *err)
{
    enum dtype t;
    struct mel m;
    TRY(output_dtype(c, &t, err));
    TRY(mel_read(c, &m, err));
    int64_t bins = m.length < 0 ? -1 : m.length / 2 + 1;
    call_set(c, 0, t, &(struct shape){2, {bins, m.filters}});
    return 0;
}

/* Filter i rises from edge i to edge i + 1 and falls to edge i + 2. The edges are bins of the
 * spectrum, evenly spaced on the mel scale, 2595 log10(1 + f / 700). */
int eval_mel(struct call *c, struct err *err)
{
    struct mel m;
    struct tensor *y = call_out(c, 0);
    TRY(mel_read(c, &m, err));
    double lowest = tensor_get(call_in(c, 3), 0), highest = tensor_get(call_in(c, 4), 0);
    if (!(lowest >= 0 && lowest <= highest && highest <= (double)m.rate / 2))
        return err_set(err, ERR_INPUT,
                       "lower_edge_hertz and upper_edge_hertz are %g and %g, not from 0 to half"
                       " of the sample rate", lowest, highest);
    double from = 2595 * log10(1 + lowest / 700), to = 2595 * log10(1 + highest / 700);
    double step = (to - from) / (double)(m.filters + 2);
    int64_t *edge = NEW_ARRAY(c->scratch, m.filters + 2, int64_t), n = tensor_count(y);
    for (int64_t i = 0; i < m.filters + 2; i++) {
        double hertz = 700 * (pow(10, (from + step * (double)i) / 2595) - 1);
        edge[i] = (int64_t)floor((double)(m.length + 1) * hertz / (double)m.rate);
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t bin = i / m.filters, *e = edge + i % m.filters;
        double v = 0;
        if (bin == e[1])
            v = 1;
        else if (bin >= e[0] && bin < e[1])
            v = (double)(bin - e[0]) / (double)(e[1] - e[0]);
        else if (bin > e[1] && bin < e[2])
            v = (double)(e[2] - bin) / (double)(e[2] - e[1]);
        put(y, i, v);
    }
    return 0;
}
