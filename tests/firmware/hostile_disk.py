# SPDX-License-Identifier: MIT
"""Group D: the drive. Sector numbers are those of Plinth's image; a foreign loader meets
the same faults wherever its own calls match."""
from disk_format import L

from hostile_case import BOCHS, BOTH, STOPS, WARNS, Case
from shim import (ANY, CROSSES, FACTS, HIGH, ODD, READ, SHORT_CARRY, SHORT_COUNT_KEPT,
                  SKEW, SPOILS, Rule, Scenario)

HEAD = L['DISK_STAGE2_HEAD'] // 512
BODY = L['DISK_STAGE2_BODY'] // 512
CONFIG = L['DISK_CONFIG'] // 512
MANIFEST = L['DISK_MANIFEST'] // 512
SECOND = L['DISK_PARTITION'] // 512
PAYLOAD = L['DISK_PAYLOAD'] // 512
NEVER_ASKED = 'the loader never makes this call'


def says(*rules, **more):
    return Scenario(rules=rules, **more)


def spoil(*names, fn=ANY, **more):
    return Rule('SPOIL', fn=fn, a=sum(SPOILS[name] for name in names), **more)


def flip(lba, end=None, times=0xFFFF, byte=77):
    return Rule('FLIP', READ, byte, lba=lba, lba_end=end or lba + 1, times=times)


def edd_check():
    dead = Rule('FAIL', fn=0x41, a=0x01)
    yield Case('D1-cf', 'AH=41h fails', 'VirtualBox floppies (rust #103), Redox stage1',
               says(dead), WARNS, (4,), shows=('fails with 01 AH=41',), mini='B')
    yield Case('D1-bx', 'AH=41h leaves BX as it was', 'GRUB (AST 1.04)',
               says(Rule('ANSWER', fn=0x41, a=0x55AA, b=7)), WARNS, (4,),
               shows=('answers BX=55AA',), mini='B')
    yield Case('D1-bit', 'AH=41h does not offer packet reads (CX bit 0)',
               'El Torito hard-disk emulation',
               says(Rule('ANSWER', fn=0x41, a=0xAA55, b=6)), WARNS, (4,),
               shows=('answers BX=AA55 CX=0006',), mini='B')
    yield Case('D1-dx', 'AH=41h destroys DX', 'GRUB (AST 1.04)',
               says(spoil('DX', fn=0x41)), shows=('spoils 0200 AH=41',), mini='B')
    yield Case('D1-lies', 'AH=41h offers packet reads, none works', 'SYSLINUX 22c96d21',
               says(Rule('FAIL', fn=0x42, a=0x01)), WARNS, (5,),
               shows=('fails with 01 AH=42',), mini='B')


def transient():
    for status, who in ((0x80, 'QEMU UHCI, nixpkgs #172922'), (0x0C, 'QEMU UHCI'),
                        (0x20, 'nixpkgs #172922'), (0x04, 'grub4dos'),
                        (0xBB, 'SYSLINUX cda89060')):
        for times in (1, 3):
            quirks = (6, 5) if (status, times) == (0x80, 3) else (6,)
            yield Case(f'D2-{status:02x}x{times}',
                       f'the fourth read fails with {status:02X}h, {times} times', who,
                       says(Rule('FAIL', READ, status, nth=4, times=times)), WARNS,
                       quirks, shows=(f'fails with {status:02X}',), mini='B')
    yield Case('D2-first', 'the very first read fails once', 'QEMU UHCI',
               says(Rule('FAIL', READ, 0x80, times=1)), WARNS, (34,),
               shows=('fails with 80',), mini='B')
    yield Case('D2-every', 'every third read fails once', 'QEMU UHCI',
               says(*(Rule('FAIL', READ, 0x20, nth=3 * n, times=1)
                      for n in range(1, 8))), WARNS, (6,), shows=('fails with 20',),
               mini='B')
    yield Case('D3-stuck', 'an error stays until AH=00h', 'SYSLINUX cda89060, FreeBSD',
               says(Rule('STICK', READ, 0x20, nth=4, times=1)), WARNS, (6,),
               shows=('fails with 20', 'reset heals'), mini='B')
    yield Case('D3-first', 'the first read leaves an error that stays until AH=00h',
               'SYSLINUX cda89060', says(Rule('STICK', READ, 0x0C, times=1)),
               WARNS, (34,), shows=('reset heals',), mini='B')


