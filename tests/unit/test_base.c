/* SPDX-License-Identifier: Apache-2.0
 *
 * arena, pages, err, map, str, vec, threads: the layer that everything stands on.
 */
#include "err.h"
#include "map.h"
#include "pages.h"
#include "str.h"
#include "threads.h"
#include "unit.h"
#include "vec.h"

#include <stdio.h>
#include <string.h>

static void arena_memory_is_zero_again_after_reset(void **state)
{
    (void)state;
    struct arena a = {0};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            unsigned char *p = arena_alloc(&a, 3000);
            for (int k = 0; k < 3000; k++)
                assert_int_equal(p[k], 0);
            memset(p, 0xAB, 3000);
        }
        unsigned char *large = arena_alloc(&a, 1 << 20);
        assert_int_equal(large[12345], 0);
        assert_int_equal((uintptr_t)large % 64, 0);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* Large buffers come back after a reset, the smallest that serves first, but not those in use. */
static void arena_buffers_are_used_again(void **state)
{
    (void)state;
    struct arena a = {0};
    char *two = NEW_BUFFER(&a, 2 << 20, char), *one = NEW_BUFFER(&a, 1 << 20, char);
    memset(two, 1, 2 << 20);
    memset(one, 1, 1 << 20);
    assert_true(one + (1 << 20) <= two || two + (2 << 20) <= one);
    arena_reset(&a);
    assert_ptr_equal(NEW_BUFFER(&a, 1 << 19, char), one);
    assert_ptr_equal(NEW_BUFFER(&a, 1 << 19, char), two);
    assert_true(NEW_BUFFER(&a, 1 << 19, char) != two);
    const unsigned char *cleared = arena_alloc(&a, 1 << 20);
    for (int i = 0; i < 1 << 20; i++)
        assert_int_equal(cleared[i], 0);
    arena_release(&a);
}

/* What was given back serves who wants about as much; what it holds is not taken for zero. */
static void pages_are_used_again(void **state)
{
    (void)state;
    bool clear;
    size_t size = 3 << 20, less = (3 << 20) - 4096;
    char *p = pages_take(&size, &clear);
    memset(p, 1, size);
    pages_give(p, size);
    assert_ptr_equal(pages_take(&less, &clear), p);
    assert_true(!clear && less == size);
    pages_give(p, size);
    char *other = pages_take_clear(size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(other[i], 0);
    pages_give(other, size);
}

/* From both sources, at the limit between them. */
static void buffers_of_all_sizes_are_aligned(void **state)
{
    (void)state;
    for (size_t n = 1; n < 4 << 20; n += n / 3 + 1) {
        unsigned char *p = mem_alloc(n);
        assert_int_equal((uintptr_t)p % 64, 0);
        memset(p, 1, n);
        mem_free(p);
    }
    mem_free(NULL);
}

static void long_errors_are_cut(void **state)
{
    (void)state;
    struct err e = {0};
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(err_set(&e, ERR_USAGE, "%s", text), -1);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    err_at(&e, "front");
    assert_memory_equal(e.text, "front: xxx", 10);
    assert_int_equal(err_exit_code(&e), 2);
}

static void maps_keep_their_keys(void **state)
{
    (void)state;
    struct arena a = {0};
    struct map m = {.arena = &a};
    static char key[1000][8];
    assert_null(map_find(&m, "a"));
    for (int i = 0; i < 1000; i++) {
        snprintf(key[i], sizeof key[i], "k%d", i);
        map_set(&m, key[i], key[i]);
    }
    for (int i = 0; i < 1000; i++)
        assert_ptr_equal(map_find(&m, key[i]), key[i]);
    map_set(&m, "k7", NULL);
    assert_null(map_find(&m, "k7"));
    assert_int_equal(m.n, 1000);
    arena_release(&a);
}

static void vectors_grow(void **state)
{
    (void)state;
    struct arena a = {0};
    VEC(int) v = {0};
    for (int i = 0; i < 1000; i++)
        *vec_add(&v, &a) = i;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(v.at[i], i);
    arena_release(&a);
}

static void patterns_match_whole_names(void **state)
{
    (void)state;
    assert_true(str_glob("/head/*", "/head/conv"));
    assert_true(str_glob("*", ""));
    assert_true(str_glob("a*b*c", "aXXbYYbc"));
    assert_true(str_glob("conv?", "conv1"));
    assert_false(str_glob("conv", "conv1"));
    assert_false(str_glob("conv?", "conv"));
    assert_false(str_glob("a*b", "aXbY"));
}

struct order {
    int next, sum[64];
};

static void square(void *data, int item, int worker)
{
    (void)worker;
    ((struct order *)data)->sum[item] = item * item;
}

static void in_order(void *data, int item, int worker)
{
    (void)worker;
    struct order *o = data;
    assert_int_equal(item, o->next);
    o->next++;
}

static void ordered_work_merges_in_order(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 5; workers++) {
        struct order o = {0};
        threads_ordered(workers, 64, square, in_order, &o);
        assert_int_equal(o.next, 64);
        assert_int_equal(o.sum[63], 63 * 63);
    }
    threads_for(3, 0, square, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_memory_is_zero_again_after_reset),
        cmocka_unit_test(arena_buffers_are_used_again),
        cmocka_unit_test(pages_are_used_again),
        cmocka_unit_test(buffers_of_all_sizes_are_aligned),
        cmocka_unit_test(long_errors_are_cut),
        cmocka_unit_test(maps_keep_their_keys),
        cmocka_unit_test(vectors_grow),
        cmocka_unit_test(patterns_match_whole_names),
        cmocka_unit_test(ordered_work_merges_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
