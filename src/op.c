/* SPDX-License-Identifier: Apache-2.0
 *
 * op: the table of operators, finding one by name, and what a weight is.
 */
#include "op.h"

#include "ops/ops.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#define no_eval NULL
const struct op_info op_table[N_OPS] = {
    [OP_OTHER] = {"", "", 0, INT_MAX, INT_MAX, NULL, NULL, ROLE_NONE, 0, "-", 0, 0, "", ""},
    [OP_RESULT] = {"", "", 0, INT_MAX, 0, NULL, NULL, ROLE_NONE, 0, "-", 0, 0, "", ""},
#define OP(name, ...) [OP_##name] = {.domain = "", #name, __VA_ARGS__},
#define OP_IN(where, id, name, ...) [OP_##id] = {.domain = where, name, __VA_ARGS__},
#include "ops.def"
};
#undef no_eval

/* Open addressing over the table; a model of ten thousand nodes asks as often. */
enum { N_SLOTS = 1024 };
_Static_assert(N_OPS <= N_SLOTS / 2, "the hash of operators is too full");
static uint16_t slots[N_SLOTS]; /* an enum op; OP_OTHER: free */
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static unsigned name_hash(const char *name)
{
    unsigned h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return (h ^ h >> 15) % N_SLOTS;
}

static void slots_fill(void)
{
    for (int op = OP_RESULT + 1; op < N_OPS; op++) {
        unsigned h = name_hash(op_table[op].name);
        while (slots[h])
            h = (h + 1) % N_SLOTS;
        slots[h] = (uint16_t)op;
    }
}

enum op op_find(const char *domain, const char *type)
{
    pthread_once(&slots_once, slots_fill);
    if (!strcmp(domain, "ai.onnx"))
        domain = "";
    for (unsigned h = name_hash(type); slots[h]; h = (h + 1) % N_SLOTS) {
        const struct op_info *info = &op_table[slots[h]];
        if (!strcmp(info->name, type) && !strcmp(info->domain, domain))
            return (enum op)slots[h];
    }
    return OP_OTHER;
}

bool op_runs(enum op op)
{
    return op_table[op].eval || op_table[op].flags & OP_CONTROL;
}

/* A matrix that is multiplied from the right has its output channels last; from the left, in its
 * rows. */
static bool matmul_weight(const struct node *n, struct op_weight *w)
{
    w->slot = node_constant(n, 1) ? 1 : 0;
    w->bias = -1;
    const struct tensor *t = node_constant(n, w->slot);
    if (!t || t->shape.rank < 2)
        return false;
    w->axis = t->shape.rank - 1 - (w->slot == 0);
    return true;
}

bool op_weight(const struct node *n, struct op_weight *w)
{
    *w = (struct op_weight){.slot = 1, .bias = 2, .axis = 0, .groups = 1};
    if (n->op == OP_MatMul)
        return matmul_weight(n, w);
    if (op_table[n->op].role != ROLE_WEIGHTED || !node_constant(n, 1))
        return false;
    switch (n->op) {
    case OP_ConvTranspose:
        w->axis = 1;
        w->groups = (int)node_int(n, "group", 1);
        break;
    case OP_Gemm:
        w->axis = node_int(n, "transB", 0) ? 0 : 1;
        break;
    default: break;
    }
    return node_constant(n, 1)->shape.rank > w->axis;
}

int64_t op_weight_channels(const struct tensor *t, const struct op_weight *w)
{
    return t->shape.dim[w->axis] * (w->groups > 1 ? w->groups : 1);
}
