# SPDX-License-Identifier: MIT
"""The stopped machine as gdb sees it: CPU state, physical memory, the kernel's variables.

Nothing here runs code of the guest. Physical memory is read through QEMU's stub itself,
so it works in every mode, and behind page tables that are wrong.
"""
import bisect
import functools
import os
import re
import struct

import gdb

import symbols
from disk_format import L
from elf64 import Elf
from elf_tables import ElfTables

BUILD = os.environ['PLINTH_BUILD']
KERNEL, DISK = (os.path.join(BUILD, name) for name in ('kernel.elf', 'disk.elf'))
OFFSETS = Elf.read(KERNEL).symbols()    # from the image's first byte
REGION = re.compile(r'^ *([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, ([^)]+)\): (\S+)',
                    re.M)
LOADER = Elf.read(DISK).symbols()       # addresses, as the loader runs
CR0_PE, CR0_PG, EFER_LMA = 1 << 0, 1 << 31, 1 << 10
CS_LONG, CS_32 = 1 << 21, 1 << 22
PRESENT, LARGE, FRAME = 1, 0x80, 0x000FFFFFFFFFF000
MASK64 = (1 << 64) - 1


class GuestError(gdb.GdbError):
    """What cannot be answered, in one line; gdb prints it without a Python trace."""


def quietly(command):
    return gdb.execute(command, to_string=True)


def register(name):
    return int(gdb.parse_and_eval(f'${name}')) & MASK64


class Cpu:
    """Registers that gdb has no number for, in QEMU's own words."""

    def __init__(self):
        text = quietly('monitor info registers')
        self.values = {name: int(value, 16) for name, value in re.findall(
            r'\b(CR[0234]|EFER|[RE]IP|[RE]SP|[RE]FL|R\w\w|E\w\w) *=([0-9a-f]+)', text)}
        # selector, base, limit, attributes
        self.segments = {name: tuple(int(word, 16) for word in words.split()[:4])
                         for name, words in re.findall(
                             r'^(ES|CS|SS|DS|FS|GS|LDT|TR) *=((?: ?[0-9a-f]+){4})',
                             text, re.M)}
        self.tables = {name: (int(base, 16), int(limit, 16)) for name, base, limit in
                       re.findall(r'^(GDT|IDT)= +([0-9a-f]+) ([0-9a-f]+)', text, re.M)}

    def __getitem__(self, name):
        return self.values[name]

    @property
    def ip(self):
        return self.values.get('RIP', self.values.get('EIP'))

    @property
    def sp(self):
        return self.values.get('RSP', self.values.get('ESP'))

    @property
    def flags(self):
        return self.values.get('RFL', self.values.get('EFL'))

    @property
    def paging(self):
        return bool(self['CR0'] & CR0_PG)

    @property
    def long(self):
        return bool(self['EFER'] & EFER_LMA)

    @property
    def mode(self):
        if not self['CR0'] & CR0_PE:
            return 'real mode'
        attributes = self.segments['CS'][3]
        if self.long and attributes & CS_LONG:
            return 'long mode'
        return f"protected mode, {32 if attributes & CS_32 else 16}-bit code"

    @property
    def root(self):
        return self['CR3'] & FRAME


def phys_read(address, count):
    """Bytes at a physical address."""
    quietly('maintenance packet Qqemu.PhyMemMode:1')
    try:
        # gdb keeps what it read of code and stacks; addresses mean something else now.
        quietly('maintenance flush dcache')
        return bytes(gdb.selected_inferior().read_memory(address, count))
    except gdb.MemoryError:
        raise GuestError(f'P:{address:#x} cannot be read') from None
    finally:
        quietly('maintenance packet Qqemu.PhyMemMode:0')
        quietly('maintenance flush dcache')


def phys_regions():
    """[(first, last, 'ram' | 'rom' | 'i/o' | ..., name)] as QEMU has them, in order; []
    where something else runs the machine."""
    try:
        text = gdb.execute('monitor info mtree -f', to_string=True)
    except gdb.error:
        return []
    for view in text.split('FlatView')[1:]:
        if 'AS "memory"' in view:
            return [(int(first, 16), int(last, 16), kind, name)
                    for first, last, kind, name in REGION.findall(view)]
    return []


def phys_u64(address):
    return int.from_bytes(phys_read(address, 8), 'little')


def virt_read(address, count):
    """Bytes at a linear address, as the CPU would find them."""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, count))
    except gdb.MemoryError:
        raise GuestError(f'V:{address:016x} is not mapped') from None


