/* SPDX-License-Identifier: Apache-2.0
 *
 * resize: reading the attributes and inputs of Resize, and computing coordinates and weights as
 * ONNX's text defines them: element i of the result lies at coordinate x of the source, and the n
 * elements around x are weighted by their distance from it.
 */
#include "resize.h"

#include "ops.h"

#include <inttypes.h>
#include <math.h>

/* Which of the names the string attribute has; -1: none of them. */
static int choice(const struct call *c, const char *attr, const char *otherwise,
                  const char *const *names, int n, struct err *err)
{
    for (int i = 0; i < n; i++)
        if (node_string_is(c->node, attr, otherwise, names[i]))
            return i;
    return err_set(err, ERR_INPUT, "attribute %s has a value that is not supported", attr);
}

static bool is_old(const struct call *c)
{
    return c->opset < 11 || c->node->op == OP_Upsample;
}

static int attributes_read(const struct call *c, struct resize *r, struct err *err)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const coordinates[] = {
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
        "tf_crop_and_resize", "tf_half_pixel_for_nn"};
    static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                          "ceil"};
    bool old = is_old(c);
    int mode = choice(c, "mode", "nearest", modes, 3, err);
    int coordinate = old ? COORDINATE_ASYMMETRIC
                         : choice(c, "coordinate_transformation_mode", "half_pixel", coordinates,
                                  c->opset < 13 ? 7 : 6, err);
    int way = old ? NEAREST_OLD : choice(c, "nearest_mode", "round_prefer_floor", nearest, 4, err);
    if (mode < 0 || coordinate < 0 || way < 0)
        return -1;
    r->mode = (enum resize_mode)mode;
    r->coordinate = (enum coordinate)coordinate;
    r->nearest = (enum nearest)way;
    r->antialias = node_int(c->node, "antialias", 0);
    r->exclude_outside = node_int(c->node, "exclude_outside", 0);
    r->cubic_a = node_float(c->node, "cubic_coeff_a", -0.75f);
    r->outside_value = node_float(c->node, "extrapolation_value", 0);
    if (r->antialias && r->mode == RESIZE_NEAREST)
        return err_set(err, ERR_INPUT, "attribute antialias does not go with mode nearest");
    return 0;
}

/* The axes that sizes, scales and roi speak of. */
static int axes_read(const struct call *c, int rank, int axes[MAX_RANK], int *n, struct err *err)
{
    size_t count = 0;
    const int64_t *given = node_ints(c->node, "axes", &count);
    *n = given ? (int)count : rank;
    if (*n > rank)
        return err_set(err, ERR_INPUT, "there are more axes than the input has");
    for (int i = 0; i < *n; i++) {
        axes[i] = given ? axis_check(given[i], rank, err) : i;
        if (axes[i] < 0)
            return -1;
    }
    return 0;
}

/* A vector of floats, from an input or (Upsample before opset 9) an attribute. */
static int floats_read(const struct call *c, int slot, const char *attr, int n, bool *given,
                       bool *known, double *v, struct err *err)
{
    const struct tensor *t = slot < 0 ? NULL : call_in(c, slot);
    size_t count = 0;
    const float *list = slot < 0 ? node_floats(c->node, attr, &count) : NULL;
    int64_t length = t ? tensor_count(t) : (int64_t)count;
    *given = (t && length != 0) || list;
    *known = *given && (list || (t->data && length >= 0));
    if (!*known)
        return 0;
    if (length != n)
        return err_set(err, ERR_INPUT, "%" PRId64 " %s for %d axes", length, attr, n);
    for (int i = 0; i < n; i++)
        v[i] = list ? (double)list[i] : tensor_get(t, i);
    return 0;
}

static int scales_apply(struct resize *r, const int *axes, int n, const double *v,
                        struct err *err)
{
    for (int i = 0; i < n; i++) {
        int64_t dim = r->from.dim[axes[i]];
        if (!(v[i] > 0 && v[i] < 0x1p31))
            return err_set(err, ERR_INPUT, "the scale of axis %d is %g", axes[i], v[i]);
        r->scale[axes[i]] = v[i];
        /* in float, as runtimes do: 0.7 of 10 elements are 7 */
        r->to.dim[axes[i]] = dim < 0 ? -1 : (int64_t)floorf((float)v[i] * (float)dim);
    }
    return 0;
}

