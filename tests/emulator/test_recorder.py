# SPDX-License-Identifier: MIT
"""The flight recorder: what one boot leaves, the next one tells, by name.

Deaths, triple faults and resets of a running machine, read by stage2, by the kernel, by
the host's tools; on QEMU's two machines and on Bochs.
"""
import os
import re
import subprocess

import pytest

import ktap
import recorder
from bochs import Bochs, BochsSetup
from broken_image import Break
from disk_format import L, Image
from machine import Setup
from qemu import Qemu
from samples import SCRIPTS, image_tool

PROMPT = r'^plinth> '
MACHINES = [('pc', 'ide'), ('q35', 'ahci')]
LIMITS = {'wall': 120, 'cpu_seconds': 60}


class Story:
    """A machine that boots again and again, and what each boot said."""

    def __init__(self, vm):
        self.vm = vm
        self.begin = self.at = 0
        self.until_prompt()

    def until_prompt(self):
        found = self.vm.wait_for(PROMPT, after=self.at, resets=99, seconds=60)
        self.at = found.end()

    def said(self):
        """Since the last reset."""
        return ktap.plain(self.vm.serial)[self.begin:]

    def type(self, line):
        self.vm.send(line + '\r')

    def ask(self, line):
        start = self.at
        self.type(line)
        self.until_prompt()
        return ktap.plain(self.vm.serial)[start:self.at]

    def reset(self):
        """The button on the case."""
        self.vm.pump(0.2)
        self.next_boot(lambda: self.vm.command('system_reset'))

    def next_boot(self, cause):
        self.begin = self.at = self.vm.mark()
        cause()
        self.until_prompt()

    def told_by_loader(self):
        """stage2's line about the boot before, or None."""
        found = re.search(r'^plinth: (previous boot .*)$', self.said(), re.M)
        return found and found[1]

    def told_by_kernel(self):
        found = re.search(r'^\[.*warning: (previous boot .*)$', self.said(), re.M)
        return found and found[1]


@pytest.fixture(params=MACHINES, ids=['pc', 'q35'])
def story(request, image, rubbish):
    machine, disk = request.param
    setup = Setup(image, mem='64M', machine=machine, disk=disk, rubbish=True,
                  config='log=info')
    with Qemu(setup, rubbish_folder=rubbish, **LIMITS) as vm:
        yield Story(vm)


def test_first_boot_has_nothing_to_tell(story):
    """RAM is full of rubbish, and none of it is believed."""
    assert story.told_by_loader() is None and story.told_by_kernel() is None
    assert 'no earlier boot is on record' in story.said()
    assert 'no earlier boot is on record' in story.ask('lastboot')


@pytest.mark.parametrize('test, code, vector, place, words', [
    ('die_null', 'PF-06', 14, r'test_die_null\+0x[0-9a-f]+', 'null pointer'),
    ('die_stack_overflow', 'SO-01', 8, r'\w+\+0x[0-9a-f]+', 'overflow'),
    ('die_assert', 'AS-01', None, r'assert_fail\+0x[0-9a-f]+', 'assertion'),
])
def test_death_is_told(story, test, code, vector, place, words):
    story.type(f'test {test}')
    story.vm.wait_for(f'explained in docs/errors/{code}.md', after=story.at)
    story.reset()
    headline = f"previous boot died: {code} at 'prompt', RIP "
    assert re.fullmatch(headline + r'image\+0x[0-9a-f]+', story.told_by_loader())
    assert re.fullmatch(headline + place, story.told_by_kernel()), story.said()
    assert re.search(rf'\| plinth: {code} .*{words}', story.said()), story.said()

    text = story.ask('lastboot')
    assert re.search(rf"^boot 1 died: {code} at 'prompt', RIP {place}$", text, re.M), text
    assert ('exception' in text) == (vector is not None)
    if vector is not None:
        assert f'exception {vector} ' in text
    for fact in ('this same build', 'CR2 V:', 'CR3 P:', 'image at V:ffffffff',
                 'us  stage1', 'us  prompt', f'  | plinth> test {test}', f'  | plinth: {code} ',
                 'explained in docs/errors/'):
        assert fact in text, (fact, text)
    # It is history: no line of it may look like a death of this boot.
    assert ktap.death(story.said()) is None

    # Told once. The next boot hears only of a clean end.
    story.next_boot(lambda: story.type('reboot'))
    assert story.told_by_loader() is None and story.told_by_kernel() is None


