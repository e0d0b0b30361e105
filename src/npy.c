/* SPDX-License-Identifier: Apache-2.0
 *
 * npy: the header is the text of a Python dictionary with the keys descr, fortran_order and shape,
 * once each and in any order. Nothing is read before it is known to lie within the bytes.
 */
#include "npy.h"

#include <string.h>

#define HOST_IS_BIG (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* A cursor over the text of the header. */
struct text {
    const char *at, *end;
};

static void skip_space(struct text *t)
{
    while (t->at < t->end && strchr(" \t\r\n", *t->at) && *t->at)
        t->at++;
}

static bool take(struct text *t, char c)
{
    skip_space(t);
    if (t->at == t->end || *t->at != c)
        return false;
    t->at++;
    return true;
}

static bool take_word(struct text *t, const char *word)
{
    size_t n = strlen(word);
    skip_space(t);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, word, n))
        return false;
    t->at += n;
    return true;
}

/* A string in either kind of quotes, without escapes: no key or type needs them. */
static bool take_string(struct text *t, char *buf, size_t room)
{
    skip_space(t);
    if (t->at == t->end || (*t->at != '\'' && *t->at != '"'))
        return false;
    char quote = *t->at++;
    const char *from = t->at;
    while (t->at < t->end && *t->at != quote)
        t->at++;
    size_t n = (size_t)(t->at - from);
    if (t->at == t->end || n >= room)
        return false;
    memcpy(buf, from, n);
    buf[n] = 0;
    t->at++;
    return true;
}

static bool take_number(struct text *t, int64_t *v)
{
    skip_space(t);
    const char *from = t->at;
    for (*v = 0; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++)
        if (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, *t->at - '0', v))
            return false;
    if (t->at == from)
        return false;
    if (t->at < t->end && *t->at == 'L') /* Python 2 wrote long integers so */
        t->at++;
    return true;
}

static int take_shape(struct text *t, struct shape *s, struct err *err)
{
    if (!take(t, '('))
        return err_set(err, ERR_INPUT, "the header of the .npy has no list as shape");
    for (s->rank = 0; !take(t, ')');) {
        if (s->rank == MAX_RANK)
            return err_set(err, ERR_INPUT, "arrays of more than %d axes are not supported",
                           MAX_RANK);
        if (!take_number(t, &s->dim[s->rank++]))
            return err_set(err, ERR_INPUT, "the shape in the header of the .npy is not valid");
        if (!take(t, ',')) {
            if (!take(t, ')'))
                return err_set(err, ERR_INPUT, "the shape in the header of the .npy is not valid");
            break;
        }
    }
    return 0;
}

static enum dtype dtype_of(char kind, const char *size)
{
    static const struct {
        char name[4];
        enum dtype dtype;
    } known[] = {{"b1", DTYPE_BOOL}, {"i1", DTYPE_I8},  {"i2", DTYPE_I16},  {"i4", DTYPE_I32},
                 {"i8", DTYPE_I64},  {"u1", DTYPE_U8},  {"u2", DTYPE_U16},  {"u4", DTYPE_U32},
                 {"u8", DTYPE_U64},  {"f2", DTYPE_F16}, {"f4", DTYPE_F32},  {"f8", DTYPE_F64},
                 {"c8", DTYPE_C64},  {"c16", DTYPE_C128}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].name[0] == kind && !strcmp(known[i].name + 1, size))
            return known[i].dtype;
    return DTYPE_NONE;
}

static int take_descr(struct text *t, struct npy *f, struct err *err)
{
    char descr[32];
    skip_space(t);
    if (t->at < t->end && *t->at == '[')
        return err_set(err, ERR_INPUT, "structured arrays are not supported");
    if (!take_string(t, descr, sizeof descr))
        return err_set(err, ERR_INPUT, "the element type in the header of the .npy is not valid");
    bool has_order = descr[0] && strchr("<>=|", descr[0]);
    const char *type = descr + has_order;
    f->swapped = descr[0] == (HOST_IS_BIG ? '<' : '>');
    f->dtype = type[0] ? dtype_of(type[0], type + 1) : DTYPE_NONE;
    if (type[0] == 'O')
        return err_set(err, ERR_INPUT, "arrays of Python objects are not supported");
    if (f->dtype == DTYPE_NONE)
        return err_set(err, ERR_INPUT, "NumPy type '%s' is not supported", descr);
    return 0;
}