static int sizes_apply(const struct call *c, struct resize *r, const int *axes, int n,
                       const struct ints *size, struct err *err)
{
    bool larger = node_string_is(c->node, "keep_aspect_ratio_policy", "stretch", "not_smaller");
    bool smaller = node_string_is(c->node, "keep_aspect_ratio_policy", "stretch", "not_larger");
    double common = 0;
    for (int i = 0; i < n; i++) {
        int64_t dim = r->from.dim[axes[i]], to = size->at[i];
        r->to.dim[axes[i]] = to < 0 ? -1 : to;
        if (to < 0 && to != DIM_UNKNOWN)
            return err_set(err, ERR_INPUT, "the size of axis %d is %" PRId64, axes[i], to);
        r->scale[axes[i]] = dim > 0 && to >= 0 ? (double)to / (double)dim : 1;
        double s = r->scale[axes[i]];
        common = i == 0 || (larger ? s > common : s < common) ? s : common;
    }
    for (int i = 0; (larger || smaller) && i < n; i++) {
        int64_t dim = r->from.dim[axes[i]];
        if (dim < 0 || size->at[i] < 0)
            r->to.dim[axes[i]] = -1;
        else
            r->to.dim[axes[i]] = (int64_t)(common * (double)dim + 0.5);
        r->scale[axes[i]] = common;
    }
    return 0;
}

int resize_read(const struct call *c, struct resize *r, struct err *err)
{
    bool old = is_old(c), by_attr = old && c->opset < 9, given, known;
    int axes[MAX_RANK], n;
    double v[2 * MAX_RANK] = {0};
    struct ints size;
    *r = (struct resize){.from = c->in[0]->shape, .to = c->in[0]->shape};
    TRY(attributes_read(c, r, err));
    if (r->from.rank < 0)
        return 0;
    for (int i = 0; i < r->from.rank; i++) {
        r->scale[i] = r->end[i] = 1;
        r->begin[i] = 0;
    }
    TRY(axes_read(c, r->from.rank, axes, &n, err));
    if (r->coordinate == COORDINATE_CROP) {
        TRY(floats_read(c, 1, "roi", 2 * n, &given, &known, v, err));
        if (!given)
            return err_set(err, ERR_INPUT, "there is no roi");
        for (int i = 0; i < n; i++) {
            r->begin[axes[i]] = v[i];
            r->end[axes[i]] = v[n + i];
        }
    }
    TRY(call_ints(c, old ? -1 : 3, NULL, &size, err));
    TRY(floats_read(c, by_attr ? -1 : old ? 1 : 2, "scales", n, &given, &known, v, err));
    if (size.given && size.n != 0) {
        if (size.n > 0 && size.n != n)
            return err_set(err, ERR_INPUT, "%d sizes for %d axes", size.n, n);
        if (size.known)
            return sizes_apply(c, r, axes, n, &size, err);
    } else if (!given) {
        return err_set(err, ERR_INPUT, "there are neither scales nor sizes");
    } else if (known) {
        return scales_apply(r, axes, n, v, err);
    }
    for (int i = 0; i < n; i++)
        r->to.dim[axes[i]] = -1;
    return 0;
}

bool resize_axis_changes(const struct resize *r, int axis)
{
    bool cropped = r->coordinate == COORDINATE_CROP && (r->begin[axis] != 0 || r->end[axis] != 1);
    return cropped || r->scale[axis] != 1 || r->from.dim[axis] != r->to.dim[axis];
}

/* Where element i of the result lies in the source. */
static double coordinate(const struct resize *r, int axis, int64_t i)
{
    double scale = r->scale[axis], n = (double)r->from.dim[axis], at = (double)i;
    double to = scale * n, half = (at + 0.5) / scale - 0.5;
    switch (r->coordinate) {
    case COORDINATE_ALIGN_CORNERS: return to == 1 ? 0 : at * (n - 1) / (to - 1);
    case COORDINATE_ASYMMETRIC: return at / scale;
    case COORDINATE_PIXEL_IN_TF: return (at + 0.5) / scale;
    case COORDINATE_PYTORCH_HALF_PIXEL: return to == 1 ? -0.5 : half;
    case COORDINATE_HALF_PIXEL_SYMMETRIC:
        return n / 2 * (1 - (double)r->to.dim[axis] / to) + half;
    case COORDINATE_CROP: {
        double part = (r->end[axis] - r->begin[axis]) * (n - 1);
        return r->begin[axis] * (n - 1) + (to == 1 ? part / 2 : at * part / (to - 1));
    }
    default: return half;
    }
}

static int64_t nearest_of(const struct resize *r, int axis, double x)
{
    double below = floor(x), ratio = x - below, at = below;
    switch (r->nearest) {
    case NEAREST_PREFER_FLOOR: at += ratio > 0.5; break;
    case NEAREST_PREFER_CEIL: at += ratio >= 0.5; break;
    case NEAREST_FLOOR: break;
    case NEAREST_CEIL: at += ratio > 0; break;
    case NEAREST_OLD: at += r->scale[axis] < 1 && ratio > 0; break;
    }
    double last = (double)r->from.dim[axis] - 1;
    return (int64_t)(at < 0 ? 0 : at > last ? last : at);
}

int64_t resize_nearest(const struct resize *r, int axis, int64_t i)
{
    return resize_axis_changes(r, axis) ? nearest_of(r, axis, coordinate(r, axis, i)) : i;
}

/* The weight of an element at distance d: a triangle, or Keys' cubic. */
static double weight(const struct resize *r, double d)
{
    double a = (double)r->cubic_a;
    d = fabs(d);
    if (r->mode == RESIZE_LINEAR)
        return d < 1 ? 1 - d : 0;
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((d - 5) * d + 8) * d * a - 4 * a : 0;
}

