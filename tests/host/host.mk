# SPDX-License-Identifier: MIT
#
# Host tests: the kernel's pure parts, compiled for this machine with ASan and UBSan.
#
#   make host-test          builds and runs every tests/host/*_test.c; quiet when all pass
#   make host-tsan          threads in the frame allocator under TSan; STRESS="N CPUS"
#   make fuzz FUZZ_RUNS=N   libFuzzer on the map cleaner, N runs (1000000) or all
#                           of the corpus in build/host/corpus when that is more
#
# Each tests/host/X_test.c has a line X_test_SRC with the sources under test and helpers.
# X_interleave_test.c runs under the explorer of tests/host/interleave.h.

HOST_CC ?= gcc
FUZZ_CC ?= clang
FUZZ_RUNS ?= 1000000

bits_test_SRC := kernel/base/codes.c kernel/base/status.c kernel/base/format.c
config_test_SRC := kernel/base/config.c
crc32c_test_SRC := kernel/base/crc32c.c
format_test_SRC := kernel/base/format.c
HEAP_C := $(addprefix mm/heap,.c _slab.c _run.c _edge.c _resize.c _pages.c _fault.c \
	_verify.c) $(addprefix mm/page_,table.c cursor.c map.c unmap.c change.c merge.c) \
	kernel/base/site.c kernel/base/format.c
heap_test_SRC := $(HEAP_C) $(addprefix tests/host/,world.c heap_world.c heap_oracle.c \
	heap_mixture.c)
heap_modes_test_SRC := $(heap_test_SRC)
log_test_SRC := $(addprefix kernel/base/,log.c log_ring.c cpu_hooks.c format.c)
recorder_test_SRC := kernel/base/recorder.c
page_table_test_SRC := $(addprefix mm/page_,table.c cursor.c map.c unmap.c change.c \
	merge.c walk.c verify.c) mm/tlb.c \
	$(addprefix tests/host/,world.c mmu_world.c page_oracle.c)
# The instructions that change the MMU are played by a world.
page_table_test_FLAGS := -O2 -include tests/host/mmu_layout.h
reloc_test_SRC := kernel/early/reloc.c
string_test_SRC := tests/host/string_renamed.c
symbols_test_SRC := kernel/symbols.c kernel/base/format.c
instruction_test_SRC := kernel/instruction.c kernel/base/format.c
monitor_line_test_SRC := kernel/monitor_line.c
memmap_test_SRC := mm/memmap.c mm/memmap_explain.c mm/memmap_text.c \
	tests/host/memmap_oracle.c
PMM_C := $(addprefix mm/,pmm.c pmm_free.c pmm_low.c pmm_stack.c pmm_tree.c pmm_fresh.c \
	pmm_area.c pmm_promise.c pmm_run.c pmm_refusal.c pmm_init.c pmm_verify.c frame_table.c \
	ram.c memmap.c page_ops.c) \
	kernel/arch/spinlock.c tests/host/world.c tests/host/pmm_world.c
pmm_test_SRC := $(PMM_C)
pmm_test_FLAGS := -include tests/host/pmm_host.h
memmap_fuzz_SRC := mm/memmap.c mm/memmap_explain.c tests/host/memmap_oracle.c

# These run under the interleaving explorer (tests/host/interleave.h): every source has its
# atomics hooked. A program with flags of its own, X_FLAGS, has objects of its own.
INTERLEAVE_FLAGS := -include tests/host/interleave_hook.h
interleave_test_SRC := tests/host/interleave.c
interleave_test_FLAGS := $(INTERLEAVE_FLAGS)
heap_interleave_test_SRC := $(HEAP_C) tests/host/world.c tests/host/interleave.c
heap_interleave_test_FLAGS := $(INTERLEAVE_FLAGS) -include tests/host/heap_interleave.h
pmm_interleave_test_SRC := $(PMM_C) tests/host/interleave.c
pmm_interleave_test_FLAGS := $(INTERLEAVE_FLAGS) $(pmm_test_FLAGS)

