# SPDX-License-Identifier: MIT
"""Triple faults, forced where nothing can explain itself any more, from real mode to the
handler of an NMI; each must be told by the boot that follows, from the flight recorder.

An image of which one function is machine code that loses the IDT and traps; the next boot
of the same image reads what the recorder holds before it dies the same way.
"""
import re
import struct
import time
from dataclasses import dataclass

import pytest

import ktap
import recorder
from bochs import Bochs, BochsSetup
from broken_image import TRIPLE_FAULT_64, Break
from machine import Setup
from qemu import NOT_RECORDED, Qemu

SILENT = 'ended without a word at'
full = pytest.mark.full


@dataclass
class Place:
    where: str
    change: object          # (Break) -> None
    told: str               # the last milestone, or the exception that was being served
    function: str = ''      # of the kernel, where the CPU stood
    config: str = 'log=info'

    def __str__(self):
        return self.where

    @property
    def words(self):
        return self.told if ' at ' in self.told else f"{SILENT} '{self.told}'"


def fault_in(name, bits=None):
    return lambda image: image.triple_fault(name, bits)


def in_the_move(image):
    """Behind MOV CR3, RDI: the tables are the kernel's, RIP and RSP still the old ones."""
    image.put(image.kernel_offset('early_jump') + 3, TRIPLE_FAULT_64)


def in_real_mode(image):
    """The gate to the BIOS gets an empty vector table and an INT3 where real mode begins:
    MOV WORD [idt_real], 0; MOV BYTE [there], CCh; PUSH 16h; CALL bios_gate."""
    begin, table = image.loader['payload_load'], image.loader['idt_real']
    there = image.loader['bios_gate.real']
    code = (b'\x66\xc7\x05' + struct.pack('<I', table) + b'\0\0'
            + b'\xc6\x05' + struct.pack('<I', there) + b'\xcc' + b'\x6a\x16')
    distance = image.loader['bios_gate'] - begin - len(code) - 5
    image.put_loader('payload_load', code + b'\xe8' + struct.pack('<i', distance))


def place(where, milestone):
    return Place(where, fault_in(where), milestone, where)


PLACES = [
    Place('stage2 real mode', in_real_mode, 'memory map read'),
    Place('stage2 protected mode', fault_in('payload_load'), 'memory map read'),
    Place('stage2 before paging', fault_in('long_mode_enter'), 'kernel loaded'),
    Place('stage2 long mode', fault_in('long_mode_enter.sum', 64), 'long mode'),
    place('memmap_clean', 'kernel entry'),
    place('slide_choose', 'map cleaned'),
    place('reloc_apply', 'tables built'),
    Place('the move', in_the_move, 'tables built', 'early_jump'),
    place('trap_init', 'moved high'),
    place('symbols_init', 'identity gone'),
    place('pmm_init', 'traps explained'),
    place('heap_init', 'frames ready'),
    place('report_boot', 'heap ready'),
    place('monitor_run', 'prompt'),
    Place('a handler', fault_in('fault_resolve'), 'moved high', 'fault_resolve'),
    Place('NMI', fault_in('panic_enter'), "died: exception 2 at 'report'",
          config='log=info test=die_nmi'),
    Place('IDT limit 0', lambda image: None, 'report', 'test_die_triple_fault',
          'log=info test=die_triple_fault'),
]
# Every run of the tests sees all of them on one machine, and on the others these.
ALWAYS = ('stage2 real mode', 'the move', 'NMI')


def broken(place, build, folder):
    image = Break(build)
    place.change(image)
    return image.save(folder / 'broken.img')


def check_told(place, said):
    """By stage2 of the next boot; addresses follow for what has some."""
    assert f'plinth: previous boot {place.words}' in said, said[-3000:]


def on_qemu(place, machine, disk, build, rubbish, folder):
    setup = Setup(broken(place, build, folder), mem='64M', machine=machine, disk=disk,
                  config=place.config, rubbish=True)
    with Qemu(setup, rubbish_folder=rubbish, wall=240, cpu_seconds=90) as vm:
        result = vm.finish()
        time.sleep(0.3)
        vm.pump(0)
        said, books = ktap.plain(vm.serial), recorder.boots(vm.recorder_memory())
    assert result.reason == 'triple fault', result
    check_told(place, said)
    assert any(place.words in line for line in result.details), result
    if place.function:
        assert any(re.search(rf'the CPU stood at {place.function}\+0x', line)
                   for line in result.details), result
    assert books and all(boot.code is None for boot in books), books


@pytest.mark.parametrize('place', PLACES, ids=str)
def test_pc(place, build, rubbish, tmp_path):
    on_qemu(place, 'pc', 'ide', build, rubbish, tmp_path)


@pytest.mark.parametrize('place', [
    pytest.param(place, marks=() if place.where in ALWAYS else full)
    for place in PLACES], ids=str)
def test_q35(place, build, rubbish, tmp_path):
    on_qemu(place, 'q35', 'ahci', build, rubbish, tmp_path)


@pytest.mark.parametrize('place', [
    pytest.param(place, marks=() if place.where in ALWAYS else full)
    for place in PLACES], ids=str)
def test_bochs(place, build, tmp_path):
    setup = BochsSetup(broken(place, build, tmp_path), mem='64M', config=place.config,
                       reset_on_triple_fault=True)
    with Bochs(setup, wall=240) as vm:
        vm.wait_for(r'^plinth: previous boot [^\n]*\n')
        check_told(place, ktap.plain(vm.serial))


def test_before_the_recorder_opens(build, rubbish, tmp_path):
    """The loader may not touch the range before it knows that it is RAM."""
    image = Break(build).triple_fault('cpu_check').save(tmp_path / 'broken.img')
    setup = Setup(image, mem='64M', rubbish=True)
    with Qemu(setup, rubbish_folder=rubbish, wall=240, cpu_seconds=90) as vm:
        result = vm.finish()
        assert recorder.boots(vm.recorder_memory()) == []
        assert 'previous boot' not in vm.serial
    assert result.reason == 'triple fault' and NOT_RECORDED in result.details, result
