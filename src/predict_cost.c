/* SPDX-License-Identifier: Apache-2.0
 *
 * predict_cost: the formulas. Rates are multiply-adds a microsecond.
 *
 * Float convolutions of pictures compute 16 output channels at once, and 16 input channels where
 * there are as many; they leave out the rows of a filter that lie outside of the picture. Integer
 * ones read their input in place, by a pointer for each element of the filter, if it has a multiple
 * of 4 channels and the output one as well, of 16 at least; otherwise the elements under the filter
 * are copied together for each output position, row by row, which costs more than what is computed
 * from few channels. What has one input and one output channel a group is depthwise for them, also
 * where there is one group.
 */
#include "predict_cost.h"

#include "op.h"
#include "predict_layer.h"

#include <math.h>

enum {
    BLOCK = 16,       /* channels of a float kernel */
    UNKNOWN_DIM = 32, /* what a dim that is not known counts as, but the first: 1 */
    MOST_ROWS = 1024, /* of a filter that are looked at one by one */
};

static const double float_rate = 58e3, float_few_rate = 38e3, float_depthwise_rate = 35e3,
                    float_unaligned_rate = 3e3, float_grouped_rate = 18e3,
                    float_matrix_rate = 35e3, integer_rate = 220e3,
                    integer_depthwise_rate = 30e3, vector_rate = 12e3, integer_vector_rate = 40e3,
                    float_recurrent_rate = 30e3, integer_recurrent_rate = 90e3;
static const double per_node = COST_PER_NODE, per_conv = 6, per_product = 0.15, per_row = 9e-3,
                    per_byte = 1.4e-4, per_pointer = 1.5e-3, per_rounded = 1.5e-4,
                    per_converted = COST_PER_CONVERTED;
/* Of a position, where channels do not fill a block. */
static const double per_unblocked = 6e-3;
/* Of an element, amid a network, where the next kernel does not find it in the cache. */
static const double per_written = 1e-4, per_padded = 6e-5;
/* ConvInteger: of a group; of an element of the filter for each output, and of an output. */
static const double dynamic_rate = 16e3, per_group = 1.4, dynamic_copy = 1.1e-3,
                    dynamic_written = 2.6e-3;
/* Of an element whose range is found at run time; of one that is read or written for that. */
static const double per_found = 1e-4, per_moved = 1.2e-4;
/* Of a position and element of the filter, to copy it, or where it lies. */
static const double float_copy = 1.5e-4, float_volume_copy = 3.5e-4, volume_pointer = 7.5e-3,
                    volume_copy = 11e-3;

struct conv_size {
    double positions; /* outputs a channel */
    double inside; /* as rows_inside() says */
    double taps, rows; /* elements of the filter a channel, and of all axes but the last */
    double in, out, groups; /* channels of a group */
    int rank;
};

double cost_size(const struct value *v, int from)
{
    double n = v->type.shape.rank > 0;
    for (int i = from; i < v->type.shape.rank; i++) {
        int64_t dim = v->type.shape.dim[i];
        n *= dim >= 0 ? (double)dim : i > 0 ? UNKNOWN_DIM : 1;
    }
    return n;
}

static double round_up(double n, double to)
{
    return ceil(n / to) * to;
}

/* The part of the filter's rows that lies in the input, over all outputs; 1: not known. */
static double rows_inside(const struct node *n)
{
    const struct shape *x = &node_input(n, 0)->type.shape, *y = &n->out[0]->type.shape;
    size_t n_step = 0, n_pad = 0, n_apart = 0;
    const int64_t *steps = node_ints(n, "strides", &n_step), *pad = node_ints(n, "pads", &n_pad);
    const int64_t *apart = node_ints(n, "dilations", &n_apart);
    double rows = (double)node_input(n, 1)->type.shape.dim[2], inside = 0;
    if (x->rank != 4 || x->dim[2] < 0 || y->dim[2] <= 0 || n_pad != 4 || !(rows <= MOST_ROWS))
        return 1;
    double step = n_step ? (double)steps[0] : 1;
    for (double k = 0; k < rows; k++) {
        double first = k * (n_apart ? (double)apart[0] : 1) - (double)pad[0];
        double from = ceil(fmax(0, -first) / step);
        double to = floor(((double)x->dim[2] - 1 - first) / step);
        inside += fmax(0, fmin(to, (double)y->dim[2] - 1) - from + 1);
    }
    return inside / (rows * (double)y->dim[2]);
}

