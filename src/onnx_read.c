/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_read: a file to a model. The file is mapped, scanned, and unpacked into the model's arena,
 * which makes the one copy of the weights there is; then the mapping is given back.
 */
#include "onnx_proto.h"

#include <stdio.h>
#include <string.h>

/* protobuf-c asks for each string and each small message by itself; they are cut from larger
 * pieces, 16 bytes aligned, since the arena gives whole cache lines. Weights are copied from the
 * mapped file, and after POOL_COPIED bytes of them it gives up its memory. */
struct pool {
    struct arena *arena;
    char *at;
    size_t left, copied;
};
enum { POOL_ALIGN = 16, POOL_PIECE = 32 << 10, POOL_LARGE = 4 << 10, POOL_COPIED = 8 << 20 };

static void *large_alloc(struct pool *p, size_t n)
{
    if (p->copied > POOL_COPIED) {
        file_relax();
        p->copied = 0;
    }
    p->copied += n;
    return arena_alloc(p->arena, n);
}

static void *pool_alloc(void *data, size_t n)
{
    struct pool *p = data;
    if (n >= POOL_LARGE)
        return large_alloc(p, n);
    n = (n + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN;
    if (n > p->left) {
        p->at = arena_alloc(p->arena, POOL_PIECE);
        p->left = POOL_PIECE;
    }
    void *piece = p->at;
    p->at += n;
    p->left -= n;
    return piece;
}

static void pool_free(void *data, void *piece)
{
    (void)data;
    (void)piece;
}

void *onnx_unpack(struct arena *a, const void *bytes, size_t n,
                  const ProtobufCMessageDescriptor *type, char differs[ONNX_DIFFERS],
                  struct err *err)
{
    if (onnx_scan(bytes, n, type, differs, err) < 0)
        return NULL;
    struct pool pool = {.arena = a};
    ProtobufCAllocator allocator = {pool_alloc, pool_free, &pool};
    void *message = protobuf_c_message_unpack(type, &allocator, n, bytes);
    if (!message)
        err_set(err, ERR_INPUT, "not a valid ONNX file: it does not unpack");
    return message;
}

int onnx_opsets_read(struct arena *a, Onnx__OperatorSetIdProto *const *p, size_t n,
                     struct opset **opset, int *count, struct err *err)
{
    *opset = NEW_ARRAY(a, n + 1, struct opset);
    for (size_t i = 0; i < n; i++) {
        (*opset)[(*count)++] = (struct opset){onnx_text(p[i]->domain), p[i]->version, p[i]};
        if (p[i]->version < 1)
            return err_set(err, ERR_INPUT, "operator set '%s' is imported with version %lld",
                           onnx_text(p[i]->domain), (long long)p[i]->version);
    }
    return 0;
}

static int read_opsets(struct model *m, const Onnx__ModelProto *p, struct err *err)
{
    TRY(onnx_opsets_read(m->arena, p->opset_import, p->n_opset_import, &m->opset, &m->n_opset,
                         err));
    if (m->n_opset)
        return 0;
    if (p->ir_version >= 3)
        return err_set(err, ERR_INPUT, "the model imports no operator set");
    m->opset[m->n_opset++] = (struct opset){"", 1, NULL}; /* what IR versions 1 and 2 imply */
    return 0;
}

/* How the writer tells which values' types have changed since. */
static void note_types(struct onnx_reader *r)
{
    r->source->n_values = r->values.n;
    r->source->type = NEW_ARRAY(r->arena, r->values.n, struct onnx_type);
    for (int i = 0; i < r->values.n; i++) {
        const struct tensor *t = &r->values.at[i]->type;
        r->source->type[i] = (struct onnx_type){t->dtype, t->shape};
    }
}

static int read_model(struct onnx_reader *r, const void *bytes, size_t n, struct err *err)
{
    struct model *m = r->model;
    Onnx__ModelProto *p = onnx_unpack(m->arena, bytes, n, &onnx__model_proto__descriptor,
                                      r->source->differs, err);
    if (!p)
        return -1;
    r->source->proto = p;
    if (p->ir_version < 1)
        return err_set(err, ERR_INPUT, "not a valid ONNX file: IR version %lld",
                       (long long)p->ir_version);
    if (!p->graph)
        return err_set(err, ERR_INPUT, "not a valid ONNX file: it has no graph");
    m->ir_version = p->ir_version;
    TRY(read_opsets(m, p, err));
    onnx_functions_note(r, p);
    TRY(onnx_graph_read(r, m->graph, p->graph, err));
    onnx_functions_read(r, p);
    note_types(r);
    return 0;
}

static const char *directory_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? "." : slash == path ? "/" : arena_printf(a, "%.*s", (int)(slash - path), path);
}

struct model *onnx_read_bytes(const void *bytes, size_t n, const char *path, struct err *err)
{
    struct model *m = model_new(path);
    m->dir = directory_of(m->arena, path);
    struct onnx_source *source = NEW(m->arena, struct onnx_source);
    struct onnx_reader r = {.arena = m->arena, .model = m, .source = source};
    m->origin = source;
    int done = read_model(&r, bytes, n, err);
    arena_release(&r.scratch);
    if (done < 0) {
        err_at(err, "%s", path);
        model_close(m);
        return NULL;
    }
    return m;
}

struct model *onnx_read(const char *path, struct err *err)
{
    struct file_map f;
    if (file_map(&f, path, err) < 0)
        return NULL;
    struct model *m = onnx_read_bytes(f.data, f.size, path, err);
    file_unmap(&f);
    return m;
}

const char *onnx_fidelity(const struct model *m)
{
    const struct onnx_source *source = m->origin;
    if (!source)
        return "the model was not read from a file";
    return *source->differs ? source->differs : NULL;
}
