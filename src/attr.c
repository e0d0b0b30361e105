/* SPDX-License-Identifier: Apache-2.0
 *
 * attr: reading attributes with defaults, and putting new ones in their place.
 */
#include "graph.h"

#include <string.h>

const struct attr *node_attr(const struct node *n, const char *name)
{
    for (int i = 0; i < n->n_attr; i++)
        if (!strcmp(n->attr[i].name, name))
            return &n->attr[i];
    return NULL;
}

static const struct attr *attr_of_kind(const struct node *n, const char *name, enum attr_kind kind)
{
    const struct attr *a = node_attr(n, name);
    return a && a->kind == kind ? a : NULL;
}

int64_t node_int(const struct node *n, const char *name, int64_t otherwise)
{
    const struct attr *a = attr_of_kind(n, name, ATTR_INT);
    return a ? a->i : otherwise;
}

float node_float(const struct node *n, const char *name, float otherwise)
{
    const struct attr *a = attr_of_kind(n, name, ATTR_FLOAT);
    return a ? a->f : otherwise;
}

const int64_t *node_ints(const struct node *n, const char *name, size_t *count)
{
    const struct attr *a = attr_of_kind(n, name, ATTR_INTS);
    *count = a ? a->n : 0;
    return a ? a->ints : NULL;
}

const float *node_floats(const struct node *n, const char *name, size_t *count)
{
    const struct attr *a = attr_of_kind(n, name, ATTR_FLOATS);
    *count = a ? a->n : 0;
    return a ? a->floats : NULL;
}

bool node_string_is(const struct node *n, const char *name, const char *otherwise, const char *text)
{
    const struct attr *a = attr_of_kind(n, name, ATTR_STRING);
    if (!a)
        return !strcmp(otherwise, text);
    return a->s.n == strlen(text) && !memcmp(a->s.data, text, a->s.n);
}

/* The slot of an attribute, emptied; a new one at the end where there is none. */
static struct attr *attr_slot(struct node *n, const char *name, enum attr_kind kind)
{
    struct arena *a = n->graph->model->arena;
    int i = 0;
    while (i < n->n_attr && strcmp(n->attr[i].name, name))
        i++;
    if (i == n->n_attr) {
        struct attr *grown = NEW_ARRAY(a, i + 1, struct attr);
        if (i)
            memcpy(grown, n->attr, (size_t)i * sizeof *grown);
        n->attr = grown;
        n->n_attr++;
    }
    n->attr[i] = (struct attr){.name = arena_strdup(a, name), .kind = kind};
    return &n->attr[i];
}

void node_set_int(struct node *n, const char *name, int64_t v)
{
    attr_slot(n, name, ATTR_INT)->i = v;
}

void node_set_float(struct node *n, const char *name, float v)
{
    attr_slot(n, name, ATTR_FLOAT)->f = v;
}

void node_set_ints(struct node *n, const char *name, const int64_t *v, size_t count)
{
    struct attr *a = attr_slot(n, name, ATTR_INTS);
    a->ints = arena_copy(n->graph->model->arena, v, count * sizeof *v);
    a->n = count;
}

void node_set_string(struct node *n, const char *name, const char *v)
{
    struct attr *a = attr_slot(n, name, ATTR_STRING);
    a->s = (struct bytes){arena_strdup(n->graph->model->arena, v), strlen(v)};
}

void node_set_tensor(struct node *n, const char *name, const struct tensor *t)
{
    attr_slot(n, name, ATTR_TENSOR)->t = t;
}

void node_drop_attr(struct node *n, const char *name)
{
    for (int i = 0; i < n->n_attr; i++)
        if (!strcmp(n->attr[i].name, name)) {
            memmove(&n->attr[i], &n->attr[i + 1], (size_t)(n->n_attr - i - 1) * sizeof *n->attr);
            n->n_attr--;
            return;
        }
}

void node_copy_attrs(struct node *to, const struct node *from)
{
    struct arena *a = to->graph->model->arena;
    to->attr = arena_copy(a, from->attr, (size_t)from->n_attr * sizeof *from->attr);
    to->n_attr = from->n_attr;
}
