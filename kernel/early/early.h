/* SPDX-License-Identifier: MIT
 *
 * Code that runs where the kernel was loaded, in stage2's identity map, and moves it
 * up. It is joined by `ld -r` before the kernel is linked, and scripts/check-early.py
 * proves that it calls nothing outside the join and holds no absolute address. Physical
 * addresses are plain u64 here and pointers by identity: this is the one place where
 * that is true, and it ends with the jump.
 */
#ifndef PLINTH_KERNEL_EARLY_EARLY_H
#define PLINTH_KERNEL_EARLY_EARLY_H

#include "kernel/base/types.h"
#include "kernel/boot/boot_info.h"
#include "kernel/early/boot_recorder.h"

/* Deaths of early code, EA-nn in docs/errors. */
enum early_code {
    EA_BOOT_INFO = 1,    /* the contract with the loader is broken */
    EA_MEMORY_MAP = 2,   /* the map cannot be cleaned or holds no RAM */
    EA_IMAGE_PLACE = 3,  /* the image does not lie in RAM as boot_info says */
    EA_NO_ROOM = 4,      /* no RAM below 4 GiB left for the page tables */
    EA_RELOCATION = 5,   /* a relocation that cannot be applied */
    EA_CPU = 6,          /* the direct map needs what this CPU lacks */
    EA_PAGE_FAULT = 7,   /* told with a walk */
    EA_EXCEPTION = 8,    /* any other exception */
    EA_INTERRUPT = 9,    /* interrupts are on too early */
    EA_MOVE = 10,        /* the new tables lack what runs now, or what comes next */
    EA_TABLE_DIRTY = 11, /* a frame for a page table that is not zero */
    EA_IMAGE_CUT = 12,   /* the image is not whole in memory */
    EA_BSS = 13,         /* .bss is not zero */
    EA_STRING = 14,      /* memcpy, memset or memmove are wrong */
    EA_MAP_RULE = 15,    /* the cleaned map breaks a rule of its own */
};

/* The kernel's first instruction in C. Called by stage2 as boot_info.h says; never
 * returns. */
NORETURN void early_main(u64 boot_info_phys);

/* --- console.c --- */
/* Prints `plinth: EA-nn ...` on screen, COM1 and port E9, and halts. No pointer tables,
 * no heap. */
NORETURN void early_die(enum early_code code, const char *fmt, ...) PRINTF(2, 3);

/* The same in parts, for who has more to say: the record and the headline; lines; the
 * page that explains the code, and the end. */
void early_death_begin(enum early_code code, const struct death_spot *spot,
                       const char *sentence);
void early_print(const char *fmt, ...) PRINTF(1, 2);
NORETURN void early_death_end(enum early_code code);
/* The end alone: out of the emulator when the configuration says exit=1, else a halt.
 */
NORETURN void early_leave(void);

/* Only text that the caller keeps in .text, and nothing into the recorder: for an image
 * whose constants may not be there. */
NORETURN void early_die_plain(const char *text);

/* --- early.c --- */
/* MAXPHYADDR, SDM vol. 2A, CPUID leaf 80000008h: EAX[7:0]; 36 where the leaf is
 * missing. */
u32 early_phys_bits(void);
/* --- tables.c --- */
bool early_has_1g_pages(void);

/* --- check.c --- */
/* .bss is zero and the ends of the segments hold their marks. The first thing of all.
 */
void image_check(void);
/* Registers are as boot_info.h promises; frame: early_main's. */
void contract_check(const void *frame);
/* memcpy, memset and memmove do their work; before anything relies on them.
 * string_check.c */
void string_check(void);
/* Each word that has a relocation holds what the move makes right. */
void relocations_check(void);
/* The new tables hold all that runs between CR3 and the kernel's own descriptor tables:
 * code, stacks, GDT, TSS, IDT, handlers, recorder; and the place where it goes on. */
void move_check(u64 stack_top, u64 target);

/* --- bump.c: frames below 4 GiB, only upwards, never given back --- */
/* First use: after the map is cleaned. Skips frame 0..1 MiB, image, payload and
 * recorder. */
void bump_init(u64 payload_begin, u64 payload_end);
/* One zeroed frame; dies with EA-04 when there is none. kind: EARLY_USE_... */
u64 bump_frame(u32 kind);

/* --- tables.c --- */
/* Builds the final tables into handover.root_phys. Needs bump and handover.image_virt.
 */
void tables_build(void);

/* --- slide.c --- */
/* Chooses handover.slide_bytes and image_virt from the configuration. */
void slide_choose(u64 image_bytes);

/* --- jump.asm --- */
/* Loads CR3, the stack and RIP, in that order; RBP becomes 0, so that backtraces end
 * there. */
NORETURN void early_jump(u64 root_phys, u64 stack_top, u64 target);

#endif
