# SPDX-License-Identifier: MIT
"""Memory maps that firmware gives, and worse ones, on machines with real RAM.

Whatever a map here calls usable exists: 64 MiB of RAM unless the case says otherwise.
The solid RAM below HOME_END is for the kernel; between it and PLAY_END maps play.
"""
import itertools
import random
from dataclasses import dataclass

from disk_format import L
from memory_oracle import (ACPI, BAD, GIB, MIB, MOVED, NVS, PAGE, PERSISTENT, RESERVED,
                           USABLE)
from shim import END_BY_CF, END_BY_EBX, REFUSE, SHIM_KIB, TABLE_MAX, Rule, Scenario

KIB = 1024
# Where the shim leaves the top of conventional memory: 639 KiB less its own.
SHIM_LOW_KIB = 639 - SHIM_KIB
SHIM_BASE = SHIM_LOW_KIB * KIB
HOME_END, PLAY_END = 24 * MIB, 63 * MIB
UNKNOWN = (0, 6, 8, 13, 0xF0000000, 0xFFFFFFFF)
PAIR_TYPES = (USABLE, RESERVED, ACPI, NVS, BAD, PERSISTENT, 13)
EVERYTHING = 1 << 64

LOW = [(0, SHIM_BASE, USABLE), (SHIM_BASE, 0xA0000 - SHIM_BASE, RESERVED),
       (0xF0000, 0x10000, RESERVED)]
ROM = [(4 * GIB - 256 * KIB, 256 * KIB, RESERVED)]
HOME = (MIB, HOME_END - MIB, USABLE)
PLAY = (HOME_END, PLAY_END - HOME_END, USABLE)
HONEST = LOW + [(MIB, PLAY_END - MIB, USABLE)] + ROM


@dataclass
class Case:
    name: str
    says: Scenario
    expect: str = 'passed'       # or the loader's code
    image_phys: int = 2 * MIB
    mem: str = '64M'
    machine_options: str = ''
    quirks: tuple = ()           # beside those that the oracle works out

    def __str__(self):
        return self.name


def served(entries, **more):
    """E820h serves a list; the older services are not there unless `more` has them."""
    return Scenario(entries, **{'e801': REFUSE, 'ext88': REFUSE, **more})


def shuffled(entries, seed):
    entries = list(entries)
    random.Random(seed).shuffle(entries)
    return entries


def type_pairs(skew):
    """Every ordered pair of types, crossing, nested and equal, on ground of its own."""
    entries, at = LOW + [HOME] + ROM, HOME_END
    for first, second in itertools.product(PAIR_TYPES, repeat=2):
        for mine, yours in (((0, 3), (1, 5)), ((0, 5), (2, 3)), ((1, 4), (1, 4))):
            for (begin, end), kind in ((mine, first), (yours, second)):
                entries.append((at + begin * PAGE + skew,
                                (end - begin) * PAGE + skew, kind))
            at += 8 * PAGE
    assert at < PLAY_END
    return entries


def zero_lengths():
    kinds = PAIR_TYPES + UNKNOWN
    places = (0, 0x7C00, 0x50000, 0x9FC00, MIB, 0x110000, 2 * MIB, 3 * MIB + 1, HOME_END,
              4 * GIB - 1, 4 * GIB, EVERYTHING - PAGE, EVERYTHING - 1)
    nothing = [(place, 0, kind) for place, kind in zip(places, itertools.cycle(kinds))]
    return nothing + HONEST + [(2 * MIB, 0, kind) for kind in kinds]


def wraps():
    """Past 2^64 and past what the processor can address (2^40 here)."""
    return LOW + [
        (MIB, 49 * MIB, USABLE),
        (EVERYTHING - PAGE, 2 * PAGE, RESERVED), (EVERYTHING - MIB, 2 * MIB, USABLE),
        (EVERYTHING - 1, EVERYTHING - 1, BAD), (EVERYTHING - PAGE, PAGE, USABLE),
        (48 * MIB, EVERYTHING - PAGE, RESERVED), (49 * MIB, EVERYTHING - 48 * MIB, NVS),
        ((1 << 52) - PAGE, 2 * PAGE, USABLE), ((1 << 40) - MIB, 3 * MIB, PERSISTENT),
        (1 << 40, 64 * GIB, USABLE), (1 << 63, 1 << 63, USABLE)] + ROM


