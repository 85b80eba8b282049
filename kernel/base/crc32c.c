/* SPDX-License-Identifier: MIT
 *
 * CRC-32C with a table of the 16 possible low nibbles.
 */
#include "kernel/base/crc32c.h"

/* table[n]: n shifted right by four with the reflected polynomial 82F63B78h. */
static const u32 table[16] = {
    0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3,
    0x61C69362, 0x7198540D, 0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
    0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
};

u32 crc32c_extend(u32 crc, const void *data, u64 bytes)
{
    const u8 *at = data;

    crc = ~crc;
    for (u64 i = 0; i < bytes; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

u32 crc32c(const void *data, u64 bytes)
{
    return crc32c_extend(0, data, bytes);
}
