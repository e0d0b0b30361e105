/* SPDX-License-Identifier: Apache-2.0
 *
 * op_scan: running sums and products along an axis, and the first k of each line.
 */
#include "ops.h"

#include "k_convert.h"

#include <inttypes.h>

/* The axis is an input of one element. */
static int scan_axis(const struct call *c, int *axis, struct err *err)
{
    int64_t v;
    bool known;
    TRY(call_int(c, 1, NULL, 0, &v, &known, err));
    *axis = axis_check(v, c->in[0]->shape.rank, err);
    return *axis < 0 ? -1 : 0;
}

#define SCAN(type, load, store, step)                                                              \
    do {                                                                                           \
        type *line = NEW_ARRAY(c->scratch, n + 1, type);                                           \
        for (int64_t l = 0; l < lines; l++) {                                                      \
            int64_t first = l / inner * n * inner + l % inner;                                     \
            load(x->dtype, x->data, first, inner, n, line);                                        \
            type sum = start;                                                                      \
            for (int64_t i = 0; i < n; i++) {                                                      \
                int64_t at = reverse ? n - 1 - i : i;                                              \
                type v = line[at], before = sum;                                                   \
                sum = product ? (type)((step)sum * (step)v) : (type)((step)sum + (step)v);         \
                line[at] = exclusive ? before : sum;                                               \
            }                                                                                      \
            for (int64_t i = 0; i < n; i++)                                                        \
                store(c->out[0]->dtype, c->out[0]->data, first + i * inner, 1, line + i);          \
        }                                                                                          \
    } while (0)

int eval_scan(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    bool exclusive = node_int(c->node, "exclusive", 0), reverse = node_int(c->node, "reverse", 0);
    bool product = c->node->op == OP_CumProd;
    int start = product ? 1 : 0, axis;
    TRY(scan_axis(c, &axis, err));
    int64_t n = x->shape.dim[axis], inner = shape_span(&x->shape, axis + 1, x->shape.rank);
    int64_t lines = shape_span(&x->shape, 0, axis) * inner;
    if (dtype_info(x->dtype)->is_float)
        SCAN(double, k_load_f64, k_store_f64, double);
    else if (dtype_info(x->dtype)->is_integer)
        SCAN(int64_t, k_load_i64, k_store_i64, uint64_t);
    else
        return call_refuse_dtype(x->dtype, err);
    return 0;
}

/* k is an attribute before opset 10 and an input since. */
int infer_top_k(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    int64_t k;
    bool known;
    TRY(call_int(c, c->opset >= 10 ? 1 : -1, "k", -1, &k, &known, err));
    if (s.rank >= 0) {
        int axis = axis_check(node_int(c->node, "axis", -1), s.rank, err);
        if (axis < 0)
            return -1;
        if (known && (k < 0 || (s.dim[axis] >= 0 && k > s.dim[axis])))
            return err_set(err, ERR_INPUT, "k is %" PRId64 " of %" PRId64 " elements", k,
                           s.dim[axis]);
        s.dim[axis] = known ? k : -1;
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    call_set(c, 1, DTYPE_I64, &s);
    return 0;
}

struct entry { /* either number is 0 */
    double real;
    int64_t whole, index;
};

/* Of equals the earlier is before the later. */
static bool entry_before(const struct entry *a, const struct entry *b, bool largest)
{
    if (a->real != b->real)
        return (a->real > b->real) == largest;
    if (a->whole != b->whole)
        return (a->whole > b->whole) == largest;
    return a->index < b->index;
}

/* Restores the heap, whose top is the last of its n entries, from position i down. */
static void heap_sink(struct entry *heap, int64_t n, int64_t i, bool largest)
{
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && entry_before(&heap[child], &heap[child + 1], largest))
            child++;
        if (!entry_before(&heap[i], &heap[child], largest))
            return;
        struct entry t = heap[i];
        heap[i] = heap[child];
        heap[child] = t;
    }
}

/* Leaves the first k entries of the line, in order. */
static void line_select(const struct tensor *x, int64_t first, int64_t step, int64_t n, int64_t k,
                        bool largest, struct entry *heap)
{
    bool real = dtype_info(x->dtype)->is_float;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = first + i * step;
        struct entry e = {real ? tensor_get(x, at) : 0, real ? 0 : tensor_get_int(x, at), i};
        if (i < k) {
            heap[i] = e;
            if (i == k - 1)
                for (int64_t j = k / 2; j-- > 0;)
                    heap_sink(heap, k, j, largest);
        } else if (entry_before(&e, &heap[0], largest)) {
            heap[0] = e;
            heap_sink(heap, k, 0, largest);
        }
    }
    for (int64_t i = k - 1; i > 0; i--) {
        struct entry t = heap[0];
        heap[0] = heap[i];
        heap[i] = t;
        heap_sink(heap, i, 0, largest);
    }
}

int eval_top_k(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0];
    struct tensor *y = call_out(c, 0), *index = call_out(c, 1);
    int axis = axis_check(node_int(c->node, "axis", -1), x->shape.rank, err);
    bool largest = node_int(c->node, "largest", 1);
    int64_t n = x->shape.dim[axis], k = (y ? y : index)->shape.dim[axis];
    int64_t inner = shape_span(&x->shape, axis + 1, x->shape.rank);
    int64_t lines = shape_span(&x->shape, 0, axis) * inner;
    if (!dtype_info(x->dtype)->is_float && !dtype_info(x->dtype)->is_integer)
        return call_refuse_dtype(x->dtype, err);
    struct entry *heap = NEW_ARRAY(c->scratch, k + 1, struct entry);
    for (int64_t l = 0; l < lines && k > 0; l++) {
        line_select(x, l / inner * n * inner + l % inner, inner, n, k, largest, heap);
        for (int64_t i = 0; i < k; i++) {
            int64_t to = (l / inner * k + i) * inner + l % inner;
            if (y && dtype_info(y->dtype)->is_float)
                dtype_store(y->dtype, y->data, to, heap[i].real);
            else if (y)
                dtype_store_int(y->dtype, y->data, to, heap[i].whole);
            if (index)
                ((int64_t *)index->data)[to] = heap[i].index;
        }
    }
    return 0;
}
