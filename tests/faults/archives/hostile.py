"""What is tried: a sound version, and what can be wrong about its archive; by format, for the formats differ in it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs

from tests.faults.archives.raw import Raw, pax, tar_member, tar_of, zip_of

Members = list[Raw]
DEEP = b"d" * 247


@attrs.frozen
class Attack:
    """One archive.

    Args:
        name: of what is tried.
        data: the archive.
        named: what the error has to say, beside the archive.
    """

    name: str
    data: bytes
    named: str


def wrong_members(sound: Members, outside: bytes) -> Iterator[tuple[str, Members, str]]:
    """Names and contents that are wrong in every format; with what the error has to name.

    Args:
        sound: the manifest, `weights.bin`, `deep/notes.txt` and `é`.
        outside: where nothing may appear.
    """
    evil = b"evil"
    names = {
        "absolute": (outside + b"/x", "absolute path"),
        "parent": (b"../../../../x", "leads out"),
        "parent inside": (b"deep/../../x", "leads out"),
        "parent last": (b"deep/..", "leads out"),
        "backslash": (b"..\\..\\x", "backslash"),
        "drive": (b"C:/x", "absolute path"),
        "line feed": (b"a\nb", "control character"),
        "escape": (b"a\x1b[2Jb", "control character"),
        "dot": (b"./x", "'.' in its path"),
        "double slash": (b"deep//x", "empty part"),
        "no UTF-8": (b"a\xff\xfe", "no UTF-8"),
        "unlisted": (b"setup.py", "'setup.py' is not listed"),
        "unlisted in a folder": (b"deep/more.py", "'deep/more.py' is not listed"),
        "twice": (b"weights.bin", "'weights.bin' is there twice"),
        "twice, other case": (b"Weights.BIN", "'Weights.BIN' is there twice"),
        "twice, other form": ("e\u0301".encode(), "is there twice"),
        "manifest twice": (sound[0].name, "is there twice"),
        "manifest, other case": (sound[0].name.upper(), "is there twice"),
        "in a file": (b"weights.bin/x", "lies in a file"),
        "file on a folder": (b"deep", "is a file and a folder"),
    }
    for label, (name, named) in names.items():
        yield label, [*sound, Raw(name, evil)], named
    folder = Raw(b"weights.bin/", kind=b"5", mode=0o40755)
    yield "folder on a file", [*sound, folder], "'weights.bin' is a file and a folder"
    for number, member in enumerate(sound[1:], 1):
        rest = [each for at, each in enumerate(sound) if at != number]
        yield f"without {number}", rest, "which is not there"
        changed = bytes(member.content[:-1]) + b"!"
        yield f"changed {number}", [*rest, attrs.evolve(member, content=changed)], "damaged, or was changed"
        yield f"longer {number}", [*rest, attrs.evolve(member, content=member.content + b"!")], "bytes"
        yield f"shorter {number}", [*rest, attrs.evolve(member, content=member.content[:-1])], "bytes"
    yield "no manifest", sound[1:], "holds no model"
    yield "manifest below", [attrs.evolve(sound[0], name=b"deep/" + sound[0].name), *sound[1:]], "holds no model"
    yield "empty manifest", [attrs.evolve(sound[0], content=b""), *sound[1:]], "model.yaml"
    yield "manifest too long", [attrs.evolve(sound[0], content=b" " * 9_000_000), *sound[1:]], "is too large"
    for label, manifest in _manifests(sound[0].content, outside).items():
        yield label, [attrs.evolve(sound[0], content=manifest), *sound[1:]], "model.yaml"


def _manifests(manifest: bytes, outside: bytes) -> Mapping[str, bytes]:
    lists = b"weights.bin"
    bomb = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 108)
    )
    return {
        "manifest lists a way out": manifest.replace(lists, b"../../weights.bin"),
        "manifest lists an absolute path": manifest.replace(lists, outside + b"/x"),
        "manifest lists a backslash": manifest.replace(b"path: weights.bin", b"path: '..\\x'"),
        "manifest with a tag": manifest + b"more: !!python/object/apply:os.system [id]\n",
        "manifest with a bomb": bomb,
        "manifest with an unknown key": manifest + b"more: 1\n",
        "manifest of a way out": manifest.replace(b"name: toy", b"name: ../toy"),
        "manifest of latest": manifest.replace(b"version: v1", b"version: latest"),
    }


def tar_attacks(sound: Members, outside: bytes) -> Iterator[Attack]:
    """Everything about a tar."""
    for label, members, named in wrong_members(sound, outside):
        yield Attack(label, tar_of(members), named)
    for label, members, named in _wrong_tar_members(sound, outside):
        yield Attack(label, tar_of(members), named)
    good = tar_of(sound)
    body = tar_of(sound, b"")
    yield Attack("no end", body, "ends too early")
    yield Attack("half an end", body + bytes(512), "ends too early")
    yield Attack("something behind the end", good + b"x" * 512, "follows its end")
    yield Attack("another tar behind the end", good + good, "follows its end")
    yield Attack("padding without an end", good + bytes(3_000_000), "follows its end")
    yield Attack("cut in a file", body[:-300], "")
    yield Attack("cut in a header", body[:-700], "")
    checksum = bytearray(good)
    checksum[148:154] = b"000000"
    yield Attack("checksum", bytes(checksum), "checksum")
    padding = bytearray(good)
    padding[len(tar_member(sound[0])) - 1] = 1
    yield Attack("bytes in the padding", bytes(padding), "")


def _wrong_tar_members(sound: Members, outside: bytes) -> Iterator[tuple[str, Members, str]]:
    kinds = {
        b"1": "'l' is a hard link",
        b"2": "'l' is a symbolic link",
        b"3": "'l' is a device",
        b"4": "'l' is a device",
        b"6": "'l' is a pipe",
        b"7": "'l' is a contiguous file",
        b"S": "'l' is a sparse file",
        b"g": "'l' is a global extended header",
        b"L": "'l' is a long name of GNU tar",
        b"K": "'l' is a long link of GNU tar",
        b"V": "unknown type",
        b"M": "unknown type",
        b"D": "unknown type",
        b"Z": "unknown type",
        b"\xff": "unknown type",
    }
    for kind, named in kinds.items():
        for link in (b"", outside, b"../../../../etc/passwd"):
            yield f"type {kind!r} {link!r}", [*sound, Raw(b"l", kind=kind, link=link)], named
            yield f"type {kind!r} {link!r} first", [Raw(b"l", kind=kind, link=link), *sound], named
    way = Raw(b"deep", kind=b"2", link=outside)
    yield "through a link", [sound[0], way, *sound[1:]], "'deep' is a symbolic link"
    yield "link for a file", [sound[0], Raw(b"weights.bin", kind=b"2", link=outside), *sound[2:]], "is a symbolic link"
    yield "file with a target", [*sound[:-1], attrs.evolve(sound[-1], link=outside)], "has the target of a link"
    yield "PATH_MAX chain", [*_chain(outside), *sound], "is a symbolic link"
    yield "folder with a size", [*sound, Raw(b"f/", b"x", kind=b"5")], "'f' is a folder with a size"
    yield "file with a slash", [*sound, Raw(b"f/", b"x")], "with the name of a folder"
    yield "GNU fields", [*sound[:-1], attrs.evolve(sound[-1], magic=b"ustar  \0", fields=((483, b"1"),))], "GNU tar"
    yield "old format", [attrs.evolve(sound[0], magic=bytes(8)), *sound[1:]], ""
    yield "size in another base", [*sound, Raw(b"x", fields=((124, b"\x80" + bytes(10) + b"\x05"),))], "not octal"
    yield "negative size", [*sound, Raw(b"x", fields=((124, b"-0000000001\0"),))], "not octal"
    yield "size past the end", [*sound, Raw(b"weights.bin2", size=8 * 1024**3 - 1)], "not listed"
    yield "listed size past the end", [*sound[:-1], attrs.evolve(sound[-1], size=8 * 1024**3 - 1)], "bytes"
    yield "prefix", [*sound, Raw(b"x", fields=((345, outside[:155]),))], "absolute path"
    extended = {
        "path": ({b"path": outside + b"/x"}, ""),
        "short path": ({b"path": b"other"}, "is renamed"),
        "path up": ({b"path": b"../" * 40 + b"x"}, "leads out"),
        "size": ({b"size": b"1"}, "another size"),
        "negative": ({b"size": b"-1"}, "another size"),
        "link": ({b"linkpath": outside}, "'linkpath'"),
        "sparse": ({b"GNU.sparse.map": b"0,1", b"GNU.sparse.size": b"1"}, "'GNU.sparse.map'"),
        "sparse name": ({b"GNU.sparse.name": b"../x"}, "'GNU.sparse.name'"),
        "charset": ({b"hdrcharset": b"BINARY"}, "'hdrcharset'"),
    }
    for label, (records, named) in extended.items():
        yield f"extended {label}", [*sound[:-1], pax(records), sound[-1]], named
    twice = pax({b"path": b"a" * 120})
    yield "extended twice", [*sound, twice, twice, Raw(b"x")], "second extended header"
    yield "extended and no member", [*sound, twice], "does not end as a tar does"
    for label, content in {"no length": b"path=x\n", "false length": b"99 path=x\n", "no end": b"9 path=xx"}.items():
        yield f"extended {label}", [*sound, Raw(b"pax", content, b"x"), Raw(b"x")], "cannot be read"
    yield "extended too long", [*sound, Raw(b"pax", size=2**33 - 1, kind=b"x")], "too long"


def _chain(outside: bytes) -> Iterator[Raw]:
    """The links that lead Python's own extractor out of its folder, `filter="data"` or not: CVE-2025-4517."""
    place = b""
    for step in b"abcdefghijklmnop":
        yield Raw((place + DEEP)[-100:] + b"/", kind=b"5")
        yield Raw((place + bytes([step]))[-100:], kind=b"2", link=DEEP)
        place += bytes([step]) + b"/"
    yield Raw(b"escape", kind=b"2", link=b"../" * 17 + outside)
    yield Raw(b"escape/x", b"evil")


