"""What is fuzzed of archives: every wrapping, whole and with its parts made to fit again."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import shutil
import zlib
from datetime import UTC, datetime
from pathlib import Path

from jubako.contracts.store import StoreKind
from jubako.errors import InvalidArchive, InvalidManifest
from jubako.settings import ArchiveSettings
from jubako.stores.archives.exporting import export_version
from jubako.stores.archives.formats import ArchiveFormat
from jubako.stores.archives.importing import import_version
from jubako.stores.digests import digest_folder
from jubako.stores.local import LocalStore
from jubako.stores.manifests import read_model_info
from jubako.stores.stored import version_in
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag
from tests.faults.trust.fuzz_target import Target

_FILES = {"weights.bin": b"\x00\x01" * 300, "deep/notes.txt": b"read me", "é": b""}
_TOKENS = (
    *(b"ustar\x0000", b"ustar  \0", bytes(512), bytes(1024), b"../../x", b"/etc/x", b"weights.bin", b"model.yaml"),
    *(
        b"PK\x01\x02",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"PK\x06\x06",
        b"PK\x07\x08",
        b"\x1f\x8b\x08",
        b"BZh9",
        b"\xfd7zXZ\0",
    ),
    *(
        b"30 path=../../../../../../../x\n",
        b"11 size=99\n",
        b"path: ../x",
        b"size: 0",
        b"\xff\xff\xff\xff",
        b"\xff\xff",
    ),
)


def _seeds(folder: Path) -> list[bytes]:
    version = folder / "version"
    shutil.rmtree(version, ignore_errors=True)
    version.mkdir()
    write_version(version, StoreKind.MODELS, Tag("toy", "v1"), datetime(2026, 1, 1, tzinfo=UTC), _FILES)
    found = []
    for each in (ArchiveFormat.TAR, ArchiveFormat.GZ, ArchiveFormat.XZ, ArchiveFormat.BZ2, ArchiveFormat.ZIP):
        place = export_version(version_in(version, StoreKind.MODELS), f"{folder}/", archive_format=each).place
        found.append(Path(place).read_bytes())
        Path(place).unlink()
    return found


def _read(data: bytes, folder: Path) -> None:
    home = folder / "place" / "home"
    shutil.rmtree(folder / "place", ignore_errors=True)
    home.mkdir(parents=True)
    (folder / "place" / "archive").write_bytes(data)
    store = LocalStore(home, StoreKind.MODELS)
    try:
        tag = import_version(folder / "place" / "archive", store, limits=ArchiveSettings()).tag
        info = read_model_info(store.open(tag))
        assert digest_folder(store.open(tag), leave_out=("model.yaml",)) == info.files
        assert store.list() == [tag]
    except (InvalidArchive, InvalidManifest):
        assert store.list() == []
        raise
    finally:
        assert {path.name for path in folder.iterdir()} <= {"version", "place"}
        assert {path.name for path in (folder / "place").iterdir()} == {"home", "archive"}
        assert {path.name for path in home.iterdir()} <= {"models", ".store"}
        assert not [path for path in home.rglob(".draft-*") if path.is_dir()]


def _rewrapped(draw: random.Random, data: bytes) -> bytes:
    """A tar of which some header fields are others, with checksums that fit, wrapped as it was; or a zip's fields."""
    for magic, unpack, pack in (
        (b"\x1f\x8b", gzip.decompress, gzip.compress),
        (b"\xfd7zXZ", lzma.decompress, lzma.compress),
        (b"BZh", bz2.decompress, bz2.compress),
    ):
        if data.startswith(magic):
            try:
                return pack(_refielded(draw, unpack(data)))
            except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error):
                return data[: draw.randrange(len(data))]
    return _refielded(draw, data)


def _refielded(draw: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    blocks = [at for at in range(0, len(changed) - 511, 512) if changed[at + 257 : at + 262] == b"ustar"]
    for at in draw.sample(blocks, min(len(blocks), draw.choice((1, 1, 2)))):
        offset, values = draw.choice(
            (
                (0, (b"../x\0", b"/x\0", b"weights.bin\0", b"deep\0", b"a" * 100, b"\xff\0")),
                (124, (b"00000000000\0", b"77777777777\0", b"00000000001\0", b"\x80" + bytes(11), b"-1", b"     ")),
                (156, tuple(bytes([kind]) for kind in b"01234567xgLKSVMDNZ\0\xff")),
                (157, (b"/etc/passwd\0", b"../x\0")),
                (257, (b"ustar  \0", b"ustar\x0000", bytes(8))),
                (345, (b"../..\0", b"/\0", b"deep\0", b"x" * 155)),
            )
        )
        value = draw.choice(values)
        changed[at + offset : at + offset + len(value)] = value
        changed[at + 148 : at + 156] = b" " * 8
        changed[at + 148 : at + 156] = b"%06o\0 " % sum(changed[at : at + 512])
    if not blocks and len(changed) > 64:
        at = draw.choice([changed.find(sign) for sign in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06")])
        place = max(0, at) + draw.randrange(4, 46)
        value = draw.choice((b"\0\0", b"\xff\xff", b"\x01\0", b"\x08\0", b"\0\0\0\0", b"\xff\xff\xff\xff"))
        changed[place : place + len(value)] = value
    return bytes(changed)


ARCHIVES = Target(
    "archives", _seeds, _read, (InvalidArchive, InvalidManifest), _TOKENS, memory_mib=200, restructure=_rewrapped
)
