# SPDX-License-Identifier: MIT
"""The computer's disks, as sysfs and /proc describe them, and why not to write to one.

  System()             this computer; another root is for tests
  system.disks()       every whole disk
  refusal(disk, ...)   in words why it must not be written, or None

Sources: Documentation/ABI/stable/sysfs-block of Linux, proc(5) for mountinfo and swaps.
"""
import os
import re
import stat
from dataclasses import dataclass, field

# What a stick never is.
KINDS = {'ram': 'a RAM disk', 'zram': 'a RAM disk', 'dm-': 'a volume (LVM or encryption)',
         'md': 'a RAID', 'sr': 'a CD drive', 'fd': 'a floppy drive',
         'nbd': 'a network drive', 'mtdblock': 'flash memory of the board'}
NO_DISKS = re.compile(f'({"|".join(KINDS)})\\d*')


@dataclass
class Disk:
    name: str
    path: str                 # of the device node
    size: int                 # bytes; 0: no medium
    sector_bytes: int
    removable: bool
    read_only: bool
    vendor: str = ''
    model: str = ''
    loop: bool = False
    mounts: list = field(default_factory=list)    # (node, mount point)
    swaps: list = field(default_factory=list)     # nodes
    holders: list = field(default_factory=list)   # (node, its user: dm-0, md127)

    @property
    def title(self):
        return ' '.join(filter(None, (self.vendor, self.model))) or 'unnamed'


def size_text(size):
    """As people and packages say it: powers of ten, three digits or so."""
    for unit, step in (('TB', 10 ** 12), ('GB', 10 ** 9), ('MB', 10 ** 6)):
        if size >= step:
            return f'{size / step:.1f} {unit}'
    return f'{size} bytes'


class System:
    def __init__(self, sys='/sys', proc='/proc', dev='/dev'):
        self.sys_root, self.proc_root, self.dev_root = sys, proc, dev

    def read(self, *parts):
        try:
            with open(os.path.join(*parts), encoding='utf-8', errors='replace') as file:
                return file.read().strip()
        except OSError:
            return ''

    def names(self, *parts):
        try:
            return sorted(os.listdir(os.path.join(*parts)))
        except OSError:
            return []

    def number(self, *parts):
        text = self.read(*parts)
        return int(text) if text.isdigit() else 0

    def node(self, name):
        return os.path.join(self.dev_root, name.replace('!', '/'))

    def disks(self):
        block = os.path.join(self.sys_root, 'block')
        return [self.disk(name) for name in self.names(block)
                if not NO_DISKS.fullmatch(name)]

    def disk(self, name):
        here = os.path.join(self.sys_root, 'block', name)
        nodes = [name] + [n for n in self.names(here)
                          if os.path.exists(os.path.join(here, n, 'partition'))]
        numbers = {self.read(here, '' if n == name else n, 'dev'): n for n in nodes}
        # A card reader's slot is fixed, but the card is not: the bus tells SD from eMMC.
        card = self.read(here, 'device', 'type') == 'SD'
        loop = name.startswith('loop')
        return Disk(
            name=name, path=self.node(name), size=512 * self.number(here, 'size'),
            sector_bytes=self.number(here, 'queue', 'logical_block_size') or 512,
            removable=card or self.read(here, 'removable') == '1',
            read_only=self.read(here, 'ro') == '1', loop=loop,
            vendor=self.read(here, 'device', 'vendor'),
            model=(self.read(here, 'device', 'model') or self.read(here, 'device', 'name')
                   or (self.read(here, 'loop', 'backing_file') if loop else '')),
            mounts=self.mounts(numbers), swaps=self.swaps(nodes),
            holders=[(n, user) for n in nodes for user in self.names(
                here, '' if n == name else n, 'holders')])

    def mounts(self, numbers):
        """By device number, as names may be links; btrfs shows a number of its own there,
        so by the source's name too."""
        found = []
        paths = {os.path.realpath(self.node(n)): n for n in numbers.values()}
        for line in self.read(self.proc_root, 'self', 'mountinfo').splitlines():
            words = line.split()
            if len(words) < 10 or '-' not in words:
                continue
            source = os.path.realpath(words[words.index('-') + 2])
            node = numbers.get(words[2]) or paths.get(source)
            if node:
                point = re.sub(r'\\(\d{3})', lambda m: chr(int(m[1], 8)), words[4])
                found.append((node, point))
        return found

    def swaps(self, nodes):
        lines = self.read(self.proc_root, 'swaps').splitlines()[1:]
        paths = {os.path.realpath(line.split()[0]) for line in lines if line.split()}
        return [n for n in nodes if os.path.realpath(self.node(n)) in paths]

    def find(self, path):
        """(disk, partition name or None) for a device node; None when it is neither."""
        number = self.number_of(path)
        for disk in self.disks():
            here = os.path.join(self.sys_root, 'block', disk.name)
            if number == self.read(here, 'dev'):
                return disk, None
            for part in self.names(here):
                if number and number == self.read(here, part, 'dev'):
                    return disk, part
        return None, None

    def kind(self, path):
        """In words, what a path is that is no disk."""
        number = self.number_of(path)
        for name in self.names(self.sys_root, 'block') if number else ():
            found = NO_DISKS.fullmatch(name)
            if found and number == self.read(self.sys_root, 'block', name, 'dev'):
                return KINDS[found[1]]
        mode = os.stat(path).st_mode
        return ('a file' if stat.S_ISREG(mode) else 'a directory' if stat.S_ISDIR(mode)
                else 'a character device' if stat.S_ISCHR(mode) else 'something else')

    def is_backing(self, disk, path):
        """Whether a loop device shows this very file."""
        file = self.read(self.sys_root, 'block', disk.name, 'loop', 'backing_file')
        try:
            return bool(file) and os.path.samefile(file, path)
        except OSError:
            return False

    def number_of(self, path):
        status = os.stat(path)
        if stat.S_ISBLK(status.st_mode):
            return f'{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}'
        return ''


def refusal(disk, needed_bytes, allow_loop=False):
    """The first reason, the most dangerous first."""
    if disk.mounts:
        system = [point for _, point in disk.mounts if point in ('/', '/boot', '/usr')]
        where = ', '.join(f'{node} on {point}' for node, point in disk.mounts)
        if system:
            return f'this system runs from it ({where})'
        return f'it is mounted: {where}; unmount first'
    if disk.swaps:
        return f'this system swaps to it ({", ".join(disk.swaps)})'
    if disk.holders:
        return 'it is part of ' + ', '.join(f'{user} ({node})'
                                            for node, user in disk.holders)
    if disk.loop and not allow_loop:
        return 'it is a loop device; --loop allows them'
    if not (disk.removable or disk.loop):
        return 'it is not removable: an internal or external hard disk, not a stick'
    if disk.size == 0:
        return 'there is no medium in it'
    if disk.read_only:
        return 'it is write-protected'
    if disk.size < needed_bytes:
        return f'it has {disk.size} bytes, the image needs {needed_bytes}'
    return None
