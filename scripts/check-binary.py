#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Looks at the linked kernel for what no compiler flag guarantees by itself.

usage: check-binary.py KERNEL.elf OBJDUMP

Fails on: instructions with vector or x87 operands (a program's FPU state would be
destroyed), use of the red zone (an interrupt overwrites it), IRET of 4 or 2 byte words (it
cuts what it returns to), segments that are writable and
executable, sections that kernel.ld does not name, dynamic relocations other than
R_X86_64_RELATIVE or in read-only sections, undefined symbols, a missing build-id.
Exit: 0 clean, 1 findings (one line each), 2 wrong call or unreadable file.
"""
import bisect
import re
import subprocess
import sys

import elf_tables as elf

ALLOCATED = {'.text', '.note.gnu.build-id', '.rodata', '.data.rel.ro', '.dynamic',
             '.dynsym', '.dynstr', '.gnu.hash', '.hash', '.rela.dyn', '.got', '.got.plt',
             '.plt', '.rodata_mark', '.data', '.bss'}
NOT_ALLOCATED = {'', '.comment', '.symtab', '.strtab', '.shstrtab'}
PT_LOAD, PT_DYNAMIC, PT_GNU_STACK = 1, 2, 0x6474E551
PF_X, PF_W = 1, 2
DT_TEXTREL, DT_FLAGS, DF_TEXTREL = 22, 30, 4
R_RELATIVE = 8
FINDINGS_SHOWN = 12

VECTOR = re.compile(r'%(?:[xyz]?mm\d|st\b|k[0-7]\b|bnd[0-3]\b|tmm\d)')
# They name state of the FPU or move memory past the cache, but touch no vector register.
ALLOWED = re.compile(r'fxsave|fxrstor|xsave|xrstor|ldmxcsr|stmxcsr|fninit|movnti|prefetch|'
                     r'[lsm]fence')
# x87 and MMX without an operand that names a register: fld1, fldl (mem), emms, vzeroupper.
IMPLICIT = re.compile(r'(f[a-z0-9]+|wait|emms|vzero\w+)$')
INSTRUCTION = re.compile(r'^\s*([0-9a-f]+):\t(\S+)[ \t]*(.*)$')
PREFIXES = {'lock', 'rep', 'repz', 'repnz', 'data16', 'addr32', 'notrack', 'bnd', 'cs',
            'ds', 'es', 'ss', 'fs', 'gs', 'rex.W', 'rex'}
BELOW_STACK = re.compile(r'-0x[0-9a-f]+\(%rsp\)')
BELOW_FRAME = re.compile(r'-0x([0-9a-f]+)\(%rbp\)')
LOWERS_BY = re.compile(r'sub\s+\$0x([0-9a-f]+),%rsp|add\s+\$0xf{8}([0-9a-f]{8}),%rsp')
LOWERS_SOMEHOW = re.compile(r'(?:and|sub|lea|mov|xchg)\w*\s.*%rsp$|enter')


class Locator:
    """Names an address: function, and file with line where debug information is."""

    def __init__(self, path, file, objdump):
        self.path = path
        self.tool = re.sub(r'objdump$', 'addr2line', objdump)
        text = file.section('.text')
        self.entries = sorted(
            (s.value, s.name) for s in file.symbol_table()
            if text is not None and s.section == text.index and s.name and
            s.type in (elf.STT_FUNC, elf.STT_NOTYPE))

    def name(self, address):
        at = bisect.bisect_right(self.entries, (address, chr(0x10FFFF))) - 1
        function = f'{address:#x}'
        if at >= 0:
            value, name = self.entries[at]
            function = f'{name}+{address - value:#x}'
        try:
            line = subprocess.run([self.tool, '-e', self.path, f'{address:#x}'],
                                  text=True, capture_output=True,
                                  check=True).stdout.split()[0]
        except (OSError, subprocess.CalledProcessError, IndexError):
            return function
        return function if line.startswith('?') else f'{line}: {function}'


def segments(file):
    for segment in file.segments:
        if segment['type'] in (PT_LOAD, PT_GNU_STACK) and \
                segment['flags'] & (PF_W | PF_X) == PF_W | PF_X:
            what = 'the stack' if segment['type'] == PT_GNU_STACK else \
                f'the segment at {segment["vaddr"]:#x}'
            yield (f'{what} is writable and executable; expected one right each: check '
                   f'FLAGS in kernel.ld, -z noexecstack for the stack')


def sections(file):
    loads = [s for s in file.segments if s['type'] == PT_LOAD]
    for section in file.named_sections:
        if not section.flags & elf.SHF_ALLOC:
            if section.name not in NOT_ALLOCATED and \
                    not section.name.startswith('.debug_'):
                yield (f'section {section.name} is not expected; name it in kernel.ld or '
                       f'drop it')
            continue
        if section.name not in ALLOCATED:
            yield (f'section {section.name} ({section.bytes} bytes) is not expected; give '
                   f'it a place in kernel.ld and in scripts/check-binary.py, or drop it')
        if section.flags & elf.SHF_EXECINSTR and section.name not in ('.text', '.plt'):
            yield f'section {section.name} holds code; expected code in .text only'
        if section.bytes and not any(
                s['vaddr'] <= section.address and
                section.address + section.bytes <= s['vaddr'] + s['memory_bytes']
                for s in loads):
            yield f'section {section.name} lies in no segment; give it one in kernel.ld'


def dynamic(file):
    table = file.section('.dynamic')
    if table is None or file.type != elf.ET_DYN:
        yield 'not a position-independent executable; link with ld -pie'
        return
    words = file.contents(table)
    for at in range(0, len(words) - 15, 16):
        tag = int.from_bytes(words[at:at + 8], 'little')
        value = int.from_bytes(words[at + 8:at + 16], 'little')
        if tag == DT_TEXTREL or (tag == DT_FLAGS and value & DF_TEXTREL):
            yield ('relocations in read-only segments (DT_TEXTREL); link with -z text, '
                   'compile with -fpie')
        if tag == 0:
            break


def relocations(file, symbols, locator):
    for relocation in file.relocations():
        place = file.section_at(relocation.offset)
        where = f'{place.name if place else "no section"}, {relocation.offset:#x}'
        if place is not None and place.name == '.text':
            where = locator.name(relocation.offset)
        if relocation.type != R_RELATIVE:
            name = symbols[relocation.symbol].name or 'a local'
            yield (f'{where}: dynamic relocation {elf.relocation_name(relocation.type)} '
                   f'to {name}; expected only R_X86_64_RELATIVE: hide the symbol '
                   f'(kernel/base/visibility.h) and define it')
        elif place is None or not place.flags & elf.SHF_WRITE:
            yield (f'{where}: relocation of read-only bytes; expected it in .data or '
                   f'.data.rel.ro: compile with -fpie, in NASM put pointers there')


def undefined(symbols):
    for symbol in symbols:
        if symbol.name and symbol.section == elf.SHN_UNDEF:
            weak = ' (weak)' if symbol.bind == elf.STB_WEAK else ''
            yield (f'undefined symbol {symbol.name}{weak}; expected none: add its source '
                   f'to sources.mk or drop its use')


def split(line):
    """(address, mnemonic, operands) of a line of objdump, without prefixes, or None."""
    found = INSTRUCTION.match(line)
    if not found:
        return None
    mnemonic, rest = found.group(2), found.group(3)
    while mnemonic in PREFIXES and rest:
        mnemonic, _, rest = rest.partition(' ')
        rest = rest.lstrip()
    return int(found.group(1), 16), mnemonic, rest.partition('#')[0].rstrip()


def vector_uses(functions):
    for _, instructions in functions:
        for address, mnemonic, operands in instructions:
            if ALLOWED.match(mnemonic):
                continue
            if VECTOR.search(operands) or IMPLICIT.match(mnemonic):
                yield address, (f'vector or x87 instruction "{mnemonic} {operands}"; '
                                f'expected general registers only: '
                                f'-mgeneral-regs-only, and no data in .text')


def short_returns(functions):
    """64-bit mode takes what the assembler is told: without REX.W IRET pops halves."""
    for _, instructions in functions:
        for address, mnemonic, operands in instructions:
            if mnemonic in ('iret', 'iretl', 'iretd', 'iretw'):
                yield address, (f'"{mnemonic}" is the form of {"16" if "w" in mnemonic else "32"}'
                                f'-bit code and pops words of that size; expected iretq')


def red_zone_uses(functions):
    """Accesses below the stack pointer: relative to it, or to a frame pointer under which
    no push or subtraction has made room."""
    cure = 'expected none: compile with -mno-red-zone'
    for name, instructions in functions:
        room = None    # bytes between the frame pointer and the lowest stack pointer
        below = []
        for address, mnemonic, operands in instructions:
            text = f'{mnemonic} {operands}'
            if BELOW_STACK.search(operands) and not mnemonic.startswith('lea'):
                yield address, f'"{text}" is below the stack pointer; {cure}'
            if mnemonic == 'mov' and operands == '%rsp,%rbp':
                room = 0
            elif room is None:
                continue
            elif mnemonic.startswith('push'):
                room += 8
            elif LOWERS_BY.match(text):
                lowered = LOWERS_BY.match(text)
                room += int(lowered.group(1), 16) if lowered.group(1) else \
                    (1 << 32) - int(lowered.group(2), 16)
            elif LOWERS_SOMEHOW.match(text):
                room += 1 << 32
            elif mnemonic != 'lea' and BELOW_FRAME.search(operands):
                below.append((address, text,
                              int(BELOW_FRAME.search(operands).group(1), 16)))
        for address, text, depth in below:
            if depth > room:
                yield address, (f'"{text}" is below the stack pointer ({name} makes room '
                                f'for {room} bytes); {cure}')


def disassemble(path, objdump):
    """[(function, [(address, mnemonic, operands)])] of .text."""
    command = [objdump, '-d', '-j', '.text', '--no-show-raw-insn', '-w', path]
    output = subprocess.run(command, text=True, capture_output=True, check=True).stdout
    functions = [('?', [])]
    for line in output.splitlines():
        if line.endswith('>:'):
            functions.append((line[line.index('<') + 1:-2], []))
        else:
            instruction = split(line)
            if instruction:
                functions[-1][1].append(instruction)
    return functions


def check(path, objdump):
    file = elf.ElfTables.read(path)
    symbols = file.symbol_table()
    if not symbols:
        raise elf.ElfError(f'{path}: no symbols; give the file before strip')
    locator = Locator(path, file, objdump)
    findings = list(segments(file)) + list(sections(file)) + list(dynamic(file))
    findings += relocations(file, file.symbol_table(elf.SHT_DYNSYM), locator)
    findings += undefined(symbols)
    build_id = file.build_id()
    if build_id is None or len(build_id) != 20:
        findings.append('no GNU build-id of 20 bytes; link with --build-id=sha1, keep '
                        '.note.gnu.build-id in a PT_NOTE segment')
    functions = disassemble(path, objdump)
    if sum(len(instructions) for _, instructions in functions) == 0:
        findings.append('.text has no instructions that objdump can read')
    for uses in (vector_uses(functions), red_zone_uses(functions),
                 short_returns(functions)):
        found = list(uses)
        findings += [f'{locator.name(address)}: {text}' for address, text in
                     found[:FINDINGS_SHOWN]]
        if len(found) > FINDINGS_SHOWN:
            findings.append(f'... and {len(found) - FINDINGS_SHOWN} more of this kind')
    return findings


def main(arguments):
    if len(arguments) != 2:
        print(__doc__.strip().splitlines()[2], file=sys.stderr)
        return 2
    try:
        findings = check(*arguments)
    except (OSError, elf.ElfError) as error:
        print(f'check-binary: {error}', file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f'check-binary: {arguments[1]} failed: {error.stderr.strip()}',
              file=sys.stderr)
        return 2
    for finding in findings:
        print(f'check-binary: {arguments[0]}: {finding}', file=sys.stderr)
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
