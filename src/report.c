/* SPDX-License-Identifier: Apache-2.0
 *
 * report: the summary for people. The form for machines is in report_json.c.
 */
#include "report.h"

#include "log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void report_begin(struct report *r)
{
    r->started = log_clock();
    r->picked_from = NAN;
}

void report_release(struct report *r)
{
    struct arena a = r->arena;
    arena_release(&a);
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

/* Not ru_maxrss: that one begins with the peak of the process that started this one. */
static int64_t peak_bytes(void)
{
    enum { KIB = 1024 };
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    long long peak = 0;
    while (f && !peak && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %lld kB", &peak) != 1)
            peak = 0;
    if (f)
        fclose(f);
    return peak * KIB;
}

struct cost cost_now(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (struct cost){seconds_of(u.ru_utime) + seconds_of(u.ru_stime), peak_bytes()};
}

const char *bytes_text(int64_t bytes, char buf[BYTES_TEXT])
{
    static const char *const unit[] = {"bytes", "kB", "MB", "GB", "TB"};
    double v = (double)bytes;
    int i = 0;
    for (; v >= 1000 && i < 4; i++)
        v /= 1000;
    snprintf(buf, BYTES_TEXT, "%.*f %s", i ? 2 : 0, v, unit[i]);
    return buf;
}

/* Where the first number of a text is, with its sign; *end: behind it. Without one both are the end
 * of the text. */
static size_t number_in(const char *s, size_t *end)
{
    static const char digits[] = "0123456789";
    size_t at = strcspn(s, digits);
    *end = at + strspn(s + at, digits);
    return s[at] && at > 1 && s[at - 1] == '-' && s[at - 2] == ' ' ? at - 1 : at;
}

/* Are they the same but for their first number? */
static bool is_same_reason(const char *a, const char *b)
{
    size_t end_a, end_b, n = number_in(a, &end_a);
    return n == number_in(b, &end_b) && !memcmp(a, b, n) && !strcmp(a + end_a, b + end_b);
}

/* How many of the layers from..to - 1 stay float for this reason. */
static int count_reason(const struct report *r, int from, int to, const char *reason)
{
    int n = 0;
    for (int i = from; i < to; i++)
        n += r->layer.at[i].left && is_same_reason(r->layer.at[i].left, reason);
    return n;
}

/* The reason of layer i and those behind it, with all that their number is. */
static void print_reason(const struct report *r, int i, FILE *out)
{
    const char *reason = r->layer.at[i].left;
    size_t end, at = number_in(reason, &end);
    long least = strtol(reason + at, NULL, 10), most = least;
    for (int k = i; k < r->layer.n; k++) {
        const char *other = r->layer.at[k].left;
        long number = other && is_same_reason(other, reason) ? strtol(other + at, NULL, 10) : least;
        least = number < least ? number : least;
        most = number > most ? number : most;
    }
    if (least < most)
        fprintf(out, "%.*s%ld to %ld%s", (int)at, reason, least, most, reason + end);
    else
        fputs(reason, out);
}

/* A note for each line. */
static void print_advice(const struct report *r, FILE *out)
{
    for (const char *text = r->advice ? r->advice : ""; *text;) {
        int n = (int)strcspn(text, "\n");
        fprintf(out, "  note      %.*s\n", n, text);
        text += n + (text[n] == '\n');
    }
}

static void print_layers(const struct report *r, FILE *out)
{
    int n = r->layer.n, n_left = 0;
    for (int i = 0; i < n; i++)
        n_left += r->layer.at[i].left != NULL;
    fprintf(out, "  layers    %d of %d quantized\n", n - n_left, n);
    for (int i = 0; i < n; i++) {
        const struct report_layer *l = &r->layer.at[i];
        if (!l->left || count_reason(r, 0, i, l->left))
            continue;
        int same = count_reason(r, i, n, l->left);
        fprintf(out, "            %d float: ", same);
        print_reason(r, i, out);
        fprintf(out, " ('%s'%s)\n", l->node, same > 1 ? ", ..." : "");
    }
    if (r->predicted)
        fprintf(out, "  integer   %.2f %% of the multiply-adds in %s\n", r->integer_percent,
                r->runtime);
    print_advice(r, out);
}

static void print_result(const char *label, const struct report_output *o, FILE *out)
{
    fprintf(out, "  %-9s %s: ", label, o->name);
    if (isinf(o->sqnr))
        fprintf(out, "none");
    else
        fprintf(out, "%.1f dB SQNR", o->sqnr);
}

static void print_data(const struct report *r, FILE *out)
{
    enum { FEW = 20 };
    if (!r->data_summary)
        return;
    if (r->random_data)
        fprintf(out, "  data      RANDOM NOISE (%s): ranges are not those of real inputs\n",
                r->data_summary);
    else
        fprintf(out, "  data      %s%s\n", r->data_summary,
                r->samples < FEW ? " (few to judge by: the error may be larger on others)" : "");
}

/* All together, and the worst where there are several. */
static void print_results(const struct report *r, FILE *out)
{
    int worst = 1;
    for (int i = 2; i < r->result.n; i++)
        worst = r->result.at[i].sqnr < r->result.at[worst].sqnr ? i : worst;
    if (r->result.n) {
        print_result("error", &r->result.at[0], out);
        if (r->judged < r->samples)
            fprintf(out, " on %d of the samples", r->judged);
        fputc('\n', out);
    }
    if (r->result.n > 1) {
        print_result("", &r->result.at[worst], out);
        fputc('\n', out);
    }
    if (!isnan(r->picked_from))
        fprintf(out, "            before elements are picked (their order may change): "
                "%.1f dB SQNR\n", r->picked_from);
}

/* As a shell would need it. */
static void print_word(const char *option, const char *word, FILE *out)
{
    bool plain = !word[strcspn(word, " \t\"'\\$&;()<>|*?[]#~=%!{}`")];
    fprintf(out, plain ? "%s%s" : "%s'%s'", option, word);
}

static void print_next(const struct report *r, FILE *out)
{
    print_word("Next: quern compare ", r->input.path, out);
    print_word(" ", r->output.path, out);
    print_word(" --data ", r->data ? r->data : "PATH", out);
    if (r->image)
        print_word(" --image ", r->image, out);
    fputc('\n', out);
}

void report_print(const struct report *r, FILE *out)
{
    char before[BYTES_TEXT], after[BYTES_TEXT], peak[BYTES_TEXT];
    struct cost cost = cost_now();
    fprintf(out, "%s -> %s (%s, %s)\n", r->input.path, r->output.path, r->target, r->format);
    fprintf(out, "  size      %s -> %s", bytes_text(r->input.bytes, before),
            bytes_text(r->output.bytes, after));
    if (r->input.bytes)
        fprintf(out, " (%.1f %%)", 100.0 * (double)r->output.bytes / (double)r->input.bytes);
    fputc('\n', out);
    print_layers(r, out);
    print_data(r, out);
    print_results(r, out);
    fprintf(out, "  cost      %.2f s, %.2f s of CPU time, %s of memory at the peak\n",
            log_clock() - r->started, cost.cpu_seconds, bytes_text(cost.peak_bytes, peak));
    print_next(r, out);
}
