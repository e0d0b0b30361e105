/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_image: any bytes are refused with a message, or become pixels, as many as the header says.
 */
#include "image.h"

enum { MANY_PIXELS = 1 << 22 }; /* more only cost time */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_refused(const struct err *err)
{
    if (err->code != ERR_INPUT || !err->text[0])
        BUG("refused without a message");
}

/* Each can be read. */
static void check_pixels(const struct image *im)
{
    uint64_t sum = 0, n = (uint64_t)im->width * (uint64_t)im->height;
    for (uint64_t i = 0; i < n; i++)
        sum += im->pixels[i];
    if (sum > n * UINT8_MAX)
        BUG("a sum that cannot be");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena a = {0};
    struct err err = {0};
    struct image im;
    int width, height;
    if (image_size(bytes, n, &width, &height, &err) < 0) {
        check_refused(&err);
        if (image_decode(bytes, n, 3, &a, &im, &(struct err){0}) == 0)
            BUG("decoded, but its size was refused: %s", err.text);
    } else if ((int64_t)width * height > MANY_PIXELS) {
        return 0;
    } else if (image_decode(bytes, n, 1, &a, &im, &err) < 0) {
        check_refused(&err);
    } else {
        if (im.width != width || im.height != height || im.channels != 1)
            BUG("%dx%d in %d channels, not %dx%d", im.width, im.height, im.channels, width, height);
        check_pixels(&im);
    }
    arena_release(&a);
    return 0;
}
