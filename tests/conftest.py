# SPDX-License-Identifier: MIT
"""What all workers of a run share: one file of rubbish for the RAM of the machines.

Here and not beside the emulator tests: pytest calls these hooks only of conftest files that
it loads before it collects.
"""
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'scripts'))

import machine  # noqa: E402  (needs the path above)


def pytest_configure(config):
    """Made by the first test that needs it."""
    if not hasattr(config, 'workerinput'):
        os.environ['PLINTH_RUBBISH'] = machine.scratch_folder()


def pytest_unconfigure(config):
    if not hasattr(config, 'workerinput'):
        shutil.rmtree(os.environ['PLINTH_RUBBISH'], ignore_errors=True)
