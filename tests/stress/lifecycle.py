#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""From the command line to the exit status, as an ordinary shell user meets it."""
import ctypes
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from stress import *  # noqa: F403


@case
def exit_statuses():
    for script, want in (('exit 0', 0), ('exit 1', 1), ('exit 42', 42), ('exit 255', 255),
                         ('kill -TERM $$', 143), ('kill -KILL $$', 137), ('kill -SEGV $$', 139),
                         ('kill -PIPE $$', 141), ('kill -HUP $$', 129)):
        equal(do('--', 'sh', '-c', script).status, want, script)


@case
def command_not_found():
    for name in ('no-such-command', '/no/such/file', './no-such', '/etc/passwd/x'):
        r = do('--', name)
        check(r.status in (126, 127), name, r.status)
        check(name in r.err, name, r.err)
    equal(do('--', 'no-such-command').status, 127)
    equal(do('--', '/no/such/file').status, 127)


@case
def cannot_be_run():
    with Scratch() as s:
        s.write('plain', 'echo hello\n', 0o644)
        s.write('noise', '\x01\x02\x03', 0o755)
        s.write('empty', '', 0o755)
        s.write('truncated', '\x7fELF\x02\x01\x01', 0o755)
        s.write('lost', '#!/no/such/interpreter -x\n', 0o755)
        s.write('loop', '#!%s\n' % s.at('loop'), 0o755)
        for name, want in (('plain', (126,)), ('noise', (126,)), ('truncated', (126,)),
                           ('empty', (126,)), ('lost', (126, 127)), ('loop', (126,)),
                           ('', (126,))):
            r = do('--', s.at(name))
            check(r.status in want, name, r)
            check(r.err.count('\n') == 1 and s.at(name) in r.err, name, r.err)


@case
def bad_options():
    bad = [['--no-such'], ['--platform', 'vax'], ['--root', '/no/such'], ['--root', '/etc/passwd'],
           ['--cwd', 'relative'], ['--env', 'novalue'], ['--env', '=x'], ['--user', 'root'],
           ['--user', '-1'], ['--user', '4294967295'], ['--user', '1:'], ['--hostname', ''],
           ['--hostname', 'x' * 65], ['--volume', '/tmp'], ['--volume', '/no/such:/mnt'],
           ['--volume', '/tmp:/mnt:xx'], ['--volume', '/tmp:/'], ['--volume', '/tmp:rel'],
           ['--writes', 'maybe'], ['--patch', 'maybe'], ['--trap', 'maybe'],
           ['--hide', 'relative'], ['--tmpfs', 'rel'],
           ['--tmpfs', '/x:size=0'], ['--tmpfs', '/x:size=1Q'], ['--tmpfs', '/x:mode=1'],
           ['--memory', '0'], ['--memory', '-1'], ['--memory', 'lots'], ['--memory', '99999999999T'],
           ['--pids-limit', '0'], ['--pids-limit', '-5'], ['--pids-limit', 'x'],
           ['--pids-limit', '99999999999999999999'], ['--log-level', 'loud'],
           ['--log-file', '/no/such/dir/log'], ['--strace=what'], ['--read-only', '--writes', 'host'],
           ['--stats=foo'], ['--help=me'], ['--str'], ['-z']]
    for options in bad:
        r = do(*options, '--', 'true')
        equal(r.status, 125, options, r.err)
        check(r.err.startswith('runsc-c: ') and r.err.count('\n') == 1, options, r.err)
        check(options[0].lstrip('-').split('=')[0] in r.err, options, r.err)
    for option, want in (('--stats=foo', "'--stats' takes no value"), ('-z', "unknown option '-z'"),
                         ('--str', "'--str' may be any of --strict, --strace"),
                         ('--no-such=3', "unknown option '--no-such=3'")):
        equal(do(option, '--', 'true').err.split(' (see')[0].rstrip(),
              'runsc-c: ' + ('' if want.startswith('unknown') else 'option ') + want)
    check('x' * 65 in do('--hostname', 'x' * 65, '--', 'true').err)
    r = do('--memory', '1K', '--', 'true')
    check(r.status == 126 and '--memory is too small' in r.err, r)
    for args in ([], ['--'], ['--memory']):
        r = do(*args)
        equal(r.status, 125, args)
        check(r.err.startswith('runsc-c: '), args, r.err)


