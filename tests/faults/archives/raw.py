"""Archives written byte by byte, so that they can say what no writer would: tar, its compressions, and zip."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Iterable

import attrs

TAR_FORMATS = {
    "tar": lambda data: data,
    "gz": lambda data: gzip.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
    "bz2": lambda data: bz2.compress(data, 1),
}


@attrs.frozen
class Raw:
    """One member as it is to stand in an archive.

    Args:
        name: any bytes.
        content: what follows its header.
        kind: the type of a tar's header.
        link: where a link of a tar leads.
        mode: of its file, with its kind in a zip.
        magic: what a tar's header says that it is.
        fields: bytes to put at places of a tar's header, before its checksum is made.
        local_name: in a zip, the name in the header before the content, if it is another.
        flags: of a zip.
        method: of a zip.
        crc: of a zip, if it is another.
        size: that is declared, if it is another.
        extra: fields of a zip.
        is_deflated: whether the content of a zip is compressed.
    """

    name: bytes
    content: bytes = b""
    kind: bytes = b"0"
    link: bytes = b""
    mode: int = 0o100644
    magic: bytes = b"ustar\x0000"
    fields: tuple[tuple[int, bytes], ...] = ()
    local_name: bytes | None = None
    flags: int = 0x800
    method: int | None = None
    crc: int | None = None
    size: int | None = None
    extra: bytes = b""
    is_deflated: bool = True


def tar_of(members: Iterable[Raw], end: bytes = bytes(1024)) -> bytes:
    """A tar."""
    return b"".join(tar_member(member) for member in members) + end


def tar_member(member: Raw) -> bytes:
    """A header and what follows it."""
    size = len(member.content) if member.size is None else member.size
    block = bytearray(512)
    fields = (
        (0, member.name[:100]),
        (100, b"%07o\0" % (member.mode & 0o7777)),
        (108, b"0000000\0" * 2),
        (124, b"%011o\0" % size),
        (136, b"00000000000\0"),
        (148, b" " * 8),
        (156, member.kind),
        (157, member.link[:100]),
        (257, member.magic),
        *member.fields,
    )
    for at, field in fields:
        block[at : at + len(field)] = field
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + member.content + bytes(-len(member.content) % 512)


def pax(records: dict[bytes, bytes], kind: bytes = b"x") -> Raw:
    """An extended header for the member behind it."""
    return Raw(b"pax", b"".join(pax_record(key, value) for key, value in records.items()), kind)


def pax_record(key: bytes, value: bytes) -> bytes:
    """One record."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


@attrs.frozen
class Zip:
    """The parts of a zip, so that each can be exchanged.

    Args:
        bodies: a header and a content for each member.
        central: an entry of the directory for each.
    """

    bodies: tuple[bytes, ...]
    central: tuple[bytes, ...]

    def join(self, *, before: bytes = b"", between: bytes = b"", after: bytes = b"", count: int | None = None) -> bytes:
        """The whole, with bytes where none belong."""
        start = before + b"".join(self.bodies) + between
        directory = b"".join(self.central)
        number = len(self.central) if count is None else count
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, number, number, len(directory), len(start), 0)
        return start + directory + end + after


def zip_of(members: Iterable[Raw]) -> Zip:
    """A zip."""
    bodies, central, offset = [], [], 0
    for member in members:
        body, entry = _zip_member(member, offset)
        bodies.append(body)
        central.append(entry)
        offset += len(body)
    return Zip(tuple(bodies), tuple(central))


def _zip_member(member: Raw, offset: int) -> tuple[bytes, bytes]:
    packed = zlib.compress(member.content, 6, -15) if member.is_deflated else member.content
    method = member.method if member.method is not None else 8 if member.is_deflated else 0
    crc = zlib.crc32(member.content) if member.crc is None else member.crc
    size = len(member.content) if member.size is None else member.size
    common = struct.pack("<5H3L", 20, member.flags, method, 0, 33, crc, len(packed), size)
    local_name = member.name if member.local_name is None else member.local_name
    local = b"PK\x03\x04" + common + struct.pack("<2H", len(local_name), 0) + local_name
    attributes = member.mode << 16
    lengths = struct.pack("<5H2L", len(member.name), len(member.extra), 0, 0, 0, attributes, offset)
    entry = b"PK\x01\x02" + struct.pack("<H", 3 << 8 | 20) + common + lengths + member.name + member.extra
    return local + packed, entry
