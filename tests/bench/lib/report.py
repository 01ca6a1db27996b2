# SPDX-License-Identifier: Apache-2.0
"""The table."""
from .results import UNITS


def scale(value, unit='ns'):
    if unit == '%':
        return '%.1f %%' % value
    if unit == 'B':
        return '%.1f MB' % (value / 1e6)
    for name, factor in (('ns', 1), ('us', 1e3), ('ms', 1e6)):
        if value < 1000 * factor:
            return '%.3g %s' % (value / factor, name)
    return '%.3g s' % (value / 1e9)


def number(ratio):
    return '%.0f' % ratio if ratio >= 99.5 else '%.1f' % ratio if ratio >= 9.95 else '%.2f' % ratio


def spread_text(spread):
    return '±%.0f%%' % min(spread * 100, 999)


def cell(results, system, row):
    unit = UNITS.get(row)
    if unit or system == 'native':
        found = results.absolute(system, row)
        return '%s %4s' % (scale(found[0], unit or 'ns'), spread_text(found[1])) if found else '-'
    found = results.ratio(system, row)
    if found:
        return '%sx %4s' % (number(found[0]), spread_text(found[1]))
    found = results.absolute(system, row)
    return '%s %4s' % (scale(found[0]), spread_text(found[1])) if found else '-'


def table(results, systems):
    groups = {}
    for group, name in results.rows:
        groups.setdefault(group, []).append(name)
    width = max(24, *(len(text) + 1 for row in results.rows for text in row))
    for group, names in groups.items():
        # Who can only start programs has a column there only.
        here = [s for s in systems if any(cell(results, s, name) != '-' or results.failed(s, name)
                                          for name in names)]
        if not here:
            continue
        print('\n%-*s%s' % (width, group, ''.join('%16s' % s for s in here)))
        for name in names:
            print('%-*s%s' % (width, name, ''.join('%16s' % cell(results, s, name) for s in here)))
    print('\nnative: absolute. Others: times native, or absolute with a unit. '
          'Median of the rounds, ± half the range.')