def zip_attacks(sound: Members, outside: bytes) -> Iterator[Attack]:
    """Everything about a zip."""
    for label, members, named in wrong_members(sound, outside):
        yield Attack(label, zip_of(members).join(), named)
    last = sound[-1]
    wrong = {
        "link": (Raw(b"l", outside, mode=0o120777), "'l' is a symbolic link"),
        "device": (Raw(b"l", mode=0o20666), "neither a file nor a folder"),
        "pipe": (Raw(b"l", mode=0o10666), "neither a file nor a folder"),
        "folder without a slash": (Raw(b"l", mode=0o40755), "neither a file nor a folder"),
        "file with a slash": (Raw(b"l/", b"x", mode=0o100644), "neither a file nor a folder"),
        "folder with a size": (Raw(b"l/", b"x", mode=0o40755), "is a folder with a size"),
        "encrypted": (Raw(b"l", b"x", flags=0x801), "is encrypted"),
        "bzip2": (Raw(b"l", b"x", method=12), "compressed in a way"),
        "lzma": (Raw(b"l", b"x", method=14), "compressed in a way"),
        "patched": (Raw(b"l", b"x", flags=0x820), "compressed in a way"),
        "open end": (Raw(b"l", b"x", flags=0x808, is_deflated=False), "no end that could be found"),
        "code page": (Raw("ü".encode(), b"x", flags=0), "not declared UTF-8"),
        "second name": (Raw(b"l", extra=struct.pack("<2H5s", 0x7075, 5, b"\x01aaaa")), "second name"),
        "torn extra": (Raw(b"l", extra=b"\x01\x00\xff"), "cannot be read"),
        "two names": (Raw(b"l", b"x", local_name=b"m"), "says something else"),
        "way out before the file": (Raw(b"l", b"x", local_name=b"../../x"), "says something else"),
        "long name": (Raw(b"l" * 5000), "too long a name"),
    }
    for label, (member, named) in wrong.items():
        yield Attack(label, zip_of([*sound, member]).join(), named)
    changes = {
        "checksum": ({"crc": 1}, "Its checksum is another"),
        "too long for its size": ({"content": last.content + b"x" * 50, "size": len(last.content)}, "longer than"),
        "too short for its size": ({"content": last.content[:-1], "size": len(last.content)}, "cut short"),
        "stored, said deflated": ({"is_deflated": False, "method": 8}, ""),
        "deflated, said stored": ({"method": 0}, ""),
    }
    for label, (change, named) in changes.items():
        yield Attack(label, zip_of([*sound[:-1], attrs.evolve(last, **change)]).join(), named)
    good = zip_of(sound)
    yield Attack("something before", good.join(before=b"#!/bin/sh\n"), "")
    yield Attack("something between", good.join(between=b"x" * 10), "between its files and its directory")
    yield Attack("something behind", good.join(after=b"x"), "not where it should be")
    yield Attack("too many", good.join(count=3), "")
    yield Attack("too few", good.join(count=9), "")
    yield Attack("cut", good.join()[:-5], "not where it should be")
    yield Attack("without its directory", b"".join(good.bodies), "not where it should be")
    # One content that several entries share: the bombs of Fifield.
    shared = attrs.evolve(good, central=(*good.central, good.central[-1].replace(last.name, b"zz"[: len(last.name)])))
    yield Attack("overlap", shared.join(), "overlaps")
    gap = attrs.evolve(good, bodies=(good.bodies[0], b"gap", *good.bodies[1:]))
    yield Attack("gap", gap.join(), "")


