/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_proto: what the files onnx_*.c share. Nothing else includes the generated header.
 */
#ifndef ONNX_PROTO_H
#define ONNX_PROTO_H

#include "file.h"
#include "onnx.h"
#include "vec.h"

#include "onnx-data.pb-c.h"
#include "onnx.pb-c.h"

enum {
    ONNX_MAX_DEPTH = 320, /* messages within messages: bodies 100 deep; real models use up to 20 */
    ONNX_DIFFERS = 160,   /* room for the reason of onnx_fidelity() */
};

struct onnx_type { /* of a value, as it was read */
    enum dtype dtype;
    struct shape shape;
};

struct onnx_source { /* model->origin */
    const Onnx__ModelProto *proto;
    bool *called; /* of each function: by the model as it was read, or by a function that is */
    char differs[ONNX_DIFFERS]; /* "": the same bytes come back */
    struct onnx_type *type;     /* by value id; values made later are not in it */
    int n_values;
};

struct onnx_graph { /* graph->origin */
    const Onnx__GraphProto *proto;
    bool *stale; /* of each value_info: names no value of the graph as it was read */
};

/* The file that holds external data, mapped once however many tensors lie in it. */
struct onnx_external {
    struct model_resource resource; /* first: the model gives it back */
    struct onnx_external *next;
    const char *location;
    struct file_map map;
};

/* What reading needs on its way; lives as long as the call. */
struct onnx_reader {
    struct arena *arena; /* of the result */
    struct arena scratch;
    struct model *model; /* NULL: a lone tensor, which has no external data */
    struct onnx_source *source;
    struct onnx_scope *scope; /* of the graph that is being read; see onnx_graph.c */
    struct map functions; /* the model's own: domain:name:overload */
    const struct model_function *function; /* that is being read; NULL: the model's graph is */
    struct onnx_external *external;
    size_t dense; /* bytes that sparse initializers have grown to */
    VEC(struct value *) values; /* by id */
};

/* Checks the wire format of one message of this type and everything in it. Says in differs (may be
 * NULL) why packing what was unpacked gives other bytes, where it does. */
int onnx_scan(const void *bytes, size_t n, const ProtobufCMessageDescriptor *type,
              char differs[ONNX_DIFFERS], struct err *err);
/* Scans and unpacks into the arena; never call protobuf_c_message_free_unpacked(). */
void *onnx_unpack(struct arena *a, const void *bytes, size_t n,
                  const ProtobufCMessageDescriptor *type, char differs[ONNX_DIFFERS],
                  struct err *err);

/* Fills the empty graph g, bodies included. */
int onnx_graph_read(struct onnx_reader *r, struct graph *g, const Onnx__GraphProto *p,
                    struct err *err);
/* The model's own functions: which there are, and then the bodies of those that are called. One
 * that cannot be read is none until somebody asks for it. */
void onnx_functions_note(struct onnx_reader *r, const Onnx__ModelProto *p);
void onnx_functions_read(struct onnx_reader *r, const Onnx__ModelProto *p);
const struct model_function *onnx_function_find(struct onnx_reader *r, const char *domain,
                                          const char *name, const char *overload);
/* By index: whether the model calls it now, or a function that it calls does. */
bool *onnx_functions_called(struct arena *a, const struct model *m);
int onnx_opsets_read(struct arena *a, Onnx__OperatorSetIdProto *const *p, size_t n,
                     struct opset **opset, int *count, struct err *err);
/* One attribute. n NULL: a default of a function; a body in it captures nothing. */
int onnx_attr_read(struct onnx_reader *r, struct node *n, const Onnx__AttributeProto *p,
                   struct attr *a, struct err *err);
/* The attributes of n, bodies included. */
int onnx_attrs_read(struct onnx_reader *r, struct node *n, const Onnx__NodeProto *p,
                    struct err *err);
int onnx_tensor_read(struct onnx_reader *r, const Onnx__TensorProto *p, const struct tensor **t,
                     struct err *err);
int onnx_sparse_read(struct onnx_reader *r, const Onnx__SparseTensorProto *p,
                     const struct tensor **t, struct err *err);
/* Points t->data into the mapping of the file that p names. */
int onnx_external_read(struct onnx_reader *r, const Onnx__TensorProto *p, struct tensor *t,
                       struct err *err);
/* The type as far as a struct tensor can say it: DTYPE_NONE and rank -1 where it cannot. */
struct onnx_type onnx_type_read(const Onnx__TypeProto *p);

/* One edge of a graph: node number `to` needs an output of node number `from`. */
struct onnx_edge {
    int from, to;
};
/* Puts the nodes into an order of execution that keeps theirs where it can; -1: a cycle. */
int onnx_order(struct arena *scratch, struct graph *g, const struct onnx_edge *edge, int n_edge,
               struct err *err);

/* What writing needs on its way. */
struct onnx_writer {
    const struct model *model;
    const struct onnx_source *source; /* NULL: the model was not read from a file */
    struct onnx_write_options options;
    struct arena arena;
    const char **name;  /* by value id: the name in the file where it is not value->name */
    bool *is_output;    /* by value id: it carries the name of a graph output */
    bool *is_told;      /* by value id: value_info has it */
    struct map fresh;   /* names made here, and how far their numbers are */
    bool keep_external; /* the files that the model was read with are found from where it goes */
    bool drop_inputs;   /* from IR 4 on an initializer that is an input is no constant any more */
    int64_t ir_version; /* what the types of new constants need */
    enum { INLINE, EXTERNAL_CONSTANTS, EXTERNAL_ALL } mode;
    const char *location; /* of the external data file, relative to the model */
    size_t offset;        /* its size so far */
    VEC(const struct tensor *) tensors; /* that go into it */
};

struct onnx_join { /* an Identity that gives a graph output its name */
    struct value *from;
    const char *name;
};
struct onnx_joins {
    struct onnx_join *at;
    int n;
};
/* Chooses the names under which the values of a graph are written, so that its outputs have theirs;
 * the Identities that this takes are the result. */
struct onnx_joins onnx_outputs_name(struct onnx_writer *w, const struct graph *g);
const char *onnx_value_name(const struct onnx_writer *w, const struct value *v);
/* The stem, or the stem with a number behind it where the model has such a name. */
const char *onnx_name_fresh(struct onnx_writer *w, const char *stem);

/* The message of a constant (its name is given) or of a tensor in an attribute (name NULL). */
Onnx__TensorProto *onnx_tensor_emit(struct onnx_writer *w, const struct tensor *t,
                                    const char *name);
/* `old` is the message to start from, or NULL. */
Onnx__ValueInfoProto *onnx_value_emit(struct onnx_writer *w, const struct value *v,
                                      const Onnx__ValueInfoProto *old, const char *name);
Onnx__AttributeProto *onnx_attr_emit(struct onnx_writer *w, const struct attr *a);
Onnx__GraphProto *onnx_graph_emit(struct onnx_writer *w, const struct graph *g);

static inline const char *onnx_text(const char *s) /* protobuf-c has NULL for absent */
{
    return s ? s : "";
}

static inline char *onnx_chars(const char *s) /* ... and its messages want char *, to read */
{
    return (char *)(uintptr_t)s;
}

#endif
