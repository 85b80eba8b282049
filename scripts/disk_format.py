# SPDX-License-Identifier: MIT
"""The image's format, read from the headers that define it, for the Python tools.

No number of the format is typed here: constants come from kernel/boot/layout.h,
disk_format.h and boot_info.h, structures from their C declarations. A field that moves
in the header moves here.
"""
import hashlib
import os
import re
import stat
import struct
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
HEADERS = ('layout.h', 'boot_info.h', 'disk_format.h')


class ImageError(Exception):
    """Bad input: one line for the user, the file is left as it was."""


def _header_texts():
    for name in HEADERS:
        path = os.path.join(ROOT, 'kernel', 'boot', name)
        try:
            with open(path, encoding='ascii') as file:
                yield name, re.sub(r'/\*.*?\*/', '', file.read(), flags=re.S)
        except OSError as error:
            raise ImageError(f'cannot read {path}: {error.strerror}') from None


def _load_constants():
    """All #defines whose value is an expression of numbers and earlier names."""
    constants = {}
    for name, text in _header_texts():
        for key, value in re.findall(r'^#define +([A-Z]\w*) +(.*\S) *$', text, re.M):
            if not re.fullmatch(r'[\w+\-<|() ]+', value):
                raise ImageError(f'{name}: {key} is not a plain expression: {value}')
            constants[key] = eval(value, {'__builtins__': {}}, constants)
    return constants


L = _load_constants()
_CODES = {'u8': 'B', 'u16': 'H', 'u32': 'I', 'u64': 'Q', 'char': 's'}


class NotOursError(ImageError):
    """No image of Plinth: `start` holds its first bytes, `size` how many there are."""

    def __init__(self, message, start, size):
        super().__init__(message)
        self.start, self.size = start, size


class Record:
    """One C structure of wire types: unpacks to a dict, packs from one."""

    def __init__(self, name, body):
        self.name, self.fields, form = name, {}, '<'
        for kind, field, length in re.findall(r'(\w+) (\w+)(?:\[(\w+)\])?;', body):
            count = L[length] if length in L else int(length) if length else 0
            code = f'{count}s' if count else _CODES[kind]
            offset, width = struct.calcsize(form), struct.calcsize('<' + _CODES[kind])
            if offset % width:
                raise ImageError(f'struct {name}: {field} would be padded by C')
            self.fields[field] = (offset, struct.calcsize('<' + code))
            form += code
        self.struct = struct.Struct(form)
        self.bytes = self.struct.size

    def unpack(self, data, offset=0):
        return dict(zip(self.fields, self.struct.unpack_from(data, offset)))

    def pack(self, values):
        return self.struct.pack(*(values[field] for field in self.fields))

    def cleared(self, data, *fields):
        """The record's bytes with these fields zero."""
        data = bytearray(data)
        for field in fields:
            offset, count = self.fields[field]
            data[offset:offset + count] = bytes(count)
        return bytes(data)


def _load_record(name):
    for _, text in _header_texts():
        found = re.search(r'^struct %s \{(.*?)^\};' % name, text, flags=re.M | re.S)
        if found:
            return Record(name, found.group(1))
    raise ImageError(f'struct {name} is not in kernel/boot')


HEAD = _load_record('stage2_head')
CONFIG = _load_record('config_head')
MANIFEST = _load_record('manifest_head')
ENTRY = _load_record('manifest_entry')
CONFIG_TEXT_MAX = L['CONFIG_BYTES'] - CONFIG.bytes - 1
BASES = (0, L['DISK_PARTITION'])
SECTOR_SIZES = (512, 4096)
PARTITION_TYPE = 0xDA   # "non-FS data": no system mounts it or offers to format it


def _crc_tables():
    tables = [[0] * 256 for _ in range(8)]
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        tables[0][byte] = crc
    for i in range(1, 8):
        for byte in range(256):
            crc = tables[i - 1][byte]
            tables[i][byte] = crc >> 8 ^ tables[0][crc & 255]
    return tables


_T = _crc_tables()


