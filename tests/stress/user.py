#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""As an ordinary user, with user namespaces and without: it works, and says once which walls
are missing. Run as root, it becomes nobody for this."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from stress import *  # noqa: F403

PYTHON = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else sys.executable
UID = 65534 if os.geteuid() == 0 else os.geteuid()
GID = 65534 if os.geteuid() == 0 else os.getegid()


class AsUser:
    """The three programs in a place of the user's, and a way to run them as that user."""

    def __enter__(self):
        self.scratch = Scratch().__enter__()
        for name in NAMES:
            path = self.scratch.at(name)
            shutil.copy(os.path.join(os.path.dirname(RUNSC), name), path)
            os.chmod(path, 0o755)
        os.mkdir(self.scratch.at('home'))
        if os.geteuid() == 0:
            os.chown(self.scratch.at('home'), UID, GID)
        self.home = self.scratch.at('home')
        return self

    def __exit__(self, *args):
        self.scratch.__exit__(*args)

    def do(self, *args, prefix=(), **more):
        if os.geteuid() == 0:
            more.update(user=UID, group=GID, extra_groups=[])
        more.setdefault('stdin', subprocess.DEVNULL)
        done = subprocess.run(list(prefix) + [self.scratch.at('runsc-c'), 'do'] + list(args),
                              cwd=self.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60, **more)
        return Done(status_of(done.returncode), done.stdout.decode(), done.stderr.decode(), 0)


def user_namespaces(u):
    try:
        subprocess.run(['unshare', '-Ur', 'true'], check=True, stderr=subprocess.DEVNULL,
                       **({'user': UID, 'group': GID, 'extra_groups': []}
                          if os.geteuid() == 0 else {}))
    except (OSError, subprocess.CalledProcessError):
        raise Skip('no user namespaces for users here') from None



def forbidden(u, *args):
    """`do ARGS` where the host refuses user namespaces: a seccomp filter says EPERM."""
    return u.do(*args, prefix=[PYTHON, '-c', NO_USERNS])


# clone with CLONE_NEW*, unshare and clone3 at all: as container engines filter them.
NO_USERNS = r'''
import ctypes, os, struct, sys
def op(code, jt, jf, k): return struct.pack('HBBI', code, jt, jf, k)
prog = b''.join([
    op(0x20, 0, 0, 0),                # the number
    op(0x15, 0, 1, 435), op(0x06, 0, 0, 0x50000 | 38),
    op(0x15, 0, 1, 272), op(0x06, 0, 0, 0x50000 | 1),
    op(0x15, 0, 3, 56),
    op(0x20, 0, 0, 16),               # the flags
    op(0x45, 0, 1, 0x7e020000), op(0x06, 0, 0, 0x50000 | 1),
    op(0x06, 0, 0, 0x7fff0000)])
buf = ctypes.create_string_buffer(prog, len(prog))
fprog = struct.pack('HxxxxxxQ', len(prog) // 8, ctypes.addressof(buf))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, fprog, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
'''


@case
def is_the_caller():
    with AsUser() as u:
        user_namespaces(u)
        r = u.do('--', 'sh', '-c', 'id -u; id -g; cat /proc/self/uid_map | tr -s " "')
        equal(r.status, 0, r.err)
        equal(r.out.split()[:2], [str(UID), str(GID)])
        equal(r.err, '', 'with user namespaces no wall is missing:')


@case
def strict_is_content_with_namespaces():
    with AsUser() as u:
        user_namespaces(u)
        equal(u.do('--strict', '--', 'true').status, 0)


@case
def rights_of_the_caller():
    with AsUser() as u:
        user_namespaces(u)
        if UID:
            r = u.do('--', 'cat', '/etc/shadow')
            check(r.status == 1 and 'Permission denied' in r.err, r)
            r = u.do('--user', '0', '--', 'cat', '/etc/shadow')
            check(r.status == 1, 'root inside reads what the caller may not', r)
        r = u.do('--volume', u.home + ':/mnt:rw', '--', 'sh', '-c', 'echo hi > /mnt/new')
        equal(r.status, 0, r.err)
        equal(os.stat(os.path.join(u.home, 'new')).st_uid, UID)


