/* SPDX-License-Identifier: Apache-2.0
 *
 * op_roi: pooling over regions of interest. RoiAlign averages over points between pixels, or takes
 * the largest product of a pixel and its weight (so ONNX defines mode max); MaxRoiPool takes the
 * largest pixel.
 */
#include "ops.h"

#include "k_roi.h"
#include "real.h"

#include <inttypes.h>
#include <math.h>

struct roi {
    int64_t rows, columns, sampling;
    float scale, shift; /* a coordinate of a region is multiplied, then moved */
    bool largest, grows; /* grows: no region is smaller than a pixel */
};

static int roi_read(const struct call *c, struct roi *r, struct err *err)
{
    const struct node *n = c->node;
    *r = (struct roi){.scale = node_float(n, "spatial_scale", 1)};
    if (n->op == OP_MaxRoiPool) {
        size_t count = 0;
        const int64_t *shape = node_ints(n, "pooled_shape", &count);
        if (count != 2)
            return err_set(err, ERR_INPUT, "attribute pooled_shape must have two numbers");
        r->rows = shape[0];
        r->columns = shape[1];
    } else {
        bool half = c->opset >= 16
                    && node_string_is(n, "coordinate_transformation_mode", "half_pixel",
                                      "half_pixel");
        if (c->opset >= 16 && !half
            && !node_string_is(n, "coordinate_transformation_mode", "", "output_half_pixel"))
            return err_set(err, ERR_INPUT, "attribute coordinate_transformation_mode must be "
                                           "half_pixel or output_half_pixel");
        r->largest = node_string_is(n, "mode", "avg", "max");
        if (!r->largest && !node_string_is(n, "mode", "avg", "avg"))
            return err_set(err, ERR_INPUT, "attribute mode must be avg or max");
        r->rows = node_int(n, "output_height", 1);
        r->columns = node_int(n, "output_width", 1);
        r->sampling = node_int(n, "sampling_ratio", 0);
        r->shift = half ? -0.5f : 0;
        r->grows = !half;
    }
    int64_t most = 1 << 16;
    if (r->rows < 0 || r->rows > most || r->columns < 0 || r->columns > most
        || r->sampling > most)
        return err_set(err, ERR_INPUT, "the size of the output is out of range");
    return 0;
}

