"""What must not stand in a log: credentials in URLs and headers, and the queries of URLs, where tokens are sent too.

Jubako logs no header, query or body itself; this is for the messages and tracebacks of user code and libraries.
"""

from __future__ import annotations

import re

HIDDEN = "***"

# A scheme's length is bounded, and what was matched is not searched again: a hostile text costs no more than another.
_URL = re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]{0,30}://)([^\s'\"<>`]*)")

# As a header, as a dictionary's item and as a pair: `authorization: x`, `'cookie': 'x'`, `(b'x-api-key', b'x')`.
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-amz-security-token)"
    r"(['\"]\s{0,9},\s{0,9}b?['\"]|['\"]?\s{0,9}[:=]\s{0,9}(?:b?['\"])?)"
    r"[^'\"\r\n]+",
    re.IGNORECASE,
)

# Words have no digits, tokens have some.
_BEARER = re.compile(r"\b(bearer)\s+(?=[a-z._~+/=-]{0,200}[0-9])[a-z0-9._~+/=-]{8,}", re.IGNORECASE)


def redact(text: str) -> str:
    """Return the text with credentials and queries of URLs replaced by `***`."""
    text = _URL.sub(_redact_url, text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", text)


def _redact_url(match: re.Match[str]) -> str:
    scheme, rest = match.groups()
    rest, question, _ = rest.partition("?")
    authority, slash, path = rest.partition("/")
    # The last one: a password may have further ones in it.
    _, at, host = authority.rpartition("@")
    return f"{scheme}{HIDDEN + at if at else ''}{host}{slash}{path}{question + HIDDEN if question else ''}"
