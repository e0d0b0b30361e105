/* SPDX-License-Identifier: Apache-2.0
 *
 * predict: all compute nodes of a model, their verdicts and their multiply-adds.
 */
#include "predict.h"

#include "op.h"
#include "predict_layer.h"
#include "predict_time.h"

#include <math.h>
#include <string.h>

const char *const verdict_names[N_VERDICTS] = {
    "integer", "float", "dequantizes", "wrong", "fails",
};

static const struct runtime {
    const char *target;
    bool timed; /* predict_time.c has formulas for it */
    struct judgement (*judge)(const struct node *n);
    struct judgement (*object)(const struct node *n);
} runtimes[] = {
    {"onnxruntime", true, predict_ort, ort_objects},
    {"openvino", false, predict_openvino, openvino_objects},
};
enum { N_RUNTIMES = sizeof runtimes / sizeof runtimes[0] };

static const struct runtime *find_runtime(const char *target)
{
    for (int i = 0; i < N_RUNTIMES; i++)
        if (!strcmp(runtimes[i].target, target))
            return &runtimes[i];
    return NULL;
}

bool predict_knows(const char *target)
{
    return find_runtime(target);
}

static double known(int64_t dim)
{
    return dim < 0 ? 1 : (double)dim;
}

/* Product of dims from..to-1. */
static double span(const struct value *v, int from, int to)
{
    double product = 1;
    for (int i = from; v && i < to && i < v->type.shape.rank; i++)
        product *= known(v->type.shape.dim[i]);
    return product;
}

static double count(const struct value *v)
{
    return span(v, 0, MAX_RANK);
}

/* Outputs times what is summed for each: the elements of a filter. */
static double macs_of_conv(const struct node *n, int slot)
{
    const struct value *w = node_input(n, slot);
    return count(n->out[0]) * span(w, 1, MAX_RANK);
}

/* Each element of input 0 meets all of the weight but its first axis. */
static double macs_of_each(const struct node *n)
{
    return count(node_input(n, 0)) * span(node_input(n, 1), 1, MAX_RANK);
}

/* `axis` of input `slot` is summed over. */
static double macs_of_product(const struct node *n, int slot, int axis)
{
    const struct value *w = node_input(n, slot);
    int rank = w ? w->type.shape.rank : 0;
    int at = axis < 0 ? rank + axis : axis;
    return count(n->out[0]) * (at >= 0 && at < rank ? known(w->type.shape.dim[at]) : 1);
}

/* For each step and sample all weights once. */
static double macs_of_recurrent(const struct node *n)
{
    return span(node_input(n, 0), 0, 2) * (count(node_input(n, 1)) + count(node_input(n, 2)));
}

double predict_macs(const struct node *n)
{
    switch (n->op) {
    case OP_Conv: case OP_FusedConv: case OP_ConvInteger: return macs_of_conv(n, 1);
    case OP_QLinearConv: return macs_of_conv(n, 3);
    case OP_MsQLinearConv:
        return macs_of_conv(n, 3);
    case OP_ConvTranspose: case OP_QAttention: return macs_of_each(n);
    case OP_Gemm: case OP_FusedGemm:
        return macs_of_product(n, 1, node_int(n, "transB", 0) ? 1 : 0);
    case OP_MatMul: case OP_MatMulInteger: case OP_MatMulIntegerToFloat:
    case OP_DynamicQuantizeMatMul:
        return macs_of_product(n, 1, -2);
    case OP_FusedMatMul: case OP_TransposeMatMul:
        return macs_of_product(n, 1, node_int(n, "transB", 0) ? -1 : -2);
    case OP_QLinearMatMul: return macs_of_product(n, 3, -2);
    case OP_QGemm: return macs_of_product(n, 3, node_int(n, "transB", 0) ? 1 : 0);
    case OP_MatMulNBits: return count(n->out[0]) * known(node_int(n, "K", 1));
    case OP_LSTM: case OP_GRU: case OP_RNN: case OP_DynamicQuantizeLSTM:
        return macs_of_recurrent(n);
    default: return -1;
    }
}

struct walk {
    const struct runtime *runtime;
    struct arena *arena;
    struct prediction *p;
    struct judgement objection; /* to the whole model; INTEGER: there is none */
};

