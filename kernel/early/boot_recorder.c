/* SPDX-License-Identifier: MIT */
#include "kernel/early/boot_recorder.h"

#include "kernel/arch/instr.h"
#include "kernel/boot/layout.h"
#include "kernel/early/handover.h"

struct recorder boot_recorder;

static u64 bank_offset(void)
{
    return handover.info.recorder_bank ? RECORDER_BANK_BYTES : 0;
}

void boot_recorder_open(void)
{
    if (handover.info.recorder_on)
        recorder_open(&boot_recorder, (void *)(RECORDER_PHYS + bank_offset()));
}

void boot_recorder_move(void)
{
    if (boot_recorder.bank != NULL)
        boot_recorder.bank = (void *)(RECORDER_VIRT + bank_offset());
}

void boot_recorder_image(u64 address)
{
    u64 values[] = {address, handover.info.kernel_phys};

    recorder_event(&boot_recorder, RECORD_IMAGE, values, ARRAY_COUNT(values));
}

void boot_recorder_death(const char *code, const struct death_spot *spot)
{
    u64 values[] = {0, spot->rip, spot->cr2, spot->cr3, spot->rsp, rdtsc()};

    for (u32 i = 0; i < sizeof(u64) && code[i] != '\0'; i++)
        values[0] |= (u64)(u8)code[i] << 8 * i;
    recorder_event(&boot_recorder, RECORD_DEATH, values, ARRAY_COUNT(values));
}
