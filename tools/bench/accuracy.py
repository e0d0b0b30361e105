# SPDX-License-Identifier: Apache-2.0
"""Accuracy of quern's int8 models, in ONNX Runtime and in OpenVINO, next to the float model's.

    python tools/bench/accuracy.py [--only PATTERN] [--quick] [--keep DIRECTORY] [--json FILE]

$QUERN names the program (default: build/quern). README.md says what the columns mean. The exit
status is 1 if a goal is missed.
"""
import argparse
import dataclasses
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from paths import ROOT
from runtimes import OpenVino, Ort
from tasks import TASKS

QUERN = os.path.abspath(os.environ.get("QUERN", ROOT / "build/quern"))
QUICK = 200           # evaluation samples of --quick
RUNTIMES_AGREE = 0.7  # points between ONNX Runtime and OpenVINO
SIMULATED = 40        # samples on which quern's own run of the int8 model is compared
SIMULATION_AGREES = 30  # dB between quern and ONNX Runtime

# The models that are made of each float model: key, options of `quern quantize`.
VARIANTS = {
    "ort": (),
    "ov_qdq": ("--target", "openvino"),
    "ov_fq": ("--target", "openvino", "--format", "fakequantize"),
}

COMPUTE = {"Conv", "ConvTranspose", "Gemm", "MatMul"}     # as the report calls them


def accuracy(model, task, data, samples):
    """Percent of the samples (indices) that the model names right."""
    chosen = dataclasses.replace(data, labels=data.labels[samples])
    return task.metric.compute(data.outputs(model, samples), None, chosen)


