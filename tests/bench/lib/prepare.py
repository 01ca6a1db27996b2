# SPDX-License-Identifier: Apache-2.0
"""The folder that a run works in: micro/ (what tests/bench/micro/main.c expects), root/
and config.json (an OCI bundle of one program), state/ (of the peers); jobs/ makes lib/job_files.py."""
import fnmatch
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


# Folders of many files take seconds: made for the rows (patterns) that read them.
FOLDERS = (('open', N_NAMES, 'open_close_10k*'), ('stat', N_NAMES, 'stat_10k*'),
           ('e1', 1, 'entries_1'), ('e10', 10, 'entries_10'), ('e1000', 1000, 'entries_1000'),
           ('e1000', 1000, 'getdents_1000'))


def micro(folder, rows):
    os.makedirs(folder + '/volume')
    shutil.copy(BUILT + '/tiny', folder)
    with open(folder + '/file', 'wb') as f:
        f.write(b'f' * (1 << 20))
    for name, n, pattern in FOLDERS:
        if fnmatch.filter(rows, pattern) and not os.path.exists('%s/%s' % (folder, name)):
            empty_files('%s/%s' % (folder, name), n)
    if fnmatch.filter(rows, 'mounts_*'):
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


def prepare(folder, rows):
    """For the named rows."""
    micro(folder + '/micro', rows)
    bundle(folder)
