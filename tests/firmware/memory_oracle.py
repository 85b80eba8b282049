# SPDX-License-Identifier: MIT
"""What Plinth must make of a memory map: the rules of docs/memory-map.md once more.

Written from the rules, by another way than mm/memmap.c: usable bytes are joined and
shrunk first, then one sweep over all borders counts who claims what. Numbers here
have no width.
"""
from collections import Counter

from shim import END_BY_CF, SOFT, TRUE_SIZE

PAGE, MIB, GIB = 0x1000, 1 << 20, 1 << 30
ENOUGH, LAST_PAGE = 16 * MIB, 4 * GIB - PAGE
USABLE, RESERVED, ACPI, NVS, BAD, PERSISTENT = 1, 2, 3, 4, 5, 7
WORSE_AND_WORSE = (USABLE, PERSISTENT, ACPI, NVS, RESERVED, BAD)
VGA_HOLE, HIGH_MEMORY = 0xA0000, MIB
RECORDER = (0x110000, 0x10000)
LOADER_END = 0x41000
DIRECT_MAP_LIMIT = 64 << 40
E820_MAX = 1024

SOURCE_E820, SOURCE_E801, SOURCE_88 = 1, 2, 3
E820_FAILED, E820_CF_END, E820_ENDLESS, E801_FAILED = 22, 23, 24, 25
INSANE, DISAGREES, MAP_SMALL, MOVED = 26, 27, 28, 36
# MEMMAP_... bits of a raw entry's notes that follow from the entry alone.
ZERO_LENGTH, WRAPPED, ABOVE_LIMIT, UNKNOWN_TYPE = 2, 4, 8, 16
ENTRY_NOTES = ZERO_LENGTH | WRAPPED | ABOVE_LIMIT | UNKNOWN_TYPE


def floor(address):
    return address // PAGE * PAGE


