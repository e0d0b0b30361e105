/* SPDX-License-Identifier: Apache-2.0
 *
 * pairs: the pairs of a row, and what their sums come to.
 */
#include "pairs.h"

#include "k_pairs.h"
#include "quant.h"

#include <math.h>

static const float LIMIT = INT16_MAX;
enum { CODES = UINT8_MAX };

/* The pairs of a row of one group: where both elements of row 0 are in the weight, what they are
 * multiplied by, and how far rows are apart. */
struct pairs {
    struct k_pairs code;
    int64_t *at[2], n, stride;
};

/* How the elements of a row are counted: [batch][channels of a group][kernel]. */
struct row_form {
    int64_t batch, channels, kernel;
};

static struct row_form row_form(const struct qlayer *l)
{
    const struct shape *s = &qlayer_weight(l)->constant->shape;
    int64_t k = qlayer_row_length(l);
    if (l->node->op == OP_Conv)
        return (struct row_form){1, s->dim[1], k / s->dim[1]};
    if (l->node->op == OP_ConvTranspose)
        return (struct row_form){1, s->dim[0], k / s->dim[0]};
    if (l->node->op == OP_MatMul)
        return (struct row_form){k / s->dim[s->rank - 2], s->dim[s->rank - 2], 1};
    return (struct row_form){1, k, 1};
}

struct channels pairs_channels(const struct qlayer *l)
{
    const struct channels none = {0, 0};
    const struct quant *w = qlayer_weight(l)->quant, *x = l->input->quant;
    if (!w->type.short_sums || !w->type.symmetric || !qlayer_reads_codes(l) || !l->weight_slot
        || qtype_is_float(&x->type) || dtype_info(x->type.dtype)->bits != 8)
        return none;
    struct row_form f = row_form(l);
    int64_t groups = qlayer_groups(l);
    if (x->type.dynamic && l->node->op == OP_Conv)
        return none; /* ConvInteger adds in 32 bits */
    if (f.channels == 1 && (qlayer_channels(l) == groups || f.kernel == 1))
        return none; /* depthwise, or products that have no neighbour */
    bool last = l->node->op == OP_MatMul || l->node->op == OP_Gemm;
    int rank = l->input->type.shape.rank;
    return (struct channels){!last ? 1 : rank > 0 ? rank - 1 : -1, groups * f.channels};
}

/* What codes of a channel may be, and the sum with one of the next channel. */
struct codes {
    float lo, hi, sum;
};

/* As VPMADDUBSW reads it: from 0 up. */
static float code_of(const struct quant *x, float v)
{
    int64_t min = quant_min(&x->type), max = quant_max(&x->type);
    double code = rint((double)v / (double)x->scale[0]) + x->zero[0];
    code = fmin(fmax(code, (double)min), (double)max);
    return (float)(code - (double)dtype_info(x->type.dtype)->min);
}

/* Elements i and k of a row of batch b, counted with channels last. */
static void add_pair(struct pairs *p, const struct qlayer *l, const struct row_form *f, int64_t b,
                     int64_t i, int64_t k, const struct codes *code)
{
    int64_t element[2] = {i, k}, n = p->n++;
    bool together = i / f->channels == k / f->channels; /* the same element of the filter */
    p->code.sum[n] = together ? code[i % f->channels].sum : 2 * CODES;
    for (int j = 0; j < 2; j++) {
        int64_t c = element[j] % f->channels, e = element[j] / f->channels;
        p->at[j][n] = qlayer_weight_at(l, 0, (b * f->channels + c) * f->kernel + e);
        p->code.lo[j][n] = code[c].lo;
        p->code.hi[j][n] = code[c].hi;
    }
}

static struct pairs new_pairs(struct arena *a, int64_t most)
{
    struct pairs p = {.n = 0};
    p.code.sum = NEW_BUFFER(a, most, float);
    for (int j = 0; j < 2; j++) {
        p.at[j] = NEW_BUFFER(a, most, int64_t);
        p.code.lo[j] = NEW_BUFFER(a, most, float);
        p.code.hi[j] = NEW_BUFFER(a, most, float);
    }
    return p;
}

/* code: of the channels of the group. */
static struct pairs find_pairs(struct arena *a, const struct qlayer *l, const struct codes *code)
{
    struct row_form f = row_form(l);
    int64_t c = f.channels, all = c * f.kernel, rows = qlayer_channels(l);
    struct pairs p = new_pairs(a, f.batch * all + 1);
    if (rows > 1)
        p.stride = qlayer_weight_at(l, 1, 0) - qlayer_weight_at(l, 0, 0);
    for (int64_t b = 0; b < f.batch; b++) {
        for (int64_t e = 0; e < all; e += c)
            for (int64_t i = 0; i + 1 < c; i += 2)
                add_pair(&p, l, &f, b, e + i, e + i + 1, code);
        for (int64_t i = 0; c % 2 && f.kernel > 1 && i + 1 < all; i += 2)
            add_pair(&p, l, &f, b, i, i + 1, code);
    }
    return p;
}

/* Codes are rounded, each of the two by half a step at most. */
static float sum_of_codes(const struct quant *x, float sum)
{
    double zero = (double)x->zero[0] - (double)dtype_info(x->type.dtype)->min;
    return (float)fmin((double)sum / (double)x->scale[0] + 2 * zero + 1, 2 * CODES);
}

