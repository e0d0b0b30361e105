# SPDX-License-Identifier: Apache-2.0
"""CPU seconds, wall seconds and peak memory of `quern quantize` next to ONNX Runtime's
quantize_static, from the same sample files.

    python tools/bench/cost.py [--repeat N] [--json FILE]

$QUERN names the program (default: build/quern). Each run is a process of its own; the programs
take turns; the medians count. This program imports no package, because a process starts with the
peak memory of the one that started it.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
QUERN = os.environ.get("QUERN", HERE.parents[1] / "build/quern")
TASKS = ("digits_torchscript", "mobilenetv2_12_dequant")
MEASURES = ("cpu_s", "wall_s", "peak_mb")
BASE = "quantize_static"


def programs(model, data, out):
    quern = [QUERN, "quantize", model, "--data", data, "-o", out]
    return {
        "quern -j1": [*quern, "-j1"],
        "quern -j2": [*quern, "-j2"],
        BASE: [sys.executable, HERE / "ort_quantize.py", model, data, out],
    }


def run(command):
    """What one run costs, imports and all."""
    with tempfile.TemporaryFile() as messages:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=messages, stderr=messages)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            messages.seek(0)
            sys.exit(f"{' '.join(map(str, command))}: exit status {process.returncode}\n"
                     + messages.read().decode(errors="replace"))
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": wall,
            "peak_mb": usage.ru_maxrss * 1024 / 1e6}


def prepare(task, directory):
    """Writes the samples; returns the path of the model, or None where it is missing."""
    done = subprocess.run([sys.executable, HERE / "tasks.py", task, directory], check=True,
                          stdout=subprocess.PIPE, text=True)
    return done.stdout.strip() or None


def measure(task, repeat):
    """The medians of each program."""
    with tempfile.TemporaryDirectory() as scratch:
        data = pathlib.Path(scratch) / "data"
        data.mkdir()
        model = prepare(task, data)
        if not model:
            return None
        commands = programs(model, data, pathlib.Path(scratch) / "out.onnx")
        runs = {name: [] for name in commands}
        for _ in range(repeat):
            for name, command in commands.items():
                runs[name].append(run(command))
    return {name: {key: statistics.median(r[key] for r in rows) for key in MEASURES}
            for name, rows in runs.items()}


def show(task, medians):
    for name, cost in medians.items():
        ratios = (f"{cost[key] / medians[BASE][key]:8.2f}" for key in MEASURES)
        print(f"{task:24} {name:16} {cost['cpu_s']:8.2f} {cost['wall_s']:8.2f}"
              f" {cost['peak_mb']:8.1f}", *ratios, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--repeat", metavar="N", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", help="write the medians there as well")
    args = parser.parse_args()

    print(f"{'model':24} {'program':16} {'CPU s':>8} {'wall s':>8} {'peak MB':>8}"
          f" {'CPU':>8} {'wall':>8} {'peak':>8}   (ratios to {BASE})")
    results = {}
    for task in TASKS:
        medians = measure(task, args.repeat)
        if medians:
            results[task] = medians
            show(task, medians)
        else:
            print(f"{task}: skipped, the model is missing")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
