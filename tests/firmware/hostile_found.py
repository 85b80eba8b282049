# SPDX-License-Identifier: MIT
"""Group S: what a seed found, cut down to the faults it took. Each was a defect once.

Not among the scenarios that seeds choose from, so that a new one here leaves the seeds as
they are.
"""
from hostile_case import STOPS, WARNS, Case
from hostile_disk import CONFIG, PAYLOAD, flip, says
from shim import READ, Rule

# No packet reads, and AH=08h fails: sectors can only be named by a guess.
NO_NAMES = (Rule('FAIL', 0x41, 0x01), Rule('FAIL', 0x42, 0x01), Rule('FAIL', 0x08, 0x01))

CASES = [
    Case('S-guess-config', 'no packet reads, no geometry, and the first copy of the '
         'configuration is wrong: the second lies behind the first track',
         'a machine with more than one fault (seed 514)',
         says(*NO_NAMES, flip(CONFIG, byte=20)), WARNS, (4, 14, 17),
         shows=('fails with 01 AH=08', 'flips a bit')),
    Case('S-guess-behind', 'no packet reads, no geometry, and the kernel is wrong: no '
         'guess fits, some name sectors behind the end',
         'a machine with more than one fault (seeds 356, 482)',
         says(*NO_NAMES, Rule('SHIFT', READ, -1, lba=PAYLOAD)), STOPS, codes=('L-07',),
         shows=('delivers other sectors', 'refuses a guess behind the end')),
]
