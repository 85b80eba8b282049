# SPDX-License-Identifier: MIT
"""What a scenario is, and what became of one.

A scenario is data: what the firmware does (Scenario of shim.py) or what the runner did to
the image, who made it necessary, where it can be shown, and what has to happen.

  B      boots, its facts are those of a boot on good firmware, no quirk is reported
  W      boots with the same facts, and the report names each quirk of `quirks`
  E      stops with one of `codes`, its last disk call within five seconds of guest time
  B or E combinations: boots with the same facts, or stops with a code of the loader
Never: a hang, a reset, a triple fault, wrong bytes in memory, a forbidden call.
"""
import re
from collections import Counter
from dataclasses import dataclass, field

from shim import Scenario

BOOTS, WARNS, STOPS, COMBINED = 'B', 'W', 'E', 'B or E'
BOTH, QEMU, BOCHS = ('qemu', 'bochs'), ('qemu',), ('bochs',)
TICKS_A_SECOND = 18.2
STOP_SECONDS, COMBINED_SECONDS = 5, 60
LOADER_CODE = re.compile(r'died (L-\d\d|S1 [CD])')


@dataclass
class Case:
    """One row of the table.

    `shows` are regular expressions of shim lines that prove the fault; `unasked` says
    why Plinth's loader never gives the fault an occasion. `mini` is the class that the
    mini loader must reach; None where it does not take part. `damage` changes the image
    (a bytearray) instead of the firmware.
    """
    id: str
    title: str
    who: str
    says: Scenario = field(default_factory=Scenario)
    expect: str = BOOTS
    quirks: tuple = ()
    codes: tuple = ()
    shows: tuple = ()
    unasked: str = ''
    mini: str = None
    emulators: tuple = QEMU
    machine_options: str = ''
    memory: object = None       # of memory_scenarios.py: what its map must become
    damage: object = None

    @property
    def group(self):
        return self.id[0].upper()

    def __str__(self):
        return self.id

    def wanted(self):
        """The expectation in words."""
        if self.expect == STOPS:
            return 'E(' + ' '.join(self.codes) + ')'
        if self.expect == WARNS:
            return 'W(' + ' '.join(str(code) for code in self.quirks) + ')'
        return self.expect


@dataclass
class Call:
    """One call of INT 13h on the image's drive, as the shim told it."""
    ticks: int
    function: int
    lba: int = 0
    count: int = 0
    linear: int = 0


CALL = re.compile(r'shim: call t=([0-9A-F]{4}) AH=([0-9A-F]{2}) DL=[0-9A-F]{2}'
                  r'(?: LBA=([0-9A-F]{8}) count=([0-9A-F]{4}) to=([0-9A-F]{8}))?')
FAULT = re.compile(r'shim: (?!call |seed=|starts )([^\r\n]*)')


@dataclass
class Outcome:
    """How one boot ended: 'boots', 'died CODE', or words for what must never happen."""
    reason: str
    serial: str = ''
    e9: str = ''
    problems: list = field(default_factory=list)
    seconds: float = 0.0
    screen: str = ''            # of somebody else's loader

    @property
    def started(self):
        return 'shim: starts the image' in self.e9

    @property
    def calls(self):
        return [Call(*(int(word, 16) for word in found if word))
                for found in CALL.findall(self.e9)]

    @property
    def faults(self):
        """What the shim said it did, in order."""
        return FAULT.findall(self.e9)

    @property
    def forbidden(self):
        return [line for line in self.faults if 'FORBIDDEN' in line]

    def guest_seconds(self):
        """From the image's start to its last disk call."""
        return max((call.ticks for call in self.calls), default=0) / TICKS_A_SECOND


def judge(case, outcome):
    """What is wrong with an outcome, for any loader, as lines; empty is good."""
    wrong = list(outcome.problems)
    if not outcome.started:
        return wrong + [f'the shim did not start the image: {outcome.reason}']
    for line, times in Counter(outcome.forbidden).items():
        wrong.append(line + f' ({times} times)' * (times > 1))
    stopped = bool(LOADER_CODE.fullmatch(outcome.reason)) or outcome.reason == 'stops'
    if not (stopped and case.expect in (STOPS, COMBINED)
            or outcome.reason == 'boots' and case.expect != STOPS):
        wrong.append(f'{outcome.reason}, expected {case.wanted()}')
    most = {STOPS: STOP_SECONDS, COMBINED: COMBINED_SECONDS}.get(case.expect)
    if most and outcome.guest_seconds() > most:
        wrong.append(f'still reads after {outcome.guest_seconds():.1f} s')
    return wrong


def unshown(case, outcome):
    """The faults of a case that the shim did not tell of: the loader gave no occasion."""
    return [pattern for pattern in case.shows
            if not any(re.search(pattern, line) for line in outcome.faults)]
