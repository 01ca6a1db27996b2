# SPDX-License-Identifier: Apache-2.0
"""The folder that a run works in: micro/ (what tests/bench/micro/main.c expects), root/
and config.json (an OCI bundle of one program), jobs/ (what jobs read), state/ (of the peers)."""
import json
import os
import random
import shutil

from .systems import BUILT

N_NAMES = 10000
N_TREE = 2000


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


def c_source(n, lines):
    """About LINES lines of C with something to compile in them."""
    text = '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n'
    for k in range(lines // 10):
        text += '''
int f%d_%d(int x, const char *s)
{
	int sum = %d;

	for (int i = 0; i < x; i++)
		sum += s[i] * %d + (sum >> 3);
	return sum ^ (int)strlen(s);
}
''' % (n, k, k, k % 7 + 1)
    return text


def jobs(folder):
    rnd = random.Random(1)
    words = [''.join(rnd.choices('abcdefghijklmnopqrstuvwxyz', k=rnd.randint(2, 10)))
             for _ in range(4000)]
    text = ' '.join(rnd.choices(words, k=200000))[:1 << 20]
    write(folder + '/big.c', c_source(0, 5000))
    for i in range(12):
        write('%s/project/f%d.c' % (folder, i), c_source(i, 300))
    write(folder + '/project/main.c', 'int f1_1(int, const char *);\n'
          'int main(void)\n{\n\treturn f1_1(1, "x") < 0;\n}\n')
    write(folder + '/project/Makefile', 'OBJ := main.o $(patsubst %,f%.o,0 1 2 3 4 5 6 7 8 9 10 11)\n'
          'prog: $(OBJ)\n\tgcc -o $@ $^\n%.o: %.c\n\tgcc -O1 -c -o $@ $<\n')
    for i in range(N_TREE):
        write('%s/tree/d%d/f%d' % (folder, i % 50, i), text[i * 400:i * 400 + 1500 + i % 2000])
    with open(folder + '/100m', 'w') as f:
        for _ in range(100):
            f.write(text)
    insert = "INSERT INTO t(a, b) VALUES (%d, 'value %d');\n"
    table = 'CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT);\n'
    write(folder + '/one.sql', table + 'BEGIN;\n' +
          ''.join(insert % (i, i) for i in range(20000)) + 'COMMIT;\n')
    write(folder + '/each.sql', table + ''.join(insert % (i, i) for i in range(200)))


def prepare(folder, with_jobs):
    micro(folder + '/micro')
    bundle(folder)
    if with_jobs:
        jobs(folder + '/jobs')
