# SPDX-License-Identifier: MIT
"""The debugging tools: gdb in every mode and across the move, Bochs' breaks and names,
addresses turned into lines, and the doctor.

Values are compared with what the ELF files, the layout and the machine itself say, never
with another output of the tool under test.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess

import pytest

import samples
from bochs import Bochs, BochsSetup
from disk_format import L
from elf64 import Elf
from machine import Setup
from qemu import Qemu, boot

PYTHON = '/usr/bin/python3'
KERNEL_BREAKS = ['early', 'tables', 'moved', 'identity_gone', 'heap', 'prompt']
LOADER_BREAKS = ['config', 'loaded', 'longmode']
PROMPT = r'^plinth> '


def tool(name, *words, stdin='', environment=None, timeout=120):
    done = subprocess.run(
        ['timeout', '-k', '2', str(timeout), PYTHON, os.path.join(samples.SCRIPTS, name),
         *map(str, words)], input=stdin, capture_output=True, text=True, errors='replace',
        env=environment)
    return done.returncode, done.stdout, done.stderr


def has(pattern, out):
    assert re.search(pattern, out, re.M), f'no {pattern!r} in:\n{out[-6000:]}'


@pytest.fixture
def private(build, tmp_path):
    """A build folder of its own: the debuggers write beside the image."""
    for name in ('plinth.img', 'kernel.elf', 'disk.elf'):
        shutil.copyfile(os.path.join(build, name), tmp_path / name)
    return tmp_path


@pytest.fixture(scope='module')
def loader(build):
    return Elf.read(os.path.join(build, 'disk.elf')).symbols()


@pytest.fixture(scope='module')
def kernel(build):
    return Elf.read(os.path.join(build, 'kernel.elf')).symbols()


def gdb(folder, at, *commands, config='', mem='64M', machine='pc', checked=True):
    """A batch session: (exit status, what it printed). A failed assert ends it with 1."""
    words = [word for command in commands for word in ('-ex', command)]
    status, out, errors = tool(
        'debug.py', '--build', folder, '--at', at, '--image', folder / 'plinth.img',
        '--mem', mem, '--machine', machine, '--config', config, '--', '-batch', *words)
    if checked:
        assert status == 0 and 'Traceback' not in out + errors, out + errors
    return out + errors


def script(folder, *lines):
    """Lines of Python for gdb; `source`d so that an assert stops the session."""
    path = folder / 'session.py'
    path.write_text('\n'.join(['from guest import *', *lines, 'print("GOOD")', '']))
    return f'source {path}'


# --- what gdb's commands refuse


@pytest.mark.parametrize('command, words', [
    ('plinth real 999999', '1..64 instructions'), ('plinth real 0', '1..64'),
    ('plinth regs x', 'takes no argument'), ('plinth gdt x', 'takes no argument'),
    ('plinth idt 5', 'takes no argument'), ('plinth phys -1', 'physical addresses end'),
    ('plinth walk P:100000', 'V:ffff880000100000'),
    ('plinth frames P:0x100000', 'is not open yet'), ('plinth foo', 'no command foo'),
    ('plinth log 0', '0: a number of lines from 1'),
    ('plinth map modulez', 'modulez: no window; there are lower half, heap, direct map')])
def test_commands_refuse(command, words, private):
    out = gdb(private, 'main', command, checked=False)
    assert words in out and 'Traceback' not in out, out


def test_map_of_a_window(private):
    out = gdb(private, 'main', 'plinth map heap', 'plinth map "direct map"')
    has('^  heap: nothing is mapped there$', out)
    assert re.search(r'KiB .* direct map$', out, re.M) and 'kernel image' not in out, out


def test_phys_says_what_is_no_ram(private):
    out = gdb(private, 'main', 'plinth phys 0x3fffff0 32', 'plinth phys 0x8000000 16',
              'plinth phys 0xfee00000 16', 'plinth phys 0xfff0 16', mem='64M')
    has(r'^P:0x4000000\.\.0x400000f is no RAM and no device', out)
    has(r'^P:0x8000000\.\.0x800000f is no RAM and no device', out)
    has(r'^P:0xfee00000\.\.0xfee0000f is no RAM: the device \S+ answers', out)
    assert len(re.findall(r'is no RAM', out)) == 3, out


def test_books_of_the_running_boot(private):
    out = gdb(private, 'report_boot', 'plinth lastboot 1', 'plinth frames')
    has(r"^boot \d+: this boot, still running at 'heap ready'", out)
    has(r'^frames: \d+ of RAM, \d+ free \(\d+ promised, \d+ never touched, '
        r'\d+ held by CPUs\)', out)


def test_gates_before_the_kernel_has_its_own_idt(private):
    has(r'0e #PF  interrupt gate, .*, early_\w+', gdb(private, 'main', 'plinth idt'))


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_gdb_and_qemu(number, private):
    process = subprocess.Popen(
        [PYTHON, os.path.join(samples.SCRIPTS, 'debug.py'), '--build', private, '--image',
         private / 'plinth.img', '--', '-ex',
         'python import time; print("READY", flush=True); time.sleep(600)'],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    while 'READY' not in (line := process.stdout.readline()):
        assert line, 'gdb ended'
    children = [int(pid) for pid in pathlib.Path(
        f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()]
    assert len(children) == 2
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    process.stdout.close()
    assert not [pid for pid in children if pathlib.Path(f'/proc/{pid}').exists()]


# --- gdb, mode by mode


def test_real_mode(private):
    out = gdb(private, 'stage1', script(
        private, 'cpu = Cpu()',
        'assert cpu.mode == "real mode", cpu.mode',
        'assert cpu.segments["CS"][0] * 16 + cpu.ip == 0x7C00, hex(cpu.ip)',
        'assert register("rip") == 0x7C00 and register("rdx") & 0xFF == 0x80',
        'assert not cpu.paging and not cpu["CR0"] & 1',
        'assert phys_read(0x7DFE, 2) == b"\\x55\\xaa"',
        'assert name_of(0x7C00) == "stage1_entry", name_of(0x7C00)'),
        'real 2', 'plinth idt')
    assert 'GOOD' in out
    has(r'stage1_entry \(\) at stage1/stage1.asm:\d+', out)
    assert re.search(r'real mode, CS:IP 0000:7c00', out) and 'A20' in out
    # 16-bit code by QEMU's own disassembler: a short jump, then NOP.
    has(r'0x00007c00: +eb 58 +jmp +0x7c5a', out)
    has(r'13 #XM  f000:\w{4}', out)


def test_protected_mode(private, loader):
    out = gdb(private, 'body_main', script(
        private, 'cpu = Cpu()',
        'assert cpu.mode == "protected mode, 32-bit code", cpu.mode',
        f'assert register("rip") == {loader["body_main"]:#x}',
        'assert not cpu.paging and cpu["CR0"] & 1',
        'assert cpu.segments["CS"][0] == 0x38',
        f'assert cpu.tables["IDT"][0] == {loader["idt32"]:#x}'),
        'real 2', 'plinth gdt', 'plinth idt', 'plinth map', 'plinth walk 0x7e00')
    assert 'GOOD' in out and re.search(r'body_main \(\) at stage2/body.asm:\d+', out), out
    has(r'38 00cf9b000000ffff code 32-bit.*<- CS', out)
    has(r'40 00009b000000ffff code 16-bit, base 0x0 limit 0xffff', out)
    has(r'0e #PF  interrupt gate, selector 38, ring 0, fault32_stubs\+0x38', out)
    assert 'paging is off' in out and 'P:0x7e00' in out


def test_long_mode_before_the_kernel(private, loader):
    out = gdb(private, 'longmode', script(
        private, 'cpu = Cpu()', 'assert cpu.mode == "long mode" and cpu.paging',
        f'assert cpu["CR3"] == {L["BOOT_PML4_PHYS"]:#x}',
        f'assert register("rip") == {loader["long_mode_enter.long"]:#x}'),
        'plinth regs', 'plinth walk 0', 'plinth walk 0x110000', 'plinth map',
        'plinth gdt')
    assert 'GOOD' in out and 'EFER   0000000000000d00  LME LMA NXE' in out
    has(r'PT\[  0\] 0{16} empty  <== not present', out)      # null guard
    has(r'PT\[272\] 0{10}11001b P W PWT PCD', out)           # the recorder
    assert 'V:0000000000110000, the identity map' in out
    # Slot 0 holds what LGDT reads, which is no descriptor.
    has(r'00 \w{10}[^0]\w+ null\n  08 00af9b000000ffff code 64-bit, ring 0  <- CS', out)
    assert 'P:0x110000, read, write, execute uncached' in out


@pytest.mark.parametrize('config', ['', 'kaslr=off', 'kaslr=max', 'kaslr=7'])
def test_symbols_follow_the_move(config, private, kernel):
    """One session: the same name before the move, after it, and in between no stop."""
    out = gdb(private, 'early', script(
        private, 'assert register("rip") == Image.placed + OFFSETS["early_main"]',
        'assert Image.placed == Image.phys == int(gdb.parse_and_eval('
        '"((struct boot_info *)0x20000)->kernel_phys"))'),
        'hbreak tables_build', 'hbreak heap_init', 'continue', 'bt', 'continue', 'bt',
        'image', 'print handover.image_virt', 'print handover.info.magic',
        'print $rip', config=config)
    assert 'GOOD' in out
    has(r'#0 .*early_main \(boot_info_phys=131072\) at kernel/early/early.c', out)
    has(r'#0 .*tables_build \(\).*\n#1 .*early_main', out)
    has(r'#0 .*heap_init \(.*\) at mm/heap.c.*\n#1 .*(heap_start|kernel_main)', out)
    base, slide, virt = (int(value, 0) for value in re.search(
        r'kernel image: (\w+), slide (\w+), .*\n\$1 = (\d+)', out).groups())
    assert base == virt == L['IMAGE_BASE'] + slide
    assert f'$2 = {L["BOOT_INFO_MAGIC"]}' in out
    rip = int(re.search(r'\$3 = .*?(0x[0-9a-f]+)', out)[1], 16)
    assert base + kernel['heap_init'] <= rip < base + kernel['heap_init'] + 32
    if config == 'kaslr=off':
        assert slide == 0
    elif config == 'kaslr=max':
        assert slide > 0x3F000000


def test_random_slides_differ(private):
    """With no word about it the kernel draws its place, and gdb still finds it."""
    outs = [gdb(private, 'moved', 'image') for _ in range(3)]
    found = {re.search(r'slide (\w+)', out)[1] for out in outs}
    assert len(found) > 1, found


@pytest.mark.parametrize('at', ['', 'stage1'])
def test_tour_passes_every_station(at, private):
    out = gdb(private, at, *['continue'] * 4, 'image')
    stops = re.findall(r'^--- (\S+)', out, re.M)
    assert stops == ['stage1;', 'stage2,', 'the', 'the', 'kernel_main,'], out
    has(r'kernel image: 0xffffffff', out)


def test_follows_a_second_boot(private):
    """After a reset the kernel lies elsewhere: names move back down and up again."""
    out = gdb(private, 'moved', 'image', 'hbreak early_main', 'monitor system_reset',
              'continue', 'image', 'delete', 'hbreak kernel_main', 'continue', 'image')
    images = re.findall(r'kernel image: (\w+)', out)
    assert len(images) == 3 and images[1] == '0x200000', out
    assert images[0].startswith('0xffffffff') and images[2].startswith('0xffffffff')
    assert out.count('in ?? ()') == 0, out


# --- gdb, the kernel's books


def test_kernel_commands(private):
    out = gdb(private, 'heap_free', 'plinth heap', 'plinth heap $rdi', 'plinth walk $rdi',
              'plinth frames $rdi', 'plinth frames', 'plinth heap $rdi-1',
              'plinth map heap', 'plinth walk 0xffff80000a000000',
              'plinth walk V:8000000000000000', 'plinth log 4', 'plinth serial 4',
              'plinth gdt',
              'plinth idt', 'print pmm', config='test=heap_faults_exact')
    stats = re.search(r'heap: 1 objects of (\d+) bytes, (\d+) pages, '
                      r'(\d+) with a frame, (\d+) faults', out)
    size, pages, present, faults = map(int, stats.groups())
    assert size == pages * 4096 and present == pages == faults > 0
    has(rf'run, {pages} pages for {size} bytes\n  entry: P W A D G NX 4K', out)
    has(r'PT\[ +\d+\] \w{16} P W A D G NX 4K\n  P:0x\w+, read, write\n', out)
    has(r'P:0x\w+, frame 0x\w+: used, owner heap, order 0, count 1', out)
    has(rf'^  heap +{pages} frames', out)
    assert 'guard, beside the run at page' in out and 'entry: empty' in out
    has(r'PD\[ 80\] 0{16} empty  <== not present', out)
    has(r'V:8000000000000000, not canonical\n.*\n  no memory: not canonical', out)
    has(rf'{pages * 4} KiB scattered +4K read, write +heap', out)
    assert out.count('1..1') == 2, out      # the log's ring and COM1 end alike
    has(r'08 00af9b000000ffff code 64-bit, ring 0  <- CS', out)
    has(r'08 #DF  interrupt gate, selector 08, ring 0, IST1, trap_stubs\+0x80', out)
    has(r'03 #BP  interrupt gate, selector 08, ring 3', out)


def test_lastboot(private):
    """What this boot has recorded so far, and after a death also that, by name."""
    out = gdb(private, 'moved', 'plinth lastboot 2')
    has(r"^boot \d+: this boot, still running at '", out)
    assert re.search(r'ticks  kernel entry', out) and 'heap ready' not in out, out
    out = gdb(private, 'emulator_exit', 'plinth lastboot',
              config='test=die_text_write exit=1')
    has(r"^boot \d+ died: PF-03 at '.*', RIP test_die_text_write\+0x", out)
    assert re.search(r'CR2 V:ffffffff', out) and 'its log:' in out


def test_pretty_printers(private):
    out = gdb(private, 'heap_free', 'print kernel_page_space.root',
              'print heap.table[0][1]', 'print (virt_t){(u64)kernel_main}',
              'print (pfn_t){5}', 'print (phys_t){0x1000}',
              'print (pte_t){0x200}', 'print ((struct frame *)0xffffea0000000000)[0x100]',
              config='test=heap_faults_exact')
    values = re.findall(r'^\$\d = (.*)', out, re.M)
    assert re.fullmatch(r'P:0x\w+', values[0]), out
    assert values[1] == '0000000000000000 empty'
    assert re.fullmatch(r'V:ffffffff\w{8} \(kernel_main\)', values[2]), values
    assert values[3:6] == ['frame 0x5 (P:0x5000)', 'P:0x1000', '0000000000000200 armed']
    assert values[6] == 'used, owner page-table, order 0, count 1'


def test_kernel_books_before_they_are_open(private):
    """Too early is one line, not a Python trace."""
    out = gdb(private, 'early', 'plinth frames', checked=False)
    assert 'the kernel has not moved yet' in out and 'Traceback' not in out
    out = gdb(private, 'moved', 'plinth frames', checked=False)
    assert 'not open yet' in out and 'Traceback' not in out


def test_reading_runs_nothing(private):
    """Looking at all of it moves neither RIP nor a counter of the kernel."""
    looks = ['plinth map', 'plinth walk kernel_main', 'plinth frames', 'plinth heap',
             'plinth log', 'plinth regs', 'plinth gdt', 'plinth idt', 'real',
             'plinth phys 0']
    out = gdb(private, 'monitor_run', 'print $rip', 'print $rsp',
              'print heap.stats.faults',
              'print percpu_boot.exception_count', *looks, 'print $rip', 'print $rsp',
              'print heap.stats.faults', 'print percpu_boot.exception_count')
    values = [re.sub(r'^\$\d+ = ', '', line) for line in out.splitlines()
              if re.match(r'\$\d+ = ', line)]
    assert len(values) == 8 and values[:4] == values[4:], values


@pytest.mark.parametrize('at', ['nowhere', 'main;', '0x1000'])
def test_debug_refuses_a_place_that_is_none(at, private):
    status, out, errors = tool('debug.py', '--build', private, '--at', at, '--image',
                               private / 'plinth.img')
    assert status == 2 and out == '' and len(errors.splitlines()) == 1, errors
    assert f'AT={at}: one of stage1, stage2, longmode' in errors


# --- magic breakpoints


def declared(path, pattern):
    with open(os.path.join(samples.ROOT, path), encoding='ascii') as file:
        return re.findall(pattern, file.read(), re.M)


def test_break_lists_agree():
    """The kernel knows the loader's names; both lists are what is tested here."""
    header = os.path.join('kernel', 'base', 'break.h')
    names = declared(header, r'^ +B\(\w+, "(\w+)"\)')
    assert names == KERNEL_BREAKS + LOADER_BREAKS
    numbers = declared('stage2/break.inc', r'^%define MAGIC_(\w+) +(\d+)')
    assert [name.lower() for name, _ in numbers] == LOADER_BREAKS
    assert [int(number) for _, number in numbers] == list(range(len(numbers)))
    listed = declared('stage2/break.asm', r'^names: +db +(.*)')[0]
    assert re.findall(r'"(\w+)"', listed) == LOADER_BREAKS


