/* SPDX-License-Identifier: Apache-2.0
 *
 * image_jpeg2000: by OpenJPEG, files with a container and bare codestreams; gray and RGB of up to
 * 16 bits, all channels of the same size.
 */
#include "image_format.h"

#include <stdio.h>
#include <string.h>

#include <openjpeg.h>

#define FUNCTIONS(F) F(opj_create_decompress) F(opj_decode) F(opj_destroy_codec)                   \
    F(opj_end_decompress) F(opj_image_destroy) F(opj_read_header)                                  \
    F(opj_set_default_decoder_parameters) F(opj_set_error_handler) F(opj_setup_decoder)            \
    F(opj_stream_create) F(opj_stream_destroy) F(opj_stream_set_read_function)                     \
    F(opj_stream_set_seek_function) F(opj_stream_set_skip_function) F(opj_stream_set_user_data)    \
    F(opj_stream_set_user_data_length)
LIBRARY(libopenjp2, IMAGE_LIBRARY_JPEG2000, FUNCTIONS);

enum { CHUNK = 1 << 16, MAX_BITS = 16 };

struct j2k_source {
    const struct bytes *bytes;
    size_t at;
    char text[256];
};

static OPJ_SIZE_T source_read(void *to, OPJ_SIZE_T n, void *data)
{
    struct j2k_source *s = data;
    size_t left = s->bytes->n - s->at, take = n < left ? n : left;
    if (!take)
        return (OPJ_SIZE_T)-1;
    memcpy(to, s->bytes->at + s->at, take);
    s->at += take;
    return take;
}

static OPJ_BOOL source_seek(OPJ_OFF_T to, void *data)
{
    struct j2k_source *s = data;
    if (to < 0 || (uint64_t)to > s->bytes->n)
        return OPJ_FALSE;
    s->at = (size_t)to;
    return OPJ_TRUE;
}

static OPJ_OFF_T source_skip(OPJ_OFF_T n, void *data)
{
    struct j2k_source *s = data;
    return n >= 0 && source_seek((OPJ_OFF_T)s->at + n, data) ? n : -1;
}

/* The first of several errors says what is wrong. */
static void source_error(const char *text, void *data)
{
    struct j2k_source *s = data;
    if (!s->text[0])
        snprintf(s->text, sizeof s->text, "%.*s", (int)strcspn(text, "\n"), text);
}

static int invalid(const struct j2k_source *s, struct err *err)
{
    return err_set(err, ERR_INPUT, "%s", s->text[0] ? s->text : "it is not valid");
}

static int check_channels(const opj_image_t *o, struct err *err)
{
    if (o->numcomps < 1 || o->numcomps > 4)
        return err_set(err, ERR_INPUT, "%u channels are not supported", o->numcomps);
    for (unsigned i = 0; i < o->numcomps; i++) {
        const opj_image_comp_t *c = &o->comps[i];
        if (c->dx != 1 || c->dy != 1)
            return err_set(err, ERR_INPUT, "channels with fewer pixels are not supported");
        if (c->prec < 1 || c->prec > MAX_BITS)
            return err_set(err, ERR_INPUT, "%u bits are not supported", c->prec);
    }
    return 0;
}

/* Gray or RGB, perhaps with transparency behind, which is dropped. OpenJPEG knows it only when the
 * pixels are decoded; then a palette has become colours as well. */
static int check_colours(const opj_image_t *o, struct err *err)
{
    if (o->color_space == OPJ_CLRSPC_SYCC || o->color_space == OPJ_CLRSPC_EYCC
        || o->color_space == OPJ_CLRSPC_CMYK
        || (o->numcomps == 4 && o->color_space != OPJ_CLRSPC_SRGB && !o->comps[3].alpha))
        return err_set(err, ERR_INPUT, "colours other than RGB are not supported");
    return 0;
}

static int put_channels(const opj_image_t *o, const struct j2k_source *s, struct image *im,
                        struct err *err)
{
    size_t n = (size_t)im->width * (size_t)im->height, channels = (size_t)im->channels;
    for (size_t k = 0; k < channels; k++) {
        const opj_image_comp_t *c = &o->comps[k];
        int32_t most = (1 << c->prec) - 1, shift = c->sgnd ? 1 << (c->prec - 1) : 0;
        if (!c->data || c->w != (unsigned)im->width || c->h != (unsigned)im->height)
            return invalid(s, err);
        for (size_t i = 0; i < n; i++) {
            int64_t v = (int64_t)c->data[i] + shift;
            v = v < 0 ? 0 : v > most ? most : v;
            im->pixels[i * channels + k] = image_scaled((uint32_t)v, (uint32_t)most);
        }
    }
    return 0;
}

static int j2k_pixels(opj_codec_t *codec, opj_stream_t *stream, opj_image_t **o,
                      const struct j2k_source *s, struct arena *a, struct image *im,
                      struct err *err)
{
    opj_dparameters_t parameters;
    lib.opj_set_default_decoder_parameters(&parameters);
    if (!lib.opj_setup_decoder(codec, &parameters) || !lib.opj_read_header(stream, codec, o))
        return invalid(s, err);
    uint32_t width = (*o)->x1 - (*o)->x0, height = (*o)->y1 - (*o)->y0;
    TRY(image_begin(im, width, height, 3, NULL, err));
    TRY(check_channels(*o, err));
    if (!a)
        return 0;
    if (!lib.opj_decode(codec, stream, *o) || !lib.opj_end_decompress(codec, stream))
        return invalid(s, err);
    TRY(check_channels(*o, err));
    TRY(check_colours(*o, err));
    TRY(image_begin(im, width, height, (*o)->numcomps >= 3 ? 3 : 1, a, err));
    return put_channels(*o, s, im, err);
}

static int j2k_decode(const struct bytes *b, struct arena *a, struct image *im, struct err *err)
{
    struct j2k_source s = {.bytes = b};
    opj_image_t *o = NULL;
    opj_codec_t *codec = lib.opj_create_decompress(b->at[0] ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_stream_t *stream = lib.opj_stream_create(CHUNK, OPJ_TRUE);
    if (!codec || !stream)
        die("out of memory (OpenJPEG)");
    lib.opj_set_error_handler(codec, source_error, &s);
    lib.opj_stream_set_user_data(stream, &s, NULL);
    lib.opj_stream_set_user_data_length(stream, b->n);
    lib.opj_stream_set_read_function(stream, source_read);
    lib.opj_stream_set_skip_function(stream, source_skip);
    lib.opj_stream_set_seek_function(stream, source_seek);
    int r = j2k_pixels(codec, stream, &o, &s, a, im, err);
    lib.opj_image_destroy(o);
    lib.opj_stream_destroy(stream);
    lib.opj_destroy_codec(codec);
    return r;
}

const struct image_format image_jpeg2000 = {"JPEG 2000", j2k_decode, &libopenjp2, NULL};
