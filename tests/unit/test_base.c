/* SPDX-License-Identifier: Apache-2.0
 *
 * arena, pages, err, library, map, str, vec, threads: the layer that everything stands on.
 */
#include "err.h"
#include "library.h"
#include "map.h"
#include "pages.h"
#include "str.h"
#include "threads.h"
#include "unit.h"
#include "vec.h"

#include <math.h>
#include <pthread.h>
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
    assert_ptr_equal(NEW_BUFFER(&a, 2 << 20, char), two);
    const unsigned char *cleared = arena_alloc(&a, 1 << 20);
    for (int i = 0; i < 1 << 20; i++)
        assert_int_equal(cleared[i], 0);
    arena_release(&a);
}

/* Of small pieces, large ones and buffers; a large one may go alone. */
static void arenas_join(void **state)
{
    (void)state;
    struct arena a = {0}, b = {0};
    size_t large = 1 << 20;
    char *small = arena_strdup(&b, "small"), *kept = arena_alloc(&b, large);
    char *gone = arena_alloc(&b, large), *buffer = NEW_BUFFER(&b, large, char);
    memset(buffer, 1, large);
    arena_strdup(&a, "first");
    arena_join(&a, &b);
    assert_true(!b.blocks && !b.large && !b.buffers);
    assert_string_equal(small, "small");
    assert_int_equal(arena_piece(&a, small), 0);
    assert_true(arena_piece(&a, gone) >= large);
    arena_drop(&a, gone);
    assert_int_equal(arena_piece(&a, gone), 0);
    kept[large - 1] = 1;
    assert_int_equal(buffer[large - 1], 1);
    arena_release(&a);
}

/* What was given back serves again, in parts or joined with its neighbours; what it holds is not
 * taken for zero. */
static void pages_are_used_again(void **state)
{
    (void)state;
    bool clear;
    size_t mib = 1 << 20;
    char *p = pages_take(3 * mib, &clear);
    memset(p, 1, 3 * mib);
    pages_give(p, 3 * mib);
    assert_ptr_equal(pages_take(mib, &clear), p);
    assert_false(clear);
    assert_ptr_equal(pages_take(2 * mib, &clear), p + mib);
    pages_give(p, mib);
    pages_give(p + mib, 2 * mib);
    assert_ptr_equal(pages_take(3 * mib, &clear), p);
    pages_give(p, 3 * mib);
    char *other = pages_take_clear(mib);
    for (size_t i = 0; i < mib; i++)
        assert_int_equal(other[i], 0);
    pages_give_clear(other, mib);
}

/* Many pieces that come and go keep what was written to them, and what is clear is zero. */
static void pages_do_not_overlap(void **state)
{
    (void)state;
    enum { PIECES = 40, PAGE = 4096 };
    struct {
        unsigned char *at;
        size_t size;
    } piece[PIECES] = {{0}};
    unsigned random = 1;
    for (int n = 0; n < 4000; n++) {
        random = random * 1664525 + 1013904223;
        int i = (int)(random >> 16) % PIECES;
        unsigned char mark = (unsigned char)(i + 1);
        if (piece[i].at) {
            for (size_t k = 0; k < piece[i].size; k += PAGE)
                assert_int_equal(piece[i].at[k], mark);
            assert_int_equal(piece[i].at[piece[i].size - 1], mark);
            pages_give(piece[i].at, piece[i].size);
            piece[i].at = NULL;
            continue;
        }
        bool clear;
        piece[i].size = 1 + (random >> 8) % (1 << (12 + n % 9));
        piece[i].at = pages_take(piece[i].size, &clear);
        for (size_t k = 0; clear && k < piece[i].size; k++)
            assert_int_equal(piece[i].at[k], 0);
        memset(piece[i].at, mark, piece[i].size);
    }
    for (int i = 0; i < PIECES; i++)
        if (piece[i].at)
            pages_give(piece[i].at, piece[i].size);
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
    assert_true(str_list_has("a,bc,d", "a", ',') && str_list_has("a,bc,d", "bc", ','));
    assert_true(str_list_has("Conv Gemm", "Gemm", ' ') && !str_list_has("Conv Gemm", "Ge", ' '));
    assert_false(str_list_has("a,bc,d", "b", ',') || str_list_has("", "a", ','));
    assert_false(str_list_has(NULL, "a", ','));
    assert_true(str_glob("/head/*", "/head/conv"));
    assert_true(str_glob("*", ""));
    assert_true(str_glob("a*b*c", "aXXbYYbc"));
    assert_true(str_glob("conv?", "conv1"));
    assert_false(str_glob("conv", "conv1"));
    assert_false(str_glob("conv?", "conv"));
    assert_false(str_glob("a*b", "aXbY"));
}

