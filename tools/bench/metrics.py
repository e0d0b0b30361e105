# SPDX-License-Identifier: Apache-2.0
"""How good a quantized model is. Each metric is a function of its outputs (a list over samples of
lists over graph outputs), of the float model's outputs and of the data; more is better, except
for perplexity."""
import dataclasses
import typing

import numpy as np

PERFECT = 100     # dB: what no difference at all counts as


@dataclasses.dataclass(frozen=True)
class Metric:
    unit: str
    compute: typing.Callable
    higher: bool = True
    relative: bool = False     # to the float model's outputs, which are perfect by definition


def names(outputs):
    """The class that each sample is given."""
    first = [np.asarray(sample[0]) for sample in outputs]
    return np.array([y.ravel()[0] if np.issubdtype(y.dtype, np.integer) else y.argmax()
                     for y in first])


def top1(outputs, _, data):
    return 100 * float((names(outputs) == data.labels).mean())


def sqnr(outputs, reference, _):
    """Signal-to-noise ratio in dB over all samples, averaged over the graph outputs."""
    values = []
    for ours, theirs in zip(zip(*outputs), zip(*reference)):
        signal = sum(float(np.square(np.asarray(x, float)).sum()) for x in theirs)
        noise = sum(float(np.square(np.asarray(x, float) - y).sum()) for x, y in zip(theirs, ours))
        values.append(decibel(signal, noise))
    return float(np.mean(values))


def decibel(signal, noise):
    if not np.isfinite(noise):
        return -float(PERFECT)
    floor = signal * 10 ** (-PERFECT / 10)
    return 10 * np.log10(max(signal, 1e-30) / max(noise, floor, 1e-40))


def psnr(outputs, reference, _):
    """Peak signal-to-noise ratio in dB of pictures of the range 0 .. 1."""
    errors = [np.square(np.clip(ours[0], 0, 1) - np.clip(theirs[0], 0, 1)).mean()
              for ours, theirs in zip(outputs, reference)]
    return decibel(1, float(np.mean(errors)))


def voxels(outputs, reference, _):
    """Percent of the places that get the class that the float model gives them."""
    same = [ours[0].argmax(1) == theirs[0].argmax(1) for ours, theirs in zip(outputs, reference)]
    return 100 * float(np.mean(same))


def speech(outputs, _, data):
    """Percent of the frames that are rightly called speech or silence."""
    found = np.array([float(np.ravel(sample[0])[0]) for sample in outputs]) > 0.5
    return 100 * float((found == data.labels).mean())


def perplexity(outputs, _, data):
    loss = count = 0
    for i, sample in enumerate(outputs):
        z = np.asarray(sample[0][0], float)[:-1]
        tokens = data.evaluation[i]["input_ids"][0, 1:]
        z = z - z.max(1, keepdims=True)
        loss += (np.log(np.exp(z).sum(1)) - z[np.arange(len(tokens)), tokens]).sum()
        count += len(tokens)
    return float(np.exp(min(loss / count, 50)))


# Text


def collapsed(path, alphabet):
    """The text that the most likely classes spell, repetitions and blanks left out."""
    kept = path[np.insert(np.diff(path) != 0, 0, True)]
    return "".join(alphabet[k] for k in kept if k < len(alphabet))


def edits(a, b):
    """Insertions, deletions and replacements that make b of a."""
    row = np.arange(len(b) + 1)
    for i, x in enumerate(a, 1):
        previous, row = row, np.full(len(b) + 1, i)
        for j, y in enumerate(b, 1):
            row[j] = min(row[j - 1] + 1, previous[j] + 1, previous[j - 1] + (x != y))
    return row[-1]


def spelling(texts, truth):
    wrong = sum(edits(a, b) for a, b in zip(truth, texts))
    return 100 * max(0., 1 - wrong / sum(map(len, truth)))


def characters(outputs, reference, data):
    """Percent of the characters: 100 minus the error rate against the labels' texts, or against
    what the float model reads where there are none. labels: alphabet, texts or None."""
    alphabet, truth = data.labels

    def read(samples):
        return [collapsed(sample[0][0].argmax(-1), alphabet) for sample in samples]
    return spelling(read(outputs), truth or read(reference))


