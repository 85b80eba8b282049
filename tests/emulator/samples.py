# SPDX-License-Identifier: MIT
"""Small made-up inputs for the tools' own tests: ELF files and a sealed image.

The image built here holds no loader: it is for tests of image.py, which must not need
the real one. Boot sectors with a purpose are assembled from text by assemble().
"""
import os
import struct
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SCRIPTS = os.path.join(ROOT, 'scripts')
IMAGE_TOOL = os.path.join(SCRIPTS, 'image.py')
BUILD_ID = bytes(range(0x41, 0x41 + 20))
BODY_BYTES = 0x6000     # of stage2, by its head

sys.path.insert(0, SCRIPTS)

from disk_format import HEAD, L, round_up   # noqa: E402


def elf(segments=(), symbols=()):
    """An ELF64 file: segments as (type, flags, address, data, memory bytes)."""
    at = 64 + 56 * len(segments)
    headers, body = b'', b''
    for kind, flags, address, data, memory in segments:
        headers += struct.pack('<IIQQQQQQ', kind, flags, at + len(body), address,
                               address, len(data), memory, 0x1000)
        body += data
    at += len(body)
    strings, table = b'\0', bytes(24)
    for name, value in symbols:
        table += struct.pack('<IBBHQQ', len(strings), 0x10, 0, 0xFFF1, value, 0)
        strings += name.encode() + b'\0'
    sections = struct.pack('<IIQQQQIIQQ', *(0,) * 10)
    sections += struct.pack('<IIQQQQIIQQ', 0, 2, 0, 0, at, len(table), 2, 1, 8, 24)
    sections += struct.pack('<IIQQQQIIQQ', 0, 3, 0, 0, at + len(table), len(strings),
                            0, 0, 1, 0)
    head = b'\x7fELF\x02\x01\x01'.ljust(16, b'\0') + struct.pack(
        '<HHIQQQIHHHHHH', 3, 62, 1, 0x1000, 64, at + len(table) + len(strings), 0, 64,
        56, len(segments), 64, 3, 0)
    return head + headers + body + table + strings + sections


def kernel_elf(fill=b'\xc3', build_id=BUILD_ID, flags=5):
    note = struct.pack('<III', 4, 20, 3) + b'GNU\0' + build_id
    return elf([(1, flags, 0, fill * 70000, 70000), (1, 4, 0x200000, note, len(note)),
                (1, 6, 0x400000, b'data', 0x3000), (4, 4, 0x200000, note, len(note))])


def build_inputs(folder, kernel=None, symbols=None, modules=b'module text',
                 code=b'\xf4'):
    """Writes all that `seal` reads; returns its arguments without the output. `code` is
    what the boot sector does."""
    kernel = kernel_elf() if kernel is None else kernel
    if symbols is None:
        symbols = (b'PLINTSY\0' + struct.pack('<II', 1, 0) + BUILD_ID).ljust(3000, b's')
    at, names, blobs = L['DISK_PAYLOAD'], [], b''
    for name, data in (('kernel', kernel), ('symbols', symbols), ('modules', modules)):
        names += [(f'payload_{name}_begin', at), (f'payload_{name}_end', at + len(data))]
        end = round_up(at + len(data), L['DISK_ALIGN'])
        if data:
            blobs = blobs.ljust(at - L['DISK_PAYLOAD'], b'\0') + data
        at = end
        (folder / name).write_bytes(data)
    raw = bytearray(L['DISK_PAYLOAD']) + blobs
    raw[0:3] = b'\xeb\x58\x90'
    struct.pack_into('<H', raw, 0x0B, 512)          # as much of a BPB as is looked at
    struct.pack_into('<HH', raw, 0x18, 18, 2)
    raw[L['MBR_BPB_END']:L['MBR_BPB_END'] + len(code)] = code
    raw[L['MBR_SIGNATURE']:L['MBR_SIGNATURE'] + 2] = b'\x55\xaa'
    head = L['DISK_STAGE2_HEAD']
    raw[head:head + HEAD.bytes] = HEAD.pack({
        'jump': b'\xe9\x60\x00\x90', 'magic': L['STAGE2_HEAD_MAGIC'],
        'version': L['DISK_FORMAT_VERSION'], 'body_bytes': BODY_BYTES,
        'body_crc32c': 0, 'reserved': 0, 'image_bytes': 0, 'uuid': bytes(16),
        'build_id': bytes(20), 'reserved2': 0})
    raw[head + HEAD.bytes:head + HEAD.bytes + 64] = b'head' * 16
    raw[L['DISK_STAGE2_BODY']:L['DISK_STAGE2_BODY'] + 64] = b'body' * 16
    (folder / 'disk.raw').write_bytes(raw)
    (folder / 'disk.elf').write_bytes(elf(symbols=names))
    return ['--disk', folder / 'disk.elf', '--kernel', folder / 'kernel',
            '--symbols', folder / 'symbols', '--modules', folder / 'modules',
            '--build-id', BUILD_ID.hex(), folder / 'disk.raw']


