/* SPDX-License-Identifier: Apache-2.0
 *
 * op_gather_blocks: GatherBlockQuantized, ONNX Runtime's Gather from data whose blocks along one
 * axis have a scale and a zero point each; the result is dequantized. An index that is out of range
 * gives zeros.
 */
#include "ops.h"

#include "k_nbits.h"
#include "real.h"

#include <inttypes.h>

enum { DATA, INDICES, SCALES, ZEROS };

struct blocks {
    int bits;           /* of codes in bytes; 0: the elements have a type of their own */
    int gather, axis;
    int64_t size;       /* of a block */
    struct shape shape; /* of the data as numbers; dims -1 where unknown */
};

static int read_blocks(const struct call *c, struct blocks *b, struct err *err)
{
    enum dtype t = c->in[DATA]->dtype;
    b->shape = c->in[DATA]->shape;
    b->bits = 0;
    if (t == DTYPE_U8) {
        b->bits = (int)node_int(c->node, "bits", 4);
        if (b->bits != 2 && b->bits != 4 && b->bits != 8)
            return err_set(err, ERR_INPUT, "attribute bits must be 2, 4 or 8");
        int64_t *last = b->shape.rank > 0 ? &b->shape.dim[b->shape.rank - 1] : NULL;
        if (last && *last >= 0)
            *last *= 8 / b->bits;
    } else if (t && t != DTYPE_I4 && t != DTYPE_U4 && !dtype_info(t)->is_float) {
        return call_refuse_dtype(t, err);
    }
    if (b->shape.rank < 0)
        return 0;
    b->gather = axis_check(node_int(c->node, "gather_axis", 0), b->shape.rank, err);
    b->axis = axis_check(node_int(c->node, "quantize_axis", 1), b->shape.rank, err);
    if (b->gather < 0 || b->axis < 0)
        return -1;
    if (b->bits && (b->gather != 0 || (b->bits < 8 && b->axis == 0)))
        return err_set(err, ERR_INPUT, "data in bytes must be gathered along axis 0 only");
    b->size = node_int(c->node, "block_size", 128);
    if (b->size == 0)
        b->size = b->shape.dim[b->axis];
    else if (b->size < 16 || b->size & (b->size - 1))
        return err_set(err, ERR_INPUT, "attribute block_size must be a power of 2 from 16");
    return 0;
}

int infer_gather_blocks(struct call *c, struct err *err)
{
    const struct tensor *index = c->in[INDICES];
    struct blocks b;
    struct shape y = shape_unknown();
    TRY(real_check(c, SCALES, err));
    TRY(call_same_dtype(c, DATA, ZEROS, err));
    TRY(read_blocks(c, &b, err));
    if (index->dtype && index->dtype != DTYPE_I64 && index->dtype != DTYPE_I32)
        return err_set(err, ERR_INPUT, "indices must be int64");
    if (b.shape.rank >= 0 && index->shape.rank >= 0) {
        if (b.shape.rank - 1 + index->shape.rank > MAX_RANK)
            return err_set(err, ERR_INPUT, "rank %d is not supported",
                           b.shape.rank - 1 + index->shape.rank);
        y.rank = 0;
        for (int i = 0; i < b.gather; i++)
            y.dim[y.rank++] = b.shape.dim[i];
        for (int i = 0; i < index->shape.rank; i++)
            y.dim[y.rank++] = index->shape.dim[i];
        for (int i = b.gather + 1; i < b.shape.rank; i++)
            y.dim[y.rank++] = b.shape.dim[i];
    }
    call_set(c, 0, c->in[SCALES]->dtype, &y);
    return 0;
}

/* Element i, counted as if the last axis, of n numbers, were not padded to whole bytes. */
static double code_at(const struct tensor *t, int bits, int64_t n, int64_t i)
{
    if (!bits)
        return tensor_get(t, i);
    const uint8_t *row = (const uint8_t *)t->data + i / n * ((n * bits + 7) / 8);
    return k_nbits_code(row, bits, i % n);
}

/* Steps of scales and zero points along the axes of the data, in blocks along the quantized one. */
static int scale_steps(const struct call *c, const struct blocks *b, int64_t step[MAX_RANK],
                       struct err *err)
{
    const struct tensor *t = c->in[SCALES], *zeros = call_in(c, ZEROS);
    bool fits = t->shape.rank == b->shape.rank;
    for (int i = 0; fits && i < t->shape.rank; i++) {
        int64_t want = b->shape.dim[i];
        if (i == b->axis)
            want = b->size ? (want + b->size - 1) / b->size : 0;
        fits = t->shape.dim[i] == want || (t->shape.dim[i] == 1 && i != b->axis);
    }
    if (!fits)
        return err_set(err, ERR_INPUT, "the scales do not fit the data");
    tensor_strides_in(t, &b->shape, step);
    int64_t last = t->shape.rank ? t->shape.dim[t->shape.rank - 1] : 1;
    int64_t want = tensor_count(t);
    if (b->bits)
        want = want / (last ? last : 1) * ((last * b->bits + 7) / 8);
    if (zeros && tensor_count(zeros) != want)
        return err_set(err, ERR_INPUT, "the zero points do not fit the scales");
    return 0;
}

/* Number i of the data. */
static float number_at(const struct call *c, const struct blocks *b, const int64_t *step,
                       const float *scales, int64_t i)
{
    const struct tensor *zeros = call_in(c, ZEROS);
    int rank = b->shape.rank;
    int64_t rest = i, at = 0, last = b->shape.dim[rank - 1];
    for (int k = rank - 1; k >= 0; k--) {
        int64_t index = rest % b->shape.dim[k];
        rest /= b->shape.dim[k];
        at += (k == b->axis ? index / b->size : index) * step[k];
    }
    double zero = b->bits ? 1 << (b->bits - 1) : 0;
    if (zeros)
        zero = code_at(zeros, b->bits, c->in[SCALES]->shape.dim[rank - 1], at);
    return (float)(code_at(c->in[DATA], b->bits, last, i) - zero) * scales[at];
}

int eval_gather_blocks(struct call *c, struct err *err)
{
    struct blocks b;
    int64_t step[MAX_RANK];
    TRY(read_blocks(c, &b, err));
    TRY(scale_steps(c, &b, step, err));
    const float *scales = real_in(c, SCALES);
    float *y = real_out(c, 0);
    int64_t outer = shape_span(&b.shape, 0, b.gather), dim = b.shape.dim[b.gather];
    int64_t inner = shape_span(&b.shape, b.gather + 1, b.shape.rank);
    int64_t n = tensor_count(c->in[INDICES]);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++) {
            int64_t at = tensor_get_int(c->in[INDICES], i);
            float *row = y + (o * n + i) * inner;
            at = at < 0 ? at + dim : at;
            for (int64_t k = 0; k < inner; k++)
                row[k] = at < 0 || at >= dim
                    ? 0 : number_at(c, &b, step, scales, (o * dim + at) * inner + k);
        }
    real_store(c, 0, y);
    return 0;
}
