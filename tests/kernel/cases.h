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
    /* audit_selftest.c */                                                             \
    T(audit_frames) T(audit_rights) T(audit_tables) T(audit_spaces)                    \
    /* pmm_selftest.c */                                                               \
    T(frames_exact) T(frames_orders) T(frames_zeroed) T(frames_refuse) T(frames_low)   \
    T(frames_promises) T(frames_colours) T(frames_runs) T(frames_giant)                \
    T(frames_metadata) T(frames_all)                                                   \
    /* heap_selftest.c */                                                              \
    T(heap_small) T(heap_runs) T(heap_resize) T(heap_refuses) T(heap_faults_exact)     \
    T(heap_through_direct_map) T(heap_random) T(heap_gives_back)                       \
    /* traps_selftest.c */                                                             \
    T(fault_null) T(fault_heap_never) T(fault_heap_freed) T(fault_heap_guard)          \
    T(fault_text_write) T(fault_rodata_write) T(fault_data_execute)                    \
    T(fault_identity) T(fault_direct_map_hole) T(fault_aperture_end) T(fault_not_canonical) \
    T(ist_stacks) T(spurious_interrupts)                                               \
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
    T(die_init_order) T(die_physical_pointer) T(die_nmi) T(die_triple_fault)           \
    T(die_recorder_gone)                                                               \
    /* refusal_selftest.c */                                                           \
    T(die_frame_twice) T(die_frame_owner) T(die_frame_order) T(die_frame_inside)

#define SELFTEST_BENCH_LIST(T)                                                         \
    T(bench_heap_fault) T(bench_frames) T(bench_heap) T(bench_recorder)

/* clang-format on */
#define SELFTEST_DECLARE(name) void test_##name(struct selftest *t);
SELFTEST_NORMAL_LIST(SELFTEST_DECLARE)
SELFTEST_DEADLY_LIST(SELFTEST_DECLARE)
SELFTEST_BENCH_LIST(SELFTEST_DECLARE)
#undef SELFTEST_DECLARE

#endif
