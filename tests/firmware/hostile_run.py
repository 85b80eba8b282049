# SPDX-License-Identifier: MIT
"""Runs one scenario: the shim's disk, the image behind it, an emulator, a judgement.

  runner = Runner(image, folder, expect=None)
  verdict = runner.run(case)       verdict.ok, verdict.problems, verdict.outcome

Plinth's own image is judged by its report and its memory; any other by `expect`, a
regular expression that a good boot prints on COM1, port E9 or the screen.
"""
import os
import re
import shutil
import struct
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'scripts'))

import bochs   # noqa: E402  (needs the path above)
import disk_format as fmt   # noqa: E402
import hostile_plinth as plinth   # noqa: E402
import ktap   # noqa: E402
import machine   # noqa: E402
from hostile_case import STOPS, Case, Outcome, judge, unshown   # noqa: E402
from qemu import Qemu   # noqa: E402
from shim import Shim   # noqa: E402

# Guest time is a count of instructions: the same on a busy host.
ICOUNT = ('-icount', 'shift=2,sleep=off')
REFERENCE = Case('reference', 'good firmware behind the shim', 'the measure of class B')
FLAG_IF = 0x200
LINGER_SECONDS = 0.3        # after an end: does it reset?
LIMITS = {'qemu': 60, 'bochs': 240}   # CPU seconds; Bochs: seconds on the wall
TAIL_LINES = 5


class NotBootable(Exception):
    """The image does not boot behind an honest shim: nothing can be said of it."""


class Stopped(Exception):
    """The user wants no more of it."""


@dataclass
class Verdict:
    case: Case
    outcome: Outcome
    problems: list = field(default_factory=list)
    unmet: bool = False         # the fault had no occasion: says nothing about a loader
    note: str = ''

    @property
    def ok(self):
        return not self.problems

    @property
    def word(self):
        return 'FAILED' if not self.ok else 'unmet' if self.unmet else 'ok'

    def facts(self):
        """For --json."""
        return {'id': self.case.id, 'title': self.case.title, 'who': self.case.who,
                'expect': self.case.wanted(), 'result': self.word,
                'ok': self.word == 'ok', 'unmet': self.word == 'unmet',
                'reason': self.outcome.reason, 'problems': self.problems,
                'faults': self.outcome.faults, 'calls': len(self.outcome.calls),
                'guest_seconds': round(self.outcome.guest_seconds(), 2)}


def last_words(outcome):
    """The end of what the image said, as lines."""
    for text in (outcome.serial, outcome.screen, outcome.e9):
        lines = [line for line in ktap.plain(text).splitlines()
                 if line.strip() and not line.startswith('shim: ')]
        if lines:
            return [f'  | {line}' for line in lines[-TAIL_LINES:]]
    return ['  | (nothing)']


def is_plinth(path):
    try:
        fmt.Image(path)
        return True
    except fmt.ImageError:
        return False


def cut_words(path):
    """How an image of Plinth is cut short, or '' for a whole one or another's."""
    try:
        return fmt.Image(path).cut_words()
    except fmt.ImageError:
        return ''


def active_partition(path):
    """The first sector of the active entry in the partition table, or 0."""
    with open(path, 'rb') as file:
        table = file.read(512)[446:510]
    starts = [struct.unpack_from('<I', table, at + 8)[0]
              for at in range(0, len(table), 16) if table[at] == 0x80]
    return starts[0] if starts else 0


