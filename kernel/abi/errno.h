/* SPDX-License-Identifier: MIT
 *
 * Error numbers shared with programs: the Linux x86-64 values, so that a libc understands them.
 */
#ifndef PLINTH_KERNEL_ABI_ERRNO_H
#define PLINTH_KERNEL_ABI_ERRNO_H

#define ABI_EPERM     1
#define ABI_ENOENT    2
#define ABI_EIO       5
#define ABI_E2BIG     7
#define ABI_ENOMEM    12
#define ABI_EFAULT    14
#define ABI_EBUSY     16
#define ABI_EEXIST    17
#define ABI_EINVAL    22
#define ABI_ENOSPC    28
#define ABI_ERANGE    34
#define ABI_ENOSYS    38
#define ABI_EOVERFLOW 75

#endif
