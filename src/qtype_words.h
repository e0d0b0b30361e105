/* SPDX-License-Identifier: Apache-2.0
 *
 * qtype_words: a type of quantized values as the user writes it: "int8,channel,symmetric".
 */
#ifndef QTYPE_WORDS_H
#define QTYPE_WORDS_H

#include "err.h"
#include "quant.h"

/* Changes *t to what the words say; what no word speaks of stays. Only weights have a grain:
 * tensor, channel, block=N; only activations may be "token": a scale a row, made at run time. text
 * NULL: nothing is said. Errors are ERR_USAGE and begin with `option`. */
int qtype_read(const char *option, const char *text, bool weights, struct qtype *t,
               struct err *err);
/* All the words that make t, whatever it is read onto. */
enum { QTYPE_WORDS = 64 };
char *qtype_words(const struct qtype *t, bool weights, char buf[QTYPE_WORDS]);

#endif
