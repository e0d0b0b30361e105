/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_image: each image of a directory is a sample; image.h says which kinds there are. What
 * happens to it has no default: a wrong guess would calibrate for data that the model never sees.
 */
#include "dataset_image.h"

#include "dataset_kind.h"

static int length_or(int64_t dim, int otherwise)
{
    return dim > 0 && dim <= 1 << 14 ? (int)dim : otherwise;
}

/* A line for the model's input, to start from. */
static const char *example(const struct feed *f, struct arena *a)
{
    const int64_t *d = f->shape.dim;
    bool rank_4 = f->shape.rank == 4;
    bool last = rank_4 && d[1] != 3 && d[1] != 1 && (d[3] == 3 || d[3] == 1);
    bool gray = rank_4 && d[last ? 3 : 1] == 1;
    int height = length_or(rank_4 ? d[last ? 1 : 2] : -1, 224);
    int width = length_or(rank_4 ? d[last ? 2 : 3] : -1, 224);
    const char *size = arena_printf(a, "resize=%dx%d", width, height);
    if (width == height && width >= 128)
        size = arena_printf(a, "resize=%d crop=%d", (width * 8 + 3) / 7, width);
    const char *values = f->dtype == DTYPE_U8 ? ""
                       : gray ? " scale=1/255"
                              : " scale=1/255 mean=.485,.456,.406 std=.229,.224,.225";
    return arena_printf(a, "%s layout=%s %s%s", size, last ? "nhwc" : "nchw",
                        gray ? "gray" : "rgb", values);
}

static int images_open(struct dataset *d, const struct dataset_options *o, struct err *err)
{
    int only = dataset_only_feed(d);
    if (only < 0)
        return err_set(err, ERR_INPUT, "%s: images serve a model with one input, but %s; give .npz "
                                       "files", d->path, dataset_list_feeds(d, &d->arena));
    if (!o->image)
        return err_set(err, ERR_USAGE,
                       "%s: images need --image with a line that says how the model was trained to "
                       "see them; for %s%s this may be \"%s\"", d->path,
                       dtype_info(d->feed[only].dtype)->name,
                       shape_text(&d->feed[only].shape, (char[SHAPE_TEXT]){0}),
                       example(&d->feed[only], &d->arena));
    d->state = NEW(&d->arena, struct preprocess);
    TRY(preprocess_parse(o->image, d->state, err));
    d->total = d->n_files;
    return 0;
}

static const char *image_name(struct dataset *d, int64_t i)
{
    return d->file[i];
}

static int image_sample_read(const struct dataset *d, int64_t i, struct arena *a,
                             const struct tensor **t, struct err *err)
{
    const struct preprocess *p = d->state;
    const char *path = dataset_file_path(d, (int)i, a);
    int only = dataset_only_feed(d);
    struct image im;
    bool raw = d->feed[only].dtype != DTYPE_F32 && preprocess_is_raw(p);
    TRY(image_read(path, p->channels, a, &im, err));
    t[only] = preprocess_apply(p, &im, raw, a, err);
    return t[only] ? 0 : err_at(err, "%s", path);
}

const struct dataset_kind dataset_image = {
    "image", "images", images_open, image_name, image_sample_read, NULL,
};
