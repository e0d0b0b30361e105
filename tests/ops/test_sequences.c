/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sequences: recurrent layers and transforms as the executor calls them. Their numbers are
 * compared elsewhere; here the two layouts agree, inference without data says nothing else than
 * execution, and wrong shapes are refused by name.
 */
#include "call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const struct {
    const char *type;
    int64_t gates;
    int n_in, n_out;
} layers[] = {{"RNN", 1, 6, 2}, {"GRU", 3, 6, 2}, {"LSTM", 4, 8, 3}};

enum { STEPS = 5, BATCH = 3, IN = 4, HIDDEN = 6 };

static struct tensor *random_of(struct arena *a, struct random *r, int rank, const int64_t *dim)
{
    struct shape s = shape_of(rank, dim);
    return random_tensor(a, r, DTYPE_F32, &s);
}

/* The first two axes exchanged. */
static struct tensor *batch_first(struct arena *a, const struct tensor *t)
{
    struct shape s = t->shape;
    s.dim[0] = t->shape.dim[1];
    s.dim[1] = t->shape.dim[0];
    struct tensor *y = tensor_new(a, t->dtype, &s);
    int64_t inner = shape_span(&s, 2, s.rank);
    for (int64_t i = 0; i < s.dim[0]; i++)
        for (int64_t j = 0; j < s.dim[1]; j++)
            memcpy(tensor_f32(y) + (i * s.dim[1] + j) * inner,
                   tensor_f32(t) + (j * s.dim[0] + i) * inner, (size_t)inner * sizeof(float));
    return y;
}

static void layer_inputs(struct arena *a, struct random *r, int64_t gates, int64_t dirs,
                         const struct tensor *in[8])
{
    int64_t width = gates * HIDDEN;
    in[0] = random_of(a, r, 3, (int64_t[]){STEPS, BATCH, IN});
    in[1] = random_of(a, r, 3, (int64_t[]){dirs, width, IN});
    in[2] = random_of(a, r, 3, (int64_t[]){dirs, width, HIDDEN});
    in[3] = random_of(a, r, 2, (int64_t[]){dirs, 2 * width});
    struct tensor *lens = tensor_new(a, DTYPE_I32, &(struct shape){1, {BATCH}});
    for (int i = 0; i < BATCH; i++)
        dtype_store_int(DTYPE_I32, lens->data, i, 2 * i);
    in[4] = lens;
    in[5] = random_of(a, r, 3, (int64_t[]){dirs, BATCH, HIDDEN});
    in[6] = random_of(a, r, 3, (int64_t[]){dirs, BATCH, HIDDEN});
    in[7] = random_of(a, r, 2, (int64_t[]){dirs, 3 * HIDDEN});
}

/* y: [steps][dirs][batch][hidden], turned: [batch][steps][dirs][hidden] */
static void compare_layouts(const float *y, const float *turned, int64_t steps, int64_t dirs)
{
    for (int64_t t = 0; t < steps; t++)
        for (int64_t d = 0; d < dirs; d++)
            for (int64_t b = 0; b < BATCH; b++)
                for (int64_t j = 0; j < HIDDEN; j++) {
                    float diff = y[((t * dirs + d) * BATCH + b) * HIDDEN + j]
                               - turned[((b * steps + t) * dirs + d) * HIDDEN + j];
                    assert_true(diff < 1e-6f && diff > -1e-6f);
                }
}

static void test_layouts(void **state)
{
    (void)state;
    struct random r = {1};
    struct arena a = {0};
    for (int i = 0; i < 6; i++) {
        const struct tensor *in[8], *turned[8];
        struct tensor *y[3], *z[3];
        int64_t dirs = 1 + i / 3;
        struct node *n = call_node("", layers[i % 3].type, layers[i % 3].n_in,
                                   layers[i % 3].n_out, 14);
        node_set_string(n, "direction", dirs == 2 ? "bidirectional" : "reverse");
        layer_inputs(&a, &r, layers[i % 3].gates, dirs, in);
        memcpy(turned, in, sizeof in);
        turned[0] = batch_first(&a, in[0]);
        turned[5] = batch_first(&a, in[5]);
        turned[6] = batch_first(&a, in[6]);
        call_run(&a, n, in, y);
        node_set_int(n, "layout", 1);
        call_run(&a, n, turned, z);
        compare_layouts(tensor_f32(y[0]), tensor_f32(z[0]), STEPS, dirs);
        for (int k = 1; k < n->n_out; k++)
            compare_layouts(tensor_f32(y[k]), tensor_f32(z[k]), 1, dirs);
        call_node_close(n);
        arena_reset(&a);
    }
    arena_release(&a);
}

