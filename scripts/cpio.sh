#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Packs the files named on standard input into a newc archive: cpio.sh OUT < names
# Works on copies with fixed times and modes, so that two builds give the same bytes.
set -euo pipefail
out=$1
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mapfile -t names
for name in "${names[@]}"; do
    install -D -m 0644 "$name" "$stage/$name"
    touch -d "@${SOURCE_DATE_EPOCH:-0}" "$stage/$name"
done
printf '%s\n' "${names[@]}" |
    (cd "$stage" && cpio --quiet --reproducible -o -H newc -R 0:0) > "$out"
