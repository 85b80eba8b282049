# SPDX-License-Identifier: MIT
"""image.py check on images of somebody else: what BIOSes ask of any, and no more."""
import struct
import subprocess

import pytest

from samples import image_tool

MIB = 1 << 20
TABLE = 0x1BE


def entry(status, kind, first, count, end=b'\xfe\xff\xff'):
    return bytes((status, 1, 1, 0, kind)) + end + struct.pack('<II', first, count)


def good_image():
    """Two partitions, the first one active and bootable: nothing to complain about."""
    data = bytearray(4 * MIB)
    data[:3] = b'\xeb\x58\x90'
    data[0x1B8:0x1BC] = b'\x12\x34\x56\x78'
    data[TABLE:TABLE + 32] = entry(0x80, 0x83, 2048, 2048) + entry(0, 0xDA, 4096, 4096)
    data[510:512] = data[MIB + 510:MIB + 512] = b'\x55\xaa'
    return data


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'other.img'


def marks(path):
    """{rule: ok, warn or BAD}; the exit status must agree."""
    code, out, errors = image_tool('check', path)
    first, *lines = out.splitlines()
    assert 'not a Plinth image' in first, (out, errors)
    found = {line.split()[1]: line.split()[0] for line in lines}
    assert code == ('BAD' in found.values()), out
    return found


def test_a_good_one_has_nothing_but_ok(path):
    path.write_bytes(good_image())
    assert set(marks(path).values()) == {'ok'}


EDITS = [
    ('size-sectors', 'BAD', lambda d: d.append(0)),
    ('size-mib', 'warn', lambda d: d.extend(bytes(512))),
    ('code-jump', 'warn', lambda d: d.__setitem__(slice(0, 2), b'\xfa\xfc')),
    ('code-bpb', 'warn', lambda d: d.__setitem__(slice(0, 4), b'\x33\xc0\x8e\xd0')),
    ('code-time-stamp', 'warn', lambda d: d.__setitem__(0xDB, 0x90)),
    ('disk-signature', 'warn', lambda d: d.__setitem__(slice(0x1B8, 0x1BC), bytes(4))),
    ('partition-table', 'warn', lambda d: d.__setitem__(slice(TABLE, 510), bytes(64))),
    ('partition-table', 'warn', lambda d: d.__setitem__(TABLE, 0x31)),
    ('partition-active-one', 'BAD', lambda d: d.__setitem__(TABLE + 16, 0x80)),
    ('partition-active', 'warn', lambda d: d.__setitem__(TABLE, 0)),
    ('partition-type', 'warn', lambda d: d.__setitem__(TABLE + 4, 0)),
    ('partition-gpt', 'warn', lambda d: d.__setitem__(TABLE + 20, 0xEE)),
    ('partition-chs', 'warn', lambda d: d.__setitem__(TABLE + 5, 239)),
    ('partition-inside', 'BAD', lambda d: d.__delitem__(slice(3 * MIB, None))),
    ('partition-start', 'warn', lambda d: d.__setitem__(slice(TABLE + 8, TABLE + 12),
                                                        bytes(4))),
    ('partition-overlap', 'BAD', lambda d: d.__setitem__(TABLE + 24 + 1, 0x0C)),
    ('partition-boots', 'warn', lambda d: d.__setitem__(MIB + 511, 0)),
]


@pytest.mark.parametrize('rule, mark, edit', EDITS, ids=[e[0] for e in EDITS])
def test_each_rule_bites(rule, mark, edit, path):
    data = good_image()
    edit(data)
    path.write_bytes(data)
    assert marks(path)[rule] == mark


def test_a_partition_far_away(path):
    with open(path, 'wb') as file:
        data = good_image()
        data[TABLE:TABLE + 16] = entry(0x80, 0x83, 80 * 2048, 2048)
        file.write(data)
        file.truncate(128 * MIB)
    assert marks(path)['reach'] == 'warn'


def test_a_small_one(path):
    path.write_bytes(good_image()[:64 << 10])
    assert marks(path)['size-least'] == 'warn'


def test_a_dos_floppy_boots_somewhere(path):
    subprocess.run(['mformat', '-C', '-f', '1440', '-i', path, '::'], check=True)
    found = marks(path)
    assert found['code-bpb'] == 'ok' and 'BAD' not in found.values()


def test_a_cd_image_says_what_it_is(path):
    data = bytearray(MIB)
    data[0x8001:0x8006] = b'CD001'
    path.write_bytes(data)
    code, out, errors = image_tool('check', path)
    assert (code, out) == (2, '') and 'a CD image without a boot sector' in errors


def test_show_and_set_refuse_it(path):
    path.write_bytes(good_image())
    for words in (('show', path), ('set', path, 'a=b')):
        code, _, errors = image_tool(*words)
        assert code == 2 and 'not a Plinth image' in errors
    assert path.read_bytes() == good_image()
