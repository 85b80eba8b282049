# SPDX-License-Identifier: MIT
"""The table of docs/bugs.md: museum.py --update writes it, everybody reads it back."""
import re

from places import PAGE
from record import RANKS

# Behind the titles of Set: blind, with the verdict of the first run.
SECOND = re.compile(r' \(second set, at first (named|partly|not named)\) \|')
BEGIN, END = '<!-- museum: begin -->', '<!-- museum: end -->'
ROW = re.compile(r'^\| \[([\w-]+)\]\([^)]*\) \|.*\| (named|partly|not named) \|', re.M)

LONGEST = 160


def masked(text):
    """Without what changes from build to build: addresses, offsets, line numbers."""
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
    """One line for the first set and two for the second, where they have rows."""
    blind = [line for line in rows if SECOND.search(line)]
    first = [line for line in rows if not SECOND.search(line)]
    lines = [count(first)] if first else []
    if blind:
        at_first = ranks([SECOND.search(line)[1] for line in blind])
        lines += ['second set, written without knowledge of the messages, when it first '
                  f'ran: {len(blind)} bugs: {at_first}',
                  'second set now, after its bugs were read and messages mended that '
                  f'they had shown to be poor: {count(blind)}']
    return lines


def first_verdict(bug):
    return f' (second set, at first {bug.blind})' if bug.set == 'blind' else ''


def row(verdict):
    bug = verdict.bug
    says = f'`{masked(verdict.message)}`'.replace('|', '\\|')
    return (f'| [{bug.name}](../tests/bugs/{bug.name}.patch) | '
            f'{cell(bug.title)}{first_verdict(bug)} | '
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
