#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Installs what is missing to build, run or test Plinth on Debian or Ubuntu.
#
#   scripts/deps.sh GROUP...      groups: build run test debug bochs shot media cross
#   DEPS=manual scripts/deps.sh GROUP...    only print the apt-get line; exit 1 if needed
#
# Needs are probed by command and file, not by asking dpkg: the Makefile may call this on
# every build, and a tool from elsewhere (PATH, pip, /opt) counts as much as a package.
# Exit: 0 nothing (more) to do, 1 something is missing, 2 wrong call.
set -euo pipefail

wanted=()    # packages to install
missing=()   # the tools they bring, for systems without apt

# need WHAT PACKAGE PROBE...: unless the probe succeeds, WHAT is missing.
need() {
    local what=$1 package=$2
    shift 2
    if "$@" >/dev/null 2>&1; then return; fi
    [[ " ${missing[*]} " == *" $what "* ]] || missing+=("$what")
    [[ " ${wanted[*]} " == *" $package "* ]] || wanted+=("$package")
}

has() {      # every command is on the PATH
    local name
    for name; do command -v "$name" || return 1; done
}

file() {     # some file matches one of the patterns; -e, so a dangling link is no file
    local path
    # shellcheck disable=SC2068  # unquoted: the shell's own matching costs no process
    for path in $@; do [[ ! -e $path ]] || return 0; done
    return 1
}

# Debian's python3 is the one that sees Debian's pytest; another may be first on the PATH.
# Starting Python takes longer than all other probes, so a look at its folder comes first.
module() { [[ -e /usr/lib/python3/dist-packages/$1 ]] || /usr/bin/python3 -c "import $1"; }

# The same order as in the Makefile: a real x86_64-elf compiler (scripts/cross.sh), else
# the name that Debian gives to gcc for x86-64 on every host architecture.
cross_gcc() {
    local prefix
    for prefix in ${CROSS_COMPILE:-x86_64-elf- x86_64-linux-gnu-}; do
        if has "${prefix}gcc" "${prefix}ld" "${prefix}objcopy" "${prefix}objdump"; then return; fi
    done
    return 1
}

# Of the clang on the PATH, as several versions may be installed. Again the quick look
# first; a wrapper such as ccache's makes it miss, then clang itself has to tell.
clang_runtime() {
    local clang
    clang=$(readlink -f "$(command -v clang)") || return
    file "${clang%/bin/*}/lib/clang/*/lib/*/libclang_rt.fuzzer*.a" ||
        file "$(clang -print-runtime-dir)/libclang_rt.fuzzer*.a"
}

# Debian's names for the tools that are native on amd64 and foreign elsewhere.
if [[ $HOSTTYPE == x86_64 ]]; then
    x86_gcc=gcc x86_gdb=gdb
else
    x86_gcc=gcc-x86-64-linux-gnu x86_gdb=gdb-multiarch
fi