int infer_roi(struct call *c, struct err *err)
{
    const struct shape *x = &c->in[0]->shape, *rois = &c->in[1]->shape;
    int64_t width = c->node->op == OP_MaxRoiPool ? 5 : 4;
    struct roi r;
    TRY(roi_read(c, &r, err));
    TRY(real_check(c, 0, err));
    TRY(call_same_dtype(c, 0, 1, err));
    if (x->rank >= 0 && x->rank != 4)
        return err_set(err, ERR_INPUT, "input 0 must have rank 4, not %d", x->rank);
    if (rois->rank >= 0 && (rois->rank != 2 || (rois->dim[1] >= 0 && rois->dim[1] != width)))
        return err_set(err, ERR_INPUT, "a region must have %" PRId64 " numbers", width);
    struct shape s = {4, {-1, -1, r.rows, r.columns}};
    s.dim[0] = rois->rank == 2 ? rois->dim[0] : -1;
    s.dim[1] = x->rank == 4 ? x->dim[1] : -1;
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

/* Where the images of the input and of the output are. */
struct images {
    struct k_image from;
    int64_t batch; /* elements of an image of the input */
    float *to;
    int64_t channel_step, pixel_step;
};

static void images_open(const struct call *c, struct images *m)
{
    const struct tensor *x = c->in[0], *y = c->out[0];
    int64_t in[MAX_RANK], out[MAX_RANK];
    tensor_strides(x, in);
    tensor_strides(y, out);
    m->from = (struct k_image){real_in(c, 0), x->shape.dim[1], in[1], in[3]};
    m->batch = in[0];
    m->to = real_out(c, 0);
    m->channel_step = out[1];
    m->pixel_step = out[3];
}

/* The points of one axis of a region, for each of n bins; -1: far too many. */
static int64_t points(const struct roi *r, float extent, int64_t n)
{
    if (r->sampling > 0)
        return r->sampling;
    float need = ceilf(extent / (float)n);
    return need > 0 ? need < 4096 ? (int64_t)need : -1 : 0;
}

static int align_region(struct call *c, const struct roi *r, const struct images *m,
                        const float *region, float *to, struct err *err)
{
    const int64_t *dim = c->in[0]->shape.dim;
    float left = region[0] * r->scale + r->shift, top = region[1] * r->scale + r->shift;
    float width = region[2] * r->scale + r->shift - left;
    float height = region[3] * r->scale + r->shift - top;
    if (r->grows) {
        width = width > 1 ? width : 1;
        height = height > 1 ? height : 1;
    }
    struct k_bin bin = {.height = height / (float)r->rows, .width = width / (float)r->columns};
    bin.rows = points(r, height, r->rows);
    bin.columns = points(r, width, r->columns);
    if (bin.rows < 0 || bin.columns < 0)
        return err_set(err, ERR_INPUT, "a region of %g x %g pixels is too large", (double)height,
                       (double)width);
    int64_t n = bin.rows * bin.columns, *index = NEW_ARRAY(c->scratch, 4 * n + 1, int64_t);
    float *weight = NEW_ARRAY(c->scratch, 4 * n + 1, float);
    for (int64_t i = 0; i < r->rows * r->columns; i++, to += m->pixel_step) {
        bin.top = top + (float)(i / r->columns) * bin.height;
        bin.left = left + (float)(i % r->columns) * bin.width;
        int64_t taps = k_roi_taps(&bin, dim[2], dim[3], index, weight);
        if (r->largest) {
            k_sample_max(&m->from, index, weight, taps, to, m->channel_step);
            continue;
        }
        k_sample_sum(&m->from, index, weight, taps, to, m->channel_step);
        for (int64_t k = 0; n > 1 && k < dim[1]; k++)
            to[k * m->channel_step] /= (float)n;
    }
    return 0;
}

int eval_roi_align(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *image = c->in[2], *y = c->out[0];
    struct roi r;
    struct images m;
    TRY(roi_read(c, &r, err));
    if (tensor_count(image) != y->shape.dim[0])
        return err_set(err, ERR_INPUT, "%" PRId64 " batch_indices for %" PRId64 " regions",
                       tensor_count(image), y->shape.dim[0]);
    if (tensor_count(y) == 0)
        return 0;
    if (tensor_count(x) == 0)
        return err_set(err, ERR_INPUT, "the input has no elements");
    images_open(c, &m);
    const float *first = m.from.x, *region = real_in(c, 1);
    int64_t size = y->shape.dim[1] * r.rows * r.columns;
    for (int64_t i = 0; i < y->shape.dim[0]; i++, region += 4) {
        int64_t at = tensor_get_int(image, i);
        if (at < 0 || at >= x->shape.dim[0])
            return err_set(err, ERR_INPUT, "batch index %" PRId64 " is out of range", at);
        m.from.x = first + at * m.batch;
        TRY(align_region(c, &r, &m, region, m.to + i * size, err));
    }
    real_store(c, 0, m.to);
    return 0;
}

/* Edge i of n bins over a length that starts at `start`, within 0 .. limit. */
static int64_t bin_edge(int64_t start, double edge, int64_t limit)
{
    double at = (double)start + edge;
    return at < 0 ? 0 : at > (double)limit ? limit : (int64_t)at;
}

static void pool_region(const struct roi *r, const struct images *m, const int64_t *dim,
                        const float *region, float *to)
{
    int64_t start[2], end[2];
    float size[2];
    for (int a = 0; a < 2; a++) { /* rows, columns; a region gives x before y */
        float low = roundf(region[2 - a] * r->scale), high = roundf(region[4 - a] * r->scale);
        size[a] = high - low + 1 > 1 ? high - low + 1 : 1;
        start[a] = low < -1e9f ? -1000000000 : low > 1e9f ? 1000000000 : (int64_t)low;
    }
    for (int64_t i = 0; i < r->rows; i++)
        for (int64_t k = 0; k < r->columns; k++, to += m->pixel_step) {
            float high = size[0] / (float)r->rows, wide = size[1] / (float)r->columns;
            int64_t top = bin_edge(start[0], (double)floorf((float)i * high), dim[2]);
            int64_t left = bin_edge(start[1], (double)floorf((float)k * wide), dim[3]);
            end[0] = bin_edge(start[0], (double)ceilf((float)(i + 1) * high), dim[2]);
            end[1] = bin_edge(start[1], (double)ceilf((float)(k + 1) * wide), dim[3]);
            k_roi_max(&m->from, dim[3], top, end[0], left, end[1], to, m->channel_step);
        }
}

int eval_roi_pool(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *y = c->out[0];
    struct roi r;
    struct images m;
    TRY(roi_read(c, &r, err));
    if (tensor_count(y) == 0)
        return 0;
    images_open(c, &m);
    const float *first = m.from.x, *region = real_in(c, 1);
    int64_t size = y->shape.dim[1] * r.rows * r.columns;
    for (int64_t i = 0; i < y->shape.dim[0]; i++, region += 5) {
        if (!(region[0] >= 0 && region[0] < (float)x->shape.dim[0]))
            return err_set(err, ERR_INPUT, "batch index %g is out of range", (double)region[0]);
        for (int k = 1; k < 5; k++)
            if (!isfinite(region[k]))
                return err_set(err, ERR_INPUT, "a region has a coordinate that is no number");
        m.from.x = first + (int64_t)region[0] * m.batch;
        pool_region(&r, &m, x->shape.dim, region, m.to + i * size);
    }
    real_store(c, 0, m.to);
    return 0;
}
