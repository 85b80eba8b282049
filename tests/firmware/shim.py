# SPDX-License-Identifier: MIT
"""A hostile BIOS as a disk to boot from (see shim.asm).

  shim = Shim(folder)                      assembles it once
  shim.disk(Scenario(entries=[...]), path, image_bytes)
                                           a disk that behaves as the scenario says

What the BIOS does wrong has one home, the fields of Scenario and Rule; the layout of the
block that carries them stands in FIELDS and RULE_FIELDS, from which NASM's names for it
are made.
"""
import os
import struct
import subprocess
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

# Answers of a service: the BIOS' own, CF with AH = 86h, the scenario's, AH = 86h alone.
PASS, REFUSE, SERVE, SOFT = 0, 1, 2, 3
END_BY_EBX, END_BY_CF, END_NEVER = 0, 1, 2
FLAGS = {name: 1 << bit for bit, name in enumerate((
    'INT12', 'BDA_KIB', 'EBDA', 'BPB', 'UPPER', 'A20_OFF', 'TRACK', 'GHOSTS', 'FROZEN',
    '10_SPOILS', 'NO_VBE', 'NO_MODES', 'NO_LFB'))}
E820_FLAGS = {name: 1 << bit for bit, name in enumerate((
    'ONLY_20', 'SPOILS', 'KEEPS', 'PAST', 'CF_ZERO'))}
TRUE_SIZE = 0xFFFF               # Scenario.returned: ECX tells the truth
NEVER_LOST = 0xFFFF              # Scenario.lose_at

# Rules. Numbers of functions that stand for more than one.
ANY, READ = 0xFE, 0xFF
ALWAYS = 0xFFFF
EVERYWHERE = 0xFFFFFFFF
KINDS = ('FAIL', 'STICK', 'SHORT', 'SHIFT', 'MASK', 'SLOW', 'HANG',
         'FLIP', 'STATUS', 'ANSWER', 'SPOIL', 'FACTS', 'TAKE')
SPOILS = {name: 1 << bit for bit, name in enumerate((
    'UPPER', 'LOW', 'SEGMENTS', 'FLAGS', 'LIMITS', 'A20', 'PACKET', 'COUNT', 'STACK',
    'DX', 'AX'))}
SHORT_CARRY, SHORT_COUNT_KEPT = 1, 2
FACTS = ('SIZE', 'SECTOR', 'TOTAL', 'HEADS', 'OVERRUN')   # what AH=48h gets wrong
CROSSES, ODD, SKEW, HIGH = 1, 2, 4, 8                     # Rule.buffer

SCENARIO_AT, RESIDENT_AT, TABLE_AT = 0x200, 0x400, 0x2000
ENTRY = struct.Struct('<QQII')   # base, bytes, type, attributes
TABLE_MAX = 1100
SHIM_BYTES = 0x8800              # whole KiB and whole sectors
SHIM_KIB = SHIM_BYTES // 1024
SHIM_MAGIC = 0x4D494853          # "SHIM"
LFSR_TAPS = 0xA3000000           # x^32 + x^30 + x^26 + x^25 + 1: all 2^32 - 1 states
DISK_BYTES = 1 << 20             # smaller disks are not booted from everywhere
SECTOR = 512
RULES_MAX = 8
assert TABLE_AT + TABLE_MAX * ENTRY.size + 4 <= SHIM_BYTES and SHIM_BYTES % 1024 == 0

# The scenario block, in order: name, struct format. No padding; NASM has no need of it.
FIELDS = (('FLAGS', 'H'), ('E820_MODE', 'B'), ('E801_MODE', 'B'), ('88_MODE', 'B'),
          ('A20_MODE', 'B'), ('END_MODE', 'B'), ('STALE_KEYS', 'B'), ('SHIFTS', 'B'),
          ('ENTRY_DL', 'B'), ('DRIVE', 'B'), ('OTHER', 'B'), ('COUNT', 'H'),
          ('ANSWER_BYTES', 'H'), ('E801_AX', 'H'), ('E801_BX', 'H'), ('E801_CX', 'H'),
          ('E801_DX', 'H'), ('88_AX', 'H'), ('INT12_KIB', 'H'), ('BDA_KIB', 'H'),
          ('EBDA_SEGMENT', 'H'), ('E820_FLAGS', 'H'), ('LOSE_AT', 'H'),
          ('RETURNED', 'H'), ('HEADS', 'H'), ('SECTORS', 'H'), ('ENTRY_IP', 'H'),
          ('ENTRY_CS', 'H'), ('ENTRY_SS', 'H'), ('ENTRY_SP', 'H'),
          ('ENTRY_SEGMENTS', 'H'), ('ENTRY_FLAGS', 'I'), ('TOKEN_KEY', 'I'),
          ('SEED', 'I'), ('IMAGE_SECTORS', 'I'), ('BASE_LBA', 'I'), ('RULE_COUNT', 'H'))
