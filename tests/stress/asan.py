#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile arguments against a Sentry built with sanitizers (make V=asan): whatever they find
ends it, and the guest's case is left without a result."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from stress import *  # noqa: F403

ASAN = os.path.join(ROOT, 'build/asan/bin/runsc-c')


def guest(name, limit=60, **env):
    if not os.path.exists(ASAN):
        raise Skip('build/asan is not built: make V=asan')
    subprocess.run(['make', '-s', 'build/guest/' + name], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    # runsc-c itself lives for one command and gives nothing back before its end.
    env = dict(os.environ, RUNSC=ASAN, LIMIT=str(limit), ASAN_OPTIONS='detect_leaks=0', **env)
    done = subprocess.run([os.path.join(ROOT, 'tests/tools/guest'), 'sandbox', name], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
    text = done.stdout.decode(errors='replace')
    for line in text.splitlines():
        check('ERROR: AddressSanitizer' not in line and 'runtime error:' not in line, line)
    equal(done.returncode, 0, text[-400:])


@case
def sandbox_works():
    if not os.path.exists(ASAN):
        raise Skip('build/asan is not built: make V=asan')
    r = do('--', 'sh', '-c', 'ls /usr | wc -l; for i in 1 2 3; do cat /proc/self/maps; done > /dev/null',
           runsc=ASAN, env=dict(os.environ, ASAN_OPTIONS='detect_leaks=0'))
    equal(r.status, 0, r.err)


@case
def random_calls():
    guest('abi_fuzz')


@case
def all_calls_at_random():
    """The guest may saw off its own branch: only the Sentry's end counts."""
    if not os.path.exists(ASAN):
        raise Skip('build/asan is not built: make V=asan')
    r = do('--env', 'FUZZ_ALL=1', '--env', 'FUZZ_MS=5000', '--',
           os.path.join(ROOT, 'build/guest/abi_fuzz'), runsc=ASAN,
           env=dict(os.environ, ASAN_OPTIONS='detect_leaks=0'))
    check('runtime error' not in r.err and 'AddressSanitizer' not in r.err and
          'the Sentry' not in r.err, r.err[:1500])


@case
def timeouts_that_overflow():
    """select(2) with seconds and microseconds that do not add up."""
    r = do('--', 'python3', '-c', '''
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
tv = (ctypes.c_int64 * 2)(2**63 - 1, 2**62)
print(libc.syscall(23, 0, 0, 0, 0, ctypes.byref(tv)), ctypes.get_errno())
''', runsc=ASAN, env=dict(os.environ, ASAN_OPTIONS='detect_leaks=0'))
    equal(r.out, '-1 22\n', r.err[-600:])


@case
def plausible_calls():
    guest('abi_fuzz_deep')


@case
def bad_pointers():
    guest('abi_badptr')


@case
def pointer_arguments():
    guest('abi_pointers')


@case
def races():
    guest('abi_races')


main()
