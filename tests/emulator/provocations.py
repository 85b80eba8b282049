# SPDX-License-Identifier: MIT
"""How each code is provoked: code -> a machine that dies of it.

Where the hardware can be made to do it, it is. `constructed` marks the others: the same
path is entered with a frame, a return value or a table entry as broken hardware or a
broken tool would have left it, because no emulator here can be brought to it.
"""
import os
import shutil
import struct
import sys
from dataclasses import dataclass

import samples
from broken_image import Break
from disk_format import BASES, HEAD, L, MANIFEST
from elf64 import Elf
from machine import Setup
from test_bad_image import seal_manifest
from test_death import DEADLY, TWICE
from test_image import flip, poke

sys.path.insert(0, os.path.join(samples.ROOT, 'tests', 'firmware'))

from memory_scenarios import HONEST, LOW, MIB, ROM, USABLE   # noqa: E402
from shim import REFUSE, Scenario, Shim   # noqa: E402

CONFIG = 'kaslr=off log=info'


@dataclass
class Death:
    code: str
    how: str                  # a name, unique among those of the code
    make: object              # (Scene) -> Setup
    act: object = None        # (Qemu) -> None: what is done to the running machine
    constructed: bool = False
    recorded: bool = True     # the flight recorder knows the code

    def __str__(self):
        return f'{self.code}-{self.how}'


@dataclass
class Scene:
    """What a machine is made of."""
    build: str
    folder: str               # scratch

    def path(self, name):
        return os.path.join(self.folder, name)

    @property
    def image(self):
        return os.path.join(self.build, 'plinth.img')

    def setup(self, image=None, config=CONFIG, mem='64M', **words):
        return Setup(image or self.image, mem, config=config, **words)


# --- ways

def deadly(name):
    return lambda scene: scene.setup(config=f'{CONFIG} test={name}')


def on(config=CONFIG, **words):
    return lambda scene: scene.setup(config=config, **words)


def broken(change, config=CONFIG, **words):
    """An image with changed bytes and right checksums."""
    def make(scene):
        image = Break(scene.build)
        change(image)
        return scene.setup(image.save(scene.path('broken.img')), config, **words)
    return make


# Machine code over a function.
READ_NULL = b'\x48\x8b\x04\x25\x08\0\0\0'   # MOV RAX, [8]
POPS = b'\x41\x5d\x41\x5c'                       # POP R13, POP R12
WAIT_OPEN = b'\xfb\xeb\xfe'                    # STI, then a loop
TYPE_99 = b'\xc7\x47\x20\x63\0\0\0\xc3'        # MOV DWORD [map.ranges[0].type], 99; RET


def code(name, machine_code):
    """A kernel function does something else."""
    return broken(lambda image: image.put(image.kernel_offset(name), machine_code))


def damaged(change):
    """An image with changed bytes and nothing else."""
    def make(scene):
        path = scene.path('damaged.img')
        shutil.copyfile(scene.image, path)
        change(path)
        return scene.setup(path)
    return make


def firmware(says, mem='64M'):
    """A BIOS that lies: a Scenario, or a function that makes one for the scene."""
    def make(scene):
        scenario = says(scene) if callable(says) else says
        disk = Shim(scene.folder).disk(scenario, scene.path('shim.img'),
                                       os.path.getsize(scene.image))
        extra = ('-drive', f'file={disk},format=raw,if=none,id=shim,snapshot=on',
                 '-device', 'ide-hd,drive=shim,bus=ide.1,bootindex=0')
        return scene.setup(extra=extra, mem=mem)
    return make


def read_error(*sectors):
    faults = tuple({'event': 'none', 'iotype': 'read', 'sector': sector, 'errno': 5}
                   for sector in sectors)
    return lambda scene: scene.setup(faults=faults)


def port_61h_reads(value):
    """What no emulator's port 61h ever shows: parity and channel check."""
    extra = ('-chardev', 'null,id=p61', '-device',
             f'isa-debugcon,iobase=0x61,readback={value:#x},chardev=p61')
    return lambda scene: scene.setup(config=f'{CONFIG} test=die_nmi', extra=extra)


# --- changes of an image

def both(change):
    """The same in both copies."""
    def change_both(path):
        for base in BASES:
            change(path, base)
    return change_both


def manifest_field(name, change):
    """One field of the manifest, its checksum made right again."""
    def change_at(path, base):
        at = base + L['DISK_MANIFEST']
        with open(path, 'rb') as file:
            file.seek(at)
            slot = bytearray(file.read(L['MANIFEST_BYTES']))
        change(slot, MANIFEST.fields[name][0])
        seal_manifest(slot)
        poke(path, at, slot)
    return both(change_at)


def uuid_flip(slot, at):
    slot[at] ^= 1


def no_entries(slot, at):
    struct.pack_into('<I', slot, at, 0)


