/* SPDX-License-Identifier: Apache-2.0
 *
 * target: the tables of targets and formats.
 *
 *   onnxruntime  uint8 activations (part of the convolutions stays float with signed ones). A
 *                convolution becomes integer only when its output, or that of the Relu or Clip
 *                behind it, is quantized; matrix products need no quantized output.
 *   openvino     uint8 activations (signed ones with a zero point are miscomputed). Needs the
 *                inputs of layers only and fuses everything behind a layer.
 *   tensorrt     symmetric int8 and no int32 bias. Inputs of layers, and the skip branch of a
 *                residual Add, so that Conv, Add and Relu are one kernel.
 *   qnn          an operator runs in integers where every float input comes out of a
 *                DequantizeLinear and every output goes into a QuantizeLinear.
 *   generic      what ONNX means: inputs and outputs of layers, any type.
 */
#include "target.h"

#include "op.h"
#include "qtype_words.h"
#include "rule.h"
#include "str.h"

#include <string.h>

const struct format_info format_table[N_FORMATS] = {
    [FORMAT_QDQ] = {"qdq", "lower-qdq", INPUTS_CALIBRATED,
                    "QuantizeLinear and DequantizeLinear around operators"},
    [FORMAT_FAKEQUANTIZE] = {"fakequantize", "lower-fakequantize", INPUTS_CALIBRATED,
                             "OpenVINO's FakeQuantize on activations"},
    [FORMAT_QOPERATOR] = {"qoperator", "lower-qoperator", INPUTS_CALIBRATED,
                          "ONNX Runtime's operators on codes: QLinearConv, QGemm, ..."},
    [FORMAT_DYNAMIC] = {"dynamic", "lower-dynamic", INPUTS_DYNAMIC,
                        "inputs of layers are quantized at run time; needs no data"},
    [FORMAT_DQ] = {"dq", "lower-qdq", INPUTS_FLOAT,
                   "weights only, behind a DequantizeLinear; needs no data"},
};

#define ACTIVATION {.dtype = DTYPE_U8, .grain = GRAIN_TENSOR}
#define WEIGHT {.dtype = DTYPE_I8, .grain = GRAIN_CHANNEL, .symmetric = true, .narrow = true}
#define QNN_RANGE 1e-4f /* its accelerator takes no finer scales */
#define LAYERS "Conv Gemm MatMul"
#define MOVERS                                                                                     \
    "MaxPool Reshape Flatten Transpose Squeeze Unsqueeze Slice Split Gather DepthToSpace Identity"

