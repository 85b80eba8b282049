/* SPDX-License-Identifier: MIT */
#include "kernel/frames_open.h"

#include "kernel/base/assert.h"
#include "kernel/base/bits.h"
#include "kernel/base/config.h"
#include "kernel/base/log.h"
#include "kernel/early/handover.h"
#include "mm/page_ops.h"
#include "mm/pmm.h"
#include "mm/ram.h"

/* What the configuration says about handing frames out. */
static void frames_configure(void)
{
    struct config_value value;
    u64 colours = 0;
    bool check = config_find(handover.config, "check", &value);
    if (check && !config_is(&value, "frames")) {
        check = false;
        log_warn("configuration: check=%.*s is not frames; ignored",
                 (int)MIN(value.bytes, 60UL), value.text);
    }
    bool good = !config_find(handover.config, "colour", &value) ||
                (config_parse_u64(&value, &colours) && colours != 0);
    if (good && pmm_configure(colours, check) == STATUS_OK)
        return;
    log_warn("configuration: colour=%.*s is no power of two up to %u; colours are off",
             (int)MIN(value.bytes, 60UL), value.text, PMM_COLOURS_MAX);
    enum status status = pmm_configure(0, check);
    ASSERT(status == STATUS_OK);
}

void frames_open(void)
{
    static struct pmm_use uses[EARLY_USE_MAX + BOOT_MODULE_MAX + 2];
    const struct boot_info *info = &handover.info;
    u32 count = 0;
    frames_configure();
    uses[count++] = (struct pmm_use){phys_make(info->kernel_phys),
                                     info->kernel_bytes >> PAGE_SHIFT, OWNER_IMAGE};
    uses[count++] = (struct pmm_use){
        phys_make(info->symbols_phys),
        ALIGN_UP(info->symbols_bytes, PAGE_BYTES) >> PAGE_SHIFT, OWNER_SYMBOLS};
    for (u32 i = 0; i < info->module_count; i++)
        uses[count++] = (struct pmm_use){
            phys_make(info->modules[i].phys),
            ALIGN_UP(info->modules[i].bytes, PAGE_BYTES) >> PAGE_SHIFT, OWNER_MODULE};
    for (u32 i = 0; i < handover.use_count; i++)
        uses[count++] = (struct pmm_use){
            phys_make(handover.uses[i].phys), handover.uses[i].frames,
            handover.uses[i].kind == EARLY_USE_STACK ? OWNER_STACK : OWNER_PAGE_TABLE};
    pmm_init(phys_make(handover.root_phys), uses, count);
}

/* On a block that nobody has. */
void page_ops_choose(void)
{
    pfn_t scratch;
    u32 order = bits_log2_ceil(PAGE_OPS_SCRATCH);
    if (pmm_alloc_raw(order, OWNER_TEST, &scratch) == STATUS_OK) {
        page_ops_calibrate(pfn_to_ptr(scratch));
        enum status status = pmm_free_raw(scratch, order, OWNER_TEST);
        ASSERT(status == STATUS_OK);
    } else {
        log_warn("memory is in pieces too small to choose routines for pages");
    }
}
