# SPDX-License-Identifier: MIT
"""As much of ELF64 as the Python tools need: segments, symbols, the build-id note."""
import struct

PT_LOAD, PT_NOTE, NT_GNU_BUILD_ID = 1, 4, 3
EM_X86_64 = 62


class ElfError(Exception):
    """Not an ELF64 file for x86-64, or a damaged one."""


class Elf:
    def __init__(self, data, name='ELF'):
        self.data, self.name = data, name
        if data[:6] != b'\x7fELF\x02\x01' or len(data) < 64:
            raise ElfError(f'{name}: not a 64-bit little-endian ELF file')
        (self.type, self.machine, _, self.entry, phoff, shoff, _, _, phsize, phnum,
         shsize, shnum, _) = struct.unpack_from('<HHIQQQIHHHHHH', data, 16)
        if self.machine != EM_X86_64:
            raise ElfError(f'{name}: machine {self.machine}, not x86-64')
        try:
            self.segments = [
                dict(zip(('type', 'flags', 'offset', 'vaddr', 'paddr', 'file_bytes',
                          'memory_bytes', 'align'),
                         struct.unpack_from('<IIQQQQQQ', data, phoff + i * phsize)))
                for i in range(phnum)]
            self.sections = [struct.unpack_from('<IIQQQQIIQQ', data, shoff + i * shsize)
                             for i in range(shnum)]
        except struct.error:
            raise ElfError(f'{name}: headers lie beyond the end of the file') from None

    @classmethod
    def read(cls, path):
        with open(path, 'rb') as file:
            return cls(file.read(), path)

    def _string(self, table, offset):
        begin = table + offset
        return self.data[begin:self.data.index(b'\0', begin)].decode('utf-8', 'replace')

    def symbols(self):
        """name -> value of every named symbol; a later global wins over a local."""
        found = {}
        for section in self.sections:
            if section[1] != 2:   # SHT_SYMTAB
                continue
            strings = self.sections[section[6]][4]
            for i in range(section[4], section[4] + section[5], 24):
                name, _, _, _, value, _ = struct.unpack_from('<IBBHQQ', self.data, i)
                if name:
                    found[self._string(strings, name)] = value
        return found

    def loads(self):
        return [s for s in self.segments if s['type'] == PT_LOAD]

    def build_id(self):
        """The GNU build-id note's bytes, or None."""
        for segment in (s for s in self.segments if s['type'] == PT_NOTE):
            at, end = segment['offset'], segment['offset'] + segment['file_bytes']
            while at + 12 <= end:
                names, count, kind = struct.unpack_from('<III', self.data, at)
                name_at = at + 12
                desc = name_at + (names + 3 & ~3)
                name = self.data[name_at:name_at + names]
                if kind == NT_GNU_BUILD_ID and name == b'GNU\0':
                    return self.data[desc:desc + count]
                at = desc + (count + 3 & ~3)
        return None
