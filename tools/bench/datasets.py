# SPDX-License-Identifier: Apache-2.0
"""The data sets of the benchmarks, each as the Data or the Stream that one model needs.

The digits are part of the repository. Everything else is found in $MATERIAL (default:
../shared/material beside the checkout). No sample is used both to calibrate and to evaluate.
"""
import csv
import os
import wave

import numpy as np

from feeds import Data, Feeds, Look, Stream, feeds
from paths import CACHE, MATERIAL, ROOT
from runtimes import Ort

DIGITS = ROOT / "tests/data/digits"
BATCH = 25

IMAGENET = Look((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
SIGNED = Look((127.5,), (127.5,))     # pixels to -1 .. 1


def shared(name):
    return MATERIAL / "models" / name / "model.onnx"


def example(name, file):
    """Samples that are stored with a model."""
    return np.load(MATERIAL / "models" / name / "io" / file)


# Pictures


def opened(path, mode="RGB"):
    from PIL import Image
    return Image.open(path).convert(mode)


def pixels(image):
    """Bytes [channels, height, width]."""
    return np.atleast_3d(np.asarray(image)).transpose(2, 0, 1)


def stretched(image, width, height):
    from PIL import Image
    return image.resize((width, height), Image.Resampling.BILINEAR)


def fitted(image, width, height, fill):
    """At the top left of a canvas, as large as fits."""
    from PIL import Image
    ratio = min(width / image.width, height / image.height)
    canvas = Image.new("RGB", (width, height), (fill,) * 3)
    canvas.paste(stretched(image, max(1, int(image.width * ratio)),
                           max(1, int(image.height * ratio))))
    return canvas


def table(path):
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def digits(name):
    def part(which):
        rows = table(DIGITS / which / "labels.tsv")
        return (np.stack([pixels(opened(DIGITS / which / row[0], "L")) for row in rows]),
                np.array([int(row[1]) for row in rows]))
    evaluation, labels = part("evaluation")
    return Data(feeds(name, part("calibration")[0], SIGNED), feeds(name, evaluation, SIGNED),
                labels, BATCH)


def noise():
    """For the networks of networks.py."""
    random = np.random.default_rng(3)
    part = [random.standard_normal((n, 3, 224, 224)).astype(np.float32) for n in (50, 10)]
    return Data(*(feeds("x", samples) for samples in part))


def photographs():
    """The middle 224x224 of each ImageNet picture, decoded once, and which of them calibrate: two
    of five. In both parts the classes are spread evenly."""
    directory = MATERIAL / "data/imagenet_sample"
    rows = sorted(table(directory / "labels.tsv"))
    decoded = CACHE / "imagenet_sample.npy"
    if not decoded.exists():
        def middle(x):
            top, left = (x.shape[1] - 224) // 2, (x.shape[2] - 224) // 2
            return x[:, top:top + 224, left:left + 224]
        CACHE.mkdir(parents=True, exist_ok=True)
        part = CACHE / f"imagenet_sample.{os.getpid()}.npy"
        np.save(part, np.stack([middle(pixels(opened(directory / row[0]))) for row in rows]))
        part.rename(decoded)
    return (np.load(decoded, mmap_mode="r"), np.array([int(row[1]) for row in rows]),
            np.isin(np.arange(len(rows)) % 5, (0, 2)))


def imagenet(name):
    pictures, labels, calibrates = photographs()
    return Data(feeds(name, pictures[calibrates], IMAGENET),
                feeds(name, pictures[~calibrates], IMAGENET), labels[~calibrates], BATCH)


def luma(name):
    """The brightness of ImageNet pictures, 0 .. 1: 60 calibrate, 20 others evaluate."""
    from PIL import Image
    pictures, _, calibrates = photographs()

    def bright(x):
        image = Image.fromarray(np.ascontiguousarray(x.transpose(1, 2, 0)))
        return np.asarray(image.convert("YCbCr"))[None, ..., 0].astype(np.float32) / 255
    return Data(feeds(name, pictures[calibrates][:60], bright),
                feeds(name, pictures[~calibrates][:20], bright))


def cifar10(name, look):
    def part(file):
        records = np.fromfile(MATERIAL / "data/cifar10" / file, np.uint8).reshape(-1, 3073)
        return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]
    evaluation, labels = part("test_3000.bin")
    return Data(feeds(name, part("calib_1000.bin")[0], look), feeds(name, evaluation, look),
                labels, BATCH)


def mnist(name, look=Look(), evaluated=5000):
    """The first pictures of the test set evaluate, the last 1000 calibrate."""
    def load(file, header):
        return np.fromfile(MATERIAL / "data/mnist" / file, np.uint8)[header:]
    pictures = load("t10k-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
    return Data(feeds(name, pictures[-1000:], look), feeds(name, pictures[:evaluated], look),
                load("t10k-labels-idx1-ubyte", 8)[:evaluated], BATCH)


def scenes(name, directory, calibrate, size, look, fill=None):
    """All pictures of a directory: the first ones calibrate, the others evaluate."""
    files = sorted((MATERIAL / "data" / directory).glob("*.jpg"))

    def load(file):
        image = opened(file)
        return look(pixels(stretched(image, *size) if fill is None
                           else fitted(image, *size, fill)))
    return Data(feeds(name, files[:calibrate], load), feeds(name, files[calibrate:], load))


# Text in pictures


TEXT = MATERIAL / "data/ocr"
INK = Look((127.5,), (127.5,), bgr=True)


def line(image, width, height):
    """A line of text at the left of a grey strip."""
    used = min(width, max(1, -(-height * image.width // image.height)))
    strip = np.zeros((3, height, width), np.float32)
    strip[:, :, :used] = INK(pixels(stretched(image, used, height)))
    return strip


def turned(name):
    """Lines upright (class 0) and upside down (class 1): 20 evaluate, the others calibrate."""
    lines = [line(opened(file).rotate(angle), 192, 48)
             for file in sorted((TEXT / "crops").glob("*.png")) for angle in (0, 180)]
    return Data(feeds(name, lines[40:]), feeds(name, lines[:40]), np.arange(40) % 2)


def lines(name):
    """The cut lines of one picture, and strips of a page, calibrate; those of others evaluate."""
    files = sorted((TEXT / "crops").glob("*.png"))
    page = opened(TEXT / "latin.jpg")
    wide = 8 * page.height
    strips = [page.crop((x, 0, x + wide, page.height))
              for x in range(0, page.width - wide, wide // 2)]
    cut = [opened(file) for file in files if "ch_en" in file.name]
    others = [opened(file) for file in files if "ch_en" not in file.name]
    with open(TEXT / "en_dict.txt", encoding="utf-8") as file:
        alphabet = ["", *(row.rstrip("\n") for row in file), " "]
    return Data(*(feeds(name, [line(image, 320, 32) for image in images])
                  for images in (strips + cut, others)), (alphabet, None))


def pages(name):
    """Pictures with text, their sides at most 640 (and 416 to calibrate) and multiples of 32."""
    def load(file, limit):
        image = opened(TEXT / file)
        ratio = min(1, limit / max(image.size))
        sides = (max(32, round(side * ratio / 32) * 32) for side in image.size)
        return Look(IMAGENET.mean, IMAGENET.std, bgr=True)(pixels(stretched(image, *sides)))
    calibration = ("check_return_word_len.jpeg", "en_rec.jpg", "issue_170.png", "latin.jpg",
                   "text_rec.jpg", "text_vertical_words.png", "text_cls.jpg")
    evaluation = ("ch_en_num.jpg", "en.jpg", "sample.jpg", "test_without_det.jpg")
    return Data(feeds(name, [load(file, limit) for file in calibration for limit in (640, 416)]),
                feeds(name, [load(file, 640) for file in evaluation]))


# Sound


def sound(path):
    """The first channel, as 16-bit samples."""
    with wave.open(str(MATERIAL / "data" / path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(
            -1, file.getnchannels())[:, 0]


def speech(number):
    return sound(f"vad_ten/testset-audio-{number:02d}.wav")


def spoken(number, middles):
    """Whether there is speech at these seconds of a recording."""
    path = MATERIAL / f"data/vad_ten/testset-audio-{number:02d}.scv"
    numbers = [float(field) for field in path.read_text().strip().split(",")[1:]]
    spans = [numbers[i:i + 3] for i in range(0, len(numbers) - 2, 3)]
    return [any(voiced and start <= t < end for start, end, voiced in spans) for t in middles]


def activity():
    """Frames of 512 samples, each with the 64 before it. Ten recordings evaluate, five others
    calibrate."""
    parts = {"evaluation": range(1, 11), "calibration": range(11, 16)}

    def frames(part):
        for number in parts[part]:
            wave_ = np.pad(speech(number).astype(np.float32) / 32768, (64, 0))
            yield [{"input": wave_[None, i:i + 576]} for i in range(0, len(wave_) - 575, 512)]
    labels = []
    for number in parts["evaluation"]:
        starts = np.arange(len(speech(number)) // 512) * 512
        labels += spoken(number, (starts + 256) / 16000)
    return Stream(frames, {"state": np.zeros((2, 1, 128), np.float32),
                           "sr": np.array(16000)}, {"state": 1}, np.array(labels))


def noisy_magnitudes():
    """Spectra of overlapping blocks of a noisy recording; its later part calibrates."""
    mix = sound("denoise/mix.wav").astype(np.float32) / 32768

    def frames(part):
        first = 7616 if part == "evaluation" else 80000
        blocks = (mix[i:i + 512] for i in range(first, first + 400 * 128, 128))
        return [[{"input_2": np.abs(np.fft.rfft(x)).astype(np.float32)[None, None]}
                 for x in blocks]]
    return Stream(frames, {"input_3": np.zeros((1, 2, 128, 2), np.float32)}, {"input_3": 1})


def noisy_spectra():
    """The same, as complex spectra of windowed blocks."""
    mix = np.pad(sound("denoise/mix.wav").astype(float) / 32768, 256, mode="reflect")
    window = np.sqrt(np.hanning(513)[:512])

    def frames(part):
        found = []
        for k in range(300) if part == "evaluation" else range(300, 605):
            spectrum = np.fft.rfft(mix[256 * k:256 * k + 512] * window)
            found.append({"mix": np.stack([spectrum.real, spectrum.imag], -1).astype(np.float32)
                          [None, :, None]})
        return [found]
    state = {"conv_cache": (2, 1, 16, 16, 33), "tra_cache": (2, 3, 1, 1, 16),
             "inter_cache": (2, 1, 33, 16)}
    return Stream(frames, {name: np.zeros(shape, np.float32) for name, shape in state.items()},
                  {name: index for index, name in enumerate(state, 1)})


def opinions(name):
    """Nine seconds of speech, repeated to fill them: ten recordings calibrate, five others and
    the two that are stored with the model evaluate."""
    def filled(number):
        return np.resize(speech(number), 144160)

    def scaled(x):
        return x.astype(np.float32) / 32768
    stored = list(example("dnsmos_sig_bak_ovr", "x_i16.npy"))
    return Data(feeds(name, [filled(n) for n in range(6, 16)], scaled),
                feeds(name, stored + [filled(n) for n in range(1, 6)], scaled))


def wake_words(name):
    """Windows of the mel spectrogram that the model beside it makes."""
    mel = Ort(shared("oww_melspec"))

    def windows(samples):
        rows = mel({"input": samples.astype(np.float32)[None]})[0].reshape(-1, 32) / 10 + 2
        return [rows[i:i + 76, :, None] for i in range(0, len(rows) - 76, 8)]

    def said(*words):
        return windows(np.concatenate([sound(f"wakeword/{word}.wav") for word in words]))
    calibration = (said("negative_reference") + windows(sound("denoise/mix.wav"))
                   + windows(speech(10)) + windows(speech(11)))
    return Data(feeds(name, calibration),
                feeds(name, said("hey_mycroft_test", "hey_jane", "alexa_test")))


def morse(name):
    """Eight recordings of known text: three calibrate, five evaluate."""
    directory = MATERIAL / "models/cw_crnn_loop/io"
    symbols = [row[0].strip("'") for row in table(directory / "classes.txt")]
    alphabet = [symbol if len(symbol) == 1 and symbol.strip() else "" for symbol in symbols]
    texts = [row[0].replace(" ", "") for row in table(directory / "text.tsv")]
    recordings = example("cw_crnn_loop", "x_f16.npy")
    return Data(feeds(name, recordings[:3]), feeds(name, recordings[3:]), (alphabet, texts[3:]))


# The rest


def gestures(name, file, **others):
    """Rows of numbers, the class first; every fourth calibrates."""
    with open(MATERIAL / "data/gesture" / file) as opened_:
        rows = np.array([row for row in csv.reader(opened_) if row], np.float32)
    calibrates = np.arange(len(rows)) % 4 == 0

    def part(chosen):
        return Feeds(len(chosen), lambda i: {name: chosen[i:i + 1, 1:], **others})
    return Data(part(rows[calibrates]), part(rows[~calibrates]), rows[~calibrates, 0].astype(int),
                1 if others else BATCH)


def spectra_block(name):
    """One block of frames: the first half calibrates, the second evaluates, each filled up."""
    block = example("ad_autoencoder_gemm_bn", "x.npy")
    half = len(block) // 2
    return Data(*(Feeds(1, lambda i, part=part: {name: np.resize(part, block.shape)})
                  for part in (block[:half], block[half:])))


def volume(name):
    """One brain scan: its lower half, mirrored four ways, calibrates, the upper one evaluates."""
    scan = example("niivue_meshnet", "x_u8.npy")[0].astype(np.float32) / 255
    lower, upper = scan[:, :32], scan[:, 32:]
    mirrored = [lower, lower[..., ::-1], lower[..., ::-1, :], lower[..., ::-1, ::-1]]
    return Data(feeds(name, mirrored), feeds(name, [upper]))


def stories(name):
    """Tokenized stories, filled up with zeros: the first 64 calibrate, the last 60 evaluate."""
    rows = np.load(MATERIAL / "data/text/tinystories_tok512_420x256_i32.npy")

    def tokens(row):
        return row[:np.count_nonzero(row)].astype(np.int64)
    return Data(feeds(name, rows[:64], tokens), feeds(name, rows[-60:], tokens))
