# SPDX-License-Identifier: MIT
"""Group F: combinations of one to four scenarios, chosen by a seed.

  case(seed)      the same seed is the same scenario, everywhere and for ever, as long as
                  the table stays as it is

The seed starts a shift register like the one from which the shim draws its rubbish: it
chooses the scenarios and moves each rule's first call. A combination may be more than a
loader can survive, so it may boot or stop with a code; everything else is a defect. A
seed that fails becomes a scenario of its own.
"""
from dataclasses import fields, replace

from hostile_case import COMBINED, Case
from hostile_table import CASES
from shim import EVERYWHERE, LFSR_TAPS, RULES_MAX, Scenario

MOST = 4
STEPS = 32                  # of the register for one number: seeds that are neighbours
                            # must not be alike
LATER_CALLS = 12
# Chosen from: what changes the firmware and nothing else.
POOL = [case for case in CASES if case.group in 'EDVK' and 'qemu' in case.emulators
        and not case.machine_options and not case.unasked]
DEFAULTS = Scenario()
MERGED = ('rules', 'flags', 'e820_flags', 'seed', 'table')


class Register:
    """The shift register of the shim (shim_start.inc), more steps a number."""

    def __init__(self, seed):
        self.state = seed & EVERYWHERE or 1

    def below(self, limit):
        for _ in range(STEPS):
            bit, self.state = self.state & 1, self.state >> 1
            self.state ^= LFSR_TAPS * bit
        return self.state % limit


def given(says):
    """The fields that a scenario sets, but for those that add up."""
    return {field.name: getattr(says, field.name) for field in fields(Scenario)
            if field.name not in MERGED
            and getattr(says, field.name) != getattr(DEFAULTS, field.name)}


def combine(parts, seed, register):
    """One Scenario of several; None when two of them contradict."""
    values, rules, flags = {}, [], set()
    for part in parts:
        mine = given(part)
        if any(values.get(name, value) != value for name, value in mine.items()):
            return None
        values.update(mine)
        flags.update(part.flags)
        rules += [replace(rule, nth=rule.nth + register.below(LATER_CALLS)
                          * (rule.nth > 1)) for rule in part.rules]
    if len(rules) > RULES_MAX:
        return None
    return Scenario(rules=tuple(rules), flags=tuple(sorted(flags)), seed=seed or 1,
                    **values)


def case(seed):
    register, says = Register(seed), None
    while says is None:
        parts = []
        for _ in range(1 + register.below(MOST)):
            part = POOL[register.below(len(POOL))]
            if part not in parts:
                parts.append(part)
        says = combine([part.says for part in parts], seed & EVERYWHERE, register)
    return Case(f'F1-{seed:x}', ' + '.join(part.id for part in parts),
                'a machine with more than one fault', says, COMBINED)
