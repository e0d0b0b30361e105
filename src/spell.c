/* SPDX-License-Identifier: Apache-2.0
 *
 * spell: types, attributes, constants and quants in words; long ones are cut with `...`.
 */
#include "spell.h"

#include <stdio.h>
#include <string.h>

enum {
    LIST_SHOWN = 8,  /* elements of a constant or an attribute before it is cut */
    TEXT_SHOWN = 60, /* bytes of a string attribute likewise */
};

char *spell_type(const struct tensor *t, char buf[TYPE_TEXT])
{
    char shape[SHAPE_TEXT] = "";
    if (t->dtype == DTYPE_NONE && t->shape.rank < 0)
        return memcpy(buf, "?", sizeof "?");
    if (t->shape.rank)
        shape_text(&t->shape, shape);
    snprintf(buf, TYPE_TEXT, "%s%s", t->dtype == DTYPE_NONE ? "?" : dtype_info(t->dtype)->name,
             shape);
    return buf;
}

/* With a point or an exponent: 1 alone would be an integer. */
static void spell_float(struct str *s, double v)
{
    char text[32];
    snprintf(text, sizeof text, "%.7g", v);
    str_printf(s, "%s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

static void spell_number(struct str *s, enum dtype t, const void *data, int64_t i)
{
    if (dtype_info(t)->is_float)
        str_printf(s, "%.7g", dtype_load(t, data, i));
    else
        str_printf(s, "%lld", (long long)dtype_load_int(t, data, i));
}

static void spell_elements(struct str *s, enum dtype t, const void *data, int64_t n,
                         const char *brackets)
{
    str_add_n(s, brackets, 1);
    for (int64_t i = 0; i < n && i < LIST_SHOWN; i++) {
        str_add(s, i ? "," : "");
        spell_number(s, t, data, i);
    }
    if (n > LIST_SHOWN)
        str_printf(s, ",... %lld more", (long long)(n - LIST_SHOWN));
    str_add(s, brackets + 1);
}

void spell_data(struct str *s, const struct tensor *t)
{
    int64_t n = t->data ? shape_count(&t->shape) : -1;
    if (n >= 0 && n <= LIST_SHOWN && dtype_info(t->dtype)->bits && t->dtype != DTYPE_C64
        && t->dtype != DTYPE_C128)
        spell_elements(s, t->dtype, t->data, n, "{}");
}

static void spell_quoted(struct str *s, struct bytes b)
{
    str_add(s, "\"");
    for (size_t i = 0; i < b.n && i < TEXT_SHOWN; i++) {
        unsigned char c = (unsigned char)b.data[i];
        if (c < ' ' || c == 127)
            str_printf(s, "\\x%02x", c);
        else
            str_printf(s, c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    str_add(s, b.n > TEXT_SHOWN ? "...\"" : "\"");
}

void spell_attr(struct str *s, const struct attr *a)
{
    char type[TYPE_TEXT];
    str_printf(s, "%s = ", a->name);
    switch (a->kind) {
    case ATTR_FLOAT: spell_float(s, (double)a->f); break;
    case ATTR_INT: str_printf(s, "%lld", (long long)a->i); break;
    case ATTR_STRING: spell_quoted(s, a->s); break;
    case ATTR_TENSOR:
        str_add(s, spell_type(a->t, type));
        str_add(s, " ");
        spell_data(s, a->t);
        break;
    case ATTR_FLOATS:
        for (size_t i = 0; i < a->n && i < LIST_SHOWN; i++) {
            str_add(s, i ? "," : "[");
            spell_float(s, (double)a->floats[i]);
        }
        str_add(s, a->n > LIST_SHOWN ? ",...]" : a->n ? "]" : "[]");
        break;
    case ATTR_INTS: spell_elements(s, DTYPE_I64, a->ints, (int64_t)a->n, "[]"); break;
    case ATTR_STRINGS:
        for (size_t i = 0; i < a->n && i < LIST_SHOWN; i++) {
            str_add(s, i ? "," : "[");
            spell_quoted(s, a->strings[i]);
        }
        str_add(s, a->n > LIST_SHOWN ? ",...]" : a->n ? "]" : "[]");
        break;
    default: str_add(s, "..."); break;
    }
}

void spell_quant(struct str *s, const struct quant *q)
{
    char type[QTYPE_TEXT];
    str_add(s, qtype_text(&q->type, type));
    if (q->scale && q->n == 1) {
        str_printf(s, ", scale %.4g zero %d", (double)q->scale[0], q->zero[0]);
    } else if (q->scale) {
        float lo = q->scale[0], hi = lo;
        for (int64_t i = 1; i < q->n; i++) {
            lo = q->scale[i] < lo ? q->scale[i] : lo;
            hi = q->scale[i] > hi ? q->scale[i] : hi;
        }
        str_printf(s, ", %lld scales %.4g to %.4g", (long long)q->n, (double)lo, (double)hi);
    } else if (q->range && q->n == 1) {
        str_printf(s, ", range %.4g to %.4g", (double)q->range[0].lo, (double)q->range[0].hi);
    } else if (q->range) {
        str_printf(s, ", %lld ranges", (long long)q->n);
    }
}
