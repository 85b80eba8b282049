# SPDX-License-Identifier: MIT
"""image.py: seal, show, set, check, and that each rule of check bites.

Works on made-up inputs, so it needs neither the loader nor the kernel.
"""
import hashlib
import json
import struct
import uuid

import pytest

import samples
from disk_format import (BASES, CONFIG_TEXT_MAX, HEAD, MANIFEST, Image, L, config_slot,
                         content_uuid, crc32c, partition_entry)
from samples import BODY_BYTES, BUILD_ID, build_inputs, image_tool

SECOND = L['DISK_PARTITION']


@pytest.fixture(scope='module')
def original(tmp_path_factory):
    return samples.sealed(tmp_path_factory.mktemp('sealed')).read_bytes()


@pytest.fixture
def image(original, tmp_path):
    path = tmp_path / 'plinth.img'
    path.write_bytes(original)
    return path


def poke(path, offset, data):
    with open(path, 'r+b') as file:
        file.seek(offset)
        file.write(data)


def flip(path, offset, bit=0):
    with open(path, 'r+b') as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes((byte ^ 1 << bit,)))


def bad_rules(path):
    """Names of the broken rules by `check`; its exit status must agree."""
    code, out, _ = image_tool('check', path)
    bad = {line.split()[1] for line in out.splitlines() if line.startswith('BAD')}
    assert code == (1 if bad else 0), out
    return bad


def show(path):
    code, out, errors = image_tool('show', '--json', path)
    assert code == 0, errors
    return json.loads(out)


# --- checksums and UUID

def test_crc32c_of_known_texts():
    # RFC 3720, B.4, and the check value of the polynomial's catalogue entry.
    assert crc32c(b'123456789') == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b'\xff' * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b'') == 0


def test_crc32c_any_length_equals_bitwise():
    data = hashlib.sha256(b'plinth').digest() * 2
    for count in range(len(data)):
        crc = 0xFFFFFFFF
        for byte in data[:count]:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        assert crc32c(data[:count]) == crc ^ 0xFFFFFFFF


# --- seal

def test_sealed_image_is_good(image):
    assert bad_rules(image) == set()


def test_seal_repeats_byte_for_byte(original, tmp_path):
    assert samples.sealed(tmp_path).read_bytes() == original


def test_uuid_follows_the_content(original, tmp_path):
    out = tmp_path / 'other.img'
    words = build_inputs(tmp_path, kernel=samples.kernel_elf(fill=b'\x90'))
    assert image_tool('seal', *words, out)[0] == 0
    first, other = HEAD.unpack(original, 0x200)['uuid'], show(out)['uuid']
    assert other.replace('-', '') != first.hex()


def test_uuid_is_version_8(original):
    for fill in range(16):   # one in four would pass the variant by luck
        made = uuid.UUID(bytes=content_uuid(original + bytes((fill,))))
        assert (made.version, made.variant) == (8, uuid.RFC_4122)


def test_check_finds_a_recorder_without_a_record(image):
    poke(image, L['DISK_RECORDER'], b'last words')
    assert bad_rules(image) == {'recorder1'}
    poke(image, SECOND + L['DISK_RECORDER'] + L['RECORDER_BYTES'] - 1, b'x')
    assert bad_rules(image) == {'recorder1', 'recorder2'}


def test_seal_fills_in_nothing_else(original, tmp_path):
    build_inputs(tmp_path)
    raw = (tmp_path / 'disk.raw').read_bytes()
    raw = raw.ljust(len(original), b'\0')
    ours = [(L['MBR_FIELDS'], 512), (0x200, 0x200 + HEAD.bytes),
            (L['DISK_CONFIG'], L['DISK_COPY_END']),
            (SECOND, SECOND + L['DISK_COPY_END'])]
    for i in range(0, len(raw), 512):
        if raw[i:i + 512] != original[i:i + 512]:
            changed = [j for j in range(i, i + 512) if raw[j] != original[j]]
            assert all(any(a <= j < b for a, b in ours) for j in changed), hex(i)


def test_second_copy_differs_in_one_byte(original):
    first, second = original[:0x10000], original[SECOND:SECOND + 0x10000]
    differing = [i for i in range(0x10000) if first[i] != second[i]]
    assert differing == [L['MBR_BASE_MARKER']]
    assert (first[differing[0]], second[differing[0]]) == (0, 1)


