# SPDX-License-Identifier: MIT
"""Whole texts of deaths, kept in golden/ with everything masked that a rebuild changes.

  mask(text)            the text without addresses, offsets, sizes; facts stay
  compare(name, text)   None when golden/NAME.txt says the same, else the difference

What stays is what a reader relies on: sentences, codes, names of functions, kinds of
addresses, the levels of a walk and their marks, control registers, small numbers.
test_codes.py --update writes the files anew; nothing else does.
"""
import difflib
import os
import re

import samples                      # puts scripts/ on the path
from disk_format import L

FOLDER = os.path.join(samples.ROOT, 'tests', 'emulator', 'golden')

# (first address, bytes, what is there), as kernel/boot/layout.h draws it.
WINDOWS = [(L['IMAGE_BASE'], 1 << 31, 'image')] + [
    (L[f'{name}_BASE'], L[f'{name}_BYTES'], word) for name, word in (
        ('HEAP', 'heap'), ('DIRECT_MAP', 'direct map'), ('STACKS', 'stack'),
        ('APERTURE', 'aperture'), ('FRAME_TABLE', 'frame table'),
        ('MODULES', 'modules'))]
SMALL = 0x1000
REGISTERS = r'\b(r[abcd]x|r[sd]i|rbp|r8 |r9 |r1[0-5]) [0-9a-f]{16}'
LOADER_FIELDS = (r'\b(EIP|RIP|ESP|RSP|CR[23]|R[A-D]X|RDI|expected|found|need|stage2|'
                 r'manifest|chunks|bytes|read)=')


def kind_of(match):
    """An address by the window it lies in; small ones and what is no address stay."""
    text = match[0]
    value = int(text, 16)
    for base, count, word in WINDOWS:
        if 0 <= value - base < count:
            return f'<{word}>'
    if value < SMALL or 1 << 47 <= value < (1 << 64) - (1 << 47):
        return text
    return '<low>' if value % 4096 or value < 1 << 32 else text


def entry_of(match):
    name, slot, entry, words = match.groups()
    slot = slot if name == 'PML4' else '  #'
    entry = entry if int(entry, 16) < SMALL else '<entry>'
    return f'{name}[{slot}] {entry}{words}'


def flags_of(match):
    """The arithmetic ones are chance."""
    words = [w for w in match[1].split() if w not in ('CF', 'PF', 'AF', 'ZF', 'SF', 'OF')]
    return f'flags #: {" ".join(words)}'


# In this order: what comes earlier is out of the way of what follows.
RULES = [
    (r'(^  last lines of the log, .*:\n)(  [|*] .*\n)+', r'\1  | <lines>\n'),
    (r'\b[0-9a-f]{40}\b', '<build-id>'),
    (r'^\[[t ]*[\d.]+\] ', '[time] '),
    (LOADER_FIELDS + r'[0-9A-F]+', r'\1=#'),
    (r'(copies of stage2 .* count=)[0-9A-F]+', r'\1#'),
    (r'(kernel.elf cannot be loaded: .* entry=)\w+', r'\1#'),
    (r'(last are missing: .* entry=)\w+( chunk=)\w+( byte=)\w+', r'\1#\2#\3#'),
    (r'\b(PML4|PDPT|PD|PT)\[ *(\d+)\] ([0-9a-f]{16})(.*)', entry_of),
    (REGISTERS, r'\1 #'),
    (r'\bflags [0-9a-f]+: (.*)', flags_of),
    (r'(\bcr3|CR3 P:0x|CR3 P:) ?[0-9a-f]+', r'\1 <root>'),
    (r'\b(cr0|cr4) 0*([0-9a-f]+)', r'\1 \2'),
    (r'\b[0-9a-f]{16}\b', kind_of),
    (r'\bV:0x([0-9a-f]+)', lambda m: 'V:' + kind_of([m[1]])),
    (r'\bP:0x[0-9a-f]+(\.\.0x[0-9a-f]+|\.\.P:0x[0-9a-f]+)?', r'P:#'),
    (r'\+0x[0-9a-f]+', '+#'),
    (r'port 61h reads 0(x[123]0)?\)', 'port 61h reads #)'),
    (r'\b0x[0-9a-f]{5,}', '0x#'),
    (r'(\w\.(?:c|h|asm)):\d+', r'\1:#'),
    (r'\b\d{2,}( bytes| times|, \d+ times| KiB| MiB| frames| pages| entries| ranges)',
     r'#\1'),
    (r'(?<![\w.:=#[-])[1-9]\d{2,6}(?![\w-])', '#'),
]


def mask(text):
    for pattern, change in RULES:
        text = re.sub(pattern, change, text, flags=re.M)
    return '\n'.join(line.rstrip() for line in text.strip().splitlines()) + '\n'


def path_of(name):
    return os.path.join(FOLDER, name + '.txt')


def compare(name, text):
    try:
        with open(path_of(name), encoding='ascii') as file:
            wanted = file.read()
    except FileNotFoundError:
        return f'golden/{name}.txt is missing: test_codes.py --update {name} writes it'
    found = mask(text)
    if found == wanted:
        return None
    lines = difflib.unified_diff(wanted.splitlines(), found.splitlines(),
                                 f'golden/{name}.txt', 'said', lineterm='')
    return '\n'.join([*lines, f'test_codes.py --update {name} takes the new text over'])


def update(name, text):
    """True when the file changed."""
    changed = compare(name, text) is not None
    if changed:
        with open(path_of(name), 'w', encoding='ascii') as file:
            file.write(mask(text))
    return changed
