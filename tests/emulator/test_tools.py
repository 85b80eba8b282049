# SPDX-License-Identifier: MIT
"""make run, make bochs and make screenshot do what they promise a person.

What gdb and Bochs' debugger know of the program is in test_debug.py.
"""
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import time

import pytest

from samples import ROOT, SCRIPTS

PYTHON = '/usr/bin/python3'


def tool(name, *words):
    return ['timeout', '--foreground', '-k', '2', '90', PYTHON,
            os.path.join(SCRIPTS, name), *map(str, words)]


def test_readme_has_every_command_of_make():
    said = subprocess.run(['make', '-s', 'help'], cwd=ROOT, capture_output=True,
                          text=True, check=True).stdout
    commands = set(re.findall(r'\bmake ([a-z][a-z-]*)', said.partition('Settings:')[0]))
    with open(os.path.join(ROOT, 'README.md'), encoding='utf-8') as file:
        told = set(re.findall(r'\bmake ([a-z][a-z-]*)', file.read()))
    assert len(commands) > 15 and sorted(commands - told) == []
    with open(os.path.join(ROOT, 'Makefile'), encoding='utf-8') as file:
        phony = set(' '.join(re.findall(r'^\.PHONY:(.*)', file.read(), re.M)).split())
    assert sorted(phony - {'all'} - commands) == [], 'make help lacks these'


def dry(*words):
    """What make would do, as (status, output, errors)."""
    done = subprocess.run(['make', '-n', *words], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize('compiler', ['tcc', '/opt/clang/bin/tcc', 'clang++'])
def test_make_refuses_other_compilers(compiler):
    code, _, errors = dry('help', f'CC={compiler}')
    assert code == 2 and f'CC={compiler}: neither gcc nor clang; expected' in errors


@pytest.mark.parametrize('words, command', [
    ((), '^cross-gcc '), (('CC=gcc',), '^cross-gcc '), (('CC=gcc-13',), '^cross-gcc-13 '),
    (('CC=cc',), '^cross-gcc '), (('CC=clang-15',), '^clang-15 --target=x86_64'),
    (('CC=/opt/bin/x86_64-elf-gcc-13',), '^/opt/bin/x86_64-elf-gcc-13 '),
    (('CC=ccache clang',), '^ccache clang --target=x86_64')], ids=range(7))
def test_make_takes_the_compiler_by_any_name(words, command, tmp_path):
    code, out, errors = dry('CROSS_COMPILE=cross-', f'B={tmp_path}',
                            f'{tmp_path}/gen/offsets.inc', *words)
    assert code == 0 and re.search(command, out, re.M), (out, errors)


def test_make_bochs_takes_what_bochs_has():
    _, out, _ = dry('bochs', 'MEM=64M', 'CPU=ryzen')
    assert "--mem='64M' --cpu='ryzen'" in out
    assert '--cpu' not in dry('bochs')[1]
    for word in ('DISK=usb', 'SMP=2', 'MACHINE=q35'):
        code, _, errors = dry('bochs', word)
        said = f'make bochs: {word.partition("=")[0]}: no effect on Bochs; expected MEM'
        assert code == 2 and said in errors


class Typist:
    """A program on a terminal of its own: types and waits for words."""

    def __init__(self, command):
        self.said = ''
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)

    def wait_for(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.said):
            left = end - time.monotonic()
            assert left > 0, f'no {pattern!r} in:\n{self.said}'
            if select.select([self.end], [], [], left)[0]:
                try:
                    self.said += os.read(self.end, 65536).decode('latin-1')
                except OSError:   # the program is gone
                    assert re.search(pattern, self.said), self.said
        said, self.said = self.said, ''
        return said

    def type(self, text):
        os.write(self.end, text.encode())

    def leave(self):
        _, status = os.waitpid(self.pid, 0)
        os.close(self.end)
        return os.waitstatus_to_exitcode(status)


def test_run_on_a_terminal(image):
    typist = Typist(tool('run.py', '--image', image, '--mem', '64M'))
    typist.wait_for('Ctrl-A X leaves')
    typist.wait_for('plinth> ')
    typist.type('frames\r')
    assert 'lost to the kernel' in typist.wait_for(r'(?s)KiB.*plinth> ')
    typist.type('\x03')              # for the guest, not for the script
    typist.wait_for(r'\^C')
    typist.type('\x01x')
    assert typist.leave() == 0


def test_run_survives_a_reboot_and_ends_with_a_triple_fault(image):
    typist = Typist(tool('run.py', '--image', image, '--mem', '64M'))
    typist.wait_for('plinth> ')
    typist.type('reboot\r')
    typist.wait_for('rebooting')
    typist.wait_for('plinth> ')
    typist.type('test die_triple_fault\r')
    typist.wait_for('triple fault at .*RIP=ffffffff')
    assert typist.leave() == 4


@pytest.fixture
def private(build, tmp_path):
    """A build folder of its own: the debuggers write beside the image."""
    for name in ('plinth.img', 'kernel.elf', 'disk.elf'):
        shutil.copyfile(os.path.join(build, name), tmp_path / name)
    return tmp_path


def test_debug_without_a_build(tmp_path, image):
    command = tool('debug.py', '--build', tmp_path / 'none', '--image', image)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr


def test_bochs_debugger(private):
    """Its prompt, the kernel's names, a breakpoint in the higher half."""
    script = 'lb "kernel_main"\nc\nbt 2\nr\nq\n'
    command = tool('bochs.py', '--image', private / 'plinth.img', '--mem', '64M')
    done = subprocess.run(command, input=script, capture_output=True, text=True,
                          errors='replace')
    said = done.stdout
    assert re.search(r'Breakpoint 1, 0xffffffff8000\w{4}', said), said[-2000:]
    assert 'kernel_main+0' in done.stdout and done.returncode == 0
    assert 'c continues, q leaves' in done.stderr


def test_screenshot(image, tmp_path):
    out = tmp_path / 'new folder' / 'boot.png'
    done = subprocess.run(tool('screenshot.py', '--image', image, '--out', out),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    data = out.read_bytes()
    assert data[:8] == b'\x89PNG\r\n\x1a\n'
    assert struct.unpack('>II', data[16:24]) == (720, 400)
    assert len(data) > 2000, 'an empty screen'
