/* SPDX-License-Identifier: Apache-2.0
 *
 * keep: the limits.
 */
#include "keep.h"

const struct option keep_rows[] = {
    OPTION(OPT_FLOAT, 0, "near", struct keep, near, "DB",
           "keep it where the outputs stay within so many dB (default 30) ...", .max = 200),
    OPTION(OPT_FLOAT, 0, "cost", struct keep, cost, "DB",
           "... or lose at most so many (default 1)", .max = 200),
    OPTION_END,
};

bool keep_is_worth(const struct keep *k, double before, double after)
{
    return after >= k->near || after >= before - k->cost;
}