HOST_TESTS := $(sort $(notdir $(basename $(wildcard tests/host/*_test.c))))
HOST_FLAGS := -std=gnu11 -D_GNU_SOURCE -g -O1 -I. -Wall -Wextra -Werror -Wvla -Wformat=2 \
	-Wshadow -Wmissing-prototypes -Wstrict-prototypes -fno-omit-frame-pointer -fno-common \
	-fno-builtin-log
HOST_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
# Coroutines and ASan's picture of the stack do not go together.
sanitize_of = $(if $(filter %interleave_test,$(1)),-fsanitize=undefined \
	-fno-sanitize-recover=all,$(HOST_SANITIZE))
HOST_ENV := ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 \
	UBSAN_OPTIONS=print_stacktrace=1

.PHONY: host-test host-tsan fuzz

$(B)/host/%.o: %.c tests/host/host.mk
	@mkdir -p $(@D)
	@$(HOST_CC) $(HOST_FLAGS) $(HOST_SANITIZE) -MMD -MP -c -o $@ $<
$(B)/host/fuzz/%.o: %.c tests/host/host.mk
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(HOST_FLAGS) $(HOST_SANITIZE) -O2 -fsanitize=fuzzer-no-link \
	  -MMD -MP -c -o $@ $<

# The heap's test moves the windows of the address space to where a process can have
# them.
$(patsubst %.c,$(B)/host/%.o,tests/host/heap_test.c tests/host/heap_modes_test.c \
  $(heap_test_SRC)): \
  HOST_FLAGS += -include tests/host/heap_layout.h

# The recorder's test looks into records that are being written.
$(B)/host/kernel/base/recorder.o: HOST_FLAGS += -include tests/host/recorder_hook.h

define host_test_rule
$(if $($(1)_SRC),,$(error tests/host/host.mk: no line $(1)_SRC for tests/host/$(1).c))
$(B)/host/$(1): $(patsubst %.c,$(2)/%.o,tests/host/$(1).c $($(1)_SRC))
	@$(HOST_CC) $(3) -o $$@ $$^ -lcmocka
# A test that passed runs again only when it changed.
$(B)/host/$(1).ok: $(B)/host/$(1)
	@if $(HOST_ENV) $$< > $$@.log 2>&1; then mv $$@.log $$@; \
	else cat $$@.log; echo "host: $(1) failed; run $$< under gdb"; exit 1; fi
endef
# A program whose sources need flags of its own has objects of its own.
define own_objects_rule
$(B)/host/own/$(1)/%.o: %.c tests/host/host.mk
	@mkdir -p $$(@D)
	@$(HOST_CC) $(HOST_FLAGS) $(2) $($(1)_FLAGS) -MMD -MP -c -o $$@ $$<
endef
OWN_TESTS := $(foreach test,$(HOST_TESTS),$(if $($(test)_FLAGS),$(test)))
$(foreach test,$(filter-out $(OWN_TESTS),$(HOST_TESTS)),\
  $(eval $(call host_test_rule,$(test),$(B)/host,$(HOST_SANITIZE))))
$(foreach test,$(OWN_TESTS),\
  $(eval $(call host_test_rule,$(test),$(B)/host/own/$(test),$(call sanitize_of,$(test)))) \
  $(eval $(call own_objects_rule,$(test),$(call sanitize_of,$(test)))))

host-test: $(HOST_TESTS:%=$(B)/host/%.ok)
	@echo "host: $(words $^) programs, $$(cat $^ | grep -c '^\[       OK \]') tests passed"

# Threads, each a CPU, in one machine; and the bench beside other allocators.
$(B)/host/own/pmm_stress/%.o: %.c tests/host/host.mk
	@mkdir -p $(@D)
	@$(HOST_CC) $(HOST_FLAGS) -fsanitize=thread $(pmm_test_FLAGS) -MMD -MP -c -o $@ $<
$(B)/host/pmm_stress: $(patsubst %.c,$(B)/host/own/pmm_stress/%.o,tests/host/pmm_stress.c $(PMM_C))
	@$(HOST_CC) -fsanitize=thread -o $@ $^ -lpthread
host-tsan: $(B)/host/pmm_stress
	@TSAN_OPTIONS=halt_on_error=1 $< $(STRESS)
FRAME_BENCH_C := $(addprefix tests/bench/,frame_bench.c frame_rivals.c) $(PMM_C)
$(B)/host/own/frame_bench/%.o: %.c tests/host/host.mk
	@mkdir -p $(@D)
	@$(HOST_CC) $(HOST_FLAGS) -O2 $(pmm_test_FLAGS) -MMD -MP -c -o $@ $<
$(B)/host/frame_bench: $(FRAME_BENCH_C:%.c=$(B)/host/own/frame_bench/%.o)
	@$(HOST_CC) -o $@ $^ -lpthread

FUZZ_C := tests/host/memmap_fuzz.c $(memmap_fuzz_SRC)
FUZZ_O := $(FUZZ_C:%.c=$(B)/host/fuzz/%.o)
$(B)/host/memmap_fuzz: $(FUZZ_O)
	@$(FUZZ_CC) $(HOST_SANITIZE) -fsanitize=fuzzer -o $@ $^
fuzz: $(B)/host/memmap_fuzz
	@mkdir -p $(B)/host/corpus
	@if $(HOST_ENV) $< -runs=$(call q,$(FUZZ_RUNS)) -max_len=256 -seed=1 -print_final_stats=1 \
	  -artifact_prefix=$(B)/host/ $(B)/host/corpus > $(B)/host/fuzz.log 2>&1; \
	then echo "fuzz: $$(sed -n 's/^stat::number_of_executed_units: *//p' \
	  $(B)/host/fuzz.log) runs, no difference to the oracle"; \
	else tail -n 40 $(B)/host/fuzz.log; exit 1; fi
