/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_run: runs a model on every sample; writes the outputs, or measures accuracy, or sums up; and
 * says what each node cost.
 */
#include "command.h"
#include "exec.h"
#include "file.h"
#include "k_stats.h"
#include "labels.h"
#include "log.h"
#include "npz.h"
#include "pass.h"
#include "profile.h"
#include "quantized.h"
#include "samples.h"
#include "spell.h"
#include "table.h"

#include <math.h>
#include <stdatomic.h>

struct run_options {
    struct common_options common;
    const char *model, *out, *labels, *profile_report;
    bool profile, as_written;
    struct dataset_options data;
};

static const struct option run_rows[] = {
    OPTION(OPT_POSITION, 0, "MODEL", struct run_options, model, NULL,
           "an ONNX model, float or quantized"),
    OPTION_HEADING("Data"),
    DATA_ROWS(struct run_options, data),
    OPTION(OPT_STRING, 'l', "labels", struct run_options, labels, "FILE",
           "print how often the first output has its largest element at the right class; lines are "
           "SAMPLE<TAB>CLASS, where SAMPLE is a file name, or CLASS alone, in the order of the "
           "samples"),
    OPTION_HEADING("Output"),
    OPTION(OPT_STRING, 'o', "output", struct run_options, out, "DIR",
           "write the outputs to DIR/00000.npz, DIR/00001.npz, ...: a file a sample, keys are "
           "output names; those of a sequence NAME are NAME[0], NAME[1], ..."),
    OPTION_HEADING("Speed"),
    OPTION(OPT_FLAG, 0, "profile", struct run_options, profile, NULL,
           "print what a sample costs, by operator and by node: time, operations a second (of "
           "convolutions, matrix products and their kind), the share of what this machine can do, "
           "bytes read and written"),
    OPTION(OPT_STRING, 0, "profile-report", struct run_options, profile_report, "FILE",
           "write the whole of that as JSON"),
    OPTION(OPT_FLAG, 0, "as-written", struct run_options, as_written, NULL,
           "execute a float model node by node as the file has it; otherwise normalizations are "
           "folded into the layers beside them, and activations and attention that are spelled "
           "out become one operator"),
    COMMON_ROWS,
};

static const struct option_page run_page = {
    .usage = "quern run MODEL --data PATH [options]",
    .summary =
        "Runs a model on every sample, one sample at a time and as many at once as there are "
        "threads. Without -o and --labels it prints the type and the range of each output.",
    .examples = "  quern run model.onnx --data samples/\n"
                "  quern run model.onnx --data samples/ -o outputs/\n"
                "  quern run model.onnx --data images/ --labels labels.tsv \\\n"
                "      --image \"resize=256 crop=224 layout=nchw rgb scale=1/255\"\n"
                "  quern run model.onnx --data samples/ --profile -j1\n",
};

/* What is known of one output; of one sample, then of all. */
struct output {
    struct tensor type; /* dims that differ between samples are unknown */
    double min, max, sum;
    int64_t n;
};

struct run_results {
    const struct run_options *options;
    const struct graph *graph;
    const int64_t *label; /* NULL: not asked for */
    struct output *output;
    int n_samples, n_right;
    struct run_worker {
        struct output *output; /* of its sample */
        bool right;
        struct err err;
    } *worker;
    struct profile *profile; /* NULL: not asked for */
    atomic_bool failed; /* what comes later is not worth writing */
    struct err err;     /* the first in the order of the samples */
};

/* The same as below for finite floats, several times as fast; false: they are not. */
static bool sum_floats(struct output *o, const float *x)
{
    enum { LANES = 8 };
    double lane[LANES] = {0};
    float min, max;
    int64_t i = 0;
    if (k_extremes(x, o->n, &min, &max))
        return false;
    for (; i + LANES <= o->n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += (double)x[i + k];
    for (; i < o->n; i++)
        lane[0] += (double)x[i];
    for (int k = 0; k < LANES; k++)
        o->sum += lane[k];
    o->min = (double)min;
    o->max = (double)max;
    return true;
}

static void sum_tensor(struct output *o, const struct tensor *t)
{
    *o = (struct output){.type = {.dtype = t->dtype, .shape = t->shape}, INFINITY, -INFINITY, 0, 0};
    if (!dtype_info(t->dtype)->bits || t->dtype == DTYPE_C64 || t->dtype == DTYPE_C128)
        return; /* these have no range */
    o->n = tensor_count(t);
    if (t->dtype == DTYPE_F32 && o->n && sum_floats(o, tensor_f32(t)))
        return;
    for (int64_t i = 0; i < o->n; i++) {
        double v = tensor_get(t, i);
        o->min = v < o->min ? v : o->min;
        o->max = v > o->max ? v : o->max;
        o->sum += v;
    }
}

static void merge_output(struct output *all, const struct output *one, bool first)
{
    if (first) {
        *all = *one;
        return;
    }
    struct shape *s = &all->type.shape;
    if (s->rank != one->type.shape.rank)
        s->rank = -1;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] != one->type.shape.dim[i])
            s->dim[i] = -1;
    all->min = fmin(all->min, one->min);
    all->max = fmax(all->max, one->max);
    all->sum += one->sum;
    all->n += one->n;
}

