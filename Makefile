# SPDX-License-Identifier: MIT
#
# Plinth. The two commands a newcomer needs:
#
#   make run      build the disk image and boot it in QEMU; Ctrl-A X leaves
#   make test     every test that fits ten minutes: host, kernel, both emulators
#
# and the rest:
#
#   make          the image, build/plinth.img
#   make debug    QEMU and gdb in one terminal, stopped at AT=stage1|...|SYMBOL
#   make bochs    Bochs with its debugger, magic breakpoints on
#   make check    what needs no emulator: layers, error pages, line lengths, image rules
#   make test-full  the long matrices too      make test-long  those only, LONG=PATHS
#   make fuzz     the map cleaner against its oracle, FUZZ_RUNS=N
#   make bugs     the museum of boot bugs, BUG=name for one (docs/bugs.md)
#   make bench    guest instructions, bytes and ratios (docs/performance.md)
#   make iso      a CD image, build/plinth.iso      make release  all that is given away
#   make map      draws build/map.svg: the memory of a boot, by owner and window
#   make doctor   what this computer has and lacks for all this
#   make screenshot  takes docs/img/boot.png   make clean, make help
#
# Settings: MEM=512M CPU=max MACHINE=pc|q35 DISK=ide|ahci|nvme|virtio|usb SMP=1
#   CONFIG="kaslr=off log=debug test=all"  boot configuration for run, debug and bochs
#   CC=clang  CROSS_COMPILE=x86_64-elf-  B=build (where everything goes)
#   DEPS=manual (install nothing, say what is missing)

B ?= build
ifneq (1 1,$(words $(CURDIR)) $(words $(B)))
$(error neither the path of this tree nor B may contain blanks: $(CURDIR), B=$(B))
endif
MEM ?= 512M
CPU ?= max
MACHINE ?= pc
DISK ?= ide
SMP ?= 1
AT ?=
BUG ?=
LONG ?= tests
CONFIG ?=
PYTHON := /usr/bin/python3

# --- toolchain ---
CROSS_COMPILE ?= $(if $(shell command -v x86_64-elf-gcc),x86_64-elf-,x86_64-linux-gnu-)
export CROSS_COMPILE
# CC: a plain gcc or gcc-13 means the cross compiler's; any other name is taken as it is.
CC_NAMES := $(filter-out %++,$(notdir $(CC)))
ifneq (,$(filter default,$(origin CC))$(filter cc,$(CC)))
override CC := gcc
CC_NAMES := gcc
endif
ifneq (,$(findstring clang,$(CC_NAMES)))
KCC := $(CC) --target=x86_64-unknown-none-elf
else
ifeq (,$(findstring gcc,$(CC_NAMES)))
$(error CC=$(CC): neither gcc nor clang; expected one of them, such as clang, clang-15, \
  x86_64-elf-gcc or a path to one)
endif
KCC := $(if $(filter gcc gcc-%,$(firstword $(CC))),$(CROSS_COMPILE))$(CC)
GCC_FLAGS := --param=min-pagesize=0 -fno-tree-loop-distribute-patterns
endif
KLD := $(CROSS_COMPILE)ld
OBJCOPY := $(CROSS_COMPILE)objcopy
OBJDUMP := $(CROSS_COMPILE)objdump
NASM := nasm
export SOURCE_DATE_EPOCH ?= 0

# --- sources, in reading order ---
include sources.mk

# --- flags per world ---
WARN := -Wall -Wextra -Werror -Wvla -Wformat=2 -Wundef -Wshadow -Wmissing-prototypes \
	-Wstrict-prototypes -Wimplicit-function-declaration -Wframe-larger-than=1024
KFLAGS := -std=gnu11 -O2 -g -I. -ffreestanding -fpie -mcmodel=small \
	-mno-red-zone -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-omit-frame-pointer \
	-fno-strict-aliasing -fno-common -fno-jump-tables \
	-ffile-prefix-map=$(CURDIR)=. -include kernel/base/visibility.h \
	$(GCC_FLAGS) $(WARN) $(EXTRA_CFLAGS)
AFLAGS := -f elf64 -I $(B)/gen/ -I ./ -Werror=orphan-labels -Werror=number-overflow
LDFLAGS_K := -pie --no-dynamic-linker -z text -z max-page-size=4096 -z noexecstack \
	-z norelro --orphan-handling=error --build-id=sha1 --hash-style=sysv
