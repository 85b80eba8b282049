# SPDX-License-Identifier: MIT
"""Boots machines under the counting plugin (count.c) and reads what it counted.

  Program    where things lie: stations, milestones, waits, as addresses of one build
  counted()  one boot to the prompt (or to its end) with all counts
  plain()    one boot to the prompt, its JSON report

QEMU runs with -icount shift=0: virtual time is instructions, so timers and the clock
that the guest reads repeat. COM1 goes to a file: a socket can be full, and a guest that
waits for its transmitter counts differently every time.
"""
import bisect
import collections
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'scripts'))

import ktap                                     # noqa: E402
from disk_format import L                       # noqa: E402
from elf64 import Elf                           # noqa: E402
from elf_tables import STT_FUNC, ElfTables      # noqa: E402
from machine import EmulatorError               # noqa: E402
from qemu import Qemu                           # noqa: E402

ICOUNT = ('-icount', 'shift=0,sleep=off')
PROMPT = r'^plinth> $'
VECTOR_PAGE_FAULT, STUB_BYTES = 14, 16          # as in kernel/arch/entry.asm
# What waits for a clock to move, as far as the compiler left it functions of their own.
WAITING = ('tsc_init', 'hz_of_pit', 'window_measure', 'reading_best', 'reading_take')
# What fills a frame with zeros: the boot chooses one of them; they lie side by side.
ZEROING = ('zero_stores', 'zero_rep_words', 'zero_rep_bytes', 'zero_past_cache')
SIDE_BY_SIDE = 0x100


class BenchError(Exception):
    """The measurement cannot be made, in one line."""


class MissingStation(BenchError):
    """A station was not reached."""


@dataclass
class Count:
    """Instructions since the first one at 7C00h."""
    own: int = 0                # without waiting; REP once an element
    own_once: int = 0           # the same with REP counted once
    waiting: int = 0
    firmware: int = 0
    firmware_once: int = 0

    @property
    def total(self):
        return self.own + self.waiting + self.firmware


@dataclass
class Counted:
    stations: dict = field(default_factory=dict)    # name -> Count, in the order passed
    faults: list = field(default_factory=list)      # (instructions, of it zeroing)
    profile: dict = field(default_factory=dict)     # address -> executions
    complete: bool = False
    serial: str = ''
    report: dict = None
    problem: str = None         # why the boot ended before its time

    def station(self, name):
        if name not in self.stations:
            last = list(self.stations)[-1] if self.stations else 'nothing'
            why = f': {self.problem}' if self.problem else ''
            raise MissingStation(f'never reached {name!r}, last was {last!r}{why}')
        return self.stations[name]


def build_plugin(folder):
    """The compiled plugin, newer than its source."""
    source = os.path.join(ROOT, 'tests', 'bench', 'count.c')
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, 'count.so')
    if os.path.exists(target) and os.path.getmtime(target) > os.path.getmtime(source):
        return target
    part = f'{target}.{os.getpid()}'     # two test workers may both find it missing
    compiler = os.environ.get('HOSTCC', 'gcc')
    command = [compiler, '-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC',
               '-fvisibility=hidden', '-o', part, source]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise BenchError(f'{compiler} is not installed (HOSTCC names another)') from None
    if done.returncode:
        raise BenchError(f'{source} does not compile: {done.stderr.strip()}')
    os.replace(part, target)
    return target


def milestone_names():
    """number -> NAME of every MILESTONE_NAME the kernel and the loader stamp."""
    path = os.path.join(ROOT, 'kernel', 'boot', 'milestones.h')
    with open(path, encoding='ascii') as file:
        found = re.findall(r'^#define MILESTONE_(\w+) +(\d+)$', file.read(), re.M)
    return {int(number): name for name, number in found
            if name not in ('COUNT', 'SLOTS')}


def include_constant(path, name):
    """A number from an include that the build made for NASM."""
    with open(path, encoding='ascii') as file:
        found = re.search(rf'^%define {name} (\d+)$', file.read(), re.M)
    if not found:
        raise BenchError(f'{path} does not define {name}')
    return int(found[1])


