/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_cell: where a run keeps values. A cell is one form of a value: one face in one layout. Cells
 * may share a buffer; a buffer goes back to the pool with its last cell.
 */
#ifndef EXEC_CELL_H
#define EXEC_CELL_H

#include "exec_plan.h"

struct buffer {
    void *data;
    int cells; /* that use it */
    int class; /* of sizes */
    struct buffer *next;
};

struct cell {
    enum face face;
    struct tensor t;
    struct buffer *buffer; /* NULL: memory of the caller or of the model, never written */
    struct cell *next;     /* the value's other forms */
};

/* Free buffers and cells, shared by the runs of one thread. */
enum { N_CLASSES = 4 * 48 };
struct pool {
    struct buffer *free[N_CLASSES], *spare; /* spare: heads without data */
    size_t idle; /* bytes in free buffers */
    struct cell *cells;
    struct arena arena; /* of heads and cells */
    int users;
};

struct pool *pool_open(void);
void pool_leave(struct pool *p); /* frees it with its last user */

/* A new form of a value, with memory for type t (dtype, layout, shape), not cleared. */
struct cell *cell_new(struct pool *p, struct cell **forms, enum face face, const struct tensor *t);
/* Another form in the same memory; `of` is NULL where it is not the run's: then t->data is. */
struct cell *cell_share(struct pool *p, struct cell **forms, enum face face,
                        const struct tensor *t, const struct cell *of);
struct cell *cell_find(struct cell *forms, enum face face, enum layout layout);
/* Drops one form, or all of them. */
void cell_free(struct pool *p, struct cell **forms, struct cell *c);
void cells_free(struct pool *p, struct cell **forms);

/* Do both layouts store this shape alike? */
bool layouts_agree(const struct shape *s);
/* Can tensors of this type be stored channels-last? Packed types cannot. */
bool layout_converts(enum dtype t);
/* Another layout of a form; `from` may belong to another run. */
struct cell *cell_layout(struct pool *p, struct cell **forms, const struct cell *from,
                         enum layout layout);

#endif
