#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Turns the addresses in a pasted log or crash report into function, file and line.

  symbolize.py [--build build] [--base V:ADDRESS] [FILE]    no FILE: standard input
  symbolize.py [--build build] --base V:ADDRESS ADDRESS...

Prints the text again, under each line with an address of the kernel its place in the
source, inlined callers too. Where the kernel ran is found in the text itself: the line
"image at V:...", the boot report in text or JSON, the flight recorder's, or any backtrace
line, whose address and name+offset tell it; --base overrules. `image+0x...` needs none of
that. Addresses below 0x10000 on lines of the loader are looked up in the loader.
Exit: 0 something was found, 1 nothing was, 2 wrong call or no build.
"""
import argparse
import bisect
import os
import re
import shutil
import subprocess
import sys

import symbols
from disk_format import L
from elf64 import ElfError
from elf_tables import ElfTables

TOOLS = ('x86_64-elf-addr2line', 'x86_64-linux-gnu-addr2line', 'addr2line',
         'llvm-addr2line')
# What says where the image is, best evidence first.
BASE_WORDS = (
    re.compile(r'image at V:(?:0x)?([0-9a-f]{16})'),
    re.compile(r'(?:^|[^\w\s]) *image +V:([0-9a-f]{16})'),
    re.compile(r'"image":(\d+)'),
    re.compile(r'image_virt[ =:]+(?:V:)?(?:0x)?([0-9a-f]{16})'),
    re.compile(r'kernel image: 0x([0-9a-f]{16})'))
NAMED = re.compile(r'\b(?:at |rip |RIP |V:)(?:0x)?([0-9a-f]{16}),? (\w+)\+0x([0-9a-f]+)')
ADDRESS = re.compile(r'(?<![0-9a-f])(?:0x)?([0-9a-f]{16})(?![0-9a-f])')
OFFSET = re.compile(r'\bimage\+0x([0-9a-f]+)')
# Whoever shows a log puts something in front of its lines: no pattern asks for their
# beginning. An address that is none of a backtrace has V: or P: behind "at".
BACKTRACE = re.compile(r'\bat ([0-9a-f]{16})\b(?! \w+\+0x0\b)')
FAULTING = re.compile(r'\bat ([0-9a-f]{16}) \w+\+0x0\b')
RIP = re.compile(r'\b(?:rip |RIP V:)([0-9a-f]{16})\b')
HEADLINE = re.compile(r'\b(?:plinth:|died:) [A-Z]{2}-\d\d\b')
# The walk and CR2 repeat the address of the headline.
REPEATS = re.compile(r'\b(walk of V:|cr0 [0-9a-f]{8}|(PML4|PDPT|PD|PT)\[)')
LOADER_LINE = re.compile(r'\bplinth: L-\d\d\b.*?\b[ER]IP=([0-9A-Fa-f]{8,16})')
BUILD_ID = re.compile(r'\bbuild.id["\s:=]+([0-9a-f]{40})\b')


class SymbolizeError(Exception):
    """One line for the user."""


def find_tool():
    for name in TOOLS:
        path = shutil.which(name)
        if path:
            return path
    raise SymbolizeError('no addr2line here: install binutils')


def place_word(place):
    """A path from the top of the tree: NASM's debug information has a folder in front of
    an %included file, which has its own already."""
    return place.partition(' (')[0].rpartition('//')[2].removeprefix('./')


class Source:
    """One ELF file with line numbers; places are asked for in one call and kept."""

    def __init__(self, path):
        if not os.path.isfile(path):
            raise SymbolizeError(f'{path}: no such file (make builds it)')
        self.path, self.known = path, {}

    def look_up(self, offsets):
        wanted = [offset for offset in sorted(set(offsets)) if offset not in self.known]
        if not wanted:
            return
        done = subprocess.run(
            [find_tool(), '-a', '-f', '-i', '-e', self.path, *map(hex, wanted)],
            capture_output=True, text=True, check=False)
        if done.returncode:
            raise SymbolizeError(f'addr2line: {done.stderr.strip()}')
        self._take(done.stdout.splitlines())

    def _take(self, lines):
        """`0xADDRESS`, then pairs of function and file:line, innermost first."""
        at = None
        for line in lines:
            if re.fullmatch(r'0x[0-9a-f]+', line):
                at = self.known.setdefault(int(line, 16), [])
            else:
                at.append(line)
        for pairs in self.known.values():
            if pairs and isinstance(pairs[0], str):
                pairs[:] = [f'{function} {place_word(place)}'
                            for function, place in zip(pairs[::2], pairs[1::2])
                            if not place.startswith('??')]

    def place(self, offset):
        return ', inlined into '.join(self.known.get(offset, ()))


class Loader(Source):
    """NASM gives a macro's instructions the lines of the macro; where it was used shows
    in the instructions before and after it."""
    NEAR = 256   # bytes of machine code to look through

    def use(self, offsets):
        """(file, line) of the first of these places that is in no %included file."""
        for offset in offsets:
            found = re.search(r' (\S+\.asm):(\d+)', super().place(offset))
            if found:
                return found[1], int(found[2])
        return None, 0

    def place(self, offset):
        text = super().place(offset)
        if '.inc:' not in text:
            return text
        before = range(offset - 1, offset - self.NEAR, -1)
        after = range(offset + 1, offset + self.NEAR)
        self.look_up([*before, *after])
        file, line = self.use(before)
        if file is None:
            return text
        other, end = self.use(after)
        between = other == file and end > line + 1
        if between and end == line + 2:
            return f'{text}, a macro used at {file}:{line + 1}'
        return f'{text}, a macro used behind {file}:{line}' + (
            f' and before line {end}' if between else '')


class Kernel(Source):
    def __init__(self, build):
        super().__init__(os.path.join(build, 'kernel.elf'))
        tables = ElfTables.read(self.path)
        functions = symbols.functions(tables)
        self.build_id = tables.build_id().hex()
        self.offsets = {name: offset for offset, name in functions if name}
        self.starts, self.names = zip((-1 << 64, ''), *functions)
        self.text_end = functions[-1][0]

    def function_at(self, offset):
        return self.names[bisect.bisect_right(self.starts, offset) - 1]

    def agreed(self, offset, name, inside):
        """The offset, or what NAME+0xN says when it is in another function: the base or
        the build is another one then. None: this build has no such function."""
        if self.function_at(offset) == name:
            return offset
        return self.offsets[name] + inside if name in self.offsets else None

    def base_in(self, line):
        """The address of the image's first byte, if this line tells it."""
        for pattern in BASE_WORDS:
            found = pattern.search(line)
            if found:
                return int(found[1], 10 if '"' in pattern.pattern else 16)
        for address, name, offset in NAMED.findall(line):
            if name in self.offsets:
                base = int(address, 16) - self.offsets[name] - int(offset, 16)
                # The image begins on a 2 MiB border: names of another build fail that.
                if base >= L['KERNEL_LOWEST_PHYS'] and not base % L['PAGE_2M_BYTES']:
                    return base
        return None

    def bases(self, lines):
        """For each line the base that was last told, before any telling the first one.
        A text may hold several boots, and each of them drew its own."""
        told = [self.base_in(line) for line in lines]
        last = next((base for base in told if base is not None), None)
        out = []
        for base in told:
            last = last if base is None else base
            out.append(last)
        return out