def breaks_said(image, config):
    with Qemu(Setup(image, mem='64M', config=config), wall=90, cpu_seconds=45) as vm:
        vm.wait_for(PROMPT)
        return re.findall(r'^break: (\w+)', vm.e9().replace('\r', ''), re.M), vm.serial


@pytest.mark.parametrize('config, said', [
    ('', []), ('break=all', LOADER_BREAKS + KERNEL_BREAKS), ('break=off', []),
    ('break=loaded,heap', ['loaded', 'heap']), ('breaks=1 xbreak=all', []),
    ('break=all break=moved', ['moved']), ('break=,conf,configs,prompt,', ['prompt']),
    ('break=stage2,longmode log=info', ['longmode']),
    ('log=info break=' + 'x' * 300 + ',early', ['early'])], ids=range(9))
def test_configuration_chooses_breaks(config, said, image):
    """On QEMU the instruction does nothing: all are passed, each says its name."""
    found, serial = breaks_said(image, config)
    assert found == said
    unknown = re.search(r'break=(\w+) is no break', serial)
    if 'conf,' in config:
        assert unknown and unknown[1] == 'conf', serial
    elif 'xxx' not in config:
        assert not unknown, serial


def bochs(folder, commands, *words):
    status, out, errors = tool('bochs.py', '--image', folder / 'plinth.img', '--mem',
                               '64M', *words, stdin=commands)
    assert status == 0, errors
    return out, errors


