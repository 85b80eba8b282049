/* SPDX-License-Identifier: MIT
 *
 * Memory and text primitives. The compiler calls the first four on its own; the rest
 * are the few that the kernel needs. Same contracts as in ISO C.
 *
 * Cost: eight bytes a step, four steps unrolled, no REP instructions: REP STOS and REP
 * MOVS cost one step per byte or word on emulators, and on silicon they win only for
 * pages, which have routines of their own, chosen by measurement. Unaligned accesses
 * are used freely. Any context; usable before relocation; built for the host as well.
 */
#ifndef PLINTH_KERNEL_BASE_STRING_H
#define PLINTH_KERNEL_BASE_STRING_H

#include "kernel/base/types.h"

void *memcpy(void *to, const void *from, u64 bytes);
void *memmove(void *to, const void *from, u64 bytes);
void *memset(void *at, int value, u64 bytes);
int memcmp(const void *a, const void *b, u64 bytes) MUST_USE;

u64 strlen(const char *text);
u64 strnlen(const char *text, u64 most);
int strcmp(const char *a, const char *b) MUST_USE;
int strncmp(const char *a, const char *b, u64 most) MUST_USE;

#endif
