# SPDX-License-Identifier: MIT
"""Sections, symbols and relocations of an ELF64 file by name, for the build's checks."""
import struct
from collections import namedtuple

from elf64 import Elf, ElfError

SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_REL, SHT_DYNSYM = 1, 2, 4, 8, 9, 11
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
SHN_UNDEF, SHN_ABS, SHN_COMMON = 0, 0xFFF1, 0xFFF2
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE = 0, 1, 2, 3, 4
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
ET_REL, ET_DYN = 1, 3

# System V ABI, AMD64 supplement, table 4.10; without the common R_X86_64_ in front.
RELOCATION_NAMES = {
    0: 'NONE', 1: '64', 2: 'PC32', 3: 'GOT32', 4: 'PLT32', 5: 'COPY', 6: 'GLOB_DAT',
    7: 'JUMP_SLOT', 8: 'RELATIVE', 9: 'GOTPCREL', 10: '32', 11: '32S', 12: '16',
    13: 'PC16', 14: '8', 15: 'PC8', 16: 'DTPMOD64', 17: 'DTPOFF64', 18: 'TPOFF64',
    19: 'TLSGD', 20: 'TLSLD', 21: 'DTPOFF32', 22: 'GOTTPOFF', 23: 'TPOFF32', 24: 'PC64',
    25: 'GOTOFF64', 26: 'GOTPC32', 27: 'GOT64', 28: 'GOTPCREL64', 29: 'GOTPC64',
    31: 'PLTOFF64', 37: 'IRELATIVE', 41: 'GOTPCRELX', 42: 'REX_GOTPCRELX',
}

Section = namedtuple('Section', 'index name type flags address offset bytes link info')
Symbol = namedtuple('Symbol', 'name type bind visibility section value bytes file')
Relocation = namedtuple('Relocation', 'section offset type symbol')


def relocation_name(kind):
    return 'R_X86_64_' + RELOCATION_NAMES.get(kind, f'type_{kind}')


class ElfTables(Elf):
    def __init__(self, data, name='ELF'):
        super().__init__(data, name)
        names_index = struct.unpack_from('<H', data, 62)[0]
        if not self.sections or names_index >= len(self.sections):
            raise ElfError(f'{name}: no section headers; give the file before strip')
        names = self.sections[names_index][4]
        self.named_sections = [
            Section(index, self._string(names, s[0]), *s[1:8])
            for index, s in enumerate(self.sections)]

    def section(self, name):
        """The section of that name, or None."""
        return next((s for s in self.named_sections if s.name == name), None)

    def contents(self, section):
        if section.type == SHT_NOBITS:
            return bytes(section.bytes)
        return self.data[section.offset:section.offset + section.bytes]

    def symbol_table(self, kind=SHT_SYMTAB):
        """All symbols in file order, the nameless ones too: relocations count them."""
        table = next((s for s in self.named_sections if s.type == kind), None)
        if table is None:
            return []
        strings = self.named_sections[table.link].offset
        found, file = [], ''
        for at in range(table.offset, table.offset + table.bytes, 24):
            name, info, other, section, value, count = \
                struct.unpack_from('<IBBHQQ', self.data, at)
            kind, bind = info & 15, info >> 4
            text = self._string(strings, name) if name else ''
            if kind == STT_FILE:
                file = text
            found.append(Symbol(text, kind, bind, other & 3, section, value, count,
                                file if bind == STB_LOCAL else ''))
        return found

    def relocations(self):
        """Every relocation with the section it changes; symbol is an index."""
        for table in self.named_sections:
            if table.type not in (SHT_RELA, SHT_REL):
                continue
            step = 24 if table.type == SHT_RELA else 16
            section = self.named_sections[table.info] if table.info else None
            for at in range(table.offset, table.offset + table.bytes, step):
                offset, info = struct.unpack_from('<QQ', self.data, at)
                yield Relocation(section, offset, info & 0xFFFFFFFF, info >> 32)

    def section_at(self, address):
        """The allocated section of a linked file that holds an address, or None."""
        for section in self.named_sections:
            if section.flags & SHF_ALLOC and \
                    section.address <= address < section.address + section.bytes:
                return section
        return None
