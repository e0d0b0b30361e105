/* SPDX-License-Identifier: Apache-2.0
 *
 * op_fourier: DFT and STFT. Whatever the element type, transforms are computed in double, several
 * at a time. The last axis holds real parts and maybe imaginary ones; results have both, but for
 * DFT's inverse of half a spectrum, which is real.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_fft.h"
#include "real.h"

#include <inttypes.h>
#include <string.h>

enum { ROWS = 16 }; /* transforms at a time */

/* Room for ROWS transforms of n numbers. */
struct bench {
    struct k_fft fft;
    double *re, *im, *scratch;
};

static void bench_open(const struct call *c, int64_t n, struct bench *b)
{
    b->scratch = NEW_ARRAY(c->scratch, k_fft_scratch(n, ROWS), double);
    b->re = NEW_ARRAY(c->scratch, 2 * n * ROWS, double);
    b->im = b->re + n * ROWS;
    k_fft_init(&b->fft, n, NEW_ARRAY(c->scratch, k_fft_table(n), double), b->scratch);
}

/* An output while it is computed, and its way to the output. */
static double *result(const struct call *c)
{
    const struct tensor *y = call_out(c, 0);
    return y->dtype == DTYPE_F64 ? y->data : NEW_ARRAY(c->scratch, tensor_count(y), double);
}
static void store(const struct call *c, const double *y)
{
    const struct tensor *t = call_out(c, 0);
    if (t->dtype != DTYPE_F64)
        k_store_f64(t->dtype, t->data, 0, tensor_count(t), y);
}

static const double *load(const struct call *c, int slot)
{
    const struct tensor *t = call_in(c, slot);
    if (!t || t->dtype == DTYPE_F64)
        return t ? t->data : NULL;
    int64_t n = tensor_count(t);
    double *x = NEW_ARRAY(c->scratch, n, double);
    k_load_f64(t->dtype, t->data, 0, 1, n, x);
    return x;
}

/* Real (1) or complex (2) numbers on the last axis; 0: not known; -1 with a text: neither. */
static int parts_of(const struct shape *x, struct err *err)
{
    int64_t dim = x->rank > 0 ? x->dim[x->rank - 1] : -1;
    if (x->rank >= 0 && x->rank < 2)
        return err_set(err, ERR_INPUT, "the input must have rank 2 or more, not %d", x->rank);
    if (dim >= 0 && dim != 1 && dim != 2)
        return err_set(err, ERR_INPUT, "the last axis must have 1 or 2 elements, not %" PRId64,
                       dim);
    return dim < 0 ? 0 : (int)dim;
}

struct dft {
    bool inverse, onesided;
    int axis;       /* -1: not known */
    int parts;      /* of the input; 0: not known */
    int64_t n;      /* length; -1: not known */
    int64_t bins;   /* results along the axis; -1: not known */
};

/* Up to opset 19 the axis is an attribute and 1 unless given, then an input and -2 unless given. */
static int dft_read(const struct call *c, struct dft *d, struct err *err)
{
    const struct shape *x = &call_in(c, 0)->shape;
    bool old = c->opset < 20, axis_known, n_known;
    int64_t axis;
    *d = (struct dft){.inverse = node_int(c->node, "inverse", 0) != 0, .axis = -1, .n = -1,
                      .onesided = node_int(c->node, "onesided", 0) != 0, .bins = -1};
    TRY(call_int(c, old ? -1 : 2, old ? "axis" : NULL, old ? 1 : -2, &axis, &axis_known, err));
    TRY(call_int(c, 1, NULL, -1, &d->n, &n_known, err));
    if ((d->parts = parts_of(x, err)) < 0)
        return -1;
    if (d->inverse && d->onesided && d->parts == 1)
        return err_set(err, ERR_INPUT, "inverse with onesided needs a complex input");
    if (x->rank >= 0 && axis_known) {
        if ((d->axis = axis_check(axis, x->rank, err)) < 0)
            return -1;
        if (d->axis == x->rank - 1)
            return err_set(err, ERR_INPUT, "axis %" PRId64 " holds the parts of the numbers", axis);
    }
    if (!call_in(c, 1)) {
        d->n = d->axis < 0 ? -1 : x->dim[d->axis];
        if (d->n >= 0 && d->inverse && d->onesided)
            d->n = 2 * (d->n - 1);
        n_known = d->n != -1;
    }
    if (!n_known)
        d->n = -1;
    else if (d->n < 1)
        return err_set(err, ERR_INPUT, "a transform of length %" PRId64, d->n);
    d->bins = d->n >= 0 && d->onesided && !d->inverse ? d->n / 2 + 1 : d->n;
    return 0;
}

