#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Builds an x86_64-elf cross compiler (C only) from the distribution's own gcc and binutils
# source packages: nothing is fetched but through apt.
#
#   scripts/cross.sh [PREFIX]     PREFIX is $HOME/opt/cross unless given
#
# Plinth does not need it: Debian's x86_64-linux-gnu-gcc builds the kernel as well. It is
# for those who want a compiler that cannot pick up anything of the host system.
# Takes 10 to 20 minutes on two cores and 2 GiB below TMPDIR. JOBS sets make's -j.
# DEPS=manual: print the apt-get line for missing packages instead of installing them.
set -euo pipefail

target=x86_64-elf
prefix=$(realpath -ms -- "${1:-$HOME/opt/cross}")
jobs=${JOBS:-$(nproc)}

# A 128-bit division needs cc1, as, ld and a libgcc that fits a position-independent kernel.
works() {
    local out status=0
    out=$(mktemp)
    "$prefix/bin/$target-gcc" -ffreestanding -fpie -mcmodel=small -mno-red-zone \
        -mgeneral-regs-only -O2 -nostdlib -Wl,-pie,-e,main -x c - -x none -lgcc -o "$out" \
        <<<'unsigned __int128 main(unsigned __int128 a, unsigned __int128 b) { return a / b; }' \
        || status=$?
    rm -f "$out"
    return $status
}
path_line() { echo "add to your shell profile:  export PATH=\"$prefix/bin:\$PATH\""; }

if [[ -x $prefix/bin/$target-gcc ]] && works 2>/dev/null; then
    echo "cross: $prefix/bin/$target-gcc is there and works"
    path_line
    exit 0
fi

"$(dirname "${BASH_SOURCE[0]}")/deps.sh" cross
mkdir -p "$prefix"    # fails now rather than after twenty minutes
[[ -w $prefix ]] || { echo "cross: cannot write to $prefix" >&2; exit 1; }

# newest FILE...: the highest version; several gcc-*-source packages may be installed.
newest() { printf '%s\n' "$@" | sort -V | tail -n 1; }
binutils_tar=$(newest /usr/src/binutils/binutils-[0-9]*.tar.*)
gcc_tar=$(newest /usr/src/gcc-*/gcc-[0-9]*.tar.*)

work=$(mktemp -d "${TMPDIR:-/tmp}/plinth-cross.XXXXXX")
finish() {
    if (($? == 0)); then
        rm -rf "$work"
    else
        echo "cross: failed; build and logs are kept in $work" >&2
    fi
}
trap finish EXIT

# phase NAME COMMAND...: one line of progress; the output goes to NAME.log.
phase() {
    local name=$1 start=$SECONDS
    shift
    printf 'cross: %-20s' "$name"
    if ! "$@" >"$work/$name.log" 2>&1 </dev/null; then
        echo failed
        tail -n 20 "$work/$name.log" >&2
        exit 1
    fi
    echo "$((SECONDS - start)) s"
}
unpack() { mkdir "$2" && tar -xf "$1" -C "$2" --strip-components=1; }

# Free of debug information the compiler is a tenth of the size. MAKEINFO=true: the
# documents are not wanted, and Debian's tarball of gcc does not have them.
make_in() { make -C "$work/$1" -j"$jobs" MAKEINFO=true "${@:2}"; }
configure_in() {    # DIR SOURCE OPTION...
    mkdir "$work/$1" && cd "$work/$1" &&
        "$work/$2/configure" --target="$target" --prefix="$prefix" --disable-nls \
            CFLAGS=-O2 CXXFLAGS=-O2 MAKEINFO=true "${@:3}"
}

echo "cross: ${binutils_tar##*/} and ${gcc_tar##*/} for $target into $prefix"
phase unpack-binutils unpack "$binutils_tar" "$work/binutils"
phase configure-binutils configure_in build-binutils binutils \
    --disable-werror --disable-gdb --disable-gprofng
phase build-binutils make_in build-binutils all
phase install-binutils make_in build-binutils install

export PATH="$prefix/bin:$PATH"    # libgcc is assembled by the new as
phase unpack-gcc unpack "$gcc_tar" "$work/gcc"
# In ring 0 an interrupt overwrites the red zone, so libgcc must not use one either. (It is
# position-independent by itself; -mgeneral-regs-only its floating-point half cannot take.)
phase configure-gcc configure_in build-gcc gcc --enable-languages=c --without-headers \
    --disable-libssp --disable-libquadmath --disable-libgomp --disable-libatomic \
    --disable-bootstrap --disable-lto --disable-plugin \
    CFLAGS_FOR_TARGET='-O2 -mno-red-zone'
phase build-gcc make_in build-gcc all-gcc
phase build-libgcc make_in build-gcc all-target-libgcc
# Stamp of a check against the documents that the tarball lacks; install would fail at it.
touch "$work/build-gcc/gcc/s-tm-texi"
phase install-gcc make_in build-gcc install-gcc
phase install-libgcc make_in build-gcc install-target-libgcc
cd /
phase try-it works
path_line
