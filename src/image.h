/* SPDX-License-Identifier: Apache-2.0
 *
 * image: encoded pictures as 8-bit pixels, and what calibration does with pixels.
 *
 * JPEG: baseline and progressive. PNG: all kinds. BMP: all but those that wrap a JPEG or PNG. PNM:
 * PBM, PGM and PPM, as text and binary. WebP: not animated. TIFF: the first page, in what libtiff
 * shows as RGB. JPEG 2000: gray and RGB. The last three need their libraries when quern is built.
 *
 * Everywhere 16 bits are reduced to 8, transparency is dropped, not blended, colour profiles and
 * the orientation in EXIF are ignored, as most training pipelines do, and CMYK is refused.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "arena.h"
#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct image {
    int width, height;
    int channels; /* 1: gray; 3: red, green, blue */
    uint8_t *pixels; /* rows from the top, channels interleaved, without gaps */
};

/* The bytes of a file as an image with 1 or 3 channels. Colour becomes gray by 0.299 R + 0.587 G +
 * 0.114 B, as in Pillow. */
int image_decode(const void *bytes, size_t n, int channels, struct arena *a, struct image *image,
                 struct err *err);
/* Its size, from the header: what follows may still turn out not to be valid. */
int image_size(const void *bytes, size_t n, int *width, int *height, struct err *err);
int image_read(const char *path, int channels, struct arena *a, struct image *image,
               struct err *err);
/* As Pillow's resize with BILINEAR, which most training pipelines use: a triangle as wide as an
 * output pixel, so that shrinking averages. Within 1 of Pillow everywhere. */
struct image image_resize(const struct image *from, int width, int height, struct arena *a);
/* The part that begins at x, y; what lies outside of `from` is filled with a value. */
struct image image_window(const struct image *from, int x, int y, int width, int height,
                          uint8_t fill, struct arena *a);

#endif