ALL_FLAGS = $(KCC) $(KFLAGS) $(AFLAGS) $(LDFLAGS_K)
# What early code may leave undefined: borders of kernel.ld and the first high instruction.
EARLY_MAY_USE := image_begin text_begin text_end rodata_begin rodata_end data_begin \
	data_end bss_begin bss_end image_end rela_begin rela_end build_id_note kernel_main \
	text_mark rodata_mark data_mark

# --- the artefact graph ---
INCS := layout milestones boot_info disk_format loader_codes
GEN := $(INCS:%=$(B)/gen/%.inc) $(B)/gen/offsets.inc
EARLY_O := $(EARLY_C:%.c=$(B)/%.o) $(EARLY_ASM:%.asm=$(B)/%.asm.o)
KERNEL_O := $(KERNEL_C:%.c=$(B)/%.o) $(KERNEL_ASM:%.asm=$(B)/%.asm.o)
LOADER_O := $(STAGE1_ASM:%.asm=$(B)/%.asm.o) $(STAGE2_ASM:%.asm=$(B)/%.asm.o)
BLOBS := $(B)/kernel.blob.o $(B)/symbols.blob.o $(B)/modules.blob.o

.PHONY: all run debug bochs map test test-full test-long check bench bugs doctor screenshot
.PHONY: help clean
.DELETE_ON_ERROR:
.SECONDARY:
all: $(B)/plinth.img

$(B)/gen/%.inc: kernel/boot/%.h scripts/gen-inc.sh
	@mkdir -p $(@D)
	@scripts/gen-inc.sh header $< > $@
