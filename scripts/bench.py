#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures a build: guest instructions, bytes, BIOS calls, RAM lost. Never times.

  bench.py [--build build] [--json FILE] [--update] [--profile MEM] [--debug]

Every number stands beside its goal, as "met" or "missed"; a missed goal is no failure.
--json writes all numbers, those of every milestone too; --update rewrites the tables in
docs/performance.md; --profile MEM tells instead what a boot with so much RAM spends its
instructions on, by function; --debug tells how many seconds pass from the start of the
debugger to its first prompt, the one number that is wall time and has no goal.
Exit: 0 measured, 1 a boot did not reach a station or counts did not repeat, 2 wrong
call.
docs/performance.md says how each number is taken.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'bench'))

import counter                              # noqa: E402
import machine                              # noqa: E402
from counter import BenchError       # noqa: E402
from disk_format import L                   # noqa: E402
from elf64 import Elf, ElfError             # noqa: E402

KIB, MIB = 1 << 10, 1 << 20
DOCUMENT = os.path.join(ROOT, 'docs', 'performance.md')
MARKERS = '<!-- bench: begin -->', '<!-- bench: end -->'

# name in tables, station of counter.py
STATIONS = (('stage2', 'stage2'), ('kernel entry', 'kernel entry'),
            ('direct map built', 'TABLES_BUILT'), ('moved high', 'moved high'),
            ('heap ready', 'HEAP'), ('prompt', 'prompt'))
CRC, NO_CRC = 'Nehalem', 'Nehalem,-sse4.2'
BOOTS = (('IDE, SSE4.2', 'ide', CRC), ('IDE, no SSE4.2', 'ide', NO_CRC),
         ('AHCI, SSE4.2', 'ahci', CRC), ('AHCI, no SSE4.2', 'ahci', NO_CRC),
         ('USB stick on xHCI, SSE4.2', 'usb', CRC))
# Where the BIOS' calls are counted: the bus, and what to call it.
CALL_DISKS = (('ide', 'IDE'), ('ahci', 'AHCI'), ('usb', 'xHCI'), ('cd', 'CD, CHS'))
SIZES = (('512M', CRC), ('8G', CRC), ('64G', CRC), ('64G', CRC + ',+pdpe1gb'),
         ('1T', CRC + ',phys-bits=46'), ('1T', CRC + ',phys-bits=46,+pdpe1gb'))
LOST_SIZES = ('16M', '512M', '8G')

GOAL_ENTRY = {CRC: 500_000, NO_CRC: 1_500_000}
GOAL_PROMPT = 10_000_000
GOAL_FLAT = 1.5           # 64 GiB against 512 MiB
GOAL_PER_GIB = 40_000     # from 512 MiB on
GOAL_FAULT = 600
GOAL_PAIR = 60
GOAL_METADATA = 8.2       # bytes a frame
METADATA_SIZES = ('512M', '8G')
CALLGRIND_PAIRS = 32_000
GOAL_CALLS = 8            # plus one a chunk
GOAL_LOST, GOAL_LOST_PART = 7 * MIB, 0.0025
REPEAT = 0.001
FAULT_TEST = 'heap_faults_exact'
GOAL_DEATH = 10_000_000   # kernel/trap_fatal.h
# Deaths of which the path is counted, from an explained fault with walk and backtrace to
# frame pointers in a circle: the longest backtrace there can be.
DEATHS = (('page fault', 'die_text_write'), ('failed assertion', 'die_assert'),
          ('all but one output dies, too', 'die_all_sinks'),
          ('backtrace in a circle', 'die_circular_frames'))
DEBUG_PLACES, DEBUG_RUNS = ('stage1', 'main'), 3
# What the kernel measures itself: "# bench NAME=NUMBER UNIT[, NAME=NUMBER UNIT..]".
GOALS_BY_NAME = {'heap_fault': GOAL_FAULT, 'recorder_line': 150}

