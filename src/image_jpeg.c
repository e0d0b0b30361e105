/* SPDX-License-Identifier: Apache-2.0
 *
 * image_jpeg: libjpeg reports errors by a long jump; what it owns is given back in the one place
 * where that lands.
 */
#include "image_format.h"

#include <setjmp.h>
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>

struct jpeg_trap {
    struct jpeg_error_mgr base; /* first: libjpeg knows only this */
    jmp_buf jump;
    char text[JMSG_LENGTH_MAX];
};

static void jpeg_fail(j_common_ptr j)
{
    struct jpeg_trap *trap = (struct jpeg_trap *)j->err;
    trap->base.format_message(j, trap->text);
    longjmp(trap->jump, 1);
}

/* Most warnings are about bytes that every decoder skips; a file that ends early is an error. */
static void jpeg_message(j_common_ptr j, int level)
{
    if (level < 0 && j->err->msg_code == JWRN_JPEG_EOF)
        jpeg_fail(j);
}

static int jpeg_decode(const struct bytes *b, struct arena *a, struct image *im, struct err *err)
{
    struct jpeg_decompress_struct j;
    struct jpeg_trap trap;
    int r = 0;
    j.err = jpeg_std_error(&trap.base);
    trap.base.error_exit = jpeg_fail;
    trap.base.emit_message = jpeg_message;
    if (setjmp(trap.jump)) {
        jpeg_destroy_decompress(&j);
        return err_set(err, ERR_INPUT, "%s", trap.text);
    }
    jpeg_create_decompress(&j);
    jpeg_mem_src(&j, b->at, (unsigned long)b->n);
    jpeg_read_header(&j, TRUE);
    if (j.jpeg_color_space == JCS_CMYK || j.jpeg_color_space == JCS_YCCK)
        r = err_set(err, ERR_INPUT, "CMYK is not supported; convert it to RGB");
    else
        r = image_begin(im, j.image_width, j.image_height,
                        j.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3, a, err);
    if (!r && a) {
        j.out_color_space = im->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
        jpeg_start_decompress(&j);
        size_t row = (size_t)im->width * (size_t)im->channels;
        while (j.output_scanline < j.output_height) {
            JSAMPROW to = im->pixels + j.output_scanline * row;
            jpeg_read_scanlines(&j, &to, 1);
        }
    }
    jpeg_destroy_decompress(&j);
    return r;
}

const struct image_format image_jpeg = {"JPEG", jpeg_decode, NULL, NULL};
