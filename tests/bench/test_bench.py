# SPDX-License-Identifier: MIT
"""The instruments of scripts/bench.py, held against programs whose counts are known."""
import os
import re
import subprocess

import pytest

import counter                      # first: it puts scripts/ on the path
import bench
import machine

# Every count below can be read off this listing. Interrupts stay off, so nothing comes
# between; the REP runs 100 times and once more to find CX zero.
PROGRAM = '''
bits 16
org 0x7C00
[map symbols boot.map]
        cli
        cld
        xor ax, ax
        mov es, ax
        mov ds, ax                      ; 5 instructions
middle: mov cx, 1000
turn:   dec cx
        jnz turn                        ; 1 + 2000
turned: mov di, 0x8000
        mov cx, 100
        a32 rep stosb                   ; 2 + 101
        mov cx, 3
again:  lodsb
        loop again                      ; 1 + 6
        mov dword [0x9008], 7           ; 1, milestone 1
        mov dword [0x9008], 8           ; 1, no new one
stored: mov ax, 0x0E41
        mov bx, 7
        int 0x10                        ; 3, and firmware
asked:  mov si, text
say:    lodsb
        test al, al
        jz finish
        out 0xE9, al
        mov dx, 0x3F8
        out dx, al
        jmp say
finish: nop
halt:   hlt
        jmp halt
text:   db PROMPT, 0
        times 510 - ($ - $$) db 0
        dw 0xAA55
'''
BEFORE_LOOP, LOOP, REP, TAIL, STORE, CALL = 5, 2001, 2 + 101, 7, 1, 3


@pytest.fixture(scope='module')
def plugin(tmp_path_factory):
    return counter.build_plugin(str(tmp_path_factory.mktemp('plugin')))


@pytest.fixture(scope='module')
def program(tmp_path_factory):
    """Makes a boot disk that says these words: (path, addresses of its labels)."""
    folder = tmp_path_factory.mktemp('program')

    def make(words):
        source, image = folder / 'boot.asm', folder / 'boot.img'
        quoted = ', '.join(str(byte) for byte in words.encode())
        source.write_text(PROGRAM.replace('PROMPT', quoted))
        subprocess.run(['nasm', '-f', 'bin', '-o', image, source], cwd=folder,
                       check=True)
        found = re.findall(r'^ *[0-9A-F]+ +([0-9A-F]+) +(\w+)$',
                           (folder / 'boot.map').read_text(), re.M)
        labels = {name: int(value, 16) for value, name in found}
        with open(image, 'r+b') as file:
            file.truncate(1 << 20)
        return str(image), labels
    return make


def count(plugin, image, *words):
    return counter.counted(machine.Setup(image, mem='16M', cpu='qemu64'), plugin,
                           ['start=0x7c00', *words])


@pytest.fixture(scope='module')
def counted(plugin, program):
    image, at = program('plinth> ')
    turn, turned = at['turn'], at['turned']
    return count(plugin, image, f"at=middle:{at['middle']}", f"at=turned:{turned}",
                 f"at=asked:{at['asked']}", f"at=never:{at['halt'] + 3}",
                 f"end=finish:{at['finish']}", f'wait={turn}:{turned}',
                 f"stamp={turned}:{at['stored']}:0x9000:2"), at


def test_counts_are_those_of_the_listing(counted):
    result, _ = counted
    assert result.problem is None and result.complete
    assert vars(result.station('middle')) == {
        'own': BEFORE_LOOP, 'own_once': BEFORE_LOOP, 'waiting': 0,
        'firmware': 0, 'firmware_once': 0}
    turned = result.station('turned')
    assert (turned.own, turned.waiting) == (BEFORE_LOOP + 1, LOOP - 1)


def test_repeats_are_told(counted):
    asked = counted[0].station('asked')
    own = BEFORE_LOOP + 1 + REP + TAIL + 2 * STORE + CALL
    assert (asked.own, asked.own_once) == (own, own - 100)


def test_firmware_is_told(counted):
    result, _ = counted
    assert result.station('turned').firmware == 0
    assert 100 < result.station('asked').firmware < 100_000


