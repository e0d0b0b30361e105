/* SPDX-License-Identifier: Apache-2.0
 *
 * report: both of its forms, but for what a run costs.
 */
#include "report.h"
#include "unit.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fill(struct report *r)
{
    static const struct report_layer layers[] = {
        {.node = "conv1", .op = "Conv", .weight = "int8 per channel (axis 0) symmetric",
         .scales = 8, .runs = "integer", .runs_why = "", .macs = 1152},
        {.node = "att", .op = "MatMul", .left = "its weight is not constant",
         .runs = "float", .runs_why = "its input is not quantized", .macs = 64},
        {.node = "caf\xe9", .op = "MatMul", .left = "its weight is not constant"},
    };
    report_begin(r);
    r->input = (struct report_file){"a b.onnx", 2000000};
    r->output = (struct report_file){"out.onnx", 512000};
    r->target = r->runtime = "onnxruntime";
    r->recipe = "target: onnxruntime\n";
    r->format = "qdq";
    r->data = "data";
    r->data_summary = "20 .npz files";
    r->samples = 20;
    r->judged = 16;
    r->predicted = true;
    r->integer_percent = 94.75;
    r->advice = "too small\n";
    *vec_add(&r->setting, &r->arena) = (struct report_setting){"observer", "min-max"};
    for (int i = 0; i < 3; i++)
        *vec_add(&r->layer, &r->arena) = layers[i];
    *vec_add(&r->why, &r->arena) = (struct report_why){"pool", "MaxPool", "moves codes"};
    *vec_add(&r->pass, &r->arena) = (struct report_pass){"fold-bn", 2, 0.25, "one\ntwo\n"};
    *vec_add(&r->result, &r->arena) = (struct report_output){"y", 31.25};
    *vec_add(&r->result, &r->arena) = (struct report_output){"z", INFINITY};
}

static void test_json(void **state)
{
    static const char expected[] =
        "\"input\":{\"path\":\"a b.onnx\",\"bytes\":2000000},"
        "\"output\":{\"path\":\"out.onnx\",\"bytes\":512000},"
        "\"target\":\"onnxruntime\",\"format\":\"qdq\","
        "\"settings\":{\"observer\":\"min-max\"},"
        "\"recipe\":\"target: onnxruntime\\n\","
        "\"data\":{\"path\":\"data\",\"image\":null,\"summary\":\"20 .npz files\","
        "\"samples\":20,\"judged\":16,\"random\":false},"
        "\"outputs\":[{\"name\":\"y\",\"equal\":false,\"sqnr_db\":31.25},"
        "{\"name\":\"z\",\"equal\":true,\"sqnr_db\":null}],"
        "\"picked_from_db\":null,"
        "\"integer_percent\":94.75,\"predicted_time\":null,\"advice\":[\"too small\"],\"layers\":["
        "{\"node\":\"conv1\",\"op\":\"Conv\",\"quantized\":true,"
        "\"weight\":\"int8 per channel (axis 0) symmetric\",\"scales\":8,"
        "\"runs\":\"integer\",\"runs_why\":null,\"multiply_adds\":1152.0},"
        "{\"node\":\"att\",\"op\":\"MatMul\",\"quantized\":false,"
        "\"reason\":\"its weight is not constant\",\"runs\":\"float\","
        "\"runs_why\":\"its input is not quantized\",\"multiply_adds\":64.0},"
        "{\"node\":\"caf\\\\xe9\",\"op\":\"MatMul\",\"quantized\":false,"
        "\"reason\":\"its weight is not constant\"}],"
        "\"nodes\":[{\"node\":\"pool\",\"op\":\"MaxPool\",\"why\":\"moves codes\"}],"
        "\"passes\":[{\"name\":\"fold-bn\",\"changes\":2,\"notes\":[\"one\",\"two\"]}]}";
    struct report r = {0};
    struct err err = {0};
    char path[] = "/tmp/report-XXXXXX";
    (void)state;
    close(mkstemp(path));
    fill(&r);
    assert_int_equal(report_write(&r, path, &err), 0);
    json_t *j = json_load_file(path, 0, NULL);
    assert_non_null(j);
    assert_true(json_is_real(json_object_get(json_object_get(j, "cost"), "cpu_seconds")));
    json_object_del(j, "cost");
    json_object_del(j, "quern");
    char *text = json_dumps(j, JSON_COMPACT);
    assert_string_equal(text + 1, expected);
    free(text);
    json_decref(j);
    report_release(&r);
    unlink(path);
}

