# SPDX-License-Identifier: MIT
"""Every way the kernel can be made to die names its code on every output and stops.

The deadly tests of tests/kernel run here, one machine each, on COM1, E9 and screen; with
exit=1 the machine leaves with the status of a failure.
"""
import os
import re

import pytest

import recorder
import samples
from broken_image import Break
from machine import Setup
from qemu import Qemu, boot

DEADLY = {
    'die_freed_mapped': 'AU-02',
    'die_null': 'PF-06', 'die_heap_never': 'HP-05', 'die_heap_freed': 'HP-05',
    'die_heap_guard': 'HP-06', 'die_stack_overflow': 'SO-01', 'die_text_write': 'PF-03',
    'die_execute_data': 'PF-04', 'die_not_canonical': 'GP-01', 'die_undefined': 'EX-06',
    'die_divide': 'EX-00', 'die_assert': 'AS-01', 'die_double_free': 'HP-01',
    'die_freed_pointer': 'PF-06',
    'die_heap_written': 'HP-08', 'die_heap_overrun': 'HP-09',
    'die_stack_freed_twice': 'SO-03', 'die_stack_freed_in_use': 'SO-03',
    'die_stack_guard': 'SO-04', 'die_thread_overflow': 'SO-01',
    'die_bad_free': 'HP-02', 'die_init_order': 'IN-01', 'die_physical_pointer': 'PF-01',
    'die_nmi': 'NM-03', 'die_frame_twice': 'FR-04', 'die_frame_owner': 'FR-05',
    'die_frame_order': 'FR-06', 'die_frame_inside': 'FR-07', 'die_overflow': 'EX-04',
    'die_bound': 'EX-05', 'die_coprocessor': 'EX-09', 'die_reserved_vector': 'EX-31',
    'die_x87': 'EX-16', 'die_simd': 'EX-19', 'die_virtualization': 'EX-20',
    'die_hypervisor': 'EX-28', 'die_tss': 'EX-10', 'die_alignment': 'EX-17',
    'die_control_protection': 'EX-21', 'die_vmm': 'EX-29', 'die_security': 'EX-30',
    'die_stale_tlb': 'PF-10', 'die_no_memory': 'PF-11', 'die_debug': 'EX-01',
    'die_breakpoint': 'EX-03', 'die_no_fpu': 'EX-07', 'die_segment': 'EX-11',
    'die_stack_segment': 'EX-12', 'die_selector': 'GP-02', 'die_msr': 'GP-03',
    'die_control_register': 'GP-04', 'die_wild_jump': 'GP-05',
    'die_long_instruction': 'GP-06', 'die_stack_gone': 'DF-01',
    'die_write_nowhere': 'PF-02', 'die_call_nowhere': 'PF-07',
    'die_reserved_bit': 'PF-05', 'die_corrupt_table': 'PF-12', 'die_smap': 'PF-08',
    'die_smep': 'PF-09', 'die_stray_guard': 'SO-02', 'die_foreign_free': 'HP-03',
    'die_heap_books': 'HP-04', 'die_fault_forbidden': 'HP-07',
    'die_frame_books': 'FR-03', 'die_lock_twice': 'LK-01', 'die_lock_foreign': 'LK-02',
    'die_table_books': 'PT-01',
    'die_misaligned_stack': 'GP-06', 'die_gs_lost': 'CP-06', 'die_virtual_frame': 'FR-09',
    'die_circular_frames': 'EX-06', 'die_wild_frames': 'EX-06',
}
# These die again while they report: the first death's code; PN-02 follows.
TWICE = {
    'die_panic_in_panic': 'AS-01', 'die_fault_in_panic': 'AS-01',
    'die_in_end_hook': 'PF-06', 'die_panic_in_log': 'AS-01', 'die_fault_in_log': 'PF-06',
    'die_all_sinks': 'PF-06', 'die_in_explanation': 'PN-02',
    'die_report_overflow': 'PF-06',
}
# What needs more than to be named has tests of its own.
APART = {'die_triple_fault', 'die_recorder_gone', 'die_lock_held', 'die_heap_underrun',
         'die_frame_written'}
# Whole texts are compared in test_codes.py; these few are looked at from all sides here.
SHOWN = ('die_null', 'die_heap_guard', 'die_stack_overflow', 'die_text_write',
         'die_not_canonical', 'die_assert', 'die_stack_gone', 'die_nmi', 'die_frame_owner')


def deadly_names():
    """The list in the kernel's own table, so that a new one cannot be forgotten here."""
    path = os.path.join(samples.ROOT, 'tests', 'kernel', 'cases.h')
    with open(path, encoding='ascii') as file:
        text = file.read().partition('SELFTEST_DEADLY_LIST')[2].partition('#define')[0]
    return set(re.findall(r'\bT\((\w{2,})\)', text))


def test_every_deadly_test_is_listed():
    assert deadly_names() == {*DEADLY, *TWICE, *APART}


