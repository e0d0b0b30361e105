/* SPDX-License-Identifier: Apache-2.0
 *
 * preprocess_parse: the line of words in dataset_image.h. A word that is not understood is an error
 * that quotes it and lists the words there are.
 */
#include "dataset_image.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char words[] =
    "the words are resize=N, resize=WxH, crop=N, crop=WxH, letterbox=WxH[,VALUE], pad=WxH[,VALUE], "
    "rgb, bgr, gray, layout=nchw, layout=nhwc, scale=NUMBER (or 1/255), mean=NUMBER[,...], "
    "std=NUMBER[,...]";

enum { MAX_SIDE = 1 << 14, WORD = 128 };

/* What is being parsed, for messages, and which words there were. */
struct line {
    struct preprocess *p;
    const char *word; /* the whole word */
    const char *value; /* behind its '=' */
    bool has_colour, has_layout, has_scale;
    int n_mean, n_std;
    struct err *err;
};

static int fail(struct line *l, const char *what)
{
    return err_set(l->err, ERR_USAGE, "image line: '%s': %s", l->word, what);
}

static bool take_int(const char **at, int *v)
{
    char *end;
    errno = 0;
    long n = **at >= '0' && **at <= '9' ? strtol(*at, &end, 10) : 0;
    if (n < 1 || n > MAX_SIDE || errno)
        return false;
    *v = (int)n;
    *at = end;
    return true;
}

static bool take_number(const char **at, double *v)
{
    char *end;
    double top = strtod(*at, &end), bottom = 1;
    if (end == *at)
        return false;
    if (*end == '/') {
        *at = end + 1;
        bottom = strtod(*at, &end);
        if (end == *at || bottom == 0)
            return false;
    }
    *at = end;
    *v = top / bottom;
    return isfinite(*v);
}

/* N or WxH; a height of 0 stands for N. */
static bool take_size(const char **at, int *width, int *height)
{
    *height = 0;
    if (!take_int(at, width))
        return false;
    if (**at != 'x' && **at != 'X')
        return true;
    ++*at;
    return take_int(at, height);
}

static int add_step(struct line *l, enum step_kind kind)
{
    struct preprocess *p = l->p;
    struct step s = {.kind = kind};
    const char *at = l->value;
    double fill = 0;
    bool fills = kind == STEP_LETTERBOX || kind == STEP_PAD;
    if (!take_size(&at, &s.width, &s.height) || (fills && !s.height))
        return fail(l, fills ? "expected WxH or WxH,VALUE, as in 640x640,114"
                             : "expected N or WxH, as in 224 or 640x480");
    if (fills && *at == ',') {
        at++;
        if (!take_number(&at, &fill) || fill < 0 || fill > 255 || fill != rint(fill))
            return fail(l, "the value behind the comma is a pixel, 0 to 255");
    }
    if (*at)
        return fail(l, "there is something behind the size");
    if (p->n_steps == MAX_STEPS)
        return fail(l, "too many steps");
    s.fill = (uint8_t)fill;
    if (kind == STEP_RESIZE && !s.height)
        s.kind = STEP_RESIZE_SHORT;
    if (!s.height)
        s.height = s.width;
    p->step[p->n_steps++] = s;
    return 0;
}

static int set_colour(struct line *l, int channels, bool bgr)
{
    if (l->has_colour)
        return fail(l, "rgb, bgr and gray exclude each other");
    l->has_colour = true;
    l->p->channels = channels;
    l->p->bgr = bgr;
    return 0;
}

static int set_layout(struct line *l)
{
    bool last = !strcmp(l->value, "nhwc");
    if (l->has_layout || (!last && strcmp(l->value, "nchw")))
        return fail(l, l->has_layout ? "layout is there twice" : "a layout is nchw or nhwc");
    l->has_layout = true;
    l->p->channels_last = last;
    return 0;
}

static int set_scale(struct line *l)
{
    const char *at = l->value;
    if (l->has_scale || !take_number(&at, &l->p->scale) || *at || l->p->scale == 0)
        return fail(l, l->has_scale ? "scale is there twice" : "expected a number or a fraction, "
                                                               "as in 1/255");
    l->has_scale = true;
    return 0;
}

static int set_numbers(struct line *l, double v[3], int *n, bool may_be_zero)
{
    const char *at = l->value;
    if (*n)
        return fail(l, "it is there twice");
    do {
        if (*n == 3 || !take_number(&at, &v[*n]) || (v[*n] == 0 && !may_be_zero))
            return fail(l, may_be_zero ? "expected one number or one for each channel"
                                       : "expected one number or one for each channel, not 0");
        ++*n;
    } while (*at++ == ',');
    return at[-1] ? fail(l, "expected numbers with commas between them") : 0;
}

static int parse_word(struct line *l)
{
    static const struct {
        const char *name;
        int kind;
    } steps[] = {{"resize=", STEP_RESIZE}, {"crop=", STEP_CROP}, {"letterbox=", STEP_LETTERBOX},
                 {"pad=", STEP_PAD}};
    const char *equals = strchr(l->word, '=');
    size_t n = equals ? (size_t)(equals - l->word) + 1 : 0;
    l->value = l->word + n;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (n && !strncmp(l->word, steps[i].name, n))
            return add_step(l, (enum step_kind)steps[i].kind);
    if (!strcmp(l->word, "rgb") || !strcmp(l->word, "bgr"))
        return set_colour(l, 3, l->word[0] == 'b');
    if (!strcmp(l->word, "gray"))
        return set_colour(l, 1, false);
    if (n && !strncmp(l->word, "layout=", n))
        return set_layout(l);
    if (n && !strncmp(l->word, "scale=", n))
        return set_scale(l);
    if (n && !strncmp(l->word, "mean=", n))
        return set_numbers(l, l->p->mean, &l->n_mean, true);
    if (n && !strncmp(l->word, "std=", n))
        return set_numbers(l, l->p->std, &l->n_std, false);
    return err_set(l->err, ERR_USAGE, "image line: '%s' is not known; %s", l->word, words);
}

/* One number serves all channels. */
static int spread(struct line *l, const char *name, double v[3], int n, double otherwise)
{
    if (n > 1 && n != l->p->channels)
        return err_set(l->err, ERR_USAGE, "image line: %s has %d numbers, but there %s", name, n,
                       l->p->channels == 1 ? "is 1 channel" : "are 3 channels");
    for (int i = n ? 1 : 0; i < 3 && n < 2; i++)
        v[i] = n ? v[0] : otherwise;
    return 0;
}

int preprocess_parse(const char *line, struct preprocess *p, struct err *err)
{
    char word[WORD];
    struct line l = {.p = p, .word = word, .err = err};
    *p = (struct preprocess){.channels = 3, .scale = 1};
    for (const char *at = line + strspn(line, " \t\n"); *at; at += strspn(at, " \t\n")) {
        size_t n = strcspn(at, " \t\n");
        if (n >= WORD)
            return err_set(err, ERR_USAGE, "image line: '%.20s...' is not known; %s", at, words);
        memcpy(word, at, n);
        word[n] = 0;
        TRY(parse_word(&l));
        at += n;
    }
    TRY(spread(&l, "mean", p->mean, l.n_mean, 0));
    return spread(&l, "std", p->std, l.n_std, 1);
}
