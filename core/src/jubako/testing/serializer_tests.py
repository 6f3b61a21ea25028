"""`SerializerTests`: the contract of serializers, for plugins' own tests."""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from jubako.contracts.offers import SerializerType
from jubako.contracts.serializer import Serializer
from jubako.errors import InvalidArgument, JubakoError
from jubako.plugins import Composition, compose
from jubako.stores.digests import digest_folder
from jubako.testing._required import required_name


class SerializerTests:
    """Subclass it as `TestX`, name the serializer, and give objects that it keeps and refuses.

    Attributes:
        name: the offer's name.
    """

    name: str = required_name("serializer")

    def objects(self) -> Sequence[Any]:
        """Objects that the format gives back; at least one."""
        raise NotImplementedError("return objects")

    def refused(self) -> Sequence[Any]:
        """Objects that the format does not take; may be empty."""
        return ()

    def same(self, written: Any, read: Any) -> bool:
        """True if two objects are the same in type and content."""
        return type(written) is type(read) and bool(written == read)

    @pytest.fixture
    def composition(self) -> Composition:
        """Everything that is installed."""
        return compose()

    @pytest.fixture
    def offer(self, composition: Composition) -> SerializerType:
        """The offer of this name."""
        return composition.find(SerializerType, self.name)

    @pytest.fixture
    def serializer(self, composition: Composition, offer: SerializerType) -> Serializer:
        """A serializer made from the offer."""
        made: Serializer = composition.resolve(offer, "serializer")()
        return made

    def test_every_object_comes_back(self, serializer: Serializer, tmp_path: Path) -> None:
        for index, written in enumerate(self.objects()):
            folder = tmp_path / str(index)
            folder.mkdir()
            assert serializer.can_dump(written)
            serializer.dump(written, folder)
            assert digest_folder(folder), "it wrote no file"
            assert self.same(written, type(serializer)().load(folder))

    def test_objects_of_other_kinds_are_refused_before_anything_is_stored(
        self, serializer: Serializer, tmp_path: Path
    ) -> None:
        for index, written in enumerate(self.refused()):
            folder = tmp_path / str(index)
            folder.mkdir()
            with pytest.raises(InvalidArgument):
                serializer.dump(written, folder)

    def test_files_that_are_missing_or_cut_short_are_our_errors(self, serializer: Serializer, tmp_path: Path) -> None:
        empty = tmp_path / "empty"
        empty.mkdir()
        with pytest.raises(JubakoError):
            serializer.load(empty)
        for folder, path in self.copies_with_each_file(serializer, tmp_path):
            content = path.read_bytes()
            for kept in (0, 1, len(content) // 2):
                path.write_bytes(content[:kept])
                with pytest.raises(JubakoError):
                    serializer.load(folder)

    def test_a_data_format_never_runs_what_is_planted_in_its_files(
        self, serializer: Serializer, offer: SerializerType, tmp_path: Path
    ) -> None:
        if offer.trust == "code":
            return
        canary = tmp_path / "canary"
        for folder, path in self.copies_with_each_file(serializer, tmp_path):
            for planted in planted_files(path.read_bytes(), canary):
                path.write_bytes(planted)
                with contextlib.suppress(JubakoError):
                    serializer.load(folder)
                assert not canary.exists(), f"{self.name} ran code of {path.name}, but its offer says that it is data"

    def copies_with_each_file(self, serializer: Serializer, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
        """Dump the first object, and yield a fresh copy of its folder for each of its files, with that file."""
        original = tmp_path / "original"
        original.mkdir()
        serializer.dump(self.objects()[0], original)
        for index, entry in enumerate(digest_folder(original)):
            folder = tmp_path / f"copy-{index}"
            shutil.copytree(original, folder)
            yield folder, folder / entry.path


def pickles_that_create(canary: Path) -> list[bytes]:
    """Pickles, one for each way a protocol begins, that create a file when they are read.

    Written by hand, so that nothing here needs to pickle.
    """
    body = b"cio\nopen\n(V" + canary.as_posix().encode() + b"\nVw\ntR."
    return [body, b"\x80\x02" + body, b"\x80\x05" + body]


def planted_files(original: bytes, canary: Path) -> Iterator[bytes]:
    """What an attacker would put in place of a file: pickles, bare, compressed, in arrays and in archives.

    Args:
        original: the file as it is meant to be.
        canary: the file that exists afterwards if anything ran.
    """
    for pickled in pickles_that_create(canary):
        yield pickled
        yield original + pickled
        yield pickled + original
        yield zlib.compress(pickled)
        yield gzip.compress(pickled)
        yield _array_of_objects(pickled)
        yield _archive(dict.fromkeys(("array.npy", "data.pkl", "archive/data.pkl", "object.pkl"), pickled))
        yield _archive({"array.npy": _array_of_objects(pickled), "schema.json": b"{}"})
        if zipfile.is_zipfile(io.BytesIO(original)):
            with zipfile.ZipFile(io.BytesIO(original)) as archive:
                members = {name: archive.read(name) for name in archive.namelist()}
            for name in members:
                yield _archive({**members, name: pickled})
                yield _archive({**members, name: _array_of_objects(pickled)})


def _array_of_objects(pickled: bytes) -> bytes:
    """An npy file whose header announces Python objects."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickled


def _archive(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()
