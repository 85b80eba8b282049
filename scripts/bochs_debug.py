# SPDX-License-Identifier: MIT
"""What Bochs' debugger is told about an image: names, and where to stop.

Names of the kernel stand in its symbol file twice: as they are at the address the kernel
moves to, which follows from kaslr= in the configuration, and with "low:" in front where
stage2 loads it. Stops are physical breakpoints: one address serves before and after the
move, whatever the slide is.
"""
import os
import re

import ktap
from disk_format import L
from elf64 import Elf
from image import memory_span
from machine import ParameterError

# Places on the way up: file, symbol. The two of stage2 come before its configuration is
# read, so they cannot be magic breakpoints.
PLACES = {'stage1': ('disk', 'stage1_entry'), 'stage2': ('disk', 'stage2_head'),
          'protected': ('disk', 'head_main'),
          'longmode': ('disk', 'long_mode_enter.long'),
          'early': ('kernel', 'early_main'), 'moved': ('kernel', 'kernel_main'),
          'main': ('kernel', 'kernel_main')}
BEFORE_CONFIG = ('stage2', 'protected')


def slide_of(value, span):
    """The slide that kernel/early/slide.c makes of kaslr=VALUE; None: it draws one."""
    slots = (L['IMAGE_SLIDE_BYTES'] - span) // L['PAGE_2M_BYTES'] + 1
    if value == 'off':
        slot = 0
    elif value == 'max':
        slot = slots - 1
    elif re.fullmatch(r'\d+|0[xX][0-9a-fA-F]+', value):
        seed = int(value, 16 if value[:2] in ('0x', '0X') else 10)
        if seed >= 1 << 64:
            return None
        slot = ktap.fnv1a(seed.to_bytes(8, 'little')) % slots
    else:
        return None
    return slot * L['PAGE_2M_BYTES']


def one_a_place(symbols):
    """(address, name): no constants, no files, and borders only where nothing else is."""
    found = {}
    for name, value in symbols.items():
        if re.fullmatch(r'[A-Za-z_][\w.]*', name) and \
                not re.fullmatch(r'[A-Z\d_]+|.*\.(c|asm)', name):
            rank = (name.endswith(('_begin', '_end')), len(name), name)
            found[value] = min(found.get(value, rank), rank)
    return [(value, rank[-1]) for value, rank in found.items()]


class Debug:
    """The names of one build, for one configuration."""

    def __init__(self, folder, config):
        self.folder = folder
        self.config = dict(word.partition('=')[::2] for word in (config or '').split())
        self.symbols, self.slide = {}, None
        for name in ('disk', 'kernel'):
            path = os.path.join(folder, name + '.elf')
            if os.path.isfile(path):
                elf = Elf.read(path)
                self.symbols[name] = elf.symbols()
                if name == 'kernel':
                    self.slide = slide_of(self.config.get('kaslr', ''), memory_span(elf))

    def address(self, name):
        """Where a place is in physical memory."""
        file, symbol = PLACES.get(name, (None, name))
        for kind in (file,) if file else ('disk', 'kernel'):
            if symbol in self.symbols.get(kind, ()):
                value = self.symbols[kind][symbol]
                return value + (L['KERNEL_LOWEST_PHYS'] if kind == 'kernel' else 0)
        raise ParameterError(f'AT={name}: one of {", ".join(PLACES)}, or a symbol of the '
                             f'loader or the kernel in {self.folder}')

    def write_names(self):
        """The symbol file's path, or None when there is no build beside the image."""
        loader = one_a_place(self.symbols.get('disk', {}))
        lines = [(value, name) for value, name in loader
                 if value < L['STAGE2_END_PHYS']]
        for value, name in one_a_place(self.symbols.get('kernel', {})):
            lines.append((L['KERNEL_LOWEST_PHYS'] + value, 'low:' + name))
            if self.slide is not None:
                lines.append((L['IMAGE_BASE'] + self.slide + value, name))
        if not lines:
            return None
        path = os.path.join(self.folder, 'bochs.sym')
        with open(path, 'w', encoding='ascii') as file:
            for value, name in sorted(lines):
                file.write(f'{value:x} {name}\n')
        return path

    def commands(self, at):
        """Lines for bochs.rc: names, breakpoints, and off to the place asked for."""
        chosen = self.config.get('break', '').split(',')
        stops = [name for name in BEFORE_CONFIG if name in chosen or 'all' in chosen]
        stops += [at] * bool(at)
        lines = [f'pb {self.address(name):#x}' for name in dict.fromkeys(stops)]
        names = self.write_names()
        if names:
            lines.insert(0, f'ldsym global "{names}"')
        return lines + ['c'] * bool(at)

    def notes(self):
        """What a person should know before the prompt comes."""
        if 'kernel' in self.symbols and self.slide is None:
            yield ('the kernel will draw its place itself: its names are known only '
                   'where stage2 loads it (kaslr=off, max or a number tells them)')
        elif self.slide:
            yield f"the kernel will run at {L['IMAGE_BASE'] + self.slide:#x}"
