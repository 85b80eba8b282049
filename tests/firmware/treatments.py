#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Takes single treatments out of the loader and sees a scenario of the hostile BIOS fail.

  treatments.py [--build build] [--list] [NAME ...]

Each treatment is a change of the loader's source that leaves it whole but for one thing
it does about bad firmware. It is made in a copy of the tree, built there, booted on good
firmware, where nothing may be missed, and behind the hostile BIOS, where its scenario
must fail. A treatment whose scenario still holds is not proved by it.
Exit: 0 every scenario failed as it should, 1 one did not, 2 wrong call.
"""
import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [os.path.join(ROOT, 'tests', 'bugs'), os.path.join(ROOT, 'scripts')]

import machine   # noqa: E402  (needs the path above)
from hostile_run import NotBootable, Runner   # noqa: E402
from hostile_table import BY_ID   # noqa: E402
from workshop import Workshop   # noqa: E402


@dataclass
class Treatment:
    name: str
    scenario: str
    file: str
    there: str      # occurs once in the file
    instead: str

    def remove(self, folder):
        path = os.path.join(folder, self.file)
        with open(path, encoding='ascii') as file:
            text = file.read()
        if text.count(self.there) != 1:
            raise ValueError(f'{self.name}: {self.file} has {text.count(self.there)} '
                             f'times {self.there!r}, expected one')
        with open(path, 'w', encoding='ascii') as file:
            file.write(text.replace(self.there, self.instead))


def always(name, scenario, file, jump, *before):
    """The treatment is a condition: without it the jump is taken each time. `before` are
    the lines above it, where it stands in the file more than once."""
    condition, target = jump.split()
    lines = '\n        '.join([*before, ''])
    return Treatment(name, scenario, file, f'{lines}{condition:8}{target}',
                     f'{lines}jmp     {target}')


TREATMENTS = [
    Treatment('far jump before any absolute address', 'E1-07c0', 'stage1/stage1.asm',
              'jmp     0:.here', 'jmp     short .here'),
    Treatment('drives above 8Fh never touched', 'E5-ff', 'stage1/stage1.asm',
              'and     dh, 0x8F', 'nop'),
    Treatment('drive 80h tried when DL is wrong', 'E5-00', 'stage1/stage1.asm',
              'mov     byte [DRIVE_USED], 0x80', 'times   5 nop'),
    Treatment("the partition's start subtracted", 'E6-zip', 'stage2/disk_edd.asm',
              'sub     eax, [disk_base]', 'sub     eax, 0'),
    Treatment('A20 believed by memory only', 'E7-lies', 'stage2/a20.asm',
              'cmp     eax, eax\n.end:', 'or      esp, esp\n.end:'),
    always('CHS when packet reads break', 'D1-lies', 'stage2/disk_read.asm',
           'jbe .lost', 'cmp     al, [disk_write]'),
    Treatment('controller reset between tries', 'D3-stuck', 'stage2/disk_read.asm',
              '.again: call    disk_reset\n', '.again:\n'),
    always('smaller calls', 'D4-8-01', 'stage2/disk_read.asm',
           'jbe .method', 'cmp     ebx, 1'),
    always('counts below ours believed', 'D6-cf0', 'stage2/disk_read.asm', 'jae .whole'),
    Treatment('CF and AH judged together', 'D7-ah', 'stage2/disk_read.asm',
              '        jz      .took\n.suspect:\n        mov     ecx, ebx\n'
              '        quirk   QUIRK_READ_SUSPECT\n',
              '        jz      .took\n        jmp     .failed\n.suspect:\n'),
    always('a checksum for each chunk', 'D8-once', 'stage2/disk_prove.asm',
           'je .good', 'cmp     eax, edx', 'pop     eax'),
    Treatment('all flags set after each call', 'D13-flags', 'stage2/bios_gate.asm',
              'popfd', 'pop     eax'),
    Treatment('A20 tested after each call', 'D15-a20', 'stage2/a20.asm',
              '.open:  mov     byte [a20_guard], 1',
              '.open:  mov     byte [a20_guard], 0'),
    always('a tick that stands still ends the wait', 'D21-frozen',
           'stage2/disk_wait.asm', 'loop .poll'),
    Treatment('E801h believed up to 3C00h', 'M2-small_e801_soft', 'stage2/memory_old.asm',
              'cmp     eax, E801_FIRST_MAX + 1', 'cmp     eax, 0x10000'),
    Treatment('E820h in circles', 'M2-circle', 'stage2/memory_map.asm',
              'je      .endless', 'je      .differs'),
    Treatment('nonsense at 40:13h ignored', 'M7-bda_0', 'stage2/low_memory.asm',
              'cmp     eax, KIB_LOWEST\n        jb      .insane',
              'cmp     eax, KIB_LOWEST'),
    always('40:13h looked at after the last call', 'M7-call_lowers_bda',
           'stage2/low_memory.asm', 'ja .ebda'),
    always('40:0Eh looked at after the last call', 'M7-call_lowers_ebda',
           'stage2/low_memory.asm', 'jb .known'),
    Treatment("second copy of stage2's head", 'X1-head', 'stage1/stage1.asm',
              'and     ch, TRIES_COPY', 'and     ch, 0'),
    Treatment("second copy of stage2's body", 'X1-body', 'stage2/body_load.asm',
              'mov     eax, DISK_STAGE2_BODY + DISK_PARTITION', 'jmp     .damaged'),
]


@dataclass
class Result:
    treatment: Treatment
    failed: bool
    words: str


def prove(treatment, shop, rubbish):
    """Builds without the treatment and runs its scenario."""
    shop.restore()
    treatment.remove(shop.folder)
    built, said = shop.build()
    if not built:
        return Result(treatment, False, 'does not build: ' + said.strip()[-200:])
    folder = tempfile.mkdtemp(dir=rubbish)
    try:
        runner = Runner(shop.image, folder, rubbish=rubbish)
        runner.reference()
        verdict = runner.run(BY_ID[treatment.scenario])
    except NotBootable as error:
        return Result(treatment, False, str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Result(treatment, bool(verdict.problems),
                  '; '.join(verdict.problems)[:150] or 'the scenario holds')


def prove_all(treatments, shop_folder):
    """A Result each; the workshop's folder is kept for the next time."""
    shop, rubbish = Workshop(shop_folder), machine.scratch_folder()
    try:
        for treatment in treatments:
            yield prove(treatment, shop, rubbish)
    finally:
        shutil.rmtree(rubbish, ignore_errors=True)


def main():
    options = argparse.ArgumentParser(
        prog='treatments.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--build', default='build')
    options.add_argument('--list', action='store_true')
    options.add_argument('names', nargs='*', metavar='NAME')
    options = options.parse_args()
    unknown = set(options.names) - {t.scenario for t in TREATMENTS}
    if unknown:
        print(f"treatments: {' '.join(sorted(unknown))}: no such treatment; NAME is the "
              "scenario of one that --list shows", file=sys.stderr)
        return 2
    chosen = [t for t in TREATMENTS if not options.names or t.scenario in options.names]
    if options.list:
        for treatment in chosen:
            print(f'{treatment.scenario:14} {treatment.name} ({treatment.file})')
        return 0
    good = True
    for result in prove_all(chosen, os.path.join(options.build, 'treatments')):
        good &= result.failed
        print(f"{'fails' if result.failed else 'HOLDS':6} {result.treatment.scenario:14} "
              f"{result.treatment.name}: {result.words}", flush=True)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
