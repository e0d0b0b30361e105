/* SPDX-License-Identifier: Apache-2.0
 *
 * recurrent: LSTM, GRU and RNN with integer weights.
 *
 *     LSTM(x, W, R, ...)             =>  DynamicQuantizeLSTM(x, codes and scales of W and R, ...):
 *                                        the runtime rounds x and the state at each step
 *     LSTM | GRU | RNN(x, W, R, ...) =>  quants on W and R, which become DequantizeLinear nodes:
 *                                        smaller files, float arithmetic
 *
 * Weights have one scale for each row of a gate; with two directions, DequantizeLinear has one for
 * that row of both.
 */
#ifndef RECURRENT_H
#define RECURRENT_H

#include "place.h"

bool recurrent_is(const struct node *n);
/* Why a recurrent node cannot have the second form; NULL: it can. */
const char *recurrent_reason_against_weights(const struct target *t, const struct node *n);
/* The same for the first form. */
const char *recurrent_reason_against_dynamic(const struct target *t, const struct node *n);
/* Is there a node that takes the first form? */
bool recurrent_any_dynamic(const struct target *t, const struct model *m);

struct recurrent_old { /* what a node was */
    enum op op;
    const char *domain, *type;
    struct value *weight[2];
    int n_in;
};
void recurrent_make_dynamic(const struct target *t, struct node *n, struct recurrent_old *old);
void recurrent_take_back(struct node *n, const struct recurrent_old *old);
/* Quants, solved, on the node's own W and R. */
void recurrent_round_weights(struct node *n);
/* The type of a node's weights; false: they are float. */
bool recurrent_weights(const struct node *n, struct qtype *t, int64_t *scales);

#endif
