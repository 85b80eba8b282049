# SPDX-License-Identifier: MIT
"""Manners of E820h, E801h and 88h, apart from what the maps say: registers that do not
come back, continuation values, sizes, buffers, ends."""
from memory_scenarios import HONEST, LOW, MIB, ROM, USABLE, Case, served, unaligned
from shim import END_BY_CF, END_NEVER, SOFT

E801 = (15 * 1024, 40 * 16, 0, 0)       # 1..16 MiB, 16..56 MiB
GOLDEN = 0x9E3779B1                     # odd: no two of 1100 multiples are equal


def list_manners():
    yield Case('cf_zero', served(unaligned(), end=END_BY_CF, e820_flags=('CF_ZERO',)))
    yield Case('circle', served(unaligned(), end=END_NEVER))
    yield Case('tokens_huge', served(unaligned(), token_key=GOLDEN))
    yield Case('tokens_step_20', served(unaligned(), token_key=20))
    yield Case('registers_spoiled', served(unaligned(), e820_flags=('SPOILS',)))
    yield Case('signature_lost', served(unaligned(), lose_at=5, e801=E801))
    yield Case('signature_lost_and_no_more', served(unaligned(), lose_at=5), 'L-20')
    yield Case('buffer_kept', served(unaligned(), e820_flags=('KEEPS',)))
    yield Case('four_bytes_past', served(unaligned(), e820_flags=('PAST',)))
    yield Case('all_manners', served(unaligned(), end=END_BY_CF, token_key=GOLDEN,
                                     e820_flags=('SPOILS', 'KEEPS', 'PAST', 'CF_ZERO')))


def size_manners():
    yield Case('returned_0', served(unaligned(), returned=0))
    yield Case('returned_100', served(unaligned(), returned=100))
    yield Case('only_20', served(unaligned(), e820_flags=('ONLY_20',), answer_bytes=20),
               quirks=(35,))


def old_manners():
    small = LOW + [(MIB, 3 * MIB, USABLE)] + ROM
    yield Case('e801_soft', served(HONEST, e801=SOFT))
    yield Case('small_e801_soft', served(small, e801=SOFT, ext88=(30 * 1024,)))


CASES = [*list_manners(), *size_manners(), *old_manners()]
