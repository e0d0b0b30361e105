/* SPDX-License-Identifier: Apache-2.0
 *
 * quant: quantization as data on values.
 *
 * Two values that must share parameters point at the same struct quant. There is no state: a NULL
 * range is not calibrated, a NULL scale not solved. A consumer that wants the float value has its
 * use marked `plain`. Real value = (q - zero) * scale, q = clip(rint(x / scale) + zero), in float32
 * with ties to even: exactly what QuantizeLinear and DequantizeLinear of ONNX do.
 */
#ifndef QUANT_H
#define QUANT_H

#include "tensor.h"

enum grain { GRAIN_TENSOR, GRAIN_CHANNEL, GRAIN_BLOCK };

struct qtype {
    enum dtype dtype; /* an integer type; or float8e4m3fn, float8e5m2: symmetric */
    enum grain grain;
    int axis;         /* of channels or blocks, for GRAIN_CHANNEL and GRAIN_BLOCK */
    int64_t block;    /* elements along axis that share a scale, for GRAIN_BLOCK */
    bool symmetric;   /* zero point in the middle: 0 for signed types, 2^(bits-1) for unsigned */
    bool narrow;      /* symmetric limits: -127..127 instead of -128..127 */
    bool short_sums;  /* int8 weights: sums of two products must fit 16 bits (pairs.h) */
    float least;      /* ranges are made at least so wide */
    bool dynamic;     /* uint8; scale and zero point are made of each tensor at run time ... */
    bool rows;        /* ... or a scale of each row of the last axis, with 0 in the middle */
};

struct range {
    float lo, hi; /* lo <= 0 <= hi */
};

struct seen_channel { /* of a channel on the data */
    struct range range;
    float sum; /* the largest sum with the next channel (of all but the last) at one place;
                  INFINITY: not known */
};

struct quant {
    struct qtype type;              /* place */
    struct range *range;            /* calibrate; n entries */
    float *scale;                   /* solve; n entries */
    int32_t *zero;                  /* solve; n entries */
    int64_t n;                      /* scales: 1 per tensor, channels, or blocks */
    const struct seen_channel *seen; /* calibrate: of weights with short_sums, their layers' inputs
                                        by channel; NULL: not known */
    const struct quant *product[2]; /* a bias: scale = scale of input * scale of weight */
};

/* Is it a type whose codes are small floats? They are x / scale, rounded and saturated. */
bool qtype_is_float(const struct qtype *t);
/* Lowest and highest code of a type, in the sense of `narrow`. Asymmetric weights with short_sums
 * have -64..63, of which any two fit. */
int64_t quant_min(const struct qtype *t);
int64_t quant_max(const struct qtype *t);
/* Number of scales for a tensor of this shape. */
int64_t quant_count(const struct qtype *t, const struct shape *s);
/* Which scale belongs to element i (row-major) of a tensor of this shape. */
int64_t quant_index(const struct qtype *t, const struct shape *s, int64_t i);

/* range[q->n]: smallest and largest of the elements that share a scale, and 0. */
void quant_ranges(const struct quant *q, const struct tensor *t, struct range *range);
/* Scale and zero point of a range: the range is widened to include 0, and upwards to the type's
 * least width; a range of width 0 gives scale 1. Scales are never below the smallest normal
 * float. */
void quant_solve_range(const struct qtype *t, struct range r, float *scale, int32_t *zero);
/* "uint8", "int8 per channel (axis 0) symmetric": for people. */
enum { QTYPE_TEXT = 96 };
char *qtype_text(const struct qtype *t, char buf[QTYPE_TEXT]);

/* Round to the grid and back, n elements that share scale and zero point; y may be x. */
void quant_round(const struct qtype *t, float scale, int32_t zero, const float *x, float *y,
                 int64_t n);
/* The same with the scale that a row of n elements gives: max |x| / 127, 1e-12 at least. */
enum { QUANT_ROW_MIDDLE = 128, QUANT_ROW_LIMIT = 127 };
#define QUANT_ROW_LEAST 1e-12f
void quant_round_rows(const struct tensor *x, struct tensor *y);
/* A whole float tensor (plain layout; or channels-last with axis 1 or per tensor). y is float: the
 * grid's values; or of the quant's type, of 8 bits or more: the codes. */
void quant_round_tensor(const struct quant *q, const struct tensor *x, struct tensor *y);
/* The codes of a float tensor in plain layout, packed, as type q->type.dtype. */
struct tensor *quant_codes(struct arena *a, const struct quant *q, const struct tensor *x);

#endif
