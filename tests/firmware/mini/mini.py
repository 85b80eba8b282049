# SPDX-License-Identifier: MIT
"""The mini loader's disk: build(path) assembles it and fills in its sectors.

usage: mini.py IMAGE
"""
import os
import random
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
SECTOR, SECTORS, SECOND = 512, 15, 500
DISK_BYTES = 2 << 20
GOOD, BAD = 'mini: good', 'mini: lost'
EXPECT = r'mini: (good|lost)'    # it tells its end either way


def sum16(data):
    """What sector_prove adds up: words, the sum turned left before each."""
    total = 0
    for (word,) in struct.iter_unpack('<H', data):
        total = (total << 1 | total >> 15) + word & 0xFFFF
    return total


def sector(number):
    data = random.Random(number).randbytes(SECTOR - 4) + struct.pack('<H', number)
    return data + struct.pack('<H', sum16(data))


def build(path):
    subprocess.run(['nasm', '-f', 'bin', '-Werror', '-o', path,
                    os.path.join(HERE, 'mini.asm')], check=True, timeout=30)
    with open(path, 'r+b') as file:
        for before in (0, SECOND):
            file.seek((before + 1) * SECTOR)
            file.write(b''.join(sector(n + 1) for n in range(SECTORS)))
        file.truncate(DISK_BYTES)
    return path


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit('usage: mini.py IMAGE')
    print(build(sys.argv[1]))
