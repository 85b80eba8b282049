/* SPDX-License-Identifier: MIT */
#include "kernel/init_order.h"

#include "kernel/base/panic.h"

static bool done[INIT_STEP_COUNT];

static const char *step_name(enum init_step step)
{
    static const char *const names[INIT_STEP_COUNT] = {
        "cpu",     "high",    "ram",  "frames", "page-ops", "space",
        "console", "symbols", "time", "heap",   "audit",    "input",
    };
    return (u32)step < INIT_STEP_COUNT ? names[step] : "?";
}

void init_needs(enum init_step who, enum init_step needed)
{
    if (!done[needed])
        panic_code(CODE_IN_01, "init step '%s' needs '%s', which is not done",
                   step_name(who), step_name(needed));
}

void init_done(enum init_step step)
{
    if (done[step])
        panic_code(CODE_IN_01, "init step '%s' ran twice", step_name(step));
    done[step] = true;
}

bool init_is_done(enum init_step step)
{
    return done[step];
}
