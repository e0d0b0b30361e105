/* SPDX-License-Identifier: Apache-2.0
 *
 * qtype_words: reading and writing the words.
 */
#include "qtype_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A type by its name; false: it is none that values are quantized to. Where there are few codes,
 * all of them are used, and what is unsigned has a zero point. */
static bool parse_dtype(const char *word, struct qtype *t)
{
    enum dtype type = dtype_find(word);
    const struct dtype_info *d = dtype_info(type);
    bool small = type == DTYPE_F8E4M3FN || type == DTYPE_F8E5M2;
    if (!small && (!d->is_integer || (d->bits != 4 && d->bits != 8 && d->bits != 16)))
        return false;
    t->dtype = type;
    if (small)
        *t = (struct qtype){.dtype = type, .grain = GRAIN_TENSOR, .symmetric = true};
    if (d->bits < 8) {
        t->narrow = false;
        t->symmetric = d->min < 0;
    }
    return true;
}

static bool parse_block(const char *word, struct qtype *t)
{
    char *end;
    if (strncmp(word, "block=", 6))
        return false;
    long n = strtol(word + 6, &end, 10);
    if (*end || n < 1 || n > 1 << 20)
        return false;
    t->grain = GRAIN_BLOCK;
    t->block = n;
    return true;
}

int qtype_read(const char *option, const char *text, bool weights, struct qtype *t,
               struct err *err)
{
    char copy[128], *rest = copy;
    if (!text)
        return 0;
    if (strlen(text) >= sizeof copy)
        return err_set(err, ERR_USAGE, "%s: '%s' is too long", option, text);
    memcpy(copy, text, strlen(text) + 1);
    for (char *word; (word = strsep(&rest, ","));) {
        if (parse_dtype(word, t) || (weights && parse_block(word, t)))
            continue;
        if (!strcmp(word, "symmetric") || !strcmp(word, "asymmetric"))
            t->symmetric = *word == 's';
        else if (!weights && !strcmp(word, "token"))
            t->rows = true;
        else if (weights && (!strcmp(word, "tensor") || !strcmp(word, "channel")))
            t->grain = *word == 't' ? GRAIN_TENSOR : GRAIN_CHANNEL;
        else
            return err_set(err, ERR_USAGE, "%s: unknown word '%s'; known are %s, symmetric, "
                           "asymmetric", option, word,
                           weights ? "int8, uint8, int4, uint4, float8e4m3fn, float8e5m2, tensor, "
                                     "channel, block=N"
                                   : "uint8, int8, uint16, int16, float8e4m3fn, float8e5m2, "
                                     "token");
    }
    return 0;
}

char *qtype_words(const struct qtype *t, bool weights, char buf[QTYPE_WORDS])
{
    static const char *const grains[] = {",tensor", ",channel", ",block="};
    char block[24] = "";
    if (t->grain == GRAIN_BLOCK)
        snprintf(block, sizeof block, "%lld", (long long)t->block);
    snprintf(buf, QTYPE_WORDS, "%s%s%s,%s%s", dtype_info(t->dtype)->name,
             weights ? grains[t->grain] : "", weights ? block : "",
             t->symmetric ? "symmetric" : "asymmetric", t->rows ? ",token" : "");
    return buf;
}
