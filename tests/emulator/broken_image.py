# SPDX-License-Identifier: MIT
"""Images that are broken in one chosen place, and whose checksums are right all the same.

  Break(build).triple_fault('tables_build').save(path)

makes the CPU triple-fault at the first instruction of that function, of the loader or of
the kernel: it loads an empty IDT and runs into a breakpoint. returns() cuts a function
short instead.
"""
import os
import struct

import disk_format as fmt
from disk_format import BASES, HEAD, L, MANIFEST
from elf64 import Elf

# LIDT of six or ten zero bytes, then INT3, which an empty IDT cannot deliver. 64-bit code
# finds the bytes relative to RIP, 32-bit code by their address.
# No function that replace() and replace_loader() look into is longer.
FUNCTION_BYTES = 1024
TRIPLE_FAULT_64 = b'\x0f\x01\x1d\x01\0\0\0\xcc' + bytes(10)


def triple_fault_32(address):
    return b'\x0f\x01\x1d' + struct.pack('<I', address + 8) + b'\xcc' + bytes(6)


class Break:
    """A copy of a build's image, as bytes, and where its functions lie in it."""

    def __init__(self, build):
        image = fmt.Image(os.path.join(build, 'plinth.img'))
        self.data = bytearray(image.content())
        self.kernel = Elf.read(os.path.join(build, 'kernel.elf'))
        self.loader = Elf.read(os.path.join(build, 'disk.elf')).symbols()
        self.manifest = image.manifest()

    def _entry(self, kind):
        return next(entry for entry in self.manifest[1] if entry['kind'] == L[kind])

    @property
    def kernel_file(self):
        """Where kernel.elf begins on the disk."""
        return self._entry('MANIFEST_KERNEL')['disk_offset']

    @property
    def symbols_file(self):
        return self._entry('MANIFEST_SYMBOLS')['disk_offset']

    def kernel_offset(self, name):
        """The disk byte of a kernel function: by the stripped file's own segments."""
        address = self.kernel.symbols()[name]
        begin = self.kernel_file
        size = self._entry('MANIFEST_KERNEL')['bytes']
        loaded = Elf(bytes(self.data[begin:begin + size]), 'kernel')
        for segment in loaded.loads():
            if 0 <= address - segment['vaddr'] < segment['file_bytes']:
                return begin + segment['offset'] + address - segment['vaddr']
        raise KeyError(name)

    def put(self, offset, code):
        self.data[offset:offset + len(code)] = code
        return self

    def triple_fault(self, name, bits=None):
        """At the start of a function; bits only for the loader's 64-bit code."""
        if name in self.kernel.symbols():
            return self.put(self.kernel_offset(name), TRIPLE_FAULT_64)
        code = TRIPLE_FAULT_64 if bits == 64 else triple_fault_32(self.loader[name])
        return self.put_loader(name, code)

    def put_loader(self, name, code):
        """Over a place of stage2, in both copies."""
        for base in BASES:
            self.put(base + self.loader_offset(name), code)
        return self

    def loader_offset(self, name):
        """The disk byte of a place of stage2, in the first copy."""
        offset = L['DISK_STAGE2_HEAD'] + self.loader[name] - L['STAGE2_PHYS']
        if self.loader[name] >= L['STAGE2_BODY_PHYS']:
            offset = L['DISK_STAGE2_BODY'] + self.loader[name] - L['STAGE2_BODY_PHYS']
        assert L['DISK_STAGE2_HEAD'] <= offset < L['DISK_RESERVED'], name
        return offset

    def replace_loader(self, name, old, new):
        """Bytes in a function of stage2, the first such ones, in both copies."""
        begin = self.loader_offset(name)
        at = self.data.index(old, begin, begin + FUNCTION_BYTES)
        for base in BASES:
            self.put(base + at, new)
        return self

    def undefined(self, name):
        """UD2 at the start of a function of either."""
        if name in self.kernel.symbols():
            return self.put(self.kernel_offset(name), b'\x0f\x0b')
        return self.put_loader(name, b'\x0f\x0b')

    def jump_once(self, name, to, flag):
        """Within the loader, 32-bit code: JMP while a variable is not 0, which it is from
        then on; else RET."""
        at = struct.pack('<I', self.loader[flag])
        code = b'\x80\x3d' + at + b'\0\x75\x01\xc3\xc6\x05' + at + b'\0'
        distance = self.loader[to] - self.loader[name] - len(code) - 5
        return self.put_loader(name, code + b'\xe9' + struct.pack('<i', distance))

    def replace(self, name, old, new):
        """Bytes in a kernel function, the first such ones."""
        begin = self.kernel_offset(name)
        return self.put(self.data.index(old, begin, begin + FUNCTION_BYTES), new)

    def returns(self, name, value=0):
        """The kernel function gives this value at once: MOV EAX, value; RET."""
        return self.put(self.kernel_offset(name), b'\xb8' + struct.pack('<i', value)
                        + b'\xc3')

    def _seal_loader(self, base):
        at, body = base + L['DISK_STAGE2_HEAD'], base + L['DISK_STAGE2_BODY']
        crc = fmt.crc32c(self.data[body:body + HEAD.unpack(self.data, at)['body_bytes']])
        self.put(at + HEAD.fields['body_crc32c'][0], struct.pack('<I', crc))
        crc = fmt.crc32c(self.data[at:at + L['STAGE2_HEAD_BYTES']])
        self.put(base + L['MBR_HEAD_CRC'], struct.pack('<I', crc))

    def _seal_manifest(self, base):
        head, entries, _ = self.manifest
        at = base + L['DISK_MANIFEST']
        crcs = [fmt.crc32c(chunk) for entry in entries for chunk in fmt.chunks(
            self.data[entry['disk_offset']:entry['disk_offset'] + entry['bytes']])]
        table = MANIFEST.bytes + head['entry_count'] * fmt.ENTRY.bytes
        self.put(at + table, struct.pack(f'<{len(crcs)}I', *crcs))
        whole = self.data[at:at + head['manifest_bytes']]
        crc = fmt.crc32c(MANIFEST.cleared(whole, 'crc32c'))
        self.put(at + MANIFEST.fields['crc32c'][0], struct.pack('<I', crc))

    def save(self, path):
        for base in BASES:
            self._seal_loader(base)
            self._seal_manifest(base)
        with open(path, 'wb') as file:
            file.write(self.data)
        return str(path)
