/* SPDX-License-Identifier: Apache-2.0
 *
 * activation: recognition by the users of a value, evaluation in double.
 */
#include "activation.h"

#include "match.h"

#include "k_simd.h"

#include <math.h>

static double limit(const struct node *clip, int slot, const char *attr, double otherwise)
{
    const struct tensor *t = node_constant(clip, slot);
    if (t && tensor_count(t) == 1)
        return tensor_get(t, 0);
    return (double)node_float(clip, attr, (float)otherwise);
}

/* HardSwish(x) = x * HardSigmoid(x) with these numbers. */
static bool is_hard_swish_gate(const struct node *n)
{
    return n->op == OP_HardSigmoid && match_near((double)node_float(n, "alpha", 0.2f), 1.0 / 6)
        && match_near((double)node_float(n, "beta", 0.5f), 0.5);
}

/* What v * gate(v) is where nothing else reads v; fills in out. */
static enum activation_kind gate_behind(const struct value *v, const struct value **out)
{
    const struct node *gate = NULL, *mul = NULL;
    int users = 0;
    value_each_use(v, u) {
        users++;
        if (u->user->op == OP_Sigmoid || is_hard_swish_gate(u->user))
            gate = u->user;
        else if (u->user->op == OP_Mul)
            mul = u->user;
    }
    if (users != 2 || !gate || !mul || value_only_user(gate->out[0]) != mul)
        return ACTIVATION_NONE;
    *out = mul->out[0];
    return gate->op == OP_Sigmoid ? ACTIVATION_SILU : ACTIVATION_HARDSWISH;
}

struct activation activation_behind(const struct value *v)
{
    struct activation f = {.lo = -INFINITY, .hi = INFINITY, .out = v};
    f.kind = gate_behind(v, &f.out);
    if (f.kind != ACTIVATION_NONE)
        return f;
    const struct node *n = value_only_user(v);
    if (!n || node_input(n, 0) != v)
        return f;
    switch (n->op) {
    case OP_Relu:
        f.kind = ACTIVATION_CLIP;
        f.lo = 0;
        break;
    case OP_Clip:
        f.kind = ACTIVATION_CLIP;
        f.lo = limit(n, 1, "min", -INFINITY);
        f.hi = limit(n, 2, "max", INFINITY);
        break;
    case OP_LeakyRelu:
        f.kind = ACTIVATION_LEAKY;
        f.alpha = (double)node_float(n, "alpha", 0.01f);
        break;
    case OP_HardSwish: f.kind = ACTIVATION_HARDSWISH; break;
    case OP_Swish:
        f.kind = node_float(n, "alpha", 1) == 1 ? ACTIVATION_SILU : ACTIVATION_NONE;
        break;
    default: break;
    }
    if (f.kind != ACTIVATION_NONE)
        f.out = n->out[0];
    return f;
}

double activation_value(const struct activation *f, double y, double *slope)
{
    switch (f->kind) {
    case ACTIVATION_NONE: break;
    case ACTIVATION_CLIP:
        *slope = y > f->lo && y < f->hi;
        return fmin(fmax(y, f->lo), f->hi);
    case ACTIVATION_LEAKY:
        *slope = y > 0 ? 1 : f->alpha;
        return y * *slope;
    case ACTIVATION_HARDSWISH:
        *slope = y <= -3 ? 0 : y >= 3 ? 1 : (2 * y + 3) / 6;
        return y * fmin(fmax(y + 3, 0), 6) / 6;
    case ACTIVATION_SILU: {
        double s = 1 / (1 + exp(-y));
        *slope = s * (1 + y * (1 - s));
        return y * s;
    }
    }
    *slope = 1;
    return y;
}

K_CLONES void activation_add(const struct activation *f, const float *y, int64_t n,
                             float *restrict value, float *restrict slope)
{
    float lo = (float)f->lo, hi = (float)f->hi, alpha = (float)f->alpha;
    if (f->kind == ACTIVATION_NONE || f->kind == ACTIVATION_CLIP) {
        for (int64_t i = 0; i < n; i++) {
            float v = y[i] > lo ? y[i] : lo;
            value[i] += v < hi ? v : hi;
            slope[i] += y[i] > lo && y[i] < hi ? 1.0f : 0.0f;
        }
    } else if (f->kind == ACTIVATION_LEAKY) {
        for (int64_t i = 0; i < n; i++) {
            float k = y[i] > 0 ? 1.0f : alpha;
            value[i] += k * y[i];
            slope[i] += k;
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            double k;
            value[i] += (float)activation_value(f, (double)y[i], &k);
            slope[i] += (float)k;
        }
    }
}
