#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks that every death code has its page and every page its code; the form of sources.

usage: check-errors.py [ROOT]     ROOT is the source tree; else the parent of scripts/

Codes: LOADER_NAME NN in kernel/boot/loader_codes.h -> docs/errors/L-NN.md;
       CODE(PF, 3, "text") in kernel/base/codes.h   -> docs/errors/PF-03.md;
       EA_NAME = NN in kernel/early/early.h has to be CODE(EA, NN, ...) there.
Pages: title "# PF-03 ..." and the sections of PAGE_SECTIONS, none of them empty.
Sources: an SPDX line in the first lines, no line over 100 columns, no note to do it later.
Exit: 0 clean, 1 findings (one line each), 2 wrong call.
"""
import os
import re
import subprocess
import sys

PAGE_SECTIONS = ('## What it means', '## What the line shows', '## Typical causes',
                 '## How to find it')
# The index, and stage1, which has letters for all that can go wrong, on one page.
NOT_CODES = {'README.md', 'stage1.md'}
LOADER = re.compile(r'#define\s+LOADER_(\w+)\s+(\d+)\b')
KERNEL = re.compile(r'\bCODE\(\s*([A-Z]{2})\s*,\s*(\d+)\s*,\s*"((?:[^"\\]|\\.)*)"')
SOURCE = re.compile(r'(\.(c|h|S|asm|inc|ld|py|sh|mk|gdb)|(^|/)Makefile|^\.ci/run)$')
EARLY = re.compile(r'^\s*EA_(\w+)\s*=\s*(\d+)\b')
# File, pattern of a code in it, the prefix unless the first group is it, an example.
LISTS = (('kernel/boot/loader_codes.h', LOADER, 'L', 'LOADER_A20 14'),
         ('kernel/base/codes.h', KERNEL, None, 'CODE(PF, 3, "text")'))
EARLY_LIST = 'kernel/early/early.h'
COLUMNS = 100
SPDX_LINES = 3
# Joined here, or this file would find itself.
LATER = re.compile(r'\b(TO' + r'DO|FIX' + r'ME|X' + r'XX|HA' + r'CK)\b')


def lines_of(root, path):
    with open(os.path.join(root, path), encoding='utf-8', errors='replace') as file:
        return file.read().split('\n')


def code_lists(root):
    """{code: file and line}, and findings about the lists themselves."""
    codes, findings = [], []
    for path, pattern, prefix, example in LISTS:
        if not os.path.exists(os.path.join(root, path)):
            findings.append(f'{path}: does not exist; expected the list of codes')
            continue
        before = len(codes)
        for number, line in enumerate(lines_of(root, path), 1):
            for found in pattern.finditer(line):
                code = f'{prefix or found.group(1)}-{int(found.group(2)):02}'
                codes.append((code, f'{path}:{number}'))
        if len(codes) == before:
            findings.append(f'{path}: no code found; expected lines like {example}')
    seen = {}
    for code, where in codes:
        if code in seen:
            findings.append(f'{where}: {code} is given twice, first in {seen[code]}; '
                            f'expected a number that was never used')
        seen.setdefault(code, where)
    return seen, findings


def early_codes(root, codes):
    """Early code cannot use the list's enumerators; its own must not drift away from it."""
    if not os.path.exists(os.path.join(root, EARLY_LIST)):
        return
    for number, line in enumerate(lines_of(root, EARLY_LIST), 1):
        found = EARLY.match(line)
        code = f'EA-{int(found.group(2)):02}' if found else None
        if found and code not in codes:
            yield (f'{EARLY_LIST}:{number}: EA_{found.group(1)} is {code}; expected '
                   f'CODE(EA, {found.group(2)}, ...) in {LISTS[1][0]}')


def check_page(root, path, code):
    lines = lines_of(root, path)
    # The first line that is neither empty nor a comment (the licence).
    at, title = next(((number, line) for number, line in enumerate(lines, 1)
                      if line.strip() and not line.startswith('<!--')), (1, ''))
    if not re.match(rf'# {re.escape(code)}\b', title):
        yield f'{path}:{at}: title "{title}"; expected "# {code} ..."'
    for section in PAGE_SECTIONS:
        if section not in lines:
            yield (f'{path}: no section "{section}"; expected all of: '
                   f'{", ".join(PAGE_SECTIONS)}')
            continue
        at = lines.index(section)
        body = []
        for line in lines[at + 1:]:
            if line.startswith('## '):
                break
            body.append(line)
        if not ''.join(body).strip():
            yield (f'{path}:{at + 1}: section "{section}" is empty; expected a sentence at '
                   f'least')


def check_pages(root):
    codes, findings = code_lists(root)
    findings += early_codes(root, codes)
    folder = os.path.join(root, 'docs/errors')
    pages = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    for code, where in codes.items():
        if f'{code}.md' not in pages:
            findings.append(f'{where}: {code} has no page; expected '
                            f'docs/errors/{code}.md')
    for page in pages:
        path, code = f'docs/errors/{page}', page[:-3]
        if page in NOT_CODES:
            continue
        if not page.endswith('.md') or code not in codes:
            findings.append(f'{path}: no code of this name in '
                            f'{", ".join(entry[0] for entry in LISTS)}; expected none '
                            f'without the other')
        else:
            findings += check_page(root, path, code)
    return findings


def source_files(root):
    """What git tracks or would add; without git, all but build folders."""
    try:
        listed = subprocess.run(
            ['git', '-C', root, 'ls-files', '-co', '--exclude-standard', '-z'],
            capture_output=True, check=True).stdout.decode().split('\0')
        files = {name for name in listed if os.path.isfile(os.path.join(root, name))}
    except (OSError, subprocess.CalledProcessError):
        files = set()
        for directory, folders, names in os.walk(root):
            folders[:] = [f for f in folders if not f.startswith('build') and
                          (f == '.ci' or not f.startswith(('.', '__')))]
            files.update(os.path.relpath(os.path.join(directory, name), root)
                         for name in names)
    return sorted(name for name in files if SOURCE.search(name))


def check_source(root, path):
    lines = lines_of(root, path)
    if not any('SPDX-License-Identifier: MIT' in line for line in lines[:SPDX_LINES]):
        yield (f'{path}:1: no SPDX line; expected "SPDX-License-Identifier: MIT" in the '
               f'first {SPDX_LINES} lines')
    for number, line in enumerate(lines, 1):
        columns = len(line.expandtabs(8))
        if columns > COLUMNS:
            yield (f'{path}:{number}: {columns} columns; expected at most {COLUMNS}, '
                   f'better 90')
        if LATER.search(line):
            yield (f'{path}:{number}: "{LATER.search(line).group(1)}"; expected the thing '
                   f'done or, if it is a decision, a line in docs/decisions.md')


def main(arguments):
    if len(arguments) > 1:
        print(__doc__.strip().splitlines()[2], file=sys.stderr)
        return 2
    root = arguments[0] if arguments else \
        os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not os.path.isdir(os.path.join(root, 'kernel')):
        print(f'check-errors: {root} is not the source tree: no kernel/', file=sys.stderr)
        return 2
    findings = check_pages(root)
    for path in source_files(root):
        findings += check_source(root, path)
    for finding in findings:
        print(f'check-errors: {finding}', file=sys.stderr)
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
