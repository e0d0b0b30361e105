/* SPDX-License-Identifier: Apache-2.0
 *
 * activation: recognition by the users of a value, and evaluation of many numbers at once.
 */
#include "activation.h"

#include "match.h"

#include "k_simd.h"
#include "k_unary.h"

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

/* With s = Sigmoid(y), a block at a time. */
K_CLONES static void add_silu(const float *y, const float *s, int64_t n, float *restrict value,
                              float *restrict slope)
{
    for (int64_t i = 0; i < n; i++) {
        value[i] += y[i] * s[i];
        slope[i] += s[i] * (1 + y[i] * (1 - s[i]));
    }
}

K_CLONES static void add_hard_swish(const float *y, int64_t n, float *restrict value,
                                    float *restrict slope)
{
    for (int64_t i = 0; i < n; i++) {
        float low = y[i] > -3 ? y[i] : -3, between = low < 3 ? low : 3;
        value[i] += y[i] * (between + 3) / 6;
        slope[i] += y[i] >= 3 ? 1.0f : (low + between + 3) / 6 * (y[i] > -3 ? 1.0f : 0.0f);
    }
}

K_CLONES static void add_straight(const struct activation *f, const float *y, int64_t n,
                                  float *restrict value, float *restrict slope)
{
    float lo = (float)f->lo, hi = (float)f->hi, alpha = (float)f->alpha;
    if (f->kind == ACTIVATION_NONE || f->kind == ACTIVATION_CLIP) {
        for (int64_t i = 0; i < n; i++) {
            float v = y[i] > lo ? y[i] : lo;
            value[i] += v < hi ? v : hi;
            slope[i] += y[i] > lo && y[i] < hi ? 1.0f : 0.0f;
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            float k = y[i] > 0 ? 1.0f : alpha;
            value[i] += k * y[i];
            slope[i] += k;
        }
    }
}

void activation_add(const struct activation *f, const float *y, int64_t n, float *value,
                    float *slope)
{
    enum { BLOCK = 256 };
    float sigmoid[BLOCK];
    if (f->kind == ACTIVATION_HARDSWISH) {
        add_hard_swish(y, n, value, slope);
    } else if (f->kind == ACTIVATION_SILU) {
        for (int64_t i = 0; i < n; i += BLOCK) {
            int64_t part = n - i < BLOCK ? n - i : BLOCK;
            k_unary_f32(K_SIGMOID, y + i, sigmoid, part, 0, 0);
            add_silu(y + i, sigmoid, part, value + i, slope + i);
        }
    } else {
        add_straight(f, y, n, value, slope);
    }
}
