/* SPDX-License-Identifier: Apache-2.0
 *
 * image_format: the decoders behind image_decode(), one file each.
 *
 * The bytes are a whole file and may be anything. A decoder gives 8-bit gray or red, green, blue;
 * without an arena it only finds out the size, which is then that of the pixels.
 */
#ifndef IMAGE_FORMAT_H
#define IMAGE_FORMAT_H

#include "image.h"
#include "library.h"

#include <stdbool.h>

struct bytes {
    const uint8_t *at;
    size_t n;
};

struct image_format {
    const char *name;
    int (*decode)(const struct bytes *b, struct arena *a, struct image *im, struct err *err);
    struct library *library; /* to be loaded first; NULL: none */
    const char *missing;     /* where decode is NULL: what quern was built without */
};
extern const struct image_format image_bmp, image_jpeg, image_jpeg2000, image_png, image_pnm,
    image_tiff, image_webp;

/* -1 with a text where there are no pixels, or too many; else the size, with memory for the pixels
 * where there is an arena. Decoders call this before anything that is as large as the image. */
int image_begin(struct image *im, uint64_t width, uint64_t height, int channels, struct arena *a,
                struct err *err);

/* 0..max as 0..255, to the nearest. */
static inline uint8_t image_scaled(uint32_t v, uint32_t max)
{
    return (uint8_t)(((uint64_t)v * 510 + max) / ((uint64_t)max * 2));
}

#endif
