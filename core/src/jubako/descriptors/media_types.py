"""Media types: which content types of requests a descriptor takes, and which one an Accept header asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jubako.errors import UnsupportedMediaType

JSON_MEDIA_TYPE = "application/json"
TEXT_MEDIA_TYPE = "text/plain"
# US-ASCII is a part of UTF-8.
_UTF_8_NAMES = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_ANYTHING = "*/*"
# Of an Accept header; a header full of commas took 40 ms of the event loop.
_MOST_RANGES = 100
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def choose_media_type(accept: str, offered: Sequence[str]) -> str:
    """Return which of the offered media types an Accept header likes best; among equals the first.

    Of the ranges that fit a media type the most exact one counts (`text/csv;q=0` before `text/*`), parameters but `q`
    count for nothing, and what cannot be read is passed over, as is what follows the hundredth range. Where nothing
    fits, it is the first all the same.

    Args:
        accept: the header's value, or empty.
        offered: media types in lower case without parameters, the main one first; at least one.

    Source: RFC 9110, sections 12.4.2 and 12.5.1.
    """
    # Nearly every request: nothing to read.
    if accept in ("", _ANYTHING) or accept == offered[0]:
        return offered[0]
    if accept in offered:
        return accept
    qualities = _read_accept(accept)
    best, best_quality = offered[0], 0.0
    for media_type in offered:
        family = media_type.partition("/")[0]
        ranges = (media_type, f"{family}/*", _ANYTHING)
        quality = next((qualities[name] for name in ranges if name in qualities), 0.0)
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best


def plain_media_type(content_type: str) -> str:
    """Return the media type of a Content-Type header in lower case, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def check_json_media_type(content_type: str) -> None:
    """Accept `application/json`, `application/*+json`, and no content type at all; a charset must be UTF-8.

    Raises:
        UnsupportedMediaType: it is another one.
    """
    # Nearly every request: not one more look at it.
    if content_type in ("", JSON_MEDIA_TYPE):
        return
    media_type, charset = _split(content_type)
    if media_type != JSON_MEDIA_TYPE and not (media_type.startswith("application/") and media_type.endswith("+json")):
        raise refused_media_type(content_type, JSON_MEDIA_TYPE)
    _check_charset(charset, JSON_MEDIA_TYPE)


def check_text_media_type(content_type: str) -> None:
    """Accept every `text/…` in UTF-8, and no content type at all.

    Raises:
        UnsupportedMediaType: it is another one.
    """
    if content_type in ("", TEXT_MEDIA_TYPE):
        return
    media_type, charset = _split(content_type)
    if not media_type.startswith("text/"):
        raise refused_media_type(content_type, TEXT_MEDIA_TYPE)
    _check_charset(charset, TEXT_MEDIA_TYPE)


def find_media_type(content_type: str, taken: Sequence[str]) -> str:
    """Return which of the media types that an API takes a request has; the first of them if it has no content type.

    `application/…+json` is JSON like any other. What is text must be in UTF-8.

    Args:
        content_type: the header's value, or empty.
        taken: media types in lower case without parameters, the main one first; at least one.

    Raises:
        UnsupportedMediaType: it is none of them.
    """
    if not content_type or content_type in taken:
        return content_type or taken[0]
    media_type, charset = _split(content_type)
    if JSON_MEDIA_TYPE in taken and media_type.startswith("application/") and media_type.endswith("+json"):
        media_type = JSON_MEDIA_TYPE
    if media_type not in taken:
        raise refused_media_type(content_type, taken[0], *taken[1:])
    if media_type == JSON_MEDIA_TYPE or media_type.startswith("text/"):
        _check_charset(charset, media_type)
    return media_type


def refused_media_type(content_type: str, media_type: str, *others: str) -> UnsupportedMediaType:
    """The error for a Content-Type header that is none of these media types, the main one first."""
    return UnsupportedMediaType(
        f"content type {content_type[:80]!r} is not taken by this API.",
        expected=" or ".join((media_type, *others)),
        do=f"send the header 'Content-Type: {media_type}' (curl: -H 'Content-Type: {media_type}')",
    )


def _read_accept(accept: str) -> dict[str, float]:
    """Media range to quality; of a range that stands twice the higher one."""
    qualities: dict[str, float] = {}
    for element in accept.split(",", _MOST_RANGES)[:_MOST_RANGES]:
        media_range, *parameters = (part.strip() for part in element.lower().split(";"))
        quality = next((part[2:].strip() for part in parameters if part.startswith("q=")), "1")
        if media_range and _QUALITY.fullmatch(quality):
            qualities[media_range] = max(float(quality), qualities.get(media_range, 0.0))
    return qualities


def _split(content_type: str) -> tuple[str, str]:
    """The media type and the charset, both in lower case; the charset is empty if there is none."""
    media_type, *parameters = content_type.split(";")
    charset = ""
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    return media_type.strip().lower(), charset


def _check_charset(charset: str, media_type: str) -> None:
    if charset and charset not in _UTF_8_NAMES:
        raise UnsupportedMediaType(
            f"charset {charset[:40]!r} is not taken.",
            expected="a body in UTF-8",
            do=f"send 'Content-Type: {media_type}'",
        )