def test_partition_table_by_hand(original):
    table = original[0x1BE:0x1FE]
    # Active, from C0 H32 S33 (LBA 2048), type DA, CHS end FE FF FF, 7 MiB of sectors.
    assert table[:16] == bytes.fromhex('80 20 21 00 da fe ff ff 00 08 00 00 00 38 00 00')
    assert table[16:] == bytes(48)


def test_partition_beyond_chs():
    assert partition_entry(16 << 30, 512)[5:8] == b'\xfe\xff\xff'


def test_manifest_by_hand(original, tmp_path):
    build_inputs(tmp_path)
    kernel = (tmp_path / 'kernel').read_bytes()
    at = 0xA000
    assert original[at:at + 8] == b'\0PLINTMF'
    version, crc, total, entries, chunks, step = struct.unpack_from('<6I', original,
                                                                    at + 8)
    assert (version, entries, step) == (1, 3, 0x8000)
    assert total == 56 + 3 * 64 + 4 * chunks
    kind, first, offset, count, memory = struct.unpack_from('<IIQQQ', original, at + 56)
    assert (kind, first, offset, count) == (1, 0, 0x120000, len(kernel))
    assert memory == 0x600000   # 0x403000 bytes of segments, in whole 2 MiB
    assert original[at + 88:at + 99] == b'kernel.elf\0'
    table = at + 56 + 3 * 64
    crcs = struct.unpack_from(f'<{chunks}I', original, table)
    assert crcs[0] == crc32c(kernel[:0x8000])
    assert crcs[-1] == crc32c(b'module text')
    body = bytearray(original[at:at + total])
    body[12:16] = bytes(4)
    assert crc == crc32c(body)


@pytest.mark.parametrize('breaking, message', [
    ('payload', 'the bytes at 0x120000 are not'),
    ('length', 'takes'),
    ('config', 'configuration: bytes 0x9000..0xa000 of the linked image are not empty'),
    ('copy', 'second copy: bytes'),
    ('fields', 'boot sector fields: bytes 0x1a0'),
    ('behind', 'there is something behind the payload'),
    ('build id', 'is not 40 hex digits'),
    ('missing', 'No such file'),
    ('disk', 'not a 64-bit little-endian ELF'),
    ('symbol', "no symbol 'payload_kernel_begin'"),
    ('kernel', 'kernel: not a 64-bit'),
    ('version', 'stage2 head: version is 0x9'),
])
def test_seal_refuses(breaking, message, tmp_path):
    words, out = build_inputs(tmp_path), tmp_path / 'out.img'
    raw = tmp_path / 'disk.raw'
    out.write_bytes(b'old')
    if breaking == 'payload':
        flip(raw, 0x120000)
    elif breaking == 'length':
        (tmp_path / 'symbols').write_bytes(b'short')
    elif breaking == 'config':
        poke(raw, 0x9100, b'x')
    elif breaking == 'copy':
        poke(raw, SECOND + 0x5000, b'x')
    elif breaking == 'fields':
        poke(raw, L['MBR_UUID'], b'x')
    elif breaking == 'behind':
        with open(raw, 'ab') as file:
            file.write(b'x')
    elif breaking == 'build id':
        words[words.index('--build-id') + 1] = 'abc'
    elif breaking == 'missing':
        (tmp_path / 'symbols').unlink()
    elif breaking == 'disk':
        (tmp_path / 'disk.elf').write_bytes(b'no ELF')
    elif breaking == 'symbol':
        (tmp_path / 'disk.elf').write_bytes(samples.elf())
    elif breaking == 'kernel':
        words = build_inputs(tmp_path, kernel=b'no ELF at all')
    elif breaking == 'version':
        poke(raw, 0x200 + HEAD.fields['version'][0], b'\x09')
    code, stdout, errors = image_tool('seal', *words, out)
    assert (code, stdout) == (2, '')
    assert message in errors and len(errors.splitlines()) == 1, errors
    assert out.read_bytes() == b'old'