def sizes():
    for limit, status, who in (
            (127, 0x01, 'Phoenix (RBIL table 272), nanos #1336'), (63, 0x01, 'Phoenix'),
            (63, 0x0C, 'Bochs'), (32, 0x09, 'SeaBIOS answers so'),
            (31, 0x20, 'grub4dos'), (8, 0x01, 'SYSLINUX halves'),
            (7, 0x04, 'SYSLINUX halves'),
            (1, 0x01, 'grub4dos LBA_1_SECTOR'), (1, 0x20, 'grub4dos LBA_1_SECTOR')):
        case = Case(f'D4-{limit}-{status:02x}',
                    f'more than {limit} sectors a call fail with {status:02X}h', who,
                    says(Rule('FAIL', READ, status, above=limit)), WARNS, (7,),
                    shows=(f'fails with {status:02X}',), mini='B')
        if limit == 127:
            case.expect, case.quirks, case.unasked = 'B', (), 'never above 64'
            case.mini = None
        yield case
    for name, bit, what in (('64k', CROSSES, 'crosses a 64 KiB line'),
                            ('odd', ODD, 'has an odd address'),
                            ('skew', SKEW, 'is not on a border of 512 bytes'),
                            ('high', HIGH, 'lies at or above 512 KiB')):
        yield Case(f'D5-{name}', f'fails if the buffer {what}',
                   'VirtualBox (rust #123), AMI of 1990',
                   says(Rule('FAIL', READ, 0x09, buffer=bit)), shows=('fails with 09',),
                   unasked='buffers never lie so', emulators=BOTH)


def short():
    for name, bits, quirk in (('cf0', 0, 8), ('cf1', SHORT_CARRY, 8),
                              ('cf0-kept', SHORT_COUNT_KEPT, 18),
                              ('cf1-kept', SHORT_CARRY | SHORT_COUNT_KEPT, 6)):
        words = ('CF=1' if bits & SHORT_CARRY else 'CF=0') + (
            ', the count says all' if bits & SHORT_COUNT_KEPT else ', the count is true')
        yield Case(f'D6-{name}', f'no call delivers more than 5 sectors: {words}',
                   'EDD text, SeaBIOS, StackOverflow 62484061',
                   says(Rule('SHORT', READ, 5, bits, above=5)), WARNS, (quirk,),
                   shows=('delivers only 0005',), mini='B')
        yield Case(f'D6-{name}-once', f'one call delivers 5 sectors: {words}',
                   'SeaBIOS', says(Rule('SHORT', READ, 5, bits, nth=5, times=1,
                                        above=5)), WARNS, (quirk,),
                   shows=('delivers only 0005',), mini=None)
    yield Case('D7-ah', 'success with AH=11h', 'grub4dos (USB BIOSes)',
               says(Rule('STATUS', READ, 0x11)), WARNS, (9,), shows=('says 0011',),
               mini='B')
    yield Case('D7-cf', 'success with CF=1 and AH=0', 'GRUB biosdisk',
               says(Rule('STATUS', READ, 0x100)), WARNS, (9,), shows=('says 0100',),
               mini='B')
    yield Case('D7-ax', 'AX as a whole is the return code', 'nanos PR #1382 (Hyper-V)',
               says(spoil('AX')), shows=('spoils 0400',), mini='B')


def wrong_data():
    corrupt = 'a stick that dies'
    yield Case('D8-once', 'one bit of the kernel is wrong, once', corrupt,
               says(flip(PAYLOAD + 70, times=1)), WARNS, (10,), shows=('flips a bit',),
               emulators=BOTH)
    yield Case('D8-twice', 'one bit of the kernel is wrong, twice', corrupt,
               says(flip(PAYLOAD + 3, times=2)), WARNS, (10,), shows=('flips a bit',))
    yield Case('D8-one-sector', 'the same on a BIOS that reads one sector a call',
               corrupt, says(flip(PAYLOAD + 3, times=1),
                             Rule('FAIL', READ, 0x20, above=1)),
               WARNS, (7, 10), shows=('flips a bit', 'fails with 20'))
    yield Case('D8-always', 'one bit of the kernel is always wrong', corrupt,
               says(flip(PAYLOAD + 70)), STOPS, codes=('L-33',), shows=('flips a bit',))
    yield Case('D8-head-once', "one bit of stage2's head is wrong, once", corrupt,
               says(flip(HEAD + 2, times=1)), WARNS, (34,), shows=('flips a bit',),
               mini='B')
    yield Case('D8-head', "stage2's head: only the first copy is wrong", corrupt,
               says(flip(HEAD + 2)), WARNS, (30,), shows=('flips a bit',), mini='B')
    yield Case('D8-heads', "stage2's head: both copies are wrong", corrupt,
               says(flip(HEAD + 2), flip(SECOND + HEAD + 2)), STOPS, codes=('S1 C',),
               shows=('flips a bit',))
    yield Case('D8-body', "stage2's body: only the first copy is wrong", corrupt,
               says(flip(BODY + 9)), WARNS, (12,), shows=('flips a bit',))
    yield Case('D8-bodies', "stage2's body: both copies are wrong", corrupt,
               says(flip(BODY + 9), flip(SECOND + BODY + 9)), STOPS, codes=('L-01',),
               shows=('flips a bit',))
    yield Case('D8-manifest', 'manifest: only the first copy is wrong', corrupt,
               says(flip(MANIFEST)), WARNS, (13,), shows=('flips a bit',))
    yield Case('D8-manifests', 'manifest: both copies are wrong', corrupt,
               says(flip(MANIFEST), flip(SECOND + MANIFEST)), STOPS, codes=('L-30',),
               shows=('flips a bit',))
    yield Case('D8-config', 'configuration: only the first copy is wrong', corrupt,
               says(flip(CONFIG, byte=20)), WARNS, (14,), shows=('flips a bit',))
    shift = {'kind': 'SHIFT', 'fn': READ, 'a': -1}
    yield Case('D9-once', 'the sector before is delivered, once', 'Hyper-V',
               says(Rule(**shift, nth=5, times=1)), WARNS, (10,), shows=('other',))
    yield Case('D9-kernel', 'the sector before is delivered, for all of the kernel',
               'VirtualBox (GRUB 0af3ae2d)', says(Rule(**shift, lba=PAYLOAD)), STOPS,
               codes=('L-33',), shows=('other sectors',))
    yield Case('D9-always', 'the sector before is always delivered',
               'VirtualBox (GRUB 0af3ae2d)', says(Rule(**shift, lba=1)), STOPS,
               codes=('S1 C',), shows=('other sectors',), mini='E')
    yield Case('D9-wrap', 'sector numbers wrap at 1 MiB', 'SYSLINUX ifplop, Ventoy #161',
               says(Rule('MASK', READ, SECOND - 1, lba=SECOND)), STOPS, codes=('L-33',),
               shows=('cut numbers',))


