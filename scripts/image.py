#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Seals, shows, changes and checks Plinth's disk image.

  image.py seal --disk disk.elf --kernel F --symbols F --modules F --build-id HEX
                [--config TEXT] RAW OUT
      fill in checksums, UUID, partition table, manifest and the second copy: nothing
      else
  image.py show [--json] IMAGE
      what the image holds
  image.py set IMAGE KEY=VALUE ... | --text TEXT | --clear
      change the boot configuration in both copies (KEY= removes a key);
      sector=4096 or sector=512 rewrites the partition entry for that sector size
  image.py lastboot IMAGE
      the last words of a boot that ended badly, as recorder=disk has the loader keep
      them
  image.py check [--quiet] IMAGE
      every rule of the image, one line each; --quiet prints only the broken ones.
      An image of somebody else is judged by what BIOSes ask of any: BAD does not
      boot or is cut, warn names machines that will not have it

IMAGE is a file or a device. Exit: 0 good, 1 check found something bad, show a
cut image or lastboot no boot, 2 bad input (one line says what; nothing was changed).
"""
import argparse
import json
import os
import re
import struct
import sys
import tempfile

import disk_format as fmt
from disk_format import (BASES, ENTRY, HEAD, Image, ImageError, L, MANIFEST, NotOursError,
                         round_up)
from elf64 import Elf, ElfError

FOREIGN_BYTES = 1 << 30
BLOBS = (('kernel', L['MANIFEST_KERNEL'], 'kernel.elf'),
         ('symbols', L['MANIFEST_SYMBOLS'], 'symbols'),
         ('modules', L['MANIFEST_MODULE'], None))


def read_file(path):
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError as error:
        raise ImageError(f'{path}: {error.strerror}') from None


def write_new(path, data):
    """All or nothing: a reader of `path` never sees half an image."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix='.seal-')
        with os.fdopen(handle, 'wb') as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        raise ImageError(f'{path}: {error.strerror}') from None


def fill(image, offset, data, what):
    """Writes into a place that the link left empty, or that holds the same already."""
    there = image[offset:offset + len(data)]
    if there != data and any(there):
        raise ImageError(f'{what}: bytes {offset:#x}..{offset + len(data):#x} of the '
                         'linked image are not empty')
    image[offset:offset + len(data)] = data


def find_blobs(raw, options):
    """The payload as (kind, name, disk offset, bytes), each compared with its file."""
    disk = Elf.read(options.disk)
    symbols, found, end = disk.symbols(), [], L['DISK_PAYLOAD']
    for option, kind, name in BLOBS:
        path = getattr(options, option)
        data = read_file(path)
        try:
            begin = symbols[f'payload_{option}_begin']
            after = symbols[f'payload_{option}_end']
        except KeyError as error:
            raise ImageError(f'{options.disk}: no symbol {error}') from None
        if after - begin != len(data):
            raise ImageError(f'{options.disk}: {option} takes {after - begin} bytes, '
                             f'{path} has {len(data)}')
        if not data:
            continue
        if begin % L['DISK_ALIGN'] or begin < end:
            raise ImageError(f'{options.disk}: {option} at {begin:#x}: must be a '
                             f"multiple of {L['DISK_ALIGN']:#x} at or above {end:#x}")
        if raw[begin:after] != data:
            raise ImageError(f'{options.disk}: the bytes at {begin:#x} are not {path}')
        found.append((kind, name or os.path.basename(path), begin, data))
        end = after
    if not found or found[0][0] != L['MANIFEST_KERNEL']:
        raise ImageError(f'{options.kernel}: the kernel is empty')
    return found


def memory_span(elf):
    """Bytes that the segments take in memory, from their 2 MiB-aligned base on."""
    loads = elf.loads()
    if not loads:
        raise ImageError(f'{elf.name}: no PT_LOAD segment')
    unit = L['PAGE_2M_BYTES']
    begin = min(s['paddr'] for s in loads) // unit * unit
    return round_up(max(s['paddr'] + s['memory_bytes'] for s in loads) - begin, unit)


