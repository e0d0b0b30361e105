/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_tensor: TensorProto to struct tensor. Raw data and lists of full-width numbers are used
 * where they lie; narrower types that come as lists of wider numbers are packed once.
 */
#include "onnx_proto.h"

#include <inttypes.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ONNX's raw data is little endian, and quern uses it as it lies in the file"
#endif

static const size_t dense_limit = (size_t)1 << 30;

/* Dimensions and element count; the bytes of such a tensor fit into 63 bits. */
static int read_shape(const int64_t *dims, size_t n_dims, enum dtype dtype, struct shape *shape,
                      struct err *err)
{
    int64_t count = 1, bits;
    if (n_dims > MAX_RANK)
        return err_set(err, ERR_INPUT, "%zu dimensions; at most %d are supported", n_dims,
                       MAX_RANK);
    shape->rank = (int)n_dims;
    for (size_t i = 0; i < n_dims; i++) {
        if (dims[i] < 0)
            return err_set(err, ERR_INPUT, "dimension %zu is %" PRId64, i, dims[i]);
        shape->dim[i] = dims[i];
    }
    /* counted without the zeros, so that no later product overflows either */
    for (size_t i = 0; i < n_dims; i++)
        if (dims[i] && __builtin_mul_overflow(count, dims[i], &count))
            return err_set(err, ERR_INPUT, "its shape overflows");
    if (__builtin_mul_overflow(count, (int64_t)dtype_info(dtype)->bits + 8, &bits))
        return err_set(err, ERR_INPUT, "its shape overflows");
    return 0;
}

struct field { /* one of the typed fields */
    const char *name;
    const void *data;
    size_t n, size; /* elements and the bytes of one */
};

static struct field field_of(const Onnx__TensorProto *p, enum dtype t)
{
    switch (t) {
    case DTYPE_F32:
    case DTYPE_C64: return (struct field){"float_data", p->float_data, p->n_float_data, 4};
    case DTYPE_F64:
    case DTYPE_C128: return (struct field){"double_data", p->double_data, p->n_double_data, 8};
    case DTYPE_I64: return (struct field){"int64_data", p->int64_data, p->n_int64_data, 8};
    case DTYPE_U32:
    case DTYPE_U64: return (struct field){"uint64_data", p->uint64_data, p->n_uint64_data, 8};
    case DTYPE_STRING:
        return (struct field){"string_data", p->string_data, p->n_string_data,
                              sizeof *p->string_data};
    default: return (struct field){"int32_data", p->int32_data, p->n_int32_data, 4};
    }
}

/* Entries of the typed field that `count` elements take. */
static size_t field_entries(enum dtype t, int64_t count)
{
    unsigned bits = dtype_info(t)->bits;
    if (t == DTYPE_C64 || t == DTYPE_C128)
        return (size_t)count * 2;
    return bits == 2 || bits == 4 ? dtype_size(t, count) : (size_t)count;
}

static void *pack_six_bits(struct arena *a, const int32_t *code, size_t n)
{
    uint8_t *out = arena_alloc(a, (n * 6 + 7) / 8 + 1);
    for (size_t i = 0; i < n; i++) {
        unsigned v = ((unsigned)code[i] & 63) << (i * 6 % 8);
        out[i * 6 / 8] |= (uint8_t)v;
        out[i * 6 / 8 + 1] |= (uint8_t)(v >> 8);
    }
    return out;
}

static void *pack_field(struct arena *a, const struct field *f, enum dtype t)
{
    unsigned bits = dtype_info(t)->bits;
    if (t == DTYPE_STRING) {
        const ProtobufCBinaryData *from = f->data;
        struct bytes *to = NEW_ARRAY(a, f->n, struct bytes);
        for (size_t i = 0; i < f->n; i++)
            to[i] = (struct bytes){(const char *)from[i].data, from[i].len};
        return to;
    }
    if (bits == 6)
        return pack_six_bits(a, f->data, f->n);
    size_t size = bits < 8 ? 1 : bits / 8;
    if (size >= f->size)
        return (void *)(uintptr_t)f->data;
    char *out = arena_array(a, f->n, size);
    for (size_t i = 0; i < f->n; i++)
        memcpy(out + i * size, (const char *)f->data + i * f->size, size);
    return out;
}

