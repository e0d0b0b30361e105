# SPDX-License-Identifier: Apache-2.0
"""`quern check` of models that other tools quantized, against what the runtimes make of them.

    python tools/bench/foreseen.py [--peers ort,nncf] [--only PATTERN] [--keep DIRECTORY]

Each peer quantizes each model of the material from a few samples; then the kernels that ONNX
Runtime and OpenVINO have for the layers are compared with the prediction. A row says how many
layers were foreseen, and of one that was not what was told and what is. "apart" are decibels
between the runtime's outputs and those of the model's own float arithmetic, where they are few or
"wrong" was told. $QUERN names the program. The environments of peers are made by `setup PEER`.
"""
import argparse
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime

import kernels
import process
from coverage_model import predicted
from coverage_tasks import coverage_tasks
from networks import NETWORKS
from paths import ROOT
from runtimes import OpenVino, Ort

HERE = pathlib.Path(__file__).resolve().parent
SAMPLES = 6
LIMIT = 240         # seconds for a peer, or for a runtime
FEW = 15            # dB between arithmetics: fewer are another result
RUNTIMES = {"onnxruntime": Ort, "openvino": OpenVino}


def few_samples(task, directory):
    """A directory of them; None where the model has none."""
    folder = directory / f"{task.name}.samples"
    if not folder.exists() and task.data() is not None:
        folder.mkdir()
        task.write_calibration(folder)
        for file in sorted(folder.glob("*.npz"))[SAMPLES:]:
            file.unlink()
    return folder if folder.exists() else None


def quantized(model, peer, samples, out):
    """Why there is no model; None: there is."""
    if out.exists():
        return None
    program = [ROOT / f".venv-bench-{peer}/bin/python", HERE / f"peers/{peer}_quantize.py"]
    if not program[0].exists():
        sys.exit(f"there is no environment for {peer}: tools/bench/setup {peer}")
    with tempfile.TemporaryDirectory() as scratch:      # some leave files where they run
        cost = process.run([*program, model, samples, out], LIMIT, scratch,
                           {"BENCH_STARTED": str(time.monotonic()), "NNCF_CI": "1"})
    return cost.get("failed")


def decibels(got, want):
    """Of the output that is furthest away."""
    worst = np.inf
    for a, b in zip(got, want):
        a, b = np.asarray(a, float), np.asarray(b, float)
        noise, signal = (np.square(a - b).sum(), np.square(b).sum()) if a.shape == b.shape \
            else (1, 0)
        if noise:
            worst = min(worst, 10 * np.log10(signal / noise) if signal else -np.inf)
    return worst


def look(path, target, sample):
    """Prints as JSON what is told of one model and what is; its own process, since runtimes may
    end it."""
    with tempfile.TemporaryDirectory() as directory:
        renamed = pathlib.Path(directory) / "renamed.onnx"
        kinds = kernels.rename(path, renamed)
        told = predicted(renamed, target)
        print(json.dumps({"told": sorted(set(told.values()))}), flush=True)
        model = RUNTIMES[target](renamed, renamed=kinds)
        known = [name for name in told if name in model.layers]
        wrong = {name: [told[name], model.layers[name], kinds[name]] for name in known
                 if told[name] not in (model.layers[name], "wrong")}
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        exact = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        with np.load(sample) as feed:
            feed = dict(feed)
        print(json.dumps({"layers": len(known), "foreseen": len(known) - len(wrong),
                          "first": next(iter(wrong.values()), None)}), flush=True)
        print(json.dumps({"apart": decibels(model(feed), exact.run(None, feed))}))


def looked(path, target, sample):
    done = subprocess.run([sys.executable, __file__, "--look", path, target, sample], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT)
    row = {"told": []}
    for line in done.stdout.split("\n"):
        if line.startswith("{"):
            row.update(json.loads(line))
    if done.returncode:
        row["stopped"] = process.reason(done.stderr)
    return row


def tell(name, target, row):
    """One line, where there is something to say."""
    remarks = []
    if row.get("first"):
        told, found, kind = row["first"]
        remarks.append(f"a {kind} told {told}, is {found}")
    if "layers" not in row and "fails" not in row["told"]:
        remarks.append(f"not loaded: {row.get('stopped', '')}"[:60])
    if "layers" in row and "fails" in row["told"] and "stopped" not in row:
        remarks.append("told that it fails, and runs")
    apart = row.get("apart", np.inf)
    if "wrong" in row["told"] or apart < FEW:
        remarks.append(f"{'wrong told, ' if 'wrong' in row['told'] else ''}{apart:.1f} dB apart")
    if remarks:
        print(f"{name:<34} {target:<12} {row.get('foreseen', 0):>3}/{row.get('layers', 0):<3} "
              f"{'; '.join(remarks)}"[:110], flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--peers", default="ort,nncf")
    parser.add_argument("--only", default="*")
    parser.add_argument("--keep", type=pathlib.Path, help="where models and samples stay")
    parser.add_argument("--look", nargs=3, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.look:
        look(pathlib.Path(a.look[0]), *a.look[1:])
        return
    counts = {target: [0, 0] for target in RUNTIMES}
    with tempfile.TemporaryDirectory() as temporary:
        directory = a.keep or pathlib.Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI")    # as verdicts are
        for task in coverage_tasks():
            made = task.name in NETWORKS or task.name.startswith(("export_", "package_"))
            if not fnmatch.fnmatch(task.name, a.only) or (made and a.only == "*"):
                continue
            samples = few_samples(task, directory)
            for peer in a.peers.split(",") if samples else []:
                out = directory / f"{task.name}.{peer}.onnx"
                why = quantized(task.write_model(), peer, samples, out)
                if why:
                    print(f"{task.name + ' ' + peer:<34} not quantized: {why}"[:110], flush=True)
                    continue
                for target, count in counts.items():
                    row = looked(out, target, min(samples.glob("*.npz")))
                    tell(f"{task.name} {peer}", target, row)
                    count[0] += row.get("foreseen", 0)
                    count[1] += row.get("layers", 0)
    for target, (right, of) in counts.items():
        print(f"{target}: {right} of {of} layers as foreseen")


if __name__ == "__main__":
    main()
