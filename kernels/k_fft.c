/* SPDX-License-Identifier: Apache-2.0
 *
 * k_fft: a stage of Stockham's algorithm turns n / r sequences of r numbers each into r sequences
 * of n / r numbers; sequences that belong together stay neighbours, so that loops over them are
 * contiguous, and nothing is left in a wrong order.
 */
#include "k_fft.h"

#include "k_simd.h"

#include <math.h>
#include <string.h>

enum { LARGEST_RADIX = 47 };

/* The radix of the next stage for what is left of a length; 0: a prime that is too large. */
static int64_t next_radix(int64_t n)
{
    if (n % 4 == 0)
        return 4;
    for (int64_t r = 2; r <= LARGEST_RADIX; r++)
        if (n % r == 0)
            return r;
    return 0;
}

static int64_t inner_length(int64_t n)
{
    int64_t rest = n, r, power = 1;
    while (rest > 1 && (r = next_radix(rest)) > 0)
        rest /= r;
    if (rest == 1)
        return n;
    while (power < 2 * n - 1)
        power *= 2;
    return power;
}

size_t k_fft_table(int64_t n)
{
    int64_t inner = inner_length(n);
    return (size_t)(inner == n ? 2 * n : 2 * (n + 2 * inner));
}

size_t k_fft_scratch(int64_t n, int64_t rows)
{
    int64_t inner = inner_length(n);
    return (size_t)(rows * (inner == n ? 2 * n : 4 * inner));
}

/* Where a stage reads and writes. */
struct stage {
    const double *re, *im;
    double *to_re, *to_im;
    int64_t n, length; /* numbers in a sequence before the stage, and in the whole transform */
    int64_t stride;    /* of neighbours in a sequence: how many sequences lie side by side */
};

/* to += or = w * from, complex. */
K_CLONES static void accumulate(double *to_re, double *to_im, const double *re, const double *im,
                                double w_re, double w_im, int64_t n, bool first)
{
    if (first) {
        K_NO_CARRY
        for (int64_t q = 0; q < n; q++) {
            to_re[q] = w_re * re[q] - w_im * im[q];
            to_im[q] = w_re * im[q] + w_im * re[q];
        }
    } else {
        K_NO_CARRY
        for (int64_t q = 0; q < n; q++) {
            to_re[q] += w_re * re[q] - w_im * im[q];
            to_im[q] += w_re * im[q] + w_im * re[q];
        }
    }
}

static void stage_any(const struct stage *s, const double *root, int64_t r)
{
    int64_t m = s->n / r, step = s->length / s->n;
    for (int64_t p = 0; p < m; p++)
        for (int64_t k = 0; k < r; k++)
            for (int64_t j = 0; j < r; j++) {
                int64_t w = (j * k % r * (s->length / r) + p * k * step) % s->length;
                int64_t to = s->stride * (r * p + k), from = s->stride * (p + j * m);
                accumulate(s->to_re + to, s->to_im + to, s->re + from, s->im + from, root[2 * w],
                           root[2 * w + 1], s->stride, j == 0);
            }
}

/* The same for r = 4, whose inner factors are 1, -i, -1 and i. w: the outer factors of outputs 1
 * to 3. */
K_CLONES static void butterfly_4(const struct stage *s, int64_t p, const double *w)
{
    int64_t n = s->stride, m = s->n / 4;
    const double *re = s->re + n * p, *im = s->im + n * p;
    double *to_re = s->to_re + 4 * n * p, *to_im = s->to_im + 4 * n * p;
    K_NO_CARRY
    for (int64_t q = 0; q < n; q++) {
        double a_re = re[q], b_re = re[q + n * m], c_re = re[q + 2 * n * m];
        double a_im = im[q], b_im = im[q + n * m], c_im = im[q + 2 * n * m];
        double d_re = re[q + 3 * n * m], d_im = im[q + 3 * n * m];
        double even_re = a_re + c_re, even_im = a_im + c_im;
        double odd_re = b_re + d_re, odd_im = b_im + d_im;
        double far_re = a_re - c_re, far_im = a_im - c_im;
        double turn_re = b_im - d_im, turn_im = d_re - b_re; /* -i (b - d) */
        double x_re = far_re + turn_re, x_im = far_im + turn_im;
        double y_re = even_re - odd_re, y_im = even_im - odd_im;
        double z_re = far_re - turn_re, z_im = far_im - turn_im;
        to_re[q] = even_re + odd_re;
        to_im[q] = even_im + odd_im;
        to_re[q + n] = w[0] * x_re - w[1] * x_im;
        to_im[q + n] = w[0] * x_im + w[1] * x_re;
        to_re[q + 2 * n] = w[2] * y_re - w[3] * y_im;
        to_im[q + 2 * n] = w[2] * y_im + w[3] * y_re;
        to_re[q + 3 * n] = w[4] * z_re - w[5] * z_im;
        to_im[q + 3 * n] = w[4] * z_im + w[5] * z_re;
    }
}

