"""`multipart/form-data` (RFC 7578) ⇄ parts, with bounds on everything that a client chooses."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from urllib.parse import quote

import attrs
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from jubako.errors import BadInput, PayloadTooLarge, UnsupportedMediaType

MULTIPART_MEDIA_TYPE = "multipart/form-data"
MAX_PARTS = 1000
# The decoder keeps what it has not understood yet: the headers of one part, and what stands before the first.
_MAX_HEADER_BYTES = 16 * 1024
_CHUNK_BYTES = 64 * 1024
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_EXPECTED = "parts as RFC 7578 has them, each with a name, and the closing boundary"
_LONGEST_NAME = 255


@attrs.frozen
class Part:
    """One part of a form.

    Args:
        name: of the form's field.
        body: the bytes.
        content_type: the part's own; empty if it has none.
        filename: as `safe_name` leaves it; empty if there is none.
    """

    name: str
    body: bytes
    content_type: str = ""
    filename: str = ""


def is_multipart(content_type: str) -> bool:
    """True for `multipart/form-data`, whatever its parameters."""
    return content_type[:19].lower() == MULTIPART_MEDIA_TYPE and content_type[19:20] in ("", ";", " ")


def read_parts(body: bytes, content_type: str, max_parts: int = MAX_PARTS) -> list[Part]:
    """Return all parts of a form, in their order.

    Args:
        body: whole.
        content_type: the request's, with the boundary.
        max_parts: how many parts there may be.

    Raises:
        UnsupportedMediaType: the content type is no form's.
        BadInput: the body is not built as a form is, or a part has no name.
        PayloadTooLarge: there are more parts, or longer part headers, than the limits allow.
    """
    decoder = MultipartDecoder(
        _boundary_of(content_type), max_form_memory_size=_CHUNK_BYTES + _MAX_HEADER_BYTES, max_parts=max_parts
    )
    parts: list[Part] = []
    chunks: list[bytes] = []
    try:
        for start in range(0, len(body) + _CHUNK_BYTES, _CHUNK_BYTES):
            # The empty chunk behind the last byte says that nothing follows.
            decoder.receive_data(body[start : start + _CHUNK_BYTES] or None)
            while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
                if isinstance(event, Field | File):
                    head, chunks = event, []
                elif isinstance(event, Data):
                    chunks.append(event.data)
                    if not event.more_data:
                        parts.append(_part(head, b"".join(chunks)))
    except RequestEntityTooLarge:
        raise PayloadTooLarge(
            "the form has too many parts, or too long headers of a part.",
            expected=f"at most {max_parts} parts, with headers of at most {_MAX_HEADER_BYTES} bytes each",
        ) from None
    except ValueError as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"the form cannot be read: {error}.", expected=_EXPECTED) from error
    return parts


def write_parts(parts: Iterable[Part]) -> tuple[bytes, str]:
    """Lay out parts as one body; return it and its content type."""
    # 128 random bits stand in no part, unless one of them was told them.
    boundary = secrets.token_hex(16)
    pieces = []
    for part in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"'
        head += f'; filename="{_quotable(part.filename)}"' if part.filename else ""
        pieces += [f"{head}\r\nContent-Type: {part.content_type}\r\n\r\n".encode(), part.body, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()]), f"{MULTIPART_MEDIA_TYPE}; boundary={boundary}"


def safe_name(name: str) -> str:
    """The last part of a file's name as a client gives it, without what is not shown; empty if nothing is left.

    It is text to show, and never a path: it may still be that of a file that exists.
    """
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(character for character in last if character.isprintable()).strip()
    return "" if shown in (".", "..") else shown[-_LONGEST_NAME:]


def disposition_of(filename: str) -> str:
    """The value of a Content-Disposition header that has a browser save the answer under a name (RFC 6266)."""
    plain = _quotable(filename).encode("ascii", "replace").decode().replace("?", "_")
    value = f'attachment; filename="{plain}"'
    return value if plain == filename else f"{value}; filename*=UTF-8''{quote(filename, safe='')}"


def _boundary_of(content_type: str) -> bytes:
    if not is_multipart(content_type):
        raise UnsupportedMediaType(
            f"content type {content_type[:80]!r} is not taken by this API.",
            expected=MULTIPART_MEDIA_TYPE,
            do=f"send a form (curl: -F 'name=@file'), with 'Content-Type: {MULTIPART_MEDIA_TYPE}; boundary=…'",
        )
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise BadInput(
            "the content type has no boundary, or none that RFC 2046 allows.",
            field="Content-Type",
            expected=f"{MULTIPART_MEDIA_TYPE}; boundary=<1 to 70 characters>",
        )
    return boundary.encode()


def _part(head: Field | File, body: bytes) -> Part:
    # The decoder's annotation says that there is always a name.
    name: str | None = head.name
    if not name:
        raise BadInput("a part of the form has no name.", expected=_EXPECTED)
    filename = safe_name(head.filename) if isinstance(head, File) else ""
    return Part(name, body, head.headers.get("content-type", ""), filename)


def _quotable(filename: str) -> str:
    # As the HTML standard has it for forms; some readers take a backslash for a folder's.
    return safe_name(filename).replace('"', "%22")
