/* SPDX-License-Identifier: Apache-2.0
 *
 * op_det: Det, the determinants of the matrices along the last two axes, in double.
 */
#include "ops.h"

#include "k_convert.h"
#include "k_det.h"
#include "real.h"

int infer_det(struct call *c, struct err *err)
{
    struct shape s = c->in[0]->shape;
    TRY(real_check(c, 0, err));
    if (s.rank >= 0) {
        if (s.rank < 2)
            return err_set(err, ERR_INPUT, "the input is no matrix");
        int64_t rows = s.dim[s.rank - 2], columns = s.dim[s.rank - 1];
        if (rows >= 0 && columns >= 0 && rows != columns)
            return err_set(err, ERR_INPUT, "the matrix is not square");
        s.rank -= 2;
    }
    call_set(c, 0, c->in[0]->dtype, &s);
    return 0;
}

int eval_det(struct call *c, struct err *err)
{
    const struct tensor *x = c->in[0], *y = c->out[0];
    int64_t n = x->shape.dim[x->shape.rank - 1], count = tensor_count(y);
    double *a = NEW_ARRAY(c->scratch, n * n + 1, double);
    (void)err;
    for (int64_t i = 0; i < count; i++) {
        k_load_f64(x->dtype, x->data, i * n * n, 1, n * n, a);
        dtype_store(y->dtype, y->data, i, k_det(a, n));
    }
    return 0;
}
