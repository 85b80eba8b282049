#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Wraps a file as an object whose one section the disk link places: blob.sh FILE SECTION OUT.o
# The assembler's .incbin is used, not `ld -b binary`, so that no path ends up in a symbol name.
set -euo pipefail
as=$(printf '.section %s,"a",@progbits\n.incbin "%s"\n.section .note.GNU-stack,"",@progbits\n' "$2" "$1")
printf '%s\n' "$as" | "${CROSS_COMPILE:-}as" --64 -o "$3" -
