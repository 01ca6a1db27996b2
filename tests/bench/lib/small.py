# SPDX-License-Identifier: Apache-2.0
"""Single operations (tests/bench/micro) and the start of a program that does nothing."""
import statistics
import sys

from . import process
from .systems import BUILT

DEATHS = 4  # of sandboxes in a round, then the rest of the rows is given up
QUICK = ('getppid getppid_2_at_once clock_gettime compute call_after_20us call_after_100us '
         'read_tmpfs_1 read_tmpfs_64k read_file_1 read_file_64k write_file_4k open_close '
         'open_close_10k_first stat create_write_unlink getdents_1000 pipe_threads pipe_processes '
         'unix_processes futex_pingpong futex_contend_2 condvar_pingpong signal_self '
         'sigsegv_handler fork_wait fork_exec_wait sh_50_commands thread_create_join '
         'mmap_touch_256 page_fault mprotect epoll_wait_1 nanosleep_1ms_late').split()


def listed():
    """(family, name) of every operation."""
    done = process.run([BUILT + '/micro', '--list'], '/', 10)
    if done.why:
        sys.exit('%s/micro --list: %s' % (BUILT, done.why))
    return [tuple(line.split()) for line in done.out.splitlines()]


def measure(bench, system, names):
    """All in one sandbox; after one that ended it, the rest in a new one, a few times."""
    todo = [n for n in names if not bench.results.failed(system.name, n)]
    deaths = 0
    while todo:
        done = process.run(system.over_host + [BUILT + '/micro', bench.folder + '/micro'] + todo,
                           bench.folder, bench.left(60 + 3 * len(todo)))
        for line in done.out.splitlines():
            name, value, *why = line.split(' ', 2)
            if name not in todo:
                continue
            todo.remove(name)
            if value == '-':
                bench.results.fail(system.name, [name], why[0])
            else:
                bench.results.add(system.name, name, float(value))
        if todo and bench.time_is_up():
            return
        if todo:
            deaths += 1
            blamed, todo = (todo[:1], todo[1:]) if deaths < DEATHS else (todo, [])
            bench.results.fail(system.name, blamed, done.why or 'no line')


def start(bench, system):
    """`do true`: a static program, a root with nothing else in it; the median of several."""
    times = []
    for _ in range(5):
        done = process.run(system.start(), bench.folder, 30)
        if done.why:
            bench.results.fail(system.name, ['do_true'], done.why)
            return
        times.append(done.wall_ns)
    bench.results.add(system.name, 'do_true', statistics.median(times))
