# SPDX-License-Identifier: Apache-2.0
"""What few calibration samples cost, and what an option of `quern quantize` does about it.

    python tools/bench/few.py [--only PATTERN] [--counts N,...] [--samples N] [-- OPTIONS]

Each model is quantized with so many samples, spread over its calibration data, once with default
options and once with OPTIONS (default: --reach 0). Both run in ONNX Runtime on samples of their
own; figures are dB between their outputs and the float model's, averaged over the outputs. Layers
that the outputs do not bear are not taken back (--min-sqnr 0), so that all are compared with the
same layers in integers. Models with fewer samples, and streams, are left out.
"""
import argparse
import fnmatch
import os
import pathlib
import statistics
import sys
import tempfile

import numpy as np

import metrics
import process
from feeds import Stream
from paths import ROOT
from runtimes import Ort
from tasks import TASKS

LIMIT = 600      # seconds to quantize one model
QUERN = os.path.abspath(os.environ.get("QUERN", ROOT / "build/quern"))


def spread(of, count):
    """Indices in the middle of equal parts."""
    return [(2 * i + 1) * of // (2 * count) for i in range(count)]


def quantized(task, data, count, options, directory):
    """The path of the model made of `count` samples."""
    folder, out = directory / f"{count}", directory / "int8.onnx"
    if not folder.exists():
        folder.mkdir()
        for i in spread(len(data.calibration), count):
            np.savez(folder / f"{i:05d}.npz", **data.calibration[i])
    cost = process.run([QUERN, "quantize", task.write_model(), "--data", folder, "-o", out, "-q",
                        "--min-sqnr", "0", *options], LIMIT)
    if "failed" in cost:
        sys.exit(f"{task.name}: {cost['failed']}")
    return out


def measure(task, counts, samples, options):
    """By number of samples: dB by default, and with the options."""
    data = task.data()
    if isinstance(data, Stream):
        return {}
    chosen = spread(len(data.evaluation), min(samples, len(data.evaluation)))
    reference = data.outputs(Ort(task.write_model()), chosen)
    found = {}
    for count in counts:
        if len(data.calibration) < count:
            continue
        with tempfile.TemporaryDirectory() as directory:
            found[count] = [
                metrics.sqnr(data.outputs(Ort(quantized(task, data, count, each,
                                                        pathlib.Path(directory))), chosen),
                             reference, data) for each in ((), options)]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", metavar="PATTERN", default="*")
    parser.add_argument("--counts", default="1,4,8", metavar="N,...")
    parser.add_argument("--samples", type=int, default=40, metavar="N", help="to evaluate on")
    parser.add_argument("options", nargs="*")
    a = parser.parse_args()
    counts = [int(n) for n in a.counts.split(",")]
    options = a.options or ["--reach", "0"]
    print(f"quern quantize, default and {' '.join(options)}: dB on other samples, by the number of "
          "samples\n")
    print(f"    {'model':<28}" + "".join(f"{f'{n} default':>12}{'option':>8}" for n in counts))
    rows = []
    for task in TASKS:
        if task.options or not task.is_there() or not fnmatch.fnmatch(task.name, a.only):
            continue
        row = measure(task, counts, a.samples, options)
        if not row:
            continue
        rows.append(row)
        print(f"    {task.name:<28}" + "".join(
            "{:12.1f}{:8.1f}".format(*row[n]) if n in row else f"{'-':>12}{'-':>8}"
            for n in counts), flush=True)
    columns = [[row[n] for row in rows if n in row] for n in counts]
    for name, middle in ("mean", statistics.mean), ("median", statistics.median):
        print(f"    {name:<28}" + "".join(
            f"{middle(d for d, _ in c):12.1f}{middle(o for _, o in c):8.1f}" if c else
            f"{'-':>12}{'-':>8}" for c in columns))


if __name__ == "__main__":
    main()
