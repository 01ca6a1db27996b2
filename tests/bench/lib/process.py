# SPDX-License-Identifier: Apache-2.0
"""Running a command: how long it took, what CPU time everything it started took, and
that nothing of it is left. We are a subreaper: sandboxes that detach their processes
leave them to us, not to init."""
import collections
import ctypes
import os
import select
import signal
import subprocess
import tempfile
import time

Outcome = collections.namedtuple('Outcome', 'wall_ns cpu_ns out why')  # why: None if it went well


def become_subreaper():
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


class Meter:
    """CPU time of all that we start: a cgroup of ours where we may make one (nothing
    escapes it), else what was waited for (a process that nobody waits for is missed)."""

    def __init__(self):
        self.group = self.home = None
        try:
            with open('/proc/self/mountinfo') as f:
                where = [line.split()[4] for line in f if ' - cgroup2 ' in line][0]
            with open('/proc/self/cgroup') as f:
                mine = [line.strip()[3:] for line in f if line.startswith('0::')][0]
            self.home = os.path.normpath(where + mine)
            group = '%s/runsc-c-bench.%d' % (self.home, os.getpid())
            os.mkdir(group)
            self.group = group
            self._enter(group)
            self.total_ns()
        except (OSError, IndexError, ValueError):
            self.close()

    def _enter(self, group):
        with open(group + '/cgroup.procs', 'w') as f:
            f.write(str(os.getpid()))

    def kind(self):
        return 'cgroup' if self.group else 'waited-for processes'

    def total_ns(self):
        """Without our own."""
        if self.group:
            with open(self.group + '/cpu.stat') as f:
                return int(f.readline().split()[1]) * 1000 - time.process_time_ns()
        t = os.times()
        return int((t.children_user + t.children_system) * 1e9)

    def close(self):
        group, self.group = self.group, None
        if group:
            try:
                self._enter(self.home)
            except OSError:
                pass
            for _ in range(50):  # the last processes may still be on their way out
                try:
                    os.rmdir(group)
                    return
                except OSError:
                    time.sleep(0.02)


def descendants():
    """Every process below us."""
    kids = collections.defaultdict(list)
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                with open('/proc/%s/stat' % entry) as f:
                    text = f.read()
                kids[int(text[text.rindex(')') + 2:].split()[1])].append(int(entry))
            except OSError:
                pass
    found, todo = [], [os.getpid()]
    while todo:
        mine = kids[todo.pop()]
        found += mine
        todo += mine
    return found


def _any_left():
    try:
        while True:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return True
    except ChildProcessError:
        return False


def clear(patience=1.0):
    """Waits for what is left of our children, then ends it."""
    end = time.monotonic() + patience
    while _any_left():
        if time.monotonic() > end:
            for pid in descendants():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if time.monotonic() > end + 10:
                return
        time.sleep(0.002)


def _ended(child, timeout):
    """child.wait(timeout) sleeps in growing steps; this one returns at once."""
    pidfd = os.pidfd_open(child.pid)
    try:
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        return bool(poller.poll(timeout * 1000))
    finally:
        os.close(pidfd)


def run(argv, cwd, timeout, meter=None):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        cpu = meter.total_ns() if meter else 0
        begin = time.monotonic_ns()
        try:
            child = subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out,
                                     stderr=err, start_new_session=True)
        except OSError as e:
            return Outcome(0, 0, '', str(e))
        in_time = _ended(child, timeout)
        wall = time.monotonic_ns() - begin
        if not in_time:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        clear(1.0 if in_time else 0.0)
        cpu = meter.total_ns() - cpu if meter else 0
        out.seek(0)
        err.seek(0)
        text, complaint = out.read().decode(errors='replace'), err.read().decode(errors='replace')
    why = None
    if not in_time:
        why = 'did not end within %g s' % timeout
    elif child.returncode:
        lines = complaint.strip().splitlines()
        why = 'status %d: %s' % (child.returncode, lines[-1][:160] if lines else 'no message')
    return Outcome(wall, cpu, text, why)