@case
def unreadable_root():
    if os.geteuid():
        raise Skip('needs root to become another')
    with Scratch() as s:
        os.mkdir(s.at('root'), 0o700)
        # Where the tests' programs stand an ordinary user may not get at all.
        runsc = public_copy(s)
        r = do('--root', s.at('root'), '--', '/x', runsc=runsc, user=65534, group=65534,
               extra_groups=[], cwd='/')
        equal(r.status, 125)
        check('--root' in r.err and 'Permission denied' in r.err or 'EACCES' in r.err, r.err)


@case
def working_directory():
    equal(do('--cwd', '/usr', '--', 'pwd').out, '/usr\n')
    equal(do('--', 'pwd', cwd='/usr/lib').out, '/usr/lib\n')
    r = do('--cwd', '/no/such/place', '--', 'pwd')
    check(r.status in (125, 126, 127), r)
    check('/no/such/place' in r.err, r.err)


@case
def environment():
    r = do('--env', 'A=1', '--env', 'B=x=y', '--env', 'A=2', '--', 'env',
           env={'PATH': '/usr/bin:/bin', 'KEPT': 'k', 'A': '0'})
    lines = r.out.splitlines()
    check('A=2' in lines and 'B=x=y' in lines and 'KEPT=k' in lines, r.out)
    r = do('--clear-env', '--env', 'A=1', '--', '/usr/bin/env')
    equal(r.out.splitlines(), ['A=1'])
    equal(do('--clear-env', '--', '/usr/bin/env').out, '')


@case
def users():
    if os.geteuid():
        raise Skip('needs root')
    equal(do('--', 'id', '-u').out, '0\n')
    equal(do('--user', '1234', '--', 'id', '-u').out, '1234\n')
    r = do('--user', '1234:77', '--', 'sh', '-c', 'id -u; id -g; id -G')
    equal(r.out, '1234\n77\n77\n')
    equal(do('--user', '1234', '--', 'cat', '/etc/shadow').status, 1)
    r = do('--', 'setpriv', '--reuid', '99', '--clear-groups', 'id', '-u')
    equal(r.out, '99\n')


@case
def hostname():
    equal(do('--hostname', 'box', '--', 'uname', '-n').out, 'box\n')
    equal(do('--', 'uname', '-n').out, os.uname().nodename + '\n')


@case
def volumes():
    with Scratch() as s:
        for mode in ('ro', 'rw', 'cow'):
            s.write(mode + '/file', 'old\n')
        change = 'echo new > file && rm -f file && mkdir d && echo x > d/y && ln -s y d/l'
        r = do('--volume', s.at('ro') + ':/mnt:ro', '--cwd', '/mnt', '--', 'sh', '-c', change)
        check(r.status and 'Read-only' in r.err, r)
        equal(os.listdir(s.at('ro')), ['file'])
        r = do('--volume', s.at('cow') + ':/mnt:cow', '--cwd', '/mnt', '--', 'sh', '-c',
               change + ' && cat d/l')
        equal((r.status, r.out), (0, 'x\n'), r.err)
        equal(os.listdir(s.at('cow')), ['file'])
        with open(s.at('cow/file')) as f:
            equal(f.read(), 'old\n')
        r = do('--volume', s.at('rw') + ':/mnt:rw', '--cwd', '/mnt', '--', 'sh', '-c', change)
        equal(r.status, 0, r.err)
        equal(os.listdir(s.at('rw')), ['d'])
        with open(s.at('rw/d/l')) as f:
            equal(f.read(), 'x\n')
        # A place that is not there is made in the private layer only; a file will do, too.
        r = do('--volume', s.at('cow/file') + ':/deep/new/place:ro', '--', 'cat', '/deep/new/place')
        equal(r.out, 'old\n', r.err)
        check(not os.path.exists('/deep'), '/deep on the host')


