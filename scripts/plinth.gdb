# SPDX-License-Identifier: MIT
#
# gdb for Plinth; scripts/debug.py starts it. Architecture stays i386:x86-64 from the first
# instruction on: any other setting breaks the connection, and breakpoints work in every mode
# as they are. Only gdb's own disassembly of 16-bit code is wrong: `real` shows it right.
#
#   real      CS:IP and the instructions there, in every mode
#   serial    the last lines that the machine said on COM1
#   image     where the kernel is, and with it its symbols
set pagination off
set confirm off
set disassembly-flavor intel
set history save off

python
import os
import sys

sys.path.insert(0, os.environ['PLINTH_SCRIPTS'])
from disk_format import L
from elf64 import Elf

BUILD = os.environ['PLINTH_BUILD']
KERNEL, DISK = (os.path.join(BUILD, name) for name in ('kernel.elf', 'disk.elf'))
OFFSETS = Elf.read(KERNEL).symbols()
LOADER = Elf.read(DISK).symbols()


def quietly(command):
    return gdb.execute(command, to_string=True)


class Image:
    """The kernel's symbols live in one place at a time: where the kernel runs."""
    base = None

    @classmethod
    def place(cls, base):
        if base == cls.base:
            return
        if cls.base is not None:
            quietly(f'remove-symbol-file -a {cls.base + OFFSETS["early_main"]:#x}')
        quietly(f'add-symbol-file {KERNEL} -o {base:#x}')
        cls.base = base

    @classmethod
    def describe(cls):
        if cls.base is None:
            return 'not loaded yet'
        slide = cls.base - L['IMAGE_BASE']
        where = f', slide {slide:#x}' if slide >= 0 else ', where stage2 loaded it'
        return f'{cls.base:#x}{where}'


class Stop(gdb.Breakpoint):
    """A hardware breakpoint: code is not there yet when it is set, so no byte of it may
    be replaced. `arrive` runs when it is reached, before the prompt comes back."""

    def __init__(self, address, title, arrive=None):
        super().__init__(f'*{address:#x}', gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.title, self.arrive = title, arrive


def stopped(event):
    for stop in getattr(event, 'breakpoints', ()):
        if isinstance(stop, Stop):
            if stop.arrive:
                stop.arrive()
            print(f'--- {stop.title}')
            stop.enabled = False


def register(name):
    return int(gdb.parse_and_eval(f'${name}')) & 0xFFFFFFFFFFFFFFFF


def at_long_mode():
    """boot_info is complete: it says where the kernel is."""
    Image.place(L['KERNEL_LOWEST_PHYS'])   # for the types; the addresses follow
    info = gdb.parse_and_eval(f'(struct boot_info *){L["BOOT_INFO_PHYS"]}')
    Stop(int(info['entry_phys']), 'the kernel\'s entry', at_entry)


def at_entry():
    """early_main runs where stage2 loaded the image, which may be anywhere."""
    Image.place(register('rip') - OFFSETS['early_main'])
    Stop(Image.base + OFFSETS['early_jump'], 'the jump into the higher half', at_jump)


def at_jump():
    """early_jump(tables, stack, target): RDX is kernel_main at its final address."""
    Image.place(register('rdx') - OFFSETS['kernel_main'])
    Stop(register('rdx'), 'kernel_main, in the higher half')


class Real(gdb.Command):
    """CS:IP and the next instructions as the CPU's mode reads them."""

    def __init__(self):
        super().__init__('real', gdb.COMMAND_DATA)

    def invoke(self, argument, _tty):
        count = int(argument or 8)
        print(f"CS:IP {register('cs'):04x}:{register('rip'):04x}")
        print(quietly(f'monitor x /{count}i $pc').rstrip())


class Serial(gdb.Command):
    """The last lines on COM1."""

    def __init__(self):
        super().__init__('serial', gdb.COMMAND_STATUS)

    def invoke(self, argument, _tty):
        with open(os.environ['PLINTH_SERIAL_LOG'], errors='replace') as file:
            print(''.join(file.readlines()[-int(argument or 20):]).rstrip())


class Where(gdb.Command):
    """Where the kernel image is."""

    def __init__(self):
        super().__init__('image', gdb.COMMAND_STATUS)

    def invoke(self, _argument, _tty):
        print(f'kernel image: {Image.describe()}')


Real(), Serial(), Where()
gdb.events.stop.connect(stopped)
quietly(f'add-symbol-file {DISK}')
gdb.execute(f'target remote {os.environ["PLINTH_GDB_STUB"]}', to_string=True)
Stop(L['STAGE1_PHYS'], 'stage1; `real` shows 16-bit code')
Stop(LOADER['long_mode_enter'], 'stage2, on its way to long mode', at_long_mode)
gdb.execute('continue')
end
