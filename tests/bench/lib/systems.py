# SPDX-License-Identifier: Apache-2.0
"""The ways to run a program, and what is known about this machine."""
import itertools
import os
import shlex
import shutil
import time

from . import process

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '../../..'))
BUILT = os.path.join(ROOT, 'build/bench')
RUNSC = os.environ.get('RUNSC') or os.path.join(ROOT, 'build/bin/runsc-c')
OURS = ('systrap', 'ptrace')


def command(words):
    """With the program's full name: it is started from another folder."""
    return [os.path.abspath(w) if i == 0 and '/' in w else w for i, w in enumerate(words)]


class System:
    """over_host: prefix of a command over the host's files; None: starting is all it does.
    start: the whole command that runs `tiny` over a root of its own; may be a function."""

    def __init__(self, name, over_host, start):
        self.name, self.over_host, self._start = name, over_host, start

    def start(self):
        return self._start() if callable(self._start) else self._start

    def why_not(self, folder):
        """None, or why it cannot take part."""
        program = (self.over_host or self.start() or ['true'])[0]
        if not shutil.which(program):
            return 'not installed' if self.name not in OURS else program + ' is not built'
        argv = self.start() if self.over_host is None else self.over_host + [folder + '/root/tiny']
        return process.run(argv, folder, 30).why


def systems(folder):
    root = os.geteuid() == 0
    # A user namespace would take /dev/null's write bit away; root needs none.
    unshare = ['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts']
    if not root:
        unshare.append('--unshare-user')
    extra = shlex.split(os.environ.get('RUNSC_DO', ''))
    volume = folder + '/micro/volume'
    over = folder + '/root'
    peer = ['runsc'] + ([] if root else ['--rootless']) + [
        '--root=%s/state/runsc' % folder, '--network=none', '--platform=ptrace', '--ignore-cgroups']
    number = itertools.count()

    def oci(name):
        return lambda: [name, '--root', '%s/state/%s' % (folder, name), 'run', '-b', folder,
                        'bench-%d-%d' % (os.getpid(), next(number))]

    found = [System('native', [], [over + '/tiny'])]
    for platform in OURS:
        do = command([RUNSC]) + ['do', '--platform', platform] + extra
        found.append(System(platform, do + ['--volume', volume + ':' + volume, '--'],
                            do + ['--root', over, '--', '/tiny']))
    found += [
        System('runsc', peer + ['do', '--cwd', folder], peer + ['do', '--root', over, '/tiny']),
        System('bwrap',
               ['bwrap', '--bind', '/', '/', '--dev', '/dev', '--proc', '/proc'] + unshare,
               ['bwrap', '--bind', over, '/'] + unshare + ['/tiny']),
        System('runc', None, oci('runc')),
        System('crun', None, oci('crun')),
    ]
    for more in filter(None, os.environ.get('BENCH_PEER', '').split(';')):
        label, _, prefix = more.strip().partition('=')
        prefix = command(shlex.split(prefix))
        found.append(System(label, prefix, prefix + [over + '/tiny']))
    return found


def first_line(*argv):
    """The first line that a command prints, or '?'."""
    done = process.run(list(argv), ROOT, 30)
    return (done.out.splitlines() or ['?'])[0].strip() if not done.why else '?'


def cpu_model():
    with open('/proc/cpuinfo') as f:
        for line in f:
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return os.uname().machine


def about(taking_part, meter):
    """What the figures are worth nothing without."""
    facts = {
        'date': time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime()),
        'commit': first_line('git', 'describe', '--always', '--dirty', '--abbrev=12'),
        'kernel': ' '.join((os.uname().sysname, os.uname().release, os.uname().machine)),
        'cpu': '%d x %s' % (len(os.sched_getaffinity(0)), cpu_model()),
        'cpu time': meter.kind(),
    }
    for system in taking_part:
        if system.name not in ('native',) + OURS:
            facts[system.name] = first_line((system.over_host or system.start())[0], '--version')
    return facts
