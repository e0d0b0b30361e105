/* SPDX-License-Identifier: Apache-2.0
 *
 * image_pnm: the portable formats: P1 and P4 bitmaps (1 is black), P2 and P5 gray, P3 and P6
 * colour; the first of each pair as text, the second binary. Values of 0..maxval become 0..255, to
 * the nearest; those of two bytes are big-endian.
 */
#include "image_format.h"

#include <string.h>

struct pnm {
    const uint8_t *at, *end;
    bool text, bitmap;
    int channels;
    uint32_t width, height, most; /* most: maxval */
};

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Comments reach to the end of the line. */
static void skip_space(struct pnm *f)
{
    while (f->at < f->end && (is_space(*f->at) || *f->at == '#')) {
        if (*f->at == '#')
            while (f->at < f->end && *f->at != '\n' && *f->at != '\r')
                f->at++;
        else
            f->at++;
    }
}

static int read_number(struct pnm *f, uint32_t *v, struct err *err)
{
    skip_space(f);
    if (f->at == f->end)
        return err_set(err, ERR_INPUT, "it is cut short");
    if (*f->at < '0' || *f->at > '9')
        return err_set(err, ERR_INPUT, "a number was expected");
    for (*v = 0; f->at < f->end && *f->at >= '0' && *f->at <= '9'; f->at++) {
        if (*v > (UINT32_MAX - 9) / 10)
            return err_set(err, ERR_INPUT, "a number is too large");
        *v = *v * 10 + (uint32_t)(*f->at - '0');
    }
    return 0;
}

/* A single blank stands between the header and binary pixels. */
static int pnm_open(const struct bytes *b, struct pnm *f, struct err *err)
{
    int kind = b->at[1] - '0';
    *f = (struct pnm){.at = b->at + 2, .end = b->at + b->n, .text = kind <= 3, .most = 1};
    f->bitmap = kind == 1 || kind == 4;
    f->channels = kind == 3 || kind == 6 ? 3 : 1;
    if (f->at < f->end && !is_space(*f->at) && *f->at != '#')
        return err_set(err, ERR_INPUT, "a blank was expected behind P%d", kind);
    TRY(read_number(f, &f->width, err));
    TRY(read_number(f, &f->height, err));
    if (!f->bitmap)
        TRY(read_number(f, &f->most, err));
    if (f->most < 1 || f->most > UINT16_MAX)
        return err_set(err, ERR_INPUT, "values up to %u are not supported", f->most);
    if (f->text)
        return 0;
    if (f->at == f->end)
        return err_set(err, ERR_INPUT, "it is cut short");
    if (!is_space(*f->at++))
        return err_set(err, ERR_INPUT, "a blank was expected behind the header");
    return 0;
}

/* Digits of bitmaps may stand without blanks between them. */
static int read_text(struct pnm *f, size_t n, uint8_t *to, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t v;
        skip_space(f);
        if (f->bitmap && f->at < f->end && (*f->at == '0' || *f->at == '1'))
            v = *f->at++ == '0';
        else if (f->bitmap)
            return err_set(err, ERR_INPUT, "there are too few digits 0 and 1");
        else
            TRY(read_number(f, &v, err));
        if (v > f->most)
            return err_set(err, ERR_INPUT, "a value is %u, above %u", v, f->most);
        to[i] = image_scaled(v, f->most);
    }
    return 0;
}

static void read_bits(const struct pnm *f, size_t row, uint8_t *to)
{
    for (uint32_t y = 0; y < f->height; y++)
        for (uint32_t x = 0; x < f->width; x++)
            *to++ = f->at[y * row + x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
}

static int read_binary(const struct pnm *f, size_t n, uint8_t *to, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = f->at + (f->most > UINT8_MAX ? 2 * i : i);
        uint32_t v = f->most > UINT8_MAX ? (uint32_t)(p[0] << 8 | p[1]) : p[0];
        if (v > f->most)
            return err_set(err, ERR_INPUT, "a value is %u, above %u", v, f->most);
        to[i] = image_scaled(v, f->most);
    }
    return 0;
}

static int pnm_decode(const struct bytes *b, struct arena *a, struct image *im, struct err *err)
{
    struct pnm f;
    TRY(pnm_open(b, &f, err));
    TRY(image_begin(im, f.width, f.height, f.channels, NULL, err));
    size_t n = (size_t)f.width * f.height * (size_t)f.channels;
    size_t row = f.bitmap ? (f.width + 7) / 8 : n / f.height * (f.most > UINT8_MAX ? 2 : 1);
    size_t least = f.text ? n : row * f.height; /* a digit at least for each */
    if ((size_t)(f.end - f.at) < least)
        return err_set(err, ERR_INPUT, "it is cut short");
    TRY(image_begin(im, f.width, f.height, f.channels, a, err));
    if (!a)
        return 0;
    if (f.text)
        return read_text(&f, n, im->pixels, err);
    if (f.bitmap)
        read_bits(&f, row, im->pixels);
    else if (f.most == UINT8_MAX)
        memcpy(im->pixels, f.at, n);
    else
        return read_binary(&f, n, im->pixels, err);
    return 0;
}

const struct image_format image_pnm = {"PNM", pnm_decode, NULL, NULL};
