# SPDX-License-Identifier: MIT
"""The rules of the disk image, each with the reason it exists.

findings(image) yields one Finding per rule, good or bad. A damaged image never stops the
walk: what cannot be read is reported by the rule that needs it.
"""
import struct
from dataclasses import dataclass

import disk_format as fmt
import recorder
from disk_format import BASES, CONFIG, HEAD, L, MANIFEST
from elf64 import Elf, ElfError

PF_X, PF_W = 1, 2
REACH_BYTES = 64 << 20
# Places of the disk that begin with a sector of their own, whatever its size.
BORDERS = ('DISK_STAGE2_BODY', 'DISK_RESERVED', 'DISK_CONFIG', 'DISK_MANIFEST',
           'DISK_COPY_END', 'DISK_RECORDER', 'DISK_PARTITION', 'DISK_PAYLOAD')

# Rules about bytes from which the UUID is made.
IN_THE_UUID = ('mbr-head-crc', 'head-', 'body-rest', 'reserved-0x8000', 'chunks ',
               'payload-padding', 'gap')


@dataclass
class Finding:
    name: str
    why: str
    good: bool
    expected: object = None
    found: object = None
    advice: bool = False     # a rule that only some machines insist on
    told: str = ''           # how it is broken, where expected and found do not say it
    judged: bool = True

    @property
    def broken(self):
        return not self.good and not self.advice

    def __str__(self):
        mark = 'ok' if self.good else 'warn' if self.advice else 'BAD'
        line = f'{mark if self.judged else "-":4} {self.name:24} {self.why}'
        if self.good:
            return line
        told = self.told or f'expected {self.expected}, found {self.found}'
        return f'{line}: {told}'


def equal(name, why, expected, found, show=str):
    return Finding(name, why, expected == found, show(expected), show(found))


def hex32(value):
    return f'{value:#010x}'


def zeros(name, why, data, base):
    """A place that must be empty; the first byte that is not is named."""
    at = next((i for i, byte in enumerate(data) if byte), None) if any(data) else None
    found = '' if at is None else f'{data[at]:02x} at byte {base + at:#x}'
    return Finding(name, why, at is None, 'zeros', found)


def findings(image):
    data, broken = image.content(), []
    for rules in (size_rules(image), boot_sector_rules(data), partition_rules(data),
                  head_rules(data), config_rules(data), recorder_rules(data),
                  manifest_rules(data), payload_rules(data, image.size),
                  copy_rules(data, image.size)):
        for finding in rules:
            broken += [finding.name] * finding.broken
            yield finding
    yield uuid_rule(data, broken)


def size_rules(image):
    wanted = image.head['image_bytes']
    good = image.size >= wanted if image.is_device else image.size == wanted
    yield Finding('image-size', 'a cut image must be told from a whole one', good,
                  wanted, image.size)
    yield equal('image-mib', 'firmware rejects odd sizes; images are whole MiB',
                0, wanted % L['DISK_UNIT_BYTES'])
    yield Finding('image-least', 'firmware offers no disk of less than one cylinder',
                  wanted >= L['DISK_LEAST_BYTES'], f'at least {L["DISK_LEAST_BYTES"]}',
                  wanted)
    yield Finding('image-most', 'some BIOSes reach no further on a stick',
                  wanted <= REACH_BYTES, f'at most {REACH_BYTES}', wanted)
    odd = [name for name in BORDERS if L[name] % L['DISK_ALIGN']]
    yield Finding('image-4k-borders', 'one image fits sectors of 512 and of 4096 bytes',
                  not odd, f"multiples of {L['DISK_ALIGN']}", ', '.join(odd))


