/* SPDX-License-Identifier: MIT
 *
 * Memory maps of real machines and of famous reports, as facts: base, bytes, type. The
 * emulators' maps were read by a probe boot sector; the others stand in the public
 * threads that are named with them.
 */
#ifndef PLINTH_TESTS_HOST_MEMMAP_MAPS_H
#define PLINTH_TESTS_HOST_MEMMAP_MAPS_H

#include "kernel/boot/boot_info.h"

#define MAP_ENTRY(b, n, t) \
    {.base = (b), .bytes = (n), .type = (t), .source = MAP_SOURCE_E820}

/* QEMU 7.2 pc, 5 GiB, SeaBIOS 1.16.2, AMD-vendor CPU. */
static const struct e820_raw map_qemu_5g[] = {
    MAP_ENTRY(0x0000000000, 0x000009FC00, 1), MAP_ENTRY(0x000009FC00, 0x0000000400, 2),
    MAP_ENTRY(0x00000F0000, 0x0000010000, 2), MAP_ENTRY(0x0000100000, 0x00BFEE0000, 1),
    MAP_ENTRY(0x00BFFE0000, 0x0000020000, 2), MAP_ENTRY(0x00FFFC0000, 0x0000040000, 2),
    MAP_ENTRY(0x0100000000, 0x0080000000, 1), MAP_ENTRY(0xFD00000000, 0x0300000000, 2),
};

/* QEMU 7.2 pc, 1 TiB: high RAM starts at 1 TiB, behind a reserved range. */
static const struct e820_raw map_qemu_1t[] = {
    MAP_ENTRY(0x0000000000, 0x000009FC00, 1), MAP_ENTRY(0x000009FC00, 0x0000000400, 2),
    MAP_ENTRY(0x00000F0000, 0x0000010000, 2), MAP_ENTRY(0x0000100000, 0x00BFEDF000, 1),
    MAP_ENTRY(0x00BFFDF000, 0x0000021000, 2), MAP_ENTRY(0x00FFFC0000, 0x0000040000, 2),
    MAP_ENTRY(0xFD00000000, 0x0300000000, 2), MAP_ENTRY(0x10000000000, 0xFF40000000, 1),
};

/* Bochs 2.7 with its own BIOS, 64 MiB. */
static const struct e820_raw map_bochs_64m[] = {
    MAP_ENTRY(0x00000000, 0x0009F000, 1), MAP_ENTRY(0x0009F000, 0x00001000, 2),
    MAP_ENTRY(0x000E8000, 0x00018000, 2), MAP_ENTRY(0x00100000, 0x03EF0000, 1),
    MAP_ENTRY(0x03FF0000, 0x00010000, 3), MAP_ENTRY(0xFFFC0000, 0x00040000, 2),
};

/* Intel D875PBZ desktop board, 2 GiB (SerenityOS/serenity #571, #617): a usable range
 * starts in the middle of a page that ACPI NVS ends in; kernels that took it as it is
 * handed out half a page of NVS. */
static const struct e820_raw map_d875pbz[] = {
    MAP_ENTRY(0x00000000, 0x0009FC00, 1), MAP_ENTRY(0x0009FC00, 0x00000400, 2),
    MAP_ENTRY(0x000E6000, 0x0001A000, 2), MAP_ENTRY(0x00100000, 0x7FD30000, 1),
    MAP_ENTRY(0x7FE30000, 0x00011810, 4), MAP_ENTRY(0x7FE41810, 0x000EE7F0, 1),
    MAP_ENTRY(0x7FF30000, 0x00010000, 3), MAP_ENTRY(0x7FF40000, 0x000B0000, 4),
    MAP_ENTRY(0x7FFF0000, 0x00010000, 2), MAP_ENTRY(0xFECF0000, 0x00001000, 2),
    MAP_ENTRY(0xFED20000, 0x00080000, 2),
};

/* The number that stopped a loader on a 32 GiB AMD board (rust-osdev/bootloader #581):
 * an entry whose type is 2954887168, among ordinary ones. */
static const struct e820_raw map_unknown_type[] = {
    MAP_ENTRY(0x000000000, 0x0000A0000, 1),
    MAP_ENTRY(0x000100000, 0x009C1F000, 1),
    MAP_ENTRY(0x009D1F000, 0x0002E1000, 2954887168u),
    MAP_ENTRY(0x00A000000, 0x0B6000000, 1),
    MAP_ENTRY(0x0FED40000, 0x000005000, 2),
    MAP_ENTRY(0x0FF000000, 0x001000000, 2),
    MAP_ENTRY(0x100000000, 0x72F380000, 1),
    MAP_ENTRY(0x82F380000, 0x000C80000, 2),
};

/* A small board whose page 0 is ACPI NVS and whose RAM is cut up by its firmware
 * (home-assistant/operating-system #1634, lower part). */
static const struct e820_raw map_nvs_at_zero[] = {
    MAP_ENTRY(0x00000000, 0x00001000, 4), MAP_ENTRY(0x00001000, 0x0009F000, 1),
    MAP_ENTRY(0x000C0000, 0x00040000, 2), MAP_ENTRY(0x00100000, 0x0CEA9000, 1),
    MAP_ENTRY(0x0CFA9000, 0x00009000, 2), MAP_ENTRY(0x0CFB2000, 0x00013000, 1),
    MAP_ENTRY(0x0CFC5000, 0x00006000, 2), MAP_ENTRY(0x0CFCB000, 0x00010000, 1),
    MAP_ENTRY(0x0CFDB000, 0x00005000, 2), MAP_ENTRY(0x0CFE0000, 0x00F19000, 1),
    MAP_ENTRY(0x0DEF9000, 0x00070000, 2), MAP_ENTRY(0x0DF69000, 0x0001C000, 3),
    MAP_ENTRY(0x0DF85000, 0x00004000, 4), MAP_ENTRY(0x0DF89000, 0x72077000, 1),
    MAP_ENTRY(0xFFC00000, 0x0002A000, 2),
};

/* Reserved and bad ranges inside usable ones, shuffled, some named twice: the kind of
 * map that stopped Limine ("a non-usable entry is inside a usable section", #185, #287,
 * #288), with a last entry of zero length as on the Sun Fire X2100 (iPXE's history of
 * its E820 code). */
static const struct e820_raw map_overlaps[] = {
    MAP_ENTRY(0x00054000, 0x00008000, 1), MAP_ENTRY(0x00030000, 0x00000200, 3),
    MAP_ENTRY(0x00003600, 0x00000200, 2), MAP_ENTRY(0x00000000, 0x00060000, 1),
    MAP_ENTRY(0x0005A000, 0x00001500, 2), MAP_ENTRY(0x00003600, 0x00000200, 5),
    MAP_ENTRY(0x00050000, 0x00008000, 3), MAP_ENTRY(0x00100000, 0x00F00000, 1),
    MAP_ENTRY(0x000F5000, 0x00010000, 1), MAP_ENTRY(0x00100000, 0x00010000, 2),
    MAP_ENTRY(0x00108000, 0x00010000, 4), MAP_ENTRY(0x00100000, 0x00010000, 2),
    MAP_ENTRY(0x00000000, 0x00000200, 2), MAP_ENTRY(0x00F00000, 0x00000000, 2),
};

#endif
