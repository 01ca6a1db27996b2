#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Too much of everything: what a guest takes is bounded, it is told so with Linux's errno, and
other work in the same sandbox goes on."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from stress import *  # noqa: F403

# Runs the attack as a child; then the sandbox must still do ordinary work.
AFTER = '''
import errno, os, signal, sys, time
def attack():
%s
pid = os.fork()
if pid == 0:
    try:
        attack(); os._exit(0)
    except BaseException as e:
        print('attack:', type(e).__name__, e, flush=True); os._exit(1)
status = os.waitpid(pid, 0)[1]
print('attack', status, flush=True)
for i in range(100):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
        time.sleep(0.05)
    except ChildProcessError:
        break
sys.exit(os.system('set -e; echo x > /tmp/after; test "$(cat /tmp/after | tr x y)" = y; ls /usr > /dev/null') != 0)
'''


def attacked(body, *options, want=0, timeout=60):
    text = AFTER % ''.join('    %s\n' % line for line in body.strip('\n').split('\n'))
    r = do(*options, '--', 'python3', '-c', text, timeout=timeout)
    equal(r.status, 0, r.out[-300:], r.err[-600:])
    check('attack %d\n' % want in r.out, 'expected status', want, r.out[-600:], r.err[-600:])
    return r


@case
def fork_bomb():
    attacked('''
def bomb():
    made = 0
    while True:
        try:
            if os.fork() == 0:
                made = 0
                continue
            made += 1
        except OSError as e:
            assert e.errno == errno.EAGAIN, e
            time.sleep(1)
            os._exit(0)
leader = os.fork()
if leader == 0:
    os.setpgid(0, 0)
    bomb()
time.sleep(3)
try:
    os.killpg(leader, signal.SIGKILL)
except ProcessLookupError:
    pass
os.waitpid(leader, 0)
''', '--pids-limit', '60')


# name: what makes it, and how many bytes it is at least
PEAKS = {
    'sockets': ("""
import socket
kept = []
for i in range(400):
    pair = socket.socketpair()
    kept.append(pair)
    pair[0].setblocking(False)
    try:
        while True:
            pair[0].send(bytes(4096))
    except BlockingIOError:
        pass
""", 50e6),
    'threads': ("""
import threading
threading.stack_size(65536)
end = threading.Event()
for i in range(1000):
    threading.Thread(target=end.wait, daemon=True).start()
""", 10e6),
}


@case
def memory_after_a_peak():
    """What a guest made the Sentry allocate is the host's again soon after it is gone."""
    for what, (peak, least) in PEAKS.items():
        after_a_peak(what, peak + "print('full', flush=True)\ninput()\n", least)


def after_a_peak(what, peak, least):
    text = """
import socket, subprocess, sys, time
p = subprocess.Popen(['python3', '-c', sys.argv[1]], stdin=subprocess.PIPE)
sys.stdin.readline()
pinned = socket.socketpair()
pinned[0].send(bytes(4096))
p.communicate(b'\\n')
print('gone', flush=True)
sys.stdin.readline()
"""
    child = start('--', 'python3', '-c', text, peak, stdin=subprocess.PIPE)
    try:
        equal(child.stdout.readline(), b'full\n')
        sentry = [p for p in descendants(child.pid) if name_of(p) == 'runsc-sentry'][0]
        full = private_bytes(sentry)
        check(full > least, what, 'no peak:', full)
        child.stdin.write(b'\n')
        child.stdin.flush()
        equal(child.stdout.readline(), b'gone\n')
        check(wait_until(lambda: private_bytes(sentry) < 20e6, 10), what, 'of', full, 'are left',
              private_bytes(sentry))
        child.stdin.close()
        equal(child.wait(10), 0)
    finally:
        child.kill()
        child.wait()


