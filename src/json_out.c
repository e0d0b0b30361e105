/* SPDX-License-Identifier: Apache-2.0
 *
 * json_out: jansson writes into a file that is renamed at the end.
 */
#include "json_out.h"

#include "file.h"
#include "str.h"

json_t *json_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *j = json_string(text);
    if (j)
        return j;
    struct str s = {0};
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        str_printf(&s, *c < 128 ? "%c" : "\\x%02x", *c);
    j = json_string(s.text);
    str_release(&s);
    return j;
}

struct sink {
    struct file_out *file;
    struct err *err;
};

static int sink_write(const char *text, size_t n, void *data)
{
    struct sink *sink = data;
    return file_write(sink->file, text, n, sink->err);
}

int json_write(json_t *j, const char *path, struct err *err)
{
    struct sink sink = {file_create(path, err), err};
    int failed = !sink.file
                 || json_dump_callback(j, sink_write, &sink,
                                       JSON_INDENT(2) | JSON_REAL_PRECISION(9))
                 || file_write(sink.file, "\n", 1, err);
    json_decref(j);
    if (!failed)
        return file_commit(sink.file, err);
    if (sink.file)
        file_discard(sink.file);
    return -1;
}
