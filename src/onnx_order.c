/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_order: puts the nodes of a file that is not in execution order into one. Of the nodes that
 * could come next the one that stood first in the file does, so what was in order stays.
 */
#include "onnx_proto.h"

struct heap { /* of node numbers, smallest first */
    int *at;
    int n;
};

static void heap_swap(struct heap *h, int i, int k)
{
    int t = h->at[i];
    h->at[i] = h->at[k];
    h->at[k] = t;
}

static void heap_put(struct heap *h, int v)
{
    int i = h->n++;
    h->at[i] = v;
    for (; i && h->at[(i - 1) / 2] > h->at[i]; i = (i - 1) / 2)
        heap_swap(h, i, (i - 1) / 2);
}

static int heap_take(struct heap *h)
{
    int least = h->at[0];
    h->at[0] = h->at[--h->n];
    for (int i = 0, k; (k = 2 * i + 1) < h->n; i = k) {
        if (k + 1 < h->n && h->at[k + 1] < h->at[k])
            k++;
        if (h->at[i] <= h->at[k])
            break;
        heap_swap(h, i, k);
    }
    return least;
}

/* Every node left waits for another one that is left: going backwards ends up in a cycle. */
static int report_cycle(struct node **node, const bool *done, int n, const struct onnx_edge *edge,
                        int n_edge, int *before, struct err *err)
{
    for (int i = 0; i < n_edge; i++)
        if (!done[edge[i].from])
            before[edge[i].to] = edge[i].from;
    int v = 0;
    while (done[v])
        v++;
    for (int i = 0; i < n; i++)
        v = before[v];
    return err_set(err, ERR_INPUT, "%s needs its own output: the graph has a cycle",
                   node_title(node[v]));
}

static void relink(struct graph *g, struct node **node, const int *order, int n)
{
    g->first = g->last = NULL;
    for (int i = 0; i < n; i++)
        node_append(node[order[i]]);
}

int onnx_order(struct arena *scratch, struct graph *g, const struct onnx_edge *edge, int n_edge,
               struct err *err)
{
    int n = 0, k = 0, n_order = 0;
    graph_each (g, x)
        n++;
    struct node **node = NEW_ARRAY(scratch, n, struct node *);
    graph_each (g, x)
        node[k++] = x;
    /* edges by their `from`: those of node i are out[first[i]] to out[first[i + 1] - 1] */
    int *first = NEW_ARRAY(scratch, n + 2, int), *out = NEW_ARRAY(scratch, n_edge, int);
    int *waits = NEW_ARRAY(scratch, n, int), *order = NEW_ARRAY(scratch, n, int);
    bool *done = NEW_ARRAY(scratch, n, bool);
    for (int i = 0; i < n_edge; i++) {
        first[edge[i].from + 2]++;
        waits[edge[i].to]++;
    }
    for (int i = 2; i <= n + 1; i++)
        first[i] += first[i - 1];
    for (int i = 0; i < n_edge; i++)
        out[first[edge[i].from + 1]++] = edge[i].to;
    struct heap ready = {NEW_ARRAY(scratch, n, int), 0};
    for (int i = 0; i < n; i++)
        if (!waits[i])
            heap_put(&ready, i);
    while (ready.n) {
        int i = order[n_order++] = heap_take(&ready);
        done[i] = true;
        for (k = first[i]; k < first[i + 1]; k++)
            if (!--waits[out[k]])
                heap_put(&ready, out[k]);
    }
    if (n_order < n)
        return report_cycle(node, done, n, edge, n_edge, NEW_ARRAY(scratch, n, int), err);
    relink(g, node, order, n);
    return 0;
}
