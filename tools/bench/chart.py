# SPDX-License-Identifier: Apache-2.0
"""The results of tools/bench/bench as a picture: a row for each model, a dot for each program, in
four panels. The line left of a dot of the first is the part of the CPU time that imports take."""
import math
from xml.sax.saxutils import escape

COLOURS = {"quern -j1": "#b2182b", "quern -j2": "#ef8a62", "quern -j1 --effort 1": "#e7298a",
           "quern -j1 --effort 0": "#f1b6da", "ort": "#2166ac", "nncf": "#1b9e77",
           "inc": "#7570b3", "aimet": "#a6761d", "modelopt": "#555555",
           "quern percentile": "#b2182b", "quern entropy": "#ef8a62", "quern mse": "#fddbc7",
           "quern --effort 0 percentile": "#e7298a", "quern --effort 0 entropy": "#f1b6da",
           "ort percentile": "#4393c3", "ort entropy": "#92c5de", "ort distribution": "#053061",
           "quern -j1 --cpu vnni": "#ef8a62", "ort reduced": "#92c5de", "nncf reduced": "#a6dba0"}
NAMES, PANEL, GAP, FAILED = 200, 230, 26, 14     # widths
TOP, ROW, BOTTOM, SPREAD = 74, 24, 30, 2.6       # heights; between the dots of two programs
STYLE = """text { font: 12px sans-serif; fill: #222 } .small { font-size: 10px; fill: #666 }
.title { font-weight: bold } .grid { stroke: #ddd } .band { fill: #f6f6f6 }"""


class Log:
    """Where values lie in 0 .. 1, and which get a line of the grid: powers of ten, and with few
    of them twice and five times those."""

    def __init__(self, values):
        self.low, self.high = (math.log10(f(values)) for f in (min, max))
        self.low, self.high = self.low - 0.05, max(self.high, self.low + 0.3) + 0.05
        steps = (1,) if self.high - self.low > 2.5 else (1, 2, 5)
        marks = [step * 10. ** power for power in range(math.floor(self.low), 7) for step in steps]
        self.marks = [mark for mark in marks if self.low <= math.log10(mark) <= self.high]

    def __call__(self, value):
        return max(0, (math.log10(max(value, 1e-9)) - self.low) / (self.high - self.low))


class Hundred:
    """0 to 100, percent or dB."""
    marks = range(0, 101, 20)

    def __call__(self, value):
        return min(max(value / 100, 0), 1)


def share(task, row):
    total = row["nodes"]["integer"] + row["nodes"]["float"]
    return 100 * row["nodes"]["integer"] / total if total else None


def worth(task, row):
    return row["value"] if task["higher"] else None


PANELS = (("CPU seconds", Log, lambda task, row: row["cpu_s"]),
          ("peak memory, MB", Log, lambda task, row: row["peak_mb"]),
          ("int8: % or dB; | is float's", Hundred, worth),
          ("integer share of the nodes, %", Hundred, share))


def dots(results, value):
    """(task number, program, row, value) of all there is to show."""
    return [(number, program, row, value(task, row))
            for number, task in enumerate(results["tasks"])
            for program, row in task["rows"].items()
            if "failed" not in row and value(task, row) is not None]


def middle(number):
    return TOP + (number + 0.5) * ROW


def height_of(results, number, program):
    order = results["programs"].index(program) - (len(results["programs"]) - 1) / 2
    return middle(number) + order * SPREAD


def panel(results, left, title, scale_of, value):
    shown = dots(results, value)
    if not shown:
        return
    scale = scale_of([each[3] for each in shown]) if scale_of is Log else scale_of()
    bottom = TOP + len(results["tasks"]) * ROW
    yield f'<text class="title" x="{left}" y="{TOP - 24}">{escape(title)}</text>'
    for mark in scale.marks:
        x = left + scale(mark) * PANEL
        yield f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>'
        for y in (TOP - 6, bottom + 14):
            yield f'<text class="small" text-anchor="middle" x="{x:.1f}" y="{y}">{mark:g}</text>'
    if value is worth:
        for number, task in enumerate(results["tasks"]):
            if task["higher"] and not task["relative"]:
                yield (f'<path stroke="#222" d="M{left + scale(task["value"]) * PANEL:.1f} '
                       f'{middle(number) - 9}v18"/>')
    for number, program, row, at in shown:
        x, y = left + scale(at) * PANEL, height_of(results, number, program)
        colour = COLOURS[program]
        if title == PANELS[0][0] and "import_cpu_s" in row:
            start = left + scale(at - row["import_cpu_s"]) * PANEL
            yield f'<path stroke="{colour}" d="M{start:.1f} {y:.1f}H{x:.1f}"/>'
        yield (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="{colour}" fill-opacity=".85">'
               f'<title>{escape(program)}: {at:.4g}</title></circle>')


def failures(results, left):
    """A cross for each program without a model, in a column of its own."""
    yield f'<text class="title" x="{left}" y="{TOP - 24}">no model</text>'
    for number, task in enumerate(results["tasks"]):
        for program, row in task["rows"].items():
            if "failed" in row:
                x = left + results["programs"].index(program) * FAILED + 4
                yield (f'<path stroke="{COLOURS[program]}" stroke-width="2" '
                       f'd="M{x} {middle(number) - 4}l8 8m0 -8l-8 8">'
                       f'<title>{escape(program + ": " + row["failed"][:200])}</title></path>')


def legend(results):
    x = NAMES
    for program in results["programs"]:
        yield f'<circle cx="{x}" cy="20" r="5" fill="{COLOURS[program]}"/>'
        yield f'<text x="{x + 10}" y="24">{escape(program)}</text>'
        x += 45 + 7 * len(program)


def drawn(results):
    """The picture, as text. Tasks that were skipped are left out."""
    results = {**results, "tasks": [task for task in results["tasks"] if "rows" in task]}
    width = NAMES + len(PANELS) * (PANEL + GAP) + max(80, len(results["programs"]) * FAILED + 12)
    height = TOP + len(results["tasks"]) * ROW + BOTTOM
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             f'width="{width}" height="{height}">', f"<style>{STYLE}</style>",
             f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for number, task in enumerate(results["tasks"]):
        if number % 2 == 0:
            parts.append(f'<rect class="band" x="0" y="{TOP + number * ROW}" width="{width}" '
                         f'height="{ROW}"/>')
        parts.append(f'<text text-anchor="end" x="{NAMES - 14}" y="{middle(number) + 4}">'
                     f'{escape(task["name"])}</text>')
    parts.extend(legend(results))
    for index, (title, scale_of, value) in enumerate(PANELS):
        parts.extend(panel(results, NAMES + index * (PANEL + GAP), title, scale_of, value))
    parts.extend(failures(results, NAMES + len(PANELS) * (PANEL + GAP)))
    return "\n".join([*parts, "</svg>", ""])
