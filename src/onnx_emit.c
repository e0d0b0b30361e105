/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_emit: tensors, attributes, nodes and graphs as messages. Each is a shallow copy of the
 * message it was read from, with the fields overwritten that the graph models; what is new starts
 * from an empty message. No data is copied.
 */
#include "onnx_proto.h"

#include <string.h>

enum { EXTERNAL_MIN = 1024, EXTERNAL_ALIGN = 4096 };

static void set_text(char **field, const char *text)
{
    if (strcmp(onnx_text(*field), text))
        *field = onnx_chars(text);
}

static bool tensor_is_as_read(const struct tensor *t, const Onnx__TensorProto *p)
{
    return p && p->data_type == (int32_t)t->dtype && (int)p->n_dims == t->shape.rank
        && (!p->n_dims || !memcmp(p->dims, t->shape.dim, p->n_dims * sizeof *p->dims))
        && (!p->has_raw_data || !p->raw_data.len || p->raw_data.data == t->data);
}

static int64_t ir_version_for(enum dtype t)
{
    switch (t) {
    case DTYPE_F8E4M3FN:
    case DTYPE_F8E4M3FNUZ:
    case DTYPE_F8E5M2:
    case DTYPE_F8E5M2FNUZ: return 9;
    case DTYPE_U4:
    case DTYPE_I4: return 10;
    case DTYPE_F4E2M1: return 11;
    case DTYPE_F8E8M0: return 12;
    case DTYPE_U2:
    case DTYPE_I2: return 13;
    case DTYPE_F6E2M3:
    case DTYPE_F6E3M2: return 14;
    default: return 0;
    }
}

static void add_entry(struct onnx_writer *w, Onnx__TensorProto *p, const char *key,
                      const char *value)
{
    Onnx__StringStringEntryProto *e = NEW(&w->arena, Onnx__StringStringEntryProto);
    onnx__string_string_entry_proto__init(e);
    e->key = onnx_chars(key);
    e->value = onnx_chars(value);
    p->external_data[p->n_external_data++] = e;
}

static void put_outside(struct onnx_writer *w, Onnx__TensorProto *p, const struct tensor *t)
{
    w->offset = (w->offset + EXTERNAL_ALIGN - 1) / EXTERNAL_ALIGN * EXTERNAL_ALIGN;
    p->external_data = NEW_ARRAY(&w->arena, 3, Onnx__StringStringEntryProto *);
    add_entry(w, p, "location", w->location);
    add_entry(w, p, "offset", arena_printf(&w->arena, "%zu", w->offset));
    add_entry(w, p, "length", arena_printf(&w->arena, "%zu", t->size));
    p->has_data_location = true;
    p->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    *vec_add(&w->tensors, &w->arena) = t;
    w->offset += t->size;
}

static void put_strings(struct onnx_writer *w, Onnx__TensorProto *p, const struct tensor *t)
{
    const struct bytes *s = t->data;
    p->n_string_data = (size_t)tensor_count(t);
    p->string_data = NEW_ARRAY(&w->arena, p->n_string_data, ProtobufCBinaryData);
    for (size_t i = 0; i < p->n_string_data; i++)
        p->string_data[i] = (ProtobufCBinaryData){s[i].n, (uint8_t *)onnx_chars(s[i].data)};
}

/* Takes the data out of a message, wherever it was, and puts the tensor's in. */
static void put_data(struct onnx_writer *w, Onnx__TensorProto *p, const struct tensor *t,
                     bool outside)
{
    p->has_raw_data = p->has_data_location = false;
    p->n_external_data = 0;
    p->n_float_data = p->n_double_data = p->n_string_data = 0;
    p->n_int32_data = p->n_int64_data = p->n_uint64_data = 0;
    if (t->dtype == DTYPE_STRING) {
        put_strings(w, p, t);
    } else if (outside) {
        put_outside(w, p, t);
    } else {
        p->has_raw_data = true;
        p->raw_data = (ProtobufCBinaryData){t->size, t->data};
    }
}

