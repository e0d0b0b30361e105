/* SPDX-License-Identifier: Apache-2.0
 *
 * run: runs the cases of pass tests. run [--accept] FILE.t...
 *
 *     # a Conv with two readers keeps its BatchNormalization
 *     run fold-bn
 *     opset 13
 *     g (float[1,2,4,4] x) => (float y, float z) <float[2,2,1,1] w = fill(1), ...>
 *     { c = Conv(x, w)  y = BatchNormalization(c, s, b, m, v)  z = Relu(c) }
 *     expect unchanged
 *
 * The comment in front is the name of the case. `run` takes names of passes up to the end of the
 * line. `target NAME` may follow, and behind it in this order `tensor`: weights have one scale;
 * `elementwise`: units compute on codes where their inputs are; `block 2`: int4 weights in blocks;
 * `token`: activations have a scale a row;
 * `wide "NAMES"`: nodes with these names, or outputs, have uint16 activations; `weights "NAMES"`:
 * of these only the weight is rounded; `dynamic "NAMES"`: these have inputs quantized at run time;
 * `as FORMAT`. Or `wants 21`: a target of that opset. Then
 * `data 8`: so many random samples to measure with; and `keeps 20`: dB that the outputs must keep.
 * Then the model, see text.h. Then any number of
 *
 *     expect unchanged          the graph is as it was
 *     expect <...> { ... }      the graph is this; its signature and initializers are the case's
 *     expect g (...) => ...     the same with another signature
 *     expect same-result        the outputs on a random sample are as before, to 1e-5
 *     expect error "text"       the passes fail, and the error contains this
 *     expect note "text"        a pass left a note that contains this
 *     expect opset 13           and of the same kind: expect ir 8
 *
 * The verifier runs after every pass. --accept writes the graphs that came out into the files.
 */
#include "file.h"
#include "outcome.h"
#include "pass.h"
#include "print.h"
#include "rule.h"
#include "spell.h"
#include "target.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    struct arena arena;
    struct scan at;
    bool accept;
    struct str accepted; /* the file with new expectations, as far as it was read */
    const char *copied;  /* up to here the text is in `accepted` */
};
struct test_case {
    const char *title;
    const struct pass *pass[8];
    int n_pass;
    struct pass_ctx ctx;
    int n_data; /* samples; 0: no data */
    struct scan head; /* where the versions and the graph begin */
    struct model *before, *after;
    bool failed, error_expected;
    struct err err;
    struct str why;
};

/* The text of the comment in front of a case, of its last line. */
static const char *read_title(struct file *f)
{
    const char *title = "";
    for (const char *s = f->at.at; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        s += strspn(s, " \t\n");
        if (*s != '#')
            break;
        title = arena_printf(&f->arena, "%.*s", (int)strcspn(s + 1, "\n"), s + 1);
    }
    return title + strspn(title, " ");
}

/* A rule for nodes that are named next. */
static void read_rule(struct file *f, struct target *t, struct rule how)
{
    struct err err = {0};
    if (!t->rules) {
        t->rules = NEW(&f->arena, struct rules);
        t->rules->at = NEW_ARRAY(&f->arena, 3, struct rule);
    }
    how.where = "a rule";
    how.nodes = scan_string(&f->at, &f->arena);
    t->rules->at[t->rules->n++] = how;
    if (target_settle(t, FORMAT_QDQ, &err) < 0)
        scan_fail(&f->at, err.text);
}

