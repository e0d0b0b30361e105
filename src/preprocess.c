/* SPDX-License-Identifier: Apache-2.0
 *
 * preprocess: carries out a line of dataset_image.h. Pixels stay 8-bit up to the last moment, so
 * that what follows the steps is one look into a table for each of them.
 */
#include "dataset_image.h"

#include <math.h>

static int fail_size(const struct image *im, const struct step *s, const char *what,
                     struct err *err)
{
    return err_set(err, ERR_INPUT, "an image of %dx%d is %s %dx%d", im->width, im->height, what,
                   s->width, s->height);
}

/* a * b / c, rounded down, at least 1. */
static int in_proportion(int a, int b, int c)
{
    int64_t v = (int64_t)a * b / c;
    return v < 1 ? 1 : v > INT32_MAX ? INT32_MAX : (int)v;
}

static struct image resize_short(const struct image *im, int side, struct arena *a)
{
    bool wide = im->width > im->height;
    int width = wide ? in_proportion(im->width, side, im->height) : side;
    int height = wide ? side : in_proportion(im->height, side, im->width);
    return image_resize(im, width, height, a);
}

static struct image fit_inside(const struct image *im, const struct step *s, struct arena *a)
{
    bool by_width = (int64_t)im->width * s->height > (int64_t)im->height * s->width;
    int width = by_width ? s->width : in_proportion(im->width, s->height, im->height);
    int height = by_width ? in_proportion(im->height, s->width, im->width) : s->height;
    return image_resize(im, width, height, a);
}

/* Half to even, as Python's round() in torchvision's CenterCrop. */
static int middle(int have, int want)
{
    return (int)rint((have - want) / 2.0);
}

static int apply_step(const struct step *s, struct image *im, struct arena *a, struct err *err)
{
    switch (s->kind) {
    case STEP_RESIZE_SHORT:
        if (im->width / im->height > 256 || im->height / im->width > 256)
            return fail_size(im, s, "too long to be resized to", err);
        *im = resize_short(im, s->width, a);
        break;
    case STEP_RESIZE:
        *im = image_resize(im, s->width, s->height, a);
        break;
    case STEP_CROP:
        if (im->width < s->width || im->height < s->height)
            return fail_size(im, s, "smaller than crop", err);
        *im = image_window(im, middle(im->width, s->width), middle(im->height, s->height),
                           s->width, s->height, 0, a);
        break;
    case STEP_LETTERBOX:
        *im = fit_inside(im, s, a);
        *im = image_window(im, 0, 0, s->width, s->height, s->fill, a);
        break;
    case STEP_PAD:
        if (im->width > s->width || im->height > s->height)
            return fail_size(im, s, "larger than pad", err);
        *im = image_window(im, 0, 0, s->width, s->height, s->fill, a);
        break;
    }
    return 0;
}

bool preprocess_is_raw(const struct preprocess *p)
{
    for (int i = 0; i < p->channels; i++)
        if (p->mean[i] != 0 || p->std[i] != 1)
            return false;
    return p->scale == 1;
}

/* Where channel k of the result comes from in a pixel, and how far its elements are apart. */
static void put_channel(const struct preprocess *p, const struct image *im, int k,
                        struct tensor *to)
{
    size_t n = (size_t)im->width * (size_t)im->height, c = (size_t)im->channels;
    const uint8_t *from = im->pixels + (p->bgr ? im->channels - 1 - k : k);
    size_t start = p->channels_last ? (size_t)k : (size_t)k * n, step = p->channels_last ? c : 1;
    if (to->dtype == DTYPE_U8) {
        uint8_t *out = (uint8_t *)to->data + start;
        for (size_t i = 0; i < n; i++)
            out[i * step] = from[i * c];
        return;
    }
    float value[256], *out = tensor_f32(to) + start;
    for (int v = 0; v < 256; v++)
        value[v] = (float)((v * p->scale - p->mean[k]) / p->std[k]);
    for (size_t i = 0; i < n; i++)
        out[i * step] = value[from[i * c]];
}

const struct tensor *preprocess_apply(const struct preprocess *p, const struct image *image,
                                      bool raw, struct arena *a, struct err *err)
{
    struct image im = *image;
    for (int i = 0; i < p->n_steps; i++)
        if (apply_step(&p->step[i], &im, a, err) < 0)
            return NULL;
    struct shape s = {4, {1, im.channels, im.height, im.width}};
    if (p->channels_last)
        s = (struct shape){4, {1, im.height, im.width, im.channels}};
    struct tensor *t = tensor_buffer(a, raw ? DTYPE_U8 : DTYPE_F32, &s);
    for (int k = 0; k < im.channels; k++)
        put_channel(p, &im, k, t);
    return t;
}
