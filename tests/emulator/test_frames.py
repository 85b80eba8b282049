# SPDX-License-Identifier: MIT
"""What the configuration says about frames: colour=N and check=frames."""
import re

import pytest

from machine import Setup
from qemu import boot


def run(image, rubbish, nonce, config, mem='64M'):
    setup = Setup(image, mem=mem, config=f'{config} nonce={nonce} exit=1', rubbish=True)
    return boot(setup, nonce, rubbish_folder=rubbish, wall=300, cpu_seconds=100)


@pytest.mark.parametrize('colours', (2, 8, 32))
def test_frames_come_in_the_order_of_colours(colours, image, rubbish, nonce):
    result = run(image, rubbish, nonce, f'colour={colours} test=all', '256M')
    assert result.passed, result
    assert re.search(rf'# {colours} colours in turn, 0 missed', result.serial), result


@pytest.mark.parametrize('value', ('7', '64', 'red'))
def test_no_number_of_colours(value, image, rubbish, nonce):
    result = run(image, rubbish, nonce, f'colour={value} test=frames_exact')
    assert result.passed, result
    assert f'colour={value} is no power of two up to 32; colours are off' in \
        result.serial


def test_all_tests_with_every_frame_checked(image, rubbish, nonce):
    result = run(image, rubbish, nonce, 'check=frames test=all')
    assert result.passed, result
