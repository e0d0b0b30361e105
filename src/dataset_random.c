/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_random: normal noise for the float inputs, zeros for the others.
 *
 * Sample i of an input depends on i and on the input alone. A normal number is the sum of twelve
 * uniform ones (Irwin-Hall), made of integers: no library's logarithm decides about its last bit,
 * so it is the same on every machine.
 */
#include "dataset_kind.h"

enum { DEFAULT_SAMPLES = 32 };

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static double random_normal(uint64_t *state)
{
    int sum = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t r = random_next(state);
        sum += (int)(r & 0xffff) + (int)(r >> 16 & 0xffff) + (int)(r >> 32 & 0xffff)
             + (int)(r >> 48);
    }
    return (sum - 6 * 65535) / 65536.0;
}

static int random_open(struct dataset *d, const struct dataset_options *o, struct err *err)
{
    for (int f = 0; f < d->n_feeds; f++) {
        struct feed *feed = &d->feed[f];
        char text[SHAPE_TEXT];
        if (feed->start)
            continue;
        if (feed->shape.rank > 0 && feed->shape.dim[0] < 0)
            feed->shape.dim[0] = 1;
        if (!shape_known(&feed->shape))
            return err_set(err, ERR_INPUT,
                           "random data: input '%s' is %s: only the first axis may be of unknown "
                           "length; give real data or fix the shape of the input", feed->name,
                           shape_text(&feed->shape, text));
        if (!dtype_info(feed->dtype)->bits)
            return err_set(err, ERR_INPUT, "random data: input '%s' has elements of type %s",
                           feed->name, dtype_info(feed->dtype)->name);
    }
    d->total = o->samples ? o->samples : DEFAULT_SAMPLES;
    return 0;
}

static const char *random_name(struct dataset *d, int64_t i)
{
    return arena_printf(&d->arena, "random[%lld]", (long long)i);
}

static int random_read(const struct dataset *d, int64_t i, struct arena *a,
                       const struct tensor **t, struct err *err)
{
    (void)err;
    for (int f = 0; f < d->n_feeds; f++) {
        const struct feed *feed = &d->feed[f];
        if (feed->start)
            continue;
        struct tensor *noise = tensor_new(a, feed->dtype, &feed->shape);
        uint64_t state = (uint64_t)i << 32 | (uint32_t)f;
        state = random_next(&state);
        int64_t n = dtype_info(feed->dtype)->is_float ? tensor_count(noise) : 0;
        for (int64_t k = 0; k < n; k++)
            dtype_store(feed->dtype, noise->data, k, random_normal(&state));
        t[f] = noise;
    }
    return 0;
}

const struct dataset_kind dataset_random = {
    "random sample", "random samples", random_open, random_name, random_read, NULL,
};
