# SPDX-License-Identifier: MIT
"""run.py and bochs.py tell every end of a machine apart, and believe no tampered report.

The guests are boot sectors that lie on purpose (samples.talker).
"""
import glob
import os
import subprocess
import time

import pytest

import machine
import samples
from qemu import Qemu
from samples import SCRIPTS, ktap_words, talker

PASSING = [('one', 'ok'), ('two', 'skip')]
FAILING = [('one', 'ok'), ('two', 'not ok')]
GOOD = ktap_words('7', PASSING)


def run_tool(tool, *words, timeout=90):
    done = subprocess.run(
        ['timeout', '-k', '2', str(timeout), '/usr/bin/python3',
         os.path.join(SCRIPTS, tool), *map(str, words)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace')
    return done.returncode, done.stdout, done.stderr


def batch(folder, words, end, *more):
    image = talker(folder, words, end)
    return run_tool('run.py', '--batch', '--image', image, '--mem', '32M', '--config',
                    'nonce=7', *more)


@pytest.mark.parametrize('words, end, code, reason', [
    (GOOD, 'passed', 0, 'passed'),
    (ktap_words('7', FAILING), 'failed', 1, 'tests failed'),
    (GOOD, 'failed', 1, 'tests failed'),
    (ktap_words('7', FAILING), 'passed', 1, 'tests failed'),
    ('plinth: L-30 both manifests are damaged\n', 'halt', 3, 'died L-30'),
    ('plinth: S1 D 0180\n', 'halt', 3, 'died S1 D'),
    ('KTAP version 1\n1..2\nok 1 one\nplinth: PF-03 a fault\n', 'failed', 3,
     'died PF-03'),
    (GOOD, 'triple', 4, 'triple fault'),
    ('hello\n', 'triple', 4, 'triple fault'),
    (GOOD, 'reset', 5, 'reset'),
    (GOOD, 'off', 5, 'switched off'),
    ('hello\n', 'silent', 6, 'timeout'),
    ('hello\n', 'passed', 8, 'no tests ran'),
    (ktap_words('8', PASSING), 'passed', 8, 'report not believed'),
    (ktap_words('7', PASSING, total=1), 'passed', 8, 'report not believed'),
    (ktap_words('7', PASSING, plan=3), 'passed', 8, 'report not believed'),
    (GOOD.replace('ok 1 one', 'ok 1 wan'), 'passed', 8, 'report not believed'),
    (GOOD.partition('# plinth')[0], 'passed', 8, 'report not believed'),
], ids=range(18))
def test_every_end_has_its_status(words, end, code, reason, tmp_path):
    status, out, errors = batch(tmp_path, words, end, '--timeout', '6')
    assert (status, f'run: {reason}' in errors) == (code, True), errors
    assert out.replace('\r', '') == words   # all the machine said, and only that


def test_triple_fault_names_the_place(tmp_path):
    _, _, errors = batch(tmp_path, 'hello\n', 'triple')
    assert 'EIP=00007c' in errors and 'CS=0000' in errors


def test_triple_fault_ends_an_interactive_run(tmp_path):
    image = talker(tmp_path, 'hello\n', 'triple')
    status, out, errors = run_tool('run.py', '--image', image, '--mem', '32M')
    assert status == 4 and 'triple fault at' in errors and 'hello' in out


def test_interactive_run_ends_with_the_guests_verdict(tmp_path):
    image = talker(tmp_path, 'hello\n', 'passed')
    assert run_tool('run.py', '--image', image)[0] == 0


def test_emulator_failure(tmp_path):
    status, _, errors = batch(tmp_path, GOOD, 'passed', '--cpu', 'max,+nosuchflag')
    assert status == 7 and 'nosuchflag' in errors


@pytest.mark.parametrize('words, message', [
    (['--mem', 'banana'], 'MEM=banana: a number with K, M, G or T'),
    (['--mem', '0M'], 'from 1M to 16T'),
    (['--mem', '17T'], 'from 1M to 16T'),
    (['--mem', '512'], 'MEM=512'),
    (['--disk', 'tape'], 'DISK=tape: one of ide, ahci'),
    (['--machine', 'vax'], 'MACHINE=vax: one of pc, q35'),
    (['--smp', '0'], 'SMP=0: 1 to 255'),
    (['--smp', 'two'], 'SMP=two: 1 to 255'),
    (['--cpu', 'max -nx'], 'CPU=max -nx'),
    (['--cpu', 'foo,+nx'], 'CPU=foo,+nx: a model of `qemu-system-x86_64 -cpu help`'),
    (['--config', 'kaslr'], 'expected KEY=VALUE'),
    (['--config', 'a=' + 'b' * 5000], 'at most'),
    (['--image', 'nothing.img'], 'nothing.img: no such image'),
], ids=range(13))
@pytest.mark.parametrize('tool', ['run.py', 'debug.py', 'screenshot.py'])
def test_bad_parameters(tool, words, message, tmp_path):
    image = samples.sealed(tmp_path)
    status, out, errors = run_tool(tool, '--image', image, *words)
    assert (status, out) == (2, '') and message in errors, errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize('words, message', [
    (['--batch', '--timeout', '0'], 'expected a number of seconds from 1 to 86400'),
    (['--batch', '--timeout=-5'], '--timeout -5: expected a number'),
    (['--batch', '--timeout', 'x'], '--timeout x: expected a number'),
    (['--timeout', '60'], '--timeout 60: only with --batch'),
], ids=range(4))
def test_timeout_is_checked(words, message, tmp_path):
    image = samples.sealed(tmp_path)
    for name in ('run.py', 'bochs.py'):
        status, out, errors = run_tool(name, '--image', image, *words)
        assert (status, out) == (2, '') and message in errors, errors
        assert len(errors.splitlines()) == 1


def test_image_is_never_written(tmp_path):
    image = talker(tmp_path, GOOD, 'passed')
    before = image.read_bytes()
    assert run_tool('run.py', '--batch', '--image', image, '--config', 'nonce=7')[0] == 0
    assert image.read_bytes() == before


def test_help_documents_the_statuses():
    status, out, _ = run_tool('run.py', '--help')
    assert status == 0
    for words in ('triple fault', 'timeout', 'tests failed', 'emulator failed'):
        assert words in out


@pytest.mark.parametrize('words, end, code, reason', [
    (GOOD, 'bochs', 0, 'passed'),
    (ktap_words('7', FAILING), 'bochs', 1, 'tests failed'),
    (ktap_words('7', PASSING, total=1), 'bochs', 8, 'report not believed'),
    ('plinth: L-30 damaged\n', 'halt', 3, 'died L-30'),
    (GOOD, 'triple', 4, 'triple fault'),
    ('hello\n', 'silent', 6, 'timeout'),
], ids=range(6))
def test_bochs_wrapper(words, end, code, reason, tmp_path):
    image = talker(tmp_path, words, end)
    status, out, errors = run_tool('bochs.py', '--batch', '--image', image,
                                   '--mem', '32M', '--config', 'nonce=7',
                                   '--timeout', '8')
    assert (status, f'bochs: {reason}' in errors) == (code, True), errors
    assert out.replace('\r', '') == words


@pytest.mark.parametrize('words, message', [
    (['--mem', '65G'], 'MEM=65G'),
    (['--mem', '1500K'], 'MEM=1500K'),
    (['--bios', 'ami'], 'BIOS=ami: one of latest'),
    (['--display', 'paper'], 'display paper: one of'),
    (['--cpu', 'a b'], 'CPU=a b: one of bx_generic'),
    (['--cpu', 'foo'], 'CPU=foo: one of bx_generic, '),
    (['--timeout', '0'], '--timeout 0: expected a number of seconds from 1 to 86400'),
], ids=range(7))
def test_bochs_bad_parameters(words, message, tmp_path):
    image = samples.sealed(tmp_path)
    status, _, errors = run_tool('bochs.py', '--batch', '--image', image, *words)
    assert status == 2 and message in errors and len(errors.splitlines()) == 1, errors


def test_rubbish_reaches_the_guest(tmp_path):
    """Reads RAM before the first instruction: the start, 3 GiB into RAM, the top."""
    image = samples.sealed(tmp_path)
    setup = machine.Setup(str(image), mem='5G', rubbish=True)
    with Qemu(setup, paused=True) as vm:
        for address in (0x200000, 0x3F00000, 0x100000000, (6 << 30) - 4096):
            words = vm.monitor(f'xp /4xg {address:#x}')
            assert '0x0000000000000000' not in words and words.count('0x') >= 4, words
        assert '0x0000000000000000' in vm.monitor('xp /1xg 0x50000000')


def test_zeroed_ram_without_rubbish(tmp_path):
    image = samples.sealed(tmp_path)
    with Qemu(machine.Setup(str(image), mem='64M'), paused=True) as vm:
        assert '0x0000000000000000' in vm.monitor('xp /1xg 0x200000')


def test_a_killed_run_leaves_nothing_for_long(tmp_path):
    """What a killed process left in RAM is gone after the next run."""
    image = samples.sealed(tmp_path)
    words = ['/usr/bin/python3', os.path.join(SCRIPTS, 'run.py'), '--image', str(image),
             '--mem', '32M', '--batch', '--timeout', '60']
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    pattern = os.path.join(os.path.dirname(machine_folder()), f'plinth-{process.pid}-*')
    end = time.monotonic() + 30
    while not glob.glob(pattern) and time.monotonic() < end:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert glob.glob(pattern), 'it never started'
    os.rmdir(machine.scratch_folder())
    assert not glob.glob(pattern)


def machine_folder():
    """Where such folders lie."""
    folder = machine.scratch_folder()
    os.rmdir(folder)
    return folder