BLOCK = struct.Struct('<' + ''.join(code for _, code in FIELDS))
# The last three are the shim's own.
RULE_FIELDS = (('FN', 'B'), ('KIND', 'B'), ('NTH', 'H'), ('TIMES', 'H'), ('ABOVE', 'H'),
               ('LBA', 'I'), ('LBA_END', 'I'), ('A', 'I'), ('B', 'I'), ('BUFFER', 'B'),
               ('ACTIVE', 'B'), ('SEEN', 'H'))
RULE = struct.Struct('<' + ''.join(code for _, code in RULE_FIELDS))
RULES_AT = SCENARIO_AT + BLOCK.size
assert RULES_AT + RULES_MAX * RULE.size <= RESIDENT_AT


@dataclass
class Rule:
    """One fault of INT 13h: which calls on the image's drive meet it, and what it is.

    `fn` is a function, READ (02h and 42h) or ANY. It acts from the `nth` matching call
    on, `times` times. Reads match if they touch [lba, lba_end), count more than `above`
    sectors and, unless `buffer` is 0, have a buffer that lies so. `a`, `b` are the
    kind's:
      FAIL, STICK  status              SHIFT  sectors to add     FLIP    byte in sector
      SHORT  sectors, SHORT_... bits   MASK   bits kept          STATUS  AH, CF in bit 8
      SLOW   interrupts to wait for    ANSWER BX, CX             SPOIL   SPOILS bits
      FACTS  index in FACTS, value     HANG   -
      TAKE   KiB off 40:13h, paragraphs off 40:0Eh
    """
    kind: str
    fn: int = READ
    a: int = 0
    b: int = 0
    nth: int = 1
    times: int = ALWAYS
    above: int = 0
    lba: int = 0
    lba_end: int = EVERYWHERE
    buffer: int = 0

    def block(self):
        return RULE.pack(self.fn, KINDS.index(self.kind), self.nth, self.times,
                         self.above, self.lba, self.lba_end, self.a & EVERYWHERE, self.b,
                         self.buffer, 0, 0)


