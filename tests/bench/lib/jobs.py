# SPDX-License-Identifier: Apache-2.0
"""Whole jobs: wall time, and as `NAME_cpu` the CPU time of everything, the sandbox's own
processes included. Each starts in an empty folder; $IN is what lib/job_files.py made."""
import os
import shutil

from . import job_files, process

PYTHON = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else 'python3'

# name: programs that it needs, script
JOBS = {
    'gcc_5000_lines': ('gcc', 'gcc -O1 -c "$IN/big.c" -o big.o'),
    'make_j2': ('make gcc', 'cp -r "$IN/project" . && cd project && make -s -j2 && ./prog'),
    'git_commit_2000': ('git', 'cp -r "$IN/tree" w && cd w && git init -q && git add . && '
                        'git -c user.name=a -c user.email=a@b -c gc.auto=0 commit -qm one'),
    'tar_2000': ('tar', 'tar cf t.tar -C "$IN" tree'),
    'untar_2000': ('tar', 'tar xf "$IN/tree.tar"'),
    'sqlite_one_transaction': ('sqlite3', 'sqlite3 db < "$IN/one.sql"'),
    'sqlite_each_insert': ('sqlite3', 'sqlite3 db < "$IN/each.sql"'),
    'python_imports': ('python3', PYTHON + ' -c "import json, re, subprocess, hashlib, sqlite3, '
                       'argparse, http.client, unittest, decimal, asyncio"'),
    'python_compute': ('python3', PYTHON + ' -c "print(sum(i * i % 7 for i in range(5000000)))"'),
    'find_usr_share': ('find', 'find /usr/share -type f -size +1k | wc -l'),
    'sh_fork_exec': ('sh', 'for i in $(seq 50); do /bin/true; done'),
    'sh_subshells': ('sh', 'for i in $(seq 50); do ( : ); done'),
    'gzip_100m': ('gzip', 'gzip -1 -c "$IN/100m" > /dev/null'),
    'redis_unix': ('redis-server redis-benchmark redis-cli',
                   'redis-server --port 0 --unixsocket $PWD/s --save "" --appendonly no > log & '
                   'for i in 1 2 3 4 5 6 7 8 9 10; do [ -S s ] && break; sleep 0.2; done; '
                   'redis-benchmark -s $PWD/s -q -n 20000 -t set,get > /dev/null && '
                   'redis-cli -s $PWD/s shutdown nosave; wait'),
}
LONGEST = 60  # seconds
QUICK = ('gcc_5000_lines', 'tar_2000', 'python_imports')


def missing(name):
    return [p for p in JOBS[name][0].split() if not shutil.which(p)]


def prepare(folder):
    """Also reads once what jobs read and we did not write: later it is in the host's memory."""
    job_files.make(folder)
    for name in ('find_usr_share', 'python_imports'):
        if not missing(name):
            process.run(['sh', '-c', JOBS[name][1]], folder, 120)
    if not missing('tar_2000'):
        process.run(['tar', 'cf', folder + '/tree.tar', '-C', folder, 'tree'], folder, 60)


def measure(bench, system, name):
    work = bench.folder + '/work'
    shutil.rmtree(work, ignore_errors=True)
    os.mkdir(work)
    os.sync()  # nobody pays for what another wrote
    script = 'cd "%s" && IN="%s/jobs" && %s' % (work, bench.folder, JOBS[name][1])
    done = process.run(system.over_host + ['sh', '-c', script], work, bench.left(LONGEST),
                       bench.meter)
    shutil.rmtree(work, ignore_errors=True)
    if done.why and bench.time_is_up():
        return
    if done.why:
        bench.results.fail(system.name, [name, name + '_cpu'], done.why)
    else:
        bench.results.add(system.name, name, done.wall_ns)
        bench.results.add(system.name, name + '_cpu', done.cpu_ns)
