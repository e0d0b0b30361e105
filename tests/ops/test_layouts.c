/* SPDX-License-Identifier: Apache-2.0
 *
 * test_layouts: an operator that takes any layout gives the same result for channels-last data as
 * for plain data, bit for bit.
 */
#include "call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

enum { MAX_IN = 9, MAX_OUT = 3 };

/* Runs it plain, then with every input of full rank channels-last. */
static void compare_layouts(struct arena *a, struct node *n, const struct tensor *const *in)
{
    const struct tensor *last[MAX_IN] = {0};
    struct tensor *plain_out[MAX_OUT], *last_out[MAX_OUT];
    int rank = 0;
    for (int i = 0; i < n->n_in; i++)
        rank = in[i] && in[i]->shape.rank > rank ? in[i]->shape.rank : rank;
    for (int i = 0; i < n->n_in; i++)
        last[i] = in[i] && in[i]->shape.rank == rank ? other_layout(a, in[i]) : in[i];
    assert_true(op_table[n->op].flags & OP_ANY_LAYOUT);
    call_run(a, n, in, plain_out);
    call_run(a, n, last, last_out);
    for (int i = 0; i < n->n_out; i++) {
        const struct tensor *t = last_out[i];
        if (t->layout == LAYOUT_CHANNELS_LAST)
            t = other_layout(a, t);
        if (memcmp(t->data, plain_out[i]->data, t->size))
            fail_msg("%s depends on the layout", n->type);
    }
}

