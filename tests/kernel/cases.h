/* SPDX-License-Identifier: MIT
 *
 * Every test that runs in the kernel, in the order in which `test=all` runs them. The
 * name of test X is the name of its function test_X.
 */
#ifndef PLINTH_TESTS_KERNEL_CASES_H
#define PLINTH_TESTS_KERNEL_CASES_H

#include "kernel/selftest.h"

/* clang-format off */
#define SELFTEST_NORMAL_LIST(T)                                                        \
    /* boot_selftest.c */                                                              \
    T(boot_info) T(loader_reclaimed) T(milestones) T(modules) T(symbols) T(control_registers) \
    /* tables_selftest.c */                                                            \
    T(direct_map_is_ram) T(direct_map_rights) T(identity_gone) T(write_xor_execute)    \
    T(upper_half_frozen) T(image_rights) T(stacks_guarded) T(text_tail) T(walker_sizes)\
    /* page_table_selftest.c */                                                        \
    T(map_unmap) T(map_refuses) T(mmio_map) T(firmware_map) T(phys_of)                 \
    /* page_cursor_selftest.c */                                                       \
    T(cursor_sizes) T(cursor_rights) T(cursor_tables) T(cursor_unchanged)              \
    T(cache_types) T(mmio_access) T(fault_spurious) T(flush_reach)                     \
    /* audit_selftest.c */                                                             \
    T(audit_frames) T(audit_rights) T(audit_tables) T(audit_spaces)                    \
    /* fail_selftest.c */                                                              \
    T(fail_frames) T(fail_heap) T(fail_stacks) T(fail_tables)                          \
    /* pmm_selftest.c */                                                               \
    T(frames_exact) T(frames_orders) T(frames_zeroed) T(frames_refuse) T(frames_low)   \
    T(frames_promises) T(frames_colours) T(frames_runs) T(frames_giant)                \
    T(frames_out_faults) T(frames_metadata) T(page_ops) T(frames_all)                  \
    /* heap_selftest.c */                                                              \
    T(heap_small) T(heap_runs) T(heap_resize) T(heap_refuses) T(heap_faults_exact)     \
    T(heap_through_direct_map) T(heap_random) T(heap_gives_back)                       \
    /* kernel_stack_selftest.c */                                                      \
    T(stack_alloc) T(stack_reuse) T(stack_groups) T(stack_runs) T(stack_names)         \
    /* traps_selftest.c */                                                             \
    T(fault_null) T(fault_heap_never) T(fault_heap_freed) T(fault_heap_guard)          \
    T(fault_text_write) T(fault_rodata_write) T(fault_data_execute)                    \
    T(fault_identity) T(fault_direct_map_hole) T(fault_aperture_end) T(fault_not_canonical) \
    T(ist_stacks)                                                                      \
    /* irq_selftest.c */                                                               \
    T(spurious_interrupts) T(interrupts_end)                                           \
    /* explain_selftest.c */                                                           \
    T(explain_target) T(explain_tss) T(explain_return) T(explain_no_ram)               \
    /* recorder_selftest.c */                                                          \
    T(recorder_map) T(recorder_story) T(recorder_log)                                  \
    /* after everything */                                                             \
    T(nothing_leaked)

/* These end the kernel; they run only when named. */
#define SELFTEST_DEADLY_LIST(T)                                                        \
    /* audit_selftest.c */                                                             \
    T(die_freed_mapped)                                                                \
    /* traps_selftest.c */                                                             \
    T(die_null) T(die_heap_never) T(die_heap_freed) T(die_heap_guard)                  \
    T(die_stack_overflow) T(die_text_write) T(die_execute_data) T(die_not_canonical)   \
    T(die_undefined) T(die_divide) T(die_assert) T(die_double_free) T(die_bad_free)    \
    T(die_heap_written) T(die_heap_overrun) T(die_heap_underrun)                       \
    T(die_stack_freed_twice) T(die_stack_freed_in_use) T(die_stack_guard)              \
    T(die_thread_overflow)                                                             \
    T(die_init_order) T(die_physical_pointer) T(die_nmi) T(die_triple_fault)           \
    T(die_recorder_gone)                                                               \
    /* refusal_selftest.c */                                                           \
    T(die_frame_twice) T(die_frame_owner) T(die_frame_order) T(die_frame_inside)       \
    T(die_freed_pointer)                                                               \
    /* deaths_vectors_selftest.c */                                                    \
    T(die_overflow) T(die_bound) T(die_coprocessor) T(die_reserved_vector) T(die_x87)  \
    T(die_simd) T(die_virtualization) T(die_hypervisor) T(die_tss) T(die_alignment)    \
    T(die_control_protection) T(die_vmm) T(die_security) T(die_stale_tlb)              \
    T(die_no_memory) T(die_debug) T(die_breakpoint) T(die_no_fpu) T(die_segment)       \
    T(die_stack_segment) T(die_selector) T(die_msr) T(die_control_register)            \
    T(die_wild_jump) T(die_long_instruction) T(die_stack_gone)                         \
    T(die_misaligned_stack) T(die_gs_lost)                                             \
    /* deaths_memory_selftest.c */                                                     \
    T(die_write_nowhere) T(die_call_nowhere) T(die_reserved_bit) T(die_corrupt_table)  \
    T(die_smap) T(die_smep) T(die_stray_guard) T(die_foreign_free) T(die_heap_books)   \
    T(die_fault_forbidden) T(die_frame_books) T(die_lock_twice) T(die_lock_foreign)    \
    T(die_lock_held) T(die_frame_written) T(die_table_books) T(die_virtual_frame)      \
    /* deaths_twice_selftest.c */                                                      \
    T(die_panic_in_panic) T(die_fault_in_panic) T(die_in_end_hook)                     \
    T(die_panic_in_log) T(die_fault_in_log) T(die_all_sinks) T(die_in_explanation)     \
    T(die_circular_frames) T(die_wild_frames) T(die_report_overflow)

#define SELFTEST_BENCH_LIST(T)                                                         \
    T(bench_audit)                                                                     \
    T(bench_heap_fault) T(bench_frames) T(bench_heap) T(bench_stack)                   \
    T(bench_page_ops) T(bench_recorder)                                                \
    T(bench_map) T(bench_split) T(bench_dump) T(bench_flush)

/* As long as the configuration says; only when named. soak_selftest.c */
#define SELFTEST_LONG_LIST(T) T(soak)

/* clang-format on */
#define SELFTEST_DECLARE(name) void test_##name(struct selftest *t);
SELFTEST_NORMAL_LIST(SELFTEST_DECLARE)
SELFTEST_DEADLY_LIST(SELFTEST_DECLARE)
SELFTEST_BENCH_LIST(SELFTEST_DECLARE)
SELFTEST_LONG_LIST(SELFTEST_DECLARE)
#undef SELFTEST_DECLARE

#endif