static void read_passes(struct file *f, struct test_case *c)
{
    scan_expect(&f->at, "run");
    size_t n = strcspn(f->at.at, "\n");
    char *names = arena_printf(&f->arena, "%.*s", (int)n, f->at.at), *rest;
    for (char *s = strtok_r(names, " ", &rest); s; s = strtok_r(NULL, " ", &rest)) {
        const struct pass *p = pass_find(s);
        if (!p || c->n_pass == 8)
            scan_fail(&f->at, "passes expected");
        c->pass[c->n_pass++] = p;
    }
    f->at.at += n;
    if (scan_take(&f->at, "target")) {
        c->ctx.target = target_find(scan_name(&f->at, &f->arena));
        if (!c->ctx.target)
            scan_fail(&f->at, "a target expected before");
        struct target *t = arena_copy(&f->arena, c->ctx.target, sizeof *t);
        c->ctx.target = t;
        if (scan_take(&f->at, "tensor"))
            t->weight.grain = GRAIN_TENSOR;
        if (scan_take(&f->at, "elementwise"))
            t->unit_rule = UNITS_FOLLOW;
        if (scan_take(&f->at, "block"))
            t->weight = (struct qtype){.dtype = DTYPE_I4, .grain = GRAIN_BLOCK, .symmetric = true,
                                       .block = scan_integer(&f->at)};
        if (scan_take(&f->at, "token"))
            t->activation.rows = true;
        if (scan_take(&f->at, "wide"))
            read_rule(f, t, (struct rule){.activations = "uint16"});
        if (scan_take(&f->at, "weights"))
            read_rule(f, t, (struct rule){.extent = RULE_WEIGHTS});
        if (scan_take(&f->at, "dynamic"))
            read_rule(f, t, (struct rule){.extent = RULE_DYNAMIC});
        struct err err = {0};
        if (scan_take(&f->at, "as")
            && target_settle(t, format_find(scan_name(&f->at, &f->arena)), &err) < 0)
            scan_fail(&f->at, "a format of the target expected before");
    }
    if (scan_take(&f->at, "wants")) {
        struct target *t = arena_copy(&f->arena, &target_table[0], sizeof *t);
        t->opset = scan_integer(&f->at);
        c->ctx.target = t;
    }
    if (scan_take(&f->at, "data"))
        c->n_data = (int)scan_integer(&f->at);
    if (scan_take(&f->at, "keeps"))
        c->ctx.min_sqnr = (double)scan_integer(&f->at);
}

static struct model *read_model(const struct scan *start, struct scan *end)
{
    struct scan t = *start;
    struct model *m = model_new(t.path);
    m->ir_version = 8;
    model_set_opset(m, "", 13);
    text_versions(&t, m);
    text_graph(&t, m);
    if (end)
        *end = t;
    return m;
}

static void run_passes(struct test_case *c)
{
    struct arena arena = {0}, scratch = {0};
    c->ctx.jobs = 1;
    c->ctx.observer = "min-max";
    c->ctx.arena = &arena;
    c->ctx.scratch = &scratch;
    struct pass_options o = {.verify = true};
    struct dataset_options random = {.path = "random", .samples = c->n_data};
    struct dataset *data = c->n_data ? dataset_open(c->after->graph, &random, &c->err) : NULL;
    c->ctx.data = data;
    c->failed = (c->n_data && !data)
             || pass_run_all(c->pass, c->n_pass, c->after, &c->ctx, &o, &c->err) < 0;
    if (data)
        dataset_close(data);
    arena_release(&arena);
    arena_release(&scratch);
}

static void check_same_result(struct test_case *c)
{
    struct sample s = {0};
    struct outcome before = {0}, after = {0};
    struct err err = {0};
    if (sample_take(&s, c->before->graph, NULL, &err) < 0
        || outcome_take(&before, c->before, &s, &err) < 0
        || outcome_take(&after, c->after, &s, &err) < 0)
        str_printf(&c->why, "cannot be run: %s\n", err.text);
    else if (!(outcome_difference(&before, &after) <= 1e-5))
        str_printf(&c->why, "the results differ by %g\n", outcome_difference(&before, &after));
    sample_release(&s);
    outcome_release(&before);
    outcome_release(&after);
}

static void check_contains(struct file *f, struct test_case *c, const char *what, const char *text)
{
    const char *wanted = scan_string(&f->at, &f->arena);
    if (!text || !strstr(text, wanted))
        str_printf(&c->why, "no %s contains \"%s\", but it is:\n%s\n", what, wanted,
                   text ? text : "");
}

static void check_number(struct file *f, struct test_case *c, const char *what, int64_t actual)
{
    int64_t wanted = scan_integer(&f->at);
    if (actual != wanted)
        str_printf(&c->why, "%s is %lld instead of %lld\n", what, (long long)actual,
                   (long long)wanted);
}

static void add_model(struct str *s, const struct model *m)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    model_print(m, out, &(struct print_options){0});
    fclose(out);
    str_add_n(s, text, size);
    free(text);
}

/* Constants that the case does not have, then the body as it is printed. */
static void accept_graph(struct file *f, const struct test_case *c, const char *start,
                         const char *end)
{
    struct str printed = {0};
    const char *sep = " <";
    const struct graph *g = c->after->graph, *old = c->before->graph;
    while (start[-1] == ' ')
        start--;
    str_add_n(&f->accepted, f->copied, (size_t)(start - f->copied));
    for (int i = 0; i < g->n_constant; i++) {
        const struct value *v = g->constant[i];
        char type[TYPE_TEXT];
        int k = 0;
        while (k < old->n_constant && strcmp(old->constant[k]->name, v->name))
            k++;
        if (k < old->n_constant)
            continue;
        struct str data = {0};
        spell_data(&data, v->constant);
        str_printf(&f->accepted, "%s%s %s%s%s", sep, spell_type(v->constant, type), v->name,
                   data.n ? " = " : "", data.n ? data.text : "");
        sep = ",\n        ";
        str_release(&data);
    }
    str_add(&f->accepted, *sep == ',' ? ">\n" : "\n");
    add_model(&printed, c->after);
    const char *body = strstr(printed.text, "\n{\n");
    str_add_n(&f->accepted, body + 1, strlen(body + 1) - 1);
    str_release(&printed);
    f->copied = end;
}

