# SPDX-License-Identifier: MIT
"""docs/firmware.md: every quirk has a treatment in a file that exists, and a scenario or
test that exists, or says why nothing can show it. And no quirk code without a name."""
import os
import re
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'firmware'))

import hostile_table   # noqa: E402  (needs the path above)
from treatments import TREATMENTS   # noqa: E402

QUIRKS = 56
ROW = re.compile(r'\| +(\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]*) \|')


def text_of(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def rows(text):
    return {int(found[1]): [cell.strip() for cell in found.groups()[1:]]
            for found in map(ROW.fullmatch, text.splitlines()) if found}


def scenario_groups():
    """The groups of which the hostile BIOS has at least one scenario."""
    return {case.id.partition('-')[0] for case in hostile_table.CASES}


def faults(row, groups):
    """What is wrong with one row, as lines."""
    _, treatment, places, shown, where = row
    wrong = [] if treatment else ['no treatment']
    files = re.findall(r'`([^`]+)`', places)
    wrong += ['no file'] * (not files)
    wrong += [f'{path} does not exist' for path in files
              if not os.path.isfile(os.path.join(ROOT, path))]
    if shown.startswith('cannot be shown: '):
        return wrong
    names = re.findall(r'`([^`]+)`', shown)
    wrong += ['nothing shows it'] * (not names)
    wrong += ['nowhere'] * (where not in ('Q', 'B', 'Q B'))
    for name in names:
        path, _, test = name.partition('::')
        if re.fullmatch(r'[A-Z]\d+', name):
            wrong += [f'no scenario {name}-...'] * (name not in groups)
        elif not os.path.isfile(os.path.join(ROOT, path)):
            wrong.append(f'{path} does not exist')
        elif test and not re.search(rf'^def {test}\(', text_of(path), re.M):
            wrong.append(f'{path} has no {test}')
    return wrong


TABLE = rows(text_of('docs/firmware.md'))


def test_every_quirk_has_its_row():
    assert sorted(TABLE) == list(range(1, QUIRKS + 1))


@pytest.mark.parametrize('number', sorted(TABLE))
def test_row(number):
    assert faults(TABLE[number], scenario_groups()) == []


@pytest.mark.parametrize('treatment', TREATMENTS, ids=lambda t: t.scenario)
def test_a_row_names_the_file_of_the_treatment(treatment):
    """The file that it is taken out of to see the scenario fail (treatments.py)."""
    group = treatment.scenario.partition('-')[0]
    places = [row[2] for row in TABLE.values() if f'`{group}`' in row[3]]
    assert not places or any(f'`{treatment.file}`' in place for place in places), places


@pytest.mark.parametrize('row, words', [
    (['q', '', '`disk.ld`', '`E1`', 'Q'], 'no treatment'),
    (['q', 't', 'disk.ld', '`E1`', 'Q'], 'no file'),
    (['q', 't', '`disk.ls`', '`E1`', 'Q'], 'disk.ls does not exist'),
    (['q', 't', '`disk.ld`', '`E2`', 'Q'], 'no scenario E2-...'),
    (['q', 't', '`disk.ld`', 'E1', 'Q'], 'nothing shows it'),
    (['q', 't', '`disk.ld`', '`E1`', ''], 'nowhere'),
    (['q', 't', '`disk.ld`', '`tests/no.py`', 'Q'], 'tests/no.py does not exist'),
    (['q', 't', '`disk.ld`', '`tests/host/test_quirk_table.py::test_no`', 'Q'],
     'tests/host/test_quirk_table.py has no test_no'),
])
def test_a_bad_row_is_named(row, words):
    assert faults(row, {'E1'}) == [words]


def test_every_quirk_code_has_a_name():
    codes = re.findall(r'#define (QUIRK_\w+) +\d+', text_of('kernel/boot/loader_codes.h'))
    names = re.findall(r'\[(QUIRK_\w+)\] = "', text_of('kernel/report_sums.c'))
    assert len(codes) > 30 and sorted(names) == sorted(codes)


def test_every_quirk_has_one_unit():
    """The word that opens the comment beside the code is the one that is printed."""
    header = text_of('kernel/boot/loader_codes.h')
    said = dict(re.findall(r'#define (QUIRK_\w+) +\d+ /\* (-|\w+): ', header))
    printed = text_of('kernel/report_sums.c')
    words = dict(re.findall(r'\[([A-Z]+)\] = "([^"]*)"', printed))
    units = dict(re.findall(r'\[(QUIRK_\w+)\] = ([A-Z]+),', printed))
    codes = re.findall(r'#define (QUIRK_\w+) +\d+', header)
    assert sorted(said) == sorted(codes)
    assert {code: unit for code, unit in said.items() if unit != '-'} == {
        code: words[unit] for code, unit in units.items()}


def test_every_quirk_code_is_noted_somewhere():
    folder = os.path.join(ROOT, 'stage2')
    noted = {code for name in os.listdir(folder)
             for code in re.findall(r'quirk +(QUIRK_\w+)',
                                    text_of(os.path.join('stage2', name)))}
    codes = re.findall(r'#define (QUIRK_\w+) +\d+', text_of('kernel/boot/loader_codes.h'))
    assert noted == set(codes)
