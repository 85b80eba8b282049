# SPDX-License-Identifier: MIT
"""One image on every medium a BIOS boots from, and what is left to do when it fails.

test_boot.py runs all tests of the kernel on some media; here each medium has one short
boot, and the loader's facts are held against what the medium is.
"""
import os
import shutil
import sys
from dataclasses import dataclass

import pytest

import samples
from disk_format import BASES, L
from machine import Setup
from qemu import Qemu, boot
from test_image import flip

sys.path.insert(0, os.path.join(samples.ROOT, 'tests', 'firmware'))

from shim import Scenario, Shim   # noqa: E402  (needs the path above)

DRIVE_REPAIRED = 1
NO_EDD, BASE_SHIFTED, SECTOR_BYTES, HEAD_RETRIED = 4, 2, 3, 34
CALLS = 8       # and one for each 32 KiB


@dataclass
class Medium:
    disk: str
    machine: str = 'pc'
    quirks: frozenset = frozenset()
    edd: int = 1
    sector_bytes: int = 512
    may: frozenset = frozenset()    # quirks that come and go

    def __str__(self):
        return f'{self.disk}-{self.machine}'


# Hard-disk emulation from a CD has neither packet reads nor a chance for stage1's first try.
CD = {'quirks': frozenset({NO_EDD, HEAD_RETRIED}), 'edd': 0}
# QEMU's UHCI fails now and then, with AH = 0Ch.
TRANSIENT = frozenset({6, 7, 8})
MEDIA = [
    Medium('ide'), Medium('ahci'), Medium('ahci', 'q35'), Medium('nvme'),
    Medium('nvme4k', quirks=frozenset({SECTOR_BYTES}), sector_bytes=4096),
    Medium('virtio'), Medium('virtio-scsi'), Medium('usb'), Medium('ehci'),
    Medium('sd'), Medium('zip', quirks=frozenset({BASE_SHIFTED})), Medium('cd', **CD),
]
FULL = [Medium('usb', 'q35'), Medium('lsi'), Medium('uhci', may=TRANSIENT), Medium('ohci'),
        Medium('usb-cd', **CD)]


def check_calls(loader):
    """The budget of calls that deliver, on firmware that does what it should."""
    read = loader['int13_sectors'] * loader['sector_bytes']
    assert loader['int13_calls'] <= CALLS + -(-read // L['CHUNK_BYTES'])


@pytest.mark.parametrize('medium', MEDIA + [pytest.param(medium, marks=pytest.mark.full)
                                            for medium in FULL], ids=str)
def test_boots_from(medium, image, rubbish, nonce):
    setup = Setup(image, '64M', machine=medium.machine, disk=medium.disk, rubbish=True,
                  config=f'test=boot_info nonce={nonce} report=json exit=1')
    result = boot(setup, nonce, rubbish_folder=rubbish, wall=300, cpu_seconds=100)
    assert result.passed, result
    loader = result.report['loader']
    assert {quirk['code'] for quirk in loader['quirks']} - medium.may == medium.quirks
    assert loader['edd'] == medium.edd
    assert loader['sector_bytes'] == medium.sector_bytes
    assert loader['base_marker'] == (BASE_SHIFTED in medium.quirks)
    if medium.edd and not medium.may:
        check_calls(loader)


@pytest.mark.parametrize('drive', [0x00, 0x81, 0xFF])
def test_drive_is_found_by_its_uuid(drive, image, nonce, tmp_path):
    """With 4096-byte sectors the BIOS has loaded stage2's head, stage1 reads nothing, and
    a wrong DL comes as far as stage2."""
    shim = Shim(str(tmp_path)).disk(Scenario(entry_dl=drive), str(tmp_path / 'shim.img'),
                                    os.path.getsize(image))
    setup = Setup(image, '64M', disk='nvme4k', extra=(
        '-drive', f'file={shim},format=raw,if=none,id=shim,snapshot=on',
        '-device', 'ide-hd,drive=shim,bus=ide.1,bootindex=0'),
        config=f'test=boot_info nonce={nonce} report=json exit=1')
    result = boot(setup, nonce, wall=300, cpu_seconds=100)
    assert result.passed, result
    loader = result.report['loader']
    assert (loader['drive_given'], loader['drive']) == (drive, 0x80)
    assert DRIVE_REPAIRED in {quirk['code'] for quirk in loader['quirks']}


# --- when it does not boot

# A boot sector that says who it is on port E9 and rests.
OTHER = (b'\xbe\x0f\x7c\xac\x84\xc0\x74\x04\xe6\xe9\xeb\xf7\xf4\xeb\xfd'
         b'other device\n\0')


@pytest.fixture
def other(tmp_path):
    path = tmp_path / 'other.img'
    path.write_bytes(OTHER.ljust(510, b'\0') + b'\x55\xaa' + bytes(1474560 - 512))
    return str(path)


def damaged(image, folder, place):
    path = str(folder / 'damaged.img')
    shutil.copyfile(image, path)
    for offset in ([L['DISK_PAYLOAD'] + 77] if place == 'kernel' else
                   [base + L[place] + 77 for base in BASES]):
        flip(path, offset)
    return path


PLACES = [('DISK_STAGE2_BODY', 'L-01'), ('kernel', 'L-33')]


@pytest.mark.parametrize('place, code', PLACES)
def test_n_boots_the_next_device(place, code, image, other, tmp_path):
    """INT 18h, from stage2's head alone and from its body. Other keys do nothing."""
    setup = Setup(damaged(image, tmp_path, place), '64M', extra=(
        '-drive', f'file={other},format=raw,if=floppy,snapshot=on'))
    with Qemu(setup, wall=120, cpu_seconds=60) as vm:
        assert vm.finish().reason == f'died {code}'
        assert 'R: restart  N: next boot device' in vm.screen()
        vm.send_keys(['x', 'spc', 'ret', '1'])
        assert 'other device' not in vm.e9()
        vm.send_keys(['n'])
        vm.wait_for('^other device', source='e9')
        assert not vm.resets()


@pytest.mark.parametrize('place, code', PLACES)
def test_r_restarts(place, code, image, tmp_path):
    with Qemu(Setup(damaged(image, tmp_path, place), '64M'), wall=120,
              cpu_seconds=60) as vm:
        assert vm.finish().reason == f'died {code}'
        before = vm.mark()
        vm.send_keys(['x', 'r'])
        vm.wait_for(f'^plinth: {code} ', after=before, resets=100)