/* A sequence NAME goes out as arrays NAME[0], NAME[1] and so on. */
static int write_output(struct npz_out *z, const char *name, const struct tensor *t,
                        struct err *err)
{
    if (!dtype_is_sequence(t->dtype))
        return npz_add(z, name, t, err);
    for (int64_t i = 0, n = tensor_count(t); i < n; i++) {
        struct str key = {0};
        str_printf(&key, "%s[%lld]", name, (long long)i);
        int done = npz_add(z, key.text, (const struct tensor *)t->data + i, err);
        str_release(&key);
        TRY(done);
    }
    return 0;
}

static int write_outputs(const struct run_results *all, int sample, const struct run *r,
                         struct err *err)
{
    const struct graph *g = all->graph;
    struct str path = {0};
    str_printf(&path, "%s/%05d.npz", all->options->out, sample);
    struct npz_out *z = npz_create(path.text, err);
    str_release(&path);
    if (!z)
        return -1;
    for (int i = 0; i < g->result->n_in; i++) {
        if (write_output(z, g->output_name[i], run_output(r, i), err)) {
            npz_discard(z);
            return -1;
        }
    }
    return npz_commit(z, err);
}

static int check_class(const struct run_results *all, int sample, const struct run *r, bool *right,
                       struct err *err)
{
    const struct tensor *t = run_output(r, 0);
    if (!dtype_info(t->dtype)->bits)
        return err_set(err, ERR_INPUT, "--labels wants numbers, but output '%s' is a %s",
                       all->graph->output_name[0], dtype_info(t->dtype)->name);
    if (t->shape.rank > 1 && t->shape.dim[0] != 1) {
        char shape[SHAPE_TEXT];
        return err_set(err, ERR_INPUT,
                       "--labels wants one sample in a file, but output '%s' has shape %s",
                       all->graph->output_name[0], shape_text(&t->shape, shape));
    }
    *right = output_class(t) == all->label[sample];
    return 0;
}

static int take_outputs(const struct run_results *all, struct run_worker *w, int sample,
                        const struct run *r)
{
    for (int i = 0; i < all->graph->result->n_in; i++)
        sum_tensor(&w->output[i], run_output(r, i));
    if (all->label)
        TRY(check_class(all, sample, r, &w->right, &w->err));
    if (all->options->out)
        TRY(write_outputs(all, sample, r, &w->err));
    return 0;
}

static void on_done(void *data, int worker, int sample, const struct run *r)
{
    struct run_results *all = data;
    struct run_worker *w = &all->worker[worker];
    w->err.code = ERR_NONE;
    if (!atomic_load(&all->failed) && take_outputs(all, w, sample, r))
        atomic_store(&all->failed, true);
}

static void on_merge(void *data, int worker, int sample)
{
    struct run_results *all = data;
    struct run_worker *w = &all->worker[worker];
    if (!all->err.code)
        all->err = w->err;
    for (int i = 0; i < all->graph->result->n_in; i++)
        merge_output(&all->output[i], &w->output[i], sample == 0);
    all->n_right += w->right;
    all->n_samples++;
}

static void on_cost(void *data, int worker, const struct step_cost *c)
{
    struct run_results *all = data;
    profile_add(all->profile, worker, c);
}

static void number_cell(struct table *t, const struct output *o, double v)
{
    if (o->n)
        table_cell(t, "%.6g", v);
    else
        table_cell(t, "-");
}

static void print_outputs(const struct run_results *all, struct arena *a)
{
    char type[TYPE_TEXT];
    struct table t = {.align = "llrrr", .arena = a};
    table_cell(&t, "output");
    table_cell(&t, "type");
    table_cell(&t, "min");
    table_cell(&t, "max");
    table_cell(&t, "mean");
    for (int i = 0; i < all->graph->result->n_in; i++) {
        const struct output *o = &all->output[i];
        table_cell(&t, "%s", name_fit(all->graph->output_name[i], 40, a));
        table_cell(&t, "%s", spell_type(&o->type, type));
        number_cell(&t, o, o->min);
        number_cell(&t, o, o->max);
        number_cell(&t, o, o->sum / (double)o->n);
    }
    table_print(&t, stdout);
}

