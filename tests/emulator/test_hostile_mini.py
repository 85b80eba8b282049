# SPDX-License-Identifier: MIT
"""The mini loader of tests/firmware/mini/ behind the hostile BIOS: it is right in every
scenario it takes part in, so a loader that fails one cannot blame the shim."""
import os
import sys
from dataclasses import replace

import pytest

import samples

for folder in ('firmware', os.path.join('firmware', 'mini')):
    sys.path.insert(0, os.path.join(samples.ROOT, 'tests', folder))

import mini   # noqa: E402
from hostile_run import Runner   # noqa: E402
from hostile_table import CASES   # noqa: E402

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
    assert wanted in verdict.outcome.e9, verdict.outcome.e9[-2000:]


@pytest.mark.parametrize('case', ON_QEMU, ids=str)
def test_mini(case, runners):
    check(case, runners('qemu'))


@pytest.mark.full
@pytest.mark.parametrize('case', ON_BOCHS, ids=str)
def test_mini_on_bochs(case, runners):
    check(case, runners('bochs'))
