# SPDX-License-Identifier: MIT
"""The unmodified image behind the hostile BIOS of tests/firmware/, scenario by scenario.

Maps that lie have a test of their own (test_memory_maps.py), which runs all of the
kernel's tests on each; here they are left to `scripts/hostile-bios --all`.
"""
import os
import sys

import pytest

import samples

sys.path.insert(0, os.path.join(samples.ROOT, 'tests', 'firmware'))

import hostile_plinth as plinth   # noqa: E402
from hostile_run import Runner   # noqa: E402
from hostile_table import CASES   # noqa: E402

full = pytest.mark.full
ON_QEMU = [case for case in CASES if 'qemu' in case.emulators and not case.memory]
ON_BOCHS = [case for case in CASES if 'bochs' in case.emulators and not case.memory]


@pytest.fixture(scope='session')
def runner(image, rubbish, tmp_path_factory):
    runner = Runner(image, str(tmp_path_factory.mktemp('hostile')), rubbish=rubbish)
    good = runner.reference()
    # What good firmware costs: the budget of calls, seen from the firmware's side.
    assert not plinth.check_budget(good.outcome.calls)
    assert plinth.quirks_of(runner.report) <= {27}, 'the shim itself is to be seen'
    return runner


@pytest.fixture(scope='session')
def bochs_runner(image, tmp_path_factory):
    runner = Runner(image, str(tmp_path_factory.mktemp('hostile-bochs')),
                    emulator='bochs')
    runner.reference()
    return runner


@pytest.mark.parametrize('case', ON_QEMU, ids=str)
def test_scenario(case, runner):
    verdict = runner.run(case)
    assert verdict.ok, '\n'.join([*verdict.problems, verdict.outcome.e9[-2000:]])


@full
@pytest.mark.parametrize('case', ON_BOCHS, ids=str)
def test_scenario_on_bochs(case, bochs_runner):
    verdict = bochs_runner.run(case)
    assert verdict.ok, '\n'.join([*verdict.problems, verdict.outcome.e9[-2000:]])