def quantize(model, data, out, options):
    """Runs quern and returns its report."""
    report = out.with_suffix(".json")
    done = subprocess.run([QUERN, "quantize", model, "--data", data, "-o", out, "--report", report,
                           *options], capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        raise RuntimeError(f"quern: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(report.read_text())


def agreement(data, out, ort):
    """How near quern's run of the quantized model is to ONNX Runtime's: dB of the outputs."""
    signal = noise = 0
    with tempfile.TemporaryDirectory() as scratch:
        samples, results = pathlib.Path(scratch) / "samples", pathlib.Path(scratch) / "results"
        samples.mkdir()
        chosen = np.linspace(0, len(data.labels) - 1, SIMULATED).astype(int)
        for i, k in enumerate(chosen):
            np.savez(samples / f"{i:05d}.npz", **data.evaluation[k])
        subprocess.run([QUERN, "run", out, "--data", samples, "-o", results], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for i, k in enumerate(chosen):
            theirs = ort(data.evaluation[k])[0].astype(float)
            with np.load(results / f"{i:05d}.npz") as saved:
                ours = saved[ort.output].astype(float)
            signal += np.square(theirs).sum()
            noise += np.square(ours - theirs).sum()
    return 10 * np.log10(signal / max(noise, 1e-30 * signal))


def measure(task, quick, directory, float_results):
    """The row of a task. Float models are measured once, though two tasks may share one."""
    data = task.data()
    samples = np.arange(len(data.labels))
    if quick:
        samples = np.unique(np.linspace(0, len(samples) - 1, QUICK).astype(int))
    if task.model not in float_results:
        float_results[task.model] = {"ort": accuracy(Ort(task.model), task, data, samples),
                                     "ov": accuracy(OpenVino(task.model), task, data, samples)}
    row = {"name": task.name, "goal": task.goal(), "samples": len(samples),
           "float": float_results[task.model], "int8": {}, "nodes": {}}

    with tempfile.TemporaryDirectory() as calibration:
        task.write_calibration(pathlib.Path(calibration))
        for variant, options in VARIANTS.items():
            out = directory / f"{task.name.replace('/', '.')}.{variant}.onnx"
            report = quantize(task.model, calibration, out, task.options + options)
            model = (Ort if variant == "ort" else OpenVino)(out)
            row["int8"][variant] = accuracy(model, task, data, samples)
            row["nodes"][variant] = model.nodes
            if variant == "ort":
                row["elsewhere"] = accuracy(OpenVino(out), task, data, samples)
                row["agreement"] = agreement(data, out, model)
                quantized = [layer["quantized"] for layer in report["layers"]
                             if layer["op"] in COMPUTE]
                row["reported"] = {"integer": sum(quantized),
                                   "float": len(quantized) - sum(quantized)}
    row["missed"] = missed(task, row)
    return row


def missed(task, row):
    """What the row falls short of, in words."""
    best, int8 = row["float"]["ort"], row["int8"]["ort"]
    least = max(task.least, best - task.drop)
    found = []
    if best < task.float_least:
        found.append(f"float is {best:.2f}, not {task.float_least:g}")
    for variant, value in row["int8"].items():
        if value < least - 1e-9:
            found.append(f"{variant} is {best - value:.2f} below float, {least - value:.2f} short "
                         "of the goal")
    in_openvino = {"ov_qdq": row["int8"]["ov_qdq"], "ov_fq": row["int8"]["ov_fq"],
                   "the same file in OpenVINO": row["elsewhere"]}
    for what, value in in_openvino.items():
        if abs(value - int8) > RUNTIMES_AGREE + 1e-9:
            found.append(f"{what} is {value - int8:+.2f} from ONNX Runtime's int8")
    if row["agreement"] < SIMULATION_AGREES:
        found.append(f"quern's own run is {row['agreement']:.1f} dB from ONNX Runtime's")
    floats, reported = row["nodes"]["ort"]["float"], row["reported"]["float"]
    if floats > reported:
        found.append(f"{floats} float nodes in ONNX Runtime, the report knows {reported}")
    return found


def show(row):
    values = [row["float"]["ort"], row["float"]["ov"], row["int8"]["ort"], row["elsewhere"],
              row["int8"]["ov_qdq"], row["int8"]["ov_fq"]]
    nodes = [f"{n['integer']}/{n['integer'] + n['float']}" for n in row["nodes"].values()]
    line(row["name"], *(f"{value:.2f}" for value in values), f"{row['agreement']:.0f}", row["goal"],
         "no" if row["missed"] else "yes", *nodes)
    for reason in row["missed"]:
        print("    missed:", reason)


def line(*columns):
    widths = (-32, 7, 8, 8, 8, 8, 8, 6, 10, 5, 8, 8, 8)
    print(*(f"{text:<{-w}}" if w < 0 else f"{text:>{w}}" for text, w in zip(columns, widths)),
          flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="PATTERN", default="*",
                        help="the tasks with such a name; * and ? match")
    parser.add_argument("--quick", action="store_true",
                        help=f"{QUICK} evaluation samples of each: too few to judge the goals")
    parser.add_argument("--keep", metavar="DIRECTORY", type=pathlib.Path,
                        help="keep the quantized models and their reports there")
    parser.add_argument("--json", metavar="FILE", help="write the results there as well")
    return parser.parse_args()


def main():
    args = arguments()
    rows, float_results = [], {}
    line("model", "float", "float-ov", "int8-ort", "same-ov", "ov-qdq", "ov-fq", "dB", "goal",
         "met", "ort", "ov-qdq", "ov-fq")
    with tempfile.TemporaryDirectory() as scratch:
        directory = args.keep or pathlib.Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        for task in TASKS:
            if not task.goal() or not fnmatch.fnmatch(task.name, args.only):
                continue
            if not task.model.exists():
                print(f"{task.name}: skipped, there is no {task.model}")
                continue
            try:
                rows.append(measure(task, args.quick, directory, float_results))
                show(rows[-1])
            except Exception as failure:    # of quern or of a runtime: the other rows still count
                rows.append({"name": task.name, "missed": [str(failure)]})
                print(f"{task.name}: {type(failure).__name__}: {failure}", flush=True)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=2) + "\n")
    met = sum(not row["missed"] for row in rows)
    print(f"{met} of {len(rows)} goals met")
    return met < len(rows)


if __name__ == "__main__":
    sys.exit(main())
