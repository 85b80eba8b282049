#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Boots the image in QEMU: the terminal is the machine's serial port.

  run.py [--mem 512M] [--cpu max] [--machine pc] [--disk ide] [--smp 1] [--config TEXT]
         [--rubbish] [--batch] [--image build/plinth.img] [-- QEMU ARGUMENTS]

--config holds KEY=VALUE words that are merged into the configuration of a copy of the
image; the image itself is never written. --rubbish fills RAM as a cold start leaves it.

--batch runs without a terminal: it adds test=all, a random nonce and exit=1 unless the
configuration says otherwise, passes the serial port to standard output, and tells by its
exit status what happened:

  0  all tests passed, and the closing line's sum is right (interactive: you left)
  1  tests failed            5  reset, halted or switched off without a verdict
  2  wrong parameters        6  timeout (--timeout SECONDS, 300)
  3  died with a code        7  the emulator failed
  4  triple fault            8  the tests' report is missing or not to be believed
"""
import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import termios
import time

import disk_format as fmt
import machine
import recorder
from image import merge_keys, parse_changes
from qemu import FOLLOW_SECONDS, NOT_RECORDED, Qemu, Qmp

EXIT_CODES = {'passed': 0, 'tests failed': 1, 'triple fault': 4, 'reset': 5, 'halted': 5,
              'switched off': 5, 'timeout': 6, 'no tests ran': 8,
              'report not believed': 8}
EXIT_PARAMETERS, EXIT_DIED, EXIT_TRIPLE, EXIT_EMULATOR = 2, 3, 4, 7
TIMEOUT_MAX = 86400


def exit_code(reason):
    if reason.startswith('died '):
        return EXIT_DIED
    return EXIT_CODES.get(reason, EXIT_EMULATOR)


def add_machine_options(options, image='build/plinth.img'):
    """The options that run, debug and screenshot share; the Makefile passes them all."""
    defaults = machine.Setup('')
    options.add_argument('--image', default=image)
    for name in ('mem', 'cpu', 'machine', 'disk'):
        options.add_argument('--' + name, default=getattr(defaults, name))
    options.add_argument('--smp', default='1')
    options.add_argument('--config', default='')


def merged_config(image, text, defaults=()):
    """The image's configuration with `text` merged over it; defaults fill what neither
    names. None when nothing changes, so that images of another kind boot as they are."""
    if not text and not defaults:
        return None
    current, _ = fmt.Image(image).config()
    new = merge_keys(current, parse_changes(text.split()))
    keys = {word.partition('=')[0] for word in new.split()}
    new = merge_keys(new, [pair for pair in defaults if pair[0] not in keys])
    fmt.config_slot(new)   # too long, or not printable: better said before QEMU starts
    return new


def add_timeout(options):
    options.add_argument('--timeout', metavar='SECONDS')


def timeout_of(options):
    """The seconds that --batch may take."""
    if options.timeout is None:
        return 300
    if not options.batch:
        raise machine.ParameterError(f'--timeout {options.timeout}: only with --batch')
    if not options.timeout.isdecimal() or not 1 <= int(options.timeout) <= TIMEOUT_MAX:
        raise machine.ParameterError(f'--timeout {options.timeout}: expected a number of '
                                     f'seconds from 1 to {TIMEOUT_MAX}')
    return int(options.timeout)


def make_setup(options, defaults=(), extra=()):
    if not options.smp.isdecimal():
        raise machine.ParameterError(f'SMP={options.smp}: 1 to 255')
    setup = machine.Setup(
        options.image, options.mem, options.cpu, options.machine, options.disk,
        int(options.smp), rubbish=getattr(options, 'rubbish', False), extra=tuple(extra))
    setup.validate()
    setup.config = merged_config(options.image, options.config, defaults)
    return setup


def batch(options):
    nonce = str(random.SystemRandom().randrange(1, 1 << 32))
    setup = make_setup(options, (('test', 'all'), ('nonce', nonce), ('exit', '1')),
                       options.qemu)
    words = dict(word.partition('=')[::2] for word in setup.config.split())

    def echo(data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    with Qemu(setup, wall=options.timeout, cpu_seconds=options.timeout,
                      echo=echo) as vm:
        result = vm.finish(words.get('nonce'))
    print(f'run: {result.reason} after {result.seconds:.1f} s', file=sys.stderr)
    for line in result.details:
        print(f'run: {line}', file=sys.stderr)
    return exit_code(result.reason)


@contextlib.contextmanager
def keyboard_for_child():
    """Ctrl-C goes to a debugger that runs in the foreground, and must not end this
    script. Gives what the child has to call first: an ignored signal would be
    inherited."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGINT, before)


