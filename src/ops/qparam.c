/* SPDX-License-Identifier: Apache-2.0
 *
 * qparam: scales become float and zero points int32, whatever they are stored as.
 */
#include "qparam.h"

#include "k_round.h"
#include "ops.h"

#include <inttypes.h>
#include <math.h>

static bool is_code(enum dtype t)
{
    return t == DTYPE_U8 || t == DTYPE_I8;
}

int code_check(const struct call *c, int slot, struct err *err)
{
    const struct tensor *t = call_in(c, slot);
    if (!t || !t->dtype || is_code(t->dtype))
        return 0;
    return err_set(err, ERR_INPUT, "input %d must be uint8 or int8, not %s", slot,
                   dtype_info(t->dtype)->name);
}

int inputs_need(const struct call *c, unsigned inputs, struct err *err)
{
    for (int i = 0; inputs >> i; i++)
        if (inputs >> i & 1 && !call_in(c, i))
            return err_set(err, ERR_INPUT, "input %d is left out", i);
    return 0;
}

int code_dtype(const struct call *c, int slot, enum dtype otherwise, enum dtype *t,
               struct err *err)
{
    const struct tensor *zero = call_in(c, slot);
    TRY(code_check(c, slot, err));
    *t = zero ? zero->dtype : otherwise;
    return 0;
}

int scales_read(const struct call *c, int slot, int64_t n, struct scales *s, struct err *err)
{
    const struct tensor *t = call_in(c, slot);
    if (!t)
        return err_set(err, ERR_INPUT, "input %d, a scale, is missing", slot);
    int64_t count = tensor_count(t);
    if (count != 1 && count != n)
        return err_set(err, ERR_INPUT,
                       "input %d, a scale, has %" PRId64 " elements for %" PRId64 " channels", slot,
                       count, n);
    if (!dtype_info(t->dtype)->is_float)
        return err_set(err, ERR_INPUT, "input %d, a scale, is %s", slot,
                       dtype_info(t->dtype)->name);
    float *v = NEW_ARRAY(c->scratch, count, float);
    for (int64_t i = 0; i < count; i++)
        v[i] = (float)tensor_get(t, i);
    *s = (struct scales){v, count > 1};
    return 0;
}

int zeros_read(const struct call *c, int slot, enum dtype codes, int64_t n, struct zeros *z,
               struct err *err)
{
    static const int32_t none = 0;
    const struct tensor *t = slot < 0 ? NULL : call_in(c, slot);
    *z = (struct zeros){&none, 0};
    if (!t)
        return 0;
    int64_t count = tensor_count(t);
    if (count != 1 && count != n)
        return err_set(err, ERR_INPUT,
                       "input %d, a zero point, has %" PRId64 " elements for %" PRId64 " channels",
                       slot, count, n);
    if (t->dtype != codes)
        return err_set(err, ERR_INPUT, "input %d, a zero point, is %s for codes of %s", slot,
                       dtype_info(t->dtype)->name, dtype_info(codes)->name);
    int32_t *v = NEW_ARRAY(c->scratch, count, int32_t);
    for (int64_t i = 0; i < count; i++)
        v[i] = (int32_t)tensor_get_int(t, i);
    *z = (struct zeros){v, count > 1};
    return 0;
}

int scale_read(const struct call *c, int slot, float *v, struct err *err)
{
    struct scales s;
    TRY(scales_read(c, slot, 1, &s, err));
    *v = *s.at;
    return 0;
}

int zero_read(const struct call *c, int slot, enum dtype codes, int32_t *v, struct err *err)
{
    struct zeros z;
    TRY(zeros_read(c, slot, codes, 1, &z, err));
    *v = *z.at;
    return 0;
}

void codes_of_sums(const struct sums *s, int32_t zero, enum dtype t, void *codes)
{
    const struct dtype_info *info = dtype_info(t);
    k_sums_codes(s, (float)(info->min - zero), (float)(info->max - zero), zero, codes);
}

int32_t code_of(float v, float scale, int32_t zero, enum dtype t)
{
    int32_t code;
    k_quantize_f32(&v, DTYPE_I32, &code, 1, scale, zero, dtype_info(t)->min, dtype_info(t)->max);
    return code;
}

void dynamic_range(const float *x, int64_t n, float *scale, int32_t *zero)
{
    float lo = 0, hi = 0;
    for (int64_t i = 0; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    *scale = hi > lo ? (hi - lo) / 255 : 1;
    float z = rintf(-lo / *scale);
    *zero = (int32_t)(z < 0 ? 0 : z > 255 ? 255 : z);
}
