/* SPDX-License-Identifier: MIT
 *
 * Magic breakpoints for Bochs: named places on the way up where its debugger stops.
 *
 *     BREAK(MOVED);
 *
 * prints "break: moved" to port E9 and executes XCHG BX, BX, when the boot
 * configuration says break=moved, or a list with it, or break=all. On any other
 * machine, and on Bochs without magic_break, the instruction does nothing. Off, a BREAK
 * costs a test and a jump.
 *
 * The loader has three of its own (stage2/break.inc), which it chooses from the same
 * word.
 *
 * Owns:    the set of live breaks.
 * Context: any, before the move and after it; break_init once, by early code.
 */
#ifndef PLINTH_KERNEL_BASE_BREAK_H
#define PLINTH_KERNEL_BASE_BREAK_H

#include "kernel/base/config.h"
#include "kernel/base/types.h"

/* In the order they are passed. The names are what the configuration calls them. */
#define BREAK_LIST(B)                 \
    B(EARLY, "early")                 \
    B(TABLES, "tables")               \
    B(MOVED, "moved")                 \
    B(IDENTITY_GONE, "identity_gone") \
    B(HEAP, "heap")                   \
    B(PROMPT, "prompt")

/* Those of the loader, which the kernel only knows by name. */
#define BREAK_LIST_LOADER(B) \
    B(CONFIG, "config")      \
    B(LOADED, "loaded")      \
    B(LONGMODE, "longmode")

#define BREAK_ENUMERATOR(name, text) BREAK_##name,
enum break_point { BREAK_LIST(BREAK_ENUMERATOR) BREAK_COUNT };
#undef BREAK_ENUMERATOR

extern u32 break_live; /* one bit for each */

/* Reads the live breaks from the configuration's text. */
void break_init(const char *config);

/* The first name in the configuration's break= that is none of ours; false: all are. */
bool break_find_unknown(const char *config, struct config_value *out);

/* "break: NAME" to port E9, where nobody listens but an emulator. */
void break_say(enum break_point which);

/* The instruction stands in the place itself, so that the debugger shows that one. */
#define BREAK(name)                                                          \
    do {                                                                     \
        if (__builtin_expect((break_live & (1u << BREAK_##name)) != 0, 0)) { \
            break_say(BREAK_##name);                                         \
            __asm__ volatile("xchg %%bx, %%bx" ::: "memory");                \
        }                                                                    \
    } while (0)

#endif
