/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_read: any bytes are refused with a message, or become a model that keeps the rules of the
 * graph and can be written. What is written reads and writes the same again, and where
 * onnx_fidelity() says that the file comes back it does.
 */
#include "onnx.h"
#include "verify.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct str write_model(const struct model *m)
{
    struct err err = {0};
    struct str out = {0};
    if (onnx_write_bytes(m, NULL, &out, &err) < 0)
        BUG("a model that was read is not written: %s", err.text);
    return out;
}

/* Rule 8 is the file's affair: it may give an operator more inputs than there are. */
static void check_rules(const struct model *m)
{
    struct str complaints = {0};
    model_verify(m, &complaints);
    for (const char *s = complaints.text; s; s = strchr(s + 1, '\n'))
        if (strstr(s, "rule ") && !strstr(s, "rule 8:"))
            BUG("%s", s);
    str_release(&complaints);
}

static void check_again(const struct str *written)
{
    struct err err = {0};
    struct model *m = onnx_read_bytes(written->text, written->n, "again/m.onnx", &err);
    if (!m)
        BUG("a model that was written is not read: %s", err.text);
    if (onnx_fidelity(m))
        BUG("a model that was written does not come back: %s", onnx_fidelity(m));
    struct str out = write_model(m);
    if (out.n != written->n || memcmp(out.text, written->text, out.n))
        BUG("written twice, the model is not the same");
    str_release(&out);
    model_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct err err = {0};
    struct model *m = onnx_read_bytes(bytes, n, "fuzz/m.onnx", &err);
    if (!m) {
        if (strncmp(err.text, "fuzz/m.onnx: ", 13))
            BUG("a message without the path: %s", err.text);
        return 0;
    }
    check_rules(m);
    struct str out = write_model(m);
    if (!onnx_fidelity(m) && (out.n != n || memcmp(out.text, bytes, n)))
        BUG("the bytes do not come back");
    check_again(&out);
    str_release(&out);
    model_close(m);
    return 0;
}