const struct target target_table[N_TARGETS] = {
    {
        .name = "onnxruntime",
        .summary = "ONNX Runtime on CPUs: QLinearConv, QGemm, MatMulIntegerToFloat",
        .activation = ACTIVATION,
        .weight = WEIGHT,
        .activations = "uint8,int8",
        .weights = "int8,uint8",
        .weights_only = "int8,uint8,int4,uint4,float8e4m3fn,float8e5m2",
        .why_no_other = "its integer kernels are for 8 bits; anything else runs in float",
        .integer_bias = true,
        .recurrent_weights = true,
        .add_is_bias = true,
        .rounds_floats = true,
        .slow_groups = true,
        .slow_products = true,
        .slow_volumes = true,
        .splits_transposed = true,
        .widens_halves = true,
        .short_sums = true,
        .pad_channels = true,
        .channels_apart = true,
        .no_signed_sums = true,
        .opset = 13,
        .formats = "qdq,qoperator,dynamic,dq",
        .integer = LAYERS " LSTM",
        .outputs = "Conv",
        .per_channel = LAYERS,
        .dynamic = LAYERS,
        .codes = MOVERS,
        .folded = "Relu Clip",
        .units = "Add Mul Concat AveragePool GlobalAveragePool LeakyRelu Sigmoid Softmax",
        .readers = "",
        .joined = "",
        .written = "Gelu HardSigmoid HardSwish LayerNormalization Mish RMSNormalization",
    },
    {
        .name = "openvino",
        .summary = "OpenVINO on CPUs: low-precision transformations",
        .activation = ACTIVATION,
        .weight = WEIGHT,
        .activations = "uint8,int8",
        .weights = "int8",
        .weights_only = "int8,uint8,int4,uint4",
        .whole_blocks = true,
        .why_no_other = "it drops 16-bit activations, and runs layers with uint8 weights in float",
        .slow_products = true,
        .slow_depthwise = true,
        .splits_transposed = true,
        .widens_halves = true,
        .short_sums = true,
        .channels_apart = true,
        .add_is_bias = true,
        .wrong_extremes = true,
        .moves_quantizers = true,
        .only_rows = true,
        .opset = 13,
        .formats = "qdq,fakequantize,dynamic,dq",
        .integer = LAYERS " ConvTranspose",
        .outputs = "",
        .per_channel = LAYERS " ConvTranspose",
        .dynamic = "",
        .codes = MOVERS,
        .folded = "",
        .units = "",
        .readers = "",
        .joined = "",
        .written = "Gelu HardSwish LayerNormalization Mish RMSNormalization",
    },
    {
        .name = "tensorrt",
        .summary = "TensorRT, explicit quantization: symmetric int8, float bias",
        .activation = {.dtype = DTYPE_I8, .grain = GRAIN_TENSOR, .symmetric = true},
        .weight = WEIGHT,
        .activations = "int8,float8e4m3fn",
        .weights = "int8,float8e4m3fn",
        .weights_only = "int8,int4,float8e4m3fn",
        .why_no_other = "its parser refuses them",
        .symmetric = true,
        .add_is_bias = true,
        .skip_branch = true,
        .opset = 13,
        .formats = "qdq,dq",
        .integer = LAYERS " ConvTranspose",
        .outputs = "",
        .per_channel = LAYERS " ConvTranspose",
        .dynamic = "",
        .codes = "", /* quantizers move through such operators by themselves */
        .folded = "",
        .readers = "MatMul AveragePool GlobalAveragePool",
        .joined = "Concat",
        .written = "",
        .units = "",
    },
    {
        .name = "qnn",
        .summary = "Qualcomm's QNN: every operator between quantizers",
        .activation = {.dtype = DTYPE_U8, .grain = GRAIN_TENSOR, .least = QNN_RANGE},
        .weight = {.dtype = DTYPE_I8, .grain = GRAIN_CHANNEL, .symmetric = true, .narrow = true,
                   .least = QNN_RANGE},
        .activations = "uint8,uint16",
        .weights = "int8,uint8",
        .weights_only = "",
        .why_no_other = "its accelerator has no kernels for them",
        .integer_bias = true,
        .unit_rule = UNITS_ALWAYS,
        .opset = 13,
        .formats = "qdq",
        .integer = LAYERS,
        .outputs = LAYERS,
        .per_channel = "Conv",
        .dynamic = "",
        .codes = MOVERS,
        .folded = "Relu Clip",
        .readers = "",
        .joined = "",
        .written = "",
        .units = "Add Sub Mul Div Max Min MatMul ConvTranspose Concat AveragePool "
                 "GlobalAveragePool GlobalMaxPool Resize LeakyRelu PRelu Elu Relu Clip "
                 "Sigmoid Tanh HardSigmoid HardSwish Gelu Softmax Abs Neg Sqrt Exp "
                 "ReduceMean ReduceSum ReduceMax ReduceMin LayerNormalization "
                 "InstanceNormalization",
    },
    {
        .name = "generic",
        .summary = "what ONNX means, for any runtime: inputs and outputs of layers",
        .activation = ACTIVATION,
        .weight = WEIGHT,
        .activations = "uint8,int8,uint16,int16,float8e4m3fn,float8e5m2",
        .weights = "int8,uint8,int4,uint4,float8e4m3fn,float8e5m2",
        .weights_only = "int8,uint8,int4,uint4,float8e4m3fn,float8e5m2",
        .why_no_other = "ONNX has no such quantized type",
        .caution = "ONNX Runtime computes other types than 8-bit integers in float on CPUs, and "
                   "does not load float8 matrix products unless session.disable_quant_qdq is 1; "
                   "OpenVINO leaves 16-bit rounding out",
        .integer_bias = true,
        .recurrent_weights = true,
        .add_is_bias = true,
        .short_sums = true,
        .opset = 13,
        .formats = "qdq,qoperator,dynamic,dq",
        .integer = LAYERS,
        .outputs = LAYERS,
        .per_channel = LAYERS,
        .dynamic = "",
        .codes = MOVERS,
        .folded = "Relu Clip",
        .readers = "",
        .joined = "",
        .written = "",
        .units = "Add Mul Concat AveragePool GlobalAveragePool LeakyRelu Sigmoid Softmax",
    },
};

