#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every code that loader and kernel can print is provoked, and all it says is compared.

  test_codes.py --update [--build build] [NAME...]   takes what is said now as right

NAME is a code or a file of golden/. Look at the difference that git shows afterwards: it
is what a reader of the message will see.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import sys
import tempfile

import pytest

import golden
import ktap
import machine
import recorder
import samples
from machine import EmulatorError
from provocations import DEATHS, Scene
from qemu import Qemu

FINDINGS = 'AU'     # codes of the auditor: findings first, deaths only for one that asks


def source(*path):
    with open(os.path.join(samples.ROOT, *path), encoding='ascii') as file:
        return file.read()


def codes_of_the_kernel():
    found = re.findall(r'\bCODE\((\w\w), (\d+), ', source('kernel', 'base', 'codes.h'))
    return {f'{prefix}-{int(number):02}' for prefix, number in found}


def codes_of_the_loader():
    text = source('kernel', 'boot', 'loader_codes.h')
    return {f'L-{int(n):02}' for n in re.findall(r'^#define LOADER_\w+ +(\d+)', text,
                                                 re.M)}


def letters_of_stage1():
    """Its header names them: "X = D: ..., C: ..."."""
    text = source('stage1', 'stage1.asm')
    return {f'S1-{letter}' for letter in re.findall(r'\b([A-Z]): ', text.partition(
        'X = ')[2].partition('\n\n')[0].partition('%include')[0])}


def die(death, build, folder, rubbish):
    """Runs the machine to its death: all that was said from the headline on."""
    setup = death.make(Scene(build, str(folder)))
    setup.rubbish = True
    with Qemu(setup, wall=120, cpu_seconds=60, rubbish_folder=rubbish) as vm:
        if death.act:
            death.act(vm)
        result = vm.finish()
        said = ktap.plain(result.serial)
        headline = ktap.death(said)
        assert headline, result
        outputs = {'E9': ktap.plain(vm.e9()), 'screen': vm.screen()}
        books = recorder.boots(vm.recorder_memory())
        assert vm.halted() and not vm.resets(), result
    return said[said.index(headline[1]):], outputs, books


def headline_of(code):
    return 'plinth: ' + (code.replace('-', ' ') if code.startswith('S1') else code) + ' '


def packed(text):
    """Rows of a screen end where they end."""
    return ''.join(text.split())


# An interrupt comes when it comes: on a busy host the first one may be another one, or find
# the kernel a function further on. A text that is wrong is wrong each time.
BOOTS = 3


@pytest.mark.parametrize('death', DEATHS, ids=str)
def test_text(death, build, rubbish, tmp_path):
    difference = 'no boot'
    for boot in range(BOOTS):
        folder = tmp_path / str(boot)
        folder.mkdir()
        difference = difference and text_difference(death, build, folder, rubbish)
    assert difference is None, difference


def text_difference(death, build, folder, rubbish):
    said, outputs, books = die(death, build, folder, rubbish)
    assert said.startswith(headline_of(death.code)), said
    line = said.partition('\n')[0]
    for name, text in outputs.items():
        assert packed(line) in packed(text), f'{name} does not say: {line}\n{text}'
    if death.recorded and not death.code.startswith(('S1', 'L-')):
        assert books and books[0].code == death.code, books
    return golden.compare(str(death), said)


def test_every_code_is_provoked():
    provoked = {death.code for death in DEATHS}
    codes = codes_of_the_kernel() | codes_of_the_loader() | letters_of_stage1()
    assert len(letters_of_stage1()) == 2 and len(codes) > 80
    audited = {f'{FINDINGS}-{n}' for n in re.findall(
        rf'CODE_{FINDINGS}_(\d+)', source('tests', 'kernel', 'audit_selftest.c'))}
    assert sorted(codes - provoked - audited) == [], 'provocations.py has none for these'
    assert sorted(provoked - codes) == [], 'no such code'


def test_every_golden_text_has_its_death():
    files = {name.removesuffix('.txt') for name in os.listdir(golden.FOLDER)}
    assert files == {str(death) for death in DEATHS}
    assert len({str(death) for death in DEATHS}) == len(DEATHS)


@pytest.mark.parametrize('before, after', [
    ('  rip ffffffff8001bff0 cs 08', '  rip <image> cs 08'),
    ('at ffffc90000007eb8', 'at <stack>'), ('V:0000000000000008 by', None),
    ('V:1234567800000000', None),
    ('memset+0x1c (mm/heap.c:12)', 'memset+# (mm/heap.c:#)'),
    ('  PML4[256] 0000000000101023 P W A', '  PML4[256] <entry> P W A'),
    ('    PT[ 12] 0000000000000200 armed', '    PT[  #] 0000000000000200 armed'),
    ('flags 000246: PF ZF IF ring 0', 'flags #: IF ring 0'),
    ('overflow by 4096 bytes', 'overflow by # bytes'), ('a member 8 bytes into', None),
    ('EIP=00009012 CR2=00000000 DL=80', 'EIP=# CR2=# DL=80'),
    ('error code 0x2', None), ('IST1', None)])
def test_masks(before, after):
    assert golden.mask(before) == golden.mask(after or before) and \
        golden.mask(before).strip() == (after or before).strip()


def renew(death, build, rubbish):
    """One line about it, or None."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            said, _, _ = die(death, os.path.abspath(build), folder, rubbish)
        except (AssertionError, EmulatorError, LookupError, OSError, TypeError,
                ValueError) as error:
            return f'{death}: {type(error).__name__} {error}'
    if not said.startswith(headline_of(death.code)):
        return f'{death}: died of {said.splitlines()[0]}'
    return f'{death}: golden/{death}.txt' if golden.update(str(death), said) else None


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument('--update', action='store_true', required=True)
    options.add_argument('--build', default=os.path.join(samples.ROOT, 'build'))
    options.add_argument('names', nargs='*')
    options = options.parse_args()
    chosen = [death for death in DEATHS if not options.names or
              {death.code, str(death)} & set(options.names)]
    rubbish = machine.scratch_folder()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        lines = workers.map(lambda death: renew(death, options.build, rubbish), chosen)
        print(*filter(None, lines), sep='\n')
    shutil.rmtree(rubbish)
    for name in sorted(os.listdir(golden.FOLDER)):
        if name.removesuffix('.txt') not in map(str, DEATHS):
            os.unlink(os.path.join(golden.FOLDER, name))
    return 0


if __name__ == '__main__':
    sys.exit(main())
