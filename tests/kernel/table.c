/* SPDX-License-Identifier: MIT */
#include "tests/kernel/cases.h"

#define NORMAL(name) {#name, test_##name, SELFTEST_NORMAL},
#define DEADLY(name) {#name, test_##name, SELFTEST_DEADLY},

const struct selftest_case selftest_table[] = {
    SELFTEST_NORMAL_LIST(NORMAL)
    SELFTEST_DEADLY_LIST(DEADLY)
    {NULL, NULL, SELFTEST_NORMAL},
};
