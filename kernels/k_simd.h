/* SPDX-License-Identifier: Apache-2.0
 *
 * k_simd: K_CLONES before a kernel makes the compiler write it several times, for plain x86-64,
 * AVX2 and AVX-512, and choose by processor when the program starts. All versions do the same
 * operations in the same order (no contraction to fused multiply-add), so their results agree to
 * the bit.
 */
#ifndef K_SIMD_H
#define K_SIMD_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)                            \
    || __has_feature(memory_sanitizer)
#define K_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define K_SANITIZED 1
#endif

/* The choice runs before a sanitizer is ready, so sanitized builds have only the plain version; and
 * clang 14 does not export the name that the versions share. */
#if defined(__x86_64__) && defined(__linux__) && !defined(K_SANITIZED) && !defined(__clang__)
#if __has_attribute(target_clones)
#define K_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
/* For kernels that call fmaf() on purpose: with instructions for it where the processor has them,
 * by libm elsewhere, which gives the same bits. */
#define K_CLONES_FMA __attribute__((target_clones("fma", "default")))
#endif
#endif
#ifndef K_CLONES
#define K_CLONES
#define K_CLONES_FMA
#endif

/* For helpers of such kernels, so that each version has its own. */
#define K_INLINE static inline __attribute__((always_inline))

/* Before a loop whose iterations are independent although its arrays may be the same one. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* a loop that calls libm stays as it is */
#define K_NO_CARRY _Pragma("clang loop vectorize(assume_safety)")
#else
#define K_NO_CARRY _Pragma("GCC ivdep")
#endif

#endif
