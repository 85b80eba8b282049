# SPDX-License-Identifier: MIT
"""The path of a death is bounded: instructions are counted from the cause to the end, also
where what the report reads is broken and where it dies on its way.
"""
import os

import pytest

import counter                      # first: it puts scripts/ on the path
import bench


@pytest.fixture(scope='module')
def measure():
    build = os.environ.get('PLINTH_BUILD', 'build')
    return bench.Bench(os.path.abspath(os.path.join(counter.ROOT, build)))


@pytest.mark.parametrize('name', [name for _, name in bench.DEATHS] + [
    'die_stack_overflow', 'die_panic_in_panic', 'die_in_explanation'])
def test_death_is_bounded(name, measure):
    assert 10_000 < measure.death(name) <= bench.GOAL_DEATH