struct order {
    int next, sum[64], kept[10]; /* kept: by slot, the item and 1 */
};

static struct {
    LIBRARY_POINTER(cos)
} lib;

static void libraries_load_when_needed(void **state)
{
    (void)state;
    const struct library_function known[] = {{"cos", &lib.cos}, {NULL, NULL}};
    const struct library_function unknown[] = {{"no_such_function", &lib.cos}, {NULL, NULL}};
    struct library found = {.file = "libm.so.6", .function = known};
    struct library other = {.file = "libm.so.6", .function = unknown};
    struct library missing = {.file = "no_such_library.so.1", .function = known};
    struct err err = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(library_load(&found, &err), 0);
        assert_true(lib.cos(0) == 1);
    }
    assert_int_equal(library_load(&other, &err), -1);
    assert_string_equal(err.text, "libm.so.6 is another version than quern was built for: "
                                  "no_such_function is not in it");
    assert_int_equal(library_load(&missing, &err), -1);
    assert_non_null(strstr(err.text, "it needs a library that cannot be loaded: "
                                     "no_such_library.so.1"));
}

static void square(void *data, int item, int worker, int slot)
{
    struct order *o = data;
    (void)worker;
    assert_int_equal(o->kept[slot], 0); /* what was there is merged */
    o->kept[slot] = item + 1;
    o->sum[item] = item * item;
}

static void in_order(void *data, int item, int slot)
{
    struct order *o = data;
    assert_int_equal(item, o->next);
    assert_int_equal(o->kept[slot], item + 1);
    o->kept[slot] = 0;
    o->next++;
}

static void ordered_work_merges_in_order(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 5; workers++)
        for (int slots = workers; slots <= 2 * workers; slots++) {
            struct order o = {0};
            threads_ordered(workers, slots, 64, square, in_order, &o);
            assert_int_equal(o.next, 64);
            assert_int_equal(o.sum[63], 63 * 63);
        }
    struct order none = {0};
    threads_ordered(3, 3, 0, square, in_order, &none);
    assert_int_equal(none.next, 0);
}

/* The first item ends when others do: they wait in their slots, but their threads go on. */
struct ahead {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int n, next;
};

static void wait_for_others(void *data, int item, int worker, int slot)
{
    struct ahead *a = data;
    (void)worker, (void)slot;
    pthread_mutex_lock(&a->lock);
    while (!item && a->n < 2)
        pthread_cond_wait(&a->ended, &a->lock);
    a->n++;
    pthread_cond_signal(&a->ended);
    pthread_mutex_unlock(&a->lock);
}

static void count_next(void *data, int item, int slot)
{
    struct ahead *a = data;
    (void)slot;
    assert_int_equal(item, a->next++);
}

static void threads_go_on_while_there_are_slots(void **state)
{
    (void)state;
    struct ahead a = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    threads_ordered(2, threads_slots(2), 8, wait_for_others, count_next, &a);
    assert_int_equal(a.next, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_memory_is_zero_again_after_reset),
        cmocka_unit_test(arena_buffers_are_used_again),
        cmocka_unit_test(arenas_join),
        cmocka_unit_test(pages_are_used_again),
        cmocka_unit_test(pages_do_not_overlap),
        cmocka_unit_test(buffers_of_all_sizes_are_aligned),
        cmocka_unit_test(long_errors_are_cut),
        cmocka_unit_test(maps_keep_their_keys),
        cmocka_unit_test(vectors_grow),
        cmocka_unit_test(patterns_match_whole_names),
        cmocka_unit_test(libraries_load_when_needed),
        cmocka_unit_test(ordered_work_merges_in_order),
        cmocka_unit_test(threads_go_on_while_there_are_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
