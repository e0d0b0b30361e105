/* SPDX-License-Identifier: Apache-2.0
 *
 * op_grid: AffineGrid, which makes grids of positions, and GridSample, which reads an image at such
 * positions. An image has 1 to 3 spatial axes.
 *
 * Mode nearest moves elements of any type. The others compute in float, and cut off the fraction
 * where the elements are integers.
 */
#include "ops.h"

#include "k_sample.h"
#include "move.h"
#include "real.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static int sampler_read(const struct call *c, struct sampler *s, struct err *err)
{
    const struct node *n = c->node;
    *s = (struct sampler){.align_corners = node_int(n, "align_corners", 0) != 0};
    /* opset 16 calls the same modes bilinear and bicubic */
    if (node_string_is(n, "mode", "linear", "linear") || node_string_is(n, "mode", "", "bilinear"))
        s->mode = SAMPLE_LINEAR;
    else if (node_string_is(n, "mode", "", "cubic") || node_string_is(n, "mode", "", "bicubic"))
        s->mode = SAMPLE_CUBIC;
    else if (node_string_is(n, "mode", "", "nearest"))
        s->mode = SAMPLE_NEAREST;
    else
        return err_set(err, ERR_INPUT, "attribute mode is none of linear, cubic, nearest");
    if (node_string_is(n, "padding_mode", "zeros", "zeros"))
        s->padding = SAMPLE_ZEROS;
    else if (node_string_is(n, "padding_mode", "", "border"))
        s->padding = SAMPLE_BORDER;
    else if (node_string_is(n, "padding_mode", "", "reflection"))
        s->padding = SAMPLE_REFLECTION;
    else
        return err_set(err, ERR_INPUT,
                       "attribute padding_mode is none of zeros, border, reflection");
    return 0;
}