def test_bochs_stops_at_each_break(private, kernel):
    """In the right order, label first, where the source has them, names known."""
    order = ['stage2', 'protected'] + LOADER_BREAKS + KERNEL_BREAKS
    out, _ = bochs(private, 'c\n' * len(order) + 'q\n', '--config', 'break=all')
    labels = re.findall(r'^break: (\w+)\n\(0\) Magic breakpoint', out, re.M)
    assert labels == LOADER_BREAKS + KERNEL_BREAKS, out[-3000:]
    assert len(re.findall(r'Breakpoint [12], ', out)) == 2
    stops = re.findall(r'\(0\) \[0x\w+\] \w+:\w+ \(([\w.:]+)\+', out)
    wanted = ['head_begin|stage2_head', 'head_main', 'body_main', 'body_main',
              'long_mode_enter.*', 'low:early_main', 'low:early_main', 'kernel_main',
              'identity_drop|kernel_main',
              'heap_start|kernel_main', 'kernel_main']
    for where, pattern in zip(stops, wanted):
        assert re.fullmatch(pattern, where), (where, pattern, stops)
    assert len(stops) >= len(wanted)


BOCHS_LOOKS = 'creg\nsreg\nr\nxp /1hx 0x7dfe\nxp /2wx 0x20000\nq\n'


