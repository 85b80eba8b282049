# SPDX-License-Identifier: MIT
"""The build's checks are tested with what they must find: each gets a bad sample and has to say
so, and a good one, on which it has to be silent."""
import os
import re
import shutil
import struct
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(ROOT, 'scripts')
sys.path.insert(0, SCRIPTS)
import elf_tables  # noqa: E402
import symbols  # noqa: E402

CROSS = os.environ.get('CROSS_COMPILE', 'x86_64-linux-gnu-')
CC, LD, OBJCOPY, OBJDUMP = (CROSS + tool for tool in ('gcc', 'ld', 'objcopy', 'objdump'))
CFLAGS = ('-std=gnu11 -O2 -ffreestanding -fpie -mcmodel=small -mno-red-zone '
          '-mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fvisibility=hidden '
          '-fno-asynchronous-unwind-tables -fno-omit-frame-pointer').split()
LDFLAGS = ('-pie --no-dynamic-linker -z max-page-size=4096 -z noexecstack -z norelro '
           '--build-id=sha1 --hash-style=sysv --no-warn-rwx-segments').split()
LINKER_SCRIPT = '''
ENTRY(start)
PHDRS { text PT_LOAD FLAGS(%(text)d); rodata PT_LOAD FLAGS(4); data PT_LOAD FLAGS(6);
        dyn PT_DYNAMIC FLAGS(4); note PT_NOTE FLAGS(4); }
SECTIONS {
  . = 0;
  .text : { text_begin = .; *(.text .text.*) text_end = .; } :text
  . = ALIGN(0x1000);
  .note.gnu.build-id : { *(.note.gnu.build-id) } :rodata :note
  .rodata : { *(.rodata .rodata.*) } :rodata
  .data.rel.ro : { *(.data.rel.ro .data.rel.ro.*) } :rodata
  .dynamic : { *(.dynamic) } :rodata :dyn
  .dynsym : { *(.dynsym) } :rodata
  .dynstr : { *(.dynstr) }  .hash : { *(.hash) }  .rela.dyn : { *(.rela.*) }
  .got : { *(.got .got.plt) }
  . = ALIGN(0x1000);
  .data : { *(.data .data.*) } :data
  .bss : { *(.bss .bss.*) } :data
  /DISCARD/ : { *(.note.GNU-stack .note.gnu.property .eh_frame .comment) }
}
'''
GOOD = '''
static int counter = 7;
static const char *const words[] = { "one", "two" };
const char *word(int which) { return words[which & 1]; }
int next(int step);
int next(int step) { volatile int room[8]; room[step & 7] = step; return counter += room[0]; }
int start(int step);
int start(int step) { return next(step) + word(step)[0]; }
'''


def run(script, *arguments, **options):
    return subprocess.run([os.path.join(SCRIPTS, script), *map(str, arguments)], text=True,
                          capture_output=True, **options)


def must_find(result, *texts):
    """The check failed, and one and the same line has all the texts."""
    assert result.returncode == 1, result.stderr
    assert any(all(text in line for text in texts) for line in result.stderr.splitlines()), \
        f'no line with {texts} in:\n{result.stderr}'


def must_pass(result):
    assert (result.returncode, result.stdout + result.stderr) == (0, '')


