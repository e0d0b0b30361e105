/* SPDX-License-Identifier: Apache-2.0
 *
 * extreme: what OpenVINO rounds wrongly.
 *
 * OpenVINO 2026.4 joins a ReduceMax or a ReduceMin, and element-wise operators behind it, with the
 * quantizer that follows, and then keeps the extremes in the type of the codes: numbers between
 * whole ones become whole, minima anything. (Wrong by 16 to 25 dB, and by all.) A GlobalMaxPool is
 * a ReduceMax there. It moves quantizers in front of a Concat, too. Where a Flatten, an Expand or
 * the like stands between they are not joined. Sums and products are wrong in the same way, but in
 * some orders of memory only (those for AMX among them), which cannot be told beforehand.
 */
#ifndef EXTREME_H
#define EXTREME_H

#include "graph.h"

/* Is it one of them, or made of one alone, or joined with others, with neither a layer nor a change
 * of the number of elements, nor a lower rank, between? or_sum: or a ReduceSum or ReduceProd? */
bool value_is_extreme(const struct value *v, bool or_sum);

#endif
