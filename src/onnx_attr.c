/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_attr: attributes, from their messages and back. Numbers stay where the message has them.
 */
#include "onnx_proto.h"

#include <string.h>

/* Files from before IR version 2 leave the type out; then the field that is there tells. */
static int attr_type(const Onnx__AttributeProto *p)
{
    if (p->has_type && p->type)
        return p->type;
    return p->has_f       ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT
         : p->has_i       ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT
         : p->has_s       ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING
         : p->t           ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR
         : p->g           ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH
         : p->n_floats    ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS
         : p->n_ints      ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS
         : p->n_strings   ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS
         : p->n_tensors   ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSORS
         : p->n_graphs    ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS
                          : ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED;
}

static struct graph *read_body(struct onnx_reader *r, struct node *n,
                               const Onnx__GraphProto *p, struct err *err)
{
    struct graph *g = graph_new(r->model, n ? n->graph : NULL);
    return onnx_graph_read(r, g, p, err) < 0 ? NULL : g;
}

static int read_messages(struct onnx_reader *r, struct node *n, const Onnx__AttributeProto *p,
                         struct attr *a, struct err *err)
{
    struct arena *arena = r->arena;
    switch (a->kind) {
    case ATTR_TENSOR:
        if (!p->t)
            return err_set(err, ERR_INPUT, "it has no tensor");
        return onnx_tensor_read(r, p->t, &a->t, err);
    case ATTR_TENSORS:
        a->n = p->n_tensors;
        a->tensors = NEW_ARRAY(arena, a->n, const struct tensor *);
        for (size_t i = 0; i < a->n; i++)
            TRY(onnx_tensor_read(r, p->tensors[i], &a->tensors[i], err));
        return 0;
    case ATTR_GRAPH:
        if (!p->g)
            return err_set(err, ERR_INPUT, "it has no graph");
        a->g = read_body(r, n, p->g, err);
        return a->g ? 0 : -1;
    default:
        a->n = p->n_graphs;
        a->graphs = NEW_ARRAY(arena, a->n, struct graph *);
        for (size_t i = 0; i < a->n; i++)
            if (!(a->graphs[i] = read_body(r, n, p->graphs[i], err)))
                return -1;
        return 0;
    }
}

static void read_strings(struct arena *arena, const Onnx__AttributeProto *p, struct attr *a)
{
    struct bytes *s = NEW_ARRAY(arena, p->n_strings, struct bytes);
    for (size_t i = 0; i < p->n_strings; i++)
        s[i] = (struct bytes){(const char *)p->strings[i].data, p->strings[i].len};
    a->n = p->n_strings;
    a->strings = s;
}

int onnx_attr_read(struct onnx_reader *r, struct node *n, const Onnx__AttributeProto *p,
                   struct attr *a, struct err *err)
{
    *a = (struct attr){.name = onnx_text(p->name), .kind = ATTR_OTHER, .origin = p};
    if (*onnx_text(p->ref_attr_name)) {
        a->kind = ATTR_REF;
        a->ref = p->ref_attr_name;
        return 0;
    }
    switch (attr_type(p)) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        a->kind = ATTR_FLOAT;
        a->f = p->f;
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        a->kind = ATTR_INT;
        a->i = p->i;
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        a->kind = ATTR_STRING;
        a->s = (struct bytes){p->s.len ? (const char *)p->s.data : "", p->s.len};
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        a->kind = ATTR_FLOATS;
        a->n = p->n_floats;
        a->floats = p->floats;
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        a->kind = ATTR_INTS;
        a->n = p->n_ints;
        a->ints = p->ints;
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
        a->kind = ATTR_STRINGS;
        read_strings(r->arena, p, a);
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR: a->kind = ATTR_TENSOR; break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSORS: a->kind = ATTR_TENSORS; break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH: a->kind = ATTR_GRAPH; break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS: a->kind = ATTR_GRAPHS; break;
    default: return 0;
    }
    return read_messages(r, n, p, a, err);
}

