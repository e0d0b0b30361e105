/* SPDX-License-Identifier: Apache-2.0
 *
 * pairs: the pairs of a row, and what their sums come to.
 */
#include "pairs.h"

#include "quant.h"

#include <math.h>

static const float LIMIT = INT16_MAX;
enum { CODES = UINT8_MAX };

/* Two elements of a row, where those of row 0 are in the weight, and from where to where the codes
 * reach that each is multiplied by. */
struct pair {
    int64_t at[2];
    float lo[2], hi[2], sum; /* the largest sum of both codes */
};
/* The pairs of a row of one group, and how far rows are apart. */
struct pairs {
    struct pair *pair;
    int64_t n, stride;
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
    int64_t element[2] = {i, k};
    struct pair *to = &p->pair[p->n++];
    bool together = i / f->channels == k / f->channels; /* the same element of the filter */
    to->sum = together ? code[i % f->channels].sum : 2 * CODES;
    for (int j = 0; j < 2; j++) {
        int64_t c = element[j] % f->channels, e = element[j] / f->channels;
        to->at[j] = qlayer_weight_at(l, 0, (b * f->channels + c) * f->kernel + e);
        to->lo[j] = code[c].lo;
        to->hi[j] = code[c].hi;
    }
}

/* code: of the channels of the group. */
static struct pairs find_pairs(struct arena *a, const struct qlayer *l, const struct codes *code)
{
    struct row_form f = row_form(l);
    int64_t c = f.channels, all = c * f.kernel, rows = qlayer_channels(l);
    struct pairs p = {NEW_BUFFER(a, f.batch * all + 1, struct pair), 0, 0};
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

/* The largest part of a sum that w can make, upwards or (of -w) downwards. */
static inline float part_of(const struct pair *p, int k, float w)
{
    return w > 0 ? w * p->hi[k] : w * p->lo[k];
}

/* The largest sum upwards: of two weights of one sign, the larger takes its largest code, and what
 * the sum of both leaves is for the other. */
static inline float sum_of(const struct pair *p, float a, float b)
{
    float most = part_of(p, 0, a) + part_of(p, 1, b);
    if (!(a > 0 && b > 0))
        return most;
    float rest = a >= b ? a * p->hi[0] + b * fmaxf(p->sum - p->hi[0], p->lo[1])
                        : b * p->hi[1] + a * fmaxf(p->sum - p->hi[1], p->lo[0]);
    return fminf(most, rest);
}

/* What is left for the sum where both codes are rounded to nearest. */
static inline float room_of(const struct pair *p)
{
    return LIMIT - 0.5f * fminf(p->hi[0] + p->hi[1], p->sum);
}

/* The lowest scale with which the sum of two weights fits. */
static inline float scale_of(const struct pair *p, float a, float b)
{
    return fmaxf(sum_of(p, a, b), sum_of(p, -a, -b)) / room_of(p);
}

static inline float scale_of_row(const struct pair *p, const float *row)
{
    return scale_of(p, row[p->at[0]], row[p->at[1]]);
}

/* n rows from w on. The inner loop is the one whose elements are near each other. */
static void lowest_of_rows(const struct pairs *p, const float *w, int64_t n, float *low)
{
    if (p->stride > p->n)
        for (int64_t o = 0; o < n; o++)
            for (int64_t i = 0; i < p->n; i++)
                low[o] = fmaxf(low[o], scale_of_row(&p->pair[i], w + o * p->stride));
    else
        for (int64_t i = 0; i < p->n; i++)
            for (int64_t o = 0; o < n; o++)
                low[o] = fmaxf(low[o], scale_of_row(&p->pair[i], w + o * p->stride));
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
    for (int64_t o = 0; o < groups * rows; o++)
        low[o] = 0;
    for (int64_t g = 0; g < groups; g++) {
        struct pairs p = find_pairs(&a, l, code + g * c.n / groups);
        lowest_of_rows(&p, w + g * rows * p.stride, rows, low + g * rows);
    }
    arena_release(&a);
    return true;
}

static void mend(const struct pair *p, float code[2])
{
    float room = room_of(p);
    for (float sign = 1; sign >= -1; sign -= 2)
        for (;;) {
            float part[2] = {part_of(p, 0, sign * code[0]), part_of(p, 1, sign * code[1])};
            if (sum_of(p, sign * code[0], sign * code[1]) <= room)
                break;
            code[part[1] > part[0]] -= sign;
        }
}

static void mend_row(const struct pairs *p, float scale, float *row)
{
    for (int64_t i = 0; i < p->n; i++) {
        float *w[2] = {row + p->pair[i].at[0], row + p->pair[i].at[1]};
        float code[2] = {rintf(*w[0] / scale), rintf(*w[1] / scale)}, was[2] = {code[0], code[1]};
        mend(&p->pair[i], code);
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
    for (int64_t g = 0; g < groups; g++) {
        struct pairs p = find_pairs(&a, l, code + g * c.n / groups);
        for (int64_t o = g * rows; o < (g + 1) * rows; o++)
            mend_row(&p, q->scale[q->n == 1 ? 0 : o], w + o * p.stride);
    }
    arena_release(&a);
}

float pairs_lowest_of_row(const float *x, int64_t k, int64_t step)
{
    const struct pair any = {{0, 0}, {0, 0}, {CODES, CODES}, 2 * CODES};
    float low = 0;
    for (int64_t i = 0; i + 1 < k; i += 2)
        low = fmaxf(low, scale_of(&any, x[i * step], x[(i + 1) * step]));
    return low;
}
