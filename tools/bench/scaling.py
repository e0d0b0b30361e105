# SPDX-License-Identifier: Apache-2.0
"""How much faster `quern quantize` is with two threads than with one, and what the machine gives.

    scaling.py [--task NAME] [--repeat N] [-- OPTIONS OF QUERN]

Three things alternate: -j1, -j2, and two processes with -j1 side by side, which share nothing but
the machine: no program could be faster on two of its processors than they are together. The files
of -j1 and -j2 must be the same.
"""
import argparse
import concurrent.futures
import os
import pathlib
import statistics
import sys
import tempfile

import process
import tasks

LIMIT = 600  # seconds a process may take
QUERN = os.environ.get("QUERN", "build/quern")


def wall(command):
    cost = process.run(command, LIMIT)
    if "failed" in cost:
        sys.exit(f"{' '.join(map(str, command))}: {cost['failed']}")
    return cost["wall_s"]


def measure(model, directory, options):
    """Wall seconds of one thread, of two, and of two processes."""
    def command(threads, name):
        return [QUERN, "quantize", model, "-d", directory / "data", "-o", directory / name, "-q",
                f"-j{threads}", *options]

    one = wall(command(1, "one.onnx"))
    two = wall(command(2, "two.onnx"))
    if (directory / "one.onnx").read_bytes() != (directory / "two.onnx").read_bytes():
        sys.exit("one thread and two do not write the same")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = max(pool.map(wall, [command(1, "left.onnx"), command(1, "right.onnx")]))
    return one, two, both


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--task", default="mobilenetv2_12_dequant")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("options", nargs="*")
    a = parser.parse_args()
    task = tasks.named(a.task)
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        (directory / "data").mkdir()
        task.write_calibration(directory / "data")
        model = task.write_model()
        print(f"{a.task}, quern quantize {' '.join(a.options)}: wall seconds\n")
        print("    one thread    two  ratio    two processes  ratio")
        rows = []
        for _ in range(a.repeat):
            one, two, both = measure(model, directory, a.options)
            rows.append((one, two, both))
            print(f"    {one:10.2f} {two:6.2f} {one / two:6.2f} {both:16.2f} {2 * one / both:6.2f}",
                  flush=True)
    least = [min(column) for column in zip(*rows)]
    print(f"\n    median {statistics.median(one / two for one, two, _ in rows):17.2f}"
          f" {statistics.median(2 * one / both for one, _, both in rows):23.2f}")
    print(f"    shortest runs {least[0] / least[1]:10.2f} {2 * least[0] / least[2]:23.2f}")


if __name__ == "__main__":
    main()