@case
def threads_1000():
    attacked('''
import threading
threading.stack_size(65536)
go, ready = threading.Event(), threading.Semaphore(0)
def one():
    ready.release()
    go.wait()
ts = [threading.Thread(target=one) for _ in range(1000)]
for t in ts: t.start()
for t in ts: ready.acquire()
assert len(os.listdir('/proc/self/task')) == 1001
go.set()
for t in ts: t.join()
''')


@case
def descriptor_flood():
    attacked('''
import resource
n = 0
try:
    while True:
        os.dup(0); n += 1
except OSError as e:
    assert e.errno == errno.EMFILE, e
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
assert soft - 10 < n < soft, (n, soft)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
n = 0
try:
    while n < 300000:
        os.open('/etc/passwd', os.O_RDONLY); os.pipe(); os.eventfd(0); n += 1
except OSError as e:
    assert e.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM), e
''', timeout=120)


@case
def memory_limit_kills():
    r = attacked('''
import mmap
keep = []
while True:
    m = mmap.mmap(-1, 16 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for i in range(0, 16 << 20, 4096): m[i] = 1
    keep.append(m)
''', '--memory', '128M', want=9)
    check('memory limit' in r.err, r.err)


@case
def memory_limit_is_init_s_end():
    r = do('--memory', '64M', '--', 'python3', '-c', 'x = []\nwhile True: x.append(bytearray(1 << 20))')
    equal(r.status, 137, r.err)
    check('memory limit' in r.err, r.err)


@case
def memory_limit_after_the_first_thread():
    """A process whose first thread has ended is counted, and found, by the others."""
    r = do('--memory', '64M', '--', 'python3', '-c', '''
import ctypes, os, threading, time
def grow():
    time.sleep(0.5)
    x = []
    for i in range(200): x.append(bytearray(b"x" * (1 << 20))); time.sleep(0.005)
    os._exit(0)
threading.Thread(target=grow).start()
ctypes.CDLL(None).syscall(60, 0)
''')
    equal(r.status, 137, r.err)
    check('memory limit' in r.err, r.err)


@case
def memory_limit_of_a_sleeper():
    """Nobody looks while all sleep; whoever wakes and grows is found."""
    r = do('--memory', '64M', '--', 'python3', '-c', 'import time\ntime.sleep(3)\nx = []\n'
           'for i in range(3000):\n x.append(bytearray(b"x" * (1 << 20)))\n')
    equal(r.status, 137, r.err)


@case
def memory_shared_by_fork_counts_once():
    r = python('''
import os, time
x = bytearray(b'x' * (40 << 20))
kids = []
for i in range(8):
    pid = os.fork()
    if pid == 0:
        time.sleep(1.5); os._exit(0)
    kids.append(pid)
print([os.waitpid(k, 0)[1] for k in kids])
''', options=['--memory', '128M'])
    equal(r.out, '[0, 0, 0, 0, 0, 0, 0, 0]\n', r.err)


@case
def memory_shared_by_vfork_counts_once():
    """A child in its parent's address space, as vfork() makes it, has nothing of its own."""
    r = python('''
import ctypes, os
libc = ctypes.CDLL(None)
x = bytearray(60 << 20)
stack = ctypes.create_string_buffer(1 << 16)
top = ctypes.addressof(stack) + (1 << 16) & ~15
pid = libc.clone(ctypes.cast(libc.sleep, ctypes.c_void_p), ctypes.c_void_p(top), 0x100 | 17, ctypes.c_void_p(1))
print(pid > 0, os.waitpid(pid, 0)[1])
''', options=['--memory', '100M'])
    equal(r.out, 'True 0\n', r.err)


@case
def memory_limit_refuses_the_impossible():
    r = python('''
import mmap, errno
try:
    mmap.mmap(-1, 1 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
except OSError as e:
    print(e.errno == errno.ENOMEM)
mmap.mmap(-1, 1 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, prot=mmap.PROT_READ)
''', options=['--memory', '256M'])
    equal(r.out, 'True\n', r.err)