@case
def root_over_the_private_layer():
    with AsUser() as u:
        user_namespaces(u)
        r = u.do('--user', '0', '--', 'sh', '-ec', '''
id -u
echo new > /etc/hostname.new
chown 12:34 /etc/hostname.new
stat -c %u:%g /etc/hostname.new
mkdir /usr/place && touch /usr/place/f && chmod 4755 /usr/place/f && stat -c %a /usr/place/f
rm /etc/passwd && ! test -e /etc/passwd
mount -t tmpfs none /mnt && touch /mnt/x && ls /mnt
''')
        equal((r.status, r.out.split()), (0, ['0', '12:34', '4755', 'x']), r.err)
        check(os.path.exists('/etc/passwd') and not os.path.exists('/etc/hostname.new'), 'host changed')


@case
def without_user_namespaces():
    with AsUser() as u:
        r = forbidden(u, '--', 'sh', '-c', 'id -u; echo x > /tmp/f; cat /tmp/f; (exit 3); echo $?')
        equal((r.status, r.out.split()), (0, [str(UID), 'x', '3']), r.err)
        walls = [line for line in r.err.splitlines() if 'without' in line]
        check(len(walls) == len(set(walls)), 'a wall is named twice:', r.err)
        check(any('user namespace' in w for w in walls), r.err)
        equal(len(walls), len(r.err.splitlines()), r.err)
        r = forbidden(u, '--user', '0', '--', 'sh', '-c', 'id -u; touch /etc/x; chown 5 /etc/x; stat -c %u /etc/x')
        equal(r.out.split(), ['0', '5'], r.err)


XATTRS = '''
import errno, os, sys, threading
os.chdir(sys.argv[1])
wrong = []
def work(me):
    name = 'd%d/f' % me
    os.mkdir('d%d' % me)
    open(name, 'w').close()
    try:
        for i in range(2000):
            os.setxattr(name, 'user.who', b'%d %d' % (me, i))
            if os.getxattr(name, 'user.who') != b'%d %d' % (me, i):
                wrong.append((me, i))
    except OSError as e:
        wrong.append(e)
threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
for t in threads: t.start()
for t in threads: t.join()
print(wrong)
'''


@case
def attributes_without_unshare():
    """The Gofer's threads share one working directory then, and attributes are reached by it."""
    with AsUser() as u:
        try:
            os.setxattr(u.home, 'user.who', b'me')
        except OSError as why:
            raise Skip('no extended attributes here: %s' % why) from None
        r = forbidden(u, '--volume', u.home + ':/mnt:rw', '--', 'python3', '-c', XATTRS, '/mnt')
        equal((r.status, r.out), (0, '[]\n'), r.err)
        equal(os.getxattr(os.path.join(u.home, 'd3/f'), 'user.who'), b'3 1999')


@case
def without_them_strict_refuses():
    with AsUser() as u:
        r = forbidden(u, '--strict', '--', 'echo', 'ran')
        equal((r.status, r.out), (125, ''), r.err)
        check('--strict' in r.err and 'user namespace' in r.err, r.err)


@case
def kills_without_pid_namespace():
    """Without a PID namespace nothing ends with its first process by itself."""
    with AsUser() as u:
        for victim in NAMES:
            more = {'user': UID, 'group': GID, 'extra_groups': []} if os.geteuid() == 0 else {}
            child = subprocess.Popen(
                [PYTHON, '-c', NO_USERNS, u.scratch.at('runsc-c'), 'do', '--', 'sh', '-c',
                 'sleep 30 & sleep 31 & (sleep 32; true) & wait'], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd='/', **more)
            time.sleep(1.2)
            ours = descendants(child.pid)
            for pid in [child.pid] + ours:
                if name_of(pid) == victim:
                    os.kill(pid, 9)
                    break
            else:
                raise AssertionError('no ' + victim)
            child.wait(10)
            check(wait_until(lambda: not any(alive(p) for p in ours), 2), victim, 'left:',
                  [(p, name_of(p)) for p in ours if alive(p)])


main()