Onnx__TensorProto *onnx_tensor_emit(struct onnx_writer *w, const struct tensor *t,
                                    const char *name)
{
    const Onnx__TensorProto *old = t->origin;
    if (old && old->base.descriptor != &onnx__tensor_proto__descriptor)
        old = NULL; /* a sparse one that has become dense */
    bool same = tensor_is_as_read(t, old);
    bool was_outside = same && old->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    bool outside = t->size >= EXTERNAL_MIN && t->dtype != DTYPE_STRING
                && (w->mode == EXTERNAL_ALL || (w->mode == EXTERNAL_CONSTANTS && name));
    Onnx__TensorProto *p = NEW(&w->arena, Onnx__TensorProto);
    onnx__tensor_proto__init(p);
    if (same) {
        *p = *old;
    } else {
        p->has_data_type = true;
        p->data_type = (int32_t)t->dtype;
        p->n_dims = (size_t)t->shape.rank;
        p->dims = (int64_t *)(uintptr_t)t->shape.dim;
        int64_t ir = ir_version_for(t->dtype);
        w->ir_version = ir > w->ir_version ? ir : w->ir_version;
    }
    if (name)
        set_text(&p->name, name);
    if (!same || outside || (was_outside && !w->keep_external))
        put_data(w, p, t, outside);
    return p;
}

static Onnx__SparseTensorProto *sparse_emit(struct onnx_writer *w,
                                            const Onnx__SparseTensorProto *old, const char *name)
{
    Onnx__SparseTensorProto *p = arena_copy(&w->arena, old, sizeof *old);
    p->values = arena_copy(&w->arena, old->values, sizeof *old->values);
    set_text(&p->values->name, name);
    return p;
}

static Onnx__NodeProto *node_emit(struct onnx_writer *w, const struct node *n)
{
    Onnx__NodeProto *p = NEW(&w->arena, Onnx__NodeProto);
    onnx__node_proto__init(p);
    if (n->origin)
        *p = *(const Onnx__NodeProto *)n->origin;
    set_text(&p->op_type, n->type);
    set_text(&p->name, n->name);
    if (strcmp(onnx_text(p->domain), n->domain)
        && !(!*n->domain && p->domain && !strcmp(p->domain, "ai.onnx")))
        p->domain = onnx_chars(n->domain);
    p->n_input = (size_t)n->n_in;
    p->input = NEW_ARRAY(&w->arena, n->n_in, char *);
    for (int i = 0; i < n->n_in; i++)
        p->input[i] = onnx_chars(n->in[i].value ? onnx_value_name(w, n->in[i].value) : "");
    p->n_output = (size_t)n->n_out;
    p->output = NEW_ARRAY(&w->arena, n->n_out, char *);
    for (int i = 0; i < n->n_out; i++)
        p->output[i] = onnx_chars(n->out[i] ? onnx_value_name(w, n->out[i]) : "");
    p->n_attribute = (size_t)n->n_attr;
    p->attribute = NEW_ARRAY(&w->arena, n->n_attr, Onnx__AttributeProto *);
    for (int i = 0; i < n->n_attr; i++)
        p->attribute[i] = onnx_attr_emit(w, &n->attr[i]);
    return p;
}

static Onnx__NodeProto *join_emit(struct onnx_writer *w, const struct onnx_join *join)
{
    Onnx__NodeProto *p = NEW(&w->arena, Onnx__NodeProto);
    onnx__node_proto__init(p);
    p->op_type = onnx_chars("Identity");
    p->name = onnx_chars(
        onnx_name_fresh(w, arena_printf(&w->arena, "%s_Identity", join->name)));
    p->n_input = p->n_output = 1;
    p->input = NEW(&w->arena, char *);
    p->output = NEW(&w->arena, char *);
    p->input[0] = onnx_chars(onnx_value_name(w, join->from));
    p->output[0] = onnx_chars(join->name);
    return p;
}

static void emit_nodes(struct onnx_writer *w, const struct graph *g, Onnx__GraphProto *p,
                       const struct onnx_joins *joins)
{
    size_t n = (size_t)joins->n;
    graph_each (g, x)
        n++;
    p->node = NEW_ARRAY(&w->arena, n, Onnx__NodeProto *);
    p->n_node = 0;
    graph_each (g, x)
        p->node[p->n_node++] = node_emit(w, x);
    for (int i = 0; i < joins->n; i++)
        p->node[p->n_node++] = join_emit(w, &joins->at[i]);
}

