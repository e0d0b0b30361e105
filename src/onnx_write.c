/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_write: a model to a file. The messages are built in an arena of the writer's own and then
 * streamed; the weights go from where they lie into the file.
 */
#include "onnx_proto.h"

#include "op.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The first IR version that came with an operator set of ONNX's domain. */
static int64_t ir_version_for(int64_t opset)
{
    static const int8_t table[] = {[9] = 4,   [10] = 5,  [11] = 6,  [12] = 7,  [13] = 7,
                                   [14] = 7,  [15] = 8,  [16] = 8,  [17] = 8,  [18] = 8,
                                   [19] = 9,  [20] = 9,  [21] = 10, [22] = 10, [23] = 11,
                                   [24] = 12, [25] = 13, [26] = 13, [27] = 13, [28] = 14};
    int64_t last = (int64_t)sizeof table - 1;
    return opset < 9 ? 3 : table[opset > last ? last : opset];
}

static bool has_new_constants(const struct onnx_writer *w)
{
    const struct graph *g = w->model->graph;
    for (int i = 0; i < g->n_constant; i++)
        if (!g->constant[i]->is_input
            && (!w->source || g->constant[i]->id >= w->source->n_values))
            return true;
    return false;
}

/* What the changes need apart from the types of constants: an operator set that was not there, and
 * from IR 4 on constants that are not listed as inputs. */
static int64_t base_ir_version(const struct onnx_writer *w)
{
    const struct model *m = w->model;
    int64_t ir = m->ir_version;
    for (int i = 0; i < m->n_opset; i++) {
        const Onnx__OperatorSetIdProto *old = m->opset[i].origin;
        bool ours = !*m->opset[i].domain || !strcmp(m->opset[i].domain, "ai.onnx");
        bool implied = w->source && !w->source->proto->n_opset_import && m->opset[i].version == 1;
        int64_t want = ir_version_for(m->opset[i].version);
        if (ours && !implied && (!old || old->version != m->opset[i].version) && want > ir)
            ir = want;
    }
    return ir < 4 && has_new_constants(w) ? 4 : ir;
}

static void add_opset(struct onnx_writer *w, Onnx__ModelProto *p, const struct opset *o)
{
    Onnx__OperatorSetIdProto *id = NEW(&w->arena, Onnx__OperatorSetIdProto);
    onnx__operator_set_id_proto__init(id);
    if (o->origin) {
        *id = *(const Onnx__OperatorSetIdProto *)o->origin;
    } else {
        id->domain = onnx_chars(o->domain);
        id->has_version = true;
    }
    if (id->version != o->version)
        id->version = o->version;
    p->opset_import[p->n_opset_import++] = id;
}

/* Domains of new nodes that nothing imports yet. */
static void find_domains(struct onnx_writer *w, const struct graph *g, struct map *domains)
{
    graph_each (g, n) {
        if (!n->origin && !map_find(domains, n->domain) && !model_opset(w->model, n->domain))
            map_set(domains, n->domain, n);
        for (int i = 0; i < n->n_attr; i++) {
            if (n->attr[i].kind == ATTR_GRAPH)
                find_domains(w, n->attr[i].g, domains);
            for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
                find_domains(w, n->attr[i].graphs[k], domains);
        }
    }
}

static int by_domain(const void *a, const void *b)
{
    return strcmp(((const struct opset *)a)->domain, ((const struct opset *)b)->domain);
}

static void emit_opsets(struct onnx_writer *w, Onnx__ModelProto *p)
{
    const struct model *m = w->model;
    struct map domains = {.arena = &w->arena};
    find_domains(w, m->graph, &domains);
    struct opset *added = NEW_ARRAY(&w->arena, domains.n, struct opset);
    size_t n = 0;
    for (size_t i = 0; i < domains.room; i++)
        if (domains.slot[i].key)
            added[n++] = (struct opset){domains.slot[i].key, 1, NULL};
    if (n)
        qsort(added, n, sizeof *added, by_domain);
    bool implied = w->source && !w->source->proto->n_opset_import && m->n_opset == 1
                && m->opset[0].version == 1 && !n;
    p->n_opset_import = 0;
    p->opset_import = NEW_ARRAY(&w->arena, (size_t)m->n_opset + n, Onnx__OperatorSetIdProto *);
    for (int i = 0; i < m->n_opset && !implied; i++)
        add_opset(w, p, &m->opset[i]);
    for (size_t i = 0; i < n; i++)
        add_opset(w, p, &added[i]);
}

