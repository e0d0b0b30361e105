/* SPDX-License-Identifier: Apache-2.0
 *
 * real: float data is used where it lies; anything else is converted in the call's scratch.
 */
#include "real.h"

#include "k_convert.h"
#include "ops.h"

const float *real_in(const struct call *c, int i)
{
    const struct tensor *t = call_in(c, i);
    if (!t || t->dtype == DTYPE_F32)
        return t ? tensor_f32(t) : NULL;
    int64_t n = tensor_count(t);
    float *x = NEW_BUFFER(c->scratch, n, float);
    k_load_f32(t->dtype, t->data, 0, 1, n, x);
    return x;
}

float *real_out(const struct call *c, int i)
{
    const struct tensor *t = call_out(c, i);
    if (!t || t->dtype == DTYPE_F32)
        return t ? tensor_f32(t) : NULL;
    return NEW_BUFFER(c->scratch, tensor_count(t), float);
}

void real_store(const struct call *c, int i, const float *y)
{
    const struct tensor *t = call_out(c, i);
    if (t && t->dtype != DTYPE_F32)
        k_store_f32(t->dtype, t->data, 0, tensor_count(t), y);
}

int real_check(const struct call *c, int i, struct err *err)
{
    const struct tensor *t = call_in(c, i);
    if (!t || !t->dtype || dtype_info(t->dtype)->is_float)
        return 0;
    return err_set(err, ERR_INPUT, "input %d: type %s is not supported", i,
                   dtype_info(t->dtype)->name);
}
