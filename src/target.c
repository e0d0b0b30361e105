/* SPDX-License-Identifier: Apache-2.0
 *
 * target: the table of targets.
 *
 * Both want uint8 activations with a zero point (OpenVINO miscomputes signed ones, ONNX Runtime
 * leaves part of the convolutions in float with them) and int8 symmetric weights.
 *   onnxruntime  a convolution becomes integer only when its output, or that of the Relu or Clip
 *                behind it, is quantized; matrix products need no quantized output.
 *   openvino     needs the inputs of layers only and fuses everything behind a layer.
 */
#include "target.h"

#include <string.h>

const char *const format_names[N_FORMATS] = {"qdq", "fakequantize"};

#define ACTIVATION {.dtype = DTYPE_U8, .grain = GRAIN_TENSOR}
#define WEIGHT {.dtype = DTYPE_I8, .grain = GRAIN_CHANNEL, .symmetric = true, .narrow = true}

const struct target target_table[N_TARGETS] = {
    {
        .name = "onnxruntime",
        .summary = "ONNX Runtime on CPUs: QLinearConv, QGemm, MatMulIntegerToFloat",
        .activation = ACTIVATION,
        .weight = WEIGHT,
        .integer_bias = true,
        .recurrent_weights = true,
        .layer_output = true,
        .opset = 13,
        .formats = "qdq",
        .integer = "Conv Gemm MatMul LSTM",
        .codes = "MaxPool Reshape Flatten Transpose Squeeze Unsqueeze Slice Split Gather "
                 "DepthToSpace Identity",
        .folded = "Relu Clip",
    },
    {
        .name = "openvino",
        .summary = "OpenVINO on CPUs: low-precision transformations",
        .activation = ACTIVATION,
        .weight = WEIGHT,
        .integer_bias = false,
        .layer_output = false,
        .opset = 13,
        .formats = "qdq,fakequantize",
        .integer = "Conv Gemm MatMul",
        .codes = "MaxPool Reshape Flatten Transpose Squeeze Unsqueeze Slice Split Gather "
                 "DepthToSpace Identity",
        .folded = "",
    },
};

const struct target *target_find(const char *name)
{
    for (int i = 0; i < N_TARGETS; i++)
        if (!strcmp(target_table[i].name, name))
            return &target_table[i];
    return NULL;
}

/* Is `word` one of the words of `list`? */
static bool list_has(const char *list, const char *word, char separator)
{
    size_t n = strlen(word);
    for (const char *p = list; *p;) {
        const char *end = strchr(p, separator);
        size_t len = end ? (size_t)(end - p) : strlen(p);
        if (len == n && !memcmp(p, word, n))
            return true;
        p += len + (end != NULL);
    }
    return false;
}

enum target_op target_rule(const struct target *t, const struct node *n)
{
    if (*n->domain || n->op == OP_OTHER)
        return TARGET_FLOAT;
    return list_has(t->integer, n->type, ' ') ? TARGET_INTEGER
         : list_has(t->codes, n->type, ' ')   ? TARGET_CODES
         : list_has(t->folded, n->type, ' ')  ? TARGET_FOLDED
                                              : TARGET_FLOAT;
}

bool target_has_format(const struct target *t, enum format f)
{
    return list_has(t->formats, format_names[f], ',');
}