static struct codes *find_codes(struct arena *a, const struct qlayer *l, int64_t channels)
{
    const struct quant *x = l->input->quant, *w = qlayer_weight(l)->quant;
    struct codes *code = NEW_ARRAY(a, channels, struct codes);
    for (int64_t c = 0; c < channels; c++) {
        code[c] = (struct codes){0, CODES, 2 * CODES};
        if (w->seen && !x->type.dynamic) {
            const struct seen_channel *s = &w->seen[c];
            code[c] = (struct codes){code_of(x, s->range.lo), code_of(x, s->range.hi),
                                     sum_of_codes(x, s->sum)};
        }
    }
    return code;
}

/* Some pairs of some rows. */
enum { ROWS = 16, PIECE = 256 };
struct piece {
    float w[2][ROWS][PIECE];
};

/* The inner loop is the one whose elements are near each other. */
static void gather(struct piece *to, const struct pairs *p, const float *w, int64_t rows,
                   int64_t from, int64_t n)
{
    for (int j = 0; j < 2; j++) {
        const int64_t *at = p->at[j] + from;
        if (p->stride > p->n)
            for (int64_t o = 0; o < rows; o++)
                for (int64_t i = 0; i < n; i++)
                    to->w[j][o][i] = w[o * p->stride + at[i]];
        else
            for (int64_t i = 0; i < n; i++)
                for (int64_t o = 0; o < rows; o++)
                    to->w[j][o][i] = w[o * p->stride + at[i]];
    }
}

/* n rows from w on. */
static void lowest_of_rows(const struct pairs *p, const float *w, int64_t n, float *low)
{
    struct piece piece;
    for (int64_t o = 0; o < n; o++)
        low[o] = 0;
    for (int64_t o = 0; o < n; o += ROWS)
        for (int64_t i = 0; i < p->n; i += PIECE) {
            int64_t rows = n - o < ROWS ? n - o : ROWS, k = p->n - i < PIECE ? p->n - i : PIECE;
            gather(&piece, p, w + o * p->stride, rows, i, k);
            for (int64_t r = 0; r < rows; r++) {
                float *to = &low[o + r];
                *to = fmaxf(*to, k_pairs_lowest_scale(&p->code, i, k, piece.w[0][r],
                                                      piece.w[1][r], LIMIT));
            }
        }
}

bool pairs_lowest_scales(const struct qlayer *l, float *low)
{
    struct channels c = pairs_channels(l);
    if (!c.n)
        return false;
    struct arena a = {0};
    int64_t groups = qlayer_groups(l), rows = qlayer_channels(l) / groups;
    const struct codes *code = find_codes(&a, l, c.n);
    const float *w = tensor_f32(qlayer_weight(l)->constant);
    for (int64_t g = 0; g < groups; g++) {
        struct pairs p = find_pairs(&a, l, code + g * c.n / groups);
        lowest_of_rows(&p, w + g * rows * p.stride, rows, low + g * rows);
    }
    arena_release(&a);
    return true;
}

static void mend(const struct k_pairs *p, int64_t i, float code[2])
{
    float room = k_pair_room(p, i, LIMIT);
    for (float sign = 1; sign >= -1; sign -= 2)
        while (k_pair_sum(p, i, sign * code[0], sign * code[1]) > room) {
            float part[2];
            for (int j = 0; j < 2; j++)
                part[j] = k_pair_part(p, i, j, sign * code[j]);
            code[part[1] > part[0]] -= sign;
        }
}

static void mend_row(const struct pairs *p, float scale, float *row)
{
    for (int64_t i = 0; i < p->n; i++) {
        float *w[2] = {row + p->at[0][i], row + p->at[1][i]};
        float code[2] = {rintf(*w[0] / scale), rintf(*w[1] / scale)}, was[2] = {code[0], code[1]};
        mend(&p->code, i, code);
        for (int k = 0; k < 2; k++)
            if (code[k] != was[k])
                *w[k] = code[k] * scale;
    }
}

void pairs_mend(const struct qlayer *l, float *w)
{
    struct channels c = pairs_channels(l);
    if (!c.n)
        return;
    struct arena a = {0};
    const struct quant *q = qlayer_weight(l)->quant;
    int64_t groups = qlayer_groups(l), rows = qlayer_channels(l) / groups;
    const struct codes *code = find_codes(&a, l, c.n);
    float *low = NEW_BUFFER(&a, rows, float);
    for (int64_t g = 0; g < groups; g++) {
        struct pairs p = find_pairs(&a, l, code + g * c.n / groups);
        float *from = w + g * rows * p.stride;
        lowest_of_rows(&p, from, rows, low);
        for (int64_t o = 0; o < rows; o++) {
            float scale = q->scale[q->n == 1 ? 0 : g * rows + o];
            if (low[o] > scale * 0.999f) /* else they fit, with more room than they need */
                mend_row(&p, scale, from + o * p.stride);
        }
    }
    arena_release(&a);
}

float pairs_lowest_of_row(const float *x, int64_t k, int64_t step)
{
    float least = 0, most = CODES, sum = 2 * CODES, low = 0;
    const struct k_pairs any = {{&least, &least}, {&most, &most}, &sum};
    for (int64_t i = 0; i + 1 < k; i += 2)
        low = fmaxf(low, k_pairs_lowest_scale(&any, 0, 1, &x[i * step], &x[(i + 1) * step], LIMIT));
    return low;
}
