/* SPDX-License-Identifier: Apache-2.0
 *
 * log: one process-wide level and one progress line; both are set up by main().
 */
#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level level = LOG_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char what[64];
    double start, shown;
    int visible;
} line;

void log_set_level(enum log_level l)
{
    level = l;
}

double log_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void line_clear(void)
{
    if (line.visible)
        fprintf(stderr, "\r\033[K");
    line.visible = 0;
}

static void print_line(const char *fmt, va_list ap)
{
    pthread_mutex_lock(&lock);
    line_clear();
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    pthread_mutex_unlock(&lock);
}

void log_info(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (level >= LOG_INFO)
        print_line(fmt, ap);
    va_end(ap);
}

void log_debug(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (level >= LOG_DEBUG)
        print_line(fmt, ap);
    va_end(ap);
}

void log_progress(const char *what, int done, int total)
{
    if (level < LOG_INFO || !isatty(STDERR_FILENO))
        return;
    pthread_mutex_lock(&lock);
    double now = log_clock();
    if (strncmp(line.what, what, sizeof line.what - 1)) {
        snprintf(line.what, sizeof line.what, "%s", what);
        line.start = now;
        line.shown = 0;
    }
    if (done >= total) {
        line_clear();
        line.what[0] = 0;
    } else if (now - line.shown > 0.1 && now - line.start > 0.5) {
        double left = done ? (now - line.start) / done * (total - done) : 0;
        fprintf(stderr, "\r\033[K%s: %d of %d, %.0f s left", what, done, total, left);
        fflush(stderr);
        line.shown = now;
        line.visible = 1;
    }
    pthread_mutex_unlock(&lock);
}
