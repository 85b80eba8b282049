# SPDX-License-Identifier: MIT
"""The long run of the cursor's stream of operations; make host-test has the short one."""
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.mark.full
@pytest.mark.parametrize('seed', [1000, 2000])
def test_the_stream_for_long(seed):
    program = os.path.join(ROOT, os.environ.get('PLINTH_BUILD', 'build'), 'host',
                           'page_table_test')
    if not os.path.exists(program):
        pytest.fail(f'{program} is missing: `make host-test` builds it')
    done = subprocess.run([program], capture_output=True, text=True, check=False,
                          env={**os.environ, 'MMU_STEPS': '100000',
                               'MMU_SEED': str(seed)})
    assert done.returncode == 0, done.stdout + done.stderr
