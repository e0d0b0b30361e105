# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks measure: models, the data to calibrate and to evaluate with, and the goals.

    python tools/bench/tasks.py NAME DIRECTORY

writes NAME's calibration samples as .npz files and prints the path of the model; without the
model it does nothing.

The digits network is part of the repository. The other models and all other pictures are found in
$MATERIAL (default: ../shared/material beside the checkout); without them their tasks are skipped.
No sample is used both to calibrate and to evaluate.
"""
import csv
import dataclasses
import os
import pathlib
import sys
import typing

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
MATERIAL = pathlib.Path(os.environ.get("MATERIAL", ROOT.parent / "shared/material"))
CACHE = pathlib.Path(os.environ.get("QUERN_BENCH_CACHE", "~/.cache/quern-bench")).expanduser()
DIGITS = ROOT / "tests/data/digits"
CALIBRATION = 300     # samples at most

IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
SIGNED = {"mean": (127.5,), "std": (127.5,)}     # pixels to -1 .. 1


@dataclasses.dataclass
class Data:
    """Samples on axis 0, pictures as bytes [n, channels, height, width], and how a model wants
    them: (pixel - mean) / std, by channel."""
    calibration: np.ndarray
    evaluation: np.ndarray
    labels: np.ndarray     # of the evaluation samples
    mean: tuple = (0.,)
    std: tuple = (1.,)

    def prepare(self, samples):
        if samples.ndim == 2:
            return samples.astype(np.float32)
        mean, scale = (np.array(v, np.float32)[:, None, None]
                       for v in (self.mean, 1 / np.array(self.std)))
        return (samples.astype(np.float32) - mean) * scale


# The data sets


def picture(path, mode):
    """A picture as bytes [channels, height, width]."""
    from PIL import Image
    pixels = np.asarray(Image.open(path).convert(mode))
    return np.atleast_3d(pixels).transpose(2, 0, 1)


def table(path):
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def digits():
    def part(name):
        rows = table(DIGITS / name / "labels.tsv")
        return (np.stack([picture(DIGITS / name / row[0], "L") for row in rows]),
                np.array([int(row[1]) for row in rows]))
    return Data(part("calibration")[0], *part("evaluation"), **SIGNED)


def imagenet():
    """The middle 224x224 of each picture, decoded once; two of five calibrate."""
    directory = MATERIAL / "data/imagenet_sample"
    rows = sorted(table(directory / "labels.tsv"))
    decoded = CACHE / "imagenet_sample.npy"
    if not decoded.exists():
        def middle(x):
            top, left = (x.shape[1] - 224) // 2, (x.shape[2] - 224) // 2
            return x[:, top:top + 224, left:left + 224]
        CACHE.mkdir(parents=True, exist_ok=True)
        part = CACHE / f"imagenet_sample.{os.getpid()}.npy"
        np.save(part, np.stack([middle(picture(directory / row[0], "RGB")) for row in rows]))
        part.rename(decoded)
    pictures, labels = np.load(decoded, mmap_mode="r"), np.array([int(row[1]) for row in rows])
    calibrates = np.isin(np.arange(len(rows)) % 5, (0, 2))
    return Data(pictures[calibrates], pictures[~calibrates], labels[~calibrates], **IMAGENET)


def cifar10(**preparation):
    def part(name):
        records = np.fromfile(MATERIAL / "data/cifar10" / name, np.uint8).reshape(-1, 3073)
        return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]
    return Data(part("calib_1000.bin")[0], *part("test_3000.bin"), **preparation)


def mnist():
    """The first 5000 pictures of the test set evaluate, the last 1000 calibrate."""
    def load(name, header):
        return np.fromfile(MATERIAL / "data/mnist" / name, np.uint8)[header:]
    pictures = load("t10k-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
    return Data(pictures[-1000:], pictures[:5000], load("t10k-labels-idx1-ubyte", 8)[:5000])


def keypoints():
    """Every fourth row calibrates."""
    with open(MATERIAL / "data/gesture/keypoint.csv") as file:
        rows = np.array([row for row in csv.reader(file) if row], np.float32)
    calibrates = np.arange(len(rows)) % 4 == 0
    return Data(rows[calibrates, 1:], rows[~calibrates, 1:], rows[~calibrates, 0].astype(int))


# The tasks


@dataclasses.dataclass
class Task:
    """A model and what is asked of it, in points of accuracy."""
    name: str
    model: pathlib.Path
    input: str
    data: typing.Callable
    drop: float = np.inf      # int8 is at most this far below float
    least: float = 0          # int8 is at least this
    float_least: float = 0
    options: tuple = ()       # of `quern quantize`

    def goal(self):
        return f"float-{self.drop:g}" if self.drop < np.inf else f">={self.least:g}"

    def write_calibration(self, directory):
        """One .npz file a sample; the keys are input names."""
        data = self.data()
        for i, sample in enumerate(data.calibration[:CALIBRATION]):
            np.savez(directory / f"{i:05d}.npz", **{self.input: data.prepare(sample[None])})


def shared(name):
    return MATERIAL / "models" / name / "model.onnx"


def cifar10_imagenet():
    return cifar10(**IMAGENET)


def cifar10_signed():
    return cifar10(**SIGNED)


TENSOR = ("--weights", "int8,tensor")
MBV2 = shared("mobilenetv2_12_dequant")
PROBE = shared("mbv2_035_bn_cifar10probe")

TASKS = [
    Task("digits_torchscript", DIGITS / "digits_torchscript.onnx", "image", digits,
         drop=0.5, float_least=97),
    Task("digits_dynamo", DIGITS / "digits_dynamo.onnx", "image", digits,
         drop=0.5, float_least=97),
    Task("resnet20_cifar10_bn", shared("resnet20_cifar10_bn"), "input", cifar10_imagenet,
         drop=0.5),
    Task("mobilenetv2_12_dequant", MBV2, "input", imagenet, drop=1),
    Task("shufflenetv2_12_dequant", shared("shufflenetv2_12_dequant"), "input", imagenet, drop=1),
    Task("mbv2_035_bn_cifar10probe", PROBE, "x", cifar10_signed, drop=2),
    Task("mbv2_035_bn_cifar10probe/tensor", PROBE, "x", cifar10_signed, least=60, options=TENSOR),
    Task("mobilenetv2_12_dequant/tensor", MBV2, "input", imagenet, drop=2, options=TENSOR),
    Task("mbv1_025_imagenet_bn", shared("mbv1_025_imagenet_bn"), "input", imagenet, drop=3),
    Task("mnist_cntk", shared("mnist_cntk"), "Input3", mnist, drop=0.3),
    Task("keypoint_mlp", shared("keypoint_mlp"), "input", keypoints, drop=0.3),
]


def main():
    name, directory = sys.argv[1:]
    task = next(task for task in TASKS if task.name == name)
    if task.model.exists():
        task.write_calibration(pathlib.Path(directory))
        print(task.model)


if __name__ == "__main__":
    main()