def bochs_values(out):
    """What BOCHS_LOOKS shows, as numbers."""
    def value(pattern):
        return int(re.search(pattern, out)[1].replace('_', ''), 16)

    table = re.search(r'idtr:base=0x(\w+), limit=0x(\w+)', out)
    info = re.search(r'0x0+20000 <.*>:\s+0x(\w+)\s+0x(\w+)', out)
    return {'cs': value(r'cs:0x(\w+)'), 'rip': value(r'rip: (\w+)'),
            'cr0': value(r'CR0=0x(\w+)'), 'cr3': value(r'CR3=0x(\w+)'),
            'efer': value(r'EFER=0x(\w+)'),
            'idt': tuple(int(number, 16) for number in table.groups()),
            'signature': value(r'0x0+7dfe <.*>:\s+0x(\w+)'),
            'info': int(info[2] + info[1], 16)}


@pytest.mark.parametrize('at', ['stage1', 'stage2', 'protected', 'longmode', 'early',
                                'moved'])
def test_bochs_stops_at_a_place(at, private, loader, kernel):
    """Registers, tables and memory of each mode are what layout and ELF files say."""
    out, _ = bochs(private, BOCHS_LOOKS, '--at', at, '--config', 'kaslr=off')
    has(r'Breakpoint 1, ', out)
    found = bochs_values(out)
    rip, cs = {
        'stage1': (L['STAGE1_PHYS'], 0), 'stage2': (L['STAGE2_PHYS'], 0),
        'protected': (loader['head_main'], 0x38),
        'longmode': (loader['long_mode_enter.long'], 8),
        'early': (0x200000 + kernel['early_main'], 8),
        'moved': (L['IMAGE_BASE'] + kernel['kernel_main'], 8)}[at]
    assert (found['rip'], found['cs']) == (rip, cs)
    assert found['signature'] == 0xAA55
    real, long_mode = at in ('stage1', 'stage2'), at in ('longmode', 'early', 'moved')
    assert found['cr0'] >> 31 == long_mode and found['cr0'] & 1 == (not real)
    if real:
        assert found['idt'] == (0, 0x3FF) and found['efer'] == found['info'] == 0
    elif at in ('protected', 'longmode'):      # LIDT is the next instruction there
        assert found['idt'] == (loader['idt32'], 20 * 8 - 1)
    elif at == 'early':
        assert found['idt'] == (L['MANIFEST_PHYS'] + L['MANIFEST_BYTES'], 256 * 16 - 1)
    if long_mode:
        assert found['efer'] == 0xD00 and found['info'] == L['BOOT_INFO_MAGIC']
        assert (found['cr3'] == L['BOOT_PML4_PHYS']) == (at != 'moved')


