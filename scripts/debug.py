#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""QEMU stopped before its first instruction, gdb attached to it in this terminal.

  debug.py --build build [--at PLACE] [--image ...] [--mem ...] [--cpu ...]
           [--machine ...] [--disk ...] [--smp ...] [--config TEXT] [-- GDB ARGUMENTS]

PLACE is stage1, stage2, longmode, early, moved, main, or a function of the loader or the
kernel. Without one it is stage1; from there `continue` stops at each of them in turn.
plinth.gdb loads the symbols of the loader and of the kernel, which follow the kernel
when it moves; its random place stays random. `help plinth` in gdb lists the commands.
The serial port is logged to BUILD/debug-serial.txt; BUILD/debug-com1 is a socket to
type into it from another terminal: socat -,raw,echo=0 BUILD/debug-com1
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import time

import disk_format as fmt
import machine
from elf64 import Elf
from run import (EXIT_EMULATOR, EXIT_PARAMETERS, add_machine_options,
                 keyboard_for_child, make_setup)

PLACES = ('stage1', 'stage2', 'longmode', 'early', 'moved', 'main')
SCRIPT = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'plinth.gdb')


def find_gdb():
    for name in ('gdb', 'gdb-multiarch'):
        path = shutil.which(name)
        if path:
            return path
    raise machine.EmulatorError('gdb is not installed')


def wait_for_socket(path, process, errors):
    """QEMU makes the socket when its machine is complete."""
    end = time.monotonic() + 60
    while not os.path.exists(path):
        if process.poll() is not None or time.monotonic() > end:
            raise machine.EmulatorError(machine.read_text(errors).strip()
                                        or 'qemu-system-x86_64 did not start')
        time.sleep(0.02)


def check_place(at, build):
    """Refuses a place that gdb would wait for in vain."""
    if not at or at in PLACES:
        return
    for name in ('disk.elf', 'kernel.elf'):
        if at in Elf.read(os.path.join(build, name)).symbols():
            return
    raise machine.ParameterError(f'AT={at}: one of {", ".join(PLACES)}, or a function '
                                 'of the loader or the kernel')


def session(options, folder):
    setup = make_setup(options)
    build = os.path.abspath(options.build)
    for name in ('kernel.elf', 'disk.elf'):
        if not os.path.isfile(os.path.join(build, name)):
            raise machine.ParameterError(f'{build}: no {name} there (make builds it)')
    check_place(options.at, build)
    for name in ('kernel.elf', 'disk.elf'):
        if not os.path.isfile(os.path.join(build, name)):
            raise machine.ParameterError(f'{build}: no {name} there (make builds it)')
    gdb = find_gdb()
    disk = machine.prepare_image(setup, folder)
    stub, log = os.path.join(folder, 'gdb'), os.path.join(build, 'debug-serial.txt')
    com1 = os.path.join(build, 'debug-com1')
    command = machine.qemu_command(setup, disk, folder) + [
        '-S', '-gdb', f'unix:{stub},server=on,wait=off',
        '-chardev', f'socket,id=com1,path={com1},server=on,wait=off,logfile={log}',
        '-serial', 'chardev:com1']
    errors = os.path.join(folder, 'stderr')
    with open(errors, 'wb') as file:
        # Its own session: Ctrl-C is for gdb, which then stops the machine.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file,
                                   stderr=file, start_new_session=True)
    try:
        wait_for_socket(stub, process, errors)
        environment = dict(os.environ, PLINTH_BUILD=build, PLINTH_GDB_STUB=stub,
                           PLINTH_AT=options.at,
                           PLINTH_SCRIPTS=os.path.dirname(SCRIPT),
                           PLINTH_SERIAL_LOG=log)
        with keyboard_for_child() as child_signals:
            return subprocess.run([gdb, '-q', '-nx', '-x', SCRIPT, *options.gdb],
                                  check=False, env=environment,
                                  preexec_fn=child_signals).returncode
    finally:
        process.kill()
        process.wait()
        if os.path.exists(com1):
            os.unlink(com1)


def leave(number, _frame):
    """Unwinds as an error does: gdb and QEMU are ended on the way out."""
    sys.exit(128 + number)


def main():
    options = argparse.ArgumentParser(
        prog='debug.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--build', default='build')
    options.add_argument('--at', default='', metavar='PLACE')
    add_machine_options(options)
    options.add_argument('gdb', nargs='*')
    options = options.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    folder = machine.scratch_folder()
    try:
        return session(options, folder)
    except (machine.ParameterError, fmt.ImageError) as error:
        print(f'debug: {error}', file=sys.stderr)
        return EXIT_PARAMETERS
    except (machine.EmulatorError, FileNotFoundError) as error:
        print(f'debug: {error}', file=sys.stderr)
        return EXIT_EMULATOR
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
