/* SPDX-License-Identifier: Apache-2.0
 *
 * dtype: ONNX's element types, with ONNX's numbers (TensorProto.DataType).
 *
 * Types below 8 bits are packed as ONNX packs them: first element in the low bits, the tail padded
 * with zeros, over the whole tensor.
 *
 * A sequence of tensors has a number of its own, SEQUENCE_OF + the type of the elements; its row is
 * "sequence", without a size. See tensor.h.
 */
#ifndef DTYPE_H
#define DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
    DTYPE_NONE = 0, /* not known */
    DTYPE_F32 = 1,
    DTYPE_U8 = 2,
    DTYPE_I8 = 3,
    DTYPE_U16 = 4,
    DTYPE_I16 = 5,
    DTYPE_I32 = 6,
    DTYPE_I64 = 7,
    DTYPE_STRING = 8,
    DTYPE_BOOL = 9,
    DTYPE_F16 = 10,
    DTYPE_F64 = 11,
    DTYPE_U32 = 12,
    DTYPE_U64 = 13,
    DTYPE_C64 = 14,
    DTYPE_C128 = 15,
    DTYPE_BF16 = 16,
    DTYPE_F8E4M3FN = 17,
    DTYPE_F8E4M3FNUZ = 18,
    DTYPE_F8E5M2 = 19,
    DTYPE_F8E5M2FNUZ = 20,
    DTYPE_U4 = 21,
    DTYPE_I4 = 22,
    DTYPE_F4E2M1 = 23,
    DTYPE_F8E8M0 = 24,
    DTYPE_U2 = 25,
    DTYPE_I2 = 26,
    DTYPE_F6E2M3 = 27,
    DTYPE_F6E3M2 = 28,
    N_DTYPES
};

enum { SEQUENCE_OF = 64 };

static inline bool dtype_is_sequence(enum dtype t)
{
    return (int)t >= SEQUENCE_OF;
}
static inline enum dtype dtype_sequence(enum dtype element)
{
    return (enum dtype)(SEQUENCE_OF + (int)element);
}
static inline enum dtype dtype_element(enum dtype sequence)
{
    return (enum dtype)((int)sequence - SEQUENCE_OF);
}

struct dtype_info {
    const char *name;   /* as ONNX's text form spells it: "float", "int8" */
    uint8_t bits;       /* of one element; 0: no fixed size (string) */
    bool is_float;      /* any floating type */
    bool is_integer;    /* integer that can be a quantized type: min and max are set */
    int64_t min, max;   /* limits of an integer type (int64 limits where wider) */
};

/* Never NULL; an unknown number gives the row of DTYPE_NONE. */
const struct dtype_info *dtype_info(enum dtype t);
/* By name; DTYPE_NONE: there is none. */
enum dtype dtype_find(const char *name);
/* Bytes of n elements, packed; 0 for types without a fixed size. */
size_t dtype_size(enum dtype t, int64_t n);

/* Element i of packed data as a double or an int64_t, and back (rounded half to even,
 * saturated). A complex number or a string is NaN; stored, a number becomes the real part of a
 * complex one, and nothing of a string. */
double dtype_load(enum dtype t, const void *data, int64_t i);
int64_t dtype_load_int(enum dtype t, const void *data, int64_t i);
void dtype_store(enum dtype t, void *data, int64_t i, double v);
void dtype_store_int(enum dtype t, void *data, int64_t i, int64_t v);

float dtype_f16_to_f32(uint16_t h);
uint16_t dtype_f32_to_f16(float f);
float dtype_bf16_to_f32(uint16_t h);
uint16_t dtype_f32_to_bf16(float f);

#endif
