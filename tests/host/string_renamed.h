/* SPDX-License-Identifier: MIT
 *
 * kernel/base/string under other names, because the host's C library has those already.
 * With STRING_KEEP_RENAMED the names stay renamed for what follows.
 */
#ifndef PLINTH_TESTS_HOST_STRING_RENAMED_H
#define PLINTH_TESTS_HOST_STRING_RENAMED_H

#define memcpy  plinth_memcpy
#define memmove plinth_memmove
#define memset  plinth_memset
#define memcmp  plinth_memcmp
#define strlen  plinth_strlen
#define strnlen plinth_strnlen
#define strcmp  plinth_strcmp
#define strncmp plinth_strncmp

#include "kernel/base/string.h"

#ifndef STRING_KEEP_RENAMED
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#endif

#endif
