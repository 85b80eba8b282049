# SPDX-License-Identifier: MIT
"""The processor of the stopped machine: mode, registers in words, descriptor tables."""
import struct

import words
from guest import Cpu, GuestError, Image, name_of, phys_read, quietly, virt_read

SEGMENTS = ('CS', 'SS', 'DS', 'ES', 'FS', 'GS')


def segment_at(address, size):
    """Like virt_read, but where paging is off a linear address is physical."""
    return virt_read(address, size) if Cpu().paging else phys_read(address, size)


def show_real(count=8):
    """CS:IP, segments, flags, stack, and the next instructions as the mode reads them."""
    cpu = Cpu()
    base = cpu.segments['CS'][1]
    width = 4 if cpu.mode == 'real mode' else 8
    print(f"{cpu.mode}, CS:IP {cpu.segments['CS'][0]:04x}:{cpu.ip:0{width}x}, "
          f'linear {base + cpu.ip:#x}, A20 {a20_words()}')
    print('  ' + '  '.join(f'{name} {cpu.segments[name][0]:04x}' for name in SEGMENTS))
    print(f'  flags {cpu.flags:06x}: {words.bits(cpu.flags, words.FLAGS)}')
    show_stack(cpu)
    code = quietly(f'monitor x /{count}i $pc').rstrip()
    print('\n'.join('  ' + line for line in code.splitlines()))


def a20_words():
    return 'on' if 'A20=1' in quietly('monitor info registers') else 'off'


def show_stack(cpu):
    """The eight words on top; in long mode eight quadwords with names."""
    long = cpu.mode == 'long mode'
    width = 8 if long else 2 if cpu.mode.endswith(('real mode', '16-bit code')) else 4
    sp = cpu.sp if width > 2 else cpu.sp & 0xFFFF
    top = (0 if long else cpu.segments['SS'][1]) + sp
    print(f"  SS:SP {cpu.segments['SS'][0]:04x}:{sp:x}")
    values = []
    for at in range(top, top + 8 * width, width):   # a stack may end before eight words
        try:
            values.append(int.from_bytes(segment_at(at, width), 'little'))
        except GuestError:
            break
    if not values:
        print(f'    nothing is mapped at {top:#x}')
    for part in (values[:4], values[4:]):
        if part:
            print('    ' + ' '.join(f'{value:0{2 * width}x}' for value in part))


def show_regs():
    """Control registers, EFER and flags in words, and where the CPU is."""
    cpu = Cpu()
    place = cpu.segments['CS'][1] + cpu.ip if cpu.mode != 'long mode' else cpu.ip
    name = name_of(place)
    print(f'{cpu.mode}, ring {cpu.segments["CS"][0] & 3 if cpu["CR0"] & 1 else 0}, at '
          f'{place:#x}' + (f' {name}' if name else ''))
    for register, names in (('CR0', words.CR0), ('CR4', words.CR4), ('EFER', words.EFER)):
        print(f'  {register:6} {cpu[register]:016x}  {words.bits(cpu[register], names)}')
    print(f"  CR2    {cpu['CR2']:016x}  {words.window_of(cpu['CR2'])}")
    print(f"  CR3    {cpu['CR3']:016x}  tables at P:{cpu.root:#x}"
          + ' (paging is off)' * (not cpu.paging))
    print(f'  flags  {cpu.flags:016x}  {words.bits(cpu.flags, words.FLAGS)}')
    for name in ('GDT', 'IDT'):
        base, limit = cpu.tables[name]
        print(f'  {name}    {base:016x}  limit {limit:#x}')
    for name in ('CS', 'SS', 'TR'):
        selector, base, limit, _ = cpu.segments[name]
        print(f'  {name}     {selector:04x}, base {base:#x}, limit {limit:#x}')
    fs, gs = (cpu.segments[name][1] for name in ('FS', 'GS'))
    print(f'  FS base {fs:#x}, GS base {gs:#x}')


def show_gdt():
    cpu = Cpu()
    base, limit = cpu.tables['GDT']
    used = {cpu.segments[name][0] & ~7: name for name in SEGMENTS[::-1] + ('TR',)}
    print(f'GDT at V:{base:016x}, limit {limit:#x}')
    if cpu.mode == 'real mode':
        print('  (real mode: not in use)')
    if limit < 7:
        return
    raw = segment_at(base, min(limit + 1, 0x400) & ~7)
    entries = [low for low, in struct.iter_unpack('<Q', raw)] + [0]
    skip = False
    for index, low in enumerate(entries[:-1]):
        if skip:
            skip = False
            continue
        # In long mode a system descriptor takes two slots; slot 0 is never one, whatever
        # stands there (stage2: what LGDT reads).
        skip = bool(index and cpu.long and low and not low >> 44 & 1)
        mark = f'  <- {used[index * 8]}' if index and index * 8 in used else ''
        if index == 0:
            print(f'  00 {low:016x} null')      # the processor never reads it
            continue
        print(f'  {index * 8:02x} {low:016x} '
              f'{words.segment_words(low, entries[index + 1] if skip else 0)}{mark}')


def gate(raw, cpu):
    """(selector, offset, type, dpl, present, IST) of a gate of this mode's length."""
    low = int.from_bytes(raw[:8], 'little')
    offset = low & 0xFFFF | low >> 32 & 0xFFFF0000
    ist = 0
    if cpu.long:
        offset |= int.from_bytes(raw[8:12], 'little') << 32
        ist = low >> 32 & 7
    return (low >> 16 & 0xFFFF, offset, low >> 40 & 15, low >> 45 & 3, low >> 47 & 1, ist)


def show_idt():
    """Gates with the function behind each; runs of equal gates are one line."""
    cpu = Cpu()
    base, limit = cpu.tables['IDT']
    print(f'IDT at V:{base:016x}, limit {limit:#x}, {cpu.mode}')
    if cpu.mode == 'real mode':
        vectors = struct.iter_unpack('<HH', phys_read(base, 32 * 4))
        for vector, (ip, cs) in enumerate(vectors):
            print(f'  {vector:02x} {words.VECTORS.get(vector, "-"):4} {cs:04x}:{ip:04x}')
        return
    size = 16 if cpu.long else 8
    raw = segment_at(base, min((limit + 1) // size, 256) * size)
    pending = None
    for vector in range(len(raw) // size):
        line = gate_words(gate(raw[vector * size:(vector + 1) * size], cpu))
        if vector >= 32 and pending and pending[2] == line.split('+')[0]:
            pending[1] = vector
            continue
        flush(pending)
        if vector < 32:
            print(f'  {vector:02x} {words.VECTORS.get(vector, "-"):4} {line}')
            pending = None
        else:
            pending = [vector, vector, line.split('+')[0]]
    flush(pending)


def flush(pending):
    if pending:
        last = f'..{pending[1]:02x}' if pending[1] != pending[0] else ''
        print(f'  {pending[0]:02x}{last} {pending[2]}')


def gate_words(parts):
    selector, offset, kind, dpl, present, ist = parts
    if not present:
        return 'not present'
    # First what is the same for neighbours: equal lines are joined.
    out = words.SYSTEM_TYPES.get(kind, f'type {kind}')
    out += f', selector {selector:02x}, ring {dpl}'
    if ist:
        out += f', IST{ist}'
    return f'{out}, {name_of(offset) or name_when_low(offset) or hex(offset)}'


def name_when_low(address):
    """Until the kernel has its own IDT, its gates lead to where stage2 loaded it."""
    return name_of(address - Image.phys + Image.placed)
