/* SPDX-License-Identifier: Apache-2.0
 *
 * taps_run: each tap sees its values on its samples, in a run that computes every sample once.
 */
#include "tap.h"

#include "text.h"
#include "threads.h"
#include "unit.h"

enum { COUNT = 10, MOST_JOBS = 3 };

static const char source[] = "ir 8 opset 13 g (float[1,2] x) => (float[1,2] y)"
                             "<float[2] c = random(1)>{ a = Add(x, c) y = Relu(a) }";

struct seen {
    int value;             /* the id that is wanted */
    int watched[COUNT];    /* how often, by sample of the tap */
    int merged[COUNT], n;  /* in which order */
    bool finished, ran;
};

static void watch(void *data, int slot, int i, const struct value *v, const struct tensor *t)
{
    struct seen *s = data;
    assert_true(slot < threads_slots(MOST_JOBS));
    assert_int_equal(v->id, s->value);
    assert_int_equal(tensor_count(t), 2);
    s->watched[i]++;
}

static void merge(void *data, int slot, int i)
{
    (void)slot;
    struct seen *s = data;
    s->merged[s->n++] = i;
}

static int finish(void *data, bool ran, struct err *err)
{
    struct seen *s = data;
    (void)err;
    s->finished = true;
    s->ran = ran;
    return 0;
}

static struct tap tap_on(struct arena *a, const struct model *m, const struct value *v, int samples,
                         struct seen *s)
{
    bool *want = NEW_ARRAY(a, m->n_values, bool);
    *s = (struct seen){.value = v->id};
    want[v->id] = true;
    return (struct tap){want, samples, watch, merge, finish, s, false};
}

static void run(int count, int jobs, struct seen *one, struct seen *other)
{
    struct arena a = {0};
    struct err err = {0};
    struct model *m = text_model(source);
    struct dataset_options o = {.path = "random", .samples = count};
    struct dataset *d = dataset_open(m->graph, &o, &err);
    assert_non_null(d);
    const struct tap tap[] = {tap_on(&a, m, m->graph->input[0], 0, one),
                              tap_on(&a, m, node_input(m->graph->result, 0), 3, other)};
    assert_int_equal(taps_run(m, tap, 2, d, jobs, NULL, &err), 0);
    dataset_close(d);
    model_close(m);
    arena_release(&a);
}

static void test_samples(void **state)
{
    (void)state;
    for (int jobs = 1; jobs <= MOST_JOBS; jobs++) {
        struct seen all, some;
        run(COUNT, jobs, &all, &some);
        assert_int_equal(all.n, COUNT);
        assert_int_equal(some.n, 3);
        assert_true(all.finished && some.finished && all.ran && some.ran);
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(all.watched[i], 1);
            assert_int_equal(some.watched[i], i < 3);
            assert_int_equal(all.merged[i], i);
        }
        for (int i = 0; i < 3; i++)
            assert_int_equal(some.merged[i], i);
    }
}

/* More samples are wanted than there are. */
static void test_few(void **state)
{
    (void)state;
    struct seen all, some;
    run(2, 1, &all, &some);
    assert_int_equal(all.n, 2);
    assert_int_equal(some.n, 2);
}

static int refuse(void *data, bool ran, struct err *err)
{
    finish(data, ran, err);
    return err_set(err, ERR_INPUT, "no");
}

/* One that ends badly fails the run; the others end all the same. */
static void test_failure(void **state)
{
    (void)state;
    struct arena a = {0};
    struct err err = {0};
    struct model *m = text_model(source);
    struct dataset_options o = {.path = "random", .samples = 2};
    struct dataset *d = dataset_open(m->graph, &o, &err);
    struct seen one, other;
    struct tap tap[] = {tap_on(&a, m, m->graph->input[0], 0, &one),
                        tap_on(&a, m, node_input(m->graph->result, 0), 0, &other)};
    tap[0].finish = refuse;
    assert_int_equal(taps_run(m, tap, 2, d, 1, NULL, &err), -1);
    assert_string_equal(err.text, "no");
    assert_true(one.finished && other.finished && !other.ran);
    dataset_close(d);
    model_close(m);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests_name("tap", tests, NULL, NULL);
}
