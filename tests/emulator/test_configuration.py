# SPDX-License-Identifier: MIT
"""What the boot configuration says that nobody knows, that means nothing or that is said
twice becomes a warning, and what is used instead stands in it."""
import os
import re
import subprocess
import sys

import pytest

import ktap
import samples
from machine import Setup
from qemu import Qemu


def warnings_of(config, image, rubbish):
    config += ' test=boot_info exit=1'
    setup = Setup(image, mem='64M', config=config, rubbish=True)
    with Qemu(setup, wall=120, cpu_seconds=60, rubbish_folder=rubbish) as vm:
        said = ktap.plain(vm.finish().serial)
    return re.findall(r'warning: configuration: (.*)', said)


def test_a_clean_configuration_has_no_warning(image, rubbish):
    assert warnings_of('kaslr=off log=info nonce=7', image, rubbish) == []


def test_keys_given_twice(image, rubbish):
    """The last one wins, and a word that another one begins with is another key. Of an
    unknown one none is used, however often it stands there."""
    twice = 'kaslr=off seed=1 seeds=4 kaslr=7 seeds=3 seed=2 kaslr=max'
    found = warnings_of(twice, image, rubbish)
    assert sorted(found) == [
        "'kaslr' is given 3 times; the last one, 'kaslr=max', is used",
        "'seed' is given 2 times; the last one, 'seed=2', is used",
        "unknown key 'seeds' is ignored"]


@pytest.mark.parametrize('word, warning', [
    ('kaslr=x', 'kaslr=x is not off, max or a number; random is used'),
    ('nonce=x', 'nonce=x is not a number; 0 is used'),
    ('pcid=on', 'pcid=on is not off; PCIDs are used where present'),
    ('break=moon', 'break=moon is no break; ignored'),
    ('report=yes', 'report=yes is not json; ignored'),
    ('heap=big', 'heap=big is not plain, guard or poison; plain is used'),
    ('log=loud', 'log=loud is no level; error, warn, info or debug'),
    ('soak=0', 'soak=0 is no number above 0; the default is used'),
    ('bogus', "unknown key 'bogus' is ignored")])
def test_words_that_mean_nothing(word, warning, image, rubbish):
    assert warnings_of(word, image, rubbish) == [warning]


def test_tools_say_it_too(image, tmp_path):
    copy = tmp_path / 'copy.img'
    copy.write_bytes(open(image, 'rb').read())
    done = subprocess.run(
        [sys.executable, os.path.join(samples.SCRIPTS, 'image.py'), 'set', copy,
         'kaslr=off', 'log=info', 'kaslr=7'], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == (
        'configuration: kaslr is given 2 times; the last one, kaslr=7, is used\n')
