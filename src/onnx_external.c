/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_external: tensors whose data lies in a file beside the model. Each file is mapped once and
 * stays mapped as long as the model. A model may come from anywhere, so it must not make quern
 * open files outside of its own directory.
 */
#include "onnx_proto.h"

#include <stdlib.h>
#include <string.h>

struct place { /* what external_data says */
    const char *location;
    uint64_t offset, length;
    bool has_length;
};

static int read_number(const char *key, const char *text, uint64_t *v, struct err *err)
{
    *v = 0;
    bool good = *text != 0;
    for (const char *s = text; *s && good; s++)
        good = *s >= '0' && *s <= '9' && !__builtin_mul_overflow(*v, (uint64_t)10, v)
            && !__builtin_add_overflow(*v, (uint64_t)(*s - '0'), v);
    if (!good)
        return err_set(err, ERR_INPUT, "its external data has '%s' for %s", text, key);
    return 0;
}

static int read_place(const Onnx__TensorProto *p, struct place *place, struct err *err)
{
    *place = (struct place){0};
    for (size_t i = 0; i < p->n_external_data; i++) {
        const char *key = onnx_text(p->external_data[i]->key);
        const char *value = onnx_text(p->external_data[i]->value);
        if (!strcmp(key, "location")) {
            place->location = value;
        } else if (!strcmp(key, "offset")) {
            TRY(read_number(key, value, &place->offset, err));
        } else if (!strcmp(key, "length")) {
            TRY(read_number(key, value, &place->length, err));
            place->has_length = true;
        }
    }
    if (!place->location || !*place->location)
        return err_set(err, ERR_INPUT, "its external data has no location");
    return 0;
}

/* By the text alone, so that the message is the same whether the file is there or not. */
static bool location_is_inside(const char *location)
{
    if (*location == '/')
        return false;
    for (const char *s = location; s; s = strchr(s, '/')) {
        s += *s == '/';
        if (!strncmp(s, "..", 2) && (!s[2] || s[2] == '/'))
            return false;
    }
    return true;
}

static void external_release(struct model_resource *r)
{
    file_unmap(&((struct onnx_external *)r)->map);
}

static int outside(const char *location, struct err *err)
{
    return err_set(err, ERR_INPUT,
                   "its data is in '%s', which is not under the model's directory", location);
}

/* Follows symbolic links and maps only what still is under the directory. */
static int external_map(struct onnx_external *x, const char *dir, struct err *err)
{
    char *base = realpath(dir, NULL), *file = NULL;
    struct str path = {0};
    str_printf(&path, "%s/%s", dir, x->location);
    int r = 0;
    if (base)
        file = realpath(path.text, NULL);
    if (!file) {
        r = err_set(err, ERR_INPUT, "its data is in the file '%s', which is not there", path.text);
    } else {
        size_t n = strlen(base);
        if (strncmp(file, base, n) || (file[n] != '/' && n != 1))
            r = outside(x->location, err);
        else
            r = file_map(&x->map, file, err);
    }
    free(base); /* realpath() allocates */
    free(file);
    str_release(&path);
    return r;
}

static struct onnx_external *external_find(struct onnx_reader *r, const char *location,
                                           struct err *err)
{
    for (struct onnx_external *x = r->external; x; x = x->next)
        if (!strcmp(x->location, location))
            return x;
    struct onnx_external *x = NEW(r->arena, struct onnx_external);
    x->resource.release = external_release;
    x->location = location;
    if (external_map(x, r->model->dir, err) < 0)
        return NULL;
    x->resource.bytes = x->map.size;
    model_hold(r->model, &x->resource);
    x->next = r->external;
    r->external = x;
    return x;
}

int onnx_external_read(struct onnx_reader *r, const Onnx__TensorProto *p, struct tensor *t,
                       struct err *err)
{
    struct place place;
    if (!r->model || t->dtype == DTYPE_STRING)
        return err_set(err, ERR_INPUT, "external data is not supported here");
    TRY(read_place(p, &place, err));
    if (!location_is_inside(place.location))
        return outside(place.location, err);
    struct onnx_external *x = external_find(r, place.location, err);
    if (!x)
        return -1;
    uint64_t room = x->map.size < place.offset ? 0 : x->map.size - place.offset;
    if (place.has_length && place.length != t->size)
        return err_set(err, ERR_INPUT, "%llu bytes of data in '%s' where it needs %zu",
                       (unsigned long long)place.length, place.location, t->size);
    if (t->size > room)
        return err_set(err, ERR_INPUT, "its data ends behind the end of '%s' (%zu bytes)",
                       place.location, x->map.size);
    if (!t->size)
        return 0;
    const char *data = (const char *)x->map.data + place.offset;
    size_t element = dtype_info(t->dtype)->bits / 8;
    if (element > 1 && (uintptr_t)data % (element > 8 ? 8 : element))
        data = arena_copy(r->arena, data, t->size);
    t->data = (void *)(uintptr_t)data;
    return 0;
}
