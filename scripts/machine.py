# SPDX-License-Identifier: MIT
"""Machines to run the image on, and how a boot ended.

  Setup            what machine: memory, CPU, buses, faults
  qemu_command()   QEMU's arguments for it
  Result           how a boot ended, in words, with everything it said

An end without a verdict of the guest is never taken for success: QEMU exits with 0
after a triple fault too. qemu.py and bochs.py run machines.
"""
import fcntl
import functools
import glob
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field

import disk_format as fmt
import iso
import ktap
from disk_format import L

UNITS = {'K': 10, 'M': 20, 'G': 30, 'T': 40}
MIB = 1 << 20
# A plain -m of this size or more is refused by the host's overcommit heuristic.
BACKEND_FROM = 4 << 30
# QEMU's TCG models have 40 physical address bits unless told otherwise.
WIDE_FROM, WIDER_FROM = 900 << 30, 32 << 40
RUBBISH_BYTES = 64 * MIB

MACHINES = ('pc', 'q35')
# bus: the arguments that put drive `d` on it; None where the machine changes them.
DISKS = {
    'ide': None, 'ahci': None,
    'nvme': ['-device', 'nvme,drive=d,serial=plinth'],
    'nvme4k': ['-device', 'nvme,drive=d,serial=plinth,logical_block_size=4096,'
               'physical_block_size=4096'],
    'virtio': ['-device', 'virtio-blk-pci,drive=d'],
    'virtio-scsi': ['-device', 'virtio-scsi-pci', '-device', 'scsi-hd,drive=d'],
    'lsi': ['-device', 'lsi53c895a', '-device', 'scsi-hd,drive=d'],
    'usb': ['-device', 'qemu-xhci', '-device', 'usb-storage,drive=d'],
    'ehci': ['-device', 'usb-ehci', '-device', 'usb-storage,drive=d'],
    'uhci': ['-device', 'piix3-usb-uhci', '-device', 'usb-storage,drive=d'],
    'ohci': ['-device', 'pci-ohci', '-device', 'usb-storage,drive=d'],
    'sd': ['-device', 'sdhci-pci', '-device', 'sd-card,drive=d'],
    # As firmware shows a stick it takes for a ZIP drive: from the partition on.
    'zip': ['-device', 'qemu-xhci', '-device', 'usb-storage,drive=d'],
    'cd': None, 'usb-cd': None,
}


class ParameterError(Exception):
    """A wrong setting: one line that says what the valid forms are."""


class EmulatorError(Exception):
    """The emulator did not start, or does not answer."""


def parse_memory(text):
    found = re.fullmatch(r'([1-9]\d*)([KMGT])', text.upper())
    size = int(found[1]) << UNITS[found[2]] if found else 0
    if not MIB <= size <= 16 << 40:
        raise ParameterError(f'MEM={text}: a number with K, M, G or T, from 1M to 16T, '
                             'such as 512M')
    return size


@functools.cache
def cpu_models():
    """Those of the installed QEMU; none without one, whose absence is told later."""
    try:
        words = subprocess.run(['qemu-system-x86_64', '-cpu', 'help'], text=True,
                               capture_output=True, timeout=60)
    except FileNotFoundError:
        return frozenset()
    # "x86 qemu64   what it is"; since version 9 without the first word.
    said = words.stdout.partition('Available CPUs:')[2].partition('\n\n')[0]
    return frozenset(re.findall(r'^(?:x86)? +(\S+)', said, re.M))


@dataclass
class Setup:
    image: str
    mem: str = '512M'
    cpu: str = 'max'
    machine: str = 'pc'
    disk: str = 'ide'
    smp: int = 1
    config: str = None       # replaces the image's configuration text; None leaves it
    rubbish: bool = False    # RAM as a cold start leaves it, not zeroed
    faults: tuple = ()       # blkdebug inject-error rules, as dicts
    serial: bool = True
    i8042: bool = True
    vga: bool = True
    machine_options: str = ''
    extra: tuple = ()

    def validate(self):
        parse_memory(self.mem)
        if self.machine not in MACHINES:
            raise ParameterError(f'MACHINE={self.machine}: one of {", ".join(MACHINES)}')
        if self.disk not in DISKS:
            raise ParameterError(f'DISK={self.disk}: one of {", ".join(DISKS)}')
        if not re.fullmatch(r'\w[\w.-]*(,[\w.+=~-]+)*', self.cpu) or (
                cpu_models() and self.cpu.split(',')[0] not in cpu_models()):
            raise ParameterError(f'CPU={self.cpu}: a model of `qemu-system-x86_64 -cpu '
                                 'help` with flags, such as max or qemu64,-nx')
        if not 1 <= self.smp <= 255:
            raise ParameterError(f'SMP={self.smp}: 1 to 255')
        if not os.path.isfile(self.image):
            raise ParameterError(f'{self.image}: no such image (make builds it)')


