# SPDX-License-Identifier: MIT
"""A boot's report against the map that the shim served, byte for byte, and against the
oracle. `case` is one of memory_scenarios.py or memory_manners.py."""
import memory_oracle as oracle
from memory_scenarios import SHIM_LOW_KIB

BIOS_EBDA = 0x9FC0


def low_words(says):
    """INT 12h, 40:13h and 40:0Eh as the loader meets them; both BIOSes answer INT 12h
    from 40:13h."""
    bda = SHIM_LOW_KIB if says.bda_kib is None else says.bda_kib
    return (bda if says.int12_kib is None else says.int12_kib, bda,
            BIOS_EBDA if says.ebda_segment is None else says.ebda_segment)


def check_words(case, facts):
    """The three words as found, the end of conventional memory, every quirk of it."""
    loader = facts['loader']
    words = low_words(case.says)
    assert (loader['int12_kib'], loader['bda_kib'], loader['ebda_segment']) == words
    low_top, quirks = oracle.conventional(*words)
    raw, more = oracle.raw_map(case.says, low_top)
    entries = [entry[:3] for entry in raw]
    low_top, moved = oracle.low_top_taken(case.says.rules, words,
                                          oracle.low_top_by_map(low_top, entries))
    wanted = quirks + more + moved
    found = [(q['code'], q['count'], q['at']) for q in loader['quirks']
             if oracle.E820_FAILED <= q['code'] <= oracle.MAP_SMALL
             or q['code'] == oracle.MOVED]
    assert found == wanted, (found, wanted)
    assert loader['low_top'] == low_top
    return raw, entries


def check_raw(facts, wanted):
    keys = ('base', 'bytes', 'type', 'attributes', 'returned', 'source')
    found = [tuple(entry[key] for key in keys) for entry in facts['raw']]
    assert found == wanted, (found, wanted)


def check_notes(facts, limit):
    for entry in facts['raw']:
        wanted = oracle.entry_notes(entry['base'], entry['bytes'], entry['type'], limit)
        assert entry['notes'] & oracle.ENTRY_NOTES == wanted, entry


def check_clean(facts, entries, limit):
    wanted = oracle.clean(entries, limit, facts['loader']['low_top'])
    assert [(r['base'], r['bytes'], r['type']) for r in facts['clean']] == wanted
    usable = sum(count for _, count, kind in wanted if kind == oracle.USABLE)
    pages = facts['direct_map_pages']
    assert usable == (pages['4k'] << 12) + (pages['2m'] << 21) + (pages['1g'] << 30)
    assert usable == facts['frames']['total'] * oracle.PAGE
    return wanted


def check_place(case, facts, ranges):
    begin = facts['layout']['image_phys']
    end = begin + facts['layout']['image_bytes']
    assert begin == case.image_phys
    assert any(base <= begin and end <= base + count and kind == oracle.USABLE
               for base, count, kind in ranges)


def check_map(case, facts):
    """AssertionError unless the report is what the scenario asks for."""
    limit = min(1 << facts['phys_bits'], oracle.DIRECT_MAP_LIMIT)
    raw, entries = check_words(case, facts)
    assert set(case.quirks) <= {quirk['code'] for quirk in facts['loader']['quirks']}
    check_raw(facts, raw)
    check_notes(facts, limit)
    check_place(case, facts, check_clean(facts, entries, limit))
