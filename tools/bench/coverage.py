# SPDX-License-Identifier: Apache-2.0
"""Every model of the material, quantized for each target with default options, in its runtime.

    python tools/bench/coverage.py [--only PATTERN] [--targets ort,ov,ov-fq] [--samples N]
                                   [--seconds S] [--keep DIRECTORY] [--json FILE] [--peers FILE]

$QUERN names the program (default: build/quern). README.md says what the columns mean. The exit
status is 1 if a model does not become one that its runtime runs.
"""
import argparse
import csv
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from coverage_tasks import coverage_tasks
from datasets import MATERIAL

MODEL = pathlib.Path(__file__).with_name("coverage_model.py")
TARGETS = ("ort", "ov", "ov-fq")
PERCENT = 95     # integer multiply-adds of a convolutional network
POINTS, DECIBEL = 1, 20     # of accuracy, or of the outputs, against float
SLOWER = 1.05
WIDTHS = (-24, -6, 7, 8, 8, 8, 6, 6, 7, 6, 13)


def line(*columns):
    print(" ".join(f"{text:<{-w}}" if w < 0 else f"{text:>{w - 1}}"
                   for text, w in zip(columns, WIDTHS)).rstrip(), flush=True)


def measured(name, target, directory, args):
    """What coverage_model.py says of a model and a target, in one dictionary."""
    done = subprocess.run([sys.executable, MODEL, name, target, directory, str(args.samples),
                           str(args.seconds)], text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    row = {"state": "not measured"}
    for text in done.stdout.split("\n"):
        if text.startswith("{"):
            row.update(json.loads(text))
    if done.returncode:
        said = done.stderr.strip().split("\n")[-1]
        row.setdefault("reason", f"exit status {done.returncode}: {said}")
    if "reason" in row:
        for path in (directory, MATERIAL):
            row["reason"] = row["reason"].replace(f"{path}/", "")
    return row


def best_peers(file):
    """By model and runtime the best metric of the peers, and which of them has it."""
    found = {}
    if not file or not file.exists():
        return found
    with open(file, encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened, delimiter="\t"):
            for column, runtime in (("int8_ort", "ort"), ("int8_ov", "ov")):
                lower = row["unit"] == "perplexity"
                try:
                    value = float(row[column])
                except (TypeError, ValueError):
                    continue
                best = found.get((row["task"], runtime))
                if not best or (value < best[0] if lower else value > best[0]):
                    found[row["task"], runtime] = (value, row["peer"])
    return found


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def show(name, label, target, row, peer):
    if row["state"] != "runs":
        print(f"{label:<24} {target:<6} {row['state']}: {row.get('reason', '')}"[:100], flush=True)
        return
    line(label, target, f"{row['integer']}/{row['layers']}" if "layers" in row else "-",
         number(row.get("integer_percent"), 1), number(row.get("float")), number(row.get("int8")),
         number(row.get("db"), 1), number(row.get("time")), number(row.get("seconds")),
         number(row.get("peak_mb"), 0), f"{peer[0]:.2f} {peer[1]}" if peer else "-")
    if "reason" in row:
        print(f"{'':<24} {row['reason']}"[:100], flush=True)


def is_accurate(row):
    """Within a point of a metric in percent, or 20 dB where outputs are compared."""
    if row.get("int8") is None:
        return True
    if row["unit"].startswith("perplexity"):
        return row["int8"] <= row["float"] * (1 + POINTS / 100)
    if "dB" in row["unit"]:
        return row["int8"] >= DECIBEL
    return row["int8"] >= row["float"] - POINTS - 1e-9


def is_convolutional(row):
    return row.get("convolutional", True)


def summary(results):
    """Each goal, how many rows meet it, and which do not."""
    rows = [(name, target, row) for name, targets in results.items()
            for target, row in targets.items()]
    ran = [each for each in rows if each[2]["state"] == "runs"]
    asked = [each for each in rows if each[2]["state"] != "float not loaded"]
    tell_goal("run", asked, lambda row: row["state"] == "runs")
    tell_goal(f"at least {PERCENT} % in integers", [
        each for each in ran if each[2].get("integer_percent") is not None],
        lambda row: row["integer_percent"] >= PERCENT)
    tell_goal("accurate", [each for each in ran if "int8" in each[2]], is_accurate)
    tell_goal("not slower", [each for each in ran if each[1] == "ort" and "time" in each[2]],
              lambda row: row["time"] <= SLOWER)
    foreseen, of = (sum(row.get(key, 0) for _, _, row in ran)
                    for key in ("foreseen", "foreseen_of"))
    print(f"  {foreseen} of {of} layers run as `quern check` foresees")


def tell_goal(goal, rows, holds):
    missed = {}
    for name, target, row in rows:
        if not holds(row):
            missed.setdefault(name, []).append(target)
    print(f"  {len(rows) - sum(map(len, missed.values()))} of {len(rows)} {goal}"
          + ("; not:" if missed else ""))
    for name, targets in missed.items():
        print(f"      {name} ({', '.join(targets)})")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="PATTERN", action="append",
                        help="the models with such a name; * and ? match")
    parser.add_argument("--targets", metavar="NAME,...", default=",".join(TARGETS),
                        help=f"some of: {', '.join(TARGETS)}")
    parser.add_argument("--samples", metavar="N", type=int, default=500,
                        help="evaluation samples at most (default: 500)")
    parser.add_argument("--seconds", metavar="S", type=float, default=3,
                        help="to compare times; 0: do not (default: 3)")
    parser.add_argument("--keep", metavar="DIRECTORY", type=pathlib.Path,
                        help="keep the quantized models and their reports there")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path,
                        help="write the results there as well, after each model")
    parser.add_argument("--peers", metavar="FILE", type=pathlib.Path,
                        default=MATERIAL.parent / "bench/results.tsv",
                        help="what peers reached: a table with task, peer, int8_ort and int8_ov")
    return parser.parse_args()


def main():
    args = arguments()
    targets = args.targets.split(",")
    peers, results = best_peers(args.peers), {}
    line("model", "for", "layers", "integer", "float", "int8", "dB", "time", "s", "MB",
         "best peer")
    with tempfile.TemporaryDirectory() as scratch:
        directory = (args.keep or pathlib.Path(scratch)).resolve()
        directory.mkdir(parents=True, exist_ok=True)
        for task in coverage_tasks():
            if args.only and not any(fnmatch.fnmatch(task.name, each) for each in args.only):
                continue
            results[task.name] = {}
            for target in targets:
                row = measured(task.name, target, directory, args)
                results[task.name][target] = row
                label = {0: task.name, 1: f"  {row.get('unit', '')}"}.get(targets.index(target), "")
                show(task.name, label, target, row, peers.get((task.name, target[:3].rstrip("-"))))
            if args.json:
                args.json.write_text(json.dumps(results, indent=1) + "\n")
    summary(results)
    return any(row["state"] not in ("runs", "float not loaded")
               for rows in results.values() for row in rows.values())


if __name__ == "__main__":
    sys.exit(main())
