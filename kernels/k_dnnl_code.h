/* SPDX-License-Identifier: Apache-2.0
 *
 * k_dnnl_code: which of oneDNN's code a convolution gets, and what it looks like to the library.
 * Only k_dnnl.c includes this.
 */
#ifndef K_DNNL_CODE_H
#define K_DNNL_CODE_H

#include "k_conv.h"
#include "k_tail.h"

#include <oneapi/dnnl/dnnl.h>

/* Element types of a convolution: all float, or codes and their sums. */
struct k_dnnl_types {
    dnnl_data_type_t x, w, y;
};

/* Once, before the others. */
void k_dnnl_code_open(void);
/* The weight as oneDNN counts its dims: groups (where more than 1), m, c, axes. `plain` says that
 * it is stored as ONNX stores it, otherwise the library chooses. */
bool k_dnnl_weight_desc(dnnl_memory_desc_t *md, const struct conv_dims *d, bool plain,
                        dnnl_data_type_t type);
/* The library's code for these is slower than a walk of ours over the result. */
bool k_dnnl_is_apart(enum tail_kind kind);
/* The fastest code there is; t NULL: for codes. NULL: none that is worth it. */
dnnl_primitive_t k_dnnl_code_make(dnnl_engine_t engine, const struct conv_dims *d,
                                  struct k_dnnl_types type, const struct tail *t);
/* What brings a weight from ONNX's order into that of the code. NULL: there is nothing for it. */
dnnl_primitive_t k_dnnl_packer_make(dnnl_engine_t engine, const struct conv_dims *d,
                                    struct k_dnnl_types type, const_dnnl_primitive_t code);

#endif