def folder_attacks(sound: Members, outside: Path) -> Iterator[tuple[str, Callable[[Path], None], str]]:
    """Everything about a folder: what is done to a sound one."""

    def linked(name: str, target: Path | str) -> Callable[[Path], None]:
        def change(folder: Path) -> None:
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(target)

        return change

    (outside / "kept").write_bytes(sound[1].content)
    yield "link", linked("l", outside), "'l' is a symbolic link"
    yield "link for a file", linked("weights.bin", outside / "kept"), "'weights.bin' is a symbolic link"
    yield "link to nothing", linked("l", "nowhere"), "'l' is a symbolic link"
    yield "link for the manifest", linked("model.yaml", outside / "kept"), "'model.yaml' is a symbolic link"
    yield "pipe", lambda folder: os.mkfifo(folder / "l"), "neither a file nor a folder"
    yield "pipe for a file", lambda folder: _replaced(folder, os.mkfifo), "neither a file nor a folder"
    for name, named in (
        ("a\nb", "control"),
        ("a\\b", "backslash"),
        ("Weights.bin", "Weights.bin"),
        ("x.py", "not listed"),
    ):
        yield f"file {name!r}", lambda folder, name=name: (folder / name).write_text("x"), named
    yield "no UTF-8", lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/a\xff")).write_text("x"), "no UTF-8"
    yield "without a file", lambda folder: (folder / "weights.bin").unlink(), "which is not there"
    yield "changed", lambda folder: (folder / "é").write_bytes(b"!" * len(sound[-1].content)), "damaged"
    yield "longer", lambda folder: (folder / "é").write_bytes(b"!" * 99), "bytes"
    yield "without its manifest", lambda folder: (folder / "model.yaml").unlink(), "holds no model"
    yield "file on a folder", _file_for_folder, ""


def _replaced(folder: Path, make: Callable[[Path], None]) -> None:
    (folder / "weights.bin").unlink()
    make(folder / "weights.bin")


def _file_for_folder(folder: Path) -> None:
    (folder / "deep" / "notes.txt").unlink()
    (folder / "deep").rmdir()
    (folder / "deep").write_text("x")
