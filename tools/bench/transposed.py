# SPDX-License-Identifier: Apache-2.0
"""When a ConvTranspose had better become a Conv for ONNX Runtime, as the pass split-transposed
makes it: milliseconds of a block of three layers, the transposed one between two convolutions of
1x1, with that in float and as a Conv in integers, and their ratio.

    python tools/bench/transposed.py [--outputs N] [--repeat N]

One thread; the two take turns, and the shortest run counts. $QUERN names the program.
"""
import argparse
import os
import pathlib
import sys
import tempfile
import time

import numpy as np
import onnx

import process
from networks import Graph
from paths import ROOT
from runtimes import Ort

QUERN = os.path.abspath(os.environ.get("QUERN", ROOT / "build/quern"))
LIMIT = 120
CHANNELS = (8, 16, 24, 32, 48, 64, 128)
KERNELS = (2, 3, 4)
ALWAYS = "passes: {split-transposed: {products: 1}}\n"


def size(channels):
    return 64 if channels <= 64 else 32


def block(channels, outputs, kernel):
    g = Graph()
    x = g.add("Relu", g.conv("x", channels, channels, 1))
    x = g.add("Relu", g.double(x, channels, outputs, kernel))
    return g.model([1, channels] + [size(channels)] * 2, g.conv(x, outputs, 16, 1), 17)


def quantized(directory, name, *options):
    """The model in ONNX Runtime."""
    out = directory / f"{name}.onnx"
    cost = process.run([QUERN, "quantize", directory / "float.onnx", "--data", directory / "data",
                        "-o", out, "-q", "--effort", "0", *options], LIMIT)
    if "failed" in cost:
        sys.exit(f"quern: {cost['failed']}")
    return Ort(out, threads=1)


def shortest(models, feed, repeat):
    """Milliseconds of each."""
    best = [float("inf")] * len(models)
    for _ in range(repeat):
        for i, model in enumerate(models):
            start = time.perf_counter()
            model(feed)
            best[i] = min(best[i], 1000 * (time.perf_counter() - start))
    return best


def measure(channels, outputs, kernel, repeat):
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        (directory / "data").mkdir()
        (directory / "always.yaml").write_text(ALWAYS)
        onnx.save(block(channels, outputs, kernel), directory / "float.onnx")
        shape = (1, channels, size(channels), size(channels))
        feeds = [{"x": random.standard_normal(shape, np.float32)} for _ in range(4)]
        for i, feed in enumerate(feeds):
            np.savez(directory / "data" / f"{i}.npz", **feed)
        models = (quantized(directory, "left", "--skip", "split-transposed"),
                  quantized(directory, "conv", "--recipe", directory / "always.yaml"))
        return shortest(models, feeds[0], repeat)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--outputs", type=int, default=32, help="channels behind it (default: 32)")
    parser.add_argument("--repeat", type=int, default=30)
    a = parser.parse_args()
    print("    channels" + "".join(f"{f'{k}x{k}, stride 2':>22}" for k in KERNELS))
    for channels in CHANNELS:
        cells = [measure(channels, a.outputs, kernel, a.repeat) for kernel in KERNELS]
        print(f"    {channels:8}" + "".join(f"{x:8.2f}{y:7.2f}{y / x:7.2f}" for x, y in cells),
              flush=True)


if __name__ == "__main__":
    main()