def boot_sector_rules(data):
    yield equal('mbr-signature', 'a BIOS starts no sector without 55 AA at its end',
                '55aa', data[L['MBR_SIGNATURE']:L['MBR_SIGNATURE'] + 2].hex())
    jump = data[0] == 0xEB and data[1] >= L['MBR_BPB_END'] - 2 and data[2] == 0x90
    far = data[0] == 0xE9 and data[1] | data[2] << 8 >= L['MBR_BPB_END'] - 3
    yield Finding('mbr-jump', 'firmware overwrites the BPB hole: code must jump over it',
                  jump or far, 'a jump beyond the hole', data[:3].hex())
    bpb = struct.unpack_from('<H', data, 0x0B) + struct.unpack_from('<HH', data, 0x18)
    yield Finding('mbr-bpb', 'some firmware hangs on a BPB that makes no sense',
                  bpb[0] == 512 and bpb[1] in range(1, 64) and bpb[2] in range(1, 256),
                  '512 bytes a sector, 1..63 sectors, 1..255 heads', bpb)
    begin, end = L['MBR_STAMP_BEGIN'], L['MBR_STAMP_END']
    yield zeros('mbr-time-stamp', 'Windows 9x writes a time stamp here', data[begin:end],
                begin)
    crc, length, marker, version = struct.unpack_from('<IHBB', data, L['MBR_HEAD_CRC'])
    yield equal('mbr-head-bytes', 'stage1 checks exactly the head',
                L['STAGE2_HEAD_BYTES'], length)
    at = L['DISK_STAGE2_HEAD']
    yield equal('mbr-head-crc', 'stage1 runs no damaged head',
                fmt.crc32c(data[at:at + L['STAGE2_HEAD_BYTES']]), crc, hex32)
    yield equal('mbr-base-marker', 'tells stage2 which copy the BIOS shows as LBA 0', 0,
                marker)
    yield equal('mbr-version', 'stage2 refuses a format it does not know',
                L['DISK_FORMAT_VERSION'], version)
    head = HEAD.unpack(data, at)
    yield equal('mbr-uuid', 'the drive is recognised by it when DL is wrong',
                head['uuid'].hex(), data[L['MBR_UUID']:L['MBR_UUID'] + 16].hex())
    signature, rest = struct.unpack_from('<IH', data, L['MBR_DISK_SIGNATURE'])
    yield equal('mbr-disk-signature', 'two disks with one signature confuse systems',
                (fmt.disk_signature(head['uuid']), 0), (signature, rest),
                lambda pair: f'{pair[0]:08x}/{pair[1]:04x}')