def tree(folder):
    return sorted(os.path.join(top, n) for top, folders, files in os.walk(folder)
                  for n in folders + files)


@case
def missing_places_are_never_made_on_the_host():
    with Scratch() as s:
        s.write('root/etc/x', 'x')
        s.write('vol/file', 'old\n')
        os.mkdir(s.at('root/usr'))
        usr = ('--root', s.at('root'), '--volume', '/usr:/usr:ro')
        for name in ('bin', 'lib', 'lib64'):
            os.symlink('usr/' + name, s.at('root', name))
        before = tree(s.path)
        for writes in ('host', 'none'):
            for mount in (('--volume', s.at('vol') + ':/made/here'),
                          ('--volume', s.at('vol') + ':/made/here:cow'),
                          ('--volume', s.at('vol/file') + ':/etc/made:ro'),
                          ('--tmpfs', '/made/here')):
                r = do(*usr, '--writes', writes, *mount, '--', '/bin/true')
                place = mount[1].split(':')[1] if ':' in mount[1] else mount[1]
                equal(r.status, 125, writes, mount, r.err)
                check('cannot mount at %s: ' % place in r.err and 'make it first' in r.err, r.err)
                equal(tree(s.path), before, writes, mount)
            # Ours are left out by name; the program runs.
            r = do(*usr, '--writes', writes, '--', '/bin/sh', '-c', 'echo /*')
            equal((r.status, r.out), (0, '/bin /etc /lib /lib64 /usr\n'), writes, r.err)
            for name in ('/proc', '/sys', '/dev', '/dev/pts', '/dev/shm'):
                check('%s is left out' % name in r.err, writes, r.err)
            equal(tree(s.path), before, writes)
        # A place in a volume that is written for real is the host's, too.
        r = do('--volume', s.at('root') + ':/mnt', '--tmpfs', '/mnt/made', '--', 'true')
        check(r.status == 125 and 'make it first' in r.err, r)
        equal(tree(s.path), before)
        r = do('--volume', s.at('root') + ':/mnt:cow', '--tmpfs', '/mnt/made', '--',
               'stat', '-fc', '%T', '/mnt/made')
        equal((r.status, r.out), (0, 'tmpfs\n'), r.err)
        equal(tree(s.path), before)


@case
def what_was_asked_for_is_mounted():
    with Scratch() as s:
        # The root is read-only, and has the places all the same: they are in memory.
        r = do('--read-only', '--tmpfs', '/made/here', '--volume', s.path + ':/volume:ro', '--',
               'sh', '-c', 'stat -fc %T /made/here && > /made/here/x && ls -d /volume; > /made/x')
        equal(r.out, 'tmpfs\n/volume\n', r.err)
        check('Read-only' in r.err, r.err)
        for options in (('--strict',), ()):
            r = do(*options, '--writes', 'none', '--tmpfs', '/made', '--', 'true')
            check(r.status == 125 and 'cannot mount at /made: ' in r.err, r)
        r = do('--tmpfs', '/etc/passwd', '--', 'true')
        check(r.status == 125 and 'cannot mount at /etc/passwd: Not a directory' in r.err, r)


@case
def private_writes_stay_private():
    with Scratch() as s:
        path = s.write('data', 'a' * 100000)
        before = os.stat(path)
        # Every way to change a file, an open mapping among them.
        r = python('''
import mmap, os, sys
p = sys.argv[1]
with open(p, 'r+b') as f:
    m = mmap.mmap(f.fileno(), 0)
    m[0:4] = b'zzzz'; m.flush()
    os.pwrite(f.fileno(), b'yy', 50000)
    assert m[50000:50002] == b'yy'
os.chmod(p, 0o600); os.utime(p, (1, 1)); os.truncate(p, 60000)
os.rename(p, p + '.x'); os.link(p + '.x', p + '.y'); os.unlink(p + '.x')
print(os.path.getsize(p + '.y'))
''', path)
        equal(r.out, '60000\n', r.err)
        after = os.stat(path)
        for field in ('st_ino', 'st_size', 'st_mode', 'st_mtime_ns', 'st_ctime_ns', 'st_nlink'):
            equal(getattr(after, field), getattr(before, field), field)
        with open(path) as f:
            equal(f.read(), 'a' * 100000)
        equal(os.listdir(s.path), ['data'])


