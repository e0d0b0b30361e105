/* SPDX-License-Identifier: Apache-2.0
 *
 * log: what quern tells a person on standard error while it works. Results go to standard output
 * and are written by the commands. Layers below the passes do not log: they return errors.
 */
#ifndef LOG_H
#define LOG_H

enum log_level { LOG_QUIET, LOG_INFO, LOG_DEBUG };
void log_set_level(enum log_level level);

/* A line for everybody; a line for -v. */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Progress of long work: on a terminal one line that is overwritten, with an estimate of the time
 * left; elsewhere nothing. done == total ends the line. Safe from any thread. */
void log_progress(const char *what, int done, int total);

/* Seconds since some fixed moment; for durations. */
double log_clock(void);

#endif
