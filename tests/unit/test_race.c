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
    solve_model(r.m, &r.p, 1);
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

/* Any range that holds most numbers serves about as well, and another one than mse best. */
static void test_near_ties_are_mse(void **state)
{
    (void)state;
    struct watched w = {0};
    struct err err = {0};
    struct ranges ranges;
    watched_open(&w, "opset 13 g (float[1,2,8,8] x) => (float y)"
                 "<float[2,2,1,1] w = {1, 0.05, -0.07, 0.3}>"
                 "{ q = Exp(x) c = Conv(q, w) y = Abs(c) }", 16, NULL);
    struct race race = {w.m, &w.p, w.c, w.measure, NULL, INFINITY, 1};
    assert_int_equal(race_run(&race, &ranges, &err), 0);
    assert_string_equal(ranges.observer, "mse");
    double mse = ranges.figures.sqnr, best = 0;
    for (int i = 0; i < N_OBSERVERS; i++) {
        double db;
        calibration_read(w.c, &observer_table[i]);
        solve_model(w.m, &w.p, 1);
        assert_int_equal(measure_sqnr(w.measure, w.m, 1, &db, &err), 0);
        best = fmax(best, db);
    }
    assert_true(best > mse && best < mse + 1);
    watched_close(&w);
}

/* The largest numbers are in samples that the first turns leave out: what cuts them off wins there,
 * and loses in the end. */
static void test_a_part_misleads(void **state)
{
    (void)state;
    struct watched w = {0};
    struct err err = {0};
    struct ranges ranges;
    double without;
    watched_open(&w, "opset 13 g (float[1,1,1,6] x) => (float[1,1,1,6] y)"
                 "<float k = {-7}, float[1,1,1,1] w = {1}>"
                 "{ s = Mul(x, k) q = Exp(s) y = Conv(q, w) }", 14, NULL);
    struct race race = {w.m, &w.p, w.c, w.measure, NULL, INFINITY, 1};
    assert_int_equal(race_run(&race, &ranges, &err), 0);
    calibration_read(w.c, observer_find("min-max"));
    solve_model(w.m, &w.p, 1);
    assert_int_equal(measure_sqnr(w.measure, w.m, 1, &without, &err), 0);
    assert_true(without > 40);
    assert_true(ranges.figures.sqnr > without - 1);
    watched_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_race_with_means),
        cmocka_unit_test(test_near_ties_are_mse),
        cmocka_unit_test(test_a_part_misleads),
    };
    return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
