"""Headers of tar archives, POSIX.1-1988 (ustar) with the two records of POSIX.1-2001 that some files need.

A path that no plain header holds, and a size above 8 GiB, stand in an extended header before the member's own. Whatever
else could give a member another name, size or meaning than its header says is refused, and so is a header that says
in an extended way what a plain one can.
"""

from __future__ import annotations

import re

import attrs

from jubako.stores.archives.members import Member, damaged, decode_name, refused

BLOCK_BYTES = 512

_NAME_BYTES = 100
_PREFIX_BYTES = 155
_MAX_PLAIN_SIZE = 0o77777777777
_MAX_EXTENDED_BYTES = 16 * 1024
_OCTAL = re.compile(rb" *([0-7]+)[ \0]*")
_RECORD = re.compile(rb"(\d{1,5}) ([^=]+)=(.*)\n", re.DOTALL)
# What tar programs write beside the two, and what says nothing here.
_IDLE_RECORDS = frozenset({"mtime", "atime", "ctime", "uid", "gid", "uname", "gname"})
_REFUSED_TYPES = {
    b"1": "is a hard link",
    b"2": "is a symbolic link",
    b"3": "is a device",
    b"4": "is a device",
    b"6": "is a pipe",
    b"7": "is a contiguous file",
    b"S": "is a sparse file",
    b"g": "is a global extended header",
    b"L": "is a long name of GNU tar",
    b"K": "is a long link of GNU tar",
}


@attrs.frozen
class Header:
    """What one header block says.

    Args:
        kind: `file`, `folder` or `extended`.
        name: as it stands there, without a slash at the end.
        size_bytes: of what follows it.
        is_executable: whether the owner may run it.
    """

    kind: str
    name: str
    size_bytes: int
    is_executable: bool


def encode(member: Member) -> bytes:
    """The header blocks of a file, extended where that is needed: every field that could differ is fixed."""
    path = _split(member.name)
    extended: dict[str, str] = {}
    if path is None:
        extended["path"] = member.name
        path = (b"", b"extended")
    if member.size_bytes > _MAX_PLAIN_SIZE:
        extended["size"] = str(member.size_bytes)
    own = _block(path, b"0", 0 if "size" in extended else member.size_bytes, 0o755 if member.is_executable else 0o644)
    if not extended:
        return own
    records = b"".join(_record(key, value) for key, value in sorted(extended.items()))
    return _block((b"", b"extended"), b"x", len(records), 0o644) + records + padding(len(records)) + own


def padding(size_bytes: int) -> bytes:
    """What fills the last block of so many bytes."""
    return bytes(-size_bytes % BLOCK_BYTES)


def decode(block: bytes, where: object) -> Header:
    """Read a header block.

    Raises:
        InvalidArchive: it is no header, or of something else than a file or a folder.
    """
    raw = _text(block[345:500]) + b"/" + _text(block[:100]) if block[345:346] != b"\0" else _text(block[:100])
    shown = raw[:120]
    if int(_octal(block[148:156], where, shown)) != sum(block[:148] + b" " * 8 + block[156:]):
        raise damaged(where, f"The header of {shown!r} has another checksum")
    if block[257:263] not in (b"ustar\0", b"ustar "):
        raise damaged(where, f"The header of {shown!r} is in another format than ustar")
    if block[257:263] == b"ustar " and any(block[345:512]):
        raise refused(where, shown, "has fields of GNU tar's own")
    kind = block[156:157]
    if kind not in (b"0", b"\0", b"5", b"x"):
        raise refused(where, shown, _REFUSED_TYPES.get(kind, f"is of the unknown type {kind!r}"))
    if any(block[157:257]):
        raise refused(where, shown, "has the target of a link")
    name = decode_name(where, raw)
    is_folder = kind == b"5"
    if name.endswith("/") and kind != b"x":
        if not is_folder:
            raise refused(where, name, "is a file with the name of a folder")
        name = name[:-1]
    size_bytes = _octal(block[124:136], where, shown)
    if is_folder and size_bytes:
        raise refused(where, name, "is a folder with a size")
    kind_name = "folder" if is_folder else "extended" if kind == b"x" else "file"
    return Header(kind_name, name, size_bytes, bool(_octal(block[100:108], where, shown) & 0o100))


