# SPDX-License-Identifier: Apache-2.0
"""What the jobs of lib/jobs.py read; the same in every run."""
import random

from .prepare import write

N_TREE = 2000


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


def make(folder):
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