static int read_data(struct onnx_reader *r, const Onnx__TensorProto *p, struct tensor *t,
                     int64_t count, struct err *err)
{
    if (p->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return onnx_external_read(r, p, t, err);
    struct field f = field_of(p, t->dtype);
    if (p->has_raw_data && (p->raw_data.len || !f.n) && t->dtype != DTYPE_STRING) {
        if (p->raw_data.len != t->size)
            return err_set(err, ERR_INPUT, "%zu bytes of data where its type and shape ask for %zu",
                           p->raw_data.len, t->size);
        t->data = p->raw_data.data;
        return 0;
    }
    size_t want = field_entries(t->dtype, count);
    if (f.n != want)
        return err_set(err, ERR_INPUT, "%zu entries in %s where its type and shape ask for %zu",
                       f.n, f.name, want);
    t->data = pack_field(r->arena, &f, t->dtype);
    return 0;
}

int onnx_tensor_read(struct onnx_reader *r, const Onnx__TensorProto *p, const struct tensor **out,
                     struct err *err)
{
    if (p->data_type <= DTYPE_NONE || p->data_type >= N_DTYPES)
        return err_set(err, ERR_INPUT, "data type %d is not known", p->data_type);
    if (p->segment)
        return err_set(err, ERR_INPUT, "a tensor in segments is not supported");
    struct tensor *t = NEW(r->arena, struct tensor);
    t->dtype = (enum dtype)p->data_type;
    t->origin = p;
    TRY(read_shape(p->dims, p->n_dims, t->dtype, &t->shape, err));
    int64_t count = shape_count(&t->shape);
    t->size = dtype_size(t->dtype, count);
    TRY(read_data(r, p, t, count, err));
    if (!t->data) /* no elements: a constant has data all the same */
        t->data = arena_alloc(r->arena, 1);
    *out = t;
    return 0;
}

/* Where element i of the sparse tensor lies in the dense one; -1: outside of it. */
static int64_t sparse_place(const struct tensor *index, int64_t i, const struct shape *shape)
{
    const int64_t *at = index->data;
    int64_t place = 0;
    if (index->shape.rank == 1)
        return at[i] < 0 || at[i] >= shape_count(shape) ? -1 : at[i];
    for (int k = 0; k < shape->rank; k++) {
        int64_t x = at[i * shape->rank + k];
        if (x < 0 || x >= shape->dim[k])
            return -1;
        place = place * shape->dim[k] + x;
    }
    return place;
}

static bool sparse_index_fits(const struct tensor *index, int64_t n, const struct shape *shape)
{
    const struct shape *s = &index->shape;
    return index->dtype == DTYPE_I64
        && ((s->rank == 1 && s->dim[0] == n)
            || (s->rank == 2 && s->dim[0] == n && s->dim[1] == shape->rank));
}

int onnx_sparse_read(struct onnx_reader *r, const Onnx__SparseTensorProto *p,
                     const struct tensor **out, struct err *err)
{
    const struct tensor *values, *index;
    struct shape shape;
    if (!p->values || !p->indices)
        return err_set(err, ERR_INPUT, "values or indices are missing");
    TRY(onnx_tensor_read(r, p->values, &values, err));
    TRY(onnx_tensor_read(r, p->indices, &index, err));
    TRY(read_shape(p->dims, p->n_dims, values->dtype, &shape, err));
    int64_t n = tensor_count(values);
    if (values->shape.rank != 1 || !sparse_index_fits(index, n, &shape))
        return err_set(err, ERR_INPUT, "values and indices of a sparse tensor do not match");
    size_t bytes = dtype_size(values->dtype, shape_count(&shape));
    size_t size = dtype_info(values->dtype)->bits / 8;
    if (!size || bytes > dense_limit - r->dense)
        return err_set(err, ERR_INPUT, "a sparse tensor of this %s is not supported",
                       size ? "size" : "type");
    r->dense += bytes;
    struct tensor *t = tensor_new(r->arena, values->dtype, &shape);
    t->origin = p;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = sparse_place(index, i, &shape);
        if (at < 0)
            return err_set(err, ERR_INPUT, "index %" PRId64 " of a sparse tensor is outside", i);
        memcpy((char *)t->data + (size_t)at * size, (const char *)values->data + (size_t)i * size,
               size);
    }
    *out = t;
    return 0;
}

/* The message that a file holds; NULL: it is none. */
static void *read_message(const char *path, const ProtobufCMessageDescriptor *type,
                          struct arena *a, struct err *err)
{
    struct file_map f;
    if (file_map(&f, path, err) < 0)
        return NULL;
    void *p = onnx_unpack(a, f.data, f.size, type, NULL, err);
    file_unmap(&f);
    if (!p)
        err_at(err, "%s", path);
    return p;
}

const struct tensor *onnx_read_tensor(const char *path, struct arena *a, const char **name,
                                      struct err *err)
{
    const struct tensor *t = NULL;
    struct onnx_reader r = {.arena = a};
    const Onnx__TensorProto *p = read_message(path, &onnx__tensor_proto__descriptor, a, err);
    if (!p)
        return NULL;
    if (onnx_tensor_read(&r, p, &t, err) < 0) {
        err_at(err, "%s", path);
        return NULL;
    }
    if (name)
        *name = onnx_text(p->name);
    return t;
}

static int read_elements(struct onnx_reader *r, const Onnx__SequenceProto *p, struct tensor *t,
                         struct err *err)
{
    struct tensor *element = NEW_ARRAY(r->arena, p->n_tensor_values + 1, struct tensor);
    if (p->n_sparse_tensor_values || p->n_sequence_values || p->n_map_values
        || p->n_optional_values)
        return err_set(err, ERR_INPUT, "a sequence of other things than tensors is not supported");
    for (size_t i = 0; i < p->n_tensor_values; i++) {
        const struct tensor *one;
        if (onnx_tensor_read(r, p->tensor_values[i], &one, err) < 0)
            return err_at(err, "element %zu", i);
        element[i] = *one;
    }
    *t = (struct tensor){.dtype = dtype_sequence(p->n_tensor_values ? element[0].dtype : 0),
                         .shape = {.rank = 1, .dim = {(int64_t)p->n_tensor_values}},
                         .data = element};
    return 0;
}

const struct tensor *onnx_read_sequence(const char *path, struct arena *a, const char **name,
                                        struct err *err)
{
    struct tensor *t = NEW(a, struct tensor);
    struct onnx_reader r = {.arena = a};
    const Onnx__SequenceProto *p = read_message(path, &onnx__sequence_proto__descriptor, a, err);
    if (!p)
        return NULL;
    if (read_elements(&r, p, t, err) < 0) {
        err_at(err, "%s", path);
        return NULL;
    }
    if (name)
        *name = onnx_text(p->name);
    return t;
}
