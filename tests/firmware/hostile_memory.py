# SPDX-License-Identifier: MIT
"""Group M: the memory scenarios as rows of the table. What a boot makes of such a map is
checked by the oracle, not by comparison."""
import memory_manners
from hostile_case import BOTH, QEMU, STOPS, WARNS, Case
from memory_scenarios import ebda_cases, form_cases, list_cases, place_cases

# Shown on Bochs too; the rest depends on nothing that the BIOS below does.
ON_BOCHS = ('unsorted', 'e801', 'hole_at_2m', 'all_three_insane', 'all_manners')
LISTS = 'rust #28 #581, Limine #287, iPXE 8674bc05 35ee7e44 (SunFire X2100)'
MANNERS = 'HP nc6400 (Linux), Dell Xanadu (iPXE bcc70d6b), wimboot #16, dosemu2 #995'
FORMS = 'HP 0009h (iPXE 1dda75c9), Dell Xanadu, PCs before ACPI'
PLACES = 'rust #28, FreeBSD quirk list'
ENDS = 'Acer C720, Dell Wolf (FreeBSD), GRUB db87be2a, CSMWrap #22'


def rows(group, who, cases):
    for memory in cases:
        stops = memory.expect != 'passed'
        row = Case(f'{group}-{memory.name}', memory.name.replace('_', ' '), who,
                   memory.says, machine_options=memory.machine_options,
                   emulators=BOTH if memory.name in ON_BOCHS else QEMU, memory=memory)
        if stops:
            row.expect, row.codes = STOPS, (memory.expect,)
        elif memory.quirks:
            row.expect, row.quirks = WARNS, memory.quirks
        yield row


CASES = [*rows('M1', FORMS, form_cases()), *rows('M2', MANNERS, memory_manners.CASES),
         *rows('M6', LISTS, list_cases()), *rows('M7', ENDS, ebda_cases()),
         *rows('M8', PLACES, place_cases())]
