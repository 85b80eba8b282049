/* SPDX-License-Identifier: MIT
 *
 * Forced into every kernel source by the compiler's command line. The command-line
 * option alone leaves clang GOT loads for external declarations; the pragma covers
 * declarations too.
 */
#pragma GCC visibility push(hidden)