def partition_rules(data):
    table = data[L['MBR_PARTITIONS']:L['MBR_PARTITIONS'] + 64]
    active = sum(table[i] == 0x80 for i in range(0, 64, 16))
    yield equal('partition-active', 'many firmwares offer a stick only with exactly one '
                'active entry', 1, active)
    yield zeros('partition-others', 'further entries would make it another kind of disk',
                table[16:], L['MBR_PARTITIONS'] + 16)
    whole = HEAD.unpack(data, L['DISK_STAGE2_HEAD'])['image_bytes']
    first = struct.unpack_from('<I', table, 8)[0]
    sizes = [s for s in fmt.SECTOR_SIZES if L['DISK_PARTITION'] // s == first]
    yield Finding('partition-start', 'the second boot sector lies at 1 MiB', bool(sizes),
                  ' or '.join(str(L['DISK_PARTITION'] // s) for s in fmt.SECTOR_SIZES),
                  first)
    right = fmt.partition_entry(min(whole, 1 << 40), sizes[0] if sizes else 512)
    yield equal('partition-entry', '1 MiB to the end, type DA, CHS by 255/63',
                right.hex(' '), table[:16].hex(' '))


    gpt = [at for at in fmt.SECTOR_SIZES if data[at:at + 8] == b'EFI PART']
    yield Finding('partition-no-gpt', 'Lenovo and HP CSMs do not start GPT media',
                  not gpt, 'no GPT header', f'one at bytes {gpt}')


def head_rules(data):
    head = HEAD.unpack(data, L['DISK_STAGE2_HEAD'])
    yield equal('head-magic', 'stage1 has loaded the right thing',
                L['STAGE2_HEAD_MAGIC'], head['magic'], hex32)
    yield equal('head-version', 'stage2 and the tool agree on the format',
                L['DISK_FORMAT_VERSION'], head['version'])
    count, at = head['body_bytes'], L['DISK_STAGE2_BODY']
    yield Finding('head-body-bytes', 'so much of the body is loaded and checked',
                  fmt.body_bytes_good(count),
                  f"whole sectors up to {L['STAGE2_BODY_BYTES']}", count)
    count = min(count, L['STAGE2_BODY_BYTES'])
    crc = fmt.crc32c(data[at:at + count])
    yield equal('head-body-crc', 'stage2 runs no damaged body', crc, head['body_crc32c'],
                hex32)
    yield Finding('head-build-id', 'a report must name the build', any(head['build_id']),
                  'not all zeros', 'zeros')
    yield zeros('body-rest', 'nothing hides behind stage2',
                data[at + count:at + L['STAGE2_BODY_BYTES']], at + count)
    yield zeros('reserved-0x8000', 'kept for a longer stage2',
                data[L['DISK_RESERVED']:L['DISK_CONFIG']], L['DISK_RESERVED'])


def uuid_rule(data, broken):
    """The last one: a flipped bit that another rule has found is one fault, not two."""
    cause = next((name for name in broken if name.startswith(IN_THE_UUID)), None)
    if cause:
        return Finding('head-uuid', f'not judged: made from the content, and {cause} is '
                       'broken', True, judged=False)
    head = HEAD.unpack(data, L['DISK_STAGE2_HEAD'])
    return equal('head-uuid', 'made from the content, so that two builds differ',
                 fmt.uuid_text(fmt.content_uuid(data)), fmt.uuid_text(head['uuid']))


def config_rules(data):
    for number, base in enumerate(BASES):
        at = base + L['DISK_CONFIG']
        slot, tag = data[at:at + L['CONFIG_BYTES']], f'config{number + 1}'
        head = CONFIG.unpack(slot)
        yield equal(f'{tag}-magic', 'an empty slot is no configuration',
                    L['CONFIG_MAGIC'], head['magic'], hex)
        fits = head['text_bytes'] <= fmt.CONFIG_TEXT_MAX
        yield Finding(f'{tag}-length', 'text and its final NUL fit in the slot', fits,
                      f'at most {fmt.CONFIG_TEXT_MAX}', head['text_bytes'])
        text = slot[CONFIG.bytes:CONFIG.bytes + head['text_bytes']]
        yield equal(f'{tag}-crc', 'garbage is refused, defaults are used',
                    fmt.crc32c(text), head['text_crc32c'], hex32)
        odd = next((byte for byte in text if not 32 <= byte <= 126), None)
        yield Finding(f'{tag}-text', 'it is printed by the kernel', odd is None,
                      'printable ASCII', f'byte {odd or 0:#04x}')
        rest = CONFIG.bytes + min(head['text_bytes'], fmt.CONFIG_TEXT_MAX)
        yield zeros(f'{tag}-rest', 'one text has one form', slot[rest:], at + rest)


def recorder_rules(data):
    for number, base in enumerate(BASES):
        at = base + L['DISK_RECORDER']
        slot = data[at:at + L['RECORDER_BYTES']]
        yield Finding(f'recorder{number + 1}', 'what lastboot tells was written by a boot',
                      not recorder.slot_is_damaged(slot),
                      f'zeros or the records of a boot at byte {at:#x}',
                      'bytes without one sound record')


def manifest_rules(data):
    for number, base in enumerate(BASES):
        at, tag = base + L['DISK_MANIFEST'], f'manifest{number + 1}'
        slot = data[at:at + L['MANIFEST_BYTES']]
        faults = fmt.manifest_faults(slot)
        yield Finding(tag, 'stage2 loads nothing that no valid manifest names',
                      not faults,
                      ', '.join(f'{name} {wanted}' for name, wanted, _ in faults),
                      ', '.join(str(found) for _, _, found in faults))
        whole = HEAD.unpack(data, L['DISK_STAGE2_HEAD'])
        head = MANIFEST.unpack(slot)
        yield equal(f'{tag}-identity', 'manifest and stage2 are of one build',
                    (whole['uuid'].hex(), whole['image_bytes']),
                    (head['uuid'].hex(), head['image_bytes']))
    gap = L['DISK_MANIFEST'] + L['MANIFEST_BYTES']
    yield zeros('reserved-0xe000', 'kept for a longer manifest',
                data[gap:L['DISK_COPY_END']], gap)


def payload_rules(data, size):
    """By the first valid manifest; without one only the two rules above speak."""
    slots = [data[b + L['DISK_MANIFEST']:][:L['MANIFEST_BYTES']] for b in BASES]
    slot = next((s for s in slots if not fmt.manifest_faults(s)), None)
    yield Finding('payload', 'nothing can be verified without a manifest',
                  slot is not None, 'a valid manifest', 'two damaged ones')
    if slot is None:
        return
    head, entries, crcs = fmt.manifest_parts(slot)
    kinds = [entry['kind'] for entry in entries]
    yield Finding('payload-kernel-first', 'stage2 places the kernel before all else',
                  kinds[:1] == [L['MANIFEST_KERNEL']]
                  and kinds.count(L['MANIFEST_KERNEL']) == 1
                  and set(kinds) <= {L['MANIFEST_KERNEL'], L['MANIFEST_SYMBOLS'],
                                     L['MANIFEST_MODULE']},
                  'kinds 1, then 2 and 3', kinds)
    end, chunk = L['DISK_PAYLOAD'], 0
    for entry in entries:
        name, begin = fmt.entry_name(entry) or '(no name)', entry['disk_offset']
        yield Finding(f'payload {name}', 'aligned for 4096-byte sectors, in order, no '
                      'overlap, inside the image',
                      begin % L['DISK_ALIGN'] == 0 and begin >= end
                      and entry['bytes'] > 0
                      and begin + entry['bytes'] <= min(len(data), size)
                      and entry['name'].count(b'\0') > 0,
                      f"a multiple of {L['DISK_ALIGN']:#x} in {end:#x}..{len(data):#x}",
                      f"{begin:#x}+{entry['bytes']:#x}" + cut_text(
                          size, begin + entry['bytes'], ', and '))
        content = data[begin:begin + entry['bytes']]
        yield chunk_rule(name, entry, content, crcs, chunk, size)
        chunk += -(-entry['bytes'] // L['CHUNK_BYTES'])
        end = max(end, begin + entry['bytes'])
    yield equal('payload-chunk-count', 'each chunk belongs to one entry', chunk,
                len(crcs))
    yield zeros('payload-padding', 'nothing hides behind the payload', data[end:], end)
    if entries:
        yield from kernel_rules(data, entries)


def cut_text(size, needed, before=''):
    """Words for bytes that are not there; content() has zeros in their place."""
    return f'{before}the file ends at byte {size:#x}' if size < needed else ''


def chunk_rule(name, entry, content, crcs, chunk, size):
    why = 'each 32 KiB is verified as it is read'
    if entry['first_chunk'] != chunk:
        return Finding(f'chunks {name}', why, False, f'first chunk {chunk}',
                       entry['first_chunk'])
    for i, part in enumerate(fmt.chunks(content)):
        stored = crcs[chunk + i] if chunk + i < len(crcs) else 0
        crc = fmt.crc32c(part)
        if crc != stored:
            at = entry['disk_offset'] + i * L['CHUNK_BYTES']
            return Finding(f'chunks {name}', why, False,
                           f'{hex32(stored)} for chunk {i} at byte {at:#x}', hex32(crc),
                           told=cut_text(size, at + len(part)))
    return Finding(f'chunks {name}', why, True)


def kernel_rules(data, entries):
    kernel = entries[0]
    content = data[kernel['disk_offset']:kernel['disk_offset'] + kernel['bytes']]
    try:
        elf = Elf(content, 'kernel')
        loads, build_id = elf.loads(), elf.build_id()
    except (ElfError, struct.error) as error:
        yield Finding('kernel-elf', 'stage2 loads ELF64 for x86-64', False, 'ELF64',
                      error)
        return
    yield Finding('kernel-elf', 'stage2 loads ELF64 for x86-64', bool(loads),
                  'PT_LOAD segments', 'none')
    both = [s for s in loads if s['flags'] & PF_W and s['flags'] & PF_X]
    yield Finding('kernel-w-xor-x', 'no segment is writable and executable', not both,
                  'none', len(both))
    unit = L['PAGE_2M_BYTES']
    last = max((s['paddr'] + s['memory_bytes'] for s in loads), default=0)
    first = min((s['paddr'] for s in loads), default=0) // unit * unit
    yield equal('kernel-memory', 'stage2 looks for this much free memory',
                fmt.round_up(last - first, unit), kernel['memory_bytes'], hex)
    inside = all(s['offset'] + s['file_bytes'] <= len(content)
                 and s['file_bytes'] <= s['memory_bytes'] for s in loads)
    yield Finding('kernel-segments', 'each segment lies in the file', inside,
                  f'at most {len(content)} bytes', 'a segment beyond')
    head_id = HEAD.unpack(data, L['DISK_STAGE2_HEAD'])['build_id']
    yield equal('kernel-build-id', 'the reported build is the one that runs',
                head_id.hex(), (build_id or b'').hex())
    for entry in entries:
        if entry['kind'] == L['MANIFEST_SYMBOLS']:
            blob = data[entry['disk_offset']:entry['disk_offset'] + entry['bytes']]
            yield Finding('symbols-build-id', 'names of another build would lie',
                          head_id in blob[:64], head_id.hex(), 'another build-id')


def copy_rules(data, size):
    """Named per part, so that a flipped bit is found by name, whichever copy it hit: which
    of the two is damaged is told by the checksums."""
    base = L['DISK_PARTITION']
    parts = (('boot-sector', 0, L['DISK_STAGE2_HEAD']),
             ('head', L['DISK_STAGE2_HEAD'], L['DISK_STAGE2_BODY']),
             ('body', L['DISK_STAGE2_BODY'], L['DISK_RESERVED']),
             ('config', L['DISK_CONFIG'], L['DISK_MANIFEST']),
             ('manifest', L['DISK_MANIFEST'], L['DISK_COPY_END']))
    for name, begin, end in parts:
        first, second = bytearray(data[begin:end]), data[base + begin:base + end]
        if begin <= L['MBR_BASE_MARKER'] < end:
            first[L['MBR_BASE_MARKER'] - begin] = 1
        at = next((i for i in range(end - begin) if first[i] != second[i]), None)
        yield Finding(f'copy-{name}', 'the copy in the partition boots on its own',
                      at is None, told='' if at is None else
                      cut_text(size, base + begin + at + 1) or
                      f'byte {base + begin + at:#x} differs from the first copy: '
                      f'{first[at]:02x} there, {second[at]:02x} here')
    gap = L['DISK_RECORDER'] + L['RECORDER_BYTES']
    yield zeros('gap', 'nothing hides before the partition', data[gap:base], gap)
