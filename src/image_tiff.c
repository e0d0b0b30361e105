/* SPDX-License-Identifier: Apache-2.0
 *
 * image_tiff: the first page, as libtiff's conversion to RGB shows it. The orientation is part of
 * the format here and obeyed, where it does not exchange the axes.
 */
#include "image_format.h"

#include <stdio.h>
#include <string.h>

#include <tiffio.h>

#define FUNCTIONS(F) F(TIFFClientOpenExt) F(TIFFClose) F(TIFFGetField) F(TIFFGetFieldDefaulted)    \
    F(TIFFOpenOptionsAlloc) F(TIFFOpenOptionsFree) F(TIFFOpenOptionsSetErrorHandlerExtR)           \
    F(TIFFOpenOptionsSetMaxSingleMemAlloc) F(TIFFOpenOptionsSetWarningHandlerExtR)                 \
    F(TIFFReadRGBAImageOriented) F(TIFFRGBAImageOK) F(TIFFSetField)
LIBRARY(libtiff, IMAGE_LIBRARY_TIFF, FUNCTIONS);

enum { MAX_MEMORY = 1 << 30 }; /* of one piece that libtiff asks for */

struct tiff_source {
    const struct bytes *bytes;
    uint64_t at;
    char text[256];
};

static tmsize_t source_read(thandle_t handle, void *to, tmsize_t n)
{
    struct tiff_source *s = handle;
    uint64_t left = s->at < s->bytes->n ? s->bytes->n - s->at : 0;
    uint64_t take = (uint64_t)n < left ? (uint64_t)n : left;
    memcpy(to, s->bytes->at + (s->bytes->n - left), take);
    s->at += take;
    return (tmsize_t)take;
}

static tmsize_t source_write(thandle_t handle, void *from, tmsize_t n)
{
    (void)handle, (void)from, (void)n;
    return -1;
}

static toff_t source_seek(thandle_t handle, toff_t to, int whence)
{
    struct tiff_source *s = handle;
    s->at = whence == SEEK_SET ? to : whence == SEEK_CUR ? s->at + to : s->bytes->n + to;
    return s->at;
}

static int source_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t source_size(thandle_t handle)
{
    return ((struct tiff_source *)handle)->bytes->n;
}

/* The first of several errors says what is wrong. */
static int source_error(TIFF *t, void *data, const char *module, const char *fmt, va_list args)
{
    struct tiff_source *s = data;
    (void)t, (void)module;
    if (!s->text[0])
        vsnprintf(s->text, sizeof s->text, fmt, args);
    return 1;
}

static int source_warning(TIFF *t, void *data, const char *module, const char *fmt, va_list args)
{
    (void)t, (void)data, (void)module, (void)fmt, (void)args;
    return 1;
}

static TIFF *source_open(struct tiff_source *s)
{
    TIFFOpenOptions *o = lib.TIFFOpenOptionsAlloc();
    if (!o)
        die("out of memory (libtiff)");
    lib.TIFFOpenOptionsSetMaxSingleMemAlloc(o, MAX_MEMORY);
    lib.TIFFOpenOptionsSetErrorHandlerExtR(o, source_error, s);
    lib.TIFFOpenOptionsSetWarningHandlerExtR(o, source_warning, s);
    TIFF *t = lib.TIFFClientOpenExt("", "rm", s, source_read, source_write, source_seek,
                                    source_close, source_size, NULL, NULL, o);
    lib.TIFFOpenOptionsFree(o);
    return t;
}

static int check_kind(TIFF *t, struct err *err)
{
    uint16_t photometric = 0, orientation = ORIENTATION_TOPLEFT, n = 0, *extra;
    char text[1024];
    lib.TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &photometric);
    lib.TIFFGetFieldDefaulted(t, TIFFTAG_ORIENTATION, &orientation);
    if (photometric == PHOTOMETRIC_SEPARATED)
        return err_set(err, ERR_INPUT, "CMYK is not supported; convert it to RGB");
    if (orientation > ORIENTATION_BOTLEFT)
        return err_set(err, ERR_INPUT, "orientation %d is not supported", orientation);
    if (!lib.TIFFRGBAImageOK(t, text))
        return err_set(err, ERR_INPUT, "%s", text);
    /* otherwise libtiff blends with black */
    if (lib.TIFFGetField(t, TIFFTAG_EXTRASAMPLES, &n, &extra) && n > 0
        && extra[0] == EXTRASAMPLE_UNASSALPHA)
        lib.TIFFSetField(t, TIFFTAG_EXTRASAMPLES, n, (uint16_t[8]){EXTRASAMPLE_ASSOCALPHA});
    return 0;
}

static int tiff_pixels(TIFF *t, const struct tiff_source *s, struct arena *a, struct image *im,
                       struct err *err)
{
    uint32_t width = 0, height = 0;
    lib.TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &width);
    lib.TIFFGetField(t, TIFFTAG_IMAGELENGTH, &height);
    TRY(image_begin(im, width, height, 3, NULL, err));
    TRY(check_kind(t, err));
    TRY(image_begin(im, width, height, 3, a, err));
    if (!a)
        return 0;
    size_t n = (size_t)width * height;
    uint32_t *pixel = NEW_BUFFER(a, n, uint32_t);
    if (!lib.TIFFReadRGBAImageOriented(t, width, height, pixel, ORIENTATION_TOPLEFT, 1))
        return err_set(err, ERR_INPUT, "%s", s->text[0] ? s->text : "its pixels are not valid");
    for (size_t i = 0; i < n; i++) {
        im->pixels[3 * i] = (uint8_t)TIFFGetR(pixel[i]);
        im->pixels[3 * i + 1] = (uint8_t)TIFFGetG(pixel[i]);
        im->pixels[3 * i + 2] = (uint8_t)TIFFGetB(pixel[i]);
    }
    return 0;
}

static int tiff_decode(const struct bytes *b, struct arena *a, struct image *im, struct err *err)
{
    struct tiff_source s = {.bytes = b};
    TIFF *t = source_open(&s);
    if (!t)
        return err_set(err, ERR_INPUT, "%s", s.text[0] ? s.text : "it is not valid");
    int r = tiff_pixels(t, &s, a, im, err);
    lib.TIFFClose(t);
    return r;
}

const struct image_format image_tiff = {"TIFF", tiff_decode, &libtiff, NULL};
