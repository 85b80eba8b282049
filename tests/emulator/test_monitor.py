# SPDX-License-Identifier: MIT
"""The monitor: each command, bad input of every kind, over COM1 and the PS/2 keyboard.

Nothing crashes it, and every line gets an answer.
"""
import os
import re
import socket
import time

import pytest

import ktap
import samples
from disk_format import L
from machine import Setup, triple_fault
from qemu import Qemu

PROMPT = r'^plinth> '
CONFIG = 'kaslr=off log=info'


class Console:
    """Asks and returns what was said until the next prompt, without the echoed line."""

    def __init__(self, vm, source='serial'):
        self.vm, self.source, self.at = vm, source, 0
        self.until_prompt()

    def said(self):
        return ktap.plain(self.vm.serial if self.source == 'serial' else self.vm.e9())

    def until_prompt(self, resets=0):
        found = self.vm.wait_for(PROMPT, after=self.at, resets=resets,
                                 source=self.source, seconds=30)
        begin, self.at = self.at, found.end()
        return self.said()[begin:found.start()]

    def ask(self, line):
        self.vm.send(line + '\r')
        return self.until_prompt().partition('\n')[2]

    def type(self, *keys):
        self.vm.send_keys([*keys, 'ret'])
        return self.until_prompt().partition('\n')[2]

    def alive(self):
        """It still answers, and the machine never restarted."""
        assert 'no such command' in self.ask('stillthere')
        assert not self.vm.resets()


@pytest.fixture(scope='module')
def shared(image, rubbish):
    """One machine for all harmless questions of this file."""
    setup = Setup(image, mem='64M', config=CONFIG, rubbish=True)
    with Qemu(setup, wall=500, cpu_seconds=200, rubbish_folder=rubbish) as vm:
        yield Console(vm)


@pytest.fixture
def console(shared):
    """An empty line at a prompt, whatever the test before left behind."""
    shared.vm.send('\x03')
    time.sleep(0.05)
    shared.at = shared.vm.mark()
    shared.vm.send('\x03')
    shared.until_prompt()
    return shared


@pytest.fixture
def fresh(image, rubbish):
    """A machine to break."""
    setup = Setup(image, mem='64M', config=CONFIG, rubbish=True)
    with Qemu(setup, wall=120, cpu_seconds=60, rubbish_folder=rubbish) as vm:
        yield Console(vm)


def test_help_lists_every_command(console):
    text = console.ask('help')
    for name in ('help', 'mem', 'map', 'walk', 'heap', 'frames', 'cpu', 'test', 'reboot',
                 'halt'):
        assert re.search(rf'^ +{name}\b', text, re.M), f'{name} is missing:\n{text}'


def test_readme_has_every_command(console):
    commands = re.findall(r'^ +([a-z]+)\b', console.ask('help'), re.M)
    with open(os.path.join(samples.ROOT, 'README.md'), encoding='utf-8') as file:
        told = file.read().partition('`help` lists the commands')[2].partition('\n\n')[0]
    named = re.findall(r'`([a-z]+)(?: [^`]*)?`', told)
    assert sorted(named) == sorted(set(commands) - {'help'}) and len(named) > 10


@pytest.mark.parametrize('command, words', [
    ('mem', ['usable', 'direct map', 'ffff880000000000']),
    ('map', ['V:ffff880000000000', 'V:ffffffff80000000', 'lower half: nothing']),
    ('heap', ['objects', 'faults']),
    ('frames', ['free', 'lost to the kernel']),
    ('cpu', ['CR0', 'CR4', 'EFER']),
    ('test', ['boot_info', 'nothing_leaked']),
])
def test_command(command, words, console):
    text = console.ask(command)
    for word in words:
        assert word in text, text


def test_walk_of_good_addresses(console):
    direct = console.ask(f'walk {L["DIRECT_MAP_BASE"] + 0x200000:x}')
    assert '-> P:200000' in direct and 'PML4[272]' in direct, direct
    image = console.ask(f'walk {L["IMAGE_BASE"]:x}')
    assert '-> P:' in image and 'read-only, executable' in image
    assert '-> P:200000' in console.ask(f'walk 0x{L["DIRECT_MAP_BASE"] + 0x200000:X}')


@pytest.mark.parametrize('address, place', [
    (0, 'the null page'), (0x200000, "a program's half"),
    (1 << 63, 'not canonical'), (L['DIRECT_MAP_BASE'] + 0x200000,
                                 'the direct map of P:0x200000'),
    (L['IMAGE_BASE'], 'kernel text'), (L['STACKS_BASE'], r'the guard below \S.*'),
    (L['STACKS_BASE'] + L['STACK_SLOT_BYTES'] - 8, r'(?!the guard)\S.* stack.*'),
    (L['HEAP_BASE'] + L['HEAP_BYTES'] - 1, 'kernel heap that nobody holds'),
    (L['FRAME_TABLE_BASE'], 'the frame table'), (L['MODULES_BASE'], 'the boot modules'),
    (L['DIRECT_MAP_BASE'] - 0x1000, 'no window of the kernel')])
