#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds every include line to the layers of the source tree.

usage: check-layers.py [ROOT]     ROOT is the source tree; else the parent of scripts/

  rank 0  kernel/boot, kernel/abi (headers only)    rank 3  mm
  rank 1  kernel/base                               rank 4  drivers
  rank 2  kernel/arch                               rank 5  kernel, kernel/early
  stage1, stage2 use kernel/boot only; user uses kernel/abi only; tests use anything
A file includes from its own rank or below, by the path from the root, and no circle is
closed. What has to point up goes through a table that the upper side fills in. NASM may
also include what the build makes: NAME.inc from kernel/boot/NAME.h, and offsets.inc.
Exit: 0 clean, 1 findings (one line each), 2 wrong call.
"""
import os
import re
import sys

RANKS = {'kernel/boot': 0, 'kernel/abi': 0, 'kernel/base': 1, 'kernel/arch': 2, 'mm': 3,
         'drivers': 4, 'kernel/early': 5, 'kernel': 5}
WORLDS = {'stage1': 'kernel/boot', 'stage2': 'kernel/boot', 'user': 'kernel/abi'}
FOLDERS = ('stage1', 'stage2', 'kernel', 'mm', 'drivers', 'user', 'tests')
SOURCES = ('.c', '.h', '.S', '.asm', '.inc')
# What a compiler brings along without a C library.
FREESTANDING = {'stdarg.h', 'stdbool.h', 'stddef.h', 'stdint.h', 'limits.h',
                'stdalign.h', 'stdnoreturn.h', 'iso646.h', 'float.h'}
C_INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]*)"|<([^>]*)>)')
NASM_INCLUDE = re.compile(r'\s*%include\s+(?:"([^"]*)"|\'([^\']*)\')', re.IGNORECASE)


def folder_of(path):
    """The layer or world of a file: the longest known folder above it, or None."""
    folder = os.path.dirname(path)
    while folder:
        if folder in RANKS or folder in WORLDS or folder == 'tests':
            return folder
        folder = os.path.dirname(folder)
    return None


def sources(root):
    for top in FOLDERS:
        for directory, folders, files in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(files):
                if name.endswith(SOURCES):
                    yield os.path.relpath(os.path.join(directory, name), root)


def includes(root, path):
    """(line, target, is_system) of every include line."""
    pattern = NASM_INCLUDE if path.endswith(('.asm', '.inc')) else C_INCLUDE
    with open(os.path.join(root, path), encoding='utf-8', errors='replace') as file:
        for number, line in enumerate(file, 1):
            found = pattern.match(line)
            if found:
                quoted, other = found.groups()
                system = pattern is C_INCLUDE and quoted is None
                yield number, quoted if quoted is not None else other, system


def may_use(user, used):
    """None when a file in folder user may include one in folder used, else the rule."""
    if user == 'tests':
        return None
    if used == 'tests':
        return 'only tests include tests: let the test enter itself into a table'
    if user in WORLDS:
        if used in (user, WORLDS[user]):
            return None
        return f'{user} uses {WORLDS[user]} and itself only'
    if used in WORLDS:
        return f'nothing of {used} belongs into the kernel'
    if RANKS[used] <= RANKS[user]:
        return None
    return (f'{used} (rank {RANKS[used]}) is above {user} (rank {RANKS[user]}): what has '
            f'to point up goes through a table that {used} fills in')


def is_generated(root, path, target):
    """Whether the build makes this NASM include from a header of the contract."""
    if not path.endswith(('.asm', '.inc')) or '/' in target:
        return False
    name = os.path.splitext(target)[0]
    return target == 'offsets.inc' or \
        os.path.exists(os.path.join(root, 'kernel/boot', name + '.h'))


def check_include(root, path, target, system):
    """What is wrong with one include line, or None."""
    folder = folder_of(path)
    if system:
        if folder == 'tests' or target in FREESTANDING:
            return None
        return f'<{target}> needs a C library; expected a header of the compiler alone'
    if is_generated(root, path, target):
        return None
    beside = os.path.normpath(os.path.join(os.path.dirname(path), target))
    if target.startswith(('.', '/')) or not os.path.exists(os.path.join(root, target)):
        if os.path.exists(os.path.join(root, beside)):
            return f'"{target}" is not written from the root; expected "{beside}"'
        return f'"{target}" does not exist below the root of the tree'
    used = folder_of(target)
    if used is None:
        return f'"{target}" is in no layer; expected a folder of RANKS in check-layers.py'
    rule = may_use(folder, used)
    return f'"{target}": {rule}' if rule else None


def find_circle(graph):
    """[a, b, .., a] of files that include each other, or None."""
    done = set()
    for start in sorted(graph):
        trail, positions = [], {}
        work = [(start, iter(sorted(graph[start])))] if start not in done else []
        if work:
            trail, positions = [start], {start: 0}
        while work:
            path, targets = work[-1]
            target = next(targets, None)
            if target is None:
                work.pop()
                positions.pop(trail.pop())
                done.add(path)
            elif target in positions:
                return trail[positions[target]:] + [target]
            elif target not in done and target in graph:
                positions[target] = len(trail)
                trail.append(target)
                work.append((target, iter(sorted(graph[target]))))
    return None


def check(root):
    findings, graph = [], {}
    for path in sources(root):
        graph[path] = set()
        if RANKS.get(folder_of(path)) == 0 and not path.endswith('.h'):
            findings.append(f'{path}: {folder_of(path)} holds headers only; move the code '
                            f'up')
        for number, target, system in includes(root, path):
            wrong = check_include(root, path, target, system)
            if wrong:
                findings.append(f'{path}:{number}: {wrong}')
            elif not system:
                graph[path].add(target)
    circle = find_circle(graph)
    if circle:
        findings.append(f'{circle[0]}: includes close a circle: {" -> ".join(circle)}; '
                        f'move what both need into a third header')
    return findings


def main(arguments):
    if len(arguments) > 1:
        print(__doc__.strip().splitlines()[2], file=sys.stderr)
        return 2
    root = arguments[0] if arguments else \
        os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not os.path.isdir(os.path.join(root, 'kernel')):
        print(f'check-layers: {root} is not the source tree: no kernel/', file=sys.stderr)
        return 2
    findings = check(root)
    for finding in findings:
        print(f'check-layers: {finding}', file=sys.stderr)
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
