/* SPDX-License-Identifier: Apache-2.0
 *
 * The text form of models.
 */
#include "print.h"
#include "quant.h"
#include "text.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static void assert_prints(const struct model *m, const struct print_options *o, const char *wanted)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    model_print(m, f, o);
    fclose(f);
    assert_string_equal(text, wanted);
    free(text);
}

static const char small[] =
    "opset 13 domain com.microsoft 1\n"
    "g (float[1,2,N] x, bool p) => (float y, float z = s)"
    "<float[1,2,1] w = {0.5, -1}, float[20] big = fill(1), int64 one = 1, float[0] none = {}>"
    "{"
    "    [conv] float[1,2,?] c = Conv(x, w) <pads = [0,0], auto_pad = \"NOTSET\">"
    "    d, , e = com.microsoft.Thing(c, , big) <alpha = 1.0, ratio = 0.25, list = [1.5, 2.0],"
    "                                            t = int64[2] {3, 4}, names = [\"a\", \"b\"]>"
    "    [long] ?[1] s = Sum(c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, d)"
    "    y = If(p) <then_branch = t () => (float c1) { float c1 = Relu(c) },"
    "               else_branch = u () => (float c2) <float k = 2> { c2 = Mul(e, k) }>"
    "}";

static void nodes_and_constants(void **state)
{
    (void)state;
    struct model *m = text_model(small);
    assert_prints(m, &(struct print_options){.width = 84},
        "# text: IR version 8, opset 13, com.microsoft 1\n"
        "g (float[1,2,?] x, bool p) => (? y, ?[1] z = s)\n"
        "<\n"
        "  float[1,2,1]  w = {0.5,-1}\n"
        "  float[20]     big\n"
        "  int64         one = {1}\n"
        "  float[0]      none = {}\n"
        ">\n"
        "{\n"
        "  float[1,2,?]  [conv] c = Conv(x, w) <pads = [0,0], auto_pad = \"NOTSET\">\n"
        "  ?             d, , e = com.microsoft.Thing(c, , big) <alpha = 1.0, ratio = 0.25,\n"
        "                    list = [1.5,2.0], t = int64[2] {3,4}, names = [\"a\",\"b\"]>\n"
        "  ?[1]          [long] s = Sum(c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c,\n"
        "                    c, c, c, c, d)\n"
        "  ?             y = If(p) <\n"
        "    then_branch = t () => (float c1)\n"
        "    {\n"
        "      float  c1 = Relu(c)\n"
        "    },\n"
        "    else_branch = u () => (? c2)\n"
        "    <\n"
        "      float  k = {2}\n"
        "    >\n"
        "    {\n"
        "      ?  c2 = Mul(e, k)\n"
        "    }>\n"
        "}\n");
    model_close(m);
}

static void only_what_matches(void **state)
{
    (void)state;
    struct model *m = text_model(small);
    assert_prints(m, &(struct print_options){.pattern = "conv"},
        "# text: IR version 8, opset 13, com.microsoft 1\n"
        "g (float[1,2,?] x, bool p) => (? y, ?[1] z = s)\n"
        "<\n"
        "  float[1,2,1]  w = {0.5,-1}\n"
        ">\n"
        "{\n"
        "  float[1,2,?]  [conv] c = Conv(x, w) <pads = [0,0], auto_pad = \"NOTSET\">\n"
        "}\n");
    assert_prints(m, &(struct print_options){.pattern = "Relu", .hide_constants = true},
        "# text: IR version 8, opset 13, com.microsoft 1\n"
        "g (float[1,2,?] x, bool p) => (? y, ?[1] z = s)\n"
        "{\n"
        "  ?  y = If(p) <\n"
        "    then_branch = t () => (float c1)\n"
        "    {\n"
        "      float  c1 = Relu(c)\n"
        "    },\n"
        "    else_branch = u () => (? c2)\n"
        "    {\n"
        "    }>\n"
        "}\n");
    model_close(m);
}

static void quantization_as_comments(void **state)
{
    (void)state;
    struct model *m = text_model("g (float[1,2] x) => (float y) <float[2,2] w = fill(1)>"
                                 "{ float[1,2] y = MatMul(x, w) }");
    float scale[] = {0.5f, 0.25f};
    int32_t zero[] = {3, 0};
    struct range range = {-1, 2};
    struct quant q = {.type = {.dtype = DTYPE_U8}, .n = 1, .scale = scale, .zero = zero};
    struct quant r = {.type = {.dtype = DTYPE_U8}, .n = 1, .range = &range};
    struct quant c = {.n = 2, .scale = scale};
    c.type = (struct qtype){.dtype = DTYPE_I8, .grain = GRAIN_CHANNEL, .axis = 1,
                            .symmetric = true, .narrow = true};
    m->graph->input[0]->quant = &q;
    m->graph->constant[0]->quant = &c;
    m->graph->first->out[0]->quant = &r;
    m->graph->first->in[0].plain = true;
    assert_prints(m, &(struct print_options){0},
        "# text: IR version 8, opset 13\n"
        "g (float[1,2] x) => (float[1,2] y)\n"
        "<\n"
        "  float[2,2]  w = {1,1,1,1}\n"
        "              # w: int8 per channel (axis 1) symmetric, 2 scales 0.25 to 0.5\n"
        ">\n"
        "{\n"
        "  # x: uint8, scale 0.5 zero 3\n"
        "  float[1,2]  y = MatMul(x, w)\n"
        "              # y: uint8, range -1 to 2\n"
        "              # takes the float values of x\n"
        "}\n");
    model_close(m);
}

static void summary_counts(void **state)
{
    (void)state;
    struct model *m = text_model(small);
    assert_prints(m, &(struct print_options){.summary = true},
        "# text: IR version 8, opset 13, com.microsoft 1\n"
        "input       float[1,2,?]             x\n"
        "input       bool                     p\n"
        "output      ?                        y\n"
        "output      ?[1]                     z\n"
        "parameters  24 in 0.0 MB\n"
        "nodes       6, with those of 2 subgraphs\n"
        "         1  Conv\n"
        "         1  If\n"
        "         1  Mul\n"
        "         1  Relu\n"
        "         1  Sum\n"
        "         1  com.microsoft.Thing  (unknown to quern: kept as it is)\n");
    model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_and_constants),
        cmocka_unit_test(only_what_matches),
        cmocka_unit_test(quantization_as_comments),
        cmocka_unit_test(summary_counts),
    };
    return cmocka_run_group_tests_name("print", tests, NULL, NULL);
}
