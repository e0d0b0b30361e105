/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: one loop for each index, nothing clever.
 */
#include "ref.h"

#include <float.h>
#include <math.h>

uint64_t random_bits(struct random *r)
{
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return r->state;
}

int64_t random_int(struct random *r, int64_t lo, int64_t hi)
{
    return lo + (int64_t)(random_bits(r) >> 11) % (hi - lo + 1);
}

float random_float(struct random *r)
{
    return (float)(random_bits(r) >> 40) / (float)(1 << 23) - 1;
}

void random_fill(struct random *r, float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = random_float(r);
}

static void split(int64_t flat, const int64_t span[CONV_AXES], int64_t at[CONV_AXES])
{
    for (int a = CONV_AXES - 1; a >= 0; a--) {
        at[a] = flat % span[a];
        flat /= span[a];
    }
}

/* Flat position of a tap of the window at flat position `from`, in `to`; -1: outside. */
static int64_t reach(const struct conv_dims *d, int64_t from, const int64_t from_span[CONV_AXES],
                     int64_t tap, const int64_t to_span[CONV_AXES])
{
    int64_t at[CONV_AXES], k[CONV_AXES], flat = 0;
    split(from, from_span, at);
    split(tap, d->kernel, k);
    for (int a = 0; a < CONV_AXES; a++) {
        int64_t p = at[a] * d->stride[a] - d->pad[a] + k[a] * d->dilation[a];
        if (p < 0 || p >= to_span[a])
            return -1;
        flat = flat * to_span[a] + p;
    }
    return flat;
}

/* The input position whose tap falls on output position o in a transposed convolution; -1: none. */
static int64_t source(const struct conv_dims *d, int64_t o, int64_t tap)
{
    int64_t at[CONV_AXES], k[CONV_AXES], flat = 0;
    split(o, d->out, at);
    split(tap, d->kernel, k);
    for (int a = 0; a < CONV_AXES; a++) {
        int64_t p = at[a] + d->pad[a] - k[a] * d->dilation[a];
        if (p < 0 || p % d->stride[a] || p / d->stride[a] >= d->in[a])
            return -1;
        flat = flat * d->in[a] + p / d->stride[a];
    }
    return flat;
}

float ref_limit(const struct tail *t, float y, int64_t channel)
{
    float alpha = t->alpha ? t->alpha[channel] : t->lo;
    switch (t->kind) {
    case TAIL_CLIP: return fminf(fmaxf(y, t->lo), t->hi);
    case TAIL_LEAKY: return y < 0 ? t->lo * y : y;
    case TAIL_SWISH: return y / (1 + expf(-alpha * y));
    case TAIL_HARD_SWISH: return y * fminf(fmaxf(y / 6 + 0.5f, 0), 1);
    case TAIL_GELU: return y / 2 * (1 + erff(y * sqrtf(0.5f)));
    default: return y;
    }
}

/* The sum that output channel m of one sample has at flat output position o. */
static double conv_sum(const struct conv_dims *d, const float *x, const float *w, int64_t m,
                       int64_t o)
{
    int64_t c_group = d->c / d->groups, m_group = d->m / d->groups, taps = conv_taps(d);
    int64_t n_in = conv_in_span(d), first = m / m_group * c_group;
    double sum = 0;
    for (int64_t t = 0; t < taps; t++) {
        int64_t i = d->transposed ? source(d, o, t) : reach(d, o, d->out, t, d->in);
        for (int64_t c = 0; c < c_group && i >= 0; c++) {
            int64_t tap = d->transposed ? (first + c) * m_group + m % m_group : m * c_group + c;
            sum += (double)x[(first + c) * n_in + i] * (double)w[tap * taps + t];
        }
    }
    return sum;
}

void ref_conv(const struct conv_dims *d, const float *x, const float *w, const struct tail *t,
              float *y)
{
    int64_t n_in = conv_in_span(d), n_out = conv_out_span(d);
    for (int64_t b = 0; b < d->batch; b++) {
        for (int64_t m = 0; m < d->m; m++) {
            for (int64_t o = 0; o < n_out; o++) {
                int64_t at = (b * d->m + m) * n_out + o;
                double sum = conv_sum(d, x + b * d->c * n_in, w, m, o);
                sum += t->bias ? (double)t->bias[m] : 0;
                sum += t->add ? (double)t->add[at] : 0;
                y[at] = ref_limit(t, (float)sum, m);
            }
        }
    }
}

