#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks what this computer has for Plinth, and names what is missing.

  doctor.py [--json]

A line each: "ok", "MISS" (a command of the Makefile will not work without it: the package
stands beside it) or "note" (good to know). Nothing is installed or changed.
Exit: 0 all that `make run` and `make test` need is there, 1 something is missing.
"""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys

import bochs
import machine

NEED, NICE = 'MISS', 'note'


def ask(*command, text=None):
    """What a tool says, both streams; '' when it is not there or says nothing."""
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True,
                              errors='replace', timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return done.stdout + done.stderr


def version(text):
    found = re.search(r'\d+\.\d+(\.\d+)*', text)
    return found[0] if found else '?'


class Report:
    def __init__(self):
        self.findings = []

    def add(self, state, subject, words):
        self.findings.append({'state': state, 'subject': subject, 'words': words})

    def expect(self, good, subject, words, package, weight=NEED):
        """Good: the words. Else what to install."""
        if good:
            self.add('ok', subject, words)
        else:
            self.add(weight, subject, f'missing; install {package}')
        return bool(good)

    def tool(self, name, package, weight=NEED, option='--version'):
        path = shutil.which(name)
        words = version(ask(name, option)) if path else ''
        return self.expect(path, name, words, package, weight)


def building(report):
    report.tool('make', 'make')
    report.tool('nasm', 'nasm')
    prefixes = (os.environ.get('CROSS_COMPILE'), 'x86_64-elf-', 'x86_64-linux-gnu-')
    prefix = next((p for p in prefixes if p and shutil.which(p + 'gcc')), None)
    package = 'gcc (gcc-x86-64-linux-gnu where the host is another)'
    if not report.expect(prefix, 'x86-64 compiler', f'{prefix}gcc', package):
        return
    for name in ('gcc', 'ld', 'objcopy', 'objdump', 'addr2line'):
        report.expect(shutil.which(prefix + name), prefix + name,
                      version(ask(prefix + name, '--version')), package)
    flags = ['-ffreestanding', '-fpie', '-mcmodel=small', '-mno-red-zone',
             '-mgeneral-regs-only', '-S', '-o', '/dev/null', '-x', 'c', '-']
    said = ask(prefix + 'gcc', *flags, text='int f(void) { return 1; }\n')
    report.expect(not said, 'kernel flags', 'accepted',
                  f'a newer {prefix}gcc ({said[:60]})')
    if prefix != 'x86_64-elf-':
        report.add('note', 'x86_64-elf-gcc',
                   'not here; not needed (scripts/cross.sh builds it)')
    report.tool('clang', 'clang', NICE)


def running(report):
    name = 'qemu-system-x86_64'
    if not report.tool(name, 'qemu-system-x86'):
        return
    models = ask(name, '-cpu', 'help')
    for model in ('max', 'qemu64', 'Nehalem', 'EPYC'):
        report.expect(re.search(rf'\b{model}\b', models), f'QEMU -cpu {model}', 'there',
                      'a complete qemu-system-x86')
    machines, devices = ask(name, '-M', 'help'), ask(name, '-device', 'help')
    for kind in machine.MACHINES:
        report.expect(re.search(rf'^{kind}\b', machines, re.M), f'QEMU -M {kind}',
                      'there', 'a complete qemu-system-x86')
    for device in ('isa-debug-exit', 'isa-debugcon', 'nvme', 'ich9-ahci', 'usb-storage'):
        report.expect(f'"{device}"' in devices, f'QEMU {device}', 'there',
                      'a complete qemu-system-x86')
    report.expect(re.search(r'^tcg\b', ask(name, '-accel', 'help'), re.M), 'QEMU TCG',
                  'there; all runs use it', 'a qemu-system-x86 with TCG')
    kvm_note(report)


def kvm_note(report):
    """KVM is looked at so that nobody wonders why it is not taken."""
    why = ('no run uses it: results must be the same everywhere, and hardware '
           'breakpoints, icount and odd CPU models are TCG\'s')
    if not os.path.exists('/dev/kvm'):
        report.add('note', 'KVM', f'no /dev/kvm here; {why}')
        return
    usable = os.access('/dev/kvm', os.R_OK | os.W_OK)
    with open('/proc/cpuinfo', encoding='ascii', errors='replace') as file:
        hardware = re.search(r'\b(vmx|svm)\b', file.read())
    words = 'can be opened' if usable else 'cannot be opened by this user'
    if not hardware:
        words += ', and the CPU shows neither VMX nor SVM: a software KVM, which ' \
                 'fails on ordinary kernel code'
    report.add('note', 'KVM', f'/dev/kvm {words}; {why}')


def debugging(report):
    name = next((n for n in ('gdb', 'gdb-multiarch') if shutil.which(n)), None)
    if report.expect(name, 'gdb', f"{name} {version(ask(name or 'gdb', '--version'))}",
                     'gdb (gdb-multiarch where the host is not x86-64)'):
        said = ask(name, '-q', '-nx', '-batch', '-ex', 'python print(6 * 7)', '-ex',
                   'set architecture i386:x86-64', '-ex', 'show architecture')
        report.expect('42' in said, 'gdb with Python', 'built in',
                      'a gdb built with Python')
        report.expect('i386:x86-64' in said, 'gdb for x86-64', 'knows it',
                      'gdb-multiarch')


def bochs_state(report):
    if not report.expect(shutil.which('bochs'), 'bochs', version(ask('bochs', '--help')),
                         'bochs'):
        return
    try:
        shown = sorted(bochs.displays())
    except machine.EmulatorError:
        shown = []
    report.expect(shown, 'Bochs displays', ', '.join(shown), 'bochs-term bochs-x')
    usable = [name for name in ('rfb', 'term', 'nogui') if name in shown]
    report.expect(usable, 'Bochs without a screen', ', '.join(usable), 'bochs-term')
    for bios, names in bochs.BIOSES.items():
        found = [path for path in map(find_share, names) if path]
        report.expect(found, f'Bochs BIOS "{bios}"', ' '.join(found[:1]),
                      'seabios' if bios == 'seabios' else 'bochsbios',
                      NEED if bios == 'latest' else NICE)
    found = [path for path in map(find_share, bochs.VGA_BIOSES) if path]
    report.expect(found, 'Bochs VGA BIOS', ' '.join(found[:1]), 'vgabios')
    # Only a Bochs with the debugger takes a file of its commands.
    report.expect(re.search(r'^ *-rc ', ask('bochs', '--help'), re.M), 'Bochs debugger',
                  'compiled in', 'a bochs built with --enable-debugger')


def find_share(name):
    try:
        return bochs.share_file((name,))
    except machine.EmulatorError:
        return None


def testing(report):
    report.expect(sys.version_info >= (3, 9), 'python3', version(sys.version),
                  'a python3 of 3.9 or newer')
    for module, package in (('pytest', 'python3-pytest'),
                            ('xdist', 'python3-pytest-xdist'),
                            ('pexpect', 'python3-pexpect')):
        said = ask('/usr/bin/python3', '-c',
                   f'import {module}; print(getattr({module}, "__version__", "there"))')
        report.expect('Error' not in said and said, f'python module {module}',
                      said.strip(), package)
    report.expect(glob.glob('/usr/include/cmocka.h'), 'cmocka', 'there', 'libcmocka-dev')
    report.expect(glob.glob('/usr/lib*/gcc/*/*/libasan.so'), 'address sanitizer', 'there',
                  'gcc (with its libasan)')
    report.tool('cpio', 'cpio')
    report.tool('xorriso', 'xorriso', NICE)
    report.tool('clang-format', 'clang-format', NICE)


SECTIONS = (('building', building), ('running', running), ('debugging', debugging),
            ('Bochs', bochs_state), ('testing', testing))


def show(sections):
    missing = []
    for title, findings in sections:
        print(title)
        for finding in findings:
            print(f"  {finding['state']:4} {finding['subject']:24} {finding['words']}")
            if finding['state'] == NEED:
                missing.append(finding)
    if missing:
        print(f"\n{len(missing)} missing. `scripts/deps.sh test debug bochs` installs "
              'them on Debian and Ubuntu; DEPS=manual only prints the line.')
    else:
        print('\nnothing is missing')
    return 1 if missing else 0


def main():
    options = argparse.ArgumentParser(
        prog='doctor.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--json', action='store_true')
    options = options.parse_args()
    sections = []
    for title, look in SECTIONS:
        report = Report()
        look(report)
        sections.append((title, report.findings))
    if options.json:
        print(json.dumps(dict(sections), indent=1))
        return int(any(f['state'] == NEED for _, part in sections for f in part))
    return show(sections)


if __name__ == '__main__':
    sys.exit(main())