def build_manifest(blobs, kernel_span, image_bytes, image_uuid):
    entries, crcs = b'', []
    for kind, name, offset, data in blobs:
        raw_name = name.encode('ascii', 'replace')
        if len(raw_name) >= L['BOOT_NAME_BYTES']:
            raise ImageError(f"{name}: a module's name has at most "
                             f"{L['BOOT_NAME_BYTES'] - 1} characters")
        entries += ENTRY.pack({
            'kind': kind, 'first_chunk': len(crcs), 'disk_offset': offset,
            'bytes': len(data), 'name': raw_name,
            'memory_bytes': kernel_span if kind == L['MANIFEST_KERNEL'] else 0})
        crcs += map(fmt.crc32c, fmt.chunks(data))
    total = MANIFEST.bytes + len(entries) + 4 * len(crcs)
    if total > L['MANIFEST_BYTES']:
        raise ImageError(f'manifest: {len(crcs)} chunks need {total} bytes, '
                         f"the slot has {L['MANIFEST_BYTES']}")
    head = {'magic': L['MANIFEST_MAGIC'], 'version': L['DISK_FORMAT_VERSION'],
            'crc32c': 0, 'manifest_bytes': total, 'entry_count': len(blobs),
            'chunk_count': len(crcs), 'chunk_bytes': L['CHUNK_BYTES'],
            'image_bytes': image_bytes,
            'uuid': image_uuid}
    table = struct.pack(f'<{len(crcs)}I', *crcs)
    head['crc32c'] = fmt.crc32c(MANIFEST.pack(head) + entries + table)
    return (MANIFEST.pack(head) + entries + table).ljust(L['MANIFEST_BYTES'], b'\0')


def fill_head(image, build_id):
    """All of stage2's head but the UUID, which is made from the rest."""
    at, body = L['DISK_STAGE2_HEAD'], L['DISK_STAGE2_BODY']
    head = HEAD.unpack(image, at)
    for field, wanted in (('magic', L['STAGE2_HEAD_MAGIC']),
                          ('version', L['DISK_FORMAT_VERSION'])):
        if head[field] not in (0, wanted):
            raise ImageError(f'stage2 head: {field} is {head[field]:#x}, '
                             f'this tool writes {wanted:#x}')
        head[field] = wanted
    if not fmt.body_bytes_good(head['body_bytes']):
        raise ImageError(f"stage2 head: body_bytes is {head['body_bytes']:#x}, not whole "
                         f"sectors up to {L['STAGE2_BODY_BYTES']:#x}")
    for field in ('body_crc32c', 'image_bytes'):
        if head[field]:
            raise ImageError(f'stage2 head: {field} is filled in already')
    head['body_crc32c'] = fmt.crc32c(image[body:body + head['body_bytes']])
    head['image_bytes'] = len(image)
    head['build_id'] = build_id
    image[at:at + HEAD.bytes] = HEAD.pack(head)


def fill_boot_sector(image, image_uuid):
    at = L['DISK_STAGE2_HEAD']
    crc = fmt.crc32c(image[at:at + L['STAGE2_HEAD_BYTES']])
    fields = struct.pack('<IHBB16s', crc, L['STAGE2_HEAD_BYTES'], 0,
                         L['DISK_FORMAT_VERSION'], image_uuid)
    fill(image, L['MBR_FIELDS'], fields, 'boot sector fields')
    fill(image, L['MBR_DISK_SIGNATURE'],
         struct.pack('<IH', fmt.disk_signature(image_uuid), 0), 'disk signature')
    fill(image, L['MBR_PARTITIONS'],
         fmt.partition_entry(len(image), 512).ljust(64, b'\0'), 'partition table')
    fill(image, L['MBR_SIGNATURE'], b'\x55\xaa', 'boot signature')


def seal(options):
    if not re.fullmatch('[0-9a-f]{40}', options.build_id):
        raise ImageError(f'--build-id: {options.build_id!r} is not 40 hex digits')
    raw = read_file(options.raw)
    blobs = find_blobs(raw, options)
    kernel = Elf(blobs[0][3], options.kernel)
    end = blobs[-1][2] + len(blobs[-1][3])
    if any(raw[end:]):
        raise ImageError(f'{options.raw}: there is something behind the payload, at or '
                         f'above {end:#x}')
    least = max(round_up(end, L['DISK_UNIT_BYTES']), L['DISK_LEAST_BYTES'])
    image = bytearray(raw[:end].ljust(least, b'\0'))
    fill_head(image, bytes.fromhex(options.build_id))
    image_uuid = fmt.content_uuid(image)
    fill(image, L['DISK_STAGE2_HEAD'] + HEAD.fields['uuid'][0], image_uuid,
         'stage2 head')
    fill_boot_sector(image, image_uuid)
    fill(image, L['DISK_CONFIG'], fmt.config_slot(options.config), 'configuration')
    fill(image, L['DISK_MANIFEST'],
         build_manifest(blobs, memory_span(kernel), len(image), image_uuid), 'manifest')
    copy = bytearray(image[:L['DISK_COPY_END']])
    copy[L['MBR_BASE_MARKER']] = 1
    fill(image, L['DISK_PARTITION'], copy, 'second copy')
    write_new(options.out, image)