static void walk_graph(struct walk *w, const struct graph *g);

static void walk_bodies(struct walk *w, const struct node *n)
{
    for (int i = 0; i < n->n_attr; i++) {
        if (n->attr[i].kind == ATTR_GRAPH)
            walk_graph(w, n->attr[i].g);
        for (size_t k = 0; n->attr[i].kind == ATTR_GRAPHS && k < n->attr[i].n; k++)
            walk_graph(w, n->attr[i].graphs[k]);
    }
}

/* A model that is refused is not computed wrongly. */
static void hear(struct walk *w, struct judgement objection)
{
    if (objection.verdict == VERDICT_FAILS ? w->objection.verdict != VERDICT_FAILS
                                           : w->objection.verdict == VERDICT_INTEGER)
        w->objection = objection;
}

static void walk_graph(struct walk *w, const struct graph *g)
{
    for (const struct node *n = g->first; n; n = n->next) {
        double macs = n->n_out && n->out[0] ? predict_macs(n) : -1;
        walk_bodies(w, n);
        hear(w, w->runtime->object(n));
        if (macs >= 0)
            *vec_add(&w->p->node, w->arena) =
                (struct predicted){.node = n, .is = w->runtime->judge(n), .macs = macs};
    }
}

/* It would be faster in float, with conversions around it. */
static bool is_slow(const struct predicted *n)
{
    return n->cost.integer > 1.5 * (n->cost.real + n->cost.conversions);
}

static const char *cause(const struct model_time *t)
{
    if (t->gates > t->kernels && t->gates > t->conversions)
        return "for gates with factors: --skip equalize leaves them whole";
    return t->conversions > t->kernels
               ? "between integer layers: conversions, and what a float layer takes in"
               : "for layers that are small or of few channels";
}

const char *predict_advice(const struct prediction *p, const char *target, struct arena *a)
{
    const char *text = "", *first = NULL;
    double most = 0;
    int slow = 0;
    for (int i = 0; i < p->node.n; i++) {
        const struct predicted *n = &p->node.at[i];
        if (!is_slow(n))
            continue;
        slow++;
        if (n->cost.integer - n->cost.real > most)
            first = *n->node->name ? n->node->name : n->node->out[0]->name;
        most = fmax(most, n->cost.integer - n->cost.real);
    }
    if (p->time.now > 1.05 * p->time.real)
        text = arena_printf(a, "it may take %.1f times as long in %s as the float model, most of "
                            "it %s\n", p->time.now / p->time.real, target, cause(&p->time));
    if (slow)
        text = arena_printf(a, "%s%d of its layers would be faster in float, '%s' most of all: "
                            "--skip-node leaves them so\n", text, slow, first);
    return text;
}

int predict_model(const struct model *m, const char *target, struct arena *a, struct prediction *p,
                  struct err *err)
{
    const struct runtime *r = find_runtime(target);
    *p = (struct prediction){0};
    if (!r)
        return err_set(err, ERR_USAGE, "how target %s executes a quantized model is not known; it "
                       "is for onnxruntime and openvino", target);
    struct walk w = {r, a, p, JUDGE(INTEGER, "")};
    walk_graph(&w, m->graph);
    for (int i = 0; i < p->node.n; i++) {
        struct predicted *n = &p->node.at[i];
        if (w.objection.verdict != VERDICT_INTEGER && n->is.verdict != VERDICT_FAILS)
            n->is = w.objection;
        p->count[n->is.verdict]++;
        p->macs += n->macs;
        p->integer_macs += n->is.verdict == VERDICT_INTEGER ? n->macs : 0;
    }
    predict_again(m, target, a, p);
    return 0;
}

void predict_again(const struct model *m, const char *target, struct arena *a,
                   struct prediction *p)
{
    const struct runtime *r = find_runtime(target);
    if (r && r->timed && !p->count[VERDICT_FAILS])
        predict_time(m, a, p);
}

double predict_time_ratio(const struct prediction *p)
{
    return p->time.real > 0 ? p->time.now / p->time.real : NAN;
}

double predict_share(const struct prediction *p)
{
    return p->macs > 0 ? 100 * p->integer_macs / p->macs : 0;
}