def table_read(phys):
    return struct.unpack('<512Q', phys_read(phys, 4096))


class Image:
    """Where the kernel is. gdb holds its symbols at one place at a time."""
    placed = None       # the address of the image's first byte that gdb believes in
    phys = L['KERNEL_LOWEST_PHYS']

    @classmethod
    def find(cls, cpu=None):
        """(first byte's address, physical address) from values in memory."""
        cpu = cpu or Cpu()
        if cpu.long and cpu.paging:
            high = find_high(cpu.root)
            if high:
                return high
        kind = gdb.lookup_type('struct boot_info')
        info = gdb.Value(phys_read(L['BOOT_INFO_PHYS'], kind.sizeof), kind)
        if (int(info['magic']), int(info['version'])) == (L['BOOT_INFO_MAGIC'],
                                                          L['BOOT_INFO_VERSION']):
            return (int(info['kernel_phys']),) * 2
        return L['KERNEL_LOWEST_PHYS'], L['KERNEL_LOWEST_PHYS']

    @classmethod
    def follow(cls):
        """Puts the symbols where the kernel is now."""
        base, cls.phys = cls.find()
        cls.place(base)

    @classmethod
    def place(cls, base):
        if base == cls.placed:
            return
        # The new place first: a breakpoint on a name never loses its last location.
        quietly(f'add-symbol-file {KERNEL} -o {base:#x}')
        if cls.placed is not None:
            quietly(f'remove-symbol-file -a {cls.placed + OFFSETS["early_main"]:#x}')
        cls.placed = base

    @classmethod
    def describe(cls):
        slide = cls.placed - L['IMAGE_BASE']
        if slide >= 0:
            return f'{cls.placed:#x}, slide {slide:#x}, from P:{cls.phys:#x}'
        return f'{cls.placed:#x}, where stage2 loaded it'


def find_high(root):
    """The image in its window, by the page tables alone: every PDE there is the image."""
    top = table_read(root)[L['IMAGE_SLOT']]
    if not top & PRESENT:
        return None
    for slot, entry in enumerate(table_read(top & FRAME)[510:], 510):
        if not entry & PRESENT or entry & LARGE:
            continue
        for index, leaf in enumerate(table_read(entry & FRAME)):
            if leaf & PRESENT and leaf & LARGE:
                phys = leaf & FRAME & ~(L['PAGE_2M_BYTES'] - 1)
                return (0xFFFF << 48 | L['IMAGE_SLOT'] << 39 | slot << 30 | index << 21,
                        phys)
    return None


def kernel_bytes(name):
    """(bytes, type) of a kernel variable, read through physical memory: its page tables
    may be broken, or not there yet. `name` is C, such as handover.map, or
    'kernel/base/log.c'::log for a static one."""
    try:
        pointer = gdb.parse_and_eval(f'&{name}')
    except gdb.error as error:
        raise GuestError(f'{name}: {error}') from None
    kind = pointer.type.target()
    offset = (int(pointer) & MASK64) - Image.placed
    return phys_read(Image.phys + offset, kind.sizeof), kind


def kernel_value(name):
    return gdb.Value(*kernel_bytes(name))


@functools.cache
def kernel_functions():
    """[(offset, name)] of the kernel's code, named as its own backtraces do: gdb would
    find labels that NASM's macros made."""
    return symbols.functions(ElfTables.read(KERNEL))


def name_of(address):
    """function+offset of the kernel or the loader, or None."""
    functions = kernel_functions()
    offset = address - (Image.placed or 0)
    if Image.placed is not None and 0 <= offset < functions[-1][0]:
        at, name = functions[bisect.bisect(functions, (offset, '\x7f')) - 1]
        return name + (f'+{offset - at:#x}' if offset > at else '')
    words = quietly(f'info symbol {address:#x}')
    found = re.match(r'(\S+)(?: \+ (\d+))? in section', words)
    if not found:
        return None
    return found[1] + (f'+{int(found[2]):#x}' if found[2] else '')


def number(text, what='address'):
    """What a user typed: 0x..., V:..., P:..., or anything that gdb can compute."""
    text = text.strip()
    bare = re.fullmatch(r'[VP]:(?:0x)?([0-9a-fA-F]+)', text)
    if bare:
        return int(bare[1], 16)
    if not text:
        raise GuestError(f'which {what}?')
    try:
        value = gdb.parse_and_eval(text)
        if value.type.code == gdb.TYPE_CODE_FUNC:
            value = value.address
        return int(value) & MASK64
    except gdb.error as error:
        raise GuestError(f'{text}: {error}') from None