$(B)/gen/offsets.inc: kernel/arch/offsets.c scripts/gen-inc.sh
	@mkdir -p $(@D)
	@$(KCC) $(KFLAGS) -MMD -MP -MT $@ -MF $@.d -g0 -S -o $(B)/gen/offsets.s $<
	@scripts/gen-inc.sh offsets $(B)/gen/offsets.s > $@

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@$(KCC) $(KFLAGS) -MMD -MP -c -o $@ $<
# Line numbers only for the loader: NASM writes the folder into them, and the kernel's
# build-id is made over all of kernel.elf. Labels stay.
# NASM 2.16 forgets %included files in -MD and refuses %if on labels in -M, so every
# assembly file depends on every include there is: they are few.
$(B)/%.asm.o: %.asm $(GEN) $(wildcard stage1/*.inc stage2/*.inc kernel/arch/*.inc) $(B)/flags
	@mkdir -p $(@D)
	@$(NASM) $(AFLAGS) $(if $(filter stage%,$<),-g -F dwarf) -o $@ $<
$(B)/%.ld: %.ld kernel/boot/layout.h
	@mkdir -p $(@D)
	@cpp -P -undef -x c -I. $< -o $@
# Rebuild all objects when compiler or flags change, not when nothing did.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(ALL_FLAGS)' | cmp -s - $@ || echo '$(ALL_FLAGS)' > $@
FORCE:

# A source that leaves the list must leave the image: the lists are prerequisites too.
$(B)/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(EARLY_O) $(KERNEL_O) $(LOADER_O)' | cmp -s - $@ || \
	  echo '$(EARLY_O) $(KERNEL_O) $(LOADER_O)' > $@
$(B)/early.o: $(EARLY_O) $(B)/objects scripts/check-early.py
	@$(KLD) -r -z noexecstack -o $@ $(EARLY_O)
	@$(PYTHON) scripts/check-early.py $@ $(EARLY_MAY_USE)
$(B)/kernel.elf: $(B)/early.o $(KERNEL_O) $(B)/objects $(B)/kernel/kernel.ld scripts/check-binary.py
	@$(KLD) $(LDFLAGS_K) -T $(B)/kernel/kernel.ld -o $@ $(B)/early.o $(KERNEL_O)
	@$(PYTHON) scripts/check-binary.py $@ $(OBJDUMP)
$(B)/kernel.bin.elf: $(B)/kernel.elf
	@$(OBJCOPY) --strip-all $< $@
$(B)/symbols.bin: $(B)/kernel.elf scripts/symbols.py
	@$(PYTHON) scripts/symbols.py $< $@
# Boot modules travel as one cpio archive; owner, times and order are fixed so that bytes repeat.
$(B)/modules.cpio: $(MODULE_FILES)
	@printf '%s\n' $(MODULE_FILES) | LC_ALL=C sort | scripts/cpio.sh $@

$(B)/kernel.blob.o: $(B)/kernel.bin.elf scripts/blob.sh
	@scripts/blob.sh $< .kernel_blob $@
$(B)/symbols.blob.o: $(B)/symbols.bin scripts/blob.sh
	@scripts/blob.sh $< .symbols_blob $@
$(B)/modules.blob.o: $(B)/modules.cpio scripts/blob.sh
	@scripts/blob.sh $< .modules_blob $@
$(B)/disk.elf: $(LOADER_O) $(BLOBS) $(B)/objects $(B)/disk.ld
	@$(KLD) --orphan-handling=error -z noexecstack --no-warn-rwx-segments -T $(B)/disk.ld \
	  -Map=$(B)/disk.map -o $@ $(LOADER_O) $(BLOBS)
$(B)/disk.raw: $(B)/disk.elf
	@$(OBJCOPY) -O binary $< $@
$(B)/plinth.img: $(B)/disk.raw $(addprefix scripts/,image.py disk_format.py elf64.py)
	@$(PYTHON) scripts/image.py seal --disk $(B)/disk.elf --kernel $(B)/kernel.bin.elf \
	  --symbols $(B)/symbols.bin --modules $(B)/modules.cpio \
	  --build-id $$($(CROSS_COMPILE)readelf -n $(B)/kernel.elf | \
	    sed -n 's/.*Build ID: //p') $< $@

# --- running ---
# Values reach the scripts as they are, whatever the shell would make of them.
q = '$(subst ','\'',$(1))'
VM = --image $(B)/plinth.img --mem=$(call q,$(MEM)) --cpu=$(call q,$(CPU)) \
	--machine=$(call q,$(MACHINE)) --disk=$(call q,$(DISK)) --smp=$(call q,$(SMP)) \
	--config=$(call q,$(CONFIG))
# Each command first installs what it lacks, then builds by a second make, which sees the new tools.
define with_deps
@scripts/deps.sh $(1)
@$(MAKE) --no-print-directory B=$(B) $(B)/plinth.img
endef
run:
	$(call with_deps,run)
	@$(PYTHON) scripts/run.py $(VM)
debug:
	$(call with_deps,run debug)
	@$(PYTHON) scripts/debug.py --build $(B) $(if $(AT),--at=$(call q,$(AT))) $(VM)
# Of the machine only memory and CPU can be chosen here; Bochs has its own names for CPUs.
given = $(strip $(foreach v,$(1),$(if $(filter file,$(origin $(v))),,$(v))))
bochs:
	$(if $(call given,DISK SMP MACHINE),$(error make bochs: $(call given,DISK SMP MACHINE): \
	  no effect on Bochs; expected MEM, CPU, CONFIG or AT))
	$(call with_deps,bochs)
	@$(PYTHON) scripts/bochs.py --image $(B)/plinth.img $(if $(AT),--at=$(call q,$(AT))) \
	  --mem=$(call q,$(MEM)) $(if $(call given,CPU),--cpu=$(call q,$(CPU))) \
	  --config=$(call q,$(if $(AT)$(findstring break=,$(CONFIG)),$(CONFIG),break=all $(CONFIG)))
screenshot:
	$(call with_deps,run shot)
	@$(PYTHON) scripts/screenshot.py --image $(B)/plinth.img --out docs/img/boot.png

map:
	$(call with_deps,run)
	@$(PYTHON) scripts/map_svg.py --out $(B)/map.svg $(VM)
	@echo "map: $(B)/map.svg"

# --- proof ---
-include tests/host/host.mk
include scripts/release.mk
check:
	$(call with_deps,build)
	@$(PYTHON) scripts/check-layers.py
	@$(PYTHON) scripts/check-errors.py
	@$(PYTHON) scripts/image.py check $(B)/plinth.img
test:
	$(call with_deps,test media)
	@$(MAKE) --no-print-directory B=$(B) host-test host-tsan
	@$(MAKE) --no-print-directory B=$(B) fuzz FUZZ_RUNS=20000
	@PLINTH_BUILD=$(B) $(PYTHON) -m pytest -q -n 2 -m 'not full' tests
test-full:
	@$(MAKE) --no-print-directory B=$(B) test
	@$(MAKE) --no-print-directory B=$(B) test-long
test-long:
	$(call with_deps,test media)
	@$(MAKE) --no-print-directory B=$(B) fuzz FUZZ_RUNS=300000
	@PLINTH_BUILD=$(B) $(PYTHON) -m pytest -q -n 2 --durations=20 -m full $(LONG)
bugs:
	$(call with_deps,test)
	@$(PYTHON) tests/bugs/museum.py --build $(B) $(BUG)
doctor:
	@$(PYTHON) scripts/doctor.py
bench:
	$(call with_deps,test)
	@$(PYTHON) scripts/bench.py --build $(B)
help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile
clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
