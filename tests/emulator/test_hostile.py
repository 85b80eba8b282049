# SPDX-License-Identifier: MIT
"""The unmodified image behind the hostile BIOS of tests/firmware/, scenario by scenario.

Maps that lie have a test of their own (test_memory_maps.py), which runs all of the
kernel's tests on each; here they are left to `scripts/hostile-bios --all`.
"""
import glob
import json
import os
import signal
import subprocess
import sys

import pytest

import ktap
import samples
from disk_format import L

for folder in ('firmware', os.path.join('firmware', 'mini')):
    sys.path.insert(0, os.path.join(samples.ROOT, 'tests', folder))

import hostile_fuzz   # noqa: E402
import hostile_plinth as plinth   # noqa: E402
import mini   # noqa: E402
from hostile_case import WARNS, Case   # noqa: E402
from hostile_entry import PARTITION_LBA   # noqa: E402
from hostile_run import Runner   # noqa: E402
from hostile_table import CASES, README, with_table   # noqa: E402
from shim import READ, Rule, Scenario   # noqa: E402

full = pytest.mark.full
BASE_SHIFTED, READ_RETRIED, HEAD_RETRIED = 2, 6, 34
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


@pytest.mark.parametrize('lba, code, at', [
    (PARTITION_LBA, READ_RETRIED, PARTITION_LBA),                   # whose drive is it?
    (L['DISK_PAYLOAD'] // 512, READ_RETRIED, L['DISK_PAYLOAD'] // 512),     # the base?
    (PARTITION_LBA + 1, HEAD_RETRIED, (PARTITION_LBA + 1) * 512)],          # by stage1
    ids=('drive', 'base', 'head'))
def test_places_are_those_of_the_disk(lba, code, at, runner):
    """Where the firmware counts from the partition, the first read of a sector fails."""
    rule = Rule('FAIL', READ, 0x20, lba=lba, lba_end=lba + 1, times=1)
    verdict = runner.run(Case('zip', 'a read fails before the base is known', 'USB-ZIP',
                              Scenario(base_lba=PARTITION_LBA, rules=(rule,)), WARNS,
                              (BASE_SHIFTED, code), shows=(f'LBA={lba:08X}',)))
    assert verdict.ok, '\n'.join([*verdict.problems, verdict.outcome.e9[-2000:]])
    quirks = ktap.report(verdict.outcome.serial)['loader']['quirks']
    assert [quirk['at'] for quirk in quirks if quirk['code'] == code] == [at]


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
    (('IMAGE', '--all', '-j', '0'), ': -j 0: expected a number from 1 to 256\n'),
    (('IMAGE', '--all', '--limit', '0'), ': --limit 0: expected a number from 1 to'),
    (('--list', '--all'), '--all: not allowed with argument --list'),
    (('IMAGE', '--scenario', 'D14-only'), 'D14-only: not to be shown on qemu'),
    ((__file__, '--all'), 'at byte 510; a boot image has 55 AA there'),
    ((os.path.dirname(__file__), '--all'), 'is a directory'),
    (('IMAGE', '--all', '--json', '/'), '--json /: is a directory'),
    (('IMAGE', '--all', '--json', '/nowhere/x'), '--json /nowhere/x: No such file'),
    (('IMAGE', '--all', '--json', 'IMAGE'), 'this is the image')], ids=range(16))
def test_tool_refuses_a_wrong_call(words, says, image):
    done = tool(*(image if word == 'IMAGE' else word for word in words))
    assert done.returncode == 2 and says in done.stderr
    assert not done.stdout


@pytest.mark.parametrize('size, says', [
    (0, ': 0 bytes; a boot image has at least 512, and 55 AA at byte 510'),
    (100, ': 100 bytes; a boot image has at least 512'),
    (512, 'no image of Plinth: --expect'),
    (100000, ': cut short: 100000 bytes, its head says 8388608')])
