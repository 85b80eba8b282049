# SPDX-License-Identifier: MIT
"""Following the kernel, and going to a station of the way up.

The kernel moves: it is loaded at a physical address that stage2 chooses, and jumps to an
address that it draws itself. Two hardware breakpoints see both happen; at each of them
gdb's symbols follow, and breakpoints on names with them. What stops the user is a
breakpoint of its own. Hardware ones throughout: the code is not there yet when they are
set, and no byte of it may be replaced before its checksum was taken.
"""
import gdb

from disk_format import L
from elf64 import Elf
from guest import KERNEL, LOADER, OFFSETS, GuestError, Image, quietly

# JMP RDX, the last instruction of early_jump: CR3 is the kernel's own by then.
JUMP = b'\xff\xe2'


def text_bytes(offset, count):
    """Bytes of the kernel's file at an offset from the image's first byte."""
    elf = Elf.read(KERNEL)
    for load in elf.loads():
        inside = offset - load['vaddr']
        if 0 <= inside < load['file_bytes']:
            return elf.data[load['offset'] + inside:][:count]
    return b''


class Follow(gdb.Breakpoint):
    """Moves the symbols and goes on, without a word."""

    def __init__(self, address):
        super().__init__(f'*{address:#x}', gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent = True
        self.commands = 'python stops.followed()\ncontinue'


class Station(gdb.Breakpoint):
    """Stops, once, and says where."""

    def __init__(self, address, title):
        super().__init__(f'*{address:#x}', gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent = True      # gdb would call it by a negative number
        self.title = title


class State:
    jump = None         # Follow at the end of early_jump, where the kernel is loaded
    stations = []       # gdb forgets a breakpoint object that nobody holds
    wanted = ''
    tour = False        # it begins in stage1: stop at each station in turn


def followed():
    """At long mode's door boot_info says where the kernel is, behind the jump CR3."""
    Image.follow()
    if Image.placed < L['IMAGE_BASE']:
        at = OFFSETS['early_jump'] + text_bytes(OFFSETS['early_jump'], 32).index(JUMP)
        if State.jump:
            State.jump.delete()
        State.jump = Follow(Image.placed + at)
    plan_stations()


def plan_stations():
    """Stations inside the kernel get their address when the kernel gets one."""
    low = Image.placed < L['IMAGE_BASE']
    for name, (symbol, wants_low, title) in KERNEL_STATIONS.items():
        if wants_low == low and (State.tour or State.wanted == name):
            State.stations.append(Station(Image.placed + OFFSETS[symbol], title))


LOADER_STATIONS = {
    'stage1': ('stage1_entry', 'stage1; `real` shows 16-bit code'),
    'stage2': ('stage2_head', 'stage2, still in real mode; body_main is not'),
    'longmode': ('long_mode_enter.long', 'the first instruction in long mode')}
# Symbol, whether it runs where stage2 loaded it, title.
KERNEL_STATIONS = {
    'early': ('early_main', True, "the kernel's entry, where stage2 loaded it"),
    'moved': ('kernel_main', False, 'kernel_main, in the higher half')}


def stopped(event):
    for stop in getattr(event, 'breakpoints', ()):
        if isinstance(stop, Station):
            print(f'--- {stop.title}')
            gdb.execute('frame')
            stop.enabled = False


def named(name):
    """A place that is no station: any symbol of the loader or of the kernel."""
    if name in LOADER:
        State.stations.append(Station(LOADER[name], name))
    elif name in OFFSETS:
        # By its name, so that it moves with the symbols.
        quietly(f'hbreak {name}')
    else:
        raise GuestError(f'AT={name}: no symbol of the loader or the kernel')


def go(at):
    """Runs to the place asked for; '' is stage1, and a tour of the others follows it."""
    State.tour, State.wanted = at in ('', 'stage1'), at
    Follow(LOADER['long_mode_enter'])
    gdb.events.stop.connect(stopped)
    for name, (symbol, title) in LOADER_STATIONS.items():
        if State.tour or at == name:
            State.stations.append(Station(LOADER[symbol], title))
    if at == 'main':
        quietly('thbreak kernel_main')
    elif at and at not in LOADER_STATIONS and at not in KERNEL_STATIONS:
        named(at)
    gdb.execute('continue')