def ceil(address):
    return -(-address // PAGE) * PAGE


def known(kind):
    return kind if kind in WORSE_AND_WORSE else RESERVED


def usable_pages(entries, limit):
    """[base, end) of whole pages all of whose bytes are called usable."""
    joined = []
    for base, end in sorted((base, min(base + count, limit))
                            for base, count, kind in entries if kind == USABLE):
        if base >= end:
            continue
        if joined and base <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([base, end])
    return [(ceil(base), floor(end)) for base, end in joined if ceil(base) < floor(end)]


def clean(entries, limit, low_top):
    """The clean map of (base, bytes, type) entries: [(base, bytes, type)]."""
    events = []

    def claim(base, end, who):
        events.extend([(base, who, 1), (end, who, -1)])

    for base, end in usable_pages(entries, limit):
        claim(base, end, USABLE)
    for base, count, kind in entries:
        end = min(base + count, limit)
        if kind != USABLE and base < end:
            claim(floor(base), ceil(end), known(kind))
    for base, end in ((floor(low_top), HIGH_MEMORY), (RECORDER[0], sum(RECORDER))):
        claim(base, min(end, limit), 'ours')

    ranges, claims, last = [], Counter(), 0
    for place, who, change in sorted(events, key=lambda event: event[0]):
        there = [kind for kind in WORSE_AND_WORSE if claims[kind]]
        if there and place > last:
            kind = there[-1]
            # What we reserve stays apart from what the firmware reserved.
            ours = claims['ours'] and kind not in (RESERVED, BAD)
            found = (RESERVED, True) if ours else (kind, False)
            if ranges and ranges[-1][1] == last and ranges[-1][2] == found:
                ranges[-1][1] = place
            else:
                ranges.append([last, place, found])
        claims[who] += change
        last = place
    return [(base, end - base, found[0]) for base, end, found in ranges]


def entry_notes(base, count, kind, limit):
    if not count:
        return ZERO_LENGTH
    notes = 0 if kind in WORSE_AND_WORSE else UNKNOWN_TYPE
    if base + count > 1 << 64:
        return notes | WRAPPED
    return notes | (ABOVE_LIMIT if base + count > limit else 0)


def conventional(int12_kib, bda_kib, ebda_segment):
    """(end of conventional memory by the BIOS' three words, the quirks noted)."""
    words = ((1, 64 <= int12_kib <= 640, int12_kib * 1024),
             (2, 64 <= bda_kib <= 640, bda_kib * 1024),
             (3, 0x4000 <= ebda_segment <= 0x9FFF, ebda_segment * 16))
    quirks = [(INSANE, number, end) for number, sane, end in words if not sane]
    sane = [end for _, is_sane, end in words if is_sane]
    low_top = min(sane + [VGA_HOLE])
    if sane and max(sane) > low_top:
        quirks.append((DISAGREES, 0, low_top))
    return low_top, quirks


def low_top_by_map(low_top, entries):
    """What is not memory ends conventional memory below it; page 0 does not."""
    lower = [floor(base) for base, count, kind in entries
             if count and kind != USABLE and ceil(base + count) > PAGE]
    return min([low_top] + lower)


def low_top_taken(rules, words, low_top):
    """(end of conventional memory after calls that took some, the quirk noted)."""
    _, bda_kib, ebda_segment = words
    ends = [end for rule in rules if rule.kind == 'TAKE'
            for end in ((bda_kib - rule.a) * 1024, (ebda_segment - rule.b) * 16)]
    after = min([low_top] + ends)
    return after, [(MOVED, 0, after)] * (after < low_top)


def below_4g(entries):
    """(base, end, type) in whole pages as a loader without 64-bit numbers sees them."""
    for base, count, kind in entries:
        if base < LAST_PAGE and count:
            inward = kind == USABLE
            end = min(base + count, LAST_PAGE)
            pages = (ceil(base), floor(end)) if inward else (floor(base), ceil(end))
            if pages[0] < pages[1]:
                yield (*pages, kind)


def is_small(entries):
    """Whether E820h tells of so little that the older services are asked too."""
    return sum(end - base for base, end, kind in below_4g(entries)
               if kind == USABLE) < ENOUGH


def speaks_of(entries, base, count):
    """Whether entries of any type name all of base..base+count."""
    for begin, end, _ in sorted(below_4g(entries)):
        if begin <= base < end:
            count, base = count - (end - base), end
    return count <= 0


def old_answers(says):
    """What E801h and 88h tell: (ranges from 1 MiB up, source or 0, the quirks noted)."""
    pair = believed_e801(says.e801)
    if pair:
        return [(MIB, pair[0] << 10, USABLE),
                (16 * MIB, pair[1] << 16, USABLE)], SOURCE_E801, []
    said = says.e801[:2] if isinstance(says.e801, tuple) else (0, 0)
    if says.e801 == SOFT:
        said = (0x8601, 0)      # what was asked, with 86h in AH
    if isinstance(says.ext88, tuple) and says.ext88[0]:
        return [(MIB, says.ext88[0] << 10, USABLE)], SOURCE_88, [(E801_FAILED, *said)]
    return [], 0, [(E801_FAILED, *said)]


def believed_e801(answer):
    """KiB from 1 MiB and 64 KiB from 16 MiB, the first pair that makes sense, or None."""
    if isinstance(answer, tuple):
        for pair in (answer[:2], answer[2:]):
            if any(pair) and pair[0] <= 15 * 1024:
                return pair
    return None


def old_raw(ranges, source):
    return [(*entry, 0, 0, source) for entry in ranges if entry[1]]


def raw_map(says, low_top):
    """What the loader must take down of what the shim says: (entries as the report has
    them, the quirks noted). No entries: the loader gives up."""
    quirks, count = [], len(says.table)
    if says.lose_at < count:
        count = says.lose_at
    elif 0 < count <= E820_MAX:
        if says.end:
            quirks.append((E820_CF_END if says.end == END_BY_CF else E820_ENDLESS,
                           count, 0))
        # The buffer was preset with 1, and 20 bytes leave it so.
        returned = says.answer_bytes if says.returned == TRUE_SIZE else says.returned
        raw = [(base, length, kind, rest if says.answer_bytes == 24 else 1,
                returned, SOURCE_E820)
               for base, length, kind, rest in says.table]
        entries = [entry[:3] for entry in raw]
        if not is_small(entries) or count > E820_MAX - 2:
            return raw, quirks
        ranges, source, more = old_answers(says)
        added = old_raw([entry for entry in ranges
                         if not speaks_of(entries, *entry[:2])], source)
        if added:
            more = more + [(MAP_SMALL, source, len(added))]
        return raw + added, quirks + more
    if count > E820_MAX:
        quirks.append((E820_ENDLESS, E820_MAX, 0))
    quirks.append((E820_FAILED, min(count, E820_MAX), 0))
    ranges, source, more = old_answers(says)
    if not source:
        return [], quirks + more
    return old_raw([(0, low_top, USABLE)] + ranges, source), quirks + more
