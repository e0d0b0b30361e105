/* SPDX-License-Identifier: Apache-2.0
 *
 * rnn: what the recurrent operators share: attributes, shapes of inputs and outputs, and where the
 * data of one direction lies in them.
 */
#ifndef RNN_H
#define RNN_H

#include "k_rnn.h"
#include "op.h"

/* Where the inputs are; -1: the operator has none. */
struct rnn_slots {
    int b, lens, h, c, p;
};

struct rnn {
    enum k_rnn_kind kind;
    int dirs;
    bool backward;    /* the first direction is the reverse one */
    bool batch_first; /* layout 1 */
    int64_t steps, batch, in, hidden; /* -1: not known */
    bool linear_before_reset, input_forget;
    double clip;
    struct k_rnn_act act[2][3]; /* by direction */
};

/* Attributes, and sizes from x [steps][batch][in] (layout 0). `hidden` is what is known of it from
 * the weights, else -1. */
int rnn_read(const struct call *c, enum k_rnn_kind kind, int64_t hidden, struct rnn *r,
             struct err *err);
/* -1 with a text where an input is known to have another shape; dims below 0 fit anything. */
int rnn_check_shape(const struct call *c, int slot, const char *name, int rank, const int64_t *dim,
                    struct err *err);
/* The same for the inputs in these slots. */
int rnn_check_inputs(const struct call *c, const struct rnn *r, const struct rnn_slots *s,
                     struct err *err);
/* Shapes of Y, Y_h and Y_c. */
void rnn_set_outputs(const struct call *c, const struct rnn *r);

/* The lengths in the call's scratch, checked; NULL: not given. */
int rnn_lengths(const struct call *c, int slot, const struct rnn *r, const int64_t **lens,
                struct err *err);
/* The kernel's view of a direction. */
struct k_rnn rnn_direction(const struct rnn *r, int dir, const int64_t *lens);

/* Elements from the start of Y, or of a state tensor, to a direction; and from one sequence's state
 * to the next. */
int64_t rnn_offset(const struct rnn *r, int dir);
int64_t rnn_state_stride(const struct rnn *r);

#endif