static void test_wrong_shapes(void **state)
{
    (void)state;
    static const char *const names[] = {NULL, "(W)", "(R)", "(B)", "(sequence_lens)",
                                        "(initial_h)", "(initial_c)", "(P)"};
    struct random r = {2};
    struct arena a = {0};
    struct node *n = call_node("", "LSTM", 8, 3, 14);
    for (int i = 1; i < 8; i++) {
        const struct tensor *in[8];
        layer_inputs(&a, &r, 4, 1, in);
        struct tensor *wrong = arena_copy(&a, in[i], sizeof *wrong);
        wrong->shape.dim[i == 2 ? 1 : 0]++;
        in[i] = wrong;
        assert_non_null(strstr(call_fail(&a, n, in), names[i]));
    }
    const struct tensor *in[8];
    layer_inputs(&a, &r, 4, 1, in);
    dtype_store_int(DTYPE_I32, in[4]->data, 0, STEPS + 1);
    assert_non_null(strstr(call_fail(&a, n, in), "a sequence of 6 steps in 5"));
    call_node_close(n);
    arena_release(&a);
}

static void check_shape(const struct tensor *t, int rank, const int64_t *dim)
{
    struct shape want = shape_of(rank, dim);
    assert_true(shape_equal(&t->shape, &want));
}

static void test_transforms(void **state)
{
    (void)state;
    struct random r = {3};
    struct arena a = {0};
    struct tensor *y;
    const struct tensor *axis = tensor_scalar(&a, DTYPE_I64, 1);
    const struct tensor *x = random_of(&a, &r, 4, (int64_t[]){2, 6, 3, 2});
    const struct tensor *length = tensor_scalar(&a, DTYPE_I64, 9);
    struct node *n = call_node("", "DFT", 3, 1, 20);
    call_run(&a, n, (const struct tensor *[]){x, length, axis}, &y);
    check_shape(y, 4, (int64_t[]){2, 9, 3, 2});
    node_set_int(n, "inverse", 1);
    node_set_int(n, "onesided", 1);
    call_run(&a, n, (const struct tensor *[]){x, NULL, axis}, &y);
    check_shape(y, 4, (int64_t[]){2, 10, 3, 1});
    call_node_close(n);
    n = call_node("", "STFT", 4, 1, 17);
    x = random_of(&a, &r, 3, (int64_t[]){2, 30, 1});
    const struct tensor *step = tensor_scalar(&a, DTYPE_I64, 4);
    call_run(&a, n, (const struct tensor *[]){x, step, NULL, length}, &y);
    check_shape(y, 4, (int64_t[]){2, 6, 5, 2});
    call_node_close(n);
    arena_release(&a);
}

static void test_others(void **state)
{
    (void)state;
    struct random r = {4};
    struct arena a = {0};
    struct tensor *y;
    struct node *n = call_node("", "Col2Im", 3, 1, 18);
    const struct tensor *x = random_of(&a, &r, 3, (int64_t[]){2, 12, 12});
    const struct tensor *image = tensor_from_i64(&a, (int64_t[]){4, 5}, 2);
    call_run(&a, n, (const struct tensor *[]){x, image, tensor_from_i64(&a, (int64_t[]){2, 2}, 2)},
             &y);
    check_shape(y, 4, (int64_t[]){2, 3, 4, 5});
    call_node_close(n);
    n = call_node("", "HannWindow", 1, 1, 17);
    call_run(&a, n, (const struct tensor *[]){tensor_scalar(&a, DTYPE_I64, 8)}, &y);
    check_shape(y, 1, (int64_t[]){8});
    call_node_close(n);
    n = call_node("", "MelWeightMatrix", 5, 1, 17);
    call_run(&a, n, (const struct tensor *[]){
        tensor_scalar(&a, DTYPE_I64, 4), tensor_scalar(&a, DTYPE_I64, 16),
        tensor_scalar(&a, DTYPE_I64, 8000), tensor_scalar(&a, DTYPE_F32, 0),
        tensor_scalar(&a, DTYPE_F32, 4000)}, &y);
    check_shape(y, 2, (int64_t[]){9, 4});
    call_node_close(n);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_wrong_shapes),
        cmocka_unit_test(test_transforms),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests_name("sequences", tests, NULL, NULL);
}
