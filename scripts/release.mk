# SPDX-License-Identifier: MIT
#
# What is given to others.
#
#   make iso       build/plinth.iso: El Torito with hard-disk emulation of the image
#   make release   build/release/: image, CD image, SHA256SUMS, SBOM (SPDX 2.3)

RELEASE_SOURCES = $(sort $(EARLY_C) $(EARLY_ASM) $(KERNEL_C) $(KERNEL_ASM) $(STAGE1_ASM) \
	$(STAGE2_ASM) $(MODULE_FILES) disk.ld kernel/kernel.ld \
	$(wildcard kernel/*.h kernel/*/*.h mm/*.h drivers/*.h tests/kernel/*.h) \
	$(wildcard stage1/*.inc stage2/*.inc kernel/arch/*.inc))

.PHONY: iso release
$(B)/plinth.iso: $(B)/plinth.img scripts/iso.py
	@$(PYTHON) scripts/iso.py $< $@
iso:
	$(call with_deps,build media)
	@$(MAKE) --no-print-directory B=$(B) $(B)/plinth.iso
release:
	$(call with_deps,build media)
	@$(PYTHON) scripts/release.py --image $(B)/plinth.img --out $(B)/release \
	  --tools '$(NASM)' '$(firstword $(KCC))' '$(KLD)' $(RELEASE_SOURCES)
	@ls -l $(B)/release
