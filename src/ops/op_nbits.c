/* SPDX-License-Identifier: Apache-2.0
 *
 * op_nbits: MatMulNBits, ONNX Runtime's product with a matrix of 2, 4 or 8-bit codes, n rows of
 * blocks along k, each block with a scale and a zero point of its own. Computed in float, whatever
 * accuracy_level allows.
 */
#include "ops.h"

#include "k_gemm.h"
#include "k_nbits.h"
#include "k_tail.h"
#include "real.h"

#include <inttypes.h>

enum { A, CODES, SCALES, ZEROS, GROUPS, BIAS };

struct nbits {
    int64_t k, n, block, blocks; /* blocks a row */
    int bits;
    int64_t row_bytes, zero_bytes; /* of codes and of packed zero points */
};

static int read_nbits(const struct call *c, struct nbits *b, struct err *err)
{
    int64_t bits = node_int(c->node, "bits", 4);
    *b = (struct nbits){.k = node_int(c->node, "K", 0), .n = node_int(c->node, "N", 0),
                        .block = node_int(c->node, "block_size", 0), .bits = (int)bits};
    if (bits != 2 && bits != 4 && bits != 8)
        return err_set(err, ERR_INPUT, "attribute bits is %" PRId64 "; 2, 4 and 8 are supported",
                       bits);
    if (b->k < 1 || b->n < 1 || b->k > INT32_MAX || b->n > INT32_MAX)
        return err_set(err, ERR_INPUT, "attributes K and N must be sizes");
    if (b->block < 16 || b->block > 1 << 24 || b->block & (b->block - 1))
        return err_set(err, ERR_INPUT, "attribute block_size must be a power of 2 from 16");
    if (node_int(c->node, "weight_prepacked", 0))
        return err_set(err, ERR_INPUT, "attribute weight_prepacked is not supported");
    b->blocks = (b->k + b->block - 1) / b->block;
    b->row_bytes = b->blocks * (b->block * bits / 8);
    b->zero_bytes = (b->blocks * bits + 7) / 8;
    return 0;
}

static int check_count(const struct call *c, int slot, int64_t n, struct err *err)
{
    const struct tensor *t = call_in(c, slot);
    int64_t have = t ? shape_count(&t->shape) : -1;
    if (have >= 0 && have != n)
        return err_set(err, ERR_INPUT, "input %d has %" PRId64 " elements instead of %" PRId64,
                       slot, have, n);
    return 0;
}

int infer_matmul_nbits(struct call *c, struct err *err)
{
    struct nbits b;
    struct shape y = c->in[A]->shape;
    const struct tensor *codes = c->in[CODES], *zeros = call_in(c, ZEROS);
    bool packed = zeros && zeros->dtype == DTYPE_U8;
    TRY(real_check(c, A, err));
    TRY(call_same_dtype(c, A, SCALES, err));
    TRY(call_same_dtype(c, A, BIAS, err));
    if (codes->dtype && codes->dtype != DTYPE_U8)
        return err_set(err, ERR_INPUT, "input 1 must be uint8");
    TRY(read_nbits(c, &b, err));
    TRY(check_count(c, CODES, b.n * b.row_bytes, err));
    TRY(check_count(c, SCALES, b.n * b.blocks, err));
    if (zeros && zeros->dtype)
        TRY(check_count(c, ZEROS, b.n * (packed ? b.zero_bytes : b.blocks), err));
    if (!packed)
        TRY(call_same_dtype(c, A, ZEROS, err));
    TRY(check_count(c, BIAS, b.n, err));
    /* ONNX Runtime itself computes nothing that makes sense there */
    if (call_in(c, GROUPS) && (packed || b.bits != 4))
        return err_set(err, ERR_INPUT,
                       "input g_idx is supported for 4 bits without packed zero points only");
    if (y.rank == 0 || (y.rank > 0 && y.dim[y.rank - 1] >= 0 && y.dim[y.rank - 1] != b.k))
        return err_set(err, ERR_INPUT, "input 0 must have %" PRId64 " elements a row", b.k);
    if (y.rank > 0)
        y.dim[y.rank - 1] = b.n;
    call_set(c, 0, c->in[A]->dtype, &y);
    return 0;
}