static void print_results(const struct run_results *all, struct arena *a)
{
    char count[COUNT_TEXT];
    if (all->label)
        printf("accuracy: %.2f %% (%d of %d)\n", 100.0 * all->n_right / all->n_samples,
               all->n_right, all->n_samples);
    if (all->options->out)
        printf("wrote %s to %s\n", count_text(all->n_samples, "sample", "samples", count),
               all->options->out);
    if (!all->label && !all->options->out)
        print_outputs(all, a);
}

static int run_samples(struct exec *x, const struct dataset *d, struct run_results *all,
                       struct arena *a, struct err *err)
{
    const struct samples_hooks hooks = {.done = on_done, .merge = on_merge, .progress = "samples",
                                        .cost = all->profile ? on_cost : NULL};
    int jobs = all->options->common.jobs, *index, n_outputs = all->graph->result->n_in;
    int n = samples_spread(a, dataset_count(d), dataset_count(d), &index);
    all->output = NEW_ARRAY(a, n_outputs, struct output);
    all->worker = NEW_ARRAY(a, jobs, struct run_worker);
    for (int i = 0; i < jobs; i++)
        all->worker[i].output = NEW_ARRAY(a, n_outputs, struct output);
    double start = log_clock();
    TRY(samples_run(x, d, index, n, jobs, &hooks, all, err));
    if (all->err.code) {
        *err = all->err;
        return -1;
    }
    char count[COUNT_TEXT];
    double seconds = log_clock() - start;
    log_info("%s in %.2f s, %.2f ms each", count_text(n, "sample", "samples", count), seconds,
             1000 * seconds / n);
    if (all->profile)
        profile_finish(all->profile, n, seconds);
    return 0;
}

/* What was asked for, when all samples have run. */
static int tell_results(const struct run_results *all, struct arena *a, struct err *err)
{
    const struct run_options *o = all->options;
    print_results(all, a);
    if (o->profile) {
        putchar('\n');
        profile_print(all->profile, stdout);
    }
    return o->profile_report ? profile_write(all->profile, o->profile_report, err) : 0;
}

static int run_model(const struct run_options *o, const struct model *m, struct arena *a,
                     struct err *err)
{
    struct run_results all = {.options = o, .graph = m->graph};
    struct profile profile;
    struct exec *x = NULL;
    int r = -1;
    struct dataset *d = dataset_open(m->graph, &o->data, err);
    if (!d)
        return -1;
    if (o->labels && !(all.label = labels_read(o->labels, d, a, err)))
        goto end;
    if (o->out && file_make_directory(o->out, err))
        goto end;
    x = exec_open(m->graph, &(struct exec_options){.mode = EXEC_FLOAT}, err);
    if (!x) {
        err_at(err, "%s", o->model);
        goto end;
    }
    if (o->profile || o->profile_report) {
        profile_open(&profile, m->graph, o->common.jobs);
        all.profile = &profile;
    }
    r = run_samples(x, d, &all, a, err);
    if (!r)
        r = tell_results(&all, a, err);
    if (all.profile)
        profile_close(&profile);
end:
    if (x)
        exec_close(x);
    dataset_close(d);
    return r;
}

/* What costs less and gives the same but for roundings. -1: the model is spoiled. */
static int join_nodes(struct model *m)
{
    static const char *const names[] = {"fold-constants", "clean-up", "fold-bn",
                                        "fuse-activations", "fuse-norms", "fuse-attention"};
    enum { N = sizeof names / sizeof *names };
    struct arena arena = {0}, scratch = {0};
    struct pass_ctx ctx = {
        .jobs = 1, .observer = "auto", .only_run = true, .arena = &arena, .scratch = &scratch};
    const struct pass *list[N];
    struct err why = {0};
    for (int i = 0; i < N; i++)
        list[i] = pass_find(names[i]);
    int r = pass_run_all(list, N, m, &ctx, &(struct pass_options){0}, &why);
    if (r)
        log_debug("the model is executed as it is written: %s", why.text);
    str_release(&ctx.notes);
    arena_release(&scratch);
    arena_release(&arena);
    return r;
}

/* A quantized model is never changed: its values are what somebody wants to see. */
static struct model *read_model(const struct run_options *o, struct err *err)
{
    struct model *m = command_read_model(o->model, err);
    if (!m || o->as_written || model_find_quantized(m) || !join_nodes(m))
        return m;
    model_close(m);
    return command_read_model(o->model, err);
}

int cmd_run(int argc, char **argv, struct err *err)
{
    struct run_options o = {.data.any_number = true};
    int todo = command_parse(&run_page, run_rows, &o, argc, argv, err);
    if (todo <= 0)
        return todo;
    if (command_need_data(argv[0], &o.data, err))
        return -1;
    struct model *m = read_model(&o, err);
    if (!m)
        return -1;
    struct arena a = {0};
    int r = run_model(&o, m, &a, err);
    arena_release(&a);
    model_close(m);
    return r;
}
