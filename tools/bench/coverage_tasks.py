# SPDX-License-Identifier: Apache-2.0
"""Data and a metric for every model of the material, those of tasks.py among them. Where a model
has no data set, half of the inputs that are stored with it calibrate and the other half evaluates;
where there is one input, it does both. What has no inputs at all gets None."""
import functools

import numpy as np
import onnx

import datasets
import metrics
from datasets import opened, pixels, stretched
from feeds import Data, Feeds, Look, Stream, feeds
from paths import EXPORTS, MATERIAL, PACKAGES
from tasks import TASKS, Task, bgr, scene, task

CIFAR = Look((.4914 * 255, .4822 * 255, .4465 * 255), (.2470 * 255, .2435 * 255, .2616 * 255))
FACES = bgr((104., 117., 123.))


def line_drawings(name):
    """Three pictures with straight lines, channels last, behind the colours a channel of ones."""
    def load(file):
        colours = pixels(stretched(opened(file), 320, 320))[::-1]
        return np.concatenate([colours, np.ones((1, 320, 320))]).transpose(1, 2, 0).astype(
            np.float32)
    files = sorted((MATERIAL / "data/lines").glob("*.jpg"))
    return Data(feeds(name, files[:1], load), feeds(name, files[1:], load))


def rows_of_text(name):
    """Rows of 256 tokens: 64 calibrate, 40 others evaluate."""
    def part(file, count):
        rows = np.load(MATERIAL / "data/text" / file)[:count]
        return feeds(name, rows, np.int64)
    return Data(part("lm5m_calib_128x256_i32.npy", 64),
                part("lm5m_eval_wikitext_test_160x256_i32.npy", 40))


def speech_frames(width, **state):
    """Frames of a stream with other states than datasets.activity() has."""
    whole = datasets.activity()

    def frames(part):
        for recording in whole.frames(part):
            yield [{"input": feed["input"][:, -width:]} for feed in recording]
    zeros = {name: np.zeros(shape, np.float32) for name, shape in state.items()}
    return Stream(frames, {**zeros, "sr": np.array(16000)},
                  {name: index for index, name in enumerate(state, 1)}, whole.labels)


def stored(name):
    folder = MATERIAL / "models" / name
    graph = onnx.load(folder / "model.onnx", load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    fed = [value for value in graph.input if value.name not in constants]
    file = next((f for f in (folder / "io/x.npy", folder / "io/x_u8.npy") if f.exists()), None)
    if len(fed) != 1 or file is None:
        return None
    dtype = onnx.helper.tensor_dtype_to_np_dtype(fed[0].type.tensor_type.elem_type)
    samples, prepare = np.load(file), functools.partial(np.asarray, dtype=dtype)
    if len(samples) == 1:
        only = feeds(fed[0].name, samples, prepare)
        return Data(only, only)
    return Data(*(feeds(fed[0].name, part, prepare) for part in (samples[::2], samples[1::2])))


MORE = [
    task("mobilenetv2_cifar_ts_bn", datasets.cifar10, "input", CIFAR),
    task("mobilenetv2_cifar_dynamo", datasets.cifar10, "input", CIFAR),
    task("resnet20_ts_bn", datasets.cifar10, "input", CIFAR),
    task("resnet20_dynamo", datasets.cifar10, "input", CIFAR),
    scene("retinaface_mbnet025", "input", "faces", 15, (320, 320), FACES),
    scene("osf_retinaface_640", "input0", "faces", 15, (640, 640), FACES),
    scene("yolo5face_500m", "input", "faces", 15, (320, 320), Look((0.,), (255.,)), 114),
    scene("yunet_n_dynamic", "input", "faces", 15, (320, 320), bgr()),
    task("mlsd_tiny_320", line_drawings, "input_image_with_alpha:0", metric=metrics.SQNR),
    task("ppocr_cls_v2_p2o", datasets.turned, "x"),
    task("lm5m_torchscript", rows_of_text, "input_ids", metric=metrics.PERPLEXITY),
    task("lm5m_dynamo", rows_of_text, "input_ids", metric=metrics.PERPLEXITY),
    task("silero_vad_16k_op15", functools.partial(speech_frames, 576, state=(2, 1, 128)),
         metric=metrics.SPEECH),
    task("silero_vad_v4", functools.partial(speech_frames, 512, h=(2, 1, 64), c=(2, 1, 64)),
         metric=metrics.SPEECH),
]


def beside(path):
    """The samples that exports.py or packages.py wrote beside a network."""
    stored = dict(np.load(path.with_suffix(".npz")))
    first = int(stored.pop("calibrate"))

    def part(start, end):
        return Feeds(end - start, lambda i: {key: v[start + i] for key, v in stored.items()})
    return Data(part(0, first), part(first, len(next(iter(stored.values())))))


def coverage_tasks():
    """One task a model, in the order of their names; the data of some is None. Those of exports.py
    are called export_NAME, those of packages.py package_NAME."""
    known = {each.name: each for each in TASKS + MORE if not each.options}
    for folder in sorted((MATERIAL / "models").glob("*")):
        model = folder / "model.onnx"
        if model.exists():
            known.setdefault(folder.name, Task(
                folder.name, model, functools.partial(stored, folder.name), metrics.SQNR))
    for kind, folder in ("export", EXPORTS), ("package", PACKAGES):
        for path in folder.glob("*.onnx"):
            name = f"{kind}_{path.stem}"
            known[name] = Task(name, path, functools.partial(beside, path), metrics.SQNR)
    return sorted((each for each in known.values() if each.is_there()),
                  key=lambda each: each.name)
