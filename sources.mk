# SPDX-License-Identifier: MIT
# Every source of the image, in the order a stranger should read them.
STAGE1_ASM := stage1/stage1.asm
STAGE2_ASM := $(addprefix stage2/,head.asm gdt.asm bios_gate.asm fault32.asm cpu_probe.asm \
	crc32c.asm disk_edd.asm disk_chs.asm disk_wait.asm disk_read.asm disk_prove.asm \
	drive_find.asm body_load.asm console.asm error.asm low.asm \
	body.asm cpu_check.asm a20.asm low_memory.asm \
	memory_map.asm memory_old.asm memory_more.asm map32.asm \
	recorder.asm parts.asm place.asm elf.asm payload.asm \
	boot_tables.asm boot_info.asm fault64.asm paging_on.asm long_mode.asm \
	summary.asm break.asm chs_guess.asm last_boot.asm \
	recorder64.asm recorder_save.asm say.asm screen.asm stamp.asm \
	crc32c_wide.asm gate_watch.asm gate_vectors.asm head_tell.asm)

# Runs before relocations are applied and calls nothing outside itself afterwards, which
# scripts/check-early.py proves. The pure functions are shared with the rest of the kernel.
EARLY_C := $(addprefix kernel/early/,early.c handover.c slide.c bump.c tables.c reloc.c \
	console.c boot_recorder.c check.c string_check.c traps.c explain.c walk.c) mm/memmap.c \
	kernel/arch/vectors.c kernel/arch/exit.c kernel/instruction.c \
	$(addprefix kernel/base/,config.c format.c string.c crc32c.c recorder.c break.c)
EARLY_ASM := kernel/early/jump.asm kernel/early/trap_entry.asm

KERNEL_C := kernel/main.c kernel/init_order.c \
	$(addprefix kernel/base/,status.c codes.c log.c log_ring.c panic.c assert.c refusal.c \
	cpu_hooks.c) \
	kernel/base/site.c \
	$(addprefix kernel/arch/,percpu.c spinlock.c cpu_features.c control.c gdt.c idt.c \
	tsc.c backtrace.c last_words.c) \
	$(addprefix mm/,ram.c ram_explain.c page_ops.c page_table.c page_cursor.c page_map.c \
	page_unmap.c page_change.c page_merge.c \
	page_walk.c page_verify.c page_runs.c tlb.c frame_table.c \
	pmm_init.c pmm_low.c pmm.c pmm_free.c pmm_stack.c pmm_tree.c pmm_fresh.c pmm_area.c \
	pmm_promise.c pmm_run.c pmm_refusal.c kernel_space.c fault.c \
	memmap_explain.c memmap_text.c pmm_verify.c) \
	mm/kernel_stack.c mm/kernel_stack_facts.c \
	$(addprefix mm/heap,.c _slab.c _run.c _edge.c _resize.c _pages.c _fault.c _verify.c) \
	$(addprefix mm/,audit.c audit_tables.c audit_windows.c audit_frames.c audit_text.c \
	frame_runs.c pmm_fail.c) \
	$(addprefix drivers/,i8042.c pic.c pit.c port_e9.c serial.c vga_text.c) \
	$(addprefix kernel/,config_start.c frames_open.c trap.c trap_explain.c death.c \
	high_check.c lastboot.c modules.c monitor.c monitor_basic.c monitor_input.c \
	monitor_line.c monitor_memory.c recorder_hooks.c registers_check.c report.c \
	report_json.c report_map.c report_sums.c selftest.c symbols.c \
	trap_explain_gp.c trap_explain_jump.c trap_explain_pf.c trap_fatal.c trap_place.c) \
	tests/kernel/audit_selftest.c tests/kernel/bench_audit_selftest.c \
	tests/kernel/explain_selftest.c tests/kernel/fail_selftest.c \
	tests/kernel/soak_selftest.c \
	tests/kernel/soak_objects.c tests/kernel/soak_blocks.c tests/kernel/program_space.c \
	$(addprefix tests/kernel/,table.c bench_selftest.c bench_tables_selftest.c boot_selftest.c \
	deaths_memory_selftest.c deaths_twice_selftest.c deaths_vectors_selftest.c \
	heap_selftest.c heap_death_selftest.c irq_selftest.c kernel_stack_selftest.c \
	page_table_selftest.c page_cursor_selftest.c pmm_selftest.c recorder_selftest.c \
	refusal_selftest.c \
	tables_selftest.c traps_selftest.c)
KERNEL_ASM := kernel/arch/entry.asm kernel/arch/register_trap.asm

MODULE_FILES := LICENSE

# A source that stands in a folder but not in a list would be missing without a word.
UNLISTED := $(filter-out $(STAGE2_ASM) $(EARLY_C) $(KERNEL_C) kernel/arch/offsets.c, \
	$(wildcard stage2/*.asm kernel/*.c kernel/early/*.c kernel/base/*.c kernel/arch/*.c \
	mm/*.c drivers/*.c tests/kernel/*.c))
ifneq (,$(UNLISTED))
$(error sources.mk does not list $(UNLISTED))
endif
