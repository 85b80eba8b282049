/* SPDX-License-Identifier: MIT
 *
 * Words for results.
 */
#include "kernel/base/status.h"

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_NOT_FOUND:
        return "not found";
    case STATUS_IO:
        return "input/output error";
    case STATUS_TOO_BIG:
        return "too big";
    case STATUS_NO_MEMORY:
        return "no memory";
    case STATUS_FAULT:
        return "bad address";
    case STATUS_BUSY:
        return "busy";
    case STATUS_EXISTS:
        return "exists already";
    case STATUS_INVALID:
        return "invalid";
    case STATUS_NO_SPACE:
        return "no space";
    case STATUS_RANGE:
        return "out of range";
    case STATUS_NOT_SUPPORTED:
        return "not supported";
    case STATUS_OVERFLOW:
        return "overflow";
    }
    return "unknown status";
}