def image_tool(*words):
    """image.py as a user calls it: (exit code, stdout, stderr)."""
    done = subprocess.run(['/usr/bin/python3', IMAGE_TOOL, *map(str, words)],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def sealed(folder, **inputs):
    """A sealed sample image."""
    image = folder / 'sample.img'
    code, _, errors = image_tool('seal', *build_inputs(folder, **inputs), image)
    assert code == 0, errors
    return image


def assemble(source, folder):
    """NASM text to bytes, for 0000:7C00."""
    text, out = folder / 'code.asm', folder / 'code.bin'
    text.write_text(source)
    subprocess.run(['nasm', '-f', 'bin', '-o', out, text], check=True, timeout=20)
    return out.read_bytes()


# What a boot sector does after its words; each leaves the machine in another way.
ENDS = {
    'passed': 'mov al, 0x10\n out 0xf4, al',
    'failed': 'mov al, 0x11\n out 0xf4, al',
    'off': 'mov ax, 0x2000\n mov dx, 0x604\n out dx, ax',
    'triple': 'lidt [none]\n int3',
    'reset': 'mov al, 0xfe\n out 0x64, al',
    'bochs': 'mov si, shutdown\n mov cx, 8\n mov dx, 0x8900\n rep outsb',
    'halt': '',
    'silent': 'jmp $',
}


def talker(folder, words, end):
    """An image that says `words` on COM1 and port E9, and ends in one of ENDS.

    They stand for a kernel's words: the wrappers are tested with lies that no kernel
    tells. The words lie in the slot of stage2's body, which is read by CHS.
    """
    code = assemble(f"""
        bits 16
        org {0x7C00 + L['MBR_BPB_END']}
            xor ax, ax
            mov ds, ax
            mov es, ax
            mov ss, ax
            mov sp, 0x7c00
            cld
            mov bx, 0x8000
            mov cx, 9           ; sector 9 = byte 0x1000
            mov dh, 0
            mov ax, 0x0208
            int 0x13
            mov dx, 0x3fb
            mov al, 3           ; eight bits a character: Bochs starts with five
            out dx, al
            mov si, 0x8000
        next:
            lodsb
            test al, al
            jz done
            mov ah, al
            mov dx, 0x3fd
        busy:
            in al, dx
            test al, 0x40
            jz busy
            mov al, ah
            mov dx, 0x3f8
            out dx, al
            out 0xe9, al
            jmp next
        done:
            mov dx, 0x3fd
            in al, dx
            test al, 0x40
            jz done
            {ENDS[end]}
        halt:
            cli
            hlt
            jmp halt
        none: dw 0, 0, 0
        shutdown: db 'Shutdown'
        """, folder)
    inputs = build_inputs(folder, code=code)
    raw = bytearray((folder / 'disk.raw').read_bytes())
    text = words.replace('\n', '\r\n').encode('ascii') + b'\0'
    assert len(code) < 0x80 and len(text) < 0x1000
    raw[0x1000:0x1000 + len(text)] = text
    (folder / 'disk.raw').write_bytes(raw)
    image = folder / 'talker.img'
    status, _, errors = image_tool('seal', *inputs, image)
    assert status == 0, errors
    return image


def ktap_words(nonce, tests, plan=None, total=None, before=''):
    """What an honest kernel prints for these (name, outcome) tests."""
    from ktap import closing_sum
    lines = [before + 'KTAP version 1', f'1..{len(tests) if plan is None else plan}']
    for number, (name, outcome) in enumerate(tests, 1):
        line = 'not ok' if outcome == 'not ok' else 'ok'
        lines.append(f'{line} {number} {name}' + ' # SKIP no need' * (outcome == 'skip'))
    found = [outcome for _, outcome in tests]
    value = closing_sum(nonce, [(name, outcome, '') for name, outcome in tests])
    lines.append(f'# plinth: tests={len(tests)} failed={found.count("not ok")} '
                 f'skipped={found.count("skip")} nonce={nonce} '
                 f'sum={value if total is None else total:016x}')
    return '\n'.join(lines) + '\n'
