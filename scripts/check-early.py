#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds early code to what it may use before the kernel is relocated.

usage: check-early.py JOIN.o ALLOWED...

JOIN.o is early code and all that it calls, joined by `ld -r`. It runs at an address it was
not linked for, and it applies the kernel's relocations itself. So it must not call out of
the join (the other side may use pointers that are not right yet), and no byte of it may
need an absolute address or a GOT entry. ALLOWED are the symbols it may leave undefined:
borders that the linker script defines, reached relative to RIP, and the first function
after the move.
Exit: 0 clean, 1 findings (one line each), 2 wrong call or unreadable file.
"""
import bisect
import sys

import elf_tables as elf

# Relative to the place itself: right wherever the image lies.
RELATIVE = {0, 2, 4, 13, 15, 24}
GOT = {3, 9, 22, 26, 27, 28, 29, 41, 42}


class Places:
    """Names for section + offset: the last symbol at or before it."""

    def __init__(self, symbols):
        self.by_section = {}
        for symbol in symbols:
            if symbol.name and symbol.type <= elf.STT_FUNC:
                self.by_section.setdefault(symbol.section, []).append(
                    (symbol.value, symbol.name, symbol.file))
        for entries in self.by_section.values():
            entries.sort()

    def find(self, section, offset):
        """(name of the symbol with its file, distance from it)"""
        entries = self.by_section.get(section.index, [])
        at = bisect.bisect_right(entries, (offset, chr(0x10FFFF), '')) - 1
        if at < 0:
            return section.name, offset
        value, name, file = entries[at]
        return f'{file}: {name}' if file else name, offset - value

    def name(self, section, offset):
        symbol, distance = self.find(section, offset)
        return f'{symbol}+{distance:#x} ({section.name})'


def undefined_symbols(symbols, allowed, users):
    for index, symbol in enumerate(symbols):
        if symbol.name and symbol.section in (elf.SHN_UNDEF, elf.SHN_COMMON) and \
                symbol.name not in allowed:
            where = f', used at {users[index]}' if index in users else ''
            yield (f'undefined symbol {symbol.name}{where}; expected all that early code '
                   f'calls in the join: add its source to EARLY_C in sources.mk, or do '
                   f'without it')


def bad_relocations(file, symbols, places):
    """A finding for each symbol that needs any; its first place stands for the rest."""
    found = {}
    for relocation in file.relocations():
        section = relocation.section
        if section.flags & elf.SHF_ALLOC and relocation.type not in RELATIVE:
            found.setdefault((section, places.find(section, relocation.offset)[0]),
                             []).append(relocation)
    for (section, _), relocations in found.items():
        first = relocations[0]
        target = symbols[first.symbol].name or \
            'something in ' + file.named_sections[symbols[first.symbol].section].name
        if first.type in GOT:
            cure = 'hide the symbol (kernel/base/visibility.h must be force-included)'
        elif section.flags & elf.SHF_EXECINSTR:
            cure = 'address it relative to RIP (-fpie; in NASM: default rel)'
        else:
            cure = ('store numbers or offsets instead of pointers, or move the table into '
                    'a source that runs after the move')
        more = f' and {len(relocations) - 1} more' if len(relocations) > 1 else ''
        yield (f'{places.name(section, first.offset)}: '
               f'{elf.relocation_name(first.type)} to {target}{more}; expected only '
               f'RIP-relative ones: {cure}')


def check(path, allowed):
    file = elf.ElfTables.read(path)
    if file.type != elf.ET_REL:
        raise elf.ElfError(f'{path}: not a relocatable file; join objects with ld -r')
    symbols = file.symbol_table()
    places = Places(symbols)
    users = {}
    for relocation in file.relocations():
        if relocation.section.flags & elf.SHF_ALLOC:
            users.setdefault(relocation.symbol,
                             places.name(relocation.section, relocation.offset))
    return list(undefined_symbols(symbols, allowed, users)) + \
        list(bad_relocations(file, symbols, places))


def main(arguments):
    if not arguments:
        print(__doc__.strip().splitlines()[2], file=sys.stderr)
        return 2
    try:
        findings = check(arguments[0], set(arguments[1:]))
    except (OSError, elf.ElfError) as error:
        print(f'check-early: {error}', file=sys.stderr)
        return 2
    for finding in findings:
        print(f'check-early: {arguments[0]}: {finding}', file=sys.stderr)
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
