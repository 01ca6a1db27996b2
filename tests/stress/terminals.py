#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sandboxes on a real terminal: each test plays the terminal and the person before it."""
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time
import traceback

RUNSC = os.path.abspath(os.environ.get('RUNSC') or 'build/dev/bin/runsc-c')
BASH = ['/bin/bash', '--norc', '--noprofile', '-i']
LIMIT = 10.0  # seconds until something expected must have appeared


class Skip(Exception):
    pass


class Screen:
    """A program on a pty of 24 x 80; the slave stays open here, to look at its modes."""

    def __init__(self, argv, env=None):
        self.text = ''
        self.status = None
        self.master, self.slave = pty.openpty()
        self.resize(24, 80)
        self.before = termios.tcgetattr(self.slave)
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave, fd)
            os.closerange(3, 256)
            os.environ.update({'TERM': 'xterm', 'PS1': '$ ', 'HISTFILE': '/dev/null'})
            os.environ.update(env or {})
            os.execvp(argv[0], argv)

    def resize(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, cols, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, seconds):
        """What appears within @seconds, at most one read; None at the end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return ''
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return None
        return data.decode('utf-8', 'replace')

    def expect(self, pattern, limit=LIMIT):
        """Waits for @pattern (a regular expression); what came before it is forgotten."""
        end = time.time() + limit
        while True:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end():]
                return found
            left = end - time.time()
            more = self.read(left) if left > 0 else None
            if more is None or left <= 0:
                raise AssertionError('want %r, have %r' % (pattern, self.text[-400:]))
            self.add(more)

    def add(self, more):
        # What readline says before and after a line is no output.
        self.text = re.sub(r'\x1b\[\?2004[hl]\r?', '', self.text + more)

    def quiet(self, seconds=0.3):
        """Everything that still comes until nothing does for @seconds."""
        while True:
            more = self.read(seconds)
            if not more:
                text, self.text = self.text, ''
                return text
            self.add(more)

    def prompt(self):
        self.expect(r'\$ ')

    def run(self, command, want=None):
        """A line for a shell; its output must match."""
        self.type(command + '\r')
        self.expect(re.escape(command))
        if want is not None:
            return self.expect(want)

    def wait(self, limit=LIMIT):
        """The exit status, as a shell has it; output is read meanwhile."""
        end = time.time() + limit
        while self.status is None:
            if time.time() > end:
                raise AssertionError('does not end; last: %r' % self.text[-400:])
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            else:
                self.add(self.read(0.02) or '')
        self.text = self.quiet(0.05)
        return self.status

    def ends(self, status, limit=LIMIT):
        got = self.wait(limit)
        assert got == status, 'status %d, want %d; last: %r' % (got, status, self.text[-200:])

    def restored(self):
        now = termios.tcgetattr(self.slave)
        assert now[:4] == self.before[:4], 'modes %r, were %r' % (now[:4], self.before[:4])

    def close(self):
        for fd in (self.master, self.slave):
            try:
                os.close(fd)
            except OSError:
                pass
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            except OSError:
                pass


def sandbox(*argv, options=()):
    return Screen([RUNSC, 'do', *options, '--', *argv])


def shell():
    s = sandbox(*BASH)
    s.prompt()
    return s


def children(pid):
    with open('/proc/%d/task/%d/children' % (pid, pid)) as f:
        return [int(p) for p in f.read().split()]


def child_named(pid, name):
    for c in children(pid):
        with open('/proc/%d/comm' % c) as f:
            if f.read().strip() == name:
                return c
    raise AssertionError('no child %s' % name)


def need(program):
    if not shutil.which(program):
        raise Skip(program)


# --- what a shell does ---------------------------------------------------------------

def test_shell():
    s = shell()
    s.run('tty', r'\n/dev/pts/0')
    s.run('stty size', r'\n24 80')
    s.run('stty', r'speed 38400 baud')
    s.run('echo $((40+2))', r'\n42')
    s.run('test -t 0 -a -t 1 -a -t 2; echo all=$?', r'\nall=0')
    s.run('ps -o tty= -p $$ 2>/dev/null || echo no ps', r'pts/0|no ps')
    s.type('exit 7\r')
    s.ends(7)
    s.restored()
    return s


def test_line_editing():
    s = shell()
    s.type('echo wrong\x15echo riht\x02\x02g\r')  # ^U, ^B
    s.expect(r'\nright')
    s.type('\x1b[A\r')  # the line before
    s.expect(r'\nright')
    s.type('ech\t ok\r')
    s.expect(r'\nok')
    s.prompt()
    s.type('\x04')  # end of file ends the shell
    s.ends(0)
    return s


def test_job_control():
    s = shell()
    s.type('sleep 50\r')
    s.expect('sleep 50')
    time.sleep(0.3)
    s.type('\x1a')
    s.expect(r'Stopped +sleep 50')
    s.run('jobs', r'\[1\]\+ +Stopped')
    s.run('bg', r'sleep 50 &')
    s.run('jobs', r'Running')
    s.type('fg\r')
    s.expect(r'\nsleep 50')
    time.sleep(0.3)
    s.type('\x03')
    s.expect(r'\^C')
    s.run('echo rc=$?', r'\nrc=130')
    s.run('cat & sleep 1', r'\[1\] \d+')
    s.expect(r'Stopped +cat')
    s.type('fg\r')
    s.expect(r'\ncat')
    s.type('one line\r')
    s.expect(r'\none line')
    s.type('\x04')
    s.prompt()
    s.run('echo rc=$?', r'\nrc=0')
    s.type('exit\r')
    s.ends(0)
    return s


def test_interrupt_alone():
    """No shell: ^C ends the guest's init by its default action."""
    s = sandbox('/bin/sh', '-c', 'echo up; exec sleep 60')
    s.expect('up')
    time.sleep(0.3)
    s.type('\x03')
    s.ends(130)
    s.restored()
    return s