def test_seal_without_symbols_and_modules(tmp_path):
    out = tmp_path / 'bare.img'
    words = build_inputs(tmp_path, symbols=b'', modules=b'')
    assert image_tool('seal', *words, out)[0] == 0
    assert bad_rules(out) == set()
    assert [entry['kind'] for entry in show(out)['entries']] == ['kernel']


def test_seal_with_configuration(tmp_path):
    out = tmp_path / 'set.img'
    words = build_inputs(tmp_path)
    code, _, errors = image_tool('seal', *words, '--config', 'a=1 b', out)
    assert code == 0, errors
    assert show(out)['config'] == {'text': 'a=1 b', 'copy': 0}


# --- show and set

def test_show_names_everything(image):
    facts = show(image)
    assert facts['build_id'] == BUILD_ID.hex()
    assert facts['image_bytes'] == facts['bytes'] == L['DISK_LEAST_BYTES']
    assert [e['kind'] for e in facts['entries']] == ['kernel', 'symbols', 'module']
    assert facts['partition'] == {'first_lba': 2048, 'lba_count': 14336,
                                  'sector_bytes': 512}
    code, out, _ = image_tool('show', image)
    assert code == 0 and facts['uuid'] in out and BUILD_ID.hex() in out


def test_set_merges_and_removes_keys(image):
    assert image_tool('set', image, 'kaslr=off', 'log=debug')[0] == 0
    assert image_tool('set', image, 'kaslr=7', 'test=all')[0] == 0
    assert show(image)['config']['text'] == 'kaslr=7 log=debug test=all'
    assert image_tool('set', image, 'log=')[0] == 0
    assert show(image)['config']['text'] == 'kaslr=7 test=all'
    assert bad_rules(image) == set()


def test_set_text_and_clear_restore_the_image(original, image):
    assert image_tool('set', image, '--text', 'any words at all')[0] == 0
    assert show(image)['config']['text'] == 'any words at all'
    assert image_tool('set', image, '--clear')[0] == 0
    assert image.read_bytes() == original


def test_set_leaves_all_else_alone(original, image):
    image_tool('set', image, 'a=b')
    changed = image.read_bytes()
    places = {i for i in range(len(original)) if original[i] != changed[i]}
    slots = [range(base + 0x9000, base + 0xA000) for base in BASES]
    assert places and all(any(i in slot for slot in slots) for i in places)


def test_set_sector_size(original, image):
    assert image_tool('set', image, 'sector=4096')[0] == 0
    assert show(image)['partition'] == {'first_lba': 256, 'lba_count': 1792,
                                        'sector_bytes': 4096}
    assert bad_rules(image) == set()
    assert image_tool('set', image, 'sector=512')[0] == 0
    assert image.read_bytes() == original


def test_set_names_the_repeat_of_a_key(image):
    code, _, errors = image_tool('set', image, 'log=info', 'sector=4096', 'log=warn')
    assert (code, errors) == (0, 'configuration: log is given 2 times; the last one, '
                                 'log=warn, is used\n')
    assert show(image)['config']['text'] == 'log=warn'
    code, _, errors = image_tool('set', image, '--text', 'a=1 b=1 a=2')
    assert (code, errors) == (0, 'configuration: a is given 2 times; the last one, a=2, '
                                 'is used\n')
    assert show(image)['config']['text'] == 'a=1 b=1 a=2'


def test_set_longest_text(image):
    assert image_tool('set', image, '--text', 'x' * CONFIG_TEXT_MAX)[0] == 0
    assert bad_rules(image) == set()


def test_set_uses_the_second_copy(image):
    image_tool('set', image, 'kaslr=off')
    flip(image, L['DISK_CONFIG'] + 20)
    assert show(image)['config'] == {'text': 'kaslr=off', 'copy': 1}
    assert image_tool('set', image, 'log=info')[0] == 0
    assert show(image)['config'] == {'text': 'kaslr=off log=info', 'copy': 0}


def test_set_says_when_both_copies_were_damaged(image):
    image_tool('set', image, 'kaslr=off')
    for base in BASES:
        flip(image, base + L['DISK_CONFIG'] + 20)
    code, _, errors = image_tool('set', image, 'log=info')
    assert code == 0 and 'both copies of the configuration were damaged' in errors
    assert show(image)['config'] == {'text': 'log=info', 'copy': 0}


