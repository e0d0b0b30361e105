/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize_options: what the user asks of `quantize`, on the command line and in a recipe. One
 * table has the options of both.
 */
#ifndef QUANTIZE_OPTIONS_H
#define QUANTIZE_OPTIONS_H

#include "command.h"
#include "pass.h"
#include "qtype_words.h"
#include "recipe.h"

enum { MIN_SQNR = 20 }; /* dB that the outputs must reach where --min-sqnr does not say others */
enum { SEARCH_EFFORT = 2 }; /* the most of --effort, and the default */

struct quantize_options {
    struct common_options common;
    const char *model, *out, *report, *recipe;
    struct dataset_options data;
    const char *target, *format, *weights, *activations, *cpu, *observer, *recurrent,
        *min_sqnr;
    struct option_list skip_node;
    double enough_sqnr;
    int reach;
    const char *skip, *print_after;
    int effort;
    bool verify, check_result, requantize_rest, external, elementwise, print_recipe;
};

/* What that makes of the tables. */
struct quantize_choice {
    struct target target;
    enum format format;
    const struct pass_setting *setting;
    int n_setting;
    double min_sqnr, near_sqnr; /* struct region_goal */
    const char *skip_nodes;     /* patterns, separated by commas; NULL: none */
    struct str recipe; /* a recipe that says all of it */
};

/* Options of a recipe (NULL: none) over the defaults, checked as far as a recipe can set them. */
int quantize_read(struct quantize_options *o, struct recipe *r, const char *recipe,
                  struct err *err);
/* Options of the command line over those of its recipe over the defaults. 1: go on; 0: the help was
 * printed; -1: error. */
int quantize_parse(struct quantize_options *o, struct recipe *r, int argc, char **argv,
                   struct err *err);
/* c->recipe is the caller's to release, also after an error. */
int quantize_choose(struct quantize_options *o, struct recipe *r, struct quantize_choice *c,
                    struct err *err);
/* What is the same for every pass. The context refers to the options, the choice and the recipe. */
void quantize_context(const struct quantize_options *o, const struct quantize_choice *c,
                      struct pass_ctx *ctx);
/* Passes in the order of the table, but for the lowerings to other formats, and without data those
 * that measure; how many. */
int quantize_passes(enum format format, bool data, const struct pass **list);

#endif
