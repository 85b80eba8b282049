# SPDX-License-Identifier: MIT
"""The whole kernel, all its tests included, on a heap that watches its objects."""
import pytest

from machine import Setup
from qemu import boot


def run(image, rubbish, config, **more):
    setup = Setup(image, rubbish=True, config=f'{config} exit=1', **more)
    return boot(setup, wall=240, cpu_seconds=120, rubbish_folder=rubbish)


@pytest.mark.parametrize('mode, cpu, mem', [
    ('guard', 'max', '512M'), ('poison', 'qemu64', '64M'),
    pytest.param('guard', 'qemu64', '16M', marks=pytest.mark.full),
    pytest.param('poison', 'max', '8G', marks=pytest.mark.full),
])
def test_all_tests_pass(mode, cpu, mem, image, rubbish):
    result = run(image, rubbish, f'test=all heap={mode} nonce=5', cpu=cpu, mem=mem)
    assert result.reason == 'passed', result
    assert f' 2 MiB, {mode} mode' in result.serial, result


@pytest.mark.parametrize('mode, names', [
    ('plain', 'in its slab last allocated by test_die_double_free'),
    ('poison', ': allocated by test_die_double_free'),
    ('guard', ': allocated by test_die_double_free'),
])
def test_a_double_free_names_both_sites(mode, names, image, rubbish):
    result = run(image, rubbish, f'test=die_double_free heap={mode}', mem='64M')
    assert result.reason == 'died HP-01', result
    line = result.details[-1]
    assert names in line and ', freed by test_die_double_free' in line, line


@pytest.mark.parametrize('name, mode, code, words', [
    ('die_heap_written', 'plain', 'HP-08', 'byte 17 of the free slot of 48 bytes'),
    ('die_heap_written', 'poison', 'HP-08', 'byte 17 of the free slot of 64 bytes'),
    ('die_heap_written', 'guard', 'HP-05', 'write to heap memory'),
    ('die_heap_overrun', 'plain', 'HP-09', 'byte 1 past its end is 0x9, expected 0;'),
    ('die_heap_overrun', 'poison', 'HP-09', 'byte 1 past its end is 0x9, expected 0xed;'),
    ('die_heap_overrun', 'guard', 'HP-09', 'byte 1 past its end is 0x9, expected 0xed;'),
    ('die_heap_underrun', 'guard', 'HP-10', 'byte 1 before its start is 0, expected'),
])
def test_a_stray_write_is_named(name, mode, code, words, image, rubbish):
    result = run(image, rubbish, f'test={name} heap={mode}', mem='64M')
    assert result.reason == f'died {code}', result
    line = result.details[-1]
    assert words in line, line
    if code != 'HP-05':
        assert f'allocated by test_{name}' in line, line


@pytest.mark.parametrize('value', ['', 'poisoned', 'guard,poison'])
def test_another_word_is_named_and_plain_used(value, image, rubbish):
    result = run(image, rubbish, f'test=heap_small heap={value}', mem='64M')
    assert result.reason == 'passed', result
    wanted = f'heap={value} is not plain, guard or poison; plain is used'
    assert wanted in result.serial and 'plain mode' in result.serial, result
