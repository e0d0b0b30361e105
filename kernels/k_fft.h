/* SPDX-License-Identifier: Apache-2.0
 *
 * k_fft: discrete Fourier transforms of any length, in double, several at a time: element k of
 * transform r is re[k * rows + r] + i im[k * rows + r].
 *
 * Lengths without a large prime factor go by Stockham's algorithm, radix by radix; others by
 * Bluestein's, as a convolution of a length that is a power of two.
 */
#ifndef K_FFT_H
#define K_FFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct k_fft {
    int64_t n;          /* length, at least 1 */
    int64_t inner;      /* n, or the power of two of a convolution */
    const double *root; /* cos and -sin of 2 pi k / inner, k < inner */
    const double *chirp, *filter; /* where inner != n; real parts before imaginary ones */
};

/* Doubles that k_fft_init() wants for its table, which must live as long as the plan; and those
 * that k_fft() wants for a number of rows. k_fft_init() needs k_fft_scratch(n, 1). */
size_t k_fft_table(int64_t n);
size_t k_fft_scratch(int64_t n, int64_t rows);
void k_fft_init(struct k_fft *f, int64_t n, double *table, double *scratch);

/* In place: x[j] -> sum over k of x[k] exp(-2 pi i j k / n). With re and im exchanged it is the
 * inverse, but for the factor 1 / n. */
void k_fft(const struct k_fft *f, int64_t rows, double *re, double *im, double *scratch);

#endif
