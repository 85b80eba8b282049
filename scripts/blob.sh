#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Wraps a file as an object whose one section the disk link places: blob.sh FILE SECTION OUT.o
# The assembler's .incbin is used, not `ld -b binary`, so that no path ends up in a symbol name.
set -euo pipefail
"${CROSS_COMPILE:-}as" --64 -o "$3" - <<EOF
.section $2,"a",@progbits
.incbin "$1"
.section .note.GNU-stack,"",@progbits
EOF
