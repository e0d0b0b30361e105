/* SPDX-License-Identifier: Apache-2.0
 *
 * option: what is accepted, what is refused with which words, and the help.
 */
#include "option.h"
#include "unit.h"

#include <string.h>

struct sample {
    const char *first, *second, *path;
    bool flag, other, fast;
    int count, kind;
    double ratio;
    struct option_list list;
};

static const char *const kinds[] = {"small", "large", NULL};
static const struct option rows[] = {
    OPTION(OPT_POSITION, 0, "FIRST", struct sample, first, NULL, "comes first"),
    OPTION(OPT_POSITION, 0, "SECOND", struct sample, second, NULL, "comes second"),
    OPTION_HEADING("Details"),
    OPTION(OPT_STRING, 'p', "path", struct sample, path, "PATH", "where it lies"),
    OPTION(OPT_FLAG, 'f', "flag", struct sample, flag, NULL, "say so"),
    OPTION(OPT_FLAG, 'g', "other", struct sample, other, NULL, "say otherwise"),
    OPTION(OPT_INT, 'c', "count", struct sample, count, "N", "how many", .min = 1, .max = 9),
    OPTION(OPT_FLOAT, 0, "ratio", struct sample, ratio, "R", "how much"),
    OPTION(OPT_CHOICE, 0, "kind", struct sample, kind, "KIND", "what it is", .choices = kinds),
    OPTION(OPT_LIST, 0, "skip", struct sample, list, "NAME", "leave it out; may be repeated",
           .recipe = true),
    OPTION(OPT_FLAG, 0, "fast", struct sample, fast, NULL, "be quick", .recipe = true),
    OPTION_END,
};

/* Parses words separated by blanks. */
static int parse(struct sample *s, const char *line, struct err *err)
{
    static char text[256];
    char *argv[32] = {(char[]){"test"}}, *rest = text;
    int argc = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *word; (word = strtok_r(rest, " ", &rest));)
        argv[argc++] = word;
    *s = (struct sample){0};
    *err = (struct err){0};
    return option_parse(rows, s, argc, argv, err);
}

static void test_values(void **state)
{
    (void)state;
    struct sample s;
    struct err err;
    assert_int_equal(parse(&s, "a --path x --flag --count=3 --ratio -1.5 --kind large b", &err), 0);
    assert_string_equal(s.first, "a");
    assert_string_equal(s.second, "b");
    assert_string_equal(s.path, "x");
    assert_true(s.flag);
    assert_int_equal(s.count, 3);
    assert_float_equal(s.ratio, -1.5, 0);
    assert_int_equal(s.kind, 1);
    assert_null(option_missing(rows, &s));
}

static void test_short_forms(void **state)
{
    (void)state;
    struct sample s;
    struct err err;
    assert_int_equal(parse(&s, "-c2 -p x a", &err), 0);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.path, "x");
    assert_int_equal(parse(&s, "-fgc 4", &err), 0);
    assert_true(s.flag && s.other);
    assert_int_equal(s.count, 4);
}

static void test_dashes(void **state)
{
    (void)state;
    struct sample s;
    struct err err;
    assert_int_equal(parse(&s, "-- -p --flag", &err), 0);
    assert_string_equal(s.first, "-p");
    assert_string_equal(s.second, "--flag");
    assert_int_equal(parse(&s, "-", &err), 0);
    assert_string_equal(s.first, "-");
    assert_string_equal(option_missing(rows, &s), "SECOND");
}

static void test_later_wins_and_lists_keep(void **state)
{
    (void)state;
    struct sample s;
    struct err err;
    assert_int_equal(parse(&s, "--path x --path=y --skip a --skip=b", &err), 0);
    assert_string_equal(s.path, "y");
    assert_int_equal(s.list.n, 2);
    assert_string_equal(s.list.at[0], "a");
    assert_string_equal(s.list.at[1], "b");
}

static void test_unset(void **state)
{
    (void)state;
    struct sample s;
    struct err err;
    assert_int_equal(parse(&s, "--fast --skip a --no-fast --no-skip --skip b", &err), 0);
    assert_false(s.fast);
    assert_int_equal(s.list.n, 1);
    assert_string_equal(s.list.at[0], "b");
    assert_int_equal(parse(&s, "--no-fast --fast", &err), 0);
    assert_true(s.fast);
}