static int take_entry(struct text *t, struct npy *f, unsigned *seen, struct err *err)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[16];
    unsigned k = 0;
    if (take_string(t, key, sizeof key))
        while (k < 3 && strcmp(keys[k], key))
            k++;
    else
        k = 3;
    if (k == 3 || *seen & 1u << k || !take(t, ':'))
        return err_set(err, ERR_INPUT, "the header of the .npy is not valid");
    *seen |= 1u << k;
    if (k == 0)
        return take_descr(t, f, err);
    if (k == 2)
        return take_shape(t, &f->shape, err);
    f->fortran = take_word(t, "True");
    if (!f->fortran && !take_word(t, "False"))
        return err_set(err, ERR_INPUT, "fortran_order in the header of the .npy is not valid");
    return 0;
}

static int parse_header(struct text t, struct npy *f, struct err *err)
{
    unsigned seen = 0;
    if (!take(&t, '{'))
        return err_set(err, ERR_INPUT, "the header of the .npy is not a dictionary");
    while (!take(&t, '}')) {
        TRY(take_entry(&t, f, &seen, err));
        if (!take(&t, ',')) {
            if (!take(&t, '}'))
                return err_set(err, ERR_INPUT, "the header of the .npy is not valid");
            break;
        }
    }
    if (seen != 7)
        return err_set(err, ERR_INPUT, "the header of the .npy lacks descr, shape or "
                                       "fortran_order");
    return 0;
}

/* An axis of length 0 does not excuse others whose product would overflow. */
static int check_size(const struct npy *f, size_t have, struct err *err)
{
    int64_t bytes = dtype_info(f->dtype)->bits / 8;
    bool is_empty = false;
    char text[SHAPE_TEXT];
    for (int i = 0; i < f->shape.rank; i++) {
        is_empty |= f->shape.dim[i] == 0;
        if (f->shape.dim[i] && __builtin_mul_overflow(bytes, f->shape.dim[i], &bytes))
            return err_set(err, ERR_INPUT, "an array of shape %s is too large",
                           shape_text(&f->shape, text));
    }
    if (!is_empty && (uint64_t)bytes > have)
        return err_set(err, ERR_INPUT,
                       "the .npy is cut short: %s%s needs %lld bytes of data, it has %zu",
                       dtype_info(f->dtype)->name, shape_text(&f->shape, text), (long long)bytes,
                       have);
    return 0;
}

int npy_parse(struct npy *f, const void *bytes, size_t size, struct err *err)
{
    const unsigned char *p = bytes;
    if (size < 10 || memcmp(p, "\x93NUMPY", 6))
        return err_set(err, ERR_INPUT, "not a .npy file");
    if (p[6] < 1 || p[6] > 3)
        return err_set(err, ERR_INPUT, "version %d of .npy is not supported", p[6]);
    size_t start = p[6] == 1 ? 10 : 12, n = p[8] | (size_t)p[9] << 8;
    if (p[6] > 1 && size >= 12)
        n |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (size < start || size - start < n)
        return err_set(err, ERR_INPUT, "the .npy ends within its header");
    *f = (struct npy){.data = p + start + n};
    const char *text = (const char *)p + start;
    TRY(parse_header((struct text){text, text + n}, f, err));
    return check_size(f, size - start - n, err);
}

static void swap_bytes(unsigned char *p, size_t n, size_t width)
{
    for (size_t i = 0; i + width <= n; i += width)
        for (size_t j = 0; j < width / 2; j++) {
            unsigned char c = p[i + j];
            p[i + j] = p[i + width - 1 - j];
            p[i + width - 1 - j] = c;
        }
}

/* Fortran order: walks the result in C order with the strides of the source. */
static void gather(const struct npy *f, const struct shape *s, const unsigned char *from,
                   unsigned char *to, size_t width)
{
    int64_t stride[MAX_RANK], index[MAX_RANK] = {0}, at = 0, n = shape_count(s);
    stride[0] = 1;
    for (int i = 1; i < s->rank; i++)
        stride[i] = stride[i - 1] * f->shape.dim[i - 1];
    for (int64_t i = 0; i < n; i++) {
        memcpy(to + (size_t)i * width, from + (size_t)at * width, width);
        for (int k = s->rank - 1; k >= 0; k--) {
            at += stride[k];
            if (++index[k] < s->dim[k])
                break;
            at -= stride[k] * s->dim[k];
            index[k] = 0;
        }
    }
}

