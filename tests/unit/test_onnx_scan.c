/* SPDX-License-Identifier: Apache-2.0
 *
 * test_onnx_scan: the wire format. Broken bytes are refused with the place; what is valid but would
 * be written in another way is noted, and the note is right: such files do come back different.
 */
#include "onnx.h"
#include "unit.h"
#include "wire.h"

#include <stdlib.h>

static void refuses(struct wire w, const char *text)
{
    struct err err = {0};
    assert_null(onnx_read_bytes(w.at, w.n, "m.onnx", &err));
    assert_memory_equal(err.text, "m.onnx: not a valid ONNX file: ", 31);
    assert_string_equal(err.text + 31, text);
}

static void comes_back(struct wire w, const char *differs)
{
    struct err err = {0};
    struct model *m = onnx_read_bytes(w.at, w.n, "m.onnx", &err);
    if (!m)
        fail_msg("%s", err.text);
    struct str out = {0};
    assert_int_equal(onnx_write_bytes(m, NULL, &out, &err), 0);
    bool same = out.n == w.n && !memcmp(out.text, w.at, w.n);
    if (!differs)
        assert_null(onnx_fidelity(m));
    else
        assert_string_equal(onnx_fidelity(m), differs);
    assert_true(same == !differs);
    str_release(&out);
    model_close(m);
}

/* x -> Relu -> y, with something of a test's own in front of and behind the graph's fields. */
static struct wire model_with(struct wire before, struct wire after)
{
    struct wire g = wire_add(before, GRAPH_NODE, wire_node("Relu", "", "x", "y"));
    g = wire_ends(g, "x", "y");
    return wire_model(8, 13, wire_put(g, after.at, after.n));
}

static struct wire tail(struct wire w) /* behind the fields of an otherwise good model */
{
    struct wire m = model_with((struct wire){0}, (struct wire){0});
    return wire_put(m, w.at, w.n);
}

static struct wire raw(const char *bytes, size_t n)
{
    return wire_put((struct wire){0}, bytes, n);
}

static void test_truncated(void **state)
{
    (void)state;
    struct wire w = model_with((struct wire){0}, (struct wire){0});
    struct err err = {0};
    for (size_t n = 0; n < w.n; n++) {
        unsigned char *cut = malloc(n ? n : 1); /* its own block: reading on is seen */
        memcpy(cut, w.at, n);
        assert_null(onnx_read_bytes(cut, n, "m.onnx", &err));
        free(cut);
    }
    comes_back(w, NULL);
}

