/* SPDX-License-Identifier: Apache-2.0
 *
 * passes: the table that passes.def spells out.
 */
#include "pass.h"

#include <string.h>

#define PASS(name) extern const struct pass pass_##name;
#include "passes.def"

const struct pass *const pass_table[] = {
#define PASS(name) &pass_##name,
#include "passes.def"
};
const int pass_count = sizeof pass_table / sizeof pass_table[0];

const struct pass *pass_find(const char *name)
{
    for (int i = 0; i < pass_count; i++)
        if (!strcmp(pass_table[i]->name, name))
            return pass_table[i];
    return NULL;
}