def variable_swap(variable, other):
    """boot_info is filled from another variable of the loader than the right one."""
    def change(image):
        begin = image.loader['boot_info_fill']
        at = image.data.index(struct.pack('<H', image.loader[variable]),
                              L['DISK_STAGE2_BODY'] + begin - L['STAGE2_BODY_PHYS'])
        for base in BASES:
            image.put(base + at, struct.pack('<H', image.loader[other]))
    return change


def magic_change(image):
    magic = struct.pack('<I', L['BOOT_INFO_MAGIC'] & 0xFFFFFFFF)
    at = image.data.index(magic, L['DISK_STAGE2_BODY'])
    for base in BASES:
        image.put(base + at, b'\0\0\0\0')


def bss_left_alone(image):
    """SHR ECX, 2; REP STOSD, behind a segment's file part: only the count is left."""
    image.replace_loader('segments_zero', b'\xc1\xe9\x02\xf3\xab',
                         b'\xc1\xe9\x02\x90\x90')


def packet_linear(image):
    """SHL EAX, 12; AND EAX, 0F0000000h; MOV AX, the lower half: left out."""
    image.replace_loader('edd_read', b'\xc1\xe0\x0c\x25\0\0\0\xf0', b'\x90' * 14)


def no_page_size(image):
    """MOV EAX, 83h: present and writable are left."""
    image.replace_loader('boot_tables_build', b'\xb8\x83\0\0\0', b'\xb8\x03\0\0\0')


def one_large_page(image):
    """MOV ECX, 2048 entries: one is left."""
    image.replace_loader('boot_tables_build', b'\xb9\0\x08\0\0', b'\xb9\x01\0\0\0')


def pieces_to_the_start(image):
    """MOV EDI, ESI; SUB EDI, [EBX]: the position in the segment becomes 0."""
    image.replace_loader('segments_place', b'\x89\xf7\x2b\x3b', b'\x31\xff\x90\x90')


def half_copied(image):
    """SHR ECX, 2 becomes SHR ECX, 3."""
    image.replace_loader('copy', b'\xc1\xe9\x02', b'\xc1\xe9\x03')


def symbols_not_copied(image):
    """MOV ESI, BOUNCE_PHYS; PUSH ECX; CALL copy; POP ECX: jumped over."""
    image.replace_loader('entry_load', b'\xbe\0\0\x01\0\x51', b'\xeb\x0a')


def relocation_change(image):
    """The first relocation of the kernel becomes one that early code must refuse."""
    image.put(image.kernel_offset('rela_begin') + 8, struct.pack('<I', 1))


def elf_change(image):
    image.put(image.kernel_file + 18, struct.pack('<H', 3))    # e_machine: i386


def wait_shortened(image):
    """2^32 rounds of waiting become 2^16."""
    image.replace('spin_lock', (1 << 32).to_bytes(8, 'little'),
                  (1 << 16).to_bytes(8, 'little'))


def tss_limit_large(image):
    descriptor = 0x890000000067
    image.replace('gdt_init', struct.pack('<Q', descriptor),
                  struct.pack('<Q', descriptor | 0xFF))


def tss_base_halved(image):
    """SHR RAX, 32 becomes XOR EAX, EAX: the descriptor's second half stays 0."""
    store = b'\x48\x89\x87'
    image.replace('gdt_init', b'\x48\xc1\xe8\x20' + store, b'\x31\xc0\x66\x90' + store)


def gs_base_not_kept(image):
    """WRMSR of GS base behind the selectors: XOR EAX, EAX; MOV FS; MOV GS; ...; WRMSR."""
    at = image.kernel_offset('gdt_init')
    code = bytes(image.data[at:at + 400])
    image.put(at + code.index(b'\x0f\x30', code.index(b'\x8e\xe8')), b'\x90\x90')


def ist_at_bottom(image):
    top = L['STACKS_BASE'] + (L['STACK_SLOT_DOUBLE_FAULT'] + 1) * L['STACK_SLOT_BYTES']
    image.replace('kernel_main', struct.pack('<Q', top),
                  struct.pack('<Q', top - L['STACK_BYTES']))


def five_levels(image):
    """MOV RAX, CR4 becomes MOV AH, 10h: bit 12."""
    image.replace('cpu_features_init', b'\x0f\x20\xe0', b'\xb4\x10\x90')


# --- memory maps

def memory(entries, **lies):
    """What E820h tells is all there is."""
    return Scenario(entries, e801=REFUSE, ext88=REFUSE, **lies)


