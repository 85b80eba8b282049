# SPDX-License-Identifier: MIT
"""The kernel's own books, read without running it: frames, heap, log, recorder."""
import struct

import gdb

import symbols
import words
from disk_format import L
from elf64 import Elf
from elf_tables import ElfTables
from guest import (KERNEL, Cpu, GuestError, Image, kernel_bytes, kernel_value, number,
                   phys_read, phys_u64)
from image import memory_span
from walks import walk

LOG_HEAD = struct.Struct('<HHI')
LOG_MAGIC = 0xA51D
LOG_RING = "'kernel/base/log_ring.c'::ring"


def enum_names(name, prefix):
    """value -> word of a C enum, from the kernel's own debug information."""
    return {field.enumval: field.name[len(prefix):].lower().replace('_', '-')
            for field in gdb.lookup_type(f'enum {name}').fields()}


def require_high():
    """Most books exist only once the kernel runs where it belongs."""
    if Image.placed is None or Image.placed < L['IMAGE_BASE']:
        raise GuestError('the kernel has not moved yet: its books are not open '
                         '(start with AT=main, or continue)')


def kib(frames):
    return f'{frames * 4} KiB'


def frame_words(word):
    owners = enum_names('frame_owner', 'OWNER_')
    states = enum_names('frame_state', 'FRAME_')
    owner, state = word & 31, word >> 5 & 7
    return (f'{states.get(state, state)}, owner {owners.get(owner, owner)}, '
            f'order {word >> 11 & 31}, count {word >> 30 & 0xFFFFFF}')


def show_frame(phys):
    entry = L['FRAME_TABLE_BASE'] + (phys >> 12) * 8
    found = walk(Cpu().root, entry)
    if found.phys is None:
        print(f'P:{phys:#x}: no RAM there, the frame table has no entry (V:{entry:016x})')
        return
    word = phys_u64(found.phys)
    print(f'P:{phys:#x}, frame {phys >> 12:#x}: {frame_words(word)}  [{word:016x}]')


def show_frames(argument=''):
    """Totals of the frame allocator; with an address the frame behind it."""
    require_high()
    pmm = kernel_value('pmm')
    if not int(pmm['total']):
        raise GuestError('the frame allocator is not open yet: '
                         'hbreak heap_init, continue')
    if argument:
        address = number(argument)
        if not argument.strip().startswith('P:') and address >= L['USER_END']:
            found = walk(Cpu().root, address)
            if found.phys is None:
                raise GuestError(f'V:{address:016x} has no frame: {found.why}')
            address = found.phys
        return show_frame(address)
    names = enum_names('frame_owner', 'OWNER_')
    # Each CPU counts differences: what one gave another may have taken.
    parts = [pmm] + [part.dereference() for part in
                     (pmm['cpu'][i] for i in range(pmm['cpu'].type.range()[1] + 1))
                     if int(part)]
    held = sum(int(part['count']) + sum(int(part['colour_count'][i])
                                        for i in range(int(pmm['colours'])))
               for part in parts[1:])
    shares = [int(pmm[name]) for name in ('unpromised', 'promised', 'untouched')]
    print(f"frames: {int(pmm['total'])} of RAM, {sum(shares) + held} free "
          f"({shares[1]} promised, {shares[2]} never touched, {held} held by CPUs), "
          f"{int(pmm['refused'])} frees refused")
    for owner in range(pmm['owned'].type.range()[1] + 1):
        count = sum(int(part['owned'][owner]) for part in parts) % 2 ** 64
        if count:
            print(f'  {names.get(owner, owner):12} {count:9} frames {kib(count):>12}')


def show_heap(argument=''):
    """Totals of the heap; with an address the object or guard it lies in."""
    require_high()
    heap = kernel_value('heap')
    if argument:
        return show_heap_page(heap, number(argument))
    stats = heap['stats']
    print(f"heap: {int(stats['objects'])} objects of {int(stats['object_bytes'])} bytes, "
          f"{int(stats['pages'])} pages, {int(stats['pages_present'])} with a frame, "
          f"{int(stats['faults'])} faults, {int(stats['lost_races'])} lost races, "
          f"{int(stats['refused'])} refused, {int(stats['regions'])} regions")
    lock = heap['lock']
    if int(lock['next']) != int(lock['now']):
        print(f"  its lock is held, by CPU {int(lock['holder']) - 1}")