class Program:
    """Addresses of one build. kaslr=off, so the image's virtual base is known."""

    def __init__(self, build):
        try:
            self.loader = Elf.read(os.path.join(build, 'disk.elf')).symbols()
            self.table = [s for s in ElfTables.read(
                os.path.join(build, 'kernel.elf')).symbol_table() if s.name]
            self.tsc_offset = include_constant(
                os.path.join(build, 'gen', 'offsets.inc'), 'boot_info_milestone_tsc')
        except OSError as error:
            raise BenchError(f'{error.filename}: {error.strerror} (`make` builds it)'
                             ) from None
        self.kernel = {s.name: s for s in self.table}
        code = sorted((s.value, s.name) for s in self.table
                      if s.type == STT_FUNC or s.name in ('trap_stubs', 'entry_common'))
        self.code_at, self.code_names = [a for a, _ in code], [n for _, n in code]

    def symbol(self, name):
        try:
            return self.kernel[name]
        except KeyError:
            raise BenchError(f'kernel.elf has no symbol {name}') from None

    def low(self, name):
        try:
            return self.loader[name]
        except KeyError:
            raise BenchError(f'disk.elf has no symbol {name}') from None

    def high(self, name):
        return L['IMAGE_BASE'] + self.symbol(name).value

    def stamps(self, image_phys):
        """All code that stamps milestones: the loader's, the kernel's twice."""
        slots = max(milestone_names()) + 1
        yield (self.low('milestone_stamp'), self.low('milestone_stamp.done'),
               self.low('milestones'), slots)
        code, table = self.symbol('milestone_reach'), self.symbol('handover').value
        for base in (image_phys, L['IMAGE_BASE']):
            yield (base + code.value, base + code.value + code.bytes,
                   base + table + self.tsc_offset, slots)

    def waits(self):
        for symbol in {self.symbol(WAITING[0]), *(s for s in self.table
                                                  if s.name in WAITING)}:
            begin = L['IMAGE_BASE'] + symbol.value
            yield begin, begin + symbol.bytes

    def zeroing(self):
        """From the first to the end of the last."""
        missing = [name for name in ZEROING if name not in self.kernel]
        if missing:
            raise BenchError(f"kernel.elf lacks {', '.join(missing)}")
        begin = min(map(self.high, ZEROING))
        end = max(self.high(name) + self.kernel[name].bytes for name in ZEROING)
        if end - begin > SIDE_BY_SIDE:
            raise BenchError(f'{end - begin} bytes from the first to the last of '
                             f"{', '.join(ZEROING)}: something lies between")
        return begin, end

    def arguments(self, image_phys):
        stub = self.high('trap_stubs') + VECTOR_PAGE_FAULT * STUB_BYTES
        words = [f"start={L['STAGE1_PHYS']:#x}",
                 f"at=stage2:{self.low('stage2_head'):#x}",
                 f"at=kernel entry:{image_phys + self.symbol('early_main').value:#x}",
                 f"at=moved high:{self.high('kernel_main'):#x}",
                 f"end=prompt:{self.high('monitor_input_wait'):#x}",
                 f"fault={stub:#x}:{self.high('entry_common'):#x}:"
                 f"{self.high('entry_ist'):#x}",
                 'zero=' + '{:#x}:{:#x}'.format(*self.zeroing())]
        words += ['stamp=' + ':'.join(map(hex, stamp))
                  for stamp in self.stamps(image_phys)]
        words += [f'wait={begin:#x}:{end:#x}' for begin, end in self.waits()]
        return words

    def function_of(self, address, image_phys):
        """The kernel function at an address of either mapping; 'loader' below 64 KiB."""
        if address < L['BOUNCE_PHYS']:
            return 'loader'
        base = L['IMAGE_BASE'] if address >= L['IMAGE_BASE'] else image_phys
        index = bisect.bisect(self.code_at, address - base) - 1
        return self.code_names[index] if index >= 0 else hex(address)

    def by_function(self, profile, image_phys):
        """function -> executed instructions, most first."""
        sums = collections.Counter()
        for address, count in profile.items():
            sums[self.function_of(address, image_phys)] += count
        return sums.most_common()


def parse(text):
    """What the plugin wrote; a line that it is just writing is left out."""
    result, names = Counted(), milestone_names()
    for line in text.split('\n')[:-1]:
        kind, *words = line.split('\t')
        if kind == 'station':
            name = words[0]
            if name.startswith('milestone '):
                name = names.get(int(name.split()[1]), name)
            own, repeats, waiting, firmware, firmware_repeats = map(int, words[1:])
            work = own - waiting
            result.stations[name] = Count(work, work - repeats, waiting, firmware,
                                          firmware - firmware_repeats)
        elif kind == 'fault':
            result.faults.append(tuple(map(int, words)))
        elif kind == 'pc':
            result.profile[int(words[0])] = int(words[1])
        elif kind == 'end':
            result.complete = True
    return result


def read_text(path):
    try:
        with open(path, encoding='latin-1') as file:
            return file.read()
    except FileNotFoundError:
        return ''


def run(setup, extra, folder, to_end=False, done=None):
    """Boots to the prompt and on until done(), or to the machine's own end. Returns what
    COM1 said and, in words, why the boot ended before its time."""
    serial = os.path.join(folder, 'serial')
    setup = replace(setup, serial=False,
                    extra=(*setup.extra, *extra, '-serial', f'file:{serial}'))
    with Qemu(setup, wall=60, cpu_seconds=40) as vm:
        if to_end:
            result = vm.finish()
            return read_text(serial), None if result.passed else result.reason
        try:
            found = vm.wait_for(f'{PROMPT}|{ktap.DEATH.pattern}', source='e9')
        except EmulatorError as error:
            return read_text(serial), str(error).splitlines()[0]
        if found[1]:
            return read_text(serial), found[0]
        end = time.monotonic() + 10     # the prompt may reach E9 before it reaches COM1
        while time.monotonic() < end:
            vm.pump(0.02)
            if re.search(PROMPT, ktap.plain(read_text(serial)), re.M) and \
                    (done is None or done()):
                return read_text(serial), None
    return read_text(serial), 'nothing happens behind the prompt'


def plain(setup):
    """The JSON report at the prompt."""
    with tempfile.TemporaryDirectory() as folder:
        setup = replace(setup, config=f'{setup.config} report=json')
        serial, problem = run(setup, (), folder)
    report = ktap.report(serial)
    if problem or not report:
        raise BenchError(f"no JSON report: {problem or 'the kernel printed none'}")
    return report


def counted(setup, plugin, arguments, to_end=False):
    """One boot under the plugin. One that fails still returns the stations it passed."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'counts')
        words = ','.join([plugin, f'out={out}', *arguments])
        serial, problem = run(setup, ('-plugin', words, *ICOUNT), folder, to_end,
                              lambda: parse(read_text(out)).complete)
        result = parse(read_text(out))
    result.serial, result.report = ktap.plain(serial), ktap.report(serial)
    result.problem = problem
    return result
