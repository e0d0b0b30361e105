/* SPDX-License-Identifier: Apache-2.0
 *
 * k_reduce_tmpl: reductions, written once for each type. Before including it: T the type, ACC the
 * one to accumulate in, U the one for its sums and products, LOWEST and HIGHEST of ACC, IS_NAN(v),
 * NAME(f), K_REDUCE_REAL where T is floating.
 */

enum { NAME(LANES) = 16, NAME(BLOCK) = 128 };

/* One run of n elements: `step` takes element v into accumulator a, `join` accumulator v. */
#define ROW(init, step, join)                                                                      \
    {                                                                                              \
        for (int k = 0; k < NAME(LANES); k++)                                                      \
            lane[k] = (init);                                                                      \
        for (; i + NAME(LANES) <= n; i += NAME(LANES))                                             \
            for (int k = 0; k < NAME(LANES); k++) {                                                \
                const ACC a = lane[k], v = (ACC)x[i + k];                                          \
                lane[k] = (step);                                                                  \
            }                                                                                      \
        for (; i < n; i++) {                                                                       \
            const ACC a = lane[0], v = (ACC)x[i];                                                  \
            lane[0] = (step);                                                                      \
        }                                                                                          \
        for (int k = 1; k < NAME(LANES); k++) {                                                    \
            const ACC a = lane[0], v = lane[k];                                                    \
            lane[0] = (join);                                                                      \
        }                                                                                          \
        return lane[0];                                                                            \
    }

/* `shift` is taken off before exp(). */
K_CLONES static ACC NAME(row)(enum k_reduce op, const T *x, int64_t n, ACC shift)
{
    ACC lane[NAME(LANES)];
    int64_t i = 0;
    (void)shift;
    switch (op) {
    case K_REDUCE_MAX: ROW(LOWEST, ((a > v) | (a != a)) ? a : v, ((a > v) | (a != a)) ? a : v);
    case K_REDUCE_MIN: ROW(HIGHEST, ((a < v) | (a != a)) ? a : v, ((a < v) | (a != a)) ? a : v);
    case K_REDUCE_PROD: ROW(1, (ACC)((U)a * (U)v), (ACC)((U)a * (U)v));
    case K_REDUCE_L1: ROW(0, (ACC)((U)a + (v < 0 ? 0 - (U)v : (U)v)), (ACC)((U)a + (U)v));
    case K_REDUCE_L2: case K_REDUCE_SUM_SQUARE:
        ROW(0, (ACC)((U)a + (U)v * (U)v), (ACC)((U)a + (U)v));
#ifdef K_REDUCE_REAL
    case K_REDUCE_LOG_SUM_EXP: ROW(0, a + exp(v - shift), a + v);
#endif
    default: ROW(0, (ACC)((U)a + (U)v), (ACC)((U)a + (U)v));
    }
}

#undef ROW

#define COLUMNS(init, step)                                                                        \
    {                                                                                              \
        for (int64_t k = 0; k < m; k++)                                                            \
            acc[k] = (init);                                                                       \
        for (int64_t r = 0; r < n; r++)                                                            \
            for (int64_t k = 0; k < m; k++) {                                                      \
                const ACC a = acc[k], v = (ACC)x[r * inner + k];                                   \
                acc[k] = (step);                                                                   \
            }                                                                                      \
        break;                                                                                     \
    }

/* m neighbouring columns of n rows that are `inner` apart. */
K_CLONES static void NAME(columns)(enum k_reduce op, const T *x, int64_t n, int64_t inner,
                                   int64_t m, const ACC *shift, ACC *acc)
{
    (void)shift;
    switch (op) {
    case K_REDUCE_MAX: COLUMNS(LOWEST, ((a > v) | (a != a)) ? a : v);
    case K_REDUCE_MIN: COLUMNS(HIGHEST, ((a < v) | (a != a)) ? a : v);
    case K_REDUCE_PROD: COLUMNS(1, (ACC)((U)a * (U)v));
    case K_REDUCE_L1: COLUMNS(0, (ACC)((U)a + (v < 0 ? 0 - (U)v : (U)v)));
    case K_REDUCE_L2: case K_REDUCE_SUM_SQUARE: COLUMNS(0, (ACC)((U)a + (U)v * (U)v));
#ifdef K_REDUCE_REAL
    case K_REDUCE_LOG_SUM_EXP: COLUMNS(0, a + exp(v - shift[k]));
#endif
    default: COLUMNS(0, (ACC)((U)a + (U)v));
    }
}

#undef COLUMNS

/* What is done to a sum in the end. */
static T NAME(finish)(enum k_reduce op, ACC a, int64_t n, ACC shift)
{
    (void)shift;
    switch (op) {
    case K_REDUCE_MEAN: return (T)(n ? a / (ACC)n : 0 * a);
#ifdef K_REDUCE_REAL
    case K_REDUCE_L2: return (T)sqrt(a);
    case K_REDUCE_LOG_SUM: return (T)log(a);
    case K_REDUCE_LOG_SUM_EXP: return (T)(log(a) + shift);
#endif
    default: return (T)a;
    }
}

/* exp() is taken of differences to the largest element, where that is finite. */
static ACC NAME(shift)(ACC largest)
{
    return largest > LOWEST && largest < HIGHEST ? largest : 0;
}

void NAME(k_reduce)(enum k_reduce op, const T *x, T *y, int64_t outer, int64_t n, int64_t inner)
{
    ACC acc[NAME(BLOCK)], shift[NAME(BLOCK)] = {0};
    bool shifted = op == K_REDUCE_LOG_SUM_EXP;
    for (int64_t o = 0; o < outer; o++, x += n * inner, y += inner) {
        if (inner == 1) {
            if (shifted)
                shift[0] = NAME(shift)(NAME(row)(K_REDUCE_MAX, x, n, 0));
            *y = NAME(finish)(op, NAME(row)(op, x, n, shift[0]), n, shift[0]);
            continue;
        }
        for (int64_t j = 0; j < inner; j += NAME(BLOCK)) {
            int64_t m = inner - j < NAME(BLOCK) ? inner - j : NAME(BLOCK);
            if (shifted) {
                NAME(columns)(K_REDUCE_MAX, x + j, n, inner, m, shift, acc);
                for (int64_t k = 0; k < m; k++)
                    shift[k] = NAME(shift)(acc[k]);
            }
            NAME(columns)(op, x + j, n, inner, m, shift, acc);
            for (int64_t k = 0; k < m; k++)
                y[j + k] = NAME(finish)(op, acc[k], n, shift[k]);
        }
    }
}

void NAME(k_arg)(const T *x, int64_t *y, int64_t outer, int64_t n, int64_t inner, int smallest,
                 int last)
{
    for (int64_t o = 0; o < outer; o++)
        for (int64_t j = 0; j < inner; j++) {
            const T *p = x + o * n * inner + j;
            int64_t best = 0;
            for (int64_t i = 1; i < n && !IS_NAN(p[best * inner]); i++) {
                const T v = p[i * inner], b = p[best * inner];
                if ((smallest ? v < b : v > b) || IS_NAN(v) || (last && v == b))
                    best = i;
            }
            y[o * inner + j] = best;
        }
}
