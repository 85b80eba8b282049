# SPDX-License-Identifier: MIT
"""What the emulator tests share: the image under test and the rubbish for its RAM."""
import os
import random
import shutil

import pytest

import samples   # noqa: F401  (puts scripts/ on the path)
import machine


def pytest_configure(config):
    """One rubbish file for all runs of all workers: made by the first that needs it."""
    if not hasattr(config, 'workerinput'):
        os.environ['PLINTH_RUBBISH'] = machine.scratch_folder()


def pytest_unconfigure(config):
    if not hasattr(config, 'workerinput'):
        shutil.rmtree(os.environ['PLINTH_RUBBISH'], ignore_errors=True)


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
