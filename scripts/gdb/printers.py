# SPDX-License-Identifier: MIT
"""How gdb prints the kernel's kinds: P:, V:, frame numbers, entries in words."""
import gdb
import gdb.printing

import words
from guest import MASK64, name_of


def phys_text(raw):
    return f'P:{raw:#x}'


def virt_text(raw):
    name = name_of(raw) if words.window_of(raw) == 'kernel image' else None
    return f'V:{raw:016x} ({name or words.window_of(raw)})'


def pfn_text(raw):
    return f'frame {raw:#x} (P:{raw << 12:#x})'


def user_text(raw):
    return f'U:{raw:016x} (alleged)'


def pte_text(raw):
    # Bit 7 is PS above level 1 and PAT in it: an entry does not know its level.
    text = words.entry_words(raw & ~0x80, 4)
    if raw & 1:
        text = f'P:{raw & words.FRAME:#x} {text}' + ' PS' * bool(raw & 0x80) \
            + ' G' * bool(raw & 0x100)
    return f'{raw:016x} {text}'


def frame_text(raw):
    from inspect_kernel import frame_words
    return frame_words(raw)


KINDS = {'phys_t': ('raw', phys_text), 'virt_t': ('raw', virt_text),
         'pfn_t': ('raw', pfn_text), 'user_t': ('raw', user_text),
         'pte_t': ('raw', pte_text), 'frame': ('word', frame_text)}


class Printer:
    def __init__(self, text):
        self.text = text

    def to_string(self):
        return self.text


def lookup(value):
    kind = value.type.unqualified()
    name = kind.name or (kind.tag if kind.code == gdb.TYPE_CODE_STRUCT else None)
    if name not in KINDS or kind.strip_typedefs().code != gdb.TYPE_CODE_STRUCT:
        return None
    field, text = KINDS[name]
    return Printer(text(int(value[field]) & MASK64))


def install():
    gdb.pretty_printers.insert(0, lookup)
