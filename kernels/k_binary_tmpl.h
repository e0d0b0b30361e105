/* SPDX-License-Identifier: Apache-2.0
 *
 * k_binary_tmpl: the functions of two numbers, written once for each type. Before including it: T
 * the type, U the one to add and multiply in, NAME(f) a function name of this type,
 * K_BINARY_INTEGER where T is one; and the inline functions NAME(div), NAME(mod), NAME(fmod),
 * NAME(pow).
 */

/* The three usual forms of a row get loops of their own, which the compiler makes vectors of. */
#define EACH(value)                                                                                \
    if (sa == 1 && sb == 1) {                                                                      \
        K_NO_CARRY                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T p = a[i], q = b[i];                                                            \
            y[i] = (value);                                                                        \
        }                                                                                          \
    } else if (sa == 1 && sb == 0) {                                                               \
        const T q = *b;                                                                            \
        K_NO_CARRY                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T p = a[i];                                                                      \
            y[i] = (value);                                                                        \
        }                                                                                          \
    } else if (sa == 0 && sb == 1) {                                                               \
        const T p = *a;                                                                            \
        K_NO_CARRY                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T q = b[i];                                                                      \
            y[i] = (value);                                                                        \
        }                                                                                          \
    } else {                                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T p = a[i * sa], q = b[i * sb];                                                  \
            y[i] = (value);                                                                        \
        }                                                                                          \
    }                                                                                              \
    break

K_CLONES void NAME(k_binary)(enum k_binary op, const T *a, int64_t sa, const T *b, int64_t sb, T *y,
                             int64_t n)
{
    switch (op) {
    case K_ADD: EACH((T)((U)p + (U)q));
    case K_SUB: EACH((T)((U)p - (U)q));
    case K_MUL: EACH((T)((U)p * (U)q));
    case K_DIV: EACH(NAME(div)(p, q));
    case K_MAX: EACH(((p > q) | (p != p)) ? p : q);
    case K_MIN: EACH(((p < q) | (p != p)) ? p : q);
    case K_MOD: EACH(NAME(mod)(p, q));
    case K_FMOD: EACH(NAME(fmod)(p, q));
    case K_POW: EACH(NAME(pow)(p, q));
    case K_PRELU: EACH(p > 0 ? p : (T)((U)p * (U)q));
#ifdef K_BINARY_INTEGER
    case K_BIT_AND: EACH(p & q);
    case K_BIT_OR: EACH(p | q);
    case K_BIT_XOR: EACH(p ^ q);
    case K_SHIFT_LEFT: EACH((uint64_t)q > 63 ? 0 : (T)((uint64_t)p << q));
    case K_SHIFT_RIGHT: EACH((T)(p >> ((uint64_t)q > 63 ? 63 : q)) >> ((uint64_t)q > 63));
#else
    default: break;
#endif
    }
}

void NAME(k_compare)(enum k_compare op, const T *a, int64_t sa, const T *b, int64_t sb, uint8_t *y,
                     int64_t n)
{
    switch (op) {
    case K_EQUAL: EACH(p == q);
    case K_GREATER: EACH(p > q);
    case K_GREATER_OR_EQUAL: EACH(p >= q);
    case K_LESS: EACH(p < q);
    case K_LESS_OR_EQUAL: EACH(p <= q);
    }
}

#undef EACH
