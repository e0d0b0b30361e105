/* SPDX-License-Identifier: Apache-2.0
 *
 * pages: large pieces of memory from the system, by mapping.
 *
 * What is given back is kept for who wants about as much next, since the first touch of new pages
 * costs more than most operators. Keeping raises no peak: what is in use and what lies idle are
 * never more together than what once was in use. All functions may be called by any thread.
 */
#ifndef PAGES_H
#define PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* *size bytes or some more, which it is set to, aligned to a page; *clear: they are zero. Out of
 * memory ends the program. */
void *pages_take(size_t *size, bool *clear);
/* The same for who gives it back soon, and for whom much more than wanted is no harm. */
void *pages_take_briefly(size_t *size, bool *clear);
/* Zeroed, and always new, so that what is never touched takes no memory. */
void *pages_take_clear(size_t size);
void pages_give(void *p, size_t size);

#endif
