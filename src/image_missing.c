/* SPDX-License-Identifier: Apache-2.0
 *
 * image_missing: the formats whose libraries this build does without.
 */
#include "image_format.h"

#ifndef HAVE_IMAGE_WEBP
const struct image_format image_webp = {"WebP", NULL, "libwebp"};
#endif
#ifndef HAVE_IMAGE_TIFF
const struct image_format image_tiff = {"TIFF", NULL, "libtiff"};
#endif
#ifndef HAVE_IMAGE_JPEG2000
const struct image_format image_jpeg2000 = {"JPEG 2000", NULL, "libopenjp2"};
#endif
