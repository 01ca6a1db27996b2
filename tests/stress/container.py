#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Inside an unprivileged container (podman, no network, no device, its default capabilities or
none): a sandbox runs on systrap, and names once each wall that the container takes from it.
PODMAN_RUNTIME names the OCI runtime; else the first that works here is taken."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from stress import *  # noqa: F403

PROFILES = ('/usr/share/containers/seccomp.json', '/etc/containers/seccomp.json')
# What Docker's profile allows only to who has CAP_SYS_ADMIN; podman's allows it to everybody.
ADMIN = {'clone', 'clone3', 'unshare', 'setns', 'mount', 'umount', 'umount2', 'pivot_root', 'fsopen',
         'fsconfig', 'fsmount', 'fspick', 'move_mount', 'open_tree', 'mount_setattr'}
NAMESPACES = 0x7e020000  # CLONE_NEW*, but for time


def static_busybox():
    path = shutil.which('busybox')
    if not path or subprocess.run(['ldd', path], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL).returncode == 0:
        raise Skip('no static busybox (make deps-ladder)')
    return path


class Container:
    """A root file system with our programs and a shell, and podman with all of its state beside it."""

    def __enter__(self):
        if not shutil.which('podman'):
            raise Skip('no podman (make deps-ladder)')
        if os.geteuid():
            raise Skip('only root may start it here')
        busybox = static_busybox()
        self.groups = self.podman_groups()
        self.scratch = Scratch().__enter__()
        for name in ('bin', 'proc', 'sys', 'dev', 'etc', 'tmp', 'run', 'var/tmp'):
            os.makedirs(self.scratch.at('fs', name))
        os.chmod(self.scratch.at('fs/tmp'), 0o1777)
        shutil.copy(busybox, self.scratch.at('fs/bin/busybox'))
        for name in ('sh', 'cat', 'echo', 'id', 'ls', 'sleep', 'true', 'seq', 'wc'):
            os.symlink('busybox', self.scratch.at('fs/bin', name))
        for name in NAMES:
            shutil.copy(os.path.join(os.path.dirname(RUNSC), name), self.scratch.at('fs', name))
        try:
            self.runtime = self.find_runtime()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *args):
        subprocess.run(self.podman('rm', '-fa'), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.scratch.__exit__(*args)
        for group in self.podman_groups() - self.groups:
            try:
                os.rmdir(group)
            except OSError:
                pass

    @staticmethod
    def podman_groups():
        top = '/sys/fs/cgroup'
        found = {os.path.join(top, 'libpod_parent')}
        found |= {os.path.join(top, d, 'libpod_parent') for d in os.listdir(top)}
        return {path for path in found if os.path.isdir(path)}

    def podman(self, *args):
        state = [x for name in ('root', 'runroot', 'tmpdir')
                 for x in ('--' + name, self.scratch.at('podman', name))]
        return ['podman', '--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs'] + state + list(args)

    def find_runtime(self):
        wanted = os.environ.get('PODMAN_RUNTIME')
        for runtime in [wanted] if wanted else ['crun', 'runc']:
            done = self.run('/bin/true', runtime=runtime)
            if done.status == 0:
                return runtime
        raise Skip('podman starts no container here: ' + done.err[-200:])

    def run(self, *command, options=(), runtime=None):
        argv = self.podman('--runtime', runtime or self.runtime, 'run', '--rm', '--network', 'none',
                           '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096', *options,
                           '--rootfs', self.scratch.at('fs'), *command)
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60)
        return Done(status_of(done.returncode), done.stdout.decode(errors='replace'),
                    done.stderr.decode(errors='replace'), 0)

    def as_docker(self):
        """Options for a profile like Docker's: namespaces and mounts are for CAP_SYS_ADMIN."""
        found = [p for p in PROFILES if os.path.exists(p)]
        if not found:
            raise Skip('no seccomp profile to start from')
        with open(found[0]) as f:
            profile = json.load(f)
        for rule in profile['syscalls']:
            rule['names'] = [n for n in rule['names'] if n not in ADMIN]
        profile['syscalls'] = [r for r in profile['syscalls'] if r['names']] + [
            {'names': ['clone'], 'action': 'SCMP_ACT_ALLOW',
             'args': [{'index': 0, 'value': NAMESPACES, 'valueTwo': 0, 'op': 'SCMP_CMP_MASKED_EQ'}]},
            {'names': ['clone3'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 38}]
        path = self.scratch.write('docker.json', json.dumps(profile))
        return ['--security-opt', 'seccomp=' + path]


WORK = ('id -u; echo x > /tmp/f; cat /tmp/f; for i in $(seq 50); do (exit 3); echo $?; done | wc -l; '
        'ls / | cat | wc -l')


def works(c, options=(), want_walls=()):
    """A sandbox on systrap does ordinary work; stderr has these walls and nothing else."""
    r = c.run('/runsc-c', 'do', '--platform', 'systrap', '--', '/bin/sh', '-c', WORK, options=options)
    check(r.status == 0 and r.out.split()[1:3] == ['x', '50'], r)
    lines = r.err.splitlines()
    equal(len(lines), len(want_walls), r.err)
    for line, wall in zip(lines, want_walls):
        check(line.startswith('runsc-c: warning: this sandbox runs without ') and wall in line, r.err)


@case
def as_it_is():
    with Container() as c:
        works(c)
        works(c, ['--user', '1000:1000'])
        r = c.run('/runsc-c', 'do', '--strict', '--', '/bin/echo', 'every wall stands')
        equal((r.status, r.out), (0, 'every wall stands\n'), r.err)


@case
def probes():
    """Neither CAP_SYS_PTRACE nor CAP_SYS_ADMIN is needed for any floor."""
    with Container() as c:
        for options in ([], c.as_docker()):
            r = c.run('/runsc-c', 'probe', '--json', options=options)
            equal((r.status, r.err), (0, ''))
            found = json.loads(r.out)
            check(found['platforms'][0]['ok'], found['platforms'])
            if found['host']['cpus'] > 1:
                equal([f for f in found['floors'] if 'error' in f], [])


LOST = ['a user namespace', 'network, IPC and UTS namespaces', 'a PID namespace', 'an empty root']


@case
def without_capabilities():
    """A user needs none. Root may not even become nobody, so there is no user namespace for it."""
    bare = ['--cap-drop', 'all', '--security-opt', 'no-new-privileges']
    with Container() as c:
        works(c, bare + ['--user', '1000:1000'])
        works(c, bare, LOST + ['an unprivileged user id'])


@case
def as_in_docker():
    """No namespaces at all: Landlock, seccomp and ids are what is left."""
    with Container() as c:
        docker = c.as_docker()
        works(c, docker + ['--user', '1000:1000'], LOST)
        works(c, docker, LOST)
        works(c, docker + ['--cap-drop', 'all'], LOST + ['an unprivileged user id'])
        r = c.run('/runsc-c', 'do', '--strict', '--', '/bin/echo', 'ran', options=docker)
        equal((r.status, r.out), (125, ''), r.err)
        check('--strict' in r.err and 'user namespace' in r.err, r.err)


main()