@pytest.mark.parametrize('kaslr', ['off', 'max', '7', '0x1234'])
def test_bochs_knows_where_the_kernel_goes(kaslr, private, kernel):
    """The script computes the slide that the kernel makes of the same word."""
    out, errors = bochs(private, 'r\nq\n', '--at', 'moved', '--config', f'kaslr={kaslr}')
    assert '(kernel_main+0)' in out, out[-2000:]
    rip = int(re.search(r'rip: (\w+)_(\w+)', out).expand(r'\1\2'), 16)
    assert (rip - kernel['kernel_main']) % L['PAGE_2M_BYTES'] == 0
    if kaslr != 'off':
        assert f'the kernel will run at {rip - kernel["kernel_main"]:#x}' in errors


@pytest.mark.parametrize('words, config', [
    ([], 'break=all '), (['AT=main'], ''), (['CONFIG=break=heap'], 'break=heap')])
def test_make_bochs_stops_first_where_at_says(words, config):
    """Magic breakpoints are added only when nothing says where to stop."""
    done = subprocess.run(['make', '-n', 'bochs', *words], cwd=samples.ROOT,
                          capture_output=True, text=True, timeout=120)
    assert re.search(rf"bochs\.py [^#]*--config='{config}'$", done.stdout, re.M), done.stdout


