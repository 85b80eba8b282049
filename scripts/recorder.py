# SPDX-License-Identifier: MIT
"""The flight recorder, decoded on the host: from memory or from the slot on the disk.

  boots(data)           the boots that 64 KiB of recorder hold, newest first
  slot_is_damaged(data) whether a slot on the disk holds bytes, but no boot
  Boot.lines(names)     what one of them tells, as lines
  Reset(read)           finds the boot that a reset ended, in a running machine
  image_names(image)    functions of the image's kernel, to name addresses with

The form is read from kernel/boot/recorder.h; only records whose sum and place are right
are believed.
"""
import os
import re
import struct
from dataclasses import dataclass, field

import disk_format as fmt
import symbols
from disk_format import L, ROOT
from elf_tables import ElfError

RECORD = struct.Struct('<IHH48sII')
BRIEF_LINES = 8


def _numbers(path):
    """The #defines of one header, beside what disk_format knows already."""
    with open(os.path.join(ROOT, path), encoding='ascii') as file:
        text = re.sub(r'/\*.*?\*/', '', file.read(), flags=re.S)
    return {name: int(value, 0)
            for name, value in re.findall(r'^#define +(\w+) +(\w+) *$', text, re.M)}


R = _numbers('kernel/boot/recorder.h')
MILESTONES = _numbers('kernel/boot/milestones.h')


def _milestone_names():
    """As the kernel prints them (kernel/report_sums.c), by number."""
    with open(os.path.join(ROOT, 'kernel', 'report_sums.c'), encoding='ascii') as file:
        found = re.findall(r'\[(MILESTONE_\w+)\] = "([^"]+)"', file.read())
    return {MILESTONES[key]: name for key, name in found}


MILESTONE_NAMES = _milestone_names()


def milestone_name(number):
    return MILESTONE_NAMES.get(number, f'milestone {number}')


def checksum(raw):
    value = R['RECORDER_SEED']
    for (dword,) in struct.iter_unpack('<I', raw[:60]):
        value = ((value << 5 | value >> 27) & 0xFFFFFFFF) ^ dword
    return value


@dataclass
class Record:
    sequence: int
    kind: int
    length: int
    body: bytes

    def values(self):
        return struct.unpack('<6Q', self.body)


def read_record(bank, index):
    """The record at an index of its bank, or None for what is not one."""
    raw = bank[index * R['RECORDER_RECORD_BYTES']:][:RECORD.size]
    if len(raw) < RECORD.size:
        return None
    sequence, kind, length, body, _, check = RECORD.unpack(raw)
    if check != checksum(raw) or sequence == 0 or length > len(body):
        return None
    record = Record(sequence, kind, length, body)
    if index == 0:
        count = record.values()[0]
        good = kind == R['RECORD_HEAD'] and count and sequence == count & 0xFFFFFFFF
    elif index < R['RECORDER_LOG_FIRST']:
        good = (R['RECORD_MILESTONE'] <= kind <= R['RECORD_CLEAN'] and
                sequence % R['RECORDER_EVENT_COUNT'] == index - R['RECORDER_EVENT_FIRST'])
    else:
        good = (kind == R['RECORD_LOG'] and length and
                sequence % R['RECORDER_LOG_COUNT'] == index - R['RECORDER_LOG_FIRST'])
    return record if good else None


def read_ring(bank, first, count):
    found = [read_record(bank, first + i) for i in range(count)]
    return sorted(filter(None, found), key=lambda record: record.sequence)


class Names:
    """Functions by their distance from the image's first byte, of one build."""

    def __init__(self, blob, image_bytes):
        self.build_id, self.functions = symbols.read_blob(blob)
        self.image_bytes = image_bytes

    def find(self, distance, is_return=False):
        """"memset+0x1c"; is_return: the address behind a call."""
        below = [entry for entry in self.functions if entry[0] <= distance - is_return]
        if not below or not below[-1][1]:
            return None
        return f'{below[-1][1]}+{distance - below[-1][0]:#x}'


def image_names(image):
    """Names from an image (disk_format.Image), or None when it has no sound ones."""
    manifest = image.manifest()
    entries = {entry['kind']: entry for entry in (manifest[1] if manifest else ())}
    blob, kernel = (entries.get(L[f'MANIFEST_{kind}']) for kind in ('SYMBOLS', 'KERNEL'))
    if not blob or not kernel:
        return None
    try:
        return Names(image.read(blob['disk_offset'], blob['bytes']),
                     kernel['memory_bytes'])
    except (ElfError, UnicodeDecodeError):
        return None