def check_extended(header: Header, where: object) -> None:
    """Check that an extended header is not longer than what it may say.

    Raises:
        InvalidArchive: it is.
    """
    if header.size_bytes > _MAX_EXTENDED_BYTES:
        raise refused(where, header.name, "is an extended header that is too long")


def extend(header: Header, records: bytes, where: object) -> Header:
    """Add what an extended header says to the header behind it.

    Raises:
        InvalidArchive: it says something else than a path or a size, or what the plain header can say.
    """
    said = _parse_records(records, where, header.name)
    name, size_bytes = header.name, header.size_bytes
    if "path" in said:
        name = decode_name(where, said["path"])
        if header.kind == "folder":
            name = name.removesuffix("/")
        if name.isascii() and len(name) <= _NAME_BYTES:
            raise refused(where, name, "is renamed by an extended header", why="A plain header can hold its name.")
    if "size" in said:
        size_bytes = int(said["size"]) if re.fullmatch(rb"\d{1,18}", said["size"]) else 0
        if size_bytes <= _MAX_PLAIN_SIZE or header.kind == "folder":
            raise refused(where, name, "gets another size by an extended header", why="A plain header can hold it.")
    return attrs.evolve(header, name=name, size_bytes=size_bytes)


def _parse_records(records: bytes, where: object, name: str) -> dict[str, bytes]:
    said: dict[str, bytes] = {}
    while records:
        digits = records[: records.find(b" ")] if b" " in records[:6] else b""
        length = int(digits) if re.fullmatch(rb"[1-9]\d{0,4}", digits) else 0
        match = _RECORD.fullmatch(records[:length]) if 0 < length <= len(records) else None
        if match is None:
            raise refused(where, name, "has an extended header that cannot be read")
        key = decode_name(where, match[2])
        if key in said or key not in ("path", "size", *_IDLE_RECORDS):
            raise refused(where, name, f"has an extended header with {'a second' if key in said else ''} {key[:80]!r}")
        said[key] = match[3]
        records = records[length:]
    return said


def _record(key: str, value: str) -> bytes:
    text = f" {key}={value}\n".encode()
    length = len(text)
    while len(str(length)) + len(text) != length:
        length = len(str(length)) + len(text)
    return str(length).encode() + text


def _split(name: str) -> tuple[bytes, bytes] | None:
    """A name as prefix and name of a plain header; None if it does not fit, or is not ASCII, where tars differ."""
    if not name.isascii():
        return None
    raw = name.encode()
    if len(raw) <= _NAME_BYTES:
        return b"", raw
    cut = raw.rfind(b"/", 0, _PREFIX_BYTES + 1)
    return (raw[:cut], raw[cut + 1 :]) if cut > 0 and len(raw) - cut - 1 <= _NAME_BYTES else None


def _block(path: tuple[bytes, bytes], kind: bytes, size_bytes: int, mode: int) -> bytes:
    prefix, name = path
    fields = (
        name.ljust(_NAME_BYTES, b"\0"),
        b"%07o\0" % mode,
        b"0000000\0" * 2,
        b"%011o\0" % size_bytes,
        b"00000000000\0",
        b" " * 8,
        kind,
        bytes(100),
        b"ustar\x0000",
        bytes(64),
        b"0000000\0" * 2,
        prefix.ljust(_PREFIX_BYTES, b"\0"),
    )
    block = b"".join(fields).ljust(BLOCK_BYTES, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _octal(field: bytes, where: object, name: bytes) -> int:
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise refused(where, name, "has a number in its header that is not octal")
    return int(match[1], 8)