static void test_unary(void **state)
{
    (void)state;
    struct random r = {21};
    struct arena a = {0};
    for (int op = OP_RESULT + 1; op < N_OPS; op++) {
        const struct op_info *info = &op_table[op];
        if (!(info->flags & OP_ANY_LAYOUT) || info->min_in != 1 || info->max_in > 3
            || info->max_out != 1 || info->role == ROLE_SAME)
            continue;
        struct shape s = random_shape(&r, (int)random_int(&r, 3, 5), 6);
        bool logic = !strcmp(info->name, "Not"), whole = !strncmp(info->name, "Bitwise", 7);
        enum dtype t = logic ? DTYPE_BOOL : whole ? DTYPE_I32 : DTYPE_F32;
        const struct tensor *in[] = {random_tensor(&a, &r, t, &s)};
        struct node *n = call_node(info->domain, info->name, 1, 1, 21);
        node_set_int(n, "to", DTYPE_I32); /* the casts need it */
        compare_layouts(&a, n, in);
        call_node_close(n);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* Operands of full rank with axes of 1, of lower rank, and of one element. */
static void test_binary(void **state)
{
    (void)state;
    static const char *const names[] = {"Add", "Div", "Max", "Less", "Pow", "Mul", "Sub", "PRelu"};
    struct random r = {22};
    struct arena a = {0};
    for (int k = 0; k < 400; k++) {
        int rank = (int)random_int(&r, 3, 5);
        struct shape s = random_shape(&r, rank, 6), b = s;
        for (int i = 0; i < rank; i++)
            b.dim[i] = random_int(&r, 0, 1) ? s.dim[i] : 1;
        int cut = (int)random_int(&r, 0, rank);
        if (random_int(&r, 0, 1)) {
            b.rank -= cut;
            memmove(b.dim, b.dim + cut, sizeof b.dim[0] * (size_t)b.rank);
        }
        const struct tensor *in[] = {random_tensor(&a, &r, DTYPE_F32, &s),
                                     random_tensor(&a, &r, DTYPE_F32, &b)};
        struct node *n = call_node("", names[k % 8], 2, 1, 16);
        if (k % 3 == 0 && strcmp(n->type, "PRelu")) {
            const struct tensor *t = in[0];
            in[0] = in[1];
            in[1] = t;
        }
        compare_layouts(&a, n, in);
        call_node_close(n);
        arena_reset(&a);
    }
    arena_release(&a);
}

static const struct tensor *ints(struct arena *a, int n, const int64_t *v)
{
    return tensor_from_i64(a, v, n);
}

static void test_movers(void **state)
{
    (void)state;
    struct random r = {23};
    struct arena a = {0};
    for (int k = 0; k < 300; k++) {
        struct shape s = random_shape(&r, 4, 6), t = s;
        t.dim[1] = random_int(&r, 1, 5);
        const struct tensor *x = random_tensor(&a, &r, k % 2 ? DTYPE_F32 : DTYPE_I8, &s);
        const struct tensor *y = random_tensor(&a, &r, x->dtype, &t);
        int64_t axis = random_int(&r, 0, 3), step = random_int(&r, 0, 1) ? 1 : -2;
        struct node *n = call_node("", "Concat", 2, 1, 13);
        node_set_int(n, "axis", 1);
        compare_layouts(&a, n, (const struct tensor *[]){x, y});
        call_node_close(n);

        n = call_node("", "Slice", 5, 1, 13);
        compare_layouts(&a, n, (const struct tensor *[]){
            x, ints(&a, 1, (int64_t[]){step > 0 ? 1 : -1}),
            ints(&a, 1, (int64_t[]){step > 0 ? 9 : -9}), ints(&a, 1, &axis), ints(&a, 1, &step)});
        call_node_close(n);

        n = call_node("", "Pad", 2, 1, 13);
        static const char *const modes[] = {"constant", "edge", "reflect"};
        node_set_string(n, "mode", modes[k % 3]);
        int64_t pads[8] = {0, random_int(&r, 0, 2), 0, random_int(&r, 0, 2), random_int(&r, 0, 1),
                           0, random_int(&r, 0, 2), 0};
        compare_layouts(&a, n, (const struct tensor *[]){x, ints(&a, 8, pads)});
        call_node_close(n);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* Scale and zero point behind each tensor of codes, and of the result. */
static void test_codes(void **state)
{
    (void)state;
    struct random r = {28};
    struct arena a = {0};
    for (int k = 0; k < 100; k++) {
        struct shape s = random_shape(&r, (int)random_int(&r, 3, 5), 6), t = s;
        enum dtype d = k % 2 ? DTYPE_U8 : DTYPE_I8;
        for (int i = 0; i < s.rank; i++)
            t.dim[i] = random_int(&r, 0, 2) ? s.dim[i] : 1;
        const struct tensor *x = random_tensor(&a, &r, d, &s), *b = random_tensor(&a, &r, d, &t);
        const struct tensor *scale = tensor_scalar(&a, DTYPE_F32, 0.03);
        const struct tensor *wide = tensor_scalar(&a, DTYPE_F32, 0.05);
        const struct tensor *zero = tensor_scalar(&a, d, 7), *two = tensor_scalar(&a, d, 2);
        const struct tensor *sum[] = {x, scale, zero, b, wide, two, scale, two};
        const struct tensor *unary[] = {x, scale, zero, wide, two};
        const struct tensor *join[] = {wide, two, x, scale, zero};
        const struct tensor *choice[] = {random_tensor(&a, &r, DTYPE_BOOL, &t), b, scale, zero,
                                         x, wide, two, wide, zero};
        const struct {
            const char *name;
            int n;
            const struct tensor *const *in;
        } one[] = {
            {"QLinearAdd", 8, sum}, {"QLinearMul", 8, sum}, {"QLinearLeakyRelu", 5, unary},
            {"QLinearConcat", 5, join}, {"QLinearWhere", 9, choice},
            {"QLinearGlobalAveragePool", 5, unary}, {"QLinearAveragePool", 5, unary},
        };
        for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
            struct node *n = call_node("com.microsoft", one[i].name, one[i].n, 1, 1);
            const int64_t kernel[] = {1, 1, 1};
            node_set_int(n, "channels_last", k % 3 == 0);
            node_set_ints(n, "kernel_shape", kernel, (size_t)s.rank - 2);
            compare_layouts(&a, n, one[i].in);
            call_node_close(n);
        }
        arena_reset(&a);
    }
    arena_release(&a);
}

/* Channels that come apart, and that trade places with pixels. */
static void test_channels(void **state)
{
    (void)state;
    struct random r = {27};
    struct arena a = {0};
    for (int k = 0; k < 60; k++) {
        int64_t b = random_int(&r, 1, 3), c = random_int(&r, 1, 3);
        struct shape s = {4, {random_int(&r, 1, 2), c * b * b, b * random_int(&r, 1, 3),
                              b * random_int(&r, 1, 3)}};
        const struct tensor *x = random_tensor(&a, &r, k % 2 ? DTYPE_F32 : DTYPE_U8, &s);
        static const char *const names[] = {"DepthToSpace", "SpaceToDepth"};
        struct node *n = call_node("", names[k % 2], 1, 1, 13);
        node_set_int(n, "blocksize", b);
        node_set_string(n, "mode", k % 4 < 2 ? "DCR" : "CRD");
        compare_layouts(&a, n, &x);
        call_node_close(n);
        int64_t parts[] = {c, c * b * b - c};
        n = call_node("", "Split", 2, 2, 13);
        node_set_int(n, "axis", -3);
        compare_layouts(&a, n, (const struct tensor *[]){x, ints(&a, 2, parts)});
        call_node_close(n);
        arena_reset(&a);
    }
    arena_release(&a);
}

static void test_resize(void **state)
{
    (void)state;
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    struct random r = {24};
    struct arena a = {0};
    for (int k = 0; k < 100; k++) {
        struct shape s = random_shape(&r, 4, 6);
        const struct tensor *x = random_tensor(&a, &r, DTYPE_F32, &s);
        int64_t to[] = {s.dim[0], s.dim[1], random_int(&r, 1, 9), random_int(&r, 1, 9)};
        struct node *n = call_node("", "Resize", 4, 1, 13);
        node_set_string(n, "mode", modes[k % 3]);
        compare_layouts(&a, n, (const struct tensor *[]){x, NULL, NULL, ints(&a, 4, to)});
        call_node_close(n);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* Per tensor, along the channels, along another axis. */
static void test_quantize(void **state)
{
    (void)state;
    struct random r = {25};
    struct arena a = {0};
    for (int k = 0; k < 100; k++) {
        struct shape s = random_shape(&r, 4, 6);
        const struct tensor *x = random_tensor(&a, &r, DTYPE_F32, &s);
        int64_t axis = random_int(&r, 0, 3), channels = k % 2 ? s.dim[axis] : 1;
        float *scale = NEW_ARRAY(&a, channels, float);
        struct shape vector = {1, {channels}};
        for (int64_t i = 0; i < channels; i++)
            scale[i] = 0.01f + 0.005f * (float)i;
        struct node *n = call_node("", "QuantizeLinear", 3, 1, 13);
        node_set_int(n, "axis", axis);
        const struct tensor *in[] = {x, tensor_from_f32(&a, scale, channels),
                                     random_tensor(&a, &r, DTYPE_U8, &vector)};
        compare_layouts(&a, n, in);
        struct tensor *codes[1];
        call_run(&a, n, in, codes);
        call_node_close(n);
        n = call_node("", "DequantizeLinear", 3, 1, 13);
        node_set_int(n, "axis", axis);
        in[0] = codes[0];
        compare_layouts(&a, n, in);
        call_node_close(n);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* Sums go in another order, but each over the same elements. */
static void test_reduce(void **state)
{
    (void)state;
    static const char *const names[] = {"ReduceMax", "ReduceMin", "ReduceMean", "ReduceSum"};
    struct random r = {26};
    struct arena a = {0};
    for (int k = 0; k < 300; k++) {
        struct shape s = random_shape(&r, (int)random_int(&r, 3, 5), 6);
        const struct tensor *x = random_tensor(&a, &r, k % 4 < 2 ? DTYPE_F32 : DTYPE_I32, &s);
        int64_t axes[MAX_RANK], n_axes = 0;
        for (int64_t i = 0; i < s.rank; i++)
            if (random_int(&r, 0, 1))
                axes[n_axes++] = i - (random_int(&r, 0, 1) ? s.rank : 0);
        struct node *n = call_node("", names[k % 4], 2, 1, 18);
        node_set_int(n, "keepdims", random_int(&r, 0, 1));
        compare_layouts(&a, n, (const struct tensor *[]){x, ints(&a, (int)n_axes, axes)});
        call_node_close(n);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* Statistics by channel, and, up to opset 8, for each element behind the batch axis. */
static void test_batchnorm(void **state)
{
    (void)state;
    struct random r = {28};
    struct arena a = {0};
    for (int k = 0; k < 60; k++) {
        struct shape s = random_shape(&r, 3 + k % 3, 5);
        struct shape p = shape_of(k % 2 ? s.rank - 1 : 1, s.dim + 1);
        const struct tensor *in[5] = {random_tensor(&a, &r, DTYPE_F32, &s)};
        for (int i = 1; i < 5; i++) {
            in[i] = random_tensor(&a, &r, DTYPE_F32, &p);
            for (int64_t e = 0; e < tensor_count(in[i]) && i == 4; e++)
                tensor_f32(in[i])[e] += 1;
        }
        struct node *n = call_node("", "BatchNormalization", 5, 1, k % 2 ? 7 : 9);
        if (k % 2)
            node_set_int(n, "spatial", 0);
        compare_layouts(&a, n, in);
        call_node_close(n);
        arena_reset(&a);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),    cmocka_unit_test(test_binary),
        cmocka_unit_test(test_movers),   cmocka_unit_test(test_resize),
        cmocka_unit_test(test_quantize), cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_channels), cmocka_unit_test(test_codes),
        cmocka_unit_test(test_batchnorm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
