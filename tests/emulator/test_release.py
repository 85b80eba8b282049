# SPDX-License-Identifier: MIT
"""make release: complete, true, bootable, and the same bytes from any folder."""
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess

import pytest

from disk_format import ROOT, Image, uuid_text
from machine import Setup
from qemu import boot

LEFT_OUT = shutil.ignore_patterns('.git', 'build*', '__pycache__', '.pytest_cache')


def make(folder, *words):
    done = subprocess.run(['make', '-s', '-C', folder, *words], capture_output=True,
                          text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope='module')
def elsewhere(tmp_path_factory):
    """A release from a copy of the tree, in a folder of another name and depth. It is
    made once, whichever worker comes first."""
    shared = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ:
        shared = shared.parent
    folder = shared / 'release' / 'other-place'
    with open(shared / 'release.lock', 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / 'out' / 'release').exists():
            shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
            make(folder, 'B=out', 'release')
    return folder / 'out'


def flags(build):
    """Compiler and options without what names the folder."""
    with open(os.path.join(build, 'flags'), encoding='utf-8') as file:
        return re.sub(r'-ffile-prefix-map=\S+|-I \S+/gen/', '', file.read())


def test_two_folders_give_the_same_bytes(build, image, elsewhere, tmp_path):
    """The tree under test, its build folder and its place against the copy's."""
    if flags(build) != flags(elsewhere):
        pytest.skip('the build under test was made with other tools or flags')
    shutil.copyfile(image, tmp_path / 'plinth.img')
    done = subprocess.run([os.path.join(ROOT, 'scripts', 'iso.py'),
                           tmp_path / 'plinth.img', tmp_path / 'plinth.iso'], check=False)
    assert done.returncode == 0
    for name in ('plinth.img', 'plinth.iso'):
        mine, other = tmp_path / name, elsewhere / 'release' / name
        assert mine.read_bytes() == other.read_bytes(), name


def test_a_release_repeats(elsewhere, tmp_path):
    folder = tmp_path / 'again'
    shutil.copytree(elsewhere.parent, folder, ignore=shutil.ignore_patterns('release'))
    make(folder, 'B=out', 'release')
    for path in (elsewhere / 'release').iterdir():
        assert path.read_bytes() == (folder / 'out' / 'release' / path.name).read_bytes()


def test_sums_are_right(elsewhere):
    lines = (elsewhere / 'release' / 'SHA256SUMS').read_text().splitlines()
    sums = {name: value for value, name in (line.split('  ') for line in lines)}
    assert sorted(os.listdir(elsewhere / 'release')) == sorted([*sums, 'SHA256SUMS'])
    for name, value in sums.items():
        data = (elsewhere / 'release' / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == value


def test_sbom_tells_the_truth(elsewhere):
    folder = elsewhere / 'release'
    facts = json.loads((folder / 'plinth.spdx.json').read_text())
    head = Image(str(folder / 'plinth.img')).head
    assert facts['spdxVersion'] == 'SPDX-2.3'
    assert facts['documentNamespace'] == f"urn:uuid:{uuid_text(head['uuid'])}"
    packages = {package['SPDXID']: package for package in facts['packages']}
    assert packages['SPDXRef-plinth']['versionInfo'] == head['build_id'].hex()
    said = subprocess.run(['nasm', '--version'], capture_output=True, text=True,
                          check=True).stdout.strip()
    assert packages['SPDXRef-tool-nasm']['versionInfo'] == said
    for record in facts['files']:
        data = (folder / record['fileName']).read_bytes()
        sums = {c['algorithm']: c['checksumValue'] for c in record['checksums']}
        assert sums == {'SHA1': hashlib.sha1(data).hexdigest(),
                        'SHA256': hashlib.sha256(data).hexdigest()}
    known = {'SPDXRef-DOCUMENT', *packages, *(r['SPDXID'] for r in facts['files'])}
    for link in facts['relationships']:
        assert {link['spdxElementId'], link['relatedSpdxElement']} <= known


@pytest.mark.parametrize('drive', ['cd', 'usb-cd'])
def test_the_cd_boots(drive, image, rubbish, nonce):
    setup = Setup(image, disk=drive, rubbish=True,
                  config=f'test=boot_info nonce={nonce} report=json exit=1')
    result = boot(setup, nonce=nonce, rubbish_folder=rubbish)
    assert result.passed, result
    assert 'CHS' in result.serial


def test_a_cut_image_makes_no_cd(image, tmp_path):
    cut, out = tmp_path / 'cut.img', tmp_path / 'cut.iso'
    with open(image, 'rb') as file:
        cut.write_bytes(file.read(3 << 20))
    done = subprocess.run([os.path.join(ROOT, 'scripts', 'iso.py'), cut, out],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and 'cut short' in done.stderr and not out.exists()