void ref_iconv(const struct conv_dims *d, enum dtype tx, const void *x, int32_t x_zero,
               enum dtype tw, const void *w, const int32_t *zero, int64_t step, int32_t *y)
{
    int64_t group = d->c / d->groups, n_in = conv_in_span(d), n_out = conv_out_span(d);
    for (int64_t m = 0; m < d->m; m++) {
        int64_t first = m / (d->m / d->groups) * group;
        for (int64_t o = 0; o < n_out; o++) {
            int64_t sum = 0;
            for (int64_t c = 0; c < group; c++) {
                for (int64_t t = 0; t < conv_taps(d); t++) {
                    int64_t i = reach(d, o, d->out, t, d->in);
                    int64_t tap = dtype_load_int(tw, w, (m * group + c) * conv_taps(d) + t);
                    if (i >= 0)
                        sum += (dtype_load_int(tx, x, (first + c) * n_in + i) - x_zero)
                               * (tap - zero[m * step]);
                }
            }
            y[m * n_out + o] = (int32_t)(uint32_t)sum;
        }
    }
}

void ref_gemm(const struct gemm *g, const float *a, const float *b, float *c)
{
    for (int64_t i = 0; i < g->m; i++) {
        for (int64_t j = 0; j < g->n; j++) {
            double sum = 0;
            for (int64_t k = 0; k < g->k; k++)
                sum += (double)a[g->ta ? k * g->lda + i : i * g->lda + k]
                       * (double)b[g->tb ? j * g->ldb + k : k * g->ldb + j];
            float *y = &c[i * g->ldc + j];
            sum = (double)g->alpha * sum + (g->beta != 0 ? (double)g->beta * (double)*y : 0);
            *y = (float)sum;
        }
    }
}

/* Taps of the window inside the input and its padding. */
static int64_t padded_taps(const struct conv_dims *d, int64_t o)
{
    int64_t at[CONV_AXES], n = 1;
    split(o, d->out, at);
    for (int a = 0; a < CONV_AXES; a++) {
        int64_t inside = 0;
        for (int64_t k = 0; k < d->kernel[a]; k++) {
            int64_t p = at[a] * d->stride[a] - d->pad[a] + k * d->dilation[a];
            inside += p >= -d->pad[a] && p < d->in[a] + d->pad_end[a];
        }
        n *= inside;
    }
    return n;
}

void ref_pool(const struct conv_dims *d, enum ref_pool kind, int p, const float *x, float *y)
{
    int64_t n_in = conv_in_span(d), n_out = conv_out_span(d);
    for (int64_t row = 0; row < d->batch * d->c; row++, x += n_in) {
        for (int64_t o = 0; o < n_out; o++) {
            double sum = 0, top = -(double)FLT_MAX;
            int64_t n = 0;
            for (int64_t t = 0; t < conv_taps(d); t++) {
                int64_t i = reach(d, o, d->out, t, d->in);
                if (i < 0)
                    continue;
                n++;
                top = fmax(top, (double)x[i]);
                sum += kind == REF_LP ? pow(fabs((double)x[i]), p) : (double)x[i];
            }
            if (kind == REF_AVERAGE_PADDED)
                n = padded_taps(d, o);
            *y++ = (float)(kind == REF_MAX  ? top
                           : kind == REF_LP ? pow(sum, 1.0 / p)
                                            : sum / (double)(n ? n : 1));
        }
    }
}

void ref_pool_index(const struct conv_dims *d, bool reverse, const float *x, int64_t *index)
{
    int64_t n_in = conv_in_span(d), n_out = conv_out_span(d);
    for (int64_t row = 0; row < d->batch * d->c; row++) {
        for (int64_t o = 0; o < n_out; o++) {
            int64_t best = -1, at[CONV_AXES];
            for (int64_t t = 0; t < conv_taps(d); t++) {
                int64_t i = reach(d, o, d->out, t, d->in);
                if (i >= 0 && (best < 0 || x[row * n_in + i] > x[row * n_in + best]))
                    best = i;
            }
            if (reverse && best >= 0) {
                split(best, d->in, at);
                best = (at[2] * d->in[1] + at[1]) * d->in[0] + at[0];
            }
            *index++ = row * n_in + best;
        }
    }
}

void ref_transpose(const float *x, int64_t batch, int64_t rows, int64_t columns, float *y)
{
    for (int64_t b = 0; b < batch; b++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                y[(b * columns + j) * rows + i] = x[(b * rows + i) * columns + j];
}

double ref_error(const float *a, const float *b, int64_t n)
{
    double worst = 0, top = 1;
    for (int64_t i = 0; i < n; i++) {
        double e = fabs((double)a[i] - (double)b[i]);
        worst = e > worst || isnan(e) ? e : worst;
        top = fmax(top, fabs((double)b[i]));
    }
    return worst / top;
}
