/* SPDX-License-Identifier: Apache-2.0
 *
 * k_winograd: the library's code wants blocks of 16 channels, [block][row][column][16]. So a few
 * rows at a time are brought into that order, computed, and brought back while they are in the
 * cache. Rows outside the input are rows of zeros there, which makes all bands alike.
 */
#include "k_winograd.h"

#include "k_simd.h"

#include <math.h>
#include <string.h>

enum {
    BLOCK = 16,
    TAPS = 3,
    TILE = 4,              /* output rows that are computed together */
    BAND_BYTES = 2 << 20, /* of input and output, as far as a tile allows */
    ALIGN = 64,
    LEAST_SPAN = 784, /* of the output: packing the weight costs what five runs on that save */
};

static int64_t blocks(int64_t channels)
{
    return (channels + BLOCK - 1) / BLOCK;
}

static bool is_served(const struct conv_dims *d)
{
    if (d->transposed || d->axes != 2 || d->groups != 1 || d->c < BLOCK
        || conv_out_span(d) < LEAST_SPAN)
        return false;
    for (int a = CONV_AXES - 2; a < CONV_AXES; a++)
        if (d->kernel[a] != TAPS || d->stride[a] != 1 || d->dilation[a] != 1)
            return false;
    return d->pad[CONV_AXES - 1] <= 1 && d->pad_end[CONV_AXES - 1] <= 1
        && d->pad_end[CONV_AXES - 1] >= 0;
}

static int64_t band_rows(const struct conv_dims *d)
{
    int64_t out = d->out[CONV_AXES - 2];
    int64_t row = (blocks(d->c) * d->in[CONV_AXES - 1] + blocks(d->m) * d->out[CONV_AXES - 1])
                * BLOCK * (int64_t)sizeof(float);
    int64_t rows = BAND_BYTES / row > TILE ? BAND_BYTES / row : TILE;
    int64_t bands = (out + rows - 1) / rows;
    rows = ((out + bands - 1) / bands + TILE - 1) / TILE * TILE; /* alike, without a short last */
    return rows < out ? rows : out;
}

static size_t band_in(const struct conv_dims *band)
{
    return (size_t)(blocks(band->c) * conv_in_span(band) * BLOCK);
}

static size_t band_out(const struct conv_dims *band)
{
    return (size_t)(blocks(band->m) * conv_out_span(band) * BLOCK);
}

static size_t aligned(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

bool k_winograd_init(struct k_winograd *p, const struct conv_dims *d, const struct tail *t)
{
    enum { Y = CONV_AXES - 2 };
    if (!is_served(d))
        return false;
    memset(p, 0, sizeof *p);
    memcpy(&p->dims, d, sizeof *d);
    p->dims.batch = 1;
    p->dims.out[Y] = band_rows(d);
    p->dims.in[Y] = p->dims.out[Y] + TAPS - 1;
    p->dims.pad[Y] = p->dims.pad_end[Y] = 0;
    struct tail inner = {.bias = t->bias, .kind = t->kind, .lo = t->lo, .hi = t->hi};
    p->has_relu = !t->add && t->kind == TAIL_CLIP && t->lo == 0 && isinf(t->hi)
               && k_dnnl_winograd_init(&p->band, &p->dims, &inner);
    inner.kind = TAIL_NONE;
    if (!p->has_relu && !k_dnnl_winograd_init(&p->band, &p->dims, &inner))
        return false;
    p->scratch = aligned(p->band.scratch)
               + (band_in(&p->dims) + band_out(&p->dims)) * sizeof(float);
    return true;
}

/* One row: n channels of each pixel, the first of c, to a block. */
K_CLONES static void row_to_block(const float *restrict x, int64_t c, int64_t n, int64_t pixels,
                                  float *restrict y)
{
    if (n == BLOCK) {
        for (int64_t i = 0; i < pixels; i++)
            memcpy(y + i * BLOCK, x + i * c, BLOCK * sizeof *y);
        return;
    }
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t k = 0; k < BLOCK; k++)
            y[i * BLOCK + k] = k < n ? x[i * c + k] : 0;
}

/* Rows from `first` on, as many as a band has. */
static void gather(const struct k_winograd *p, const struct conv_dims *d, const float *x,
                   int64_t first, float *y)
{
    int64_t columns = d->in[CONV_AXES - 1], rows = p->dims.in[CONV_AXES - 2];
    for (int64_t c = 0; c < d->c; c += BLOCK) {
        int64_t n = d->c - c < BLOCK ? d->c - c : BLOCK;
        for (int64_t r = first; r < first + rows; r++, y += columns * BLOCK) {
            if (r < 0 || r >= d->in[CONV_AXES - 2])
                memset(y, 0, sizeof *y * (size_t)(columns * BLOCK));
            else
                row_to_block(x + r * columns * d->c + c, d->c, n, columns, y);
        }
    }
}

/* One row back, maybe added to what is there already or elsewhere. */
K_CLONES static void block_to_row(const float *restrict x, const float *add, int64_t m, int64_t n,
                                  int64_t pixels, float *y)
{
    for (int64_t i = 0; i < pixels; i++, x += BLOCK, y += m) {
        if (n == BLOCK && !add)
            memcpy(y, x, BLOCK * sizeof *y);
        else if (!add)
            for (int64_t k = 0; k < n; k++)
                y[k] = x[k];
        else
            for (int64_t k = 0; k < n; k++)
                y[k] = x[k] + add[i * m + k];
    }
}

/* The first `rows` of a band, from output row `first` of a sample on. */
static void spread(const struct k_winograd *p, const struct tail *t, const float *x, int64_t rows,
                   int64_t at, float *y)
{
    int64_t m = p->dims.m, columns = p->dims.out[CONV_AXES - 1];
    int64_t block = columns * p->dims.out[CONV_AXES - 2] * BLOCK;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < m; k += BLOCK) {
            int64_t n = m - k < BLOCK ? m - k : BLOCK, to = at + r * columns * m + k;
            block_to_row(x + k / BLOCK * block + r * columns * BLOCK, t->add ? t->add + to : NULL,
                         m, n, columns, y + to);
        }
    struct tail rest = {.alpha = t->alpha, .kind = t->kind, .lo = t->lo, .hi = t->hi};
    if (!p->has_relu && t->kind != TAIL_NONE)
        k_tail(&rest, y + at, rows * columns, m);
}

void k_winograd_run(const struct k_winograd *p, const struct conv_dims *d, const float *x,
                    const void *packed, const struct tail *t, float *y, void *scratch)
{
    int64_t n_in = conv_in_span(d) * d->c, row = d->out[CONV_AXES - 1] * d->m;
    int64_t out = d->out[CONV_AXES - 2], rows = p->dims.out[CONV_AXES - 2];
    float *from = (float *)((char *)scratch + aligned(p->band.scratch));
    float *to = from + band_in(&p->dims);
    struct tail bias = {.bias = t->bias};
    for (int64_t b = 0; b < d->batch; b++, x += n_in) {
        for (int64_t first = 0; first < out; first += rows) {
            int64_t n = out - first < rows ? out - first : rows;
            gather(p, d, x, first - d->pad[CONV_AXES - 2], from);
            k_dnnl_conv_run(&p->band, from, packed, &bias, to, scratch);
            spread(p, t, to, n, (b * out + first) * row, y);
        }
    }
}