def crc32c(data):
    """CRC-32C, eight bytes a step: about 0.15 s a MiB."""
    t0, t1, t2, t3, t4, t5, t6, t7 = _T
    view, crc = memoryview(data), 0xFFFFFFFF
    whole = len(view) & ~7
    for (q,) in struct.iter_unpack('<Q', view[:whole]):
        q ^= crc
        crc = (t7[q & 255] ^ t6[q >> 8 & 255] ^ t5[q >> 16 & 255] ^ t4[q >> 24 & 255]
               ^ t3[q >> 32 & 255] ^ t2[q >> 40 & 255] ^ t1[q >> 48 & 255] ^ t0[q >> 56])
    for byte in view[whole:]:
        crc = crc >> 8 ^ t0[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def chunks(data):
    step = L['CHUNK_BYTES']
    return [data[i:i + step] for i in range(0, len(data), step)]


def round_up(value, unit):
    return -(-value // unit) * unit


def content_uuid(image):
    """RFC 9562 version 8 from a SHA-256 of all that identifies a build.

    Left out: the fields that seal fills in, the copy, the configuration and the
    recorder's slot, so that `set` and a recorded death do not change an image's name.
    """
    data = bytearray(image)

    def clear(begin, end):
        data[begin:end] = bytes(end - begin)

    clear(L['MBR_FIELDS'], L['STAGE1_BYTES'])
    head = L['DISK_STAGE2_HEAD']
    data[head:head + HEAD.bytes] = HEAD.cleared(data[head:head + HEAD.bytes],
                                                'body_crc32c', 'image_bytes', 'uuid')
    clear(L['DISK_CONFIG'], L['DISK_COPY_END'])
    clear(L['DISK_RECORDER'], L['DISK_RECORDER'] + L['RECORDER_BYTES'])
    clear(L['DISK_PARTITION'], L['DISK_PAYLOAD'])
    digest = bytearray(hashlib.sha256(data).digest()[:16])
    digest[6] = 0x80 | digest[6] & 0x0F
    digest[8] = 0x80 | digest[8] & 0x3F
    return bytes(digest)


def disk_signature(image_uuid):
    return int.from_bytes(image_uuid[:4], 'little') or 1


def uuid_text(raw):
    return str(uuid.UUID(bytes=bytes(raw)))


CHS_END = b'\xfe\xff\xff'


def _chs(lba):
    """Packed CHS by 255 heads and 63 sectors; beyond its reach the customary FE FF
    FF."""
    cylinder, rest = divmod(lba, 255 * 63)
    head, sector = divmod(rest, 63)
    if cylinder > 1023:
        return CHS_END
    return bytes((head, cylinder >> 8 << 6 | sector + 1, cylinder & 255))


def partition_entry(image_bytes, sector_bytes):
    """The one active entry: 1 MiB to the end of the image.

    The end in CHS is always the customary FE FF FF: firmware that takes a geometry from
    the table (heads and sectors of the end) then finds 255 and 63, not what a small
    image has.
    """
    first = L['DISK_PARTITION'] // sector_bytes
    count = image_bytes // sector_bytes - first
    return (b'\x80' + _chs(first) + bytes((PARTITION_TYPE,)) + CHS_END
            + struct.pack('<II', first, count))


def config_slot(text):
    """The whole slot for a text, or an ImageError that names the rule."""
    bad = next((c for c in text if not ' ' <= c <= '~'), None)
    if bad is not None:
        raise ImageError(f'configuration: character U+{ord(bad):04X} is not allowed: '
                         'printable ASCII only')
    if len(text) > CONFIG_TEXT_MAX:
        raise ImageError(f'configuration: {len(text)} characters, '
                         f'at most {CONFIG_TEXT_MAX} fit')
    raw = text.encode('ascii')
    head = CONFIG.pack({'magic': L['CONFIG_MAGIC'], 'text_bytes': len(raw),
                        'text_crc32c': crc32c(raw)})
    return (head + raw).ljust(L['CONFIG_BYTES'], b'\0')


def config_text(slot):
    """The text of a slot, or None when its head or checksum is wrong."""
    head = CONFIG.unpack(slot)
    if head['magic'] != L['CONFIG_MAGIC'] or head['text_bytes'] > CONFIG_TEXT_MAX:
        return None
    raw = slot[CONFIG.bytes:CONFIG.bytes + head['text_bytes']]
    return raw.decode('latin-1') if crc32c(raw) == head['text_crc32c'] else None


def entry_name(entry):
    return entry['name'].split(b'\0')[0].decode('ascii', 'replace')


class Image:
    """An image file or a device that holds one, opened for reading or for `set`."""

    def __init__(self, path, write=False):
        self.path = path
        try:
            self.file = open(path, 'r+b' if write else 'rb')
            mode = os.fstat(self.file.fileno()).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
                raise ImageError(f'{path}: neither a file nor a block device')
            self.is_device = stat.S_ISBLK(mode)
            self.size = self.file.seek(0, os.SEEK_END)
            low = self.read(0, L['DISK_COPY_END'])
        except OSError as error:
            raise ImageError(f'{path}: {error.strerror}') from None
        if len(low) < L['DISK_COPY_END']:
            raise NotOursError(f'{path}: not a Plinth image: only {self.size} bytes', low,
                               self.size)
        self.head = HEAD.unpack(low, L['DISK_STAGE2_HEAD'])
        if self.head['magic'] != L['STAGE2_HEAD_MAGIC']:
            second = L['DISK_PARTITION'] + L['DISK_STAGE2_HEAD']
            copy = self.read(second, HEAD.bytes).ljust(HEAD.bytes, b'\0')
            self.head = HEAD.unpack(copy)
            if self.head['magic'] != L['STAGE2_HEAD_MAGIC']:
                raise NotOursError(f"{path}: not a Plinth image: no 'PLS2' at byte "
                                   f"{L['DISK_STAGE2_HEAD']:#x} nor at {second:#x}", low,
                                   self.size)
        if self.head['version'] != L['DISK_FORMAT_VERSION']:
            raise ImageError(f"{path}: format version {self.head['version']}, this tool "
                             f"knows {L['DISK_FORMAT_VERSION']}")

    def read(self, offset, count):
        self.file.seek(offset)
        return self.file.read(count)

    def write(self, offset, data):
        self.file.seek(offset)
        self.file.write(data)
        self.file.flush()
        os.fsync(self.file.fileno())

    def cut_words(self):
        """How the image is cut short, or ''."""
        wanted = self.head['image_bytes']
        if self.size >= wanted >= L['DISK_PAYLOAD']:
            return ''
        return f'cut short: {self.size} bytes, its head says {wanted}'

    def require_whole(self):
        if self.cut_words():
            raise ImageError(f'{self.path}: {self.cut_words()}')

    def content(self):
        """All bytes of the image; what a cut file lacks reads as zeros."""
        wanted = self.head['image_bytes']
        if not L['DISK_PAYLOAD'] <= wanted <= 1 << 30:
            wanted = min(self.size, 1 << 30)   # a damaged head must not ask for a TiB
        wanted = max(wanted, L['DISK_PAYLOAD'])
        return self.read(0, wanted).ljust(wanted, b'\0')

    def config(self):
        """(text, copy) as stage2 chooses it: first copy, else second, else defaults."""
        for number, base in enumerate(BASES):
            slot = self.read(base + L['DISK_CONFIG'], L['CONFIG_BYTES'])
            text = config_text(slot.ljust(L['CONFIG_BYTES'], b'\0'))
            if text is not None:
                return text, number
        return '', None

    def manifest(self):
        """(head, entries, chunk CRCs) of the first valid copy, or None."""
        for base in BASES:
            slot = self.read(base + L['DISK_MANIFEST'], L['MANIFEST_BYTES'])
            slot = slot.ljust(L['MANIFEST_BYTES'], b'\0')
            if not manifest_faults(slot):
                return manifest_parts(slot)
        return None


def body_bytes_good(count):
    """Whether stage2's head may say that its body has so many bytes."""
    return 0 < count <= L['STAGE2_BODY_BYTES'] and count % 512 == 0


def manifest_parts(slot):
    head = MANIFEST.unpack(slot)
    entries = [ENTRY.unpack(slot, MANIFEST.bytes + i * ENTRY.bytes)
               for i in range(head['entry_count'])]
    table = MANIFEST.bytes + head['entry_count'] * ENTRY.bytes
    return head, entries, struct.unpack_from(f"<{head['chunk_count']}I", slot, table)


def manifest_faults(slot):
    """What is wrong with a manifest as a container: (rule, expected, found) each."""
    head = MANIFEST.unpack(slot)
    wanted = (MANIFEST.bytes + head['entry_count'] * ENTRY.bytes
              + head['chunk_count'] * 4)
    faults = [(name, form(expected), form(head[name])) for name, expected, form in (
        ('magic', L['MANIFEST_MAGIC'], hex), ('version', L['DISK_FORMAT_VERSION'], str),
        ('manifest_bytes', wanted, str), ('chunk_bytes', L['CHUNK_BYTES'], str))
        if head[name] != expected]
    if wanted > L['MANIFEST_BYTES']:
        return faults + [('manifest_bytes', f"at most {L['MANIFEST_BYTES']}", wanted)]
    crc = crc32c(MANIFEST.cleared(slot[:wanted], 'crc32c'))
    if crc != head['crc32c']:
        faults.append(('crc32c', f'{crc:#010x}', f"{head['crc32c']:#010x}"))
    return faults