int infer_dft(struct call *c, struct err *err)
{
    struct dft d;
    TRY(real_check(c, 0, err));
    TRY(dft_read(c, &d, err));
    struct shape s = call_in(c, 0)->shape;
    for (int i = 0; i < s.rank; i++)
        if (i == d.axis || d.axis < 0)
            s.dim[i] = i == d.axis ? d.bins : -1;
    if (s.rank > 0)
        s.dim[s.rank - 1] = d.inverse && d.onesided ? 1 : 2;
    call_set(c, 0, call_in(c, 0)->dtype, &s);
    return 0;
}

/* Reads `rows` transforms; at[r] is where each begins and `stride` where it goes on, in numbers. */
static void dft_load(const struct dft *d, int64_t dim, const double *x, const int64_t *at,
                     int64_t stride, int64_t rows, const struct bench *b)
{
    bool half = d->inverse && d->onesided;
    int64_t n = half ? d->n / 2 + 1 : d->n;
    memset(b->re, 0, (size_t)(d->n * rows) * sizeof *b->re);
    memset(b->im, 0, (size_t)(d->n * rows) * sizeof *b->im);
    for (int64_t k = 0; k < n && k < dim; k++) {
        bool real = d->parts == 1 || (half && (k == 0 || 2 * k == d->n));
        int64_t mirror = half && k > 0 ? d->n - k : k;
        for (int64_t r = 0; r < rows; r++) {
            const double *from = x + (at[r] + k * stride) * d->parts;
            b->re[k * rows + r] = b->re[mirror * rows + r] = from[0];
            if (real)
                continue;
            b->im[k * rows + r] = from[1];
            if (mirror != k)
                b->im[mirror * rows + r] = -from[1];
        }
    }
}

static void dft_store(const struct dft *d, double *y, const int64_t *at, int64_t stride,
                      int64_t rows, const struct bench *b)
{
    double factor = d->inverse ? 1 / (double)d->n : 1;
    bool complex = !(d->inverse && d->onesided);
    int64_t parts = complex ? 2 : 1;
    for (int64_t k = 0; k < d->bins; k++)
        for (int64_t r = 0; r < rows; r++) {
            double *to = y + (at[r] + k * stride) * parts;
            to[0] = b->re[k * rows + r] * factor;
            if (complex)
                to[1] = b->im[k * rows + r] * factor;
        }
}

int eval_dft(struct call *c, struct err *err)
{
    struct dft d;
    struct bench b;
    int64_t from[ROWS], to[ROWS];
    TRY(dft_read(c, &d, err));
    const struct shape *x = &call_in(c, 0)->shape;
    int64_t dim = x->dim[d.axis], inner = shape_span(x, d.axis + 1, x->rank - 1);
    int64_t lines = shape_span(x, 0, d.axis) * inner;
    const double *in = load(c, 0);
    double *y = result(c);
    bench_open(c, d.n, &b);
    for (int64_t i = 0; i < lines; i += ROWS) {
        int64_t rows = lines - i < ROWS ? lines - i : ROWS;
        for (int64_t r = 0; r < rows; r++) {
            int64_t outer = (i + r) / inner, column = (i + r) % inner;
            from[r] = outer * dim * inner + column;
            to[r] = outer * d.bins * inner + column;
        }
        dft_load(&d, dim, in, from, inner, rows, &b);
        k_fft(&b.fft, rows, d.inverse ? b.im : b.re, d.inverse ? b.re : b.im, b.scratch);
        dft_store(&d, y, to, inner, rows, &b);
    }
    store(c, y);
    return 0;
}

struct stft {
    int parts;            /* of the signal; 0: not known */
    int64_t n, step;      /* length of a frame and from one to the next; -1: not known */
    int64_t frames, bins; /* -1: not known */
};