int infer_grid_sample(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape, *grid = &c->in[1]->shape;
    struct shape s = shape_unknown();
    struct sampler sampler;
    TRY(sampler_read(c, &sampler, err));
    TRY(real_check(c, 1, err));
    if (x->rank >= 0 && (x->rank < 3 || x->rank > 2 + SAMPLE_AXES))
        return err_set(err, ERR_INPUT, "input 0 has rank %d; ranks 3 to 5 are supported", x->rank);
    if (x->rank >= 0 && grid->rank >= 0) {
        int64_t axes = grid->dim[grid->rank ? grid->rank - 1 : 0];
        if (grid->rank != x->rank || (axes >= 0 && axes != x->rank - 2))
            return err_set(err, ERR_INPUT, "the grid does not fit an input of rank %d", x->rank);
        if (x->dim[0] >= 0 && grid->dim[0] >= 0 && x->dim[0] != grid->dim[0])
            return err_set(err, ERR_INPUT, "input and grid differ in their batches");
        s = *x;
        for (int i = 2; i < s.rank; i++)
            s.dim[i] = grid->dim[i - 1];
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

/* A batch of images: elements from one to the next, between channels, between pixels. */
struct steps {
    int64_t batch, channel, pixel;
};

static struct steps image_steps(const struct tensor *t)
{
    int64_t channels = t->shape.dim[1], span = shape_span(&t->shape, 2, t->shape.rank);
    if (t->layout == LAYOUT_CHANNELS_LAST)
        return (struct steps){channels * span, 1, channels};
    return (struct steps){channels * span, span, 1};
}

static int sample_nearest(struct call *c, const struct sampler *s, const float *grid,
                          struct err *err)
{
    const struct tensor *x = c->in[0], *y = c->out[0];
    struct steps from = image_steps(x), to = image_steps(y);
    int64_t n = shape_span(&y->shape, 2, y->shape.rank), index[SAMPLE_TAPS];
    float at[SAMPLE_AXES], weight[SAMPLE_TAPS];
    struct move m;
    TRY(move_open(c, c->out[0], &m, err));
    const char *source = move_source(c, x);
    memset(m.to, 0, (size_t)tensor_count(y) * m.item);
    for (int64_t i = 0; i < x->shape.dim[0] * n; i++, grid += s->axes) {
        k_sample_locate(s, grid, at);
        if (!k_sample_taps(s, at, index, weight))
            continue;
        int64_t target = i / n * to.batch + i % n * to.pixel;
        int64_t pixel = i / n * from.batch + index[0] * from.pixel;
        for (int64_t k = 0; k < x->shape.dim[1]; k++)
            memcpy(m.to + (size_t)(target + k * to.channel) * m.item,
                   source + (size_t)(pixel + k * from.channel) * m.item, m.item);
    }
    move_close(c->out[0], &m);
    return 0;
}

static int sample_between(struct call *c, const struct sampler *s, const float *grid,
                          struct err *err)
{
    const struct tensor *x = c->in[0], *y = c->out[0];
    struct steps from = image_steps(x), to = image_steps(y);
    int64_t n = shape_span(&y->shape, 2, y->shape.rank), index[SAMPLE_TAPS];
    float at[SAMPLE_AXES], weight[SAMPLE_TAPS];
    const struct dtype_info *info = dtype_info(x->dtype);
    if (!info->is_float && !info->is_integer)
        return call_refuse_dtype(x->dtype, err);
    const float *source = real_in(c, 0);
    float *target = real_out(c, 0);
    struct k_image image = {source, x->shape.dim[1], from.channel, from.pixel};
    for (int64_t i = 0; i < x->shape.dim[0] * n; i++, grid += s->axes) {
        image.x = source + i / n * from.batch;
        k_sample_locate(s, grid, at);
        int taps = k_sample_taps(s, at, index, weight);
        k_sample_sum(&image, index, weight, taps, target + i / n * to.batch + i % n * to.pixel,
                     to.channel);
    }
    for (int64_t i = 0, all = tensor_count(y); info->is_integer && i < all; i++)
        target[i] = truncf(target[i]);
    real_store(c, 0, target);
    return 0;
}

int eval_grid_sample(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape;
    struct sampler s;
    TRY(sampler_read(c, &s, err));
    s.axes = x->rank - 2;
    for (int i = 0; i < s.axes; i++)
        s.dim[i] = x->dim[2 + i];
    if (tensor_count(c->out[0]) == 0)
        return 0;
    if (tensor_count(c->in[0]) == 0)
        return err_set(err, ERR_INPUT, "the input has no elements");
    const float *grid = real_in(c, 1);
    return s.mode == SAMPLE_NEAREST ? sample_nearest(c, &s, grid, err)
                                    : sample_between(c, &s, grid, err);
}

/* [N, 2, 3] and [N, C, H, W] give [N, H, W, 2]; with one axis more, [N, D, H, W, 3]. */
int infer_affine_grid(struct call *c, struct err *err)
{
    const struct shape *theta = &c->in[0]->shape;
    struct shape s = shape_unknown();
    struct ints size;
    TRY(real_check(c, 0, err));
    TRY(call_ints(c, 1, NULL, &size, err));
    if (size.n >= 0 && size.n != 4 && size.n != 5)
        return err_set(err, ERR_INPUT, "the size has %d elements, not 4 or 5", size.n);
    if (size.n >= 0) {
        int axes = size.n - 2;
        s = shape_of_rank(size.n);
        s.dim[0] = theta->rank == 3 ? theta->dim[0] : -1;
        s.dim[size.n - 1] = axes;
        for (int i = 0; size.known && i < axes; i++) {
            s.dim[1 + i] = size.at[2 + i] == DIM_UNKNOWN ? -1 : size.at[2 + i];
            if (size.at[2 + i] < 0 && size.at[2 + i] != DIM_UNKNOWN)
                return err_set(err, ERR_INPUT, "the size has a negative element");
        }
        if (theta->rank >= 0
            && (theta->rank != 3 || (theta->dim[1] >= 0 && theta->dim[1] != axes)
                || (theta->dim[2] >= 0 && theta->dim[2] != axes + 1)))
            return err_set(err, ERR_INPUT, "theta does not fit %d axes", axes);
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int eval_affine_grid(struct call *c, struct err *err)
{
    const struct shape *s = &c->out[0]->shape;
    int axes = s->rank - 2;
    bool align = node_int(c->node, "align_corners", 0) != 0;
    int64_t n = shape_span(s, 1, s->rank - 1);
    const float *theta = real_in(c, 0);
    float *grid = real_out(c, 0), *y = grid;
    (void)err;
    for (int64_t i = 0; i < s->dim[0] * n; i++, y += axes) {
        double at[SAMPLE_AXES + 1];
        int64_t rest = i % n;
        for (int k = 0; k < axes; k++) { /* last axis first, as in the grid */
            int64_t dim = s->dim[axes - k], step = rest % dim;
            rest /= dim;
            at[k] = (2 * (double)step + 1) / (double)dim - 1;
            if (align) /* one pixel alone is the first, not the middle */
                at[k] = step ? 2 * (double)step / (double)(dim - 1) - 1 : -1;
        }
        const float *row = theta + i / n * axes * (axes + 1);
        for (int k = 0; k < axes; k++, row += axes + 1) {
            double sum = (double)row[axes];
            for (int j = 0; j < axes; j++)
                sum += (double)row[j] * at[j];
            y[k] = (float)sum;
        }
    }
    real_store(c, 0, grid);
    return 0;
}
