/* SPDX-License-Identifier: Apache-2.0
 *
 * pairs: sums of two products that fit 16 bits.
 *
 * On x86 processors without VNNI, runtimes multiply codes of inputs by codes of weights with
 * VPMADDUBSW: it takes uint8 and int8 and adds the products of two neighbours in int16, where
 * everything beyond 32767 is cut off. 255 * 127 twice is 64770. (int8 inputs are turned to uint8
 * there: 128 is added.) Who are neighbours was read from ONNX Runtime 1.31 and OpenVINO 2026.4
 * (docs/targets.md): input channels 2i and 2i + 1 under the same element of the filter; and where
 * the number of channels is odd, in ONNX Runtime elements 2i and 2i + 1 of the filter with channels
 * last. Depthwise convolutions and ConvInteger have kernels that add in 32 bits.
 *
 * Weights whose quant has `short_sums` get scales and codes with which no such sum is too large,
 * if the codes of inputs are what they were on the data (quant.seen), or whatever they are.
 */
#ifndef PAIRS_H
#define PAIRS_H

#include "channel.h"
#include "place.h"

/* The channels of the layer's input (axis -1: its rank is not known); n 0: its sums need not be
 * short, or are whatever happens. */
struct channels pairs_channels(const struct qlayer *l);

/* low[qlayer_channels(l)]: the lowest scale of each row with which codes that are rounded to
 * nearest fit; 0: any does. The input's quant must be solved. False: all are 0, low is not set. */
bool pairs_lowest_scales(const struct qlayer *l, float *low);

/* For weights w on the grid of the layer's scales, whose codes were chosen otherwise: the larger
 * codes of pairs that do not fit come nearer to 0. */
void pairs_mend(const struct qlayer *l, float *w);

/* The same bound for k numbers in a row, x[0], x[step], ..., and any inputs. */
float pairs_lowest_of_row(const float *x, int64_t k, int64_t step);

#endif