def test_walk_names_the_place(address, place, console):
    text = console.ask(f'walk {address:x}')
    assert re.search(rf'^  {place}\r?$', text, re.M), text


def test_walk_names_what_was_in_the_heap(console):
    """At the prompt the heap is empty; after a test it has a past."""
    assert '\nok 1' in console.ask('test heap_runs')
    texts = [console.ask(f'walk {L["HEAP_BASE"] + page * 0x1000:x}') for page in range(4)]
    freed = r'^  freed memory of the kernel heap, at V:ffff8\w+ of \d+ bytes'
    assert any(re.search(freed, text, re.M) for text in texts), texts


def test_list_of_tests_fits_the_screen(console):
    text = console.ask('test')
    lines = text.partition('test NAME')[0].split('\n')
    assert len(lines) > 3 and max(map(len, lines)) <= 78, text
    names = re.sub(r'\(ends the kernel\)', '', ' '.join(lines)).split()
    assert names[0] == 'boot_info' and len(names) == len(set(names)) > 100, names


@pytest.mark.parametrize('address, words', [
    ('0', 'not present'), ('7fffffffffff', 'not present'), ('200000', 'not present'),
    ('800000000000', 'not canonical'), ('8000000000000000', 'not canonical'),
    ('ffff87ffffffffff', 'not present'), ('ffffffffffffffff', 'not present'),
    ('zebra', 'no address in hex'), ('1ffffffffffffffff', 'no address in hex'),
    ('P:100000', 'is physical'), ('', 'usage: walk'),
    ('1 2', 'usage: walk'), ('-1', 'no address in hex'),
])
def test_walk_of_bad_addresses(address, words, console):
    assert words in console.ask(f'walk {address}')


def test_identity_map_is_gone_by_walk(console):
    for address in (0, 0x1000, 0x7C00, 0x100000, 0x200000, 0x3FFFFFFF):
        assert '-> P:' not in console.ask(f'walk {address:x}')


def test_one_test_by_name(console):
    text = console.ask('test boot_info')
    run = ktap.parse(text, '0')
    assert run.tests == [('boot_info', 'ok', '')] and run.problems == []


def test_no_test_is_named(console):
    assert '# no test is named' in console.ask('test ,')


def test_a_test_that_does_not_exist(console):
    run = ktap.parse(console.ask('test nosuchtest'), '0')
    assert run.failed == ['nosuchtest']


@pytest.mark.parametrize('line', [
    'xyzzy', 'MEM', 'helpme', '?', 'h', '%s%s%n', '"', '\\', '=' * 70, 'mem;halt',
])
def test_unknown_command_gets_one_line(line, console):
    answer = console.ask(line)
    assert len(answer.strip().splitlines()) == 1 and 'help' in answer, answer


def test_empty_lines(console):
    assert console.ask('') == ''
    assert console.ask('     ') == ''
    console.alive()


@pytest.mark.parametrize('line', ['help a b', 'mem now', 'reboot now', 'halt please'])
def test_too_many_words(line, console):
    assert 'usage:' in console.ask(line)
    console.alive()


def test_many_words(console):
    assert console.ask('a ' * 200).strip()
    console.alive()


def test_line_of_5000_characters_is_cut(console):
    answer = console.ask('y' * 5000)
    assert 'cut' in answer
    console.alive()


def test_control_characters_do_no_harm(console):
    every = ''.join(chr(code) for code in range(256)
                        if code not in (3, 10, 13))
    console.vm.send(every + '\x03')
    console.until_prompt()
    console.alive()
    for sequence in ('\x1b[A', '\x1b[1;5C', '\x1bOP', '\x1b', '\x1b[',
                     '\x1b' * 50 + 'x'):
        console.vm.send(sequence + '\x03')
        console.until_prompt()
    console.alive()


def test_editing(console):
    console.vm.send('hexx\x08\x7flp')
    assert 'reboot' in console.ask('')
    console.vm.send('rubbish\x15')
    assert console.ask('') == ''


def test_line_ends(console):
    """CR, LF and CR LF each end one line."""
    for end in ('\r', '\n', '\r\n'):
        console.vm.send('nosuch' + end)
        assert 'no such command' in console.until_prompt()
    console.alive()


def test_pasted_lines_are_all_answered(console):
    console.vm.send('nosuch1\rnosuch2\rnosuch3\r')
    for number in (1, 2, 3):
        assert f'nosuch{number}: no such command' in console.until_prompt()


def test_keyboard(console):
    assert 'reboot' in console.type(*'help')
    assert 'no such command' in console.type('shift-q', 'minus', '1')
    assert '-> P:' in console.type(*'walk', 'spc', *'ffff880000200000')