@dataclass
class Scenario:
    """What the firmware does. None leaves a service or a word to the real BIOS.

    entries: (base, bytes, type) or (base, bytes, type, attributes), in the order in
    which they are served; at most TABLE_MAX. `e801` is (AX, BX, CX, DX), `ext88` is
    (AX,). All three services may be REFUSE instead, E801h also SOFT. The entry_... are
    what the image finds in the registers; `drive` is its number, `base_lba` what the
    BIOS adds to each sector number; `geometry` is (heads, sectors).
    """
    entries: object = None
    end: int = END_BY_EBX
    answer_bytes: int = 24
    e801: object = None
    ext88: object = None
    int12_kib: int = None
    bda_kib: int = None
    ebda_segment: int = None
    e820_flags: tuple = ()
    lose_at: int = NEVER_LOST
    returned: int = TRUE_SIZE
    token_key: int = 1
    flags: tuple = ()
    a20: int = PASS
    stale_keys: int = 0
    shifts: int = 0
    entry: tuple = (0, 0x7C00)          # CS, IP
    entry_stack: tuple = (0, 0x7C00)    # SS, SP
    entry_segments: int = 0
    entry_flags: int = 0x202
    entry_dl: int = 0x80
    drive: int = 0x80
    base_lba: int = 0
    geometry: tuple = (0, 0)
    seed: int = 1
    rules: tuple = ()
    table: list = field(init=False)

    def __post_init__(self):
        listed = self.entries if isinstance(self.entries, (list, tuple)) else ()
        self.table = [(*entry, 1)[:4] for entry in listed]
        assert len(self.table) <= TABLE_MAX
        assert len(self.rules) <= RULES_MAX and self.seed & EVERYWHERE

    def _flag_bits(self):
        lies = (('INT12', self.int12_kib), ('BDA_KIB', self.bda_kib),
                ('EBDA', self.ebda_segment))
        names = {*self.flags, *(name for name, value in lies if value is not None)}
        return sum(FLAGS[name] for name in names)

    def block(self, image_sectors):
        """The scenario block's bytes, rules included."""
        def mode(value):
            return SERVE if isinstance(value, (list, tuple)) else value or PASS

        e801 = self.e801 if isinstance(self.e801, tuple) else (0, 0, 0, 0)
        ext88 = self.ext88 if isinstance(self.ext88, tuple) else (0,)
        values = {
            'FLAGS': self._flag_bits(), 'E820_MODE': mode(self.entries),
            'E801_MODE': mode(self.e801), '88_MODE': mode(self.ext88),
            'A20_MODE': self.a20, 'END_MODE': self.end, 'STALE_KEYS': self.stale_keys,
            'SHIFTS': self.shifts, 'ENTRY_DL': self.entry_dl, 'DRIVE': self.drive,
            'OTHER': 0x81 if self.drive == 0x80 else 0x80, 'COUNT': len(self.table),
            'ANSWER_BYTES': self.answer_bytes, '88_AX': ext88[0],
            'INT12_KIB': self.int12_kib or 0, 'BDA_KIB': self.bda_kib or 0,
            'EBDA_SEGMENT': self.ebda_segment or 0,
            'E820_FLAGS': sum(E820_FLAGS[name] for name in self.e820_flags),
            'LOSE_AT': self.lose_at, 'RETURNED': self.returned,
            'HEADS': self.geometry[0], 'SECTORS': self.geometry[1],
            'ENTRY_CS': self.entry[0], 'ENTRY_IP': self.entry[1],
            'ENTRY_SS': self.entry_stack[0], 'ENTRY_SP': self.entry_stack[1],
            'ENTRY_SEGMENTS': self.entry_segments, 'ENTRY_FLAGS': self.entry_flags,
            'TOKEN_KEY': self.token_key, 'SEED': self.seed & EVERYWHERE,
            'IMAGE_SECTORS': image_sectors, 'BASE_LBA': self.base_lba,
            'RULE_COUNT': len(self.rules),
            **{f'E801_{name}': value for name, value in zip(('AX', 'BX', 'CX', 'DX'),
                                                            e801)}}
        return BLOCK.pack(*(values[name] for name, _ in FIELDS)) + b''.join(
            rule.block() for rule in self.rules)


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

    def disk(self, scenario, path, image_bytes):
        """`image_bytes`: how long the image under test is; nothing behind it is read."""
        data = bytearray(self.code)
        block = scenario.block(-(-image_bytes // SECTOR))
        data[SCENARIO_AT:SCENARIO_AT + len(block)] = block
        for index, entry in enumerate(scenario.table):
            ENTRY.pack_into(data, TABLE_AT + index * ENTRY.size, *entry)
        with open(path, 'wb') as file:
            file.write(data)
            file.truncate(DISK_BYTES)
        return path


def include_lines():
    """Every number that the shim's sources share with this file, as NASM reads it."""
    for prefix, at, fields in (('SC', SCENARIO_AT, FIELDS), ('RULE', 0, RULE_FIELDS)):
        for name, code in fields:
            yield f'%define {prefix}_{name} {at:#x}'
            at += struct.calcsize(code)
    numbers = {
        'SCENARIO_AT': SCENARIO_AT, 'SCENARIO_BYTES': RESIDENT_AT - SCENARIO_AT,
        'RULES_AT': RULES_AT, 'RULE_BYTES': RULE.size,
        'RESIDENT_AT': RESIDENT_AT, 'TABLE_AT': TABLE_AT, 'SHIM_BYTES': SHIM_BYTES,
        'ENTRY_BYTES': ENTRY.size, 'SHIM_MAGIC': SHIM_MAGIC, 'LFSR_TAPS': LFSR_TAPS,
        'MODE_PASS': PASS, 'MODE_REFUSE': REFUSE, 'MODE_SOFT': SOFT,
        'END_BY_CF': END_BY_CF, 'END_NEVER': END_NEVER, 'E820_TRUE_SIZE': TRUE_SIZE,
        'SHORT_CARRY': SHORT_CARRY, 'SHORT_COUNT_KEPT': SHORT_COUNT_KEPT}
    for prefix, names in (('FLAG', FLAGS), ('E820', E820_FLAGS), ('SPOIL', SPOILS)):
        numbers.update({f'{prefix}_{name}': bit for name, bit in names.items()})
    for prefix, names in (('KIND', KINDS), ('FACTS_WRONG', FACTS)):
        numbers.update({f'{prefix}_{name}': number for number, name in enumerate(names)})
    for name, value in numbers.items():
        yield f'%define {name} {value:#x}'