def test_bochs_headless_with_breaks(image):
    """Without magic_break they are no breakpoints, on Bochs either."""
    with Bochs(BochsSetup(image, mem='64M', config='break=all'), wall=120) as vm:
        vm.wait_for(PROMPT)
        assert re.findall(r'break: (\w+)', vm.e9()) == LOADER_BREAKS + KERNEL_BREAKS


def test_bochs_without_a_known_slide(private):
    out, errors = bochs(private, 'q\n', '--at', 'moved', '--config', 'kaslr=random')
    assert 'will draw its place itself' in errors
    has(r'Breakpoint 1, 0xffffffff', out)


@pytest.mark.parametrize('at', ['nowhere', 'stage3'])
def test_bochs_refuses_a_place_that_is_none(at, private):
    status, _, errors = tool('bochs.py', '--image', private / 'plinth.img', '--at', at)
    assert status == 2 and f'AT={at}: one of stage1' in errors
    assert not os.path.exists(private / 'bochs.img')


# --- symbolize.py


def death(image, name, config=''):
    return boot(Setup(image, mem='64M', config=f'test={name} exit=1 {config}'), wall=90,
                cpu_seconds=45).serial.replace('\r', '')


def test_symbolize_a_death(image, build):
    text = death(image, 'die_text_write')
    status, out, errors = tool('symbolize.py', '--build', build, stdin=text)
    assert status == 0 and errors == '', errors
    assert re.search(r'at ffffffff\w{8} test_die_text_write\+0x\w+\n +=.*'
                     r'tests/kernel/traps_selftest.c:\d+', out), out[-3000:]
    has(r'at ffffffff\w{8} kernel_main\+0x\w+\n +=.* kernel/main.c:\d+', out)
    kept = [line for line in out.splitlines() if not line.startswith('        = ')]
    assert kept == text.rstrip('\n').splitlines()