/* The n elements around x; an integer x has its left neighbours in the window. */
static void taps_at(const struct resize *r, int axis, double x, double stretch, int64_t n,
                    int64_t *index, float *out)
{
    int64_t first = (int64_t)ceil(x) - n / 2, last = r->from.dim[axis] - 1;
    double sum = 0;
    for (int64_t k = 0; k < n; k++) {
        int64_t at = first + k;
        double w = weight(r, ((double)at - x) * stretch);
        if (r->exclude_outside && (at < 0 || at > last))
            w = 0;
        index[k] = at < 0 ? 0 : at > last ? last : at;
        out[k] = (float)w;
        sum += w;
    }
    for (int64_t k = 0; (r->exclude_outside || stretch < 1) && sum != 0 && k < n; k++)
        out[k] = (float)((double)out[k] / sum);
}

int resize_taps(struct arena *a, const struct resize *r, int axis, struct k_taps *t,
                struct err *err)
{
    int64_t to = r->to.dim[axis], reach = r->mode == RESIZE_CUBIC ? 2 : 1;
    double stretch = r->antialias && r->scale[axis] < 1 ? r->scale[axis] : 1;
    double start = floor((double)-reach / stretch) + 1;
    if (start < -1e6)
        return err_set(err, ERR_INPUT, "the scale of axis %d is too small", axis);
    t->n = r->mode == RESIZE_NEAREST ? 1 : 2 - 2 * (int64_t)start;
    t->index = NEW_ARRAY(a, to * t->n + 1, int64_t);
    t->weight = NEW_ARRAY(a, to * t->n + 1, float);
    t->outside = r->coordinate == COORDINATE_CROP ? NEW_ARRAY(a, to + 1, bool) : NULL;
    t->value = r->outside_value;
    for (int64_t i = 0; i < to; i++) {
        double x = coordinate(r, axis, i);
        if (t->outside)
            t->outside[i] = !(x >= 0 && x <= (double)(r->from.dim[axis] - 1));
        x = t->outside && t->outside[i] ? 0 : x;
        if (r->mode == RESIZE_NEAREST) {
            t->index[i] = nearest_of(r, axis, x);
            t->weight[i] = 1;
        } else {
            taps_at(r, axis, x, stretch, t->n, t->index + i * t->n, t->weight + i * t->n);
        }
    }
    return 0;
}

/* Is the axis as long as its scale says, or was a fraction cut off, which ONNX counts as length? */
static bool is_whole(const struct resize *r, int axis)
{
    return fabs(r->scale[axis] * (double)r->from.dim[axis] - (double)r->to.dim[axis]) < 1e-3;
}

bool resize_is_bilinear(const struct resize *r, int axis[2])
{
    int n = 0;
    bool usual = r->coordinate == COORDINATE_HALF_PIXEL || r->coordinate == COORDINATE_ASYMMETRIC
              || r->coordinate == COORDINATE_PYTORCH_HALF_PIXEL
              || r->coordinate == COORDINATE_ALIGN_CORNERS;
    if (r->mode != RESIZE_LINEAR || r->antialias || r->exclude_outside || !usual)
        return false;
    for (int i = 0; i < r->from.rank; i++)
        if (resize_axis_changes(r, i)) {
            if (n == 2 || !is_whole(r, i))
                return false;
            axis[n++] = i;
        }
    if (n == 1 && r->from.rank == 4 && axis[0] >= 2) { /* the other axis of the plane stays */
        axis[0] = 2;
        axis[1] = 3;
        return true;
    }
    return n == 2 && axis[1] == axis[0] + 1;
}

static float coordinate_f32(const struct resize *r, int axis, int64_t i)
{
    float at = (float)i, scale = (float)r->scale[axis];
    float from = (float)r->from.dim[axis], to = (float)r->to.dim[axis];
    switch (r->coordinate) {
    case COORDINATE_ALIGN_CORNERS: return to == 1 ? 0 : at * (from - 1) / (to - 1);
    case COORDINATE_ASYMMETRIC: return at / scale;
    case COORDINATE_PYTORCH_HALF_PIXEL: return to > 1 ? (at + 0.5f) / scale - 0.5f : 0;
    default: return (at + 0.5f) / scale - 0.5f;
    }
}

struct k_pair resize_pair(const struct resize *r, int axis, int64_t i)
{
    int64_t last = r->from.dim[axis] - 1;
    float x = fmaxf(0, fminf(coordinate_f32(r, axis, i), (float)last));
    int64_t below = (int64_t)x < last ? (int64_t)x : last;
    int64_t above = below < last ? below + 1 : last;
    if (below == above)
        return (struct k_pair){{below, above}, {0.5f, 0.5f}};
    return (struct k_pair){{below, above}, {fabsf(x - (float)above), fabsf(x - (float)below)}};
}
