/* SPDX-License-Identifier: Apache-2.0
 *
 * str: the growing string; it doubles its room.
 */
#include "str.h"

#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void str_reserve(struct str *s, size_t more)
{
    if (s->n + more + 1 <= s->room)
        return;
    size_t room = s->room ? s->room : 64;
    while (room < s->n + more + 1)
        room *= 2;
    char *text = mem_alloc(room);
    if (s->text)
        memcpy(text, s->text, s->n);
    mem_free(s->text);
    s->text = text;
    s->room = room;
}

void str_add_n(struct str *s, const void *bytes, size_t n)
{
    str_reserve(s, n);
    memcpy(s->text + s->n, bytes, n);
    s->n += n;
    s->text[s->n] = 0;
}

void str_add(struct str *s, const char *text)
{
    str_add_n(s, text, strlen(text));
}

void str_printf(struct str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char probe[1];
    int n = vsnprintf(probe, sizeof probe, fmt, ap);
    va_end(ap);
    str_reserve(s, (size_t)n);
    va_start(ap, fmt);
    vsnprintf(s->text + s->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    s->n += (size_t)n;
}

void str_release(struct str *s)
{
    mem_free(s->text);
    memset(s, 0, sizeof *s);
}

bool str_list_has(const char *list, const char *word, char separator)
{
    size_t n = strlen(word);
    for (const char *p = list; p && *p;) {
        const char *end = strchr(p, separator);
        size_t here = end ? (size_t)(end - p) : strlen(p);
        if (here == n && !memcmp(p, word, n))
            return true;
        p += here + (end != NULL);
    }
    return false;
}

int str_glob(const char *pattern, const char *name)
{
    const char *star = NULL, *mark = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            mark = name;
        } else if (*pattern && (*pattern == '?' || *pattern == *name)) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++mark;
        } else {
            return 0;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}
