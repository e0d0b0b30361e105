/* SPDX-License-Identifier: Apache-2.0
 *
 * graph: a model is a graph of nodes and values; values carry the quantization.
 *
 * The rules of the graph; verify.c checks each and cites its number:
 *
 *   1. A node is in exactly one graph's list, once.
 *   2. The list is in execution order: a value is defined before it is used.
 *   3. A value has one definition: a node's output, a graph input, or a constant. (An initializer
 *      that is also listed as a graph input counts as constant; files of IR version 3 need that.)
 *   4. A use is in its value's list exactly once, and the lists hold nothing else.
 *   5. A use names a value of its own graph or of an enclosing one.
 *   6. Names of values are not empty, and unique among the values that are visible together.
 *   7. A constant has data, whose size fits its type, and it is never written again.
 *   8. A node's op agrees with its domain and type; its arity is within the row of ops.def. A node
 *      that calls a function has none.
 *   9. Attribute names are unique in a node.
 *  10. `result` has one input per output name and no outputs.
 *  11. A removed node has no users.
 *  12. A quant, once solved, has n scales, all finite and > 0, n zero points within the limits of
 *      its type, and zero points of the middle where it is symmetric.
 *  13. After lowering no value carries a quant.
 *  14. Where FACT_TYPES holds a known operator whose inputs have dtypes gives its results one,
 *      unless they come out of a body or a sequence, and what is known of a constant's shape agrees
 *      with its data.
 *
 * Graph outputs are ordinary uses, by the pseudo node `result`; the writer gives them their names
 * back. Constants never change: a pass makes a new tensor. Everything reachable from a model lives
 * in its arena and in the mappings of its files, and is given back by model_close().
 */
#ifndef GRAPH_H
#define GRAPH_H

#include "map.h"
#include "op_enum.h"
#include "tensor.h"

struct quant; /* quant.h */
struct graph;

struct use { /* one input slot of one node */
    struct value *value; /* NULL: optional input left out */
    struct node *user;
    struct use *next, **link; /* the other uses of the same value */
    bool plain;               /* wants the float value even where value->quant is set */
};

struct value {
    const char *name;
    struct graph *graph; /* whose scope it belongs to */
    struct node *def;    /* NULL: graph input or constant */
    struct use *uses;
    struct tensor type;            /* dtype and shape as far as known; data stays NULL */
    const struct tensor *constant; /* never changed once set; NULL: not constant */
    struct quant *quant;           /* NULL: float; two values with one quant share parameters */
    int id;                        /* dense in the model: for side arrays */
    bool is_input;                 /* listed as an input of its graph */
    const void *origin;            /* ValueInfoProto it was read from, if any */
};

enum attr_kind {
    ATTR_OTHER, /* kept as it is: sparse tensors, types */
    ATTR_FLOAT,
    ATTR_INT,
    ATTR_STRING,
    ATTR_TENSOR,
    ATTR_GRAPH,
    ATTR_FLOATS,
    ATTR_INTS,
    ATTR_STRINGS,
    ATTR_TENSORS,
    ATTR_GRAPHS,
    ATTR_REF, /* in a function: stands for the attribute `ref` of the call */
};
struct bytes {
    const char *data; /* not NUL-terminated */
    size_t n;
};
struct attr { /* never changes once made; node_set_* puts another one in its place */
    const char *name;
    enum attr_kind kind;
    size_t n; /* elements of the plural kinds */
    union {
        float f;
        int64_t i;
        struct bytes s;
        const struct tensor *t;
        struct graph *g;
        const float *floats;
        const int64_t *ints;
        const struct bytes *strings;
        const struct tensor **tensors;
        struct graph **graphs;
        const char *ref;
    };
    const void *origin;
};

struct node {
    struct node *prev, *next; /* execution order */
    struct graph *graph;
    enum op op; /* OP_OTHER: no row in ops.def, or a function; see domain and type */
    const struct model_function *function; /* the model's own, which the node calls; NULL: none */
    const char *domain, *type, *name;
    struct use *in;
    int n_in;
    struct value **out; /* NULL: optional output left out */
    int n_out;
    struct attr *attr;
    int n_attr;
    int id; /* dense in the model */
    int64_t opset; /* of its domain, where it is not the model's: it came from a function; or 0 */
    const void *origin;
};

