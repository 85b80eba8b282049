# SPDX-License-Identifier: MIT
"""The `plinth` commands. They read the machine, they never run code of it."""
import os
import re

import gdb

import inspect_cpu
import inspect_kernel
import walks
from disk_format import L
from guest import GuestError, Image, number, phys_read, phys_regions, quietly
from walks import PHYS_MAX


INSTRUCTIONS_MAX = 64


class Plinth(gdb.Command):
    """Plinth's own commands, such as plinth walk, plinth map, plinth real."""

    def __init__(self):
        super().__init__('plinth', gdb.COMMAND_DATA, prefix=True)

    def invoke(self, argument, _tty):
        if argument:
            print(f'plinth: no command {argument.split()[0]}')
        print(quietly('help plinth').partition('List of plinth subcommands:')[2].strip())


def command(name, run, text):
    """One subcommand: run(argument) with the argument's text."""

    def invoke(_self, argument, _tty):
        Image.follow()
        run(argument.strip())

    kind = type(name, (gdb.Command,), {'__doc__': text, 'invoke': invoke})
    kind(f'plinth {name}', gdb.COMMAND_DATA)


def virtual(argument):
    """An address to walk: a physical one has no walk of its own."""
    if argument.startswith('P:'):
        raise GuestError(f'{argument} is physical and needs no walk; the direct map has '
                         f"it at V:{L['DIRECT_MAP_BASE'] + number(argument):016x}")
    return number(argument)


def count_of(argument, default):
    if not argument:
        return default
    if not re.fullmatch('[0-9]+', argument) or int(argument) < 1:
        raise GuestError(f'{argument}: a number of lines from 1')
    return int(argument)


def instructions(argument):
    """QEMU disassembles on and on, and hears nobody meanwhile."""
    if not re.fullmatch('[0-9]*', argument) or \
            not 1 <= int(argument or 8) <= INSTRUCTIONS_MAX:
        raise GuestError(f'{argument}: 1..{INSTRUCTIONS_MAX} instructions')
    return int(argument or 8)


def alone(name, run):
    """A command that takes nothing says so instead of ignoring what it was given."""

    def refuse_or_run(argument):
        if argument:
            raise GuestError(f'plinth {name} takes no argument, not {argument}')
        run()

    return refuse_or_run


def show_serial(argument):
    with open(os.environ['PLINTH_SERIAL_LOG'], errors='replace', newline='') as file:
        lines = file.read().replace('\r\n', '\n').rstrip().split('\n')
    print('\n'.join(lines[-count_of(argument, 20):]))


def not_ram(address, count):
    """A line for each part of the range that is neither RAM nor ROM."""
    regions, end = phys_regions(), address + count
    while regions and address < end:
        first, last, kind, name = next(
            (region for region in regions if region[1] >= address),
            (PHYS_MAX, PHYS_MAX, '', ''))
        if address < first:
            last = min(first, end) - 1
            yield (f'P:{address:#x}..{last:#x} is no RAM and no device: zeros are only '
                   'what QEMU reads there')
        elif kind not in ('ram', 'rom', 'romd'):
            yield (f'P:{address:#x}..{min(last, end - 1):#x} is no RAM: the device '
                   f'{name} answers')
        address = last + 1


def show_phys(argument):
    """ADDRESS [BYTES]: sixteen bytes a line."""
    place, _, count = argument.partition(' ')
    address, count = number(place), min(number(count or '64', 'count'), 4096)
    if address >= PHYS_MAX or address + count > PHYS_MAX:
        raise GuestError(f'{place}: physical addresses end at P:{PHYS_MAX:#x}')
    for line in not_ram(address, count):
        print(line)
    raw = phys_read(address, count)
    for at in range(0, count, 16):
        part = raw[at:at + 16]
        text = ''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in part)
        print(f'  P:{address + at:012x}  {part.hex(" "):47}  {text}')


COMMANDS = (
    ('real', lambda a: inspect_cpu.show_real(instructions(a)),
     'Mode, CS:IP, segments, flags, stack, and code as the mode reads it. [COUNT]'),
    ('regs', alone('regs', inspect_cpu.show_regs),
     'Control registers, EFER, flags in words.'),
    ('gdt', alone('gdt', inspect_cpu.show_gdt),
     'The global descriptor table in words.'),
    ('idt', alone('idt', inspect_cpu.show_idt),
     'The interrupt descriptor table in words.'),
    ('walk', lambda a: walks.show_walk(virtual(a)),
     'The page walk of an address, each entry in words. ADDRESS'),
    ('map', walks.show_map, 'All that is mapped, or what lies in one window. [WINDOW]'),
    ('frames', inspect_kernel.show_frames,
     'The frame allocator, or the frame behind an address. [ADDRESS | P:ADDRESS]'),
    ('heap', inspect_kernel.show_heap, 'The heap, or the page of an address. [ADDRESS]'),
    ('log', lambda a: inspect_kernel.show_log(count_of(a, 30)),
     "The last lines of the kernel's log, also what no output has shown. [LINES]"),
    ('lastboot', lambda a: inspect_kernel.show_lastboot(count_of(a, 10)),
     'Both banks of the flight recorder, decoded. [LINES of their logs]'),
    ('image', lambda a: print(f'kernel image: {Image.describe()}'),
     'Where the kernel is, and with it its symbols.'),
    ('serial', show_serial, 'The last lines that the machine said on COM1. [LINES]'),
    ('phys', show_phys, 'Bytes of physical memory. ADDRESS [BYTES]'))


def install():
    Plinth()
    for name, run, text in COMMANDS:
        command(name, run, text)
    for short in ('real', 'image', 'serial'):
        quietly(f'alias {short} = plinth {short}')