static bool conv_size(const struct node *n, struct conv_size *s)
{
    const struct value *w = node_input(n, 1), *y = n->out[0];
    int rank = w ? w->type.shape.rank : 0;
    if (rank < 3 || cost_size(w, 0) <= 0 || y->type.shape.rank != rank || cost_size(y, 0) <= 0)
        return false;
    *s = (struct conv_size){.rank = rank, .groups = (double)node_int(n, "group", 1)};
    double channels = (double)w->type.shape.dim[0];
    s->positions = cost_size(y, 0) / channels;
    s->taps = cost_size(w, 2);
    s->rows = s->taps / (double)w->type.shape.dim[rank - 1];
    s->in = (double)w->type.shape.dim[1];
    s->out = channels / s->groups;
    s->inside = rows_inside(n);
    return true;
}

static bool multiple(double n, double of)
{
    return fmod(n, of) == 0;
}

static bool is_depthwise(const struct conv_size *s)
{
    return s->in == 1 && s->out == 1;
}

/* As a matrix product of copies. */
static double unpacked_conv(const struct conv_size *s)
{
    double copy = s->rank > 4 ? float_volume_copy : float_copy;
    return s->groups * (per_product + s->positions * s->taps * s->in
                                          * (copy + s->out / float_matrix_rate));
}

static double float_conv(const struct conv_size *s)
{
    double filter = s->positions * s->taps * s->inside;
    if (s->rank != 4)
        return unpacked_conv(s);
    if (s->groups > 1 && is_depthwise(s))
        return multiple(s->groups, 4) ? filter * round_up(s->groups, BLOCK) / float_depthwise_rate
                                      : filter * s->groups / float_unaligned_rate;
    if (s->groups > 1 && !(multiple(s->in, BLOCK) && multiple(s->out, BLOCK)))
        return filter * s->in * s->out * s->groups / float_grouped_rate;
    double out = round_up(s->out, BLOCK) * s->groups;
    if (s->in < BLOCK)
        return s->positions * per_unblocked + filter * s->in * out / float_few_rate;
    return filter * round_up(s->in, BLOCK) * out / float_rate;
}

static double integer_depthwise(const struct conv_size *s)
{
    double filter = s->positions * s->taps, channels = s->groups;
    if (s->rank > 4)
        return filter * (volume_pointer + channels / integer_depthwise_rate);
    if (multiple(channels, BLOCK))
        return filter * (1.5e-3 + channels * 5e-5);
    if (multiple(channels, BLOCK / 2))
        return filter * (2e-3 + channels * 1.3e-4);
    return filter * (5e-3 + channels * 8e-5);
}

static bool is_in_place(const struct conv_size *s)
{
    return s->groups == 1 && multiple(s->in, 4) && multiple(s->out, 4) && s->out >= BLOCK;
}

static double integer_conv(const struct conv_size *s)
{
    double filter = s->positions * s->taps * s->groups;
    double computed = filter * s->in * (s->out + BLOCK) / integer_rate
                      + per_rounded * s->positions * s->groups * s->out;
    if (is_depthwise(s))
        return integer_depthwise(s);
    if (s->rank > 4)
        return computed + filter * (is_in_place(s) ? volume_pointer : volume_copy);
    if (is_in_place(s))
        return computed + filter * per_pointer;
    double copied = s->positions * s->groups * (s->rows * per_row + s->taps * s->in * per_byte);
    return (s->groups > 1 ? 2 : 1) * copied + computed;
}

bool cost_pays_to_pad(const struct node *n, double channels)
{
    struct conv_size s;
    if (!conv_size(n, &s) || s.out < BLOCK || !multiple(s.out, 4))
        return false;
    size_t axes = 0;
    const int64_t *step = node_ints(n, "strides", &axes);
    double added = channels - s.in, elements = cost_size(node_input(n, 0), 0) / s.in;
    double positions = elements; /* not those of the output, whose dims may not be known */
    for (size_t i = 0; i < axes; i++)
        positions /= (double)step[i];
    double copying = positions * (s.rows * per_row + s.taps * s.in * per_byte);
    double padding = elements * per_padded * channels
                   + positions * s.taps * added * (s.out + BLOCK) / integer_rate;
    return copying > per_node + 2 * padding; /* where they are near, it was not faster */
}

