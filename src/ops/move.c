/* SPDX-License-Identifier: Apache-2.0
 *
 * move: spreading small elements over bytes, and packing them again.
 */
#include "move.h"

#include "ops.h"

#include <inttypes.h>
#include <string.h>

int move_open(struct call *c, const struct tensor *y, struct move *m, struct err *err)
{
    unsigned bits = dtype_info(y->dtype)->bits;
    if (!bits || bits == 6)
        return call_refuse_dtype(y->dtype, err);
    m->item = tensor_item(y) ? tensor_item(y) : 1;
    m->to = tensor_item(y) ? y->data : arena_alloc(c->scratch, (size_t)tensor_count(y) + 1);
    return 0;
}

const char *move_source(struct call *c, const struct tensor *x)
{
    if (tensor_item(x))
        return x->data;
    unsigned bits = dtype_info(x->dtype)->bits;
    const uint8_t *from = x->data;
    int64_t n = tensor_count(x);
    char *to = NEW_ARRAY(c->scratch, n + 1, char);
    for (int64_t i = 0; i < n; i++) {
        uint64_t at = (uint64_t)i * bits;
        to[i] = (char)(from[at / 8] >> at % 8 & ((1u << bits) - 1));
    }
    return to;
}

void move_close(struct tensor *y, const struct move *m)
{
    if (m->to == y->data)
        return;
    unsigned bits = dtype_info(y->dtype)->bits;
    uint8_t *to = y->data;
    int64_t n = tensor_count(y);
    memset(to, 0, dtype_size(y->dtype, n));
    for (int64_t i = 0; i < n; i++) {
        uint64_t at = (uint64_t)i * bits;
        to[at / 8] |= (uint8_t)((uint8_t)m->to[i] << at % 8);
    }
}

int index_check(const struct tensor *index, int64_t i, int64_t dim, int64_t *at, struct err *err)
{
    int64_t v = tensor_get_int(index, i);
    *at = v < 0 ? v + dim : v;
    if (*at < 0 || *at >= dim)
        return err_set(err, ERR_INPUT, "index %" PRId64 " is out of range for %" PRId64 " elements",
                       v, dim);
    return 0;
}