static void emit_constants(struct onnx_writer *w, const struct graph *g, Onnx__GraphProto *p)
{
    p->initializer = NEW_ARRAY(&w->arena, g->n_constant, Onnx__TensorProto *);
    p->sparse_initializer = NEW_ARRAY(&w->arena, g->n_constant, Onnx__SparseTensorProto *);
    p->n_initializer = p->n_sparse_initializer = 0;
    for (int i = 0; i < g->n_constant; i++) {
        const struct value *v = g->constant[i];
        const ProtobufCMessage *origin = v->constant->origin;
        const char *name = onnx_value_name(w, v);
        if (origin && origin->descriptor == &onnx__sparse_tensor_proto__descriptor)
            p->sparse_initializer[p->n_sparse_initializer++] =
                sparse_emit(w, v->constant->origin, name);
        else
            p->initializer[p->n_initializer++] = onnx_tensor_emit(w, v->constant, name);
    }
}

static void emit_ends(struct onnx_writer *w, const struct graph *g, Onnx__GraphProto *p)
{
    p->input = NEW_ARRAY(&w->arena, g->n_input, Onnx__ValueInfoProto *);
    p->n_input = 0;
    for (int i = 0; i < g->n_input; i++)
        if (!(w->drop_inputs && !g->outer && g->input[i]->constant))
            p->input[p->n_input++] =
                onnx_value_emit(w, g->input[i], g->input[i]->origin, g->input[i]->name);
    p->n_output = (size_t)g->result->n_in;
    p->output = NEW_ARRAY(&w->arena, p->n_output, Onnx__ValueInfoProto *);
    for (size_t i = 0; i < p->n_output; i++)
        p->output[i] = onnx_value_emit(w, g->result->in[i].value, g->output_origin[i],
                                       g->output_name[i]);
}

/* Values by the names they have in the model. */
static struct map values_by_name(struct onnx_writer *w, const struct graph *g)
{
    struct map m = {.arena = &w->arena};
    for (int i = 0; i < g->n_input; i++)
        map_set(&m, g->input[i]->name, g->input[i]);
    for (int i = 0; i < g->n_constant; i++)
        map_set(&m, g->constant[i]->name, g->constant[i]);
    graph_each (g, n)
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i])
                map_set(&m, n->out[i]->name, n->out[i]);
    return m;
}

static void emit_types(struct onnx_writer *w, const struct graph *g, Onnx__GraphProto *p)
{
    const struct onnx_graph *origin = g->origin;
    size_t n_old = origin ? origin->proto->n_value_info : 0;
    if (!n_old && !w->options.types)
        return;
    struct map live = values_by_name(w, g);
    p->n_value_info = 0;
    p->value_info = NEW_ARRAY(&w->arena, n_old + live.n, Onnx__ValueInfoProto *);
    for (size_t i = 0; i < n_old; i++) {
        Onnx__ValueInfoProto *old = origin->proto->value_info[i];
        const struct value *v = map_find(&live, onnx_text(old->name));
        if (origin->stale[i])
            p->value_info[p->n_value_info++] = old;
        if (origin->stale[i] || !v)
            continue;
        w->is_told[v->id] = true;
        const char *name = onnx_value_name(w, v);
        if (name == v->name || !w->is_output[v->id]) /* else the list of outputs tells it */
            p->value_info[p->n_value_info++] = onnx_value_emit(w, v, old, name);
    }
    graph_each (g, n)
        for (int i = 0; w->options.types && i < n->n_out; i++) {
            const struct value *v = n->out[i];
            if (v && v->type.dtype && !w->is_told[v->id] && !w->is_output[v->id])
                p->value_info[p->n_value_info++] =
                    onnx_value_emit(w, v, NULL, onnx_value_name(w, v));
        }
}

Onnx__GraphProto *onnx_graph_emit(struct onnx_writer *w, const struct graph *g)
{
    const struct onnx_graph *origin = g->origin;
    Onnx__GraphProto *p = NEW(&w->arena, Onnx__GraphProto);
    onnx__graph_proto__init(p);
    if (origin)
        *p = *origin->proto;
    struct onnx_joins joins = onnx_outputs_name(w, g);
    set_text(&p->name, *g->name || origin ? g->name : "quern");
    emit_nodes(w, g, p, &joins);
    emit_constants(w, g, p);
    emit_ends(w, g, p);
    emit_types(w, g, p);
    return p;
}