group_build() {
    need nasm nasm has nasm
    need make make has make
    need "${CROSS_COMPILE:-x86_64-linux-gnu-}gcc" "$x86_gcc" cross_gcc
    need python3 python3 has /usr/bin/python3
}
# To run the kernel is to build it first: make run calls this before it builds.
group_run() {
    group_build
    need qemu-system-x86_64 qemu-system-x86 has qemu-system-x86_64
}
group_debug() { need "$x86_gdb" "$x86_gdb" has "$x86_gdb"; }
group_bochs() {
    group_build
    need bochs bochs has bochs
    need bochs-term bochs-term file '/usr/lib/*/bochs/plugins/libbx_term_gui.so'
    need bochs-x bochs-x file '/usr/lib/*/bochs/plugins/libbx_x_gui.so'
    need bochs-bios bochsbios file /usr/share/bochs/BIOS-bochs-latest
    need vgabios vgabios file /usr/share/bochs/VGABIOS-lgpl-latest /usr/share/vgabios/vgabios.bin
}
group_shot() { group_run; }    # QEMU's screendump writes PNG by itself
group_media() {
    need mtools mtools has mcopy mformat
    need xorriso xorriso has xorriso
}
group_test() {
    group_run
    group_bochs
    group_debug
    # Host tests: the native compiler with its C library (gcc only recommends that one).
    need gcc gcc has gcc
    need libasan gcc file '/usr/lib*/gcc/*/*/libasan.so'
    need libc-headers libc6-dev file /usr/include/stdio.h
    need libtsan gcc file '/usr/lib*/gcc/*/*/libtsan.so'
    need cmocka libcmocka-dev file /usr/include/cmocka.h
    need valgrind valgrind has valgrind
    # The second compiler, and the fuzz target.
    need clang clang has clang
    need ld.lld lld has ld.lld
    need clang-fuzzer-runtime libclang-rt-dev clang_runtime
    need pytest python3-pytest module pytest
    need pexpect python3-pexpect module pexpect
    need pytest-xdist python3-pytest-xdist module xdist
    need cpio cpio has cpio
}
group_cross() {                # for scripts/cross.sh
    need make make has make
    need g++ g++ has gcc g++
    need bison bison has bison
    need flex flex has flex
    need xz xz-utils has xz
    need gmp libgmp-dev file '/usr/include/*/gmp.h' /usr/include/gmp.h
    need mpfr libmpfr-dev file /usr/include/mpfr.h
    need mpc libmpc-dev file /usr/include/mpc.h
    need binutils-source binutils-source file '/usr/src/binutils/binutils-[0-9]*.tar.*'
    need gcc-source 'gcc-[0-9][0-9]-source' file '/usr/src/gcc-*/gcc-[0-9]*.tar.*'
}

wrong_call() {
    local valid
    valid=$(compgen -A function group_)
    valid=${valid//group_/}
    echo "deps: $1; valid groups: ${valid//$'\n'/ }" >&2
    exit 2
}
(($#)) || wrong_call "usage: [DEPS=manual] scripts/deps.sh GROUP..."
for group; do
    declare -F "group_$group" >/dev/null || wrong_call "unknown group '$group'"
done

probe_all() {
    wanted=() missing=()
    local group
    for group; do "group_$group"; done
}
probe_all "$@"
((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null; then
    echo "deps: no apt-get here; please install: ${missing[*]}" >&2
    exit 1
fi

# Prints the packages that apt knows; a pattern gives the newest one. A name that apt does
# not know is left out, because on another release another package may bring the file
# (Ubuntu 22.04 has no libclang-rt-dev, its clang comes with it): the last probe decides.
known_packages() {
    local package name
    for package; do
        # shellcheck disable=SC2053  # an unquoted right side is the pattern match
        while read -r name; do
            if [[ $name == $package ]]; then echo "$name"; fi
        done < <(apt-cache pkgnames "${package%%\[*}") | sort -V | tail -n 1
    done
}

sudo=()
((EUID == 0)) || sudo=(sudo)
if [[ ${DEPS:-} == manual ]] || { ((EUID != 0)) && ! command -v sudo >/dev/null; }; then
    mapfile -t packages < <(known_packages "${wanted[@]}")
    ((${#packages[@]})) || packages=("${wanted[@]}")    # apt-get update was never run here
    echo "${sudo[*]:+sudo }apt-get install --no-install-recommends ${packages[*]}"
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >>"$log" 2>&1 </dev/null
}

# An update may fail for a source that has nothing to do with us: the install decides.
apt update || true
mapfile -t packages < <(known_packages "${wanted[@]}")
echo "deps: installing ${packages[*]}"
if ((${#packages[@]} == 0)) ||
    ! apt -o DPkg::Lock::Timeout=600 install --no-install-recommends "${packages[@]}"; then
    tail -n 20 "$log" >&2
    echo "deps: apt-get could not bring: ${missing[*]}" >&2
    exit 1
fi
hash -r
probe_all "$@"
if ((${#missing[@]})); then
    echo "deps: still missing: ${missing[*]}" >&2
    exit 1
fi