@case
def writes_to_host_or_nowhere():
    with Scratch() as s:
        r = do('--writes', 'host', '--', 'sh', '-c', 'echo hello > %s' % s.at('new'))
        equal(r.status, 0, r.err)
        with open(s.at('new')) as f:
            equal(f.read(), 'hello\n')
        r = do('--writes', 'none', '--', 'sh', '-c', 'echo bye > %s' % s.at('new'))
        check(r.status and 'Read-only' in r.err, r)
        r = do('--read-only', '--', 'sh', '-c', 'rm %s' % s.at('new'))
        check(r.status and 'Read-only' in r.err, r)
        with open(s.at('new')) as f:
            equal(f.read(), 'hello\n')


@case
def hidden():
    with Scratch() as s:
        s.write('dir/secret', 'x')
        s.write('seen', 'y')
        r = do('--hide', s.at('dir'), '--hide', '/etc/passwd', '--', 'ls', s.path)
        equal(r.out, 'seen\n', r.err)
        for path in (s.at('dir'), s.at('dir/secret'), s.at('../' + os.path.basename(s.path) + '/./dir/secret'), '/etc/passwd'):
            r = do('--hide', s.at('dir'), '--hide', '/etc/passwd', '--', 'cat', path)
            check(r.status == 1 and 'No such file' in r.err, path, r)


@case
def tmpfs_size():
    r = python('''
import errno, os
def fill(path):
    n = 0
    try:
        with open(path, 'wb', buffering=0) as f:
            while n < 64 << 20:
                n += f.write(b'x' * 65536)
    except OSError as e:
        return n, e.errno == errno.ENOSPC
    return n, False
for i in range(3):
    n, full = fill('/scratch/f')
    assert full and 1 << 20 >= n > 900 << 10, (n, full)
    os.unlink('/scratch/f')
print('good')
''', options=['--tmpfs', '/scratch:size=1M'])
    equal(r.out, 'good\n', r.err)


@case
def pids_limit():
    r = python('''
import os, errno, time
kids = []
try:
    for i in range(100):
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
        kids.append(pid)
except OSError as e:
    assert e.errno == errno.EAGAIN, e
print(len(kids))
for k in kids:
    os.kill(k, 9); os.waitpid(k, 0)
if os.fork() == 0:
    os._exit(0)
print(os.wait()[1])
''', options=['--pids-limit', '20'])
    n = int(r.out.split()[0]) if r.out else -1
    check(10 <= n < 20, r)
    equal(r.out.split()[1], '0')


@case
def arguments():
    many = ['a' * 1000] * 200
    equal(do('--', 'sh', '-c', 'echo $#', 'sh', *many).out, '200\n')
    equal(python('import sys; print(len(sys.argv[1]))', 'x' * 131000).out, '131000\n')
    r = python('''
import os, errno
for argv in (['true', 'x' * 131072], ['true'] + ['y' * 100000] * 100):
    try:
        os.execvp('true', argv)
    except OSError as e:
        assert e.errno == errno.E2BIG, e
print('good')
''')
    equal(r.out, 'good\n', r.err)
    r = do('--', 'true', *(['z' * 100000] * 18))
    check(r.status == 0 or (r.status in (125, 126) and r.err), r)


