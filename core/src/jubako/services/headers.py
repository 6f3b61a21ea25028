"""Which headers an answer may have beside those of the server itself."""

from __future__ import annotations

import re

from jubako.errors import InternalServerError

_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\x20-\x7e\t\xa0-\xff]*")

# Those that say where an answer ends, and what becomes of its connection; the one that the descriptor gives apart; and
# those that the server adds to every answer.
_OWN = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "date",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-request-id",
    }
)


def check_header(name: object, value: object) -> str:
    """Return the name of a response header in lower case.

    Raises:
        InternalServerError: HTTP forbids the name or the value (RFC 9110, section 5), or the server sets the header.
    """
    lower = name.lower() if isinstance(name, str) else ""
    if not _NAME.fullmatch(lower) or lower in _OWN or not is_header_value(value):
        raise InternalServerError(
            f"there is a response header {name!r} that HTTP forbids, or leaves to the server.",
            why=f"Its value is {value!r:.200}.",
            do="give a name of letters, digits and -, none of the server's own, and a text of one line in Latin-1",
        )
    return lower


def is_header_value(value: object) -> bool:
    """True for a text of one line that Latin-1 can write."""
    return isinstance(value, str) and _VALUE.fullmatch(value) is not None
