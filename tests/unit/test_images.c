/* SPDX-License-Identifier: Apache-2.0
 *
 * test_images: directories of pictures: decoding, sizes, and the line that describes them.
 */
#include "image.h"
#include "sample.h"

#include <math.h>

#include <jpeglib.h>
#include <png.h>

static void write_png(struct fixture *f, const char *name, int width, int height, int kind,
                      int bits, const uint8_t *pixels, size_t row)
{
    FILE *out = fopen(temp_path(&f->arena, f->dir, name), "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, out);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, bits, kind,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (kind == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, (png_color[]){{10, 20, 30}, {40, 50, 60}}, 2);
    png_write_info(png, info);
    for (int y = 0; y < height; y++)
        png_write_row(png, pixels + (size_t)y * row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(out);
}

static void write_jpeg(struct fixture *f, const char *name, J_COLOR_SPACE space, int channels)
{
    FILE *out = fopen(temp_path(&f->arena, f->dir, name), "wb");
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr e;
    j.err = jpeg_std_error(&e);
    jpeg_create_compress(&j);
    jpeg_stdio_dest(&j, out);
    j.image_width = j.image_height = 16;
    j.input_components = channels;
    j.in_color_space = space;
    jpeg_set_defaults(&j);
    jpeg_set_quality(&j, 100, TRUE);
    jpeg_start_compress(&j, TRUE);
    uint8_t line[16 * 4];
    for (int i = 0; i < 16 * channels; i++)
        line[i] = (uint8_t)(200 - 50 * (i % channels));
    JSAMPROW row = line;
    while (j.next_scanline < 16)
        jpeg_write_scanlines(&j, &row, 1);
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    fclose(out);
}

/* The only sample under this name, as numbers. */
static void check_image(struct fixture *f, const char *name, const char *line, const double *want,
                        double tolerance)
{
    struct dataset *d = open_data(f, name, line, 0);
    const struct tensor *t = read_input(f, d, 0, 0);
    for (int64_t i = 0; i < tensor_count(t); i++)
        if (fabs(tensor_get(t, i) - want[i]) > tolerance)
            fail_msg("%s: element %d is %g, not %g", name, (int)i, tensor_get(t, i), want[i]);
    dataset_close(d);
}

static void pngs_of_all_kinds_are_read(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, -1, 3, 1, 2);
    const uint8_t rgb[] = {1, 2, 3, 4, 5, 6}, rgba[] = {1, 2, 3, 0, 4, 5, 6, 9};
    const uint8_t wide[] = {1, 255, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0}, bit[] = {0x40};
    static const double planes[] = {1, 4, 2, 5, 3, 6};
    write_png(f, "rgb.png", 2, 1, PNG_COLOR_TYPE_RGB, 8, rgb, 6);
    check_image(f, "rgb.png", "layout=nchw", planes, 0);
    check_image(f, "rgb.png", "bgr", (double[]){3, 6, 2, 5, 1, 4}, 0);
    check_image(f, "rgb.png", "scale=1/2 mean=1,2,3 std=2", (double[]){-.25, .5, -.5, .25, -.75, 0},
                0);
    write_png(f, "rgba.png", 2, 1, PNG_COLOR_TYPE_RGB_ALPHA, 8, rgba, 8);
    check_image(f, "rgba.png", "rgb", planes, 0);
    write_png(f, "wide.png", 2, 1, PNG_COLOR_TYPE_RGB, 16, wide, 12);
    check_image(f, "wide.png", "rgb", (double[]){2, 4, 2, 5, 3, 6}, 0);
    write_png(f, "palette.png", 2, 1, PNG_COLOR_TYPE_PALETTE, 1, bit, 1);
    check_image(f, "palette.png", "rgb", (double[]){10, 40, 20, 50, 30, 60}, 0);
    write_png(f, "bit.png", 2, 1, PNG_COLOR_TYPE_GRAY, 1, bit, 1);
    check_image(f, "bit.png", "rgb", (double[]){0, 255, 0, 255, 0, 255}, 0);
    f->model->graph->input[0]->type.shape = (struct shape){4, {1, 1, 2, 1}};
    check_image(f, "palette.png", "gray layout=nhwc", (double[]){18, 48}, 0);
}

static void jpegs_are_read(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, -1, -1, -1, -1);
    write_jpeg(f, "rgb.jpg", JCS_RGB, 3);
    check_image(f, "rgb.jpg", "crop=1", (double[]){200, 150, 100}, 2);
    write_jpeg(f, "gray.jpeg", JCS_GRAYSCALE, 1);
    check_image(f, "gray.jpeg", "crop=1", (double[]){200, 200, 200}, 1);
    write_jpeg(f, "cmyk.jpg", JCS_CMYK, 4);
    refuses(f, "cmyk.jpg", "rgb", "cmyk.jpg: JPEG: CMYK is not supported; convert it to RGB");
    temp_write(temp_path(&f->arena, f->dir, "cut.jpg"), "\xff\xd8\xff\xe0", 4);
    refuses(f, "cut.jpg", "rgb", "cut.jpg: JPEG: Premature end of JPEG file");
}

static void bitmaps_are_read(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, -1, 3, 1, 2);
    static const uint8_t bmp[] = {'B', 'M', 0, 0, 0, 0, 0, 0, 0, 0, 26, 0, 0, 0, 12, 0, 0, 0,
                                  2,   0,   1, 0, 1, 0, 24, 0, 3, 2, 1, 6, 5, 4, 0, 0};
    static const double planes[] = {1, 4, 2, 5, 3, 6};
    temp_write(temp_path(&f->arena, f->dir, "a.bmp"), bmp, sizeof bmp);
    check_image(f, "a.bmp", "rgb", planes, 0);
    temp_write(temp_path(&f->arena, f->dir, "a.ppm"), "P6 2 1 255\n\1\2\3\4\5\6", 17);
    check_image(f, "a.ppm", "rgb", planes, 0);
    temp_write(temp_path(&f->arena, f->dir, "cut.bmp"), bmp, sizeof bmp - 3);
    refuses(f, "cut.bmp", "rgb", "cut.bmp: BMP: it is cut short");
    temp_write(temp_path(&f->arena, f->dir, "a.pgm"), "P5 65536 65536 255\n", 19);
    refuses(f, "a.pgm", "rgb", "a.pgm: PNM: 65536 x 65536 pixels are too many");
}

