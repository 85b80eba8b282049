/* SPDX-License-Identifier: MIT
 *
 * kernel/base/string.c, compiled under the names of string_renamed.h.
 */
#define STRING_KEEP_RENAMED
#include "tests/host/string_renamed.h"

#include "kernel/base/string.c"
