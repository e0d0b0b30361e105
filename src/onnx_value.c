/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_value: the messages that tell names and types of values, both ways. When written, what the
 * file said stays as long as the value's type has not changed since, or has only become more
 * precise: symbolic dimensions are worth more than what inference adds. Graph inputs say exactly
 * what the graph says.
 */
#include "onnx_proto.h"

#include <string.h>

/* What the file tells of the elements' shapes is left out: a struct tensor cannot say it. */
static struct onnx_type sequence_type_read(const Onnx__TypeProto__Sequence *p)
{
    struct onnx_type t = {DTYPE_NONE, {.rank = -1}};
    struct onnx_type element = onnx_type_read(p ? p->elem_type : NULL);
    if (element.dtype && !dtype_is_sequence(element.dtype))
        t.dtype = dtype_sequence(element.dtype);
    return t;
}

struct onnx_type onnx_type_read(const Onnx__TypeProto *p)
{
    struct onnx_type t = {DTYPE_NONE, {.rank = -1}};
    if (p && p->value_case == ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE)
        return sequence_type_read(p->sequence_type);
    if (!p || p->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || !p->tensor_type)
        return t;
    const Onnx__TypeProto__Tensor *tensor = p->tensor_type;
    if (tensor->elem_type > DTYPE_NONE && tensor->elem_type < N_DTYPES)
        t.dtype = (enum dtype)tensor->elem_type;
    if (!tensor->shape || tensor->shape->n_dim > MAX_RANK)
        return t;
    t.shape.rank = (int)tensor->shape->n_dim;
    for (int i = 0; i < t.shape.rank; i++) {
        const Onnx__TensorShapeProto__Dimension *d = tensor->shape->dim[i];
        bool known = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        t.shape.dim[i] = known && d->dim_value >= 0 ? d->dim_value : -1;
    }
    return t;
}

static bool dim_agrees(int64_t old, int64_t now, bool exactly)
{
    return old == now || (!exactly && (old < 0 || now < 0));
}

static bool type_agrees(const struct onnx_type *old, const struct tensor *now, bool exactly)
{
    if (now->dtype && old->dtype != now->dtype && (exactly || old->dtype))
        return false;
    if (now->shape.rank < 0 || (!exactly && old->shape.rank < 0))
        return true;
    if (old->shape.rank != now->shape.rank)
        return false;
    for (int i = 0; i < now->shape.rank; i++)
        if (!dim_agrees(old->shape.dim[i], now->shape.dim[i], exactly))
            return false;
    return true;
}

static bool type_unchanged(const struct onnx_writer *w, const struct value *v)
{
    if (!w->source || v->id >= w->source->n_values)
        return false;
    const struct onnx_type *t = &w->source->type[v->id];
    return t->dtype == v->type.dtype && shape_equal(&t->shape, &v->type.shape);
}

/* Keeps the old dimension, with its name, where the size says nothing against it. */
static Onnx__TensorShapeProto__Dimension *emit_dim(struct arena *a, int64_t size,
                                                   Onnx__TensorShapeProto__Dimension *old)
{
    bool had = old && old->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    if (old && (size < 0 ? !had : had && old->dim_value == size))
        return old;
    Onnx__TensorShapeProto__Dimension *d = NEW(a, Onnx__TensorShapeProto__Dimension);
    onnx__tensor_shape_proto__dimension__init(d);
    if (old)
        d->denotation = old->denotation;
    if (size >= 0) {
        d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        d->dim_value = size;
    }
    return d;
}

static Onnx__TensorShapeProto *emit_shape(struct arena *a, const struct shape *s,
                                          Onnx__TensorShapeProto *old)
{
    Onnx__TensorShapeProto *p = NEW(a, Onnx__TensorShapeProto);
    onnx__tensor_shape_proto__init(p);
    if (old)
        p->base = old->base;
    bool same_rank = old && old->n_dim == (size_t)s->rank;
    p->n_dim = (size_t)s->rank;
    p->dim = NEW_ARRAY(a, s->rank, Onnx__TensorShapeProto__Dimension *);
    for (int i = 0; i < s->rank; i++)
        p->dim[i] = emit_dim(a, s->dim[i], same_rank ? old->dim[i] : NULL);
    return p;
}

static Onnx__TypeProto *emit_type(struct arena *a, const struct tensor *t,
                                  const Onnx__TypeProto *old);

static Onnx__TypeProto *emit_sequence_type(struct arena *a, const struct tensor *t)
{
    Onnx__TypeProto *p = NEW(a, Onnx__TypeProto);
    Onnx__TypeProto__Sequence *sequence = NEW(a, Onnx__TypeProto__Sequence);
    const struct tensor element = {.dtype = dtype_element(t->dtype), .shape.rank = -1};
    onnx__type_proto__init(p);
    onnx__type_proto__sequence__init(sequence);
    p->value_case = ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
    p->sequence_type = sequence;
    sequence->elem_type = emit_type(a, &element, NULL);
    return p;
}

static Onnx__TypeProto *emit_type(struct arena *a, const struct tensor *t,
                                  const Onnx__TypeProto *old)
{
    if (dtype_is_sequence(t->dtype))
        return emit_sequence_type(a, t);
    Onnx__TypeProto *p = NEW(a, Onnx__TypeProto);
    Onnx__TypeProto__Tensor *tensor = NEW(a, Onnx__TypeProto__Tensor);
    onnx__type_proto__init(p);
    onnx__type_proto__tensor__init(tensor);
    if (old)
        *p = *old;
    if (old && old->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && old->tensor_type)
        *tensor = *old->tensor_type;
    p->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    p->tensor_type = tensor;
    if (t->dtype) {
        tensor->has_elem_type = true;
        tensor->elem_type = (int32_t)t->dtype;
    }
    if (t->shape.rank >= 0)
        tensor->shape = emit_shape(a, &t->shape, tensor->shape);
    return p;
}

Onnx__ValueInfoProto *onnx_value_emit(struct onnx_writer *w, const struct value *v,
                                      const Onnx__ValueInfoProto *old, const char *name)
{
    Onnx__ValueInfoProto *p = NEW(&w->arena, Onnx__ValueInfoProto);
    onnx__value_info_proto__init(p);
    if (old)
        *p = *old;
    if (strcmp(onnx_text(p->name), name))
        p->name = onnx_chars(name);
    bool known = v->type.dtype || v->type.shape.rank >= 0;
    struct onnx_type said = onnx_type_read(p->type);
    bool holds = old && (type_unchanged(w, v) || type_agrees(&said, &v->type, v->is_input));
    if (known && !holds)
        p->type = emit_type(&w->arena, &v->type, p->type);
    return p;
}