const struct target *target_find(const char *name)
{
    for (int i = 0; i < N_TARGETS; i++)
        if (!strcmp(target_table[i].name, name))
            return &target_table[i];
    return NULL;
}

const char *target_runtime(const struct target *t)
{
    return t->base ? t->base : t->name;
}

enum format format_find(const char *name)
{
    int f = 0;
    while (f < N_FORMATS && strcmp(format_table[f].name, name))
        f++;
    return (enum format)f;
}

/* The table speaks of ONNX's own operators. */
static bool names_node(const char *list, const struct node *n)
{
    return !*n->domain && n->op != OP_OTHER && str_list_has(list, n->type, ' ');
}

enum target_op target_rule(const struct target *t, const struct node *n)
{
    return names_node(t->integer, n) ? TARGET_INTEGER
         : names_node(t->codes, n)   ? TARGET_CODES
         : names_node(t->folded, n)  ? TARGET_FOLDED
         : target_is_unit(t, n)      ? TARGET_UNIT
                                     : TARGET_FLOAT;
}

bool target_wants_output(const struct target *t, const struct node *n)
{
    return names_node(t->outputs, n);
}

bool target_takes_channels(const struct target *t, const struct node *n)
{
    return names_node(t->per_channel, n);
}

bool target_is_dynamic(const struct target *t, const struct node *n)
{
    return names_node(t->dynamic, n);
}

bool target_is_reader(const struct target *t, const struct node *n)
{
    return names_node(t->readers, n);
}

bool target_joins(const struct target *t, const struct node *n)
{
    return names_node(t->joined, n);
}

bool target_is_unit(const struct target *t, const struct node *n)
{
    return t->unit_rule != UNITS_NEVER && target_computes_codes(t, n);
}

bool target_computes_codes(const struct target *t, const struct node *n)
{
    return names_node(t->units, n);
}

bool target_writes(const struct target *t, enum op op)
{
    return !t || (!*op_table[op].domain && str_list_has(t->written, op_table[op].name, ' '));
}

bool target_has_format(const struct target *t, enum format f)
{
    return f < N_FORMATS && str_list_has(t->formats, format_table[f].name, ',');
}

/* The first version of ONNX whose DequantizeLinear takes the type. */
static int64_t opset_of(const struct qtype *type)
{
    bool byte = dtype_info(type->dtype)->bits == 8;
    return !byte || type->grain == GRAIN_BLOCK ? 21 : qtype_is_float(type) ? 19 : 13;
}

static void raise_opset(struct target *t, const struct qtype *type)
{
    int64_t least = opset_of(type);
    t->opset = least > t->opset ? least : t->opset;
}

static int check_type(const struct target *t, enum format f, const char *what,
                      const struct qtype *type, const char *allowed, struct err *err)
{
    const char *name = dtype_info(type->dtype)->name;
    bool other = type == &t->weight && allowed != t->weights_only && *t->weights_only;
    if (!str_list_has(allowed, name, ','))
        return err_set(err, ERR_USAGE, "target %s takes no %s %s: %s (it takes %s%s%s)", t->name,
                       name, what, t->why_no_other, allowed, other ? "; --format dq: " : "",
                       other ? t->weights_only : "");
    bool on_codes = f == FORMAT_QOPERATOR || f == FORMAT_DYNAMIC;
    if (on_codes && (dtype_info(type->dtype)->bits != 8 || qtype_is_float(type)))
        return err_set(err, ERR_USAGE, "format %s takes no %s %s: its operators compute on 8-bit "
                       "integers", format_table[f].name, name, what);
    if (t->symmetric && !type->symmetric)
        return err_set(err, ERR_USAGE, "target %s takes symmetric %s only", t->name, what);
    return 0;
}

