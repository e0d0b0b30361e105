# SPDX-License-Identifier: Apache-2.0
"""The metric of quantized models in ONNX Runtime, next to the float model's.

    python tools/bench/evaluate.py TASK MODEL...

prints a JSON object a line: first of the float model, then of each MODEL, as soon as it is known.
A runtime that a model brings down takes the models after it along: start again without it.
"""
import json
import sys

from runtimes import Ort
from tasks import named


def measure(path, task, data, reference=None):
    """Value and nodes of a model; its outputs as well, which are the reference of the others."""
    model = Ort(path)
    outputs = data.outputs(model)
    value = task.metric.compute(outputs, reference or outputs, data)
    return {"value": value, "nodes": model.nodes}, outputs


def main():
    name, *models = sys.argv[1:]
    task = named(name)
    data = task.data()
    row, reference = measure(task.write_model(), task, data)
    print(json.dumps({**row, "unit": task.metric.unit, "higher": task.metric.higher,
                      "relative": task.metric.relative}), flush=True)
    for path in models:
        try:
            row = measure(path, task, data, reference)[0]
        except Exception as failure:     # of a runtime: the other models still count
            row = {"failed": f"{type(failure).__name__}: {failure}"}
        print(json.dumps({"model": path, **row}), flush=True)


if __name__ == "__main__":
    main()
