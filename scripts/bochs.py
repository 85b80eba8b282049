#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Boots the image in Bochs, with its debugger in the terminal and magic breakpoints on.

  bochs.py [--image build/plinth.img] [--at PLACE] [--config TEXT]
           [--bios latest|legacy|qemu|seabios] [--cpu corei7_haswell_4770] [--mem 512M]
           [--display NAME] [--batch]

Writes bochs.bxrc beside the image, for the Bochs that is installed, and bochs.rc with
the names of loader and kernel. PLACE is where to stop first: stage1, stage2, protected,
longmode, early, moved, main, or a function; without one Bochs prompts before its first
instruction. break=NAME,... or break=all in the configuration makes the magic
breakpoints live (kernel/base/break.h lists them); each says its name on port E9, which
is this terminal. The serial port goes to bochs-serial.txt. With the rfb display the
screen is a VNC server on this machine.
--batch runs without the debugger's prompt and adds test=all, a nonce and exit=1; its
exit status is that of run.py --batch (see there).
"""
import argparse
import functools
import glob
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import bochs_debug
import disk_format as fmt
import ktap
import machine
from machine import EmulatorError, ParameterError, parse_memory, read_text
from run import (EXIT_EMULATOR, EXIT_PARAMETERS, add_timeout, exit_code,
                 keyboard_for_child, merged_config, timeout_of)

# BIOS files by the name a user gives; Bochs' own share folder is tried first.
BIOSES = {'latest': ('BIOS-bochs-latest',), 'legacy': ('BIOS-bochs-legacy',),
          'qemu': ('BIOS-qemu-latest',), 'seabios': ('bios.bin-1.13.0', 'bios.bin')}
VGA_BIOSES = ('VGABIOS-lgpl-latest', 'VGABIOS-lgpl-latest.bin', 'vgabios.bin',
              'vgabios-stdvga.bin')
SHARES = ('/usr/share/bochs', '/usr/local/share/bochs', '/usr/share/seabios',
          '/usr/share/vgabios')
# Bochs keeps at most this much of a guest's RAM in its own memory.
HOST_MIB = 2048
RESETS_MAX = 9


@dataclass
class BochsSetup:
    image: str
    mem: str = '512M'
    cpu: str = 'corei7_haswell_4770'
    bios: str = 'latest'
    display: str = ''        # '' chooses: rfb needs neither a terminal nor X
    smp: int = 1
    config: str = None
    rubbish: bool = False
    serial: bool = True
    magic_break: bool = False
    first_disk: str = ''     # a disk to boot from; the image is then the second one
    reset_on_triple_fault: bool = False

    def validate(self):
        mem = parse_memory(self.mem)
        if not 1 << 20 <= mem <= 64 << 30 or mem % (1 << 20):
            raise ParameterError(f'MEM={self.mem}: whole MiB from 1M to 64G on Bochs')
        if self.bios not in BIOSES:
            raise ParameterError(f'BIOS={self.bios}: one of {", ".join(BIOSES)}')
        models = cpu_models()
        if self.cpu not in models:
            raise ParameterError(f'CPU={self.cpu}: one of {", ".join(models)}')
        if not os.path.isfile(self.image):
            raise ParameterError(f'{self.image}: no such image (make builds it)')


def share_file(names):
    """The first of the files that exists, in the folders where systems keep them."""
    for folder in filter(None, (os.environ.get('BXSHARE'), *SHARES)):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                return path
    raise EmulatorError(f'no {" or ".join(names)} in {", ".join(SHARES)}; '
                        'scripts/deps.sh bochs installs it')


def ask_bochs(topic):
    """What `bochs --help TOPIC` says."""
    try:
        words = subprocess.run(['bochs', '--help', topic], capture_output=True, text=True,
                               timeout=60)
    except FileNotFoundError:
        raise EmulatorError('bochs is not installed') from None
    return words.stdout + words.stderr


@functools.cache
def cpu_models():
    """Those of the installed Bochs."""
    said = ask_bochs('cpu').partition('Supported CPU models:')[2]
    return re.findall(r'^(\w+)$', said, re.M)


def displays():
    """Display libraries of the installed Bochs: it tells where its plugins are."""
    text = ask_bochs('features')
    found = re.search(r"compile time default '([^']+plugins)'", text)
    folder = os.environ.get('LTDL_LIBRARY_PATH') or (found.group(1) if found else '')
    names = {re.sub(r'.*libbx_|_gui\.so$', '', path)
             for path in glob.glob(os.path.join(folder, 'libbx_*_gui.so'))}
    known = {'x', 'rfb', 'term', 'sdl', 'sdl2', 'wx', 'nogui'}
    return names or known & set(text.split())


def choose_display(wanted, interactive):
    there = displays()
    if wanted:
        if wanted not in there:
            raise ParameterError(f'display {wanted}: one of {", ".join(sorted(there))}')
        return wanted
    order = ['rfb', 'term', 'nogui', 'sdl2', 'x']
    if interactive and os.environ.get('DISPLAY'):
        order = ['x', 'sdl2'] + order
    for name in order:
        if name in there:
            return name
    raise EmulatorError('Bochs has no display library that this script knows')


def rubbish_lines(setup, folder):
    """RAM that Bochs' BIOS leaves alone: from 2 MiB on, at most 30 MiB of it."""
    count = min(parse_memory(setup.mem) - (3 << 20), 30 << 20)
    if not setup.rubbish or count <= 0:
        return []
    path = os.path.join(folder, 'rubbish.bin')
    with open(path, 'wb') as file:
        file.write(random.Random(count).randbytes(count))
    return [f'optramimage1: file={path}, address=0x200000']


