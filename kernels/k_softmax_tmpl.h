/* SPDX-License-Identifier: Apache-2.0
 *
 * k_softmax_tmpl: written once for float and double. Before including it: T, NAME(f), LOG, and EXP,
 * which is only asked for numbers up to 0.
 */

enum { NAME(BLOCK) = 64, NAME(LANES) = 32 };

K_INLINE T NAME(largest)(const T *x, int64_t n)
{
    T lane[NAME(LANES)], m;
    int64_t i = 0;
    for (int k = 0; k < NAME(LANES); k++)
        lane[k] = -INFINITY;
    for (; i + NAME(LANES) <= n; i += NAME(LANES))
        for (int k = 0; k < NAME(LANES); k++)
            lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
    for (m = lane[0]; i < n; i++)
        m = x[i] > m ? x[i] : m;
    for (int k = 1; k < NAME(LANES); k++)
        m = lane[k] > m ? lane[k] : m;
    return m;
}

/* Sum of exp(x - m), in a fixed number of interleaved parts; the terms go to y. */
K_INLINE T NAME(terms)(const T *x, T *y, int64_t n, T m)
{
    T lane[NAME(LANES)] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + NAME(LANES) <= n; i += NAME(LANES)) {
        K_NO_CARRY
        for (int k = 0; k < NAME(LANES); k++) {
            T e = EXP(x[i + k] - m);
            y[i + k] = e;
            lane[k] += e;
        }
    }
    K_NO_CARRY
    for (int64_t k = i; k < n; k++)
        y[k] = EXP(x[k] - m);
    for (; i < n; i++)
        sum += y[i];
    for (int k = 0; k < NAME(LANES); k++)
        sum += lane[k];
    return sum;
}

K_CLONES static void NAME(softmax_row)(const T *x, T *y, int64_t n, bool logs)
{
    T m = NAME(largest)(x, n);
    if (logs) {
        T sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += EXP(x[i] - m);
        sum = LOG(sum);
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i] - m - sum;
        return;
    }
    T factor = 1 / NAME(terms)(x, y, n, m);
    for (int64_t i = 0; i < n; i++)
        y[i] *= factor;
}

/* w neighbouring columns of n rows that are `inner` apart. */
K_CLONES static void NAME(softmax_columns)(const T *x, T *y, int64_t n, int64_t inner, int64_t w,
                                           bool logs)
{
    T m[NAME(BLOCK)], sum[NAME(BLOCK)];
    for (int64_t k = 0; k < w; k++) {
        m[k] = -INFINITY;
        sum[k] = 0;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < w; k++)
            m[k] = x[i * inner + k] > m[k] ? x[i * inner + k] : m[k];
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < w; k++)
            sum[k] += EXP(x[i * inner + k] - m[k]);
    for (int64_t k = 0; logs && k < w; k++)
        sum[k] = LOG(sum[k]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < w; k++) {
            T d = x[i * inner + k] - m[k];
            y[i * inner + k] = logs ? d - sum[k] : EXP(d) / sum[k];
        }
}

void NAME(k_softmax)(const T *x, T *y, int64_t outer, int64_t n, int64_t inner, bool logs)
{
    for (int64_t o = 0; o < outer; o++, x += n * inner, y += n * inner) {
        if (inner == 1) {
            NAME(softmax_row)(x, y, n, logs);
            continue;
        }
        for (int64_t j = 0; j < inner; j += NAME(BLOCK))
            NAME(softmax_columns)(x + j, y + j, n, inner,
                                  inner - j < NAME(BLOCK) ? inner - j : NAME(BLOCK), logs);
    }
}