/* Functions that the model has called and does not call any more go. */
static void emit_functions(struct onnx_writer *w, Onnx__ModelProto *p)
{
    size_t n = p->n_functions;
    if (!n)
        return;
    const bool *called = onnx_functions_called(&w->arena, w->model);
    Onnx__FunctionProto **kept = NEW_ARRAY(&w->arena, n, Onnx__FunctionProto *);
    p->n_functions = 0;
    for (size_t i = 0; i < n; i++)
        if (called[i] || !w->source->called[i])
            kept[p->n_functions++] = p->functions[i];
    p->functions = kept;
}

static Onnx__ModelProto *model_emit(struct onnx_writer *w)
{
    const struct model *m = w->model;
    Onnx__ModelProto *p = NEW(&w->arena, Onnx__ModelProto);
    onnx__model_proto__init(p);
    if (w->source)
        *p = *w->source->proto;
    w->name = NEW_ARRAY(&w->arena, m->n_values, const char *);
    w->is_output = NEW_ARRAY(&w->arena, m->n_values, bool);
    w->is_told = NEW_ARRAY(&w->arena, m->n_values, bool);
    w->fresh = (struct map){.arena = &w->arena};
    w->ir_version = base_ir_version(w);
    w->drop_inputs = m->ir_version < 4 && w->ir_version >= 4;
    p->graph = onnx_graph_emit(w, m->graph);
    emit_opsets(w, p);
    emit_functions(w, p);
    p->has_ir_version = true;
    p->ir_version = w->ir_version;
    if (w->options.stamp) {
        p->producer_name = onnx_chars("quern");
        p->producer_version = onnx_chars(QUERN_VERSION);
    }
    return p;
}

struct sink { /* protobuf-c cannot be stopped: after an error the rest goes nowhere */
    ProtobufCBuffer base;
    struct file_out *file; /* NULL: text */
    struct str *text;
    struct err *err;
    int failed;
};

static void sink_append(ProtobufCBuffer *base, size_t n, const uint8_t *bytes)
{
    struct sink *s = (struct sink *)base;
    if (!s->file && n) /* empty fields come as NULL */
        str_add_n(s->text, bytes, n);
    else if (s->file && !s->failed)
        s->failed = file_write(s->file, bytes, n, s->err);
}

static int write_tensors(const struct onnx_writer *w, struct file_out *f, struct err *err)
{
    static const char zeros[4096];
    size_t at = 0;
    for (int i = 0; i < w->tensors.n; i++) {
        const struct tensor *t = w->tensors.at[i];
        size_t gap = (sizeof zeros - at % sizeof zeros) % sizeof zeros;
        TRY(file_write(f, zeros, gap, err));
        TRY(file_write(f, t->data, t->size, err));
        at += gap + t->size;
    }
    return 0;
}

static int write_message(struct file_out *f, const ProtobufCMessage *p, struct err *err)
{
    struct sink s = {.base = {sink_append}, .file = f, .err = err};
    protobuf_c_message_pack_to_buffer(p, &s.base);
    return s.failed;
}

/* Commits an output, or discards it where something failed before. */
static int output_end(struct file_out *f, int done, struct err *err)
{
    if (!f)
        return done;
    if (!done)
        return file_commit(f, err);
    file_discard(f);
    return done;
}

/* Both files are complete before either is renamed, the model last. */
static int write_files(struct onnx_writer *w, const Onnx__ModelProto *p, const char *path,
                       struct err *err)
{
    struct file_out *data = NULL, *model = file_create(path, err);
    if (!model)
        return -1;
    int done = 0;
    if (w->tensors.n) {
        data = file_create(arena_printf(&w->arena, "%s.data", path), err);
        done = data ? write_tensors(w, data, err) : -1;
    }
    if (!done)
        done = write_message(model, &p->base, err);
    done = output_end(data, done, err);
    return output_end(model, done, err);
}

