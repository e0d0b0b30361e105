/* SPDX-License-Identifier: Apache-2.0
 *
 * target: what a runtime executes in integers, as a table of rules; and the formats in which a
 * quantized model is written. docs/targets.md tells why.
 */
#ifndef TARGET_H
#define TARGET_H

#include "err.h"
#include "graph.h"
#include "quant.h"

struct rules; /* rule.h */

enum format {
    FORMAT_QDQ,
    FORMAT_FAKEQUANTIZE,
    FORMAT_QOPERATOR,
    FORMAT_DYNAMIC,
    FORMAT_DQ,
    N_FORMATS
};

enum input_rule { /* what becomes of the inputs of layers */
    INPUTS_CALIBRATED, /* rounded with ranges that were measured on data */
    INPUTS_DYNAMIC,    /* rounded with the range that each has at run time */
    INPUTS_FLOAT,      /* not rounded: weights only */
};

struct format_info {
    const char *name, *pass; /* the lowering that writes it */
    enum input_rule inputs;
    const char *summary;
};
extern const struct format_info format_table[N_FORMATS];
enum format format_find(const char *name); /* N_FORMATS: none */

enum target_op { /* what a target does about an operator */
    TARGET_FLOAT,   /* stays float */
    TARGET_INTEGER, /* a layer: input, weight and bias are quantized */
    TARGET_CODES,   /* moves codes: runs on them when its input is quantized */
    TARGET_FOLDED,  /* disappears into the quantization behind it (Relu, Clip from 0) */
    TARGET_UNIT,    /* computes on codes when every input and the output is quantized */
};

/* When operators that are no layers compute on codes. */
enum unit_rule {
    UNITS_NEVER,
    UNITS_FOLLOW, /* where all their inputs are quantized anyway */
    UNITS_ALWAYS, /* everywhere; what moves codes likewise */
};

/* Lists are names of operators separated by spaces, or names of types separated by commas. */
struct target {
    const char *name, *summary;
    const char *base; /* the one of the table that a recipe's target extends; NULL: it is itself */
    struct qtype activation, weight; /* defaults; the command line may say otherwise */
    const char *activations;  /* types that the runtime computes with ... */
    const char *weights;
    const char *weights_only; /* likewise, where inputs are float */
    bool whole_blocks;        /* blocks must divide what they part */
    const char *why_no_other; /* ... and what becomes of others */
    const char *caution;      /* NULL, or what must be known of types that are not 8-bit integers */
    bool symmetric;           /* zero points must be those of 0 in the middle */
    bool integer_bias;        /* int32 with scale input * weight; otherwise the bias stays float */
    bool recurrent_weights;   /* loads LSTM, GRU and RNN with DequantizeLinear on their weights */
    bool add_is_bias;         /* a constant vector added behind a MatMul is its bias */
    bool rounds_floats;       /* what suit-runtime is about: its own optimizer quantizes floats */
    bool slow_groups;         /* a grouped convolution stays float if that is much faster there */
    bool slow_products;       /* a matrix product of few channels stays float over many rows */
    bool slow_depthwise;      /* a depthwise convolution of two or three outputs a channel, or of
                                 volumes that a zero point may come with, stays float */
    bool slow_volumes;        /* of one of volumes the weight alone is rounded if that is faster */
    bool splits_transposed;   /* a ConvTranspose that would stay float becomes a Conv */
    bool widens_halves;       /* float16 and bfloat16 become float, in which it computes them */
    bool short_sums;          /* kernels of some processors add two products in 16 bits (pairs.h) */
    bool pad_channels;        /* pictures get channels of zeros up to a multiple of 4 */
    bool channels_apart;      /* ... or between theirs, for the sake of short sums (picture.h) */
    bool no_signed_sums;      /* from opset 21 on it does not load a MatMul of int8 inputs of more
                                 than two axes with a bias behind it */
    bool wrong_extremes;      /* extreme.h */
    bool moves_quantizers;    /* in front of a Concat along any axis, but not of other movers;
                                 scales behind a Reshape; strides across them: suit-runtime and
                                 move-strides do better */
    bool only_rows;           /* activations that are quantized at run time have a scale a row */
    bool skip_branch;         /* of a residual Add the branch beside the layer is quantized */
    enum unit_rule unit_rule; /* may be raised from never to follow where there are units */
    enum input_rule inputs;   /* of the format */
    int64_t opset;            /* lowest opset of the lowered model */
    const char *formats;      /* names; the first is the default */
    const char *integer;      /* operators of each kind */
    const char *outputs;      /* layers whose output is quantized even if nothing needs it */
    const char *per_channel;  /* layers whose weight may have a scale a channel */
    const char *codes;
    const char *dynamic;     /* layers that run with inputs quantized at run time amid others */
    const char *folded;
    const char *units;
    const char *readers; /* no layers, but their inputs are quantized; the output is not */
    const char *joined;  /* what is quantized of inputs and output has one scale */
    const char *written; /* operators that passes write in the place of their spelled-out form */
    struct rules *rules; /* the user's, of single nodes; NULL: none */
};
enum { N_TARGETS = 5 };
extern const struct target target_table[N_TARGETS];
const struct target *target_find(const char *name); /* NULL: none */
/* The target of the table whose runtime the model is for. */
const char *target_runtime(const struct target *t);

/* What the target does about this node's operator. */
enum target_op target_rule(const struct target *t, const struct node *n);
/* May passes write this operator in the place of its spelled-out form? t NULL: yes. */
bool target_writes(const struct target *t, enum op op);
/* Is the output of this layer quantized even if nothing needs it? */
bool target_wants_output(const struct target *t, const struct node *n);
/* Does the layer run with an input that is quantized at run time, amid calibrated ones? */
bool target_is_dynamic(const struct target *t, const struct node *n);
/* May this layer's weight have a scale a channel? */
bool target_takes_channels(const struct target *t, const struct node *n);
/* Does the node compute on codes as no layer does? A MatMul of two activations is a unit, too. */
bool target_is_unit(const struct target *t, const struct node *n);
/* The same where the command line asked for it. */
bool target_computes_codes(const struct target *t, const struct node *n);
bool target_is_reader(const struct target *t, const struct node *n);
bool target_joins(const struct target *t, const struct node *n);
bool target_has_format(const struct target *t, enum format f);
/* Makes the rules those of a format, refuses types that the target does not compute with, also in
 * the user's rules, and sets the opset that the types need. */
int target_settle(struct target *t, enum format f, struct err *err);

#endif
