/* SPDX-License-Identifier: Apache-2.0
 *
 * predict_layer: what stands around a layer in a quantized model. For predict_*.c.
 */
#ifndef PREDICT_LAYER_H
#define PREDICT_LAYER_H

#include "predict.h"

/* The quantization behind a value: codes that a DequantizeLinear or FakeQuantize makes real. */
struct codes_of {
    const struct node *node; /* NULL: the value is float */
    enum dtype dtype;        /* of the codes; DTYPE_NONE: not known */
    enum dtype real;         /* what they become */
    bool constant;           /* the codes are constant */
    const struct tensor *scale, *zero; /* NULL: not constant; zero also where it is left out */
    int64_t n_scales, block; /* block 0: not blocked */
    int axis;                /* of the scales, where there are several; not negative */
};
/* What `n`, a DequantizeLinear or FakeQuantize, says; node stays NULL for others. */
struct codes_of codes_read(const struct node *n);
bool codes_are_8bit(const struct codes_of *c);
bool codes_zero_is(const struct codes_of *c, int64_t zero); /* all zero points */
bool codes_are_uniform(const struct codes_of *c);           /* all scales and zero points equal */

/* Passes over nodes that runtimes drop: Identity, Dropout, Cast to the same type. */
const struct value *value_before_copies(const struct value *v);
bool node_is_copy(const struct node *n);
bool node_is_quantize(const struct node *n);   /* in either domain */
bool node_is_dequantize(const struct node *n);
/* Is it one of those that pad-channels writes, between QuantizeLinear and DequantizeLinear? */
bool node_pads_channels(const struct node *n);
/* Zeros that they have put among the input channels of a convolution; the float model has none. */
int64_t channels_padded(const struct node *conv);
/* The numbers of an initializer or a Constant node; NULL: another value, or none. */
const struct tensor *value_tensor(const struct value *v);
const struct tensor *operand_tensor(const struct node *n, int i);
/* Is every element x? */
bool tensor_is_all(const struct tensor *t, double x);

/* The output channels of a weight operand: axis of its shape, and their number (-1: unknown). */
int weight_axis(const struct node *n);
int64_t weight_channels(const struct node *n);
/* A dequantized int32 bias, in a kernel that takes its codes as multiples of input scale * weight
 * scale. */
struct bias_fit {
    double error; /* largest error of the bias by that, scales within 1 % apart */
    bool refused; /* a Conv in ONNX Runtime stays float for it */
};
struct bias_fit bias_scale_fit(const struct codes_of *x, const struct codes_of *w,
                               const struct codes_of *b);

/* Does the quantization contain the bounds of this Relu or Clip? */
bool quantize_contains(const struct node *q, const struct node *bounds);

/* Rules of the runtimes. */
struct judgement predict_ort(const struct node *n);
struct judgement predict_openvino(const struct node *n);
/* May OpenVINO take the second axis behind a Reshape for the columns of the matrix in front? */
bool openvino_mistakes_columns(const struct value *matrix, const struct value *reshaped);
/* What this node, of any kind, means for the whole model: FAILS or WRONG; else INTEGER. */
struct judgement ort_objects(const struct node *n);
struct judgement openvino_objects(const struct node *n);

#define JUDGE(v, why) ((struct judgement){VERDICT_##v, (why)})

#endif
