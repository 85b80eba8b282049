#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Draws the memory of a boot from its `report=json`: physical memory by owner, the
virtual windows, page sizes.

  map_svg.py --out build/map.svg [--image build/plinth.img] [machine options of run.py]
  map_svg.py --out build/map.svg --report FILE      a report that was kept

Heights grow with the logarithm of what they stand for, or one page would be invisible
beside the rest; the numbers are exact. Exit: 0 drawn, 1 no report came, 2 wrong call or no
report in FILE.
"""
import argparse
import json
import math
import os
import sys
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import disk_format
import ktap
import machine
import qemu
from run import add_machine_options, make_setup

WIDTH, MARGIN, GAP = 1240, 40, 44
LEFT, RIGHT = (130, 400), (720, 480)      # x and width of the two columns
BANDS_MAX = 24                            # more are put together
# owner or type of memory -> colour, and what it is in words
OWNERS = {
    'free': ('#eef1f5', 'free'),
    'firmware': ('#b8a897', "firmware's: IVT, BIOS data"),
    'low': ('#d9cfc4', 'below 1 MiB, by request'),
    'loader': ('#c7b5a3', 'loader'),
    'image': ('#6f9cf0', 'kernel image'),
    'symbols': ('#a9c5f7', 'function names'),
    'module': ('#b99ae6', 'boot modules'),
    'frame-table': ('#f3b06b', 'frame table'),
    'page-table': ('#e67f6f', 'page tables'),
    'stack': ('#73c39b', 'kernel stacks'),
    'heap': ('#3fb0a9', 'heap pages'),
    'heap-info': ('#a3d8d4', 'heap descriptors'),
    'test': ('#c9c9c9', 'tests'),
}
DEVICE, OTHER = '#c4c9d0', ('#dddddd', 'others')
# window -> the owner whose colour it has
WINDOWS = {'heap': 'heap', 'direct-map': 'free', 'stacks': 'stack', 'apertures': None,
           'frame-table': 'frame-table', 'modules': 'module', 'image': 'image'}
PAGE_BYTES = {'4k': 1 << 12, '2m': 1 << 21, '1g': 1 << 30}
STYLE = ('text{font-family:"DejaVu Sans",Verdana,sans-serif;font-size:13px;fill:#20262e}'
         '.h{font-size:17px;font-weight:bold}.t{font-size:23px;font-weight:bold}'
         '.a{font-family:"DejaVu Sans Mono",monospace;font-size:11px;fill:#5a6472}'
         '.s{font-size:11px;fill:#5a6472}.b{font-weight:bold}')


class ReportError(Exception):
    """The report lacks what a map is made of; the sentence names it."""


@dataclass
class Band:
    """Neighbouring physical memory that is drawn as one."""
    base: int
    bytes: int
    parts: list = field(default_factory=list)   # (name, bytes), in order
    ram: bool = True

    @property
    def names(self):
        seen = []
        for name, _ in self.parts:
            if name not in seen:
                seen.append(name)
        return seen


def size(count):
    """1536 KiB -> '1.5 MiB'; exact where it is a whole number of units."""
    for unit, shift in (('TiB', 40), ('GiB', 30), ('MiB', 20), ('KiB', 10)):
        if count >= 1 << shift:
            whole = count / (1 << shift)
            return f'{whole:.0f} {unit}' if whole >= 100 or whole == int(whole) \
                else f'{whole:.1f} {unit}'
    return f'{count} bytes'


def grouped(number):
    return f'{number:,}'.replace(',', ' ')


def colour(owner):
    return OWNERS.get(owner, OTHER)[0]


def wanted(report, *path):
    for key in path:
        if not isinstance(report, dict) or key not in report:
            raise ReportError(f"the report has no {'.'.join(path)}; expected the line "
                              'that report=json makes')
        report = report[key]
    return report


def physical_bands(report):
    """RAM by owner and what is not RAM, upwards; small neighbours are put together
    until BANDS_MAX are left."""
    bands = [Band(run['base'], run['bytes'], [(run['owner'], run['bytes'])])
             for run in wanted(report, 'frames', 'runs')]
    bands += [Band(entry['base'], entry['bytes'], [(entry['name'], entry['bytes'])],
                   ram=False)
              for entry in wanted(report, 'clean') if entry['type'] != 1]
    bands.sort(key=lambda band: band.base)
    while len(bands) > BANDS_MAX:
        pairs = [i for i in range(len(bands) - 1) if bands[i].ram and bands[i + 1].ram
                 and bands[i].base + bands[i].bytes == bands[i + 1].base]
        if not pairs:
            break
        # The pair whose smaller half is the smallest loses least.
        i = min(pairs, key=lambda p: (min(bands[p].bytes, bands[p + 1].bytes),
                                      bands[p].bytes + bands[p + 1].bytes))
        bands[i].parts += bands[i + 1].parts
        bands[i].bytes += bands[i + 1].bytes
        del bands[i + 1]
    return bands


class Drawing:
    def __init__(self):
        self.items = []

    def rect(self, x, y, width, height, fill, stroke='#8c96a3', **more):
        extra = ''.join(f' {key.replace("_", "-")}="{value}"'
                        for key, value in more.items())
        self.items.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                          f'height="{height:.1f}" fill="{fill}" stroke="{stroke}"'
                          f'{extra}/>')

    def text(self, x, y, words, kind='', anchor='start'):
        self.items.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" '
                          f'text-anchor="{anchor}">{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, dash='2 4'):
        self.items.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" fill="none" '
                          f'stroke="#aab2bd" stroke-dasharray="{dash}"/>')

    def document(self, height):
        return '\n'.join([
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}">',
            f'<style>{STYLE}</style>',
            '<defs><pattern id="d" width="8" height="8" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><rect width="8" height="8" fill="#eceef1"/>'
            f'<rect width="3" height="8" fill="{DEVICE}"/></pattern></defs>',
            f'<rect width="{WIDTH}" height="{height:.0f}" rx="10" fill="#fcfcfa"/>',
            *self.items, '</svg>', ''])


def band_height(band):
    return 20 + 2.6 * math.log2(max(band.bytes / 4096, 1))


def draw_band(drawing, band, y, height):
    x, width = LEFT
    if not band.ram:
        drawing.rect(x, y, width, height, 'url(#d)')
    elif len(band.parts) == 1:
        drawing.rect(x, y, width, height, colour(band.parts[0][0]))
    else:
        # Several owners side by side, in order; none so thin that it cannot be seen.
        shares = [math.sqrt(part) for _, part in band.parts]
        at = x
        for (name, _), share in zip(band.parts, shares):
            step = width * share / sum(shares)
            drawing.rect(at, y, step, height, colour(name), 'none')
            at += step
        drawing.rect(x, y, width, height, 'none')
    names = band.names
    words = ', '.join(names[:2]) + (f' and {len(names) - 2} more' if len(names) > 2
                                    else '')
    middle = y + height / 2 + 4.5
    if len(band.parts) > 1:
        words += f' ({len(band.parts)} runs)'
        for left, count in ((x + 5, len(words)),
                            (x + width - 70, len(size(band.bytes)))):
            drawing.rect(left, middle - 14, min(8.2 * count, width - 80) + 6, 19,
                         '#ffffff', 'none', fill_opacity='0.75', rx='3')
    drawing.text(x + 10, middle, words, 'b' if names != ['free'] else '')
    drawing.text(x + width - 10, middle, size(band.bytes), '', 'end')


def draw_physical(drawing, report, top):
    """Returns where it ends. Address 0 is at the bottom."""
    x, width = LEFT
    drawing.text(MARGIN, top, 'Physical memory', 'h')
    drawing.text(x + width, top, 'by owner', 's', 'end')
    y, above = top + 16, None
    for band in reversed(physical_bands(report)):
        end = band.base + band.bytes
        if above is not None and end != above:
            drawing.text(x + width / 2, y + 15,
                         f'nothing for {size(above - end)}', 's', 'middle')
            y += 22
        if above != end:
            drawing.text(x - 8, y + 9, f'{end:x}', 'a', 'end')
        height = band_height(band)
        draw_band(drawing, band, y, height)
        y += height
        drawing.text(x - 8, y + 4, f'{band.base:x}', 'a', 'end')
        above = band.base
    return y


def page_words(pages):
    names = {'4k': '4 KiB', '2m': '2 MiB', '1g': '1 GiB'}
    return ' · '.join(f'{grouped(pages[key])} × {name}'
                      for key, name in names.items() if pages[key]) or 'nothing mapped'


def draw_pages(drawing, pages, x, y, width):
    """A bar of what is mapped, by page size: the larger the page, the darker."""
    shades = {'4k': '#cfd8e6', '2m': '#8ea7cf', '1g': '#4a6aa5'}
    mapped = {key: pages[key] * PAGE_BYTES[key] for key in PAGE_BYTES if pages[key]}
    logs = {key: math.log2(value) for key, value in mapped.items()}
    for key in mapped:
        step = width * logs[key] / sum(logs.values())
        drawing.rect(x, y, step, 9, shades[key], 'none')
        x += step


def draw_window(drawing, window, y, height):
    x, width = RIGHT
    owner = WINDOWS.get(window['name'])
    drawing.rect(x, y, width, height, colour(owner) if owner else 'url(#d)')
    drawing.rect(x + 10, y + 30, width - 20, height - 38, '#ffffff', 'none',
                 fill_opacity='0.82', rx='4')
    mapped = sum(window['pages'][key] * PAGE_BYTES[key] for key in PAGE_BYTES)
    drawing.text(x + 10, y + 20, window['name'].replace('-', ' '), 'b')
    drawing.text(x + width - 10, y + 20, f"{size(mapped)} mapped of "
                 f"{size(window['bytes'])}", '', 'end')
    words = page_words(window['pages'])
    if window['armed']:
        words += f" · {grouped(window['armed'])} armed"
    drawing.text(x + 18, y + 45, words, 's')
    draw_pages(drawing, window['pages'], x + 18, y + 52, width - 36)
    drawing.text(x - 8, y + height - 2, f"{window['base']:016x}", 'a', 'end')


def draw_windows(drawing, report, top):
    x, width = RIGHT
    drawing.text(x - 130, top, 'Virtual windows', 'h')
    drawing.text(x + width, top, 'pages of 4 KiB, 2 MiB, 1 GiB: the darker the larger',
                 's', 'end')
    y = top + 16
    windows = sorted(wanted(report, 'windows'), key=lambda w: -w['base'])
    for window in windows:
        draw_window(drawing, window, y, 70)
        y += 70
        if window is not windows[-1]:
            drawing.line(x + width / 2, y + 2, x + width / 2, y + 10)
            y += 12
    drawing.line(x + width / 2, y + 2, x + width / 2, y + 20)
    drawing.text(x + width / 2 + 12, y + 16, 'the lower half is empty', 's')
    return y + 24


def draw_owners(drawing, report, top):
    x, width = RIGHT
    frames = wanted(report, 'frames')
    rows = [('free', frames['free'])] + sorted(
        ((name, count) for name, count in frames['owned'].items() if count),
        key=lambda row: -row[1])
    drawing.text(x - 130, top, 'RAM by owner', 'h')
    drawing.text(x + width, top, f"{grouped(frames['total'])} frames of 4 KiB", 's',
                 'end')
    y, most = top + 14, math.log2(max(count for _, count in rows) + 1)
    for name, count in rows:
        drawing.text(x - 8, y + 13, OWNERS.get(name, (0, name))[1], 's', 'end')
        drawing.rect(x, y + 2, (width - 190) * math.log2(count + 1) / most, 14,
                     colour(name))
        drawing.text(x + width, y + 14, f'{grouped(count)} frames · '
                     f'{size(count * 4096)}', 's', 'end')
        y += 20
    return y


def draw(report):
    """The whole picture as SVG text."""
    drawing = Drawing()
    total = wanted(report, 'frames', 'total') * 4096
    drawing.text(MARGIN, 50, f'Memory of a machine with {size(total)} of RAM', 't')
    left = draw_physical(drawing, report, 92)
    right = draw_windows(drawing, report, 92)
    right = draw_owners(drawing, report, right + GAP)
    return drawing.document(max(left, right) + 30)


def boot_report(options):
    setup = make_setup(options, (('report', 'json'), ('exit', '1'), ('nonce', '1'),
                                 ('test', 'heap_faults_exact')))
    result = qemu.boot(setup, '1')
    if not result.report:
        raise ReportError(f'the boot ended without a report: {result.reason}')
    return result.report


def read_report(path):
    """The report in a file: alone, or as a line of all that a boot said."""
    expected = 'expected the JSON line that report=json makes'
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            text = file.read()
    except OSError as error:
        raise ReportError(f'{path}: {error.strerror}; {expected}') from None
    report = None
    for read in json.loads, ktap.report:
        try:
            report = report or read(text)
        except ValueError:
            pass            # the other form, or a line that is cut
    if not isinstance(report, dict) or 'plinth' not in report:
        raise ReportError(f'{path}: no report in it; {expected}')
    return report


def main():
    options = argparse.ArgumentParser(
        prog='map_svg.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_machine_options(options)
    options.add_argument('--report')
    options.add_argument('--out', required=True)
    options = options.parse_args()
    try:
        text = draw(read_report(options.report) if options.report
                    else boot_report(options))
        with open(options.out + '.part', 'w', encoding='utf-8') as file:
            file.write(text)
        os.replace(options.out + '.part', options.out)
    except (machine.ParameterError, disk_format.ImageError) as error:
        print(f'map: {error}', file=sys.stderr)
        return 2
    except (ReportError, machine.EmulatorError, OSError, ValueError) as error:
        print(f'map: {error}', file=sys.stderr)
        return 2 if options.report and isinstance(error, ReportError) else 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
