/* SPDX-License-Identifier: Apache-2.0
 *
 * window: attributes kernel_shape, strides, dilations, pads, auto_pad, group and their checks.
 */
#include "window.h"

#include <inttypes.h>
#include <string.h>

/* Products of sizes within these stay within int64. */
enum { MAX_STEP = 1 << 20, MAX_DIM = INT32_MAX };

enum auto_pad { PAD_EXPLICIT, PAD_VALID, PAD_SAME_UPPER, PAD_SAME_LOWER };

static int read_auto_pad(const struct node *n, enum auto_pad *p, struct err *err)
{
    static const char *const name[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    for (int i = 0; i < 4; i++) {
        if (node_string_is(n, "auto_pad", "NOTSET", name[i])) {
            *p = (enum auto_pad)i;
            return 0;
        }
    }
    return err_set(err, ERR_INPUT, "attribute auto_pad is none of NOTSET, VALID, SAME_UPPER and "
                                   "SAME_LOWER");
}

/* One number from low to high for each axis, behind `skip` others, into the last `axes` entries of
 * v. */
static int read_axes(const struct node *n, const char *name, int axes, size_t skip, int64_t low,
                     int64_t high, int64_t *v, struct err *err)
{
    size_t count;
    const int64_t *at = node_ints(n, name, &count);
    if (!at)
        return 0;
    if (count != (size_t)axes + skip)
        return err_set(err, ERR_INPUT, "attribute %s has %zu numbers for %d axes", name, count,
                       axes);
    at += skip;
    for (int i = 0; i < axes; i++) {
        if (at[i] < low || at[i] > high)
            return err_set(err, ERR_INPUT, "attribute %s: %" PRId64 " is out of range", name,
                           at[i]);
        v[CONV_AXES - axes + i] = at[i];
    }
    return 0;
}

static int read_pads(const struct node *n, struct conv_dims *d, struct err *err)
{
    size_t count;
    const int64_t *at = node_ints(n, "pads", &count);
    if (!at)
        return 0;
    if (count != 2 * (size_t)d->axes)
        return err_set(err, ERR_INPUT, "attribute pads has %zu numbers for %d axes", count,
                       d->axes);
    for (int i = 0; i < d->axes; i++) {
        int64_t begin = at[i], end = at[d->axes + i];
        if (begin < -MAX_STEP || begin > MAX_STEP || end < -MAX_STEP || end > MAX_STEP)
            return err_set(err, ERR_INPUT, "attribute pads is out of range");
        d->pad[CONV_AXES - d->axes + i] = begin;
        d->pad_end[CONV_AXES - d->axes + i] = end;
    }
    return 0;
}

/* Batch, channels and extents of an input of rank 3 to 5; a rank not known leaves axes 0. */
static int start(const struct shape *x, struct conv_dims *d, struct err *err)
{
    memset(d, 0, sizeof *d);
    for (int a = 0; a < CONV_AXES; a++)
        d->in[a] = d->out[a] = d->kernel[a] = d->stride[a] = d->dilation[a] = 1;
    d->batch = d->c = d->m = -1;
    d->groups = 1;
    if (x->rank < 0)
        return 0;
    if (x->rank < 3 || x->rank > 2 + CONV_AXES)
        return err_set(err, ERR_INPUT, "input 0 has rank %d; ranks 3 to 5 are supported", x->rank);
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] > MAX_DIM)
            return err_set(err, ERR_INPUT, "input 0 has a dim of %" PRId64 ", which is too large",
                           x->dim[i]);
    d->axes = x->rank - 2;
    d->batch = x->dim[0];
    d->c = x->dim[1];
    for (int i = 0; i < d->axes; i++)
        d->in[CONV_AXES - d->axes + i] = x->dim[2 + i];
    return 0;
}

static int64_t reach(const struct conv_dims *d, int a)
{
    return (d->kernel[a] - 1) * d->dilation[a] + 1;
}