def unaligned():
    """Borders inside pages: one byte of another type, pieces that meet or miss."""
    at = [HOME_END + i * 16 * PAGE for i in range(8)]
    return LOW + [HOME] + ROM + [
        (at[0] + 1, 8 * PAGE - 2, USABLE),
        (at[1], 4 * PAGE + 7, USABLE), (at[1] + 4 * PAGE + 7, 4 * PAGE - 7, USABLE),
        (at[2], 4 * PAGE + 7, USABLE), (at[2] + 4 * PAGE + 8, 4 * PAGE - 8, USABLE),
        (at[3], 8 * PAGE, USABLE), (at[3] + 4 * PAGE + 4095, 1, RESERVED),
        (at[4], 8 * PAGE, USABLE), (at[4] + 3 * PAGE + 4095, 2, NVS),
        (at[5] + 1, PAGE - 2, USABLE), (at[5] + 2 * PAGE + 5, 17, ACPI),
        (at[6], 3 * PAGE + 0x810, ACPI), (at[6] + 3 * PAGE + 0x810, 8 * PAGE, USABLE),
        (at[7] - 3, PAGE + 9, BAD), (at[7] + 2 * PAGE + 100, 50 * PAGE + 3, USABLE)]


def duplicates():
    again = [(base, count, kind) for base, count, kind in HONEST for _ in range(3)]
    kinds = (RESERVED, USABLE, RESERVED, ACPI, USABLE)
    block = [(HOME_END, MIB, kind) for kind in kinds]
    return again + block + block + HONEST


def unknown_types():
    entries = list(HONEST)
    for index, kind in enumerate(UNKNOWN):
        entries += [(HOME_END + index * MIB, 300 * KIB, kind),
                    (PLAY_END + index * MIB * 100, MIB, kind)]
    # Attributes with bit 0 clear, with 9, and rubbish: recorded, never believed.
    rests = itertools.cycle((0, 9, 0xFFFFFFFF, 1, 0x5A5A5A5A))
    return [(*entry, rest) for entry, rest in zip(entries, rests)]


def pieces(count, begin=HOME_END, end=PLAY_END, types=(USABLE, RESERVED, USABLE, NVS)):
    """A map of `count` entries: LOW, HOME, ROM, and the play ground cut into pieces."""
    rest = count - len(LOW) - len(ROM) - 1
    step = (end - begin) // rest // PAGE * PAGE
    assert step > 0
    cut = [(begin + i * step, step, types[i % len(types)]) for i in range(rest)]
    return LOW + [(MIB, begin - MIB, USABLE)] + ROM + cut


def crumbs():
    """16 MiB, much of it in pieces of a page or two that touch or miss by bytes."""
    entries, at, dice = list(LOW), 10 * MIB, random.Random(16)
    while at < 16 * MIB - 8 * PAGE:
        length = dice.randrange(1, 3) * PAGE + dice.choice((0, 0, 0, 100, PAGE - 1))
        entries.append((at, length, USABLE))
        at += length + dice.choice((0, 0, 0, 1, PAGE))
    assert 600 < len(entries) < 1000
    return shuffled(entries + [(MIB, 9 * MIB, USABLE)] + ROM, 16)


def chaos(seed):
    """Anything at once, but what is called usable exists."""
    dice, entries = random.Random(seed), list(HONEST) if seed % 2 else LOW + [HOME] + ROM
    for _ in range(dice.randrange(50, 250)):
        kind = dice.choice(PAIR_TYPES + UNKNOWN + (USABLE,) * 6)
        base = dice.randrange(HOME_END, PLAY_END)
        count = min(int(dice.lognormvariate(10, 3)), PLAY_END - base)
        if dice.random() < 0.5:
            base, count = base // PAGE * PAGE, count // PAGE * PAGE
        entries.append((base, count, kind, dice.choice((0, 1, 9))))
    for _ in range(10):
        base = min(4 * GIB + dice.getrandbits(dice.randrange(20, 65)), EVERYTHING - 1)
        count = dice.getrandbits(dice.randrange(1, 65))
        entries.append((base, count, dice.choice((2, 3, 4, 5, 7, 99))))
    return shuffled(entries, seed)


