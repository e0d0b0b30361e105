/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: ONNX messages put together byte by byte, independent of the library that reads them.
 * A message is a value: the inner one is made first, then added to the outer one.
 */
#ifndef WIRE_H
#define WIRE_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct wire {
    size_t n;
    unsigned char at[2040];
};

enum { /* field numbers of the public format, as far as the tests use them */
    MODEL_IR = 1, MODEL_PRODUCER = 2, MODEL_GRAPH = 7, MODEL_OPSET = 8, MODEL_FUNCTION = 25,
    GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12,
    GRAPH_VALUE_INFO = 13, GRAPH_SPARSE = 15,
    NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_TYPE = 4, NODE_ATTRIBUTE = 5,
    NODE_DOMAIN = 7,
    ATTRIBUTE_NAME = 1, ATTRIBUTE_F = 2, ATTRIBUTE_I = 3, ATTRIBUTE_T = 5, ATTRIBUTE_G = 6,
    ATTRIBUTE_INTS = 8, ATTRIBUTE_TYPE = 20,
    TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_FLOATS = 4, TENSOR_INT32S = 5, TENSOR_STRINGS = 6,
    TENSOR_INT64S = 7, TENSOR_NAME = 8, TENSOR_RAW = 9, TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14,
};

static inline struct wire wire_put(struct wire w, const void *bytes, size_t n)
{
    assert(n <= sizeof w.at - w.n);
    if (n)
        memcpy(w.at + w.n, bytes, n);
    w.n += n;
    return w;
}

static inline struct wire wire_number(struct wire w, uint64_t v) /* a varint and nothing else */
{
    for (; v > 127; v >>= 7)
        w = wire_put(w, &(unsigned char){(unsigned char)(v | 128)}, 1);
    return wire_put(w, &(unsigned char){(unsigned char)v}, 1);
}

static inline struct wire wire_int(struct wire w, unsigned field, int64_t v)
{
    return wire_number(wire_number(w, field << 3), (uint64_t)v);
}

static inline struct wire wire_bytes(struct wire w, unsigned field, const void *bytes, size_t n)
{
    return wire_put(wire_number(wire_number(w, field << 3 | 2), n), bytes, n);
}

static inline struct wire wire_text(struct wire w, unsigned field, const char *text)
{
    return wire_bytes(w, field, text, strlen(text));
}

static inline struct wire wire_add(struct wire w, unsigned field, struct wire inner)
{
    return wire_bytes(w, field, inner.at, inner.n);
}

/* "a,b": one text each; "" adds nothing, "," two empty ones. */
static inline struct wire wire_names(struct wire w, unsigned field, const char *names)
{
    for (const char *end; *names; names = end + 1) {
        end = strchr(names, ',');
        if (!end)
            return wire_text(w, field, names);
        w = wire_bytes(w, field, names, (size_t)(end - names));
        if (!end[1])
            return wire_text(w, field, "");
    }
    return w;
}

static inline struct wire wire_node(const char *type, const char *name, const char *in,
                                    const char *out)
{
    struct wire w = wire_names(wire_names((struct wire){0}, NODE_INPUT, in), NODE_OUTPUT, out);
    if (*name)
        w = wire_text(w, NODE_NAME, name);
    return wire_text(w, NODE_TYPE, type);
}

/* A float tensor value; a dimension below 0 is left without a size. */
static inline struct wire wire_value(const char *name, int rank, const int64_t *dim)
{
    struct wire shape = {0}, tensor = wire_int((struct wire){0}, 1, 1), type = {0};
    for (int i = 0; i < rank; i++)
        shape = wire_add(shape, 1, dim[i] < 0 ? (struct wire){0}
                                              : wire_int((struct wire){0}, 1, dim[i]));
    tensor = wire_add(tensor, 2, shape);
    type = wire_add(type, 1, tensor);
    return wire_add(wire_text((struct wire){0}, 1, name), 2, type);
}

/* The head of a tensor: what follows is its data, in fields of higher numbers. */
static inline struct wire wire_tensor(int type, int rank, const int64_t *dim)
{
    struct wire w = {0};
    for (int i = 0; i < rank; i++)
        w = wire_int(w, TENSOR_DIMS, dim[i]);
    return wire_int(w, TENSOR_TYPE, type);
}

/* Float, rank 1, n <= 8 elements counting from 1. */
static inline struct wire wire_floats(const char *name, int n)
{
    static const float v[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct wire w = wire_text(wire_tensor(1, 1, (int64_t[]){n}), TENSOR_NAME, name);
    return wire_bytes(w, TENSOR_RAW, v, (size_t)n * 4);
}

static inline struct wire wire_model(int ir_version, int opset, struct wire graph)
{
    struct wire w = wire_int((struct wire){0}, MODEL_IR, ir_version);
    w = wire_add(w, MODEL_GRAPH, graph);
    return wire_add(w, MODEL_OPSET, wire_int(wire_text((struct wire){0}, 1, ""), 2, opset));
}

/* One float [1,4] for each name in "a,b". */
static inline struct wire wire_values(struct wire w, unsigned field, const char *names)
{
    for (size_t n; *names; names += n + (names[n] == ',')) {
        n = strcspn(names, ",");
        struct wire name = wire_put((struct wire){0}, names, n);
        w = wire_add(w, field, wire_value((const char *)name.at, 2, (int64_t[]){1, 4}));
    }
    return w;
}

static inline struct wire wire_ends(struct wire graph, const char *in, const char *out)
{
    return wire_values(wire_values(graph, GRAPH_INPUT, in), GRAPH_OUTPUT, out);
}

#endif
