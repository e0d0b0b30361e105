# SPDX-License-Identifier: Apache-2.0
"""What gathering statistics costs beside running the model: the pass calibrate of
`quern quantize --effort 0` against `quern run` on the same samples, one thread, by observer.

    statistics_cost.py [--repeat N] [--only NAME ...]

They alternate; a figure is the ratio of medians. The pass runs the float model once on all samples
and reads the ranges; what the observer does not need is not counted.
"""
import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import tasks

LIMIT = 600   # seconds a process may take
QUERN = os.environ.get("QUERN", "build/quern")
OBSERVERS = "min-max", "percentile", "entropy", "mse"
NAMES = ("mobilenetv2_12_dequant", "shufflenetv2_12_dequant", "mbv1_025_imagenet_bn",
         "resnet20_cifar10_bn", "nanodet_320", "yolox_nano", "scrfd_500m_bnkps")


def printed(*command):
    done = subprocess.run([QUERN, *map(str, command)], capture_output=True, text=True,
                          timeout=LIMIT)
    if done.returncode:
        sys.exit(f"quern {' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout + done.stderr


def run_ms(model, data):
    return 1000 * float(re.search(r"samples in ([\d.]+) s", printed("run", model, "-d", data,
                                                                     "-j1"))[1])


def calibrate_ms(model, data, observer, out):
    told = printed("quantize", model, "-d", data, "-o", out, "-j1", "-v", "--effort", "0",
                   "--observer", observer)
    return float(re.search(r"^calibrate .*?([\d.]+) ms", told, re.M)[1])


def measure(task, repeat):
    """Milliseconds: of a plain run, and of calibrate by observer."""
    rows = {name: [] for name in ("run", *OBSERVERS)}
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        (directory / "data").mkdir()
        task.write_calibration(directory / "data")
        model = task.write_model()
        for _ in range(repeat):
            rows["run"].append(run_ms(model, directory / "data"))
            for name in OBSERVERS:
                rows[name].append(calibrate_ms(model, directory / "data", name,
                                               directory / "int8.onnx"))
    return {name: statistics.median(row) for name, row in rows.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--only", action="append", help="a task")
    a = parser.parse_args()
    print(f"    {'model':26} {'run ms':>8}" + "".join(f" {name:>10}" for name in OBSERVERS))
    for name in a.only or NAMES:
        task = tasks.named(name)
        if not task.is_there():
            print(f"    {name:26} skipped: there is no model")
            continue
        ms = measure(task, a.repeat)
        print(f"    {name:26} {ms['run']:8.0f}"
              + "".join(f" {ms[each] / ms['run']:10.2f}" for each in OBSERVERS), flush=True)


if __name__ == "__main__":
    main()
