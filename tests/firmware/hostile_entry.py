# SPDX-License-Identifier: MIT
"""Groups E (how the image is entered), V (screen) and K (keyboard)."""
from disk_format import L

from hostile_case import BOTH, STOPS, WARNS, Case
from shim import ANY, REFUSE, SERVE, Rule, Scenario

IF, DF, NT, AC = 1 << 9, 1 << 10, 1 << 14, 1 << 18
PARTITION_LBA = L['DISK_PARTITION'] // 512
NO_VBE_ASKED = 'the loader uses no VBE'
SHIFT, CTRL = 1, 4


def entries():
    yield Case('E1-07c0', 'entered at 07C0:0000', 'GRUB boot.S, Memtest86+ mbr.S',
               Scenario(entry=(0x07C0, 0)), mini='B', emulators=BOTH)
    yield Case('E2-flags', 'DF=1, IF=0, NT and AC set, odd segments',
               'Bochs, Hyper e29a1c6', Scenario(entry_flags=2 | DF | NT | AC,
                                                entry_segments=0x1235), mini='B',
               emulators=BOTH)
    for stack in ((0x0000, 0x7C00), (0x8000, 0xFFFE), (0x07C0, 0x0200)):
        name = f'{stack[0]:04x}'
        yield Case(f'E3-{name}', 'upper halves A5A5h, SS:SP = '
                   f'{stack[0]:04X}:{stack[1]:04X}', 'iPXE 73eb3f17 (DUET)',
                   Scenario(entry_stack=stack, flags=('UPPER',),
                            entry_segments=0xFFFF), mini='B', emulators=BOTH)
    yield Case('E4-bpb', 'BPB bytes 0Bh..24h overwritten',
               'ThinkPad (FreeBSD boot1), Limine c50e02ec, rufus #17',
               Scenario(flags=('BPB',), seed=0xBADB), shows=('BPB overwritten',),
               mini='B', emulators=BOTH)
    for drive in (0x00, 0x01, 0x7F, 0x81, 0xFF):
        yield Case(f'E5-{drive:02x}', f'DL = {drive:02X}h, the image is at 80h',
                   'Phoenix 4.0r6 (FDOS/fdisk #82), GRUB e0337366, FreeBSD pmbr',
                   Scenario(entry_dl=drive), WARNS, (1,), mini='B',
                   emulators=BOTH if drive == 0 else ('qemu',))


def zip_drives():
    who = 'USB-ZIP BIOSes (RMPrepUSB, MSFN 120444), GRUB 67140446'
    yield Case('E6-zip', "started from the partition, whose start is added to each LBA",
               who, Scenario(base_lba=PARTITION_LBA), WARNS, (2,), emulators=BOTH)
    yield Case('E6-zip-00', 'the same, and the drive is 00h', who,
               Scenario(base_lba=PARTITION_LBA, drive=0, entry_dl=0), WARNS, (2,))
    yield Case('E6-zip-chs', 'the same, without packet reads', who,
               Scenario(base_lba=PARTITION_LBA, drive=0, entry_dl=0, geometry=(64, 32),
                        rules=(Rule('FAIL', 0x41, 0x01), Rule('FAIL', 0x42, 0x01))),
               WARNS, (2, 4), shows=('fails with 01 AH=41',))


def a20_gates():
    closed = ('A20_OFF',)
    yield Case('E7-bios', 'A20 closed, 2401h opens it', 'every PC',
               Scenario(flags=closed), WARNS, (20,), shows=('A20 is closed',), mini='B',
               emulators=BOTH)
    yield Case('E7-refused', 'A20 closed, 2401h refused', 'BIOSes before PS/2',
               Scenario(flags=closed, a20=REFUSE), WARNS, (20,),
               shows=('A20 is closed', '2401 refused'), emulators=BOTH)
    yield Case('E7-lies', 'A20 closed, 2401h says yes, does nothing, leaves IF=0',
               'SYSLINUX pm.inc, Linux a20.c, Limine #386 (HP 5800)',
               Scenario(flags=closed, a20=SERVE), WARNS, (20,),
               shows=('A20 is closed', '2401 says yes'), emulators=BOTH)
    yield Case('E7-no-i8042', 'A20 open, there is no keyboard controller',
               'BareMetal-OS #143', Scenario(), mini='B', machine_options='i8042=off')


def screens():
    yield Case('V1-spoils', 'INT 10h destroys AX, BX, CX, DX, SI, DI, BP',
               'FDOS/kernel PR #222, SYSLINUX',
               Scenario(flags=('10_SPOILS',), shifts=SHIFT), WARNS, (29,),
               shows=('int 10h spoils',), mini='B', emulators=BOTH)
    yield Case('V1-spoils-dies', 'the same while an error is told', 'FDOS/kernel PR #222',
               Scenario(flags=('10_SPOILS',), rules=(Rule('FAIL', ANY, 0x20, nth=8),)),
               STOPS, codes=('L-07',), shows=('int 10h spoils', 'fails with 20'),
               mini='E')
    for flag, what, who in (('NO_VBE', 'there is no VBE', 'plain VGA'),
                            ('NO_MODES', 'VBE tells nothing of its modes',
                             'Hyper 238b525'),
                            ('NO_LFB', 'VBE puts the frame buffer at 0',
                             'Hyper 7662ef1')):
        name = flag.lower().replace('_', '-')
        yield Case(f'V1-{name}', what, who, Scenario(flags=(flag,)),
                   shows=('VBE|frame buffer',), unasked=NO_VBE_ASKED)


def keyboards():
    yield Case('K1-stale', 'INT 16h returns three keys nobody pressed', 'FreeBSD boot0',
               Scenario(stale_keys=3), shows=('stale key',),
               unasked='no key is read in a good boot')
    yield Case('K1-stale-dies', 'the same, and the disk dies: the message must stay',
               'FreeBSD boot0',
               Scenario(stale_keys=3, rules=(Rule('FAIL', ANY, 0x80, nth=8),)), STOPS,
               codes=('L-07',), shows=('fails with 80',), mini='E')
    for name, bits in (('shift', SHIFT), ('ctrl', CTRL)):
        yield Case(f'K1-{name}', f'{name} is held', 'safe mode of the loader',
                   Scenario(shifts=bits), WARNS, (29,), shows=('modifier key is held',),
                   mini='B', emulators=BOTH)


CASES = [*entries(), *zip_drives(), *a20_gates(), *screens(), *keyboards()]
