/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml_tree: a YAML document as a tree of mappings, sequences and scalars, and one written.
 *
 * What a file of settings needs and no more: one document, no anchors and aliases, no tags, keys
 * that are scalars and different. Depth, size and counts are limited, so that any bytes can be
 * given. Errors are ERR_INPUT and begin with "FILE:LINE: ".
 */
#ifndef YAML_TREE_H
#define YAML_TREE_H

#include "arena.h"
#include "err.h"
#include "str.h"

#include <stdbool.h>

enum yaml_kind {
    YAML_TEXT,
    YAML_LIST,
    YAML_MAP,
    YAML_ROWS, /* only to write: a list with an item a line */
};

enum { YAML_MAX_BYTES = 1 << 18, YAML_MAX_DEPTH = 8, YAML_MAX_ITEMS = 4096 };

struct yaml {
    enum yaml_kind kind;
    int line;           /* in the file, from 1 */
    const char *path;   /* of the file, for messages */
    const char *key;    /* in a mapping; NULL elsewhere */
    const char *text;   /* of a scalar; "" elsewhere */
    struct yaml *first; /* child, in the order of the file */
    struct yaml *next;  /* sibling */
    int n;              /* children */
};

/* The document in n bytes, in arena a; NULL: err says why. An empty one is an empty mapping. */
struct yaml *yaml_parse(struct arena *a, const char *path, const void *bytes, size_t n,
                        struct err *err);
struct yaml *yaml_read(struct arena *a, const char *path, struct err *err);
/* Sets an error at a node; returns -1. */
int yaml_error(const struct yaml *at, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "a mapping", "a list", "a text": for messages. */
const char *yaml_kind_text(enum yaml_kind k);

/* Writing: a text that yaml_parse() reads as the same tree. A key stands in a mapping, NULL in a
 * list; begin and end go in pairs, the outermost of which is a mapping without a key. A list is
 * written on one line, mappings on lines of their own. */
struct yaml_out;
struct yaml_out *yaml_out_new(struct arena *a, struct str *to);
void yaml_out_begin(struct yaml_out *o, const char *key, enum yaml_kind kind);
void yaml_out_text(struct yaml_out *o, const char *key, const char *text);
void yaml_out_end(struct yaml_out *o);

#endif