/* out and pads of one axis, the window moving over the input. */
static int fit(struct conv_dims *d, int a, enum auto_pad p, bool ceil_mode, struct err *err)
{
    int64_t in = d->in[a], stride = d->stride[a];
    if (p == PAD_VALID)
        d->pad[a] = d->pad_end[a] = 0;
    if (in < 0 || d->kernel[a] < 0) {
        d->out[a] = -1;
        return 0;
    }
    if (p == PAD_SAME_UPPER || p == PAD_SAME_LOWER) {
        d->out[a] = (in + stride - 1) / stride;
        int64_t total = (d->out[a] - 1) * stride + reach(d, a) - in;
        total = total < 0 ? 0 : total;
        d->pad[a] = p == PAD_SAME_UPPER ? total / 2 : total - total / 2;
        d->pad_end[a] = total - d->pad[a];
        return 0;
    }
    int64_t room = in + d->pad[a] + d->pad_end[a] - reach(d, a);
    if (room < 0)
        return err_set(err, ERR_INPUT,
                       "a window of %" PRId64 " is larger than the padded input of %" PRId64
                       " on spatial axis %d",
                       reach(d, a), room + reach(d, a), a - CONV_AXES + d->axes);
    d->out[a] = room / stride + 1;
    /* A last window that starts behind the input would see nothing but padding. */
    if (ceil_mode && room % stride && d->out[a] * stride < in + d->pad[a])
        d->out[a]++;
    return 0;
}

/* The same for a transposed convolution. shape: the wanted extent of the output, or -1. */
static int fit_transposed(struct conv_dims *d, int a, enum auto_pad p, int64_t extra, int64_t shape,
                          struct err *err)
{
    int64_t in = d->in[a], stride = d->stride[a];
    if (p == PAD_VALID)
        d->pad[a] = d->pad_end[a] = 0;
    if (in < 0 || d->kernel[a] < 0) {
        d->out[a] = shape;
        return 0;
    }
    int64_t full = (in - 1) * stride + reach(d, a);
    int64_t wish = p == PAD_SAME_UPPER || p == PAD_SAME_LOWER ? in * stride : -1;
    if (shape >= 0)
        wish = shape;
    if (wish >= 0) {
        int64_t total = full + extra > wish ? full + extra - wish : 0;
        d->pad[a] = p == PAD_SAME_UPPER ? total / 2 : total - total / 2;
        d->out[a] = shape >= 0 ? shape : full + extra - total;
    } else {
        d->out[a] = full + extra - d->pad[a] - d->pad_end[a];
    }
    d->pad_end[a] = full - d->pad[a] - d->out[a];
    if (d->out[a] < 0)
        return err_set(err, ERR_INPUT, "the pads leave nothing of spatial axis %d",
                       a - CONV_AXES + d->axes);
    return 0;
}

static int read_kernel(const struct node *n, const struct shape *w, struct conv_dims *d,
                       struct err *err)
{
    for (int i = 0; i < d->axes; i++)
        d->kernel[CONV_AXES - d->axes + i] = -1;
    TRY(read_axes(n, "kernel_shape", d->axes, 0, 1, MAX_STEP, d->kernel, err));
    if (w->rank < 0)
        return 0;
    for (int i = 0; i < d->axes; i++) {
        int64_t *kernel = &d->kernel[CONV_AXES - d->axes + i], have = w->dim[2 + i];
        if (*kernel > 0 && have >= 0 && *kernel != have)
            return err_set(err, ERR_INPUT,
                           "attribute kernel_shape says %" PRId64 " where the weight has %" PRId64,
                           *kernel, have);
        if (have == 0)
            return err_set(err, ERR_INPUT, "the weight is empty");
        if (have > 0)
            *kernel = have;
    }
    return 0;
}