def merge_keys(text, changes):
    """The text with keys replaced in place, added at the end, or removed (KEY=)."""
    words = text.split()
    for key, value in changes:
        new = [f'{key}={value}'] if value else []
        at = [i for i, word in enumerate(words) if word.partition('=')[0] == key]
        if at:
            words[at[0]:at[0] + 1] = new
            words = [word for i, word in enumerate(words)
                     if i < at[0] + len(new) or word.partition('=')[0] != key]
        else:
            words += new
    return ' '.join(words)


def warn_of_repeats(pairs):
    """Names each key that is given more than once."""
    for key in sorted({key for key, _ in pairs}):
        values = [value for name, value in pairs if name == key]
        if len(values) > 1:
            print(f'configuration: {key} is given {len(values)} times; the last one, '
                  f'{key}={values[-1]}, is used', file=sys.stderr)


def parse_changes(words):
    changes = []
    for word in words:
        found = re.fullmatch(r'([a-z][a-z0-9_.-]*)=(\S*)', word)
        if not found:
            raise ImageError(f'{word!r}: expected KEY=VALUE, the key in lower-case '
                             'letters, the value without blanks')
        changes.append(found.groups())
    warn_of_repeats(changes)
    return changes


def sector_given(words):
    """The value of the word sector=, which is none of the configuration, or None."""
    given = [word.partition('=')[2] for word in words if word.startswith('sector=')]
    if len(given) > 1:
        raise ImageError(f'sector is given {len(given)} times; expected one, 512 or '
                         '4096')
    if given and given[0] not in map(str, fmt.SECTOR_SIZES):
        raise ImageError(f'sector={given[0]}: 512 or 4096')
    return int(given[0]) if given else None


def new_config(image, options, changes):
    if options.clear or options.text is not None:
        text = options.text or ''
        warn_of_repeats([word.split('=', 1) for word in text.split() if '=' in word])
        return text
    text, copy = image.config()
    if copy is None:
        print(f'{image.path}: both copies of the configuration were damaged; '
              'starting from an empty one', file=sys.stderr)
    return merge_keys(text, changes)


def set_config(options):
    if sum((bool(options.words), options.text is not None, options.clear)) != 1:
        raise ImageError('set: give either KEY=VALUE words, or --text, or --clear')
    sector = sector_given(options.words)
    changes = parse_changes(word for word in options.words
                            if not word.startswith('sector='))
    image = Image(options.image, write=True)
    image.require_whole()
    # The second copy first: cut off in between, one of the two is always whole.
    if changes or not sector:
        slot = fmt.config_slot(new_config(image, options, changes))
        for base in reversed(BASES):
            image.write(base + L['DISK_CONFIG'], slot)
    if sector:
        entry = fmt.partition_entry(image.head['image_bytes'], sector)
        for base in reversed(BASES):
            image.write(base + L['MBR_PARTITIONS'], entry)


KIND_NAMES = {L['MANIFEST_KERNEL']: 'kernel', L['MANIFEST_SYMBOLS']: 'symbols',
              L['MANIFEST_MODULE']: 'module'}