def test_symbolize_finds_the_slide_in_any_line(image, build):
    """From the report's line, and from a backtrace's alone: same places."""
    text = death(image, 'die_null')
    base = re.search(r'image at V:0x(\w{16})', text)[1]
    only = text[text.index('plinth: PF-06'):]
    assert base not in only
    outs = [tool('symbolize.py', '--build', build, stdin=part)[1]
            for part in (text, only)]
    places = [re.findall(r'^ +at .*\n +=.*', out, re.M) for out in outs]
    assert places[0] == places[1] and places[0]
    bare = re.sub(r' \w+\+0x\w+$', '', only, flags=re.M)
    status, _, errors = tool('symbolize.py', '--build', build, stdin=bare)
    assert status == 1 and '--base' in errors
    status, out, _ = tool('symbolize.py', '--build', build, '--base', 'V:' + base,
                          stdin=bare)
    assert status == 0 and 'traps_selftest.c' in out


def test_symbolize_a_return_address_is_the_call(image, build):
    """A call that never returns ends its function: the next one is not named."""
    text = death(image, 'die_assert')
    out = tool('symbolize.py', '--build', build, stdin=text)[1]
    assert re.search(r'at \w+ test_die_assert\+0x\w+\n +=.*test_die_assert tests/kernel/'
                     r'traps_selftest.c:\d+', out), out[-2000:]


def test_symbolize_takes_the_call_before_a_return_address(build, kernel):
    """The very first byte of a function: as RIP it is that function, as a return address
    it is what stands before."""
    at = f'{L["IMAGE_BASE"] + kernel["heap_free"]:016x}'
    for line, wanted in ((f'  at {at} x', False),
                         (f'  r15 0 rip {at} cs 08\n  at {at} x', True)):
        _, out, _ = tool('symbolize.py', '--build', build, '--base', 'V:ffffffff80000000',
                         stdin=line + '\n')
        place = out.splitlines()[-1]
        assert place.startswith('        = heap_free mm/heap.c') == wanted, out


@pytest.mark.parametrize('prefix', ['  | ', 'run:   | ', '> ', 'host kernel: '])
def test_symbolize_does_not_mind_a_prefix(prefix, image, build):
    """Whatever a program put in front of each line, the places are the same."""
    text = death(image, 'die_null')
    outs = [tool('symbolize.py', '--build', build, stdin=part)[1]
            for part in (text, re.sub('^', prefix, text, flags=re.M))]
    places = [re.findall(r'at ffffffff\w{8} \w+\+0x\w+\n +=.*', out) for out in outs]
    assert places[0] == places[1] and len(places[0]) > 2
    assert re.findall('^ +=.*', outs[0], re.M) == re.findall('^ +=.*', outs[1], re.M)


def test_symbolize_believes_the_name_on_the_line(build, kernel):
    """A first byte is no return address; a base that contradicts a name is not taken."""
    base, at = L['IMAGE_BASE'], L['IMAGE_BASE'] + kernel['heap_free']
    _, out, _ = tool('symbolize.py', '--build', build,
                     stdin=f'  at {at:016x} heap_free+0x0\n')
    has(r'^ +=.*\bheap_free mm/heap.c:\d+$', out)
    text = f'RIP V:{at + 1:016x}, heap_free+0x1\n  at {at + 1:016x} no_such+0x1\n'
    _, out, _ = tool('symbolize.py', '--build', build, '--base',
                     f'V:{base - L["PAGE_2M_BYTES"]:016x}', stdin=text)
    has(r'heap_free\+0x1\n +=.*\bheap_free mm/heap.c:\d+\n', out)
    assert out.endswith('no_such+0x1\n')
    # Inside the text another function lies at the address: it is not named.
    wrong = at + L['PAGE_2M_BYTES'] - kernel['heap_free'] + kernel['kernel_main'] + 8
    _, out, _ = tool('symbolize.py', '--build', build, '--base',
                     f'V:{base + L["PAGE_2M_BYTES"]:016x}',
                     stdin=f'  at {wrong:016x} heap_free+0x1\n')
    has(r'^ +=.*\bheap_free mm/heap.c:\d+$', out)


def test_symbolize_several_boots_in_one_text(image, build):
    """Each boot drew its own place: a line belongs to the base told last."""
    texts = [death(image, 'die_null', f'kaslr={slide}') for slide in ('max', 'off')]
    out = tool('symbolize.py', '--build', build, stdin=''.join(texts))[1]
    places = re.findall(r'at ffffffff\w{8} (kernel_main\+0x\w+)\n( +=.*)', out)
    assert len(places) == 2 and places[0] == places[1], out


