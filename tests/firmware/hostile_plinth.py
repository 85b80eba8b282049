# SPDX-License-Identifier: MIT
"""What a boot of Plinth must look like behind the shim: the facts it reports, the bytes
it put into memory, the quirks it noticed."""
import disk_format as fmt
from disk_format import L
from elf64 import Elf
from memory_check import check_map

CONFIG = 'kaslr=off report=json log=warn'
PROMPT = '\nplinth> '
# The facts of a boot that firmware faults may not change.
FACTS = ('build_id', 'uuid', 'raw', 'clean', 'layout', 'direct_map_pages', 'slide', 'cr4',
         'phys_bits')
LOADER_FACTS = ('drive', 'sector_bytes', 'int12_kib', 'bda_kib', 'ebda_segment',
                'low_top')
READABLE, WRITABLE, EXECUTABLE = 4, 2, 1
CALLS_BASE, CALL_BYTES = 8, 32768       # INT 13h calls allowed on good firmware


def facts_of(report):
    """The comparable part of a JSON report."""
    return {**{name: report[name] for name in FACTS},
            **{name: report['loader'][name] for name in LOADER_FACTS}}


def quirks_of(report):
    return {quirk['code'] for quirk in report['loader']['quirks']}


def loaded_pieces(path, report):
    """(physical address, bytes) of everything in memory that must equal the image: the
    kernel's code, the symbols, the modules."""
    image = fmt.Image(path)
    _, entries, _ = image.manifest()
    at = report['layout']['image_phys'] + report['layout']['image_bytes']
    for entry in entries:
        data = image.read(entry['disk_offset'], entry['bytes'])
        if entry['kind'] == L['MANIFEST_KERNEL']:
            code = [s for s in Elf(data).loads() if s['flags'] & EXECUTABLE]
            for part in code:
                yield (report['layout']['image_phys'] + part['paddr'],
                       data[part['offset']:part['offset'] + part['file_bytes']])
        else:
            yield at, data
            at += fmt.round_up(len(data), L['PAGE_BYTES'])


def check_bytes(path, report, read):
    """Lines for each piece in memory that differs. `read(address, count)` gives bytes."""
    wrong = []
    for address, wanted in loaded_pieces(path, report):
        found = read(address, len(wanted))
        if found != wanted:
            at = next(i for i, (a, b) in enumerate(zip(found, wanted)) if a != b)
            wrong.append(f'WRONG BYTES in memory from {address + at:#x} on')
    return wrong


def check_facts(case, report, reference):
    """Lines for what the report should say and does not. `reference` is the report of a
    boot on good firmware."""
    if case.memory:
        return check_map_told(case, report)
    wanted, found = facts_of(reference), facts_of(report)
    wanted['drive'] = case.says.drive
    wrong = [f'{name}: {found[name]} instead of {wanted[name]}' for name in wanted
             if found[name] != wanted[name]]
    new = quirks_of(report) - quirks_of(reference)
    if case.expect == 'B' and new:
        wrong.append(f'quirks {sorted(new)} in a boot that should have none')
    if case.expect == 'W' and not set(case.quirks) <= new:
        wrong.append(f'quirks {sorted(new)}, expected at least {list(case.quirks)}')
    return wrong


def check_map_told(case, report):
    """A map of the scenario's own: the oracle knows what must become of it."""
    try:
        check_map(case.memory, report)
    except AssertionError as error:
        words = ' '.join(str(error).split())[:300]
        return [f'the report is not what the oracle makes of this map: {words}']
    return []


def check_code(case, reason):
    """Lines when it stopped, but not as the case wants it."""
    code = reason.removeprefix('died ')
    if case.expect == 'E' and reason != code and code not in case.codes:
        return [f'{reason}, expected {case.wanted()}']
    return []


def check_budget(calls):
    """Lines when good firmware was called more often than the bytes read allow."""
    reads = [call for call in calls if call.count]
    count = sum(call.count for call in reads) * 512
    allowed = CALLS_BASE + -(-count // CALL_BYTES)
    if len(calls) <= allowed:
        return []
    return [f'{len(calls)} INT 13h calls for {count} bytes, at most {allowed} allowed']