def describe(image):
    """The image as plain values: what `show` prints and tests compare."""
    text, copy = image.config()
    first, count = struct.unpack('<II', image.read(L['MBR_PARTITIONS'] + 8, 8))
    signature = int.from_bytes(image.read(L['MBR_DISK_SIGNATURE'], 4), 'little')
    body = image.read(L['DISK_STAGE2_BODY'], L['STAGE2_BODY_BYTES'])
    facts = {
        'path': image.path, 'bytes': image.size,
        'image_bytes': image.head['image_bytes'],
        'uuid': fmt.uuid_text(image.head['uuid']),
        'build_id': image.head['build_id'].hex(),
        'disk_signature': f'{signature:08x}',
        'partition': {'first_lba': first, 'lba_count': count,
                      'sector_bytes': L['DISK_PARTITION'] // first if first else 0},
        'stage2_body_used': len(body.rstrip(b'\0')),
        'config': {'text': text, 'copy': copy}, 'entries': []}
    manifest = image.manifest()
    for entry in manifest[1] if manifest else ():
        facts['entries'].append({
            'kind': KIND_NAMES.get(entry['kind'], 'unknown'),
            'name': fmt.entry_name(entry), 'disk_offset': entry['disk_offset'],
            'bytes': entry['bytes'], 'memory_bytes': entry['memory_bytes'],
            'chunks': -(-entry['bytes'] // L['CHUNK_BYTES'])})
    return facts


COPY_NAMES = {0: 'first copy', 1: 'second copy, the first is damaged',
              None: 'both copies damaged: defaults'}


def show(options):
    image = Image(options.image)
    facts = describe(image)
    print(json.dumps(facts, indent=1) if options.json else '\n'.join(lines_of(facts)))
    if image.cut_words():
        print(f'image.py: {image.path}: {image.cut_words()}', file=sys.stderr)
        return 1
    return 0


def lines_of(facts):
    """What `show` prints, as lines."""
    body = L['STAGE2_BODY_BYTES']
    part = facts['partition']
    yield (f"image      {facts['path']}: {facts['bytes']} bytes, "
           f"{facts['image_bytes'] >> 20} MiB by its head")
    yield f"uuid       {facts['uuid']}"
    yield f"build-id   {facts['build_id']}"
    yield (f"disk       signature {facts['disk_signature']}, partition from LBA "
           f"{part['first_lba']}, {part['lba_count']} sectors of {part['sector_bytes']}")
    yield f"stage2     body: {facts['stage2_body_used']} of {body} bytes used"
    yield (f"config     {facts['config']['text'] or '(empty)'}   "
           f"[{COPY_NAMES[facts['config']['copy']]}]")
    if not facts['entries']:
        yield 'manifest   both copies damaged'
    for entry in facts['entries']:
        memory = entry['memory_bytes']
        yield (f"{entry['kind']:10} {entry['name']}: {entry['bytes']} bytes at "
               f"{entry['disk_offset']:#x}, {entry['chunks']} chunks"
               + (f', {memory >> 20} MiB in memory' if memory else ''))


def lastboot(options):
    import recorder   # as below: the other commands do without
    image = Image(options.image)
    damaged = [at for at, data in recorder.image_slots(image)
               if recorder.slot_is_damaged(data)]
    for at in damaged:
        print(f'{options.image}: the recorder at byte {at:#x} is damaged: it holds bytes, '
              'but not one sound record', file=sys.stderr)
    found = recorder.image_boots(image)
    if not found and damaged:
        return 1
    if not found:
        print(f'{options.image}: no boot is on record (recorder=disk in the '
              'configuration has the loader write it)')
        return 1
    print('\n'.join(found[0].lines(recorder.image_names(image))))
    return 0


def rules_for(path):
    """The findings for an image of ours, or for somebody else's that has a boot sector."""
    import foreign_check   # the rules are of no use to the other commands
    import image_check
    try:
        return image_check.findings(Image(path))
    except NotOursError as error:
        kind = foreign_check.kind_of(error.start)
        if kind:
            raise ImageError(f'{error}; {kind}') from None
        print(f'{path}: not a Plinth image: judged by what BIOSes ask of any')
        return foreign_check.findings(read_start(path), error.size)


def read_start(path):
    """What the rules for foreign images look at: all that a BIOS reaches with ease."""
    with open(path, 'rb') as file:
        return file.read(FOREIGN_BYTES)


def check(options):
    bad = 0
    for finding in rules_for(options.image):
        bad += finding.broken
        if not (finding.good and options.quiet):
            print(finding)
    if bad:
        print(f'{options.image}: {bad} broken rule{"s" * (bad > 1)}', file=sys.stderr)
    return 1 if bad else 0


def parser():
    top = argparse.ArgumentParser(
        prog='image.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest='command', required=True, metavar='COMMAND')
    one = commands.add_parser('seal')
    for name in ('disk', 'kernel', 'symbols', 'modules', 'build-id'):
        one.add_argument('--' + name, required=True)
    one.add_argument('--config', default='')
    one.add_argument('raw')
    one.add_argument('out')
    one.set_defaults(run=seal)
    one = commands.add_parser('show')
    one.add_argument('--json', action='store_true')
    one.set_defaults(run=show)
    one.add_argument('image')
    one = commands.add_parser('set')
    one.add_argument('image')
    one.add_argument('words', nargs='*', metavar='KEY=VALUE')
    one.add_argument('--text')
    one.add_argument('--clear', action='store_true')
    one.set_defaults(run=set_config)
    one = commands.add_parser('lastboot')
    one.add_argument('image')
    one.set_defaults(run=lastboot)
    one = commands.add_parser('check')
    one.add_argument('--quiet', action='store_true')
    one.add_argument('image')
    one.set_defaults(run=check)
    return top


def main():
    options = parser().parse_args()
    try:
        return options.run(options) or 0
    except (ImageError, ElfError) as error:
        print(f'image.py: {error}', file=sys.stderr)
    except OSError as error:
        print(f'image.py: {error.filename or options.command}: {error.strerror}',
              file=sys.stderr)
    return 2


if __name__ == '__main__':
    sys.exit(main())