@pytest.mark.parametrize('name', SHOWN)
def test_death(name, image, rubbish):
    setup = Setup(image, mem='64M', config=f'test={name} log=info', rubbish=True)
    with Qemu(setup, wall=90, cpu_seconds=45, rubbish_folder=rubbish) as vm:
        result = vm.finish()
        assert result.reason == f'died {DEADLY[name]}', result
        line = result.details[-1]
        screen = vm.screen()
        assert vm.halted() and not vm.resets()
        e9 = vm.e9()
    assert line in e9.replace('\r', '')
    assert f'plinth: {DEADLY[name]}' in screen, screen
    for text in (result.serial, screen):
        assert f'docs/errors/{DEADLY[name]}.md' in text, text
    # A backtrace with names: at least one function of the kernel.
    said = result.serial.replace('\r', '')
    assert re.search(r'^ +at [0-9a-f]{16} \w+\+', said, re.M), result
    code = DEADLY[name]
    if code.startswith(('PF', 'SO')) or code in ('HP-05', 'HP-06'):
        assert 'PML4[' in result.serial, result


def test_last_log_lines(image, rubbish):
    """What no output showed is told by the report; the screen keeps its headline."""
    setup = Setup(image, mem='64M', config='test=die_assert log=info', rubbish=True)
    with Qemu(setup, wall=90, cpu_seconds=45, rubbish_folder=rubbish) as vm:
        result = vm.finish()
        screen, e9 = vm.screen(), vm.e9()
    for text in (result.serial, e9):
        above, _, report = text.replace('\r', '').partition('plinth: AS-01')
        assert 'nobody saw this' not in above
        told = report.partition('  last lines of the log')[2]
        told, _, end = told.partition('  explained in docs/errors/AS-01.md')
        *seen, hidden = told.splitlines()[1:]
        assert end and len(seen) >= 7, report
        assert re.fullmatch(r'  \* \[ *\d+\.\d+\] nobody saw this', hidden), report
        for line in seen:
            assert line.startswith('  | ') and line[4:] in above, line
    assert 'last lines of the log' not in screen and 'plinth: AS-01' in screen, screen


@pytest.mark.parametrize('name', ['die_null', 'die_assert', 'die_stack_overflow'])
def test_death_leaves_the_emulator(name, image, rubbish):
    setup = Setup(image, mem='64M', config=f'test={name} exit=1', rubbish=True)
    with Qemu(setup, wall=90, cpu_seconds=45, rubbish_folder=rubbish) as vm:
        result = vm.finish()
        assert vm.ended == 'bad', vm.ended
    assert result.reason == f'died {DEADLY[name]}', result


@pytest.mark.parametrize('config, ended', [('exit=1', 'bad'), ('exit=0', None)])
@pytest.mark.parametrize('code', ['EA-02', 'EA-08'])
def test_early_death_leaves_the_emulator(code, config, ended, build, rubbish, tmp_path):
    image = Break(build)
    image = image.returns('memmap_clean', -22) if code == 'EA-02' else \
        image.undefined('memmap_clean')
    setup = Setup(image.save(tmp_path / 'broken.img'), mem='64M', config=config,
                  rubbish=True)
    with Qemu(setup, wall=90, cpu_seconds=45, rubbish_folder=rubbish) as vm:
        result = vm.finish()
        assert result.reason == f'died {code}' and vm.ended == ended, (result, vm.ended)


@pytest.mark.parametrize('machine', ['pc', 'q35'])
def test_triple_fault_is_recognised(machine, image, rubbish):
    setup = Setup(image, mem='64M', machine=machine, disk='ahci',
                  config='test=die_triple_fault exit=1', rubbish=True)
    result = boot(setup, wall=90, cpu_seconds=45, rubbish_folder=rubbish)
    assert result.reason == 'triple fault', result
    assert any('RIP=ffffffff' in line for line in result.details), result


def test_death_at_the_first_step(build, rubbish, tmp_path):
    """Before the CPU is set up every output and the recorder hear of it already."""
    image = Break(build).returns('cpu_features_read').save(tmp_path / 'broken.img')
    setup = Setup(image, mem='64M', rubbish=True)
    with Qemu(setup, wall=90, cpu_seconds=45, rubbish_folder=rubbish) as vm:
        result = vm.finish()
        assert result.reason == 'died CP-01', result
        for text in (result.serial, vm.e9(), vm.screen()):
            assert 'plinth: CP-01 ' in text and 'docs/errors/CP-01.md' in text, text
        boot, = recorder.boots(vm.recorder_memory())
        assert boot.code == 'CP-01' and 'plinth: CP-01' in boot.log
        assert vm.halted() and not vm.resets()


def test_gp_is_never_called_a_page_fault(image, rubbish):
    setup = Setup(image, mem='64M', config='test=die_not_canonical exit=1', rubbish=True)
    result = boot(setup, wall=90, cpu_seconds=45, rubbish_folder=rubbish)
    assert 'canonical' in result.serial and 'plinth: PF' not in result.serial, result
