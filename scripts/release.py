#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""All that is given to others, in one folder: disk image, CD image, checksums, SBOM.

  release.py --image build/plinth.img --out build/release --tools NASM GCC LD SOURCE ...

The same sources and tools give the same bytes in any folder. The SBOM is SPDX 2.3 in
JSON: the image, what it was made from, and the tools that made it. Exit: 0, or 2 with a
line that says what is wrong.
"""
import argparse
import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys

import disk_format as fmt
import iso
from disk_format import Image, ImageError

TOOL_KINDS = ('nasm', 'compiler', 'linker')


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def version_line(command):
    """The first line of what a tool says about itself."""
    done = subprocess.run([*command.split(), '--version'], capture_output=True, text=True,
                          check=False)
    if done.returncode or not done.stdout.strip():
        raise ImageError(f'{command} --version: {done.stderr.strip() or "says nothing"}')
    return done.stdout.splitlines()[0].strip()


def sum_of_sources(paths):
    """SHA-256 over the lines that sha256sum prints for the sorted sources."""
    lines = [f'{sha256(read(path))}  {path}\n' for path in sorted(paths)]
    return sha256(''.join(lines).encode())


def spdx_id(text):
    return 'SPDXRef-' + ''.join(c if c.isalnum() else '-' for c in text)


def plinth_package(facts, sources):
    return {
        'SPDXID': 'SPDXRef-plinth', 'name': 'plinth', 'versionInfo': facts['build_id'],
        'downloadLocation': 'NOASSERTION', 'filesAnalyzed': False,
        'licenseConcluded': 'MIT', 'licenseDeclared': 'MIT', 'copyrightText': 'NOASSERTION',
        'supplier': 'NOASSERTION', 'primaryPackagePurpose': 'OPERATING-SYSTEM',
        'sourceInfo': f'{len(sources)} sources, no library from elsewhere; SHA-256 over '
                      f'their sorted sha256sum lines: {sum_of_sources(sources)}'}


def tool_package(kind, command):
    return {
        'SPDXID': spdx_id(f'tool-{kind}'), 'name': os.path.basename(command.split()[0]),
        'versionInfo': version_line(command), 'downloadLocation': 'NOASSERTION',
        'filesAnalyzed': False, 'licenseConcluded': 'NOASSERTION',
        'licenseDeclared': 'NOASSERTION', 'copyrightText': 'NOASSERTION',
        'supplier': 'NOASSERTION'}


def file_record(path):
    data = read(path)
    return {
        'SPDXID': spdx_id('file-' + os.path.basename(path)),
        'fileName': './' + os.path.basename(path), 'licenseConcluded': 'MIT',
        'copyrightText': 'NOASSERTION', 'fileTypes': ['BINARY'],
        'checksums': [{'algorithm': 'SHA1', 'checksumValue': hashlib.sha1(data).hexdigest()},
                      {'algorithm': 'SHA256', 'checksumValue': sha256(data)}]}


def relation(one, kind, other):
    return {'spdxElementId': one, 'relationshipType': kind, 'relatedSpdxElement': other}


def sbom(facts, files, sources, tools):
    moment = datetime.datetime.fromtimestamp(int(iso.moment()), datetime.timezone.utc)
    records = [file_record(path) for path in files]
    packages = [tool_package(*tool) for tool in zip(TOOL_KINDS, tools)]
    packages.append(tool_package('cd', 'xorriso'))
    links = [relation('SPDXRef-DOCUMENT', 'DESCRIBES', 'SPDXRef-plinth')]
    links += [relation(r['SPDXID'], 'GENERATED_FROM', 'SPDXRef-plinth') for r in records]
    links += [relation(p['SPDXID'], 'BUILD_TOOL_OF', 'SPDXRef-plinth') for p in packages]
    return {
        'spdxVersion': 'SPDX-2.3', 'dataLicense': 'CC0-1.0',
        'SPDXID': 'SPDXRef-DOCUMENT', 'name': 'plinth',
        'documentNamespace': f"urn:uuid:{facts['uuid']}",
        'creationInfo': {'created': moment.strftime('%Y-%m-%dT%H:%M:%SZ'),
                         'creators': ['Tool: scripts/release.py']},
        'packages': [plinth_package(facts, sources), *packages], 'files': records,
        'relationships': links}


def release(options):
    image = Image(options.image)
    image.require_whole()
    facts = {'uuid': fmt.uuid_text(image.head['uuid']),
             'build_id': image.head['build_id'].hex()}
    shutil.rmtree(options.out, ignore_errors=True)
    os.makedirs(options.out)
    names = [os.path.join(options.out, name) for name in ('plinth.img', 'plinth.iso')]
    shutil.copyfile(options.image, names[0])
    iso.make(options.image, names[1])
    names.append(os.path.join(options.out, 'plinth.spdx.json'))
    with open(names[2], 'w', encoding='utf-8') as file:
        json.dump(sbom(facts, names[:2], options.sources, options.tools), file, indent=1)
        file.write('\n')
    with open(os.path.join(options.out, 'SHA256SUMS'), 'w', encoding='utf-8') as file:
        file.writelines(f'{sha256(read(name))}  {os.path.basename(name)}\n'
                        for name in names)


def main():
    words = argparse.ArgumentParser(
        prog='release.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument('--image', required=True)
    words.add_argument('--out', required=True)
    words.add_argument('--tools', nargs=3, required=True,
                       metavar=tuple(kind.upper() for kind in TOOL_KINDS))
    words.add_argument('sources', nargs='+', metavar='SOURCE')
    options = words.parse_args()
    try:
        release(options)
    except ImageError as error:
        print(f'release.py: {error}', file=sys.stderr)
        return 2
    except OSError as error:
        print(f'release.py: {error.filename}: {error.strerror}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