struct graph {
    struct model *model;
    struct graph *outer; /* enclosing graph of an If, Loop or Scan body */
    const char *name;
    struct node *first, *last;
    struct value **input; /* as listed in the file; those with a constant are not fed */
    int n_input;
    struct value **constant; /* initializers; graph_sweep() drops those without uses */
    int n_constant, room_constant;
    struct node *result;      /* graph outputs are the uses of this pseudo node ... */
    const char **output_name; /* ... and this is what the file calls them */
    const void **output_origin; /* ValueInfoProto of each output */
    const void *origin;
};

struct opset {
    const char *domain; /* "" is ONNX's own */
    int64_t version;
    const void *origin;
};

/* An operator that the model itself defines. Its body is no part of the model's graphs: it is what
 * a call of it becomes, see inline_function.h. */
struct model_function {
    const char *domain, *name, *overload;
    struct graph *body; /* its inputs and outputs are the node's; NULL: not read ... */
    const char *why;    /* ... for this reason, where somebody calls it */
    struct attr *otherwise; /* attributes that a call may leave out */
    int n_otherwise;
    struct opset *opset; /* that the body is written in */
    int n_opset;
    int first_value, n_values; /* the ids of the body's values */
};

struct model {
    struct arena *arena;  /* owns every object reachable from here */
    const char *path;     /* as the user named it; for messages */
    const char *dir;      /* where external data is found */
    int64_t ir_version;
    struct opset *opset;
    int n_opset;
    struct graph *graph;
    struct model_function *function; /* never changes once read; clones share it */
    int n_functions;
    unsigned facts;       /* what passes have established: enum fact in pass.h */
    int n_values, n_nodes; /* ids in use are below these */
    struct map names;     /* every name of a value or a node ever used */
    const void *origin;   /* of the reader; only onnx_* looks */
    struct model_resource *resources; /* mappings; given back by model_close() */
};

/* What a model holds besides memory: release() is called once by model_close(). */
struct model_resource {
    struct model_resource *next;
    void (*release)(struct model_resource *r);
    size_t bytes; /* of the file that it is */
};
void model_hold(struct model *m, struct model_resource *r);

/* An empty model with an empty main graph, opset 0; model_close() frees any model. */
struct model *model_new(const char *path);
void model_close(struct model *m);
/* A copy of graphs, nodes, values and quants with the same ids and the same names, in an arena of
 * its own. Constants, attributes' data and origins are shared, so the original must outlive it. */
struct model *model_clone(const struct model *m);
/* Makes m what `from` is (a clone of m, maybe edited since); `from` is used up. */
void model_restore(struct model *m, struct model *from);
/* The version of a domain's operators; 0: not imported. "ai.onnx" is "". */
int64_t model_opset(const struct model *m, const char *domain);
void model_set_opset(struct model *m, const char *domain, int64_t version);
/* The version of the node's domain that it is written in. */
int64_t node_opset(const struct node *n);

/* NULL: the model defines no such operator. */
struct model_function *model_find_function(const struct model *m, const char *domain,
                                           const char *name, const char *overload);

/* For readers and tests: objects in the order of the file. */
struct graph *graph_new(struct model *m, struct graph *outer);
struct value *value_new(struct graph *g, const char *name);
struct value *graph_add_input(struct graph *g, const char *name);
struct value *graph_add_constant(struct graph *g, const char *name, const struct tensor *t);
void graph_add_output(struct graph *g, struct value *v, const char *name);
/* A node with room for n_in inputs (all left out) and n_out outputs (all left out), not yet in the
 * list; node_append() puts it at the end, node_insert() before another. */
struct node *node_new(struct graph *g, const char *domain, const char *type, int n_in, int n_out);
void node_append(struct node *n);
void node_insert(struct node *n, struct node *before);
void node_set_output(struct node *n, int i, struct value *v);

