/* SPDX-License-Identifier: Apache-2.0
 *
 * image_webp: by libwebp, with its fancy upsampling, which is what training pipelines see.
 */
#include "image_format.h"

#include <webp/decode.h>

#define FUNCTIONS(F) F(WebPDecodeRGBInto) F(WebPGetFeaturesInternal)
LIBRARY(libwebp, IMAGE_LIBRARY_WEBP, FUNCTIONS);

static int webp_decode(const struct bytes *b, struct arena *a, struct image *im, struct err *err)
{
    WebPBitstreamFeatures f;
    if (lib.WebPGetFeaturesInternal(b->at, b->n, &f, WEBP_DECODER_ABI_VERSION) != VP8_STATUS_OK)
        return err_set(err, ERR_INPUT, "its header is not valid, or cut short");
    if (f.has_animation)
        return err_set(err, ERR_INPUT, "animations are not supported");
    TRY(image_begin(im, (uint64_t)f.width, (uint64_t)f.height, 3, a, err));
    size_t row = (size_t)im->width * 3;
    if (a && !lib.WebPDecodeRGBInto(b->at, b->n, im->pixels, row * (size_t)im->height, (int)row))
        return err_set(err, ERR_INPUT, "its pixels are not valid, or cut short");
    return 0;
}

const struct image_format image_webp = {"WebP", webp_decode, &libwebp, NULL};