def test_keyboard_rubbish(console):
    for keys in (('f1', 'f12'), ('ctrl-alt-x',), ('caps_lock', 'caps_lock'),
                 ('up', 'pgdn'), ('print',), ('pause',),
                 ('kp_5', 'num_lock', 'num_lock')):
        console.vm.send_keys(keys)
    console.vm.send('\x03')
    console.until_prompt()
    assert 'reboot' in console.type(*'help')


def test_answers_reach_the_screen(console):
    console.ask('seenonscreen')
    time.sleep(0.1)
    assert 'seenonscreen: no such command' in console.vm.screen()


def test_nothing_leaks_while_talking(console):
    def free():
        return re.search(r'(\d+) free', console.ask('frames'))[1]
    before = free()
    for command in ('mem', 'map', 'heap', 'cpu', 'walk 0', 'test boot_info', 'nosuch'):
        console.ask(command)
    assert free() == before


def test_reboot(fresh):
    """A reset by the machine's own means, not by a triple fault; the boot repeats."""
    fresh.vm.send('reboot\r')
    fresh.until_prompt(resets=8)   # SeaBIOS adds some of its own
    assert 1 <= len(fresh.vm.resets()) <= 8
    assert triple_fault(fresh.vm.folder) is None
    fresh.vm.send('nosuch\r')
    assert 'no such command' in fresh.until_prompt(resets=8)


def test_halt(fresh):
    fresh.vm.send('halt\r')
    fresh.vm.wait_for('^halted')
    time.sleep(0.3)
    at = fresh.vm.mark()
    fresh.vm.send('help\r')
    time.sleep(0.5)
    assert fresh.vm.mark() == at and fresh.vm.halted() and not fresh.vm.resets()


@pytest.mark.parametrize('cpu', ['max', 'qemu64'])
def test_monitor_runs_the_tests(cpu, image, rubbish):
    setup = Setup(image, mem='256M', cpu=cpu, config=CONFIG, rubbish=True)
    with Qemu(setup, wall=200, cpu_seconds=100, rubbish_folder=rubbish) as vm:
        console = Console(vm)
        for _ in range(2):   # the second run finds what the first left behind
            run = ktap.parse(console.ask('test all'), '0')
            assert run.problems == [] and run.failed == [], run
        console.alive()


@pytest.mark.parametrize('machine', ['pc', 'q35'])
def test_without_a_keyboard_controller(machine, image, rubbish):
    setup = Setup(image, mem='64M', config=CONFIG, machine=machine, i8042=False,
                  rubbish=True)
    with Qemu(setup, wall=120, cpu_seconds=60, rubbish_folder=rubbish) as vm:
        Console(vm).alive()


def test_without_a_serial_port(image, rubbish):
    """Keyboard and E9 alone."""
    setup = Setup(image, mem='64M', config=CONFIG, serial=False, rubbish=True)
    with Qemu(setup, wall=120, cpu_seconds=60, rubbish_folder=rubbish) as vm:
        assert 'reboot' in Console(vm, 'e9').type(*'help')
        assert 'plinth>' in vm.screen()


def test_without_serial_port_and_keyboard(image, rubbish, nonce):
    """Nobody can talk to it; the tests still run and tell it to E9."""
    setup = Setup(image, mem='64M', serial=False, i8042=False, rubbish=True,
                  config=f'test=all nonce={nonce} exit=1')
    with Qemu(setup, wall=120, cpu_seconds=60, rubbish_folder=rubbish) as vm:
        result = vm.finish(nonce)
    assert result.passed, result


def test_without_a_screen(image, rubbish, nonce):
    setup = Setup(image, mem='64M', vga=False, rubbish=True,
                  config=f'test=all nonce={nonce} exit=1')
    with Qemu(setup, wall=120, cpu_seconds=60, rubbish_folder=rubbish) as vm:
        result = vm.finish(nonce)
    assert result.passed, result


def test_a_terminal_that_stops_reading(image, rubbish, tmp_path):
    """A full line on the host's side holds the transmitter up for a while, as Ctrl-S
    does. Words may be lost; the port must come back."""
    path = str(tmp_path / 'com1')
    setup = Setup(image, mem='64M', config=CONFIG, serial=False, rubbish=True, extra=(
        '-chardev', f'socket,id=slow,path={path},server=on,wait=off',
        '-serial', 'chardev:slow'))
    terminal = socket.socket(socket.AF_UNIX)
    terminal.settimeout(20)
    with Qemu(setup, wall=120, cpu_seconds=60, rubbish_folder=rubbish) as vm:
        terminal.connect(path)   # and reads nothing
        vm.wait_for(PROMPT, source='e9')
        time.sleep(0.5)
        heard = b''
        with pytest.raises(TimeoutError):
            terminal.settimeout(0.5)
            while True:
                heard += terminal.recv(65536)
        terminal.settimeout(20)
        terminal.sendall(b'nosuch\r')
        while b'no such command' not in heard:
            heard += terminal.recv(65536)
    terminal.close()
