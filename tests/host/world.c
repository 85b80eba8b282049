/* SPDX-License-Identifier: MIT */
#include "tests/host/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/base/assert.h"
#include "kernel/base/panic.h"
#include "mm/ram.h"

#define TEXT_BYTES 300

/* --- death --- */

void panic_code(enum code code, const char *fmt, ...)
{
    char text[TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    world_die(code, text);
}

void assert_fail(const char *expression, const char *file, u32 line,
                 const char *function)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof(text), "%s at %s:%u in %s", expression, file, line, function);
    world_die(CODE_AS_01, text);
}

void assert_fail_message(const char *where, const char *fmt, ...)
{
    (void)fmt;
    world_die(CODE_AS_01, where);
}

/* In place of mm/ram_explain.c. */
void ram_die(phys_t phys)
{
    (void)phys;
    world_die(CODE_FR_09, "not RAM");
}

/* --- RAM --- */

int world_ram_open(int memory, phys_t base, u64 bytes)
{
    void *want = (void *)(uintptr_t)(DIRECT_MAP_BASE + base.raw);
    int fixed = memory < 0 ? MAP_FIXED_NOREPLACE : MAP_FIXED;
    if (memory < 0)
        memory = memfd_create("ram", MFD_CLOEXEC);
    if (memory < 0 || ftruncate(memory, (off_t)bytes) != 0 ||
        mmap(want, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | fixed | MAP_NORESERVE,
             memory, 0) != want) {
        perror("RAM in a file");
        abort();
    }
    return memory;
}
