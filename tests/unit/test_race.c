/* SPDX-License-Identifier: Apache-2.0
 *
 * race: observers compete with the biases that later passes would give.
 */
#include "race.h"

#include "str.h"
#include "watched.h"

#include <math.h>

/* A layer of which all weights but one are rounded to nothing. With the mean of what they read that
 * is most of the error, and cutting off what the one reads makes up for some of it. */
static void lopsided_network(struct str *text)
{
    enum { CHANNELS = 64 };
    str_printf(text, "opset 13 g (float[1,%d,8,8] x) => (float[1,1,8,8] y)"
               "<float[1,%d,1,1] w = {-12.7", CHANNELS, CHANNELS);
    for (int i = 1; i < CHANNELS; i++)
        str_add(text, ", 0.04");
    str_add(text, "}, float[1] b = {0}> { a = Exp(x) y = Conv(a, w, b) }");
}

/* Which observer wins, and what its ranges come to once biases are shifted. */
static const char *winner(const char *text, bool with_means, double *shifted)
{
    struct watched r = {0};
    struct err err = {0};
    struct ranges ranges;
    double plain;
    watched_open(&r, text, 16, NULL);
    const struct tensor *bias = qlayer_bias(&r.p.layer[0])->constant;
    struct race race = {r.m, &r.p, r.c, r.measure, with_means ? r.means : NULL, INFINITY, 1};
    assert_int_equal(race_run(&race, &ranges, &err), 0);
    assert_ptr_equal(qlayer_bias(&r.p.layer[0])->constant, bias);
    solve_model(r.m, &r.p);
    assert_int_equal(measure_sqnr(r.measure, r.m, 1, &plain, &err), 0);
    assert_true(fabs(plain - ranges.figures.sqnr) < 1e-9);
    shift_biases(r.m, &r.p, r.means);
    assert_int_equal(measure_sqnr(r.measure, r.m, 1, shifted, &err), 0);
    assert_true(*shifted > plain + 1);
    watched_close(&r);
    return ranges.observer;
}

static void test_race_with_means(void **state)
{
    (void)state;
    struct str text = {0};
    double plain, shifted;
    lopsided_network(&text);
    const char *without = winner(text.text, false, &plain);
    const char *with = winner(text.text, true, &shifted);
    assert_string_not_equal(with, without);
    assert_true(shifted > plain);
    str_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_race_with_means),
    };
    return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