/* Building: a cursor. New values are named after the stem, unique in the whole model. */
struct build {
    struct graph *graph;
    struct node *before; /* NULL: at the end */
    const char *stem;
};
struct build build_before(struct node *n);
struct build build_after(struct node *n);
/* A node of the default domain (or of the row's domain) with fresh outputs. */
struct node *build_node(struct build *b, enum op op, int n_in, struct value *const *in, int n_out);
/* A constant with a fresh name "<stem>_<suffix>". */
struct value *build_constant(struct build *b, const char *suffix, const struct tensor *t);
/* "<stem>", or "<stem>_1" and so on where that is taken; remembered as used. */
const char *name_fresh(struct model *m, const char *stem);
/* Remembers a name from a file. */
void name_use(struct model *m, const char *name);

/* Rewriting: these keep every rule; passes use nothing else. */
/* Slot i may be new. */
void node_set_input(struct node *n, int i, struct value *v);
/* In all uses, graph outputs included. */
void value_replace(struct value *old, struct value *with);
/* Exchanges names and where they were read from: for a value that becomes another one. */
void value_swap_names(struct value *a, struct value *b);
/* Its outputs have no uses left. */
void node_remove(struct node *n);
int graph_sweep(struct graph *g); /* removes what nobody uses, bodies included; returns how many */

/* Attributes; the setters put a new attribute in the place of the old one. */
const struct attr *node_attr(const struct node *n, const char *name); /* NULL: not there */
int64_t node_int(const struct node *n, const char *name, int64_t otherwise);
float node_float(const struct node *n, const char *name, float otherwise);
const int64_t *node_ints(const struct node *n, const char *name, size_t *count); /* NULL: none */
const float *node_floats(const struct node *n, const char *name, size_t *count);
/* Is the string attribute (or `otherwise`, where it is left out) equal to `text`? */
bool node_string_is(const struct node *n, const char *name, const char *otherwise,
                    const char *text);
void node_set_int(struct node *n, const char *name, int64_t v);
void node_set_float(struct node *n, const char *name, float v);
void node_set_ints(struct node *n, const char *name, const int64_t *v, size_t count);
void node_set_string(struct node *n, const char *name, const char *v);
void node_set_tensor(struct node *n, const char *name, const struct tensor *t);
void node_drop_attr(struct node *n, const char *name);
void node_copy_attrs(struct node *to, const struct node *from); /* `to` has none yet */

/* Asking. */
struct value *node_input(const struct node *n, int i);          /* NULL: absent */
const struct tensor *node_constant(const struct node *n, int i); /* NULL: absent or not constant */
struct node *value_def(const struct value *v, enum op op); /* NULL: v is NULL, or another op's */
struct node *value_only_user(const struct value *v);       /* NULL: no use, or more than one */
/* The same where it is in the value's own graph: what a body does with a value that it captures is
 * not done right behind it. */
struct node *value_user_behind(const struct value *v);
bool value_used_once(const struct value *v);
bool value_is_output(const struct value *v);               /* of its own graph */
bool value_is_fed(const struct value *v);                  /* an input that has no constant */
bool node_is_result(const struct node *n);
/* The bodies that a node's attributes hold, k = 0, 1, ...; NULL: no more. */
struct graph *node_body(const struct node *n, int k);
/* The main graph and all bodies, each behind the graph that encloses it, in the order of the nodes
 * that hold them; how many there are goes to *n. */
struct graph **model_graphs(const struct model *m, struct arena *a, int *n);
/* "node 'conv1' (Conv)", or by its first output where it has no name; in a static buffer of the
 * caller's thread, good until the next call. */
const char *node_title(const struct node *n);

/* Nodes in order; the current and earlier ones may be removed, new ones before it are skipped. */
#define graph_each(g, n)                                                                           \
    for (struct node *n = (g)->first, *n##_next; n && (n##_next = n->next, 1); n = n##_next)
#define value_each_use(v, u)                                                                       \
    for (struct use *u = (v)->uses, *u##_next; u && (u##_next = u->next, 1); u = u##_next)

#endif
