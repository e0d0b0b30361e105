/* SPDX-License-Identifier: Apache-2.0
 *
 * image_resize: a separable triangle filter in fixed point, rows first, then columns.
 *
 * Output pixel i sees the input around c = (i + 1/2) s, s = input size / output size, within a
 * triangle of half width max(s, 1). The weights of a pixel sum to 1 and have 22 fractional bits;
 * after each of the two directions the result is rounded to 8 bits. That is Pillow's convention,
 * down to which input pixels count.
 */
#include "image.h"

#include <math.h>

enum { FRACTION = 22 };

/* The weights of each output pixel along one direction. */
struct taps {
    int *first, *count; /* of input pixels */
    int32_t *weight;    /* `room` for each */
    int room;
};

static void weights_of(const struct taps *t, int i, double centre, double half, int n_in)
{
    int first = (int)fmax(centre - half + .5, 0), last = (int)fmin(centre + half + .5, n_in);
    int32_t *w = t->weight + (ptrdiff_t)i * t->room;
    double sum = 0;
    for (int k = first; k < last; k++)
        sum += fmax(1 - fabs(k + .5 - centre) / half, 0);
    for (int k = first; k < last; k++)
        w[k - first] = (int32_t)floor(
            fmax(1 - fabs(k + .5 - centre) / half, 0) / sum * (1 << FRACTION) + .5);
    t->first[i] = first;
    t->count[i] = last - first;
}

static struct taps taps_new(int n_in, int n_out, struct arena *a)
{
    double scale = (double)n_in / n_out, half = fmax(scale, 1);
    struct taps t = {.room = 2 * (int)ceil(half) + 1};
    t.first = NEW_ARRAY(a, n_out, int);
    t.count = NEW_ARRAY(a, n_out, int);
    t.weight = arena_array(a, (size_t)n_out, (size_t)t.room * sizeof *t.weight);
    for (int i = 0; i < n_out; i++)
        weights_of(&t, i, (i + .5) * scale, half, n_in);
    return t;
}

static uint8_t to_8_bits(int32_t sum)
{
    int32_t v = sum >> FRACTION;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void resize_row(const struct taps *t, const uint8_t *from, uint8_t *to, int width, int c)
{
    for (int x = 0; x < width; x++) {
        const int32_t *w = t->weight + (ptrdiff_t)x * t->room;
        const uint8_t *p = from + (ptrdiff_t)t->first[x] * c;
        for (int k = 0; k < c; k++) {
            int32_t sum = 1 << (FRACTION - 1);
            for (int i = 0; i < t->count[x]; i++)
                sum += p[i * c + k] * w[i];
            to[x * c + k] = to_8_bits(sum);
        }
    }
}

/* Row y of the result from whole rows of the source; `sum` holds one row. */
static void resize_column(const struct taps *t, int y, const uint8_t *from, uint8_t *to, int row,
                          int32_t *sum)
{
    const int32_t *w = t->weight + (ptrdiff_t)y * t->room;
    for (int x = 0; x < row; x++)
        sum[x] = 1 << (FRACTION - 1);
    for (int i = 0; i < t->count[y]; i++) {
        const uint8_t *p = from + (ptrdiff_t)(t->first[y] + i) * row;
        for (int x = 0; x < row; x++)
            sum[x] += p[x] * w[i];
    }
    for (int x = 0; x < row; x++)
        to[x] = to_8_bits(sum[x]);
}

struct image image_resize(const struct image *from, int width, int height, struct arena *a)
{
    struct image wide = *from, to;
    int c = from->channels, row = width * c;
    if (width != from->width) {
        struct taps t = taps_new(from->width, width, a);
        wide = (struct image){width, from->height, c, NULL};
        wide.pixels = arena_buffer(a, (size_t)row, (size_t)from->height);
        for (int y = 0; y < from->height; y++)
            resize_row(&t, from->pixels + (ptrdiff_t)y * from->width * c,
                       wide.pixels + (ptrdiff_t)y * row, width, c);
    }
    if (height == from->height)
        return wide;
    struct taps t = taps_new(from->height, height, a);
    int32_t *sum = NEW_ARRAY(a, row, int32_t);
    to = (struct image){width, height, c, NULL};
    to.pixels = arena_buffer(a, (size_t)row, (size_t)height);
    for (int y = 0; y < height; y++)
        resize_column(&t, y, wide.pixels, to.pixels + (ptrdiff_t)y * row, row, sum);
    return to;
}
