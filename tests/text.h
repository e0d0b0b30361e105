/* SPDX-License-Identifier: Apache-2.0
 *
 * text: models written down in tests, in a subset of ONNX's text syntax.
 *
 *     ir 8  opset 13  domain com.microsoft 1
 *     function local.F opset 14 <a = 2> (x) => (y) { y = Elu(x) <alpha = @b, beta = @a> }
 *     g (float[1,2,N] x) => (float[1,2,N] y)
 *     <float[2] s = {1, 2.5}, float[2,2] w = fill(0.5), float[9] r = random(1), int64 i = 3>
 *     {
 *         c = Conv <pads = [1,1,1,1]> (x, w)          attributes before or behind the inputs
 *         [name] float[1,2] a, , b = com.microsoft.Op(c, , s) <alpha = 1.0, mode = "linear">
 *         y = If(p) <then_branch = t () => (float z) { ... }>
 *     }
 *
 * A function stands before what calls it; its opset is the model's where it is left out, and the
 * attributes in front of its inputs are those with a default.
 *
 * An empty place between commas is an optional input or output left out. An output `y = v` is
 * called y in the file and computed as v. An initializer with the name of an input is both. Types
 * in front of a node's outputs are believed; those of the graph's outputs are not looked at. For
 * what data can be see scan.h. Mistakes in the text end the program.
 */
#ifndef TEXT_H
#define TEXT_H

#include "graph.h"
#include "scan.h"
#include "str.h"

/* A whole text as a model, for unit tests; end it with model_close(). */
struct model *text_model(const char *source);

/* "ir 8", "opset 13", "domain d 1", functions, in any order, as far as they come. */
void text_versions(struct scan *t, struct model *m);
/* The main graph of a new model. */
void text_graph(struct scan *t, struct model *m);
/* An expectation: "<...> {...}" with the signature and the initializers that `head` stands at, or a
 * whole graph of its own. Names that nothing defines stand for any constant, and initializers
 * without data for any data of their type. */
void text_expectation(struct scan *t, struct scan head, struct model *m);

/* Does `actual` compute what `expected` says? Nodes in the same order with the same attributes,
 * edges, and constants (to 1e-5 of their largest element); only inputs and outputs have their names
 * compared. Otherwise `why` says what differs. */
bool text_same(const struct model *actual, const struct model *expected, struct str *why);

#endif
