# SPDX-License-Identifier: MIT
"""write-usb: every refusal, and that what it writes is what it says.

The computer is made up: a folder with the files of sysfs and /proc that count, plain
files as device nodes. One test takes a real loop device where the host lends one.
"""
import importlib.machinery
import importlib.util
import io
import os
import subprocess

import pytest

import block_devices
import disk_format as fmt
import samples
import stick
from disk_format import BASES, L, config_slot

ROOT = fmt.ROOT
MIB = 1 << 20
SIZE, SIZE_TEXT = 16 * MIB, '16.8 MB'


def load_tool():
    loader = importlib.machinery.SourceFileLoader(
        'write_usb', os.path.join(ROOT, 'scripts', 'write-usb'))
    spec = importlib.util.spec_from_loader('write_usb', loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


TOOL = load_tool()


class Computer(block_devices.System):
    """disks: a stick sdb with one partition, and a hard disk sda; tests edit files."""

    def __init__(self, root):
        super().__init__(str(root / 'sys'), str(root / 'proc'), str(root / 'dev'))
        self.root, self.nodes = root, {}
        self.put('proc/self/mountinfo', '22 1 8:1 / / rw - ext4 /dev/other rw\n')
        self.put('proc/swaps', 'Filename Type Size Used Priority\n')
        (root / 'dev').mkdir()
        self.add('sda', '8:0', removable=0, sectors=SIZE // 512, vendor='ACME', parts=1)
        self.add('sdb', '8:16', removable=1, sectors=SIZE // 512, vendor='Stick & Co',
                 parts=1)

    def put(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))

    def add(self, name, number, removable, sectors, vendor, parts=0, sector_bytes=512):
        here = f'sys/block/{name}'
        for file, text in (('dev', number), ('removable', removable), ('ro', 0),
                           ('size', sectors), ('device/vendor', vendor),
                           ('device/model', 'Model 1'),
                           ('queue/logical_block_size', sector_bytes)):
            self.put(f'{here}/{file}', text)
        node = self.root / 'dev' / name
        with open(node, 'wb') as file:
            file.write(b'old' * 999)
            file.truncate(512 * sectors)
        self.nodes[str(node)] = number
        major, minor = map(int, number.split(':'))
        for part in range(1, parts + 1):
            self.put(f'{here}/{name}{part}/partition', part)
            self.put(f'{here}/{name}{part}/dev', f'{major}:{minor + part}')
            (self.root / 'dev' / f'{name}{part}').touch()
            self.nodes[f'{node}{part}'] = f'{major}:{minor + part}'

    def number_of(self, path):
        os.stat(path)
        return self.nodes.get(str(path), '')



@pytest.fixture(scope='module')
def image(tmp_path_factory):
    return str(samples.sealed(tmp_path_factory.mktemp('image')))


@pytest.fixture
def computer(tmp_path):
    return Computer(tmp_path)


@pytest.fixture
def call(computer, capsys, monkeypatch):
    """call(words, answer) -> (exit code, stdout, stderr)"""
    def run(*words, answer=''):
        monkeypatch.setattr('sys.stdin', io.StringIO(answer))
        code = TOOL.main([str(word) for word in words], computer)
        out, errors = capsys.readouterr()
        return code, out, errors
    return run


def content(path, count=None):
    with open(path, 'rb') as file:
        return file.read(count)


def test_list_shows_removable_disks_only(call, computer):
    computer.put('proc/self/mountinfo', '22 1 8:17 / /media/my\\040stick rw - vfat x rw\n')
    code, out, _ = call('--list')
    assert code == 0 and len(out.splitlines()) == 1
    for word in (computer.node('sdb'), SIZE_TEXT, 'Stick & Co', '/media/my stick'):
        assert word in out


def test_list_without_any(call, computer):
    computer.put('sys/block/sdb/removable', 0)
    assert call('--list')[1] == 'no removable disk is attached\n'


def test_a_card_in_a_fixed_slot_counts_as_removable(call, computer):
    computer.add('mmcblk0', '179:0', 0, SIZE // 512, '')
    computer.put('sys/block/mmcblk0/device/type', 'SD')
    assert 'mmcblk0' in call('--list')[1]
    computer.put('sys/block/mmcblk0/device/type', 'MMC')
    assert 'mmcblk0' not in call('--list')[1]


@pytest.mark.parametrize('answer', [SIZE_TEXT, '16.8mb', ' 16.8  MB '])
def test_written_and_read_back(answer, call, computer, image):
    code, out, errors = call(image, computer.node('sdb'), answer=answer + '\n')
    assert code == 0 and 'written, read back, equal' in out, errors
    assert content(computer.node('sdb'), 8 * MIB) == content(image)
    assert call('--verify', computer.node('sdb'), image)[0] == 0
    assert call('--verify', computer.node('sdb'))[0] == 0


@pytest.mark.parametrize('answer', ['', 'yes', 'y', '16.8', '16.8 GB', '/dev/sdb'])
def test_nothing_is_written_without_the_size(answer, call, computer, image):
    before = content(computer.node('sdb'))
    code, _, errors = call(image, computer.node('sdb'), answer=answer + '\n')
    assert code == 2 and f"is not '{SIZE_TEXT}'" in errors
    assert content(computer.node('sdb')) == before


def mounted(number, point='/mnt', source='/dev/x'):
    return ('proc/self/mountinfo', f'22 1 {number} / {point} rw - ext4 {source} rw\n')


REFUSALS = [
    ('sdb', [mounted('8:17', '/home')], 'it is mounted: sdb1 on /home'),
    ('sdb', [mounted('8:16')], 'it is mounted: sdb on /mnt'),
    ('sdb', [mounted('8:17', '/')], 'this system runs from it'),
    ('sdb', [mounted('0:45', '/mnt', '{dev}/sdb1')], 'it is mounted: sdb1 on /mnt'),
    ('sdb', [('proc/swaps', 'Filename Type\n{dev}/sdb1 partition\n')], 'swaps to it'),
    ('sdb', [('sys/block/sdb/holders/dm-0', '')], 'part of dm-0 (sdb)'),
    ('sdb', [('sys/block/sdb/sdb1/holders/md127', '')], 'part of md127 (sdb1)'),
    ('sda', [], 'this system runs from it (sda1 on /)'),
    ('sda', [mounted('9:9')], 'it is not removable'),
    ('sdb', [('sys/block/sdb/ro', 1)], 'write-protected'),
    ('sdb', [('sys/block/sdb/size', 0)], 'no medium'),
    ('sdb', [('sys/block/sdb/size', 100)], 'it has 51200 bytes, the image needs'),
    ('sdb1', [], 'a partition; the image is for the whole disk'),
    ('sdc', [], 'No such file'),
]


@pytest.mark.parametrize('name, edits, reason', REFUSALS, ids=[r[2] for r in REFUSALS])
def test_refusals(name, edits, reason, call, computer, image):
    for path, text in edits:
        computer.put(path, str(text).replace('{dev}', str(computer.root / 'dev')))
    nodes = [computer.node(n) for n in ('sda', 'sdb', 'sdb1')]
    before = [content(node) for node in nodes]
    code, out, errors = call(image, computer.node(name), answer=SIZE_TEXT + '\n')
    assert code == 2 and reason in errors and 'Type' not in out, (out, errors)
    assert len(errors.splitlines()) == 1
    assert [content(node) for node in nodes] == before
    assert not os.path.exists(computer.node('sdc'))


def test_a_plain_file_is_no_disk(call, tmp_path, image):
    path = tmp_path / 'file'
    path.write_bytes(bytes(SIZE))
    code, _, errors = call(image, path, answer='16.8 MB\n')
    assert code == 2 and 'not a disk' in errors and content(path) == bytes(SIZE)


def test_a_loop_device_only_when_asked_for(call, computer, image):
    computer.add('loop3', '7:3', 0, SIZE // 512, '')
    words = image, computer.node('loop3')
    code, _, errors = call(*words, answer=SIZE_TEXT + '\n')
    assert code == 2 and '--loop allows them' in errors
    assert call('--loop', *words, answer=SIZE_TEXT + '\n')[0] == 0


def test_a_damaged_image_is_not_written(call, computer, image, tmp_path):
    data = bytearray(content(image))
    data[L['DISK_PAYLOAD'] + 5] ^= 1
    bad = tmp_path / 'bad.img'
    bad.write_bytes(data)
    code, _, errors = call(bad, computer.node('sdb'), answer=SIZE_TEXT + '\n')
    assert code == 2 and 'chunks' in errors


def test_somebody_elses_image_is_not_written(call, computer, tmp_path):
    other = tmp_path / 'other.img'
    other.write_bytes(bytes(510) + b'\x55\xaa' + bytes(MIB))
    code, _, errors = call(other, computer.node('sdb'), answer=SIZE_TEXT + '\n')
    assert code == 2 and 'not a Plinth image' in errors


def test_large_sectors_get_their_own_table(call, computer, image):
    computer.put('sys/block/sdb/queue/logical_block_size', 4096)
    assert call(image, computer.node('sdb'), answer=SIZE_TEXT + '\n')[0] == 0
    written = content(computer.node('sdb'))
    for base in BASES:
        at = base + L['MBR_PARTITIONS']
        assert written[at:at + 16] == fmt.partition_entry(8 * MIB, 4096)
    assert call('--verify', computer.node('sdb'), image)[0] == 0
    assert call('--verify', computer.node('sdb'))[0] == 0


def test_a_stick_that_forgets_is_told(call, computer, image, monkeypatch):
    honest = os.pwrite

    def forgetful(handle, data, at):
        honest(handle, bytes(data[:-1]) + b'\xff' if at == 2 * MIB else data, at)
        return len(data)
    monkeypatch.setattr(stick.os, 'pwrite', forgetful)
    code, _, errors = call(image, computer.node('sdb'), answer=SIZE_TEXT + '\n')
    assert code == 3 and f'byte {3 * MIB - 1:#x} came back otherwise' in errors


def test_a_stick_that_fails_is_told(call, computer, image, monkeypatch):
    def failing(handle, data, at):
        raise OSError(5, 'Input/output error')
    monkeypatch.setattr(stick.os, 'pwrite', failing)
    code, _, errors = call(image, computer.node('sdb'), answer=SIZE_TEXT + '\n')
    assert code == 3 and 'writing at byte 0x0: Input/output error' in errors


def written_stick(call, computer, image):
    assert call(image, computer.node('sdb'), answer=SIZE_TEXT + '\n')[0] == 0
    return computer.node('sdb')


def test_verify_finds_one_flipped_bit(call, computer, image):
    path, at = written_stick(call, computer, image), L['DISK_PAYLOAD'] + 40000
    data = bytearray(content(path))
    data[at] ^= 4
    with open(path, 'wb') as file:
        file.write(data)
    code, out, _ = call('--verify', path, image)
    assert code == 1 and f'byte {at:#x}: differs from the image' in out
    code, out, _ = call('--verify', path)
    assert code == 1 and 'chunks' in out


def test_verify_forgives_a_changed_configuration(call, computer, image):
    path = written_stick(call, computer, image)
    with open(path, 'r+b') as file:
        for base in BASES:
            file.seek(base + L['DISK_CONFIG'])
            file.write(config_slot('log=debug'))
    code, out, _ = call('--verify', path, image)
    assert code == 0 and 'the configuration differs, which is no damage' in out


@pytest.mark.parametrize('at', [base + L[name] + 40 for base in BASES
                                for name in ('DISK_CONFIG', 'DISK_RECORDER')])
def test_verify_forgives_no_damage_in_slots_that_change(at, call, computer, image):
    path = written_stick(call, computer, image)
    with open(path, 'r+b') as file:
        file.seek(at)
        file.write(b'\x5a')
    code, out, _ = call('--verify', path, image)
    assert code == 1 and 'differs and breaks its own rules' in out and 'BAD, 1 ' in out
    code, out, _ = call('--verify', path)     # the same verdict without the image
    assert code == 1 and 'BAD' in out


def test_verify_of_a_short_disk(call, computer, image):
    path = written_stick(call, computer, image)
    os.truncate(path, 3 * MIB)
    code, _, errors = call('--verify', path, image)
    assert code == 1 and 'ends at byte 0x300000' in errors
    assert call('--verify', path)[0] == 1


def test_an_image_without_a_device_is_a_wrong_call(call, computer, image):
    code, out, errors = call(image)
    assert code == 2 and computer.node('sdb') in out and 'no DEVICE given' in errors
    assert call('--list', image)[0] == 0


def test_the_source_is_not_the_target(call, computer, image, tmp_path):
    computer.add('sdc', '8:32', 1, 8 * MIB // 512, '')
    node = computer.node('sdc')
    assert call(image, node, answer='8.4 MB\n')[0] == 0
    code, _, errors = call(node, node, answer='8.4 MB\n')
    assert code == 2 and 'it is the disk that would be written' in errors
    computer.add('loop3', '7:3', 0, SIZE // 512, '')
    computer.put('sys/block/loop3/loop/backing_file', image)
    link = tmp_path / 'link.img'
    link.symlink_to(image)
    code, _, errors = call('--loop', link, computer.node('loop3'),
                           answer=SIZE_TEXT + '\n')
    assert code == 2 and 'a loop device of this very file' in errors


def test_the_end_of_input_is_no_answer(call, computer, image):
    code, _, errors = call(image, computer.node('sdb'))
    assert code == 2 and 'the input ended before' in errors


def test_what_is_no_disk_is_named(call, computer, image, tmp_path):
    computer.add('zram0', '252:0', 0, SIZE // 512, '')
    assert 'not a disk but a RAM disk' in call(image, computer.node('zram0'))[2]
    assert 'not a disk but a directory' in call(image, tmp_path)[2]


@pytest.mark.parametrize('words', [(), ('--verify', 'a', 'b', 'c'),
                                   ('--list', '--verify', 'a'), ('--list', 'a', 'b')])
def test_wrong_calls(words, call):
    code, _, errors = call(*words)
    assert code == 2 and len(errors.splitlines()) == 1


def test_a_real_loop_device(tmp_path, image):
    backing = tmp_path / 'backing'
    backing.write_bytes(bytes(SIZE))
    done = subprocess.run(['losetup', '-f', '--show', backing], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        pytest.skip(f'no loop device: {done.stderr.strip()}')
    device = done.stdout.strip()
    try:
        tool = os.path.join(ROOT, 'scripts', 'write-usb')
        done = subprocess.run([tool, '--loop', image, device], input=SIZE_TEXT + '\n',
                              capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        for words in ((), (image,)):
            assert subprocess.run([tool, '--verify', device, *words], timeout=120,
                                  stdout=subprocess.DEVNULL, check=False).returncode == 0
    finally:
        subprocess.run(['losetup', '-d', device], check=True)
    assert content(backing, 8 * MIB) == content(image)
