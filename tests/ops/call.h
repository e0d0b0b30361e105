/* SPDX-License-Identifier: Apache-2.0
 *
 * call: applying one operator to tensors, as the executor does.
 */
#ifndef TEST_CALL_H
#define TEST_CALL_H

#include "kernels/ref.h"
#include "op.h"

/* A node that is in no list, in a model of its own with this opset. */
struct node *call_node(const char *domain, const char *type, int n_in, int n_out, int64_t opset);
void call_node_close(struct node *n);
/* infer and eval; tests that all went well, and that infer without data says nothing else. Outputs
 * of as many axes as the input of most axes get its layout. */
void call_run(struct arena *a, struct node *n, const struct tensor *const *in, struct tensor **out);
/* The error text; infer or eval must fail. */
const char *call_fail(struct arena *a, struct node *n, const struct tensor *const *in);

/* Whole numbers for integers, -1 .. 1 for floats. */
struct tensor *random_tensor(struct arena *a, struct random *r, enum dtype t,
                             const struct shape *s);
struct shape random_shape(struct random *r, int rank, int64_t most);
/* The same tensor stored the other way. */
struct tensor *other_layout(struct arena *a, const struct tensor *t);

#endif
