# SPDX-License-Identifier: MIT
"""All scenarios, in the order of the table."""
import hostile_disk
import hostile_entry
import hostile_image
import hostile_memory

CASES = [*hostile_entry.CASES, *hostile_disk.CASES, *hostile_memory.CASES,
         *hostile_image.CASES]
CASES.sort(key=lambda case: 'EDMVKX'.index(case.group))
BY_ID = {case.id: case for case in CASES}
assert len(BY_ID) == len(CASES), 'two scenarios have one id'
