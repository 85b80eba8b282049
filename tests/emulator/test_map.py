# SPDX-License-Identifier: MIT
"""The picture of memory: drawn from a made-up report, and from a real boot's."""
import copy
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as xml

import pytest

import map_svg
import samples
from machine import Setup
from qemu import boot

SCRIPT = os.path.join(samples.ROOT, 'scripts', 'map_svg.py')
SVG = '{http://www.w3.org/2000/svg}'
KIB, MIB = 1 << 10, 1 << 20
REPORT = {
    'plinth': 1,
    'clean': [
        {'base': 0, 'bytes': MIB, 'type': 1, 'name': 'usable'},
        {'base': MIB, 'bytes': 64 * KIB, 'type': 2, 'name': 'reserved'},
        {'base': 2 * MIB, 'bytes': 6 * MIB, 'type': 1, 'name': 'usable'}],
    'windows': [{'name': 'heap', 'base': 0xFFFF800000000000, 'bytes': 1 << 30,
                 'pages': {'4k': 3, '2m': 0, '1g': 0}, 'armed': 5}],
    'frames': {'total': 1792, 'free': 1000, 'owned': {'low': 256, 'image': 536},
               'runs': [
                   {'base': 0, 'bytes': MIB, 'owner': 'low'},
                   {'base': 2 * MIB, 'bytes': 536 * 4 * KIB, 'owner': 'image'},
                   {'base': 2 * MIB + 536 * 4 * KIB, 'bytes': 1000 * 4 * KIB,
                    'owner': 'free'}]},
}


def words(text):
    """Every text of a picture that is well-formed XML."""
    return [''.join(item.itertext()) for item in xml.fromstring(text).iter(SVG + 'text')]


def ram_of(bands):
    return sum(part for band in bands if band.ram for _, part in band.parts)


def test_sizes_are_in_words():
    assert map_svg.size(512) == '512 bytes'
    assert map_svg.size(4 * KIB) == '4 KiB'
    assert map_svg.size(1536 * KIB) == '1.5 MiB'
    assert map_svg.size(3 << 30) == '3 GiB'


def test_a_picture_says_what_the_report_says():
    said = words(map_svg.draw(REPORT))
    assert 'Memory of a machine with 7 MiB of RAM' in said
    assert {'low', 'image', 'free', 'reserved', 'kernel image'} <= set(said)
    assert 'nothing for 960 KiB' in said       # between the reserved 64 KiB and 2 MiB
    assert '3 × 4 KiB · 5 armed' in said
    assert '12 KiB mapped of 1 GiB' in said
    assert '536 frames · 2.1 MiB' in said


def test_small_runs_are_put_together_and_none_is_lost():
    report = copy.deepcopy(REPORT)
    owners = ['page-table', 'free', 'heap-info', 'heap', 'stack']
    report['frames']['runs'] = [
        {'base': 2 * MIB + i * 4 * KIB, 'bytes': 4 * KIB, 'owner': owners[i % 5]}
        for i in range(1500)]
    bands = map_svg.physical_bands(report)
    assert len(bands) <= map_svg.BANDS_MAX
    assert ram_of(bands) == 1500 * 4 * KIB
    for before, after in zip(bands, bands[1:]):
        assert before.base + before.bytes <= after.base
    xml.fromstring(map_svg.draw(report))


def test_what_is_apart_stays_apart():
    """Neither a hole nor what is not RAM ever lies inside a band."""
    report = copy.deepcopy(REPORT)
    report['frames']['runs'] = [
        {'base': i * 2 * MIB, 'bytes': MIB, 'owner': 'free'} for i in range(60)]
    assert len(map_svg.physical_bands(report)) == 61


@pytest.mark.parametrize('lost', ['clean', 'windows', 'frames'])
def test_an_incomplete_report_is_refused(lost, tmp_path):
    report = {key: value for key, value in REPORT.items() if key != lost}
    path = tmp_path / 'report.json'
    path.write_text(json.dumps(report))
    done = subprocess.run([sys.executable, SCRIPT, '--report', path, '--out',
                           tmp_path / 'map.svg'], capture_output=True, text=True)
    assert done.returncode == 2 and f'no {lost}' in done.stderr, done
    assert not (tmp_path / 'map.svg').exists()


@pytest.mark.parametrize('content, says', [
    (None, 'No such file or directory'), ('', 'no report in it'),
    ('{}', 'no report in it'), ('[1]', 'no report in it'),
    ('{"plinth":1,}', 'no report in it')], ids=range(5))
def test_a_file_without_a_report_is_named(content, says, tmp_path):
    path = tmp_path / 'report.json'
    if content is not None:
        path.write_text(content)
    done = subprocess.run([sys.executable, SCRIPT, '--report', path, '--out',
                           tmp_path / 'map.svg'], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (f'map: {path}: {says}; expected the JSON line that '
                           'report=json makes\n')


def test_a_report_is_found_in_what_a_boot_said(tmp_path):
    path, out = tmp_path / 'serial.txt', tmp_path / 'map.svg'
    line = json.dumps(REPORT, separators=(',', ':'))
    path.write_text(f'plinth> mem\r\n{line}\r\n')
    subprocess.run([sys.executable, SCRIPT, '--report', path, '--out', out], check=True)
    assert 'Memory of a machine with 7 MiB of RAM' in words(out.read_text())


@pytest.mark.parametrize('mem, cpu', [('64M', 'qemu64'), ('5G', 'max')])
def test_a_real_boot(mem, cpu, image, rubbish, nonce):
    setup = Setup(image, mem, cpu, config='test=heap_small,heap_runs report=json '
                  f'exit=1 nonce={nonce}', rubbish=True)
    result = boot(setup, nonce, rubbish_folder=rubbish, wall=200, cpu_seconds=100)
    assert result.passed, result
    facts = result.report
    frames = facts['frames']
    # The runs are all of RAM, once, and add up to what each owner has.
    assert frames['runs_left_out'] == 0
    sums = {}
    for run in frames['runs']:
        sums[run['owner']] = sums.get(run['owner'], 0) + run['bytes'] // 4096
    assert sums.pop('free') == frames['free']
    assert sums == {name: n for name, n in frames['owned'].items() if n}
    for before, after in zip(frames['runs'], frames['runs'][1:]):
        assert before['base'] + before['bytes'] <= after['base']
    # The direct map maps RAM; other windows map what their owners have.
    pages = {window['name']: window['pages'] for window in facts['windows']}
    assert pages['direct-map'] == facts['direct_map_pages']
    assert pages['heap']['4k'] == frames['owned'].get('heap', 0)
    assert pages['image']['2m'] * 512 == frames['owned']['image']
    text = map_svg.draw(facts)
    said = words(text)
    assert 'Physical memory' in said and 'page tables' in said
    assert len(text) < 60_000
