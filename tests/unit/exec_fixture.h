/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_fixture: what tests of the executor share: a small graph with everything that can be fused,
 * a model with an arena, one sample, and comparisons.
 */
#ifndef EXEC_FIXTURE_H
#define EXEC_FIXTURE_H

#include "exec.h"
#include "text.h"
#include "unit.h"

#include <math.h>

/* A residual block with everything that can be fused, a view, and a matrix product behind it. */
static inline const char *block(void)
{
    return "opset 13\n"
        "g (float[1,3,N,N] x) => (float[1,5] y, float[1,8,N,N] r)\n"
        "<float[8,3,3,3] w1 = random(1), float[8] b1 = random(2), float[8,1,3,3] w2 = random(3),\n"
        " float[8,8,1,1] w3 = random(4), float[8] b3 = random(5), float lo = 0, float hi = 6,\n"
        " float[8,5] w4 = random(6), float[5] b4 = random(7), float[8,1,1] c = random(8)>\n"
        "{ c1 = Conv(x, w1, b1) <pads = [1,1,1,1]>  a1 = Clip(c1, lo, hi)\n"
        "  c2 = Conv(a1, w2) <pads = [1,1,1,1], group = 8>  d2 = Add(c, c2)\n"
        "  a2 = LeakyRelu(d2) <alpha = 0.2>\n"
        "  c3 = Conv(a2, w3, b3)  s = Add(a1, c3)  r = Relu(s)\n"
        "  p = GlobalAveragePool(r)  f = Flatten(p)  m = MatMul(f, w4)  y = Add(m, b4) }";
}

struct fixture {
    struct model *m;
    struct arena arena;
    struct err err;
};

static inline struct fixture fixture_new(const char *text)
{
    return (struct fixture){.m = text_model(text)};
}

static inline void fixture_free(struct fixture *f)
{
    model_close(f->m);
    arena_release(&f->arena);
}

static inline struct exec *open_exec(struct fixture *f, const bool *want)
{
    struct exec_options o = {.mode = EXEC_FLOAT, .want = want};
    struct exec *x = exec_open(f->m->graph, &o, &f->err);
    if (!x)
        fail_msg("%s", f->err.text);
    return x;
}

static inline const struct tensor *image(struct arena *a, int64_t channels, int64_t size)
{
    struct shape s = {.rank = 4, .dim = {1, channels, size, size}};
    struct tensor *t = tensor_new(a, DTYPE_F32, &s);
    for (int64_t i = 0; i < tensor_count(t); i++)
        tensor_f32(t)[i] = sinf((float)(i * i % 97));
    return t;
}

static inline void assert_same(const struct tensor *a, const struct tensor *b)
{
    assert_int_equal(a->dtype, b->dtype);
    assert_true(shape_equal(&a->shape, &b->shape));
    assert_memory_equal(a->data, b->data, a->size);
}

static inline void assert_close(const struct tensor *a, const struct tensor *b)
{
    assert_true(shape_equal(&a->shape, &b->shape));
    for (int64_t i = 0; i < tensor_count(a); i++)
        assert_true(fabs(tensor_get(a, i) - tensor_get(b, i)) < 1e-5);
}

static inline void run_one(struct run *r, const struct tensor *x, struct err *err)
{
    const struct tensor *in[] = {x};
    if (run_sample(r, in, err))
        fail_msg("%s", err->text);
}

/* A copy that outlives the run. */
static inline struct tensor kept(struct arena *a, const struct tensor *t)
{
    struct tensor copy = *t;
    copy.data = arena_copy(a, t->data, t->size);
    return copy;
}

#endif
