# SPDX-License-Identifier: MIT
"""A BIOS that lies about memory, as a disk to boot from (see shim.asm).

  shim = Shim(folder)                      assembles it once
  shim.disk(Scenario(entries=[...]), path) a disk that lies as the scenario says

The lies of the BIOS have one home, the fields of Scenario; the layout of the block that
carries them stands in FIELDS, from which NASM's names for it are made.
"""
import os
import struct
import subprocess
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

# Answers of a service: the BIOS' own, CF with AH = 86h, or the scenario's.
PASS, REFUSE, SERVE = 0, 1, 2
END_BY_EBX, END_BY_CF = 0, 1
FLAG_INT12, FLAG_BDA_KIB, FLAG_EBDA = 1, 2, 4

SCENARIO_AT, RESIDENT_AT, TABLE_AT = 0x200, 0x400, 0x1000
ENTRY = struct.Struct('<QQII')   # base, bytes, type, attributes
TABLE_MAX = 1100
SHIM_BYTES = 0x7800              # whole KiB and whole sectors, one BIOS read
SHIM_MAGIC = 0x4D494853          # "SHIM"
DISK_BYTES = 1 << 20             # smaller disks are not booted from everywhere
assert TABLE_AT + TABLE_MAX * ENTRY.size + 4 <= SHIM_BYTES and SHIM_BYTES % 1024 == 0

# The scenario block, in order: name, struct format.
FIELDS = (('FLAGS', 'B'), ('E820_MODE', 'B'), ('E801_MODE', 'B'), ('88_MODE', 'B'),
          ('END_MODE', 'B'), ('PAD', 'B'), ('COUNT', 'H'), ('ANSWER_BYTES', 'H'),
          ('E801_AX', 'H'), ('E801_BX', 'H'), ('E801_CX', 'H'), ('E801_DX', 'H'),
          ('88_AX', 'H'), ('INT12_KIB', 'H'), ('BDA_KIB', 'H'), ('EBDA_SEGMENT', 'H'))
BLOCK = struct.Struct('<' + ''.join(code for _, code in FIELDS))


@dataclass
class Scenario:
    """What the firmware says. None leaves a service or a word to the real BIOS.

    entries: (base, bytes, type) or (base, bytes, type, attributes), in the order in
    which they are served; at most TABLE_MAX. `e801` is (AX, BX, CX, DX), `ext88` is
    (AX,). All three services may be REFUSE instead.
    """
    entries: object = None
    end: int = END_BY_EBX
    answer_bytes: int = 24
    e801: object = REFUSE
    ext88: object = REFUSE
    int12_kib: int = None
    bda_kib: int = None
    ebda_segment: int = None
    table: list = field(init=False)

    def __post_init__(self):
        listed = self.entries if isinstance(self.entries, (list, tuple)) else ()
        self.table = [(*entry, 1)[:4] for entry in listed]
        assert len(self.table) <= TABLE_MAX

    def block(self):
        """The scenario block's bytes."""
        def mode(value):
            return SERVE if isinstance(value, (list, tuple)) else value or PASS

        lies = ((FLAG_INT12, self.int12_kib), (FLAG_BDA_KIB, self.bda_kib),
                (FLAG_EBDA, self.ebda_segment))
        registers = self.e801 if isinstance(self.e801, tuple) else (0, 0, 0, 0)
        ext88 = self.ext88 if isinstance(self.ext88, tuple) else (0,)
        modes = mode(self.entries), mode(self.e801), mode(self.ext88)
        return BLOCK.pack(sum(flag for flag, value in lies if value is not None),
                          *modes, self.end, 0, len(self.table), self.answer_bytes,
                          *registers, *ext88, *(value or 0 for _, value in lies))


class Shim:
    """The assembled shim; its disks differ in scenario and table only."""

    def __init__(self, folder):
        before = os.path.join(folder, 'scenario.inc')
        with open(before, 'w', encoding='ascii') as file:
            file.write('\n'.join(include_lines()) + '\n')
        out = os.path.join(folder, 'shim.bin')
        subprocess.run(['nasm', '-f', 'bin', '-Werror', '-I', f'{ROOT}/', '-P', before,
                        '-o', out, os.path.join(ROOT, 'tests', 'firmware', 'shim.asm')],
                       check=True, timeout=30)
        with open(out, 'rb') as file:
            self.code = file.read()
        assert len(self.code) == SHIM_BYTES

    def disk(self, scenario, path):
        data = bytearray(self.code)
        data[SCENARIO_AT:SCENARIO_AT + BLOCK.size] = scenario.block()
        for index, entry in enumerate(scenario.table):
            ENTRY.pack_into(data, TABLE_AT + index * ENTRY.size, *entry)
        with open(path, 'wb') as file:
            file.write(data)
            file.truncate(DISK_BYTES)
        return path


def include_lines():
    """Every number that shim.asm shares with this file, as NASM reads it."""
    at = SCENARIO_AT
    for name, code in FIELDS:
        yield f'%define SC_{name} {at:#x}'
        at += struct.calcsize(code)
    numbers = {
        'SCENARIO_AT': SCENARIO_AT, 'SCENARIO_BYTES': BLOCK.size,
        'RESIDENT_AT': RESIDENT_AT, 'TABLE_AT': TABLE_AT, 'SHIM_BYTES': SHIM_BYTES,
        'ENTRY_BYTES': ENTRY.size, 'SHIM_MAGIC': SHIM_MAGIC, 'MODE_PASS': PASS,
        'MODE_REFUSE': REFUSE, 'END_BY_CF': END_BY_CF, 'FLAG_INT12': FLAG_INT12,
        'FLAG_BDA_KIB': FLAG_BDA_KIB, 'FLAG_EBDA': FLAG_EBDA}
    for name, value in numbers.items():
        yield f'%define {name} {value:#x}'
