/* SPDX-License-Identifier: Apache-2.0
 *
 * target: what a runtime executes in integers, as a table of rules. docs/targets.md tells why.
 */
#ifndef TARGET_H
#define TARGET_H

#include "graph.h"
#include "quant.h"

enum format { FORMAT_QDQ, FORMAT_FAKEQUANTIZE, N_FORMATS };
extern const char *const format_names[N_FORMATS];

enum target_op { /* what a target does about an operator */
    TARGET_FLOAT,   /* stays float */
    TARGET_INTEGER, /* a layer: input, weight and bias are quantized */
    TARGET_CODES,   /* moves codes: runs on them when its input is quantized */
    TARGET_FOLDED,  /* disappears into the quantization behind it (Relu, Clip from 0) */
};

struct target {
    const char *name, *summary;
    struct qtype activation, weight; /* defaults; the command line may say otherwise */
    bool integer_bias;   /* int32 with scale input * weight; otherwise the bias stays float */
    bool layer_output;   /* the output of a convolution is quantized even if nothing needs it */
    bool recurrent_weights; /* loads LSTM, GRU and RNN with DequantizeLinear on their weights */
    int64_t opset;       /* lowest opset of the lowered model */
    const char *formats; /* comma-separated names; the first is the default */
    const char *integer; /* operators of each kind, separated by spaces */
    const char *codes;
    const char *folded;
};
enum { N_TARGETS = 2 };
extern const struct target target_table[N_TARGETS];
const struct target *target_find(const char *name); /* NULL: none */

/* What the target does about this node's operator. */
enum target_op target_rule(const struct target *t, const struct node *n);
bool target_has_format(const struct target *t, enum format f);

#endif
