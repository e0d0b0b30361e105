/* SPDX-License-Identifier: Apache-2.0
 *
 * image_png: libpng reports errors by a long jump, as libjpeg does.
 */
#include "image_format.h"

#include <stdio.h>
#include <string.h>

#include <png.h>

struct png_source {
    const unsigned char *at, *end;
    char text[256];
};

static void png_read_bytes(png_structp png, png_bytep to, size_t n)
{
    struct png_source *s = png_get_io_ptr(png);
    if ((size_t)(s->end - s->at) < n)
        png_error(png, "it is cut short");
    memcpy(to, s->at, n);
    s->at += n;
}

static void png_fail(png_structp png, png_const_charp text)
{
    struct png_source *s = png_get_error_ptr(png);
    snprintf(s->text, sizeof s->text, "%s", text);
    png_longjmp(png, 1);
}

static void png_ignore(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

/* Whatever the file holds, rows come as 8-bit gray or RGB. */
static int png_read_all(png_structp png, png_infop info, struct arena *a, struct image *im,
                        struct err *err)
{
    png_read_info(png, info);
    int kind = png_get_color_type(png, info);
    int channels = kind == PNG_COLOR_TYPE_GRAY || kind == PNG_COLOR_TYPE_GRAY_ALPHA ? 1 : 3;
    TRY(image_begin(im, png_get_image_width(png, info), png_get_image_height(png, info), channels,
                    a, err));
    if (!a)
        return 0;
    if (kind == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    else if (kind == PNG_COLOR_TYPE_GRAY)
        png_set_expand_gray_1_2_4_to_8(png);
    png_set_scale_16(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t row = (size_t)im->width * (size_t)im->channels;
    png_bytep *rows = NEW_ARRAY(a, im->height, png_bytep);
    for (int y = 0; y < im->height; y++)
        rows[y] = im->pixels + (size_t)y * row;
    png_read_image(png, rows);
    png_read_end(png, NULL);
    return 0;
}

static int png_decode(const struct bytes *b, struct arena *a, struct image *im, struct err *err)
{
    struct png_source s = {.at = b->at, .end = b->at + b->n};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, png_fail, png_ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info)
        die("out of memory (libpng)");
    int r;
    if (setjmp(png_jmpbuf(png))) {
        r = err_set(err, ERR_INPUT, "%s", s.text);
    } else {
        png_set_read_fn(png, &s, png_read_bytes);
        r = png_read_all(png, info, a, im, err);
    }
    png_destroy_read_struct(&png, &info, NULL);
    return r;
}

const struct image_format image_png = {"PNG", png_decode, NULL, NULL};