def parse_base(text):
    try:
        base = int(text.removeprefix('V:').removeprefix('P:'), 16)
    except ValueError:
        base = -1
    if base < 0 or base % L['PAGE_2M_BYTES']:
        raise SymbolizeError(f'--base {text}: an address on a 2 MiB border, such as '
                             'V:ffffffff80000000')
    return base


def return_addresses(lines):
    """Indices of backtrace lines that hold a return address: it belongs to the call
    before it. The first line of a trap is where it happened, as its registers show; the
    first byte of a function (+0x0) is behind no call of that function."""
    out, first, rip = set(), True, None
    for index, line in enumerate(lines):
        if HEADLINE.search(line):
            first, rip = True, None
        found = RIP.search(line)
        if found:
            rip = found[1]
        found = BACKTRACE.search(line)
        if found:
            if not (first and found[1] == rip):
                out.add(index)
        if found or FAULTING.search(line):
            first = False
    return out


def offsets_of(line, base, kernel, is_return):
    """Offsets in the image that a line names, in order, without repeats."""
    if REPEATS.search(line):
        return []
    found = [int(value, 16) - is_return for value in OFFSET.findall(line)]
    named = {address: (name, int(inside, 16) - is_return)
             for address, name, inside in NAMED.findall(line)}
    for value in ADDRESS.findall(line) if base is not None else ():
        offset = int(value, 16) - base - is_return
        found.append(kernel.agreed(offset, *named[value]) if value in named else offset)
    good = [offset for offset in found
            if offset is not None and 0 < offset <= kernel.text_end]
    return list(dict.fromkeys(good))