def show_heap_page(heap, address):
    if not 0 <= address - L['HEAP_BASE'] < L['HEAP_BYTES']:
        raise GuestError(f'V:{address:016x} is not in the heap window: '
                         f'{words.window_of(address)}')
    page = (address - L['HEAP_BASE']) >> 12
    pointer = int(heap['info'][page // 512])
    print(f'V:{address:016x}: page {page} of the window')
    if not pointer:
        print('  its region has no tables: nothing there was ever given')
        return
    kind = gdb.lookup_type('struct heap_page')
    at = walk(Cpu().root, pointer + page % 512 * kind.sizeof)
    if at.phys is None:
        raise GuestError(f'the descriptor at V:{pointer:016x} is not mapped: {at.why}')
    info = gdb.Value(phys_read(at.phys, kind.sizeof), kind)
    name = enum_names('heap_page_kind', 'HEAP_PAGE_').get(int(info['kind']), '?')
    print(f'  {name}' + {
        'slab': f", class {int(info['class_index'])}, {int(info['used'])} live objects",
        'run': f", {int(info['run']['pages'])} pages for {int(info['run']['bytes'])} bytes",
        'tail': f", of the run at page {int(info['link'])}",
        'guard': f", beside the run at page {int(info['link'])}"}.get(name, ''))
    steps = walk(Cpu().root, address).steps
    print(f'  entry: {words.entry_words(steps[-1][2], steps[-1][0])}')


def log_records():
    """(level, text) of the ring, oldest first; stops at what is no whole record."""
    ring, _ = kernel_bytes(LOG_RING + '.bytes')
    head, at = (int(kernel_value(f'{LOG_RING}.{name}')) for name in ('head', 'tail'))
    twice = ring + ring     # records may wrap

    def take(position, count):
        return twice[position % len(ring):][:count]

    while head - at >= LOG_HEAD.size:
        magic, level, count = LOG_HEAD.unpack(take(at, LOG_HEAD.size))
        if magic != LOG_MAGIC or count > head - at - LOG_HEAD.size:
            return
        yield level, take(at + LOG_HEAD.size, count).decode('latin-1')
        at += LOG_HEAD.size + count


def show_log(count=30):
    """The last lines of the log's ring, also of what no sink has shown."""
    text = ''.join(text for _, text in log_records())
    if not text:
        print('the log is empty')
    print('\n'.join(text.splitlines()[-count:]))


def is_running(boot):
    """The newest bank is this boot's once the kernel has moved: it says where to."""
    return bool(boot.image and boot.image[0] == Image.placed >= L['IMAGE_BASE']
                and not (boot.ended or boot.death or boot.exception))


def show_lastboot(lines=10):
    """Both banks of the flight recorder as they lie in memory now, newest boot first."""
    try:
        import recorder
    except ImportError:
        raise GuestError('scripts/recorder.py is not in this tree: the raw bytes are '
                         f"at P:{L['RECORDER_PHYS']:#x} (plinth phys)") from None
    found = recorder.boots(phys_read(L['RECORDER_PHYS'], L['RECORDER_BYTES']))
    if not found:
        print('the recorder holds no boot')
    blob = symbols.make_blob(ElfTables.read(KERNEL))
    names = recorder.Names(blob, memory_span(Elf.read(KERNEL)))
    for index, boot in enumerate(found):
        told = boot.lines(names)
        if index == 0 and is_running(boot):
            told[0] = (f"boot {boot.count}: this boot, still running at "
                       f"'{boot.last_milestone}'")
        log = told.index('its log:') + 1 if 'its log:' in told else len(told)
        print('\n'.join(told[:log] + told[log:][-lines:]))
