# SPDX-License-Identifier: MIT
"""Every treatment in the list is there to be removed; removed, its scenario fails."""
import os
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'firmware'))

from hostile_table import BY_ID   # noqa: E402  (needs the path above)
from treatments import TREATMENTS, prove_all   # noqa: E402


def test_groups_are_covered():
    assert len(TREATMENTS) >= 10
    assert {t.scenario[0] for t in TREATMENTS} >= set('EDMX')


@pytest.mark.parametrize('treatment', TREATMENTS, ids=lambda t: t.scenario)
def test_can_be_removed(treatment, tmp_path):
    """The loader still has it, and the scenario exists: what the long test needs."""
    assert treatment.scenario in BY_ID
    with open(os.path.join(ROOT, treatment.file), encoding='ascii') as file:
        text = file.read()
    copy = tmp_path / treatment.file
    copy.parent.mkdir()
    copy.write_text(text)
    treatment.remove(tmp_path)
    assert copy.read_text() != text


@pytest.mark.full
def test_without_it_the_scenario_fails():
    build = os.environ.get('PLINTH_BUILD', os.path.join(ROOT, 'build'))
    for result in prove_all(TREATMENTS, os.path.join(ROOT, build, 'treatments')):
        assert result.failed, f'{result.treatment.name}: {result.words}'
