#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One sandbox, for MINUTES (default 0.5; or `--minutes N`): stress-ng's stressors, several at a time
in random order (SEED), beside a fork storm, under signals from outside, while other sandboxes come
and are killed. Nothing may fail, hang or stay; at quiet moments in between the Sentry's memory,
descriptors and threads are looked at: they may not grow. PLATFORM (default systrap)."""
import os
import random
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from stress import *  # noqa: F403

if '--minutes' in sys.argv:
    at = sys.argv.index('--minutes')
    os.environ['MINUTES'] = sys.argv[at + 1]
    del sys.argv[at:at + 2]
MINUTES = float(os.environ.get('MINUTES', '0.5'))
SEED = int(os.environ.get('SEED', '0')) or random.randrange(1 << 30)
PLATFORM = os.environ.get('PLATFORM', 'systrap')
AT_ONCE, SECONDS = 3, 2  # stressors in a step, and how long it runs
QUIET_EVERY = 4          # steps

# Not run, and why. Whatever runs must end with 0, and not be skipped by stress-ng. What that
# itself leaves out (--pathological) is not named.
LEFT_OUT = {
    'not in the sandbox': '''ptrace aiol io-uring dnotify fanotify key landlock rseq seccomp
        userfaultfd usersyscall''',
    'no network': '''dccp icmp-flood netdev netlink-proc netlink-task ping-sock rawpkt rawsock rawudp
        sctp sock sockabuse sockdiag sockmany udp udp-flood''',
    'hardware or a kernel that lets itself be changed': '''apparmor binderfs cpu-online efivar gpu idle-page
        ioport ipsec-mb kvm memhotplug pci physpage rawdev rdrand rtc smi swap tsc tun uprobe verity
        watchdog x86syscall''',
    'not for root, not on a tmpfs, not without a file of its own': 'bad-ioctl exec fiemap plugin spawn',
    'takes all the memory there is, the whole machine\'s': 'bigheap brk stack resources vm-segv shm '
        'shm-sysv secretmem',
}

# The first process of the guest: runs a command a line, tells how it ended. Signals that come
# from outside are for it.
DRIVER = '''
import os, signal, subprocess, sys
hits = 0
def note(*_):
    global hits
    hits += 1
for s in 'USR1 USR2 HUP TERM INT QUIT'.split():
    signal.signal(getattr(signal, 'SIG' + s), note)
print('ready', flush=True)
while True:
    line = sys.stdin.readline()
    if not line:
        break
    done = subprocess.run(line, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:  # orphans come to us
            pass
    except ChildProcessError:
        pass
    print(done.returncode, hits, done.stdout.decode(errors='replace').replace('\\n', '|'), flush=True)
'''

FORKS = 'i=0; while [ $i -lt 150 ]; do (exec true) & (echo $i | cat >/dev/null) & wait; i=$((i+1)); done'


class Long:
    """The sandbox that all of it happens in."""

    def __init__(self):
        self.child = start('--platform', PLATFORM, '--tmpfs', '/tmp', '--cwd', '/tmp', '--',
                           'python3', '-c', DRIVER, stdin=subprocess.PIPE)
        equal(self.answer(30), 'ready')
        self.sentry = [p for p in descendants(self.child.pid) if name_of(p) == 'runsc-sentry'][0]
        self.hits = 0

    def answer(self, seconds):
        """The next line; a sandbox that says nothing is asked what its tasks do."""
        if not select.select([self.child.stdout], [], [], seconds)[0]:
            told = subprocess.run([RUNSC, 'debug', str(self.child.pid)], stdout=subprocess.PIPE,
                                  timeout=20).stdout.decode(errors='replace')
            raise AssertionError('no answer within %d s; its tasks: %s' % (seconds, told[:3000]))
        line = self.child.stdout.readline().decode(errors='replace').strip()
        if not line:
            raise AssertionError('the sandbox ended with status %d: %s' % (
                status_of(self.child.wait(10)), self.child.stderr.read().decode()[-2000:]))
        return line

    def run(self, command, seconds=90):
        """Returns (status, output)."""
        self.child.stdin.write(command.encode() + b'\n')
        self.child.stdin.flush()
        status, hits, *out = self.answer(seconds).split(' ', 2)
        self.hits = int(hits)
        return int(status), (out or [''])[0].replace('|', '\n')

    def look(self):
        """What the Sentry has at rest, caches emptied: private bytes, descriptors, threads."""
        equal(self.run('rm -rf /tmp/* /dev/shm/*; ipcrm -a')[0], 0)
        time.sleep(2.5)  # its idle threads are gone then
        equal(self.run('echo 3 > /proc/sys/vm/drop_caches')[0], 0)
        return (private_bytes(self.sentry), len(os.listdir('/proc/%d/fd' % self.sentry)),
                len(os.listdir('/proc/%d/task' % self.sentry)))

    def end(self):
        if self.child.poll() is None:
            self.child.kill()
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            stream.close()
        self.child.wait(10)


class Outside(threading.Thread):
    """Signals for the guest's first process; other sandboxes, most of them killed in the middle."""

    def __init__(self, long, rng):
        super().__init__(daemon=True)
        self.long, self.rng, self.stop, self.wrong, self.sent = long, rng, False, None, 0

    def run(self):
        try:
            while not self.stop:
                for _ in range(40):
                    self.long.child.send_signal(self.rng.choice(
                        [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGTERM,
                         signal.SIGINT, signal.SIGQUIT]))
                    self.sent += 1
                    time.sleep(self.rng.uniform(0, 0.05))
                self.other()
        except Exception as why:  # told by the main thread
            self.wrong = why

    def other(self):
        doomed = self.rng.random() < 0.7
        child = start('--platform', PLATFORM, '--', 'sh', '-c', FORKS if doomed else 'true | cat',
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if doomed:
            time.sleep(self.rng.uniform(0, 0.3))
            victims = [child.pid] + descendants(child.pid)
            try:
                os.kill(self.rng.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                pass
            # One of its guests may have been chosen: then it goes on.
            try:
                child.wait(0.5)
            except subprocess.TimeoutExpired:
                child.kill()
        status = status_of(child.wait(20))
        if not doomed:
            equal(status, 0, 'another sandbox')


def stressors():
    if not shutil.which('stress-ng'):
        raise Skip('no stress-ng (make deps-ladder)')
    every = output('stress-ng', '--stressors').split()
    told = output('stress-ng', '--dry-run', *[word for name in every for word in ('--' + name, '1')])
    left_out = {name for names in LEFT_OUT.values() for name in names.split()}
    left_out.update(re.findall("disabled '(.*?)' as it may hang", told))
    return [name for name in every if name not in left_out]


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()


def step(long, names):
    """Runs these stressors together; an AssertionError names those that failed."""
    status, out = long.run('(%s) & stress-ng --timeout %d --vm-bytes 64M --oomable %s; s=$?; wait; exit $s' % (
        FORKS, SECONDS, ' '.join('--%s 1' % n for n in names)))
    if status or re.search('skipp(ed|ing)', out):
        told = [line for line in out.splitlines() if re.search('fail:|error:|terminated|skipp', line)]
        raise AssertionError('%s: status %d: %s' % (' '.join(names), status, '; '.join(told)[:600]))


def grown(looks, what, unit, allowed):
    """Compares the last third with the first, warm third."""
    third = max(1, len(looks) // 3)
    first, last = statistics.median(looks[:third]), statistics.median(looks[-third:])
    check(last - first <= allowed, 'the Sentry\'s %s grew from %d to %d%s: %s' % (
        what, first, last, unit, looks))


@case
def mixed():
    names, rng = stressors(), random.Random(SEED)
    before = traces()
    end = time.monotonic() + MINUTES * 60
    long = Long()
    outside = Outside(long, rng)
    failures, looks, todo, steps = [], [], [], 0
    try:
        outside.start()
        while time.monotonic() < end:
            if len(todo) < AT_ONCE:
                todo = rng.sample(names, len(names))
            chosen, todo = todo[:AT_ONCE], todo[AT_ONCE:]
            try:
                step(long, chosen)
            except AssertionError as why:
                if long.child.poll() is not None or 'no answer' in str(why):
                    raise AssertionError('%s (%s, SEED=%d)' % (why, ' '.join(chosen), SEED)) from None
                failures.append(str(why))
                print('note: ' + failures[-1], flush=True)
            check(not outside.wrong, outside.wrong)
            steps += 1
            if steps % QUIET_EVERY == 0:
                looks.append(long.look())
        outside.stop = True
        outside.join(60)
        check(not outside.wrong, outside.wrong)
        equal(long.run('exit 7')[0], 7)
        check(long.hits > 0, 'no signal came through')
        long.child.stdin.close()
        equal(status_of(long.child.wait(20)), 0)
        err = long.child.stderr.read().decode(errors='replace')
        equal(err, '')
    finally:
        outside.stop = True
        outside.join(60)
        long.end()
    no_traces(before)
    print('note: %d steps of %d stressors, %d signals sent, %d noticed; descriptors %s, threads %s, '
          'private memory in MB: %s' % (steps, AT_ONCE, outside.sent, long.hits,
                                        [k[1] for k in looks[::8]], [k[2] for k in looks[::8]],
                                        [k[0] >> 20 for k in looks]))
    if len(looks) > 3:
        warm = looks[1:]
        # What a peak leaves: 250 stacks of ended threads that the C library keeps, 4 MB; contexts
        # that the stub keeps, 4 MB; and pieces of the heap between what is in use.
        grown([k[0] for k in warm], 'private memory', ' bytes', 12 << 20)
        # A channel to the Gofer is made when it is used for the first time.
        grown([k[1] for k in warm], 'descriptors', '', 8)
        grown([k[2] for k in warm], 'threads', '', 4)
    check(not failures, 'SEED=%d' % SEED, failures)


main()