def test_milestone_is_the_store(counted):
    result, _ = counted
    stored = result.station(counter.milestone_names()[1])
    assert stored.own + stored.waiting == BEFORE_LOOP + LOOP + REP + TAIL + STORE
    assert counter.milestone_names()[0] not in result.stations


def test_profile_adds_up(counted):
    result, at = counted
    finish = result.station('finish')
    assert sum(result.profile.values()) == finish.own + finish.waiting
    assert result.profile[at['turn']] == 1000


def test_two_runs_agree(plugin, program, counted):
    image, at = program('plinth> ')
    again = count(plugin, image, f"end=finish:{at['finish']}")
    first = counted[0].station('finish')
    assert again.station('finish').own == first.own + first.waiting


def test_missing_station_is_named(counted):
    with pytest.raises(counter.MissingStation, match="'never'.*'finish'"):
        counted[0].station('never')


def test_death_ends_the_wait(plugin, program):
    image, at = program('plinth: PF-03 a page is not there\n')
    result = count(plugin, image, f"end=finish:{at['halt'] + 3}")
    with pytest.raises(counter.MissingStation, match='PF-03 a page'):
        result.station('finish')


@pytest.mark.parametrize('word', ['stamp=1:2', 'wait=1:2z', 'at=here', 'odd=1', 'odd'])
def test_bad_plugin_arguments_are_refused(plugin, program, word):
    image, _ = program('plinth> ')
    with pytest.raises(machine.EmulatorError, match=f'bad argument {word}'):
        count(plugin, image, word)


def test_half_a_line_is_left_out():
    result = counter.parse('station\tstage2\t10\t4\t1\t5\t2\nend\nstation\tkernel\t9')
    assert list(result.stations) == ['stage2'] and result.complete
    assert result.stations['stage2'] == counter.Count(9, 5, 1, 5, 3)
    assert result.stations['stage2'].total == 15


def test_kernel_lines():
    said = ('# bench heap_fault=431 instructions, zeroing=932\n# other=1\n'
            '# bench big=7 KiB\n')
    assert list(bench.kernel_lines(said)) == [
        ('heap_fault', 431, 'instructions'), ('zeroing', 932, 'instructions'),
        ('big', 7, 'KiB')]
    with pytest.raises(counter.BenchError, match='heap_fault=fast'):
        list(bench.kernel_lines('# bench heap_fault=fast\n'))


def stations_of(own):
    return counter.Counted({station: counter.Count(own=own)
                            for _, station in bench.STATIONS})


def test_counts_that_do_not_repeat_are_an_error():
    measure = object.__new__(bench.Bench)
    measure.numbers = {}
    assert 'agreed' in measure.repeat('IDE', stations_of(10_000), stations_of(10_010))
    with pytest.raises(counter.BenchError, match='IDE.*10000 and 10011'):
        measure.repeat('IDE', stations_of(10_000), stations_of(10_011))


def test_goals():
    judge = bench.Bench.boot_goal
    entry = bench.GOAL_ENTRY[bench.CRC]
    assert judge('kernel entry', bench.CRC, counter.Count(own=entry - 1))[1] == 'met'
    assert judge('kernel entry', bench.CRC, counter.Count(own=entry))[1] == 'missed'
    whole = counter.Count(own=4_000_000, waiting=3_000_000, firmware=3_000_000)
    assert judge('prompt', bench.CRC, whole)[1] == 'missed'


def test_update_replaces_what_stands_between(tmp_path, monkeypatch):
    page = tmp_path / 'page.md'
    monkeypatch.setattr(bench, 'DOCUMENT', str(page))
    page.write_text('a\n{}\nold\n{}\nb\n'.format(*bench.MARKERS))
    bench.update('new')
    assert page.read_text() == 'a\n{}\nnew\n{}\nb\n'.format(*bench.MARKERS)
    page.write_text('no markers')
    with pytest.raises(counter.BenchError, match='bench: begin'):
        bench.update('new')
    assert page.read_text() == 'no markers' and os.listdir(tmp_path) == ['page.md']
