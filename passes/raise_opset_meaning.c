/* SPDX-License-Identifier: Apache-2.0
 *
 * raise_opset_meaning: operators whose meaning or name changed.
 */
#include "raise_opset.h"

#include "op.h"

#include <math.h>
#include <string.h>

static void retype(struct node *n, const char *type)
{
    n->type = type;
    n->op = op_find("", type);
}

/* The old form had a batch axis of its own and sequence lengths. */
int raise_scan(struct node *n, struct err *err)
{
    (void)n;
    return err_set(err, ERR_INPUT, "its form of opset 8, with a batch axis, has no newer one");
}

/* A multiplication by scale / sqrt(var + epsilon), and an addition. */
static int batchnorm_by_element(struct node *n, struct err *err)
{
    const struct tensor *p[5];
    struct arena *arena = n->graph->model->arena;
    for (int i = 1; i < 5; i++) {
        p[i] = node_constant(n, i);
        if (!p[i] || !shape_equal(&p[i]->shape, &p[1]->shape))
            return err_set(err, ERR_INPUT, "spatial = 0 has a newer form only for constants, which "
                                           "input %d is not", i);
    }
    double epsilon = (double)node_float(n, "epsilon", 1e-5f);
    struct tensor *factor = tensor_new(arena, p[1]->dtype, &p[1]->shape);
    struct tensor *shift = tensor_new(arena, p[1]->dtype, &p[1]->shape);
    for (int64_t i = 0; i < tensor_count(p[1]); i++) {
        double k = tensor_get(p[1], i) / sqrt(tensor_get(p[4], i) + epsilon);
        dtype_store(factor->dtype, factor->data, i, k);
        dtype_store(shift->dtype, shift->data, i, tensor_get(p[2], i) - tensor_get(p[3], i) * k);
    }
    struct build at = build_before(n);
    struct value *product[] = {node_input(n, 0), build_constant(&at, "scale", factor)};
    struct value *sum[] = {build_node(&at, OP_Mul, 2, product, 1)->out[0],
                           build_constant(&at, "shift", shift)};
    struct value *y = build_node(&at, OP_Add, 2, sum, 1)->out[0];
    y->type = n->out[0]->type;
    value_swap_names(n->out[0], y);
    value_replace(n->out[0], y);
    node_remove(n);
    return 0;
}

int raise_batchnorm_spatial(struct node *n, struct err *err)
{
    if (!node_int(n, "spatial", 1))
        return batchnorm_by_element(n, err);
    node_drop_attr(n, "spatial");
    return 0;
}

int raise_upsample(struct node *n, struct err *err)
{
    (void)err;
    retype(n, "Resize");
    return 0;
}

int raise_scatter(struct node *n, struct err *err)
{
    (void)err;
    retype(n, "ScatterElements");
    return 0;
}

/* The mask had the type of the data and is bool now. */
int raise_dropout_mask(struct node *n, struct err *err)
{
    (void)err;
    struct value *mask = n->n_out > 1 ? n->out[1] : NULL;
    if (!mask || !mask->uses)
        return 0;
    struct build at = build_after(n);
    struct value *now = value_new(n->graph, name_fresh(n->graph->model, mask->name));
    now->type = (struct tensor){.dtype = DTYPE_BOOL, .shape = mask->type.shape};
    struct node *cast = build_node(&at, OP_Cast, 1, &now, 1);
    node_set_int(cast, "to", mask->type.dtype ? mask->type.dtype : DTYPE_F32);
    value_replace(mask, cast->out[0]);
    node_set_output(n, 1, now);
    return 0;
}

/* Opset 10 knew one rule for coordinates, x / scale, and one for the nearest neighbour: down when
 * enlarging, up when shrinking (onnxruntime/core/providers/cpu/tensor/upsample.h). */
