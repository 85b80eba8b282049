# SPDX-License-Identifier: MIT
"""The unmodified image behind a BIOS that lies about memory (tests/firmware/shim.asm).

Each boot that should succeed runs all tests of the kernel on the fabricated map, and its
report is held against what was served, byte for byte, and against an oracle. The others
must stop with their code.
"""
import os
import re
import sys

import pytest

import samples
import bochs
from machine import Setup
from qemu import boot

sys.path.insert(0, os.path.join(samples.ROOT, 'tests', 'firmware'))

import memory_oracle as oracle   # noqa: E402
from memory_scenarios import CASES, SHIM_LOW_KIB   # noqa: E402
from shim import END_BY_CF, Shim   # noqa: E402

BOCHS_CASES = ('unsorted', 'e801', 'hole_at_2m', 'all_three_insane')
BIOS_EBDA = 0x9FC0


@pytest.fixture(scope='module')
def shim(tmp_path_factory):
    return Shim(str(tmp_path_factory.mktemp('shim')))


def config_for(nonce):
    return f'test=all nonce={nonce} report=json exit=1 log=warn'


def low_words(says):
    """INT 12h, 40:13h and 40:0Eh as the loader meets them; both BIOSes answer INT 12h
    from 40:13h."""
    bda = SHIM_LOW_KIB if says.bda_kib is None else says.bda_kib
    return (bda if says.int12_kib is None else says.int12_kib, bda,
            BIOS_EBDA if says.ebda_segment is None else says.ebda_segment)


def expected_lies(says, old_asked):
    """The shim's lines on port E9, between its start and the kernel's."""
    lines = []
    # A list that cannot be had with 24 bytes an entry is asked for with 20.
    if not says.table:
        lines.append('e820 refused' if not isinstance(says.entries, list) else
                     'e820 0 entries')
        lines += ['e820 end by cf'] * (lines[0] != 'e820 refused')
    if isinstance(says.entries, list):
        lines.append(f'e820 entries={len(says.table):04X}')
        if says.table and len(says.table) <= oracle.E820_MAX:
            lines.append('e820 end by ' + ('cf' if says.end == END_BY_CF else 'ebx'))
        elif not says.table:
            lines.append('e820 end by cf')
    else:
        lines.append('e820 refused')
    if not old_asked:
        return lines
    lines.append('e801 answered' if isinstance(says.e801, tuple) else 'e801 refused')
    if not oracle.believed_e801(says.e801):
        lines.append('88 answered' if isinstance(says.ext88, tuple) else '88 refused')
    return lines


def check_lies(case, e9):
    said = re.findall(r'^shim: (?!call )(.*?)\r?$', e9, re.M)
    assert 'starts the image' in said, e9[:500]
    lies = said[said.index('starts the image') + 1:]
    # The older services are asked when E820h fails, tells of little, or leaves no room.
    table = [entry[:3] for entry in case.says.table]
    old_asked = not 0 < len(table) <= oracle.E820_MAX or oracle.is_small(table) or \
        case.expect == 'L-22'
    if case.says.int12_kib is not None:
        assert 'int 12h is a lie' in lies
        lies = [line for line in lies if line != 'int 12h is a lie']
    assert lies == expected_lies(case.says, old_asked)
    assert ('40:13 is a lie' in said) == (case.says.bda_kib is not None)
    assert ('40:0E is a lie' in said) == (case.says.ebda_segment is not None)


def check_words(case, facts):
    """The three words as found, the end of conventional memory, every quirk of it."""
    loader = facts['loader']
    words = low_words(case.says)
    assert (loader['int12_kib'], loader['bda_kib'], loader['ebda_segment']) == words
    low_top, quirks = oracle.conventional(*words)
    raw, more = oracle.raw_map(case.says, low_top)
    found = [(q['code'], q['count'], q['lba']) for q in loader['quirks']
             if oracle.E820_FAILED <= q['code'] <= oracle.MAP_SMALL]
    assert found == quirks + more
    entries = [entry[:3] for entry in raw]
    assert loader['low_top'] == oracle.low_top_by_map(low_top, entries)
    return raw, entries


def check_raw(facts, wanted):
    keys = ('base', 'bytes', 'type', 'attributes', 'returned', 'source')
    assert [tuple(entry[key] for key in keys) for entry in facts['raw']] == wanted


def check_notes(facts, limit):
    for entry in facts['raw']:
        wanted = oracle.entry_notes(entry['base'], entry['bytes'], entry['type'], limit)
        assert entry['notes'] & oracle.ENTRY_NOTES == wanted, entry


def check_clean(facts, entries, limit):
    wanted = oracle.clean(entries, limit, facts['loader']['low_top'])
    assert [(r['base'], r['bytes'], r['type']) for r in facts['clean']] == wanted
    usable = sum(count for _, count, kind in wanted if kind == oracle.USABLE)
    pages = facts['direct_map_pages']
    assert usable == (pages['4k'] << 12) + (pages['2m'] << 21) + (pages['1g'] << 30)
    assert usable == facts['frames']['total'] * oracle.PAGE
    return wanted


def check_place(case, facts, ranges):
    begin = facts['layout']['image_phys']
    end = begin + facts['layout']['image_bytes']
    assert begin == case.image_phys
    assert any(base <= begin and end <= base + count and kind == oracle.USABLE
               for base, count, kind in ranges)


def check_boot(case, result):
    assert result.passed, result
    check_lies(case, result.e9)
    facts = result.report
    limit = min(1 << facts['phys_bits'], oracle.DIRECT_MAP_LIMIT)
    raw, entries = check_words(case, facts)
    check_raw(facts, raw)
    check_notes(facts, limit)
    check_place(case, facts, check_clean(facts, entries, limit))


@pytest.mark.parametrize('case', CASES, ids=str)
def test_map_on_qemu(case, shim, image, rubbish, nonce, tmp_path):
    disk = shim.disk(case.says, str(tmp_path / 'shim.img'), os.path.getsize(image))
    # The shim is first in the boot order: drive 80h. The product is 81h.
    extra = ('-drive', f'file={disk},format=raw,if=none,id=shim,snapshot=on',
             '-device', 'ide-hd,drive=shim,bus=ide.1,bootindex=0')
    setup = Setup(image, case.mem, config=config_for(nonce), rubbish=True, extra=extra,
                  machine_options=case.machine_options)
    result = boot(setup, nonce, rubbish_folder=rubbish, wall=120, cpu_seconds=40)
    if case.expect == 'passed':
        check_boot(case, result)
    else:
        assert result.reason == f'died {case.expect}', result
        check_lies(case, result.e9)


@pytest.mark.parametrize('case', [case for case in CASES if case.name in BOCHS_CASES],
                         ids=str)
def test_map_on_bochs(case, shim, image, nonce, tmp_path, monkeypatch):
    disk = shim.disk(case.says, str(tmp_path / 'shim.img'), os.path.getsize(image))
    plain_lines = bochs.config_lines

    def two_disks(setup, product, folder, interactive=False):
        lines = plain_lines(setup, product, folder, interactive)
        slave = [line.replace('ata0-master', 'ata0-slave') for line in lines
                 if line.startswith('ata0-master')]
        master = [f'ata0-master: type=disk, path={disk}, mode=flat']
        return [line for line in lines if not line.startswith('ata0-master')] + \
            master + slave

    monkeypatch.setattr(bochs, 'config_lines', two_disks)
    setup = bochs.BochsSetup(image, case.mem, config=config_for(nonce), rubbish=True)
    with bochs.Bochs(setup, wall=120) as vm:
        result = vm.finish(nonce)
    check_boot(case, result)
