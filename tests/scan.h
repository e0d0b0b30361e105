/* SPDX-License-Identifier: Apache-2.0
 *
 * scan: takes names, numbers, types and data off a text, for the tests' little languages. What is
 * not as expected ends the program with the file and the line. A `#` starts a comment.
 */
#ifndef SCAN_H
#define SCAN_H

#include "tensor.h"

struct scan { /* a place in a text */
    const char *path, *at;
    int line;
};

_Noreturn void scan_fail(const struct scan *t, const char *what);
/* Takes a word or a sign if it is next. */
bool scan_take(struct scan *t, const char *word);
void scan_expect(struct scan *t, const char *word);
bool scan_is_next(struct scan *t, char c);
/* Names are made of letters, digits and _ . / : $ */
bool scan_name_is_next(struct scan *t);
const char *scan_name(struct scan *t, struct arena *a);
const char *scan_string(struct scan *t, struct arena *a);
int64_t scan_integer(struct scan *t);
double scan_number(struct scan *t);
/* "float[1,?,N]", "float" (rank 0), "float[...]" (any rank), "?" (nothing is known); false: the
 * next word is none, or it is a name, with "=" or "," behind it. */
bool scan_type(struct scan *t, struct tensor *type);
/* "{1, 2.5}", "fill(0.5)", "random(seed)" between -1 and 1, "random(seed, lo, hi)", and "3" for
 * rank 0. */
struct tensor *scan_data(struct scan *t, struct arena *a, const struct tensor *type);

#endif