class Workshop:
    """Compiles and links samples in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder

    def compile(self, source, *flags, name='sample'):
        path = self.folder / f'{name}.c'
        path.write_text(source)
        subprocess.run([CC, *CFLAGS, *flags, '-c', path, '-o', self.folder / f'{name}.o'],
                       check=True, cwd=self.folder)
        return self.folder / f'{name}.o'

    def link(self, objects, *flags, text_flags=5, script=LINKER_SCRIPT):
        (self.folder / 'sample.ld').write_text(script % {'text': text_flags})
        out = self.folder / 'sample.elf'
        subprocess.run([LD, *LDFLAGS, *flags, '-T', self.folder / 'sample.ld', '-o', out,
                        *objects], check=True)
        return out

    def join(self, *objects):
        out = self.folder / 'join.o'
        subprocess.run([LD, '-r', '-o', out, *objects], check=True)
        return out


@pytest.fixture
def shop(tmp_path):
    return Workshop(tmp_path)


# --- check-binary ---------------------------------------------------------------------------

def test_binary_good(shop):
    allowed = '''
    void state(void *p); void state(void *p)
    {
        __asm__ volatile("fxsave (%0); fxrstor (%0); xsave (%0); xrstor (%0); ldmxcsr (%0);"
                         "stmxcsr (%0); fninit; movnti %%rax, (%0); prefetchnta (%0); mfence;"
                         "mov %%fs:0, %%rax; verr (%0); lock incl (%0); rep stosb; sfence"
                         : : "r"(p) : "rax", "rcx", "rdi", "memory");
    }'''
    elf = shop.link([shop.compile(GOOD), shop.compile(allowed, name='allowed')])
    must_pass(run('check-binary.py', elf, OBJDUMP))


@pytest.mark.parametrize('instruction', [
    'movaps %xmm0, %xmm1', 'pxor %mm0, %mm1', 'vpxor %ymm0, %ymm1, %ymm2',
    'vpxord %zmm0, %zmm1, %zmm17', 'kmovw %k1, %eax', 'fldl (%rax)', 'fld1',
    'fadd %st(1), %st', 'fwait', 'emms', 'vzeroupper', 'cvtsi2sd %eax, %xmm9',
    'movdqu %xmm3, %fs:(%rax)'])
def test_binary_vector_and_x87(shop, instruction):
    bad = 'void bad(void); void bad(void) { __asm__ volatile("%s"); }' % instruction
    elf = shop.link([shop.compile(GOOD), shop.compile(bad, name='bad')])
    must_find(run('check-binary.py', elf, OBJDUMP), 'bad+0x', 'vector or x87', 'mgeneral-regs')


@pytest.mark.parametrize('instruction, bits', [('iretl', 32), ('iretw', 16)])
def test_binary_short_return(shop, instruction, bits):
    bad = 'void bad(void); void bad(void) { __asm__ volatile("%s"); }'
    objects = [shop.compile(GOOD), shop.compile(bad % instruction, name='bad')]
    must_find(run('check-binary.py', shop.link(objects), OBJDUMP),
              'bad+0x', f'form of {bits}-bit code', 'expected iretq')
    objects = [shop.compile(GOOD), shop.compile(bad % 'iretq', name='bad')]
    must_pass(run('check-binary.py', shop.link(objects), OBJDUMP))


def test_binary_names_file_and_line(shop):
    bad = 'void bad(void);\nvoid bad(void)\n{\n    __asm__ volatile("fld1");\n}\n'
    elf = shop.link([shop.compile(GOOD), shop.compile(bad, '-g', name='bad')],
                    script=LINKER_SCRIPT)
    must_find(run('check-binary.py', elf, OBJDUMP), 'bad.c:4: bad+0x', 'fld1')


@pytest.mark.parametrize('frame', ['-fno-omit-frame-pointer', '-fomit-frame-pointer'])
def test_binary_red_zone(shop, frame):
    leaf = '''int leaf(int x);
    int leaf(int x) { volatile int room[4]; room[x & 3] = 1; room[0] = 2; return room[1]; }'''
    objects = [shop.compile(GOOD), shop.compile(leaf, '-mred-zone', frame, name='leaf')]
    must_find(run('check-binary.py', shop.link(objects), OBJDUMP),
              'leaf', 'below the stack pointer', '-mno-red-zone')
    objects[1] = shop.compile(leaf, frame, name='leaf')
    must_pass(run('check-binary.py', shop.link(objects), OBJDUMP))


def test_binary_writable_code(shop):
    elf = shop.link([shop.compile(GOOD)], text_flags=7)
    must_find(run('check-binary.py', elf, OBJDUMP), 'segment at 0x0', 'writable and executable')


def test_binary_unexpected_section(shop):
    odd = '__attribute__((section(".odd"))) int odd = 1;'
    objects = [shop.compile(GOOD), shop.compile(odd, name='odd')]
    script = LINKER_SCRIPT.replace('.bss :', '.odd : { *(.odd) } :data\n.bss :')
    must_find(run('check-binary.py', shop.link(objects, script=script), OBJDUMP),
              'section .odd', 'kernel.ld')


def test_binary_section_of_no_use(shop):
    odd = '__asm__(".section .odd; .long 1; .text");'
    objects = [shop.compile(GOOD), shop.compile(odd, name='odd')]
    must_find(run('check-binary.py', shop.link(objects), OBJDUMP), 'section .odd', 'drop it')


def test_binary_section_in_no_segment(shop):
    script = LINKER_SCRIPT.replace('{ *(.data .data.*) } :data', '{ *(.data .data.*) } :NONE')
    script = script.replace('.bss.*) } :data', '.bss.*) } :NONE')
    must_find(run('check-binary.py', shop.link([shop.compile(GOOD)], script=script), OBJDUMP),
              'section .data lies in no segment')


def test_binary_blind(shop):
    """An objdump whose output is not understood must not pass for a clean kernel."""
    must_find(run('check-binary.py', shop.link([shop.compile(GOOD)]), '/bin/true'),
              '.text has no instructions')


def test_binary_says_how_many_more(shop):
    bad = 'void bad(void); void bad(void) { __asm__ volatile(".rept 20; fld1; .endr"); }'
    result = run('check-binary.py',
                 shop.link([shop.compile(GOOD), shop.compile(bad, name='bad')]), OBJDUMP)
    must_find(result, '... and 8 more of this kind')
    assert len(result.stderr.splitlines()) == 13


def test_binary_code_outside_text(shop):
    odd = '__attribute__((section(".rodata.x"))) int odd(void); int odd(void) { return 1; }'
    objects = [shop.compile(GOOD), shop.compile(odd, name='odd')]
    must_find(run('check-binary.py', shop.link(objects), OBJDUMP),
              'section .rodata holds code')


def test_binary_undefined_and_dynamic(shop):
    outside = '''#pragma GCC visibility push(default)
    extern int outside; int *place = &outside;'''
    objects = [shop.compile(GOOD), shop.compile(outside, name='outside')]
    result = run('check-binary.py',
                 shop.link(objects, '--unresolved-symbols=ignore-all', '--export-dynamic'),
                 OBJDUMP)
    must_find(result, 'undefined symbol outside')
    must_find(result, '.data', 'dynamic relocation R_X86_64_64', 'outside', 'hide the symbol')


def test_binary_text_relocation(shop):
    text = '__asm__(".text; .globl table; table: .quad start");'
    objects = [shop.compile(GOOD), shop.compile(text, name='text')]
    result = run('check-binary.py', shop.link(objects, '-z', 'notext'), OBJDUMP)
    must_find(result, 'DT_TEXTREL', '-z text')
    must_find(result, 'table+0x0', 'relocation of read-only bytes')


def test_binary_no_build_id(shop):
    elf = shop.link([shop.compile(GOOD)], '--build-id=none')
    must_find(run('check-binary.py', elf, OBJDUMP), 'no GNU build-id')


def test_binary_not_pie(shop):
    elf = shop.link([shop.compile(GOOD)], '-no-pie')
    must_find(run('check-binary.py', elf, OBJDUMP), 'not a position-independent executable')


def test_binary_unreadable(shop):
    elf = shop.link([shop.compile(GOOD)])
    stripped = shop.folder / 'stripped.elf'
    subprocess.run([OBJCOPY, '--strip-all', elf, stripped], check=True)
    text = shop.folder / 'text'
    text.write_text('no ELF at all, but long enough to hold a header of one' * 3)
    for path in (stripped, text, shop.folder / 'missing'):
        result = run('check-binary.py', path, OBJDUMP)
        assert result.returncode == 2 and result.stderr.startswith('check-binary: ')
        assert 'Traceback' not in result.stderr
    assert run('check-binary.py', elf, 'no-such-objdump').returncode == 2
    assert 'usage' in run('check-binary.py').stderr


# --- check-early ----------------------------------------------------------------------------

EARLY = '''extern char image_begin[] __attribute__((visibility("hidden")));
static const unsigned char ranks[] = { 3, 1, 4 };
unsigned long rank(int which); unsigned long rank(int which)
{ return ranks[which] + (unsigned long)image_begin; }'''


def test_early_good(shop):
    join = shop.join(shop.compile(EARLY, '-g'))
    must_pass(run('check-early.py', join, 'image_begin', 'never_used'))


def test_early_undefined(shop):
    result = run('check-early.py', shop.join(shop.compile(EARLY)))
    must_find(result, 'undefined symbol image_begin', 'used at', 'rank+0x', 'sources.mk')


def test_early_pointer_table(shop):
    table = '''static const char *const words[] = { "a", "bc" };
    const char *word(int which); const char *word(int which) { return words[which]; }'''
    must_find(run('check-early.py', shop.join(shop.compile(table))),
              'words+0x0', 'R_X86_64_64', 'and 1 more', 'offsets')


def test_early_absolute_code(shop):
    code = '__asm__(".globl x; x: movabs $x, %rax; mov $x, %edi");'
    must_find(run('check-early.py', shop.join(shop.compile(code))),
              'x+0x2', 'R_X86_64_64', 'relative to RIP')
    code = '__asm__(".globl x; x: mov $x, %edi");'
    must_find(run('check-early.py', shop.join(shop.compile(code))), 'R_X86_64_32')


def test_early_got(shop):
    got = 'extern int far; int near(void); int near(void) { return far; }'
    join = shop.join(shop.compile(got, '-fPIC', '-fvisibility=default'))
    must_find(run('check-early.py', join, 'far'), 'near+0x', 'GOTPCREL', 'hide the symbol')


def test_early_unreadable(shop):
    elf = shop.link([shop.compile(GOOD)])
    result = run('check-early.py', elf)
    assert result.returncode == 2 and 'not a relocatable file' in result.stderr
    assert run('check-early.py', shop.folder / 'missing').returncode == 2
    assert run('check-early.py').returncode == 2


# --- check-layers ---------------------------------------------------------------------------

def tree(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


LAYERS = {
    'kernel/boot/wire.h': '#include <stdint.h>\n',
    'kernel/base/types.h': '#include "kernel/boot/wire.h"\n',
    'kernel/arch/cpu.h': '#include "kernel/base/types.h"\n',
    'kernel/abi/errno.h': '',
    'mm/pmm.h': '#include "kernel/arch/cpu.h"\n# include "kernel/abi/errno.h"\n',
    'drivers/serial.c': '#include "mm/pmm.h"\n',
    'kernel/early/early.c': '#include "mm/pmm.h"\n#include "kernel/main.h"\n',
    'kernel/main.h': '',
    'stage2/a20.asm': '%include "wire.inc"\n%include "offsets.inc"\n%include "stage2/x.inc"\n',
    'stage2/x.inc': '',
    'user/init.c': '#include "kernel/abi/errno.h"\n',
    'tests/host/pmm_test.c': '#include <stdio.h>\n#include "mm/pmm.h"\n',
}


def layers(folder, **changes):
    files = dict(LAYERS)
    files.update({path.replace('__', '/').replace('_dot_', '.'): text
                  for path, text in changes.items()})
    return run('check-layers.py', tree(folder, files))


def test_layers_good(tmp_path):
    must_pass(layers(tmp_path))


@pytest.mark.parametrize('path, line, texts', [
    ('mm/pmm.c', '#include "drivers/serial.h"', ('mm/pmm.c:2:', 'rank 4', 'table')),
    ('kernel/base/log.c', '#include "kernel/arch/cpu.h"', ('log.c:2:', 'kernel/arch')),
    ('kernel/boot/layout.h', '#include "kernel/base/types.h"', ('kernel/base (rank 1)',)),
    ('mm/pmm.c', '#include "kernel/main.h"', ('kernel (rank 5) is above mm',)),
    ('mm/pmm.c', '#include "pmm.h"', ('not written from the root', '"mm/pmm.h"')),
    ('mm/pmm.c', '#include "../mm/pmm.h"', ('not written from the root',)),
    ('mm/pmm.c', '#include "mm/nothing.h"', ('does not exist',)),
    ('mm/pmm.c', '#include <string.h>', ('<string.h>', 'C library')),
    ('mm/pmm.c', '#include "tests/host/x.h"', ('only tests include tests',)),
    ('mm/pmm.c', '#include "user/x.h"', ('nothing of user',)),
    ('user/init.c', '#include "kernel/base/types.h"', ('user uses kernel/abi',)),
    ('stage2/a20.asm', '%include "kernel/base/x.inc"', ('stage2 uses kernel/boot',)),
    ('stage2/a20.asm', '%include "x.inc"', ('not written from the root', 'stage2/x.inc')),
    ('stage1/stage1.asm', "%include 'stage2/x.inc'", ('stage1 uses kernel/boot',)),
    ('kernel/boot/code.c', '', ('headers only',)),
    ('mm/pmm.c', '#include "scripts/x.h"', ('"scripts/x.h" is in no layer',)),
])
def test_layers_bad(tmp_path, path, line, texts):
    others = {'drivers/serial.h': '', 'tests/host/x.h': '', 'user/x.h': '',
              'kernel/base/x.inc': '', 'scripts/x.h': ''}
    tree(tmp_path, {**LAYERS, **others, path: f'/* head */\n{line}\n'})
    must_find(run('check-layers.py', tmp_path), *texts)


def test_layers_circle(tmp_path):
    tree(tmp_path, {**LAYERS, 'mm/a.h': '#include "mm/b.h"\n', 'mm/b.h': '#include "mm/c.h"\n',
                    'mm/c.h': '#include "mm/a.h"\n'})
    must_find(run('check-layers.py', tmp_path), 'circle', 'mm/a.h -> mm/b.h -> mm/c.h -> mm/a.h')


def test_layers_of_nothing(tmp_path):
    assert run('check-layers.py', tmp_path).returncode == 2
    assert run('check-layers.py', tmp_path, tmp_path).returncode == 2


# --- check-errors ---------------------------------------------------------------------------

def page(code):
    return (f'# {code} what happened\n\n## What it means\nA.\n\n## What the line shows\nB.\n\n'
            f'## Typical causes\nC.\n\n## How to find it\nD.\n')


SPDX = '/* SPDX-License-Identifier: MIT */\n'
CODES = {
    'kernel/boot/loader_codes.h': SPDX + '#define LOADER_A20 14 /* gate */\n#define QUIRK_X 3\n',
    'kernel/base/codes.h': SPDX + '    CODE(PF, 3, "write")  \\\n    CODE(EX, 0, "divide")\n'
                                   '    CODE(EA, 6, "early")\n',
    'kernel/early/early.h': SPDX + 'enum early_code {\n    EA_CPU = 6, /* x */\n};\n',
    'docs/errors/L-14.md': page('L-14'),
    'docs/errors/PF-03.md': page('PF-03'),
    'docs/errors/EX-00.md': '<!-- SPDX-License-Identifier: MIT -->\n\n' + page('EX-00'),
    'docs/errors/EA-06.md': page('EA-06'),
    'docs/errors/README.md': '# The codes\n',
}


def errors(folder, changes):
    files = {path: text for path, text in {**CODES, **changes}.items() if text is not None}
    return run('check-errors.py', tree(folder, files))


def test_errors_good(tmp_path):
    must_pass(errors(tmp_path, {}))


@pytest.mark.parametrize('changes, texts', [
    ({'docs/errors/PF-03.md': None}, ('kernel/base/codes.h:2', 'PF-03 has no page')),
    ({'docs/errors/L-14.md': None}, ('kernel/boot/loader_codes.h:2', 'docs/errors/L-14.md')),
    ({'docs/errors/EA-06.md': None}, ('kernel/base/codes.h:4', 'EA-06 has no page')),
    ({'kernel/early/early.h': SPDX + 'enum x {\n    EA_NO_ROOM = 5,\n};\n'},
     ('kernel/early/early.h:3', 'EA_NO_ROOM is EA-05', 'CODE(EA, 5')),
    ({'docs/errors/PF-04.md': page('PF-04')}, ('docs/errors/PF-04.md', 'no code')),
    ({'docs/errors/L-03.md': page('L-03')}, ('docs/errors/L-03.md', 'no code')),
    ({'docs/errors/PF-03.md': page('PF-02')}, ('PF-03.md:1', 'title "# PF-02')),
    ({'docs/errors/PF-03.md': '<!-- licence -->\n' + page('PF-02')},
     ('PF-03.md:2', 'title "# PF-02')),
    ({'docs/errors/PF-03.md': ''}, ('PF-03.md:1', 'title ""')),
    ({'docs/errors/PF-03.md': page('PF-03').replace('## Typical', '## Usual')},
     ('PF-03.md', 'no section "## Typical causes"')),
    ({'docs/errors/PF-03.md': page('PF-03').replace('\nC.\n', '\n \n')},
     ('PF-03.md:', '"## Typical causes" is empty')),
    ({'docs/errors/PF-03.md': page('PF-03').replace('D.\n', '')},
     ('PF-03.md:', '"## How to find it" is empty')),
    ({'kernel/boot/loader_codes.h': CODES['kernel/boot/loader_codes.h'] +
      '#define LOADER_GATE 14\n'}, ('loader_codes.h:4', 'L-14 is given twice', ':2')),
    ({'kernel/base/codes.h': SPDX}, ('kernel/base/codes.h: no code found',)),
    ({'kernel/base/codes.h': None}, ('kernel/base/codes.h: does not exist',)),
    ({'mm/x.c': 'int x;\n'}, ('mm/x.c:1', 'SPDX')),
    ({'mm/x.c': '\n\n\n' + SPDX}, ('mm/x.c:1', 'SPDX')),
    ({'scripts/x.sh': '#!/bin/sh\n'}, ('scripts/x.sh:1', 'SPDX')),
    ({'Makefile': 'all:\n'}, ('Makefile:1', 'SPDX')),
    ({'mm/x.c': SPDX + 'x' * 101}, ('mm/x.c:2: 101 columns',)),
    ({'mm/x.c': SPDX + '\t' * 12 + 'x' * 5}, ('mm/x.c:2: 101 columns',)),
    ({'mm/x.c': SPDX + '/* TO' + 'DO: more */'}, ('mm/x.c:2', '"TO' + 'DO"')),
    ({'mm/x.c': SPDX + '/* X' + 'XX */'}, ('mm/x.c:2', '"X' + 'XX"')),
])
def test_errors_bad(tmp_path, changes, texts):
    must_find(errors(tmp_path, changes), *texts)


def test_errors_bears_what_looks_similar(tmp_path):
    must_pass(errors(tmp_path, {'scripts/x.sh': '#!/bin/sh\n# SPDX-License-Identifier: MIT\n'
                                                'mktemp -d /tmp/x.XX' + 'XXXX\n',
                                'mm/x.c': SPDX + 'x' * 100 + '\n',
                                'docs/x.md': 'y' * 300 + '\n'}))


def test_errors_in_a_git_tree(tmp_path):
    """What git ignores is not looked at; what it would add is."""
    tree(tmp_path, {**CODES, '.gitignore': 'build/\n', 'build/x.c': 'bad', 'mm/x.c': 'bad'})
    subprocess.run(['git', 'init', '-q', tmp_path], check=True)
    result = run('check-errors.py', tmp_path)
    must_find(result, 'mm/x.c:1')
    assert 'build/x.c' not in result.stderr


# --- symbols --------------------------------------------------------------------------------

def test_symbols(shop):
    asm = shop.folder / 'stub.asm'
    asm.write_text('section .text\nglobal stub:function, label\nstub: nop\n.local: nop\n'
                   'label: nop\nplain: ret\n')
    subprocess.run(['nasm', '-f', 'elf64', '-o', shop.folder / 'stub.o', asm], check=True)
    quiet = 'static __attribute__((noinline)) int quiet(int x) { return x * 3; }\n'
    objects = [shop.compile(quiet + GOOD.replace('return next(step)',
                                                 'return quiet(step) + next(step)')),
               shop.folder / 'stub.o']
    elf = elf_tables.ElfTables.read(shop.link(objects))
    blob = symbols.make_blob(elf)
    build_id, found = symbols.read_blob(blob)
    names = [name for _, name in found]
    assert build_id == elf.build_id()
    assert {'word', 'next', 'start', 'quiet', 'stub', 'label'} <= set(names)
    assert not {'stub.local', 'plain', 'text_begin', 'text_end', 'counter'} & set(names)
    assert names[-1] == '' and found[-1][0] == elf.section('.text').bytes
    assert found == sorted(found)
    values = elf.symbols()
    assert all(values[name] == offset for offset, name in found[:-1])

    out = shop.folder / 'symbols.bin'
    must_pass(run('symbols.py', shop.folder / 'sample.elf', out))
    # The same, and the file of those functions that have line numbers, if any has.
    assert symbols.read_blob(out.read_bytes()) == (build_id, found)
    at = dict((name, offset) for offset, name in found)['stub'] + 1
    assert run('symbols.py', '--show', out, hex(at)).stdout == 'stub+0x1\n'
    assert 'no function' in run('symbols.py', '--show', out, hex(found[-1][0])).stdout


def test_symbols_layout_is_the_header(shop):
    """The struct in the header is what the script packs."""
    source = '''#include "kernel/boot/symbols.h"
    _Static_assert(sizeof(struct symbols_head) == %d, "head");
    _Static_assert(sizeof(struct symbol) == %d, "entry");
    _Static_assert(offsetof(struct symbols_head, build_id) == 16, "build_id");
    _Static_assert(offsetof(struct symbols_head, strings_offset) == 40, "strings_offset");
    _Static_assert(SYMBOLS_MAGIC == %dull && SYMBOLS_VERSION == %d, "magic");
    _Static_assert(SYMBOLS_MAX == %d && SYMBOL_NAME_MAX == %d, "limits");
    ''' % (symbols.HEAD.size, symbols.ENTRY.size, symbols.MAGIC, symbols.VERSION,
           symbols.COUNT_MAX, symbols.NAME_MAX)
    shop.compile(source, f'-I{ROOT}')
    assert struct.pack('<Q', symbols.MAGIC) == b'PLINTSY\0'


def test_symbols_refuses(shop, monkeypatch):
    elf = shop.link([shop.compile(GOOD)])
    blob = symbols.make_blob(elf_tables.ElfTables.read(elf))
    for damage in (b'', blob[:40], b'X' + blob[1:], blob[:8] + b'\1' + blob[9:],
                   blob[:12] + b'\0' + blob[13:], blob[:12] + b'\xFF' + blob[13:],
                   blob[:-1], blob[:48] + b'\xFF\xFF' + blob[50:]):
        with pytest.raises(elf_tables.ElfError):
            symbols.read_blob(damage)
    stripped = shop.folder / 'stripped.elf'
    subprocess.run([OBJCOPY, '--strip-all', elf, stripped], check=True)
    result = run('symbols.py', stripped, shop.folder / 'out')
    assert result.returncode == 1 and 'before strip' in result.stderr
    assert not (shop.folder / 'out').exists()
    with monkeypatch.context() as patch:
        patch.setattr(symbols, 'COUNT_MAX', 3)
        with pytest.raises(elf_tables.ElfError, match='4 functions'):
            symbols.make_blob(elf_tables.ElfTables.read(elf))
    data = shop.link([shop.compile('int start = 1;')],
                     script=LINKER_SCRIPT.replace('.text : {', '.code : {'))
    with pytest.raises(elf_tables.ElfError, match='no .text'):
        symbols.make_blob(elf_tables.ElfTables.read(data))
    bare = shop.link([shop.compile(GOOD)], '--build-id=none')
    result = run('symbols.py', bare, shop.folder / 'out')
    assert result.returncode == 1 and 'build-id' in result.stderr
    assert run('symbols.py').returncode == 2


def test_tools_are_there():
    """Without them every test above would fail for the wrong reason."""
    for tool in (CC, LD, OBJCOPY, OBJDUMP, 'nasm', 'git'):
        assert shutil.which(tool), f'{tool} is missing: scripts/deps.sh test'


# --- the fuzzer's count

def fuzz(runs):
    build = os.environ.get('PLINTH_BUILD', 'build')
    return subprocess.run(['make', '-s', f'B={build}', 'fuzz', f'FUZZ_RUNS={runs}'],
                          cwd=ROOT, capture_output=True, text=True)


def test_fuzz_counts_its_runs():
    """One test: the runs share a log. At least the corpus is run, however few are asked."""
    for runs in ('x', '0', '5x', '3000000000', "'"):
        result = fuzz(runs)
        assert result.returncode != 0
        assert result.stdout == f'fuzz: FUZZ_RUNS={runs}: a number from 1 to 2147483647\n'
    made = re.fullmatch(r'fuzz: (\d+) runs, no difference to the oracle\n', fuzz(50).stdout)
    assert made and int(made[1]) >= 50
