# SPDX-License-Identifier: Apache-2.0
"""What is measured in which round: a list of steps; each is done on every system before the
next step, and all steps of a round before the next round."""
import collections
import fnmatch
import sys
import time

from . import idle, jobs, small

# rows: (group, name) that it fills; fn(bench, system, names of wanted rows);
# rounds: no more than these; starts: also for systems that can only start something
Step = collections.namedtuple('Step', 'name rows fn rounds starts')


def steps(patterns, quick):
    """The chosen steps; each has only the chosen rows."""
    found = [Step('single operations', small.listed(), small.measure, 99, False),
             Step('do_true', [('start', 'do_true')],
                  lambda bench, system, names: small.start(bench, system), 99, True)]
    for name in jobs.JOBS:
        lacks = jobs.missing(name)
        if lacks:
            if chosen(name, patterns, quick):
                print('%s is left out: no %s' % (name, ', '.join(lacks)), file=sys.stderr)
            continue
        found.append(Step(name, [('jobs', name), ('jobs, CPU time of everything', name + '_cpu')],
                          lambda bench, system, names, job=name: jobs.measure(bench, system, job),
                          3, False))
    found += [Step('an idle sandbox', [('idle', r) for r in idle.ONE_ROWS],
                   lambda bench, system, names: idle.one(bench, system), 2, False),
              Step('100 idle sandboxes', [('idle', r) for r in idle.MANY_ROWS],
                   lambda bench, system, names: idle.many(bench, system), 1, False)]
    kept = []
    for step in found:
        rows = [row for row in step.rows if chosen(row[1], patterns, quick)]
        if rows:
            kept.append(step._replace(rows=rows))
    return kept


QUICK = small.QUICK + ['do_true'] + list(idle.ONE_ROWS) + \
    [row for job in jobs.QUICK for row in (job, job + '_cpu')]


def chosen(name, patterns, quick):
    if patterns:
        return any(fnmatch.fnmatchcase(name, p) for p in patterns)
    return not quick or name in QUICK


def table_order(all_steps):
    """Rows in the order of the steps, each group in one piece."""
    groups = collections.OrderedDict()
    for step in all_steps:
        for group, name in step.rows:
            groups.setdefault(group, []).append((group, name))
    return [row for rows in groups.values() for row in rows]


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write('\r\033[K' + text)
        sys.stderr.flush()


def run(bench, all_steps, systems, rounds):
    """Returns how many rounds were complete when the time was up."""
    for number in range(rounds):
        bench.results.round = number
        round_begin = time.monotonic()
        # Nobody is always the first.
        order = systems[number % len(systems):] + systems[:number % len(systems)]
        for step in all_steps:
            names = [name for _, name in step.rows]
            if number >= step.rounds:
                continue
            for system in order:
                if bench.time_is_up():
                    progress('')
                    print('time is up in round %d, at %s' % (number + 1, step.name), file=sys.stderr)
                    return number
                if system.over_host is None and not step.starts or \
                        all(bench.results.failed(system.name, name) for name in names):
                    continue
                progress('round %d of %d, %s: %s' % (number + 1, rounds, step.name, system.name))
                step.fn(bench, system, names)
        took = time.monotonic() - round_begin
        if number + 1 < rounds and took * 0.8 > bench.left(took):
            progress('')
            print('%d rounds instead of %d: a round takes %d s' % (number + 1, rounds, took),
                  file=sys.stderr)
            return number + 1
    progress('')
    return rounds