@case
def memory_limit_holds_files():
    attacked('''
def fill(name):
    with open(name, 'wb', buffering=0) as f:
        while f.tell() < 1 << 30:
            f.write(b'x' * (1 << 20))
try:
    fill('/dev/shm/full')
    os._exit(5)
except OSError as e:
    assert e.errno == errno.ENOSPC, e
os.unlink('/dev/shm/full')
''', '--memory', '128M')


@case
def failed_write_keeps_the_old_bytes():
    """A block of a host file that the full layer cannot take reads as before."""
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, 'lower')
        with open(name, 'wb') as f:
            f.write(b'L' * 300000)
        r = do('--memory', '64M', '--', 'python3', '-c', '''
import errno, os, sys
full = os.memfd_create('full')
lower = os.open(sys.argv[1], os.O_RDWR)
def fill(step):
    try:
        while True: os.write(full, b'x' * step)
    except OSError as e:
        assert e.errno == errno.ENOSPC, e
fill(1 << 20)
fill(4096)
def refused(call, *args):
    try:
        call(*args)
    except OSError as e:
        assert e.errno == errno.ENOSPC, (call, e)
    else:
        sys.exit('%s was not refused' % call)
refused(os.pwrite, lower, b'n' * 65536, 65536)
refused(os.pwrite, lower, b'n' * 65536, 4 * 65536)
refused(os.pwrite, lower, b'n' * 100, 100)
refused(os.truncate, lower, 100)
refused(os.posix_fallocate, lower, 0, 65536)
assert os.pread(lower, 400000, 0) == b'L' * 300000
os.ftruncate(full, 0)
assert os.pwrite(lower, b'n' * 65536, 65536) == 65536
assert os.pread(lower, 400000, 0) == b'L' * 65536 + b'n' * 65536 + b'L' * (300000 - 131072)
''', name)
        equal(r.status, 0, r.out[-300:], r.err[-600:])


HOGS = {
    'pipes': '''
import fcntl, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
for i in range(2000):
    r, w = os.pipe2(os.O_NONBLOCK)
    fcntl.fcntl(w, 1031, 1 << 20)
    try:
        while True: os.write(w, b'x' * 65536)
    except BlockingIOError:
        pass
''',
    'sockets': '''
import resource, socket
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
keep = []
for i in range(9000):
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM if i % 2 else socket.SOCK_STREAM)
    a.setblocking(False)
    keep.append((a, b))
    try:
        while True: a.send(b'x' * 32768)
    except BlockingIOError:
        pass
''',
    'memfds and growth': '''
f = os.memfd_create('full')
try:
    while True: os.write(f, b'x' * (1 << 20))
except OSError as e:
    assert e.errno == errno.ENOSPC, e
keep = []
while True: keep.append(b'x' * 100000)
''',
    'memory mapped by all': '''
import mmap
m = mmap.mmap(-1, 40 << 20)
for i in range(0, 40 << 20, 4096): m[i] = 1
keep = []
while True: keep.append(b'x' * 100000)
''',
}


@case
def memory_limit_spares_the_innocent():
    """Whatever is hoarded, who hoards goes; neither init does, nor another process."""
    for what, body in HOGS.items():
        quiet = 'quiet = os.fork()\nif quiet == 0:\n    time.sleep(100)\n' \
                'if os.fork() == 0:\n' + ''.join('    %s\n' % line for line in body.strip('\n').split('\n')) + \
                '    os._exit(0)\n' \
                'pid, status = os.wait()\nos.kill(quiet, 9)\nos.wait()\nos._exit(3 if pid == quiet else status)\n'
        r = attacked(quiet, '--memory', '128M', want=9 << 8)
        check('memory limit' in r.err, what, r.err)


