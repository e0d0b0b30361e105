/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml_tree: libyaml's events become a tree.
 */
#include "yaml_tree.h"

#include "file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    struct arena *arena;
    const char *path;
    struct err *err;
};

int yaml_error(const struct yaml *at, struct err *err, const char *fmt, ...)
{
    char text[512];
    va_list list;
    va_start(list, fmt);
    vsnprintf(text, sizeof text, fmt, list);
    va_end(list);
    return err_set(err, ERR_INPUT, "%s:%d: %s", at->path, at->line, text);
}

const char *yaml_kind_text(enum yaml_kind k)
{
    static const char *const text[] = {"a text", "a list", "a mapping"};
    return text[k];
}

static int fail(const struct reader *r, size_t line, const char *why)
{
    return err_set(r->err, ERR_INPUT, "%s:%zu: %s", r->path, line + 1, why);
}

static int refuse(const struct reader *r, const char *why)
{
    return fail(r, r->event.start_mark.line, why);
}

/* The event before is given back. */
static int next(struct reader *r)
{
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return 0;
    if (r->parser.error == YAML_MEMORY_ERROR)
        die("out of memory");
    const char *problem = r->parser.problem ? r->parser.problem : "no YAML";
    return fail(r, r->parser.problem_mark.line, problem);
}

static int read_text(struct reader *r, const char **text)
{
    const char *bytes = (const char *)r->event.data.scalar.value;
    size_t n = r->event.data.scalar.length;
    if (memchr(bytes, 0, n))
        return refuse(r, "a text with a zero byte");
    *text = arena_strdup(r->arena, bytes);
    return 0;
}

static int read_node(struct reader *r, int depth, struct yaml *to);

static bool has_key(const struct yaml *map, const char *key)
{
    for (const struct yaml *y = map->first; y; y = y->next)
        if (!strcmp(y->key, key))
            return true;
    return false;
}

/* The event is a mapping's key; the one after it begins its value. */
static int read_key(struct reader *r, const struct yaml *map, const char **key)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return refuse(r, "a key that is no text");
    TRY(read_text(r, key));
    if (has_key(map, *key)) {
        char why[128];
        snprintf(why, sizeof why, "'%.64s' is given twice", *key);
        return refuse(r, why);
    }
    return next(r);
}

static int read_children(struct reader *r, int depth, struct yaml *to, yaml_event_type_t last)
{
    struct yaml **end = &to->first;
    if (depth == YAML_MAX_DEPTH)
        return refuse(r, "nested too deeply");
    for (;;) {
        const char *key = NULL;
        TRY(next(r));
        if (r->event.type == last)
            return 0;
        if (to->n++ == YAML_MAX_ITEMS)
            return refuse(r, "too many items");
        if (to->kind == YAML_MAP)
            TRY(read_key(r, to, &key));
        struct yaml *y = NEW(r->arena, struct yaml);
        TRY(read_node(r, depth + 1, y));
        y->key = key;
        *end = y;
        end = &y->next;
    }
}

/* The event begins a node; the one that ends it is the last that is read. */
static int read_node(struct reader *r, int depth, struct yaml *to)
{
    const yaml_event_t *e = &r->event;
    *to = (struct yaml){.line = (int)e->start_mark.line + 1, .path = r->path, .text = ""};
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        if (e->data.scalar.anchor || e->data.scalar.tag)
            return refuse(r, "anchors and tags are not understood");
        return read_text(r, &to->text);
    case YAML_SEQUENCE_START_EVENT:
        if (e->data.sequence_start.anchor || e->data.sequence_start.tag)
            return refuse(r, "anchors and tags are not understood");
        to->kind = YAML_LIST;
        return read_children(r, depth, to, YAML_SEQUENCE_END_EVENT);
    case YAML_MAPPING_START_EVENT:
        if (e->data.mapping_start.anchor || e->data.mapping_start.tag)
            return refuse(r, "anchors and tags are not understood");
        to->kind = YAML_MAP;
        return read_children(r, depth, to, YAML_MAPPING_END_EVENT);
    case YAML_ALIAS_EVENT: return refuse(r, "aliases are not understood");
    default: return refuse(r, "a value is missing");
    }
}