struct weight {
    const uint8_t *codes, *packed; /* packed: zero points; NULL: none */
    const float *scales, *zeros;   /* zeros: as numbers; NULL: none */
    const struct tensor *groups;   /* of each element along k, instead of its block; NULL */
};

static float zero_of(const struct nbits *b, const struct weight *w, int64_t row, int64_t block)
{
    if (w->zeros)
        return w->zeros[row * b->blocks + block];
    if (w->packed)
        return (float)k_nbits_code(w->packed + row * b->zero_bytes, b->bits, block);
    return (float)(1 << (b->bits - 1));
}

/* Element by element, since each may belong to any group. */
static int grouped_row(const struct nbits *b, const struct weight *w, int64_t row, float *y,
                       struct err *err)
{
    for (int64_t i = 0; i < b->k; i++) {
        int64_t g = tensor_get_int(w->groups, i);
        if (g < 0 || g >= b->blocks)
            return err_set(err, ERR_INPUT, "g_idx has %" PRId64 " for %" PRId64 " groups", g,
                           b->blocks);
        float code = (float)k_nbits_code(w->codes + row * b->row_bytes, b->bits, i);
        y[i] = (code - zero_of(b, w, row, g)) * w->scales[row * b->blocks + g];
    }
    return 0;
}

static int weight_row(const struct nbits *b, const struct weight *w, int64_t row, float *y,
                      struct err *err)
{
    if (w->groups)
        return grouped_row(b, w, row, y, err);
    for (int64_t i = 0; i < b->blocks; i++) {
        int64_t at = i * b->block, n = b->k - at < b->block ? b->k - at : b->block;
        k_nbits_f32(w->codes + row * b->row_bytes + at * b->bits / 8, b->bits, n,
                    w->scales[row * b->blocks + i], zero_of(b, w, row, i), y + at);
    }
    return 0;
}

/* The matrix as numbers would be up to 16 times as large as the codes, so only some rows are made
 * at a time. */
int eval_matmul_nbits(struct call *c, struct err *err)
{
    enum { ROWS = 64 };
    struct nbits b;
    const struct tensor *zeros = call_in(c, ZEROS);
    bool packed = zeros && zeros->dtype == DTYPE_U8;
    TRY(read_nbits(c, &b, err));
    struct weight w = {.codes = c->in[CODES]->data, .scales = real_in(c, SCALES),
                       .packed = packed ? zeros->data : NULL,
                       .zeros = packed ? NULL : real_in(c, ZEROS), .groups = call_in(c, GROUPS)};
    if (w.groups && tensor_count(w.groups) < b.k)
        return err_set(err, ERR_INPUT, "g_idx is too short");
    const float *a = real_in(c, A);
    float *y = real_out(c, 0), *part = NEW_ARRAY(c->scratch, ROWS * b.k, float);
    int64_t m = tensor_count(c->in[A]) / b.k;
    for (int64_t first = 0; first < b.n; first += ROWS) {
        int64_t rows = b.n - first < ROWS ? b.n - first : ROWS;
        for (int64_t i = 0; i < rows; i++)
            TRY(weight_row(&b, &w, first + i, part + i * b.k, err));
        struct gemm g = {.m = m, .n = rows, .k = b.k, .tb = true, .lda = b.k, .ldb = b.k,
                         .ldc = b.n, .alpha = 1};
        k_gemm_f32(&g, a, part, y + first);
    }
    struct tail bias = {.bias = real_in(c, BIAS)};
    k_tail(&bias, y, m, b.n);
    real_store(c, 0, y);
    return 0;
}
