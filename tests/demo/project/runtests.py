"""Runs the project's tests, a process each, and writes the outcomes into sqlite."""
import sqlite3
import subprocess
import sys

CASES = {
    'empty': ('', '0'),
    'one': ('word', '1'),
    'blanks': ('  a  b\tc\n', '3'),
    'many': ('x ' * 100000, '100000'),
}

db = sqlite3.connect(sys.argv[1])
db.execute('create table result(name text, outcome text)')
failed = 0
for name, (text, want) in CASES.items():
    got = subprocess.run(['./words'], input=text, capture_output=True, text=True).stdout.strip()
    failed += got != want
    db.execute('insert into result values (?, ?)', (name, 'ok' if got == want else 'FAIL'))
db.commit()
sys.exit(failed)
