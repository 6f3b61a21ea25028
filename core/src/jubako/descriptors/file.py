"""`File`: bytes of any kind."""

from __future__ import annotations

import mimetypes
import re
import shutil
import tempfile
from pathlib import Path, PurePath
from typing import Any

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.descriptors._multipart import MULTIPART_MEDIA_TYPE, Part, disposition_of, is_multipart, read_parts
from jubako.descriptors.file_like import FileLike
from jubako.descriptors.media_types import plain_media_type, refused_media_type
from jubako.errors import BadInput, InvalidArgument

_OCTETS = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
_EXPECTED = "a form with a part that holds the file"
_FOLDER_PREFIX = "jubako-file-"


class File(Descriptor):
    """A file of any kind: the body as it is, or the first part of a `multipart/form-data` body.

    An API may return bytes, a `FileLike`, an open binary file, or the `pathlib.Path` of a file, which is read whole. If
    it has a name, browsers save it under that.

    Args:
        mime_type: the one media type that is taken, beside `application/octet-stream` and none at all, and that answers
            have. None takes every media type and answers `application/octet-stream`.
        python_type: what the API gets: a `FileLike`, `bytes`, or the `pathlib.Path` of a private temporary file, which
            is removed when the request is over.
    """

    stream_media_type = _OCTETS

    def __init__(self, mime_type: str | None = None, *, python_type: type = FileLike) -> None:
        if mime_type is not None and not (isinstance(mime_type, str) and _MEDIA_TYPE.fullmatch(mime_type.lower())):
            raise InvalidArgument(f"{mime_type!r} is no media type.", do="write for example 'image/png'")
        if python_type not in (FileLike, bytes, Path):
            raise InvalidArgument(f"File cannot give {python_type!r}.", do="give FileLike, bytes or pathlib.Path")
        self._mime_type = None if mime_type is None else mime_type.lower()
        self._python_type = python_type
        self.media_types = ("*/*",) if self._mime_type is None else (self._mime_type, _OCTETS, MULTIPART_MEDIA_TYPE)
        self.stream_media_type = self._mime_type or _OCTETS
        self.is_heavy = python_type is Path

    @classmethod
    def from_annotation(cls, annotation: Any) -> File:
        """Give bytes or a path, as annotated; see `Descriptor.from_annotation`."""
        if isinstance(annotation, type) and issubclass(annotation, PurePath):
            return cls(python_type=Path)
        return cls(python_type=bytes if annotation is bytes else FileLike)

    @classmethod
    def from_sample(cls, sample: Any) -> File:
        """Take files of the media type that the name of a sample stands for; of every one if it says nothing.

        Args:
            sample: a path, as text too, or a file with a name; it is not opened.
        """
        name = sample if isinstance(sample, str | PurePath) else getattr(sample, "name", None)
        return cls(mimetypes.guess_type(str(name))[0] if name else None)

    def decode(self, body: bytes, content_type: str) -> Any:
        """Return the file; see `Descriptor.decode`."""
        if not is_multipart(content_type):
            return self.decode_part(Part("", body, content_type))
        parts = read_parts(body, content_type)
        if not parts:
            raise BadInput("the form has no part.", expected=_EXPECTED)
        return self.decode_part(parts[0])

    def decode_part(self, part: Part) -> Any:
        """Return the file that a part of a form holds; see `decode`."""
        self._check_media_type(part.content_type)
        if self._python_type is bytes:
            return part.body
        if self._python_type is Path:
            return _stored(part)
        return FileLike(part.body, name=part.filename or None)

    def release(self, value: Any) -> None:
        """Remove the temporary file; see `Descriptor.release`."""
        if isinstance(value, Path):
            shutil.rmtree(value.parent, ignore_errors=True)

    def encode(self, value: Any, accept: str = "") -> EncodedBody:
        """Answer the file's bytes; see `Descriptor.encode`."""
        content, name = _read(value)
        headers = {"content-disposition": disposition_of(name)} if name else {}
        return EncodedBody(content, self._mime_type or _OCTETS, headers)

    def encode_item(self, value: Any) -> bytes:
        """The bytes of one piece of the file; see `Descriptor.encode_item`."""
        return _read(value)[0]

    def openapi_schema(self) -> dict[str, Any]:
        """The schema of bytes."""
        return {"type": "string", "format": "binary"}

    def openapi_request_content(self) -> dict[str, Any]:
        """The file itself, and a form with the file in its first part."""
        form = {"type": "object", "properties": {"file": self.openapi_schema()}, "required": ["file"]}
        return {
            **self.openapi_request_schema(),
            _OCTETS: {"schema": self.openapi_schema()},
            MULTIPART_MEDIA_TYPE: {"schema": form},
        }

    def openapi_request_schema(self) -> dict[str, Any]:
        """The file itself, under its media type."""
        return {self._mime_type or _OCTETS: {"schema": self.openapi_schema()}}

    def openapi_responses_schema(self) -> dict[str, Any]:
        """The same for answers."""
        return self.openapi_request_schema()

    def __repr__(self) -> str:
        parts = [] if self._mime_type is None else [f"mime_type={self._mime_type!r}"]
        parts += [] if self._python_type is FileLike else [f"python_type={self._python_type.__name__}"]
        return f"File({', '.join(parts)})"

    def _check_media_type(self, content_type: str) -> None:
        if self._mime_type is None or plain_media_type(content_type) in ("", _OCTETS, self._mime_type):
            return
        raise refused_media_type(content_type, self._mime_type)


def _stored(part: Part) -> Path:
    """Write a part to a file in a folder of its own; its name comes from the media type, never from the client."""
    suffix = mimetypes.guess_extension(plain_media_type(part.content_type)) or ".bin"
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX))
    path = folder / f"file{suffix}"
    try:
        path.write_bytes(part.body)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return path


def _read(value: Any) -> tuple[bytes, str]:
    """The bytes of what an API returned, and its name or nothing."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), ""
    try:
        if isinstance(value, Path):
            return value.read_bytes(), value.name
        if isinstance(value, FileLike) and value.bytes_ is not None:
            return value.bytes_, value.name or ""
        content = value.read() if callable(getattr(value, "read", None)) else None
    except OSError as error:
        raise InvalidArgument("the file that an API returned cannot be read.", why=f"{error}.") from error
    if not isinstance(content, bytes):
        what = "text" if isinstance(content, str) else type(value).__name__
        raise InvalidArgument(
            f"an API with output File() returned {what}.",
            why="It returns bytes, a FileLike, an open binary file, or a pathlib.Path.",
            do="open files with mode 'rb', or declare output=Text()",
        )
    name = getattr(value, "name", None)
    return content, PurePath(name).name if isinstance(name, str) else ""
