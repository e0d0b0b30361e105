/* SPDX-License-Identifier: Apache-2.0
 *
 * op_image: ImageDecoder, the bytes of a file as [height, width, channels]. ONNX lets bytes that
 * are no image become an empty tensor; here they are refused, as are formats that quern cannot
 * read.
 */
#include "ops.h"

#include "image.h"

#include <string.h>

struct pixel_format {
    int channels;
    bool reversed; /* blue first */
};

static int read_format(const struct call *c, struct pixel_format *f, struct err *err)
{
    f->reversed = node_string_is(c->node, "pixel_format", "RGB", "BGR");
    f->channels = node_string_is(c->node, "pixel_format", "RGB", "Grayscale") ? 1 : 3;
    if (!f->reversed && f->channels == 3 && !node_string_is(c->node, "pixel_format", "RGB", "RGB"))
        return err_set(err, ERR_INPUT, "attribute pixel_format must be RGB, BGR or Grayscale");
    return 0;
}

int infer_image_decoder(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct pixel_format f;
    int width = -1, height = -1;
    TRY(read_format(c, &f, err));
    if (x->dtype && x->dtype != DTYPE_U8)
        return call_refuse_dtype(x->dtype, err);
    if (x->shape.rank >= 0 && x->shape.rank != 1)
        return err_set(err, ERR_INPUT, "input 0 must have rank 1, not %d", x->shape.rank);
    if (x->data)
        TRY(image_size(x->data, (size_t)tensor_count(x), &width, &height, err));
    call_set(c, 0, DTYPE_U8, &(struct shape){3, {height, width, f.channels}});
    return 0;
}

int eval_image_decoder(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = c->out[0];
    struct pixel_format f;
    struct image im;
    TRY(read_format(c, &f, err));
    TRY(image_decode(x->data, (size_t)tensor_count(x), f.channels, c->scratch, &im, err));
    if (im.height != y->shape.dim[0] || im.width != y->shape.dim[1])
        return err_set(err, ERR_INPUT, "the image is %dx%d, which its header does not say",
                       im.width, im.height);
    uint8_t *to = y->data;
    memcpy(to, im.pixels, y->size);
    for (size_t i = 0; f.reversed && i < y->size; i += 3) {
        to[i] = im.pixels[i + 2];
        to[i + 2] = im.pixels[i];
    }
    return 0;
}
