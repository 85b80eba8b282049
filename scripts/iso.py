#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A bootable CD image: El Torito with hard-disk emulation of the whole disk image.

  iso.py IMAGE OUT

The BIOS shows the disk image as drive 80h and offers no EDD then: the loader reads by
CHS. The same IMAGE gives the same OUT, whenever and wherever it is made. xorriso wants
an image with exactly one partition, which ours has.
"""
import os
import shutil
import subprocess
import sys
import tempfile

from disk_format import Image, ImageError

VOLUME = 'PLINTH'


def moment():
    """SOURCE_DATE_EPOCH, but at least one second: xorriso takes 0 for "now"."""
    text = os.environ.get('SOURCE_DATE_EPOCH', '0')
    if not text.isdigit():
        raise ImageError(f'SOURCE_DATE_EPOCH={text}: seconds since 1970')
    return str(max(int(text), 1))


def make(image, out):
    """ImageError when xorriso fails; what OUT was before is still there then."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(out))) as folder:
        root, made = os.path.join(folder, 'cd'), os.path.join(folder, 'cd.iso')
        os.mkdir(root)
        inside = os.path.join(root, 'plinth.img')
        shutil.copyfile(image, inside)
        # Rights and times of files stand in an ISO image.
        os.chmod(inside, 0o444)
        done = subprocess.run(
            ['xorriso', '-as', 'mkisofs', '-quiet', '-V', VOLUME, '-r',
             '--set_all_file_dates', f'={moment()}', '-o', made, '-b', 'plinth.img',
             '-hard-disk-boot', '-c', 'boot.cat', root],
            env={**os.environ, 'SOURCE_DATE_EPOCH': moment(), 'TZ': 'UTC'},
            capture_output=True, text=True, check=False)
        if done.returncode:
            raise ImageError(f'xorriso: {done.stderr.strip()}')
        os.replace(made, out)


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        Image(sys.argv[1]).require_whole()
        make(*sys.argv[1:])
    except (ImageError, OSError) as error:
        print(f'iso.py: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
