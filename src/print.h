/* SPDX-License-Identifier: Apache-2.0
 *
 * print: the text form of a model, for people; ONNX's text syntax in spirit.
 *
 *     # resnet.onnx: IR version 8, opset 13
 *     main (float[1,3,224,224] x) => (float[1,1000] y)
 *     <
 *       float[64,3,7,7]  w
 *       int64[2]         s = {1,-1}
 *     >
 *     {
 *       float[1,64,112,112]  c = Conv(x, w) <pads = [3,3,3,3], strides = [2,2]>
 *                              # layer: weight int8, input uint8
 *                              # c: uint8, scale 0.0235 zero 128
 *     }
 *
 * A node's name is shown, [name], where its first output does not begin with it. An output that the
 * file calls otherwise than its value reads `y = value`. Long lists are cut with `...`; long lines
 * go on in the next, indented.
 */
#ifndef PRINT_H
#define PRINT_H

#include "graph.h"

#include <stdio.h>

struct print_options {
    const char *pattern; /* only nodes whose name, operator or an output matches it, and their
                          * constants; NULL: all */
    bool hide_constants;
    bool summary; /* counts instead of the graph */
    int width;    /* columns of a line; 0: 100 */
    const char *const *why; /* a remark for each node, by id, or NULL; NULL: none */
};
void model_print(const struct model *m, FILE *f, const struct print_options *o);
/* For programs: a line a value, inputs and constants first, "PLACE<TAB>NAME<TAB>TYPE". PLACE is
 * empty in the main graph; a body's values have the node's first output, a colon and the attribute
 * there ("y:then_branch"), behind the place of the node and a slash where that is a body too. */
void model_print_types(const struct model *m, FILE *f);

#endif
