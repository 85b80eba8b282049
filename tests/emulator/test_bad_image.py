# SPDX-License-Identifier: MIT
"""Damaged images: cut short, one flipped bit anywhere. What has a second copy is
repaired and says so; what has none is a named death. Nothing damaged ever runs.
"""
import re
import shutil
import struct

import pytest

import ktap
from broken_image import Break
from disk_format import (BASES, CONFIG_TEXT_MAX, HEAD, MANIFEST, Image, L, config_slot,
                         config_text, crc32c)
from machine import Setup
from qemu import Qemu
from test_bad_machine import check_death
from test_image import flip, poke

SECOND = L['DISK_PARTITION']
PROMPT = r'^plinth> '
SETTINGS = 'kaslr=off report=json'
DEFAULTS = 'both copies on the disk are damaged, defaults are used'


@pytest.fixture
def victim(image, tmp_path):
    """A copy of the image that reports in JSON and stays at the prompt."""
    path = str(tmp_path / 'victim.img')
    shutil.copyfile(image, path)
    for base in BASES:
        poke(path, base + L['DISK_CONFIG'], config_slot(SETTINGS))
    return path


def entry(path, kind):
    head, entries, _ = Image(path).manifest()
    return next(e for e in entries if e['kind'] == kind)


def dies(path, rubbish, code, words='', disk='ide'):
    setup = Setup(path, mem='64M', disk=disk, rubbish=True)
    with Qemu(setup, wall=90, cpu_seconds=40, rubbish_folder=rubbish) as vm:
        return check_death(vm, code, words)


def boots(path, rubbish):
    """To the prompt; the loader's facts, and all that was said."""
    setup = Setup(path, mem='64M', rubbish=True)
    with Qemu(setup, wall=90, cpu_seconds=40, rubbish_folder=rubbish) as vm:
        vm.wait_for(PROMPT)
        report = ktap.report(vm.serial)
        return report and report['loader'], ktap.plain(vm.serial)


def quirk_names(loader):
    return {quirk['code'] for quirk in loader['quirks']}


def copy_taken(loader, code):
    """What a quirk says of the place of a second copy."""
    quirk = next(quirk for quirk in loader['quirks'] if quirk['code'] == code)
    assert quirk['unit'] == 'byte'
    return quirk['at']


def test_undamaged(victim, rubbish):
    loader, _ = boots(victim, rubbish)
    assert loader['body_copy'] == loader['manifest_copy'] == 0
    assert loader['config_status'] == 0
    assert loader['quirks'] == []


# --- one flipped bit

@pytest.mark.parametrize('offset', [0, HEAD.bytes + 3, 0x700, 0xDFF])
def test_head_first_copy(offset, victim, rubbish):
    flip(victim, L['DISK_STAGE2_HEAD'] + offset, 5)
    assert copy_taken(boots(victim, rubbish)[0], 30) == SECOND + L['DISK_STAGE2_HEAD']


def test_head_both_copies(victim, rubbish):
    for base in BASES:
        flip(victim, base + L['DISK_STAGE2_HEAD'] + 0x700, 5)
    dies(victim, rubbish, 'S1 C')


@pytest.mark.parametrize('offset', [0, 1, 0x1234, 0x2FFF])
def test_body_first_copy(offset, victim, rubbish):
    flip(victim, L['DISK_STAGE2_BODY'] + offset, 3)
    loader, _ = boots(victim, rubbish)
    assert loader['body_copy'] == 1
    assert copy_taken(loader, 10) == L['DISK_STAGE2_BODY']
    assert copy_taken(loader, 12) == SECOND + L['DISK_STAGE2_BODY']


def test_body_second_copy_is_not_needed(victim, rubbish):
    flip(victim, SECOND + L['DISK_STAGE2_BODY'])
    assert boots(victim, rubbish)[0]['body_copy'] == 0


def test_body_both_copies(victim, rubbish):
    for base in BASES:
        flip(victim, base + L['DISK_STAGE2_BODY'] + 77)
    dies(victim, rubbish, 'L-01', 'expected=')


@pytest.mark.parametrize('kind', [1, 2, 3])
@pytest.mark.parametrize('place', [0, 0.5, 1])
def test_payload(kind, place, victim, rubbish):
    """Kernel, symbols and modules: first, middle and last byte."""
    hit = entry(victim, kind)
    flip(victim, hit['disk_offset'] + int((hit['bytes'] - 1) * place), 7)
    line = dies(victim, rubbish, 'L-33', 'damaged on disk')
    assert 'expected=' in line and 'found=' in line


# --- the place that is named: all of the unit that its checksum covers

DISKS = [('ide', 512), ('nvme4k', 4096), ('zip', 512)]    # zip: started as a partition


def named(line, sector_bytes):
    """(first byte, bytes) on the disk, of an error line."""
    lba, count = re.search(r' LBA=([0-9A-F]{8}) count=([0-9A-F]{2}) ', line).groups()
    return int(lba, 16) * sector_bytes, int(count, 16) * sector_bytes


