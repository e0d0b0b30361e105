/* SPDX-License-Identifier: Apache-2.0
 *
 * k_winograd: a tile of 6x6 inputs becomes 36 numbers for each channel, those meet the weights'
 * numbers in 36 matrix products over tiles and channels, and what comes out becomes 4x4 outputs.
 * Tiles go through in blocks that stay in the cache. The products are to oneDNN a convolution of
 * one tap with 36 groups.
 *
 * On the way in the rows of a row of tiles are combined first, whole lines at once, and then the
 * columns of each tile, whose channels are neighbours; on the way out it is the other way round.
 */
#include "k_winograd.h"

#include "arena.h"
#include "k_simd.h"

#include <string.h>

enum {
    Y = CONV_AXES - 2,
    X = CONV_AXES - 1,
    TAPS = 3,
    IN = 6,  /* rows and columns of a tile */
    OUT = 4, /* of its outputs */
    POINTS = IN * IN,
    BLOCK_BYTES = 1 << 20, /* of a block of tiles, as far as LEAST allows */
    LEAST = 24,
    MOST = 96,
    ALIGN = 64,
    LINE = ALIGN / sizeof(float),
};

/* Measured with oneDNN 2.6.3 on Sapphire Rapids: half of the direct code's time with 64 channels
 * and more, as much with 32. Packing the weight costs what three runs save on the least span; and
 * the weight, four times as large, must stay in the cache. */
static bool pays(const struct conv_dims *d)
{
    enum { SPAN = 784, CHANNELS = 16, LEAST_WEIGHT = 24 * 48, MOST_WEIGHT = 256 * 512 };
    int64_t weight = d->c * d->m;
    return conv_out_span(d) >= SPAN && d->c >= CHANNELS && d->m >= CHANNELS
        && weight >= LEAST_WEIGHT && weight <= MOST_WEIGHT;
}

static bool is_served(const struct conv_dims *d)
{
    if (d->transposed || d->axes != 2 || d->groups != 1 || !pays(d))
        return false;
    for (int a = Y; a <= X; a++)
        if (d->kernel[a] != TAPS || d->stride[a] != 1 || d->dilation[a] != 1
            || d->pad[a] >= TAPS || d->pad_end[a] >= TAPS)
            return false;
    return true;
}

static int64_t tiles(const struct conv_dims *d, int axis)
{
    return (d->out[axis] + OUT - 1) / OUT;
}

static int64_t aligned(int64_t n)
{
    return (n + LINE - 1) / LINE * LINE;
}

/* Of the rows of a row of tiles. */
static int64_t in_step(const struct k_winograd *p, const struct conv_dims *d)
{
    return aligned((p->across * OUT + TAPS - 1) * d->c);
}

static int64_t out_step(const struct k_winograd *p, const struct conv_dims *d)
{
    return aligned(p->across * OUT * d->m);
}

static int64_t in_size(const struct k_winograd *p, const struct conv_dims *d)
{
    return aligned(p->down * p->across * POINTS * d->c);
}

static int64_t out_size(const struct k_winograd *p, const struct conv_dims *d)
{
    return aligned(p->down * p->across * POINTS * d->m);
}

/* n in as few equal pieces of at most `most` as there can be. */
static int64_t piece(int64_t n, int64_t most)
{
    int64_t pieces = (n + most - 1) / most;
    return (n + pieces - 1) / pieces;
}

bool k_winograd_init(struct k_winograd *p, const struct conv_dims *d)
{
    if (!is_served(d))
        return false;
    int64_t most = BLOCK_BYTES / ((int64_t)sizeof(float) * POINTS * (d->c + d->m));
    most = most < LEAST ? LEAST : most > MOST ? MOST : most;
    p->across = piece(tiles(d, X), most);
    p->down = piece(tiles(d, Y), most / p->across);
    p->products = conv_dims_product(p->down * p->across, POINTS * d->c, POINTS * d->m);
    p->products.groups = POINTS;
    if (!k_dnnl_conv_init(&p->code, &p->products, &(struct tail){0}))
        return false;
    p->scratch = p->code.scratch / ALIGN * ALIGN + ALIGN
               + sizeof(float) * (size_t)(in_size(p, d) + out_size(p, d) + (IN + 1) * in_step(p, d)
                                          + (IN + OUT) * out_step(p, d));
    return true;
}

void k_winograd_release(struct k_winograd *p)
{
    k_dnnl_conv_release(&p->code);
}

/* Polynomials are evaluated at 0, +-5/8, +-3/2 and infinity: exact in binary, and of less error
 * than 0, +-1, +-2 (B. Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd
 * Convolution for Deep Neural Networks", arXiv:1803.10986). The points p1 and p2, their squares
 * with the sum and the product of those, and their cubes: */
static const float p1 = 0.625f, p2 = 1.5f, sq1 = 0.390625f, sq2 = 2.25f, sum = 2.640625f,
                   product = 0.87890625f, cube1 = 0.244140625f, cube2 = 3.375f;

