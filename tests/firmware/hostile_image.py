# SPDX-License-Identifier: MIT
"""Group X: images damaged on the medium, at each place that has a meaning. The firmware
is good; the damage is one flipped bit, or zeros."""
from disk_format import BASES, L

from hostile_case import STOPS, WARNS, Case

WHO = 'sticks pulled too early, half-written images'
SECOND = L['DISK_PARTITION']
HEAD = L['DISK_STAGE2_HEAD']


def flips(*places):
    """Damage: bit 3 of each byte."""
    def damage(data):
        for place in places:
            data[place] ^= 8
    return damage


def zeros(begin, count):
    def damage(data):
        data[begin:begin + count] = bytes(count)
    return damage


def both(offset):
    return flips(*(base + offset for base in BASES))


def loader_parts():
    yield Case('X1-head', "stage2's head, first copy", WHO, expect=WARNS, quirks=(30,),
               damage=flips(HEAD + 0x333))
    yield Case('X1-head-zero', "stage2's head, first copy is zero", WHO, expect=WARNS,
               quirks=(30,), damage=zeros(HEAD, L['STAGE2_HEAD_BYTES']))
    yield Case('X1-head-second', "stage2's head, second copy", WHO,
               damage=flips(SECOND + HEAD + 0x333))
    yield Case('X1-heads', "stage2's head, both copies", WHO, expect=STOPS,
               codes=('S1 C',), damage=both(HEAD + 0x333))
    yield Case('X1-body', "stage2's body, first copy", WHO, expect=WARNS, quirks=(12,),
               damage=flips(L['DISK_STAGE2_BODY'] + 0x1234))
    yield Case('X1-body-zero', "stage2's body, first copy is zero", WHO, expect=WARNS,
               quirks=(12,), damage=zeros(L['DISK_STAGE2_BODY'], 0x7000))
    yield Case('X1-body-second', "stage2's body, second copy", WHO,
               damage=flips(SECOND + L['DISK_STAGE2_BODY'] + 0x1234))
    yield Case('X1-bodies', "stage2's body, both copies", WHO, expect=STOPS,
               codes=('L-01',), damage=both(L['DISK_STAGE2_BODY'] + 0x1234))


def small_parts():
    yield Case('X1-manifest', 'manifest, first copy', WHO, expect=WARNS, quirks=(13,),
               damage=flips(L['DISK_MANIFEST'] + 100))
    yield Case('X1-manifest-second', 'manifest, second copy', WHO,
               damage=flips(SECOND + L['DISK_MANIFEST'] + 100))
    yield Case('X1-manifests', 'manifest, both copies', WHO, expect=STOPS,
               codes=('L-30',), damage=both(L['DISK_MANIFEST'] + 100))
    yield Case('X1-config', 'configuration, first copy', WHO, expect=WARNS, quirks=(14,),
               damage=flips(L['DISK_CONFIG'] + 12))
    yield Case('X1-config-second', 'configuration, second copy', WHO,
               damage=flips(SECOND + L['DISK_CONFIG'] + 12))
    yield Case('X1-crossed', 'first configuration and second manifest', WHO, expect=WARNS,
               quirks=(14,), damage=flips(L['DISK_CONFIG'] + 12,
                                          SECOND + L['DISK_MANIFEST'] + 100))
    yield Case('X1-table', 'partition table is zero', WHO,
               damage=zeros(L['MBR_PARTITIONS'], 64))
    yield Case('X1-bpb', 'BPB bytes are rubbish on the disk', 'Windows, rufus #17',
               damage=flips(*range(L['MBR_BPB_BEGIN'], L['MBR_BPB_END'])))
    yield Case('X1-stamp', 'time stamp of Windows 9x', 'Limine bootsect, Hyper f741ce6',
               damage=flips(*range(L['MBR_STAMP_BEGIN'], L['MBR_STAMP_END'])))
    yield Case('X1-signature', 'disk signature rewritten by an installer',
               'Hyper b2e6013', damage=flips(*range(L['MBR_DISK_SIGNATURE'],
                                                    L['MBR_PARTITIONS'])))


def payload():
    for name, offset in (('first', 5), ('chunk', 3 * L['CHUNK_BYTES'] + 17)):
        yield Case(f'X1-kernel-{name}', f'kernel, byte {offset}', WHO, expect=STOPS,
                   codes=('L-33',), damage=flips(L['DISK_PAYLOAD'] + offset))
    yield Case('X1-kernel-zero', 'kernel, a chunk is zero', WHO, expect=STOPS,
               codes=('L-33',), damage=zeros(L['DISK_PAYLOAD'] + L['CHUNK_BYTES'],
                                             L['CHUNK_BYTES']))


CASES = [*loader_parts(), *small_parts(), *payload()]
