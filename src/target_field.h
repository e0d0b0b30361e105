/* SPDX-License-Identifier: Apache-2.0
 *
 * target_field: the rules of a target by name, for those who read and write them as text.
 */
#ifndef TARGET_FIELD_H
#define TARGET_FIELD_H

#include "arena.h"
#include "target.h"

enum field_kind {
    FIELD_TEXT,      /* const char *: a sentence */
    FIELD_OPERATORS, /* const char *: names of operators */
    FIELD_TYPES,     /* const char *: names of types */
    FIELD_FORMATS,   /* const char *: names of formats */
    FIELD_QTYPE,     /* struct qtype: "int8,channel,symmetric" */
    FIELD_BOOL,
    FIELD_CHOICE, /* int: an enum, the index in choices */
    FIELD_INT,    /* int64_t */
};

struct target_field {
    const char *name; /* in a recipe */
    enum field_kind kind;
    size_t offset;              /* in struct target */
    const char *const *choices; /* of FIELD_CHOICE; ends with NULL */
};
extern const struct target_field target_field_table[]; /* ends with name NULL */

bool field_is_list(const struct target_field *f);
/* The character between the words of a list. */
char field_separator(const struct target_field *f);

/* Sets a field from a text, lists from their words. Texts are kept in arena a. A word of a list
 * that begins with + or - changes the list as it is. Errors are ERR_INPUT, without the place. */
int field_set(const struct target_field *f, struct target *t, const char *text, struct arena *a,
              struct err *err);
/* The same for one word of a list; first: it begins the list. */
int field_add_word(const struct target_field *f, struct target *t, const char *word, bool first,
                   struct arena *a, struct err *err);
/* What field_set() makes the same field of. */
const char *field_text(const struct target_field *f, const struct target *t, struct arena *a);

#endif
