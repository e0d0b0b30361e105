/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe: a file in YAML that says how to quantize. docs/recipes.md tells users what can stand in
 * it: options by their long names, options of `passes`, `targets` that extend those of the table,
 * and `rules` for single nodes.
 */
#ifndef RECIPE_H
#define RECIPE_H

#include "option.h"
#include "pass.h"
#include "rule.h"
#include "str.h"
#include "target.h"
#include "vec.h"

struct recipe {
    struct arena arena;
    VEC(struct target) target;
    VEC(struct rule) rule;
    VEC(struct pass_setting) setting; /* not checked: passes know their options */
    struct rules rules; /* the same, once all were read */
};
void recipe_release(struct recipe *r);

/* Reads a file: sets the options of `rows` that may stand in a recipe in `into`, adds targets and
 * rules. What it sets points into the recipe. Errors are ERR_INPUT and name the line. */
int recipe_read(struct recipe *r, const char *path, const struct option *rows, void *into,
                struct err *err);
int recipe_parse(struct recipe *r, const char *path, const void *bytes, size_t n,
                 const struct option *rows, void *into, struct err *err);
/* A target of the recipe, or of the table; NULL: none. */
const struct target *recipe_target(const struct recipe *r, const char *name);
/* The options that are set, target `t` if it is of the recipe, and the rules: a recipe that says
 * the same whatever the defaults are. */
void recipe_print(const struct recipe *r, const struct target *t, const struct option *rows,
                  const void *from, struct str *to);

#endif
