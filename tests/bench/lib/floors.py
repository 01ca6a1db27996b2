# SPDX-License-Identifier: Apache-2.0
"""The floors of this host, by `runsc-c probe` in the same run, and what our rows are beside them."""
import json

from . import process
from .report import number, scale
from .systems import RUNSC, command

# Row, system, floor: a budget is that the row stays near the floor.
BESIDE = [
    ('getppid', 'systrap', 'site_spin'), ('getppid', 'systrap', 'trap_spin'),
    ('getppid', 'ptrace', 'ptrace'),
    ('getppid_2_at_once', 'systrap', 'site_futex'), ('getppid_2_at_once', 'systrap', 'trap_futex'),
    ('fork_exec_wait', 'systrap', 'fork_exec'), ('fork_exec_wait', 'ptrace', 'fork_exec'),
]


def probe():
    """{name: nanoseconds}; empty where there is no probe (RUNSC is an older build)."""
    done = process.run(command([RUNSC]) + ['probe', '--json'], '/', 30)
    try:
        return {f['name']: f['ns'] for f in json.loads(done.out)['floors'] if 'ns' in f}
    except (ValueError, KeyError):
        return {}


def head(floors):
    """One line of text; the first floor is a native call."""
    if not floors.get('getppid'):
        return '?'
    native = floors['getppid']
    return 'getppid %s; times that: ' % scale(native) + ', '.join(
        '%s %s' % (name, number(ns / native)) for name, ns in floors.items() if name != 'getppid')


def table(results, floors, names):
    """Prints what our rows are beside the floors that bound them."""
    lines = []
    for row, system, floor in BESIDE:
        found = results.absolute(system, row) if system in names else None
        if found and floors.get(floor):
            lines.append((row, system, floor, number(found[0] / floors[floor])))
    if lines:
        print('\nbeside the floor of the host at the start of this run (runsc-c probe)')
    for row, system, floor, ratio in lines:
        print('%-24s%-10s%-14s%8sx' % (row, system, floor, ratio))