class Runner:
    def __init__(self, image, folder, expect=None, emulator='qemu', rubbish=None,
                 mem='64M', limit=None):
        self.image, self.folder, self.emulator = image, folder, emulator
        self.name, self.stopping = image, threading.Event()
        self.expect = re.compile(expect, re.M) if expect else None
        self.rubbish, self.mem = rubbish, mem
        self.limit = limit or LIMITS[emulator]
        self.shim = Shim(folder)
        self.report = None      # of the reference boot
        if not expect:          # its own configuration, before anything damages it
            setup = machine.Setup(image, config=plinth.CONFIG)
            self.image = machine.prepare_image(setup, folder)

    def reference(self):
        """Boots once on good firmware; the others are held against it."""
        verdict = self.run(REFERENCE)
        if verdict.problems:
            missed = [f'no line matched {self.expect.pattern}'] if self.expect else []
            raise NotBootable(f'{self.name} on good firmware: '
                              + '; '.join(verdict.problems + missed)
                              + '; the last it said:\n'
                              + '\n'.join(last_words(verdict.outcome)))
        return verdict

    def run(self, case):
        if case.says.base_lba and self.expect:
            start = active_partition(self.image)
            if not start:
                return Verdict(case, Outcome('not run'), [], True,
                               'starts the active partition, and the image has none')
            case = replace(case, says=replace(case.says, base_lba=start))
        scratch = tempfile.mkdtemp(dir=self.folder)
        try:
            image = self._damaged(case, scratch)
            disk = self.shim.disk(case.says, os.path.join(scratch, 'shim.img'),
                                  os.path.getsize(image))
            boot = self._bochs if self.emulator == 'bochs' else self._qemu
            outcome = boot(case, image, disk)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return self._verdict(case, outcome)

    def _verdict(self, case, outcome):
        problems, missing = judge(case, outcome), unshown(case, outcome)
        if not self.expect and not case.unasked:
            problems += [f'no line of the shim says "{words}"' for words in missing]
        elif self.expect and missing and outcome.reason == 'boots':
            # Another loader need not give each fault an occasion.
            return Verdict(case, outcome, problems if outcome.forbidden else [], True)
        return Verdict(case, outcome, problems)

    def _mem(self, case):
        """A served map needs the RAM it tells of."""
        return case.memory.mem if case.memory else self.mem

    def _damaged(self, case, scratch):
        if not case.damage:
            return self.image
        path = os.path.join(scratch, 'damaged.img')
        with open(self.image, 'rb') as file:
            data = bytearray(file.read())
        case.damage(data)
        with open(path, 'wb') as file:
            file.write(data)
        return path

    # --- what both emulators share

    def _booted(self, serial, e9, screen):
        if self.stopping.is_set():
            raise Stopped
        if self.expect:
            return any(self.expect.search(ktap.plain(text))
                       for text in (serial, e9, screen()))
        return plinth.PROMPT in ktap.plain(serial)

    def _stopped(self, vm):
        return not self.expect and (ktap.death(vm.serial) or ktap.death(vm.e9()))

    def _silent(self, vm):
        """Halted with interrupts off: whatever it wanted to say is said."""
        if not self.expect:
            return False
        try:
            state = vm.monitor('info registers')
        except machine.EmulatorError:
            return False            # it has switched the machine off
        flags = re.search(r'[ER]FL=([0-9a-f]+)', state)
        return 'HLT=1' in state and flags and not int(flags[1], 16) & FLAG_IF

    def _plinth_problems(self, case, serial, reason, read=None):
        if reason != 'boots':
            return plinth.check_code(case, reason)
        try:
            report = ktap.report(serial)
        except ValueError as error:     # a line of 160 KiB may lose a byte on the way
            return [f'the boot report is no JSON: {error}']
        if report is None:
            return ['the boot report is missing']
        if case is REFERENCE:
            self.report = report
        wrong = plinth.check_facts(case, report, self.report)
        return wrong + (plinth.check_bytes(self.image, report, read) if read else [])

    # --- QEMU

    def _qemu(self, case, image, disk):
        extra = ('-drive', f'file={disk},format=raw,if=none,id=shim,snapshot=on',
                 '-device', 'ide-hd,drive=shim,bus=ide.1,bootindex=0', *ICOUNT)
        setup = machine.Setup(image, self._mem(case), rubbish=True, extra=extra,
                              machine_options=case.machine_options)
        began = time.monotonic()
        with Qemu(setup, wall=10 * self.limit, cpu_seconds=self.limit,
                  rubbish_folder=self.rubbish) as vm:
            def booted():
                return self._booted(vm.serial, vm.e9(), lambda: self._screen(vm))

            stopped = vm.wait_until(lambda: booted() or self._stopped(vm)
                                    or self._silent(vm))
            if not stopped and not booted():
                stopped = 'stops'
            reason = self._reason(case, stopped, self._stopped(vm))
            problems = []
            if self._stopped(vm):
                problems = self._lingers(vm)
            if not self.expect:
                problems += self._plinth_problems(case, vm.serial, reason,
                                                  memory_reader(vm))
            return Outcome(reason, vm.serial, vm.e9(), problems,
                           time.monotonic() - began, self._screen(vm))

    def _screen(self, vm):
        """Nothing where an image has switched the machine off."""
        try:
            return vm.screen() if self.expect and not vm.ended else ''
        except machine.EmulatorError:
            return ''

    def _lingers(self, vm):
        """A message that is followed by a reset has not been read by anybody."""
        end = time.monotonic() + LINGER_SECONDS
        stopped = vm.wait_until(lambda: time.monotonic() > end)
        return [f'{stopped} after the message'] if stopped else []

    def _reason(self, case, stopped, death):
        if death:
            return f'died {death[0]}'
        if stopped == 'timeout' and self.expect and case.expect == STOPS:
            return 'stops'      # silently, as far as this can tell
        return 'no answer in time' if stopped == 'timeout' else stopped or 'boots'

    # --- Bochs

    def _bochs(self, case, image, disk):
        setup = bochs.BochsSetup(image, self._mem(case), rubbish=True, first_disk=disk)
        began = time.monotonic()
        with bochs.Bochs(setup, wall=self.limit) as vm:
            stopped = vm.wait_until(lambda: self._booted(vm.serial, vm.e9(), str)
                                    or self._stopped(vm))
            reason = self._reason(case, stopped, self._stopped(vm))
            problems = [] if self.expect else self._plinth_problems(case, vm.serial,
                                                                    reason)
            return Outcome(reason, vm.serial, vm.e9(), problems,
                           time.monotonic() - began)


def memory_reader(vm):
    def read(address, count):
        path = vm.path('memory')
        vm.command('pmemsave', val=address, size=count, filename=path)
        with open(path, 'rb') as file:
            return file.read()
    return read
