# SPDX-License-Identifier: MIT
"""The table of docs/bugs.md: museum.py --update writes it, everybody reads it back."""
import re

from places import PAGE

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


def score(verdicts):
    count = {rank: sum(v.rank == rank for v in verdicts)
             for rank in ('named', 'partly', 'not named')}
    caught = sum(bool(v.caught_by) for v in verdicts)
    return (f'{len(verdicts)} bugs: {count["named"]} named, {count["partly"]} partly, '
            f'{count["not named"]} not named; {caught} caught by the ordinary suite')


def table(verdicts):
    lines = [score(verdicts) + '.', '',
             '| bug | the mistake | without help | what is said | verdict | caught by |',
             '|---|---|---|---|---|---|']
    for verdict in verdicts:
        bug = verdict.bug
        says = f'`{masked(verdict.message)}`'.replace('|', '\\|')
        lines.append(
            f'| [{bug.name}](../tests/bugs/{bug.name}.patch) | {cell(bug.title)} | '
            f'{without(bug)} | {says} | {verdict.rank} | '
            f'{", ".join(verdict.caught_by[:3]) or "nothing"} |')
    return '\n'.join(lines)


def read():
    with open(PAGE, encoding='utf-8') as file:
        return file.read()


def published():
    """{name: verdict} as the page has it."""
    try:
        return dict(ROW.findall(read()))
    except FileNotFoundError:
        return {}


def update(verdicts):
    text = read()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    with open(PAGE, 'w', encoding='utf-8') as file:
        file.write(f'{head}{BEGIN}\n{table(verdicts)}\n{END}{tail}')