class Terminal:
    """Puts the terminal back as it was, however QEMU ends."""

    def __enter__(self):
        self.state = termios.tcgetattr(0) if os.isatty(0) else None

    def __exit__(self, *_):
        if self.state:
            termios.tcsetattr(0, termios.TCSADRAIN, self.state)


def last_words(process, folder, image, fault):
    """Lets one boot follow a triple fault, on the user's screen too, and says what the
    one before it left in the flight recorder."""
    def read():
        return qmp.save_memory(fmt.L['RECORDER_PHYS'], fmt.L['RECORDER_BYTES'],
                               os.path.join(folder, 'recorder'))
    try:
        qmp = Qmp(os.path.join(folder, 'qmp'))
        reset = recorder.Reset(read)
        end = time.monotonic() + FOLLOW_SECONDS
        while (reset.on_record and process.poll() is None and time.monotonic() < end
               and not reset.follower_is_up()):
            time.sleep(0.2)
    except (OSError, ValueError, machine.EmulatorError):
        return ['the flight recorder could not be read']
    boot = reset.dead_boot()
    if boot is None:
        return [NOT_RECORDED]
    return boot.brief(recorder.image_names(fmt.Image(image)), fault)


def watch(process, folder, image):
    """Waits for QEMU; ends it when the machine triple-faulted instead of looping on."""
    while True:
        try:
            return process.wait(0.2), []
        except subprocess.TimeoutExpired:
            pass
        fault = machine.triple_fault(folder)
        if fault is not None:
            lines = last_words(process, folder, image, fault)
            process.kill()
            process.wait()
            return process.returncode, [f'triple fault at {fault}', *lines]


def interactive(options):
    setup = make_setup(options, extra=options.qemu)
    folder = machine.scratch_folder()
    try:
        disk = machine.prepare_image(setup, folder)
        command = machine.qemu_command(setup, disk, folder) + [
            '-serial', 'mon:stdio',
            '-qmp', f'unix:{os.path.join(folder, "qmp")},server=on,wait=off']
        print('run: Ctrl-A X leaves, Ctrl-A C is QEMU\'s monitor', file=sys.stderr)
        with Terminal():
            try:
                process = subprocess.Popen(command)
            except FileNotFoundError:
                raise machine.EmulatorError(
                    'qemu-system-x86_64 is not installed') from None
            code, fault = watch(process, folder, options.image)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if fault:
        print('', *(f'run: {line}' for line in fault), sep='\n', file=sys.stderr)
        return EXIT_TRIPLE
    # The guest's own verdict, when it has one; else the user left.
    return {machine.RC_PASSED: 0, machine.RC_FAILED: 1, 0: 0}.get(code, EXIT_EMULATOR)


def main():
    options = argparse.ArgumentParser(
        prog='run.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_machine_options(options)
    options.add_argument('--rubbish', action='store_true')
    options.add_argument('--batch', action='store_true')
    add_timeout(options)
    options.add_argument('qemu', nargs='*')
    options = options.parse_args()
    try:
        options.timeout = timeout_of(options)
        return batch(options) if options.batch else interactive(options)
    except (machine.ParameterError, fmt.ImageError) as error:
        print(f'run: {error}', file=sys.stderr)
        return EXIT_PARAMETERS
    except machine.EmulatorError as error:
        print(f'run: {error}', file=sys.stderr)
        return EXIT_EMULATOR


if __name__ == '__main__':
    sys.exit(main())