def annotate(lines, bases, kernel, loader):
    """(text with places, how many there were)."""
    returns = return_addresses(lines)
    wanted = [offsets_of(line, base, kernel, index in returns)
              for index, (line, base) in enumerate(zip(lines, bases))]
    low = [[int(value, 16) for value in LOADER_LINE.findall(line)
            if int(value, 16) < L['STAGE2_END_PHYS']] for line in lines]
    kernel.look_up(offset for offsets in wanted for offset in offsets)
    loader.look_up(address for addresses in low for address in addresses)
    out, count = [], 0
    for line, offsets, addresses in zip(lines, wanted, low):
        out.append(line)
        places = [kernel.place(offset) for offset in offsets]
        places += [loader.place(address) for address in addresses]
        for place in dict.fromkeys(filter(None, places)):
            out.append(f'        = {place}')
            count += 1
    return '\n'.join(out), count


def warn_about(text, base, kernel, count):
    """What is doubtful about the places; when there are none, one line says why."""
    other = set(BUILD_ID.findall(text)) - {kernel.build_id}
    if other:
        print(f'symbolize: the text is of build {other.pop()}, {kernel.path} is '
              f'{kernel.build_id}: lines may be wrong', file=sys.stderr)
    if base is None and ADDRESS.search(text):
        print('symbolize: nothing in the text tells where the image was; give --base '
              '(the boot report calls it "image at V:...")', file=sys.stderr)
    elif not count:
        print(f'symbolize: nothing found: no address in the text is one of the code of '
              f'{kernel.path} or of the loader', file=sys.stderr)


def read_input(words):
    if not words or words == ['-']:
        return sys.stdin.read()
    if len(words) == 1 and os.path.isfile(words[0]):
        with open(words[0], encoding='utf-8', errors='replace') as file:
            return file.read()
    bare = [word.removeprefix('V:').removeprefix('0x') for word in words]
    for word, digits in zip(words, bare):
        if not re.fullmatch(r'[0-9a-fA-F]{1,16}', digits):
            raise SymbolizeError(f'{word}: no such file, and no address such as '
                                 'V:ffffffff80001234')
    return '\n'.join('V:' + word.lower().rjust(16, '0') for word in bare)


def main():
    options = argparse.ArgumentParser(
        prog='symbolize.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--build', default='build')
    options.add_argument('--base')
    options.add_argument('words', nargs='*', metavar='FILE')
    options = options.parse_args()
    try:
        kernel = Kernel(options.build)
        loader = Loader(os.path.join(options.build, 'disk.elf'))
        text = read_input(options.words)
        lines = text.replace('\r', '').rstrip('\n').split('\n')
        bases = [parse_base(options.base)] * len(lines) if options.base else \
            kernel.bases(lines)
        places, count = annotate(lines, bases, kernel, loader)
        warn_about(text, bases[0], kernel, count)
        print(places)
        return 0 if count else 1
    except (SymbolizeError, ElfError, OSError) as error:
        print(f'symbolize: {error}', file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
