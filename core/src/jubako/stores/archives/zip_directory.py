"""The directory of a zip archive, read without Python's own reader: entries that fill the file one behind the other.

A zip says everything twice, in its directory and before each file, and readers that believe one or the other see
different things. Here both must agree, and nothing may stand between two entries, before the first, behind the last,
or twice.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import BinaryIO

import attrs

from jubako.stores.archives.members import MAX_NAME_BYTES, Member, damaged, decode_name, refused, too_much

STORED = 0
DEFLATED = 8

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MAX32 = 0xFFFFFFFF
_MAX16 = 0xFFFF
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_HAS_DESCRIPTOR = 0x8
_IS_UTF8 = 0x800
_KNOWN_FLAGS = 0x6 | _HAS_DESCRIPTOR | _IS_UTF8
_UNIX = 3
_ZIP64 = 0x0001
_UNICODE_NAME = 0x7075
_MAX_EXTRA_BYTES = 4096


@attrs.frozen
class Entry:
    """One entry of the directory.

    Args:
        member: what it is.
        method: how it is compressed: `STORED` or `DEFLATED`.
        flags: as they stand there.
        crc: of its content.
        packed_bytes: its compressed length.
        offset: of its own header in the file.
        raw_name: as it stands there.
    """

    member: Member
    method: int
    flags: int
    crc: int
    packed_bytes: int
    offset: int
    raw_name: bytes


@attrs.frozen
class _Directory:
    begin: int
    end: int
    count: int


def read_directory(file: BinaryIO, where: object, max_members: int) -> tuple[list[Entry], int]:
    """The entries, in the order in which they stand in the file, and where the last one ends.

    Raises:
        InvalidArchive: the directory is damaged, has too many entries, or one that is neither a file nor a folder.
    """
    directory = _find_directory(file, where)
    if directory.count > max_members:
        raise too_much(where, "max_members", f"it has {directory.count:,} members, more than {max_members:,}")
    file.seek(directory.begin)
    entries = [_read_entry(file, where) for _ in range(directory.count)]
    if file.tell() != directory.end:
        raise damaged(where, "Its directory has another length than it says")
    return sorted(entries, key=lambda entry: entry.offset), directory.begin


def enter(file: BinaryIO, entry: Entry, begin: int, where: object) -> None:
    """Go to the content of an entry, after its own header was found to say what the directory says.

    Args:
        file: the archive.
        entry: of its directory.
        begin: where the entry before it ends.
        where: for messages.

    Raises:
        InvalidArchive: the header is not there, or says something else.
    """
    name = entry.member.name
    if entry.offset != begin:
        what = "overlaps another one" if entry.offset < begin else "is not where the one before it ends"
        raise refused(where, name, what)
    file.seek(begin)
    header = _unpack(_LOCAL, file, b"PK\x03\x04", where)
    flags, method, crc, packed, size, name_length, extra_length = (header[each] for each in (2, 3, 6, 7, 8, 9, 10))
    raw_name = file.read(min(name_length, MAX_NAME_BYTES + 1))
    extra = _parse_extra(file.read(extra_length), where, raw_name)
    if _MAX32 in (packed, size) and _ZIP64 in extra and len(extra[_ZIP64]) >= 16:
        size, packed = struct.unpack_from("<2Q", extra[_ZIP64])
    says = (raw_name, flags, method)
    expected = (entry.raw_name, entry.flags, entry.method)
    sizes, expected_sizes = (crc, packed, size), (entry.crc, entry.packed_bytes, entry.member.size_bytes)
    is_left_open = bool(flags & _HAS_DESCRIPTOR) and not any(sizes)
    if says != expected or (sizes != expected_sizes and not is_left_open):
        raise refused(where, name, "has a header that says something else than the directory of the archive")


def leave(file: BinaryIO, entry: Entry, where: object) -> int:
    """Read what may stand behind the content of an entry; return where the next one begins.

    Raises:
        InvalidArchive: it says something else than the directory.
    """
    if not entry.flags & _HAS_DESCRIPTOR:
        return file.tell()
    begin = file.tell()
    found = file.read(24)
    sizes = (entry.packed_bytes, entry.member.size_bytes)
    for form in ("<2L", "<2Q"):
        if form == "<2L" and max(sizes) > _MAX32:
            continue
        for signature in (b"PK\x07\x08", b""):
            expected = signature + struct.pack("<L", entry.crc) + struct.pack(form, *sizes)
            if found.startswith(expected):
                file.seek(begin + len(expected))
                return file.tell()
    raise refused(where, entry.member.name, "is followed by a length or a checksum that is not its own")


def _find_directory(file: BinaryIO, where: object) -> _Directory:
    size = file.seek(0, os.SEEK_END)
    if size < _END.size:
        raise damaged(where, "It ends too early")
    file.seek(size - _END.size)
    _, disk, first_disk, here, count, length, begin, comment = _unpack(_END, file, b"PK\x05\x06", where)
    if comment or disk or first_disk or here != count:
        raise damaged(where, "It has a comment, or several parts")
    end = size - _END.size
    if begin == _MAX32 or length == _MAX32 or count == _MAX16:
        return _find_directory64(file, end, where)
    if begin + length != end:
        raise damaged(where, "Its directory is not where it says")
    return _Directory(begin, end, count)


def _find_directory64(file: BinaryIO, end: int, where: object) -> _Directory:
    record_at = end - _END64_LOCATOR.size - _END64.size
    if record_at < 0:
        raise damaged(where, "It ends too early")
    file.seek(record_at)
    record = _unpack(_END64, file, b"PK\x06\x06", where)
    length_of_record, here, count, length, begin = (record[each] for each in (1, 6, 7, 8, 9))
    _, disk, offset, disks = _unpack(_END64_LOCATOR, file, b"PK\x06\x07", where)
    is_whole = length_of_record == _END64.size - 12 and offset == record_at and not disk and disks == 1
    if not is_whole or here != count or begin + length != record_at:
        raise damaged(where, "Its directory is not where it says")
    return _Directory(begin, record_at, count)


def _read_entry(file: BinaryIO, where: object) -> Entry:
    fields = _unpack(_CENTRAL, file, b"PK\x01\x02", where)
    made_by, flags, method, crc, packed, size = (fields[each] for each in (1, 3, 4, 7, 8, 9))
    name_length, extra_length, comment, attributes, offset = (fields[each] for each in (10, 11, 12, 15, 16))
    raw_name = file.read(min(name_length, MAX_NAME_BYTES + 1))
    if len(raw_name) < name_length:
        raise refused(where, raw_name, "has too long a name", why=f"A name has at most {MAX_NAME_BYTES:,} bytes.")
    if extra_length > _MAX_EXTRA_BYTES or comment:
        raise refused(where, raw_name, "has a comment, or too much beside it")
    extra = _parse_extra(file.read(extra_length), where, raw_name)
    numbers = _widened((size, packed, offset), extra.get(_ZIP64), where, raw_name)
    _check_form(flags, method, raw_name, where)
    member = _member(decode_name(where, raw_name), numbers[0], made_by >> 8, attributes >> 16, where)
    return Entry(member, method, flags, crc, numbers[1], numbers[2], raw_name)


def _check_form(flags: int, method: int, raw_name: bytes, where: object) -> None:
    if flags & _ENCRYPTED:
        raise refused(where, raw_name, "is encrypted")
    if flags & ~_KNOWN_FLAGS or method not in (STORED, DEFLATED):
        raise refused(where, raw_name, "is compressed in a way that is not read here", why="Only deflate is.")
    if method == STORED and flags & _HAS_DESCRIPTOR:
        raise refused(where, raw_name, "has no end that could be found")
    if not raw_name.isascii() and not flags & _IS_UTF8:
        raise refused(where, raw_name, "has a name that is not declared UTF-8")


def _member(name: str, size_bytes: int, system: int, mode: int, where: object) -> Member:
    kind = stat.S_IFMT(mode) if system == _UNIX else 0
    is_folder = name.endswith("/")
    if kind not in (0, stat.S_IFDIR if is_folder else stat.S_IFREG):
        is_link = kind == stat.S_IFLNK
        raise refused(where, name, "is a symbolic link" if is_link else "is neither a file nor a folder")
    if is_folder and size_bytes:
        raise refused(where, name, "is a folder with a size")
    return Member(name[:-1] if is_folder else name, size_bytes, is_folder, bool(mode & 0o100) and system == _UNIX)


def _parse_extra(extra: bytes, where: object, raw_name: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    place = 0
    while place < len(extra):
        head = extra[place : place + 4]
        key, length = struct.unpack("<2H", head) if len(head) == 4 else (0, _MAX16)
        value = extra[place + 4 : place + 4 + length]
        if len(value) != length or key in found or key == _UNICODE_NAME:
            raise refused(where, raw_name, "has a second name, or fields that cannot be read")
        found[key] = value
        place += 4 + length
    return found


def _widened(numbers: tuple[int, ...], extra: bytes | None, where: object, raw_name: bytes) -> list[int]:
    """The numbers, those that are all ones taken from the extra field, which has exactly these."""
    wide = [number for number in numbers if number == _MAX32]
    values = struct.unpack(f"<{len(wide)}Q", extra) if extra is not None and len(extra) == 8 * len(wide) else ()
    if len(values) != len(wide) or (extra is not None and len(extra) != 8 * len(wide)):
        raise refused(where, raw_name, "has a size that cannot be read")
    following = iter(values)
    return [next(following) if number == _MAX32 else number for number in numbers]


def _unpack(form: struct.Struct, file: BinaryIO, signature: bytes, where: object) -> tuple[int, ...]:
    data = file.read(form.size)
    if len(data) != form.size or not data.startswith(signature):
        raise damaged(where, "A part of its directory or of its headers is not where it should be")
    return form.unpack(data)
