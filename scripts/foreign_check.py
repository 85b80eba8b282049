# SPDX-License-Identifier: MIT
"""What can be judged of any disk image that a BIOS is to start, whoever made it.

findings(data, size, path) yields one Finding per rule, as image_check does for our own
images. BAD means that no BIOS starts it, or that bytes are lost; warn names a firmware
that does not get along with it, and is no defect of the image elsewhere.
"""
import struct
from dataclasses import dataclass

import disk_format as fmt
from disk_format import L
from image_check import REACH_BYTES, Finding

TYPE_GPT, TYPES_EXTENDED = 0xEE, (0x05, 0x0F, 0x85)
FAT_BPB_END = 0x3E       # of FAT12 and FAT16, the shortest that is in use
CYLINDER_BYTES = 16 * 63 * 512   # the least that SeaBIOS offers from AHCI, NVMe and USB


@dataclass
class Entry:
    number: int
    status: int
    chs_end: bytes
    kind: int
    first: int
    count: int

    @property
    def used(self):
        return self.kind != 0 or self.count != 0

    def __str__(self):
        return f'entry {self.number}: type {self.kind:02X}, LBA {self.first}+{self.count}'


def partition_table(data):
    for number in range(4):
        raw = data[L['MBR_PARTITIONS'] + 16 * number:][:16]
        first, count = struct.unpack_from('<II', raw, 8)
        yield Entry(number + 1, raw[0], raw[5:8], raw[4], first, count)


def advice(name, why, good, expected='', found=''):
    return Finding(name, why, good, expected, found, advice=True)


def kind_of(data):
    """In words what a file without a boot sector is; None for one that has one."""
    signature = L['MBR_SIGNATURE']
    if data[signature:signature + 2] == b'\x55\xaa':
        return None
    if data[0x8001:0x8006] == b'CD001':
        return 'a CD image without a boot sector: a stick with it does not boot'
    return f'no boot sector either: no 55 AA at byte {signature}'


def findings(data, size):
    entries = list(partition_table(data))
    used = [entry for entry in entries if entry.used]
    yield from size_rules(size)
    yield from code_rules(data)
    if plausible(entries):
        yield from table_rules(entries, used)
        yield from place_rules(data, size, used)
    else:
        yield advice('partition-table', 'machines that take a stick for a disk look for '
                     'one; without it they may not offer it', False, 'a partition table',
                     'none that makes sense (a file system or code from byte 0 on)')


def plausible(entries):
    """A table, not code or text that happens to lie there."""
    return (all(entry.status in (0, 0x80) for entry in entries)
            and any(entry.used for entry in entries))


def size_rules(size):
    yield Finding('size-sectors', 'a disk has whole sectors', size % 512 == 0,
                  'a multiple of 512', size)
    yield advice('size-mib', 'some firmware rejects odd sizes', size % (1 << 20) == 0,
                 'whole MiB', size)
    yield advice('size-least', 'AHCI, NVMe and USB firmware offers no disk of less than '
                 'one cylinder', size >= CYLINDER_BYTES,
                 f'at least {CYLINDER_BYTES}', size)


def code_rules(data):
    short = data[0] == 0xEB and data[2] == 0x90
    near = data[0] == 0xE9
    beyond = (short and data[1] >= FAT_BPB_END - 2
              or near and data[1] | data[2] << 8 >= FAT_BPB_END - 3)
    yield advice('code-jump', 'some firmware starts only sectors that begin with a jump '
                 '(others, rarely, only with 33)', short or near or data[0] == 0x33,
                 'EB xx 90, E9 xx xx or 33', data[:3].hex(' '))
    yield advice('code-bpb', 'firmware writes media byte, hidden sectors and drive number '
                 'into the BPB, bytes 03 to 3D: code there is overwritten',
                 beyond or not any(data[3:FAT_BPB_END]), 'a jump beyond byte 3D',
                 data[:3].hex(' '))
    begin, end = L['MBR_STAMP_BEGIN'], L['MBR_STAMP_END']
    stamp = data[begin:end]
    yield advice('code-time-stamp', 'Windows 9x writes a time stamp at DA to DF',
                 not any(stamp), 'zeros', stamp.hex(' '))
    signature = int.from_bytes(data[L['MBR_DISK_SIGNATURE']:][:4], 'little')
    yield advice('disk-signature', 'Windows writes one into a disk that has none',
                 signature != 0, 'not zero', f'{signature:08x}')


def table_rules(entries, used):
    active = [entry.number for entry in entries if entry.status == 0x80]
    yield Finding('partition-active-one', 'with two active entries a BIOS or a boot '
                  'sector refuses the table', len(active) <= 1, 'at most one', active)
    yield advice('partition-active', 'many firmwares offer a stick only with an active '
                 'entry', len(active) != 0, 'one', 'none')
    typeless = [entry.number for entry in used if entry.kind == 0]
    yield advice('partition-type', 'an entry of type 00 counts as empty',
                 not typeless, 'a type', f'entries {typeless} without')
    gpt = [entry for entry in used if entry.kind == TYPE_GPT]
    yield advice('partition-gpt', 'Lenovo and HP CSMs do not start GPT media; Dell hides '
                 'them when the protective entry is active', not gpt, 'plain MBR',
                 'GPT' + ', protective entry active' * any(e.status for e in gpt))
    odd = [entry.number for entry in used if entry.kind not in TYPES_EXTENDED
           and entry.chs_end != fmt.CHS_END
           and (entry.chs_end[0], entry.chs_end[1] & 63) != (254, 63)]
    yield advice('partition-chs', 'firmware that takes a geometry from the end in CHS '
                 'finds 255 heads and 63 sectors only so', not odd,
                 'ends at head 254, sector 63', f'entries {odd} end elsewhere')


def place_rules(data, size, used):
    inside = [e for e in used if e.kind != TYPE_GPT]
    cut = [str(e) for e in inside if (e.first + e.count) * 512 > size]
    yield Finding('partition-inside', 'a cut image must be told from a whole one',
                  not cut, f'ends at or below LBA {size // 512}', '; '.join(cut))
    early = [str(e) for e in inside if e.first == 0 and e.kind not in TYPES_EXTENDED]
    yield advice('partition-start', 'a partition at LBA 0 holds its own table, and '
                 'systems disagree about which of the two it is', not early,
                 'LBA 1 or above', '; '.join(early))
    spans = sorted((e.first, e.first + e.count, e.number) for e in inside)
    crossed = [f'{a[2]} and {b[2]}' for a, b in zip(spans, spans[1:]) if b[0] < a[1]]
    yield Finding('partition-overlap', 'two partitions with common sectors destroy each '
                  'other', not crossed, 'none', ', '.join(crossed))
    for entry in (e for e in inside if e.status == 0x80):
        at = entry.first * 512
        sector = data[at:at + 512]
        yield advice('partition-boots', 'USB-ZIP firmware starts the first sector of the '
                     'partition, not of the disk', sector[510:] == b'\x55\xaa',
                     f'55 AA at byte {at + 510:#x}', sector[510:].hex() or 'the end')
        yield advice('reach', 'some BIOSes reach only the first 8, 32 or 137 GB, and '
                     'nothing reads faster than what is near', at < REACH_BYTES,
                     'a start in the first 64 MiB', f'byte {at:#x}')