def rubbish_places(mem):
    """(offset, bytes) in the RAM file: the start; what q35 and pc put just above 4 GiB,
    which is the RAM's third or fourth GiB; the top."""
    ends = [(0, RUBBISH_BYTES)] + [(gib << 30, 16 * MIB) for gib in (2, 3)]
    ends.append((max(mem - 16 * MIB, 0), 16 * MIB))
    return [(at, min(count, mem - at)) for at, count in ends if at < mem]


def rubbish_file(mem, folder):
    """A sparse file that QEMU maps privately as RAM: one serves runs of all sizes."""
    path = os.path.join(folder, 'ram')
    with open(path, 'a+b') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if file.seek(0, os.SEEK_END) < mem:
            file.truncate(mem)
        for place, count in rubbish_places(mem):
            os.lseek(file.fileno(), place, os.SEEK_SET)
            if not any(os.read(file.fileno(), 4096)):
                with open(path, 'r+b') as writer:
                    writer.seek(place)
                    writer.write(random.Random(place).randbytes(count))
    return path


def scratch_folder():
    """A folder of this process. Sparse files of 16 TiB fit only in a tmpfs, so /dev/shm
    is the first choice; what killed processes left there would stay in RAM, so their
    folders go first."""
    base = '/dev/shm' if os.access('/dev/shm', os.W_OK) else tempfile.gettempdir()
    for path in glob.glob(os.path.join(base, 'plinth-*-*')):
        owner = re.match(r'plinth-(\d+)-', os.path.basename(path))
        if owner and not os.path.exists(f'/proc/{owner[1]}'):
            shutil.rmtree(path, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f'plinth-{os.getpid()}-', dir=base)


def prepare_image(setup, folder):
    """A private copy with the wanted configuration: the original is never written."""
    path = os.path.join(folder, 'disk.img')
    shutil.copyfile(setup.image, path)
    if setup.config is not None:
        with open(path, 'r+b') as file:
            for base in fmt.BASES:
                file.seek(base + L['DISK_CONFIG'])
                file.write(fmt.config_slot(setup.config))
    return path


def memory_arguments(setup, folder):
    # QEMU rounds -m up to 8 KiB, a backend must have the very same size.
    mem, words = fmt.round_up(parse_memory(setup.mem), 8192), []
    options = [setup.machine] + setup.machine_options.split(',') * bool(
        setup.machine_options)
    if not setup.i8042:
        options.append('i8042=off')
    if setup.rubbish or mem >= BACKEND_FROM:
        options.append('memory-backend=ram')
        kind = 'memory-backend-ram,id=ram'
        if setup.rubbish:
            path = rubbish_file(mem, folder)
            kind = f'memory-backend-file,id=ram,mem-path={path},share=off'
        words += ['-object', f'{kind},size={mem},reserve=off']
    cpu = setup.cpu
    if mem >= WIDE_FROM and 'phys-bits' not in cpu:
        cpu += f',phys-bits={52 if mem >= WIDER_FROM else 46}'
    return words + ['-M', ','.join(options), '-m', f'{mem // 1024}K', '-cpu', cpu]


def make_cd(disk, folder):
    """El Torito with hard-disk emulation: the BIOS offers no EDD then."""
    out = os.path.join(folder, 'cd.iso')
    try:
        iso.make(disk, out)
    except fmt.ImageError as error:
        raise EmulatorError(str(error)) from None
    return out


