/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_match: fits what lies in a file to what an input of the model wants.
 *
 * The shape: a leading axis of length 1 is added or taken away; nothing else is guessed. The type:
 * any float becomes any other float, integers become integers or floats where no value changes.
 * Elements of a sequence are of any shape.
 */
#include "dataset_kind.h"

#include "k_stats.h"

#include <math.h>

static int fail_type(const struct feed *f, const struct tensor *t, struct err *err)
{
    char want[SHAPE_TEXT], got[SHAPE_TEXT];
    return err_set(err, ERR_INPUT, "input '%s': expected %s%s, got %s%s", f->name,
                   f->dtype ? dtype_info(f->dtype)->name : "any type",
                   shape_text(&f->shape, want), dtype_info(t->dtype)->name,
                   shape_text(&t->shape, got));
}

static bool fit_shape(const struct shape *want, struct shape *s)
{
    if (want->rank < 0)
        return true;
    if (s->rank == want->rank + 1 && s->dim[0] == 1) {
        *s = shape_of(s->rank - 1, s->dim + 1);
    } else if (s->rank == want->rank - 1) {
        struct shape longer = {.rank = want->rank, .dim = {1}};
        for (int i = 0; i < s->rank; i++)
            longer.dim[i + 1] = s->dim[i];
        *s = longer;
    }
    if (s->rank != want->rank)
        return false;
    for (int i = 0; i < s->rank; i++)
        if (want->dim[i] >= 0 && want->dim[i] != s->dim[i])
            return false;
    return true;
}

static bool is_whole(enum dtype t)
{
    return dtype_info(t)->is_integer || t == DTYPE_BOOL;
}

static int fail_value(const struct feed *f, const struct tensor *t, int64_t i, struct err *err)
{
    return err_set(err, ERR_INPUT, "input '%s': element %lld of the %s data is %.17g, which %s "
                                   "cannot hold", f->name, (long long)i,
                   dtype_info(t->dtype)->name, tensor_get(t, i), dtype_info(f->dtype)->name);
}

static int convert(const struct feed *f, const struct tensor *t, struct tensor *to,
                   struct err *err)
{
    const struct dtype_info *want = dtype_info(f->dtype);
    bool from_whole = is_whole(t->dtype), to_whole = is_whole(f->dtype);
    for (int64_t i = 0, n = tensor_count(t); i < n; i++) {
        double v = tensor_get(t, i);
        bool exact = true;
        if (to_whole) {
            int64_t k = tensor_get_int(t, i);
            exact = k >= want->min && k <= want->max && !(t->dtype == DTYPE_U64 && k < 0);
            dtype_store_int(f->dtype, to->data, i, k);
        } else {
            dtype_store(f->dtype, to->data, i, v);
            double back = tensor_get(to, i);
            exact = from_whole ? back == v && fabs(v) <= 0x1p53 : !isfinite(v) || isfinite(back);
        }
        if (!exact)
            return fail_value(f, t, i, err);
    }
    return 0;
}

static bool all_finite(const struct tensor *t)
{
    int64_t n = tensor_count(t), bad = 0;
    float min, max;
    if (t->dtype == DTYPE_F32)
        return !k_extremes(tensor_f32(t), n, &min, &max);
    for (int64_t i = 0; i < n && !bad; i++)
        bad = !isfinite(tensor_get(t, i));
    return !bad;
}

static int fit_sequence(const struct feed *f, const struct tensor *t, struct arena *a,
                        const struct tensor **out, struct err *err)
{
    struct feed one = *f;
    struct tensor *sequence = arena_copy(a, t, sizeof *t);
    int64_t n = tensor_count(t);
    struct tensor *element = NEW_ARRAY(a, n + 1, struct tensor);
    one.dtype = dtype_element(f->dtype);
    one.shape.rank = -1;
    for (int64_t i = 0; i < n; i++) {
        const struct tensor *fit;
        TRY(dataset_fit(&one, (const struct tensor *)t->data + i, a, &fit, err));
        element[i] = *fit;
    }
    sequence->dtype = f->dtype;
    sequence->data = element;
    *out = sequence;
    return 0;
}

int dataset_fit(const struct feed *f, const struct tensor *t, struct arena *a,
                const struct tensor **out, struct err *err)
{
    if (dtype_is_sequence(f->dtype) && dtype_is_sequence(t->dtype))
        return fit_sequence(f, t, a, out, err);
    struct tensor *view = arena_copy(a, t, sizeof *t);
    enum dtype want = f->dtype ? f->dtype : t->dtype;
    bool is_float = dtype_info(want)->is_float;
    bool fits = want == t->dtype || (is_whole(t->dtype) && (is_float || is_whole(want)))
             || (dtype_info(t->dtype)->is_float && is_float);
    if (!fits || !fit_shape(&f->shape, &view->shape))
        return fail_type(f, t, err);
    if (want != t->dtype) {
        struct tensor *made = tensor_new(a, want, &view->shape);
        TRY(convert(f, t, made, err));
        view = made;
    }
    if (is_float && !f->any_number && !all_finite(view))
        return err_set(err, ERR_INPUT, "input '%s': there are NaN or infinite elements", f->name);
    *out = view;
    return 0;
}
