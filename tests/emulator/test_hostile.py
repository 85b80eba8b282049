# SPDX-License-Identifier: MIT
"""The unmodified image behind the hostile BIOS of tests/firmware/, scenario by scenario.

Maps that lie have a test of their own (test_memory_maps.py), which runs all of the
kernel's tests on each; here they are left to `scripts/hostile-bios --all`.
"""
import json
import os
import subprocess
import sys

import pytest

import samples

sys.path.insert(0, os.path.join(samples.ROOT, 'tests', 'firmware'))

import hostile_fuzz   # noqa: E402
import hostile_plinth as plinth   # noqa: E402
from hostile_run import Runner   # noqa: E402
from hostile_table import CASES, README, with_table   # noqa: E402

full = pytest.mark.full
SEEDS, MORE_SEEDS = range(1, 51), range(51, 1001)
TOOL = os.path.join(samples.SCRIPTS, 'hostile-bios')
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


def check_seeds(seeds, runner):
    for seed in seeds:
        verdict = runner.run(hostile_fuzz.case(seed))
        assert verdict.ok, '\n'.join([verdict.case.title, *verdict.problems,
                                      verdict.outcome.e9[-2000:]])


@pytest.mark.parametrize('first', SEEDS[::10])
def test_combinations(first, runner):
    check_seeds(range(first, first + 10), runner)


@full
@pytest.mark.parametrize('first', MORE_SEEDS[::50])
def test_more_combinations(first, runner):
    check_seeds(range(first, min(first + 50, MORE_SEEDS.stop)), runner)


def test_a_seed_is_one_scenario():
    blocks = [hostile_fuzz.case(seed).says.block(1000) for seed in (7, 7, 8)]
    assert blocks[0] == blocks[1] != blocks[2]


def test_readme_has_the_table_of_now():
    with open(README, encoding='utf-8') as file:
        text = file.read()
    assert text == with_table(text), 'run tests/firmware/hostile_table.py'


# --- scripts/hostile-bios

def tool(*words):
    return subprocess.run([sys.executable, TOOL, *words], capture_output=True, text=True,
                          timeout=600)


@pytest.mark.parametrize('words, says', [
    ((), 'which IMAGE?'), (('/nowhere', '--all'), '/nowhere: no such file'),
    (('IMAGE',), 'what to run?'), (('IMAGE', '--scenario', 'D8-onec'), 'near: D8-once'),
    (('IMAGE', '--fuzz', '0', '1'), '--fuzz SEED 0: expected a number from 1'),
    (('IMAGE', '--fuzz', '1', 'x'), '--fuzz COUNT x: expected a number'),
    (('IMAGE', '--all', '--expect', '('), '--expect ('),
    (('IMAGE', '--all', '-j', '0'), '-j 0'),
    (('IMAGE', '--scenario', 'D14-only'), 'D14-only: not to be shown on qemu'),
    ((__file__, '--all'), 'no image of Plinth: --expect')], ids=range(10))
def test_tool_refuses_a_wrong_call(words, says, image):
    done = tool(*(image if word == 'IMAGE' else word for word in words))
    assert done.returncode == 2 and says in done.stderr
    assert not done.stdout


def test_tool_on_our_image(image, tmp_path):
    facts = str(tmp_path / 'facts.json')
    done = tool(image, '--scenario', 'D8-once,D11-kernel,X1-bodies', '--json', facts)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(facts, encoding='utf-8') as file:
        rows = json.load(file)
    assert [row['reason'] for row in rows] == ['boots', 'died L-07', 'died L-01']
    assert any('flips a bit' in line for line in rows[0]['faults'])


def test_tool_on_an_image_that_does_not_boot(tmp_path):
    path = str(tmp_path / 'zero.img')
    with open(path, 'wb') as file:
        file.truncate(1 << 20)
    done = tool(path, '--all', '--expect', 'ready', '--limit', '2')
    assert done.returncode == 2 and 'on good firmware' in done.stderr
