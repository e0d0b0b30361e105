# SPDX-License-Identifier: Apache-2.0
"""ImageDecoder on pictures of all kinds and odd sizes, against Pillow; the images of calibration go
the same way. Kinds that Pillow does not write are written here."""
import io
import pathlib
import struct
import subprocess
import tempfile
import unittest

from single import PROGRAM, Refused, TensorProto, helper, joined, np, one_node, onnx, run_quern

try:
    from PIL import Image
except ImportError as missing:
    raise unittest.SkipTest(f"{missing} (tools/requirements-test.txt)")

SIZES = (1, 1), (1, 5), (7, 3), (17, 9), (64, 33)
CHANNELS = {"1": 1, "L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
# Pillow's format, its modes, and what else to tell it.
WRITTEN = (
    ("PNG", ("1", "L", "LA", "P", "RGB", "RGBA"), {}),
    ("JPEG", ("L", "RGB"), {"quality": 90, "subsampling": 0}),
    ("JPEG", ("RGB",), {"quality": 60, "subsampling": 1, "progressive": True}),
    ("JPEG", ("RGB",), {"quality": 75, "subsampling": 2}),
    ("BMP", ("1", "L", "P", "RGB", "RGBA"), {}),
    ("PPM", ("1", "L", "RGB"), {}),
    ("WEBP", ("RGB", "RGBA"), {"quality": 80}),
    ("WEBP", ("RGB", "RGBA"), {"lossless": True, "exact": True}),
    ("TIFF", ("1", "L", "P", "RGB", "RGBA"), {}),
    ("TIFF", ("L", "RGB", "RGBA"), {"compression": "tiff_lzw"}),
    ("TIFF", ("1", "RGB"), {"compression": "tiff_adobe_deflate"}),
    ("TIFF", ("1",), {"compression": "group4"}),
    ("TIFF", ("L", "RGB"), {"compression": "packbits"}),
    ("TIFF", ("RGB",), {"big_tiff": True}),
    ("JPEG2000", ("L", "LA", "RGB", "RGBA"), {}),
    ("JPEG2000", ("L", "RGB"), {"no_jp2": True, "irreversible": True, "quality_layers": [10]}),
)


def random_picture(random, mode, size):
    """Smooth enough that lossy kinds keep it."""
    rows, columns = size[1], size[0]
    shape = (rows, columns, CHANNELS.get(mode, 3))
    grid = np.add.outer(np.arange(rows) * 3, np.arange(columns) * 2)[..., None]
    noise = random.integers(0, 40, shape) + random.integers(0, 256, shape[2])
    pixels = ((grid + noise) % 256).astype(np.uint8)
    if mode == "P":
        return Image.fromarray(pixels).quantize(int(random.integers(2, 200)))
    if mode == "1":
        return Image.fromarray(np.where(pixels[..., 0] > 99, 255, 0).astype(np.uint8)).convert("1")
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels)


def encoded(picture, kind, **options):
    with io.BytesIO() as file:
        picture.save(file, format=kind, **options)
        return file.getvalue()


def setUpModule():
    """All of it, or nothing: tools/test builds with all libraries."""
    picture = random_picture(np.random.default_rng(0), "RGB", (8, 8))
    for kind in ("WEBP", "TIFF", "JPEG2000"):
        try:
            decode_all([encoded(picture, kind)])
        except Refused as reason:
            if "quern was built without lib" not in str(reason):
                raise
            raise unittest.SkipTest(str(reason)) from None


def decoded(file):
    """As Pillow sees it, in RGB."""
    with Image.open(io.BytesIO(file)) as picture:
        return np.asarray(picture.convert("RGB"))


