/* SPDX-License-Identifier: MIT
 *
 * What the page tables map: for people, and as data on COM1.
 */
#ifndef PLINTH_KERNEL_REPORT_MAP_H
#define PLINTH_KERNEL_REPORT_MAP_H

#include "kernel/base/types.h"

/* One line a run of equal pages, on every sink. */
void report_map(void);

/* The same runs as members of the JSON object that is being written: "map":[..] and
 * "map_left_out", the number of runs beyond the first MAP_RUNS_MAX. */
#define MAP_RUNS_MAX 400
void report_map_members(void);

/* An object with these two members, as one line. */
void report_map_json(void);

/* A piece of JSON: COM1 only. */
void json_put(const char *fmt, ...) PRINTF(1, 2);

#endif
