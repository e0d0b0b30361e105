/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits, scales, rounding and codes.
 */
#include "quant.h"
#include "unit.h"

#include <float.h>
#include <math.h>

static const struct qtype u8 = {.dtype = DTYPE_U8};
static const struct qtype i8 = {.dtype = DTYPE_I8, .symmetric = true, .narrow = true};

static void limits_follow_the_type(void **state)
{
    (void)state;
    assert_int_equal(quant_min(&u8), 0);
    assert_int_equal(quant_max(&u8), 255);
    assert_int_equal(quant_min(&i8), -127);
    assert_int_equal(quant_max(&i8), 127);
    struct qtype i4 = {.dtype = DTYPE_I4};
    assert_int_equal(quant_min(&i4), -8);
    assert_int_equal(quant_max(&i4), 7);
}

static void small_floats_have_limits_and_no_zero_point(void **state)
{
    (void)state;
    struct qtype f8 = {.dtype = DTYPE_F8E4M3FN, .symmetric = true};
    float scale, y[3];
    int32_t zero;
    assert_int_equal(quant_max(&f8), 448);
    assert_int_equal(quant_min(&f8), -448);
    quant_solve_range(&f8, (struct range){-8.96f, 1}, &scale, &zero);
    assert_float_equal(scale, 0.02f, 1e-7f);
    assert_int_equal(zero, 0);
    quant_round(&f8, 2, 0, (const float[]){18.5f, -33, 2000}, y, 3);
    assert_float_equal(y[0], 18, 0); /* 9.25 -> 9 */
    assert_float_equal(y[1], -32, 0); /* -16.5 -> -16, to even */
    assert_float_equal(y[2], 896, 0);
}

/* Rounding goes another way than storing and loading codes. */
static void small_floats_round_as_codes_do(void **state)
{
    (void)state;
    static const enum dtype types[] = {DTYPE_F8E4M3FN, DTYPE_F8E5M2};
    for (int k = 0; k < 2; k++) {
        struct qtype type = {.dtype = types[k], .symmetric = true};
        for (int i = -20000; i <= 20000; i++) {
            float x = ldexpf((float)(i % 100) / 16, i / 1000), y;
            uint8_t code;
            quant_round(&type, 0.75f, 0, &x, &y, 1);
            dtype_store(type.dtype, &code, 0, (double)(x / 0.75f));
            float want = (float)dtype_load(type.dtype, &code, 0) * 0.75f;
            assert_memory_equal(&y, &want, sizeof y);
        }
    }
}

static void ranges_are_widened_to_zero(void **state)
{
    (void)state;
    float scale;
    int32_t zero;
    quant_solve_range(&u8, (struct range){1, 5.1f}, &scale, &zero);
    assert_float_equal(scale, 0.02f, 1e-7f);
    assert_int_equal(zero, 0);
    quant_solve_range(&u8, (struct range){-5.1f, -1}, &scale, &zero);
    assert_int_equal(zero, 255);
    quant_solve_range(&u8, (struct range){-1.28f, 1.27f}, &scale, &zero);
    assert_int_equal(zero, 128);
    quant_solve_range(&i8, (struct range){-2.54f, 1}, &scale, &zero);
    assert_float_equal(scale, 0.02f, 1e-7f);
    assert_int_equal(zero, 0);
    struct qtype u8s = {.dtype = DTYPE_U8, .symmetric = true};
    quant_solve_range(&u8s, (struct range){-1.28f, 1}, &scale, &zero);
    assert_int_equal(zero, 128);
    assert_float_equal(scale, 0.01f, 1e-7f);
}

/* Pixels from -1 to 1 would all lie half-way between codes. */
static void no_grid_lies_between_the_data(void **state)
{
    (void)state;
    float scale;
    int32_t zero;
    int ties = 0;
    quant_solve_range(&u8, (struct range){-1, 1}, &scale, &zero);
    assert_int_equal(zero, 127);
    for (int pixel = 0; pixel <= 255; pixel++) {
        float code = ((float)pixel / 127.5f - 1) / scale + (float)zero;
        ties += fabsf(code - floorf(code) - 0.5f) < 1e-3f;
        assert_true(code > -0.5f && code < 255.5f);
    }
    assert_true(ties <= 1);
    quant_solve_range(&u8, (struct range){-1, 1.1f}, &scale, &zero); /* others stay as they are */
    assert_float_equal(scale, 2.1f / 255, 1e-9f);
}