# What a tuned Linux needs for the nearest thing a program can ask of it, and Plinth's
# budget for that thing; docs/performance.md says what each of the two does besides.
BESIDE_LINUX = (
    ('first touch of a page, zeroed before', 'heap_fault', 2190, 300),
    ('the same with zeroing', 'heap_fault_with_zeroing', 2701, None),
    ('map, a page of 512', 'map_512', 2810, 30),
    ('unmap, a page of 512', 'unmap_512', 807, 25),
    ('two pages of address space, there and back', 'heap_pair_8192', 10527, None),
    ("one page's rights, there and back", 'protect_pair', 6601, 900),
    ('RAM lost of 512 MiB, KiB', 'lost 512M', 43 * KIB, 8478),
    ('RAM lost of 8 GiB, KiB', 'lost 8G', 239 * KIB, 28139))


def below(value, goal, what=''):
    """The two last cells of a row."""
    return f'< {number(goal)}{what}', 'met' if value < goal else 'missed'


def at_most(value, goal):
    return f'≤ {number(goal)}', 'met' if value <= goal else 'missed'


def number(value):
    return f'{value:,}'.replace(',', ' ')


def about(value):
    """Two digits: what differs from run to run is not shown as if it did not."""
    digits = max(len(str(value)) - 2, 0)
    return 'about ' + number(round(value / 10 ** digits) * 10 ** digits)