@pytest.mark.parametrize('words, message', [
    (['--text', 'x' * (CONFIG_TEXT_MAX + 1)], f'at most {CONFIG_TEXT_MAX} fit'),
    (['--text', 'tab\there'], 'U+0009'),
    (['--text', 'caf\u00e9'], 'U+00E9'),
    (['kaslr'], 'expected KEY=VALUE'),
    (['a b=c'], 'expected KEY=VALUE'),
    (['k=' + 'v' * 5000], f'at most {CONFIG_TEXT_MAX} fit'),
    (['log=info', 'log=warn', 'sector=1000'], 'sector=1000: 512 or 4096'),
    (['sector='], 'sector=: 512 or 4096'),
    (['sector=512', 'sector=4096'], 'sector is given 2 times; expected one, 512 or 4096'),
    ([], 'give either'),
    (['a=b', '--clear'], 'give either'),
], ids=range(11))
def test_set_refuses(words, message, original, image):
    code, out, errors = image_tool('set', image, *words)
    assert (code, out) == (2, '')
    assert message in errors and len(errors.splitlines()) == 1, errors
    assert image.read_bytes() == original


@pytest.mark.parametrize('command', ['show', 'check', 'set'])
@pytest.mark.parametrize('size', [0, 100, 0x10000, 3 << 20])
def test_no_image(command, size, tmp_path):
    path, content = tmp_path / 'other', b'x' * size
    path.write_bytes(content)
    words = [command, path] + ['a=b'] * (command == 'set')
    code, out, errors = image_tool(*words)
    assert (code, out) == (2, '') and 'not a Plinth image' in errors
    assert len(errors.splitlines()) == 1 and path.read_bytes() == content


@pytest.mark.parametrize('command', ['show', 'check', 'set'])
def test_missing_file_and_folder(command, tmp_path):
    for path in (tmp_path / 'nothing', tmp_path):
        code, _, errors = image_tool(command, path, *['a=b'] * (command == 'set'))
        assert code == 2 and len(errors.splitlines()) == 1 and str(path) in errors


def test_set_refuses_a_cut_image(image):
    data = image.read_bytes()[:0x180000]
    image.write_bytes(data)
    code, _, errors = image_tool('set', image, 'a=b')
    assert code == 2 and 'cut short' in errors and image.read_bytes() == data


@pytest.mark.parametrize('words', [[], ['--json']], ids=['lines', 'json'])
def test_show_says_that_an_image_is_cut(words, image):
    image.write_bytes(image.read_bytes()[:100000])
    code, out, errors = image_tool('show', *words, image)
    assert code == 1 and BUILD_ID.hex() in out
    assert f"cut short: 100000 bytes, its head says {L['DISK_LEAST_BYTES']}" in errors


def test_other_format_version(image):
    poke(image, 0x200 + HEAD.fields['version'][0], b'\x63')
    code, _, errors = image_tool('show', image)
    assert code == 2 and 'format version 99' in errors


def test_library_survives_a_damaged_first_head(image):
    poke(image, 0x200 + HEAD.fields['magic'][0], bytes(4))
    assert Image(str(image)).head['image_bytes'] == L['DISK_LEAST_BYTES']
    assert {'head-magic', 'mbr-head-crc', 'copy-head'} <= bad_rules(image)


# --- check: each rule bites

def reseal_manifest(path, change):
    """Applies a change to the first manifest and repairs its checksum."""
    data = bytearray(path.read_bytes())
    at = L['DISK_MANIFEST']
    change(data, at)
    total = struct.unpack_from('<I', data, at + MANIFEST.fields['manifest_bytes'][0])[0]
    crc = crc32c(MANIFEST.cleared(data[at:at + total], 'crc32c'))
    struct.pack_into('<I', data, at + MANIFEST.fields['crc32c'][0], crc)
    path.write_bytes(data)


def put(form, offset, value):
    return lambda data, at: struct.pack_into('<' + form, data, at + offset, value)