static void empty_ranges_give_usable_scales(void **state)
{
    (void)state;
    float scale;
    int32_t zero;
    quant_solve_range(&u8, (struct range){0, 0}, &scale, &zero);
    assert_float_equal(scale, 1, 0);
    assert_int_equal(zero, 0);
    quant_solve_range(&i8, (struct range){0, 1e-42f}, &scale, &zero);
    assert_true(scale >= FLT_MIN);
}

static void rounding_is_half_to_even_and_saturates(void **state)
{
    (void)state;
    const float x[] = {-1, 0.5f, 1.5f, 2.5f, 300, -0.5f};
    const float expected[] = {0, 0, 2, 2, 255, 0};
    float y[6];
    quant_round(&u8, 1, 0, x, y, 6);
    for (int i = 0; i < 6; i++)
        assert_float_equal(y[i], expected[i], 0);
}

static void codes_and_rounding_agree(void **state)
{
    (void)state;
    struct arena a = {0};
    struct shape s = {4, {3, 5, 2, 2}};
    struct tensor *x = tensor_new(&a, DTYPE_F32, &s), *y = tensor_new(&a, DTYPE_F32, &s);
    for (int i = 0; i < 60; i++)
        tensor_f32(x)[i] = sinf((float)i) * 3;
    for (int axis = 0; axis < 4; axis++) {
        struct quant q = {.type = i8};
        q.type.grain = GRAIN_CHANNEL;
        q.type.axis = axis;
        q.n = quant_count(&q.type, &s);
        assert_int_equal(q.n, s.dim[axis]);
        q.scale = NEW_ARRAY(&a, q.n, float);
        q.zero = NEW_ARRAY(&a, q.n, int32_t);
        for (int64_t i = 0; i < q.n; i++)
            q.scale[i] = 0.01f * (float)(i + 1);
        quant_round_tensor(&q, x, y);
        struct tensor *codes = quant_codes(&a, &q, x);
        for (int i = 0; i < 60; i++) {
            float scale = q.scale[quant_index(&q.type, &s, i)];
            assert_float_equal(tensor_f32(y)[i], (float)tensor_get(codes, i) * scale, 0);
        }
    }
    arena_release(&a);
}

static void blocks_count_along_their_axis(void **state)
{
    (void)state;
    struct qtype t = {.dtype = DTYPE_I4, .grain = GRAIN_BLOCK, .axis = 0, .block = 32};
    struct shape s = {2, {70, 5}};
    assert_int_equal(quant_count(&t, &s), 3 * 5);
    assert_int_equal(quant_index(&t, &s, 0), 0);
    assert_int_equal(quant_index(&t, &s, 32 * 5 + 4), 5 + 4);
    assert_int_equal(quant_index(&t, &s, 69 * 5), 2 * 5);
}

static void large_biases_saturate(void **state)
{
    (void)state;
    struct arena a = {0};
    float scale = 1e-10f;
    int32_t zero = 0;
    struct quant q = {.type = {.dtype = DTYPE_I32, .symmetric = true}, .scale = &scale,
                      .zero = &zero, .n = 1};
    struct tensor *codes = quant_codes(&a, &q, tensor_from_f32(&a, (const float[]){1, -1, 0}, 3));
    assert_int_equal(tensor_get_int(codes, 0), INT32_MAX);
    assert_int_equal(tensor_get_int(codes, 1), INT32_MIN);
    assert_int_equal(tensor_get_int(codes, 2), 0);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_follow_the_type),
        cmocka_unit_test(small_floats_have_limits_and_no_zero_point),
        cmocka_unit_test(small_floats_round_as_codes_do),
        cmocka_unit_test(ranges_are_widened_to_zero),
        cmocka_unit_test(no_grid_lies_between_the_data),
        cmocka_unit_test(empty_ranges_give_usable_scales),
        cmocka_unit_test(rounding_is_half_to_even_and_saturates),
        cmocka_unit_test(codes_and_rounding_agree),
        cmocka_unit_test(blocks_count_along_their_axis),
        cmocka_unit_test(large_biases_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