class Table:
    """One table of the report: a title, a header, rows of words, a note below."""

    def __init__(self, title, *header):
        self.title, self.header, self.rows, self.note = title, header, [], ''

    def add(self, *words):
        self.rows.append([str(word) for word in words])

    def text(self):
        """Markdown that reads well as plain text."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        right = [i > 0 and all(re.match(r'[\d≤<]|about|$', row[i]) for row in self.rows)
                 for i in range(len(widths))]
        rule = ['-' * (w - 1) + (':' if r else '-') for w, r in zip(widths, right)]
        words = [f'### {self.title}', '']
        for line in (self.header, rule, *self.rows):
            cells = [cell.rjust(w) if r else cell.ljust(w)
                     for cell, w, r in zip(line, widths, right)]
            words.append('| ' + ' | '.join(cells) + ' |')
        return '\n'.join(words + (['', self.note] if self.note else []))


class Bench:
    def __init__(self, build):
        self.build = build
        self.image = os.path.join(build, 'plinth.img')
        self.program = counter.Program(build)
        self.plugin = counter.build_plugin(os.path.join(build, 'bench'))
        self.reports = {}       # (mem, cpu, disk) -> JSON report at the prompt
        self.numbers = {}       # for --json

    def setup(self, mem, cpu, disk='ide', config='kaslr=off'):
        return machine.Setup(self.image, mem=mem, cpu=cpu, disk=disk, config=config)

    def report(self, mem, cpu=CRC, disk='ide'):
        if (mem, cpu, disk) not in self.reports:
            try:
                report = counter.plain(self.setup(mem, cpu, disk))
            except BenchError as error:
                raise BenchError(f'{mem}, {cpu}, {disk}: {error}') from None
            self.reports[mem, cpu, disk] = report
        return self.reports[mem, cpu, disk]

    def image_phys(self, mem, cpu):
        return self.report(mem, cpu)['layout']['image_phys']

    def boot(self, what, mem, cpu, disk):
        """One counted boot; every station must have been passed."""
        words = self.program.arguments(self.image_phys(mem, cpu))
        result = counter.counted(self.setup(mem, cpu, disk), self.plugin, words)
        try:
            for _, station in STATIONS:
                result.station(station)
        except BenchError as error:
            raise BenchError(f'{what}: {error}') from None
        has = re.search(r'\bsse4_2\b', result.serial) is not None
        if has != ('-sse4.2' not in cpu):
            raise BenchError(f'{what}: the CPU is not the one that was asked for')
        return result

    # --- what is measured, one table each

    def boots(self):
        table = Table('Instructions from the boot sector, 512 MiB', 'boot', 'up to',
                      'own', 'REP once', 'waiting', 'firmware', 'goal', '')
        for what, disk, cpu in BOOTS:
            result = self.boot(what, '512M', cpu, disk)
            self.numbers[what] = {name: vars(c) for name, c in result.stations.items()}
            for name, station in STATIONS:
                count = result.station(station)
                goal = self.boot_goal(name, cpu, count)
                table.add(what, name, number(count.own), number(count.own_once),
                          number(count.waiting), about(count.firmware), *goal)
            if what == BOOTS[0][0]:
                again = self.boot(what, '512M', cpu, disk)
                table.note = self.repeat(what, result, again)
        return table

    @staticmethod
    def boot_goal(name, cpu, count):
        if name == 'kernel entry':
            return below(count.own, GOAL_ENTRY[cpu], ' own')
        if name == 'prompt':
            return below(count.total, GOAL_PROMPT, ' in all')
        return '', ''

    def repeat(self, what, first, second):
        """Says how far two runs differ; more than REPEAT is an error."""
        worst = 0
        for _, station in STATIONS:
            a, b = first.station(station).own, second.station(station).own
            worst = max(worst, abs(a - b) / a)
            if abs(a - b) > a * REPEAT:
                raise BenchError(f'{what}: own instructions up to {station!r} do not '
                                 f'repeat: {a} and {b}')
        self.numbers['repeat'] = worst
        return (f'Two runs of "{what}" agreed within {REPEAT:.1%} of own instructions '
                'at every station.')

    def flatness(self):
        table = Table('Own instructions to the prompt by RAM', 'RAM', 'pages of the map',
                      'heap ready', 'prompt', 'against 512 MiB', 'goal', '',
                      'per further GiB', 'goal', '')
        base = ready = None
        for mem, cpu in SIZES:
            result = self.boot(f'{mem}, {cpu}', mem, cpu, 'ide')
            own = result.station('prompt').own
            base = base or own
            goal = ('', '')
            if mem == '64G':
                goal = at_most(own / base, GOAL_FLAT)
            pages = '1 GiB' if 'pdpe1gb' in cpu else '2 MiB'
            heap = result.station('HEAP').own
            ready = ready or heap
            further = machine.parse_memory(mem) / (1 << 30) - 0.5
            slope = round((heap - ready) / further) if further else 0
            table.add(machine_size(mem), pages, number(heap), number(own),
                      f'{own / base:.2f}', *goal,
                      *((number(slope), *below(slope, GOAL_PER_GIB)) if further
                        else ('', '', '')))
            self.numbers[f'per further GiB {mem} {pages}'] = slope
            self.numbers[f'prompt {mem} {pages}'] = own
        return table

    def frames(self):
        """The frame allocator's memory, and itself beside others (tests/bench)."""
        table = Table('Frames', 'what', 'number', 'unit', 'goal', '')
        for mem in METADATA_SIZES:
            frames = self.report(mem)['frames']
            each = frames['metadata'] * 4096 / frames['total']
            table.add(f'metadata a frame, {machine_size(mem)}', f'{each:.3f}', 'bytes',
                      f'≤ {GOAL_METADATA}', 'met' if each <= GOAL_METADATA else 'missed')
            self.numbers[f'metadata {mem}'] = each
        program = os.path.join(self.build, 'host', 'frame_bench')
        run_quietly('make', '-s', f'B={self.build}', program)
        lines = [*kernel_lines(run_quietly(program, 'churn')),
                 *kernel_lines(run_quietly(program, 'ratios')),
                 *((f'host_instructions_a_pair_{name}', pair_instructions(program, name),
                    'instructions') for name in ('plinth', 'bitmap', 'buddy'))]
        values = {name: value for name, value, _ in lines}
        for name, value, unit in lines:
            goal = ('', '')
            if name == 'whole_2m_after_churn_plinth':
                rival = values['whole_2m_after_churn_buddy']
                goal = f'> {number(rival)}', 'met' if value > rival else 'missed'
            table.add(name, number(value), unit, *goal)
            self.numbers[name] = value
        return table

    def heap_fault(self):
        table = Table('One heap page fault, instructions', 'what', 'number', 'goal', '')
        result = self.tests([FAULT_TEST])
        # The first is the kernel's own proof that the identity map is gone.
        faults = result.faults[1:]
        if not faults or len(faults) != result.report['heap']['faults']:
            raise BenchError(f"heap fault: {len(faults)} faults counted, the kernel "
                             f"served {result.report['heap']['faults']}")
        costs = [total - zeroing for total, zeroing in faults]
        middle = round(statistics.median(costs))
        zeroing = round(statistics.median(z for _, z in faults))
        table.add('stub to IRETQ, without zeroing, median', number(middle),
                  *below(middle, GOAL_FAULT))
        table.add('the same, least', number(min(costs)), '', '')
        table.add('the same, most', number(max(costs)), '', '')
        table.add('zeroing the frame, median', number(zeroing), '', '')
        self.numbers['heap fault'] = {'median': middle, 'least': min(costs),
                                      'most': max(costs), 'zeroing': zeroing}
        table.note = f'{len(costs)} faults, as many as the kernel says it served.'
        return table

    def kernel_benches(self):
        """The kernel's own measurements: what its self-tests bench_* print."""
        table = Table("The kernel's own measurements", 'what', 'number', 'unit',
                      'goal', '')
        names = sorted(name[len('test_'):] for name in self.program.kernel
                       if name.startswith('test_bench_'))
        lines = list(kernel_lines(self.tests(names).serial)) if names else []
        for mode in ('guard', 'poison'):
            more = self.tests(['bench_heap'], f'heap={mode}') if names else None
            lines += kernel_lines(more.serial) if more else []
        if names and not lines:
            raise BenchError(f"{', '.join(names)}: no line \"# bench NAME=NUMBER UNIT\"")
        for name, value, unit in lines:
            goal = GOALS_BY_NAME.get(name)
            words = below(value, goal) if goal else ('', '')
            if name == 'frame_pair_inline_unzeroed':
                words = at_most(value, GOAL_PAIR)
            table.add(name, number(value), unit, *words)
            self.numbers[name] = value
        return table

    def tests(self, names, also=''):
        """One counted boot that runs these self-tests and leaves the emulator."""
        config = f"kaslr=off test={','.join(names)} report=json exit=1 {also}"
        words = self.program.arguments(self.image_phys('512M', CRC))
        result = counter.counted(self.setup('512M', CRC, config=config), self.plugin,
                                 words, to_end=True)
        if result.problem:
            raise BenchError(f"{', '.join(names)}: {result.problem}")
        return result

    def death(self, name):
        """Own instructions from a deadly test to the way out of the emulator."""
        ways = [f"at=dies:{self.program.high('test_' + name):#x}",
                f"at=over:{self.program.high('emulator_exit'):#x}"]
        result = counter.counted(
            self.setup('64M', 'max', config=f'kaslr=off test={name} exit=1'), self.plugin,
            [f"start={L['STAGE1_PHYS']:#x}", *ways], to_end=True)
        return result.station('over').own - result.station('dies').own

    def deaths(self):
        table = Table('The path of a death, instructions', 'death', 'number', 'bound', '')
        for what, name in DEATHS:
            count = self.death(name)
            table.add(what, number(count), *at_most(count, GOAL_DEATH))
            self.numbers[f'death {name}'] = count
        return table

    def debug_seconds(self):
        """(place, seconds): the best of a few starts, with gdb left at its first prompt."""
        for place in DEBUG_PLACES:
            times = []
            for _ in range(DEBUG_RUNS):
                begin = time.monotonic()
                subprocess.run(
                    [sys.executable, os.path.join(ROOT, 'scripts', 'debug.py'), '--build',
                     self.build, '--image', self.image, '--at', place, '--', '-batch'],
                    check=True, capture_output=True, stdin=subprocess.DEVNULL)
                times.append(time.monotonic() - begin)
            yield place, min(times)

    def bios(self):
        table = Table('BIOS calls for the disk', 'disk', 'INT 13h calls', 'goal', '',
                      'sectors', 'sectors a call')
        self.numbers['bios'] = {}
        for disk, name in CALL_DISKS:
            loader = self.report('512M', disk=disk)['loader']
            calls, sectors = loader['int13_calls'], loader['int13_sectors']
            goal = GOAL_CALLS + sectors * loader['sector_bytes'] // L['CHUNK_BYTES']
            # By cylinder, head and sector a call ends with its track.
            cells = at_most(calls, goal) if loader['edd'] else ('', '')
            table.add(name, calls, *cells, number(sectors), f'{sectors / calls:.1f}')
            self.numbers['bios'][disk] = {'int13_calls': calls, 'sectors': sectors}
        return table

    def sizes(self):
        table = Table('Bytes', 'what', 'used', 'free')
        sizes = dict(self.loader_sizes())
        symbol = self.program.symbol
        for name in ('text', 'rodata', 'data'):
            begin = symbol(f'{name}_begin').value
            end = symbol('bss_begin' if name == 'data' else f'{name}_end').value
            sizes[f'kernel {name}'] = end - begin, None
        sizes['kernel bss'] = symbol('bss_end').value - symbol('bss_begin').value, None
        for what, file in (('kernel on disk', 'kernel.bin.elf'),
                           ('symbols', 'symbols.bin'), ('modules', 'modules.cpio'),
                           ('image', 'plinth.img')):
            sizes[what] = os.path.getsize(os.path.join(self.build, file)), None
        for what, (used, free) in sizes.items():
            table.add(what, number(used), '' if free is None else number(free))
        self.numbers['bytes'] = {what: dict(zip(('used', 'free'), pair))
                                 for what, pair in sizes.items()}
        return table

    def loader_sizes(self):
        with open(os.path.join(self.build, 'disk.raw'), 'rb') as file:
            sector = file.read(L['STAGE1_BYTES'])
        rooms = ((L['MBR_BPB_END'], L['MBR_STAMP_BEGIN']),
                 (L['MBR_STAMP_END'], L['MBR_FIELDS']))
        free = sum(end - begin - len(sector[begin:end].rstrip(b'\0'))
                   for begin, end in rooms)
        room = sum(end - begin for begin, end in rooms)
        yield 'stage1, code', (room - free, free)
        for part in ('head', 'body'):
            used = self.program.low(f'{part}_used') - self.program.low(f'{part}_begin')
            yield f'stage2, {part}', (used, L[f'STAGE2_{part.upper()}_BYTES'] - used)

    def ram_lost(self):
        table = Table('RAM lost at the prompt', 'RAM', 'lost, KiB', 'goal, KiB', '')
        for mem in LOST_SIZES:
            frames = self.report(mem)['frames']
            lost = frames['usable_bytes'] - frames['allocatable_bytes']
            goal = int(GOAL_LOST + GOAL_LOST_PART * machine.parse_memory(mem))
            table.add(machine_size(mem), number(lost // KIB),
                      *at_most(lost // KIB, goal // KIB))
            self.numbers[f'lost {mem}'] = lost
        return table

    def beside_linux(self):
        """What needs no program, beside Linux; from the numbers of the other tables."""
        table = Table('Beside a tuned Linux, instructions', 'operation', 'tuned Linux',
                      'Plinth', 'budget', '')
        for what, name, linux, budget in BESIDE_LINUX:
            if name not in self.numbers:
                continue   # nothing in this build measures it
            value = self.numbers[name] // (KIB if name.startswith('lost') else 1)
            table.add(what, number(linux), number(value),
                      *(at_most(value, budget) if budget else ('', '')))
        return table

    def tables(self):
        for measure in (self.boots, self.flatness, self.frames, self.heap_fault,
                        self.kernel_benches, self.deaths, self.bios, self.sizes,
                        self.ram_lost, self.beside_linux):
            yield measure()

    def profile(self, mem, cpu=CRC):
        """(function, instructions) up to the prompt, most first."""
        result = self.boot(mem, mem, cpu, 'ide')
        return self.program.by_function(result.profile, self.image_phys(mem, cpu))


def machine_size(mem):
    return f'{mem[:-1]} {mem[-1]}iB'


def run_quietly(*words):
    """What a program prints; its failure in one line."""
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BenchError(f"{' '.join(words)}: {result.stderr.strip()[-200:]}")
    return result.stdout


def pair_instructions(program, name):
    """Host instructions of a pair: callgrind over twice as many, less as many."""
    totals = []
    for pairs in (CALLGRIND_PAIRS, 2 * CALLGRIND_PAIRS):
        result = subprocess.run(
            ('valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null', program,
             'pairs', name, str(pairs)), capture_output=True, text=True, check=False)
        found = re.search(r'Collected : (\d+)', result.stderr)
        if result.returncode != 0 or not found:
            raise BenchError(f'valgrind: {result.stderr.strip()[-200:]}')
        totals.append(int(found[1]))
    return round((totals[1] - totals[0]) / CALLGRIND_PAIRS)


def kernel_lines(serial):
    """(name, number, unit) of every measurement that the kernel printed."""
    for line in re.findall(r'^# bench (.*)$', serial, re.M):
        for part in line.split(','):
            found = re.fullmatch(r'\s*(\w+)=(\d+)(?:\s+(\S.*))?', part)
            if not found:
                raise BenchError(f'not a measurement: "# bench {line}"')
            yield found[1], int(found[2]), found[3] or 'instructions'


def update(text):
    with open(DOCUMENT, encoding='utf-8') as file:
        old = file.read()
    begin, end = (old.find(marker) for marker in MARKERS)
    if not 0 <= begin < end:
        raise BenchError(f'{DOCUMENT}: no {MARKERS[0]} and {MARKERS[1]} behind it')
    new = f'{old[:begin]}{MARKERS[0]}\n{text}\n{old[end:]}'
    with open(DOCUMENT + '.part', 'w', encoding='utf-8') as file:
        file.write(new)
    os.replace(DOCUMENT + '.part', DOCUMENT)


def main():
    options = argparse.ArgumentParser(
        prog='bench.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--build', default='build')
    options.add_argument('--json')
    options.add_argument('--update', action='store_true')
    options.add_argument('--profile', metavar='MEM')
    options.add_argument('--debug', action='store_true')
    options = options.parse_args()
    try:
        bench = Bench(options.build)
        if options.profile:
            for name, count in bench.profile(options.profile)[:40]:
                print(f'{number(count):>14}  {name}')
            return 0
        if options.debug:
            for place, seconds in bench.debug_seconds():
                print(f'make debug AT={place}: {seconds:.1f} s to the prompt')
            return 0
        parts = []
        for table in bench.tables():
            parts.append(table.text())
            print(parts[-1] + '\n', flush=True)
        if options.json:
            with open(options.json, 'w', encoding='utf-8') as file:
                json.dump(bench.numbers, file, indent=1)
        if options.update:
            update('\n\n'.join(parts))
    except machine.ParameterError as error:
        print(f'bench: {error}', file=sys.stderr)
        return 2
    except (BenchError, machine.EmulatorError, ElfError, OSError) as error:
        print(f'bench: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
