/* SPDX-License-Identifier: Apache-2.0
 *
 * report_json: what the reports for machines share.
 */
#ifndef REPORT_JSON_H
#define REPORT_JSON_H

#include "err.h"

#include <jansson.h>

/* Names in a model need not be UTF-8; what is not is written as \xNN. NULL gives null. */
json_t *json_text(const char *text);
/* Writes and releases. */
int json_write(json_t *j, const char *path, struct err *err);

#endif