def config_lines(setup, disk, folder, interactive=False):
    """bochsrc for this machine; all of Bochs' files land in `folder`."""
    mib = parse_memory(setup.mem) >> 20
    memory = f'megs: {mib}'
    if mib > HOST_MIB:
        memory = f'memory: guest={mib}, host={HOST_MIB}'
    display = choose_display(setup.display, interactive)
    # Without timeout=0 rfb waits half a minute for a viewer.
    options = ', options="timeout=0"' if display == 'rfb' else ''
    serial = os.path.join(folder, 'bochs-serial.txt')
    return [
        'plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, '
        'serial=1, iodebug=1',
        'config_interface: textconfig',
        f'display_library: {display}{options}',
        f'romimage: file={share_file(BIOSES[setup.bios])}',
        f'vgaromimage: file={share_file(VGA_BIOSES)}',
        memory,
        *rubbish_lines(setup, folder),
        f'cpu: model={setup.cpu}, count={setup.smp}, ips=50000000, '
        f'reset_on_triple_fault={int(setup.reset_on_triple_fault)}',
        'ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14',
        *(f'ata0-{place}: type=disk, path={path}, mode=flat' for place, path in zip(
            ('master', 'slave'), filter(None, (setup.first_disk, disk)))),
        'boot: disk',
        f'com1: enabled={int(setup.serial)}' + (f', mode=file, dev={serial}'
                                                if setup.serial else ''),
        'port_e9_hack: enabled=1',
        f'log: {os.path.join(folder, "bochs.log")}',
        'panic: action=fatal', 'error: action=report', 'info: action=report',
        'debug: action=ignore',
        f'magic_break: enabled={int(setup.magic_break)}',
        'clock: sync=none']


class Bochs:
    """A running Bochs without a prompt; wait_for() and finish() as Qemu has them."""

    def __init__(self, setup, wall=300, echo=None):
        setup.validate()
        self.setup, self.wall, self.echo = setup, wall, echo
        self.process, self.shown = None, 0

    def __enter__(self):
        self.folder = machine.scratch_folder()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process:
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def _start(self):
        disk = machine.prepare_image(self.setup, self.folder)
        lines = config_lines(self.setup, disk, self.folder)
        with open(self.path('bochs.bxrc'), 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines) + '\n')
        with open(self.path('continue.rc'), 'w', encoding='utf-8') as file:
            # Its debugger stops at every reset.
            file.write('c\n' * (RESETS_MAX if self.setup.reset_on_triple_fault else 1))
        self.began = time.monotonic()
        command = ['timeout', '-k', '2', str(self.wall + 30), 'bochs', '-q', '-unlock',
                   '-f', self.path('bochs.bxrc'), '-rc', self.path('continue.rc')]
        with open(self.path('out'), 'wb') as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True)

    @property
    def serial(self):
        return read_text(self.path('bochs-serial.txt'))

    def e9(self):
        """Port E9 goes to Bochs' standard output, after its prompt for step one."""
        text = read_text(self.path('out'))
        return text.partition('(unk. ctxt)')[2].partition('\n')[2]

    def _exit_reason(self):
        text = read_text(self.path('out')) + read_text(self.path('bochs.log'))
        if 'Shutdown port: shutdown requested' in text:
            return 'good'
        if 'exception with no resolution' in text:
            return 'triple fault'
        panic = re.search(r'>>PANIC<< (.*)', text)
        return f'emulator error: {panic.group(1) if panic else text[-300:]}'

    def _wait(self, done):
        while not done():
            if self.echo:
                text = self.serial
                self.echo(text[self.shown:].encode('latin-1'))
                self.shown = len(text)
            if self.process.poll() is not None:
                return self._exit_reason()
            if time.monotonic() - self.began > self.wall:
                return 'timeout'
            time.sleep(0.1)
        return None

    def wait_until(self, done):
        """Runs until done() is true: None; or says why it stopped before."""
        return self._wait(done)

    def wait_for(self, pattern, after=0, source='serial'):
        found = []

        def seen():
            text = ktap.plain(self.serial if source == 'serial' else self.e9())
            match = re.compile(pattern, re.M).search(text, after)
            if match:
                found.append(match)
            return bool(match)

        stopped = self._wait(seen)
        if stopped and not seen():
            raise EmulatorError(f'waiting for {pattern!r}: '
                                f'{machine.verdict(self.serial, self.e9(), stopped)}')
        return found[-1]

    def finish(self, nonce=None):
        """Runs to the shutdown port, a panic of Bochs, or a death that stays silent."""
        quiet = []

        def dead():
            text = self.serial if self.setup.serial else self.e9()
            if not ktap.death(text):
                return False
            quiet.append(len(text))
            return len(quiet) > 20 and quiet[-20] == quiet[-1]

        stopped = self._wait(dead) or 'halted'
        result = machine.verdict(self.serial, self.e9(), stopped, nonce)
        if stopped == 'triple fault':
            log = read_text(self.path('bochs.log'))
            result.details += re.findall(r'\| (\w?IP=.*|CR\d=.*)', log)[:3]
        result.seconds = time.monotonic() - self.began
        return result


