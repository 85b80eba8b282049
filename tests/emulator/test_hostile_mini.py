# SPDX-License-Identifier: MIT
"""The mini loader of tests/firmware/mini/ behind the hostile BIOS: it meets the fault of
every scenario it takes part in, and is right, so a loader that fails one cannot blame the
shim. A boot sector that misbehaves shows that the shim sees what is forbidden."""
import os
import sys
from dataclasses import replace

import pytest

import samples

for folder in ('firmware', os.path.join('firmware', 'mini')):
    sys.path.insert(0, os.path.join(samples.ROOT, 'tests', folder))

import mini   # noqa: E402
from hostile_run import Runner   # noqa: E402
from hostile_table import BY_ID, CASES   # noqa: E402

TAKES_PART = [case for case in CASES if case.mini]
ON_QEMU = [case for case in TAKES_PART if 'qemu' in case.emulators]
ON_BOCHS = [case for case in TAKES_PART if 'bochs' in case.emulators]


@pytest.fixture(scope='session')
def runners(tmp_path_factory):
    """One for each emulator, made when it is needed."""
    made = {}

    def get(emulator):
        if emulator not in made:
            folder = str(tmp_path_factory.mktemp(f'mini-{emulator}'))
            image = mini.build(os.path.join(folder, 'mini.img'))
            made[emulator] = Runner(image, folder, mini.EXPECT, emulator)
            made[emulator].reference()
        return made[emulator]
    return get


def check(case, runner):
    # It says something in any case: its end is the regular expression's, not a time-out.
    verdict = runner.run(replace(case, expect='B', quirks=(), codes=()))
    wanted = mini.GOOD if case.mini == 'B' else mini.BAD
    assert verdict.ok, '\n'.join([*verdict.problems, verdict.outcome.e9[-2000:]])
    assert not verdict.unmet, 'it gave the fault no occasion'
    assert wanted in verdict.outcome.e9, verdict.outcome.e9[-2000:]


# One of each handful with every run; a change of the shim wants them all.
@pytest.mark.parametrize('case', [
    case if number % 6 == 0 else pytest.param(case, marks=pytest.mark.full)
    for number, case in enumerate(ON_QEMU)], ids=str)
def test_mini(case, runners):
    check(case, runners('qemu'))


@pytest.mark.full
@pytest.mark.parametrize('case', ON_BOCHS, ids=str)
def test_mini_on_bochs(case, runners):
    check(case, runners('bochs'))


# Calls that a loader must not make; each is one line of the shim.
MISBEHAVES = """
bits 16
org 0x7C00
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7C00
        mov     cx, 4                   ; odd, across 64 KiB, skew, high
        mov     di, buffers
.read:  mov     eax, [di]
        mov     [packet + 4], eax
        call    packet_read
        add     di, 4
        loop    .read
        mov     dword [packet + 8], 4096
        call    packet_read             ; the image's end
        mov     ax, 0x0301              ; a write
        mov     cx, 2
        mov     dx, 0x0080
        mov     bx, 0x8000
        int     0x13
        mov     dl, 0x90                ; a drive above 8Fh
        mov     ah, 0x41
        int     0x13
        mov     si, text
.say:   lodsb
        out     0xE9, al
        test    al, al
        jnz     .say
        cli
        hlt
packet_read:
        mov     dword [packet], 16 | 1 << 16
        mov     si, packet
        mov     dl, 0x80
        mov     ah, 0x42
        int     0x13
        ret
buffers: dw     1, 0x2000, 0xFF00, 0x1000, 0x104, 0x2000, 0, 0x8000
packet: dq      0, 1
text:   db      13, 10, "misbehaved", 13, 10, 0
        times   510 - ($ - $$) db 0
        dw      0xAA55
"""


def test_the_shim_sees_what_is_forbidden(tmp_path):
    image = str(tmp_path / 'bad.img')
    with open(image, 'wb') as file:
        file.write(samples.assemble(MISBEHAVES, tmp_path))
        file.truncate(4096 * 512)
    runner = Runner(image, str(tmp_path), 'misbehaved')
    for name, seen in (('odd', 1), ('64k', 1), ('skew', 3), ('high', 1)):
        outcome = runner.run(BY_ID[f'D5-{name}']).outcome
        failed = [line for line in outcome.faults if line.startswith('fails with 09')]
        assert len(failed) == seen, (name, outcome.faults)
        words = [line.partition(' AH')[0] for line in outcome.forbidden]
        assert words == ['FORBIDDEN read', 'FORBIDDEN write', 'FORBIDDEN drive']
