#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the symbols blob: names of the kernel's functions for backtraces.

usage: symbols.py KERNEL.elf OUT          writes the blob
       symbols.py --show BLOB [ADDRESS]   prints a blob, or the function at an address

The layout is in kernel/boot/symbols.h. In it: functions of C and of NASM (`global
name:function`), and global labels of NASM in .text that say nothing of their type. Of
several names for one address the one that says most is kept. The source files come from
the line numbers, by addr2line; without it, or them, there are none. The same kernel.elf gives
the same bytes.
"""
import os
import re
import struct
import subprocess
import sys

import elf_tables as elf

MAGIC = 0x005953544E494C50
VERSION = 2
HEAD = struct.Struct('<QII20sIII')
ENTRY = struct.Struct('<II')
COUNT_MAX = 65536
NAME_MAX = 255
# Borders that kernel.ld defines, by its own habit of naming them; they are no functions.
BORDER_ENDINGS = ('_begin', '_end')


def functions(file):
    """[(offset, name)] ascending, one name for an offset."""
    text = file.section('.text')
    if text is None or not text.bytes:
        raise elf.ElfError(f'{file.name}: no .text to take names from')
    best = {}
    for symbol in file.symbol_table():
        label = symbol.type == elf.STT_NOTYPE and symbol.bind != elf.STB_LOCAL and \
            not symbol.name.endswith(BORDER_ENDINGS)
        if symbol.section != text.index or not symbol.name or \
                not (symbol.type == elf.STT_FUNC or label):
            continue
        if not text.address <= symbol.value < text.address + text.bytes:
            continue
        # Typed before untyped, global before local, then the shorter, the earlier name.
        rank = (label, symbol.bind == elf.STB_LOCAL, len(symbol.name), symbol.name)
        if symbol.value not in best or rank < best[symbol.value]:
            best[symbol.value] = rank
    found = [(offset, rank[-1]) for offset, rank in sorted(best.items())]
    return found + [(text.address + text.bytes, '')]


def source_files(path, found):
    """[(offset, file)]: where each file's functions begin; '' for what is not known."""
    tool = os.environ.get('CROSS_COMPILE', '') + 'addr2line'
    asked = ''.join(f'{offset:#x}\n' for offset, name in found if name)
    try:
        told = subprocess.run([tool, '-e', path], input=asked, capture_output=True,
                              text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []
    files, last = [], ''
    for (offset, _), line in zip(found, told):
        name = os.path.normpath(re.sub(r':[\d?]+( \(.*)?$', '', line))
        # The compiler may begin a function with a line that it took from a header.
        name = '' if '?' in name else last if name.endswith('.h') else name
        if name != last:
            files.append((offset, name))
            last = name
    return files


def make_blob(file, files=()):
    build_id = file.build_id()
    if build_id is None or len(build_id) != 20:
        raise elf.ElfError(f'{file.name}: no GNU build-id of 20 bytes; link with '
                           f'--build-id=sha1')
    found = functions(file)
    if len(found) < 2:
        raise elf.ElfError(f'{file.name}: no function in .text; give the file before '
                           f'strip')
    if len(found) > COUNT_MAX or found[-1][0] >= 1 << 32:
        raise elf.ElfError(f'{file.name}: {len(found)} functions up to '
                           f'{found[-1][0]:#x}; expected {COUNT_MAX} below 4 GiB at most')
    strings, places, entries = bytearray(), {}, bytearray()
    for offset, name in [*found, *files]:
        name = name.encode()[:NAME_MAX] + b'\0'
        if name not in places:
            places[name] = len(strings)
            strings += name
        entries += ENTRY.pack(offset, places[name])
    strings_offset = HEAD.size + len(entries)
    strings += bytes(-len(strings) % 4)
    head = HEAD.pack(MAGIC, VERSION, len(found), build_id, len(files), strings_offset,
                     strings_offset + len(strings))
    return head + entries + strings


def read_blob(blob, name='blob'):
    """(build_id, [(offset, name)]); ElfError for what is not a sound blob."""
    if len(blob) < HEAD.size:
        raise elf.ElfError(f'{name}: {len(blob)} bytes, shorter than its head')
    magic, version, count, build_id, files, strings_offset, total = \
        HEAD.unpack_from(blob)
    if magic != MAGIC or version != VERSION:
        raise elf.ElfError(f'{name}: magic {magic:#x} version {version}, expected '
                           f'{MAGIC:#x} version {VERSION}')
    if not 1 <= count <= COUNT_MAX or \
            strings_offset != HEAD.size + (count + files) * ENTRY.size or \
            not strings_offset < total <= len(blob) or blob[total - 1]:
        raise elf.ElfError(f'{name}: count or borders are impossible')
    found = []
    for i in range(count):
        offset, name_offset = ENTRY.unpack_from(blob, HEAD.size + i * ENTRY.size)
        begin = strings_offset + name_offset
        if begin >= total or (found and offset <= found[-1][0]):
            raise elf.ElfError(f'{name}: entry {i} is out of order or names nothing')
        found.append((offset, blob[begin:blob.index(b'\0', begin)].decode()))
    return build_id, found


def show(path, address):
    with open(path, 'rb') as file:
        build_id, found = read_blob(file.read(), path)
    if address is None:
        print(f'build-id {build_id.hex()}, {len(found) - 1} functions')
        for offset, name in found:
            print(f'{offset:08x} {name or "(end)"}')
        return
    below = [entry for entry in found if entry[0] <= address]
    if not below or not below[-1][1]:
        print(f'{address:#x}: no function')
    else:
        print(f'{below[-1][1]}+{address - below[-1][0]:#x}')


def main(arguments):
    try:
        if len(arguments) in (2, 3) and arguments[0] == '--show':
            show(arguments[1], int(arguments[2], 16) if len(arguments) == 3 else None)
        elif len(arguments) == 2 and not arguments[0].startswith('-'):
            file = elf.ElfTables.read(arguments[0])
            blob = make_blob(file, source_files(arguments[0], functions(file)))
            with open(arguments[1], 'wb') as file:
                file.write(blob)
        else:
            print('\n'.join(__doc__.strip().splitlines()[2:4]), file=sys.stderr)
            return 2
    except (OSError, ValueError, elf.ElfError) as error:
        print(f'symbols: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
