/* SPDX-License-Identifier: MIT */
#include "tests/kernel/cases.h"

#define NORMAL(name) {#name, test_##name, SELFTEST_NORMAL},
#define DEADLY(name) {#name, test_##name, SELFTEST_DEADLY},
#define BENCH(name)  {#name, test_##name, SELFTEST_BENCH},
#define LONG(name)   {#name, test_##name, SELFTEST_LONG},

const struct selftest_case selftest_table[] = {
    SELFTEST_NORMAL_LIST(NORMAL) SELFTEST_DEADLY_LIST(DEADLY)
        SELFTEST_BENCH_LIST(BENCH) SELFTEST_LONG_LIST(LONG){NULL, NULL, SELFTEST_NORMAL},
};
