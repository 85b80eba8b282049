# SPDX-License-Identifier: MIT
"""A scratch copy of the tree in which one bug at a time is built.

The copy stays in the build folder, so that only what a patch touches is built anew. The
tree itself is only read.
"""
import filecmp
import os
import re
import shutil
import subprocess

from places import ROOT

OUT = 'out'   # the copy's build folder; no target of it is called as one of the tree's
TOUCHED = re.compile(r'^\+\+\+ b/(\S+)', re.M)


class PatchError(Exception):
    """A patch that does not apply: which, where, and what to do."""


def tree_files():
    """The project's files: tracked, or new and not ignored."""
    listed = subprocess.run(
        ['git', '-C', ROOT, 'ls-files', '-co', '--exclude-standard', '-z'],
        capture_output=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.decode().split('\0')
        return sorted(n for n in names if os.path.isfile(os.path.join(ROOT, n)))
    names = []   # a release archive has no repository
    for directory, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if not f.startswith(('build', '__', '.'))]
        names += [os.path.relpath(os.path.join(directory, name), ROOT) for name in files]
    return sorted(names)


def touched(bug):
    """The files that a patch changes or adds."""
    with open(bug.path, encoding='ascii') as file:
        return TOUCHED.findall(file.read())


def patch(bug, folder, *options):
    """patch(1) in a folder, without guessing: lines may have moved, none may differ."""
    done = subprocess.run(
        ['patch', '-p1', '--batch', '--forward', '--fuzz=0', '--no-backup-if-mismatch',
         '--reject-file=-', *options, '-i', bug.path],
        cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        words = ' / '.join(line for line in done.stdout.splitlines()
                           if 'FAILED' in line or 'No file' in line or 'Skipping' in line)
        raise PatchError(
            f'tests/bugs/{bug.name}.patch no longer applies: '
            f'{words or done.stderr.strip()}; make the same mistake in the code as it '
            'is now and renew the diff')


def check_applies(bug, folder):
    """PatchError unless the patch fits the tree. `folder` is empty, to be littered."""
    for name in touched(bug):
        if os.path.isfile(os.path.join(ROOT, name)):
            os.makedirs(os.path.join(folder, os.path.dirname(name)), exist_ok=True)
            shutil.copyfile(os.path.join(ROOT, name), os.path.join(folder, name))
    patch(bug, folder, '--dry-run')


class Workshop:
    """One copy. restore() before each bug; apply(), build() then give its image."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.image = os.path.join(self.folder, OUT, 'plinth.img')
        os.makedirs(self.folder, exist_ok=True)

    def restore(self):
        """Makes the copy equal to the tree. What is equal keeps its time: make rests."""
        wanted = set(tree_files())
        for directory, folders, files in os.walk(self.folder):
            if directory == self.folder:
                folders[:] = [name for name in folders if name != OUT]
            for name in files:
                path = os.path.join(directory, name)
                if os.path.relpath(path, self.folder) not in wanted:
                    os.remove(path)
        for name in wanted:
            source, path = os.path.join(ROOT, name), os.path.join(self.folder, name)
            if not os.path.exists(path) or not filecmp.cmp(source, path, shallow=False):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                shutil.copyfile(source, path)
                shutil.copymode(source, path)
                if name == 'Makefile':
                    self._forget()

    def apply(self, bug):
        patch(bug, self.folder)
        if 'Makefile' in touched(bug):
            self._forget()

    def _forget(self):
        """Other flags may make other objects of the same sources."""
        shutil.rmtree(os.path.join(self.folder, OUT), ignore_errors=True)

    def build(self):
        """(built, what make said). A build that fails leaves no image behind."""
        if os.path.exists(self.image):
            os.remove(self.image)
        environment = {name: value for name, value in os.environ.items()
                       if name not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'B')}
        done = subprocess.run(
            ['make', '--no-print-directory', f'B={OUT}', f'{OUT}/plinth.img'],
            cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=600, check=False)
        return done.returncode == 0, done.stdout