/* Three lines of n numbers to six. */
K_INLINE void transform_taps(const float *x, int64_t step, int64_t n, float *y, int64_t to)
{
    const float *x0 = x, *x1 = x + step, *x2 = x + 2 * step;
    const float norm1 = 2 * sq1 * (sq1 - sq2), norm2 = 2 * sq2 * (sq2 - sq1);
    K_NO_CARRY
    for (int64_t k = 0; k < n; k++) {
        float even1 = (x0[k] + sq1 * x2[k]) / norm1, odd1 = p1 * x1[k] / norm1;
        float even2 = (x0[k] + sq2 * x2[k]) / norm2, odd2 = p2 * x1[k] / norm2;
        y[k] = x0[k] / product;
        y[to + k] = even1 + odd1;
        y[2 * to + k] = even1 - odd1;
        y[3 * to + k] = even2 + odd2;
        y[4 * to + k] = even2 - odd2;
        y[5 * to + k] = x2[k];
    }
}

/* An output channel's taps, of which there is room for a copy, to its points, which are `step`
 * apart. */
K_CLONES static void transform_row(const float *w, int64_t c, float *room, float *points,
                                   int64_t step)
{
    float *taps = room, *half = room + TAPS * TAPS * c; /* [TAPS][TAPS][c], [IN][TAPS][c] */
    for (int64_t k = 0; k < c; k++)
        for (int i = 0; i < TAPS * TAPS; i++)
            taps[i * c + k] = w[k * TAPS * TAPS + i];
    transform_taps(taps, TAPS * c, TAPS * c, half, TAPS * c);
    for (int i = 0; i < IN; i++)
        transform_taps(half + i * TAPS * c, c, c, points + i * IN * step, step);
}

void k_winograd_pack(const struct k_winograd *p, const struct conv_dims *d, const float *w,
                     void *packed)
{
    int64_t n = d->m * d->c; /* of a point, [m][c] */
    float *points = mem_alloc((size_t)(POINTS * n) * sizeof *points);
    float *room = mem_alloc((size_t)((TAPS + IN) * TAPS * d->c) * sizeof *room);
    for (int64_t m = 0; m < d->m; m++)
        transform_row(w + m * d->c * TAPS * TAPS, d->c, room, points + m * d->c, n);
    mem_free(room);
    k_dnnl_conv_pack(&p->code, &p->products, points, packed);
    mem_free(points);
}

/* Six lines of n numbers to six. */
K_INLINE void transform_in(const float *const x[IN], int64_t n, float *y, int64_t step)
{
    const float *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3], *x4 = x[4], *x5 = x[5];
    K_NO_CARRY
    for (int64_t k = 0; k < n; k++) {
        float even1 = x4[k] - sq2 * x2[k], odd1 = p1 * (x3[k] - sq2 * x1[k]);
        float even2 = x4[k] - sq1 * x2[k], odd2 = p2 * (x3[k] - sq1 * x1[k]);
        y[k] = product * x0[k] - sum * x2[k] + x4[k];
        y[step + k] = even1 + odd1;
        y[2 * step + k] = even1 - odd1;
        y[3 * step + k] = even2 + odd2;
        y[4 * step + k] = even2 - odd2;
        y[5 * step + k] = product * x1[k] - sum * x3[k] + x5[k];
    }
}

/* Six to four. */
K_INLINE void transform_out(const float *x, int64_t step, int64_t n, float *const y[OUT])
{
    float *y0 = y[0], *y1 = y[1], *y2 = y[2], *y3 = y[3];
    K_NO_CARRY
    for (int64_t k = 0; k < n; k++) {
        float x1 = x[step + k], x2 = x[2 * step + k], x3 = x[3 * step + k], x4 = x[4 * step + k];
        float even1 = x1 + x2, odd1 = x1 - x2, even2 = x3 + x4, odd2 = x3 - x4;
        y0[k] = x[k] + even1 + even2;
        y1[k] = p1 * odd1 + p2 * odd2;
        y2[k] = sq1 * even1 + sq2 * even2;
        y3[k] = cube1 * odd1 + cube2 * odd2 + x[5 * step + k];
    }
}

K_CLONES static void rows_in(const float *const x[IN], int64_t n, float *y, int64_t step)
{
    transform_in(x, n, y, step);
}

/* One line of a row of tiles, c channels, to six of the points. */
K_CLONES static void columns_in(const float *x, int64_t tiles, int64_t c, float *y)
{
    for (int64_t t = 0; t < tiles; t++, x += OUT * c, y += POINTS * c) {
        const float *column[IN];
        for (int j = 0; j < IN; j++)
            column[j] = x + j * c;
        transform_in(column, c, y, c);
    }
}

K_CLONES static void columns_out(const float *x, int64_t tiles, int64_t m, float *y)
{
    for (int64_t t = 0; t < tiles; t++, x += POINTS * m, y += OUT * m) {
        float *column[OUT];
        for (int j = 0; j < OUT; j++)
            column[j] = y + j * m;
        transform_out(x, m, m, column);
    }
}