/* Only layers have rules where nothing is known of activations beforehand. */
static void keep_layers_only(struct target *t)
{
    bool rows = t->activation.rows || t->only_rows;
    t->activation = (struct qtype){.dtype = DTYPE_U8, .dynamic = true, .rows = rows,
                                   .symmetric = rows};
    if (t->inputs == INPUTS_DYNAMIC && t->only_rows)
        t->integer = "Gemm MatMul"; /* a convolution has no rows */
    t->integer_bias = false;
    t->skip_branch = false;
    t->unit_rule = UNITS_NEVER;
    t->outputs = t->readers = t->joined = "";
}

/* The types of a rule are the target's with the rule's words. */
static int settle_rule(struct target *t, enum format f, struct rule *r, struct err *err)
{
    bool only = r->extent == RULE_WEIGHTS || t->inputs == INPUTS_FLOAT;
    if (r->extent == RULE_DYNAMIC && t->inputs != INPUTS_DYNAMIC && !*t->dynamic)
        return err_set(err, ERR_USAGE, "quantize: dynamic: target %s has no layers in format %s "
                       "whose input is quantized at run time", t->name, format_table[f].name);
    r->weight = t->weight;
    r->activation = t->activation;
    TRY(qtype_read("weights", r->weights, true, &r->weight, err));
    TRY(qtype_read("activations", r->activations, false, &r->activation, err));
    if ((r->weights && qtype_is_float(&r->weight) != qtype_is_float(&t->weight))
        || (r->activations && qtype_is_float(&r->activation) != qtype_is_float(&t->activation)))
        return err_set(err, ERR_USAGE, "float8 is for all layers or for none");
    if (only && !*t->weights_only)
        return err_set(err, ERR_USAGE, "target %s runs no layer whose input is float", t->name);
    if (r->weights || only)
        TRY(check_type(t, f, "weights", &r->weight, only ? t->weights_only : t->weights, err));
    if (!r->activations)
        return 0;
    if (r->extent == RULE_DYNAMIC && r->activation.dtype == DTYPE_U8)
        return 0;
    if (r->extent == RULE_DYNAMIC)
        return err_set(err, ERR_USAGE, "quantize: dynamic: activations are uint8 or uint8,token");
    if (r->activation.rows)
        return err_set(err, ERR_USAGE, "a scale a token is made at run time: quantize: dynamic");
    if (t->inputs != INPUTS_CALIBRATED)
        return err_set(err, ERR_USAGE, "format %s has no calibrated activations",
                       format_table[f].name);
    return check_type(t, f, "activations", &r->activation, t->activations, err);
}

static int settle_rules(struct target *t, enum format f, struct err *err)
{
    for (int i = 0; t->rules && i < t->rules->n; i++) {
        struct rule *r = &t->rules->at[i];
        if (settle_rule(t, f, r, err) < 0) {
            err->code = ERR_INPUT;
            return err_at(err, "%s", r->where);
        }
        if (r->activations)
            raise_opset(t, &r->activation);
        if (r->weights)
            raise_opset(t, &r->weight);
    }
    return 0;
}

int target_settle(struct target *t, enum format f, struct err *err)
{
    t->inputs = format_table[f].inputs;
    if (f != FORMAT_QDQ) {
        t->dynamic = "";
        t->pad_channels = t->channels_apart = false;
    }
    const char *weights = t->inputs == INPUTS_FLOAT ? t->weights_only : t->weights;
    TRY(check_type(t, f, "weights", &t->weight, weights, err));
    if (t->activation.rows && t->inputs != INPUTS_DYNAMIC)
        return err_set(err, ERR_USAGE, "a scale a token is made at run time: --format dynamic");
    if (t->inputs != INPUTS_CALIBRATED)
        keep_layers_only(t);
    else
        TRY(check_type(t, f, "activations", &t->activation, t->activations, err));
    bool small = qtype_is_float(&t->weight);
    if (t->inputs == INPUTS_CALIBRATED && small != qtype_is_float(&t->activation))
        return err_set(err, ERR_USAGE, "float8 is for weights and activations together");
    if (f == FORMAT_QOPERATOR && t->weight.dtype == DTYPE_U8 && t->activation.dtype == DTYPE_I8)
        return err_set(err, ERR_USAGE, "format qoperator takes no uint8 weights with int8 "
                       "activations: ONNX Runtime has no such QLinearConv");
    t->integer_bias = t->integer_bias && !small;
    raise_opset(t, &t->activation);
    raise_opset(t, &t->weight);
    return settle_rules(t, f, err);
}
