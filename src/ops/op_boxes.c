/* SPDX-License-Identifier: Apache-2.0
 *
 * op_boxes: NonMaxSuppression. How many boxes are left depends on the data, so infer chooses them
 * too.
 */
#include "ops.h"

#include "k_boxes.h"
#include "real.h"

enum { BOXES, SCORES, MOST, OVERLAP, LEAST };

static int check(const struct call *c, struct err *err)
{
    const struct shape *boxes = &c->in[BOXES]->shape, *scores = &c->in[SCORES]->shape;
    TRY(real_check(c, BOXES, err));
    TRY(real_check(c, SCORES, err));
    if ((boxes->rank >= 0 && boxes->rank != 3) || (scores->rank >= 0 && scores->rank != 3))
        return err_set(err, ERR_INPUT, "boxes and scores must have rank 3");
    if (boxes->rank == 3 && boxes->dim[2] >= 0 && boxes->dim[2] != 4)
        return err_set(err, ERR_INPUT, "a box must have 4 numbers");
    if (boxes->rank == 3 && scores->rank == 3 && shape_known(boxes) && shape_known(scores)
        && (boxes->dim[0] != scores->dim[0] || boxes->dim[1] != scores->dim[2]))
        return err_set(err, ERR_INPUT, "boxes and scores differ in number");
    int64_t way = node_int(c->node, "center_point_box", 0);
    if (way != 0 && way != 1)
        return err_set(err, ERR_INPUT, "attribute center_point_box must be 0 or 1");
    for (int i = MOST; i <= LEAST; i++) {
        const struct tensor *t = call_in(c, i);
        if (t && shape_count(&t->shape) >= 0 && shape_count(&t->shape) != 1)
            return err_set(err, ERR_INPUT, "input %d must have one element", i);
    }
    return 0;
}

static bool all_known(const struct call *c)
{
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i] && !c->in[i]->data)
            return false;
    return true;
}

/* Writes [batch, class, box] of each chosen box where y is not NULL; returns how many. */
static int64_t choose(const struct call *c, int64_t *y)
{
    const struct tensor *most = call_in(c, MOST), *overlap = call_in(c, OVERLAP);
    const struct tensor *least = call_in(c, LEAST);
    const int64_t *dim = c->in[SCORES]->shape.dim;
    int64_t n = dim[2], count = 0;
    float *corner = NEW_ARRAY(c->scratch, 4 * n + 1, float);
    int64_t *order = NEW_ARRAY(c->scratch, n + 1, int64_t);
    int64_t *spare = NEW_ARRAY(c->scratch, n + 1, int64_t);
    int64_t *chosen = NEW_ARRAY(c->scratch, n + 1, int64_t);
    struct k_boxes b = {
        .n = n,
        .corner = corner,
        .most = most ? tensor_get_int(most, 0) : 0,
        .overlap = overlap ? (float)tensor_get(overlap, 0) : 0,
        .by_score = least != NULL,
        .least = least ? (float)tensor_get(least, 0) : 0,
    };
    const float *box = real_in(c, BOXES), *score = real_in(c, SCORES);
    for (int64_t i = 0; i < dim[0] * dim[1]; i++, score += n) {
        if (i % dim[1] == 0) {
            k_boxes_corners(box, n, node_int(c->node, "center_point_box", 0) != 0, corner);
            box += 4 * n;
        }
        int64_t more = k_boxes_choose(&b, score, order, spare, chosen);
        for (int64_t k = 0; y && k < more; k++, y += 3) {
            y[0] = i / dim[1];
            y[1] = i % dim[1];
            y[2] = chosen[k];
        }
        count += more;
    }
    return count;
}

int infer_non_max_suppression(struct call *c, struct err *err)
{
    TRY(check(c, err));
    struct shape s = {2, {all_known(c) ? choose(c, NULL) : -1, 3}};
    call_set(c, 0, DTYPE_I64, &s);
    return 0;
}

int eval_non_max_suppression(struct call *c, struct err *err)
{
    (void)err;
    choose(c, c->out[0]->data);
    return 0;
}
