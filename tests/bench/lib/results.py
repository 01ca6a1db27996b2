# SPDX-License-Identifier: Apache-2.0
"""Values by row, system and round; medians, spreads, ratios; and why a value is missing."""
import statistics
import sys

UNITS = {'do_true': 'ns', 'idle_memory': 'B', 'idle_cpu': '%', 'idle_100_start': 'ns',
         'idle_100_memory': 'B', 'idle_100_cpu': '%'}  # absolute; any other row: a ratio


class Results:
    def __init__(self, rows):
        self.rows = rows  # (group, name), in the order of the table
        self.round = 0
        self.values = {}  # (system, row): {round: value}
        self.reasons = {}  # (system, row): text

    def add(self, system, row, value):
        self.values.setdefault((system, row), {})[self.round] = value

    def fail(self, system, rows, why):
        """Named once; the row is not tried again on that system."""
        new = [row for row in rows if (system, row) not in self.reasons]
        for row in new:
            self.reasons[system, row] = why
        if new:
            print('%s: no %s: %s' % (system, ', '.join(new), why), file=sys.stderr)

    def failed(self, system, row):
        return (system, row) in self.reasons

    def _series(self, system, row):
        if self.failed(system, row):
            return []
        return list(self.values.get((system, row), {}).values())

    def absolute(self, system, row):
        """(median, spread) or None."""
        return middle(self._series(system, row))

    def ratio(self, system, row):
        """(median, spread) of value / native's value of the same round, or None."""
        if self.failed(system, row):
            return None
        native = self.values.get(('native', row), {})
        mine = self.values.get((system, row), {})
        return middle([mine[r] / native[r] for r in mine if native.get(r, 0) > 0])

    def as_json(self, facts, systems):
        rows = {}
        for group, name in self.rows:
            entry = {}
            for system in systems:
                series = self._series(system, name)
                if not series:
                    continue
                entry[system] = {'values': series}
                entry[system]['median'], entry[system]['spread'] = middle(series)
                ratio = self.ratio(system, name)
                if ratio and system != 'native':
                    entry[system]['ratio'], entry[system]['ratio_spread'] = ratio
            if entry:
                rows[name] = {'group': group, 'unit': UNITS.get(name, 'ns'), 'systems': entry}
        missing = {}
        for (system, row), why in self.reasons.items():
            missing.setdefault(system, {})[row] = why
        return {'about': facts, 'rows': rows, 'missing': missing}


def middle(series):
    """The median, and half the way from the least to the greatest as a part of it."""
    if not series:
        return None
    median = statistics.median(series)
    return median, (max(series) - min(series)) / 2 / median if median else 0.0
