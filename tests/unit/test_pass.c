/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes on around every pass, with passes made for it; and the order of the real ones.
 */
#include "outcome.h"
#include "pass.h"
#include "text.h"
#include "unit.h"

#include <math.h>
#include <string.h>

static int run_nothing(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)m;
    (void)ctx;
    (void)err;
    return 0;
}

/* Doubles what the first constant holds: not the same result. */
static int run_double(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    struct value *w = m->graph->constant[0];
    struct tensor *t = tensor_new(m->arena, DTYPE_F32, &w->constant->shape);
    for (int64_t i = 0; i < tensor_count(t); i++)
        tensor_f32(t)[i] = tensor_f32(w->constant)[i] * 2;
    str_printf(&ctx->notes, "%s: doubled\n", w->name);
    value_replace(w, graph_add_constant(m->graph, name_fresh(m, "double"), t));
    return 1 + graph_sweep(m->graph);
}

/* Adds nodes whose types nobody has inferred. */
static int run_grow(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)ctx;
    (void)err;
    struct node *last = m->graph->last;
    struct value *y = last->out[0];
    struct build at = build_after(last);
    struct node *n = build_node(&at, OP_Identity, 1, &y, 1);
    value_replace(y, n->out[0]);
    node_set_input(n, 0, y);
    return 1;
}

static int run_expect_types(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    (void)err;
    str_add(&ctx->notes, "types\n");
    assert_int_equal(m->graph->last->out[0]->type.dtype, DTYPE_F32);
    return 0;
}

/* To a clone happens what later passes will do, and neither what tries nor what stands behind
 * place; nobody hears of it. */
static int run_anticipate(struct model *m, struct pass_ctx *ctx, struct err *err)
{
    struct model *clone = model_clone(m);
    int nodes = 0;
    assert_int_equal(pass_anticipate(clone, ctx, err), 0);
    graph_each(clone->graph, n)
        nodes++;
    assert_int_equal(nodes, 2 + 2); /* grow, twice */
    model_close(clone);
    return 0;
}

static const struct pass nothing = {.name = "nothing", .run = run_nothing, .gives = FACT_PLACED};
static const struct pass needy = {.name = "needy", .run = run_nothing, .needs = FACT_PLACED};
static const struct pass wrong = {.name = "wrong", .run = run_double, .flags = PASS_SAME_RESULT};
static const struct pass honest = {.name = "honest", .run = run_double};
static const struct pass grow = {
    .name = "grow", .run = run_grow, .breaks = FACT_TYPES, .flags = PASS_SAME_RESULT};
static const struct pass tries = {
    .name = "tries", .run = run_grow, .flags = PASS_SAME_RESULT | PASS_TRIES};
static const struct pass anticipates = {.name = "anticipates", .run = run_anticipate};
static const struct pass typed_same = {.name = "typed-same", .run = run_expect_types,
                                       .needs = FACT_TYPES, .flags = PASS_SAME_RESULT};
static const struct pass typed = {.name = "typed", .run = run_expect_types, .needs = FACT_TYPES};

struct run_of {
    struct model *m;
    struct pass_ctx ctx;
    struct arena arena, scratch;
    struct err err;
    int result;
};

static void run_passes(struct run_of *r, const struct pass *const *list, int n,
                       const struct pass_options *o)
{
    *r = (struct run_of){.m = text_model("g (float[2,2] x) => (float y) <float[2,2] w = random(1)>"
                                         "{ a = MatMul(x, w)  y = Relu(a) }")};
    r->ctx.jobs = 1;
    r->ctx.arena = &r->arena;
    r->ctx.scratch = &r->scratch;
    r->result = pass_run_all(list, n, r->m, &r->ctx, o, &r->err);
}

static void run_end(struct run_of *r)
{
    model_close(r->m);
    str_release(&r->ctx.notes);
    arena_release(&r->arena);
    arena_release(&r->scratch);
}

static void facts_are_given_and_needed(void **state)
{
    (void)state;
    struct run_of r;
    run_passes(&r, (const struct pass *[]){&nothing, &needy}, 2, &(struct pass_options){0});
    assert_int_equal(r.result, 0);
    assert_true(r.m->facts & FACT_PLACED);
    run_end(&r);
}

static void skipping_what_is_needed_is_wrong_usage(void **state)
{
    (void)state;
    struct run_of r;
    run_passes(&r, (const struct pass *[]){&nothing, &needy}, 2,
               &(struct pass_options){.skip = "other,nothing"});
    assert_int_equal(r.result, -1);
    assert_int_equal(r.err.code, ERR_USAGE);
    assert_string_equal(r.err.text,
                        "pass needy needs what a skipped pass would have given: other,nothing");
    run_end(&r);
}