static void test_broken(void **state)
{
    (void)state;
    refuses(raw("\x08", 1), "a number that does not end at byte 1, in a ModelProto");
    refuses(raw("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11),
            "a number that does not end at byte 1, in a ModelProto");
    refuses(raw("\x08\x08\x3a\x05\x0a\x04xy", 8),
            "a field longer than the rest of the message at byte 3, in a ModelProto");
    refuses(raw("\x08\x08\x3a\x04\x0a\x03xy", 8),
            "a field longer than the rest of the message at byte 5, in a GraphProto");
    refuses(raw("\x00\x08", 2), "no field at byte 0, in a ModelProto");
    refuses(raw("\x08\x08\x0b\x0c", 4),
            "a field of a kind that ONNX does not have at byte 2, in a ModelProto");
    refuses(raw("\x0a\x01x", 3), "a field of the wrong kind at byte 0, in a ModelProto");
    refuses(raw("\x38\x01", 2), "a field of the wrong kind at byte 0, in a ModelProto");
    refuses(raw("\x8d\x7f\x01\x02\x03", 5), "a number that is cut at byte 2, in a ModelProto");
    refuses(raw("\x12\xff\xff\xff\xff\x0f", 6),
            "a field longer than the rest of the message at byte 1, in a ModelProto");
    struct wire t = wire_bytes((struct wire){0}, TENSOR_FLOATS, "12345", 5);
    struct wire g = wire_add((struct wire){0}, GRAPH_INITIALIZER, t);
    refuses(wire_model(8, 13, g),
            "a list of numbers whose last one is cut at byte 8, in a TensorProto");
}

static struct wire nested(int depth)
{
    static unsigned char deep[4096];
    size_t n = 0; /* attribute type sequence of sequence of ..., written from the inside */
    for (int i = 0; i < depth; i++) {
        unsigned char head[4];
        size_t k = 0;
        head[k++] = i % 2 ? 0x22 : 0x0a; /* TypeProto.sequence_type, Sequence.elem_type */
        if (n > 127)
            head[k++] = (unsigned char)(n | 128);
        head[k++] = (unsigned char)(n > 127 ? n >> 7 : n);
        memmove(deep + k, deep, n);
        memcpy(deep, head, k);
        n += k;
    }
    struct wire v = wire_bytes(wire_text((struct wire){0}, 1, "deep"), 2, deep, n);
    return model_with((struct wire){0}, wire_add((struct wire){0}, GRAPH_VALUE_INFO, v));
}

static void test_depth(void **state)
{
    (void)state;
    comes_back(nested(316), NULL); /* in a model, a graph, a value info, a type: 320 in all */
    struct err err = {0};
    struct wire w = nested(318);
    assert_null(onnx_read_bytes(w.at, w.n, "m.onnx", &err));
    assert_non_null(strstr(err.text, "messages nested too deeply at byte"));
}

static void test_unknown_fields(void **state)
{
    (void)state;
    struct wire none = {0}, unknown = wire_text(wire_int(none, 900, 7), 901, "abc");
    comes_back(tail(unknown), NULL);
    comes_back(model_with(none, unknown), NULL);
    comes_back(model_with(wire_int(none, 900, 7), none),
               "a field behind unknown ones at byte 7, field 'node'");
}

/* The model with other bytes in place of its first field, the IR version. */
static struct wire with_head(const char *bytes, size_t n)
{
    struct wire m = model_with((struct wire){0}, (struct wire){0});
    return wire_put(raw(bytes, n), m.at + 2, m.n - 2);
}

static void test_differences(void **state)
{
    (void)state;
    comes_back(with_head("\x08\x08", 2), NULL);
    comes_back(with_head("\x08\x88\x00", 3),
               "a number longer than needed at byte 1, field 'ir_version'");
    comes_back(with_head("\x88\x00\x08", 3),
               "a field number longer than needed at byte 0, field ''");
    comes_back(with_head("\x08\x08\x08\x08", 4),
               "a field given twice at byte 2, field 'ir_version'");
    comes_back(with_head("\x08\x08\x12\x80\x00", 5),
               "a length longer than needed at byte 3, field ''");
    comes_back(with_head("\x08\x08\x12\x03\x61\x00\x62", 7),
               "a text with a zero byte at byte 4, field 'producer_name'");
    comes_back(with_head("\x12\x01m\x08\x08", 5),
               "fields not in the order of their numbers at byte 3, field 'ir_version'");
    comes_back(with_head("\x08\x08\x12\x00", 4), NULL); /* an empty text is one, too */
}

/* x -> Relu -> y and an initializer of type int32 or float with these bytes for its dimensions (and
 * type), list and the rest. */
static struct wire with_tensor(const char *head, size_t n_head, const char *rest, size_t n_rest)
{
    struct wire none = {0}, t = wire_put(raw(head, n_head), rest, n_rest);
    struct wire g = wire_add(none, GRAPH_NODE, wire_node("Relu", "", "x", "y"));
    return wire_model(8, 13, wire_ends(wire_add(g, GRAPH_INITIALIZER, t), "x", "y"));
}

static void test_lists(void **state)
{
    (void)state;
    /* dims 2, type int32, int32_data {1, 2} packed, name c */
    comes_back(with_tensor("\x08\x02\x10\x06", 4, "\x2a\x02\x01\x02\x42\x01\x63", 7), NULL);
    comes_back(with_tensor("\x08\x02\x10\x06", 4, "\x28\x01\x28\x02\x42\x01\x63", 7),
               "a list that is not packed at byte 24, field 'int32_data'");
    comes_back(with_tensor("\x08\x02\x10\x06", 4, "\x2a\x01\x01\x2a\x01\x02\x42\x01\x63", 9),
               "a field given twice at byte 27, field 'int32_data'");
    comes_back(with_tensor("\x0a\x01\x02\x10\x06", 5, "\x2a\x02\x01\x02\x42\x01\x63", 7),
               "a packed list at byte 22, field 'dims'");
    comes_back(with_tensor("\x08\x00\x10\x06", 4, "\x2a\x00\x42\x01\x63", 5),
               "an empty list at byte 26, field 'int32_data'");
    comes_back(with_tensor("\x08\x02\x10\x86\x80\x80\x80\x10", 8,
                           "\x2a\x02\x01\x02\x42\x01\x63", 7),
               "a number wider than its type at byte 23, field 'data_type'");
    comes_back(with_tensor("\x08\x02\x10\x06", 4, "\x2a\x03\x01\x82\x00\x42\x01\x63", 8),
               "a number longer than needed at byte 27, field 'int32_data'");
}

static void test_oneof(void **state)
{
    (void)state;
    /* a dimension with a size and a name; the later one counts */
    struct wire none = {0}, dim = wire_text(wire_int(none, 1, 4), 2, "n"), type;
    type = wire_add(wire_int(none, 1, 1), 2, wire_add(none, 1, dim));
    struct wire v = wire_add(wire_text(none, 1, "y"), 2, wire_add(none, 1, type));
    comes_back(model_with(none, wire_add(none, GRAPH_VALUE_INFO, v)),
               "a field that excludes an earlier one at byte 77, field 'dim_param'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_broken),
        cmocka_unit_test(test_depth), cmocka_unit_test(test_unknown_fields),
        cmocka_unit_test(test_differences), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_oneof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