BITES = [
    (L['MBR_SIGNATURE'], 'mbr-signature'),
    (0, 'mbr-jump'),
    (L['MBR_STAMP_BEGIN'] + 2, 'mbr-time-stamp'),
    (L['MBR_HEAD_CRC'], 'mbr-head-crc'),
    (L['MBR_HEAD_BYTES'], 'mbr-head-bytes'),
    (L['MBR_BASE_MARKER'], 'mbr-base-marker'),
    (L['MBR_VERSION'], 'mbr-version'),
    (L['MBR_UUID'] + 3, 'mbr-uuid'),
    (L['MBR_DISK_SIGNATURE'], 'mbr-disk-signature'),
    (L['MBR_PARTITIONS'] + 12, 'partition-entry'),
    (L['MBR_PARTITIONS'] + 1, 'partition-entry'),
    (L['MBR_PARTITIONS'] + 20, 'partition-others'),
    (L['MBR_PARTITIONS'] + 8, 'partition-start'),
    (0x200 + HEAD.bytes + 5, 'mbr-head-crc'),
    (0x200 + HEAD.fields['body_bytes'][0], 'head-body-bytes'),
    (0x200 + HEAD.fields['uuid'][0], 'mbr-uuid'),
    (L['DISK_STAGE2_BODY'] + 9, 'head-body-crc'),
    (L['DISK_STAGE2_BODY'] + BODY_BYTES - 1, 'head-body-crc'),
    (L['DISK_STAGE2_BODY'] + BODY_BYTES, 'body-rest'),
    (L['DISK_STAGE2_BODY'] + L['STAGE2_BODY_BYTES'] - 1, 'body-rest'),
    (L['DISK_RESERVED'] + 7, 'reserved-0x8000'),
    (L['DISK_CONFIG'], 'config1-magic'),
    (L['DISK_CONFIG'] + 10, 'config1-length'),
    (L['DISK_CONFIG'] + 12, 'config1-crc'),
    (L['DISK_CONFIG'] + 4000, 'config1-rest'),
    (SECOND + L['DISK_CONFIG'] + 12, 'config2-crc'),
    (L['DISK_MANIFEST'] + 100, 'manifest1'),
    (SECOND + L['DISK_MANIFEST'] + 100, 'manifest2'),
    (0xE010, 'reserved-0xe000'),
    (0x120000 + 40000, 'chunks'),
    (0x132000, 'chunks'),
    (0x133004, 'chunks'),
    (L['DISK_LEAST_BYTES'] - 1, 'payload-padding'),
    (0x20005, 'gap'),
    (SECOND + 0x20, 'copy-boot-sector'),
    (SECOND + 0x300, 'copy-head'),
    (SECOND + 0x7FFF, 'copy-body'),
    (SECOND + 0x9F00, 'copy-config'),
    (SECOND + 0xA200, 'copy-manifest'),
]


@pytest.mark.parametrize('offset, rule', BITES)
def test_check_finds_one_flipped_bit(offset, rule, image):
    flip(image, offset)
    assert rule in bad_rules(image)


def test_check_finds_a_uuid_of_another_content(image):
    data = bytearray(image.read_bytes())
    for base in BASES:
        data[base + 0x200 + HEAD.fields['uuid'][0]] ^= 1
        data[base + L['MBR_UUID']] ^= 1
        crc = crc32c(data[base + 0x200:base + 0x200 + L['STAGE2_HEAD_BYTES']])
        struct.pack_into('<I', data, base + L['MBR_HEAD_CRC'], crc)
    image.write_bytes(data)
    assert 'head-uuid' in bad_rules(image)


@pytest.mark.parametrize('offset, rules', [
    (0x132000, {'chunks'}), (L['DISK_LEAST_BYTES'] - 1, {'payload-padding'}),
    (L['DISK_STAGE2_BODY'] + 9, {'head-body-crc', 'copy-body'}),
    (0x20005, {'gap'})], ids=range(4))
def test_one_flipped_bit_does_not_count_for_the_uuid(offset, rules, image):
    flip(image, offset)
    assert bad_rules(image) == rules
    assert '-    head-uuid                not judged' in image_tool('check', image)[1]


@pytest.mark.parametrize('field', [0x0B, 0x18, 0x1A])
def test_check_finds_a_bpb_without_sense(field, image):
    for base in BASES:
        poke(image, base + field, bytes(2))
    assert 'mbr-bpb' in bad_rules(image)


@pytest.mark.parametrize('sector', [512, 4096])
def test_check_finds_a_gpt(sector, image):
    poke(image, sector, b'EFI PART')
    assert 'partition-no-gpt' in bad_rules(image)


