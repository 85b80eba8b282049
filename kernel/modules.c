/* SPDX-License-Identifier: MIT */
#include "kernel/modules.h"

#include "kernel/base/log.h"
#include "kernel/base/status.h"
#include "kernel/early/handover.h"
#include "mm/kernel_space.h"

static struct module modules[BOOT_MODULE_MAX];

void modules_init(void)
{
    for (u32 i = 0; i < handover.info.module_count; i++) {
        struct boot_module *from = &handover.info.modules[i];
        from->name[BOOT_NAME_BYTES - 1] = 0;
        modules[i] = (struct module){.name = from->name, .bytes = from->bytes};
        if (from->bytes == 0)
            continue;
        enum status status = module_map(phys_make(from->phys), from->bytes,
                                        &modules[i].start);
        if (status != STATUS_OK)
            log_warn("module '%s', %lu bytes at P:%#lx: not mapped (%s)", from->name,
                     from->bytes, from->phys, status_name(status));
    }
}

const struct module *module_at(u32 index)
{
    return index < handover.info.module_count ? &modules[index] : NULL;
}
