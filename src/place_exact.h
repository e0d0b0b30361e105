/* SPDX-License-Identifier: Apache-2.0
 *
 * place_exact: layers whose outputs a logarithm reads, as it reads spectra of sound. There an error
 * counts by the number that it falls upon, and many are smaller than a step between codes. (dnsmos
 * with its Fourier transform in 8 bits: 14 dB.)
 */
#ifndef PLACE_EXACT_H
#define PLACE_EXACT_H

#include "graph.h"

#define EXACT_LOGARITHM "a logarithm reads its output, so that small numbers count"

/* By id of nodes: layers in front of a logarithm, with only sums, products and the like between;
 * and in front of such a layer those that it reads directly, or as powers, magnitudes or roots. Not
 * where only whole numbers are made of the logarithm, as of a box the level that it belongs to. */
const bool *place_exact(const struct model *m, struct arena *a);

#endif
