# SPDX-License-Identifier: MIT
"""Random work for all of mm with the auditor behind it, and single requests that fail.

The soak says at its end what it did: a seed that found something can be run again by
hand, `make run CONFIG="test=soak soak=N seed=S"`.
"""
import re

import pytest

import bochs
from machine import Setup
from qemu import boot

full = pytest.mark.full
STORY = re.compile(r'^# soak: seed (\d+), (\d+) operations, (\d+) audits', re.M)


def check(result, operations, seed):
    assert result.passed, result
    story = STORY.search(result.serial.replace('\r', ''))
    assert story, result
    assert [int(word) for word in story.groups()] == [seed, operations,
                                                      operations // 1000]


def config(operations, seed, nonce):
    return f'test=soak soak={operations} seed={seed} nonce={nonce} exit=1'


# memory, CPU, operations: an audit of a terabyte in pages of 2 MiB takes its time.
QUICK = [('16M', 'qemu64', 10000), ('512M', 'max', 20000)]
LONG = [('16M', 'max', 200000), ('512M', 'qemu64', 600000), ('512M', 'max', 600000),
        ('5G', 'qemu64', 200000), ('5G', 'max', 200000), ('64G', 'qemu64', 50000),
        ('64G', 'max', 100000), ('1T', 'qemu64', 5000), ('1T', 'max', 50000)]


@pytest.mark.parametrize('mem, cpu, operations', QUICK + [
    pytest.param(*case, marks=full) for case in LONG])
def test_soak(mem, cpu, operations, image, rubbish, nonce):
    seed = int(nonce) % 100000
    setup = Setup(image, mem, cpu, config=config(operations, seed, nonce), rubbish=True)
    result = boot(setup, nonce, rubbish_folder=rubbish, wall=1200, cpu_seconds=300)
    check(result, operations, seed)


@pytest.mark.parametrize('mem', [pytest.param('16M', marks=full),
                                 pytest.param('512M', marks=full)])
def test_soak_on_bochs(mem, image, nonce):
    """Where GLOBAL entries outlive a load of CR3 and stale ones are used."""
    setup = bochs.BochsSetup(image, mem, rubbish=True, config=config(50000, 5, nonce))
    with bochs.Bochs(setup, wall=1200) as vm:
        result = vm.finish(nonce)
    check(result, 50000, 5)


def test_the_same_seed_does_the_same(image):
    ends = set()
    for _ in range(2):
        result = boot(Setup(image, '64M', config=config(3000, 42, 1)), '1')
        check(result, 3000, 42)
        ends.add(re.search(r'end [0-9a-f]{16}', result.serial)[0])
    assert len(ends) == 1


@pytest.mark.parametrize('n', [1, 2, 3, 7, pytest.param(20, marks=full),
                               pytest.param(100, marks=full)])
def test_a_failed_request_kills_nobody(n, image, rubbish, nonce):
    """fail=N: the work of the soak goes on, and the audit finds nothing."""
    words = f'{config(2000, n, nonce)} fail={n}'
    setup = Setup(image, '64M', 'qemu64', config=words, rubbish=True)
    result = boot(setup, nonce, rubbish_folder=rubbish)
    check(result, 2000, n)
    assert re.search(r'audits, [1-9]\d* requests refused', result.serial), result
