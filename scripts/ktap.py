# SPDX-License-Identifier: MIT
"""What a kernel said on COM1: KTAP lines, the verified closing line, the JSON report.

Only a kernel that ran the tests can print the right closing line: its sum covers the
nonce it was given and every name with its outcome.
"""
import json
import re
from dataclasses import dataclass, field

CLOSING = re.compile(r'^# plinth: tests=(\d+) failed=(\d+) skipped=(\d+) nonce=(\S*) '
                     r'sum=([0-9a-f]{16})$', re.M)
DEATH = re.compile(r'^plinth: ([A-Z]{1,3}-\d{2,}|S1 [CD])\b[^\n]*', re.M)
TEST = re.compile(r'^(ok|not ok) (\d+) (\S+)(?: # SKIP(?: (.*))?)?$')


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


@dataclass
class Ktap:
    """One run. `problems` is empty exactly when it can be believed."""
    # (name, 'ok' | 'not ok' | 'skip', reason)
    tests: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    closed: bool = False

    def named(self, outcome):
        return [name for name, result, _ in self.tests if result == outcome]

    @property
    def failed(self):
        return self.named('not ok')

    @property
    def skipped(self):
        return {name: reason for name, result, reason in self.tests if result == 'skip'}


def closing_sum(nonce, tests):
    lines = [f'nonce={nonce}\n'] + [f'{name}:{result}\n' for name, result, _ in tests]
    return fnv1a(''.join(lines).encode('ascii', 'replace'))


def plain(text):
    """Terminal line ends to newlines; a lone CR starts the line over."""
    return text.replace('\r\n', '\n').replace('\r', '\n')


def parse(serial, nonce=None):
    """The last complete or incomplete run in the text; None when no run began."""
    lines = plain(serial).split('\n')
    starts = [i for i, line in enumerate(lines) if line == 'KTAP version 1']
    if not starts:
        return None
    run, plan, closing = Ktap(), None, None
    for line in lines[starts[-1] + 1:]:
        test = TEST.match(line)
        if closing:
            if test:
                run.problems.append(f'a test line after the closing line: {line}')
        elif test:
            outcome, number, name, reason = test.groups()
            if int(number) != len(run.tests) + 1:
                run.problems.append(f'{name}: number {number} instead of '
                                    f'{len(run.tests) + 1}')
            if '# SKIP' in line:
                outcome = 'skip'
            run.tests.append((name, outcome, reason or ''))
        elif re.fullmatch(r'1\.\.\d+', line) and plan is None:
            plan = int(line[3:])
        elif CLOSING.match(line):
            closing = CLOSING.match(line).groups()
            run.closed = True
        elif line.startswith(('ok ', 'not ok ')):
            run.problems.append(f'not a KTAP line: {line}')
        elif line.startswith('# '):
            run.notes.append(line[2:])
    check_run(run, plan, closing, nonce)
    return run


def check_run(run, plan, closing, nonce):
    if plan != len(run.tests):
        run.problems.append(f'plan of {plan}, {len(run.tests)} tests reported')
    if not closing:
        run.problems.append('no closing line')
        return
    tests, failed, skipped = map(int, closing[:3])
    counts = len(run.tests), len(run.failed), len(run.skipped)
    if (tests, failed, skipped) != counts:
        run.problems.append(f'closing line counts {tests}/{failed}/{skipped}, '
                            f'the lines above {"/".join(map(str, counts))}')
    if nonce is not None and closing[3] != str(nonce):
        run.problems.append(f'nonce {closing[3]} instead of {nonce}')
    wanted = closing_sum(closing[3], run.tests)
    if int(closing[4], 16) != wanted:
        run.problems.append(f'sum {closing[4]} instead of {wanted:016x}')


def report(serial):
    """The last `report=json` line as a dict; None when there is none."""
    found = re.findall(r'^\{"plinth":1,.*\}$', plain(serial), re.M)
    return json.loads(found[-1]) if found else None


def death(text):
    """(code, whole line) of the death that ended a run, or None.

    Tests may provoke deaths and survive them: those stand before a later test line.
    """
    text, last = plain(text), 0
    for line in re.finditer(r'^(ok|not ok) \d+ .*$|' + CLOSING.pattern, text, re.M):
        last = line.end()
    found = DEATH.search(text, last)
    return (found.group(1), found.group(0)) if found else None
