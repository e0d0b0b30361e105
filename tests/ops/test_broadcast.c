/* SPDX-License-Identifier: Apache-2.0
 *
 * test_broadcast: operators on two and three tensors, for shapes of any rank and all number types,
 * against a loop over the indices of the result.
 */
#include "call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

/* Where element i of the result comes from. */
static int64_t source(const struct shape *result, const struct shape *s, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int k = 1; k <= s->rank; k++) {
        int64_t dim = s->dim[s->rank - k], all = result->dim[result->rank - k];
        at += dim == 1 ? 0 : i % all * step;
        i /= all;
        step *= dim;
    }
    return at;
}

/* The result's shape with some axes made 1 and some left out in front. */
static struct shape operand_shape(struct random *r, const struct shape *result)
{
    struct shape s = *result;
    int cut = (int)random_int(r, 0, s.rank);
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = random_int(r, 0, 2) ? s.dim[i] : 1;
    if (random_int(r, 0, 1)) {
        s.rank -= cut;
        memmove(s.dim, s.dim + cut, sizeof s.dim[0] * (size_t)s.rank);
    }
    return s;
}

static double plain(const char *type, double a, double b)
{
    switch (type[0]) {
    case 'A': return a + b;
    case 'S': return a - b;
    case 'M': return type[1] == 'u' ? a * b : type[1] == 'a' ? fmax(a, b) : fmin(a, b);
    case 'E': return a == b;
    case 'G': return a > b;
    default: return a <= b;
    }
}

static bool stored_as(enum dtype t, double v, const struct tensor *y, int64_t i)
{
    uint64_t code = 0;
    if (dtype_info(t)->is_integer) {
        int64_t mask = dtype_info(t)->bits == 64 ? -1 : ((int64_t)1 << dtype_info(t)->bits) - 1;
        return (((int64_t)v ^ tensor_get_int(y, i)) & mask) == 0;
    }
    dtype_store(t, &code, 0, v);
    return dtype_load(t, &code, 0) == tensor_get(y, i);
}

static void test_pairs(void **state)
{
    (void)state;
    static const char *const names[] = {"Add", "Sub", "Mul", "Max", "Min", "Equal", "Greater",
                                        "LessOrEqual"};
    static const enum dtype types[] = {DTYPE_F32, DTYPE_F64, DTYPE_F16, DTYPE_BF16, DTYPE_I8,
                                       DTYPE_U8,  DTYPE_I16, DTYPE_I32, DTYPE_I64,  DTYPE_U64};
    struct random r = {31};
    struct arena a = {0};
    for (int k = 0; k < 1600; k++) {
        struct shape s = random_shape(&r, (int)random_int(&r, 0, MAX_RANK), 3);
        enum dtype t = types[random_int(&r, 0, 9)];
        struct shape one = operand_shape(&r, &s), two = operand_shape(&r, &s);
        const struct tensor *in[] = {random_tensor(&a, &r, t, &one),
                                     random_tensor(&a, &r, t, &two)};
        struct node *n = call_node("", names[k % 8], 2, 1, 13);
        struct tensor *y[1];
        call_run(&a, n, in, y);
        for (int64_t i = 0, count = tensor_count(y[0]); i < count; i++) {
            double p = tensor_get(in[0], source(&y[0]->shape, &one, i));
            double q = tensor_get(in[1], source(&y[0]->shape, &two, i));
            double want = plain(n->type, p, q);
            if (y[0]->dtype == DTYPE_BOOL)
                assert_true(tensor_get(y[0], i) == want);
            else
                assert_true(stored_as(t, want, y[0], i));
        }
        call_node_close(n);
        arena_reset(&a);
    }
    arena_release(&a);
}

static void test_where(void **state)
{
    (void)state;
    struct random r = {32};
    struct arena a = {0};
    for (int k = 0; k < 300; k++) {
        static const enum dtype types[] = {DTYPE_F32, DTYPE_I8, DTYPE_F16, DTYPE_I64, DTYPE_BOOL};
        struct shape s = random_shape(&r, (int)random_int(&r, 0, 5), 4);
        struct shape part[3];
        const struct tensor *in[3];
        for (int i = 0; i < 3; i++) {
            part[i] = operand_shape(&r, &s);
            in[i] = random_tensor(&a, &r, i ? types[k % 5] : DTYPE_BOOL, &part[i]);
        }
        struct node *n = call_node("", "Where", 3, 1, 16);
        struct tensor *y[1];
        call_run(&a, n, in, y);
        for (int64_t i = 0, count = tensor_count(y[0]); i < count; i++) {
            int pick = tensor_get_int(in[0], source(&y[0]->shape, &part[0], i)) ? 1 : 2;
            assert_true(tensor_get(y[0], i)
                        == tensor_get(in[pick], source(&y[0]->shape, &part[pick], i)));
        }
        call_node_close(n);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* What must be refused, and how. */
static void test_refusals(void **state)
{
    (void)state;
    struct random r = {33};
    struct arena a = {0};
    struct shape two = {1, {2}}, three = {1, {3}};
    const struct tensor *x = random_tensor(&a, &r, DTYPE_F32, &two);
    const struct tensor *y = random_tensor(&a, &r, DTYPE_F32, &three);
    const struct tensor *z = random_tensor(&a, &r, DTYPE_I32, &two);
    struct node *n = call_node("", "Add", 2, 1, 13);
    assert_string_equal(call_fail(&a, n, (const struct tensor *[]){x, y}),
                        "shapes [2] and [3] do not broadcast");
    assert_string_equal(call_fail(&a, n, (const struct tensor *[]){x, z}),
                        "inputs 0 and 1 have different types, float and int32");
    assert_string_equal(call_fail(&a, n, (const struct tensor *[]){x, NULL}),
                        "input 1 is left out");
    call_node_close(n);
    n = call_node("", "BitwiseAnd", 2, 1, 18);
    assert_string_equal(call_fail(&a, n, (const struct tensor *[]){x, x}),
                        "type float is not supported");
    call_node_close(n);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
