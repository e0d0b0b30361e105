/* SPDX-License-Identifier: Apache-2.0
 *
 * pages: large pieces of memory.
 *
 * What is given back is kept for who wants memory next, since the first touch of new pages costs
 * more than most operators. Keeping raises no peak: what is in use and what lies idle are hardly
 * more together than what once was in use. All functions may be called by any thread. Out of memory
 * ends the program.
 */
#ifndef PAGES_H
#define PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* Aligned to a page; *clear: it is zero. */
void *pages_take(size_t size, bool *clear);
void pages_give(void *p, size_t size);
/* Zeroed, and always new, so that what is never touched takes no memory; and back to the system. */
void *pages_take_clear(size_t size);
void pages_give_clear(void *p, size_t size);

#endif
