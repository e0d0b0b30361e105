/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fold: blocks added up, against a search of all of them for each element of the image.
 */
#include "k_fold.h"
#include "ref.h"

#include "arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static int64_t product(const int64_t *dim, int n)
{
    return n ? dim[0] * product(dim + 1, n - 1) : 1;
}

/* Sum of what falls on this position of the image, over axes from `axis` on; tap and block are the
 * flat positions so far. */
static double sum_at(const struct k_fold *f, const float *x, const int64_t *at, int axis,
                     int64_t tap, int64_t block)
{
    if (axis == f->axes || axis == K_FOLD_AXES)
        return (double)x[tap * product(f->blocks, f->axes) + block];
    double sum = 0;
    for (int64_t k = 0; k < f->block[axis]; k++)
        for (int64_t b = 0; b < f->blocks[axis]; b++)
            if (b * f->stride[axis] - f->pad[axis] + k * f->dilation[axis] == at[axis])
                sum += sum_at(f, x, at, axis + 1, tap * f->block[axis] + k,
                              block * f->blocks[axis] + b);
    return sum;
}

static void check(struct arena *a, struct random *r)
{
    struct k_fold f = {.axes = (int)random_int(r, 1, 3), .planes = random_int(r, 0, 3)};
    for (int i = 0; i < f.axes; i++) {
        f.image[i] = random_int(r, 1, 7);
        f.stride[i] = random_int(r, 1, 3);
        f.dilation[i] = random_int(r, 1, 3);
        f.pad[i] = random_int(r, 0, 3);
        f.block[i] = random_int(r, 1, 3);
        f.blocks[i] = random_int(r, 1, 4);
    }
    int64_t image = product(f.image, f.axes);
    int64_t cut = product(f.block, f.axes) * product(f.blocks, f.axes);
    float *x = NEW_ARRAY(a, f.planes * cut + 1, float), *y = NEW_ARRAY(a, f.planes * image, float);
    double *x64 = NEW_ARRAY(a, f.planes * cut, double);
    double *y64 = NEW_ARRAY(a, f.planes * image, double);
    uint64_t *codes = NEW_ARRAY(a, f.planes * cut, uint64_t);
    uint64_t *sums = NEW_ARRAY(a, f.planes * image, uint64_t);
    for (int64_t i = 0; i < f.planes * cut; i++) {
        x[i] = (float)random_int(r, -99, 99);
        x64[i] = (double)x[i];
        codes[i] = (uint64_t)(int64_t)x[i];
    }
    memset(y, 0xff, (size_t)(f.planes * image) * sizeof *y);
    k_fold_f32(&f, x, y);
    k_fold_f64(&f, x64, y64);
    k_fold_u64(&f, codes, sums);
    for (int64_t i = 0; i < f.planes * image; i++) {
        int64_t at[K_FOLD_AXES], flat = i % image;
        for (int k = f.axes - 1; k >= 0; k--) {
            at[k] = flat % f.image[k];
            flat /= f.image[k];
        }
        double want = sum_at(&f, x + i / image * cut, at, 0, 0, 0);
        assert_true((double)y[i] == want && y64[i] == want);
        assert_true(sums[i] == (uint64_t)(int64_t)want);
    }
    arena_reset(a);
}

static void test_random(void **state)
{
    (void)state;
    struct random r = {1};
    struct arena arena = {0};
    for (int i = 0; i < 500; i++)
        check(&arena, &r);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