static void test_refused(void **state)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"--pth x", "unknown option '--pth'; did you mean '--path'?"},
        {"--zzzzzz", "unknown option '--zzzzzz'"},
        {"-z", "unknown option '-z'"},
        {"-flag", "unknown option '-flag'; did you mean '--flag'?"},
        {"--path", "--path needs a value: --path PATH"},
        {"--path --flag", "--path needs a value: --path PATH"},
        {"-p", "--path needs a value: --path PATH"},
        {"--flag=1", "--flag takes no value"},
        {"--no-fast=1", "--no-fast takes no value"},
        {"--no-flag", "unknown option '--no-flag'; did you mean '--flag'?"},
        {"--no-path x", "unknown option '--no-path'; did you mean '--path'?"},
        {"--count x", "--count: 'x' is not a whole number"},
        {"--count 1.5", "--count: '1.5' is not a whole number"},
        {"--count 99999999999", "--count: '99999999999' is not a whole number"},
        {"--count 10", "--count: 10 is not between 1 and 9"},
        {"--ratio 1x", "--ratio: '1x' is not a number"},
        {"--ratio nan", "--ratio: 'nan' is not a number"},
        {"--kind huge", "--kind: 'huge' is none of: small, large"},
        {"a b c", "'c' is one argument too many"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sample s;
        struct err err;
        assert_int_equal(parse(&s, cases[i].line, &err), -1);
        assert_int_equal(err.code, ERR_USAGE);
        assert_string_equal(err.text, cases[i].text);
    }
}

static void test_set_by_name(void **state)
{
    (void)state;
    struct sample s = {0};
    struct err err = {0};
    assert_int_equal(option_set(rows, &s, "count", "7", &err), 0);
    assert_int_equal(s.count, 7);
    assert_int_equal(option_set(rows, &s, "cuont", "7", &err), -1);
    assert_string_equal(err.text, "unknown option 'cuont'; did you mean 'count'?");
    assert_int_equal(option_set(rows, &s, "count", "0", &err), -1);
    assert_string_equal(err.text, "count: 0 is not between 1 and 9");
}

static void test_count_leading(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"test"}, (char[]){"-c"},      (char[]){"2"}, (char[]){"--flag"},
                    (char[]){"-c3"},  (char[]){"--path=x"}, (char[]){"word"}, (char[]){"-f"}};
    assert_int_equal(option_count_leading(rows, 8, argv), 5);
    assert_int_equal(option_count_leading(rows, 1, argv), 0);
    assert_int_equal(option_count_leading(rows, 2, argv), 1);
}

static void test_nearest(void **state)
{
    static const char *const known[] = {"quantize", "run", "compare", "convert", NULL};
    (void)state;
    assert_string_equal(option_nearest("quantise", known), "quantize");
    assert_string_equal(option_nearest("rnu", known), "run");
    assert_string_equal(option_nearest("conv", known), "convert");
    assert_string_equal(option_nearest("convretr", known), "convert");
    assert_null(option_nearest("x", known));
    assert_null(option_nearest("frobnicate", known));
    assert_null(option_nearest("", known));
}

static void test_help(void **state)
{
    static const char expected[] = "usage: test FIRST SECOND\n\n"
                                   "Tests.\n\n"
                                   "  FIRST                   comes first\n"
                                   "  SECOND                  comes second\n\n"
                                   "Details\n"
                                   "  -p, --path PATH         where it lies\n"
                                   "  -f, --flag              say so\n"
                                   "  -g, --other             say otherwise\n"
                                   "  -c, --count N           how many\n"
                                   "      --ratio R           how much\n"
                                   "      --kind KIND         what it is\n"
                                   "                          one of: small, large\n"
                                   "      --skip NAME         leave it out; may be repeated\n"
                                   "      --fast              be quick\n\n"
                                   "Examples\n"
                                   "  test a b\n";
    static const struct option_page page = {"test FIRST SECOND", "Tests.", "  test a b\n"};
    char text[2048] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    (void)state;
    option_help(&page, rows, out);
    fclose(out);
    assert_string_equal(text, expected);
}

static void test_wrap(void **state)
{
    char text[512] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    (void)state;
    option_wrap("aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbb cccccccccccccccccccc "
                "dddddddddddddddddddd eeeeee ffff\nnew line", 0, 2, out);
    fclose(out);
    assert_string_equal(text, "aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbb cccccccccccccccccccc "
                              "dddddddddddddddddddd\n  eeeeee ffff\n  new line\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_short_forms),
        cmocka_unit_test(test_dashes),
        cmocka_unit_test(test_later_wins_and_lists_keep),
        cmocka_unit_test(test_unset),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_set_by_name),
        cmocka_unit_test(test_count_leading),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