def test_tool_refuses_a_piece_of_an_image(size, says, image, tmp_path):
    path = tmp_path / 'piece.img'
    with open(image, 'rb') as file:
        path.write_bytes(file.read(size))
    done = tool(str(path), '--all')
    assert done.returncode == 2 and says in done.stderr and not done.stdout


def test_tool_on_our_image(image, tmp_path):
    facts = str(tmp_path / 'facts.json')
    done = tool(image, '--scenario', 'D8-once, D11-kernel,X1-bodies,D8-once', '--json',
                facts, '--log', str(tmp_path / 'log'))
    assert done.returncode == 0, done.stdout + done.stderr
    with open(facts, encoding='utf-8') as file:
        text = file.read()
    rows = json.loads(text)
    assert text.endswith(']\n') and {row['result'] for row in rows} == {'ok'}
    assert 'shim: starts the image' in (tmp_path / 'log' / 'D8-once.txt').read_text()
    assert sorted(os.listdir(tmp_path)) == ['facts.json', 'log']
    assert [row['reason'] for row in rows] == ['boots', 'died L-07', 'died L-01']
    assert any('flips a bit' in line for line in rows[0]['faults'])


def test_tool_on_an_image_that_does_not_boot(tmp_path):
    path = str(tmp_path / 'zero.img')
    with open(path, 'wb') as file:
        file.write(b'\xeb\xfe'.ljust(510, b'\0') + b'\x55\xaa')     # jmp $
        file.truncate(1 << 20)
    done = tool(path, '--all', '--expect', 'ready', '--limit', '2')
    assert done.returncode == 2 and f'{path} on good firmware' in done.stderr
    assert 'no line matched ready' in done.stderr


# A boot sector that writes a text to port E9 and switches the machine off (by ACPI).
OFF = (b'\xbe\x16\x7c\xac\x84\xc0\x74\x04\xe6\xe9\xeb\xf7\xba\x04\x06\xb8\0\x20\xef\xf4'
       b'\xeb\xfdready\n\0')


def test_tool_on_an_image_that_switches_off(tmp_path):
    path = str(tmp_path / 'off.img')
    with open(path, 'wb') as file:
        file.write(OFF.ljust(510, b'\0') + b'\x55\xaa')
        file.truncate(1 << 20)
    done = tool(path, '--scenario', 'D20-none', '--expect', 'ready')
    assert done.returncode == 0 and ' 0 failed, 0 unmet' in done.stdout, done


def test_tool_stops_when_told(image, tmp_path):
    facts = str(tmp_path / 'facts.json')
    words = [sys.executable, TOOL, image, '--all', '--json', facts]
    with subprocess.Popen(words, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as child:
        assert child.stdout.readline()      # the others run
        child.send_signal(signal.SIGTERM)
        errors = child.communicate(timeout=120)[1]
    assert child.returncode == 143 and errors.count('\n') == 1, errors
    assert os.listdir(tmp_path) == []
    assert not glob.glob(f'/*/shm/plinth-{child.pid}-*'), 'an emulator was left'


def test_tool_that_tested_nothing_is_not_content(tmp_path):
    path, facts = mini.build(str(tmp_path / 'mini.img')), str(tmp_path / 'facts.json')
    words = path, '--expect', mini.EXPECT, '--json', facts, '--scenario'
    done = tool(*words, 'D17-bps-0')
    assert done.returncode == 1 and 'nothing was tested' in done.stdout
    with open(facts, encoding='utf-8') as file:
        row = json.load(file)[0]
    assert (row['result'], row['ok'], row['unmet']) == ('unmet', False, True)
    assert tool(*words, 'D2-20x1,D17-bps-0').returncode == 0


def test_page_has_the_numbers_of_now():
    with open(os.path.join(samples.ROOT, 'docs', 'hostile-bios.md'),
              encoding='utf-8') as file:
        text = file.read()
    on_bochs = sum('bochs' in case.emulators for case in CASES)
    assert f'Bochs shows {on_bochs} of the {len(CASES)} scenarios' in text
