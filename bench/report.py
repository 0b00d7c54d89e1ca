# SPDX-License-Identifier: ISC
"""Keeps what was measured, and prints the table: medians, and the median of
the rounds' ratios."""

import statistics


class Measure:
    """One line of the table: values of every program, and what is aimed at.

    aim is (what, limit): "ratio>=" and "ratio<=" compare ours (orthrus) with
    the other, "value<=" looks at ours alone.
    """

    def __init__(self, row, label, unit, aim=None, other="ssh",
                 ours="orthrus"):
        self.row, self.label, self.unit, self.aim = row, label, unit, aim
        self.ours, self.other = ours, other
        self.values = {}
        self.reasons = {}

    def add(self, program, value):
        self.values.setdefault(program, []).append(value)

    def missing(self, program, reason):
        self.reasons[program] = reason

    def median(self, program):
        values = self.values.get(program)
        return statistics.median(values) if values else None

    def ratios(self):
        """Of each round: what else the machine did then, it did to both."""
        return [a / b for a, b in zip(self.values.get(self.ours, []),
                                      self.values.get(self.other, [])) if b]

    def ratio(self):
        ratios = self.ratios()
        return statistics.median(ratios) if ratios else None

    def spread(self):
        """The lowest and the highest ratio of one round."""
        ratios = self.ratios()
        return (min(ratios), max(ratios)) if len(ratios) > 1 else None

    def met(self):
        if not self.aim:
            return None
        what, limit = self.aim
        value = self.ratio() if what.startswith("ratio") \
            else self.median(self.ours)
        if value is None:
            return None
        return value >= limit if what.endswith(">=") else value <= limit

    def to_json(self):
        return {"row": self.row, "measure": self.label, "unit": self.unit,
                "values": self.values, "not_measured": self.reasons,
                "medians": {p: self.median(p) for p in self.values},
                "ratio": self.ratio(), "spread": self.spread(),
                "aim": "".join(map(str, self.aim)) if self.aim else None,
                "met": self.met()}


class Report:
    """What was measured; other is what ours is compared with."""

    def __init__(self, other="ssh", ours="orthrus"):
        self.ours, self.other = ours, other
        self.measures = {}

    def measure(self, row, label, unit, aim=None):
        key = (row, label, unit)
        if key not in self.measures:
            self.measures[key] = Measure(row, label, unit, aim, self.other,
                                          self.ours)
        return self.measures[key]

    def of_row(self, row):
        return [m for m in self.measures.values() if m.row == row]

    def to_json(self):
        return [m.to_json() for m in self.measures.values()]


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or not value else f"{value:.3f}"


def aim_text(measure):
    if not measure.aim:
        return ""
    what, limit = measure.aim
    sign, times = what[-2:], "x" if what.startswith("ratio") else ""
    return f"{sign} {limit:,g}{times}"


def cells(measure, programs):
    spread = measure.spread()
    met = {True: "met", False: "NOT MET", None: ""}[measure.met()]
    ratio = measure.ratio()
    return [measure.row, measure.label, measure.unit,
            number(measure.median(measure.ours)),
            number(measure.median(measure.other)),
            f"{number(ratio)}x" if ratio is not None else "-",
            "-".join(map(number, spread)) if spread else "",
            aim_text(measure), met,
            *(number(measure.median(p)) for p in programs)]


def table(measures, programs=()):
    """Lines of text; the further programs have a column each."""
    pair = (measures[0].ours, measures[0].other) if measures else ("", "")
    head = ["row", "measure", "unit", *pair, "ratio", "spread", "aim", "",
            *programs]
    rows = [head] + [list(map(str, cells(m, programs))) for m in measures]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = []
    for row in rows:
        line = "  ".join(
            c.ljust(w) if i < 3 or i in (7, 8) else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, widths)))
        lines.append(line.rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return lines


def reasons(measures):
    """One line for each reason why something was not measured."""
    where = {}
    for m in measures:
        for program, reason in m.reasons.items():
            rows = where.setdefault((program, reason), [])
            if m.row not in rows:
                rows.append(m.row)
    return [f"not measured: {program}, row {', '.join(map(str, rows))}: "
            f"{reason}" for (program, reason), rows in where.items()]