/* m from the weight, and do the channels agree? */
static int read_channels(const struct node *n, const struct shape *w, struct conv_dims *d,
                         struct err *err)
{
    d->groups = node_int(n, "group", 1);
    if (d->groups < 1 || d->groups > MAX_DIM)
        return err_set(err, ERR_INPUT, "attribute group is %" PRId64, d->groups);
    if (w->rank < 0)
        return 0;
    for (int i = 0; i < w->rank; i++)
        if (w->dim[i] > (i < 2 ? MAX_DIM : MAX_STEP))
            return err_set(err, ERR_INPUT,
                           "the weight has a dim of %" PRId64 ", which is too large", w->dim[i]);
    int64_t outer = w->dim[0], inner = w->dim[1];
    int64_t c = d->transposed ? outer : inner < 0 ? -1 : inner * d->groups;
    d->m = !d->transposed ? outer : inner < 0 ? -1 : inner * d->groups;
    if (d->c >= 0 && c >= 0 && d->c != c)
        return err_set(err, ERR_INPUT,
                       "input 0 has %" PRId64 " channels, the weight is for %" PRId64, d->c, c);
    if (d->c < 0)
        d->c = c;
    if (outer > 0 && outer % d->groups)
        return err_set(err, ERR_INPUT,
                       "%" PRId64 " channels cannot be cut into %" PRId64 " groups", outer,
                       d->groups);
    return 0;
}

static int fit_all_transposed(const struct node *n, enum auto_pad p, struct conv_dims *d,
                              struct err *err)
{
    int64_t extra[CONV_AXES] = {0}, shape[CONV_AXES] = {-1, -1, -1};
    TRY(read_axes(n, "output_padding", d->axes, 0, 0, MAX_STEP, extra, err));
    size_t count;
    const int64_t *at = node_ints(n, "output_shape", &count);
    /* Some exporters write batch and channels as well. */
    size_t skip = at && count == 2 + (size_t)d->axes ? 2 : 0;
    TRY(read_axes(n, "output_shape", d->axes, skip, 0, MAX_DIM, shape, err));
    for (int a = CONV_AXES - d->axes; a < CONV_AXES; a++)
        TRY(fit_transposed(d, a, p, extra[a], shape[a], err));
    return 0;
}

int conv_geometry(const struct node *n, const struct shape *x, const struct shape *w,
                  struct conv_dims *d, struct err *err)
{
    enum auto_pad p = PAD_EXPLICIT;
    TRY(start(x, d, err));
    d->transposed = n->op == OP_ConvTranspose;
    if (w->rank >= 0 && (w->rank < 3 || w->rank > 2 + CONV_AXES))
        return err_set(err, ERR_INPUT, "the weight has rank %d; ranks 3 to 5 are supported",
                       w->rank);
    if (!d->axes && w->rank >= 0) {
        d->axes = w->rank - 2;
        for (int a = CONV_AXES - d->axes; a < CONV_AXES; a++)
            d->in[a] = -1;
    }
    if (w->rank >= 0 && w->rank != 2 + d->axes)
        return err_set(err, ERR_INPUT, "input 0 has rank %d, the weight %d", 2 + d->axes, w->rank);
    TRY(read_channels(n, w, d, err));
    if (!d->axes)
        return 0;
    TRY(read_kernel(n, w, d, err));
    TRY(read_axes(n, "strides", d->axes, 0, 1, MAX_STEP, d->stride, err));
    TRY(read_axes(n, "dilations", d->axes, 0, 1, MAX_STEP, d->dilation, err));
    TRY(read_pads(n, d, err));
    TRY(read_auto_pad(n, &p, err));
    if (d->transposed)
        return fit_all_transposed(n, p, d, err);
    for (int a = CONV_AXES - d->axes; a < CONV_AXES; a++)
        TRY(fit(d, a, p, false, err));
    return 0;
}

