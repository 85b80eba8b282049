/* SPDX-License-Identifier: MIT
 *
 * Forced in front of sources that run under the interleaving explorer.
 */
#ifndef PLINTH_TESTS_HOST_INTERLEAVE_HOOK_H
#define PLINTH_TESTS_HOST_INTERLEAVE_HOOK_H

#include "tests/host/interleave.h"

#define ATOMIC_HOOK(operation, address) interleave_step(operation, address)

#endif