def test_symbolize_offsets_and_addresses(build, kernel):
    offset = kernel['heap_free']
    status, out, _ = tool('symbolize.py', '--build', build,
                          stdin=f'previous boot died: PF-03, RIP image+{offset:#x}\n')
    assert status == 0 and re.search(r'= heap_free mm/heap.c:\d+', out), out
    status, out, _ = tool('symbolize.py', '--build', build, '--base',
                          'V:ffffffff80000000', f'V:{L["IMAGE_BASE"] + offset:016x}')
    assert status == 0 and re.search(r'= heap_free mm/heap.c:\d+', out), out


def test_symbolize_a_death_of_the_loader(build, loader):
    line = ('plinth: L-04 CPU exception in the loader: vector=06 '
            f'EIP={loader["body_main"]:08X} CR2=00000000')
    status, out, _ = tool('symbolize.py', '--build', build, stdin=line + '\n')
    assert status == 0 and re.search(r'stage2/body.asm:\d+', out), out


def test_symbolize_tells_a_macro_from_its_use(build, loader):
    lines = [f'plinth: L-04 vector=06 EIP={loader["fault32"] + offset:08X}\n'
             for offset in range(0, 256, 4)]
    _, out, _ = tool('symbolize.py', '--build', build, stdin=''.join(lines))
    macros = re.findall(r'= \S+ (\S+\.inc:\d+.*)', out)
    assert macros and all(
        re.match(r'stage2/stage2\.inc:\d+, a macro used (at|behind) stage2/\w+\.asm:\d+',
                 line) for line in macros), out
    assert any('stage2/fault32.asm' in line for line in macros), out


@pytest.mark.parametrize('words, message', [
    (['--base', 'V:ffffffff80000001'], 'on a 2 MiB border'),
    (['--base', 'banana'], 'on a 2 MiB border'),
    (['nofile.txt'], 'no such file, and no address'),
    (['--base', 'V:ffffffff80000000', 'V:ffffffff80001000', 'zz'], ': zz: no such file'),
    (['--build', 'nowhere'], 'make builds it')])
def test_symbolize_refuses(words, message, build):
    words = words if '--build' in words else ['--build', build, *words]
    status, _, errors = tool('symbolize.py', *words, stdin='text\n')
    assert status == 2 and message in errors and len(errors.splitlines()) == 1, errors


def test_symbolize_says_that_it_found_nothing(build):
    for text in ('hello\n', 'image at V:ffffffff80000000\nV:ffff880000000000\n'):
        status, out, errors = tool('symbolize.py', '--build', build, stdin=text)
        assert (status, out) == (1, text)
        assert 'nothing found' in errors and len(errors.splitlines()) == 1, errors


def test_symbolize_notices_another_build(build, kernel):
    text = f'build-id {"0" * 40}\nRIP image+{kernel["heap_free"]:#x}\n'
    status, _, errors = tool('symbolize.py', '--build', build, stdin=text)
    assert status == 0 and 'lines may be wrong' in errors


# --- doctor.py


def test_doctor_on_this_machine():
    status, out, errors = tool('doctor.py')
    assert errors == '' and status in (0, 1)
    has(r'^  ok +qemu-system-x86_64 +\d', out)
    assert 'KVM' in out and 'no run uses it' in out
    status, out, _ = tool('doctor.py', '--json')
    assert list(json.loads(out)) == [
        'building', 'running', 'debugging', 'Bochs', 'testing']


def test_doctor_names_what_is_missing(tmp_path):
    """On a PATH with everything but gdb and nasm."""
    for name in os.listdir('/usr/bin'):
        if name in ('gdb', 'gdb-multiarch', 'nasm'):
            continue
        path = os.path.join('/usr/bin', name)
        if stat.S_IXUSR & os.stat(path, follow_symlinks=True).st_mode \
                if os.path.exists(path) else False:
            os.symlink(path, tmp_path / name)
    status, out, _ = tool('doctor.py', environment={'PATH': str(tmp_path)})
    assert status == 1
    has(r'^  MISS nasm +missing; install nasm$', out)
    has(r'^  MISS gdb +missing; install gdb', out)
    assert not re.search(r'^  MISS qemu', out, re.M), out