@case
def closed_streams():
    script = 'readlink /proc/self/fd/0 || echo none'
    r = subprocess.run(['sh', '-c', '"$0" do -- sh -c "exit 7" <&-', RUNSC], timeout=60)
    equal(r.returncode, 7, 'stdin')
    r = subprocess.run(['sh', '-c', '"$0" do -- sh -c "exit 7" >&-', RUNSC], timeout=60)
    equal(r.returncode, 7, 'stdout')
    r = subprocess.run(['sh', '-c', '"$0" do -- sh -c "exit 7" <&- >&- 2>&-', RUNSC], timeout=60)
    equal(r.returncode, 7, 'all')
    r = subprocess.run(['sh', '-c', '"$0" do -- sh -c "echo x" >&-', RUNSC], timeout=60,
                       stderr=subprocess.PIPE)
    check(r.returncode != 0, 'writing to a closed stdout succeeds', script)


@case
def reader_gone():
    r, w = os.pipe()
    child = start('--', 'sh', '-c', 'while echo line; do :; done', stdout=w)
    os.close(w)
    os.read(r, 100)
    os.close(r)
    try:
        equal(status_of(child.wait(20)), 141)
    finally:
        child.kill()
        child.communicate()


@case
def full_streams():
    """A reader that is slow stops the writer, not the sandbox."""
    child = start('--', 'sh', '-c', 'head -c 3000000 /dev/zero; echo done >&2')
    time.sleep(1)
    out, err = child.communicate(timeout=30)
    equal((len(out), err), (3000000, b'done\n'))
    r = do('--', 'sh', '-c', 'wc -c; wc -c', input=b'x' * 500000)
    equal(r.out.split(), ['500000', '0'])


@case
def signals_forwarded():
    script = '''
import os, signal, sys, time
n = int(sys.argv[1])
def handler(s, f):
    print('got', s, flush=True); os._exit(50)
signal.signal(n, handler)
print('ready', flush=True)
time.sleep(30)
'''
    for n in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1,
              signal.SIGUSR2):
        child = start('--', 'python3', '-c', script, str(int(n)))
        child.stdout.readline()
        child.send_signal(n)
        out, _ = child.communicate(timeout=30)
        equal((child.returncode, out), (50, b'got %d\n' % n), n)
        # Without a handler it ends the program: init of a sandbox is an ordinary one.
        child = start('--', 'sh', '-c', 'echo ready; exec sleep 30')
        child.stdout.readline()
        child.send_signal(n)
        child.communicate(timeout=30)
        equal(status_of(child.returncode), 128 + n, 'default', n)


@case
def started_with_odd_signal_state():
    def odd():
        for n in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGQUIT):
            signal.signal(n, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))

    r = do('--', 'sh', '-c', 'sleep 0.1 & wait; exit 9', preexec_fn=odd)
    equal(r.status, 9, r.err)
    child = start('--', 'sh', '-c', 'echo ready; sleep 30', preexec_fn=odd)
    child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=10)


@case
def few_descriptors():
    import resource

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    r = do('--', 'sh', '-c', 'ls / | wc -l', preexec_fn=few)
    check(r.status in (0, 125) and (r.out.strip() or r.err), r)


@case
def nothing_left_behind():
    do('--', 'true')
    # What an earlier case killed comes to us as an orphan, a little later.
    wait_until(lambda: reap() or not descendants(os.getpid()), 5)
    before = traces()
    for _ in range(200):
        equal(do('--', 'true').status, 0)
    no_traces(before)


def public_copy(s):
    """The three programs where every user can get at them."""
    import shutil
    for name in NAMES:
        shutil.copy(os.path.join(os.path.dirname(RUNSC), name), s.at(name))
        os.chmod(s.at(name), 0o755)
    return s.at('runsc-c')


@case
def fallocate_on_the_host():
    """Every mode that Linux has reaches the host or is refused, and none ends the Sentry."""
    with Scratch() as s:
        path = s.write('file', 'x' * 65536)
        text = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open(sys.argv[1], os.O_RDWR)
args = ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long
libc.fallocate.argtypes = args
print([ctypes.get_errno() if libc.fallocate(fd, mode, 4096, 4096) else 0 for mode in range(128)])
"""
        native = subprocess.run(['python3', '-c', text, path], stdout=subprocess.PIPE).stdout
        r = python(text, path, options=['--writes', 'host'])
        equal((r.status, r.out), (0, native.decode()), r.err)


@case
def tables():
    """Their printers refuse to print a condition that the filter does not have."""
    for command in ('syscalls', 'host-syscalls'):
        for option in ([], ['--json']):
            r = subprocess.run([RUNSC, command] + option, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, timeout=60)
            equal((r.returncode, r.stderr), (0, b''), command, option)
            if option:
                check(json.loads(r.stdout), command)
            # Whoever has seen enough goes: that is no failure, a full disk is.
            r = subprocess.run(['sh', '-c', '{ "$@"; echo "[$?]" >&2; } | true', 'sh', RUNSC,
                                command] + option, stderr=subprocess.PIPE, timeout=60)
            check(r.stderr in (b'[0]\n', b'[141]\n'), command, option, r.stderr)
            with open('/dev/full', 'w') as full:
                r = subprocess.run([RUNSC, command] + option, stdout=full, stderr=subprocess.PIPE,
                                   timeout=60)
            check(r.returncode == 125 and b'exit status' in r.stderr, command, option, r)


@case
def helps():
    for command in ([], ['do'], ['syscalls'], ['host-syscalls'], ['probe'], ['debug']):
        for option in ('--help', '-h'):
            r = subprocess.run([RUNSC] + command + [option], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, timeout=60)
            equal((r.returncode, r.stderr), (0, b''), command, option)
            check(r.stdout.startswith(b'usage: runsc-c ' + ' '.join(command).encode()), r.stdout)
            check('syscalls' not in ' '.join(command) or b'--json' in r.stdout, r.stdout)
    r = subprocess.run([RUNSC, '--version'], stdout=subprocess.PIPE, timeout=60)
    check(r.returncode == 0 and r.stdout.startswith(b'runsc-c '), r)
    r = subprocess.run([RUNSC, 'syscalls', '--no'], stderr=subprocess.PIPE, timeout=60)
    check(r.returncode == 125 and b"unknown option '--no'" in r.stderr, r)


@case
def probe():
    """Every floor is measured where nothing is forbidden; the table says what the object says."""
    r = subprocess.run([RUNSC, 'probe', '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=60)
    equal((r.returncode, r.stderr), (0, b''))
    found = json.loads(r.stdout)
    equal([(p['name'], p['ok']) for p in found['platforms']], [('systrap', True), ('ptrace', True)])
    floors = {f['name']: f for f in found['floors']}
    for name, floor in floors.items():
        if found['host']['cpus'] > 1 or not name.endswith(('_spin', '_apart')):
            check(0 < floor.get('best_ns', 0) <= floor['ns'], floor)
    # Whatever the machine: more work takes more time.
    for less, more in (('site', 'getppid'), ('getppid', 'trap'), ('trap', 'trap_futex'),
                       ('getppid', 'trap_seccomp'),
                       ('site', 'site_futex'), ('getppid', 'ptrace'), ('getppid', 'fork_exec')):
        check(floors[less]['best_ns'] < floors[more]['best_ns'], less, 'is dearer than', more, floors)
    r = subprocess.run([RUNSC, 'probe', '--no-floors'], stdout=subprocess.PIPE, timeout=60)
    text = r.stdout.decode()
    check(r.returncode == 0 and 'floors' not in text, text)
    for f in found['features']:
        check(re.search(r'^  %s +%s ' % (re.escape(f['name']), 'yes' if f['ok'] else 'no'), text,
                        re.M), f, text)


@case
def probe_where_little_is_allowed():
    """What is forbidden is missing, in the platforms, the features and the floors."""
    r = subprocess.run([RUNSC, 'probe', '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=60, preexec_fn=without_user_dispatch)
    equal((r.returncode, r.stderr), (0, b''))
    found = json.loads(r.stdout)
    check(found['platforms'][0]['ok'], found)  # systrap, by seccomp
    equal([f['ok'] for f in found['features'] if 'dispatch' in f['name']], [False])
    equal(sorted(f['name'] for f in found['floors'] if 'error' in f),
          ['site', 'site_futex', 'site_spin', 'trap', 'trap_futex', 'trap_spin'])
    one = {min(os.sched_getaffinity(0))}
    r = subprocess.run([RUNSC, 'probe', '--json'], stdout=subprocess.PIPE, timeout=60,
                       preexec_fn=lambda: os.sched_setaffinity(0, one))
    equal(sorted(f['name'] for f in json.loads(r.stdout)['floors'] if 'error' in f),
          ['futex_apart', 'site_spin', 'trap_spin'])


def without_user_dispatch():
    """In a child before its exec: prctl(PR_SET_SYSCALL_USER_DISPATCH) gets EPERM from here on."""
    code = ((0x20, 0, 0, 0),            # the call's number
            (0x15, 0, 3, 157),          # prctl?
            (0x20, 0, 0, 16),           # its first argument
            (0x15, 0, 1, 59),           # PR_SET_SYSCALL_USER_DISPATCH?
            (0x06, 0, 0, 0x00050001),   # EPERM
            (0x06, 0, 0, 0x7fff0000))   # allowed
    text = b''.join(struct.pack('HBBI', *insn) for insn in code)
    insns = ctypes.create_string_buffer(text, len(text))
    program = struct.pack('HxxxxxxP', len(code), ctypes.addressof(insns))
    libc = ctypes.CDLL(None)
    libc.prctl(38, 1, 0, 0, 0)      # PR_SET_NO_NEW_PRIVS
    if libc.prctl(22, 2, program):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        os._exit(99)


@case
def traps_by_seccomp_without_user_dispatch():
    for more in (), ('--trap', 'seccomp'), ('--trap', 'auto'):
        r = do('--log-level', 'info', *more, '--', 'echo', 'hi', preexec_fn=without_user_dispatch)
        equal((r.status, r.out), (0, 'hi\n'), r.err)
        check('systrap: calls trap by seccomp' in r.err, r.err)
    r = do('--trap', 'dispatch', '--', 'true', preexec_fn=without_user_dispatch)
    check(r.status == 125 and 'user dispatch' in r.err, r)


@case
def log_shows_results():
    """What a call left in guest memory, also when it is still on its way there."""
    with Scratch() as s:
        s.write('small', 'what stands there\n')
        s.write('large', 'x' * 60000)
        for name, size in (('small', 18), ('large', 60000)):
            r = do('--strace', '--', 'cat', s.at(name))
            read = [line for line in r.err.split('\n') if ' read(' in line and '= %d' % size in line]
            check(read, name, r.err)
            check(('what stands there' if name == 'small' else 'xxxxxxxx') in read[0], name, read)
            check('st_size=%d' % size in r.err, name, r.err)


@case
def debug():
    """What the tasks of a sandbox do comes back to who asked."""
    with Scratch() as s:
        child = start('--log-file', s.at('log'), '--', 'sh', '-c', 'echo; sleep 30; :')
        child.stdout.readline()

        def ask(pid):
            return subprocess.run([RUNSC, 'debug', str(pid)], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=60)

        try:
            for _ in range(20):
                r = ask(child.pid)
                equal((r.returncode, r.stderr), (0, b''))
                check(b' tasks, ' in r.stdout and b'task 1 (sh)' in r.stdout, r.stdout)
            with open(s.at('log')) as f:
                equal(f.read(), '')
            # The Sentry itself can be asked, too: then it is its log that tells.
            sentry = [p for p in descendants(child.pid) if name_of(p) == 'runsc-sentry']
            os.kill(sentry[0], signal.SIGQUIT)
            check(wait_until(lambda: 'task 1 (sh)' in open(s.at('log')).read(), 5),
                  'SIGQUIT: nothing on the log')
            if os.geteuid() == 0:
                # Another user may not look; the sandbox does not mind.
                r = subprocess.run([public_copy(s), 'debug', str(child.pid)], user=65534,
                                   group=65534, extra_groups=[], cwd='/',
                                   stderr=subprocess.PIPE, timeout=60)
                check(r.returncode == 125 and r.stderr, r)
            for bad in ('%dabc' % child.pid, '0', '-1', '', '99999999999'):
                check(ask(bad).returncode == 125 and b'usage' in ask(bad).stderr, bad, ask(bad))
            r = ask(os.getpid())
            check(r.returncode == 125 and b'no running sandbox' in r.stderr and b'pgrep' in r.stderr,
                  r)
            equal(ask(child.pid).returncode, 0)
        finally:
            child.kill()
            child.communicate()
        equal(ask(child.pid).returncode, 125)


# getppid from three places: code that can be patched, code where a short jump follows the call,
# and code in anonymous memory.
SITES = r'''
import ctypes, mmap
code = {0: b'\xb8\x6e\0\0\0\x0f\x05\x48\x89\xc2\xc3', 64: b'\xb8\x6e\0\0\0\x0f\x05\xeb\0\xc3'}
RX = mmap.PROT_READ | mmap.PROT_EXEC
with open('code', 'w+b') as f:
    for at, text in code.items():
        f.seek(at)
        f.write(text)
    f.truncate(4096)
    filed = mmap.mmap(f.fileno(), 4096, mmap.MAP_PRIVATE, RX | mmap.PROT_WRITE)
anon = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE, RX | mmap.PROT_WRITE)
anon.write(code[0])
where = [ctypes.addressof(ctypes.c_char.from_buffer(m)) for m in (filed, anon)]
ctypes.CDLL(None).mprotect(ctypes.c_void_p(where[0]), ctypes.c_size_t(4096), RX)
print(*[hex(at + 5) for at in (where[0], where[0] + 64, where[1])], flush=True)
calls = [ctypes.CFUNCTYPE(ctypes.c_long)(at) for at in (where[0], where[0] + 64, where[1])]
while True:
    for call in calls:
        call()
'''


@case
def debug_call_sites():
    """Where calls are made, how often, and whether that place was patched; and why not."""
    child = start('--platform', 'systrap', '--tmpfs', '/tmp', '--cwd', '/tmp', '--', 'python3', '-c',
                  SITES)
    try:
        fits, unfit, anon = child.stdout.readline().decode().split()

        def line(addr):
            """Calls trapped, calls patched, and the rest; the most used stand first."""
            told = subprocess.run([RUNSC, 'debug', str(child.pid)], stdout=subprocess.PIPE,
                                  timeout=60).stdout.decode()
            found = [row for row in told.splitlines() if ' %s ' % addr in row]
            words = found[0].split(maxsplit=3) if found else ['0', '0', '', '']
            return int(words[0]), int(words[1]), words[3]

        check(wait_until(lambda: line(fits)[1] > 1000, 10), line(fits))
        before = line(fits)
        check(wait_until(lambda: line(fits)[1] > before[1], 10), before)
        check(before[0] < 100 and line(fits)[0] == before[0], before, line(fits))
        equal(before[2].split(), ['/tmp/code', '+', '0x5', 'patched'])
        for addr, place, why in ((unfit, '/tmp/code + 0x45', 'does not fit'),
                                 (anon, '', 'may not be changed')):
            before = line(addr)
            check(wait_until(lambda: line(addr)[0] > before[0], 10), before)
            check(before[1] == line(addr)[1] == 0, before, line(addr))
            check(place in before[2] and why in before[2], before)
    finally:
        child.kill()
        child.communicate()
    r = do('--platform', 'systrap', '--stats', '--', 'python3', '-c', 'import os\n' +
           'for i in range(3000): os.getppid()')
    check('most used call sites:' in r.err, r.err)
    top = r.err.split('most used call sites:')[1].splitlines()[2].split(maxsplit=2)
    check(int(top[1]) > 2000 and '/libc' in top[2] and ' + 0x' in top[2], top)


main()
