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
    size_t size;
    struct buffer *next;
    struct buffer **held; /* of a list (exec_list.h): where its elements lie; NULL: not ours */
    int64_t n_held;
};

struct cell {
    enum face face;
    struct tensor t;
    struct buffer *buffer; /* NULL: memory of the caller or of the model, never written */
    struct cell *next;     /* the value's other forms */
};

/* Free buffers and cells, shared by the runs of one thread. */
enum { N_CLASSES = 4 * 12 }; /* of sizes up to 128 kB */
struct pool {
    struct buffer *free[N_CLASSES], *spare; /* spare: heads without data */
    struct cell *cells;
    struct arena arena;   /* of heads and cells */
    struct arena scratch; /* emptied after each call of an operator */
    int users;
};

struct pool *pool_open(void);
void pool_leave(struct pool *p); /* frees it with its last user */

/* Memory that no cell uses yet; how much it is; and one user less. */
struct buffer *buffer_take(struct pool *p, size_t size);
void buffer_drop(struct pool *p, struct buffer *b);

/* A new form of a value, with memory for type t (dtype, layout, shape), not cleared. */
struct cell *cell_new(struct pool *p, struct cell **forms, enum face face, const struct tensor *t);
/* Another form in the same memory; `of` is NULL where it is not the run's: then t->data is. */
struct cell *cell_share(struct pool *p, struct cell **forms, enum face face,
                        const struct tensor *t, const struct cell *of);
/* A form in a part of a buffer, or (NULL) in memory that is not the run's: at t->data. */
struct cell *cell_in(struct pool *p, struct cell **forms, enum face face, const struct tensor *t,
                     struct buffer *buffer);
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
