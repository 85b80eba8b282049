/* SPDX-License-Identifier: MIT
 *
 * The one result type. Zero is success, everything else a negative error number of the ABI.
 */
#ifndef PLINTH_KERNEL_BASE_STATUS_H
#define PLINTH_KERNEL_BASE_STATUS_H

#include "kernel/abi/errno.h"
#include "kernel/base/types.h"

enum status {
    STATUS_OK = 0,
    STATUS_NOT_FOUND = -ABI_ENOENT,
    STATUS_IO = -ABI_EIO,
    STATUS_TOO_BIG = -ABI_E2BIG,
    STATUS_NO_MEMORY = -ABI_ENOMEM,
    STATUS_FAULT = -ABI_EFAULT,
    STATUS_BUSY = -ABI_EBUSY,
    STATUS_EXISTS = -ABI_EEXIST,
    STATUS_INVALID = -ABI_EINVAL,
    STATUS_NO_SPACE = -ABI_ENOSPC,
    STATUS_RANGE = -ABI_ERANGE,
    STATUS_NOT_SUPPORTED = -ABI_ENOSYS,
    STATUS_OVERFLOW = -ABI_EOVERFLOW,
};

/* A short English word for a status. Any context. */
const char *status_name(enum status status);

#endif
