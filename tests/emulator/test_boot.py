# SPDX-License-Identifier: MIT
"""The image boots on every machine it claims, with RAM full of rubbish.

Each boot runs all tests of the kernel with a fresh nonce, and its JSON report is held
against what the machine was given.
"""
import os
import re
from dataclasses import dataclass

import pytest

import bochs
import machine
import samples
from disk_format import Image, L
from machine import Setup, parse_memory
from qemu import boot

MIB, GIB = 1 << 20, 1 << 30
CR4 = {'PGE': 7, 'UMIP': 11, 'LA57': 12, 'FSGSBASE': 16, 'SMEP': 20, 'SMAP': 21}
# What each model has of the things the kernel must switch on, and of 1 GiB pages.
MODELS = {
    'qemu64': {'PGE'}, 'Nehalem': {'PGE'}, 'EPYC': {'PGE', 'SMEP', 'SMAP', '1g'},
    'max': {'PGE', 'SMEP', 'SMAP', 'UMIP', '1g'},
    'Icelake-Server': {'PGE', 'SMEP', 'SMAP', 'UMIP', '1g'},
}
full = pytest.mark.full


@dataclass
class Case:
    mem: str = '512M'
    cpu: str = 'max'
    machine: str = 'pc'
    disk: str = 'ide'
    kaslr: str = ''
    smp: int = 1
    tests: str = 'all'

    def __str__(self):
        words = [self.machine, self.disk, self.cpu, self.mem]
        words += ['kaslr=' + self.kaslr] * bool(self.kaslr)
        return '-'.join(words + [f'smp{self.smp}'] * (self.smp > 1))


def ram_of(entries):
    return sum(entry['bytes'] for entry in entries if entry['type'] == 1)


def check_maps(facts, mem, hidden=0):
    """The raw map holds the RAM given, but for what the machine hides behind devices;
    the clean one is in order and loses little of it."""
    raw, clean = facts['raw'], facts['clean']
    assert 0 < len(raw) < 64
    assert mem - hidden - 4 * MIB <= ram_of(raw) <= mem - hidden
    for entry in clean:
        assert entry['bytes'] > 0
        assert entry['base'] % 4096 == entry['bytes'] % 4096 == 0
    for before, after in zip(clean, clean[1:]):
        assert before['base'] + before['bytes'] <= after['base']
        assert before['type'] != after['type'] or \
            before['base'] + before['bytes'] < after['base'], 'neighbours not merged'
    assert ram_of(raw) - MIB <= ram_of(clean) <= ram_of(raw)
    for entry in (e for e in clean if e['type'] == 1):
        for begin, end in ((L['VGA_HOLE_PHYS'], L['HIGH_MEMORY_PHYS']),
                           (L['RECORDER_PHYS'],
                            L['RECORDER_PHYS'] + L['RECORDER_BYTES'])):
            assert entry['base'] >= end or entry['base'] + entry['bytes'] <= begin


