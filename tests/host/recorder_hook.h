/* SPDX-License-Identifier: MIT
 *
 * Lets recorder_test.c look at the bank behind every single store of a writer.
 */
#ifndef PLINTH_TESTS_HOST_RECORDER_HOOK_H
#define PLINTH_TESTS_HOST_RECORDER_HOOK_H

void recorder_hook(void);
#define RECORDER_HOOK() recorder_hook()

#endif