int onnx_attrs_read(struct onnx_reader *r, struct node *n, const Onnx__NodeProto *p,
                    struct err *err)
{
    struct map names = {.arena = &r->scratch};
    n->attr = NEW_ARRAY(r->arena, p->n_attribute, struct attr);
    for (size_t i = 0; i < p->n_attribute; i++) {
        const char *name = onnx_text(p->attribute[i]->name);
        if (!*name)
            return err_set(err, ERR_INPUT, "attribute %zu has no name", i);
        if (p->n_attribute > 1 && map_find(&names, name))
            return err_set(err, ERR_INPUT, "attribute '%s' is given twice", name);
        if (p->n_attribute > 1)
            map_set(&names, name, n);
        if (onnx_attr_read(r, n, p->attribute[i], &n->attr[i], err) < 0)
            return err_at(err, "attribute '%s'", name);
        n->n_attr++;
    }
    return 0;
}

static int kind_type(enum attr_kind kind)
{
    static const int type[] = {
        [ATTR_FLOAT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT,
        [ATTR_INT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
        [ATTR_STRING] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING,
        [ATTR_TENSOR] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR,
        [ATTR_GRAPH] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH,
        [ATTR_FLOATS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS,
        [ATTR_INTS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
        [ATTR_STRINGS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS,
        [ATTR_TENSORS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSORS,
        [ATTR_GRAPHS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS,
    };
    return type[kind];
}

static void emit_strings(struct onnx_writer *w, const struct attr *a, Onnx__AttributeProto *p)
{
    p->n_strings = a->n;
    p->strings = NEW_ARRAY(&w->arena, a->n, ProtobufCBinaryData);
    for (size_t i = 0; i < a->n; i++)
        p->strings[i] = (ProtobufCBinaryData){a->strings[i].n,
                                              (uint8_t *)onnx_chars(a->strings[i].data)};
}

/* Numbers and strings of an attribute that was not in the file. */
static void emit_numbers(struct onnx_writer *w, const struct attr *a, Onnx__AttributeProto *p)
{
    p->name = onnx_chars(a->name);
    p->has_type = true;
    p->type = (Onnx__AttributeProto__AttributeType)kind_type(a->kind);
    p->has_f = a->kind == ATTR_FLOAT;
    p->has_i = a->kind == ATTR_INT;
    p->has_s = a->kind == ATTR_STRING;
    if (p->has_f)
        p->f = a->f;
    if (p->has_i)
        p->i = a->i;
    if (p->has_s)
        p->s = (ProtobufCBinaryData){a->s.n, (uint8_t *)onnx_chars(a->s.data)};
    if (a->kind == ATTR_FLOATS) {
        p->n_floats = a->n;
        p->floats = (float *)(uintptr_t)a->floats;
    } else if (a->kind == ATTR_INTS) {
        p->n_ints = a->n;
        p->ints = (int64_t *)(uintptr_t)a->ints;
    } else if (a->kind == ATTR_STRINGS) {
        emit_strings(w, a, p);
    }
}

/* Tensors and bodies are written anew even where the attribute is from the file: the tensor's data
 * may move, and the body may have changed. */
Onnx__AttributeProto *onnx_attr_emit(struct onnx_writer *w, const struct attr *a)
{
    Onnx__AttributeProto *p = NEW(&w->arena, Onnx__AttributeProto);
    onnx__attribute_proto__init(p);
    if (a->origin)
        *p = *(const Onnx__AttributeProto *)a->origin;
    else
        emit_numbers(w, a, p);
    if (strcmp(onnx_text(p->name), a->name)) /* it stood in a call of a function */
        p->name = onnx_chars(a->name);
    if (a->kind == ATTR_TENSOR) {
        p->t = onnx_tensor_emit(w, a->t, NULL);
    } else if (a->kind == ATTR_GRAPH) {
        p->g = onnx_graph_emit(w, a->g);
    } else if (a->kind == ATTR_TENSORS) {
        p->n_tensors = a->n;
        p->tensors = NEW_ARRAY(&w->arena, a->n, Onnx__TensorProto *);
        for (size_t i = 0; i < a->n; i++)
            p->tensors[i] = onnx_tensor_emit(w, a->tensors[i], NULL);
    } else if (a->kind == ATTR_GRAPHS) {
        p->n_graphs = a->n;
        p->graphs = NEW_ARRAY(&w->arena, a->n, Onnx__GraphProto *);
        for (size_t i = 0; i < a->n; i++)
            p->graphs[i] = onnx_graph_emit(w, a->graphs[i]);
    }
    return p;
}