static void check_graph(struct file *f, struct test_case *c)
{
    const char *start = f->at.at;
    struct model *m = model_new("expected");
    struct str difference = {0};
    struct scan head = c->head;
    text_versions(&head, m);
    text_expectation(&f->at, head, m);
    bool same = text_same(c->after, m, &difference);
    if (!same && f->accept && c->before->graph->n_input == c->after->graph->n_input) {
        accept_graph(f, c, start, f->at.at);
    } else if (!same) {
        str_add(&c->why, difference.text);
        add_model(&c->why, m);
        add_model(&c->why, c->after);
    }
    str_release(&difference);
    model_close(m);
}

static void check_unchanged(struct test_case *c)
{
    if (text_same(c->after, c->before, &c->why))
        return;
    add_model(&c->why, c->before);
    add_model(&c->why, c->after);
}

static void check_expectation(struct file *f, struct test_case *c)
{
    if (scan_take(&f->at, "error")) {
        c->error_expected = true;
        check_contains(f, c, "error", c->err.text);
    } else if (scan_take(&f->at, "note")) {
        check_contains(f, c, "note", c->ctx.notes.text);
    } else if (scan_take(&f->at, "opset")) {
        check_number(f, c, "opset", model_opset(c->after, ""));
    } else if (scan_take(&f->at, "ir")) {
        check_number(f, c, "IR version", c->after->ir_version);
    } else if (scan_take(&f->at, "unchanged")) {
        check_unchanged(c);
    } else if (scan_take(&f->at, "same-result")) {
        check_same_result(c);
    } else {
        check_graph(f, c);
    }
}

/* True: it passed. */
static bool report_case(const struct test_case *c, int number)
{
    for (const char *s = c->why.text; s && *s; s += strcspn(s, "\n"), s += *s == '\n')
        printf("# %.*s\n", (int)strcspn(s, "\n"), s);
    printf("%sok %d - %s\n", c->why.n ? "not " : "", number, c->title);
    return !c->why.n;
}

static bool run_case(struct file *f, int number)
{
    struct test_case c = {.title = read_title(f)};
    read_passes(f, &c);
    c.head = f->at;
    c.before = read_model(&c.head, NULL);
    c.after = read_model(&c.head, &f->at);
    run_passes(&c);
    scan_expect(&f->at, "expect");
    struct scan mark; /* in front of a comment that may be the next case's title */
    do {
        check_expectation(f, &c);
        mark = f->at;
    } while (scan_take(&f->at, "expect"));
    f->at = mark;
    if (c.failed && !c.error_expected)
        str_printf(&c.why, "%s\n", c.err.text);
    bool good = report_case(&c, number);
    str_release(&c.why);
    str_release(&c.ctx.notes);
    model_close(c.before);
    model_close(c.after);
    return good;
}

static void rewrite(struct file *f)
{
    struct err err = {0};
    str_add(&f->accepted, f->copied);
    struct file_out *out = file_create(f->at.path, &err);
    if (!out || file_write(out, f->accepted.text, f->accepted.n, &err) < 0
        || file_commit(out, &err) < 0)
        die("%s", err.text);
}

/* Returns how many failed. */
static int run_file(struct file *f, const char *path, int *number)
{
    struct err err = {0};
    struct file_map map;
    if (file_map(&map, path, &err) < 0)
        die("%s", err.text);
    const char *text = arena_printf(&f->arena, "%.*s", (int)map.size, (const char *)map.data);
    file_unmap(&map);
    f->at = (struct scan){path, text, 1};
    f->copied = text;
    int failed = 0;
    for (struct scan end = f->at; !scan_is_next(&end, '\0'); end = f->at)
        failed += !run_case(f, ++*number);
    if (f->copied != text)
        rewrite(f);
    str_release(&f->accepted);
    arena_release(&f->arena);
    return failed;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash shows which case it was */
    bool accept = argc > 1 && !strcmp(argv[1], "--accept");
    int failed = 0, number = 0;
    for (int i = 1 + accept; i < argc; i++)
        failed += run_file(&(struct file){.accept = accept}, argv[i], &number);
    printf("1..%d\n", number);
    return failed != 0;
}
