# SPDX-License-Identifier: Apache-2.0
"""What a sandbox costs whose program sleeps: one, and a hundred. Memory and CPU are those of
everything that the command started, the sleeping program included (native: it alone). Memory
of one: private pages; of a hundred: proportional (PSS), so that what they share counts once."""
import select
import subprocess
import time

from . import process

MANY = 100
ONE_ROWS = ('idle_memory', 'idle_cpu')
MANY_ROWS = ('idle_100_start', 'idle_100_memory', 'idle_100_cpu')
START_BOUND = 40  # seconds until all must be there
LEAST_FREE = 1 << 30


def memory(pids, field):
    total = 0
    for pid in pids:
        try:
            with open('/proc/%d/smaps_rollup' % pid) as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith(field))
        except OSError:
            pass
    return total * 1024


def available():
    with open('/proc/meminfo') as f:
        for line in f:
            if line.startswith('MemAvailable:'):
                return int(line.split()[1]) * 1024
    return 0


def ticks_ns(pids):
    total = 0
    for pid in pids:
        try:
            with open('/proc/%d/stat' % pid) as f:
                text = f.read()
            total += sum(map(int, text[text.rindex(')') + 2:].split()[11:13]))
        except OSError:
            pass
    return total * 10000000


def cpu_percent(bench, pids, seconds):
    def now():
        return bench.meter.total_ns() if bench.meter.group else ticks_ns(pids)

    used, begin = now(), time.monotonic()
    time.sleep(seconds)
    return (now() - used) / (time.monotonic() - begin) / 1e7


def launch(bench, system):
    argv = system.over_host + ['sh', '-c', 'echo up; exec sleep 600']
    return subprocess.Popen(argv, cwd=bench.folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            start_new_session=True)


def is_up(child, end):
    ready = select.select([child.stdout], [], [], max(0, end - time.monotonic()))[0]
    return bool(ready) and child.stdout.readline() == b'up\n'


def stop(children):
    for child in children:
        child.terminate()
    process.clear(2.0)
    for child in children:
        child.returncode = 0  # clear() waited for it
        child.stdout.close()


def measure(bench, system, rows, n, field, settle, seconds):
    """N sandboxes: the rows are, from the end, CPU, memory and the time until all are up."""
    children, begin = [], time.monotonic()
    try:
        while len(children) < n and available() > LEAST_FREE and \
                time.monotonic() < begin + START_BOUND:
            batch = [launch(bench, system) for _ in range(min(4, n - len(children)))]
            children += batch
            if not all([is_up(child, begin + START_BOUND) for child in batch]):
                bench.results.fail(system.name, rows, 'one of %d did not come up' % len(children))
                return
        took = time.monotonic() - begin
        if len(children) < n:
            bench.results.fail(system.name, rows, 'only %d of %d in %d s and %d MB' % (
                len(children), n, START_BOUND, (available() - LEAST_FREE) >> 20))
            return
        time.sleep(settle)
        pids = process.descendants()
        values = [took * 1e9, memory(pids, field), cpu_percent(bench, pids, seconds)]
        for row, value in zip(reversed(rows), reversed(values)):
            bench.results.add(system.name, row, value)
    finally:
        stop(children)


def one(bench, system):
    measure(bench, system, ONE_ROWS, 1, 'Private_', 1.0, 2.0)


def many(bench, system):
    measure(bench, system, MANY_ROWS, MANY, 'Pss:', 2.0, 3.0)
