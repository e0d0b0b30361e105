/* SPDX-License-Identifier: Apache-2.0
 *
 * ms_attention: com.microsoft's Attention behind its projection, which QAttention computes in
 * integers.
 */
#ifndef MS_ATTENTION_H
#define MS_ATTENTION_H

#include "op.h"

/* The call is of Attention. projected: [batch][row][Q, K, V]; NULL: to be computed. */
int ms_attention_run(struct call *c, const float *projected, struct err *err);

#endif
