# SPDX-License-Identifier: MIT
"""Page tables of the stopped machine, read through physical memory."""
from dataclasses import dataclass, field

import words
from disk_format import L
from guest import FRAME, Cpu, GuestError, name_of, phys_u64, table_read

PHYS_MAX = 1 << 52


@dataclass
class Walk:
    virt: int
    steps: list = field(default_factory=list)   # (level, slot, entry)
    phys: int = None
    why: str = ''                               # not '' exactly when phys is None


def walk(root, virt):
    """As the CPU does it; an entry that says no ends it with the reason."""
    out = Walk(virt)
    if not words.is_canonical(virt):
        out.why = 'not canonical'
        return out
    table = root
    for level in (4, 3, 2, 1):
        slot = virt >> 12 + 9 * (level - 1) & 511
        try:
            entry = phys_u64(table + 8 * slot)
        except GuestError:
            out.why = f'the table at P:{table:#x} is no memory'
            return out
        out.steps.append((level, slot, entry))
        if not entry & 1:
            out.why = 'not present'
            return out
        if words.is_leaf(entry, level):
            size = 4096 << 9 * (level - 1)
            out.phys = entry & FRAME & ~(size - 1) | virt & size - 1
            return out
        if level == 4 and entry & 0x80:
            out.why = 'reserved bit'
            return out
        table = entry & FRAME
    return out


def show_walk(virt):
    cpu = Cpu()
    name = name_of(virt)
    found = walk(cpu.root, virt) if cpu.paging else None
    window = words.window_of(virt)
    if found and found.phys == virt >= L['NULL_GUARD_BYTES']:
        window = 'the identity map'
    print(f'V:{virt:016x}, {window}' + (f', {name}' if name else ''))
    if not found:
        print(f'  paging is off: P:{virt:#x}')
        return
    print(f'  CR3 P:{cpu.root:#x}')
    for index, (level, slot, entry) in enumerate(found.steps):
        mark = f'  <== {found.why}' if found.why and index + 1 == len(found.steps) else ''
        print(f'  {words.LEVELS[level]:>4}[{slot:3}] {entry:016x} '
              f'{words.entry_words(entry, level)}{mark}')
    if found.phys is None:
        print(f'  no memory: {found.why}')
    else:
        rights = rights_of([entry for _, _, entry in found.steps])
        print(f'  P:{found.phys:#x}, {rights}')


def rights_of(entries):
    """What all levels together allow."""
    write = all(entry & 2 for entry in entries)
    user = all(entry & 4 for entry in entries)
    execute = not any(entry >> 63 for entry in entries)
    cache = ' uncached' if entries[-1] & 0x10 else ''
    return ('read' + ', write' * write + ', execute' * execute
            + ', ring 3 too' * user + cache)


@dataclass
class Run:
    virt: int
    bytes: int
    phys: int      # None: armed, no frame yet
    rights: str
    size: str

    def takes(self, other):
        if (other.virt, other.rights, other.size) != (self.virt + self.bytes, self.rights,
                                                      self.size):
            return False
        if self.phys is None or other.phys is None:
            return self.phys is other.phys
        # Frames of the heap come as they come: their order says nothing.
        return self.in_heap or other.phys == self.phys + self.bytes

    @property
    def in_heap(self):
        return 0 <= self.virt - L['HEAP_BASE'] < L['HEAP_BYTES']

    @property
    def where(self):
        if self.phys is None:
            return 'no frame yet'
        if self.in_heap and self.bytes > 4096:
            return 'scattered'
        return f'P:{self.phys:012x}'


def leaves(table, level, virt, above):
    """(virt, level, entry, entries from the top) of every leaf and every armed entry."""
    for slot, entry in enumerate(table_read(table)):
        here = virt + (slot << 12 + 9 * (level - 1))
        if level == 4 and slot >= 256:
            here |= 0xFFFF << 48
        if not entry & 1:
            if level == 1 and entry == words.PTE_ARMED:
                yield here, level, entry, above + [entry]
        elif words.is_leaf(entry, level):
            yield here, level, entry, above + [entry]
        elif entry & FRAME < PHYS_MAX:
            yield from leaves(entry & FRAME, level - 1, here, above + [entry])


def runs(root):
    """All that is mapped, neighbours of one kind joined."""
    last = None
    for virt, level, entry, entries in leaves(root, 4, 0, []):
        size = 4096 << 9 * (level - 1)
        if entry & 1:
            run = Run(virt, size, entry & FRAME & ~(size - 1), rights_of(entries),
                      words.SIZES[level])
        else:
            run = Run(virt, size, None, 'armed', '4K')
        if last and last.takes(run):
            last.bytes += run.bytes
            continue
        if last:
            yield last
        last = run
    if last:
        yield last


def show_map(only=''):
    """Everything that is mapped; `only` names a window, such as image or heap."""
    only = only.strip('"\'')
    known = ('lower half', *(name for name, _ in words.WINDOWS), 'kernel image',
             'no window')
    if not any(only in name for name in known):
        raise GuestError(f'{only}: no window; there are {", ".join(known)}')
    cpu = Cpu()
    if not cpu.paging:
        print(f'paging is off ({cpu.mode}): every address is physical')
        return
    print(f'CR3 P:{cpu.root:#x}')
    shown = False
    for run in runs(cpu.root):
        window = words.window_of(run.virt).partition(' of P:')[0]
        if run.virt < L['USER_END']:
            window = 'lower half'
        if only and only not in window:
            continue
        shown = True
        print(f'  V:{run.virt:016x} {run.bytes >> 10:>9} KiB {run.where:14} {run.size} '
              f'{run.rights:30} {window}')
    if not shown:
        which = next(name for name in known if only in name)
        print(f'  {which}: nothing is mapped there' if only else '  nothing')