def chs():
    late = Rule('FAIL', 0x42, 0x01, nth=5)
    for heads, sectors in ((240, 63), (64, 32), (255, 63), (16, 63)):
        yield Case(f'D10-{heads}-{sectors}',
                   f'packet reads die after 4, the geometry is {heads}/{sectors}, no '
                   'call crosses a track', 'HP, Lenovo (240 heads), iPXE (64/32)',
                   says(late, geometry=(heads, sectors), flags=('TRACK',)), WARNS, (5,),
                   shows=('fails with 01 AH=42', f'heads={heads:02X}'), mini=None)
        yield Case(f'D10-{heads}-{sectors}-only',
                   f'no packet reads at all, geometry {heads}/{sectors}',
                   'El Torito, BIOSes before EDD',
                   says(Rule('FAIL', 0x41, 0x01), Rule('FAIL', 0x42, 0x01),
                        geometry=(heads, sectors), flags=('TRACK',)), WARNS, (4,),
                   shows=('fails with 01 AH=41',), mini='B')
    no_edd = Rule('FAIL', 0x41, 0x01), Rule('FAIL', 0x42, 0x01)
    yield Case('D18-cf', 'no packet reads, AH=08h fails', 'FreeBSD biosdisk',
               says(*no_edd, Rule('FAIL', 0x08, 0x01)), WARNS, (4, 17),
               shows=('fails with 01 AH=08',), mini='B')
    yield Case('D18-zero', 'no packet reads, AH=08h knows 0 sectors a track',
               'SeaBIOS with SCSI', says(*no_edd, Rule('ANSWER', 0x08, b=0xFF40)), WARNS,
               (4, 17), shows=('answers BX=0000 CX=FF40',), mini='B')
    yield Case('D18-regs', 'no packet reads, AH=08h spoils segments, SI, DI, BP',
               'RBIL, SYSLINUX',
               says(*no_edd, spoil('LOW', 'SEGMENTS', fn=0x08)), WARNS, (4,),
               shows=('spoils 0006 AH=08',), mini='B')


def dead():
    for name, nth, codes in (('start', 1, ('S1 D',)), ('head', 3, ('L-03',)),
                             ('kernel', 8, ('L-07',))):
        yield Case(f'D11-{name}', f'everything is dead from call {nth} on',
                   'a stick pulled out', says(Rule('FAIL', ANY, 0x80, nth=nth)), STOPS,
                   codes=codes, shows=('fails with 80',), mini='E', emulators=BOTH)
    yield Case('D11-kernel-20', 'the controller is dead from call 8 on',
               'a controller that dies', says(Rule('FAIL', ANY, 0x20, nth=8)), STOPS,
               codes=('L-07',), shows=('fails with 20',), mini='E')
    yield Case('D11-sector', 'one sector of the kernel cannot be read',
               'a stick that dies', says(Rule('FAIL', READ, 0x04, lba=PAYLOAD + 100,
                                              lba_end=PAYLOAD + 101)), STOPS,
               codes=('L-07',), shows=('fails with 04',))


