/* SPDX-License-Identifier: Apache-2.0
 *
 * op_qconv: QLinearConv, of ONNX and of com.microsoft (which has the attribute channels_last: input
 * and output are [N, spatial, C]), and ConvInteger.
 *
 * Sums are exact in 32 bits and wrap around; they become codes by one multiplication in float with
 * (x_scale * w_scale) / y_scale, which is what ONNX Runtime does, to the bit.
 */
#include "ops.h"

#include "k_iconv.h"
#include "k_layout.h"
#include "packed.h"
#include "qparam.h"
#include "window.h"

/* Where the inputs are; input 0 is the data. */
struct slots {
    int x_zero, w, w_zero;
};
static const struct slots qlinear = {2, 3, 5}, integer = {2, 1, 3};
enum { X_SCALE = 1, W_SCALE = 4, Y_SCALE = 6, Y_ZERO = 7, BIAS = 8 };

static bool is_last(const struct call *c)
{
    return node_int(c->node, "channels_last", 0) != 0;
}

static int geometry(const struct call *c, const struct slots *at, struct conv_dims *d,
                    struct err *err)
{
    struct shape x = call_in(c, 0)->shape;
    if (is_last(c))
        x = shape_channels_first(&x);
    return conv_geometry(c->node, &x, &call_in(c, at->w)->shape, d, err);
}

static int infer(struct call *c, const struct slots *at, enum dtype result, struct err *err)
{
    struct conv_dims d;
    TRY(code_check(c, 0, err));
    TRY(code_check(c, at->w, err));
    TRY(geometry(c, at, &d, err));
    struct shape y = window_out_shape(&d);
    if (is_last(c))
        y = shape_channels_last(&y);
    call_set(c, 0, result, &y);
    return 0;
}

int infer_qlinear_conv(struct call *c, struct err *err)
{
    enum dtype t;
    TRY(code_dtype(c, Y_ZERO, DTYPE_U8, &t, err));
    return infer(c, &qlinear, t, err);
}

int infer_conv_integer(struct call *c, struct err *err)
{
    return infer(c, &integer, DTYPE_I32, err);
}

static int read_weight(const struct call *c, const struct slots *at, const struct conv_dims *d,
                       const int16_t **weight, struct err *err)
{
    const struct tensor *w = call_in(c, at->w);
    unsigned inputs = packed_inputs(c, at->w, at->w_zero);
    struct zeros zero;
    *weight = packed_find(c, inputs);
    if (*weight)
        return 0;
    TRY(zeros_read(c, at->w_zero, w->dtype, d->m, &zero, err));
    int16_t *room = packed_room(c, inputs, k_iconv_packed(d) * sizeof *room);
    k_iconv_pack(d, w->dtype, w->data, zero.at, zero.step, room);
    *weight = packed_keep(c, inputs, room);
    return 0;
}

/* A sample of the input with its channels last; `room` has as many bytes. */
static struct k_iconv_input sample_in(const struct tensor *x, const struct conv_dims *d, bool last,
                                      int64_t sample, int32_t zero, void *room)
{
    int64_t span = conv_in_span(d), n = span * d->c;
    if (!last)
        k_transpose(room, (const char *)x->data + sample * n, 1, 1, d->c, span);
    return (struct k_iconv_input){.dtype = x->dtype, .data = last ? x->data : room,
                                  .at = last ? sample * n : 0, .zero = zero};
}

/* What makes codes of sums; NULL where the sums are the result. */
struct grid {
    const float *factor; /* one a channel */
    const int32_t *bias; /* the same, or NULL */
    int32_t zero;
    enum dtype dtype;
};

/* One sample of the result, channels last. */
static void convolve(const struct call *c, const struct conv_dims *d,
                     const struct k_iconv_input *x, const int16_t *weight, const struct grid *g,
                     char *y)
{
    int64_t n_out = conv_out_span(d);
    int16_t *scratch = arena_array(c->scratch, k_iconv_scratch(d), sizeof *scratch);
    int32_t *sum = g ? NEW_ARRAY(c->scratch, K_ICONV_BLOCK * d->m, int32_t) : (int32_t *)(void *)y;
    for (int64_t first = 0; first < n_out; first += K_ICONV_BLOCK) {
        int64_t n = n_out - first < K_ICONV_BLOCK ? n_out - first : K_ICONV_BLOCK;
        struct sums s = {.sum = sum, .rows = n, .channels = d->m};
        k_iconv(d, x, weight, first, n, sum, scratch);
        if (!g) {
            sum += n * d->m;
            continue;
        }
        s.factor = g->factor;
        s.bias = g->bias;
        codes_of_sums(&s, g->zero, g->dtype, y + first * d->m);
    }
}

static int eval(struct call *c, const struct slots *at, const struct grid *g, struct err *err)
{
    const struct tensor *x = call_in(c, 0);
    struct tensor *y = call_out(c, 0);
    bool last_in = is_last(c) || x->layout == LAYOUT_CHANNELS_LAST;
    bool last_out = is_last(c) || y->layout == LAYOUT_CHANNELS_LAST;
    struct conv_dims d;
    const int16_t *weight;
    int32_t zero;
    TRY(geometry(c, at, &d, err));
    TRY(zero_read(c, at->x_zero, x->dtype, &zero, err));
    TRY(read_weight(c, at, &d, &weight, err));
    size_t item = tensor_item(y), size = item * (size_t)(conv_out_span(&d) * d.m);
    void *room_in = last_in ? NULL : NEW_ARRAY(c->scratch, conv_in_span(&d) * d.c, char);
    char *room_out = last_out ? NULL : arena_alloc(c->scratch, size);
    for (int64_t i = 0; i < d.batch && size; i++) {
        char *to = (char *)y->data + (size_t)i * size;
        struct k_iconv_input in = sample_in(x, &d, last_in, i, zero, room_in);
        convolve(c, &d, &in, weight, g, last_out ? to : room_out);
        if (!last_out)
            k_transpose(to, room_out, item, 1, conv_out_span(&d), d.m);
    }
    return 0;
}

int eval_conv_integer(struct call *c, struct err *err)
{
    return eval(c, &integer, NULL, err);
}

int eval_qlinear_conv(struct call *c, struct err *err)
{
    const struct tensor *bias = call_in(c, BIAS);
    int64_t m = call_in(c, qlinear.w)->shape.dim[0];
    struct grid g = {.dtype = call_out(c, 0)->dtype};
    struct scales w_scale;
    float x_scale, y_scale;
    TRY(scale_read(c, X_SCALE, &x_scale, err));
    TRY(scale_read(c, Y_SCALE, &y_scale, err));
    TRY(scales_read(c, W_SCALE, m, &w_scale, err));
    TRY(zero_read(c, Y_ZERO, g.dtype, &g.zero, err));
    if (bias && (bias->dtype != DTYPE_I32 || tensor_count(bias) != m))
        return err_set(err, ERR_INPUT, "the bias must be %d int32 numbers", (int)m);
    float *factor = NEW_ARRAY(c->scratch, m, float);
    for (int64_t i = 0; i < m; i++)
        factor[i] = x_scale * w_scale.at[i * w_scale.step] / y_scale;
    g.factor = factor;
    g.bias = bias ? bias->data : NULL;
    return m ? eval(c, &qlinear, &g, err) : 0;
}
