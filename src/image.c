/* SPDX-License-Identifier: Apache-2.0
 *
 * image: decoding. Both libraries report errors by a long jump; what they own is given back in the
 * one place where they land, pixels belong to the arena.
 */
#include "image.h"

#include "file.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>
#include <png.h>

enum { MAX_PIXELS = 1 << 27 };

static int check_size(uint64_t width, uint64_t height, struct err *err)
{
    if (!width || !height || width > MAX_PIXELS || height > MAX_PIXELS / width)
        return err_set(err, ERR_INPUT, "%llu x %llu pixels are too many",
                       (unsigned long long)width, (unsigned long long)height);
    return 0;
}

static void image_init(struct image *im, int width, int height, int channels, struct arena *a)
{
    *im = (struct image){width, height, channels, NULL};
    im->pixels = arena_buffer(a, (size_t)width * (size_t)height, (size_t)channels);
}

struct jpeg_trap {
    struct jpeg_error_mgr base; /* first: libjpeg knows only this */
    jmp_buf jump;
    char text[JMSG_LENGTH_MAX];
};

static void jpeg_fail(j_common_ptr j)
{
    struct jpeg_trap *trap = (struct jpeg_trap *)j->err;
    trap->base.format_message(j, trap->text);
    longjmp(trap->jump, 1);
}

/* Most warnings are about bytes that every decoder skips; a file that ends early is an error. */
static void jpeg_message(j_common_ptr j, int level)
{
    if (level < 0 && j->err->msg_code == JWRN_JPEG_EOF)
        jpeg_fail(j);
}

static int jpeg_decode(const struct file_map *f, struct arena *a, struct image *im,
                       struct err *err)
{
    struct jpeg_decompress_struct j;
    struct jpeg_trap trap;
    int r = 0;
    j.err = jpeg_std_error(&trap.base);
    trap.base.error_exit = jpeg_fail;
    trap.base.emit_message = jpeg_message;
    if (setjmp(trap.jump)) {
        jpeg_destroy_decompress(&j);
        return err_set(err, ERR_INPUT, "not a valid JPEG: %s", trap.text);
    }
    jpeg_create_decompress(&j);
    jpeg_mem_src(&j, f->data, (unsigned long)f->size);
    jpeg_read_header(&j, TRUE);
    if (j.jpeg_color_space == JCS_CMYK || j.jpeg_color_space == JCS_YCCK)
        r = err_set(err, ERR_INPUT, "a JPEG in CMYK is not supported; convert it to RGB");
    else
        r = check_size(j.image_width, j.image_height, err);
    if (!r) {
        j.out_color_space = j.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
        jpeg_start_decompress(&j);
        image_init(im, (int)j.output_width, (int)j.output_height, j.output_components, a);
        size_t row = (size_t)im->width * (size_t)im->channels;
        while (j.output_scanline < j.output_height) {
            JSAMPROW to = im->pixels + j.output_scanline * row;
            jpeg_read_scanlines(&j, &to, 1);
        }
    }
    jpeg_destroy_decompress(&j);
    return r;
}

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
    TRY(check_size(png_get_image_width(png, info), png_get_image_height(png, info), err));
    int kind = png_get_color_type(png, info);
    if (kind == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    else if (kind == PNG_COLOR_TYPE_GRAY)
        png_set_expand_gray_1_2_4_to_8(png);
    png_set_scale_16(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    image_init(im, (int)png_get_image_width(png, info), (int)png_get_image_height(png, info),
               png_get_channels(png, info), a);
    size_t row = (size_t)im->width * (size_t)im->channels;
    png_bytep *rows = NEW_ARRAY(a, im->height, png_bytep);
    for (int y = 0; y < im->height; y++)
        rows[y] = im->pixels + (size_t)y * row;
    png_read_image(png, rows);
    png_read_end(png, NULL);
    return 0;
}

static int png_decode(const struct file_map *f, struct arena *a, struct image *im, struct err *err)
{
    struct png_source s = {.at = f->data, .end = (const unsigned char *)f->data + f->size};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, png_fail, png_ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info)
        die("out of memory (libpng)");
    int r;
    if (setjmp(png_jmpbuf(png))) {
        r = err_set(err, ERR_INPUT, "not a valid PNG: %s", s.text);
    } else {
        png_set_read_fn(png, &s, png_read_bytes);
        r = png_read_all(png, info, a, im, err);
    }
    png_destroy_read_struct(&png, &info, NULL);
    return r;
}

static void to_gray(struct image *im)
{
    size_t n = (size_t)im->width * (size_t)im->height;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = im->pixels + 3 * i;
        im->pixels[i] = (uint8_t)((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + (1 << 15)) >> 16);
    }
    im->channels = 1;
}

static void to_colour(struct image *im, struct arena *a)
{
    struct image gray = *im;
    size_t n = (size_t)im->width * (size_t)im->height;
    image_init(im, gray.width, gray.height, 3, a);
    for (size_t i = 0; i < n; i++)
        memset(im->pixels + 3 * i, gray.pixels[i], 3);
}

int image_read(const char *path, int channels, struct arena *a, struct image *im, struct err *err)
{
    struct file_map f;
    int r;
    TRY(file_map(&f, path, err));
    if (f.size >= 8 && !memcmp(f.data, "\x89PNG\r\n\x1a\n", 8))
        r = png_decode(&f, a, im, err);
    else if (f.size >= 3 && !memcmp(f.data, "\xff\xd8\xff", 3))
        r = jpeg_decode(&f, a, im, err);
    else
        r = err_set(err, ERR_INPUT, "neither a JPEG nor a PNG");
    file_unmap(&f);
    if (r < 0)
        return err_at(err, "%s", path);
    if (channels < im->channels)
        to_gray(im);
    else if (channels > im->channels)
        to_colour(im, a);
    return 0;
}

struct image image_window(const struct image *from, int x, int y, int width, int height,
                          uint8_t fill, struct arena *a)
{
    struct image to;
    image_init(&to, width, height, from->channels, a);
    size_t c = (size_t)from->channels;
    memset(to.pixels, fill, (size_t)width * (size_t)height * c);
    int left = x < 0 ? -x : 0, right = width < from->width - x ? width : from->width - x;
    for (int i = 0; i < height; i++)
        if (y + i >= 0 && y + i < from->height && right > left)
            memcpy(to.pixels + ((size_t)i * (size_t)width + (size_t)left) * c,
                   from->pixels
                       + ((size_t)(y + i) * (size_t)from->width + (size_t)(x + left)) * c,
                   (size_t)(right - left) * c);
    return to;
}
