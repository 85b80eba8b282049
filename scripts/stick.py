# SPDX-License-Identifier: MIT
"""Writing an image to a block device and comparing what it holds, past every cache."""
import fcntl
import mmap
import os
import struct
import sys

import disk_format as fmt
import recorder
from disk_format import BASES, CONFIG, L

STEP = 1 << 20
BLKFLSBUF, BLKRRPART = 0x1261, 0x125F   # linux/fs.h


class StickError(Exception):
    """One line for the user."""


def good_config(slot):
    text = fmt.config_text(slot)
    return text is not None and not any(slot[CONFIG.bytes + len(text):])


def good_recorder(slot):
    return not recorder.slot_is_damaged(slot)


# What changes on a good stick, by `image.py set` and recorder=disk: where, what, and
# whether its bytes are such a change or damage.
CHANGEABLE = [(base + begin, base + end, what, good) for base in BASES
              for begin, end, what, good in (
                  (L['DISK_CONFIG'], L['DISK_MANIFEST'], 'the configuration',
                   good_config),
                  (L['DISK_RECORDER'], L['DISK_RECORDER'] + L['RECORDER_BYTES'],
                   'the recorder', good_recorder))]


class Progress:
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, word, total):
        self.word, self.total = word, max(total, 1)
        self.shown = sys.stderr.isatty()

    def __call__(self, done):
        if self.shown:
            full = 40 * done // self.total
            end = '\n' if done >= self.total else ''
            print(f'\r{self.word:8} [{"#" * full:40}] {done >> 20} of '
                  f'{self.total >> 20} MiB', end=end, file=sys.stderr, flush=True)


def bytes_for(image, sector_bytes):
    """The image's bytes as they belong on a disk with such sectors."""
    data = bytearray(image.content())
    if sector_bytes != 512:
        entry = fmt.partition_entry(len(data), sector_bytes)
        for base in BASES:
            at = base + L['MBR_PARTITIONS']
            data[at:at + len(entry)] = entry
    return data


def open_device(path, write):
    """O_EXCL on a block device fails while anything mounts or claims it."""
    flags = (os.O_RDWR | os.O_EXCL) if write else os.O_RDONLY
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except OSError as error:
        raise StickError(f'{path}: {error.strerror}') from None


def write_all(handle, path, data):
    show = Progress('writing', len(data))
    try:
        for at in range(0, len(data), STEP):
            part, done = data[at:at + STEP], 0
            while done < len(part):
                done += os.pwrite(handle, part[done:], at + done)
            show(at + len(part))
        os.fsync(handle)
    except OSError as error:
        raise StickError(f'{path}: writing at byte {at:#x}: {error.strerror}') from None


def drop_cache(handle):
    """So that a comparison reads the medium; a plain file has only the second way."""
    try:
        fcntl.ioctl(handle, BLKFLSBUF)
    except OSError:
        pass
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


def read_all(path, count):
    """Read with O_DIRECT where the device takes it: from the medium, not from memory."""
    handle = open_device(path, write=False)
    show, data = Progress('reading', count), bytearray()
    buffer = mmap.mmap(-1, STEP)   # O_DIRECT wants memory on a page's border
    try:
        drop_cache(handle)
        flags = fcntl.fcntl(handle, fcntl.F_GETFL)
        try:
            fcntl.fcntl(handle, fcntl.F_SETFL, flags | os.O_DIRECT)
        except OSError:
            pass                   # a file system without it, such as tmpfs
        while len(data) < count:
            got = os.preadv(handle, [buffer], len(data))
            if got <= 0:
                raise StickError(f'{path}: ends at byte {len(data):#x}, the image has '
                                 f'{count:#x}')
            data += buffer[:got]
            show(min(len(data), count))
    except OSError as error:
        raise StickError(f'{path}: reading at byte {len(data):#x}: '
                         f'{error.strerror}') from None
    finally:
        os.close(handle)
    return bytes(data[:count])


def differences(wanted, found):
    """(byte, words, whether it is damage) for each place that differs."""
    for begin, end, what, good in CHANGEABLE:
        if wanted[begin:end] == found[begin:end]:
            continue
        if good(found[begin:end]):
            yield begin, f'{what} differs, which is no damage', False
        else:
            yield begin, f'{what} differs and breaks its own rules', True
    wanted, found = bytearray(wanted), bytearray(found)
    for begin, end, *_ in CHANGEABLE:
        wanted[begin:end] = found[begin:end] = bytes(end - begin)
    for at in range(0, len(wanted), STEP):
        mine, theirs = wanted[at:at + STEP], found[at:at + STEP]
        if mine != theirs:
            first = next(i for i, pair in enumerate(zip(mine, theirs))
                         if pair[0] != pair[1])
            yield at + first, 'differs from the image', True


def reread_table(handle):
    """The old partitions' nodes go; a file or a loop device has none."""
    try:
        fcntl.ioctl(handle, BLKRRPART)
    except OSError:
        pass


def partition_sector_bytes(data):
    first = struct.unpack_from('<I', data, L['MBR_PARTITIONS'] + 8)[0]
    return L['DISK_PARTITION'] // first if first else 512
