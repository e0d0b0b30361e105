/* SPDX-License-Identifier: Apache-2.0
 *
 * err: how a function says that something outside the program was at fault.
 *
 * A function that can fail for such a reason takes a `struct err *` last and returns -1 or NULL.
 * Whoever finds the fault calls err_set(); callers that know more put it in front with err_at():
 *
 *     quern: vgg.onnx: node 'conv3' (Conv): dilation 2 on axis 1 is not supported
 *
 * Our own faults are assert() or BUG(): they end the program with a message and a core.
 */
#ifndef ERR_H
#define ERR_H

enum err_code {
    ERR_NONE,
    ERR_INPUT,   /* the model, the data or a file of the user is at fault: exit code 1 */
    ERR_USAGE,   /* the command line is wrong: exit code 2 */
    ERR_MACHINE, /* disk full, no permission to write, out of memory: exit code 3 */
};

struct err {
    enum err_code code;
    char text[1024];
};

/* Sets code and text (no full stop, no newline); returns -1: `return err_set(...)` reads well. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "context: " in front of the text; returns -1. */
int err_at(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The exit code of the program for this error. */
int err_exit_code(const struct err *e);

/* A broken promise inside the program. */
_Noreturn void bug(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define BUG(...) bug(__FILE__, __LINE__, __VA_ARGS__)

/* Ends the program with exit code 3: it cannot go on, and nobody could handle it. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define TRY(call)                                                                                  \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            return -1;                                                                             \
    } while (0)

#endif
