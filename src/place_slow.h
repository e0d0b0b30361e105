/* SPDX-License-Identifier: Apache-2.0
 *
 * place_slow: layers that the target's float kernel computes faster, whatever is around them. Where
 * a rule says `quantize: all` of a node, they are not asked for.
 */
#ifndef PLACE_SLOW_H
#define PLACE_SLOW_H

#include "target.h"

#define SLOW_GROUPS "the target's float kernel is much faster for so small groups"
#define SLOW_PRODUCT "the target's float kernel is faster for so few channels"
#define SLOW_DEPTHWISE "the target's float kernel is faster for such a depthwise convolution"
#define SLOW_VOLUME "the target's float kernel is faster for volumes of so few channels"

/* Stays float as a whole. */
bool place_is_slow_group(const struct target *t, const struct node *n);
bool place_is_slow_product(const struct target *t, const struct node *n);
bool place_is_slow_depthwise(const struct target *t, const struct node *n);
/* Its weight alone is rounded. */
bool place_is_slow_volume(const struct target *t, const struct node *n);

#endif
