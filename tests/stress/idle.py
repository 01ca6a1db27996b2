#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a sandbox costs while its guest sleeps: no CPU, and little private memory."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from stress import *  # noqa: F403


def ticks(pids):
    total = 0
    for pid in pids:
        fields = stat_fields(pid)
        if fields:
            total += int(fields[11]) + int(fields[12])
    return total


def private_kb(pid):
    with open('/proc/%d/smaps_rollup' % pid) as f:
        return sum(int(line.split()[1]) for line in f if line.startswith('Private_'))


def sleeping(*options):
    """A sandbox whose guest sleeps, after it settled: what it uses in 2 s, and holds."""
    child = start(*options, '--', 'sleep', '60')
    try:
        time.sleep(1.5)
        pids = [child.pid] + descendants(child.pid)
        check(any(name_of(p) == 'runsc-sentry' for p in pids), 'no Sentry runs')
        before = ticks(pids)
        time.sleep(2)
        used = ticks(pids) - before
        kb = {name_of(p): private_kb(p) for p in pids
              if name_of(p) in ('runsc-sentry', 'runsc-gofer')}
        return used, kb
    finally:
        child.terminate()
        child.communicate(timeout=10)


@case
def no_cpu():
    equal(sleeping()[0], 0, 'ticks in 2 s')


@case
def no_cpu_under_a_memory_limit():
    equal(sleeping('--memory', '256M')[0], 0, 'ticks in 2 s')


@case
def private_memory():
    kb = sleeping()[1]
    check(sum(kb.values()) <= 6144, 'private KiB:', kb)


main()
