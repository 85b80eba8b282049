# SPDX-License-Identifier: MIT
"""Machines the loader must refuse by name: each gets its code on COM1, port E9 and
screen, and a halt. None resets, hangs in a loop or goes on.
"""
import time

import pytest

import bochs
from disk_format import L
from machine import Setup
from qemu import Qemu


def check_death(vm, code, words=''):
    """The machine died of `code`, said so everywhere, and rests."""
    result = vm.finish()
    assert result.reason == f'died {code}', result
    line = result.details[-1]
    assert words in line, line
    if vm.setup.serial:
        assert line in vm.e9().replace('\r', '')
    if vm.setup.vga:
        # A row ends where it ends: blanks at its end cannot be seen.
        assert line.replace(' ', '') in ''.join(vm.screen().split()), vm.screen()
    time.sleep(0.2)
    vm.pump()
    assert vm.halted() and not vm.resets()
    return line


def refuse(image, rubbish, code, words='', **setup):
    machine = Setup(image, rubbish=True, **setup)
    with Qemu(machine, wall=60, cpu_seconds=30, rubbish_folder=rubbish) as vm:
        return check_death(vm, code, words)


@pytest.mark.parametrize('cpu, code, words', [
    ('486', 'L-11', '64-bit mode'),
    ('pentium3', 'L-11', '64-bit mode'),
    ('qemu32', 'L-11', '64-bit mode'),
    ('max,-lm', 'L-11', '64-bit mode'),
    ('qemu64,-nx', 'L-12', 'NX'),
    ('max,-nx', 'L-12', 'NX'),
    ('qemu64,-sse2', 'L-13', 'SSE2'),
    ('qemu64,-pae', 'L-13', 'PAE'),
    ('qemu64,-msr', 'L-13', 'MSR'),
    ('qemu64,-fxsr', 'L-13', 'FXSR'),
])
def test_cpu_is_refused_by_name(cpu, code, words, image, rubbish):
    refuse(image, rubbish, code, words, cpu=cpu)


@pytest.mark.parametrize('mem', ['1M', '1100K', '2M', '4M', '6M'])
def test_too_little_ram(mem, image, rubbish):
    refuse(image, rubbish, 'L-22', 'below 4 GiB', mem=mem)


def test_too_little_ram_on_q35(image, rubbish):
    refuse(image, rubbish, 'L-22', 'below 4 GiB', mem='4M', machine='q35', disk='ahci')


def test_no_room_below_4_gib(image, rubbish):
    """8 GiB of RAM, but only 4 MiB of it below 4 GiB."""
    refuse(image, rubbish, 'L-22', 'below 4 GiB', mem='8G',
           machine_options='max-ram-below-4g=4M')


def test_death_without_a_serial_port(image, rubbish):
    refuse(image, rubbish, 'L-12', cpu='qemu64,-nx', serial=False)


def test_death_without_a_screen(image, rubbish):
    refuse(image, rubbish, 'L-12', cpu='qemu64,-nx', vga=False)


def test_death_on_bochs(image):
    """A Pentium 4 without 64-bit mode, on the BIOS that enters with other habits."""
    setup = bochs.BochsSetup(image, '64M', 'p4_willamette', rubbish=True)
    with bochs.Bochs(setup, wall=60) as vm:
        result = vm.finish()
    assert result.reason == 'died L-11', result
    assert result.details[-1] in result.e9.replace('\r', '')


@pytest.mark.parametrize('disk', ['ide', 'ahci', 'nvme', 'usb'])
def test_permanent_read_error(disk, image, rubbish):
    """A sector of the kernel that never reads: the death names place and tries."""
    lba = L['DISK_PAYLOAD'] // 512 + 16
    fault = {'event': 'none', 'iotype': 'read', 'sector': lba, 'errno': 5}
    machine = Setup(image, disk=disk, faults=(fault,))
    with Qemu(machine, wall=120, cpu_seconds=60) as vm:
        line = check_death(vm, 'L-07')
    for fact in ('fn=', 'AH=', 'DL=80', 'LBA=', 'count=', 'tries='):
        assert fact in line