static bool same_directory(const char *a, const char *b)
{
    char *x = realpath(a, NULL), *y = realpath(b, NULL);
    bool same = x && y && !strcmp(x, y);
    free(x); /* realpath() allocates */
    free(y);
    return same;
}

static bool writes_beside(struct onnx_writer *w, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dir = arena_printf(&w->arena, "%.*s", slash ? (int)(slash - path) : 0, path);
    if (!w->model->dir)
        return false;
    return same_directory(w->model->dir, !slash ? "." : slash == path ? "/" : dir);
}

static struct onnx_writer writer(const struct model *m, const struct onnx_write_options *o)
{
    struct onnx_writer w = {.model = m, .source = m->origin};
    if (o)
        w.options = *o;
    return w;
}

/* In the file all nodes of a domain are of one version. */
static int check_versions(const struct graph *g, struct err *err)
{
    const struct graph *body;
    for (const struct node *n = g->first; n; n = n->next) {
        if (n->opset && n->opset != model_opset(g->model, n->domain))
            return err_set(err, ERR_INPUT, "%s comes from a function in opset %lld, and the model "
                           "is in %lld: run pass raise-opset", node_title(n), (long long)n->opset,
                           (long long)model_opset(g->model, n->domain));
        for (int k = 0; (body = node_body(n, k)); k++)
            TRY(check_versions(body, err));
    }
    return 0;
}

int onnx_write(const struct model *m, const char *path, const struct onnx_write_options *o,
               struct err *err)
{
    if (check_versions(m->graph, err) < 0)
        return err_at(err, "%s", path);
    struct onnx_writer w = writer(m, o);
    const char *slash = strrchr(path, '/');
    w.location = arena_printf(&w.arena, "%s.data", slash ? slash + 1 : path);
    w.mode = w.options.external ? EXTERNAL_CONSTANTS : INLINE;
    /* NAME.data may be one of the model's own files, so it is these or that one, never both */
    w.keep_external = w.mode == INLINE && writes_beside(&w, path);
    Onnx__ModelProto *p = model_emit(&w);
    while (protobuf_c_message_get_packed_size(&p->base) >= INT_MAX && w.mode < EXTERNAL_ALL) {
        w.mode++;
        w.keep_external = false;
        w.offset = 0;
        w.tensors.n = 0;
        p = model_emit(&w);
    }
    int done;
    if (protobuf_c_message_get_packed_size(&p->base) >= INT_MAX)
        done = err_set(err, ERR_INPUT,
                       "%s: the model is larger than 2 GiB even without its constants", path);
    else
        done = write_files(&w, p, path, err);
    if (!done && w.options.bytes)
        *w.options.bytes =
            (int64_t)protobuf_c_message_get_packed_size(&p->base) + (int64_t)w.offset;
    arena_release(&w.arena);
    return done;
}

int onnx_write_bytes(const struct model *m, const struct onnx_write_options *o, struct str *out,
                     struct err *err)
{
    TRY(check_versions(m->graph, err));
    struct onnx_writer w = writer(m, o);
    w.keep_external = true;
    Onnx__ModelProto *p = model_emit(&w);
    int done = 0;
    if (protobuf_c_message_get_packed_size(&p->base) >= INT_MAX) {
        done = err_set(err, ERR_INPUT, "the model is larger than 2 GiB");
    } else {
        struct sink s = {.base = {sink_append}, .text = out};
        protobuf_c_message_pack_to_buffer(&p->base, &s.base);
    }
    arena_release(&w.arena);
    return done;
}

int onnx_write_tensor(const struct tensor *t, const char *name, const char *path, struct err *err)
{
    struct onnx_writer w = {.keep_external = false};
    Onnx__TensorProto *p = onnx_tensor_emit(&w, t, name);
    struct file_out *f = file_create(path, err);
    int done = f ? output_end(f, write_message(f, &p->base, err), err) : -1;
    arena_release(&w.arena);
    return done;
}