/* With the library, what is wrong; without it, that it is missing. */
static void check_library(struct fixture *f, const char *start, size_t n, const char *with,
                          const char *without)
{
    struct image im;
    struct err err = {0};
    assert_int_equal(image_decode(start, n, 3, &f->arena, &im, &err), -1);
    if (strncmp(err.text, with, strlen(with)))
        assert_string_equal(err.text, without);
}

static void libraries_may_be_missing(void **state)
{
    struct fixture *f = *state;
    check_library(f, "RIFF\0\0\0\0WEBP", 12, "WebP: its header is not valid",
                  "quern was built without libwebp, which reads WebP");
    check_library(f, "II\x2a\0\0\0\0\0", 8, "TIFF: ",
                  "quern was built without libtiff, which reads TIFF");
    check_library(f, "\xff\x4f\xff\x51", 4, "JPEG 2000: ",
                  "quern was built without libopenjp2, which reads JPEG 2000");
}

/* One row of pixels makes the weights visible. */
static void sizes_change_as_documented(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, -1, -1, -1, -1);
    const uint8_t row[] = {0, 100, 200, 40};
    write_png(f, "row.png", 4, 1, PNG_COLOR_TYPE_GRAY, 8, row, 4);
    /* halved: triangles of half width 2 around 1 and 3, weights 1/4 3/4 3/4 1/4 cut at the ends */
    check_image(f, "row.png", "gray resize=2x1", (double[]){125 / 1.75, 205 / 1.75}, .5);
    check_image(f, "row.png", "gray resize=8x1",
                (double[]){0, 25, 75, 125, 175, 160, 80, 40}, .5);
    check_image(f, "row.png", "gray crop=2x1", (double[]){100, 200}, 0);
    check_image(f, "row.png", "gray crop=3x1", (double[]){0, 100, 200}, 0);
    check_image(f, "row.png", "gray pad=5x2,7", (double[]){0, 100, 200, 40, 7, 7, 7, 7, 7, 7}, 0);
    check_image(f, "row.png", "gray letterbox=4x3,9",
                (double[]){0, 100, 200, 40, 9, 9, 9, 9, 9, 9, 9, 9}, 0);
    refuses(f, "row.png", "gray crop=2",
            "row.png: an image of 4x1 is smaller than crop 2x2");
    struct dataset *d = open_data(f, "row.png", "resize=3", 0);
    assert_true(shape_equal(&read_input(f, d, 0, 0)->shape, &(struct shape){4, {1, 3, 3, 12}}));
    dataset_close(d);
}

static void image_lines_are_checked(void **state)
{
    struct fixture *f = *state;
    INPUT(f, "x", DTYPE_F32, -1, 3, 224, 224);
    write_png(f, "i/a.png", 1, 1, PNG_COLOR_TYPE_GRAY, 8, (uint8_t[]){0}, 1);
    refuses(f, "i", NULL,
            "i: images need --image with a line that says how the model was trained to see them; "
            "for float[?,3,224,224] this may be \"resize=256 crop=224 layout=nchw rgb scale=1/255 "
            "mean=.485,.456,.406 std=.229,.224,.225\"");
    refuses(f, "i", "blur=3",
            "image line: 'blur=3' is not known; the words are resize=N, resize=WxH, crop=N, "
            "crop=WxH, letterbox=WxH[,VALUE], pad=WxH[,VALUE], rgb, bgr, gray, layout=nchw, "
            "layout=nhwc, scale=NUMBER (or 1/255), mean=NUMBER[,...], std=NUMBER[,...]");
    refuses(f, "i", "resize=0", "image line: 'resize=0': expected N or WxH, as in 224 or 640x480");
    refuses(f, "i", "pad=3", "image line: 'pad=3': expected WxH or WxH,VALUE, as in 640x640,114");
    refuses(f, "i", "pad=3x3,256",
            "image line: 'pad=3x3,256': the value behind the comma is a pixel, 0 to 255");
    refuses(f, "i", "crop=3x3,1", "image line: 'crop=3x3,1': there is something behind the size");
    refuses(f, "i", "rgb gray", "image line: 'gray': rgb, bgr and gray exclude each other");
    refuses(f, "i", "mean=1,2", "image line: mean has 2 numbers, but there are 3 channels");
    refuses(f, "i", "std=1,0,1",
            "image line: 'std=1,0,1': expected one number or one for each channel, not 0");
    refuses(f, "i", "scale=1/0",
            "image line: 'scale=1/0': expected a number or a fraction, as in 1/255");
    refuses(f, "i", "layout=chw", "image line: 'layout=chw': a layout is nchw or nhwc");
    refuses(f, "i", "rgb", "i/a.png: input 'x': expected float[?,3,224,224], got float[1,3,1,1]");
    temp_write(temp_path(&f->arena, f->dir, "x.npy"), "", 0);
    refuses(f, "x.npy", "rgb", "x.npy: --image is for images only");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pngs_of_all_kinds_are_read),
        TEST(jpegs_are_read),
        TEST(bitmaps_are_read),
        TEST(libraries_may_be_missing),
        TEST(sizes_change_as_documented),
        TEST(image_lines_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