int raise_resize(struct node *n, struct err *err)
{
    struct value *scales = node_input(n, 1);
    const struct tensor *t = node_constant(n, 1);
    bool grows = false, shrinks = false;
    for (int64_t i = 0, count = t ? tensor_count(t) : 0; i < count; i++) {
        grows = grows || tensor_get(t, i) > 1;
        shrinks = shrinks || tensor_get(t, i) < 1;
    }
    if (node_string_is(n, "mode", "nearest", "nearest")) {
        if (grows && shrinks)
            return err_set(err, ERR_INPUT, "it enlarges one axis and shrinks another");
        node_set_string(n, "nearest_mode", shrinks ? "ceil" : "floor");
    }
    node_set_string(n, "coordinate_transformation_mode", "asymmetric");
    node_set_input(n, 2, scales);
    node_set_input(n, 1, NULL);
    return 0;
}

/* The old form makes a matrix of the axes before `axis` and those from it on, and works along
 * the rows; the new one works along one axis. They agree where all later axes are 1 long. */
int raise_softmax(struct node *n, struct err *err)
{
    struct value *x = node_input(n, 0), *y = n->out[0];
    if (!x)
        return err_set(err, ERR_INPUT, "it has no input");
    const struct shape *s = &x->type.shape;
    int64_t old = node_int(n, "axis", 1);
    int axis = s->rank < 0 ? -1 : shape_axis(s, old);
    bool alike = axis >= 0 || old == -1;
    for (int i = axis + 1; axis >= 0 && i < s->rank; i++)
        alike = alike && s->dim[i] == 1;
    if (alike) {
        node_set_int(n, "axis", axis == s->rank - 1 || axis < 0 ? -1 : axis);
        return 0;
    }
    struct build at = build_before(n);
    struct node *flat = build_node(&at, OP_Flatten, 1, &x, 1);
    struct value *shape = shape_known(s)
        ? build_constant(&at, "shape", tensor_from_i64(n->graph->model->arena, s->dim, s->rank))
        : build_node(&at, OP_Shape, 1, &x, 1)->out[0];
    node_set_int(flat, "axis", old);
    node_set_int(n, "axis", -1);
    node_set_input(n, 0, flat->out[0]);
    at = build_after(n);
    struct node *back = build_node(&at, OP_Reshape, 2, (struct value *[]){y, shape}, 1);
    value_replace(y, back->out[0]);
    node_set_input(back, 0, y);
    value_swap_names(y, back->out[0]);
    back->out[0]->type = y->type;
    y->type.shape = (struct shape){2, {-1, -1}};
    return 0;
}

/* A scale in a vector of one element meant the whole tensor; now it would mean an axis. */
int raise_quantize(struct node *n, struct err *err)
{
    for (int i = 1; i <= 2; i++) {
        const struct value *v = node_input(n, i);
        const struct tensor *t = node_constant(n, i);
        if (!v || v->type.shape.rank <= 0)
            continue;
        if (!t || tensor_count(t) != 1)
            return err_set(err, ERR_INPUT, "input %d is not a scalar", i);
        struct tensor *scalar = arena_copy(n->graph->model->arena, t, sizeof *t);
        scalar->shape.rank = 0;
        scalar->origin = NULL;
        raise_set_constant(n, i, i == 1 ? "scale" : "zero_point", scalar);
    }
    return 0;
}

/* Scale and bias, one a group, become one a channel. */
int raise_groupnorm(struct node *n, struct err *err)
{
    if (!node_input(n, 0))
        return err_set(err, ERR_INPUT, "it has no input");
    const struct shape *s = &node_input(n, 0)->type.shape;
    int64_t groups = node_int(n, "num_groups", 1), channels = s->rank > 1 ? s->dim[1] : -1;
    for (int i = 1; i <= 2; i++) {
        const struct tensor *t = node_constant(n, i);
        if (!t || channels < 0 || groups < 1 || channels % groups || tensor_count(t) != groups)
            return err_set(err, ERR_INPUT, "input %d is not a constant with one number a group", i);
        struct tensor *wide = tensor_new(n->graph->model->arena, t->dtype,
                                         &(struct shape){1, {channels}});
        for (int64_t k = 0; k < channels; k++)
            dtype_store(t->dtype, wide->data, k, tensor_get(t, k / (channels / groups)));
        raise_set_constant(n, i, i == 1 ? "scale" : "bias", wide);
    }
    return 0;
}