def ebda_cases():
    """Three words on the end of conventional memory, none of them reliable; the map
    calls everything below 1 MiB usable, but for the shim at most."""
    open_low = [(0, MIB, USABLE), (SHIM_BASE, 0xA0000 - SHIM_BASE, RESERVED)]
    # Usable also where EBDA and the ROMs are: 40:13h alone knows better.
    blind = [(0, PLAY_END, USABLE)]
    for name, entries, words in (
            ('ebda_0', open_low, {'ebda_segment': 0}),
            ('ebda_8000', blind, {'ebda_segment': 0x8000}),
            ('ebda_a000', open_low, {'ebda_segment': 0xA000}),
            ('ebda_unaligned', blind, {'ebda_segment': 0x7FF1}),
            ('bda_640', open_low, {'bda_kib': 640}),
            ('bda_512', blind, {'bda_kib': 512}),
            ('bda_0', open_low, {'bda_kib': 0}),
            ('int12_differs', blind, {'int12_kib': 550}),
            ('int12_insane', blind, {'int12_kib': 0xFFFF}),
            ('all_three_insane', open_low,
             {'int12_kib': 63, 'bda_kib': 641, 'ebda_segment': 0x3FFF}),
            ('usable_everywhere', blind, {})):
        rest = [] if entries is blind else [(MIB, PLAY_END - MIB, USABLE)]
        yield Case(name, served(entries + rest + ROM, **words))
    # A call takes some while the kernel is loaded, of what the map calls usable.
    for name, kib, paragraphs in (
            ('call_lowers_bda', 5, 0), ('call_lowers_ebda', 0, 0x3000)):
        take = Rule('TAKE', a=kib, b=paragraphs, lba=L['DISK_PAYLOAD'] // 512, times=1)
        yield Case(name, served(blind + ROM, rules=(take,)), quirks=(MOVED,))


def list_cases():
    yield Case('honest', served(HONEST))
    yield Case('type_pairs', served(type_pairs(0)))
    yield Case('type_pairs_unaligned', served(shuffled(type_pairs(0x123), 1)))
    yield Case('zero_lengths', served(zero_lengths()))
    yield Case('wraps', served(wraps()))
    yield Case('unaligned', served(unaligned()))
    yield Case('unsorted', served(shuffled(unaligned() + duplicates(), 7)))
    yield Case('backwards', served((wraps() + unaligned())[::-1]))
    yield Case('duplicates', served(duplicates()))
    yield Case('unknown_types', served(unknown_types()))
    for count in (129, 300, 600):
        yield Case(f'entries_{count}', served(shuffled(pieces(count), count)))
    yield Case('entries_1024', served(pieces(1024)))
    for seed in range(6):
        yield Case(f'chaos_{seed}', served(
            chaos(seed), end=END_BY_CF if seed % 3 == 0 else END_BY_EBX))


def form_cases():
    """How the list ends, how long the answers are, and what else there is to ask."""
    yield Case('cf_end', served(pieces(40), end=END_BY_CF))
    yield Case('cf_end_1024', served(pieces(1024)[::-1], end=END_BY_CF))
    yield Case('bytes_20', served(unaligned(), answer_bytes=20))
    e801 = (15 * 1024, 40 * 16, 0, 0)   # 1..16 MiB, 16..56 MiB
    yield Case('entries_1100_e801', served(pieces(TABLE_MAX), e801=e801))
    yield Case('entries_1100', served(pieces(TABLE_MAX)), 'L-20')
    small = LOW + [(MIB, 3 * MIB, USABLE)] + ROM
    yield Case('small_e801', served(small, e801=e801))
    yield Case('small_ext88', served(small, ext88=(30 * 1024,)))
    yield Case('small_all_known', served(
        LOW + [(14 * MIB, 2 * MIB, NVS), (MIB, 13 * MIB, USABLE)] + ROM,
        e801=(15 * 1024, 0, 0, 0)))
    yield Case('small_and_no_more', served(small), 'L-22')
    yield Case('entries_0', served([], e801=e801))
    yield Case('e801', served(REFUSE, e801=e801))
    yield Case('e801_cx_dx', served(REFUSE, e801=(0, 0, 15 * 1024, 24 * 16)))
    yield Case('e801_empty', served(REFUSE, e801=(0, 0, 0, 0), ext88=(40 * 1024,)))
    # AH = 86h without a carry: a refusal that looks like 33 MiB.
    yield Case('e801_nonsense', served(REFUSE, e801=(0x8600, 0x77, 0x8600, 0x77),
                                       ext88=(30 * 1024,)))
    yield Case('e801_nonsense_cx_dx', served(
        REFUSE, e801=(0x8600, 0, 15 * 1024, 24 * 16)))
    yield Case('ext88', served(REFUSE, ext88=(30 * 1024,)))
    yield Case('ext88_zero', served(REFUSE, ext88=(0,)), 'L-20')
    yield Case('nothing', served(REFUSE), 'L-20')


def place_cases():
    """Where the kernel, the recorder and the loader itself want to go."""
    yield Case('hole_at_2m', served(
        LOW + [(MIB, MIB, USABLE), (4 * MIB, PLAY_END - 4 * MIB, USABLE)] + ROM),
        image_phys=4 * MIB)
    yield Case('reserved_byte_at_4m', served([(4 * MIB + 5, 1, NVS)] + HONEST),
               image_phys=6 * MIB)
    yield Case('split_page_at_4m', served(
        LOW + [(MIB, 3 * MIB + 0x800, USABLE),
               (4 * MIB + 0xC00, PLAY_END - 4 * MIB - 0xC00, USABLE)] + ROM),
        image_phys=6 * MIB)
    yield Case('reserved_in_the_middle', served(
        HONEST + [(40 * MIB, 3 * MIB, RESERVED)]))
    yield Case('recorder_reserved', served(HONEST + [(0x110000, 0x10000, RESERVED)]))
    yield Case('recorder_in_part', served(HONEST + [(0x118800, 0x100, ACPI)]))
    yield Case('no_run_holds_it', served(
        HONEST + [(at, 1, RESERVED) for at in range(4 * MIB, PLAY_END, 4 * MIB)],
        e801=(15 * 1024, 40 * 16, 0, 0)), 'L-22')
    yield Case('low_reserved', served(HONEST + [(0x70001, 1, ACPI)]))
    yield Case('page_0_reserved', served([(0, 16, RESERVED)] + HONEST))
    yield Case('low_reserved_too_low', served(HONEST + [(0x40FFF, 1, RESERVED)]),
               'L-21')
    yield Case('bda_too_low', served(HONEST, bda_kib=256), 'L-21')
    yield Case('crumbs_16m', served(crumbs()), mem='32M')
    split = {'mem': '128M', 'machine_options': 'max-ram-below-4g=64M'}
    high = (4 * GIB, 64 * MIB, USABLE)
    yield Case('small_below_4g', served(LOW + [(MIB, 6 * MIB, USABLE), high] + ROM),
               'L-22', **split)
    yield Case('most_above_4g', served([high] + LOW + [(MIB, 15 * MIB, USABLE)] + ROM),
               **split)
    across = [(4 * GIB - 256 * KIB, 256 * KIB + 5, RESERVED),
              (4 * GIB + 2 * MIB - 1, 2 * MIB + 2, PERSISTENT)]
    yield Case('reserved_across_4g', served(
        LOW + [(MIB, 15 * MIB, USABLE), high] + across), **split)


CASES = [*list_cases(), *form_cases(), *place_cases(), *ebda_cases()]
