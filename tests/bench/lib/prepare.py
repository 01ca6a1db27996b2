# SPDX-License-Identifier: Apache-2.0
"""The folder that a run works in: micro/ (what tests/bench/micro/main.c expects), root/
and config.json (an OCI bundle of one program), state/ (of the peers); jobs/ makes lib/job_files.py."""
import json
import os
import shutil

from .systems import BUILT

N_NAMES = 10000


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)


def empty_files(folder, n):
    os.makedirs(folder)
    for i in range(n):
        os.close(os.open('%s/%d' % (folder, i), os.O_CREAT | os.O_WRONLY, 0o644))


def micro(folder):
    os.makedirs(folder + '/volume')
    shutil.copy(BUILT + '/tiny', folder)
    with open(folder + '/file', 'wb') as f:
        f.write(b'f' * (1 << 20))
    for name, n in (('open', N_NAMES), ('stat', N_NAMES), ('e1', 1), ('e10', 10), ('e1000', 1000)):
        empty_files('%s/%s' % (folder, name), n)
    for i in range(1000):
        os.makedirs('%s/mnt/%d' % (folder, i))


def bundle(folder):
    for name in ('proc', 'dev', 'sys', 'tmp'):
        os.makedirs('%s/root/%s' % (folder, name))
    shutil.copy(BUILT + '/tiny', folder + '/root')
    spaces = ('pid', 'mount', 'ipc', 'uts', 'network')
    write(folder + '/config.json', json.dumps({
        'ociVersion': '1.0.2',
        'process': {'user': {'uid': 0, 'gid': 0}, 'args': ['/tiny'], 'env': ['PATH=/'], 'cwd': '/'},
        'root': {'path': 'root'},
        'mounts': [{'destination': '/proc', 'type': 'proc', 'source': 'proc'}],
        'linux': {'namespaces': [{'type': s} for s in spaces]},
    }))


def prepare(folder):
    micro(folder + '/micro')
    bundle(folder)
