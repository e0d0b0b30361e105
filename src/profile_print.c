/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_print: a profile as tables, whose lines fit 100 columns, and as JSON. In the tables times
 * and bytes are those of one sample on one thread; in JSON they are of all samples.
 */
#include "json_out.h"
#include "profile.h"
#include "table.h"

#include <string.h>

enum { LINES = 24, NAMES_WIDTH = 52, OP_WIDTH = 26 }; /* numbers need 48 */

static const char *row_title(const struct profile_row *row)
{
    const struct node *n = row->node[0];
    return *n->name || !n->n_out || !n->out[0] ? n->name : n->out[0]->name;
}

static double share(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static void print_head(struct table *t, const char *first, const char *second)
{
    static const char *const name[] = {"ms", "%", "GFLOP/s", "% of peak", "MB"};
    table_add(t, first);
    table_add(t, second);
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        table_add(t, name[i]);
}

static void print_numbers(struct table *t, const struct profile *p, const struct profile_row *row)
{
    double rate = row->seconds > 0 ? row->work.ops / row->seconds : 0;
    table_cell(t, "%.3f", 1e3 * row->seconds / p->n_samples);
    table_cell(t, "%.1f", share(row->seconds, p->total.seconds));
    if (rate > 0) {
        table_cell(t, "%.1f", rate * 1e-9);
        table_cell(t, "%.1f", share(rate, p->peak));
    } else {
        table_add(t, "-");
        table_add(t, "-");
    }
    table_cell(t, "%.2f", 1e-6 * row->work.bytes / p->n_samples);
}

static void print_rest(FILE *out, const struct profile *p, const struct profile_row *row, int n,
                       const char *one, const char *many)
{
    double rest = 0;
    for (int i = LINES; i < n; i++)
        rest += row[i].seconds;
    if (n > LINES)
        fprintf(out, "and %d more %s with %.1f %% of the time\n", n - LINES,
                n - LINES == 1 ? one : many, share(rest, p->total.seconds));
}

static void print_sums(const struct profile *p, struct arena *a, FILE *out)
{
    struct table t = {.align = "lrrrrrr", .arena = a};
    print_head(&t, "operator", "nodes");
    for (int i = 0; i < p->n_sums && i < LINES; i++) {
        table_add(&t, name_fit(p->sum[i].op, NAMES_WIDTH - 8, a));
        table_cell(&t, "%d", p->sum[i].count);
        print_numbers(&t, p, &p->sum[i]);
    }
    table_add(&t, p->total.op);
    table_cell(&t, "%d", p->total.count);
    print_numbers(&t, p, &p->total);
    table_print(&t, out);
    print_rest(out, p, p->sum, p->n_sums, "operator", "operators");
}

static void print_rows(const struct profile *p, struct arena *a, FILE *out)
{
    struct table t = {.align = "llrrrrr", .arena = a};
    int op_width = (int)strlen("operator");
    for (int i = 0; i < p->n_rows && i < LINES; i++) {
        int n = (int)strlen(p->row[i].op);
        op_width = n > OP_WIDTH ? OP_WIDTH : n > op_width ? n : op_width;
    }
    print_head(&t, "node", "operator");
    for (int i = 0; i < p->n_rows && i < LINES; i++) {
        table_add(&t, name_fit(row_title(&p->row[i]), NAMES_WIDTH - 2 - op_width, a));
        table_add(&t, name_fit(p->row[i].op, op_width, a));
        print_numbers(&t, p, &p->row[i]);
    }
    table_print(&t, out);
    print_rest(out, p, p->row, p->n_rows, "node", "nodes");
}

void profile_print(const struct profile *p, FILE *out)
{
    struct arena a = {0};
    fprintf(out,
            "a sample takes %.3f ms of a thread, %.3f ms of it in nodes; peak of a thread: "
            "%.1f GFLOP/s\n\n", 1e3 * p->seconds / p->n_samples,
            1e3 * p->total.seconds / p->n_samples, p->peak * 1e-9);
    print_sums(p, &a, out);
    fputc('\n', out);
    print_rows(p, &a, out);
    arena_release(&a);
}

static json_t *json_nodes(const struct profile_row *row)
{
    json_t *list = json_array();
    for (int i = 0; i < row->n_nodes; i++) {
        json_t *j = json_object();
        json_object_set_new(j, "name", json_text(row->node[i]->name));
        json_object_set_new(j, "op", json_text(row->node[i]->type));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *json_row(const struct profile_row *row)
{
    json_t *j = json_object();
    if (row->n_nodes)
        json_object_set_new(j, "name", json_text(row_title(row)));
    json_object_set_new(j, "op", json_text(row->op));
    if (row->n_nodes)
        json_object_set_new(j, "nodes", json_nodes(row));
    else
        json_object_set_new(j, "count", json_integer(row->count));
    json_object_set_new(j, "calls", json_integer(row->calls));
    json_object_set_new(j, "seconds", json_real(row->seconds));
    json_object_set_new(j, "operations", json_integer((json_int_t)row->work.ops));
    json_object_set_new(j, "bytes", json_integer((json_int_t)row->work.bytes));
    return j;
}

static json_t *json_rows(const struct profile_row *row, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_row(&row[i]));
    return list;
}

int profile_write(const struct profile *p, const char *path, struct err *err)
{
    json_t *j = json_object();
    json_object_set_new(j, "quern", json_text(QUERN_VERSION));
    json_object_set_new(j, "samples", json_integer(p->n_samples));
    json_object_set_new(j, "threads", json_integer(p->jobs));
    json_object_set_new(j, "peak_operations_per_second", json_real(p->peak));
    json_object_set_new(j, "thread_seconds", json_real(p->seconds));
    json_object_set_new(j, "total", json_row(&p->total));
    json_object_set_new(j, "operators", json_rows(p->sum, p->n_sums));
    json_object_set_new(j, "nodes", json_rows(p->row, p->n_rows));
    return json_write(j, path, err);
}