def test_quit_handler():
    s = sandbox('/bin/sh', '-c', 'trap "echo caught; exit 4" INT; echo up; while :; do sleep 0.1; done')
    s.expect('up')
    s.type('\x03')
    s.expect('caught')
    s.ends(4)
    return s


def test_resize():
    s = shell()
    s.run('trap "echo winch" WINCH; stty size', r'\n24 80')
    s.resize(40, 120)
    time.sleep(0.3)
    s.run('stty size', r'\n40 120')
    s.expect('winch') if 'winch' in s.text else None
    s.run('exit 0')
    s.ends(0)
    return s


def test_flow_control():
    s = sandbox('/bin/sh', '-c', 'stty ixon; i=0; while [ $i -lt 60 ]; do echo n$i; i=$((i+1)); sleep 0.01; done')
    s.expect('n5')
    s.type('\x13')
    time.sleep(0.3)
    s.quiet(0.2)
    assert s.quiet(0.5) == '', 'output while stopped'
    s.type('\x11')
    s.expect('n59')
    s.ends(0)
    return s


# --- output ------------------------------------------------------------------------------

def test_bulk_output():
    s = sandbox('/bin/sh', '-c', 'seq 1 60000; echo end of it')
    s.expect(r'end of it\r\n', 30)
    s.ends(0)
    return s


def test_bulk_is_complete():
    s = sandbox('/bin/sh', '-c', 'seq 1 30000')
    s.ends(0, 30)
    got = s.text.split('\r\n')
    want = [str(i) for i in range(1, 30001)] + ['']
    wrong = [i for i, (g, w) in enumerate(zip(got, want)) if g != w]
    assert got == want, '%d lines, first difference %r' % (
        len(got), got[wrong[0] - 1:wrong[0] + 2] if wrong else None)
    return s


def test_slow_reader():
    """Nobody reads for a while: the guest waits, and nothing is lost."""
    s = sandbox('/bin/sh', '-c', 'seq 1 50000')
    time.sleep(1)
    s.ends(0, 30)
    assert s.text.endswith('\r\n49999\r\n50000\r\n'), s.text[-40:]
    assert s.text.count('\n') == 50000
    return s


