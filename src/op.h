/* SPDX-License-Identifier: Apache-2.0
 *
 * op: what quern knows about an operator is one row in ops.def and one file of its family in ops/.
 *
 * `infer` computes dtypes and shapes of the outputs. It serves static inference (the data of some
 * inputs is NULL, some dims are -1: what cannot be known stays unknown) and execution (everything
 * is known and so is the result). `eval` finds its outputs allocated and only computes; it is a
 * pure function of its inputs. Attributes are parsed by one function per family that both use.
 * Differences between opset versions live in ops/ and nowhere else.
 *
 * Both return 0, or -1 with a text that names the attribute or input at fault; the caller puts
 * the node in front.
 */
#ifndef OP_H
#define OP_H

#include "err.h"
#include "graph.h"
#include "quant.h"

struct tail;

/* What eval of one node prepared for later calls: packed weights, library primitives. It belongs to
 * the executor's node, is shared by its workers, and is given back by release(). */
struct op_state {
    void (*release)(struct op_state *s);
};

/* Inputs that arrive as codes instead of real values, where the operator has OP_CODES. Inputs 0 and
 * 1 are of 8 bits, input 1 signed, with zero point 0, and one scale or one for each output
 * channel. Or, where the operator is one of those in ops/coded.h, inputs and output 0 are all codes
 * of one type of 8 bits, each with one scale. */
struct codes {
    const struct quant *x, *w; /* of inputs 0 and 1 */
    bool bias;                 /* input 2 is int32 with scale x * w; float where false */
    const struct quant *const *each; /* of every input; x is the first of them. NULL: the former */
    const struct quant *y;     /* output 0 leaves as codes of 8 bits; NULL: as float */
};

struct call { /* one application of an operator */
    const struct node *node;
    int64_t opset; /* version of the node's domain */
    int n_in, n_out;
    const struct tensor *const *in; /* NULL: left out; data NULL: not known (only in infer) */
    struct tensor *const *out;      /* infer fills dtype and shape, eval the data; NULL: left out */
    struct arena *scratch;          /* emptied after the call */
    unsigned constant;              /* bit i: input i is the same in every call with this state */
    struct op_state **state;        /* eval may keep something here; NULL: nowhere. Threads that
                                       share it race: add with compare-and-swap */
    const struct tail *tail;        /* k_tail.h: what to do to output 0 last, where the operator
                                       has OP_TAIL and output 0 is float; NULL: nothing */
    const struct codes *codes;      /* NULL: all are real values. infer always sees those */
    const struct quant *grid;       /* of input 1, which arrives as the model has it: where it is
                                       packed it is rounded to that, or becomes its codes. Only
                                       with codes or where the operator has OP_PACKS */
};
typedef int op_fn(struct call *c, struct err *err);

/* What an operator means for quantization; what is done about it is the target's affair. */
enum quant_role {
    ROLE_NONE,     /* never quantized */
    ROLE_COMPUTE,  /* computes with its inputs; they and the output may be quantized */
    ROLE_WEIGHTED, /* as COMPUTE, with a weight and a bias slot: see op_weight() */
    ROLE_SAME,     /* moves or selects data: input 0 and the outputs share one quant */
    ROLE_JOIN,     /* all inputs and the output share one quant (Concat) */
    ROLE_FIXED,    /* the range of the output is known beforehand (Sigmoid, Softmax, Tanh) */
    ROLE_FUSE,     /* takes over the quant of its producer's output (Relu, Clip) */
};

enum op_flag {
    /* Layouts the operator accepts for its rank-4 (and 3, 5) activations. Without a flag all inputs
     * arrive, and outputs leave, in plain order. */
    OP_CHANNELS_LAST = 1 << 0, /* input 0 arrives and output 0 leaves channels-last */
    OP_ANY_LAYOUT = 1 << 1,    /* all inputs of full rank arrive alike, outputs leave alike */
    OP_SHAPE_ONLY = 1 << 2,    /* reads the shape of input 0, not its data (Shape, Size) */
    OP_COMMUTES = 1 << 3,      /* the two inputs may be exchanged */
    OP_RANDOM = 1 << 4,        /* not a function of its inputs: never folded */
    OP_VIEW = 1 << 5,          /* output 0 is input 0's bytes with another shape */
    OP_TAIL = 1 << 6,          /* eval obeys call.tail */
    OP_IN_PLACE = 1 << 7,      /* output 0 may lie where input 0 or 1 lies, if they are alike */
    OP_CODES = 1 << 8,         /* eval obeys call.codes */
    OP_ADDS = 1 << 9,          /* input 3 is added to output 0 and arrives as that leaves */
    OP_PACKS = 1 << 10,        /* eval obeys call.grid, also without codes */
    OP_CONTROL = 1 << 11,      /* runs bodies or handles sequences: the executor does it itself */
};

struct op_info {
    const char *domain, *name;
    int min_in, max_in, max_out;
    op_fn *infer, *eval; /* eval NULL: cannot be executed, unless OP_CONTROL */
    enum quant_role role;
    unsigned flags;
    const char *engine; /* "oneDNN", "OpenBLAS", "own", or "-" */
    /* For people; tests/ops/operator_table.py holds them against ONNX and against quern. */
    int since, last;   /* versions of the operator: every form is understood from `since` on, and
                          `last` is the newest that was looked at */
    const char *types; /* "floats", "numbers bool", ...: see docs/operators.md */
    const char *note;  /* what is refused, and the like; "": nothing to say */
};
extern const struct op_info op_table[N_OPS];

enum op op_find(const char *domain, const char *type); /* OP_OTHER: no row */
/* Can it be executed? */
bool op_runs(enum op op);

/* The weight of a ROLE_WEIGHTED node: which inputs, which axis counts output channels. */
struct op_weight {
    int slot, bias; /* input slots; bias -1: the operator has none */
    int axis;       /* of output channels in the weight */
    int groups;     /* ConvTranspose: output channels = groups * dim[axis] */
};
/* False: the node has no weight (MatMul of two activations), or its rank is not known. */
bool op_weight(const struct node *n, struct op_weight *w);
/* How many output channels the weight `t` has. */
int64_t op_weight_channels(const struct tensor *t, const struct op_weight *w);

/* The operator's infer, after a check that the inputs it needs are there. */
int op_infer(struct call *c, struct err *err);
/* infer on a node of a graph: fills the types of its outputs from values' types and constants.
 * Returns -1 where the model contradicts itself, 0 otherwise, also where nothing could be known. */
int op_infer_node(struct node *n, struct err *err);

#endif
