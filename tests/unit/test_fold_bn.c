/* SPDX-License-Identifier: Apache-2.0
 *
 * fold-bn on nodes that type inference refuses, so that tests/passes/fold_bn.t cannot show them.
 */
#include "pass.h"
#include "text.h"
#include "unit.h"

#include <string.h>

extern const struct pass pass_fold_bn;

/* The pass leaves the model alone and says why. */
static void check_refused(const char *source, const char *why)
{
    struct model *m = text_model(source);
    struct arena scratch = {0};
    struct pass_ctx ctx = {.scratch = &scratch};
    struct err err = {0};
    assert_int_equal(pass_fold_bn.run(m, &ctx, &err), 0);
    assert_non_null(ctx.notes.text);
    assert_non_null(strstr(ctx.notes.text, why));
    str_release(&ctx.notes);
    arena_release(&scratch);
    model_close(m);
}

#define BODY                                                                                       \
    "g (float[1,2,4,4] x) => (float y) <float[2,2,1,1] w = fill(1), float[2] s = fill(1),"         \
    " float[2] b = fill(1), float[2] m = fill(1), float[2] v = fill(1)>"

static void test_training_mode(void **state)
{
    (void)state;
    check_refused("ir 8 opset 14 " BODY "{ c = Conv(x, w)"
                  "  y = BatchNormalization(c, s, b, m, v) <training_mode = 1> }",
                  "it is in training mode");
}

static void test_training_mode_of_opset_6(void **state)
{
    (void)state;
    check_refused("ir 3 opset 6 " BODY "{ c = Conv(x, w)"
                  "  y = BatchNormalization(c, s, b, m, v) <is_test = 0> }",
                  "it is in training mode");
}

static void test_statistics_by_position(void **state)
{
    (void)state;
    check_refused("ir 3 opset 7 " BODY "{ c = Conv(x, w)"
                  "  y = BatchNormalization(c, s, b, m, v) <spatial = 0> }",
                  "it has statistics for every position");
}

static void test_statistics_that_are_used(void **state)
{
    (void)state;
    check_refused("ir 3 opset 9 " BODY "{ c = Conv(x, w)"
                  "  z, mean = BatchNormalization(c, s, b, m, v)  y = Mul(z, mean) }",
                  "its statistics are used");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_mode),
        cmocka_unit_test(test_training_mode_of_opset_6),
        cmocka_unit_test(test_statistics_by_position),
        cmocka_unit_test(test_statistics_that_are_used),
    };
    return cmocka_run_group_tests_name("fold_bn", tests, NULL, NULL);
}
