/* SPDX-License-Identifier: Apache-2.0
 *
 * packed: one piece of memory behind the node's state, added by compare-and-swap.
 */
#include "packed.h"

#include "ops.h"

struct packed {
    struct op_state state;
    _Alignas(64) char data[];
};

static void packed_release(struct op_state *s)
{
    mem_free(s);
}

static bool is_kept(const struct call *c, unsigned inputs)
{
    return c->state && (c->constant & inputs) == inputs;
}

void *packed_find(const struct call *c, unsigned inputs)
{
    struct packed *p = NULL;
    if (is_kept(c, inputs))
        p = (struct packed *)__atomic_load_n(c->state, __ATOMIC_ACQUIRE);
    return p ? p->data : NULL;
}

void *packed_room(const struct call *c, unsigned inputs, size_t size)
{
    if (!is_kept(c, inputs))
        return arena_alloc(c->scratch, size);
    struct packed *p = mem_alloc(sizeof *p + size);
    p->state.release = packed_release;
    return p->data;
}

void *packed_keep(const struct call *c, unsigned inputs, void *room)
{
    struct op_state *old = NULL;
    if (!is_kept(c, inputs))
        return room;
    struct packed *mine = (struct packed *)((char *)room - offsetof(struct packed, data));
    if (__atomic_compare_exchange_n(c->state, &old, &mine->state, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return room;
    mem_free(mine);
    return ((struct packed *)old)->data;
}

unsigned packed_inputs(const struct call *c, int i, int j)
{
    unsigned bits = 0;
    if (call_in(c, i))
        bits |= 1u << i;
    if (call_in(c, j))
        bits |= 1u << j;
    return bits;
}
