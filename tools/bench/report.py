# SPDX-License-Identifier: Apache-2.0
"""The results of tools/bench/bench as tables.

    python tools/bench/report.py results.json [chart.svg]     # prints them, and draws, once more
"""
import json
import pathlib
import sys

import chart

BASE = "ort"     # what the ratios are to
COSTS = ("cpu_s", "wall_s", "peak_mb")
REASON = 180     # characters of it that are shown
WIDTHS = (-24, 8, 8, 8, 9, 9, 9, 9, 7, 7, 7)


def line(*columns):
    cells = (f"{text:<{-w}}" if w < 0 else f"{text:>{w}}" for text, w in zip(columns, WIDTHS))
    print(" ", "".join(cells).rstrip(), flush=True)


def ratio(value, base):
    return f"{value / base:.2f}" if base else "-"


def base_of(program, programs):
    """What it is compared with: ONNX Runtime's tools, with the same observer where they run so."""
    same = f"{BASE} {program.split()[-1]}"
    return same if same in programs else BASE


def show_head(results):
    machine = results["machine"]
    threads = ", ".join(f"{k}={v}" for k, v in machine["threads"].items()) or "their defaults"
    print(f"{machine['quern']}; {machine['cpu']}, {machine['cores']} cores; threads of the peers: "
          f"{threads}; medians of {results['repeat']}")
    print(f"ratios to {BASE}, or to it with the same observer; no peak below "
          f"{machine['floor_mb']:.1f} MB can be seen\n")
    line("program", "CPU s", "import", "wall s", "peak MB", "int8", "- float", "integer", "CPU",
         "wall", "peak")


def shares(nodes):
    return f"{nodes['integer']}/{nodes['integer'] + nodes['float']}"


def show_task(task):
    if "skipped" in task:
        print(f"{task['name']}: skipped, {task['skipped']}", flush=True)
        return
    judged = "against float" if task["relative"] else f"float {task['value']:.2f}"
    print(f"{task['name']}: {task['unit']} {judged}, {task['samples']} samples", flush=True)
    for program, row in task["rows"].items():
        if "failed" in row:
            print(f"  {program:<24}no model: {row['failed'][:REASON]}", flush=True)
            continue
        base = task["rows"].get(base_of(program, task["rows"]), {})
        line(program, f"{row['cpu_s']:.2f}",
             f"{row['import_cpu_s']:.2f}" if "import_cpu_s" in row else "-",
             f"{row['wall_s']:.2f}", f"{row['peak_mb']:.1f}", f"{row['value']:.2f}",
             "-" if task["relative"] else f"{row['value'] - task['value']:+.2f}",
             shares(row["nodes"]),
             *(ratio(row[key], "failed" not in base and base.get(key)) for key in COSTS))


def sums(results, program):
    """Of the tasks of which both the program and the base made a model that runs: how many, the
    sums of both for each cost, and the integer share of all nodes."""
    name = base_of(program, results["programs"])
    both = [(rows[program], rows[name]) for rows in (task["rows"] for task in results["tasks"]
                                                     if "rows" in task)
            if program in rows and name in rows
            and "failed" not in rows[program] and "failed" not in rows[name]]
    totals = {key: (sum(ours[key] for ours, _ in both), sum(base[key] for _, base in both))
              for key in COSTS}
    nodes = {kind: sum(ours["nodes"][kind] for ours, _ in both) for kind in ("integer", "float")}
    return len(both), totals, nodes


def show_sums(results):
    programs = results["programs"]
    if not any(base_of(program, programs) in programs for program in programs):
        return
    done = [task for task in results["tasks"] if "rows" in task]
    print(f"\nSums over the tasks that a program and what it is compared with both have a model of "
          f"(of {len(done)})")
    line("program", "tasks", "CPU s", "wall s", "peak MB", "integer", "CPU", "wall", "peak")
    for program in programs:
        count, totals, nodes = sums(results, program)
        if count:
            line(program, str(count), *(f"{totals[key][0]:.1f}" for key in COSTS), shares(nodes),
                 *(ratio(*totals[key]) for key in COSTS))


def main():
    results = json.loads(pathlib.Path(sys.argv[1]).read_text())
    show_head(results)
    for task in results["tasks"]:
        show_task(task)
    show_sums(results)
    if len(sys.argv) > 2:
        pathlib.Path(sys.argv[2]).write_text(chart.drawn(results))


if __name__ == "__main__":
    main()