def interactive(options, setup):
    """Bochs in this terminal. kaslr=off unless asked otherwise, so that names fit."""
    setup.config = merged_config(options.image, options.config, (('kaslr', 'off'),))
    setup.magic_break = True
    folder = os.path.dirname(os.path.abspath(options.image))
    debug = bochs_debug.Debug(folder, setup.config)
    start = debug.commands(options.at)      # before anything is written: it may refuse
    disk = os.path.join(folder, 'bochs.img')
    scratch = machine.scratch_folder()
    try:
        shutil.move(machine.prepare_image(setup, scratch), disk)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    lines = config_lines(setup, disk, folder, interactive=True)
    rc_file = os.path.join(folder, 'bochs.bxrc')
    with open(rc_file, 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines) + '\n')
    command = ['bochs', '-q', '-unlock', '-f', rc_file]
    if start:
        commands = os.path.join(folder, 'bochs.rc')
        with open(commands, 'w', encoding='utf-8') as file:
            file.write('\n'.join(start) + '\n')
        command += ['-rc', commands]
    screen = '; screen: VNC on this machine' if 'rfb' in lines[2] else ''
    print('bochs: c continues, q leaves; serial port: '
          f'{folder}/bochs-serial.txt{screen}', file=sys.stderr)
    for line in debug.notes():
        print(f'bochs: {line}', file=sys.stderr)
    # Ctrl-C is for Bochs' debugger, which stops the machine and prompts. Its status is 1
    # after every session, also a good one: it says nothing.
    with keyboard_for_child() as child_signals:
        subprocess.run(command, check=False, preexec_fn=child_signals)
    return 0


def batch(options, setup):
    nonce = str(random.SystemRandom().randrange(1, 1 << 32))
    setup.config = merged_config(options.image, options.config, (
        ('test', 'all'), ('nonce', nonce), ('exit', '1')))
    words = dict(word.partition('=')[::2] for word in setup.config.split())

    def echo(data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    with Bochs(setup, wall=options.timeout, echo=echo) as vm:
        result = vm.finish(words.get('nonce'))
        echo(result.serial[vm.shown:].encode('latin-1'))
    print(f'bochs: {result.reason} after {result.seconds:.1f} s', file=sys.stderr)
    for line in result.details:
        print(f'bochs: {line}', file=sys.stderr)
    return exit_code(result.reason)


def main():
    defaults = BochsSetup('')
    options = argparse.ArgumentParser(
        prog='bochs.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--image', default='build/plinth.img')
    options.add_argument('--config', default='')
    options.add_argument('--at', default='', metavar='PLACE')
    for name in ('bios', 'cpu', 'mem', 'display'):
        options.add_argument('--' + name, default=getattr(defaults, name))
    options.add_argument('--rubbish', action='store_true')
    options.add_argument('--batch', action='store_true')
    add_timeout(options)
    options = options.parse_args()
    try:
        options.timeout = timeout_of(options)
        setup = BochsSetup(options.image, options.mem, options.cpu, options.bios,
                           options.display, rubbish=options.rubbish)
        setup.validate()
        return (batch if options.batch else interactive)(options, setup)
    except (ParameterError, fmt.ImageError) as error:
        print(f'bochs: {error}', file=sys.stderr)
        return EXIT_PARAMETERS
    except (EmulatorError, FileNotFoundError) as error:
        print(f'bochs: {error}', file=sys.stderr)
        return EXIT_EMULATOR


if __name__ == '__main__':
    sys.exit(main())
