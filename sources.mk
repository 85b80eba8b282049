# SPDX-License-Identifier: MIT
# Every source of the image, in the order a stranger should read them.
STAGE1_ASM := stage1/stage1.asm
STAGE2_ASM := $(sort $(wildcard stage2/*.asm))

# Runs before relocations are applied and calls nothing outside itself afterwards, which
# scripts/check-early.py proves. The pure functions are shared with the rest of the kernel.
EARLY_C := kernel/early/early.c kernel/early/tables.c kernel/early/bump.c \
	kernel/early/slide.c kernel/early/reloc.c kernel/early/console.c \
	kernel/early/handover.c kernel/early/boot_recorder.c mm/memmap.c \
	kernel/base/recorder.c kernel/base/config.c kernel/base/format.c \
	kernel/base/string.c kernel/base/crc32c.c
EARLY_ASM := kernel/early/jump.asm

KERNEL_C := $(filter-out $(EARLY_C) kernel/arch/offsets.c, \
	$(sort $(wildcard kernel/*.c kernel/base/*.c kernel/arch/*.c mm/*.c drivers/*.c tests/kernel/*.c)))
KERNEL_ASM := $(sort $(wildcard kernel/arch/*.asm))

MODULE_FILES := LICENSE
