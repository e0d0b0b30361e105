/* SPDX-License-Identifier: Apache-2.0
 *
 * k_code_cache: what is kept is found again, in use it stays, what is not may have to make room,
 * and of more than there is room for some is found again in the next turn.
 */
#include "k_code_cache.h"

#include "unit.h"

enum { MANY = 300, SLOTS = 256 };

static char made[2 * MANY + 1]; /* addresses that stand for code */

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
    assert_true(take(0)); /* in use */
    int gone = keep(SLOTS), next = keep(SLOTS + 1);
    assert_true(gone > 0 && gone < SLOTS && next > 0 && next < SLOTS && next != gone);
    assert_false(take(gone) || take(next));
    assert_true(take(0) && take(SLOTS) && take(SLOTS + 1));
}

/* As samples of many shapes do it: one after the other, again and again. */
static void test_turns(void **state)
{
    (void)state;
    int found = 0;
    for (int turn = 0; turn < 10; turn++)
        for (int i = 0; i < MANY; i++) {
            int item = MANY + 1 + i;
            if (take(item))
                found++;
            else
                keep(item);
            leave(item);
        }
    assert_in_range(found, 10 * MANY / 2, 9 * MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cache), cmocka_unit_test(test_turns)};
    return cmocka_run_group_tests_name("code cache", tests, NULL, NULL);
}