def test_bulk_input():
    s = sandbox('/bin/sh', '-c', 'stty raw -echo; echo ready; head -c 300000 | cksum')
    s.expect('ready')
    data = bytes(33 + i * 7 % 90 for i in range(300000))
    done = 0
    while done < len(data):
        if select.select([], [s.master], [], LIMIT)[1]:
            done += os.write(s.master, data[done:done + 1000])
    import subprocess
    want = subprocess.run(['cksum'], input=data, capture_output=True).stdout.split()[0]
    s.expect(want.decode(), 20)
    s.ends(0)
    return s


def test_last_words():
    for i in range(5):
        s = sandbox('/bin/sh', '-c', 'printf "word %d"; exit 3' % i)
        s.ends(3)
        assert s.text == 'word %d' % i, s.text
        s.close()


# --- programs that use the whole screen ------------------------------------------------------

def test_vim():
    need('vim')
    s = shell()
    s.run('cd /tmp && rm -f vimtest')
    s.type('vim -u NONE vimtest\r')
    s.expect(r'\x1b\[\?1049h|vimtest')
    time.sleep(0.5)
    s.type('ihello from vim\x1b')
    time.sleep(0.3)
    s.type(':wq\r')
    s.expect(r'written|\x1b\[\?1049l')
    s.prompt()
    s.run('cat vimtest', r'\nhello from vim')
    s.type('exit\r')
    s.ends(0)
    return s


def test_less():
    need('less')
    s = shell()
    s.type('seq 1 500 > /tmp/n; less /tmp/n\r')
    s.expect(r'\n?20\r')
    s.type('G')
    s.expect('500')
    s.type('g')
    time.sleep(0.2)
    s.type('/^123\r')
    s.expect('123')
    s.type('q')
    s.prompt()
    s.type('exit\r')
    s.ends(0)
    return s


def test_top():
    need('top')
    s = sandbox('/usr/bin/top', '-d', '1')
    s.expect('PID')
    s.type('q')
    s.ends(0)
    s.restored()
    return s


def test_python_repl():
    s = sandbox('/usr/bin/python3', '-q')
    s.expect('>>> ')
    s.type('6*7\r')
    s.expect(r'\n42')
    s.type('import os; os.ttyname(0), os.get_terminal_size().lines\r')
    s.expect(r"\('/dev/pts/0', 24\)")
    s.type('while True: pass\r\r')
    time.sleep(0.5)
    s.type('\x03')
    s.expect('KeyboardInterrupt\r\n>>> ')
    s.type('8*8\r')  # else it ends as by the interrupt
    s.expect('64\r\n>>> ')
    s.type('\x04')
    s.ends(0)
    s.restored()
    return s


def test_tmux():
    need('tmux')
    s = sandbox('tmux', '-L', 'x', '-f', '/dev/null', 'new-session', 'sh')
    s.expect(r'\[0\]')
    s.type('echo $((40+2))x\r')
    s.expect('42x')
    s.type('exit\r')
    s.expect('exited')
    s.ends(0)
    return s


def test_script_inside():
    need('script')
    s = sandbox('script', '-qec', 'tty; stty size', '/dev/null')
    s.expect('/dev/pts/1')
    s.expect('24 80')
    s.ends(0)
    return s


# --- suspending, and deaths -----------------------------------------------------------------

def host_shell():
    s = Screen(BASH)
    s.prompt()
    return s


def test_suspend():
    s = host_shell()
    s.type('%s do -- /bin/sh -c "echo up; read x; echo got \\$x"\r' % RUNSC)
    s.expect(r'\nup')
    time.sleep(0.2)
    s.type('\x1a')
    s.expect('Stopped')
    s.prompt()
    s.run('jobs', 'Stopped')
    s.type('fg\r')
    s.expect('runsc-c do')
    time.sleep(0.5)
    s.type('text\r')
    s.expect(r'\ngot text')
    s.prompt()
    s.run('echo rc=$?', r'\nrc=0')
    s.type('exit\r')
    s.wait()
    return s