static int read_document(struct reader *r, struct yaml *to)
{
    TRY(next(r)); /* the stream */
    TRY(next(r));
    *to = (struct yaml){.kind = YAML_MAP, .line = 1, .path = r->path, .text = ""};
    if (r->event.type == YAML_STREAM_END_EVENT)
        return 0;
    TRY(next(r));
    TRY(read_node(r, 0, to));
    TRY(next(r)); /* the document's end */
    TRY(next(r));
    return r->event.type == YAML_STREAM_END_EVENT ? 0 : refuse(r, "more than one document");
}

struct yaml *yaml_parse(struct arena *a, const char *path, const void *bytes, size_t n,
                        struct err *err)
{
    struct reader r = {.arena = a, .path = arena_strdup(a, path), .err = err};
    struct yaml *tree = NEW(a, struct yaml);
    if (n > YAML_MAX_BYTES) {
        err_set(err, ERR_INPUT, "%s: larger than %d KiB", path, YAML_MAX_BYTES / 1024);
        return NULL;
    }
    if (!yaml_parser_initialize(&r.parser))
        die("out of memory");
    yaml_parser_set_input_string(&r.parser, bytes, n);
    int failed = read_document(&r, tree);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return failed ? NULL : tree;
}

struct yaml *yaml_read(struct arena *a, const char *path, struct err *err)
{
    struct file_map f;
    if (file_map(&f, path, err) < 0)
        return NULL;
    struct yaml *tree = yaml_parse(a, path, f.data, f.size, err);
    file_unmap(&f);
    return tree;
}

struct yaml_out {
    yaml_emitter_t emitter;
    struct str *to;
    enum yaml_kind kind[YAML_MAX_DEPTH + 1]; /* of what is open */
    int depth;
};

static int append(void *data, unsigned char *bytes, size_t n)
{
    str_add_n(((struct yaml_out *)data)->to, bytes, n);
    return 1;
}

/* The emitter takes the event over. It fails for want of memory, or where we break the order. */
static void emit(struct yaml_out *o, yaml_event_t *e, int made)
{
    if (!made || !yaml_emitter_emit(&o->emitter, e))
        BUG("YAML cannot be written: %s", o->emitter.problem ? o->emitter.problem : "memory");
}

static void emit_scalar(struct yaml_out *o, const char *text)
{
    yaml_event_t e;
    emit(o, &e, yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)text,
                                             (int)strlen(text), 1, 1, YAML_ANY_SCALAR_STYLE));
}

struct yaml_out *yaml_out_new(struct arena *a, struct str *to)
{
    struct yaml_out *o = NEW(a, struct yaml_out);
    yaml_event_t e;
    o->to = to;
    if (!yaml_emitter_initialize(&o->emitter))
        die("out of memory");
    yaml_emitter_set_output(&o->emitter, append, o);
    yaml_emitter_set_width(&o->emitter, -1);
    yaml_emitter_set_unicode(&o->emitter, 1);
    emit(o, &e, yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING));
    emit(o, &e, yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1));
    return o;
}

void yaml_out_begin(struct yaml_out *o, const char *key, enum yaml_kind kind)
{
    yaml_event_t e;
    if (key)
        emit_scalar(o, key);
    if (kind == YAML_MAP)
        emit(o, &e, yaml_mapping_start_event_initialize(&e, NULL, NULL, 1,
                                                        YAML_BLOCK_MAPPING_STYLE));
    else
        emit(o, &e, yaml_sequence_start_event_initialize(&e, NULL, NULL, 1,
                                                         kind == YAML_ROWS
                                                             ? YAML_BLOCK_SEQUENCE_STYLE
                                                             : YAML_FLOW_SEQUENCE_STYLE));
    o->kind[o->depth++] = kind;
}

void yaml_out_text(struct yaml_out *o, const char *key, const char *text)
{
    if (key)
        emit_scalar(o, key);
    emit_scalar(o, text);
}

void yaml_out_end(struct yaml_out *o)
{
    yaml_event_t e;
    bool map = o->kind[--o->depth] == YAML_MAP;
    emit(o, &e, map ? yaml_mapping_end_event_initialize(&e)
                    : yaml_sequence_end_event_initialize(&e));
    if (o->depth)
        return;
    emit(o, &e, yaml_document_end_event_initialize(&e, 1));
    emit(o, &e, yaml_stream_end_event_initialize(&e));
    yaml_emitter_delete(&o->emitter);
}
