# SPDX-License-Identifier: Apache-2.0
"""How long quern's executor takes for a sample, beside ONNX Runtime on one thread.

    python tools/bench/executor.py [--only PATTERN] [--repeat N] [--seconds S] [--json FILE]

Both get the same random samples, one at a time, and take turns. The time of quern is CPU time of
`quern run -j1` on many samples less that on few, so its start does not count, but mapping samples
and the ranges of outputs do; that of ONNX Runtime is CPU time of the process while it infers.
Medians over the rounds. The last column is the largest difference of the outputs, relative to the
largest output (which counts as 0.001 at least).
"""
import argparse
import fnmatch
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime

import process
from datasets import shared
from networks import NETWORKS
from paths import ROOT

QUERN = os.path.abspath(os.environ.get("QUERN", ROOT / "build/quern"))
FEW = 4                       # samples of the run that is taken away
CODES = {"proto_transformer"}  # whose input is whole numbers, 0 .. 4

# The size of dimensions that are not fixed; elsewhere they are 1.
SIZES = {"ppocr_det_v2": (1, 3, 640, 640), "retinaface_mbnet025": (1, 3, 320, 320)}
MODELS = ("mobilenetv2_12_dequant", "shufflenetv2_12_dequant", "mbv1_025_imagenet_bn",
          "resnet20_cifar10_bn", "yolox_nano", "nanodet_320", "scrfd_500m_bnkps",
          "retinaface_mbnet025", "ppocr_det_v2", "proto_transformer", *NETWORKS)


def model_of(name, directory):
    """The path of a model, which is made if it is one of ours; None: it is not there."""
    if name in NETWORKS:
        path = directory / f"{name}.onnx"
        onnx.save(NETWORKS[name](), path)
        return path
    return shared(name) if shared(name).exists() else None


def make_feeds(session, name, count):
    """Random samples for the model's only input."""
    random = np.random.default_rng(2)
    feeds = []
    value, = session.get_inputs()
    shape = SIZES.get(name) or [d if isinstance(d, int) else 1 for d in value.shape]
    for _ in range(count):
        if name in CODES:
            data = np.floor(random.random(shape, np.float32) * 5)
        else:
            data = random.standard_normal(shape).astype(np.float32)
        feeds.append({value.name: data})
    return feeds


class Quern:
    def __init__(self, model, directory, feeds):
        self.model, self.samples = model, directory / "samples.npy"
        np.save(self.samples, np.concatenate([data for feed in feeds for data in feed.values()]))

    def command(self, count, *more):
        return [QUERN, "run", self.model, "--data", self.samples, "-j1", "-q", "-n", str(count),
                *more]

    def cpu(self, count):
        cost = process.run(self.command(count), 600)
        if "failed" in cost:
            raise RuntimeError(cost["failed"])
        return cost["cpu_s"]

    def outputs(self, directory):
        """Of the first sample."""
        subprocess.run(self.command(1, "-o", directory), check=True, stdout=subprocess.DEVNULL)
        return np.load(directory / "00000.npz")

    def seconds(self, count):
        return (self.cpu(FEW + count) - self.cpu(FEW)) / count


def open_session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def ort_seconds(session, feeds):
    start = time.process_time()
    for feed in feeds:
        session.run(None, feed)
    return (time.process_time() - start) / len(feeds)


def difference(session, feed, ours):
    names = [value.name for value in session.get_outputs()]
    return max(float(np.abs(ours[name] - theirs).max() / max(np.abs(theirs).max(), 1e-3))
               for name, theirs in zip(names, session.run(names, feed)))


def measure(name, model, directory, options):
    session = open_session(model)
    ort_seconds(session, make_feeds(session, name, 2))
    one = ort_seconds(session, make_feeds(session, name, 2))
    count = int(min(200, max(2, options.seconds / one)))
    feeds = make_feeds(session, name, FEW + count)
    quern = Quern(model, directory, feeds)
    rounds = [(quern.seconds(count), ort_seconds(session, feeds[FEW:]))
              for _ in range(options.repeat)]
    ours, theirs = (1000 * statistics.median(column) for column in zip(*rounds))
    return {"model": name, "samples": count, "quern_ms": ours, "ort_ms": theirs,
            "ratio": ours / theirs,
            "difference": difference(session, feeds[0], quern.outputs(directory / "outputs"))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append", help="names of models, * and ? match")
    parser.add_argument("--repeat", type=int, default=5, help="rounds")
    parser.add_argument("--seconds", type=float, default=1, help="of one program in a round")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    results = []
    print(f"{'model':<26}{'samples':>8}{'quern ms':>10}{'ort ms':>9}{'ratio':>7}{'differ':>9}")
    for name in MODELS:
        if options.only and not any(fnmatch.fnmatch(name, p) for p in options.only):
            continue
        with tempfile.TemporaryDirectory() as made:
            model = model_of(name, pathlib.Path(made))
            if not model:
                print(f"{name:<26} not there")
                continue
            r = measure(name, model, pathlib.Path(made), options)
        results.append(r)
        print(f"{name:<26}{r['samples']:>8}{r['quern_ms']:>10.2f}{r['ort_ms']:>9.2f}"
              f"{r['ratio']:>7.2f}{r['difference']:>9.0e}", flush=True)
    if results:
        mean = statistics.geometric_mean(r["ratio"] for r in results)
        print(f"{'geometric mean':<26}{mean:>34.2f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if results else 1


if __name__ == "__main__":
    sys.exit(main())