def check_direct_map(facts, has_1g):
    """Its pages cover RAM exactly, by the largest pages that fit."""
    pages = facts['direct_map_pages']
    covered = pages['4k'] * 4096 + pages['2m'] * 2 * MIB + pages['1g'] * GIB
    assert covered == ram_of(facts['clean'])
    whole = 0
    for entry in (e for e in facts['clean'] if e['type'] == 1):
        first = -(-entry['base'] // GIB)
        whole += max(0, (entry['base'] + entry['bytes']) // GIB - first)
    # The gigabytes that hold the kernel and modules are made of 2 MiB pages.
    assert whole - 2 <= pages['1g'] <= whole if has_1g else pages['1g'] == 0
    assert pages['4k'] < 4 * 512 * (len(facts['clean']) + 1)


def check_layout(facts, kaslr):
    slide, places = facts['slide'], facts['slide_places']
    unit = L['IMAGE_SEGMENT_BYTES']
    assert slide % unit == 0 and 0 <= slide < places * unit <= L['IMAGE_SLIDE_BYTES']
    assert facts['layout']['image'] == L['IMAGE_BASE'] + slide
    assert facts['layout']['direct_map'] == L['DIRECT_MAP_BASE']
    assert facts['layout']['heap'] == L['HEAP_BASE']
    if kaslr == 'off':
        assert slide == 0
    if kaslr == 'max':
        assert slide == (places - 1) * unit


def check_identity(facts, path):
    head = Image(path).head
    assert facts['uuid'] == head['uuid'].hex()
    assert facts['build_id'] == head['build_id'].hex()


def check_milestones(facts):
    stamps = list(facts['milestones'].values())
    reached = [stamp for stamp in stamps if stamp]
    assert len(reached) >= 15 and reached == sorted(reached), facts['milestones']


def check_loader(facts, sector_bytes=512):
    loader = facts['loader']
    assert loader['sector_bytes'] == sector_bytes
    assert loader['config_status'] == loader['body_copy'] == loader['manifest_copy'] == 0
    assert loader['quirks_lost'] == 0
    assert loader['low_top'] <= 640 * 1024
    if not loader['edd']:
        return   # CHS goes track by track
    # 8 + bytes / 32 KiB is the budget of INT 13h calls.
    read = loader['int13_sectors'] * sector_bytes
    assert loader['int13_calls'] <= 8 + read / 32768 + 1


def whole_pages(entry):
    end = entry['base'] + entry['bytes']
    return (end & ~4095) - (entry['base'] + 4095 & ~4095)


def check_memory(facts, mem):
    frames, heap = facts['frames'], facts['heap']
    assert frames['free'] <= frames['total'] <= mem // 4096
    assert frames['free'] + sum(frames['owned'].values()) == frames['total']
    assert frames['allocatable_bytes'] <= frames['usable_bytes'] == ram_of(facts['raw'])
    # Owned, free and the recorder are what the firmware calls usable, but for the ends
    # of its ranges that are no whole pages.
    usable = [entry for entry in facts['raw'] if entry['type'] == 1]
    assert frames['total'] * 4096 + frames['recorder_bytes'] + frames['cut_bytes'] == \
        frames['usable_bytes']
    assert frames['recorder_bytes'] == 64 * 1024
    assert frames['cut_bytes'] == sum(
        entry['bytes'] - max(0, whole_pages(entry)) for entry in usable)
    assert heap['pages_present'] <= heap['pages'] and heap['faults'] > 0


def check_cpu(facts, features):
    for name in ('PGE', 'UMIP', 'SMEP', 'SMAP'):
        on = facts['cr4'] >> CR4[name] & 1
        assert on == (name in features), f'CR4.{name} is {on}'
    for name in ('LA57', 'FSGSBASE'):
        assert not facts['cr4'] >> CR4[name] & 1, f'CR4.{name} is on'


def config_for(case, nonce):
    words = [f'test={case.tests}', f'nonce={nonce}', 'report=json', 'exit=1']
    return ' '.join(words + ['kaslr=' + case.kaslr] * bool(case.kaslr))


def quick_tests():
    """All but the one that takes every frame there is: half a minute from 64 GiB on."""
    path = os.path.join(samples.ROOT, 'tests', 'kernel', 'cases.h')
    with open(path, encoding='ascii') as file:
        text = file.read().partition('SELFTEST_NORMAL_LIST')[2]
    names = re.findall(r'\bT\((\w+)\)', text.partition('SELFTEST_DEADLY_LIST')[0])
    assert 'frames_all' in names and len(names) > 40
    return ','.join(name for name in names if name != 'frames_all')


CASES = [
    Case(cpu='qemu64'), Case(cpu='Nehalem', machine='q35', disk='ahci'),
    Case(cpu='EPYC', disk='nvme'), Case(machine='q35', disk='nvme4k'),
    Case(disk='virtio', kaslr='off'), Case(disk='usb', kaslr='max'),
    Case(disk='ahci', kaslr='12345'),
    Case(cpu='Icelake-Server', machine='q35', disk='ide'),
    Case('16M', 'qemu64', kaslr='max'), Case('16M', machine='q35', disk='ahci'),
    Case('5G', disk='ahci'), Case('5G', 'Nehalem', 'q35', 'virtio', 'off'),
    Case('64G', 'EPYC', disk='virtio', tests=quick_tests()),
    Case('1T', machine='q35', disk='nvme', tests=quick_tests()),
    Case('1T', 'Nehalem', disk='ahci', tests=quick_tests()), Case(smp=4, disk='virtio'),
    Case('3G', 'qemu64', 'q35', 'ahci'),
]
FULL_CASES = [
    Case(disk=disk)
    for disk in ('virtio-scsi', 'lsi', 'ehci', 'uhci', 'ohci', 'sd', 'cd', 'zip')
] + [
    Case(disk=disk, machine='q35', cpu='qemu64') for disk in ('virtio', 'usb', 'nvme')
] + [
    Case('64G', 'qemu64', 'q35', 'ide'), Case('512G', 'EPYC', 'q35', 'ahci'),
    Case('1T', 'EPYC', disk='virtio'), Case('1T', 'qemu64', disk='virtio'),
    Case('16T', disk='virtio',
         tests='boot_info,direct_map_is_ram,heap_through_direct_map'),
    Case('4097M', 'EPYC', disk='ahci'), Case('129M', 'Nehalem', 'q35', 'ahci'),
    Case('17M', 'EPYC', kaslr='off'), Case(smp=64, disk='virtio'),
] + [Case(disk='virtio', kaslr=str(seed)) for seed in range(8)]


@pytest.mark.parametrize('case', CASES + [pytest.param(case, marks=full)
                                          for case in FULL_CASES], ids=str)
def test_boots_on_qemu(case, image, rubbish, nonce):
    setup = Setup(image, case.mem, case.cpu, case.machine, case.disk, case.smp,
                  config=config_for(case, nonce), rubbish=True)
    result = boot(setup, nonce, rubbish_folder=rubbish, wall=400, cpu_seconds=200)
    assert result.passed, result
    facts, mem = result.report, parse_memory(case.mem)
    assert facts, 'no JSON report'
    features = MODELS[case.cpu]
    check_maps(facts, mem)
    check_direct_map(facts, '1g' in features)
    check_layout(facts, case.kaslr)
    check_identity(facts, image)
    check_milestones(facts)
    check_loader(facts, 4096 if case.disk == 'nvme4k' else 512)
    check_memory(facts, mem)
    check_cpu(facts, features)


@dataclass
class BochsCase:
    mem: str = '512M'
    bios: str = 'latest'
    cpu: str = 'corei7_haswell_4770'
    features: frozenset = frozenset({'PGE', 'SMEP', '1g'})

    def __str__(self):
        return f'{self.bios}-{self.cpu}-{self.mem}'


BOCHS_CASES = [BochsCase(), BochsCase('2G', 'seabios'), BochsCase('16M', 'legacy')]
BOCHS_FULL = [
    BochsCase('8G'), BochsCase(bios='qemu'),
    BochsCase(cpu='corei7_icelake_u',
              features=frozenset({'PGE', 'SMEP', 'SMAP', 'UMIP', '1g'})),
    BochsCase(cpu='ryzen', features=frozenset({'PGE', 'SMEP', 'SMAP', '1g'})),
    BochsCase(cpu='core2_penryn_t9600', features=frozenset({'PGE'})),
]


@pytest.mark.parametrize('case', BOCHS_CASES + [pytest.param(case, marks=full)
                                                for case in BOCHS_FULL], ids=str)
def test_boots_on_bochs(case, image, nonce):
    setup = bochs.BochsSetup(image, case.mem, case.cpu, case.bios, rubbish=True,
                             config=config_for(Case(), nonce))
    with bochs.Bochs(setup, wall=600) as vm:
        result = vm.finish(nonce)
    assert result.passed, result
    facts, mem = result.report, machine.parse_memory(case.mem)
    # Bochs does not show again above 4 GiB what its device hole covers.
    check_maps(facts, mem, GIB if mem > 3 * GIB else 0)
    check_direct_map(facts, '1g' in case.features)
    check_layout(facts, '')
    check_identity(facts, image)
    check_milestones(facts)
    check_loader(facts)
    check_memory(facts, mem)
    check_cpu(facts, case.features)


@pytest.mark.parametrize('disk', ['ide', 'ahci', 'virtio', 'nvme', 'usb'])
def test_transient_read_errors_are_retried(disk, image, rubbish, nonce):
    """The first reads of two sectors fail once; the boot goes on and says so."""
    lbas = L['DISK_MANIFEST'] // 512, L['DISK_PAYLOAD'] // 512 + 64
    faults = [{'event': 'none', 'iotype': 'read', 'sector': lba, 'errno': 5,
               'once': True} for lba in lbas]
    setup = Setup(image, disk=disk, config=config_for(Case(), nonce), faults=faults)
    result = boot(setup, nonce)
    assert result.passed, result
    assert any(quirk['code'] in (6, 7, 8) for quirk in result.report['loader']['quirks'])