bool conv_geometry_of(const struct node *n, struct conv_dims *d)
{
    enum { ANY = 1 << 16 };
    struct err err;
    size_t count;
    struct shape x = node_input(n, 0)->type.shape;
    bool hangs_on_extent = node_ints(n, "output_shape", &count)
                        || (!node_string_is(n, "auto_pad", "NOTSET", "NOTSET")
                            && !node_string_is(n, "auto_pad", "NOTSET", "VALID"));
    for (int i = 2; i < x.rank; i++) {
        if (x.dim[i] < 0 && hangs_on_extent)
            return false;
        x.dim[i] = x.dim[i] < 0 ? ANY : x.dim[i];
    }
    return x.rank > 2 && conv_geometry(n, &x, &node_constant(n, 1)->shape, d, &err) == 0;
}

int pool_geometry(const struct node *n, const struct shape *x, struct conv_dims *d,
                  struct err *err)
{
    enum auto_pad p = PAD_EXPLICIT;
    size_t count;
    TRY(start(x, d, err));
    d->m = d->groups = d->c;
    if (!node_ints(n, "kernel_shape", &count))
        return err_set(err, ERR_INPUT, "attribute kernel_shape is missing");
    if (!d->axes)
        return 0;
    TRY(read_axes(n, "kernel_shape", d->axes, 0, 1, MAX_STEP, d->kernel, err));
    TRY(read_axes(n, "strides", d->axes, 0, 1, MAX_STEP, d->stride, err));
    TRY(read_axes(n, "dilations", d->axes, 0, 1, MAX_STEP, d->dilation, err));
    TRY(read_pads(n, d, err));
    TRY(read_auto_pad(n, &p, err));
    bool ceil_mode = node_int(n, "ceil_mode", 0) != 0;
    for (int a = CONV_AXES - d->axes; a < CONV_AXES; a++)
        TRY(fit(d, a, p, ceil_mode, err));
    return 0;
}

int unpool_geometry(const struct node *n, const struct shape *x, struct conv_dims *d,
                    struct err *err)
{
    size_t count;
    TRY(start(x, d, err));
    d->transposed = true;
    d->m = d->groups = d->c;
    if (!node_ints(n, "kernel_shape", &count))
        return err_set(err, ERR_INPUT, "attribute kernel_shape is missing");
    if (!d->axes)
        return 0;
    TRY(read_axes(n, "kernel_shape", d->axes, 0, 1, MAX_STEP, d->kernel, err));
    TRY(read_axes(n, "strides", d->axes, 0, 1, MAX_STEP, d->stride, err));
    TRY(read_pads(n, d, err));
    for (int a = CONV_AXES - d->axes; a < CONV_AXES; a++)
        TRY(fit_transposed(d, a, PAD_EXPLICIT, 0, -1, err));
    return 0;
}

int pool_global_geometry(const struct shape *x, struct conv_dims *d, struct err *err)
{
    TRY(start(x, d, err));
    d->m = d->groups = d->c;
    memcpy(d->kernel, d->in, sizeof d->kernel);
    return 0;
}

struct shape window_out_shape(const struct conv_dims *d)
{
    struct shape s = {.rank = d->axes ? 2 + d->axes : -1};
    s.dim[0] = d->batch;
    s.dim[1] = d->m;
    for (int i = 0; i < d->axes; i++)
        s.dim[2 + i] = d->out[CONV_AXES - d->axes + i];
    return s;
}

struct shape shape_channels_first(const struct shape *s)
{
    struct shape y = *s;
    for (int i = s->rank - 1; i > 1; i--)
        y.dim[i] = s->dim[i - 1];
    if (s->rank > 1)
        y.dim[1] = s->dim[s->rank - 1];
    return y;
}

struct shape shape_channels_last(const struct shape *s)
{
    struct shape y = *s;
    for (int i = 1; i < s->rank - 1; i++)
        y.dim[i] = s->dim[i + 1];
    if (s->rank > 1)
        y.dim[s->rank - 1] = s->dim[1];
    return y;
}
