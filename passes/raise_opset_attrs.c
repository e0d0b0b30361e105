/* SPDX-License-Identifier: Apache-2.0
 *
 * raise_opset_attrs: attributes that became inputs, and attributes whose default changed.
 */
#include "raise_opset.h"

#include <string.h>

void raise_set_constant(struct node *n, int slot, const char *suffix, const struct tensor *t)
{
    struct build at = build_before(n);
    node_set_input(n, slot, build_constant(&at, suffix, t));
}

/* A list of integers becomes an int64 vector; nothing where the attribute is left out. */
static void ints_to_input(struct node *n, const char *attr, int slot)
{
    size_t count;
    const int64_t *v = node_ints(n, attr, &count);
    if (!node_attr(n, attr))
        return;
    raise_set_constant(n, slot, attr, tensor_from_i64(n->graph->model->arena, v, (int64_t)count));
    node_drop_attr(n, attr);
}

/* A float becomes a scalar of the type of input 0. */
static void float_to_input(struct node *n, const char *attr, int slot, float otherwise)
{
    enum dtype dtype = node_input(n, 0) ? node_input(n, 0)->type.dtype : DTYPE_NONE;
    float v = node_float(n, attr, otherwise);
    struct arena *a = n->graph->model->arena;
    raise_set_constant(n, slot, attr, tensor_scalar(a, dtype ? dtype : DTYPE_F32, (double)v));
    node_drop_attr(n, attr);
}

int raise_axes(struct node *n, struct err *err)
{
    (void)err;
    ints_to_input(n, "axes", 1);
    return 0;
}

int raise_slice(struct node *n, struct err *err)
{
    (void)err;
    ints_to_input(n, "starts", 1);
    ints_to_input(n, "ends", 2);
    ints_to_input(n, "axes", 3);
    return 0;
}

int raise_topk(struct node *n, struct err *err)
{
    (void)err;
    int64_t k = node_int(n, "k", 1);
    raise_set_constant(n, 1, "k", tensor_from_i64(n->graph->model->arena, &k, 1));
    node_drop_attr(n, "k");
    return 0;
}

int raise_clip(struct node *n, struct err *err)
{
    (void)err;
    if (node_attr(n, "min"))
        float_to_input(n, "min", 1, 0);
    if (node_attr(n, "max"))
        float_to_input(n, "max", 2, 0);
    return 0;
}

int raise_pad(struct node *n, struct err *err)
{
    (void)err;
    ints_to_input(n, "pads", 1);
    if (node_float(n, "value", 0) != 0)
        float_to_input(n, "value", 2, 0);
    node_drop_attr(n, "value");
    return 0;
}

/* The ratio counts in training only, but its value is the model's to keep. */
int raise_dropout_ratio(struct node *n, struct err *err)
{
    (void)err;
    if (node_attr(n, "ratio"))
        float_to_input(n, "ratio", 1, 0.5f);
    return 0;
}

int raise_split(struct node *n, struct err *err)
{
    (void)err;
    ints_to_input(n, "split", 1);
    return 0;
}

/* Equal parts have to be counted. */
int raise_split_count(struct node *n, struct err *err)
{
    (void)err;
    if (!node_input(n, 1))
        node_set_int(n, "num_outputs", n->n_out);
    return 0;
}

int raise_upsample_scales(struct node *n, struct err *err)
{
    size_t count;
    const float *v = node_floats(n, "scales", &count);
    if (!v)
        return err_set(err, ERR_INPUT, "it has no attribute 'scales'");
    raise_set_constant(n, 1, "scales",
                       tensor_from_f32(n->graph->model->arena, v, (int64_t)count));
    node_drop_attr(n, "scales");
    return 0;
}

/* The default became half_pixel. */
int raise_roialign(struct node *n, struct err *err)
{
    (void)err;
    if (!node_attr(n, "coordinate_transformation_mode"))
        node_set_string(n, "coordinate_transformation_mode", "output_half_pixel");
    return 0;
}

/* A mode went away. */
int raise_resize_mode(struct node *n, struct err *err)
{
    if (node_string_is(n, "coordinate_transformation_mode", "half_pixel", "tf_half_pixel_for_nn"))
        return err_set(err, ERR_INPUT, "coordinate_transformation_mode tf_half_pixel_for_nn has no "
                       "newer form");
    return 0;
}

/* Two modes have new names. */
int raise_gridsample(struct node *n, struct err *err)
{
    (void)err;
    if (node_string_is(n, "mode", "bilinear", "bilinear"))
        node_set_string(n, "mode", "linear");
    else if (node_string_is(n, "mode", "bilinear", "bicubic"))
        node_set_string(n, "mode", "cubic");
    return 0;
}

int raise_dft(struct node *n, struct err *err)
{
    (void)err;
    double axis = (double)node_int(n, "axis", 1);
    raise_set_constant(n, 2, "axis", tensor_scalar(n->graph->model->arena, DTYPE_I64, axis));
    node_drop_attr(n, "axis");
    return 0;
}