def disk_arguments(setup, disk, folder):
    if setup.disk == 'cd':
        return ['-cdrom', make_cd(disk, folder)]
    if setup.disk == 'usb-cd':
        return ['-drive', f'file={make_cd(disk, folder)},format=raw,if=none,id=d,'
                'media=cdrom,readonly=on', '-device', 'qemu-xhci',
                '-device', 'usb-storage,drive=d']
    drive = {'driver': 'file', 'node-name': 'file', 'filename': disk}
    words, under = ['-blockdev', json.dumps(drive)], 'file'
    if setup.faults:
        drive = {'driver': 'blkdebug', 'node-name': 'faulty', 'image': 'file',
                 'inject-error': list(setup.faults)}
        words, under = words + ['-blockdev', json.dumps(drive)], 'faulty'
    drive = {'driver': 'raw', 'node-name': 'd', 'file': under}
    if setup.disk == 'zip':
        drive['offset'] = L['DISK_PARTITION']
    words += ['-blockdev', json.dumps(drive)]
    on_q35 = setup.machine == 'q35'
    if setup.disk == 'ide' and on_q35:   # q35's own controller is AHCI
        return words + ['-device', 'piix3-ide,id=pi',
                        '-device', 'ide-hd,drive=d,bus=pi.0']
    if setup.disk == 'ahci' and not on_q35:
        return words + ['-device', 'ich9-ahci,id=ahci',
                        '-device', 'ide-hd,drive=d,bus=ahci.0']
    return words + (DISKS[setup.disk] or ['-device', 'ide-hd,drive=d'])


def qemu_command(setup, disk, folder, rubbish_folder=None):
    """All that describes the machine; the caller adds chardevs, monitors and -S."""
    return (['qemu-system-x86_64', '-nodefaults', '-accel', 'tcg', '-display', 'none']
            + memory_arguments(setup, rubbish_folder or folder)
            + ['-smp', str(setup.smp)]
            + disk_arguments(setup, disk, folder)
            + (['-vga', 'std'] if setup.vga else [])
            + ['-device', f"isa-debug-exit,iobase={L['PORT_QEMU_EXIT']:#x},iosize=4",
               '-chardev', f'file,id=e9,path={os.path.join(folder, "e9.txt")}',
               '-device', f"isa-debugcon,iobase={L['PORT_E9']:#x},chardev=e9",
               '-d', 'cpu_reset', '-D', os.path.join(folder, 'reset.log')]
            + list(setup.extra))


# QEMU's exit status is twice what the guest wrote to the exit port, plus one.
RC_PASSED, RC_FAILED = 0x10 << 1 | 1, 0x11 << 1 | 1


@dataclass
class Result:
    reason: str              # see verdict(); 'passed' is the only good one
    serial: str = ''
    e9: str = ''
    run: ktap.Ktap = None
    report: dict = None
    details: list = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self):
        return self.reason == 'passed'

    def __str__(self):
        tail = '\n'.join(self.serial.splitlines()[-25:])
        return '\n'.join([self.reason, *self.details, '--- the last it said', tail])


def verdict(serial, e9, ended, nonce=None):
    """The words for an end: `ended` is 'good', 'bad' or another reason in words."""
    said = serial or e9   # without a serial port, E9 has the same words
    run, death = ktap.parse(said, nonce), ktap.death(said)
    details = list(run.problems) if run else []
    if run:
        details += [f'failed: {name}' for name in run.failed]
    if death:
        details.append(death[1])
        reason = f'died {death[0]}'
    elif ended not in ('good', 'bad'):
        reason = ended
    elif run is None:
        reason = 'no tests ran'
    elif run.problems:
        reason = 'report not believed'
    elif run.failed or ended == 'bad':
        reason = 'tests failed'
    else:
        reason = 'passed'
    return Result(reason, serial, e9, run, ktap.report(serial), details)


def read_text(path):
    try:
        with open(path, 'rb') as file:
            return file.read().decode('latin-1')
    except OSError:
        return ''


def triple_fault(folder):
    """The registers at the first triple fault, a short line; None when there was none.

    SeaBIOS triple-faults on purpose when it is entered by a reset that kept memory: what
    happens in its own code is no fault of the guest.
    """
    log = read_text(os.path.join(folder, 'reset.log'))
    for state in log.split('Triple fault')[1:]:
        state = state.partition('CPU Reset')[2].partition('CPU Reset')[0]
        values = dict(re.findall(r'\b(RIP|EIP|CS|RSP|ESP|CR[0234]|EFER) *=([0-9a-f]+)',
                                 state))
        base = re.search(r'\bCS *=\w+ (\w+)', state)
        if 'EFER' not in values:
            return None   # the dump is still being written
        place = int(base[1], 16) + int(values.get('RIP') or values['EIP'], 16)
        if not (0xE0000 <= place < 0x100000 or 0xFFFC0000 <= place < 1 << 32):
            return ' '.join(f'{name}={value}' for name, value in values.items())
    return None
