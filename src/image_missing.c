/* SPDX-License-Identifier: Apache-2.0
 *
 * image_missing: the formats whose libraries this build does without.
 */
#include "image_format.h"

#ifndef IMAGE_LIBRARY_WEBP
const struct image_format image_webp = {"WebP", NULL, NULL, "libwebp"};
#endif
#ifndef IMAGE_LIBRARY_TIFF
const struct image_format image_tiff = {"TIFF", NULL, NULL, "libtiff"};
#endif
#ifndef IMAGE_LIBRARY_JPEG2000
const struct image_format image_jpeg2000 = {"JPEG 2000", NULL, NULL, "libopenjp2"};
#endif
