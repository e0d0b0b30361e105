/* SPDX-License-Identifier: Apache-2.0
 *
 * image: which decoder reads some bytes, channels, windows.
 */
#include "image.h"

#include "file.h"
#include "image_format.h"

#include <string.h>

enum { MAX_PIXELS = 1 << 27 };

static void image_init(struct image *im, int width, int height, int channels, struct arena *a)
{
    *im = (struct image){width, height, channels, NULL};
    im->pixels = arena_buffer(a, (size_t)width * (size_t)height, (size_t)channels);
}

int image_begin(struct image *im, uint64_t width, uint64_t height, int channels, struct arena *a,
                struct err *err)
{
    if (!width || !height)
        return err_set(err, ERR_INPUT, "%llu x %llu pixels are no image",
                       (unsigned long long)width, (unsigned long long)height);
    if (width > MAX_PIXELS || height > MAX_PIXELS / width)
        return err_set(err, ERR_INPUT, "%llu x %llu pixels are too many",
                       (unsigned long long)width, (unsigned long long)height);
    *im = (struct image){(int)width, (int)height, channels, NULL};
    if (a)
        image_init(im, (int)width, (int)height, channels, a);
    return 0;
}

/* How files begin; '.' stands for any byte. */
static const struct signature {
    const char *bytes;
    size_t n;
    const struct image_format *format;
} signatures[] = {
    {"\x89PNG\r\n\x1a\n", 8, &image_png},
    {"\xff\xd8\xff", 3, &image_jpeg},
    {"BM", 2, &image_bmp},
    {"P1", 2, &image_pnm},
    {"P2", 2, &image_pnm},
    {"P3", 2, &image_pnm},
    {"P4", 2, &image_pnm},
    {"P5", 2, &image_pnm},
    {"P6", 2, &image_pnm},
    {"RIFF....WEBP", 12, &image_webp},
    {"II\x2a\0", 4, &image_tiff},
    {"MM\0\x2a", 4, &image_tiff},
    {"II\x2b\0", 4, &image_tiff}, /* BigTIFF */
    {"MM\0\x2b", 4, &image_tiff},
    {"\0\0\0\x0cjP  \r\n\x87\n", 12, &image_jpeg2000},
    {"\xff\x4f\xff\x51", 4, &image_jpeg2000}, /* without a container */
};

static bool begins_with(const struct bytes *b, const struct signature *s)
{
    if (b->n < s->n)
        return false;
    for (size_t i = 0; i < s->n; i++)
        if (s->bytes[i] != '.' && b->at[i] != (uint8_t)s->bytes[i])
            return false;
    return true;
}

static int decode(const struct bytes *b, struct arena *a, struct image *im, struct err *err)
{
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        const struct image_format *f = signatures[i].format;
        if (!begins_with(b, &signatures[i]))
            continue;
        if (!f->decode)
            return err_set(err, ERR_INPUT, "quern was built without %s, which reads %s",
                           f->missing, f->name);
        bool ready = !f->library || library_load(f->library, err) == 0;
        return ready && f->decode(b, a, im, err) == 0 ? 0 : err_at(err, "%s", f->name);
    }
    return err_set(err, ERR_INPUT, "not an image of a known kind: JPEG, PNG, BMP, PNM, WebP, TIFF "
                                   "or JPEG 2000");
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

int image_decode(const void *bytes, size_t n, int channels, struct arena *a, struct image *im,
                 struct err *err)
{
    TRY(decode(&(struct bytes){bytes, n}, a, im, err));
    if (channels < im->channels)
        to_gray(im);
    else if (channels > im->channels)
        to_colour(im, a);
    return 0;
}

int image_size(const void *bytes, size_t n, int *width, int *height, struct err *err)
{
    struct image im;
    TRY(decode(&(struct bytes){bytes, n}, NULL, &im, err));
    *width = im.width;
    *height = im.height;
    return 0;
}

int image_read(const char *path, int channels, struct arena *a, struct image *im, struct err *err)
{
    struct file_map f;
    TRY(file_map(&f, path, err));
    int r = image_decode(f.data, f.size, channels, a, im, err);
    file_unmap(&f);
    return r < 0 ? err_at(err, "%s", path) : 0;
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