@case
def memory_limit_heeds_oom_score_adj():
    r = python('''
import os, time
x = b'x' * (30 << 20)
a = os.fork()
if a == 0:
    open('/proc/self/oom_score_adj', 'w').write('1000')
    y = b'x' * (20 << 20)
    time.sleep(100)
time.sleep(0.5)
b = os.fork()
if b == 0:
    y = b'x' * (72 << 20)
    time.sleep(1)
    os._exit(0)
print(os.waitpid(a, 0)[1], os.waitpid(b, 0)[1])
''', options=['--memory', '128M'])
    equal(r.out, '9 0\n', r.err)


@case
def memory_limit_holds_kernel_objects():
    """What the Sentry keeps for guests counts: here the bytes in pipes."""
    r = attacked(HOGS['pipes'], '--memory', '256M', want=9)
    check('memory limit' in r.err, r.err)


@case
def pipes_full():
    attacked('''
import fcntl
pairs = []
for i in range(200):
    r, w = os.pipe2(os.O_NONBLOCK)
    pairs.append((r, w))
    try:
        fcntl.fcntl(w, 1031, 1 << 20)
    except OSError as e:
        assert e.errno == errno.EPERM, e
    try:
        while True: os.write(w, b'x' * 65536)
    except BlockingIOError:
        pass
for r, w in pairs:
    assert os.read(r, 1) == b'x'
''', '--memory', '512M')


@case
def sockets_full():
    attacked('''
import socket, array
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
    for i in range(50):
        a, b = socket.socketpair(socket.AF_UNIX, kind)
        a.setblocking(False)
        n = 0
        try:
            while n < 64 << 20: n += a.send(b'x' * 1000)
        except BlockingIOError:
            pass
        assert n < 64 << 20, n
# Descriptors inside descriptors, in a ring that nobody holds.
for i in range(3000):
    a, b = socket.socketpair()
    a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [a.fileno(), b.fileno()]))])
    a.close(); b.close()
# A chain of 2000: the end of the last reference must not recurse.
prev = None
for i in range(2000):
    a, b = socket.socketpair()
    if prev: a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [prev.fileno()]))])
    a.close()
    if prev: prev.close()
    prev = b
prev.close()
''', timeout=120)


@case
def deep_nesting():
    attacked('''
os.mkdir('/tmp/deep'); os.chdir('/tmp/deep')
for i in range(3000):
    os.mkdir('d'); os.chdir('d')
try:
    os.getcwd()
except OSError as e:
    assert e.errno in (errno.ENAMETOOLONG, errno.ERANGE), e
open('leaf', 'w').write('x')
os.rename('leaf', 'leaf2')
fd = os.open('/tmp/deep', os.O_RDONLY)
os.fchdir(fd)
assert os.system('rm -rf d') == 0
assert os.listdir('.') == []
''', timeout=120)


@case
def long_names():
    attacked('''
os.chdir('/tmp')
def fails(e, f, *a):
    try:
        f(*a)
    except OSError as x:
        assert x.errno == e, (x, a[0][:20])
    else:
        assert False, 'no error'
open('n' * 255, 'w')
os.unlink('n' * 255)
fails(errno.ENAMETOOLONG, open, 'n' * 256, 'w')
fails(errno.ENAMETOOLONG, os.mkdir, 'n' * 4096)
fails(errno.ENAMETOOLONG, os.stat, '/'.join(['x'] * 2049))
assert os.stat('/' * 2000 + 'tmp')
assert os.stat('/tmp' + '/.' * 2000)
fails(errno.ENAMETOOLONG, os.stat, '/tmp' + '/.' * 2050)
os.symlink('t' * 4095, 'l'); assert os.readlink('l') == 't' * 4095
fails(errno.ENAMETOOLONG, os.symlink, 't' * 4096, 'm')
''')