def test_triple_fault_is_told(story):
    story.next_boot(lambda: story.type('test die_triple_fault'))
    for told in (story.told_by_loader(), story.told_by_kernel()):
        assert told == "previous boot ended without a word at 'prompt'", story.said()
    assert '  | plinth> test die_triple_fault' in story.said()
    text = story.ask('lastboot')
    assert "boot 1 ended without a word at 'prompt'" in text
    assert 'exception' not in text and '  | 1..1' in text


def test_death_without_the_recorder(image, rubbish):
    """The recorder's own mapping is gone: the report is made without it, and ends."""
    setup = Setup(image, mem='64M', config='test=die_recorder_gone exit=1', rubbish=True)
    with Qemu(setup, rubbish_folder=rubbish, **LIMITS) as vm:
        result = vm.finish()
    assert result.reason == 'died PN-02', result
    assert 'page fault at V:' in result.details[-1]


def test_reset_button_is_told(story):
    story.ask('mem')
    story.reset()
    assert story.told_by_kernel() == "previous boot ended without a word at 'prompt'"
    assert '  | plinth> mem' in story.ask('lastboot')


def test_clean_ends_report_nothing(story):
    story.next_boot(lambda: story.type('reboot'))
    assert story.told_by_loader() is None and story.told_by_kernel() is None
    assert 'boot 2' in story.said() and story.vm.resets()
    assert "boot 1 ended on purpose at 'prompt'" in story.ask('lastboot')
    story.type('halt')
    story.vm.wait_for('^halted', after=story.at, resets=99)
    story.reset()
    assert story.told_by_loader() is None and story.told_by_kernel() is None
    assert 'boot 3' in story.said()


def test_many_boots_use_the_banks_in_turn(story):
    for number in range(2, 6):
        story.reset()
        found = recorder.boots(story.vm.recorder_memory())
        assert [boot.count for boot in found] == [number, number - 1]
        assert found[1].was_read and not found[1].ended and not found[0].was_read
        assert f'boot {number - 1} ended without a word' in story.ask('lastboot')


def test_both_sides_read_the_same(story):
    """The kernel's view of the last boot, and the host's of the same memory."""
    story.type('test die_text_write')
    story.vm.wait_for(r'explained in docs/errors/PF-03\.md', after=story.at)
    story.reset()
    image = Image(story.vm.setup.image)
    text = story.ask('lastboot')
    now, dead = recorder.boots(story.vm.recorder_memory())
    # Showing the old log leaves the new one as it was.
    assert 'previous boot died: PF-03' in now.log and 'us  prompt' not in now.log
    assert f'boot 1 {dead.headline(recorder.image_names(image))}\n' in text
    assert 'PF-03' == dead.code and dead.exception[0] & 0xFF == 14
    for line in dead.log_lines():
        assert line[:200].rstrip() in text, line   # the kernel cuts what is longer
    assert dead.build_id == image.head['build_id']
    assert [number for number, _ in dead.milestones] == list(range(17))
    assert dead.exception[2] == dead.death[2] != 0 and dead.exception[1] == dead.death[1]


def test_another_build_is_not_named(story):
    """Names of one build say nothing about another: the distance is printed instead."""
    story.type('test die_null')
    story.vm.wait_for('explained in', after=story.at)
    dead = recorder.boots(story.vm.recorder_memory())[0]
    names = recorder.image_names(Image(story.vm.setup.image))
    assert 'RIP test_die_null+' in dead.headline(names)
    names.build_id = bytes(20)
    assert re.search(r'RIP image\+0x[0-9a-f]+$', dead.headline(names))
    assert dead.headline(None) == dead.headline(names)


# --- Bochs

@pytest.mark.parametrize('bios', [
    'latest', pytest.param('seabios', marks=pytest.mark.full)])
@pytest.mark.parametrize('test, told, named', [
    ('die_null', "died: PF-06 at 'report', RIP image", 'RIP test_die_null+0x'),
    ('die_stack_overflow', "died: SO-01 at 'report', RIP image", 'died: SO-01'),
    ('die_triple_fault', "ended without a word at 'report'", "a word at 'report'"),
])
def test_bochs(test, told, named, bios, build, tmp_path):
    """A death halts, and nobody can press a button there: the way out of the emulator is
    turned into a triple fault, so that each boot is followed by the next."""
    image = Break(build).triple_fault('emulator_exit').save(tmp_path / 'broken.img')
    setup = BochsSetup(image, mem='64M', bios=bios, reset_on_triple_fault=True,
                       config=f'test={test} exit=1 log=info')
    with Bochs(setup, wall=150) as vm:
        vm.wait_for(r'^\[.*warning: previous boot [^\n]*\n(?s:.*?)Plinth is up')
        said = ktap.plain(vm.serial)
    assert f'plinth: previous boot {told}' in said, said[-3000:]
    line = re.search(r'^\[.*warning: previous boot .*$', said, re.M)[0]
    assert named in line, line