@pytest.mark.parametrize('disk, sector_bytes', DISKS, ids=lambda word: str(word))
@pytest.mark.parametrize('chunk, inside', [(0, 0), (2, 0x7FFF)])
def test_place_of_a_chunk(chunk, inside, disk, sector_bytes, victim, rubbish):
    begin = entry(victim, 1)['disk_offset'] + chunk * L['CHUNK_BYTES']
    flip(victim, begin + inside)
    line = dies(victim, rubbish, 'L-33', f'byte={begin:08X}', disk)
    assert named(line, sector_bytes) == (begin, L['CHUNK_BYTES'])


@pytest.mark.parametrize('disk, sector_bytes', DISKS, ids=lambda word: str(word))
def test_place_of_the_last_chunk(disk, sector_bytes, victim, rubbish):
    """Shorter than others: to the end of its last sector."""
    last = entry(victim, 3)
    begin = last['disk_offset'] + last['bytes'] // L['CHUNK_BYTES'] * L['CHUNK_BYTES']
    end = last['disk_offset'] + last['bytes']
    flip(victim, end - 1)
    line = dies(victim, rubbish, 'L-33', f'byte={begin:08X}', disk)
    assert named(line, sector_bytes) == (begin, end - begin + -end % sector_bytes)


@pytest.mark.parametrize('disk, sector_bytes', DISKS, ids=lambda word: str(word))
@pytest.mark.parametrize('part, code, count', [
    ('DISK_STAGE2_BODY', 'L-01', None), ('DISK_MANIFEST', 'L-30', L['MANIFEST_BYTES'])])
def test_place_of_a_second_copy(part, code, count, disk, sector_bytes, victim, rubbish):
    """Both are damaged: the second is the one that was tried last."""
    if not count:
        data = open(victim, 'rb').read()
        count = HEAD.unpack(data[L['DISK_STAGE2_HEAD']:])['body_bytes']
        count += -count % sector_bytes
    for base in BASES:
        flip(victim, base + L[part] + 77)
    assert named(dies(victim, rubbish, code, '', disk), sector_bytes) == (
        SECOND + L[part], count)


def test_place_where_a_read_stops(victim, rubbish):
    """No checksum: the sector that cannot be read, not the chunk it belongs to."""
    sector = L['DISK_PAYLOAD'] // 512 + 16
    setup = Setup(victim, mem='64M', rubbish=True, faults=(
        {'event': 'none', 'iotype': 'read', 'sector': sector, 'errno': 5},))
    with Qemu(setup, wall=90, cpu_seconds=40, rubbish_folder=rubbish) as vm:
        line = check_death(vm, 'L-07')
    assert named(line, 512) == (sector * 512, 512)


def test_manifest_first_copy(victim, rubbish):
    flip(victim, L['DISK_MANIFEST'] + MANIFEST.bytes + 9)
    loader, said = boots(victim, rubbish)
    assert loader['manifest_copy'] == 1
    assert copy_taken(loader, 13) == SECOND + L['DISK_MANIFEST']
    assert ('second copy of the manifest used (function 42, status 00, count 1, '
            'byte 0x10a000)') in said
    assert loader['config_status'] == 0


def test_manifest_both_copies(victim, rubbish):
    for base in BASES:
        flip(victim, base + L['DISK_MANIFEST'] + 20)
    dies(victim, rubbish, 'L-30')


def test_manifest_of_another_image(victim, rubbish):
    """A right checksum over another UUID in both copies: parts of two images."""
    for base in BASES:
        at = base + L['DISK_MANIFEST']
        slot = bytearray(open(victim, 'rb').read()[at:at + L['MANIFEST_BYTES']])
        slot[MANIFEST.fields['uuid'][0]] ^= 1
        seal_manifest(slot)
        poke(victim, at, slot)
    dies(victim, rubbish, 'L-31')


def seal_manifest(slot):
    total = MANIFEST.unpack(slot)['manifest_bytes']
    crc = crc32c(MANIFEST.cleared(slot[:total], 'crc32c'))
    struct.pack_into('<I', slot, MANIFEST.fields['crc32c'][0], crc)


