# SPDX-License-Identifier: Apache-2.0
"""What the stress programs share: cases, sandboxes, and what a machine has before and after.

A program defines cases with @case, ends with main(). Each case prints one line: `ok name`,
`FAIL name: why` or `skip name: why`. RUNSC (default build/bin/runsc-c) is what is tested.
"""
import collections
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
RUNSC = os.path.abspath(os.environ.get('RUNSC') or os.path.join(ROOT, 'build/bin/runsc-c'))
NAMES = ('runsc-c', 'runsc-sentry', 'runsc-gofer')

CASES = []
Done = collections.namedtuple('Done', 'status out err seconds')


class Skip(Exception):
    pass


def case(function):
    CASES.append(function)
    return function


def check(condition, *what):
    if not condition:
        raise AssertionError(' '.join(str(w) for w in what))


def equal(got, want, *what):
    check(got == want, *what, 'got %r, expected %r' % (got, want))


def status_of(returncode):
    """As a shell shows it."""
    return 128 - returncode if returncode < 0 else returncode


def do(*args, timeout=60, runsc=None, **more):
    """`runsc-c do ARGS`, to its end. Input is empty unless given."""
    if 'input' not in more:
        more.setdefault('stdin', subprocess.DEVNULL)
    begin = time.monotonic()
    done = subprocess.run([runsc or RUNSC, 'do'] + list(args), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, **more)
    return Done(status_of(done.returncode), done.stdout.decode(errors='replace'),
                done.stderr.decode(errors='replace'), time.monotonic() - begin)


def start(*args, **more):
    """`runsc-c do ARGS` running; its output is a pipe."""
    more.setdefault('stdin', subprocess.DEVNULL)
    more.setdefault('stdout', subprocess.PIPE)
    more.setdefault('stderr', subprocess.PIPE)
    return subprocess.Popen([RUNSC, 'do'] + list(args), **more)


def python(text, *args, options=(), **more):
    """A Python program in the sandbox."""
    return do(*options, '--', 'python3', '-c', text, *args, **more)


def stat_fields(pid):
    """/proc/PID/stat behind the name: [0] is the state, [1] the parent; None if gone."""
    try:
        with open('/proc/%d/stat' % pid) as f:
            text = f.read()
        return text[text.rindex(')') + 2:].split()
    except (OSError, ValueError):
        return None


def name_of(pid):
    try:
        with open('/proc/%d/comm' % pid) as f:
            return f.read().strip()
    except OSError:
        return ''


def alive(pid):
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in 'ZX'


def private_bytes(pid):
    """Memory that is a process's alone."""
    with open('/proc/%d/smaps_rollup' % pid) as f:
        return sum(int(line.split()[1]) for line in f if line.startswith('Private_Dirty')) * 1024


def descendants(pid):
    kids = collections.defaultdict(list)
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            fields = stat_fields(int(entry))
            if fields:
                kids[int(fields[1])].append(int(entry))
    found, todo = [], [pid]
    while todo:
        mine = kids[todo.pop()]
        found += mine
        todo += mine
    return found


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def listing(folder):
    """Our marks in a folder that others use, too."""
    try:
        return {n for n in os.listdir(folder) if n.startswith(NAMES)}
    except OSError:
        return set()


def cgroups():
    found = set()
    for top, folders, _ in os.walk('/sys/fs/cgroup'):
        found |= {os.path.join(top, f) for f in folders if 'runsc' in f}
    return found


def traces():
    """What a sandbox could leave on the machine, beside processes."""
    with open('/proc/self/mountinfo') as f:
        mounts = len(f.readlines())
    with open('/proc/sysvipc/shm') as f:
        shm = len(f.readlines())
    return {'mounts': mounts, 'shm': shm, 'cgroups': cgroups(),
            'fds': len(os.listdir('/proc/self/fd')),
            'children': set(descendants(os.getpid())),
            **{d: listing(d) for d in ('/tmp', '/var/tmp', '/dev/shm', '/run')}}


def reap():
    """Orphans that ended: they come to us one generation after the other, as their parents go."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def no_traces(before):
    """Called when no child of the case runs any more, as it reaps whatever ended."""
    # Others come and go on the machine: only what stays counts.
    wait_until(lambda: reap() or traces() == before, 3)
    after = traces()
    for what, value in before.items():
        equal(after[what], value, what + ' left behind:')


class Scratch:
    """A directory of the case, in reach of every user; gone at the end."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix='stress.', dir='/var/tmp')
        os.chmod(self.path, 0o755)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def at(self, *name):
        return os.path.join(self.path, *name)

    def write(self, name, text, mode=0o644):
        path = self.at(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, mode)
        return path


def main():
    """Runs the cases named on the command line, or all."""
    failed = 0
    # Orphans of a sandbox come to us, so that none is missed.
    import ctypes
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for function in CASES:
        name = function.__name__
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        try:
            function()
            print('ok ' + name, flush=True)
        except Skip as why:
            print('skip %s: %s' % (name, why), flush=True)
        except Exception as why:
            failed += 1
            text = ' '.join((str(why) or repr(why)).split())
            line = traceback.extract_tb(why.__traceback__)[1 if len(
                traceback.extract_tb(why.__traceback__)) > 1 else 0].lineno
            print('FAIL %s: %s (line %d)' % (name, text[:400], line), flush=True)
    sys.exit(1 if failed else 0)
