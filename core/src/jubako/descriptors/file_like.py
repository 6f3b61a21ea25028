"""`FileLike`: a file as a request brings it, or as an API returns it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from jubako.errors import InvalidArgument


class FileLike:
    """Bytes, or a file on this machine, with the methods of a file that is open for reading.

    Args:
        bytes_: the content.
        uri: of a file on this machine, `file:///…`, instead of bytes.
        name: what it is called. Of a request it is what the client said, cut to its last part: text to show, no path.

    Attributes:
        bytes_: the content; None for a file that is only named.
        uri: the file's; None for bytes.

    Raises:
        InvalidArgument: there are neither or both of bytes and a URI, or the URI is none of a file here.
    """

    def __init__(self, bytes_: bytes | None = None, uri: str | None = None, name: str | None = None) -> None:
        if (bytes_ is None) == (uri is None):
            raise InvalidArgument("a FileLike has either bytes or a URI.", do="give bytes_=… or uri=…")
        parts = urlsplit(uri or "")
        if uri is not None and (parts.scheme != "file" or parts.netloc not in ("", "localhost")):
            raise InvalidArgument(f"{uri!r} is no file of this machine.", do="write file:///folder/name")
        self.bytes_ = bytes_
        self.uri = uri
        self._name = name
        self._stream: IO[bytes] | None = None

    @property
    def name(self) -> str | None:
        """What it is called; of a file without a name the last part of its path, else None."""
        return self._name if self._name is not None or self.uri is None else Path(self.path).name

    @property
    def path(self) -> str:
        """Where the file lies.

        Raises:
            InvalidArgument: it came as bytes, and lies nowhere.
        """
        if self.uri is None:
            raise InvalidArgument(
                "this file has no path.",
                why="Its bytes came in a request.",
                do="annotate the API's parameter with pathlib.Path, or use File(python_type=pathlib.Path)",
            )
        return unquote(urlsplit(self.uri).path)

    @property
    def stream(self) -> IO[bytes]:
        """The content as an open binary file; the same one each time."""
        if self._stream is None:
            content = self.bytes_
            self._stream = Path(self.path).open("rb") if content is None else io.BytesIO(content)  # noqa: SIM115
        return self._stream

    def read(self, size: int = -1) -> bytes:
        """Read on from where the last call ended; all that is left if `size` is negative."""
        return self.stream.read(size)

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position and return it."""
        return self.stream.seek(position, whence)

    def tell(self) -> int:
        """The present position."""
        return self.stream.tell()

    def close(self) -> None:
        """Close the stream; for a second time it does nothing."""
        if self._stream is not None:
            self._stream.close()

    def __repr__(self) -> str:
        what = f"uri={self.uri!r}" if self.bytes_ is None else f"bytes_=<{len(self.bytes_)} bytes>"
        return f"FileLike({what}, name={self._name!r})"