@dataclass
class Boot:
    """One bank. exception and death are the first ones: later ones came of them."""
    count: int
    build_id: bytes
    milestones: list = field(default_factory=list)   # (number, TSC)
    image: tuple = None                              # (image_virt, kernel_phys)
    exception: tuple = None                          # six values
    death: tuple = None
    ended: bool = False
    was_read: bool = False
    log: str = ''

    @property
    def code(self):
        if self.death is None:
            return None
        raw = struct.pack('<Q', self.death[0]).split(b'\0')[0]
        return raw.decode('ascii', 'replace')

    @property
    def is_good(self):
        """It ended on purpose, and nothing went wrong before."""
        return self.ended and self.death is None and self.exception is None

    @property
    def last_milestone(self):
        return milestone_name(self.milestones[-1][0]) if self.milestones else 'the start'

    def place(self, address, is_return, names):
        """A name, else "image+0x1234" inside the image, else the address."""
        same = names is not None and names.build_id == self.build_id
        span = names.image_bytes if same else L['IMAGE_SLIDE_BYTES']
        for base in self.image or ():
            distance = address - base
            if not 0 <= distance < span or base != self.image[0] and not same:
                continue
            return same and names.find(distance, is_return) or f'image+{distance:#x}'
        return f'V:{address:016x}'

    def headline(self, names=None):
        end = self.exception or self.death
        if end:
            cause = self.code or f'exception {self.exception[0] & 0xFFFFFFFF}'
            where = self.place(end[1], self.exception is None, names)
            return f"died: {cause} at '{self.last_milestone}', RIP {where}"
        words = 'on purpose' if self.ended else 'without a word'
        return f"ended {words} at '{self.last_milestone}'"

    def facts(self):
        if self.exception:
            vector = self.exception[0]
            yield f'exception {vector & 0xFFFFFFFF}, error code {vector >> 32:#x}'
        if self.exception or self.death:
            _, rip, cr2, cr3, rsp, _ = self.exception or self.death
            yield f'RIP V:{rip:016x}  CR2 V:{cr2:016x}'
            yield f'RSP V:{rsp:016x}  CR3 P:{cr3:x}'
        if self.image:
            yield f'image at V:{self.image[0]:016x}, loaded at P:{self.image[1]:x}'
        yield f'build-id {self.build_id.hex()}'

    def log_lines(self):
        return ['  | ' + line for line in printable(self.log).splitlines()]

    def lines(self, names=None):
        """Everything it tells."""
        out = [f'boot {self.count} {self.headline(names)}']
        out += ['  ' + fact for fact in self.facts()]
        for number, tsc in self.milestones:
            out.append(f'  {tsc - self.milestones[0][1]:16} ticks  '
                       f'{milestone_name(number)}')
        return out + ['its log:'] * bool(self.log) + self.log_lines()

    def brief(self, names=None, state=''):
        """How it ended, and what it said last. state: registers as the emulator prints
        them, "RIP=..", of a CPU that could not write its end down itself."""
        out = [f'boot {self.count} {self.headline(names)}']
        rip = re.search(r'\bRIP=([0-9a-f]+)', state)
        if rip and not self.exception:
            out.append(f'  the CPU stood at {self.place(int(rip[1], 16), False, names)}')
        return out + ['  ' + fact for fact in self.facts()] + \
            self.log_lines()[-BRIEF_LINES:]


def printable(text):
    return re.sub(r'[^\n\x20-\x7e]', '.', text)


def read_bank(bank):
    """The Boot of one bank, or None."""
    head = read_record(bank, 0)
    if head is None:
        return None
    boot = Boot(head.values()[0], head.body[8:28])
    for event in read_ring(bank, R['RECORDER_EVENT_FIRST'], R['RECORDER_EVENT_COUNT']):
        values = event.values()
        if event.kind == R['RECORD_MILESTONE']:
            boot.milestones.append(values[:2])
        elif event.kind == R['RECORD_IMAGE']:
            boot.image = values[:2]
        elif event.kind == R['RECORD_EXCEPTION']:
            boot.exception = boot.exception or values
        elif event.kind == R['RECORD_DEATH']:
            boot.death = boot.death or values
        elif values[0] == R['RECORD_CLEAN_READ']:
            boot.was_read = True
        else:
            boot.ended = True
    log = read_ring(bank, R['RECORDER_LOG_FIRST'], R['RECORDER_LOG_COUNT'])
    boot.log = b''.join(record.body[:record.length] for record in log).decode('latin-1')
    return boot


def boots(data):
    """The boots that a recorder's 64 KiB hold, newest first."""
    step = R['RECORDER_BANK_BYTES']
    found = (read_bank(data[at:at + step]) for at in range(0, len(data), step))
    return sorted(filter(None, found), key=lambda boot: boot.count, reverse=True)


def slot_is_damaged(data):
    """Whether a slot is neither empty nor a recorder that a boot can be read from."""
    return any(data) and not boots(data)


def image_slots(image):
    """The recorder's two slots of an image, each as (disk offset, bytes)."""
    for base in fmt.BASES:
        at = base + L['DISK_RECORDER']
        yield at, image.read(at, L['RECORDER_BYTES'])


def image_boots(image):
    """The boots in the recorder's slots of an image: of the first slot that holds any.
    Firmware that shows the partition as the disk has stage2 write the second."""
    return next(filter(None, (boots(data) for _, data in image_slots(image))), [])


class Reset:
    """A machine that was reset a moment ago. `read` gives the recorder's 64 KiB; the boot
    that follows writes into the other bank, so that the one before it stays readable."""

    def __init__(self, read):
        self.read = read
        self.first = self.last = boots(read())

    @property
    def on_record(self):
        return bool(self.first or self.last)

    def follower_is_up(self):
        """True when the next boot has come so far that it told of the one before, or when
        even the one after it has begun: then they all end in the same place."""
        self.last = boots(self.read()) or self.last
        if not self.last or self.last[:1] == self.first[:1]:
            return False
        boot = self.last[0]
        if self.first and boot.count > self.first[0].count + 1:
            return True
        reached = boot.milestones[-1][0] if boot.milestones else 0
        return (reached >= MILESTONES['MILESTONE_REPORT'] or boot.ended
                or bool(boot.death or boot.exception))

    def dead_boot(self):
        """The boot that the reset ended, or None when nothing of it is on record.

        The first look may have come late: then its newest boot was the next one already,
        and has grown since."""
        if not self.first or not self.last:
            return None
        newest = self.first[0]
        if self.last[0].count > newest.count or self.last[0] == newest:
            return newest
        older = [boot for boot in self.last if boot.count == newest.count - 1]
        return older[0] if older else None
