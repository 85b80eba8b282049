# SPDX-License-Identifier: MIT
"""All scenarios, in the order of the table.

  /usr/bin/python3 tests/firmware/hostile_table.py      writes the table into README.md
"""
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), 'scripts'))

import hostile_disk   # noqa: E402  (need the path above)
import hostile_entry   # noqa: E402
import hostile_found   # noqa: E402
import hostile_image   # noqa: E402
import hostile_memory   # noqa: E402

README = os.path.join(HERE, 'README.md')
BEGIN, END = '<!-- table begins -->\n', '<!-- table ends -->\n'
CASES = [*hostile_entry.CASES, *hostile_disk.CASES, *hostile_memory.CASES,
         *hostile_image.CASES, *hostile_found.CASES]
CASES.sort(key=lambda case: 'EDMVKXS'.index(case.group))
BY_ID = {case.id: case for case in CASES}
assert len(BY_ID) == len(CASES), 'two scenarios have one id'


def table_lines():
    """The table as Markdown: what, who made it necessary, class, where it shows."""
    yield '| Id | Fault | Made necessary by | Class | Shown on | Mini |'
    yield '|---|---|---|---|---|---|'
    for case in CASES:
        shown = ', '.join({'qemu': 'QEMU', 'bochs': 'Bochs'}[name]
                          for name in case.emulators)
        title = case.title + (f' ({case.unasked})' if case.unasked else '')
        words = case.id, title, case.who, case.wanted(), shown, case.mini or ''
        yield '| ' + ' | '.join(words) + ' |'


def with_table(text):
    """README.md with the table of now between its marks."""
    head, rest = text.split(BEGIN)
    return head + BEGIN + '\n'.join(table_lines()) + '\n' + END + rest.split(END)[1]


def main():
    with open(README, encoding='utf-8') as file:
        text = file.read()
    with open(README, 'w', encoding='utf-8') as file:
        file.write(with_table(text))


if __name__ == '__main__':
    main()
