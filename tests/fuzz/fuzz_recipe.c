/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_recipe: any bytes are refused with a message, or are a recipe; and what is printed of it is
 * a recipe that prints the same.
 */
#include "recipe.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct settings {
    const char *text;
    int number;
    bool flag;
    struct option_list list;
};

static const struct option rows[] = {
    OPTION(OPT_STRING, 0, "target", struct settings, text, "NAME", "", .recipe = true),
    OPTION(OPT_INT, 0, "samples", struct settings, number, "N", "", .min = 1, .max = 1e9,
           .recipe = true),
    OPTION(OPT_FLAG, 0, "elementwise", struct settings, flag, NULL, "", .recipe = true),
    OPTION(OPT_LIST, 0, "skip-node", struct settings, list, "PATTERN", "", .recipe = true),
    OPTION_END,
};

/* Of the target that is last in the recipe. */
static void print(const struct recipe *r, const struct settings *s, struct str *to)
{
    const struct target *t = r->target.n ? &r->target.at[r->target.n - 1] : &target_table[0];
    recipe_print(r, t, rows, s, to);
}

static void check_again(const struct recipe *r, const struct settings *s)
{
    struct recipe again = {0};
    struct settings others = {0};
    struct str first = {0}, second = {0};
    struct err err = {0};
    print(r, s, &first);
    if (first.n <= 1 << 18 && recipe_parse(&again, "again", first.text, first.n, rows, &others,
                                           &err) < 0)
        BUG("what was printed is refused: %s\n%s", err.text, first.text);
    if (first.n <= 1 << 18) {
        print(&again, &others, &second);
        if (strcmp(first.text, second.text))
            BUG("what was printed is another recipe:\n%s\n%s", first.text, second.text);
    }
    str_release(&first);
    str_release(&second);
    recipe_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct recipe r = {0};
    struct settings s = {.number = 1};
    struct err err = {0};
    if (recipe_parse(&r, "recipe", bytes, n, rows, &s, &err) == 0)
        check_again(&r, &s);
    else if (err.code != ERR_INPUT || !err.text[0])
        BUG("refused without a message");
    recipe_release(&r);
    return 0;
}
