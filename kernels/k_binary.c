/* SPDX-License-Identifier: Apache-2.0
 *
 * k_binary: the template for each type, and what differs between them. Signed integers wrap: they
 * are computed with unsigned, and division is guarded against what traps.
 */
#include "k_binary.h"

#include "k_simd.h"

#include <math.h>

static inline float div_f32(float p, float q)
{
    return p / q;
}
static inline float fmod_f32(float p, float q)
{
    return fmodf(p, q);
}
static inline float pow_f32(float p, float q)
{
    return q == 2 ? p * p : q == 3 ? p * p * p : q == 0.5f ? sqrtf(p) : powf(p, q);
}
static inline double div_f64(double p, double q)
{
    return p / q;
}
static inline double fmod_f64(double p, double q)
{
    return fmod(p, q);
}
static inline double pow_f64(double p, double q)
{
    return pow(p, q);
}

static inline int64_t div_i64(int64_t p, int64_t q)
{
    return q == 0 ? 0 : q == -1 ? (int64_t)(0 - (uint64_t)p) : p / q;
}
static inline int64_t fmod_i64(int64_t p, int64_t q)
{
    return q == 0 || q == -1 ? 0 : p % q;
}
static inline int64_t mod_i64(int64_t p, int64_t q)
{
    int64_t r = fmod_i64(p, q);
    return r && (r < 0) != (q < 0) ? r + q : r;
}
static inline uint64_t div_u64(uint64_t p, uint64_t q)
{
    return q ? p / q : 0;
}
static inline uint64_t mod_u64(uint64_t p, uint64_t q)
{
    return q ? p % q : 0;
}

/* By squaring; of a negative exponent only 1 and -1 have a power that is an integer. */
static inline uint64_t pow_u64(uint64_t p, uint64_t q)
{
    uint64_t y = 1;
    for (; q; q >>= 1, p *= p)
        if (q & 1)
            y *= p;
    return y;
}
static inline int64_t pow_i64(int64_t p, int64_t q)
{
    if (q < 0)
        return p == 1 ? 1 : p == -1 ? (q & 1 ? -1 : 1) : 0;
    return (int64_t)pow_u64((uint64_t)p, (uint64_t)q);
}

static inline double mod_f64(double p, double q)
{
    double r = fmod(p, q);
    return r != 0 && (r < 0) != (q < 0) ? r + q : r;
}
static inline float mod_f32(float p, float q)
{
    float r = fmodf(p, q);
    return r != 0 && (r < 0) != (q < 0) ? r + q : r;
}
static inline uint64_t fmod_u64(uint64_t p, uint64_t q)
{
    return mod_u64(p, q);
}

#define T float
#define U float
#define NAME(fn) fn##_f32
#include "k_binary_tmpl.h"
#undef T
#undef U
#undef NAME

#define T double
#define U double
#define NAME(fn) fn##_f64
#include "k_binary_tmpl.h"
#undef T
#undef U
#undef NAME

#define K_BINARY_INTEGER
#define T int64_t
#define U uint64_t
#define NAME(fn) fn##_i64
#include "k_binary_tmpl.h"
#undef T
#undef U
#undef NAME

#define T uint64_t
#define U uint64_t
#define NAME(fn) fn##_u64
#include "k_binary_tmpl.h"

struct pair {
    uint64_t a, b;
};

#define WHERE(type)                                                                                \
    do {                                                                                           \
        const type *p = (const type *)a, *q = (const type *)b;                                     \
        type *to = (type *)y;                                                                      \
        for (int64_t i = 0; i < n; i++)                                                            \
            to[i] = c[i * sc] ? p[i * sa] : q[i * sb];                                             \
    } while (0)

void k_where(const uint8_t *c, int64_t sc, const void *a, int64_t sa, const void *b, int64_t sb,
             void *y, size_t item, int64_t n)
{
    switch (item) {
    case 1: WHERE(uint8_t); break;
    case 2: WHERE(uint16_t); break;
    case 4: WHERE(uint32_t); break;
    case 8: WHERE(uint64_t); break;
    default: WHERE(struct pair); break;
    }
}
