# SPDX-License-Identifier: MIT
"""What the emulator tests share: the image under test and the rubbish for its RAM."""
import os
import random

import pytest

import samples


@pytest.fixture(scope='session')
def rubbish():
    return os.environ['PLINTH_RUBBISH']


@pytest.fixture(scope='session')
def build():
    folder = os.environ.get('PLINTH_BUILD', os.path.join(samples.ROOT, 'build'))
    return os.path.abspath(os.path.join(samples.ROOT, folder))


@pytest.fixture(scope='session')
def image(build):
    path = os.path.join(build, 'plinth.img')
    if not os.path.isfile(path):
        pytest.fail(f'{path} is missing: `make` builds it')
    return path


@pytest.fixture
def nonce():
    return str(random.SystemRandom().randrange(1, 1 << 32))
