/* SPDX-License-Identifier: Apache-2.0
 *
 * k_code_cache: generated code, kept by what it was made for.
 *
 * A model is planned many times while it is quantized, mostly with the same convolutions, and
 * making their code costs as much as running it a few times. Code may have many users at a time;
 * what has none is kept for the next one, 256 pieces at most. Safe from several threads.
 */
#ifndef K_CODE_CACHE_H
#define K_CODE_CACHE_H

#include <stdbool.h>
#include <stddef.h>

enum { K_CODE_KEY = 320 }; /* bytes of a key at most */

struct k_code {
    void *primitive, *packer; /* what computes, and what brings the weight into its order */
};

/* The code for this key, with a user more; false: there is none. */
bool k_code_take(const void *key, size_t n, struct k_code *code);
/* New code with one user. What has to make room for it is the caller's to destroy: primitive NULL
 * where nothing has. */
struct k_code k_code_keep(const void *key, size_t n, const struct k_code *code);
/* A user less. True: the code is not kept, and the caller's to destroy. */
bool k_code_leave(const struct k_code *code);

#endif
