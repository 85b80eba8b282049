# SPDX-License-Identifier: MIT
"""The page tables as data, held against what each window promises; how far flushes reach
on a CPU with PCIDs and without."""
import json
import re

import pytest

import bochs
import ktap
from machine import Setup
from qemu import Qemu, boot

GIB, PAGE = 1 << 30, {'4K': 1 << 12, '2M': 1 << 21, '1G': 1 << 30}
DIRECT_MAP, DIRECT_MAP_END = 0xFFFF880000000000, 0xFFFFC80000000000
WINDOWS = {  # name: first, end, rights: (write, execute), GLOBAL, cache types
    'heap': (0xFFFF800000000000, 0xFFFF800040000000, {(True, False)}, True, {'WB'}),
    'direct map': (DIRECT_MAP, DIRECT_MAP_END, {(True, False), (False, False)}, True,
                   {'WB'}),
    'stacks': (0xFFFFC90000000000, 0xFFFFC90040000000, {(True, False)}, False, {'WB'}),
    'apertures': (0xFFFFD00000000000, 0xFFFFD08000000000,
                  {(True, False), (False, False)}, True,
                  {'WB', 'WT', 'UC-', 'UC', 'WC'}),
    'frame table': (0xFFFFEA0000000000, 0xFFFFEA8000000000, {(True, False)}, True,
                    {'WB'}),
    'modules': (0xFFFFF00000000000, 0xFFFFF00040000000, {(False, False)}, True, {'WB'}),
    'image': (0xFFFFFFFF80000000, 1 << 64,
              {(False, True), (False, False), (True, False)}, True, {'WB'}),
}


def check_run(run):
    size = PAGE[run['page']]
    assert run['bytes'] > 0 and run['bytes'] % size == run['virt'] % size == 0, run
    inside = [name for name, (first, end, *_) in WINDOWS.items()
              if first <= run['virt'] and run['virt'] + run['bytes'] <= end]
    assert len(inside) == 1, run
    if run.get('armed'):
        assert inside == ['heap'], run
        return
    _, _, rights, is_global, caches = WINDOWS[inside[0]]
    assert run['phys'] % size == 0 and not run['user'], run
    assert (run['write'], run['execute']) in rights, run
    assert run['global'] == is_global and run['cache'] in caches, run
    if inside == ['direct map']:
        assert run['virt'] - run['phys'] == DIRECT_MAP, run


def check_map(facts):
    runs = facts['map']
    assert runs and facts['map_left_out'] == 0
    for run in runs:
        check_run(run)
    for before, after in zip(runs, runs[1:]):
        assert before['virt'] + before['bytes'] <= after['virt'], (before, after)
        same = [key for key in before if key not in ('virt', 'bytes', 'phys')]
        joined = (before['virt'] + before['bytes'] == after['virt'] and
                  before.get('phys', 0) + before['bytes'] == after.get('phys', 0))
        assert not joined or any(before[key] != after.get(key) for key in same), \
            f'two runs that are one: {before}, {after}'
    covered = sum(run['bytes'] for run in runs if DIRECT_MAP <= run['virt'] < DIRECT_MAP_END)
    assert covered == sum(e['bytes'] for e in facts['clean'] if e['type'] == 1)


@pytest.mark.parametrize('cpu,mem', [('qemu64', '64M'), ('max', '5G')])
def test_the_map_as_data(cpu, mem, image, rubbish, nonce):
    setup = Setup(image, cpu=cpu, mem=mem, rubbish=True,
                  config=f'test=cursor_sizes nonce={nonce} report=json exit=1')
    result = boot(setup, nonce, rubbish_folder=rubbish)
    assert result.passed, result
    check_map(result.report)
    assert any(run['page'] == '1G' for run in result.report['map']) == (cpu == 'max')
    screen = [run for run in result.report['map'] if run.get('phys') == 0xB8000]
    assert [run['cache'] for run in screen] == ['UC']


def reach(serial):
    """(leaf, PCID) -> what it survived."""
    found = re.findall(r'^# reach: (\w+) leaf used in PCID (\d): with nothing done it '
                       r'(\S+), over a CR3 load it (\S+), over INVLPG it (\S+)',
                       serial.replace('\r', ''), re.M)
    return {(leaf, int(pcid)): tuple(words) for leaf, pcid, *words in found}


@pytest.mark.parametrize('pcid', [True, False], ids=['pcid', 'pcid-off'])
def test_flushes_on_a_cpu_like_silicon(pcid, image, nonce):
    """Bochs keeps GLOBAL entries over CR3 loads, so a flush that is none shows. In its TLB
    all PCIDs are one, and a CR3 load drops the rest whatever bit 63 says."""
    tests = 'control_registers,flush_reach,cursor_sizes,cursor_rights,map_unmap'
    setup = bochs.BochsSetup(image, '64M', config=(
        f'test={tests} nonce={nonce} report=json exit=1' + ('' if pcid else ' pcid=off')))
    with bochs.Bochs(setup, wall=600) as vm:
        result = vm.finish(nonce)
    assert result.passed, result
    assert bool(result.report['cr4'] & 1 << 17) == pcid
    assert ('PCIDE' in result.serial) == pcid
    seen = reach(result.serial)
    assert set(seen) == {(leaf, n) for leaf in ('GLOBAL', 'local')
                         for n in range(1 + pcid)}
    for (leaf, _), (nothing, load, page) in seen.items():
        if leaf == 'GLOBAL':
            assert (nothing, load, page) == ('stays', 'stays', 'goes')
    check_map(result.report)


def test_an_unknown_value_of_pcid_is_said(image, rubbish, nonce):
    setup = Setup(image, mem='64M', rubbish=True,
                  config=f'pcid=on test=control_registers nonce={nonce} exit=1')
    result = boot(setup, nonce, rubbish_folder=rubbish)
    assert result.passed, result
    assert 'pcid=on is not off' in result.serial


def test_the_map_at_the_prompt_is_json(image, rubbish):
    setup = Setup(image, mem='64M', rubbish=True, config='kaslr=off')
    with Qemu(setup, wall=200, cpu_seconds=60, rubbish_folder=rubbish) as vm:
        prompt = vm.wait_for('plinth> ').end()
        vm.send('map json\r')
        vm.wait_for('plinth> ', after=prompt)
        line = re.search(r'^\{"map":.*\}', ktap.plain(vm.serial)[prompt:], re.M)
    assert len(json.loads(line[0])['map']) > 10