def test_check_finds_an_inactive_partition(image):
    for base in BASES:
        poke(image, base + L['MBR_PARTITIONS'], b'\0')
    assert {'partition-active', 'partition-entry'} <= bad_rules(image)


def test_check_finds_an_empty_build_id(image):
    poke(image, 0x200 + HEAD.fields['build_id'][0], bytes(20))
    assert {'head-build-id', 'kernel-build-id', 'symbols-build-id'} <= bad_rules(image)


def test_check_finds_control_characters(image):
    slot = bytearray(config_slot('abc'))
    slot[17] = 7
    struct.pack_into('<I', slot, 12, crc32c(slot[16:19]))
    poke(image, L['DISK_CONFIG'], slot)
    assert 'config1-text' in bad_rules(image)


@pytest.mark.parametrize('change, rule', [
    (put('I', 56, 2), 'payload-kernel-first'),
    (put('I', 56 + 64, 1), 'payload-kernel-first'),
    (put('I', 56 + 128, 9), 'payload-kernel-first'),
    (put('Q', 56 + 8, 0x120200), 'payload'),
    (put('Q', 56 + 64 + 8, 0x121000), 'payload'),
    (put('Q', 56 + 128 + 16, 64 << 20), 'payload'),
    (put('I', 56 + 64 + 4, 0), 'chunks'),
    (put('Q', 56 + 24, 0x200000), 'kernel-memory'),
    (put('Q', MANIFEST.fields['image_bytes'][0], 1 << 20), 'manifest1-identity'),
    (put('B', MANIFEST.fields['uuid'][0], 0x55), 'manifest1-identity'),
    (put('I', MANIFEST.fields['chunk_bytes'][0], 0x1000), 'manifest1'),
])
def test_check_finds_a_wrong_manifest(change, rule, image):
    reseal_manifest(image, change)
    assert rule in bad_rules(image)


def test_check_with_both_manifests_damaged(image):
    for base in BASES:
        flip(image, base + L['DISK_MANIFEST'] + 70)
    assert {'manifest1', 'manifest2', 'payload'} <= bad_rules(image)


@pytest.mark.parametrize('size', [0x10000, 0x118000, 0x120000, 0x128000,
                                  L['DISK_LEAST_BYTES'] - 1])
def test_check_of_a_cut_image(size, image):
    image.write_bytes(image.read_bytes()[:size])
    assert 'image-size' in bad_rules(image)


def test_check_says_where_a_cut_image_ends(image):
    image.write_bytes(image.read_bytes()[:0x120800])
    out = image_tool('check', '--quiet', image)[1]
    bad = [line for line in out.splitlines() if 'the file ends at byte 0x120800' in line]
    words = {line.split()[1] + ' ' + line.split()[2] for line in bad}
    assert {'payload kernel.elf', 'chunks kernel.elf'} <= words, out


def test_check_names_both_bytes_of_copies_that_differ(image):
    flip(image, SECOND + 0x7FFF)
    assert 'byte 0x107fff differs from the first copy: 00 there, 01 here' in image_tool(
        'check', image)[1]


def test_check_shows_a_magic_in_hex(image):
    poke(image, L['DISK_MANIFEST'], bytes(4))
    assert f"magic {L['MANIFEST_MAGIC']:#x}" in image_tool('check', image)[1]


def test_check_of_a_longer_file(image):
    with open(image, 'ab') as file:
        file.write(bytes(1 << 20))
    assert bad_rules(image) == {'image-size'}


def test_check_of_a_kernel_with_a_writable_and_executable_segment(tmp_path):
    out = tmp_path / 'wx.img'
    words = build_inputs(tmp_path, kernel=samples.kernel_elf(flags=7))
    assert image_tool('seal', *words, out)[0] == 0
    assert bad_rules(out) == {'kernel-w-xor-x'}


def test_check_of_another_builds_kernel(tmp_path):
    out = tmp_path / 'mixed.img'
    words = build_inputs(tmp_path, kernel=samples.kernel_elf(build_id=bytes(20)))
    assert image_tool('seal', *words, out)[0] == 0
    assert bad_rules(out) == {'kernel-build-id'}
