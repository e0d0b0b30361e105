/* SPDX-License-Identifier: Apache-2.0
 *
 * npy: NumPy's array files, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 * Read are versions 1 to 3, both byte orders, C and Fortran order, and all booleans, integers,
 * floats (f2 to f8) and complex numbers. Structured types, objects, strings and dates are refused.
 *
 * Written is version 1, little endian, C order. NumPy has no names for some of ONNX's types:
 * bfloat16 and floats of 8 bits and below go out as float32, which holds all their values; integers
 * below 8 bits as uint8 or int8.
 */
#ifndef NPY_H
#define NPY_H

#include "err.h"
#include "str.h"
#include "tensor.h"

/* An array in memory that somebody else owns. */
struct npy {
    enum dtype dtype;
    struct shape shape;
    bool swapped; /* not in the byte order of this machine */
    bool fortran; /* first axis varies fastest */
    const unsigned char *data;
};

/* Reads the header and checks that all elements are there. */
int npy_parse(struct npy *f, const void *bytes, size_t size, struct err *err);
/* The whole array. It points into the bytes it was parsed from where these serve as they are. */
const struct tensor *npy_tensor(const struct npy *f, struct arena *a);
/* Index i of axis 0, which is kept with length 1; rank >= 1 and i must be within. */
const struct tensor *npy_row(const struct npy *f, int64_t i, struct arena *a);

/* A file is a header and a body, for a numeric tensor in plain layout. npy_header adds the header
 * to `out`; npy_body gives the tensor's own data where it serves as it is, or what it put into
 * `made`, and its size. */
void npy_header(const struct tensor *t, struct str *out);
const void *npy_body(const struct tensor *t, struct str *made, size_t *size);

#endif