/* The part of shape s whose first element is at `from`. */
static const struct tensor *npy_part(const struct npy *f, const struct shape *s,
                                     const unsigned char *from, struct arena *a)
{
    size_t width = dtype_info(f->dtype)->bits / 8;
    bool scattered = f->fortran && s->rank > 1;
    bool aligned = (uintptr_t)from % (width > 8 ? 8 : width) == 0;
    if (!scattered && aligned && !f->swapped) {
        struct tensor *t = NEW(a, struct tensor);
        t->dtype = f->dtype;
        t->shape = *s;
        t->size = dtype_size(f->dtype, shape_count(s));
        t->data = (void *)(uintptr_t)from; /* nobody writes to a const tensor */
        return t;
    }
    struct tensor *t = tensor_buffer(a, f->dtype, s);
    if (scattered)
        gather(f, s, from, t->data, width);
    else if (t->size)
        memcpy(t->data, from, t->size);
    bool is_complex = f->dtype == DTYPE_C64 || f->dtype == DTYPE_C128;
    if (f->swapped)
        swap_bytes(t->data, t->size, is_complex ? width / 2 : width);
    return t;
}

const struct tensor *npy_tensor(const struct npy *f, struct arena *a)
{
    return npy_part(f, &f->shape, f->data, a);
}

const struct tensor *npy_row(const struct npy *f, int64_t i, struct arena *a)
{
    struct shape s = f->shape;
    s.dim[0] = 1;
    int64_t step = f->fortran ? 1 : shape_span(&f->shape, 1, f->shape.rank);
    return npy_part(f, &s, f->data + dtype_size(f->dtype, i * step), a);
}

/* How NumPy is told about a type; size of one element in the file. */
static const char *descr_of(enum dtype t)
{
    switch (t) {
    case DTYPE_BOOL: return "|b1";
    case DTYPE_I8:
    case DTYPE_I4:
    case DTYPE_I2: return "|i1";
    case DTYPE_I16: return "<i2";
    case DTYPE_I32: return "<i4";
    case DTYPE_I64: return "<i8";
    case DTYPE_U16: return "<u2";
    case DTYPE_U32: return "<u4";
    case DTYPE_U64: return "<u8";
    case DTYPE_F16: return "<f2";
    case DTYPE_F32: return "<f4";
    case DTYPE_F64: return "<f8";
    case DTYPE_C64: return "<c8";
    case DTYPE_C128: return "<c16";
    default: return dtype_info(t)->is_float ? "<f4" : "|u1";
    }
}

void npy_header(const struct tensor *t, struct str *out)
{
    struct str dict = {0};
    str_printf(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr_of(t->dtype));
    for (int i = 0; i < t->shape.rank; i++)
        str_printf(&dict, i ? " %lld," : "%lld,", (long long)t->shape.dim[i]);
    str_add(&dict, "), }");
    while ((10 + dict.n + 1) % 64) /* data begins at a multiple of 64 */
        str_add(&dict, " ");
    str_add(&dict, "\n");
    unsigned char head[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(dict.n & 255),
                              (unsigned char)(dict.n >> 8)};
    str_add_n(out, head, sizeof head);
    str_add_n(out, dict.text, dict.n);
    str_release(&dict);
}

static bool is_numpys(enum dtype t)
{
    const struct dtype_info *d = dtype_info(t);
    return d->bits >= 8 && (!d->is_float || t == DTYPE_F16 || t == DTYPE_F32 || t == DTYPE_F64);
}

/* Elements of types that NumPy lacks: floats as float32, integers as one byte. Returns the size of
 * one. */
static size_t unpack(const struct tensor *t, struct str *made)
{
    bool is_float = dtype_info(t->dtype)->is_float;
    for (int64_t i = 0, n = tensor_count(t); i < n; i++) {
        float v = (float)dtype_load(t->dtype, t->data, i);
        signed char byte = is_float ? 0 : (signed char)v;
        str_add_n(made, is_float ? (void *)&v : (void *)&byte, is_float ? sizeof v : 1);
    }
    return is_float ? sizeof(float) : 1;
}

const void *npy_body(const struct tensor *t, struct str *made, size_t *size)
{
    size_t width = dtype_info(t->dtype)->bits / 8;
    *size = t->size;
    bool known = is_numpys(t->dtype);
    if (known && (width == 1 || !HOST_IS_BIG))
        return t->data;
    size_t start = made->n;
    if (!known)
        width = unpack(t, made);
    else if (t->size)
        str_add_n(made, t->data, t->size);
    bool is_complex = t->dtype == DTYPE_C64 || t->dtype == DTYPE_C128;
    if (HOST_IS_BIG && made->n > start)
        swap_bytes((unsigned char *)made->text + start, made->n - start,
                   is_complex ? width / 2 : width);
    *size = made->n - start;
    return *size ? made->text + start : "";
}