def test_suspend_vim():
    need('vim')
    s = host_shell()
    s.type('%s do -- vim -u NONE /tmp/none\r' % RUNSC)
    s.expect(r'\x1b\[\?1049h|none')
    time.sleep(0.5)
    s.type('ibefore\x1b\x1a')
    s.expect('Stopped')
    s.prompt()
    s.type('fg\r')
    s.expect('before')
    s.type(':q!\r')
    s.prompt()
    s.run('echo rc=$?', r'\nrc=0')
    s.type('exit\r')
    s.wait()
    return s


def test_suspend_without_terminal():
    """Its streams are no terminal, but the shell's ^Z still means the job."""
    s = host_shell()
    s.type('%s do -- sh -c "echo up; sleep 1; echo done" </dev/null 2>&1 | cat\r' % RUNSC)
    s.expect(r'\nup')
    s.type('\x1a')
    s.expect('Stopped')
    s.prompt()
    time.sleep(1.5)
    assert 'done' not in s.quiet(), 'it went on while stopped'
    s.type('fg\r')
    s.expect(r'\ndone')
    s.prompt()
    s.type('exit\r')
    s.wait()
    return s


def test_background():
    s = host_shell()
    s.type('%s do -- /bin/sh -c "sleep 1; echo done; read x; echo got \\$x" &\r' % RUNSC)
    s.expect(r'\[1\] \d+')
    s.run('echo still here', r'\nstill here')
    s.expect('done')
    s.type('fg\r')
    s.expect('runsc-c do')
    time.sleep(1)
    s.type('text\r')
    s.expect(r'got text')
    s.prompt()
    s.type('exit\r')
    s.wait()
    return s


def test_sentry_killed():
    s = shell()
    os.kill(child_named(s.pid, 'runsc-sentry'), signal.SIGKILL)
    s.ends(125)
    s.restored()
    return s


def test_killed_outright():
    s = shell()
    assert termios.tcgetattr(s.slave)[3] & termios.ICANON == 0
    os.kill(s.pid, signal.SIGKILL)
    s.wait()
    time.sleep(0.3)
    s.restored()
    return s


def test_terminated():
    s = sandbox('/bin/sh', '-c', 'echo up; exec sleep 60')
    s.expect('up')
    os.kill(s.pid, signal.SIGTERM)
    s.ends(143)
    s.restored()
    return s


def test_terminal_goes():
    s = shell()
    s.run('trap "exit 1" HUP; sleep 100 &', r'\[1\]')
    os.close(s.slave)
    os.close(s.master)
    end = time.time() + LIMIT
    while time.time() < end:
        if os.waitpid(s.pid, os.WNOHANG)[0]:
            s.status = 0
            break
        time.sleep(0.05)
    assert s.status is not None, 'still runs without its terminal'
    return s


def test_only_some_streams():
    s = Screen(['/bin/sh', '-c', 'echo data | %s do -- sh -c "cat; tty; tty <&1" | cat' % RUNSC])
    s.expect('data')
    s.expect('not a tty')
    s.wait()
    s.close()
    s = Screen(['/bin/sh', '-c', 'echo data | %s do -- sh -c "cat; tty <&1"' % RUNSC])
    s.expect('data')
    s.expect('/dev/pts/0')
    s.ends(0)
    return s


def main():
    tests = {n[5:]: f for n, f in globals().items() if n.startswith('test_')}
    passed = failed = skipped = 0
    os.chdir(tempfile.gettempdir())
    for name in sys.argv[1:] or tests:
        s, start = None, time.time()
        try:
            s = tests[name]()
            passed += 1
            print('ok   %s (%.1f s)' % (name, time.time() - start), flush=True)
        except Skip as e:
            skipped += 1
            print('skip %s: needs %s' % (name, e), flush=True)
        except Exception as e:
            failed += 1
            where = traceback.extract_tb(e.__traceback__)[1]
            print('FAIL %s: line %d: %s' % (name, where.lineno, e), flush=True)
        finally:
            if s:
                s.close()
    print('%d passed, %d failed, %d skipped' % (passed, failed, skipped))
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