def bmp(size, bits, rows, compression=0, colours=b"", masks=b"", core=False, down=False):
    """A bitmap with these bytes for rows, from the lowest where not `down`."""
    width, height = size
    head = struct.pack("<IHHHH", 12, width, height, 1, bits) if core else struct.pack(
        "<IiiHHIIiiII", 40, width, -height if down else height, 1, bits, compression, len(rows), 0,
        0, len(colours) // 4, 0)
    start = 14 + len(head) + len(masks) + len(colours)
    return struct.pack("<2sIHHI", b"BM", start + len(rows), 0, 0, start) + head + masks + colours \
        + rows


def bitmaps(random, size):
    """Bitmaps that Pillow reads and does not write."""
    def bytes_of(bits):
        return random.bytes((size[0] * bits + 31) // 32 * 4 * size[1])
    for bits in (1, 4, 8):
        colours = random.bytes(4 << bits)
        yield f"{bits} bits", bmp(size, bits, bytes_of(bits), colours=colours)
        colours = random.bytes(3 << bits)
        yield f"{bits} bits of OS/2", bmp(size, bits, bytes_of(bits), colours=colours, core=True)
    yield "16 bits", bmp(size, 16, bytes_of(16))
    yield "16 bits with masks", bmp(size, 16, bytes_of(16), 3,
                                    masks=struct.pack("<III", 0xf800, 0x7e0, 0x1f))
    yield "24 bits, downwards", bmp(size, 24, bytes_of(24), down=True)
    yield "32 bits", bmp(size, 32, bytes_of(32))
    yield "32 bits with masks", bmp(size, 32, bytes_of(32), 3,
                                    masks=struct.pack("<III", 0xff000000, 0xff0000, 0xff00))
    for bits in (4, 8):
        yield f"runs of {bits} bits", bmp(size, bits, runs(random, size, bits), 3 - bits // 4,
                                          random.bytes(4 << bits))


def runs(random, size, bits):
    """Rows as runs and as bytes one by one, each filled to its end."""
    out = b""
    for _ in range(size[1]):
        left = size[0]
        while left:
            n = int(random.integers(1, min(left, 20) + 1))
            left -= n
            if n < 3 or random.integers(2):
                out += bytes([n, int(random.integers(256))])
            else:
                literal = random.bytes(n if bits == 8 else (n + 1) // 2)
                out += bytes([0, n]) + literal + bytes(len(literal) % 2)
        out += b"\0\0"
    return out + b"\0\1"


def decoder(index, file, pixel_format):
    return one_node("ImageDecoder", [np.frombuffer(file, np.uint8)],
                    {"pixel_format": pixel_format}, opset=20, types_out=[TensorProto.UINT8],
                    name=f"n{index}")


def decode_all(files, pixel_format="RGB"):
    """What quern makes of them, with one run."""
    cases = [decoder(i, file, pixel_format) for i, file in enumerate(files)]
    got = run_quern(joined([m for m, _ in cases]), {k: v for _, f in cases for k, v in f.items()})
    return [got[f"n{i}_out0"] for i in range(len(files))]


class Images(unittest.TestCase):
    def check(self, named):
        """(name, file, expected or None for Pillow's, tolerance) each."""
        got = decode_all([file for _, file, _, _ in named])
        for (name, file, want, tolerance), have in zip(named, got):
            want = decoded(file) if want is None else want
            self.assertEqual(have.shape, want.shape, name)
            far = np.abs(have.astype(int) - want.astype(int)).max()
            self.assertLessEqual(far, tolerance, name)

    def test_what_pillow_writes(self):
        random = np.random.default_rng(1)
        named = []
        for kind, modes, options in WRITTEN:
            for mode in modes:
                for size in SIZES:
                    file = encoded(random_picture(random, mode, size), kind, **options)
                    # versions of OpenJPEG round wavelets of real numbers differently
                    loose = 1 if options.get("irreversible") else 0
                    named.append((f"{kind} {mode} {size} {options}", file, None, loose))
        self.check(named)

    def test_bitmaps(self):
        random = np.random.default_rng(2)
        self.check([(f"{name} {size}", file, None, 0) for size in SIZES
                    for name, file in bitmaps(random, size)])

    def test_runs_that_skip(self):
        """Pixels that a run-length encoded bitmap leaves out have colour 0."""
        file = bmp((4, 3), 8, bytes([1, 1, 0, 2, 1, 1, 1, 2, 0, 0, 9, 3, 0, 1]), 1,
                   bytes(range(16)))
        want = np.zeros((3, 4), int)
        want[2, 0], want[1, 2], want[0, :] = 1, 2, 3
        colours = np.arange(16).reshape(4, 4)[:, 2::-1]
        self.check([("runs", file, colours[want], 0)])

    def test_portable(self):
        random = np.random.default_rng(3)
        named = []
        for width, height in SIZES:
            for kind, most in (("P2", 9), ("P3", 255), ("P3", 1000), ("P5", 65535), ("P6", 999),
                               ("P5", 7)):
                shape = (height, width, 3 if kind in ("P3", "P6") else 1)
                v = random.integers(0, most + 1, shape)
                body = " ".join(map(str, v.reshape(-1))).encode() if kind < "P4" else \
                    v.astype(">u2" if most > 255 else np.uint8).tobytes()
                file = f"{kind}# a word\n{width} # and\r{height}\n{most}\n".encode() + body
                want = np.broadcast_to((v * 510 + most) // (2 * most), (height, width, 3))
                named.append((f"{kind} {most}", file, want, 0))
            bits = random.integers(0, 2, (height, width, 1))
            file = f"P1 {width} {height} ".encode() + "".join(map(str, bits.reshape(-1))).encode()
            named.append(("P1", file, np.repeat(255 - 255 * bits, 3, 2), 0))
        self.check(named)

    def test_16_bits(self):
        values = np.random.default_rng(4).integers(0, 65536, (9, 17)).astype(np.uint16)
        want = np.repeat(((values * 510.0 + 65535) // 131070)[..., None], 3, 2)
        picture = Image.fromarray(values)
        self.check([("PNG", encoded(picture, "PNG"), want, 0),
                    ("PPM", encoded(picture, "PPM"), want, 0),
                    ("JPEG2000", encoded(picture, "JPEG2000"), want, 0),
                    ("TIFF", encoded(picture, "TIFF"), want, 1)])   # libtiff rounds down

    def test_pixel_formats(self):
        random = np.random.default_rng(5)
        files = [encoded(random_picture(random, mode, (13, 8)), kind) for kind, mode in
                 (("PNG", "L"), ("PNG", "RGB"), ("JPEG", "RGB"), ("BMP", "P"), ("TIFF", "RGB"))]
        for file, bgr, gray in zip(files, decode_all(files, "BGR"), decode_all(files, "Grayscale")):
            want = decoded(file)
            np.testing.assert_array_equal(bgr, want[..., ::-1])
            np.testing.assert_array_equal(gray[..., 0], Image.fromarray(want).convert("L"))

    def test_orientation_of_tiff(self):
        picture = random_picture(np.random.default_rng(6), "RGB", (5, 3))
        files = [encoded(picture, "TIFF", tiffinfo={274: n}) for n in (1, 2, 3, 4)]
        self.check([(str(i), file, None, 0) for i, file in enumerate(files, 1)])
        with self.assertRaisesRegex(Refused, "TIFF: orientation 6 is not supported"):
            decode_all([encoded(picture, "TIFF", tiffinfo={274: 6})])

    def test_refused(self):
        whole = encoded(random_picture(np.random.default_rng(7), "RGB", (40, 30)), "BMP")
        frames = [random_picture(np.random.default_rng(i), "RGB", (8, 8)) for i in (1, 2)]
        cmyk = frames[0].convert("CMYK")
        cases = [(b"", "not an image"), (b"GIF89a", "not an image of a known kind"),
                 (whole[:-9], "BMP: it is cut short"),
                 (bmp((1 << 20, 1 << 20), 24, b""), "BMP: 1048576 x 1048576 pixels are too many"),
                 (bmp((9, 9), 1, b"\xff" * 36, colours=bytes(4)), "a pixel has colour 1 of 1"),
                 (b"P5 70000 70000 255 ", "PNM: 70000 x 70000 pixels are too many"),
                 (b"P6 9000 9000 255 ", "PNM: it is cut short"),
                 (encoded(cmyk, "JPEG"), "JPEG: CMYK"), (encoded(cmyk, "TIFF"), "TIFF: CMYK"),
                 (encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
                  "WebP: animations"),
                 (encoded(frames[0], "WEBP")[:-30], "WebP: "),
                 (encoded(frames[0], "JPEG2000")[:-200], "JPEG 2000: "),
                 (encoded(frames[0], "TIFF")[:150], "TIFF: "),
                 (encoded(frames[0], "PNG")[:-30], "PNG: ")]
        for file, why in cases:
            with self.assertRaisesRegex(Refused, why):
                decode_all([file])
        with self.assertRaisesRegex(Refused, "pixel_format"):
            decode_all([whole], "YUV")

    def test_constant(self):
        """The bytes are an initializer: the output's shape is known without data."""
        file = encoded(random_picture(np.random.default_rng(8), "RGB", (6, 4)), "BMP")
        model, feeds = decoder(0, file, "RGB")
        (name, value), = feeds.items()
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
        del model.graph.input[:]
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "m.onnx"
            onnx.save(model, path)
            text = subprocess.run([PROGRAM, "show", path], capture_output=True, text=True,
                                  check=True).stdout
        self.assertIn("uint8[4,6,3]", text)

    def test_calibration_images(self):
        """A directory of one picture in all kinds gives the same sample for each."""
        picture = random_picture(np.random.default_rng(9), "RGB", (8, 8))
        want = np.asarray(picture).transpose(2, 0, 1)[None].astype(np.float32)
        graph = helper.make_graph(
            [helper.make_node("Identity", ["x"], ["y"])], "graph",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8])])
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                        ir_version=8), directory / "m.onnx")
            data = directory / "data"
            data.mkdir()
            for ending, kind, options in (
                    ("png", "PNG", {}), ("bmp", "BMP", {}), ("ppm", "PPM", {}), ("TIF", "TIFF", {}),
                    ("tiff", "TIFF", {}), ("webp", "WEBP", {"lossless": True}),
                    ("jp2", "JPEG2000", {}), ("j2k", "JPEG2000", {"no_jp2": True})):
                (data / f"{ending}.{ending}").write_bytes(encoded(picture, kind, **options))
            subprocess.run([PROGRAM, "run", directory / "m.onnx", "--data", data, "--image", "rgb",
                            "-o", directory / "out"], check=True, capture_output=True)
            files = sorted((directory / "out").glob("*.npz"))
            self.assertEqual(len(files), 8)
            for file in files:
                with np.load(file) as got:
                    np.testing.assert_array_equal(got["y"], want, file.name)


if __name__ == "__main__":
    unittest.main()