/* The length of a frame, from input 3, the window or the signal; they must agree. */
static int stft_length(const struct call *c, int64_t *n, struct err *err)
{
    const struct shape *x = &call_in(c, 0)->shape;
    const struct tensor *window = call_in(c, 2);
    bool known;
    TRY(call_int(c, 3, NULL, -1, n, &known, err));
    if (!known)
        *n = -1;
    else if (call_in(c, 3) && *n < 1)
        return err_set(err, ERR_INPUT, "frames of length %" PRId64, *n);
    if (window && window->shape.rank >= 0 && window->shape.rank != 1)
        return err_set(err, ERR_INPUT, "the window must have rank 1, not %d", window->shape.rank);
    int64_t size = window && window->shape.rank == 1 ? window->shape.dim[0] : -1;
    if (*n >= 0 && size >= 0 && *n != size)
        return err_set(err, ERR_INPUT, "a window of %" PRId64 " for frames of %" PRId64, size, *n);
    if (*n < 0)
        *n = size;
    if (!window && !call_in(c, 3) && x->rank >= 2)
        *n = x->dim[1];
    return 0;
}

static int stft_read(const struct call *c, struct stft *s, struct err *err)
{
    const struct shape *x = &call_in(c, 0)->shape;
    bool onesided = node_int(c->node, "onesided", 1) != 0, known;
    *s = (struct stft){.frames = -1};
    if (x->rank >= 0 && x->rank != 2 && x->rank != 3)
        return err_set(err, ERR_INPUT, "the signal must have rank 3, not %d", x->rank);
    s->parts = x->rank == 2 ? 1 : parts_of(x, err);
    if (s->parts < 0)
        return -1;
    TRY(call_int(c, 1, NULL, -1, &s->step, &known, err));
    if (known && s->step < 1)
        return err_set(err, ERR_INPUT, "frame_step is %" PRId64, s->step);
    TRY(stft_length(c, &s->n, err));
    if (s->n == 0)
        return err_set(err, ERR_INPUT, "frames of length 0");
    int64_t length = x->rank >= 2 ? x->dim[1] : -1;
    if (length >= 0 && s->n > length)
        return err_set(err, ERR_INPUT, "frames of %" PRId64 " in a signal of %" PRId64, s->n,
                       length);
    if (known && length >= 0 && s->n > 0)
        s->frames = (length - s->n) / s->step + 1;
    s->bins = onesided && s->n > 0 ? s->n / 2 + 1 : s->n;
    return 0;
}

int infer_stft(struct call *c, struct err *err)
{
    const struct shape *x = &call_in(c, 0)->shape;
    struct stft s;
    TRY(real_check(c, 0, err));
    TRY(call_same_dtype(c, 0, 2, err));
    TRY(stft_read(c, &s, err));
    call_set(c, 0, call_in(c, 0)->dtype,
             &(struct shape){4, {x->rank >= 0 ? x->dim[0] : -1, s.frames, s.bins, 2}});
    return 0;
}

int eval_stft(struct call *c, struct err *err)
{
    struct stft s;
    struct bench b;
    TRY(stft_read(c, &s, err));
    const struct shape *shape = &call_in(c, 0)->shape;
    const double *x = load(c, 0), *window = load(c, 2);
    double *result_of = result(c), *y = result_of;
    int64_t length = shape->dim[1], all = shape->dim[0] * s.frames;
    bench_open(c, s.n, &b);
    for (int64_t i = 0; i < all; i += ROWS) {
        int64_t rows = all - i < ROWS ? all - i : ROWS;
        for (int64_t r = 0; r < rows; r++) {
            int64_t at = (i + r) / s.frames * length + (i + r) % s.frames * s.step;
            for (int64_t k = 0; k < s.n; k++) {
                const double *from = x + (at + k) * s.parts;
                double w = window ? window[k] : 1;
                b.re[k * rows + r] = w * from[0];
                b.im[k * rows + r] = s.parts == 2 ? w * from[1] : 0;
            }
        }
        k_fft(&b.fft, rows, b.re, b.im, b.scratch);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = 0; k < s.bins; k++) {
                *y++ = b.re[k * rows + r];
                *y++ = b.im[k * rows + r];
            }
    }
    store(c, result_of);
    return 0;
}
