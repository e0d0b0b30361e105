# SPDX-License-Identifier: Apache-2.0
"""From how many channels on a matrix product is faster in integers, with floats on both sides of
it: the time of one between two Elu, quantized, divided by that of the float model.

    python tools/bench/products.py [--rows N] [--repeat N]

One thread; the two take turns, and the shortest run counts. $QUERN names the program.
"""
import argparse
import os
import pathlib
import sys
import tempfile

import numpy as np
import onnx

import process
from networks import Graph
from paths import ROOT
from runtimes import OpenVino, Ort
from transposed import shortest

QUERN = os.path.abspath(os.environ.get("QUERN", ROOT / "build/quern"))
LIMIT = 120
CHANNELS = ((4, 4), (16, 16), (4, 64), (64, 4), (16, 32), (32, 16), (32, 32), (32, 64))
ALL = "rules: [{operators: MatMul, quantize: all}]\n"
RUNTIMES = {"onnxruntime": Ort, "openvino": OpenVino}


def measure(rows, before, behind, target, repeat):
    g, random = Graph(), np.random.default_rng(1)
    product = g.add("MatMul", g.add("Elu", "x"), g.weight(before, behind, fan=before))
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        (directory / "data").mkdir()
        (directory / "all.yaml").write_text(ALL)
        real, out = directory / "float.onnx", directory / "int8.onnx"
        onnx.save(g.model([1, rows, before], g.add("Elu", product), 17), real)
        feeds = [{"x": random.standard_normal((1, rows, before), np.float32)} for _ in range(2)]
        for i, feed in enumerate(feeds):
            np.savez(directory / "data" / f"{i}.npz", **feed)
        cost = process.run([QUERN, "quantize", real, "--data", directory / "data", "-o", out, "-q",
                            "--effort", "0", "--target", target, "--recipe",
                            directory / "all.yaml"], LIMIT)
        if "failed" in cost:
            sys.exit(f"quern: {cost['failed']}")
        run = RUNTIMES[target]
        ms = shortest((run(real, threads=1), run(out, threads=1)), feeds[0], repeat)
        return ms[1] / ms[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=60)
    a = parser.parse_args()
    print(f"    {'channels':12}" + "".join(f"{target:>13}" for target in RUNTIMES))
    for before, behind in CHANNELS:
        ratios = [measure(a.rows, before, behind, target, a.repeat) for target in RUNTIMES]
        print(f"    {f'{before} to {behind}':12}" + "".join(f"{ratio:13.2f}" for ratio in ratios),
              flush=True)


if __name__ == "__main__":
    main()
