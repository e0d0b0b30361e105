/* SPDX-License-Identifier: Apache-2.0
 *
 * k_code_cache: what is kept is found again, in use it stays, and the oldest makes room.
 */
#include "k_code_cache.h"

#include "unit.h"

enum { MANY = 300, SLOTS = 256 };

static char made[MANY + 1]; /* addresses that stand for code */

static struct k_code code_of(int i)
{
    return (struct k_code){&made[i], NULL};
}

/* Returns what had to go, or -1. */
static int keep(int i)
{
    struct k_code code = code_of(i), gone = k_code_keep(&i, sizeof i, &code);
    return gone.primitive ? (int)((char *)gone.primitive - made) : -1;
}

static bool take(int i)
{
    struct k_code code;
    bool found = k_code_take(&i, sizeof i, &code);
    assert_true(!found || code.primitive == &made[i]);
    return found;
}

static void leave(int i)
{
    struct k_code code = code_of(i);
    assert_false(k_code_leave(&code));
}

static void test_cache(void **state)
{
    (void)state;
    for (int i = 0; i < SLOTS; i++) {
        assert_false(take(i));
        assert_int_equal(keep(i), -1);
    }
    struct k_code more = code_of(MANY);
    assert_int_equal(keep(MANY), -1); /* all are in use: it is not kept */
    assert_true(k_code_leave(&more));
    for (int i = 0; i < SLOTS; i++)
        leave(i);
    assert_true(take(0)); /* the latest now, and in use */
    assert_int_equal(keep(SLOTS), 1);
    assert_false(take(1));
    assert_true(take(2));
    leave(2);
    assert_int_equal(keep(SLOTS + 1), 3);
    assert_true(take(0) && take(SLOTS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cache)};
    return cmocka_run_group_tests_name("code cache", tests, NULL, NULL);
}
