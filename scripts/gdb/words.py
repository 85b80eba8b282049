# SPDX-License-Identifier: MIT
"""Bits in words, and the kind of an address. Pure: no gdb in here."""
from disk_format import L

CR0 = {0: 'PE', 1: 'MP', 2: 'EM', 3: 'TS', 4: 'ET', 5: 'NE', 16: 'WP', 18: 'AM', 29: 'NW',
       30: 'CD', 31: 'PG'}
CR4 = {0: 'VME', 1: 'PVI', 2: 'TSD', 3: 'DE', 4: 'PSE', 5: 'PAE', 6: 'MCE', 7: 'PGE',
       8: 'PCE', 9: 'OSFXSR', 10: 'OSXMMEXCPT', 11: 'UMIP', 12: 'LA57', 13: 'VMXE',
       16: 'FSGSBASE', 17: 'PCIDE', 18: 'OSXSAVE', 20: 'SMEP', 21: 'SMAP', 22: 'PKE'}
EFER = {0: 'SCE', 8: 'LME', 10: 'LMA', 11: 'NXE', 12: 'SVME'}
FLAGS = {0: 'CF', 2: 'PF', 4: 'AF', 6: 'ZF', 7: 'SF', 8: 'TF', 9: 'IF', 10: 'DF',
         11: 'OF', 14: 'NT', 16: 'RF', 17: 'VM', 18: 'AC', 21: 'ID'}
PTE = {0: 'P', 1: 'W', 2: 'U', 3: 'PWT', 4: 'PCD', 5: 'A', 6: 'D', 63: 'NX'}
LEVELS = {4: 'PML4', 3: 'PDPT', 2: 'PD', 1: 'PT'}
SIZES = {3: '1G', 2: '2M', 1: '4K'}
PTE_ARMED = 0x200
FRAME = 0x000FFFFFFFFFF000
VECTORS = {0: '#DE', 1: '#DB', 2: 'NMI', 3: '#BP', 4: '#OF', 5: '#BR', 6: '#UD', 7: '#NM',
           8: '#DF', 10: '#TS', 11: '#NP', 12: '#SS', 13: '#GP', 14: '#PF', 16: '#MF',
           17: '#AC', 18: '#MC', 19: '#XM', 20: '#VE', 21: '#CP', 28: '#HV', 29: '#VC',
           30: '#SX'}
# System descriptors and gates (SDM vol. 3A, tables 3-1 and 3-2).
SYSTEM_TYPES = {1: 'TSS 16', 2: 'LDT', 3: 'TSS 16 busy', 4: 'call gate 16',
                5: 'task gate', 6: 'interrupt gate 16', 7: 'trap gate 16', 9: 'TSS',
                11: 'TSS busy', 12: 'call gate', 14: 'interrupt gate', 15: 'trap gate'}
WINDOWS = (('heap', 'HEAP'), ('direct map', 'DIRECT_MAP'), ('stacks', 'STACKS'),
           ('apertures', 'APERTURE'), ('frame table', 'FRAME_TABLE'),
           ('modules', 'MODULES'))


def bits(value, names):
    return ' '.join(word for bit, word in names.items() if value >> bit & 1)


def is_leaf(entry, level):
    return level == 1 or level < 4 and bool(entry & 0x80)


def entry_words(entry, level=1):
    """A page-table entry of a level as the kernel's own reports say it."""
    if not entry & 1:
        return 'armed' if entry == PTE_ARMED else 'empty' if not entry else 'not present'
    leaf = is_leaf(entry, level)
    low = {bit: word for bit, word in PTE.items() if bit != 63}
    out = [bits(entry, low)]
    if leaf and entry & 0x100:
        out.append('G')
    if entry >> 63:
        out.append('NX')
    if leaf:
        out.append(SIZES[level])
    return ' '.join(out)


def is_canonical(virt):
    return virt >> 47 in (0, 0x1FFFF)


def window_of(virt):
    """The window that layout.h gives an address, in words."""
    if not is_canonical(virt):
        return 'not canonical'
    if virt < L['NULL_GUARD_BYTES']:
        return 'the null page'
    if virt < L['USER_END']:
        return "a program's half"
    if virt >= L['IMAGE_BASE']:
        return 'kernel image'
    for name, key in WINDOWS:
        if 0 <= virt - L[key + '_BASE'] < L[key + '_BYTES']:
            if key == 'DIRECT_MAP':
                return f"direct map of P:{virt - L['DIRECT_MAP_BASE']:#x}"
            return name
    return 'no window'


def segment_words(low, high):
    """An eight-byte descriptor (with its upper half, for system ones) in words."""
    kind, dpl, present = low >> 40 & 15, low >> 45 & 3, low >> 47 & 1
    base = low >> 16 & 0xFFFFFF | low >> 56 << 24
    limit = low & 0xFFFF | low >> 32 & 0xF0000
    if low >> 55 & 1:
        limit = limit << 12 | 0xFFF
    if not low:
        return 'null'
    if not low >> 44 & 1:
        base |= (high & 0xFFFFFFFF) << 32
        words = [SYSTEM_TYPES.get(kind, f'type {kind}'),
                 f'base {base:#x} limit {limit:#x}']
    elif kind & 8:
        size = '64' if low >> 53 & 1 else '32' if low >> 54 & 1 else '16'
        words = [f'code {size}-bit']
        if size != '64':
            words.append(f'base {base:#x} limit {limit:#x}')
    else:
        words = ['data' + (' writable' if kind & 2 else ' read-only'),
                 f'base {base:#x} limit {limit:#x}']
    return ', '.join(words + [f'ring {dpl}'] + ['not present'] * (not present))