static void test_unwritable(void **state)
{
    struct report r = {0};
    struct err err = {0};
    (void)state;
    fill(&r);
    assert_int_equal(report_write(&r, "/nowhere/report.json", &err), -1);
    assert_int_equal(err.code, ERR_MACHINE);
    report_release(&r);
}

static void print(const struct report *r, char *text, size_t n)
{
    FILE *out = fmemopen(text, n, "w");
    report_print(r, out);
    fclose(out);
}

static void test_print(void **state)
{
    static const char head[] =
        "a b.onnx -> out.onnx (onnxruntime, qdq)\n"
        "  size      2.00 MB -> 512.00 kB (25.6 %)\n"
        "  layers    1 of 3 quantized\n"
        "            2 float: its weight is not constant ('att', ...)\n"
        "  integer   94.75 % of the multiply-adds in onnxruntime\n"
        "  note      too small\n"
        "  data      20 .npz files\n"
        "  error     y: 31.2 dB SQNR on 16 of the samples\n"
        "            z: none\n"
        "  cost      ";
    static const char tail[] = "\nNext: quern compare 'a b.onnx' out.onnx --data data\n";
    struct report r = {0};
    char text[2048] = "";
    (void)state;
    fill(&r);
    print(&r, text, sizeof text);
    assert_memory_equal(text, head, sizeof head - 1);
    assert_string_equal(text + strlen(text) - (sizeof tail - 1), tail);
    r.judged = 20;
    r.random_data = true;
    r.data_summary = "20 samples of noise";
    print(&r, text, sizeof text);
    assert_null(strstr(text, "picked"));
    assert_non_null(strstr(text, "  error     y: 31.2 dB SQNR\n"));
    r.picked_from = 44.375;
    print(&r, text, sizeof text);
    assert_non_null(strstr(text, "            before elements are picked (their order may change): "
                                 "44.4 dB SQNR\n"));
    assert_non_null(strstr(text, "  data      RANDOM NOISE (20 samples of noise): ranges are not "
                                 "those of real inputs\n"));
    report_release(&r);
}

/* Reasons that differ by a number are one line, with the lowest and the highest. */
static void test_numbers_in_reasons(void **state)
{
    static const char *const left[] = {"down to 7 dB", "down to 26 dB", "of 3-D volumes",
                                       "down to -2 dB", "down to 7 dB or so"};
    static const char lines[] = "            3 float: down to -2 to 26 dB ('n', ...)\n"
                                "            1 float: of 3-D volumes ('n')\n"
                                "            1 float: down to 7 dB or so ('n')\n";
    struct report r = {0};
    char text[2048] = "";
    (void)state;
    fill(&r);
    r.layer.n = 0;
    for (int i = 0; i < 5; i++)
        *vec_add(&r.layer, &r.arena) = (struct report_layer){.node = "n", .op = "Conv",
                                                            .left = left[i]};
    print(&r, text, sizeof text);
    assert_non_null(strstr(text, lines));
    report_release(&r);
}

static void test_bytes(void **state)
{
    char buf[BYTES_TEXT];
    (void)state;
    assert_string_equal(bytes_text(0, buf), "0 bytes");
    assert_string_equal(bytes_text(999, buf), "999 bytes");
    assert_string_equal(bytes_text(1000, buf), "1.00 kB");
    assert_string_equal(bytes_text(13990000, buf), "13.99 MB");
    assert_string_equal(bytes_text(2500000000, buf), "2.50 GB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_numbers_in_reasons),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
