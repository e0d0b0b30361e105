/* SPDX-License-Identifier: Apache-2.0
 *
 * codes: the arithmetic is that of ONNX Runtime's integer kernels: sums and int32 biases in int32,
 * one multiplication in float32, rounding half to even.
 */
#include "codes.h"

#include "k_sums.h"
#include "ops.h"

#include <math.h>
#include <string.h>

enum {
    BAND_BYTES = 1 << 20, /* of sums, which then are near when they are read */
    Y = CONV_AXES - 2,    /* the axis of rows */
};

/* What is computed at a time: all of the output, or some rows of one sample. */
struct band {
    struct conv_dims dims;
    int64_t in, out, count; /* elements before its input and its output, and of its output */
};

/* Each row of the output reads some row of the input, unless padding is wider than the window. */
static int64_t rows_of_band(const struct conv_dims *d)
{
    int64_t row = d->out[Y + 1] * d->m * (int64_t)sizeof(int32_t);
    int64_t window = (d->kernel[Y] - 1) * d->dilation[Y] + 1;
    if (d->axes != 2 || d->transposed || d->out[Y] * row <= BAND_BYTES || d->pad[Y] >= window
        || d->pad_end[Y] >= window)
        return d->out[Y];
    int64_t rows = row < BAND_BYTES ? BAND_BYTES / row : 1, bands = (d->out[Y] + rows - 1) / rows;
    return (d->out[Y] + bands - 1) / bands;
}

/* Output rows first .. first + rows - 1, as far as there are any, of a sample. */
static void band_at(struct band *b, const struct conv_dims *d, int64_t sample, int64_t first,
                    int64_t rows)
{
    int64_t n = d->out[Y] - first < rows ? d->out[Y] - first : rows;
    int64_t start = first * d->stride[Y] - d->pad[Y];
    int64_t end = start + (n - 1) * d->stride[Y] + (d->kernel[Y] - 1) * d->dilation[Y] + 1;
    memcpy(&b->dims, d, sizeof *d); /* plans are found by bytes */
    b->dims.batch = 1;
    b->dims.out[Y] = n;
    b->dims.pad[Y] = start < 0 ? -start : 0;
    b->dims.pad_end[Y] = end > d->in[Y] ? end - d->in[Y] : 0;
    b->dims.in[Y] = end - start - b->dims.pad[Y] - b->dims.pad_end[Y];
    start = start < 0 ? 0 : start;
    b->in = (sample * d->in[Y] + start) * d->in[Y + 1] * d->c;
    b->out = (sample * d->out[Y] + first) * d->out[Y + 1] * d->m;
    b->count = n * d->out[Y + 1] * d->m;
}

/* What the sums of each output channel are multiplied with. */
static const float *factors(const struct call *c, int64_t channels)
{
    const struct codes *q = c->codes;
    float *factor = NEW_ARRAY(c->scratch, channels, float);
    for (int64_t o = 0; o < channels; o++) {
        factor[o] = q->x->scale[0] * q->w->scale[q->w->n == 1 ? 0 : o];
        if (q->y)
            factor[o] /= q->y->scale[0];
    }
    return factor;
}

/* Output from element `at` on as codes. The tail has nothing but limits. */
static void end_codes(const struct call *c, const struct sums *s, int64_t at)
{
    const struct quant *y = c->codes->y;
    float lo = (float)(quant_min(&y->type) - y->zero[0]);
    float hi = (float)(quant_max(&y->type) - y->zero[0]);
    if (c->tail && c->tail->kind == TAIL_CLIP) {
        lo = fmaxf(lo, c->tail->lo / y->scale[0]);
        hi = fminf(hi, c->tail->hi / y->scale[0]);
    }
    k_sums_codes(s, lo, hi, y->zero[0], (uint8_t *)call_out(c, 0)->data + at);
}

static void end_float(const struct call *c, const struct sums *s, int64_t at, float *real)
{
    struct tail tail = c->tail ? *c->tail : (struct tail){0};
    float *y = tensor_f32(call_out(c, 0)) + at;
    if (call_in(c, 2) && !c->codes->bias)
        tail.bias = tensor_f32(call_in(c, 2));
    if (tail.add)
        tail.add += at;
    k_sums_f32(s, real);
    k_tail(&tail, real, s->rows, s->channels);
    if (real != y)
        memcpy(y, real, (size_t)(s->rows * s->channels) * sizeof *y);
}

/* Where sums go, and what becomes of them: the place of the output, unless that is of another size
 * or holds what the tail adds. */
union sums_at {
    int32_t *sum;
    float *real;
};

static void compute_band(const struct call *c, const struct band *b, const struct conv_weight *w,
                         const float *factor, union sums_at at)
{
    const struct tensor *x = call_in(c, 0); /* elements are bytes */
    struct conv_plan *p = conv_plan_find(c, &b->dims, x->dtype, &(struct tail){0}, w);
    conv_plan_run_codes(p, (const char *)x->data + b->in, c->codes->x->zero[0], w, at.sum,
                        c->scratch);
    conv_plan_leave(c, p);
    struct sums s = {.sum = at.sum, .rows = b->count / b->dims.m, .channels = b->dims.m,
                     .factor = factor, .bias = c->codes->bias ? call_in(c, 2)->data : NULL};
    if (c->codes->y)
        end_codes(c, &s, b->out);
    else
        end_float(c, &s, b->out, at.real);
}

void codes_convolve(const struct call *c, const struct conv_dims *d, bool by_input)
{
    struct conv_weight w = {call_in(c, 1)->data, c->constant & 1u << 1, by_input, c->grid,
                            call_in(c, 1)};
    struct tensor *y = call_out(c, 0);
    const float *factor = factors(c, d->m);
    int64_t rows = rows_of_band(d);
    bool whole = rows == d->out[Y], apart = c->codes->y || (c->tail && c->tail->add == y->data);
    struct band b = {.count = tensor_count(y)};
    if (whole)
        memcpy(&b.dims, d, sizeof *d);
    else
        band_at(&b, d, 0, 0, rows);
    union sums_at room = {apart ? NEW_BUFFER(c->scratch, b.count, int32_t) : y->data};
    if (whole) {
        compute_band(c, &b, &w, factor, room);
        return;
    }
    for (int64_t sample = 0; sample < d->batch; sample++)
        for (int64_t first = 0; first < d->out[Y]; first += rows) {
            band_at(&b, d, sample, first, rows);
            union sums_at at = {apart ? room.sum : room.sum + b.out};
            compute_band(c, &b, &w, factor, at);
        }
}
