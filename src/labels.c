/* SPDX-License-Identifier: Apache-2.0
 *
 * labels: reading them, and the class of an output.
 */
#include "labels.h"

#include "file.h"
#include "map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct labels {
    const char *path;
    struct arena *arena;
    int64_t *class; /* in the order of the lines */
    int n;
    struct map by_name; /* -> its element of class */
    bool named;
};

static int parse_line(struct labels *l, char *line, int number, struct err *err)
{
    char *tab = strchr(line, '\t'), *digits = tab ? tab + 1 : line, *end;
    errno = 0;
    int64_t class = strtoll(digits, &end, 10);
    if (end == digits || *end || errno)
        return err_set(err, ERR_INPUT, "%s:%d: '%s' is not a class; lines are NAME<TAB>CLASS or "
                       "CLASS, where a class is a whole number", l->path, number, digits);
    if (l->n && l->named != (tab != NULL))
        return err_set(err, ERR_INPUT, "%s:%d: some lines have a name and some have none", l->path,
                       number);
    l->named = tab != NULL;
    l->class[l->n] = class;
    if (tab) {
        *tab = 0;
        if (map_find(&l->by_name, line))
            return err_set(err, ERR_INPUT, "%s:%d: a second label for '%s'", l->path, number, line);
        map_set(&l->by_name, line, &l->class[l->n]);
    }
    l->n++;
    return 0;
}

static int parse_file(struct labels *l, struct err *err)
{
    struct file_map map;
    TRY(file_map(&map, l->path, err));
    char *text = NEW_ARRAY(l->arena, map.size + 1, char);
    memcpy(text, map.data, map.size);
    file_unmap(&map);
    int lines = 1;
    for (const char *c = text; (c = strchr(c, '\n')); c++)
        lines++;
    l->class = NEW_ARRAY(l->arena, lines, int64_t);
    int number = 0;
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        line[strcspn(line, "\r")] = 0;
        number++;
        if (*line && *line != '#')
            TRY(parse_line(l, line, number, err));
    }
    return 0;
}

const int64_t *labels_read(const char *path, const struct dataset *d, struct arena *a,
                           struct err *err)
{
    struct labels l = {.path = path, .arena = a, .by_name.arena = a};
    if (parse_file(&l, err))
        return NULL;
    int n = dataset_count(d);
    if (!l.named && l.n != n) {
        err_set(err, ERR_INPUT, "%s has %d labels for %d samples; where not all samples are used "
                "each line needs the name of its sample", path, l.n, n);
        return NULL;
    }
    if (!l.named)
        return l.class;
    int64_t *class = NEW_ARRAY(a, n, int64_t);
    for (int i = 0; i < n; i++) {
        const int64_t *found = map_find(&l.by_name, dataset_name(d, i));
        if (!found) {
            err_set(err, ERR_INPUT, "%s has no label for sample '%s'", path, dataset_name(d, i));
            return NULL;
        }
        class[i] = *found;
    }
    return class;
}

int64_t output_class(const struct tensor *t)
{
    int64_t n = tensor_count(t), best = 0;
    if (n == 1 && !dtype_info(t->dtype)->is_float)
        return tensor_get_int(t, 0);
    for (int64_t i = 1; i < n; i++)
        if (tensor_get(t, i) > tensor_get(t, best))
            best = i;
    return best;
}
