# SPDX-License-Identifier: MIT
"""What the tools believe: KTAP, the closing sum, deaths, the JSON line."""
import pytest

from samples import ktap_words
import ktap   # found by way of samples

TESTS = [('pmm.alloc', 'ok'), ('heap.far', 'skip'), ('walk', 'not ok')]
GOOD = ktap_words('7', TESTS)


def test_fnv1a_of_known_texts():
    # The published vectors of FNV-1a, 64 bits.
    assert ktap.fnv1a(b'') == 0xCBF29CE484222325
    assert ktap.fnv1a(b'a') == 0xAF63DC4C8601EC8C
    assert ktap.fnv1a(b'foobar') == 0x85944171F73967E8


def test_sum_covers_nonce_names_and_outcomes():
    value = ktap.fnv1a(b'nonce=7\npmm.alloc:ok\nheap.far:skip\nwalk:not ok\n')
    assert GOOD.rstrip().endswith(f'sum={value:016x}')


def test_honest_run_is_believed():
    run = ktap.parse(GOOD.replace('\n', '\r\n'), '7')
    assert run.problems == [] and run.closed
    assert run.failed == ['walk'] and run.skipped == {'heap.far': 'no need'}


def test_log_lines_may_stand_between():
    words = GOOD.replace('1..3\n', '1..3\n[  0.1] mm: a line\n# a note\nplain words\n')
    run = ktap.parse(words, '7')
    assert run.problems == [] and 'a note' in run.notes


def test_the_last_run_counts():
    run = ktap.parse(ktap_words('7', [('other', 'not ok')]) + GOOD, '7')
    assert run.problems == [] and len(run.tests) == 3


@pytest.mark.parametrize('old, new, problem', [
    ('nonce=7', 'nonce=8', 'nonce 8 instead of 7'),
    ('ok 1 pmm.alloc', 'ok 1 pmm.other', 'sum'),
    ('not ok 3 walk', 'ok 3 walk', 'counts'),
    ('ok 2 heap', 'ok 4 heap', 'number 4'),
    ('1..3', '1..4', 'plan of 4'),
    ('1..3\n', '', 'plan of None'),
    ('ok 1 pmm.alloc\n', '', 'number'),
    ('failed=1', 'failed=0', 'counts'),
    ('sum=', 'sum=0', 'no closing line'),
    ('# plinth', '# splinth', 'no closing line'),
    ('ok 1 pmm.alloc', 'ok pmm.alloc', 'not a KTAP line'),
])
def test_lies_are_found(old, new, problem):
    assert old in GOOD
    run = ktap.parse(GOOD.replace(old, new, 1), '7')
    assert any(problem in found for found in run.problems), run.problems


def test_one_wrong_digit_in_the_sum():
    last = GOOD.rstrip()[-1]
    run = ktap.parse(GOOD.rstrip()[:-1] + ('0' if last != '0' else '1'), '7')
    assert any('sum' in problem for problem in run.problems)


def test_a_test_after_the_closing_line():
    run = ktap.parse(GOOD + 'ok 4 late\n', '7')
    assert any('after the closing line' in problem for problem in run.problems)


def test_no_run_at_all():
    assert ktap.parse('plinth> \n') is None


def test_report():
    assert ktap.report('x\r\n{"plinth":1,"a":[2]}\r\n') == {'plinth': 1, 'a': [2]}
    assert ktap.report('{"plinth":2}\n') is None


@pytest.mark.parametrize('line, code', [
    ('plinth: L-07 disk read failed: LBA 8', 'L-07'),
    ('plinth: PF-03 write to a read-only page', 'PF-03'),
    ('plinth: S1 D 0180', 'S1 D'),
    ('plinth: EA-01 boot_info', 'EA-01'),
    ('plinth: ready', None),
    ('# plinth: L-07 a note', None),
])
def test_deaths(line, code):
    found = ktap.death(f'a line\r\n{line}\r\nmore\r\n')
    assert (found and found[0]) == code


def test_a_death_that_a_test_survived_is_none():
    assert ktap.death('plinth: HP-02 provoked\nok 1 guard\n') is None
    assert ktap.death('ok 1 guard\nplinth: HP-02 real\n')[0] == 'HP-02'