static void types_are_inferred_when_needed(void **state)
{
    (void)state;
    struct run_of r;
    run_passes(&r, (const struct pass *[]){&typed, &grow, &typed}, 3, &(struct pass_options){0});
    assert_int_equal(r.result, 0);
    run_end(&r);
}

static void a_pass_looks_ahead(void **state)
{
    (void)state;
    struct run_of r;
    const struct pass *list[] = {&honest, &anticipates, &grow, &tries, &honest, &typed_same, &grow,
                                 &typed_same, &nothing, &grow};
    run_passes(&r, list, 10, &(struct pass_options){0});
    assert_int_equal(r.result, 0);
    assert_string_equal(r.ctx.notes.text, "w: doubled\ndouble: doubled\ntypes\ntypes\n");
    run_end(&r);
}

static void changed_results_are_found(void **state)
{
    (void)state;
    struct run_of r;
    const struct pass *list[] = {&grow, &honest, &grow, &wrong};
    run_passes(&r, list, 3, &(struct pass_options){.check_result = true});
    assert_int_equal(r.result, 0);
    run_end(&r);
    run_passes(&r, list, 4, &(struct pass_options){.check_result = true});
    assert_int_equal(r.result, -1);
    assert_string_equal(r.err.text,
                        "pass wrong changed the results by 1; leave it out with --skip=wrong");
    assert_string_equal(r.ctx.notes.text, "w: doubled\ndouble: doubled\n");
    run_end(&r);
    run_passes(&r, list, 4, &(struct pass_options){0});
    assert_int_equal(r.result, 0);
    run_end(&r);
}

/* A bad file is an error, where a bad pass would be a bug. */
static void unsound_input_is_an_error(void **state)
{
    (void)state;
    struct model *m = text_model("g (float[2] x) => (float y) { [r] y = Relu(x, x) }");
    struct arena scratch = {0};
    struct pass_ctx ctx = {.jobs = 1, .scratch = &scratch};
    struct err err = {0};
    assert_int_equal(pass_run_all(NULL, 0, m, &ctx, &(struct pass_options){0}, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(err.text, "the model is not sound (1 complaint): rule 8: node 'r' (Relu): "
                                  "has 2 inputs; the operator takes 1 to 1");
    model_close(m);
}

/* Run in the order of the table without the passes of other pipelines, facts are there in time. */
static void table_is_in_order(void **state)
{
    (void)state;
    unsigned facts = FACT_TYPES;
    for (int i = 0; i < pass_count; i++) {
        const struct pass *p = pass_table[i];
        bool lowering = p->gives & FACT_LOWERED; /* one of several, and the last of its pipeline */
        assert_true(pass_find(p->name) == p);
        assert_int_equal(strcspn(p->name, "_ ABCDEFGHIJKLMNOPQRSTUVWXYZ"), strlen(p->name));
        if (p->needs & ~facts)
            fail_msg("%s needs facts %#x, and there are %#x", p->name, p->needs, facts);
        if (!lowering)
            facts = (facts & ~p->breaks) | p->gives | FACT_TYPES;
    }
    assert_null(pass_find("no-such-pass"));
}

static struct outcome outcome_of(const struct tensor **t, int n)
{
    return (struct outcome){.n = n, .out = t};
}

static void differences_of_outcomes(void **state)
{
    (void)state;
    struct arena a = {0};
    const struct tensor *one = tensor_from_f32(&a, (float[]){1, -4, NAN}, 3);
    const struct tensor *two = tensor_from_f32(&a, (float[]){1.5f, -4, NAN}, 3);
    const struct tensor *nan = tensor_from_f32(&a, (float[]){1, NAN, NAN}, 3);
    const struct tensor *few = tensor_from_f32(&a, (float[]){1, -4}, 2);
    struct outcome x = outcome_of(&one, 1), none = {0};
    struct outcome y = outcome_of(&two, 1), z = outcome_of(&nan, 1), w = outcome_of(&few, 1);
    assert_true(outcome_difference(&x, &x) == 0);
    assert_true(fabs(outcome_difference(&x, &y) - 0.125) < 1e-6);
    assert_true(isinf(outcome_difference(&x, &z)));
    assert_true(isinf(outcome_difference(&x, &w)));
    assert_true(isinf(outcome_difference(&x, &none)));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_given_and_needed),
        cmocka_unit_test(skipping_what_is_needed_is_wrong_usage),
        cmocka_unit_test(types_are_inferred_when_needed),
        cmocka_unit_test(a_pass_looks_ahead),
        cmocka_unit_test(changed_results_are_found),
        cmocka_unit_test(unsound_input_is_an_error),
        cmocka_unit_test(table_is_in_order),
        cmocka_unit_test(differences_of_outcomes),
    };
    return cmocka_run_group_tests_name("pass", tests, NULL, NULL);
}