# Detections: boxes [n, 4] as corners, their scores and classes


def overlap(box, boxes):
    """Intersection over union of one box with many."""
    corner = np.maximum(box[:2], boxes[:, :2])
    sides = np.clip(np.minimum(box[2:], boxes[:, 2:]) - corner, 0, None)
    inner = sides.prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return inner / np.maximum((box[2:] - box[:2]).prod() + areas - inner, 1e-9)


def suppressed(boxes, scores, classes, limit):
    """Without those that a better box of the same class overlaps by more than the limit."""
    order, kept = list(np.argsort(-scores)), []
    while order:
        best = order.pop(0)
        kept.append(best)
        covers = dict(zip(order, overlap(boxes[best], boxes[order])))
        order = [k for k in order if classes[k] != classes[best] or covers[k] <= limit]
    return boxes[kept], scores[kept], classes[kept]


def matches(found, expected):
    """How many of the boxes match one of the expected ones each: same class, overlap of 0.5."""
    boxes, _, classes = found
    free, count = set(range(len(expected[0]))), 0
    for box, kind in zip(boxes, classes):
        covers = overlap(box, expected[0])
        fitting = [k for k in free if expected[2][k] == kind and covers[k] >= 0.5]
        if fitting:
            free.remove(max(fitting, key=lambda k: covers[k]))
            count += 1
    return count


def f1(decode):
    """The metric in percent: F1 of the detections against those of the float model."""
    def compute(outputs, reference, _):
        found = [decode(sample) for sample in outputs]
        expected = [decode(sample) for sample in reference]
        right = sum(map(matches, found, expected))
        total = sum(len(sample[0]) for sample in found + expected)
        return 100 * 2 * right / max(total, 1)
    return compute


def places(side, repeat=1):
    """x and y of each cell of a square map."""
    y, x = np.mgrid[:side, :side]
    return np.repeat(np.stack([x, y], -1).reshape(-1, 2), repeat, 0)


def yolox(outputs):
    """416x416: centre, size, objectness and 80 classes at each cell of three maps."""
    cells = outputs[0][0].astype(float)
    origin = np.concatenate([places(416 // step) for step in (8, 16, 32)])
    steps = np.concatenate([np.full((len(places(416 // step)), 1), step) for step in (8, 16, 32)])
    centre = (cells[:, :2] + origin) * steps
    half = np.exp(np.clip(cells[:, 2:4], -20, 10)) * steps / 2
    scores = cells[:, 4:5] * cells[:, 5:]
    keep = scores.max(1) > 0.3
    return suppressed(np.concatenate([centre - half, centre + half], 1)[keep],
                      scores.max(1)[keep], scores.argmax(1)[keep], 0.45)


def scrfd(outputs):
    """640x640: scores, then distances of the sides, of two anchors a cell of three maps."""
    boxes = []
    for index, step in enumerate((8, 16, 32)):
        centre = places(640 // step, 2) * step
        distance = outputs[3 + index].reshape(-1, 4).astype(float) * step
        boxes.append(np.concatenate([centre - distance[:, :2], centre + distance[:, 2:]], 1))
    scores = np.concatenate([outputs[index].ravel() for index in range(3)])
    keep = scores > 0.5
    return suppressed(np.concatenate(boxes)[keep], scores[keep], np.zeros(keep.sum()), 0.4)


def ultraface(outputs):
    """Scores of background and face, and boxes that the graph decoded."""
    scores = outputs[0][0][:, 1]
    keep = scores > 0.7
    return suppressed(outputs[1][0][keep].astype(float), scores[keep], np.zeros(keep.sum()), 0.3)


TOP1 = Metric("top-1 %", top1)
SQNR = Metric("SQNR dB", sqnr, relative=True)
PSNR = Metric("PSNR dB", psnr, relative=True)
VOXELS = Metric("voxels %", voxels, relative=True)
SPEECH = Metric("frames %", speech)
CHARACTERS = Metric("characters %", characters)
PERPLEXITY = Metric("perplexity", perplexity, higher=False)
YOLOX, SCRFD, ULTRAFACE = (Metric("F1 %", f1(decode), relative=True)
                           for decode in (yolox, scrfd, ultraface))
