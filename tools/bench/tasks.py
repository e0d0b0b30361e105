# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks measure: models, the data to calibrate and to evaluate with, the metric, and
for those that accuracy.py judges the goals.

    python tools/bench/tasks.py                    # the tasks with default options, as JSON
    python tools/bench/tasks.py NAME DIRECTORY     # NAME's calibration samples as .npz files

The second prints the path of the model to quantize. A model that is missing is skipped wherever
tasks are run.
"""
import dataclasses
import functools
import itertools
import json
import pathlib
import sys
import typing

import numpy as np
import onnx

import datasets
import metrics
from datasets import DIGITS, IMAGENET, SIGNED, shared
from feeds import Look, Stream
from networks import NETWORKS
from paths import CACHE
from runtimes import Ort

CALIBRATION = 300     # samples at most


@dataclasses.dataclass
class Task:
    """A model, its data and its metric; what accuracy.py asks of it, in points."""
    name: str
    model: pathlib.Path
    data: typing.Callable
    metric: metrics.Metric = metrics.TOP1
    drop: float = np.inf      # int8 is at most this far below float
    least: float = 0          # int8 is at least this
    float_least: float = 0
    options: tuple = ()       # of `quern quantize`
    free: tuple = ()          # names for dimensions of the input that the file fixes needlessly

    def is_there(self):
        return self.name in NETWORKS or self.model.exists()

    def goal(self):
        if self.drop < np.inf:
            return f"float-{self.drop:g}"
        return f">={self.least:g}" if self.least else None

    def write_model(self):
        """The path of the model to quantize: the file, which is made if it is one of ours, or a
        copy with its dimensions freed."""
        if self.name in NETWORKS:
            CACHE.mkdir(parents=True, exist_ok=True)
            onnx.save(NETWORKS[self.name](), self.model)
        if not self.free:
            return self.model
        model = onnx.load(self.model)
        for value in (*model.graph.input, *model.graph.output):
            for dim, name in zip(value.type.tensor_type.shape.dim, self.free):
                if name:
                    dim.dim_param = name
        del model.graph.value_info[:]
        CACHE.mkdir(parents=True, exist_ok=True)
        copy = CACHE / f"{self.name}.onnx"
        onnx.save(model, copy)
        return copy

    def write_calibration(self, directory):
        """One .npz file a sample; the keys are input names. Makes the directory."""
        directory.mkdir(parents=True, exist_ok=True)
        data = self.data()
        samples = data.record(Ort(self.model), CALIBRATION) if isinstance(data, Stream) else \
            itertools.islice(data.calibration, CALIBRATION)
        for i, feed in enumerate(samples):
            np.savez(directory / f"{i:05d}.npz", **feed)


def task(name, data, *args, metric=metrics.TOP1, free=(), **goals):
    """A task whose model is found by its name; `args` are those of the function that loads data."""
    return Task(name, shared(name), functools.partial(data, *args), metric, free=free, **goals)


def scene(name, feed, directory, calibrate, size, look, fill=None, metric=metrics.SQNR):
    return task(name, datasets.scenes, feed, directory, calibrate, size, look, fill, metric=metric)


def bgr(mean=(0.,), std=(1.,)):
    return Look(mean, std, bgr=True)


TENSOR = {"options": ("--weights", "int8,tensor")}
MBV2, PROBE = "mobilenetv2_12_dequant", "mbv2_035_bn_cifar10probe"
MNIST = Look((0.1307 * 255,), (0.3081 * 255,))
CENTRED = Look((127.,), (128.,))
HALVES = (127.5,), (128.,)

TASKS = [
    Task("digits_torchscript", DIGITS / "digits_torchscript.onnx",
         functools.partial(datasets.digits, "image"), drop=0.5, float_least=97),
    Task("digits_dynamo", DIGITS / "digits_dynamo.onnx",
         functools.partial(datasets.digits, "image"), drop=0.5, float_least=97),

    task("resnet20_cifar10_bn", datasets.cifar10, "input", IMAGENET, drop=0.5),
    task(MBV2, datasets.imagenet, "input", drop=1),
    task("shufflenetv2_12_dequant", datasets.imagenet, "input", drop=1),
    task(PROBE, datasets.cifar10, "x", SIGNED, drop=2),
    Task(f"{PROBE}/tensor", shared(PROBE), functools.partial(datasets.cifar10, "x", SIGNED),
         least=60, **TENSOR),
    Task(f"{MBV2}/tensor", shared(MBV2), functools.partial(datasets.imagenet, "input"), drop=2,
         **TENSOR),
    task("mbv1_025_imagenet_bn", datasets.imagenet, "input", drop=3),
    task("mnist_cntk", datasets.mnist, "Input3", drop=0.3),
    task("keypoint_mlp", datasets.gestures, "input", "keypoint.csv", drop=0.3),

    scene("yolox_nano", "images", "coco100", 24, (416, 416), bgr(), 114, metrics.YOLOX),
    scene("nanodet_320", "image", "coco100", 24, (320, 320),
          bgr(IMAGENET.mean[::-1], IMAGENET.std[::-1])),
    scene("scrfd_500m_bnkps", "input.1", "faces", 15, (640, 640), Look(*HALVES), 0, metrics.SCRFD),
    scene("ultraface_rfb_320", "input", "faces", 15, (320, 240), CENTRED,
          metric=metrics.ULTRAFACE),
    scene("yunet_n_320", "input", "faces", 15, (320, 320), bgr()),
    scene("osf_mnv3_detection", "input", "faces", 15, (224, 224), IMAGENET),
    scene("pfld_bn", "input", "face_crops", 24, (112, 112), Look((0.,), (255.,))),
    scene("fsanet_var", "input", "face_crops", 24, (64, 64), bgr(*HALVES)),

    task("super_resolution", datasets.luma, "input", metric=metrics.PSNR),
    task("bvae_encoder", datasets.mnist, "input", MNIST, 500, metric=metrics.SQNR),
    task("niivue_meshnet", datasets.volume, "input", metric=metrics.VOXELS,
         free=("N", None, "D", "H", "W")),
    task("ppocr_cls_v2", datasets.turned, "x"),
    task("ppocr_rec_en_number_v2", datasets.lines, "x", metric=metrics.CHARACTERS),
    task("ppocr_det_v2", datasets.pages, "x", metric=metrics.SQNR),

    task("silero_vad_v6", datasets.activity, metric=metrics.SPEECH),
    task("dtln_1", datasets.noisy_magnitudes, metric=metrics.SQNR),
    task("gtcrn_simple", datasets.noisy_spectra, metric=metrics.SQNR),
    task("dnsmos_sig_bak_ovr", datasets.opinions, "input_1", metric=metrics.SQNR),
    task("oww_embedding", datasets.wake_words, "input_1", metric=metrics.SQNR),
    task("cw_crnn_loop", datasets.morse, "inputs", metric=metrics.CHARACTERS),
    task("ad_autoencoder_gemm_bn", datasets.spectra_block, "onnx::Gemm_0", metric=metrics.SQNR),
    Task("point_history_lstm", shared("point_history_lstm"),
         functools.partial(datasets.gestures, "input", "point_history.csv",
                           score_threshold=np.array(0.5, np.float32))),
    task("stories260k", datasets.stories, "input_ids", metric=metrics.PERPLEXITY),
    *(Task(name, CACHE / f"{name}.onnx", datasets.noise, metrics.SQNR) for name in NETWORKS),
]


def named(name):
    return next(each for each in TASKS if each.name == name)


def main():
    if len(sys.argv) == 1:
        print(json.dumps([{"name": each.name, "there": each.is_there()}
                          for each in TASKS if not each.options]))
        return
    name, directory = sys.argv[1:]
    chosen = named(name)
    chosen.write_calibration(pathlib.Path(directory))
    print(chosen.write_model())


if __name__ == "__main__":
    main()
