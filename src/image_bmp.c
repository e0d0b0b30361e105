/* SPDX-License-Identifier: Apache-2.0
 *
 * image_bmp: Windows and OS/2 bitmaps: palettes of 1, 2, 4 and 8 bits, also run-length encoded; 16,
 * 24 and 32 bits, with masks or without. Numbers are little-endian; rows are
 * padded to four bytes and run upwards where the height is positive.
 *
 * What a run-length encoded file skips has colour 0 of the palette. A mask's n bits v become
 * v * 255 / (2^n - 1), rounded down, as in Pillow.
 */
#include "image_format.h"

#include <string.h>

enum compression { PLAIN, RLE8, RLE4, MASKS, MASKS_WITH_ALPHA = 6 };
enum { FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40, MASKS_AT = FILE_HEADER + INFO_HEADER };

struct bmp {
    uint32_t header;      /* bytes of the second header; its size is its version */
    int64_t width, height;
    bool upwards;
    unsigned bits;        /* of a pixel */
    uint32_t compression;
    uint32_t mask[3];     /* red, green, blue, of 16 and 32 bits */
    uint8_t colour[256][3];
    unsigned n_colours;
    const uint8_t *at, *end; /* the pixels */
};

static uint32_t get_16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get_32(const uint8_t *p)
{
    return get_16(p) | get_16(p + 2) << 16;
}

static int cut_short(struct err *err)
{
    return err_set(err, ERR_INPUT, "it is cut short");
}

static int read_header(const struct bytes *b, struct bmp *f, struct err *err)
{
    f->header = b->n >= FILE_HEADER + 4 ? get_32(b->at + FILE_HEADER) : 0;
    bool core = f->header == CORE_HEADER;
    if (b->n < FILE_HEADER + CORE_HEADER || b->n - FILE_HEADER < f->header)
        return cut_short(err);
    if (!core && (f->header < INFO_HEADER || f->header > 124))
        return err_set(err, ERR_INPUT, "a header of %u bytes is not supported", f->header);
    const uint8_t *h = b->at + FILE_HEADER;
    f->width = core ? (int64_t)get_16(h + 4) : (int32_t)get_32(h + 4);
    f->height = core ? (int64_t)get_16(h + 6) : (int32_t)get_32(h + 8);
    f->bits = get_16(h + (core ? 10 : 14));
    f->compression = core ? PLAIN : get_32(h + 16);
    f->n_colours = core ? 0 : get_32(h + 32);
    f->upwards = f->height > 0;
    if (f->height < 0)
        f->height = -f->height;
    if (f->width < 0)
        return err_set(err, ERR_INPUT, "the width is negative");
    return 0;
}

static int check_kind(const struct bmp *f, struct err *err)
{
    bool ok = false;
    switch (f->compression) {
    case PLAIN:
        ok = f->bits == 1 || f->bits == 2 || f->bits == 4 || f->bits == 8 || f->bits == 16
             || f->bits == 24 || f->bits == 32;
        break;
    case RLE8: ok = f->bits == 8 && f->upwards; break;
    case RLE4: ok = f->bits == 4 && f->upwards; break;
    case MASKS:
    case MASKS_WITH_ALPHA: ok = f->bits == 16 || f->bits == 32; break;
    }
    if (ok)
        return 0;
    return err_set(err, ERR_INPUT, "%u bits a pixel with compression %u are not supported", f->bits,
                   f->compression);
}

/* Colours stand behind the headers; there may be fewer than the pixels can name, not more. */
static int read_palette(const struct bytes *b, struct bmp *f, struct err *err)
{
    size_t item = f->header == CORE_HEADER ? 3 : 4, at = FILE_HEADER + f->header;
    unsigned most = 1u << f->bits;
    if (f->n_colours == 0 || f->n_colours > most)
        f->n_colours = most;
    if (b->n - at < f->n_colours * item)
        return cut_short(err);
    for (unsigned i = 0; i < f->n_colours; i++)
        for (int k = 0; k < 3; k++)
            f->colour[i][k] = b->at[at + i * item + 2 - (size_t)k];
    return 0;
}

static int read_masks(const struct bytes *b, struct bmp *f, struct err *err)
{
    static const uint32_t usual[2][3] = {{0x7c00, 0x3e0, 0x1f}, {0xff0000, 0xff00, 0xff}};
    memcpy(f->mask, usual[f->bits == 32], sizeof f->mask);
    if (f->compression == PLAIN)
        return 0;
    if (b->n < MASKS_AT + sizeof f->mask)
        return cut_short(err);
    for (size_t k = 0; k < 3; k++) {
        uint32_t m = f->mask[k] = get_32(b->at + MASKS_AT + 4 * k);
        uint32_t low = m & -m; /* adding it to bits without a gap leaves at most one bit */
        if (!m || ((m + low) & m) || (f->bits == 16 && m > UINT16_MAX))
            return err_set(err, ERR_INPUT, "mask %x of a colour is not supported", m);
    }
    return 0;
}

static int bmp_open(const struct bytes *b, struct bmp *f, struct err *err)
{
    *f = (struct bmp){0};
    TRY(read_header(b, f, err));
    TRY(check_kind(f, err));
    if (f->bits <= 8)
        TRY(read_palette(b, f, err));
    if (f->bits == 16 || f->bits == 32)
        TRY(read_masks(b, f, err));
    uint32_t start = get_32(b->at + 10);
    if (start > b->n)
        return cut_short(err);
    f->at = b->at + start;
    f->end = b->at + b->n;
    return 0;
}