static void stage_4(const struct stage *s, const double *root)
{
    int64_t step = s->length / s->n;
    for (int64_t p = 0; p < s->n / 4; p++) {
        double w[6];
        for (int k = 1; k < 4; k++)
            memcpy(w + 2 * (k - 1), root + 2 * p * k * step, 2 * sizeof *w);
        butterfly_4(s, p, w);
    }
}

/* In place; the scratch has room for as much again. */
static void stockham(int64_t length, const double *root, int64_t rows, double *re, double *im,
                     double *scratch)
{
    double *other = scratch + length * rows;
    struct stage s = {re, im, scratch, other, length, length, rows};
    size_t size = (size_t)(length * rows) * sizeof *re;
    while (s.n > 1) {
        int64_t r = next_radix(s.n);
        if (r == 4)
            stage_4(&s, root);
        else
            stage_any(&s, root, r);
        s = (struct stage){s.to_re, s.to_im, s.to_re == re ? scratch : re,
                           s.to_im == im ? other : im, s.n / r, length, s.stride * r};
    }
    if (s.re != re) {
        memcpy(re, scratch, size);
        memcpy(im, other, size);
    }
}

void k_fft_init(struct k_fft *f, int64_t n, double *table, double *scratch)
{
    const double pi = 3.14159265358979323846;
    int64_t inner = inner_length(n);
    double *chirp = table + 2 * inner, *filter = chirp + 2 * n;
    *f = (struct k_fft){.n = n, .inner = inner, .root = table};
    for (int64_t k = 0; k < inner; k++) {
        table[2 * k] = cos(2 * pi * (double)k / (double)inner);
        table[2 * k + 1] = -sin(2 * pi * (double)k / (double)inner);
    }
    if (inner == n)
        return;
    f->chirp = chirp;
    f->filter = filter;
    memset(filter, 0, 2 * (size_t)inner * sizeof *filter);
    for (int64_t k = 0; k < n; k++) {
        int64_t square = (int64_t)((uint64_t)k * (uint64_t)k % (uint64_t)(2 * n));
        double angle = pi * (double)square / (double)n;
        int64_t mirror = k ? inner - k : 0;
        chirp[k] = cos(angle);
        chirp[n + k] = -sin(angle);
        filter[k] = filter[mirror] = cos(angle) / (double)inner;
        filter[inner + k] = filter[inner + mirror] = sin(angle) / (double)inner;
    }
    stockham(inner, table, 1, filter, filter + inner, scratch);
}

/* to = w * from, complex, for n numbers w and as many rows each. */
K_CLONES static void multiply(double *to_re, double *to_im, const double *re, const double *im,
                              const double *w, int64_t n, int64_t rows)
{
    for (int64_t k = 0; k < n; k++) {
        double w_re = w[k], w_im = w[n + k];
        K_NO_CARRY
        for (int64_t q = k * rows; q < (k + 1) * rows; q++) {
            double x_re = re[q], x_im = im[q];
            to_re[q] = w_re * x_re - w_im * x_im;
            to_im[q] = w_re * x_im + w_im * x_re;
        }
    }
}

void k_fft(const struct k_fft *f, int64_t rows, double *re, double *im, double *scratch)
{
    int64_t inner = f->inner, used = f->n * rows;
    if (inner == f->n) {
        stockham(inner, f->root, rows, re, im, scratch);
        return;
    }
    double *a_re = scratch, *a_im = a_re + inner * rows, *rest = a_im + inner * rows;
    size_t unused = (size_t)(inner * rows - used) * sizeof *a_re;
    multiply(a_re, a_im, re, im, f->chirp, f->n, rows);
    memset(a_re + used, 0, unused);
    memset(a_im + used, 0, unused);
    stockham(inner, f->root, rows, a_re, a_im, rest);
    multiply(a_re, a_im, a_re, a_im, f->filter, inner, rows);
    stockham(inner, f->root, rows, a_im, a_re, rest);
    multiply(re, im, a_re, a_im, f->chirp, f->n, rows);
}
