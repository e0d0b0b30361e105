/* SPDX-License-Identifier: Apache-2.0
 *
 * json_out: what files of JSON have in common. Keys keep the order in which they are set.
 */
#ifndef JSON_OUT_H
#define JSON_OUT_H

#include "err.h"

#include <jansson.h>

/* Names in a model need not be UTF-8; what is not is written as \xNN. NULL becomes null. */
json_t *json_text(const char *text);
/* Takes the value over. The file appears when it is complete. */
int json_write(json_t *j, const char *path, struct err *err);

#endif