static uint8_t *row_of(const struct bmp *f, const struct image *im, int64_t y)
{
    return im->pixels + (size_t)((f->upwards ? f->height - 1 - y : y) * f->width * 3);
}

static int put_colour(const struct bmp *f, unsigned i, uint8_t *to, struct err *err)
{
    if (i >= f->n_colours)
        return err_set(err, ERR_INPUT, "a pixel has colour %u of %u", i, f->n_colours);
    memcpy(to, f->colour[i], 3);
    return 0;
}

static int read_indices(const struct bmp *f, const uint8_t *from, uint8_t *to, struct err *err)
{
    unsigned per_byte = 8 / f->bits, most = (1u << f->bits) - 1;
    for (int64_t x = 0; x < f->width; x++) {
        unsigned shift = (per_byte - 1 - (unsigned)(x % per_byte)) * f->bits;
        TRY(put_colour(f, from[x / per_byte] >> shift & most, to + 3 * x, err));
    }
    return 0;
}

static void read_masked(const struct bmp *f, const uint8_t *from, uint8_t *to)
{
    for (int64_t x = 0; x < f->width; x++)
        for (int k = 0; k < 3; k++) {
            uint32_t pixel = f->bits == 16 ? get_16(from + 2 * x) : get_32(from + 4 * x);
            uint32_t low = f->mask[k] & -f->mask[k];
            uint64_t v = (pixel & f->mask[k]) / low, most = f->mask[k] / low;
            to[3 * x + k] = (uint8_t)(v * 255 / most);
        }
}

static void read_bgr(const uint8_t *from, int64_t width, uint8_t *to)
{
    for (int64_t x = 0; x < width; x++)
        for (int k = 0; k < 3; k++)
            to[3 * x + k] = from[3 * x + 2 - k];
}

static int read_rows(const struct bmp *f, size_t row, struct image *im, struct err *err)
{
    for (int64_t y = 0; y < f->height; y++) {
        const uint8_t *from = f->at + (size_t)y * row;
        uint8_t *to = row_of(f, im, y);
        if (f->bits <= 8)
            TRY(read_indices(f, from, to, err));
        else if (f->bits == 24)
            read_bgr(from, f->width, to);
        else
            read_masked(f, from, to);
    }
    return 0;
}

/* Where the next pixel of a run-length encoded file goes. What runs beyond a row's end is lost. */
struct cursor {
    int64_t x, y;
};

static int put_run(const struct bmp *f, struct cursor *c, unsigned n, const uint8_t *from,
                   bool repeat, struct image *im, struct err *err)
{
    for (unsigned i = 0; i < n; i++, c->x++) {
        unsigned v = f->bits == 8 ? from[repeat ? 0 : i] : from[repeat ? 0 : i / 2];
        if (f->bits == 4)
            v = i % 2 ? v & 15 : v >> 4;
        if (c->x < f->width)
            TRY(put_colour(f, v, row_of(f, im, c->y) + 3 * c->x, err));
    }
    return 0;
}

/* Pairs of bytes: n > 0 and the colour of n pixels; or 0 and 0: the row ends; 1: the image ends;
 * 2: two more bytes move right and up; n: n colours follow, padded to two bytes. */
static int read_runs(const struct bmp *f, struct image *im, struct err *err)
{
    struct cursor c = {0, 0};
    const uint8_t *at = f->at;
    while (c.y < f->height) {
        if (f->end - at < 2)
            return cut_short(err);
        unsigned n = at[0], v = at[1];
        at += 2;
        if (n) {
            TRY(put_run(f, &c, n, at - 1, true, im, err));
        } else if (v == 0) {
            c = (struct cursor){0, c.y + 1};
        } else if (v == 1) {
            break;
        } else if (v == 2) {
            if (f->end - at < 2)
                return cut_short(err);
            c.x += at[0];
            c.y += at[1];
            at += 2;
        } else {
            size_t bytes = f->bits == 8 ? v : (v + 1) / 2, padded = bytes + bytes % 2;
            if ((size_t)(f->end - at) < bytes)
                return cut_short(err);
            TRY(put_run(f, &c, v, at, false, im, err));
            at += (size_t)(f->end - at) < padded ? bytes : padded;
        }
    }
    return 0;
}

static int bmp_decode(const struct bytes *b, struct arena *a, struct image *im, struct err *err)
{
    struct bmp f;
    TRY(bmp_open(b, &f, err));
    bool runs = f.compression == RLE8 || f.compression == RLE4;
    TRY(image_begin(im, (uint64_t)f.width, (uint64_t)f.height, 3, NULL, err));
    size_t row = ((size_t)f.width * f.bits + 31) / 32 * 4;
    if (!runs && (size_t)(f.end - f.at) / row < (size_t)f.height)
        return cut_short(err);
    TRY(image_begin(im, (uint64_t)f.width, (uint64_t)f.height, 3, a, err));
    if (!a)
        return 0;
    if (!runs)
        return read_rows(&f, row, im, err);
    for (size_t i = 0; i < (size_t)f.width * (size_t)f.height; i++)
        memcpy(im->pixels + 3 * i, f.colour[0], 3);
    return read_runs(&f, im, err);
}

const struct image_format image_bmp = {"BMP", bmp_decode, NULL, NULL};
