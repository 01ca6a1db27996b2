#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of any of our processes at any moment leaves nothing: no stub, mount or file, and
whoever started runsc-c gets a status that says so. KILLS (default 50) moments for each victim."""
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from stress import *  # noqa: F403

KILLS = int(os.environ.get('KILLS', '50'))
SEED = int(os.environ.get('SEED', '0')) or random.randrange(1 << 30)
# Forks, files, pipes, threads of work: something is always in the middle.
BUSY = '''
i=0
while :; do
    (echo $i | cat > /tmp/f$i; exec sleep 0.0$((i % 10))) &
    head -c 20000 /usr/bin/env | wc -c > /dev/null
    [ $((i % 8)) != 7 ] || wait
    i=$((i + 1))
done
'''


def victim_of(child, name):
    """A process of this sandbox by name; None if there is none."""
    if name == 'runsc-c':
        return child.pid
    for pid in descendants(child.pid):
        if name_of(pid) == name:
            return pid
    return None


def kill_one(name, moment, busy):
    """One sandbox, one kill `moment` seconds after its start; returns the status."""
    argv = ['sh', '-c', BUSY] if busy else ['sleep', '30']
    child = start('--', *argv, stdout=subprocess.DEVNULL)
    time.sleep(moment)
    ours = set(descendants(child.pid)) | {child.pid}
    victim = victim_of(child, name)
    if victim is None:
        # Not there yet: then it is the one who would have made it.
        victim = child.pid
    os.kill(victim, signal.SIGKILL)
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        raise AssertionError('runsc-c goes on without its %s (%.1f ms)' % (name, moment * 1000))
    finally:
        err = child.stderr.read().decode() if child.poll() is not None else ''
        child.stderr.close()
    status = status_of(child.returncode)
    what = '%s after %.1f ms:' % (name, moment * 1000)
    if victim == child.pid:
        equal(status, 137, what)
    else:
        equal(status, 125, what, err)
        check('runsc-c: ' in err, what, 'nothing is said')
    check(wait_until(lambda: not any(alive(p) for p in ours | set(descendants(os.getpid()))), 2),
          what, 'still there:',
          [(p, name_of(p)) for p in ours | set(descendants(os.getpid())) if alive(p)])
    return status


def kill_many(name):
    rng = random.Random('%d %s' % (SEED, name))
    before = traces()
    for i in range(KILLS):
        busy = i % 2 == 1
        moment = rng.uniform(0, 0.06) if i % 5 else rng.uniform(0.06, 0.4)
        try:
            kill_one(name, moment, busy)
        except AssertionError as why:
            raise AssertionError('%s (SEED=%d, %d)' % (why, SEED, i)) from None
    no_traces(before)


@case
def kill_runsc_c():
    kill_many('runsc-c')


@case
def kill_sentry():
    kill_many('runsc-sentry')


@case
def kill_gofer():
    kill_many('runsc-gofer')


@case
def parent_dies():
    """The shell that started runsc-c goes: runsc-c runs on, and ends with its terminal or guest."""
    child = subprocess.Popen(['sh', '-c', '"$0" do -- sleep 0.5 & sleep 0.1; kill -9 $$', RUNSC],
                             stdin=subprocess.DEVNULL)
    child.wait(10)
    check(wait_until(lambda: not any(alive(p) for p in descendants(os.getpid())), 5),
          'still there')


main()
