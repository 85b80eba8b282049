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
import memory_manners   # noqa: E402
import memory_scenarios   # noqa: E402
from hostile_memory import ON_BOCHS   # noqa: E402
from memory_check import check_map   # noqa: E402
from shim import END_BY_CF, END_BY_EBX, END_NEVER, SOFT, Shim   # noqa: E402

CASES = memory_scenarios.CASES + memory_manners.CASES


@pytest.fixture(scope='module')
def shim(tmp_path_factory):
    return Shim(str(tmp_path_factory.mktemp('shim')))


def config_for(nonce):
    return f'test=all nonce={nonce} report=json exit=1 log=warn'


ENDS = {END_BY_EBX: 'e820 end by ebx', END_BY_CF: 'e820 end by cf',
        END_NEVER: 'e820 goes round'}


def expected_lies(says, old_asked):
    """The shim's lines on port E9, between its start and the kernel's."""
    lines = []
    # A list that cannot be had with 24 bytes an entry is asked for with 20.
    if not says.table:
        lines.append('e820 refused' if not isinstance(says.entries, list) else
                     'e820 entries=0000')
        lines += ['e820 end by cf'] * (lines[0] != 'e820 refused')
    if isinstance(says.entries, list):
        lines += ['e820 refused'] * ('ONLY_20' in says.e820_flags)   # 24 were asked for
        lines.append(f'e820 entries={len(says.table):04X}')
        if says.lose_at < len(says.table):
            lines = 2 * [*lines, 'e820 loses its signature']    # asked with 20 then
        elif says.table and len(says.table) <= oracle.E820_MAX:
            lines.append(ENDS[says.end])
        elif not says.table:
            lines.append('e820 end by cf')
    else:
        lines.append('e820 refused')
    if not old_asked:
        return lines
    lines.append('e801 answered' if isinstance(says.e801, tuple) else
                 'e801 refused with CF clear' if says.e801 == SOFT else 'e801 refused')
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
        case.expect == 'L-22' or case.says.lose_at < len(table)
    if case.says.int12_kib is not None:
        assert 'int 12h is a lie' in lies
        lies = [line for line in lies if line != 'int 12h is a lie']
    taken = [line for line in lies if line.startswith('takes low memory')]
    assert len(taken) == sum(rule.times for rule in case.says.rules)
    lies = [line for line in lies if line not in taken]
    assert lies == expected_lies(case.says, old_asked)
    assert ('40:13 is a lie' in said) == (case.says.bda_kib is not None)
    assert ('40:0E is a lie' in said) == (case.says.ebda_segment is not None)


def check_boot(case, result):
    assert result.passed, result
    check_lies(case, result.e9)
    check_map(case, result.report)


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


@pytest.mark.parametrize('case', [case for case in CASES if case.name in ON_BOCHS],
                         ids=str)
def test_map_on_bochs(case, shim, image, nonce, tmp_path):
    disk = shim.disk(case.says, str(tmp_path / 'shim.img'), os.path.getsize(image))
    setup = bochs.BochsSetup(image, case.mem, config=config_for(nonce), rubbish=True,
                             first_disk=disk)
    with bochs.Bochs(setup, wall=120) as vm:
        result = vm.finish(nonce)
    check_boot(case, result)
