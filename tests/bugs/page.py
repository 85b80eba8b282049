# SPDX-License-Identifier: MIT
"""The table of docs/bugs.md: museum.py --update writes it, everybody reads it back."""
import re

from places import PAGE
from record import RANKS

# How the page calls a set; behind its titles, with the verdict of the first run.
CALLED = {'blind': 'second set', 'third': 'third set'}
MARK = re.compile(r' \((second set|third set), at first (named|partly|not named)\) \|')
# What stands in its two scores: how it was written, and what was done since it first ran.
WORDS = {'second set': ('written without knowledge of the messages',
                        ', after its bugs were read and messages mended that they had '
                        'shown to be poor'),
         'third set': ('written without knowledge of the messages after the '
                       'diagnostics that the second set asked for',
                       ', after its bugs were read as well')}
BEGIN, END = '<!-- museum: begin -->', '<!-- museum: end -->'
ROW = re.compile(r'^\| \[([\w-]+)\]\([^)]*\) \|.*\| (named|partly|not named) \|', re.M)

LONGEST = 160


def masked(text):
    """Without what changes from build to build: addresses, offsets, line numbers."""
    text = re.sub(r'\bV:(0x)?[0-9a-fA-F]{5,}\b', 'V:…', text)
    text = re.sub(r'\b(0x)?[0-9a-fA-F]{9,16}\b', '…', text)
    text = re.sub(r'\+0x[0-9a-f]+|(?<=\.[ch])(:\d+)+', '', text)
    text = re.sub(r'\S*(check-\w+): \S+: ', r'\1: ', text)
    return text if len(text) <= LONGEST else text[:LONGEST] + ' …'


def cell(text):
    return text.replace('|', '\\|').replace('<', '&lt;')


def without(bug):
    on_qemu, on_bochs = cell(bug.without['qemu']), cell(bug.without['bochs'])
    if on_qemu == on_bochs:
        return on_qemu
    return f'QEMU: {on_qemu}<br>Bochs: {on_bochs}'


def ranks(found):
    return ', '.join(f'{found.count(rank)} {rank}' for rank in RANKS)


def count(rows):
    """The score of table lines."""
    found = [rank for _, rank in ROW.findall('\n'.join(rows))]
    caught = sum(not line.endswith('| nothing |') for line in rows)
    return f'{len(rows)} bugs: {ranks(found)}; {caught} caught by the ordinary suite'


def score(rows):
    """One line for the first set and two for each other, where they have rows."""
    marks = [MARK.search(line) for line in rows]
    first = [line for line, mark in zip(rows, marks) if not mark]
    lines = [count(first)] if first else []
    for called, (written, since) in WORDS.items():
        its = [line for line, mark in zip(rows, marks) if mark and mark[1] == called]
        at_first = [mark[2] for mark in marks if mark and mark[1] == called]
        if its:
            lines += [f'{called}, {written}, when it first ran: {len(its)} bugs: '
                      + ranks(at_first), f'{called} now{since}: {count(its)}']
    return lines


def first_verdict(verdict):
    """A bug whose record has no verdict yet runs for the first time."""
    bug = verdict.bug
    if bug.set not in CALLED:
        return ''
    return f' ({CALLED[bug.set]}, at first {bug.blind or verdict.rank})'


def row(verdict):
    bug = verdict.bug
    says = f'`{masked(verdict.message)}`'.replace('|', '\\|')
    return (f'| [{bug.name}](../tests/bugs/{bug.name}.patch) | '
            f'{cell(bug.title)}{first_verdict(verdict)} | '
            f'{without(bug)} | {says} | {verdict.rank} | '
            f'{", ".join(verdict.caught_by[:3]) or "nothing"} |')


def table(rows):
    return '\n'.join([*(f'{line}.\n' for line in score(rows)),
                      '| bug | the mistake | without help | what is said | verdict '
                      '| caught by |',
                      '|---|---|---|---|---|---|', *rows])


def read():
    with open(PAGE, encoding='utf-8') as file:
        return file.read()


def published():
    """{name: verdict} as the page has it."""
    try:
        return dict(ROW.findall(read()))
    except FileNotFoundError:
        return {}


def update(verdicts, names):
    """Renews the rows of the verdicts, but of bugs that were not run; others stay while
    their bug is in names."""
    text = read()
    head, rest = text.split(BEGIN)
    old, tail = rest.split(END)
    rows = {found[1]: line for line in old.split('\n') if (found := ROW.match(line))}
    rows.update({verdict.bug.name: row(verdict) for verdict in verdicts
                 if verdict.rank in RANKS})
    lines = [rows[name] for name in names if name in rows]
    with open(PAGE, 'w', encoding='utf-8') as file:
        file.write(f'{head}{BEGIN}\n{table(lines)}\n{END}{tail}')