@case
def symlink_loops():
    attacked('''
os.mkdir('/tmp/s'); os.chdir('/tmp/s')
def loops(f, *a):
    try:
        f(*a)
    except OSError as x:
        assert x.errno == errno.ELOOP, x
    else:
        assert False, 'no error'
os.symlink('a', 'b'); os.symlink('b', 'a'); os.symlink('self', 'self'); os.symlink('self/x', 'inner')
for n in ('a', 'self', 'inner', 'a/b/c'): loops(os.stat, n); loops(open, n, 'w')
os.mkdir('l0')
for i in range(45): os.symlink('l%d' % i, 'l%d' % (i + 1))
os.stat('l40'); loops(os.stat, 'l41')
# Each link doubles the way: bounded all the same.
os.symlink('.', 'e0')
for i in range(30): os.symlink('e%d/e%d' % (i, i), 'e%d' % (i + 1))
loops(os.stat, 'e30')
''')


@case
def many_small_files():
    attacked('''
os.mkdir('/tmp/many'); os.chdir('/tmp/many')
for i in range(20000):
    os.close(os.open('f%d' % i, os.O_CREAT | os.O_WRONLY))
assert len(os.listdir('.')) == 20000
for i in range(20000): os.unlink('f%d' % i)
assert os.listdir('.') == []
''', timeout=120)


@case
def many_of_each_object():
    attacked('''
import select, ctypes, threading
libc = ctypes.CDLL(None, use_errno=True)
ep = [select.epoll() for _ in range(200)]
for e in ep:
    for o in ep:
        try: e.register(o.fileno(), select.EPOLLIN)
        except OSError as x: assert x.errno in (errno.ELOOP, errno.EINVAL), x
for e in ep: e.poll(0)
fd = libc.inotify_init()
os.mkdir('/tmp/w')
for i in range(70000):
    open('/tmp/w/f', 'w').close()
    if i == 0: assert libc.inotify_add_watch(fd, b'/tmp/w', 0xfff) > 0
n = libc.timerfd_create(1, 0)
assert n > 0
made = 0
ev = ctypes.create_string_buffer(64); tid = ctypes.c_int()
while made < 200000:
    if libc.syscall(222, 1, None, ctypes.byref(tid)) < 0:
        assert ctypes.get_errno() == errno.EAGAIN
        break
    made += 1
''', timeout=120)


@case
def umount_does_not_look_at_all_mounts():
    r = python('''
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x20000) == 0
libc.mount(None, b'/', None, 1 << 18 | 16384, None)
os.mkdir('/tmp/m'); os.chdir('/tmp/m')
made = 0
def up_to(n):
    global made
    while made < n:
        name = b'%d' % made
        os.mkdir(name)
        assert libc.mount(name, name, None, 4096, None) == 0, ctypes.get_errno()
        made += 1
def cost():
    """of 200 umounts, the best of five"""
    global made
    best = 1e9
    for i in range(5):
        start = time.monotonic()
        for j in range(200):
            made -= 1
            libc.umount(b'%d' % made)
        best = min(best, time.monotonic() - start)
        for j in range(200): os.rmdir(b'%d' % (made + j))
    return best
up_to(2000)
few = cost()
up_to(20000)
print(cost() < 3 * few)
''', timeout=120)
    equal(r.out, 'True\n', r.err)


@case
def mounts_and_namespaces():
    attacked('''
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
os.mkdir('/tmp/m')
libc.unshare(0x20000)
n = 0
while n < 300:
    if libc.mount(b'/tmp', b'/tmp/m', None, 4096, None): break
    n += 1
# Trees bound into themselves double with each call: Linux stops at fs.mount-max.
libc.mount(None, b'/', None, 1 << 20 | 16384, None)
n = 0
while n < 40:
    if libc.mount(b'/', b'/tmp/m', None, 4096 | 16384, None):
        assert ctypes.get_errno() in (errno.ENOSPC, errno.ENOMEM), ctypes.get_errno()
        break
    n += 1
assert n < 40, 'no end'
# Namespaces in namespaces.
for flag in (0x10000000, 0x20000000):
    for i in range(100):
        if libc.unshare(flag): break
        if flag == 0x20000000 and os.fork(): os.wait(); os._exit(0)
''', timeout=120)


main()