@pytest.mark.parametrize('form, offset, value', [
    ('I', MANIFEST.fields['entry_count'][0], 0),
    ('I', MANIFEST.fields['entry_count'][0], 0xFFFFFFFF),
    ('I', MANIFEST.fields['chunk_count'][0], 0x40000001),
    ('I', MANIFEST.fields['chunk_bytes'][0], 0x10000),
    ('I', MANIFEST.bytes, 2),
    ('I', MANIFEST.bytes + 4, 0x7FFFFFFF),
    ('Q', MANIFEST.bytes + 8, 0x120200),
    ('Q', MANIFEST.bytes + 8, 0xFFFFFFFFFFFFF000),
    ('Q', MANIFEST.bytes + 16, 0xFFFFFFFFFFFFFFFF),
    ('Q', MANIFEST.bytes + 16, 0),
    ('Q', MANIFEST.bytes + 24, 0xFFFFFFFFFFE00000),
    ('Q', MANIFEST.bytes + 24, 0x1001),
], ids=range(12))
def test_manifest_that_asks_for_the_impossible(form, offset, value, victim, rubbish):
    """Right checksum, wrong contents: a manifest written by a broken tool."""
    for base in BASES:
        at = base + L['DISK_MANIFEST']
        slot = bytearray(open(victim, 'rb').read()[at:at + L['MANIFEST_BYTES']])
        struct.pack_into('<' + form, slot, offset, value)
        seal_manifest(slot)
        poke(victim, at, slot)
    setup = Setup(victim, mem='64M', rubbish=True)
    with Qemu(setup, wall=90, cpu_seconds=40, rubbish_folder=rubbish) as vm:
        result = vm.finish()
    assert result.reason in ('died L-32', 'died L-34', 'died L-22'), result


# --- configuration

def test_configuration_first_copy(victim, rubbish):
    flip(victim, L['DISK_CONFIG'] + 17)
    loader, _ = boots(victim, rubbish)
    assert loader['config_status'] == 1 and quirk_names(loader) == {14}
    assert copy_taken(loader, 14) == SECOND + L['DISK_CONFIG']


def test_configuration_both_copies(victim, rubbish):
    """Refused by checksum; defaults, and it says so. report=json is lost, too."""
    for base in BASES:
        flip(victim, base + L['DISK_CONFIG'] + 17)
    loader, said = boots(victim, rubbish)
    assert loader is None
    assert DEFAULTS in said
    assert 'defaults used (function 42, status 00, count 2, byte 0x109000)' in said


@pytest.mark.parametrize('text_bytes', [CONFIG_TEXT_MAX + 1, 0xFFFFFFFF])
def test_configuration_longer_than_its_slot(text_bytes, victim, rubbish):
    """A head that claims more text than fits, its checksum right over what there is."""
    text = b'x' * (L['CONFIG_BYTES'] - 16)
    slot = struct.pack('<QII', L['CONFIG_MAGIC'], text_bytes, crc32c(text)) + text
    assert config_text(slot) is None
    for base in BASES:
        poke(victim, base + L['DISK_CONFIG'], slot)
    _, said = boots(victim, rubbish)
    assert DEFAULTS in said


def test_longest_configuration(victim, rubbish):
    text = 'kaslr=off report=json '.ljust(CONFIG_TEXT_MAX, 'x')
    for base in BASES:
        poke(victim, base + L['DISK_CONFIG'], config_slot(text))
    assert boots(victim, rubbish)[0]['config_status'] == 0


def test_unknown_keys_are_named_and_ignored(victim, rubbish):
    text = 'frobnicate=1 kaslr=off report=json sesame log=shouting'
    for base in BASES:
        poke(victim, base + L['DISK_CONFIG'], config_slot(text))
    loader, said = boots(victim, rubbish)
    assert loader['config_status'] == 0
    for word in ('frobnicate', 'sesame', 'shouting'):
        assert word in said, f'{word} is not named'


# --- symbols of another build: the kernel does without, and says whose they are

def test_symbols_of_another_build(build, tmp_path, rubbish):
    image = Break(build)
    at = image.symbols_file + 16
    begin = bytes(image.data[at:at + 8])
    image.put(at, bytes([begin[0] ^ 0xFF]))
    _, said = boots(image.save(tmp_path / 'symbols.img'), rubbish)
    changed = bytes([begin[0] ^ 0xFF]) + begin[1:]
    assert (f'symbols are of another build, with build id {changed.hex()}..., '
            f'the kernel has {begin.hex()}...') in said, said


# --- cut short

@pytest.mark.parametrize('size, codes', [
    (0x200, ('S1 D', 'S1 C')), (0x800, ('S1 D', 'S1 C')),
    (0x1000, ('L-01', 'L-07')), (0x4000, ('L-01', 'L-07')), (0x8000, ('L-30', 'L-07')),
    (0xA000, ('L-30', 'L-07')), (0x10000, ('L-07',)), (0x100000, ('L-07',)),
    (0x118000, ('L-07',)), (0x120000, ('L-07',)), (0x121000, ('L-07', 'L-33')),
    (-1 << 20, ('L-07',)), ('modules', ('L-07', 'L-33')),
], ids=range(13))
def test_cut_short(size, codes, victim, rubbish):
    last = entry(victim, 3)
    with open(victim, 'r+b') as file:
        if size == 'modules':
            size = last['disk_offset'] + 100   # its tail may be zeros, as a cut reads
        elif size < 0:
            size = min(last['disk_offset'], 0x130000)
        file.truncate(size)
    setup = Setup(victim, mem='64M', rubbish=True)
    with Qemu(setup, wall=120, cpu_seconds=60, rubbish_folder=rubbish) as vm:
        result = vm.finish()
        assert result.reason.removeprefix('died ') in codes, result
        assert vm.halted() and not vm.resets()