def leftovers():
    who = {'UPPER': 'Samsung NF110 (Hyper), Bochs #268', 'LOW': 'SYSLINUX, GRUB',
           'SEGMENTS': 'SYSLINUX', 'FLAGS': 'SYSLINUX 9147554c, Bochs PR #420',
           'LIMITS': 'FreeBSD BTX, Limine dfea9ac4, ELKS #2274',
           'PACKET': 'grub4dos bios.c', 'COUNT': 'EDD text', 'STACK': 'SeaBIOS'}
    for id_, name, quirk, what in (
            ('D12-upper', 'UPPER', 31, 'upper halves of all registers destroyed'),
            ('D12-low', 'LOW', 31, 'BX, CX, SI, DI, BP destroyed'),
            ('D12-segments', 'SEGMENTS', 31, 'DS, ES, FS, GS destroyed'),
            ('D13-flags', 'FLAGS', 32, 'DF=1 and IF=0 on return'),
            ('D14-limits', 'LIMITS', 33, 'GDTR, IDTR, limits, CR0.CD changed'),
            ('D16-packet', 'PACKET', 0, 'packet overwritten, and 8 bytes behind it'),
            ('D16-count', 'COUNT', 0, 'count in the packet overwritten'),
            ('D22-stack', 'STACK', 0, "2 KiB of the caller's stack used")):
        yield Case(id_, what, who[name], says(spoil(name)), WARNS if quirk else 'B',
                   (quirk,) if quirk else (), shows=(f'spoils {SPOILS[name]:04X}',),
                   mini='B', emulators=BOTH)
    yield Case('D12-all', 'every register destroyed that can be', 'Hyper, SYSLINUX',
               says(spoil('UPPER', 'LOW', 'SEGMENTS', 'DX', fn=READ)), WARNS, (31,),
               shows=('spoils',), mini='B', emulators=BOTH)
    yield Case('D14-only', 'limits of 64 KiB after each call, where they count',
               'ELKS #2320, TLVC #161, rust #327', says(spoil('LIMITS', 'FLAGS')),
               WARNS, (32, 33), shows=('spoils',), mini='B', emulators=BOCHS)
    yield Case('D15-a20', 'A20 off after each call', 'grub4dos, ELKS #2694',
               says(spoil('A20')), WARNS, (21,), shows=('spoils 0020',), mini='B',
               emulators=BOTH)


def facts():
    for name, rule, who in (
            ('cf', Rule('FAIL', 0x48, 0x01), 'floppies, El Torito'),
            ('size-0', Rule('FACTS', 0x48, FACTS.index('SIZE'), 0), 'FreeBSD'),
            ('bps-0', Rule('FACTS', 0x48, FACTS.index('SECTOR'), 0), 'Limine 1b630659'),
            ('bps-513', Rule('FACTS', 0x48, FACTS.index('SECTOR'), 513), 'FreeBSD'),
            ('bps-4096', Rule('FACTS', 0x48, FACTS.index('SECTOR'), 4096),
             'Limine 1b630659'),
            ('total-0', Rule('FACTS', 0x48, FACTS.index('TOTAL'), 0),
             'Limine #150 (Hyper-V)'),
            ('heads-0', Rule('FACTS', 0x48, FACTS.index('HEADS'), 0), 'SeaBIOS'),
            ('overrun', Rule('FACTS', 0x48, FACTS.index('OVERRUN')),
             'SeaBIOS (66 bytes for 30)'),
            ('hangs', Rule('HANG', 0x48), 'grub4dos, Linux edd=off')):
        yield Case(f'D17-{name}', f'AH=48h: {name}', who, says(rule),
                   shows=('AH=48',), unasked=NEVER_ASKED)


def rest():
    yield Case('D19-ghosts', 'drives 82h..8Fh say yes to everything, DL names one',
               'SYSLINUX 61df6e61, GRUB (AST 1.04)',
               Scenario(flags=('GHOSTS',), entry_dl=0x83), WARNS, (1,),
               shows=('ghost',), mini='B')
    yield Case('D20-none', 'good firmware: no write, nothing beyond the image',
               'grub4dos (reading past the end hangs)', Scenario(), mini='B',
               emulators=BOTH)
    yield Case('D21-slow', 'one call takes three seconds', 'sticks that wake up',
               says(Rule('SLOW', READ, 55, nth=4, times=1)), shows=('takes its time',),
               mini='B')
    yield Case('D21-frozen', 'the tick stands still, a read fails twice',
               'Easyboot masks the timer',
               says(Rule('FAIL', READ, 0x20, nth=4, times=2), flags=('FROZEN',)), WARNS,
               (6, 11), shows=('tick stands still', 'fails with 20'), mini='B')


CASES = [*edd_check(), *transient(), *sizes(), *short(), *wrong_data(), *chs(), *dead(),
         *leftovers(), *facts(), *rest()]
