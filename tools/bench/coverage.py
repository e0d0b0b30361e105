# SPDX-License-Identifier: Apache-2.0
"""Every model of the material, quantized for each target with default options, in its runtime.

    python tools/bench/coverage.py [--only PATTERN] [--targets ort,ov,ov-fq] [--samples N]
                                   [--seconds S] [--keep DIRECTORY] [--json FILE] [--peers FILE]
    python tools/bench/coverage.py --show FILE...

$QUERN names the program (default: build/quern). README.md says what the columns mean. The exit
status is 1 if a model does not become one that its runtime runs. The networks of networks.py and
exports.py are left out unless --only names them.
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
from networks import NETWORKS
from paths import MATERIAL

MODEL = pathlib.Path(__file__).with_name("coverage_model.py")
TARGETS = ("ort", "ov", "ov-fq")
PERCENT = 95     # integer multiply-adds of a convolutional network
POINTS, DECIBEL = 1, 20     # of accuracy, or of the outputs, against float
SLOWER = 1.05
WIDTHS = (-24, -6, 7, 8, 8, 8, 6, 6, 7, 6, 21)


def line(*columns):
    print(" ".join(f"{text:<{-w}}" if w < 0 else f"{text:>{w - 1}}"
                   for text, w in zip(columns, WIDTHS)).rstrip(), flush=True)


def measured(name, target, directory, args):
    """What coverage_model.py says of a model and a target, in one dictionary."""
    done = subprocess.run([sys.executable, MODEL, name, target, directory, str(args.samples),
                           str(args.seconds), *args.options.split()], text=True, errors="replace",
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
    """By model and runtime the best metric of the peers, which of them has it, its unit, and how
    many of how many layers that model runs in integers."""
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
                    found[row["task"], runtime] = (value, row["peer"], row["unit"],
                                                   row.get(f"int_nodes_{runtime}") or "")
    return found


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def show(name, targets, peers):
    """The rows of a model; the metric stands below its name."""
    unit = next((row["unit"] for row in targets.values() if row.get("unit")), "")
    for index, (target, row) in enumerate(targets.items()):
        label = (name, f"  {unit}", "")[min(index, 2)]
        peer = peers.get((name, target[:3].rstrip("-")))
        if peer and peer[2].split()[0] != unit.split()[0]:
            peer = None     # it was measured with something else
        if row["state"] != "runs":
            print(f"{label:<24} {target:<6} {row['state']}: {row.get('reason', '')}"[:100])
            continue
        held = "" if row.get("held_out", True) else "*"
        line(label, target, f"{row['integer']}/{row['layers']}" if "layers" in row else "-",
             number(row.get("integer_percent"), 1), number(row.get("float")),
             number(row.get("int8")) + held, number(row.get("db"), 1), number(row.get("time")),
             number(row.get("seconds")), number(row.get("peak_mb"), 0),
             f"{peer[0]:.2f} {peer[1]} {peer[3]}" if peer else "-")
        if "reason" in row:
            print(f"{'':<24} {row['reason']}"[:100])
    sys.stdout.flush()


def is_accurate(row):
    """Within a point of a metric in percent, or 20 dB where outputs are compared."""
    if row["unit"] == "perplexity":
        return row["int8"] <= row["float"] * (1 + POINTS / 100)
    if "dB" in row["unit"]:
        return row["int8"] >= DECIBEL
    return row["int8"] >= row["float"] - POINTS - 1e-9


def summary(results):
    """Each goal, how many rows meet it, and which do not."""
    rows = [(name, target, row) for name, targets in results.items()
            for target, row in targets.items()]
    print("\nGoals, and what misses them:")
    tell_goal("run", rows, lambda row: row["state"] == "runs",
              lambda row: row["state"] if row["state"] != "not quantized" else
              row.get("reason", "").split(": ")[-1])
    ran = [each for each in rows if each[2]["state"] == "runs"]
    tell_goal(f"convolutional networks have {PERCENT} % of their multiply-adds in integers",
              [each for each in ran if each[2].get("convolutional")],
              lambda row: row["integer_percent"] >= PERCENT,
              lambda row: f"{row['integer_percent']:.1f} %")
    tell_goal(f"are within {POINTS} point, or {DECIBEL} dB, of float",
              [each for each in ran if "int8" in each[2]], is_accurate,
              lambda row: f"{row['int8']:.2f} of {row['float']:.2f}")
    tell_goal("take no more time than float, and 5 %",
              [each for each in ran if "time" in each[2] and each[1] == "ort"],
              lambda row: row["time"] <= SLOWER,
              lambda row: f"{row['time']:.2f}" + (", as quern said" if row.get("advice") else ""))
    foreseen, of = (sum(row.get(key, 0) for _, _, row in ran)
                    for key in ("foreseen", "foreseen_of"))
    print(f"  {foreseen} of {of} layers run as `quern check` foresees")


def tell_goal(goal, rows, holds, why):
    missed = {}
    for name, target, row in rows:
        if not holds(row):
            missed.setdefault(name, []).append((target, why(row)))
    print(f"  {len(rows) - sum(map(len, missed.values()))} of {len(rows)} {goal}")
    for name, targets in missed.items():
        reasons = {reason for _, reason in targets}
        told = f"{', '.join(target for target, _ in targets)}: {reasons.pop()}" \
            if len(reasons) == 1 else ", ".join(f"{target} {reason}" for target, reason in targets)
        print(f"      {name} ({told})"[:100])


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
    parser.add_argument("--options", metavar="TEXT", default="",
                        help="further ones of `quern quantize`: --options='--min-sqnr 0'")
    parser.add_argument("--keep", metavar="DIRECTORY", type=pathlib.Path,
                        help="keep the quantized models and their reports there")
    parser.add_argument("--show", metavar="FILE", type=pathlib.Path, nargs="+",
                        help="measure nothing: the tables of such JSON files")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path,
                        help="write the results there as well, after each model")
    parser.add_argument("--peers", metavar="FILE", type=pathlib.Path,
                        default=MATERIAL.parent / "bench/results.tsv",
                        help="what peers reached: a table with task, peer, int8_ort and int8_ov")
    return parser.parse_args()


def measured_all(args, peers):
    """The results of all models, each shown as soon as it is known."""
    targets, results = args.targets.split(","), {}
    with tempfile.TemporaryDirectory() as scratch:
        directory = (args.keep or pathlib.Path(scratch)).resolve()
        directory.mkdir(parents=True, exist_ok=True)
        for task in coverage_tasks():
            is_ours = task.name in NETWORKS or task.name.startswith(("export_", "package_"))
            patterns = args.only or ([] if is_ours else ["*"])
            if not any(fnmatch.fnmatch(task.name, each) for each in patterns):
                continue
            results[task.name] = {target: measured(task.name, target, directory, args)
                                  for target in targets}
            show(task.name, results[task.name], peers)
            if args.json:
                args.json.write_text(json.dumps(results, indent=1) + "\n")
    return results


def main():
    args = arguments()
    peers = best_peers(args.peers)
    line("model", "for", "layers", "integer", "float", "int8", "dB", "time", "s", "MB",
         "best peer")
    if args.show:
        results = {}
        for file in args.show:
            results.update(json.loads(file.read_text()))
        results = dict(sorted(results.items()))
        for name, targets in results.items():
            show(name, targets, peers)
    else:
        results = measured_all(args, peers)
    summary(results)
    return any(row["state"] not in ("runs", "float not loaded")
               for rows in results.values() for row in rows.values())


if __name__ == "__main__":
    sys.exit(main())