double cost_times_spread(const struct node *n, double channels)
{
    struct conv_size s;
    if (!conv_size(n, &s))
        return INFINITY;
    double before = per_conv + integer_conv(&s), places = cost_size(node_input(n, 0), 0) / s.in;
    double moved = (s.in + 1 + channels) * places; /* Pad, and Gather */
    s.in = channels;
    return (per_conv + integer_conv(&s) + 2 * per_node + per_padded * moved) / before;
}

/* What it takes in and gives out, each from and to codes. */
static double cost_of_conversions(const struct node *n)
{
    return 4 * per_node
         + 2 * per_converted * (cost_size(node_input(n, 0), 0) + cost_size(n->out[0], 0));
}

static bool product_cost(const struct node *n, struct layer_cost *c)
{
    const struct value *w = node_input(n, 1);
    int rank = n->out[0]->type.shape.rank, w_rank = w ? w->type.shape.rank : 0;
    double outputs = cost_size(n->out[0], 0);
    if (outputs <= 0 || w_rank < 2)
        return false;
    double columns = cost_size(n->out[0], rank - 1);
    double macs = outputs / columns * cost_size(w, w_rank - 2);
    bool vector = outputs < 4 * columns;
    c->real = 2 * per_node + macs / (vector ? vector_rate : float_rate);
    c->integer = 4 * per_node + macs / (vector ? integer_vector_rate : integer_rate);
    c->conversions = cost_of_conversions(n);
    return true;
}

/* ConvInteger: copies in and out, and a kernel for few channels. */
static double dynamic_conv(const struct conv_size *s, const struct node *n)
{
    double filter = s->positions * s->taps * s->groups * s->in, x = cost_size(node_input(n, 0), 0);
    return per_conv + s->groups * per_group + filter * s->out / dynamic_rate
         + (s->taps > 1 ? filter : x) * dynamic_copy + cost_size(n->out[0], 0) * dynamic_written;
}

double cost_of_dynamic(const struct node *n)
{
    enum { AROUND = 3 }; /* Cast, Mul, Add; matrix products take them in */
    struct conv_size s;
    if (n->op != OP_Conv)
        return per_found * cost_size(node_input(n, 0), 0);
    if (!conv_size(n, &s) || s.rank > 4) /* no formula */
        return INFINITY;
    return dynamic_conv(&s, n) - per_conv - integer_conv(&s)
         + AROUND * (per_node + per_written * cost_size(n->out[0], 0));
}

double cost_of_rows(const struct node *n)
{
    enum { NODES = 6, READ = 5, WRITTEN = 2 }; /* Abs, ReduceMax, Mul, Max, Div; Mul behind */
    return NODES * per_node + per_moved * (READ * cost_size(node_input(n, 0), 0)
                                           + WRITTEN * cost_size(n->out[0], 0));
}

static bool recurrent_cost(const struct node *n, struct layer_cost *c)
{
    const struct value *x = node_input(n, 0);
    double elements = cost_size(node_input(n, 1), 0) + cost_size(node_input(n, 2), 0);
    if (!x || x->type.shape.rank != 3 || elements <= 0)
        return false;
    double steps = cost_size(x, 0) / cost_size(x, 1), samples = cost_size(x, 1) / cost_size(x, 2);
    double macs = steps * samples * elements;
    steps *= node_string_is(n, "direction", "forward", "bidirectional") ? 2 : 1;
    c->real = per_conv + 0.3 * steps + macs / float_recurrent_rate;
    c->integer = per_conv + 0.4 * steps + macs / integer_recurrent_rate;
    return true;
}

bool cost_of_layer(const struct node *n, struct layer_cost *c)
{
    struct conv_size s;
    if (n->op == OP_LSTM || n->op == OP_GRU || n->op == OP_RNN || n->op == OP_DynamicQuantizeLSTM)
        return recurrent_cost(n, c);
    if (n->op == OP_Gemm || n->op == OP_MatMul || n->op == OP_MatMulInteger)
        return product_cost(n, c);
    if ((n->op != OP_Conv && n->op != OP_ConvInteger) || !conv_size(n, &s))
        return false;
    c->integer = n->op == OP_Conv ? per_conv + integer_conv(&s) : dynamic_conv(&s, n);
    s.in -= (double)channels_padded(n);
    double rest = per_conv + per_written * cost_size(n->out[0], 0);
    c->real = rest + float_conv(&s);
    c->unpacked = rest + unpacked_conv(&s);
    c->conversions = cost_of_conversions(n);
    return true;
}