def payload_bytes(scene):
    """What the loader needs in one piece."""
    _, entries, _ = Break(scene.build).manifest
    whole = -(-entries[0]['memory_bytes'] // L['PAGE_2M_BYTES']) * L['PAGE_2M_BYTES']
    return whole + sum(-(-entry['bytes'] // 4096) * 4096 for entry in entries[1:])


RECORDER = (L['RECORDER_PHYS'], L['RECORDER_BYTES'], USABLE)


def payload_alone(scene):
    """RAM above 1 MiB is the recorder and the payload: page tables have no room."""
    return memory(LOW + [RECORDER, (2 * MIB, payload_bytes(scene), USABLE)] + ROM)


def payload_and_crumbs(scene):
    """Behind the payload no piece is larger than 60 KiB."""
    end = 2 * MIB + payload_bytes(scene)
    crumbs = [(at, 0xF000, USABLE) for at in range(end, 63 * MIB, 0x10000)][:900]
    payload = (2 * MIB, payload_bytes(scene), USABLE)
    return memory(LOW + [RECORDER, payload] + crumbs + ROM)


# --- what is done to a running machine

def machine_check(vm):
    """After `halt` the CPU stands at one place for good."""
    vm.wait_for(r'^plinth> ')
    vm.send('halt\r')
    vm.wait_for(r'^halted.*\n')   # no death in the middle of a line
    vm.monitor('mce 0 1 0xb200000000000175 0x5 0x1000 0')


def stage2_letter(image_path):
    flip(image_path, L['DISK_STAGE2_HEAD'] + 0x700, 5)
    flip(image_path, L['DISK_PARTITION'] + L['DISK_STAGE2_HEAD'] + 0x700, 5)


LOADER = [
    Death('S1-C', 'head', damaged(stage2_letter)),
    Death('S1-D', 'unreadable', read_error(1, L['DISK_PARTITION'] // 512 + 1)),
    Death('L-01', 'flipped', damaged(both(
        lambda path, base: flip(path, base + L['DISK_STAGE2_BODY'] + 77)))),
    Death('L-03', 'uuid', damaged(both(
        lambda path, base: flip(path, base + L['MBR_UUID'])))),
    Death('L-04', 'ud2', broken(lambda image: image.undefined('cpu_check'))),
    Death('L-05', 'ud2', broken(lambda image: image.undefined('long_mode_enter.sum'))),
    Death('L-07', 'unreadable', read_error(L['DISK_PAYLOAD'] // 512 + 16)),
    Death('L-08', 'packet', broken(packet_linear)),
    Death('L-08', 'vectors', broken(lambda image: image.put_loader(
        'vectors_keep', b'\xc3')), constructed=True),
    Death('L-10', 'no_probe', broken(lambda image: image.put_loader(
        'cpu_probe', b'\xc3')), constructed=True),
    Death('L-11', 'qemu32', on(cpu='qemu32')),
    Death('L-12', 'no_nx', on(cpu='max,-nx')),
    Death('L-13', 'no_sse2', on(cpu='qemu64,-sse2')),
    Death('L-14', 'test_says_closed', broken(lambda image: image.put_loader(
        'a20_test', b'\x39\xc0\xc3')), constructed=True),
    Death('L-15', 'closed', broken(lambda image: image.jump_once(
        'a20_keep', 'a20_keep.closed', flag='a20_guard')), constructed=True),
    Death('L-16', 'no_lme', broken(lambda image: image.put_loader(
        'long_mode_enter.efer', b'\x0d\0\x08\0\0'))),
    Death('L-16', 'code_32', broken(lambda image: image.put_loader(
        'gdt_code64', struct.pack('<Q', 0x00CF9B000000FFFF)))),
    Death('L-16', 'no_page_size', broken(no_page_size)),
    Death('L-16', 'one_large_page', broken(one_large_page)),
    Death('L-20', 'nothing', firmware(memory(REFUSE))),
    Death('L-21', 'bda', firmware(memory(HONEST, bda_kib=256))),
    Death('L-22', 'four_mib', on(mem='4M')),
    Death('L-30', 'flipped', damaged(both(
        lambda path, base: flip(path, base + L['DISK_MANIFEST'] + 20)))),
    Death('L-31', 'uuid', damaged(manifest_field('uuid', uuid_flip))),
    Death('L-32', 'empty', damaged(manifest_field('entry_count', no_entries))),
    Death('L-33', 'flipped', damaged(lambda path: flip(path, L['DISK_PAYLOAD'] + 77))),
    Death('L-34', 'i386', broken(elf_change)),
    Death('L-35', 'nothing_read', broken(lambda image: image.put_loader(
        'entry_load', b'\xc3'))),
    Death('L-35', 'last_sector', broken(lambda image: image.put_loader(
        'disk_place.whole', b'\x90' * 4))),
    Death('L-36', 'twice', broken(pieces_to_the_start)),
    Death('L-36', 'half', broken(half_copied)),
    Death('L-36', 'symbols', broken(symbols_not_copied)),
]
EARLY = [
    Death('EA-01', 'magic', broken(magic_change), constructed=True, recorded=False),
    Death('EA-02', 'refused', broken(lambda image: image.returns('memmap_clean', -22)),
          constructed=True),
    Death('EA-03', 'bytes', broken(variable_swap('kernel_bytes', 'payload_end')),
          constructed=True),
    Death('EA-04', 'payload_alone', firmware(payload_alone)),
    Death('EA-05', 'type', broken(relocation_change), constructed=True),
    Death('EA-06', 'terabytes', on(cpu='qemu64', mem='4T',
                                   machine_options='max-ram-below-4g=32M')),
    Death('EA-07', 'null', code('memmap_clean', READ_NULL)),
    Death('EA-08', 'ud2', broken(lambda image: image.undefined('memmap_clean'))),
    Death('EA-08', 'in_the_move', broken(lambda image: image.put(
        image.kernel_offset('early_jump') + 3, b'\x0f\x0b'))),
    Death('EA-09', 'timer', code('memmap_clean', WAIT_OPEN)),
    Death('EA-10', 'no_slide', broken(lambda image: image.returns('slide_choose')),
          constructed=True),
    Death('EA-11', 'used_frame', broken(
        lambda image: image.returns('bump_frame', 2 * MIB)), constructed=True),
    Death('EA-12', 'mark', broken(lambda image: image.put(
        image.kernel_offset('data_mark'), b'\0\0\0\0')), constructed=True,
          recorded=False),
    Death('EA-13', 'not_zeroed', broken(bss_left_alone), recorded=False),
    Death('EA-14', 'memset', broken(lambda image: image.returns('memset')),
          recorded=False),
    Death('EA-15', 'type', code('merge_neighbours', TYPE_99), constructed=True),
]
KERNEL = [
    Death('CP-01', 'nothing', broken(lambda image: image.returns('cpu_features_read')),
          constructed=True),
    Death('CP-02', 'cr4', broken(five_levels), constructed=True),
    Death('CP-03', 'gdt_low', broken(lambda image: image.returns('gdt_init'))),
    Death('CP-04', 'push_missing', broken(
        lambda image: image.replace('early_jump', b'\x55', b'\x90'))),
    Death('CP-05', 'limit_large', broken(tss_limit_large)),
    Death('CP-05', 'half_base', broken(tss_base_halved)),
    Death('CP-06', 'not_kept', broken(gs_base_not_kept)),
    Death('CP-07', 'at_bottom', broken(ist_at_bottom)),
    Death('FR-01', 'crumbs', firmware(payload_and_crumbs)),
    Death('FR-02', 'symbols', broken(variable_swap('symbols_phys', 'kernel_base')),
          constructed=True),
    Death('FR-08', 'frame_written', on(
        f'{CONFIG} check=frames test=die_frame_written')),
    Death('GP-01', 'freed_fill', on(
        f'{CONFIG} heap=poison test=die_freed_pointer')),
    Death('HP-10', 'underrun', on(f'{CONFIG} heap=guard test=die_heap_underrun')),
    Death('HP-11', 'no_table', broken(
        lambda image: image.returns('heap_classes_init'), f'{CONFIG} test=heap_small')),
    Death('ID-01', 'no_flush', broken(lambda image: image.returns('local_flush_all'))),
    Death('LK-03', 'lost', broken(wait_shortened, f'{CONFIG} test=die_lock_held'),
          constructed=True),
    Death('MC-01', 'injected', on(), machine_check),
    Death('NM-01', 'parity', port_61h_reads(0x80), constructed=True),
    Death('NM-02', 'channel', port_61h_reads(0x40), constructed=True),
    # COM1 asks for no interrupt, so that the timer's is always the first.
    Death('TR-01', 'bios_vectors', broken(
        lambda image: image.returns('pic_init').returns('serial_irq_enable'))),
    Death('TR-02', 'stub', broken(
        lambda image: image.replace('trap_stubs', b'\x6a\0', b'\x90\x90'))),
    Death('TR-03', 'in_handler', code('fault_resolve', READ_NULL)),
    Death('TR-04', 'pops_exchanged', broken(lambda image: image.replace(
        'entry_common', POPS, POPS[2:] + POPS[:2]))),
]
# Deadly tests that build a frame instead of making the processor build it.
BY_FRAME = {'die_coprocessor', 'die_reserved_vector', 'die_x87', 'die_simd', 'die_tss',
            'die_virtualization', 'die_hypervisor', 'die_alignment', 'die_vmm',
            'die_control_protection', 'die_security', 'die_stale_tlb', 'die_no_memory'}
TESTS = [Death(code, name.removeprefix('die_'), deadly(name),
               constructed=name in BY_FRAME)
         for name, code in {**DEADLY, **TWICE}.items()]
TESTS += [Death('PN-02', 'recorder_gone', deadly('die_recorder_gone'), recorded=False)]
DEATHS = LOADER + EARLY + KERNEL + TESTS
