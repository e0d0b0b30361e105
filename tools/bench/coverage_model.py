# SPDX-License-Identifier: Apache-2.0
"""One model for coverage.py: quantized for a target, run in its runtime, compared with float.

    python tools/bench/coverage_model.py NAME TARGET DIRECTORY SAMPLES SECONDS [OPTION...]

prints what it finds as JSON objects, a line each; the last that has a key counts. A process of its
own, since a runtime may take it down: what was known before is printed then. At most SAMPLES feeds
are evaluated, and SECONDS taken to compare times. Options are those of `quern quantize`.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

import kernels
import metrics
import process
from coverage_tasks import coverage_tasks
from feeds import Stream
from paths import ROOT
from runtimes import OpenVino, Ort, multiply_adds

QUERN = os.path.abspath(os.environ.get("QUERN", ROOT / "build/quern"))
LIMIT = 600      # seconds to quantize one model

# Runtime and options by target.
TARGETS = {
    "ort": (Ort, ("--target", "onnxruntime")),
    "ov": (OpenVino, ("--target", "openvino")),
    "ov-fq": (OpenVino, ("--target", "openvino", "--format", "fakequantize")),
}


def tell(**facts):
    print(json.dumps(facts), flush=True)


def written_samples(task, directory, samples):
    """The data option of quern, and the Data or Stream; noise where nothing is known."""
    data = task.data()
    if data is None:
        return "random", None
    folder = directory / f"{task.name}.samples"
    if not folder.exists():
        part = folder.with_suffix(".part")
        part.mkdir(exist_ok=True)
        task.write_calibration(part)
        part.rename(folder)
    if not isinstance(data, Stream) and len(data.evaluation) > samples:
        keep = np.linspace(0, len(data.evaluation) - 1, samples).astype(int)
        make, data.evaluation.make, data.evaluation.count = \
            data.evaluation.make, lambda i: make(keep[i]), samples
        if isinstance(data.labels, np.ndarray):
            data.labels = data.labels[keep]
    return folder, data


def quantize(model, data, out, options):
    """Whether it worked; the costs and the report are told."""
    report = out.with_suffix(".json")
    cost = process.run([QUERN, "quantize", model, "--data", data, "-o", out, "--report", report,
                        *options], LIMIT)
    if "failed" in cost:
        tell(state="not quantized", reason=cost["failed"])
        return False
    written = json.loads(report.read_text())
    tell(state="not loaded", seconds=cost["cpu_s"], peak_mb=cost["peak_mb"],
         told_db=written["outputs"][0]["sqnr_db"] if written["outputs"] else None,
         told_percent=written["integer_percent"],
         size=written["output"]["bytes"] / written["input"]["bytes"], advice=written["advice"],
         left={layer["node"]: layer["reason"] for layer in written["layers"]
               if not layer["quantized"]})
    return True


def predicted(path, target):
    out = path.with_suffix(".check.json")
    subprocess.run([QUERN, "check", path, "--target", target, "--json", out], check=False,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rows = json.loads(out.read_text())["nodes"] if out.exists() else []
    return {row["node"]: row["runs"] for row in rows}


def tell_layers(path, target, layers, weights, kinds):
    """Integer shares of layers and of multiply-adds, and how many were predicted."""
    known = [name for name in layers if name in weights]
    convolved = sum(weights[name] for name in known if "Conv" in kinds[name])
    total = sum(weights[name] for name in known)
    integer = sum(weights[name] for name in known if layers[name] == "integer")
    foreseen = predicted(path, target)
    wrong = [name for name in layers if name in foreseen and foreseen[name] != layers[name]]
    tell(integer=sum(verdict == "integer" for verdict in layers.values()), layers=len(layers),
         integer_percent=100 * integer / total if total else None, multiply_adds=total,
         convolutional=2 * convolved > total,
         foreseen=sum(name in foreseen for name in layers) - len(wrong),
         foreseen_of=sum(name in foreseen for name in layers),
         unforeseen=[f"{name} {foreseen[name]}, is {layers[name]}" for name in wrong[:3]])


def times(models, feed, seconds):
    """Medians over runs that alternate, in ms of CPU time of the process."""
    found = [[] for _ in models]
    for model in models:
        model(feed)
    end = time.monotonic() + seconds
    while len(found[0]) < 3 or (time.monotonic() < end and len(found[0]) < 300):
        for model, row in zip(models, found):
            start = time.process_time()
            model(feed)
            row.append(1000 * (time.process_time() - start))
    return [statistics.median(row) for row in found]


def float_outputs_only(outputs, reference):
    floats = [i for i, y in enumerate(reference[0]) if np.asarray(y).dtype.kind == "f"]
    return [[sample[i] for i in floats] for sample in outputs] if floats else None


def first_feed(data):
    if isinstance(data, Stream):
        return {**next(iter(data.frames("evaluation")))[0], **data.state}
    return data.evaluation[0]


def measure(task, target, directory, samples, seconds, more):
    run, options = TARGETS[target]
    folder, data = written_samples(task, directory, samples)
    out = directory / f"{task.name}.{target}.onnx"
    path = task.write_model()
    tell(unit=task.metric.unit, higher=task.metric.higher, relative=task.metric.relative,
         held_out=isinstance(data, Stream) or data.calibration is not data.evaluation
         if data else False)
    if not quantize(path, folder, out, [*options, *more]):
        return
    renamed = out.with_suffix(".renamed.onnx")
    found = kernels.rename(out, renamed)
    try:
        floats = run(path)
    except Exception as failure:     # of the runtime, with a reason
        tell(state="float not loaded", reason=process.reason(str(failure)))
        return
    int8 = run(renamed, renamed=found)
    tell(state="not run")
    if data is None:
        return
    feed = first_feed(data)
    int8(feed)
    tell(state="runs")
    counted = renamed if target != "ov-fq" else directory / f"{task.name}.ov.renamed.onnx"
    tell_layers(renamed, "onnxruntime" if run is Ort else "openvino", int8.layers,
                multiply_adds(counted, feed), found)
    reference = data.outputs(Ort(path))
    outputs = data.outputs(int8)
    tell(float=task.metric.compute(reference, reference, data),
         int8=task.metric.compute(outputs, reference, data),
         db=metrics.sqnr(float_outputs_only(outputs, reference),
                         float_outputs_only(reference, reference), data)
         if float_outputs_only(reference, reference) else None)
    if seconds and target != "ov-fq":
        ms = times([run(path, threads=1), run(renamed, threads=1)], feed, seconds)
        tell(float_ms=ms[0], int8_ms=ms[1], time=ms[1] / ms[0])


def main():
    name, target, directory, samples, seconds, *more = sys.argv[1:]
    task = next(each for each in coverage_tasks() if each.name == name)
    try:
        measure(task, target, pathlib.Path(directory), int(samples), float(seconds), more)
    except Exception as failure:     # of a runtime; the others still count
        tell(reason=process.reason(f"{type(failure).__name__}: {failure}"))


if __name__ == "__main__":
    main()