# --- the host's tools

def run_tool(tool, *words):
    done = subprocess.run(
        ['timeout', '-k', '2', '120', '/usr/bin/python3', os.path.join(SCRIPTS, tool),
         *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        errors='replace')
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize('batch', [True, False], ids=['batch', 'interactive'])
def test_run_tells_of_a_triple_fault(batch, image):
    status, out, errors = run_tool(
        'run.py', *['--batch'] * batch, '--image', image, '--mem', '64M',
        '--config', 'test=die_triple_fault log=info')
    assert status == 4, errors
    for words in ('triple fault', "boot 1 ended without a word at 'report'",
                  'the CPU stood at test_die_triple_fault+0x', '  | 1..1'):
        assert words in errors, (words, errors)
    assert ktap.plain(out).count('previous boot ended without a word') >= 2, out[-2000:]


@pytest.mark.parametrize('disk', ['ide', 'nvme4k'])
def test_slot_on_the_disk(disk, image, rubbish):
    """recorder=disk: the next boot writes it down, another computer reads it."""
    setup = Setup(image, mem='64M', disk=disk, config='recorder=disk', rubbish=True)
    with Qemu(setup, rubbish_folder=rubbish, **LIMITS) as vm:
        story, path = Story(vm), vm.path('disk.img')
        assert image_tool('lastboot', path)[0] == 1
        story.type('test die_null')
        vm.wait_for('explained in', after=story.at)
        story.reset()
        status, out, errors = image_tool('lastboot', path)
        assert (status, errors) == (0, '')
        story.next_boot(lambda: story.type('reboot'))
        assert image_tool('lastboot', path)[1] == out   # a clean end writes nothing
        assert image_tool('check', path)[0] == 0
    for words in ("boot 1 died: PF-06 at 'prompt', RIP test_die_null+0x", 'exception 14',
                  'ticks  prompt', '  | plinth: PF-06 null pointer'):
        assert words in out, (words, out)


def test_without_the_key_the_disk_is_not_written(image, rubbish):
    setup = Setup(image, mem='64M', config='log=info', rubbish=True)
    with Qemu(setup, rubbish_folder=rubbish, **LIMITS) as vm:
        story = Story(vm)
        story.next_boot(lambda: story.type('test die_triple_fault'))
        with open(vm.path('disk.img'), 'rb') as file:
            file.seek(L['DISK_RECORDER'])
            assert not any(file.read(L['RECORDER_BYTES']))


def test_lastboot_of_a_damaged_slot(image, tmp_path):
    """Rubbish in the slot is no boot, and no empty slot."""
    path = tmp_path / 'image.img'
    data = bytearray(open(image, 'rb').read())
    at = L['DISK_RECORDER']
    data[at:at + L['RECORDER_BYTES']] = os.urandom(L['RECORDER_BYTES'])
    path.write_bytes(data)
    status, out, errors = image_tool('lastboot', path)
    assert (status, out) == (1, '')
    assert f'the recorder at byte {at:#x} is damaged' in errors
    status, out, errors = image_tool('lastboot', image)
    assert (status, errors) == (1, '') and 'no boot is on record' in out
    assert image_tool('lastboot', tmp_path / 'nothing.img')[0] == 2


def test_the_host_reads_what_the_format_says():
    """One record by hand: the host's reader agrees with the header's words."""
    raw = bytearray(recorder.RECORD.pack(1, recorder.R['RECORD_HEAD'], 0,
                                         (1).to_bytes(8, 'little') + bytes(40), 0, 0))
    value = 0x504C5243
    for i in range(0, 60, 4):
        value = (value << 5 & 0xFFFFFFFF | value >> 27) ^ int.from_bytes(raw[i:i + 4],
                                                                         'little')
    raw[60:64] = value.to_bytes(4, 'little')
    bank = bytes(raw) + bytes(recorder.R['RECORDER_BANK_BYTES'] - 64)
    assert recorder.read_bank(bank).count == 1
    for bit in range(512):
        broken = bytearray(bank)
        broken[bit // 8] ^= 1 << bit % 8
        assert recorder.read_bank(bytes(broken)) is None, bit
