#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes NASM includes: `gen-inc.sh header FILE.h` turns suffix-free #defines into %define lines,
# `gen-inc.sh offsets FILE.s` filters the "->name value" lines of kernel/arch/offsets.c.
set -euo pipefail
case "${1:-}" in
header)  sed -nE 's|/\*.*||; s/^#define +([A-Z][A-Z0-9_]*) +(.*[^ ]) *$/%define \1 \2/p' "$2" ;;
offsets) sed -nE 's/.*"->([A-Za-z0-9_]+) \$?(-?[0-9]+)".*/%define \1 \2/p' "$2" ;;
*) echo "usage: gen-inc.sh header|offsets FILE" >&2; exit 2 ;;
esac
