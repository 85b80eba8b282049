#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Boots the image to the monitor's prompt and takes a picture of the VGA screen.

  screenshot.py [--image build/plinth.img] [--out docs/img/boot.png] [machine options]
"""
import argparse
import os
import sys
import time

import disk_format as fmt
import machine
from qemu import Qemu
from run import EXIT_EMULATOR, EXIT_PARAMETERS, add_machine_options, make_setup

PROMPT = r'^plinth> '


def take(setup, out):
    """The picture replaces `out` only when it is complete."""
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    part = out + '.part'
    with Qemu(setup) as vm:
        vm.wait_for(PROMPT)
        time.sleep(0.5)   # VGA is written after serial, the cursor blinks
        vm.screenshot(part)
    with open(part, 'rb') as file:
        if file.read(8) != b'\x89PNG\r\n\x1a\n':
            raise machine.EmulatorError('this QEMU cannot write PNG')
    os.replace(part, out)


def main():
    options = argparse.ArgumentParser(
        prog='screenshot.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_machine_options(options)
    options.add_argument('--out', default='docs/img/boot.png')
    options = options.parse_args()
    try:
        take(make_setup(options), options.out)
    except (machine.ParameterError, fmt.ImageError) as error:
        print(f'screenshot: {error}', file=sys.stderr)
        return EXIT_PARAMETERS
    except (machine.EmulatorError, OSError) as error:
        print(f'screenshot: {error}', file=sys.stderr)
        return EXIT_EMULATOR
    print(f'screenshot: {options.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