K_CLONES static void rows_out(const float *x, int64_t step, int64_t n, float *const y[OUT])
{
    transform_out(x, step, n, y);
}

/* A block of tiles, and where its parts lie. */
struct block {
    const struct k_winograd *p;
    const struct conv_dims *d;
    int64_t row, column, down, across; /* in tiles */
    float *in, *out;                   /* [tile][point][channel] */
    float *zero, *in_rows, *out_rows;
    void *scratch; /* of the code */
};

/* Inputs of the row of tiles number `row` of the block. */
static void gather(const struct block *b, const float *x, int64_t row)
{
    const struct conv_dims *d = b->d;
    int64_t c = d->c, step = in_step(b->p, d), columns = b->across * OUT + TAPS - 1;
    int64_t top = (b->row + row) * OUT - d->pad[Y], left = b->column * OUT - d->pad[X];
    int64_t from = left < 0 ? -left : 0, to = d->in[X] - left;
    to = to > columns ? columns : to < from ? from : to;
    const float *line[IN];
    for (int i = 0; i < IN; i++) {
        bool inside = top + i >= 0 && top + i < d->in[Y];
        line[i] = inside ? x + ((top + i) * d->in[X] + left + from) * c : b->zero;
    }
    rows_in(line, (to - from) * c, b->in_rows + from * c, step);
    for (int i = 0; i < IN; i++) {
        float *rows = b->in_rows + i * step;
        memset(rows, 0, sizeof *rows * (size_t)(from * c));
        memset(rows + to * c, 0, sizeof *rows * (size_t)((columns - to) * c));
        columns_in(rows, b->across, c, b->in + (row * b->across * POINTS + i * IN) * c);
    }
}

/* Outputs of a row of tiles. What is added may lie in y, so then they are made elsewhere. */
static void spread(const struct block *b, const struct tail *t, int64_t row, float *y)
{
    const struct conv_dims *d = b->d;
    int64_t m = d->m, step = out_step(b->p, d);
    int64_t first = (b->row + row) * OUT, columns = d->out[X] - b->column * OUT;
    columns = columns < b->across * OUT ? columns : b->across * OUT;
    for (int i = 0; i < IN; i++)
        columns_out(b->out + (row * b->across * POINTS + i * IN) * m, b->across, m,
                    b->out_rows + i * step);
    float *line[OUT];
    int64_t n = d->out[Y] - first < OUT ? d->out[Y] - first : OUT;
    for (int i = 0; i < OUT; i++)
        line[i] = i < n && !t->add ? y + ((first + i) * d->out[X] + b->column * OUT) * m
                                   : b->out_rows + (IN + i) * step;
    rows_out(b->out_rows, step, columns * m, line);
    for (int i = 0; i < n; i++) {
        int64_t at = ((first + i) * d->out[X] + b->column * OUT) * m;
        struct tail tail = *t;
        tail.add = t->add ? t->add + at : NULL;
        k_tail(&tail, line[i], columns, m);
        if (t->add)
            memcpy(y + at, line[i], sizeof *y * (size_t)(columns * m));
    }
}

/* In a block that is not full what the one before has left is multiplied again. */
static void run_block(const struct block *b, const float *x, const void *packed,
                      const struct tail *t, float *y)
{
    for (int64_t r = 0; r < b->down; r++)
        gather(b, x, r);
    k_dnnl_conv_run(&b->p->code, b->in, packed, &(struct tail){0}, b->out, b->scratch);
    for (int64_t r = 0; r < b->down; r++)
        spread(b, t, r, y);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void k_winograd_run(const struct k_winograd *p, const struct conv_dims *d, const float *x,
                    const void *packed, const struct tail *t, float *y, void *scratch)
{
    int64_t n_in = conv_in_span(d) * d->c, n_out = conv_out_span(d) * d->m;
    int64_t columns = tiles(d, X), rows = tiles(d, Y);
    struct block b = {.p = p, .d = d, .scratch = scratch};
    b.in = (float *)((char *)scratch + p->code.scratch / ALIGN * ALIGN + ALIGN);
    b.out = b.in + in_size(p, d);
    b.zero = b.out + out_size(p, d);
    b.in_rows = b.zero + in_step(p, d);
    b.out_rows = b.in_rows + IN * in_step(p, d);
    memset(b.zero, 0, sizeof *b.zero * (size_t)in_step(p, d));
    struct tail tail = *t;
    for (int64_t s = 0; s < d->batch; s++, x += n_in, y += n_out) {
        tail.add = t->add ? t->add + s * n_out : NULL;
        for (b.row = 0; b.row < rows; b.row += b.down) {
            b.down = least(p->down, rows - b.row);
            for (b.column = 0; b.column < columns; b.column += b.across) {
                b.across = least(p->across, columns - b.column);
                run_block(&b, x, packed, &tail, y);
            }
        }
    }
}
